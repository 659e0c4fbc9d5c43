//! What an expression sees of a run: names looked up when they are named, outputs parsed when they are touched.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use minijinja::value::{Enumerator, Object, ObjectRepr, Value};

use super::event::{ItemEnd, Raw, Started, StepEnd};
use super::state::{At, Done, ItemState, Phase, Run, StepPhase, StepState};
use crate::expression::{self, Tree};
use crate::id::{Item, Millis, RunId, StepNo};
use crate::plan::{Let, Section, Workflow};
use crate::run::World;

/// Fields that every step has beside its own; no form may use them.
pub const RESERVED: [&str; 9] = ["by", "opened", "ended", "due", "late", "state", "outcome", "round", "item"];

/// Whose expression it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standpoint {
    Run,
    Step(StepNo),
    Item(Item),
}

/// Everything a run's expressions may name, as of one instant.
pub struct Scope {
    text: Arc<Workflow>,
    run: RunId,
    started: Arc<Started>,
    began: Millis,
    now: Millis,
    zone: jiff::tz::TimeZone,
    url: Option<Arc<str>>,
    steps: Arc<Vec<Arc<StepState>>>,
    error: Option<super::event::RunError>,
    joined: Vec<Raw>,
    standpoint: Standpoint,
    /// The undo's own step reads as the round that is taken back.
    taken_back: Option<Arc<Done>>,
    attempt: Option<u32>,
    element: Option<Value>,
    input: OnceLock<Value>,
    /// The steps that were named so far: few, whatever the run has.
    values: Mutex<Vec<(StepNo, Value)>>,
    lets: OnceLock<Vec<OnceLock<Value>>>,
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("run", &self.run).field("standpoint", &self.standpoint).finish()
    }
}

impl Scope {
    #[must_use]
    pub fn of(run: &Run, text: &Arc<Workflow>, world: &World, now: Millis, standpoint: Standpoint) -> Value {
        let (mut taken_back, mut attempt, mut element) = (None, None, None);
        if let Standpoint::Item(item) = standpoint {
            if item.undo {
                let done = run.done(item).cloned().map(Arc::new);
                element = done
                    .as_ref()
                    .and_then(|done| done.element.as_ref().map(|raw| expression::value_of_json(raw.get())));
                attempt = done.as_ref().map(|done| done.undo.as_ref().map_or(0, |undo| undo.attempts) + 1);
                taken_back = done;
            } else {
                let list = run.step(item.step).list.as_ref();
                element = list.and_then(|list| list.element(item.item)).map(expression::value_of_json);
            }
        }
        Value::from_object(Self {
            text: text.clone(),
            run: run.id,
            started: run.started.clone(),
            began: run.began,
            now,
            zone: world.zone.clone(),
            url: world.url.clone(),
            steps: run.steps.clone(),
            error: run.error.clone(),
            joined: run.joined.clone(),
            standpoint,
            taken_back,
            attempt,
            element,
            input: OnceLock::new(),
            values: Mutex::new(vec![]),
            lets: OnceLock::new(),
        })
    }

    /// What a firing may name before there is a run.
    fn before_start(
        text: &Arc<Workflow>,
        world: &World,
        now: Millis,
        input: Option<&Raw>,
        trigger: Option<Raw>,
    ) -> Self {
        let started = Started {
            workflow: text.name.clone(),
            text: text.hash.clone(),
            input: input.cloned().unwrap_or_else(|| Raw::from(&serde_json::Value::Null)),
            key: None,
            trigger,
            by: "".into(),
            parent: None,
        };
        Self {
            text: text.clone(),
            run: RunId::from_number(0),
            started: Arc::new(started),
            began: now,
            now,
            zone: world.zone.clone(),
            url: None,
            steps: Arc::default(),
            error: None,
            joined: vec![],
            standpoint: Standpoint::Run,
            taken_back: None,
            attempt: None,
            element: None,
            input: OnceLock::new(),
            values: Mutex::new(vec![]),
            lets: OnceLock::new(),
        }
    }

    fn step_no(&self) -> Option<StepNo> {
        match self.standpoint {
            Standpoint::Run => None,
            Standpoint::Step(step) => Some(step),
            Standpoint::Item(item) => Some(item.step),
        }
    }

