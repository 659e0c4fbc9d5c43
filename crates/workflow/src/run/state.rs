//! A run as a value, folded from the facts of its journal and from nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::clock::{ClockState, WHOLE};
use super::event::{Comment, Failure, First, ItemEnd, Raw, SlotAsk, Standing, Started, StepEnd, given};
use super::list::List;
pub use super::scope::{Closing, GoingBack, Phase, ScopeState};
use crate::id::{Attempt, DueRung, Item, Millis, RunId, ScopeNo, StepAt, StepNo, TextHash};
use crate::plan::{EXTENDS, GRANTS, Workflow};

/// One execution of a workflow. Steps stand behind `Arc`, so that what expressions see of a run is a cheap copy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub id: RunId,
    /// Lines in the journal.
    pub seq: u32,
    /// The instant of the last line: no later one is before it.
    pub last: Millis,
    pub began: Millis,
    pub started: Arc<Started>,
    /// The text it goes on under, where that is not the one it began with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrated: Option<TextHash>,
    /// The run itself as a scope: the outermost.
    pub top: ScopeState,
    /// The items of steps that hold steps.
    #[serde(default, skip_serializing_if = "no_scopes")]
    pub inner: Arc<BTreeMap<ScopeNo, Arc<ScopeState>>>,
    /// How many scopes were ever opened: their numbers are never used again.
    #[serde(default)]
    pub scopes: u32,
    /// What was done, can be taken back and is not, in the order of doing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undoable: Vec<Done>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joined: Vec<Raw>,
    /// The run itself as an item, where the file has a due time of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<Arc<ItemState>>,
    /// What due times set off and is not over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<Beside>,
    /// The events that the run has taken: each once.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub taken: BTreeSet<Arc<str>>,
    /// How many items stand in each kind of waiting. Follows from the items.
    #[serde(skip)]
    pub standing: Counts,
    /// How many items there are in the rounds that their steps are in. Follows from the steps.
    #[serde(skip)]
    pub items: usize,
    /// What is being taken back just now: one at a time in each scope. Follows from what can be taken back.
    #[serde(skip)]
    pub undoing: BTreeSet<Item>,
    /// Follows from the items.
    #[serde(skip)]
    pub(super) timers: BTreeSet<Timer>,
    /// Items whose clocks are to be looked at after each event. Follows from the items.
    #[serde(skip)]
    pub(super) watched: BTreeSet<Item>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_none_yet(count: &u32) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_first(dues: &u16) -> bool {
    *dues == 0
}

fn no_scopes(inner: &Arc<BTreeMap<ScopeNo, Arc<ScopeState>>>) -> bool {
    inner.is_empty()
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepState {
    pub round: u32,
    pub phase: StepPhase,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<ItemState>,
    /// The list of an `each`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<List>,
    /// Its `when` or `each` could not be worked out: one failed item stands for the whole step, and a retry asks anew.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub broken: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Millis>,
    /// What the latest round that was over before this one gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<Arc<StepState>>,
    /// How many attempts its `when` and `each` took that failed: their numbers are not used again.
    #[serde(default, skip_serializing_if = "is_none_yet")]
    pub spent: u32,
    /// Withdrawn for itself, because another was over first (`needs = { first }`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub outrun: bool,
    /// Something done in this round was taken back: a retry goes over it again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub taken_back: bool,
    /// Items that are over, and of these failed and skipped.
    #[serde(default)]
    pub over: u32,
    #[serde(default)]
    pub failed: u32,
    #[serde(default)]
    pub skipped: u32,
    /// Items that wait for their turn.
    #[serde(default)]
    pub queued: u32,
    /// No item before this one is queued.
    #[serde(default)]
    pub next: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepPhase {
    #[default]
    Waiting,
    Open,
    Over(StepEnd),
}

impl StepState {
    #[must_use]
    pub fn all_over(&self) -> bool {
        self.over as usize == self.items.len()
    }

    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.phase, StepPhase::Over(_))
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ItemState {
    #[serde(default)]
    pub at: At,
    /// The attempts of this key so far; never used again.
    #[serde(default)]
    pub attempts: u32,
    /// Tries that counted and failed.
    #[serde(default)]
    pub tries: u32,
    /// How often in a row our restart cut an attempt.
    #[serde(default)]
    pub restarts: u32,
    /// An attempt ended without a clear answer, and none has succeeded since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub doubt: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Arc<First>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<Arc<str>>,
    /// Who answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Arc<str>>,
    /// For whom, where that is somebody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_whom: Option<Arc<str>>,
    /// Of an open task.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub comments: Vec<Comment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<Arc<ClockState>>,
    /// How many due times this key had: their numbers are not used again.
    #[serde(default, skip_serializing_if = "is_first")]
    pub dues: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Arc<str>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub output: Option<Raw>,
    /// The last failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Arc<Failure>>,
    /// The scope that it is, for an item of a holding step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeNo>,
    /// The place that its attempts ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Arc<SlotAsk>>,
}

/// Where an item stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum At {
    Is(Standing),
    Over(ItemEnd),
}

impl Default for At {
    fn default() -> Self {
        Self::Is(Standing::Queued {})
    }
}

/// An item that is done and can be taken back, with what its undo may read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Done {
    pub of: Item,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub output: Option<Raw>,
    pub outcome: Option<Arc<str>>,
    pub by: Option<Arc<str>>,
    /// The element of an `each` that it was for.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub element: Option<Raw>,
    pub opened: Option<Millis>,
    pub ended: Option<Millis>,
    /// Its scope, for an item of a holding step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeNo>,
    /// The item that takes it back, once it has begun.
    pub undo: Option<ItemState>,
}

