//! Finds what a line of a test names: a run among several, an item in it, and how it stands.

use serde_json::{Value as Json, json};
use yizhan_workflow::id::{Attempt, Item, ScopeNo, StepAt};
use yizhan_workflow::run::event::{EndState, ItemEnd, Standing, StepEnd};
use yizhan_workflow::run::state::{At, ItemState, Phase, Run, StepPhase};
use yizhan_workflow::testing::{Case, FORM_STEPS, Segment, StepPath};

use super::{Miss, Trial, number};
use crate::rehearsal::house::Member;

/// A step of a run, and an item of it where one is named.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub(super) run: usize,
    pub(super) at: StepAt,
    pub(super) item: Option<u32>,
    undo: bool,
}

impl Trial<'_, '_> {
    /// The run that a line means: the first of the workflow, or the last one with what is said of it.
    pub(super) fn case(&self, case: &Case) -> Result<usize, Miss> {
        let own = &self.stage.own.name;
        let workflow = case.workflow.as_ref().unwrap_or(own);
        let is_it = |member: &Member| {
            let started = &member.run.started;
            started.workflow == *workflow && (case.key.is_none() || started.key == case.key)
        };
        let runs = &self.house.runs;
        let found = match case.workflow.is_none() && case.key.is_none() {
            // A start form that waits for a person is not the case yet.
            true => {
                let begun = |member: &Member| is_it(member) && member.text.completes.is_none();
                runs.iter().position(begun).or_else(|| runs.iter().position(is_it))
            }
            false => runs.iter().rposition(is_it),
        };
        found.ok_or_else(|| Miss::NoRun { workflow: workflow.to_string(), runs: self.runs() })
    }

    /// The runs that there are, in a few words each.
    pub(super) fn runs(&self) -> Vec<String> {
        let one = |member: &Member| {
            let key = member.run.started.key.as_ref().map(|key| format!(" ({key})")).unwrap_or_default();
            format!("{}{key}: {}", member.run.started.workflow, state_of(&member.run))
        };
        self.house.runs.iter().map(one).collect()
    }

    pub(super) fn spot(&self, case: &Case, path: &StepPath) -> Result<Spot, Miss> {
        let no_such = || Miss::NoSuchItem { step: path.written.to_string() };
        let first = path.runs.first().and_then(|run| run.first()).ok_or_else(no_such)?;
        let is_form = FORM_STEPS.contains(&&*first.step) && self.stage.own.step_named(&first.step).is_none();
        let mut run = match self.house.runs.iter().position(|member| member.text.completes.is_some()) {
            Some(form) if is_form => form,
            Some(_) | None => self.case(case)?,
        };
        let (last, above) = path.runs.split_last().ok_or_else(no_such)?;
        for segments in above {
            let spot = self.within(run, segments).ok_or_else(no_such)?;
            run = self.child_of(&spot).ok_or_else(no_such)?;
        }
        self.within(run, last).ok_or_else(no_such)
    }

    /// The run that a step began last.
    fn child_of(&self, spot: &Spot) -> Option<usize> {
        let parent = self.house.runs[spot.run].run.id;
        self.house.runs.iter().rposition(|member| {
            let above = member.run.started.above().filter(|above| above.run == parent);
            above.is_some_and(|above| {
                above.of.item.place() == spot.at && spot.item.is_none_or(|item| item == above.of.item.item)
            })
        })
    }

    fn within(&self, run: usize, segments: &[Segment]) -> Option<Spot> {
        let member = &self.house.runs[run];
        let undo = segments.len() > 1 && segments.last().is_some_and(|last| &*last.step == "undo");
        let segments = if undo { &segments[..segments.len() - 1] } else { segments };
        let (last, above) = segments.split_last()?;
        let step = member.text.step_named(&last.step)?;
        let mut scope = ScopeNo::RUN;
        for segment in above {
            let at = StepAt { step: member.text.step_named(&segment.step)?, scope };
            scope = scope_of(&member.run, at, segment.item.unwrap_or(0))?;
        }
        // Without what holds it a step means the one that is open, else the latest.
        if above.is_empty() && member.text.step(step).holder.is_some() {
            let here =
                |(no, _): &(ScopeNo, _)| member.run.scope(*no).is_some_and(|own| own.step(step).is_some());
            let all: Vec<ScopeNo> = member.run.every_scope().filter(here).map(|(no, _)| no).collect();
            let is_open =
                |no: &&ScopeNo| member.run.step(StepAt { step, scope: **no }).phase == StepPhase::Open;
            scope = *all.iter().find(is_open).or(all.last())?;
        }
        Some(Spot { run, at: StepAt { step, scope }, item: last.item, undo })
    }

    /// The item, the only one where none is named.
    fn item(&self, spot: &Spot) -> Item {
        let round = self.house.runs[spot.run].run.step(spot.at).round;
        Item { undo: spot.undo, ..spot.at.item(round, spot.item.unwrap_or(0)) }
    }

    pub(super) fn state(&self, spot: &Spot) -> Option<&ItemState> {
        self.house.runs[spot.run].run.item(self.item(spot))
    }

    pub(super) fn standing(&self, spot: &Spot) -> Option<(Attempt, Standing)> {
        match &self.state(spot)?.at {
            At::Is(standing) => {
                let of = Attempt { item: self.item(spot), attempt: standing.attempt()? };
                Some((of, standing.clone()))
            }
            At::Over(_) => None,
        }
    }

    pub(super) fn no_task(&self, spot: &Spot, step: &StepPath) -> Miss {
        Miss::NoTask { step: step.written.to_string(), stands: self.stands(spot), open: self.open_tasks() }
    }

