//! The checker against seeded faults: sound evidence passes, and each fault is named.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use yizhan_engine::store::{Line as Stored, Published, RunRow, RunState, TaskRow};
use yizhan_workflow::catalogue::{Action, Catalogue};
use yizhan_workflow::definition;
use yizhan_workflow::id::{Attempt, Item, Millis, RunId, ScopeNo, StepNo, TaskId, TextHash};
use yizhan_workflow::moment::Span;
use yizhan_workflow::people::People;
use yizhan_workflow::plan::{ActionName, Effect, Retry, Source};
use yizhan_workflow::run::event::{AttemptResult, Event, Fact, Raw, Standing, Started};
use yizhan_workflow::run::state::TaskKind;
use yizhan_workflow::run::{Line, Now, RULES, World, decide, start};

mod house;
mod kinds;

use super::{Rows, Violation, check, check_answer};
use crate::evidence::{Ack, Arrival, Delivered, Evidence, RunEvidence};

const RUNS: u64 = 4;

fn world() -> World {
    let name = ActionName { plugin: "t".into(), action: "once".into() };
    let action = Action {
        name: name.clone(),
        summary: String::new(),
        effect: Effect::Once,
        timeout_ms: None,
        outcome: None,
        input: serde_json::json!({}),
        output: serde_json::json!({}),
    };
    World {
        number: 1,
        zone: jiff_zone(),
        catalogue: Arc::new(Catalogue { actions: BTreeMap::from([(name.to_string(), Arc::new(action))]) }),
        people: Arc::new(People::default()),
        calendars: Arc::default(),
        registers: Arc::default(),
        retry: Retry { times: 2, first: Span { ms: 10 }, factor: 1.0, most: Span { ms: 10 }, jitter: 0.0 },
        owner: None,
        url: None,
    }
}

fn jiff_zone() -> jiff::tz::TimeZone {
    jiff::tz::TimeZone::UTC
}

const SENDS: [&str; 3] = ["call", "pay", "mail"];

fn sends() -> BTreeMap<String, BTreeSet<String>> {
    BTreeMap::from([("t".to_owned(), SENDS.map(str::to_owned).into())])
}

/// Runs of two steps that must happen once, carried to their end, and what came to the sinks.
fn sound() -> Evidence {
    let text = "title = \"t\"\n[step.call]\nuse = \"t.once\"\n[step.pay]\nuse = \"t.once\"\n".to_owned();
    let source = Source { name: "t".into(), text, files: BTreeMap::new() };
    let text = definition::read(&source, &source.files).unwrap().workflow;
    let (world, mut evidence) =
        (world(), Evidence { once: vec!["/pay".into()], sends: sends(), ..Evidence::default() });
    for number in 0..RUNS {
        let at = Millis(1_795_395_600_000);
        let now = Now { world: &world, at, room: usize::MAX };
        let id = RunId::mint(at, evidence.acks.last().map(|ack| ack.run));
        let started = Started {
            workflow: "t".into(),
            text: TextHash("t".into()),
            input: Raw::new(format!("{{\"case\":\"c{number}\"}}")).unwrap(),
            key: None,
            trigger: None,
            by: "operator".into(),
            parent: None,
            origin: None,
        };
        let (mut run, first) = start(id, &text, &now, started);
        let mut decisions = vec![first];
        for step in 0..2 {
            let of = Attempt {
                item: Item {
                    step: StepNo(step),
                    scope: ScopeNo::RUN,
                    round: 1,
                    item: 0,
                    undo: false,
                    rung: None,
                },
                attempt: 1,
            };
            let result = AttemptResult::Done { output: Raw::new("{}".into()).unwrap() };
            decisions
                .push(decide(&mut run, &text, &now, Event::Ended { of, result, took_us: None }).unwrap());
        }
        let lines = decisions.into_iter().map(|decision| {
            let line = Line { rules: RULES, world: 1, event: decision.event, did: decision.did };
            let body = serde_json::to_vec(&line).unwrap().into();
            (Stored { seq: decision.seq, at: decision.at, body }, line)
        });
        evidence.runs.insert(
            id,
            RunEvidence {
                row: row(id, at),
                lines: lines.collect(),
                unreadable: vec![],
                rows: Rows::default(),
                loads_otherwise: false,
            },
        );
        let case = format!("c{number}");
        for step in SENDS {
            let (key, item) = (format!("k-{case}-{step}"), format!("{case}/{step}"));
            evidence.arrivals.push(Arrival { key, item });
        }
        evidence.acks.push(Ack { run: id, case });
    }
    evidence
}

