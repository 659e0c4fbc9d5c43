//! Lists and pages on a few connections that cannot write.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use yizhan_engine::store::{
    Answers, Draft, DraftOf, Firing, FiringOutcome, Gathered, Grant, Heap, Line, Listener, Notice, Page,
    Published, Reads, RunFilter, RunRow, RunState, SlotRow, StoreError, Stored, TaskEnd, TaskFilter, TaskRow,
    Tell, TriggerPause,
};
use yizhan_workflow::id::{Item, Millis, RunId, TaskId, TextHash};
use yizhan_workflow::plan::Source;

use super::fault::Fault;
use super::gathered::{self, GATHERED};
use super::lock::Lock;
use super::pauses;
use super::rows::{self, State};
use super::runs;
use super::search::{self, Asked};
use super::waiting;
use super::{cases, drafts};
use crate::checksum::checksum;
use crate::cursor::{TaskPlace, page, read_run_cursor, read_task_cursor, run_cursor, task_cursor};
use crate::finding::Finding;
use crate::search::Needles;

/// Who reads beyond this waits: more connections on two cores only cost memory.
const CONNECTIONS: usize = 4;

/// Kept when nobody reads.
const IDLE: usize = 1;

/// Of a workflow and a key; the newest, if several are open because they were allowed to be.
pub(super) const HOLDER: &str =
    "SELECT id FROM run INDEXED BY run_holding WHERE workflow = ?1 AND key = ?2 AND state < 2 AND parent IS NULL
                                 ORDER BY started DESC, id DESC LIMIT 1";

/// Minted ids stay below this; those of children do not.
const FIRST_CHILD: i64 = 1 << 62;

#[derive(Debug)]
pub struct SqliteReads {
    path: PathBuf,
    pool: Mutex<Pool>,
    given_back: Condvar,
    /// A store that is still read must not be opened by another daemon.
    _lock: Arc<Lock>,
}

#[derive(Debug, Default)]
struct Pool {
    idle: Vec<Connection>,
    lent: usize,
}

/// Goes back into the pool, also when reading panics.
struct Lent<'p> {
    connection: Option<Connection>,
    of: &'p SqliteReads,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut pool = self.of.pool();
        pool.lent -= 1;
        if pool.idle.len() < IDLE {
            pool.idle.extend(self.connection.take());
        }
        self.of.given_back.notify_one();
    }
}

impl SqliteReads {
    pub(super) fn new(path: &Path, lock: Arc<Lock>) -> Self {
        Self { path: path.to_owned(), pool: Mutex::default(), given_back: Condvar::new(), _lock: lock }
    }

    /// Bytes that may still be written on the store's disk: intake stops before there are none.
    pub fn room(&self) -> std::io::Result<u64> {
        super::ballast::free(super::open::folder(&self.path))
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        // A panic under this lock leaves counts that are right: each change of it is one statement.
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lend(&self) -> Result<Lent<'_>, StoreError> {
        let mut pool = self.pool();
        while pool.lent >= CONNECTIONS {
            pool = self.given_back.wait(pool).unwrap_or_else(PoisonError::into_inner);
        }
        pool.lent += 1;
        let idle = pool.idle.pop();
        drop(pool);
        // Lent before it is opened, so that a failure is given back as well.
        let mut lent = Lent { connection: idle, of: self };
        if lent.connection.is_none() {
            lent.connection = Some(super::open::reader(&self.path)?);
        }
        Ok(lent)
    }

    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        if yizhan_faults::fails("store.read") {
            return Err(StoreError::Failed("as a fault run asks".into()));
        }
        let lent = self.lend()?;
        let Some(connection) = &lent.connection else {
            return Err(StoreError::Failed("no connection to read on".into()));
        };
        read(connection).map_err(Fault::of_reading)
    }

    pub(super) fn one<T>(
        &self,
        sql: &str,
        values: impl rusqlite::Params,
        map: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        self.read(|connection| Ok(connection.prepare_cached(sql)?.query_row(values, map).optional()?))
    }

    pub(super) fn many<T>(
        &self,
        sql: &str,
        values: impl rusqlite::Params,
        map: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        self.read(|connection| {
            Ok(connection.prepare_cached(sql)?.query_map(values, map)?.collect::<Result<_, _>>()?)
        })
    }
}

fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

