//! The catalogue of messages: for each code and language a sentence, labels, help and a page.

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

/// A message file: lines `sentence:`, `label:`, `cause:`, `help:` (any number), then `---`, then the page.
pub(super) struct Message {
    pub(super) sentence: &'static str,
    pub(super) label: &'static str,
    pub(super) cause: &'static str,
    pub(super) help: Vec<&'static str>,
    page: &'static str,
}

impl Message {
    fn read(text: &'static str) -> Self {
        let (head, page) = text.split_once("\n---\n").unwrap_or((text, ""));
        let line = |key: &str| head.lines().find_map(|line| line.strip_prefix(key)).map_or("", str::trim);
        Self {
            sentence: line("sentence:"),
            label: line("label:"),
            cause: line("cause:"),
            help: head.lines().filter_map(|line| line.strip_prefix("help:")).map(str::trim).collect(),
            page: page.trim(),
        }
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
    let sentence = message.sentence.replace('{', "‹").replace('}', "›");
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

/// Puts names into a line; `None` where it asks for one that is not given.
pub(super) fn filled(line: &str, names: &BTreeMap<&'static str, String>) -> Option<String> {
    let mut text = String::with_capacity(line.len() + 32);
    let mut rest = line;
    while let Some(open) = rest.find('{') {
        let Some(close) = rest[open..].find('}').map(|at| at + open) else { break };
        let name = &rest[open + 1..close];
        text.push_str(&rest[..open]);
        // `{{ … }}` in a message is an example and no name.
        if name.starts_with('{') {
            text.push_str(&rest[open..=close]);
        } else {
            text.push_str(names.get(name)?);
        }
        rest = &rest[close + 1..];
    }
    text.push_str(rest);
    Some(text)
}
