//! The invariants that no fault may break. Pure: evidence in, violations out.

mod clocks;
mod deliveries;
mod family;
mod ledger;
mod notices;
mod slots;
mod starts;
mod waits;

use std::collections::{BTreeMap, BTreeSet};

use yizhan_engine::store::RunState;
use yizhan_workflow::id::{Item, Millis, RunId};
use yizhan_workflow::register::ChainFault;
use yizhan_workflow::run::event::{AttemptResult, Event, Fact, ItemEnd, Standing, Verdict};
use yizhan_workflow::run::names::phase_word;

pub use clocks::{Rows, check_answer};
pub(crate) use deliveries::check_deliveries;
pub use ledger::Ledger;
pub(crate) use ledger::check_chain;
pub use slots::{Slots, slot_of};
pub use starts::Hears;

use crate::evidence::{Evidence, RunEvidence};

/// Something that must never be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Violation {
    #[error("{0} was acknowledged and is not in the store")]
    AckedRunLost(RunId),
    #[error("the case `{0}` was acknowledged as two runs")]
    CaseTwice(String),
    #[error("{0} is neither over nor waiting for anything")]
    Stuck(RunId),
    #[error("{0} waits for a {1} and does not end")]
    DoesNotEnd(RunId, String),
    #[error("the journal of {0} has a gap at line {1}")]
    Gap(RunId, u32),
    #[error("line {1} of {0} cannot be read")]
    Unreadable(RunId, u32),
    #[error("{0} as it is loaded is not what its journal says")]
    SnapshotDiffers(RunId),
    #[error("time runs backwards in {0} at line {1}")]
    BackInTime(RunId, u32),
    #[error("{0} has two results for {1:?}")]
    TwoResults(RunId, Item),
    #[error("{0} began {1:?} again after it was done")]
    AgainAfterDone(RunId, Item),
    #[error("an attempt of {0} was begun twice: {1:?} #{2}")]
    AttemptTwice(RunId, Item, u32),
    #[error("something started in {0} after its end, at line {1}")]
    AfterTheEnd(RunId, u32),
    #[error("{0} ended twice in one opening")]
    EndedTwice(RunId),
    #[error("{0} is {1} by its row and {2} by its journal")]
    RowDiffers(RunId, String, String),
    #[error("what must happen once in {0} was tried again without a person's word: {1:?}")]
    OnceAgain(RunId, Item),
    #[error("{0} acted on {1:?} before its time: {2}")]
    LateEarly(RunId, Item, String),
    #[error("{0} acted on {1:?} twice: {2}")]
    LateTwice(RunId, Item, String),
    #[error("{0} never acted on {1:?}, whose time was past: {2}")]
    LateMissing(RunId, Item, String),
    #[error("the task of {1:?} in {0} is open and in no list")]
    TaskLost(RunId, Item),
    #[error("{0} has no task {1}, which is in the lists")]
    TaskStray(RunId, String),
    #[error("{0} is not woken when its next timer says")]
    WakeDiffers(RunId),
    #[error("an answer in {0} was acknowledged and is not in the store")]
    AnswerLost(RunId),
    #[error("the file {0} was said to be kept and is not there as it was sent")]
    KeptLost(String),
    #[error("`{0}` arrived with two keys")]
    TwoKeys(String),
    #[error("one key was used for `{0}` and `{1}`")]
    SharedKey(String, String),
    #[error("`{0}` must arrive once and arrived {1} times")]
    OnceArrivedAgain(String, usize),
    #[error("the run of case `{0}` is done and `{1}` never arrived")]
    NeverArrived(String, String),
    #[error("`{0}` arrived, and no run in the store is of this case")]
    ArrivedOfNone(String),
    #[error("{0} is a child of {1}, which is not in the store")]
    ParentLost(RunId, RunId),
    #[error("{0} says that it is a child of {1}, which never began it")]
    ChildUnknown(RunId, RunId),
    #[error("{0} is over, and {1} waits for it and was never told")]
    ChildUntold(RunId, RunId),
    #[error("the end of {0} was told {1} twice")]
    ChildToldTwice(RunId, RunId),
    #[error("{0} is open, and {1}, which waited for it, is over")]
    ChildLeft(RunId, RunId),
    #[error("{1} waits for its child {0}, which does not know it")]
    ChildOrphaned(RunId, RunId),
    #[error("the end of {0} was told to {1} and is still to be told")]
    TellLeft(RunId, RunId),
    #[error("the end of {0} is to be told, and it is not in the store")]
    ToldOfNone(RunId),
    #[error("{0} took the event `{1}` twice")]
    EventTwice(RunId, String),
    #[error("{0} took the event `{1}`, which was never published")]
    EventOfNone(RunId, String),
    #[error("{0} waits for the event `{1}`, which was published")]
    EventMissed(RunId, String),
    #[error("{0} has seen the event `{1}`, and nothing says what became of it")]
    EventUnfired(String, String),
    #[error("the event `{1}` started two runs by {0}")]
    EventFiredTwice(String, String),
    #[error("`{0}` is held {1} times, and {2} may")]
    PlacesOver(String, usize, u32),
    #[error("whether {1:?} of {0} waits for a place is not what its journal says")]
    PlaceWaitsDiffer(RunId, Item),
    #[error("whether {1:?} of {0} holds a place is not what its journal says")]
    PlaceHeldDiffers(RunId, Item),
    #[error("whether {1:?} of {0} listens is not what its journal says")]
    ListenerDiffers(RunId, Item),
    #[error("the slot {1} of {0} came, and nothing says what became of it")]
    SlotLost(String, Millis),
    #[error("the slot {1} of {0} fired twice")]
    SlotTwice(String, Millis),
    #[error("the slot {1} of {0} fired before its time")]
    SlotEarly(String, Millis),
    #[error("{0} fired at {1}, which is no slot of it")]
    SlotOfNone(String, Millis),
    #[error("the slot {1} of {0} and the runs do not fit: a run is missing, or is one too many")]
    SlotRunLost(String, Millis),
    #[error("the register `{0}`: {1:?}")]
    Ledger(String, ChainFault),
    #[error("the journals know the register `{0}`, which is gone")]
    LedgerLost(String),
    #[error("the register `{0}` has the entry of `{1}` twice")]
    EntryTwice(String, String),
    #[error("the register `{0}` has an entry of `{1}`, of which its run does not know")]
    EntryUnknown(String, String),
    #[error("the audit: {0}")]
    Audit(String),
    #[error("the word `{0}` waits for a task that is over")]
    NoticeOfNone(String),
    #[error("the word `{0}` went out twice")]
    NoticeTwice(String),
    #[error("the point `{0}` was never passed")]
    PointNotPassed(String),
    #[error("the fault `{0}` was not noticed; found: {1}")]
    SeedMissed(String, String),
    #[error("after `{1}` at the point `{0}` it neither ended nor went on")]
    PointStuck(String, String),
    #[error("after `{1}` at the point `{0}` it ended, and was to go on")]
    PointEnded(String, String),
    #[error("{0}: it had not ended after {1} ms")]
    StopLate(String, u64),
    #[error("{0}: it ended by {1}")]
    StopWrong(String, String),
    #[error("{0}: a plugin's process outlived it")]
    ChildLeftBehind(String),
    #[error("{0} runs failed")]
    RunsFailed(usize),
    #[error("{0}: {1}")]
    Backup(String, String),
    #[error("{0} stood still, and nobody did anything about it for {1} ms")]
    Unnoticed(String, u64),
    #[error("a flipped bit changes `{1}` and nobody says so: {0}")]
    FlipUntold(String, String),
    #[error("{0} grew by {1}, and {2} is allowed")]
    Grew(String, i64, i64),
    #[error("`{0}` went out {1} times and should have gone out {2} times")]
    SentTimes(String, usize, usize),
    #[error("the line was cut {1} times after `{0}`, and whether somebody was asked does not fit that")]
    AskedWrongly(String, usize),
    #[error("the delivery `{0}` became {1} runs or events")]
    DeliveredTimes(String, usize),
    #[error("the delivery `{0}` was answered with {1}")]
    AnsweredWrongly(String, String),
    #[error("the file `{0}` is not what it should be: {1}")]
    FileNot(String, String),
    #[error("the plugin `{0}` is not back: {1}")]
    PluginNotBack(String, String),
    #[error("the child {0} is dead and nobody took leave of it")]
    Zombie(u32),
    #[error("{0} took {1} ms, and {2} are allowed")]
    TookLong(String, u64, u64),
    #[error("on a full disk {1} were refused otherwise than with 503: {0}")]
    RefusedOtherwise(String, u32),
    #[error("the daemon ended by itself")]
    Ended,
    #[error("the store: {0}")]
    Store(String),
    #[error("only {0} runs were done; {1} are needed for this to mean anything")]
    TooFewDone(usize, usize),
}

