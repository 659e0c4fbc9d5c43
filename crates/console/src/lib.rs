//! The HTTP side: the JSON API, inbound webhooks and metrics, on listeners of its own with limits of its own.

mod api;
mod arriving;
mod body;
pub mod caller;
mod connections;
pub mod desk;
mod each;
mod ends;
pub mod graph;
mod hooks;
pub mod house;
mod links;
mod metrics;
mod noted;
mod once;
mod openapi;
mod pages;
pub mod refusal;
pub mod rights;
mod routes;
mod serve;
pub mod settings;
mod strangers;
mod streams;
pub mod view;
mod why;
mod words;

pub use house::{House, LogLevel, LogLine};
pub use serve::{Listeners, serve};
pub use settings::{HttpSettings, Token};

use std::sync::Arc;

use yizhan_access::Access;
use yizhan_engine::Engine;

/// What the console serves.
pub struct App {
    pub engine: Engine,
    pub house: Arc<dyn House>,
    pub settings: HttpSettings,
    pub access: Arc<Access>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App")
            .field("engine", &self.engine)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
