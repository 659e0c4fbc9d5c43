//! Nothing is stuck: what an open run waits for stands in the store as well, and nothing stands there for a run that does
//! not wait for it. Tasks and wake-ups are in `clocks`.

use std::collections::{BTreeMap, BTreeSet};

use yizhan_engine::store::SlotStands;
use yizhan_workflow::id::{Item, RunId};
use yizhan_workflow::run::state::{Place, Run, Want};

use super::Violation;
use super::clocks::Rows;
use crate::evidence::Evidence;

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

/// No more hold a place than may. What lies inside another's place is not counted.
pub(super) fn check_places(evidence: &Evidence) -> Vec<Violation> {
    let mut held: BTreeMap<&str, (usize, u32)> = BTreeMap::new();
    for row in evidence.runs.values().flat_map(|run| &run.rows.slots) {
        if let (Some(most), SlotStands::Holds) = (row.ask.most, row.stands) {
            let (count, may) = held.entry(&row.ask.key).or_default();
            (*count, *may) = (*count + 1, most.max(*may));
        }
    }
    let over = held.into_iter().filter(|(_, (count, may))| *count > *may as usize);
    over.map(|(key, (count, may))| Violation::PlacesOver(key.to_owned(), count, may)).collect()
}

/// What is on one side only, or twice.
fn differ(wanted: &BTreeSet<Item>, rows: &[Item], fault: impl Fn(Item) -> Violation) -> Vec<Violation> {
    let mut seen = BTreeSet::new();
    let stray = rows.iter().filter(|item| !wanted.contains(item) || !seen.insert(**item)).copied();
    let mut odd: Vec<Item> = stray.collect();
    odd.extend(wanted.iter().filter(|item| !rows.contains(item)));
    odd.into_iter().map(fault).collect()
}