/// The row of such a run.
fn row(id: RunId, at: Millis) -> RunRow {
    RunRow {
        id,
        workflow: "t".into(),
        text: TextHash("t".into()),
        state: RunState::Done,
        outcome: Some("done".into()),
        key: None,
        waits: None,
        started: at,
        ended: Some(at),
        by: "operator".into(),
        parent: None,
        due: None,
        stands: false,
        rounds: 1,
    }
}

/// Spoils sound evidence and says whether the checker names the fault.
#[track_caller]
fn finds(spoil: impl FnOnce(&mut Evidence), expected: impl Fn(&Violation) -> bool) {
    let mut evidence = sound();
    spoil(&mut evidence);
    let found = check(&evidence, 1);
    assert!(found.iter().any(expected), "the fault was not found; found only {found:?}");
}

fn first(evidence: &mut Evidence) -> &mut RunEvidence {
    evidence.runs.values_mut().next().unwrap()
}

/// Puts a line of the journal in place of another, as both forms of it.
fn append(run: &mut RunEvidence, did: Vec<Fact>) {
    let last = run.lines.last().unwrap().0.clone();
    let line = Line { rules: RULES, world: 1, event: Event::Woke {}, did };
    run.lines.push((Stored { seq: last.seq + 1, ..last }, line));
}

#[test]
fn sound_evidence_passes() {
    assert_eq!(check(&sound(), RUNS as usize), vec![]);
}

#[test]
fn a_dead_system_does_not_pass() {
    assert_eq!(check(&Evidence::default(), 1), vec![Violation::TooFewDone(0, 1)]);
}

#[test]
fn a_lost_run_is_found() {
    finds(|e| drop(e.runs.pop_first()), |v| matches!(v, Violation::AckedRunLost(_)));
}

#[test]
fn a_case_that_became_two_runs_is_found() {
    finds(|e| e.acks[1].case = e.acks[0].case.clone(), |v| matches!(v, Violation::CaseTwice(_)));
}

#[test]
fn an_answer_in_a_run_that_is_lost_is_found() {
    finds(
        |e| {
            let (run, _) = e.runs.pop_first().unwrap();
            e.answered.insert(run);
        },
        |v| matches!(v, Violation::AnswerLost(_)),
    );
}

/// What was acknowledged must be there, what got no answer may, and what nobody sent must not.
#[test]
fn a_delivery_that_was_acknowledged_and_is_lost_is_found_and_one_without_an_answer_may_be_there_once() {
    let told = |case: &str, id: &str| Published {
        number: 1,
        id: id.into(),
        name: "told".into(),
        key: case.into(),
        payload: Raw::new("{}".to_owned()).unwrap(),
        at: Millis(1),
    };
    let judge = |events: &[(&str, &str)]| {
        let taken = vec![("t1".to_owned(), "d-t1".to_owned())];
        let delivered = Some(Delivered { taken, open: ["t2".to_owned()].into() });
        let published = events.iter().map(|(case, id)| told(case, id)).collect();
        check(&Evidence { delivered, published, ..sound() }, 1)
    };
    let times = |case: &str, times| Violation::DeliveredTimes(case.to_owned(), times);
    let (one, open) = (("t1", "d-t1"), ("t2", "d-t2"));
    assert_eq!(judge(&[one]), []);
    assert_eq!(judge(&[one, open]), []);
    assert_eq!(judge(&[open]), [times("t1", 0)]);
    assert_eq!(judge(&[one, open, ("t2", "d-t3")]), [times("t2", 2)]);
    assert_eq!(judge(&[one, ("t3", "d-t4")]), [times("t3", 1)]);
    let twice = ["d-t1", "d-t2"].map(|id| ("t1".to_owned(), id.to_owned())).into();
    let delivered = Some(Delivered { taken: twice, ..Delivered::default() });
    let found = check(&Evidence { delivered, published: vec![told("t1", "d-t2")], ..sound() }, 1);
    assert_eq!(found, [Violation::AnsweredWrongly("t1".to_owned(), "d-t1".to_owned())]);
}

#[test]
fn a_lost_line_is_found() {
    finds(|e| drop(first(e).lines.remove(1)), |v| matches!(v, Violation::Gap(_, 2)));
}

#[test]
fn a_lost_last_line_is_found() {
    finds(|e| drop(first(e).lines.pop()), |v| matches!(v, Violation::RowDiffers(..)));
}

#[test]
fn a_run_without_a_journal_is_found() {
    finds(|e| first(e).lines.clear(), |v| matches!(v, Violation::Gap(_, 1)));
}

#[test]
fn a_line_that_cannot_be_read_is_found() {
    finds(|e| first(e).unreadable.push(2), |v| matches!(v, Violation::Unreadable(_, 2)));
}

