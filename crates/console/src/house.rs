//! What the daemon supplies: plugins, secrets, files, and a way to read the folders again.

use std::pin::Pin;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yizhan_access::Head;
use yizhan_workflow::id::{Millis, RunId};
use yizhan_workflow::problem::Lang;
use zeroize::Zeroizing;

/// The language in which a person is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    #[default]
    Zh,
    En,
}

impl Language {
    pub(crate) fn of(lang: Lang) -> Self {
        match lang {
            Lang::Zh => Self::Zh,
            Lang::En => Self::En,
        }
    }

    /// That of the catalogue of messages.
    pub(crate) fn lang(self) -> Lang {
        match self {
            Self::Zh => Lang::Zh,
            Self::En => Lang::En,
        }
    }
}

/// A plugin as it stands. The daemon fills in what its carriers know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PluginView {
    pub id: String,
    pub version: String,
    /// `ready`, `refused`, `failed`, …: a word of the carriers.
    pub state: String,
    /// `process` or `inside`.
    pub isolation: String,
    pub path: String,
    pub hash: String,
    pub actions: Vec<ActionView>,
    pub calls: u64,
    pub crashes: u64,
    /// Of the child that carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Why it is not ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostView>,
}

/// What the calls of a plugin cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PluginCost)]
pub struct CostView {
    /// Since when calls are counted: since this build of it was read.
    pub since: String,
    /// Calls that ended with an answer.
    pub ended: u64,
    /// Among them: with a failure.
    pub failed: u64,
    /// How long all of them took together, waiting counted in.
    pub busy_ms: u64,
    /// Half of the calls took no longer, right within a fifth; none: none ended yet.
    pub p50_us: Option<u64>,
    pub p95_us: Option<u64>,
    /// Time of a processor that its child used since it was started; none: it has no child.
    pub cpu_ms: Option<u64>,
    /// Memory of its child.
    pub memory_bytes: Option<u64>,
}

/// What a plugin said while it carried an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaidLine {
    /// The outward key of the item, the same for every attempt at it.
    pub key: String,
    pub attempt: u32,
    pub at: Millis,
    pub level: String,
    pub text: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ActionView {
    pub name: String,
    pub summary: String,
    pub effect: String,
    /// JSON Schemas of what it takes and gives.
    #[schema(value_type = Object)]
    pub input: serde_json::Value,
    #[schema(value_type = Object)]
    pub output: serde_json::Value,
}

/// What became of reading the folders again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reloaded {
    /// Names of the workflows in force.
    pub loaded: Vec<String>,
    /// Rendered, one text per fault.
    pub faults: Vec<String>,
}

/// How much a line of the log matters, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

/// A line of the daemon's own log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    pub at: String,
    pub level: LogLevel,
    /// The part of the daemon that speaks.
    pub of: String,
    pub text: String,
}

pub type Promise<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The daemon as the console sees it. Functions that are not promises may block: they are called on threads where that
/// is allowed.
pub trait House: Send + Sync {
    fn plugins(&self) -> Vec<PluginView>;

    fn plugin(&self, id: &str) -> Option<PluginView> {
        self.plugins().into_iter().find(|plugin| plugin.id == id)
    }

    /// Lets a plugin that was put aside after too many crashes try again; any other stays as it is.
    fn release(&self, id: &str) {
        let _ = id;
    }

    /// The bytes of a secret by its name; `None` where there is none.
    fn secret(&self, name: &str) -> Option<Zeroizing<Vec<u8>>>;

    /// Reads workflows, people and settings again, and answers once what checks is in force.
    fn reload(&self) -> Promise<'_, Reloaded>;

    /// Keeps bytes under their SHA-256 in hexadecimal, and answers with it once they are on disk.
    ///
    /// # Errors
    /// When the disk does not take them.
    fn put_artifact(&self, bytes: &Bytes) -> std::io::Result<String>;

    /// Some of the bytes, from one on, and at most so many.
    ///
    /// # Errors
    /// When they cannot be read; what is not there is `None`.
    fn artifact(&self, sha256: &str, from: u64, most: u64) -> std::io::Result<Option<Bytes>>;

    /// How many bytes it has.
    ///
    /// # Errors
    /// When it cannot be read; what is not there is `None`.
    fn artifact_size(&self, sha256: &str) -> std::io::Result<Option<u64>>;

    /// A file without a name, for what is still coming; gone with whoever has it.
    ///
    /// # Errors
    /// When the disk gives none.
    fn scratch(&self) -> std::io::Result<std::fs::File>;

    fn language(&self) -> Language {
        Language::default()
    }

    /// Heads of the audit that were written down outside of its file.
    ///
    /// # Errors
    /// When they cannot be read.
    fn audit_heads(&self) -> std::io::Result<Vec<Head>> {
        Ok(Vec::new())
    }

    /// What the daemon itself knows to be wrong, for `doctor`.
    fn findings(&self, language: Language) -> Vec<String> {
        let _ = language;
        Vec::new()
    }

    /// The last lines of the log, the newest first.
    fn log(&self) -> Vec<LogLine> {
        Vec::new()
    }

    /// What plugins said in a run, in order, as long as it is kept.
    fn said(&self, run: RunId) -> Vec<SaidLine> {
        let _ = run;
        Vec::new()
    }

    /// Where the home is, for messages.
    fn home(&self) -> String;
}
