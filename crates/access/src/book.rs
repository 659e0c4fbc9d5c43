//! The file `access.db`: one thread writes, and what arrived while it wrote goes into its next commit.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use tokio::sync::{Semaphore, oneshot};

use crate::acts;
use crate::audit::{Head, Mark, mark_all};
use crate::guessing::Guessing;
use crate::uploads;

/// "YiZa".
const APPLICATION: i64 = 0x5969_5a61;
const VERSION: i64 = 4;

/// Writings that may wait; more callers wait for room.
const WAITING: usize = 1_000;
/// Of one commit.
const TOGETHER: usize = 500;
/// An argon2id takes 19 MiB and some tens of milliseconds of a core.
const HASHING_AT_ONCE: usize = 4;

/// Why access could not be looked up or written.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    #[error("the accounts' file cannot be used: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("the accounts' file cannot be used: {0}")]
    File(#[from] std::io::Error),
    #[error("the accounts' file was written by a newer version (schema {0})")]
    Newer(i64),
    #[error("the accounts' file is not one of ours")]
    NotOurs,
    #[error("the accounts' file could not be written; the log says why")]
    NotWritten,
    #[error("the disk is full")]
    Full,
    #[error("the kernel gave no random bytes")]
    NoChance,
}

type Doing = Box<dyn FnOnce(&Connection) -> rusqlite::Result<Done> + Send>;
/// Called once the commit stands; dropped if it does not.
type Done = Box<dyn FnOnce() + Send>;

/// What the commits found of the disk.
#[derive(Default)]
struct Room {
    /// The last commit found none.
    full: AtomicBool,
    /// How often none was found. Who waited while it grew waited in vain for want of room, also when there is some again.
    missed: AtomicU64,
}

impl Room {
    /// Before anybody learns that theirs does not stand, it is known that there was no room.
    fn note(&self, error: &rusqlite::Error) {
        if is_full(error) {
            self.full.store(true, Ordering::Relaxed);
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Accounts, sessions, tokens and the audit.
pub struct Access {
    path: PathBuf,
    pub(crate) mark: Option<Mark>,
    /// The last line of the audit that we know to stand.
    pub(crate) newest: Mutex<Option<Head>>,
    reader: Mutex<Connection>,
    /// For lists and searches: whoever comes in does not wait for them.
    lister: Mutex<Connection>,
    writing: Option<SyncSender<Doing>>,
    writer: Option<JoinHandle<()>>,
    room: Arc<Room>,
    /// Why nothing is written any more.
    broken: Arc<OnceLock<String>>,
    pub(crate) hashing: Arc<Semaphore>,
    pub guessing: Guessing,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").finish_non_exhaustive()
    }
}

impl Access {
    /// Opens the file, or makes it. Its user alone may read it.
    ///
    /// # Errors
    /// When it cannot be used or is not ours.
    pub fn open(path: &Path) -> Result<Self, AccessError> {
        Self::open_with(path, None)
    }

    /// The same with the house's key, by which the audit's lines are marked.
    ///
    /// # Errors
    /// When it cannot be used or is not ours.
    pub fn open_marked(path: &Path, key: &[u8; 32]) -> Result<Self, AccessError> {
        Self::open_with(path, Mark::new(key))
    }

    fn open_with(path: &Path, mark: Option<Mark>) -> Result<Self, AccessError> {
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        if let Err(error) = made
            && error.kind() != std::io::ErrorKind::AlreadyExists
        {
            return Err(error.into());
        }
        let mut connection = connect(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        make(&mut connection, mark.as_ref())?;
        let (writing, doings) = sync_channel(WAITING);
        let (room, broken) = (Arc::<Room>::default(), Arc::new(OnceLock::new()));
        let writer = std::thread::Builder::new().name("access".to_owned()).spawn({
            let (room, broken) = (room.clone(), broken.clone());
            move || write(connection, &doings, &room, &broken)
        })?;
        let (reader, lister) = (reading(path)?, reading(path)?);
        Ok(Self {
            path: path.to_owned(),
            mark,
            newest: Mutex::default(),
            reader: Mutex::new(reader),
            lister: Mutex::new(lister),
            writing: Some(writing),
            writer: Some(writer),
            room,
            broken,
            hashing: Arc::new(Semaphore::new(HASHING_AT_ONCE)),
            guessing: Guessing::default(),
        })
    }

    /// Looks something up. Blocks for a moment.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, AccessError> {
        Ok(read(&self.reader.lock().unwrap_or_else(PoisonError::into_inner))?)
    }

    /// The same for a list or a search.
    pub(crate) fn list<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, AccessError> {
        Ok(read(&self.lister.lock().unwrap_or_else(PoisonError::into_inner))?)
    }

    /// Reads for as long as it takes, on a line of its own: nobody who comes in waits for it.
    pub(crate) fn read_at_length<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, AccessError> {
        Ok(read(&reading(&self.path)?)?)
    }

    /// Writes something, and answers once it is on disk.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, AccessError> {
        let (answer, answered) = oneshot::channel();
        let room = self.room.clone();
        let missed = room.missed.load(Ordering::Relaxed);
        self.hand_over(Box::new(move |connection| {
            let written = write(connection).inspect_err(|error| room.note(error))?;
            // Nobody waits any more: then nobody is told.
            Ok(Box::new(move || drop(answer.send(written))))
        }))
        .await?;
        answered.await.map_err(|_| {
            let lacking = self.room.missed.load(Ordering::Relaxed) != missed;
            if lacking { AccessError::Full } else { AccessError::NotWritten }
        })
    }

    /// Whether there is no room on the disk. Once there was none, it is tried: nobody else may come to try it.
    pub async fn is_full(&self) -> bool {
        if !self.room.full.load(Ordering::Relaxed) {
            return false;
        }
        let tried = self.write(|book| {
            let sql = "INSERT OR REPLACE INTO invitation (hash, person, made_by, made, expires) VALUES (x'00', '', '', 0, 0)";
            book.execute(sql, [])?;
            book.execute("DELETE FROM invitation WHERE hash = x'00'", [])
        });
        matches!(tried.await, Err(AccessError::Full))
    }

    /// Why nothing is written any more until the next start; whoever runs us should begin it.
    #[must_use]
    pub fn broken(&self) -> Option<&str> {
        self.broken.get().map(String::as_str)
    }

    async fn hand_over(&self, doing: Doing) -> Result<(), AccessError> {
        let Some(writing) = self.writing.clone() else { return Err(AccessError::NotWritten) };
        let doing = match writing.try_send(doing) {
            Ok(()) => return Ok(()),
            Err(std::sync::mpsc::TrySendError::Disconnected(_)) => return Err(AccessError::NotWritten),
            Err(std::sync::mpsc::TrySendError::Full(doing)) => doing,
        };
        let sent = tokio::task::spawn_blocking(move || writing.send(doing)).await;
        sent.map_err(|_| AccessError::NotWritten)?.map_err(|_| AccessError::NotWritten)
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        self.writing = None;
        if let Some(writer) = self.writer.take() {
            drop(writer.join());
        }
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection
        .execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0")?;
    Ok(connection)
}

fn reading(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path)?;
    connection.pragma_update(None, "query_only", "ON")?;
    Ok(connection)
}

fn make(connection: &mut Connection, mark: Option<&Mark>) -> Result<(), AccessError> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let from = match (number("application_id")?, number("user_version")?) {
        (0, 0) if tables == 0 => 0,
        (APPLICATION, older @ 1..VERSION) => older,
        (APPLICATION, VERSION) => return Ok(()),
        (APPLICATION, newer) if newer > VERSION => return Err(AccessError::Newer(newer)),
        _ => return Err(AccessError::NotOurs),
    };
    let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if from == 0 {
        step.execute_batch(include_str!("schema.sql"))?;
    }
    if from < 2 {
        step.execute_batch("ALTER TABLE audit ADD COLUMN mark BLOB")?;
        if let Some(mark) = mark {
            mark_all(&step, mark)?;
        }
    }
    step.execute_batch(uploads::TABLE)?;
    acts::note_all(&step)?;
    step.pragma_update(None, "application_id", APPLICATION)?;
    step.pragma_update(None, "user_version", VERSION)?;
    Ok(step.commit()?)
}

