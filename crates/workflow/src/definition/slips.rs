//! Names the slips behind an expression that cannot be read: a sign of another language, a quote that is missing.

use std::ops::Range;

use crate::expression::{Expression, NameKind, SyntaxFault, SyntaxProblem};
use crate::problem::{Place, Problem, wide};

/// The fault in words. `text` is the whole string, in which the fault's place is.
pub(super) fn problem(fault: &SyntaxFault, place: Place, text: &str) -> Problem {
    match &fault.what {
        SyntaxProblem::FullWidth { sign, ascii } => {
            let fixed = wide::narrowed(&text[hole(text, fault.at.start)]);
            let problem =
                Problem::error("YZ0141", place).name("sign", sign.to_string()).name("ascii", *ascii);
            fix(problem, &fixed)
        }
        SyntaxProblem::NotClosed => not_closed(Problem::error("YZ0142", place), &text[fault.at.start..]),
        SyntaxProblem::Other { cause } => {
            let hole = hole(text, fault.at.start);
            let at = fault.at.start.saturating_sub(hole.start);
            let problem = Problem::error("YZ0140", place.clone()).name("cause", cause);
            if let Some((at, inner)) = three_braces(text, fault.at.start) {
                let start = place.start.wrapping_add(at.wrapping_sub(fault.at.start));
                let at = Place { start, end: start + 3, ..place };
                return fix(Problem { place: at, ..problem }.case("braces"), inner);
            }
            match slip(&text[hole.clone()], at, cause) {
                None => problem,
                Some(slip) => {
                    // The place is moved by as much as the slip lies away from where the parser noticed it.
                    let moved = (hole.start + slip.at.start).wrapping_sub(fault.at.start);
                    let start = place.start.wrapping_add(moved);
                    let at = Place { start, end: start + slip.at.len(), ..place };
                    let problem = Problem { place: at, ..problem }.case(slip.case).name("word", slip.word);
                    fix(problem, &slip.fixed)
                }
            }
        }
        SyntaxProblem::Empty => Problem::error("YZ0150", place),
        SyntaxProblem::UnknownWord { kind, word, nearest } => {
            let kind = match kind {
                NameKind::Filter => "filter",
                NameKind::Test => "test",
                NameKind::Function | NameKind::Value | NameKind::Column => "function",
            };
            let problem = Problem::error("YZ0143", place).name("kind", kind).name("word", word);
            match (our_words(word), nearest, as_filter(kind, word)) {
                (Some(ours), _, _) => problem.name("ours", ours),
                (None, Some(nearest), _) => problem.near(Some(nearest.clone())),
                (None, None, Some(ours)) => problem.name("ours", ours),
                (None, None, None) => problem,
            }
        }
        SyntaxProblem::Statement => Problem::error("YZ0149", place),
    }
}

/// What functions and filters of other languages are called in ours.
const WORDS: &[(&str, &str)] = &[
    ("concat", "a ~ b"),
    ("contains", "'x' in a"),
    ("count", "x | length"),
    ("dateadd", "add('5 days', x)"),
    ("datediff", "days(a, b)"),
    ("date_add", "add('5 days', x)"),
    ("date_format", "x | date('%Y-%m-%d')"),
    ("endswith", "x is endingwith('a')"),
    ("format_date", "x | date('%Y-%m-%d')"),
    ("formatdate", "x | date('%Y-%m-%d')"),
    ("iif", "a if x else b"),
    ("if", "a if x else b"),
    ("isempty", "x is empty"),
    ("isnull", "x is empty"),
    ("len", "x | length"),
    ("size", "x | length"),
    ("startswith", "x is startingwith('a')"),
    ("str", "x | string"),
    ("strftime", "x | date('%Y-%m-%d')"),
    ("substr", "x[0:3]"),
    ("substring", "x[0:3]"),
    ("tofixed", "x | money"),
    ("tolower", "x | lower"),
    ("toupper", "x | upper"),
    ("today", "today"),
    ("now", "now"),
];

fn our_words(word: &str) -> Option<&'static str> {
    let small = word.to_lowercase();
    WORDS.iter().find(|(theirs, _)| *theirs == small).map(|(_, ours)| *ours)
}

/// A filter that is called as a function is written behind a `|`.
fn as_filter(kind: &str, word: &str) -> Option<String> {
    let small = word.to_lowercase();
    (kind == "function" && Expression::parse(&format!("x | {small}")).is_ok()).then(|| format!("x | {small}"))
}

/// A guess that cannot be read itself is not told.
fn fix(problem: Problem, expression: &str) -> Problem {
    let expression = expression.trim();
    if !expression.is_empty() && Expression::parse(expression).is_ok() {
        problem.name("fixed", expression)
    } else {
        problem
    }
}

/// `{{{ a }}}`: the third brace would begin a group of values.
fn three_braces(text: &str, at: usize) -> Option<(usize, &str)> {
    let start = text.get(..at)?.rfind("{{{")?;
    let rest = &text[start + 3..];
    Some((start, rest[..rest.find("}}")?].trim()))
}

/// The expression around a place: what stands between braces, or the whole.
fn hole(text: &str, at: usize) -> Range<usize> {
    let at = text.floor_char_boundary(at.min(text.len()));
    let Some(open) = text[..at].rfind("{{").or_else(|| text[at..].starts_with("{{").then_some(at)) else {
        return 0..text.len();
    };
    let start = open + 2;
    let end = text[start..].find("}}").map_or(text.len(), |end| start + end);
    start..end.max(start)
}

