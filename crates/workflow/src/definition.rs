//! Reads a workflow's file: the text becomes a workflow, or every fault in it.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::catalogue::Catalogue;
use crate::id::TextHash;
use crate::people::People;
use crate::plan::{Source, Workflow};
use crate::problem::Problem;

/// What the reader asks for beside the text: template files and tables, by the path as the workflow writes it.
pub trait Files {
    /// # Errors
    /// Says why the file cannot be read, for its author.
    fn read(&self, path: &str) -> Result<String, String>;
}

/// A workflow with what only a check needs of it.
#[derive(Debug)]
pub struct Read {
    pub workflow: Workflow,
    /// The text with all files that it names: what is kept.
    pub source: Source,
    pub spans: Spans,
    pub warnings: Vec<Problem>,
}

/// Where each key and value of the file stands, by its dotted path (`step.record.with.to`, `step.close.needs[0]`).
#[derive(Clone, Debug, Default)]
pub struct Spans {
    pub of: BTreeMap<String, (Range<usize>, Range<usize>)>,
}

/// The hash of a workflow's text and everything that is part of it.
#[must_use]
pub fn hash_of(source: &Source) -> TextHash {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        // The length goes first, so that no two sources run together to the same bytes.
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    add(&source.name);
    add(&source.text);
    for (path, text) in &source.files {
        add(path);
        add(text);
    }
    let digits: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    TextHash(digits.into())
}

/// Reads `source.text`; files that it names come from `files` and are part of the source that is given back.
///
/// # Errors
/// Every fault, not the first.
pub fn read(source: &Source, files: &dyn Files) -> Result<Read, Vec<Problem>> {
    let _ = (source, files);
    Err(Vec::new())
}

/// What can only be said with the plugins, the people and the other workflows at hand.
#[must_use]
pub fn check(read: &Read, catalogue: &Catalogue, people: &People, workflows: &[String]) -> Vec<Problem> {
    let _ = (read, catalogue, people, workflows);
    Vec::new()
}

/// A stored source has all its files in itself.
impl Files for BTreeMap<String, String> {
    fn read(&self, path: &str) -> Result<String, String> {
        self.get(path).cloned().ok_or_else(|| "it is not there".to_owned())
    }
}
