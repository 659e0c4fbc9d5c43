//! People in expressions: a person is a value that prints as the name, and functions ask who is who.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use minijinja::value::{DynObject, Object, ObjectRepr};
use minijinja::{Environment, Error, State, Value};

use super::dates;
use super::functions::text_of;
use super::operators::refused;
use super::print::{empty, is_empty};
use crate::calendar::Calendars;
use crate::id::Millis;
use crate::people::roster::Duty;
use crate::people::{People, Present, bare};

/// What may be read of a person.
pub const OF_PERSON: [&str; 5] = ["id", "name", "mail", "phone", "unit"];

/// The functions whose first argument names somebody.
pub const FUNCTIONS: [&str; 5] = ["superior", "superiors", "members", "on_duty", "shift"];

/// Under which a scope holds the house's people.
pub const SCOPE: &str = "_people";

/// The people as of an instant, for the functions.
#[derive(Clone, Debug)]
pub struct House {
    pub people: Arc<People>,
    pub calendars: Arc<Calendars>,
    pub at: Millis,
    pub zone: TimeZone,
}

impl Object for House {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

impl House {
    fn of(state: &State<'_, '_>) -> Result<Arc<Self>, Error> {
        let found = state.lookup(SCOPE).and_then(|value| value.downcast_object::<Self>());
        found.ok_or_else(|| refused("YZ0310", "nobody is known here"))
    }

    fn now(&self) -> Present<'_> {
        self.people.at(self.at, &self.zone).by(&self.calendars)
    }

    fn somebody(&self, id: &str) -> Value {
        person(&format!("person:{}", bare(id)), &self.people)
    }

    fn all(&self, ids: &[String]) -> Value {
        ids.iter().map(|id| self.somebody(id)).collect()
    }

    /// The word of a value that names somebody: a person, `group:…`, or the bare id of a person.
    fn word(&self, who: &Value) -> Result<String, Error> {
        let word = word_of(who).map_or_else(|| text_of(who), |word| word.to_string());
        let word = if word.contains(':') { word } else { format!("person:{word}") };
        if self.people.known(&word) && word != "starter" {
            return Ok(word);
        }
        Err(refused("YZ0310", format_args!("nobody is called `{word}`")))
    }
}

/// Somebody who is named in a run; what is known of them is looked up when it is read.
struct Somebody {
    /// `person:li.na`.
    word: Arc<str>,
    people: Arc<People>,
}

impl fmt::Debug for Somebody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Somebody({})", self.word)
    }
}

impl Object for Somebody {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let id = bare(&self.word);
        let person = self.people.people.get(id);
        let text = |text: Option<&String>| text.map_or_else(empty, Value::from);
        Some(match key.as_str()? {
            "id" => Value::from(id),
            "name" => person.map_or_else(|| Value::from(id), |person| Value::from(&person.name)),
            "mail" => text(person.and_then(|person| person.mail.as_ref())),
            "phone" => text(person.and_then(|person| person.phone.as_ref())),
            "unit" => text(person.and_then(|person| person.unit.as_ref())),
            _ => return None,
        })
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        Some(self.word.cmp(&other.downcast_ref::<Self>()?.word))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = bare(&self.word);
        f.write_str(self.people.people.get(id).map_or(id, |person| &person.name))
    }
}

/// A word of a run as a value: `person:li.na` becomes that person, whatever else is said stays as it is.
#[must_use]
pub fn person(word: &str, people: &Arc<People>) -> Value {
    match word.strip_prefix("person:") {
        Some(id) if !id.is_empty() => {
            Value::from_object(Somebody { word: word.into(), people: people.clone() })
        }
        _ => Value::from(word),
    }
}

/// A text that may be the word of a person as that person; every other value as it is.
#[must_use]
pub fn with_person(value: Value, people: &Arc<People>) -> Value {
    match value.as_str().filter(|text| text.starts_with("person:")) {
        Some(word) => person(word, people),
        None => value,
    }
}

/// The word of a value that is a person: what is compared, kept and asked.
#[must_use]
pub fn word_of(value: &Value) -> Option<Arc<str>> {
    value.downcast_object_ref::<Somebody>().map(|somebody| somebody.word.clone())
}

/// Where nobody is on duty: prints as the day, the hours and the shift.
#[derive(Debug)]
struct Open(Duty);

