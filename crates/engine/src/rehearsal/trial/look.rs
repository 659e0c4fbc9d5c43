//! Finds what a line of a test names: a run among several, an item in it, and how it stands.

use serde_json::{Value as Json, json};
use yizhan_workflow::id::{Attempt, Item, ScopeNo, StepAt, StepNo};
use yizhan_workflow::run::clock;
use yizhan_workflow::run::event::{EndState, ItemEnd, Standing, StepEnd};
use yizhan_workflow::run::state::{At, ItemState, Phase, Run, StepPhase};
use yizhan_workflow::testing::{Case, FORM_STEPS, Segment, StepPath, WHOLE};

use super::{Miss, Trial, number};
use crate::rehearsal::house::Member;

/// A step of a run, and an item of it where one is named.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub(super) run: usize,
    pub(super) at: StepAt,
    pub(super) item: Option<u32>,
    pub(super) undo: bool,
    /// What its due time set off.
    pub(super) rung: Option<u16>,
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
        let rung = rung_of(member, segments);
        let segments = if rung.is_some() { &segments[..segments.len() - 1] } else { segments };
        let (last, above) = segments.split_last()?;
        if is_whole(member, last) {
            let at = StepAt { step: StepNo::WHOLE, scope: ScopeNo::RUN };
            return Some(Spot { run, at, item: Some(0), undo, rung });
        }
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
        Some(Spot { run, at: StepAt { step, scope }, item: last.item, undo, rung })
    }

    /// The item, the only one where none is named.
    fn item(&self, spot: &Spot) -> Item {
        let run = &self.house.runs[spot.run].run;
        let main = match spot.at.step {
            StepNo::WHOLE => clock::WHOLE,
            _ => spot.at.item(run.step(spot.at).round, spot.item.unwrap_or(0)),
        };
        let Some(rung) = spot.rung else { return Item { undo: spot.undo, ..main } };
        // Each due time sets it off once: the latest is meant.
        let is_its = |of: &Item| of.main() == main && of.rung.is_some_and(|own| own.1 == rung);
        let beside = run.beside.iter().rev().map(|beside| beside.of).find(is_its);
        beside.unwrap_or(Item { rung: Some(yizhan_workflow::id::DueRung(u16::MAX, rung)), ..main })
    }

    pub(super) fn state(&self, spot: &Spot) -> Option<&ItemState> {
        self.house.runs[spot.run].run.item(self.item(spot))
    }

    /// Each signature of an approval of which no number was said; else the one item.
    pub(super) fn spots(&self, spot: &Spot) -> impl Iterator<Item = Spot> + use<> {
        let (member, spot) = (&self.house.runs[spot.run], *spot);
        let several = spot.item.is_none() && spot.rung.is_none() && !spot.undo;
        let signers = several && member.text.step(spot.at.step).approve().is_some();
        let count = if signers { member.run.step(spot.at).items.len() } else { 0 };
        let all = (0..count).filter_map(|item| u32::try_from(item).ok());
        let each = all.map(move |item| Spot { item: Some(item), ..spot });
        each.chain((count == 0).then_some(spot))
    }

    /// The item that speaks for a step: of an approval the signature that settled it, else the first that is open.
    fn speaks(&self, spot: &Spot) -> Spot {
        let all: Vec<Spot> = self.spots(spot).collect();
        let state = |spot: &&Spot| self.state(spot);
        let settled = all.iter().find(|one| state(one).is_some_and(|state| state.outcome.is_some()));
        let open = || all.iter().find(|one| state(one).is_some_and(|state| !state.is_over()));
        settled.or_else(open).or(all.last()).copied().unwrap_or(*spot)
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
        if spot.at.step == StepNo::WHOLE && spot.rung.is_none() {
            return state_of(&member.run).to_owned();
        }
        if let Some(rung) = spot.rung {
            // Once it is over nothing is kept of it but that its time came.
            let clock = self.state(&Spot { rung: None, ..*spot }).and_then(|state| state.clock.as_ref());
            let fired = clock.is_some_and(|clock| clock.fired.contains(&rung));
            let none = if fired { "done" } else { "waiting" };
            return self.state(spot).map_or(none, |state| of_item(&state.at)).to_owned();
        }
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
            Some(at) => of_item(at).to_owned(),
        }
    }

    /// What is known of a step by a name of ours.
    pub(super) fn of_step(&self, spot: &Spot, name: &str) -> Json {
        let spot = &self.speaks(spot);
        let run = &self.house.runs[spot.run].run;
        let step = Some(spot.at).filter(|at| at.step != StepNo::WHOLE).map(|at| run.step(at));
        let (items, state) = (step.map_or(1, |step| step.items.len()), self.state(spot));
        match name {
            "round" => number(step.map_or(1, |step| step.round)),
            "items" => number(items as u64),
            "state" => match state.map(|state| &state.at).filter(|_| items == 1 || spot.item.is_some()) {
                Some(At::Is(_)) => json!("open"),
                _ => json!(self.stands(spot).replace("never", "waiting")),
            },
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

fn of_item(at: &At) -> &'static str {
    match at {
        At::Over(ItemEnd::Done) => "done",
        At::Over(ItemEnd::Skipped) => "skipped",
        At::Over(ItemEnd::Failed) => "failed",
        At::Over(ItemEnd::Dropped) => "dropped",
        At::Is(standing) => word_of(standing),
    }
}

/// The file itself, where no step has its name.
fn is_whole(member: &Member, segment: &Segment) -> bool {
    *segment.step == *WHOLE && member.text.step_named(WHOLE).is_none()
}

/// The last segment names what a due time of the step before it sets off, and no step within it.
fn rung_of(member: &Member, segments: &[Segment]) -> Option<u16> {
    let [.., step, rung] = segments else { return None };
    let no = match member.text.step_named(&step.step) {
        Some(no) => no,
        None if is_whole(member, step) => StepNo::WHOLE,
        None => return None,
    };
    let held = member.text.step_named(&rung.step).map(|inner| member.text.step(inner).holder);
    if held == Some(Some(no)) { None } else { member.text.step(no).rung_named(&rung.step, rung.item) }
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
