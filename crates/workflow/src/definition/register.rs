//! Reads `config/registers.toml`.

use std::collections::BTreeMap;
use std::sync::Arc;

use toml::de::DeTable;

use super::section::{Reader, Section};
use super::{fields, text_of, toml_problems};
use crate::problem::{Problem, nearest};
use crate::register::{Numbered, Register};

type Read = (BTreeMap<Arc<str>, Arc<Register>>, BTreeMap<Arc<str>, Numbered>);

pub(crate) fn read(text: &str) -> Result<Read, Vec<Problem>> {
    let text = text_of(text.as_bytes()).map_err(|problem| vec![*problem])?;
    let (root, faults) = DeTable::parse_recoverable(text);
    let mut problems = toml_problems(text, &faults);
    if problems.iter().any(|fault| fault.code == "YZ0101") {
        return Err(problems);
    }
    let none = BTreeMap::new();
    let reader = Reader::new(text, root.get_ref(), &none);
    let root = Section::root(&reader, root.get_ref());
    let read = (registers(&root), sequences(&root));
    root.close(&[]);
    drop(root);
    problems.extend(reader.problems.into_inner());
    problems.sort_by(|one, other| one.place.cmp(&other.place));
    if problems.is_empty() { Ok(read) } else { Err(problems) }
}

fn registers(root: &Section<'_, '_>) -> BTreeMap<Arc<str>, Arc<Register>> {
    let mut registers = BTreeMap::new();
    let Some(all) = root.section("register") else { return registers };
    for (name, item) in all.entries() {
        let Some(own) = all.sub(name.value, item) else { continue };
        let form = match own.section("field") {
            Some(section) => fields::form(&section, &[]),
            None => {
                if !own.has("field") {
                    own.missing("field");
                }
                crate::form::Form::default()
            }
        };
        let name: Arc<str> = name.value.into();
        let register = Register {
            name: name.clone(),
            title: own.string("title"),
            number: number(&own).unwrap_or_default(),
            key: key(&own, &form),
            read: own.texts("read").unwrap_or_default().iter().map(|text| text.value.into()).collect(),
            keep: keep(&own),
            form,
        };
        own.close(&[]);
        registers.insert(name, Arc::new(register));
    }
    registers
}

fn sequences(root: &Section<'_, '_>) -> BTreeMap<Arc<str>, Numbered> {
    let mut sequences = BTreeMap::new();
    let Some(all) = root.section("sequence") else { return sequences };
    for (name, item) in all.entries() {
        let Some(own) = all.sub(name.value, item) else { continue };
        own.get("title");
        if !own.has("number") {
            own.missing("number");
        }
        let number = number(&own).unwrap_or_default();
        own.close(&[]);
        sequences.insert(name.value.into(), number);
    }
    sequences
}

fn number(own: &Section<'_, '_>) -> Option<Numbered> {
    let text = own.text("number")?;
    Numbered::parse(text.value)
        .map_err(|why| {
            own.say(own.error("YZ0673", text.span.clone()).name("number", text.value).name("cause", why))
        })
        .ok()
}

/// Columns that are there and not private: what stands on a card cannot be erased.
fn key(own: &Section<'_, '_>, form: &crate::form::Form) -> Vec<Arc<str>> {
    let mut key = Vec::new();
    for text in own.texts("key").unwrap_or_default() {
        match form.field(text.value) {
            Some(field) if !field.private => key.push(field.name.clone()),
            Some(field) => {
                let problem = own.error("YZ0674", text.span.clone()).name("column", &*field.name);
                own.say(problem.name("where", own.name()).case("private"));
            }
            None => {
                let known = form.fields.iter().map(|field| &*field.name);
                let problem = own.error("YZ0674", text.span.clone()).name("column", text.value);
                own.say(problem.name("where", own.name()).near(nearest(text.value, known)));
            }
        }
    }
    key
}

/// `"10 years"`: how long entries stay at least, for whoever reads the file.
fn keep(own: &Section<'_, '_>) -> Option<String> {
    const UNITS: [&str; 9] = ["day", "days", "week", "weeks", "month", "months", "year", "years", "ever"];
    let text = own.text("keep")?;
    let good = match text.value.split_once(' ') {
        Some((number, unit)) => number.parse::<u32>().is_ok_and(|number| number > 0) && UNITS.contains(&unit),
        None => text.value == "ever",
    };
    if !good {
        own.bad_word("keep", &text, &["90 days", "6 months", "10 years", "ever"]);
    }
    Some(text.value.to_owned())
}
