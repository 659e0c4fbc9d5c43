//! What is measured: runs and tasks of a time, also those that are over.

use yizhan_engine::store::{
    CaseFilter, Change, PAST_LOOKED, RunRow, RunState, TaskChange, TaskEnd, TaskKind, TaskRow, TaskState,
};
use yizhan_workflow::id::{Millis, TaskId};
use yizhan_workflow::query::{Case, Of, PeriodOf};
use yizhan_workflow::register::Bounds;

use super::{House, at, becomes, begin, line, opens, row, run, task};

fn all(of: Of) -> CaseFilter {
    CaseFilter { of, workflows: vec![], bounds: Bounds::default(), period_of: PeriodOf::Started }
}

fn seconds(cases: &[Case]) -> Vec<i64> {
    cases.iter().map(|case| (case.began.0 - at(0).0) / 1_000).collect()
}

fn found(house: &dyn House, filter: &CaseFilter) -> Vec<Case> {
    house.reads().cases(filter, None, 99).unwrap()
}

fn end(state: TaskState, second: i64, by: Option<&str>) -> TaskEnd {
    TaskEnd { at: at(second), state, by: by.map(Into::into), outcome: Some("done".into()) }
}

pub(crate) fn a_task_that_is_over_is_kept_with_its_end(house: &mut dyn House) {
    house.accept(vec![
        Change { row: Some(Box::new(RunRow { key: Some("A-7".into()), ..row(run(1), 1) })), ..begin(1) },
        begin(2),
        begin(3),
    ]);
    let open = |number, name| TaskChange::Open(Box::new(task(number, name, &["group:客服"])));
    let unknown = TaskRow { kind: TaskKind::Unknown, ..task(3, "lost", &[]) };
    house.accept(vec![
        Change { tasks: vec![open(1, "one")], ..line(run(1), 2) },
        Change { tasks: vec![open(2, "two")], ..line(run(2), 2) },
        Change { tasks: vec![open(3, "three"), TaskChange::Open(Box::new(unknown))], ..line(run(3), 2) },
    ]);
    let ended = |number, name, end| TaskChange::Ended { id: task(number, name, &[]).id, end };
    let claimed = TaskChange::Claimed { id: task(2, "two", &[]).id, by: Some("person:ann".into()) };
    house.accept(vec![
        Change {
            tasks: vec![ended(1, "one", end(TaskState::Answered, 60, Some("person:li")))],
            ..line(run(1), 3)
        },
        Change {
            tasks: vec![claimed, ended(2, "two", end(TaskState::Decided, 50, None))],
            ..line(run(2), 3)
        },
        Change {
            tasks: vec![ended(3, "lost", end(TaskState::Answered, 70, Some("person:li")))],
            ..line(run(3), 3)
        },
    ]);
    house.crash();
    assert_eq!(house.reads().tasks(&Default::default(), None, 9).unwrap().rows.len(), 1);
    let cases = found(house, &all(Of::Tasks));
    assert_eq!(seconds(&cases), [1, 2, 3], "those of steps that failed are nobody's work");
    let told = |case: &Case| (case.state.to_string(), case.person.as_deref().map(str::to_owned), case.ended);
    assert_eq!(told(&cases[0]), ("answered".into(), Some("person:li".into()), Some(at(60))));
    assert_eq!(told(&cases[1]), ("decided".into(), Some("person:ann".into()), Some(at(50))));
    assert_eq!(told(&cases[2]), ("open".into(), None, None));
    assert_eq!((cases[0].key.as_deref(), cases[0].due), (Some("A-7"), Some(at(500))));
    assert_eq!(
        (cases[0].outcome.as_deref(), &cases[0].who[..]),
        (Some("done"), &["group:客服".to_owned()][..])
    );

    let past = |number, name| house.reads().past_task(&task(number, name, &[]).id).unwrap();
    let (row, end) = past(1, "one").unwrap();
    assert_eq!((row.run, end.state, end.by.as_deref()), (run(1), TaskState::Answered, Some("person:li")));
    assert_eq!(past(2, "two").map(|(_, end)| end.state), Some(TaskState::Decided));
    assert_eq!(past(3, "three"), None, "it is open");

    answers_are_found(house, &row.id);

    let ended = CaseFilter { period_of: PeriodOf::Ended, ..all(Of::Tasks) };
    assert_eq!(seconds(&found(house, &ended)), [2, 1], "in the order of their ends");
    let page = |after: &Case| house.reads().cases(&ended, Some(after), 9).unwrap();
    assert_eq!(seconds(&page(&cases[1])), [1]);
    assert_eq!(page(&cases[0]), []);
    let bounds = Bounds { from: Some(at(51)), until: Some(at(60)) };
    assert_eq!(found(house, &CaseFilter { bounds, ..ended.clone() }), [], "the end of a period is not in it");
    let first = house.reads().cases(&all(Of::Tasks), Some(&cases[1]), 1).unwrap();
    assert_eq!(seconds(&first), [3], "open ones are on the same pages");
}

