//! Rows by a list of columns: each value of its kind, and rows that do not fit told apart.

use jiff::civil::{Date, DateTime};
use serde_json::{Map, Number, Value};
use yizhan_plugin_api::prelude::*;

/// So many bad rows are told one by one; the others are counted.
const MOST_TOLD: usize = 200;

/// One column of a file
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Column {
    /// The name of the value in each row
    field: String,
    /// What stands over the column; left out, the name
    #[serde(default)]
    title: Option<String>,
    #[serde(default, rename = "type")]
    kind: Kind,
    /// A row without it does not fit
    #[serde(default)]
    required: bool,
}

/// What the values of a column are
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Text,
    Whole,
    Number,
    /// A number with at most two places
    Money,
    Date,
    Datetime,
    Yesno,
}

/// A row as it stands in the file.
#[derive(Debug)]
pub(crate) struct Line {
    /// As a reader counts, the line of names being the first.
    pub(crate) row: usize,
    pub(crate) values: Map<String, Value>,
    /// Why it is no row at all.
    pub(crate) broken: Option<String>,
}

/// A row that does not fit
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Bad {
    /// Its number in the file, the line of names being the first
    row: u64,
    /// What stands over the column
    column: String,
    why: String,
}

#[derive(Debug, Default)]
pub(crate) struct Sorted {
    pub(crate) rows: Vec<Map<String, Value>>,
    pub(crate) bad: Vec<Bad>,
    pub(crate) bad_count: u64,
}

impl Column {
    fn heading(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.field)
    }
}

/// Rows that fit, under the names of their fields, and why the others do not.
pub(crate) fn sorted(columns: &[Column], names: &[String], lines: Vec<Line>) -> Result<Sorted> {
    for (at, column) in columns.iter().enumerate() {
        if !names.iter().any(|name| name == column.heading()) {
            let words = format!("no column is called `{}`", column.heading());
            return Err(Error::refused("file.no_column", words)
                .at(format!("/columns/{at}"))
                .help(format!("the file has {}", names.join(", "))));
        }
    }
    let mut sorted = Sorted::default();
    for line in lines {
        match row(columns, &line) {
            Ok(row) => sorted.rows.push(row),
            Err((column, why)) => {
                sorted.bad_count += 1;
                if sorted.bad.len() < MOST_TOLD {
                    sorted.bad.push(Bad { row: line.row as u64, column, why });
                }
            }
        }
    }
    Ok(sorted)
}

fn row(columns: &[Column], line: &Line) -> std::result::Result<Map<String, Value>, (String, String)> {
    if let Some(why) = &line.broken {
        return Err((String::new(), why.clone()));
    }
    let mut row = Map::new();
    for column in columns {
        let given = line.values.get(column.heading()).filter(|value| told(value).is_some());
        let value = match given {
            Some(value) => column.kind.of(value),
            None if column.required => Err("it is empty".to_owned()),
            None => Ok(Value::Null),
        };
        let value = value.map_err(|why| (column.heading().to_owned(), why))?;
        row.insert(column.field.clone(), value);
    }
    Ok(row)
}

/// A value as text, without blanks at its ends; none of an empty one.
fn told(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => Some(value.to_string()),
    }
}

impl Kind {
    fn of(self, value: &Value) -> std::result::Result<Value, String> {
        let text = told(value).unwrap_or_default();
        match self {
            Self::Text => Ok(text.into()),
            Self::Whole => digits(&text)
                .parse::<i64>()
                .map(Value::from)
                .map_err(|_| format!("`{text}` is no whole number")),
            Self::Number => number(&text),
            Self::Money => {
                let places = digits(&text).split_once('.').map_or(0, |(_, places)| places.len());
                if places > 2 { Err(format!("`{text}` has more than two places")) } else { number(&text) }
            }
            Self::Date => date(&text).map(|date| date.to_string().into()),
            Self::Datetime => time(&text).map(|time| time.strftime("%Y-%m-%dT%H:%M:%S").to_string().into()),
            Self::Yesno => yesno(&text),
        }
    }
}

/// Without the marks that people put into numbers.
fn digits(text: &str) -> String {
    text.chars().filter(|letter| !matches!(letter, ',' | '\u{FF0C}' | '¥' | '\u{FFE5}' | ' ')).collect()
}

/// A number whose digits are all kept, or none.
fn number(text: &str) -> std::result::Result<Value, String> {
    let plain = digits(text);
    let no_number = || format!("`{text}` is no number");
    let float: f64 = plain.parse().map_err(|_| no_number())?;
    if !plain.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+' | '.')) {
        return Err(no_number()); // `inf`, `nan`
    }
    let kept = if float.fract() == 0.0 && float.abs() < 9e15 {
        Some(Number::from(float as i64))
    } else {
        Number::from_f64(float)
    };
    let significant = plain.chars().filter(char::is_ascii_digit).collect::<String>();
    match kept {
        Some(number) if significant.trim_start_matches('0').len() <= 15 => Ok(Value::Number(number)),
        Some(_) => Err(format!("`{text}` has more than 15 digits")),
        None => Err(no_number()),
    }
}

/// `2026-11-20`, `2026/11/20`, `2026.11.20`, `2026年11月20日`.
fn date(text: &str) -> std::result::Result<Date, String> {
    let no_date = || format!("`{text}` is no date");
    let plain = text.trim_end_matches('日').replace(['年', '月', '/', '.'], "-");
    let day = plain.split(['T', ' ']).next().unwrap_or_default();
    let parts: Vec<&str> = day.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return Err(no_date()) };
    let part = |text: &str| text.parse::<i8>().map_err(|_| no_date());
    let year = year.parse::<i16>().ok().filter(|year| (1000..=9999).contains(year)).ok_or_else(no_date)?;
    Date::new(year, part(month)?, part(day)?).map_err(|_| no_date())
}

/// A date and a time of day, `2026/11/20 8:30`; a date alone begins its day.
fn time(text: &str) -> std::result::Result<DateTime, String> {
    let no_time = || format!("`{text}` is no date with a time");
    let day = date(text).map_err(|_| no_time())?;
    let Some((_, clock)) = text.split_once(['T', ' ']) else { return Ok(day.at(0, 0, 0, 0)) };
    let mut parts = clock.trim().split(':').map(|part| part.parse::<i8>().map_err(|_| no_time()));
    let mut next = || parts.next().unwrap_or(Ok(0));
    let (hour, minute, second) = (next()?, next()?, next()?);
    DateTime::new(day.year(), day.month(), day.day(), hour, minute, second, 0).map_err(|_| no_time())
}

fn yesno(text: &str) -> std::result::Result<Value, String> {
    match text.to_lowercase().as_str() {
        "是" | "有" | "对" | "√" | "✓" | "yes" | "y" | "true" | "1" => Ok(Value::Bool(true)),
        "否" | "无" | "错" | "×" | "✗" | "no" | "n" | "false" | "0" => Ok(Value::Bool(false)),
        _ => Err(format!("`{text}` is neither yes nor no")),
    }
}
