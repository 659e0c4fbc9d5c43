//! The instant of a moment, seen from where a step stands.

use jiff::civil::Date;
use minijinja::Value;
use minijinja::value::ValueKind;

use super::length::Length;
use super::length::{Start, end_of_day, start_of_day};
use super::{Anchor, Anchored, Measure, Moment, MomentFault, MomentText, Standpoint, read};
use crate::expression::{ExpressionError, Template, is_empty};
use crate::id::Millis;
use crate::schedule::{Pattern, Slots};

/// Numbers below are lengths that lost their unit, not instants: it stands for a day in 1973.
const LEAST_INSTANT: i64 = 100_000_000_000;

/// How far a day is looked for.
const MOST_DAYS: usize = 120 * 366;

/// Why a moment cannot be worked out now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MomentError {
    #[error(transparent)]
    Expression(#[from] ExpressionError),
    /// With what is wrong, where a text came out that reads like a moment and is not.
    #[error("`{found}` is not a date, a time or a length of time{}", because(.why))]
    NotAMoment { found: String, why: Option<MomentFault> },
    #[error("the instant is beyond the years this clock knows")]
    OutOfYears,
}

fn because(why: &Option<MomentFault>) -> String {
    match why {
        None | Some(MomentFault::Unknown { .. } | MomentFault::Empty) => String::new(),
        Some(fault) => match fault.help() {
            Some(help) => format!(": {fault}; {help}"),
            None => format!(": {fault}"),
        },
    }
}

pub(super) fn of(moment: &Moment, at: &Standpoint<'_>) -> Result<Option<Millis>, MomentError> {
    match moment {
        Moment::Length(length) => length.after(at.start(at.opened)?, at.calendar).map(Some),
        Moment::Within { length, of, before } => {
            let (Some(length), Some(anchor)) = (length.worked_out(at.value)?, anchored(of, at)?) else {
                return Ok(None);
            };
            let count =
                if *before { length.before(anchor, at.calendar) } else { length.after(anchor, at.calendar) };
            count.map(Some)
        }
        Moment::Earliest(moments) => {
            let mut earliest: Option<Millis> = None;
            for moment in moments {
                if let Some(instant) = self::of(moment, at)? {
                    earliest = Some(earliest.map_or(instant, |known| known.min(instant)));
                }
            }
            Ok(earliest)
        }
        Moment::Next(pattern) => next(pattern, at, at.opened).map(Some),
        Moment::AfterToday(pattern) => {
            let tomorrow = end_of_day(at.date(at.opened)?, at.calendar).ok_or(MomentError::OutOfYears)?;
            next(pattern, at, tomorrow.plus(-1)).map(Some)
        }
        Moment::Worked(template) => match worked(&(at.value)(template)?)? {
            None => Ok(None),
            Some(text) => self::of(&text.into(), at),
        },
        Moment::Date(date) => at.of_date(*date).map(Some),
        Moment::Local(local) => {
            let zoned = local.to_zoned(at.calendar.zone.clone()).map_err(|_| MomentError::OutOfYears)?;
            Ok(Some(Millis(zoned.timestamp().as_millisecond())))
        }
        Moment::Instant(instant) => Ok(Some(*instant)),
    }
}

impl Measure {
    /// Empty: the clock has not begun.
    pub(crate) fn worked_out(
        &self,
        value: &dyn Fn(&Template) -> Result<Value, ExpressionError>,
    ) -> Result<Option<Length>, MomentError> {
        let template = match self {
            Self::Given(length) => return Ok(Some(*length)),
            Self::Worked(template) => template,
        };
        let found = value(template)?;
        match worked(&found)? {
            None => Ok(None),
            Some(MomentText::Length(length)) => Ok(Some(length)),
            Some(_) => Err(MomentError::NotAMoment {
                found: found.to_string(),
                why: Some(MomentFault::NotALength { written: found.to_string() }),
            }),
        }
    }
}

