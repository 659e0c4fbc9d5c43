//! What a case would do and by when, without anything being done.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use utoipa::ToSchema;
use yizhan_engine::intake;
use yizhan_engine::rehearsal::{Answers, Case, Dated, Rehearsal, Takes, dates, reached, rehearse};
use yizhan_workflow::id::Millis;
use yizhan_workflow::moment::{Moment, MomentText, Offset};
use yizhan_workflow::people::rights::Role;
use yizhan_workflow::plan::Workflow;
use yizhan_workflow::problem::Lang;
use yizhan_workflow::run::World;

use super::runs::{Tongue, current};
use crate::body::{Answer, Asked, Given, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::view::Exact;

/// A case as it might come.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trial {
    /// The fields of the start form.
    #[serde(default)]
    #[schema(value_type = Object)]
    input: Json,
    /// When it begins: `2026-11-23 09:00` on the house's clock, or with an offset; now where nothing is said.
    at: Option<String>,
    /// Each task takes all of its time.
    #[serde(default)]
    late: bool,
    /// What steps give, by their ids: the fields of a form or an output; a list is one for each time in turn, its last one
    /// for all that follow. What is not said is made up.
    #[serde(default)]
    #[schema(value_type = Object)]
    answers: BTreeMap<String, Json>,
    /// How long steps take, by their ids: `now`, `last` (to the last instant that is in time), or `4 workhours`, `3 workdays`, `2h`.
    #[serde(default)]
    takes: BTreeMap<String, String>,
}

/// What would happen.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct TrialView {
    /// By what the case would be known.
    key: Option<String>,
    /// One after the other: `at`, `workflow`, `within` (the step that began another case), `step`, `title`, `round`, and `what` with what
    /// belongs to it: `call`, `task`, `child`, `event`, `wait`, `due`, `rung`, `skipped`, `failed`, `late`, `back`, `asked`.
    #[schema(value_type = Vec<Object>)]
    told: Vec<Json>,
    /// Its calendar, the earliest first: `at`, `local` (the house's clock), `weekday` (1: Monday), `workdays` (since the day it began),
    /// `off` (no working day), `day` (what the calendar calls it), `guess` (of a year that the calendar does not know), `step`, `title`,
    /// and `what`: `begins`, `due`, `wait`, `comes`, `late`, `ends`, `schedule`, or what a rung does.
    #[schema(value_type = Vec<Object>)]
    dates: Vec<Json>,
    /// `open` where the walk stopped early.
    state: String,
    outcome: Option<String>,
    #[schema(value_type = Exact)]
    output: Option<Json>,
    ended: String,
    /// Why it stopped early.
    stopped: Option<String>,
}

pub(crate) async fn walk(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Asked(asked): Asked<Tongue>,
    Given(trial): Given<Trial>,
) -> Result<Answer<TrialView>, Refusal> {
    caller.must(Role::Viewer, &name)?;
    let text = current(&desk, &name)?;
    let Trial { input, at, late, answers, takes: written } = trial;
    let mut takes = BTreeMap::new();
    for (step, long) in written {
        let known = takes_of(&long).ok_or_else(|| {
            Refusal::Unreadable(format!("`{long}` is no length of time: write it as `2h` or `4 workhours`"))
        })?;
        takes.insert(step, known);
    }
    let lang = desk.language(asked.lang).lang();
    let input = if input.is_null() { json!({}) } else { input };
    let walk = Walk { input: input.to_string(), at, late, of: answers, takes, lang };
    walked(&desk, &caller, text, walk).await.map(|walked| Answer(view(&walked)))
}

/// What a case would do, and its calendar.
pub(crate) struct Walked {
    pub rehearsal: Rehearsal,
    pub dates: Vec<Dated>,
}

/// A case, and what people are taken to do in it.
pub(crate) struct Walk {
    pub input: String,
    /// When it begins; now where nothing is said.
    pub at: Option<String>,
    pub late: bool,
    pub of: BTreeMap<String, Json>,
    pub takes: BTreeMap<String, Takes>,
    pub lang: Lang,
}

pub(crate) async fn walked(
    desk: &Arc<Desk>,
    caller: &Caller,
    text: Arc<Workflow>,
    walk: Walk,
) -> Result<Walked, Refusal> {
    let Walk { input, at, late, of, takes, lang } = walk;
    let world = desk.shared().world();
    let at = match at.as_deref().map(str::trim).filter(|at| !at.is_empty()) {
        None => desk.shared().now(),
        Some(written) => begins(written, &world).ok_or_else(|| {
            Refusal::Unreadable(format!("`{written}` is no time: write it as `2026-11-23 09:00`"))
        })?,
    };
    let by = caller.acting(None, &world)?;
    // Of what the case comes to elsewhere, what may be looked at.
    let library = desk.shared().library.workflows();
    let all: Vec<Arc<Workflow>> = library.values().filter_map(|entry| entry.workflow.clone()).collect();
    let mut others = reached(&text, &all);
    others.retain(|one| caller.rights.may(Role::Viewer, &one.name));
    let answers = Answers { of, late, takes, others, lang: Some(lang), ..Answers::default() };
    desk.walk(move |_| {
        let prepared = intake::prepare(&text, &input, None, &world, at)?;
        let rehearsal = rehearse(&prepared, &by, &world, at, &answers);
        let case = Case { text: &text, others: &answers.others, world: &world, began: at };
        let dates = dates(case, &rehearsal);
        Ok(Walked { rehearsal, dates })
    })
    .await
}

/// On the house's clock where no offset says otherwise.
fn begins(written: &str, world: &World) -> Option<Millis> {
    if let Ok(instant) = written.parse::<Timestamp>() {
        return Some(Millis(instant.as_millisecond()));
    }
    let MomentText::Local(local) = Moment::parse_text(&written.replace('T', " ")).ok()? else { return None };
    Some(Millis(local.to_zoned(world.zone.clone()).ok()?.timestamp().as_millisecond()))
}

/// How long somebody takes, as it is written.
pub(crate) fn takes_of(long: &str) -> Option<Takes> {
    match long {
        "now" => Some(Takes::AtOnce),
        "last" => Some(Takes::ToTheLast),
        _ => Offset::parse(&format!("+{long}")).ok().map(|offset| Takes::After(offset.length)),
    }
}

fn view(Walked { rehearsal: walked, dates }: &Walked) -> TrialView {
    let instants = |mut said: Json| {
        said.as_object_mut().into_iter().for_each(with_instants);
        said
    };
    TrialView {
        key: walked.key.clone(),
        told: walked.told.iter().map(|told| instants(json!(told))).collect(),
        dates: dates.iter().map(|date| instants(json!(date))).collect(),
        state: walked.end.state.to_owned(),
        outcome: walked.end.outcome.clone(),
        output: walked.end.output.clone(),
        ended: walked.end.at.to_string(),
        stopped: walked.stopped.clone(),
    }
}

/// The instants of a walk, as all of the API has them.
fn with_instants(told: &mut Map<String, Json>) {
    for name in ["at", "due", "until", "on"] {
        if let Some(at) = told.get_mut(name)
            && let Some(millis) = at.as_i64()
        {
            *at = json!(Millis(millis).to_string());
        }
    }
}
