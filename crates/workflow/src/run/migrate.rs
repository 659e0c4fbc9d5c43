//! Lets an open run go on under another text of its workflow: steps are found again by their names.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::clock::WHOLE;
use super::event::{Event, Fact, Mapping, Standing, StepEnd};
use super::migrate_clock::rungs_of;
use super::state::{At, Place, Run, ScopeState, StepPhase, StepState};
use super::{Command, Deciding, Decision, Now, Refusal, wants};
use crate::id::{Item, ScopeNo, StepAt, StepNo};
use crate::plan::{BackTo, Goes, OnError, OutcomePattern, Work, Workflow};

/// Takes an open run over to another text.
///
/// # Errors
/// Every step that stands in the way, in a sentence each; the run is as it was.
pub fn migrate(
    run: &mut Run,
    from: &Arc<Workflow>,
    to: &Arc<Workflow>,
    now: &Now<'_>,
    by: &Arc<str>,
) -> Result<Decision, Refusal> {
    let mapping = mapping_of(run, from, to)?;
    let event = Event::Migrated { to: to.hash.clone(), by: by.clone() };
    let mut deciding = Deciding::new(run, to, now, event);
    deciding.did(Fact::Migrated(Box::new(mapping)));
    // What waits for an answer is now called by other numbers.
    let mut commands: Vec<Command> = wants(deciding.run);
    commands.retain(|command| matches!(command, Command::OpenTask { .. } | Command::Listen { .. }));
    let scopes: Vec<ScopeNo> = deciding.run.every_scope().map(|(no, _)| no).collect();
    for scope in scopes {
        deciding.take_up(scope);
    }
    deciding.clocks_follow(from);
    deciding.settle();
    deciding.fire();
    let mut decision = deciding.finish();
    commands.append(&mut decision.commands);
    decision.commands = commands;
    Ok(decision)
}

impl Deciding<'_> {
    /// A new step with a begun one after it comes too late; the others wait for their turn.
    fn take_up(&mut self, scope: ScopeNo) {
        let text = self.text.clone();
        let Some(of) = self.run.scope(scope).filter(|of| !of.is_over()) else { return };
        let holder = of.holder_step();
        let begun = |run: &Run, step: StepNo| has_begun(run.step(StepAt { step, scope }));
        for step in text.steps_in(holder) {
            let at = StepAt { step: *step, scope };
            if self.run.step(at).phase != StepPhase::Waiting {
                continue;
            }
            if text.step(*step).after.iter().any(|after| begun(self.run, *after)) {
                self.did(Fact::StepOver { s: *step, scope, state: StepEnd::Skipped });
            } else {
                self.ready.insert(at);
            }
        }
    }
}

fn is_open(state: &StepState) -> bool {
    state.phase == StepPhase::Open
}

fn has_begun(state: &StepState) -> bool {
    state.phase != StepPhase::Waiting
}

fn mapping_of(run: &Run, from: &Workflow, to: &Workflow) -> Result<Mapping, Refusal> {
    let old: BTreeMap<String, StepNo> = from.numbers().map(|no| (from.dotted(no), no)).collect();
    let steps: Vec<Option<StepNo>> = to.numbers().map(|no| old.get(&to.dotted(no)).copied()).collect();
    let mut wrong = vec![];
    if run.is_over() {
        wrong.push("it is over".to_owned());
    }
    if from.completes.is_some() {
        wrong.push("it is a start form: answer it, or cancel it".to_owned());
    }
    // Who may do what with a run goes by its workflow's name.
    if to.name != from.name {
        wrong.push(format!("that is a text of `{}`, and the run is of `{}`", to.name, from.name));
    }
    if to.completes.is_some() {
        wrong.push("that is the text of a start form".to_owned());
    }
    let now_of = |no: StepNo| to.numbers().find(|new| steps[new.index()] == Some(no));
    for (item, state) in run.standing_items() {
        let busy = matches!(
            state.at,
            At::Is(Standing::Running { .. } | Standing::Stopping { .. } | Standing::StoppingChild { .. })
        );
        // A run that waits to begin, or has its place, is as well off under the other text.
        if item == WHOLE {
            continue;
        }
        if busy || state.place() != Place::None || item.is_beside() {
            let path = run.path_of(from, item.place());
            wrong.push(format!("`{path}` is under way; try again when that is over"));
        }
    }
    for (no, scope) in run.every_scope() {
        for step in from.numbers() {
            let state = run.step(StepAt { step, scope: no });
            let within = from.step(step).holder == scope.holder_step();
            if within && state.phase == StepPhase::Open {
                wrong.extend(stands_in_the_way(from, to, step, now_of(step)));
            }
        }
    }
    for done in &run.undoable {
        let kept = now_of(done.of.step).is_some_and(|new| to.step(new).undo.is_some());
        if !kept {
            let path = run.path_of(from, done.of.place());
            wrong.push(format!("`{path}` is done and could not be taken back any more"));
        }
    }
    if !wrong.is_empty() {
        wrong.dedup();
        return Err(Refusal::DoesNotMap(wrong));
    }
    let holds = to.numbers().filter_map(|no| {
        let Work::Hold { steps, span } = &to.step(no).work else { return None };
        steps.first().map(|first| (no, *first, *span))
    });
    let (known, new) = (ways_of(from), ways_of(to));
    let ways = known.iter().filter_map(|(name, way)| Some((*way, *new.get(name)?))).collect();
    let rungs = rungs_of(from, to, &steps);
    Ok(Mapping { to: to.hash.clone(), holds: holds.collect(), steps, ways, rungs })
}

