//! Registers with the real engine: numbers without gaps over crashes, conditions that two runs ask at the same time.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod stage;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use yizhan_engine::carrier::{Call, CancelReason, Carriers};
use yizhan_engine::registers::{found, verify, witnesses};
use yizhan_engine::schedules::Schedules;
use yizhan_engine::store::{Acks, Batch, Reads, RegisterReads, RunFilter, RunState, Store, StoreError};
use yizhan_engine::{Engine, EngineConfig, Keeping, Opened, StartReply, Started, intake, live};
use yizhan_store::Memory;
use yizhan_workflow::catalogue::Catalogue;
use yizhan_workflow::id::RunId;
use yizhan_workflow::register::{EntryKind, Find, Registers};
use yizhan_workflow::run::World;
use yizhan_workflow::run::event::Event;
use yizhan_workflow::run::state::Phase;

const REGISTERS: &str = r#"
[register."罚单"]
number = "FD{year}-{n:03}"
field.card   = { label = "卡号" }
field.amount = { label = "金额", type = "money", required = false }
field.name   = { label = "姓名", required = false, private = true }
[register."水表"]
key = "meter"
field.meter = { label = "表号" }
field.state = { label = "状态", options = ["out", "back"] }
[register."客户"]
key = "code"
field.code = {}
field.born = { type = "date", required = false }
[register."领表"]
field.fitter = {}
field.slip = {}
field.state = { options = ["out", "back"] }
[register."领表登记"]
field.card = {}
field.meters = { type = "whole" }
[register."迟到"]
field.who = {}
[register."培训"]
number = "PX{n}"
field.topic = {}
field.level = { options = { basic = "初级", high = "高级" } }
field.people.type = "table"
field.people.required = false
field.people.fields.name = {}
field.people.fields.phone = { private = true }
[sequence."合同"]
number = "HT{n:04}"
"#;

/// There is nothing outside.
struct Nobody;

impl Carriers for Nobody {
    fn start(&self, calls: Vec<Call>) {
        panic!("{calls:?}")
    }

    fn cancel(&self, _: &[u64], _: CancelReason) {}
}

struct Slow {
    store: Memory,
    gate: Gate,
}

impl Store for Slow {
    fn commit(&mut self, batches: &[Batch]) -> Result<Vec<Acks>, StoreError> {
        self.gate.pass(batches);
        self.store.commit(batches)
    }
}

struct Place {
    engine: Engine,
    store: Memory,
    gate: Gate,
    hands: Arc<Hands>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.gate.set(usize::MAX);
    }
}

fn world(registers: &str) -> World {
    World {
        zone: jiff::tz::TimeZone::get("Asia/Shanghai").unwrap(),
        registers: Arc::new(Registers::read(registers).unwrap()),
        owner: Some("role:owner".into()),
        ..stage::world(Catalogue::built_in())
    }
}

fn place(store: Memory, at: i64, texts: &[(&str, &str)]) -> Place {
    let hands = Hands::at(at);
    let gate = Gate::open();
    let opened = Opened::default().holding(workflows(texts));
    let slow = Slow { store: store.clone(), gate: gate.clone() };
    let reads = Arc::new(store.clone());
    let config = EngineConfig::default();
    let engine =
        opened.start(config, slow, reads, Arc::new(Nobody), world(REGISTERS), hands.clone()).unwrap();
    Place { engine, store, gate, hands }
}

impl Place {
    async fn start(&self, workflow: &str, input: &str) -> RunId {
        let text = self.engine.shared.library.current(workflow).unwrap();
        let world = self.engine.shared.world();
        let prepared = intake::prepare(&text, input, None, &world, self.engine.shared.now()).unwrap();
        let started = Started { prepared, by: "operator".into(), firing: None };
        match self.engine.start(started).await.unwrap() {
            StartReply::Started(run) | StartReply::Joined(run) => run,
            StartReply::Gathered { .. } => panic!("no trigger gathers here"),
        }
    }