#[test]
fn swapped_lines_are_found() {
    finds(|e| first(e).lines.swap(0, 1), |v| matches!(v, Violation::Gap(..)));
}

#[test]
fn a_clock_that_ran_backwards_is_found() {
    finds(|e| first(e).lines[2].0.at = Millis(0), |v| matches!(v, Violation::BackInTime(_, 3)));
}

#[test]
fn a_doubled_result_is_found() {
    finds(
        |e| {
            let did = first(e).lines[1].1.did.clone();
            append(first(e), did);
        },
        |v| matches!(v, Violation::TwoResults(..)),
    );
}

#[test]
fn an_attempt_that_went_out_twice_is_found() {
    finds(
        |e| {
            let run = first(e);
            let did = run.lines[1].1.did.clone();
            run.lines[1].1.did.extend(did.into_iter().filter(|fact| matches!(fact, Fact::Entered { .. })));
        },
        |v| matches!(v, Violation::AttemptTwice(..)),
    );
}

#[test]
fn a_key_that_began_again_after_it_was_done_is_found() {
    finds(
        |e| {
            let at =
                Item { step: StepNo(0), scope: ScopeNo::RUN, round: 1, item: 0, undo: false, rung: None };
            append(
                first(e),
                vec![Fact::Entered { at, state: Standing::Running { a: 2, begun: true, first: None } }],
            );
        },
        |v| matches!(v, Violation::AgainAfterDone(..)),
    );
}

#[test]
fn what_must_happen_once_and_was_tried_again_is_found() {
    finds(
        |e| {
            let run = first(e);
            let at =
                Item { step: StepNo(1), scope: ScopeNo::RUN, round: 1, item: 0, undo: false, rung: None };
            run.lines[1]
                .1
                .did
                .push(Fact::Entered { at, state: Standing::Running { a: 2, begun: true, first: None } });
        },
        |v| matches!(v, Violation::OnceAgain(..)),
    );
}

#[test]
fn a_step_after_the_end_is_found() {
    finds(
        |e| {
            let at =
                Item { step: StepNo(1), scope: ScopeNo::RUN, round: 2, item: 0, undo: false, rung: None };
            append(
                first(e),
                vec![Fact::Entered { at, state: Standing::Running { a: 1, begun: true, first: None } }],
            );
        },
        |v| matches!(v, Violation::AfterTheEnd(..)),
    );
}

#[test]
fn a_second_end_is_found() {
    finds(
        |e| {
            let end = first(e).lines[2].1.did.last().unwrap().clone();
            append(first(e), vec![end]);
        },
        |v| matches!(v, Violation::EndedTwice(_)),
    );
}

#[test]
fn a_row_that_says_otherwise_is_found() {
    finds(|e| first(e).row.state = RunState::Failed, |v| matches!(v, Violation::RowDiffers(..)));
}

#[test]
fn a_stuck_run_is_found() {
    finds(
        |e| {
            let run = first(e);
            run.row.state = RunState::Open;
            run.lines.truncate(2);
            run.lines[1].1.did.retain(|fact| !matches!(fact, Fact::Entered { .. }));
        },
        |v| matches!(v, Violation::Stuck(_)),
    );
}

#[test]
fn one_item_with_two_keys_is_found() {
    finds(
        |e| e.arrivals.push(Arrival { key: "other".into(), item: "c0/call".into() }),
        |v| matches!(v, Violation::TwoKeys(_)),
    );
}

#[test]
fn one_key_for_two_items_is_found() {
    finds(|e| e.arrivals[1].key = e.arrivals[0].key.clone(), |v| matches!(v, Violation::SharedKey(..)));
}

#[test]
fn an_effect_that_came_twice_and_must_not_is_found() {
    finds(
        |e| {
            let again = e.arrivals[1].clone();
            e.arrivals.push(again);
        },
        |v| matches!(v, Violation::OnceArrivedAgain(_, 2)),
    );
}

#[test]
fn an_effect_that_never_came_is_found() {
    finds(|e| drop(e.arrivals.remove(0)), |v| matches!(v, Violation::NeverArrived(..)));
}

/// Nobody who sent one is left to learn it from.
#[test]
fn all_mails_gone_is_found() {
    let gone = |e: &mut Evidence| e.arrivals.retain(|arrival| !arrival.item.ends_with("/mail"));
    finds(gone, |v| *v == Violation::NeverArrived("c0".to_owned(), "mail".to_owned()));
    finds(gone, |v| *v == Violation::NeverArrived("c3".to_owned(), "mail".to_owned()));
}

