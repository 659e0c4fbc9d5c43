//! A case's page: why it is where it is, its picture, every step with what it was given and gave, the journal, and what
//! somebody may do with it.

mod acts;
mod again;
pub(crate) mod attempts;
mod steps;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use yizhan_workflow::calendar::Calendar;
use yizhan_workflow::id::Millis;
use yizhan_workflow::people::rights::Role;
use yizhan_workflow::problem::reason;

pub(crate) use acts::{cancel, due, pause, resume, retry};

use self::again::Again;
use super::shell::{Place, Reader, following};
use super::tasks::settling;
use super::typed::Typed;
use super::{console, fields, refused, runs, spoken};
use crate::api::{Looking, runs as api, tasks};
use crate::body::{Asked, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::graph::run as drawing;
use crate::house::Language;
use crate::refusal::Refusal;
use crate::view::{JournalLine, Listing, RunView, StepView, TaskView, WhyView};
use crate::words::{Text, catalogue as t, say, say_with};

/// Lines of the journal on one page.
const LINES: usize = 200;
/// Questions to its owner that the page asks itself; each has a page of its own.
const ASKS_SHOWN: usize = 3;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct From {
    #[serde(default)]
    after: String,
    /// The step from which a retry is thought of.
    #[serde(default)]
    retry: String,
}

pub(crate) async fn show(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Named(name): Named<String>,
    Asked(from): Asked<From>,
) -> Response {
    shown(&desk, &caller, &headers, (&name, &from), None).await
}

/// Everything that the page shows.
struct Case {
    view: RunView,
    why: Vec<String>,
    journal: Listing<JournalLine>,
    drawn: drawing::Drawn,
    again: Option<Again>,
    /// What its owner must decide.
    asks: Vec<TaskView>,
}

async fn shown(
    desk: &Arc<Desk>,
    caller: &Caller,
    headers: &HeaderMap,
    (name, from): (&str, &From),
    refused_act: Option<(&Refusal, &Typed)>,
) -> Response {
    let lang = spoken(desk, headers);
    match case(desk, caller, headers, (name, from)).await {
        Ok(case) => {
            let world = desk.shared().world();
            let reader = Reader::new(desk, lang, caller, &world);
            let status = refused_act.map_or(StatusCode::OK, |(refusal, _)| refusal.status());
            let content = content(&reader, &case, refused_act);
            // What was refused is said on a page that cannot be asked for again.
            let watch = refused_act.is_none().then(|| format!("/api/v1/events?run={}", case.view.row.id));
            let title = titled(&case.view);
            console(status, following(&reader, Place::Runs, (&title, watch.as_deref()), &content))
        }
        Err(refusal) => refused(&refusal, lang),
    }
}

fn read<T: DeserializeOwned>(raw: &str) -> Result<T, Refusal> {
    serde_json::from_str(raw).map_err(|error| Refusal::bug("a view of ours cannot be read", &error))
}

async fn case(
    desk: &Arc<Desk>,
    caller: &Caller,
    headers: &HeaderMap,
    (name, from): (&str, &From),
) -> Result<Case, Refusal> {
    let lang = spoken(desk, headers);
    let looking = || Asked(Looking::in_language(Language::of(lang)));
    let (state, named) = (|| State(desk.clone()), || Named(name.to_owned()));
    let view = api::show(state(), caller.clone(), named(), looking()).await?.0;
    let view: RunView = read(view.get())?;
    let titles = drawing::titles(&view.steps);
    let why = api::why(state(), caller.clone(), named(), looking()).await?.0;
    let cursor = Some(from.after.clone()).filter(|after| !after.is_empty());
    let part = Asked(api::JournalPart { limit: Some(LINES), cursor, titles: true });
    let journal = api::journal(state(), caller.clone(), named(), part, looking()).await?.0;
    let again = Again::of(desk, caller, &view, &from.retry).await;
    let asks = asks(desk, caller, &view).await?;
    let (looks, name) = (caller.clone(), name.to_owned());
    let drawn = desk.read(move |desk| {
        let id = api::run_named(desk, &looks, Role::Viewer, &name)?;
        drawing::of(desk, id, &titles, lang)
    });
    let drawn = drawn.await?;
    let why = read::<WhyView>(why.get())?.sentences;
    Ok(Case { view, why, journal: read(journal.get())?, drawn, again, asks })
}

/// The first of what nobody but a person can decide, for whoever may.
async fn asks(desk: &Arc<Desk>, caller: &Caller, view: &RunView) -> Result<Vec<TaskView>, Refusal> {
    let mut found = vec![];
    if caller.rights.may(Role::Operator, &view.row.workflow) {
        for task in undecided(&view.steps).into_iter().take(ASKS_SHOWN) {
            match tasks::view_for(desk, caller, task, Looking::default()).await {
                Ok(task) => found.push(read::<TaskView>(task.get())?),
                // Somebody decided it meanwhile.
                Err(Refusal::NoSuch { .. }) => {}
                Err(refusal) => return Err(refusal),
            }
        }
    }
    Ok(found)
}

fn undecided(steps: &[StepView]) -> Vec<String> {
    let mut found = vec![];
    for item in steps
        .iter()
        .flat_map(|step| &step.items)
        .flat_map(|item| [Some(item), item.undo.as_deref()])
        .flatten()
    {
        let task = item.task.clone().filter(|_| matches!(item.state.as_str(), "unknown" | "asking"));
        found.extend(task);
        found.extend(undecided(&item.steps));
    }
    found
}

fn titled(view: &RunView) -> String {
    match &view.row.key {
        Some(key) => format!("{} · {key}", view.row.title),
        None => view.row.title.clone(),
    }
}

fn content(reader: &Reader<'_>, case: &Case, refused_act: Option<(&Refusal, &Typed)>) -> Markup {
    let (lang, view, nothing) = (reader.lang, &case.view, Typed::default());
    let typed = refused_act.map_or(&nothing, |(_, typed)| typed);
    html! {
        p.crumbs { a href="/runs" { (say(lang, t::CASES)) } " › " (view.row.id) }
        h1 { (titled(view)) }
        p #line .line data-live { (runs::state(reader, &view.row)) @if let Some(due) = &view.row.due { " · " span.late[view.row.late && reader.is_past(due)] { (say(lang, t::DUE_BEFORE)) (reader.time(due)) } } }
        @if let Some((refusal, _)) = refused_act { div.notice.bad role="alert" { p { (super::sentence(refusal, lang, &reader.world.people)) } } }
        div #why .notice.why data-live { @for sentence in &case.why { p { (sentence) } } }
        div #undecided data-live { @for task in &case.asks {
            section.notice.work aria-label=(say(lang, t::DECIDE_IT)) {
                h2 { (say(lang, t::DECIDE_IT)) " · " (task.row.title) }
                @if let Some(evidence) = &task.evidence { p { strong { (evidence.code) } " " (reason(&evidence.code, &evidence.message, lang)) } }
                (settling::asked(reader, task, (&Typed::default(), true)))
            }
        } }
        section aria-label=(say(lang, t::PICTURE)) {
            h2 { (say(lang, t::PICTURE)) }
            div #picture .graph data-live tabindex="0" { (maud::PreEscaped(&case.drawn.picture)) }
        }
        div.split {
            div {
                section #steps data-live aria-label=(say(lang, t::STEPS)) { h2 { (say(lang, t::STEPS)) } (steps::list(reader, case)) }
                section #journal data-live aria-label=(say(lang, t::JOURNAL)) { (timeline(reader, case)) }
            }
            section.story {
                div #facts data-live { (facts(reader, case)) }
                div #acts data-live[refused_act.is_none()] { (acts::offered(reader, case, typed)) }
            }
        }
    }
}

