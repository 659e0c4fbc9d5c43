//! Reads `config/people.toml`.

use std::collections::BTreeMap;

use jiff::civil::Date;
use toml::de::{DeTable, DeValue};

use super::section::{Item, Reader, Section, Text};
use super::{text_of, toml_problems};
use crate::calendar::Calendars;
use crate::people::rights::{self, Grant};
use crate::people::{Days, Deputy, People, Person, Role, Unit, bare, unit_of};
use crate::problem::{Problem, nearest};

mod circles;
mod doubts;
mod rosters;

/// The people, and every fault; with one that is no warning there are no people. With a day and the
/// calendars what is doubtful from then on is said too.
pub(crate) fn read(text: &str, among: Option<(Date, Option<&Calendars>)>) -> (Option<People>, Vec<Problem>) {
    let text = match text_of(text.as_bytes()) {
        Ok(text) => text,
        Err(problem) => return (None, vec![*problem]),
    };
    let (root, faults) = DeTable::parse_recoverable(text);
    let mut problems = toml_problems(text, &faults);
    if problems.iter().any(|fault| fault.code == "YZ0101") {
        return (None, problems);
    }
    let none = BTreeMap::new();
    let reader = Reader::new(text, root.get_ref(), &none);
    let root = Section::root(&reader, root.get_ref());
    let people = File { root: &root, named: Vec::new() }.read();
    root.close(&[]);
    let good = problems.is_empty() && reader.problems.borrow().iter().all(|problem| !problem.is_error());
    if let (true, Some((today, calendars))) = (good, among) {
        doubts::say(&root, &people, today, calendars);
    }
    drop(root);
    problems.extend(reader.problems.into_inner());
    problems.sort_by(|one, other| one.place.cmp(&other.place));
    (good.then_some(people), problems)
}

/// What a name of this file must be one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Person,
    Unit,
    Roster,
    /// A person, or a word as in `ask`.
    Member,
}

/// A name that something mentions; whether it is there can be said only when all has been read.
struct Named<'r> {
    kind: Kind,
    name: Text<'r>,
    /// Which table mentions it.
    by: String,
}

struct File<'a, 'r> {
    root: &'r Section<'a, 'r>,
    named: Vec<Named<'r>>,
}

