//! Each seeded fault: in which story it shows, and as what the checker must name it.

/// What is done to the house.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Story {
    /// It is killed under way, and later the children that carry its plugins are.
    Cut,
    /// Its writer hangs, and it is killed.
    Hung,
}

#[derive(Debug)]
pub(super) struct Seed {
    pub name: &'static str,
    pub story: Story,
    /// Each time, or this time alone.
    pub nth: Option<u32>,
    /// Of whose times one is as good as another, and some show nothing: each try takes the next.
    pub any: bool,
    /// Kinds of violations, one of which must be found.
    pub noticed: &'static [&'static str],
}

impl Seed {
    /// As the daemon is told it, at the try of this number from 1 on.
    pub(super) fn asked_for(&self, tries: u32) -> String {
        let later = if self.any { tries - 1 } else { 0 };
        self.nth.map_or_else(|| self.name.to_owned(), |nth| format!("{}@{}", self.name, nth + later))
    }

    const fn at(self, nth: u32) -> Self {
        Self { nth: Some(nth), ..self }
    }

    const fn from(self, nth: u32) -> Self {
        Self { nth: Some(nth), any: true, ..self }
    }
}

const fn cut(name: &'static str, noticed: &'static [&'static str]) -> Seed {
    Seed { name, story: Story::Cut, nth: None, any: false, noticed }
}

const fn hung(name: &'static str, noticed: &'static [&'static str]) -> Seed {
    Seed { name, story: Story::Hung, nth: None, any: false, noticed }
}

pub(super) const TABLE: &[Seed] = &[
    cut("access.act-hidden", &["Audit"]),
    cut("access.act-unwritten", &["Audit"]),
    cut("access.answer-unwritten", &["Audit"]),
    cut("access.chain-broken", &["Audit"]),
    cut("access.line-unmarked", &["Audit"]),
    cut("access.number-skipped", &["Audit"]),
    hung("console.answered-early", &["AnswerLost"]),
    cut("console.key-ignored", &["CaseTwice"]),
    hung("engine.answer-acked-early", &["AnswerLost"]),
    cut("engine.answer-dropped", &["AnswerLost"]),
    cut("engine.attempt-unqueued", &["DoesNotEnd"]),
    cut("engine.begun-unsaid", &["OnceArrivedAgain"]),
    hung("engine.call-early", &["ArrivedOfNone"]),
    cut("engine.call-forgotten", &["DoesNotEnd"]),
    cut("engine.call-twice", &["OnceArrivedAgain"]),
    cut("engine.child-forgotten", &["DoesNotEnd"]),
    cut("engine.child-orphaned", &["ChildOrphaned"]),
    cut("engine.cut-run-forgotten", &["DoesNotEnd"]),
    cut("engine.event-unlooked", &["EventMissed"]),
    cut("engine.event-unoffered", &["EventMissed"]),
    cut("engine.event-unwritten", &["EventOfNone"]),
    cut("engine.key-of-attempt", &["TwoKeys"]),
    cut("engine.key-shared", &["SharedKey"]),
    cut("engine.listener-left", &["ListenerDiffers"]),
    cut("engine.listener-unwritten", &["ListenerDiffers"]),
    cut("engine.notice-forgotten", &["SentTimes"]),
    cut("engine.once-again", &["OnceArrivedAgain"]),
    cut("engine.parent-untold", &["DoesNotEnd"]),
    cut("engine.place-not-given-on", &["DoesNotEnd"]),
    cut("engine.place-too-many", &["PlacesOver"]),
    cut("engine.place-unfreed", &["PlaceHeldDiffers"]),
    cut("engine.publish-dropped", &["DeliveredTimes"]),
    cut("engine.result-forgotten", &["DoesNotEnd"]),
    cut("engine.result-twice", &["TwoResults"]),
    hung("engine.start-acked-early", &["AckedRunLost"]),
    cut("engine.task-unclosed", &["TaskStray"]),
    cut("engine.task-unlisted", &["TaskLost"]),
    cut("engine.tell-left", &["TellLeft"]),
    cut("engine.tell-unwritten", &["ChildUntold"]),
    cut("engine.time-back", &["BackInTime"]),
    cut("engine.timer-early", &["LateEarly"]),
    cut("engine.timer-forgotten", &["DoesNotEnd"]),
    cut("engine.timer-twice", &["LateTwice"]),
    cut("engine.wake-unwritten", &["WakeDiffers"]),
    cut("events.start-skipped", &["EventUnfired"]).at(2),
    cut("events.start-twice", &["EventFiredTwice"]),
    hung("hook.answered-early", &["DeliveredTimes"]),
    cut("hook.repeat-unknown", &["DeliveredTimes"]),
    cut("host.call-twice", &["OnceArrivedAgain"]),
    cut("host.crash-denied", &["OnceArrivedAgain"]),
    cut("host.results-lost", &["DoesNotEnd"]),
    cut("notices.left", &["NoticeOfNone"]),
    cut("registers.chain-broken", &["Ledger"]),
    cut("registers.counted-too-soon", &["SentTimes"]),
    cut("registers.entry-twice", &["SentTimes"]),
    cut("registers.entry-unwritten", &["Ledger"]).at(2),
    cut("registers.number-skipped", &["Ledger"]),
    cut("schedules.slot-early", &["SlotEarly"]),
    cut("schedules.slot-skipped", &["SlotLost"]).at(2),
    cut("schedules.slot-twice", &["SlotTwice"]),
    cut("schedules.slot-unclaimed", &["SlotLost"]),
    cut("store.acked-unwritten", &["AckedRunLost", "Gap", "SlotLost", "Ended"]).from(20),
    cut("store.change-lost", &["Gap"]).from(5),
    cut("store.firing-forgotten", &["DeliveredTimes", "CaseTwice"]),
    cut("store.line-lost", &["Gap"]).from(9),
    cut("store.rolled-back", &["AckedRunLost", "Gap", "SlotLost", "Ended"]).from(20),
    cut("store.row-stale", &["RowDiffers"]),
    cut("store.snapshot-ahead", &["SnapshotDiffers"]),
    cut("store.sum-wrong", &["Store"]).from(9),
    cut("store.wake-wrong", &["WakeDiffers"]),
];
