//! Checklists, signatures and what is asked of files.

use minijinja::Value;
use minijinja::value::ValueKind;

use super::convert::{self, Refusal};
use super::{Choice, Field, FieldFault, Kind, Witness};
use crate::expression;

/// What expressions read of an answer that has parts.
pub const PARTS: &[(Kind, &[&str])] = &[
    (Kind::Checklist, &["complete", "done", "missing", "reasons"]),
    (Kind::Signature, &["signed", "refused", "by", "witness", "reason", "file"]),
    (Kind::File, &["artifact", "name", "type", "size"]),
];

/// A name, a reason: not a letter.
const LONGEST: usize = 500;

/// Which of the options are there. Given as a list of them, as `{ option = yes or the reason }`, or as it was taken.
pub(super) fn checklist(given: &Value, choices: &[Choice]) -> Result<Value, Refusal> {
    let list = |key: &str| part(given, key).filter(|list| list.kind() == ValueKind::Seq);
    let (mut done, mut reasons) = (Vec::new(), Vec::new());
    if let (ValueKind::Map, true) = (given.kind(), list("done").is_some() || list("missing").is_some()) {
        match (list("done"), list("missing")) {
            (Some(there), _) => done = convert::codes(&there, choices)?,
            (None, missing) => {
                let missing = missing.map_or_else(|| Ok(vec![]), |list| convert::codes(&list, choices))?;
                let there = choices.iter().filter(|one| !missing.contains(&one.code.to_string()));
                done.extend(there.map(|one| one.code.to_string()));
            }
        }
        for (code, why) in part(given, "reasons").iter().flat_map(entries) {
            reasons.push((convert::choice(&code, choices)?, text(&why)?));
        }
    } else if given.kind() == ValueKind::Map {
        for (code, said) in entries(given) {
            let code = convert::choice(&code, choices)?;
            match convert::yes_or_no(&said) {
                Some(yes) if yes.is_true() => done.push(code),
                Some(_) => {}
                None => reasons.push((code, text(&said)?)),
            }
        }
    } else {
        done = convert::codes(given, choices)?;
    }
    let is_done = |one: &&Choice| done.iter().any(|code| **code == *one.code);
    let codes = |there: bool| -> Value {
        choices.iter().filter(|one| is_done(one) == there).map(|one| Value::from(&*one.code)).collect()
    };
    let missing = |one: &&Choice| !is_done(one);
    let why = |one: &Choice| {
        let (_, why) = reasons.iter().rev().find(|(code, _)| **code == *one.code)?;
        Some((Value::from(&*one.code), Value::from(why.as_deref()?)))
    };
    let reasons: Vec<(Value, Value)> = choices.iter().filter(missing).filter_map(why).collect();
    Ok(Value::from_pairs([
        ("complete", Value::from(choices.iter().all(|one| is_done(&one)))),
        ("done", codes(true)),
        ("missing", codes(false)),
        ("reasons", Value::from_pairs(reasons)),
    ]))
}

/// Who signed or refused to, before whom. Given as yes or no, as the name of who signed, or as it was taken.
pub(super) fn signature(field: &Field, given: &Value, is_to_sign: Option<String>) -> Result<Value, Refusal> {
    let is_map = given.kind() == ValueKind::Map;
    let named = |key: &str| match part(given, key).filter(|_| is_map) {
        Some(given) => text(&given).map(|name| name.map(|name| person(&name))),
        None => Ok(None),
    };
    let flag = |key: &str| match part(given, key).filter(|_| is_map) {
        Some(given) => word(&given).map(Some).ok_or(Refusal::Type),
        None => Ok(None),
    };
    let mut by = named("by")?;
    let signed = match (word(given), flag("signed")?, flag("refused")?) {
        (_, Some(signed), Some(refused)) if signed == refused => return Err(Refusal::Type),
        (_, Some(signed), _) => signed,
        (_, None, Some(refused)) => !refused,
        (Some(signed), None, None) => signed,
        (None, None, None) if is_map => true,
        (None, None, None) => {
            by = text(given)?.map(|name| person(&name));
            true
        }
    };
    let by = by.or_else(|| is_to_sign.map(|name| person(&name))).ok_or(Refusal::NoSigner)?;
    let witness = named("witness")?;
    let needed = match field.witness {
        Witness::Never => false,
        Witness::Refused => !signed,
        Witness::Always => true,
    };
    match &witness {
        None if needed => return Err(Refusal::NoWitness),
        Some(witness) if is_same(witness, &by) => return Err(Refusal::SamePerson(by)),
        _ => {}
    }
    let reason = part(given, "reason").filter(|_| is_map);
    let reason = reason.map_or(Ok(None), |reason| text(&reason))?;
    let paper = part(given, "file").filter(|_| is_map);
    let paper = paper.map(|file| convert::file(&file).ok_or(Refusal::Type)).transpose()?;
    Ok(Value::from_pairs([
        ("signed", Value::from(signed)),
        ("refused", Value::from(!signed)),
        ("by", Value::from(by)),
        ("witness", Value::from(witness)),
        ("reason", Value::from(reason)),
        ("file", paper.unwrap_or_else(|| Value::from(()))),
    ]))
}

