//! Opens the file: who may, on which disk, with which settings, and of which version.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::hooks::Wal;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use yizhan_engine::store::StoreError;

use super::fault::is_full;
use super::lock::{self, Lock, Taken};

/// "YiZh": tells our files from other SQLite files, also for `file`.
pub(super) const APPLICATION: i64 = 0x5969_5a68;

/// Forward only; the version of a store is how many of them it has seen.
pub(super) const MIGRATIONS: [&str; 19] = [
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
    include_str!("migrations/0005.sql"),
    include_str!("migrations/0006.sql"),
    include_str!("migrations/0007.sql"),
    include_str!("migrations/0008.sql"),
    include_str!("migrations/0009.sql"),
    include_str!("migrations/0010.sql"),
    include_str!("migrations/0011.sql"),
    include_str!("migrations/0012.sql"),
    include_str!("migrations/0013.sql"),
    include_str!("migrations/0014.sql"),
    include_str!("migrations/0015.sql"),
    include_str!("migrations/0016.sql"),
    include_str!("migrations/0017.sql"),
    include_str!("migrations/0018.sql"),
    include_str!("migrations/0019.sql"),
];

/// Bytes of a page.
pub(super) const PAGE: u64 = 4_096;

/// With this one the entries of registers are found by an index, also those that were there before.
pub(super) const INDEXED: i64 = 9;

/// With this one rows have sums. A later one that changes what a table sums up sets that table's sums to NULL itself.
const WITH_SUMS: i64 = 17;

/// Before this one, a reset of the write-ahead log could damage the file.
const SQLITE_AT_LEAST: (i32, &str) = (3_051_003, "3.51.3");

/// 16 MiB of log: with fewer, the syncs of bringing it in weigh on slow disks; with more, it takes too long.
const CHECKPOINT_PAGES: i32 = 4_000;

/// A commit waits for nobody, as there is one writer; this is for tools that look into the file meanwhile.
const BUSY: Duration = Duration::from_secs(5);

/// Setting, value, and what it reads as afterwards.
const SETTINGS: [(&str, &str, i64); 8] = [
    ("synchronous", "FULL", 2),
    ("foreign_keys", "ON", 1),
    ("trusted_schema", "OFF", 0),
    ("cell_size_check", "ON", 1),
    ("mmap_size", "0", 0),
    ("journal_size_limit", "67108864", 67_108_864),
    ("temp_store", "MEMORY", 2),
    ("cache_size", "-2048", -2_048),
];

/// Why a store was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the store `{}` is in use{}", .path.display(), by(*.pid))]
    InUse { path: PathBuf, pid: Option<u32> },
    #[error("the store `{}` would be on a network file system ({kind})", .path.display())]
    Network { path: PathBuf, kind: String },
    #[error("the store `{}` was written by a newer version (schema {found}, this one knows {known})", .path.display())]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("`{}` is not a store", .path.display())]
    NotAStore { path: PathBuf },
    #[error("SQLite {found} is too old: it may damage the store")]
    OldSqlite { found: &'static str },
    #[error("SQLite did not take the setting `{name}` = {wanted} and has {found}")]
    Setting { name: String, wanted: String, found: String },
    #[error("cannot use `{}`", .path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("the log `{}` is damaged: what was written to it from byte {from} on cannot be read", .path.display())]
    DamagedLog { path: PathBuf, from: u64 },
    #[error("the store `{}` cannot be opened", .path.display())]
    Sqlite { path: PathBuf, source: rusqlite::Error },
}

fn by(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" by the process {pid}"))
}

