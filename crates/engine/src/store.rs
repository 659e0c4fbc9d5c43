//! The port to the store: what is committed, in one batch and acknowledged as a whole; and what can be read.

mod cases;
mod registers;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use yizhan_workflow::id::{Attempt, Item, Millis, RunId, TaskId, TextHash};
use yizhan_workflow::plan::Source;
use yizhan_workflow::run::event::{Raw, SlotAsk};
pub use yizhan_workflow::run::state::TaskKind;

pub use cases::{CaseFilter, CaseReads, TaskEnd, TaskState, case_of_run, case_of_task};
pub use registers::{
    HEAD_MARK, NewEntry, Present, PresentFilter, PresentPage, RegisterReads, Standing, TakenNumber, heads_in,
};

/// One decided event of one run and everything that must stand or fall with it.
#[derive(Debug, Clone)]
pub struct Change {
    pub run: RunId,
    /// The line's place in the run's journal, from 1.
    pub seq: u32,
    pub at: Millis,
    /// `{"rules":…,"world":…,"event":{…},"did":[…]}`.
    pub line: Box<[u8]>,
    /// Written at the start, when the kind of waiting changes and at the end; not per step.
    pub row: Option<Box<RunRow>>,
    /// State after this line, when it is due.
    pub snapshot: Option<Box<[u8]>>,
    /// The run's earliest timer; `Some(None)` takes it away.
    pub wake: Option<Option<Millis>>,
    pub tasks: Vec<TaskChange>,
    /// Written after the tasks: they fall with the task they are about.
    pub notices: Vec<Notice>,
    /// Places asked for, taken and given back.
    pub slots: Vec<SlotChange>,
    /// A place was given that counts against a `rate`.
    pub grant: Option<Grant>,
    /// Who listens for an event, and who does no more.
    pub listeners: Vec<ListenerChange>,
    /// With the first line: what may refuse it.
    pub start: Option<Box<Start>>,
    /// For whoever waits for this run.
    pub tell_parent: Option<Box<Tell>>,
    /// This line is the parent's receipt of that child's end.
    pub told_by: Option<RunId>,
}

/// What a first line claims. If one of them is taken, nothing of the change is written and it is refused.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// Held by an open run of the same workflow and key that is no child: it is named in the refusal.
    pub claim: Option<Claim>,
    /// The firing that caused it: (workflow, trigger, id), unique for ever: a slot of a schedule, a message id, a file.
    pub firing: Option<Firing>,
    /// What was gathered for it.
    pub takes: Option<Takes>,
}

/// What a trigger with `gather` brought, until a run takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gathered {
    /// Its place in the order of their coming; the store gives it.
    pub number: u64,
    pub workflow: Arc<str>,
    pub trigger: Arc<str>,
    pub at: Millis,
    /// The firing that brought it, where that has an id: what came before is not kept twice.
    pub firing: Option<Firing>,
    pub item: Raw,
}

/// The gathered items of a trigger that a run takes: those before an instant, up to a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Takes {
    pub workflow: Arc<str>,
    pub trigger: Arc<str>,
    pub before: Millis,
    pub upto: u64,
}

/// How much a trigger gathered that no run has taken yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heap {
    pub workflow: Arc<str>,
    pub trigger: Arc<str>,
    pub items: u64,
    pub oldest: Millis,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub workflow: Arc<str>,
    pub key: Arc<str>,
    /// Runs that began before this no longer count, even if they are open; `None`: only open runs count.
    /// `Some(Millis(i64::MIN))`: every run ever counts.
    pub since: Option<Millis>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firing {
    pub workflow: Arc<str>,
    pub trigger: Arc<str>,
    /// What tells it from others: the slot in milliseconds, a message id, a file's hash with its name.
    pub id: String,
    pub at: Millis,
    /// What became of it: `started`, `joined`, `skipped`, `late`, … with why.
    pub outcome: FiringOutcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FiringOutcome {
    Started,
    Joined,
    Rejected,
    Skipped,
    Late,
    Missed,
    Queued,
    Failed,
    /// Kept for the run of the next slot.
    Gathered,
}

/// The end of a child, kept until its parent has it in its journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tell {
    pub child: RunId,
    pub parent: RunId,
    /// The `ChildEnded` event as JSON.
    pub event: Box<[u8]>,
}

