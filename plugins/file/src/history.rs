//! The side file of an appended file: which key wrote where, so that nothing is appended twice or stays torn.
//!
//! A line per event, each with a check of its own: `+ key offset length hash inode` before the file is touched (and
//! made durable first), then `= key` when the bytes are whole and durable, or `- key` when a torn end was cut off.
//! Only the last `+` can be without its `=` or `-`, for the next append settles it before it writes its own.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, flock, unlinkat};
use rustix::io::Errno;
use yizhan_plugin_api::prelude::*;
use yizhan_plugin_roots::{Put, Spot, fault, put};

use crate::digest::{sha256, sha256_of};

/// Some 100,000 appends. What is older than the newer half is then forgotten: an attempt that comes again after
/// 50,000 later appends to the same file would append once more.
const LOG_MAX: u64 = 16 << 20;
const CHECK_LENGTH: usize = 8;
/// Side files of which it is known what is in them; with more of them they are read again.
const KNOWN_MOST: usize = 32;

/// What is known of the side files that were read, by device and inode: an append reads what has come since, not all of it.
#[derive(Debug, Default)]
pub(crate) struct Histories(Mutex<HashMap<(u64, u64), Known>>);

/// Locked while it lives, so that appends to one file come one after the other, from whatever process.
pub(crate) struct History<'a> {
    histories: &'a Histories,
    log: File,
    id: (u64, u64),
    known: Known,
    path: String,
}

/// What is in a side file up to where it was read.
#[derive(Debug, Default)]
struct Known {
    /// Where the next line goes: behind the last whole one.
    end: u64,
    /// That line. Where the file has another one there, it is another file.
    last: String,
    /// Of every key. One that is not among them is in no line.
    keys: HashSet<u64>,
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

impl Histories {
    fn take(&self, id: (u64, u64)) -> Known {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id).unwrap_or_default()
    }

    fn keep(&self, id: (u64, u64), known: Known) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KNOWN_MOST {
            all.clear();
        }
        all.insert(id, known);
    }
}

impl Known {
    /// Reads what is behind the part that is known, and says how many bytes that was.
    fn catch_up(&mut self, log: &File) -> std::io::Result<u64> {
        let mut last = vec![0; self.last.len()];
        let from = self.end - self.last.len() as u64;
        if log.read_exact_at(&mut last, from).is_err() || last != self.last.as_bytes() {
            *self = Self::default();
        }
        let (begin, last) = (self.end, self.last.clone());
        let mut at = self.read(log, |_| true)?;
        if at != self.end || checked_text(self.last.as_bytes()).is_none() {
            // A torn end, or none there yet: what is behind the last whole line is written over by the next one.
            (self.end, self.last) = (begin, last);
            at = self.read(log, |line| checked_text(line.as_bytes()).is_some())?;
        }
        Ok(at - begin)
    }

    /// Adds the lines that are to be believed, and says where the file ends.
    fn read(&mut self, log: &File, believed: impl Fn(&str) -> bool) -> std::io::Result<u64> {
        let mut reader = BufReader::new(log);
        reader.seek(SeekFrom::Start(self.end))?;
        let (mut at, mut line) = (self.end, Vec::new());
        loop {
            line.clear();
            let read = reader.read_until(b'\n', &mut line)? as u64;
            if read == 0 {
                return Ok(at);
            }
            at += read;
            match std::str::from_utf8(&line) {
                Ok(text) if text.ends_with('\n') && believed(text) => self.add(text, at),
                _ => {}
            }
        }
    }

    /// A whole line, and where it ends.
    fn add(&mut self, line: &str, end: u64) {
        self.end = end;
        line.clone_into(&mut self.last);
        if let Some(key) = line.split(' ').nth(1) {
            self.keys.insert(hash(key));
        }
    }
}

fn hash(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

impl Drop for History<'_> {
    /// The lock is still held.
    fn drop(&mut self) {
        self.histories.keep(self.id, std::mem::take(&mut self.known));
    }
}

