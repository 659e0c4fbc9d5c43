//! Looks through registers for what somebody changed, took out or put in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use yizhan_workflow::register::{Chain, ChainFault, EntryKind, Head};

use super::Signet;
use crate::store::{Reads, Standing, StoreError};

/// Entries that are read at once.
const PAGE: usize = 1_000;

/// Who knows an entry beside the register itself: a run's journal, a file of heads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    pub name: String,
    pub head: Head,
}

/// What was found of a register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    pub register: Arc<str>,
    /// Lines that are there.
    pub lines: u64,
    pub head: Option<Head>,
    pub faults: Vec<ChainFault>,
}

/// What the journals of the runs know: each step that wrote has the head that it left.
pub fn witnesses(reads: &dyn Reads) -> Result<Vec<Witness>, StoreError> {
    let heads = reads.heads_in_journals()?;
    Ok(heads.into_iter().map(|(run, head)| Witness { name: run.to_string(), head }).collect())
}

/// Looks through one register, or through all that are there or that a witness knows. With the house's key each line must
/// be signed with it.
pub fn verify(
    reads: &dyn Reads,
    only: Option<&str>,
    witnesses: &[Witness],
    signet: Option<&Signet>,
) -> Result<Vec<Verified>, StoreError> {
    let mut names: BTreeSet<Arc<str>> =
        reads.register_heads()?.into_iter().map(|head| head.register).collect();
    names.extend(witnesses.iter().map(|witness| witness.head.register.clone()));
    let wanted = names.into_iter().filter(|name| only.is_none_or(|only| *only == **name));
    wanted.map(|name| verify_one(reads, &name, (witnesses, signet))).collect()
}

/// Entries that the store would not find by their values. That it would find another is no matter: each is looked at.
fn hidden(reads: &dyn Reads, name: &str, page: &[Standing]) -> Result<Vec<u64>, StoreError> {
    let mut entries = Vec::with_capacity(page.len());
    for line in page {
        let terms = match line.shown {
            Some(shown) if shown == line.entry.seq => line.entry.terms(),
            Some(shown) => {
                reads.register_line(name, shown)?.map(|shown| shown.entry.terms()).unwrap_or_default()
            }
            None => continue,
        };
        entries.push((line.entry.seq, terms));
    }
    reads.register_hidden(name, &entries)
}

fn verify_one(
    reads: &dyn Reads,
    name: &Arc<str>,
    (witnesses, signet): (&[Witness], Option<&Signet>),
) -> Result<Verified, StoreError> {
    let (mut chain, mut lines, mut after) = (Chain::default(), 0, 0);
    let mut shown = BTreeMap::new();
    loop {
        let page = reads.register_lines(name, after, PAGE)?;
        for line in &page {
            lines += 1;
            chain.next(&line.entry);
            if signet.is_some_and(|signet| !signet.has_signed(&line.entry)) {
                chain.unsigned(&line.entry);
            }
            if line.entry.kind == EntryKind::Entry {
                shown.insert(line.entry.seq, line.shown);
            }
        }
        for place in hidden(reads, name, &page)? {
            chain.hidden(place);
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = last.entry.seq,
            Some(_) | None => break,
        }
    }
    shown.into_iter().for_each(|(place, shown)| chain.shown(place, shown));
    for Witness { name: who, head } in witnesses.iter().filter(|witness| witness.head.register == *name) {
        chain.witness(head, who);
    }
    Ok(Verified { register: name.clone(), lines, head: chain.head().cloned(), faults: chain.faults() })
}