/// A word to a person that a task waits for them, kept until it went out or the task is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its key, the same for every attempt: `run_…/pay/1/0/ask2`.
    pub key: Arc<str>,
    pub task: TaskId,
    pub at: Millis,
    /// What it tells, as JSON; who gets it is looked up when it goes out.
    pub letter: Box<[u8]>,
}

/// A trigger that somebody paused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerPause {
    pub workflow: Arc<str>,
    pub trigger: Arc<str>,
    pub by: Arc<str>,
    pub at: Millis,
    pub reason: Arc<str>,
    /// Of events it had seen those up to here.
    pub seen: u64,
    /// It goes on, and has yet to see the events that came meanwhile.
    pub over: bool,
}

/// Whose form a draft is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum DraftOf {
    Task(TaskId),
    /// By which a workflow is begun, or a trigger of it fired by hand.
    Start {
        workflow: Arc<str>,
        trigger: Option<Arc<str>>,
    },
}

/// Before the names of a start form. No task's id has it.
pub const DRAFT_OF_START: &str = "start/";

impl DraftOf {
    /// The word by which stores find it.
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Self::Task(task) => task.to_string(),
            Self::Start { workflow, trigger } => {
                format!("{DRAFT_OF_START}{workflow}/{}", trigger.as_deref().unwrap_or_default())
            }
        }
    }
}

/// What somebody has filled in of a form and not sent. It is theirs alone and decides nothing: so it is in no journal. That of
/// a task goes with the task; that of a start form when it is sent, and some weeks after its writer was last at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub of: DraftOf,
    pub by: Arc<str>,
    pub at: Millis,
    pub fields: Raw,
}

/// Under this workflow and trigger, which no file has, it is kept up to when open tasks were told of.
pub const DIGEST: (&str, &str) = ("", "digest");

/// An item that asks for a place among those that share a limit, or has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotRow {
    pub run: RunId,
    /// The attempt that begins, or has begun, with the place.
    pub of: Attempt,
    pub ask: SlotAsk,
    /// When the item first asked: a retry keeps its place in the line.
    pub asked: Millis,
    pub stands: SlotStands,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotStands {
    Waits,
    Holds,
    /// A run above holds a place of the same key: this one has its share in it and counts nothing.
    Inside,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlotChange {
    /// There is one row per item.
    Stands(Box<SlotRow>),
    Free {
        run: RunId,
        item: Item,
    },
}

/// A place that was given, for as long as a `rate` counts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub key: Arc<str>,
    pub at: Millis,
    /// No window that counts it reaches further.
    pub until: Millis,
}

/// Something that was made known, for whoever waits for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its place in the order of their coming; the store gives it.
    pub number: u64,
    /// Unique with the name, for as long as events are kept.
    pub id: Arc<str>,
    pub name: Arc<str>,
    pub key: Arc<str>,
    pub payload: Raw,
    pub at: Millis,
}

/// An item that waits for an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Its place in the order of their coming; the store gives it.
    pub number: u64,
    pub run: RunId,
    pub of: Attempt,
    pub name: Arc<str>,
    pub key: Arc<str>,
    pub filter: Option<Raw>,
    /// What was published before is not for it: its run began then.
    pub since: Millis,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenerChange {
    /// There is one row per item.
    Opened(Box<Listener>),
    Closed {
        run: RunId,
        item: Item,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    Open,
    Closing,
    Done,
    Failed,
    Cancelled,
}

/// What lists show of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRow {
    pub id: RunId,
    pub workflow: Arc<str>,
    pub text: TextHash,
    pub state: RunState,
    /// The word of its end: `done`, `cancelled: …`.
    pub outcome: Option<Arc<str>>,
    pub key: Option<Arc<str>>,
    /// What it waits for, in a word: `step`, `child`, `unknown`, `task`, `slot`, `event`, `time`, none when it is over.
    pub waits: Option<Arc<str>>,
    pub started: Millis,
    pub ended: Option<Millis>,
    pub by: Arc<str>,
    pub parent: Option<RunId>,
    /// The file's own due time.
    pub due: Option<Millis>,
    /// Its clock was stopped before it was late.
    pub stands: bool,
    /// The most that a step of it had, known at the end.
    pub rounds: u32,
}