/// A small step beside an item, that a rung set off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Beside {
    pub of: Item,
    pub state: ItemState,
}

/// What the world owes an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    Nothing,
    /// An attempt is to be carried out, or stopped.
    Attempt {
        a: u32,
        begun: bool,
    },
    Stop {
        a: u32,
    },
    Task {
        a: u32,
        kind: TaskKind,
    },
    Child {
        a: u32,
        child: RunId,
    },
    StopChild {
        a: u32,
        child: RunId,
    },
    /// A place among those that share a limit.
    Slot {
        a: u32,
    },
    /// An event.
    Listen {
        a: u32,
    },
    /// A timer, which the run keeps.
    Time,
}

/// How an item stands to the limit of its step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It asks for none, or needs none now.
    None,
    Waits,
    Holds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// A step that asks.
    Asked,
    /// Nobody knows whether it happened.
    Unknown,
    /// Somebody must say how to go on.
    Asking,
}

impl ItemState {
    #[must_use]
    pub fn want(&self) -> Want {
        match &self.at {
            At::Over(_) | At::Is(Standing::Queued {}) => Want::Nothing,
            At::Is(standing) => match standing {
                Standing::Queued {} => Want::Nothing,
                Standing::Running { a, begun, .. } => Want::Attempt { a: *a, begun: *begun },
                Standing::Stopping { a } => Want::Stop { a: *a },
                Standing::Resting { .. } | Standing::Sleeping { .. } => Want::Time,
                Standing::Unknown { a } => Want::Task { a: *a, kind: TaskKind::Unknown },
                Standing::Asking { a, .. } => Want::Task { a: *a, kind: TaskKind::Asking },
                Standing::Asked { a, .. } => Want::Task { a: *a, kind: TaskKind::Asked },
                Standing::Child { a, child, .. } => Want::Child { a: *a, child: *child },
                Standing::StoppingChild { a, child } => Want::StopChild { a: *a, child: *child },
                Standing::Slot { a, .. } => Want::Slot { a: *a },
                Standing::Listening { a, .. } => Want::Listen { a: *a },
                // What it wants is what its own items want.
                Standing::Holding { .. } => Want::Nothing,
            },
        }
    }

    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.at, At::Over(_))
    }

    /// A place is held while something is under way, never while it rests or a person is asked how to go on.
    #[must_use]
    pub fn place(&self) -> Place {
        if self.limit.is_none() {
            return Place::None;
        }
        match &self.at {
            At::Is(Standing::Slot { .. }) => Place::Waits,
            At::Is(
                Standing::Running { .. }
                | Standing::Stopping { .. }
                | Standing::Asked { .. }
                | Standing::Child { .. }
                | Standing::StoppingChild { .. }
                | Standing::Holding { .. },
            ) => Place::Holds,
            At::Is(_) | At::Over(_) => Place::None,
        }
    }

    /// A person's word: tries and `give_up` count anew.
    pub(super) fn begin_afresh(&mut self) {
        self.tries = 0;
        self.restarts = 0;
        if let Some(first) = &mut self.first {
            Arc::make_mut(first).give_up = None;
        }
    }

    /// The next attempt of a key whose run was opened again.
    pub(super) fn queue_again(&mut self) {
        let was = std::mem::take(self);
        *self = Self {
            attempts: was.attempts,
            doubt: was.doubt,
            first: was.first,
            opened: was.opened,
            failure: was.failure,
            scope: was.scope,
            dues: was.dues,
            limit: was.limit,
            ..Self::default()
        };
        self.begin_afresh();
    }

    /// The attempt that an answer must name, where one can come.
    #[must_use]
    pub fn attempt(&self) -> Option<u32> {
        match self.want() {
            Want::Nothing | Want::Time => None,
            Want::Attempt { a, .. }
            | Want::Slot { a }
            | Want::Listen { a }
            | Want::Stop { a }
            | Want::Task { a, .. }
            | Want::Child { a, .. }
            | Want::StopChild { a, .. } => Some(a),
        }
    }

    /// Its due time counts, and what hangs on it.
    #[must_use]
    pub fn has_time(&self) -> bool {
        let standing = match &self.at {
            At::Is(standing) => standing,
            At::Over(_) => return false,
        };
        matches!(standing, Standing::Asked { .. } | Standing::Listening { .. } | Standing::Holding { .. })
    }

    /// Its clock is stopped.
    #[must_use]
    pub fn stands_still(&self) -> bool {
        self.clock.as_ref().is_some_and(|clock| clock.stands.is_some())
    }

    pub(super) fn is_watched(&self) -> bool {
        self.has_time() && self.clock.as_ref().is_some_and(|clock| clock.watch)
    }

    pub(super) fn timers(&self) -> [Option<(Millis, TimerKind)>; 3] {
        let own = match &self.at {
            At::Is(Standing::Resting { until } | Standing::Sleeping { until, .. }) => {
                Some((*until, TimerKind::Until))
            }
            At::Is(_) if self.has_time() && !self.late && !self.stands_still() => {
                self.due.map(|due| (due, TimerKind::Due))
            }
            At::Is(_) | At::Over(_) => None,
        };
        let rung = self.clock.as_ref().filter(|_| self.has_time()).and_then(|clock| clock.next());
        let rung = rung.map(|ahead| (ahead.at, TimerKind::Rung));
        let give_up = match &self.at {
            At::Is(
                Standing::Queued {}
                | Standing::Running { .. }
                | Standing::Resting { .. }
                | Standing::Slot { .. },
            ) => self.first.as_ref().and_then(|first| first.give_up).map(|at| (at, TimerKind::GiveUp)),
            At::Is(_) | At::Over(_) => None,
        };
        [own, give_up, rung]
    }
}

