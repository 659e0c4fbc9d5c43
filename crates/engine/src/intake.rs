//! From a firing to the input of a run: mapped, converted to the form's types, or refused with the field's name.

pub mod each;
pub mod gathering;
pub mod so_far;

use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};
use yizhan_workflow::definition::completing;
use yizhan_workflow::expression::{ExpressionError, Tree, value_of_json};
use yizhan_workflow::filter::passes;
use yizhan_workflow::form::FieldFault;
use yizhan_workflow::id::{Millis, RunId};
use yizhan_workflow::plan::{OnDuplicate, Trigger, Unique, Workflow};
use yizhan_workflow::run::World;
use yizhan_workflow::run::event::Raw;
use yizhan_workflow::run::names::{self, Brought};
use yizhan_workflow::schedule::ENTRY;

use crate::handle::Publishing;
use crate::store::{Claim, Takes};

/// The input of a run that may begin.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub workflow: Arc<Workflow>,
    pub input: Raw,
    pub key: Option<Arc<str>>,
    /// What expressions see as `trigger`.
    pub trigger: Option<Raw>,
    pub trigger_name: Arc<str>,
    /// How far back the key is compared; open runs alone where it says nothing.
    pub since: Option<Millis>,
    /// What was given and not asked for.
    pub dropped: Vec<String>,
    pub gathers: Gathers,
}

impl Prepared {
    /// The key that its run is to hold.
    #[must_use]
    pub fn claim(&self) -> Option<Claim> {
        let key = self.key.clone().filter(|key| !key.trim().is_empty());
        let key = key.filter(|_| self.workflow.on_duplicate != OnDuplicate::Allow)?;
        Some(Claim { workflow: self.workflow.name.clone(), key, since: self.since })
    }

    #[must_use]
    pub fn takes(&self) -> Option<Takes> {
        match &self.gathers {
            Gathers::Takes(takes) => Some(takes.clone()),
            Gathers::Not | Gathers::Kept => None,
        }
    }
}

/// What `gather` makes of a firing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Gathers {
    /// It starts its run now.
    #[default]
    Not,
    /// It is kept for the next slot; the input is what it brought.
    Kept,
    /// It is a slot's, with all that was kept for it.
    Takes(Takes),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    #[error("the input is not an object with fields: {0}")]
    NotAnObject(String),
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Fields(Vec<FieldFault>),
    #[error("{0}")]
    Expression(ExpressionError),
    /// `where` says that this firing is not meant.
    #[error("the trigger's `where` leaves this firing out")]
    LeftOut,
    #[error("what was brought has {bytes} bytes; {most} are allowed")]
    TooLarge { bytes: usize, most: usize },
    #[error("the workflow has no trigger `{0}`")]
    NoSuchTrigger(String),
}

/// A trigger that fired: its name and what came with it.
#[derive(Clone, Debug)]
pub struct Fired<'a> {
    pub trigger: &'a str,
    /// `{ at, body, headers, file, window, … }`.
    pub with: Map<String, Json>,
}

/// The largest input that is taken.
pub const INPUT_MAX: usize = 1024 * 1024;

/// Prepares a start with an input as it stands (JSON text of an object).
pub fn prepare(
    text: &Arc<Workflow>,
    given: &str,
    fired: Option<Fired<'_>>,
    world: &World,
    now: Millis,
) -> Result<Prepared, IntakeError> {
    if given.len() > INPUT_MAX {
        return Err(IntakeError::NotAnObject(format!(
            "it has {} bytes; {INPUT_MAX} are allowed",
            given.len()
        )));
    }
    let given = object(given)?;
    let name: Arc<str> = fired.as_ref().map_or("api", |fired| fired.trigger).into();
    let trigger = fired.as_ref().map(|fired| trigger_value(fired, now));
    accept(text, given, trigger, name, world, now)
}

