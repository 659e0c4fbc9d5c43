//! What a walk tells of its decisions as they are made, and the answers that were given for its steps.

#![expect(clippy::wildcard_enum_match_arm, reason = "of most facts there is nothing to tell")]

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;
use yizhan_workflow::expression::Expression;
use yizhan_workflow::id::{Attempt, Item, Millis, RunId, StepAt, StepNo};
use yizhan_workflow::plan::{ActionName, Does, Work};
use yizhan_workflow::run::clock::ClockSet;
use yizhan_workflow::run::event::{Fact, ItemEnd, Raw, Standing, StepEnd};
use yizhan_workflow::run::names::{Names, Standpoint};
use yizhan_workflow::run::{Decision, World};

use super::house::Member;
use super::{Answers, Told, What, parsed};

/// A run at an instant of the walk's clock.
#[derive(Clone, Copy)]
pub(super) struct Seen<'s> {
    pub(super) member: &'s Member,
    pub(super) world: &'s World,
    pub(super) now: Millis,
}

pub(super) struct Teller<'w> {
    answers: &'w Answers,
    /// The workflow that is walked.
    own: Arc<str>,
    pub(super) told: Vec<Told>,
    /// How often each step has answered.
    times: BTreeMap<(Arc<str>, StepNo), usize>,
    /// The steps that began child runs.
    began: BTreeMap<RunId, String>,
}

impl<'w> Teller<'w> {
    pub(super) fn new(answers: &'w Answers, own: Arc<str>) -> Self {
        Self { answers, own, told: Vec::new(), times: BTreeMap::new(), began: BTreeMap::new() }
    }

