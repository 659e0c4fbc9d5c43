//! The engine between two commits: on a disk that answers when the test lets it, and after a crash at that moment.

#![expect(clippy::unwrap_used, reason = "a test may")]

#[path = "crashes/refusals.rs"]
mod refusals;
mod stage;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use yizhan_engine::carrier::{Call, CancelReason, Carriers, Completion, Completions, Outcome};
use yizhan_engine::digest::Digest;
use yizhan_engine::letter::{Asks, Letter};
use yizhan_engine::link::Links;
use yizhan_engine::schedules::Schedules;
use yizhan_engine::store::{
    Acks, Batch, Firing, FiringOutcome, Reads, RunFilter, RunState, Store, StoreError, TaskFilter,
};
use yizhan_engine::{ActError, Engine, EngineConfig, Opened, StartError, StartReply, Started, intake};
use yizhan_store::Memory;
use yizhan_workflow::id::{Attempt, RunId};
use yizhan_workflow::people::{People, Person};
use yizhan_workflow::plan::ActionName;
use yizhan_workflow::run::event::{Event, Failure, Happened, Verdict};
use yizhan_workflow::run::{Refusal, World};
use yizhan_workflow::schedule::{Pattern, Schedule};

/// `play.say` works, `play.fail` fails until the house is mended. Nobody takes what also goes to `gone@example.com`.
struct Script {
    to: Arc<dyn Completions>,
    mended: bool,
    calls: AtomicUsize,
    /// The keys of the letters that were taken, and to whom they went.
    sent: Mutex<Vec<(Arc<str>, Vec<String>)>>,
    /// What they said.
    texts: Mutex<Vec<String>>,
}

fn addressed(call: &Call) -> Vec<String> {
    let input: serde_json::Value = serde_json::from_str(&call.input).unwrap();
    let to = input["to"].as_array().into_iter().flatten();
    to.filter_map(|to| to.as_str().map(str::to_owned)).collect()
}

impl Carriers for Script {
    fn start(&self, calls: Vec<Call>) {
        self.calls.fetch_add(calls.len(), Ordering::SeqCst);
        let done = calls.into_iter().map(|call| {
            let to = addressed(&call);
            let gone = to.iter().any(|to| to == "gone@example.com");
            let outcome = if &*call.action == "fail" && (!self.mended || gone) {
                Outcome::Failed(Failure {
                    code: "play.failed".into(),
                    message: "as was asked for".into(),
                    retry: false,
                    retry_after_ms: None,
                    happened: Happened::No,
                })
            } else {
                if !to.is_empty() {
                    self.texts.lock().unwrap().push(call.input.to_string());
                    self.sent.lock().unwrap().push((call.key.clone(), to));
                }
                Outcome::Done { output: "{}".into() }
            };
            Completion { id: call.id, outcome, took: Duration::ZERO }
        });
        self.to.completed(done.collect());
    }

    fn cancel(&self, _: &[u64], _: CancelReason) {}
}

struct Slow {
    store: Memory,
    gate: Gate,
    broken: Arc<AtomicBool>,
}

impl Store for Slow {
    fn commit(&mut self, batches: &[Batch]) -> Result<Vec<Acks>, StoreError> {
        self.gate.pass(batches);
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::Broken("as was asked for".into()));
        }
        self.store.commit(batches)
    }
}

struct Place {
    engine: Engine,
    store: Memory,
    gate: Gate,
    broken: Arc<AtomicBool>,
    hands: Arc<Hands>,
    script: Arc<Script>,
}

fn people() -> People {
    let person = |id: &str, mail: Option<&str>| {
        let mail = mail.map(str::to_owned);
        (id.to_owned(), Person { name: id.to_owned(), mail, ..Person::default() })
    };
    let all = [("ann", Some("ann@example.com")), ("bob", Some("gone@example.com"))];
    let people = all.into_iter().chain([("cat", Some("cat@example.com")), ("mute", None)]);
    let crew = ["ann", "bob", "cat"].map(str::to_owned).to_vec();
    People {
        people: people.map(|(id, mail)| person(id, mail)).collect(),
        groups: [("crew".to_owned(), crew)].into(),
        ..People::default()
    }
}

fn world() -> World {
    World {
        people: Arc::new(people()),
        owner: Some("role:owner".into()),
        ..stage::world(actions("play", ["say", "fail"]))
    }
}

fn place(store: Memory, at: i64, mended: bool, texts: &[(&str, &str)]) -> Place {
    place_with(store, (at, mended), texts, None)
}

/// A house whose mails have links.
fn place_of_links(store: Memory, at: i64, texts: &[(&str, &str)]) -> Place {
    place_with(store, (at, true), texts, Some(Links::new("https://house.example.com", [7; 32], 86_400_000)))
}

fn place_with(
    store: Memory,
    (at, mended): (i64, bool),
    texts: &[(&str, &str)],
    links: Option<Links>,
) -> Place {
    let (hands, gate) = (Hands::at(at), Gate::open());
    let opened = Opened::default().holding(workflows(texts));
    let script = Arc::new(Script {
        to: opened.completions(),
        mended,
        calls: AtomicUsize::new(0),
        sent: Mutex::default(),
        texts: Mutex::default(),
    });
    let broken = Arc::new(AtomicBool::new(false));
    let tell = Some(ActionName { plugin: "play".into(), action: "fail".into() });
    let digest = Some(Schedule::new(Pattern::parse("08:30").unwrap()));
    let slow = Slow { store: store.clone(), gate: gate.clone(), broken: broken.clone() };
    let engine = opened
        .start(
            EngineConfig { tell, tell_tasks: true, digest, links, ..EngineConfig::default() },
            slow,
            Arc::new(store.clone()),
            script.clone(),
            world(),
            hands.clone(),
        )
        .unwrap();
    Place { engine, store, gate, broken, hands, script }
}

impl Place {
    async fn start(&self, workflow: &str, input: &str) -> Result<StartReply, StartError> {
        let text = self.engine.shared.library.current(workflow).unwrap();
        let prepared = intake::prepare(&text, input, None, &world(), self.engine.shared.now()).unwrap();
        self.engine.start(Started { prepared, by: "operator".into(), firing: None }).await
    }

    async fn started(&self, workflow: &str, input: &str) -> RunId {
        match self.start(workflow, input).await.unwrap() {
            StartReply::Started(run) | StartReply::Joined(run) => run,
            StartReply::Gathered { .. } => panic!("no trigger gathers here"),
        }
    }

    async fn pass(&self, milliseconds: i64) {
        self.hands.pass(milliseconds);
        assert!(self.engine.turns(Duration::from_secs(5)).await);
    }

    async fn until(&self, what: &str, is: impl Fn(&Memory) -> bool) {
        let end = Instant::now() + Duration::from_secs(10);
        while !is(&self.store) {
            assert!(Instant::now() < end, "it never came to be: {what}");
            tokio::task::yield_now().await;
        }
    }

