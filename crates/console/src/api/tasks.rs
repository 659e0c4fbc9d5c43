//! Tasks: listed, shown with their form, claimed, given back, answered, settled.

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use utoipa::{IntoParams, ToSchema};
use yizhan_engine::live;
use yizhan_engine::store::{self, DraftOf, TaskFilter, TaskState};
use yizhan_workflow::id::{Attempt, RunId, TaskId};
use yizhan_workflow::people::rights::Role;
use yizhan_workflow::people::{Present, bare};
use yizhan_workflow::run::Line;
use yizhan_workflow::run::event::{Event, Raw, Verdict};

use super::files::{Sender, sized_list, sized_said};
use super::runs::run_named;
use super::standing::{note_task, settled};
use super::{ChangedView, Looking, PageOf, Words, in_a_list};
use crate::body::{Answer, Asked, Given, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::view::{
    Listing, Look, Shown, TaskRow, TaskView, attempt_of, each_line, given_before, task_row, task_view,
};

/// How an act came in, for the journal, where nothing else is said.
const VIA: &str = "api";
const VIA_LONGEST: usize = 20;

/// Through what somebody acted: `cli`, `console`, `phone`; a word that whoever sends it chooses.
pub(super) fn through(via: Option<&str>) -> Result<Arc<str>, Refusal> {
    let via = via.unwrap_or(VIA);
    let is_word = via.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    if via.is_empty() || via.len() > VIA_LONGEST || !is_word {
        return Err(Refusal::Unreadable(format!("`via` is a word of at most {VIA_LONGEST} small letters")));
    }
    Ok(via.into())
}

#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct Filter {
    /// Of this person, or as the step names somebody: `person:li.na`, `group:…`, `role:…`, `mail:…`.
    who: Option<String>,
    /// Of this run.
    run: Option<String>,
    /// Only those that are late.
    #[serde(default)]
    late: bool,
    /// How many of them at most, 1 to 500; 50 where nothing is said.
    limit: Option<usize>,
    /// `next` of the page before this one.
    cursor: Option<String>,
}

pub(crate) async fn list(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Asked(asked): Asked<Filter>,
    Asked(looking): Asked<Looking>,
) -> Result<Answer<Listing<TaskRow>>, Refusal> {
    let page = PageOf { limit: asked.limit, cursor: asked.cursor };
    let world = desk.shared().world();
    let now = desk.shared().now();
    let all = caller.rights.may_everywhere(Role::Viewer);
    let theirs = caller.person().map(str::to_owned);
    // Whoever may not look at all tasks looks at their own; of a run that they may look at, at all of its.
    let who = match (&asked.run, all) {
        (Some(_), _) | (None, true) => asked.who,
        // A token of nobody that is for some workflows alone: all tasks of those.
        (None, false) if theirs.is_none() && caller.rights.may_somewhere(Role::Viewer) => asked.who,
        (None, false) => {
            let theirs = theirs.ok_or(Refusal::NoRight { role: Role::Viewer, on: None })?;
            if asked.who.as_deref().is_some_and(|who| bare(who) != theirs) {
                return Err(Refusal::NoRight { role: Role::Viewer, on: None });
            }
            Some(theirs)
        }
    };
    let who = who.map(|who| belongs_to(&world.people_at(now), &who));
    let by = looking.name(&caller, &world)?;
    let listing = desk.read(move |desk| {
        let run = asked.run.map(|name| run_named(desk, &caller, Role::Viewer, &name)).transpose()?;
        let filter = TaskFilter { run, who, late: asked.late.then_some(now) };
        let rows = desk.reads().tasks(&filter, page.cursor.as_deref(), page.limit())?;
        let lets = rows.rows.iter().filter(|row| caller.rights.lets(Role::Viewer, &row.workflow));
        let items = lets.map(|row| {
            let viewer = looking.viewer(&by, &caller, &row.workflow);
            TaskRow {
                title: in_a_list(desk, row.run, viewer, Words::Title(&row.title)),
                ..task_row(row, now)
            }
        });
        Ok(Listing { items: items.collect(), next: rows.next })
    });
    listing.await.map(Answer)
}

