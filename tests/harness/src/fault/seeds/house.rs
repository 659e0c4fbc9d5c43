//! A small house in which everything happens once or a few times: starts that come again, calls of which one must happen
//! once, children, events, places, registers, tasks that are answered and tasks that the clock decides, deliveries, slots.

mod texts;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use yizhan_workflow::id::{RunId, TaskId};

use super::table::{Seed, Story};
use crate::checker::{Violation, check};
use crate::client::Client;
use crate::daemon::{Daemon, DaemonError, Signal, signal_to};
use crate::evidence::{Ack, Evidence};
use crate::fault::Options;
use crate::fault::webhooks::{self, Delivery, Way};
use crate::load::{FaultError, Load, broken_audit};
use crate::sink::Mood;

/// The sink takes so long to answer a call that must happen once: long enough to be struck meanwhile.
const PAY: Duration = Duration::from_millis(500);
/// What was waited for longer than this does not come, and what is open when nothing has changed for so long does not end.
/// A house without a fault has no more time: else what takes it longer would pass for a fault that was noticed.
const STANDSTILL: Duration = Duration::from_secs(20);
/// Somebody who waits for an answer of a daemon whose writer hangs gives up after this.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// The writer of the other story hangs when it takes this job.
const HANGS_AT: u32 = 24;

