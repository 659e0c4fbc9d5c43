//! What waits for others: places under a limit, events and who listens for them.

use std::sync::Arc;

use yizhan_engine::store::{
    Change, Grant, Listener, ListenerChange, Note, Published, RunState, SlotChange, SlotRow, SlotStands,
};
use yizhan_workflow::id::{Attempt, Item, ScopeNo, StepNo};
use yizhan_workflow::run::event::{Raw, SlotAsk};

use super::{House, at, becomes, begin, line, run};

pub(crate) fn item(number: u32) -> Item {
    Item { step: StepNo(3), scope: ScopeNo::RUN, round: 1, item: number, undo: false, rung: None }
}

pub(crate) fn slot(number: i64, priority: i32, asked: i64, stands: SlotStands) -> SlotRow {
    SlotRow {
        run: run(number),
        of: Attempt { item: item(0), attempt: 1 },
        ask: SlotAsk { key: "crm".into(), most: Some(2), rate: None, priority },
        asked: at(asked),
        stands,
    }
}

fn stands(seq: u32, row: &SlotRow) -> Change {
    Change { slots: vec![SlotChange::Stands(Box::new(row.clone()))], ..line(row.run, seq) }
}

pub(crate) fn who_waits_for_a_place_stands_in_line_until_it_is_free(house: &mut dyn House) {
    let holds = slot(1, 0, 10, SlotStands::Holds);
    let inside = slot(2, 0, 10, SlotStands::Inside);
    let [late, early, urgent] = [
        slot(3, 0, 30, SlotStands::Waits),
        slot(4, 0, 20, SlotStands::Waits),
        slot(5, 7, 40, SlotStands::Waits),
    ];
    house.accept((1..=5).map(begin).collect());
    house.accept([&holds, &inside, &late, &early, &urgent].map(|row| stands(2, row)).into());
    house.crash();
    let reads = house.reads();
    assert_eq!(reads.slot_holders(None).unwrap(), [holds.clone(), inside.clone()]);
    assert_eq!(reads.slot_holders(Some("other")).unwrap(), []);
    assert_eq!(reads.slot_keys().unwrap(), [Arc::from("crm")]);
    assert_eq!(reads.slot_line("crm", 9).unwrap(), [urgent.clone(), early.clone(), late.clone()]);
    assert_eq!(reads.slot_line("crm", 1).unwrap(), std::slice::from_ref(&urgent));
    assert_eq!(reads.slot(run(3), item(0)).unwrap(), Some((late, 2)));
    assert_eq!(reads.slot(run(3), item(1)).unwrap(), None);

    // There is one row per item: it enters, and another goes.
    let entered = SlotRow { stands: SlotStands::Holds, ..urgent };
    let free = Change { slots: vec![SlotChange::Free { run: run(4), item: item(0) }], ..line(run(4), 3) };
    house.accept(vec![stands(3, &entered), free]);
    let reads = house.reads();
    assert_eq!(reads.slot_holders(Some("crm")).unwrap(), [holds, inside, entered]);
    assert_eq!(reads.slot_line("crm", 9).unwrap().len(), 1);
}

pub(crate) fn a_place_that_was_given_is_counted_until_its_window_is_over(house: &mut dyn House) {
    let given = |second, until| Grant { key: "mail".into(), at: at(second), until: at(until) };
    let gives = |seq, grant: Grant| Change { grant: Some(grant), ..line(run(1), seq) };
    house.accept(vec![begin(1), gives(2, given(10, 70)), gives(3, given(20, 80))]);
    house.crash();
    assert_eq!(house.reads().grants(at(30)).unwrap(), [given(10, 70), given(20, 80)]);
    assert_eq!(house.reads().grants(at(70)).unwrap(), [given(20, 80)], "the window ends at its end");
    house.accept(vec![gives(4, given(75, 135))]);
    assert_eq!(house.reads().grants(at(0)).unwrap(), [given(20, 80), given(75, 135)]);
}

pub(crate) fn event(number: u64, id: &str, second: i64, amount: u32) -> Published {
    Published {
        number,
        id: id.into(),
        name: "paid".into(),
        key: "A-7".into(),
        payload: Raw::new(format!("{{\"amount\":{amount}}}")).unwrap(),
        at: at(second),
    }
}

