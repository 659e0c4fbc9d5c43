//! What comes in by way of files: workflows and people, and what is dropped for triggers.

pub(crate) mod folder;
pub(crate) mod reload;
mod watch;
