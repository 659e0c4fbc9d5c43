//! The engine from outside: start runs, act on them, look at how it does. Every answer comes after the commit.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher};
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, broadcast, oneshot};
use yizhan_workflow::definition::{self, completing};
use yizhan_workflow::id::{Attempt, Millis, RunId};
use yizhan_workflow::plan::ActionName;
use yizhan_workflow::problem::Lang;
use yizhan_workflow::run::Refusal;
use yizhan_workflow::run::World;
use yizhan_workflow::run::event::{AttemptResult, Event, Failure, Raw};
use yizhan_workflow::schedule::Schedule;

use crate::carrier::{Call, Carriers, Completion, Completions};
use crate::changed::{Changed, Changes};
use crate::chats::{self, Chat};
use crate::engine::Loop;
use crate::gathering::{self, Rooms};
use crate::inbox::Inbox;
use crate::intake::{Gathers, IntakeError, Prepared};
use crate::letter;
use crate::library::{Entry, Library, Workflows};
use crate::link::Links;
use crate::notices::Untold;
use crate::pausing::{Pauses, Pausing};
use crate::registers::{Fault, Signet, Tallies};
use crate::store::{Batch, Firing, FiringOutcome, Gathered, Note, Published, Reads, Store, StoreError};
use crate::sync::{nap, thread};
use crate::writer::{ByHand, Writer, WriterFigures, Written};

/// Ends that a slow listener may be behind.
const ENDED_KEPT: usize = 4_096;

/// After a standstill there may be a hundred thousand that are due. Nothing is overtaken, as a run's own clock speaks before
/// whatever comes to it.
const LOT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(255);

/// What bounds the engine.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Attempts that plugins may have at once; more wait.
    pub attempts_max: usize,
    /// Requests that may wait for the loop; more are told to come again.
    pub requests_max: usize,
    /// Attempts that may wait for a place before no more runs are begun.
    pub queued_max: usize,
    /// Runs that wake, or go on after a start, in one turn of the loop: what comes from outside has its turn between them.
    pub lot: NonZeroUsize,
    /// For so many milliseconds events are kept.
    pub events_keep: i64,
    /// Carries the word that a run asks its owner; none: nobody is told.
    pub tell: Option<ActionName>,
    /// Group chats that get the words to people as well.
    pub chats: Vec<Chat>,
    /// It carries a word to those whose task opens as well.
    pub tell_tasks: bool,
    /// When people are told of all that is open for them; none: never.
    pub digest: Option<Schedule>,
    /// Makes the links of the mails; none: mails have no links.
    pub links: Option<Links>,
    /// Signs the lines of registers; none: nothing is signed.
    pub signet: Option<Signet>,
    /// The house's language, in which that is said.
    pub lang: Lang,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            attempts_max: 1_024,
            requests_max: 10_000,
            queued_max: 100_000,
            lot: LOT,
            events_keep: 30 * 24 * 3_600_000,
            tell: None,
            chats: vec![],
            tell_tasks: false,
            digest: None,
            links: None,
            signet: None,
            lang: Lang::Zh,
        }
    }
}

/// The clock: the daemon's is the machine's, a test's stands where it is put.
pub trait Clock: Send + Sync {
    fn now(&self) -> Millis;
}

/// What the loop and everybody else look at together.
pub struct Shared {
    pub library: Library,
    pub reads: Arc<dyn Reads>,
    pub config: EngineConfig,
    pub figures: Figures,
    pub untold: Untold,
    /// Everything that was under way goes on.
    pub ready: AtomicBool,
    /// What comes is taken in.
    pub takes_in: AtomicBool,
    pub stopped: AtomicBool,
    /// Rings when an event is on disk, for the triggers that wait for one.
    pub published: Notify,
    /// How much more triggers with `gather` may keep.
    pub(crate) gathered: Rooms,
    /// Runs that are over, once that is on disk. Who lags behind looks at the store.
    pub ended: broadcast::Sender<RunId>,
    /// Triggers that start nothing now.
    pub(crate) pauses: Pauses,
    /// What changed, for whoever shows it.
    pub changes: Changes,
    world: RwLock<Arc<World>>,
    broken: Mutex<Option<String>>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("figures", &self.figures).finish_non_exhaustive()
    }
}

