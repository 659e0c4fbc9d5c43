//! What triggers with `gather` brought and no run has taken yet, in memory.

use std::sync::Arc;

use yizhan_engine::store::{FiringOutcome, Gathered, Heap, Takes};
use yizhan_workflow::id::{Millis, RunId};

use super::Kept;

impl Kept {
    pub(super) fn gather(&mut self, gathered: &Gathered) {
        if let Some(firing) = &gathered.firing {
            let known = self.fired(&firing.workflow, &firing.trigger, &firing.id);
            if known.is_some_and(|(known, _)| known.outcome != FiringOutcome::Queued) {
                return;
            }
            self.firing(firing, None);
        }
        self.last_gathered += 1;
        let number = self.last_gathered;
        self.gathered.insert(number, Gathered { number, ..gathered.clone() });
    }

    pub(super) fn taken(&mut self, takes: &Takes, run: RunId) {
        let Takes { workflow, trigger, before, upto } = takes;
        let is_taken = |one: &Gathered| {
            one.workflow == *workflow && one.trigger == *trigger && one.at < *before && one.number <= *upto
        };
        let (gone, left) = std::mem::take(&mut self.gathered).into_iter().partition(|(_, one)| is_taken(one));
        self.gathered = left;
        let gone: std::collections::BTreeMap<u64, Gathered> = gone;
        for firing in gone.into_values().filter_map(|one| one.firing) {
            let name = (firing.workflow, firing.trigger, firing.id);
            if let Some((_, by)) = self.firings.get(&name).and_then(|place| self.fired.get_mut(place)) {
                *by = Some(run);
            }
        }
    }

    pub(super) fn gathered(
        &self,
        workflow: &str,
        trigger: &str,
        before: Millis,
    ) -> impl Iterator<Item = &Gathered> {
        let of =
            move |one: &&Gathered| &*one.workflow == workflow && &*one.trigger == trigger && one.at < before;
        self.gathered.values().filter(of)
    }

    pub(super) fn heaps(&self) -> Vec<Heap> {
        let mut heaps = std::collections::BTreeMap::<(Arc<str>, Arc<str>), Heap>::new();
        for one in self.gathered.values() {
            let (workflow, trigger) = (one.workflow.clone(), one.trigger.clone());
            let empty = Heap { workflow, trigger, items: 0, oldest: one.at };
            let heap = heaps.entry((one.workflow.clone(), one.trigger.clone())).or_insert(empty);
            heap.items += 1;
            heap.oldest = heap.oldest.min(one.at);
        }
        heaps.into_values().collect()
    }
}
