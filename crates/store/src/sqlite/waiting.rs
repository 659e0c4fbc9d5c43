//! Rows of what waits for others: places under a limit, events and who listens for them.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, Row, params};
use serde::Serialize;
use yizhan_engine::store::{
    Grant, Listener, ListenerChange, Published, SlotChange, SlotRow, SlotStands, StoreError,
};
use yizhan_workflow::id::{Attempt, Item, Millis, RunId};
use yizhan_workflow::run::event::Raw;

use super::fault::Fault;
use super::rows::{instant, run_id, text, unreadable};

pub(super) const SLOT: &str = "run, item, attempt, asked, ask, stands";
pub(super) const PUBLISHED: &str = "number, id, name, key, payload, at";
pub(super) const LISTENER: &str = "number, run, item, attempt, name, key, filter, since";

pub(super) struct Stands(pub(super) SlotStands);

impl ToSql for Stands {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let number: i64 = match self.0 {
            SlotStands::Waits => 0,
            SlotStands::Holds => 1,
            SlotStands::Inside => 2,
        };
        Ok(number.into())
    }
}

impl FromSql for Stands {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_i64()? {
            0 => Ok(Self(SlotStands::Waits)),
            1 => Ok(Self(SlotStands::Holds)),
            2 => Ok(Self(SlotStands::Inside)),
            other => Err(FromSqlError::OutOfRange(other)),
        }
    }
}

fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Failed(error.to_string()))
}

/// An item as it stands in a column.
pub(super) fn item_text(item: Item) -> Result<String, StoreError> {
    json(&item)
}

fn run(connection: &Connection, sql: &str, values: impl rusqlite::Params) -> Result<(), Fault> {
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

pub(super) fn slot(connection: &Connection, change: &SlotChange) -> Result<(), Fault> {
    match change {
        SlotChange::Free { run: of, item } => {
            let sql = "DELETE FROM slot WHERE run = ?1 AND item = ?2";
            run(connection, sql, params![of.number(), item_text(*item)?])
        }
        SlotChange::Stands(row) => {
            let SlotRow { run: of, of: attempt, ask, asked, stands } = &**row;
            let sql = "INSERT INTO slot(run, item, attempt, key, stands, priority, asked, ask)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                       ON CONFLICT(run, item) DO UPDATE SET attempt = excluded.attempt, key = excluded.key,
                       stands = excluded.stands, priority = excluded.priority, asked = excluded.asked,
                       ask = excluded.ask";
            let (item, stands) = (item_text(attempt.item)?, Stands(*stands));
            let values = params![
                of.number(),
                item,
                attempt.attempt,
                ask.key,
                stands,
                ask.priority,
                asked.0,
                json(ask)?
            ];
            run(connection, sql, values)
        }
    }
}

/// Those that no window counts any more go with the next that is given.
pub(super) fn grant(connection: &Connection, grant: &Grant) -> Result<(), Fault> {
    let over = "DELETE FROM slot_grant WHERE key = ?1 AND until <= ?2";
    run(connection, over, params![grant.key, grant.at.0])?;
    let sql = "INSERT INTO slot_grant(key, at, until) VALUES (?1, ?2, ?3)";
    run(connection, sql, params![grant.key, grant.at.0, grant.until.0])
}

pub(super) fn published(connection: &Connection, event: &Published) -> Result<(), Fault> {
    // Not as a conflict: that would take a number for what is not kept.
    let sql = "INSERT INTO published(id, name, key, payload, at) SELECT ?1, ?2, ?3, ?4, ?5
               WHERE NOT EXISTS (SELECT 1 FROM published WHERE name = ?2 AND id = ?1)";
    run(connection, sql, params![event.id, event.name, event.key, event.payload.get(), event.at.0])
}

pub(super) fn calendars_seen(connection: &Connection, digest: &str) -> Result<(), Fault> {
    let sql = "INSERT INTO meta(name, value) VALUES ('calendars_seen', ?1)
               ON CONFLICT(name) DO UPDATE SET value = excluded.value";
    run(connection, sql, [digest])
}

pub(super) fn events_seen(connection: &Connection, number: u64) -> Result<(), Fault> {
    let sql = "INSERT INTO meta(name, value) VALUES ('events_seen', ?1)
               ON CONFLICT(name) DO UPDATE SET value = excluded.value";
    run(connection, sql, [number.to_string()])
}

pub(super) fn forget_events(connection: &Connection, before: Millis) -> Result<(), Fault> {
    run(connection, "DELETE FROM published WHERE at < ?1", [before.0])
}

pub(super) fn listens(connection: &Connection, change: &ListenerChange) -> Result<(), Fault> {
    match change {
        ListenerChange::Closed { run: of, item } => {
            let sql = "DELETE FROM listener WHERE run = ?1 AND item = ?2";
            run(connection, sql, params![of.number(), item_text(*item)?])
        }
        ListenerChange::Opened(row) => {
            let Listener { number: _, run: of, of: attempt, name, key, filter, since } = &**row;
            let sql = "INSERT OR REPLACE INTO listener(run, item, attempt, name, key, filter, since)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            let (item, filter) = (item_text(attempt.item)?, filter.as_ref().map(Raw::get));
            run(connection, sql, params![of.number(), item, attempt.attempt, name, key, filter, since.0])
        }
    }
}

fn from_json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|error| unreadable(column, error))
}

