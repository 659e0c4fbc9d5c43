//! Dates and times in expressions: how they are printed, how far they are apart, and what lies so much later.

#![expect(clippy::wildcard_enum_match_arm, reason = "units of time are many and two are meant")]

use std::sync::Arc;

use jiff::civil::{Date, DateTime, Time};
use jiff::{Timestamp, Unit, Zoned};
use minijinja::value::{Object, ValueKind};
use minijinja::{Environment, Error, State, Value};
use rust_decimal::Decimal;

use super::functions::text_of;
use super::number;
use super::operators::refused;
use super::print::{empty, is_empty, spoken};
use crate::calendar::Calendar;
use crate::id::Millis;
use crate::moment::{Length, Offset};
use crate::problem::Lang;

pub(super) fn add(environment: &mut Environment<'static>) {
    environment.add_filter("date", |value: &Value, pattern: Option<&str>| {
        shown(value, pattern.unwrap_or("%Y-%m-%d"))
    });
    environment.add_filter("time", time);
    environment.add_filter("datetime", |value: &Value, pattern: Option<&str>| {
        shown(value, pattern.unwrap_or("%Y-%m-%d %H:%M"))
    });
    environment.add_filter("weekday", weekday);
    environment.add_filter("year", |value: &Value| part(value, |day| day.year()));
    environment.add_filter("month", |value: &Value| part(value, |day| i16::from(day.month())));
    environment.add_filter("day", |value: &Value| part(value, |day| i16::from(day.day())));
    environment.add_function("days", |from: &Value, to: &Value| between(from, to, Unit::Day));
    environment.add_function("months", |from: &Value, to: &Value| between(from, to, Unit::Month));
    environment.add_function("hours", hours);
    environment.add_function("add", add_span);
    environment.add_function("workdays", workdays);
}

/// A date or a time as an expression holds it: a text, or milliseconds since 1970.
enum When {
    Day(Date),
    Local(DateTime),
    Instant(Box<Zoned>),
}

/// Whether it is read as a day or a time.
pub(super) fn is_one(value: &Value) -> bool {
    When::of(value).is_ok()
}

impl When {
    fn of(value: &Value) -> Result<Self, Error> {
        if let Some(ms) = value.as_i64().filter(|_| value.kind() == ValueKind::Number) {
            let instant = Timestamp::from_millisecond(ms).map_err(|error| refused("YZ0310", error))?;
            return Ok(Self::Instant(Box::new(instant.to_zoned(jiff::tz::TimeZone::UTC))));
        }
        let shown = text_of(value);
        let text = shown.trim();
        if let Ok(zoned) = text.parse::<Zoned>() {
            return Ok(Self::Instant(Box::new(zoned)));
        }
        if let Ok(pieces) = jiff::fmt::temporal::DateTimeParser::new().parse_timestamp(text) {
            // The offset it was written with is the one a reader expects to see.
            let offset =
                jiff::fmt::temporal::Pieces::parse(text).ok().and_then(|pieces| pieces.to_numeric_offset());
            let zone = offset.map_or(jiff::tz::TimeZone::UTC, jiff::tz::TimeZone::fixed);
            return Ok(Self::Instant(Box::new(pieces.to_zoned(zone))));
        }
        if text.len() <= 10
            && let Ok(day) = text.parse::<Date>()
        {
            return Ok(Self::Day(day));
        }
        text.parse::<DateTime>()
            .map(Self::Local)
            .map_err(|_| refused("YZ0310", format!("`{text}` is neither a date nor a time")))
    }

    fn local(&self) -> DateTime {
        match self {
            Self::Day(day) => day.at(0, 0, 0, 0),
            Self::Local(local) => *local,
            Self::Instant(zoned) => zoned.datetime(),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Day(day) => day.to_string(),
            Self::Local(local) => local.to_string(),
            Self::Instant(zoned) if zoned.time_zone().iana_name().is_some() => zoned.to_string(),
            Self::Instant(zoned) => zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        }
    }
}

