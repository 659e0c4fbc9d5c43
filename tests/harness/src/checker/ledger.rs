//! Registers: no number missing, none twice, every line as it was written, and every line known to the run that wrote it.

use std::collections::{BTreeMap, BTreeSet};

use yizhan_engine::store::{Standing, heads_in};
use yizhan_workflow::id::RunId;
use yizhan_workflow::register::{Chain, EntryKind, Head};

use super::Violation;
use crate::evidence::Evidence;

/// All lines of one register, in the order of their places.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub register: String,
    pub lines: Vec<Standing>,
}

pub(super) fn check_ledgers(evidence: &Evidence) -> Vec<Violation> {
    let known = heads_of_journals(evidence);
    let mut found = vec![];
    for ledger in &evidence.ledgers {
        found.extend(check_chain(ledger, &known));
        found.extend(check_keys(ledger));
        found.extend(unknown(evidence, ledger, &known));
    }
    let there: BTreeSet<&str> = evidence.ledgers.iter().map(|ledger| &*ledger.register).collect();
    let gone = known.iter().filter(|(_, head)| !there.contains(&*head.register));
    found.extend(gone.map(|(_, head)| Violation::LedgerLost(head.register.to_string())));
    found
}

/// What the runs were told when they wrote.
fn heads_of_journals(evidence: &Evidence) -> Vec<(RunId, Head)> {
    let of_run = |run: &crate::evidence::RunEvidence| {
        let heads: Vec<Head> = run.lines.iter().flat_map(|(stored, _)| heads_in(&stored.body)).collect();
        let id = run.row.id;
        heads.into_iter().map(move |head| (id, head))
    };
    evidence.runs.values().flat_map(of_run).collect()
}

pub(crate) fn check_chain(ledger: &Ledger, known: &[(RunId, Head)]) -> Vec<Violation> {
    let mut chain = Chain::default();
    ledger.lines.iter().for_each(|line| chain.next(&line.entry));
    for line in ledger.lines.iter().filter(|line| line.entry.kind == EntryKind::Entry) {
        chain.shown(line.entry.seq, line.shown);
    }
    for (run, head) in known.iter().filter(|(_, head)| *head.register == *ledger.register) {
        chain.witness(head, &run.to_string());
    }
    let name = || ledger.register.clone();
    chain.faults().into_iter().map(|fault| Violation::Ledger(name(), fault)).collect()
}

/// What comes twice with one key and part is one entry.
fn check_keys(ledger: &Ledger) -> Vec<Violation> {
    let mut known = BTreeSet::new();
    let entries = ledger.lines.iter().map(|line| &line.entry);
    let twice = entries.filter(|entry| !known.insert((&entry.key, entry.part)));
    twice.map(|entry| Violation::EntryTwice(ledger.register.clone(), entry.key.to_string())).collect()
}

/// The last line of each intention of a run is in that run's journal: it was told, and it went on with it.
fn unknown(evidence: &Evidence, ledger: &Ledger, known: &[(RunId, Head)]) -> Vec<Violation> {
    let mut last: BTreeMap<&str, (RunId, u64)> = BTreeMap::new();
    for entry in ledger.lines.iter().map(|line| &line.entry) {
        let run = entry.by.split('/').next().and_then(|run| run.parse().ok());
        if let Some(run) = run.filter(|run| evidence.runs.contains_key(run)) {
            last.insert(&entry.key, (run, entry.seq));
        }
    }
    let told = |run: RunId, seq: u64| {
        let like = |(who, head): &(RunId, Head)| {
            *who == run && head.seq == seq && *head.register == *ledger.register
        };
        known.iter().any(like)
    };
    let untold = last.into_iter().filter(|(_, (run, seq))| !told(*run, *seq));
    untold.map(|(key, _)| Violation::EntryUnknown(ledger.register.clone(), key.to_owned())).collect()
}
