//! Looks through the whole store for what should not be.

use std::sync::OnceLock;

use rusqlite::{Connection, Row};

use super::fault::Fault;
use super::lots::Lot;
use super::rows::{run_id, task_id};
use super::{open, sums};
use crate::checksum::checksum;
use crate::finding::{Finding, MOST_OF_A_KIND, tell};

pub(super) fn verify(connection: &Connection) -> Result<Vec<String>, Fault> {
    // One moment for all questions: a run that ends meanwhile would look torn.
    let moment = connection.unchecked_transaction()?;
    let mut told = tell(sqlite(&moment)?);
    for look in [damaged_lines, damaged_snapshots, damaged_lots, sums::damaged, schema] {
        told.extend(tell(look(&moment)?));
    }
    for (sql, finding) in QUESTIONS {
        let found = moment.prepare(sql)?.query_map([], finding)?.collect::<Result<_, _>>()?;
        told.extend(tell(found));
    }
    Ok(told)
}

type Question = (&'static str, fn(&Row<'_>) -> rusqlite::Result<Finding>);

const QUESTIONS: [Question; 11] = [
    ("SELECT run, count(*), max(seq) FROM event GROUP BY run HAVING count(*) <> max(seq)", |row| {
        let number = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
        Ok(Finding::Gap { run: run_id(row, 0)?, lines: number(1)?, last: number(2)? })
    }),
    ("SELECT DISTINCT run FROM event WHERE NOT EXISTS (SELECT 1 FROM run WHERE run.id = event.run)", |row| {
        Ok(Finding::NoRow { run: run_id(row, 0)? })
    }),
    (
        "SELECT id FROM run WHERE state < 2 AND NOT EXISTS (SELECT 1 FROM event WHERE event.run = run.id)
         AND NOT EXISTS (SELECT 1 FROM snapshot WHERE snapshot.run = run.id)",
        |row| Ok(Finding::NoLines { run: run_id(row, 0)? }),
    ),
    (
        "SELECT id FROM run WHERE state < 2 AND waits IS NULL
         AND NOT EXISTS (SELECT 1 FROM wake WHERE wake.run = run.id)",
        |row| Ok(Finding::Stuck { run: run_id(row, 0)? }),
    ),
    ("SELECT wake.run FROM wake JOIN run ON run.id = wake.run WHERE run.state >= 2", |row| {
        Ok(Finding::WakesNoMore { run: run_id(row, 0)? })
    }),
    ("SELECT run FROM wake WHERE NOT EXISTS (SELECT 1 FROM run WHERE run.id = wake.run)", |row| {
        Ok(Finding::NoRow { run: run_id(row, 0)? })
    }),
    (
        "SELECT task.id, task.run FROM task LEFT JOIN run ON run.id = task.run
         WHERE run.state IS NULL OR run.state >= 2",
        |row| Ok(Finding::TaskOfNone { task: task_id(row, 0)?, run: run_id(row, 1)? }),
    ),
    (
        "SELECT DISTINCT slot.run FROM slot LEFT JOIN run ON run.id = slot.run
         WHERE run.state IS NULL OR run.state >= 2",
        |row| Ok(Finding::PlaceOfNone { run: run_id(row, 0)? }),
    ),
    (
        "SELECT DISTINCT listener.run FROM listener LEFT JOIN run ON run.id = listener.run
         WHERE run.state IS NULL OR run.state >= 2",
        |row| Ok(Finding::ListensNoMore { run: run_id(row, 0)? }),
    ),
    (
        "WITH is_open AS (SELECT workflow, text, count(*) AS runs FROM run WHERE state < 2 GROUP BY workflow, text),
              counted AS (SELECT workflow, text, runs FROM open_count)
         SELECT DISTINCT workflow FROM (SELECT * FROM (SELECT * FROM is_open EXCEPT SELECT * FROM counted)
                                        UNION SELECT * FROM (SELECT * FROM counted EXCEPT SELECT * FROM is_open))",
        |row| Ok(Finding::Miscounted { workflow: row.get(0)? }),
    ),
    (
        "WITH is_so AS (SELECT state, count(*) AS runs FROM run GROUP BY state),
              counted AS (SELECT state, runs FROM state_count WHERE runs <> 0)
         SELECT 1 WHERE EXISTS (SELECT * FROM is_so EXCEPT SELECT * FROM counted)
                     OR EXISTS (SELECT * FROM counted EXCEPT SELECT * FROM is_so)",
        |_| Ok(Finding::MiscountedStates),
    ),
];

