//! A clock that jumps, ahead and back, under load and while the daemon is down, around a change to or from summer time.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use serde_json::json;

use super::points::has_points;
use super::{Options, Outcome};
use crate::load::{Dice, FaultError, Load};

/// Slots that a jump may pass over, that an hour which comes twice may double, and that a day may lack.
const SCHEDULES: &str = r#"
title = "钟"
[trigger.gap]
schedule = "02:30"
timezone = "America/New_York"
missed   = "all"
overlap  = "allow"
[trigger.fold]
schedule = "01:30"
timezone = "America/New_York"
[trigger.quarter]
schedule = "every 15min"
timezone = "America/New_York"
missed   = "none"
overlap  = "skip"
[trigger.ten]
schedule = "every 10s"
missed   = "all"
overlap  = "allow"
[trigger.hour]
schedule = "every 1h"
missed   = "all"
overlap  = "allow"
[step.say]
use = "event.publish"
with.name = "struck"
with.key  = "{{ trigger.at }}"
"#;

const ZONE: &str = "America/New_York";
const HOUR: i64 = 3_600_000;
/// How far from where it began the clock may get.
const FARTHEST: i64 = 60 * HOUR;

/// The file that says by how many milliseconds the daemon's clock is ahead.
struct Clock {
    file: PathBuf,
    began: i64,
    ahead: i64,
    most: i64,
}

impl Clock {
    /// An hour before one of the next two changes of the clock, as the seed says.
    fn begin(load: &mut Load, dice: &mut Dice) -> Result<Self, FaultError> {
        let now = now();
        let zone = yizhan_workflow::schedule::zone(ZONE)?;
        let from = Timestamp::from_millisecond(now).unwrap_or(Timestamp::UNIX_EPOCH);
        let change = zone.following(from).nth(usize::try_from(dice.below(2)).unwrap_or(0));
        let began = change.map_or(0, |change| change.timestamp().as_millisecond() - now - HOUR);
        let clock = Self { file: load.home.join("clock"), began, ahead: began, most: began };
        clock.set()?;
        load.surround("YIZHAN_FAULT_CLOCK", &clock.file);
        Ok(clock)
    }

    /// Half of the jumps are of seconds, the others of minutes, hours, a day.
    fn jump(&mut self, dice: &mut Dice) -> Result<i64, FaultError> {
        let most = [60_000, 60_000, HOUR, 24 * HOUR][usize::try_from(dice.below(4)).unwrap_or(0)];
        let by = 1_000 + i64::try_from(dice.below(most.unsigned_abs())).unwrap_or(0);
        let far = self.ahead - self.began;
        let is_back = if far.abs() + by > FARTHEST { far > 0 } else { dice.below(2) == 0 };
        self.ahead += if is_back { -by } else { by };
        self.most = self.most.max(self.ahead);
        self.set()?;
        Ok(if is_back { -by } else { by })
    }

    /// Whole in one moment: half a number would be a jump of its own.
    fn set(&self) -> std::io::Result<()> {
        let beside = self.file.with_extension("new");
        std::fs::write(&beside, self.ahead.to_string())?;
        std::fs::rename(beside, &self.file)
    }

    /// To where everything that ever waited has its time.
    fn pass_all(&mut self) -> std::io::Result<()> {
        self.ahead = self.most + 60_000;
        self.set()
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// # Errors
/// When the run could not be carried out, or nothing is taken in after a jump.
pub fn run(options: &Options) -> Outcome {
    if !has_points(&options.binary) {
        return Err(FaultError::NoPoints(options.binary.clone()));
    }
    let mut load = Load::begin(&options.binary, options.clients)?;
    std::fs::write(load.home.join("workflows/clock.toml"), SCHEDULES)?;
    // A slot of every second would come to half a million.
    std::fs::remove_file(load.home.join("workflows/tick.toml"))?;
    let mut dice = Dice::new(options.seed);
    let mut clock = Clock::begin(&mut load, &mut dice)?;
    let (mut back, mut down, mut farthest) = (0_u32, 0_u32, 0_i64);
    let mut daemon = load.start()?;
    for cycle in 0..options.cycles {
        load.until_acknowledged(3)?;
        // The time between two looks, from the seed.
        std::thread::sleep(Duration::from_millis(dice.between(20, 400)));
        let by = if dice.below(3) == 0 {
            down += 1;
            daemon.kill();
            let by = clock.jump(&mut dice)?;
            daemon = load.start()?;
            by
        } else {
            clock.jump(&mut dice)?
        };
        back += u32::from(by < 0);
        farthest = farthest.max(by.abs());
        if cycle % 10 == 9 {
            eprintln!(
                "{} of {} jumps, {} starts acknowledged",
                cycle + 1,
                options.cycles,
                load.acknowledged()
            );
        }
    }
    clock.pass_all()?;
    daemon.stop();
    let findings = load.judge(options.cycles as usize, options.keep)?;
    let counted = json!({
        "jumps": options.cycles, "back": back, "while_down": down, "farthest_ms": farthest,
    });
    Ok((findings, counted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_says_the_jumps_and_the_clock_stays_around_where_it_began() {
        let folder = tempfile::tempdir().unwrap();
        let jumps = |seed| {
            let mut clock = Clock { file: folder.path().join("clock"), began: 7, ahead: 7, most: 7 };
            let mut dice = Dice::new(seed);
            let all: Vec<i64> = (0..400).map(|_| clock.jump(&mut dice).unwrap()).collect();
            let said = std::fs::read_to_string(&clock.file).unwrap();
            assert_eq!(said, (7 + all.iter().sum::<i64>()).to_string());
            all
        };
        assert_eq!(jumps(3), jumps(3));
        let places = jumps(4).into_iter().scan(0, |at, by| {
            *at += by;
            Some(*at)
        });
        let places: Vec<i64> = places.collect();
        assert!(places.iter().all(|at| at.abs() <= FARTHEST), "{places:?}");
        assert!(places.iter().any(|at| *at > 0) && places.iter().any(|at| *at < 0));
    }
}
