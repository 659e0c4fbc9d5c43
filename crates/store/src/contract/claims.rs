//! What a first line claims, and when it is refused.

use yizhan_engine::store::{Change, FiringOutcome, Note, Refused, RunRow, RunState, Start};
use yizhan_workflow::id::{Millis, RunId};

use super::{House, at, becomes, begin, claim, fired, firing, line, row, run};

pub(crate) fn a_key_is_held_until_its_run_is_over(house: &mut dyn House) {
    house.accept(vec![claim(1, "A-7", None)]);
    house.crash();
    assert_eq!(house.refuse(claim(2, "A-7", None)), Refused::KeyHeld { by: run(1) });
    assert_eq!(house.reads().holder("refund", "A-7").unwrap(), Some(run(1)));
    assert_eq!(house.reads().holder("returns", "A-7").unwrap(), None, "another workflow has keys of its own");
    house.accept(vec![claim(3, "A-8", None)]);

    house.accept(vec![becomes(1, 2, RunState::Closing)]);
    assert_eq!(house.refuse(claim(2, "A-7", None)), Refused::KeyHeld { by: run(1) }, "it is not over yet");
    house.accept(vec![becomes(1, 3, RunState::Cancelled)]);
    assert_eq!(house.reads().holder("refund", "A-7").unwrap(), None);
    house.accept(vec![claim(2, "A-7", None)]);
    assert_eq!(house.reads().holder("refund", "A-7").unwrap(), Some(run(2)));
}

pub(crate) fn a_run_that_never_claimed_its_key_holds_it_all_the_same(house: &mut dyn House) {
    let row = |number| Some(Box::new(RunRow { key: Some("A-7".into()), ..row(run(number), number) }));
    house.accept(vec![Change { row: row(1), ..begin(1) }, Change { row: row(2), ..begin(2) }]);
    assert_eq!(house.refuse(claim(3, "A-7", None)), Refused::KeyHeld { by: run(2) }, "the newest of them");
}

pub(crate) fn the_key_of_a_child_holds_nothing(house: &mut dyn House) {
    let child = RunId::child_of("run_x/refund/1/0");
    let row = RunRow { key: Some("A-7".into()), parent: Some(run(1)), ..row(child, 2) };
    house.accept(vec![begin(1), Change { row: Some(Box::new(row)), ..line(child, 1) }]);
    assert_eq!(house.reads().holder("refund", "A-7").unwrap(), None);
    house.accept(vec![claim(3, "A-7", None), becomes(3, 2, RunState::Done)]);
    house.accept(vec![claim(4, "A-7", Some(at(4)))]);
    assert_eq!(house.reads().holder("refund", "A-7").unwrap(), Some(run(4)));
}

pub(crate) fn a_key_that_is_unique_for_a_while_is_held_by_runs_that_are_over(house: &mut dyn House) {
    house.accept(vec![claim(10, "A-7", None), becomes(10, 2, RunState::Done)]);
    assert_eq!(house.refuse(claim(20, "A-7", Some(at(10)))), Refused::KeyHeld { by: run(10) });
    house.accept(vec![claim(20, "A-7", Some(at(11)))]);
    assert_eq!(house.refuse(claim(30, "A-7", Some(at(5)))), Refused::KeyHeld { by: run(20) }, "the newest");
    house.accept(vec![claim(40, "A-7", Some(at(21)))]);
}

pub(crate) fn a_key_that_is_unique_for_ever_is_never_free(house: &mut dyn House) {
    house.accept(vec![claim(1, "A-7", Some(Millis(i64::MIN))), becomes(1, 2, RunState::Failed)]);
    house.crash();
    let refused = house.refuse(claim(2_000_000, "A-7", Some(Millis(i64::MIN))));
    assert_eq!(refused, Refused::KeyHeld { by: run(1) });
}

pub(crate) fn two_in_one_batch_cannot_hold_one_key(house: &mut dyn House) {
    let acks = house.commit(vec![claim(1, "A-7", None), claim(2, "A-7", None), claim(3, "A-8", None)]);
    assert_eq!(acks, [Ok(()), Err(Refused::KeyHeld { by: run(1) }), Ok(())]);
}

pub(crate) fn a_run_that_opens_again_holds_its_key_again(house: &mut dyn House) {
    house.accept(vec![claim(1, "A-7", None), becomes(1, 2, RunState::Failed)]);
    assert_eq!(house.reads().holder("refund", "A-7").unwrap(), None);
    house.accept(vec![becomes(1, 3, RunState::Open)]);
    assert_eq!(house.refuse(claim(2, "A-7", None)), Refused::KeyHeld { by: run(1) });
}

pub(crate) fn a_firing_starts_one_run_for_ever(house: &mut dyn House) {
    house.accept(vec![fired(1, "slot-1"), becomes(1, 2, RunState::Done)]);
    house.crash();
    assert_eq!(house.refuse(fired(2, "slot-1")), Refused::FiredBefore { run: Some(run(1)) });
    house.accept(vec![fired(3, "slot-2")]);
    let found = house.reads().firing("refund", "order", "slot-1").unwrap();
    assert_eq!(found, Some((FiringOutcome::Started, Some(run(1)))));
    assert_eq!(house.reads().firing("refund", "other", "slot-1").unwrap(), None);
}

