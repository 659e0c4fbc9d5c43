//! What a look through the whole store can find, as sentences for `doctor`.

use yizhan_workflow::id::{RunId, TaskId};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub(crate) enum Finding {
    #[error("SQLite says: {0}")]
    Sqlite(String),
    #[error("line {seq} of {run} is damaged: it is not what was written")]
    DamagedLine { run: RunId, seq: u32 },
    #[error("the snapshot of {run} is damaged: it is not what was written")]
    DamagedSnapshot { run: RunId },
    #[error("{rows} rows of the table `{table}` are damaged: they are not what was written")]
    DamagedRows { table: String, rows: u32 },
    #[error("the tables and indexes of the store are not those of this version")]
    Schema,
    #[error("{run} has {lines} lines up to number {last}: some are missing")]
    Gap { run: RunId, lines: u64, last: u64 },
    #[error("{run} has lines but no row")]
    NoRow { run: RunId },
    #[error("{run} is open and has neither lines nor a snapshot")]
    NoLines { run: RunId },
    #[error("{run} is open, waits for nothing and has no wake-up")]
    Stuck { run: RunId },
    #[error("{run} is over and has a wake-up")]
    WakesNoMore { run: RunId },
    #[error("task {task} is open, but its run {run} is not")]
    TaskOfNone { task: TaskId, run: RunId },
    #[error("{run} is not open and has a place among those that share a limit")]
    PlaceOfNone { run: RunId },
    #[error("{run} is not open and listens for an event")]
    ListensNoMore { run: RunId },
    #[error("the open runs of `{workflow}` are not as many as was counted")]
    Miscounted { workflow: String },
    #[error("the runs of some state are not as many as was counted")]
    MiscountedStates,
}

/// More of one kind say nothing new and would fill the screen.
pub(crate) const MOST_OF_A_KIND: usize = 20;

/// At most [`MOST_OF_A_KIND`] sentences, and how many more there are.
pub(crate) fn tell(mut findings: Vec<Finding>) -> Vec<String> {
    findings.sort();
    let more = findings.len().saturating_sub(MOST_OF_A_KIND);
    let told = findings.iter().take(MOST_OF_A_KIND).map(Finding::to_string);
    told.chain((more > 0).then(|| format!("and {more} more like the last"))).collect()
}
