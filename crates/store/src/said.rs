//! What plugins said while they carried attempts: kept for some days in a file of its own beside the store, so that no commit
//! of a run waits for it and no case depends on it. It may be deleted at any time.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, params};
use yizhan_workflow::id::{Millis, RunId};

/// Lines on their way to the file; more than that are let go: whoever speaks never waits.
const WAITING: usize = 4_000;
/// Of one commit.
const TOGETHER: usize = 1_000;
/// How long a line is kept.
const KEPT: i64 = 7 * 24 * 3_600_000;
/// However much is said, no more lines than this are kept: the oldest go first.
const LINES_MOST: i64 = 1_000_000;
/// After so many writings old lines are looked for.
const LOOK_EVERY: u32 = 200;
/// Lines of one run that are read; more than anybody reads.
const READ_MOST: u32 = 20_000;
const VERSION: i64 = 1;

const TABLES: &str = "
    CREATE TABLE said (
        id INTEGER PRIMARY KEY, run INTEGER NOT NULL, key TEXT NOT NULL, attempt INTEGER NOT NULL, at INTEGER NOT NULL,
        level TEXT NOT NULL, text TEXT NOT NULL
    ) STRICT;
    CREATE INDEX said_by_run ON said (run);
    CREATE INDEX said_by_time ON said (at);
";

/// A line of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaidLine {
    pub run: RunId,
    /// The outward key of the item, the same for every attempt at it.
    pub key: Box<str>,
    pub attempt: u32,
    pub at: Millis,
    /// `error`, `warn`, `info`, …; `cut`: more was said, and is not kept.
    pub level: Box<str>,
    pub text: Box<str>,
}

/// The file, its writer and a reader.
#[derive(Debug)]
pub struct Said {
    reader: Mutex<Connection>,
    writing: Option<SyncSender<SaidLine>>,
    writer: Option<JoinHandle<()>>,
}

impl Said {
    /// Opens the file, or makes it; one that cannot be used is made anew, since it is nothing but commentary.
    ///
    /// # Errors
    /// When it can be neither used nor made.
    pub fn open(path: &Path) -> rusqlite::Result<Self> {
        let (writer, reader) = match connect(path) {
            Ok(both) => both,
            Err(error) => {
                tracing::warn!(%error, file = %path.display(), "what attempts said cannot be read and begins anew");
                for end in ["", "-wal", "-shm"] {
                    drop(std::fs::remove_file(beside(path, end)));
                }
                connect(path)?
            }
        };
        let (writing, lines) = sync_channel(WAITING);
        let writer = std::thread::Builder::new()
            .name("said".to_owned())
            .spawn(move || write(&writer, &lines))
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        Ok(Self { reader: Mutex::new(reader), writing: Some(writing), writer: Some(writer) })
    }

    /// Keeps a line, unless too many wait already. Never blocks.
    pub fn keep(&self, line: SaidLine) {
        if let Some(writing) = &self.writing {
            drop(writing.try_send(line));
        }
    }

    /// What was said in a run, in order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of(&self, run: RunId) -> rusqlite::Result<Vec<SaidLine>> {
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let sql = "SELECT key, attempt, at, level, text FROM said WHERE run = ?1 ORDER BY id LIMIT ?2";
        let line = |row: &rusqlite::Row<'_>| {
            Ok(SaidLine {
                run,
                key: row.get::<_, String>(0)?.into(),
                attempt: row.get(1)?,
                at: Millis(row.get(2)?),
                level: row.get::<_, String>(3)?.into(),
                text: row.get::<_, String>(4)?.into(),
            })
        };
        reader.prepare_cached(sql)?.query_map(params![run.number(), READ_MOST], line)?.collect()
    }
}