impl Violation {
    /// The name of its kind.
    #[must_use]
    pub fn kind(&self) -> String {
        let whole = format!("{self:?}");
        whole.split('(').next().unwrap_or(&whole).to_owned()
    }
}

/// Everything that is wrong. `least_done`: a system in which nothing succeeds must not pass.
#[must_use]
pub fn check(evidence: &Evidence, least_done: usize) -> Vec<Violation> {
    let mut found = BTreeSet::new();
    let mut cases = BTreeMap::new();
    for ack in &evidence.acks {
        if !evidence.runs.contains_key(&ack.run) {
            found.insert(Violation::AckedRunLost(ack.run));
        }
        if cases.insert(&ack.case, ack.run).is_some_and(|other| other != ack.run) {
            found.insert(Violation::CaseTwice(ack.case.clone()));
        }
    }
    for run in evidence.runs.values() {
        found.extend(check_run(run));
        if evidence.answered.contains(&run.row.id) {
            found.extend(check_answer(run));
        }
    }
    let is_lost = |run: &&RunId| !evidence.runs.contains_key(run);
    found.extend(evidence.answered.iter().filter(is_lost).map(|run| Violation::AnswerLost(*run)));
    found.extend(evidence.delivered.iter().flat_map(|delivered| check_deliveries(delivered, evidence)));
    found.extend(check_arrivals(evidence));
    found.extend(waits::check_places(evidence));
    found.extend(family::check_family(evidence));
    found.extend(slots::check_slots(evidence));
    found.extend(ledger::check_ledgers(evidence));
    found.extend(notices::check_notices(evidence));
    found.extend(evidence.store.iter().cloned().map(Violation::Store));
    let done = evidence.runs.values().filter(|run| run.row.state == RunState::Done).count();
    if done < least_done {
        found.insert(Violation::TooFewDone(done, least_done));
    }
    found.into_iter().collect()
}

