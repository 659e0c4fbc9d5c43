//! Lists: pages, filters and their order.

use yizhan_engine::store::{
    Change, Draft, DraftOf, FiringOutcome, Note, Notice, RunFilter, RunRow, RunState, StoreError, TaskChange,
    TaskEnd, TaskFilter, TaskRow, TaskState, Word,
};
use yizhan_workflow::id::{RunId, TaskId, TextHash};
use yizhan_workflow::run::event::Raw;

use super::{House, at, becomes, begin, fired, firing, ids, line, notice, opens, row, run, runs, task};

/// All pages of `most`, one after the other.
fn paged(house: &dyn House, filter: &RunFilter, most: usize) -> Vec<Vec<RunId>> {
    let mut pages = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = house.reads().runs(filter, cursor.as_deref(), most).unwrap();
        pages.push(ids(&page.rows));
        cursor = page.next;
        assert!(pages.len() < 100, "pages without end");
        if cursor.is_none() {
            return pages;
        }
    }
}

pub(crate) fn pages_show_each_run_once_and_the_newest_first(house: &mut dyn House) {
    // Two that began in the same instant, and a child, whose id says nothing about when.
    let twin = RunRow { started: at(3), ..row(run(4), 4) };
    let child = RunRow { started: at(2), ..row(RunId::child_of("x"), 2) };
    let with = |row: &RunRow| Change { row: Some(Box::new(row.clone())), ..line(row.id, 1) };
    house.accept(vec![begin(1), begin(3), with(&twin), with(&child), begin(5)]);

    let order = [run(5), run(4), run(3), child.id, run(1)];
    let all = RunFilter::default();
    assert_eq!(paged(house, &all, 2), [&order[..2], &order[2..4], &order[4..]]);
    assert_eq!(paged(house, &all, 5), [&order[..]], "a last page that is full has no next one");
    let of_it = RunFilter { workflow: Some("refund".into()), ..all };
    assert_eq!(paged(house, &of_it, 2), [&order[..2], &order[2..4], &order[4..]]);
}

pub(crate) fn open_runs_are_counted_by_their_texts_whatever_becomes_of_them(house: &mut dyn House) {
    let with = |number, seq, change: fn(&mut RunRow)| {
        let mut row = row(run(number), number);
        change(&mut row);
        Change { row: Some(Box::new(row)), ..line(run(number), seq) }
    };
    let newer = |row: &mut RunRow| row.text = TextHash("newer".into());
    let over = |row: &mut RunRow| row.state = RunState::Failed;
    let other = |row: &mut RunRow| row.workflow = "other".into();
    house.accept(vec![begin(1), begin(2), begin(3), with(4, 1, other)]);
    let count = |house: &dyn House, workflow: &str| {
        let all = house.reads().open_by_text(workflow).unwrap();
        all.into_iter().map(|(text, runs)| (text.to_string(), runs)).collect::<Vec<_>>()
    };
    let old = row(run(1), 1).text.to_string();
    assert_eq!(count(house, "refund"), [(old.clone(), 3)]);
    // One ends, one goes over to another text; and what only goes on is counted as it was.
    house.accept(vec![with(1, 2, over), with(2, 2, newer), with(3, 2, |row| row.waits = None)]);
    let mut both = [("newer".to_owned(), 1), (old.clone(), 1)];
    both.sort();
    assert_eq!(count(house, "refund"), both);
    // It opens again, another begins and ends in one commit, and one is closing.
    house.accept(vec![
        with(1, 3, |_| {}),
        begin(5),
        with(5, 2, over),
        with(3, 3, |row| row.state = RunState::Closing),
    ]);
    both[both.iter().position(|(text, _)| *text == old).unwrap()].1 = 2;
    assert_eq!(count(house, "refund"), both);
    house.crash();
    house.accept(vec![with(2, 3, |row| {
        row.text = TextHash("newer".into());
        row.state = RunState::Done;
    })]);
    assert_eq!(count(house, "refund"), [(old, 2)], "of what nobody goes by nothing is said");
    assert_eq!(count(house, "other").iter().map(|(_, runs)| runs).sum::<u64>(), 1);
}

