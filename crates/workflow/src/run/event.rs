//! What happens to a run and what follows from it: the durable format. A variant may gain fields, never lose or rename one.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::id::{Item, Millis, RunId, StepNo, TextHash};
use crate::plan::Ending;

/// JSON as it came, parsed only when an expression names it.
pub type Raw = Arc<RawValue>;

/// What happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    Started(Box<Started>),
    /// A timer may be due. Carries nothing: the state knows which.
    Woke,
    /// A `once` attempt left a queue and is about to go out.
    Begun {
        #[serde(flatten)]
        of: Attempt,
    },
    Ended {
        #[serde(flatten)]
        of: Attempt,
        result: AttemptResult,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        took_us: Option<u64>,
    },
    ChildEnded {
        #[serde(flatten)]
        of: Attempt,
        child: RunId,
        state: EndState,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outcome: Option<Arc<str>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<Raw>,
    },
    Claimed {
        #[serde(flatten)]
        of: Attempt,
        by: Arc<str>,
        via: Arc<str>,
    },
    Answered {
        #[serde(flatten)]
        of: Attempt,
        by: Arc<str>,
        via: Arc<str>,
        fields: Raw,
    },
    Settled {
        #[serde(flatten)]
        of: Attempt,
        by: Arc<str>,
        verdict: Verdict,
    },
    Cancelled {
        opening: u32,
        by: Arc<str>,
        reason: Arc<str>,
    },
    /// A failed or cancelled run is opened again.
    Retried {
        opening: u32,
        by: Arc<str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<StepNo>,
    },
    /// A later firing with this run's key brought more input.
    Joined {
        trigger: Arc<str>,
        input: Raw,
    },
}

/// How a run began.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Started {
    pub workflow: Arc<str>,
    pub text: TextHash,
    pub input: Raw,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Arc<str>>,
    /// What set it off, as expressions see it: `{ name, at, … }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Raw>,
    pub by: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
}

/// The item of another run that waits for this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    pub run: RunId,
    #[serde(flatten)]
    pub of: Attempt,
    /// How many runs stand above: bounded.
    pub depth: u8,
}

/// An item and the attempt that is meant: whoever speaks of another attempt is an echo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Attempt {
    #[serde(flatten)]
    pub item: Item,
    #[serde(rename = "a")]
    pub attempt: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum AttemptResult {
    Done {
        output: Raw,
    },
    Failed {
        #[serde(flatten)]
        failure: Failure,
    },
    Lost {
        how: Lost,
        #[serde(default, skip_serializing_if = "str::is_empty")]
        message: Arc<str>,
    },
}

/// Why an attempt did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub code: Arc<str>,
    pub message: Arc<str>,
    #[serde(default)]
    pub retry: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<i64>,
    #[serde(default)]
    pub happened: Happened,
}

/// Whether the effect came to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happened {
    No,
    #[default]
    Maybe,
    Yes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lost {
    /// We stopped before it answered.
    Restart,
    /// Its plugin died.
    Crash,
    /// It did not obey and was killed.
    Killed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndState {
    Done,
    Failed,
    Cancelled,
}

/// What a person says of an item that nobody else can decide.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    Happened { values: Raw },
    Again,
    Fail,
    /// An undo that failed is left so, on record.
    Leave,
}

/// What was decided. The state of a run is a fold of these (with the event's own payload) and nothing else.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "did", rename_all = "snake_case")]
pub enum Fact {
    /// The run is there; its particulars are those of the event.
    Opened,
    /// A step's needs are over: it has this many items; of an `each`, the list.
    StepOpened {
        s: StepNo,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        list: Option<Raw>,
        n: u32,
    },
    /// A step as a whole is over without an item: `when` was false.
    StepSkipped { s: StepNo },
    /// All items of a step are over.
    StepOver { s: StepNo, state: StepEnd },
    /// An item has entered a state that is not over.
    Entered {
        #[serde(flatten)]
        item: Item,
        state: Standing,
    },
    /// An item is over.
    Over {
        #[serde(flatten)]
        item: Item,
        end: ItemEnd,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outcome: Option<Arc<str>>,
        #[serde(default)]
        output: Output,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
    },
    /// An attempt failed or was lost, and the item goes on.
    Missed {
        #[serde(flatten)]
        of: Attempt,
        failure: Failure,
        /// It may have happened.
        doubt: bool,
        /// It does not count among the tries: we stopped, not it.
        #[serde(default)]
        uncounted: bool,
    },
    /// Somebody took the task.
    TaskClaimed {
        #[serde(flatten)]
        item: Item,
        by: Arc<str>,
    },
    /// A task's due instant passed. Ends nothing.
    Late {
        #[serde(flatten)]
        item: Item,
    },
    /// The flow goes back: these steps are covered.
    GoingBack {
        /// `None`: a person's word, which is not counted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        way: Option<u16>,
        cover: Vec<StepNo>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after_ms: Option<i64>,
    },
    /// Everything covered is over and taken back; the pause before the next round lasts until then.
    BackPaused { until: Millis },
    /// The covered steps have their next round.
    Round { steps: Vec<StepNo> },
    /// Somebody left an undo that failed, on record.
    Left {
        #[serde(flatten)]
        item: Item,
    },
    /// The run closes: nothing of the main section starts any more.
    Closing {
        ending: Ending,
        /// Whose failure, `on` or `end` it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by_step: Option<StepNo>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<RunError>,
    },
    /// All is withdrawn; what must be taken back is, and the closing section runs.
    Finishing,
    Ended {
        state: EndState,
        outcome: Arc<str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<Raw>,
    },
    Reopened { opening: u32 },
    JoinedInput,
}

/// The first failure: `run.error`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunError {
    pub step: Arc<str>,
    pub item: u32,
    pub code: Arc<str>,
    pub message: Arc<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepEnd {
    Done,
    Skipped,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemEnd {
    Done,
    Skipped,
    Failed,
    Dropped,
}

/// Where an output is to be found: most often the event itself brought it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    #[default]
    None,
    OfEvent,
    Is(Raw),
}

/// An item that is not over, as the journal tells it. Carries exactly what is valid in that state.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Standing {
    Queued,
    /// `begun`: this commit is the intent, the call goes out at once. `with`: rendered anew, else that of the key.
    Running {
        a: u32,
        begun: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        with: Option<Raw>,
    },
    Stopping { a: u32 },
    Resting { until: Millis },
    Unknown { a: u32 },
    Asking { a: u32 },
    Asked { a: u32, task: Box<TaskSheet> },
    Sleeping { a: u32, until: Millis },
    Child {
        a: u32,
        child: RunId,
        workflow: Arc<str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        with: Option<Raw>,
    },
    StoppingChild { a: u32, child: RunId },
}

/// A task as its reader sees it, worked out when it opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSheet {
    pub title: String,
    /// As written: `group:热线`. Who that is, is asked when somebody looks.
    pub who: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Millis>,
    /// Forms come filled in after going back: the answer of the round before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filled: Option<String>,
}
