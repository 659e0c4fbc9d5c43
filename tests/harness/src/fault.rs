//! The fault runs: what is done to a daemon under load, each from a seed.

pub mod backup;
pub mod children;
pub mod clock;
pub mod crowd;
pub mod disk;
pub mod files;
pub mod flips;
pub mod kill;
pub mod mails;
mod platter;
pub mod points;
pub mod power;
mod process;
mod quiet;
pub mod registers;
pub mod schedules;
pub mod seeds;
pub mod soak;
pub mod stops;
pub mod waiting;
pub mod watchdog;
pub mod webhooks;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::checker::Violation;
use crate::load::{FaultError, Findings};

/// So many send deliveries, files and answers where each of these is to be under way when something happens.
const VISITORS: u32 = 6;

/// What a machine that has other work too may add to a time that is promised: what stands still is found all the same.
const SLACK: Duration = Duration::from_secs(10);

/// A violation, where something took longer than is promised and a busy machine adds.
fn late(what: &str, took: Duration, promised: Duration) -> Option<Violation> {
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let allowed = promised + SLACK;
    (took > allowed).then(|| Violation::TookLong(what.to_owned(), ms(took), ms(allowed)))
}

/// How a fault run is carried out.
#[derive(Clone, Debug)]
pub struct Options {
    pub cycles: u32,
    pub clients: u32,
    /// How many tasks wait, how many schedules come together.
    pub tasks: u32,
    /// For how long: of the run that goes on by itself; another is done again with the next seeds.
    pub minutes: Option<f64>,
    pub seed: u64,
    /// The daemon; what it needs beside it (the disk that lies) is looked for in the same folder.
    pub binary: PathBuf,
    pub keep: bool,
    /// A run that must find losses: what is to be wrong.
    pub control: bool,
}

impl Options {
    /// What a report says of them, and of what they ran on: which source, which machine, how busy it was before.
    #[must_use]
    pub fn told(&self) -> Value {
        let first = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let after = |text: &str, key: &str| {
            let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default();
            line.split_once(':').map_or("unknown", |(_, value)| value.trim()).to_owned()
        };
        json!({
            "options": {
                "cycles": self.cycles, "clients": self.clients, "tasks": self.tasks, "minutes": self.minutes,
                "control": self.control,
            },
            "commit": env!("YIZHAN_COMMIT"),
            "machine": {
                "processors": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
                "processor": after(&first("/proc/cpuinfo"), "model name"),
                "memory": after(&first("/proc/meminfo"), "MemTotal"),
                "kernel": first("/proc/sys/kernel/osrelease").trim(),
                "load": first("/proc/loadavg").split(' ').next(),
            },
        })
    }
}

/// What was found, and what this kind of run counted.
pub type Outcome = Result<(Findings, Value), FaultError>;

/// A fault run by its name.
pub type Fault = fn(&Options) -> Outcome;

/// All of them, with a line on each.
pub const ALL: &[(&str, Fault, &str)] = &[
    ("kill", kill::run, "kills the daemon after 20 to 400 ms with SIGKILL (R1)"),
    ("stops", stops::run, "stops it with SIGTERM: under load, twice, in a start, with a hung plugin (D3)"),
    (
        "watchdog",
        watchdog::run,
        "lets its loop, its writer or its scheduler stand still under a service manager (D2, S6)",
    ),
    ("power", power::run, "cuts the power: what was not synced is gone or torn (R2)"),
    (
        "points",
        points::run,
        "lets it end, fail or wait at each named point of the source (R3); --cycles 1000 for all",
    ),
    (
        "seeds",
        seeds::run,
        "switches on faults that are seeded into it, --cycles of them: the checker must see each; --cycles 1000 for all",
    ),
    ("children", children::run, "kills, stops and starves the children that carry plugins (X9)"),
    ("mails", mails::run, "a mail server cuts its line after --cycles mails, before it says so (E3)"),
    (
        "webhooks",
        webhooks::run,
        "--cycles deliveries over kills: true, doubled, late, out of order, forged (E5)",
    ),
    (
        "crowd",
        crowd::run,
        "a thousand slow lines and somebody who guesses passwords, beside --cycles requests in earnest (X11)",
    ),
    ("files", files::run, "--cycles files of workflows, right and broken ones, are dropped under load (D6)"),
    ("backup", backup::run, "makes backups under load, kills some of them, and restores each (R16)"),
    ("clock", clock::run, "moves its clock ahead and back, under load and between two starts (S4)"),
    (
        "schedules",
        schedules::run,
        "many schedules on one second (S3): --tasks of them, --cycles slots of each",
    ),
    ("registers", registers::run, "kills it while runs write registers and race for places"),
    ("waiting", waiting::run, "lets many tasks wait for their due times over kills"),
    ("full", disk::full, "fills the disk and frees it (R7)"),
    ("flips", flips::run, "turns single bits of a stopped store over (R17)"),
    (
        "soak",
        soak::run,
        "a steady load for --minutes: memory, descriptors and the log stay as they are (R12)",
    ),
    ("write-error", disk::write_error, "lets a write fail (R8)"),
    ("sync-error", disk::sync_error, "lets a sync fail (R8)"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_longer_than_is_promised_and_a_busy_machine_adds_is_named() {
        let promised = Duration::from_secs(5);
        assert_eq!(late("it", promised + SLACK, promised), None);
        let found = late("it", promised + SLACK + Duration::from_millis(1), promised);
        assert_eq!(found, Some(Violation::TookLong("it".to_owned(), 15_001, 15_000)));
    }
}