fn row_of(connection: &Connection, id: RunId) -> Result<Option<RunRow>, Fault> {
    let sql = format!("SELECT {} FROM run WHERE id = ?1", rows::RUN);
    Ok(connection.prepare_cached(&sql)?.query_row([id.number()], rows::run_row).optional()?)
}

/// The number of the line it was made after, and its body.
type Snapshot = (u32, Box<[u8]>);

/// The newest one, checked.
fn snapshot_of(connection: &Connection, id: RunId) -> Result<Option<Snapshot>, Fault> {
    let mut statement = connection.prepare_cached("SELECT seq, body, sum FROM snapshot WHERE run = ?1")?;
    let mut rows = statement.query([id.number()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let seq = row.get(0)?;
    let body = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
    if row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)? != checksum(body, id.number(), seq, 0) {
        return Err(StoreError::Failed(Finding::DamagedSnapshot { run: id }.to_string()).into());
    }
    Ok(Some((seq, body.into())))
}

/// Lines after `after`, in order, checked.
fn lines_of(connection: &Connection, id: RunId, after: u32, most: usize) -> Result<Vec<Line>, Fault> {
    let sql = "SELECT seq, at, body, sum FROM event WHERE run = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![id.number(), after, limit(most)])?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        let (seq, at) = (row.get(0)?, row.get(1)?);
        let body = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
        if row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)? != checksum(body, id.number(), seq, at) {
            return Err(StoreError::Failed(Finding::DamagedLine { run: id, seq }.to_string()).into());
        }
        lines.push(Line { seq, at: Millis(at), body: body.into() });
    }
    Ok(lines)
}

pub(super) fn tasks_of(filter: &TaskFilter, after: Option<&TaskPlace>, most: usize) -> (String, Vec<Value>) {
    let mut sql = format!("SELECT {} FROM task WHERE true", rows::TASK);
    let mut values: Vec<Value> = Vec::new();
    if let Some(run) = filter.run {
        sql.push_str(" AND run = ?");
        values.push(run.number().into());
    }
    if let Some(who) = &filter.who {
        sql.push_str(
            " AND id IN (SELECT task FROM task_who WHERE who IN (SELECT value FROM json_each(?))
              UNION SELECT id FROM task WHERE claimed_by IN (SELECT value FROM json_each(?)))",
        );
        let who = serde_json::Value::from(who.as_slice()).to_string();
        values.extend([who.clone().into(), who.into()]);
    }
    if let Some(now) = filter.late {
        sql.push_str(" AND presses <= ?");
        values.push(now.0.into());
    }
    if let Some((presses, opened, id)) = after {
        sql.push_str(" AND (presses, opened, id) > (?, ?, ?)");
        values.extend([presses.0.into(), opened.0.into(), id.as_str().to_owned().into()]);
    }
    sql.push_str(" ORDER BY presses, opened, id LIMIT ?");
    values.push(limit(most).into());
    (sql, values)
}

impl Reads for SqliteReads {
    fn run(&self, id: RunId) -> Result<Option<Stored>, StoreError> {
        self.read(|connection| {
            // One transaction, so that the row, the snapshot and the lines are of the same moment.
            let moment = connection.unchecked_transaction()?;
            let Some(row) = row_of(&moment, id)? else { return Ok(None) };
            let (seq, snapshot) = snapshot_of(&moment, id)?.unzip();
            let lines = lines_of(&moment, id, seq.unwrap_or(0), usize::MAX)?;
            Ok(Some(Stored { row, snapshot, lines }))
        })
    }

    fn row(&self, id: RunId) -> Result<Option<RunRow>, StoreError> {
        self.read(|connection| row_of(connection, id))
    }

    fn runs_between(&self, first: RunId, last: RunId, most: usize) -> Result<Vec<RunId>, StoreError> {
        let sql = "SELECT id FROM run WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3";
        self.many(sql, params![first.number(), last.number(), limit(most)], |row| rows::run_id(row, 0))
    }

    fn journal(&self, id: RunId, after: u32, most: usize) -> Result<Vec<Line>, StoreError> {
        self.read(|connection| lines_of(connection, id, after, most))
    }

    fn runs(
        &self,
        filter: &RunFilter,
        cursor: Option<&str>,
        most: usize,
    ) -> Result<Page<RunRow>, StoreError> {
        let after = cursor.map(read_run_cursor).transpose()?;
        let wanted = most.saturating_add(1);
        let found = self.read(|connection| match Needles::of(filter) {
            None => runs::list(connection, filter, after, wanted),
            Some(needles) => search::find(connection, Asked { filter, needles: &needles, after }, wanted),
        })?;
        Ok(page(found, most, run_cursor))
    }