    async fn until(&self, what: &str, is: impl Fn(&Self) -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while !is(self) {
            assert!(Instant::now() < end, "it never came to be: {what}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// What a run gave in the end.
    async fn done(&self, run: RunId) -> serde_json::Value {
        let over = |place: &Self| {
            let state = place.store.row(run).unwrap().map(|row| row.state);
            state.is_some_and(|state| !matches!(state, RunState::Open | RunState::Closing))
        };
        self.until(&format!("{run} is over"), over).await;
        let run = live::load(run, &self.store).unwrap().run;
        let Phase::Over { output, outcome, .. } = run.top.phase else { panic!("{} is open", run.id) };
        output
            .map_or_else(|| outcome.to_string().into(), |output| serde_json::from_str(output.get()).unwrap())
    }

    async fn gives(&self, workflow: &str, input: &str) -> serde_json::Value {
        let run = self.start(workflow, input).await;
        self.done(run).await
    }

    fn open_runs(&self) -> usize {
        self.store.open_runs(None, usize::MAX).unwrap().len()
    }

    #[track_caller]
    fn is_whole(&self) {
        for verified in verify(&self.store, None, &witnesses(&self.store).unwrap(), None).unwrap() {
            assert_eq!(verified.faults, [], "{}", verified.register);
        }
    }

    /// The power goes, and comes again.
    fn crashed(&self, texts: &[(&str, &str)]) -> Self {
        let at = self.engine.shared.now().0 + 1_000;
        place(self.store.clone_committed(), at, texts)
    }

    fn numbers(&self, register: &str) -> Vec<String> {
        let lines = self.store.register_lines(register, 0, usize::MAX).unwrap();
        let own = lines.into_iter().filter(|line| line.entry.kind == EntryKind::Entry);
        own.map(|line| line.entry.number.to_string()).collect()
    }
}

const FINE: &str = r#"
[input]
card = {}
amount = { type = "money", required = false }
name = { required = false }
[step.fine]
use = "register.append"
with.register = "罚单"
with.entry = "{{ input }}"
with.per = "card"
with.period = "today"
[output]
number = "{{ step.fine.number }}"
nth = "{{ step.fine.nth }}"
total = "{{ step.fine.total }}"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_gets_the_next_number_and_knows_which_of_its_like_it_is() {
    let place = place(Memory::new(), START, &[("fine", FINE)]);
    let fined = |number: &str, nth: u32, total: u32| serde_json::json!({ "number": number, "nth": nth, "total": total });
    assert_eq!(place.gives("fine", r#"{"card":"A"}"#).await, fined("FD2026-001", 1, 1));
    assert_eq!(place.gives("fine", r#"{"card":"A"}"#).await, fined("FD2026-002", 2, 2));
    assert_eq!(place.gives("fine", r#"{"card":"B"}"#).await, fined("FD2026-003", 1, 1));
    place.hands.pass(86_400_000);
    assert_eq!(place.gives("fine", r#"{"card":"A"}"#).await, fined("FD2026-004", 1, 3), "a new day");
    place.hands.pass(60 * 86_400_000);
    assert_eq!(
        place.gives("fine", r#"{"card":"A"}"#).await["number"],
        "FD2027-001",
        "a new year counts anew"
    );
    place.is_whole();
}

const METER: &str = r#"
[input]
meter = {}
state = {}
[step.give]
use = "register.append"
with.register = "水表"
with.entry = "{{ input }}"
with.only_if = { where = { meter = "{{ input.meter }}", state = "{{ input.state }}" }, fewer = 1 }
on.refused = { go = "cancel:not back yet" }
[output]
result = "{{ step.give.result }}"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_card_is_the_latest_entry_and_a_condition_is_judged_on_it() {
    let place = place(Memory::new(), START, &[("meter", METER)]);
    let out = r#"{"meter":"M1","state":"out"}"#;
    assert_eq!(place.gives("meter", out).await["result"], "appended");
    assert_eq!(place.gives("meter", out).await, "not back yet");
    assert_eq!(place.gives("meter", r#"{"meter":"M1","state":"back"}"#).await["result"], "appended");
    assert_eq!(place.gives("meter", out).await["result"], "appended", "it came back, so it may go out again");
    place.is_whole();
}

const QUOTA: &str = r#"
[step.give]
use = "register.append"
with.register = "罚单"
with.entry = { card = "A" }
with.only_if = { where = { card = "A" }, period = "today", fewer = 5 }
on.refused = { go = "done:refused" }
"#;

/// So many runs at once, and no more than five may.
#[tokio::test(flavor = "multi_thread")]
async fn however_many_ask_at_the_same_time_never_one_too_many_is_let_in() {
    let place = place(Memory::new(), START, &[("quota", QUOTA)]);
    let mut runs = Vec::new();
    for _ in 0..long(200, 10_000) {
        runs.push(place.start("quota", "{}").await);
    }
    for run in &runs {
        place.done(*run).await;
    }
    assert_eq!(place.numbers("罚单").len(), 5);
    place.is_whole();
}

const OPEN_QUOTA: &str = r#"
[step.take]
use = "register.append"
with.register = "罚单"
with.entry = { card = "A" }
with.only_if = { where = { card = "A" }, fewer = 1_602 }
on.refused = { go = "done:refused" }
"#;

const NUMBER: &str = "[step.number]\nuse = \"number.next\"\nwith.sequence = \"合同\"\n";

/// More entries than the loop may look at: they are counted beside it, the step keeps its turn, and all else goes on.
#[tokio::test(flavor = "multi_thread")]
async fn what_takes_long_to_count_holds_up_its_register_and_nothing_else() {
    let place = place(Memory::new(), START, &[("quota", OPEN_QUOTA), ("fine", FINE), ("number", NUMBER)]);
    for amount in 0..2 {
        let entries = vec![serde_json::json!({ "card": "A", "amount": amount }); 800];
        place.keeps("append", serde_json::json!({ "register": "罚单", "entries": entries })).await;
    }
    let (held, asked) = (Gate::open(), Arc::new(AtomicI64::new(0)));
    held.set(0);
    let (gate, count) = (held.clone(), asked.clone());
    place.store.before_pages(move || {
        if std::thread::current().name() == Some("registers") {
            count.fetch_add(1, Ordering::SeqCst);
            gate.enter();
        }
    });
    let mut runs = Vec::new();
    for _ in 0..5 {
        runs.push(place.start("quota", "{}").await);
    }
    place.until("the reader counts", |_| asked.load(Ordering::SeqCst) > 0).await;
    let fine = place.start("fine", r#"{"card":"B"}"#).await;
    for _ in 0..3 {
        place.gives("number", "{}").await;
    }
    assert_eq!(place.numbers("罚单").len(), 1_600, "who comes after waits behind whoever is counted for");
    held.set(usize::MAX);
    for run in &runs {
        place.done(*run).await;
    }
    assert_eq!(place.done(fine).await["total"], 1);
    assert_eq!(place.numbers("罚单").len(), 1_600 + 2 + 1, "two more may be of A, and there is one of B");
    assert_eq!(place.gives("fine", r#"{"card":"A"}"#).await["total"], 1_603);
    let amend = serde_json::json!({ "register": "罚单", "number": "FD2026-1600", "set": { "card": "B" } });
    place.keeps("amend", amend).await;
    assert_eq!(place.gives("fine", r#"{"card":"A"}"#).await["total"], 1_603, "one of them is of B now");
    assert_eq!(place.gives("fine", r#"{"card":"B"}"#).await["total"], 3);
    place.is_whole();
}

/// A fault of the program in one question is that question's own.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_breaks_off_fails_its_step_and_those_behind_it_go_on() {
    let place = place(Memory::new(), START, &[("quota", OPEN_QUOTA)]);
    for amount in 0..2 {
        let entries = vec![serde_json::json!({ "card": "A", "amount": amount }); 800];
        place.keeps("append", serde_json::json!({ "register": "罚单", "entries": entries })).await;
    }
    let broken = Arc::new(AtomicI64::new(0));
    let first = broken.clone();
    place.store.before_pages(move || {
        let counts = std::thread::current().name() == Some("registers");
        assert!(!counts || first.fetch_add(1, Ordering::SeqCst) > 0, "this is a fault of the program");
    });
    let (one, two) = (place.start("quota", "{}").await, place.start("quota", "{}").await);
    place.done(one).await;
    let error = live::load(one, &place.store).unwrap().run.top.error.unwrap();
    assert_eq!(&*error.code, "YZ0327", "{}", error.message);
    place.done(two).await;
    assert_eq!(place.numbers("罚单").len(), 1_601);
    place.is_whole();
}

/// The first is on its way to the disk when the others come.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_by_hand_twice_at_the_same_time_with_one_id_is_written_once() {
    let place = place(Memory::new(), START, &[("fine", FINE)]);
    place.gate.set(0);
    let start = place.start("fine", r#"{"card":"B"}"#);
    let with = serde_json::json!({ "register": "迟到", "entry": { "who": "A" } }).to_string();
    let keep = || {
        let keeping =
            Keeping { action: "append", with: with.clone(), key: "hand/one".into(), by: "operator".into() };
        place.engine.keep(keeping)
    };
    let open = async {
        // All of them are in the inbox by now: the disk has taken nothing yet.
        tokio::task::yield_now().await;
        place.gate.set(usize::MAX);
    };
    let (run, one, two, three, ()) = tokio::join!(start, keep(), keep(), keep(), open);
    assert_eq!(one.unwrap(), two.unwrap());
    three.unwrap();
    place.done(run).await;
    assert_eq!(place.numbers("迟到").len(), 1);
    place.is_whole();
}

/// The short form of what is done before a release: `YIZHAN_LONG=1`.
fn long(short: usize, long: usize) -> usize {
    if std::env::var_os("YIZHAN_LONG").is_some() { long } else { short }
}

const TEN: &str = r#"
[input]
card = {}
[step.many]
each = "{{ [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] }}"
use = "register.append"
with.register = "罚单"
with.entry = { card = "{{ input.card }}", amount = "{{ item }}" }
[step.number]
use = "number.next"
with.sequence = "合同"
"#;

/// Each entry once, each number once, none left out: whatever the moment at which the power goes.
#[tokio::test(flavor = "multi_thread")]
async fn no_number_is_lost_or_taken_twice_however_often_the_power_goes() {
    let texts = [("ten", TEN)];
    let (runs, kills) = (long(64, 1_000), long(40, 200));
    let mut place = place(Memory::new(), START, &texts);
    for run in 0..runs {
        place.start("ten", &format!(r#"{{"card":"{run}"}}"#)).await;
        if run % (runs / kills).max(1) == 0 {
            // So many commits more, and then the end.
            place.gate.set(run % 7 + 1);
            let shut = |place: &Place| place.gate.is_shut() || place.open_runs() == 0;
            place.until("the disk takes no more", shut).await;
            place = place.crashed(&texts);
        }
    }
    place.until("all are over", |place| place.open_runs() == 0).await;
    let numbers = place.numbers("罚单");
    assert_eq!(numbers.len(), runs * 10);
    let wanted: Vec<String> = (1..=runs * 10).map(|n| format!("FD2026-{n:03}")).collect();
    assert_eq!(numbers, wanted);
    let lines = place.store.register_lines("罚单", 0, usize::MAX).unwrap();
    let bodies: BTreeSet<&str> = lines.iter().map(|line| line.entry.body.get()).collect();
    assert_eq!(bodies.len(), runs * 10, "no entry is there twice");
    assert_eq!(place.store.sequence_count("合同", "").unwrap(), runs as u64);
    place.is_whole();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_cut_gets_its_first_number_back() {
    let texts = [("fine", FINE)];
    let before = place(Memory::new(), START, &texts);
    before.gate.set(1); // The start, and nothing after it.
    let run = before.start("fine", r#"{"card":"A"}"#).await;
    let after = before.crashed(&texts);
    assert_eq!(after.done(run).await["number"], "FD2026-001");
    assert_eq!(after.numbers("罚单"), ["FD2026-001"]);
    after.is_whole();
}

const MEND: &str = r#"
[input]
number = {}
[step.amend]
use = "register.amend"
with.register = "罚单"
with.number = "{{ input.number }}"
with.set = { amount = "2.50" }
with.why = "misread"
[step.seen]
use = "register.find"
with.register = "罚单"
with.show = { total = "sum(amount)", n = "count" }
[step.void]
use = "register.void"
with.register = "罚单"
with.number = "{{ input.number }}"
[step.left]
use = "register.count"
with.register = "罚单"
with.where = { card = "A" }
[step.all]
use = "register.find"
with.register = "罚单"
with.history = true
[output]
total = "{{ step.seen.figures.total }}"
left = "{{ step.left.count }}"
lines = "{{ step.all.entries | map(attribute='kind') | join(' ') }}"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_amended_and_voided_is_seen_so_and_stays_readable() {
    let place = place(Memory::new(), START, &[("fine", FINE), ("mend", MEND)]);
    place.gives("fine", r#"{"card":"A","amount":"10.10","name":"李娜"}"#).await;
    place.gives("fine", r#"{"card":"A","amount":"0.20"}"#).await;
    let mended = place.gives("mend", r#"{"number":"FD2026-001"}"#).await;
    let wanted = serde_json::json!({ "total": 2.7, "left": 1, "lines": "entry entry amend void" });
    assert_eq!(mended, wanted);
    place.is_whole();
    // What is void cannot be amended.
    let told = place.gives("mend", r#"{"number":"FD2026-001"}"#).await;
    assert_eq!(told, "the entry `FD2026-001` of `罚单` is void");
    assert_eq!(place.numbers("罚单").len(), 2);
}

const ERASE: &str = r#"
[step.erase]
use = "register.erase"
with.register = "罚单"
with.number = "FD2026-001"
with.why = "asked for by the customer"
[step.seen]
use = "register.find"
with.register = "罚单"
[output]
name = "{{ step.seen.entry.name }}"
card = "{{ step.seen.entry.card }}"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_private_value_that_is_erased_is_nowhere_in_the_register_and_the_chain_holds() {
    let place = place(Memory::new(), START, &[("fine", FINE), ("erase", ERASE)]);
    place.gives("fine", r#"{"card":"A","name":"李娜"}"#).await;
    assert_eq!(place.gives("erase", "{}").await, serde_json::json!({ "name": null, "card": "A" }));
    let lines = place.store.register_lines("罚单", 0, usize::MAX).unwrap();
    assert!(!format!("{lines:?}").contains("李娜"), "{lines:?}");
    place.is_whole();
}

const WRONG: &str = r#"
[input]
entries = {}
[step.fine]
use = "register.append"
with.register = "罚单"
with.entries = [{ card = "A" }, { card = "B", amount = "{{ input.entries }}" }]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_private_column_of_a_table_is_erased_and_the_rest_of_its_rows_stays() {
    let place = place(Memory::new(), START, &[]);
    let person = |name: &str, phone: &str| serde_json::json!({ "name": name, "phone": phone });
    let people = [person("李娜", "13800000000"), person("王强", "13900000000")];
    let entry = serde_json::json!({ "topic": "安全", "level": "high", "people": people });
    place.keeps("append", serde_json::json!({ "register": "培训", "entry": entry })).await;
    let found = |place: &Place, open: bool| {
        let (world, now) = (place.engine.shared.world(), place.engine.shared.now());
        let find = Find::read(r#"{"register":"培训","first":1}"#).unwrap();
        let found = found(&place.store, &world, now, (&find, open)).unwrap();
        serde_json::from_str::<serde_json::Value>(&found).unwrap()["entry"]["people"].clone()
    };
    assert_eq!(found(&place, true)[1], person("王强", "13900000000"));
    assert_eq!(found(&place, false)[1], person("王强", "***"));
    let erase = serde_json::json!({ "register": "培训", "number": "PX1", "fields": ["people.phone"] });
    place.keeps("erase", erase).await;
    assert_eq!(found(&place, true)[0], serde_json::json!({ "name": "李娜", "phone": null }));
    let lines = place.store.register_lines("培训", 0, 9).unwrap();
    assert!(lines.iter().all(|line| line.entry.private.is_none()), "{lines:?}");
    place.is_whole();
}

const FIGURES: &str = r#"
[step.levels]
use = "register.find"
with.register = "培训"
with.by = "level"
[output]
rows = "{{ step.levels.rows }}"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn figures_by_a_choice_have_its_label_beside_the_code() {
    let place = place(Memory::new(), START, &[("figures", FIGURES)]);
    for level in ["high", "basic", "high"] {
        let topic = place.numbers("培训").len().to_string();
        let entry = serde_json::json!({ "topic": topic, "level": level });
        place.keeps("append", serde_json::json!({ "register": "培训", "entry": entry })).await;
    }
    assert_eq!(
        place.gives("figures", "{}").await["rows"],
        serde_json::json!([
            { "level": "high", "level_label": "高级", "count": 2 },
            { "level": "basic", "level_label": "初级", "count": 1 },
        ])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_entries_all_are_written_or_none() {
    let place = place(Memory::new(), START, &[("wrong", WRONG)]);
    let told = place.gives("wrong", r#"{"entries":"much"}"#).await;
    assert_eq!(told, "entry 2: amount: `金额`: `much` is no money");
    assert_eq!(place.numbers("罚单"), Vec::<String>::new());
    place.gives("wrong", r#"{"entries":"1.50"}"#).await;
    assert_eq!(place.numbers("罚单"), ["FD2026-001", "FD2026-002"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_register_that_is_taken_out_of_the_file_fails_the_step_and_loses_nothing() {
    let place = place(Memory::new(), START, &[("fine", FINE)]);
    place.gives("fine", r#"{"card":"A"}"#).await;
    place.engine.set_world(|_| World { number: 2, ..world("") });
    let run = place.start("fine", r#"{"card":"B"}"#).await;
    assert_eq!(place.done(run).await, "config/registers.toml declares no register `罚单`");
    let told = place.store.journal(run, 0, 99).unwrap();
    let told: String = told.iter().map(|line| String::from_utf8_lossy(&line.body).into_owned()).collect();
    assert!(told.contains("YZ0350") && told.contains("declares no register `罚单`"), "{told}");
    place.engine.set_world(|_| World { number: 3, ..world(REGISTERS) });
    let again = Event::Retried { opening: 0, by: "operator".into(), from: None };
    place.engine.act(run, again).await.unwrap();
    place.until("it is written now", |place| place.numbers("罚单").len() == 2).await;
    place.done(run).await;
    place.is_whole();
    let all = place.store.runs(&RunFilter::default(), None, 9).unwrap();
    assert_eq!(all.rows.len(), 2);
}

// ---- rules of real processes, raced ------------------------------------------------------------------------------------

const ISSUE: &str = r#"
[input]
fitter = {}
slip = {}
[step.issue]
use = "register.append"
with.register = "领表"
with.entry = { fitter = "{{ input.fitter }}", slip = "{{ input.slip }}", state = "out" }
with.only_if = { where = { fitter = "{{ input.fitter }}", state = "out" }, fewer = 1 }
on.refused = { go = "done:the old meter is not back" }
"#;

/// 001-27: who has a meter out gets no other until the old one is back, however many slips come at once.
#[tokio::test(flavor = "multi_thread")]
async fn no_new_meter_is_issued_until_the_old_one_is_back() {
    let place = place(Memory::new(), START, &[("issue", ISSUE)]);
    for round in 1..=3_u64 {
        let mut runs = Vec::new();
        for slip in 0..100 {
            let input = format!(r#"{{"fitter":"f{}","slip":"{round}-{slip}"}}"#, slip % 2);
            runs.push(place.start("issue", &input).await);
        }
        for run in runs {
            place.done(run).await;
        }
        let out = place.store.register_lines("领表", 0, usize::MAX).unwrap();
        let out = out.iter().filter(|line| line.entry.kind == EntryKind::Entry);
        assert_eq!(out.clone().count() as u64, 2 * round, "one for each of the two fitters");
        for number in [2 * round - 1, 2 * round] {
            let back = serde_json::json!({ "register": "领表", "number": number.to_string(), "set": { "state": "back" } });
            place.keeps("amend", back).await;
        }
    }
    place.is_whole();
}

const COLLECT: &str = r#"
[input]
card = {}
meters = { type = "table", fields = { slip = {} } }
[let]
many = "{{ input.meters | length }}"
[step.most]
title = "at most 50"
check = "many <= 50"
on.no = { go = "cancel:at most 50 meters at once" }
[step.collect]
use = "register.append"
with.register = "领表登记"
with.entry = { card = "{{ input.card }}", meters = "{{ many }}" }
with.only_if = { where = { card = "{{ input.card }}" }, period = "today", fewer = 1 }
on.refused = { go = "cancel:one collection a day" }
"#;

/// 001-22: one collection a day, and at most 50 meters.
#[tokio::test(flavor = "multi_thread")]
async fn a_card_collects_once_a_day_and_at_most_fifty_meters() {
    let place = place(Memory::new(), START, &[("collect", COLLECT)]);
    let input = |meters: usize| {
        let rows: Vec<_> = (1..=meters).map(|slip| serde_json::json!({ "slip": slip.to_string() })).collect();
        serde_json::json!({ "card": "K-1", "meters": rows }).to_string()
    };
    assert_eq!(place.gives("collect", &input(51)).await, "at most 50 meters at once");
    for day in 0..3 {
        place.hands.turn_to(START + day * 24 * HOUR);
        let mut runs = Vec::new();
        for _ in 0..60 {
            runs.push(place.start("collect", &input(50)).await);
        }
        let mut refused = 0;
        for run in runs {
            refused += usize::from(place.done(run).await == "one collection a day");
        }
        assert_eq!(refused, 59, "day {day}");
    }
    assert_eq!(place.numbers("领表登记").len(), 3);
    place.is_whole();
}

const LATE: &str = r#"
[input]
who = {}
[step.record]
use = "register.append"
with.register = "迟到"
with.entry = { who = "{{ input.who }}" }
with.per = "who"
with.period = "this month"
[output]
nth = "{{ step.record.nth }}"
fine = "{{ 20 if step.record.nth >= 2 else 10 }}"
"#;

/// 002-10: the first time in a month 10, from the second on 20, and a new month begins anew.
#[tokio::test(flavor = "multi_thread")]
async fn the_nth_time_in_a_month_is_counted_without_a_race() {
    let place = place(Memory::new(), START, &[("late", LATE)]);
    for month in 0..2 {
        place.hands.turn_to(START + month * 30 * 24 * HOUR);
        let mut runs = Vec::new();
        for _ in 0..80 {
            runs.push(place.start("late", r#"{"who":"李娜"}"#).await);
            runs.push(place.start("late", r#"{"who":"王强"}"#).await);
        }
        let mut given: Vec<(u64, u64)> = Vec::new();
        for run in runs {
            let told = place.done(run).await;
            given.push((told["nth"].as_u64().unwrap(), told["fine"].as_u64().unwrap()));
        }
        given.sort_unstable();
        let wanted = (1..=80).flat_map(|nth| [(nth, if nth == 1 { 10 } else { 20 }); 2]);
        assert_eq!(given, wanted.collect::<Vec<_>>(), "month {month}");
    }
    place.is_whole();
}

/// What nobody should write: it is said which column, and nothing is written.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused_in_words_and_writes_nothing() {
    let place = place(Memory::new(), START, &[]);
    let refused = async |action: &'static str, with: serde_json::Value| {
        let key = format!("hand/{with}").into();
        let keeping = Keeping { action, with: with.to_string(), key, by: "operator".into() };
        place.engine.keep(keeping).await.unwrap_err().to_string()
    };
    let entry = |entry: serde_json::Value| serde_json::json!({ "register": "罚单", "entry": entry });
    let told = refused("append", entry(serde_json::json!({ "card": "A", "amuont": 1 }))).await;
    assert_eq!(told, "the register `罚单` has no column `amuont`; did you mean `amount`?");
    let told = refused("append", entry(serde_json::json!({ "card": "A", "amount": "much" }))).await;
    assert_eq!(told, "amount: `金额`: `much` is no money");
    let told = refused("append", entry(serde_json::json!({ "card": "A".repeat(70_000) }))).await;
    assert!(told.contains("bytes, and at most 65536 are taken"), "{told}");
    let told = refused("append", serde_json::json!({ "register": "罚但", "entry": { "card": "A" } })).await;
    assert!(told.contains("declares no register `罚但`; did you mean `罚单`?"), "{told}");
    let only_if = serde_json::json!({ "register": "罚单", "entry": { "card": "A" }, "only_if": { "where": { "crad": "A" }, "fewer": 1 } });
    assert_eq!(
        refused("append", only_if).await,
        "the register `罚单` has no column `crad`; did you mean `card`?"
    );
    assert_eq!(place.numbers("罚单"), [""; 0]);

    place.keeps("append", entry(serde_json::json!({ "card": "A" }))).await;
    place.keeps("void", serde_json::json!({ "register": "罚单", "number": "FD2026-001" })).await;
    let amend = serde_json::json!({ "register": "罚单", "number": "FD2026-001", "set": { "card": "B" } });
    assert_eq!(refused("amend", amend).await, "the entry `FD2026-001` of `罚单` is void");
    let void = serde_json::json!({ "register": "罚单", "number": "FD2026-001", "why": "again" });
    assert_eq!(refused("void", void).await, "the entry `FD2026-001` of `罚单` is void");
    place.is_whole();
}

const WRITES: &str = r#"
[input]
entry = {}
[step.write]
use = "register.append"
with.register = "罚单"
with.entry = "{{ input.entry }}"
"#;

const CORRECTS: &str = r#"
[step.correct]
use = "register.amend"
with.register = "罚单"
with.number = "FD2026-001"
with.set = { card = "B" }
"#;

const VOIDS_NONE: &str = r#"
[input]
number = { required = false }
[step.takes_out]
use = "register.void"
with.register = "罚单"
with.number = "{{ input.number }}"
"#;

use stage::{Gate, Hands, START, workflows};

/// The same from a process: its step fails for good, the register stays what it was, and it is not tried again and again.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_whose_entry_does_not_fit_fails_in_words_and_loses_nothing() {
    let misspelt = WRITES.replace("{{ input.entry }}", "{{ {'card': input.entry, 'amuont': 1} }}");
    let typed = WRITES.replace("{{ input.entry }}", "{{ {'card': 'A', 'amount': input.entry} }}");
    let large = WRITES.replace("{{ input.entry }}", "{{ {'card': input.entry} }}");
    let files = [
        ("misspelt", &*misspelt),
        ("typed", &typed),
        ("large", &large),
        ("corrects", CORRECTS),
        ("takes-out", VOIDS_NONE),
    ];
    let place = place(Memory::new(), START, &files);
    place.keeps("append", serde_json::json!({ "register": "罚单", "entry": { "card": "A" } })).await;
    place.keeps("void", serde_json::json!({ "register": "罚单", "number": "FD2026-001" })).await;
    let long = "x".repeat(70_000);
    for (file, entry, code, words) in [
        ("misspelt", "A", "YZ0351", "has no column `amuont`; did you mean `amount`?"),
        ("typed", "much", "YZ0351", "`much` is no money"),
        ("large", &long, "YZ0351", "bytes, and at most 65536 are taken"),
        ("corrects", "", "YZ0353", "the entry `FD2026-001` of `罚单` is void"),
        ("takes-out", "", "YZ0352", "no number says which entry of the register `罚单` is meant"),
    ] {
        let input =
            if entry.is_empty() { serde_json::json!({}) } else { serde_json::json!({ "entry": entry }) };
        let run = place.start(file, &input.to_string()).await;
        place.done(run).await;
        let error = live::load(run, &place.store).unwrap().run.top.error.unwrap();
        assert_eq!((&*error.code, error.message.contains(words)), (code, true), "{file}: {}", error.message);
    }
    assert_eq!(place.numbers("罚单"), ["FD2026-001"]);
    place.is_whole();
}

// ---- schedules by the dates of a register ---------------------------------------------------------------------------

const BORN: &str = r#"
[input]
code = {}
[trigger.born]
schedule = { register = "客户", date = "born", yearly = true, at = "08:30" }
timezone = "Asia/Shanghai"
where.code = { not = "X" }
with.code = "{{ entry.code }}"
[step.rest]
wait = "2h"
"#;

const HOUR: i64 = 3_600_000;

impl Place {
    async fn keeps(&self, action: &'static str, with: serde_json::Value) {
        let key = format!("hand/{action}/{with}").into();
        self.engine
            .keep(Keeping { action, with: with.to_string(), key, by: "operator".into() })
            .await
            .unwrap();
    }

    async fn client(&self, code: &str, born: &str) {
        let entry = serde_json::json!({ "code": code, "born": born });
        self.keeps("append", serde_json::json!({ "register": "客户", "entry": entry })).await;
    }

    /// Turns the clock to an hour of the house, so many days after the first, and looks at the schedules.
    async fn on(&self, schedules: &mut Schedules, day: i64, hour: i64) {
        self.hands.turn_to(START + (day * 24 + hour - 10) * HOUR);
        schedules.look().await;
    }

    /// Who was greeted, in the order of the alphabet.
    fn greeted(&self) -> Vec<String> {
        let rows = self.store.runs(&RunFilter::default(), None, 2_000).unwrap().rows;
        let code = |run: RunId| {
            let run = live::load(run, &self.store).unwrap().run;
            let input: serde_json::Value = serde_json::from_str(run.started.input.get()).unwrap();
            input["code"].as_str().unwrap().to_owned()
        };
        let mut all: Vec<String> = rows.iter().map(|row| code(row.id)).collect();
        all.sort();
        all
    }
}

/// The first day is 22 November 2026, ten o'clock.
#[tokio::test(flavor = "multi_thread")]
async fn each_entry_fires_on_its_day_of_each_year_as_it_stands_then() {
    let place = place(Memory::new(), START, &[("born", BORN)]);
    let mut schedules = Schedules::new(place.engine.clone());
    schedules.look().await;
    for (code, born) in [
        ("A", "1990-11-23"),
        ("moved", "1991-11-23"),
        ("void", "1992-11-23"),
        ("replaced", "1993-11-23"),
        ("replaced", "1993-12-31"),
        ("to be born", "2027-11-23"),
        ("X", "1994-11-23"),
        ("too late", "1990-11-22"),
    ] {
        place.client(code, born).await;
    }
    let amend = serde_json::json!({ "register": "客户", "number": "2", "set": { "born": "1991-11-24" } });
    place.keeps("amend", amend).await;
    place.keeps("void", serde_json::json!({ "register": "客户", "number": "3" })).await;
    place.on(&mut schedules, 1, 8).await;
    assert_eq!(place.greeted(), [""; 0]);
    place.on(&mut schedules, 1, 9).await;
    assert_eq!(place.greeted(), ["A"]);
    schedules.look().await;
    let firings = place.store.firings("born", "born", 9).unwrap();
    let ids: Vec<&str> = firings.iter().map(|(firing, _)| &*firing.id).collect();
    assert!(ids.contains(&"2026-11-23#1"), "{ids:?}");
    place.on(&mut schedules, 2, 9).await;
    assert_eq!(place.greeted(), ["A", "moved"], "an amended date counts from then on");
    for day in 3..=365 {
        place.on(&mut schedules, day, 9).await;
    }
    assert_eq!(place.greeted(), ["A", "moved", "replaced", "too late"], "one year later to the day");
    place.on(&mut schedules, 366, 9).await;
    assert_eq!(place.greeted(), ["A", "A", "moved", "replaced", "to be born", "too late"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_days_of_a_downtime_are_made_up_for_as_far_back_as_the_schedule_says() {
    for (within, greeted) in [("24h", &["Tue"][..]), ("3 days", &["Mon", "Sun", "Tue"][..])] {
        let text = BORN.replace("with.code", &format!("missed_within = \"{within}\"\nwith.code"));
        let place = place(Memory::new(), START, &[("born", &text)]);
        let mut schedules = Schedules::new(place.engine.clone());
        schedules.look().await;
        for (code, born) in [("Sun", "1990-11-23"), ("Mon", "1990-11-24"), ("Tue", "1990-11-25")] {
            place.client(code, born).await;
        }
        place.on(&mut schedules, 3, 12).await;
        assert_eq!(place.greeted(), greeted, "{within}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_two_entries_of_a_day_loses_none_and_starts_none_twice() {
    const CLIENTS: usize = 1_200;
    let texts = [("born", BORN)];
    let before = place(Memory::new(), START, &texts);
    let mut schedules = Schedules::new(before.engine.clone());
    schedules.look().await;
    for part in 0..2 {
        let entries: Vec<_> = (part * 600..part * 600 + 600)
            .map(|n| serde_json::json!({ "code": format!("C{n:04}"), "born": "1990-11-23" }))
            .collect();
        before.keeps("append", serde_json::json!({ "register": "客户", "entries": entries })).await;
    }
    before.hands.turn_to(START + 23 * HOUR);
    before.gate.set(2);
    let looking = tokio::spawn(async move { schedules.look().await });
    before.until("the first entries", |place| place.gate.is_shut() && !place.greeted().is_empty()).await;
    let begun = before.greeted().len();
    assert!(begun < CLIENTS, "{begun}");
    looking.abort();

    let after = before.crashed(&texts);
    let mut schedules = Schedules::new(after.engine.clone());
    schedules.look().await;
    schedules.look().await;
    let wanted: Vec<String> = (0..CLIENTS).map(|n| format!("C{n:04}")).collect();
    assert_eq!(after.greeted(), wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_the_register_of_a_schedule_is_not_declared() {
    let texts = [("born", BORN)];
    let before = place(Memory::new(), START, &texts);
    let mut schedules = Schedules::new(before.engine.clone());
    schedules.look().await;
    before.client("A", "1990-11-23").await;
    before.engine.set_world(|_| World { number: 2, ..world("") });
    before.on(&mut schedules, 1, 9).await;
    assert_eq!(before.greeted(), [""; 0]);
    before.engine.set_world(|_| World { number: 3, ..world(REGISTERS) });
    before.on(&mut schedules, 1, 10).await;
    assert_eq!(before.greeted(), ["A"]);
}
