//! Every named point of the source, one after the other: the process ends there, what it guards fails there, or it waits
//! there, while runs of all kinds are under way. The list is made from the source when this is built.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{Options, Outcome};
use crate::checker::Violation;
use crate::daemon::{Daemon, DaemonError};
use crate::load::{Dice, FaultError, Load};

include!(concat!(env!("OUT_DIR"), "/points.rs"));

/// Under load a point is passed within this, on a machine that has other work too; else it is tried once more, from the
/// first time on and with a stop.
const PASSED_WITHIN: Duration = Duration::from_secs(40);

/// After an error or a wait it goes on, or it ends, within this.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);

/// What happened at a point.
enum Came {
    Never,
    Settled,
    /// It neither ended nor went on, or never came up.
    Stuck,
    /// It ended by itself where it was only to wait.
    Ended,
}

/// What a daemon that ended by itself did: who is only kept waiting has no reason to.
fn ended(what: &str) -> Came {
    if what == "delay" { Came::Ended } else { Came::Settled }
}

/// # Errors
/// When the run could not be carried out.
pub fn run(options: &Options) -> Outcome {
    if !has_points(&options.binary) {
        return Err(FaultError::NoPoints(options.binary.clone()));
    }
    let load = Load::begin_wide(&options.binary, options.clients, 2)?;
    let mut dice = Dice::new(options.seed);
    let all = dice.some_of(pairs().collect(), options.cycles as usize);
    let (mut wrong, mut happened) = (vec![], 0_usize);
    for (number, (name, what)) in all.iter().enumerate() {
        let nth = dice.between(1, 4);
        let mut came = pass(&load, (name, what, nth), dice.below(2) == 0)?;
        if matches!(came, Came::Never) {
            came = pass(&load, (name, what, 1), true)?;
        }
        match came {
            Came::Settled => happened += 1,
            Came::Never => wrong.push(Violation::PointNotPassed((*name).to_owned())),
            Came::Stuck => wrong.push(Violation::PointStuck((*name).to_owned(), (*what).to_owned())),
            Came::Ended => wrong.push(Violation::PointEnded((*name).to_owned(), (*what).to_owned())),
        }
        if number % 10 == 9 {
            eprintln!("{} of {} points, {} starts acknowledged", number + 1, all.len(), load.acknowledged());
        }
    }
    let counted = json!({
        "points": POINTS.len(), "tried": all.len(), "happened": happened,
        "not_all": (all.len() < pairs().count()).then_some("give --cycles 1000 for all"),
    });
    let mut findings = load.judge(all.len(), options.keep)?;
    findings.violations.extend(wrong);
    Ok((findings, counted))
}

fn pairs() -> impl Iterator<Item = (&'static str, &'static str)> {
    POINTS.iter().flat_map(|(name, fails)| {
        let what = if *fails { &["abort", "delay", "error"][..] } else { &["abort", "delay"] };
        what.iter().map(move |what| (*name, *what))
    })
}

/// Starts the daemon with this point armed, and sees it happen.
fn pass(load: &Load, (name, what, nth): (&str, &str, u64), gently: bool) -> Result<Came, FaultError> {
    let log = load.home.join("fault-happened");
    if log.exists() {
        std::fs::remove_file(&log)?;
    }
    let mut program = Command::new(&load.binary);
    program.env("YIZHAN_FAULT", format!("{name}={what}@{nth}")).env("YIZHAN_FAULT_LOG", &log);
    let mut daemon = match Daemon::start_as(program, &load.home) {
        Ok(daemon) => daemon,
        // On the way up.
        Err(DaemonError::EndedEarly(..)) if log.exists() => return Ok(ended(what)),
        Err(DaemonError::NotReady(..)) if log.exists() => return Ok(Came::Stuck),
        Err(error) => return Err(error.into()),
    };
    if !until(PASSED_WITHIN, || log.exists()) {
        // Some are only passed on the way down.
        if gently {
            daemon.stop();
        } else {
            daemon.kill();
        }
        return Ok(if log.exists() { Came::Settled } else { Came::Never });
    }
    let acknowledged = load.acknowledged();
    let settled = until(SETTLED_WITHIN, || {
        daemon.has_ended() || what != "abort" && load.acknowledged() > acknowledged + 3
    });
    if !settled {
        daemon.kill();
        return Ok(Came::Stuck);
    }
    if daemon.has_ended() {
        return Ok(ended(what));
    }
    if gently {
        daemon.stop();
    } else {
        daemon.kill();
    }
    Ok(Came::Settled)
}

fn until(within: Duration, mut is: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + within;
    while Instant::now() < end {
        if is() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5)); // Between two looks at a state, with a deadline.
    }
    false
}

/// Whether this binary has points at all: a release has none.
pub(super) fn has_points(binary: &Path) -> bool {
    std::fs::read(binary).is_ok_and(|bytes| {
        bytes.windows(b"YIZHAN_FAULT_LOG".len()).any(|window| window == b"YIZHAN_FAULT_LOG")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_that_of_the_source_and_a_seed_says_the_order() {
        assert!(POINTS.len() >= 40, "{} points", POINTS.len());
        assert!(POINTS.contains(&("store.committed", true)));
        let order = |seed| Dice::new(seed).some_of(pairs().collect(), 1000);
        assert_eq!(order(3), order(3));
        assert_ne!(order(3), order(4));
        let mut sorted = order(3);
        sorted.sort_unstable();
        let mut all: Vec<_> = pairs().collect();
        all.sort_unstable();
        assert_eq!(sorted, all, "each once");
    }
}
