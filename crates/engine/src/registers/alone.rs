//! Registers with nobody else at them, as in a house without the world: each step is written as soon as it is decided.

use std::sync::Arc;

use jiff::civil::Date;
use yizhan_workflow::id::Millis;
use yizhan_workflow::plan::{Trigger, Workflow};
use yizhan_workflow::register::Row;
use yizhan_workflow::run::World;

use super::dates::{OnDay, of_days};
use super::look::{EVER, LookError, Question, declared, rows, seen};
use super::tally::{Budget, Halt};
use super::work::{Task, Work};
use super::{Fault, Ledgers, Written};
use crate::carrier::{Call, Outcome};
use crate::store::{Batch, Change, Reads, Store};

/// A store and what reads it.
pub type Shelf = (Box<dyn Store>, Arc<dyn Reads>);

/// The registers of one house.
pub(crate) struct Alone {
    store: Box<dyn Store>,
    reads: Arc<dyn Reads>,
    ledgers: Ledgers,
}

impl Alone {
    pub(crate) fn new((store, reads): Shelf) -> Self {
        Self { store, reads, ledgers: Ledgers::default() }
    }

    /// What a step about a register or a sequence gives.
    pub(crate) fn carry_out(&mut self, call: Call, world: &World, now: Millis) -> Outcome {
        match self.output(call, world, now) {
            Ok(output) => Outcome::Done { output: output.into() },
            Err(fault) => Outcome::Failed(fault.failure()),
        }
    }

    fn output(&mut self, call: Call, world: &World, now: Millis) -> Result<String, Fault> {
        if super::only_reads(&call) {
            return Ok(seen(&*self.reads, world, now, &call)?);
        }
        let task = Task::read(call)?;
        let work =
            Work { reads: &*self.reads, world, now, ledgers: &mut self.ledgers, budget: &mut Budget(None) };
        let Written { output, notes, advance } = work.carry_out(&task).map_err(|halt| match halt {
            Halt::Fault(fault) => fault,
            Halt::TooMuch => Fault::new("YZ0327", "it looks at too much"),
        })?;
        self.store.commit(&[Batch { notes, ..Batch::default() }])?;
        self.ledgers.advance(advance, 0);
        Ok(output)
    }

    /// What figures of runs and tasks are made of.
    pub(crate) fn count(&mut self, change: Change) {
        let counted = self.store.commit(&[Batch { changes: vec![change], ..Batch::default() }]);
        if let Err(error) = counted {
            tracing::debug!(%error, "a run is not counted");
        }
    }

    /// Those of a slot of a schedule that follows the dates of a register.
    pub(crate) fn of_days(
        &self,
        world: &World,
        of: (&Arc<Workflow>, &Trigger),
        days: &[Date],
        now: Millis,
    ) -> Result<Vec<OnDay>, LookError> {
        let mut all: Vec<OnDay> = Vec::new();
        loop {
            let after = all.last().map_or(0, |last| last.place);
            let page = of_days(&*self.reads, world, of, days, (after, now))?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    /// The entries that there are: neither voided ones nor those that a later one of the same card has replaced.
    pub(crate) fn entries(&self, world: &World, register: &Arc<str>) -> Result<Vec<Row>, LookError> {
        rows(&*self.reads, Question::of(declared(world, register)?, "{}", EVER))
    }
}