    /// Names of the step's own `let`, then of the file's, each worked out once and only if it is read. A name may read
    /// those above it: while one is being worked out it is not yet there, so a circle ends as an unknown name.
    fn let_named(self: &Arc<Self>, name: &str) -> Option<Value> {
        let own: &[Let] = self.step_no().map_or(&[], |no| &self.text.step(no).lets);
        let all = own.iter().chain(self.text.lets.iter());
        let (place, found) = all.enumerate().find(|(_, given)| &*given.name == name)?;
        let known = self
            .lets
            .get_or_init(|| (0..own.len() + self.text.lets.len()).map(|_| OnceLock::new()).collect());
        if let Some(value) = known.get(place).and_then(OnceLock::get) {
            return Some(value.clone());
        }
        let value = match &found.value {
            Tree::Text(template) => template.value(&Value::from_dyn_object(self.clone())),
            other @ (Tree::Json(_) | Tree::List(_) | Tree::Map(_)) => {
                other.json(&Value::from_dyn_object(self.clone())).map(|json| expression::value_of_json(&json))
            }
        };
        let value = value.unwrap_or_else(|error| {
            minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, error.message.to_string()).into()
        });
        Some(known.get(place).map_or(value.clone(), |cell| cell.get_or_init(|| value).clone()))
    }

    fn step_value(self: &Arc<Self>, no: StepNo) -> Option<Value> {
        self.steps.get(no.index())?;
        let mut known = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, value)) = known.iter().find(|(step, _)| *step == no) {
            return Some(value.clone());
        }
        let value = self.work_out(no);
        known.push((no, value.clone()));
        Some(value)
    }

    fn work_out(&self, no: StepNo) -> Value {
        let each = self.text.step(no).each.is_some();
        if let Some(done) = self.taken_back.as_ref().filter(|done| done.of.step == no && !each) {
            return Value::from_object(Answer::of_done(done));
        }
        match (self.readable(no), each) {
            (Some(state), true) => Value::from_object(Answers { of: state }),
            (state, false) | (state @ None, true) => {
                Value::from_object(Answer::of_step(&self.steps[no.index()], state.as_deref()))
            }
        }
    }

    /// The latest round that is over; closing sections and undos read all steps as they stand.
    fn readable(&self, no: StepNo) -> Option<Arc<StepState>> {
        let state = self.steps.get(no.index())?;
        let as_it_stands = match self.standpoint {
            Standpoint::Item(item) => item.undo || self.text.step(item.step).section != Section::Main,
            Standpoint::Step(step) => self.text.step(step).section != Section::Main,
            Standpoint::Run => true,
        };
        if state.is_over() || (as_it_stands && state.over > 0) {
            return Some(state.clone());
        }
        state.earlier.clone()
    }

    fn run_value(&self) -> Value {
        let error = self.error.as_ref().map_or_else(expression::empty, |error| {
            map([
                ("step", Value::from(error.step.as_ref())),
                ("item", Value::from(error.item)),
                ("code", Value::from(error.code.as_ref())),
                ("message", Value::from(error.message.as_ref())),
            ])
        });
        map([
            ("id", Value::from(self.run.to_string())),
            ("key", self.started.key.as_deref().map_or_else(expression::empty, Value::from)),
            ("by", Value::from(self.started.by.as_ref())),
            ("started", self.instant(Some(self.began))),
            (
                "url",
                self.url
                    .as_ref()
                    .map_or_else(expression::empty, |url| Value::from(format!("{url}/runs/{}", self.run))),
            ),
            ("error", error),
            ("joined", self.joined.iter().map(|raw| expression::value_of_json(raw.get())).collect()),
        ])
    }

    fn instant(&self, at: Option<Millis>) -> Value {
        at.and_then(Millis::timestamp).map_or_else(expression::empty, |instant| {
            let local = instant.to_zoned(self.zone.clone());
            Value::from(local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
        })
    }

    fn round(&self) -> u32 {
        match self.standpoint {
            Standpoint::Run => 1,
            Standpoint::Step(step) => self.steps[step.index()].round,
            Standpoint::Item(item) => item.round,
        }
    }

    fn loop_value(&self) -> Option<Value> {
        let Standpoint::Item(item) = self.standpoint else { return None };
        let length = self.steps[item.step.index()].items.len();
        let at = item.item as usize;
        Some(map([
            ("index", Value::from(at + 1)),
            ("index0", Value::from(at)),
            ("first", Value::from(at == 0)),
            ("last", Value::from(at + 1 == length)),
            ("length", Value::from(length)),
        ]))
    }

    fn workflow_value(&self) -> Value {
        map([
            ("name", Value::from(self.text.name.as_ref())),
            ("title", Value::from(self.text.title.as_str())),
        ])
    }
}

