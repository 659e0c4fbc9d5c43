//! Runs at work: lines, snapshots, wake-ups, what is told to parents, and what a new process finds.

use yizhan_engine::store::{Batch, Change, DIGEST, Note, Notice, RunRow, RunState, TaskChange, TriggerPause};
use yizhan_workflow::id::{RunId, TextHash};

use super::{House, at, becomes, begin, line, notice, opens, row, run, runs, source, task, tell};

pub(crate) fn what_was_accepted_is_there_after_a_crash(house: &mut dyn House) {
    house.accept(vec![begin(1), begin(2), line(run(1), 2)]);
    house.accept(vec![line(run(1), 3)]);
    house.crash();

    let stored = house.reads().run(run(1)).unwrap().unwrap();
    assert_eq!(stored.row, row(run(1), 1));
    assert_eq!(stored.snapshot, None);
    let told: Vec<_> = stored.lines.iter().map(|line| (line.seq, line.at, line.body.clone())).collect();
    let given = [1, 2, 3].map(|seq| line(run(1), seq)).map(|line| (line.seq, line.at, line.line));
    assert_eq!(told, given);
    assert_eq!(house.reads().run(run(3)).unwrap(), None);
    assert_eq!(house.reads().verify().unwrap(), Vec::<String>::new());
}

pub(crate) fn a_snapshot_shortens_what_is_loaded_and_not_the_journal(house: &mut dyn House) {
    let snapshot = |seq, body: &str| Change { snapshot: Some(body.as_bytes().into()), ..line(run(1), seq) };
    house.accept(vec![begin(1), snapshot(2, "after two"), line(run(1), 3), snapshot(4, "after four")]);
    house.accept(vec![line(run(1), 5)]);
    house.crash();

    let stored = house.reads().run(run(1)).unwrap().unwrap();
    assert_eq!(
        stored.snapshot.as_deref(),
        Some(&b"after four"[..]),
        "the newer one took the older one's place"
    );
    assert_eq!(stored.lines.iter().map(|line| line.seq).collect::<Vec<_>>(), [5]);
    let journal = |after, most| {
        let lines = house.reads().journal(run(1), after, most).unwrap();
        lines.iter().map(|line| line.seq).collect::<Vec<_>>()
    };
    assert_eq!(journal(0, 100), [1, 2, 3, 4, 5]);
    assert_eq!(journal(1, 2), [2, 3]);
}

pub(crate) fn a_run_is_shown_as_its_last_row_says(house: &mut dyn House) {
    let asleep = RunRow { waits: Some("time".into()), text: TextHash("text-2".into()), ..row(run(1), 1) };
    house.accept(vec![begin(1), Change { row: Some(Box::new(asleep.clone())), ..line(run(1), 2) }]);
    assert_eq!(house.reads().row(run(1)).unwrap(), Some(asleep));

    house.accept(vec![becomes(1, 3, RunState::Closing), becomes(1, 4, RunState::Failed)]);
    let ended = house.reads().row(run(1)).unwrap().unwrap();
    assert_eq!((ended.state, ended.outcome.as_deref()), (RunState::Failed, Some("done")));
    assert_eq!((ended.ended, ended.waits), (Some(at(5)), None));

    house.accept(vec![becomes(1, 5, RunState::Open)]);
    let again = house.reads().row(run(1)).unwrap().unwrap();
    assert_eq!((again.state, again.ended, again.outcome), (RunState::Open, None, None));
}

pub(crate) fn wake_ups_come_in_order_and_each_run_has_one(house: &mut dyn House) {
    let wake =
        |number, seq, second: Option<i64>| Change { wake: Some(second.map(at)), ..line(run(number), seq) };
    house.accept((1..=4).map(begin).collect());
    house.accept(vec![
        wake(1, 2, Some(30)),
        wake(2, 2, Some(10)),
        wake(3, 2, Some(20)),
        wake(4, 2, Some(20)),
    ]);
    house.accept(vec![wake(1, 3, Some(5)), wake(2, 3, None), line(run(3), 3)]);
    house.crash();

    let reads = house.reads();
    assert_eq!(reads.next_wake().unwrap(), Some(at(5)));
    let all = vec![(at(5), run(1)), (at(20), run(3)), (at(20), run(4))];
    assert_eq!(reads.wakes(at(20), 10).unwrap(), all, "what is due at this very instant is due");
    assert_eq!(reads.wakes(at(20), 2).unwrap(), all[..2]);
    assert_eq!(reads.wakes(at(19), 10).unwrap(), all[..1]);
}

