//! How steps open and items begin.

use super::clock::WHOLE;
use super::closing::Because;
use super::event::{
    Fact, Failure, First, Happened, ItemEnd, Listening, Output, Raw, SlotAsk, Standing, StepEnd, TaskSheet,
};
use super::item::MOVED_ON;
use super::names::Standpoint;
use super::nobody::Meant;
use super::state::{At, Phase, StepPhase};
use super::{Deciding, ITEMS_OF_RUN_MAX, Refusal, TASKS_MAX};
use crate::calendar::Calendar;
use crate::expression::{Template, Tree};
use crate::id::{Attempt, Item, Millis, RunId, ScopeNo, StepAt, StepNo};
use crate::moment::{self, Anchored, Moment, MomentError};
use crate::plan::{ActionName, Ask, Await, Effect, Ending, Goes, OutcomePattern, Section, Step, Work};

impl Deciding<'_> {
    pub(super) fn can_start(&self, at: StepAt) -> bool {
        let step = self.text.step(at.step);
        let Some(scope) = self.run.scope(at.scope) else { return false };
        let in_force = match step.section {
            Section::Main => {
                scope.phase == Phase::Open
                    && scope.back.as_ref().is_none_or(|back| !back.cover.contains(&at.step))
            }
            Section::OnFailure | Section::OnCancel => {
                scope.phase == Phase::Finishing && Some(step.section) == self.closing_section()
            }
        };
        in_force
            && !self.waits_first(step)
            && self.run.step(at).phase == StepPhase::Waiting
            && self.needs_are_over(at, step)
    }

    /// Nothing of the main section starts before the run has its place.
    fn waits_first(&self, step: &Step) -> bool {
        step.section == Section::Main && self.run.waits_to_begin()
    }

    fn needs_are_over(&self, at: StepAt, step: &Step) -> bool {
        let phase = |needed: &StepNo| self.run.step(StepAt { step: *needed, ..at }).phase;
        // One that was not taken has not come first, unless none was.
        let came =
            |needed: &StepNo| matches!(phase(needed), StepPhase::Over(StepEnd::Done | StepEnd::Failed));
        step.needs.iter().all(|needed| matches!(phase(needed), StepPhase::Over(_)))
            || step.first_is_enough && step.needs.iter().any(came)
    }

    /// One of those that a step needs was over first: what the others give is wanted no more.
    fn outrun_others(&mut self, at: StepAt, step: &Step) {
        for needed in step.needs.iter().filter(|_| step.first_is_enough) {
            let other = StepAt { step: *needed, ..at };
            let StepAt { step: s, scope } = other;
            match self.run.step(other).phase {
                StepPhase::Over(_) => {}
                StepPhase::Waiting => {
                    self.did(Fact::Outrun { s, scope });
                    self.did(Fact::StepOver { s, scope, state: StepEnd::Skipped });
                    self.free_next(other);
                }
                StepPhase::Open => {
                    self.did(Fact::Outrun { s, scope });
                    self.withdraw_step(other);
                }
            }
        }
    }

    /// The steps that run because of how the run closes.
    pub(super) fn closing_section(&self) -> Option<Section> {
        match &self.run.top.closing.as_ref()?.ending {
            Ending::Done { .. } => None,
            Ending::Cancel { .. } => Some(Section::OnCancel),
            Ending::Fail { .. } => Some(Section::OnFailure),
        }
    }

    pub(super) fn open_step(&mut self, at: StepAt) {
        let text = self.text.clone();
        let StepAt { step: s, scope } = at;
        let step = text.step(s);
        self.outrun_others(at, step);
        if step.each.is_some() {
            match self.list_of(at, step) {
                Ok((list, 0)) => {
                    self.did(Fact::StepOpened { s, scope, n: 0, list: Some(list), broken: false });
                    self.step_over(at, None);
                }
                Ok((list, n)) => {
                    self.did(Fact::StepOpened { s, scope, n, list: Some(list), broken: false });
                    self.begin_more(at);
                }
                Err(failure) => self.open_failed(at, failure),
            }
            return;
        }
        let taken = match &step.when {
            None => Ok(true),
            Some(when) => when.truth(&self.scope(Standpoint::Step(at))),
        };
        match taken {
            Ok(true) if let Some(approve) = step.approve() => self.open_signers(at, approve),
            Ok(true) => {
                self.did(Fact::StepOpened { s, scope, n: 1, list: None, broken: false });
                self.begin(at.item(self.run.step(at).round, 0));
            }
            Ok(false) => {
                self.did(Fact::StepOver { s, scope, state: StepEnd::Skipped });
                self.free_next(at);
            }
            Err(error) => self.open_failed(at, error.into()),
        }
    }

    /// A step is over: those that need it may be able to start.
    pub(super) fn free_next(&mut self, at: StepAt) {
        let text = self.text.clone();
        self.ready.extend(text.step(at.step).needed_by.iter().map(|step| StepAt { step: *step, ..at }));
    }

    /// A `when` or `each` that fails is one failed item of the whole step.
    pub(super) fn open_failed(&mut self, at: StepAt, failure: Failure) {
        let StepAt { step: s, scope } = at;
        self.did(Fact::StepOpened { s, scope, n: 1, list: None, broken: true });
        self.fail(at.item(self.run.step(at).round, 0), failure);
    }

    fn list_of(&self, at: StepAt, step: &Step) -> Result<(Raw, u32), Failure> {
        let Some(each) = &step.each else { return Err(bug("each is missing")) };
        let (list, length) = super::list::worked_out(&each.list, &self.scope(Standpoint::Step(at)))?;
        if self.run.items + length > ITEMS_OF_RUN_MAX {
            let known = self.run.items;
            let message = format!(
                "the run has {known} items, {length} more are too many: {ITEMS_OF_RUN_MAX} are allowed"
            );
            return Err(expression_failure("YZ0312", &each.list, &message));
        }
        Ok((list, u32::try_from(length).unwrap_or(u32::MAX)))
    }

    /// Begins the next items of an `each`, as many as may be begun at once.
    pub(super) fn begin_more(&mut self, at: StepAt) {
        let text = self.text.clone();
        let step = text.step(at.step);
        if step.approve().is_some() && !self.run.step(at).broken {
            return self.begin_signers(at);
        }
        let at_once = step.each.as_ref().and_then(|each| each.at_once).unwrap_or(u32::MAX);
        loop {
            let state = self.run.step(at);
            let begun = state.items.len().saturating_sub((state.over + state.queued) as usize);
            if state.phase != StepPhase::Open || state.queued == 0 || begun >= at_once as usize {
                return;
            }
            let mut from = (state.next..).zip(state.items.iter().skip(state.next as usize));
            let Some((next, known)) = from.find(|(_, item)| item.at == At::default()) else { return };
            let item = at.item(state.round, next);
            if self.is_withdrawn(item) {
                return;
            }
            let taken = match &step.when {
                // Asked once per round: what has begun was taken.
                _ if known.attempts > 0 || step.each.is_none() => Ok(true),
                None => Ok(true),
                Some(when) => when.truth(&self.scope(Standpoint::Item(item))),
            };
            match taken {
                Ok(true) => self.begin(item),
                Ok(false) => self.end(item, ItemEnd::Skipped, None),
                Err(error) => self.fail(item, error.into()),
            }
        }
    }

    /// The next attempt of an item.
    pub(super) fn begin(&mut self, item: Item) {
        if let Some(until) = self.hours_open(item) {
            return self.did(Fact::Entered { at: item, state: Standing::Resting { until } });
        }
        let begun = match self.slot_to_ask_for(item) {
            Ok(None) => self.try_begin(item),
            Ok(Some(ask)) => {
                let a = self.run.item(item).map_or(0, |state| state.attempts) + 1;
                self.did(Fact::Entered { at: item, state: Standing::Slot { a, ask: Box::new(ask) } });
                Ok(())
            }
            Err(failure) => Err(failure),
        };
        if let Err(failure) = begun {
            self.fail(item, failure);
        }
    }

    /// One place less for those after it.
    fn has_place(&mut self) -> bool {
        let free = self.room > 0;
        self.room = self.room.saturating_sub(1);
        free
    }

    pub(super) fn slot_granted(&mut self, of: Attempt) -> Result<(), Refusal> {
        let Standing::Slot { .. } = self.standing(of)? else { return Err(MOVED_ON) };
        if of.item == WHOLE {
            self.let_in();
            return Ok(());
        }
        if let Err(failure) = self.try_begin(of.item) {
            self.fail(of.item, failure);
        }
        Ok(())
    }

    /// The place that an attempt of the item needs. What is inside a step that holds a place of the same key has it.
    pub(super) fn slot_to_ask_for(&self, item: Item) -> Result<Option<SlotAsk>, Failure> {
        let step = self.text.step(item.step);
        let Some(limit) = step.limit.as_ref().filter(|_| !item.is_beside()) else { return Ok(None) };
        let known = self.run.item(item).and_then(|state| state.limit.as_deref().cloned());
        let ask = match known {
            Some(known) => known,
            None => {
                let scope = self.scope(Standpoint::Item(item));
                let key = match &limit.key {
                    Some(key) => key.key(&scope)?.into(),
                    None if item == WHOLE => self.text.name.clone(),
                    None => format!("{}/{}", self.text.name, step.id).into(),
                };
                let priority = match &limit.priority {
                    Some(priority) => priority_of(priority, &scope)?,
                    None => 0,
                };
                SlotAsk { key, most: limit.most, rate: limit.rate, priority }
            }
        };
        let has = item != WHOLE && self.run.has_place_around(item.scope, &ask.key);
        Ok((!has).then_some(ask))
    }

    fn try_begin(&mut self, item: Item) -> Result<(), Failure> {
        let text = self.text.clone();
        let step = text.step(item.step);
        let Some(doing) = step.doing(item) else { return Err(bug("the file has no words for this step")) };
        let work = doing.work;
        let a = self.run.item(item).map_or(0, |state| state.attempts) + 1;
        match work {
            Work::Use { action, with } => {
                let known = self.run.item(item).and_then(|state| state.first.clone());
                let give_up = step.give_up.filter(|_| !item.is_beside()).map(|span| self.at.plus(span.ms));
                let first = if let Some(known) = known {
                    // After a person's word the time for all attempts counts anew.
                    let anew = known.give_up.is_none() && give_up.is_some();
                    anew.then(|| Box::new(First { give_up, ..(*known).clone() }))
                } else {
                    Some(Box::new(self.first(item, action, with, give_up)?))
                };
                let effect = match &first {
                    Some(first) => first.effect,
                    None => self.effect_in_force(item),
                };
                // Only a call that must happen once needs its own word that it went out.
                let begun = self.has_place() || effect != Effect::Once;
                self.did(Fact::Entered { at: item, state: Standing::Running { a, begun, first } });
            }
            Work::Ask(ask) => self.open_task(item, a, ask)?,
            Work::Wait { until } => match self.instant(item, until, self.at, true)? {
                Some(until) if until > self.at => {
                    self.did(Fact::Entered { at: item, state: Standing::Sleeping { a, until } });
                }
                Some(_) => self.done(item, None, Output::None, None),
                None => {
                    let message = "the wait has no instant: what it counts from is empty";
                    return Err(failure("YZ0313", message));
                }
            },
            Work::Run { workflow, with, detach } => {
                let with = raw(with.json(&self.scope(Standpoint::Item(item)))?)?;
                let child = RunId::child_of(&self.readable(item));
                let (workflow, detach) = (workflow.clone(), *detach);
                self.did(Fact::Entered {
                    at: item,
                    state: Standing::Child { a, child, workflow, with, detach },
                });
            }
            Work::Await(event) => self.listen(item, a, event)?,
            Work::Check { holds } => {
                let yes = holds.truth(&self.scope(Standpoint::Item(item)))?;
                self.done(item, Some(if yes { "yes" } else { "no" }.into()), Output::None, None);
            }
            Work::End { ending } => {
                self.finish_item(item, None, Output::None, None);
                self.close(item.scope, ending.clone(), Because::step(item.step));
            }
            Work::Hold { steps, span } => self.open_scope(item, a, steps, *span)?,
        }
        Ok(())
    }

    /// What every attempt of an item sends, worked out when the first begins.
    fn first(
        &self,
        item: Item,
        action: &ActionName,
        with: &Tree,
        give_up: Option<Millis>,
    ) -> Result<First, Failure> {
        let mut with = with.json(&self.scope(Standpoint::Item(item)))?;
        let known = self.now.world.catalogue.action(action);
        if let Some(action) = known {
            with = super::recipients::prepare(with, &action.input, || self.now.world.people_at(self.at))?;
        }
        // The class of its attempts, as the action says and the step tightens it.
        let declared = known.map_or(Effect::Once, |action| action.effect);
        let tightened = self.text.step(item.step).doing(item).and_then(|doing| doing.effect);
        let effect = tightened.map_or(declared, |wanted| wanted.max(declared));
        Ok(First { with: raw(with)?, effect, give_up })
    }

    /// An item of a holding step is a scope; one that is tried again goes on with its own.
    fn open_scope(&mut self, item: Item, a: u32, steps: &[StepNo], span: u16) -> Result<(), Failure> {
        let Some(first) = steps.first().copied() else {
            self.done(item, None, Output::None, None);
            return Ok(());
        };
        let clock = self.clock_to_open(item)?;
        let known = self.run.item(item).and_then(|state| state.scope);
        let scope = known.unwrap_or(ScopeNo(self.run.scopes + 1));
        self.did(Fact::Entered { at: item, state: Standing::Holding { a, scope, first, steps: span } });
        self.start_clock(item, clock);
        self.stir(scope);
        if known.is_some() {
            let cover = self.cover_of_retry(scope, None);
            if !cover.iter().all(|no| self.has_rounds_left(StepAt { step: *no, scope })) {
                let error = self.run_error(item, failure("YZ0320", "no step may have more rounds"));
                let ending = Ending::Fail { reason: error.message.clone() };
                self.close(scope, ending, Because::failed(error, None));
                return Ok(());
            }
            self.reopen(scope, cover);
            return Ok(());
        }
        self.ready.extend(steps.iter().map(|step| StepAt { step: *step, scope }));
        Ok(())
    }

    fn listen(&mut self, item: Item, a: u32, event: &Await) -> Result<(), Failure> {
        let scope = self.scope(Standpoint::Item(item));
        let key = match &event.key {
            Some(key) => key.key(&scope)?.into(),
            None => self.run.started.key.clone().unwrap_or_default(),
        };
        let filter = match &event.filter {
            Some(filter) => Some(raw(filter.json(&scope)?)?),
            None => None,
        };
        let name = event.event.text(&scope)?.into();
        let clock = self.clock_to_open(item)?;
        let due = clock.as_ref().and_then(|clock| clock.due);
        let ends_late =
            !item.is_beside() && self.text.step(item.step).on.iter().any(|on| is_late(&on.outcome));
        drop(scope); // It holds the steps, which would be copied when the item changes.
        let to = Box::new(Listening { event: name, key, filter, due, ends_late });
        self.did(Fact::Entered { at: item, state: Standing::Listening { a, to } });
        self.start_clock(item, clock);
        Ok(())
    }

    fn open_task(&mut self, item: Item, a: u32, ask: &Ask) -> Result<(), Failure> {
        let text = self.text.clone();
        let step = text.step(item.step);
        let scope = self.scope(Standpoint::Item(item));
        let seat = self.seat(item);
        let (mut who, mut not) = (seat.as_ref().map_or_else(Vec::new, |seat| seat.who.clone()), vec![]);
        for (all, templates) in [(&mut who, &ask.who), (&mut not, &ask.not)] {
            for template in templates {
                all.extend(self.whom(template, &scope)?);
            }
        }
        if who.is_empty() {
            return Err(failure("YZ0314", "the task has nobody to do it: `ask` is empty"));
        }
        // Of several of whom one is chosen, whoever chooses says that there is nobody.
        let Meant { who, nobody } =
            if ask.choose.is_some() { Meant { who, nobody: vec![] } } else { self.meant(who, vec![]) };
        if self.run.standing.tasks >= TASKS_MAX {
            let message = format!("the run has {TASKS_MAX} open tasks, which is all that it may have");
            return Err(failure("YZ0329", &message));
        }
        let own_title = step.doing(item).and_then(|doing| doing.title);
        let title = match own_title.or(step.title.as_ref()) {
            Some(title) => title.text(&scope)?,
            None => step.id.to_string(),
        };
        let clock = self.clock_to_open(item)?;
        let due = clock.as_ref().and_then(|clock| clock.due);
        let ends_late = !item.is_beside() && step.on.iter().any(|on| is_late(&on.outcome));
        drop(scope); // It holds the steps, which would be copied when the item changes.
        let task = TaskSheet {
            title: title.into(),
            who,
            nobody,
            choose: ask.choose,
            not,
            delegated_by: None,
            due,
            ends_late,
        };
        self.did(Fact::Entered { at: item, state: Standing::Asked { a, task: Box::new(task) } });
        self.start_clock(item, clock);
        Ok(())
    }

    /// The instant of a moment that counts from `from`.
    pub(super) fn instant(
        &self,
        item: Item,
        moment: &Moment,
        from: Millis,
        as_wait: bool,
    ) -> Result<Option<Millis>, Failure> {
        let scope = self.scope(Standpoint::Item(item));
        let value = |template: &Template| template.value(&scope);
        let ended = |no: StepNo| {
            // What a moment counts from may stand around the step that names it.
            let state = self.run.step(StepAt { step: no, scope: self.scope_of(no, item.scope) });
            match (state.phase, state.ended) {
                (StepPhase::Over(StepEnd::Skipped), Some(at)) => Anchored::Skipped(at),
                (StepPhase::Over(_), Some(at)) => Anchored::Over(at),
                (StepPhase::Waiting | StepPhase::Open | StepPhase::Over(_), _) => Anchored::NotYet,
            }
        };
        moment
            .instant(&moment::Standpoint {
                opened: from,
                now: self.at,
                calendar: self.clock_calendar(item)?,
                as_wait,
                ended: &ended,
                value: &value,
            })
            .map_err(|error| match error {
                MomentError::Expression(error) => error.into(),
                other @ (MomentError::NotAMoment { .. } | MomentError::OutOfYears) => {
                    failure("YZ0321", &other.to_string())
                }
            })
    }

    /// The calendar of a step: its own, else that of what holds it, else the file's, else the house's.
    pub(super) fn calendar(&self, step: StepNo) -> Result<&Calendar, Failure> {
        let name = self.text.calendar_of(step);
        let found = self.now.world.calendars.named(name);
        found.map(|found| &**found).ok_or_else(|| {
            failure("YZ0326", &format!("there is no calendar `{}` any more", name.unwrap_or_default()))
        })
    }

    pub(super) fn effect_in_force(&self, item: Item) -> Effect {
        self.run.item(item).and_then(|state| state.first.as_ref()).map_or(Effect::Pure, |first| first.effect)
    }
}