pub(crate) fn runs_between_two_ids_are_those_and_no_others(house: &mut dyn House) {
    let child = RunRow { started: at(2), ..row(RunId::child_of("x"), 2) };
    let with = |row: &RunRow| Change { row: Some(Box::new(row.clone())), ..line(row.id, 1) };
    house.accept(vec![begin(1), begin(3), begin(4), with(&child)]);

    let between = |first, last, most| house.reads().runs_between(first, last, most).unwrap();
    assert_eq!(between(run(1), run(3), 10), [run(1), run(3)], "both ends are counted in");
    assert_eq!(between(run(2), run(2), 10), []);
    assert_eq!(between(run(1), child.id, 10), [run(1), run(3), run(4), child.id]);
    assert_eq!(between(run(1), child.id, 2), [run(1), run(3)]);
}

pub(crate) fn filters_fit_together(house: &mut dyn House) {
    let with = |number, change: fn(&mut RunRow)| {
        let mut row = row(run(number), number);
        change(&mut row);
        Change { row: Some(Box::new(row)), ..begin(number) }
    };
    house.accept(vec![
        with(1, |row| row.key = Some("户号-2026-17".into())),
        with(2, |row| row.workflow = "returns".into()),
        with(3, |row| (row.key, row.parent) = (Some("户号-2026-18".into()), Some(run(1)))),
        with(4, |row| (row.workflow, row.parent) = ("returns".into(), Some(run(1)))),
        begin(5),
        begin(6),
    ]);
    house.accept(vec![
        becomes(5, 2, RunState::Done),
        becomes(6, 2, RunState::Closing),
        becomes(3, 2, RunState::Failed),
    ]);

    let found = |filter: RunFilter| {
        let pages = paged(house, &filter, 1).concat();
        assert_eq!(pages, paged(house, &filter, 100).concat(), "whatever the size of the page");
        pages
    };
    let all = RunFilter::default;
    assert_eq!(found(RunFilter { workflow: Some("returns".into()), ..all() }), runs([4, 2]));
    assert_eq!(found(RunFilter { state: Some(RunState::Open), ..all() }), runs([4, 2, 1]));
    assert_eq!(found(RunFilter { open: true, ..all() }), runs([6, 4, 2, 1]), "closing is not over");
    assert_eq!(found(RunFilter { open: true, state: Some(RunState::Done), ..all() }), []);
    assert_eq!(found(RunFilter { key: Some("2026-1".into()), ..all() }), runs([3, 1]));
    assert_eq!(found(RunFilter { key: Some("%".into()), ..all() }), [], "a part, not a pattern");
    assert_eq!(found(RunFilter { parent: Some(run(1)), ..all() }), runs([4, 3]));
    let child = RunFilter { parent: Some(run(1)), workflow: Some("refund".into()), ..all() };
    assert_eq!(found(RunFilter { state: Some(RunState::Failed), ..child.clone() }), runs([3]));
    assert_eq!(found(RunFilter { open: true, ..child }), []);
    let both = RunFilter { workflow: Some("refund".into()), open: true, key: Some("17".into()), ..all() };
    assert_eq!(found(both), runs([1]));
    assert_eq!(found(RunFilter { since: Some(at(5)), ..all() }), runs([6, 5]), "the first instant is in");
    assert_eq!(found(RunFilter { until: Some(at(2)), ..all() }), runs([1]), "the last one is not");
    let between = RunFilter { since: Some(at(2)), until: Some(at(5)), open: true, ..all() };
    assert_eq!(found(between), runs([4, 2]));
}

