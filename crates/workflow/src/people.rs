//! Who is who: people, units, groups, roles, superiors and deputies of `config/people.toml`.
//!
//! Nothing here knows what time it is: whoever asks says of which instant, and `People::at` answers for it.

use std::collections::BTreeMap;

use jiff::civil::Date;

pub use present::{Acts, Found, Gap, How, Present};
pub use roster::Roster;

use crate::calendar::Calendars;
use crate::problem::Problem;

mod present;
pub mod rights;
pub mod roster;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    pub name: String,
    pub mail: Option<String>,
    pub phone: Option<String>,
    /// The unit they belong to.
    pub unit: Option<String>,
    pub superior: Option<String>,
    pub deputies: Vec<Deputy>,
    /// The days of their employment, both included.
    pub days: Days,
    /// They want no mail of all that is open for them.
    pub no_digest: bool,
}

/// Whoever stands in for another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deputy {
    pub person: String,
    /// Open on both sides: they may always act.
    pub days: Days,
}

impl From<&str> for Deputy {
    fn from(person: &str) -> Self {
        Self { person: person.to_owned(), days: Days::default() }
    }
}

/// From one day to another, both included; open where nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Days {
    pub from: Option<Date>,
    pub until: Option<Date>,
}

impl Days {
    #[must_use]
    pub fn has(&self, day: Date) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day <= until)
    }

    /// Without a first or last day.
    #[must_use]
    pub fn always(&self) -> bool {
        self.from.is_none() && self.until.is_none()
    }

    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        let begins_in_time =
            |one: &Self, other: &Self| one.from.zip(other.until).is_none_or(|(from, until)| from <= until);
        begins_in_time(self, other) && begins_in_time(other, self)
    }
}

/// A part of the house.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    pub title: Option<String>,
    pub head: Option<String>,
    /// The unit it belongs to.
    pub above: Option<String>,
}

/// A post: `班长`, or that of a unit, `班长@一车间`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// The first of these who is here is on duty.
    pub members: Vec<String>,
    /// Instead of them: whoever has a shift of this roster is on duty.
    pub roster: Option<String>,
    /// To whom it goes while nobody is on duty; else it goes to the head of its unit.
    pub superior: Option<String>,
}

impl From<Vec<String>> for Role {
    fn from(members: Vec<String>) -> Self {
        Self { members, ..Self::default() }
    }
}

/// Members of groups are ids of people, or words as in `ask`: `group:…`, `role:…`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    pub people: BTreeMap<String, Person>,
    pub units: BTreeMap<String, Unit>,
    pub groups: BTreeMap<String, Vec<String>>,
    pub roles: BTreeMap<String, Role>,
    pub rosters: BTreeMap<String, Roster>,
    /// By names that only the file uses.
    pub rights: BTreeMap<String, rights::Grant>,
}

impl People {
    /// Reads `config/people.toml`.
    ///
    /// # Errors
    /// Every fault in it.
    pub fn read(text: &str) -> Result<Self, Vec<Problem>> {
        let (people, faults) = crate::definition::people::read(text, None);
        people.ok_or(faults)
    }

    /// The same with everything that is to be said, also what is only doubtful on the days from `today` on. Without
    /// calendars nothing is said of rosters that go by one.
    #[must_use]
    pub fn check(text: &str, today: Date, calendars: Option<&Calendars>) -> (Option<Self>, Vec<Problem>) {
        crate::definition::people::read(text, Some((today, calendars)))
    }

    #[must_use]
    pub fn known(&self, who: &str) -> bool {
        match who.split_once(':') {
            Some(("person", id)) => self.people.contains_key(id),
            Some(("group", name)) => self.groups.contains_key(name),
            Some(("role", name)) => self.roles.contains_key(name),
            _ => who == "starter",
        }
    }

    /// `digest = false` is written of this person.
    #[must_use]
    pub fn wants_no_digest(&self, who: &str) -> bool {
        self.people.get(bare(who)).is_some_and(|person| person.no_digest)
    }

    /// All words of a kind: every `group:…`.
    #[must_use]
    pub fn names(&self, kind: &str) -> Vec<String> {
        let all: Vec<&String> = match kind {
            "person" => self.people.keys().collect(),
            "group" => self.groups.keys().collect(),
            "role" => self.roles.keys().collect(),
            _ => Vec::new(),
        };
        all.into_iter().map(|name| format!("{kind}:{name}")).collect()
    }
}

impl People {
    /// The id of somebody who is written by the name that others call them, where only one has it.
    #[must_use]
    pub fn by_name(&self, kind: &str, name: &str) -> Option<String> {
        let mut named =
            self.people.iter().filter(|(_, person)| kind == "person" && person.name == name.trim());
        let (id, _) = named.next()?;
        named.next().is_none().then(|| id.clone())
    }
}

/// An id with or without `person:` before it.
#[must_use]
pub fn bare(person: &str) -> &str {
    person.strip_prefix("person:").unwrap_or(person)
}

/// The unit of a post: `一车间` of `班长@一车间`.
#[must_use]
pub fn unit_of(role: &str) -> Option<&str> {
    role.split_once('@').map(|(_, unit)| unit)
}

#[cfg(test)]
mod tests;