/// Of the same tasks.
fn answers_are_found(house: &dyn House, id: &TaskId) {
    let answers = |by, before: Option<(Millis, &TaskId)>| {
        let (found, _) = house.reads().answers_of(by, before, 9).unwrap();
        found.into_iter().map(|(row, end)| (row.run, end.at)).collect::<Vec<_>>()
    };
    assert_eq!(answers("person:li", None), [(run(1), at(60))]);
    assert_eq!(answers("person:li", Some((at(60), id))), [], "behind the last one");
    assert_eq!(answers("person:li", Some((at(61), id))), [(run(1), at(60))]);
    assert_eq!(answers("person:ann", None), [], "she had only claimed it");
}

/// A task of this name that is answered at once.
fn answered(seq: u32, name: &str, by: &str) -> Change {
    let row = task(1, name, &["ann"]);
    let end = TaskEnd {
        at: at(i64::from(seq)),
        state: TaskState::Answered,
        by: Some(by.into()),
        outcome: Some("done".into()),
    };
    let over = TaskChange::Ended { id: row.id.clone(), end };
    Change { tasks: vec![opens(row), over], ..line(run(1), seq) }
}

pub(crate) fn what_somebody_answered_is_found_behind_all_that_others_answered_since(house: &mut dyn House) {
    let others = u32::try_from(PAST_LOOKED).unwrap();
    house.accept(vec![begin(1), answered(2, "first", "person:li")]);
    house.accept((3..3 + others).map(|seq| answered(seq, &format!("t{seq}"), "person:ann")).collect());
    let reads = house.reads();
    let (found, further) = reads.answers_of("person:li", None, 9).unwrap();
    assert_eq!(found, [], "so many were looked through");
    let (at, id) = further.expect("there is more behind them");
    let (found, further) = reads.answers_of("person:li", Some((at, &id)), 9).unwrap();
    assert_eq!(found.len(), 1, "and nothing is left out between");
    assert_eq!(further, None, "that was all");
}

pub(crate) fn runs_are_measured_in_the_order_of_the_period(house: &mut dyn House) {
    let other = RunRow { workflow: "returns".into(), ..row(run(3), 3) };
    house.accept(vec![begin(1), begin(2), Change { row: Some(Box::new(other)), ..begin(3) }]);
    house.accept(vec![becomes(2, 2, RunState::Done)]);
    let over =
        RunRow { state: RunState::Failed, ended: Some(at(3)), rounds: 4, waits: None, ..row(run(1), 1) };
    house.accept(vec![Change { row: Some(Box::new(over)), ..line(run(1), 2) }]);
    house.crash();
    assert_eq!(seconds(&found(house, &all(Of::Runs))), [1, 2, 3]);
    let of_refund = CaseFilter { workflows: vec!["refund".into(), "nothing".into()], ..all(Of::Runs) };
    assert_eq!(seconds(&found(house, &of_refund)), [1, 2]);
    let ended = CaseFilter { period_of: PeriodOf::Ended, ..all(Of::Runs) };
    let cases = found(house, &ended);
    assert_eq!(seconds(&cases), [1, 2]);
    assert_eq!((&*cases[0].state, cases[0].round, cases[1].round), ("failed", 4, 1));
    assert_eq!(seconds(&house.reads().cases(&ended, Some(&cases[0]), 9).unwrap()), [2]);
    let bounds = Bounds { from: Some(at(2)), until: Some(at(3)) };
    assert_eq!(seconds(&found(house, &CaseFilter { bounds, ..all(Of::Runs) })), [2]);
}
