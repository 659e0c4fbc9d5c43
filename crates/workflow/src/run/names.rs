//! What an expression sees of a run: names looked up when they are named, outputs parsed when they are touched.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

pub use minijinja::Value;
use minijinja::value::{Object, ObjectRepr};

mod gave;
mod people;

use super::event::{ItemEnd, Raw, Started, StepEnd};
use super::state::{At, Done, ItemState, Phase, Run, ScopeState, StepPhase, StepState};
use crate::calendar::{Calendar, Calendars};
use crate::definition::parts::row_of_each;
use crate::expression::{self, Tree};
use crate::id::{DueRung, Item, Millis, RunId, ScopeNo, StepAt, StepNo};
use crate::people::People;
use crate::plan::{EXTENDS, GRANTS, Section, Workflow};
use crate::run::World;
use gave::{Reader, readable};

/// What the clock of a step says.
pub const OF_CLOCK: [&str; 6] = ["due", "left", "used", "late", "stands", "stood"];

/// Fields that every step has beside its own; no form may use them.
pub const RESERVED: [&str; 10] =
    ["by", "opened", "ended", "due", "late", "clock", "state", "outcome", "round", "item"];

/// Whose expression it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standpoint {
    Run,
    Step(StepAt),
    Item(Item),
}

/// The scopes inside a run, as they stand.
type Inner = Arc<BTreeMap<ScopeNo, Arc<ScopeState>>>;

/// Everything a run's expressions may name, as of one instant.
pub struct Names {
    text: Arc<Workflow>,
    run: RunId,
    started: Arc<Started>,
    began: Millis,
    now: Millis,
    zone: jiff::tz::TimeZone,
    people: Arc<People>,
    calendars: Arc<Calendars>,
    /// That of the step; none where it is gone.
    calendar: Option<Arc<Calendar>>,
    url: Option<Arc<str>>,
    steps: Arc<Vec<Arc<StepState>>>,
    inner: Inner,
    error: Option<super::event::RunError>,
    joined: Vec<Raw>,
    standpoint: Standpoint,
    /// The undo's own step reads as the round that is taken back.
    taken_back: Option<Arc<Done>>,
    attempt: Option<u32>,
    element: Option<Value>,
    /// What was filled in by whoever asked for the time that this is about.
    asked: Option<Value>,
    /// Of a trigger's list, before there is a run.
    brought: Option<Brought>,
    input: OnceLock<Value>,
    /// The steps that were named so far: few, whatever the run has.
    values: Mutex<Vec<(StepNo, Value)>>,
    lets: OnceLock<Vec<OnceLock<Value>>>,
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").field("run", &self.run).field("standpoint", &self.standpoint).finish()
    }
}

