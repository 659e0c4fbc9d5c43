//! Which firings of a schedule are due, late or missed: a pure function of the schedule, the last slot decided and now.
//!
//! Slots are instants and rise strictly. Times of day are times of the zone's clock: one that a spring change skips
//! happens at the first instant after the gap, and one that an autumn change repeats happens once, the first time.

use croner::Cron;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

use crate::id::Millis;
use crate::moment::{MomentFault, Span, Unit};

mod slots;

#[cfg(test)]
mod tests;

/// What comes again and again.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    /// `every 8h`. A length that divides a day is counted on the zone's clock from midnight, so that every day has the
    /// same times; any other from 1970-01-01T00:00Z in elapsed time. Runs through both halves of a repeated hour.
    Every(Span),
    /// Days by a rule, at a time of day; without one (`monday`, `last day of month`) a schedule and a wait begin with
    /// the day and a due time ends with it.
    On { days: Days, time: Option<Time> },
    /// Five fields: minute, hour, day of the month, month, day of the week. One that comes in every hour of a day is an
    /// interval and runs through both halves of a repeated hour.
    Cron(Box<Cron>),
}

/// Which days a pattern takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Days {
    Every,
    /// Every so many days, weeks (on Monday), months (on the 1st) or years (on 1 January), counted from 1970; weeks
    /// from Monday 1970-01-05.
    EveryNth {
        n: u32,
        unit: Unit,
    },
    Weekday(Weekday),
    /// The 31st of a shorter month is its last day.
    OfMonth(u8),
    /// `first monday of month`, `last day of year`.
    Nth {
        nth: Nth,
        day: Option<Weekday>,
        of: Period,
    },
}

/// Which of the matching days of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nth {
    /// 1 to 4.
    From(u8),
    Last,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    Month,
    Year,
}

/// A schedule trigger's time keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    pub pattern: Pattern,
    /// `None`: the house's.
    pub zone: Option<TimeZone>,
    pub missed: Missed,
    /// What is missed for longer than this does not fire any more.
    pub missed_within: Span,
    pub overlap: Overlap,
    pub gap: Gap,
    pub fold: Fold,
}

/// What becomes of slots that passed while nobody looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missed {
    None,
    /// The latest of them, unless one that is due now takes its place.
    #[default]
    One,
    /// Each, the latest 100.
    All,
}

/// What becomes of a slot while the run of an earlier one is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlap {
    #[default]
    Queue,
    Skip,
    Allow,
}

/// What becomes of a time of day that the clock skips.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gap {
    #[default]
    After,
    Skip,
}

/// Which of the two, when a time of day comes twice. Intervals always take both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fold {
    #[default]
    First,
    Second,
    Both,
}

/// One firing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    pub at: Millis,
    /// Passed more than a minute before it was looked at.
    pub late: bool,
}

/// Why a slot did not fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyMissed {
    /// `missed = "none"`.
    NotWanted,
    /// `missed = "one"`: a later slot fired in its place.
    TakenBy(Millis),
    /// Longer ago than `missed_within`.
    TooLongAgo,
    /// `missed = "all"`, but more than 100 were waiting.
    TooMany,
}

/// What `decide` says of one trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// To be started, in order.
    pub fire: Vec<Slot>,
    /// Passed over, in order: the latest 100.
    pub missed: Vec<(Millis, WhyMissed)>,
    /// How many were passed over before those.
    pub missed_before: u64,
    /// The last slot decided: the next call's `last`. As it was when nothing was due.
    pub seen: Millis,
    /// When to look again.
    pub next: Option<Millis>,
}

impl Schedule {
    #[must_use]
    pub fn new(pattern: Pattern) -> Self {
        Self {
            pattern,
            zone: None,
            missed: Missed::default(),
            missed_within: Span { ms: 24 * 3_600_000 },
            overlap: Overlap::default(),
            gap: Gap::default(),
            fold: Fold::default(),
        }
    }
}

/// A time zone that is not in the IANA list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no time zone is called `{name}`")]
pub struct UnknownZone {
    pub name: String,
    pub nearest: Option<String>,
}

/// The time zone of that IANA name.
///
/// # Errors
/// With the nearest known name.
pub fn zone(name: &str) -> Result<TimeZone, UnknownZone> {
    todo!()
}

impl Pattern {
    /// Reads `18:00`, `monday at 09:00`, `15th of month at 09:00`, `last saturday of month at 10:00`, `every 8h`,
    /// `every 2 months`, or a cron line.
    ///
    /// # Errors
    /// What is wrong with the text, and what to write instead.
    pub fn parse(text: &str) -> Result<Self, MomentFault> {
        todo!()
    }
}

/// Decides about all slots after `last` up to `now`. `house` is the zone of schedules that name none.
#[must_use]
pub fn decide(schedule: &Schedule, house: &TimeZone, last: Millis, now: Millis) -> Decided {
    todo!()
}

/// The slots after `from` up to `until`, at most so many.
#[must_use]
pub fn preview(
    schedule: &Schedule,
    house: &TimeZone,
    from: Millis,
    until: Millis,
    most: usize,
) -> Vec<Millis> {
    todo!()
}
