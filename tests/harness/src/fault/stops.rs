//! SIGTERM under load, asked a second time, in the middle of a start, and while a plugin's process hangs: it ends in time,
//! nothing is marked failed, and what was under way goes on after the next start.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{Options, Outcome};
use crate::checker::Violation;
use crate::daemon::{Daemon, Signal, signal_to};
use crate::load::{Dice, FaultError, Load};

/// No stop takes longer, whatever attempts do.
const WITHIN: Duration = Duration::from_secs(10);
/// Between two signals of somebody who is in a hurry.
const HURRY: Duration = Duration::from_millis(50);
/// A process that is killed with its parent is gone within this.
const GONE: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    UnderLoad,
    AskedAgain,
    DuringTheStart,
    /// A plugin's process does not answer.
    WithAHungChild,
}

impl Kind {
    fn of(dice: &mut Dice) -> Self {
        match dice.below(8) {
            0 => Self::WithAHungChild,
            1 | 2 => Self::DuringTheStart,
            3 | 4 => Self::AskedAgain,
            _ => Self::UnderLoad,
        }
    }
}

/// # Errors
/// When the run could not be carried out.
pub fn run(options: &Options) -> Outcome {
    let load = Load::begin(&options.binary, options.clients)?;
    // A child that hangs is waited for no longer than this.
    load.set("drain = \"1s\"")?;
    let mut dice = Dice::new(options.seed);
    let (mut took, mut kinds, mut wrong) = (vec![], BTreeMap::<String, u32>::new(), vec![]);
    for cycle in 0..options.cycles {
        let kind = Kind::of(&mut dice);
        let time = stop(&load, kind, &mut dice, &mut wrong)?;
        took.push(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        *kinds.entry(format!("{kind:?}")).or_default() += 1;
        if cycle % 10 == 9 {
            eprintln!(
                "{} of {} stops, {} starts acknowledged",
                cycle + 1,
                options.cycles,
                load.acknowledged()
            );
        }
    }
    took.sort_unstable();
    let mut findings = load.judge(options.cycles as usize, options.keep)?;
    if findings.failed > 0 {
        wrong.push(Violation::RunsFailed(findings.failed));
    }
    findings.violations.extend(wrong);
    let counted = json!({
        "cycles": options.cycles, "kinds": kinds, "median_ms": took.get(took.len() / 2), "longest_ms": took.last(),
    });
    Ok((findings, counted))
}

/// Starts the daemon and stops it in this way; how long the stop took.
fn stop(
    load: &Load,
    kind: Kind,
    dice: &mut Dice,
    wrong: &mut Vec<Violation>,
) -> Result<Duration, FaultError> {
    let mut daemon =
        if kind == Kind::DuringTheStart { Daemon::begin(load.program(), &load.home)? } else { load.start()? };
    std::thread::sleep(Duration::from_millis(dice.between(5, 400))); // The time under load, from the seed.
    let children = daemon.children();
    if kind == Kind::WithAHungChild {
        let place = usize::try_from(dice.below(children.len().max(1) as u64)).unwrap_or(0);
        children.get(place).and_then(|child| signal_to(*child, Signal::STOP));
        load.until_acknowledged(2)?;
    }
    let asked = Instant::now();
    daemon.signal(Signal::TERM);
    let mut ended = None;
    while ended.is_none() && asked.elapsed() < WITHIN {
        if kind == Kind::AskedAgain {
            daemon.signal(Signal::TERM);
        }
        ended = daemon.ends_within(HURRY);
    }
    let took = asked.elapsed();
    if ended.is_none() {
        daemon.kill();
    }
    wrong.extend(judged(kind, ended, took, children.iter().all(|child| is_gone(*child))));
    Ok(took)
}

/// How it ended, if it did, and whether the processes that it started are gone.
fn judged(kind: Kind, ended: Option<ExitStatus>, took: Duration, is_alone: bool) -> Vec<Violation> {
    let name = format!("{kind:?}");
    let wrong = match ended {
        None => {
            let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            Some(Violation::StopLate(name.clone(), took))
        }
        // Before it listens to signals it has nothing to bring to an end.
        Some(status) if kind == Kind::DuringTheStart && status.signal() == Some(Signal::TERM.as_raw()) => {
            None
        }
        Some(status) if status.code() == Some(0) => None,
        Some(status) => Some(Violation::StopWrong(name.clone(), status.to_string())),
    };
    let left = (!is_alone).then_some(Violation::ChildLeftBehind(name));
    wrong.into_iter().chain(left).collect()
}

/// One that nobody waits for any more is gone, too.
fn is_gone(process: u32) -> bool {
    let end = Instant::now() + GONE;
    let stat = Path::new("/proc").join(process.to_string()).join("stat");
    loop {
        let state = std::fs::read_to_string(&stat).ok();
        let state =
            state.as_deref().and_then(|text| text.rsplit_once(") ")).map(|(_, rest)| rest.as_bytes()[0]);
        if matches!(state, None | Some(b'Z' | b'X')) {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5)); // Between two looks at a state, with a deadline.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_that_is_late_wrong_or_leaves_a_process_behind_is_named() {
        let stopped = |kind, ended, is_alone| judged(kind, ended, WITHIN, is_alone);
        let (well, failed) = (ExitStatus::from_raw(0), ExitStatus::from_raw(70 << 8));
        let term = ExitStatus::from_raw(Signal::TERM.as_raw());
        assert_eq!(stopped(Kind::UnderLoad, Some(well), true), []);
        assert_eq!(stopped(Kind::DuringTheStart, Some(term), true), []);
        let name = || "UnderLoad".to_owned();
        assert_eq!(stopped(Kind::UnderLoad, None, true), [Violation::StopLate(name(), 10_000)]);
        for wrong in [failed, term] {
            let told = Violation::StopWrong(name(), wrong.to_string());
            assert_eq!(stopped(Kind::UnderLoad, Some(wrong), true), [told]);
        }
        assert_eq!(stopped(Kind::UnderLoad, Some(well), false), [Violation::ChildLeftBehind(name())]);
    }
}
