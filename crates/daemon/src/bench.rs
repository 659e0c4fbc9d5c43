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

use crate::exit::Failure;

/// Why the bench cannot run, in a sentence.
pub(crate) type Problem = Box<dyn std::error::Error + Send + Sync>;

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        failure.to_string().into()
    }
}

/// Where the store lies, and on what kind of disk.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    pub(crate) dir: PathBuf,
    /// A sleep after each commit: makes a disk honest that says "synced" too soon.
    pub(crate) fsync_delay: Duration,
}

/// Says on a terminal how far it is; nobody else wants to hear it.
pub(crate) fn say(what: &str) {
    let mut out = std::io::stderr();
    if out.is_terminal() {
        drop(write!(out, "\r\x1b[K{what}").and_then(|()| out.flush()));
    }
}
