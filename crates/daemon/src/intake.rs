//! What comes in by itself: workflows and people that are read again, files and mails for triggers.

pub(crate) mod folder;
pub(crate) mod mail;
pub(crate) mod reason;
pub(crate) mod reload;
mod watch;