pub(crate) fn an_event_is_kept_once_under_its_name_and_id(house: &mut dyn House) {
    house.note(Note::Published(event(0, "x1", 10, 1)));
    house.note(Note::Published(event(0, "x1", 20, 2)));
    house.note(Note::Published(Published { name: "sent".into(), ..event(0, "x1", 30, 3) }));
    house.note(Note::Published(event(0, "x2", 40, 4)));
    house.note(Note::EventsSeen { number: 2 });
    house.crash();
    let reads = house.reads();
    let first = reads.event("paid", "x1").unwrap().unwrap();
    assert_eq!(first, event(first.number, "x1", 10, 1), "the first stays");
    assert_eq!(reads.event("paid", "x3").unwrap(), None);
    let ids = |events: Vec<Published>| events.iter().map(|one| one.id.to_string()).collect::<Vec<_>>();
    assert_eq!(ids(reads.events("paid", "A-7", at(0), 0, 9).unwrap()), ["x1", "x2"]);
    assert_eq!(
        ids(reads.events("paid", "A-7", at(11), 0, 9).unwrap()),
        ["x2"],
        "what was before is not meant"
    );
    assert_eq!(ids(reads.events("paid", "A-7", at(0), first.number, 9).unwrap()), ["x2"]);
    assert_eq!(ids(reads.events("paid", "A-8", at(0), 0, 9).unwrap()), [""; 0]);
    assert_eq!(ids(reads.events_after(0, 2).unwrap()), ["x1", "x1"]);
    assert_eq!(reads.events_seen().unwrap(), 2);
}

pub(crate) fn events_are_forgotten_in_time_and_no_number_comes_twice(house: &mut dyn House) {
    house.note(Note::Published(event(0, "x1", 10, 1)));
    house.note(Note::Published(event(0, "x2", 20, 2)));
    let last = house.reads().event("paid", "x2").unwrap().unwrap().number;
    house.note(Note::ForgetEvents { before: at(21) });
    house.crash();
    assert_eq!(house.reads().events_after(0, 9).unwrap(), []);
    house.note(Note::Published(event(0, "x1", 30, 3)));
    assert!(house.reads().event("paid", "x1").unwrap().unwrap().number > last);
}

fn listener(number: i64, of: u32, since: i64) -> Listener {
    Listener {
        number: 0,
        run: run(number),
        of: Attempt { item: item(of), attempt: 1 },
        name: "paid".into(),
        key: "A-7".into(),
        filter: Raw::new("{\"amount\":5}".into()),
        since: at(since),
    }
}

fn listens(seq: u32, row: &Listener) -> Change {
    Change { listeners: vec![ListenerChange::Opened(Box::new(row.clone()))], ..line(row.run, seq) }
}

pub(crate) fn who_listens_is_found_in_the_order_of_listening(house: &mut dyn House) {
    let [one, two, three] =
        [listener(2, 1, 0), listener(1, 0, 0), Listener { filter: None, ..listener(2, 0, 0) }];
    house.accept(vec![begin(1), begin(2), listens(2, &one), listens(2, &two), listens(3, &three)]);
    house.crash();
    let found = |house: &dyn House, after| house.reads().listeners("paid", "A-7", after, 9).unwrap();
    let all = found(house, 0);
    let plain: Vec<_> = all.iter().map(|row| Listener { number: 0, ..row.clone() }).collect();
    assert_eq!(plain, [one, two.clone(), three]);
    assert_eq!(found(house, all[0].number), all[1..]);
    assert_eq!(house.reads().listeners("paid", "A-8", 0, 9).unwrap(), []);
    assert_eq!(house.reads().listener(run(1), item(0)).unwrap().as_ref(), Some(&all[1]));

    let closed = ListenerChange::Closed { run: run(2), item: item(1) };
    house.accept(vec![Change { listeners: vec![closed], ..line(run(2), 4) }]);
    assert_eq!(found(house, 0), all[1..]);
}

pub(crate) fn a_listener_whose_event_came_is_found_by_a_new_process(house: &mut dyn House) {
    house.accept((1..=3).map(begin).collect());
    let other = Listener { key: "A-8".into(), ..listener(3, 0, 0) };
    house.accept(vec![listens(2, &listener(1, 0, 0)), listens(2, &listener(2, 0, 50)), listens(2, &other)]);
    house.note(Note::Published(event(0, "x1", 10, 1)));
    house.crash();
    let behind = house.reads().listeners_behind(0, 9).unwrap();
    assert_eq!(behind.iter().map(|row| row.run).collect::<Vec<_>>(), [run(1)]);
    assert_eq!(house.reads().listeners_behind(behind[0].number, 9).unwrap(), []);
}

pub(crate) fn a_place_or_a_listener_of_a_run_that_is_over_is_found(house: &mut dyn House) {
    house.accept(vec![
        begin(1),
        stands(2, &slot(1, 0, 1, SlotStands::Waits)),
        listens(3, &listener(1, 0, 0)),
    ]);
    assert_eq!(house.reads().verify().unwrap(), Vec::<String>::new());
    house.accept(vec![becomes(1, 4, RunState::Done)]);
    assert_eq!(house.reads().verify().unwrap().len(), 2);
}
