//! Copies a store that is in use, as it is at one moment.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use yizhan_engine::store::StoreError;

use super::fault::Fault;
use super::open::{self, OpenError};
use super::{sums, verify};

/// Pages between two words on how far it is: 4 MiB.
const PAGES: i32 = 1_024;
/// Until the next try, where the file was held for a moment.
const HELD: Duration = Duration::from_millis(20);

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] StoreError),
    #[error("the copy cannot be written")]
    Write(#[from] rusqlite::Error),
    #[error("the copy cannot be written")]
    File(#[from] std::io::Error),
}

/// What a copy of a store has in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    pub schema: i64,
    /// What is wrong with it, in sentences.
    pub findings: Vec<String>,
}

/// Copies the store to a new file and looks through the copy. A daemon may go on writing meanwhile. `tell` hears how many
/// bytes of how many there are.
pub fn copy_store(from: &Path, to: &Path, tell: impl FnMut(u64, u64)) -> Result<Copied, CopyError> {
    // Where no daemon holds it, nobody has looked yet whether its log is whole.
    match open::lock(from) {
        Ok(_held) => open::whole_log(open::beside(from, "-wal"))?,
        Err(OpenError::InUse { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    copy_database(from, to, tell)?;
    let copy = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    copy.execute_batch("PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF")?;
    sums::teach(&copy)?;
    let schema = copy.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let findings = verify::verify(&copy).map_err(Fault::of_reading)?;
    Ok(Copied { schema, findings })
}

/// The same with any SQLite file of ours; nobody looks through it.
pub fn copy_database(from: &Path, to: &Path, mut tell: impl FnMut(u64, u64)) -> Result<(), CopyError> {
    let source = open::reader(from)?;
    // As long as this moment lasts, the copy is not begun anew at each commit of somebody else.
    let moment = source.unchecked_transaction()?;
    moment.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    let mut copy = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // Half a copy is of no use to anybody, so there is nothing to take back.
    copy.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")?;
    let backup = Backup::new(&moment, &mut copy)?;
    loop {
        let step = backup.step(PAGES)?;
        let pages = backup.progress();
        let bytes = |pages: i32| u64::try_from(pages).unwrap_or(0) * open::PAGE;
        tell(bytes(pages.pagecount - pages.remaining), bytes(pages.pagecount));
        match step {
            StepResult::Done => break,
            StepResult::Busy | StepResult::Locked => std::thread::sleep(HELD),
            StepResult::More => {}
            _ => {}
        }
    }
    drop(backup);
    drop(copy);
    // One file by itself: the log begins when the copy is used.
    let copy = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    copy.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
    Ok(())
}