/// What the expressions of triggers, start forms and keys see.
#[must_use]
pub fn before_start(
    text: &Arc<Workflow>,
    world: &World,
    now: Millis,
    input: Option<&Raw>,
    trigger: Option<&serde_json::Value>,
) -> Value {
    Value::from_object(Scope::before_start(text, world, now, input, trigger.map(Raw::from)))
}

impl Object for Scope {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        if let Some(value) = self.let_named(name) {
            return Some(value);
        }
        let element = || {
            let each = self.step_no().and_then(|no| self.text.step(no).each.as_ref())?;
            if &*each.name == name || name == "item" { self.element.clone() } else { None }
        };
        match name {
            "input" => {
                Some(self.input.get_or_init(|| expression::value_of_text(self.started.input.clone())).clone())
            }
            "step" => Some(Value::from_object(Steps(self.clone()))),
            "table" => Some(
                self.text
                    .tables
                    .iter()
                    .map(|table| (table.name.to_string(), Value::from_dyn_object(table.clone())))
                    .collect::<BTreeMap<_, _>>()
                    .into(),
            ),
            "run" => Some(self.run_value()),
            "round" => Some(Value::from(self.round())),
            "attempt" => self.attempt.map(Value::from),
            "loop" => self.loop_value(),
            "trigger" => Some(
                self.started
                    .trigger
                    .as_ref()
                    .map_or_else(expression::empty, |raw| expression::value_of_json(raw.get())),
            ),
            "workflow" => Some(self.workflow_value()),
            "now" => Some(self.instant(Some(self.now))),
            "today" => Some(self.now.timestamp().map_or_else(expression::empty, |now| {
                Value::from(now.to_zoned(self.zone.clone()).date().to_string())
            })),
            _ => element(),
        }
    }
}

/// `step`: the ids of the steps in the section and of the main one.
#[derive(Debug)]
struct Steps(Arc<Scope>);

impl Object for Steps {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let id = key.as_str()?;
        let section = self.0.step_no().map_or(Section::Main, |no| self.0.text.step(no).section);
        let named = |wanted: Section| {
            self.0.text.steps.iter().position(|step| &*step.id == id && step.section == wanted)
        };
        let at = named(section).or_else(|| named(Section::Main))?;
        self.0.step_value(StepNo(u16::try_from(at).ok()?))
    }
}

/// What one item gave, with the fields that every step has. Fields of a step that gave nothing are empty.
struct Answer {
    output: Option<Value>,
    by: Option<Arc<str>>,
    opened: Option<Millis>,
    ended: Option<Millis>,
    due: Option<Millis>,
    late: bool,
    state: &'static str,
    outcome: Option<Arc<str>>,
    round: u32,
    item: Option<u32>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({:?})", self.output)
    }
}

impl Answer {
    fn of_step(now: &StepState, read: Option<&StepState>) -> Self {
        let item = read.and_then(|step| step.items.first());
        let standing = now.items.first().filter(|_| !now.is_over());
        Self {
            output: item.and_then(|item| item.output.clone()).map(expression::value_of_text),
            by: item.and_then(|item| item.by.clone()),
            opened: read.and_then(|step| step.opened),
            ended: read.and_then(|step| step.ended),
            due: standing.or(item).and_then(|item| item.due),
            late: standing.or(item).is_some_and(|item| item.late),
            state: state_word(now),
            outcome: item.and_then(|item| item.outcome.clone()),
            round: read.map_or(now.round, |step| step.round),
            item: None,
        }
    }

    fn of_item(step: &StepState, number: u32, item: &ItemState) -> Self {
        Self {
            output: item.output.clone().map(expression::value_of_text),
            by: item.by.clone(),
            opened: item.opened,
            ended: item.ended,
            due: item.due,
            late: item.late,
            state: item_word(item),
            outcome: item.outcome.clone(),
            round: step.round,
            item: Some(number),
        }
    }

    fn of_done(done: &Done) -> Self {
        Self {
            output: done.output.clone().map(expression::value_of_text),
            by: done.by.clone(),
            opened: done.opened,
            ended: done.ended,
            due: None,
            late: false,
            state: "done",
            outcome: done.outcome.clone(),
            round: done.of.round,
            item: Some(done.of.item),
        }
    }
}

