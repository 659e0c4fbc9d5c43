//! A run as a value, folded from the facts of its journal and from nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::{
    AttemptResult, EndState, Event, Fact, Failure, First, ItemEnd, Output, Question, Raw, RunError, Standing,
    Started, StepEnd, Verdict, given,
};
use super::list::List;
use crate::id::{Attempt, Item, Millis, RunId, StepNo};
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
    timers: BTreeSet<Timer>,
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
    fn begin_afresh(&mut self) {
        self.tries = 0;
        self.restarts = 0;
        if let Some(first) = &mut self.first {
            Arc::make_mut(first).give_up = None;
        }
    }

    /// The next attempt of a key whose run was opened again.
    fn queue_again(&mut self) {
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

    fn timers(&self) -> [Option<(Millis, TimerKind)>; 2] {
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
    fn count(&mut self, want: Want, up: bool) {
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
            return self.done(of)?.undo.as_ref();
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

    /// Folds one line of the journal.
    pub fn fold(&mut self, at: Millis, event: &Event, did: &[Fact]) {
        for fact in did {
            self.apply(at, event, fact);
        }
        self.seq += 1;
        self.last = at;
    }

    /// Changes an item and keeps what follows from it.
    fn change(&mut self, of: Item, change: impl FnOnce(&mut ItemState)) {
        let Some(state) = self.item_mut(of) else { return };
        let (want, timers) = (state.want(), state.timers());
        change(state);
        let (wants, after) = (state.want(), state.timers());
        self.standing.count(want, false);
        self.standing.count(wants, true);
        if timers == after {
            return;
        }
        let timer = |(at, kind)| Timer { at, of: TimerOf::Item(of, kind) };
        for old in timers.into_iter().flatten() {
            self.timers.remove(&timer(old));
        }
        self.timers.extend(after.into_iter().flatten().map(timer));
    }

    fn item_mut(&mut self, of: Item) -> Option<&mut ItemState> {
        if of.undo {
            let main = Item { undo: false, ..of };
            let done = self.undoable.iter_mut().rfind(|done| done.of == main)?;
            self.undoing = Some(main);
            return Some(done.undo.get_or_insert_with(ItemState::default));
        }
        let step = self.step_mut(of.step)?;
        if step.round == of.round { step.items.get_mut(of.item as usize) } else { None }
    }

    fn step_mut(&mut self, no: StepNo) -> Option<&mut StepState> {
        Arc::make_mut(&mut self.steps).get_mut(no.index()).map(Arc::make_mut)
    }

    /// The only place where a run changes.
    #[expect(clippy::too_many_lines, reason = "one arm per fact, to be read as a table")]
    pub(super) fn apply(&mut self, at: Millis, event: &Event, fact: &Fact) {
        match fact {
            Fact::Opened { steps } => {
                let waiting = |_| Arc::new(StepState { round: 1, ..StepState::default() });
                self.steps = Arc::new((0..*steps).map(waiting).collect());
            }
            Fact::StepOpened { s, n, list, broken } => {
                if let Some(step) = self.step_mut(*s) {
                    step.phase = StepPhase::Open;
                    step.items = vec![ItemState::default(); *n as usize];
                    step.queued = *n;
                    step.list = list.clone().map(List::new);
                    step.broken = *broken;
                    step.opened = Some(at);
                }
            }
            Fact::StepOver { s, state } => {
                if let Some(step) = self.step_mut(*s) {
                    step.phase = StepPhase::Over(*state);
                    step.ended = Some(at);
                    step.opened.get_or_insert(at);
                }
            }
            Fact::Entered { at: of, state } => self.enter(at, *of, state, event),
            Fact::Over { at: of, end, outcome, output, failure, undo } => {
                let output = match output {
                    Output::None => None,
                    Output::OfEvent => brought(event),
                    Output::Is(raw) => Some(raw.clone()),
                };
                self.end_item(at, *of, *end, |state| {
                    state.outcome.clone_from(outcome);
                    state.output = output;
                    state.by = answered_by(event, *of).or_else(|| state.by.take());
                    if let Some(failure) = failure {
                        state.failure = Some(Arc::new(failure.clone()));
                    }
                });
                if *undo {
                    self.register_undo(*of);
                }
            }
            Fact::Missed { of, failure, doubt, uncounted } => self.change(of.item, |state| {
                state.failure = Some(Arc::new(failure.clone()));
                state.doubt |= *doubt;
                if *uncounted {
                    state.restarts += 1;
                } else {
                    state.restarts = 0;
                    state.tries += 1;
                }
            }),
            Fact::Cleared { at: of } => self.change(*of, |state| {
                state.doubt = false;
                state.begin_afresh();
            }),
            Fact::TaskClaimed { at: of, by } => self.change(*of, |state| state.claimed = Some(by.clone())),
            Fact::TaskReleased { at: of } => self.change(*of, |state| state.claimed = None),
            Fact::Late { at: of } => self.change(*of, |state| state.late = true),
            Fact::GoingBack { way, cover, after_ms } => {
                if let Some(way) = way {
                    *self.ways.entry(*way).or_default() += 1;
                }
                self.timers.retain(|timer| timer.of != TimerOf::Back);
                let back = self.back.get_or_insert_with(|| GoingBack {
                    cover: BTreeSet::new(),
                    after_ms: 0,
                    until: None,
                });
                back.cover.extend(cover);
                back.after_ms = back.after_ms.max(*after_ms);
                back.until = None;
            }
            Fact::BackPaused { until } => {
                if let Some(back) = &mut self.back {
                    back.until = Some(*until);
                    self.timers.insert(Timer { at: *until, of: TimerOf::Back });
                }
            }
            Fact::Round { steps } => {
                self.timers.retain(|timer| timer.of != TimerOf::Back);
                self.back = None;
                steps.iter().for_each(|step| self.next_round(*step));
            }
            Fact::Left { at: of } => self.forget_undo(*of),
            Fact::Closing { ending, by_step, used_up, error, output } => {
                self.phase = Phase::Stopping;
                // A pause before the next round is over: there will be none before a retry.
                self.timers.retain(|timer| timer.of != TimerOf::Back);
                if let Some(back) = &mut self.back {
                    back.until = None;
                }
                self.closing = Some(Closing {
                    ending: ending.clone(),
                    by_step: *by_step,
                    used_up: *used_up,
                    output: output.clone(),
                });
                if self.error.is_none() {
                    self.error.clone_from(error);
                }
            }
            Fact::Finishing {} => self.phase = Phase::Finishing,
            Fact::Ended { state, outcome, output } => {
                if *state == EndState::Done {
                    // Otherwise a retry still has to go the way that the end cut short.
                    self.back = None;
                }
                self.phase = Phase::Over { state: *state, outcome: outcome.clone(), output: output.clone() };
            }
            Fact::Reopened { opening, closing_steps } => {
                self.opening = *opening;
                self.phase = Phase::Open;
                self.error = None;
                self.closing = None;
                closing_steps.iter().for_each(|step| self.next_round(*step));
                self.requeue();
            }
            Fact::InputJoined {} => {
                if let Event::Joined { input, .. } = event {
                    self.joined.push(input.clone());
                }
            }
        }
    }

    /// Keeps the step's counters while an item goes from one state to another.
    fn recount(&mut self, of: Item, arrives: bool) {
        if of.undo {
            return;
        }
        let Some(step) = self.step_mut(of.step).filter(|step| step.round == of.round) else { return };
        let Some(at) = step.items.get(of.item as usize).map(|item| &item.at) else { return };
        let count = |place: &mut u32| *place = if arrives { *place + 1 } else { place.saturating_sub(1) };
        match at {
            At::Is(Standing::Queued {}) => count(&mut step.queued),
            At::Is(_) => {}
            At::Over(end) => {
                match end {
                    ItemEnd::Failed => count(&mut step.failed),
                    ItemEnd::Skipped => count(&mut step.skipped),
                    ItemEnd::Done | ItemEnd::Dropped => {}
                }
                count(&mut step.over);
            }
        }
        if arrives && !matches!(at_of(step, of.item), At::Is(Standing::Queued {})) {
            step.next = step.next.max(of.item + 1);
        }
    }

    fn enter(&mut self, at: Millis, of: Item, standing: &Standing, event: &Event) {
        self.recount(of, false);
        self.change(of, |state| {
            let mut standing = standing.clone();
            match &mut standing {
                Standing::Running { a, first, .. } => {
                    state.attempts = *a;
                    if let Some(first) = first.take() {
                        state.first = Some(Arc::from(first));
                    }
                }
                Standing::Asked { a, task } => {
                    state.attempts = *a;
                    state.due = task.due;
                    state.late = false;
                    state.claimed = None;
                }
                Standing::Asking { a, why } => {
                    state.attempts = *a;
                    // The work is done, only what follows is asked.
                    state.doubt &= !matches!(**why, Question::WayUsedUp { .. });
                    // Whoever answered stays who answered, also when the owner then decides what follows.
                    state.by = answered_by(event, of).or_else(|| state.by.take());
                }
                Standing::Sleeping { a, .. } | Standing::Child { a, .. } => state.attempts = *a,
                Standing::Queued {}
                | Standing::Stopping { .. }
                | Standing::Resting { .. }
                | Standing::Unknown { .. }
                | Standing::StoppingChild { .. } => {}
            }
            state.opened.get_or_insert(at);
            state.at = At::Is(standing);
        });
        self.recount(of, true);
    }

    fn end_item(&mut self, at: Millis, of: Item, end: ItemEnd, fill: impl FnOnce(&mut ItemState)) {
        self.recount(of, false);
        self.change(of, |state| {
            state.at = At::Over(end);
            state.ended = Some(at);
            state.opened.get_or_insert(at);
            if end == ItemEnd::Done {
                state.doubt = false;
            }
            fill(state);
            // The rendered input is in the journal; a run that retries begins with it again only if it failed.
            if matches!(end, ItemEnd::Done | ItemEnd::Skipped) {
                state.first = None;
            }
        });
        self.recount(of, true);
        if of.undo && end == ItemEnd::Done {
            self.taken_back(of);
        }
    }

    /// A run is opened again: what failed or was dropped waits for its turn, what was done stays.
    fn requeue(&mut self) {
        for step in Arc::make_mut(&mut self.steps) {
            if step.phase != StepPhase::Open {
                continue;
            }
            let step = Arc::make_mut(step);
            if step.broken {
                let earlier = step.earlier.take();
                *step = StepState { round: step.round, earlier, ..StepState::default() };
                continue;
            }
            let unfinished =
                |item: &ItemState| matches!(item.at, At::Over(ItemEnd::Failed | ItemEnd::Dropped));
            step.next = step.items.iter().position(unfinished).map_or(step.next, |at| at as u32);
            for item in step.items.iter_mut().filter(|item| unfinished(item)) {
                step.over = step.over.saturating_sub(1);
                step.queued += 1;
                item.queue_again();
            }
            step.failed = 0;
        }
    }

    fn register_undo(&mut self, of: Item) {
        let step = self.step(of.step);
        let Some(state) = step.items.get(of.item as usize) else { return };
        let element = step.list.as_ref().and_then(|list| list.element(of.item));
        let done = Done {
            of,
            output: state.output.clone(),
            outcome: state.outcome.clone(),
            by: state.by.clone(),
            element: element.and_then(|element| Raw::new(element.to_owned())),
            opened: state.opened,
            ended: state.ended,
            undo: None,
        };
        self.undoable.push(done);
    }

    fn taken_back(&mut self, of: Item) {
        self.forget_undo(of);
        if let Some(step) = self.step_mut(of.step).filter(|step| step.round == of.round) {
            step.taken_back = true;
        }
    }

    fn forget_undo(&mut self, of: Item) {
        // What the undo still stood for (a question to the owner) goes with it.
        self.change(of, |state| state.at = At::Over(ItemEnd::Done));
        self.undoing = None;
        let main = Item { undo: false, ..of };
        if let Some(at) = self.undoable.iter().rposition(|done| done.of == main) {
            self.undoable.remove(at);
        }
    }

    fn next_round(&mut self, no: StepNo) {
        let round = self.step(no).round;
        let standing: Vec<u32> = (0..u32::try_from(self.step(no).items.len()).unwrap_or(0)).collect();
        for item in standing {
            self.change(Item { step: no, round, item, undo: false }, |state| {
                state.at = At::Over(ItemEnd::Dropped)
            });
        }
        if let Some(step) = self.step_mut(no) {
            let earlier = if step.is_over() {
                let mut over = std::mem::take(step);
                over.earlier = None;
                Some(Arc::new(over))
            } else {
                step.earlier.take()
            };
            *step = StepState { round: round + 1, earlier, ..StepState::default() };
        }
    }
}

fn at_of(step: &StepState, item: u32) -> &At {
    &step.items[item as usize].at
}

/// The output that an event brought with it.
fn brought(event: &Event) -> Option<Raw> {
    match event {
        Event::Ended { result: AttemptResult::Done { output }, .. } => Some(output.clone()),
        Event::ChildEnded { output, .. } => output.clone(),
        Event::Answered { fields, .. } => Some(fields.clone()),
        Event::Settled { verdict: Verdict::Happened { values }, .. } => Some(values.clone()),
        Event::Started(_)
        | Event::Woke {}
        | Event::Begun { .. }
        | Event::Ended { .. }
        | Event::Claimed { .. }
        | Event::Released { .. }
        | Event::Settled { .. }
        | Event::Cancelled { .. }
        | Event::Retried { .. }
        | Event::Joined { .. } => None,
    }
}

fn answered_by(event: &Event, item: Item) -> Option<Arc<str>> {
    match event {
        Event::Answered { of: Attempt { item: of, .. }, by, .. }
        | Event::Settled { of: Attempt { item: of, .. }, by, verdict: Verdict::Happened { .. } }
            if *of == item =>
        {
            Some(by.clone())
        }
        Event::Started(_)
        | Event::Woke {}
        | Event::Begun { .. }
        | Event::Ended { .. }
        | Event::ChildEnded { .. }
        | Event::Claimed { .. }
        | Event::Released { .. }
        | Event::Answered { .. }
        | Event::Settled { .. }
        | Event::Cancelled { .. }
        | Event::Retried { .. }
        | Event::Joined { .. } => None,
    }
}
