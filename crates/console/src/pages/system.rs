//! *System*: whether it is well, what the plugins and schedules do, how much there is; and for administrators who comes in
//! and what was done.

mod accounts;
mod audit;
mod log;
mod plugins;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value as Json;
use yizhan_workflow::people::rights::Role;
use yizhan_workflow::problem::{Lang, cause};

pub(crate) use accounts::{
    end_session, end_sessions, invite, make_token, revoke, show as accounts, shut_out,
};
pub(crate) use audit::show as audit;
pub(crate) use log::show as log;

use super::shell::{Place, Reader, following};
use super::workflows::{coming, firings, paused};
use super::{console, refused, spoken};
use crate::api::runs::Tongue;
use crate::api::{PageOf, health, triggers};
use crate::body::Asked;
use crate::caller::Caller;
use crate::desk::Desk;
use crate::house::{Language, PluginView};
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
    match state(&desk, &caller, lang).await {
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

async fn state(desk: &Arc<Desk>, caller: &Caller, lang: Lang) -> Result<Standing, Refusal> {
    let health = health::health(State(desk.clone()), caller.clone()).await?.0;
    let plugins = desk.read(|desk| Ok(desk.house.plugins())).await?;
    let (mut schedules, mut page) = (vec![], PageOf::default());
    loop {
        let tongue = Asked(Tongue { lang: Some(Language::of(lang)) });
        let (desk, of) = (State(desk.clone()), Asked(triggers::Filter::all()));
        let all = triggers::list(desk, caller.clone(), of, Asked(page), tongue).await?.0;
        schedules.extend(all.items.into_iter().filter(|trigger| trigger.kind == "schedule"));
        let Some(next) = all.next else { return Ok((health, plugins, schedules)) };
        page = PageOf::of(PageOf::MOST, Some(next));
    }
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
        div #plugins data-live { (plugins::rows(reader, plugins)) }
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
                @if let Some(broken) = &health.broken { p { (cause(broken, lang)) } }
            }
        }
    }
}

/// What one commit took since the daemon was started, in milliseconds, and how many lines it brought to the disk.
fn per_commit(figures: &Json) -> Option<(f64, f64)> {
    let [commits, micros, lines] = ["commits", "commit_us", "changes"].map(|name| figures[name].as_f64());
    let commits = commits.filter(|commits| *commits > 0.0)?;
    Some((micros? / commits / 1000.0, lines? / commits))
}

fn figures(reader: &Reader<'_>, figures: &Json) -> Markup {
    let lang = reader.lang;
    let runs = figures["runs"].as_object().into_iter().flatten();
    html! {
        dl.figures {
            @for (state, count) in runs { div { dt { (say(lang, t::CASES)) " · " (say(lang, super::runs::state_word(state))) } dd { (count) } } }
            @for (name, text) in FIGURES { @if let Some(value) = figures.get(name) { div { dt { (say(lang, text)) } dd { (value) } } } }
            @if let Some((took, lines)) = per_commit(figures) {
                div { dt { (say(lang, t::COMMIT_TAKES)) } dd { (format!("{took:.2} ms")) } }
                div { dt { (say(lang, t::LINES_PER_COMMIT)) } dd { (format!("{lines:.1}")) } }
            }
        }
    }
}

fn schedule_rows(reader: &Reader<'_>, all: &[TriggerView]) -> Markup {
    let lang = reader.lang;
    html! {
        @if all.is_empty() { p.soft { (say(lang, t::NO_SCHEDULES)) } } @else {
            div.wide { table.rows {
                thead { tr { th { (say(lang, t::WORKFLOW)) } th { (say(lang, t::PATTERN)) } th { (say(lang, t::NEXT_ONE)) } th { (say(lang, t::LAST_FIRINGS)) } } }
                tbody { @for one in all { tr {
                    td data-label=(say(lang, t::WORKFLOW)) { a href={ "/workflows/" (one.workflow) } { (one.title) } @if let Some(pause) = &one.paused { p.late { (paused(reader, pause)) } } }
                    td data-label=(say(lang, t::PATTERN)) { (one.said) }
                    td data-label=(say(lang, t::NEXT_ONE)) { (coming(reader, one)) }
                    td data-label=(say(lang, t::LAST_FIRINGS)) { @if one.last.is_empty() { (plugins::nothing()) } @else { (firings(reader, &one.last, FIRINGS)) } }
                } } }
            } }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::per_commit;

    #[test]
    fn what_a_commit_took_and_brought_is_said_once_there_was_one() {
        let figures = json!({ "commits": 4, "commit_us": 2000, "changes": 10 });
        assert_eq!(per_commit(&figures), Some((0.5, 2.5)), "half a millisecond each, two and a half lines");
        assert_eq!(per_commit(&json!({ "commits": 0, "commit_us": 0, "changes": 0 })), None);
        assert_eq!(per_commit(&json!({})), None, "a stranger sees no figures");
    }
}