/// A person with all that names them or somebody they stand in for; another word as it stands.
pub(super) fn belongs_to(people: &Present<'_>, who: &str) -> Vec<String> {
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

/// Of somebody who does something with it: a task that is over has been dealt with; it is not unknown.
pub(super) fn open_task(
    desk: &Desk,
    caller: &Caller,
    name: &str,
) -> Result<(store::TaskRow, Attempt), Refusal> {
    let id: TaskId = name.parse().map_err(|_| no_such(name))?;
    let over = || Refusal::DealtWith("the task is not open".to_owned());
    let row = desk.reads().task(&id)?.ok_or_else(over)?;
    let of = attempt_of(&row).ok_or(Refusal::Bug)?;
    if !is_theirs(desk, caller, &row, Role::Worker) {
        caller.must(Role::Operator, &row.workflow)?;
    }
    Ok((row, of))
}

pub(crate) async fn show(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Asked(asked): Asked<Looking>,
) -> Result<Answer<Shown<TaskView>>, Refusal> {
    view_for(&desk, &caller, name, asked).await.map(Answer)
}

/// A task as a caller may see it.
pub(crate) async fn view_for(
    desk: &Arc<Desk>,
    caller: &Caller,
    name: String,
    asked: Looking,
) -> Result<Shown<TaskView>, Refusal> {
    let by = asked.name(caller, &desk.shared().world())?;
    let caller = caller.clone();
    let view = desk.read(move |desk| {
        let (row, of) = row_named(desk, &name)?;
        if !caller.rights.may(Role::Viewer, &row.workflow) && !is_theirs(desk, &caller, &row, Role::Viewer) {
            return Err(no_such(&name));
        }
        let loaded = live::load(row.run, desk.reads())?;
        let text = desk.shared().library.text(loaded.run.text(), desk.reads())?;
        let (world, now) = (desk.shared().world(), desk.shared().now());
        let viewer = asked.viewer(&by, &caller, &text.name);
        let look = Look { run: &loaded.run, text: &text, world: &world, now, viewer, before: &[] };
        let before = given_before(&look, desk)?;
        let look = Look { before: &before, ..look };
        let draft = desk.reads().draft(&DraftOf::Task(row.id.clone()), &by)?;
        let draft = draft.map(|draft| look.draft(draft));
        // Whoever is asked reads the form and what is said of it as it was written for them.
        let asked = look.sight().is_asked(|task| *task.title == *row.title && *task.who == *row.who);
        let view = TaskView { draft, ..task_view(&row, of, &look, asked)? };
        if asked { look.as_written(&view) } else { look.veiled(&view) }
    });
    view.await
}

/// The same as they stand in the store: nobody may be shown them so.
pub(super) async fn rows_of_caller(
    desk: &Arc<Desk>,
    caller: &Caller,
    most: usize,
) -> Result<Vec<store::TaskRow>, Refusal> {
    let now = desk.shared().now();
    let who = match caller.person() {
        Some(person) => Some(belongs_to(&desk.shared().world().people_at(now), person)),
        None if caller.rights.may_somewhere(Role::Viewer) => None,
        None => return Err(Refusal::NoRight { role: Role::Viewer, on: None }),
    };
    let filter = TaskFilter { who, ..TaskFilter::default() };
    let mut rows = desk.read(move |desk| Ok(desk.reads().tasks(&filter, None, most)?)).await?.rows;
    rows.retain(|row| match caller.person() {
        Some(_) => is_theirs(desk, caller, row, Role::Viewer),
        None => caller.rights.may(Role::Viewer, &row.workflow),
    });
    Ok(rows)
}

/// Whether a task is one that the caller may take, or has. A token in somebody's name opens of theirs what it was made for.
pub(super) fn is_theirs(desk: &Desk, caller: &Caller, row: &store::TaskRow, role: Role) -> bool {
    is_theirs_now(&desk.shared().world().people_at(desk.shared().now()), caller, row, role)
}

/// The same of many, among the people of one moment.
pub(super) fn is_theirs_now(people: &Present<'_>, caller: &Caller, row: &store::TaskRow, role: Role) -> bool {
    let Some(person) = caller.person().filter(|_| caller.rights.lets(role, &row.workflow)) else {
        return false;
    };
    let claimed = row.claimed_by.as_deref().is_some_and(|by| bare(by) == person);
    claimed || people.may(person, &row.who).is_some()
}

/// The run of a task that the caller may look at.
pub(super) fn run_of(desk: &Desk, caller: &Caller, name: &str) -> Result<RunId, Refusal> {
    let (row, _) = row_named(desk, name)?;
    if caller.rights.may(Role::Viewer, &row.workflow) || is_theirs(desk, caller, &row, Role::Viewer) {
        return Ok(row.run);
    }
    Err(no_such(name))
}

/// Whether the caller answered a task that is over.
pub(crate) async fn answered_by(desk: &Arc<Desk>, caller: &Caller, name: &str) -> bool {
    let (Some(own), Ok(id)) = (caller.person().map(str::to_owned), name.parse::<TaskId>()) else {
        return false;
    };
    let past = desk.read(move |desk| Ok(desk.reads().past_task(&id)?)).await;
    let answered = past.ok().flatten().filter(|(_, end)| end.state == TaskState::Answered);
    answered.is_some_and(|(_, end)| end.by.is_some_and(|by| bare(&by) == own))
}

/// Finds the task, and has `event` decided about it.
pub(crate) async fn act(
    desk: &Arc<Desk>,
    caller: &Caller,
    name: String,
    event: impl FnOnce(Attempt) -> Event,
) -> Result<Answer<ChangedView>, Refusal> {
    let asks = caller.clone();
    let (row, of) = desk.read(move |desk| open_task(desk, &asks, &name)).await?;
    yizhan_faults::point("console.task_acting");
    let (run, event) = (row.run, event(of));
    if yizhan_faults::seeded("console.answered-early") {
        let engine = desk.engine.clone();
        drop(tokio::spawn(async move { engine.act(run, event).await }));
        return Ok(Answer(ChangedView::of(run)));
    }
    if let Event::Commented { by, text, .. } = &event
        && said_before(desk, caller, row.id.to_string(), (by, text)).await?
    {
        return Ok(Answer(ChangedView::of(run)));
    }
    let gone = settled(&event);
    desk.engine.act(run, event).await?;
    yizhan_faults::point("console.task_acted");
    note_task(desk, caller, row, gone).await;
    Ok(Answer(ChangedView::of(run)))
}

/// The last word on a task, said once more by the same person: it is the one that was sent again because nobody answered.
async fn said_before(
    desk: &Arc<Desk>,
    caller: &Caller,
    name: String,
    (by, text): (&str, &str),
) -> Result<bool, Refusal> {
    let view = view_for(desk, caller, name, Looking::default()).await?;
    let view: TaskView = serde_json::from_str(view.get())
        .map_err(|error| Refusal::bug("a task's view cannot be read", &error))?;
    Ok(view.comments.last().is_some_and(|last| *last.by == *by && *last.text == *text))
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct By {
    /// Of an operator that is no person: in whose name.
    by: Option<String>,
    /// Through what, in small letters and `-`; `api` where nothing is said.
    via: Option<String>,
}

pub(crate) async fn claim(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Given(given): Given<By>,
) -> Result<Answer<ChangedView>, Refusal> {
    let by = caller.acting(given.by.as_deref(), &desk.shared().world())?.into();
    let via = through(given.via.as_deref())?;
    act(&desk, &caller, name, |of| Event::Claimed { of, by, via }).await
}

pub(crate) async fn release(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Given(given): Given<By>,
) -> Result<Answer<ChangedView>, Refusal> {
    let by = caller.acting(given.by.as_deref(), &desk.shared().world())?.into();
    let via = through(given.via.as_deref())?;
    act(&desk, &caller, name, |of| Event::Released { of, by, via }).await
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct HandingOver {
    /// Of an operator that is no person: in whose name.
    by: Option<String>,
    /// Through what, in small letters and `-`; `api` where nothing is said.
    via: Option<String>,
    /// Whom it goes to, at most 20: `person:wang.wei`, `group:…`, `role:…`.
    to: OneOrMany,
    /// At most 2000 characters.
    note: Option<String>,
    /// It stays visible for whoever gives it, and is answered for them.
    #[serde(default)]
    delegate: bool,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// Characters of the note that goes with a task.
const NOTE_LONGEST: usize = 2_000;

pub(crate) async fn hand_over(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Given(given): Given<HandingOver>,
) -> Result<Answer<ChangedView>, Refusal> {
    let by = caller.acting(given.by.as_deref(), &desk.shared().world())?.into();
    let via = through(given.via.as_deref())?;
    let to = match given.to {
        OneOrMany::One(who) => vec![who],
        OneOrMany::Many(who) => who,
    };
    if to.len() > 20 || given.note.as_ref().is_some_and(|note| note.chars().count() > NOTE_LONGEST) {
        return Err(Refusal::Unreadable(format!(
            "`to` names at most 20, and `note` has at most {NOTE_LONGEST} characters"
        )));
    }
    let note = given.note.filter(|note| !note.trim().is_empty()).map(Arc::from);
    let delegate = given.delegate;
    let sent = (Arc::clone(&by), to.clone());
    match act(&desk, &caller, name.clone(), |of| Event::HandedOver { of, by, via, to, note, delegate }).await
    {
        Err(refusal) if matches!(refusal.status(), StatusCode::FORBIDDEN | StatusCode::CONFLICT) => {
            let handed = desk.read(move |desk| handed_before(desk, &name, sent)).await?;
            handed.map(|run| Answer(ChangedView::of(run))).ok_or(refusal)
        }
        other => other,
    }
}

/// The run of a task that this person gave to these people last: whoever hears nothing of it sends it again, and the task is not
/// theirs any more.
fn handed_before(
    desk: &Desk,
    name: &str,
    (who, whom): (Arc<str>, Vec<String>),
) -> Result<Option<RunId>, Refusal> {
    let Ok((row, task)) = row_named(desk, name) else { return Ok(None) };
    let mut last = false;
    each_line(desk.reads(), row.run, (0, u32::MAX), |line| {
        if let Ok(Line { event: Event::HandedOver { of, by, to, .. }, .. }) =
            serde_json::from_slice(&line.body)
            && of == task
        {
            last = by == who && to == whom;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(last.then_some(row.run))
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Commenting {
    /// Of an operator that is no person: in whose name.
    by: Option<String>,
    /// Through what, in small letters and `-`; `api` where nothing is said.
    via: Option<String>,
    text: String,
}

pub(crate) async fn comment(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Given(given): Given<Commenting>,
) -> Result<Answer<ChangedView>, Refusal> {
    let by = caller.acting(given.by.as_deref(), &desk.shared().world())?.into();
    let (via, text) = (through(given.via.as_deref())?, given.text.trim().into());
    act(&desk, &caller, name, |of| Event::Commented { of, by, via, text }).await
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Answering {
    /// Of an operator that is no person: in whose name.
    by: Option<String>,
    /// Through what, in small letters and `-`; `api` where nothing is said.
    via: Option<String>,
    /// As they came, so that no digit of a number is lost.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    fields: Option<Raw>,
    /// The outsider (`mail:…`) for whom somebody of the house enters what came on paper.
    on_behalf_of: Option<String>,
    /// The kept files of that paper.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    paper: Vec<Json>,
}

pub(crate) async fn answer(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Given(given): Given<Answering>,
) -> Result<Answer<ChangedView>, Refusal> {
    let by = caller.acting(given.by.as_deref(), &desk.shared().world())?.into();
    let fields = sized_said(&desk, &caller, &name, object(given.fields)?).await?;
    let via = through(given.via.as_deref())?;
    let Some(whom) = given.on_behalf_of else {
        return act(&desk, &caller, name, |of| Event::Answered { of, by, via, fields }).await;
    };
    let kept = |one: &Json| one.get("artifact").and_then(Json::as_str).is_some_and(|hash| !hash.is_empty());
    if given.paper.is_empty() || !given.paper.iter().all(kept) {
        return Err(Refusal::Unreadable(
            "an answer for an outsider needs the `paper` it came on: a list of `{ artifact, name }`"
                .to_owned(),
        ));
    }
    let sender = Sender::answering(&desk, &caller, &name).await;
    let (whom, paper) = (whom.into(), Raw::from(&sized_list(&desk, sender, given.paper).await?));
    act(&desk, &caller, name, |of| Event::AnsweredFor { of, by, via, whom, paper, fields }).await
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Verdict)]
pub(crate) enum Word {
    Happened,
    Again,
    Skip,
    Fail,
    Leave,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Settling {
    /// Of an operator that is no person: in whose name.
    by: Option<String>,
    /// Through what, in small letters and `-`; `api` where nothing is said.
    via: Option<String>,
    verdict: Word,
    /// Of `happened` and `skip`: the outputs that the step is to have.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    values: Option<Raw>,
}

pub(crate) async fn settle(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Given(given): Given<Settling>,
) -> Result<Answer<ChangedView>, Refusal> {
    let world = desk.shared().world();
    let by: Arc<str> = caller.acting(given.by.as_deref(), &world)?.into();
    let verdict = match given.verdict {
        Word::Happened => Verdict::Happened { values: object(given.values)? },
        Word::Skip => Verdict::Skip { values: object(given.values)? },
        Word::Again => Verdict::Again {},
        Word::Fail => Verdict::Fail {},
        Word::Leave => Verdict::Leave {},
    };
    let (via, verdict) =
        (through(given.via.as_deref())?, sized_verdict(&desk, &caller, &name, verdict).await?);
    act(&desk, &caller, name, |of| Event::Settled { of, by, via, verdict }).await
}

/// What a step is to have given names no file that an answer might not name.
///
/// # Errors
/// When it does.
pub(crate) async fn sized_verdict(
    desk: &Arc<Desk>,
    caller: &Caller,
    task: &str,
    verdict: Verdict,
) -> Result<Verdict, Refusal> {
    let sized = async |values: Raw| sized_said(desk, caller, task, values).await;
    Ok(match verdict {
        Verdict::Happened { values } => Verdict::Happened { values: sized(values).await? },
        Verdict::Skip { values } => Verdict::Skip { values: sized(values).await? },
        other @ (Verdict::Again {} | Verdict::Fail {} | Verdict::Leave {}) => other,
    })
}

/// Nothing given is an object without fields.
pub(super) fn object(given: Option<Raw>) -> Result<Raw, Refusal> {
    match given {
        None => Ok(Raw::from(&json!({}))),
        Some(given) if given.get().starts_with('{') => Ok(given),
        Some(_) => Err(Refusal::Unreadable("`fields`, `values` and `payload` are objects".to_owned())),
    }
}