fn is_late(pattern: &OutcomePattern) -> bool {
    matches!(pattern, OutcomePattern::Word(word) if &**word == "late")
}

/// The first rule of `on`, in file order, that this result fits.
pub(super) fn rule_for(step: &Step, outcome: Option<&str>, output: Option<&Raw>) -> Option<Goes> {
    if step.on.is_empty() {
        return None;
    }
    // A gate that says no has not let anything through, and a task that is late was not done.
    let gone_through = match &step.work {
        Work::Check { .. } => outcome != Some("no"),
        Work::Ask(_) | Work::Await(_) => outcome != Some("late"),
        Work::Use { .. } | Work::Wait { .. } | Work::Run { .. } | Work::End { .. } | Work::Hold { .. } => {
            true
        }
    };
    let fields = output.and_then(|raw| serde_json::from_str::<serde_json::Value>(raw.get()).ok());
    step.on
        .iter()
        .find(|on| match &on.outcome {
            OutcomePattern::Word(word) => &**word == "done" && gone_through || outcome == Some(&**word),
            OutcomePattern::Field { field, value } => {
                let given = fields.as_ref().and_then(|fields| fields.get(&**field));
                given.is_some_and(|is| says(is, value))
            }
        })
        .map(|on| on.goes.clone())
}

/// Whether a field's value is the one that `on.<field>.<value>` names.
fn says(is: &serde_json::Value, wanted: &str) -> bool {
    match is {
        serde_json::Value::String(text) => text == wanted,
        serde_json::Value::Bool(yes) => {
            wanted == if *yes { "yes" } else { "no" } || wanted == yes.to_string()
        }
        serde_json::Value::Number(number) => number.to_string() == wanted,
        serde_json::Value::Array(many) => many.iter().any(|one| says(one, wanted)),
        // A checklist and a signature say in their parts how they came out.
        serde_json::Value::Object(parts) => {
            let part = |part: &str| parts.get(part).and_then(serde_json::Value::as_bool);
            match wanted {
                "complete" | "signed" | "refused" => part(wanted) == Some(true),
                "missing" => part("complete") == Some(false),
                _ => false,
            }
        }
        serde_json::Value::Null => false,
    }
}

