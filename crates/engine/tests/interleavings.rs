//! The queue between those who ask, the loop and the writer under thousands of interleavings: whoever goes on first,
//! nothing is said before it is on disk, nothing changes its order, and nobody is left waiting.
//!
//! `cargo test -p yizhan-engine --features shuttle --test interleavings`; `YIZHAN_LONG=1` for a hundred times as many.
//! What fails prints its schedule, and `shuttle::replay` plays it again.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod stage;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use futures_util::future::join3;
use shuttle::future::block_on;
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner, thread};
use yizhan_engine::carrier::{Call, CancelReason, Carriers, Completion, Completions, Outcome};
use yizhan_engine::library::Workflows;
use yizhan_engine::store::{Acks, Batch, Reads, RunState, Store, StoreError, Timing};
use yizhan_engine::{
    ActError, Engine, EngineConfig, Opened, PublishError, Publishing, StartError, StartReply, Started, intake,
};
use yizhan_store::Memory;
use yizhan_workflow::id::RunId;
use yizhan_workflow::run::event::Raw;

use stage::{Hands, START, actions, workflows, world};

/// Interleavings of one story with every change.
const SHORT: usize = 400;
/// So many points at which the order is turned round are enough for the faults that are known.
const TURNS: usize = 3;

/// Plays a story under many interleavings: at random, and with few turns at the worst moments.
fn under_every_order(story: impl Fn() + Send + Sync + 'static) {
    let times = if std::env::var_os("YIZHAN_LONG").is_some() { SHORT * 100 } else { SHORT };
    let story = Arc::new(story);
    play(RandomScheduler::new_from_seed(7, times / 2), story.clone());
    play(PctScheduler::new_from_seed(7, TURNS, times / 2), story);
}

fn play(scheduler: impl Scheduler + 'static, story: Arc<impl Fn() + Send + Sync + 'static>) {
    let mut config = Config::new();
    config.stack_size = 1 << 20; // Deciding takes more than a queue does.
    Runner::new(scheduler, config).run(move || story());
}

/// Every call is done, and says so from a thread of its own.
struct Plugins(Arc<dyn Completions>);

impl Carriers for Plugins {
    fn start(&self, calls: Vec<Call>) {
        let to = self.0.clone();
        let done = |call: Call| Completion {
            id: call.id,
            outcome: Outcome::Done { output: "{}".into() },
            took: Duration::ZERO,
        };
        let all = calls.into_iter().map(done).collect();
        thread::spawn(move || to.completed(all));
    }

    fn cancel(&self, _: &[u64], _: CancelReason) {}
}

/// What is wrong with the disk.
#[derive(Clone, Default)]
struct Disk {
    store: Memory,
    /// So many commits are still refused for want of space.
    full: Arc<AtomicUsize>,
    /// So many are still taken before it breaks; nothing is: it never does.
    left: Option<Arc<AtomicUsize>>,
    /// It says that each commit takes long, so that the writer waits for those on their way back.
    slow: bool,
    /// The lines of what was written ahead, batch by batch.
    ahead: Vec<Vec<(RunId, u32)>>,
}

fn lines(batches: &[Batch]) -> Vec<Vec<(RunId, u32)>> {
    let of = |batch: &Batch| batch.changes.iter().map(|change| (change.run, change.seq)).collect();
    batches.iter().map(of).collect()
}