impl RunRow {
    /// Whether it was not over by its due time; of one that is open, so far.
    #[must_use]
    pub fn is_late(&self, now: Millis) -> bool {
        self.due.is_some_and(|due| !self.stands && due <= self.ended.unwrap_or(now))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskChange {
    Open(Box<TaskRow>),
    /// It has other people or another due time. What is to be told of its opening stands.
    Changed(Box<TaskRow>),
    /// `None`: given back.
    Claimed {
        id: TaskId,
        by: Option<Arc<str>>,
    },
    /// It is no more, and nothing is kept of it.
    Closed {
        id: TaskId,
    },
    /// Answered, decided or withdrawn: it is kept for figures.
    Ended {
        id: TaskId,
        end: TaskEnd,
    },
}

/// An open task. Those that are over are read from the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRow {
    pub id: TaskId,
    pub run: RunId,
    pub workflow: Arc<str>,
    /// Names item and attempt: `{"s":3,"r":1,"a":1}`.
    pub of: String,
    pub step: Arc<str>,
    pub kind: TaskKind,
    pub title: Arc<str>,
    pub who: Vec<String>,
    pub due: Option<Millis>,
    /// Its clock was stopped before it was late.
    pub stands: bool,
    pub opened: Millis,
    pub claimed_by: Option<Arc<str>>,
}

impl TaskRow {
    #[must_use]
    pub fn is_late(&self, now: Millis) -> bool {
        self.due.is_some_and(|due| !self.stands && due <= now)
    }

    /// By which lists of tasks are ordered, so that what is late comes first: the due time; nothing presses where there is
    /// none or its clock stands.
    #[must_use]
    pub fn presses(&self) -> Millis {
        self.due.filter(|_| !self.stands).unwrap_or(Millis(i64::MAX))
    }
}

/// Why a change was not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// An earlier run holds the key.
    KeyHeld { by: RunId },
    /// This firing has been dealt with; by this run, if it started one.
    FiredBefore { run: Option<RunId> },
    /// This run exists already: a child started again after a crash.
    Exists,
}

/// The answer to a batch, in its order.
pub type Acks = Vec<Result<(), Refused>>;

/// What the writer is given besides changes of runs.
#[derive(Debug, Clone)]
pub enum Note {
    /// A workflow's text, kept by hash. Known ones are left as they are.
    Text {
        hash: TextHash,
        source: Arc<Source>,
    },
    /// A firing that started no run, or the last slot a schedule was looked at.
    Firing(Firing),
    /// A firing that a run took in beside the one that started it.
    FiredInto {
        firing: Firing,
        run: RunId,
        takes: Option<Takes>,
    },
    /// Nothing, where its firing is known.
    Gathered(Gathered),
    ScheduleSeen {
        workflow: Arc<str>,
        trigger: Arc<str>,
        at: Millis,
    },
    /// The parent has moved on and will not take this child's end.
    Told {
        child: RunId,
    },
    /// Open tasks were told of up to here: that they were, and the letters that say it.
    Digest {
        at: Millis,
        letters: Vec<Notice>,
    },
    /// In the place of this notice one for each of its readers; nothing, where it is gone.
    Apart {
        key: Arc<str>,
        letters: Vec<Notice>,
    },
    /// This notice went out.
    Noticed {
        key: Arc<str>,
    },
    /// In the place of the one before; nothing, where its task is not open any more.
    Draft(Draft),
    DraftDropped {
        of: DraftOf,
        by: Arc<str>,
    },
    /// In the place of the one before.
    TriggerPaused(TriggerPause),
    TriggerResumed {
        workflow: Arc<str>,
        trigger: Arc<str>,
    },
    /// What has its name and id already is left as it is.
    Published(Published),
    /// A new line of a register.
    Entry(Box<NewEntry>),
    /// A number of a sequence.
    Number(Box<TakenNumber>),
    /// Every open run has been looked at under these calendars.
    CalendarsSeen {
        digest: Arc<str>,
    },
    /// The triggers that fire on events have seen those up to this number.
    EventsSeen {
        number: u64,
    },
    /// Forgets events older than this.
    ForgetEvents {
        before: Millis,
    },
    /// Forgets drafts of start forms at which nobody was since; those of tasks go with the tasks.
    ForgetDrafts {
        before: Millis,
    },
    /// Writes something small, to see whether the disk takes it.
    Room {
        at: Millis,
    },
    /// Forgets firings older than this.
    ForgetBefore {
        at: Millis,
    },
}

