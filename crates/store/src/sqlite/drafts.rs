//! What people have filled in of the forms of open tasks.

use rusqlite::{Connection, Row, params};
use yizhan_engine::store::Draft;
use yizhan_workflow::id::TaskId;

use super::fault::Fault;
use super::rows::instant;
use super::waiting::raw;

pub(super) const OF: &str = "SELECT at, fields FROM draft WHERE task = ?1 AND by = ?2";

pub(super) fn read(row: &Row<'_>, task: &TaskId, by: &str) -> rusqlite::Result<Draft> {
    Ok(Draft { task: task.clone(), by: by.into(), at: instant(row, 0)?, fields: raw(row, 1)? })
}

/// A task that was answered meanwhile has none: nobody would ever take it away.
pub(super) fn keep(connection: &Connection, draft: &Draft) -> Result<(), Fault> {
    let sql = "INSERT INTO draft(task, by, at, fields) SELECT ?1, ?2, ?3, ?4
               WHERE EXISTS (SELECT 1 FROM task WHERE id = ?1)
               ON CONFLICT(task, by) DO UPDATE SET at = excluded.at, fields = excluded.fields";
    let values = params![draft.task.as_str(), draft.by, draft.at.0, draft.fields.get()];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

pub(super) fn drop(connection: &Connection, task: &TaskId, by: &str) -> Result<(), Fault> {
    let sql = "DELETE FROM draft WHERE task = ?1 AND by = ?2";
    connection.prepare_cached(sql)?.execute([task.as_str(), by])?;
    Ok(())
}

/// The task is over, and with it what nobody sent.
pub(super) fn closed(connection: &Connection, task: &str) -> Result<(), Fault> {
    connection.prepare_cached("DELETE FROM draft WHERE task = ?1")?.execute([task])?;
    Ok(())
}