fn one_of(count: &AtomicUsize) -> bool {
    count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

impl Store for Disk {
    fn commit(&mut self, batches: &[Batch]) -> Result<Vec<Acks>, StoreError> {
        let ahead = std::mem::take(&mut self.ahead);
        assert!(
            lines(batches).starts_with(&ahead),
            "{ahead:?} was written ahead, and another lot is to be kept"
        );
        // While the disk is at work everybody else goes on.
        thread::yield_now();
        if self.left.as_ref().is_some_and(|left| !one_of(left)) {
            return Err(StoreError::Broken("as was asked for".into()));
        }
        if !batches.iter().all(Batch::is_empty) && one_of(&self.full) {
            return Err(StoreError::Full("as was asked for".into()));
        }
        let acks = self.store.commit(batches);
        thread::yield_now();
        acks
    }

    fn write_ahead(&mut self, batches: &[Batch]) {
        let now = lines(batches);
        assert!(now.starts_with(&self.ahead), "{:?} was written ahead, and now {now:?}", self.ahead);
        self.ahead = now;
    }

    fn timing(&self) -> Timing {
        let commit = Duration::from_millis(if self.slow { 2 } else { 0 });
        Timing { commit, apply: Duration::ZERO }
    }
}

/// The text is read once: it is not what is looked at here.
static FILES: LazyLock<Workflows> =
    LazyLock::new(|| workflows(&[("say", "title = \"Say\"\n[step.say]\nuse = \"play.say\"\n")]));

fn house(disk: Disk, requests_max: usize) -> Engine {
    let opened = Opened::default().holding(FILES.clone());
    let plugins = Arc::new(Plugins(opened.completions()));
    let config = EngineConfig { requests_max, ..EngineConfig::default() };
    let reads: Arc<dyn Reads> = Arc::new(disk.store.clone());
    opened.start(config, disk, reads, plugins, world(actions("play", ["say"])), Hands::at(START)).unwrap()
}

async fn begin(engine: &Engine) -> Result<RunId, StartError> {
    let text = engine.shared.library.current("say").unwrap();
    let prepared = intake::prepare(&text, "{}", None, &engine.shared.world(), engine.shared.now()).unwrap();
    match engine.start(Started { prepared, by: "operator".into(), firing: None }).await? {
        StartReply::Started(run) => Ok(run),
        other @ (StartReply::Joined(_) | StartReply::Gathered { .. }) => panic!("{other:?}"),
    }
}

fn news(id: &str) -> Publishing {
    let payload = Raw::new("null".into()).unwrap();
    Publishing { id: Some(id.into()), name: "news".into(), key: String::new(), payload }
}

#[test]
fn what_is_acknowledged_is_on_disk_and_every_run_comes_to_its_end() {
    under_every_order(|| {
        let disk = Disk { slow: true, ..Disk::default() };
        let store = disk.store.clone();
        let engine = house(disk, 100);
        let client = |store: Memory, engine: Engine| {
            thread::spawn(move || {
                block_on(async {
                    let mut ended = engine.shared.ended.subscribe();
                    let run = begin(&engine).await.unwrap();
                    assert!(store.row(run).unwrap().is_some(), "{run} was acknowledged too early");
                    while ended.recv().await.unwrap() != run {}
                    assert_eq!(store.row(run).unwrap().unwrap().state, RunState::Done);
                });
            })
        };
        let clients = [client(store.clone(), engine.clone()), client(store, engine.clone())];
        clients.into_iter().for_each(|client| client.join().unwrap());
        block_on(engine.stop(Duration::from_secs(3600)));
    });
}

#[test]
fn what_one_asker_brings_is_written_in_the_order_of_its_coming() {
    under_every_order(|| {
        let disk = Disk::default();
        let store = disk.store.clone();
        let engine = house(disk, 100);
        let client = |name: &'static str, engine: Engine| {
            thread::spawn(move || {
                let ids = ["1", "2", "3"].map(|number| format!("{name}{number}"));
                let [a, b, c] = ids.map(|id| engine.publish(news(&id)));
                block_on(join3(a, b, c))
            })
        };
        let clients = [client("a", engine.clone()), client("b", engine.clone())];
        for client in clients {
            let (a, b, c) = client.join().unwrap();
            assert!([a, b, c].iter().all(|answer| !answer.as_ref().unwrap().repeated));
        }
        for name in ["a", "b"] {
            let number =
                |of: &str| store.event("news", &format!("{name}{of}")).unwrap().expect("on disk").number;
            assert!(number("1") < number("2") && number("2") < number("3"), "those of {name}");
        }
        block_on(engine.stop(Duration::from_secs(3600)));
    });
}

#[test]
fn a_queue_that_is_full_refuses_and_takes_in_again_once_there_is_room() {
    static REFUSED: AtomicUsize = AtomicUsize::new(0);
    under_every_order(|| {
        let disk = Disk::default();
        let store = disk.store.clone();
        let engine = house(disk, 2);
        let client = |id: String, engine: Engine| thread::spawn(move || block_on(engine.publish(news(&id))));
        let clients = [0, 1, 2, 3].map(|number| client(number.to_string(), engine.clone()));
        for (number, client) in clients.into_iter().enumerate() {
            let answer = client.join().unwrap();
            let is_there = store.event("news", &number.to_string()).unwrap().is_some();
            let refused = matches!(answer, Err(PublishError::Act(ActError::Busy)));
            assert!(answer.is_ok() || refused, "{answer:?}");
            assert_eq!(is_there, !refused, "what is refused is not written, and what is not is");
            REFUSED.fetch_add(usize::from(refused), Ordering::Relaxed);
        }
        block_on(engine.publish(news("late"))).expect("nobody waits any more");
        block_on(engine.stop(Duration::from_secs(3600)));
    });
    assert!(REFUSED.load(Ordering::Relaxed) > 0, "it was never full");
}