impl OpenError {
    /// Stable for scripts and searches.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::InUse { .. } => "YZ0501",
            Self::Network { .. } => "YZ0502",
            Self::Newer { .. } => "YZ0503",
            Self::NotAStore { .. } => "YZ0504",
            Self::OldSqlite { .. } => "YZ0505",
            Self::Setting { .. } => "YZ0506",
            Self::File { .. } => "YZ0507",
            Self::Sqlite { .. } | Self::DamagedLog { .. } => "YZ0508",
        }
    }

    /// The next step for the person reading.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::InUse { .. } => "stop the other daemon first, or give this one a folder of its own",
            Self::Network { .. } => "choose a folder on a disk of this machine",
            Self::Newer { .. } => "start the newer version again, or restore a backup made before it",
            Self::NotAStore { .. } => "choose another path: the file was left as it is",
            Self::OldSqlite { .. } => "build with the SQLite that comes with the source (at least 3.51.3)",
            Self::Setting { .. } => "build with the SQLite that comes with the source",
            Self::File { .. } => "check that the folder is there and may be written by this user",
            Self::DamagedLog { .. } => "restore a backup: runs that were acknowledged would be lost",
            Self::Sqlite { .. } => "run `yizhan doctor`; if the file is damaged, restore a backup",
        }
    }

    /// Whether there was no room on the disk.
    pub(super) fn is_full(&self) -> bool {
        matches!(self, Self::Sqlite { source, .. } if is_full(source))
    }
}

/// `yizhan.db` → `yizhan.db.lock`.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// The folder of a path; that of a bare name is where we are.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

pub(super) fn lock(path: &Path) -> Result<Lock, OpenError> {
    let in_file = |path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::File { path, source }
    };
    let folder = folder(path);
    if let Some(kind) = super::file_system::network(folder).map_err(in_file(folder))? {
        return Err(OpenError::Network { path: path.to_owned(), kind });
    }
    let sidecar = beside(path, ".lock");
    lock::take(&sidecar).map_err(|taken| match taken {
        Taken::By(pid) => OpenError::InUse { path: path.to_owned(), pid },
        Taken::Io(source) => OpenError::File { path: sidecar, source },
    })
}

pub(super) fn writer(path: &Path) -> Result<Connection, OpenError> {
    new_enough(rusqlite::version_number(), rusqlite::version())?;
    make_file(path).map_err(|source| OpenError::File { path: path.to_owned(), source })?;
    whole_log(beside(path, "-wal"))?;
    let sqlite = |source| OpenError::Sqlite { path: path.to_owned(), source };
    let mut connection = connect(path).map_err(sqlite)?;
    let version = version(&connection, path)?;
    if version == 0 {
        // Counts only before the first page is written.
        connection.pragma_update(None, "page_size", 4096).map_err(sqlite)?;
    }
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).map_err(sqlite)?;
    if mode != "wal" {
        return Err(not_set("journal_mode", &"wal", &mode));
    }
    settle(&connection, path)?;
    migrate(&mut connection, version).map_err(sqlite)?;
    super::sums::keep(&connection).map_err(sqlite)?;
    super::lots::enter_all(&mut connection).map_err(sqlite)?;
    start_a_new_log(&connection).map_err(sqlite)?;
    connection.wal_hook(Some(bring_in)).map_err(sqlite)?;
    Ok(connection)
}

/// SQLite would go on without what it cannot read.
pub(super) fn whole_log(path: PathBuf) -> Result<(), OpenError> {
    match super::log::damaged_from(&path) {
        Ok(None) => Ok(()),
        Ok(Some(from)) => Err(OpenError::DamagedLog { path, from }),
        Err(source) => Err(OpenError::File { path, source }),
    }
}

fn new_enough(number: i32, found: &'static str) -> Result<(), OpenError> {
    if number < SQLITE_AT_LEAST.0 { Err(OpenError::OldSqlite { found }) } else { Ok(()) }
}

/// Only its user may read it: inputs of runs are nobody else's business. SQLite gives its other files the same rights.
fn make_file(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => File::open(folder(path))?.sync_all(),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    // Neither a URI nor a new file: the path is what it says and is there.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(64);
    super::sums::teach(&connection)?;
    Ok(connection)
}

/// The schema's version, 0 for a new file. Nothing is changed in a file that is not ours.
fn version(connection: &Connection, path: &Path) -> Result<i64, OpenError> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let read = || Ok((number("application_id")?, number("user_version")?, tables(connection)?));
    let (application, version, tables) = read().map_err(|source: rusqlite::Error| {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(rusqlite::ffi::ErrorCode::NotADatabase) => OpenError::NotAStore { path },
            _ => OpenError::Sqlite { path, source },
        }
    })?;
    let known = MIGRATIONS.len() as i64;
    match (application, version) {
        (0, 0) if tables == 0 => Ok(0),
        (APPLICATION, found) if found > known => {
            Err(OpenError::Newer { path: path.to_owned(), found, known })
        }
        (APPLICATION, found) if found >= 0 => Ok(found),
        _ => Err(OpenError::NotAStore { path: path.to_owned() }),
    }
}

