//! What a fault run leaves behind: acknowledgements, arrivals at the sinks, and the store.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use yizhan_engine::live;
use yizhan_engine::store::{
    Line as Stored, Notice, Published, Reads, RunFilter, RunRow, StoreError, TaskFilter, Tell,
};
use yizhan_store::Sqlite;
use yizhan_workflow::calendar::Calendar;
use yizhan_workflow::definition;
use yizhan_workflow::id::{Millis, RunId};
use yizhan_workflow::plan::{Source, Starts};
use yizhan_workflow::run::Line;
use yizhan_workflow::run::event::Event;
use yizhan_workflow::run::state::{Run, Want};

use crate::checker::{Hears, Ledger, Rows, Slots};

/// A start that was acknowledged to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    pub run: RunId,
    /// What the client sent with it, to find it again at the sinks.
    pub case: String,
}

/// Deliveries of other systems.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Those that were answered: the case that each is of, and the run or the event that it became.
    pub taken: Vec<(String, String)>,
    /// Those that were sent and not answered yet: they may have come, once.
    pub open: BTreeSet<String>,
}

/// Something that came to a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The key as the plugin handed it on: `Idempotency-Key`, `Message-ID`, the mark in a file.
    pub key: String,
    /// Which item it was, in words: `<case>/<step>`. Made by the workflow, not by the engine.
    pub item: String,
}

/// One run as the store has it.
#[derive(Clone, Debug)]
pub struct RunEvidence {
    pub row: RunRow,
    pub lines: Vec<(Stored, Line)>,
    /// Where a line could not be read.
    pub unreadable: Vec<u32>,
    pub rows: Rows,
    /// By its snapshot it is another run than by its journal.
    pub loads_otherwise: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Evidence {
    pub acks: Vec<Ack>,
    pub arrivals: Vec<Arrival>,
    pub runs: BTreeMap<RunId, RunEvidence>,
    /// Ends of children that are on their way to their parents.
    pub tells: Vec<Tell>,
    pub published: Vec<Published>,
    pub schedules: Vec<Slots>,
    /// Triggers that wait for events.
    pub hears: Vec<Hears>,
    pub ledgers: Vec<Ledger>,
    /// Words to people that did not go out yet,
    pub notices: Vec<Notice>,
    /// and the keys of those that came to a sink which folds what comes again.
    pub letters: Vec<String>,
    /// What the store says of itself: sentences, none when it is well.
    pub store: Vec<String>,
    /// Items that must arrive at most once without a person's word: the ends of their names (`/pay`).
    pub once: Vec<String>,
    /// What each run of a workflow must have sent when it is done, as whoever wrote the workflow says: ends of items, by its name.
    pub sends: BTreeMap<String, BTreeSet<String>>,
    /// Items of which somebody was asked whether they happened.
    pub asked: BTreeSet<String>,
    /// Runs of which an answer was acknowledged.
    pub answered: BTreeSet<RunId>,
    /// Of a load that counts them.
    pub delivered: Option<Delivered>,
    /// The clock was set ahead and back.
    pub clock_moves: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    #[error("the store cannot be opened: {0}")]
    Open(String),
    #[error(transparent)]
    Store(#[from] yizhan_engine::store::StoreError),
}

impl Evidence {
    /// Reads every run and journal of a store that no daemon holds.
    pub fn read_store(&mut self, path: &Path) -> Result<(), EvidenceError> {
        let store = Sqlite::open(path).map_err(|error| EvidenceError::Open(error.to_string()))?;
        Ok(self.read(&*store.reads())?)
    }

    /// The same of a store that is open.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&mut self, reads: &dyn Reads) -> Result<(), StoreError> {
        let mut runs = BTreeMap::new();
        self.store = each_run_of(reads, |run| drop(runs.insert(run.row.id, run)))?;
        self.runs = runs;
        self.read_beside(reads)
    }

    /// What stands beside the runs.
    fn read_beside(&mut self, reads: &dyn Reads) -> Result<(), StoreError> {
        self.tells = reads.tells()?;
        self.published = reads.events_after(0, MOST)?;
        self.notices = reads.notices(None, MOST)?;
        self.read_stray_listeners(reads)?;
        for head in reads.register_heads()? {
            let lines = reads.register_lines(&head.register, 0, MOST)?;
            self.ledgers.push(Ledger { register: head.register.to_string(), lines });
        }
        Ok(())
    }

    /// Rows of those that listen for something that was published: also of runs that do not listen any more.
    fn read_stray_listeners(&mut self, reads: &dyn Reads) -> Result<(), StoreError> {
        let events: BTreeSet<_> = self.published.iter().map(|event| (&event.name, &event.key)).collect();
        for (name, key) in events {
            for row in reads.listeners(name, key, 0, MOST)? {
                let Some(run) = self.runs.get_mut(&row.run) else { continue };
                if !run.rows.listeners.iter().any(|known| known.number == row.number) {
                    run.rows.listeners.push(row);
                }
            }
        }
        Ok(())
    }

    /// The slots of every schedule whose file did not change while its runs began. Working days are those of `calendar`,
    /// as is the zone of schedules that name none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn read_schedules(&mut self, path: &Path, calendar: &Calendar) -> Result<(), EvidenceError> {
        let store = Sqlite::open(path).map_err(|error| EvidenceError::Open(error.to_string()))?;
        Ok(self.read_schedules_of(&*store.reads(), calendar)?)
    }