#[test]
fn of_a_full_disk_everybody_hears_and_what_was_promised_is_written_once_there_is_space() {
    static REFUSED: AtomicUsize = AtomicUsize::new(0);
    under_every_order(|| {
        let disk = Disk { slow: true, ..Disk::default() };
        let (store, full) = (disk.store.clone(), disk.full.clone());
        let engine = house(disk, 100);
        let mut ended = engine.shared.ended.subscribe();
        let first = block_on(begin(&engine)).unwrap();
        full.store(2, Ordering::SeqCst);
        let client = |engine: Engine| thread::spawn(move || block_on(begin(&engine)));
        let clients = [client(engine.clone()), client(engine.clone())];
        for client in clients {
            match client.join().unwrap() {
                Ok(run) => assert!(store.row(run).unwrap().is_some(), "{run} was acknowledged too early"),
                Err(StartError::Act(ActError::DiskFull)) => drop(REFUSED.fetch_add(1, Ordering::Relaxed)),
                Err(other) => panic!("{other}"),
            }
        }
        // It had begun before: nothing of it is lost.
        block_on(async { while ended.recv().await.unwrap() != first {} });
        let runs = store.row(first).unwrap().unwrap();
        assert_eq!(runs.state, RunState::Done);
        block_on(engine.stop(Duration::from_secs(3600)));
    });
    assert!(REFUSED.load(Ordering::Relaxed) > 0, "it was never full");
}

#[test]
fn when_the_disk_breaks_nobody_is_left_waiting_and_nothing_unwritten_is_acknowledged() {
    static BROKE: AtomicBool = AtomicBool::new(false);
    under_every_order(|| {
        let turn = shuttle::rand::Rng::gen_range(&mut shuttle::rand::thread_rng(), 1..6);
        let left = Some(Arc::new(AtomicUsize::new(turn)));
        let disk = Disk { left, ..Disk::default() };
        let store = disk.store.clone();
        let engine = house(disk, 100);
        let client = |engine: Engine| {
            let store = store.clone();
            thread::spawn(move || match block_on(begin(&engine)) {
                Ok(run) => assert!(store.row(run).unwrap().is_some(), "{run} was acknowledged too early"),
                Err(StartError::Act(ActError::Stopping)) => BROKE.store(true, Ordering::Relaxed),
                Err(other) => panic!("{other}"),
            })
        };
        let clients = [client(engine.clone()), client(engine.clone()), client(engine.clone())];
        clients.into_iter().for_each(|client| client.join().unwrap());
        block_on(engine.stop(Duration::from_secs(3600)));
    });
    assert!(BROKE.load(Ordering::Relaxed), "it never broke while somebody waited");
}

#[test]
fn a_stop_answers_everybody_and_ends_both_threads() {
    static CUT: Mutex<[usize; 2]> = Mutex::new([0; 2]);
    under_every_order(|| {
        let disk = Disk::default();
        let store = disk.store.clone();
        let engine = house(disk, 100);
        let client = |engine: Engine| {
            let store = store.clone();
            thread::spawn(move || {
                let answer = block_on(begin(&engine));
                CUT.lock().unwrap()[usize::from(answer.is_ok())] += 1;
                match answer {
                    Ok(run) => assert!(store.row(run).unwrap().is_some(), "{run} was acknowledged too early"),
                    Err(StartError::Act(ActError::Stopping)) => {}
                    Err(other) => panic!("{other}"),
                }
            })
        };
        let clients = [client(engine.clone()), client(engine.clone())];
        // Shuttle itself says when a thread is left over that waits for ever: the loop, the writer, or an asker.
        block_on(engine.stop(Duration::from_secs(3600)));
        clients.into_iter().for_each(|client| client.join().unwrap());
        assert!(engine.shared.stopped.load(Ordering::SeqCst));
    });
    assert!(CUT.lock().unwrap().iter().all(|count| *count > 0), "both came: {CUT:?}");
}
