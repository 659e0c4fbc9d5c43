//! What plugins said while they carried attempts: kept for some days in a file of its own beside the store, so that no commit
//! of a run waits for it and no case depends on it. It may be deleted at any time.

mod file;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use yizhan_workflow::id::{Millis, RunId};

use self::file::File;

/// Lines on their way to the file; more than that are let go: whoever speaks never waits.
const WAITING: usize = 4_000;
/// Attempts of which lines were let go, and whose next commit says so.
const LOST_MOST: usize = 1_000;
/// Of one commit.
const TOGETHER: usize = 1_000;
/// No line waits longer for others that go with it.
const WAITS: Duration = Duration::from_secs(1);
/// A moment without a word is the end of a talk.
const PAUSE: Duration = Duration::from_millis(50);
/// Lines of one run that are read; more than anybody reads.
const READ_MOST: u32 = 20_000;

/// A line of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaidLine {
    pub run: RunId,
    /// The outward key of the item, the same for every attempt at it.
    pub key: Box<str>,
    pub attempt: u32,
    pub at: Millis,
    /// `error`, `warn`, `info`, …; `cut`: more was said, and is not kept, and `text` is how it began.
    pub level: Box<str>,
    pub text: Box<str>,
}

/// The file, its writer and a reader.
#[derive(Debug)]
pub struct Said {
    shared: Arc<Shared>,
    writing: Option<SyncSender<SaidLine>>,
    writer: Option<JoinHandle<()>>,
}

/// What the writer and those who read and speak have together.
#[derive(Debug, Default)]
struct Shared {
    reader: Mutex<Reader>,
    /// Of whom lines were let go.
    lost: Mutex<BTreeSet<(RunId, Box<str>, u32)>>,
}

#[derive(Debug, Default)]
struct Reader {
    connection: Option<Connection>,
    /// A read found the file damaged: the writer makes it anew.
    damaged: bool,
}

impl Shared {
    fn reader(&self) -> MutexGuard<'_, Reader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lost(&self) -> MutexGuard<'_, BTreeSet<(RunId, Box<str>, u32)>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Said {
    /// Opens the file, or makes it; one that is damaged is made anew, since it is nothing but commentary. One that cannot be
    /// used now, as somebody has it locked, is tried again as lines come.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        Self::open_within(path, file::BYTES_MOST)
    }

    fn open_within(path: &Path, bytes: i64) -> std::io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let mut file = File::new(path.to_owned(), bytes);
        shared.reader().connection = file.open(Instant::now());
        let (writing, lines) = sync_channel(WAITING);
        let writer = std::thread::Builder::new().name("said".to_owned()).spawn({
            let shared = shared.clone();
            move || write(&mut file, &lines, &shared)
        })?;
        Ok(Self { shared, writing: Some(writing), writer: Some(writer) })
    }

    /// Keeps a line, unless too many wait already: then that there was more is kept. Never blocks.
    pub fn keep(&self, line: SaidLine) {
        let sent = self.writing.as_ref().map(|writing| writing.try_send(line));
        if let Some(Err(TrySendError::Full(line))) = sent {
            let mut lost = self.shared.lost();
            if lost.len() < LOST_MOST {
                lost.insert((line.run, line.key, line.attempt));
            }
        }
    }

    /// What was said in a run, in order; nothing while the file cannot be used.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of(&self, run: RunId) -> rusqlite::Result<Vec<SaidLine>> {
        let mut reader = self.shared.reader();
        let Some(connection) = &reader.connection else { return Ok(vec![]) };
        let found = read(connection, run);
        if found.as_ref().is_err_and(file::is_damage) {
            *reader = Reader { connection: None, damaged: true };
        }
        found
    }
}

fn read(connection: &Connection, run: RunId) -> rusqlite::Result<Vec<SaidLine>> {
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
    connection.prepare_cached(sql)?.query_map(params![run.number(), READ_MOST], line)?.collect()
}

impl Drop for Said {
    fn drop(&mut self) {
        self.writing = None;
        if let Some(writer) = self.writer.take() {
            drop(writer.join());
        }
    }
}

fn write(file: &mut File, lines: &Receiver<SaidLine>, shared: &Shared) {
    while let Ok(first) = lines.recv() {
        let mut all = together(first, lines);
        // Behind what they were lost in: there is room again.
        let at = all.last().map_or(Millis(0), |line| line.at);
        let more = |(run, key, attempt)| {
            let (level, text) = (Box::from("cut"), Box::from(""));
            SaidLine { run, key, attempt, at, level, text }
        };
        all.extend(std::mem::take(&mut *shared.lost()).into_iter().map(more));
        let damaged = std::mem::take(&mut shared.reader().damaged);
        if damaged || file.is_gone() {
            begin_anew(file, damaged, shared);
        }
        if put(file, &all, shared) {
            begin_anew(file, true, shared);
            put(file, &all, shared);
        }
    }
}

/// Whether the file was found damaged.
fn put(file: &mut File, lines: &[SaidLine], shared: &Shared) -> bool {
    let (reader, damaged) = file.put(lines);
    if reader.is_some() {
        shared.reader().connection = reader;
    }
    damaged
}

/// Nobody may hold on to what is not the file any more: whoever closes it last takes away what lies beside the new one.
fn begin_anew(file: &mut File, damaged: bool, shared: &Shared) {
    shared.reader().connection = None;
    file.give_up(damaged);
}

/// What comes within a moment goes together.
fn together(first: SaidLine, lines: &Receiver<SaidLine>) -> Vec<SaidLine> {
    let end = Instant::now() + WAITS;
    let mut all = vec![first];
    while all.len() < TOGETHER {
        let wait = PAUSE.min(end.saturating_duration_since(Instant::now()));
        match lines.recv_timeout(wait) {
            Ok(line) => all.push(line),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
        if wait.is_zero() {
            break;
        }
    }
    all
}

#[cfg(test)]
mod tests;
