//! How the flow goes back, and how a run closes, takes back, ends and is opened again.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::event::{EndState, Fact, Raw, RunError};
use super::names::Standpoint;
use super::state::{Phase, ScopeState, StepPhase};
use super::{Deciding, ROUNDS_MAX, Refusal};
use crate::expression::ExpressionError;
use crate::id::{Item, ScopeNo, StepAt, StepNo};
use crate::plan::{BackTo, Ending, Section};

impl Deciding<'_> {
    /// A way back that was taken as often as it may be.
    pub(super) fn is_used_up(&self, scope: ScopeNo, back: &BackTo) -> bool {
        let taken = self.run.scope(scope).and_then(|of| of.ways.get(&back.way).copied()).unwrap_or(0);
        let target = StepAt { step: back.target, scope };
        back.most.is_some_and(|most| taken >= most) || !self.has_rounds_left(target)
    }

    /// No step passes the last round that may be.
    pub(super) fn has_rounds_left(&self, target: StepAt) -> bool {
        let has = |no: StepNo| self.run.step(StepAt { step: no, ..target }).round < ROUNDS_MAX;
        has(target.step) && self.text.step(target.step).after.iter().all(|no| has(*no))
    }

    /// The step gone back to and all after it.
    pub(super) fn cover(&self, target: StepNo) -> Vec<StepNo> {
        let mut cover = vec![target];
        cover.extend(&self.text.step(target).after);
        cover
    }

    pub(super) fn go_back(&mut self, scope: ScopeNo, back: BackTo) {
        let after_ms = back.after.map_or(0, |span| span.ms);
        self.go_back_over(scope, Some(back.way), self.cover(back.target), after_ms);
    }

    pub(super) fn go_back_over(
        &mut self,
        scope: ScopeNo,
        way: Option<u16>,
        cover: Vec<StepNo>,
        after_ms: i64,
    ) {
        self.did(Fact::GoingBack { scope, way, cover: cover.clone(), after_ms });
        cover.into_iter().for_each(|step| self.withdraw_step(StepAt { step, scope }));
    }

    /// Closes a scope, once per opening: the first wins.
    pub(super) fn close(&mut self, scope: ScopeNo, ending: Ending, because: Because) {
        if self.run.scope(scope).is_none_or(|of| of.phase != Phase::Open) {
            return;
        }
        let output = if matches!(ending, Ending::Done { .. }) { self.output_of(scope) } else { Ok(None) };
        let output = match output {
            Ok(output) => output,
            Err(problem) => return self.close_as_output_failed(problem),
        };
        let Because { step, used_up, error } = because;
        let error = error.or_else(|| match &ending {
            Ending::Fail { reason } => {
                let path = |step| self.run.path_of(self.text, StepAt { step, scope });
                Some(RunError {
                    step: step.map(path).unwrap_or_default().into(),
                    item: 0,
                    code: "YZ0318".into(),
                    message: reason.clone(),
                })
            }
            Ending::Done { .. } | Ending::Cancel { .. } => None,
        });
        let closing =
            Fact::Closing { scope, ending, by_step: step, used_up, withdrawn: false, error, output };
        self.stop(scope, closing);
    }

    /// The step that holds a scope was withdrawn: so is all in it. What was done there is taken back, if it must be, by
    /// whoever withdrew it, in the order in which all was done.
    pub(super) fn leave(&mut self, scope: ScopeNo) {
        if self.run.scope(scope).is_none_or(|of| of.phase != Phase::Open) {
            return;
        }
        self.stop(
            scope,
            Fact::Closing {
                scope,
                ending: Ending::Cancel { reason: "withdrawn".into() },
                by_step: None,
                used_up: None,
                withdrawn: true,
                error: None,
                output: None,
            },
        );
    }

    fn stop(&mut self, scope: ScopeNo, closing: Fact) {
        self.did(closing);
        let text = self.text.clone();
        for step in text.steps_in(self.holder_of(scope)) {
            self.withdraw_step(StepAt { step: *step, scope });
        }
        if scope.is_run() {
            self.leave_line();
            self.withdraw_beside(StepAt::run(StepNo::WHOLE));
        }
    }

    /// `[output]`, which is the run's alone.
    fn output_of(&self, scope: ScopeNo) -> Result<Option<Raw>, ExpressionError> {
        let Some(tree) = self.text.output.as_ref().filter(|_| scope.is_run()) else { return Ok(None) };
        Ok(Raw::new(tree.json(&self.scope(Standpoint::Run))?))
    }

    fn close_as_output_failed(&mut self, problem: ExpressionError) {
        let error = RunError { step: "output".into(), item: 0, code: problem.code, message: problem.message };
        let ending = Ending::Fail { reason: error.message.clone() };
        self.close(ScopeNo::RUN, ending, Because::failed(error, None));
    }

    /// The step whose item a scope is.
    fn holder_of(&self, scope: ScopeNo) -> Option<StepNo> {
        self.run.scope(scope).and_then(ScopeState::holder_step)
    }

    /// Moves a way back, a close or the end of a scope one stage on. True if something followed.
    pub(super) fn go_on(&mut self, scope: ScopeNo) -> bool {
        let Some(of) = self.run.scope(scope) else { return false };
        match of.phase {
            Phase::Open if scope.is_run() && self.run.waits_to_begin() => false,
            Phase::Open if of.back.is_some() => self.go_on_back(scope),
            Phase::Open => self.end_if_through(scope),
            Phase::Stopping => {
                if !self.items_over(scope) {
                    return false;
                }
                self.did(Fact::Finishing { scope });
                if scope.is_run() {
                    let section = self.closing_section();
                    let steps = self.text.numbers().filter(|no| Some(self.text.step(*no).section) == section);
                    self.ready.extend(steps.map(StepAt::run));
                }
                true
            }
            Phase::Finishing => self.go_on_finishing(scope),
            Phase::Over { .. } => false,
        }
    }

    fn end_if_through(&mut self, scope: ScopeNo) -> bool {
        // From the end: the last step is over last, so a long chain is not walked at each of its steps.
        let mut steps = self.text.steps_in(self.holder_of(scope)).iter().rev();
        if !steps.all(|step| self.run.step(StepAt { step: *step, scope }).is_over()) {
            return false;
        }
        // What a due time set off is waited for, as a step that nobody needs.
        if self.run.beside.iter().any(|beside| beside.of.scope == scope) {
            return false;
        }
        match self.output_of(scope) {
            Ok(output) => self.ended_as(scope, EndState::Done, "done".into(), output),
            Err(problem) => self.close_as_output_failed(problem),
        }
        true
    }

    /// A scope has come to its end; of an inner one the item is over with it.
    fn ended_as(&mut self, scope: ScopeNo, state: EndState, outcome: Arc<str>, output: Option<Raw>) {
        let holder = self.run.scope(scope).and_then(|of| of.holder);
        self.did(Fact::Ended { scope, state, outcome: outcome.clone(), output });
        if let Some(item) = holder {
            self.scope_ended(item, state, outcome);
        }
    }

    fn items_over(&self, scope: ScopeNo) -> bool {
        let steps = self.text.steps_in(self.holder_of(scope));
        self.all_items_over(scope, steps.iter().copied())
            && !self.run.beside.iter().any(|beside| beside.of.scope == scope && self.is_withdrawn(beside.of))
    }

    fn all_items_over(&self, scope: ScopeNo, mut steps: impl Iterator<Item = StepNo>) -> bool {
        steps.all(|step| {
            let at = StepAt { step, scope };
            let state = self.run.step(at);
            (state.phase != StepPhase::Open || state.all_over())
                && !self.run.beside.iter().any(|beside| beside.of.place() == at)
        })
    }

    fn go_on_back(&mut self, scope: ScopeNo) -> bool {
        let Some(back) = self.run.scope(scope).and_then(|of| of.back.clone()) else { return false };
        if !self.all_items_over(scope, back.cover.iter().copied()) {
            return false;
        }
        match self.next_to_take_back(scope, Some(&back.cover)) {
            Taking::Waits => false,
            Taking::Next(item) => {
                self.begin(item);
                true
            }
            Taking::Through => match back.until {
                None if back.after_ms > 0 => {
                    self.did(Fact::BackPaused { scope, until: self.at.plus(back.after_ms) });
                    true
                }
                Some(until) if until > self.at => false,
                None | Some(_) => {
                    self.did(Fact::Round { scope, steps: back.cover.iter().copied().collect() });
                    self.ready.extend(back.cover.iter().map(|step| StepAt { step: *step, scope }));
                    true
                }
            },
        }
    }

    fn go_on_finishing(&mut self, scope: ScopeNo) -> bool {
        let Some(of) = self.run.scope(scope) else { return false };
        let (Some(closing), back) = (of.closing.clone(), of.back.clone()) else { return false };
        let taking = match &closing.ending {
            Ending::Cancel { .. } | Ending::Fail { .. } if !closing.withdrawn => {
                self.next_to_take_back(scope, None)
            }
            // What a going back still had to take back is taken back; nothing else is undone.
            Ending::Done { .. } | Ending::Cancel { .. } | Ending::Fail { .. } => {
                self.next_to_take_back(scope, Some(&back.map(|back| back.cover).unwrap_or_default()))
            }
        };
        match taking {
            Taking::Next(item) => {
                self.begin(item);
                return true;
            }
            Taking::Waits => return false,
            Taking::Through => {}
        }
        if scope.is_run() {
            let section = self.closing_section();
            let through = self.text.numbers().all(|no| {
                Some(self.text.step(no).section) != section || self.run.step(StepAt::run(no)).is_over()
            });
            let beside = self.run.beside.iter().any(|beside| beside.of.scope.is_run());
            if !through || beside {
                return false;
            }
        }
        let (state, outcome) = match closing.ending {
            Ending::Done { outcome } => (EndState::Done, outcome),
            Ending::Cancel { reason } => (EndState::Cancelled, reason),
            Ending::Fail { reason } => (EndState::Failed, reason),
        };
        self.ended_as(scope, state, outcome, closing.output);
        true
    }

    /// Last done first, one at a time in each scope. With a cover: only what it covers and does not keep.
    fn next_to_take_back(&self, scope: ScopeNo, cover: Option<&BTreeSet<StepNo>>) -> Taking {
        // Also what a going back began to take back before it grew or the scope closed.
        if self.run.undoing.iter().any(|item| self.takes_back(scope, *item)) {
            return Taking::Waits;
        }
        let last = self.run.undoable.iter().rev().find(|done| {
            let Some(within) = self.run.step_within(scope, done.of) else { return false };
            let keep = self.text.step(done.of.step).undo.as_ref().is_some_and(|undo| undo.keep);
            done.undo.is_none() && cover.is_none_or(|cover| cover.contains(&within) && !keep)
        });
        last.map_or(Taking::Through, |done| Taking::Next(Item { undo: true, ..done.of }))
    }

    /// Whether it is this scope that takes the item back: it lies in it, and every scope between is over.
    fn takes_back(&self, scope: ScopeNo, of: Item) -> bool {
        if self.run.step_within(scope, of).is_none() {
            return false;
        }
        let own = std::iter::once(of.scope).chain(self.run.holders(of.scope).map(|holder| holder.scope));
        own.take_while(|between| *between != scope)
            .all(|between| self.run.scope(between).is_none_or(ScopeState::is_over))
    }

    pub(super) fn cancelled(
        &mut self,
        opening: u32,
        by: &Arc<str>,
        reason: &Arc<str>,
    ) -> Result<(), Refusal> {
        if self.run.top.phase != Phase::Open || self.run.top.opening != opening {
            return Err(Refusal::Echo("the run is closing or over"));
        }
        let reason = if reason.is_empty() { format!("cancelled by {by}").into() } else { reason.clone() };
        self.close(ScopeNo::RUN, Ending::Cancel { reason }, Because::default());
        Ok(())
    }

    pub(super) fn retried(&mut self, opening: u32, by: &str, from: Option<StepNo>) -> Result<(), Refusal> {
        if self.run.top.opening != opening {
            return Err(Refusal::Echo("the run has been retried"));
        }
        match &self.run.top.phase {
            Phase::Over { state: EndState::Failed | EndState::Cancelled, .. } => {}
            Phase::Over { state: EndState::Done, .. } => return Err(Refusal::NotRetriable("done")),
            Phase::Open => return Err(Refusal::NotRetriable("open")),
            Phase::Stopping | Phase::Finishing => return Err(Refusal::NotRetriable("closing")),
        }
        if let Some(parent) = self.run.started.parent
            && by != PARENT
        {
            return Err(Refusal::ParentDecides(parent.run));
        }
        if let (None, Some(step)) = (from, self.run.top.closing.as_ref().and_then(|closing| closing.by_step))
        {
            return Err(Refusal::FromRequired { step: self.text.step(step).id.clone() });
        }
        if let Some(no) = from
            && !self.text.main.contains(&no)
        {
            let known = self.text.steps.get(no.index());
            return Err(Refusal::NoSuchStep(
                known.map_or_else(|| no.0.to_string().into(), |step| step.id.clone()),
            ));
        }
        let cover = self.cover_of_retry(ScopeNo::RUN, from);
        if !cover.iter().all(|no| self.has_rounds_left(StepAt::run(*no))) {
            return Err(Refusal::NotRetriable("in the last round that a step may have"));
        }
        self.reopen(ScopeNo::RUN, cover);
        Ok(())
    }

    /// What a retry goes back over; elsewhere it goes on where the scope stood.
    pub(super) fn cover_of_retry(&self, scope: ScopeNo, from: Option<StepNo>) -> BTreeSet<StepNo> {
        let Some(of) = self.run.scope(scope) else { return BTreeSet::new() };
        let ended = of.closing.as_ref();
        let (by_step, used_up) = (ended.and_then(|end| end.by_step), ended.and_then(|end| end.used_up));
        let steps = self.text.steps_in(of.holder_step()).iter().copied();
        let mut cover: BTreeSet<StepNo> = steps
            .filter(|step| self.run.step(StepAt { step: *step, scope }).taken_back)
            .chain([from, by_step, used_up].into_iter().flatten())
            .flat_map(|no| self.cover(no))
            .collect();
        // A way back that the end cut short is still to be gone.
        cover.extend(of.back.iter().flat_map(|back| back.cover.iter().copied()));
        cover
    }

    pub(super) fn reopen(&mut self, scope: ScopeNo, cover: BTreeSet<StepNo>) {
        let text = self.text.clone();
        let Some(of) = self.run.scope(scope) else { return };
        let (opening, holder) = (of.opening + 1, of.holder_step());
        let closing_steps =
            text.numbers().filter(|no| scope.is_run() && text.step(*no).section != Section::Main).collect();
        self.did(Fact::Reopened { scope, opening, closing_steps });
        let waits = scope.is_run() && self.must_wait();
        if !cover.is_empty() {
            self.go_back_over(scope, None, cover.iter().copied().collect(), 0);
        }
        if !waits {
            self.go_on_outside(scope, holder, &cover);
        }
    }

    /// What a way back does not cover starts, or goes on from where it was.
    pub(super) fn go_on_outside(&mut self, scope: ScopeNo, holder: Option<StepNo>, cover: &BTreeSet<StepNo>) {
        let text = self.text.clone();
        for step in text.steps_in(holder).iter().filter(|no| !cover.contains(no)) {
            let at = StepAt { step: *step, scope };
            self.ready.insert(at);
            let state = self.run.step(at);
            if state.phase == StepPhase::Open && state.queued > 0 {
                self.more.insert(at);
            } else if state.phase == StepPhase::Open {
                self.conclude(at);
            }
        }
    }

    pub(super) fn joined(&mut self) -> Result<(), Refusal> {
        if self.run.top.phase != Phase::Open {
            return Err(Refusal::Echo("the run is closing or over"));
        }
        self.did(Fact::InputJoined {});
        Ok(())
    }
}

/// What closed the run.
#[derive(Default)]
pub(super) struct Because {
    /// The step whose `end` or `on` said so.
    pub(super) step: Option<StepNo>,
    /// Where the way back led that was used up.
    pub(super) used_up: Option<StepNo>,
    pub(super) error: Option<RunError>,
}

impl Because {
    pub(super) fn step(no: StepNo) -> Self {
        Self { step: Some(no), ..Self::default() }
    }

    pub(super) fn failed(error: RunError, used_up: Option<StepNo>) -> Self {
        Self { step: None, used_up, error: Some(error) }
    }
}

/// Who retries and cancels a child.
pub const PARENT: &str = "parent";

enum Taking {
    /// Nothing is left to take back.
    Through,
    /// This undo is next.
    Next(Item),
    /// One is under way.
    Waits,
}
