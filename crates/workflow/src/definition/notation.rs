//! Says what is wrong with the notation, in the words of somebody who has never heard of TOML.

use std::ops::Range;

use toml::de::DeTable;

use super::{is_repeated, line_around};
use crate::problem::{Place, Problem, wide};

/// Of a file that is something else altogether so many lines are told.
const MOST_TOLD: usize = 24;

/// Faults of the notation: one a line, and one for a bracket that is not closed.
pub(super) fn problems(text: &str, faults: &[toml::de::Error]) -> Vec<Problem> {
    let mut problems: Vec<Problem> = Vec::new();
    let mut faults: Vec<&toml::de::Error> = faults.iter().filter(|fault| !is_repeated(fault)).collect();
    faults.sort_by_key(|fault| start(fault));
    let unclosed = if faults.iter().any(|fault| fault.message().starts_with("unclosed")) {
        open_bracket(text)
    } else {
        None
    };
    if let Some(open) = &unclosed {
        problems.push(bracket(text, open));
    }
    let mut last = None;
    for fault in faults {
        if problems.len() >= MOST_TOLD {
            break;
        }
        let (line, _) = line_of(text, fault);
        // What follows an open bracket is taken for a part of it.
        if last == Some(line.start) || unclosed.as_ref().is_some_and(|open| line.end > open.start) {
            continue;
        }
        last = Some(line.start);
        problems.push(problem(text, fault));
    }
    problems
}

fn start(fault: &toml::de::Error) -> usize {
    fault.span().map_or(0, |span| span.start)
}

/// The line that a fault is about. What is missing at the end of a line is sometimes noticed on the next one.
fn line_of(text: &str, fault: &toml::de::Error) -> (Range<usize>, usize) {
    let at = start(fault).min(text.len());
    let at = if at == text.len() { text.trim_end().len() } else { at };
    (line_around(text, at), at)
}

fn problem(text: &str, fault: &toml::de::Error) -> Problem {
    let (line, at) = line_of(text, fault);
    let whole = &text[line.clone()];
    let cause = fault.message().lines().next().unwrap_or_default();
    let span = fault.span().unwrap_or(0..0);
    let error = |span: Range<usize>, case| {
        let problem = Problem::error("YZ0101", Place::at(span)).name("cause", cause).case(case);
        problem.name("line", whole.trim())
    };
    let fixed = wide::narrowed(whole);
    if let Some(found) = wide::outside_quotes(whole).filter(|_| fixed.contains(['=', '[', ':'])) {
        let place = line.start + found.at..line.start + found.at + found.sign.len_utf8();
        let problem = error(place, "wide").name("sign", found.sign.to_string()).name("ascii", found.ascii);
        return fix(problem, &fixed);
    }
    if let Some(problem) = foreign(text, &line, &span, &error) {
        return problem;
    }
    match cause {
        _ if cause.starts_with("invalid multi-line") => long_text(text, cause, at, error),
        "unclosed table, expected `]`" => heading(error(line.clone(), "heading"), whole),
        _ if cause.starts_with("invalid basic string, expected `\"")
            || cause.starts_with("invalid literal") =>
        {
            quote(text, &line, error)
        }
        _ if cause.starts_with("invalid basic string") => error(span, "control"),
        _ if cause.starts_with("string values must be quoted")
            || cause.starts_with("unexpected leading zero") =>
        {
            unquoted(text, &line, span, error)
        }
        _ if cause.starts_with("invalid boolean") => boolean(text, &line, span, error),
        _ if cause.starts_with("key with no value") => no_value(&line, whole, error),
        _ if cause.starts_with("invalid unquoted key") => key(text, span, whole, error),
        _ if cause.starts_with("missing comma") || cause.starts_with("unexpected key or value") => {
            if let Some(problem) = odd_quotes(&line, whole, error) {
                return problem;
            }
            if cause.starts_with("missing comma") {
                error(before(text, at), "comma")
            } else {
                behind(text, &line, at, error)
            }
        }
        _ if cause.starts_with("extra comma") => error(span, "extra_comma"),
        _ if cause.starts_with("extra `=`") => {
            let fixed = whole.replacen("==", "=", 1);
            fix(error(span, "equals"), &fixed)
        }
        _ if cause.starts_with("missing escaped") || cause.starts_with("too few unicode") => {
            escape(text, &line, span.start, error)
        }
        _ if cause.starts_with("invalid date") || cause.starts_with("invalid time") => error(span, "date"),
        _ if cause.starts_with("cannot extend") => {
            let word = text.get(span.clone()).unwrap_or_default();
            error(span, "extend").name("word", word)
        }
        _ => error(span, "other"),
    }
}