/// What goes into one transaction, or waits for the next.
#[derive(Debug, Default)]
pub struct Batch {
    pub changes: Vec<Change>,
    pub notes: Vec<Note>,
    /// Released a plugin call: its result is expected soon, so a slow disk may wait for it (adaptive linger).
    pub released: u32,
}

impl Batch {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.notes.is_empty()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the disk is full: {0}")]
    Full(String),
    /// Nothing that was not acknowledged may be believed; the process must end and recover.
    #[error("the store cannot be trusted any more: {0}")]
    Broken(String),
    #[error("the store answered: {0}")]
    Failed(String),
}

/// Where journals live. All implementations pass the same contract tests.
///
/// `commit` blocks until the batch is on disk (synchronous=FULL) and is called from one thread only.
pub trait Store: Send {
    /// Everything in the batches in one transaction, or nothing. Returns one answer per change, batch by batch.
    fn commit(&mut self, batches: &[Batch]) -> Result<Vec<Acks>, StoreError>;

    /// Writes ahead what the next `commit` will bring, so that less is left to do then: the batches are the first ones of
    /// those. Nothing of it is there before that commit. What goes wrong is found again by it, and a store need not do
    /// anything.
    fn write_ahead(&mut self, batches: &[Batch]) {
        let _ = batches;
    }

    /// How long the last commit took, told apart: the writer waits for company only where the disk is slow.
    fn timing(&self) -> Timing {
        Timing::default()
    }
}

/// The parts of a commit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timing {
    /// Writing the rows, those written ahead too.
    pub apply: std::time::Duration,
    /// The `COMMIT` with its sync.
    pub commit: std::time::Duration,
}

/// A run as it is loaded: a snapshot and the lines after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub row: RunRow,
    pub snapshot: Option<Box<[u8]>>,
    /// Lines after the snapshot, in order.
    pub lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub seq: u32,
    pub at: Millis,
    pub body: Box<[u8]>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFilter {
    pub workflow: Option<String>,
    /// Only of these workflows: those that the caller may see.
    #[serde(default)]
    pub among: Option<Vec<String>>,
    pub state: Option<RunState>,
    /// Part of the key, as text.
    pub key: Option<String>,
    /// Each of them is found in what lists show of a run: its key, its workflow, the title of a task of it.
    #[serde(default)]
    pub words: Vec<Word>,
    pub parent: Option<RunId>,
    /// Only open and closing ones.
    #[serde(default)]
    pub open: bool,
    /// What it waits for, in the row's word.
    #[serde(default)]
    pub waits: Option<String>,
    /// Only those that are late by their own due time at this instant, or were when they ended.
    #[serde(default)]
    pub late: Option<Millis>,
    /// Who began it, as the row says it: `person:li.na`.
    #[serde(default)]
    pub by: Option<String>,
    /// Begun at or after this instant, and before that one.
    #[serde(default)]
    pub since: Option<Millis>,
    #[serde(default)]
    pub until: Option<Millis>,
}