pub(crate) fn the_end_of_a_child_is_told_until_its_parent_has_it(house: &mut dyn House) {
    let ends =
        |child| Change { tell_parent: Some(Box::new(tell(child, 1))), ..becomes(child, 2, RunState::Done) };
    house.accept(vec![begin(1), begin(2), begin(3), ends(2), ends(3)]);
    house.crash();
    assert_eq!(house.reads().tells().unwrap(), [tell(2, 1), tell(3, 1)]);

    house.accept(vec![Change { told_by: Some(run(2)), ..line(run(1), 2) }]);
    house.crash();
    assert_eq!(house.reads().tells().unwrap(), [tell(3, 1)]);
}

pub(crate) fn an_end_that_nobody_takes_is_told_until_it_is_noted(house: &mut dyn House) {
    house.accept(vec![begin(2), Change { tell_parent: Some(Box::new(tell(2, 1))), ..line(run(2), 2) }]);
    house.note(Note::Told { child: run(2) });
    assert_eq!(house.reads().tells().unwrap(), []);
}

pub(crate) fn a_notice_stands_until_it_went_out_or_its_task_is_over(house: &mut dyn House) {
    let asks = |number, name: &str, second| Change {
        tasks: vec![opens(task(number, name, &["ann"]))],
        notices: vec![notice(number, name, second)],
        ..begin(number)
    };
    house.accept(vec![asks(1, "pay", 30), asks(2, "ship", 20), asks(3, "bill", 10)]);
    house.crash();
    let standing = |house: &dyn House, most| house.reads().notices(None, most).unwrap();
    let all = [notice(3, "bill", 10), notice(2, "ship", 20), notice(1, "pay", 30)];
    assert_eq!(standing(house, 9), all, "the oldest first");
    assert_eq!(standing(house, 2), all[..2]);
    let after = |one: &Notice| house.reads().notices(Some((one.at, &one.key)), 9).unwrap();
    assert_eq!(after(&all[0]), all[1..], "and from any of them on");
    assert_eq!(after(&all[2]), []);

    // Written once more it is the same one; and it falls with its task.
    let closed = TaskChange::Closed { id: task(2, "ship", &[]).id };
    let again = Change { notices: vec![notice(1, "pay", 99)], ..line(run(1), 2) };
    house.accept(vec![again, Change { tasks: vec![closed], ..line(run(2), 2) }]);
    house.note(Note::Noticed { key: notice(3, "bill", 10).key });
    house.crash();
    assert_eq!(standing(house, 9), all[2..]);
    assert_eq!(house.reads().tasks(&Default::default(), None, 9).unwrap().rows.len(), 2);

    // In the place of one there is one for each of its readers; of one that is gone there are none.
    let each = |of: &Notice, who: &str| Notice { key: format!("{}/{who}", of.key).into(), ..of.clone() };
    let apart =
        |of: &Notice| Note::Apart { key: of.key.clone(), letters: vec![each(of, "ann"), each(of, "bob")] };
    house.note(apart(&all[0]));
    house.note(apart(&all[2]));
    house.crash();
    assert_eq!(standing(house, 9), [each(&all[2], "ann"), each(&all[2], "bob")]);
    house.note(Note::Noticed { key: each(&all[2], "ann").key });

    // The letters of a digest stand with the moment up to which it was told.
    let letter = Notice { key: "digest/40/person:ann".into(), ..notice(9, "digest", 40) };
    house.note(Note::Digest { at: at(40), letters: vec![letter.clone()] });
    house.crash();
    assert_eq!(standing(house, 9)[1..], [letter]);
    assert_eq!(house.reads().schedule_seen(DIGEST.0, DIGEST.1).unwrap(), Some(at(40)));
}

/// Killed between commit and act: everything that has to be handed out again is found without reading every run.
pub(crate) fn what_was_under_way_is_found_by_a_new_process(house: &mut dyn House) {
    let waits = |number, word: &str| {
        let row = RunRow { waits: Some(word.into()), ..row(run(number), number) };
        Change { row: Some(Box::new(row)), ..line(run(number), 2) }
    };
    house.accept((1..=6).map(begin).collect());
    house.accept(vec![
        waits(2, "task").opening(2),
        Change { wake: Some(Some(at(60))), ..waits(3, "time") },
        waits(4, "child"),
        Change { tell_parent: Some(Box::new(tell(5, 4))), ..becomes(5, 2, RunState::Done) },
    ]);
    house.crash();

    let reads = house.reads();
    assert_eq!(
        reads.runs_in_flight().unwrap(),
        runs([1, 4, 6]),
        "attempts, and children that may not have begun"
    );
    assert_eq!(reads.open_runs(None, 10).unwrap(), runs([1, 2, 3, 4, 6]));
    assert_eq!(reads.wakes(at(60), 10).unwrap(), [(at(60), run(3))]);
    assert_eq!(reads.tells().unwrap(), [tell(5, 4)]);
    assert_eq!(reads.tasks(&Default::default(), None, 10).unwrap().rows, [task(2, "approve", &["ann"])]);
    assert_eq!(reads.verify().unwrap(), Vec::<String>::new());
}

