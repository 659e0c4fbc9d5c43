//! The store in memory, for tests and rehearsals: the same answers, and nothing left when it is dropped.

mod cases;
mod gathered;
mod reads;
mod registers;
#[cfg(test)]
mod tests;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use yizhan_engine::registers::Shelf;
use yizhan_engine::store::{
    Acks, Batch, Change, Claim, DIGEST, Draft, DraftOf, Firing, FiringOutcome, Gathered, Line, Note, Notice,
    Refused, RunRow, Store, StoreError, TaskChange, TaskEnd, TaskKind, TaskRow, Tell, TriggerPause,
};
use yizhan_workflow::id::{Millis, RunId, TaskId, TextHash};
use yizhan_workflow::plan::Source;

use self::registers::Ledgers;
use self::waiting::Waiting;
use crate::search::entry;
use crate::sense::{begins, over, twice};

/// A handle: clones of it share one store, as the writer and the readers of a file do.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    kept: Arc<Mutex<Kept>>,
    pages: Pages,
}

type Told = Arc<dyn Fn() + Send + Sync>;

/// Who is told before a page of a register is read.
#[derive(Clone, Default)]
struct Pages(Arc<Mutex<Option<Told>>>);

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pages")
    }
}

impl Memory {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A new one for who writes and for who reads.
    #[must_use]
    pub fn shelf() -> Shelf {
        let store = Self::new();
        (Box::new(store.clone()), Arc::new(store))
    }

    /// What a crash at this moment leaves behind: a store of its own, with what was committed and nothing else.
    #[must_use]
    pub fn clone_committed(&self) -> Self {
        Self { kept: Arc::new(Mutex::new(self.kept().clone())), pages: Pages::default() }
    }

