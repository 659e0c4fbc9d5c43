//! Turns what came (a text from a page or a csv file, a JSON value) into a field's type.

#![expect(clippy::wildcard_enum_match_arm, reason = "JSON has no more kinds, and each type takes a few")]

use std::cmp::Ordering;

use jiff::civil::{Date, DateTime, Time};
use serde_json::{Value as Json, json};

use super::{Choice, Kind};

/// Longer texts are files.
const LONGEST: usize = 100_000;

pub(super) enum Refusal {
    Type,
    NotOneOf { value: String, known: Vec<String> },
}

pub(super) fn convert(kind: Kind, given: &Json, choices: &[Choice]) -> Result<Json, Refusal> {
    let text = || text_of(given).ok_or(Refusal::Type);
    let taken = match kind {
        Kind::Text => {
            let text = text()?;
            (text.chars().count() <= LONGEST).then(|| Json::from(text.replace("\r\n", "\n")))
        }
        Kind::Number => number(given),
        Kind::Whole => number(given).filter(|number| number.is_i64() || number.is_u64()),
        Kind::Money => money(given),
        Kind::Yesno => yes_or_no(given),
        Kind::Date => date(text()?.trim()).map(|date| Json::from(date.to_string())),
        Kind::Time => time(&narrow(text()?.trim())).map(Json::from),
        Kind::Datetime => instant(text()?.trim()).map(Json::from),
        Kind::Choice => return choice(&text()?, choices).map(Json::from),
        Kind::Choices => return several(given, choices),
        Kind::Phone => phone(&narrow(text()?.trim())).map(Json::from),
        Kind::Email => email(text()?.trim()).map(Json::from),
        Kind::IdCard => id_card(&narrow(text()?.trim())).map(Json::from),
        Kind::File => file(given),
        Kind::Files => match given {
            Json::Array(items) => items.iter().map(file).collect::<Option<Vec<Json>>>().map(Json::Array),
            one => file(one).map(|file| Json::Array(vec![file])),
        },
        Kind::Person => person(text()?.trim()).map(Json::from),
    };
    taken.ok_or(Refusal::Type)
}

