//! How values are printed for a reader and written as JSON, and the empty value.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "what the template language may add is printed as it prints itself"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr, ValueKind};

use super::number::is_number;
use super::{json, people};
use crate::problem::Lang;

/// What a skipped step returned: prints nothing, is false, is an empty list where a list belongs, and so is every
/// field of it.
#[derive(Debug)]
struct Empty;

impl Object for Empty {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        key.as_str().map(|_| empty())
    }

    fn get_value_by_str(self: &Arc<Self>, _: &str) -> Option<Value> {
        Some(empty())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Empty
    }

    fn is_true(self: &Arc<Self>) -> bool {
        false
    }

    fn render(self: &Arc<Self>, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}

#[must_use]
pub fn empty() -> Value {
    Value::from_object(Empty)
}

/// Empty, or nothing at all (`none`): what an unanswered field holds.
#[must_use]
pub fn is_empty(value: &Value) -> bool {
    value.is_none() || value.downcast_object_ref::<Empty>().is_some()
}

/// `text` is JSON that we wrote ourselves, or that the border has checked; anything else reads as empty.
#[must_use]
pub fn value_of_json(text: &str) -> Value {
    json::value(text).unwrap_or_else(empty)
}

/// The house's language: it is said once, before the first value is printed, and is the same for all runs.
static ENGLISH: AtomicBool = AtomicBool::new(false);

/// Yes, no and the days of the week print in this language from now on.
pub fn speak(language: Lang) {
    ENGLISH.store(language == Lang::En, Ordering::Relaxed);
}

pub(super) fn spoken() -> Lang {
    if ENGLISH.load(Ordering::Relaxed) { Lang::En } else { Lang::Zh }
}

fn yes_or_no(flag: bool, language: Lang) -> &'static str {
    match (language, flag) {
        (Lang::Zh, true) => "是",
        (Lang::Zh, false) => "否",
        (Lang::En, true) => "yes",
        (Lang::En, false) => "no",
    }
}

/// Prints for a reader: yes and no in words, a list with 、, nothing for nothing.
pub fn print(value: &Value, to: &mut String) {
    if let Some(text) = value.as_str() {
        to.push_str(text);
        return;
    }
    match value.kind() {
        ValueKind::None | ValueKind::Undefined => {}
        ValueKind::Bool => to.push_str(yes_or_no(value.is_true(), spoken())),
        ValueKind::Seq | ValueKind::Iterable => {
            for (at, item) in value.try_iter().into_iter().flatten().enumerate() {
                // Whoever prints refuses what is larger; a list within lists within lists need not be gone through.
                if to.len() > super::MOST_OUTPUT {
                    return;
                }
                if at > 0 {
                    to.push('、');
                }
                print(&item, to);
            }
        }
        ValueKind::Number => write_number(value, to),
        ValueKind::Map => {
            if write_json(value, to).is_err() {
                to.push('…');
            }
        }
        _ => to.push_str(&value.to_string()),
    }
}

#[must_use]
pub fn json_of_value(value: &Value) -> String {
    let mut text = String::new();
    match write_json(value, &mut text) {
        Ok(()) => text,
        Err(_) => "null".to_owned(),
    }
}

/// How deep a value may be nested before it is taken for one that has no end.
const DEEPEST: usize = 64;

/// `Err` says what in the value cannot be JSON.
pub(super) fn write_json(value: &Value, to: &mut String) -> Result<(), String> {
    write_at(value, to, 0)
}

fn write_at(value: &Value, to: &mut String, depth: usize) -> Result<(), String> {
    if depth > DEEPEST {
        return Err(format!("it is nested more than {DEEPEST} deep"));
    }
    if to.len() > super::MOST_OUTPUT {
        return Err("it is larger than 1 MiB".to_owned());
    }
    if is_empty(value) {
        to.push_str("null");
        return Ok(());
    }
    if let Some(text) = value.as_str() {
        write_string(text, to);
        return Ok(());
    }
    match value.kind() {
        ValueKind::Plain if let Some(text) = people::as_text(value) => write_string(&text, to),
        ValueKind::None => to.push_str("null"),
        ValueKind::Bool => to.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => write_number(value, to),
        ValueKind::Plain if is_number(value) => write_number(value, to),
        ValueKind::Seq | ValueKind::Iterable => {
            to.push('[');
            for (at, item) in value.try_iter().map_err(|error| error.to_string())?.enumerate() {
                if at > 0 {
                    to.push(',');
                }
                write_at(&item, to, depth + 1)?;
            }
            to.push(']');
        }
        ValueKind::Map => {
            to.push('{');
            for (at, key) in value.try_iter().map_err(|error| error.to_string())?.enumerate() {
                if at > 0 {
                    to.push(',');
                }
                let item = value.get_item(&key).map_err(|error| error.to_string())?;
                match key.as_str() {
                    Some(key) => write_string(key, to),
                    None => write_string(&key.to_string(), to),
                }
                to.push(':');
                write_at(&item, to, depth + 1)?;
            }
            to.push('}');
        }
        ValueKind::Undefined => return Err("a part of it is not defined".to_owned()),
        other => return Err(format!("a {other} is not a value that can be handed on")),
    }
    Ok(())
}

/// Its digits: no number of ours is a float, and one that comes all the same is written without a power of ten.
fn write_number(value: &Value, to: &mut String) {
    match value.as_i64().filter(|_| value.is_integer()) {
        Some(number) => to.push_str(&number.to_string()),
        None => to.push_str(&value.to_string()),
    }
}

pub(super) fn write_string(text: &str, to: &mut String) {
    if text.bytes().any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        // Writing a string into a string cannot fail.
        return to.push_str(&serde_json::to_string(text).unwrap_or_default());
    }
    // Most texts are written as they are.
    to.push('"');
    to.push_str(text);
    to.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yes_and_no_are_said_in_the_houses_language() {
        let words = |language| [true, false].map(|flag| yes_or_no(flag, language));
        assert_eq!(words(Lang::Zh), ["是", "否"]);
        assert_eq!(words(Lang::En), ["yes", "no"]);
        assert_eq!(spoken(), Lang::Zh, "where nobody has said another");
    }
}
