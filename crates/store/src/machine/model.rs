//! A store as its port describes it: what was accepted, in its order, and nothing else. Each question is answered by going
//! through all of it, so there is no second place that could disagree; nothing here is taken from a store of the product.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use yizhan_engine::store::{
    Acks, Batch, Change, Claim, Draft, DraftOf, Firing, FiringOutcome, Gathered, Grant, Line, Listener,
    ListenerChange, Note, Notice, Published, Refused, RunRow, RunState, SlotChange, SlotRow, SlotStands,
    Stored, TaskChange, TaskRow, Tell,
};
use yizhan_workflow::id::{Item, Millis, RunId, TaskId};
use yizhan_workflow::register::Entry;

/// A batch with an answer for each change that was looked at.
#[derive(Debug, Clone)]
struct Kept {
    batch: Arc<Batch>,
    acks: Acks,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    kept: Vec<Kept>,
}

/// Something that was accepted.
enum Told<'m> {
    Change(&'m Change),
    Note(&'m Note),
}

pub(super) type Fired = (Firing, Option<RunId>);

impl Model {
    /// Takes them in, one after the other, and says what was refused.
    pub(super) fn commit(&mut self, batches: Vec<Batch>) -> Vec<Acks> {
        let from = self.kept.len();
        for batch in batches {
            let batch = Arc::new(batch);
            self.kept.push(Kept { batch: batch.clone(), acks: vec![] });
            for change in &batch.changes {
                let ack = self.refusal(change).map_or(Ok(()), Err);
                self.kept.last_mut().unwrap().acks.push(ack);
            }
        }
        self.kept[from..].iter().map(|kept| kept.acks.clone()).collect()
    }

    /// Changes before the notes of their batch; of one that is being looked at only what was looked at.
    fn told(&self) -> impl Iterator<Item = Told<'_>> {
        self.kept.iter().flat_map(|kept| {
            let changes = kept.batch.changes.iter().zip(&kept.acks).filter(|(_, ack)| ack.is_ok());
            let whole = kept.acks.len() == kept.batch.changes.len();
            let notes = kept.batch.notes.iter().filter(move |_| whole);
            changes.map(|(change, _)| Told::Change(change)).chain(notes.map(Told::Note))
        })
    }

    fn changes(&self) -> impl Iterator<Item = &Change> {
        self.told().filter_map(|told| match told {
            Told::Change(change) => Some(change),
            Told::Note(_) => None,
        })
    }

    fn notes(&self) -> impl Iterator<Item = &Note> {
        self.told().filter_map(|told| match told {
            Told::Change(_) => None,
            Told::Note(note) => Some(note),
        })
    }

    fn of(&self, run: RunId) -> impl Iterator<Item = &Change> {
        self.changes().filter(move |change| change.run == run)
    }

    // ---- runs ---------------------------------------------------------------------------------------------------------

    pub(super) fn runs(&self) -> BTreeSet<RunId> {
        self.changes().map(|change| change.run).collect()
    }

    pub(super) fn last_line(&self, run: RunId) -> u32 {
        self.of(run).map(|change| change.seq).max().unwrap_or(0)
    }

    pub(super) fn journal(&self, run: RunId, after: u32) -> Vec<Line> {
        let lines = self.of(run).filter(|change| change.seq > after);
        lines.map(|change| Line { seq: change.seq, at: change.at, body: change.line.clone() }).collect()
    }

    /// As the last row says it; what a run is called, where it comes from and when it began, as the first does.
    pub(super) fn row(&self, run: RunId) -> Option<RunRow> {
        let rows: Vec<&RunRow> = self.of(run).filter_map(|change| change.row.as_deref()).collect();
        let (first, last) = (*rows.first()?, *rows.last()?);
        let RunRow { id, workflow, key, started, by, parent, .. } = first.clone();
        Some(RunRow { id, workflow, key, started, by, parent, ..last.clone() })
    }

    pub(super) fn rows(&self) -> Vec<RunRow> {
        self.runs().into_iter().filter_map(|run| self.row(run)).collect()
    }

    pub(super) fn stored(&self, run: RunId) -> Option<Stored> {
        let row = self.row(run)?;
        let last = self.of(run).filter(|change| change.snapshot.is_some()).last();
        let lines = self.journal(run, last.map_or(0, |change| change.seq));
        Some(Stored { row, snapshot: last.and_then(|change| change.snapshot.clone()), lines })
    }

    pub(super) fn wakes(&self) -> BTreeSet<(Millis, RunId)> {
        let wake = |run| Some((self.of(run).filter_map(|change| change.wake).last()??, run));
        self.runs().into_iter().filter_map(wake).collect()
    }

    fn is_open(&self, run: RunId) -> bool {
        self.row(run).is_some_and(|row| matches!(row.state, RunState::Open | RunState::Closing))
    }

    pub(super) fn open(&self) -> Vec<RunId> {
        self.runs().into_iter().filter(|run| self.is_open(*run)).collect()
    }

    // ---- what a start may be refused for ------------------------------------------------------------------------------

    fn refusal(&self, change: &Change) -> Option<Refused> {
        if change.seq != 1 {
            return None;
        }
        if self.runs().contains(&change.run) {
            return Some(Refused::Exists);
        }
        let start = change.start.as_ref()?;
        let fired = start.firing.as_ref().and_then(|firing| self.firing(&firing.id));
        if let Some((_, run)) = fired.filter(|(firing, _)| firing.outcome != FiringOutcome::Queued) {
            return Some(Refused::FiredBefore { run });
        }
        Some(Refused::KeyHeld { by: self.claimed(start.claim.as_ref()?)? })
    }

    /// Those of a key, the newest last; the keys of children hold nothing.
    fn of_key(&self, workflow: &str, key: &str) -> Vec<RunRow> {
        let has = |row: &RunRow| {
            *row.workflow == *workflow && row.key.as_deref() == Some(key) && row.parent.is_none()
        };
        let mut rows: Vec<RunRow> = self.rows().into_iter().filter(has).collect();
        rows.sort_by_key(|row| (row.started, row.id));
        rows
    }

    pub(super) fn holder(&self, workflow: &str, key: &str) -> Option<RunId> {
        let all = self.of_key(workflow, key).into_iter().rev().map(|row| row.id);
        all.into_iter().find(|run| self.is_open(*run))
    }

    /// An open run holds it; or, unique for a while, the newest that began since then.
    fn claimed(&self, claim: &Claim) -> Option<RunId> {
        match claim.since {
            None => self.holder(&claim.workflow, &claim.key),
            Some(since) => {
                let newest = self.of_key(&claim.workflow, &claim.key).pop()?;
                (newest.started >= since).then_some(newest.id)
            }
        }
    }

    // ---- firings, and what was gathered -------------------------------------------------------------------------------

    /// In the order of their coming, each as it was decided, and all that was gathered.
    fn firings_and_gathered(&self) -> (Vec<Fired>, Vec<Gathered>) {
        let (mut fired, mut gathered) = (Vec::<Fired>::new(), Vec::<Gathered>::new());
        for told in self.told() {
            match told {
                Told::Change(change) => {
                    let firing = change.start.as_ref().and_then(|start| start.firing.as_ref());
                    firing.into_iter().for_each(|firing| decide(&mut fired, firing, Some(change.run)));
                }
                Told::Note(Note::Firing(firing)) => decide(&mut fired, firing, None),
                Told::Note(Note::ForgetBefore { at }) => fired.retain(|(firing, _)| firing.at >= *at),
                Told::Note(Note::Gathered(one)) => {
                    if let Some(firing) = &one.firing {
                        if fired.iter().any(|(known, _)| is(known, firing) && is_decided(known)) {
                            continue;
                        }
                        decide(&mut fired, firing, None);
                    }
                    let number = gathered.len() as u64 + 1;
                    gathered.push(Gathered { number, ..one.clone() });
                }
                Told::Note(_) => {}
            }
        }
        (fired, gathered)
    }

    pub(super) fn gathered(&self) -> Vec<Gathered> {
        self.firings_and_gathered().1
    }

    pub(super) fn firing(&self, id: &str) -> Option<Fired> {
        self.firings_and_gathered().0.into_iter().find(|(firing, _)| firing.id == id)
    }

    /// The newest first; of one instant the one that came last.
    pub(super) fn firings(&self) -> Vec<Fired> {
        let mut all = self.firings_and_gathered().0;
        all.reverse();
        all.sort_by_key(|(firing, _)| std::cmp::Reverse(firing.at));
        all
    }

    pub(super) fn schedule_seen(&self) -> Option<Millis> {
        let seen = |note: &Note| if let Note::ScheduleSeen { at, .. } = note { Some(*at) } else { None };
        self.notes().filter_map(seen).last()
    }

    // ---- tasks, and what hangs on them --------------------------------------------------------------------------------

    /// In the order of lists: what presses first, then what was opened first.
    pub(super) fn tasks(&self) -> Vec<TaskRow> {
        let mut open = BTreeMap::<TaskId, TaskRow>::new();
        for task in self.changes().flat_map(|change| &change.tasks) {
            match task {
                TaskChange::Open(row) | TaskChange::Changed(row) => {
                    drop(open.insert(row.id.clone(), (**row).clone()))
                }
                TaskChange::Claimed { id, by } => {
                    open.get_mut(id).into_iter().for_each(|row| row.claimed_by.clone_from(by));
                }
                TaskChange::Closed { id } | TaskChange::Ended { id, .. } => drop(open.remove(id)),
            }
        }
        let mut rows: Vec<TaskRow> = open.into_values().collect();
        rows.sort_by_key(|row| (row.presses(), row.opened, row.id.clone()));
        rows
    }

    /// A notice stands until it went out, or its task is over or opens again.
    pub(super) fn notices(&self) -> Vec<Notice> {
        let mut all = Vec::<Notice>::new();
        for told in self.told() {
            match told {
                Told::Change(change) => {
                    for task in &change.tasks {
                        if let Some(id) = begun_or_over(task) {
                            all.retain(|notice| notice.task != *id);
                        }
                    }
                    for notice in &change.notices {
                        if !all.iter().any(|one| one.key == notice.key) {
                            all.push(notice.clone());
                        }
                    }
                }
                Told::Note(Note::Noticed { key }) => all.retain(|notice| notice.key != *key),
                Told::Note(_) => {}
            }
        }
        all.sort_by(|one, other| (one.at, &one.key).cmp(&(other.at, &other.key)));
        all
    }

    /// What somebody filled in stays while its task is open, also where that opens again.
    pub(super) fn draft(&self, of: &TaskId, by: &str) -> Option<Draft> {
        let (mut open, mut draft) = (false, None);
        let own = |known: &DraftOf| matches!(known, DraftOf::Task(task) if task == of);
        for told in self.told() {
            match told {
                Told::Change(change) => {
                    for task in &change.tasks {
                        match task {
                            TaskChange::Open(row) if row.id == *of => open = true,
                            TaskChange::Closed { id } | TaskChange::Ended { id, .. } if id == of => {
                                (open, draft) = (false, None);
                            }
                            TaskChange::Open(_)
                            | TaskChange::Changed(_)
                            | TaskChange::Claimed { .. }
                            | TaskChange::Closed { .. }
                            | TaskChange::Ended { .. } => {}
                        }
                    }
                }
                Told::Note(Note::Draft(one)) if open && own(&one.of) && &*one.by == by => {
                    draft = Some(one.clone());
                }
                Told::Note(Note::DraftDropped { of: dropped, by: who }) if own(dropped) && &**who == by => {
                    draft = None;
                }
                Told::Note(_) => {}
            }
        }
        draft
    }

    // ---- children, places, events -------------------------------------------------------------------------------------

    pub(super) fn tells(&self) -> Vec<Tell> {
        let mut all = BTreeMap::<RunId, Tell>::new();
        for told in self.told() {
            match told {
                Told::Change(change) => {
                    all.extend(change.tell_parent.iter().map(|tell| (tell.child, (**tell).clone())));
                    change.told_by.into_iter().for_each(|child| drop(all.remove(&child)));
                }
                Told::Note(Note::Told { child }) => drop(all.remove(child)),
                Told::Note(_) => {}
            }
        }
        all.into_values().collect()
    }

    fn slots(&self) -> Vec<SlotRow> {
        let mut all = BTreeMap::<(RunId, Item), SlotRow>::new();
        for slot in self.changes().flat_map(|change| &change.slots) {
            match slot {
                SlotChange::Stands(row) => drop(all.insert((row.run, row.of.item), (**row).clone())),
                SlotChange::Free { run, item } => drop(all.remove(&(*run, *item))),
            }
        }
        all.into_values().collect()
    }

    pub(super) fn holders_of_places(&self) -> Vec<SlotRow> {
        self.slots().into_iter().filter(|row| row.stands != SlotStands::Waits).collect()
    }

    /// The most urgent first, then who asked first.
    pub(super) fn line(&self) -> Vec<SlotRow> {
        let mut line = self.slots();
        line.retain(|row| row.stands == SlotStands::Waits);
        line.sort_by_key(|row| (std::cmp::Reverse(row.ask.priority), row.asked, row.run, row.of.item));
        line
    }

    /// Those whose window is not over; what was over when a later one was given is gone for good.
    pub(super) fn grants(&self, now: Millis) -> Vec<Grant> {
        let mut all = Vec::<Grant>::new();
        for grant in self.changes().filter_map(|change| change.grant.as_ref()) {
            all.retain(|earlier| earlier.key != grant.key || earlier.until > grant.at);
            all.push(grant.clone());
        }
        all.retain(|grant| grant.until > now);
        all.sort_by_key(|grant| grant.at);
        all
    }

    /// Each name and id once, numbered in the order of their coming; no number comes twice.
    pub(super) fn events(&self) -> Vec<Published> {
        let (mut all, mut last) = (Vec::<Published>::new(), 0);
        for note in self.notes() {
            if let Note::Published(event) = note
                && !all.iter().any(|one| (&one.name, &one.id) == (&event.name, &event.id))
            {
                last += 1;
                all.push(Published { number: last, ..event.clone() });
            }
            if let Note::ForgetEvents { before } = note {
                all.retain(|event| event.at >= *before);
            }
        }
        all
    }

    pub(super) fn events_seen(&self) -> u64 {
        let seen = |note: &Note| if let Note::EventsSeen { number } = note { Some(*number) } else { None };
        self.notes().filter_map(seen).last().unwrap_or(0)
    }

    /// An item listens once: the newest opening is the one.
    pub(super) fn listeners(&self) -> Vec<Listener> {
        let (mut all, mut last) = (Vec::<Listener>::new(), 0);
        for change in self.changes().flat_map(|change| &change.listeners) {
            match change {
                ListenerChange::Opened(row) => {
                    last += 1;
                    all.retain(|one| (one.run, one.of.item) != (row.run, row.of.item));
                    all.push(Listener { number: last, ..(**row).clone() });
                }
                ListenerChange::Closed { run, item } => {
                    all.retain(|one| (one.run, one.of.item) != (*run, *item))
                }
            }
        }
        all
    }

    /// Whose event is there already.
    pub(super) fn listeners_behind(&self) -> Vec<Listener> {
        let events = self.events();
        let comes = |row: &Listener, event: &Published| {
            (&event.name, &event.key) == (&row.name, &row.key) && event.at >= row.since
        };
        self.listeners().into_iter().filter(|row| events.iter().any(|event| comes(row, event))).collect()
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        let entry = |note: &Note| if let Note::Entry(new) = note { Some(new.entry.clone()) } else { None };
        self.notes().filter_map(entry).collect()
    }
}

fn is(known: &Firing, other: &Firing) -> bool {
    (&known.workflow, &known.trigger, &known.id) == (&other.workflow, &other.trigger, &other.id)
}

fn is_decided(firing: &Firing) -> bool {
    firing.outcome != FiringOutcome::Queued
}

/// What was decided of a firing stays; one that waits for its turn is decided later, and keeps its place.
fn decide(fired: &mut Vec<Fired>, firing: &Firing, run: Option<RunId>) {
    match fired.iter_mut().find(|(known, _)| is(known, firing)) {
        Some((known, _)) if is_decided(known) => {}
        Some(waits) => *waits = (firing.clone(), run),
        None => fired.push((firing.clone(), run)),
    }
}

fn begun_or_over(task: &TaskChange) -> Option<&TaskId> {
    match task {
        TaskChange::Open(row) => Some(&row.id),
        TaskChange::Closed { id } | TaskChange::Ended { id, .. } => Some(id),
        TaskChange::Changed(_) | TaskChange::Claimed { .. } => None,
    }
}
