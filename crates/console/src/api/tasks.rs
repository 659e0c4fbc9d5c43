//! Tasks: listed, shown with their form, claimed, given back, answered, settled.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use yizhan_engine::live;
use yizhan_engine::store::{self, TaskFilter};
use yizhan_workflow::id::{Attempt, RunId, TaskId};
use yizhan_workflow::people::Present;
use yizhan_workflow::run::event::{Event, Raw, Verdict};

use super::runs::run_named;
use super::{PageOf, acting};
use crate::body::{Answer, Asked, Given, Named};
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::view::{Listing, Look, TaskRow, TaskView, attempt_of, task_row, task_view};

/// How an answer came in, for the journal.
const VIA: &str = "api";

#[derive(Debug, Deserialize)]
pub(crate) struct Filter {
    who: Option<String>,
    run: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

pub(crate) async fn list(
    State(desk): State<Arc<Desk>>,
    Asked(asked): Asked<Filter>,
) -> Result<Answer<Listing<TaskRow>>, Refusal> {
    let page = PageOf { limit: asked.limit, cursor: asked.cursor };
    let world = desk.shared().world();
    let now = desk.shared().now();
    let who = asked.who.map(|who| belongs_to(&world.people_at(now), &who));
    let rows = desk.read(move |desk| {
        let run = asked.run.map(|name| run_named(desk, &name)).transpose()?;
        Ok(desk.reads().tasks(&TaskFilter { run, who }, page.cursor.as_deref(), page.limit())?)
    });
    let rows = rows.await?;
    let items = rows.rows.iter().map(|row| task_row(row, now)).collect();
    Ok(Answer(Listing { items, next: rows.next }))
}

/// A person with all that names them or somebody they stand in for; another word as it stands.
fn belongs_to(people: &Present<'_>, who: &str) -> Vec<String> {
    if who.contains(':') && !who.starts_with("person:") {
        return vec![who.to_owned()];
    }
    let words = people.words_of(who);
    if words.is_empty() { vec![who.to_owned()] } else { words }
}

fn no_such(name: &str) -> Refusal {
    Refusal::NoSuch { kind: "task", name: name.to_owned() }
}

fn row_named(desk: &Desk, name: &str) -> Result<(store::TaskRow, Attempt), Refusal> {
    let id: TaskId = name.parse().map_err(|_| no_such(name))?;
    let row = desk.reads().task(&id)?.ok_or_else(|| no_such(name))?;
    let of = attempt_of(&row).ok_or(Refusal::Bug)?;
    Ok((row, of))
}

pub(crate) async fn show(
    State(desk): State<Arc<Desk>>,
    Named(name): Named<String>,
) -> Result<Answer<TaskView>, Refusal> {
    let view = desk.read(move |desk| {
        let (row, of) = row_named(desk, &name)?;
        let loaded = live::load(row.run, desk.reads())?;
        let text = desk.shared().library.text(loaded.run.text(), desk.reads())?;
        let (world, now) = (desk.shared().world(), desk.shared().now());
        task_view(&row, of, &Look { run: &loaded.run, text: &text, world: &world, now })
    });
    view.await.map(Answer)
}

/// What a doing answers: the run it changed.
fn changed(run: RunId) -> Answer<Json> {
    Answer(json!({ "run": run.to_string() }))
}

/// Finds the task, and has `event` decided about it. One that is over has been dealt with; it is not unknown.
async fn act(
    desk: &Arc<Desk>,
    name: String,
    event: impl FnOnce(Attempt) -> Event,
) -> Result<Answer<Json>, Refusal> {
    if name.parse::<TaskId>().is_err() {
        return Err(no_such(&name));
    }
    let found = desk.read(move |desk| row_named(desk, &name)).await;
    if let Err(Refusal::NoSuch { .. }) = found {
        return Err(Refusal::DealtWith("the task is not open".to_owned()));
    }
    let (row, of) = found?;
    desk.engine.act(row.run, event(of)).await?;
    Ok(changed(row.run))
}

#[derive(Debug, Deserialize)]
pub(crate) struct By {
    by: Option<String>,
}

pub(crate) async fn claim(
    State(desk): State<Arc<Desk>>,
    Named(name): Named<String>,
    Given(given): Given<By>,
) -> Result<Answer<Json>, Refusal> {
    let by = acting(given.by.as_deref(), &desk.shared().world())?.into();
    act(&desk, name, |of| Event::Claimed { of, by, via: VIA.into() }).await
}

pub(crate) async fn release(
    State(desk): State<Arc<Desk>>,
    Named(name): Named<String>,
    Given(given): Given<By>,
) -> Result<Answer<Json>, Refusal> {
    let by = acting(given.by.as_deref(), &desk.shared().world())?.into();
    act(&desk, name, |of| Event::Released { of, by, via: VIA.into() }).await
}

#[derive(Debug, Deserialize)]
pub(crate) struct Answering {
    by: Option<String>,
    /// As they came, so that no digit of a number is lost.
    #[serde(default)]
    fields: Option<Raw>,
}

pub(crate) async fn answer(
    State(desk): State<Arc<Desk>>,
    Named(name): Named<String>,
    Given(given): Given<Answering>,
) -> Result<Answer<Json>, Refusal> {
    let by = acting(given.by.as_deref(), &desk.shared().world())?.into();
    let fields = object(given.fields)?;
    act(&desk, name, |of| Event::Answered { of, by, via: VIA.into(), fields }).await
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Word {
    Happened,
    Again,
    Skip,
    Fail,
    Leave,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Settling {
    by: Option<String>,
    verdict: Word,
    #[serde(default)]
    values: Option<Raw>,
}

pub(crate) async fn settle(
    State(desk): State<Arc<Desk>>,
    Named(name): Named<String>,
    Given(given): Given<Settling>,
) -> Result<Answer<Json>, Refusal> {
    let world = desk.shared().world();
    let by: Arc<str> = acting(given.by.as_deref(), &world)?.into();
    let verdict = match given.verdict {
        Word::Happened => Verdict::Happened { values: object(given.values)? },
        Word::Skip => Verdict::Skip { values: object(given.values)? },
        Word::Again => Verdict::Again {},
        Word::Fail => Verdict::Fail {},
        Word::Leave => Verdict::Leave {},
    };
    act(&desk, name, |of| Event::Settled { of, by, verdict }).await
}

/// Nothing given is an object without fields.
pub(super) fn object(given: Option<Raw>) -> Result<Raw, Refusal> {
    match given {
        None => Ok(Raw::from(&json!({}))),
        Some(given) if given.get().starts_with('{') => Ok(given),
        Some(_) => Err(Refusal::Unreadable("`fields`, `values` and `payload` are objects".to_owned())),
    }
}
