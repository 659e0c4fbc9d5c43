//! What a fault is called in the reader's language when only its code and its English words have arrived.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use super::messages::{Lang, Message, filled};

/// A fault in words: what is wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Whether the sentence says all that was known, and not only what the code means.
    pub whole: bool,
    pub sentence: String,
    pub help: Vec<String>,
}

/// By the names of its words.
#[must_use]
pub fn told(code: &str, names: &BTreeMap<String, String>, language: Lang) -> Option<Told> {
    let message = Message::of(code, language)?;
    let sentence = filled(message.line("sentence", None), names, language)?;
    let sentence = format!("{}{sentence}", row_in_words(names, language));
    Some(Told { whole: true, sentence, help: help(message, names, language) })
}

/// In which row of which table a field stands, before the sentence about it. Empty where it stands in none.
#[must_use]
pub fn row_in_words<N: Borrow<str> + Ord>(names: &BTreeMap<N, String>, language: Lang) -> String {
    match (names.get("in_table"), names.get("in_row"), language) {
        (Some(table), Some(row), Lang::Zh) => format!("“{table}”第 {row} 行:"),
        (Some(table), Some(row), Lang::En) => format!("`{table}`, row {row}: "),
        _ => String::new(),
    }
}

/// By its English sentence. One that is not the catalogue's is told by what its code means.
#[must_use]
pub fn retold(code: &str, english: &str, language: Lang) -> Option<Told> {
    let message = Message::of(code, language)?;
    let names = Message::of(code, Lang::En).and_then(|own| names_in(own.line("sentence", None), english));
    let line = message.line("sentence", None);
    // Words of another place are the reason that the sentence has room for.
    let reason = || line.contains("{why}").then(|| BTreeMap::from([("why".to_owned(), english.to_owned())]));
    let names = names.or_else(reason);
    let whole = names.is_some();
    let names = names.unwrap_or_default();
    let sentence = filled(line, &names, language)?;
    Some(Told { whole, sentence, help: help(message, &names, language) })
}

fn help(message: &Message, names: &BTreeMap<String, String>, language: Lang) -> Vec<String> {
    message.lines("help", None).into_iter().filter_map(|line| filled(line, names, language)).collect()
}

/// What stands in the places of `{name}`. Each ends where the words after it begin.
fn names_in(pattern: &str, text: &str) -> Option<BTreeMap<String, String>> {
    let mut names = BTreeMap::new();
    let mut pieces = pattern.split('{');
    let mut rest = text.strip_prefix(pieces.next()?)?;
    let mut pieces = pieces.peekable();
    while let Some(piece) = pieces.next() {
        let (name, after) = piece.split_once('}')?;
        let end = match (pieces.peek(), after) {
            (None, "") => rest.len(),
            (None, after) => rest.ends_with(after).then(|| rest.len() - after.len())?,
            (Some(_), after) => rest.find(after)?,
        };
        names.insert(name.to_owned(), rest[..end].to_owned());
        rest = &rest[end + after.len()..];
    }
    rest.is_empty().then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_in_english_is_told_in_chinese_with_its_names() {
        let told = retold("YZ0404", "there is no workflow `leav`", Lang::Zh).unwrap();
        assert_eq!((told.whole, &*told.sentence), (true, "没有流程 `leav`"));
        assert!(told.help[0].contains("yizhan tasks"), "{told:?}");
        let told = retold(
            "YZ0503",
            "the store `a {b}` was written by a newer version (schema 9, this one knows 4)",
            Lang::Zh,
        );
        assert!(told.unwrap().sentence.contains("`a {b}`"));
    }

    #[test]
    fn words_that_are_not_the_catalogues_are_told_by_what_the_code_means() {
        let told = retold("YZ0530", "no daemon answers at `/home/data/yizhan.sock`", Lang::Zh).unwrap();
        assert_eq!((told.whole, &*told.sentence), (false, "没有守护进程应答"));
        let told = retold("YZ0415", "the run is open", Lang::Zh).unwrap();
        assert_eq!((told.whole, &*told.sentence), (true, "现在不能这样做:the run is open"));
        // A meaning that needs names is none without them.
        assert_eq!(retold("YZ0404", "something else", Lang::Zh), None);
        assert_eq!(retold("plugin.own", "anything", Lang::Zh), None);
    }

    #[test]
    fn the_names_of_a_sentence_are_found_or_nothing_is() {
        let found =
            |pattern, text| names_in(pattern, text).map(|names| names.into_values().collect::<Vec<_>>());
        assert_eq!(found("no {a} `{b}`", "no x `y z`"), Some(vec!["x".to_owned(), "y z".to_owned()]));
        assert_eq!(found("{a}", "anything"), Some(vec!["anything".to_owned()]));
        assert_eq!(found("said", "said"), Some(vec![]));
        for (pattern, text) in
            [("said", "said so"), ("no `{a}`", "no `x"), ("no `{a}` in {b}", "no `x` at y")]
        {
            assert_eq!(found(pattern, text), None, "{pattern}: {text}");
        }
    }
}
