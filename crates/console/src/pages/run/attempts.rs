//! Every attempt at a step, on a page of its own: a mail as a letter, a call as it was made, anything else with its values.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use yizhan_workflow::id::{Millis, RunId};
use yizhan_workflow::people::rights::Role;
use yizhan_workflow::problem::reason;

use super::super::shell::{Place, Reader, following};
use super::super::{console, fields, refused, spoken};
use super::{read, titled};
use crate::api::{Looking, attempts as api, runs};
use crate::body::{Asked, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::graph::run::{self as drawing, Drawn};
use crate::house::Language;
use crate::refusal::Refusal;
use crate::view::{AttemptView, Listing, RunView, SaidView, StepView};
use crate::words::steps::step_word;
use crate::words::{Text, catalogue as t, say, say_with};

/// Attempts on one page.
const SHOWN: usize = 50;
/// So many are shown unfolded.
const UNFOLDED: usize = 3;

/// Whose attempts the page is of.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Of {
    #[serde(default)]
    step: String,
    item: Option<u32>,
    #[serde(default)]
    cursor: String,
}

/// The page's address: of a step, or of one of its items.
pub(super) fn address(run: &str, step: &str, item: Option<u32>, cursor: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("step", step);
    if let Some(item) = item {
        query.append_pair("item", &item.to_string());
    }
    if let Some(cursor) = cursor {
        query.append_pair("cursor", cursor);
    }
    format!("/runs/{run}/attempts?{}", query.finish())
}

pub(crate) async fn show(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Named(name): Named<String>,
    Asked(of): Asked<Of>,
) -> Response {
    let lang = spoken(&desk, &headers);
    match gathered(&desk, &caller, &headers, (&name, &of)).await {
        Ok(all) => {
            let world = desk.shared().world();
            let reader = Reader::new(&desk, lang, &caller, &world);
            let content = content(&reader, &all, &of);
            let watch = format!("/api/v1/events?run={}", all.view.row.id);
            console(
                StatusCode::OK,
                following(&reader, Place::Runs, (&titled(&all.view), Some(&watch)), &content),
            )
        }
        Err(refusal) => refused(&refusal, lang),
    }
}

struct All {
    view: RunView,
    drawn: Drawn,
    attempts: Listing<AttemptView>,
}

async fn gathered(
    desk: &Arc<Desk>,
    caller: &Caller,
    headers: &HeaderMap,
    (name, of): (&str, &Of),
) -> Result<All, Refusal> {
    let lang = spoken(desk, headers);
    let (state, named) = (|| State(desk.clone()), || Named(name.to_owned()));
    let looking = || Asked(Looking::in_language(Language::of(lang)));
    let said = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let sought =
        api::Sought { step: said(&of.step), item: of.item, limit: Some(SHOWN), cursor: said(&of.cursor) };
    let attempts = api::list(state(), caller.clone(), named(), Asked(sought), looking()).await?.0;
    let view = runs::show(state(), caller.clone(), named(), looking()).await?.0;
    let view: RunView = read(view.get())?;
    let titles = drawing::titles(&view.steps);
    let (looks, name) = (caller.clone(), name.to_owned());
    let drawn = desk.read(move |desk| {
        let id: RunId = runs::run_named(desk, &looks, Role::Viewer, &name)?;
        drawing::of(desk, id, &titles, lang)
    });
    Ok(All { drawn: drawn.await?, view, attempts: read(attempts.get())? })
}

/// The step as the case's page calls it.
fn step_title<'v>(steps: &'v [StepView], key: &str) -> Option<&'v str> {
    steps.iter().find_map(|step| {
        if step.key() == key {
            return Some(step.title.as_str());
        }
        step.items.iter().find_map(|item| step_title(&item.steps, key))
    })
}

fn content(reader: &Reader<'_>, all: &All, of: &Of) -> Markup {
    let (lang, run) = (reader.lang, &all.view.row.id);
    let title = step_title(&all.view.steps, &of.step).unwrap_or(&of.step);
    let count = all.attempts.items.len();
    html! {
        p.crumbs { a href="/runs" { (say(lang, t::CASES)) } " › " a href={ "/runs/" (run) } { (titled(&all.view)) } }
        h1 {
            (say(lang, t::EVERY_ATTEMPT)) @if !title.is_empty() { " · " (title) }
            @if let Some(item) = of.item { " · " (numbered(lang, t::ITEM_NO, item + 1)) }
        }
        div #attempts data-live {
            @if count == 0 { p.empty { (say(lang, t::NOTHING_BEGUN)) } }
            ol.attempts {
                @for (number, attempt) in all.attempts.items.iter().enumerate() {
                    li { details id={ "attempt-" (number) } open[count <= UNFOLDED || number + 1 == count] {
                        summary { (head(reader, all, (attempt, of))) }
                        (body(reader, &all.drawn, attempt))
                    } }
                }
            }
        }
        @if let Some(next) = &all.attempts.next {
            p.pages { a href=(address(run, &of.step, of.item, Some(next))) rel="next" { (say(lang, t::NEXT_ATTEMPTS)) } }
        }
    }
}

