//! A start while many runs were in the middle of something: they go on lot by lot, and nobody who comes meanwhile waits for
//! all of them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod stage;

use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use yizhan_engine::carrier::{Call, CancelReason, Carriers, Completion, Completions, Outcome};
use yizhan_engine::store::{Reads, RunFilter, RunState};
use yizhan_engine::{Clock, Driver, Engine, EngineConfig, Opened, StartReply, Started, intake};
use yizhan_store::Memory;
use yizhan_workflow::id::RunId;
use yizhan_workflow::run::event::{Event, Lost};

use stage::{Hands, actions, workflows, world};

/// Keeps calls until it is told to answer them.
struct Held {
    to: Arc<dyn Completions>,
    calls: Mutex<Vec<Call>>,
}

impl Held {
    fn answer_all(&self) -> usize {
        let calls = std::mem::take(&mut *self.calls.lock().unwrap());
        let done = |call: &Call| Completion {
            id: call.id,
            outcome: Outcome::Done { output: "{}".into() },
            took: Duration::ZERO,
        };
        self.to.completed(calls.iter().map(done).collect());
        calls.len()
    }
}

impl Carriers for Held {
    fn start(&self, calls: Vec<Call>) {
        self.calls.lock().unwrap().extend(calls);
    }

    fn cancel(&self, ids: &[u64], _: CancelReason) {
        self.calls.lock().unwrap().retain(|call| !ids.contains(&call.id));
        let lost = |id: &u64| Completion {
            id: *id,
            outcome: Outcome::Lost { how: Lost::Killed, message: "".into() },
            took: Duration::ZERO,
        };
        self.to.completed(ids.iter().map(lost).collect());
    }
}

const TEXTS: [(&str, &str); 2] = [
    ("work", "title = \"Work\"\ndue = \"1h\"\n[step.work]\nuse = \"play.say\"\n"),
    ("parent", "title = \"Parent\"\n[step.sub]\nrun = \"work\"\n[step.after]\nuse = \"play.say\"\n"),
];

struct Place {
    engine: Engine,
    driver: Driver<Memory>,
    held: Arc<Held>,
    store: Memory,
    hand: Arc<Hands>,
}

const LOT: usize = 10;

impl Place {
    fn begin(store: Memory, at: i64) -> Self {
        let opened = Opened::default().holding(workflows(&TEXTS));
        let held = Arc::new(Held { to: opened.completions(), calls: Mutex::default() });
        let hand = Hands::at(at);
        let config = EngineConfig { lot: NonZeroUsize::new(LOT).unwrap(), ..EngineConfig::default() };
        let reads = Arc::new(store.clone());
        let (engine, driver) = opened
            .by_hand(
                config,
                store.clone(),
                reads,
                held.clone(),
                world(actions("play", ["say"])),
                hand.clone(),
            )
            .unwrap();
        Self { engine, driver, held, store, hand }
    }

    /// Killed, and started again a second later.
    fn again(self) -> Self {
        let at = self.hand.now().0 + 1_000;
        Self::begin(self.store.clone_committed(), at)
    }

    fn settle(&mut self) {
        let (mut idle, mut turns) = (0, 0);
        while idle < 3 || !self.engine.health().ready {
            self.driver.turn();
            idle = if self.driver.write() { 0 } else { idle + 1 };
            turns += 1;
            assert!(turns < 10_000, "it never comes to rest: {:?}", self.left());
        }
    }

    fn starts(&mut self, workflow: &str, count: usize) -> Vec<RunId> {
        let mut asked: Vec<_> = (0..count).map(|_| self.start(workflow)).collect();
        asked.iter_mut().for_each(|start| assert!(heard(start).is_none()));
        self.settle();
        asked.iter_mut().map(|start| begun(heard(start).unwrap())).collect()
    }

    fn start(&self, workflow: &str) -> Pin<Box<dyn Future<Output = StartReply>>> {
        let (engine, text) = (self.engine.clone(), self.engine.shared.library.current(workflow).unwrap());
        let prepared =
            intake::prepare(&text, "{}", None, &world(actions("play", ["say"])), engine.shared.now())
                .unwrap();
        let started = Started { prepared, by: "operator".into(), firing: None };
        Box::pin(async move { engine.start(started).await.unwrap() })
    }

    fn act(&self, run: RunId, event: Event) -> Pin<Box<dyn Future<Output = ()>>> {
        let engine = self.engine.clone();
        Box::pin(async move { engine.act(run, event).await.unwrap() })
    }

    /// The events of a run that say that an attempt was lost, and all of them.
    fn journal(&self, run: RunId) -> Vec<String> {
        let lines = self.store.journal(run, 0, 100).unwrap();
        let event = |body: &[u8]| {
            let line: serde_json::Value = serde_json::from_slice(body).unwrap();
            line["event"].to_string()
        };
        lines.iter().map(|line| event(&line.body)).collect()
    }

    fn left(&self) -> Option<(u64, u64)> {
        self.engine.health().recovering
    }
}

fn heard<T>(asked: &mut Pin<Box<dyn Future<Output = T>>>) -> Option<T> {
    match asked.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(reply) => Some(reply),
        Poll::Pending => None,
    }
}

fn begun(reply: StartReply) -> RunId {
    match reply {
        StartReply::Started(run) => run,
        StartReply::Joined(_) | StartReply::Gathered { .. } => panic!("{reply:?}"),
    }
}

