//! What is measured: tasks that are over, and the runs and tasks of a time.

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};
use yizhan_engine::store::{
    Answers, CaseFilter, CaseReads, PAST_LOOKED, StoreError, TaskEnd, TaskRow, TaskState, case_of_run,
    case_of_task,
};
use yizhan_workflow::id::{Millis, TaskId};
use yizhan_workflow::query::{Case, Of, PeriodOf};

use super::fault::Fault;
use super::reads::SqliteReads;
use super::rows::{self, unreadable};

/// Each at the place of its number in the file.
fn state_number(state: TaskState) -> i64 {
    match state {
        TaskState::Open => 0,
        TaskState::Answered => 1,
        TaskState::Decided => 2,
        TaskState::Withdrawn => 3,
    }
}

/// A task that is over.
pub(super) fn past(reads: &SqliteReads, id: &TaskId) -> Result<Option<(TaskRow, TaskEnd)>, StoreError> {
    let sql = format!("SELECT {}, ended, state, by, outcome FROM past_task WHERE id = ?1", rows::TASK);
    let found = reads.one(&sql, [id.as_str()], |row| Ok((rows::task_row(row)?, end(row)?)))?;
    Ok(found.and_then(|(row, end)| Some((row, end?))))
}

/// What somebody answered, led by the ends of all tasks: no index of who answered is written with each of them.
pub(super) fn answers_of(
    reads: &SqliteReads,
    by: &str,
    before: Option<(Millis, &TaskId)>,
    most: usize,
) -> Result<Answers, StoreError> {
    let columns = format!("{}, ended, state, by, outcome", rows::TASK);
    let sql = format!(
        "SELECT {columns} FROM (SELECT {columns} FROM past_task WHERE (ended, id) < (?2, ?3)
                                ORDER BY ended DESC, id DESC LIMIT {PAST_LOOKED})
         WHERE by = ?1 AND state = ?4 ORDER BY ended DESC, id DESC LIMIT ?5"
    );
    let (at, id) = before.map_or((i64::MAX, ""), |(at, id)| (at.0, id.as_str()));
    let answered = state_number(TaskState::Answered);
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let found = reads
        .many(&sql, params![by, at, id, answered, limit], |row| Ok((rows::task_row(row)?, end(row)?)))?;
    let found: Vec<_> = found.into_iter().filter_map(|(row, end)| Some((row, end?))).collect();
    if found.len() >= most {
        let last = found.last().map(|(row, end)| (end.at, row.id.clone()));
        return Ok((found, last));
    }
    // The last one that was looked at, where there may be more behind it.
    let sql = format!(
        "SELECT ended, id FROM past_task WHERE (ended, id) < (?1, ?2) ORDER BY ended DESC, id DESC
         LIMIT 1 OFFSET {}",
        PAST_LOOKED - 1
    );
    let last = reads.one(&sql, params![at, id], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
    let last = last.and_then(|(at, id)| Some((Millis(at), id.parse().ok()?)));
    Ok((found, last))
}

/// Keeps the row of a task that is over; one of a step that failed is nobody's work.
pub(super) fn keep(connection: &Connection, id: &TaskId, end: &TaskEnd) -> Result<(), Fault> {
    let sql = format!(
        "INSERT OR REPLACE INTO past_task({columns}, ended, state, by, outcome)
         SELECT {columns}, ?2, ?3, ?4, ?5 FROM task WHERE id = ?1 AND kind = 'asked'",
        columns = rows::TASK
    );
    let values = params![id.as_str(), end.at.0, state_number(end.state), end.by, end.outcome];
    connection.prepare_cached(&sql)?.execute(values)?;
    Ok(())
}

/// The words of one question, and its values.
struct Question {
    sql: String,
    values: Vec<Value>,
}

impl Question {
    /// Of one table: which rows, by the column that is asked for.
    fn and(&mut self, filter: &CaseFilter, column: &str, after: Option<&(Millis, Value)>) {
        if let Some(from) = filter.bounds.from {
            self.sql.push_str(&format!(" AND {column} >= ?"));
            self.values.push(from.0.into());
        }
        if let Some(until) = filter.bounds.until {
            self.sql.push_str(&format!(" AND {column} < ?"));
            self.values.push(until.0.into());
        }
        if !filter.workflows.is_empty() {
            // `+`: the time leads, as pages go by it.
            let marks = vec!["?"; filter.workflows.len()].join(", ");
            self.sql.push_str(&format!(" AND +t.workflow IN ({marks})"));
            self.values.extend(filter.workflows.iter().cloned().map(Value::from));
        }
        if let Some((at, id)) = after {
            self.sql.push_str(&format!(" AND ({column}, t.id) > (?, ?)"));
            self.values.extend([at.0.into(), id.clone()]);
        }
    }
}