/// Prepares a start from a trigger: `where` filters, `with` maps, and without it the firing's own fields are the input.
pub fn from_trigger(
    text: &Arc<Workflow>,
    fired: Fired<'_>,
    body: &Map<String, Json>,
    world: &World,
    now: Millis,
) -> Result<Prepared, IntakeError> {
    let trigger = text
        .triggers
        .iter()
        .find(|trigger| &*trigger.name == fired.trigger)
        .ok_or_else(|| IntakeError::NoSuchTrigger(fired.trigger.to_owned()))?;
    let value = trigger_value(&fired, now);
    let seen = match trigger.dates() {
        None => names::before_start(text, world, now, None, Some(&value)),
        Some(_) => {
            let entry = value_of_json(&Json::Object(body.clone()).to_string());
            let brought = Brought { name: ENTRY.into(), value: entry, at: 0, length: 1 };
            names::of_element(text, world, now, &value, brought)
        }
    };
    if !is_meant(trigger, &seen, body)? {
        return Err(IntakeError::LeftOut);
    }
    if trigger.gather.is_some() {
        return gathering::kept(text, trigger, &value, body);
    }
    let given = mapped(trigger, &seen, body)?;
    accept(text, object(&given)?, Some(value), fired.trigger.into(), world, now)
}

/// The text of an object as it came, so that no digit of its numbers is lost. Nothing at all is one without fields.
fn object(given: &str) -> Result<&str, IntakeError> {
    let raw: &RawValue =
        serde_json::from_str(given).map_err(|error| IntakeError::NotAnObject(error.to_string()))?;
    match raw.get() {
        "null" => Ok("{}"),
        object if object.starts_with('{') => Ok(object),
        other => Err(IntakeError::NotAnObject(short(other))),
    }
}

/// The event that a firing becomes: `where` filters, `with` maps, and without it the firing's own fields are the payload.
///
/// # Errors
/// When the trigger leaves it out, or it cannot be worked out.
#[expect(clippy::too_many_arguments, reason = "what a firing is made of")]
pub fn publishing(
    text: &Arc<Workflow>,
    fired: Fired<'_>,
    body: &Map<String, Json>,
    id: Option<String>,
    world: &World,
    now: Millis,
) -> Result<Publishing, IntakeError> {
    let no_such = || IntakeError::NoSuchTrigger(fired.trigger.to_owned());
    let trigger = text.triggers.iter().find(|trigger| &*trigger.name == fired.trigger).ok_or_else(no_such)?;
    let publish = trigger.publish.as_ref().ok_or_else(no_such)?;
    let value = trigger_value(&fired, now);
    let seen = names::before_start(text, world, now, None, Some(&value));
    if !is_meant(trigger, &seen, body)? {
        return Err(IntakeError::LeftOut);
    }
    let payload = mapped(trigger, &seen, body)?;
    let payload = Raw::new(object(&payload)?.to_owned());
    let payload = payload.ok_or_else(|| IntakeError::NotAnObject("the trigger gave none".to_owned()))?;
    let key = publish.key.as_ref().map(|key| key.key(&seen)).transpose().map_err(IntakeError::Expression)?;
    let name = publish.name.text(&seen).map_err(IntakeError::Expression)?;
    // Its sender's ids are its own: another's may be the same.
    let id = id.map(|id| format!("{}/{}/{id}", text.name, fired.trigger));
    Ok(Publishing { id, name, key: key.unwrap_or_default(), payload })
}

/// What cannot be compared with what is meant is not meant.
fn is_meant(trigger: &Trigger, seen: &names::Value, body: &Map<String, Json>) -> Result<bool, IntakeError> {
    let Some(filter) = &trigger.filter else { return Ok(true) };
    let filter = filter.json(seen).map_err(IntakeError::Expression)?;
    Ok(passes(&filter, &Json::Object(body.clone()).to_string()).unwrap_or_else(|error| {
        tracing::debug!(trigger = %trigger.name, %error, "a firing cannot be compared with what is meant");
        false
    }))
}

fn mapped(trigger: &Trigger, seen: &names::Value, body: &Map<String, Json>) -> Result<String, IntakeError> {
    match &trigger.with {
        None => Ok(Json::Object(body.clone()).to_string()),
        Some(with) => given_with(trigger, with, seen),
    }
}

/// What `with` gives. Where a person completes it, what cannot be worked out is left to that person.
fn given_with(trigger: &Trigger, with: &Tree, seen: &names::Value) -> Result<String, IntakeError> {
    let entries = match with {
        Tree::Map(entries) if !trigger.complete.is_empty() => entries,
        Tree::Json(_) | Tree::Text(_) | Tree::List(_) | Tree::Map(_) => {
            return with.json(seen).map_err(IntakeError::Expression);
        }
    };
    let given = entries.iter().filter_map(|(name, value)| {
        let worked = value.json(seen).inspect_err(|error| {
            tracing::info!(trigger = %trigger.name, field = %name, %error, "left to whoever completes the form");
        });
        Some(format!("{}:{}", Json::from(&**name), worked.ok()?))
    });
    Ok(format!("{{{}}}", given.collect::<Vec<_>>().join(",")))
}

