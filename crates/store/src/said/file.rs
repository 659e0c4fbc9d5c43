//! The file of what was said: opened, bounded, and made anew where it is damaged.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, params};

use super::SaidLine;
use crate::sqlite::beside;

/// How long a line is kept.
pub(super) const KEPT: i64 = 7 * 24 * 3_600_000;
/// However much is said, no more lines than this are kept, nor bytes: the oldest go first.
const LINES_MOST: i64 = 1_000_000;
pub(super) const BYTES_MOST: i64 = 512 << 20;
/// Old lines are looked for after so many writings, or so many bytes.
const LOOK_EVERY: u32 = 200;
const LOOK_AFTER: usize = 16 << 20;
/// Of the oldest lines so many go together.
const FORGOTTEN_TOGETHER: u32 = 100;
/// A file that cannot be used is tried again.
const AGAIN: Duration = Duration::from_secs(5);
const VERSION: i64 = 2;

const TABLES: &str = "
    DROP TABLE IF EXISTS said;
    CREATE TABLE said (
        id INTEGER PRIMARY KEY, run INTEGER NOT NULL, key TEXT NOT NULL, attempt INTEGER NOT NULL, at INTEGER NOT NULL,
        level TEXT NOT NULL, text TEXT NOT NULL
    ) STRICT;
    CREATE INDEX said_by_run ON said (run);
    CREATE INDEX said_by_time ON said (at);
";

pub(super) struct File {
    path: PathBuf,
    /// Bytes that it may hold.
    most: i64,
    writer: Option<Writer>,
    /// When it was tried last.
    tried: Option<Instant>,
}

struct Writer {
    connection: Connection,
    /// Which file it is: another of its name, or none, is not ours any more.
    inode: u64,
    writings: u32,
    bytes: usize,
}

/// What no waiting mends.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::SchemaChanged)
    )
}

impl File {
    pub(super) fn new(path: PathBuf, most: i64) -> Self {
        Self { path, most, writer: None, tried: None }
    }

    /// The connection of whoever reads, once there is one to write.
    pub(super) fn open(&mut self, now: Instant) -> Option<Connection> {
        self.tried = Some(now);
        if !self.path.exists() {
            // What lies beside it is of a file that is gone.
            self.remove(&["-wal", "-shm"]);
        }
        let opened = connect(&self.path).or_else(|error| {
            if !is_damage(&error) {
                return Err(error);
            }
            tracing::warn!(%error, file = %self.path.display(), "what attempts said cannot be read and begins anew");
            self.remove(&["", "-wal", "-shm"]);
            connect(&self.path)
        });
        match opened {
            Ok((writer, reader)) => {
                self.writer = Some(writer);
                Some(reader)
            }
            Err(error) => {
                tracing::warn!(%error, file = %self.path.display(), "what attempts say cannot be kept for now");
                None
            }
        }
    }

    fn remove(&self, ends: &[&str]) {
        for end in ends {
            drop(std::fs::remove_file(beside(&self.path, end)));
        }
    }

    /// Somebody took it away, or put another in its place.
    pub(super) fn is_gone(&self) -> bool {
        self.writer.as_ref().is_some_and(|writer| inode(&self.path) != Some(writer.inode))
    }

    /// Lets go of it, so that the next line finds another. `damaged`: whoever reads found it so, and it goes.
    pub(super) fn give_up(&mut self, damaged: bool) {
        self.writer = None;
        self.tried = None;
        if damaged {
            self.remove(&["", "-wal", "-shm"]);
        }
    }

    /// Keeps lines, as far as the file takes them: commentary takes nothing of a case with it. Answers a connection to read with
    /// where the file is another one now, and whether it was found damaged.
    pub(super) fn put(&mut self, lines: &[SaidLine]) -> (Option<Connection>, bool) {
        let reader = self.opened();
        let Err(error) = self.write(lines) else { return (reader, false) };
        tracing::warn!(%error, lines = lines.len(), "what attempts said could not be kept");
        self.writer = None;
        (reader, is_damage(&error))
    }

    /// Opens it where it is not open, unless it was tried a moment ago.
    fn opened(&mut self) -> Option<Connection> {
        let now = Instant::now();
        let rests = self.tried.is_some_and(|tried| now.duration_since(tried) < AGAIN);
        if self.writer.is_some() || rests { None } else { self.open(now) }
    }

    fn write(&mut self, lines: &[SaidLine]) -> rusqlite::Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        insert(&writer.connection, lines)?;
        writer.bytes += lines.iter().map(|line| line.text.len() + line.key.len()).sum::<usize>();
        if writer.writings.is_multiple_of(LOOK_EVERY) || writer.bytes > LOOK_AFTER.min(share(self.most)) {
            let newest = lines.iter().map(|line| line.at.0).max().unwrap_or_default();
            forget(&writer.connection, newest, self.most)?;
            writer.bytes = 0;
        }
        writer.writings = writer.writings.wrapping_add(1);
        Ok(())
    }
}

/// Bytes after which a file of so many is looked at.
fn share(most: i64) -> usize {
    usize::try_from(most / 8).unwrap_or(usize::MAX)
}

fn inode(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|file| file.ino())
}

/// Its user alone reads it, also where an older version made it: what SQLite puts beside it has the same mode.
fn for_its_user(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Err(_) => {}
    }
    for end in ["", "-wal", "-shm"] {
        let there = std::fs::set_permissions(beside(path, end), PermissionsExt::from_mode(0o600));
        if let Err(error) = there
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
    }
    Ok(())
}

fn connect(path: &Path) -> rusqlite::Result<(Writer, Connection)> {
    for_its_user(path).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let writer = Connection::open(path)?;
    writer.busy_timeout(Duration::from_secs(5))?;
    writer.pragma_update(None, "journal_mode", "WAL")?;
    writer.pragma_update(None, "journal_size_limit", 16 << 20)?;
    // A crash of the machine may cost the last lines; no run waits for a sync of theirs.
    writer.pragma_update(None, "synchronous", "NORMAL")?;
    let version: i64 = writer.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version != VERSION {
        writer.execute_batch(TABLES)?;
        writer.pragma_update(None, "user_version", VERSION)?;
    }
    let reader = Connection::open(path)?;
    reader.pragma_update(None, "query_only", "ON")?;
    reader.busy_timeout(Duration::from_secs(5))?;
    reader.query_row("SELECT count(*) FROM (SELECT 1 FROM said LIMIT 1)", [], |_| Ok(()))?;
    let inode = inode(path).unwrap_or_default();
    Ok((Writer { connection: writer, inode, writings: 0, bytes: 0 }, reader))
}

fn insert(connection: &Connection, lines: &[SaidLine]) -> rusqlite::Result<()> {
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

fn forget(connection: &Connection, now: i64, most: i64) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM said WHERE at < ?1", [now - KEPT])?;
    connection.execute("DELETE FROM said WHERE id <= (SELECT max(id) FROM said) - ?1", [LINES_MOST])?;
    let oldest = "DELETE FROM said WHERE id IN (SELECT id FROM said ORDER BY id LIMIT ?1)";
    while held(connection)? > most && connection.execute(oldest, [FORGOTTEN_TOGETHER])? > 0 {}
    Ok(())
}

/// Bytes of the pages that hold something.
fn held(connection: &Connection) -> rusqlite::Result<i64> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    Ok((number("page_count")? - number("freelist_count")?) * number("page_size")?)
}
