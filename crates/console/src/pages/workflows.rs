//! *Workflows*: the files with their state, and one of them: what is wrong with it, what it says, its picture, what starts it,
//! and which of its texts runs go by.

mod answers;
mod schema;
pub(crate) mod trial;
mod triggers;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use maud::{Markup, PreEscaped, html};
use yizhan_workflow::plan::Workflow;
use yizhan_workflow::problem::Lang;
use yizhan_workflow::prose::{Reading, Said, reading};

pub(super) use triggers::{coming, firings, paused};
pub(crate) use triggers::{pause, resume};

use super::fields::{self, Shown};
use super::said::named_in_marks;
use super::shell::{Place, Reader, following};
use super::{console, refused, spoken};
use crate::api::PageOf;
use crate::api::runs::Tongue;
use crate::api::triggers as firing;
use crate::api::workflows as api;
use crate::body::{Asked, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::graph::svg::{Marks, svg};
use crate::house::Language;
use crate::refusal::Refusal;
use crate::view::{Listing, TriggerView, VersionView, WorkflowRow, WorkflowView};
use crate::words::{Text, catalogue as t, say, say_with};

const WATCH: &str = "/api/v1/events?only=house";

pub(crate) async fn list(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Asked(page): Asked<PageOf>,
) -> Response {
    let lang = spoken(&desk, &headers);
    let all = api::rows_for(&desk, &caller);
    let faulty = all.iter().filter(|row| !row.faults.is_empty()).count();
    let counts = (all.len(), faulty);
    let rows = match Listing::part(all, &page, |one| one.name.clone()) {
        Ok(rows) => rows,
        Err(refusal) => return refused(&refusal, lang),
    };
    let world = desk.shared().world();
    let reader = Reader::new(&desk, lang, &caller, &world);
    let content = listed(&reader, &rows, counts);
    let title = (say(lang, t::WORKFLOWS), Some(WATCH));
    console(StatusCode::OK, following(&reader, Place::Workflows, title, &content))
}

/// A page of them; counted are all, and those with faults.
fn listed(reader: &Reader<'_>, page: &Listing<WorkflowRow>, (all, faulty): (usize, usize)) -> Markup {
    let (lang, rows) = (reader.lang, &page.items);
    html! {
        div.head {
            h1 { (say(lang, t::WORKFLOWS)) }
            p #count data-live { (all) @if faulty > 0 { " · " span.late { (say_with(lang, t::WITH_FAULTS, &[&faulty.to_string()])) } } }
        }
        div #workflows data-live { @if rows.is_empty() { p.empty { (say(lang, t::NO_WORKFLOWS)) } } @else {
            div.wide { table.rows {
                thead { tr { th { (say(lang, t::WORKFLOW)) } th { (say(lang, t::STATE)) } th { (say(lang, t::STARTED_BY)) } th { (say(lang, t::OWNER)) } } }
                tbody { @for row in rows { tr id={ "workflow-" (row.name) } {
                    td data-label=(say(lang, t::WORKFLOW)) {
                        a href={ "/workflows/" (row.name) } { (if row.title.is_empty() { &row.name } else { &row.title }) }
                        " " span.key { (row.name) }
                    }
                    td data-label=(say(lang, t::STATE)) { (state(lang, row)) }
                    td data-label=(say(lang, t::STARTED_BY)) {
                        @for trigger in &row.triggers { span.chip.late[trigger.paused] { (say(lang, kind_word(&trigger.kind))) @if trigger.paused { " · " (say(lang, t::PAUSED)) } } " " }
                        @if row.triggers.is_empty() { span.soft { "—" } }
                    }
                    td.soft data-label=(say(lang, t::OWNER)) { (row.owner.as_ref().map_or_else(|| "—".to_owned(), |who| reader.who(who))) }
                } } }
            } }
            @if let Some(next) = &page.next { p.pages { a rel="next" href={ "/workflows?cursor=" (next) } { (say(lang, t::NEXT_PAGE)) } } }
        } }
    }
}

fn state(lang: Lang, row: &WorkflowRow) -> Markup {
    let (class, text) = match row.state.as_str() {
        "in force" => ("done", t::IN_FORCE),
        "old text in force" => ("faulty", t::OLD_TEXT_IN_FORCE),
        _ => ("faulty", t::NOT_IN_FORCE),
    };
    html! {
        span class={ "chip " (class) } { (say(lang, text)) }
        @if !row.faults.is_empty() { " " span.late { (say_with(lang, t::FAULTS, &[&row.faults.len().to_string()])) } }
        @if !row.warnings.is_empty() { " " span.soft { (say_with(lang, t::WARNINGS, &[&row.warnings.len().to_string()])) } }
    }
}

pub(super) fn kind_word(kind: &str) -> Text {
    match kind {
        "schedule" => t::BY_SCHEDULE,
        "webhook" => t::BY_WEBHOOK,
        "files" => t::BY_FILES,
        "mail" => t::BY_MAIL,
        "event" => t::BY_EVENT,
        _ => t::BY_HAND,
    }
}

/// Everything that the page of one shows.
struct Sheet {
    view: WorkflowView,
    triggers: Vec<TriggerView>,
    text: Option<Arc<Workflow>>,
    fields: Vec<Shown>,
}
pub(crate) async fn show(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Named(name): Named<String>,
) -> Response {
    let lang = spoken(&desk, &headers);
    shown(&desk, &caller, lang, (&name, None)).await
}

