//! An answer that corrects what was entered at the start.

use std::sync::Arc;

use minijinja::Value;

use super::event::{Fact, Raw};
use super::names::Standpoint;
use super::{Deciding, Refusal};
use crate::expression::{is_empty, value_of_json};
use crate::form::{FieldFault, Form};
use crate::id::Item;

impl Deciding<'_> {
    /// Puts the fields of an accepted answer that say `updates` into the run's input. One that was left empty corrects
    /// nothing.
    pub(super) fn correct_input(&mut self, by: Item, form: &Form, answer: &Raw) -> Result<(), Refusal> {
        let answer = value_of_json(answer.get());
        let given = |name: &str| answer.get_attr(name).ok().filter(|value| !is_empty(value));
        let named = form.fields.iter().filter_map(|field| Some((field.updates.clone()?, &field.name)));
        let new: Vec<(Arc<str>, &Arc<str>, Value)> =
            named.filter_map(|(updates, name)| Some((updates, name, given(name)?))).collect();
        if new.is_empty() {
            return Ok(());
        }
        let pairs: Vec<(Arc<str>, Value)> =
            new.iter().map(|(updates, _, value)| (updates.clone(), value.clone())).collect();
        let known = self.run.started.input.get().to_owned();
        // The answer's field is told, where it is the one that does not fit.
        let told = |fault: FieldFault| match new.iter().find(|(updates, ..)| **updates == *fault.field) {
            Some((_, name, _)) => FieldFault { field: name.to_string(), ..fault },
            None => FieldFault { field: format!("input.{}", fault.field), ..fault },
        };
        let input = self.text.input.correct(&known, &pairs, &self.scope(Standpoint::Run));
        let input = input.map_err(|faults| Refusal::Form(faults.into_iter().map(told).collect()))?;
        let (before, after) = (value_of_json(&known), value_of_json(&input));
        let changed = |name: &Arc<str>| before.get_attr(name).ok() != after.get_attr(name).ok();
        let fields: Vec<Arc<str>> = pairs.into_iter().map(|(name, _)| name).filter(changed).collect();
        if !fields.is_empty() {
            let input = Raw::new(input).ok_or(Refusal::Impossible("a form gave no JSON"))?;
            self.did(Fact::InputUpdated { at: by, fields, input });
            self.follow_input(by);
        }
        Ok(())
    }
}