/// `t.id, t.run, …`.
fn of_task(columns: &str) -> String {
    let own: Vec<String> = columns.split(", ").map(|column| format!("t.{column}")).collect();
    own.join(", ")
}

fn tasks(filter: &CaseFilter, after: Option<&(Millis, Value)>, most: usize) -> Question {
    let (columns, mut asked) = (of_task(rows::TASK), Question { sql: String::new(), values: vec![] });
    let column = match filter.period_of {
        PeriodOf::Started => "t.opened",
        PeriodOf::Ended => "t.ended",
    };
    asked.sql.push_str(&format!(
        "SELECT {columns}, t.ended, t.state, t.by, t.outcome, {column} AS at FROM past_task t WHERE true"
    ));
    asked.and(filter, column, after);
    if filter.period_of == PeriodOf::Started {
        asked.sql.push_str(&format!(
            " UNION ALL SELECT {columns}, NULL, 0, NULL, NULL, t.opened AS at FROM task t WHERE t.kind = 'asked'"
        ));
        asked.and(filter, column, after);
    }
    asked.sql.push_str(" ORDER BY at, id LIMIT ?");
    asked.values.push(i64::try_from(most).unwrap_or(i64::MAX).into());
    asked
}

fn runs(filter: &CaseFilter, after: Option<&(Millis, Value)>, most: usize) -> Question {
    let column = match filter.period_of {
        PeriodOf::Started => "t.started",
        PeriodOf::Ended => "t.ended",
    };
    let sql = format!("SELECT {} FROM run t WHERE {column} IS NOT NULL", of_task(rows::RUN));
    let mut asked = Question { sql, values: vec![] };
    asked.and(filter, column, after);
    asked.sql.push_str(&format!(" ORDER BY {column}, t.id LIMIT ?"));
    asked.values.push(i64::try_from(most).unwrap_or(i64::MAX).into());
    asked
}

/// Of the columns of a task, and `ended, state, by, outcome`.
fn end(row: &Row<'_>) -> rusqlite::Result<Option<TaskEnd>> {
    let Some(at) = row.get::<_, Option<i64>>(12)? else { return Ok(None) };
    let number = row.get::<_, i64>(13)?;
    let state = TaskState::ALL.into_iter().find(|state| state_number(*state) == number);
    let state =
        state.ok_or_else(|| unreadable(13, StoreError::Failed(format!("{number} is no state of a task"))))?;
    Ok(Some(TaskEnd {
        at: Millis(at),
        state,
        by: rows::maybe_text(row, 14)?,
        outcome: rows::maybe_text(row, 15)?,
    }))
}

impl CaseReads for SqliteReads {
    fn cases(&self, filter: &CaseFilter, after: Option<&Case>, most: usize) -> Result<Vec<Case>, StoreError> {
        let after = after.and_then(|case| {
            let id =
                case.task.as_ref().map_or(Value::from(case.run.number()), |id| id.as_str().to_owned().into());
            Some((filter.instant(case)?, id))
        });
        match filter.of {
            Of::Runs => {
                let Question { sql, values } = runs(filter, after.as_ref(), most);
                self.many(&sql, params_from_iter(values), |row| Ok(case_of_run(&rows::run_row(row)?)))
            }
            Of::Tasks => {
                let Question { sql, values } = tasks(filter, after.as_ref(), most);
                let found =
                    self.many(&sql, params_from_iter(values), |row| Ok((rows::task_row(row)?, end(row)?)))?;
                self.with_runs(found)
            }
        }
    }
}

impl SqliteReads {
    /// Of each task its run's row, looked up by the run's number.
    fn with_runs(
        &self,
        found: Vec<(yizhan_engine::store::TaskRow, Option<TaskEnd>)>,
    ) -> Result<Vec<Case>, StoreError> {
        let sql = format!("SELECT {} FROM run WHERE id = ?1", rows::RUN);
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let mut cases = Vec::with_capacity(found.len());
            for (row, end) in found {
                let mut of_run = statement.query([row.run.number()])?;
                let run = of_run.next()?.map(rows::run_row).transpose()?;
                cases.push(case_of_task(row, end, run.as_ref()));
            }
            Ok(cases)
        })
    }
}
