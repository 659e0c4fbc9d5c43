//! Gives places to items that share a limit, after each commit that asked for one or gave one back.

use std::sync::Arc;

use yizhan_workflow::id::{Attempt, Item, RunId};
use yizhan_workflow::run::World;
use yizhan_workflow::run::event::Event;
use yizhan_workflow::run::state::Run;

use crate::engine::Loop;
use crate::limits::{Head, WAITING_MOST};
use crate::starting::DEPTH_MAX;
use crate::store::{Grant, SlotChange, SlotRow, SlotStands, StoreError};

/// After this it is read again who waits, where some were on their way to the disk.
const READ_AGAIN: i64 = 100;

impl Loop {
    /// Who holds a place and who waits for one, also of runs that are not in memory.
    pub(crate) fn recover_slots(&mut self, world: &World) -> Result<(), StoreError> {
        let reads = self.shared.reads.clone();
        let now = self.shared.now();
        for holder in reads.slot_holders(None)? {
            if holder.stands == SlotStands::Holds {
                self.limits.hold(&holder);
            }
        }
        reads.grants(now)?.iter().for_each(|grant| self.limits.count(grant));
        for key in reads.slot_keys()? {
            self.read_line(&key, world)?;
            self.let_in(&key, world);
        }
        Ok(())
    }

    /// What a commit changed about places.
    pub(crate) fn slots_changed(&mut self, changes: Vec<SlotChange>, world: &World) {
        for change in changes {
            match change {
                SlotChange::Stands(row) if row.stands == SlotStands::Waits => {
                    let key = row.ask.key.clone();
                    if self.is_inside(&row) {
                        self.grant(row.run, row.of, Grants::Inside, world);
                    } else {
                        self.limits.ask(&row);
                        self.let_in(&key, world);
                    }
                }
                // We let it in ourselves.
                SlotChange::Stands(_) => {}
                SlotChange::Free { .. } if yizhan_faults::seeded("engine.place-not-given-on") => {}
                SlotChange::Free { run, item } => {
                    if let Some(key) = self.limits.forget((run, item)) {
                        self.let_in(&key, world);
                    }
                }
            }
        }
    }

    /// Rates that let somebody in again.
    pub(crate) fn let_in_due(&mut self, world: &World) {
        let now = self.shared.now();
        while !self.stopping
            && let Some(key) = self.limits.due(now)
        {
            self.let_in(&key, world);
        }
    }

    fn let_in(&mut self, key: &Arc<str>, world: &World) {
        let mut read = false;
        while !self.stopping {
            match self.limits.next(key, self.shared.now()) {
                Head::Stays => return,
                Head::Enters { run, of, granted } => {
                    self.grant(run, of, Grants::Place(granted), world);
                    read = false;
                }
                // Those that the store still shows as waiting may be on their way in.
                Head::Elsewhere if read => return,
                Head::Elsewhere => {
                    read = true;
                    if let Err(error) = self.read_line(key, world) {
                        tracing::error!(%key, %error, "who waits for a place cannot be read");
                        return;
                    }
                }
            }
            if self.batch.changes.len() >= crate::engine::JOB_RECORDS {
                self.hand_over();
            }
        }
    }

    fn read_line(&mut self, key: &Arc<str>, world: &World) -> Result<(), StoreError> {
        let mut line = self.shared.reads.slot_line(key, WAITING_MOST + 1)?;
        let mut all = line.len() <= WAITING_MOST;
        let mut inside = vec![];
        line.retain(|row| {
            // Of what is on its way to the disk we are told when it is there: the row may be of before.
            if self.live.get(&row.run).is_some_and(|live| live.job > self.written) {
                all = false;
                return false;
            }
            let is_inside = self.is_inside(row);
            if is_inside {
                inside.push((row.run, row.of));
            }
            !is_inside
        });
        let again = (!all).then(|| self.shared.now().plus(READ_AGAIN));
        self.limits.refill(key, &line, again);
        for (run, of) in inside {
            self.grant(run, of, Grants::Inside, world);
        }
        Ok(())
    }

    fn grant(&mut self, run: RunId, of: Attempt, grants: Grants, world: &World) {
        yizhan_faults::point("engine.place_granting");
        match self.feed(run, Event::SlotGranted { of }, world) {
            Ok(place) => {
                let change = &mut self.batch.changes[place];
                match grants {
                    Grants::Place(granted) => change.grant = granted,
                    Grants::Inside => change.slots.iter_mut().for_each(|slot| inside(slot, of.item)),
                }
            }
            // It was withdrawn meanwhile, or it cannot be read: the next one must not wait for it.
            Err(error) => {
                tracing::debug!(%run, %error, "a place is not wanted any more");
                self.limits.forget((run, of.item));
            }
        }
    }

    /// A child has its share in the places that the runs above it hold: a parent that holds one and waits for a child that
    /// asks for the same would wait for ever.
    fn is_inside(&mut self, row: &SlotRow) -> bool {
        if !row.run.is_child() || !self.limits.is_held(&row.ask.key) {
            return false;
        }
        let mut below = row.run;
        for _ in 0..=DEPTH_MAX {
            if self.bring(below).is_err() {
                return false;
            }
            let parent = self.live.get(&below).and_then(|live| live.run.started.parent);
            let Some(parent) = parent else { return false };
            if self.bring(parent.run).is_err() {
                return false;
            }
            let Some(above) = self.live.get(&parent.run) else { return false };
            if has_place(&above.run, parent.of.item, &row.ask.key) {
                return true;
            }
            below = parent.run;
        }
        false
    }
}

/// How a place is given.
enum Grants {
    /// One of those that are counted.
    Place(Option<Grant>),
    /// The share in one that a run above holds.
    Inside,
}

fn inside(slot: &mut SlotChange, item: Item) {
    if let SlotChange::Stands(row) = slot
        && row.of.item == item
    {
        row.stands = SlotStands::Inside;
    }
}

/// What an item begins counts in the place that it has, or what it lies in.
pub(crate) fn has_place(run: &Run, item: Item, key: &str) -> bool {
    run.has_place(item, key) || run.has_place_around(item.scope, key)
}
