//! Nothing is stuck: what an open run waits for stands in the store as well, and nothing stands there for a run that does
//! not wait for it. Tasks and wake-ups are in `clocks`.

use std::collections::BTreeSet;

use yizhan_engine::store::SlotStands;
use yizhan_workflow::id::{Item, RunId};
use yizhan_workflow::run::state::{Place, Run, Want};

use super::Violation;
use super::clocks::Rows;

pub(super) fn check_waits(id: RunId, folded: &Run, rows: &Rows) -> Vec<Violation> {
    let (mut waits, mut holds, mut listens) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (item, state) in folded.standing_items().filter(|_| !folded.is_over()) {
        match state.place() {
            Place::Waits => drop(waits.insert(item)),
            Place::Holds => drop(holds.insert(item)),
            Place::None => {}
        }
        if matches!(state.want(), Want::Listen { .. }) {
            listens.insert(item);
        }
    }
    let stands = |waiting: bool| -> Vec<Item> {
        let like = rows.slots.iter().filter(|row| (row.stands == SlotStands::Waits) == waiting);
        like.map(|row| row.of.item).collect()
    };
    let listeners: Vec<Item> = rows.listeners.iter().map(|row| row.of.item).collect();
    let mut found = differ(&waits, &stands(true), |item| Violation::PlaceWaitsDiffer(id, item));
    found.extend(differ(&holds, &stands(false), |item| Violation::PlaceHeldDiffers(id, item)));
    found.extend(differ(&listens, &listeners, |item| Violation::ListenerDiffers(id, item)));
    found
}

/// What is on one side only, or twice.
fn differ(wanted: &BTreeSet<Item>, rows: &[Item], fault: impl Fn(Item) -> Violation) -> Vec<Violation> {
    let mut seen = BTreeSet::new();
    let stray = rows.iter().filter(|item| !wanted.contains(item) || !seen.insert(**item)).copied();
    let mut odd: Vec<Item> = stray.collect();
    odd.extend(wanted.iter().filter(|item| !rows.contains(item)));
    odd.into_iter().map(fault).collect()
}