pub(super) struct House {
    load: Load,
    /// And which try this is.
    seed: Option<(&'static Seed, u32)>,
    answered: BTreeSet<RunId>,
    asked: BTreeSet<String>,
    deliveries: Vec<(Delivery, String)>,
    found: Vec<Violation>,
    keep: bool,
}

/// What is left of one, and what is wrong with it.
pub(super) struct Left {
    pub evidence: Evidence,
    pub violations: Vec<Violation>,
    /// The fault that was seeded did something.
    pub came: bool,
    /// Where the home is, if it was kept.
    pub kept: Option<PathBuf>,
}

impl House {
    pub(super) fn begin(options: &Options, seed: Option<(&'static Seed, u32)>) -> Result<Self, FaultError> {
        let mut load = Load::begin_at(&options.binary, 0, Mood { refuse_every: 7, cut_every: 5, pay: PAY })?;
        texts::furnish(&load)?;
        load.says_it_sends("all", &texts::SENDS);
        let (answered, asked) = (BTreeSet::new(), BTreeSet::new());
        let keep = options.keep;
        Ok(Self { load, seed, answered, asked, deliveries: vec![], found: vec![], keep })
    }

    pub(super) fn carried_out(mut self, story: Story) -> Result<Left, FaultError> {
        let ended = match story {
            Story::Cut => self.cut(),
            Story::Hung => self.hung(),
        };
        match ended {
            Ok(()) => {}
            // A daemon that does not start any more, or is gone, has noticed something itself.
            Err(
                FaultError::Daemon(DaemonError::NotReady(..) | DaemonError::EndedEarly(..))
                | FaultError::Client(_),
            ) if self.seed.is_some() => {
                self.found.push(Violation::Ended);
            }
            Err(error) => return Err(error),
        }
        self.judged()
    }

    fn program(&self) -> Command {
        let mut program = self.load.program();
        if let Some((seed, tries)) = self.seed {
            program.env("YIZHAN_SEEDED", seed.asked_for(tries)).env("YIZHAN_SEEDED_LOG", self.log());
        }
        program
    }

    /// Made by the daemon when the fault did something.
    fn log(&self) -> PathBuf {
        self.load.home.join("seed-came")
    }

    // ---- the stories ----------------------------------------------------------------------------------------------

    /// Under way it is killed while calls that must happen once are at the sink, and later the children that carry such.
    fn cut(&mut self) -> Result<(), FaultError> {
        let mut daemon = Daemon::start_as(self.program(), &self.load.home)?;
        let client = self.load.client_of_home();
        self.morning(&client);
        self.comes(&mut daemon, |house| house.paid() >= 2);
        daemon.kill();
        self.look_between()?;

        let mut daemon = Daemon::start_as(self.program(), &self.load.home)?;
        self.afternoon(&client);
        let paid = self.paid();
        self.comes(&mut daemon, |house| house.paid() > paid);
        for child in daemon.children() {
            signal_to(child, Signal::KILL);
        }
        self.until_over(&mut daemon, &client)?;
        if daemon.has_ended() {
            self.found.push(Violation::Ended);
            return Ok(());
        }
        self.audited(&client)?;
        daemon.stop();
        Ok(())
    }

    /// Its writer hangs: nothing more comes to the disk, so nothing may be acknowledged or go out. Then it is killed.
    fn hung(&mut self) -> Result<(), FaultError> {
        let log = self.load.home.join("fault-happened");
        let mut program = self.program();
        program.env("YIZHAN_FAULT", format!("writer.taken=hang@{HANGS_AT}")).env("YIZHAN_FAULT_LOG", &log);
        let daemon = Daemon::start_as(program, &self.load.home)?;
        let client = self.load.client_of_home().within(PATIENCE);
        let (mut held, mut number) = (None, 0);
        while !log.exists() && number < 100 {
            number += 1;
            held = held.or(self.start(&client, "held", &format!("h{number}"), None));
        }
        self.start(&client, "all", "c0", None);
        self.answer(&client, held);
        self.deliver(&client, Way::Signed, "d0");
        daemon.kill();
        let mut daemon = self.load.start()?;
        let client = self.load.client_of_home();
        self.until_over(&mut daemon, &client)?;
        daemon.stop();
        Ok(())
    }

    fn morning(&mut self, client: &Client) {
        for number in 0..2 {
            self.start(client, "asked", &format!("a{number}"), None);
            self.start(client, "listens", &format!("l{number}"), None);
        }
        let held = self.start(client, "held", "h0", None);
        for _ in 0..2 {
            self.start(client, "all", "k0", Some("k0"));
            self.deliver(client, Way::Signed, "d0");
        }
        for number in 0..4 {
            self.start(client, "all", &format!("c{number}"), None);
        }
        self.race(client);
        for number in 0..2 {
            self.deliver(client, Way::Told, &format!("l{number}"));
        }
        self.answer(client, held);
    }

    fn afternoon(&mut self, client: &Client) {
        self.start(client, "all", "k0", Some("k0"));
        self.deliver(client, Way::Signed, "d0");
        self.deliver(client, Way::Signed, "d1");
        self.start(client, "asked", "a2", None);
        self.start(client, "listens", "l2", None);
        self.deliver(client, Way::Told, "l2");
        let held = self.start(client, "held", "h1", None);
        self.start(client, "all", "c4", None);
        self.answer(client, held);
    }

    /// What must hold at any moment holds at this one.
    fn look_between(&mut self) -> Result<(), FaultError> {
        match self.evidence() {
            // Whoever listens is given what was published in a commit of its own.
            Ok(evidence) => {
                let missed = |found: &Violation| matches!(found, Violation::EventMissed(..));
                self.found.extend(check(&evidence, 0).into_iter().filter(|found| !missed(found)));
            }
            Err(error) => self.unread(error)?,
        }
        Ok(())
    }

    // ---- what people and systems do -------------------------------------------------------------------------------

    fn start(&mut self, client: &Client, workflow: &str, case: &str, key: Option<&str>) -> Option<RunId> {
        let (path, body) =
            (format!("/api/v1/workflows/{workflow}/runs"), json!({ "input": { "case": case } }));
        let answer = match key {
            Some(key) => client.post_once(&path, key, &body),
            None => client.post(&path, &body),
        };
        let run = answer.ok()?["id"].as_str()?.parse().ok()?;
        self.load.acknowledge(Ack { run, case: case.to_owned() });
        Some(run)
    }

    /// Many ask at the same time for the two places that there are.
    fn race(&self, client: &Client) {
        let path = "/api/v1/workflows/racer/runs";
        std::thread::scope(|scope| {
            for number in 0..6 {
                // Nobody counts on these: how many have a place says who was too many.
                scope.spawn(move || {
                    drop(client.post(path, &json!({ "input": { "case": format!("r{number}") } })))
                });
            }
        });
    }

    fn answer(&mut self, client: &Client, held: Option<RunId>) {
        let Some(run) = held else { return };
        let task = TaskId::of(&format!("{run}/look/1/0"), 1);
        let body = json!({ "by": "person:a", "fields": { "ok": true } });
        if client.post(&format!("/api/v1/tasks/{task}/answer"), &body).is_ok() {
            self.answered.insert(run);
        }
    }

    fn deliver(&mut self, client: &Client, way: Way, case: &str) {
        let delivery = Delivery::new(way, case);
        let Ok(answer) = delivery.send(client) else { return };
        let id = webhooks::id_of(&answer).unwrap_or_default();
        match self.deliveries.iter().find(|(known, _)| known.case == case) {
            Some((_, known)) if *known == id => {}
            Some(_) => self.found.push(Violation::AnsweredWrongly(case.to_owned(), answer.to_string())),
            None => self.deliveries.push((delivery, id)),
        }
    }

    fn paid(&self) -> usize {
        self.load.calls().iter().filter(|call| call.item.ends_with("/pay")).count()
    }

    // ---- to the end -----------------------------------------------------------------------------------------------

    fn comes(&self, daemon: &mut Daemon, is: impl Fn(&Self) -> bool) {
        let end = Instant::now() + STANDSTILL;
        while !is(self) && !daemon.has_ended() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5)); // Between two looks at a state, with a deadline.
        }
    }

    /// Until no run is open, or nothing changes any more: then those that are open are stuck.
    fn until_over(&mut self, daemon: &mut Daemon, client: &Client) -> Result<(), FaultError> {
        let (mut before, mut since) = (Value::Null, Instant::now());
        while !daemon.has_ended() {
            for task in self.load.settle(client, &mut self.asked)? {
                let held = task["run"].as_str().filter(|_| task["workflow"] == "held");
                let held = held.and_then(|run| run.parse().ok()).filter(|run| !self.answered.contains(run));
                self.answer(client, held);
            }
            let mut open = client.get("/api/v1/runs?open=true&limit=200")?["items"].take();
            if let Some(runs) = open.as_array_mut() {
                runs.retain(|run| run["workflow"] != "tick");
            }
            let is_over = open.as_array().is_none_or(Vec::is_empty);
            if is_over && since.elapsed() > texts::SLOT {
                return Ok(());
            }
            if open != before {
                (before, since) = (open, Instant::now());
            } else if since.elapsed() > STANDSTILL {
                self.found.extend(before.as_array().into_iter().flatten().filter_map(stuck));
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(30)); // Between two looks at a state, with a deadline.
        }
        Ok(())
    }

    /// The audit is whole, and each start that was acknowledged stands in it with its answer.
    fn audited(&mut self, client: &Client) -> Result<(), FaultError> {
        self.found.extend(broken_audit(client)?);
        let acts = client.get("/api/v1/audit?kind=workflows/runs&limit=200")?["items"].take();
        let begun: BTreeSet<&str> = acts
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|act| act["answered"]["in_case"].as_str())
            .collect();
        let acks = self.load.acks();
        let untold = acks.iter().map(|ack| ack.run.to_string()).filter(|run| !begun.contains(&**run));
        self.found.extend(untold.map(|run| Violation::Audit(format!("nobody began {run}"))));
        Ok(())
    }

    fn evidence(&self) -> Result<Evidence, FaultError> {
        let mut evidence = self.load.evidence(self.asked.clone())?;
        evidence.answered = self.answered.clone();
        Ok(evidence)
    }

    /// A store that cannot be read says so.
    fn unread(&mut self, error: FaultError) -> Result<(), FaultError> {
        let FaultError::Evidence(error) = error else { return Err(error) };
        if self.seed.is_none() {
            return Err(error.into());
        }
        self.found.push(Violation::Store(error.to_string()));
        Ok(())
    }

    fn judged(mut self) -> Result<Left, FaultError> {
        let came = self.log().exists();
        let evidence = match self.evidence() {
            Ok(evidence) => evidence,
            Err(error) => {
                self.unread(error)?;
                Evidence::default()
            }
        };
        let mut violations = self.found;
        violations.extend(check(&evidence, 1));
        violations.extend(webhooks::judged(&self.deliveries, &evidence));
        violations.extend(texts::places(&evidence));
        violations.extend(texts::letters(&evidence, &self.load.home)?);
        violations.extend(texts::booked(&evidence));
        violations.extend(texts::news(&evidence));
        let kept = self.keep.then(|| self.load.keep());
        Ok(Left { evidence, violations, came, kept })
    }
}

fn stuck(run: &Value) -> Option<Violation> {
    let waits = run["waits"].as_str().unwrap_or("word that is not told");
    Some(Violation::DoesNotEnd(run["id"].as_str()?.parse().ok()?, format!("{waits} (`{}`)", run["workflow"])))
}
