//! Cells of a csv: quoted where needed, and so that no spreadsheet takes a text for a formula.

use serde_json::Value;

/// One line, quoted where needed, with the line end of RFC 4180.
pub fn line(cells: impl IntoIterator<Item = String>) -> String {
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
pub enum Guard {
    On,
    Off,
}

impl Guard {
    #[must_use]
    pub fn of(safe: bool) -> Self {
        if safe { Self::On } else { Self::Off }
    }

    #[must_use]
    pub fn cell(self, value: &Value) -> String {
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

    #[must_use]
    pub fn text(self, text: &str) -> String {
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
