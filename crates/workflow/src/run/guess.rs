//! Says of a due time that it is a guess: it counts working days of a year whose holidays its calendar does not know.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::World;
use super::clock::Unit;
use super::state::ItemState;
use crate::id::Item;
use crate::moment::Moment;
use crate::plan::Workflow;
use crate::schedule::Pattern;

/// The calendar, and the first year that it does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guess {
    pub calendar: Arc<str>,
    pub year: i16,
}

/// Whether the due time of an open item is a guess.
#[must_use]
pub fn guess(text: &Workflow, world: &World, of: Item, state: &ItemState) -> Option<Guess> {
    let (due, clock) = (state.due?, state.clock.as_deref()?);
    let step = text.step(of.step);
    let counted =
        |part: &super::clock::Part| part.at == due && matches!(part.unit, Unit::Workdays | Unit::Workhours);
    if !clock.parts.iter().any(counted) && !step.due().is_some_and(names_workdays) {
        return None;
    }
    let name = step.hours.as_deref().or_else(|| text.calendar_of(of.step));
    let calendar = world.calendars.named(name)?;
    let (from, to) = (calendar.date(clock.from)?.year(), calendar.date(due)?.year());
    let year = (from..=to).find(|year| !calendar.knows(*year))?;
    Some(Guess { calendar: calendar.name.clone(), year })
}

/// `next workday`, and what comes again on working days.
fn names_workdays(moment: &Moment) -> bool {
    match moment {
        Moment::Earliest(all) => all.iter().any(names_workdays),
        Moment::Next(Pattern::On { days, .. }) | Moment::AfterToday(Pattern::On { days, .. }) => {
            days.are_worked()
        }
        Moment::Next(Pattern::Every(_) | Pattern::Cron(_))
        | Moment::AfterToday(Pattern::Every(_) | Pattern::Cron(_))
        | Moment::Length(_)
        | Moment::Within { .. }
        | Moment::Worked(_)
        | Moment::Date(_)
        | Moment::Local(_)
        | Moment::Instant(_) => false,
    }
}
