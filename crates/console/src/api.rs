//! The JSON API: one file per kind of thing, handlers of a few lines.

pub(crate) mod access;
pub(crate) mod artifacts;
pub(crate) mod clock;
pub(crate) mod doctor;
pub(crate) mod drafts;
pub(crate) mod events;
mod files;
pub(crate) mod health;
pub(crate) mod plugins;
pub(crate) mod query;
pub(crate) mod registers;
pub(crate) mod runs;
pub(crate) mod tasks;
pub(crate) mod triggers;
pub(crate) mod workflows;

use std::sync::Arc;

use serde::Deserialize;
use yizhan_workflow::people::Present;
use yizhan_workflow::people::rights::Role;
use yizhan_workflow::run::World;
use yizhan_workflow::run::sight::{Sight, Viewer};

use crate::caller::Caller;
use crate::desk::Desk;
use crate::house::Language;
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

/// Who looks at a case: whoever asks, or a person whom an operator names.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Looking {
    by: Option<String>,
    #[serde(default)]
    private: bool,
    pub(crate) lang: Option<Language>,
}

impl Looking {
    /// In the words of those who act.
    pub(crate) fn name(&self, caller: &Caller, world: &World) -> Result<String, Refusal> {
        caller.acting(self.by.as_deref(), world)
    }

    /// The house itself sees what is private where an operator says so.
    pub(crate) fn viewer<'n>(&self, name: &'n str, caller: &Caller, workflow: &str) -> Viewer<'n> {
        if name.starts_with("person:") {
            return Viewer::Person(name);
        }
        Viewer::House { private: self.private && caller.rights.may(Role::Operator, workflow) }
    }
}

/// Whether the words of a case may be read in a list, by the file that is in force. `part`: whose it is.
pub(crate) fn reads_row(
    desk: &Desk,
    workflow: &str,
    people: &Present<'_>,
    viewer: Viewer<'_>,
    part: &[Arc<str>],
) -> bool {
    let text = desk.shared().library.current(workflow);
    text.is_none_or(|text| Sight::of_row(&text, people, viewer, part))
}