pub(crate) fn runs_are_found_by_who_began_them(house: &mut dyn House) {
    let by = |number, by: &str| {
        let row = RunRow { by: by.into(), ..row(run(number), number) };
        Change { row: Some(Box::new(row)), ..begin(number) }
    };
    house.accept(vec![by(1, "person:li.na"), by(2, "person:li"), by(3, "person:li.na"), begin(4)]);
    let of = |who: &str| RunFilter { by: Some(who.into()), ..RunFilter::default() };
    assert_eq!(paged(house, &of("person:li.na"), 1).concat(), runs([3, 1]));
    assert_eq!(paged(house, &of("person:li"), 9).concat(), runs([2]), "the whole name");
    let theirs = RunFilter { open: true, workflow: Some("refund".into()), ..of("person:li.na") };
    assert_eq!(paged(house, &theirs, 9).concat(), runs([3, 1]));
}

fn word(text: &str, workflows: &[&str]) -> Word {
    Word { text: text.into(), workflows: workflows.iter().map(|name| (*name).to_owned()).collect() }
}

fn with_words(words: &[&str]) -> RunFilter {
    RunFilter { words: words.iter().map(|text| word(text, &[])).collect(), ..RunFilter::default() }
}

pub(crate) fn runs_are_found_by_what_lists_show_of_them(house: &mut dyn House) {
    let keyed = |number, key: &str| {
        let row = RunRow { key: Some(key.into()), ..row(run(number), number) };
        Change { row: Some(Box::new(row)), ..begin(number) }
    };
    let titled = |number, name: &str, title: &str| {
        let task = TaskRow { title: title.into(), ..task(number, name, &["role:clerk"]) };
        Change { tasks: vec![TaskChange::Open(Box::new(task))], ..line(run(number), 2) }
    };
    house.accept(vec![keyed(1, "户号-17"), keyed(2, "GZ_17%\"x"), begin(3), keyed(4, "A\nB")]);
    house.accept(vec![titled(1, "call", "回电 李明"), titled(3, "sign", "Sign for Ann")]);
    let found = |filter: RunFilter| paged(house, &filter, 2).concat();
    assert_eq!(found(with_words(&["户"])), runs([1]), "one sign is enough");
    assert_eq!(found(with_words(&["17"])), runs([2, 1]));
    assert_eq!(found(with_words(&["gz_1"])), runs([2]), "small and large letters are the same");
    assert_eq!(found(with_words(&["7%\""])), runs([2]), "what means something elsewhere is text");
    assert_eq!(found(with_words(&["%"])), runs([2]));
    assert_eq!(found(with_words(&["17", "李明"])), runs([1]), "a word of the key and one of the title");
    assert_eq!(found(with_words(&["李明", "Ann"])), []);
    assert_eq!(found(with_words(&["REFUND", "sign"])), runs([3]), "the workflow's name");
    assert_eq!(found(with_words(&["ab"])), []);
    let titles = RunFilter { words: vec![word("退款", &["refund"]), word("ann", &[])], ..with_words(&[]) };
    assert_eq!(found(titles), runs([3]), "a workflow whose title has it");
    let none = RunFilter { words: vec![word("退款", &["ref", "refunds"])], ..with_words(&[]) };
    assert_eq!(found(none), [], "whole names");
    let part = RunFilter { key: Some("GZ".into()), ..with_words(&["17"]) };
    assert_eq!(found(part.clone()), runs([2]));
    assert_eq!(
        found(RunFilter { key: Some("gz".into()), ..part }),
        [],
        "a part of a key is as it is written"
    );
    assert_eq!(found(RunFilter { key: Some("A\nB".into()), ..with_words(&[]) }), runs([4]));

    let end = TaskEnd { at: at(9), state: TaskState::Answered, by: None, outcome: None };
    let answered = TaskChange::Ended { id: TaskId::of("call", 1), end };
    house.accept(vec![Change { tasks: vec![answered], ..line(run(1), 3) }]);
    house.crash();
    let found = paged(house, &with_words(&["回电"]), 2).concat();
    assert_eq!(found, runs([1]), "a task that is over is still a part of the case");
}

