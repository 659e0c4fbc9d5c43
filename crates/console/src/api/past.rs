//! A task that is over, for whoever it was asked of, answered it, or may look at its case: what became of it, and to whoever
//! answered it their own answer.

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yizhan_engine::store::{self, RunRow, TaskEnd};
use yizhan_workflow::id::{Attempt, Millis, RunId, TaskId};
use yizhan_workflow::people::bare;
use yizhan_workflow::people::rights::Role;
use yizhan_workflow::plan::Workflow;
use yizhan_workflow::run::Line;
use yizhan_workflow::run::event::{Event, Raw};
use yizhan_workflow::run::sight::HIDDEN;

use super::runs::may_look;
use super::tasks::is_theirs;
use super::{Looking, PageOf, Words, in_a_list, keeps_to_itself};
use crate::body::{Answer, Asked, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::view::{Exact, Listing, attempt_of, each_line, json_of};

/// So many lines are looked through for an answer.
const LINES_MOST: u32 = 20_000;

pub(crate) struct Past {
    pub title: String,
    /// The case in a line: what it is about, and which one.
    pub case: String,
    pub end: TaskEnd,
    /// Whoever looks answered it.
    pub own: bool,
    /// What they answered, and the step and text by which it has its words.
    pub answer: Option<(Raw, Arc<str>, Arc<Workflow>)>,
    /// Its case, for whoever may look at it.
    pub run: Option<RunId>,
}

/// None: there is no such task, it is open, or it is not for this caller to see.
pub(crate) async fn past(desk: &Arc<Desk>, caller: &Caller, name: &str) -> Result<Option<Past>, Refusal> {
    let Ok(id) = name.parse::<TaskId>() else { return Ok(None) };
    let caller = caller.clone();
    desk.read(move |desk| {
        let Some((row, end)) = desk.reads().past_task(&id)? else { return Ok(None) };
        let views = caller.rights.may(Role::Viewer, &row.workflow);
        let own = answered(&caller, &row, &end);
        if !views && !own && !is_theirs(desk, &caller, &row, Role::Viewer) {
            return Ok(None);
        }
        told(desk, &caller, (row, end), own).map(Some)
    })
    .await
}

/// Whether whoever asks answered it.
fn answered(caller: &Caller, row: &store::TaskRow, end: &TaskEnd) -> bool {
    let by = end.by.as_deref().filter(|_| end.state == store::TaskState::Answered);
    let own = caller.person().is_some_and(|own| by.is_some_and(|by| bare(by) == own));
    own && caller.rights.lets(Role::Viewer, &row.workflow)
}

fn told(
    desk: &Desk,
    caller: &Caller,
    (row, end): (store::TaskRow, TaskEnd),
    own: bool,
) -> Result<Past, Refusal> {
    let run = run_of(desk, &row)?;
    let text = desk.shared().library.text(&run.text, desk.reads())?;
    let (title, case) = words(desk, caller, (&row, &run), own)?;
    let of = attempt_of(&row).filter(|_| own);
    let given = of.map(|of| answer_to(desk, row.run, of)).transpose()?.flatten();
    Ok(Past {
        title,
        case,
        own,
        answer: given.map(|given| (given, row.step.clone(), text)),
        run: may_look(caller, &run.workflow, &run.by).then_some(row.run),
        end,
    })
}

/// A task that is over.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct PastView {
    title: String,
    /// The case in a line.
    case: String,
    /// `answered`, `decided` by its due time, or `withdrawn`.
    state: String,
    outcome: Option<String>,
    /// Who answered; else whoever had claimed it.
    by: Option<String>,
    at: String,
    /// Whoever asks answered it.
    own: bool,
    /// What they answered; nobody else sees it here.
    #[schema(value_type = Exact)]
    answer: Option<Exact>,
    /// Its run, for whoever may look at it.
    run: Option<String>,
}

/// A task that is over; null where there is none of this name, it is open, or it is not for whoever asks.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct PastTask {
    past: Option<PastView>,
}

pub(crate) async fn show(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
) -> Result<Answer<PastTask>, Refusal> {
    let past = past(&desk, &caller, &name).await?.map(|past| PastView {
        title: past.title,
        case: past.case,
        state: past.end.state.word().to_owned(),
        outcome: past.end.outcome.as_deref().map(str::to_owned),
        by: past.end.by.as_deref().map(str::to_owned),
        at: past.end.at.to_string(),
        own: past.own,
        answer: past.answer.map(|(given, ..)| json_of(&given)),
        run: past.run.map(|run| run.to_string()),
    });
    Ok(Answer(PastTask { past }))
}

/// A task that whoever asks answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct OwnAnswerView {
    id: String,
    title: String,
    /// The case in a line.
    case: String,
    workflow: String,
    outcome: Option<String>,
    at: String,
}