fn write(mut connection: Connection, doings: &Receiver<Doing>, room: &Room, broken: &OnceLock<String>) {
    while let Ok(first) = doings.recv() {
        let more = doings.try_iter().take(TOGETHER);
        let all: Vec<Doing> = std::iter::once(first).chain(more).collect();
        if let Err(error) = commit(&mut connection, all, room) {
            // Whoever waits learns that it does not stand; a disk that is full has room again some day.
            tracing::error!(%error, "accounts and audit could not be written");
            if is_io(&error) {
                // What the disk has of it nobody knows any more: nothing after it may be said to stand. The next start reads
                // what is there.
                broken.get_or_init(|| format!("accounts and audit could not be written: {error}"));
                return;
            }
        }
    }
}

/// The disk failed, which is not the same as being full.
fn is_io(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) && !is_full(error)
}

/// The index of the write-ahead log is the one place where SQLite says "input or output" about a full disk.
fn is_full(error: &rusqlite::Error) -> bool {
    error
        .sqlite_error()
        .is_some_and(|error| error.code == ErrorCode::DiskFull || error.extended_code == SQLITE_IOERR_SHMSIZE)
}

fn commit(connection: &mut Connection, all: Vec<Doing>, room: &Room) -> rusqlite::Result<()> {
    let note = |error: &rusqlite::Error| room.note(error);
    let mut transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).inspect_err(note)?;
    let (mut done, wanted) = (Vec::with_capacity(all.len()), all.len());
    for doing in all {
        // One that fails takes nothing of the others with it.
        let step = transaction.savepoint()?;
        match doing(&step) {
            Ok(one) => {
                step.commit()?;
                done.push(one);
            }
            Err(error) if is_io(&error) => return Err(error),
            Err(error) => tracing::error!(%error, "an account or a line of the audit could not be written"),
        }
    }
    transaction.commit().inspect_err(note)?;
    if done.len() == wanted {
        room.full.store(false, Ordering::Relaxed);
    }
    for one in done {
        one();
    }
    Ok(())
}
