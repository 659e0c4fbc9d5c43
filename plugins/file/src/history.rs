//! The side file of an appended file: which key wrote where, so that nothing is appended twice or stays torn.
//!
//! A line per event, each with a check of its own: `+ key offset length hash inode` before the file is touched (and
//! made durable first), then `= key` when the bytes are whole and durable, or `- key` when a torn end was cut off.
//! Only the last `+` can be without its `=` or `-`, for the next append settles it before it writes its own.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, flock, unlinkat};
use rustix::io::Errno;
use yizhan_plugin_api::prelude::*;
use yizhan_plugin_roots::{Put, Spot, fault, put};

use crate::digest::{sha256, sha256_of};

/// Some 100,000 appends. What is older than the newer half is then forgotten: an attempt that comes again after
/// 50,000 later appends to the same file would append once more.
const LOG_MAX: usize = 16 << 20;
const CHECK_LENGTH: usize = 8;

/// Locked while it lives, so that appends to one file come one after the other, from whatever process.
pub(crate) struct History {
    log: File,
    lines: String,
    /// Where the next line goes.
    end: u64,
    path: String,
}

/// What was, or is about to be, appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    key: String,
    pub(crate) offset: u64,
    pub(crate) length: u64,
    hash: String,
    inode: u64,
}

pub(crate) fn log_name(name: &str) -> String {
    let plain = format!(".{name}.yzlog");
    if plain.len() <= 255 { plain } else { format!(".{}.yzlog", &sha256(name.as_bytes())[..32]) }
}

impl History {
    /// Waits for its turn, and forgets a last line that was not written whole.
    pub(crate) fn open(spot: &Spot, key: &str) -> Result<Self> {
        let side = spot.beside(&log_name(&spot.name))?;
        let mut history = Self::load(&side)?;
        if history.lines.len() > LOG_MAX {
            history = history.shorten(&side, key)?;
        }
        Ok(history)
    }

    fn lock(side: &Spot) -> Result<File> {
        loop {
            let is_new = side.stat()?.is_none();
            let log = side.open(OFlags::RDWR | OFlags::CREATE, Mode::from_raw_mode(0o640))?;
            while let Err(errno) = flock(&log, FlockOperation::LockExclusive) {
                if errno != Errno::INTR {
                    return Err(fault(side.path(), errno));
                }
            }
            if is_new {
                side.sync_folder()?;
            }
            // It may have been shortened or deleted while we waited; then this is no longer the one.
            let inode = log.metadata().map_err(|error| fault(side.path(), error))?.ino();
            if side.stat()?.is_some_and(|there| there.st_ino == inode) {
                return Ok(log);
            }
        }
    }

