//! People stop the clock of an item and let it go on, and give a running due time another instant. All of it with a reason.

use std::sync::Arc;

use super::clock::{ClockState, ClockWhy, Part, StoppedBy, Unit};
use super::event::Fact;
use super::item::MOVED_ON;
use super::state::At;
use super::{Deciding, OPERATOR, Refusal};
use crate::id::{Attempt, Item, Millis, StepNo};
use crate::people::Acts;

impl Deciding<'_> {
    /// The clock of an item that is open, if that opening is meant.
    pub(super) fn clock_of(&self, of: Attempt) -> Result<Arc<ClockState>, Refusal> {
        let known = of.item.step == StepNo::WHOLE || of.item.step.index() < self.text.steps.len();
        if !known {
            return Err(Refusal::Impossible("the run has no such step"));
        }
        let state = self.run.item(of.item).filter(|state| state.has_time()).ok_or(MOVED_ON)?;
        match &state.at {
            At::Is(standing) if standing.attempt() == Some(of.attempt) => {}
            At::Is(_) | At::Over(_) => return Err(MOVED_ON),
        }
        state.clock.clone().ok_or(Refusal::NoClock)
    }

    /// Whoever may stop a clock or ask for more time: those who answer for the workflow, and whoever the task asks and
    /// `not` does not keep out.
    pub(super) fn may_touch_clock(&self, of: Attempt, by: &Arc<str>) -> Result<Option<Acts>, Refusal> {
        if let Some(acts) = self.answers_for(by) {
            return Ok(acts);
        }
        let Ok(task) = self.sheet(of) else {
            return Err(Refusal::NotYours { by: by.clone(), who: self.owners() });
        };
        let people = self.now.world.people_at(self.at);
        match people.may_but(by, &task.who, &task.not) {
            Some(acts) => Ok(Some(acts)),
            None if people.may(by, &task.who).is_some() => {
                Err(Refusal::Excluded { by: by.clone(), not: task.not })
            }
            None => Err(Refusal::NotYours { by: by.clone(), who: task.who }),
        }
    }

    fn owners(&self) -> Vec<String> {
        let owner = self.text.owner.as_deref().or(self.now.world.owner.as_deref());
        vec![owner.unwrap_or(OPERATOR).to_owned()]
    }

    pub(super) fn paused(&mut self, of: Attempt, by: &Arc<str>, reason: &Arc<str>) -> Result<(), Refusal> {
        let clock = self.clock_of(of)?;
        let acts = self.may_touch_clock(of, by)?;
        said(reason)?;
        if clock.stands.as_ref().is_some_and(|stands| stands.person.is_some()) {
            return Err(Refusal::Echo("the clock stands"));
        }
        let person = Some(StoppedBy { by: by.clone(), reason: reason.clone() });
        self.acted(of, acts);
        self.did(Fact::Stands { at: of.item, file: None, person });
        Ok(())
    }

    pub(super) fn resumed(&mut self, of: Attempt, by: &Arc<str>) -> Result<(), Refusal> {
        let clock = self.clock_of(of)?;
        let acts = self.may_touch_clock(of, by)?;
        match clock.stands.as_deref() {
            Some(stands) if stands.person.is_some() && stands.file.is_some() => {
                self.did(Fact::StandsOn { at: of.item, person: true });
            }
            Some(stands) if stands.person.is_some() => self.go_on_with(of.item, &clock),
            Some(stands) => {
                let why = stands.file.clone().unwrap_or_default();
                return Err(Refusal::StandsByFile(why));
            }
            None => return Err(Refusal::Echo("the clock goes")),
        }
        self.acted(of, acts);
        Ok(())
    }

    pub(super) fn due_moved(
        &mut self,
        of: Attempt,
        to: Millis,
        by: &Arc<str>,
        reason: &Arc<str>,
    ) -> Result<(), Refusal> {
        let clock = self.clock_of(of)?;
        let Some(acts) = self.answers_for(by) else {
            return Err(Refusal::NotYours { by: by.clone(), who: self.owners() });
        };
        said(reason)?;
        if to <= self.at {
            return Err(Refusal::DuePast(to));
        }
        if self.run.item(of.item).and_then(|state| state.due) == Some(to) {
            return Err(Refusal::Echo("that is the due time"));
        }
        self.acted(of, acts);
        self.move_due(of.item, &clock, to, ClockWhy::Moved)
    }

    /// A later pause moves the new due time in the unit of the one before.
    pub(super) fn move_due(
        &mut self,
        item: Item,
        clock: &ClockState,
        to: Millis,
        why: ClockWhy,
    ) -> Result<(), Refusal> {
        let unit = clock.parts.iter().min_by_key(|part| part.at).map_or(Unit::Fixed, |part| part.unit);
        let set = self.clock_with_due(item, clock, vec![Part { at: to, unit }], why);
        let set = set
            .map_err(|failure| Refusal::Expression { expression: failure.code, message: failure.message })?;
        self.did(Fact::Clock { at: item, set: Box::new(set) });
        Ok(())
    }

    /// Other calendars: what is not yet past is worked out again, by the moments of the file.
    pub(super) fn calendars_changed(&mut self) -> Result<(), Refusal> {
        let items: Vec<Item> =
            self.run.standing_items().filter(|(_, state)| state.has_time()).map(|(of, _)| of).collect();
        let before = self.did.len();
        for item in items {
            self.count_again(item, ClockWhy::Calendars);
        }
        if self.did.len() == before { Err(Refusal::Echo("no due time moves")) } else { Ok(()) }
    }
}

fn said(reason: &str) -> Result<(), Refusal> {
    if reason.trim().is_empty() { Err(Refusal::NoReason) } else { Ok(()) }
}