    pub(super) fn not_so(&self, spot: &Spot, step: &StepPath) -> Miss {
        Miss::NotSo { step: step.written.to_string(), stands: self.stands(spot) }
    }

    /// Every task that is open, with whom it asks.
    pub(super) fn open_tasks(&self) -> Vec<String> {
        let mut open = Vec::new();
        for member in &self.house.runs {
            for (item, state) in member.run.standing_items() {
                if let At::Is(Standing::Asked { task, .. }) = &state.at {
                    let path = member.run.path_of(&member.text, item.place());
                    open.push(format!("{path} ({})", task.who.join(", ")));
                }
            }
        }
        open
    }

    /// How a step stands, in a word.
    pub(super) fn stands(&self, spot: &Spot) -> String {
        let member = &self.house.runs[spot.run];
        let state = member.run.step(spot.at);
        let by_step = match state.phase {
            StepPhase::Waiting if member.run.is_over() => "never",
            StepPhase::Waiting => "waiting",
            StepPhase::Open => "open",
            StepPhase::Over(StepEnd::Done) => "done",
            StepPhase::Over(StepEnd::Skipped) => "skipped",
            StepPhase::Over(StepEnd::Failed) => "failed",
        };
        let one = spot.item.is_some() || state.items.len() == 1;
        match self.state(spot).map(|state| &state.at).filter(|_| one) {
            None => by_step.to_owned(),
            Some(At::Over(end)) => match end {
                ItemEnd::Done => "done",
                ItemEnd::Skipped => "skipped",
                ItemEnd::Failed => "failed",
                ItemEnd::Dropped => "dropped",
            }
            .to_owned(),
            Some(At::Is(standing)) => word_of(standing).to_owned(),
        }
    }

    /// What is known of a step by a name of ours.
    pub(super) fn of_step(&self, spot: &Spot, name: &str) -> Json {
        let run = &self.house.runs[spot.run].run;
        let (step, state) = (run.step(spot.at), self.state(spot));
        match name {
            "round" => number(step.round),
            "items" => number(step.items.len() as u64),
            "state" => {
                match state.map(|state| &state.at).filter(|_| step.items.len() == 1 || spot.item.is_some()) {
                    Some(At::Is(_)) => json!("open"),
                    _ => json!(self.stands(spot).replace("never", "waiting")),
                }
            }
            "outcome" => json!(state.and_then(|state| state.outcome.as_deref())),
            "late" => json!(state.is_some_and(|state| state.late)),
            "by" => json!(state.and_then(|state| state.by.as_deref())),
            "claimed" => json!(state.and_then(|state| state.claimed.as_deref())),
            "due" => json!(state.and_then(|state| state.due).map(|due| self.told(due))),
            "output" => {
                let output = state.and_then(|state| state.output.as_ref());
                output.map_or(Json::Null, |output| serde_json::from_str(output.get()).unwrap_or_default())
            }
            _ => Json::Null,
        }
    }

    /// What is known of a run by a name of ours.
    pub(super) fn of_run(&self, run: usize, name: &str) -> Json {
        let run = &self.house.runs[run].run;
        let (outcome, output) = match &run.top.phase {
            Phase::Over { outcome, output, .. } => (Some(outcome), output.as_ref()),
            Phase::Open | Phase::Stopping | Phase::Finishing => (None, None),
        };
        let parsed =
            |raw: &yizhan_workflow::run::event::Raw| serde_json::from_str(raw.get()).unwrap_or_default();
        match name {
            "state" => json!(state_of(run)),
            "outcome" | "reason" => json!(outcome),
            "output" => output.map_or(Json::Null, parsed),
            "input" => parsed(&run.started.input),
            "key" => json!(run.started.key),
            _ => Json::Null,
        }
    }

    /// An instant on the house's clock.
    pub(super) fn told(&self, at: yizhan_workflow::id::Millis) -> String {
        let zone = self.stage.ground.world.zone.clone();
        at.timestamp().map_or_else(
            || at.to_string(),
            |at| {
                let local = at.to_zoned(zone);
                let form = if local.second() == 0 { "%Y-%m-%d %H:%M" } else { "%Y-%m-%d %H:%M:%S" };
                local.strftime(form).to_string()
            },
        )
    }
}

fn scope_of(run: &Run, at: StepAt, item: u32) -> Option<ScopeNo> {
    let state = run.step(at);
    state.items.get(item as usize)?.scope
}

pub(super) fn state_of(run: &Run) -> &'static str {
    match &run.top.phase {
        Phase::Open => "open",
        Phase::Stopping | Phase::Finishing => "closing",
        Phase::Over { state: EndState::Done, .. } => "done",
        Phase::Over { state: EndState::Failed, .. } => "failed",
        Phase::Over { state: EndState::Cancelled, .. } => "cancelled",
    }
}

fn word_of(standing: &Standing) -> &'static str {
    match standing {
        Standing::Queued {} => "queued",
        Standing::Running { .. } | Standing::Stopping { .. } => "running",
        Standing::Resting { .. } => "resting",
        Standing::Unknown { .. } => "unknown",
        Standing::Asking { .. } => "asking",
        Standing::Asked { .. } => "asked",
        Standing::Sleeping { .. } => "sleeping",
        Standing::Child { .. } | Standing::StoppingChild { .. } => "child",
        Standing::Slot { .. } => "slot",
        Standing::Listening { .. } => "listening",
        Standing::Holding { .. } => "holding",
    }
}