pub(super) fn raw(json: String) -> Result<Raw, Failure> {
    Raw::new(json).ok_or_else(|| bug("a rendered value is not JSON"))
}

/// A number; yes counts as one.
fn priority_of(priority: &Template, scope: &minijinja::Value) -> Result<i32, Failure> {
    let value = priority.value(scope)?;
    if crate::expression::is_empty(&value) {
        return Ok(0);
    }
    let number = if value.kind() == minijinja::value::ValueKind::Bool {
        Some(i32::from(value.is_true()))
    } else {
        i64::try_from(value.clone()).ok().and_then(|number| i32::try_from(number).ok())
    };
    number.ok_or_else(|| {
        expression_failure("YZ0328", priority, "`priority` needs a whole number or yes and no")
    })
}

pub(super) fn failure(code: &str, message: &str) -> Failure {
    Failure {
        code: code.into(),
        message: message.into(),
        retry: false,
        retry_after_ms: None,
        happened: Happened::No,
    }
}

fn bug(message: &str) -> Failure {
    failure("YZ0399", message)
}

fn expression_failure(code: &str, template: &Template, message: &str) -> Failure {
    failure(code, &format!("`{}`: {message}", template.source()))
}

/// A jitter that is a hash of key and attempt: from 0 to 1, the same at every replay.
pub(super) fn jitter(key: &str, attempt: u32) -> f64 {
    use sha2::{Digest, Sha256};
    let hash = Sha256::digest(format!("{key}#{attempt}").as_bytes());
    f64::from(u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])) / f64::from(u32::MAX)
}

/// How long to rest before the next try, after so many.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "a rest fits")]
pub fn rest_ms(retry: &crate::plan::Retry, tries: u32, key: &str, attempt: u32) -> i64 {
    let growth = retry.factor.powi(i32::try_from(tries.saturating_sub(1)).unwrap_or(i32::MAX));
    let rest = (retry.first.ms as f64 * growth).min(retry.most.ms.max(retry.first.ms) as f64);
    (rest * (1.0 + retry.jitter * jitter(key, attempt))) as i64
}
