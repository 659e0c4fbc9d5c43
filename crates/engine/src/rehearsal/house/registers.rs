//! Registers, sequences and figures of a house without the world: the code of the daemon, on a store that is gone afterwards.

use std::sync::Arc;

use yizhan_workflow::id::{Attempt, Millis};
use yizhan_workflow::plan::{Trigger, Workflow};
use yizhan_workflow::register::Row;
use yizhan_workflow::run::Decision;
use yizhan_workflow::run::event::{AttemptResult, Failure, Raw};

use super::{House, Member};
use crate::carrier::Outcome;
use crate::change::counted;
use crate::handle::Keeping;
use crate::outgoing::{Whose, call_of};
use crate::registers::{Alone, LookError, OnDay};

/// Goes into the keys of steps, as a store's own name does.
const HOUSE: &str = "rehearsal";

/// An entry that is not there is corrected or voided.
const NO_SUCH_ENTRY: &str = "YZ0352";

impl House<'_> {
    /// A step writes into a register, reads one, or takes a number.
    pub(super) fn ledger_step(&mut self, at: usize, of: Attempt) -> Option<AttemptResult> {
        let member = &self.runs[at];
        let shown = member.run.id.to_string().into();
        let whose = Whose { run: &member.run, text: &member.text, shown: &shown, house: HOUSE };
        let call = call_of(whose, of, 0, self.now)?;
        let (world, now) = (self.ground.world, self.now);
        Some(match self.registers()?.carry_out(call, world, now) {
            Outcome::Done { output } => AttemptResult::Done { output: Raw::new(output.into())? },
            // A walk speaks of entries that only the real registers have.
            Outcome::Failed(failure) if self.teller.is_some() && &*failure.code == NO_SUCH_ENTRY => {
                return None;
            }
            Outcome::Failed(failure) => AttemptResult::Failed(failure),
            Outcome::Lost { how, message } => AttemptResult::Lost { how, message },
        })
    }

    /// Somebody writes into a register without a run; why it is not taken.
    pub fn keep(&mut self, action: &'static str, with: String, by: &str, at: Millis) -> Result<(), Failure> {
        self.by_hand += 1;
        let key = format!("hand/{}", self.by_hand).into();
        let call = Keeping { action, with, key, by: by.into() }.call(at);
        let world = self.ground.world;
        match self.registers().map(|registers| registers.carry_out(call, world, at)) {
            Some(Outcome::Failed(failure)) => Err(failure),
            Some(Outcome::Done { .. } | Outcome::Lost { .. }) | None => Ok(()),
        }
    }

    /// What `register.find` would find of all that is there.
    pub fn entries(&mut self, register: &Arc<str>) -> Result<Vec<Row>, LookError> {
        let world = self.ground.world;
        self.registers().map_or(Ok(Vec::new()), |registers| registers.entries(world, register))
    }

    /// A run and its tasks as they are now, for whoever asks for figures.
    pub(super) fn count(&mut self, at: usize, decision: &Decision) {
        let Member { run, text } = &self.runs[at];
        let change = counted(run, text, decision, self.ground.world);
        if let Some(registers) = self.registers() {
            registers.count(change);
        }
    }

    /// The entries that fire at a slot of a schedule that follows their dates.
    pub(super) fn entries_of_slot(
        &mut self,
        text: &Arc<Workflow>,
        trigger: &Trigger,
        slot: Millis,
    ) -> Result<Vec<OnDay>, LookError> {
        let world = self.ground.world;
        let calendar = world.calendars.named(text.calendar.as_deref());
        let (Some((schedule, _)), Some(calendar)) = (trigger.dates(), calendar) else {
            return Ok(Vec::new());
        };
        let days = schedule.days_of(calendar, slot);
        let registers = self.registers();
        registers.map_or(Ok(Vec::new()), |registers| registers.of_days(world, (text, trigger), &days, slot))
    }

    fn registers(&mut self) -> Option<&mut Alone> {
        let shelf = self.ground.shelf?;
        Some(self.registers.get_or_insert_with(|| Alone::new(shelf())))
    }
}
