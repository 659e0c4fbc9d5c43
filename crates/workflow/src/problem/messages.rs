//! The catalogue of messages: for each code and language a sentence, labels, help and a page.

use std::borrow::Borrow;
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

/// A message file: lines `sentence:`, `label:`, `cause:`, `help:` (any number), then `---`, then the page. A line
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
    let sentence = message.line("sentence", None).replace('{', "‹").replace('}', "›");
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
                let value = if OURS.contains(&name) { in_language(value, language) } else { value };
                text.extend(value.chars().map(visible));
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
static WORDS: LazyLock<BTreeMap<&'static str, &'static str>> = LazyLock::new(|| {
    // The last ` = ` divides, as an example may hold one.
    include_str!("../../messages/zh/words.txt").lines().filter_map(divided).collect()
});

fn divided(line: &'static str) -> Option<(&'static str, &'static str)> {
    let at = line.match_indices(" = ").find(|(at, _)| {
        let english = &line[..*at];
        english.matches('{').count() == english.matches('}').count()
            && english.matches('"').count().is_multiple_of(2)
    })?;
    Some((&line[..at.0], &line[at.0 + 3..]))
}

fn in_language(word: &str, language: Lang) -> &str {
    match language {
        Lang::En => word,
        Lang::Zh => WORDS.get(word).copied().unwrap_or(word),
    }
}
