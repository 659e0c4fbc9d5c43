//! Registers and sequences in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use yizhan_engine::store::{
    NewEntry, Present, PresentFilter, PresentPage, RegisterReads, Standing, StoreError, TakenNumber, heads_in,
};
use yizhan_workflow::id::RunId;
use yizhan_workflow::register::{Bounds, Entry, EntryKind, Head, OneOf, Term};

use super::Memory;

#[derive(Debug, Clone, Default)]
pub(super) struct Ledgers {
    lines: BTreeMap<Arc<str>, Vec<Standing>>,
    taken: BTreeMap<Arc<str>, TakenNumber>,
}

impl Ledgers {
    pub(super) fn written(&mut self, new: &NewEntry) {
        let NewEntry { entry, card, forgets } = new;
        let lines = self.lines.entry(entry.register.clone()).or_default();
        let own = entry.kind == EntryKind::Entry;
        let about = lines.iter_mut().find(|line| Some(line.entry.seq) == entry.of);
        match (entry.kind, about) {
            (EntryKind::Amend, Some(about)) => {
                about.shown = Some(entry.seq);
                about.card.clone_from(card);
            }
            (EntryKind::Void, Some(about)) => {
                about.shown = None;
                about.card.clone_from(card);
            }
            (EntryKind::Entry | EntryKind::Erase | EntryKind::Amend | EntryKind::Void, _) => {}
        }
        for (seq, private) in forgets {
            if let Some(line) = lines.iter_mut().find(|line| line.entry.seq == *seq) {
                line.entry.private.clone_from(private);
            }
        }
        let shown = own.then_some(entry.seq);
        lines.push(Standing { entry: entry.clone(), shown, card: card.clone().filter(|_| own) });
    }

    pub(super) fn taken(&mut self, taken: &TakenNumber) {
        self.taken.insert(taken.key.clone(), taken.clone());
    }

    fn of(&self, register: &str) -> &[Standing] {
        self.lines.get(register).map_or(&[], Vec::as_slice)
    }
}

fn has_all(values: &Entry, filter: &PresentFilter) -> bool {
    let terms = values.terms();
    let has = |wanted: &OneOf| {
        let mut values = wanted.values.iter().cloned();
        values.any(|value| terms.contains(&Term { column: wanted.column.clone(), value }))
    };
    filter.has.iter().all(has)
}

impl RegisterReads for Memory {
    fn register_head(&self, register: &str) -> Result<Option<Head>, StoreError> {
        Ok(self.kept().ledgers.of(register).last().map(|line| line.entry.head()))
    }

    fn register_heads(&self) -> Result<Vec<Head>, StoreError> {
        let kept = self.kept();
        Ok(kept.ledgers.lines.values().filter_map(|lines| Some(lines.last()?.entry.head())).collect())
    }

    fn register_count(&self, register: &str, series: &str) -> Result<u64, StoreError> {
        let kept = self.kept();
        let own = |line: &&Standing| line.entry.kind == EntryKind::Entry && &*line.entry.series == series;
        Ok(kept.ledgers.of(register).iter().filter(own).map(|line| line.entry.count).max().unwrap_or(0))
    }

    fn register_line(&self, register: &str, seq: u64) -> Result<Option<Standing>, StoreError> {
        Ok(self.kept().ledgers.of(register).iter().find(|line| line.entry.seq == seq).cloned())
    }

    fn register_numbered(&self, register: &str, number: &str) -> Result<Option<Standing>, StoreError> {
        let kept = self.kept();
        let own = |line: &&Standing| line.entry.kind == EntryKind::Entry && &*line.entry.number == number;
        Ok(kept.ledgers.of(register).iter().find(own).cloned())
    }

    fn register_written(&self, key: &str) -> Result<Vec<Standing>, StoreError> {
        let kept = self.kept();
        let own = |line: &&Standing| &*line.entry.key == key;
        let mut lines: Vec<Standing> = kept.ledgers.lines.values().flatten().filter(own).cloned().collect();
        lines.sort_by_key(|line| line.entry.part);
        Ok(lines)
    }