impl<'r> File<'_, 'r> {
    fn read(mut self) -> People {
        let people = People {
            people: self.all("person", Self::person),
            units: self.all("unit", Self::unit),
            groups: self.all("group", Self::group),
            roles: self.all("role", Self::role),
            rosters: self.all("roster", Self::roster),
            rights: self.all("right", Self::right),
        };
        for named in &self.named {
            self.known(named, &people);
        }
        self.units_of_roles(&people);
        circles::check(self.root, &people);
        people
    }

    fn all<T>(
        &mut self,
        key: &'static str,
        one: impl Fn(&mut Self, &Section<'_, 'r>) -> Option<T>,
    ) -> BTreeMap<String, T> {
        let mut all = BTreeMap::new();
        let Some(section) = self.root.section(key) else { return all };
        for (name, item) in section.entries() {
            let Some(own) = section.sub(name.value, item) else { continue };
            if let Some(read) = one(self, &own) {
                all.insert(name.value.to_owned(), read);
            }
        }
        all
    }

    fn names(&mut self, kind: Kind, own: &Section<'_, 'r>, name: &Text<'r>) {
        self.named.push(Named { kind, name: name.clone(), by: own.name() });
    }

    /// The id of somebody whom a key names.
    fn one(&mut self, own: &Section<'_, 'r>, key: &'static str) -> Option<String> {
        let text = own.text(key)?;
        self.names(Kind::Person, own, &text);
        Some(bare(text.value).to_owned())
    }

    fn person(&mut self, own: &Section<'_, 'r>) -> Option<Person> {
        let id = own.path.strip_prefix("person.").unwrap_or(&own.path).to_owned();
        let unit = own.text("unit");
        if let Some(unit) = &unit {
            self.names(Kind::Unit, own, unit);
        }
        let person = Person {
            name: own.string("name").unwrap_or(id),
            mail: mail(own),
            phone: own.string("phone"),
            unit: unit.map(|unit| unit.value.to_owned()),
            superior: self.one(own, "superior"),
            deputies: self.deputies(own),
            days: days(own),
            no_digest: own.boolean("digest") == Some(false),
        };
        own.close(&[]);
        Some(person)
    }

    /// `"li.na"`, or `{ person, from, until }`; several in a list.
    fn deputies(&mut self, own: &Section<'_, 'r>) -> Vec<Deputy> {
        let Some(item) = own.get("deputies") else { return Vec::new() };
        let each: Vec<Item<'_>> = match item.get_ref().as_array() {
            Some(list) => list.iter().collect(),
            None => vec![item],
        };
        let mut deputies = Vec::new();
        for (at, item) in each.into_iter().enumerate() {
            match item.get_ref() {
                DeValue::String(name) => {
                    self.names(Kind::Person, own, &Text { value: name, span: item.span() });
                    deputies.push(Deputy::from(bare(name)));
                }
                DeValue::Table(table) => {
                    let path = own.at(&format!("deputies[{at}]"));
                    let one = Section::of(own.reader, path, item.span(), table);
                    if one.has("person") {
                        let person = self.one(&one, "person");
                        let days = days(&one);
                        deputies.extend(person.map(|person| Deputy { person, days }));
                    } else {
                        one.missing("person");
                    }
                    one.close(&[]);
                }
                DeValue::Integer(_)
                | DeValue::Float(_)
                | DeValue::Boolean(_)
                | DeValue::Datetime(_)
                | DeValue::Array(_) => {
                    own.reader.wrong_type("deputies", "somebody, or `{ person, from, until }`", item);
                }
            }
        }
        deputies
    }

    fn unit(&mut self, own: &Section<'_, 'r>) -> Option<Unit> {
        let above = own.text("above");
        if let Some(above) = &above {
            self.names(Kind::Unit, own, above);
        }
        let unit = Unit {
            title: own.string("title"),
            head: self.one(own, "head"),
            above: above.map(|above| above.value.to_owned()),
        };
        own.close(&[]);
        Some(unit)
    }

    fn group(&mut self, own: &Section<'_, 'r>) -> Option<Vec<String>> {
        own.get("title");
        let Some(members) = own.texts("members") else {
            if !own.has("members") {
                own.missing("members");
            }
            own.close(&[]);
            return None;
        };
        for member in &members {
            self.names(Kind::Member, own, member);
        }
        own.close(&[]);
        Some(members.iter().map(|member| bare(member.value).to_owned()).collect())
    }

    fn role(&mut self, own: &Section<'_, 'r>) -> Option<Role> {
        own.get("title");
        let (members, roster) = (own.texts("members"), own.text("roster"));
        if own.has("members") == own.has("roster") {
            own.say(own.error("YZ0642", own.span.clone()).name("where", own.name()));
        }
        for member in members.iter().flatten() {
            self.names(Kind::Person, own, member);
        }
        if let Some(roster) = &roster {
            self.names(Kind::Roster, own, roster);
        }
        let members = members.unwrap_or_default();
        let role = Role {
            members: members.iter().map(|member| bare(member.value).to_owned()).collect(),
            roster: roster.map(|roster| roster.value.to_owned()),
            superior: self.one(own, "superior"),
        };
        own.close(&[]);
        Some(role)
    }

    fn right(&mut self, own: &Section<'_, 'r>) -> Option<Grant> {
        let roles = rights::Role::ALL.map(|role| (role.as_str(), role));
        let (who, may) = (own.texts("who"), own.word("may", &roles));
        for (key, read) in [("who", who.is_some()), ("may", may.is_some())] {
            if !read && !own.has(key) {
                own.missing(key);
            }
        }
        for word in who.iter().flatten() {
            self.names(Kind::Member, own, word);
        }
        let on = own.texts("on").unwrap_or_default();
        own.close(&[]);
        let word = |text: &Text<'_>| match text.value.split_once(':') {
            Some(_) => text.value.to_owned(),
            None => format!("person:{}", text.value),
        };
        Some(Grant {
            who: who?.iter().map(word).collect(),
            may: may?,
            on: on.iter().map(|name| name.value.to_owned()).collect(),
        })
    }

    fn known(&self, named: &Named<'_>, people: &People) {
        let written = named.name.value;
        match (named.kind, written.split_once(':')) {
            (Kind::Person, _) | (Kind::Member, None | Some(("person", _))) => {
                let id = bare(written);
                if !people.people.contains_key(id) {
                    let problem = self.root.error("YZ0191", named.name.span.clone());
                    let problem = problem.name("person", id).name("where", &named.by);
                    self.root.say(problem.near(nearest(id, people.people.keys())));
                }
            }
            (Kind::Member, Some(("group", group))) => {
                self.there(named, "group", group, people.groups.keys());
            }
            (Kind::Member, Some(("role", role))) => self.there(named, "role", role, people.roles.keys()),
            (Kind::Member, Some((kind, _))) => {
                let problem = self.root.error("YZ0653", named.name.span.clone()).name("value", written);
                self.root.say(problem.near(nearest(kind, ["person", "group", "role"])));
            }
            (Kind::Unit, _) => self.there(named, "unit", written, people.units.keys()),
            (Kind::Roster, _) => self.there(named, "roster", written, people.rosters.keys()),
        }
    }

    fn there<'k>(&self, named: &Named<'_>, kind: &str, name: &str, all: impl Iterator<Item = &'k String>) {
        let all: Vec<&String> = all.collect();
        if all.iter().any(|known| *known == name) {
            return;
        }
        let problem = self.root.error("YZ0641", named.name.span.clone()).name("where", &named.by);
        let problem =
            problem.name("kind", kind).name("name", name).name("table", format!("[{kind}.\"{name}\"]"));
        self.root.say(problem.near(nearest(name, all)));
    }

    /// `[role."班长@一车间"]` is a post of a unit.
    fn units_of_roles(&self, people: &People) {
        let Some(roles) = self.root.section("role") else { return };
        for (name, _) in roles.entries() {
            let Some(unit) = unit_of(name.value).filter(|unit| !people.units.contains_key(*unit)) else {
                continue;
            };
            let problem =
                self.root.error("YZ0641", name.span).name("where", format!("[role.\"{}\"]", name.value));
            let problem =
                problem.name("kind", "unit").name("name", unit).name("table", format!("[unit.\"{unit}\"]"));
            self.root.say(problem.near(nearest(unit, people.units.keys())));
        }
    }
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

/// `from` and `until`, both included.
fn days(own: &Section<'_, '_>) -> Days {
    let days = Days { from: day(own, "from"), until: day(own, "until") };
    if let (Some(from), Some(until)) = (days.from, days.until)
        && until < from
    {
        let place = own.get("until").map_or_else(|| own.span.clone(), toml::Spanned::span);
        let problem = own.error("YZ0643", place).name("from", from.to_string());
        own.say(problem.name("until", until.to_string()));
    }
    days
}

/// A day, as TOML writes it or as a text.
fn day(own: &Section<'_, '_>, key: &'static str) -> Option<Date> {
    let item = own.get(key)?;
    let found = match item.get_ref() {
        DeValue::Datetime(day) => day.to_string().parse().ok().filter(|_| day.time.is_none()),
        DeValue::String(text) => text.parse().ok(),
        DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => None,
    };
    if found.is_none() {
        own.reader.wrong_type(key, "a day such as 2026-10-01", item);
    }
    found
}
