//! Clocks of what is open: stopped, let go on, given another due time, each with a reason that the ledger keeps; and more time
//! asked for. A task is named by its id; what is no task by its run and the step, or by the run alone for the run's own clock.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use utoipa::ToSchema;
use yizhan_engine::live;
use yizhan_engine::store::TaskRow;
use yizhan_workflow::id::{Attempt, Item, Millis, RunId, TaskId};
use yizhan_workflow::moment::{Moment, MomentText};
use yizhan_workflow::people::rights::Role;
use yizhan_workflow::plan::Workflow;
use yizhan_workflow::run::World;
use yizhan_workflow::run::clock::WHOLE;
use yizhan_workflow::run::event::{Event, Raw};
use yizhan_workflow::run::state::{At, ItemState, Run};

use super::ChangedView;
use super::files::{Sender, sized};
use super::runs::run_named;
use super::standing::{note_task, of_clock};
use super::tasks::{open_task, through};
use crate::body::{Answer, Form, Given, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::noted::Standing;
use crate::refusal::Refusal;

/// Characters of a reason.
const REASON_LONGEST: usize = 500;

/// What somebody does with a clock.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ClockDoing)]
pub(crate) struct Doing {
    /// Of an operator that is no person: in whose name.
    by: Option<String>,
    /// Through what, in small letters and `-`; `api` where nothing is said.
    via: Option<String>,
    /// At most 500 characters; needed to stop a clock or to move a due time.
    #[serde(default)]
    reason: String,
    /// Of a run: the step whose clock is meant, as `why` names it. None: the run's own.
    step: Option<String>,
    /// The due time that it is to have: `2026-11-30 18:00` on the house's clock, `2026-11-30` for the end of that day, or an
    /// instant.
    to: Option<String>,
    /// With which more time is asked for: those of the step's `extend.form`.
    #[schema(value_type = Option<Object>)]
    fields: Option<Json>,
}

impl Doing {
    /// As a page's form sends it.
    pub(crate) fn of_page(form: &Form) -> Self {
        Self {
            by: None,
            via: Some("console".to_owned()),
            reason: form.text("reason").to_owned(),
            step: form.word("step"),
            to: form.word("to").map(|to| to.replace('T', " ")),
            fields: None,
        }
    }
}

/// Who does it, through what, and why.
struct Said {
    by: Arc<str>,
    via: Arc<str>,
    reason: Arc<str>,
}

pub(crate) async fn pause(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Given(given): Given<Doing>,
) -> Result<Answer<ChangedView>, Refusal> {
    let Said { by, via, reason } = said(&desk, &caller, &given)?;
    act(&desk, caller, (name, given.step), |of| Event::Paused { of, by, via, reason }).await
}

pub(crate) async fn resume(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Given(given): Given<Doing>,
) -> Result<Answer<ChangedView>, Refusal> {
    let Said { by, via, reason } = said(&desk, &caller, &given)?;
    act(&desk, caller, (name, given.step), |of| Event::Resumed { of, by, via, reason }).await
}

pub(crate) async fn due(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Given(given): Given<Doing>,
) -> Result<Answer<ChangedView>, Refusal> {
    let Said { by, via, reason } = said(&desk, &caller, &given)?;
    let world = desk.shared().world();
    let to = given.to.as_deref().and_then(|to| instant(to, &world)).ok_or_else(|| {
        Refusal::Unreadable(
            "`to` is a time such as `2026-11-30 18:00`, or a day, which is due at its end".to_owned(),
        )
    })?;
    act(&desk, caller, (name, given.step), |of| Event::DueMoved { of, to, by, via, reason }).await
}

pub(crate) async fn extend(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Given(given): Given<Doing>,
) -> Result<Answer<ChangedView>, Refusal> {
    let Said { by, via, .. } = said(&desk, &caller, &given)?;
    let fields = Raw::from(&given.fields.unwrap_or_else(|| json!({})));
    let sender = Sender::of(&caller);
    let fields = desk.read(move |desk| sized(desk, &sender, fields)).await?;
    act(&desk, caller, (name, given.step), |of| Event::MoreTimeAsked { of, by, via, fields }).await
}

fn said(desk: &Desk, caller: &Caller, given: &Doing) -> Result<Said, Refusal> {
    let by = caller.acting(given.by.as_deref(), &desk.shared().world())?.into();
    let reason = given.reason.trim();
    if reason.chars().count() > REASON_LONGEST {
        return Err(Refusal::Unreadable(format!("`reason` has at most {REASON_LONGEST} characters")));
    }
    Ok(Said { by, via: through(given.via.as_deref())?, reason: reason.into() })
}

/// Finds the clock, and has `event` decided about it. What is over has been dealt with; it is not unknown.
async fn act(
    desk: &Arc<Desk>,
    caller: Caller,
    (name, step): (String, Option<String>),
    event: impl FnOnce(Attempt) -> Event,
) -> Result<Answer<ChangedView>, Refusal> {
    let asks = caller.clone();
    let named = desk.read(move |desk| {
        let (run, of, task) = clock_named(desk, &asks, &name, step.as_deref())?;
        let before = if task.is_some() { Standing::new() } else { of_clock(desk, run, of) };
        Ok((run, of, task, before))
    });
    let (run, of, task, before) = named.await?;
    desk.engine.act(run, event(of)).await?;
    match task {
        Some(row) => note_task(desk, &caller, row, None).await,
        None => {
            caller.noted.case(run);
            let after = desk.read(move |desk| Ok(of_clock(desk, run, of))).await;
            caller.noted.changed("clock", before, after.unwrap_or_default());
        }
    }
    Ok(Answer(ChangedView::of(run)))
}

fn clock_named(
    desk: &Desk,
    caller: &Caller,
    name: &str,
    step: Option<&str>,
) -> Result<(RunId, Attempt, Option<TaskRow>), Refusal> {
    if name.parse::<TaskId>().is_ok() {
        return open_task(desk, caller, name).map(|(row, of)| (row.run, of, Some(row)));
    }
    let id = run_named(desk, caller, Role::Operator, name)?;
    let loaded = live::load(id, desk.reads())?;
    let text = desk.shared().library.text(loaded.run.text(), desk.reads())?;
    Ok((id, clock_in(&loaded.run, &text, step)?, None))
}

/// The clock of the run itself, or that of a step in it.
fn clock_in(run: &Run, text: &Workflow, step: Option<&str>) -> Result<Attempt, Refusal> {
    let attempt = |item: Item, state: &ItemState| match &state.at {
        At::Is(standing) if state.has_time() && state.clock.is_some() => {
            standing.attempt().map(|attempt| Attempt { item, attempt })
        }
        At::Is(_) | At::Over(_) => None,
    };
    let Some(step) = step else {
        let whole = run.whole.as_deref().and_then(|whole| attempt(WHOLE, whole));
        return whole.ok_or_else(|| Refusal::NotNow("the run has no due time of its own".to_owned()));
    };
    let is_it = |of: Item| {
        let path = run.path_of(text, of.place());
        of != WHOLE && (path == step || format!("{path}[{}]", of.item) == step)
    };
    let all = run.standing_items().filter(|(of, _)| !of.is_beside() && is_it(*of));
    let found: Vec<Attempt> = all.filter_map(|(of, state)| attempt(of, state)).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(Refusal::NotNow("no step of that name is open and has a clock".to_owned())),
        [..] => Err(Refusal::NotNow("several of that name are open: say which, as `visit[0]`".to_owned())),
    }
}

/// A day is due at its end.
fn instant(text: &str, world: &World) -> Option<Millis> {
    let local = match Moment::parse_text(text).ok()? {
        MomentText::Instant(instant) => return Some(instant),
        MomentText::Local(local) => local,
        MomentText::Date(day) => day.tomorrow().ok()?.at(0, 0, 0, 0),
        MomentText::Length(_) | MomentText::Next(_) | MomentText::AfterToday(_) => return None,
    };
    Some(Millis(local.to_zoned(world.zone.clone()).ok()?.timestamp().as_millisecond()))
}