    fn register_lines(&self, register: &str, after: u64, most: usize) -> Result<Vec<Standing>, StoreError> {
        let kept = self.kept();
        let lines = kept.ledgers.of(register).iter().filter(|line| line.entry.seq > after);
        Ok(lines.take(most).cloned().collect())
    }

    fn register_about(&self, register: &str, seq: u64) -> Result<Vec<Standing>, StoreError> {
        let kept = self.kept();
        Ok(kept.ledgers.of(register).iter().filter(|line| line.entry.of == Some(seq)).cloned().collect())
    }

    fn register_present(
        &self,
        filter: &PresentFilter,
        after: u64,
        most: usize,
    ) -> Result<PresentPage, StoreError> {
        self.tell_of_page();
        let kept = self.kept();
        let lines = kept.ledgers.of(&filter.register);
        let mut last = BTreeMap::new();
        for line in lines.iter().filter(|line| line.shown.is_some()) {
            if let Some(card) = &line.card {
                last.insert(card.clone(), line.entry.seq);
            }
        }
        let mut page = PresentPage::default();
        for line in lines.iter().filter(|line| line.entry.seq > after) {
            let place = line.shown.and_then(|shown| usize::try_from(shown).ok()).unwrap_or(0);
            // Places count from 1, without a gap.
            let values = line.shown.and_then(|_| lines.get(place.checked_sub(1)?)).map(|line| &line.entry);
            if !filter.has.is_empty() && !values.is_some_and(|values| has_all(values, filter)) {
                continue;
            }
            if page.looked_at == most {
                break;
            }
            page.looked_at += 1;
            page.next = Some(line.entry.seq).filter(|_| page.looked_at == most);
            let replaced = line.card.as_ref().is_some_and(|card| last.get(card) != Some(&line.entry.seq));
            let Some(values) = values.filter(|_| !replaced && filter.bounds.hold(line.entry.at)) else {
                continue;
            };
            page.entries.push(Present {
                seq: line.entry.seq,
                number: line.entry.number.clone(),
                at: line.entry.at,
                card: line.card.clone(),
                shown: values.seq,
                body: values.body.clone(),
                private: values.private.clone(),
            });
        }
        Ok(page)
    }

    fn register_first(&self, register: &str, bounds: Bounds) -> Result<Option<u64>, StoreError> {
        let kept = self.kept();
        let own = |line: &&Standing| line.entry.kind == EntryKind::Entry && bounds.hold(line.entry.at);
        Ok(kept.ledgers.of(register).iter().find(own).map(|line| line.entry.seq))
    }

    /// There is no index here that could lose one.
    fn register_hidden(&self, _: &str, _: &[(u64, BTreeSet<Term>)]) -> Result<Vec<u64>, StoreError> {
        Ok(vec![])
    }

    fn sequence_count(&self, sequence: &str, series: &str) -> Result<u64, StoreError> {
        let kept = self.kept();
        let own = |taken: &&TakenNumber| &*taken.sequence == sequence && &*taken.series == series;
        Ok(kept.ledgers.taken.values().filter(own).map(|taken| taken.count).max().unwrap_or(0))
    }

    fn sequence_taken(&self, key: &str) -> Result<Option<TakenNumber>, StoreError> {
        Ok(self.kept().ledgers.taken.get(key).cloned())
    }

    fn heads_in_journals(&self) -> Result<Vec<(RunId, Head)>, StoreError> {
        let kept = self.kept();
        let lines = kept.runs.iter().flat_map(|(id, run)| run.lines.iter().map(move |line| (*id, line)));
        Ok(lines
            .flat_map(|(id, line)| heads_in(&line.body).into_iter().map(move |head| (id, head)))
            .collect())
    }
}