impl Shared {
    pub fn world(&self) -> Arc<World> {
        self.world.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Why nobody would be told if a run asked its owner now.
    #[must_use]
    pub fn tell_fault(&self, language: Lang) -> Option<String> {
        let (config, world) = (&self.config, self.world());
        let all_hear = config.tell.is_none() && config.chats.iter().any(|chat| chat.whose.is_empty());
        let mails = || letter::fault(config.tell.as_ref(), &world.catalogue, language).filter(|_| !all_hear);
        mails().or_else(|| chats::fault(config, &world.catalogue, language))
    }

    pub(crate) fn break_down(&self, why: String) {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
        self.changes.say(Changed::House);
    }
}

/// Counters since the start.
#[derive(Debug, Default)]
pub struct Figures {
    pub turns: AtomicU64,
    pub live: AtomicU64,
    /// Runs that were under way when we started, and those of them that do not go on yet.
    pub cut: AtomicU64,
    pub recovering: AtomicU64,
    pub calls: AtomicU64,
    pub queued: AtomicU64,
    /// Events that are still to be offered to those that listen.
    pub offers: AtomicU64,
    pub attempts_done: AtomicU64,
    pub attempts_failed: AtomicU64,
    pub attempts_lost: AtomicU64,
    pub requests: AtomicU64,
    /// Words that a run asks its owner.
    pub notices_sent: AtomicU64,
    pub notices_failed: AtomicU64,
    /// Looks at schedules, and doorbells, and those who answer them, that were replaced.
    pub schedule_looks: AtomicU64,
    pub bells_replaced: AtomicU64,
}

impl Figures {
    pub(crate) fn count_notice(&self, gone_out: bool) {
        let place = if gone_out { &self.notices_sent } else { &self.notices_failed };
        place.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count(&self, result: &AttemptResult) {
        let place = match result {
            AttemptResult::Done { .. } => &self.attempts_done,
            AttemptResult::Failed(_) => &self.attempts_failed,
            AttemptResult::Lost { .. } => &self.attempts_lost,
        };
        place.fetch_add(1, Ordering::Relaxed);
    }
}

/// What the loop is told.
pub(crate) enum Message {
    Completed(Vec<Completion>),
    Written(Written),
    Failed {
        run: RunId,
        of: Attempt,
        failure: Failure,
    },
    Start(Box<StartRequest>),
    Act(Box<Act>),
    Note(Note, Option<Reply>),
    Publish(Box<Published>, Reply),
    Gather(Box<Gathered>, Reply),
    Pause(Box<Pausing>, Reply),
    /// Somebody writes into a register by hand.
    Keep(Box<Call>, Reply),
    /// How many there are, for the step of a register in this turn.
    Judged(u64, Result<Box<Tallies>, Fault>),
    Ping(Reply),
    /// As `Ping`, but answered only once the writer has been past it, too.
    Probe(Reply),
    Stop,
    Drain,
}

pub(crate) struct StartRequest {
    pub prepared: Prepared,
    pub by: Arc<str>,
    pub firing: Option<Firing>,
    /// It was refused once, as this run held its key.
    pub met: Option<RunId>,
    pub reply: Reply,
}

pub(crate) struct Act {
    pub run: RunId,
    pub event: Event,
    pub reply: Reply,
}

/// What became of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartReply {
    Started(RunId),
    /// An open run with the same key took the input in.
    Joined(RunId),
    /// It is kept for the run of its trigger's next slot.
    Gathered {
        repeated: bool,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("there is no workflow `{0}`")]
    NoSuchWorkflow(String),
    #[error(transparent)]
    Intake(#[from] IntakeError),
    #[error("{by} holds this key")]
    KeyHeld { by: RunId },
    #[error("{most} firings are gathered and wait for their run; no more are kept")]
    Gathered { most: usize },
    #[error("this firing has been dealt with before")]
    FiredBefore { run: Option<RunId> },
    #[error(transparent)]
    Act(#[from] ActError),
}

#[derive(Debug, thiserror::Error)]
pub enum ActError {
    #[error("there is no {0}")]
    NoSuchRun(RunId),
    #[error(transparent)]
    Refused(Refusal),
    #[error("{0}")]
    Unreadable(String),
    #[error("too much is waiting; try again shortly")]
    Busy,
    #[error("the disk is full; nothing is taken in until there is space")]
    DiskFull,
    #[error("the daemon is stopping")]
    Stopping,
    #[error("this trigger is paused since {0}")]
    Paused(Millis),
}

/// Where an answer goes once it is on disk. Dropped unanswered, the asker learns that we stopped.
#[derive(Debug)]
pub(crate) enum Reply {
    Start { id: Option<StartReply>, to: oneshot::Sender<Result<StartReply, StartError>> },
    Act(oneshot::Sender<Result<(), ActError>>),
    Kept { output: Box<str>, to: oneshot::Sender<Result<Box<str>, KeepError>> },
    Pong(oneshot::Sender<()>),
}

impl Reply {
    pub(crate) fn of(self, run: RunId) -> Self {
        self.with(StartReply::Started(run))
    }

    pub(crate) fn joined(self, run: RunId) -> Self {
        self.with(StartReply::Joined(run))
    }

    fn with(self, reply: StartReply) -> Self {
        match self {
            Self::Start { to, .. } => Self::Start { id: Some(reply), to },
            other @ (Self::Act(_) | Self::Kept { .. } | Self::Pong(_)) => other,
        }
    }

    // An asker who no longer waits is not an error: sending to nobody is left at that.
    pub(crate) fn committed(self) {
        match self {
            Self::Start { id: Some(reply), to } => drop(to.send(Ok(reply))),
            Self::Start { id: None, .. } => {}
            Self::Act(to) => drop(to.send(Ok(()))),
            Self::Kept { output, to } => drop(to.send(Ok(output))),
            Self::Pong(to) => drop(to.send(())),
        }
    }

    pub(crate) fn pong(self) {
        self.committed();
    }

    pub(crate) fn failed(self, error: ActError) {
        match self {
            Self::Start { to, .. } => drop(to.send(Err(error.into()))),
            Self::Act(to) => drop(to.send(Err(error))),
            Self::Kept { to, .. } => drop(to.send(Err(KeepError::Act(error)))),
            Self::Pong(_) => {}
        }
    }

    /// The same of somebody who writes into a register.
    pub(crate) fn kept(self, answer: Result<Box<str>, KeepError>) {
        if let Self::Kept { to, .. } = self {
            drop(to.send(answer));
        }
    }

    /// With what is answered once it is on disk.
    pub(crate) fn giving(self, given: Box<str>) -> Self {
        match self {
            Self::Kept { to, .. } => Self::Kept { output: given, to },
            other @ (Self::Start { .. } | Self::Act(_) | Self::Pong(_)) => other,
        }
    }

    pub(crate) fn start_failed(self, error: StartError) {
        if let Self::Start { to, .. } = self {
            drop(to.send(Err(error)));
        }
    }
}

/// What somebody writes into a register by hand.
#[derive(Debug, Clone)]
pub struct Keeping {
    /// `append`, `amend`, `void`, `erase`.
    pub action: &'static str,
    /// As the step's `with`, JSON.
    pub with: String,
    /// What comes twice with one key is written once.
    pub key: Arc<str>,
    pub by: Arc<str>,
}

impl Keeping {
    /// As a step would call for it; nobody's run waits.
    pub(crate) fn call(self, now: Millis) -> Call {
        let Self { action, with, key, by } = self;
        Call {
            id: 0,
            plugin: "register".into(),
            action: action.into(),
            key,
            run: by,
            workflow: "".into(),
            step: "".into(),
            undo: false,
            round: 0,
            item: 0,
            attempt: 1,
            now_ms: now.0,
            timeout: None,
            input: with.into(),
            secrets: vec![],
        }
    }
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    #[error("{message}")]
    Refused { code: &'static str, message: String },
    #[error(transparent)]
    Act(ActError),
}

/// How a run is to begin.
#[derive(Debug)]
pub struct Started {
    pub prepared: Prepared,
    /// Who or what started it: `person:li.na`, `operator`, `trigger:hotline`.
    pub by: Arc<str>,
    /// Unique for ever: a slot, a message id, a file.
    pub firing: Option<Firing>,
}

/// Something that is to be made known.
#[derive(Clone, Debug)]
pub struct Publishing {
    /// With the name it tells the event from others; without it every one is one of its own.
    pub id: Option<String>,
    pub name: String,
    /// Whose business it is: as a rule the key of the runs that wait for it.
    pub key: String,
    pub payload: Raw,
}

/// An event that is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishReply {
    pub id: Arc<str>,
    /// It was published before under this name and id.
    pub repeated: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    #[error("an event needs a {what} of 1 to {NAME_MAX} characters")]
    Name { what: &'static str },
    #[error("the event's key has more than {KEY_MAX} characters")]
    Key,
    #[error("the event's payload has {0} bytes; {PAYLOAD_MAX} are allowed")]
    TooLarge(usize),
    #[error(transparent)]
    Act(#[from] ActError),
}

/// Bounds of an event.
const NAME_MAX: usize = 255;
const KEY_MAX: usize = 1_024;
const PAYLOAD_MAX: usize = 1024 * 1024;
/// Events that may wait to be offered before no more are taken in.
const OFFERS_MAX: u64 = 1_000;

impl Publishing {
    pub(crate) fn at(self, at: Millis) -> Result<Published, PublishError> {
        let Self { id, name, key, payload } = self;
        let (id, name) = (id.unwrap_or_else(|| minted(at)), name.trim());
        for (what, said) in [("name", name), ("id", id.as_str())] {
            if said.is_empty() || said.chars().count() > NAME_MAX {
                return Err(PublishError::Name { what });
            }
        }
        if key.chars().count() > KEY_MAX {
            return Err(PublishError::Key);
        }
        if payload.get().len() > PAYLOAD_MAX {
            return Err(PublishError::TooLarge(payload.get().len()));
        }
        Ok(Published { number: 0, id: id.into(), name: name.into(), key: key.into(), payload, at })
    }
}

/// An id for an event that brings none.
fn minted(at: Millis) -> String {
    let random = std::hash::RandomState::new().build_hasher().finish();
    format!("{:x}-{random:016x}", at.0)
}

/// The engine as everybody but its own threads sees it.
#[derive(Clone)]
pub struct Engine {
    inbox: Arc<Inbox<Message>>,
    pub shared: Arc<Shared>,
    pub writer: Arc<WriterFigures>,
    waiting: Arc<AtomicU64>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("shared", &self.shared).finish_non_exhaustive()
    }
}

/// How the engine does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// It takes in what comes.
    pub takes_in: bool,
    /// What was under way when it started goes on, too.
    pub ready: bool,
    /// Of so many runs that were under way, so many do not go on yet.
    pub recovering: Option<(u64, u64)>,
    pub disk_full: bool,
    pub broken: Option<String>,
}

/// An engine whose carriers are still to come: they need to know where completions go.
pub struct Opened {
    inbox: Arc<Inbox<Message>>,
    workflows: Workflows,
}

struct ToInbox(Arc<Inbox<Message>>);

impl Completions for ToInbox {
    fn completed(&self, batch: Vec<Completion>) {
        self.0.push(Message::Completed(batch));
    }

    fn progressed(&self, id: u64, share: f64, note: &str) {
        tracing::debug!(call = id, share, note, "progress");
    }
}

impl Default for Opened {
    fn default() -> Self {
        Self { inbox: Arc::new(Inbox::default()), workflows: Workflows::new() }
    }
}

impl Opened {
    /// In force before anything runs: a child that recovery has to start finds its workflow.
    #[must_use]
    pub fn holding(self, workflows: Workflows) -> Self {
        Self { workflows, ..self }
    }

    /// Where the carriers bring what came back.
    #[must_use]
    pub fn completions(&self) -> Arc<dyn Completions> {
        Arc::new(ToInbox(self.inbox.clone()))
    }

    /// Starts the loop and the writer. The texts of the workflows that it holds are stored before anything runs.
    #[expect(clippy::too_many_arguments, reason = "the parts of an engine, each named at the one call")]
    pub fn start<S: Store + 'static>(
        self,
        config: EngineConfig,
        mut store: S,
        reads: Arc<dyn Reads>,
        carriers: Arc<dyn Carriers>,
        world: World,
        clock: Arc<dyn Clock>,
    ) -> Result<Engine, StoreError> {
        let (inbox, shared) = self.furnish(&mut store, (config, reads, world, clock))?;
        let back = inbox.clone();
        let failed =
            |error: std::io::Error| StoreError::Failed(format!("a thread cannot be started: {error}"));
        let writer =
            Writer::start(store, shared.clock.clone(), move |written| back.push(Message::Written(written)))
                .map_err(failed)?;
        let engine = Loop::over(&inbox, &writer, carriers, &shared)?;
        let (watched, closing) = (shared.clone(), inbox.clone());
        let run = move || {
            if catch_unwind(AssertUnwindSafe(|| engine.run())).is_err() {
                watched.break_down("the engine's thread panicked, which is a fault of ours".to_owned());
            }
            closing.close();
        };
        thread::Builder::new().name("engine".into()).spawn(run).map_err(failed)?;
        Ok(Engine { inbox, shared, writer: writer.figures, waiting: Arc::default() })
    }

    /// The same without threads: nothing happens but what the driver says.
    ///
    /// # Errors
    /// When the store cannot be read.
    #[expect(clippy::too_many_arguments, reason = "the parts of an engine, each named at the one call")]
    pub fn by_hand<S: Store>(
        self,
        config: EngineConfig,
        mut store: S,
        reads: Arc<dyn Reads>,
        carriers: Arc<dyn Carriers>,
        world: World,
        clock: Arc<dyn Clock>,
    ) -> Result<(Engine, Driver<S>), StoreError> {
        let (inbox, shared) = self.furnish(&mut store, (config, reads, world, clock))?;
        let (hand, writer) = ByHand::of(store, shared.clock.clone());
        let mut turns = Loop::over(&inbox, &writer, carriers, &shared)?;
        if !turns.begin() {
            return Err(StoreError::Failed("the runs that are open cannot be read".to_owned()));
        }
        let engine = Engine { inbox, shared, writer: writer.figures, waiting: Arc::default() };
        Ok((engine, Driver { turns, hand }))
    }

    fn furnish(
        self,
        store: &mut impl Store,
        (config, reads, world, clock): (EngineConfig, Arc<dyn Reads>, World, Arc<dyn Clock>),
    ) -> Result<(Arc<Inbox<Message>>, Arc<Shared>), StoreError> {
        let pauses = Pauses::read(&*reads)?;
        let shared = Arc::new(Shared {
            pauses,
            library: Library::default(),
            reads,
            config,
            figures: Figures::default(),
            untold: Untold::default(),
            ready: AtomicBool::new(false),
            takes_in: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            published: Notify::new(),
            gathered: Rooms::default(),
            ended: broadcast::channel(ENDED_KEPT).0,
            changes: Changes::default(),
            world: RwLock::new(Arc::new(world)),
            broken: Mutex::new(None),
            clock,
        });
        let notes: Vec<Note> = self.workflows.values().flat_map(texts_of).collect();
        store.commit(&[Batch { notes, ..Batch::default() }])?;
        shared.library.replace(self.workflows);
        Ok((self.inbox, shared))
    }
}

/// Drives an engine that has no threads: it says when the loop has its turn and when the disk writes.
pub struct Driver<S> {
    turns: Loop,
    hand: ByHand<S>,
}

impl<S: Store> Driver<S> {
    /// One turn of the loop with all that came. False where it was the last.
    pub fn turn(&mut self) -> bool {
        let mut messages = VecDeque::new();
        self.turns.inbox.take(&mut messages, Duration::ZERO);
        self.turns.turn(&mut messages)
    }