fn text_of(given: &Json) -> Option<String> {
    match given {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(flag) => Some(flag.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// Digits and signs of full width, as a Chinese input method gives them, in their ASCII form.
fn narrow(text: &str) -> String {
    text.chars()
        .map(|sign| match sign {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(sign as u32 - 0xfee0).unwrap_or(sign),
            '\u{3000}' => ' ',
            '。' => '.',
            other => other,
        })
        .collect()
}

fn number(given: &Json) -> Option<Json> {
    let text = match given {
        Json::Number(number) => {
            let float = number.as_f64()?;
            let whole = float.fract() == 0.0 && float.abs() < 9e15 && !number.is_i64() && !number.is_u64();
            return Some(if whole { json!(float as i64) } else { given.clone() });
        }
        Json::String(text) => narrow(text.trim()).replace([',', ' '], ""),
        _ => return None,
    };
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+'));
    if !plain {
        return None;
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Some(json!(whole));
    }
    let float = text.parse::<f64>().ok().filter(|float| float.is_finite())?;
    Some(if float.fract() == 0.0 && float.abs() < 9e15 { json!(float as i64) } else { json!(float) })
}

/// No more than two places.
fn money(given: &Json) -> Option<Json> {
    let given = match given {
        Json::String(text) => {
            let text = narrow(text.trim());
            Json::from(text.trim_start_matches(['¥', '￥']).trim_end_matches('元').trim())
        }
        other => other.clone(),
    };
    let amount = number(&given)?;
    let cents = amount.as_f64()? * 100.0;
    ((cents - cents.round()).abs() < 1e-6 && cents.abs() < 1e15).then_some(amount)
}

fn yes_or_no(given: &Json) -> Option<Json> {
    let word = match given {
        Json::Bool(_) => return Some(given.clone()),
        other => text_of(other)?.trim().to_lowercase(),
    };
    match word.as_str() {
        "yes" | "true" | "on" | "1" | "y" | "是" | "对" => Some(Json::Bool(true)),
        "no" | "false" | "off" | "0" | "n" | "否" | "不" | "不是" => Some(Json::Bool(false)),
        _ => None,
    }
}

/// `2026-10-01`, `2026/10/1`, `2026年10月1日`.
fn date(text: &str) -> Option<Date> {
    let text = narrow(text).replace(['/', '年', '月'], "-").replace('日', "");
    let parts: Vec<&str> = text.trim().split('-').map(str::trim).collect();
    let [year, month, day] = parts.as_slice() else { return None };
    if year.len() != 4 {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

fn time(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split(':').collect();
    let (hour, minute, second) = match parts.as_slice() {
        [hour, minute] => (hour, minute, &"0"),
        [hour, minute, second] => (hour, minute, second),
        _ => return None,
    };
    let time = Time::new(hour.parse().ok()?, minute.parse().ok()?, second.parse().ok()?, 0).ok()?;
    Some(if time.second() == 0 {
        time.strftime("%H:%M").to_string()
    } else {
        time.strftime("%H:%M:%S").to_string()
    })
}

/// A time of the zone's clock, or one with its offset, which is kept.
fn instant(text: &str) -> Option<String> {
    if text.parse::<jiff::Timestamp>().is_ok() || text.parse::<jiff::Zoned>().is_ok() {
        return Some(text.to_owned());
    }
    let (day, clock) = text.split_once(['T', ' ', '日'])?;
    let day = if text.contains('日') { format!("{day}日") } else { day.to_owned() };
    let clock = time(&narrow(clock.trim()))?;
    let local = DateTime::from_parts(date(&day)?, clock.parse().ok()?);
    Some(local.strftime("%Y-%m-%dT%H:%M:%S").to_string())
}

fn choice(given: &str, choices: &[Choice]) -> Result<String, Refusal> {
    let given = given.trim();
    let found = choices
        .iter()
        .find(|one| &*one.code == given)
        // A list that somebody typed has labels.
        .or_else(|| choices.iter().find(|one| &*one.label == given));
    found.map(|one| one.code.to_string()).ok_or_else(|| Refusal::NotOneOf {
        value: given.to_owned(),
        known: choices.iter().map(|one| one.code.to_string()).collect(),
    })
}

fn several(given: &Json, choices: &[Choice]) -> Result<Json, Refusal> {
    let words: Vec<String> = match given {
        Json::Array(items) => items.iter().map(text_of).collect::<Option<_>>().ok_or(Refusal::Type)?,
        // A label may hold a comma itself.
        Json::String(text) if choice(text, choices).is_ok() => vec![text.clone()],
        Json::String(text) => text.split(['、', ',', ';', '，', '；', '\n']).map(str::to_owned).collect(),
        _ => return Err(Refusal::Type),
    };
    let mut codes: Vec<String> = Vec::new();
    for word in words.iter().filter(|word| !word.trim().is_empty()) {
        let code = choice(word, choices)?;
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    Ok(Json::from(codes))
}

fn phone(text: &str) -> Option<String> {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-() ".contains(&byte));
    (plain && (3..=20).contains(&digits)).then(|| text.to_owned())
}

fn email(text: &str) -> Option<String> {
    let (user, host) = text.rsplit_once('@')?;
    let good = !user.is_empty()
        && host.contains('.')
        && !host.starts_with('.')
        && !host.ends_with('.')
        && !text.contains(|sign: char| sign.is_whitespace() || sign.is_control() || "<>,;\"".contains(sign));
    good.then(|| text.to_owned())
}

/// 18 characters, of which the last is a checksum (GB 11643).
fn id_card(text: &str) -> Option<String> {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    const CHECKS: &[u8; 11] = b"10X98765432";
    let text = text.to_ascii_uppercase();
    let bytes = text.as_bytes();
    if bytes.len() != 18 || !bytes[..17].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let sum: u32 = bytes.iter().zip(WEIGHTS).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    (bytes[17] == CHECKS[(sum % 11) as usize]).then_some(text)
}

/// What the artifact store knows, or a path below the files' root.
fn file(given: &Json) -> Option<Json> {
    match given {
        Json::String(path) if !path.trim().is_empty() => Some(json!({ "path": path.trim() })),
        Json::Object(map) => {
            let text = |key: &str| map.get(key).and_then(Json::as_str).is_some_and(|text| !text.is_empty());
            (text("artifact") || text("path")).then(|| given.clone())
        }
        _ => None,
    }
}

fn person(text: &str) -> Option<String> {
    let id = text.strip_prefix("person:").unwrap_or(text);
    let good = !id.is_empty() && !id.contains(|sign: char| sign.is_whitespace() || sign == ':');
    good.then(|| format!("person:{id}"))
}

/// How a value stands to a bound: numbers by size, texts by length, dates and times by what is earlier, lists by count.
pub(super) fn against(value: &Json, bound: &Json) -> Option<Ordering> {
    let bound_number = bound.as_f64().or_else(|| bound.as_str().and_then(|text| text.trim().parse().ok()));
    match (value, bound_number) {
        (Json::Number(number), Some(bound)) => number.as_f64()?.partial_cmp(&bound),
        (Json::String(text), Some(bound)) => (text.chars().count() as f64).partial_cmp(&bound),
        (Json::Array(items), Some(bound)) => (items.len() as f64).partial_cmp(&bound),
        // ISO dates and times sort as they are written.
        (Json::String(text), None) => Some(text.as_str().cmp(bound.as_str()?)),
        _ => None,
    }
}
