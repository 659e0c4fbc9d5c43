//! The transition table of an item: what ends an attempt, a rest, a sleep or a child, and what follows.

use std::sync::Arc;

use super::approve::{Signed, settling};
use super::begin::{failure, rest_ms, rule_for};
use super::closing::Because;
use super::event::{
    AttemptResult, EndState, Fact, Failure, Happened, ItemEnd, Lost, Output, Question, Raw, RunError,
    Standing, StepEnd,
};
use super::state::{At, Phase, StepPhase, TimerKind, TimerOf, Want};
use super::{Deciding, Refusal};
use crate::id::{Attempt, Item, RunId, ScopeNo, StepAt, StepNo};
use crate::plan::{BackTo, Effect, Ending, Goes, OnError, Retry, Section, Work};

pub(super) const MOVED_ON: Refusal = Refusal::Echo("the attempt has moved on");

impl Deciding<'_> {
    /// Where the item stands, if the attempt meant is the one in force.
    pub(super) fn standing(&self, of: Attempt) -> Result<Standing, Refusal> {
        let known = of.item.step == StepNo::WHOLE || of.item.step.index() < self.text.steps.len();
        if !known || of.item.scope.0 > self.run.scopes {
            return Err(Refusal::Impossible("the run has no such step"));
        }
        let state = self.run.item(of.item).ok_or(MOVED_ON)?;
        match &state.at {
            At::Is(standing) if state.attempt() == Some(of.attempt) => Ok(standing.clone()),
            At::Is(_) | At::Over(_) => Err(MOVED_ON),
        }
    }

    /// Its result is wanted no more: the run is closing, or the flow is going back over it.
    pub(super) fn is_withdrawn(&self, item: Item) -> bool {
        if item.undo || self.text.step(item.step).section != Section::Main {
            return false;
        }
        let Some(scope) = self.run.scope(item.scope) else { return true };
        scope.phase != Phase::Open
            || scope.back.as_ref().is_some_and(|back| back.cover.contains(&item.step))
            || self.run.step(item.place()).outrun
    }

    /// The scope, this one or one around it, in which a step stands.
    pub(super) fn scope_of(&self, step: StepNo, from: ScopeNo) -> ScopeNo {
        let holder = self.text.step(step).holder;
        let around = self.run.holders(from).find(|item| Some(item.step) == holder);
        match (holder, around) {
            (None, _) => ScopeNo::RUN,
            // The item is the scope of the steps that it holds.
            (Some(_), Some(item)) => self.run.item(item).and_then(|state| state.scope).unwrap_or(from),
            (Some(_), None) => from,
        }
    }

    /// The first failure, as `run.error` tells it.
    pub(super) fn run_error(&self, item: Item, failure: Failure) -> RunError {
        RunError {
            step: self.run.path_of(self.text, item.place()).into(),
            item: item.item,
            code: failure.code,
            message: failure.message,
        }
    }

    pub(super) fn begun(&mut self, of: Attempt) -> Result<(), Refusal> {
        let Standing::Running { a, begun: false, .. } = self.standing(of)? else { return Err(MOVED_ON) };
        self.did(Fact::Entered { at: of.item, state: Standing::Running { a, begun: true, first: None } });
        Ok(())
    }

    pub(super) fn ended(&mut self, of: Attempt, result: &AttemptResult) -> Result<(), Refusal> {
        let standing = self.standing(of)?;
        match (&standing, result) {
            (
                Standing::Running { .. } | Standing::Stopping { .. } | Standing::Unknown { .. },
                AttemptResult::Done { output },
            ) => {
                let outcome = self.named_outcome(of.item, output);
                self.done(of.item, outcome, Output::OfEvent, Some(output));
                Ok(())
            }
            (Standing::Running { .. } | Standing::Stopping { .. }, AttemptResult::Failed(failure)) => {
                self.missed(of, failure.clone(), None, begun_of(&standing));
                Ok(())
            }
            (Standing::Running { .. } | Standing::Stopping { .. }, AttemptResult::Lost { how, message }) => {
                let failure = lost_failure(*how, message);
                self.missed(of, failure, Some(*how), begun_of(&standing));
                Ok(())
            }
            _ => Err(MOVED_ON),
        }
    }

    /// The word by which `on` may branch, where the action names the field that holds it.
    fn named_outcome(&self, item: Item, output: &Raw) -> Option<Arc<str>> {
        let Work::Use { action, .. } = self.work(item)? else { return None };
        let field = self.now.world.catalogue.action(action)?.outcome.as_ref()?;
        let fields: serde_json::Value = serde_json::from_str(output.get()).ok()?;
        fields.get(field.as_ref() as &str)?.as_str().map(Arc::from)
    }

    fn work(&self, item: Item) -> Option<&Work> {
        self.text.step(item.step).doing(item).map(|doing| doing.work)
    }

    /// An attempt failed or was lost.
    fn missed(&mut self, of: Attempt, failure: Failure, lost: Option<Lost>, begun: bool) {
        let item = of.item;
        let effect = self.effect_in_force(item);
        let sure = lost.is_none() && failure.happened == Happened::No;
        if effect == Effect::Once && !begun && !sure {
            // It never went out, so nothing can have happened.
            return if self.is_withdrawn(item) { self.give_up(item, failure) } else { self.begin(item) };
        }
        let doubt = !sure && effect != Effect::Pure;
        if effect == Effect::Once && doubt {
            self.did(Fact::Missed { of, failure, doubt, uncounted: false });
            self.did(Fact::Entered { at: item, state: Standing::Unknown { a: of.attempt } });
            return;
        }
        let in_a_row = self.run.item(item).map_or(0, |state| state.restarts);
        let uncounted = lost == Some(Lost::Restart) && in_a_row < 2;
        self.did(Fact::Missed { of, failure: failure.clone(), doubt, uncounted });
        if self.is_withdrawn(item) {
            self.give_up(item, failure);
        } else if uncounted && self.is_in_time(item) {
            self.begin(item);
        } else {
            self.rest_or_give_up(of, failure, lost.is_some());
        }
    }

    fn rest_or_give_up(&mut self, of: Attempt, failure: Failure, lost: bool) {
        let retry = self.retry_of(of.item);
        let Some(state) = self.run.item(of.item) else { return };
        if !(failure.retry || lost) || state.tries > retry.times || !self.is_in_time(of.item) {
            return self.give_up(of.item, failure);
        }
        let rest = rest_ms(&retry, state.tries, &self.readable(of.item), of.attempt);
        let until = self.at.plus(rest.max(failure.retry_after_ms.unwrap_or(0)));
        self.did(Fact::Entered { at: of.item, state: Standing::Resting { until } });
    }

    /// `give_up` has not passed.
    fn is_in_time(&self, item: Item) -> bool {
        let end = self.run.item(item).and_then(|state| state.first.as_ref()?.give_up);
        end.is_none_or(|end| self.at < end)
    }

    fn retry_of(&self, item: Item) -> Retry {
        let written = self.text.step(item.step).doing(item).and_then(|doing| doing.retry);
        written.unwrap_or_else(|| match self.work(item) {
            Some(Work::Use { .. }) if self.effect_in_force(item) != Effect::Once => self.now.world.retry,
            _ => Retry::NONE,
        })
    }

    /// No more tries.
    pub(super) fn give_up(&mut self, item: Item, failure: Failure) {
        let state = self.run.item(item);
        let (doubt, a) = state.map_or((false, 0), |state| (state.doubt, state.attempts));
        let must_be_known = self.effect_in_force(item) == Effect::Once
            || (!item.is_beside() && self.text.step(item.step).undo.is_some());
        if doubt && must_be_known {
            self.did(Fact::Entered { at: item, state: Standing::Unknown { a } });
        } else if self.is_withdrawn(item) {
            self.end(item, ItemEnd::Dropped, Some(failure));
        } else {
            self.fail(item, failure);
        }
    }

    /// An item fails for good, by its step's `on_error`.
    pub(super) fn fail(&mut self, item: Item, failure: Failure) {
        if self.asks(item.step) && !item.is_beside() && !self.was_asked_inside(item) {
            let a = self.run.item(item).map_or(0, |state| state.attempts) + 1;
            let why = Box::new(Question::Failed { failure });
            return self.did(Fact::Entered { at: item, state: Standing::Asking { a, why } });
        }
        self.fail_for_good(item, failure);
    }

    fn asks(&self, step: StepNo) -> bool {
        matches!(self.text.step(step).on_error, OnError::Ask)
    }

    /// Whether a scope failed by what the owner was asked about in it: what holds it does not ask a second time. An end
    /// that fails on purpose is no answer of the owner's.
    fn was_asked_inside(&self, item: Item) -> bool {
        let Some(scope) = self.run.item(item).and_then(|state| state.scope) else { return false };
        let closing = self.run.scope(scope).filter(|scope| scope.is_over());
        let by_failure =
            closing.and_then(|scope| scope.closing.as_ref()).is_some_and(|end| end.by_step.is_none());
        by_failure
            && self.text.steps_in(Some(item.step)).iter().any(|step| {
                let mut items = self.run.step(StepAt { step: *step, scope }).items.iter();
                self.asks(*step) && items.any(|item| item.at == At::Over(ItemEnd::Failed))
            })
    }

    /// A person said that it failed, or nobody is to be asked.
    pub(super) fn fail_for_good(&mut self, item: Item, failure: Failure) {
        self.fail_with(item, failure, Output::None, None);
    }

    /// With an output: the work was done and a person would not have it. It can still be taken back.
    pub(super) fn fail_with(
        &mut self,
        item: Item,
        failure: Failure,
        output: Output,
        used_up: Option<StepNo>,
    ) {
        let text = self.text.clone();
        let step = text.step(item.step);
        if item.is_beside() {
            let a = self.run.item(item).map_or(0, |state| state.attempts) + 1;
            let why = Box::new(if item.undo {
                Question::UndoFailed { failure }
            } else {
                Question::RungFailed { failure }
            });
            return self.did(Fact::Entered { at: item, state: Standing::Asking { a, why } });
        }
        // A scope fails because of a step in it: that one is named.
        let inside = self.run.item(item).and_then(|state| self.run.scope(state.scope?)?.error.clone());
        let error = inside.unwrap_or_else(|| self.run_error(item, failure.clone()));
        self.did(Fact::Over {
            at: item,
            end: ItemEnd::Failed,
            outcome: None,
            output,
            failure: Some(failure),
            undo: used_up.is_some() && step.undo.is_some(),
        });
        match &step.on_error {
            // What runs because the run closes never changes how it ends.
            _ if step.section != Section::Main => self.after_item(item, None),
            OnError::Continue => self.after_item(item, None),
            // The owner was asked, and said so.
            OnError::Ask => self.close_as_failed(item.scope, error, used_up),
            OnError::BackTo(back) if !self.is_used_up(item.scope, back) => {
                self.go_back(item.scope, back.clone());
            }
            OnError::BackTo(BackTo { target, then: Some(then), .. }) => {
                self.close(item.scope, then.clone(), Because::failed(error, Some(*target)));
            }
            OnError::BackTo(back) => self.close_as_failed(item.scope, error, Some(back.target)),
            OnError::Fail => self.close_as_failed(item.scope, error, used_up),
        }
    }

    pub(super) fn close_as_failed(&mut self, scope: ScopeNo, error: RunError, used_up: Option<StepNo>) {
        self.close(scope, Ending::Fail { reason: error.message.clone() }, Because::failed(error, used_up));
    }

    /// An item is done: its outcome may send the flow elsewhere.
    pub(super) fn done(&mut self, item: Item, outcome: Option<Arc<str>>, output: Output, raw: Option<&Raw>) {
        let text = self.text.clone();
        let step = text.step(item.step);
        if item.is_beside() {
            self.finish_item(item, outcome, output, None);
            self.grant_answered(item, raw);
            return;
        }
        let outcome = match self.signed(item, outcome.as_deref(), raw) {
            Signed::Alone => outcome,
            Signed::Counts => return self.count_signature(item, output),
            Signed::Decides(word) => {
                self.let_go(item, None);
                Some(word.into())
            }
        };
        let rule = if self.is_withdrawn(item) { None } else { rule_for(step, outcome.as_deref(), raw) };
        if self.asks_owner(item, rule.as_ref(), outcome.clone(), raw) {
            return;
        }
        let refused = rule.is_none()
            && !self.is_withdrawn(item)
            && matches!(step.work, Work::Check { .. })
            && outcome.as_deref() == Some("no");
        self.finish_item(item, outcome, output, rule);
        if refused {
            let ending = Ending::Cancel { reason: self.title_of(item) };
            self.close(item.scope, ending, Because::step(item.step));
        }
    }

    /// A way back that is used up and names nothing else is the owner's to decide.
    fn asks_owner(
        &mut self,
        item: Item,
        rule: Option<&Goes>,
        outcome: Option<Arc<str>>,
        output: Option<&Raw>,
    ) -> bool {
        let Some(Goes::Back(back)) = rule else { return false };
        if back.then.is_some() || !self.is_used_up(item.scope, back) {
            return false;
        }
        let a = self.run.item(item).map_or(0, |state| state.attempts) + 1;
        let why = Box::new(Question::WayUsedUp { way: back.way, outcome, output: output.cloned() });
        self.did(Fact::Entered { at: item, state: Standing::Asking { a, why } });
        true
    }

    /// The title of a step as worked out, or as written where that fails: a reason must always be found.
    fn title_of(&self, item: Item) -> Arc<str> {
        let step = self.text.step(item.step);
        let Some(title) = &step.title else { return step.id.clone() };
        let scope = self.scope(super::names::Standpoint::Item(item));
        title.text(&scope).map_or_else(|_| title.source().into(), Arc::from)
    }

    /// `rule`: where the outcome sends the flow.
    pub(super) fn finish_item(
        &mut self,
        item: Item,
        outcome: Option<Arc<str>>,
        output: Output,
        rule: Option<Goes>,
    ) {
        let undo = !item.is_beside() && self.text.step(item.step).undo.is_some();
        self.did(Fact::Over { at: item, end: ItemEnd::Done, outcome, output, failure: None, undo });
        self.after_item(item, rule);
    }

    /// Ends an item that did not come to be done.
    pub(super) fn end(&mut self, item: Item, end: ItemEnd, failure: Option<Failure>) {
        self.did(Fact::Over { at: item, end, outcome: None, output: Output::None, failure, undo: false });
        self.after_item(item, None);
    }

    /// Goes on without an item, with the values that the event brought.
    pub(super) fn skip(&mut self, item: Item, values: &Raw) {
        let outcome = match self.signed(item, None, Some(values)) {
            Signed::Alone | Signed::Counts => None,
            Signed::Decides(word) => {
                self.let_go(item, None);
                Some(word.into())
            }
        };
        let output = Output::OfEvent;
        self.did(Fact::Over { at: item, end: ItemEnd::Skipped, outcome, output, failure: None, undo: false });
        self.after_item(item, None);
    }

    pub(super) fn after_item(&mut self, item: Item, rule: Option<Goes>) {
        if item.is_beside() {
            return; // Nothing follows from its end but that of its scope, which looks for itself.
        }
        self.withdraw_grant(item);
        let state = self.run.step(item.place());
        if state.outrun && state.all_over() && state.phase == StepPhase::Open {
            return self.outrun_over(item.place());
        }
        if self.is_withdrawn(item) {
            return; // The close or the way back goes on by itself.
        }
        if state.all_over() {
            self.step_over(item.place(), rule);
        } else if state.queued > 0 {
            // Not at once: each item that is over before it runs would be a call within a call.
            self.more.insert(item.place());
        }
    }

    /// All items were over while the step was withdrawn, and its scope is open again: what follows from it follows now.
    pub(super) fn conclude(&mut self, at: StepAt) {
        let text = self.text.clone();
        let step = text.step(at.step);
        let state = self.run.step(at);
        if state.outrun {
            return self.outrun_over(at);
        }
        if self.is_withdrawn(at.item(state.round, 0)) {
            return;
        }
        let only = if step.approve().is_some() { settling(state) } else { state.items.first() };
        let only = only.filter(|only| step.each.is_none() && only.at == At::Over(ItemEnd::Done));
        let Some(only) = only else { return self.step_over(at, None) };
        let (outcome, output) = (only.outcome.clone(), only.output.clone());
        match rule_for(step, outcome.as_deref(), output.as_ref()) {
            // Used up: the retry is the person's word that one more round takes.
            Some(Goes::Back(back)) if back.then.is_none() && self.is_used_up(at.scope, &back) => {
                self.step_over(at, None);
                if !self.has_rounds_left(StepAt { step: back.target, ..at }) {
                    let error = self.run_error(at.item(1, 0), used_up());
                    return self.close_as_failed(at.scope, error, Some(back.target));
                }
                let after_ms = back.after.map_or(0, |span| span.ms);
                self.go_back_over(at.scope, None, self.cover(back.target), after_ms);
            }
            rule => self.step_over(at, rule),
        }
    }

    /// Another was over first: what this one gave is kept, and leads nowhere.
    fn outrun_over(&mut self, at: StepAt) {
        let items = &self.run.step(at).items;
        let done = items.iter().any(|item| item.at == At::Over(ItemEnd::Done));
        let state = if done { StepEnd::Done } else { StepEnd::Skipped };
        self.did(Fact::StepOver { s: at.step, scope: at.scope, state });
        self.free_next(at);
    }

    pub(super) fn step_over(&mut self, at: StepAt, rule: Option<Goes>) {
        let state = self.run.step(at);
        let all = state.items.len();
        let end = if state.failed > 0 {
            StepEnd::Failed
        } else if all > 0 && state.skipped as usize == all {
            StepEnd::Skipped
        } else {
            StepEnd::Done
        };
        self.did(Fact::StepOver { s: at.step, scope: at.scope, state: end });
        match rule {
            None => self.free_next(at),
            Some(Goes::End(ending)) => self.close(at.scope, ending, Because::step(at.step)),
            Some(Goes::Back(back)) => match &back.then {
                Some(then) if self.is_used_up(at.scope, &back) => {
                    let because = Because { used_up: Some(back.target), ..Because::step(at.step) };
                    self.close(at.scope, then.clone(), because);
                }
                Some(_) | None => self.go_back(at.scope, back),
            },
        }
    }

    /// A scope has ended: its item is over as it.
    pub(super) fn scope_ended(&mut self, item: Item, state: EndState, outcome: Arc<str>) {
        let withdrawn = self.is_withdrawn(item);
        match state {
            EndState::Done => self.done(item, Some(outcome), Output::None, None),
            EndState::Cancelled | EndState::Failed if withdrawn => self.end(item, ItemEnd::Dropped, None),
            EndState::Cancelled => self.end(item, ItemEnd::Skipped, None),
            EndState::Failed => {
                let error = self.run.item(item).and_then(|state| self.run.scope(state.scope?)?.error.clone());
                let code = error.map_or_else(|| "YZ0318".into(), |error| error.code);
                self.fail(item, failure(&code, &outcome));
            }
        }
    }

    pub(super) fn child_ended(
        &mut self,
        of: Attempt,
        child: RunId,
        (state, outcome): (EndState, Option<Arc<str>>),
        output: Option<&Raw>,
    ) -> Result<(), Refusal> {
        let standing = self.standing(of)?;
        let (Standing::Child { child: ours, .. } | Standing::StoppingChild { child: ours, .. }) = &standing
        else {
            return Err(MOVED_ON);
        };
        if *ours != child {
            return Err(Refusal::Impossible("another child"));
        }
        if state == EndState::Done {
            self.done(of.item, outcome, Output::OfEvent, output);
        } else if matches!(standing, Standing::StoppingChild { .. }) {
            self.end(of.item, ItemEnd::Dropped, None);
        } else {
            let word = if state == EndState::Failed { "failed" } else { "was cancelled" };
            let why = outcome.as_deref().unwrap_or("");
            let mut failure = failure("YZ0315", &format!("{child} {word}: {why}"));
            failure.retry = true;
            self.missed(of, failure, None, true);
        }
        Ok(())
    }

    pub(super) fn child_started(&mut self, of: Attempt, child: RunId) -> Result<(), Refusal> {
        let Standing::Child { child: ours, detach: true, .. } = self.standing(of)? else {
            return Err(MOVED_ON);
        };
        if ours != child {
            return Err(Refusal::Impossible("another child"));
        }
        let output = Raw::from(&serde_json::json!({ "run": child.to_string() }));
        self.done(of.item, None, Output::Is(output.clone()), Some(&output));
        Ok(())
    }

    pub(super) fn event_taken(&mut self, of: Attempt, id: &Arc<str>, payload: &Raw) -> Result<(), Refusal> {
        let Standing::Listening { .. } = self.standing(of)? else { return Err(MOVED_ON) };
        if self.run.taken.contains(id) {
            return Err(Refusal::Echo("the run has taken this event"));
        }
        self.done(of.item, None, Output::OfEvent, Some(payload));
        Ok(())
    }

    pub(super) fn woke(&mut self) -> Result<(), Refusal> {
        if self.fire() { Ok(()) } else { Err(Refusal::Echo("no timer is due")) }
    }

    /// Fires every timer that is due, by instant, file order and item: no decision leaves one behind.
    pub(super) fn fire(&mut self) -> bool {
        let mut fired = false;
        while let Some(timer) = self.run.next_timer().filter(|timer| timer.at <= self.at) {
            fired = true;
            match timer.of {
                TimerOf::Back(scope) => {
                    self.go_on(scope);
                    self.stir(scope);
                }
                TimerOf::Item(item, TimerKind::Until) => self.time_is_up(item),
                TimerOf::Item(item, TimerKind::Due) => self.due(item),
                TimerOf::Item(item, TimerKind::Rung) => self.rung(item),
                TimerOf::Item(item, TimerKind::GiveUp) => self.out_of_time(item),
            }
            self.settle();
        }
        fired
    }

    fn time_is_up(&mut self, item: Item) {
        let sleeping =
            self.run.item(item).is_some_and(|state| matches!(state.at, At::Is(Standing::Sleeping { .. })));
        if sleeping { self.done(item, None, Output::None, None) } else { self.begin(item) }
    }

    fn out_of_time(&mut self, item: Item) {
        let Some(state) = self.run.item(item) else { return };
        let (at, a) = (state.at.clone(), state.attempts);
        let because = failure("YZ0316", "the time for all attempts together has passed (`give_up`)");
        match at {
            At::Is(Standing::Running { begun, .. }) if begun && self.is_out(item, a) => {
                self.did(Fact::Entered { at: item, state: Standing::Stopping { a } });
            }
            At::Is(_) | At::Over(_) => self.give_up(item, because),
        }
    }

    /// Whether the world has heard of this attempt: what one decision starts and stops is never handed out.
    fn is_out(&self, item: Item, a: u32) -> bool {
        self.wanted_before(item).is_none_or(|want| match want {
            Want::Attempt { a: known, .. } | Want::Child { a: known, .. } => known == a,
            Want::Nothing
            | Want::Stop { .. }
            | Want::Task { .. }
            | Want::StopChild { .. }
            | Want::Slot { .. }
            | Want::Listen { .. }
            | Want::Time => false,
        })
    }

    /// Withdraws an item that is not over.
    pub(super) fn withdraw(&mut self, item: Item) {
        let Some(state) = self.run.item(item) else { return };
        let a = state.attempts;
        let because = failure("YZ0317", "withdrawn");
        match state.at.clone() {
            At::Over(_) => {}
            At::Is(standing) => match standing {
                Standing::Running { begun, .. } if begun && self.is_out(item, a) => {
                    self.did(Fact::Entered { at: item, state: Standing::Stopping { a } });
                }
                Standing::Queued {}
                | Standing::Resting { .. }
                | Standing::Running { .. }
                | Standing::Slot { .. } => {
                    self.give_up(item, because);
                }
                Standing::Asking { why, .. } => match *why {
                    // The work is done, whatever becomes of the question: it may have to be taken back.
                    Question::WayUsedUp { outcome, output, .. } => {
                        let output = output.map_or(Output::None, Output::Is);
                        self.finish_item(item, outcome, output, None);
                    }
                    Question::Failed { failure } => self.end(item, ItemEnd::Dropped, Some(failure)),
                    Question::RungFailed { failure } => self.end(item, ItemEnd::Dropped, Some(failure)),
                    Question::UndoFailed { .. } => {}
                },
                Standing::Asked { .. } | Standing::Sleeping { .. } | Standing::Listening { .. } => {
                    self.end(item, ItemEnd::Dropped, None);
                }
                Standing::Child { .. } if !self.is_out(item, a) => {
                    self.end(item, ItemEnd::Dropped, None);
                }
                // It is on its way; that is soon known, and it is never cancelled.
                Standing::Child { detach: true, .. } => {}
                Standing::Child { a, child, .. } => {
                    self.did(Fact::Entered { at: item, state: Standing::StoppingChild { a, child } });
                }
                Standing::Holding { scope, .. } => self.leave(scope),
                Standing::Stopping { .. } | Standing::Unknown { .. } | Standing::StoppingChild { .. } => {}
            },
        }
    }

    pub(super) fn withdraw_step(&mut self, at: StepAt) {
        let (round, items) = (self.run.step(at).round, self.run.step(at).items.len());
        for item in 0..u32::try_from(items).unwrap_or(u32::MAX) {
            self.withdraw(at.item(round, item));
        }
        self.withdraw_beside(at);
    }

    /// What due times of this step set off.
    pub(super) fn withdraw_beside(&mut self, at: StepAt) {
        let beside: Vec<Item> =
            self.run.beside.iter().map(|beside| beside.of).filter(|of| of.place() == at).collect();
        beside.into_iter().for_each(|of| self.withdraw(of));
    }
}

pub(super) fn used_up() -> Failure {
    failure("YZ0320", "the way back was taken as often as it may be")
}

fn begun_of(standing: &Standing) -> bool {
    !matches!(standing, Standing::Running { begun: false, .. })
}

fn lost_failure(how: Lost, message: &Arc<str>) -> Failure {
    let (code, said) = match how {
        Lost::Restart => ("YZ0301", "the daemon stopped before the attempt answered"),
        Lost::Crash => ("YZ0302", "the plugin died during the attempt"),
        Lost::Killed => ("YZ0303", "the attempt did not stop when told and was killed"),
    };
    let message = if message.is_empty() { said.into() } else { message.clone() };
    Failure { code: code.into(), message, retry: true, retry_after_ms: None, happened: Happened::Maybe }
}
