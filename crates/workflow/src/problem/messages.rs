//! The catalogue of messages: for each code and language a sentence, labels, help and a page.

use std::borrow::{Borrow, Cow};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Each file of `messages/`: language, code, text.
const FILES: &[(&str, &str, &str)] = include!(concat!(env!("OUT_DIR"), "/messages.rs"));

static MESSAGES: LazyLock<BTreeMap<(Lang, &'static str), Message>> = LazyLock::new(|| {
    FILES
        .iter()
        .map(|(language, code, text)| {
            let language = if *language == "zh" { Lang::Zh } else { Lang::En };
            ((language, *code), Message::read(text))
        })
        .collect()
});

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lang {
    Zh,
    En,
}

impl Lang {
    /// By the locale's name: `zh_CN.UTF-8`.
    #[must_use]
    pub fn of_locale(locale: &str) -> Self {
        if locale.to_ascii_lowercase().starts_with("zh") { Self::Zh } else { Self::En }
    }
}

/// A message file: lines `title:`, `sentence:`, `label:`, `cause:`, `help:` (any number), then `---`, then the page. A line
/// `sentence.tab:` goes before `sentence:` where the fault is of the case `tab`.
pub(super) struct Message {
    pub(super) head: &'static str,
    page: &'static str,
}

impl Message {
    fn read(text: &'static str) -> Self {
        let (head, page) = text.split_once("\n---\n").unwrap_or((text, ""));
        Self { head, page: page.trim() }
    }

    /// The lines of a kind: those of the case, where it has some of its own.
    pub(super) fn lines(&self, kind: &str, case: Option<&str>) -> Vec<&'static str> {
        let lines = |key: &str| -> Vec<&'static str> {
            self.head.lines().filter_map(|line| line.strip_prefix(key)).map(str::trim).collect()
        };
        let own = case.map(|case| lines(&format!("{kind}.{case}:"))).unwrap_or_default();
        if own.is_empty() { lines(&format!("{kind}:")) } else { own }
    }

    pub(super) fn line(&self, kind: &str, case: Option<&str>) -> &'static str {
        self.lines(kind, case).first().copied().unwrap_or_default()
    }

    pub(super) fn of(code: &str, language: Lang) -> Option<&'static Self> {
        MESSAGES
            .iter()
            .find(|((lang, known), _)| *lang == language && *known == code)
            .map(|(_, message)| message)
    }
}

/// The page behind a code: what it means, a wrong and a right example. Without regard to case.
#[must_use]
pub fn explain(code: &str, language: Lang) -> Option<String> {
    let code = code.trim().to_ascii_uppercase();
    let message = Message::of(&code, language)?;
    // A sentence that comes from elsewhere as a whole has a title for its page.
    let title = Some(message.line("title", None)).filter(|title| !title.is_empty());
    let title = title.unwrap_or_else(|| message.line("sentence", None));
    let sentence = title.replace('{', "‹").replace('}', "›");
    Some(format!("# {code}: {sentence}\n\n{}\n", message.page))
}

/// All codes that have a page, in order.
#[must_use]
pub fn codes() -> Vec<&'static str> {
    let mut codes: Vec<&str> = MESSAGES.keys().map(|(_, code)| *code).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// Puts names into a line; `None` where it asks for one that is not given. Only `{word}` is a name: `{{ … }}` and
/// `{ secret = … }` are examples and stay.
pub(super) fn filled<N: Borrow<str> + Ord>(
    line: &str,
    names: &BTreeMap<N, String>,
    language: Lang,
) -> Option<String> {
    let mut text = String::with_capacity(line.len() + 32);
    let mut rest = line;
    while let Some(open) = rest.find('{') {
        text.push_str(&rest[..open]);
        rest = &rest[open..];
        let name = rest[1..].split_once('}').map(|(name, _)| name);
        match name.filter(|name| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        }) {
            Some(name) => {
                let value = names.get(name)?;
                let value = if OURS.contains(&name) { in_language(value, language) } else { value.into() };
                // What a library says in its own words stands in brackets, behind what kind of fault it is.
                if name == "cause" && language == Lang::Zh && is_foreign(&value) {
                    text.extend(format!("({value})").chars().map(visible));
                } else if name == "fixed" {
                    // This is copied into the file.
                    text.extend(value.replace('\t', " ").chars().map(visible));
                } else {
                    text.extend(value.chars().map(visible));
                }
                rest = &rest[name.len() + 2..];
            }
            None => {
                text.push('{');
                rest = &rest[1..];
            }
        }
    }
    text.push_str(rest);
    Some(text)
}

/// Names whose values are our own words; the others are what the author wrote, and stay as they are.
const OURS: &[&str] =
    &["belongs", "bound", "cause", "found", "kind", "sort", "type", "unlike", "wanted", "where", "why"];

/// Signs that could not be seen in a sentence.
fn visible(sign: char) -> char {
    match sign {
        '\t' => '⇥',
        '\n' => '⏎',
        '\u{3000}' => '␣',
        other => other,
    }
}

/// Words that the reader's faults are made of, `English = 中文` a line.
static WORDS: LazyLock<BTreeMap<&'static str, &'static str>> =
    LazyLock::new(|| include_str!("../../messages/zh/words.txt").lines().filter_map(divided).collect());

/// The first ` = ` that stands in no example divides.
fn divided(line: &'static str) -> Option<(&'static str, &'static str)> {
    let at = line.match_indices(" = ").find(|(at, _)| {
        let english = &line[..*at];
        ['"', '`'].iter().all(|mark| english.matches(*mark).count().is_multiple_of(2))
    })?;
    Some((&line[..at.0], &line[at.0 + 3..]))
}

/// Sentences with places for what differs, `English {} = 中文 {}` a line; what stands in a place is put into the language, too.
static CAUSES: LazyLock<Vec<(&'static str, &'static str)>> =
    LazyLock::new(|| include_str!("../../messages/zh/causes.txt").lines().filter_map(divided).collect());

pub(super) fn in_language(word: &str, language: Lang) -> Cow<'_, str> {
    if language == Lang::En {
        return word.into();
    }
    if let Some(known) = WORDS.get(word) {
        return (*known).into();
    }
    let shaped = CAUSES.iter().find_map(|(english, chinese)| Some((parts_of(word, english)?, chinese)));
    let Some((parts, chinese)) = shaped else { return word.into() };
    let mut parts = parts.into_iter();
    let mut text = String::new();
    for (at, piece) in chinese.split("{}").enumerate() {
        if at > 0 {
            text.push_str(&in_language(parts.next().unwrap_or_default(), language));
        }
        text.push_str(piece);
    }
    text.into()
}

/// What stands in the places of a sentence, if it is that one.
fn parts_of<'w>(word: &'w str, shape: &str) -> Option<Vec<&'w str>> {
    let mut pieces = shape.split("{}");
    let mut rest = word.strip_prefix(pieces.next()?)?;
    let mut parts = Vec::new();
    let mut pieces = pieces.peekable();
    while let Some(piece) = pieces.next() {
        let end = if pieces.peek().is_some() { rest.find(piece)? } else { rest.strip_suffix(piece)?.len() };
        parts.push(&rest[..end]);
        rest = &rest[end + piece.len()..];
    }
    rest.is_empty().then_some(parts)
}

/// A sentence of another language: words, and none of ours.
pub(super) fn is_foreign(text: &str) -> bool {
    let latin = |word: &str| word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    text.is_ascii() && text.split_whitespace().filter(|word| latin(word)).count() > 1
}