pub(super) fn raw(row: &Row<'_>, column: usize) -> rusqlite::Result<Raw> {
    from_json(row, column)
}

pub(super) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::unsigned_abs)
}

/// What SQLite compares a number of ours with.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Of the columns [`SLOT`].
pub(super) fn slot_row(row: &Row<'_>) -> rusqlite::Result<SlotRow> {
    Ok(SlotRow {
        run: run_id(row, 0)?,
        of: Attempt { item: from_json(row, 1)?, attempt: row.get(2)? },
        asked: instant(row, 3)?,
        ask: from_json(row, 4)?,
        stands: row.get::<_, Stands>(5)?.0,
    })
}

/// Of `key, at, until`.
pub(super) fn grant_row(row: &Row<'_>) -> rusqlite::Result<Grant> {
    Ok(Grant { key: text(row, 0)?, at: instant(row, 1)?, until: instant(row, 2)? })
}

/// Of the columns [`PUBLISHED`].
pub(super) fn published_row(row: &Row<'_>) -> rusqlite::Result<Published> {
    Ok(Published {
        number: number(row, 0)?,
        id: text(row, 1)?,
        name: text(row, 2)?,
        key: text(row, 3)?,
        payload: raw(row, 4)?,
        at: instant(row, 5)?,
    })
}

/// Of the columns [`LISTENER`].
pub(super) fn listener_row(row: &Row<'_>) -> rusqlite::Result<Listener> {
    let filtered = row.get_ref(6)?.as_str_or_null()?.is_some();
    Ok(Listener {
        number: number(row, 0)?,
        run: run_id(row, 1)?,
        of: Attempt { item: from_json(row, 2)?, attempt: row.get(3)? },
        name: text(row, 4)?,
        key: text(row, 5)?,
        filter: if filtered { Some(raw(row, 6)?) } else { None },
        since: instant(row, 7)?,
    })
}

/// The row of an item, and how many wait before it.
pub(super) fn place(connection: &Connection, of: RunId, item: Item) -> Result<Option<(SlotRow, u64)>, Fault> {
    let sql = format!("SELECT {SLOT} FROM slot WHERE run = ?1 AND item = ?2");
    let item = item_text(item)?;
    let mut found = connection.prepare_cached(&sql)?;
    let mut rows = found.query(params![of.number(), item])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let row = slot_row(row)?;
    let sql = "SELECT count(*) FROM slot INDEXED BY slot_line WHERE key = ?1 AND stands = 0 AND
               (priority > ?2 OR priority = ?2 AND (asked, run, item) < (?3, ?4, ?5))";
    let before = params![row.ask.key, row.ask.priority, row.asked.0, of.number(), item];
    let ahead = match row.stands {
        SlotStands::Waits => connection.prepare_cached(sql)?.query_row(before, |row| number(row, 0))?,
        SlotStands::Holds | SlotStands::Inside => 0,
    };
    Ok(Some((row, ahead)))
}