/// Endings and sizes of files.
pub(super) fn files(field: &Field, value: &Value) -> Result<(), FieldFault> {
    if field.kinds.is_empty() && field.most_bytes.is_none() {
        return Ok(());
    }
    let several = (field.kind == Kind::Files).then(|| value.try_iter().ok()).flatten();
    let one = std::iter::once(value.clone()).filter(|_| field.kind == Kind::File);
    for file in several.into_iter().flatten().chain(one) {
        let name = part(&file, "name").and_then(|name| convert::text_of(&name)).unwrap_or_default();
        let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_lowercase()).unwrap_or_default();
        if !field.kinds.is_empty() && !field.kinds.iter().any(|kind| **kind == *ending) {
            let kinds: Vec<&str> = field.kinds.iter().map(|kind| &**kind).collect();
            let fault = FieldFault::new(field, "YZ0345").name("file", name);
            return Err(fault.name("known", crate::problem::listed(&kinds)));
        }
        let size = part(&file, "size").and_then(|size| expression::whole(&size));
        if let (Some(most), Some(size)) = (field.most_bytes, size)
            && size > i128::from(most)
        {
            let fault = FieldFault::new(field, "YZ0343").name("file", name);
            return Err(fault.name("size", in_words(size)).name("bound", in_words(i128::from(most))));
        }
    }
    Ok(())
}

/// A number of bytes as people write it.
fn in_words(bytes: i128) -> String {
    const UNITS: [&str; 4] = ["B", "KB", "MB", "GB"];
    let (mut tenths, mut unit) = (bytes * 10, 0);
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths = (tenths + 512) / 1024;
        unit += 1;
    }
    let rest = tenths % 10;
    let whole = tenths / 10;
    if rest == 0 { format!("{whole} {}", UNITS[unit]) } else { format!("{whole}.{rest} {}", UNITS[unit]) }
}

fn part(of: &Value, key: &str) -> Option<Value> {
    of.get_attr(key).ok().filter(|part| !part.is_undefined() && !expression::is_empty(part))
}

fn entries(map: &Value) -> Vec<(String, Value)> {
    let keys = map.try_iter().into_iter().flatten();
    let entry = |key: Value| Some((key.as_str()?.to_owned(), map.get_item(&key).ok()?));
    keys.filter_map(entry).collect()
}

/// A short text; an empty one is none.
fn text(given: &Value) -> Result<Option<String>, Refusal> {
    if expression::is_empty(given) {
        return Ok(None);
    }
    let text = convert::text_of(given).ok_or(Refusal::Type)?;
    let text = text.trim();
    if text.chars().count() > LONGEST {
        return Err(Refusal::Type);
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// Whether a word says that it was signed.
fn word(given: &Value) -> Option<bool> {
    match given.as_str().map(str::trim) {
        Some("signed" | "已签" | "已签字" | "签字") => Some(true),
        Some("refused" | "拒签" | "拒绝签字") => Some(false),
        _ => convert::yes_or_no(given).map(|yes| yes.is_true()),
    }
}

/// One of ours is written as everywhere, any other by the name.
fn person(name: &str) -> String {
    let name = name.trim();
    name.starts_with("person:").then(|| convert::person(name)).flatten().unwrap_or_else(|| name.to_owned())
}

fn is_same(one: &str, other: &str) -> bool {
    let bare = |name: &str| {
        let name = name.strip_prefix("person:").unwrap_or(name);
        name.split_whitespace().collect::<String>().to_lowercase()
    };
    bare(one) == bare(other)
}
