//! Fills a store before anything is measured: an engine does it, as it does everything, under a clock that is turned and
//! with a carrier that answers at once. So what is stored is sound, and a million runs take a minute.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use yizhan_access::{self as access, Access};
use yizhan_engine::carrier::{Call, CancelReason, Carriers, Completion, Completions, Outcome};
use yizhan_engine::store::{Firing, TaskFilter};
use yizhan_engine::{Clock, Engine, EngineConfig, Opened, StartReply, Started, intake};
use yizhan_plugin_host::{Isolation, PluginHost};
use yizhan_store::{Sqlite, SqliteReads};
use yizhan_workflow::id::{Attempt, Millis, RunId};
use yizhan_workflow::run::World;
use yizhan_workflow::run::event::{Event, Failure, Happened, Lost, Raw};

use super::Problem;
use super::place::Place;
use crate::intake::reload::Reading;
use crate::plugins;
use crate::serve::{self, world};

/// A step of this name is never answered: its run stands in it when the engine ends.
pub(crate) const HELD: &str = "held";
/// A step with this in its input fails.
pub(crate) const FAILS: &str = "\"fail\"";

#[derive(Debug, Default)]
struct Turned(AtomicI64);

impl Clock for Turned {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::Relaxed))
    }
}

/// Gives every call its input back.
struct Obliging {
    to: Arc<dyn Completions>,
}

impl Carriers for Obliging {
    fn start(&self, calls: Vec<Call>) {
        let answered = calls.into_iter().filter(|call| &*call.step != HELD);
        let done =
            answered.map(|call| Completion { id: call.id, outcome: outcome(&call), took: Duration::ZERO });
        self.to.completed(done.collect());
    }

    fn cancel(&self, ids: &[u64], _: CancelReason) {
        let lost = |id: &u64| {
            let outcome = Outcome::Lost { how: Lost::Restart, message: "".into() };
            Completion { id: *id, outcome, took: Duration::ZERO }
        };
        self.to.completed(ids.iter().map(lost).collect());
    }
}

fn outcome(call: &Call) -> Outcome {
    if !call.input.contains(FAILS) {
        return Outcome::Done { output: (*call.input).into() };
    }
    Outcome::Failed(Failure {
        code: "echo.failed".into(),
        message: "as it was asked to".into(),
        retry: false,
        retry_after_ms: None,
        happened: Happened::No,
    })
}

/// A start as it is to be stored.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) workflow: String,
    /// JSON.
    pub(crate) input: String,
    pub(crate) by: String,
    pub(crate) firing: Option<Firing>,
}

/// An engine that fills the store of a home, and the audit of what people do there.
pub(crate) struct Filling {
    engine: Engine,
    access: Access,
    clock: Arc<Turned>,
    host: Arc<PluginHost>,
    reads: Weak<SqliteReads>,
}

/// The engine has ended within this, or never does.
const CLOSED: Duration = Duration::from_secs(120);

