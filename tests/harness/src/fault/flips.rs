//! Single bits of a stopped house's store turn over: each is told of, or it changes nothing that anybody reads.

use std::collections::BTreeMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Instant;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::json;
use yizhan_engine::store::{Reads, StoreError};
use yizhan_store::Sqlite;

use super::{Options, Outcome};
use crate::checker::{Ledger, Violation, check_chain};
use crate::load::{Dice, FaultError, Load};

const FILES: [&str; 2] = ["yizhan.db", "yizhan.db-wal"];
/// Starts that the house knows when it is stopped.
const STARTS: usize = 60;

/// SQLite's own counters, the one table without sums: what turns over there is counted.
const UNCOVERED: &str = "sqlite_sequence";

/// What every table holds, as one number.
type Content = BTreeMap<String, u64>;

struct Flip {
    name: &'static str,
    place: u64,
    bit: u64,
}

impl std::fmt::Display for Flip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} byte {} bit {}", self.name, self.place, self.bit)
    }
}

/// What became of one flip.
enum Came {
    /// Opening the store or looking through it told of it.
    Told,
    Harmless,
    /// Something reads otherwise, and nobody says so.
    Silent(String),
}

/// # Errors
/// When the run could not be carried out.
pub fn run(options: &Options) -> Outcome {
    let began = Instant::now();
    let load = Load::begin_wide(&options.binary, options.clients, 1)?;
    let daemon = load.start()?;
    load.until_acknowledged(STARTS)?;
    // Not a gentle stop: what is not brought into the file yet stands in the log.
    daemon.kill();
    // Files that nobody takes in would pile up.
    load.rest();
    let data = load.home.join("data");
    let sound = tempfile::tempdir()?;
    copy(&data, sound.path())?;
    let sound = content(sound.path())?;
    let mut dice = Dice::new(options.seed);
    let end = last_of(&data.join(FILES[1]))?;
    let (mut told, mut harmless, mut last) = (0_u32, 0_u32, 0_u32);
    let mut counters = 0_u32;
    let mut violations = vec![];
    for _ in 0..options.cycles {
        let copy = tempfile::tempdir()?;
        let flip = flip(&data, copy.path(), &mut dice)?;
        match look(copy.path(), &sound) {
            Came::Told => told += 1,
            Came::Silent(_) if flip.name == FILES[1] && flip.place >= end => last += 1,
            Came::Harmless => harmless += 1,
            Came::Silent(table) if table == UNCOVERED => counters += 1,
            Came::Silent(table) => violations.push(Violation::FlipUntold(flip.to_string(), table)),
        }
    }
    let mut findings = load.judge(1, options.keep)?;
    findings.violations.extend(violations);
    findings.seconds = began.elapsed().as_secs();
    let counted = json!({ "flips": options.cycles, "told": told, "harmless": harmless, "in_the_last_of_the_log": last, "in_counters_of_sqlite": counters });
    Ok((findings, counted))
}

/// Whoever opens a store brings its log in, so that only copies are looked at.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    for name in FILES.iter().filter(|name| from.join(name).exists()) {
        std::fs::copy(from.join(name), to.join(name))?;
    }
    Ok(())
}

/// Copies the store and turns one bit of it over; says which.
fn flip(from: &Path, to: &Path, dice: &mut Dice) -> Result<Flip, FaultError> {
    copy(from, to)?;
    let length = |name: &str| std::fs::metadata(to.join(name)).map_or(0, |file| file.len());
    let name = if length(FILES[1]) > 0 && dice.below(2) == 0 { FILES[1] } else { FILES[0] };
    let (place, bit) = (dice.below(length(name)), dice.below(8));
    let file = File::options().read(true).write(true).open(to.join(name))?;
    let mut byte = [0];
    file.read_exact_at(&mut byte, place)?;
    file.write_all_at(&[byte[0] ^ (1 << bit)], place)?;
    Ok(Flip { name, place, bit })
}

/// Where the last two transactions of a log begin: that one of them does not add up cannot be told from a power cut that
/// tore it.
fn last_of(log: &Path) -> std::io::Result<u64> {
    let bytes = if log.exists() { std::fs::read(log)? } else { vec![] };
    let frames = bytes.get(32..).unwrap_or_default().chunks_exact(24 + 4_096);
    // Those of the log before have other salts.
    let frames: Vec<_> = frames.take_while(|frame| frame[8..16] == bytes[16..24]).collect();
    let commits: Vec<_> = (0..frames.len()).filter(|at| frames[*at][4..8] != [0; 4]).collect();
    let before = commits.len().checked_sub(3).map_or(0, |third| commits[third] + 1);
    Ok(32 + before as u64 * (24 + 4_096))
}

/// As somebody would who wonders whether the store is well.
fn look(folder: &Path, sound: &Content) -> Came {
    let Ok(store) = Sqlite::open(&folder.join(FILES[0])) else { return Came::Told };
    if is_well(&*store.reads()).unwrap_or(false) {
        drop(store);
        match content(folder) {
            Ok(now) if now == *sound => Came::Harmless,
            Ok(now) => Came::Silent(differing(&now, sound)),
            Err(_) => Came::Told,
        }
    } else {
        Came::Told
    }
}

/// By the word of `doctor` and of `register verify`.
fn is_well(reads: &dyn Reads) -> Result<bool, StoreError> {
    for head in reads.register_heads()? {
        let lines = reads.register_lines(&head.register, 0, usize::MAX)?;
        if !check_chain(&Ledger { register: head.register.to_string(), lines }, &[]).is_empty() {
            return Ok(false);
        }
    }
    Ok(reads.verify()?.is_empty())
}

fn differing(now: &Content, sound: &Content) -> String {
    let differs = |name: &&String| now.get(*name) != sound.get(*name);
    sound.keys().chain(now.keys()).find(differs).cloned().unwrap_or_default()
}

/// Every row of every table, read without any index.
fn content(folder: &Path) -> Result<Content, FaultError> {
    let read = || -> rusqlite::Result<Content> {
        let store = Connection::open_with_flags(folder.join(FILES[0]), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let names = store
            .prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<Vec<String>, _>>()?;
        names.into_iter().map(|name| Ok((name.clone(), hash_of(&store, &name)?))).collect()
    };
    read().map_err(|error| FaultError::Io(std::io::Error::other(error)))
}

fn hash_of(store: &Connection, table: &str) -> rusqlite::Result<u64> {
    let mut statement = store.prepare(&format!("SELECT * FROM \"{table}\" NOT INDEXED"))?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let mut hash = DefaultHasher::new();
    while let Some(row) = rows.next()? {
        for column in 0..columns {
            match row.get_ref(column)? {
                ValueRef::Null => 0.hash(&mut hash),
                ValueRef::Integer(number) => (1, number).hash(&mut hash),
                ValueRef::Real(number) => (2, number.to_bits()).hash(&mut hash),
                ValueRef::Text(text) => (3, text).hash(&mut hash),
                ValueRef::Blob(bytes) => (4, bytes).hash(&mut hash),
            }
        }
    }
    Ok(hash.finish())
}
