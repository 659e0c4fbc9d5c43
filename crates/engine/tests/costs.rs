//! What a step costs, counted and not timed: commits, journal lines, rows, snapshots and bytes are the same on every
//! machine. Seconds are measured by `yizhan bench`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod stage;

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use yizhan_engine::carrier::{Call, CancelReason, Carriers, Completion, Completions, Outcome};
use yizhan_engine::store::{Acks, Batch, Reads, RunState, Store, StoreError};
use yizhan_engine::{Driver, Engine, EngineConfig, Opened, StartReply, Started, intake};
use yizhan_store::Memory;
use yizhan_workflow::id::RunId;

use stage::{Hands, START, actions, workflows, world};

/// Gives every call its input back, and counts the batches of them.
struct Echo {
    to: Arc<dyn Completions>,
    batches: AtomicUsize,
}

impl Carriers for Echo {
    fn start(&self, calls: Vec<Call>) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        let done = calls.into_iter().map(|call| {
            let outcome = Outcome::Done { output: (*call.input).into() };
            Completion { id: call.id, outcome, took: Duration::from_micros(7) }
        });
        self.to.completed(done.collect());
    }

    fn cancel(&self, _: &[u64], _: CancelReason) {}
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Costs {
    commits: usize,
    lines: usize,
    line_bytes: usize,
    rows: usize,
    snapshots: usize,
    snapshot_bytes: usize,
}

/// A store that counts what it is given.
struct Counted {
    store: Memory,
    costs: Arc<Mutex<Costs>>,
}

impl Store for Counted {
    fn commit(&mut self, batches: &[Batch]) -> Result<Vec<Acks>, StoreError> {
        let mut costs = self.costs.lock().unwrap();
        let changes: Vec<_> = batches.iter().flat_map(|batch| &batch.changes).collect();
        costs.commits += 1;
        costs.lines += changes.len();
        costs.line_bytes += changes.iter().map(|change| change.line.len()).sum::<usize>();
        costs.rows += changes.iter().filter(|change| change.row.is_some()).count();
        let snapshots = changes.iter().filter_map(|change| change.snapshot.as_ref());
        costs.snapshot_bytes += snapshots.clone().map(|body| body.len()).sum::<usize>();
        costs.snapshots += snapshots.count();
        drop(costs);
        self.store.commit(batches)
    }
}

struct Place {
    engine: Engine,
    driver: Driver<Counted>,
    echo: Arc<Echo>,
    store: Memory,
    costs: Arc<Mutex<Costs>>,
}

impl Place {
    fn with(text: &str) -> Self {
        let opened = Opened::default().holding(workflows(&[("costs", text)]));
        let (store, costs) = (Memory::new(), Arc::default());
        let echo = Arc::new(Echo { to: opened.completions(), batches: AtomicUsize::new(0) });
        let counted = Counted { store: store.clone(), costs: Arc::clone(&costs) };
        let reads = Arc::new(store.clone());
        let (engine, driver) = opened
            .by_hand(
                EngineConfig::default(),
                counted,
                reads,
                echo.clone(),
                world(actions("echo", ["echo"])),
                Hands::at(START),
            )
            .unwrap();
        *costs.lock().unwrap() = Costs::default();
        Self { engine, driver, echo, store, costs }
    }

    /// Starts so many at the same moment and drives them to their ends; what that cost.
    fn runs(mut self, count: usize) -> (Costs, usize) {
        let starts = (0..count).map(|_| {
            let (engine, text) = (self.engine.clone(), self.engine.shared.library.current("costs").unwrap());
            let (world, now) = (engine.shared.world(), engine.shared.now());
            let prepared = intake::prepare(&text, r#"{"who":"world"}"#, None, &world, now).unwrap();
            let started = Started { prepared, by: "operator".into(), firing: None };
            Box::pin(async move { engine.start(started).await })
        });
        let mut starts: Vec<_> = starts.collect();
        let mut started: Vec<RunId> = vec![];
        starts.retain_mut(|start| heard(start).is_none());
        // A turn may only hear what came of the last commit, and have something to write in the next.
        let mut idle = 0;
        while idle < 3 {
            self.driver.turn();
            idle = if self.driver.write() { 0 } else { idle + 1 };
        }
        started.extend(starts.iter_mut().filter_map(heard));
        assert_eq!(started.len(), count);
        for run in started {
            assert_eq!(self.store.row(run).unwrap().unwrap().state, RunState::Done);
        }
        let costs = self.costs.lock().unwrap().clone();
        (costs, self.echo.batches.load(Ordering::Relaxed))
    }
}

fn heard<F: Future<Output = Result<StartReply, yizhan_engine::StartError>>>(
    start: &mut Pin<Box<F>>,
) -> Option<RunId> {
    match start.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(StartReply::Started(run))) => Some(run),
        Poll::Ready(other) => panic!("{other:?}"),
        Poll::Pending => None,
    }
}

const STEPS: usize = 10;

/// As that of `yizhan bench steps`.
fn chain() -> String {
    let step = |i: usize| {
        let before = if i == 0 { "input.who".to_owned() } else { format!("step.s{}.text", i - 1) };
        format!(
            "[step.s{i}]\nuse = \"echo.echo\"\nwhen = \"input.who != 'nobody'\"\nwith.text = \"{{{{ {before} }}}}\"\n\
             with.said = \"{{{{ input.who }}}}, this is step {i} of a chain\"\n"
        )
    };
    let head = "title = \"costs\"\n[input]\nwho = { type = \"text\" }\n".to_owned();
    std::iter::once(head).chain((0..STEPS).map(step)).collect()
}

#[test]
fn a_run_alone_costs_one_commit_and_one_line_a_step_and_its_row_at_both_ends() {
    let (costs, batches) = Place::with(&chain()).runs(1);
    assert_eq!((costs.commits, costs.lines), (STEPS + 1, STEPS + 1), "the start, and the end of each step");
    assert_eq!((costs.rows, costs.snapshots), (2, 0), "a row that shows nothing new is not written");
    assert_eq!(batches, STEPS);
    // Some 180 of each are what the step was given and gave back; the others are names and numbers.
    assert!(costs.line_bytes <= 450 * (STEPS + 1), "{costs:?}");
}

#[test]
fn runs_that_go_at_the_same_time_share_their_commits_and_their_calls() {
    let (costs, batches) = Place::with(&chain()).runs(64);
    assert_eq!(costs.lines, 64 * (STEPS + 1));
    // One for all of them; where a turn is full the rest is in the next.
    assert!(costs.commits <= STEPS + 2, "{costs:?}");
    // The loop hands over to the writer every 32 lines, and what it acknowledges goes out together.
    assert!(batches <= 2 * STEPS, "{batches}");
}

#[test]
fn a_fan_out_of_a_thousand_writes_each_element_once_and_its_state_a_few_times() {
    let text = "title = \"costs\"\n[input]\nwho = { type = \"text\" }\n[step.all]\nuse = \"echo.echo\"\neach = \"{{ range(1, 1001) }}\"\nat_once = 64\nwith.text = \"{{ item }}\"\n";
    let (costs, _) = Place::with(text).runs(1);
    assert_eq!(costs.lines, 1_001);
    assert_eq!(costs.rows, 2);
    assert!(costs.line_bytes <= 310 * 1_000, "{costs:?}");
    // Once the lines since the last outweigh it, there is a new one: the sum stays a small multiple of the lines.
    assert!((1..=8).contains(&costs.snapshots), "{costs:?}");
    assert!(costs.snapshot_bytes <= 2 * costs.line_bytes, "{costs:?}");
}
