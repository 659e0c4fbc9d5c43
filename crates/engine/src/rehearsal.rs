//! Walks a run without the world: the same `decide`, a clock that jumps, answers that are given or made up. Acts on nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value as Json;
use yizhan_workflow::id::Millis;
use yizhan_workflow::moment::Length;
use yizhan_workflow::plan::Workflow;
use yizhan_workflow::problem::Lang;
use yizhan_workflow::run::World;

use crate::intake::Prepared;
use crate::registers::Shelf;

mod dates;
pub mod house;
mod reach;
mod sample;
mod teller;
pub mod trial;
mod walk;

pub use dates::{Case, Dated, dates};
pub use reach::reached;

/// What steps answer, by their ids; a list is an answer for each time in turn, its last one for all that follow.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// Those of the steps of another workflow stand in a table of its name.
    pub of: BTreeMap<String, Json>,
    /// What the walk may come to (`reached`): their runs are walked as well, those of gathered firings in their slots.
    pub others: Vec<Arc<Workflow>>,
    /// What child runs give, by their workflows' names, where no step's answer says it.
    pub children: BTreeMap<String, Json>,
    /// Each task is answered at the last instant that is in time, not at once; one without a due time at once all the same.
    pub late: bool,
    /// Of steps of the walked workflow, by their ids: how long each takes, whatever `late` says.
    pub takes: BTreeMap<String, Takes>,
    /// Where the walk's registers stand, empty at first; without it what they give is made up.
    pub shelf: Option<fn() -> Shelf>,
    /// In which language it is said why an answer cannot be taken; in English where none is named.
    pub lang: Option<Lang>,
}

/// How long somebody takes to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    AtOnce,
    /// Until the last instant that is in time; at once where there is none.
    ToTheLast,
    /// So long, by the workflow's calendar; it may be too late then.
    After(Length),
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
    /// Whose step it is: the walked workflow, or another that it came to.
    pub workflow: Arc<str>,
    /// Of a child run the step that began it, with its own before it: `construction/refund`; of a run that began by an
    /// event its workflow. Empty of the walked run.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub within: String,
    /// With what holds it: `remind[3].flag`.
    pub step: String,
    pub title: String,
    pub round: u32,
    #[serde(flatten)]
    pub what: What,
}

impl Told {
    /// The step with what began its run before it: `construction/refund`.
    #[must_use]
    pub fn place(&self) -> String {
        match (self.within.as_str(), self.step.as_str()) {
            ("", step) => step.to_owned(),
            (within, "") => within.to_owned(),
            (within, step) => format!("{within}/{step}"),
        }
    }
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
        /// Unless the child is walked.
        #[serde(skip_serializing_if = "Option::is_none")]
        output: Option<Json>,
    },
    /// What was waited for has come.
    Event {
        event: String,
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
    walk::walk(prepared, by, (&Arc::new(world.clone()), now), answers)
}

fn parsed(json: &str) -> Json {
    serde_json::from_str(json).unwrap_or_default()
}

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod random;
#[cfg(test)]
mod tests;
