//! The children that carry plugins are killed, stand still or get no memory, again and again under load: what they did is
//! tried again or asked about, others notice nothing, and nothing of them is left behind.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use serde_json::{Value, json};
use yizhan_workflow::run::event::Event;

use super::process::{children, descriptors, is_zombie, status};
use super::quiet::{self, spread};
use super::{Options, Outcome};
use crate::checker::Violation;
use crate::client::Client;
use crate::daemon::Daemon;
use crate::evidence::Evidence;
use crate::load::{Dice, FaultError, Load};

/// Whose children are struck. Nobody touches those of `email`, by which the others are told.
const STRUCK: [&str; 3] = ["webhook", "file", "echo"];

/// How long an attempt may take in this home, and how long it has after its cancel.
const TIMEOUT_MS: u64 = 2_000;
const GRACE_MS: u64 = 300;
/// X9: an attempt ends this long after its limit, also where its child had to be killed. Three seconds more for a machine
/// that has other work.
const ENDS_WITHIN_MS: u64 = TIMEOUT_MS + GRACE_MS + 2_000 + 3_000;
/// A plugin is back, and what hangs is gone, within this.
const BACK: Duration = Duration::from_secs(60);
/// A child that ended is taken leave of within this.
const LEAVE: Duration = Duration::from_secs(5);
/// A run that no struck plugin carries ends within this.
const QUIET_MOST_MS: u64 = 10_000;
/// Before the first strike and after the last one, what is held is looked at for so long.
const LOOKED: Duration = Duration::from_secs(3);
/// Lines of the API come and go.
const DESCRIPTORS: usize = 12;

const SETTINGS: &str =
    "[retry]\ntimes = 200\nfirst = \"100ms\"\nfactor = 1.2\nmost = \"1s\"\n[plugins]\ngrace = \"300ms\"\n";

/// Asks for more memory at once than what lies about.
const EAT: &str = "[step.eat]\nuse = \"echo.eat\"\nwith.mb = 40\ntimeout = \"2s\"\n";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Deed {
    Kill,
    Crash,
    Hang,
    /// It stands still for less than its calls may take, and goes on.
    Pause,
    /// No more memory: the next larger piece that it asks for ends it.
    Starve,
}

impl Deed {
    fn any(dice: &mut Dice, plugin: &str) -> Self {
        match dice.below(16) {
            0..=5 => Self::Kill,
            6..=9 => Self::Crash,
            10 | 11 => Self::Hang,
            12 => Self::Pause,
            _ if plugin == "echo" => Self::Starve,
            _ => Self::Kill,
        }
    }
}

/// # Errors
/// When the run could not be carried out.
pub fn run(options: &Options) -> Outcome {
    let load = Load::begin(&options.binary, options.clients)?;
    load.change("config/yizhan.toml", |text| text.to_owned() + SETTINGS)?;
    load.change("workflows/chaos.toml", |text| {
        text.replace("\nuse = \"", &format!("\ntimeout = \"{TIMEOUT_MS}ms\"\nuse = \"")) + EAT
    })?;
    quiet::add(&load.home)?;
    let mut daemon = load.start()?;
    load.until_acknowledged(20)?;
    let (before, quiet_before) = Held::look(&daemon)?;
    let mut strikes = Strikes::new(&load, options.seed);
    for cycle in 0..options.cycles {
        if daemon.has_ended() {
            strikes.found.push(Violation::Ended);
            break;
        }
        strikes.strike(&daemon)?;
        if cycle % 10 == 9 {
            eprintln!(
                "{} of {} strikes, {} starts acknowledged",
                cycle + 1,
                options.cycles,
                load.acknowledged()
            );
        }
    }
    for plugin in STRUCK {
        strikes.back(plugin, None)?;
    }
    let (after, quiet_after) = Held::look(&daemon)?;
    strikes.found.extend(before.grown(&after));
    let (mut found, mut counted) = (strikes.found, strikes.counted);
    found.extend(too_long("a run that nobody struck", &strikes.quiet, QUIET_MOST_MS));
    counted["quiet_ms"] = json!({
        "before": spread(&quiet_before), "meanwhile": spread(&strikes.quiet), "after": spread(&quiet_after)
    });
    counted["back_ms"] = spread(&strikes.back_ms);
    counted["children"] = json!({ "before": before.children, "after": after.children });
    daemon.stop();
    let mut attempts = vec![];
    let mut findings = load.judge_also(options.cycles as usize / 4, options.keep, |evidence| {
        attempts = attempts_of(evidence);
        too_long("an attempt", &attempts, ENDS_WITHIN_MS).into_iter().collect()
    })?;
    counted["attempt_ms"] = spread(&attempts);
    findings.violations.extend(found);
    Ok((findings, counted))
}

