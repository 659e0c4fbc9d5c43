//! Every kind of violation has a fault by which it was seen, or is named with the run that looks for it. A new kind does not
//! compile before it stands here.

use crate::checker::Violation;
use crate::fault::{ALL, seeds};

/// Why a kind is believed to be found.
#[derive(Clone, Copy)]
enum Proof {
    /// A test with this text puts the fault into sound evidence.
    Seeded(&'static str),
    /// The judging of a fault run is a function with a test of its own.
    Judged(&'static str),
    /// A fault of the daemon itself shows as it.
    Daemon,
    /// Only the fault run of this name and text sees it, in the world as it is.
    Run(&'static str, &'static str),
}

const SINGLE: Proof = Proof::Seeded(include_str!("../tests.rs"));
const BESIDE: Proof = Proof::Seeded(include_str!("house.rs"));

macro_rules! kinds {
    ($($kind:ident => $proof:expr,)*) => {
        const KINDS: &[(&str, Proof)] = &[$((stringify!($kind), $proof)),*];

        /// Nothing but the compiler's word that no kind is left out.
        fn stands_here(violation: &Violation) -> bool {
            match violation {
                $(Violation::$kind { .. } => true,)*
            }
        }
    };
}

kinds! {
    AckedRunLost => SINGLE,
    CaseTwice => SINGLE,
    Stuck => SINGLE,
    Gap => SINGLE,
    Unreadable => SINGLE,
    SnapshotDiffers => SINGLE,
    BackInTime => SINGLE,
    TwoResults => SINGLE,
    AgainAfterDone => SINGLE,
    AttemptTwice => SINGLE,
    AfterTheEnd => SINGLE,
    EndedTwice => SINGLE,
    RowDiffers => SINGLE,
    OnceAgain => SINGLE,
    LateEarly => SINGLE,
    LateTwice => SINGLE,
    LateMissing => SINGLE,
    TaskLost => SINGLE,
    TaskStray => SINGLE,
    WakeDiffers => SINGLE,
    AnswerLost => SINGLE,
    TwoKeys => SINGLE,
    SharedKey => SINGLE,
    OnceArrivedAgain => SINGLE,
    NeverArrived => SINGLE,
    ArrivedOfNone => SINGLE,
    Store => SINGLE,
    TooFewDone => SINGLE,
    ParentLost => BESIDE,
    ChildUnknown => BESIDE,
    ChildUntold => BESIDE,
    ChildToldTwice => BESIDE,
    ChildLeft => BESIDE,
    ChildOrphaned => BESIDE,
    TellLeft => BESIDE,
    ToldOfNone => BESIDE,
    EventTwice => BESIDE,
    EventOfNone => BESIDE,
    EventMissed => BESIDE,
    EventUnfired => BESIDE,
    EventFiredTwice => BESIDE,
    PlacesOver => BESIDE,
    PlaceWaitsDiffer => BESIDE,
    PlaceHeldDiffers => BESIDE,
    ListenerDiffers => BESIDE,
    SlotLost => BESIDE,
    SlotTwice => BESIDE,
    SlotEarly => BESIDE,
    SlotOfNone => BESIDE,
    SlotRunLost => BESIDE,
    Ledger => BESIDE,
    LedgerLost => BESIDE,
    EntryTwice => BESIDE,
    EntryUnknown => BESIDE,
    NoticeOfNone => BESIDE,
    NoticeTwice => BESIDE,
    StopLate => Proof::Judged(include_str!("../../fault/stops.rs")),
    StopWrong => Proof::Judged(include_str!("../../fault/stops.rs")),
    ChildLeftBehind => Proof::Judged(include_str!("../../fault/stops.rs")),
    SentTimes => Proof::Judged(include_str!("../../fault/mails.rs")),
    AskedWrongly => Proof::Judged(include_str!("../../fault/mails.rs")),
    DeliveredTimes => Proof::Judged(include_str!("../../fault/webhooks.rs")),
    RefusedOtherwise => Proof::Judged(include_str!("../../fault/disk.rs")),
    KeptLost => Proof::Judged(include_str!("../../load/wide.rs")),
    Grew => Proof::Judged(include_str!("../../fault/soak.rs")),
    TookLong => Proof::Judged(include_str!("../../fault/soak.rs")),
    DoesNotEnd => Proof::Daemon,
    Audit => Proof::Daemon,
    AnsweredWrongly => Proof::Run("webhooks", include_str!("../../fault/webhooks.rs")),
    PointNotPassed => Proof::Run("points", include_str!("../../fault/points.rs")),
    PointStuck => Proof::Run("points", include_str!("../../fault/points.rs")),
    PointEnded => Proof::Run("points", include_str!("../../fault/points.rs")),
    RunsFailed => Proof::Run("stops", include_str!("../../fault/stops.rs")),
    Backup => Proof::Run("backup", include_str!("../../fault/backup.rs")),
    Unnoticed => Proof::Run("watchdog", include_str!("../../fault/watchdog.rs")),
    FlipUntold => Proof::Run("flips", include_str!("../../fault/flips.rs")),
    FileNot => Proof::Run("files", include_str!("../../fault/files.rs")),
    PluginNotBack => Proof::Run("children", include_str!("../../fault/children.rs")),
    Zombie => Proof::Run("children", include_str!("../../fault/children.rs")),
    Ended => Proof::Run("children", include_str!("../../fault/children.rs")),
    SeedMissed => Proof::Run("seeds", include_str!("../../fault/seeds.rs")),
}

/// Whether a text names the kind in its tests.
fn names(tests: &str, kind: &str) -> bool {
    let whole = format!("Violation::{kind}");
    tests.match_indices(&whole).any(|(at, _)| {
        let next = tests[at + whole.len()..].chars().next();
        next.is_none_or(|next| !next.is_alphanumeric())
    })
}

#[test]
fn each_kind_of_violation_was_seen_or_is_named_with_the_run_that_looks_for_it() {
    assert!(stands_here(&Violation::Ended));
    let unproven = KINDS.iter().filter(|(kind, proof)| match proof {
        Proof::Seeded(tests) => !names(tests, kind),
        Proof::Judged(run) => !run.split_once("mod tests").is_some_and(|(_, tests)| names(tests, kind)),
        Proof::Daemon => !seeds::shows(kind),
        Proof::Run(name, run) => !names(run, kind) || !ALL.iter().any(|(known, _, _)| known == name),
    });
    let unproven: Vec<&str> = unproven.map(|(kind, _)| *kind).collect();
    assert_eq!(unproven, Vec::<&str>::new());
}
