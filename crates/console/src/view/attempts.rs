//! Every attempt at the steps of a run, as its journal has them: what was given to each, what came back, and which failure.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yizhan_engine::store::Reads;
use yizhan_workflow::id::{Attempt, Item, Millis, RunId, StepNo, outward_key};
use yizhan_workflow::plan::Workflow;
use yizhan_workflow::run::Line;
use yizhan_workflow::run::event::{AttemptResult, EndState, Event, Fact, Failure, ItemEnd, Raw, Standing};
use yizhan_workflow::run::sight::Sight;

use super::run::{failure_view, kind_of, made};
use super::{Exact, FailureView, Look, Texts, each_line, json_of, spoken};
use crate::house::SaidLine;
use crate::refusal::Refusal;

/// One attempt: a call, a mail, a child run, a question to somebody, a wait for an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AttemptView {
    /// As it is named in keys: with its section, where that is not the main one.
    pub step: String,
    /// With what holds the step, and its number where it has several items: `visit[3].look`.
    pub path: String,
    /// `step`, `undo`, or `due` for what a due time set off.
    pub part: String,
    pub kind: String,
    pub action: Option<String>,
    pub round: u32,
    pub item: u32,
    pub attempt: u32,
    /// `open`, `done`, `failed`, `lost`, `skipped` or `dropped`.
    pub state: String,
    /// Who answered.
    pub by: Option<String>,
    pub began: String,
    pub ended: Option<String>,
    #[schema(value_type = Exact)]
    pub input: Option<Exact>,
    #[schema(value_type = Exact)]
    pub output: Option<Exact>,
    pub failure: Option<FailureView>,
    /// The run that it began.
    pub child: Option<String>,
    /// What the plugin said meanwhile, as long as it is kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub said: Vec<SaidView>,
}

/// A line that a plugin said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AttemptLine)]
pub struct SaidView {
    pub at: String,
    /// `error`, `warn`, `info`, `debug`, `trace`; `cut`: more was said, and is not kept.
    pub level: String,
    /// Of a line that was cut, how it began: for those from whom nothing of the case is kept.
    pub text: String,
}

/// Whose attempts are wanted, and which part of them.
pub(crate) struct Of<'o> {
    pub step: Option<&'o str>,
    pub item: Option<u32>,
    pub skip: usize,
    pub most: usize,
    /// What was said in the run, by the outward keys of this house.
    pub said: &'o [SaidLine],
    pub house: &'o str,
}