    fn load(side: &Spot) -> Result<Self> {
        let mut log = Self::lock(side)?;
        let mut bytes = Vec::new();
        log.read_to_end(&mut bytes).map_err(|error| fault(side.path(), error))?;
        // What is behind the last whole line is written over by the next one.
        bytes.truncate(whole_lines(&bytes));
        let end = bytes.len() as u64;
        let lines = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Self { log, lines, end, path: side.path().to_owned() })
    }

    /// Keeps the newer half, in a new file under the same name. The caller goes on with that one.
    fn shorten(self, side: &Spot, key: &str) -> Result<Self> {
        let mut half = self.lines.len() / 2;
        while !self.lines.is_char_boundary(half) {
            half += 1;
        }
        let from = self.lines[half..].find('\n').map_or(half, |at| half + at + 1);
        put(side, &format!("{key}log"), Put::Replace, Mode::from_raw_mode(0o640), |file| {
            file.write_all(&self.lines.as_bytes()[from..]).map_err(|error| fault(side.path(), error))
        })?;
        drop(self);
        Self::load(side)
    }

    /// The record of this key, when its bytes are known to be whole in the file.
    pub(crate) fn done(&self, key: &str) -> Option<Record> {
        let mut lines = self.lines.lines().rev();
        let last = lines.by_ref().find(|line| line.get(2..).is_some_and(|rest| is_of(rest, key)))?;
        if !last.starts_with('=') {
            return None;
        }
        lines.filter_map(Record::read).find(|record| record.key == key)
    }

    /// Looks after the last append if nobody did: its bytes are whole, or its torn end is cut off.
    pub(crate) fn settle(&mut self, data: &File) -> Result<()> {
        let Some(open) = self.lines.lines().next_back().and_then(Record::read) else { return Ok(()) };
        if open.is_whole_in(data).map_err(|error| fault(&self.path, error))? {
            data.sync_data().map_err(|error| fault(&self.path, error))?;
            return self.mark('=', &open.key);
        }
        let meta = data.metadata().map_err(|error| fault(&self.path, error))?;
        let ends_in_it = (open.offset..=open.offset + open.length).contains(&meta.len());
        // Another file under this name, or one that grew, is somebody's work and stays as it is.
        if meta.ino() == open.inode && ends_in_it {
            tracing::warn!(path = %self.path, cut = meta.len() - open.offset, "the torn end of an append was cut off");
            data.set_len(open.offset).map_err(|error| fault(&self.path, error))?;
        }
        self.mark('-', &open.key)
    }

    /// Appends `bytes` to `data`, which must be settled, in an order that every crash leaves repairable.
    pub(crate) fn append(&mut self, data: &File, key: &str, bytes: &[u8]) -> Result<Record> {
        let meta = data.metadata().map_err(|error| fault(&self.path, error))?;
        let record = Record {
            key: key.to_owned(),
            offset: meta.len(),
            length: bytes.len() as u64,
            hash: sha256(bytes)[..32].to_owned(),
            inode: meta.ino(),
        };
        self.write(&record.line())?;
        self.log.sync_data().map_err(|error| fault(&self.path, error))?;
        let written = data.write_all_at(bytes, record.offset).and_then(|()| data.sync_data());
        if let Err(error) = written {
            // A full disk: what was written goes away again, so that the next try finds a clean end.
            let cut = data.set_len(record.offset);
            let happened = if cut.is_ok() { Happened::No } else { Happened::Maybe };
            if cut.is_ok() {
                self.mark('-', key).unwrap_or_default();
            }
            return Err(fault(&self.path, error).happened(happened));
        }
        // Not made durable by itself: without it the next append looks at the bytes.
        self.mark('=', key).unwrap_or_default();
        Ok(record)
    }

    fn mark(&mut self, mark: char, key: &str) -> Result<()> {
        self.write(&checked(&format!("{mark} {key} ")))
    }

    fn write(&mut self, line: &str) -> Result<()> {
        self.log.write_all_at(line.as_bytes(), self.end).map_err(|error| fault(&self.path, error))?;
        self.end += line.len() as u64;
        self.lines.push_str(line);
        Ok(())
    }
}

/// Deletes the side file of a file that is being deleted.
pub(crate) fn forget(spot: &Spot) -> Result<()> {
    match unlinkat(&spot.folder, log_name(&spot.name).as_str(), AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(fault(spot.path(), errno)),
    }
}

impl Record {
    fn line(&self) -> String {
        let Self { key, offset, length, hash, inode } = self;
        checked(&format!("+ {key} {offset} {length} {hash} {inode} "))
    }

    fn read(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix("+ ")?.split(' ');
        Some(Self {
            key: words.next()?.to_owned(),
            offset: words.next()?.parse().ok()?,
            length: words.next()?.parse().ok()?,
            hash: words.next()?.to_owned(),
            inode: words.next()?.parse().ok()?,
        })
    }

    fn is_whole_in(&self, data: &File) -> std::io::Result<bool> {
        if data.metadata()?.len() < self.offset.saturating_add(self.length) {
            return Ok(false);
        }
        let mut reader = data;
        reader.seek(SeekFrom::Start(self.offset))?;
        Ok(sha256_of(reader.take(self.length))?.0.starts_with(&self.hash))
    }
}

fn is_of(rest: &str, key: &str) -> bool {
    rest.strip_prefix(key).is_some_and(|after| after.starts_with(' '))
}

fn checked(line: &str) -> String {
    format!("{line}{}\n", &sha256(line.as_bytes())[..CHECK_LENGTH])
}

/// How many bytes from the start are lines that were written whole; only the end can be torn.
fn whole_lines(bytes: &[u8]) -> usize {
    let mut end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    while end > 0 {
        let start = bytes[..end - 1].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if is_checked(&bytes[start..end]) {
            return end;
        }
        end = start;
    }
    0
}

fn is_checked(line: &[u8]) -> bool {
    let Ok(line) = std::str::from_utf8(line) else { return false };
    let Some((before, _)) = line.trim_end_matches('\n').rsplit_once(' ') else { return false };
    checked(&format!("{before} ")) == line
}
