//! What waits for others, in memory: places under a limit, events and who listens for them.

use std::collections::BTreeMap;
use std::sync::Arc;

use yizhan_engine::store::{Grant, Listener, ListenerChange, Published, SlotChange, SlotRow, SlotStands};
use yizhan_workflow::id::{Item, Millis, RunId};

#[derive(Debug, Clone, Default)]
pub(super) struct Waiting {
    pub(super) slots: BTreeMap<(RunId, Item), SlotRow>,
    pub(super) grants: Vec<Grant>,
    pub(super) events: BTreeMap<u64, Published>,
    by_id: BTreeMap<(Arc<str>, Arc<str>), u64>,
    last_event: u64,
    pub(super) seen: u64,
    pub(super) listeners: BTreeMap<u64, Listener>,
    last_listener: u64,
}

impl Waiting {
    pub(super) fn slot(&mut self, change: &SlotChange) {
        match change {
            SlotChange::Stands(row) => drop(self.slots.insert((row.run, row.of.item), (**row).clone())),
            SlotChange::Free { run, item } => drop(self.slots.remove(&(*run, *item))),
        }
    }

    pub(super) fn grant(&mut self, grant: &Grant) {
        self.grants.retain(|earlier| earlier.key != grant.key || earlier.until > grant.at);
        self.grants.push(grant.clone());
    }

    pub(super) fn published(&mut self, event: &Published) {
        let name = (event.name.clone(), event.id.clone());
        if self.by_id.contains_key(&name) {
            return;
        }
        self.last_event += 1;
        self.by_id.insert(name, self.last_event);
        self.events.insert(self.last_event, Published { number: self.last_event, ..event.clone() });
    }

    pub(super) fn forget(&mut self, before: Millis) {
        self.events.retain(|_, event| event.at >= before);
        self.by_id.retain(|_, number| self.events.contains_key(number));
    }

    pub(super) fn listens(&mut self, change: &ListenerChange) {
        let (run, item) = match change {
            ListenerChange::Opened(row) => (row.run, row.of.item),
            ListenerChange::Closed { run, item } => (*run, *item),
        };
        self.listeners.retain(|_, row| (row.run, row.of.item) != (run, item));
        if let ListenerChange::Opened(row) = change {
            self.last_listener += 1;
            self.listeners
                .insert(self.last_listener, Listener { number: self.last_listener, ..(**row).clone() });
        }
    }

    pub(super) fn event(&self, name: &str, id: &str) -> Option<Published> {
        self.events.get(self.by_id.get(&(name.into(), id.into()))?).cloned()
    }

    /// Who waits for a place of this key, the next one first.
    pub(super) fn line(&self, key: &str) -> Vec<&SlotRow> {
        let waits = |row: &&SlotRow| row.stands == SlotStands::Waits && &*row.ask.key == key;
        let mut line: Vec<_> = self.slots.values().filter(waits).collect();
        line.sort_by_key(|row| (std::cmp::Reverse(row.ask.priority), row.asked, row.run, row.of.item));
        line
    }
}
