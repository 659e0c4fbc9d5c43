//! Which firings of a schedule are due, late or missed: a pure function of the schedule, the last slot decided and now.
//!
//! Slots are instants and rise strictly. Times of day are times of the zone's clock: one that a spring change skips
//! happens at the first instant after the gap, and one that an autumn change repeats happens once, the first time.
//! Working days are those of a calendar.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

use crate::id::Millis;
use crate::moment::{Length, Moment, MomentFault, MomentText, Span, Unit};

pub use cron::{CronFault, CronLine};
pub use decide::{Moments, before, decide, moments, preview};
pub(crate) use slots::Slots;

mod cron;
mod dates;
mod decide;
mod slots;

#[cfg(test)]
mod tests;

/// What comes again and again.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    /// `every 8h`. A length that divides a day is counted on the zone's clock from midnight, so that every day has the
    /// same times; any other from 1970-01-01T00:00Z in elapsed time. Runs through both halves of a repeated hour.
    Every(Span),
    /// Days by a rule, at a time of day. Without one (`monday`, `last day of month`) a due time ends with the day, and of a
    /// working day with its hours; a wait begins with the hours of the day; a schedule begins with a working day's hours,
    /// and with any other day itself.
    On { days: Days, time: Option<Time> },
    /// Five fields: minute, hour, day of the month, month, day of the week. One that comes in every hour of a day is an
    /// interval and runs through both halves of a repeated hour.
    Cron(Box<CronLine>),
}

/// Which days a pattern takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Days {
    Every,
    /// Every so many days, weeks (on Monday), months (on the 1st) or years (on 1 January), counted from the year 1970
    /// and its first Monday, so that months that divide a year are the same in each.
    EveryNth {
        n: u32,
        unit: Unit,
    },
    Weekday(Weekday),
    /// Every day that is worked.
    Workday,
    /// The 31st of a shorter month is its last day.
    OfMonth(u8),
    /// `first monday of month`, `last day of year`, `5th workday of month`.
    Nth {
        nth: Nth,
        day: Which,
        of: Period,
    },
}

/// Days that are counted within a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Any,
    On(Weekday),
    Workday,
}

/// Which of the matching days of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nth {
    /// 1 to 4; of working days to 23.
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
    pub holiday: Holiday,
    /// So long before the moment that the pattern names, after `holiday` has moved it.
    pub ahead: Option<Length>,
    /// Of the days that the pattern names only those that entries of a register hold.
    pub of: Option<OfRegister>,
}

/// The dates that a schedule follows: each entry of a register has one, and fires on its day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfRegister {
    pub register: Arc<str>,
    /// The column with the date.
    pub date: Arc<str>,
    /// The same day of each year, from the date on; a 29 February is the 28th in other years.
    pub yearly: bool,
}

/// What triggers of such a schedule call the entry.
pub const ENTRY: &str = "entry";

/// What becomes of a slot on a day that is not worked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Holiday {
    #[default]
    Keep,
    Skip,
    /// At the same time on the next working day.
    Next,
    /// At the same time on the working day before.
    Previous,
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
            holiday: Holiday::default(),
            ahead: None,
            of: None,
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
    TimeZone::get(name).map_err(|_| {
        let known = jiff::tz::db().available().map(|known| known.as_str().to_owned());
        let nearest = crate::problem::nearest(name, known);
        UnknownZone { name: name.to_owned(), nearest }
    })
}

/// The last change of the zone's clock before an instant.
///
/// After the last change that the zone's data name, the library may give one before it that the zone's rule would have had
/// and that never came.
pub(crate) fn last_change(zone: &TimeZone, before: Timestamp) -> Option<Timestamp> {
    let next = |change: Timestamp| zone.following(change).next().map(|next| next.timestamp());
    let mut last = zone.preceding(before).next()?.timestamp();
    while let Some(later) = next(last).filter(|later| *later < before) {
        last = later;
    }
    Some(last)
}

impl Pattern {
    /// Reads `18:00`, `monday at 09:00`, `15th of month at 09:00`, `last saturday of month at 10:00`, `every 8h`,
    /// `every 2 months`, or a cron line.
    ///
    /// # Errors
    /// What is wrong with the text, and what to write instead.
    pub fn parse(text: &str) -> Result<Self, MomentFault> {
        match Moment::parse_text(text)? {
            MomentText::Next(pattern) => Ok(pattern),
            MomentText::Length(_)
            | MomentText::AfterToday(_)
            | MomentText::Date(_)
            | MomentText::Local(_)
            | MomentText::Instant(_) => Err(MomentFault::ComesOnce { written: text.trim().to_owned() }),
        }
    }
}

impl Pattern {
    /// Whether it names days, and not only elapsed time: what becomes of days off can be said of it.
    #[must_use]
    pub fn has_days(&self) -> bool {
        match self {
            Self::Every(span) => span.ms > 0 && (24 * 3_600_000) % span.ms == 0,
            Self::On { .. } | Self::Cron(_) => true,
        }
    }
}

impl fmt::Display for Pattern {
    /// As the language writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(span) => write!(f, "every {span}"),
            Self::Cron(line) => f.write_str(line.as_str()),
            Self::On { days: Days::Every, time } => show_time(f, "", *time),
            Self::On { days, time } => {
                write!(f, "{days}")?;
                show_time(f, " at ", *time)
            }
        }
    }
}

fn show_time(f: &mut fmt::Formatter<'_>, before: &str, time: Option<Time>) -> fmt::Result {
    match time {
        Some(time) => write!(f, "{before}{:02}:{:02}", time.hour(), time.minute()),
        None => Ok(()),
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every => f.write_str("every day"),
            Self::EveryNth { n, unit } => write!(f, "every {n} {unit}"),
            Self::Weekday(day) => f.write_str(weekday_name(*day)),
            Self::Workday => f.write_str("workday"),
            Self::OfMonth(day) => write!(f, "{day}{} of month", ordinal_suffix(*day)),
            Self::Nth { nth, day, of } => {
                let nth = match nth {
                    Nth::Last => "last".to_owned(),
                    Nth::From(1) => "first".to_owned(),
                    Nth::From(2) => "second".to_owned(),
                    Nth::From(3) => "third".to_owned(),
                    Nth::From(4) => "fourth".to_owned(),
                    Nth::From(n) => format!("{n}{}", ordinal_suffix(*n)),
                };
                let day = match day {
                    Which::Any => "day",
                    Which::On(day) => weekday_name(*day),
                    Which::Workday => "workday",
                };
                let of = match of {
                    Period::Month => "month",
                    Period::Year => "year",
                };
                write!(f, "{nth} {day} of {of}")
            }
        }
    }
}

/// The weekdays as the language writes them.
pub(crate) const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

fn weekday_name(day: Weekday) -> &'static str {
    WEEKDAYS[usize::from(day.to_monday_zero_offset().unsigned_abs())].0
}

fn ordinal_suffix(day: u8) -> &'static str {
    match day {
        1 | 21 | 31 => "st",
        2 | 22 => "nd",
        3 | 23 => "rd",
        _ => "th",
    }
}