impl Names {
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
                let list = run.step(item.place()).list.as_ref();
                element = list.and_then(|list| list.element(item.item)).map(expression::value_of_json);
            }
        }
        let step = match standpoint {
            Standpoint::Run => None,
            Standpoint::Step(at) => Some(at.step),
            Standpoint::Item(item) => Some(item.step),
        };
        let calendar = step.map_or(text.calendar.as_deref(), |step| text.calendar_of(step));
        Value::from_object(Self {
            calendar: world.calendars.named(calendar).cloned(),
            text: text.clone(),
            run: run.id,
            started: run.started.clone(),
            began: run.began,
            now,
            zone: world.zone.clone(),
            people: world.people.clone(),
            calendars: world.calendars.clone(),
            url: world.url.clone(),
            steps: run.top.steps.clone(),
            inner: run.inner.clone(),
            error: run.top.error.clone(),
            joined: run.joined.clone(),
            standpoint,
            taken_back,
            attempt,
            element,
            asked: more_time(run, standpoint),
            brought: None,
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
            origin: None,
        };
        Self {
            calendar: world.calendars.named(text.calendar.as_deref()).cloned(),
            text: text.clone(),
            run: RunId::from_number(0),
            started: Arc::new(started),
            began: now,
            now,
            zone: world.zone.clone(),
            people: world.people.clone(),
            calendars: world.calendars.clone(),
            url: None,
            steps: Arc::default(),
            inner: Arc::default(),
            error: None,
            joined: vec![],
            standpoint: Standpoint::Run,
            taken_back: None,
            attempt: None,
            element: None,
            asked: None,
            brought: None,
            input: OnceLock::new(),
            values: Mutex::new(vec![]),
            lets: OnceLock::new(),
        }
    }

    fn place(&self) -> Option<StepAt> {
        match self.standpoint {
            Standpoint::Run => None,
            Standpoint::Step(at) => Some(at),
            Standpoint::Item(item) => Some(item.place()),
        }
    }

    /// The scope an expression stands in, then those around it, up to the one below the run.
    fn around(&self) -> impl Iterator<Item = (ScopeNo, &ScopeState)> {
        let of = |no: ScopeNo| self.inner.get(&no).map(|scope| (no, scope.as_ref()));
        let own = self.place().and_then(|place| of(place.scope));
        std::iter::successors(own, move |(_, scope)| of(scope.holder?.scope))
    }

    /// The steps whose own names hold here: the expression's, then those that hold it.
    fn own_steps(&self) -> impl Iterator<Item = StepNo> {
        let holders = self.around().filter_map(|(_, scope)| Some(scope.holder?.step));
        self.place().map(|place| place.step).into_iter().chain(holders)
    }

    fn state(&self, at: StepAt) -> Option<&Arc<StepState>> {
        if at.scope.is_run() {
            self.steps.get(at.step.index())
        } else {
            self.inner.get(&at.scope)?.step(at.step)
        }
    }

    /// Names of the step's own `let`, then of those that hold it, then of the file's, each worked out once and only if
    /// it is read. A name may read those above it: while one is being worked out it is not yet there, so a circle ends
    /// as an unknown name.
    fn let_named(self: &Arc<Self>, name: &str) -> Option<Value> {
        let steps = self.own_steps().map(|no| &*self.text.step(no).lets);
        let all = steps.chain(std::iter::once(&*self.text.lets)).flatten();
        let (place, found) = all.enumerate().find(|(_, given)| &*given.name == name)?;
        let count = || {
            let own: usize = self.own_steps().map(|no| self.text.step(no).lets.len()).sum();
            own + self.text.lets.len()
        };
        let known = self.lets.get_or_init(|| (0..count()).map(|_| OnceLock::new()).collect());
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

    fn step_value(self: &Arc<Self>, at: StepAt) -> Option<Value> {
        self.state(at)?;
        let mut known = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, value)) = known.iter().find(|(step, _)| *step == at.step) {
            return Some(value.clone());
        }
        let value = self.work_out(at);
        known.push((at.step, value.clone()));
        Some(value)
    }

    fn work_out(&self, at: StepAt) -> Value {
        let reader = Reader {
            text: &self.text,
            people: &self.people,
            inner: &self.inner,
            step: at.step,
            now: self.now,
            zone: &self.zone,
            own: self.own_scope(at),
        };
        let each = self.text.step(at.step).each.is_some();
        if let Some(done) = self.taken_back.as_ref().filter(|done| done.of.place() == at && !each) {
            return Value::from_object(reader.of_done(done));
        }
        let Some(now) = self.state(at) else { return expression::empty() };
        reader.value(now, self.readable(at))
    }

    /// The scope of the step's one item, where the words are that item's own: its `pause` asks what it holds.
    fn own_scope(&self, at: StepAt) -> Option<ScopeNo> {
        let Standpoint::Item(item) = self.standpoint else { return None };
        let own = item.place() == at && !item.undo && self.text.step(at.step).each.is_none();
        let now = self.state(at).filter(|state| own && !state.is_over())?;
        now.items.first()?.scope
    }

    /// The latest round that is over; closing sections and undos read all steps as they stand.
    fn readable(&self, at: StepAt) -> Option<Arc<StepState>> {
        let state = self.state(at)?;
        let as_it_stands = match self.standpoint {
            Standpoint::Item(item) => item.undo || self.text.step(item.step).section != Section::Main,
            Standpoint::Step(at) => self.text.step(at.step).section != Section::Main,
            Standpoint::Run => true,
        };
        readable(state, as_it_stands)
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
            ("by", expression::person(&self.started.by, &self.people)),
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
            Standpoint::Step(at) => self.state(at).map_or(1, |state| state.round),
            Standpoint::Item(item) => item.round,
        }
    }

    /// The element of the step's own `each`, then those of the steps that hold it.
    fn element(&self, name: &str) -> Option<Value> {
        if let Some(brought) = &self.brought {
            return (*brought.name == *name || name == "item").then(|| brought.value.clone());
        }
        let is_called = |step: StepNo| {
            self.text.step(step).each.as_ref().is_some_and(|each| &*each.name == name || name == "item")
        };
        if let Some(place) = self.place().filter(|place| is_called(place.step)) {
            return self.element.clone().map(|value| self.one_of(place.step, value));
        }
        let holder =
            |scope: &ScopeState| scope.holder.map(|holder| holder.step).filter(|step| is_called(*step));
        let (holder, holding) = self.around().find_map(|(_, scope)| Some((holder(scope)?, scope)))?;
        let value = holding.element.as_ref().map(|raw| expression::value_of_json(raw.get()));
        value.map(|value| self.one_of(holder, value))
    }

    /// An element of a step's `each`, with its people as people.
    fn one_of(&self, step: StepNo, value: Value) -> Value {
        match row_of_each(&self.text, step) {
            Some(row) => people::read(value, row, &self.people),
            None => expression::with_person(value, &self.people),
        }
    }

    fn loop_value(&self) -> Option<Value> {
        if let Some(brought) = &self.brought {
            return Some(place_in_list(brought.at, brought.length));
        }
        let own = match self.standpoint {
            Standpoint::Item(item) => Some(item),
            Standpoint::Run | Standpoint::Step(_) => None,
        };
        let holders = self.around().filter_map(|(_, scope)| scope.holder);
        let mut items = own.into_iter().chain(holders);
        let item = items.find(|item| self.text.step(item.step).each.is_some()).or(own)?;
        Some(place_in_list(item.item as usize, self.state(item.place())?.items.len()))
    }

    fn workflow_value(&self) -> Value {
        map([
            ("name", Value::from(self.text.name.as_ref())),
            ("title", Value::from(self.text.title.as_str())),
        ])
    }
}