    /// The same of a store that is open.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read_schedules_of(&mut self, reads: &dyn Reads, calendar: &Calendar) -> Result<(), StoreError> {
        let texts: BTreeSet<_> =
            self.runs.values().map(|run| (run.row.workflow.clone(), run.row.text.0.clone())).collect();
        for (workflow, hash) in &texts {
            if texts.iter().filter(|(other, _)| other == workflow).count() > 1 {
                continue;
            }
            let hash = yizhan_workflow::id::TextHash(hash.clone());
            // Reading a text takes long, and most have neither.
            let starts =
                |source: &Source| ["schedule", "event ="].iter().any(|one| source.text.contains(one));
            let Some(source) = reads.text(&hash)?.filter(starts) else {
                continue;
            };
            let Ok(read) = definition::read(&source, &source.files) else { continue };
            for trigger in &read.workflow.triggers {
                if let (Starts::Event { name }, None) = (&trigger.starts, &trigger.each) {
                    let firings = reads.firings(workflow, &trigger.name, MOST)?;
                    self.hears.push(Hears {
                        workflow: workflow.to_string(),
                        trigger: trigger.name.to_string(),
                        event: name.to_string(),
                        seen: reads.events_seen()?,
                        firings: firings.into_iter().map(|(firing, _)| firing.id).collect(),
                    });
                }
                let Starts::Schedule(schedule) = &trigger.starts else { continue };
                let mut firings = reads.firings(workflow, &trigger.name, MOST)?;
                firings.retain(|(firing, _)| firing.id == firing.at.0.to_string());
                let seen = reads.schedule_seen(workflow, &trigger.name)?.unwrap_or(Millis(0));
                let fired = firings.iter().map(|(firing, _)| firing.at);
                let seen = fired.clone().max().unwrap_or(seen).max(seen);
                let first = fired.min().unwrap_or(seen.plus(1));
                let plain = trigger.each.is_none() && trigger.gather.is_none() && trigger.dates().is_none();
                self.schedules.push(Slots {
                    workflow: workflow.to_string(),
                    trigger: trigger.name.to_string(),
                    schedule: (**schedule).clone(),
                    calendar: calendar.clone(),
                    from: Millis(first.0 - 1),
                    seen,
                    firings,
                    plain,
                });
            }
        }
        Ok(())
    }
}

/// More than any fault run leaves.
const MOST: usize = 10_000_000;

