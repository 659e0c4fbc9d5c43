//! Who of several gets a task: whoever has fewest, or whoever's turn it is.
//!
//! A run does not know what others have to do: it says of whom and by which rule, and hears as an event who it is.

use std::sync::Arc;

use super::begin::failure;
use super::event::{Fact, Standing, TaskSheet};
use super::state::{At, Run};
use super::{Deciding, Refusal};
use crate::id::Attempt;
use crate::people::Present;
use crate::plan::Choose;

/// Whom the row of a task names while it is being chosen: nobody has it yet.
pub const CHOOSING: &str = "choosing";

impl Run {
    /// The task, as long as it has nobody yet.
    #[must_use]
    pub fn choice(&self, of: Attempt) -> Option<(Choose, &TaskSheet)> {
        match &self.item(of.item)?.at {
            At::Is(Standing::Asked { a, task }) if *a == of.attempt => Some((task.choose?, task)),
            At::Is(_) | At::Over(_) => None,
        }
    }
}

impl Deciding<'_> {
    pub(super) fn assigned(&mut self, of: Attempt, to: Option<&Arc<str>>) -> Result<(), Refusal> {
        self.standing(of)?;
        if self.run.choice(of).is_none() {
            return Err(Refusal::Echo("the task has somebody"));
        }
        match to {
            Some(to) => {
                let who = vec![to.to_string()];
                self.did(Fact::TaskHandedOver { at: of.item, who, delegated_by: None });
            }
            None => self.fail(of.item, failure("YZ0314", "the task has nobody to do it: nobody is here")),
        }
        Ok(())
    }
}

/// The one who gets it. `tasks`: how many somebody has; `last`: who had the turn before.
#[must_use]
pub fn pick(
    (rule, sheet): (Choose, &TaskSheet),
    people: &Present<'_>,
    last: Option<&str>,
    mut tasks: impl FnMut(&str) -> usize,
) -> Option<Arc<str>> {
    let mut all: Vec<String> = Vec::new();
    for id in sheet.who.iter().flat_map(|word| people.members(word)) {
        let person = format!("person:{id}");
        if !all.contains(&person) {
            all.push(person);
        }
    }
    let may = |person: &&String| people.may_but(person, &[person], &sheet.not).is_some();
    let chosen = match rule {
        // Of those that have as few the first of the list.
        Choose::Fewest => all.iter().filter(may).min_by_key(|person| tasks(person)),
        Choose::InTurn => {
            let before = all.iter().position(|person| Some(&**person) == last).map_or(0, |at| at + 1);
            all.iter().cycle().skip(before).take(all.len()).find(may)
        }
    };
    chosen.map(|person| Arc::from(person.as_str()))
}
