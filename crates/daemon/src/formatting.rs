//! Lays a workflow's text out: TOML 1.0, short lines, keys of a block in line. Comments and order stay as they are.
//!
//! It edits places of the text and never prints a tree, so what it has no opinion on is kept to the letter.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use unicode_width::UnicodeWidthStr;

mod block;
mod inline;

/// Columns of a line; a Chinese character takes two. An inline table that leads beyond it becomes dotted keys.
pub(crate) const WIDTH: usize = 160;

/// The text laid out; `None` where it is no TOML.
pub(crate) fn formatted(text: &str) -> Option<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let unfolded = inline::unfolded(text, DeTable::parse(text).ok()?.get_ref());
    let aligned = block::aligned(&unfolded, DeTable::parse(&unfolded).ok()?.get_ref());
    let tidied = block::tidied(&aligned, DeTable::parse(&aligned).ok()?.get_ref());
    // An edit that changed what the file says would be our fault: the file is then better left alone.
    let said = |text: &str| text.parse::<toml::Table>().ok().map(toml::Value::Table).map(with_seconds);
    (said(text) == said(&tidied)).then_some(tidied)
}

/// `07:30` and `07:30:00` say the same.
fn with_seconds(value: toml::Value) -> toml::Value {
    match value {
        toml::Value::Datetime(mut at) => {
            if let Some(time) = &mut at.time {
                time.second = Some(time.second.unwrap_or(0));
            }
            toml::Value::Datetime(at)
        }
        toml::Value::Array(items) => toml::Value::Array(items.into_iter().map(with_seconds).collect()),
        toml::Value::Table(table) => {
            toml::Value::Table(table.into_iter().map(|(key, value)| (key, with_seconds(value))).collect())
        }
        other @ (toml::Value::String(_)
        | toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)) => other,
    }
}

/// A key with its value as they stand on a line of their own.
struct Line<'t, 'i> {
    /// The whole key, with all its dots.
    key: Range<usize>,
    /// Its last part.
    last: usize,
    value: Range<usize>,
    item: &'t Spanned<DeValue<'i>>,
}

/// Every line with a key, from the top.
fn lines<'t, 'i>(text: &str, table: &'t DeTable<'i>) -> Vec<Line<'t, 'i>> {
    let mut found = Vec::new();
    collect(text, table, &mut found);
    found.sort_by_key(|line| line.key.start);
    found
}

fn collect<'t, 'i>(text: &str, table: &'t DeTable<'i>, found: &mut Vec<Line<'t, 'i>>) {
    for (key, item) in table.iter() {
        let inline = text[item.span().start..].starts_with('{');
        let items = item.get_ref().as_array().filter(|items| of_headings(text, items.iter()));
        if let Some(inner) = item.get_ref().as_table().filter(|_| !inline) {
            collect(text, inner, found);
        } else if let Some(items) = items {
            for inner in items.iter().filter_map(|item| item.get_ref().as_table()) {
                collect(text, inner, found);
            }
        } else {
            let last = key.span();
            let start = text[..last.start].rfind('\n').map_or(0, |at| at + 1);
            let indent = text[start..].len() - text[start..].trim_start_matches([' ', '\t']).len();
            let key = start + indent..last.end;
            found.push(Line { key, last: last.start, value: item.span(), item });
        }
    }
}

/// `[[name]]` instead of a list of values.
fn of_headings<'t, 'i: 't>(text: &str, mut items: impl Iterator<Item = &'t Spanned<DeValue<'i>>>) -> bool {
    items.next().is_some_and(|first| {
        first.get_ref().as_table().is_some() && !text[first.span().start..].starts_with('{')
    })
}

/// Replaces places of a text; they do not overlap.
fn edited(text: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(place, _)| place.start);
    let mut new = String::with_capacity(text.len());
    let mut at = 0;
    for (place, with) in edits {
        new.push_str(&text[at..place.start]);
        new.push_str(&with);
        at = place.end;
    }
    new.push_str(&text[at..]);
    new
}

fn width(text: &str) -> usize {
    text.width()
}

#[cfg(test)]
mod tests;
