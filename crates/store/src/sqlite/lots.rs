//! What runs are found by, as it is kept: written with the line that begins a run or opens a task, and put together in
//! lots of some hundred.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use yizhan_engine::store::{RunRow, StoreError, TaskRow};
use yizhan_workflow::id::{Millis, RunId};

use super::fault::Fault;
use crate::checksum::checksum;
use crate::search::entry;

/// Entries of a lot: the row of each is written once and deleted once, so a larger lot costs no more to make, but more to
/// read for one run.
const LOT: i64 = 512;
/// Runs whose entries are written in one transaction, of a store that had none.
const AT_ONCE: i64 = 4_096;
/// Of an entry: run, start, and where it ends among the entries.
const HEAD: usize = 20;

const ENTER: &str = "INSERT INTO found_by(run, started, entry) VALUES (?1, ?2, ?3)";

/// A run begins.
pub(super) fn run(connection: &Connection, row: &RunRow) -> Result<(), Fault> {
    let entry = entry(&row.workflow, row.key.as_deref(), None);
    connection.prepare_cached(ENTER)?.execute(params![row.id.number(), row.started.0, entry])?;
    Ok(())
}

/// A task opens.
pub(super) fn task(connection: &Connection, task: &TaskRow) -> Result<(), Fault> {
    let run = task.run.number();
    let sql = "SELECT started, key FROM run WHERE id = ?1";
    let of_run = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<String>>(1)?));
    let found = connection.prepare_cached(sql)?.query_row([run], of_run).optional()?;
    let Some((started, key)) = found else { return Ok(()) };
    let entry = entry(&task.workflow, key.as_deref(), Some(&task.title));
    connection.prepare_cached(ENTER)?.execute(params![run, started, entry])?;
    Ok(())
}

/// Puts the oldest together, once they are a lot.
pub(super) fn gather(connection: &Connection) -> Result<(), Fault> {
    let sql = "SELECT (SELECT min(id) FROM found_by), (SELECT max(id) FROM found_by)";
    loop {
        let mut ends = connection.prepare_cached(sql)?;
        let ends: (Option<i64>, Option<i64>) = ends.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (Some(first), Some(last)) = ends else { return Ok(()) };
        if last - first < LOT {
            return Ok(());
        }
        one_lot(connection, first + LOT - 1)?;
    }
}

fn one_lot(connection: &Connection, upto: i64) -> Result<(), Fault> {
    let mut lot = Filling::default();
    let sql = "SELECT run, started, entry FROM found_by WHERE id <= ?1 ORDER BY id";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([upto])?;
    while let Some(row) = rows.next()? {
        lot.add(row.get(0)?, row.get(1)?, row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?);
    }
    lot.write(connection)?;
    connection.prepare_cached("DELETE FROM found_by WHERE id <= ?1")?.execute([upto])?;
    Ok(())
}

#[derive(Default)]
struct Filling {
    heads: Vec<u8>,
    entries: Vec<u8>,
    count: u32,
    bounds: Option<(i64, i64)>,
}

impl Filling {
    fn add(&mut self, run: i64, started: i64, entry: &str) {
        self.entries.extend_from_slice(entry.as_bytes());
        let end = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.heads.extend_from_slice(&run.to_le_bytes());
        self.heads.extend_from_slice(&started.to_le_bytes());
        self.heads.extend_from_slice(&end.to_le_bytes());
        self.count += 1;
        let (oldest, newest) = self.bounds.unwrap_or((started, started));
        self.bounds = Some((oldest.min(started), newest.max(started)));
    }

    fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let Some((oldest, newest)) = self.bounds else { return Ok(()) };
        let body = [&self.count.to_le_bytes()[..], &self.heads, &self.entries].concat();
        let sum = checksum(&body, newest, 0, oldest);
        let sql = "INSERT INTO found_by_lot(oldest, newest, body, sum) VALUES (?1, ?2, ?3, ?4)";
        connection.prepare_cached(sql)?.execute(params![oldest, newest, body, &sum[..]])?;
        Ok(())
    }
}

/// A lot as it was read.
pub(super) struct Lot<'b> {
    heads: &'b [u8],
    pub(super) entries: &'b [u8],
}

impl<'b> Lot<'b> {
    /// Of the columns `oldest, newest, body, sum`.
    pub(super) fn read(row: &'b rusqlite::Row<'_>) -> Result<Self, Fault> {
        let (oldest, newest): (i64, i64) = (row.get(0)?, row.get(1)?);
        let body = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
        let sum = row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?;
        let sound = sum == checksum(body, newest, 0, oldest);
        let parts = body.split_first_chunk().filter(|_| sound).and_then(|(count, rest)| {
            let heads = usize::try_from(u32::from_le_bytes(*count)).ok()?.checked_mul(HEAD)?;
            rest.split_at_checked(heads)
        });
        let damaged = || StoreError::Failed("what runs are found by is damaged: restore a backup".to_owned());
        let (heads, entries) = parts.ok_or_else(damaged)?;
        Ok(Self { heads, entries })
    }

