//! What may go wrong, and what must be left then.

use std::fmt::Write;

use yizhan_engine::store::{
    Batch, Change, DraftOf, Reads, RunFilter, RunState, Start, StoreError, TaskFilter,
};

use super::{House, at, becomes, begin, broken, claim, fired, line, opens, row, run, task};

/// All that a store says, as text: two stores that say the same are the same.
pub(crate) fn everything(reads: &dyn Reads) -> String {
    let mut told = String::new();
    let all = reads.runs(&RunFilter::default(), None, usize::MAX - 1).unwrap().rows;
    for row in &all {
        writeln!(told, "{:?}\n{:?}", reads.run(row.id).unwrap(), reads.journal(row.id, 0, 1000).unwrap())
            .unwrap();
        let key = row.key.as_deref().unwrap_or_default();
        writeln!(told, "holds {:?}", reads.holder(&row.workflow, key).unwrap()).unwrap();
    }
    for state in [RunState::Open, RunState::Closing, RunState::Done, RunState::Failed, RunState::Cancelled] {
        let filter =
            RunFilter { workflow: Some("refund".into()), state: Some(state), ..RunFilter::default() };
        writeln!(told, "{:?}", reads.runs(&filter, None, 2).unwrap()).unwrap();
    }
    writeln!(told, "{:?} {:?}", reads.open_runs(None, 1000).unwrap(), reads.runs_in_flight().unwrap())
        .unwrap();
    writeln!(told, "{:?} {:?}", reads.count_by_state().unwrap(), reads.last_run().unwrap()).unwrap();
    writeln!(told, "{:?} {:?}", reads.wakes(at(1_000_000), 1000).unwrap(), reads.next_wake().unwrap())
        .unwrap();
    for who in [None, Some(vec!["ann".to_owned()]), Some(vec!["bob".into(), "role:班长".into()])] {
        let filter = TaskFilter { who, ..TaskFilter::default() };
        writeln!(told, "{:?}", reads.tasks(&filter, None, 1000).unwrap()).unwrap();
    }
    let fired = ["order", "daily"].map(|trigger| reads.firings("refund", trigger, 1000).unwrap());
    writeln!(told, "{:?} {fired:?}", reads.tells().unwrap()).unwrap();
    writeln!(told, "{:?}", reads.notices(None, 1000).unwrap()).unwrap();
    writeln!(told, "{:?}", reads.schedule_seen("refund", "daily").unwrap()).unwrap();
    writeln!(told, "{:?} {:?}", reads.slot_holders(None).unwrap(), reads.slot_keys().unwrap()).unwrap();
    writeln!(told, "{:?} {:?}", reads.slot_line("crm", 99).unwrap(), reads.grants(at(0)).unwrap()).unwrap();
    writeln!(told, "{:?} {:?}", reads.events_after(0, 99).unwrap(), reads.events_seen().unwrap()).unwrap();
    writeln!(told, "{:?}", reads.listeners("paid", "A-7", 0, 99).unwrap()).unwrap();
    writeln!(told, "{:?}", reads.listeners_behind(0, 99).unwrap()).unwrap();
    writeln!(told, "{:?}", reads.gathered("refund", "order", at(1_000_000), 99).unwrap()).unwrap();
    writeln!(told, "{:?}", reads.heaps().unwrap()).unwrap();
    for task in reads.tasks(&TaskFilter::default(), None, 1000).unwrap().rows {
        writeln!(told, "{:?}", reads.draft(&DraftOf::Task(task.id.clone()), "ann").unwrap()).unwrap();
    }
    for head in reads.register_heads().unwrap() {
        writeln!(told, "{head:?} {:?}", reads.register_lines(&head.register, 0, 999).unwrap()).unwrap();
    }
    writeln!(told, "{:#?}", reads.verify().unwrap()).unwrap();
    told
}

pub(crate) fn a_full_disk_loses_nothing_and_room_ends_it(house: &mut dyn House) {
    house.accept(vec![begin(1), claim(2, "A-7", None)]);
    let before = everything(&*house.reads());

    house.fill_disk();
    let large = |seq| Change { snapshot: Some(vec![7; 300_000].into()), ..line(run(1), seq) };
    let answer = house.store().commit(&[Batch { changes: vec![begin(3), large(2)], ..Batch::default() }]);
    assert!(matches!(answer, Err(StoreError::Full(_))), "{answer:?}");
    assert_eq!(everything(&*house.reads()), before, "nothing of it was written, the small change neither");
    house.crash();
    assert_eq!(everything(&*house.reads()), before);

    house.fill_disk();
    assert!(house.store().commit(&[Batch { changes: vec![large(2)], ..Batch::default() }]).is_err());
    house.make_room();
    house.accept(vec![begin(3), large(2)]);
    house.crash();
    assert_eq!(house.reads().run(run(1)).unwrap().unwrap().snapshot.unwrap().len(), 300_000);
}

fn of(changes: Vec<Change>) -> Batch {
    Batch { changes, ..Batch::default() }
}

