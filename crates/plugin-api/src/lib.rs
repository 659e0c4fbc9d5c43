//! What a plugin author depends on: the border to the host and, above it, the SDK.

pub mod abi;

#[cfg(feature = "test")]
mod harness;
#[cfg(feature = "sdk")]
pub mod sdk;

#[cfg(feature = "test")]
pub use harness::Harness;

/// Everything an ordinary plugin needs: `use yizhan_plugin_api::prelude::*;`.
#[cfg(feature = "sdk")]
pub mod prelude {
    pub use crate::sdk::{
        Artifact, Ctx, Error, Happened, Host, Http, HttpResponse, NoConfig, Raw, Recipients, Result, Secret,
        SecretName, TextFile,
    };
    pub use schemars::{self, JsonSchema};
    pub use serde::{Deserialize, Serialize};
    pub use tracing;
    pub use yizhan_plugin_macros::{actions, plugin};
}
