//! Turns what came (a text from a page or a csv file, a JSON value) into a field's type.

#![expect(clippy::wildcard_enum_match_arm, reason = "values have many kinds, and each type takes a few")]

use std::cmp::Ordering;

use jiff::civil::{Date, DateTime, Time};
use minijinja::Value;
use minijinja::value::ValueKind;

use super::{Choice, Kind};
use crate::expression::{compare, exact, is_number, money_of, number_of_words, whole};

/// Longer texts are files.
const LONGEST: usize = 100_000;

pub(super) enum Refusal {
    Type,
    /// A text of more signs than any may have.
    Long(usize),
    NotOneOf {
        value: String,
        known: Vec<String>,
    },
    /// A signature by nobody.
    NoSigner,
    NoWitness,
    /// Who signs is no witness of it.
    SamePerson(String),
}

pub(super) fn convert(kind: Kind, given: &Value, choices: &[Choice]) -> Result<Value, Refusal> {
    let text = || text_of(given).ok_or(Refusal::Type);
    let taken = match kind {
        Kind::Text => {
            let text = text()?;
            if text.chars().count() > LONGEST {
                return Err(Refusal::Long(LONGEST));
            }
            Some(Value::from(text.replace("\r\n", "\n")))
        }
        Kind::Number => number(given),
        Kind::Whole => number(given).and_then(|number| whole(&number)).map(whole_value),
        Kind::Money => money(given),
        Kind::Yesno => yes_or_no(given),
        Kind::Date => date(text()?.trim()).map(|date| Value::from(date.to_string())),
        Kind::Time => time(&narrow(text()?.trim())).map(Value::from),
        Kind::Datetime => instant(text()?.trim()).map(Value::from),
        Kind::Choice => return choice(&text()?, choices).map(Value::from),
        Kind::Choices => return several(given, choices),
        Kind::Phone => phone(&narrow(text()?.trim())).map(Value::from),
        Kind::Email => email(text()?.trim()).map(Value::from),
        Kind::IdCard => id_card(&narrow(text()?.trim())).map(Value::from),
        Kind::File => file(given),
        Kind::Files => match given.kind() {
            ValueKind::Seq => given
                .try_iter()
                .ok()
                .and_then(|items| items.map(|item| file(&item)).collect::<Option<Vec<_>>>())
                .map(Value::from),
            _ => file(given).map(|file| Value::from(vec![file])),
        },
        Kind::Person => person(text()?.trim()).map(Value::from),
        // They look at more than one value.
        Kind::Table | Kind::Checklist | Kind::Signature => None,
    };
    taken.ok_or(Refusal::Type)
}

/// What came as a text, or can stand for one: a number by its digits.
pub(super) fn text_of(given: &Value) -> Option<String> {
    match given.kind() {
        ValueKind::String => given.as_str().map(str::to_owned),
        ValueKind::Bool => Some(given.to_string()),
        _ => is_number(given).then(|| given.to_string()),
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

/// A number keeps the digits it came with.
fn number(given: &Value) -> Option<Value> {
    let Some(text) = given.as_str() else {
        return is_number(given).then(|| given.clone());
    };
    let text = narrow(text.trim()).replace([',', ' '], "");
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+'));
    plain.then(|| number_of_words(&text)).flatten()
}

fn whole_value(number: i128) -> Value {
    i64::try_from(number).map_or_else(|_| Value::from(number), Value::from)
}

/// No more than two places, and always two of them: so it prints.
fn money(given: &Value) -> Option<Value> {
    let amount = match given.as_str() {
        Some(text) => {
            let text = narrow(text.trim());
            number(&Value::from(text.trim_start_matches(['¥', '￥']).trim_end_matches('元').trim()))
        }
        None => number(given),
    };
    money_of(exact(&amount?)?)
}

pub(super) fn yes_or_no(given: &Value) -> Option<Value> {
    if given.kind() == ValueKind::Bool {
        return Some(given.clone());
    }
    let word = text_of(given)?.trim().to_lowercase();
    match word.as_str() {
        "yes" | "true" | "on" | "1" | "y" | "是" | "对" => Some(Value::from(true)),
        "no" | "false" | "off" | "0" | "n" | "否" | "不" | "不是" => Some(Value::from(false)),
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

pub(super) fn choice(given: &str, choices: &[Choice]) -> Result<String, Refusal> {
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

fn several(given: &Value, choices: &[Choice]) -> Result<Value, Refusal> {
    codes(given, choices).map(Value::from)
}

pub(super) fn codes(given: &Value, choices: &[Choice]) -> Result<Vec<String>, Refusal> {
    let words: Vec<String> = match (given.as_str(), given.kind()) {
        // A label may hold a comma itself.
        (Some(text), _) if choice(text, choices).is_ok() => vec![text.to_owned()],
        (Some(text), _) => text.split(['、', ',', ';', '，', '；', '\n']).map(str::to_owned).collect(),
        (None, ValueKind::Seq) => {
            let items = given.try_iter().map_err(|_| Refusal::Type)?;
            items.map(|item| text_of(&item)).collect::<Option<_>>().ok_or(Refusal::Type)?
        }
        (None, _) => return Err(Refusal::Type),
    };
    let mut codes: Vec<String> = Vec::new();
    for word in words.iter().filter(|word| !word.trim().is_empty()) {
        let code = choice(word, choices)?;
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    Ok(codes)
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

/// A file that is kept, and nothing else that is said of it: by a path, whoever fills in a form would choose what a plugin
/// reads below its roots.
pub(super) fn file(given: &Value) -> Option<Value> {
    let part = |key: &'static str| Some((key, given.get_attr(key).ok()?));
    let text = |key| part(key).filter(|(_, text)| text.as_str().is_some_and(|text| !text.is_empty()));
    let size = part("size").filter(|(_, size)| whole(size).is_some());
    let artifact = text("artifact").filter(|_| given.kind() == ValueKind::Map)?;
    Some(Value::from_pairs([Some(artifact), text("name"), text("type"), size].into_iter().flatten()))
}

pub(super) fn person(text: &str) -> Option<String> {
    let id = text.strip_prefix("person:").unwrap_or(text);
    let good = !id.is_empty() && !id.contains(|sign: char| sign.is_whitespace() || sign == ':');
    good.then(|| format!("person:{id}"))
}

/// How a value stands to a bound: numbers by size, texts by length, dates and times by what is earlier, lists by count.
pub(super) fn against(value: &Value, bound: &Value) -> Option<Ordering> {
    let number = match bound.as_str() {
        Some(text) => number_of_words(text),
        None => is_number(bound).then(|| bound.clone()),
    };
    let counted = |count: usize, bound: &Value| compare(&Value::from(count), bound);
    match (value.as_str(), number) {
        (Some(text), Some(bound)) => counted(text.chars().count(), &bound),
        // ISO dates and times sort as they are written.
        (Some(text), None) => Some(text.cmp(bound.as_str()?)),
        (None, Some(bound)) if is_number(value) => compare(value, &bound),
        (None, Some(bound)) if value.kind() == ValueKind::Seq => counted(value.len()?, &bound),
        (None, _) => None,
    }
}