#[test]
fn what_arrived_and_is_of_no_run_is_found() {
    finds(
        |e| e.arrivals.push(Arrival { key: "k".into(), item: "c9/call".into() }),
        |v| matches!(v, Violation::ArrivedOfNone(item) if item == "c9/call"),
    );
}

#[test]
fn a_run_that_is_loaded_as_another_is_found() {
    finds(|e| first(e).loads_otherwise = true, |v| matches!(v, Violation::SnapshotDiffers(_)));
}

#[test]
fn an_answer_that_the_evidence_has_of_a_run_without_one_is_found() {
    finds(
        |e| {
            let run = first(e).row.id;
            e.answered.insert(run);
        },
        |v| matches!(v, Violation::AnswerLost(_)),
    );
}

#[test]
fn what_the_store_says_of_itself_counts() {
    finds(|e| e.store.push("row 5 missing".into()), |v| matches!(v, Violation::Store(_)));
}

const CLOCKED: &str = r#"
title = "t"
[step.look]
ask = "person:a"
due = "1h"
form.ok = { type = "yesno" }
escalate = [
  { at = "-10min", tell = "person:b" },
  { at = "+0s", reassign = "person:b" },
  { at = "+10min", decide = { ok = false } },
]
[step.nap]
wait = "2h"
"#;

/// A run whose task nobody answered, from its start to the decision for them and into the wait after it. `lines` of it.
fn clocked(lines: usize) -> Evidence {
    let source = Source { name: "t".into(), text: CLOCKED.into(), files: BTreeMap::new() };
    let text = definition::read(&source, &source.files).unwrap().workflow;
    let (world, began) = (world(), Millis(1_795_395_600_000));
    let id = RunId::mint(began, None);
    let now = |minutes: i64| Now { world: &world, at: began.plus(minutes * 60_000), room: usize::MAX };
    let started = Started {
        workflow: "t".into(),
        text: TextHash("t".into()),
        input: Raw::new("{}".into()).unwrap(),
        key: None,
        trigger: None,
        by: "operator".into(),
        parent: None,
        origin: None,
    };
    let (mut run, first) = start(id, &text, &now(0), started);
    let mut decisions = vec![first];
    for minutes in [50, 60, 70, 190].into_iter().take(lines - 1) {
        decisions.push(decide(&mut run, &text, &now(minutes), Event::Woke {}).unwrap());
    }
    let read = decisions.into_iter().map(|decision| {
        let line = Line { rules: RULES, world: 1, event: decision.event, did: decision.did };
        let body = serde_json::to_vec(&line).unwrap().into();
        (Stored { seq: decision.seq, at: decision.at, body }, line)
    });
    let state = if run.is_over() { RunState::Done } else { RunState::Open };
    let tasks = run.standing_items().filter(|_| lines < 4).map(|(item, _)| {
        let of = serde_json::to_string(&Attempt { item, attempt: 1 }).unwrap();
        TaskRow {
            id: TaskId::of("look", 1),
            run: id,
            workflow: "t".into(),
            of,
            step: "look".into(),
            kind: TaskKind::Asked,
            title: "look".into(),
            who: vec!["person:a".into()],
            due: None,
            opened: began,
            claimed_by: None,
            stands: false,
        }
    });
    let rows = Rows {
        tasks: tasks.collect(),
        wake: run.next_timer().filter(|_| !run.is_over()).map(|timer| timer.at),
        ..Rows::default()
    };
    let row = RunRow { state, ..row(id, began) };
    let lines = read.collect();
    let run = RunEvidence { row, lines, unreadable: vec![], rows, loads_otherwise: false };
    let runs = BTreeMap::from([(id, run)]);
    Evidence { runs, ..Evidence::default() }
}

/// Spoils what a run with a clock left, and says whether the checker names the fault.
#[track_caller]
fn finds_of_time(lines: usize, spoil: impl FnOnce(&mut RunEvidence), expected: impl Fn(&Violation) -> bool) {
    let mut evidence = clocked(lines);
    assert_eq!(check(&evidence, 0), vec![], "sound as it is");
    spoil(first(&mut evidence));
    let found = check(&evidence, 0);
    assert!(found.iter().any(expected), "the fault was not found; found only {found:?}");
}

/// The line becomes younger by so many minutes.
fn earlier(run: &mut RunEvidence, line: usize, minutes: i64) {
    let at = &mut run.lines[line].0.at;
    *at = Millis(at.0 - minutes * 60_000);
}

fn without(run: &mut RunEvidence, line: usize, is: impl Fn(&Fact) -> bool) {
    run.lines[line].1.did.retain(|fact| !is(fact));
}

