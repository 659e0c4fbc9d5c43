//! What went wrong inside SQLite, in the words of the port.

use rusqlite::ffi::{self, ErrorCode};
use yizhan_engine::store::StoreError;

#[derive(Debug)]
pub(super) enum Fault {
    Sqlite(rusqlite::Error),
    /// Already in the port's words.
    Said(StoreError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Said(error)
    }
}

impl Fault {
    /// After a failed write or sync, nobody knows what the disk holds: the page cache says "clean" where it is not. So
    /// any input or output error of the writer ends its work, and so does damage.
    pub(super) fn of_writing(self) -> StoreError {
        let error = match self {
            Self::Said(error) => return error,
            Self::Sqlite(error) => error,
        };
        if is_full(&error) {
            return StoreError::Full(error.to_string());
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::SystemIoFailure | ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                StoreError::Broken(error.to_string())
            }
            _ => StoreError::Failed(error.to_string()),
        }
    }

    /// A page that cannot be read is no reason to stop all runs: whoever asked for it is told.
    pub(super) fn of_reading(self) -> StoreError {
        match self {
            Self::Said(error) => error,
            Self::Sqlite(error) => StoreError::Failed(error.to_string()),
        }
    }
}

/// The index of the write-ahead log is the one place where SQLite says "input or output" about a full disk.
pub(super) fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| {
        error.code == ErrorCode::DiskFull || error.extended_code == ffi::SQLITE_IOERR_SHMSIZE
    })
}

pub(super) fn is_taken(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_CONSTRAINT_UNIQUE)
}