fn too_long(what: &str, all: &[u64], most: u64) -> Option<Violation> {
    let longest = all.iter().copied().max().unwrap_or(0);
    (longest > most).then(|| Violation::TookLong(what.to_owned(), longest, most))
}

/// How long each attempt took, as the host measured it.
fn attempts_of(evidence: &Evidence) -> Vec<u64> {
    let lines = evidence.runs.values().flat_map(|run| &run.lines);
    let took = lines.filter_map(|(_, line)| {
        let Event::Ended { took_us, .. } = &line.event else { return None };
        *took_us
    });
    took.map(|us| us / 1_000).collect()
}

/// What the daemon holds while it works: the least of several looks, as lines come and go.
#[derive(Clone, Copy, Debug)]
struct Held {
    descriptors: usize,
    threads: usize,
    children: usize,
}

impl Held {
    /// With how long runs take meanwhile that no struck plugin carries.
    fn look(daemon: &Daemon) -> Result<(Self, Vec<u64>), FaultError> {
        let (client, began, mut quiet) = (daemon.client(), Instant::now(), vec![]);
        let mut least = Self { descriptors: usize::MAX, threads: usize::MAX, children: usize::MAX };
        while began.elapsed() < LOOKED {
            let threads = usize::try_from(status(daemon.pid(), "Threads:").unwrap_or(0)).unwrap_or(0);
            least.descriptors = least.descriptors.min(descriptors(daemon.pid())?);
            least.threads = least.threads.min(threads);
            least.children = least.children.min(children(daemon.pid()).len());
            quiet.push(quiet::took(&client)?);
        }
        Ok((least, quiet))
    }

    fn grown(&self, after: &Self) -> Vec<Violation> {
        let grows = [
            ("descriptors", self.descriptors, after.descriptors, DESCRIPTORS),
            ("threads", self.threads, after.threads, DESCRIPTORS),
            ("children", self.children, after.children, 0),
        ];
        let grown = grows.iter().filter(|(_, before, after, most)| *after > before + most);
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let told = |(what, before, after, most): &(&str, usize, usize, usize)| {
            Violation::Grew((*what).to_owned(), number(after - before), number(*most))
        };
        grown.map(told).collect()
    }
}

struct Strikes {
    client: Client,
    dice: Dice,
    found: Vec<Violation>,
    counted: Value,
    done: BTreeMap<Deed, u32>,
    back_ms: Vec<u64>,
    quiet: Vec<u64>,
    released: u32,
    dead: BTreeMap<u32, Instant>,
}

impl Strikes {
    fn new(load: &Load, seed: u64) -> Self {
        Self {
            client: Client::of_home(&load.home),
            dice: Dice::new(seed),
            found: vec![],
            counted: json!({}),
            done: BTreeMap::new(),
            back_ms: vec![],
            quiet: vec![],
            released: 0,
            dead: BTreeMap::new(),
        }
    }

