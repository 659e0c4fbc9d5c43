//! Entries that fire on a day: what a schedule that follows the dates of a register finds at a slot.

use std::ops::ControlFlow;

use jiff::civil::Date;
use yizhan_workflow::expression::value_of_json;
use yizhan_workflow::id::Millis;
use yizhan_workflow::plan::{Trigger, Workflow};
use yizhan_workflow::register::Row;
use yizhan_workflow::run::{World, names};
use yizhan_workflow::schedule::preview;

use super::look::{self, LookError, Question, each_fitting};
use crate::store::Reads;

/// Entries that are held at once.
const PAGE: usize = 500;

/// An entry that fires, and the day that it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnDay {
    /// Its place in the register.
    pub place: u64,
    pub day: Date,
    pub row: Row,
}

impl OnDay {
    /// Each entry fires once for each of its days.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}#{}", self.day, self.place)
    }
}

/// Entries of these days behind a place, in order, as they stand now: at most a page of them.
///
/// # Errors
/// When the register is not declared, or what is meant cannot be compared.
pub fn of_days(
    reads: &dyn Reads,
    world: &World,
    (text, trigger): (&std::sync::Arc<Workflow>, &Trigger),
    days: &[Date],
    (after, now): (u64, Millis),
) -> Result<Vec<OnDay>, LookError> {
    let Some((_, of)) = trigger.dates() else { return Ok(vec![]) };
    let register = look::declared(world, &of.register)?;
    let scope = names::before_start(text, world, now, None, None);
    let filter = trigger.filter.as_ref().map(|filter| filter.json(&scope)).transpose();
    let filter =
        filter.map_err(|error| LookError::Ask(error.to_string()))?.unwrap_or_else(|| "{}".to_owned());
    let mut found = Vec::new();
    let mut see = |place, row: Row| {
        let date = value_of_json(row.json()).get_attr(&of.date).ok();
        if let Some(day) = date.and_then(|date| of.day_of(date.as_str()?, days)) {
            found.push(OnDay { place, day, row });
        }
        Ok(if found.len() < PAGE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    };
    let question =
        Question { also: Some(of.looked_up(days)), after, ..Question::of(register, &filter, look::EVER) };
    each_fitting(reads, &question, &mut see)?;
    Ok(found)
}

/// What fires between two instants, the first of it: each slot with an entry.
///
/// # Errors
/// As `of_days`.
pub fn ahead(
    reads: &dyn Reads,
    world: &World,
    of: (&std::sync::Arc<Workflow>, &Trigger),
    (from, until): (Millis, Millis),
    most: usize,
) -> Result<Vec<(Millis, OnDay)>, LookError> {
    let (text, trigger) = of;
    let calendar = world.calendars.named(text.calendar.as_deref());
    let (Some((schedule, _)), Some(calendar)) = (trigger.dates(), calendar) else { return Ok(vec![]) };
    let mut found = Vec::new();
    for slot in preview(schedule, calendar, from, until, usize::MAX) {
        let days = schedule.days_of(calendar, slot);
        found.extend(of_days(reads, world, of, &days, (0, from))?.into_iter().map(|one| (slot, one)));
        if found.len() >= most {
            found.truncate(most);
            break;
        }
    }
    Ok(found)
}