/// The instant of a time, and of a date its beginning.
pub(super) fn instant(value: &Value, zone: &jiff::tz::TimeZone) -> Result<Millis, Error> {
    let when = When::of(value)?;
    let instant = match &when {
        When::Instant(zoned) => Ok(zoned.timestamp()),
        When::Day(_) | When::Local(_) => when.local().to_zoned(zone.clone()).map(|zoned| zoned.timestamp()),
    };
    instant.map(|instant| Millis(instant.as_millisecond())).map_err(|error| refused("YZ0310", error))
}

/// The day of a date or a time, on the clock that it was written by.
pub(super) fn day(value: &Value) -> Result<Date, Error> {
    When::of(value).map(|when| when.local().date())
}

/// `| date`, `| date("%Y年%m月%d日")`.
fn shown(value: &Value, pattern: &str) -> Result<String, Error> {
    if is_empty(value) {
        return Ok(String::new());
    }
    let when = When::of(value)?;
    let shown = match &when {
        When::Instant(zoned) => jiff::fmt::strtime::format(pattern, zoned.as_ref()),
        When::Day(_) | When::Local(_) => jiff::fmt::strtime::format(pattern, when.local()),
    };
    shown.map_err(|error| refused("YZ0310", error))
}

/// Also of a time of day alone, which is no point in time.
fn time(value: &Value, pattern: Option<&str>) -> Result<String, Error> {
    let pattern = pattern.unwrap_or("%H:%M");
    if let Some(text) = value.as_str()
        && !text.contains('-')
        && let Ok(time) = text.trim().parse::<Time>()
    {
        return jiff::fmt::strtime::format(pattern, time).map_err(|error| refused("YZ0310", error));
    }
    shown(value, pattern)
}

/// In the house's language; `| weekday("zh")` is `星期三`, `| weekday("en")` is `Wednesday`, `| weekday("number")` 3: the week begins on Monday.
fn weekday(value: &Value, how: Option<&str>) -> Result<Value, Error> {
    if is_empty(value) {
        return Ok(empty());
    }
    let day = When::of(value)?.local().date().weekday();
    let number = day.to_monday_one_offset();
    let in_chinese = ["星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"];
    Ok(
        match how.unwrap_or(match spoken() {
            Lang::Zh => "zh",
            Lang::En => "en",
        }) {
            "zh" => Value::from(in_chinese[usize::from(day.to_monday_zero_offset().unsigned_abs())]),
            "en" => Value::from(format!("{day:?}")),
            "number" => Value::from(number),
            other => {
                let message = format_args!("a weekday is shown as `zh`, `en` or `number`, not as `{other}`");
                return Err(refused("YZ0310", message));
            }
        },
    )
}

fn part(value: &Value, of: fn(Date) -> i16) -> Result<Value, Error> {
    if is_empty(value) { Ok(empty()) } else { Ok(Value::from(of(When::of(value)?.local().date()))) }
}

/// How far they are apart is empty as long as one of them is.
fn between(from: &Value, to: &Value, unit: Unit) -> Result<Value, Error> {
    if is_empty(from) || is_empty(to) {
        return Ok(empty());
    }
    let (from, to) = (When::of(from)?.local().date(), When::of(to)?.local().date());
    let span = from.until((unit, to)).map_err(|error| refused("YZ0310", error))?;
    Ok(Value::from(match unit {
        Unit::Month => span.get_months(),
        _ => span.get_days(),
    }))
}

fn hours(from: &Value, to: &Value) -> Result<Value, Error> {
    if is_empty(from) || is_empty(to) {
        return Ok(empty());
    }
    let length = match (When::of(from)?, When::of(to)?) {
        (When::Instant(from), When::Instant(to)) => to.timestamp().duration_since(from.timestamp()),
        (from, to) => to.local().duration_since(from.local()),
    };
    hours_of(length.as_millis()).ok_or_else(|| number::too_large("hours"))
}

/// A length in hours, exactly as far as it can be written.
pub(crate) fn hours_of(ms: i128) -> Option<Value> {
    const MS_PER_HOUR: u32 = 3_600_000;
    let ms = Decimal::try_from_i128_with_scale(ms, 0).ok()?;
    number::quotient(ms, Decimal::from(MS_PER_HOUR)).map(number::value_of)
}

/// The name under which an expression's scope holds the calendar of its step: none that a file could write.
pub(crate) const CALENDAR: &str = "the calendar";

#[derive(Debug)]
struct OfStep(Arc<Calendar>);