    pub(super) fn count(&self) -> usize {
        self.heads.len() / HEAD
    }

    fn number<const N: usize>(&self, at: usize, from: usize) -> [u8; N] {
        let bytes = self.heads.get(at * HEAD + from..).and_then(<[u8]>::first_chunk);
        bytes.copied().unwrap_or([0; N])
    }

    pub(super) fn place(&self, at: usize) -> (Millis, RunId) {
        let run = RunId::from_number(i64::from_le_bytes(self.number(at, 0)));
        (Millis(i64::from_le_bytes(self.number(at, 8))), run)
    }

    fn end(&self, at: usize) -> usize {
        usize::try_from(u32::from_le_bytes(self.number(at, 16))).unwrap_or(usize::MAX)
    }

    pub(super) fn entry(&self, at: usize) -> &'b [u8] {
        let begin = if at == 0 { 0 } else { self.end(at - 1) };
        self.entries.get(begin..self.end(at)).unwrap_or_default()
    }

    /// Which entry has this byte, none of those before `from`.
    pub(super) fn at_byte(&self, byte: usize, from: usize) -> usize {
        let (mut low, mut high) = (from, self.count());
        while low < high {
            let middle = low.midpoint(high);
            if self.end(middle) <= byte { low = middle + 1 } else { high = middle }
        }
        low
    }
}

/// What was there before there were entries: how far it is entered, and where.
struct Stage {
    /// The row of `meta` that says how far; it is there until all is entered.
    upto: &'static str,
    last: &'static str,
    all: &'static str,
}

const STAGES: [Stage; 2] = [
    Stage {
        upto: "entered_runs",
        last: "SELECT id FROM run WHERE id > ?1 ORDER BY id LIMIT 1 OFFSET ?2",
        all: "SELECT id, started, workflow, key, NULL FROM run WHERE id > ?1 AND id <= ?2
              UNION ALL SELECT run.id, started, run.workflow, key, title FROM task JOIN run ON run.id = task.run
              WHERE task.run > ?1 AND task.run <= ?2",
    },
    Stage {
        upto: "entered_tasks",
        last: "SELECT rowid FROM past_task WHERE rowid > ?1 ORDER BY rowid LIMIT 1 OFFSET ?2",
        all: "SELECT run.id, started, run.workflow, key, title FROM past_task JOIN run ON run.id = past_task.run
              WHERE past_task.rowid > ?1 AND past_task.rowid <= ?2",
    },
];

/// Enters it, some thousand rows in one transaction, and goes on where the last process ended.
pub(super) fn enter_all(connection: &mut Connection) -> rusqlite::Result<()> {
    for Stage { upto, last, all } in STAGES {
        let far = "SELECT CAST(value AS INTEGER) FROM meta WHERE name = ?1";
        while let Some(after) = connection.query_row(far, [upto], |row| row.get::<_, i64>(0)).optional()? {
            let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let last = step.query_row(last, [after, AT_ONCE - 1], |row| row.get::<_, i64>(0)).optional()?;
            enter(&step, all, (after, last.unwrap_or(i64::MAX)))?;
            match last {
                Some(last) => {
                    let sql = "UPDATE meta SET value = CAST(?1 AS TEXT) WHERE name = ?2";
                    step.execute(sql, params![last, upto])?;
                }
                None => drop(step.execute("DELETE FROM meta WHERE name = ?1", [upto])?),
            }
            step.commit()?;
        }
    }
    Ok(())
}

fn enter(connection: &Connection, all: &str, (after, upto): (i64, i64)) -> rusqlite::Result<()> {
    let mut lot = Filling::default();
    let mut statement = connection.prepare_cached(all)?;
    let mut rows = statement.query([after, upto])?;
    while let Some(row) = rows.next()? {
        let (workflow, key, title) = (row.get_ref(2)?, row.get_ref(3)?, row.get_ref(4)?);
        let entry = entry(workflow.as_str()?, key.as_str_or_null()?, title.as_str_or_null()?);
        lot.add(row.get(0)?, row.get(1)?, &entry);
        if i64::from(lot.count) >= LOT {
            std::mem::take(&mut lot).write(connection)?;
        }
    }
    lot.write(connection)
}