/// What the case is, and what it began and ended with.
fn facts(reader: &Reader<'_>, case: &Case) -> Markup {
    let (lang, view, row) = (reader.lang, &case.view, &case.view.row);
    let input = fields::brought(view.input.text(), Some(&case.drawn.text.input), reader);
    let output = view.output.as_ref().map(|output| fields::brought(output.text(), None, reader));
    let output = output.unwrap_or_default();
    html! {
        h2 { (say(lang, t::THE_CASE)) }
        dl {
            dt { (say(lang, t::BEGUN)) } dd { (reader.time(&row.started)) " · " (reader.who(&row.by)) }
            @if let Some(ended) = &row.ended { dt { (say(lang, t::ENDED)) } dd { (reader.time(ended)) } }
            @if let Some(parent) = &row.parent { dt { (say(lang, t::PARENT)) } dd { a href={ "/runs/" (parent) } { (parent) } } }
            dt { (say(lang, t::WORKFLOW)) } dd { (workflow(reader, view)) }
            @for (label, value) in input { dt { (label) } dd { (value) } }
        }
        @if let Some(error) = &view.error {
            div.notice.bad { p { strong { (error.code) } " " (step_called(&view.steps, &error.step)) ": " (reason(&error.code, &error.message, lang)) } }
        }
        @if !output.is_empty() {
            h2 { (say(lang, t::RESULT)) }
            dl { @for (label, value) in output { dt { (label) } dd { (value) } } }
        }
    }
}