impl Object for OfStep {}

/// The calendar as a scope holds it.
pub(crate) fn calendar_value(calendar: Arc<Calendar>) -> Value {
    Value::from_object(OfStep(calendar))
}

fn calendar(state: &State<'_, '_>) -> Result<Arc<Calendar>, Error> {
    let found = state.lookup(CALENDAR).and_then(|value| value.downcast_object::<OfStep>());
    found.map(|found| found.0.clone()).ok_or_else(|| refused("YZ0326", "there is no calendar to count with"))
}

/// Working days after the one, up to and with the other.
fn workdays(state: &State<'_, '_>, from: &Value, to: &Value) -> Result<Value, Error> {
    if is_empty(from) || is_empty(to) {
        return Ok(empty());
    }
    let (from, to) = (When::of(from)?.local().date(), When::of(to)?.local().date());
    Ok(Value::from(calendar(state)?.workdays(from, to)))
}

/// So many working days or open hours later or earlier. Working days keep the time of day.
fn worked(offset: Offset, when: &When, calendar: &Calendar) -> Result<Value, Error> {
    let too_far = || refused("YZ0310", "that is beyond the years this clock knows");
    if let (When::Day(day), Length::Workdays(n)) = (when, offset.length) {
        let found =
            if offset.before { calendar.workday_before(*day, n) } else { calendar.workday_after(*day, n) };
        return found.map(|day| Value::from(day.to_string())).ok_or_else(too_far);
    }
    let zoned = match when {
        When::Instant(zoned) => (**zoned).clone(),
        When::Day(_) | When::Local(_) => {
            when.local().to_zoned(calendar.zone.clone()).map_err(|error| refused("YZ0310", error))?
        }
    };
    let from = Millis(zoned.timestamp().as_millisecond());
    let found = offset.from_due(from, calendar).map_err(|_| too_far())?;
    let found = found.timestamp().ok_or_else(too_far)?.to_zoned(zoned.time_zone().clone());
    Ok(Value::from(match when {
        When::Instant(_) => When::Instant(Box::new(found)).text(),
        When::Day(_) | When::Local(_) => When::Local(found.datetime()).text(),
    }))
}

/// `add("5 days", to)`: later by that much; earlier with a minus.
fn add_span(state: &State<'_, '_>, length: &str, to: &Value) -> Result<Value, Error> {
    if is_empty(to) {
        return Ok(empty());
    }
    let when = When::of(to)?;
    let wrong = || refused("YZ0310", format!("`{length}` is not a length of time such as `4h` or `5 days`"));
    let text = length.trim();
    let digits = text.trim_start_matches(['+', '-']);
    let split = digits.find(|sign: char| !sign.is_ascii_digit()).ok_or_else(wrong)?;
    let number: i64 = digits[..split].parse().map_err(|_| wrong())?;
    let number = if text.starts_with('-') { -number } else { number };
    let span = jiff::Span::new();
    let span = match digits[split..].trim() {
        "s" => span.try_seconds(number),
        "min" => span.try_minutes(number),
        "h" => span.try_hours(number),
        "day" | "days" => span.try_days(number),
        "week" | "weeks" => span.try_weeks(number),
        "month" | "months" => span.try_months(number),
        "year" | "years" => span.try_years(number),
        "workday" | "workdays" | "workhour" | "workhours" => {
            let sign = if text.starts_with('-') { "" } else { "+" };
            let offset = Offset::parse(&format!("{sign}{}", text.trim_start_matches('+')));
            return worked(offset.map_err(|_| wrong())?, &when, &*calendar(state)?);
        }
        _ => return Err(wrong()),
    }
    .map_err(|_| wrong())?;
    let sum = match when {
        When::Day(day) if matches!(digits[split..].trim(), "s" | "min" | "h") => {
            day.at(0, 0, 0, 0).checked_add(span).map(When::Local)
        }
        When::Day(day) => day.checked_add(span).map(When::Day),
        When::Local(local) => local.checked_add(span).map(When::Local),
        When::Instant(zoned) => zoned.checked_add(span).map(|sum| When::Instant(Box::new(sum))),
    };
    sum.map(|sum| Value::from(sum.text())).map_err(|error| refused("YZ0310", error))
}
