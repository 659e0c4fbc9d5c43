//! Walks a run without the world: the same `decide`, a clock that jumps, answers that are given or made up. Acts on nothing.

#![expect(clippy::wildcard_enum_match_arm, reason = "of most facts and standings there is nothing to tell")]

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value as Json, json};
use yizhan_workflow::expression::Expression;
use yizhan_workflow::id::{Attempt, Item, Millis, RunId, StepAt, StepNo};
use yizhan_workflow::plan::{Does, Work, Workflow};
use yizhan_workflow::run::clock::ClockSet;
use yizhan_workflow::run::event::{
    AttemptResult, EndState, Event, Fact, Failure, Happened, ItemEnd, Raw, Standing, Started, StepEnd,
    Verdict,
};
use yizhan_workflow::run::names::{Names, Standpoint};
use yizhan_workflow::run::state::{At, Phase, Run};
use yizhan_workflow::run::{Command, Decision, Now, OPERATOR, Refusal, World, decide, start};

use crate::intake::Prepared;

pub mod house;
mod sample;
pub mod trial;

/// A walk that takes more decisions goes round and round.
const MOST_EVENTS: usize = 20_000;
/// So many rounds of one step, with the same made-up answers, will be followed by as many more.
const MOST_ROUNDS: u32 = 20;

/// What steps answer, by their ids; a list is an answer for each time in turn, its last one for all that follow.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    pub of: BTreeMap<String, Json>,
    /// What child runs give, by their workflows' names, where no step's answer says it.
    pub children: BTreeMap<String, Json>,
    /// Each task is answered at the last instant that is in time, not at once; one without a due time at once all the same.
    pub late: bool,
}

/// What a run would do.
#[derive(Clone, Debug, Serialize)]
pub struct Rehearsal {
    pub run: String,
    pub key: Option<String>,
    pub told: Vec<Told>,
    pub end: End,
    /// The step whose answer was made up and did not fit, or how else the walk stopped early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct End {
    /// `open` where the walk stopped early.
    pub state: &'static str,
    pub outcome: Option<String>,
    pub output: Option<Json>,
    pub at: Millis,
}

/// One thing that happened, at an instant of the walk's clock.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    pub at: Millis,
    /// With what holds it: `remind[3].flag`.
    pub step: String,
    pub title: String,
    pub round: u32,
    #[serde(flatten)]
    pub what: What,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum What {
    Call {
        action: String,
        with: Json,
        undo: bool,
    },
    Task {
        who: Vec<String>,
        due: Option<Millis>,
        answer: Json,
        given: bool,
    },
    Child {
        workflow: String,
        with: Json,
        output: Json,
    },
    Wait {
        until: Millis,
    },
    /// By when what is no task is to be over.
    Due {
        due: Millis,
    },
    /// What a due time sets off, unless the step is over before that.
    Rung {
        on: Millis,
        /// Where it stands below its step: `escalate[1]`.
        rung: String,
        does: &'static str,
    },
    /// `names`: what the condition read.
    Skipped {
        when: String,
        names: Vec<(String, Json)>,
    },
    Failed {
        code: String,
        message: String,
    },
    Late,
    Back {
        to: String,
    },
    Asked {
        question: String,
    },
}

/// Walks a run from its start to its end, or to where no answer is known.
#[must_use]
pub fn rehearse(prepared: &Prepared, by: &str, world: &World, now: Millis, answers: &Answers) -> Rehearsal {
    let text = Arc::clone(&prepared.workflow);
    let started = Started {
        workflow: Arc::clone(&text.name),
        text: text.hash.clone(),
        input: prepared.input.clone(),
        key: prepared.key.clone(),
        trigger: prepared.trigger.clone(),
        by: by.into(),
        parent: None,
        origin: None,
    };
    let id = RunId::mint(now, None);
    let (run, first) = start(id, &text, &Now { world, at: now, room: usize::MAX }, started);
    let mut walk = Walk {
        text,
        world,
        now,
        run,
        answers,
        told: Vec::new(),
        times: BTreeMap::new(),
        queue: Vec::new(),
        later: Vec::new(),
    };
    walk.hear(&first);
    let stopped = walk.on();
    let end = walk.end();
    let key = prepared.key.as_ref().map(ToString::to_string);
    Rehearsal { run: id.to_string(), key, told: walk.told, end, stopped }
}