/// The fields with which more time was asked for, where a task or a step is about that.
fn more_time(run: &Run, standpoint: Standpoint) -> Option<Value> {
    let Standpoint::Item(item @ Item { rung: Some(DueRung(n, EXTENDS | GRANTS)), .. }) = standpoint else {
        return None;
    };
    let clock = run.item(item.main())?.clock.as_ref()?;
    let asked = clock.asked.iter().find(|asked| asked.n == n)?;
    Some(expression::value_of_json(asked.fields.get()))
}

/// What `loop` says.
fn place_in_list(at: usize, length: usize) -> Value {
    map([
        ("index", Value::from(at + 1)),
        ("index0", Value::from(at)),
        ("first", Value::from(at == 0)),
        ("last", Value::from(at + 1 == length)),
        ("length", Value::from(length)),
    ])
}

/// One element of the list of a trigger's `each`.
#[derive(Clone, Debug)]
pub struct Brought {
    pub name: Arc<str>,
    pub value: Value,
    pub at: usize,
    pub length: usize,
}

/// What the `with` of a trigger with `each` sees.
#[must_use]
pub fn of_element(
    text: &Arc<Workflow>,
    world: &World,
    now: Millis,
    trigger: &serde_json::Value,
    brought: Brought,
) -> Value {
    let scope = Names::before_start(text, world, now, None, Some(Raw::from(trigger)));
    Value::from_object(Names { brought: Some(brought), ..scope })
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
    Value::from_object(Names::before_start(text, world, now, input, trigger.map(Raw::from)))
}

impl Object for Names {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        let asked = self.asked.as_ref().and_then(|asked| asked.get_attr(name).ok());
        if let Some(value) = asked.filter(|value| !value.is_undefined()) {
            return Some(value);
        }
        if let Some(value) = self.let_named(name) {
            return Some(value);
        }
        match name {
            "input" => {
                let read = || {
                    let input = expression::value_of_text(self.started.input.clone());
                    people::read(input, &self.text.input, &self.people)
                };
                Some(self.input.get_or_init(read).clone())
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
            expression::CALENDAR => self.calendar.clone().map(expression::calendar_value),
            "now" => Some(self.instant(Some(self.now))),
            "today" => Some(self.now.timestamp().map_or_else(expression::empty, |now| {
                Value::from(now.to_zoned(self.zone.clone()).date().to_string())
            })),
            expression::PEOPLE => Some(Value::from_object(expression::House {
                people: self.people.clone(),
                calendars: self.calendars.clone(),
                at: self.now,
                zone: self.zone.clone(),
            })),
            _ => self.element(name),
        }
    }
}

/// `step`: the ids of the steps beside the one that asks and around it, in its section and in the main one.
#[derive(Debug)]
struct Steps(Arc<Names>);

impl Object for Steps {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let id = key.as_str()?;
        let own = self.0.place();
        let text = &self.0.text;
        let section = own.map_or(Section::Main, |place| text.step(place.step).section);
        let here = |no: StepNo| {
            let holder = text.step(no).holder;
            match holder {
                None => Some(ScopeNo::RUN),
                Some(_) => self.0.around().find(|(_, scope)| scope.holder_step() == holder).map(|(no, _)| no),
            }
        };
        let named = |wanted: Section| {
            let is = |step: &crate::plan::Step| &*step.id == id && step.section == wanted;
            let mut all = text.numbers().filter(|no| is(text.step(*no)));
            all.find_map(|step| here(step).map(|scope| StepAt { step, scope }))
        };
        self.0.step_value(named(section).or_else(|| named(Section::Main))?)
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
            Standing::Slot { .. } => "slot",
            Standing::Listening { .. } => "listening",
            Standing::Holding { .. } => "open",
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
