//! Text for people: tables whose columns line up under Chinese too, and instants in the house's time.

use jiff::tz::TimeZone;
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use crate::language::Language;

/// Lines up columns; the last one is left as long as it is.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let widths: Vec<usize> = (0..head.len())
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width());
            cells.chain([head[column].width()]).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    for row in std::iter::once(&head).chain(rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width.saturating_sub(cell.width()) + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A text of the API, or nothing.
pub(crate) fn text(value: &Value, key: &str) -> String {
    match value.get(key) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// An instant of the API (milliseconds or RFC 3339), on the house's clock.
pub(crate) fn instant(value: &Value, key: &str, zone: &TimeZone) -> String {
    let instant = match value.get(key) {
        Some(Value::Number(ms)) => ms.as_i64().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    instant.map_or_else(String::new, |instant: jiff::Timestamp| {
        instant.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
    })
}

/// A due time of the API, marked where it has passed.
pub(crate) fn due(value: &Value, zone: &TimeZone, language: Language) -> String {
    let at = instant(value, "due", zone);
    if value["late"] == true { format!("{at} {}", language.pick("逾期", "LATE")) } else { at }
}

/// What a clock of the API says beside its due time, a line each: that it is a guess; when the clock stood, and why.
pub(crate) fn ledger(clock: &Value, zone: &TimeZone, language: Language) -> Vec<String> {
    let guess = clock.get("guess").filter(|guess| guess.is_object()).map(|guess| {
        let (calendar, year) = (text(guess, "calendar"), text(guess, "year"));
        language.pick(
            format!("注意: 日历“{calendar}”没有 {year} 年的节假日,期限是估计的"),
            format!("note: the due time is a guess: the calendar `{calendar}` does not know the holidays of {year}"),
        )
    });
    let all = clock["ledger"].as_array().into_iter().flatten();
    let stood = all.map(|stood| {
        let why = [text(stood, "file"), text(stood, "by"), text(stood, "reason")];
        let why: Vec<String> = why.into_iter().filter(|part| !part.is_empty()).collect();
        let (from, to) = (instant(stood, "from", zone), instant(stood, "to", zone));
        format!("{}: {from} – {to} {}", language.pick("停表", "clock stood"), why.join(" "))
    });
    guess.into_iter().chain(stood).collect()
}

/// A list's texts in one line, or the one text.
pub(crate) fn list(value: &Value, between: &str) -> String {
    let one = value.as_str().into_iter();
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .chain(one)
        .collect::<Vec<_>>()
        .join(between)
}

/// A value as a person reads it: a text without quotes, an object as `key: value` lines below each other.
pub(crate) fn value(shown: &Value, indent: usize) -> String {
    match shown {
        Value::Null => String::new(),
        Value::String(text) => text.replace('\n', &format!("\n{}", " ".repeat(indent))),
        Value::Object(map) => map.iter().fold(String::new(), |mut text, (key, inner)| {
            if !text.is_empty() {
                text.push('\n');
                text.push_str(&" ".repeat(indent));
            }
            text.push_str(&format!("{key}: {}", value(inner, indent + 2)));
            text
        }),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => shown.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_line_up_under_wide_characters() {
        let rows = vec![vec!["报漏".into(), "open".into()], vec!["a".into(), "done".into()]];
        assert_eq!(table(&["CASE", "STATE"], &rows), "CASE  STATE\n报漏  open\na     done\n");
    }

    #[test]
    fn a_due_time_that_is_a_guess_is_said_to_be_one_and_a_clock_when_it_stood() {
        let stood = json!([{ "from": "2026-11-22T02:00:00Z", "to": "2026-11-22T03:00:00Z", "by": "person:li", "reason": "停电" }]);
        let clock = json!({ "guess": { "calendar": "china", "year": 2027 }, "ledger": stood });
        let lines = ledger(&clock, &TimeZone::UTC, Language::Zh);
        assert_eq!(lines[0], "注意: 日历“china”没有 2027 年的节假日,期限是估计的");
        assert!(lines[1].contains("person:li 停电"), "{lines:?}");
        assert_eq!(ledger(&json!({}), &TimeZone::UTC, Language::En).len(), 0);
    }

    #[test]
    fn instants_are_shown_on_the_houses_clock_however_the_api_writes_them() {
        let zone = yizhan_workflow::schedule::zone("Asia/Shanghai").unwrap();
        let run = json!({"at": 1_767_225_600_000_i64, "text": "2026-01-01T00:00:00Z", "none": null});
        assert_eq!(instant(&run, "at", &zone), "2026-01-01 08:00:00");
        assert_eq!(instant(&run, "text", &zone), "2026-01-01 08:00:00");
        assert_eq!(instant(&run, "none", &zone), "");
    }
}
