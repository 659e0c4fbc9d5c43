//! What waits for others, with the real engine: places under a limit, events, children that nobody waits for.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may")]

#[path = "waiting/due.rs"]
mod due;
#[path = "waiting/pausing.rs"]
mod pausing;
mod stage;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use yizhan_engine::carrier::{Call, CancelReason, Carriers, Completion, Completions, Outcome};
use yizhan_engine::store::{
    Acks, Batch, Firing, FiringOutcome, Reads, RunFilter, RunRow, RunState, SlotStands, Store, StoreError,
    TaskFilter,
};
use yizhan_engine::{
    Engine, EngineConfig, Opened, PublishReply, Publishing, StartReply, Started, event_triggers, intake, live,
};
use yizhan_store::Memory;
use yizhan_workflow::calendar::Calendars;
use yizhan_workflow::catalogue::Catalogue;
use yizhan_workflow::id::{Millis, RunId};
use yizhan_workflow::people::People;
use yizhan_workflow::run::clock::ClockWhy;
use yizhan_workflow::run::event::{Event, Fact, Failure, Happened, Raw};
use yizhan_workflow::run::state::Phase;
use yizhan_workflow::run::{Line, World};

/// `play.say` answers at once, `play.hold` when it is let go, `play.fail` fails, and so does
/// `play.flaky`, which may be tried again.
struct Script {
    to: Arc<dyn Completions>,
    held: Mutex<Vec<Call>>,
}

impl Carriers for Script {
    fn start(&self, calls: Vec<Call>) {
        let (hold, go): (Vec<_>, Vec<_>) = calls.into_iter().partition(|call| &*call.action == "hold");
        self.held.lock().unwrap().extend(hold);
        let done = |call: Call| Completion { id: call.id, outcome: outcome(&call), took: Duration::ZERO };
        self.to.completed(go.into_iter().map(done).collect());
    }

    fn cancel(&self, _: &[u64], _: CancelReason) {}
}

fn outcome(call: &Call) -> Outcome {
    if matches!(&*call.action, "fail" | "flaky") {
        return Outcome::Failed(Failure {
            code: "play.failed".into(),
            message: "as was asked for".into(),
            retry: &*call.action == "flaky",
            retry_after_ms: None,
            happened: Happened::No,
        });
    }
    Outcome::Done { output: "{}".into() }
}

struct Slow {
    store: Memory,
    gate: Gate,
    written: Arc<Mutex<Vec<RunId>>>,
}

impl Store for Slow {
    fn commit(&mut self, batches: &[Batch]) -> Result<Vec<Acks>, StoreError> {
        self.gate.pass(batches);
        let changes = batches.iter().flat_map(|batch| &batch.changes);
        self.written.lock().unwrap().extend(changes.map(|change| change.run));
        self.store.commit(batches)
    }
}

struct Place {
    engine: Engine,
    world: World,
    store: Memory,
    gate: Gate,
    /// Of which run each line is, in the order of writing.
    written: Arc<Mutex<Vec<RunId>>>,
    hands: Arc<Hands>,
    script: Arc<Script>,
    triggers: tokio::task::JoinHandle<()>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.triggers.abort();
        self.gate.set(usize::MAX);
    }
}

fn world() -> World {
    let mut catalogue = Catalogue::built_in();
    catalogue.actions.extend(actions("play", ["say", "fail", "flaky", "hold"]).actions);
    World {
        people: Arc::new(People::read("[person.ann]\nname = \"Ann\"\n").unwrap()),
        owner: Some("role:owner".into()),
        ..stage::world(catalogue)
    }
}

fn place(store: Memory, at: i64, texts: &[(&str, &str)]) -> Place {
    let hands = Hands::at(at);
    let gate = Gate::open();
    let opened = Opened::default().holding(workflows(texts));
    let script = Arc::new(Script { to: opened.completions(), held: Mutex::default() });
    let written = Arc::default();
    let slow = Slow { store: store.clone(), gate: gate.clone(), written: Arc::clone(&written) };
    let reads = Arc::new(store.clone());
    let (world, config) = (world(), EngineConfig::default());
    let engine = opened.start(config, slow, reads, script.clone(), world.clone(), hands.clone()).unwrap();
    let triggers = tokio::spawn(event_triggers::answer(engine.clone()));
    Place { engine, world, store, gate, written, hands, script, triggers }
}