/// Why an open step cannot go on as another.
fn stands_in_the_way(from: &Workflow, to: &Workflow, no: StepNo, new: Option<StepNo>) -> Option<String> {
    let (path, was) = (from.dotted(no), from.step(no));
    let Some(new) = new else { return Some(format!("`{path}` is open and is no more in the new text")) };
    let is = to.step(new);
    if was.work.kind() != is.work.kind() {
        return Some(format!(
            "`{path}` is open and was `{}`, and is now `{}`",
            was.work.kind(),
            is.work.kind()
        ));
    }
    if was.approve().is_some() != is.approve().is_some() {
        return Some(format!("`{path}` is open, and `approve` was added or taken away"));
    }
    (was.each.is_some() != is.each.is_some())
        .then(|| format!("`{path}` is open, and `each` was added or taken away"))
}

/// The ways back of a text, by the step and the outcome that they are written at.
fn ways_of(text: &Workflow) -> BTreeMap<String, u16> {
    let mut ways = BTreeMap::new();
    for no in text.numbers() {
        let (step, path) = (text.step(no), text.dotted(no));
        for on in &step.on {
            let outcome = match &on.outcome {
                OutcomePattern::Word(word) => word.to_string(),
                OutcomePattern::Field { field, value } => format!("{field}.{value}"),
            };
            if let Goes::Back(BackTo { way, .. }) = &on.goes {
                ways.insert(format!("{path} on {outcome}"), *way);
            }
        }
        if let OnError::BackTo(BackTo { way, .. }) = &step.on_error {
            ways.insert(format!("{path} on error"), *way);
        }
    }
    ways
}

impl Run {
    /// Puts the state of each step where the new text has it.
    pub(super) fn remap(&mut self, mapping: &Mapping) {
        let new_of: BTreeMap<StepNo, StepNo> =
            (0..).zip(&mapping.steps).filter_map(|(new, old)| old.map(|old| (old, StepNo(new)))).collect();
        let total = u16::try_from(mapping.steps.len()).unwrap_or(u16::MAX);
        self.top.remap(mapping, &new_of, StepNo(0), total);
        let inner = std::mem::take(&mut self.inner);
        let mut kept = BTreeMap::new();
        for (no, scope) in inner.iter() {
            let Some(holder) = scope.holder else { continue };
            let Some(step) = new_of.get(&holder.step).copied() else { continue };
            let Some((_, first, span)) = mapping.holds.iter().find(|(of, ..)| *of == step).copied() else {
                continue;
            };
            let mut scope = scope.as_ref().clone();
            scope.holder = Some(Item { step, ..holder });
            scope.remap(mapping, &new_of, first, span);
            kept.insert(*no, Arc::new(scope));
        }
        self.inner = Arc::new(kept);
        for done in &mut self.undoable {
            if let Some(step) = new_of.get(&done.of.step) {
                done.of.step = *step;
            }
        }
        self.rename_rungs(mapping);
        self.migrated = Some(mapping.to.clone());
        self.derive();
    }
}

impl ScopeState {
    fn remap(&mut self, mapping: &Mapping, new_of: &BTreeMap<StepNo, StepNo>, first: StepNo, span: u16) {
        let fresh = Self::begin(None, None, first, span);
        let mut steps = (*fresh.steps).clone();
        for (place, state) in steps.iter_mut().enumerate() {
            let old = mapping.steps.get(first.index() + place).copied().flatten();
            if let Some(known) = old.and_then(|old| self.step(old)) {
                *state = known.clone();
            }
        }
        for (step, hold, span) in &mapping.holds {
            let place = step.index().checked_sub(first.index());
            if let Some(state) = place.and_then(|place| steps.get_mut(place)).filter(|state| is_open(state)) {
                Arc::make_mut(state).hold_as(*hold, *span);
            }
        }
        (self.first, self.steps) = (first, Arc::new(steps));
        if let Some(back) = &mut self.back {
            back.cover = back.cover.iter().filter_map(|step| new_of.get(step).copied()).collect();
        }
        let ways = std::mem::take(&mut self.ways);
        let known = |old: u16| mapping.ways.iter().find(|(was, _)| *was == old).map(|(_, is)| *is);
        self.ways = ways.into_iter().filter_map(|(way, taken)| Some((known(way)?, taken))).collect();
    }
}

impl StepState {
    fn hold_as(&mut self, first: StepNo, span: u16) {
        for item in &mut self.items {
            if let At::Is(Standing::Holding { first: was, steps, .. }) = &mut item.at {
                (*was, *steps) = (first, span);
            }
        }
    }
}
