//! More time for what is open: asked for before it is due, granted by whoever the file names, and what is then done.

use std::sync::Arc;

use super::clock::{ClockState, ClockWhy, MoreTime, Part, Unit};
use super::event::{Event, Fact, Failure, Raw};
use super::names::Standpoint;
use super::{Deciding, Refusal};
use crate::form::Form;
use crate::id::{Attempt, DueRung, Item, Millis};
use crate::moment::Moment;
use crate::plan::{EXTENDS, Extend, GRANTS};

/// The field of the form that is the new due time.
pub(crate) const UNTIL: &str = "until";

impl Deciding<'_> {
    fn extend_of<'t>(&self, text: &'t crate::plan::Workflow, item: Item) -> Option<&'t Extend> {
        if item.is_beside() { None } else { text.step(item.step).clock.as_ref()?.extend.as_deref() }
    }

    pub(super) fn more_time_asked(
        &mut self,
        of: Attempt,
        by: &Arc<str>,
        fields: &Raw,
    ) -> Result<(), Refusal> {
        let item = of.item;
        let clock = self.clock_of(of)?;
        let acts = self.may_touch_clock(of, by)?;
        let text = self.text.clone();
        let extend = self.extend_of(&text, item).ok_or(Refusal::NoExtend)?;
        let state = self.run.item(item);
        let due = state.and_then(|state| state.due).ok_or(Refusal::NoClock)?;
        let n = state.map_or(clock.n, |state| state.dues).saturating_add(1);
        if due <= self.at {
            return Err(Refusal::TooLateToAsk(due));
        }
        if clock.asked.iter().any(|asked| self.run.item(beside(item, asked.n, GRANTS)).is_some()) {
            return Err(Refusal::AskedAlready);
        }
        let (fields, until) = self.filled_in(item, &extend.form, by, fields)?;
        if until <= due {
            return Err(Refusal::NotMoreTime { until, due });
        }
        // The journal keeps the fields as they were accepted.
        if let Event::MoreTimeAsked { fields: given, .. } = &mut self.event {
            *given = fields.clone();
        }
        let asked = MoreTime { n, by: by.clone(), until, fields };
        self.acted(of, acts);
        self.did(Fact::MoreTimeAsked { at: item, asked: Box::new(asked) });
        if extend.grant.is_some() {
            self.begin(beside(item, n, GRANTS));
        } else {
            self.grant(item, n);
        }
        Ok(())
    }

    /// The form as it is accepted, and the instant that it asks for.
    fn filled_in(&self, item: Item, form: &Form, by: &str, fields: &Raw) -> Result<(Raw, Millis), Refusal> {
        let scope = self.scope(Standpoint::Item(item));
        let accepted = form.accept_from(by, fields.get(), &scope).map_err(Refusal::Form)?;
        let json = Raw::new(accepted.json).ok_or(Refusal::Impossible("a form gave no JSON"))?;
        let given: Option<serde_json::Value> = serde_json::from_str(json.get()).ok();
        let until = given.as_ref().and_then(|given| given.get(UNTIL)?.as_str());
        let Some(Ok(until)) = until.map(Moment::parse_text) else {
            return Err(Refusal::Impossible("the form of `extend` gives no `until`"));
        };
        let until = self
            .instant(item, &until.into(), self.at, false)
            .map_err(|failure| Refusal::Expression { expression: failure.code, message: failure.message })?;
        until.map(|until| (json, until)).ok_or(Refusal::NoClock)
    }

    /// Those who must grant it have said so, or not.
    pub(super) fn grant_answered(&mut self, grant: Item, answer: Option<&Raw>) {
        if let (Some(DueRung(n, GRANTS)), Some(true)) = (grant.rung, super::approve::approved(answer)) {
            self.grant(grant.main(), n);
        }
    }

    /// The due time in force is the one that was asked for, from now on.
    fn grant(&mut self, item: Item, n: u16) {
        let Some(state) = self.run.item(item).filter(|state| state.has_time()) else { return };
        let Some(clock) = state.clock.clone() else { return };
        let Some(asked) = clock.asked.iter().find(|asked| asked.n == n) else { return };
        // A person may have moved it meanwhile: then this is a later one still.
        let number = if state.dues == n { n } else { state.dues.saturating_add(1) };
        match self.set_with_more(item, &clock, (number, asked.until)) {
            Ok(()) => {}
            Err(failure) => return self.fail(beside(item, n, EXTENDS), failure),
        }
        let text = self.text.clone();
        if self.extend_of(&text, item).is_some_and(|extend| extend.then.is_some()) {
            self.begin(beside(item, n, EXTENDS));
        }
    }

    fn set_with_more(
        &mut self,
        item: Item,
        clock: &ClockState,
        (n, until): (u16, Millis),
    ) -> Result<(), Failure> {
        let unit = clock.parts.iter().min_by_key(|part| part.at).map_or(Unit::Fixed, |part| part.unit);
        let parts = vec![Part { at: until, unit }];
        let set = self.clock_numbered(item, (clock.from, n), parts, ClockWhy::Extended)?;
        self.did(Fact::Clock { at: item, set: Box::new(set) });
        Ok(())
    }

    /// What is over needs no more time: those who were to grant it are asked no more.
    pub(super) fn withdraw_grant(&mut self, item: Item) {
        let grants = |of: &Item| of.main() == item && matches!(of.rung, Some(DueRung(_, GRANTS)));
        let asked: Vec<Item> = self.run.beside.iter().map(|beside| beside.of).filter(grants).collect();
        asked.into_iter().for_each(|of| self.withdraw(of));
    }
}

fn beside(item: Item, n: u16, rung: u16) -> Item {
    Item { rung: Some(DueRung(n, rung)), ..item }
}