    fn count_by_state(&self) -> Result<Vec<(RunState, u64)>, StoreError> {
        let sql = "SELECT state, runs FROM state_count WHERE runs > 0 ORDER BY state";
        self.many(sql, [], |row| Ok((row.get::<_, State>(0)?.0, row.get::<_, i64>(1)?.unsigned_abs())))
    }

    fn open_by_text(&self, workflow: &str) -> Result<Vec<(TextHash, u64)>, StoreError> {
        let sql = "SELECT text, runs FROM open_count WHERE workflow = ?1 ORDER BY text";
        self.many(sql, [workflow], |row| {
            Ok((TextHash(rows::text(row, 0)?), row.get::<_, i64>(1)?.unsigned_abs()))
        })
    }

    fn open_runs(&self, after: Option<RunId>, most: usize) -> Result<Vec<RunId>, StoreError> {
        let sql = "SELECT id FROM run INDEXED BY run_open WHERE state < 2 AND id > ?1 ORDER BY id LIMIT ?2";
        let after = after.map_or(i64::MIN, RunId::number);
        self.many(sql, params![after, limit(most)], |row| rows::run_id(row, 0))
    }

    fn runs_in_flight(&self) -> Result<Vec<RunId>, StoreError> {
        let sql = "SELECT id FROM run INDEXED BY run_waiting WHERE state < 2 AND waits IN ('step', 'child')";
        let mut found = self.many(sql, [], |row| rows::run_id(row, 0))?;
        found.sort_unstable();
        Ok(found)
    }

    fn holder(&self, workflow: &str, key: &str) -> Result<Option<RunId>, StoreError> {
        self.one(HOLDER, [workflow, key], |row| rows::run_id(row, 0))
    }

