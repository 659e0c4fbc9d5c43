//! The contract, kept in a file; and what only a file can suffer.

mod migrations;
mod registers;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::ffi;
use tempfile::TempDir;
use yizhan_engine::store::{
    Batch, Change, Reads, RunFilter, RunRow, RunState, Store, StoreError, TaskChange, TaskEnd, TaskFilter,
    TaskRow, TaskState, Word,
};

use super::fault::Fault;
use super::{OpenError, Sqlite, open, reads, runs};
use crate::contract::{House, at, begin, contract, line, row, run, task};

pub(crate) struct InFile {
    folder: TempDir,
    store: Option<Sqlite>,
}

impl InFile {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Some(Sqlite::open(&folder.path().join("yizhan.db")).unwrap());
        Self { folder, store }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("yizhan.db")
    }

    fn sqlite(&mut self) -> &mut Sqlite {
        self.store.as_mut().unwrap()
    }

    /// The length of the log.
    fn log(&self) -> u64 {
        std::fs::metadata(open::beside(&self.path(), "-wal")).unwrap().len()
    }

    fn commit(&mut self, changes: Vec<Change>) -> Result<(), StoreError> {
        self.sqlite().commit(&[Batch { changes, ..Batch::default() }]).map(drop)
    }

    /// As a store of a schema that had no sums yet.
    fn forget_sums(&mut self) {
        let store = &self.sqlite().connection;
        let names = |sql| -> Vec<String> {
            let mut names = store.prepare(sql).unwrap();
            names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        for trigger in names("SELECT name FROM sqlite_temp_schema WHERE type = 'trigger'") {
            store.execute_batch(&format!("DROP TRIGGER temp.\"{trigger}\"")).unwrap();
        }
        let summed =
            "SELECT tables.name FROM pragma_table_list AS tables, pragma_table_info(tables.name) AS columns
                      WHERE tables.schema = 'main' AND columns.name = 'sum' AND columns.type = 'INTEGER'";
        for table in names(summed) {
            store.execute_batch(&format!("ALTER TABLE \"{table}\" DROP COLUMN sum")).unwrap();
        }
    }

    /// Does something to the file that the store would not.
    fn spoil(&mut self, sql: &str) {
        self.sqlite().connection.execute_batch(sql).unwrap();
    }
}

impl House for InFile {
    fn store(&mut self) -> &mut dyn Store {
        self.sqlite()
    }

    fn reads(&self) -> Arc<dyn Reads> {
        self.store.as_ref().unwrap().reads()
    }

    /// What a killed process leaves: the files as they are at this moment, the log not brought in.
    fn crash(&mut self) {
        let left = tempfile::tempdir().unwrap();
        for name in ["yizhan.db", "yizhan.db-wal"] {
            std::fs::copy(self.folder.path().join(name), left.path().join(name)).unwrap();
        }
        self.store = None;
        self.folder = left;
        self.store = Some(Sqlite::open(&self.path()).unwrap());
    }

    fn fill_disk(&mut self) {
        self.spoil("PRAGMA max_page_count = 1");
    }

    fn make_room(&mut self) {
        self.spoil("PRAGMA max_page_count = 1000000");
    }
}

contract!(InFile::new());

#[test]
fn a_second_daemon_is_told_who_is_there() {
    let house = InFile::new();
    let refused = Sqlite::open(&house.path()).unwrap_err();
    assert_eq!(refused.code(), "YZ0501");
    let told = refused.to_string();
    assert!(told.contains(&format!("by the process {}", std::process::id())), "{told}");
}

