//! Writes values as TOML 1.0 has them, and long inline tables as dotted keys.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{WIDTH, edited, lines, width};

/// The text with every value that is too long, or that TOML 1.0 does not have, written otherwise.
pub(super) fn unfolded(text: &str, root: &DeTable<'_>) -> String {
    let mut edits = Vec::new();
    for line in lines(text, root) {
        let start = text[..line.key.start].rfind('\n').map_or(0, |at| at + 1);
        let indent = &text[start..line.key.start];
        let mut written = Vec::new();
        let (path, last) = (&text[line.key.start..line.last], &text[line.last..line.key.end]);
        write_out(text, indent, (path, last), line.item, &mut written);
        if let [Out::Line { value, .. }] = written.as_slice() {
            if *value != text[line.value.clone()] {
                edits.push((line.value, value.clone()));
            }
            continue;
        }
        // A remark behind a table stands above its keys now.
        let end = text[line.value.end..].find('\n').map_or(text.len(), |at| line.value.end + at);
        let remark = text[line.value.end..end].trim();
        let mut all: Vec<String> = if remark.is_empty() { Vec::new() } else { vec![remark.to_owned()] };
        all.extend(in_line(written));
        edits.push((line.key.start..end, all.join(&format!("\n{indent}"))));
    }
    edited(text, edits)
}

/// What takes the place of a line.
enum Out {
    Line { path: String, last: String, value: String },
    Remark(String),
}

/// As text, with the keys of each table in line.
fn in_line(written: Vec<Out>) -> Vec<String> {
    let mut widest: BTreeMap<String, usize> = BTreeMap::new();
    for out in &written {
        if let Out::Line { path, last, .. } = out {
            let known = widest.entry(path.clone()).or_default();
            *known = width(last).max(*known);
        }
    }
    let lines = written.into_iter().map(|out| match out {
        Out::Remark(remark) => remark,
        Out::Line { path, last, value } => {
            let pad = widest.get(&path).copied().unwrap_or(0).saturating_sub(width(&last));
            format!("{path}{last}{} = {value}", " ".repeat(pad))
        }
    });
    lines.collect()
}

fn write_out(
    text: &str,
    indent: &str,
    (path, last): (&str, &str),
    item: &Spanned<DeValue<'_>>,
    to: &mut Vec<Out>,
) {
    let one = tidy(text, item);
    let table = item.get_ref().as_table().filter(|table| !table.is_empty());
    let wide = [indent, path, last, " = ", &one.text].into_iter().map(width).sum::<usize>();
    let fits = one.remarks.is_empty() && wide <= WIDTH;
    let Some(table) = table.filter(|_| !fits) else {
        to.extend(one.remarks.into_iter().map(Out::Remark));
        to.push(Out::Line { path: path.to_owned(), last: last.to_owned(), value: one.text });
        return;
    };
    let (entries, remarks) = entries(text, &item.span(), table);
    for entry in entries {
        to.extend(entry.remarks.into_iter().map(Out::Remark));
        let (inner, key) = text[entry.key.clone()].split_at(entry.last - entry.key.start);
        write_out(text, indent, (&format!("{path}{last}.{inner}"), key), entry.item, to);
    }
    to.extend(remarks.into_iter().map(Out::Remark));
}

/// A value in TOML 1.0, with the remarks that one line cannot hold.
struct Tidy {
    remarks: Vec<String>,
    text: String,
}

fn tidy(text: &str, item: &Spanned<DeValue<'_>>) -> Tidy {
    let own = &text[item.span()];
    let plain = |text: String| Tidy { remarks: Vec::new(), text };
    match item.get_ref() {
        DeValue::String(_) => plain(with_old_escapes(own)),
        DeValue::Datetime(_) => plain(with_seconds(own)),
        DeValue::Table(table) => joined(text, &item.span(), table),
        DeValue::Array(items) => {
            let start = item.span().start;
            let edits = items.iter().map(|inner| {
                let Tidy { remarks, text } = tidy(text, inner);
                let above: String = remarks.iter().map(|remark| format!("{remark}\n  ")).collect();
                (inner.span().start - start..inner.span().end - start, above + &text)
            });
            plain(edited(own, edits.collect()))
        }
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) => plain(own.to_owned()),
    }
}