impl Standpoint<'_> {
    fn date(&self, instant: Millis) -> Result<Date, MomentError> {
        self.calendar.date(instant).ok_or(MomentError::OutOfYears)
    }

    fn start(&self, instant: Millis) -> Result<Start, MomentError> {
        Ok(Start { instant, day: self.date(instant)?, timed: true })
    }

    /// A date ends with its day; as a wait it begins with its working hours, or with the day where it has none.
    fn of_date(&self, date: Date) -> Result<Millis, MomentError> {
        let instant = match self.as_wait {
            true => self.calendar.begins(date).or_else(|| start_of_day(date, self.calendar)),
            false => end_of_day(date, self.calendar),
        };
        instant.ok_or(MomentError::OutOfYears)
    }
}

/// The next slot after an instant. A day without a time ends with its day for a due time, a working day with its hours.
fn next(pattern: &Pattern, at: &Standpoint<'_>, after: Millis) -> Result<Millis, MomentError> {
    let found = match pattern {
        Pattern::On { days, time: None } if !at.as_wait => {
            let mut from_today = at.date(after.plus(1))?.series(jiff::Span::new().days(1)).take(MOST_DAYS);
            from_today.find_map(|day| {
                let end = || match days.are_worked() {
                    true => at.calendar.ends(day),
                    false => end_of_day(day, at.calendar),
                };
                // A working day whose hours are over is over.
                days.takes_date(day, at.calendar).then(end).flatten().filter(|end| *end > after)
            })
        }
        Pattern::On { .. } | Pattern::Every(_) | Pattern::Cron(_) => {
            Slots::waited(pattern, at.calendar).after(after)
        }
    };
    found.ok_or(MomentError::OutOfYears)
}

/// The latest of the anchors; skipped steps do not count unless there is nothing else.
fn anchored(anchors: &[Anchor], at: &Standpoint<'_>) -> Result<Option<Start>, MomentError> {
    let mut over: Option<Start> = None;
    let mut skipped: Option<Start> = None;
    let later = |known: Option<Start>, new: Start| {
        Some(known.filter(|known| known.instant >= new.instant).unwrap_or(new))
    };
    for anchor in anchors {
        match anchor {
            Anchor::Step(step) => match (at.ended)(*step) {
                Anchored::NotYet => return Ok(None),
                Anchored::Over(instant) => over = later(over, at.start(instant)?),
                Anchored::Skipped(instant) => skipped = later(skipped, at.start(instant)?),
            },
            Anchor::Value(template) => {
                let Some(text) = worked(&(at.value)(template)?)? else { return Ok(None) };
                over = later(over, counted_from(text, at)?);
            }
        }
    }
    Ok(over.or(skipped))
}

/// A value to count from must be a day or an instant: a length or a schedule has no place in time.
fn counted_from(text: MomentText, at: &Standpoint<'_>) -> Result<Start, MomentError> {
    match text {
        MomentText::Date(date) => Ok(Start { instant: at.of_date(date)?, day: date, timed: false }),
        MomentText::Local(_) | MomentText::Instant(_) => {
            at.start(of(&text.into(), at)?.ok_or(MomentError::OutOfYears)?)
        }
        MomentText::Length(length) => Err(MomentError::NotAMoment { found: length.to_string(), why: None }),
        MomentText::Next(pattern) | MomentText::AfterToday(pattern) => {
            Err(MomentError::NotAMoment { found: pattern.to_string(), why: None })
        }
    }
}

/// What a template yielded, as a moment. Empty: the clock has not begun.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "minijinja may add kinds, and none of the others is a time"
)]
fn worked(value: &Value) -> Result<Option<MomentText>, MomentError> {
    let not_a_moment = |found: String| Err(MomentError::NotAMoment { found, why: None });
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(None),
        // What a skipped step returned looks like a list.
        _ if is_empty(value) => Ok(None),
        ValueKind::Number => match value.as_i64().filter(|number| *number >= LEAST_INSTANT) {
            Some(number) => Ok(Some(MomentText::Instant(Millis(number)))),
            None => not_a_moment(value.to_string()),
        },
        ValueKind::String | ValueKind::Plain => {
            let text = value.to_string();
            if text.trim().is_empty() {
                return Ok(None);
            }
            let read = read::moment(&text);
            read.map(Some).map_err(|why| MomentError::NotAMoment { found: text, why: Some(why) })
        }
        _ => not_a_moment(value.to_string()),
    }
}
