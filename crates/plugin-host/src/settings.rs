//! What the daemon tells the plugin host, by value.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::kept::AttemptLines;
use crate::services::artifacts::Artifacts;
use crate::services::secrets::Secrets;

/// Where a plugin runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// In a child process: a crash or an endless loop ends the child alone.
    #[default]
    Process,
    /// In the daemon, fully trusted.
    InProcess,
}

impl Isolation {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::InProcess => "in-process",
        }
    }
}

pub struct Settings {
    /// Looked through in this order; of two files with one id the first is taken.
    pub folders: Vec<PathBuf>,
    /// Named one by one: what is wrong with them is told, whatever it is.
    pub files: Vec<PathBuf>,
    /// By plugin id.
    pub plugins: BTreeMap<String, PluginSettings>,
    /// For plugins whose settings say nothing.
    pub isolation: Isolation,
    pub child: ChildCommand,
    pub http: HttpSettings,
    pub limits: Limits,
    pub secrets: Arc<dyn Secrets>,
    pub artifacts: Arc<dyn Artifacts>,
    /// Where the words of attempts are kept.
    pub lines: Arc<dyn AttemptLines>,
}

#[derive(Clone, Debug, Default)]
pub struct PluginSettings {
    pub isolation: Option<Isolation>,
    /// The rest of its table; checked against the plugin's own schema.
    pub config: Value,
}

/// How to start the process that ends in [`crate::child_main`].
#[derive(Clone, Debug)]
pub struct ChildCommand {
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
}

#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// What may be called although it is not public: `127.0.0.1:8443`, `crm.internal:443`, `crm.internal`,
    /// `10.0.0.0/8`.
    pub allow: Vec<String>,
    /// PEM files of authorities that are trusted beside those of the system.
    pub ca_files: Vec<PathBuf>,
    /// For a request that names no limit of its own.
    pub timeout: Duration,
    pub max_bytes: u64,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self { allow: Vec::new(), ca_files: Vec::new(), timeout: Duration::from_secs(30), max_bytes: 8 << 20 }
    }
}

#[derive(Clone, Debug)]
pub struct Limits {
    /// For a call and an action that name none.
    pub timeout: Duration,
    /// Between cancel and kill, for actions that name none.
    pub grace: Duration,
    /// What the siblings of a call that must be killed still get.
    pub drain: Duration,
    pub describe: Duration,
    pub create: Duration,
    /// Calls that wait for a plugin to come up.
    pub waiting: usize,
    /// So many crashes within so long put a plugin aside.
    pub crashes: usize,
    pub crashes_within: Duration,
    /// Before the first restart; doubled with each crash after it.
    pub backoff: Duration,
    pub backoff_most: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(300),
            grace: Duration::from_secs(5),
            drain: Duration::from_secs(10),
            describe: Duration::from_secs(10),
            create: Duration::from_secs(20),
            waiting: 16_384,
            crashes: 5,
            crashes_within: Duration::from_secs(60),
            backoff: Duration::from_millis(100),
            backoff_most: Duration::from_secs(5),
        }
    }
}