/// How many items stand in each kind of waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub attempts: u32,
    pub tasks: u32,
    pub unknown: u32,
    pub children: u32,
    pub slots: u32,
    pub events: u32,
    pub times: u32,
}

impl Counts {
    pub(super) fn count(&mut self, want: Want, up: bool) {
        let place = match want {
            Want::Nothing => return,
            Want::Attempt { .. } | Want::Stop { .. } => &mut self.attempts,
            Want::Task { kind: TaskKind::Asked, .. } => &mut self.tasks,
            Want::Task { .. } => &mut self.unknown,
            Want::Child { .. } | Want::StopChild { .. } => &mut self.children,
            Want::Slot { .. } => &mut self.slots,
            Want::Listen { .. } => &mut self.events,
            Want::Time => &mut self.times,
        };
        *place = if up { *place + 1 } else { place.saturating_sub(1) };
    }
}

/// Ordered as they fire: by instant, then file order, then item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timer {
    pub at: Millis,
    pub of: TimerOf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimerOf {
    Item(Item, TimerKind),
    /// The pause of a way back.
    Back(ScopeNo),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimerKind {
    Until,
    /// A task is late before what its due instant sets off.
    Due,
    Rung,
    GiveUp,
}

impl Run {
    /// A run of which nothing is known but how it began.
    #[must_use]
    pub fn begin(id: RunId, started: Arc<Started>, at: Millis) -> Self {
        Self {
            id,
            seq: 0,
            last: at,
            began: at,
            started,
            migrated: None,
            top: ScopeState::begin(None, None, StepNo(0), 0),
            inner: Arc::default(),
            scopes: 0,
            undoable: vec![],
            joined: vec![],
            whole: None,
            beside: vec![],
            taken: BTreeSet::new(),
            standing: Counts::default(),
            items: 0,
            undoing: BTreeSet::new(),
            timers: BTreeSet::new(),
            watched: BTreeSet::new(),
        }
    }

    #[must_use]
    pub fn is_over(&self) -> bool {
        self.top.is_over()
    }

    /// The most rounds that a step of it had.
    #[must_use]
    pub fn most_rounds(&self) -> u32 {
        let scopes = std::iter::once(&self.top).chain(self.inner.values().map(|scope| &**scope));
        scopes.flat_map(|scope| scope.steps.iter()).map(|step| step.round).max().unwrap_or(1)
    }

    /// The text under which it goes on.
    #[must_use]
    pub fn text(&self) -> &TextHash {
        self.migrated.as_ref().unwrap_or(&self.started.text)
    }

    /// The attempt that waits for a child; `like` is where it was when the child began.
    #[must_use]
    pub fn waits_for(&self, child: RunId, like: Item) -> Option<Attempt> {
        let waits = |state: &ItemState| match &state.at {
            At::Is(Standing::Child { a, child: ours, .. } | Standing::StoppingChild { a, child: ours }) => {
                (*ours == child).then_some(*a)
            }
            At::Is(_) | At::Over(_) => None,
        };
        let there = self.item(like).and_then(waits).map(|attempt| Attempt { item: like, attempt });
        let anywhere = || {
            self.standing_items()
                .find_map(|(item, state)| waits(state).map(|attempt| Attempt { item, attempt }))
        };
        there.or_else(anywhere)
    }

    /// `None`: there was none of that number, or it is forgotten.
    #[must_use]
    pub fn scope(&self, no: ScopeNo) -> Option<&ScopeState> {
        if no.is_run() { Some(&self.top) } else { self.inner.get(&no).map(Arc::as_ref) }
    }

    pub(super) fn scope_mut(&mut self, no: ScopeNo) -> Option<&mut ScopeState> {
        if no.is_run() {
            Some(&mut self.top)
        } else {
            Arc::make_mut(&mut self.inner).get_mut(&no).map(Arc::make_mut)
        }
    }

    /// A step where it stands. One that stands nowhere reads as waiting.
    #[must_use]
    pub fn step(&self, at: StepAt) -> &StepState {
        static NOWHERE: std::sync::LazyLock<StepState> = std::sync::LazyLock::new(StepState::default);
        self.scope(at.scope).and_then(|scope| scope.step(at.step)).map_or(&NOWHERE, Arc::as_ref)
    }

    #[must_use]
    pub fn item(&self, of: Item) -> Option<&ItemState> {
        if of.rung.is_some() {
            return self.beside.iter().rfind(|beside| beside.of == of).map(|beside| &beside.state);
        }
        if of == WHOLE {
            return self.whole.as_deref();
        }
        if of.undo {
            // Whatever else could be taken back has not begun to be.
            let main = of.main();
            return if self.undoing.contains(&main) { self.done(of)?.undo.as_ref() } else { None };
        }
        let step = self.scope(of.scope)?.step(of.step)?;
        if step.round == of.round { step.items.get(of.item as usize) } else { None }
    }

    #[must_use]
    pub fn done(&self, of: Item) -> Option<&Done> {
        // The last done is taken back first, so it is found at once.
        self.undoable.iter().rfind(|done| done.of == of.main())
    }

    /// The item that a scope is, then the one that its scope is, up to the run.
    pub fn holders(&self, scope: ScopeNo) -> impl Iterator<Item = Item> {
        std::iter::successors(self.scope(scope).and_then(|scope| scope.holder), |item| {
            self.scope(item.scope).and_then(|scope| scope.holder)
        })
    }

    /// The step of `scope` in which something of `of` lies; `None` where it lies outside.
    #[must_use]
    pub fn step_within(&self, scope: ScopeNo, of: Item) -> Option<StepNo> {
        if of.scope == scope {
            return Some(of.step);
        }
        self.holders(of.scope).find(|holder| holder.scope == scope).map(|holder| holder.step)
    }

    /// The readable key of an item, the key of its scope's item before it: `run_…/remind/1/3/flag/1/0`.
    #[must_use]
    pub fn key_of(&self, text: &Workflow, item: Item) -> String {
        // Made for every call.
        let mut key = String::with_capacity(64);
        self.id.show(&mut key);
        self.key_of_holder(text, item, &mut key);
        key_part(&mut key, text, item);
        key
    }

    fn key_of_holder(&self, text: &Workflow, item: Item, key: &mut String) {
        if let Some(holder) = self.scope(item.scope).and_then(|scope| scope.holder) {
            self.key_of_holder(text, holder, key);
            key_part(key, text, holder);
        }
    }

    /// An item's step as a person reads it, with what holds it: `remind[3].flag`.
    #[must_use]
    pub fn path_of(&self, text: &Workflow, at: StepAt) -> String {
        let holders: Vec<Item> = self.holders(at.scope).collect();
        let mut path = String::new();
        for holder in holders.iter().rev() {
            let step = text.step(holder.step);
            path.push_str(&step.path());
            if step.each.is_some() {
                path.push_str(&format!("[{}]", holder.item));
            }
            path.push('.');
        }
        path.push_str(&text.step(at.step).path());
        path
    }

    /// The earliest instant at which something fires by itself.
    #[must_use]
    pub fn next_timer(&self) -> Option<Timer> {
        self.timers.first().copied()
    }

    /// The run itself, then every scope in it, in the order in which they opened.
    pub fn every_scope(&self) -> impl Iterator<Item = (ScopeNo, &ScopeState)> {
        let inner = self.inner.iter().map(|(no, scope)| (*no, scope.as_ref()));
        std::iter::once((ScopeNo::RUN, &self.top)).chain(inner)
    }

    /// Every item that is not over, scope by scope in file order, then those that take back, then what due times set off.
    pub fn standing_items(&self) -> impl Iterator<Item = (Item, &ItemState)> {
        let open = self.every_scope().filter(|(_, scope)| !scope.is_over());
        let main = open.flat_map(|(no, scope)| {
            (scope.first.0..).zip(scope.steps.iter()).flat_map(move |(step, state)| {
                let at = StepAt { step: StepNo(step), scope: no };
                (0..).zip(&state.items).map(move |(item, of)| (at.item(state.round, item), of))
            })
        });
        let undo = self
            .undoable
            .iter()
            .filter_map(|done| done.undo.as_ref().map(|state| (Item { undo: true, ..done.of }, state)));
        let whole = self.whole.iter().map(|state| (WHOLE, state.as_ref()));
        let beside = self.beside.iter().map(|beside| (beside.of, &beside.state));
        main.chain(undo).chain(whole).chain(beside).filter(|(_, state)| !state.is_over())
    }

    /// What the run waits for, in a word for lists; none when it is over.
    #[must_use]
    pub fn waits(&self) -> Option<&'static str> {
        let Counts { attempts, tasks, unknown, children, slots, events, times: _ } = self.standing;
        let some = |count: u32, word| (count > 0).then_some(word);
        match self.top.phase {
            Phase::Over { .. } => None,
            Phase::Open | Phase::Stopping | Phase::Finishing => some(attempts, "step")
                // Before the tasks: recovery looks at runs that wait for a step or a child.
                .or(some(children, "child"))
                .or(some(unknown, "unknown"))
                .or(some(tasks, "task"))
                .or(some(slots, "slot"))
                .or(some(events, "event"))
                .or(Some("time")),
        }
    }

    /// An open run wants something or has a timer. Where this is false, the run is stuck and we have a bug.
    #[must_use]
    pub fn is_accounted_for(&self) -> bool {
        let Counts { attempts, tasks, unknown, children, slots, events, times: _ } = self.standing;
        let wants = attempts + tasks + unknown + children + slots + events;
        self.is_over() || wants > 0 || !self.timers.is_empty()
    }

    /// What follows from the items, after the run was read back.
    pub fn derive(&mut self) {
        self.standing = Counts::default();
        self.items = self.every_scope().map(|(_, scope)| scope.items()).sum();
        self.undoing = self.undoable.iter().filter(|done| done.undo.is_some()).map(|done| done.of).collect();
        self.timers.clear();
        self.watched.clear();
        let wanted: Vec<_> = self.standing_items().map(|(of, state)| (of, state.clone())).collect();
        for (of, state) in wanted {
            self.standing.count(state.want(), true);
            if state.is_watched() {
                self.watched.insert(of);
            }
            let timers = state.timers().into_iter().flatten();
            self.timers.extend(timers.map(|(at, kind)| Timer { at, of: TimerOf::Item(of, kind) }));
        }
        let pauses: Vec<_> = self
            .every_scope()
            .filter_map(|(no, scope)| Some(Timer { at: scope.back.as_ref()?.until?, of: TimerOf::Back(no) }))
            .collect();
        self.timers.extend(pauses);
    }
}

/// The run as an item: it holds all its steps.
pub(super) fn the_run(a: u32) -> Standing {
    Standing::Holding { a, scope: ScopeNo::RUN, first: StepNo(0), steps: 0 }
}

fn key_part(key: &mut String, text: &Workflow, item: Item) {
    use std::fmt::Write;
    let undo = if item.undo { "/undo" } else { "" };
    // Writing to a string does not fail.
    if item.step != StepNo::WHOLE {
        write!(key, "/{}/{}/{}{undo}", text.step(item.step).path(), item.round, item.item).ok();
    }
    match item.rung {
        None => {}
        Some(DueRung(n, EXTENDS)) => drop(write!(key, "/due{n}/extend")),
        Some(DueRung(n, GRANTS)) => drop(write!(key, "/due{n}/grant")),
        Some(DueRung(n, rung)) => drop(write!(key, "/due{n}/{rung}")),
    }
}
