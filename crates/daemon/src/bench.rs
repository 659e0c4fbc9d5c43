//! Measures what this machine carries: the real engine, store, carriers and daemon, in a folder of its own.
//!
//! `steps` and `fanout` drive an engine in this process; the others start the daemon itself in a home that is made for
//! them and ask it as its users do. Whatever must be stored before, an engine has stored: under a clock that is turned.

mod daemon;
mod engine;
pub(crate) mod fanout;
mod http;
pub(crate) mod idle;
pub(crate) mod list;
pub(crate) mod load;
mod machine;
mod place;
pub(crate) mod recover;
mod report;
pub(crate) mod steps;
mod stored;
pub(crate) mod timers;
pub(crate) mod webhook;

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

pub(crate) use machine::disk_commit;
pub(crate) use report::Report;

use yizhan_engine::store::StoreError;
use yizhan_store::Sqlite;

use crate::exit::Failure;

/// Why the bench cannot run, in a sentence.
pub(crate) type Problem = Box<dyn std::error::Error + Send + Sync>;

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        failure.to_string().into()
    }
}

/// How commits and the disk get along; everything but a bench leaves it as it is.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Disk {
    /// Let every commit take so much longer: an honest disk needs some 2ms
    #[arg(long, global = true, default_value = "0ms", value_parser = crate::commands::bench::delay)]
    pub(crate) fsync_delay: Duration,
    /// `normal`: no commit waits for the disk, and a power cut takes the last ones; for comparison only
    #[arg(long, global = true, value_enum, default_value = "full")]
    pub(crate) synchronous: Synchronous,
}

/// SQLite's setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Synchronous {
    Full,
    Normal,
}

impl Synchronous {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Normal => "normal",
        }
    }
}

impl Disk {
    pub(crate) fn apply(self, store: &mut Sqlite) -> Result<(), StoreError> {
        store.delay_commits(self.fsync_delay);
        match self.synchronous {
            Synchronous::Full => Ok(()),
            Synchronous::Normal => store.wait_for_no_disk(),
        }
    }
}

/// Where the store lies, and on what kind of disk.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    pub(crate) dir: PathBuf,
    pub(crate) disk: Disk,
}

/// Says on a terminal how far it is; nobody else wants to hear it.
pub(crate) fn say(what: &str) {
    let mut out = std::io::stderr();
    if out.is_terminal() {
        drop(write!(out, "\r\x1b[K{what}").and_then(|()| out.flush()));
    }
}
