//! What a fault is called in the reader's language when only its code and its English words have arrived.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use super::messages::{Lang, Message, filled, in_language, is_foreign};

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
    // Which of several reasons it is.
    let cause = in_language(english, language);
    if names.is_none() && *cause != *english {
        let sentence = cause.into_owned();
        return Some(Told { whole: true, sentence, help: help(message, &BTreeMap::new(), language) });
    }
    // Words of another place are the reason that the sentence has room for.
    let reason = || line.contains("{why}").then(|| BTreeMap::from([("why".to_owned(), english.to_owned())]));
    let names = names.or_else(reason);
    let whole = names.is_some();
    let names = names.unwrap_or_default();
    let sentence = filled(line, &names, language)?;
    Some(Told { whole, sentence, help: help(message, &names, language) })
}

/// Why something failed, of which a run keeps a code and English words: told in the reader's language where the code is
/// ours. What an author or a plugin said stays as it is.
#[must_use]
pub fn reason(code: &str, words: &str, language: Lang) -> String {
    let Some(message) = Message::of(code, language).filter(|_| language == Lang::Zh) else {
        return words.to_owned();
    };
    let known = in_language(words, language);
    if *known != *words {
        return known.into_owned();
    }
    if !is_foreign(words) && !is_of_catalogue(code, words) {
        return words.to_owned();
    }
    let whole = retold(code, words, language).filter(|told| told.whole && told.sentence != words);
    if let Some(told) = whole {
        return told.sentence;
    }
    // What the code means goes before words that the catalogue does not have.
    let title = Some(message.line("title", None)).filter(|title| !title.is_empty());
    let title = title.unwrap_or_else(|| message.line("sentence", None));
    if title.contains('{') { words.to_owned() } else { format!("{title}({words})") }
}

/// Why something is as it is, where no code says it: the sentences that are known, in the reader's language.
#[must_use]
pub fn cause(words: &str, language: Lang) -> String {
    in_language(words, language).into_owned()
}

/// A word of the language, such as the kind of a field, as people say it.
#[must_use]
pub fn sort_word(word: &str, language: Lang) -> String {
    match language {
        Lang::Zh => in_language(word, language).into_owned(),
        Lang::En => word.replace('_', " "),
    }
}

/// Our own sentence, though what stands in its places is of another language.
fn is_of_catalogue(code: &str, words: &str) -> bool {
    let own = Message::of(code, Lang::En).map(|own| own.line("sentence", None));
    own.is_some_and(|own| !own.starts_with('{') && names_in(own, words).is_some())
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
        let told =
            retold("YZ0414", "`person:li` is not among those who may take this task: group:热线", Lang::Zh);
        let told = told.unwrap();
        assert_eq!((told.whole, &*told.sentence), (true, "`person:li` 不在可以办理的人里:group:热线"));
        assert!(!told.help.is_empty(), "{told:?}");
        // A meaning that needs names is none without them.
        assert_eq!(retold("YZ0404", "something else", Lang::Zh), None);
        assert_eq!(retold("plugin.own", "anything", Lang::Zh), None);
    }

    #[test]
    fn why_a_run_failed_is_told_in_the_readers_language_and_words_of_others_stay() {
        let zh = |code, words| reason(code, words, Lang::Zh);
        let child = "run_01k8 was cancelled: withdrawn";
        assert_eq!(zh("YZ0315", child), "子流程 run_01k8 已取消:已撤下");
        assert_eq!(reason("YZ0315", child, Lang::En), child);
        assert_eq!(zh("YZ0315", "run_01k8 failed: 客户不在"), "子流程 run_01k8 失败:客户不在");
        assert_eq!(zh("YZ0320", "the way back was taken as often as it may be"), "退回的次数用完了");
        assert_eq!(zh("YZ0326", "there is no calendar `a b` any more"), "没有工作日历 `a b` 了");
        assert_eq!(
            zh("YZ0310", "`input.n + step.a.b` cannot be worked out: there is no `b` in `step.a`"),
            "`input.n + step.a.b` 算不出来:`b` 不在 `step.a` 里"
        );
        assert_eq!(zh("YZ0351", "entry 2: some words of ours"), "第 2 条:some words of ours");
        let input = "the request cannot be read: the input is not an object with fields: 没有内容";
        assert_eq!(zh("YZ0400", input), "请求读不懂:交来的内容不是一组字段:没有内容");
        // Not known to the catalogue, but by its code; of an author; of a plugin.
        assert_eq!(zh("YZ0314", "nobody came here today"), "任务没有人可做(nobody came here today)");
        assert_eq!(zh("YZ0318", "没有人接"), "没有人接");
        assert_eq!(zh("mail.refused", "the server said no"), "the server said no");
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
