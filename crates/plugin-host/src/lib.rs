//! Loads plugins and calls them, in a child process or in the daemon itself.
//!
//! With `plugin-api` the only place with `unsafe`: what crosses the border is checked here.

pub mod border;
mod call_context;
mod child;
mod cost;
mod described;
mod emitted;
mod frame;
mod handles;
mod host;
mod house;
mod inputs;
mod instance;
mod kept;
mod large;
mod library;
mod note;
mod pace;
mod process;
mod refusal;
mod runner;
mod schema;
mod scrub;
mod services;
mod settings;
mod supervisor;
mod table;
mod thread;

pub use child::child_main;
pub use cost::CostInfo;
pub use host::{ActionInfo, PluginHost, PluginInfo, PluginState};
pub use inputs::InputSchema;
pub use kept::{AttemptLine, AttemptLines, NoLines};
pub use refusal::{Fault, Refusal};
pub use scrub::Scrub;
pub use services::artifacts::{Artifacts, FolderArtifacts, StoredFile};
pub use services::secrets::{FolderSecrets, Secrets};
pub use settings::{ChildCommand, HttpSettings, Isolation, Limits, PluginSettings, Settings};