impl Place {
    async fn start(&self, workflow: &str, input: &str) -> RunId {
        let text = self.engine.shared.library.current(workflow).unwrap();
        let prepared = intake::prepare(&text, input, None, &self.world, self.engine.shared.now()).unwrap();
        let started = Started { prepared, by: "operator".into(), firing: None };
        match self.engine.start(started).await.unwrap() {
            StartReply::Started(run) | StartReply::Joined(run) => run,
            StartReply::Gathered { .. } => panic!("no trigger gathers here"),
        }
    }

    async fn pass(&self, milliseconds: i64) {
        self.hands.pass(milliseconds);
        assert!(self.engine.turns(Duration::from_secs(5)).await);
    }

    async fn until(&self, what: &str, is: impl Fn(&Self) -> bool) {
        self.until_within(Duration::from_secs(10), what, is).await;
    }

    async fn until_within(&self, within: Duration, what: &str, is: impl Fn(&Self) -> bool) {
        let end = Instant::now() + within;
        while !is(self) {
            assert!(Instant::now() < end, "it never came to be: {what}; {}", self.told());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// How it stands, for who reads of a failure.
    fn told(&self) -> String {
        let rows = self.store.runs(&RunFilter::default(), None, 9).unwrap().rows;
        let row = |row: &RunRow| format!("{} {:?} {:?} {:?}", row.id, row.state, row.waits, row.outcome);
        rows.iter().map(row).collect::<Vec<_>>().join(", ")
    }

    async fn until_state(&self, run: RunId, state: RunState) {
        self.until(&format!("{run} is {state:?}"), |place| place.state(run) == Some(state)).await;
    }

    fn state(&self, run: RunId) -> Option<RunState> {
        self.store.row(run).unwrap().map(|row| row.state)
    }

    fn waits(&self, run: RunId) -> Option<String> {
        self.store.row(run).unwrap()?.waits.map(|word| word.to_string())
    }

    async fn until_waits(&self, run: RunId, word: &str) {
        self.until(&format!("{run} waits for a {word}"), |place| place.waits(run).as_deref() == Some(word))
            .await;
    }

    /// The runs whose calls are under way.
    fn held(&self) -> Vec<RunId> {
        self.script.held.lock().unwrap().iter().map(|call| call.run.parse().unwrap()).collect()
    }

    async fn until_held(&self, runs: &[RunId]) {
        self.until(&format!("{runs:?} are at work"), |place| place.held() == runs).await;
        // Nobody else comes after them.
        self.settle().await;
        assert_eq!(self.held(), runs);
    }

    /// What is under way in the engine itself has come to rest.
    async fn settle(&self) {
        for _ in 0..3 {
            assert!(self.engine.progresses(Duration::from_secs(5)).await);
        }
    }

    fn let_go(&self, run: RunId) {
        let mut held = self.script.held.lock().unwrap();
        let at = held.iter().position(|call| *call.run == *run.to_string()).unwrap();
        let call = held.remove(at);
        let outcome = Outcome::Done { output: "{}".into() };
        self.script.to.completed(vec![Completion { id: call.id, outcome, took: Duration::ZERO }]);
    }

    async fn cancel(&self, run: RunId) {
        let event = Event::Cancelled { opening: 0, by: "operator".into(), reason: "enough".into() };
        self.engine.act(run, event).await.unwrap();
    }

    async fn publish(&self, id: Option<&str>, name: &str, key: &str, payload: &str) -> PublishReply {
        let payload = Raw::new(payload.to_owned()).unwrap();
        let publishing =
            Publishing { id: id.map(str::to_owned), name: name.to_owned(), key: key.to_owned(), payload };
        self.engine.publish(publishing).await.unwrap()
    }

    fn holders(&self) -> usize {
        let all = self.store.slot_holders(None).unwrap();
        all.iter().filter(|row| row.stands == SlotStands::Holds).count()
    }

    fn output(&self, run: RunId) -> String {
        let run = live::load(run, &self.store).unwrap().run;
        let Phase::Over { output, .. } = run.top.phase else { panic!("{} is open", run.id) };
        output.unwrap().get().to_owned()
    }

    fn runs_of(&self, workflow: &str) -> Vec<RunId> {
        let filter = RunFilter { workflow: Some(workflow.into()), ..RunFilter::default() };
        self.store.runs(&filter, None, 99).unwrap().rows.iter().map(|row| row.id).collect()
    }

    /// The power goes, and comes again.
    fn crashed(&self, texts: &[(&str, &str)]) -> Self {
        let at = self.engine.shared.now().0 + 1_000;
        place(self.store.clone_committed(), at, texts)
    }

    fn is_whole(&self) {
        assert_eq!(self.store.verify().unwrap(), Vec::<String>::new());
        assert_eq!(
            (self.store.slot_holders(None).unwrap(), self.store.slot_keys().unwrap()),
            (vec![], vec![])
        );
    }
}

// ---- limits -------------------------------------------------------------------------------------------------------

const CRM: &str = r#"
[input]
urgent = { type = "yesno", required = false }
[step.call]
use = "play.hold"
limit = { key = "crm", most = 1 }
priority = "{{ input.urgent }}"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn places_are_given_by_priority_and_then_in_the_order_of_asking() {
    let place = place(Memory::new(), START, &[("crm", CRM)]);
    let first = place.start("crm", "{}").await;
    place.until_held(&[first]).await;
    let second = place.start("crm", "{}").await;
    let third = place.start("crm", "{}").await;
    let urgent = place.start("crm", r#"{"urgent":true}"#).await;
    place.until_waits(urgent, "slot").await;
    place.until_held(&[first]).await;
    for [over, next] in [[first, urgent], [urgent, second], [second, third]] {
        place.let_go(over);
        place.until_held(&[next]).await;
        assert_eq!(place.holders(), 1);
    }
    place.let_go(third);
    place.until_state(third, RunState::Done).await;
    place.is_whole();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_cancelled_while_it_waits_leaves_the_line() {
    let place = place(Memory::new(), START, &[("crm", CRM)]);
    let [first, second, third] =
        [place.start("crm", "{}").await, place.start("crm", "{}").await, place.start("crm", "{}").await];
    place.until_held(&[first]).await;
    place.cancel(second).await;
    place.until_state(second, RunState::Cancelled).await;
    place.let_go(first);
    place.until_held(&[third]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_the_line_is_as_it_was_and_no_place_is_lost_or_doubled() {
    let texts = [("crm", CRM)];
    let before = place(Memory::new(), START, &texts);
    let first = before.start("crm", "{}").await;
    let second = before.start("crm", "{}").await;
    let urgent = before.start("crm", r#"{"urgent":true}"#).await;
    before.until_waits(urgent, "slot").await;
    before.until_held(&[first]).await;
    // The holder is done, and the disk takes that and nothing after it: nobody was let in.
    before.gate.set(1);
    before.let_go(first);
    before.until_state(first, RunState::Done).await;
    let after = before.crashed(&texts);
    after.until_held(&[urgent]).await;
    assert_eq!(after.holders(), 1);
    // Whoever had the place has it again; it was in the middle of its call.
    let again = after.crashed(&texts);
    again.until_held(&[urgent]).await;
    again.let_go(urgent);
    again.until_held(&[second]).await;
    again.let_go(second);
    again.until_state(second, RunState::Done).await;
    again.is_whole();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_lets_the_next_one_in_when_its_window_has_room_also_after_a_crash() {
    let texts =
        [("mails", "[step.send]\nuse = \"play.say\"\nlimit = { key = \"mail\", rate = \"2 per 1h\" }\n")];
    let before = place(Memory::new(), START, &texts);
    let mut runs = vec![];
    for _ in 0..4 {
        runs.push(before.start("mails", "{}").await);
    }
    before.until_state(runs[1], RunState::Done).await;
    before.pass(1_800_000).await;
    before.settle().await;
    assert_eq!(before.waits(runs[2]).as_deref(), Some("slot"));
    let after = before.crashed(&texts);
    after.settle().await;
    assert_eq!(after.waits(runs[2]).as_deref(), Some("slot"));
    after.pass(1_800_000).await;
    after.until_state(runs[2], RunState::Done).await;
    after.until_state(runs[3], RunState::Done).await;
    assert_eq!(after.store.grants(Millis(0)).unwrap().len(), 2, "those that no window counts are forgotten");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_counts_inside_the_place_that_its_parent_holds() {
    let parent = "[step.sub]\nrun = \"middle\"\nlimit = { key = \"room\", most = 1 }\n";
    let middle = "[step.sub]\nrun = \"child\"\n";
    let child = "[step.work]\nuse = \"play.hold\"\nlimit = { key = \"room\", most = 1 }\n";
    let texts = [("parent", parent), ("middle", middle), ("child", child)];
    let before = place(Memory::new(), START, &texts);
    let first = before.start("parent", "{}").await;
    let second = before.start("parent", "{}").await;
    before.until_waits(second, "slot").await;
    before.until("the child is at work", |place| place.held().len() == 1).await;
    assert_eq!((before.holders(), before.store.slot_holders(None).unwrap().len()), (1, 2));
    // After a crash just as well, the share of the child is not taken for a place of its own.
    let after = before.crashed(&texts);
    after.until("the child is at work", |place| place.held().len() == 1).await;
    after.let_go(after.held()[0]);
    after.until_state(first, RunState::Done).await;
    after.until("the child of the other is at work", |place| place.held().len() == 1).await;
    after.let_go(after.held()[0]);
    after.until_state(second, RunState::Done).await;
    after.is_whole();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_a_limit_begins_one_run_after_the_other_also_over_crashes() {
    let text = "limit = { key = \"crew\", most = 1 }\npriority = \"{{ input.urgent }}\"\n\
                [input]\nurgent = { type = \"yesno\", required = false }\n\
                [step.work]\nuse = \"play.hold\"\n[step.sub]\nrun = \"child\"\n";
    // What a run starts counts in the place that the run has.
    let child = "limit = { key = \"crew\", most = 1 }\n[step.work]\nuse = \"play.hold\"\n";
    let texts = [("visit", text), ("child", child)];
    let before = place(Memory::new(), START, &texts);
    let first = before.start("visit", "{}").await;
    let second = before.start("visit", "{}").await;
    let third = before.start("visit", "{}").await;
    let urgent = before.start("visit", r#"{"urgent":true}"#).await;
    before.until_waits(urgent, "slot").await;
    before.until_held(&[first]).await;
    let after = before.crashed(&texts);
    after.until_held(&[first]).await;
    after.cancel(second).await;
    after.until_state(second, RunState::Cancelled).await;
    for run in [first, urgent, third] {
        after.until_held(&[run]).await;
        assert_eq!(after.holders(), 1);
        after.let_go(run);
        after.until("its child is at work", |place| place.held().len() == 1 && place.held() != [run]).await;
        after.let_go(after.held()[0]);
        after.until_state(run, RunState::Done).await;
    }
    after.is_whole();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_holds_steps_keeps_its_place_over_a_crash() {
    let text =
        "[step.room]\nlimit = { key = \"room\", most = 1 }\n[step.room.step.work]\nuse = \"play.hold\"\n";
    let texts = [("room", text)];
    let before = place(Memory::new(), START, &texts);
    let first = before.start("room", "{}").await;
    let second = before.start("room", "{}").await;
    before.until_waits(second, "slot").await;
    before.until_held(&[first]).await;
    let after = before.crashed(&texts);
    after.until_held(&[first]).await;
    after.settle().await;
    assert_eq!((after.held(), after.waits(second).as_deref()), (vec![first], Some("slot")));
    after.let_go(first);
    after.until_held(&[second]).await;
    after.let_go(second);
    after.until_state(second, RunState::Done).await;
    after.is_whole();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_wait_for_one_place_each_get_it() {
    let all: Vec<_> = (0..600).collect();
    let text = format!(
        "[step.work]\neach = \"{{{{ {all:?} }}}}\"\nuse = \"play.say\"\nlimit = {{ key = \"k\", most = 1 }}\n"
    );
    let place = place(Memory::new(), START, &[("many", &text)]);
    let run = place.start("many", "{}").await;
    place.until_state(run, RunState::Done).await;
    place.is_whole();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_rests_gives_its_place_back_and_keeps_its_turn() {
    let flaky = "[step.call]\nuse = \"play.flaky\"\nlimit = { key = \"crm\", most = 1 }\nretry = { times = 9, first = \"1h\", jitter = 0.0 }\n";
    let place = place(Memory::new(), START, &[("crm", CRM), ("flaky", flaky)]);
    let flaky = place.start("flaky", "{}").await;
    place.until_waits(flaky, "time").await;
    let second = place.start("crm", "{}").await;
    let third = place.start("crm", "{}").await;
    place.until_held(&[second]).await;
    place.pass(3_600_000).await;
    place.until_waits(flaky, "slot").await;
    // It asked first, long ago: it is let in before the third, fails once more and rests.
    place.let_go(second);
    place.until_held(&[third]).await;
    assert_eq!(place.waits(flaky).as_deref(), Some("time"));
    place.let_go(third);
    place.until_state(third, RunState::Done).await;
    place.cancel(flaky).await;
    place.until_state(flaky, RunState::Cancelled).await;
    place.is_whole();
}

// ---- events -------------------------------------------------------------------------------------------------------

const PAID: &str = r#"
key = "{{ input.order }}"
[input]
order = { type = "text" }
[step.paid]
await = "invoice.paid"
where = { amount = { from = 5 } }
[output]
amount = "{{ step.paid.amount }}"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_event_reaches_every_run_of_its_key_that_waits_for_it_and_no_other() {
    let place = place(Memory::new(), START, &[("paid", PAID)]);
    let one = place.start("paid", r#"{"order":"A-7"}"#).await;
    let two = place.start("paid", r#"{"order":"A-7"}"#).await;
    let other = place.start("paid", r#"{"order":"A-8"}"#).await;
    for run in [one, two, other] {
        place.until_waits(run, "event").await;
    }
    place.publish(None, "invoice.paid", "A-7", r#"{"amount":4}"#).await;
    place.publish(None, "invoice.sent", "A-7", r#"{"amount":9}"#).await;
    place.publish(None, "invoice.paid", "A-7", r#"{"amount":7}"#).await;
    place.until_state(one, RunState::Done).await;
    place.until_state(two, RunState::Done).await;
    assert_eq!(place.output(one), r#"{"amount":7}"#);
    place.settle().await;
    assert_eq!(place.waits(other).as_deref(), Some("event"));
    place.cancel(other).await;
    place.until_state(other, RunState::Cancelled).await;
    assert_eq!(place.store.verify().unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_event_since_the_run_began_is_taken_though_the_step_opened_later() {
    let text = format!("{PAID}[step.first]\nneeds = []\nwait = \"1h\"\n")
        .replace("await", "needs = [\"first\"]\nawait");
    let place = place(Memory::new(), START, &[("paid", &text)]);
    place.publish(None, "invoice.paid", "A-7", r#"{"amount":1000}"#).await;
    place.pass(1_000).await;
    let run = place.start("paid", r#"{"order":"A-7"}"#).await;
    // More than are looked at in one turn.
    for _ in 0..120 {
        place.publish(None, "invoice.paid", "A-7", r#"{"amount":1}"#).await;
    }
    place.publish(None, "invoice.paid", "A-7", r#"{"amount":7}"#).await;
    place.publish(None, "invoice.paid", "A-7", r#"{"amount":8}"#).await;
    place.pass(3_600_000).await;
    place.until_state(run, RunState::Done).await;
    assert_eq!(place.output(run), r#"{"amount":7}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_twice_with_one_id_is_one_event_and_within_a_run_the_first_to_listen_gets_it() {
    let text = r#"
[step.a]
await = "bell"
key = "k"
[step.b]
needs = []
await = "bell"
key = "k"
[output]
a = "{{ step.a.n }}"
b = "{{ step.b.n }}"
"#;
    let place = place(Memory::new(), START, &[("two", text)]);
    let run = place.start("two", "{}").await;
    place.until_waits(run, "event").await;
    let first = place.publish(Some("x1"), "bell", "k", r#"{"n":1}"#).await;
    let again = place.publish(Some("x1"), "bell", "k", r#"{"n":2}"#).await;
    assert_eq!((first.repeated, again.repeated, &again.id), (false, true, &first.id));
    place.settle().await;
    assert_eq!(place.waits(run).as_deref(), Some("event"), "one event is taken once by a run");
    place.publish(Some("x2"), "bell", "k", r#"{"n":3}"#).await;
    place.until_state(run, RunState::Done).await;
    assert_eq!(place.output(run), r#"{"a":1,"b":3}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_accepted_before_a_crash_is_taken_after_it() {
    let texts = [("paid", PAID)];
    let before = place(Memory::new(), START, &texts);
    let run = before.start("paid", r#"{"order":"A-7"}"#).await;
    before.until_waits(run, "event").await;
    before.settle().await;
    // The disk takes the event and no line of a run any more.
    before.gate.set(0);
    before.publish(None, "invoice.paid", "A-7", r#"{"amount":7}"#).await;
    let after = before.crashed(&texts);
    after.until_state(run, RunState::Done).await;
    assert_eq!(after.output(run), r#"{"amount":7}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_came_after_a_run_reaches_it_though_the_clock_was_set_back_between_the_two() {
    let texts = [("paid", PAID)];
    let before = place(Memory::new(), START, &texts);
    let one = before.start("paid", r#"{"order":"A-7"}"#).await;
    let two = before.start("paid", r#"{"order":"A-8"}"#).await;
    for run in [one, two] {
        before.until_waits(run, "event").await;
    }
    before.pass(-80_000).await;
    before.publish(None, "invoice.paid", "A-7", r#"{"amount":7}"#).await;
    before.until_state(one, RunState::Done).await;
    before.settle().await;
    let after = before.crashed(&texts);
    after.pass(-80_000).await;
    after.publish(None, "invoice.paid", "A-8", r#"{"amount":8}"#).await;
    after.until_state(two, RunState::Done).await;
    assert_eq!((after.output(one), after.output(two)), (r#"{"amount":7}"#.into(), r#"{"amount":8}"#.into()));
}

const TELLER: &str = r#"
[step.tell]
use = "event.publish"
with = { name = "invoice.paid", key = "A-7", payload = { amount = 9 } }
[output]
key = "{{ step.tell.key }}"
"#;

use stage::{Gate, Hands, START, actions, workflows};

#[tokio::test(flavor = "multi_thread")]
async fn a_step_publishes_once_though_a_crash_cut_it() {
    let texts = [("paid", PAID), ("teller", TELLER)];
    let before = place(Memory::new(), START, &texts);
    let run = before.start("paid", r#"{"order":"A-7"}"#).await;
    before.until_waits(run, "event").await;
    before.settle().await;
    // The disk takes the step's intent and the event, and not that the step is done.
    before.gate.set(1);
    let teller = before.start("teller", "{}").await;
    before.until("the event", |place| place.store.events_after(0, 9).unwrap().len() == 1).await;
    let after = before.crashed(&texts);
    after.until_state(teller, RunState::Done).await;
    after.until_state(run, RunState::Done).await;
    assert_eq!(
        (after.output(run), after.output(teller)),
        (r#"{"amount":9}"#.into(), r#"{"key":"A-7"}"#.into())
    );
    assert_eq!(after.store.events_after(0, 9).unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_without_a_name_fails_its_step() {
    let text = "[step.tell]\nuse = \"event.publish\"\nwith = { name = \" \" }\n";
    let place = place(Memory::new(), START, &[("teller", text)]);
    let run = place.start("teller", "{}").await;
    place.until_state(run, RunState::Failed).await;
    let error = live::load(run, &place.store).unwrap().run.top.error.unwrap();
    assert_eq!(&*error.code, "YZ0327");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firing_that_joins_a_run_is_an_event_for_it() {
    let text = r#"
key = "{{ input.order }}"
on_duplicate = "join"
[input]
order = { type = "text" }
n = { type = "whole" }
[trigger.hook]
webhook = { signature = "none" }
[step.more]
await = "trigger.hook"
[output]
n = "{{ step.more.n }}"
"#;
    let place = place(Memory::new(), START, &[("case", text)]);
    let run = place.start("case", r#"{"order":"A-7","n":1}"#).await;
    place.until_waits(run, "event").await;
    let text = place.engine.shared.library.current("case").unwrap();
    let fired = || intake::Fired { trigger: "hook", with: serde_json::Map::new() };
    let body = serde_json::json!({ "order": "A-7", "n": 2 });
    let at = place.engine.shared.now();
    let prepared = intake::from_trigger(&text, fired(), body.as_object().unwrap(), &world(), at).unwrap();
    let outcome = FiringOutcome::Started;
    let firing = Firing { workflow: "case".into(), trigger: "hook".into(), id: "d-1".into(), at, outcome };
    let started = Started { prepared, by: "trigger:hook".into(), firing: Some(firing) };
    assert_eq!(place.engine.start(started).await.unwrap(), StartReply::Joined(run));
    place.until_state(run, RunState::Done).await;
    assert_eq!(place.output(run), r#"{"n":2}"#);
}

const ON_PAID: &str = r#"
[input]
amount = { type = "whole" }
name = { type = "text" }
[trigger.paid]
event = "invoice.paid"
where = { amount = { from = 5 } }
with = { amount = "{{ trigger.body.amount }}", name = "{{ trigger.event.key }}" }
[step.rest]
wait = "1h"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_starts_one_run_by_an_event_that_is_meant_also_across_a_crash() {
    let texts = [("on-paid", ON_PAID)];
    let before = place(Memory::new(), START, &texts);
    before.publish(Some("p1"), "invoice.paid", "A-7", r#"{"amount":4}"#).await;
    before.publish(Some("p2"), "invoice.paid", "A-7", r#"{"amount":7}"#).await;
    before.until("the run", |place| place.runs_of("on-paid").len() == 1).await;
    let run = live::load(before.runs_of("on-paid")[0], &before.store).unwrap().run;
    assert_eq!(run.started.input.get(), r#"{"amount":7,"name":"A-7"}"#);
    assert_eq!(&*run.started.by, "trigger:paid");
    // Accepted, and its run cannot be written any more.
    before.until("all is seen", |place| place.store.events_seen().unwrap() == 2).await;
    before.gate.set(0);
    before.publish(Some("p3"), "invoice.paid", "A-8", r#"{"amount":8}"#).await;
    let after = before.crashed(&texts);
    after.until("the run of the third", |place| place.runs_of("on-paid").len() == 2).await;
    after.until("all is seen", |place| place.store.events_seen().unwrap() == 3).await;
    assert_eq!(after.runs_of("on-paid").len(), 2);
}

// ---- children that nobody waits for -------------------------------------------------------------------------------

const AWAY: &str = "[step.sub]\nrun = \"child\"\ndetach = true\n[step.rest]\nwait = \"1h\"\n";
const CHILD: &str = "[step.rest]\nwait = \"2h\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_nobody_waits_for_goes_its_own_way() {
    let texts = [("parent", AWAY), ("child", CHILD)];
    let place = place(Memory::new(), START, &texts);
    let parent = place.start("parent", "{}").await;
    place.until_waits(parent, "time").await;
    let [child] = place.runs_of("child")[..] else { panic!("one child") };
    assert_eq!(place.store.row(child).unwrap().unwrap().parent, Some(parent), "where it comes from is known");
    place.cancel(parent).await;
    place.until_state(parent, RunState::Cancelled).await;
    place.settle().await;
    assert_eq!(place.state(child), Some(RunState::Open));
    place.pass(7_200_000).await;
    place.until_state(child, RunState::Done).await;
    assert_eq!(place.store.tells().unwrap(), [], "there is nobody to tell");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_before_a_parent_hears_that_its_child_has_begun_leaves_it_not_waiting() {
    let texts = [("parent", AWAY), ("child", CHILD)];
    let before = place(Memory::new(), START, &texts);
    before.gate.set(2);
    let parent = before.start("parent", "{}").await;
    before.until("the child has begun", |place| place.runs_of("child").len() == 1).await;
    assert_eq!(before.waits(parent).as_deref(), Some("child"));
    let after = before.crashed(&texts);
    after.until_waits(parent, "time").await;
    assert_eq!(after.runs_of("child").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_cannot_begin_fails_its_step_also_where_nobody_would_wait_for_it() {
    let place = place(Memory::new(), START, &[("parent", AWAY)]);
    let parent = place.start("parent", "{}").await;
    place.until_state(parent, RunState::Failed).await;
}

// ---- calendars ----------------------------------------------------------------------------------------------------

/// The calendar `shop` with these holidays.
fn shop(holidays: &str) -> Arc<Calendars> {
    let text = format!("based_on = \"weekdays\"\n[holidays]\n{holidays}");
    let (calendars, faults) =
        Calendars::read(&BTreeMap::from([("shop".to_owned(), text)]), &jiff::tz::TimeZone::UTC);
    assert!(faults.is_empty(), "{faults:?}");
    Arc::new(calendars)
}

impl Place {
    fn opens_at(&self, calendars: &Arc<Calendars>) {
        self.engine.set_world(|world| World { calendars: calendars.clone(), ..world.clone() });
    }

    fn due(&self, run: RunId) -> Option<Millis> {
        let filter = TaskFilter { run: Some(run), ..TaskFilter::default() };
        self.store.tasks(&filter, None, 2).unwrap().rows.first().and_then(|task| task.due)
    }

    async fn until_due(&self, run: RunId, due: Millis) {
        self.until(&format!("{run} is due at {due}"), |place| place.due(run) == Some(due)).await;
    }

    /// From what to what a change of calendars moved the due times of a run.
    fn moved(&self, run: RunId) -> Vec<Option<Millis>> {
        let lines = self.store.journal(run, 0, 99).unwrap();
        let read =
            |line: &yizhan_engine::store::Line| -> Line { serde_json::from_slice(&line.body).unwrap() };
        let facts = lines.iter().flat_map(|line| read(line).did);
        facts
            .filter_map(|fact| if let Fact::Clock { set, .. } = fact { Some(set) } else { None })
            .filter(|set| set.why != ClockWhy::Began)
            .map(|set| set.due)
            .collect()
    }
}

const DAY: i64 = 24 * 3_600_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_holiday_that_is_added_moves_the_due_time_of_every_open_run_and_the_journal_says_from_what_to_what()
{
    let texts = [("repair", "calendar = \"shop\"\n[step.a]\nask = \"starter\"\ndue = \"2 workdays\"\n")];
    let place = place(Memory::default(), START, &texts);
    place.opens_at(&shop(""));
    let mut runs = vec![];
    // More than are looked at with one turn.
    for _ in 0..40 {
        runs.push(place.start("repair", "{}").await);
    }
    place.until_waits(runs[39], "task").await;
    let before = place.due(runs[0]).unwrap();
    place.opens_at(&shop("2026-11-23 = \"停业\""));
    for run in &runs {
        place.until_due(*run, before.plus(DAY)).await;
        assert_eq!(place.moved(*run), [Some(before), Some(before.plus(DAY))]);
    }

    // The same after a stop: what is in force then differs from what was followed before it.
    let mut after = place.crashed(&texts);
    after.opens_at(&shop("2026-11-23 = \"停业\"\n2026-11-24 = \"停业\""));
    after.until_due(runs[39], before.plus(2 * DAY)).await;
    after.settle().await;
    // And where it is the same, nothing is written.
    let lines = |place: &Place| place.store.journal(runs[0], 0, 99).unwrap().len();
    let known = lines(&after);
    after = after.crashed(&texts);
    after.opens_at(&shop("2026-11-23 = \"停业\"\n2026-11-24 = \"停业\""));
    after.settle().await;
    assert_eq!(after.due(runs[0]), Some(before.plus(2 * DAY)));
    assert_eq!(lines(&after), known);
    after.is_whole();
}