    /// Has this called before each page of a register, on the thread that reads it: it may hold the reader up.
    pub fn before_pages(&self, told: impl Fn() + Send + Sync + 'static) {
        *self.pages.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(told));
    }

    fn tell_of_page(&self) {
        let told = self.pages.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(told) = told {
            told();
        }
    }

    /// Plays a full disk until it is told otherwise.
    pub fn fill(&self, full: bool) {
        self.kept().full = full;
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Memory {
    fn commit(&mut self, batches: &[Batch]) -> Result<Vec<Acks>, StoreError> {
        crate::sense::check(batches)?;
        let mut kept = self.kept();
        if kept.full && !batches.iter().all(Batch::is_empty) {
            return Err(StoreError::Full("as was asked for".into()));
        }
        kept.none_twice(batches)?;
        Ok(batches.iter().map(|batch| kept.batch(batch)).collect())
    }
}

#[derive(Debug, Clone)]
struct Run {
    row: RunRow,
    snapshot: Option<(u32, Box<[u8]>)>,
    lines: Vec<Line>,
    wake: Option<Millis>,
}

type Fired = (Firing, Option<RunId>);
type Name = (Arc<str>, Arc<str>);

#[derive(Debug, Clone, Default)]
struct Kept {
    full: bool,
    runs: BTreeMap<RunId, Run>,
    open: BTreeSet<RunId>,
    /// Of each workflow and key, oldest first.
    by_key: BTreeMap<Name, BTreeSet<(Millis, RunId)>>,
    wakes: BTreeSet<(Millis, RunId)>,
    tasks: BTreeMap<TaskId, TaskRow>,
    past_tasks: BTreeMap<TaskId, (TaskRow, TaskEnd)>,
    drafts: BTreeMap<(DraftOf, Arc<str>), Draft>,
    pauses: BTreeMap<(Arc<str>, Arc<str>), TriggerPause>,
    /// By workflow, trigger and id: the place in the order of their coming.
    firings: BTreeMap<(Arc<str>, Arc<str>, String), u64>,
    fired: BTreeMap<u64, Fired>,
    tells: BTreeMap<RunId, Tell>,
    notices: BTreeMap<Arc<str>, Notice>,
    schedules: BTreeMap<Name, Millis>,
    calendars: Option<Arc<str>>,
    waiting: Waiting,
    gathered: BTreeMap<u64, Gathered>,
    last_gathered: u64,
    ledgers: Ledgers,
    texts: BTreeMap<TextHash, Arc<Source>>,
    /// What runs are found by.
    found_by: BTreeMap<RunId, Vec<String>>,
}

impl Kept {
    /// Found before anything is written, as there is nothing here that could be rolled back.
    fn none_twice(&self, batches: &[Batch]) -> Result<(), StoreError> {
        let mut seen = BTreeSet::new();
        let later = batches.iter().flat_map(|batch| &batch.changes).filter(|change| !begins(change));
        for change in later {
            let lines = self.runs.get(&change.run).map_or(&[][..], |run| &run.lines);
            let there = lines.binary_search_by_key(&change.seq, |line| line.seq).is_ok();
            if there || !seen.insert((change.run, change.seq)) {
                return Err(twice(change));
            }
        }
        Ok(())
    }

    fn batch(&mut self, batch: &Batch) -> Acks {
        let acks = batch.changes.iter().map(|change| self.change(change)).collect();
        batch.notes.iter().for_each(|note| self.note(note));
        acks
    }

    fn change(&mut self, change: &Change) -> Result<(), Refused> {
        if begins(change) {
            self.refusal(change)?;
        }
        if let Some(row) = &change.row {
            self.row(row);
        }
        if let Some(run) = self.runs.get_mut(&change.run) {
            run.lines.push(Line { seq: change.seq, at: change.at, body: change.line.clone() });
            if let Some(body) = &change.snapshot {
                run.snapshot = Some((change.seq, body.clone()));
            }
            if let Some(wake) = change.wake {
                let before = std::mem::replace(&mut run.wake, wake);
                before.map(|at| self.wakes.remove(&(at, change.run)));
                self.wakes.extend(wake.map(|at| (at, change.run)));
            }
        }
        change.tasks.iter().for_each(|task| self.task(task));
        for notice in &change.notices {
            self.notices.entry(Arc::clone(&notice.key)).or_insert_with(|| notice.clone());
        }
        change.slots.iter().for_each(|slot| self.waiting.slot(slot));
        change.grant.iter().for_each(|grant| self.waiting.grant(grant));
        change.listeners.iter().for_each(|listens| self.waiting.listens(listens));
        if let Some(firing) = change.start.as_ref().and_then(|start| start.firing.as_ref()) {
            self.firing(firing, Some(change.run));
        }
        if let Some(takes) = change.start.as_ref().and_then(|start| start.takes.as_ref()) {
            self.taken(takes, change.run);
        }
        self.tells.extend(change.tell_parent.as_ref().map(|tell| (tell.child, (**tell).clone())));
        if let Some(child) = change.told_by {
            self.tells.remove(&child);
        }
        Ok(())
    }

    fn row(&mut self, row: &RunRow) {
        if over(row.state) {
            self.open.remove(&row.id);
        } else {
            self.open.insert(row.id);
        }
        if let Some(run) = self.runs.get_mut(&row.id) {
            // What a run is called, where it comes from and when it began never change.
            let RunRow { text, state, outcome, waits, ended, due, stands, rounds, .. } = row.clone();
            run.row = RunRow { text, state, outcome, waits, ended, due, stands, rounds, ..run.row.clone() };
            return;
        }
        // The keys of children claim nothing.
        if let Some(key) = row.key.as_ref().filter(|_| row.parent.is_none()) {
            let name = (Arc::clone(&row.workflow), Arc::clone(key));
            self.by_key.entry(name).or_default().insert((row.started, row.id));
        }
        self.found_by.entry(row.id).or_default().push(entry(&row.workflow, row.key.as_deref(), None));
        self.runs.insert(row.id, Run { row: row.clone(), snapshot: None, lines: vec![], wake: None });
    }

    fn task(&mut self, task: &TaskChange) {
        match task {
            TaskChange::Open(row) => {
                // An opening carried out again replaces the first.
                self.notices.retain(|_, notice| notice.task != row.id);
                if let Some(run) = self.runs.get(&row.run) {
                    let entry = entry(&row.workflow, run.row.key.as_deref(), Some(&row.title));
                    self.found_by.entry(row.run).or_default().push(entry);
                }
                self.tasks.insert(row.id.clone(), (**row).clone());
            }
            TaskChange::Changed(row) => drop(self.tasks.insert(row.id.clone(), (**row).clone())),
            TaskChange::Claimed { id, by } => {
                if let Some(row) = self.tasks.get_mut(id) {
                    row.claimed_by.clone_from(by);
                }
            }
            TaskChange::Closed { id } => drop(self.close_task(id)),
            TaskChange::Ended { id, end } => {
                if let Some(row) = self.close_task(id).filter(|row| row.kind == TaskKind::Asked) {
                    self.past_tasks.insert(id.clone(), (row, end.clone()));
                }
            }
        }
    }

    fn close_task(&mut self, id: &TaskId) -> Option<TaskRow> {
        self.notices.retain(|_, notice| notice.task != *id);
        let of = DraftOf::Task(id.clone());
        self.drafts.retain(|(known, _), _| *known != of);
        self.tasks.remove(id)
    }

    fn refusal(&self, change: &Change) -> Result<(), Refused> {
        if self.runs.contains_key(&change.run) {
            return Err(Refused::Exists);
        }
        let Some(start) = &change.start else { return Ok(()) };
        if let Some(firing) = &start.firing
            && let Some((before, run)) = self.fired(&firing.workflow, &firing.trigger, &firing.id)
            && before.outcome != FiringOutcome::Queued
        {
            return Err(Refused::FiredBefore { run: *run });
        }
        match start.claim.as_ref().and_then(|claim| self.claimed(claim)) {
            Some(by) => Err(Refused::KeyHeld { by }),
            None => Ok(()),
        }
    }

    fn claimed(&self, claim: &Claim) -> Option<RunId> {
        let Some(since) = claim.since else { return self.holder(&claim.workflow, &claim.key) };
        let (started, run) = self.of_key(&claim.workflow, &claim.key).next()?;
        (started >= since).then_some(run)
    }

    fn holder(&self, workflow: &str, key: &str) -> Option<RunId> {
        self.of_key(workflow, key).map(|(_, run)| run).find(|run| self.open.contains(run))
    }

    /// Newest first.
    fn of_key(&self, workflow: &str, key: &str) -> impl Iterator<Item = (Millis, RunId)> {
        self.by_key.get(&(Arc::from(workflow), Arc::from(key))).into_iter().flatten().rev().copied()
    }

    fn fired(&self, workflow: &str, trigger: &str, id: &str) -> Option<&Fired> {
        let place = self.firings.get(&(Arc::from(workflow), Arc::from(trigger), id.to_owned()))?;
        self.fired.get(place)
    }

    /// What was decided about a firing stays; only one that waits for its turn gets its answer later.
    fn firing(&mut self, firing: &Firing, run: Option<RunId>) {
        let next = self.fired.last_key_value().map_or(0, |(last, _)| last + 1);
        let name = (Arc::clone(&firing.workflow), Arc::clone(&firing.trigger), firing.id.clone());
        let place = *self.firings.entry(name).or_insert(next);
        if self.fired.get(&place).is_none_or(|(before, _)| before.outcome == FiringOutcome::Queued) {
            self.fired.insert(place, (firing.clone(), run));
        }
    }

    /// A task that was answered meanwhile has none.
    fn keep_draft(&mut self, draft: &Draft) {
        let stands = match &draft.of {
            DraftOf::Task(task) => self.tasks.contains_key(task),
            DraftOf::Start { .. } => true,
        };
        if stands {
            self.drafts.insert((draft.of.clone(), Arc::clone(&draft.by)), draft.clone());
        }
    }

    fn note(&mut self, note: &Note) {
        match note {
            Note::Text { hash, source } => {
                self.texts.entry(hash.clone()).or_insert_with(|| Arc::clone(source));
            }
            Note::Firing(firing) => self.firing(firing, None),
            Note::FiredInto { firing, run, takes } => {
                self.firing(firing, Some(*run));
                takes.iter().for_each(|takes| self.taken(takes, *run));
            }
            Note::Gathered(gathered) => self.gather(gathered),
            Note::ScheduleSeen { workflow, trigger, at } => {
                self.schedules.insert((Arc::clone(workflow), Arc::clone(trigger)), *at);
            }
            Note::Digest { at, letters } => {
                let (workflow, trigger) = DIGEST;
                self.schedules.insert((workflow.into(), trigger.into()), *at);
                for letter in letters {
                    self.notices.entry(Arc::clone(&letter.key)).or_insert_with(|| letter.clone());
                }
            }
            Note::Told { child } => drop(self.tells.remove(child)),
            Note::Apart { key, letters } => {
                if self.notices.remove(key).is_some() {
                    let each = letters.iter().map(|letter| (Arc::clone(&letter.key), letter.clone()));
                    self.notices.extend(each);
                }
            }
            Note::Noticed { key } => drop(self.notices.remove(key)),
            Note::Draft(draft) => self.keep_draft(draft),
            Note::ForgetDrafts { before } => {
                self.drafts.retain(|(of, _), draft| matches!(of, DraftOf::Task(_)) || draft.at >= *before);
            }
            Note::DraftDropped { of, by } => drop(self.drafts.remove(&(of.clone(), Arc::clone(by)))),
            Note::TriggerPaused(pause) => {
                self.pauses.insert((pause.workflow.clone(), pause.trigger.clone()), pause.clone());
            }
            Note::TriggerResumed { workflow, trigger } => {
                self.pauses.remove(&(Arc::clone(workflow), Arc::clone(trigger)));
            }
            Note::Published(event) => self.waiting.published(event),
            Note::Entry(new) => self.ledgers.written(new),
            Note::Number(taken) => self.ledgers.taken(taken),
            Note::CalendarsSeen { digest } => self.calendars = Some(digest.clone()),
            Note::EventsSeen { number } => self.waiting.seen = *number,
            Note::ForgetEvents { before } => self.waiting.forget(*before),
            // Nothing to see here: what it would have met was found before.
            Note::Room { at: _ } => {}
            Note::ForgetBefore { at } => {
                self.fired.retain(|_, (firing, _)| firing.at >= *at);
                self.firings.retain(|_, place| self.fired.contains_key(place));
            }
        }
    }
}
