//! Stores of every earlier schema, brought forward in one go and over a kill at any moment.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use tempfile::TempDir;
use yizhan_engine::store::Reads as _;

use super::super::open::{self, INDEXED, MIGRATIONS};
use super::super::{Sqlite, registers, sums};
use crate::checksum::checksum;
use crate::finding::Finding;

const RUNS: i64 = 60;
/// So many of the moments are gone on from, evenly over all.
const MOMENTS: usize = 8;

/// What a daemon of that schema left: runs with lines, snapshots, wake-ups, tasks, and words of triggers.
fn old(schema: usize) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("yizhan.db");
    let store = Connection::open(&path).unwrap();
    sums::teach(&store).unwrap();
    store.pragma_update(None, "journal_mode", "WAL").unwrap();
    for (known, sql) in (1_i64..).zip(MIGRATIONS).take(schema) {
        store.execute_batch(sql).unwrap();
        if known == 1 {
            fill(&store);
        }
        if known == INDEXED {
            registers::index_all(&store).unwrap();
        }
    }
    store.pragma_update(None, "application_id", open::APPLICATION).unwrap();
    store.pragma_update(None, "user_version", schema as i64).unwrap();
    (folder, path)
}

fn fill(store: &Connection) {
    store.execute("BEGIN", []).unwrap();
    for run in 1..=RUNS {
        let state = run % 5;
        let ended = (state > 1).then_some(run * 1_000 + 500);
        let waits = (state < 2).then_some("task");
        store
            .execute(
                "INSERT INTO run(id, workflow, text, state, key, waits, started, ended, by)
                 VALUES (?1, '退款', 'text-1', ?2, 'A-' || ?1, ?3, ?1 * 1000, ?4, 'operator')",
                (run, state, waits, ended),
            )
            .unwrap();
        for seq in 1..=4_u32 {
            let (at, body) = (run * 1_000 + i64::from(seq), format!("line {seq} of {run}"));
            let sum = checksum(body.as_bytes(), run, seq, at);
            store
                .execute(
                    "INSERT INTO event(run, seq, at, body, sum) VALUES (?1, ?2, ?3, ?4, ?5)",
                    (run, seq, at, body.as_bytes(), &sum[..]),
                )
                .unwrap();
        }
        let sum = checksum(b"state", run, 4, 0);
        let sql = "INSERT INTO snapshot(run, seq, body, sum) VALUES (?1, 4, ?2, ?3)";
        store.execute(sql, (run, &b"state"[..], &sum[..])).unwrap();
        if state < 2 {
            store.execute("INSERT INTO wake(run, at) VALUES (?1, ?1 * 7)", [run]).unwrap();
            store
                .execute(
                    "INSERT INTO task(id, run, workflow, of, step, kind, title, who, due, opened)
                     VALUES ('task_' || ?1, ?1, '退款', '{}', 'look', 'ask', '看一看', '[\"person:a\"]', ?1 * 9, ?1)",
                    [run],
                )
                .unwrap();
            store
                .execute("INSERT INTO task_who(who, task) VALUES ('person:a', 'task_' || ?1)", [run])
                .unwrap();
        }
        store
            .execute(
                "INSERT INTO firing(workflow, trigger, firing, at, outcome, run) VALUES ('退款', 'in', ?1, ?1, 'started', ?1)",
                [run],
            )
            .unwrap();
    }
    store.execute("COMMIT", []).unwrap();
}

/// Every row of every table, as words.
fn content(path: &Path) -> Vec<String> {
    let store = Connection::open(path).unwrap();
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
    let mut tables = store.prepare(tables).unwrap();
    let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let mut all = Vec::new();
    for table in tables.map(Result::unwrap) {
        let mut statement = store.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let values: Vec<_> =
                (0..columns).map(|column| format!("{:?}", row.get_ref(column).unwrap())).collect();
            all.push(format!("{table}: {}", values.join(", ")));
        }
    }
    all
}

/// Opens it as a daemon does: what is in it then.
fn brought_forward(path: &Path) -> Vec<String> {
    let store = Sqlite::open(path).unwrap();
    assert_eq!(store.reads().verify().unwrap(), Vec::<String>::new(), "{}", path.display());
    drop(store);
    content(path)
}

fn copy(from: &Path) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("yizhan.db");
    std::fs::copy(from, &to).unwrap();
    let log = open::beside(from, "-wal");
    if log.exists() {
        std::fs::copy(log, open::beside(&to, "-wal")).unwrap();
    }
    (folder, to)
}

/// What a kill leaves at each of many moments of bringing it forward: the files as they are then.
fn killed_at_each(path: &Path, schema: usize) -> Vec<(TempDir, PathBuf)> {
    let left = Arc::new(Mutex::new(Vec::new()));
    let mut store = Connection::open(path).unwrap();
    sums::teach(&store).unwrap();
    store.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
    // So little in memory that pages go to the log before their commit, too.
    store.pragma_update(None, "cache_size", 8).unwrap();
    let (all, from) = (left.clone(), path.to_owned());
    let look = move || {
        all.lock().unwrap().push(copy(&from));
        false
    };
    store.progress_handler(150, Some(look)).unwrap();
    open::migrate(&mut store, schema as i64).unwrap();
    drop(store);
    let left = Arc::into_inner(left).unwrap().into_inner().unwrap();
    let each = left.len().div_ceil(MOMENTS);
    left.into_iter().step_by(each.max(1)).collect()
}

#[test]
fn a_row_that_was_damaged_before_its_store_is_brought_forward_is_still_told_of() {
    let schema = 17;
    let (_folder, path) = old(schema);
    let mut store = Connection::open(&path).unwrap();
    sums::teach(&store).unwrap();
    let turned_over = "UPDATE run SET sum = 1 WHERE id = (SELECT min(id) FROM run)";
    assert_eq!(store.execute(turned_over, []).unwrap(), 1);
    open::migrate(&mut store, schema as i64).unwrap();
    let damaged = Finding::DamagedRows { table: "run".to_owned(), rows: 1 };
    assert_eq!(sums::damaged(&store).unwrap(), [damaged], "and what had no sum has one that fits");
}

#[test]
fn a_store_of_every_earlier_schema_is_brought_forward_though_it_is_killed_at_any_moment_of_it() {
    for schema in 1..MIGRATIONS.len() {
        let (_folder, path) = old(schema);
        let (_whole, whole) = copy(&path);
        let whole = brought_forward(&whole);
        assert!(whole.iter().filter(|row| row.starts_with("run: ")).count() == RUNS as usize);
        let left = killed_at_each(&path, schema);
        assert!(left.len() > 2, "schema {schema}: {} moments", left.len());
        for (place, (_folder, path)) in left.iter().enumerate() {
            assert_eq!(brought_forward(path), whole, "schema {schema}, moment {place}");
        }
    }
}