/// A step by its title, its id in grey behind it.
fn step_called(all: &[StepView], id: &str) -> Markup {
    let title =
        all.iter().find(|step| step.id == id).map(|step| step.title.as_str()).filter(|title| *title != id);
    html! { @if let Some(title) = title { (title) " " } code.soft { (id) } }
}

fn workflow(reader: &Reader<'_>, view: &RunView) -> Markup {
    let short: String = view.text.chars().take(8).collect();
    html! {
        @if reader.caller.rights.may(Role::Viewer, &view.row.workflow) {
            a href={ "/workflows/" (view.row.workflow) } { (view.row.workflow) }
        } @else { (view.row.workflow) }
        " " span.soft { (short) }
    }
}

fn timeline(reader: &Reader<'_>, case: &Case) -> Markup {
    let lang = reader.lang;
    html! {
        h2 { (say(lang, t::JOURNAL)) }
        ol.journal {
            @for line in &case.journal.items {
                @if let Some(waited) = waited(reader, case, line) { li.waited id={ "before-" (line.seq) } { span {} p.soft { (waited) } } }
                li id={ "line-" (line.seq) } {
                    time.soft datetime=(line.at) { (reader.clock(&line.at)) }
                    details { summary { (told(&line.text)) } pre tabindex="0" { (whole(line)) } }
                }
            }
        }
        @if let Some(next) = &case.journal.next {
            p.pages { a href={ "/runs/" (case.view.row.id) "?after=" (next) } { (say(lang, t::LATER_LINES)) } }
        }
    }
}

/// The words of a line, the ids of its steps in grey.
fn told(text: &str) -> Markup {
    html! {
        @for (at, part) in text.split('⟨').enumerate() {
            @match part.split_once('⟩').filter(|_| at > 0) {
                Some((id, rest)) => { code.soft { (id) } (rest) },
                None => (part),
            }
        }
    }
}

/// How long nothing happened before a line.
fn waited(reader: &Reader<'_>, case: &Case, line: &JournalLine) -> Option<String> {
    let at = |line: &JournalLine| Some(Millis(line.at.parse::<jiff::Timestamp>().ok()?.as_millisecond()));
    let before = case.journal.items.iter().take_while(|one| one.seq < line.seq).last()?;
    took(reader, case.drawn.calendar.as_ref(), (at(before)?, at(line)?), (t::WAITED, t::WAITED_WORKED))
}

/// The line as it is kept, for whoever wants to see all of it.
fn whole(line: &JournalLine) -> String {
    let whole = serde_json::json!({ "event": line.event, "with": line.with, "did": line.did });
    serde_json::to_string_pretty(&whole).unwrap_or_default()
}

/// How long something took: by the clock, and in the hours that are worked.
fn took(
    reader: &Reader<'_>,
    calendar: Option<&Arc<Calendar>>,
    (from, until): (Millis, Millis),
    (by_clock, with_worked): (Text, Text),
) -> Option<String> {
    let all = until.0 - from.0;
    if all < 60_000 {
        return None;
    }
    let length = reader.length(all);
    let worked = calendar.map(|calendar| calendar.open_between(from, until)).filter(|worked| *worked != all);
    Some(match worked {
        Some(worked) => say_with(reader.lang, with_worked, &[&length, &reader.length(worked)]),
        None => say_with(reader.lang, by_clock, &[&length]),
    })
}
