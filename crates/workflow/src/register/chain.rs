//! The chain: every entry holds the hash of the one before, so that nobody can change, take out or put in one unseen.
//!
//! The hash of an entry is SHA-256 over this text in UTF-8, a JSON array without spaces:
//!
//! ```text
//! ["yizhan-register-1",register,place,kind,of,number,series,count,at,by,key,part,why,BODY,before]
//! ```
//!
//! `BODY` is the text of the entry's values exactly as it is stored and exported; `of` and `why` are null where there are
//! none; `before` is the hash of the entry before, in hexadecimal, and 64 zeros for the first. A private value is not in
//! the body: there stands `{"sealed":HASH}`, SHA-256 over salt, `:` and the value's JSON; in a table, in each row in the place of
//! the cell. So it can be erased, and the chain still holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::seal::not_as_sealed;
use crate::id::Millis;
use crate::problem::Lang;
use crate::run::event::Raw;

/// What the first entry of a register holds as the hash before it.
pub const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    Entry,
    /// New values for an earlier entry.
    Amend,
    /// An earlier entry does not hold any more.
    Void,
    /// Private values of an earlier entry were erased.
    Erase,
}

impl EntryKind {
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Entry => "entry",
            Self::Amend => "amend",
            Self::Void => "void",
            Self::Erase => "erase",
        }
    }

    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Entry, Self::Amend, Self::Void, Self::Erase].into_iter().find(|kind| kind.word() == word)
    }
}

/// A line of a register, as it was written. Nothing in it changes, but for private values that are erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub register: Arc<str>,
    /// Its place in the register, from 1.
    pub seq: u64,
    pub kind: EntryKind,
    /// The place of the entry that this one is about.
    pub of: Option<u64>,
    /// Its own, or that of the entry that it is about.
    pub number: Arc<str>,
    pub series: Arc<str>,
    /// Its place in the series; 0 for what is about another entry.
    pub count: u64,
    pub at: Millis,
    /// What wrote it: `run_…/record/1/0`, or who brought it in.
    pub by: Arc<str>,
    /// The key of the intention: what comes twice with one key and part is one entry.
    pub key: Arc<str>,
    pub part: u32,
    pub why: Option<Arc<str>>,
    pub body: Raw,
    /// Salts and values of private fields, as far as they are not erased.
    pub private: Option<Raw>,
    pub before: Arc<str>,
    pub hash: Arc<str>,
    /// What the house wrote under the hash, with a key that is not in the store.
    pub sign: Option<Arc<str>>,
}

/// The newest entry of a register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub register: Arc<str>,
    pub seq: u64,
    pub hash: Arc<str>,
}

impl Entry {
    /// The text that is hashed.
    #[must_use]
    pub fn canonical(&self) -> String {
        let json = |text: &str| serde_json::Value::from(text).to_string();
        let of = self.of.map_or_else(|| "null".to_owned(), |of| of.to_string());
        let why = self.why.as_deref().map_or_else(|| "null".to_owned(), json);
        format!(
            "[\"yizhan-register-1\",{},{},\"{}\",{of},{},{},{},{},{},{},{},{why},{},\"{}\"]",
            json(&self.register),
            self.seq,
            self.kind.word(),
            json(&self.number),
            json(&self.series),
            self.count,
            self.at.0,
            json(&self.by),
            json(&self.key),
            self.part,
            self.body.get(),
            self.before,
        )
    }

    /// The hash that this entry must have.
    #[must_use]
    pub fn worked_out(&self) -> Arc<str> {
        hex(&Sha256::digest(self.canonical())).into()
    }

    /// With its hash.
    #[must_use]
    pub fn chained(mut self) -> Self {
        self.hash = self.worked_out();
        self
    }

    #[must_use]
    pub fn head(&self) -> Head {
        Head { register: self.register.clone(), seq: self.seq, hash: self.hash.clone() }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        text.push_str(&format!("{byte:02x}"));
        text
    })
}

