//! What was gathered waits until a run takes it, and goes with that run's first line.

use std::sync::Arc;

use yizhan_engine::store::{Change, FiringOutcome, Gathered, Heap, Note, Refused, Start, Takes};
use yizhan_workflow::id::Millis;
use yizhan_workflow::run::event::Raw;

use super::{House, at, begin, claim, firing, run};

pub(crate) fn item(number: u64, id: Option<&str>, second: i64) -> Gathered {
    Gathered {
        number,
        workflow: "refund".into(),
        trigger: "order".into(),
        at: at(second),
        firing: id.map(|id| firing(id, second, FiringOutcome::Gathered)),
        item: Raw::new(format!("{{\"n\":{second}}}")).unwrap(),
    }
}

fn takes(before: i64, upto: u64) -> Takes {
    Takes { workflow: "refund".into(), trigger: "order".into(), before: at(before), upto }
}

fn starts(number: i64, takes: Takes) -> Change {
    let start = Start {
        firing: Some(firing("slot", number, FiringOutcome::Started)),
        takes: Some(takes),
        claim: None,
    };
    Change { start: Some(Box::new(start)), ..begin(number) }
}

fn all(house: &dyn House) -> Vec<i64> {
    let kept = house.reads().gathered("refund", "order", Millis(i64::MAX), 99).unwrap();
    kept.iter().map(|one| (one.at.0 - at(0).0) / 1_000).collect()
}

pub(crate) fn what_was_gathered_is_taken_by_one_run_and_all_else_stays(house: &mut dyn House) {
    for one in [item(0, Some("a"), 10), item(0, None, 20), item(0, Some("c"), 40), item(0, Some("d"), 30)] {
        house.note(Note::Gathered(one));
    }
    house.note(Note::Gathered(Gathered { trigger: "other".into(), ..item(0, None, 15) }));
    house.crash();
    let reads = house.reads();
    let kept = reads.gathered("refund", "order", at(30), 99).unwrap();
    assert_eq!(kept, [item(kept[0].number, Some("a"), 10), item(kept[1].number, None, 20)]);
    assert_eq!(reads.gathered("refund", "order", at(99), 1).unwrap().len(), 1);
    assert_eq!(reads.gathered_since("refund", "order").unwrap(), Some(at(10)));
    assert_eq!(reads.gathered_since("refund", "none").unwrap(), None);
    assert_eq!(reads.gathered_count("refund", "order", 9).unwrap(), 4);
    assert_eq!(reads.gathered_count("refund", "order", 3).unwrap(), 3);

    // The one of second 30 came after that of second 40: it is of the slot, and not among those that were read.
    house.accept(vec![starts(1, takes(35, kept[1].number))]);
    house.crash();
    assert_eq!(all(house), [40, 30]);
    let known = |id: &str| house.reads().firing("refund", "order", id).unwrap();
    assert_eq!(known("a"), Some((FiringOutcome::Gathered, Some(run(1)))), "its firing names the run");
    assert_eq!(known("d"), Some((FiringOutcome::Gathered, None)));
    let heap = |trigger: &str, items, second| Heap {
        workflow: "refund".into(),
        trigger: Arc::from(trigger),
        items,
        oldest: at(second),
    };
    assert_eq!(house.reads().heaps().unwrap(), [heap("order", 2, 30), heap("other", 1, 15)]);
}

pub(crate) fn a_firing_is_gathered_once_also_after_its_run_took_it(house: &mut dyn House) {
    house.note(Note::Gathered(item(0, Some("a"), 10)));
    house.note(Note::Gathered(item(0, Some("a"), 11)));
    assert_eq!(all(house), [10]);
    let upto = house.reads().gathered("refund", "order", at(99), 9).unwrap()[0].number;
    house.accept(vec![starts(1, takes(99, upto))]);
    house.note(Note::Gathered(item(0, Some("a"), 12)));
    house.note(Note::Firing(firing("started", 13, FiringOutcome::Started)));
    house.note(Note::Gathered(item(0, Some("started"), 14)));
    house.crash();
    assert_eq!(all(house), [0_i64; 0]);
}

pub(crate) fn a_refused_start_takes_nothing_of_what_was_gathered(house: &mut dyn House) {
    house.accept(vec![claim(1, "A-7", None)]);
    house.note(Note::Gathered(item(0, None, 10)));
    let start =
        claim(2, "A-7", None).start.map(|start| Box::new(Start { takes: Some(takes(99, 9)), ..*start }));
    assert_eq!(house.refuse(Change { start, ..claim(2, "A-7", None) }), Refused::KeyHeld { by: run(1) });
    assert_eq!(all(house), [10]);

    // The run that holds the key took it in: it goes with that.
    let firing = firing("slot", 30, FiringOutcome::Joined);
    house.note(Note::FiredInto { firing, run: run(1), takes: Some(takes(99, 9)) });
    house.crash();
    assert_eq!(all(house), [0_i64; 0]);
}
