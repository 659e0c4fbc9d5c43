//! The runs that are in memory, and how one comes back from the store.

use std::sync::Arc;

use yizhan_workflow::id::{Attempt, Millis, RunId};
use yizhan_workflow::plan::Workflow;
use yizhan_workflow::run::Line;
use yizhan_workflow::run::names::phase_word;
use yizhan_workflow::run::state::Run;

use crate::library::{Library, TextError};
use crate::store::{Reads, RunRow, StoreError, Stored};

/// A run that the loop owns.
#[derive(Debug)]
pub struct Live {
    pub run: Run,
    pub text: Arc<Workflow>,
    /// Its id as plugins are told it.
    pub shown: Arc<str>,
    /// Attempts that a carrier has, by the number of the call.
    pub calls: Vec<(Attempt, u64)>,
    /// What the store's row and wake-up say.
    pub row: Shown,
    pub wake: Option<Millis>,
    /// Lines and bytes since the last snapshot.
    pub lines_since: u32,
    pub bytes_since: usize,
    pub snapshot_bytes: usize,
    /// The number of the last job that holds a line of this run: until it is written, the run stays.
    pub job: u64,
    /// Its first line may still be refused: until it is on disk nothing else may happen to the run.
    pub unborn: bool,
}

/// The part of the row that changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    pub state: &'static str,
    pub waits: Option<&'static str>,
    /// Its own due time, and whether its clock stands.
    pub due: (Option<Millis>, bool),
}

impl Shown {
    #[must_use]
    pub fn of(run: &Run) -> Self {
        let due = run.whole.as_ref().map_or((None, false), |whole| (whole.due, whole.stands_still()));
        Self { state: phase_word(&run.top.phase), waits: run.waits(), due }
    }
}

/// A run as it was stored, folded.
#[derive(Debug)]
pub struct Loaded {
    pub run: Run,
    pub row: RunRow,
    pub lines_since: u32,
    pub bytes_since: usize,
    pub snapshot_bytes: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("there is no {0}")]
    NoSuchRun(RunId),
    /// The journal of one run is damaged; the others go on.
    #[error("the journal of {run} cannot be read at line {seq}: {why}")]
    Damaged { run: RunId, seq: u32, why: String },
    #[error(transparent)]
    Text(#[from] TextError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Folds what the store has of a run.
pub fn fold(id: RunId, stored: Stored) -> Result<Loaded, LoadError> {
    let damaged = |seq, why: String| LoadError::Damaged { run: id, seq, why };
    let snapshot_bytes = stored.snapshot.as_ref().map_or(0, |bytes| bytes.len());
    let mut run = match &stored.snapshot {
        Some(bytes) => {
            let mut run: Run = serde_json::from_slice(bytes).map_err(|e| damaged(0, e.to_string()))?;
            run.derive();
            Some(run)
        }
        None => None,
    };
    let (mut lines_since, mut bytes_since) = (0, 0);
    for line in &stored.lines {
        let read: Line = serde_json::from_slice(&line.body).map_err(|e| damaged(line.seq, e.to_string()))?;
        run = read.fold_into(run, id, line.at);
        lines_since += 1;
        bytes_since += line.body.len();
    }
    let run = run.ok_or_else(|| damaged(0, "it does not begin".to_owned()))?;
    Ok(Loaded { run, row: stored.row, lines_since, bytes_since, snapshot_bytes })
}

/// Reads a run back, from its snapshot and the lines after it.
pub fn load(id: RunId, reads: &dyn Reads) -> Result<Loaded, LoadError> {
    fold(id, reads.run(id)?.ok_or(LoadError::NoSuchRun(id))?)
}

impl Live {
    pub fn load(id: RunId, reads: &dyn Reads, library: &Library) -> Result<Self, LoadError> {
        let loaded = load(id, reads)?;
        let text = library.text(loaded.run.text(), reads)?;
        let wake = loaded.run.next_timer().map(|timer| timer.at);
        Ok(Self {
            row: Shown::of(&loaded.run),
            shown: loaded.run.id.to_string().into(),
            run: loaded.run,
            text,
            calls: vec![],
            wake,
            lines_since: loaded.lines_since,
            bytes_since: loaded.bytes_since,
            snapshot_bytes: loaded.snapshot_bytes,
            job: 0,
            unborn: false,
        })
    }

    #[must_use]
    pub fn new(run: Run, text: Arc<Workflow>) -> Self {
        Self {
            row: Shown { state: "", waits: None, due: (None, false) },
            shown: run.id.to_string().into(),
            run,
            text,
            calls: vec![],
            wake: None,
            lines_since: 0,
            bytes_since: 0,
            snapshot_bytes: 0,
            job: 0,
            unborn: false,
        }
    }

    /// Whether `Woke` must be decided before anything else: the clock speaks first.
    #[must_use]
    pub fn is_due(&self, at: Millis) -> bool {
        self.run.next_timer().is_some_and(|timer| timer.at <= at)
    }
}