impl Object for Open {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(match key.as_str()? {
            "day" => Value::from(self.0.day.to_string()),
            "from" => Value::from(self.0.from.strftime("%Y-%m-%dT%H:%M").to_string()),
            "until" => Value::from(self.0.until.strftime("%Y-%m-%dT%H:%M").to_string()),
            "shift" => Value::from(&*self.0.shift),
            _ => return None,
        })
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What a value that only prints is as JSON.
pub(super) fn as_text(value: &Value) -> Option<String> {
    match word_of(value) {
        Some(word) => Some(word.to_string()),
        None => value.downcast_object_ref::<Open>().map(|open| open.0.to_string()),
    }
}

pub(super) fn add(environment: &mut Environment<'static>) {
    environment.add_function("superior", superior);
    environment.add_function("superiors", superiors);
    environment.add_function("members", members);
    environment.add_function("on_duty", on_duty);
    environment.add_function("shift", shift);
    environment.add_function("gaps", gaps);
}

/// Of a person, or of a post: to whom it goes while nobody is on duty.
fn superior(state: &State<'_, '_>, who: &Value) -> Result<Value, Error> {
    if is_empty(who) {
        return Ok(empty());
    }
    let house = House::of(state)?;
    let word = house.word(who)?;
    let found = match word.strip_prefix("role:") {
        Some(role) => house.now().superior_of_role(role),
        None => house.now().superior(bare(&word)),
    };
    Ok(found.map_or_else(empty, |id| house.somebody(&id)))
}

fn superiors(state: &State<'_, '_>, who: &Value) -> Result<Value, Error> {
    if is_empty(who) {
        return Ok(empty());
    }
    let house = House::of(state)?;
    let word = house.word(who)?;
    Ok(house.all(&house.now().superiors(&word)))
}

/// Everybody of a group; of a post whoever is on duty.
fn members(state: &State<'_, '_>, who: &Value) -> Result<Value, Error> {
    if is_empty(who) {
        return Ok(empty());
    }
    let house = House::of(state)?;
    let word = house.word(who)?;
    let found = house.now().found(&word);
    Ok(if found.gap.is_some() { empty() } else { house.all(&found.people) })
}

/// Whoever has the post then, the first if there are several; empty in a gap.
fn on_duty(state: &State<'_, '_>, role: &Value, at: Option<&Value>) -> Result<Value, Error> {
    if is_empty(role) || at.is_some_and(is_empty) {
        return Ok(empty());
    }
    let house = House::of(state)?;
    let name = text_of(role);
    let name = name.strip_prefix("role:").unwrap_or(&name);
    if !house.people.roles.contains_key(name) {
        return Err(refused("YZ0310", format_args!("there is no role `{name}`")));
    }
    let at = match at {
        Some(at) => dates::instant(at, &house.zone)?,
        None => house.at,
    };
    let then = house.people.at(at, &house.zone).by(&house.calendars);
    Ok(then.on_duty(name).first().map_or_else(empty, |id| house.somebody(id)))
}

/// The shift that somebody has on a day, by the rosters; several with 、 between them.
fn shift(state: &State<'_, '_>, who: &Value, day: &Value) -> Result<Value, Error> {
    if is_empty(who) || is_empty(day) {
        return Ok(empty());
    }
    let house = House::of(state)?;
    let (word, day) = (house.word(who)?, dates::day(day)?);
    let shifts = house.now().shifts(bare(&word), day);
    Ok(if shifts.is_empty() { empty() } else { Value::from(shifts.join("、")) })
}

/// The gaps of a roster in a month: `gaps('热线', '2026-10')`, or the month of a date.
fn gaps(state: &State<'_, '_>, roster: &Value, month: &Value) -> Result<Value, Error> {
    if is_empty(roster) || is_empty(month) {
        return Ok(empty());
    }
    let house = House::of(state)?;
    let name = text_of(roster);
    let Some(roster) = house.people.rosters.get(&*name) else {
        return Err(refused("YZ0310", format_args!("there is no roster `{name}`")));
    };
    let written = text_of(month);
    let first: Date = match format!("{written}-01").parse() {
        Ok(first) => first,
        Err(_) => dates::day(month)?.first_of_month(),
    };
    let found = house.now().around(|around| roster.gaps(first, first.last_of_month(), around));
    Ok(found.into_iter().map(|gap| Value::from_object(Open(gap))).collect())
}
