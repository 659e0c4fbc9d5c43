//! A run as a value, folded from the facts of its journal and from nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::{EndState, Failure, First, ItemEnd, Raw, RunError, Standing, Started, StepEnd, given};
use super::list::List;
use crate::id::{Item, Millis, RunId, StepNo};
use crate::plan::Ending;

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
    pub opening: u32,
    pub phase: Phase,
    pub steps: Arc<Vec<Arc<StepState>>>,
    /// How often each way back was taken in the whole run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ways: BTreeMap<u16, u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<GoingBack>,
    /// What was done, can be taken back and is not, in the order of doing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undoable: Vec<Done>,
    /// How the run closed last time it was open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closing: Option<Closing>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RunError>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joined: Vec<Raw>,
    /// How many items stand in each kind of waiting. Follows from the items.
    #[serde(skip)]
    pub standing: Counts,
    /// What is being taken back just now. Follows from what can be taken back.
    #[serde(skip)]
    pub undoing: Option<Item>,
    /// Follows from the items.
    #[serde(skip)]
    pub(super) timers: BTreeSet<Timer>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Open,
    /// All is being withdrawn.
    Stopping,
    /// What must be taken back is, and the closing section runs.
    Finishing,
    Over {
        state: EndState,
        outcome: Arc<str>,
        #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
        output: Option<Raw>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    pub ending: Ending,
    pub by_step: Option<StepNo>,
    /// Where the way back led that was used up: a retry goes back there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_up: Option<StepNo>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub output: Option<Raw>,
}

/// The flow is on its way back over these steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoingBack {
    pub cover: BTreeSet<StepNo>,
    pub after_ms: i64,
    /// All is withdrawn and taken back; the pause lasts until then.
    pub until: Option<Millis>,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Arc<str>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub output: Option<Raw>,
    /// The last failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Arc<Failure>>,
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
    /// The item that takes it back, once it has begun.
    pub undo: Option<ItemState>,
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
    /// A timer, which the run keeps.
    Time,
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
            },
        }
    }

    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.at, At::Over(_))
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
            | Want::Stop { a }
            | Want::Task { a, .. }
            | Want::Child { a, .. }
            | Want::StopChild { a, .. } => Some(a),
        }
    }

    pub(super) fn timers(&self) -> [Option<(Millis, TimerKind)>; 2] {
        let own = match &self.at {
            At::Is(Standing::Resting { until } | Standing::Sleeping { until, .. }) => {
                Some((*until, TimerKind::Until))
            }
            At::Is(Standing::Asked { task, .. }) if !self.late => task.due.map(|due| (due, TimerKind::Due)),
            At::Is(_) | At::Over(_) => None,
        };
        let give_up = match &self.at {
            At::Is(Standing::Queued {} | Standing::Running { .. } | Standing::Resting { .. }) => {
                self.first.as_ref().and_then(|first| first.give_up).map(|at| (at, TimerKind::GiveUp))
            }
            At::Is(_) | At::Over(_) => None,
        };
        [own, give_up]
    }
}

/// How many items stand in each kind of waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub attempts: u32,
    pub tasks: u32,
    pub unknown: u32,
    pub children: u32,
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
    Back,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimerKind {
    Until,
    Due,
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
            opening: 1,
            phase: Phase::Open,
            steps: Arc::new(vec![]),
            ways: BTreeMap::new(),
            back: None,
            undoable: vec![],
            closing: None,
            error: None,
            joined: vec![],
            standing: Counts::default(),
            undoing: None,
            timers: BTreeSet::new(),
        }
    }

    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over { .. })
    }

    #[must_use]
    pub fn step(&self, no: StepNo) -> &StepState {
        &self.steps[no.index()]
    }

    #[must_use]
    pub fn item(&self, of: Item) -> Option<&ItemState> {
        if of.undo {
            // One at a time: whatever else could be taken back has not begun to be.
            let main = Item { undo: false, ..of };
            return if self.undoing == Some(main) { self.done(of)?.undo.as_ref() } else { None };
        }
        self.steps
            .get(of.step.index())
            .filter(|step| step.round == of.round)
            .and_then(|step| step.items.get(of.item as usize))
    }

    #[must_use]
    pub fn done(&self, of: Item) -> Option<&Done> {
        // The last done is taken back first, so it is found at once.
        self.undoable.iter().rfind(|done| done.of == Item { undo: false, ..of })
    }

    /// The earliest instant at which something fires by itself.
    #[must_use]
    pub fn next_timer(&self) -> Option<Timer> {
        self.timers.first().copied()
    }

    /// Every item that is not over, in file order, then those that take back.
    pub fn standing_items(&self) -> impl Iterator<Item = (Item, &ItemState)> {
        let main = self.steps.iter().enumerate().flat_map(|(no, step)| {
            step.items.iter().enumerate().map(move |(item, state)| {
                let step_no = StepNo(u16::try_from(no).unwrap_or(u16::MAX));
                let item = u32::try_from(item).unwrap_or(u32::MAX);
                (Item { step: step_no, round: step.round, item, undo: false }, state)
            })
        });
        let undo = self
            .undoable
            .iter()
            .filter_map(|done| done.undo.as_ref().map(|state| (Item { undo: true, ..done.of }, state)));
        main.chain(undo).filter(|(_, state)| !state.is_over())
    }

    /// What the run waits for, in a word for lists; none when it is over.
    #[must_use]
    pub fn waits(&self) -> Option<&'static str> {
        let Counts { attempts, tasks, unknown, children, times } = self.standing;
        match (&self.phase, attempts, unknown, tasks, children, times) {
            (Phase::Over { .. }, ..) => None,
            (_, 1.., ..) => Some("step"),
            // Before the tasks: recovery looks at runs that wait for a step or a child.
            (_, _, _, _, 1.., _) => Some("child"),
            (_, _, 1.., ..) => Some("unknown"),
            (_, _, _, 1.., ..) => Some("task"),
            (Phase::Open | Phase::Stopping | Phase::Finishing, ..) => Some("time"),
        }
    }

    /// An open run wants something or has a timer. Where this is false, the run is stuck and we have a bug.
    #[must_use]
    pub fn is_accounted_for(&self) -> bool {
        let Counts { attempts, tasks, unknown, children, times: _ } = self.standing;
        self.is_over() || attempts + tasks + unknown + children > 0 || !self.timers.is_empty()
    }

    /// What follows from the items, after the run was read back.
    pub fn derive(&mut self) {
        self.standing = Counts::default();
        self.undoing = self.undoable.iter().find(|done| done.undo.is_some()).map(|done| done.of);
        self.timers.clear();
        let wanted: Vec<_> = self.standing_items().map(|(of, state)| (of, state.clone())).collect();
        for (of, state) in wanted {
            self.standing.count(state.want(), true);
            let timers = state.timers().into_iter().flatten();
            self.timers.extend(timers.map(|(at, kind)| Timer { at, of: TimerOf::Item(of, kind) }));
        }
        if let Some(until) = self.back.as_ref().and_then(|back| back.until) {
            self.timers.insert(Timer { at: until, of: TimerOf::Back });
        }
    }
}