pub(crate) fn what_many_have_is_found_the_newest_first_whatever_else_is_asked(house: &mut dyn House) {
    const MANY: i64 = 4_500;
    for first in (1..MANY).step_by(300) {
        let key = |number| {
            let state = if number % 1_500 == 7 { RunState::Failed } else { RunState::Open };
            let key = Some(format!("N-{number:05}").into());
            let row = RunRow { key, state, ..row(run(number), number) };
            Change { row: Some(Box::new(row)), ..begin(number) }
        };
        house.accept((first..first + 300).map(key).collect());
    }
    // It began long before those with which it is written.
    let early = RunRow { key: Some("N-early".into()), started: at(0), ..row(RunId::child_of("x"), 0) };
    house.accept(vec![Change { row: Some(Box::new(early.clone())), ..line(early.id, 1) }]);

    let all: Vec<RunId> = (1..=MANY).rev().map(run).chain([early.id]).collect();
    assert_eq!(paged(house, &with_words(&["n-"]), 500).concat(), all);
    assert_eq!(
        paged(house, &with_words(&["n-0149"]), 3).concat(),
        (1_490..1_500).rev().map(run).collect::<Vec<_>>()
    );
    let failed = RunFilter { state: Some(RunState::Failed), ..with_words(&["n-"]) };
    assert_eq!(paged(house, &failed, 2).concat(), runs([3_007, 1_507, 7]), "where nearly none fits");
    let old = RunFilter { until: Some(at(3)), ..with_words(&["n-"]) };
    assert_eq!(paged(house, &old, 2).concat(), [run(2), run(1), early.id]);
    assert_eq!(paged(house, &with_words(&["n-early"]), 2).concat(), [early.id]);
    assert_eq!(paged(house, &with_words(&["no such"]), 2).concat(), []);
    let key = RunFilter { key: Some("N-0300".into()), ..failed };
    assert_eq!(paged(house, &key, 2).concat(), runs([3_007]));
}

pub(crate) fn a_cursor_that_is_none_is_refused(house: &mut dyn House) {
    for cursor in ["", "x", "12", "12.", "12.run_1", ".run_0000000000001", "12.task_0000000001"] {
        let answer = house.reads().runs(&RunFilter::default(), Some(cursor), 10);
        assert!(matches!(answer, Err(StoreError::Failed(_))), "{cursor}");
    }
    assert!(house.reads().tasks(&TaskFilter::default(), Some("12.run_0000000000001"), 10).is_err());
}

pub(crate) fn runs_are_counted_by_state(house: &mut dyn House) {
    assert_eq!(house.reads().count_by_state().unwrap(), []);
    house.accept(vec![
        begin(1),
        begin(2),
        begin(3),
        becomes(2, 2, RunState::Cancelled),
        becomes(3, 2, RunState::Closing),
    ]);
    let counted = house.reads().count_by_state().unwrap();
    assert_eq!(counted, [(RunState::Open, 1), (RunState::Closing, 1), (RunState::Cancelled, 1)]);
}

pub(crate) fn open_runs_come_ascending_in_pages(house: &mut dyn House) {
    house.accept(vec![begin(4), begin(1), begin(3), begin(2), becomes(3, 2, RunState::Done)]);
    let reads = house.reads();
    assert_eq!(reads.open_runs(None, 2).unwrap(), runs([1, 2]));
    assert_eq!(reads.open_runs(Some(run(2)), 2).unwrap(), runs([4]));
    assert_eq!(reads.open_runs(Some(run(4)), 2).unwrap(), []);
}

