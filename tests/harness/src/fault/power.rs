//! Power loss on a disk that keeps only what was synced, and of the rest a sector here and there.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::disk::{Control, library};
use super::{Options, Outcome, VISITORS};
use crate::daemon::Daemon;
use crate::load::{Dice, FaultError, Load};

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// # Errors
/// When the run could not be carried out.
pub fn run(options: &Options) -> Outcome {
    let load = Load::begin_wide(&options.binary, options.clients, VISITORS)?;
    let (data, synced) = (load.home.join("data"), load.home.join("synced"));
    std::fs::create_dir_all(&synced)?;
    // Only while a sync is under way is there something to lose.
    let control = Control::make(&load.home)?;
    control.slow(Duration::from_millis(10))?;
    let (mut dice, mut torn) = (Dice::new(options.seed), 0);
    for cycle in 0..options.cycles {
        let mut program = Command::new(&load.binary);
        program
            .env("LD_PRELOAD", library(&load.binary))
            .env("YIZHAN_DISK_ROOT", &data)
            .env("YIZHAN_DISK_SYNCED", &synced)
            .env("YIZHAN_DISK_CONTROL", &control.0);
        let settings: &[&str] = if options.control { &["--synchronous", "normal"] } else { &[] };
        let daemon = Daemon::start_with(program, settings, &load.home)?;
        std::thread::sleep(Duration::from_millis(dice.between(50, 500))); // The time under load, from the seed.
        daemon.kill();
        // A torn log that was never synced would be told of at the start; that of a disk that keeps its order is just short.
        torn += lose_power(&data, &synced, &mut dice, !options.control)?;
        if cycle % 10 == 9 {
            eprintln!(
                "{} of {} losses, {} starts acknowledged",
                cycle + 1,
                options.cycles,
                load.acknowledged()
            );
        }
    }
    let findings = load.judge(options.cycles as usize, options.keep)?;
    Ok((findings, json!({ "cycles": options.cycles, "torn_sectors": torn, "control": options.control })))
}

/// Puts the store back to what was synced. Of what was not, most times some sectors are there all the same.
fn lose_power(data: &Path, synced: &Path, dice: &mut Dice, tears: bool) -> Result<u64, FaultError> {
    let mut torn = 0;
    for name in ["yizhan.db", "yizhan.db-wal"] {
        let (there, kept) = (data.join(name), synced.join(name));
        if !kept.exists() {
            // Never synced: not even its name need be there.
            if there.exists() && name.ends_with("-wal") {
                std::fs::remove_file(&there)?;
            }
            continue;
        }
        if tears && dice.below(4) > 0 && there.exists() {
            torn += tear(&there, &kept, dice)?;
        }
        std::fs::copy(&kept, &there)?;
    }
    // An index in shared memory does not outlive a machine.
    match std::fs::remove_file(data.join("yizhan.db-shm")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        Ok(()) | Err(_) => Ok(torn),
    }
}

/// Some of the sectors that differ came to the disk before the power went.
fn tear(there: &Path, kept: &Path, dice: &mut Dice) -> Result<u64, FaultError> {
    let (mut now, mut before) = (Vec::new(), Vec::new());
    File::open(there)?.read_to_end(&mut now)?;
    File::open(kept)?.read_to_end(&mut before)?;
    let mut file = File::options().write(true).open(kept)?;
    let mut torn = 0;
    for (number, sector) in now.chunks(SECTOR).enumerate() {
        let at = number * SECTOR;
        let same = before.get(at..at + sector.len()).is_some_and(|was| was == sector);
        if !same && dice.below(2) == 0 {
            file.seek(SeekFrom::Start(at as u64))?;
            file.write_all(sector)?;
            torn += 1;
        }
    }
    Ok(torn)
}
