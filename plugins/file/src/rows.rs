//! Rows of a csv: from the values of a workflow to cells that no spreadsheet takes for a formula, and back.

use serde_json::{Map, Value};
use yizhan_plugin_api::prelude::{Error, Result};

/// One row as the workflow gives it.
#[derive(Debug)]
pub(crate) enum Row<'a> {
    ByName(&'a Map<String, Value>),
    InOrder(&'a [Value]),
}

pub(crate) fn row<'a>(value: &'a Value, pointer: &str) -> Result<Row<'a>> {
    match value {
        Value::Object(cells) if !cells.is_empty() => Ok(Row::ByName(cells)),
        Value::Array(cells) if !cells.is_empty() => Ok(Row::InOrder(cells)),
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => {
            Err(bad(pointer, "a row is a table of columns and values, or a list of values"))
        }
    }
}

/// A whole table: a list of rows; the columns are those of all rows, in the order they first appear.
pub(crate) fn table(value: &Value, guard: Guard) -> Result<String> {
    let Value::Array(values) = value else {
        return Err(bad("/csv", "a table is a list of rows"));
    };
    let rows: Vec<_> = values
        .iter()
        .enumerate()
        .map(|(at, value)| row(value, &format!("/csv/{at}")))
        .collect::<Result<_>>()?;
    let mut columns: Vec<&str> = Vec::new();
    for row in &rows {
        if let Row::ByName(cells) = row {
            columns.extend(
                cells.keys().map(String::as_str).filter(|name| !columns.contains(name)).collect::<Vec<_>>(),
            );
        }
    }
    let mut text = String::new();
    if !columns.is_empty() {
        text.push_str(&line(columns.iter().map(|name| guard.text(name))));
    }
    for (at, row) in rows.iter().enumerate() {
        match row {
            Row::ByName(cells) => {
                text.push_str(&line(
                    columns
                        .iter()
                        .map(|name| cells.get(*name).map_or_else(String::new, |cell| guard.cell(cell))),
                ));
            }
            Row::InOrder(cells) if columns.is_empty() => {
                text.push_str(&line(cells.iter().map(|cell| guard.cell(cell))))
            }
            Row::InOrder(_) => {
                return Err(bad(&format!("/csv/{at}"), "some rows name their columns and this one does not"));
            }
        }
    }
    Ok(text)
}

/// One line, quoted where needed, with the line end of RFC 4180.
pub(crate) fn line(cells: impl IntoIterator<Item = String>) -> String {
    let cells: Vec<_> = cells.into_iter().map(|cell| quoted(&cell)).collect();
    let mut line = cells.join(",");
    // A line of one empty cell would be no line at all.
    if line.is_empty() {
        line.push_str("\"\"");
    }
    line.push_str("\r\n");
    line
}

fn quoted(cell: &str) -> String {
    let needs = cell.contains([',', '"', '\n', '\r', '\t']) || cell.starts_with(' ') || cell.ends_with(' ');
    if needs { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

/// Whether text that a spreadsheet would run as a formula gets a `'` before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    On,
    Off,
}

impl Guard {
    pub(crate) fn of(safe: bool) -> Self {
        if safe { Self::On } else { Self::Off }
    }

    pub(crate) fn cell(self, value: &Value) -> String {
        match value {
            Value::Null => String::new(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::String(text) => self.text(text),
            Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
                let items: Vec<_> = items.iter().map(|item| Self::Off.cell(item)).collect();
                self.text(&items.join("; "))
            }
            Value::Array(_) | Value::Object(_) => self.text(&value.to_string()),
        }
    }

    pub(crate) fn text(self, text: &str) -> String {
        if self == Self::On && is_formula(text) { format!("'{text}") } else { text.to_owned() }
    }
}

/// Programs skip blanks before the sign, and take the wide signs of Chinese input methods for the narrow ones.
fn is_formula(text: &str) -> bool {
    let is_skipped = |c: char| {
        c.is_whitespace() || c.is_control() || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}')
    };
    let start = text.trim_start_matches(is_skipped);
    if text.starts_with(['\t', '\r', '\n']) && !start.is_empty() {
        return true;
    }
    let sign = ['=', '+', '-', '@', '=', '+', '-', '@'];
    start.starts_with(sign) && !is_number(text) && !start.chars().all(|c| c == '-')
}

/// `-12.50`, `+8613800000000`, `-3%`, `-1.5e6`: what a spreadsheet reads as a number or a reader as a phone number.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = digits.strip_suffix('%').unwrap_or(digits);
    let (whole, exponent) = match digits.split_once(['e', 'E']) {
        Some((whole, exponent)) => (whole, Some(exponent)),
        None => (digits, None),
    };
    let is_whole = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_decimal = match whole.split_once('.') {
        Some((before, after)) => is_whole(before) && is_whole(after),
        None => is_whole(whole),
    };
    let has_exponent = exponent.is_none_or(|text| is_whole(text.strip_prefix(['+', '-']).unwrap_or(text)));
    is_decimal && has_exponent
}

pub(crate) fn bad(pointer: &str, words: &str) -> Error {
    Error::refused("file.bad_csv", words)
        .at(pointer)
        .help("write `csv.\"column\" = value`, or a list of such tables")
}
