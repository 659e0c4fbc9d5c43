//! The JSON API: one file per kind of thing, handlers of a few lines.

pub(crate) mod access;
pub(crate) mod artifacts;
pub(crate) mod clock;
pub(crate) mod doctor;
pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod plugins;
pub(crate) mod query;
pub(crate) mod registers;
pub(crate) mod runs;
pub(crate) mod tasks;
pub(crate) mod triggers;
pub(crate) mod workflows;

use serde::Deserialize;

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
