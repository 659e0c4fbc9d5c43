//! A case's page: why it is where it is, its picture, every step with what it was given and gave, the journal, and what
//! somebody may do with it.

mod acts;
pub(crate) mod attempts;
mod picture;
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

pub(crate) use acts::{cancel, due, pause, resume, retry};

use super::shell::{Place, Reader, following};
use super::{console, fields, refused, runs, spoken};
use crate::api::{Looking, runs as api};
use crate::body::{Asked, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::house::Language;
use crate::refusal::Refusal;
use crate::view::{JournalLine, Listing, RunView, StepView, WhyView};
use crate::words::{Text, catalogue as t, say, say_with};

/// Lines of the journal on one page.
const LINES: usize = 200;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct From {
    #[serde(default)]
    after: String,
}

pub(crate) async fn show(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Named(name): Named<String>,
    Asked(from): Asked<From>,
) -> Response {
    shown(&desk, &caller, &headers, (&name, &from.after), None).await
}

/// Everything that the page shows.
struct Case {
    view: RunView,
    why: Vec<String>,
    journal: Listing<JournalLine>,
    drawn: picture::Drawn,
}

async fn shown(
    desk: &Arc<Desk>,
    caller: &Caller,
    headers: &HeaderMap,
    (name, after): (&str, &str),
    refusal: Option<&Refusal>,
) -> Response {
    let lang = spoken(desk, headers);
    match case(desk, caller, headers, (name, after)).await {
        Ok(case) => {
            let world = desk.shared().world();
            let reader = Reader::new(desk, lang, caller, &world);
            let status = refusal.map_or(StatusCode::OK, Refusal::status);
            let content = content(&reader, &case, refusal);
            // What was refused is said on a page that cannot be asked for again.
            let watch = refusal.is_none().then(|| format!("/api/v1/events?run={}", case.view.row.id));
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
    (name, after): (&str, &str),
) -> Result<Case, Refusal> {
    let lang = spoken(desk, headers);
    let looking = || Asked(Looking::in_language(Language::of(lang)));
    let (state, named) = (|| State(desk.clone()), || Named(name.to_owned()));
    let view = api::show(state(), caller.clone(), named(), looking()).await?.0;
    let view: RunView = read(view.get())?;
    let titles = picture::titles(&view.steps);
    let why = api::why(state(), caller.clone(), named(), looking()).await?.0;
    let cursor = Some(after.to_owned()).filter(|after| !after.is_empty());
    let part = Asked(api::JournalPart { limit: Some(LINES), cursor, titles: true });
    let journal = api::journal(state(), caller.clone(), named(), part, looking()).await?.0;
    let (looks, name) = (caller.clone(), name.to_owned());
    let drawn = desk.read(move |desk| {
        let id = api::run_named(desk, &looks, Role::Viewer, &name)?;
        picture::of(desk, id, &titles, lang)
    });
    let drawn = drawn.await?;
    let why = read::<WhyView>(why.get())?.sentences;
    Ok(Case { view, why, journal: read(journal.get())?, drawn })
}

fn titled(view: &RunView) -> String {
    match &view.row.key {
        Some(key) => format!("{} · {key}", view.row.title),
        None => view.row.title.clone(),
    }
}

fn content(reader: &Reader<'_>, case: &Case, refusal: Option<&Refusal>) -> Markup {
    let (lang, view) = (reader.lang, &case.view);
    html! {
        p.crumbs { a href="/runs" { (say(lang, t::CASES)) } " › " (view.row.id) }
        h1 { (titled(view)) }
        p #line .line data-live { (runs::state(reader, &view.row)) @if let Some(due) = &view.row.due { " · " span.late[view.row.late && reader.is_past(due)] { (say(lang, t::DUE_BEFORE)) (reader.time(due)) } } }
        @if let Some(refusal) = refusal { div.notice.bad role="alert" { p { (super::sentence(refusal, lang)) } } }
        div #why .notice.why data-live { @for sentence in &case.why { p { (sentence) } } }
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
                div #acts data-live { (acts::offered(reader, view)) }
            }
        }
    }
}

/// What the case is, and what it began and ended with.
fn facts(reader: &Reader<'_>, case: &Case) -> Markup {
    let (lang, view, row) = (reader.lang, &case.view, &case.view.row);
    let input = fields::brought(view.input.text(), Some(&case.drawn.text.input), lang);
    let output = view.output.as_ref().map(|output| fields::brought(output.text(), None, lang));
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
            div.notice.bad { p { strong { (error.code) } " " (step_called(&view.steps, &error.step)) ": " (error.message) } }
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
                    details { summary { (told(&line.text)) } pre { (whole(line)) } }
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
