//! What a fault run leaves behind: acknowledgements, arrivals at the sinks, and the store.

use std::collections::BTreeMap;
use std::path::Path;

use yizhan_engine::store::{Line as Stored, Reads, RunFilter, RunRow, TaskFilter};
use yizhan_store::Sqlite;
use yizhan_workflow::id::{Millis, RunId};
use yizhan_workflow::run::Line;

use crate::checker::Rows;

/// A start that was acknowledged to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    pub run: RunId,
    /// What the client sent with it, to find it again at the sinks.
    pub case: String,
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
}

#[derive(Clone, Debug, Default)]
pub struct Evidence {
    pub acks: Vec<Ack>,
    pub arrivals: Vec<Arrival>,
    pub runs: BTreeMap<RunId, RunEvidence>,
    /// What the store says of itself: sentences, none when it is well.
    pub store: Vec<String>,
    /// Items that must arrive at most once without a person's word: the ends of their names (`/pay`).
    pub once: Vec<String>,
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
        let mut runs = BTreeMap::new();
        self.store = each_run(path, |run| drop(runs.insert(run.row.id, run)))?;
        self.runs = runs;
        Ok(())
    }
}

/// Shows every run of a store that no daemon holds, one after the other: they need not fit into memory side by side.
/// Gives back what the store says of itself.
///
/// # Errors
/// When the store cannot be read.
pub fn each_run(path: &Path, mut show: impl FnMut(RunEvidence)) -> Result<Vec<String>, EvidenceError> {
    let store = Sqlite::open(path).map_err(|error| EvidenceError::Open(error.to_string()))?;
    let reads = store.reads();
    let mut rows = RowsOfRuns::read(&*reads)?;
    let mut cursor = None;
    loop {
        let page = reads.runs(&RunFilter::default(), cursor.as_deref(), 500)?;
        for row in page.rows {
            let rows = rows.0.remove(&row.id).unwrap_or_default();
            show(RunEvidence::read(&*reads, row, rows)?);
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    Ok(reads.verify()?)
}

/// Tasks and wake-ups by their runs.
struct RowsOfRuns(BTreeMap<RunId, Rows>);

impl RowsOfRuns {
    fn read(reads: &dyn Reads) -> Result<Self, EvidenceError> {
        let mut all: BTreeMap<RunId, Rows> = BTreeMap::new();
        for (at, run) in reads.wakes(Millis(i64::MAX), usize::MAX)? {
            all.entry(run).or_default().wake = Some(at);
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
    fn read(reads: &dyn Reads, row: RunRow, rows: Rows) -> Result<Self, EvidenceError> {
        let mut evidence = Self { row, lines: vec![], unreadable: vec![], rows };
        let mut after = 0;
        loop {
            let page = reads.journal(evidence.row.id, after, 1_000)?;
            let Some(last) = page.last() else { return Ok(evidence) };
            after = last.seq;
            for stored in page {
                match serde_json::from_slice(&stored.body) {
                    Ok(line) => evidence.lines.push((stored, line)),
                    Err(_) => evidence.unreadable.push(stored.seq),
                }
            }
        }
    }
}