impl Object for Answer {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let instant =
            |at: Option<Millis>| at.map_or_else(expression::empty, |at| Value::from(at.to_string()));
        let text = |text: &Option<Arc<str>>| text.as_deref().map_or_else(expression::empty, Value::from);
        Some(match key.as_str()? {
            "by" => text(&self.by),
            "opened" => instant(self.opened),
            "ended" => instant(self.ended),
            "due" => instant(self.due),
            "late" => Value::from(self.late),
            "state" => Value::from(self.state),
            "outcome" => text(&self.outcome),
            "round" => Value::from(self.round),
            "item" => self.item.map_or_else(expression::empty, Value::from),
            // A name that the step does not declare was found when the file was checked; so what is not there is empty.
            name => self
                .output
                .as_ref()
                .and_then(|output| output.get_attr(name).ok())
                .filter(|value| !value.is_undefined())
                .unwrap_or_else(expression::empty),
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.output.as_ref().and_then(|output| output.try_iter().ok()) {
            Some(keys) => Enumerator::Values(keys.collect()),
            None => Enumerator::Empty,
        }
    }
}

/// The items of an `each`: a list, and by a field's name the list of that field.
#[derive(Debug)]
struct Answers {
    of: Arc<StepState>,
}

impl Answers {
    fn at(&self, number: usize) -> Option<Value> {
        let item = self.of.items.get(number)?;
        let number = u32::try_from(number).ok()?;
        Some(match &item.at {
            At::Over(ItemEnd::Done) => Value::from_object(Answer::of_item(&self.of, number, item)),
            // Places are kept; what an item did not give is empty.
            At::Over(_) | At::Is(_) => expression::empty(),
        })
    }
}

impl Object for Answers {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        if let Some(at) = key.as_usize() {
            return self.at(at);
        }
        let name = key.as_str()?;
        match name {
            "state" => Some(Value::from(state_word(&self.of))),
            "round" => Some(Value::from(self.of.round)),
            _ => {
                (0..self.of.items.len()).map(|at| self.at(at)?.get_attr(name).ok()).collect::<Option<Value>>()
            }
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.of.items.len())
    }
}

fn map<const N: usize>(entries: [(&'static str, Value); N]) -> Value {
    entries.into_iter().collect::<BTreeMap<_, _>>().into()
}

/// The word for a step's state.
#[must_use]
pub fn state_word(step: &StepState) -> &'static str {
    match step.phase {
        StepPhase::Waiting => "waiting",
        StepPhase::Over(StepEnd::Done) => "done",
        StepPhase::Over(StepEnd::Skipped) => "skipped",
        StepPhase::Over(StepEnd::Failed) => "failed",
        StepPhase::Open if step.all_over() && step.failed > 0 => "failed",
        StepPhase::Open if step.all_over() && step.over > 0 => "withdrawn",
        StepPhase::Open => "open",
    }
}

/// The word for an item's state.
#[must_use]
pub fn item_word(item: &ItemState) -> &'static str {
    use super::event::Standing;
    match &item.at {
        At::Over(ItemEnd::Done) => "done",
        At::Over(ItemEnd::Skipped) => "skipped",
        At::Over(ItemEnd::Failed) => "failed",
        At::Over(ItemEnd::Dropped) => "dropped",
        At::Is(standing) => match standing {
            Standing::Queued {} => "queued",
            Standing::Running { .. } => "running",
            Standing::Stopping { .. } => "stopping",
            Standing::Resting { .. } => "resting",
            Standing::Unknown { .. } => "unknown",
            Standing::Asking { .. } => "asking",
            Standing::Asked { .. } => "asked",
            Standing::Sleeping { .. } => "sleeping",
            Standing::Child { .. } => "child",
            Standing::StoppingChild { .. } => "stopping_child",
        },
    }
}

/// The word for a run's state, as lists and the API print it.
#[must_use]
pub fn phase_word(phase: &Phase) -> &'static str {
    use super::event::EndState;
    match phase {
        Phase::Open => "open",
        Phase::Stopping | Phase::Finishing => "closing",
        Phase::Over { state: EndState::Done, .. } => "done",
        Phase::Over { state: EndState::Failed, .. } => "failed",
        Phase::Over { state: EndState::Cancelled, .. } => "cancelled",
    }
}
