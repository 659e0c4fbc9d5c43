//! How a run changes: by the facts of its journal, one arm for each, and in no other way.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::clock::{ClockSet, ClockWhy, Moved, RungDid, Stands, WHOLE};
use super::event::{
    AttemptResult, Comment, EndState, Event, Fact, ItemEnd, Output, Question, Raw, Standing, Started, Verdict,
};
use super::list::List;
use super::state::{
    At, Beside, Closing, Done, GoingBack, ItemState, Phase, Run, ScopeState, StepPhase, StepState, Timer,
    TimerOf, the_run,
};
use crate::id::{Attempt, Item, Millis, ScopeNo, StepAt, StepNo};

impl Run {
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
        let (wants, after, watched) = (state.want(), state.timers(), state.is_watched());
        self.standing.count(want, false);
        self.standing.count(wants, true);
        if watched {
            self.watched.insert(of);
        } else if !self.watched.is_empty() {
            self.watched.remove(&of);
        }
        if timers == after {
            return;
        }
        let timer = |(at, kind)| Timer { at, of: TimerOf::Item(of, kind) };
        for old in timers.into_iter().flatten() {
            self.timers.remove(&timer(old));
        }
        self.timers.extend(after.into_iter().flatten().map(timer));
    }

    pub(super) fn item_mut(&mut self, of: Item) -> Option<&mut ItemState> {
        if of.rung.is_some() {
            return Some(self.beside_mut(of));
        }
        if of == WHOLE {
            return self.whole.as_mut().map(Arc::make_mut);
        }
        if of.undo {
            let main = of.main();
            let done = self.undoable.iter_mut().rfind(|done| done.of == main)?;
            self.undoing.insert(main);
            return Some(done.undo.get_or_insert_with(ItemState::default));
        }
        let step = self.step_mut(of.place())?;
        if step.round == of.round { step.items.get_mut(of.item as usize) } else { None }
    }

    fn beside_mut(&mut self, of: Item) -> &mut ItemState {
        let place = self.beside.iter().rposition(|beside| beside.of == of).unwrap_or_else(|| {
            self.beside.push(Beside { of, state: ItemState::default() });
            self.beside.len() - 1
        });
        &mut self.beside[place].state
    }

    /// Nothing follows from its end.
    fn forget_beside(&mut self, of: Item) {
        self.beside.retain(|beside| beside.of != of);
    }

    fn step_mut(&mut self, at: StepAt) -> Option<&mut StepState> {
        self.scope_mut(at.scope)?.step_mut(at.step)
    }

    /// The only place where a run changes.
    #[expect(clippy::too_many_lines, reason = "one arm per fact, to be read as a table")]
    pub(super) fn apply(&mut self, at: Millis, event: &Event, fact: &Fact) {
        match fact {
            Fact::Opened { steps } => self.top = ScopeState::begin(None, None, StepNo(0), *steps),
            // What was entered first stays in the journal.
            Fact::InputUpdated { input, .. } => {
                self.started = Arc::new(Started { input: input.clone(), ..(*self.started).clone() });
            }
            Fact::StepOpened { s, scope, n, list, broken } => {
                self.items += *n as usize;
                if let Some(step) = self.step_mut(StepAt { step: *s, scope: *scope }) {
                    step.phase = StepPhase::Open;
                    step.items = vec![ItemState::default(); *n as usize];
                    if let Some(first) = step.items.first_mut() {
                        first.attempts = step.spent;
                    }
                    step.queued = *n;
                    step.list = list.clone().map(List::new);
                    step.broken = *broken;
                    step.opened = Some(at);
                }
            }
            Fact::StepOver { s, scope, state } => {
                if let Some(step) = self.step_mut(StepAt { step: *s, scope: *scope }) {
                    step.phase = StepPhase::Over(*state);
                    step.ended = Some(at);
                    step.opened.get_or_insert(at);
                }
            }
            Fact::Anew { s, scope } => {
                let at = StepAt { step: *s, scope: *scope };
                let round = self.step(at).round;
                let spent = self.step(at).items.first().map_or(0, |item| item.attempts);
                self.change(at.item(round, 0), |state| state.at = At::Over(ItemEnd::Dropped));
                self.items -= self.step(at).items.len();
                if let Some(step) = self.step_mut(at) {
                    let earlier = step.earlier.take();
                    *step = StepState { round, earlier, spent, ..StepState::default() };
                }
            }
            Fact::Outrun { s, scope } => {
                if let Some(step) = self.step_mut(StepAt { step: *s, scope: *scope }) {
                    step.outrun = true;
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
                if let Event::EventTaken { of: taker, id, .. } = event
                    && taker.item == *of
                {
                    self.taken.insert(id.clone());
                }
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
            Fact::TaskHandedOver { at: of, who, delegated_by } => self.change(*of, |state| {
                state.claimed = None;
                if let At::Is(Standing::Asked { task, .. }) = &mut state.at {
                    task.who.clone_from(who);
                    task.nobody.clear();
                    task.choose = None;
                    task.delegated_by.clone_from(delegated_by);
                }
            }),
            Fact::Commented { at: of } => {
                if let Event::Commented { by, text, .. } = event {
                    let comment = Comment { by: by.clone(), at, text: text.clone() };
                    self.change(*of, |state| state.comments.push(comment));
                }
            }
            // Of an answer it is kept for whom it was given.
            Fact::Acted { at: of, acts } => {
                if matches!(event, Event::Answered { .. } | Event::AnsweredFor { .. }) {
                    self.change(*of, |state| state.for_whom.clone_from(&acts.for_whom));
                }
            }
            Fact::TaskReleased { at: of } => self.change(*of, |state| state.claimed = None),
            Fact::Late { at: of } => self.change(*of, |state| state.late = true),
            Fact::Clock { at: of, set } => {
                self.set_clock(at, *of, set);
                if let Event::DueMoved { to, by, reason, .. } = event {
                    let (by, reason) = (by.clone(), reason.clone());
                    self.change(*of, |state| {
                        let clock = Arc::make_mut(state.clock.get_or_insert_default());
                        clock.moved.push(Moved { at, by, reason, was: set.was, due: *to });
                    });
                }
            }
            Fact::Stands { at: of, file, person } => self.change(*of, |state| {
                let clock = Arc::make_mut(state.clock.get_or_insert_default());
                let new = || Box::new(Stands { since: at, file: None, person: None });
                let stands = clock.stands.get_or_insert_with(new);
                stands.file = file.clone().or_else(|| stands.file.take());
                stands.person = person.clone().or_else(|| stands.person.take());
            }),
            Fact::StandsOn { at: of, person } => self.change(*of, |state| {
                let clock = state.clock.as_mut().map(Arc::make_mut);
                let Some(stands) = clock.and_then(|clock| clock.stands.as_mut()) else { return };
                if *person {
                    stands.person = None;
                } else {
                    stands.file = None;
                }
            }),
            Fact::MoreTimeAsked { at: of, asked } => self.change(*of, |state| {
                if let Some(clock) = &mut state.clock {
                    Arc::make_mut(clock).asked.push((**asked).clone());
                }
                state.dues = state.dues.max(asked.n);
            }),
            Fact::Rung { at: of, rung, did, next, .. } => self.change(*of, |state| {
                if let Some(clock) = &mut state.clock {
                    Arc::make_mut(clock).rung_fired(*rung, *next);
                }
                if let (RungDid::Reassigned { who, nobody }, At::Is(Standing::Asked { task, .. })) =
                    (did, &mut state.at)
                {
                    task.who.clone_from(who);
                    task.nobody.clone_from(nobody);
                    task.choose = None;
                    state.claimed = None;
                }
            }),
            Fact::GoingBack { scope, way, cover, after_ms } => {
                self.timers.retain(|timer| timer.of != TimerOf::Back(*scope));
                let Some(of) = self.scope_mut(*scope) else { return };
                if let Some(way) = way {
                    *of.ways.entry(*way).or_default() += 1;
                }
                let back = of.back.get_or_insert_with(|| GoingBack {
                    cover: BTreeSet::new(),
                    after_ms: 0,
                    until: None,
                });
                back.cover.extend(cover);
                back.after_ms = back.after_ms.max(*after_ms);
                back.until = None;
            }
            Fact::BackPaused { scope, until } => {
                if let Some(back) = self.scope_mut(*scope).and_then(|of| of.back.as_mut()) {
                    back.until = Some(*until);
                    self.timers.insert(Timer { at: *until, of: TimerOf::Back(*scope) });
                }
            }
            Fact::Round { scope, steps } => {
                self.timers.retain(|timer| timer.of != TimerOf::Back(*scope));
                if let Some(of) = self.scope_mut(*scope) {
                    of.back = None;
                }
                steps.iter().for_each(|step| self.next_round(StepAt { step: *step, scope: *scope }));
            }
            Fact::Left { at: of } => self.forget_undo(*of),
            Fact::Closing { scope, ending, by_step, used_up, withdrawn, error, output } => {
                // A pause before the next round is over: there will be none before a retry.
                self.timers.retain(|timer| timer.of != TimerOf::Back(*scope));
                let Some(of) = self.scope_mut(*scope) else { return };
                of.phase = Phase::Stopping;
                if let Some(back) = &mut of.back {
                    back.until = None;
                }
                of.closing = Some(Closing {
                    ending: ending.clone(),
                    withdrawn: *withdrawn,
                    by_step: *by_step,
                    used_up: *used_up,
                    output: output.clone(),
                });
                of.error.clone_from(error);
            }
            Fact::Finishing { scope } => {
                if let Some(of) = self.scope_mut(*scope) {
                    of.phase = Phase::Finishing;
                }
            }
            Fact::Ended { scope, state, outcome, output } => {
                let Some(of) = self.scope_mut(*scope) else { return };
                if *state == EndState::Done {
                    // Otherwise a retry still has to go the way that the end cut short.
                    of.back = None;
                }
                of.phase = Phase::Over { state: *state, outcome: outcome.clone(), output: output.clone() };
                if scope.is_run() {
                    self.change(WHOLE, |whole| whole.at = At::Over(ItemEnd::Done));
                }
            }
            Fact::Reopened { scope, opening, closing_steps } => {
                let Some(of) = self.scope_mut(*scope) else { return };
                of.opening = *opening;
                of.phase = Phase::Open;
                of.error = None;
                of.closing = None;
                closing_steps.iter().for_each(|step| self.next_round(StepAt { step: *step, scope: *scope }));
                self.requeue(*scope);
                if scope.is_run() {
                    self.change(WHOLE, |whole| whole.at = At::Is(the_run(1)));
                }
            }
            Fact::Migrated(mapping) => self.remap(mapping),
            Fact::InputJoined {} => {
                if let Event::Joined { input, .. } = event {
                    self.joined.push(input.clone());
                }
            }
        }
    }

    fn set_clock(&mut self, at: Millis, of: Item, set: &ClockSet) {
        if of == WHOLE && self.whole.is_none() {
            let whole =
                ItemState { at: At::Is(the_run(1)), attempts: 1, opened: Some(at), ..ItemState::default() };
            self.whole = Some(Arc::new(whole));
        }
        self.change(of, |state| {
            let was = state.due;
            let clock = Arc::make_mut(state.clock.get_or_insert_default());
            clock.set(set);
            match set.why {
                ClockWhy::Resumed => clock.goes_on(at, was, set.due),
                // Given while it stands: what it stood before is done with.
                ClockWhy::Moved | ClockWhy::Extended => clock.stands_anew(at, was, set.due),
                ClockWhy::Opened
                | ClockWhy::Began
                | ClockWhy::Calendars
                | ClockWhy::Input
                | ClockWhy::Migrated => {}
            }
            state.due = set.due;
            state.dues = state.dues.max(set.n);
            // Lateness is judged by the due time in force.
            state.late &= set.due.is_some_and(|due| due <= at);
        });
    }

    /// Keeps the step's counters while an item goes from one state to another.
    fn recount(&mut self, of: Item, arrives: bool) {
        if of.is_beside() {
            return;
        }
        let Some(step) = self.step_mut(of.place()).filter(|step| step.round == of.round) else { return };
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
        if of == WHOLE {
            self.whole.get_or_insert_default();
        } else if let Standing::Holding { scope, first, steps, .. } = standing {
            self.open_scope(of, *scope, *first, *steps);
        }
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
                    state.clock = None;
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
                Standing::Listening { a, to } => {
                    state.attempts = *a;
                    state.due = to.due;
                    state.late = false;
                    state.clock = None;
                }
                // The attempt has not begun.
                Standing::Slot { ask, .. } => state.limit = Some(Arc::from(ask.clone())),
                // One that is opened again goes on with its clock.
                Standing::Holding { a, .. } if of == WHOLE => state.attempts = *a,
                Standing::Holding { a, scope, .. } => {
                    state.attempts = *a;
                    state.scope = Some(*scope);
                    (state.due, state.late, state.clock) = (None, false, None);
                }
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
            state.comments = Vec::new(); // The journal has them.
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
        if of.rung.is_some() {
            self.forget_beside(of);
        } else if of.undo && end == ItemEnd::Done {
            self.taken_back(of);
        }
    }

    /// An item of a holding step becomes a scope; one that is tried again finds its own.
    fn open_scope(&mut self, of: Item, no: ScopeNo, first: StepNo, steps: u16) {
        if self.inner.contains_key(&no) {
            return;
        }
        let list = self.step(of.place()).list.as_ref();
        let element = list.and_then(|list| list.element(of.item)).and_then(|raw| Raw::new(raw.to_owned()));
        let scope = ScopeState::begin(Some(of), element, first, steps);
        Arc::make_mut(&mut self.inner).insert(no, Arc::new(scope));
        self.scopes = self.scopes.max(no.0);
    }

    /// A scope is opened again: what failed or was dropped waits for its turn, what was done stays.
    fn requeue(&mut self, scope: ScopeNo) {
        let Some(of) = self.scope_mut(scope) else { return };
        let mut gone = 0;
        for step in Arc::make_mut(&mut of.steps) {
            if step.phase != StepPhase::Open || step.outrun {
                continue;
            }
            let step = Arc::make_mut(step);
            if step.broken {
                gone += step.items.len();
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
        self.items -= gone;
    }

    fn register_undo(&mut self, of: Item) {
        let step = self.step(of.place());
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
            scope: state.scope,
            undo: None,
        };
        if let Some(scope) = done.scope {
            // A holding step with an undo of its own is taken back as a whole.
            let inside: Vec<bool> =
                self.undoable.iter().map(|done| self.step_within(scope, done.of).is_some()).collect();
            let mut inside = inside.into_iter();
            self.undoable.retain(|_| !inside.next().unwrap_or(false));
        }
        self.undoable.push(done);
    }

    fn taken_back(&mut self, of: Item) {
        self.forget_undo(of);
        if let Some(step) = self.step_mut(of.place()).filter(|step| step.round == of.round) {
            step.taken_back = true;
        }
        // A scope that was done is so no more: a retry goes over its holding step.
        let holders: Vec<Item> = self.holders(of.scope).collect();
        for holder in holders {
            let done = self.item(holder).is_some_and(|item| item.at == At::Over(ItemEnd::Done));
            if let Some(step) = self.step_mut(holder.place()).filter(|_| done) {
                step.taken_back = true;
            }
        }
    }

    fn forget_undo(&mut self, of: Item) {
        // What the undo still stood for (a question to the owner) goes with it.
        self.change(of, |state| state.at = At::Over(ItemEnd::Done));
        if of.rung.is_some() {
            return self.forget_beside(of);
        }
        let main = of.main();
        self.undoing.remove(&main);
        if let Some(at) = self.undoable.iter().rposition(|done| done.of == main) {
            self.undoable.remove(at);
        }
    }

    fn next_round(&mut self, at: StepAt) {
        let round = self.step(at).round;
        for item in 0..u32::try_from(self.step(at).items.len()).unwrap_or(0) {
            self.change(at.item(round, item), |state| state.at = At::Over(ItemEnd::Dropped));
        }
        self.items -= self.step(at).items.len();
        let mut forgotten = None;
        if let Some(step) = self.step_mut(at) {
            let earlier = if step.is_over() {
                let mut over = std::mem::take(step);
                forgotten = over.earlier.take();
                Some(Arc::new(over))
            } else {
                step.earlier.take()
            };
            *step = StepState { round: round + 1, earlier, ..StepState::default() };
        }
        if let Some(forgotten) = forgotten {
            forgotten.items.iter().filter_map(|item| item.scope).for_each(|scope| self.forget_scope(scope));
        }
    }

    /// Nothing reads this scope any more, unless something in it can still be taken back.
    fn forget_scope(&mut self, no: ScopeNo) {
        if self.undoable.iter().any(|done| done.scope == Some(no) || self.step_within(no, done.of).is_some())
        {
            return;
        }
        let Some(scope) = Arc::make_mut(&mut self.inner).remove(&no) else { return };
        self.items -= scope.items();
        let rounds = scope.steps.iter().flat_map(|step| std::iter::once(step).chain(&step.earlier));
        let inside: Vec<ScopeNo> =
            rounds.flat_map(|step| step.items.iter().filter_map(|item| item.scope)).collect();
        inside.into_iter().for_each(|scope| self.forget_scope(scope));
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
        Event::Answered { fields, .. } | Event::AnsweredFor { fields, .. } => Some(fields.clone()),
        Event::EventTaken { payload, .. } => Some(payload.clone()),
        Event::Settled { verdict: Verdict::Happened { values } | Verdict::Skip { values }, .. } => {
            Some(values.clone())
        }
        Event::Started(_)
        | Event::Woke {}
        | Event::Begun { .. }
        | Event::ChildStarted { .. }
        | Event::SlotGranted { .. }
        | Event::Assigned { .. }
        | Event::Ended { .. }
        | Event::Claimed { .. }
        | Event::Released { .. }
        | Event::HandedOver { .. }
        | Event::Commented { .. }
        | Event::Settled { .. }
        | Event::Cancelled { .. }
        | Event::Retried { .. }
        | Event::Migrated { .. }
        | Event::Paused { .. }
        | Event::Resumed { .. }
        | Event::DueMoved { .. }
        | Event::MoreTimeAsked { .. }
        | Event::CalendarsChanged {}
        | Event::Joined { .. } => None,
    }
}

fn answered_by(event: &Event, item: Item) -> Option<Arc<str>> {
    match event {
        Event::Answered { of: Attempt { item: of, .. }, by, .. }
        | Event::AnsweredFor { of: Attempt { item: of, .. }, by, .. }
        | Event::Settled { of: Attempt { item: of, .. }, by, verdict: Verdict::Happened { .. }, .. }
            if *of == item =>
        {
            Some(by.clone())
        }
        Event::Started(_)
        | Event::Woke {}
        | Event::Begun { .. }
        | Event::Ended { .. }
        | Event::ChildStarted { .. }
        | Event::EventTaken { .. }
        | Event::SlotGranted { .. }
        | Event::Assigned { .. }
        | Event::ChildEnded { .. }
        | Event::Claimed { .. }
        | Event::Released { .. }
        | Event::HandedOver { .. }
        | Event::Commented { .. }
        | Event::Answered { .. }
        | Event::AnsweredFor { .. }
        | Event::Settled { .. }
        | Event::Cancelled { .. }
        | Event::Retried { .. }
        | Event::Migrated { .. }
        | Event::Paused { .. }
        | Event::Resumed { .. }
        | Event::DueMoved { .. }
        | Event::MoreTimeAsked { .. }
        | Event::CalendarsChanged {}
        | Event::Joined { .. } => None,
    }
}
