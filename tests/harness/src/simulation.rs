//! The engine in a world that a seed decides: when the loop has its turn and the disk writes, how calls end, what people
//! do, what time it is, and when the process dies. The same seed is the same story, line by line.

mod texts;
mod world;

use std::future::Future;
use std::hash::{DefaultHasher, Hasher as _};
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use yizhan_engine::schedules::Schedules;
use yizhan_engine::store::{Reads, RunFilter, StoreError, TaskFilter, TaskKind, TaskRow};
use yizhan_engine::{
    ActError, Driver, Engine, EngineConfig, Opened, StartError, StartReply, Started, intake,
};
use yizhan_store::Memory;
use yizhan_workflow::calendar::Calendar;
use yizhan_workflow::id::{Attempt, Millis, RunId};
use yizhan_workflow::run::event::{Event, Raw, Verdict};

use crate::checker::{Violation, check};
use crate::evidence::{Ack, Arrival, Evidence, EvidenceError};
use crate::load::Dice;
use world::{Hand, Hands, Wish};

/// What the world does before it lets everything end.
const DEEDS: u64 = 160;
/// So long it may take then, in deeds; what is still open is stuck.
const END: u32 = 4_000;

/// What a seed came to.
#[derive(Clone, Debug)]
pub struct Story {
    pub seed: u64,
    /// Of every line of every journal.
    pub trace: u64,
    pub runs: usize,
    pub crashes: u32,
    pub deeds: u32,
    pub violations: Vec<Violation>,
}

#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    #[error("a text of the simulation cannot be read: {0}")]
    Text(String),
}

/// What was asked of the engine and is not answered yet.
type Coming<T> = Pin<Box<dyn Future<Output = T>>>;

/// One process, until it dies.
struct Process {
    engine: Engine,
    driver: Driver<Memory>,
    hands: Arc<Hands>,
    schedules: Option<Schedules>,
    looking: Option<Coming<Schedules>>,
    starting: Vec<(String, Coming<Result<StartReply, StartError>>)>,
    acting: Vec<Coming<Result<(), ActError>>>,
}

struct World {
    dice: Dice,
    store: Memory,
    clock: Arc<Hand>,
    process: Process,
    evidence: Evidence,
    cases: u32,
    crashes: u32,
    deeds: u32,
}

/// Plays one seed from its first run to the end of all.
///
/// # Errors
/// When it could not be played at all.
pub fn play(seed: u64) -> Result<Story, SimulationError> {
    let (store, clock) = (Memory::new(), Arc::new(Hand::new()));
    let process = Process::begin(&store, &clock)?;
    let mut world = World {
        dice: Dice::new(seed),
        store,
        clock,
        process,
        evidence: Evidence::default(),
        cases: 0,
        crashes: 0,
        deeds: 0,
    };
    for _ in 0..DEEDS {
        world.deed()?;
    }
    let stuck = world.end_well()?;
    world.judge(seed, stuck)
}

