//! What a page says of a refusal, in its reader's words: no other language, no code words, no ids.

use yizhan_workflow::people::People;
use yizhan_workflow::problem::{Lang, reason};

use crate::refusal::Refusal;
use crate::words::{Text, catalogue as t, role_word, say, say_with};

/// A refusal in the reader's words, with people by their names.
pub(crate) fn sentence(refusal: &Refusal, lang: Lang, people: &People) -> String {
    plain(&named(&whole(refusal, lang), people))
}

/// The same with people as they are written: `person:li.na`.
pub(super) fn whole(refusal: &Refusal, lang: Lang) -> String {
    match refusal {
        Refusal::NoSuch { kind, .. } => say(lang, not_there(kind)).to_owned(),
        Refusal::NoSuchPage(_) => say(lang, t::NO_SUCH_PAGE).to_owned(),
        Refusal::NotDoneHere(_) => say(lang, t::ONLY_FOR_FORMS).to_owned(),
        Refusal::Address(_) => say(lang, t::ADDRESS_IS_WRONG).to_owned(),
        Refusal::NoRight { role, .. } => say_with(lang, t::NEEDS_RIGHT, &[role_word(*role, lang)]),
        Refusal::Guessing(seconds) => say_with(lang, t::TRY_TOO_OFTEN, &[&seconds.to_string()]),
        Refusal::TooManyFiles { files, megabytes } => {
            say_with(lang, t::TOO_MANY_FILES, &[&files.to_string(), &megabytes.to_string()])
        }
        Refusal::Fields(faults) => {
            let all: Vec<String> = faults.iter().map(|fault| fault.sentence(lang)).collect();
            all.join(say(lang, t::SEMICOLON))
        }
        Refusal::Unreadable(_)
        | Refusal::Unknown
        | Refusal::Far
        | Refusal::CrossSite
        | Refusal::NotKnown
        | Refusal::TooLarge { .. }
        | Refusal::WrongType(_)
        | Refusal::TooSlow
        | Refusal::Ambiguous(_)
        | Refusal::KeyHeld(_)
        | Refusal::DealtWith(_)
        | Refusal::Expression { .. }
        | Refusal::NotYours(_)
        | Refusal::NotNow(_)
        | Refusal::WrongSignature(_)
        | Refusal::OutOfWindow(_)
        | Refusal::NoSecret
        | Refusal::BadKey(_)
        | Refusal::OtherPayload { .. }
        | Refusal::UnderWay
        | Refusal::Busy
        | Refusal::Paused(_)
        | Refusal::TooManyStreams { .. }
        | Refusal::DiskFull
        | Refusal::Stopping
        | Refusal::NotReady(_)
        | Refusal::Faulty(_)
        | Refusal::Store
        | Refusal::Accounts
        | Refusal::Bug => {
            let problem = refusal.problem();
            said_of(&problem.code, &problem.detail, lang)
        }
    }
}

/// Why somebody may look for what is not there.
fn not_there(kind: &str) -> Text {
    match kind {
        "task" => t::TASK_IS_GONE,
        "run" => t::CASE_IS_NOT_HERE,
        _ => t::IS_NOT_HERE,
    }
}

/// By its code and its English words. What the catalogue does not know is not shown to whoever cannot read it: the code says
/// to an administrator which it is.
fn said_of(code: &str, words: &str, lang: Lang) -> String {
    let said = reason(code, words, lang);
    if lang == Lang::Zh && is_english(&plain(&said)) {
        return format!("{}({code})", say(lang, t::CANNOT_BE_DONE_NOW));
    }
    said
}

/// With those people by name who have one; a name needs no marks around it.
pub(super) fn named(text: &str, people: &People) -> String {
    const KIND: &str = "person:";
    let (mut told, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once(KIND) {
        let goes_on = |sign: char| sign.is_alphanumeric() || matches!(sign, '.' | '-' | '_');
        let end = after.find(|sign| !goes_on(sign)).unwrap_or(after.len());
        let id = after[..end].trim_end_matches('.');
        let (_, behind) = after.split_at(id.len());
        let Some(person) = people.people.get(id) else {
            told.push_str(before);
            told.push_str(KIND);
            rest = after;
            continue;
        };
        let marked = before.strip_suffix('`').zip(behind.strip_prefix('`'));
        let (before, behind) = marked.unwrap_or((before, behind));
        told.push_str(before);
        told.push_str(&person.name);
        rest = behind;
    }
    told + rest
}

/// A sentence of a file has people by their ids between marks: 「li.na」, “li.na”.
pub(super) fn named_in_marks(text: &str, people: &People) -> String {
    [('「', '」'), ('“', '”')].iter().fold(text.to_owned(), |text, (open, close)| {
        let mut parts = text.split(*open);
        let mut told = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let person = part.split_once(*close).and_then(|(id, rest)| Some((people.people.get(id)?, rest)));
            told.push(*open);
            match person {
                Some((person, rest)) => {
                    told.push_str(&person.name);
                    told.push(*close);
                    told.push_str(rest);
                }
                None => told.push_str(part),
            }
        }
        told
    })
}

/// People and groups are called by what they are called, not by their kind: `group:热线` is 热线.
pub(super) fn plain(text: &str) -> String {
    const KINDS: [&str; 5] = ["person:", "group:", "role:", "roster:", "unit:"];
    KINDS.iter().fold(text.to_owned(), |text, kind| text.replace(kind, ""))
}

/// Three Latin words in a row. What stands between marks is a name or a code.
pub(crate) fn is_english(text: &str) -> bool {
    let named = text.split('`').step_by(2).collect::<Vec<_>>().join("·");
    let is_latin = |word: &&str| {
        let word = word.trim_matches(|sign: char| sign.is_ascii_punctuation());
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'\'')
    };
    let words: Vec<&str> = named.split([' ', '\n', '\t']).collect();
    words.windows(3).any(|three| three.iter().all(is_latin))
}

#[cfg(test)]
#[path = "said/tests.rs"]
mod tests;
