//! Backups under load, some of them killed, some on a full disk, some while the daemon is killed: each that was written
//! whole makes a home that has all that was acknowledged before it began, and whose daemon goes on.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::disk::{Control, Wrong, library};
use super::{Options, Outcome};
use crate::checker::{Violation, check};
use crate::daemon::Daemon;
use crate::evidence::Ack;
use crate::load::{Dice, FaultError, Load, evidence_of};

/// A backup of what a fault run makes takes no longer, on a machine that has other work too.
const WITHIN: Duration = Duration::from_secs(120);

/// Between two starts of a client.
const PACE: Duration = Duration::from_millis(300);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    UnderLoad,
    /// The backup is killed in the middle.
    Killed,
    /// The disk that it is written to is full.
    Full,
    /// The daemon is killed meanwhile.
    OverAKill,
    /// No daemon runs.
    Alone,
}

/// One after the other: what a kill leaves meets each of the others.
const KINDS: [Kind; 8] = [
    Kind::UnderLoad,
    Kind::Killed,
    Kind::Full,
    Kind::OverAKill,
    Kind::Killed,
    Kind::UnderLoad,
    Kind::Killed,
    Kind::Alone,
];

/// What became of the backups.
#[derive(Debug, Default)]
struct Counted {
    written: u32,
    killed: u32,
    refused: u32,
    restored: u32,
    longest: Duration,
    violations: Vec<Violation>,
}

struct Place<'a> {
    load: &'a Load,
    folder: tempfile::TempDir,
    control: Control,
    file: PathBuf,
    /// What was acknowledged before the backup began that lies there now.
    had: Option<Vec<Ack>>,
    counted: Counted,
}

/// # Errors
/// When the run could not be carried out.
pub fn run(options: &Options) -> Outcome {
    let load = Load::begin_wide(&options.binary, options.clients, 1)?;
    // What is stored is looked through again and again, and may stay small.
    load.pace(PACE);
    let folder = tempfile::Builder::new().prefix("yizhan-backups").tempdir()?;
    let control = Control::make(&load.home)?;
    let file = folder.path().join("backup.zip");
    let mut place = Place { load: &load, folder, control, file, had: None, counted: Counted::default() };
    let mut dice = Dice::new(options.seed);
    let mut daemon = Some(load.start()?);
    for cycle in 0..options.cycles {
        load.until_acknowledged(3)?;
        let kind = KINDS[cycle as usize % KINDS.len()];
        if kind == Kind::Alone {
            kill(&mut daemon);
        }
        let had = load.acks();
        let running = place.begin(kind, &mut dice)?;
        std::thread::sleep(Duration::from_millis(dice.between(1, 300))); // How far it comes, from the seed.
        if kind == Kind::OverAKill {
            kill(&mut daemon);
            daemon = Some(load.start()?);
        }
        place.end(kind, running, had)?;
        place.restore(cycle)?;
        if daemon.is_none() {
            daemon = Some(load.start()?);
        }
        if cycle % 10 == 9 {
            eprintln!(
                "{} of {} backups, {} starts acknowledged",
                cycle + 1,
                options.cycles,
                load.acknowledged()
            );
        }
    }
    if let Some(daemon) = daemon {
        daemon.stop();
    }
    let counted = std::mem::take(&mut place.counted);
    drop(place);
    let mut findings = load.judge(options.cycles as usize, options.keep)?;
    findings.violations.extend(counted.violations);
    let shown = json!({
        "cycles": options.cycles, "written": counted.written, "killed": counted.killed, "refused": counted.refused,
        "restored": counted.restored, "longest_ms": u64::try_from(counted.longest.as_millis()).unwrap_or(u64::MAX),
    });
    Ok((findings, shown))
}

fn kill(daemon: &mut Option<Daemon>) {
    if let Some(daemon) = daemon.take() {
        daemon.kill();
    }
}

