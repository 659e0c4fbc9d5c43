//! When something is due or goes on: what a workflow file says of time, and the instant that follows from it.
//!
//! A day ends where the next one begins, so an instant that ends a day is the first of the day after; "in time" is
//! before it. Days, times of day and working hours are those of the calendar that the standpoint carries.

use std::fmt;

use jiff::civil::{Date, DateTime};

use crate::calendar::Calendar;
use crate::expression::{ExpressionError, Template};
use crate::id::{Millis, StepNo};
use crate::schedule::{CronFault, Pattern};

pub use crate::schedule::Schedule;
pub use instant::MomentError;
pub use length::{Length, Offset};
pub use span::Span;

mod instant;
mod length;
mod read;
mod span;

#[cfg(test)]
mod examples;
#[cfg(test)]
mod tests;

/// What the file says of an instant.
#[derive(Clone, Debug)]
pub enum Moment {
    /// Counted from when the step opened.
    Length(Length),
    /// Counted from something else than the step's opening. `before` counts back.
    Within {
        length: Measure,
        of: Vec<Anchor>,
        before: bool,
    },
    /// The earliest of those whose clock has begun.
    Earliest(Vec<Moment>),
    /// The next slot of a schedule after the step opened.
    Next(Pattern),
    /// The next one that is not today: `next workday 16:30`.
    AfterToday(Pattern),
    /// Whatever the template yields: a date, a time, a length.
    Worked(Template),
    /// Ends with its day; as a wait it begins with it.
    Date(Date),
    /// A time of the zone's clock on a date.
    Local(DateTime),
    Instant(Millis),
}

/// How long a `within` is.
#[derive(Clone, Debug)]
pub enum Measure {
    Given(Length),
    /// Whatever the template yields, which must be a length: `{{ limit.design }}`.
    Worked(Template),
}

impl From<Length> for Measure {
    fn from(length: Length) -> Self {
        Self::Given(length)
    }
}

/// What a `within` counts from.
#[derive(Clone, Debug)]
pub enum Anchor {
    Step(StepNo),
    Value(Template),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Days,
    Weeks,
    Months,
    Years,
}

/// A moment that stands in one string, with nothing to work out or look up.
#[derive(Clone, Debug, PartialEq)]
pub enum MomentText {
    Length(Length),
    Next(Pattern),
    AfterToday(Pattern),
    Date(Date),
    Local(DateTime),
    Instant(Millis),
}

/// Why a text is not a moment. `Display` is the English sentence, `help` the next step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MomentFault {
    #[error("a moment is empty")]
    Empty,
    #[error("`{written}` is not a moment")]
    Unknown { written: String },
    /// Minutes or months?
    #[error("`{written}`: `m` may mean minutes or months")]
    BareM { written: String, n: u32 },
    #[error("`{written}`: `{unit}` is not a unit of time")]
    UnknownUnit { written: String, unit: String },
    #[error("`{written}` has no unit")]
    NoUnit { written: String },
    #[error("`{written}` is not a whole number of its unit")]
    Fraction { written: String },
    #[error("`{written}` is longer than {most} years")]
    TooLong { written: String, most: u32 },
    #[error("`{written}` comes again too soon")]
    TooShort { written: String, least: Span },
    /// `due` and `timeout` differ: a length of clock time has no months.
    #[error("`{written}` is not a length of clock time")]
    NotALength { written: String },
    #[error("`{written}` counts from a due time")]
    Signed { written: String },
    #[error("`{written}` does not say whether it is before or after the due time")]
    Unsigned { written: String },
    #[error("`{written}`: there is no such day or time")]
    NoSuchTime { written: String },
    #[error("the cron line `{written}` is not valid: {why}")]
    Cron { written: String, why: CronFault },
    #[error("`{written}` comes once, and a schedule comes again")]
    ComesOnce { written: String },
    #[error("`{written}` never comes")]
    Never { written: String },
}

/// Where a moment is looked at from.
#[derive(Clone, Copy)]
pub struct Standpoint<'a> {
    /// When the step opened, in this round.
    pub opened: Millis,
    pub now: Millis,
    /// The calendar of the step, with the zone of its days and times.
    pub calendar: &'a Calendar,
    /// A wait for a date begins with its day; a due date ends with it.
    pub as_wait: bool,
    pub ended: &'a dyn Fn(StepNo) -> Anchored,
    pub value: &'a dyn Fn(&Template) -> Result<minijinja::Value, ExpressionError>,
}

/// What became of a step that a moment counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchored {
    NotYet,
    Over(Millis),
    Skipped(Millis),
}

impl MomentFault {
    /// The next step for whoever wrote it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::Empty | Self::Unknown { .. } => {
                "write a length (`4h`, `3 days`), a day and time (`monday at 09:00`, `last workday of month at 17:00`), \
                 a date (`2026-10-01`), or `every 8h`"
                    .to_owned()
            }
            Self::BareM { n, .. } => format!("write `{n}min` or `{n} months`"),
            Self::UnknownUnit { .. } | Self::NoUnit { .. } => {
                "the units are `s`, `min`, `h`, `days`, `weeks`, `months`, `years`, `workdays` and `workhours`".to_owned()
            }
            Self::Fraction { .. } => "write it in the next smaller unit: `90min` for an hour and a half".to_owned(),
            Self::TooLong { most, .. } => format!("write at most {most} years"),
            Self::TooShort { least, .. } => format!("write at least `every {least}`"),
            Self::NotALength { .. } => "write `90s`, `30min`, `4h`, `3 days` or `2 weeks`".to_owned(),
            Self::Signed { .. } => "write it without the sign: it counts from when the step opened".to_owned(),
            Self::Unsigned { written } => format!("write `+{written}` or `-{written}`"),
            Self::NoSuchTime { .. } => {
                "write a day as `2026-10-01` and a time as `09:00`, from `00:00` to `23:59`".to_owned()
            }
            Self::Cron { .. } => {
                "the five fields are minute, hour, day of the month, month and day of the week: `30 16 * * 1-5`"
                    .to_owned()
            }
            Self::ComesOnce { written } => match written.as_str() {
                "today" => "write the time of day: `18:00`".to_owned(),
                next if next.starts_with("next ") => "write it without `next`: a schedule comes again".to_owned(),
                _ => "write `every …`, or the days and the time: `monday at 09:00`".to_owned(),
            },
            Self::Never { .. } => "name a day that the month has".to_owned(),
        })
    }
}

impl From<MomentText> for Moment {
    fn from(text: MomentText) -> Self {
        match text {
            MomentText::Length(length) => Self::Length(length),
            MomentText::Next(pattern) => Self::Next(pattern),
            MomentText::AfterToday(pattern) => Self::AfterToday(pattern),
            MomentText::Date(date) => Self::Date(date),
            MomentText::Local(local) => Self::Local(local),
            MomentText::Instant(instant) => Self::Instant(instant),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Days => "days",
            Self::Weeks => "weeks",
            Self::Months => "months",
            Self::Years => "years",
        })
    }
}

impl Moment {
    /// Reads what stands in one string without `{{ … }}`.
    ///
    /// # Errors
    /// What is wrong with the text, and what to write instead.
    pub fn parse_text(text: &str) -> Result<MomentText, MomentFault> {
        read::moment(text)
    }

    /// The instant, as far as it is known; `None`: the clock has not begun.
    ///
    /// # Errors
    /// When a template fails or yields something that is no time.
    pub fn instant(&self, at: &Standpoint<'_>) -> Result<Option<Millis>, MomentError> {
        instant::of(self, at)
    }
}