/// The start of the run whose form was completed: by whoever did, with the trigger that opened the form.
///
/// # Errors
/// When the form as it is now does not take the answer.
pub fn completed(
    text: &Arc<Workflow>,
    answer: &str,
    trigger: (&Arc<str>, Option<&Raw>, RunId),
    world: &World,
    now: Millis,
) -> Result<Prepared, IntakeError> {
    let (name, brought, form) = trigger;
    let brought = brought.and_then(|raw| serde_json::from_str::<Map<String, Json>>(raw.get()).ok());
    let mut brought = brought.unwrap_or_default();
    brought.insert("form".to_owned(), form.to_string().into());
    taken(text, answer, Some(Json::Object(brought)), name.clone(), world, now)
}

/// What the trigger has a person complete first is filled in as far as it goes.
#[expect(clippy::too_many_arguments, reason = "what a firing is made of")]
fn accept(
    text: &Arc<Workflow>,
    given: &str,
    trigger: Option<Json>,
    trigger_name: Arc<str>,
    world: &World,
    now: Millis,
) -> Result<Prepared, IntakeError> {
    let Some(form) = completing::start_form(text, &trigger_name) else {
        return taken(text, given, trigger, trigger_name, world, now);
    };
    let seen = names::before_start(text, world, now, None, trigger.as_ref());
    let (filled, unfit) = text.input.fill_in(given, &seen);
    for fault in unfit {
        tracing::info!(workflow = %text.name, trigger = %trigger_name, %fault, "left to whoever completes the form");
    }
    let none = || IntakeError::NotAnObject("the form gave none".to_owned());
    Ok(Prepared {
        workflow: Arc::new(form),
        input: Raw::new(filled.json).ok_or_else(none)?,
        key: None,
        trigger: trigger.as_ref().map(Raw::from),
        trigger_name,
        since: None,
        dropped: filled.dropped,
        gathers: Gathers::Not,
    })
}

#[expect(clippy::too_many_arguments, reason = "what a firing is made of")]
fn taken(
    text: &Arc<Workflow>,
    given: &str,
    trigger: Option<Json>,
    trigger_name: Arc<str>,
    world: &World,
    now: Millis,
) -> Result<Prepared, IntakeError> {
    let seen = names::before_start(text, world, now, None, trigger.as_ref());
    let accepted = text.input.accept_text(given, &seen).map_err(IntakeError::Fields)?;
    let input =
        Raw::new(accepted.json).ok_or_else(|| IntakeError::NotAnObject("the form gave none".to_owned()))?;
    let key = match &text.key {
        None => None,
        Some(key) => {
            let seen = names::before_start(text, world, now, Some(&input), trigger.as_ref());
            Some(Arc::from(key.key(&seen).map_err(IntakeError::Expression)?))
        }
    };
    let since = match text.unique {
        Unique::Open => None,
        Unique::Ever => Some(Millis(i64::MIN)),
        Unique::Within(span) => Some(now.plus(-span.ms)),
    };
    Ok(Prepared {
        workflow: text.clone(),
        input,
        key,
        trigger: trigger.as_ref().map(Raw::from),
        trigger_name,
        since,
        dropped: accepted.dropped,
        gathers: Gathers::Not,
    })
}