pub(crate) fn tasks_are_found_by_who_may_and_by_who_claimed(house: &mut dyn House) {
    let (approve, check) = (task(1, "approve", &["ann", "role:班长"]), task(2, "check", &["role:班长"]));
    house.accept(vec![
        Change { tasks: vec![opens(approve.clone())], ..begin(1) },
        Change { tasks: vec![opens(check.clone())], ..begin(2) },
    ]);
    house.accept(vec![Change {
        tasks: vec![TaskChange::Claimed { id: check.id.clone(), by: Some("bob".into()) }],
        ..line(run(2), 2)
    }]);
    house.crash();

    let claimed = TaskRow { claimed_by: Some("bob".into()), ..check };
    let reads = house.reads();
    let of = |who: &[&str]| {
        let who = Some(who.iter().map(|one| (*one).to_owned()).collect());
        reads.tasks(&TaskFilter { who, ..TaskFilter::default() }, None, 10).unwrap().rows
    };
    assert_eq!(of(&["ann"]), std::slice::from_ref(&approve));
    assert_eq!(of(&["bob"]), std::slice::from_ref(&claimed));
    assert_eq!(of(&["carl", "role:班长"]), [approve.clone(), claimed.clone()], "each once, the oldest first");
    assert_eq!(of(&[]), []);
    let of_run = TaskFilter { run: Some(run(1)), ..TaskFilter::default() };
    assert_eq!(house.reads().tasks(&of_run, None, 10).unwrap().rows, std::slice::from_ref(&approve));
    assert_eq!(house.reads().task(&claimed.id).unwrap(), Some(claimed.clone()));

    let given_back = TaskChange::Claimed { id: claimed.id.clone(), by: None };
    house.accept(vec![Change { tasks: vec![given_back], ..line(run(2), 3) }]);
    assert_eq!(of(&["bob"]), []);
    assert_eq!(house.reads().task(&claimed.id).unwrap(), Some(TaskRow { claimed_by: None, ..claimed }));

    house.accept(vec![Change {
        tasks: vec![TaskChange::Closed { id: approve.id.clone() }],
        ..line(run(1), 2)
    }]);
    assert_eq!(house.reads().task(&approve.id).unwrap(), None);
    let ann = TaskFilter { who: Some(vec!["ann".into()]), ..TaskFilter::default() };
    assert_eq!(house.reads().tasks(&ann, None, 10).unwrap().rows, []);
}