fn not_closed(problem: Problem, rest: &str) -> Problem {
    let line = rest.lines().next().unwrap_or_default();
    let (inner, case) = match line.find('}') {
        Some(one) => (&line[2..one.max(2)], Some("one")),
        None => (line.get(2..).unwrap_or_default(), None),
    };
    let problem = case.into_iter().fold(problem, Problem::case);
    if Expression::parse(inner).is_ok() {
        problem.name("fixed", format!("{{{{ {} }}}}", inner.trim()))
    } else {
        problem
    }
}

struct Slip {
    case: &'static str,
    at: Range<usize>,
    word: String,
    fixed: String,
}

fn slip(text: &str, at: usize, cause: &str) -> Option<Slip> {
    let at = text.floor_char_boundary(at.min(text.len()));
    let chosen = || choice(text, at);
    other_sign(text, at)
        .or_else(chosen)
        .or_else(|| chinese_word(text))
        .or_else(|| unquoted(text, at))
        .or_else(|| unfinished(text, cause))
}

/// `=` for `==`, `&&` for `and`, and what else other languages write.
fn other_sign(text: &str, at: usize) -> Option<Slip> {
    let rest = &text[at..];
    let signs = [("&&", "and"), ("&", "and"), ("||", "or"), ("!", "not"), ("=", "=="), ("<>", "!=")];
    for (sign, ours) in signs {
        // The parser takes `|` for the sign of a filter and stops at the second one.
        let begins = if sign == "||" && rest.starts_with('|') { text[..at].ends_with('|') } else { false };
        let start = if begins { at - 1 } else { at };
        if !text[start..].starts_with(sign) || sign == "!" && text[start..].starts_with("!=") {
            continue;
        }
        let case = match ours {
            "==" => "equals",
            _ => "sign",
        };
        let (head, tail) = (&text[..start], &text[start + sign.len()..]);
        let fixed = format!("{} {ours} {}", head.trim_end(), tail.trim_start());
        return Some(Slip { case, at: start..start + sign.len(), word: ours.to_owned(), fixed });
    }
    let word: String = rest.chars().take_while(char::is_ascii_alphabetic).collect();
    let small = word.to_ascii_lowercase();
    (word != small && ["and", "or", "not", "in", "is"].contains(&small.as_str())).then(|| Slip {
        case: "small",
        at: at..at + word.len(),
        word: small.clone(),
        fixed: format!("{}{small}{}", &text[..at], &text[at + word.len()..]),
    })
}

/// `a ? b : c` for `b if a else c`.
fn choice(text: &str, at: usize) -> Option<Slip> {
    let rest = text.get(at..)?.strip_prefix('?')?;
    let (yes, no) = rest.split_once(':')?;
    let fixed = format!("{} if {} else {}", yes.trim(), text[..at].trim(), no.trim());
    Some(Slip { case: "choice", at: at..at + 1, word: "?".to_owned(), fixed })
}

/// `且` for `and`.
fn chinese_word(text: &str) -> Option<Slip> {
    let words =
        [("并且", "and"), ("而且", "and"), ("且", "and"), ("或者", "or"), ("或", "or"), ("不是", "not")];
    words.iter().find_map(|(word, ours)| {
        let at = text.find(&format!(" {word} "))? + 1;
        let fixed = text.replacen(word, ours, 1);
        Some(Slip { case: "sign", at: at..at + word.len(), word: (*ours).to_owned(), fixed })
    })
}

/// A word that is no name: a text without quotes.
fn unquoted(text: &str, at: usize) -> Option<Slip> {
    let first = text[at..].chars().next()?;
    if first.is_ascii() {
        return None;
    }
    let length: usize = text[at..]
        .chars()
        .take_while(|sign| sign.is_alphanumeric() || matches!(sign, '_' | '-'))
        .map(char::len_utf8)
        .sum();
    let end = at + length.max(first.len_utf8());
    let word = text[at..end].to_owned();
    let fixed = format!("{}'{word}'{}", &text[..at], &text[end..]);
    Some(Slip { case: "quotes", at: at..end, word, fixed })
}

/// A bracket that is not closed, or nothing behind a sign.
fn unfinished(text: &str, cause: &str) -> Option<Slip> {
    let mut open: Vec<(usize, char)> = Vec::new();
    let mut quote = None;
    for (at, sign) in text.char_indices() {
        match (quote, sign) {
            (Some((_, mark)), _) if mark == sign => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some((at, sign)),
            (None, '(' | '[' | '{') => open.push((at, sign)),
            (None, ')' | ']' | '}') => drop(open.pop()),
            (None, _) => {}
        }
    }
    if let Some((at, mark)) = quote {
        let fixed = format!("{}{mark}", text.trim_end());
        return Some(Slip { case: "open", at: at..text.trim_end().len(), word: mark.to_string(), fixed });
    }
    if let Some((at, sign)) = open.pop() {
        let close = match sign {
            '(' => ")",
            '[' => "]",
            _ => "}",
        };
        let fixed = format!("{}{close}", text.trim_end());
        return Some(Slip { case: "open", at: at..at + 1, word: close.to_owned(), fixed });
    }
    let end = text.trim_end().len();
    let start = text[..end].char_indices().next_back().map_or(0, |(start, _)| start);
    cause.contains("end of input").then(|| Slip {
        case: "end",
        at: start..end,
        word: text[start..end].to_owned(),
        fixed: String::new(),
    })
}
