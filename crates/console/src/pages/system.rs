//! *System*: whether it is well, what the plugins and schedules do, how much there is; and for administrators who comes in
//! and what was done.

mod accounts;
mod audit;
mod log;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value as Json;
use yizhan_workflow::people::rights::Role;

pub(crate) use accounts::{end_session, invite, make_token, revoke, show as accounts, shut_out};
pub(crate) use audit::show as audit;
pub(crate) use log::show as log;

use super::shell::{Place, Reader, following};
use super::workflows::{firings, paused};
use super::{console, refused, spoken};
use crate::api::{PageOf, health, triggers};
use crate::body::Asked;
use crate::caller::Caller;
use crate::desk::Desk;
use crate::house::PluginView;
use crate::refusal::Refusal;
use crate::view::{HealthView, TriggerView};
use crate::words::{Text, catalogue as t, say};

/// Firings of a schedule that are shown where some did not go as they should.
const FIRINGS: usize = 5;

/// The figures of health that have a name for people.
const FIGURES: [(&str, Text); 9] = [
    ("workflows", t::WORKFLOWS),
    ("live", t::RUNS_LIVE),
    ("attempts_under_way", t::UNDER_WAY),
    ("attempts_waiting", t::IN_QUEUE),
    ("attempts_done", t::CALLS_DONE),
    ("attempts_failed", t::CALLS_FAILED),
    ("attempts_lost", t::CALLS_LOST),
    ("commits", t::COMMITS),
    ("changes", t::LINES_WRITTEN),
];

/// The pages of the system, and for whom they are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    State,
    Accounts,
    Audit,
    Log,
}

/// Between the pages of the system.
fn parts(reader: &Reader<'_>, at: Part) -> Markup {
    let all = [
        (Part::State, "/system", t::SYSTEM_STATE, Role::Operator),
        (Part::Accounts, "/system/accounts", t::ACCOUNTS, Role::Admin),
        (Part::Audit, "/system/audit", t::AUDIT, Role::Admin),
        (Part::Log, "/system/log", t::LOG, Role::Admin),
    ];
    let seen = all.into_iter().filter(|(_, _, _, role)| reader.caller.rights.may_everywhere(*role));
    html! {
        nav.parts aria-label=(say(reader.lang, t::SYSTEM)) {
            @for (part, path, text, _) in seen { a href=(path) aria-current=[(part == at).then_some("page")] { (say(reader.lang, text)) } }
        }
    }
}

pub(crate) async fn show(State(desk): State<Arc<Desk>>, caller: Caller, headers: HeaderMap) -> Response {
    let lang = spoken(&desk, &headers);
    match state(&desk, &caller).await {
        Ok((health, plugins, schedules)) => {
            let world = desk.shared().world();
            let reader = Reader::new(&desk, lang, &caller, &world);
            let content = content(&reader, &health, &plugins, &schedules);
            console(
                StatusCode::OK,
                following(&reader, Place::System, (say(lang, t::SYSTEM), Some("/api/v1/events")), &content),
            )
        }
        Err(refusal) => refused(&refusal, lang),
    }
}

type Standing = (HealthView, Vec<PluginView>, Vec<TriggerView>);

async fn state(desk: &Arc<Desk>, caller: &Caller) -> Result<Standing, Refusal> {
    let health = health::health(State(desk.clone()), caller.clone()).await?.0;
    let plugins = desk.read(|desk| Ok(desk.house.plugins())).await?;
    let all = triggers::list(
        State(desk.clone()),
        caller.clone(),
        Asked(triggers::Filter::all()),
        Asked(PageOf::default()),
    )
    .await?
    .0
    .items;
    let schedules = all.into_iter().filter(|trigger| trigger.kind == "schedule").collect();
    Ok((health, plugins, schedules))
}

fn content(
    reader: &Reader<'_>,
    health: &HealthView,
    plugins: &[PluginView],
    schedules: &[TriggerView],
) -> Markup {
    let lang = reader.lang;
    html! {
        div.head { h1 { (say(lang, t::SYSTEM)) } }
        (parts(reader, Part::State))
        div #well data-live { (well(reader, health)) }
        h2 { (say(lang, t::FIGURES)) }
        div #figures data-live { (figures(reader, &health.figures)) }
        h2 { (say(lang, t::PLUGINS)) }
        div #plugins data-live { (plugin_rows(reader, plugins)) }
        h2 { (say(lang, t::SCHEDULES)) }
        div #schedules data-live { (schedule_rows(reader, schedules)) }
    }
}