    /// One transaction of all that waits for the disk. The loop hears of it at its next turn. False where nothing was
    /// written.
    pub fn write(&mut self) -> bool {
        let inbox = self.turns.inbox.clone();
        self.hand.write(&|written| inbox.push(Message::Written(written)))
    }
}

/// Its text, and the start forms that its triggers have people complete.
fn texts_of(entry: &Entry) -> Vec<Note> {
    let (Some(workflow), Some(source)) = (&entry.workflow, &entry.source) else { return vec![] };
    let forms = workflow.start_forms().map(|(trigger, form)| {
        let source = completing::source_of(source, &trigger).into();
        Note::Text { hash: form.hash, source }
    });
    let whole = Note::Text { hash: workflow.hash.clone(), source: source.clone() };
    std::iter::once(whole).chain(forms).collect()
}

/// Counts a request for as long as it waits.
struct Waiting(Arc<AtomicU64>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Engine {
    fn admit(&self) -> Result<Waiting, ActError> {
        if self.writer.full.load(Ordering::Relaxed) {
            return Err(ActError::DiskFull);
        }
        let guard = Waiting(self.waiting.clone());
        self.shared.figures.requests.fetch_add(1, Ordering::Relaxed);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.shared.config.requests_max as u64 {
            return Err(ActError::Busy);
        }
        Ok(guard)
    }

    /// Begins a run; answers when it is on disk.
    pub async fn start(&self, started: Started) -> Result<StartReply, StartError> {
        let Prepared { workflow, trigger_name, .. } = &started.prepared;
        if let Some(pause) = self.shared.paused(&workflow.name, trigger_name) {
            return Err(ActError::Paused(pause.at).into());
        }
        // Every run that waits for a place is in memory.
        if self.shared.figures.queued.load(Ordering::Relaxed) >= self.shared.config.queued_max as u64 {
            return Err(ActError::Busy.into());
        }
        if started.prepared.gathers == Gathers::Kept {
            return self.gather(started).await;
        }
        let _waiting = self.admit()?;
        let (to, answer) = oneshot::channel();
        let Started { prepared, by, firing } = started;
        let reply = Reply::Start { id: None, to };
        self.inbox.push(Message::Start(Box::new(StartRequest { prepared, by, firing, met: None, reply })));
        answer.await.unwrap_or(Err(ActError::Stopping.into()))
    }

    /// Keeps what a firing brought for the run of the next slot; answers when it is on disk.
    async fn gather(&self, started: Started) -> Result<StartReply, StartError> {
        let Started { prepared, by: _, firing } = started;
        let unreadable = |error: StoreError| ActError::Unreadable(error.to_string());
        if let Some(firing) = &firing {
            let known = self.shared.reads.firing(&firing.workflow, &firing.trigger, &firing.id);
            match known.map_err(unreadable)? {
                Some((FiringOutcome::Gathered, _)) => return Ok(StartReply::Gathered { repeated: true }),
                Some((FiringOutcome::Queued, _)) | None => {}
                Some((_, run)) => return Err(StartError::FiredBefore { run }),
            }
        }
        let (workflow, trigger) = (prepared.workflow.name.clone(), prepared.trigger_name);
        let most = gathering::KEPT_MOST;
        if !self.shared.gathered.admits(&*self.shared.reads, &workflow, &trigger).map_err(unreadable)? {
            return Err(StartError::Gathered { most });
        }
        let firing = firing.map(|firing| Firing { outcome: FiringOutcome::Gathered, ..firing });
        let (number, at) = (0, self.shared.now());
        let gathered = Gathered { number, workflow, trigger, at, firing, item: prepared.input };
        let _waiting = self.admit()?;
        let (to, answer) = oneshot::channel();
        self.inbox.push(Message::Gather(Box::new(gathered), Reply::Act(to)));
        answer.await.unwrap_or(Err(ActError::Stopping))?;
        Ok(StartReply::Gathered { repeated: false })
    }

    /// Something happens to a run: an answer, a claim, a cancel, a retry. Answers when it is on disk.
    pub async fn act(&self, run: RunId, event: Event) -> Result<(), ActError> {
        let _waiting = self.admit()?;
        let (to, answer) = oneshot::channel();
        self.inbox.push(Message::Act(Box::new(Act { run, event, reply: Reply::Act(to) })));
        answer.await.unwrap_or(Err(ActError::Stopping))
    }

    /// Makes something known to whoever waits for it; answers when it is on disk.
    ///
    /// # Errors
    /// When it is not one that can be kept, or nothing is taken in just now.
    pub async fn publish(&self, publishing: Publishing) -> Result<PublishReply, PublishError> {
        let event = publishing.at(self.shared.now())?;
        if self.shared.figures.offers.load(Ordering::Relaxed) >= OFFERS_MAX {
            return Err(ActError::Busy.into());
        }
        let _waiting = self.admit()?;
        let known = self.shared.reads.event(&event.name, &event.id);
        let known = known.map_err(|error| ActError::Unreadable(error.to_string()))?;
        let reply = PublishReply { id: event.id.clone(), repeated: known.is_some() };
        if known.is_none() {
            let (to, answer) = oneshot::channel();
            self.inbox.push(Message::Publish(Box::new(event), Reply::Act(to)));
            answer.await.unwrap_or(Err(ActError::Stopping))?;
            self.shared.published.notify_one();
        }
        Ok(reply)
    }

    /// Writes a note that belongs to no run; answers when it is on disk.
    pub async fn note(&self, note: Note) -> Result<(), ActError> {
        self.hand_in(note).await.unwrap_or(Err(ActError::Stopping))
    }

    /// A note is on its way; whoever wants to know when it is on disk waits for the answer.
    fn hand_in(&self, note: Note) -> oneshot::Receiver<Result<(), ActError>> {
        let (to, answer) = oneshot::channel();
        self.inbox.push(Message::Note(note, Some(Reply::Act(to))));
        answer
    }

    /// A note that somebody outside brings, who may be told to come again; answers when it is on disk.
    ///
    /// # Errors
    /// When nothing is taken in now.
    pub async fn take_note(&self, note: Note) -> Result<(), ActError> {
        let _waiting = self.admit()?;
        self.note(note).await
    }

    /// A trigger is to start nothing, or to go on; answers when that is on disk and in force.
    pub(crate) async fn change_pause(&self, pausing: Pausing) -> Result<(), ActError> {
        let (to, answer) = oneshot::channel();
        self.inbox.push(Message::Pause(Box::new(pausing), Reply::Act(to)));
        answer.await.unwrap_or(Err(ActError::Stopping))
    }

    /// The same for somebody outside, who may be told to come again.
    pub(crate) async fn take_pause(&self, pausing: Pausing) -> Result<(), ActError> {
        let _waiting = self.admit()?;
        self.change_pause(pausing).await
    }

    /// Writes into a register by hand; answers with what the action gives once it is on disk.
    ///
    /// # Errors
    /// When it does not fit, or nothing is taken in now.
    pub async fn keep(&self, keeping: Keeping) -> Result<Box<str>, KeepError> {
        let call = keeping.call(self.shared.now());
        let (to, answer) = oneshot::channel();
        self.inbox.push(Message::Keep(Box::new(call), Reply::Kept { output: "".into(), to }));
        answer.await.unwrap_or(Err(KeepError::Act(ActError::Stopping)))
    }

    /// Puts a set of workflows in force, once their texts are on disk.
    pub async fn load(&self, workflows: Workflows) -> Result<(), ActError> {
        let mut written = Vec::new();
        for entry in workflows.values() {
            if let (Some(workflow), Some(source)) = (&entry.workflow, &entry.source) {
                debug_assert_eq!(workflow.hash, definition::hash_of(source));
                let known = self.shared.library.current(&workflow.name).map(|known| known.hash.clone());
                if known.as_ref() != Some(&workflow.hash) {
                    written.extend(texts_of(entry).into_iter().map(|text| self.hand_in(text)));
                }
            }
        }
        // All of them are on their way before the first is waited for: they share a few commits.
        for answer in written {
            answer.await.unwrap_or(Err(ActError::Stopping))?;
        }
        self.shared.library.replace(workflows);
        self.shared.changes.say(Changed::House);
        Ok(())
    }

    /// Replaces the world: people, plugins, zone. What waits sees it from its next decision on.
    pub fn set_world(&self, world: impl FnOnce(&World) -> World) {
        let mut place = self.shared.world.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = world(&place);
        next.number = place.number + 1;
        *place = Arc::new(next);
    }

    /// Whether the loop still turns: it answers, or it does not.
    pub async fn turns(&self, within: Duration) -> bool {
        let (to, answer) = oneshot::channel();
        self.inbox.push(Message::Ping(Reply::Pong(to)));
        tokio::time::timeout(within, answer).await.is_ok_and(|pong| pong.is_ok())
    }

    /// Whether work goes on: the loop turns, and what it writes gets to the disk. A disk that is full is no disk that
    /// hangs: the writer tries it again and again and says so.
    pub async fn progresses(&self, within: Duration) -> bool {
        let (to, answer) = oneshot::channel();
        self.inbox.push(Message::Probe(Reply::Pong(to)));
        tokio::time::timeout(within, answer).await.is_ok_and(|pong| pong.is_ok())
    }

    #[must_use]
    pub fn health(&self) -> Health {
        let figures = &self.shared.figures;
        let (left, of) = (figures.recovering.load(Ordering::Relaxed), figures.cut.load(Ordering::Relaxed));
        Health {
            recovering: (left > 0).then_some((left, of)),
            takes_in: self.shared.takes_in.load(Ordering::Acquire),
            ready: self.shared.ready.load(Ordering::Acquire),
            disk_full: self.writer.full.load(Ordering::Relaxed),
            broken: self.shared.broken.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Takes nothing more in, lets attempts end for `drain`, hands the rest back, and ends. Nothing is marked failed.
    pub async fn stop(&self, drain: Duration) {
        self.inbox.push(Message::Stop);
        let end = Instant::now() + drain;
        let grace = end + Duration::from_secs(5);
        let mut drained = false;
        while !self.shared.stopped.load(Ordering::Acquire) && Instant::now() < grace {
            if !drained && Instant::now() >= end {
                drained = true;
                self.inbox.push(Message::Drain);
            }
            nap(Duration::from_millis(5)).await;
        }
    }
}