async fn shown(
    desk: &Arc<Desk>,
    caller: &Caller,
    lang: Lang,
    (name, refusal): (&str, Option<&Refusal>),
) -> Response {
    match sheet(desk, caller, (name, lang)).await {
        Ok(sheet) => {
            let world = desk.shared().world();
            let reader = Reader::new(desk, lang, caller, &world);
            let title = titled(&sheet.view.row);
            let status = refusal.map_or(StatusCode::OK, Refusal::status);
            let content = content(&reader, &sheet, refusal);
            // What was refused is said on a page that cannot be asked for again.
            let watch = refusal.is_none().then_some(WATCH);
            console(status, following(&reader, Place::Workflows, (title, watch), &content))
        }
        Err(refusal) => refused(&refusal, lang),
    }
}

fn titled(row: &WorkflowRow) -> &str {
    if row.title.is_empty() { &row.name } else { &row.title }
}

async fn sheet(desk: &Arc<Desk>, caller: &Caller, (name, lang): (&str, Lang)) -> Result<Sheet, Refusal> {
    let view = api::show(State(desk.clone()), caller.clone(), Named(name.to_owned())).await?.0;
    let filter = Asked(firing::Filter::of(name));
    let tongue = Asked(Tongue { lang: Some(Language::of(lang)) });
    let triggers =
        firing::list(State(desk.clone()), caller.clone(), filter, Asked(PageOf::default()), tongue)
            .await?
            .0
            .items;
    let text = desk.shared().library.current(name);
    let fields = fields::of(&view.form)?;
    Ok(Sheet { view, triggers, text, fields })
}

fn content(reader: &Reader<'_>, sheet: &Sheet, refusal: Option<&Refusal>) -> Markup {
    let (lang, row) = (reader.lang, &sheet.view.row);
    html! {
        p.crumbs { a href="/workflows" { (say(lang, t::WORKFLOWS)) } " › " (row.name) }
        h1 { (titled(row)) }
        p #line .line data-live { (state(lang, row)) " · " span.soft { (row.path) } }
        @if let Some(refusal) = refusal { div.notice.bad role="alert" { p { (super::sentence(refusal, lang, &reader.world.people)) } } }
        @if let Some(note) = &sheet.view.note { p.soft.note { (note) } }
        div #faults data-live {
            @for fault in &row.faults { pre.caret.bad tabindex="0" { (fault) } }
            @for warning in &row.warnings { pre.caret tabindex="0" { (warning) } }
        }
        section #drawn data-live aria-label=(say(lang, t::PICTURE)) { @if let Some(text) = &sheet.text {
            h2 { (say(lang, t::PICTURE)) }
            div.graph tabindex="0" { (PreEscaped(svg(text, lang, &Marks::default()))) }
        } }
        div.split {
            section #said data-live aria-label=(say(lang, t::WHAT_IT_SAYS)) {
                @if let Some(text) = &sheet.text { (said(reader, &reading(text, &reader.world.registers, lang))) }
            }
            section #beside .story data-live {
                p.buttons {
                    @if sheet.text.is_some() { a.button href={ "/workflows/" (row.name) "/trial" } { (say(lang, t::TRY_IT)) } }
                    a.button href={ "/runs?state=open&workflow=" (row.name) } { (say_with(lang, t::OPEN_RUNS, &[&sheet.view.open_runs.to_string()])) }
                    a.button href={ "/runs?workflow=" (row.name) } { (say(lang, t::ALL_CASES)) }
                }
                h2 { (say(lang, t::VERSIONS)) }
                (versions_said(lang, &sheet.view.versions))
                (triggers::all(reader, &sheet.triggers))
            }
        }
        section #schema data-live aria-label=(say(lang, t::START_FORM)) { @if sheet.text.is_some() { (schema::form(lang, &sheet.fields)) } }
    }
}

fn versions_said(lang: Lang, all: &[VersionView]) -> Markup {
    html! {
        ul.plain-list { @for version in all { li {
            code { (version.hash.chars().take(12).collect::<String>()) } " "
            @if version.in_force { span.chip.done { (say(lang, t::IN_FORCE)) } " " }
            (say_with(lang, t::OPEN_RUNS, &[&version.open_runs.to_string()]))
        } } }
    }
}

fn said(reader: &Reader<'_>, reading: &Reading) -> Markup {
    let lang = reader.lang;
    let named = |line: &String| named_in_marks(line, &reader.world.people);
    let list = |head: Text, lines: &[String]| {
        html! { @if !lines.is_empty() { h2 { (say(lang, head)) } ul.plain-list { @for line in lines { li { (named(line)) } } } } }
    };
    let steps = |all: &[Said]| steps(reader, all);
    html! {
        (list(t::ABOUT_IT, &reading.about))
        (list(t::STARTED_BY, &reading.starts))
        h2 { (say(lang, t::STEPS)) }
        (steps(&reading.steps))
        @if !reading.on_cancel.is_empty() { h2 { (say(lang, t::ON_CANCEL)) } (steps(&reading.on_cancel)) }
        @if !reading.on_failure.is_empty() { h2 { (say(lang, t::ON_FAILURE)) } (steps(&reading.on_failure)) }
    }
}

fn steps(reader: &Reader<'_>, all: &[Said]) -> Markup {
    html! {
        ol.read { @for step in all { li {
            p { span.number { (step.number) } strong { (step.title) } " " code.soft { (step.step) } }
            @for sentence in &step.sentences { p { (named_in_marks(sentence, &reader.world.people)) } }
        } } }
    }
}