fn numbered(lang: yizhan_workflow::problem::Lang, text: Text, number: u32) -> String {
    say_with(lang, text, &[&number.to_string()])
}

/// Which of them it is, how it ended, when, and how long it took.
fn head(reader: &Reader<'_>, all: &All, (attempt, of): (&AttemptView, &Of)) -> Markup {
    let lang = reader.lang;
    let several = attempt.path.ends_with(']') && of.item.is_none();
    let of_all =
        of.step.is_empty().then(|| step_title(&all.view.steps, &attempt.step).unwrap_or(&attempt.step));
    let state = match attempt.state.as_str() {
        "lost" => t::NO_ANSWER_CAME,
        "dropped" => t::ITEM_DROPPED,
        state => step_word(state),
    };
    html! {
        @if let Some(title) = of_all { (title) " · " }
        strong { (numbered(lang, t::ATTEMPT_NO, attempt.attempt)) } " "
        span class={ "chip " (attempt.state) } { (say(lang, state)) } " "
        span.soft {
            @if several { (numbered(lang, t::ITEM_NO, attempt.item + 1)) " · " }
            @if attempt.round > 1 { (numbered(lang, t::ROUND, attempt.round)) " · " }
            @if attempt.part == "undo" { (say(lang, t::UNDO)) " · " }
            @if attempt.part == "due" { (say(lang, t::SET_OFF_BY_DUE)) " · " }
            (reader.clock(&attempt.began))
            @if let Some(took) = took(reader, attempt) { " · " (took) }
            @if let Some(by) = &attempt.by { " · " (reader.who(by)) }
            @if let Some(action) = &attempt.action { " · " code { (action) } }
        }
    }
}

/// A call takes a second, somebody's answer a day.
fn took(reader: &Reader<'_>, attempt: &AttemptView) -> Option<String> {
    let instant = |at: &str| Some(Millis(at.parse::<jiff::Timestamp>().ok()?.as_millisecond()));
    let ms = instant(attempt.ended.as_ref()?)?.0 - instant(&attempt.began)?.0;
    let length = match ms {
        ..60_000 => say_with(reader.lang, t::SECONDS, &[&format!("{}.{}", ms / 1_000, ms % 1_000 / 100)]),
        _ => reader.length(ms),
    };
    Some(say_with(reader.lang, t::TOOK, &[&length]))
}

fn body(reader: &Reader<'_>, drawn: &Drawn, attempt: &AttemptView) -> Markup {
    let lang = reader.lang;
    let object = |values: Option<&crate::view::Exact>| match values
        .and_then(|exact| fields::with_digits(exact.text()))
    {
        Some(Json::Object(values)) => values,
        _ => Map::new(),
    };
    let (given, came) = (object(attempt.input.as_ref()), object(attempt.output.as_ref()));
    let family = attempt.action.as_deref().and_then(|action| action.split('.').next()).unwrap_or_default();
    // A form's labels are those of the step itself, not of what its due time set off.
    let form = fields::asked_by(&drawn.text, &attempt.step).filter(|_| attempt.part == "step");
    let filled = attempt.output.as_ref().filter(|_| form.is_some());
    let filled = filled.map(|output| fields::brought(output.text(), form, reader)).unwrap_or_default();
    html! {
        @if let Some(failure) = &attempt.failure {
            p.fault {
                strong { (failure.code) } " " (reason(&failure.code, &failure.message, lang))
                @if failure.happened == "maybe" { " (" (say(lang, t::MAY_HAVE_HAPPENED)) ")" }
            }
        }
        @if let Some(child) = &attempt.child { p { (say(lang, t::CHILD)) " " a href={ "/runs/" (child) } { (child) } } }
        @match family {
            "email" if !given.is_empty() => (letter(reader, &given)),
            "webhook" if !given.is_empty() => (call(reader, &given)),
            _ => (part(reader, t::WENT_IN, &given, &[])),
        }
        @if !filled.is_empty() {
            h3 { (say(lang, t::CAME_OUT)) }
            dl { @for (label, value) in filled { dt { (label) } dd { (value) } } }
        } @else if family == "webhook" && !came.is_empty() {
            (answer(reader, &came))
        } @else {
            (part(reader, t::CAME_OUT, &came, &[]))
        }
        (said(reader, &attempt.said))
    }
}

/// What the plugin said meanwhile.
fn said(reader: &Reader<'_>, lines: &[SaidView]) -> Markup {
    let lang = reader.lang;
    html! {
        @if !lines.is_empty() {
            h3 { (say(lang, t::SAID_MEANWHILE)) }
            ol.said { @for line in lines { li {
                span.soft { (reader.clock(&line.at)) } " "
                @if line.level == "cut" { (line.text) " " span.soft { (say(lang, t::MORE_WAS_SAID)) } } @else { span class=(line.level) { (line.text) } }
            } } }
        }
    }
}

