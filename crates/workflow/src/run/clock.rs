//! The clock of an item as a value: its due time, what is set off before and after it, and the ledger of when it stood.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::{Failure, Raw};
use crate::id::{Item, Millis, ScopeNo, StepNo};

/// The file's own clock is that of the run as an item.
pub const WHOLE: Item =
    Item { step: StepNo::WHOLE, scope: ScopeNo::RUN, round: 1, item: 0, undo: false, rung: None };

/// The clock of an item. Its due time itself is the item's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockState {
    /// Which due time of its key this is, from 1: each time it moves it is another.
    pub n: u16,
    /// From when lengths count.
    pub from: Millis,
    /// What the due time was worked out from: it is the earliest of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// Rungs that have not fired for this due time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ahead: Vec<Ahead>,
    /// Those that fired for any due time of this opening.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fired: Vec<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stands: Option<Box<Stands>>,
    /// When it stood before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stood: Vec<Stood>,
    /// Due times that somebody gave.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<Moved>,
    /// More time that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<MoreTime>,
    /// The due time was given by a person: nothing but a person or a pause moves it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub given: bool,
    /// To be looked at after each event: it has not begun, or something may stop it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub watch: bool,
}

/// An instant, and what a pause adds to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub at: Millis,
    pub unit: Unit,
}

/// In what a length was counted: a pause moves its end in the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A date or a time of day: it does not move.
    Fixed,
    Clock,
    /// Days, weeks, months and years.
    Days,
    Workhours,
    Workdays,
}

/// A rung that is still to fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ahead {
    pub rung: u16,
    pub at: Millis,
    /// How often it fired before: of a reminder that comes again.
    #[serde(default, skip_serializing_if = "is_none_yet")]
    pub nth: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_none_yet(count: &u32) -> bool {
    *count == 0
}

/// It stands, for one reason or for both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stands {
    pub since: Millis,
    /// The file says so: the step that is open, or the expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<StoppedBy>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoppedBy {
    pub by: Arc<str>,
    pub reason: Arc<str>,
}

/// A line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stood {
    pub from: Millis,
    pub to: Millis,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<StoppedBy>,
    /// The due time before and after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Millis>,
}

/// A line of the ledger: somebody gave another due time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    pub at: Millis,
    pub by: Arc<str>,
    pub reason: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<Millis>,
    pub due: Millis,
}

/// More time, as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoreTime {
    /// The number of the due time that it is to be.
    pub n: u16,
    pub by: Arc<str>,
    pub until: Millis,
    /// The form as it was filled in.
    pub fields: Raw,
}

/// A due time with all that hangs on it, as it was worked out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockSet {
    pub n: u16,
    pub why: ClockWhy,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Millis>,
    /// The one before, for whoever reads the journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<Millis>,
    pub from: Millis,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ahead: Vec<Ahead>,
    /// Reminders whose time is past.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<u16>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub watch: bool,
}

/// Why a due time was worked out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockWhy {
    Opened,
    /// What it counts from came to be.
    Began,
    /// The clock stood, and goes on.
    Resumed,
    /// A person moved it, with the event's reason.
    Moved,
    Extended,
    /// Other calendars are in force.
    Calendars,
    /// The run's input was corrected.
    Input,
    /// The run goes on under another text.
    Migrated,
}

/// What became of a rung when its time came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RungDid {
    Told {
        who: Vec<String>,
        /// Words of the file that named nobody then.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        nobody: Vec<String>,
    },
    Reassigned {
        who: Vec<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        nobody: Vec<String>,
    },
    Decided {},
    /// The small step beside the task has begun.
    Begun {},
    /// A reminder of what is late already; a step beside what is wanted no more.
    Dropped {},
    Failed {
        failure: Failure,
    },
}

impl ClockState {
    pub(super) fn set(&mut self, set: &ClockSet) {
        let opened = set.why == ClockWhy::Opened;
        let given = match set.why {
            ClockWhy::Moved | ClockWhy::Extended => true,
            ClockWhy::Resumed | ClockWhy::Migrated => self.given,
            ClockWhy::Opened | ClockWhy::Began | ClockWhy::Calendars | ClockWhy::Input => false,
        };
        *self = Self {
            given,
            n: set.n,
            from: set.from,
            parts: set.parts.clone(),
            ahead: set.ahead.clone(),
            fired: if opened { vec![] } else { std::mem::take(&mut self.fired) },
            stands: self.stands.take().filter(|_| !opened),
            stood: if opened { vec![] } else { std::mem::take(&mut self.stood) },
            moved: if opened { vec![] } else { std::mem::take(&mut self.moved) },
            asked: if opened { vec![] } else { std::mem::take(&mut self.asked) },
            watch: set.watch,
        };
    }

    /// The clock goes on after it stood: a line of the ledger.
    pub(super) fn goes_on(&mut self, to: Millis, was: Option<Millis>, due: Option<Millis>) {
        if let Some(stands) = self.stands.take() {
            let Stands { since: from, file, person } = *stands;
            self.stood.push(Stood { from, to, file, person, was, due });
        }
    }

    pub(super) fn stands_anew(&mut self, at: Millis, was: Option<Millis>, due: Option<Millis>) {
        if let Some(stands) = self.stands.clone() {
            self.goes_on(at, was, due);
            self.stands = Some(Box::new(Stands { since: at, ..*stands }));
        }
    }

    /// Milliseconds of the clock that were used at an instant: what it stood is not used.
    #[must_use]
    pub fn used(&self, at: Millis) -> i64 {
        let stood: i64 = self.stood.iter().map(|stood| stood.to.0 - stood.from.0).sum();
        (self.goes_until(at).0 - self.from.0 - stood).max(0)
    }

    /// Milliseconds to a due time, negative after it; none pass while the clock stands.
    #[must_use]
    pub fn left(&self, due: Millis, at: Millis) -> i64 {
        due.0 - self.goes_until(at).0
    }

    fn goes_until(&self, at: Millis) -> Millis {
        self.stands.as_ref().map_or(at, |stands| stands.since)
    }

    /// The rung that fires next; none while the clock stands.
    #[must_use]
    pub fn next(&self) -> Option<Ahead> {
        if self.stands.is_some() {
            return None;
        }
        self.ahead.iter().copied().min_by_key(|ahead| (ahead.at, ahead.rung))
    }

    pub(super) fn rung_fired(&mut self, rung: u16, next: Option<Millis>) {
        let Some(place) = self.ahead.iter().position(|ahead| ahead.rung == rung) else { return };
        match next {
            Some(at) => {
                self.ahead[place].at = at;
                self.ahead[place].nth += 1;
            }
            None => drop(self.ahead.remove(place)),
        }
        if !self.fired.contains(&rung) {
            self.fired.push(rung);
        }
    }
}
