//! The instant of a moment, seen from where a step stands.

use jiff::civil::{Date, Time};
use minijinja::Value;
use minijinja::value::ValueKind;

use super::{Anchor, Anchored, Moment, MomentFault, MomentText, Span, Standpoint, Unit, read};
use crate::expression::{ExpressionError, is_empty};
use crate::id::Millis;
use crate::schedule::{Pattern, Slots};

/// Numbers below are lengths that lost their unit, not instants: it stands for a day in 1973.
const LEAST_INSTANT: i64 = 100_000_000_000;

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
        Moment::Clock(span) => Ok(Some(at.opened.plus(span.ms))),
        Moment::Calendar { n, unit } => {
            end_of_day(later(at.date(at.opened)?, *n, *unit, false)?, at).map(Some)
        }
        Moment::Within { span, of, before } => {
            let Some(anchor) = anchored(of, at)? else { return Ok(None) };
            counted(span, anchor, *before, at)
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
        Moment::Next(pattern) => next(pattern, at).map(Some),
        Moment::Worked(template) => match worked(&(at.value)(template)?)? {
            None => Ok(None),
            Some(text) => self::of(&text.into(), at),
        },
        Moment::Date(date) if at.as_wait => start_of_day(*date, at).map(Some),
        Moment::Date(date) => end_of_day(*date, at).map(Some),
        Moment::Local(local) => {
            let zoned = local.to_zoned(at.zone.clone()).map_err(|_| MomentError::OutOfYears)?;
            Ok(Some(Millis(zoned.timestamp().as_millisecond())))
        }
        Moment::Instant(instant) => Ok(Some(*instant)),
    }
}

impl Standpoint<'_> {
    fn date(&self, instant: Millis) -> Result<Date, MomentError> {
        let timestamp = instant.timestamp().ok_or(MomentError::OutOfYears)?;
        Ok(self.zone.to_datetime(timestamp).date())
    }
}

/// The next slot after the step opened. A day without a time ends with its day for a due time.
fn next(pattern: &Pattern, at: &Standpoint<'_>) -> Result<Millis, MomentError> {
    if let Pattern::On { days, time: None } = pattern
        && !at.as_wait
    {
        let today = at.date(at.opened)?;
        let mut from_today = today.series(jiff::Span::new().days(1));
        let day = from_today.find(|day| days.takes_date(*day)).ok_or(MomentError::OutOfYears)?;
        return end_of_day(day, at);
    }
    Slots::plain(pattern, at.zone).after(at.opened).ok_or(MomentError::OutOfYears)
}

/// What a `within` counts from: an instant, or a day for lengths of days.
#[derive(Clone, Copy)]
struct Counted {
    instant: Millis,
    day: Date,
}

/// The latest of the anchors; skipped steps do not count unless there is nothing else.
fn anchored(anchors: &[Anchor], at: &Standpoint<'_>) -> Result<Option<Counted>, MomentError> {
    let mut over: Option<Counted> = None;
    let mut skipped: Option<Counted> = None;
    let later = |known: Option<Counted>, new: Counted| {
        Some(known.filter(|known| known.instant >= new.instant).unwrap_or(new))
    };
    for anchor in anchors {
        match anchor {
            Anchor::Step(step) => match (at.ended)(*step) {
                Anchored::NotYet => return Ok(None),
                Anchored::Over(instant) => over = later(over, Counted { instant, day: at.date(instant)? }),
                Anchored::Skipped(instant) => {
                    skipped = later(skipped, Counted { instant, day: at.date(instant)? })
                }
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
fn counted_from(text: MomentText, at: &Standpoint<'_>) -> Result<Counted, MomentError> {
    match text {
        MomentText::Date(date) => {
            let instant = if at.as_wait { start_of_day(date, at)? } else { end_of_day(date, at)? };
            Ok(Counted { instant, day: date })
        }
        MomentText::Local(_) | MomentText::Instant(_) => {
            let instant = of(&text.into(), at)?.ok_or(MomentError::OutOfYears)?;
            Ok(Counted { instant, day: at.date(instant)? })
        }
        MomentText::Clock(span) => Err(MomentError::NotAMoment { found: span.to_string(), why: None }),
        MomentText::Calendar { n, unit } => {
            Err(MomentError::NotAMoment { found: format!("{n} {unit}"), why: None })
        }
        MomentText::Next(pattern) => Err(MomentError::NotAMoment { found: pattern.to_string(), why: None }),
    }
}

fn counted(
    span: &Moment,
    from: Counted,
    before: bool,
    at: &Standpoint<'_>,
) -> Result<Option<Millis>, MomentError> {
    match span {
        Moment::Clock(Span { ms }) => Ok(Some(from.instant.plus(if before { -ms } else { *ms }))),
        Moment::Calendar { n, unit } => end_of_day(later(from.day, *n, *unit, before)?, at).map(Some),
        // The reader lets nothing else in; whoever builds one by hand gets the moment itself.
        Moment::Within { .. }
        | Moment::Earliest(_)
        | Moment::Next(_)
        | Moment::Worked(_)
        | Moment::Date(_)
        | Moment::Local(_)
        | Moment::Instant(_) => of(span, at),
    }
}

/// Months and years keep the day of the month, or take the last one of a shorter month.
fn later(day: Date, n: u32, unit: Unit, before: bool) -> Result<Date, MomentError> {
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

fn end_of_day(day: Date, at: &Standpoint<'_>) -> Result<Millis, MomentError> {
    start_of_day(day.tomorrow().map_err(|_| MomentError::OutOfYears)?, at)
}

/// The first instant of the day, which need not be 00:00.
fn start_of_day(day: Date, at: &Standpoint<'_>) -> Result<Millis, MomentError> {
    let midnight = day.to_zoned(at.zone.clone()).map_err(|_| MomentError::OutOfYears)?;
    let instant = Millis(midnight.timestamp().as_millisecond());
    if midnight.time() == Time::midnight() {
        return Ok(instant);
    }
    // The clock skips midnight, and the answer lies as far behind the change as midnight would have.
    let inside = instant.plus(1).timestamp().ok_or(MomentError::OutOfYears)?;
    let change = at.zone.preceding(inside).next().map(|change| change.timestamp());
    Ok(change.map_or(instant, |change| Millis(change.as_millisecond())))
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
