//! Room on the disk that is kept for the day when there is none: it lets work that is under way be written down.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

const SIZE: u64 = 16 << 20;

/// Taken in again only when this much is free besides, so that it does not go to and fro.
const ROOM: u64 = 4 * SIZE;

/// How many commits pass between two looks at the disk.
const LOOK_EVERY: u32 = 256;

#[derive(Debug)]
pub(super) struct Ballast {
    path: PathBuf,
    held: AtomicBool,
    commits: AtomicU32,
}

impl Ballast {
    pub(super) fn beside(store: &Path) -> Self {
        let path = super::open::beside(store, ".ballast");
        let held = std::fs::metadata(&path).is_ok_and(|found| found.len() > 0);
        Self { path, held: AtomicBool::new(held), commits: AtomicU32::new(0) }
    }

    /// Whether there was something to give.
    pub(super) fn give_back(&self) -> bool {
        self.held.swap(false, Ordering::Relaxed) && std::fs::remove_file(&self.path).is_ok()
    }

    /// A store without ballast is a store: whatever hinders it is only said.
    pub(super) fn take_in(&self) {
        if self.held.load(Ordering::Relaxed) || !self.has_room() {
            return;
        }
        match allocate(&self.path) {
            Ok(()) => self.held.store(true, Ordering::Relaxed),
            Err(error) => {
                tracing::debug!(%error, "no reserve for a full disk could be made");
                if let Err(error) = std::fs::remove_file(&self.path) {
                    tracing::debug!(%error, "the unfinished reserve could not be removed");
                }
            }
        }
    }

    pub(super) fn take_in_when_there_is_room(&self) {
        if self.held.load(Ordering::Relaxed) {
            return;
        }
        if self.commits.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOK_EVERY) {
            self.take_in();
        }
    }

    fn has_room(&self) -> bool {
        self.path.parent().is_some_and(|folder| free(folder).is_ok_and(|free| free >= ROOM))
    }
}

fn allocate(path: &Path) -> io::Result<()> {
    let file: File = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    fallocate(&file, FallocateFlags::empty(), 0, SIZE)?;
    Ok(())
}

/// Bytes that may still be written in this folder.
pub(super) fn free(folder: &Path) -> io::Result<u64> {
    let found = statvfs(folder)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}
