//! A scope: a run itself, or an item of a step that holds steps. Where it stands, how it closes and goes back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::{EndState, Raw, RunError, given};
use super::state::StepState;
use crate::id::{Item, Millis, StepNo};
use crate::plan::Ending;

/// A run, or an item of a step that holds steps: it opens, goes back, closes and is opened again as a run is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScopeState {
    pub opening: u32,
    pub phase: Phase,
    /// The item that this scope is; the run itself has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<Item>,
    /// The element of the holding step's `each`.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub element: Option<Raw>,
    /// The number of the first step in `steps`; those that deeper scopes hold keep a place that is never used.
    #[serde(default)]
    pub first: StepNo,
    pub steps: Arc<Vec<Arc<StepState>>>,
    /// How often each way back was taken.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ways: BTreeMap<u16, u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<GoingBack>,
    /// How it closed last time it was open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closing: Option<Closing>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RunError>,
}

impl ScopeState {
    #[must_use]
    pub fn begin(holder: Option<Item>, element: Option<Raw>, first: StepNo, steps: u16) -> Self {
        // One for all: a step gets a state of its own when it changes.
        let waiting = Arc::new(StepState { round: 1, ..StepState::default() });
        Self {
            opening: 1,
            phase: Phase::Open,
            holder,
            element,
            first,
            steps: Arc::new((0..steps).map(|_| waiting.clone()).collect()),
            ways: BTreeMap::new(),
            back: None,
            closing: None,
            error: None,
        }
    }

    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over { .. })
    }

    /// The step whose item it is; the run itself has none.
    #[must_use]
    pub fn holder_step(&self) -> Option<StepNo> {
        self.holder.map(|holder| holder.step)
    }

    /// The items of its steps.
    #[must_use]
    pub fn items(&self) -> usize {
        self.steps.iter().map(|step| step.items.len()).sum()
    }

    /// A step of this scope; `None` for one of another.
    #[must_use]
    pub fn step(&self, no: StepNo) -> Option<&Arc<StepState>> {
        self.steps.get(no.index().checked_sub(self.first.index())?)
    }

    pub(super) fn step_mut(&mut self, no: StepNo) -> Option<&mut StepState> {
        let at = no.index().checked_sub(self.first.index())?;
        Arc::make_mut(&mut self.steps).get_mut(at).map(Arc::make_mut)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Open,
    /// All is being withdrawn.
    Stopping,
    /// What must be taken back is, and the closing section runs.
    Finishing,
    Over {
        state: EndState,
        outcome: Arc<str>,
        #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
        output: Option<Raw>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    pub ending: Ending,
    /// A scope whose holding step was withdrawn: it takes nothing back itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withdrawn: bool,
    pub by_step: Option<StepNo>,
    /// Where the way back led that was used up: a retry goes back there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_up: Option<StepNo>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub output: Option<Raw>,
}

/// The flow is on its way back over these steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoingBack {
    pub cover: BTreeSet<StepNo>,
    pub after_ms: i64,
    /// All is withdrawn and taken back; the pause lasts until then.
    pub until: Option<Millis>,
}