impl<'a> History<'a> {
    /// Waits for its turn, and forgets a last line that was not written whole.
    pub(crate) fn open(histories: &'a Histories, spot: &Spot, key: &str) -> Result<Self> {
        let side = spot.beside(&log_name(&spot.name))?;
        let mut history = Self::load(histories, &side)?;
        if history.known.end > LOG_MAX {
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

    fn load(histories: &'a Histories, side: &Spot) -> Result<Self> {
        let log = Self::lock(side)?;
        let meta = log.metadata().map_err(|error| fault(side.path(), error))?;
        let id = (meta.dev(), meta.ino());
        let mut known = histories.take(id);
        known.catch_up(&log).map_err(|error| fault(side.path(), error))?;
        Ok(Self { histories, log, id, known, path: side.path().to_owned() })
    }

    /// All of its whole lines.
    fn lines(&self) -> Result<String> {
        let mut lines = String::new();
        let mut log = &self.log;
        let read = log.rewind().and_then(|()| log.take(self.known.end).read_to_string(&mut lines));
        read.map_err(|error| fault(&self.path, error))?;
        Ok(lines)
    }

    /// Keeps the newer half, in a new file under the same name. The caller goes on with that one.
    fn shorten(self, side: &Spot, key: &str) -> Result<Self> {
        let lines = self.lines()?;
        let mut half = lines.len() / 2;
        while !lines.is_char_boundary(half) {
            half += 1;
        }
        let from = lines[half..].find('\n').map_or(half, |at| half + at + 1);
        put(side, &format!("{key}log"), Put::Replace, Mode::from_raw_mode(0o640), |file| {
            file.write_all(&lines.as_bytes()[from..]).map_err(|error| fault(side.path(), error))
        })?;
        let histories = self.histories;
        drop(self);
        Self::load(histories, side)
    }

    /// The record of this key, when its bytes are known to be whole in the file.
    pub(crate) fn done(&self, key: &str) -> Result<Option<Record>> {
        if !self.known.keys.contains(&hash(key)) {
            return Ok(None);
        }
        let all = self.lines()?;
        let mut lines = all.lines().rev();
        let last = lines.by_ref().find(|line| line.get(2..).is_some_and(|rest| is_of(rest, key)));
        if !last.is_some_and(|last| last.starts_with('=')) {
            return Ok(None);
        }
        Ok(lines.filter_map(Record::read).find(|record| record.key == key))
    }

    /// Looks after the last append if nobody did: its bytes are whole, or its torn end is cut off.
    pub(crate) fn settle(&mut self, data: &File) -> Result<()> {
        let Some(open) = Record::read(self.known.last.trim_end()) else { return Ok(()) };
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
        let end = self.known.end;
        self.log.write_all_at(line.as_bytes(), end).map_err(|error| fault(&self.path, error))?;
        self.known.add(line, end + line.len() as u64);
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

/// The line, if it was written whole; only the last one can be torn.
fn checked_text(line: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(line).ok()?;
    let (before, _) = text.strip_suffix('\n')?.rsplit_once(' ')?;
    (checked(&format!("{before} ")) == text).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_append_reads_what_came_since_the_last_one_and_a_file_that_was_put_back_is_read_whole() {
        let mut log = tempfile::tempfile().unwrap();
        let line = |key: u32| checked(&format!("= k{key} "));
        let mut whole = 0;
        for key in 0..1_000 {
            whole += log.write(line(key).as_bytes()).unwrap() as u64;
        }
        let mut known = Known::default();
        assert_eq!(known.catch_up(&log).unwrap(), whole);
        assert_eq!((known.end, known.keys.len()), (whole, 1_000));
        // Another process has added one, and died in the middle of the next.
        let added = line(1_000);
        log.write_all(added.as_bytes()).unwrap();
        log.write_all(b"= k1001 0").unwrap();
        assert_eq!(known.catch_up(&log).unwrap(), added.len() as u64 + 9);
        assert_eq!(known.end, whole + added.len() as u64);
        assert!(known.keys.contains(&hash("k1000")) && !known.keys.contains(&hash("k1001")));
        // An older state of it is put back under the same inode, with other lines since.
        let older = line(2_000).repeat(2);
        log.set_len(0).unwrap();
        log.write_all_at(older.as_bytes(), 0).unwrap();
        assert_eq!(known.catch_up(&log).unwrap(), older.len() as u64);
        assert_eq!((known.end, known.keys.len()), (older.len() as u64, 1));
    }
}
