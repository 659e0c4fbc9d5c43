//! One value in its column: what it is, and how it is written for people.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;
use yizhan_plugin_api::prelude::*;

/// How the values of a column are written
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// As they are
    #[default]
    Auto,
    Text,
    Whole,
    Number,
    /// Two places, thousands apart
    Money,
    /// 0.985 is 98.50%
    Percent,
    Date,
    Datetime,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Empty,
    Text(String),
    Number(Decimal),
    Flag(bool),
    Date(Date),
    Datetime(DateTime),
}

/// With which digits numbers are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digits {
    pub(crate) format: Format,
    /// None: as many as there are.
    pub(crate) places: Option<u32>,
}

impl Digits {
    pub(crate) fn of(format: Format, places: Option<u32>) -> Self {
        let own = match format {
            Format::Whole => Some(0),
            Format::Money | Format::Percent => Some(2),
            Format::Auto | Format::Text | Format::Number | Format::Date | Format::Datetime => None,
        };
        Self { format, places: places.or(own) }
    }

    /// `1,234.50` where people read it, `1234.50` where programs do; a share as `98.50%`.
    pub(crate) fn text(self, number: Decimal, apart: bool) -> String {
        let is_percent = self.format == Format::Percent;
        let number = if is_percent { number * Decimal::ONE_HUNDRED } else { number };
        let mut text = match self.places {
            Some(places) => {
                let half_up = RoundingStrategy::MidpointAwayFromZero;
                let mut round = number.round_dp_with_strategy(places, half_up);
                round.rescale(places);
                round.to_string()
            }
            None => number.to_string(),
        };
        if apart && matches!(self.format, Format::Money | Format::Whole) {
            text = thousands(&text);
        }
        if is_percent {
            text.push('%');
        }
        text
    }
}

fn thousands(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let (whole, places) =
        digits.split_once('.').map_or((digits, None), |(whole, places)| (whole, Some(places)));
    let mut apart = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            apart.push(',');
        }
        apart.push(digit);
    }
    let places = places.map(|places| format!(".{places}")).unwrap_or_default();
    format!("{sign}{apart}{places}")
}

impl Cell {
    /// What a value is in a column of this format; the words of the error say what it is not.
    pub(crate) fn of(json: &str, format: Format, zone: &TimeZone) -> std::result::Result<Self, String> {
        let value: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let text = match &value {
            Value::Null => return Ok(Self::Empty),
            Value::String(text) if text.is_empty() => return Ok(Self::Empty),
            Value::Bool(flag) if matches!(format, Format::Auto | Format::Text) => {
                return Ok(Self::Flag(*flag));
            }
            Value::Number(_) => json.trim().to_owned(),
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => told(&value),
        };
        match format {
            Format::Auto if value.is_number() => number(&text).map(Self::Number),
            Format::Auto | Format::Text => Ok(Self::Text(text)),
            Format::Whole | Format::Number | Format::Money | Format::Percent => {
                number(&text).map(Self::Number)
            }
            Format::Date => time(&text, zone).map(|time| Self::Date(time.date())),
            Format::Datetime => time(&text, zone).map(Self::Datetime),
        }
    }

    /// As a reader sees it; `apart`: thousands stand apart.
    pub(crate) fn shown(&self, digits: Digits, apart: bool) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) => text.clone(),
            Self::Number(number) => digits.text(*number, apart),
            Self::Flag(flag) => if *flag { "是" } else { "否" }.to_owned(),
            Self::Date(date) => date.to_string(),
            Self::Datetime(time) => time.strftime("%Y-%m-%d %H:%M").to_string(),
        }
    }

    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Self::Number(_))
    }
}

/// A list as its parts, anything else as its JSON.
fn told(value: &Value) -> String {
    match value {
        Value::Array(items) => items.iter().map(told).collect::<Vec<_>>().join("、"),
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

fn number(text: &str) -> std::result::Result<Decimal, String> {
    let exact = Decimal::from_str_exact(text.trim()).or_else(|_| Decimal::from_scientific(text.trim()));
    exact.map_err(|_| format!("`{text}` is no number of at most 28 digits"))
}

/// A date begins its day; an instant is told by the clock of the house.
fn time(text: &str, zone: &TimeZone) -> std::result::Result<DateTime, String> {
    let text = text.trim();
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(zone.to_datetime(instant));
    }
    let local = text.parse::<DateTime>().or_else(|_| text.replacen(' ', "T", 1).parse());
    local.map_err(|_| format!("`{text}` is neither a date nor a time"))
}
