//! The port to the plugins: attempts go out in batches, completions come back in batches.

use std::sync::Arc;
use std::time::Duration;

use yizhan_workflow::run::event::{Failure, Lost};

/// One attempt to be carried out. Ids are minted by the engine and never used again within a process.
#[derive(Clone, Debug)]
pub struct Call {
    pub id: u64,
    pub plugin: Arc<str>,
    pub action: Arc<str>,
    /// 32 ASCII characters, the same for every attempt.
    pub key: Arc<str>,
    pub run: Arc<str>,
    pub workflow: Arc<str>,
    pub step: Arc<str>,
    /// It takes back what the step did.
    pub undo: bool,
    pub round: u32,
    pub item: u32,
    pub attempt: u32,
    pub now_ms: i64,
    /// Measured from the call.
    pub timeout: Option<Duration>,
    /// JSON.
    pub input: Arc<str>,
    /// Names of secrets that the step grants.
    pub secrets: Vec<Arc<str>>,
}

#[derive(Clone, Debug)]
pub enum Outcome {
    /// JSON, checked against the action's output schema.
    Done {
        output: Box<str>,
    },
    Failed(Failure),
    Lost {
        how: Lost,
        message: Arc<str>,
    },
}

#[derive(Clone, Debug)]
pub struct Completion {
    pub id: u64,
    pub outcome: Outcome,
    pub took: Duration,
}

/// Where completions go. Called from the carriers' threads, with batches; must not block.
pub trait Completions: Send + Sync {
    fn completed(&self, batch: Vec<Completion>);
    fn progressed(&self, id: u64, share: f64, note: &str);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelReason {
    /// The run does not want the result any more.
    Withdrawn,
    /// We stop; it will be handed out again.
    Stopping,
}

/// What carries attempts out.
pub trait Carriers: Send + Sync {
    /// All calls of a turn at once. Never blocks for a plugin; what cannot be called is completed with an error.
    fn start(&self, calls: Vec<Call>);
    fn cancel(&self, ids: &[u64], why: CancelReason);
}

/// What a carrier brought is no JSON: it is checked there, so this is a fault of ours.
pub(crate) fn bad_output() -> Failure {
    Failure {
        code: "YZ0399".into(),
        message: "the carrier brought an output that is not JSON".into(),
        retry: false,
        retry_after_ms: None,
        happened: yizhan_workflow::run::event::Happened::Maybe,
    }
}

/// It never left the house.
pub(crate) fn not_sent(message: Arc<str>) -> Failure {
    Failure {
        code: "plugin.cancelled".into(),
        message,
        retry: true,
        retry_after_ms: None,
        happened: yizhan_workflow::run::event::Happened::No,
    }
}