    async fn until_state(&self, run: RunId, state: RunState) {
        self.until(&format!("{state:?}"), |store| {
            store.row(run).unwrap().is_some_and(|row| row.state == state)
        })
        .await;
    }
}

const PARENT: &str = r#"
title = "Parent"
[step.sub]
run = "child"
retry = { times = 1, first = "1s" }
"#;
const CHILD: &str = "title = \"Child\"\n[step.work]\nuse = \"play.fail\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_before_a_child_hears_that_its_parent_tries_again_leaves_nobody_waiting() {
    let texts = [("parent", PARENT), ("child", CHILD)];
    let before = place(Memory::new(), START, false, &texts);
    let parent = before.started("parent", "{}").await;
    let waits = |word: &'static str| {
        move |store: &Memory| store.row(parent).unwrap().unwrap().waits.as_deref() == Some(word)
    };
    before.until("the child has failed, the parent rests", waits("time")).await;
    // The disk takes the parent's next attempt, and nothing after it.
    before.gate.set(1);
    before.pass(2_000).await;
    before.until("the parent tries again", waits("child")).await;
    let crashed = before.store.clone_committed();
    before.gate.set(usize::MAX);

    let after = place(crashed, START + 3_000, true, &texts);
    after.until_state(parent, RunState::Done).await;
}

