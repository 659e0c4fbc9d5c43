//! A trigger with `gather`: what it brings is kept as items, and a slot makes one firing of them.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use yizhan_workflow::id::Millis;
use yizhan_workflow::plan::{Starts, Trigger, Workflow};
use yizhan_workflow::run::World;
use yizhan_workflow::run::event::Raw;
use yizhan_workflow::run::names;

use super::{Fired, Gathers, INPUT_MAX, IntakeError, Prepared, accept, object, trigger_value};
use crate::store::{Gathered, Takes};

/// What a firing brought, as an item; one of a schedule brings its slot, or the entry whose day it is.
pub(super) fn kept(
    text: &Arc<Workflow>,
    trigger: &Trigger,
    seen: &Json,
    body: &Map<String, Json>,
) -> Result<Prepared, IntakeError> {
    let item = match &trigger.starts {
        Starts::Schedule(schedule) if schedule.of.is_none() => json!({ "at": seen["at"] }),
        Starts::Schedule(_)
        | Starts::Webhook(_)
        | Starts::Files { .. }
        | Starts::Mail(_)
        | Starts::ByHand { .. }
        | Starts::Event { .. } => Json::Object(body.clone()),
    };
    element(text, trigger, &item.to_string())
}

/// An element of its list.
pub(super) fn element(
    text: &Arc<Workflow>,
    trigger: &Trigger,
    element: &str,
) -> Result<Prepared, IntakeError> {
    if element.len() > INPUT_MAX {
        return Err(IntakeError::TooLarge { bytes: element.len(), most: INPUT_MAX });
    }
    let not = || IntakeError::NotAnObject(super::short(element));
    Ok(Prepared {
        workflow: text.clone(),
        input: Raw::new(element.to_owned()).ok_or_else(not)?,
        key: None,
        trigger: None,
        trigger_name: trigger.name.clone(),
        since: None,
        dropped: vec![],
        gathers: Gathers::Kept,
    })
}

/// The run of a slot: `with` sees the items as `trigger.items`, and without it they are the field `items`.
///
/// # Errors
/// When the input cannot be worked out or does not fit the form.
pub fn of_slot(
    text: &Arc<Workflow>,
    trigger: &Trigger,
    items: &[Gathered],
    slot: Millis,
    world: &World,
) -> Result<Prepared, IntakeError> {
    let all: Vec<&str> = items.iter().map(|one| one.item.get()).collect();
    let all = format!("[{}]", all.join(","));
    let read: Json =
        serde_json::from_str(&all).map_err(|error| IntakeError::NotAnObject(error.to_string()))?;
    let with = Map::from_iter([("at".to_owned(), slot.to_string().into()), ("items".to_owned(), read)]);
    let value = trigger_value(&Fired { trigger: &trigger.name, with }, slot);
    let given = match &trigger.with {
        None => format!("{{\"items\":{all}}}"),
        Some(with) => {
            let seen = names::before_start(text, world, slot, None, Some(&value));
            super::given_with(trigger, with, &seen)?
        }
    };
    let prepared = accept(text, object(&given)?, Some(value), trigger.name.clone(), world, slot)?;
    let (workflow, trigger) = (text.name.clone(), trigger.name.clone());
    let upto = items.iter().map(|one| one.number).max().unwrap_or(0);
    let takes = Takes { workflow, trigger, before: slot, upto };
    Ok(Prepared { gathers: Gathers::Takes(takes), ..prepared })
}