impl Drop for Said {
    fn drop(&mut self) {
        self.writing = None;
        if let Some(writer) = self.writer.take() {
            drop(writer.join());
        }
    }
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn connect(path: &Path) -> rusqlite::Result<(Connection, Connection)> {
    let writer = Connection::open(path)?;
    writer.pragma_update(None, "journal_mode", "WAL")?;
    // A crash of the machine may cost the last lines; no run waits for a sync of theirs.
    writer.pragma_update(None, "synchronous", "NORMAL")?;
    writer.busy_timeout(Duration::from_secs(5))?;
    let version: i64 = writer.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version != VERSION {
        writer.execute_batch("DROP TABLE IF EXISTS said;")?;
        writer.execute_batch(TABLES)?;
        writer.pragma_update(None, "user_version", VERSION)?;
    }
    let reader = Connection::open(path)?;
    reader.pragma_update(None, "query_only", "ON")?;
    reader.busy_timeout(Duration::from_secs(5))?;
    reader.query_row("SELECT count(*) FROM (SELECT 1 FROM said LIMIT 1)", [], |_| Ok(()))?;
    Ok((writer, reader))
}

/// What comes within a moment goes together: a line that is seen a second late is seen.
fn write(connection: &Connection, lines: &Receiver<SaidLine>) {
    let mut writings = 0_u32;
    while let Ok(first) = lines.recv() {
        let mut all = vec![first];
        while all.len() < TOGETHER {
            match lines.recv_timeout(Duration::from_millis(50)) {
                Ok(line) => all.push(line),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        let newest = all.iter().map(|line| line.at.0).max().unwrap_or_default();
        // Commentary: a disk that does not take it takes nothing of a case with it.
        if let Err(error) = put(connection, &all) {
            tracing::warn!(%error, lines = all.len(), "what attempts said could not be kept");
        }
        if writings.is_multiple_of(LOOK_EVERY)
            && let Err(error) = forget(connection, newest)
        {
            tracing::warn!(%error, "what attempts said long ago could not be forgotten");
        }
        writings = writings.wrapping_add(1);
    }
}

fn put(connection: &Connection, lines: &[SaidLine]) -> rusqlite::Result<()> {
    let together = connection.unchecked_transaction()?;
    {
        let sql = "INSERT INTO said (run, key, attempt, at, level, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let mut insert = together.prepare_cached(sql)?;
        for line in lines {
            let SaidLine { run, key, attempt, at, level, text } = line;
            insert.execute(params![run.number(), key, attempt, at.0, level, text])?;
        }
    }
    together.commit()
}

fn forget(connection: &Connection, now: i64) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM said WHERE at < ?1", [now - KEPT])?;
    connection.execute("DELETE FROM said WHERE id <= (SELECT max(id) FROM said) - ?1", [LINES_MOST])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const NOW: i64 = 1_795_000_000_000;

    fn of(run: u64) -> RunId {
        RunId::child_of(&run.to_string())
    }

    fn line(run: u64, at: i64, text: &str) -> SaidLine {
        SaidLine {
            run: of(run),
            key: "k".into(),
            attempt: 1,
            at: Millis(at),
            level: "info".into(),
            text: text.into(),
        }
    }

    fn texts(said: &Said, run: u64) -> Vec<String> {
        let all = said.of(of(run)).unwrap();
        all.iter().map(|line| line.text.to_string()).collect()
    }

    fn until(said: &Said, run: u64, wanted: &[&str]) {
        let end = Instant::now() + Duration::from_secs(10);
        while texts(said, run) != wanted {
            assert!(Instant::now() < end, "{:?}", texts(said, run));
            std::thread::yield_now();
        }
    }

    #[test]
    fn what_was_said_is_read_by_its_run_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("said.db");
        let said = Said::open(&path).unwrap();
        said.keep(line(1, NOW, "a"));
        said.keep(line(2, NOW, "b"));
        said.keep(line(1, NOW, "c"));
        until(&said, 1, &["a", "c"]);
        drop(said);
        assert_eq!(texts(&Said::open(&path).unwrap(), 2), ["b"]);
    }

    #[test]
    fn lines_go_after_a_week_and_a_file_that_is_none_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("said.db");
        std::fs::write(&path, "not a database, but long enough to be read as one".repeat(30)).unwrap();
        let said = Said::open(&path).unwrap();
        said.keep(line(1, NOW - KEPT - 1, "old"));
        said.keep(line(1, NOW, "new"));
        until(&said, 1, &["new"]);
    }
}