/// An inline table on one line.
fn joined(text: &str, span: &Range<usize>, table: &DeTable<'_>) -> Tidy {
    let (entries, last) = entries(text, span, table);
    let mut remarks = Vec::new();
    let mut parts = Vec::new();
    for entry in entries {
        remarks.extend(entry.remarks);
        let inner = tidy(text, entry.item);
        remarks.extend(inner.remarks);
        parts.push(format!("{} = {}", &text[entry.key], inner.text));
    }
    remarks.extend(last);
    let text = if parts.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", parts.join(", ")) };
    Tidy { remarks, text }
}

/// One key of an inline table.
struct Entry<'t, 'i> {
    remarks: Vec<String>,
    key: Range<usize>,
    /// Where its last part begins.
    last: usize,
    item: &'t Spanned<DeValue<'i>>,
}

/// The keys as they are written, and the remarks behind the last.
fn entries<'t, 'i>(
    text: &str,
    span: &Range<usize>,
    table: &'t DeTable<'i>,
) -> (Vec<Entry<'t, 'i>>, Vec<String>) {
    let mut leaves = Vec::new();
    leaves_of(text, table, &mut leaves);
    leaves.sort_by_key(|(key, _)| key.start);
    let mut at = span.start + 1;
    let mut entries = Vec::new();
    for (key, item) in leaves {
        let (remarks, skipped) = between(&text[at..key.start]);
        entries.push(Entry { remarks, key: at + skipped..key.end, last: key.start, item });
        at = item.span().end;
    }
    let (last, _) = between(text.get(at..span.end.saturating_sub(1)).unwrap_or_default());
    (entries, last)
}

/// `{ a.b = 1 }` is read as a table in a table, and written as one key.
fn leaves_of<'t, 'i>(
    text: &str,
    table: &'t DeTable<'i>,
    found: &mut Vec<(Range<usize>, &'t Spanned<DeValue<'i>>)>,
) {
    for (key, item) in table.iter() {
        match item.get_ref().as_table().filter(|_| !text[item.span().start..].starts_with('{')) {
            Some(inner) => leaves_of(text, inner, found),
            None => found.push((key.span(), item)),
        }
    }
}

/// The remarks between two keys, and how long it is to where the next begins.
fn between(gap: &str) -> (Vec<String>, usize) {
    let mut remarks = Vec::new();
    let mut rest = gap;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n', ',']);
        if !rest.starts_with('#') {
            return (remarks, gap.len() - rest.len());
        }
        let end = rest.find('\n').unwrap_or(rest.len());
        remarks.push(rest[..end].trim_end().to_owned());
        rest = &rest[end..];
    }
}

/// `\e` and `\xHH` came with TOML 1.1.
fn with_old_escapes(own: &str) -> String {
    if !own.starts_with('"') || !own.contains('\\') {
        return own.to_owned();
    }
    let mut text = String::with_capacity(own.len());
    let mut letters = own.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            text.push(letter);
            continue;
        }
        match letters.next() {
            Some('e') => text.push_str("\\u001B"),
            Some('x') => {
                text.push_str("\\u00");
                text.extend(letters.by_ref().take(2));
            }
            Some(other) => text.extend(['\\', other]),
            None => text.push('\\'),
        }
    }
    text
}

/// So did a time without seconds.
fn with_seconds(own: &str) -> String {
    let Some(colon) = own.find(':') else { return own.to_owned() };
    let minutes = colon + 3;
    match own.get(minutes..) {
        Some(rest) if !rest.starts_with(':') => format!("{}:00{rest}", &own[..minutes]),
        _ => own.to_owned(),
    }
}