trait Opening {
    fn opening(self, number: i64) -> Change;
}

impl Opening for Change {
    fn opening(self, number: i64) -> Change {
        Change { tasks: vec![opens(task(number, "approve", &["ann"]))], ..self }
    }
}

pub(crate) fn a_text_stays_what_it_was(house: &mut dyn House) {
    let hash = TextHash("abc".into());
    house.note(Note::Text { hash: hash.clone(), source: source("first") });
    house.note(Note::Text { hash: hash.clone(), source: source("second") });
    house.crash();
    assert_eq!(house.reads().text(&hash).unwrap(), Some((*source("first")).clone()));
    assert_eq!(house.reads().text(&TextHash("abd".into())).unwrap(), None);
}

pub(crate) fn it_is_known_which_calendars_were_followed(house: &mut dyn House) {
    assert_eq!(house.reads().calendars_seen().unwrap(), None);
    for digest in ["one", "other"] {
        house.note(Note::CalendarsSeen { digest: digest.into() });
    }
    house.crash();
    assert_eq!(house.reads().calendars_seen().unwrap().as_deref(), Some("other"));
}

pub(crate) fn a_schedule_knows_where_it_was(house: &mut dyn House) {
    let seen =
        |second| Note::ScheduleSeen { workflow: "refund".into(), trigger: "daily".into(), at: at(second) };
    house.note(seen(10));
    house.note(seen(20));
    house.crash();
    assert_eq!(house.reads().schedule_seen("refund", "daily").unwrap(), Some(at(20)));
    assert_eq!(house.reads().schedule_seen("refund", "weekly").unwrap(), None);
}

/// Over a restart, too; and the newest word of a trigger is the one that holds.
pub(crate) fn what_is_paused_stays_paused_until_it_goes_on(house: &mut dyn House) {
    let pause = |trigger: &str, seen, over| TriggerPause {
        workflow: "refund".into(),
        trigger: trigger.into(),
        by: "person:ann".into(),
        at: at(7),
        reason: "库房盘点".into(),
        seen,
        over,
    };
    assert_eq!(house.reads().pauses().unwrap(), []);
    for one in [pause("hook", 0, false), pause("daily", u64::from(u32::MAX), false), pause("daily", 9, true)]
    {
        house.note(Note::TriggerPaused(one));
    }
    house.crash();
    assert_eq!(house.reads().pauses().unwrap(), [pause("daily", 9, true), pause("hook", 0, false)]);
    let goes_on =
        |workflow: &str| Note::TriggerResumed { workflow: workflow.into(), trigger: "daily".into() };
    house.note(goes_on("other"));
    assert_eq!(house.reads().pauses().unwrap().len(), 2, "another workflow's trigger of that name");
    house.note(goes_on("refund"));
    house.crash();
    assert_eq!(house.reads().pauses().unwrap(), [pause("hook", 0, false)]);
}

pub(crate) fn the_last_minted_run_is_never_a_child(house: &mut dyn House) {
    assert_eq!(house.reads().last_run().unwrap(), None);
    let child = RunId::child_of("run_x/refund/1/0");
    let born = RunRow { parent: Some(run(1)), ..row(child, 3) };
    house.accept(vec![begin(1), begin(2), Change { row: Some(Box::new(born)), ..line(child, 1) }]);
    assert_eq!(house.reads().last_run().unwrap(), Some(run(2)));
}

pub(crate) fn the_house_keeps_its_name(house: &mut dyn House) {
    let name = house.reads().house().unwrap();
    assert!(!name.is_empty());
    house.crash();
    assert_eq!(house.reads().house().unwrap(), name);
}

pub(crate) fn answers_come_batch_by_batch_in_order(house: &mut dyn House) {
    let of = |changes| Batch { changes, ..Batch::default() };
    let batches = [of(vec![begin(1), begin(2)]), of(vec![]), of(vec![begin(1), begin(3)])];
    let acks = house.store().commit(&batches).unwrap();
    let taken: Vec<Vec<bool>> = acks.iter().map(|acks| acks.iter().map(Result::is_ok).collect()).collect();
    assert_eq!(taken, [vec![true, true], vec![], vec![false, true]]);
    assert_eq!(house.store().commit(&[]).unwrap(), Vec::<Vec<_>>::new());
}
