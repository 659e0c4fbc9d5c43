//! Rows of what triggers with `gather` brought and no run has taken yet.

use rusqlite::{Connection, Row, params};
use yizhan_engine::store::{Firing, FiringOutcome, Gathered, Heap, Takes};
use yizhan_workflow::id::RunId;

use super::fault::Fault;
use super::rows::{instant, text};
use super::waiting::{number, raw, signed};

pub(super) const GATHERED: &str = "number, workflow, trigger, at, fired, firing, item";

pub(super) fn keep(connection: &Connection, gathered: &Gathered) -> Result<(), Fault> {
    let sql =
        "INSERT INTO gathered(workflow, trigger, at, fired, firing, item) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let Gathered { number: _, workflow, trigger, at, firing, item } = gathered;
    let (fired, firing) =
        (firing.as_ref().map(|firing| &firing.trigger), firing.as_ref().map(|firing| &firing.id));
    connection.prepare_cached(sql)?.execute(params![workflow, trigger, at.0, fired, firing, item.get()])?;
    Ok(())
}

/// They go with the line of the run that takes them, and their firings say which that is.
pub(super) fn taken(connection: &Connection, takes: &Takes, run: RunId) -> Result<(), Fault> {
    let Takes { workflow, trigger, before, upto } = takes;
    let upto = signed(*upto);
    let known = "UPDATE firing SET run = ?5 WHERE workflow = ?1 AND (trigger, firing) IN
                 (SELECT fired, firing FROM gathered
                  WHERE workflow = ?1 AND trigger = ?2 AND at < ?3 AND number <= ?4 AND firing IS NOT NULL)";
    connection.prepare_cached(known)?.execute(params![workflow, trigger, before.0, upto, run.number()])?;
    let sql = "DELETE FROM gathered WHERE workflow = ?1 AND trigger = ?2 AND at < ?3 AND number <= ?4";
    connection.prepare_cached(sql)?.execute(params![workflow, trigger, before.0, upto])?;
    Ok(())
}

/// Of the columns [`GATHERED`].
pub(super) fn gathered_row(row: &Row<'_>) -> rusqlite::Result<Gathered> {
    let (workflow, at) = (text(row, 1)?, instant(row, 3)?);
    let firing = match (row.get_ref(4)?.as_str_or_null()?, row.get::<_, Option<String>>(5)?) {
        (Some(trigger), Some(id)) => {
            let (workflow, trigger) = (workflow.clone(), trigger.into());
            Some(Firing { workflow, trigger, id, at, outcome: FiringOutcome::Gathered })
        }
        (_, _) => None,
    };
    Ok(Gathered { number: number(row, 0)?, workflow, trigger: text(row, 2)?, at, firing, item: raw(row, 6)? })
}

/// Of `workflow, trigger, count(*), min(at)`.
pub(super) fn heap_row(row: &Row<'_>) -> rusqlite::Result<Heap> {
    Ok(Heap {
        workflow: text(row, 0)?,
        trigger: text(row, 1)?,
        items: number(row, 2)?,
        oldest: instant(row, 3)?,
    })
}
