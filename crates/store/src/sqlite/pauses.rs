//! Triggers that somebody paused.

use rusqlite::{Connection, Row, params};
use yizhan_engine::store::TriggerPause;

use super::fault::Fault;
use super::rows::{instant, text};
use super::waiting::{number, signed};

pub(super) const ALL: &str =
    "SELECT workflow, trigger, by, at, reason, seen, over FROM trigger_pause ORDER BY workflow, trigger";

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<TriggerPause> {
    Ok(TriggerPause {
        workflow: text(row, 0)?,
        trigger: text(row, 1)?,
        by: text(row, 2)?,
        at: instant(row, 3)?,
        reason: text(row, 4)?,
        seen: number(row, 5)?,
        over: row.get(6)?,
    })
}

pub(super) fn keep(connection: &Connection, pause: &TriggerPause) -> Result<(), Fault> {
    let sql = "INSERT OR REPLACE INTO trigger_pause(workflow, trigger, by, at, reason, seen, over)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let TriggerPause { workflow, trigger, by, at, reason, seen, over } = pause;
    let values = params![workflow, trigger, by, at.0, reason, signed(*seen), over];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

pub(super) fn drop(connection: &Connection, workflow: &str, trigger: &str) -> Result<(), Fault> {
    let sql = "DELETE FROM trigger_pause WHERE workflow = ?1 AND trigger = ?2";
    connection.prepare_cached(sql)?.execute([workflow, trigger])?;
    Ok(())
}
