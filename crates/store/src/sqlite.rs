//! The store in one SQLite file: one connection writes, a few others read.

mod backup;
mod ballast;
mod cases;
mod counted;
mod drafts;
mod fault;
mod file_system;
mod gathered;
mod lock;
mod log;
mod lots;
mod open;
mod pauses;
mod reads;
mod registers;
mod rows;
mod runs;
mod search;
mod sums;
#[cfg(test)]
pub(crate) mod tests;
mod verify;
mod waiting;
mod write;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use yizhan_engine::store::{Acks, Batch, Store, StoreError, Timing};

pub use backup::{Copied, CopyError, copy_database, copy_store};
use ballast::Ballast;
use fault::Fault;
use lock::Lock;
pub use open::OpenError;
pub(crate) use open::beside;
pub use reads::SqliteReads;
use write::Begun;

/// The only writing connection. Dropping it brings what is in the write-ahead log into the file.
#[derive(Debug)]
pub struct Sqlite {
    connection: Connection,
    /// What is written ahead of the next commit.
    begun: Begun,
    reads: Arc<SqliteReads>,
    ballast: Ballast,
    /// Why nothing may be written any more.
    broken: Option<String>,
    timing: Timing,
    /// A sleep after each commit, for a bench on a disk that says "synced" too soon.
    delay: Duration,
    /// Dropped last, as fields are dropped in this order: nobody else may come in before the connection is closed.
    _lock: Arc<Lock>,
}

impl Sqlite {
    /// Opens the file, or makes it. Beside it stand `.lock`, `.ballast` and SQLite's own `-wal` and `-shm`.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let lock = Arc::new(open::lock(path)?);
        let ballast = Ballast::beside(path);
        let connection = match open::writer(path) {
            // Recovery itself needs a little room; better to begin without ballast than not at all.
            Err(error) if error.is_full() && ballast.give_back() => open::writer(path)?,
            opened => opened?,
        };
        ballast.take_in();
        yizhan_faults::point("store.opened");
        let reads = Arc::new(SqliteReads::new(path, Arc::clone(&lock)));
        let (timing, delay) = (Timing::default(), Duration::ZERO);
        let begun = Begun::default();
        Ok(Self { connection, begun, reads, ballast, broken: None, timing, delay, _lock: lock })
    }

    /// Lists and pages, on connections of their own, opened when they are first needed.
    #[must_use]
    pub fn reads(&self) -> Arc<SqliteReads> {
        Arc::clone(&self.reads)
    }

    /// Lets every commit take so much longer: a disk that does not really sync becomes an honest one to measure with.
    pub fn delay_commits(&mut self, delay: Duration) {
        self.delay = delay;
    }

    /// From now on no commit waits for the disk (`synchronous = NORMAL`): a power cut takes what was acknowledged last. For
    /// what measures the disk's part, and for a run that must find that loss.
    ///
    /// # Errors
    /// When SQLite does not take it.
    pub fn wait_for_no_disk(&mut self) -> Result<(), StoreError> {
        let set = self.connection.pragma_update(None, "synchronous", "NORMAL");
        set.map_err(|error| Fault::from(error).of_writing())
    }

    /// What no batch may say is found before anything of it is written; what was written ahead of it is not either.
    fn checked(&mut self, batches: &[Batch]) -> Result<(), StoreError> {
        let checked = crate::sense::check(self.begun.rest(batches));
        if checked.is_err() {
            self.begun.take_back(&self.connection).map_err(Fault::of_writing)?;
        }
        checked
    }

    fn break_down(&mut self, why: String) {
        self.broken = Some(why);
        open::leave_log(&self.connection);
    }

    fn write(&mut self, batches: &[Batch]) -> Result<Vec<Acks>, StoreError> {
        let (acks, mut timing) = self.begun.commit(&self.connection, batches).map_err(Fault::of_writing)?;
        if !self.delay.is_zero() {
            std::thread::sleep(self.delay);
            timing.commit += self.delay;
        }
        self.timing = timing;
        Ok(acks)
    }
}

impl Store for Sqlite {
    fn timing(&self) -> Timing {
        self.timing
    }

    fn write_ahead(&mut self, batches: &[Batch]) {
        if self.broken.is_some() || crate::sense::check(self.begun.rest(batches)).is_err() {
            return;
        }
        let written = self.begun.write_ahead(&self.connection, batches).map_err(Fault::of_writing);
        if let Err(StoreError::Broken(why)) = written {
            self.break_down(why);
        }
    }

    fn commit(&mut self, batches: &[Batch]) -> Result<Vec<Acks>, StoreError> {
        if let Some(why) = &self.broken {
            return Err(StoreError::Broken(why.clone()));
        }
        if yizhan_faults::seeded("store.acked-unwritten") {
            self.begun.take_back(&self.connection).map_err(Fault::of_writing)?;
            return Ok(batches.iter().map(|batch| batch.changes.iter().map(|_| Ok(())).collect()).collect());
        }
        let mut answer = self.checked(batches).and_then(|()| self.write(batches));
        if matches!(answer, Err(StoreError::Full(_))) && self.ballast.give_back() {
            tracing::warn!("the disk is full: the last reserve of the store is in use");
            answer = self.write(batches);
        } else if answer.is_ok() {
            self.ballast.take_in_when_there_is_room();
        }
        if let Err(StoreError::Broken(why)) = &answer {
            self.break_down(why.clone());
        }
        answer
    }
}
