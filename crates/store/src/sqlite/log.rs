//! Whether the write-ahead log is whole: SQLite takes the first frame that does not add up for the end of the log, also
//! where transactions that were synced, and acknowledged, stand behind it.
//!
//! A power cut tears at most the last transaction, as each is synced before the next is written, and one that had no room
//! on the disk never came to its commit. So where two commits or more stand behind a frame that does not add up, what is
//! missing was not torn: it was there.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// The header's first word, where the checksums read words with the low byte first, and with the high byte first.
const MAGIC: [u32; 2] = [0x377f_0682, 0x377f_0683];

/// The byte of the log from which on it cannot be believed, though there is more behind it than a cut leaves.
pub(super) fn damaged_from(log: &Path) -> io::Result<Option<u64>> {
    let file = match File::open(log) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    let mut file = BufReader::with_capacity(1 << 16, file);
    let mut header = [0; HEADER];
    if length <= (HEADER + FRAME_HEADER) as u64 || !filled(&mut file, &mut header)? {
        return Ok(None);
    }
    let Some(mut log) = Log::of(&header) else { return Ok(Some(0)) };
    let mut frame = vec![0; FRAME_HEADER + log.page];
    let (mut place, mut damaged, mut commits) = (HEADER as u64, None, 0);
    while filled(&mut file, &mut frame)? {
        let is_of_this_log = frame[8..16] == log.salts;
        if damaged.is_none() && !(is_of_this_log && log.adds_up(&frame)) {
            damaged = Some(place);
        }
        commits += u32::from(damaged.is_some() && is_of_this_log && word(&frame, 4) != 0);
        place += frame.len() as u64;
    }
    Ok(damaged.filter(|_| commits >= 2))
}

/// What the header says, and the sum up to the last frame.
struct Log {
    is_low_first: bool,
    page: usize,
    salts: [u8; 8],
    sum: [u32; 2],
}

impl Log {
    /// None where the header does not add up: it is written whole, and synced before the first frame.
    fn of(header: &[u8; HEADER]) -> Option<Self> {
        let page = usize::try_from(word(header, 8)).ok()?;
        let is_page = page.is_power_of_two() && (512..=65_536).contains(&page);
        let mut salts = [0; 8];
        salts.copy_from_slice(&header[16..24]);
        let is_low_first = word(header, 0) == MAGIC[0];
        let mut log = Self { is_low_first, page, salts, sum: [0; 2] };
        log.add(&header[..24]);
        (MAGIC.contains(&word(header, 0)) && is_page && log.sum == sum_at(header, 24)).then_some(log)
    }

    /// Whether the sum of all up to here is the one that the frame names.
    fn adds_up(&mut self, frame: &[u8]) -> bool {
        self.add(&frame[..8]);
        self.add(&frame[FRAME_HEADER..]);
        self.sum == sum_at(frame, 16)
    }

    fn add(&mut self, bytes: &[u8]) {
        let [mut one, mut two] = self.sum;
        for pair in bytes.chunks_exact(8) {
            one = one.wrapping_add(self.word(pair, 0)).wrapping_add(two);
            two = two.wrapping_add(self.word(pair, 4)).wrapping_add(one);
        }
        self.sum = [one, two];
    }

    fn word(&self, bytes: &[u8], at: usize) -> u32 {
        let word = word(bytes, at);
        if self.is_low_first { word.swap_bytes() } else { word }
    }
}

fn sum_at(bytes: &[u8], at: usize) -> [u32; 2] {
    [word(bytes, at), word(bytes, at + 4)]
}

/// The file's numbers have their high byte first.
fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// False where the file ends before: what is cut in the middle is no frame.
fn filled(file: &mut impl Read, into: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(into) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;
    use std::path::PathBuf;

    use rusqlite::Connection;
    use rusqlite::config::DbConfig;

    use super::*;

    /// A log of so many transactions, left behind as a crash leaves it.
    fn left(transactions: usize) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.db");
        let store = Connection::open(&path).unwrap();
        store.pragma_update(None, "journal_mode", "WAL").unwrap();
        store.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
        store.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
        store.execute_batch("CREATE TABLE t (x)").unwrap();
        for number in 1..transactions {
            store.execute("INSERT INTO t VALUES (?1)", [format!("{number:0>5000}")]).unwrap();
        }
        (folder, path.with_extension("db-wal"))
    }

    fn with_flip(log: &Path, at: u64) -> Option<u64> {
        let file = File::options().read(true).write(true).open(log).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 4], at).unwrap();
        let found = damaged_from(log).unwrap();
        file.write_all_at(&byte, at).unwrap();
        found
    }

    #[test]
    fn a_log_that_is_whole_or_not_there_is_not_damaged() {
        let (folder, log) = left(9);
        assert_eq!(damaged_from(&log).unwrap(), None);
        assert_eq!(damaged_from(&folder.path().join("none")).unwrap(), None);
        File::options().write(true).open(&log).unwrap().set_len(0).unwrap();
        assert_eq!(damaged_from(&log).unwrap(), None);
    }

    #[test]
    fn a_bit_that_turned_over_before_the_last_transactions_is_damage() {
        let (_folder, log) = left(9);
        let length = std::fs::metadata(&log).unwrap().len();
        let frame = (FRAME_HEADER + 4_096) as u64;
        assert_eq!(with_flip(&log, 5), Some(0), "the header");
        assert_eq!(with_flip(&log, 20), Some(0), "its salt");
        assert_eq!(with_flip(&log, HEADER as u64 + 3), Some(HEADER as u64), "the first frame's page");
        assert_eq!(with_flip(&log, HEADER as u64 + 9), Some(HEADER as u64), "its salt");
        let middle = HEADER as u64 + (length / frame / 2) * frame;
        assert_eq!(with_flip(&log, middle + 2_000), Some(middle), "what a page holds");
        assert_eq!(damaged_from(&log).unwrap(), None, "put right again");
    }

    #[test]
    fn what_a_power_cut_tears_is_no_damage() {
        let (_folder, log) = left(9);
        let length = std::fs::metadata(&log).unwrap().len();
        assert_eq!(with_flip(&log, length - 9), None, "the last transaction");
        for cut in [1, 4_000, 4_200, length / 2, length - 40, length] {
            File::options().write(true).open(&log).unwrap().set_len(length - cut).unwrap();
            assert_eq!(damaged_from(&log).unwrap(), None, "{cut} bytes fewer");
        }
    }
}
