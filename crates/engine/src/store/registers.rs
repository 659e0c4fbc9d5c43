//! The part of the port that is about registers: what is written with a change, and what can be read.

use std::collections::BTreeSet;
use std::sync::Arc;

use yizhan_workflow::id::{Millis, RunId};
use yizhan_workflow::register::{Bounds, Entry, Head, OneOf, Term};
use yizhan_workflow::run::event::Raw;

use super::StoreError;

/// A new line of a register, with what it does to earlier ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    pub entry: Entry,
    /// The card of the entry that it is (about), from now on.
    pub card: Option<Arc<str>>,
    /// Private values of earlier lines, as far as they stay: nothing else of a line ever changes.
    pub forgets: Vec<(u64, Option<Raw>)>,
}

/// A number that a sequence gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenNumber {
    pub sequence: Arc<str>,
    pub series: Arc<str>,
    pub count: u64,
    pub number: Arc<str>,
    /// The key of the intention: unique.
    pub key: Arc<str>,
    pub at: Millis,
}

/// A line of a register as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub entry: Entry,
    /// Of an entry: the line with its present values; none once it is void. None of lines about others.
    pub shown: Option<u64>,
    pub card: Option<Arc<str>>,
}

/// An entry with its present values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    pub seq: u64,
    pub number: Arc<str>,
    pub at: Millis,
    pub card: Option<Arc<str>>,
    /// The line that the values are from: another one once it was amended.
    pub shown: u64,
    pub body: Raw,
    pub private: Option<Raw>,
}

/// Which entries are wanted: neither voided ones, nor those that a later one of the same card has replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PresentFilter {
    pub register: Arc<str>,
    pub bounds: Bounds,
    /// Terms that the entry must have: found by an index.
    pub has: Vec<OneOf>,
}

/// Some of the entries that are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PresentPage {
    pub entries: Vec<Present>,
    /// How many places were looked at to find them.
    pub looked_at: usize,
    /// The place behind which to go on; none: everything has been looked at.
    pub next: Option<u64>,
}

/// Registers, on connections of their own.
pub trait RegisterReads {
    fn register_head(&self, register: &str) -> Result<Option<Head>, StoreError>;
    /// The heads of all registers that have lines, whether they are declared or not.
    fn register_heads(&self) -> Result<Vec<Head>, StoreError>;
    /// The largest count of a series; 0 where there is none.
    fn register_count(&self, register: &str, series: &str) -> Result<u64, StoreError>;
    fn register_line(&self, register: &str, seq: u64) -> Result<Option<Standing>, StoreError>;
    /// The entry of this number.
    fn register_numbered(&self, register: &str, number: &str) -> Result<Option<Standing>, StoreError>;
    /// What was written under the key of an intention, in the order of its parts.
    fn register_written(&self, key: &str) -> Result<Vec<Standing>, StoreError>;
    /// All lines after a place, in order.
    fn register_lines(&self, register: &str, after: u64, most: usize) -> Result<Vec<Standing>, StoreError>;
    /// The lines about an entry, in order.
    fn register_about(&self, register: &str, seq: u64) -> Result<Vec<Standing>, StoreError>;
    /// Entries after a place, in order. No more than `most` places are looked at, whether what is there fits or not: so
    /// a page costs no more than it may.
    fn register_present(
        &self,
        filter: &PresentFilter,
        after: u64,
        most: usize,
    ) -> Result<PresentPage, StoreError>;
    /// The place of the first entry of that time.
    fn register_first(&self, register: &str, bounds: Bounds) -> Result<Option<u64>, StoreError>;
    /// Of these entries those that are not found by all of their terms.
    fn register_hidden(
        &self,
        register: &str,
        entries: &[(u64, BTreeSet<Term>)],
    ) -> Result<Vec<u64>, StoreError>;
    fn sequence_count(&self, sequence: &str, series: &str) -> Result<u64, StoreError>;
    /// What was given under the key of an intention.
    fn sequence_taken(&self, key: &str) -> Result<Option<TakenNumber>, StoreError>;
    /// What the journals of the runs say of heads, for all registers.
    fn heads_in_journals(&self) -> Result<Vec<(RunId, Head)>, StoreError>;
}

/// Where a line of a journal speaks of a head: what `register.append` gives has it.
pub const HEAD_MARK: &str = "\"head\":{\"register\":";

/// The heads that a line speaks of.
#[must_use]
pub fn heads_in(line: &[u8]) -> Vec<Head> {
    let text = String::from_utf8_lossy(line);
    let after = "\"head\":".len();
    text.match_indices(HEAD_MARK)
        .filter_map(|(at, _)| {
            serde_json::Deserializer::from_str(&text[at + after..]).into_iter().next()?.ok()
        })
        .collect()
}