/// One run by itself.
#[must_use]
pub fn check_run(run: &RunEvidence) -> Vec<Violation> {
    let id = run.row.id;
    let mut found: Vec<_> = run.unreadable.iter().map(|seq| Violation::Unreadable(id, *seq)).collect();
    for (expected, (stored, _)) in (1..).zip(&run.lines) {
        if stored.seq != expected {
            found.push(Violation::Gap(id, expected));
            break;
        }
    }
    for pair in run.lines.windows(2) {
        if pair[1].0.at < pair[0].0.at {
            found.push(Violation::BackInTime(id, pair[1].0.seq));
        }
    }
    if run.loads_otherwise {
        found.push(Violation::SnapshotDiffers(id));
    }
    found.extend(check_items(run));
    found.extend(clocks::check_clocks(run));
    found.extend(check_end(run));
    found
}

/// What a journal says of each item.
#[derive(Default)]
struct Seen {
    done: BTreeSet<Item>,
    begun: BTreeSet<(Item, u32)>,
    once: BTreeSet<Item>,
    /// Attempts of `once` items that went out and have no clear answer yet.
    open_once: BTreeSet<Item>,
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only these facts can break what is checked here")]
fn check_items(run: &RunEvidence) -> Vec<Violation> {
    let id = run.row.id;
    let (mut found, mut seen) = (vec![], Seen::default());
    let mut over = false;
    for (stored, line) in &run.lines {
        clear_doubt(&mut seen, &line.event);
        for fact in &line.did {
            match fact {
                Fact::Over { at, end: ItemEnd::Done, .. } if !seen.done.insert(*at) => {
                    found.push(Violation::TwoResults(id, *at));
                }
                Fact::Entered { at, state } => {
                    if over {
                        found.push(Violation::AfterTheEnd(id, stored.seq));
                    }
                    found.extend(entered(id, &mut seen, *at, state));
                }
                // What an item of a holding step ends is itself.
                Fact::Ended { scope, .. } | Fact::Reopened { scope, .. } if !scope.is_run() => {}
                Fact::Ended { .. } if std::mem::replace(&mut over, true) => {
                    found.push(Violation::EndedTwice(id))
                }
                Fact::Reopened { .. } => over = false,
                _ => {}
            }
        }
    }
    found
}

fn entered(id: RunId, seen: &mut Seen, at: Item, state: &Standing) -> Vec<Violation> {
    let mut found = vec![];
    let Standing::Running { a, begun, first } = state else { return found };
    if seen.done.contains(&at) {
        found.push(Violation::AgainAfterDone(id, at));
    }
    if first.as_ref().is_some_and(|first| first.effect == yizhan_workflow::plan::Effect::Once) {
        seen.once.insert(at);
    }
    if *begun && !seen.begun.insert((at, *a)) {
        found.push(Violation::AttemptTwice(id, at, *a));
    }
    if *begun && seen.once.contains(&at) && !seen.open_once.insert(at) {
        found.push(Violation::OnceAgain(id, at));
    }
    found
}

/// An answer that says "nothing happened", a result, or a person's word.
#[expect(clippy::wildcard_enum_match_arm, reason = "no other event clears a doubt")]
fn clear_doubt(seen: &mut Seen, event: &Event) {
    match event {
        Event::Ended { of, result: AttemptResult::Done { .. }, .. } => drop(seen.open_once.remove(&of.item)),
        Event::Ended { of, result: AttemptResult::Failed(failure), .. }
            if failure.happened == yizhan_workflow::run::event::Happened::No =>
        {
            seen.open_once.remove(&of.item);
        }
        Event::Settled {
            of,
            verdict: Verdict::Again {} | Verdict::Fail {} | Verdict::Happened { .. },
            ..
        } => {
            seen.open_once.remove(&of.item);
        }
        _ => {}
    }
}

fn check_end(run: &RunEvidence) -> Vec<Violation> {
    let id = run.row.id;
    let Some(folded) = run.folded() else { return vec![Violation::Gap(id, 1)] };
    let mut found = vec![];
    let by_row = match run.row.state {
        RunState::Open => "open",
        RunState::Closing => "closing",
        RunState::Done => "done",
        RunState::Failed => "failed",
        RunState::Cancelled => "cancelled",
    };
    let by_journal = phase_word(&folded.top.phase);
    if by_row != by_journal {
        found.push(Violation::RowDiffers(id, by_row.to_owned(), by_journal.to_owned()));
    }
    if !folded.is_accounted_for() {
        found.push(Violation::Stuck(id));
    }
    found.extend(clocks::check_rows(id, &folded, &run.rows));
    found.extend(waits::check_waits(id, &folded, &run.rows));
    found
}

fn check_arrivals(evidence: &Evidence) -> Vec<Violation> {
    let mut found = vec![];
    let (mut keys, mut items, mut times) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::<&str, usize>::new());
    for arrival in &evidence.arrivals {
        *times.entry(&arrival.item).or_default() += 1;
        if keys.insert(&arrival.item, &arrival.key).is_some_and(|other| *other != arrival.key) {
            found.push(Violation::TwoKeys(arrival.item.clone()));
        }
        if let Some(other) = items.insert(&arrival.key, &arrival.item)
            && *other != arrival.item
        {
            found.push(Violation::SharedKey(other.clone(), arrival.item.clone()));
        }
    }
    for (item, count) in &times {
        if *count > 1 && evidence.once.iter().any(|end| item.ends_with(end)) {
            found.push(Violation::OnceArrivedAgain((*item).to_owned(), *count));
        }
    }
    found.extend(never_arrived(evidence, &times));
    let names = |run: &RunEvidence| [Some(run.row.id.to_string()), run.case()];
    let cases: BTreeSet<String> = evidence.runs.values().flat_map(names).flatten().collect();
    let is_known = |item: &str| item.split(['/', '|']).next().is_some_and(|case| cases.contains(case));
    let of_none = times.keys().filter(|item| item.contains('/') && !is_known(item));
    found.extend(of_none.map(|item| Violation::ArrivedOfNone((*item).to_owned())));
    found
}

/// What a done run must have sent is what the load says: where nothing arrives at all, the others know of nothing either.
fn never_arrived(evidence: &Evidence, times: &BTreeMap<&str, usize>) -> Vec<Violation> {
    let mut found = vec![];
    for run in evidence.runs.values().filter(|run| run.row.state == RunState::Done) {
        let (Some(sends), Some(case)) = (evidence.sends.get(&*run.row.workflow), run.case()) else {
            continue;
        };
        let missing = sends.iter().filter(|step| !times.contains_key(format!("{case}/{step}").as_str()));
        found.extend(missing.map(|step| Violation::NeverArrived(case.clone(), step.clone())));
    }
    found
}

#[cfg(test)]
mod tests;