fn tables(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
}

/// What is not as it was asked for would show only on the day of the power cut.
fn settle(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let sqlite = |source| OpenError::Sqlite { path: path.to_owned(), source };
    for (name, value, reads) in SETTINGS {
        connection.execute_batch(&format!("PRAGMA {name} = {value}")).map_err(sqlite)?;
        as_set(connection, name, reads)?;
    }
    as_set(connection, "page_size", PAGE as i64)?;
    as_set(connection, "busy_timeout", 5_000)
}

fn as_set(connection: &Connection, name: &str, wanted: i64) -> Result<(), OpenError> {
    // What it does not know at all, SQLite answers with no row.
    match connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)) {
        Ok(found) if found == wanted => Ok(()),
        Ok(found) => Err(not_set(name, &wanted, &found)),
        Err(error) => Err(not_set(name, &wanted, &error)),
    }
}

fn not_set(name: &str, wanted: &dyn ToString, found: &dyn ToString) -> OpenError {
    OpenError::Setting { name: name.to_owned(), wanted: wanted.to_string(), found: found.to_string() }
}

pub(super) fn migrate(connection: &mut Connection, from: i64) -> rusqlite::Result<()> {
    for (known, sql) in (1_i64..).zip(MIGRATIONS).filter(|(known, _)| *known > from) {
        let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        step.execute_batch(sql)?;
        if known == INDEXED {
            super::registers::index_all(&step)?;
        }
        if known == MIGRATIONS.len() as i64 {
            super::sums::fill(&step, from < WITH_SUMS)?;
        }
        step.pragma_update(None, "application_id", APPLICATION)?;
        step.pragma_update(None, "user_version", known)?;
        step.commit()?;
    }
    Ok(())
}

/// The last process may have died of a failed sync. Then the page cache shows lines in the log that are not on the disk,
/// and what is written behind them would be lost with them at the next power cut. So nothing is: the log is brought into
/// the file, which is synced, and begins anew.
fn start_a_new_log(connection: &Connection) -> rusqlite::Result<()> {
    match connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
        // On a full disk the file cannot grow; it is better to be there and say so.
        Err(error) if is_full(&error) => {
            tracing::warn!("the disk is full: the log could not be brought into the store");
            Ok(())
        }
        done => done,
    }
}

/// Brings the log into the file, after a commit. SQLite would do it by itself and keep a failed sync to itself; but then
/// the log would be written over while pages of the file are not on disk. So it is done here, and its failure is the
/// failure of the commit. A full disk only leaves the log longer.
fn bring_in(wal: &mut Wal, pages: i32) -> rusqlite::Result<()> {
    if pages < CHECKPOINT_PAGES {
        return Ok(());
    }
    match wal.checkpoint() {
        Err(error) if is_full(&error) || is_busy(&error) => Ok(()),
        done => done,
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::ErrorCode::{DatabaseBusy, DatabaseLocked};
    matches!(error.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked))
}

/// Of a log that could not be synced, nothing more is believed: closing leaves it to the next process.
pub(super) fn leave_log(connection: &Connection) {
    if let Err(error) = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true) {
        tracing::warn!(%error, "closing the store may touch its log once more");
    }
}

/// A reader never writes, neither rows nor the log into the file.
pub(super) fn reader(path: &Path) -> Result<Connection, StoreError> {
    let open = || {
        let connection = connect(path)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.execute_batch(
            "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;
             PRAGMA temp_store = MEMORY; PRAGMA cache_size = -512; PRAGMA wal_autocheckpoint = 0",
        )?;
        Ok::<_, rusqlite::Error>(connection)
    };
    open().map_err(|error| StoreError::Failed(error.to_string()))
}
