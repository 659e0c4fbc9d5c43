//! A disk that fills up, and one whose writes and syncs fail.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use super::platter::{Lost, Platter};
use super::{Options, Outcome, VISITORS, late};
use crate::checker::Violation;
use crate::daemon::Daemon;
use crate::load::{Dice, FaultError, Load};

/// How a daemon ends that cannot trust its store any more.
const BROKEN: i32 = 70;

/// It goes on so soon after there is space,
const GOES_ON: Duration = Duration::from_secs(5);
/// and ends so soon after a write or a sync that failed.
const ENDS: Duration = Duration::from_secs(1);

/// One that goes on as if nothing had been is ended after this.
const GIVEN_UP: Duration = Duration::from_secs(30);

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
    let (mut dice, mut longest, mut wrongly) = (Dice::new(options.seed), Duration::ZERO, vec![]);
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
        let took = freed.elapsed();
        longest = longest.max(took);
        wrongly.extend(late("the way from a disk with space to a start", took, GOES_ON));
    }
    daemon.stop();
    let struck = control.struck();
    wrongly.extend(refused_otherwise(&load.refused()));
    let mut findings = load.judge(options.cycles as usize, options.keep)?;
    findings.violations.extend(wrongly);
    let counted = json!({
        "cycles": options.cycles, "struck": struck, "longest_until_it_goes_on_ms": longest.as_millis() as u64,
    });
    Ok((findings, counted))
}

/// What may be refused on a full disk is refused with 503, which says that it may be tried again. An answer may also be
/// told what a task says that somebody else dealt with.
fn refused_otherwise(refused: &BTreeMap<String, u32>) -> Vec<Violation> {
    let is_sound = |said: &str| {
        let status = said.split_once(": ").and_then(|(_, rest)| rest.get(..3)).unwrap_or("");
        status == "503" || (said.starts_with("answer: ") && status.starts_with('4'))
    };
    let otherwise = refused.iter().filter(|(said, _)| !is_sound(said));
    otherwise.map(|(said, times)| Violation::RefusedOtherwise(said.clone(), *times)).collect()
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
        let status = daemon.ends_within(GIVEN_UP);
        control.set(Wrong::Nothing, 0)?;
        let took = failed.elapsed();
        longest = longest.max(took);
        ended += u32::from(status.is_some());
        wrongly.extend(late("the way from a failure of the disk to the end", took, ENDS));
        // Whoever starts it again must be able to tell this from any other end. One that did not end is late, too.
        let otherwise = status.filter(|status| status.code() != Some(BROKEN));
        wrongly
            .extend(otherwise.map(|status| Violation::StopWrong(format!("{wrong:?}"), status.to_string())));
        daemon.kill();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_a_full_disk_nothing_is_refused_but_with_503_and_an_answer_that_came_too_late() {
        let of = |said: &str| refused_otherwise(&BTreeMap::from([(said.to_owned(), 2)]));
        for sound in ["start: 503 YZ0423", "delivery: 503 YZ0424", "answer: 409 YZ0410", "answer: 503 YZ0423"]
        {
            assert_eq!(of(sound), [], "{sound}");
        }
        for wrong in
            ["start: 500 YZ0428", "start: no HTTP", "answer: 500 YZ0427", "delivery: 401 YZ0416", "file: 404"]
        {
            assert_eq!(of(wrong), [Violation::RefusedOtherwise(wrong.to_owned(), 2)]);
        }
    }
}