/// Goes on as far as it can without waiting for anybody.
fn poll<T>(future: &mut Coming<T>) -> Option<T> {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

impl Process {
    fn begin(store: &Memory, clock: &Arc<Hand>) -> Result<Self, SimulationError> {
        let opened = Opened::default().holding(texts::workflows()?);
        let hands = Arc::new(Hands::new(opened.completions()));
        let (engine, driver) = opened.by_hand(
            // Few, so that people and the clock come between those that go on after a crash.
            EngineConfig { lot: NonZeroUsize::MIN.saturating_add(1), ..EngineConfig::default() },
            store.clone(),
            Arc::new(store.clone()),
            hands.clone(),
            texts::world()?,
            clock.clone(),
        )?;
        let schedules = Some(Schedules::new(engine.clone()));
        Ok(Self { engine, driver, hands, schedules, looking: None, starting: vec![], acting: vec![] })
    }
}

impl World {
    fn deed(&mut self) -> Result<(), SimulationError> {
        self.deeds += 1;
        match self.dice.below(32) {
            0..=7 => drop(self.process.driver.turn()),
            8..=13 => drop(self.process.driver.write()),
            14..=18 => self.end_a_call(),
            19..=21 => self.start(),
            22 | 23 => self.person_acts()?,
            24 | 25 => self.time_passes(),
            26 => self.look_at_schedules(),
            27 => self.publish(),
            28 => self.somebody_meddles()?,
            29 => self.crash()?,
            _ => {
                self.process.driver.turn();
                self.process.driver.write();
                self.process.driver.turn();
            }
        }
        self.hear();
        Ok(())
    }

    /// What was asked goes on, and what is acknowledged is noted.
    fn hear(&mut self) {
        let mut asked = std::mem::take(&mut self.process.starting);
        asked.retain_mut(|(case, starting)| match poll(starting) {
            None => true,
            Some(Ok(StartReply::Started(run))) => {
                self.evidence.acks.push(Ack { run, case: case.clone() });
                false
            }
            Some(_) => false,
        });
        self.process.starting = asked;
        self.process.acting.retain_mut(|acting| poll(acting).is_none());
        if let Some(schedules) = self.process.looking.as_mut().and_then(poll) {
            (self.process.schedules, self.process.looking) = (Some(schedules), None);
        }
    }

    fn start(&mut self) {
        self.cases += 1;
        let case = format!("c{}", self.cases);
        let name = texts::STARTED[usize::try_from(self.dice.below(texts::STARTED.len() as u64)).unwrap_or(0)];
        let engine = self.process.engine.clone();
        let Some(text) = engine.shared.library.current(name) else { return };
        let input = format!("{{\"case\":\"{case}\"}}");
        let world = engine.shared.world();
        let Ok(prepared) = intake::prepare(&text, &input, None, &world, engine.shared.now()) else { return };
        let started = Started { prepared, by: "operator".into(), firing: None };
        self.process.starting.push((case, Box::pin(async move { engine.start(started).await })));
    }

    /// A call that is out comes to one of its ends.
    fn end_a_call(&mut self) {
        let open = self.process.hands.open();
        if open > 0 {
            let which = usize::try_from(self.dice.below(open as u64)).unwrap_or(0);
            let wish = match self.dice.below(10) {
                0..=5 => Wish::Done,
                6 => Wish::NotSent,
                7 => Wish::Refused,
                _ => Wish::Lost { happened: self.dice.below(2) == 0 },
            };
            self.carry(which, wish);
        }
    }

    fn carry(&mut self, which: usize, wish: Wish) {
        self.evidence.arrivals.extend(self.process.hands.end(which, wish));
    }

    fn act(&mut self, run: RunId, event: Event) {
        let engine = self.process.engine.clone();
        self.process.acting.push(Box::pin(async move { engine.act(run, event).await }));
    }

    fn person_acts(&mut self) -> Result<(), SimulationError> {
        let tasks = self.store.tasks(&TaskFilter::default(), None, 50)?.rows;
        if tasks.is_empty() {
            return Ok(());
        }
        let task = &tasks[usize::try_from(self.dice.below(tasks.len() as u64)).unwrap_or(0)];
        let Ok(of) = serde_json::from_str::<Attempt>(&task.of) else { return Ok(()) };
        let yes = self.dice.below(3) > 0;
        let event = match task.kind {
            TaskKind::Asked if self.dice.below(6) == 0 => {
                Event::Claimed { of, by: "person:a".into(), via: "simulation".into() } // Or is refused.
            }
            TaskKind::Asked => answered(of, task, yes),
            TaskKind::Unknown | TaskKind::Asking => settled(of, task.kind, yes, self.happened(task, of)),
        };
        self.act(task.run, event);
        Ok(())
    }

    /// A person looks at the receiver before they say whether it happened.
    fn happened(&self, task: &TaskRow, of: Attempt) -> bool {
        let item = world::name(&task.run.to_string(), &task.step, of.item.round, of.item.item);
        let before = |arrival: &Arrival| {
            arrival.item.starts_with(&item) && arrival.item.ends_with("/back") == of.item.undo
        };
        self.process.hands.arrived(&item, of.item.undo) || self.evidence.arrivals.iter().any(before)
    }

    fn time_passes(&mut self) {
        let by = match self.dice.below(8) {
            0 => -(i64::try_from(self.dice.below(90_000)).unwrap_or(0)),
            1 | 2 => i64::try_from(self.dice.below(6 * 3_600_000)).unwrap_or(0),
            _ => i64::try_from(self.dice.below(5_000)).unwrap_or(0),
        };
        self.clock.pass(by);
    }

    fn look_at_schedules(&mut self) {
        if let Some(mut schedules) = self.process.schedules.take() {
            self.process.looking = Some(Box::pin(async move {
                schedules.look().await;
                schedules
            }));
        }
    }

    fn publish(&mut self) {
        let number = self.dice.below(6);
        let key = format!("k{}", self.dice.below(2));
        let engine = self.process.engine.clone();
        let event = yizhan_engine::Publishing {
            name: "heard".into(),
            key,
            payload: Raw::from(&serde_json::json!({})),
            id: Some(format!("e{number}")),
        };
        let publish = async move { engine.publish(event).await.map(drop).map_err(|_| ActError::Stopping) };
        self.process.acting.push(Box::pin(publish));
    }

    /// Cancels a run, or tries one that failed again.
    fn somebody_meddles(&mut self) -> Result<(), SimulationError> {
        let runs = self.store.runs(&RunFilter::default(), None, 50)?.rows;
        if runs.is_empty() {
            return Ok(());
        }
        let run = runs[usize::try_from(self.dice.below(runs.len() as u64)).unwrap_or(0)].id;
        let by: Arc<str> = "operator".into();
        let event = match self.dice.below(2) {
            0 => Event::Cancelled { opening: 0, by, reason: "so".into() },
            _ => Event::Retried { opening: 0, by, from: None },
        };
        self.act(run, event);
        Ok(())
    }

    /// The process dies: what is on disk stays, what is out may have happened or not, and nobody gets an answer.
    fn crash(&mut self) -> Result<(), SimulationError> {
        self.crashes += 1;
        while self.process.hands.open() > 0 {
            let happened = self.dice.below(2) == 0;
            self.carry(0, Wish::Silent { happened });
        }
        self.store = self.store.clone_committed();
        self.process = Process::begin(&self.store, &self.clock)?;
        Ok(())
    }

    /// Nothing fails any more and everybody does their part. True where something is still open.
    fn end_well(&mut self) -> Result<bool, SimulationError> {
        for _ in 0..END {
            self.deeds += 1;
            self.process.driver.turn();
            self.process.driver.write();
            self.process.driver.turn();
            self.hear();
            while self.process.hands.open() > 0 {
                self.carry(0, Wish::Done);
            }
            let tasks = self.store.tasks(&TaskFilter::default(), None, 50)?.rows;
            for task in &tasks {
                let Ok(of) = serde_json::from_str::<Attempt>(&task.of) else { continue };
                let event = match task.kind {
                    TaskKind::Asked => answered(of, task, true),
                    TaskKind::Unknown | TaskKind::Asking => {
                        settled(of, task.kind, true, self.happened(task, of))
                    }
                };
                self.act(task.run, event);
            }
            if self.process.looking.is_some() || !tasks.is_empty() {
                continue;
            }
            if self.store.open_runs(None, 1)?.is_empty() {
                return Ok(false);
            }
            for key in ["k0", "k1"] {
                self.say(key);
            }
            if let Some(next) = self.store.next_wake()? {
                self.clock.not_before(next);
            }
        }
        Ok(true)
    }

    /// Another event for whoever still waits for one.
    fn say(&mut self, key: &str) {
        let engine = self.process.engine.clone();
        let event = yizhan_engine::Publishing {
            name: "heard".into(),
            key: key.into(),
            payload: Raw::from(&serde_json::json!({})),
            id: Some(format!("end{key}-{}", self.deeds)),
        };
        let publish = async move { engine.publish(event).await.map(drop).map_err(|_| ActError::Stopping) };
        self.process.acting.push(Box::pin(publish));
    }

    fn judge(mut self, seed: u64, stuck: bool) -> Result<Story, SimulationError> {
        let store = self.store.clone();
        self.evidence.once = vec!["/pay".into()];
        self.evidence.clock_moves = true;
        self.evidence.read(&store)?;
        let zone = jiff::tz::TimeZone::UTC;
        self.evidence.read_schedules_of(&store, &Calendar::weekdays(zone))?;
        let mut violations = check(&self.evidence, 0);
        if stuck {
            let open = store.runs(&RunFilter { open: true, ..RunFilter::default() }, None, 3)?.rows;
            violations.extend(open.into_iter().map(|row| {
                let waits = row.waits.as_deref().unwrap_or_default();
                Violation::DoesNotEnd(row.id, format!("{waits} (`{}`)", row.workflow))
            }));
        }
        let mut trace = DefaultHasher::new();
        for (run, evidence) in &self.evidence.runs {
            trace.write_u64(run.number().unsigned_abs());
            for (stored, _) in &evidence.lines {
                trace.write_i64(stored.at.0);
                trace.write(&stored.body);
            }
        }
        Ok(Story {
            seed,
            trace: trace.finish(),
            runs: self.evidence.runs.len(),
            crashes: self.crashes,
            deeds: self.deeds,
            violations,
        })
    }
}

/// By somebody whom it asks.
fn answered(of: Attempt, task: &TaskRow, yes: bool) -> Event {
    let fields = Raw::from(&serde_json::json!({ "ok": yes }));
    let by = task.who.first().map_or("person:a", String::as_str);
    Event::Answered { of, by: by.into(), via: "simulation".into(), fields }
}

fn settled(of: Attempt, kind: TaskKind, again: bool, happened: bool) -> Event {
    let values = Raw::from(&serde_json::json!({}));
    let verdict = match kind {
        TaskKind::Unknown if happened => Verdict::Happened { values },
        TaskKind::Asked | TaskKind::Unknown | TaskKind::Asking if again => Verdict::Again {},
        TaskKind::Asking => Verdict::Leave {},
        TaskKind::Asked | TaskKind::Unknown => Verdict::Fail {},
    };
    Event::Settled { of, by: "person:a".into(), via: "simulation".into(), verdict }
}

/// The earliest instant of a simulation.
const BEGAN: Millis = Millis(1_795_395_600_000);

#[cfg(test)]
mod tests;
