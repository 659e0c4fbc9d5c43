//! Reads `config/people.toml`.

use std::collections::BTreeMap;

use toml::de::DeTable;

use super::section::{Reader, Section, Text};
use super::{text_of, toml_problems};
use crate::people::{Days, Deputy, People, Person, Role, bare};
use crate::problem::{Problem, nearest};

/// Keys of people that come with rosters.
const LATER: &[&str] = &["roster", "unit"];

pub(crate) fn read(text: &str) -> Result<People, Vec<Problem>> {
    let text = text_of(text.as_bytes()).map_err(|problem| vec![*problem])?;
    let (root, faults) = DeTable::parse_recoverable(text);
    let mut problems = toml_problems(text, &faults);
    if problems.iter().any(|fault| fault.code == "YZ0101") {
        return Err(problems);
    }
    let none = BTreeMap::new();
    let reader = Reader::new(text, root.get_ref(), &none);
    let root = Section::root(&reader, root.get_ref());
    let people = whole(&root);
    root.close(&["roster", "unit"]);
    drop(root);
    problems.extend(reader.problems.into_inner());
    problems.sort_by(|one, other| one.place.cmp(&other.place));
    if problems.is_empty() { Ok(people) } else { Err(problems) }
}

fn whole(root: &Section<'_, '_>) -> People {
    let mut people = People::default();
    let mut superiors: Vec<(Text<'_>, String)> = Vec::new();
    if let Some(all) = root.section("person") {
        for (id, item) in all.entries() {
            let Some(own) = all.sub(id.value, item) else { continue };
            let name = own.string("name").unwrap_or_else(|| id.value.to_owned());
            let superior = own.text("superior");
            let deputies = own.texts("deputies").unwrap_or_default();
            superiors.extend(superior.iter().chain(&deputies).map(|text| (text.clone(), own.name())));
            let person = Person {
                name,
                mail: mail(&own),
                phone: own.string("phone"),
                unit: None,
                superior: superior.map(|text| bare(text.value).to_owned()),
                deputies: deputies.iter().map(|text| Deputy::from(bare(text.value))).collect(),
                days: Days::default(),
            };
            own.close(LATER);
            people.people.insert(id.value.to_owned(), person);
        }
    }
    for (text, of) in superiors {
        known_person(root, &people, &text, &of);
    }
    people.groups = bodies(root, "group", &people);
    let roles = bodies(root, "role", &people);
    people.roles = roles.into_iter().map(|(name, members)| (name, Role::from(members))).collect();
    people
}

fn mail(own: &Section<'_, '_>) -> Option<String> {
    let mail = own.text("mail")?;
    let good = mail.value.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
    if !good || mail.value.contains(char::is_whitespace) {
        own.say(own.error("YZ0192", mail.span).name("value", mail.value));
        return None;
    }
    Some(mail.value.to_owned())
}

fn known_person(root: &Section<'_, '_>, people: &People, id: &Text<'_>, of: &str) -> bool {
    let known = people.people.contains_key(bare(id.value));
    if !known {
        let problem = root.error("YZ0191", id.span.clone()).name("person", id.value).name("where", of);
        root.say(problem.near(nearest(bare(id.value), people.people.keys())));
    }
    known
}

fn bodies(root: &Section<'_, '_>, key: &'static str, people: &People) -> BTreeMap<String, Vec<String>> {
    let mut bodies = BTreeMap::new();
    let Some(all) = root.section(key) else { return bodies };
    for (name, item) in all.entries() {
        let Some(own) = all.sub(name.value, item) else { continue };
        let Some(members) = own.texts("members") else {
            if !own.has("members") {
                own.missing("members");
            }
            continue;
        };
        own.get("title");
        own.close(LATER);
        let members = members
            .iter()
            .filter(|member| known_person(root, people, member, &own.name()))
            .map(|member| bare(member.value).to_owned())
            .collect();
        bodies.insert(name.value.to_owned(), members);
    }
    bodies
}