fn sqlite(connection: &Connection) -> Result<Vec<Finding>, Fault> {
    let mut found = Vec::new();
    // Not the quick one: an index that lacks a row hides it from every list.
    connection.pragma_query(None, "integrity_check", |row| {
        let text: String = row.get(0)?;
        if text != "ok" {
            found.push(Finding::Sqlite(text));
        }
        Ok(())
    })?;
    Ok(found)
}

/// A word of it that turned over may hide an index, or give a column another meaning.
fn schema(connection: &Connection) -> Result<Vec<Finding>, Fault> {
    static FRESH: OnceLock<Schema> = OnceLock::new();
    let fresh = match FRESH.get() {
        Some(known) => known,
        None => {
            let mut fresh = Connection::open_in_memory()?;
            sums::teach(&fresh)?;
            open::migrate(&mut fresh, 0)?;
            let read = read_schema(&fresh)?;
            FRESH.get_or_init(|| read)
        }
    };
    Ok(if read_schema(connection)? == *fresh { vec![] } else { vec![Finding::Schema] })
}

/// Names, and how each is made.
type Schema = Vec<(String, String)>;

fn read_schema(connection: &Connection) -> rusqlite::Result<Schema> {
    let sql = "SELECT name, coalesce(sql, '') FROM sqlite_schema ORDER BY type, name";
    connection.prepare(sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn damaged_lines(connection: &Connection) -> Result<Vec<Finding>, Fault> {
    let mut statement = connection.prepare("SELECT run, seq, at, body, sum FROM event")?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (number, seq, at): (i64, u32, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (body, sum) = blobs(row, 3)?;
        if sum != checksum(body, number, seq, at) {
            found.push(Finding::DamagedLine { run: run_id(row, 0)?, seq });
        }
        if found.len() > MOST_OF_A_KIND {
            break;
        }
    }
    Ok(found)
}

fn damaged_snapshots(connection: &Connection) -> Result<Vec<Finding>, Fault> {
    let mut statement = connection.prepare("SELECT run, seq, body, sum FROM snapshot")?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (number, seq): (i64, u32) = (row.get(0)?, row.get(1)?);
        let (body, sum) = blobs(row, 2)?;
        if sum != checksum(body, number, seq, 0) {
            found.push(Finding::DamagedSnapshot { run: run_id(row, 0)? });
        }
        if found.len() > MOST_OF_A_KIND {
            break;
        }
    }
    Ok(found)
}

/// What runs are found by has one sum for a lot.
fn damaged_lots(connection: &Connection) -> Result<Vec<Finding>, Fault> {
    let mut statement = connection.prepare("SELECT oldest, newest, body, sum FROM found_by_lot")?;
    let mut rows = statement.query([])?;
    let mut damaged = 0;
    while let Some(row) = rows.next()? {
        damaged += u32::from(Lot::read(row).is_err());
    }
    let table = "found_by_lot".to_owned();
    Ok(if damaged > 0 { vec![Finding::DamagedRows { table, rows: damaged }] } else { vec![] })
}

/// The body in this column and the checksum in the next.
fn blobs<'r>(row: &'r Row<'_>, column: usize) -> Result<(&'r [u8], &'r [u8]), Fault> {
    let blob = |column| -> rusqlite::Result<&'r [u8]> { Ok(row.get_ref(column)?.as_blob()?) };
    Ok((blob(column)?, blob(column + 1)?))
}
