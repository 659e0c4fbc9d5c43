//! The two languages of a page, and which of them its reader wants.

pub(crate) mod catalogue;
pub(crate) mod steps;

use yizhan_workflow::people::rights::Role;
use yizhan_workflow::people::{People, bare};
use yizhan_workflow::problem::{Lang, cause};

/// One text of a page. There is none without both languages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text {
    zh: &'static str,
    en: &'static str,
}

pub(crate) fn say(lang: Lang, text: Text) -> &'static str {
    match lang {
        Lang::Zh => text.zh,
        Lang::En => text.en,
    }
}

/// The text with what its `{}` stand for, in their order.
pub(crate) fn say_with(lang: Lang, text: Text, with: &[&str]) -> String {
    let mut parts = say(lang, text).split("{}");
    let mut said = parts.next().unwrap_or_default().to_owned();
    for (part, value) in parts.zip(with.iter().chain(std::iter::repeat(&""))) {
        said.push_str(value);
        said.push_str(part);
    }
    said
}

/// What a step or a case came to, where its word is one of ours; what a file calls its own ends stays as it is.
pub(crate) fn outcome_word(lang: Lang, outcome: &str) -> String {
    let text = match outcome {
        "yes" => catalogue::YES_SMALL,
        "no" => catalogue::NO_SMALL,
        "done" => catalogue::ENDS_DONE,
        "approved" => catalogue::OUTCOME_APPROVED,
        "refused" => catalogue::OUTCOME_REFUSED,
        "complete" => catalogue::OUTCOME_COMPLETE,
        "missing" => catalogue::OUTCOME_MISSING,
        "signed" => catalogue::OUTCOME_SIGNED,
        "expired" => catalogue::OUTCOME_EXPIRED,
        "late" => catalogue::STATE_LATE,
        "failed" => catalogue::STATE_FAILED,
        "skipped" => catalogue::STEP_SKIPPED,
        "cancelled" => catalogue::STATE_CANCELLED,
        // A workflow's own word, or why it failed.
        own => return cause(own, lang),
    };
    say(lang, text).to_owned()
}

/// A person by name, whoever sits at the server in words, anything else without its kind.
pub(crate) fn called(lang: Lang, people: &People, who: &str) -> String {
    let known = people.people.get(bare(who)).map(|person| person.name.clone());
    known.unwrap_or_else(|| match who {
        "operator" => say(lang, catalogue::WHO_OPERATOR).to_owned(),
        "socket" => say(lang, catalogue::WHO_SOCKET).to_owned(),
        who => who.split_once(':').map_or(who, |(_, name)| name).to_owned(),
    })
}

/// What a role lets somebody do.
pub(crate) fn role_word(role: Role, lang: Lang) -> &'static str {
    let word = match role {
        Role::Viewer => catalogue::ROLE_VIEWER,
        Role::Worker => catalogue::ROLE_WORKER,
        Role::Operator => catalogue::ROLE_OPERATOR,
        Role::Author => catalogue::ROLE_AUTHOR,
        Role::Admin => catalogue::ROLE_ADMIN,
    };
    say(lang, word)
}

/// The language of `Accept-Language` that is wanted most of those that we speak.
pub(crate) fn first_spoken(wanted: &str) -> Option<Lang> {
    let mut best: Option<(f32, Lang)> = None;
    for one in wanted.split(',').take(50) {
        let mut parts = one.split(';').map(str::trim);
        let tag = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse::<f32>);
        let weight = weight.unwrap_or(0.0);
        let lang = match tag.split('-').next() {
            Some("zh") => Lang::Zh,
            Some("en") => Lang::En,
            _ => continue,
        };
        if weight > 0.0 && best.is_none_or(|(known, _)| known < weight) {
            best = Some((weight, lang));
        }
    }
    best.map(|(_, lang)| lang)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_there_in_both_languages_with_the_same_gaps() {
        let chinese = |sign: char| {
            ('\u{3000}'..='\u{9fff}').contains(&sign) || ('\u{ff00}'..='\u{ffef}').contains(&sign)
        };
        for (name, text) in catalogue::ALL {
            assert!(!text.zh.trim().is_empty() && !text.en.trim().is_empty(), "{name} lacks a language");
            assert_eq!(text.zh.matches("{}").count(), text.en.matches("{}").count(), "{name}");
            assert!(!text.en.contains(chinese), "the English of {name} is Chinese");
            let same = text.zh == text.en;
            assert!(!same, "the Chinese of {name} is English");
        }
    }

    #[test]
    fn gaps_are_filled_in_their_order() {
        let text = Text { zh: "{} 和 {}", en: "{} and {}." };
        assert_eq!(say_with(Lang::En, text, &["a", "b"]), "a and b.");
        assert_eq!(say_with(Lang::En, text, &["a {}"]), "a {} and .");
    }

    #[test]
    fn a_page_speaks_the_language_that_its_reader_wants_most_of_those_it_can() {
        let all = [
            ("zh-CN,zh;q=0.9,en;q=0.8", Some(Lang::Zh)),
            ("de-DE,de;q=0.9,en;q=0.5,zh;q=0.4", Some(Lang::En)),
            ("en;q=0.2, zh-TW;q=0.7", Some(Lang::Zh)),
            ("en;q=0, zh;q=0.1", Some(Lang::Zh)),
            ("EN-us", Some(Lang::En)),
            ("fr", None),
            ("", None),
            ("*;q=0.5", None),
            (";;;q=x,,", None),
        ];
        for (wanted, spoken) in all {
            assert_eq!(first_spoken(wanted), spoken, "{wanted}");
        }
    }
}