/// Values under a heading, without those that are shown elsewhere.
fn part(reader: &Reader<'_>, title: Text, values: &Map<String, Json>, but: &[&str]) -> Markup {
    let left: Map<String, Json> = values
        .iter()
        .filter(|(name, value)| !but.contains(&name.as_str()) && !is_empty(value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    html! {
        @if !left.is_empty() { h3 { (say(reader.lang, title)) } (value(reader, &Json::Object(left))) }
    }
}

fn is_empty(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::String(text) => text.is_empty(),
        Json::Array(list) => list.is_empty(),
        Json::Object(parts) => parts.is_empty(),
        Json::Bool(_) | Json::Number(_) => false,
    }
}

/// A value with all that is in it, names before their values; what was long is shown with its lines.
fn value(reader: &Reader<'_>, of: &Json) -> Markup {
    match of {
        Json::Object(parts) => html! {
            dl.nested { @for (name, one) in parts.iter().filter(|(_, one)| !is_empty(one)) { dt { (name) } dd { (value(reader, one)) } } }
        },
        Json::Array(list) if list.iter().any(|one| one.is_object() || one.is_array()) => html! {
            ol.nested { @for one in list { li { (value(reader, one)) } } }
        },
        Json::String(text) if text.contains('\n') => html! { pre.text { (text) } },
        plain @ (Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_)) => {
            html! { (fields::told(plain, reader.lang)) }
        }
    }
}

/// A mail as whoever gets it reads it.
fn letter(reader: &Reader<'_>, mail: &Map<String, Json>) -> Markup {
    const HEAD: [(&str, Text); 7] = [
        ("from", t::MAIL_FROM),
        ("to", t::MAIL_TO),
        ("cc", t::MAIL_CC),
        ("bcc", t::MAIL_BCC),
        ("reply_to", t::MAIL_REPLY_TO),
        ("subject", t::MAIL_SUBJECT),
        ("attachments", t::MAIL_FILES),
    ];
    let shown = HEAD.map(|(name, _)| name).into_iter().chain(["text", "html"]).collect::<Vec<_>>();
    let there = |name: &str| mail.get(name).filter(|value| !is_empty(value));
    html! {
        h3 { (say(reader.lang, t::MAIL_AS_SENT)) }
        div.letter {
            dl { @for (name, label) in HEAD { @if let Some(one) = there(name) { dt { (say(reader.lang, label)) } dd { (value(reader, one)) } } } }
            @match (there("text"), there("html")) {
                (Some(Json::String(text)), _) => pre.text { (text) },
                // As it was written: a page of ours shows nobody else's markup.
                (None, Some(Json::String(text))) => pre.text { (text) },
                (Some(other), _) | (None, Some(other)) => (value(reader, other)),
                (None, None) => {},
            }
        }
        (part(reader, t::WENT_IN, mail, &shown))
    }
}

/// A call over HTTP: where to, and with what.
fn call(reader: &Reader<'_>, call: &Map<String, Json>) -> Markup {
    const BODIES: [&str; 5] = ["json", "form", "text", "multipart", "artifact"];
    let word =
        |name: &str, usual: &'static str| call.get(name).and_then(Json::as_str).unwrap_or(usual).to_owned();
    let there = |name: &str| call.get(name).filter(|value| !is_empty(value));
    let shown = ["method", "url", "headers", "query"].into_iter().chain(BODIES).collect::<Vec<_>>();
    html! {
        h3 { (say(reader.lang, t::CALL_AS_MADE)) }
        p.request { code { strong { (word("method", "POST").to_uppercase()) } " " (word("url", "")) } }
        @for (name, label) in [("query", t::CALL_QUERY), ("headers", t::CALL_HEADERS)] {
            @if let Some(one) = there(name) { h4 { (say(reader.lang, label)) } (value(reader, one)) }
        }
        @for body in BODIES.into_iter().filter_map(there) { h4 { (say(reader.lang, t::CALL_BODY)) } (value(reader, body)) }
        (part(reader, t::WENT_IN, call, &shown))
    }
}

/// What was answered to a call: its status, and its body once.
fn answer(reader: &Reader<'_>, came: &Map<String, Json>) -> Markup {
    let there = |name: &str| came.get(name).filter(|value| !is_empty(value));
    html! {
        h3 { (say(reader.lang, t::CALL_ANSWER)) }
        dl {
            @if let Some(status) = there("status") { dt { (say(reader.lang, t::CALL_STATUS)) } dd { (value(reader, status)) } }
            @if let Some(body) = there("json").or_else(|| there("body")) { dt { (say(reader.lang, t::CALL_BODY)) } dd { (value(reader, body)) } }
        }
        (part(reader, t::CAME_OUT, came, &["status", "json", "body"]))
    }
}
