//! A trigger with `each`: one firing starts a run for every element of a list, and each of them is a firing of its own.

use std::ops::Range;
use std::sync::Arc;

use futures_util::StreamExt as _;
use serde_json::{Map, Value as Json};
use yizhan_workflow::expression::value_of_json;
use yizhan_workflow::id::{Millis, RunId};
use yizhan_workflow::plan::{Trigger, Workflow};
use yizhan_workflow::run::World;
use yizhan_workflow::run::list::{List, worked_out};
use yizhan_workflow::run::names::{self, Brought};

use super::{Fired, IntakeError, Prepared, accept, gathering, is_meant, object, trigger_value};
use crate::handle::{ActError, Engine, StartError, StartReply, Started};
use crate::store::{Firing, FiringOutcome, Note};

/// Starts that are on their way to the disk at once. They are asked for in the order of the list.
const AT_ONCE: usize = 16;

/// What a firing brought, element by element.
#[derive(Debug)]
pub struct Elements {
    text: Arc<Workflow>,
    world: Arc<World>,
    now: Millis,
    name: Arc<str>,
    /// What `with` sees as `trigger`.
    seen: Json,
    /// What its runs keep of it.
    kept: Map<String, Json>,
    list: List,
    length: usize,
}

/// What became of one element.
#[derive(Debug)]
pub enum Became {
    Started(RunId),
    Joined(RunId),
    /// It is kept for the run of the next slot.
    Gathered {
        repeated: bool,
    },
    /// It was dealt with when this firing came before.
    Before(Option<RunId>),
    Refused(StartError),
}

impl Became {
    #[must_use]
    pub fn run(&self) -> Option<RunId> {
        match self {
            Self::Started(run) | Self::Joined(run) => Some(*run),
            Self::Before(run) => *run,
            Self::Gathered { .. } | Self::Refused(_) => None,
        }
    }
}

/// Whether a trigger starts a run for each element of a list.
#[must_use]
pub fn has_each(text: &Workflow, trigger: &str) -> bool {
    text.trigger(trigger).is_some_and(|trigger| trigger.each.is_some())
}