/// What is wrong with a register.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fault")]
pub enum ChainFault {
    /// Entries between these places are gone.
    Gone { from: u64, to: u64 },
    /// Two have one place.
    Doubled { place: u64 },
    /// It is not what was written.
    Changed { place: u64, number: Arc<str> },
    /// It does not follow the one before it.
    Torn { place: u64, number: Arc<str> },
    /// The counting of a series has a hole, or a number comes twice.
    Count { place: u64, number: Arc<str>, wanted: u64, found: u64 },
    /// What is shown of it is not what its amendments say.
    Standing { place: u64, number: Arc<str> },
    /// The house did not sign it.
    Unsigned { place: u64, number: Arc<str> },
    /// Whoever looks for it by its values does not find it.
    Hidden { place: u64, number: Arc<str> },
    /// A private value is not the one that was sealed.
    Private { place: u64, number: Arc<str>, field: String },
    /// A witness (a run's journal, a file of heads) knows another entry at this place.
    Other { place: u64, witness: String },
    /// A witness knows an entry after the last one.
    Cut { place: u64, witness: String },
}

/// A fault as a sentence.
#[must_use]
pub fn told(fault: &ChainFault, language: Lang) -> String {
    let zh = language == Lang::Zh;
    match fault {
        ChainFault::Gone { from, to } if zh => format!("第 {from} 至 {to} 条不见了"),
        ChainFault::Gone { from, to } => format!("entries {from} to {to} are gone"),
        ChainFault::Doubled { place } if zh => format!("第 {place} 条的位置上有两条记录"),
        ChainFault::Doubled { place } => format!("two entries have the place {place}"),
        ChainFault::Changed { place, number } if zh => format!("第 {place} 条({number})被改动过"),
        ChainFault::Changed { place, number } => format!("entry {place} ({number}) is not what was written"),
        ChainFault::Torn { place, number } if zh => format!("第 {place} 条({number})接不上前一条"),
        ChainFault::Torn { place, number } => {
            format!("entry {place} ({number}) does not follow the one before it")
        }
        ChainFault::Count { place, number, wanted, found } if zh => {
            format!("第 {place} 条({number})的编号不连续:应为 {wanted},实为 {found}")
        }
        ChainFault::Count { place, number, wanted, found } => {
            format!(
                "the number of entry {place} ({number}) breaks the series: {wanted} was due, {found} is there"
            )
        }
        ChainFault::Standing { place, number } if zh => {
            format!("第 {place} 条({number})显示的内容与更正、作废的记录不符")
        }
        ChainFault::Standing { place, number } => {
            format!("what is shown of entry {place} ({number}) is not what was amended and voided")
        }
        ChainFault::Unsigned { place, number } if zh => {
            format!("第 {place} 条({number})没有本单位的签章:不是守护进程写的")
        }
        ChainFault::Unsigned { place, number } => {
            format!("entry {place} ({number}) is not signed by this house: its daemon did not write it")
        }
        ChainFault::Hidden { place, number } if zh => format!("按内容查不到第 {place} 条({number})"),
        ChainFault::Hidden { place, number } => {
            format!("entry {place} ({number}) is not found by what it holds")
        }
        ChainFault::Private { place, number, field } if zh => {
            format!("第 {place} 条({number})的保密字段 `{field}` 被改动过")
        }
        ChainFault::Private { place, number, field } => {
            format!("the private field `{field}` of entry {place} ({number}) is not what was written")
        }
        ChainFault::Other { place, witness } if zh => format!("{witness} 记着的第 {place} 条是另一条记录"),
        ChainFault::Other { place, witness } => format!("{witness} knows another entry at the place {place}"),
        ChainFault::Cut { place, witness } if zh => format!("{witness} 记着第 {place} 条,台账里已经没有"),
        ChainFault::Cut { place, witness } => {
            format!("{witness} knows an entry {place}, and the register ends before it")
        }
    }
}

/// More of them say nothing new.
const MOST_FAULTS: usize = 100;

/// Follows a register from its first entry.
#[derive(Debug, Default)]
pub struct Chain {
    faults: Vec<ChainFault>,
    last: Option<Head>,
    /// Of each place its hash, for the witnesses.
    hashes: BTreeMap<u64, Arc<str>>,
    counts: BTreeMap<Arc<str>, u64>,
    /// Which entry holds the present values of each: the last that amended it, or none.
    stands: BTreeMap<u64, (Option<u64>, Arc<str>)>,
}

