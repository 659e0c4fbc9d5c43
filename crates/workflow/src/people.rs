//! Who is who: people, groups and roles of `config/people.toml`.

use std::collections::BTreeMap;

use crate::problem::Problem;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    pub name: String,
    pub mail: Option<String>,
    pub phone: Option<String>,
    pub superior: Option<String>,
    pub deputies: Vec<String>,
}

/// Groups and roles hold ids of people; the first of a role is on duty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    pub people: BTreeMap<String, Person>,
    pub groups: BTreeMap<String, Vec<String>>,
    pub roles: BTreeMap<String, Vec<String>>,
}

impl People {
    /// Reads `config/people.toml`.
    ///
    /// # Errors
    /// Every fault in it.
    pub fn read(text: &str) -> Result<Self, Vec<Problem>> {
        crate::definition::people::read(text)
    }

    /// Whether `person` (`person:li.na`, or the bare id) is one of those that `who` names.
    #[must_use]
    pub fn may(&self, person: &str, who: &[String]) -> bool {
        let id = person.strip_prefix("person:").unwrap_or(person);
        who.iter().any(|one| self.members(one).iter().any(|member| member == id))
    }

    /// The ids of those that a word names: `person:li.na`, `group:热线`, `role:班长` (whoever is on duty).
    #[must_use]
    pub fn members(&self, who: &str) -> Vec<String> {
        match who.split_once(':') {
            Some(("person", id)) if self.people.contains_key(id) => vec![id.to_owned()],
            Some(("group", name)) => self.groups.get(name).cloned().unwrap_or_default(),
            Some(("role", name)) => {
                self.roles.get(name).and_then(|all| all.first()).cloned().into_iter().collect()
            }
            _ => Vec::new(),
        }
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

    /// The mail addresses of those that `who` names, each once; an address stands for itself.
    #[must_use]
    pub fn addresses(&self, who: &str) -> Vec<String> {
        if let Some(address) = who.strip_prefix("mail:") {
            return vec![address.to_owned()];
        }
        if who.contains('@') && !who.contains(':') {
            return vec![who.to_owned()];
        }
        let mut addresses = Vec::new();
        for id in self.members(who) {
            if let Some(mail) = self.people.get(&id).and_then(|person| person.mail.clone())
                && !addresses.contains(&mail)
            {
                addresses.push(mail);
            }
        }
        addresses
    }
}

#[cfg(test)]
mod tests;