const START: i64 = 1_795_312_800_000;
const CUT: &str = "\"lost\"";

#[test]
fn a_run_begins_and_one_that_was_cut_is_cancelled_long_before_all_of_them_go_on() {
    let mut place = Place::begin(Memory::new(), START);
    let runs = place.starts("work", 500);
    let mut place = place.again();
    let health = place.engine.health();
    assert!(health.takes_in && !health.ready, "{health:?}");
    assert_eq!(place.left(), Some((490, 500)), "the first lot goes on before anybody is let in");

    let (mut start, last) = (place.start("work"), runs[499]);
    let cancelled = Event::Cancelled { opening: 0, by: "operator".into(), reason: "enough".into() };
    let mut cancel = place.act(last, cancelled);
    assert!(heard(&mut start).is_none() && heard(&mut cancel).is_none());
    for _ in 0..2 {
        place.driver.turn();
        place.driver.write();
    }
    place.driver.turn();
    begun(heard(&mut start).unwrap());
    heard(&mut cancel).unwrap();
    assert!(place.left().is_some_and(|(left, _)| left > 400), "{:?}", place.left());
    assert_eq!(place.store.row(last).unwrap().unwrap().state, RunState::Closing);
    let journal = place.journal(last);
    let cut = journal.iter().position(|line| line.contains(CUT)).unwrap();
    let cancelled = journal.iter().position(|line| line.contains("\"cancelled\"")).unwrap();
    assert!(cut < cancelled, "it learns that it was cut before anything else happens: {journal:#?}");

    place.settle();
    assert!(place.engine.health().ready && place.left().is_none());
    assert_eq!(place.held.answer_all(), 500, "499 that were cut, and the new one");
    place.settle();
    assert_eq!(place.store.row(last).unwrap().unwrap().state, RunState::Cancelled);
    for run in &runs[..499] {
        let journal = place.journal(*run);
        assert_eq!(journal.iter().filter(|line| line.contains(CUT)).count(), 1, "{journal:#?}");
    }
    let done = RunFilter { state: Some(RunState::Done), ..RunFilter::default() };
    assert_eq!(place.store.runs(&done, None, 1_000).unwrap().rows.len(), 500);
}

/// Nothing may be forgotten that was not yet looked at.
#[test]
fn those_that_a_second_crash_meets_before_they_went_on_go_on_after_it() {
    let mut place = Place::begin(Memory::new(), START);
    place.starts("work", 100);
    let mut place = place.again();
    place.driver.turn();
    place.driver.write();
    assert!(place.left().is_some());
    let mut place = place.again();
    assert_eq!(place.left(), Some((90, 100)));
    place.settle();
    assert_eq!(place.held.answer_all(), 100);
    place.settle();
    let done = RunFilter { state: Some(RunState::Done), ..RunFilter::default() };
    assert_eq!(place.store.runs(&done, None, 1_000).unwrap().rows.len(), 100);
}

#[test]
fn parents_hear_of_children_that_ended_before_the_crash_and_after_it() {
    let mut place = Place::begin(Memory::new(), START);
    place.starts("parent", 60);
    // The ends of the children are on disk, and no parent has heard of them.
    assert_eq!(place.held.answer_all(), 60);
    place.driver.turn();
    place.driver.write();
    let mut place = place.again();
    assert_eq!(place.left(), Some((50, 60)), "those that ended are not under way");
    place.settle();
    assert!(place.engine.health().ready);
    assert_eq!(place.held.answer_all(), 60, "each parent goes on once");
    place.settle();
    let done = RunFilter { state: Some(RunState::Done), ..RunFilter::default() };
    assert_eq!(place.store.runs(&done, None, 1_000).unwrap().rows.len(), 120);
}

#[test]
fn a_due_time_that_passed_meanwhile_is_told_once_those_that_were_cut_go_on() {
    let mut place = Place::begin(Memory::new(), START);
    let runs = place.starts("work", 50);
    place.hand.pass(2 * 3_600_000);
    let mut place = place.again();
    place.settle();
    for run in runs {
        let journal = place.journal(run);
        assert!(journal.iter().any(|line| line.contains("\"woke\"")), "{journal:#?}");
        assert_eq!(journal.iter().filter(|line| line.contains(CUT)).count(), 1, "{journal:#?}");
    }
}

/// Who stops it meanwhile gets it stopped; what did not go on yet does at the next start.
#[test]
fn a_stop_does_not_wait_for_those_that_do_not_go_on_yet() {
    let mut place = Place::begin(Memory::new(), START);
    place.starts("work", 200);
    let mut place = place.again();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _entered = runtime.enter();
    let engine = place.engine.clone();
    let mut stop: Pin<Box<dyn Future<Output = ()>>> =
        Box::pin(async move { engine.stop(Duration::ZERO).await });
    assert!(heard(&mut stop).is_none());
    let mut turns = 0;
    while place.driver.turn() {
        place.driver.write();
        place.held.answer_all();
        turns += 1;
        assert!(turns < 20, "it goes on with all of them first");
    }
    let mut place = place.again();
    place.settle();
    while place.held.answer_all() > 0 {
        place.settle();
    }
    let done = RunFilter { state: Some(RunState::Done), ..RunFilter::default() };
    assert_eq!(place.store.runs(&done, None, 1_000).unwrap().rows.len(), 200);
}
