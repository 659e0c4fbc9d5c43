//! What happens to a run and what follows from it: the durable format. A variant may gain fields, never lose or rename one.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::clock::{ClockSet, MoreTime, RungDid, StoppedBy};
use crate::id::{Attempt, Item, Millis, RunId, ScopeNo, StepNo, TextHash};
use crate::people::Acts;
use crate::plan::{Choose, Effect, Ending, Rate};

/// JSON as it came, parsed only when an expression names it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Raw(Arc<RawValue>);

impl Raw {
    /// `None` where the text is not JSON.
    #[must_use]
    pub fn new(json: String) -> Option<Self> {
        RawValue::from_string(json).ok().map(|raw| Self(raw.into()))
    }

    #[must_use]
    pub fn get(&self) -> &str {
        self.0.get()
    }
}

impl AsRef<str> for Raw {
    fn as_ref(&self) -> &str {
        self.get()
    }
}

impl PartialEq for Raw {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for Raw {}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get())
    }
}

/// What is written was given, also where it is `null`; what was not given is not written.
pub(super) fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Raw>, D::Error> {
    Raw::deserialize(from).map(Some)
}

impl From<&serde_json::Value> for Raw {
    fn from(value: &serde_json::Value) -> Self {
        // A value has text keys and finite numbers, so it always has a text.
        let raw = serde_json::value::to_raw_value(value);
        Self(raw.unwrap_or_else(|_| RawValue::NULL.to_owned()).into())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_the_run(scope: &ScopeNo) -> bool {
    scope.is_run()
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    Started(Box<Started>),
    /// A timer may be due. Carries nothing: the state knows which.
    Woke {},
    /// A `once` attempt left a queue and is about to go out.
    Begun {
        of: Attempt,
    },
    Ended {
        of: Attempt,
        result: AttemptResult,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        took_us: Option<u64>,
    },
    ChildEnded {
        of: Attempt,
        child: RunId,
        state: EndState,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outcome: Option<Arc<str>>,
        #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
        output: Option<Raw>,
    },
    /// A child that nobody waits for is on its way.
    ChildStarted {
        of: Attempt,
        child: RunId,
    },
    /// Something that was waited for was published. A run takes an event once.
    EventTaken {
        of: Attempt,
        id: Arc<str>,
        payload: Raw,
    },
    /// There is a place among those that share a limit.
    SlotGranted {
        of: Attempt,
    },
    /// Whose a task is that goes to whoever has fewest, or to the next in turn; nobody where nobody is here.
    Assigned {
        of: Attempt,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Arc<str>>,
    },
    Claimed {
        of: Attempt,
        by: Arc<str>,
        via: Arc<str>,
    },
    Released {
        of: Attempt,
        by: Arc<str>,
        via: Arc<str>,
    },
    Answered {
        of: Attempt,
        by: Arc<str>,
        via: Arc<str>,
        fields: Raw,
    },
    /// Somebody of the house answers for an outsider, whose paper it holds.
    AnsweredFor {
        of: Attempt,
        by: Arc<str>,
        via: Arc<str>,
        /// `mail:…`, as it was asked.
        whom: Arc<str>,
        /// The kept files of it.
        paper: Raw,
        fields: Raw,
    },
    HandedOver {
        of: Attempt,
        by: Arc<str>,
        via: Arc<str>,
        to: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Arc<str>>,
        /// It stays visible for whoever gave it, and is answered for them.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        delegate: bool,
    },
    Commented {
        of: Attempt,
        by: Arc<str>,
        via: Arc<str>,
        text: Arc<str>,
    },
    Settled {
        of: Attempt,
        by: Arc<str>,
        /// Older lines do not say it.
        #[serde(default, skip_serializing_if = "str::is_empty")]
        via: Arc<str>,
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
    /// An open run goes on under another text of its workflow.
    Migrated {
        to: TextHash,
        by: Arc<str>,
    },
    /// A person stops the clock of an item, and lets it go on.
    Paused {
        of: Attempt,
        by: Arc<str>,
        via: Arc<str>,
        reason: Arc<str>,
    },
    Resumed {
        of: Attempt,
        by: Arc<str>,
        via: Arc<str>,
        #[serde(default, skip_serializing_if = "str::is_empty")]
        reason: Arc<str>,
    },
    /// A person gives a running due time another instant.
    DueMoved {
        of: Attempt,
        to: Millis,
        by: Arc<str>,
        via: Arc<str>,
        reason: Arc<str>,
    },
    /// A person asks for more time, with the fields of the step's `extend.form`.
    MoreTimeAsked {
        of: Attempt,
        by: Arc<str>,
        via: Arc<str>,
        fields: Raw,
    },
    /// Other calendars are in force than those that the run's due times were worked out with.
    CalendarsChanged {},
    /// A later firing with this run's key brought more input.
    Joined {
        trigger: Arc<str>,
        input: Raw,
    },
}

/// How a run began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    pub workflow: Arc<str>,
    pub text: TextHash,
    pub input: Raw,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Arc<str>>,
    /// What set it off, as expressions see it: `{ name, at, … }`.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Raw>,
    pub by: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// The item of another run that began this one and did not wait for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Parent>,
}

impl Started {
    /// The item of another run that this one comes from, whether it is waited for or not.
    #[must_use]
    pub fn above(&self) -> Option<Parent> {
        self.parent.or(self.origin)
    }
}

/// The item of another run, by which this one began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    pub run: RunId,
    pub of: Attempt,
    /// How many runs stand above: bounded.
    pub depth: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptResult {
    Done {
        output: Raw,
    },
    Failed(Failure),
    Lost {
        how: Lost,
        #[serde(default)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It happened, with these values.
    Happened {
        values: Raw,
    },
    Again {},
    /// Go on without it, as if it had given these values.
    Skip {
        values: Raw,
    },
    Fail {},
    /// An undo that failed stays undone; a way back that is used up is not taken.
    Leave {},
}

/// What was decided. The state of a run is a fold of these (with the event's own payload) and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// The run is there with so many steps; its particulars are those of the event.
    Opened {
        steps: u16,
    },
    /// An answer corrected what was entered at the start: these fields of the input, which is now this.
    InputUpdated {
        at: Item,
        fields: Vec<Arc<str>>,
        input: Raw,
    },
    /// A step's needs are over: it has this many items; of an `each`, the list.
    StepOpened {
        s: StepNo,
        #[serde(default, skip_serializing_if = "is_the_run")]
        scope: ScopeNo,
        n: u32,
        #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
        list: Option<Raw>,
        /// Its `when` or `each` could not be worked out: the one item stands for the whole step.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        broken: bool,
    },
    /// All items of a step are over, or (skipped) it was not taken at all.
    StepOver {
        s: StepNo,
        #[serde(default, skip_serializing_if = "is_the_run")]
        scope: ScopeNo,
        state: StepEnd,
    },
    /// An item has entered a state that is not over.
    Entered {
        at: Item,
        state: Standing,
    },
    /// An item is over.
    Over {
        at: Item,
        end: ItemEnd,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outcome: Option<Arc<str>>,
        #[serde(default, skip_serializing_if = "Output::is_none")]
        output: Output,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
        /// Done, and there is something to take it back with.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        undo: bool,
    },
    /// An attempt failed or was lost, and the item goes on.
    Missed {
        of: Attempt,
        failure: Failure,
        /// It may have happened.
        doubt: bool,
        /// It does not count among the tries: we stopped, not it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        uncounted: bool,
    },
    /// A person cleared the doubt.
    Cleared {
        at: Item,
    },
    TaskClaimed {
        at: Item,
        by: Arc<str>,
    },
    TaskReleased {
        at: Item,
    },
    /// The task is for others now.
    TaskHandedOver {
        at: Item,
        who: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        delegated_by: Option<Arc<str>>,
    },
    /// The event's words are put on the task.
    Commented {
        at: Item,
    },
    /// Who acted, for whom, and through which word of those asked.
    Acted {
        at: Item,
        acts: Box<Acts>,
    },
    /// A task's due instant passed. Ends nothing.
    Late {
        at: Item,
    },
    /// A due time was worked out, with all that it sets off.
    Clock {
        at: Item,
        set: Box<ClockSet>,
    },
    /// The clock stands: because of the file, or of a person.
    Stands {
        at: Item,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<Arc<str>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        person: Option<StoppedBy>,
    },
    /// One of two reasons for which the clock stands is gone, and it stands on.
    StandsOn {
        at: Item,
        /// The person's; else the file's.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        person: bool,
    },
    /// More time was asked for. It is granted by a clock that is set anew.
    MoreTimeAsked {
        at: Item,
        asked: Box<MoreTime>,
    },
    /// A rung's time came.
    Rung {
        at: Item,
        n: u16,
        rung: u16,
        #[serde(default, skip_serializing_if = "is_zero")]
        nth: u32,
        did: RungDid,
        /// Of one that comes again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<Millis>,
    },
    /// The flow goes back: these steps are covered.
    GoingBack {
        #[serde(default, skip_serializing_if = "is_the_run")]
        scope: ScopeNo,
        /// `None`: a person's word, which is not counted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        way: Option<u16>,
        cover: Vec<StepNo>,
        #[serde(default)]
        after_ms: i64,
    },
    /// Everything covered is over and taken back; the pause before the next round lasts until then.
    BackPaused {
        #[serde(default, skip_serializing_if = "is_the_run")]
        scope: ScopeNo,
        until: Millis,
    },
    /// The covered steps have their next round.
    Round {
        #[serde(default, skip_serializing_if = "is_the_run")]
        scope: ScopeNo,
        steps: Vec<StepNo>,
    },
    /// Somebody left an undo that failed as it is, on record.
    Left {
        at: Item,
    },
    /// The run closes: nothing of the main section starts any more.
    Closing {
        #[serde(default, skip_serializing_if = "is_the_run")]
        scope: ScopeNo,
        ending: Ending,
        /// Whose failure, `on` or `end` it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by_step: Option<StepNo>,
        /// Where the way back led that was used up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        used_up: Option<StepNo>,
        /// The holding step was withdrawn, and this scope with it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        withdrawn: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<RunError>,
        #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
        output: Option<Raw>,
    },
    /// All is withdrawn; what must be taken back is, and the closing section runs.
    Finishing {
        #[serde(default, skip_serializing_if = "is_the_run")]
        scope: ScopeNo,
    },
    Ended {
        #[serde(default, skip_serializing_if = "is_the_run")]
        scope: ScopeNo,
        state: EndState,
        outcome: Arc<str>,
        #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
        output: Option<Raw>,
    },
    /// Opened again; steps of the closing sections have a new round.
    Reopened {
        #[serde(default, skip_serializing_if = "is_the_run")]
        scope: ScopeNo,
        opening: u32,
        closing_steps: Vec<StepNo>,
    },
    /// Another was over first (`needs = { first }`): this one's result is wanted no more.
    Outrun {
        s: StepNo,
        #[serde(default, skip_serializing_if = "is_the_run")]
        scope: ScopeNo,
    },
    /// The owner says "again" of a step whose `when` or `each` failed: they are asked anew.
    Anew {
        s: StepNo,
        #[serde(default, skip_serializing_if = "is_the_run")]
        scope: ScopeNo,
    },
    /// The run goes on under another text: where each step of it was in the one before.
    Migrated(Box<Mapping>),
    /// The event's input is put on the run.
    InputJoined {},
}

impl Fact {
    /// The scope in which something changed.
    #[must_use]
    pub fn scope(&self) -> Option<ScopeNo> {
        match self {
            Self::StepOpened { scope, .. }
            | Self::StepOver { scope, .. }
            | Self::Outrun { scope, .. }
            | Self::Anew { scope, .. }
            | Self::GoingBack { scope, .. }
            | Self::BackPaused { scope, .. }
            | Self::Round { scope, .. }
            | Self::Closing { scope, .. }
            | Self::Finishing { scope }
            | Self::Ended { scope, .. }
            | Self::Reopened { scope, .. } => Some(*scope),
            Self::Over { at, .. } | Self::Left { at } => Some(at.scope),
            Self::Opened { .. } => Some(ScopeNo::RUN),
            Self::Entered { .. }
            | Self::Missed { .. }
            | Self::Cleared { .. }
            | Self::TaskClaimed { .. }
            | Self::TaskReleased { .. }
            | Self::TaskHandedOver { .. }
            | Self::Commented { .. }
            | Self::Acted { .. }
            | Self::Late { .. }
            | Self::InputUpdated { .. }
            | Self::Clock { .. }
            | Self::Stands { .. }
            | Self::StandsOn { .. }
            | Self::MoreTimeAsked { .. }
            | Self::Rung { .. }
            | Self::InputJoined {} => None,
            Self::Migrated(_) => Some(ScopeNo::RUN),
        }
    }
}

/// How the steps of one text stand to those of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    pub to: TextHash,
    /// For each step of the new text its number in the old one; none for a new step.
    pub steps: Vec<Option<StepNo>>,
    /// The steps that hold steps: the first of these, and how many they are with all that they hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<(StepNo, StepNo, u16)>,
    /// The numbers of ways back, old and new.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ways: Vec<(u16, u16)>,
    /// Of steps whose rungs are others now: the numbers of those that stay, old and new.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rungs: Vec<(StepNo, Vec<(u16, u16)>)>,
}

/// The first failure: `run.error`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunError {
    pub step: Arc<str>,
    #[serde(default)]
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    #[default]
    None,
    OfEvent,
    Is(Raw),
}