impl Elements {
    /// Works the list out: `where` looks at the firing as a whole, before.
    ///
    /// # Errors
    /// When the firing is not meant, or its list cannot be worked out.
    pub fn of(
        text: &Arc<Workflow>,
        fired: &Fired<'_>,
        body: &Map<String, Json>,
        world: Arc<World>,
        now: Millis,
    ) -> Result<Self, IntakeError> {
        let no_such = || IntakeError::NoSuchTrigger(fired.trigger.to_owned());
        let trigger = text.trigger(fired.trigger).ok_or_else(no_such)?;
        let each = trigger.each.as_ref().ok_or_else(no_such)?;
        let seen = trigger_value(fired, now);
        let scope = names::before_start(text, &world, now, None, Some(&seen));
        if !is_meant(trigger, &scope, body)? {
            return Err(IntakeError::LeftOut);
        }
        let (list, length) = worked_out(&each.list, &scope).map_err(IntakeError::Expression)?;
        let kept = small(&seen);
        let (text, name, list) = (text.clone(), trigger.name.clone(), List::new(list));
        Ok(Self { text, world, now, name, seen, kept, list, length })
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The input of the run that one element starts.
    ///
    /// # Errors
    /// When the element does not fit the form.
    pub fn prepare(&self, at: usize) -> Result<Prepared, IntakeError> {
        let element = u32::try_from(at).ok().and_then(|at| self.list.element(at)).unwrap_or("null");
        let trigger =
            self.text.trigger(&self.name).ok_or_else(|| IntakeError::NoSuchTrigger(self.name.to_string()))?;
        if trigger.gather.is_some() {
            return gathering::element(&self.text, trigger, element);
        }
        let given = self.given(trigger, element, at)?;
        let mut kept = self.kept.clone();
        kept.insert("item".to_owned(), serde_json::from_str(element).unwrap_or_default());
        kept.insert("number".to_owned(), (at + 1).into());
        let kept = Some(Json::Object(kept));
        accept(&self.text, object(&given)?, kept, self.name.clone(), &self.world, self.now)
    }

    fn given(&self, trigger: &Trigger, element: &str, at: usize) -> Result<String, IntakeError> {
        let (Some(with), Some(each)) = (&trigger.with, &trigger.each) else { return Ok(element.to_owned()) };
        let (name, value) = (each.name.clone(), value_of_json(element));
        let brought = Brought { name, value, at, length: self.length };
        let scope = names::of_element(&self.text, &self.world, self.now, &self.seen, brought);
        super::given_with(trigger, with, &scope)
    }

    /// Starts the runs of some elements, in their order. An error leaves some of them undone: what has begun is known
    /// by its firing when the same comes again.
    ///
    /// # Errors
    /// When nothing is taken in just now.
    pub async fn start(
        &self,
        engine: &Engine,
        by: &Arc<str>,
        firing: Option<&Firing>,
        which: Range<usize>,
    ) -> Result<Vec<Became>, ActError> {
        let at_once = AT_ONCE.min(engine.shared.config.requests_max).max(1);
        let starts =
            futures_util::stream::iter(which).map(|at| self.start_one(engine, by.clone(), firing, at));
        let mut starts = std::pin::pin!(starts.buffered(at_once));
        let mut all = Vec::new();
        while let Some(became) = starts.next().await {
            all.push(became?);
        }
        Ok(all)
    }

    async fn start_one(
        &self,
        engine: &Engine,
        by: Arc<str>,
        firing: Option<&Firing>,
        at: usize,
    ) -> Result<Became, ActError> {
        let prepared = match self.prepare(at) {
            Ok(prepared) => prepared,
            Err(error) => return Ok(Became::Refused(error.into())),
        };
        let firing = firing.map(|whole| of_element(whole, at, whole.outcome));
        match engine.start(Started { prepared, by, firing }).await {
            Ok(StartReply::Started(run)) => Ok(Became::Started(run)),
            Ok(StartReply::Joined(run)) => Ok(Became::Joined(run)),
            Ok(StartReply::Gathered { repeated }) => Ok(Became::Gathered { repeated }),
            Err(StartError::FiredBefore { run }) => Ok(Became::Before(run)),
            Err(StartError::Act(error)) => Err(error),
            Err(error) => Ok(Became::Refused(error)),
        }
    }
}

/// The firing of one element: its number stands behind the firing's id.
fn of_element(whole: &Firing, at: usize, outcome: FiringOutcome) -> Firing {
    Firing { id: format!("{}#{}", whole.id, at + 1), outcome, ..whole.clone() }
}

/// Notes what was refused, for firings that nobody else hears of.
///
/// # Errors
/// When nothing is taken in just now.
pub async fn note_refused(engine: &Engine, whole: &Firing, all: &[Became]) -> Result<(), ActError> {
    for (at, became) in all.iter().enumerate() {
        let Became::Refused(error) = became else { continue };
        let number = at + 1;
        tracing::warn!(workflow = %whole.workflow, trigger = %whole.trigger, number, %error, "an element starts no run");
        let firing = of_element(whole, at, outcome_of(error));
        engine.note(Note::Firing(firing)).await?;
    }
    Ok(())
}

fn outcome_of(error: &StartError) -> FiringOutcome {
    match error {
        StartError::Intake(_) => FiringOutcome::Failed,
        StartError::KeyHeld { .. }
        | StartError::NoSuchWorkflow(_)
        | StartError::FiredBefore { .. }
        | StartError::Gathered { .. }
        | StartError::Act(_) => FiringOutcome::Rejected,
    }
}

/// Without the parts that may hold the whole list: a hundred thousand runs would keep a hundred thousand copies.
fn small(seen: &Json) -> Map<String, Json> {
    let mut kept = seen.as_object().cloned().unwrap_or_default();
    for large in ["body", "text", "html"] {
        kept.remove(large);
    }
    for (part, large) in [("file", "rows"), ("event", "payload")] {
        if let Some(Json::Object(part)) = kept.get_mut(part) {
            part.remove(large);
        }
    }
    kept
}
