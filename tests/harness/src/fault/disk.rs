//! A disk that fills up, and one whose writes and syncs fail.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use super::platter::{Lost, Platter};
use super::{Options, Outcome, VISITORS};
use crate::checker::Violation;
use crate::daemon::Daemon;
use crate::load::{Dice, FaultError, Load};

/// How a daemon ends that cannot trust its store any more.
const BROKEN: i32 = 70;

/// What is wrong with the disk, by its number in the control file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    Nothing = 0,
    Full = 1,
    Write = 2,
    Sync = 3,
    /// Syncs take a while.
    Slow = 4,
}

/// The disk that lies, beside the daemon's binary.
#[must_use]
pub fn library(binary: &Path) -> PathBuf {
    binary.with_file_name("libyizhan_lying_disk.so")
}

/// The file by which the disk is told what to do.
pub(super) struct Control(pub(super) PathBuf);

impl Control {
    pub(super) fn make(home: &Path) -> Result<Self, FaultError> {
        let path = home.join("disk-control");
        std::fs::write(&path, [0_u8; 40])?;
        Ok(Self(path))
    }

    /// From the next call but `after` on.
    pub(super) fn set(&self, wrong: Wrong, after: u64) -> Result<(), FaultError> {
        let file = File::options().write(true).open(&self.0)?;
        file.write_all_at(&after.to_le_bytes(), 8)?;
        file.write_all_at(&(wrong as u64).to_le_bytes(), 0)?;
        Ok(())
    }

    /// From now on only the store's own files are struck, or all that the daemon writes: what comes first is the audit then.
    fn mean_store(&self, is_meant: bool) -> Result<(), FaultError> {
        let file = File::options().write(true).open(&self.0)?;
        Ok(file.write_all_at(&u64::from(is_meant).to_le_bytes(), 32)?)
    }

    /// Each sync takes so long.
    pub(super) fn slow(&self, delay: Duration) -> Result<(), FaultError> {
        let file = File::options().write(true).open(&self.0)?;
        let delay = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        file.write_all_at(&delay.to_le_bytes(), 16)?;
        self.set(Wrong::Slow, 0)
    }

    fn struck(&self) -> Option<u64> {
        let bytes = std::fs::read(&self.0).ok()?;
        Some(u64::from_le_bytes(bytes.get(24..32)?.try_into().ok()?))
    }

    fn start(&self, load: &Load) -> Result<Daemon, FaultError> {
        let mut program = Command::new(&load.binary);
        program
            .env("LD_PRELOAD", library(&load.binary))
            .env("YIZHAN_DISK_ROOT", load.home.join("data"))
            .env("YIZHAN_DISK_CONTROL", &self.0);
        Ok(Daemon::start_as(program, &load.home)?)
    }
}

/// Fills the disk under load; nothing is lost, and when there is space it goes on by itself.
///
/// # Errors
/// When the run could not be carried out, or the daemon does not come back.
pub fn full(options: &Options) -> Outcome {
    let load = Load::begin_wide(&options.binary, options.clients, VISITORS)?;
    let control = Control::make(&load.home)?;
    let (mut dice, mut longest) = (Dice::new(options.seed), Duration::ZERO);
    let daemon = control.start(&load)?;
    for _ in 0..options.cycles {
        load.until_acknowledged(20)?;
        let before = control.struck();
        control.set(Wrong::Full, dice.below(40))?;
        load.until("the disk was never full", || (control.struck() > before).then_some(()))?;
        std::thread::sleep(Duration::from_millis(dice.between(20, 300))); // How long it stays full, from the seed.
        control.set(Wrong::Nothing, 0)?;
        let freed = Instant::now();
        load.until_acknowledged(1)?;
        longest = longest.max(freed.elapsed());
    }
    daemon.stop();
    let struck = control.struck();
    let findings = load.judge(options.cycles as usize, options.keep)?;
    let counted = json!({
        "cycles": options.cycles, "struck": struck, "longest_until_it_goes_on_ms": longest.as_millis() as u64,
    });
    Ok((findings, counted))
}

/// A write that fails for another reason than a full disk.
///
/// # Errors
/// When the run could not be carried out.
pub fn write_error(options: &Options) -> Outcome {
    failing(options, Wrong::Write)
}

/// After a failed sync nobody knows what is on the disk: the daemon ends, and starts from what is there.
///
/// # Errors
/// When the run could not be carried out, or the daemon goes on as if nothing had been.
pub fn sync_error(options: &Options) -> Outcome {
    failing(options, Wrong::Sync)
}

fn failing(options: &Options, wrong: Wrong) -> Outcome {
    let load = Load::begin_wide(&options.binary, options.clients, VISITORS)?;
    let control = Control::make(&load.home)?;
    // What was not synced is in the page cache still, and a program that starts there again would find it.
    let platter = if wrong == Wrong::Sync { Some(Platter::of(&load.home)?) } else { None };
    let start = || -> Result<Daemon, FaultError> {
        match &platter {
            Some(platter) => {
                let program = platter.under(Command::new(&load.binary), &load.binary, &control);
                Ok(Daemon::start_as(program, &load.home)?)
            }
            None => control.start(&load),
        }
    };
    let (mut dice, mut ended, mut lost) = (Dice::new(options.seed), 0_u32, Lost::default());
    let (mut longest, mut wrongly) = (Duration::ZERO, vec![]);
    let mut daemon = start()?;
    for _ in 0..options.cycles {
        load.until_acknowledged(20)?;
        let before = control.struck();
        control.mean_store(dice.below(2) == 0)?;
        control.set(wrong, dice.below(60))?;
        load.until("the disk never failed", || (control.struck() > before).then_some(()))?;
        let failed = Instant::now();
        let status = load.until("it did not end", || daemon.ends_within(Duration::ZERO))?;
        control.set(Wrong::Nothing, 0)?;
        (ended, longest) = (ended + 1, longest.max(failed.elapsed()));
        // Whoever starts it again must be able to tell this from any other end.
        if status.code() != Some(BROKEN) {
            wrongly.push(Violation::StopWrong(format!("{wrong:?}"), status.to_string()));
        }
        if let Some(platter) = &platter {
            lost.add(platter.lose_content(&mut dice)?);
        }
        daemon = start()?;
    }
    daemon.stop();
    let struck = control.struck();
    let mut findings = load.judge(options.cycles as usize, options.keep)?;
    findings.violations.extend(wrongly);
    let counted = json!({
        "cycles": options.cycles, "struck": struck, "ended_itself": ended, "longest_until_it_ended_ms": longest.as_millis() as u64,
        "files_put_back": lost.shortened, "torn_sectors": lost.torn,
    });
    Ok((findings, counted))
}