#[test]
fn a_rung_before_its_time_is_found() {
    finds_of_time(
        2,
        |run| earlier(run, 1, 1),
        |v| matches!(v, Violation::LateEarly(_, _, what) if what == "rung 0"),
    );
}

#[test]
fn a_task_that_was_late_before_its_time_is_found() {
    finds_of_time(
        3,
        |run| earlier(run, 2, 1),
        |v| matches!(v, Violation::LateEarly(_, _, what) if what == "late"),
    );
}

#[test]
fn a_wait_that_ended_before_its_time_is_found() {
    finds_of_time(
        5,
        |run| earlier(run, 4, 1),
        |v| matches!(v, Violation::LateEarly(_, _, what) if what == "wait"),
    );
}

#[test]
fn a_rung_that_fired_twice_is_found() {
    finds_of_time(
        3,
        |run| {
            let again: Vec<_> =
                run.lines[1].1.did.iter().filter(|fact| matches!(fact, Fact::Rung { .. })).cloned().collect();
            run.lines[2].1.did.extend(again);
        },
        |v| matches!(v, Violation::LateTwice(..)),
    );
}

#[test]
fn a_task_that_was_late_twice_is_found() {
    finds_of_time(
        4,
        |run| {
            let late = run.lines[2].1.did.iter().find(|fact| matches!(fact, Fact::Late { .. })).cloned();
            run.lines[3].1.did.insert(0, late.unwrap());
        },
        |v| matches!(v, Violation::LateTwice(_, _, what) if what == "late"),
    );
}

#[test]
fn a_rung_that_never_fired_is_found() {
    finds_of_time(
        4,
        |run| without(run, 1, |fact| matches!(fact, Fact::Rung { .. })),
        |v| matches!(v, Violation::LateMissing(_, _, what) if what == "rung 0"),
    );
}

#[test]
fn a_task_that_was_never_late_is_found() {
    finds_of_time(
        4,
        |run| without(run, 2, |fact| matches!(fact, Fact::Late { .. })),
        |v| matches!(v, Violation::LateMissing(_, _, what) if what == "late"),
    );
}

#[test]
fn an_open_task_that_is_in_no_list_is_found() {
    finds_of_time(2, |run| run.rows.tasks.clear(), |v| matches!(v, Violation::TaskLost(..)));
}

#[test]
fn a_task_in_the_lists_that_is_over_is_found() {
    let task = first(&mut clocked(2)).rows.tasks.remove(0);
    finds_of_time(5, |run| run.rows.tasks.push(task), |v| matches!(v, Violation::TaskStray(..)));
}

#[test]
fn a_task_that_is_in_the_lists_twice_is_found() {
    finds_of_time(
        2,
        |run| {
            let again = run.rows.tasks[0].clone();
            run.rows.tasks.push(again);
        },
        |v| matches!(v, Violation::TaskStray(..)),
    );
}

#[test]
fn a_run_that_nobody_wakes_or_wakes_at_another_time_is_found() {
    finds_of_time(2, |run| run.rows.wake = None, |v| matches!(v, Violation::WakeDiffers(_)));
    finds_of_time(4, |run| run.rows.wake = Some(Millis(1)), |v| matches!(v, Violation::WakeDiffers(_)));
}

/// A run whose task was answered in time, as its client was told.
fn answered() -> RunEvidence {
    let mut run = first(&mut clocked(4)).clone();
    let (_, line) = &mut run.lines[3];
    let of = line.did.iter().find_map(|fact| {
        let Fact::Over { at, .. } = fact else { return None };
        Some(Attempt { item: *at, attempt: 1 })
    });
    let fields = Raw::new(r#"{"ok":true}"#.into()).unwrap();
    line.event = Event::Answered { of: of.unwrap(), by: "person:a".into(), via: "test".into(), fields };
    run
}

#[test]
fn an_acknowledged_answer_that_is_not_in_the_journal_or_ended_nothing_is_found() {
    let run = answered();
    assert_eq!(check_answer(&run), None, "sound as it is");

    let mut decided_by_the_clock = run.clone();
    decided_by_the_clock.lines[3].1.event = Event::Woke {};
    assert!(matches!(check_answer(&decided_by_the_clock), Some(Violation::AnswerLost(_))));

    let mut cut = run.clone();
    cut.lines.truncate(3);
    assert!(matches!(check_answer(&cut), Some(Violation::AnswerLost(_))));

    let mut ended_nothing = run;
    without(&mut ended_nothing, 3, |fact| matches!(fact, Fact::Over { .. }));
    assert!(matches!(check_answer(&ended_nothing), Some(Violation::AnswerLost(_))));
}