    fn strike(&mut self, daemon: &Daemon) -> Result<(), FaultError> {
        // The time under load, from the seed.
        std::thread::sleep(Duration::from_millis(self.dice.between(5, 150)));
        let plugin = STRUCK[usize::try_from(self.dice.below(STRUCK.len() as u64)).unwrap_or(0)];
        let Some(child) = self.back(plugin, None)? else { return Ok(()) };
        let deed = Deed::any(&mut self.dice, plugin);
        *self.done.entry(deed).or_default() += 1;
        let (struck, pause) = (Instant::now(), self.dice.between(20, TIMEOUT_MS / 2));
        // It may have ended by itself a moment ago; then there is nothing to strike.
        match deed {
            Deed::Kill => signal(child, Signal::KILL),
            // One that comes from outside; a SEGV of that kind is taken for the end of a stack and not obeyed.
            Deed::Crash => signal(child, [Signal::ILL, Signal::ABORT][usize::from(pause % 2 == 0)]),
            Deed::Hang => signal(child, Signal::STOP),
            Deed::Pause => {
                signal(child, Signal::STOP);
                std::thread::sleep(Duration::from_millis(pause)); // How long it stands still, from the seed.
                signal(child, Signal::CONT);
            }
            Deed::Starve => starve(child),
        }
        self.quiet.push(quiet::took(&self.client)?);
        if deed != Deed::Pause && self.back(plugin, Some(child))?.is_some() {
            self.back_ms.push(u64::try_from(struck.elapsed().as_millis()).unwrap_or(u64::MAX));
        }
        self.look_for_the_dead(daemon);
        self.counted = json!({
            "strikes": self.done.iter().map(|(deed, times)| (format!("{deed:?}").to_lowercase(), *times))
                .collect::<BTreeMap<_, _>>(),
            "put_aside_and_released": self.released,
        });
        Ok(())
    }

    /// The child that carries the plugin, once it is another than the one that was struck. A plugin that was put aside is
    /// released, as an operator would.
    fn back(&mut self, plugin: &str, struck: Option<u32>) -> Result<Option<u32>, FaultError> {
        let end = Instant::now() + BACK;
        loop {
            let view = self.client.get(&format!("/api/v1/plugins/{plugin}"))?;
            let pid = view["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
            match (view["state"].as_str(), pid) {
                (Some("ready"), Some(pid)) if Some(pid) != struck => return Ok(Some(pid)),
                (Some("quarantined"), _) => {
                    self.client.post(&format!("/api/v1/plugins/{plugin}/release"), &json!({}))?;
                    self.released += 1;
                }
                _ => {}
            }
            if Instant::now() > end {
                let shown = format!("{} {}", view["state"], view["fault"]);
                self.found.push(Violation::PluginNotBack(plugin.to_owned(), shown));
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(10)); // Between two looks at a state, with a deadline.
        }
    }

    fn look_for_the_dead(&mut self, daemon: &Daemon) {
        let dead: Vec<u32> = children(daemon.pid()).into_iter().filter(|child| is_zombie(*child)).collect();
        self.dead.retain(|child, _| dead.contains(child));
        for child in dead {
            if self.dead.entry(child).or_insert_with(Instant::now).elapsed() > LEAVE {
                self.found.push(Violation::Zombie(child));
            }
        }
    }
}

fn pid_of(child: u32) -> Option<Pid> {
    i32::try_from(child).ok().and_then(Pid::from_raw)
}

fn signal(child: u32, signal: Signal) {
    if let Some(pid) = pid_of(child) {
        // An error means that it is gone.
        kill_process(pid, signal).ok();
    }
}

/// No more memory than it has.
fn starve(child: u32) {
    let has = status(child, "VmSize:").map(|kib| kib * 1_024);
    if let (Some(pid), Some(has)) = (pid_of(child), has) {
        // An error means that it is gone.
        prlimit(Some(pid), Resource::As, Rlimit { current: Some(has), maximum: Some(has) }).ok();
    }
}
