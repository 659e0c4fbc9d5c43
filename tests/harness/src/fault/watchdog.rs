//! The loop, the writer or the scheduler stands still for ever: the service manager hears no sign of life, ends the daemon
//! and starts it again; a scheduler that stands still alone is replaced by the daemon itself.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::json;

use super::points::has_points;
use super::{Options, Outcome, late};
use crate::checker::Violation;
use crate::client::Client;
use crate::daemon::{Daemon, Signal};
use crate::load::{Dice, FaultError, Load};
use crate::manager::Manager;

/// A daemon that is silent for so long is ended.
const SILENT: Duration = Duration::from_secs(3);
/// From the moment that the scheduler stands still to the moment that slots come again.
const REPLACED: Duration = Duration::from_secs(5);
/// From the moment that anything else does to the moment that the service manager ends it: what it waits for, and this.
const RESTARTED: Duration = SILENT.saturating_add(Duration::from_secs(5));
/// Nobody does anything about it any more.
const GIVEN_UP: Duration = Duration::from_secs(30);
/// Under load a point is passed within this.
const PASSED_WITHIN: Duration = Duration::from_secs(60);
/// What is ended by SIGABRT is gone within this, or it is killed.
const ABORTED: Duration = Duration::from_secs(2);

/// Between two starts of a client.
const PACE: Duration = Duration::from_millis(100);

/// Where it stands still, how, and whether it is the scheduler: then slots must come again.
const PLACES: [(&str, &str, bool); 7] = [
    ("engine.handing_over", "hang", false),
    ("schedules.deciding", "hang", true),
    ("writer.taken", "hang", false),
    ("doorbell.ringing", "error", true),
    ("engine.acting", "hang", false),
    ("schedules.firing", "hang", true),
    ("store.begin", "hang", false),
];

/// What was done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Came {
    NotPassed,
    /// By the service manager.
    Restarted,
    /// By the daemon itself.
    Replaced,
    Unnoticed,
}

/// # Errors
/// When the run could not be carried out.
pub fn run(options: &Options) -> Outcome {
    if !has_points(&options.binary) {
        return Err(FaultError::NoPoints(options.binary.clone()));
    }
    let load = Load::begin(&options.binary, options.clients)?;
    // Most of the time it stands still, and what comes after it is to be quick.
    load.pace(PACE);
    let manager = Manager::listen(&load.home.join("notify"), SILENT)?;
    let mut dice = Dice::new(options.seed);
    let (mut came, mut longest, mut wrong) = (BTreeMap::<String, u32>::new(), Duration::ZERO, vec![]);
    for cycle in 0..options.cycles {
        let place = PLACES[cycle as usize % PLACES.len()];
        // Not one of the first, so that it is ready and loaded.
        let nth = if place.2 { dice.between(2, 5) } else { dice.between(40, 250) };
        let (what, took) = stand_still(&load, &manager, place, nth)?;
        longest = longest.max(took);
        if matches!(what, Came::Restarted | Came::Replaced) {
            let promised = if place.2 { REPLACED } else { RESTARTED };
            wrong.extend(late(&format!("a still at {}", place.0), took, promised));
        }
        *came.entry(format!("{} {what:?}", place.0)).or_default() += 1;
        match what {
            Came::Unnoticed => wrong.push(Violation::Unnoticed(
                place.0.to_owned(),
                u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            )),
            Came::NotPassed => wrong.push(Violation::PointNotPassed(place.0.to_owned())),
            Came::Restarted | Came::Replaced => {}
        }
        if cycle % 10 == 9 {
            eprintln!(
                "{} of {} stills, {} starts acknowledged",
                cycle + 1,
                options.cycles,
                load.acknowledged()
            );
        }
    }
    let signs = manager.signs();
    let mut findings = load.judge(options.cycles as usize, options.keep)?;
    findings.violations.extend(wrong);
    let longest = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
    let counted = json!({
        "cycles": options.cycles, "came": came, "longest_until_noticed_ms": longest, "signs_of_life": signs,
    });
    Ok((findings, counted))
}

/// Starts the daemon as a service manager does, lets it stand still, and sees what is done about it and when.
fn stand_still(
    load: &Load,
    manager: &Manager,
    (name, what, is_scheduler): (&str, &str, bool),
    nth: u64,
) -> Result<(Came, Duration), FaultError> {
    let log = load.home.join("fault-happened");
    if log.exists() {
        std::fs::remove_file(&log)?;
    }
    let mut program = load.program();
    program.env("YIZHAN_FAULT", format!("{name}={what}@{nth}")).env("YIZHAN_FAULT_LOG", &log);
    manager.takes(&mut program);
    let mut daemon = Daemon::begin(program, &load.home)?;
    let end = Instant::now() + PASSED_WITHIN;
    while !log.exists() {
        if Instant::now() >= end || manager.bites() || daemon.has_ended() {
            daemon.kill();
            return Ok((Came::NotPassed, Duration::ZERO));
        }
        pause();
    }
    let still = Instant::now();
    let mut slots = Slots { client: daemon.client().within(Duration::from_secs(1)), newest: None, came: 0 };
    loop {
        // The first may have been under way before.
        let came = if is_scheduler && slots.come() > 1 {
            Came::Replaced
        } else if manager.bites() || daemon.has_ended() {
            Came::Restarted
        } else if still.elapsed() > GIVEN_UP {
            Came::Unnoticed
        } else {
            pause();
            continue;
        };
        let took = still.elapsed();
        end_it(daemon, came);
        return Ok((came, took));
    }
}

/// As the service manager does, or as whoever waits no longer.
fn end_it(mut daemon: Daemon, came: Came) {
    if came == Came::Restarted {
        daemon.signal(Signal::ABORT);
        if daemon.ends_within(ABORTED).is_some() {
            return;
        }
    }
    daemon.kill();
}

/// Runs of the schedule of every second that were not there before.
struct Slots {
    client: Client,
    newest: Option<String>,
    came: u32,
}

impl Slots {
    fn come(&mut self) -> u32 {
        let page = self.client.get("/api/v1/runs?workflow=tick&limit=1").unwrap_or_default();
        if let Some(newest) = page["items"][0]["id"].as_str() {
            if self.newest.as_deref().is_some_and(|known| known != newest) {
                self.came += 1;
            }
            self.newest = Some(newest.to_owned());
        }
        self.came
    }
}

fn pause() {
    std::thread::sleep(Duration::from_millis(20)); // Between two looks at a state, with a deadline.
}
