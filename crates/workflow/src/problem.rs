//! What can be wrong with a file: a fault is data, its words come from the catalogue of messages.

use std::collections::BTreeMap;

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
            let distance = strsim::damerau_levenshtein(word, name);
            let begins = length >= 3 && (name.starts_with(word) || word.starts_with(name) && name.len() >= 3);
            (distance <= most && distance < length || begins).then(|| (distance, name.to_owned()))
        })
        .min()
        .map(|(_, name)| name)
}

/// One fault in a file. A check returns all of them, not the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub code: &'static str,
    pub severity: Severity,
    pub place: Place,
    /// What the sentence names, by the name it has in the messages.
    pub names: BTreeMap<&'static str, String>,
    /// Other places that have to do with it, each with the key of its words.
    pub causes: Vec<(Place, &'static str)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
}

/// A span in one of the files that were read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// `None`: the workflow's own file; else the path as the workflow writes it.
    pub file: Option<std::sync::Arc<str>>,
    pub start: usize,
    pub end: usize,
}
