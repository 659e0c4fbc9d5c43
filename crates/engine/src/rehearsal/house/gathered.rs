//! What triggers with `gather` keep in a house without the world, until their slot makes a run of it.

use std::sync::Arc;

use yizhan_workflow::id::Millis;
use yizhan_workflow::plan::Workflow;
use yizhan_workflow::schedule;

use super::{Hindrance, House};
use crate::intake::Prepared;
use crate::intake::gathering::of_slot;
use crate::store::Gathered;

impl House<'_> {
    pub(super) fn keep_for_slot(&mut self, prepared: Prepared) {
        self.gathered.push(Gathered {
            number: self.gathered.len() as u64 + 1,
            workflow: prepared.workflow.name.clone(),
            trigger: prepared.trigger_name,
            at: self.now,
            firing: None,
            item: prepared.input,
        });
    }

    /// The next slot for which something is kept, with its trigger.
    pub(super) fn next_slot(&self) -> Option<(Millis, Arc<Workflow>, Arc<str>)> {
        let slots = self.gathered.iter().filter_map(|one| {
            let text = self.texts.get(&one.workflow)?;
            let gather = text.trigger(&one.trigger)?.gather.as_ref()?;
            let calendar = self.world().calendars.named(text.calendar.as_deref())?;
            let slot = schedule::preview(gather, calendar, one.at, Millis(i64::MAX), 1);
            Some((*slot.first()?, text.clone(), one.trigger.clone()))
        });
        slots.min_by_key(|(slot, _, _)| *slot)
    }

    /// Starts the runs of slots that have come.
    pub(super) fn make_runs(&mut self) -> Result<(), Hindrance> {
        while let Some((slot, text, name)) = self.next_slot().filter(|(slot, ..)| *slot <= self.now) {
            let is_its = |one: &Gathered| one.workflow == text.name && one.trigger == name && one.at < slot;
            let (items, rest) = std::mem::take(&mut self.gathered).into_iter().partition(is_its);
            self.gathered = rest;
            let items: Vec<Gathered> = items;
            let Some(trigger) = text.trigger(&name) else { continue };
            let prepared = of_slot(&text, trigger, &items, slot, self.world())
                .map_err(|error| Hindrance::NotTaken(error.to_string()))?;
            self.begin(prepared, &format!("trigger:{name}"))?;
        }
        Ok(())
    }
}
