//! The author's side of the border: typed actions, the call context, and the services of the host.

mod call;
mod describe;
mod error;
mod host;
mod http;
mod instance;
mod log;
mod note;
mod panics;
mod pool;
mod values;

pub use call::{Ctx, Secret, StoredArtifact};
pub use describe::{ActionSpec, Effect, Run, Running};
pub use error::{Error, Happened, Result};
pub use host::Host;
pub use http::{Http, HttpResponse};
pub use values::{Artifact, NoConfig, Raw, Recipients, SecretName, TextFile};

/// What `#[plugin]` says about the library; it goes into the note.
pub trait Manifest {
    const ID: &'static str;
    const VERSION: &'static str;
    const CAPABILITIES: &'static [&'static str];
    const REQUIRES: &'static [&'static str];
}

/// What `#[actions]` makes of the author's `impl` block.
pub trait Plugin: Manifest + Sized + Send + Sync + 'static {
    type Config: serde::de::DeserializeOwned + schemars::JsonSchema;

    fn open(config: Self::Config, host: &Host) -> Result<Self>;
    fn actions() -> Vec<ActionSpec<Self>>;
}

/// What the macros' code calls. Not for authors, and no promise.
#[doc(hidden)]
pub mod private {
    pub use super::describe::{SchemaOf, input_schema, output_schema};
    pub use super::instance::{decode, encode, entry};
    pub use super::note::{Note, join, list, list_len, note_len, write_note};
    pub use std::boxed::Box;
    pub use std::sync::Arc;
}
