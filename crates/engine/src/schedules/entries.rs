//! Schedules that follow the dates of a register: a slot is as many firings as entries hold its day.

use std::sync::Arc;

use futures_util::StreamExt as _;
use serde_json::{Map, Value as Json};
use yizhan_workflow::plan::Workflow;
use yizhan_workflow::schedule::Slot;

use super::{ScheduleError, Schedules, firing};
use crate::handle::{ActError, StartError, Started};
use crate::intake::{self, Fired, IntakeError};
use crate::registers::{self, OnDay};
use crate::store::{Firing, FiringOutcome, Note};

/// Starts that are on their way to the disk at once.
const AT_ONCE: usize = 16;

/// Whose firings they are, and what they bring beside the entry.
struct Occasion<'o> {
    text: &'o Arc<Workflow>,
    /// The slot as a whole.
    whole: Firing,
    with: Map<String, Json>,
}

impl Schedules {
    /// Starts a run for each entry of the slot's days, page by page. Until all have begun the slot is on disk as one that
    /// waits: a crash in the middle loses none, and none begins twice, for each is a firing under its own name.
    pub(super) async fn fire_entries(
        &self,
        name: &(Arc<str>, Arc<str>),
        text: &Arc<Workflow>,
        slot: Slot,
        with: Map<String, Json>,
    ) -> Result<(), ScheduleError> {
        let trigger = text.trigger(&name.1);
        let dates = trigger.and_then(|trigger| Some((trigger, trigger.dates()?.0)));
        let (Some((trigger, schedule)), Some(calendar)) = (dates, self.calendar_of(text)) else {
            return Ok(());
        };
        let days = schedule.days_of(&calendar, slot.at);
        let outcome = if slot.late { FiringOutcome::Late } else { FiringOutcome::Started };
        let occasion = Occasion { text, whole: firing(name, slot.at, outcome), with };
        let note = |outcome| self.engine.note(Note::Firing(Firing { outcome, ..occasion.whole.clone() }));
        let mut after = 0;
        loop {
            let world = self.engine.shared.world();
            let reads = &*self.engine.shared.reads;
            let page = registers::of_days(reads, &world, (text, trigger), &days, (after, slot.at))?;
            let Some(last) = page.last().map(|one| one.place) else { break };
            if after == 0 {
                note(FiringOutcome::Queued).await?;
            }
            self.fire_page(&occasion, &page).await?;
            after = last;
        }
        // A day without entries leaves no trace: there would be one of each day.
        if after > 0 {
            note(outcome).await?;
        }
        Ok(())
    }

    async fn fire_page(&self, occasion: &Occasion<'_>, page: &[OnDay]) -> Result<(), ActError> {
        let at_once = AT_ONCE.min(self.engine.shared.config.requests_max).max(1);
        let starts = futures_util::stream::iter(0..page.len()).map(|at| self.fire_entry(occasion, &page[at]));
        let mut starts = std::pin::pin!(starts.buffered(at_once));
        while let Some(done) = starts.next().await {
            done?;
        }
        Ok(())
    }

    async fn fire_entry(&self, occasion: &Occasion<'_>, one: &OnDay) -> Result<(), ActError> {
        let Occasion { text, whole, with } = occasion;
        let firing = |outcome| Firing { id: one.id(), outcome, ..whole.clone() };
        let entry: Map<String, Json> = serde_json::from_str(one.row.json()).unwrap_or_default();
        let fired = Fired { trigger: &whole.trigger, with: with.clone() };
        let world = self.engine.shared.world();
        let result = match intake::from_trigger(text, fired, &entry, &world, whole.at) {
            Ok(prepared) => {
                let by = format!("trigger:{}", whole.trigger).into();
                self.engine.start(Started { prepared, by, firing: Some(firing(whole.outcome)) }).await
            }
            Err(IntakeError::LeftOut) => return Ok(()),
            Err(error) => Err(StartError::Intake(error)),
        };
        let (error, outcome) = match result {
            Ok(_) | Err(StartError::FiredBefore { .. } | StartError::NoSuchWorkflow(_)) => return Ok(()),
            Err(StartError::Act(error)) => return Err(error),
            Err(error @ StartError::Intake(_)) => (error, FiringOutcome::Failed),
            Err(error @ (StartError::KeyHeld { .. } | StartError::Gathered { .. })) => {
                (error, FiringOutcome::Rejected)
            }
        };
        tracing::warn!(workflow = %whole.workflow, trigger = %whole.trigger, entry = one.id(), %error, "an entry starts no run");
        self.engine.note(Note::Firing(firing(outcome))).await
    }
}