impl Output {
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// An item that is not over. Carries exactly what is valid in that state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Queued {},
    Running {
        a: u32,
        /// This commit is the intent; the call goes out at once.
        begun: bool,
        /// With the key's first attempt: what every attempt sends, and how careful one must be.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        first: Option<Box<First>>,
    },
    Stopping {
        a: u32,
    },
    Resting {
        until: Millis,
    },
    Unknown {
        a: u32,
    },
    Asking {
        a: u32,
        why: Box<Question>,
    },
    Asked {
        a: u32,
        task: Box<TaskSheet>,
    },
    Sleeping {
        a: u32,
        until: Millis,
    },
    Child {
        a: u32,
        child: RunId,
        workflow: Arc<str>,
        with: Raw,
        /// Not waited for: once it is on its way, this is done.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        detach: bool,
    },
    StoppingChild {
        a: u32,
        child: RunId,
    },
    /// Waits for a place; `a` is the attempt that then begins.
    Slot {
        a: u32,
        ask: Box<SlotAsk>,
    },
    Listening {
        a: u32,
        to: Box<Listening>,
    },
    /// The item of a step that holds steps: a scope with so many steps from the first on.
    Holding {
        a: u32,
        scope: ScopeNo,
        first: StepNo,
        steps: u16,
    },
}