/// What is no TOML at all: signs that cannot be seen, lines of an old Mac, JSON.
fn foreign(
    text: &str,
    line: &Range<usize>,
    span: &Range<usize>,
    error: &impl Fn(Range<usize>, &'static str) -> Problem,
) -> Option<Problem> {
    let whole = &text[line.clone()];
    if let Some((at, sign)) = unseen(whole) {
        let place = line.start + at..line.start + at + sign.len_utf8();
        let problem = error(place, "unseen").name("sign", format!("U+{:04X}", u32::from(sign)));
        return Some(fix(problem, &without_unseen(whole)));
    }
    if whole.contains('\r') && !text.contains('\n') {
        return Some(error(span.clone(), "returns"));
    }
    let is_json = text.trim_start().starts_with('{') && whole.trim_start().starts_with(['{', '}']);
    let at = line.start + whole.len() - whole.trim_start().len();
    is_json.then(|| error(at..at + 1, "json"))
}

/// A text of several lines that never ends.
fn long_text(
    text: &str,
    cause: &str,
    at: usize,
    error: impl Fn(Range<usize>, &'static str) -> Problem,
) -> Problem {
    let mark = if cause.contains("literal") { "'''" } else { "\"\"\"" };
    let open = text.rfind(mark).unwrap_or(at);
    error(open..open + mark.len().min(text.len() - open), "long_quote").name("mark", mark)
}

fn boolean(
    text: &str,
    line: &Range<usize>,
    span: Range<usize>,
    error: impl Fn(Range<usize>, &'static str) -> Problem,
) -> Problem {
    let word = text.get(span.clone()).unwrap_or_default();
    let right = word.to_ascii_lowercase();
    let head = text.get(line.start..span.start).unwrap_or_default();
    let tail = text.get(span.end..line.end).unwrap_or_default();
    let fixed = format!("{head}{right}{tail}");
    fix(error(span, "boolean").name("word", word).name("right", right), &fixed)
}

fn escape(
    text: &str,
    line: &Range<usize>,
    at: usize,
    error: impl Fn(Range<usize>, &'static str) -> Problem,
) -> Problem {
    let whole = &text[line.clone()];
    let head = &text[line.start..text.ceil_char_boundary((at + 1).min(line.end))];
    let at = line.start + head.rfind('\\').unwrap_or_default();
    // Between single quotes nothing has a meaning of its own.
    let fixed = if whole.matches('"').count() == 2 { whole.replace('"', "'") } else { String::new() };
    fix(error(at..at + 1, "escape"), &fixed)
}

/// A way to write the line that is known to be read; a guess that is none is not told.
fn fix(problem: Problem, line: &str) -> Problem {
    let line = line.trim();
    if !line.is_empty() && DeTable::parse(line).is_ok() { problem.name("fixed", line) } else { problem }
}

fn heading(problem: Problem, whole: &str) -> Problem {
    let inner = whole.trim().trim_start_matches('[').split('#').next().unwrap_or_default();
    let inner = inner.trim().trim_end_matches(']').split_whitespace().collect::<Vec<_>>().join(".");
    fix(problem, &format!("[{inner}]"))
}

fn quote(text: &str, line: &Range<usize>, error: impl Fn(Range<usize>, &'static str) -> Problem) -> Problem {
    let whole = &text[line.clone()];
    // The string that is open at the end of the line is the one that lacks its end.
    let mut open: Option<(usize, char)> = None;
    let mut escaped = false;
    for (at, sign) in whole.char_indices() {
        match open {
            Some((_, '"')) if escaped => escaped = false,
            Some((_, '"')) if sign == '\\' => escaped = true,
            Some((_, quote)) if quote == sign => open = None,
            Some(_) => {}
            None if matches!(sign, '"' | '\'') => open = Some((at, sign)),
            None => {}
        }
    }
    let Some((at, mark)) = open else { return error(line.clone(), "other") };
    let tail = whole[at + 1..].trim_end();
    // Brackets behind the text were meant to close it.
    let inner = tail.trim_end_matches(|sign: char| matches!(sign, ']' | '}' | ',') || sign.is_whitespace());
    let closers = &tail[inner.len()..];
    // A quote of full width was meant to close it.
    let inner = if inner.contains('“') { inner } else { inner.trim_end_matches('”') };
    let fixed = format!("{}{inner}{mark}{closers}", &whole[..=at]);
    let end = line.start + at + 1 + tail.len();
    fix(error(line.start + at..end, "quote").name("mark", mark.to_string()), &fixed)
}

fn unquoted(
    text: &str,
    line: &Range<usize>,
    span: Range<usize>,
    error: impl Fn(Range<usize>, &'static str) -> Problem,
) -> Problem {
    let whole = &text[line.clone()];
    if span.is_empty() {
        return error(before(text, span.start), "empty");
    }
    // The parser stops at the first sign that it does not know: the value goes on to the next comma or bracket.
    let rest = text.get(span.start..line.end).unwrap_or_default();
    if let Some(at) = rest.find("//").filter(|at| *at > 0) {
        let fixed = format!("{}{}", &text[line.start..span.start], rest.replacen("//", "#", 1));
        return fix(error(span.start + at..span.start + at + 2, "comment"), &fixed);
    }
    let end = rest.find([',', ']', '}', '#']).unwrap_or(rest.len());
    let word = rest[..end].trim_end().trim_end_matches(';');
    let word = if word.is_empty() { rest.trim_end() } else { word };
    let end = span.start + word.len();
    let tail = text[end..line.end].trim_end().trim_end_matches(';');
    let fixed = format!("{}\"{word}\"{tail}", &text[line.start..span.start]);
    let problem = error(span.start..end, "unquoted").name("word", word);
    if whole.contains("\"\"") { problem } else { fix(problem, &fixed) }
}

fn no_value(
    line: &Range<usize>,
    whole: &str,
    error: impl Fn(Range<usize>, &'static str) -> Problem,
) -> Problem {
    let trimmed = whole.trim();
    let indent = whole.len() - whole.trim_start().len();
    let at = line.start + indent;
    if trimmed.starts_with("//") {
        return fix(error(at..at + 2, "comment"), &trimmed.replacen("//", "#", 1));
    }
    if trimmed.starts_with("- ") {
        return error(at..at + 1, "dash");
    }
    if trimmed.ends_with(']') && !trimmed.contains('[') {
        return fix(error(at..at + trimmed.len(), "heading"), &format!("[{trimmed}"));
    }
    let (key, rest) = trimmed.split_at(trimmed.find([':', ' ']).unwrap_or(trimmed.len()));
    if let Some(value) = rest.trim_start().strip_prefix(':') {
        let colon = at + trimmed.find(':').unwrap_or_default();
        // `steps:` begins a table in YAML.
        if value.trim().is_empty() {
            return error(colon..colon + 1, "yaml").name("word", key);
        }
        return fix(error(colon..colon + 1, "colon"), &valued(key, value));
    }
    fix(error(at..at + trimmed.len(), "no_value"), &valued(key, rest))
}

/// `key = value`, with quotes where the value needs them.
fn valued(key: &str, value: &str) -> String {
    let value = value.trim();
    let plain = format!("{key} = {value}");
    if DeTable::parse(&plain).is_ok() { plain } else { format!("{key} = \"{value}\"") }
}

fn key(
    text: &str,
    span: Range<usize>,
    whole: &str,
    error: impl Fn(Range<usize>, &'static str) -> Problem,
) -> Problem {
    let word = text.get(span.clone()).unwrap_or_default();
    if matches!(word, ":" | "//") {
        return no_value(&line_around(text, span.start), whole, error);
    }
    let fixed = whole.replacen(word, &format!("\"{word}\""), 1);
    let is_heading = whole.trim_start().starts_with('[');
    let problem = error(span, if is_heading { "name" } else { "key" }).name("word", word);
    if is_heading { problem } else { fix(problem, &fixed) }
}

/// Something stands behind the value.
fn behind(
    text: &str,
    line: &Range<usize>,
    at: usize,
    error: impl Fn(Range<usize>, &'static str) -> Problem,
) -> Problem {
    let head = text[line.start..at].trim_end();
    // Before the sign that was not expected there may be a value that ends early: a quote within a text.
    let tail = text[at..line.end].trim_end();
    let (head, tail, at) = if tail.is_empty() {
        let cut = head.char_indices().next_back().map_or(0, |(cut, _)| cut);
        (&head[..cut], &head[cut..], line.start + cut)
    } else {
        (head, tail, at)
    };
    if tail.starts_with("//") {
        return fix(
            error(at..at + 2, "comment"),
            &format!("{} {}", head.trim_end(), tail.replacen("//", "#", 1)),
        );
    }
    let next_key = tail.split_once('=').is_some_and(|(key, _)| is_bare(key.trim()));
    if next_key {
        return error(at..at + tail.len(), "behind").name("word", tail);
    }
    if head.contains('"') && tail.contains('"') {
        let problem = error(at..at + tail.len(), "inner_quote");
        let fixed = single_inside(&text[line.clone()]);
        return match fixed {
            Some(fixed) => fix(problem.case("inner_hole"), &fixed),
            None => problem,
        };
    }
    if head.contains('\'') && tail.contains('\'') {
        let whole = &text[line.clone()];
        let fixed = double_outside(whole).unwrap_or_default();
        return fix(error(at..at + tail.len(), "inner_hole"), &fixed);
    }
    fix(error(at..at + tail.len(), "behind").name("word", tail), head)
}

/// The line with single quotes inside its `{{ … }}`.
fn single_inside(whole: &str) -> Option<String> {
    let (start, end) = (whole.find("{{")?, whole.rfind("}}")?);
    let inner = whole.get(start..end)?;
    (inner.contains('"') && !inner.contains('\'') && inner.matches('"').count().is_multiple_of(2))
        .then(|| format!("{}{}{}", &whole[..start], inner.replace('"', "'"), &whole[end..]))
}

/// A text between single quotes that holds some, between double ones.
fn double_outside(whole: &str) -> Option<String> {
    let (key, value) = whole.split_once('=')?;
    let inner = value.trim().strip_prefix('\'')?.strip_suffix('\'')?;
    (!inner.contains(['"', '\\'])).then(|| format!("{}= \"{inner}\"", key))
}

/// Signs that take no room, or look like a space and are none. Within a text they do no harm.
fn unseen(line: &str) -> Option<(usize, char)> {
    let mut quote = None;
    for (at, sign) in line.char_indices() {
        match quote {
            Some(open) if open == sign => quote = None,
            Some(_) => {}
            None if matches!(sign, '"' | '\'') => quote = Some(sign),
            None if sign == '#' => return None,
            None if is_unseen(sign) => return Some((at, sign)),
            None => {}
        }
    }
    None
}

fn is_unseen(sign: char) -> bool {
    matches!(sign, '\u{a0}' | '\u{ad}' | '\u{2000}'..='\u{200f}' | '\u{202a}'..='\u{202f}' | '\u{2060}' | '\u{feff}')
}

fn without_unseen(line: &str) -> String {
    let spaces = line.replace(['\u{a0}', '\u{202f}'], " ");
    spaces.chars().filter(|sign| !is_unseen(*sign)).collect()
}

/// The last sign before a place, where something is missing.
fn before(text: &str, at: usize) -> Range<usize> {
    let head = text[..text.floor_char_boundary(at)].trim_end();
    let start = head.char_indices().next_back().map_or(0, |(start, _)| start);
    start..head.len()
}

/// A bracket that is still open where a heading or another key begins.
pub(super) fn open_bracket(text: &str) -> Option<Range<usize>> {
    let mut open: Vec<usize> = Vec::new();
    let mut from = 0;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_start();
        let is_heading = trimmed.starts_with('[')
            && trimmed[1..].starts_with(|sign: char| sign.is_ascii_lowercase())
            && (open.is_empty() || trimmed.trim_end().ends_with(']'));
        let is_key = trimmed.split_once('=').is_some_and(|(key, _)| is_bare(key.trim_end()));
        if let Some(first) = open.last().filter(|_| is_heading || is_key) {
            return Some(*first..first + 1);
        }
        if !is_heading {
            brackets(line, from, &mut open);
        }
        from += line.len();
    }
    open.last().map(|first| *first..first + 1)
}

/// What may be a key without quotes.
fn is_bare(key: &str) -> bool {
    !key.is_empty()
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// A quote that is missing in the middle of a line: a text then holds what was meant to follow it.
fn odd_quotes(
    line: &Range<usize>,
    whole: &str,
    error: impl Fn(Range<usize>, &'static str) -> Problem,
) -> Option<Problem> {
    if whole.matches('"').count().is_multiple_of(2) || whole.contains('\\') {
        return None;
    }
    let mut from = 0;
    let texts: Vec<(usize, &str)> = whole
        .split('"')
        .enumerate()
        .filter_map(|(count, part)| {
            let start = from;
            from += part.len() + 1;
            (count % 2 == 1).then_some((start, part))
        })
        .collect();
    // `客户姓名, type = ` cannot have been meant as one text.
    let (start, swallowed) = texts.into_iter().find(|(_, part)| part.trim_end().ends_with('='))?;
    let end = swallowed.rfind(',').map_or(swallowed.len(), |comma| comma);
    let fixed = format!("{}\"{}", &whole[..start + end], &whole[start + end..]);
    let place = line.start + start - 1..line.start + start + end;
    Some(fix(error(place, "quote").name("mark", "\""), &fixed))
}

fn brackets(line: &str, from: usize, open: &mut Vec<usize>) {
    let mut quote = None;
    for (at, byte) in line.bytes().enumerate() {
        match (quote, byte) {
            (Some(mark), _) if byte == mark => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'#') => return,
            (None, b'[' | b'{') => open.push(from + at),
            (None, b']' | b'}') => drop(open.pop()),
            (None, _) => {}
        }
    }
}

fn bracket(text: &str, open: &Range<usize>) -> Problem {
    let mark = &text[open.clone()];
    let close = if mark == "[" { "]" } else { "}" };
    let around = line_around(text, open.start);
    let line = &text[around.clone()];
    if !line.matches('"').count().is_multiple_of(2) {
        let error = |span: Range<usize>, case| Problem::error("YZ0101", Place::at(span)).case(case);
        return quote(text, &around, |span, case| error(span, case).name("cause", "unclosed"));
    }
    let problem = Problem::error("YZ0101", Place::at(open.clone())).case("bracket");
    let problem = problem.name("mark", mark).name("close", close).name("cause", "unclosed");
    fix(problem.name("line", line.trim()), &format!("{}{close}", line.trim_end().trim_end_matches(',')))
}