/// Shows every run of a store that no daemon holds, one after the other: they need not fit into memory side by side.
/// Gives back what the store says of itself.
///
/// # Errors
/// When the store cannot be read.
pub fn each_run(path: &Path, show: impl FnMut(RunEvidence)) -> Result<Vec<String>, EvidenceError> {
    let store = Sqlite::open(path).map_err(|error| EvidenceError::Open(error.to_string()))?;
    Ok(each_run_of(&*store.reads(), show)?)
}

fn each_run_of(reads: &dyn Reads, mut show: impl FnMut(RunEvidence)) -> Result<Vec<String>, StoreError> {
    let mut rows = RowsOfRuns::read(reads)?;
    let mut cursor = None;
    loop {
        let page = reads.runs(&RunFilter::default(), cursor.as_deref(), 500)?;
        for row in page.rows {
            let rows = rows.0.remove(&row.id).unwrap_or_default();
            show(RunEvidence::read(reads, row, rows)?);
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    reads.verify()
}

/// Tasks, wake-ups and places by their runs.
struct RowsOfRuns(BTreeMap<RunId, Rows>);

impl RowsOfRuns {
    fn read(reads: &dyn Reads) -> Result<Self, StoreError> {
        let mut all: BTreeMap<RunId, Rows> = BTreeMap::new();
        for (at, run) in reads.wakes(Millis(i64::MAX), usize::MAX)? {
            all.entry(run).or_default().wake = Some(at);
        }
        let mut slots = reads.slot_holders(None)?;
        for key in reads.slot_keys()? {
            slots.extend(reads.slot_line(&key, MOST)?);
        }
        for slot in slots {
            all.entry(slot.run).or_default().slots.push(slot);
        }
        let mut cursor = None;
        loop {
            let page = reads.tasks(&TaskFilter::default(), cursor.as_deref(), 500)?;
            for task in page.rows {
                all.entry(task.run).or_default().tasks.push(task);
            }
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(Self(all)),
            }
        }
    }
}

impl RunEvidence {
    fn read(reads: &dyn Reads, row: RunRow, rows: Rows) -> Result<Self, StoreError> {
        let mut evidence = Self { row, lines: vec![], unreadable: vec![], rows, loads_otherwise: false };
        let mut after = 0;
        loop {
            let page = reads.journal(evidence.row.id, after, 1_000)?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            for stored in page {
                match serde_json::from_slice(&stored.body) {
                    Ok(line) => evidence.lines.push((stored, line)),
                    Err(_) => evidence.unreadable.push(stored.seq),
                }
            }
        }
        evidence.read_listeners(reads)?;
        evidence.loads_otherwise = evidence.is_loaded_otherwise(reads)?;
        Ok(evidence)
    }

    /// The case that it is of, as whoever started it said.
    #[must_use]
    pub fn case(&self) -> Option<String> {
        let Event::Started(started) = &self.lines.first()?.1.event else { return None };
        let input: serde_json::Value = serde_json::from_str(started.input.get()).ok()?;
        Some(input["case"].as_str()?.to_owned())
    }

    fn is_loaded_otherwise(&self, reads: &dyn Reads) -> Result<bool, StoreError> {
        let Some(stored) = reads.run(self.row.id)?.filter(|stored| stored.snapshot.is_some()) else {
            return Ok(false);
        };
        let loaded = live::fold(self.row.id, stored).ok().map(|loaded| loaded.run);
        Ok(loaded != self.folded())
    }

    fn read_listeners(&mut self, reads: &dyn Reads) -> Result<(), StoreError> {
        let Some(folded) = self.folded().filter(|run| !run.is_over()) else { return Ok(()) };
        for (item, state) in folded.standing_items() {
            if matches!(state.want(), Want::Listen { .. }) {
                self.rows.listeners.extend(reads.listener(folded.id, item)?);
            }
        }
        Ok(())
    }

    /// The run as its journal has it.
    #[must_use]
    pub fn folded(&self) -> Option<Run> {
        let mut folded = None;
        for (stored, line) in &self.lines {
            folded = line.fold_into(folded, self.row.id, stored.at);
        }
        folded
    }
}