/// Other people of a task, or an opening that is carried out again, take nothing of what was filled in.
pub(crate) fn a_draft_is_its_writers_and_goes_with_its_task(house: &mut dyn House) {
    let pay = task(1, "pay", &["ann", "bob"]);
    let of = DraftOf::Task(pay.id.clone());
    let draft = |by: &str, second, fields: &str| Draft {
        of: of.clone(),
        by: by.into(),
        at: at(second),
        fields: Raw::new(fields.to_owned()).unwrap(),
    };
    house.note(Note::Draft(draft("ann", 1, "{}")));
    house.accept(vec![Change { tasks: vec![opens(pay.clone())], ..begin(1) }]);
    let kept = |house: &dyn House, by: &str| house.reads().draft(&of, by).unwrap();
    assert_eq!(kept(house, "ann"), None, "there was no task that it could be of");

    let (first, second) = (draft("ann", 2, r#"{"sum":1.10}"#), draft("ann", 3, r#"{"sum":2}"#));
    for one in [&first, &second, &draft("bob", 4, "{}")] {
        house.note(Note::Draft(one.clone()));
    }
    let changed = TaskRow { who: vec!["ann".into()], ..pay.clone() };
    house.accept(vec![Change { tasks: vec![TaskChange::Changed(Box::new(changed))], ..line(run(1), 2) }]);
    house.accept(vec![Change { tasks: vec![opens(pay.clone())], ..line(run(1), 3) }]);
    house.crash();
    assert_eq!(kept(house, "ann"), Some(second), "the newer one");
    assert_eq!(kept(house, "carl"), None);
    house.note(Note::DraftDropped { of: of.clone(), by: "bob".into() });
    assert_eq!((kept(house, "bob"), kept(house, "ann").is_some()), (None, true));

    let closed = TaskChange::Closed { id: pay.id.clone() };
    house.accept(vec![Change { tasks: vec![closed], ..line(run(1), 4) }]);
    house.note(Note::Draft(first));
    house.crash();
    assert_eq!(kept(house, "ann"), None, "what comes too late is left");
}

pub(crate) fn a_draft_of_a_new_case_stays_until_it_is_dropped_or_was_left_for_long(house: &mut dyn House) {
    let of =
        |trigger: Option<&str>| DraftOf::Start { workflow: "fault".into(), trigger: trigger.map(Into::into) };
    let draft = |trigger, by: &str, second, fields: &str| Draft {
        of: of(trigger),
        by: by.into(),
        at: at(second),
        fields: Raw::new(fields.to_owned()).unwrap(),
    };
    let task = task(1, "pay", &["ann"]);
    house.accept(vec![Change { tasks: vec![opens(task.clone())], ..begin(1) }]);
    let (old, newer) = (draft(None, "ann", 1, "{}"), draft(None, "ann", 5, r#"{"sum":1.10}"#));
    let beside = draft(Some("counter"), "ann", 2, r#"{"sum":2}"#);
    let of_task = Draft { of: DraftOf::Task(task.id), ..draft(None, "ann", 1, "{}") };
    for one in [&old, &newer, &beside, &of_task, &draft(None, "bob", 9, "{}")] {
        house.note(Note::Draft(one.clone()));
    }
    house.crash();
    let kept = |house: &dyn House, trigger, by: &str| house.reads().draft(&of(trigger), by).unwrap();
    assert_eq!(kept(house, None, "ann"), Some(newer), "the newer one");
    assert_eq!(kept(house, Some("counter"), "ann"), Some(beside), "each form has its own");
    assert_eq!(kept(house, Some("counter"), "bob"), None);
    house.note(Note::DraftDropped { of: of(None), by: "bob".into() });
    house.note(Note::ForgetDrafts { before: at(5) });
    house.crash();
    assert_eq!(kept(house, None, "bob"), None);
    assert_eq!(kept(house, Some("counter"), "ann"), None, "nobody was at it for long");
    assert!(kept(house, None, "ann").is_some(), "somebody was at it since");
    assert_eq!(
        house.reads().draft(&of_task.of, "ann").unwrap(),
        Some(of_task),
        "a task's goes with the task"
    );
}

pub(crate) fn a_task_that_changed_is_found_by_its_new_people_and_keeps_its_notice(house: &mut dyn House) {
    let first = task(1, "approve", &["ann"]);
    let told = Notice { task: first.id.clone(), ..notice(1, "approve", 1) };
    house.accept(vec![Change { tasks: vec![opens(first.clone())], notices: vec![told], ..begin(1) }]);
    let later = first.due.map(|due| due.plus(60_000));
    let second = TaskRow { who: vec!["bob".into()], due: later, ..first };
    let changed = TaskChange::Changed(Box::new(second.clone()));
    house.accept(vec![Change { tasks: vec![changed], ..line(run(1), 2) }]);
    house.crash();
    let of = |who: &str| {
        let filter = TaskFilter { who: Some(vec![who.into()]), ..TaskFilter::default() };
        house.reads().tasks(&filter, None, 10).unwrap().rows
    };
    assert_eq!(of("ann"), []);
    assert_eq!(of("bob"), [second]);
    assert_eq!(house.reads().notices(None, 9).unwrap().len(), 1);
}

pub(crate) fn a_task_that_opens_again_replaces_itself(house: &mut dyn House) {
    let first = task(1, "approve", &["ann"]);
    let second = TaskRow { who: vec!["bob".into()], due: None, ..first.clone() };
    house.accept(vec![Change { tasks: vec![opens(first), opens(second.clone())], ..begin(1) }]);
    let of = |who: &str| {
        let filter = TaskFilter { who: Some(vec![who.into()]), ..TaskFilter::default() };
        house.reads().tasks(&filter, None, 10).unwrap().rows
    };
    assert_eq!(of("ann"), []);
    assert_eq!(of("bob"), [second]);
}

pub(crate) fn pages_of_tasks_show_each_once(house: &mut dyn House) {
    let tasks: Vec<_> = ["a", "b", "c", "d", "e"].map(|name| task(1, name, &["ann"])).into();
    house.accept(vec![Change { tasks: tasks.iter().cloned().map(opens).collect(), ..begin(1) }]);
    let mut seen = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..3 {
        let filter = TaskFilter { who: Some(vec!["ann".into()]), ..TaskFilter::default() };
        let page = house.reads().tasks(&filter, cursor.as_deref(), 2).unwrap();
        seen.extend(page.rows.into_iter().map(|row| row.id));
        cursor = page.next;
    }
    assert_eq!(cursor, None);
    let mut all: Vec<_> = tasks.into_iter().map(|task| task.id).collect();
    all.sort();
    assert_eq!(seen, all, "opened in the same instant, so by their ids");
}

pub(crate) fn late_runs_are_found_by_their_own_due_time_and_by_their_late_tasks(house: &mut dyn House) {
    let with = |number, seq, change: fn(&mut RunRow)| {
        let first = if seq == 1 { begin(number) } else { line(run(number), seq) };
        let mut row = row(run(number), number);
        row.due = Some(at(100));
        change(&mut row);
        Change { row: Some(Box::new(row)), ..first }
    };
    house.accept(vec![
        with(1, 1, |_| {}),
        with(2, 1, |row| row.due = None),
        with(3, 1, |row| (row.due, row.by) = (Some(at(101)), "person:ann".into())),
        with(4, 1, |row| row.stands = true),
        with(5, 1, |_| {}),
        with(6, 1, |_| {}),
    ]);
    let done = |row: &mut RunRow, second| (row.state, row.ended) = (RunState::Done, Some(at(second)));
    let in_time = move |row: &mut RunRow| done(row, 99);
    let at_the_instant = move |row: &mut RunRow| done(row, 100);
    let change = |number, change: &dyn Fn(&mut RunRow)| {
        let mut row = RunRow { due: Some(at(100)), ..row(run(number), number) };
        change(&mut row);
        Change { row: Some(Box::new(row)), ..line(run(number), 2) }
    };
    house.accept(vec![change(5, &in_time), change(6, &at_the_instant)]);
    house.crash();

    let found = |filter: RunFilter| paged(house, &filter, 1).concat();
    let late = |second| RunFilter { late: Some(at(second)), ..RunFilter::default() };
    assert_eq!(found(late(99)), runs([6]), "what is over is late or not for ever");
    assert_eq!(found(late(100)), runs([6, 1]), "at its due instant it is late; what stands is not");
    assert_eq!(found(late(101)), runs([6, 3, 1]));
    assert_eq!(found(RunFilter { open: true, ..late(101) }), runs([3, 1]));
    assert_eq!(found(RunFilter { state: Some(RunState::Done), ..late(101) }), runs([6]));
    assert_eq!(found(RunFilter { workflow: Some("returns".into()), ..late(101) }), []);
    assert_eq!(house.reads().row(run(4)).unwrap().map(|row| row.stands), Some(true));

    // 3 is due at 101: a task of it that is late before makes it late, while it is open.
    let task = TaskRow { due: Some(at(90)), ..task(3, "late", &["ann"]) };
    let row = RunRow { due: Some(at(101)), by: "person:ann".into(), ..row(run(3), 3) };
    let asks = Change { row: Some(Box::new(row)), ..line(run(3), 2) };
    house.accept(vec![Change { tasks: vec![opens(task)], ..asks }]);
    let found = |filter: RunFilter| paged(house, &filter, 1).concat();
    assert_eq!(found(late(89)), runs([6]));
    assert_eq!(found(late(90)), runs([6, 3]));
    assert_eq!(found(late(101)), runs([6, 3, 1]), "once, whatever is late in it");
    assert_eq!(found(RunFilter { state: Some(RunState::Done), ..late(90) }), runs([6]));
    let by = Some("person:ann".to_owned());
    assert_eq!(found(RunFilter { by: by.clone(), ..late(90) }), runs([3]), "where something else leads, too");
    assert_eq!(found(RunFilter { by, ..late(89) }), []);

    house.accept(vec![change(4, &|row| row.stands = false)]);
    let open = RunFilter { open: true, ..late(100) };
    assert_eq!(
        paged(house, &open, 9).concat(),
        runs([4, 3, 1]),
        "its clock goes on; 3 still has its late task"
    );
}

pub(crate) fn a_run_with_a_late_task_is_found_wherever_it_stands_among_those_in_time(house: &mut dyn House) {
    let late_ones = [2, 3, 11];
    for number in 1..=12 {
        let due = if late_ones.contains(&number) { 90 } else { 200 };
        let asks = TaskRow { due: Some(at(due)), ..task(number, &format!("asked-{number}"), &["ann"]) };
        let row = RunRow { due: Some(at(300)), ..row(run(number), number) };
        let first = Change { row: Some(Box::new(row)), ..begin(number) };
        house.accept(vec![Change { tasks: vec![opens(asks)], ..first }]);
    }
    let late = |second| RunFilter { late: Some(at(second)), ..RunFilter::default() };
    for most in [1, 2, 5, 20] {
        let found = |filter: &RunFilter| paged(house, filter, most).concat();
        assert_eq!(found(&late(100)), runs([11, 3, 2]), "{most} at a time");
        assert_eq!(found(&RunFilter { open: true, ..late(100) }), runs([11, 3, 2]), "{most} at a time");
        assert_eq!(found(&RunFilter { until: Some(at(11)), ..late(100) }), runs([3, 2]), "{most} at a time");
        assert_eq!(found(&late(89)), []);
        assert_eq!(found(&late(200)), runs([12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]), "{most} at a time");
    }
}

pub(crate) fn tasks_that_are_late_come_first_then_those_due_next(house: &mut dyn House) {
    let with = |name, opened, due, stands| {
        let task = TaskRow { opened: at(opened), due, stands, ..task(1, name, &["ann"]) };
        (task.id.clone(), opens(task))
    };
    let (ids, tasks): (Vec<_>, Vec<_>) = [
        with("b", 1, Some(at(300)), false),
        with("a", 2, Some(at(200)), false),
        with("no due, the older", 3, None, false),
        with("its clock stands", 4, Some(at(100)), true),
        with("no due", 5, None, false),
    ]
    .into_iter()
    .unzip();
    house.accept(vec![Change { tasks, ..begin(1) }]);
    house.crash();
    let paged = |late| {
        let (mut seen, mut cursor) = (vec![], None::<String>);
        loop {
            let filter = TaskFilter { who: Some(vec!["ann".into()]), late, run: None };
            let page = house.reads().tasks(&filter, cursor.as_deref(), 1).unwrap();
            seen.extend(page.rows.into_iter().map(|row| row.id));
            cursor = page.next;
            if cursor.is_none() {
                return seen;
            }
        }
    };
    let order = [1, 0, 2, 3, 4].map(|at: usize| ids[at].clone());
    assert_eq!(paged(None), order);
    assert_eq!(paged(Some(at(299))), order[..1], "at this instant one is late");
    assert_eq!(paged(Some(at(300))), order[..2], "and at its due instant the other, too");
}

pub(crate) fn firings_are_listed_newest_first(house: &mut dyn House) {
    house.note(Note::Firing(firing("slot-1", 30, FiringOutcome::Missed)));
    house.accept(vec![fired(40, "slot-2")]);
    house.note(Note::Firing(firing("slot-3", 30, FiringOutcome::Skipped)));
    let other = super::Firing { trigger: "daily".into(), ..firing("slot-1", 35, FiringOutcome::Late) };
    house.note(Note::Firing(other));
    house.crash();

    let listed = |trigger, most| {
        let found = house.reads().firings("refund", trigger, most).unwrap();
        found.into_iter().map(|(firing, run)| (firing.id, run)).collect::<Vec<_>>()
    };
    let none = |id: &str| (id.to_owned(), None);
    let started = ("slot-2".to_owned(), Some(run(40)));
    assert_eq!(
        listed("order", 10),
        [started.clone(), none("slot-3"), none("slot-1")],
        "of two at once the later"
    );
    assert_eq!(listed("order", 1), [started], "and no more than are wanted");
    assert_eq!(listed("daily", 10), [none("slot-1")]);
    assert_eq!(house.reads().firings("returns", "order", 10).unwrap(), []);
}