impl Place<'_> {
    fn begin(&self, kind: Kind, dice: &mut Dice) -> Result<Child, FaultError> {
        let mut program = Command::new(&self.load.binary);
        program.arg("--json").arg("backup").arg(&self.file).env("YIZHAN_HOME", &self.load.home);
        if kind == Kind::Full {
            self.control.set(Wrong::Full, dice.below(40))?;
            program
                .env("LD_PRELOAD", library(&self.load.binary))
                .env("YIZHAN_DISK_ROOT", self.folder.path())
                .env("YIZHAN_DISK_CONTROL", &self.control.0);
        }
        let log =
            std::fs::OpenOptions::new().create(true).append(true).open(self.load.home.join("backup.log"))?;
        Ok(program.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?)
    }

    fn end(&mut self, kind: Kind, mut running: Child, had: Vec<Ack>) -> Result<(), FaultError> {
        let began = Instant::now();
        if kind == Kind::Killed {
            // It may have ended by now.
            drop(running.kill());
        }
        let status = loop {
            if let Some(status) = running.try_wait()? {
                break status;
            }
            if began.elapsed() > WITHIN {
                drop(running.kill());
                drop(running.wait());
                self.wrong("a backup", "it did not end");
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10)); // Between two looks at a state, with a deadline.
        };
        match (kind, status.code()) {
            (Kind::Killed, None) => self.counted.killed += 1,
            (Kind::Full, Some(1)) => self.counted.refused += 1,
            (Kind::Full, Some(0)) => self.wrong("a backup on a full disk", "it says that it was written"),
            (_, Some(0)) => {
                self.counted.written += 1;
                self.counted.longest = self.counted.longest.max(began.elapsed());
                self.had = Some(had);
            }
            (_, _) => self.wrong("a backup", &status.to_string()),
        }
        // Only one that was killed leaves its parts.
        let left = std::fs::read_dir(self.folder.path())?.flatten().filter(|entry| entry.path() != self.file);
        if kind != Kind::Killed && left.count() > 0 {
            self.wrong("a backup", "it left something behind");
        }
        Ok(())
    }

    fn wrong(&mut self, what: &str, how: &str) {
        self.counted.violations.push(Violation::Backup(what.to_owned(), how.to_owned()));
    }

    /// Whatever became of the last one, the file is a whole backup: the newest that was written.
    fn restore(&mut self, cycle: u32) -> Result<(), FaultError> {
        let Some(had) = self.had.clone() else {
            if self.file.exists() {
                self.wrong("a backup", "it is there, and nobody said that it was written");
            }
            return Ok(());
        };
        let fresh = tempfile::Builder::new().prefix("yizhan-restored").tempdir()?;
        let home = fresh.path().join("home");
        let restored = Command::new(&self.load.binary).arg("restore").arg(&self.file).arg(&home).output()?;
        if !restored.status.success() {
            let said = String::from_utf8_lossy(&restored.stderr).into_owned();
            self.wrong("a restore", &said);
            return Ok(());
        }
        self.counted.restored += 1;
        // As of its moment, before any daemon touches it: only what is on its way between runs is still on its way.
        let found = check(&evidence_of(&home, had.clone())?, 0);
        let found = found.into_iter().filter(|found| !matches!(found, Violation::EventMissed(..)));
        self.counted.violations.extend(found);
        // Looking at it with a daemon takes the longest; it is the same file as long as none is written.
        if cycle.is_multiple_of(3) {
            self.starts(&home, had)?;
        }
        Ok(())
    }

    /// Its daemon starts, finds nothing wrong, takes a start, brings everything to an end, and stops. It reaches no sink:
    /// they are the other house's.
    fn starts(&mut self, home: &Path, had: Vec<Ack>) -> Result<(), FaultError> {
        let settings = home.join("config/yizhan.toml");
        let text = std::fs::read_to_string(&settings)?;
        let alone: Vec<&str> = text.lines().filter(|line| !line.starts_with("allow = ")).collect();
        std::fs::write(&settings, alone.join("\n"))?;
        let daemon = Daemon::start(&self.load.binary, home)?;
        let client = daemon.client();
        let looked = client.get("/api/v1/doctor").unwrap_or_default();
        // Words that could not go out yet, and the like, are none of the store.
        let findings = looked["findings"].as_array().cloned().unwrap_or_default();
        for finding in findings.iter().filter_map(Value::as_str).filter(|finding| finding.contains("run_")) {
            self.wrong("a restored home", finding);
        }
        if client.post("/api/v1/workflows/sub/runs", &json!({ "input": { "case": "new" } })).is_err() {
            self.wrong("a restored home", "it takes no start");
        }
        self.load.bring_another_to_an_end(&client)?;
        daemon.stop();
        self.counted.violations.extend(check(&evidence_of(home, had)?, 0));
        Ok(())
    }
}
