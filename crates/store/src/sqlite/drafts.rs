//! What people have filled in of forms and not sent: of open tasks, and of new cases.

use rusqlite::{Connection, Row, params};
use yizhan_engine::store::{DRAFT_OF_START, Draft, DraftOf};
use yizhan_workflow::id::Millis;

use super::fault::Fault;
use super::rows::instant;
use super::waiting::raw;

pub(super) const OF: &str = "SELECT at, fields FROM draft WHERE of = ?1 AND by = ?2";

pub(super) fn read(row: &Row<'_>, of: &DraftOf, by: &str) -> rusqlite::Result<Draft> {
    Ok(Draft { of: of.clone(), by: by.into(), at: instant(row, 0)?, fields: raw(row, 1)? })
}

/// A task that was answered meanwhile has none: nobody would ever take it away.
pub(super) fn keep(connection: &Connection, draft: &Draft) -> Result<(), Fault> {
    let sql = "INSERT INTO draft(of, by, at, fields) SELECT ?1, ?2, ?3, ?4
               WHERE ?5 OR EXISTS (SELECT 1 FROM task WHERE id = ?1)
               ON CONFLICT(of, by) DO UPDATE SET at = excluded.at, fields = excluded.fields";
    let of_start = matches!(draft.of, DraftOf::Start { .. });
    let values = params![draft.of.word(), draft.by, draft.at.0, draft.fields.get(), of_start];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

pub(super) fn drop(connection: &Connection, of: &DraftOf, by: &str) -> Result<(), Fault> {
    let sql = "DELETE FROM draft WHERE of = ?1 AND by = ?2";
    connection.prepare_cached(sql)?.execute([&*of.word(), by])?;
    Ok(())
}

/// The task is over, and with it what nobody sent.
pub(super) fn closed(connection: &Connection, task: &str) -> Result<(), Fault> {
    connection.prepare_cached("DELETE FROM draft WHERE of = ?1")?.execute([task])?;
    Ok(())
}

/// Of start forms, at which nobody was since.
pub(super) fn forget(connection: &Connection, before: Millis) -> Result<(), Fault> {
    let sql = "DELETE FROM draft WHERE substr(of, 1, length(?1)) = ?1 AND at < ?2";
    connection.prepare_cached(sql)?.execute(params![DRAFT_OF_START, before.0])?;
    Ok(())
}