    fn text(&self, hash: &TextHash) -> Result<Option<Source>, StoreError> {
        let text =
            self.one("SELECT source FROM text WHERE hash = ?1", [&hash.0], |row| row.get::<_, String>(0))?;
        text.map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|error| StoreError::Failed(format!("the text {hash} is damaged: {error}")))
    }

    fn wakes(&self, until: Millis, most: usize) -> Result<Vec<(Millis, RunId)>, StoreError> {
        let sql = "SELECT at, run FROM wake WHERE at <= ?1 ORDER BY at, run LIMIT ?2";
        self.many(sql, params![until.0, limit(most)], |row| {
            Ok((rows::instant(row, 0)?, rows::run_id(row, 1)?))
        })
    }

    fn next_wake(&self) -> Result<Option<Millis>, StoreError> {
        self.one("SELECT at FROM wake ORDER BY at LIMIT 1", [], |row| rows::instant(row, 0))
    }

    fn task(&self, id: &TaskId) -> Result<Option<TaskRow>, StoreError> {
        let sql = format!("SELECT {} FROM task WHERE id = ?1", rows::TASK);
        self.one(&sql, [id.as_str()], rows::task_row)
    }

    fn tasks(
        &self,
        filter: &TaskFilter,
        cursor: Option<&str>,
        most: usize,
    ) -> Result<Page<TaskRow>, StoreError> {
        let after = cursor.map(read_task_cursor).transpose()?;
        let (sql, values) = tasks_of(filter, after.as_ref(), most.saturating_add(1));
        let found = self.many(&sql, params_from_iter(values), rows::task_row)?;
        Ok(page(found, most, task_cursor))
    }

    fn past_task(&self, task: &TaskId) -> Result<Option<(TaskRow, TaskEnd)>, StoreError> {
        cases::past(self, task)
    }

    fn answers_of(
        &self,
        by: &str,
        before: Option<(Millis, &TaskId)>,
        most: usize,
    ) -> Result<Answers, StoreError> {
        cases::answers_of(self, by, before, most)
    }

    fn draft(&self, of: &DraftOf, by: &str) -> Result<Option<Draft>, StoreError> {
        self.one(drafts::OF, [&*of.word(), by], |row| drafts::read(row, of, by))
    }

    fn tells(&self) -> Result<Vec<Tell>, StoreError> {
        self.many("SELECT child, parent, event FROM tell ORDER BY child", [], |row| {
            let event = row.get_ref(2)?.as_blob()?.into();
            Ok(Tell { child: rows::run_id(row, 0)?, parent: rows::run_id(row, 1)?, event })
        })
    }

    fn notices(&self, after: Option<(Millis, &str)>, most: usize) -> Result<Vec<Notice>, StoreError> {
        let sql =
            "SELECT key, task, at, letter FROM notice WHERE (at, key) > (?1, ?2) ORDER BY at, key LIMIT ?3";
        let (at, key) = after.unwrap_or((Millis(i64::MIN), ""));
        self.many(sql, params![at.0, key, limit(most)], rows::notice)
    }

    fn slot_holders(&self, key: Option<&str>) -> Result<Vec<SlotRow>, StoreError> {
        let all = format!("SELECT {} FROM slot WHERE stands > 0", waiting::SLOT);
        match key {
            None => self.many(&all, [], waiting::slot_row),
            Some(key) => {
                self.many(&format!("{all} AND key = ?1 ORDER BY run, item"), [key], waiting::slot_row)
            }
        }
    }

    fn slot_line(&self, key: &str, most: usize) -> Result<Vec<SlotRow>, StoreError> {
        let sql = format!(
            "SELECT {} FROM slot INDEXED BY slot_line WHERE key = ?1 AND stands = 0
             ORDER BY priority DESC, asked, run, item LIMIT ?2",
            waiting::SLOT
        );
        self.many(&sql, params![key, limit(most)], waiting::slot_row)
    }

    fn slot_keys(&self) -> Result<Vec<Arc<str>>, StoreError> {
        let sql = "SELECT DISTINCT key FROM slot INDEXED BY slot_line WHERE stands = 0";
        self.many(sql, [], |row| rows::text(row, 0))
    }

    fn slot(&self, run: RunId, item: Item) -> Result<Option<(SlotRow, u64)>, StoreError> {
        self.read(|connection| waiting::place(connection, run, item))
    }

    fn grants(&self, now: Millis) -> Result<Vec<Grant>, StoreError> {
        let sql = "SELECT key, at, until FROM slot_grant WHERE until > ?1 ORDER BY at, id";
        self.many(sql, [now.0], waiting::grant_row)
    }

    fn event(&self, name: &str, id: &str) -> Result<Option<Published>, StoreError> {
        let sql = format!("SELECT {} FROM published WHERE name = ?1 AND id = ?2", waiting::PUBLISHED);
        self.one(&sql, [name, id], waiting::published_row)
    }

    fn events(
        &self,
        name: &str,
        key: &str,
        since: Millis,
        after: u64,
        most: usize,
    ) -> Result<Vec<Published>, StoreError> {
        let sql = format!(
            "SELECT {} FROM published INDEXED BY published_by_key
             WHERE name = ?1 AND key = ?2 AND number > ?3 AND at >= ?4 ORDER BY number LIMIT ?5",
            waiting::PUBLISHED
        );
        let values = params![name, key, waiting::signed(after), since.0, limit(most)];
        self.many(&sql, values, waiting::published_row)
    }

    fn events_after(&self, after: u64, most: usize) -> Result<Vec<Published>, StoreError> {
        let sql = format!(
            "SELECT {} FROM published WHERE number > ?1 ORDER BY number LIMIT ?2",
            waiting::PUBLISHED
        );
        self.many(&sql, params![waiting::signed(after), limit(most)], waiting::published_row)
    }

    fn calendars_seen(&self) -> Result<Option<Arc<str>>, StoreError> {
        let sql = "SELECT value FROM meta WHERE name = 'calendars_seen'";
        self.one(sql, [], |row| row.get::<_, Arc<str>>(0))
    }

    fn events_seen(&self) -> Result<u64, StoreError> {
        let sql = "SELECT value FROM meta WHERE name = 'events_seen'";
        let seen = self.one(sql, [], |row| row.get::<_, String>(0))?;
        let read =
            |seen: String| seen.parse().map_err(|_| StoreError::Failed(format!("`{seen}` is no number")));
        seen.map_or(Ok(0), read)
    }

    fn listeners(&self, name: &str, key: &str, after: u64, most: usize) -> Result<Vec<Listener>, StoreError> {
        let sql = format!(
            "SELECT {} FROM listener WHERE name = ?1 AND key = ?2 AND number > ?3 ORDER BY number LIMIT ?4",
            waiting::LISTENER
        );
        self.many(&sql, params![name, key, waiting::signed(after), limit(most)], waiting::listener_row)
    }

    fn listener(&self, run: RunId, item: Item) -> Result<Option<Listener>, StoreError> {
        let sql = format!("SELECT {} FROM listener WHERE run = ?1 AND item = ?2", waiting::LISTENER);
        self.one(&sql, params![run.number(), waiting::item_text(item)?], waiting::listener_row)
    }

    fn listeners_behind(&self, after: u64, most: usize) -> Result<Vec<Listener>, StoreError> {
        let sql = format!(
            "SELECT {} FROM listener WHERE number > ?1 AND EXISTS (SELECT 1 FROM published AS p
             WHERE p.name = listener.name AND p.key = listener.key AND p.at >= listener.since)
             ORDER BY number LIMIT ?2",
            waiting::LISTENER
        );
        self.many(&sql, params![waiting::signed(after), limit(most)], waiting::listener_row)
    }

    fn gathered(
        &self,
        workflow: &str,
        trigger: &str,
        before: Millis,
        most: usize,
    ) -> Result<Vec<Gathered>, StoreError> {
        let sql = format!(
            "SELECT {GATHERED} FROM gathered WHERE workflow = ?1 AND trigger = ?2 AND at < ?3
             ORDER BY number LIMIT ?4"
        );
        self.many(&sql, params![workflow, trigger, before.0, limit(most)], gathered::gathered_row)
    }

    fn gathered_since(&self, workflow: &str, trigger: &str) -> Result<Option<Millis>, StoreError> {
        let sql = "SELECT at FROM gathered WHERE workflow = ?1 AND trigger = ?2 ORDER BY at LIMIT 1";
        self.one(sql, [workflow, trigger], |row| rows::instant(row, 0))
    }

    fn gathered_count(&self, workflow: &str, trigger: &str, most: usize) -> Result<usize, StoreError> {
        let sql = "SELECT count(*) FROM
                   (SELECT 1 FROM gathered WHERE workflow = ?1 AND trigger = ?2 LIMIT ?3)";
        let count = self.one(sql, params![workflow, trigger, limit(most)], |row| waiting::number(row, 0))?;
        Ok(usize::try_from(count.unwrap_or(0)).unwrap_or(usize::MAX))
    }

    fn heaps(&self) -> Result<Vec<Heap>, StoreError> {
        let sql = "SELECT workflow, trigger, count(*), min(at) FROM gathered GROUP BY workflow, trigger";
        self.many(sql, [], gathered::heap_row)
    }

    fn pauses(&self) -> Result<Vec<TriggerPause>, StoreError> {
        self.many(pauses::ALL, [], pauses::read)
    }

    fn schedule_seen(&self, workflow: &str, trigger: &str) -> Result<Option<Millis>, StoreError> {
        let sql = "SELECT at FROM schedule WHERE workflow = ?1 AND trigger = ?2";
        self.one(sql, [workflow, trigger], |row| rows::instant(row, 0))
    }

    fn firing(
        &self,
        workflow: &str,
        trigger: &str,
        id: &str,
    ) -> Result<Option<(FiringOutcome, Option<RunId>)>, StoreError> {
        let sql = "SELECT outcome, run FROM firing WHERE workflow = ?1 AND trigger = ?2 AND firing = ?3";
        self.one(sql, [workflow, trigger, id], rows::outcome_and_run)
    }

    fn firings(
        &self,
        workflow: &str,
        trigger: &str,
        most: usize,
    ) -> Result<Vec<(Firing, Option<RunId>)>, StoreError> {
        let sql = "SELECT workflow, trigger, firing, at, outcome, run FROM firing
                   WHERE workflow = ?1 AND trigger = ?2 ORDER BY at DESC, id DESC LIMIT ?3";
        self.many(sql, params![workflow, trigger, limit(most)], rows::firing_row)
    }

    fn last_run(&self) -> Result<Option<RunId>, StoreError> {
        // Children have ids above all minted ones.
        let sql = "SELECT id FROM run WHERE id < ?1 ORDER BY id DESC LIMIT 1";
        self.one(sql, [FIRST_CHILD], |row| rows::run_id(row, 0))
    }

    fn house(&self) -> Result<String, StoreError> {
        let house = self.one("SELECT value FROM meta WHERE name = 'house'", [], |row| row.get(0))?;
        house.ok_or_else(|| StoreError::Failed("the store has lost its own name".into()))
    }

    fn verify(&self) -> Result<Vec<String>, StoreError> {
        self.read(super::verify::verify)
    }
}
