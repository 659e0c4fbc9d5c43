//! What can be wrong with a file: a fault is data, its words come from the catalogue of messages.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

mod messages;
mod render;
pub mod sarif;
mod told;
pub(crate) mod wide;

pub use messages::{Lang, codes, explain};
pub use render::{render, sentence, to_json, worded};
pub use told::{Told, cause, reason, retold, row_in_words, sort_word, told};

/// One fault in a file. A check returns all of them, not the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub code: &'static str,
    pub severity: Severity,
    pub place: Place,
    /// Which wording of the message fits, where it has several.
    pub case: Option<&'static str>,
    /// What the words name: `{step}` in a message is the entry `step`.
    pub names: BTreeMap<&'static str, String>,
    /// Other places that have to do with it; the words are the message's `cause` line.
    pub causes: Vec<Place>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
}

/// A span in one of the files that were read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// `None`: the file that was read itself; else the path as that file writes it.
    pub file: Option<Arc<str>>,
    pub start: usize,
    pub end: usize,
}

impl Place {
    #[must_use]
    pub fn at(span: Range<usize>) -> Self {
        Self { file: None, start: span.start, end: span.end }
    }

    #[must_use]
    pub fn of_file(file: &Arc<str>, span: Range<usize>) -> Self {
        Self { file: Some(Arc::clone(file)), start: span.start, end: span.end }
    }
}

impl Problem {
    #[must_use]
    pub fn error(code: &'static str, place: Place) -> Self {
        let (names, causes) = (BTreeMap::new(), Vec::new());
        Self { code, severity: Severity::Error, place, case: None, names, causes }
    }

    #[must_use]
    pub fn warning(code: &'static str, place: Place) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, place) }
    }

    #[must_use]
    pub fn name(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.names.insert(name, value.into());
        self
    }

    #[must_use]
    pub fn case(mut self, case: &'static str) -> Self {
        self.case = Some(case);
        self
    }

    /// The name that was probably meant; a help line that asks for it is shown only then.
    #[must_use]
    pub fn near(self, nearest: Option<String>) -> Self {
        match nearest {
            Some(name) => self.name("nearest", name),
            None => self,
        }
    }

    #[must_use]
    pub fn cause(mut self, place: Place) -> Self {
        self.causes.push(place);
        self
    }

    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// For logs: the sentence in English.
impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, sentence(self, Lang::En))
    }
}

/// The nearest of the known names, if one is near enough to be meant.
pub fn nearest<I>(word: &str, known: I) -> Option<String>
where
    I: IntoIterator,
    I::Item: AsRef<str>,
{
    let length = word.chars().count();
    // One slip in a short word, one more for every three letters.
    let most = (length / 3).clamp(1, 3);
    known
        .into_iter()
        .filter_map(|name| {
            let name = name.as_ref();
            let longer = name.chars().count().abs_diff(length);
            // As many slips at least; and a long word is never held against each name letter by letter.
            let distance = if longer > most { longer } else { strsim::damerau_levenshtein(word, name) };
            // Two Chinese characters say as much as a word of five letters.
            let long = length >= 3 || !word.is_ascii();
            let begins = long && (name.starts_with(word) || word.starts_with(name) && name.len() >= 3);
            (distance <= most && distance < length || begins).then(|| (distance, longer, name.to_owned()))
        })
        .min()
        .map(|(_, _, name)| name)
}

/// Names as a message lists them, not more than a reader looks through.
#[must_use]
pub fn listed<I>(names: I) -> String
where
    I: IntoIterator,
    I::Item: AsRef<str>,
{
    const MOST: usize = 24;
    let mut all: Vec<String> = names.into_iter().map(|name| format!("`{}`", name.as_ref())).collect();
    if all.len() > MOST {
        all.truncate(MOST);
        all.push("…".to_owned());
    }
    all.join(", ")
}

#[cfg(test)]
mod tests;