pub(crate) fn a_firing_that_was_skipped_starts_none(house: &mut dyn House) {
    house.note(Note::Firing(firing("slot-1", 1, FiringOutcome::Skipped)));
    assert_eq!(house.refuse(fired(1, "slot-1")), Refused::FiredBefore { run: None });
    house.note(Note::Firing(firing("slot-1", 2, FiringOutcome::Missed)));
    let found = house.reads().firing("refund", "order", "slot-1").unwrap();
    assert_eq!(found, Some((FiringOutcome::Skipped, None)), "what was decided stays");
}

pub(crate) fn a_firing_that_a_run_took_in_starts_none(house: &mut dyn House) {
    house.accept(vec![fired(1, "slot-1")]);
    let joined = firing("slot-2", 2, FiringOutcome::Joined);
    house.note(Note::FiredInto { firing: joined, run: run(1), takes: None });
    house.crash();
    assert_eq!(house.refuse(fired(2, "slot-2")), Refused::FiredBefore { run: Some(run(1)) });
    let found = house.reads().firing("refund", "order", "slot-2").unwrap();
    assert_eq!(found, Some((FiringOutcome::Joined, Some(run(1)))));
}

pub(crate) fn a_firing_that_waits_for_its_turn_starts_later(house: &mut dyn House) {
    house.note(Note::Firing(firing("slot-1", 1, FiringOutcome::Queued)));
    house.note(Note::Firing(firing("slot-2", 2, FiringOutcome::Queued)));
    house.crash();
    house.accept(vec![fired(1, "slot-1")]);
    house.note(Note::Firing(firing("slot-2", 3, FiringOutcome::Skipped)));
    let found = |id| house.reads().firing("refund", "order", id).unwrap();
    assert_eq!(found("slot-1"), Some((FiringOutcome::Started, Some(run(1)))));
    assert_eq!(found("slot-2"), Some((FiringOutcome::Skipped, None)));
    assert_eq!(house.refuse(fired(2, "slot-1")), Refused::FiredBefore { run: Some(run(1)) });
}

pub(crate) fn firings_are_forgotten_in_time(house: &mut dyn House) {
    house.accept(vec![fired(1, "slot-1"), fired(150, "slot-2")]);
    house.note(Note::ForgetBefore { at: at(101) });
    house.accept(vec![fired(4, "slot-1")]);
    assert_eq!(house.refuse(fired(5, "slot-2")), Refused::FiredBefore { run: Some(run(150)) });
}

pub(crate) fn a_child_begun_again_exists(house: &mut dyn House) {
    let child = RunId::child_of("run_x/refund/1/0");
    let begins = || {
        let row = RunRow { parent: Some(run(1)), ..row(child, 2) };
        Change { row: Some(Box::new(row)), ..line(child, 1) }
    };
    house.accept(vec![begin(1), begins(), line(child, 2)]);
    house.crash();
    assert_eq!(house.refuse(begins()), Refused::Exists);
    assert_eq!(house.reads().journal(child, 0, 10).unwrap().len(), 2);

    // Its own claim and firing would refuse it as well, but what they name is itself.
    let again = Change { start: fired(1, "slot-1").start, ..claim(7, "A-7", None) };
    house.accept(vec![again.clone()]);
    assert_eq!(house.refuse(again), Refused::Exists);
}

pub(crate) fn a_refused_start_leaves_nothing_and_takes_nobody_down(house: &mut dyn House) {
    house.accept(vec![claim(1, "A-7", None)]);
    let before = super::losses::everything(&*house.reads());
    let refused = Change {
        snapshot: Some(b"state"[..].into()),
        wake: Some(Some(at(9))),
        tasks: vec![super::opens(super::task(2, "approve", &["ann"]))],
        tell_parent: Some(Box::new(super::tell(2, 1))),
        start: claim(2, "A-7", None).start.map(|start| {
            let firing = fired(2, "slot-1").start.and_then(|start| start.firing);
            Box::new(Start { firing, ..*start })
        }),
        ..claim(2, "A-7", None)
    };
    assert_eq!(house.refuse(refused.clone()), Refused::KeyHeld { by: run(1) });
    assert_eq!(super::losses::everything(&*house.reads()), before);

    let acks = house.commit(vec![begin(3), refused, line(run(1), 2)]);
    assert_eq!(acks, [Ok(()), Err(Refused::KeyHeld { by: run(1) }), Ok(())]);
    house.crash();
    assert_eq!(house.reads().open_runs(None, 10).unwrap(), super::runs([1, 3]));
    assert_eq!(house.reads().journal(run(1), 0, 10).unwrap().len(), 2);
    house.accept(vec![fired(4, "slot-1")]);
}
