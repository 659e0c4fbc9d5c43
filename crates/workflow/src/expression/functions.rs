//! The filters and functions that expressions have beside those of the template language.

#![expect(clippy::wildcard_enum_match_arm, reason = "units of time are many and two are meant")]

use jiff::civil::{Date, DateTime};
use jiff::{Timestamp, Unit, Zoned};
use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value};

use super::print::{self, is_empty};

/// All filters; the machine does not list its own.
pub(super) const FILTERS: &[&str] = &[
    "abs",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "count",
    "csv",
    "d",
    "date",
    "default",
    "dictsort",
    "first",
    "float",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "json",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "money",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
    "zip",
];

/// All tests (`is defined`).
pub(super) const TESTS: &[&str] = &[
    "!=",
    "<",
    "<=",
    "==",
    ">",
    ">=",
    "boolean",
    "defined",
    "divisibleby",
    "empty",
    "endingwith",
    "eq",
    "equalto",
    "even",
    "false",
    "float",
    "ge",
    "gt",
    "greaterthan",
    "in",
    "int",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sameas",
    "sequence",
    "startingwith",
    "string",
    "true",
    "undefined",
    "upper",
];

pub(super) fn add(environment: &mut Environment<'static>) {
    // It would print the whole scope.
    environment.remove_global("debug");
    environment.add_filter("date", date);
    environment.add_filter("money", money);
    environment.add_filter("csv", csv);
    environment.add_filter("default", default);
    environment.add_filter("d", default);
    environment.add_filter("string", |value: &Value| text_of(value));
    environment.add_filter("join", join);
    environment.add_filter("json", |value: &Value| json(value));
    environment.add_filter("tojson", |value: &Value| json(value));
    environment.add_test("empty", |value: &Value| is_empty(value) || value.len() == Some(0));
    environment.add_function("days", |from: &Value, to: &Value| between(from, to, Unit::Day));
    environment.add_function("months", |from: &Value, to: &Value| between(from, to, Unit::Month));
    environment.add_function("hours", hours);
    environment.add_function("add", add_span);
}

fn refused(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

fn text_of(value: &Value) -> String {
    let mut text = String::new();
    print::print(value, &mut text);
    text
}

fn json(value: &Value) -> Result<String, Error> {
    let mut text = String::new();
    print::write_json(value, &mut text).map_err(refused)?;
    Ok(text)
}

fn default(value: &Value, other: Option<Value>) -> Value {
    if value.is_undefined() || is_empty(value) {
        other.unwrap_or_else(|| Value::from(""))
    } else {
        value.clone()
    }
}

fn join(value: &Value, between: Option<&str>, words: Kwargs) -> Result<String, Error> {
    let attribute: Option<String> = words.get("attribute")?;
    words.assert_all_used()?;
    let mut text = String::new();
    for (at, item) in value.try_iter()?.enumerate() {
        if at > 0 {
            text.push_str(between.unwrap_or("、"));
        }
        let item = match &attribute {
            Some(name) => item.get_attr(name)?,
            None => item,
        };
        print::print(&item, &mut text);
    }
    Ok(text)
}

fn money(value: &Value) -> Result<String, Error> {
    if is_empty(value) {
        return Ok(String::new());
    }
    let number = match value.as_str() {
        Some(text) => text.trim().parse::<f64>().ok(),
        None => f64::try_from(value.clone()).ok(),
    };
    number
        .map(|number| format!("{number:.2}"))
        .ok_or_else(|| refused(format!("`{value}` is not an amount of money")))
}

/// A text that a spreadsheet takes for text: it would run what begins with one of these signs.
fn csv(value: &Value) -> String {
    let text = text_of(value);
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err() {
        format!("'{text}")
    } else {
        text
    }
}

/// A date or a time as an expression holds it: a text, or milliseconds since 1970.
enum When {
    Day(Date),
    Local(DateTime),
    Instant(Box<Zoned>),
}

impl When {
    fn of(value: &Value) -> Result<Self, Error> {
        if let Some(ms) = value.as_i64().filter(|_| value.kind() == ValueKind::Number) {
            let instant = Timestamp::from_millisecond(ms).map_err(|error| refused(error.to_string()))?;
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
            .map_err(|_| refused(format!("`{text}` is neither a date nor a time")))
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

/// `| date`, `| date("%Y年%m月%d日")`.
fn date(value: &Value, pattern: Option<&str>) -> Result<String, Error> {
    if is_empty(value) {
        return Ok(String::new());
    }
    let when = When::of(value)?;
    let pattern = pattern.unwrap_or("%Y-%m-%d");
    let shown = match &when {
        When::Instant(zoned) => jiff::fmt::strtime::format(pattern, zoned.as_ref()),
        When::Day(_) | When::Local(_) => jiff::fmt::strtime::format(pattern, when.local()),
    };
    shown.map_err(|error| refused(error.to_string()))
}

fn between(from: &Value, to: &Value, unit: Unit) -> Result<i64, Error> {
    let (from, to) = (When::of(from)?.local().date(), When::of(to)?.local().date());
    let span = from.until((unit, to)).map_err(|error| refused(error.to_string()))?;
    Ok(match unit {
        Unit::Month => i64::from(span.get_months()),
        _ => i64::from(span.get_days()),
    })
}

fn hours(from: &Value, to: &Value) -> Result<f64, Error> {
    let seconds = match (When::of(from)?, When::of(to)?) {
        (When::Instant(from), When::Instant(to)) => {
            to.timestamp().duration_since(from.timestamp()).as_secs_f64()
        }
        (from, to) => to.local().duration_since(from.local()).as_secs_f64(),
    };
    Ok(seconds / 3600.0)
}

/// `add("5 days", to)`: later by that much; earlier with a minus.
fn add_span(length: &str, to: &Value) -> Result<String, Error> {
    let when = When::of(to)?;
    let wrong = || refused(format!("`{length}` is not a length of time such as `4h` or `5 days`"));
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
            return Err(refused("working days come with calendars, which are not built yet"));
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
    sum.map(|sum| sum.text()).map_err(|error| refused(error.to_string()))
}
