//! Puts the equals signs of a block below each other, and blank space in order.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Line, edited, lines, width};

/// The text with the keys of each block in line, where its author lines them up.
pub(super) fn aligned(text: &str, root: &DeTable<'_>) -> String {
    let lines = lines(text, root);
    let mut edits = Vec::new();
    let mut from = 0;
    for to in 1..=lines.len() {
        if to == lines.len() || !is_one_block(text, &lines[to - 1], &lines[to]) {
            align(text, &lines[from..to], &mut edits);
            from = to;
        }
    }
    edited(text, edits)
}

/// Two lines with nothing but remarks between, whose keys differ only in the last part.
fn is_one_block(text: &str, one: &Line<'_, '_>, next: &Line<'_, '_>) -> bool {
    let path = |line: &Line<'_, '_>| text[line.key.start..line.last].to_owned();
    let indent =
        |line: &Line<'_, '_>| line.key.start - text[..line.key.start].rfind('\n').map_or(0, |at| at + 1);
    let mut between = text[one.value.end..next.key.start].split('\n');
    let (_, last) = (between.next(), between.next_back());
    path(one) == path(next)
        && indent(one) == indent(next)
        && last.is_some()
        && between.all(|line| line.trim_start().starts_with('#'))
}

fn align(text: &str, block: &[Line<'_, '_>], edits: &mut Vec<(Range<usize>, String)>) {
    let sign = |line: &Line<'_, '_>| {
        let between = &text[line.key.end..line.value.start];
        line.key.end + between.find('=').unwrap_or(0)
    };
    let lined_up = block.iter().any(|line| sign(line) - line.key.end > 1);
    let widest = block.iter().map(|line| width(&text[line.key.clone()])).max().unwrap_or(0);
    for line in block {
        let own = width(&text[line.key.clone()]);
        let pad = if lined_up { widest - own + 1 } else { 1 };
        let place = line.key.end..line.value.start;
        let new = format!("{}= ", " ".repeat(pad));
        if text[place.clone()] != new {
            edits.push((place, new));
        }
    }
}

/// No space at a line's end, no two empty lines, one line break at the end; texts of many lines stay as they are.
pub(super) fn tidied(text: &str, root: &DeTable<'_>) -> String {
    let mut kept = Vec::new();
    for line in lines(text, root) {
        texts_of(text, line.item, &mut kept);
    }
    let mut new = String::with_capacity(text.len());
    let mut at = 0;
    let mut empty = true;
    for line in text.split_inclusive('\n') {
        let end = at + line.len();
        let inside = |place: usize| kept.iter().any(|span| span.contains(&place));
        let own = match (inside(at), inside(end - 1)) {
            (true, true) => line.to_owned(),
            (_, true) => line.to_owned(),
            (_, false) => format!("{}\n", line.trim_end()),
        };
        at = end;
        let blank = own == "\n" && !inside(end - 1);
        if !(blank && empty) {
            new.push_str(&own);
        }
        empty = blank;
    }
    while new.ends_with("\n\n") {
        new.pop();
    }
    new
}

/// The texts that run over several lines.
fn texts_of(text: &str, item: &Spanned<DeValue<'_>>, found: &mut Vec<Range<usize>>) {
    match item.get_ref() {
        DeValue::String(_) if text[item.span()].contains('\n') => found.push(item.span()),
        DeValue::Array(items) => items.iter().for_each(|inner| texts_of(text, inner, found)),
        DeValue::Table(table) => table.iter().for_each(|(_, inner)| texts_of(text, inner, found)),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => {}
    }
}