impl Chain {
    fn say(&mut self, fault: ChainFault) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(fault);
        }
    }

    /// The next entry, in the order of their places.
    pub fn next(&mut self, entry: &Entry) {
        let (seq, number) = (entry.seq, entry.number.clone());
        let last = self.last.as_ref().map_or(0, |last| last.seq);
        if seq <= last {
            self.say(ChainFault::Doubled { place: seq });
        } else if seq > last + 1 {
            self.say(ChainFault::Gone { from: last + 1, to: seq - 1 });
        }
        let before = self.last.as_ref().map_or(BEGINNING, |last| &*last.hash);
        let follows = *entry.before == *before || seq != last + 1;
        if entry.worked_out() != entry.hash {
            self.say(ChainFault::Changed { place: seq, number: number.clone() });
        } else if !follows {
            self.say(ChainFault::Torn { place: seq, number: number.clone() });
        }
        self.counted(entry);
        self.stood(entry);
        self.sealed(entry);
        self.hashes.insert(seq, entry.hash.clone());
        self.last = Some(entry.head());
    }

    fn counted(&mut self, entry: &Entry) {
        if entry.kind != EntryKind::Entry {
            return;
        }
        let wanted = self.counts.get(&entry.series).map_or(1, |last| last + 1);
        self.counts.insert(entry.series.clone(), entry.count.max(wanted));
        if entry.count != wanted {
            let (place, number) = (entry.seq, entry.number.clone());
            self.say(ChainFault::Count { place, number, wanted, found: entry.count });
        }
    }

    fn stood(&mut self, entry: &Entry) {
        match (entry.kind, entry.of) {
            (EntryKind::Entry, _) => {
                self.stands.insert(entry.seq, (Some(entry.seq), entry.number.clone()));
            }
            (EntryKind::Amend, Some(of)) => {
                if let Some((stands, _)) = self.stands.get_mut(&of) {
                    *stands = Some(entry.seq);
                }
            }
            (EntryKind::Void, Some(of)) => {
                if let Some((stands, _)) = self.stands.get_mut(&of) {
                    *stands = None;
                }
            }
            (EntryKind::Erase, _) | (_, None) => {}
        }
    }

    fn sealed(&mut self, entry: &Entry) {
        let Some(private) = &entry.private else { return };
        for field in not_as_sealed(&entry.body, private) {
            self.say(ChainFault::Private { place: entry.seq, number: entry.number.clone(), field });
        }
    }

    /// Which entry the store shows as the present values of the one at this place; none: it is void.
    pub fn shown(&mut self, place: u64, shown: Option<u64>) {
        let Some((stands, number)) = self.stands.get(&place).cloned() else { return };
        if stands != shown {
            self.say(ChainFault::Standing { place, number });
        }
    }

    /// The signature under it is not the house's.
    pub fn unsigned(&mut self, entry: &Entry) {
        self.say(ChainFault::Unsigned { place: entry.seq, number: entry.number.clone() });
    }

    /// The store does not find the entry at this place by its values.
    pub fn hidden(&mut self, place: u64) {
        let number = self.stands.get(&place).map(|(_, number)| number.clone()).unwrap_or_default();
        self.say(ChainFault::Hidden { place, number });
    }

    /// What somebody else knows of an entry.
    pub fn witness(&mut self, head: &Head, witness: &str) {
        match self.hashes.get(&head.seq) {
            Some(hash) if *hash == head.hash => {}
            Some(_) => self.say(ChainFault::Other { place: head.seq, witness: witness.to_owned() }),
            None if self.last.as_ref().is_none_or(|last| last.seq < head.seq) => {
                self.say(ChainFault::Cut { place: head.seq, witness: witness.to_owned() });
            }
            // That it is gone has been said.
            None => {}
        }
    }

    #[must_use]
    pub fn head(&self) -> Option<&Head> {
        self.last.as_ref()
    }

    /// All that is wrong, in the order of the places.
    #[must_use]
    pub fn faults(mut self) -> Vec<ChainFault> {
        self.faults.sort();
        self.faults.dedup();
        self.faults
    }
}
