//! Who may do what beside the tasks that are theirs: `[right.…]` of `config/people.toml`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{People, Present};

/// What somebody may do. Each may also do what those before it may.
///
/// A task may be answered by whom its step names, whatever role they have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks at runs, without what is private.
    Viewer,
    /// Starts cases.
    Worker,
    /// Cancels, retries, settles, moves due times. A program may then ask for what is private; a person reads what is theirs.
    Operator,
    /// Puts workflow files in force.
    Author,
    /// Invites people, makes tokens, reads the audit.
    Admin,
}

impl Role {
    pub const ALL: [Self; 5] = [Self::Viewer, Self::Worker, Self::Operator, Self::Author, Self::Admin];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Worker => "worker",
            Self::Operator => "operator",
            Self::Author => "author",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|role| role.as_str() == word).ok_or(())
    }
}

/// One `[right.…]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// People, groups, roles of the house, as in `ask`.
    pub who: Vec<String>,
    pub may: Role,
    /// Names of workflows; `*` at the end is any ending. None: all workflows, and what belongs to no workflow.
    pub on: Vec<String>,
}

impl Grant {
    #[must_use]
    pub fn covers(&self, workflow: &str) -> bool {
        self.on.is_empty()
            || self.on.iter().any(|name| match name.strip_suffix('*') {
                Some(beginning) => workflow.starts_with(beginning),
                None => name == workflow,
            })
    }
}

/// What one caller may, worked out once for a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    grants: Vec<Grant>,
    /// A token may no more than it was made for.
    within: Option<Grant>,
}

impl Rights {
    /// Everything: the owner of the daemon.
    #[must_use]
    pub fn all() -> Self {
        Self { grants: vec![Grant { who: vec![], may: Role::Admin, on: vec![] }], within: None }
    }

    /// What `[right.…]` gives this person now.
    #[must_use]
    pub fn of(person: &str, people: &People, present: &Present<'_>) -> Self {
        let grants = people.rights.values().filter(|grant| present.may(person, &grant.who).is_some());
        Self { grants: grants.cloned().collect(), within: None }
    }

    #[must_use]
    pub fn within(self, grant: Grant) -> Self {
        Self { within: Some(grant), ..self }
    }

    /// Whether what needs no right, such as an own task, may be done so: a token was made for this much, on these workflows.
    #[must_use]
    pub fn lets(&self, role: Role, workflow: &str) -> bool {
        self.within.as_ref().is_none_or(|within| within.may >= role && within.covers(workflow))
    }

    /// The same of what belongs to no workflow: a token for some has none of it.
    #[must_use]
    pub fn lets_everywhere(&self, role: Role) -> bool {
        self.within.as_ref().is_none_or(|within| within.may >= role && within.on.is_empty())
    }

    /// The same where no workflow is named yet, as of a file that is uploaded.
    #[must_use]
    pub fn lets_somewhere(&self, role: Role) -> bool {
        self.within.as_ref().is_none_or(|within| within.may >= role)
    }

    fn held(&self, role: Role) -> impl Iterator<Item = &Grant> {
        let open = self.within.as_ref().is_none_or(|within| within.may >= role);
        self.grants.iter().filter(move |grant| open && grant.may >= role)
    }

    /// Whether they may do this with runs of a workflow.
    #[must_use]
    pub fn may(&self, role: Role, workflow: &str) -> bool {
        self.within.as_ref().is_none_or(|within| within.covers(workflow))
            && self.held(role).any(|grant| grant.covers(workflow))
    }

    /// Whether they may do this with some workflow: a list is shown, and its rows are looked at one by one.
    #[must_use]
    pub fn may_somewhere(&self, role: Role) -> bool {
        self.held(role).next().is_some()
    }

    /// The workflows that are named whole: also those that are no longer there, whose runs are.
    #[must_use]
    pub fn named(&self, role: Role) -> Vec<String> {
        let named = self.held(role).flat_map(|grant| &grant.on).filter(|name| !name.ends_with('*'));
        named.filter(|name| self.may(role, name)).cloned().collect()
    }

    /// Whether they may do this everywhere, and with what belongs to no workflow: people, plugins, the audit.
    #[must_use]
    pub fn may_everywhere(&self, role: Role) -> bool {
        self.within.as_ref().is_none_or(|within| within.on.is_empty())
            && self.held(role).any(|grant| grant.on.is_empty())
    }
}