#[test]
fn a_lock_file_that_was_left_over_hinders_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("yizhan.db");
    std::fs::write(open::beside(&path, ".lock"), "4294967295 and more\n").unwrap();
    let _first = Sqlite::open(&path).unwrap();
    match Sqlite::open(&path) {
        Err(OpenError::InUse { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_store_that_is_still_read_is_still_in_use() {
    let mut house = InFile::new();
    let reads = house.sqlite().reads();
    house.store = None;
    assert!(matches!(Sqlite::open(&house.path()), Err(OpenError::InUse { .. })));
    drop(reads);
    Sqlite::open(&house.path()).unwrap();
}

#[test]
fn a_store_of_a_newer_version_is_left_as_it_is() {
    let mut house = InFile::new();
    house.commit(vec![begin(1)]).unwrap();
    house.spoil("PRAGMA user_version = 99");
    house.store = None;
    let before = std::fs::read(house.path()).unwrap();
    let refused = Sqlite::open(&house.path()).unwrap_err();
    assert_eq!((refused.code(), before), ("YZ0503", std::fs::read(house.path()).unwrap()));
    let knows = format!("schema 99, this one knows {}", super::open::MIGRATIONS.len());
    assert!(refused.to_string().contains(&knows), "{refused}");
}

#[test]
fn a_store_of_the_first_schema_is_brought_forward_with_all_that_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("yizhan.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(include_str!("migrations/0001.sql")).unwrap();
    old.execute_batch(&format!(
        "PRAGMA application_id = 0x59695a68; PRAGMA user_version = 1;
         INSERT INTO run(id, workflow, text, state, key, started, by)
         VALUES ({}, 'refund', 'text-1', 0, 'A-7', 0, 'operator')",
        run(1).number()
    ))
    .unwrap();
    let house = old.query_row("SELECT value FROM meta", [], |row| row.get::<_, String>(0)).unwrap();
    drop(old);
    let store = Sqlite::open(&path).unwrap();
    let reads = store.reads();
    assert_eq!(reads.house().unwrap(), house);
    assert_eq!(reads.holder("refund", "A-7").unwrap(), Some(run(1)));
    assert_eq!(reads.notices(None, 9).unwrap(), []);
    assert_eq!((reads.slot_keys().unwrap(), reads.events_seen().unwrap()), (vec![], 0));
}

#[test]
fn a_file_that_is_no_store_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (letter, other) = (folder.path().join("letter.txt"), folder.path().join("other.db"));
    std::fs::write(&letter, "Dear all, ".repeat(500)).unwrap();
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE song(name)").unwrap();
    for path in [letter, other] {
        let before = std::fs::read(&path).unwrap();
        assert_eq!(Sqlite::open(&path).unwrap_err().code(), "YZ0504");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let refused = Sqlite::open(&folder.path().join("no/yizhan.db")).unwrap_err();
    assert_eq!(refused.code(), "YZ0507");
    assert!(refused.to_string().ends_with("/no`"), "{refused}");
}

#[test]
fn nobody_else_may_read_the_file() {
    let mut house = InFile::new();
    house.commit(vec![begin(1)]).unwrap();
    for name in ["yizhan.db", "yizhan.db-wal"] {
        let mode = std::fs::metadata(house.folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn readers_cannot_write() {
    let house = InFile::new();
    let reader = open::reader(&house.path()).unwrap();
    let error = reader.execute("DELETE FROM meta", []).unwrap_err();
    assert_eq!(error.sqlite_error_code(), Some(ffi::ErrorCode::ReadOnly));
}

#[test]
fn more_readers_than_connections_wait_for_each_other() {
    let mut house = InFile::new();
    house.commit((1..=50).map(begin).collect()).unwrap();
    let reads = house.reads();
    let seen: Vec<usize> = std::thread::scope(|scope| {
        let read = || reads.runs(&RunFilter::default(), None, 100).unwrap().rows.len();
        let readers: Vec<_> = (0..16).map(|_| scope.spawn(read)).collect();
        readers.into_iter().map(|reader| reader.join().unwrap()).collect()
    });
    assert_eq!(seen, [50; 16]);
}

#[test]
fn a_store_that_broke_once_writes_nothing_more() {
    let mut house = InFile::new();
    house.commit(vec![begin(1), line(run(1), 2)]).unwrap();
    house.commit(vec![line(run(1), 2)]).unwrap_err();
    assert!(matches!(house.commit(vec![begin(2)]), Err(StoreError::Broken(_))));
    assert_eq!(house.reads().row(run(2)).unwrap(), None);
}

#[test]
fn a_failed_sync_is_the_end_and_a_full_disk_is_not() {
    let of = |code| {
        let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
        Fault::from(error).of_writing()
    };
    for code in
        [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_DIR_FSYNC, ffi::SQLITE_CORRUPT]
    {
        assert!(matches!(of(code), StoreError::Broken(_)), "{code}");
    }
    for code in [ffi::SQLITE_FULL, ffi::SQLITE_IOERR_SHMSIZE] {
        assert!(matches!(of(code), StoreError::Full(_)), "{code}");
    }
    assert!(matches!(of(ffi::SQLITE_BUSY), StoreError::Failed(_)));
}

#[test]
fn a_damaged_line_is_named_and_not_believed() {
    let mut house = InFile::new();
    let snapshot = Change { snapshot: Some(b"state"[..].into()), ..line(run(2), 2) };
    house.commit(vec![begin(1), line(run(1), 2), begin(2), snapshot]).unwrap();
    house.spoil("UPDATE event SET body = CAST(replace(body, 'line', 'lime') AS BLOB) WHERE seq = 2 AND run = (SELECT min(id) FROM run)");
    house.spoil("UPDATE snapshot SET body = x'00'");

    let (reads, one, two) = (house.reads(), run(1), run(2));
    let told = reads.verify().unwrap();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with(&format!("line 2 of {one} is damaged")), "{told:?}");
    assert!(told[1].starts_with(&format!("the snapshot of {two} is damaged")), "{told:?}");
    assert!(matches!(reads.run(one), Err(StoreError::Failed(_))));
    assert!(matches!(reads.run(two), Err(StoreError::Failed(_))));
    assert_eq!(reads.journal(one, 0, 1).unwrap().len(), 1, "what is sound can be read");
}

#[test]
fn a_line_in_the_place_of_another_is_damage_too() {
    let mut house = InFile::new();
    house.commit(vec![begin(1), line(run(1), 2), line(run(1), 3)]).unwrap();
    house.spoil(
        "UPDATE event SET seq = 9 WHERE seq = 2; UPDATE event SET seq = 2 WHERE seq = 3;
                 UPDATE event SET seq = 3 WHERE seq = 9",
    );
    assert_eq!(house.reads().verify().unwrap().len(), 2);
}

#[test]
fn rows_without_their_fellows_are_found() {
    let mut house = InFile::new();
    house.commit(vec![begin(1), begin(2), Change { wake: Some(Some(at(1))), ..begin(3) }]).unwrap();
    house.spoil("DELETE FROM event WHERE run = (SELECT min(id) FROM run)");
    house.spoil("DELETE FROM run WHERE id = (SELECT max(id) FROM run)");
    let told = house.reads().verify().unwrap();
    let expected = [
        format!("{} has lines but no row", run(3)),
        format!("{} is open and has neither lines nor a snapshot", run(1)),
        format!("{} has lines but no row", run(3)),
        "the open runs of `refund` are not as many as was counted".to_owned(),
        "the runs of some state are not as many as was counted".to_owned(),
    ];
    assert_eq!(told, expected);
}

#[test]
fn much_of_one_kind_is_told_in_few_words() {
    let mut house = InFile::new();
    house.commit((1..=30).map(begin).collect()).unwrap();
    house.spoil("UPDATE run SET waits = NULL");
    let told = house.reads().verify().unwrap();
    assert_eq!(told[0], "30 rows of the table `run` are damaged: they are not what was written");
    assert_eq!((told.len(), told.last().unwrap().as_str()), (22, "and 10 more like the last"));
}

#[test]
fn the_log_is_brought_in_before_it_grows_for_ever() {
    let mut house = InFile::new();
    house.commit(vec![begin(1)]).unwrap();
    let large = |seq| Change { line: vec![b'x'; 1 << 20].into(), ..line(run(1), seq) };
    for seq in 2..=60 {
        house.commit(vec![large(seq)]).unwrap();
    }
    let log = house.log();
    let file = std::fs::metadata(house.path()).unwrap().len();
    assert!(log < 20 << 20, "{log} bytes of log");
    assert!(file > 40 << 20, "{file} bytes of file");
}

#[test]
fn a_new_process_begins_a_new_log() {
    let mut house = InFile::new();
    house.commit(vec![begin(1)]).unwrap();
    assert_ne!(house.log(), 0);
    house.crash();
    assert_eq!(house.log(), 0);
    assert_eq!(house.reads().open_runs(None, 10).unwrap(), [run(1)]);
}

#[test]
fn a_store_that_broke_leaves_its_log_to_the_next_process() {
    let mut house = InFile::new();
    house.commit(vec![begin(1)]).unwrap();
    house.commit(vec![begin(2)]).unwrap();
    house.commit(vec![line(run(1), 2), line(run(1), 2)]).unwrap_err();
    let log = house.log();
    house.store = None;
    assert_eq!(house.log(), log);
    house.store = Some(Sqlite::open(&house.path()).unwrap());
    assert_eq!(house.reads().open_runs(None, 10).unwrap(), [run(1), run(2)]);
}

/// `mount -t tmpfs -o size=128m none DIR && YIZHAN_SMALL_DISK=DIR cargo test -p yizhan-store -- --ignored`.
#[test]
#[ignore = "needs a disk of about 128 MiB that it may fill, named in YIZHAN_SMALL_DISK"]
fn on_a_disk_that_fills_up_what_was_accepted_stays_and_work_goes_on() {
    let disk = PathBuf::from(std::env::var_os("YIZHAN_SMALL_DISK").unwrap());
    let (folder, filler) = (tempfile::tempdir_in(&disk).unwrap(), disk.join("filler"));
    std::fs::write(&filler, vec![1; 40 << 20]).unwrap();
    let path = folder.path().join("yizhan.db");
    let mut house = InFile { store: Some(Sqlite::open(&path).unwrap()), folder };
    house.commit(vec![begin(1)]).unwrap();
    let large = |seq| Change { line: vec![b'x'; 1 << 20].into(), ..line(run(1), seq) };

    let mut accepted = 1;
    let refused = loop {
        match house.commit(vec![large(accepted + 1)]) {
            Ok(()) => accepted += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, StoreError::Full(_)), "{refused}");
    assert!(!open::beside(&path, ".ballast").exists(), "the reserve went first");
    for _ in 0..20 {
        assert!(matches!(house.commit(vec![large(accepted + 1)]), Err(StoreError::Full(_))));
    }
    let lines = |house: &InFile| house.reads().journal(run(1), 0, 1000).unwrap().len();
    assert_eq!(lines(&house), accepted as usize);
    assert_eq!(house.reads().verify().unwrap(), Vec::<String>::new());

    house.store = None;
    house.store = Some(Sqlite::open(&path).unwrap());
    assert_eq!(lines(&house), accepted as usize, "and a process that begins on the full disk reads it");
    std::fs::remove_file(&filler).unwrap();
    house.commit(vec![large(accepted + 1)]).unwrap();
    assert_eq!(lines(&house), accepted as usize + 1);
    assert_eq!(house.reads().verify().unwrap(), Vec::<String>::new());
}

#[test]
fn a_full_disk_takes_the_reserve_and_room_gives_it_back() {
    let mut house = InFile::new();
    house.commit(vec![begin(1)]).unwrap();
    let reserve = open::beside(&house.path(), ".ballast");
    assert_eq!(std::fs::metadata(&reserve).unwrap().len(), 16 << 20);
    house.fill_disk();
    let large = Change { snapshot: Some(vec![7; 300_000].into()), ..line(run(1), 2) };
    house.commit(vec![large.clone()]).unwrap_err();
    assert!(!reserve.exists());
    house.make_room();
    house.commit(vec![large]).unwrap();
    assert!(reserve.exists());
}

/// Nobody can be told apart by whether they were there before there was a search.
#[test]
fn what_was_there_before_is_entered_in_lots_and_goes_on_where_it_was_cut() {
    let mut house = InFile::new();
    for first in (1..9_001).step_by(500) {
        let key = |number| {
            let row = RunRow { key: Some(format!("N-{number:05}").into()), ..row(run(number), number) };
            Change { row: Some(Box::new(row)), ..begin(number) }
        };
        house.commit((first..first + 500).map(key).collect()).unwrap();
    }
    let title = |name: &str, title: &str| TaskRow { title: title.into(), ..task(7, name, &["role:clerk"]) };
    let opens = |row: TaskRow| TaskChange::Open(Box::new(row));
    let end = TaskEnd { at: at(9), state: TaskState::Answered, by: None, outcome: None };
    let answered = TaskChange::Ended { id: title("past", "").id, end };
    let tasks = vec![opens(title("past", "回电李明")), answered, opens(title("open", "Sign it"))];
    house.commit(vec![Change { tasks, ..line(run(7), 2) }]).unwrap();
    // As far as a process came that was killed, half way.
    let half = run(4_500).number();
    house.spoil(&format!(
        "DELETE FROM found_by; DELETE FROM found_by_lot WHERE newest > (SELECT started FROM run WHERE id = {half});
         INSERT INTO meta(name, value) VALUES ('entered_runs', (SELECT max(id) FROM run WHERE started <=
         (SELECT max(newest) FROM found_by_lot))), ('entered_tasks', '-1')"
    ));
    house.crash();
    let found = |word: &str| {
        let words = vec![Word { text: word.to_owned(), workflows: vec![] }];
        let page = house.reads().runs(&RunFilter { words, ..RunFilter::default() }, None, 10_000).unwrap();
        page.rows.iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(found("n-").len(), 9_000);
    assert_eq!((found("n-00001"), found("n-09000")), (vec![run(1)], vec![run(9_000)]));
    assert_eq!(found("回电"), [run(7)]);
    let entered = house
        .sqlite()
        .connection
        .prepare("SELECT 1 FROM meta WHERE name LIKE 'entered%'")
        .unwrap()
        .exists([]);
    assert!(!entered.unwrap(), "the next start begins with nothing of it");
}

#[test]
fn what_runs_are_found_by_and_is_damaged_is_told_and_not_taken_for_nothing() {
    let mut house = InFile::new();
    house.commit((1..=600).map(begin).collect()).unwrap();
    house.spoil(
        "UPDATE found_by_lot SET body = CAST(substr(body, 1, 100) || X'00' || substr(body, 102) AS BLOB)",
    );
    let words = vec![Word { text: "nowhere".into(), workflows: vec![] }];
    let answer = house.reads().runs(&RunFilter { words, ..RunFilter::default() }, None, 10);
    assert!(matches!(answer, Err(StoreError::Failed(_))), "{answer:?}");
}

/// A list that sorts reads everything before it shows the first line.
#[test]
fn no_list_is_sorted_and_none_reads_all_runs() {
    let mut house = InFile::new();
    let connection = &house.sqlite().connection;
    let plan = |sql: &str, values: Vec<rusqlite::types::Value>| {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps =
            statement.query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>(3)).unwrap();
        steps.map(Result::unwrap).collect::<Vec<_>>().join("\n")
    };
    let after = Some((at(1), run(1)));
    let (workflow, parent) = (Some("refund".to_owned()), Some(run(1)));
    let (all, failed, late) = (RunFilter::default, Some(RunState::Failed), Some(at(9)));
    let key = || Some("A".to_owned());
    let (start, of, own) = ("run_by_start", "(state=?", "(workflow=? AND state=?");
    let expected = [
        (all(), vec![start]),
        (RunFilter { key: key(), ..all() }, vec![start]),
        (RunFilter { open: true, ..all() }, vec![of; 2]),
        (RunFilter { state: failed, key: key(), ..all() }, vec![of]),
        (RunFilter { workflow: workflow.clone(), ..all() }, vec![own; 5]),
        (RunFilter { workflow: workflow.clone(), state: failed, ..all() }, vec![own]),
        (RunFilter { among: Some(vec!["a".into(), "b".into()]), state: failed, ..all() }, vec![own; 2]),
        (RunFilter { among: Some(vec!["a".into(); 33]), ..all() }, vec![start]),
        (RunFilter { parent, workflow: workflow.clone(), ..all() }, vec!["(parent=?"]),
        (RunFilter { by: Some("person:ann".into()), state: failed, ..all() }, vec!["(by=?"]),
        (RunFilter { by: Some("trigger:order".into()), ..all() }, vec![start]),
        (RunFilter { waits: Some("task".into()), open: true, ..all() }, vec!["run_waiting (waits=?"]),
        (RunFilter { late, ..all() }, vec!["run_late_open", "task_by_due", "run_late_over"]),
        (RunFilter { late, state: failed, ..all() }, vec!["run_late_over"]),
        (RunFilter { late, workflow, open: true, ..all() }, vec!["run_late_open", "task_by_due"]),
    ];
    for (filter, wanted) in expected {
        for after in [None, after] {
            let parts = runs::parts_of(&filter);
            assert_eq!(parts.len(), wanted.len(), "{filter:?}");
            for (part, wanted) in parts.iter().zip(wanted.clone()) {
                let (sql, values) = runs::of_part(&filter, part, after, 50);
                let plan = plan(&sql, values);
                // The late tasks lead to runs in their own order, and these few are sorted.
                let in_order = wanted == "task_by_due" || !plan.contains("TEMP B-TREE");
                assert!(plan.contains(wanted) && in_order, "{sql}\n{plan}");
            }
        }
    }
    let (triggers, tidy) = (
        "SELECT at FROM firing WHERE workflow = ? AND trigger = ? ORDER BY at DESC, id DESC LIMIT 9",
        "DELETE FROM firing WHERE at < ?",
    );
    let text = |text: &str| rusqlite::types::Value::from(text.to_owned());
    let triggers = plan(triggers, vec![text("refund"), text("order")]);
    assert!(triggers.contains("firing_by_time") && !triggers.contains("TEMP B-TREE"), "{triggers}");
    assert!(plan(tidy, vec![at(9).0.into()]).contains("firing_by_age"));
    for late in [None, Some(at(9))] {
        let (sql, values) = reads::tasks_of(&TaskFilter { late, ..TaskFilter::default() }, None, 50);
        let plan = plan(&sql, values);
        assert!(plan.contains("task_by_due") && !plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
    }
    let holder = plan(reads::HOLDER, vec!["refund".to_owned().into(), "A".to_owned().into()]);
    assert!(holder.contains("run_holding") && !holder.contains("TEMP B-TREE"), "{holder}");
}
