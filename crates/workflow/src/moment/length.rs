//! Lengths of time as people count them, and those that count from a due time.

use std::fmt;

use jiff::civil::{Date, Time};

use super::{MomentError, MomentFault, Span, Unit, read};
use crate::calendar::{Calendar, first_instant};
use crate::id::Millis;

/// How long something takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// Clock time.
    Clock(Span),
    /// To the end of the day that many days, weeks, months or years after; none: the end of today.
    Days { n: u32, unit: Unit },
    /// To the end of working hours of that working day.
    Workdays(u32),
    /// Open hours of the calendar only.
    Open(Span),
}

/// A length with its sign, from a due time: `-1h`, `+2h`, `-1 workday`, `-8 workhours`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    pub before: bool,
    pub length: Length,
}

/// What a length counts from: an instant, or a day as a whole.
#[derive(Clone, Copy)]
pub(super) struct Start {
    pub(super) instant: Millis,
    pub(super) day: Date,
    /// A day as a whole came in before any cut-off.
    pub(super) timed: bool,
}

impl Length {
    /// Where it ends, counted from a start in the zone and the hours of a calendar.
    pub(super) fn after(self, from: Start, calendar: &Calendar) -> Result<Millis, MomentError> {
        let end = match self {
            Self::Clock(span) => Some(from.instant.plus(span.ms)),
            Self::Open(span) => calendar.after_open(from.instant, span.ms),
            Self::Days { n, unit } => end_of_day(moved(from.day, n, unit, false)?, calendar),
            Self::Workdays(n) => {
                let day = if from.timed { calendar.counts_for(from.instant) } else { Some(from.day) };
                day.and_then(|day| calendar.ends(calendar.workday_after(day, n)?))
            }
        };
        end.ok_or(MomentError::OutOfYears)
    }

    /// Where it begins, counted back.
    pub(super) fn before(self, from: Start, calendar: &Calendar) -> Result<Millis, MomentError> {
        let begin = match self {
            Self::Clock(span) => Some(from.instant.plus(-span.ms)),
            Self::Open(span) => calendar.before_open(from.instant, span.ms),
            Self::Days { n, unit } => end_of_day(moved(from.day, n, unit, true)?, calendar),
            Self::Workdays(n) => calendar.workday_before(from.day, n).and_then(|day| calendar.ends(day)),
        };
        begin.ok_or(MomentError::OutOfYears)
    }
}

impl Offset {
    /// Reads `-1h`, `+2h`, `-1 workday`, `+8 workhours`: always with a sign.
    ///
    /// # Errors
    /// What is wrong with the text, and what to write instead.
    pub fn parse(text: &str) -> Result<Self, MomentFault> {
        read::offset(text)
    }

    /// The instant that lies so far from a due time. Days keep the time of day; of a due time at the end of a day or of
    /// its working hours, the working day that is meant ends likewise.
    ///
    /// # Errors
    /// Beyond the years that the clock knows.
    pub fn from_due(self, due: Millis, calendar: &Calendar) -> Result<Millis, MomentError> {
        let found = match self.length {
            Length::Clock(span) => Some(due.plus(if self.before { -span.ms } else { span.ms })),
            Length::Open(span) if self.before => calendar.before_open(due, span.ms),
            Length::Open(span) => calendar.after_open(due, span.ms),
            Length::Days { n, unit } => {
                let (day, time) = day_and_time(due, calendar)?;
                at(moved(day, n, unit, self.before)?, time, calendar)
            }
            Length::Workdays(n) => {
                let (day, time) = day_and_time(due, calendar)?;
                let other = if self.before {
                    calendar.workday_before(day, n)
                } else {
                    calendar.workday_after(day, n)
                };
                let other = other.ok_or(MomentError::OutOfYears)?;
                let at_end = calendar.ends(day) == Some(due);
                if at_end { calendar.ends(other) } else { at(other, time, calendar) }
            }
        };
        found.ok_or(MomentError::OutOfYears)
    }
}

/// The day that an instant belongs to, with its time; midnight (`None`) ends the day before.
fn day_and_time(instant: Millis, calendar: &Calendar) -> Result<(Date, Option<Time>), MomentError> {
    let local = calendar.local(instant).ok_or(MomentError::OutOfYears)?;
    if local.time() == Time::midnight() {
        return Ok((local.date().yesterday().map_err(|_| MomentError::OutOfYears)?, None));
    }
    Ok((local.date(), Some(local.time())))
}

fn at(day: Date, time: Option<Time>, calendar: &Calendar) -> Option<Millis> {
    match time {
        None => end_of_day(day, calendar),
        Some(time) => first_instant(day.to_datetime(time), &calendar.zone),
    }
}

/// Months and years keep the day of the month, or take the last one of a shorter month.
fn moved(day: Date, n: u32, unit: Unit, before: bool) -> Result<Date, MomentError> {
    let n = i64::from(n);
    let empty = jiff::Span::new();
    let span = match unit {
        Unit::Days => empty.try_days(n),
        Unit::Weeks => empty.try_weeks(n),
        Unit::Months => empty.try_months(n),
        Unit::Years => empty.try_years(n),
    };
    let moved = span.and_then(|span| if before { day.checked_sub(span) } else { day.checked_add(span) });
    moved.map_err(|_| MomentError::OutOfYears)
}

/// A day ends where the next one begins.
pub(super) fn end_of_day(day: Date, calendar: &Calendar) -> Option<Millis> {
    start_of_day(day.tomorrow().ok()?, calendar)
}

/// The first instant of the day, which need not be 00:00.
pub(super) fn start_of_day(day: Date, calendar: &Calendar) -> Option<Millis> {
    first_instant(day.to_datetime(Time::midnight()), &calendar.zone)
}

impl fmt::Display for Length {
    /// As the language writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HOUR: i64 = 3_600_000;
        match self {
            // Not `7 days`: those end with their day.
            Self::Clock(span) if span.ms % HOUR == 0 => write!(f, "{}h", span.ms / HOUR),
            Self::Clock(span) => write!(f, "{span}"),
            Self::Days { n: 1, unit } => write!(f, "1 {}", unit.to_string().trim_end_matches('s')),
            Self::Days { n, unit } => write!(f, "{n} {unit}"),
            Self::Workdays(1) => f.write_str("1 workday"),
            Self::Workdays(n) => write!(f, "{n} workdays"),
            Self::Open(Span { ms: HOUR }) => f.write_str("1 workhour"),
            Self::Open(span) => write!(f, "{} workhours", span.ms / HOUR),
        }
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.before { '-' } else { '+' }, self.length)
    }
}
