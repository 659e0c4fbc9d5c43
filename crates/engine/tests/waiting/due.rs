//! Many due times at once: what comes from outside has its turn, and of an answer and a deadline exactly one decides.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::sync::Notify;
use yizhan_engine::ActError;
use yizhan_engine::store::{Reads, RunState};
use yizhan_store::Memory;
use yizhan_workflow::id::{Attempt, Item, RunId, ScopeNo, StepNo};
use yizhan_workflow::run::event::{Event, Fact, Raw};
use yizhan_workflow::run::{Line, Refusal};

use super::{Place, START, place};

const HOUR: i64 = 3_600_000;

impl Place {
    async fn starts(&self, workflow: &str, many: usize) -> Vec<RunId> {
        let mut runs = vec![];
        while runs.len() < many {
            let most = (many - runs.len()).min(500);
            runs.extend(join_all((0..most).map(|_| self.start(workflow, "{}"))).await);
        }
        runs
    }

    async fn answer(&self, run: RunId) -> Result<(), ActError> {
        let item = Item { step: StepNo(0), scope: ScopeNo::RUN, round: 1, item: 0, undo: false, rung: None };
        let fields = Raw::new(r#"{"ok":true}"#.to_owned()).unwrap();
        let of = Attempt { item, attempt: 1 };
        self.engine
            .act(run, Event::Answered { of, by: "person:ann".into(), via: "test".into(), fields })
            .await
    }

    async fn pass_to(&self, at: i64) {
        self.pass(at - self.engine.shared.now().0).await;
    }

    fn journal(&self, run: RunId) -> Vec<(i64, Line)> {
        let lines = self.store.journal(run, 0, 99).unwrap();
        lines.iter().map(|line| (line.at.0, serde_json::from_slice(&line.body).unwrap())).collect()
    }
}

fn how_often(lines: &[(i64, Line)], is: impl Fn(&Fact) -> bool) -> usize {
    lines.iter().flat_map(|(_, line)| &line.did).filter(|fact| is(fact)).count()
}

const LATE: &str = r#"
[step.look]
ask = "person:ann"
due = "1h"
form.ok = { type = "yesno" }
"#;
const MANY: usize = 10_000;
/// So many wake-ups at most are decided before an answer that comes when all are due.
const BEFORE_AN_ANSWER: usize = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_does_not_wait_for_ten_thousand_that_come_due_at_the_same_instant() {
    let place = place(Memory::new(), START, &[("late", LATE)]);
    let runs = place.starts("late", MANY).await;
    let last = *runs.last().unwrap();
    place.pass_to(START + HOUR - 1).await;
    // Nothing is written meanwhile, so that the order of writing is the order of deciding.
    place.gate.set(0);
    place.written.lock().unwrap().clear();
    place.pass(1).await;
    place.pass(0).await; // The turn after the one that saw the clock.
    let (said, ()) = futures_util::join!(place.answer(last), async {
        place.pass(0).await;
        place.gate.set(usize::MAX);
    });
    said.unwrap();
    let all = |place: &Place| place.written.lock().unwrap().len() > MANY;
    place.until_within(Duration::from_secs(60), "all are woken", all).await;

    let written = place.written.lock().unwrap().clone();
    assert_eq!(written.len(), MANY + 1, "each is woken once, and one is answered");
    let answered = written.iter().rposition(|run| *run == last).unwrap();
    assert!(answered < BEFORE_AN_ANSWER, "{answered} others were decided before the answer");
    for run in &runs {
        assert_eq!(how_often(&place.journal(*run), |fact| matches!(fact, Fact::Late { .. })), 1, "{run}");
    }
    let lines = place.journal(last);
    let late = lines.iter().position(|(_, line)| matches!(line.event, Event::Woke {})).unwrap();
    let taken = lines.iter().position(|(_, line)| matches!(line.event, Event::Answered { .. })).unwrap();
    assert!(late < taken, "its own clock speaks before its answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_does_not_first_decide_all_that_is_due() {
    let place = place(Memory::new(), START, &[("late", LATE)]);
    let runs = place.starts("late", 2_000).await;
    place.pass_to(START + HOUR - 1).await;
    place.gate.set(0);
    place.pass(1).await;
    let ((), ()) = futures_util::join!(place.engine.stop(Duration::from_secs(5)), async {
        // The word was taken before this one.
        place.pass(0).await;
        place.gate.set(usize::MAX);
    });
    let is_late =
        |run: &&RunId| how_often(&place.journal(**run), |fact| matches!(fact, Fact::Late { .. })) > 0;
    let late = runs.iter().filter(is_late).count();
    assert!(late < BEFORE_AN_ANSWER, "{late} were decided before it stopped");

    // What was left is late after the next start.
    let next = place.crashed(&[("late", LATE)]);
    let is_late = |run: &RunId| how_often(&next.journal(*run), |fact| matches!(fact, Fact::Late { .. })) == 1;
    next.until_within(Duration::from_secs(60), "all are late", |_| runs.iter().all(is_late)).await;
}

const DECIDED: &str = r#"
[step.look]
ask = "person:ann"
due = "1h"
form.ok = { type = "yesno" }
escalate = [{ at = "+0s", decide = { ok = false } }]
on.ok.yes = { go = "done:person" }
on.ok.no = { go = "done:deadline" }
"#;
const IN_A_BATCH: usize = 50;

/// Ten thousand with `YIZHAN_TESTS=all`.
fn races() -> usize {
    if std::env::var("YIZHAN_TESTS").as_deref() == Ok("all") { 10_000 } else { 1_000 }
}

/// When the clock strikes: before the answers, as soon as the first of the first half is taken, as soon as the first of all is
/// taken, after the last.
#[derive(Clone, Copy)]
enum Strikes {
    Before,
    AmongHalf,
    AmongAll,
    After,
}

/// The pure rule has its story beside it (`run/tests/rungs.rs`); here answers and the clock race to one loop.
#[tokio::test(flavor = "multi_thread")]
async fn of_an_answer_and_its_deadline_exactly_one_decides_and_the_journal_says_which() {
    let place = place(Memory::new(), START, &[("look", DECIDED)]);
    let mut batches = vec![];
    for _ in 0..races() / IN_A_BATCH {
        batches.push((place.engine.shared.now().0 + HOUR, place.starts("look", IN_A_BATCH).await));
        place.pass(10).await;
    }
    let kinds = [Strikes::Before, Strikes::AmongHalf, Strikes::AmongAll, Strikes::After];
    let (mut people, mut deadlines) = (0, 0);
    for ((due, runs), strikes) in batches.iter().zip(kinds.into_iter().cycle()) {
        place.pass_to(due - 1).await;
        let taken = race(&place, runs, strikes).await;
        place
            .until("all are decided", |place| {
                runs.iter().all(|run| place.state(*run) == Some(RunState::Done))
            })
            .await;
        for (run, taken) in runs.iter().zip(taken) {
            is_decided_once(&place, *run, (*due, taken));
            if taken { people += 1 } else { deadlines += 1 }
        }
    }
    assert_eq!(people + deadlines, races());
    assert!(people.min(deadlines) >= races() / 4, "by people {people}, by the deadline {deadlines}");
}

/// Whether each answer was taken.
async fn race(place: &Place, runs: &[RunId], strikes: Strikes) -> Vec<bool> {
    let early = match strikes {
        Strikes::Before => 0,
        Strikes::AmongHalf => runs.len() / 2,
        Strikes::AmongAll | Strikes::After => runs.len(),
    };
    let (early, late) = runs.split_at(early);
    let first = &Notify::new();
    let answer = |run: &RunId| {
        let run = *run;
        async move {
            match place.answer(run).await {
                Ok(()) => true,
                Err(ActError::Refused(Refusal::Echo(_))) => false,
                Err(error) => panic!("{run}: {error}"),
            }
        }
    };
    let strike = || place.hands.pass(1);
    let clock = async {
        match strikes {
            Strikes::Before => strike(),
            Strikes::AmongHalf | Strikes::AmongAll => {
                first.notified().await;
                strike();
            }
            Strikes::After => {}
        }
        vec![]
    };
    let taken_early = early.iter().map(|run| answer(run).inspect(|_| first.notify_one()));
    let taken_late = late.iter().map(answer);
    let said = [clock.boxed_local(), join_all(taken_early).boxed_local(), join_all(taken_late).boxed_local()];
    let taken = join_all(said).await.into_iter().flatten().collect();
    if matches!(strikes, Strikes::After) {
        strike();
    }
    place.pass(0).await;
    taken
}

fn is_decided_once(place: &Place, run: RunId, (due, taken): (i64, bool)) {
    let lines = place.journal(run);
    assert_eq!(how_often(&lines, |fact| matches!(fact, Fact::Ended { .. })), 1, "{run}");
    let outcome = place.store.row(run).unwrap().unwrap().outcome.unwrap();
    let (last, line) = lines.last().unwrap();
    let in_time = *last < due;
    assert_eq!((&*outcome, in_time), if taken { ("person", true) } else { ("deadline", false) }, "{run}");
    let answers = lines.iter().filter(|(_, line)| matches!(line.event, Event::Answered { .. })).count();
    let rungs = how_often(&lines, |fact| matches!(fact, Fact::Rung { .. }));
    assert_eq!((answers, rungs), if taken { (1, 0) } else { (0, 1) }, "{run}: {line:?}");
}