impl Standing {
    /// The attempt by which it stands here; none between attempts.
    #[must_use]
    pub fn attempt(&self) -> Option<u32> {
        match self {
            Self::Queued {} | Self::Resting { .. } => None,
            Self::Running { a, .. }
            | Self::Stopping { a }
            | Self::Unknown { a }
            | Self::Asking { a, .. }
            | Self::Asked { a, .. }
            | Self::Sleeping { a, .. }
            | Self::Child { a, .. }
            | Self::StoppingChild { a, .. }
            | Self::Slot { a, .. }
            | Self::Listening { a, .. }
            | Self::Holding { a, .. } => Some(*a),
        }
    }
}

/// What one asks for who wants a place among those that share a limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotAsk {
    pub key: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    #[serde(default)]
    pub priority: i32,
}

/// What a step waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listening {
    pub event: Arc<str>,
    pub key: Arc<str>,
    /// What the payload must be, worked out.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub filter: Option<Raw>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Millis>,
    /// `on.late` is written: at the due instant the wait ends.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ends_late: bool,
}

/// What somebody said of an open task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    pub by: Arc<str>,
    pub at: Millis,
    pub text: Arc<str>,
}

/// What was worked out once for a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct First {
    pub with: Raw,
    pub effect: Effect,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub give_up: Option<Millis>,
}

/// What the owner is asked when the file has no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Try it again, go on without it, or fail.
    Failed { failure: Failure },
    /// Try it again, or leave it.
    UndoFailed { failure: Failure },
    /// What a due time set off failed: try it again, or leave it.
    RungFailed { failure: Failure },
    /// One more round, go on with this result, or fail.
    WayUsedUp {
        way: u16,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outcome: Option<Arc<str>>,
        #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
        output: Option<Raw>,
    },
}

/// A task as its reader sees it, worked out when it opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSheet {
    pub title: Arc<str>,
    /// As written: `group:热线`. Who that is, is asked when somebody looks.
    pub who: Vec<String>,
    /// Words of the file that named nobody when it opened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nobody: Vec<String>,
    /// One of them gets it, and who that is is not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choose: Option<Choose>,
    /// Who may not, whoever else may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not: Vec<String>,
    /// Somebody gave it to those that `who` names now, who answer for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegated_by: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Millis>,
    /// `on.late` is written: at the due instant the task ends.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ends_late: bool,
}