pub(crate) fn what_was_written_ahead_is_there_with_its_commit_and_never_before(house: &mut dyn House) {
    house.accept(vec![claim(1, "A-7", None)]);
    let before = everything(&*house.reads());
    let mut batches = vec![
        of(vec![begin(2), claim(3, "A-7", None)]),
        of(vec![]),
        of(vec![line(run(1), 2), line(run(2), 2)]),
    ];
    for ahead in 0..=batches.len() {
        house.store().write_ahead(&batches[..ahead]);
        assert_eq!(everything(&*house.reads()), before, "{ahead} written ahead");
    }
    batches.push(of(vec![becomes(2, 3, RunState::Done), begin(4)]));
    let acks = house.store().commit(&batches).unwrap();
    let answers: Vec<Vec<bool>> = acks.iter().map(|acks| acks.iter().map(Result::is_ok).collect()).collect();
    assert_eq!(answers, [vec![true, false], vec![], vec![true, true], vec![true, true]], "batch by batch");
    house.crash();
    assert_eq!(house.reads().open_runs(None, 9).unwrap(), [run(1), run(4)], "2 is over, 3 was refused");
    assert_eq!(house.reads().journal(run(2), 0, 9).unwrap().len(), 3);
    assert_eq!(house.reads().verify().unwrap(), Vec::<String>::new());

    let now = everything(&*house.reads());
    house.store().write_ahead(&[of(vec![begin(5)])]);
    house.crash();
    assert_eq!(everything(&*house.reads()), now, "its commit never came");
    house.accept(vec![begin(5)]);
}

pub(crate) fn what_was_written_ahead_is_gone_where_its_commit_fails(house: &mut dyn House) {
    house.accept(vec![begin(1)]);
    let before = everything(&*house.reads());
    let nonsense = || of(vec![Change { row: None, ..begin(3) }]);
    for ahead in [1, 2] {
        let batches = [of(vec![begin(2)]), nonsense()];
        house.store().write_ahead(&batches[..ahead]);
        let answer = house.store().commit(&batches);
        assert!(matches!(answer, Err(StoreError::Failed(_))), "{answer:?}");
        assert_eq!(everything(&*house.reads()), before);
    }

    house.fill_disk();
    let large = Change { snapshot: Some(vec![7; 300_000].into()), ..line(run(1), 2) };
    let batches = [of(vec![begin(2)]), of(vec![large])];
    house.store().write_ahead(&batches[..1]);
    house.store().write_ahead(&batches);
    let answer = house.store().commit(&batches);
    assert!(matches!(answer, Err(StoreError::Full(_))), "{answer:?}");
    assert_eq!(everything(&*house.reads()), before);
    house.make_room();
    // Another lot than the one that was written ahead: nothing of that one is left.
    house.accept(vec![begin(4), line(run(1), 2)]);
    assert_eq!(house.reads().open_runs(None, 9).unwrap(), [run(1), run(4)]);

    let twice = [of(vec![begin(5), line(run(1), 2)])];
    house.store().write_ahead(&twice);
    assert!(broken(&house.store().commit(&twice)), "a line of it is there already");
    house.crash();
    assert_eq!(house.reads().open_runs(None, 9).unwrap(), [run(1), run(4)]);
}

pub(crate) fn a_line_that_is_there_already_breaks_the_store(house: &mut dyn House) {
    house.accept(vec![begin(1), line(run(1), 2)]);
    let before = everything(&*house.reads());
    let answer =
        house.store().commit(&[Batch { changes: vec![begin(2), line(run(1), 2)], ..Batch::default() }]);
    assert!(broken(&answer), "{answer:?}");
    house.crash();
    assert_eq!(everything(&*house.reads()), before);
    let answer = house
        .store()
        .commit(&[Batch { changes: vec![line(run(1), 3), line(run(1), 3)], ..Batch::default() }]);
    assert!(broken(&answer), "{answer:?}");
    house.crash();
    assert_eq!(everything(&*house.reads()), before);
}

pub(crate) fn nonsense_is_refused_before_anything_is_written(house: &mut dyn House) {
    let no_row = Change { row: None, ..begin(1) };
    let anothers_row = Change { row: Some(Box::new(row(run(2), 2))), ..begin(1) };
    let anothers_key = Change { row: begin(1).row, ..claim(1, "A-7", None) };
    let late_claim = Change { start: fired(1, "slot-1").start, ..line(run(3), 2) };
    for nonsense in [no_row, anothers_row, anothers_key, late_claim] {
        let answer = house.store().commit(&[Batch { changes: vec![begin(3), nonsense], ..Batch::default() }]);
        assert!(matches!(answer, Err(StoreError::Failed(_))), "{answer:?}");
        assert_eq!(house.reads().open_runs(None, 10).unwrap(), []);
    }
    house.accept(vec![Change { start: Some(Box::new(Start::default())), ..begin(3) }]);
}

pub(crate) fn a_look_through_the_store_finds_what_is_stuck(house: &mut dyn House) {
    let stuck = |number| {
        let mut change = begin(number);
        change.row = change.row.map(|mut row| {
            row.waits = None;
            row
        });
        change
    };
    house.accept(vec![
        stuck(1),
        Change { wake: Some(Some(at(9))), ..stuck(2) },
        Change { wake: Some(Some(at(9))), ..begin(3) },
        becomes(3, 2, RunState::Done),
        Change { tasks: vec![opens(task(4, "approve", &[]))], ..begin(4) },
        becomes(4, 2, RunState::Failed),
        begin(5),
        line(run(5), 3),
    ]);
    let told = house.reads().verify().unwrap();
    let says = |told: &str, run| told.contains(&format!("{run}"));
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(says(&told[0], run(5)) && told[0].contains("2 lines up to number 3"), "{told:?}");
    assert!(says(&told[1], run(1)) && told[1].contains("waits for nothing"), "{told:?}");
    assert!(says(&told[2], run(3)) && told[2].contains("has a wake-up"), "{told:?}");
    assert!(says(&told[3], run(4)) && told[3].contains("task"), "{told:?}");
}