fn trigger_value(fired: &Fired<'_>, now: Millis) -> Json {
    let mut value = fired.with.clone();
    value.insert("name".to_owned(), fired.trigger.into());
    value.entry("at").or_insert_with(|| now.to_string().into());
    Json::Object(value)
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use yizhan_workflow::definition;
    use yizhan_workflow::plan::{Retry, Source};

    use super::*;

    fn workflow_of(text: &str) -> Arc<Workflow> {
        let source = Source { name: "x".to_owned(), text: text.to_owned(), files: BTreeMap::new() };
        definition::read(&source, &BTreeMap::new()).expect("the file is right").workflow
    }

    fn workflow() -> Arc<Workflow> {
        let text = "title = \"x\"\n[input]\nid = { type = \"whole\" }\nprice = { type = \"number\", required = false }\n\
                    [step.a]\nwait = \"1h\"\n";
        workflow_of(text)
    }

    fn world() -> World {
        World {
            number: 1,
            zone: jiff::tz::TimeZone::UTC,
            catalogue: Arc::default(),
            people: Arc::default(),
            calendars: Arc::default(),
            registers: Arc::default(),
            retry: Retry::NONE,
            owner: None,
            url: None,
        }
    }

    #[test]
    fn the_digits_of_a_number_come_through_what_a_trigger_does_with_it() {
        let (order, world) = ("2026112200000000000012345", Arc::new(world()));
        let read = |trigger: &str| {
            let text = format!(
                "title = \"x\"\n[input]\nid = {{ type = \"number\" }}\nprice = {{ type = \"number\" }}\n\
                 [trigger.hook]\nwebhook = {{ signature = \"none\" }}\n{trigger}\n[step.a]\nwait = \"1h\"\n"
            );
            workflow_of(&text)
        };
        let body: Map<String, Json> =
            serde_json::from_str(&format!(r#"{{"id":{order},"price":0.10,"lines":[{{"no":{order}}}]}}"#))
                .unwrap();
        let with = Map::from_iter([("body".to_owned(), Json::Object(body.clone()))]);
        let fired = || Fired { trigger: "hook", with: with.clone() };
        let wanted = format!(r#"{{"id":{order},"price":0.10}}"#);

        for mapping in ["", "with = { id = \"{{ trigger.body.id }}\", price = \"{{ trigger.body.price }}\" }"]
        {
            let prepared = from_trigger(&read(mapping), fired(), &body, &world, Millis(0)).unwrap();
            assert_eq!(prepared.input.get(), wanted, "{mapping}");
            assert!(prepared.trigger.unwrap().get().contains(r#""price":0.10"#));
        }
        let each = "each = \"{{ trigger.body.lines }}\"\nas = \"line\"\n\
                    with = { id = \"{{ line.no }}\", price = \"{{ trigger.body.price }}\" }";
        let elements = each::Elements::of(&read(each), &fired(), &body, world.clone(), Millis(0)).unwrap();
        let prepared = elements.prepare(0).unwrap();
        assert_eq!(prepared.input.get(), wanted);
        assert!(prepared.trigger.unwrap().get().contains(&format!(r#""item":{{"no":{order}}}"#)));
        let gather = "gather = \"every 1h\"\n\
                      with = { id = \"{{ trigger.items[0].id }}\", price = \"{{ trigger.items[0].price }}\" }";
        let text = read(gather);
        let kept = from_trigger(&text, fired(), &body, &world, Millis(0)).unwrap();
        let (workflow, trigger) = (text.name.clone(), "hook".into());
        let items = [crate::store::Gathered {
            number: 1,
            workflow,
            trigger,
            at: Millis(0),
            firing: None,
            item: kept.input,
        }];
        let prepared = gathering::of_slot(&text, &text.triggers[0], &items, Millis(0), &world).unwrap();
        assert_eq!(prepared.input.get(), wanted);
    }

    #[test]
    fn the_digits_of_a_number_reach_the_input_as_they_came() {
        let world = world();
        for (given, input) in [
            (r#"{"id": 9007199254740993, "price": 1.10}"#, r#"{"id":9007199254740993,"price":1.10}"#),
            (
                r#" {"id":123456789012345678901234567890} "#,
                r#"{"id":123456789012345678901234567890,"price":null}"#,
            ),
        ] {
            let prepared = prepare(&workflow(), given, None, &world, Millis(0)).unwrap();
            assert_eq!(prepared.input.get(), input);
        }
        for refused in ["[1]", "7", "{", ""] {
            let error = prepare(&workflow(), refused, None, &world, Millis(0)).unwrap_err();
            assert!(matches!(error, IntakeError::NotAnObject(_)), "{refused}: {error:?}");
        }
        let error = prepare(&workflow(), "null", None, &world, Millis(0)).unwrap_err();
        assert!(
            matches!(error, IntakeError::Fields(faults) if faults[0].field == "id"),
            "nothing is a form without answers"
        );
    }
}