    /// What was given for a step, for all times.
    fn answer(&self, member: &Member, of: Item) -> Option<&'w Json> {
        if of.is_beside() {
            return None;
        }
        let (text, all) = (&member.text, &self.answers.of);
        let path = member.run.path_of(text, of.place());
        let find = |step: &str| match text.name == self.own {
            true => all.get(step),
            false => all.get(&*text.name)?.get(step),
        };
        find(&path).or_else(|| find(&text.step(of.step).path()))
    }

    pub(super) fn has_answer(&self, member: &Member, of: Item) -> bool {
        self.answer(member, of).is_some()
    }

    /// The answer that was given for a step, the next in turn.
    pub(super) fn given(&mut self, member: &Member, of: Item) -> Option<Json> {
        let answer = self.answer(member, of)?;
        let time = self.times.entry((member.text.name.clone(), of.step)).or_default();
        *time += 1;
        match answer {
            Json::Array(all) => all.get((*time - 1).min(all.len().saturating_sub(1))).cloned(),
            one => Some(one.clone()),
        }
    }

    /// A call goes out; what was given for it.
    pub(super) fn called(
        &mut self,
        seen: Seen<'_>,
        of: Attempt,
        (action, with): (&ActionName, &Raw),
    ) -> Option<Json> {
        let what = What::Call { action: action.to_string(), with: parsed(with.get()), undo: of.item.undo };
        self.tell(seen, of.item.place(), Some(of.item), what);
        self.given(seen.member, of.item)
    }

    /// A child run is asked for; its outcome and what it gives, where that was given or is taken to be as usual. Else it
    /// is walked.
    pub(super) fn child(
        &mut self,
        seen: Seen<'_>,
        (of, child): (Attempt, RunId),
        (workflow, with, usual): (&str, &Raw, Option<Json>),
    ) -> Option<(Option<String>, Json)> {
        let mut output = self.given(seen.member, of.item).or(usual);
        let outcome =
            output.as_mut().and_then(Json::as_object_mut).and_then(|fields| fields.remove("outcome"));
        let what =
            What::Child { workflow: workflow.to_owned(), with: parsed(with.get()), output: output.clone() };
        self.tell(seen, of.item.place(), Some(of.item), what);
        let Some(output) = output else {
            let step = self.place_of(seen.member, of.item);
            self.began.insert(child, step);
            return None;
        };
        Some((outcome.and_then(|word| word.as_str().map(str::to_owned)), output))
    }

    /// A step as it is said of the run that it began: with that run's own place, and which of its items it is.
    fn place_of(&self, member: &Member, of: Item) -> String {
        let step = member.run.path_of(&member.text, of.place());
        let item = match member.text.step(of.step).each {
            Some(_) => format!("[{}]", of.item + 1),
            None => String::new(),
        };
        let within = self.within(member);
        let slash = if within.is_empty() { "" } else { "/" };
        format!("{within}{slash}{step}{item}")
    }

    fn within(&self, member: &Member) -> String {
        match self.began.get(&member.run.id) {
            Some(step) => step.clone(),
            None if member.text.name == self.own => String::new(),
            None => member.text.name.to_string(),
        }
    }

    pub(super) fn tell(&mut self, seen: Seen<'_>, at: StepAt, item: Option<Item>, what: What) {
        let step = seen.member.text.step(at.step);
        let standpoint = item.map_or(Standpoint::Step(at), Standpoint::Item);
        let title = step.title.as_ref().and_then(|title| {
            title.text(&Names::of(&seen.member.run, &seen.member.text, seen.world, seen.now, standpoint)).ok()
        });
        let (path, round) = match at.step {
            StepNo::WHOLE => (String::new(), 1),
            _ => (seen.member.run.path_of(&seen.member.text, at), seen.member.run.step(at).round),
        };
        let title = title.unwrap_or_else(|| step.id.to_string());
        let (workflow, within) = (seen.member.text.name.clone(), self.within(seen.member));
        self.told.push(Told { at: seen.now, workflow, within, step: path, title, round, what });
    }

    /// Tells what a decision did.
    pub(super) fn hear(&mut self, seen: Seen<'_>, decision: &Decision) {
        for fact in &decision.did {
            match fact {
                Fact::StepOver { s, scope, state: StepEnd::Skipped }
                    if seen.member.text.step(*s).each.is_none() =>
                {
                    self.skipped(seen, StepAt { step: *s, scope: *scope }, None);
                }
                Fact::Over { at, end: ItemEnd::Skipped, .. }
                    if seen.member.text.step(at.step).each.is_some() =>
                {
                    self.skipped(seen, at.place(), Some(*at));
                }
                Fact::Over { at, end: ItemEnd::Failed, failure: Some(failure), .. } => {
                    let what =
                        What::Failed { code: failure.code.to_string(), message: failure.message.to_string() };
                    self.tell(seen, at.place(), Some(*at), what);
                }
                Fact::Over { at, end: ItemEnd::Done, .. } => self.came(seen, *at),
                Fact::Entered { at, state: Standing::Sleeping { until, .. } } => {
                    self.tell(seen, at.place(), Some(*at), What::Wait { until: *until });
                }
                Fact::Clock { at, set } => self.clock(seen, *at, set),
                Fact::Late { at } => self.tell(seen, at.place(), Some(*at), What::Late),
                Fact::GoingBack { scope, cover, .. } => {
                    if let Some(first) = cover.iter().min() {
                        let at = StepAt { step: *first, scope: *scope };
                        let to = seen.member.run.path_of(&seen.member.text, at);
                        self.tell(seen, at, None, What::Back { to });
                    }
                }
                _ => {}
            }
        }
    }

    fn came(&mut self, seen: Seen<'_>, at: Item) {
        if let Work::Await(awaited) = seen.member.text.step(at.step).work_of(at) {
            let what = What::Event { event: awaited.event.source().to_owned() };
            self.tell(seen, at.place(), Some(at), what);
        }
    }

    /// A due time, where no task tells it, and all that it sets off.
    fn clock(&mut self, seen: Seen<'_>, at: Item, set: &ClockSet) {
        let is_task = matches!(seen.member.text.step(at.step).work_of(at), Work::Ask(_));
        if let Some(due) = set.due.filter(|_| !is_task) {
            self.tell(seen, at.place(), Some(at), What::Due { due });
        }
        for ahead in &set.ahead {
            let Some(rung) = seen.member.text.step(at.step).rung(ahead.rung) else { continue };
            let does = match (&rung.does, rung.reminds) {
                (Does::Tell(_), true) => "reminds",
                (Does::Tell(_), false) => "tells",
                (Does::Reassign(_), _) => "reassigns",
                (Does::Decide(_), _) => "decides",
                (Does::Act(_), _) => "acts",
            };
            let what = What::Rung { on: ahead.at, rung: rung.written.to_string(), does };
            self.tell(seen, at.place(), Some(at), what);
        }
    }

    fn skipped(&mut self, seen: Seen<'_>, at: StepAt, item: Option<Item>) {
        let Some(when) = &seen.member.text.step(at.step).when else { return };
        let standpoint = item.map_or(Standpoint::Step(at), Standpoint::Item);
        let scope = Names::of(&seen.member.run, &seen.member.text, seen.world, seen.now, standpoint);
        let mut names: Vec<(String, Json)> = Vec::new();
        for name in when.names() {
            let path = name.path.join(".");
            if name.call.is_some() || names.iter().any(|(known, _)| *known == path) {
                continue;
            }
            let value = Expression::parse(&path).ok().and_then(|path| path.value(&scope).ok());
            if let Some(value) = value {
                names.push((path, parsed(&yizhan_workflow::expression::json_of_value(&value))));
            }
        }
        let when = when.source().to_owned();
        self.tell(seen, at, item, What::Skipped { when, names });
    }
}