pub(crate) async fn list(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Asked(page): Asked<PageOf>,
) -> Result<Answer<Listing<OwnAnswerView>>, Refusal> {
    let cursor = page.cursor.clone().unwrap_or_default();
    let (all, next) = answers(&desk, &caller, (&cursor, page.limit()), |_| true).await?;
    let view = |one: OwnAnswer| OwnAnswerView {
        id: one.id.to_string(),
        title: one.title,
        case: one.case,
        workflow: one.workflow.to_string(),
        outcome: one.end.outcome.as_deref().map(str::to_owned),
        at: one.end.at.to_string(),
    };
    Ok(Answer(Listing { items: all.into_iter().map(view).collect(), next }))
}

/// A task that whoever looks answered, as a list shows it.
pub(crate) struct OwnAnswer {
    pub id: TaskId,
    pub title: String,
    pub case: String,
    pub workflow: Arc<str>,
    pub end: TaskEnd,
}

/// What a person answered, the newest first, and behind which place it goes on.
pub(crate) async fn answers(
    desk: &Arc<Desk>,
    caller: &Caller,
    (after, most): (&str, usize),
    fits: impl Fn(&OwnAnswer) -> bool + Send + 'static,
) -> Result<(Vec<OwnAnswer>, Option<String>), Refusal> {
    let Some(own) = caller.person().map(|own| format!("person:{own}")) else { return Ok((vec![], None)) };
    let after = match after {
        "" => None,
        after => Some(
            place(after).ok_or_else(|| Refusal::Address(format!("`{after}` is no place in this list")))?,
        ),
    };
    let caller = caller.clone();
    desk.read(move |desk| {
        let before = after.as_ref().map(|(at, id)| (*at, id));
        let (found, last) = desk.reads().answers_of(&own, before, most)?;
        let next = last.map(|(at, id)| format!("{}.{id}", at.0));
        let mut all = Vec::with_capacity(found.len());
        for (row, end) in found.into_iter().filter(|(row, _)| caller.rights.lets(Role::Viewer, &row.workflow))
        {
            let (title, case) = words(desk, &caller, (&row, &run_of(desk, &row)?), true)?;
            all.push(OwnAnswer { id: row.id, title, case, workflow: row.workflow, end });
        }
        all.retain(&fits);
        Ok((all, next))
    })
    .await
}

/// `1795312800000.task_…`.
fn place(text: &str) -> Option<(Millis, TaskId)> {
    let (at, id) = text.split_once('.')?;
    Some((Millis(at.parse().ok()?), id.parse().ok()?))
}

fn run_of(desk: &Desk, row: &store::TaskRow) -> Result<RunRow, Refusal> {
    let no_such = || Refusal::NoSuch { kind: "run", name: row.run.to_string() };
    desk.reads().row(row.run)?.ok_or_else(no_such)
}

/// Its title, and its case in a line, as far as they are for whoever looks. The title is of the day when the task was
/// opened: what was private then and is corrected now nobody can veil any more. So where the case keeps anything from whoever
/// looks, a title with values is for whoever answered it alone.
fn words(
    desk: &Desk,
    caller: &Caller,
    (row, run): (&store::TaskRow, &RunRow),
    own: bool,
) -> Result<(String, String), Refusal> {
    let looking = Looking::default();
    let by = looking.name(caller, &desk.shared().world())?;
    let words = |words| in_a_list(desk, row.run, looking.viewer(&by, caller, &row.workflow), words);
    let all = desk.shared().library.workflows();
    let text = all.get(&*row.workflow).and_then(|entry| entry.workflow.as_ref());
    let workflow = text.map_or_else(|| row.workflow.to_string(), |text| text.title.clone());
    let case = match &run.key {
        Some(key) => format!("{workflow} · {}", words(Words::Key(key))),
        None => workflow,
    };
    let keeps = || keeps_to_itself(desk, run, looking.viewer(&by, caller, &row.workflow));
    let title = if own {
        row.title.to_string()
    } else if keeps() && has_values(desk, run, &row.step) {
        HIDDEN.to_owned()
    } else {
        words(Words::Title(&row.title))
    };
    Ok((title, case))
}

/// Whether the title of this step may differ from case to case; where its text is not to be had, it may.
fn has_values(desk: &Desk, run: &RunRow, step: &str) -> bool {
    let text = desk.shared().library.text(&run.text, desk.reads());
    let title = |text: Arc<Workflow>| {
        let at = text.steps.iter().find(|one| &*one.id == step)?;
        at.title.as_ref().map(|title| title.is_literal())
    };
    text.ok().and_then(title) != Some(true)
}

/// As it was given: a later round of the step does not change what somebody said in this one.
fn answer_to(desk: &Desk, run: RunId, of: Attempt) -> Result<Option<Raw>, Refusal> {
    let mut found = None;
    each_line(desk.reads(), run, (0, LINES_MOST), |line| {
        if let Ok(Line { event, .. }) = serde_json::from_slice(&line.body)
            && let Event::Answered { of: one, fields, .. } | Event::AnsweredFor { of: one, fields, .. } =
                event
            && one == of
        {
            found = Some(fields);
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}