const KEYED: &str = r#"
title = "Keyed"
key = "{{ input.k }}"
on_duplicate = "reject"
[input]
k = { type = "text" }
[step.rest]
wait = "1s"
[step.work]
use = "play.say"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_happens_to_a_run_whose_key_was_taken_however_slow_the_disk_is() {
    let place = Arc::new(place(Memory::new(), START, true, &[("keyed", KEYED)]));
    let first = place.started("keyed", r#"{"k":"A-7"}"#).await;
    place.gate.set(0);
    let refused = Arc::new(AtomicBool::new(false));
    let (asker, told) = (place.clone(), refused.clone());
    let asking = tokio::spawn(async move {
        let answer = asker.start("keyed", r#"{"k":"A-7"}"#).await;
        told.store(matches!(answer, Err(StartError::KeyHeld { by }) if by == first), Ordering::SeqCst);
    });
    // Both are asked to wait a second, and the disk takes longer.
    let requests = &place.engine.shared.figures.requests;
    while requests.load(Ordering::Relaxed) < 2 {
        tokio::task::yield_now().await;
    }
    place.pass(0).await;
    place.pass(2_000).await;
    place.pass(2_000).await;
    place.gate.set(usize::MAX);
    asking.await.unwrap();
    assert!(refused.load(Ordering::SeqCst));
    place.until_state(first, RunState::Done).await;
    place.pass(2_000).await;
    place.pass(2_000).await;
    let one = place.store.runs(&RunFilter::default(), None, 9).unwrap().rows.len();
    assert_eq!((place.script.calls.load(Ordering::SeqCst), one), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_begins_when_the_look_ahead_is_due_wakes_on_time() {
    let place = place(Memory::new(), START, true, &[("keyed", KEYED)]);
    place.pass(0).await;
    // The first look went a minute ahead; the run begins in the turn of the next look, before it is on disk.
    place.hands.pass(61_000);
    let run = place.started("keyed", r#"{"k":"A-7"}"#).await;
    place.pass(1_500).await;
    place.until_state(run, RunState::Done).await;
}

const FAILING: &str = r#"
title = "Failing"
key = "{{ input.k }}"
on_duplicate = "reject"
[input]
k = { type = "text" }
wait = { type = "yesno", required = false }
[step.rest]
when = "input.wait"
wait = "1h"
[step.work]
use = "play.fail"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_run_is_not_opened_again_beside_the_one_that_has_its_key_now() {
    let place = place(Memory::new(), START, false, &[("failing", FAILING)]);
    let first = place.started("failing", r#"{"k":"A-7"}"#).await;
    place.until_state(first, RunState::Failed).await;
    let retry = || Event::Retried { opening: 0, by: "operator".into(), from: None };
    place.engine.act(first, retry()).await.unwrap();
    place.until_state(first, RunState::Failed).await;
    place.started("failing", r#"{"k":"A-7","wait":true}"#).await;
    let refused = place.engine.act(first, retry()).await;
    assert!(matches!(refused, Err(ActError::Refused(Refusal::NotRetriable(_)))), "{refused:?}");
    assert_eq!(place.store.row(first).unwrap().unwrap().state, RunState::Failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_an_engine_whose_store_failed() {
    let place = place(Memory::new(), START, true, &[("keyed", KEYED)]);
    place.broken.store(true, Ordering::SeqCst);
    for key in [r#"{"k":"A-7"}"#, r#"{"k":"A-8"}"#] {
        let answer = tokio::time::timeout(Duration::from_secs(5), place.start("keyed", key)).await;
        assert!(matches!(answer, Ok(Err(StartError::Act(ActError::Stopping)))), "{answer:?}");
        while !place.engine.shared.stopped.load(Ordering::Acquire) {
            tokio::task::yield_now().await;
        }
    }
    assert!(place.engine.health().broken.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_hangs_is_noticed_though_the_loop_turns() {
    let place = Arc::new(place(Memory::new(), START, true, &[("keyed", KEYED)]));
    assert!(place.engine.progresses(Duration::from_secs(5)).await);
    place.gate.set(0);
    let asker = place.clone();
    let asking = tokio::spawn(async move { asker.start("keyed", r#"{"k":"A-7"}"#).await });
    let requests = &place.engine.shared.figures.requests;
    while requests.load(Ordering::Relaxed) < 1 {
        tokio::task::yield_now().await;
    }
    assert!(place.engine.turns(Duration::from_secs(5)).await);
    assert!(!place.engine.progresses(Duration::from_millis(300)).await, "what is written gets nowhere");
    place.gate.set(usize::MAX);
    assert!(asking.await.unwrap().is_ok());
    assert!(place.engine.progresses(Duration::from_secs(5)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_starts_and_is_none_that_hangs() {
    let place = place(Memory::new(), START, true, &[("keyed", KEYED)]);
    let text = place.engine.shared.library.current("keyed").unwrap();
    // A delivery that comes again because it was refused.
    let deliver = || async {
        let at = place.engine.shared.now();
        let prepared = intake::prepare(&text, r#"{"k":"A-7"}"#, None, &world(), at).unwrap();
        let outcome = FiringOutcome::Started;
        let firing =
            Firing { workflow: "keyed".into(), trigger: "order".into(), id: "d-1".into(), at, outcome };
        place.engine.start(Started { prepared, by: "trigger:order".into(), firing: Some(firing) }).await
    };
    place.store.fill(true);
    for _ in 0..2 {
        let refused = tokio::time::timeout(Duration::from_secs(5), deliver()).await;
        assert!(matches!(refused, Ok(Err(StartError::Act(ActError::DiskFull)))), "{refused:?}");
    }
    assert!(place.engine.health().disk_full);
    assert!(place.engine.progresses(Duration::from_secs(5)).await, "the writer tries again and again");
    place.store.fill(false);
    place.until("there is space again", |_| !place.engine.health().disk_full).await;
    let started = deliver().await.unwrap();
    assert_eq!(runs(&place).len(), 1, "what was refused had not been written");
    assert!(matches!(started, StartReply::Started(_)));
    assert!(matches!(deliver().await, Err(StartError::FiredBefore { run: Some(_) })));
}

/// A second start finds the key held; the holder ends before that is known.
async fn joins_a_run_that_ends(unique: &str) -> (Place, RunId, Result<StartReply, StartError>) {
    let text = KEYED.replace("reject", "join").replace("key = \"{{", &format!("{unique}\nkey = \"{{{{"));
    let place = Arc::new(place(Memory::new(), START, true, &[("keyed", &text)]));
    let holder = place.started("keyed", r#"{"k":"A-7"}"#).await;
    place.gate.set(0);
    let asker = place.clone();
    let asking = tokio::spawn(async move { asker.start("keyed", r#"{"k":"A-7"}"#).await });
    let requests = &place.engine.shared.figures.requests;
    let asked = |n| async move {
        while requests.load(Ordering::Relaxed) < n {
            tokio::task::yield_now().await;
        }
    };
    asked(2).await;
    place.pass(0).await;
    let ender = place.clone();
    let ending = tokio::spawn(async move {
        let event = Event::Cancelled { opening: 0, by: "operator".into(), reason: "enough".into() };
        ender.engine.act(holder, event).await
    });
    asked(3).await;
    place.pass(0).await;
    place.gate.set(usize::MAX);
    let answer = tokio::time::timeout(Duration::from_secs(5), asking).await.unwrap().unwrap();
    ending.await.unwrap().unwrap();
    (Arc::into_inner(place).unwrap(), holder, answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_would_join_a_run_that_ends_meanwhile_begins_one() {
    let (place, holder, answer) = joins_a_run_that_ends("").await;
    assert!(matches!(answer, Ok(StartReply::Started(run)) if run != holder), "{answer:?}");
    assert_eq!(runs(&place).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_would_join_a_run_that_ended_with_its_key_for_ever_is_told_so() {
    let (place, holder, answer) = joins_a_run_that_ends("unique = \"ever\"").await;
    assert!(matches!(answer, Err(StartError::KeyHeld { by }) if by == holder), "{answer:?}");
    assert_eq!(runs(&place), [holder]);
}

const LOOP: &str = r#"
title = "Loop"
owner = "person:ann"
[step.work]
use = "play.say"
[step.look]
check = "false"
on.no = { back_to = "work", most = 1 }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_is_told_of_a_way_that_is_used_up_until_the_question_is_answered() {
    let before = place(Memory::new(), START, false, &[("loop", LOOP)]);
    let run = before.started("loop", "{}").await;
    let notices = |store: &Memory| store.notices(None, 9).unwrap();
    before.until("the notice", |store| !notices(store).is_empty()).await;
    let [notice] = &notices(&before.store)[..] else { panic!("one question, one notice") };
    assert!(notice.key.starts_with(&format!("{run}/look/2/0/ask")), "{}", notice.key);
    let letter: Letter = serde_json::from_slice(&notice.letter).unwrap();
    assert_eq!((letter.asks, &letter.who[..]), (Asks::WayUsedUp, &["person:ann".to_owned()][..]));
    let why = |place: &Place| place.engine.shared.untold.why(&notice.task);
    before
        .until("the first try to fail", |_| why(&before).is_some_and(|why| why.contains("play.failed")))
        .await;
    assert_eq!(notices(&before.store).len(), 1, "what did not go out stays");

    // After a crash it is tried again, and answered it is not wanted any more.
    let after = place(before.store.clone_committed(), START + 60_000, false, &[("loop", LOOP)]);
    after.until("another try", |_| why(&after).is_some()).await;
    let task = after.store.task(&notice.task).unwrap().unwrap();
    let of = serde_json::from_str(&task.of).unwrap();
    let verdict = Verdict::Fail {};
    after
        .engine
        .act(run, Event::Settled { of, by: "person:ann".into(), via: "test".into(), verdict })
        .await
        .unwrap();
    after.until_state(run, RunState::Failed).await;
    assert_eq!((notices(&after.store).len(), why(&after)), (0, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_that_went_out_is_gone_and_comes_once() {
    let place = place(Memory::new(), START, true, &[("loop", LOOP)]);
    let run = place.started("loop", "{}").await;
    let sent = || place.engine.shared.figures.notices_sent.load(Ordering::Relaxed);
    place
        .until("the notice to go out", |store| sent() == 1 && store.notices(None, 9).unwrap().is_empty())
        .await;
    place.pass(3_600_000).await;
    place.pass(0).await;
    assert_eq!(sent(), 1);
    assert_eq!(place.store.row(run).unwrap().unwrap().state, RunState::Open);
}

const SEVERAL: &str = r#"
title = "Several"
owner = "person:ann"
[step.call]
each = "{{ ['a', 'b', 'c'] }}"
use = "play.fail"
on_error = "ask"
"#;

use stage::{Gate, Hands, START, actions, workflows};

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_is_told_which_item_of_several_failed() {
    let place = place(Memory::new(), START, false, &[("several", SEVERAL)]);
    place.started("several", "{}").await;
    let letters = |store: &Memory| -> Vec<Letter> {
        let notices = store.notices(None, 9).unwrap();
        notices.iter().map(|notice| serde_json::from_slice(&notice.letter).unwrap()).collect()
    };
    place.until("three letters", |store| letters(store).len() == 3).await;
    let mut which: Vec<_> = letters(&place.store)
        .iter()
        .map(|letter| {
            assert_eq!(letter.asks, Asks::Failed);
            letter.which.map(|which| (which.number, which.of))
        })
        .collect();
    which.sort_unstable();
    assert_eq!(which, [Some((1, 3)), Some((2, 3)), Some((3, 3))]);
}

const TASKS: &str = r#"
title = "Claims"
[step.look]
title = "Look at it"
ask = "person:ann"
due = "2h"
[step.quiet]
needs = []
ask = "person:ann"
tell = false
"#;

#[tokio::test(flavor = "multi_thread")]
async fn people_are_told_that_a_task_opened_and_that_one_they_claimed_is_no_more() {
    let before = place(Memory::new(), START, false, &[("tasks", TASKS)]);
    let run = before.started("tasks", "{}").await;
    let notices = |store: &Memory| store.notices(None, 9).unwrap();
    let letter = |store: &Memory| -> Letter { serde_json::from_slice(&notices(store)[0].letter).unwrap() };
    before.until("the notice", |store| notices(store).len() == 1).await;
    let said = letter(&before.store);
    assert_eq!((said.asks, said.asked.as_deref()), (Asks::Task, Some("Look at it")));
    assert!(said.due.is_some_and(|due| due.contains(':')), "a due time is told");

    // It was not told before the crash, so it is told after it: to whoever has the task then.
    let after = place(before.store.clone_committed(), START + 60_000, true, &[("tasks", TASKS)]);
    let sent = || after.engine.shared.figures.notices_sent.load(Ordering::Relaxed);
    after.until("the notice to go out", |store| sent() == 1 && notices(store).is_empty()).await;
    let task = |place: &Place| {
        let rows =
            place.store.tasks(&TaskFilter { run: Some(run), ..TaskFilter::default() }, None, 9).unwrap().rows;
        let row = rows.into_iter().find(|row| &*row.step == "look").unwrap();
        (serde_json::from_str::<Attempt>(&row.of).unwrap(), row)
    };
    let (of, _) = task(&after);
    let (by, via, to): (Arc<str>, Arc<str>, _) =
        ("person:ann".into(), "test".into(), vec!["person:cat".into()]);
    let note = Some("not mine".into());
    after
        .engine
        .act(run, Event::HandedOver { of, by, via: via.clone(), to, note, delegate: false })
        .await
        .unwrap();
    after.until("cat to be told", |store| sent() == 2 && notices(store).is_empty()).await;
    assert_eq!(task(&after).1.who, ["person:cat"]);
    let told = |at: usize| after.script.sent.lock().unwrap()[at].1.join(" ");
    assert_eq!((told(0), told(1)), ("ann@example.com".to_owned(), "cat@example.com".to_owned()));

    after.engine.act(run, Event::Claimed { of, by: "person:cat".into(), via }).await.unwrap();
    let (by, reason) = ("operator".into(), "told to".into());
    after.engine.act(run, Event::Cancelled { opening: 1, by, reason }).await.unwrap();
    after.until("cat to hear that it is over", |store| sent() == 3 && notices(store).is_empty()).await;
    after.until_state(run, RunState::Cancelled).await;
}

/// From 02:00 to the 08:30 of the settings.
const TO_THE_SLOT: i64 = 23_400_000;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_wants_no_digest_gets_none_and_the_others_get_theirs() {
    let text = TASKS.replace("ask = \"person:ann\"", "ask = \"group:crew\"");
    let place = place(Memory::new(), START, false, &[("tasks", &text)]);
    let mut people = people();
    people.people.get_mut("ann").unwrap().no_digest = true;
    place.engine.set_world(|_| World { number: 2, people: Arc::new(people), ..world() });
    place.started("tasks", "{}").await;
    let mut digest = Digest::default();
    digest.look(&place.engine).await;
    place.pass(TO_THE_SLOT).await;
    digest.look(&place.engine).await;
    let all = place.store.notices(None, 9).unwrap();
    let all = all.iter().map(|notice| serde_json::from_slice::<Letter>(&notice.letter).unwrap());
    let who: Vec<_> =
        all.filter(|letter| letter.asks == Asks::Digest).flat_map(|letter| letter.who).collect();
    assert_eq!(who, ["person:bob", "person:cat"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_says_which_of_its_due_times_are_guesses() {
    let text = "calendar = \"china\"\n[step.near]\nask = \"person:ann\"\ndue = \"2 workdays\"\n\
                [step.far]\nneeds = []\nask = \"person:ann\"\ndue = \"300 workdays\"\n";
    let place = place(Memory::new(), START, false, &[("tasks", text)]);
    place.started("tasks", "{}").await;
    let mut digest = Digest::default();
    digest.look(&place.engine).await;
    place.pass(TO_THE_SLOT).await;
    digest.look(&place.engine).await;
    let all = place.store.notices(None, 9).unwrap();
    let all = all.iter().map(|notice| serde_json::from_slice::<Letter>(&notice.letter).unwrap());
    let letter = all.into_iter().find(|letter| letter.asks == Asks::Digest).unwrap();
    let guessed =
        letter.lines.iter().map(|line| (&*line.title, line.guess.as_ref().map(|guess| &*guess.calendar)));
    assert_eq!(guessed.collect::<Vec<_>>(), [("near", None), ("far", Some("china"))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_open_tasks_is_told_of_them_once_at_each_slot_also_over_a_crash() {
    let before = place(Memory::new(), START, false, &[("tasks", TASKS)]);
    let digests = |store: &Memory| -> Vec<Letter> {
        let all = store.notices(None, 9).unwrap();
        let all = all.iter().map(|notice| serde_json::from_slice::<Letter>(&notice.letter).unwrap());
        all.filter(|letter| letter.asks == Asks::Digest).collect()
    };
    before.started("tasks", "{}").await;
    let mut digest = Digest::default();
    digest.look(&before.engine).await;
    before.pass(TO_THE_SLOT - 1).await;
    Digest::default().look(&before.engine).await;
    assert!(digests(&before.store).is_empty(), "not before its time");
    before.pass(1).await;
    digest.look(&before.engine).await;
    let [letter] = &digests(&before.store)[..] else { panic!("one person has tasks, the others have none") };
    let lines: Vec<_> = letter.lines.iter().map(|line| (&*line.title, line.late)).collect();
    assert_eq!(
        (&letter.who[..], &lines[..]),
        (&["person:ann".to_owned()][..], &[("Look at it", true), ("quiet", false)][..])
    );

    let after =
        place(before.store.clone_committed(), START + TO_THE_SLOT + 60_000, true, &[("tasks", TASKS)]);
    Digest::default().look(&after.engine).await;
    after.until("all to be told", |store| store.notices(None, 9).unwrap().is_empty()).await;
    Digest::default().look(&after.engine).await;
    after.pass(0).await;
    let sent = || after.script.sent.lock().unwrap().len();
    assert_eq!((sent(), digests(&after.store).len()), (2, 0), "the task and the digest, each once");
    // Two slots pass while nobody looks: one letter is enough.
    after.pass(2 * 24 * 3_600_000).await;
    Digest::default().look(&after.engine).await;
    after.until("the next digest", |_| sent() == 3).await;
    Digest::default().look(&after.engine).await;
    after.until("it to be noted", |store| store.notices(None, 9).unwrap().is_empty()).await;
    assert_eq!(sent(), 3);
}

const CHOOSE: &str = r#"
title = "Send it"
[input]
ways = { type = "choices", options = { post = "By post", desk = "At the desk", car = "By car" } }
[step.choose]
ask = "group:crew"
form.way = { type = "choice", options = "{{ input.ways }}" }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_with_links_goes_to_each_reader_once_whatever_becomes_of_the_others_and_of_us() {
    let texts = [("choose", CHOOSE)];
    let before = place_of_links(Memory::new(), START, &texts);
    before.started("choose", r#"{"ways":["post","car"]}"#).await;
    let standing = |store: &Memory| -> Vec<Vec<String>> {
        let all = store.notices(None, 9).unwrap();
        all.iter().map(|one| serde_json::from_slice::<Letter>(&one.letter).unwrap().who).collect()
    };
    // Bob's server takes nothing, and the others hear of it all the same.
    before.until("the others to be told", |store| standing(store) == [["person:bob"]]).await;
    let sent = |place: &Place| -> Vec<(Arc<str>, Vec<String>)> {
        let mut sent = place.script.sent.lock().unwrap().clone();
        sent.sort();
        sent
    };
    let to = |place: &Place| sent(place).into_iter().flat_map(|(_, to)| to).collect::<BTreeSet<_>>();
    assert_eq!(to(&before), ["ann@example.com", "cat@example.com"].map(str::to_owned).into());
    assert_eq!(sent(&before).len(), 2, "each once");
    for text in &*before.script.texts.lock().unwrap() {
        let links = text.matches("https://house.example.com/m/").count();
        assert_eq!(links, 2, "one for each of the options that are worked out: {text}");
    }

    let after = place_of_links(before.store.clone_committed(), START + 60_000, &texts);
    mend(&after, "bob", "bob@example.com").await;
    after.until("all to be told", |store| standing(store).is_empty()).await;
    after.pass(3_600_000).await;
    after.pass(0).await;
    assert_eq!(to(&after), ["bob@example.com".to_owned()].into(), "nobody is told twice");
    assert_eq!(sent(&after).len(), 1);
    let keys: BTreeSet<Arc<str>> =
        [sent(&before), sent(&after)].concat().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), 3, "each has a key of their own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_nobody_needs_any_more_is_not_sent_after_all() {
    let place = place_of_links(Memory::new(), START, &[("choose", CHOOSE)]);
    let run = place.started("choose", r#"{"ways":["post"]}"#).await;
    let left = |store: &Memory| store.notices(None, 9).unwrap().len();
    // At first there is one word for all of them.
    let told = || place.script.sent.lock().unwrap().len() == 2;
    place.until("the others to be told", |store| left(store) == 1 && told()).await;
    let cancel = Event::Cancelled { opening: 1, by: "person:ann".into(), reason: "over".into() };
    place.engine.act(run, cancel).await.unwrap();
    place.until_state(run, RunState::Cancelled).await;
    mend(&place, "bob", "bob@example.com").await;
    place.until("his notice to fall", |store| left(store) == 0).await;
    assert_eq!(place.script.sent.lock().unwrap().len(), 2);
}

/// Another address of a person comes into force.
async fn mend(place: &Place, who: &str, mail: &str) {
    let mut people = people();
    people.people.get_mut(who).unwrap().mail = Some(mail.to_owned());
    place.engine.set_world(|_| World { number: 2, people: Arc::new(people), ..world() });
    place.pass(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_refused_keeps_nobody_else_of_a_group_from_being_told() {
    let text = LOOP.replace("person:ann", "group:crew");
    let place = place(Memory::new(), START, true, &[("loop", &text)]);
    place.started("loop", "{}").await;
    place.until("the notice", |store| !store.notices(None, 9).unwrap().is_empty()).await;
    let [notice] = &place.store.notices(None, 9).unwrap()[..] else { panic!("one question, one notice") };
    let why = || place.engine.shared.untold.why(&notice.task);
    place.until("the others to be told", |_| why().is_some_and(|why| why.starts_with("2 were told"))).await;
    let said = why().unwrap();
    assert!(said.contains("`gone@example.com` (play.failed") && !said.contains("cat@"), "{said}");
    // He is tried again, they are not; and what is left of the notice stays.
    let calls = || place.script.calls.load(Ordering::SeqCst);
    let before = calls();
    place.pass(3_600_000).await;
    place.until("another try", |_| calls() > before).await;
    let sent = || -> Vec<String> {
        place.script.sent.lock().unwrap().iter().flat_map(|(_, to)| to.clone()).collect()
    };
    assert_eq!(sent(), ["ann@example.com", "cat@example.com"]);
    assert_eq!(place.store.notices(None, 9).unwrap().len(), 1);
    mend(&place, "bob", "bob@example.com").await;
    place.until("the notice to be gone", |store| store.notices(None, 9).unwrap().is_empty()).await;
    assert_eq!((&sent()[2..], why()), (&["bob@example.com".to_owned()][..], None));
    let keys: BTreeSet<Arc<str>> =
        place.script.sent.lock().unwrap().iter().map(|(key, _)| key.clone()).collect();
    assert_eq!(keys.len(), 3, "each letter has a key of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_cannot_be_told_of_a_thousand_runs_keeps_no_other_from_being_told() {
    const MUTE: usize = 1_003;
    let mute = LOOP.replace("person:ann", "person:mute");
    let texts = [("loop", LOOP), ("mute", mute.as_str())];
    let standing = |store: &Memory| store.notices(None, 9_999).unwrap().len();
    let before = place(Memory::new(), START, false, &texts);
    for _ in 0..MUTE {
        before.started("mute", "{}").await;
    }
    before.started("loop", "{}").await;
    before.until("all notices", |store| standing(store) == MUTE + 1).await;

    let after = place(before.store.clone_committed(), START + 60_000, true, &texts);
    let sent = || after.script.sent.lock().unwrap().len();
    after.until("the last of the store to be told", |store| sent() == 1 && standing(store) == MUTE).await;
    after.started("loop", "{}").await;
    after.until("the newest to be told", |store| sent() == 2 && standing(store) == MUTE).await;

    // Those that made room are not forgotten.
    mend(&after, "mute", "mute@example.com").await;
    after.until("all to be told", |store| standing(store) == 0).await;
    assert_eq!(sent(), MUTE + 2, "each once");
}

fn timetable(overlap: &str) -> String {
    format!(
        r#"
title = "Timetable"
[trigger.minutely]
schedule = "* * * * *"
overlap = "{overlap}"
[step.rest]
wait = "1h"
"#
    )
}

/// The run of the first slot is open, the second slot found it so, and then the power went.
async fn restarted_in_the_middle_of(text: &str) -> (Place, RunId, Schedules) {
    let before = place(Memory::new(), START, true, &[("timetable", text)]);
    let mut schedules = Schedules::new(before.engine.clone());
    schedules.look().await;
    for _ in 0..2 {
        before.pass(60_000).await;
        schedules.look().await;
    }
    let [run] = runs(&before)[..] else { panic!("one slot has a run, the other has none") };
    let after = place(before.store.clone_committed(), START + 121_000, true, &[("timetable", text)]);
    let mut schedules = Schedules::new(after.engine.clone());
    schedules.look().await;
    assert_eq!(runs(&after), [run]);
    (after, run, schedules)
}

fn runs(place: &Place) -> Vec<RunId> {
    place.store.runs(&RunFilter::default(), None, 9).unwrap().rows.iter().map(|row| row.id).collect()
}

fn outcomes(place: &Place) -> Vec<FiringOutcome> {
    let firings = place.store.firings("timetable", "minutely", 9).unwrap();
    firings.iter().map(|(firing, _)| firing.outcome).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_waits_for_the_run_before_it_still_waits_after_a_restart() {
    let (place, run, mut schedules) = restarted_in_the_middle_of(&timetable("queue")).await;
    assert_eq!(outcomes(&place), [FiringOutcome::Queued, FiringOutcome::Started]);
    let event = Event::Cancelled { opening: 0, by: "operator".into(), reason: "enough".into() };
    place.engine.act(run, event).await.unwrap();
    schedules.look().await;
    assert_eq!(runs(&place).len(), 2);
    assert_eq!(outcomes(&place), [FiringOutcome::Started, FiringOutcome::Started]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_after_a_restart_does_not_overlap_the_run_of_an_earlier_one() {
    let (place, run, mut schedules) = restarted_in_the_middle_of(&timetable("skip")).await;
    place.pass(60_000).await;
    schedules.look().await;
    assert_eq!(runs(&place), [run]);
    assert_eq!(outcomes(&place), [FiringOutcome::Skipped, FiringOutcome::Skipped, FiringOutcome::Started]);
}

const METERS: usize = 40;

/// A run for each of forty meters; the seventh has a number that the form does not take.
fn rounds() -> String {
    let rows: String =
        (1..=METERS).map(|n| format!("{{ n = {} }},", if n == 7 { 1_007 } else { n })).collect();
    let head = timetable("queue").replace(
        "[step.rest]",
        "each = \"{{ table.meters.column('n') }}\"\nas = \"meter\"\nwith.n = \"{{ meter }}\"\nwith.at = \"{{ loop.index }}\"\n[step.rest]",
    );
    format!(
        "{head}\n[input]\nn = {{ type = \"whole\", max = 100 }}\nat = {{ type = \"whole\" }}\n\
         [table.meters]\nkey = [\"n\"]\nrows = [{rows}]\n"
    )
}

fn inputs(store: &Memory) -> Vec<String> {
    let rows = store.runs(&RunFilter::default(), None, 100).unwrap().rows;
    let input = |row: &yizhan_engine::store::RunRow| {
        yizhan_engine::live::load(row.id, store).unwrap().run.started.input.get().to_owned()
    };
    let mut all: Vec<String> = rows.iter().map(input).collect();
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_two_elements_of_a_slot_loses_none_and_starts_none_twice() {
    let text = rounds();
    let texts = [("timetable", text.as_str())];
    let before = place(Memory::new(), START, true, &texts);
    let mut schedules = Schedules::new(before.engine.clone());
    schedules.look().await;
    before.pass(60_000).await;
    // Sixteen starts are under way at once, so one commit holds less than all of them.
    before.gate.set(1);
    let looking = tokio::spawn(async move { schedules.look().await });
    before.until("the first elements", |store| !inputs(store).is_empty()).await;
    let begun = inputs(&before.store).len();
    assert!(begun <= 16, "{begun}");
    looking.abort();

    // The slot is finished although the runs of its first elements are open, and before the next slot waits for them.
    let after = place(before.store.clone_committed(), START + 121_000, true, &texts);
    let mut schedules = Schedules::new(after.engine.clone());
    schedules.look().await;
    let mut expected: Vec<String> =
        (1..=METERS).filter(|n| *n != 7).map(|n| format!("{{\"n\":{n},\"at\":{n}}}")).collect();
    expected.sort();
    assert_eq!(inputs(&after.store), expected);
    schedules.look().await;
    assert_eq!(inputs(&after.store).len(), METERS - 1);
    let firings = after.store.firings("timetable", "minutely", 100).unwrap();
    let slot = START.div_euclid(60_000) * 60_000 + 60_000;
    let of = |id: String| {
        let found = firings.iter().find(|(firing, _)| firing.id == id);
        found.map(|(firing, run)| (firing.outcome, run.is_some()))
    };
    assert_eq!(of(format!("{slot}#40")), Some((FiringOutcome::Started, true)));
    assert_eq!(of(format!("{slot}#7")), Some((FiringOutcome::Failed, false)), "the bad one alone is refused");
    assert_eq!(of(slot.to_string()), Some((FiringOutcome::Started, false)));
    assert_eq!(of((slot + 60_000).to_string()), Some((FiringOutcome::Queued, false)));

    // The next slot waits until every run of this one is over.
    let all = after.store.runs(&RunFilter::default(), None, 100).unwrap().rows;
    for (count, row) in all.iter().enumerate() {
        schedules.look().await;
        assert_eq!(inputs(&after.store).len(), METERS - 1, "after {count}");
        let event = Event::Cancelled { opening: 0, by: "operator".into(), reason: "enough".into() };
        after.engine.act(row.id, event).await.unwrap();
    }
    schedules.look().await;
    assert_eq!(inputs(&after.store).len(), 2 * (METERS - 1));
}

/// Orders are gathered to the full minute.
const GATHERED: &str = r#"
title = "Orders"
[input]
lines = { type = "text", lines = 2 }
count = { type = "whole" }
[trigger.order]
event = "order"
where.kind = "order"
gather = "* * * * *"
with.lines = "{{ trigger.items | map(attribute='line') | join(',') }}"
with.count = "{{ trigger.items | length }}"
[step.rest]
wait = "1h"
"#;

/// As an event trigger does it, for an order of this id and line.
async fn order(place: &Place, id: &str, line: usize) -> Result<StartReply, StartError> {
    let text = place.engine.shared.library.current("timetable").unwrap();
    let body = serde_json::json!({ "kind": "order", "line": line });
    let fired = intake::Fired { trigger: "order", with: serde_json::Map::new() };
    let body = body.as_object().unwrap();
    let prepared = intake::from_trigger(&text, fired, body, &world(), place.engine.shared.now()).unwrap();
    let (workflow, trigger) = ("timetable".into(), "order".into());
    let at = place.engine.shared.now();
    let firing = Firing { workflow, trigger, id: id.to_owned(), at, outcome: FiringOutcome::Started };
    place.engine.start(Started { prepared, by: "trigger:order".into(), firing: Some(firing) }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gathered_starts_one_run_at_each_slot_once_over_crashes_and_downtimes() {
    let texts = [("timetable", GATHERED)];
    let gathered = |repeated| StartReply::Gathered { repeated };
    // START is 40 seconds into a minute.
    let first = place(Memory::new(), START, true, &texts);
    let mut schedules = Schedules::new(first.engine.clone());
    assert_eq!(order(&first, "a", 1).await.unwrap(), gathered(false));
    first.pass(1_000).await;
    assert_eq!(order(&first, "b", 2).await.unwrap(), gathered(false));
    assert_eq!(
        order(&first, "a", 9).await.unwrap(),
        gathered(true),
        "a message that comes twice counts once"
    );
    schedules.look().await;
    assert_eq!(runs(&first), [], "the slot has not come");

    // It dies, and another minute passes in which nobody looks; what comes at the slot itself is of the next.
    let second = place(first.store.clone_committed(), START + 60_000, true, &texts);
    assert_eq!(order(&second, "b", 9).await.unwrap(), gathered(true));
    assert_eq!(order(&second, "c", 3).await.unwrap(), gathered(false));
    let mut schedules = Schedules::new(second.engine.clone());
    schedules.look().await;
    schedules.look().await;
    assert_eq!(inputs(&second.store), [r#"{"lines":"1,2","count":2}"#]);
    assert_eq!(order(&second, "a", 9).await.unwrap(), gathered(true), "also after its run began");

    // The power goes before the start of the next slot is on disk, and again right after it is.
    second.pass(60_000).await;
    let lost = place(second.store.clone_committed(), START + 120_000, true, &texts);
    lost.gate.set(0);
    let mut schedules = Schedules::new(lost.engine.clone());
    let looking = tokio::spawn(async move { schedules.look().await });
    lost.pass(1).await;
    looking.abort();
    let third = place(lost.store.clone_committed(), START + 120_000, true, &texts);
    Schedules::new(third.engine.clone()).look().await;
    let fourth = place(third.store.clone_committed(), START + 120_000, true, &texts);
    Schedules::new(fourth.engine.clone()).look().await;
    assert_eq!(inputs(&fourth.store), [r#"{"lines":"1,2","count":2}"#, r#"{"lines":"3","count":1}"#]);

    // Nothing came: no run.
    fourth.pass(600_000).await;
    Schedules::new(fourth.engine.clone()).look().await;
    assert_eq!(inputs(&fourth.store).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_gathered_waits_while_its_run_is_refused_and_starts_when_the_file_is_mended() {
    let strict = GATHERED.replace("type = \"whole\"", "type = \"whole\", max = 1");
    let before = place(Memory::new(), START, true, &[("timetable", strict.as_str())]);
    let mut schedules = Schedules::new(before.engine.clone());
    for (id, line) in [("a", 1), ("b", 2)] {
        order(&before, id, line).await.unwrap();
    }
    before.pass(60_000).await;
    schedules.look().await;
    assert_eq!(runs(&before), []);
    let text = before.engine.shared.library.current("timetable").unwrap();
    let refusal = yizhan_engine::gathering::refusal(&text, &text.triggers[0], &before.store, &world());
    let refusal = refusal.unwrap().unwrap().to_string();
    assert!(refusal.contains("count"), "{refusal}");

    // A file without the trigger loses nothing either.
    before.engine.load(workflows(&[("timetable", CHILD)])).await.unwrap();
    before.pass(600_000).await;
    schedules.look().await;
    assert_eq!(before.store.heaps().unwrap()[0].items, 2);
    before.engine.load(workflows(&[("timetable", GATHERED)])).await.unwrap();
    schedules.look().await;
    assert_eq!(inputs(&before.store), [r#"{"lines":"1,2","count":2}"#]);
    assert_eq!(before.store.heaps().unwrap(), []);
}

const COMPLETED: &str = r#"
title = "Orders"
owner = "person:ann"
key = "{{ input.line }}"
on_duplicate = "reject"
[input]
kind = { type = "text", value = "phone" }
line = { type = "whole" }
amount = { type = "money", max = "100" }
note = { type = "text", required = false }
[trigger.order]
event = "order"
complete = "group:crew"
with.line = "{{ trigger.body.line }}"
with.amount = "{{ trigger.body.amount }}"
[step.rest]
title = "{{ trigger.body.line }} {{ run.by }}"
wait = "1h"
"#;

fn tasks(place: &Place) -> Vec<yizhan_engine::store::TaskRow> {
    place.store.tasks(&yizhan_engine::store::TaskFilter::default(), None, 9).unwrap().rows
}

async fn heard(place: &Place, id: &str, body: serde_json::Value) -> Result<StartReply, StartError> {
    let text = place.engine.shared.library.current("timetable").unwrap();
    let with = serde_json::Map::from_iter([("body".to_owned(), body.clone())]);
    let fired = intake::Fired { trigger: "order", with };
    let at = place.engine.shared.now();
    let prepared = intake::from_trigger(&text, fired, body.as_object().unwrap(), &world(), at).unwrap();
    let (workflow, trigger) = ("timetable".into(), "order".into());
    let firing = Firing { workflow, trigger, id: id.to_owned(), at, outcome: FiringOutcome::Started };
    place.engine.start(Started { prepared, by: "trigger:order".into(), firing: Some(firing) }).await
}

/// Completes the form that waits.
async fn complete(place: &Place, form: RunId, by: &str, fields: &str) -> Result<(), ActError> {
    let row = tasks(place).into_iter().find(|row| row.run == form).unwrap();
    let of = serde_json::from_str(&row.of).unwrap();
    let fields = yizhan_workflow::run::event::Raw::new(fields.to_owned()).unwrap();
    place.engine.act(form, Event::Answered { of, by: by.into(), via: "test".into(), fields }).await
}

fn begun_by(place: &Place, form: RunId) -> Vec<(RunId, Arc<str>, String)> {
    let rows = place.store.runs(&RunFilter::default(), None, 99).unwrap().rows;
    let started = rows.into_iter().map(|row| yizhan_engine::live::load(row.id, &place.store).unwrap().run);
    let of_form = format!("\"form\":\"{form}\"");
    let begun =
        started.filter(|run| run.started.trigger.as_ref().is_some_and(|raw| raw.get().contains(&of_form)));
    begun.map(|run| (run.id, run.started.by.clone(), run.started.input.get().to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_a_trigger_opens_is_filled_in_and_whoever_completes_it_starts_the_run() {
    let texts = [("timetable", COMPLETED)];
    let before = place(Memory::new(), START, true, &texts);
    let body = serde_json::json!({ "line": "7", "amount": "many" });
    let StartReply::Started(form) = heard(&before, "a", body.clone()).await.unwrap() else { panic!() };
    assert!(
        matches!(heard(&before, "a", body).await, Err(StartError::FiredBefore { run: Some(run) }) if run == form)
    );

    // It waits over a crash, and over a file that is not there any more.
    let after = place(before.store.clone_committed(), START + 60_000, true, &[("other", CHILD)]);
    let [row] = &tasks(&after)[..] else { panic!("one form waits") };
    assert_eq!((&*row.title, &row.who[..], &*row.step), ("Orders", &["group:crew".to_owned()][..], "form"));
    assert_eq!(
        inputs(&after.store),
        [r#"{"kind":"phone","line":7,"amount":null,"note":null}"#],
        "what fits is filled in"
    );
    let refused = complete(&after, form, "person:mute", r#"{"amount":"12.50"}"#).await;
    assert!(matches!(refused, Err(ActError::Refused(Refusal::NotYours { .. }))), "{refused:?}");
    let refused = complete(&after, form, "person:cat", r#"{"amount":"120"}"#).await;
    assert!(matches!(refused, Err(ActError::Refused(Refusal::Form(_)))), "{refused:?}");
    after.engine.load(workflows(&texts)).await.unwrap();

    // The power goes when the answer is on disk and the run is not begun.
    after.gate.set(1);
    complete(&after, form, "person:cat", r#"{"amount":"12.50"}"#).await.unwrap();
    assert_eq!(begun_by(&after, form), []);
    let last = place(after.store.clone_committed(), START + 120_000, true, &texts);
    last.until_state(form, RunState::Done).await;
    let [(run, by, input)] = &begun_by(&last, form)[..] else { panic!("one run begins") };
    assert_eq!((&**by, &**input), ("person:cat", r#"{"kind":"phone","line":7,"amount":12.50,"note":null}"#));
    let trigger = yizhan_engine::live::load(*run, &last.store).unwrap().run.started.trigger.clone().unwrap();
    assert!(trigger.get().contains(r#""amount":"many""#), "the trigger is kept: {}", trigger.get());

    // The key is compared now: the owner is asked, and tries again when it is free.
    let body = serde_json::json!({ "line": 7, "amount": "1" });
    let StartReply::Started(second) = heard(&last, "b", body).await.unwrap() else { panic!() };
    complete(&last, second, "person:cat", "{}").await.unwrap();
    last.until("the owner to be asked", |store| {
        store.row(second).unwrap().unwrap().waits.as_deref() == Some("unknown")
    })
    .await;
    assert_eq!(begun_by(&last, second), []);
    let event = Event::Cancelled { opening: 0, by: "operator".into(), reason: "enough".into() };
    last.engine.act(*run, event).await.unwrap();
    let asks = tasks(&last).into_iter().find(|row| row.run == second).unwrap();
    let of = serde_json::from_str(&asks.of).unwrap();
    let again =
        Event::Settled { of, by: "person:ann".into(), via: "test".into(), verdict: Verdict::Again {} };
    last.engine.act(second, again).await.unwrap();
    last.until_state(second, RunState::Done).await;
    assert_eq!(begun_by(&last, second).len(), 1);

    // Nothing begins of a form that is cancelled.
    let StartReply::Started(third) = heard(&last, "c", serde_json::json!({})).await.unwrap() else {
        panic!()
    };
    let event = Event::Cancelled { opening: 0, by: "operator".into(), reason: "spam".into() };
    last.engine.act(third, event).await.unwrap();
    last.until_state(third, RunState::Cancelled).await;
    assert_eq!((begun_by(&last, third).len(), tasks(&last).len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completed_form_whose_key_an_open_run_holds_joins_it_once() {
    let text = COMPLETED.replace("reject", "join");
    let texts = [("timetable", text.as_str())];
    let before = place(Memory::new(), START, true, &texts);
    let holder = before.started("timetable", r#"{"line":7,"amount":"1"}"#).await;
    let body = serde_json::json!({ "line": 7, "amount": "2" });
    let StartReply::Started(form) = heard(&before, "a", body).await.unwrap() else { panic!() };
    complete(&before, form, "person:cat", "{}").await.unwrap();
    before.until_state(form, RunState::Done).await;
    let joined = |store: &Memory| yizhan_engine::live::load(holder, store).unwrap().run.joined.len();
    assert_eq!((joined(&before.store), begun_by(&before, form).len()), (1, 0));
}

const TURNS: &str = r#"
title = "Turns"
[step.look]
ask = { in_turn = "group:crew" }
due = "1h"
"#;

const FEWEST: &str = r#"
title = "Fewest"
[step.look]
ask = { fewest = "group:crew" }
not = ["person:bob"]
due = "1h"
"#;

/// Whose the open tasks are, in the order in which their runs began.
fn whose(store: &Memory) -> Vec<String> {
    let mut rows = store.tasks(&TaskFilter::default(), None, 99).unwrap().rows;
    rows.sort_by_key(|row| row.run);
    rows.into_iter().map(|row| row.who.join(" ")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_turn_it_is_is_chosen_once_whatever_crash_comes_between() {
    let texts = [("turns", TURNS)];
    let mut now = place(Memory::new(), START, true, &texts);
    let turns = ["person:ann", "person:bob", "person:cat", "person:ann"];
    for count in 1..=turns.len() {
        // The power goes when the task is open and nobody has it.
        now.gate.set(1);
        now.started("turns", "{}").await;
        assert_eq!(whose(&now.store), [&turns[..count - 1], &["choosing"]].concat());
        now = place(now.store.clone_committed(), START + 60_000, true, &texts);
        now.until("the choice", |store| whose(store) == turns[..count]).await;
        // And again after it was chosen.
        now = place(now.store.clone_committed(), START + 60_000, true, &texts);
        assert!(now.engine.turns(Duration::from_secs(5)).await);
        assert_eq!(whose(&now.store), turns[..count], "nobody is chosen twice");
    }
    let told = now.store.notices(None, 9).unwrap();
    let who: BTreeSet<String> =
        told.iter().flat_map(|told| serde_json::from_slice::<Letter>(&told.letter).unwrap().who).collect();
    assert!(who.iter().all(|who| who.starts_with("person:")), "only whoever has it is told: {who:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_fewest_tasks_gets_the_next_and_who_must_not_gets_none() {
    let place = place(Memory::new(), START, true, &[("fewest", FEWEST)]);
    let mut runs = vec![];
    for _ in 0..4 {
        runs.push(place.started("fewest", "{}").await);
    }
    let all = ["person:ann", "person:cat", "person:ann", "person:cat"];
    place.until("four choices", |store| whose(store) == all).await;
    // Ann is done with both of hers, so the next two are hers.
    for row in place.store.tasks(&TaskFilter::default(), None, 9).unwrap().rows {
        if row.who == ["person:ann"] {
            let of = serde_json::from_str(&row.of).unwrap();
            let fields = yizhan_workflow::run::event::Raw::new("{}".to_owned()).unwrap();
            let (by, via) = ("person:ann".into(), "test".into());
            place.engine.act(row.run, Event::Answered { of, by, via, fields }).await.unwrap();
        }
    }
    for _ in 0..2 {
        place.started("fewest", "{}").await;
    }
    let all = ["person:cat", "person:cat", "person:ann", "person:ann"];
    place.until("two more", |store| whose(store) == all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_among_nobody_fails() {
    let empty = "title = \"Empty\"\n[step.look]\nask = { in_turn = \"group:nobody\" }\n";
    let place = place(Memory::new(), START, true, &[("empty", empty)]);
    let run = place.started("empty", "{}").await;
    place.until_state(run, RunState::Failed).await;
}
