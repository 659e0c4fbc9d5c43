//! The part of the port that is about figures: how tasks ended, and the runs and tasks of a time.

use std::sync::Arc;

use yizhan_workflow::id::{Attempt, Millis};
use yizhan_workflow::query::{Case, Of, PeriodOf};
use yizhan_workflow::register::Bounds;

use super::{RunRow, RunState, StoreError, TaskRow};

/// What is kept of a task when it is over, beside its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskEnd {
    pub at: Millis,
    pub state: TaskState,
    /// Who answered; else whoever had claimed it is told.
    pub by: Option<Arc<str>>,
    pub outcome: Option<Arc<str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    Open,
    Answered,
    /// By its due time, or a rung of it.
    Decided,
    /// Nobody had to answer any more.
    Withdrawn,
}

impl TaskState {
    pub const ALL: [Self; 4] = [Self::Open, Self::Answered, Self::Decided, Self::Withdrawn];

    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Answered => "answered",
            Self::Decided => "decided",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// Which runs or tasks are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseFilter {
    pub of: Of,
    /// Empty: those of all.
    pub workflows: Vec<String>,
    pub bounds: Bounds,
    pub period_of: PeriodOf,
}

impl CaseFilter {
    /// The instant that the period is about.
    #[must_use]
    pub fn instant(&self, case: &Case) -> Option<Millis> {
        match self.period_of {
            PeriodOf::Started => Some(case.began),
            PeriodOf::Ended => case.ended,
        }
    }
}

pub trait CaseReads {
    /// In the order of the instant that the period is about, those after one of them.
    fn cases(&self, filter: &CaseFilter, after: Option<&Case>, most: usize) -> Result<Vec<Case>, StoreError>;
}

/// A run as it is measured.
#[must_use]
pub fn case_of_run(row: &RunRow) -> Case {
    let state = match row.state {
        RunState::Open => "open",
        RunState::Closing => "closing",
        RunState::Done => "done",
        RunState::Failed => "failed",
        RunState::Cancelled => "cancelled",
    };
    Case {
        run: row.id,
        workflow: row.workflow.clone(),
        key: row.key.clone(),
        task: None,
        step: None,
        title: None,
        state: state.into(),
        outcome: row.outcome.clone(),
        person: Some(row.by.clone()),
        who: vec![],
        parent: row.parent,
        began: row.started,
        ended: row.ended,
        due: row.due,
        stands: row.stands,
        round: row.rounds,
    }
}

/// A task as it is measured, with the row of its run.
#[must_use]
pub fn case_of_task(row: TaskRow, end: Option<TaskEnd>, run: Option<&RunRow>) -> Case {
    let (state, ended) = end.as_ref().map_or((TaskState::Open, None), |end| (end.state, Some(end.at)));
    let (by, outcome) = end.map(|end| (end.by, end.outcome)).unwrap_or_default();
    Case {
        run: row.run,
        workflow: row.workflow,
        key: run.and_then(|run| run.key.clone()),
        task: Some(row.id),
        step: Some(row.step),
        title: Some(row.title),
        state: state.word().into(),
        outcome,
        person: by.or(row.claimed_by),
        who: row.who,
        parent: run.and_then(|run| run.parent),
        began: row.opened,
        ended,
        due: row.due,
        stands: row.stands,
        round: serde_json::from_str::<Attempt>(&row.of).map_or(1, |of| of.item.round),
    }
}
