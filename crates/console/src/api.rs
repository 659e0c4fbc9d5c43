//! The JSON API: one file per kind of thing, handlers of a few lines.

pub(crate) mod artifacts;
pub(crate) mod clock;
pub(crate) mod doctor;
pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod plugins;
pub(crate) mod registers;
pub(crate) mod runs;
pub(crate) mod tasks;
pub(crate) mod triggers;
pub(crate) mod workflows;

use serde::Deserialize;
use yizhan_workflow::run::{OPERATOR, World};

use crate::refusal::Refusal;

/// The part of a list that is wanted.
#[derive(Debug, Deserialize)]
pub(crate) struct PageOf {
    limit: Option<usize>,
    pub cursor: Option<String>,
}

impl PageOf {
    pub(crate) fn limit(&self) -> usize {
        self.limit.unwrap_or(50).clamp(1, 500)
    }
}

/// For whom an operator acts: nobody said is the operator; else a person that is known, by id with or without `person:`.
pub(crate) fn acting(by: Option<&str>, world: &World) -> Result<String, Refusal> {
    let Some(by) = by.map(str::trim).filter(|by| !by.is_empty() && *by != OPERATOR) else {
        return Ok(OPERATOR.to_owned());
    };
    let person = format!("person:{}", by.strip_prefix("person:").unwrap_or(by));
    if world.people.known(&person) {
        Ok(person)
    } else {
        Err(Refusal::NoSuch { kind: "person", name: by.to_owned() })
    }
}