fn well(reader: &Reader<'_>, health: &HealthView) -> Markup {
    let lang = reader.lang;
    html! {
        @if health.ready {
            div.notice.good role="status" { p { (say(lang, t::ALL_IS_WELL)) } }
        } @else {
            div.notice.bad role="alert" {
                p { (say(lang, t::NOT_READY)) }
                @if let Some(left) = health.recovering { p { (say(lang, t::RECOVERING)) " " (left.left) " / " (left.of) } }
                @if health.disk_full { p { (say(lang, t::DISK_IS_FULL)) } }
                @if let Some(broken) = &health.broken { p { (broken) } }
            }
        }
    }
}

fn figures(reader: &Reader<'_>, figures: &Json) -> Markup {
    let lang = reader.lang;
    let runs = figures["runs"].as_object().into_iter().flatten();
    html! {
        dl.figures {
            @for (state, count) in runs { div { dt { (say(lang, t::CASES)) " · " (say(lang, super::runs::state_word(state))) } dd { (count) } } }
            @for (name, text) in FIGURES { @if let Some(value) = figures.get(name) { div { dt { (say(lang, text)) } dd { (value) } } } }
        }
    }
}

fn plugin_rows(reader: &Reader<'_>, all: &[PluginView]) -> Markup {
    let lang = reader.lang;
    html! {
        div.wide { table.rows {
            thead { tr {
                th { (say(lang, t::PLUGIN)) } th { (say(lang, t::STATE)) } th { (say(lang, t::ISOLATION)) } th { (say(lang, t::CALLS)) } th { (say(lang, t::CRASHES)) } th { "SHA-256" }
            } }
            tbody { @for plugin in all { tr id={ "plugin-" (plugin.id) } {
                td data-label=(say(lang, t::PLUGIN)) {
                    strong { (plugin.id) } " " span.soft { (plugin.version) }
                    details.values { summary { (say(lang, t::ACTIONS)) " · " (plugin.actions.len()) } ul.plain-list { @for action in &plugin.actions { li { code { (action.name) } " " span.chip { (action.effect) } " " (action.summary) } } } }
                }
                td data-label=(say(lang, t::STATE)) {
                    span.chip.done[plugin.state == "ready"].failed[plugin.fault.is_some()] { (plugin.state) }
                    @if let Some(fault) = &plugin.fault { p.fault { (fault) } }
                }
                td data-label=(say(lang, t::ISOLATION)) { (plugin.isolation) }
                td data-label=(say(lang, t::CALLS)) { (plugin.calls) }
                td data-label=(say(lang, t::CRASHES)) { span.late[plugin.crashes > 0] { (plugin.crashes) } }
                td data-label="SHA-256" { code title=(plugin.hash) { (plugin.hash.chars().take(12).collect::<String>()) } }
            } } }
        } }
    }
}

fn schedule_rows(reader: &Reader<'_>, all: &[TriggerView]) -> Markup {
    let lang = reader.lang;
    html! {
        @if all.is_empty() { p.soft { (say(lang, t::NO_SCHEDULES)) } } @else {
            div.wide { table.rows {
                thead { tr { th { (say(lang, t::WORKFLOW)) } th { (say(lang, t::PATTERN)) } th { (say(lang, t::NEXT_ONE)) } th { (say(lang, t::LAST_FIRINGS)) } } }
                tbody { @for one in all { tr {
                    td data-label=(say(lang, t::WORKFLOW)) { a href={ "/workflows/" (one.workflow) } { (one.workflow) } " " span.soft { (one.trigger) } @if let Some(pause) = &one.paused { p.late { (paused(reader, pause)) } } }
                    td data-label=(say(lang, t::PATTERN)) { code { (one.what) } }
                    td data-label=(say(lang, t::NEXT_ONE)) { (one.next.first().map_or_else(|| "—".to_owned(), |at| reader.time(at))) }
                    td data-label=(say(lang, t::LAST_FIRINGS)) { (firings(reader, &one.last, FIRINGS)) }
                } } }
            } }
        }
    }
}