impl Filling {
    /// The home's workflows are in force, and it is then. The engine has seen the calendars before the first run begins: the
    /// daemon that is measured would otherwise look at every run once, as after a change of theirs.
    pub(crate) async fn begin(place: &Place, then: Millis) -> Result<Self, Problem> {
        let (home, config) = (&place.home, place.home.config(None)?);
        let store = Sqlite::open(&home.data.join(&config.store.path))?;
        let (reads, opened) = (store.reads(), Opened::default());
        let clock = Arc::new(Turned::default());
        clock.0.store(then.0, Ordering::Relaxed);
        let settings = yizhan_plugin_host::Settings {
            isolation: Isolation::InProcess,
            ..plugins::settings(home, &config)?
        };
        let (host, refused) = plugins::open(settings, opened.completions())?;
        let host = Arc::new(host);
        let (reading, workflows) = Reading::first(home, &config, host.clone(), refused, &*reads);
        let calendars = reading.calendars(&config)?;
        let world = world::world(&config, None, reading.people(), calendars, host.catalogue())?;
        let world = World { registers: reading.registers(), ..world };
        let limits = EngineConfig {
            attempts_max: usize::MAX,
            requests_max: usize::MAX,
            queued_max: usize::MAX,
            ..EngineConfig::default()
        };
        let carriers = Arc::new(Obliging { to: opened.completions() });
        let held = Arc::downgrade(&reads);
        let engine = opened.holding(workflows).start(limits, store, reads, carriers, world, clock.clone())?;
        let end = Instant::now() + CLOSED;
        while engine.shared.reads.calendars_seen()?.is_none() {
            if Instant::now() > end {
                return Err("the engine that fills the store does not begin".into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let access = serve::accounts(home)?;
        Ok(Self { engine, access, clock, host, reads: held })
    }

    /// It is then; never earlier than it was.
    pub(crate) fn turn(&self, then: Millis) {
        self.clock.0.fetch_max(then.0, Ordering::Relaxed);
    }

    pub(crate) async fn start(&self, case: Case) -> Result<RunId, Problem> {
        let shared = &self.engine.shared;
        let workflow = shared.library.current(&case.workflow);
        let workflow = workflow.ok_or_else(|| self.why_not(&case.workflow))?;
        let prepared = intake::prepare(&workflow, &case.input, None, &shared.world(), shared.now())?;
        let started = Started { prepared, by: case.by.into(), firing: case.firing };
        match self.engine.start(started).await? {
            StartReply::Started(run) => Ok(run),
            StartReply::Joined(_) | StartReply::Gathered { .. } => {
                Err("a run of the bench did not begin".into())
            }
        }
    }

    fn why_not(&self, name: &str) -> String {
        let all = self.engine.shared.library.workflows();
        let faults = all.get(name).map(|entry| format!("{:?}", entry.faults)).unwrap_or_default();
        format!("the bench's own workflow `{name}` is not in force: {faults}")
    }

    /// Answers the one open task of a run.
    pub(crate) async fn answer(&self, run: RunId, by: &str, fields: &str) -> Result<(), Problem> {
        let filter = TaskFilter { run: Some(run), ..TaskFilter::default() };
        let tasks = self.engine.shared.reads.tasks(&filter, None, 1)?;
        let task = tasks.rows.first().ok_or("a run of the bench has no task")?;
        let of: Attempt = serde_json::from_str(&task.of)?;
        let fields = Raw::new(fields.to_owned()).ok_or("the bench's own answer is no JSON")?;
        let answered = Event::Answered { of, by: by.into(), via: "bench".into(), fields };
        Ok(self.engine.act(run, answered).await?)
    }

    pub(crate) async fn cancel(&self, run: RunId) -> Result<(), Problem> {
        let cancelled = Event::Cancelled { opening: 1, by: "operator".into(), reason: "bench".into() };
        Ok(self.engine.act(run, cancelled).await?)
    }

    /// Writes down what a person did with a case, as the daemon does.
    pub(crate) async fn noted(&self, who: &str, act: &str, (on, run): (&str, RunId)) -> Result<(), Problem> {
        let at = self.clock.now();
        let (act, on) = (format!("POST /api/v1/{act}"), format!("/api/v1/{on}"));
        let asked =
            access::Asked { at, who: who.to_owned(), from: "192.0.2.7".to_owned(), session: None, act, on };
        let of = self.access.asked(asked).await?;
        let in_case = Some(run.to_string());
        let outcome = access::Outcome { at, of, status: 200, in_case, ..access::Outcome::default() };
        Ok(self.access.answered(outcome).await?)
    }

    /// Ends when all of it is on disk and the store is closed.
    pub(crate) async fn close(self) -> Result<(), Problem> {
        let Self { engine, access, clock: _, host, reads } = self;
        drop(access);
        let end = Instant::now() + CLOSED;
        // A hundred thousand calls that are handed back take longer than a stop has patience.
        while !engine.shared.stopped.load(Ordering::Acquire) && Instant::now() < end {
            engine.stop(Duration::ZERO).await;
        }
        host.close();
        drop(engine);
        while reads.strong_count() > 0 {
            if Instant::now() > end {
                return Err("the store that was filled is not let go".into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }
}