struct Walk<'w> {
    text: Arc<Workflow>,
    world: &'w World,
    now: Millis,
    run: Run,
    answers: &'w Answers,
    told: Vec<Told>,
    /// How often each step has answered.
    times: BTreeMap<StepNo, usize>,
    queue: Vec<Command>,
    /// Answers that are given when their tasks are due.
    later: Vec<(Millis, Event)>,
}

impl Walk<'_> {
    /// Goes on until the run is over; says why, where it cannot.
    fn on(&mut self) -> Option<String> {
        for _ in 0..MOST_EVENTS {
            if self.run.is_over() {
                return None;
            }
            if self.told.last().is_some_and(|told| told.round > MOST_ROUNDS) {
                return Some(format!("more than {MOST_ROUNDS} rounds with the same answers"));
            }
            let event = if self.queue.is_empty() {
                let Some(event) = self.by_itself() else { return Some("nothing goes on".to_owned()) };
                event
            } else {
                let command = self.queue.remove(0);
                match self.answer(command) {
                    Ok(Some(event)) => event,
                    Ok(None) => continue,
                    Err(stopped) => return Some(stopped),
                }
            };
            if let Err(stopped) = self.happen(event) {
                return Some(stopped);
            }
        }
        Some("it goes round and round".to_owned())
    }

    /// What comes next in time: a timer of the run, or an answer that was put off.
    fn by_itself(&mut self) -> Option<Event> {
        let timer = self.run.next_timer().map(|timer| timer.at);
        let first =
            self.later.iter().enumerate().min_by_key(|(_, (at, _))| *at).map(|(place, (at, _))| (*at, place));
        match (timer, first) {
            (Some(timer), first) if first.is_none_or(|(at, _)| timer < at) => {
                self.now = self.now.max(timer);
                Some(Event::Woke {})
            }
            (_, Some((at, place))) => {
                self.now = self.now.max(at);
                Some(self.later.swap_remove(place).1)
            }
            (_, None) => None,
        }
    }

    fn happen(&mut self, event: Event) -> Result<(), String> {
        let now = Now { world: self.world, at: self.now, room: usize::MAX };
        match decide(&mut self.run, &self.text, &now, event) {
            Ok(decision) => {
                self.hear(&decision);
                Ok(())
            }
            // Dealt with meanwhile: another step has ended the run.
            Err(Refusal::Echo(_)) => Ok(()),
            Err(Refusal::Form(faults)) => {
                let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
                let step = self.told.last().map(|told| told.step.clone()).unwrap_or_default();
                Err(format!("`{step}` cannot be answered so: {}", faults.join("; ")))
            }
            Err(refusal) => Err(refusal.to_string()),
        }
    }

    fn end(&self) -> End {
        let none = (None, None);
        let (state, (outcome, output)) = match &self.run.top.phase {
            Phase::Over { state, outcome, output } => {
                let state = match state {
                    EndState::Done => "done",
                    EndState::Failed => "failed",
                    EndState::Cancelled => "cancelled",
                };
                (state, (Some(outcome.to_string()), output.as_ref().map(|output| parsed(output.get()))))
            }
            Phase::Open | Phase::Stopping | Phase::Finishing => ("open", none),
        };
        End { state, outcome, output, at: self.now }
    }

    fn tell(&mut self, at: StepAt, item: Option<Item>, what: What) {
        let step = self.text.step(at.step);
        let standpoint = item.map_or(Standpoint::Step(at), Standpoint::Item);
        let title = step.title.as_ref().and_then(|title| {
            title.text(&Names::of(&self.run, &self.text, self.world, self.now, standpoint)).ok()
        });
        let (path, round) = match at.step {
            StepNo::WHOLE => (String::new(), 1),
            _ => (self.run.path_of(&self.text, at), self.run.step(at).round),
        };
        let title = title.unwrap_or_else(|| step.id.to_string());
        self.told.push(Told { at: self.now, step: path, title, round, what });
    }

    /// Tells what a decision did, and takes what it asks for into the queue.
    fn hear(&mut self, decision: &Decision) {
        for fact in &decision.did {
            match fact {
                Fact::StepOver { s, scope, state: StepEnd::Skipped } if self.text.step(*s).each.is_none() => {
                    self.skipped(StepAt { step: *s, scope: *scope }, None);
                }
                Fact::Over { at, end: ItemEnd::Skipped, .. } if self.text.step(at.step).each.is_some() => {
                    self.skipped(at.place(), Some(*at));
                }
                Fact::Over { at, end: ItemEnd::Failed, failure: Some(failure), .. } => {
                    let what =
                        What::Failed { code: failure.code.to_string(), message: failure.message.to_string() };
                    self.tell(at.place(), Some(*at), what);
                }
                Fact::Entered { at, state: Standing::Sleeping { until, .. } } => {
                    self.tell(at.place(), Some(*at), What::Wait { until: *until });
                }
                Fact::Clock { at, set } => self.clock(*at, set),
                Fact::Late { at } => self.tell(at.place(), Some(*at), What::Late),
                Fact::GoingBack { scope, cover, .. } => {
                    if let Some(first) = cover.iter().min() {
                        let at = StepAt { step: *first, scope: *scope };
                        let to = self.run.path_of(&self.text, at);
                        self.tell(at, None, What::Back { to });
                    }
                }
                _ => {}
            }
        }
        self.queue.extend(decision.commands.iter().copied());
    }

    /// A due time, where no task tells it, and all that it sets off.
    fn clock(&mut self, at: Item, set: &ClockSet) {
        let is_task = matches!(self.work(at), Work::Ask(_));
        if let Some(due) = set.due.filter(|_| !is_task) {
            self.tell(at.place(), Some(at), What::Due { due });
        }
        for ahead in &set.ahead {
            let Some(rung) = self.text.step(at.step).rung(ahead.rung) else { continue };
            let does = match (&rung.does, rung.reminds) {
                (Does::Tell(_), true) => "reminds",
                (Does::Tell(_), false) => "tells",
                (Does::Reassign(_), _) => "reassigns",
                (Does::Decide(_), _) => "decides",
                (Does::Act(_), _) => "acts",
            };
            let what = What::Rung { on: ahead.at, rung: rung.written.to_string(), does };
            self.tell(at.place(), Some(at), what);
        }
    }

    fn skipped(&mut self, at: StepAt, item: Option<Item>) {
        let Some(when) = &self.text.step(at.step).when else { return };
        let standpoint = item.map_or(Standpoint::Step(at), Standpoint::Item);
        let scope = Names::of(&self.run, &self.text, self.world, self.now, standpoint);
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
        self.tell(at, item, What::Skipped { when, names });
    }

    /// What the world says to a command.
    fn answer(&mut self, command: Command) -> Result<Option<Event>, String> {
        match command {
            Command::Start { of, begun } => {
                if !begun {
                    self.happen(Event::Begun { of })?;
                }
                Ok(Some(Event::Ended { of, result: self.call(of), took_us: None }))
            }
            Command::OpenTask { of, .. } => self.task(of),
            Command::StartChild { of, child } => Ok(self.child(of, child)),
            Command::Stop { of } => {
                let failure = Failure {
                    code: "stopped".into(),
                    message: "stopped".into(),
                    retry: false,
                    retry_after_ms: None,
                    happened: Happened::No,
                };
                Ok(Some(Event::Ended { of, result: AttemptResult::Failed(failure), took_us: None }))
            }
            Command::StopChild { of, child } => {
                let (state, outcome, output) = (EndState::Cancelled, None, None);
                Ok(Some(Event::ChildEnded { of, child, state, outcome, output }))
            }
            // In a rehearsal nobody else wants a place.
            Command::AskSlot { of } => Ok(Some(Event::SlotGranted { of })),
            Command::Listen { of } => {
                // An event that nobody gave is one without fields.
                let payload = Raw::from(&self.given(of.item).unwrap_or_else(|| json!({})));
                let id = format!("rehearsal/{}", self.told.len()).into();
                Ok(Some(Event::EventTaken { of, id, payload }))
            }
            Command::CloseTask { .. } | Command::StopListening { .. } => Ok(None),
        }
    }

    fn standing(&self, of: Attempt) -> Option<Standing> {
        match &self.run.item(of.item)?.at {
            At::Is(standing) => Some(standing.clone()),
            At::Over(_) => None,
        }
    }

    fn work(&self, of: Item) -> &Work {
        self.text.step(of.step).work_of(of)
    }

    /// The answer that was given for a step, the next in turn.
    fn given(&mut self, of: Item) -> Option<Json> {
        let step = self.text.step(of.step);
        let path = self.run.path_of(&self.text, of.place());
        let answer = self.answers.of.get(&path).or_else(|| self.answers.of.get(&*step.path()))?.clone();
        let time = self.times.entry(of.step).or_default();
        *time += 1;
        match answer {
            Json::Array(all) => all.get((*time - 1).min(all.len().saturating_sub(1))).cloned(),
            one => Some(one),
        }
    }

    fn call(&mut self, of: Attempt) -> AttemptResult {
        let with =
            self.run.item(of.item).and_then(|item| item.first.as_ref()).map(|first| parsed(first.with.get()));
        let Work::Use { action, .. } = self.work(of.item) else {
            return AttemptResult::Done { output: Raw::from(&json!({})) };
        };
        let (name, known) = (action.to_string(), self.world.catalogue.action(action).cloned());
        let what = What::Call { action: name, with: with.unwrap_or_default(), undo: of.item.undo };
        self.tell(of.item.place(), Some(of.item), what);
        let given = if of.item.is_beside() { None } else { self.given(of.item) };
        let output =
            given.unwrap_or_else(|| known.map_or(json!({}), |action| sample::of_schema(&action.output)));
        AttemptResult::Done { output: Raw::from(&output) }
    }

    fn task(&mut self, of: Attempt) -> Result<Option<Event>, String> {
        let sheet = match self.standing(of) {
            Some(Standing::Asked { task, .. }) => task,
            Some(Standing::Asking { why, .. }) => {
                let question = serde_json::to_value(&*why).unwrap_or_default().to_string();
                self.tell(of.item.place(), Some(of.item), What::Asked { question });
                let verdict = Verdict::Fail {};
                return Ok(Some(Event::Settled { of, by: OPERATOR.into(), verdict }));
            }
            _ => return Ok(None),
        };
        let given = self.given(of.item);
        let scope = Names::of(&self.run, &self.text, self.world, self.now, Standpoint::Item(of.item));
        let made_up = match self.work(of.item) {
            Work::Ask(ask) => sample::of_form(&parsed(&ask.form.view(&scope)), self.now),
            _ => json!({}),
        };
        let is_given = given.is_some();
        let mut fields = made_up;
        if let (Some(Json::Object(own)), Json::Object(all)) = (given, &mut fields) {
            all.extend(own);
        }
        let by = fields.as_object_mut().and_then(|fields| fields.remove("by"));
        let by = by.and_then(|by| by.as_str().map(Arc::from)).unwrap_or_else(|| self.somebody(&sheet.who));
        let what =
            What::Task { who: sheet.who.clone(), due: sheet.due, answer: fields.clone(), given: is_given };
        self.tell(of.item.place(), Some(of.item), what);
        let answer = Event::Answered { of, by, via: "plan".into(), fields: Raw::from(&fields) };
        match sheet.due.filter(|due| self.answers.late && *due > self.now) {
            Some(due) => {
                // In time is before the due instant.
                self.later.push((due.plus(-1), answer));
                Ok(None)
            }
            None => Ok(Some(answer)),
        }
    }

    /// Who of those that may has not answered yet, so that four eyes are four.
    fn somebody(&self, who: &[String]) -> Arc<str> {
        let mut members = who.iter().flat_map(|who| self.world.people_at(self.now).members(who));
        let turn = self.told.iter().filter(|told| matches!(told.what, What::Task { .. })).count();
        let all: Vec<String> = members.by_ref().collect();
        match all.get(turn % all.len().max(1)) {
            Some(one) => format!("person:{one}").into(),
            None => OPERATOR.into(),
        }
    }

    fn child(&mut self, of: Attempt, child: RunId) -> Option<Event> {
        let Some(Standing::Child { workflow, with, .. }) = self.standing(of) else { return None };
        let usual = self.answers.children.get(&*workflow).cloned().unwrap_or_default();
        let mut output = self.given(of.item).unwrap_or(usual);
        let outcome = output.as_object_mut().and_then(|output| output.remove("outcome"));
        let what =
            What::Child { workflow: workflow.to_string(), with: parsed(with.get()), output: output.clone() };
        self.tell(of.item.place(), Some(of.item), what);
        if matches!(self.standing(of), Some(Standing::Child { detach: true, .. })) {
            return Some(Event::ChildStarted { of, child });
        }
        let outcome = outcome.and_then(|word| word.as_str().map(Arc::from)).or_else(|| Some("done".into()));
        let output = (!output.is_null()).then(|| Raw::from(&output));
        Some(Event::ChildEnded { of, child, state: EndState::Done, outcome, output })
    }
}

fn parsed(json: &str) -> Json {
    serde_json::from_str(json).unwrap_or_default()
}

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod tests;