/// The attempts in the order in which they began, one more than wanted where there are more.
pub(crate) fn attempts(
    look: &Look<'_>,
    (id, texts): (RunId, &Texts),
    of: &Of<'_>,
    reads: &dyn Reads,
) -> Result<Vec<AttemptView>, Refusal> {
    let sight = look.sight();
    let mut gathering = Gathering {
        look,
        sight: &sight,
        of,
        sent: BTreeMap::new(),
        open: BTreeMap::new(),
        found: Vec::new(),
        passed: 0,
    };
    each_line(reads, id, (0, u32::MAX), |stored| {
        // What cannot be read is told by the journal's page.
        if let Ok(line) = serde_json::from_slice::<Line>(&stored.body) {
            gathering.line(&line, stored.at, texts.at(stored.seq));
        }
        Ok(if gathering.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(gathering.found)
}

struct Gathering<'g> {
    look: &'g Look<'g>,
    sight: &'g Sight<'g>,
    of: &'g Of<'g>,
    /// What every attempt of an item sends: the journal has it once.
    sent: BTreeMap<Item, Raw>,
    /// Those of the found ones that are not over, by their places.
    open: BTreeMap<Attempt, usize>,
    found: Vec<AttemptView>,
    passed: usize,
}

/// How an attempt ended, as far as one line says.
#[derive(Default)]
struct End<'e> {
    state: &'static str,
    output: Option<&'e Raw>,
    failure: Option<&'e Failure>,
    by: Option<&'e str>,
}

/// The attempt that an event ends; most events end none.
fn end_of(event: &Event) -> Option<(Attempt, End<'_>)> {
    let end = |state, output| End { state, output, failure: None, by: None };
    if let Event::Ended { of, result, .. } = event {
        return Some(match result {
            AttemptResult::Done { output } => (*of, end("done", Some(output))),
            AttemptResult::Failed(failure) => (*of, End { failure: Some(failure), ..end("failed", None) }),
            AttemptResult::Lost { .. } => (*of, end("lost", None)),
        });
    }
    if let Event::ChildEnded { of, state, output, .. } = event {
        let state = if *state == EndState::Done { "done" } else { "failed" };
        return Some((*of, end(state, output.as_ref())));
    }
    if let Event::EventTaken { of, payload, .. } = event {
        return Some((*of, end("done", Some(payload))));
    }
    if let Event::Answered { of, by, fields, .. } | Event::AnsweredFor { of, by, fields, .. } = event {
        return Some((*of, End { by: Some(by), ..end("done", Some(fields)) }));
    }
    None
}

impl Gathering<'_> {
    /// Nothing that is still to come belongs to what was asked for.
    fn is_full(&self) -> bool {
        self.found.len() > self.of.most && self.open.is_empty()
    }

    fn line(&mut self, line: &Line, at: Millis, text: &Workflow) {
        self.event(&line.event, at);
        for fact in &line.did {
            self.fact(fact, at, text);
        }
        let found = &self.found;
        self.open.retain(|_, place| found.get(*place).is_some_and(|one| one.ended.is_none()));
    }

    fn event(&mut self, event: &Event, at: Millis) {
        if let Event::Begun { of } = event {
            // It had waited in a queue: now it goes out.
            if let Some(one) = self.open_one(*of) {
                one.began = at.to_string();
            }
        } else if let Some((of, end)) = end_of(event) {
            self.end(of, at, &end);
        }
    }

    fn fact(&mut self, fact: &Fact, at: Millis, text: &Workflow) {
        // Most facts are of clocks and whole steps, and say nothing of an attempt.
        if let Fact::Entered { at: of, state } = fact {
            self.entered(*of, state, (at, text));
        } else if let Fact::Missed { of, failure, .. } = fact {
            self.end(*of, at, &End { state: "failed", failure: Some(failure), ..End::default() });
        } else if let Fact::Over { at: of, end, failure, .. } = fact {
            let state = match end {
                ItemEnd::Done => "done",
                ItemEnd::Skipped => "skipped",
                ItemEnd::Failed => "failed",
                ItemEnd::Dropped => "dropped",
            };
            let attempt = |attempt| Attempt { item: *of, attempt };
            let all: Vec<Attempt> =
                self.open.range(attempt(0)..=attempt(u32::MAX)).map(|(one, _)| *one).collect();
            for one in all {
                self.end(one, at, &End { state, failure: failure.as_ref(), ..End::default() });
            }
            // What failed may be tried again with the same.
            if *end == ItemEnd::Done {
                self.sent.remove(of);
            }
        }
    }

    fn entered(&mut self, of: Item, state: &Standing, when: (Millis, &Workflow)) {
        match state {
            Standing::Running { a, first, .. } => {
                if let Some(first) = first.as_ref().filter(|_| self.wants(of, when.1)) {
                    self.sent.insert(of, first.with.clone());
                }
                let sent = self.sent.get(&of).cloned();
                self.begin(Attempt { item: of, attempt: *a }, when, (sent.as_ref(), None));
            }
            Standing::Child { a, child, with, .. } => {
                self.begin(Attempt { item: of, attempt: *a }, when, (Some(with), Some(*child)));
            }
            Standing::Asked { a, .. } | Standing::Listening { a, .. } => {
                self.begin(Attempt { item: of, attempt: *a }, when, (None, None));
            }
            Standing::Queued {}
            | Standing::Stopping { .. }
            | Standing::Resting { .. }
            | Standing::Unknown { .. }
            | Standing::Asking { .. }
            | Standing::Sleeping { .. }
            | Standing::StoppingChild { .. }
            | Standing::Slot { .. }
            | Standing::Holding { .. } => {}
        }
    }

    fn wants(&self, of: Item, text: &Workflow) -> bool {
        let is_it = |wanted: &str| text.steps.get(of.step.index()).is_some_and(|step| step.path() == wanted);
        self.of.item.is_none_or(|item| item == of.item) && self.of.step.is_none_or(is_it)
    }

    fn begin(
        &mut self,
        of: Attempt,
        (at, text): (Millis, &Workflow),
        (input, child): (Option<&Raw>, Option<RunId>),
    ) {
        if !self.wants(of.item, text) || self.open.contains_key(&of) || self.found.len() > self.of.most {
            return;
        }
        if self.passed < self.of.skip {
            self.passed += 1;
            return;
        }
        if self.found.len() < self.of.most {
            self.open.insert(of, self.found.len());
        }
        let input = input.filter(|_| self.sight.case()).map(|input| made(self.sight, input));
        self.found.push(AttemptView {
            input,
            child: child.map(|child| child.to_string()),
            ..self.blank(of, at, text)
        });
    }

    fn blank(&self, of: Attempt, at: Millis, text: &Workflow) -> AttemptView {
        let (item, step) = (of.item, text.steps.get(of.item.step.index()));
        let (kind, action) = step.map(|step| kind_of(step.work_of(item))).unwrap_or_default();
        let name = step.map_or_else(|| "run".to_owned(), |step| step.path().into_owned());
        // What held it is known by the numbers of the text that is in force.
        let mut path = match step {
            Some(_) if text.hash == self.look.text.hash => self.look.run.path_of(text, item.place()),
            Some(_) | None => name.clone(),
        };
        if step.is_some_and(yizhan_workflow::plan::Step::has_items) {
            path.push_str(&format!("[{}]", item.item));
        }
        let part = match (item.undo, item.rung) {
            (_, Some(_)) => "due",
            (true, None) => "undo",
            (false, None) => "step",
        };
        AttemptView {
            step: name,
            path,
            part: part.to_owned(),
            kind: kind.to_owned(),
            action,
            round: item.round,
            item: item.item,
            attempt: of.attempt,
            state: "open".to_owned(),
            by: None,
            began: at.to_string(),
            ended: None,
            input: None,
            output: None,
            failure: None,
            child: None,
            said: self.said(of, text),
        }
    }

    /// What was said in an attempt, for those who may see the words of the case.
    fn said(&self, of: Attempt, text: &Workflow) -> Vec<SaidView> {
        if self.of.said.is_empty() || !self.sight.case() || text.steps.get(of.item.step.index()).is_none() {
            return vec![];
        }
        let key = outward_key(self.of.house, &self.look.run.key_of(text, of.item));
        let own = self.of.said.iter().filter(|line| line.attempt == of.attempt && line.key == key);
        // Half of a private text is found by no veil.
        let begins = self.sight.veil().is_empty();
        let view = |line: &SaidLine| SaidView {
            at: line.at.to_string(),
            level: line.level.clone(),
            text: if line.level == "cut" && !begins { String::new() } else { line.text.clone() },
        };
        own.map(view).collect()
    }

    fn open_one(&mut self, of: Attempt) -> Option<&mut AttemptView> {
        let place = *self.open.get(&of)?;
        self.found.get_mut(place)
    }

    /// The first that speaks of its end says when and how; what follows in the same line may say why.
    fn end(&mut self, of: Attempt, at: Millis, end: &End<'_>) {
        let output = end.output.and_then(|output| self.given(of.item, end.by, output));
        let Some(one) = self.open_one(of) else { return };
        if one.ended.is_none() {
            one.ended = Some(at.to_string());
            end.state.clone_into(&mut one.state);
        }
        one.by = one.by.take().or_else(|| end.by.map(str::to_owned));
        one.output = one.output.take().or(output);
        one.failure = one.failure.take().or_else(|| end.failure.map(failure_view));
    }

    /// By the rule of the step as it is called now; what has none any more is told by the journal's page alone.
    fn given(&self, of: Item, by: Option<&str>, output: &Raw) -> Option<Exact> {
        let place =
            *self.open.range(Attempt { item: of, attempt: 0 }..).next().filter(|(one, _)| one.item == of)?.1;
        let path = &self.found.get(place)?.step;
        let now = self.look.text.steps.iter().position(|step| step.path() == path.as_str())?;
        let step = StepNo(u16::try_from(now).ok()?);
        let seen = self.sight.given(Item { step, ..of }, by, output);
        Some(json_of(&spoken::given(self.sight, by, seen)))
    }
}
