//! A backup: one zip file with a whole home as it was at one moment.
//!
//! What the store names must be in it, so the files of steps and people, which are written before the store names them,
//! are packed after the store; what would be ahead of it otherwise (the heads of registers, dropped files) before.

pub(crate) mod pack;
pub(crate) mod unpack;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::exit::{Exit, Failure};

/// The last file of a backup: what is in it.
const ABOUT: &str = "backup.json";
/// A backup of a higher number is one of a later program.
const FORMAT: u32 = 1;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct About {
    pub(crate) format: u32,
    /// The program's.
    pub(crate) version: String,
    /// The moment that the store is of.
    pub(crate) made: jiff::Timestamp,
    pub(crate) schema: i64,
    pub(crate) files: u64,
    /// Unpacked.
    pub(crate) bytes: u64,
    /// Names of secrets that the home has and the backup has not.
    pub(crate) secrets_left_out: Vec<String>,
    /// Links and names that are no text.
    pub(crate) left_out: Vec<String>,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Bytes of the store that are copied, of how many.
    Store { done: u64, all: u64 },
    /// Files that are packed or unpacked, and their bytes.
    Files { files: u64, bytes: u64 },
}

fn not_written(path: &Path, why: impl std::fmt::Display) -> Failure {
    let said = format!("no backup could be written to `{}`: {why}", path.display());
    Failure::new(Exit::Failed, "YZ0542", said)
        .help("name a place outside of the home, look at its rights and its room; what was there before is as it was")
}

fn not_whole(path: &Path, why: impl std::fmt::Display) -> Failure {
    let said = format!("`{}` is no whole backup: {why}", path.display());
    Failure::new(Exit::Faults, "YZ0544", said).help("take another copy of it, or another backup")
}