/// A part of a text, small and large letters the same, without white space.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    pub text: String,
    /// All runs of these workflows have it: it is in their titles, which the store does not know.
    pub workflows: Vec<String>,
}

/// Newest first, after a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub rows: Vec<T>,
    /// What to ask with for the next page; none on the last.
    pub next: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskFilter {
    pub run: Option<RunId>,
    /// One of these in `who` (the caller resolves a person to itself, its groups and roles), or claimed by it.
    pub who: Option<Vec<String>>,
    /// Only those that are late at this instant.
    pub late: Option<Millis>,
}

/// So many tasks that are over are looked through for the answers of one person.
pub const PAST_LOOKED: usize = 10_000;

/// A part of what somebody answered, and behind which task it goes on.
pub type Answers = (Vec<(TaskRow, TaskEnd)>, Option<(Millis, TaskId)>);

/// Lists and pages, on connections of their own; may be called from any thread.
pub trait Reads: RegisterReads + CaseReads + Send + Sync {
    fn run(&self, id: RunId) -> Result<Option<Stored>, StoreError>;
    fn row(&self, id: RunId) -> Result<Option<RunRow>, StoreError>;
    /// The runs whose ids lie between these two, both counted in, ascending.
    fn runs_between(&self, first: RunId, last: RunId, most: usize) -> Result<Vec<RunId>, StoreError>;
    /// The lines after this one, in order.
    fn journal(&self, id: RunId, after: u32, most: usize) -> Result<Vec<Line>, StoreError>;
    fn runs(&self, filter: &RunFilter, cursor: Option<&str>, most: usize)
    -> Result<Page<RunRow>, StoreError>;
    fn count_by_state(&self) -> Result<Vec<(RunState, u64)>, StoreError>;
    /// How many runs of a workflow that are not over go by each of its texts.
    fn open_by_text(&self, workflow: &str) -> Result<Vec<(TextHash, u64)>, StoreError>;
    /// Ids of all runs that are not over, ascending.
    fn open_runs(&self, after: Option<RunId>, most: usize) -> Result<Vec<RunId>, StoreError>;
    /// Runs whose `waits` is `step` or `child`: attempts were under way, or a child may not have begun. What recovery
    /// loads first.
    fn runs_in_flight(&self) -> Result<Vec<RunId>, StoreError>;
    /// The open run of this workflow that holds this key, if any. The keys of children hold nothing.
    fn holder(&self, workflow: &str, key: &str) -> Result<Option<RunId>, StoreError>;
    fn text(&self, hash: &TextHash) -> Result<Option<Source>, StoreError>;
    /// Wake-ups up to `until`, earliest first.
    fn wakes(&self, until: Millis, most: usize) -> Result<Vec<(Millis, RunId)>, StoreError>;
    fn next_wake(&self) -> Result<Option<Millis>, StoreError>;
    fn task(&self, id: &TaskId) -> Result<Option<TaskRow>, StoreError>;
    /// What is late first, then by due times; the oldest first where none presses.
    fn tasks(
        &self,
        filter: &TaskFilter,
        cursor: Option<&str>,
        most: usize,
    ) -> Result<Page<TaskRow>, StoreError>;
    /// A task that is over, as it was, and how it ended.
    fn past_task(&self, task: &TaskId) -> Result<Option<(TaskRow, TaskEnd)>, StoreError>;
    /// What this person answered, the newest first, before one that was over at an instant; of the `PAST_LOOKED` tasks that
    /// were over last before it. With it where it goes on; none: there is no more.
    fn answers_of(
        &self,
        by: &str,
        before: Option<(Millis, &TaskId)>,
        most: usize,
    ) -> Result<Answers, StoreError>;
    /// What this person has filled in of a form.
    fn draft(&self, of: &DraftOf, by: &str) -> Result<Option<Draft>, StoreError>;
    /// All triggers that are paused, or have yet to see what came meanwhile.
    fn pauses(&self) -> Result<Vec<TriggerPause>, StoreError>;
    /// Ends of children that their parents have not taken yet.
    fn tells(&self) -> Result<Vec<Tell>, StoreError>;
    /// Notices that did not go out yet, the oldest first; those after an instant and a key, or from the first on.
    fn notices(&self, after: Option<(Millis, &str)>, most: usize) -> Result<Vec<Notice>, StoreError>;
    /// Places that are held, inside another's too; of one key or of all.
    fn slot_holders(&self, key: Option<&str>) -> Result<Vec<SlotRow>, StoreError>;
    /// Who waits for a place of this key, the next one first.
    fn slot_line(&self, key: &str, most: usize) -> Result<Vec<SlotRow>, StoreError>;
    /// The keys that somebody waits for.
    fn slot_keys(&self) -> Result<Vec<Arc<str>>, StoreError>;
    /// The row of an item, and how many wait before it.
    fn slot(&self, run: RunId, item: Item) -> Result<Option<(SlotRow, u64)>, StoreError>;
    /// Those that a window still counts, the oldest first.
    fn grants(&self, now: Millis) -> Result<Vec<Grant>, StoreError>;
    fn event(&self, name: &str, id: &str) -> Result<Option<Published>, StoreError>;
    /// Events of this name and key that were accepted at `since` or later, the oldest first, after this number.
    #[expect(clippy::too_many_arguments, reason = "which, since when, and the page of them")]
    fn events(
        &self,
        name: &str,
        key: &str,
        since: Millis,
        after: u64,
        most: usize,
    ) -> Result<Vec<Published>, StoreError>;
    /// All events after this number, the oldest first.
    fn events_after(&self, after: u64, most: usize) -> Result<Vec<Published>, StoreError>;
    /// The calendars under which every open run was looked at last.
    fn calendars_seen(&self) -> Result<Option<Arc<str>>, StoreError>;
    /// Up to where the triggers have seen them.
    fn events_seen(&self) -> Result<u64, StoreError>;
    /// Who listens for this name and key, the first to listen first, after this number.
    fn listeners(&self, name: &str, key: &str, after: u64, most: usize) -> Result<Vec<Listener>, StoreError>;
    /// The row of an item that listens.
    fn listener(&self, run: RunId, item: Item) -> Result<Option<Listener>, StoreError>;
    /// Those for whom an event is there that may be theirs: all that a new process must look after.
    fn listeners_behind(&self, after: u64, most: usize) -> Result<Vec<Listener>, StoreError>;
    /// What a trigger gathered before an instant and no run has taken, the first to come first.
    fn gathered(
        &self,
        workflow: &str,
        trigger: &str,
        before: Millis,
        most: usize,
    ) -> Result<Vec<Gathered>, StoreError>;
    /// When the oldest of it came.
    fn gathered_since(&self, workflow: &str, trigger: &str) -> Result<Option<Millis>, StoreError>;
    /// How much there is, counted no further than `most`.
    fn gathered_count(&self, workflow: &str, trigger: &str, most: usize) -> Result<usize, StoreError>;
    /// Every trigger of which something was gathered.
    fn heaps(&self) -> Result<Vec<Heap>, StoreError>;
    fn schedule_seen(&self, workflow: &str, trigger: &str) -> Result<Option<Millis>, StoreError>;
    fn firing(
        &self,
        workflow: &str,
        trigger: &str,
        id: &str,
    ) -> Result<Option<(FiringOutcome, Option<RunId>)>, StoreError>;
    /// The newest firings of a trigger.
    fn firings(
        &self,
        workflow: &str,
        trigger: &str,
        most: usize,
    ) -> Result<Vec<(Firing, Option<RunId>)>, StoreError>;
    fn last_run(&self) -> Result<Option<RunId>, StoreError>;
    /// The store's own name, made when it was: goes into every outward key.
    fn house(&self) -> Result<String, StoreError>;
    /// Looks for damage: SQLite's own check. Sentences, none when all is well.
    fn verify(&self) -> Result<Vec<String>, StoreError>;
}
