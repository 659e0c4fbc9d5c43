//! Reads values in which strings are templates: `with`, `let`, `[output]`.

#![expect(clippy::wildcard_enum_match_arm, reason = "TOML has no more kinds, and each key takes one")]

use std::sync::Arc;

use toml::Spanned;
use toml::de::DeValue;

use super::names::ROOTS;
use super::section::{Section, TOP, Text};
use super::{DEEPEST, exact, name_ok};
use crate::expression::{Template, Tree, number_of_words};
use crate::filter::WINDOW;
use crate::plan::Let;

/// The value of `key` in `section`. What has a fault, which is said, becomes something that fits everywhere.
pub(super) fn tree<'a, 'r>(section: &Section<'a, 'r>, key: &str, item: &'r Spanned<DeValue<'a>>) -> Tree {
    of(section, &section.at(key), item, 0)
}

/// Below the `with` of a step; what a trigger maps and what `let` names are values, which anybody may print.
fn goes_to_a_plugin(section: &Section<'_, '_>, path: &str) -> bool {
    let is_with = path
        .strip_prefix(&section.at("with"))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
    is_with && !section.path.starts_with("trigger") && section.path.rsplit('.').next() != Some("let")
}

/// `where`: columns and what they are compared with, a value, a list or a window.
pub(super) fn filter(section: &Section<'_, '_>) -> Option<Tree> {
    let item = section.get("where")?;
    let Some(columns) = item.get_ref().as_table() else {
        section.reader.wrong_type("where", "a table `{ column = value }`", item);
        return None;
    };
    let windows = columns.values().filter_map(|meant| meant.get_ref().as_table());
    for (word, _) in windows.flat_map(|window| window.iter()) {
        let value: &str = word.get_ref();
        if !WINDOW.contains(&value) {
            section.bad_word("where", &Text { value, span: word.span() }, &WINDOW);
        }
    }
    Some(tree(section, "where", item))
}

fn unreadable() -> Tree {
    Tree::Text(Template::unreadable())
}

fn of<'a>(section: &Section<'a, '_>, path: &str, item: &Spanned<DeValue<'a>>, depth: usize) -> Tree {
    if depth > DEEPEST {
        section.say(section.error("YZ0114", item.span()).name("most", DEEPEST.to_string()));
        return unreadable();
    }
    match item.get_ref() {
        DeValue::String(text) => {
            section.reader.template(text, &item.span()).map_or_else(unreadable, Tree::Text)
        }
        DeValue::Array(list) => {
            let items = list.iter().enumerate();
            Tree::List(items.map(|(at, one)| of(section, &format!("{path}[{at}]"), one, depth + 1)).collect())
        }
        DeValue::Table(table) => {
            if table.len() == 1
                && let Some((key, value)) = table.iter().next()
                && let Some(text) = value.get_ref().as_str()
            {
                match key.get_ref().as_ref() {
                    // Never a value: only its name is handed on, and only to a plugin.
                    "secret" => {
                        if !goes_to_a_plugin(section, path) {
                            section.say(section.error("YZ0183", item.span()).name("at", path));
                        }
                        return Tree::Json(secret(text));
                    }
                    "file" => {
                        let template = section.reader.template_file(text, path, &value.span());
                        return template.map_or_else(unreadable, Tree::Text);
                    }
                    _ => {}
                }
            }
            let entries = table.iter().map(|(key, value)| {
                let inner = of(section, &format!("{path}.{}", key.get_ref()), value, depth + 1);
                (Arc::from(key.get_ref().as_ref()), inner)
            });
            Tree::Map(entries.collect())
        }
        other => constant(section, other, item).unwrap_or_else(unreadable),
    }
}

fn constant(section: &Section<'_, '_>, value: &DeValue<'_>, item: &Spanned<DeValue<'_>>) -> Option<Tree> {
    let json = match value {
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Integer(number) => {
            let Some(digits) = exact::whole(number) else {
                section.reader.wrong_type("value", "a number with fewer digits", item);
                return None;
            };
            digits
        }
        DeValue::Float(number) => {
            // Its digits stay as the file has them: `1.50` is sent as `1.50`.
            let Some(number) = number_of_words(&number.as_str().replace('_', "")) else {
                section.reader.wrong_type("value", "a finite number", item);
                return None;
            };
            number.to_string()
        }
        DeValue::Datetime(instant) => serde_json::Value::from(instant.to_string()).to_string(),
        DeValue::String(_) | DeValue::Array(_) | DeValue::Table(_) => return None,
    };
    Some(Tree::Json(json.into()))
}

fn secret(name: &str) -> Arc<str> {
    serde_json::json!({ "secret": name }).to_string().into()
}

/// The names that `let` gives, in file order.
pub(super) fn lets(section: &Section<'_, '_>) -> Vec<Let> {
    let Some(own) = section.section("let") else { return Vec::new() };
    let mut lets: Vec<Let> = Vec::new();
    for (key, value) in own.entries() {
        name_ok(&own, key.value, &key.span);
        if ROOTS.contains(&key.value) {
            reserved(&own, &key);
            continue;
        }
        // What follows a heading belongs to it, also what was meant for the top of the file.
        if section.path.is_empty() && ["owner", "implements", "on_duplicate", "unique"].contains(&key.value) {
            let problem = own.error("YZ0105", key.span).name("key", key.value).name("where", own.name());
            own.say(problem.name("belongs", TOP));
            continue;
        }
        lets.push(Let { name: key.value.into(), value: tree(&own, key.value, value) });
    }
    lets
}

pub(super) fn reserved(section: &Section<'_, '_>, name: &Text<'_>) {
    section.say(section.error("YZ0112", name.span.clone()).name("name", name.value));
}
