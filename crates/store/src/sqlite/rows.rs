//! How values stand in columns.

use std::sync::Arc;

use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use yizhan_engine::store::{Firing, FiringOutcome, Notice, RunRow, RunState, TaskKind, TaskRow};
use yizhan_workflow::id::{Millis, RunId, TaskId, TextHash};

pub(super) const RUN: &str =
    "id, workflow, text, state, outcome, key, waits, started, ended, by, parent, due, stands, rounds";
pub(super) const TASK: &str =
    "id, run, workflow, of, step, kind, title, who, due, stands, opened, claimed_by";

/// Each at the place of its number in the file, which never changes its meaning.
pub(super) const ALL_STATES: [RunState; 5] =
    [RunState::Open, RunState::Closing, RunState::Done, RunState::Failed, RunState::Cancelled];

pub(super) fn state_number(state: RunState) -> i64 {
    match state {
        RunState::Open => 0,
        RunState::Closing => 1,
        RunState::Done => 2,
        RunState::Failed => 3,
        RunState::Cancelled => 4,
    }
}

#[derive(Clone, Copy)]
pub(super) struct State(pub(super) RunState);

impl ToSql for State {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(state_number(self.0).into())
    }
}

impl FromSql for State {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        let found = ALL_STATES.into_iter().find(|state| state_number(*state) == number);
        found.map(Self).ok_or(FromSqlError::OutOfRange(number))
    }
}

pub(super) fn kind_word(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::Asked => "asked",
        TaskKind::Unknown => "unknown",
        TaskKind::Asking => "asking",
    }
}

pub(super) fn outcome_word(outcome: FiringOutcome) -> &'static str {
    match outcome {
        FiringOutcome::Started => "started",
        FiringOutcome::Joined => "joined",
        FiringOutcome::Rejected => "rejected",
        FiringOutcome::Skipped => "skipped",
        FiringOutcome::Late => "late",
        FiringOutcome::Missed => "missed",
        FiringOutcome::Queued => "queued",
        FiringOutcome::Failed => "failed",
        FiringOutcome::Gathered => "gathered",
    }
}

/// A word as serde writes it: the same as in the two functions above, which a test compares.
fn word<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_value(serde_json::Value::from(text)).map_err(|error| unreadable(column, error))
}

pub(super) fn unreadable(
    column: usize,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
}

pub(super) fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<Arc<str>> {
    Ok(row.get_ref(column)?.as_str()?.into())
}

pub(super) fn maybe_text(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Arc<str>>> {
    Ok(row.get_ref(column)?.as_str_or_null()?.map(Arc::from))
}

fn maybe_instant(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Millis>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Millis))
}

pub(super) fn instant(row: &Row<'_>, column: usize) -> rusqlite::Result<Millis> {
    row.get(column).map(Millis)
}

pub(super) fn run_id(row: &Row<'_>, column: usize) -> rusqlite::Result<RunId> {
    row.get(column).map(RunId::from_number)
}

pub(super) fn maybe_run_id(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<RunId>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(RunId::from_number))
}

pub(super) fn task_id(row: &Row<'_>, column: usize) -> rusqlite::Result<TaskId> {
    row.get_ref(column)?.as_str()?.parse().map_err(|error| unreadable(column, error))
}

/// Of the columns [`RUN`].
pub(super) fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    Ok(RunRow {
        id: run_id(row, 0)?,
        workflow: text(row, 1)?,
        text: TextHash(text(row, 2)?),
        state: row.get::<_, State>(3)?.0,
        outcome: maybe_text(row, 4)?,
        key: maybe_text(row, 5)?,
        waits: maybe_text(row, 6)?,
        started: instant(row, 7)?,
        ended: maybe_instant(row, 8)?,
        by: text(row, 9)?,
        parent: maybe_run_id(row, 10)?,
        due: maybe_instant(row, 11)?,
        stands: row.get(12)?,
        rounds: row.get(13)?,
    })
}

/// Of the columns [`TASK`].
pub(super) fn task_row(row: &Row<'_>) -> rusqlite::Result<TaskRow> {
    let who = row.get_ref(7)?.as_str()?;
    Ok(TaskRow {
        id: task_id(row, 0)?,
        run: run_id(row, 1)?,
        workflow: text(row, 2)?,
        of: row.get(3)?,
        step: text(row, 4)?,
        kind: word(row, 5)?,
        title: text(row, 6)?,
        who: serde_json::from_str(who).map_err(|error| unreadable(7, error))?,
        due: maybe_instant(row, 8)?,
        stands: row.get(9)?,
        opened: instant(row, 10)?,
        claimed_by: maybe_text(row, 11)?,
    })
}

/// Of `key, task, at, letter`.
pub(super) fn notice(row: &Row<'_>) -> rusqlite::Result<Notice> {
    let letter = row.get_ref(3)?.as_blob()?.into();
    Ok(Notice { key: text(row, 0)?, task: task_id(row, 1)?, at: instant(row, 2)?, letter })
}

/// Of `workflow, trigger, firing, at, outcome, run`.
pub(super) fn firing_row(row: &Row<'_>) -> rusqlite::Result<(Firing, Option<RunId>)> {
    let firing = Firing {
        workflow: text(row, 0)?,
        trigger: text(row, 1)?,
        id: row.get(2)?,
        at: instant(row, 3)?,
        outcome: word(row, 4)?,
    };
    Ok((firing, maybe_run_id(row, 5)?))
}

pub(super) fn outcome_and_run(row: &Row<'_>) -> rusqlite::Result<(FiringOutcome, Option<RunId>)> {
    Ok((word(row, 0)?, maybe_run_id(row, 1)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_same_in_the_file_as_everywhere_else() {
        for kind in [TaskKind::Asked, TaskKind::Unknown, TaskKind::Asking] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind_word(kind));
        }
        use FiringOutcome::{Failed, Gathered, Joined, Late, Missed, Queued, Rejected, Skipped, Started};
        for outcome in [Started, Joined, Rejected, Skipped, Late, Missed, Queued, Failed, Gathered] {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome_word(outcome));
        }
    }
}
