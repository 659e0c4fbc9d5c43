//! What starts a workflow: when it fires next, what became of what fired, and whether somebody paused it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use yizhan_workflow::people::rights::Role;
use yizhan_workflow::problem::Lang;

use super::super::shell::Reader;
use super::super::spoken;
use super::{kind_word, shown};
use crate::api::pausing::{self as api, Pausing};
use crate::body::{Form, Given, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::view::{FiringView, PauseView, TriggerView};
use crate::words::{Text, catalogue as t, say, say_with};

/// Firings ahead and behind on a page.
const SHOWN: usize = 6;

pub(super) fn all(reader: &Reader<'_>, all: &[TriggerView]) -> Markup {
    html! { @if !all.is_empty() { h2 { (say(reader.lang, t::STARTED_BY)) } @for trigger in all { (one(reader, trigger)) } } }
}

fn one(reader: &Reader<'_>, trigger: &TriggerView) -> Markup {
    let lang = reader.lang;
    let ahead = trigger.next.iter().chain(&trigger.gathers).take(SHOWN);
    let ahead: Vec<String> = ahead.map(|at| reader.time(at)).collect();
    html! {
        div.trigger {
            p { strong { (trigger.trigger) } " " span.chip { (say(lang, kind_word(&trigger.kind))) } " " (trigger.said) @if is_address(trigger) { " " code { (trigger.what) } } }
            @if let Some(pause) = &trigger.paused { p.late { (paused(reader, pause)) } }
            @if !ahead.is_empty() { p.soft { (say(lang, t::NEXT_FIRINGS)) (ahead.join(say(lang, t::LIST_COMMA))) } }
            @for entry in trigger.entries.iter().take(SHOWN) { p.soft { (reader.time(&entry.at)) " · " (entry.number) " (" (entry.day) ")" } }
            @if let Some(kept) = trigger.gathered { p.soft { (say_with(lang, t::GATHERED_WAIT, &[&kept.to_string()])) } }
            (firings(reader, &trigger.last, SHOWN))
            @if reader.caller.rights.may(Role::Operator, &trigger.workflow) { (offered(reader, trigger)) }
        }
    }
}

/// What is said of it in words leaves out where others send what starts it.
fn is_address(trigger: &TriggerView) -> bool {
    trigger.kind != "schedule" && !trigger.said.contains(&trigger.what)
}

/// When a schedule fires next: the first times, and how often within a fortnight.
pub(in crate::pages) fn coming(reader: &Reader<'_>, trigger: &TriggerView) -> Markup {
    const FIRST: usize = 3;
    let until = reader.now.as_millisecond() + 14 * 86_400_000;
    let soon = |at: &&String| at.parse::<jiff::Timestamp>().is_ok_and(|at| at.as_millisecond() < until);
    let within = trigger.next.iter().take_while(soon).count();
    let first: Vec<String> =
        trigger.next.iter().take(FIRST.min(within.max(1))).map(|at| reader.time(at)).collect();
    html! {
        @if first.is_empty() { "—" } @else { (first.join(say(reader.lang, t::LIST_COMMA))) }
        @if within > FIRST { div.soft { (say_with(reader.lang, t::WITHIN_A_FORTNIGHT, &[&within.to_string()])) } }
    }
}

/// Who paused it, since when and why.
pub(in crate::pages) fn paused(reader: &Reader<'_>, pause: &PauseView) -> String {
    let words = [reader.who(&pause.by), reader.time(&pause.since), pause.reason.clone()];
    say_with(reader.lang, t::PAUSED_BY, &[&words[0], &words[1], &words[2]])
}

fn offered(reader: &Reader<'_>, trigger: &TriggerView) -> Markup {
    let lang = reader.lang;
    let path = |act: &str| format!("/workflows/{}/triggers/{}/{act}", trigger.workflow, trigger.trigger);
    let id = format!("reason.{}", trigger.trigger);
    html! {
        @if trigger.paused.is_some() {
            form method="post" action=(path("resume")) { button.plain type="submit" { (say(lang, t::RESUME_TRIGGER)) } }
        } @else {
            details.pause { summary { (say(lang, t::PAUSE_TRIGGER)) }
                form method="post" action=(path("pause")) {
                    p.hint { (say(lang, t::PAUSE_MEANS)) }
                    div.field { label for=(id) { (say(lang, t::WHY)) } input id=(id) name="reason" maxlength="500" required; }
                    button type="submit" { (say(lang, t::PAUSE_TRIGGER)) }
                }
            }
        }
    }
}

/// Back to the workflow's page; with why nothing was done, where that is so.
async fn back<T>(
    desk: &Arc<Desk>,
    caller: &Caller,
    headers: &HeaderMap,
    workflow: &str,
    done: Result<T, Refusal>,
) -> Response {
    match done {
        Ok(_) => Redirect::to(&format!("/workflows/{workflow}")).into_response(),
        Err(refusal) => shown(desk, caller, spoken(desk, headers), (workflow, Some(&refusal))).await,
    }
}

pub(crate) async fn pause(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Named((workflow, trigger)): Named<(String, String)>,
    form: Form,
) -> Response {
    let (named, given) = (Named((workflow.clone(), trigger)), Given(Pausing::of_page(&form)));
    let done = api::pause(State(desk.clone()), caller.clone(), named, given).await;
    back(&desk, &caller, &headers, &workflow, done).await
}

pub(crate) async fn resume(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Named((workflow, trigger)): Named<(String, String)>,
) -> Response {
    let (named, given) = (Named((workflow.clone(), trigger)), Given(Pausing::default()));
    let done = api::resume(State(desk.clone()), caller.clone(), named, given).await;
    back(&desk, &caller, &headers, &workflow, done).await
}

/// What became of what fired, the newest first.
pub(in crate::pages) fn firings(reader: &Reader<'_>, all: &[FiringView], most: usize) -> Markup {
    html! {
        @if !all.is_empty() {
            ul.firings { @for firing in all.iter().take(most) { li {
                (reader.time(&firing.at)) " "
                span.chip.late[is_bad(&firing.outcome)] { (word(reader.lang, &firing.outcome)) }
                @if let Some(run) = &firing.run { " " a href={ "/runs/" (run) } { (run) } }
            } } }
        }
    }
}

/// What did not go as it was meant to.
fn is_bad(outcome: &str) -> bool {
    matches!(outcome, "rejected" | "skipped" | "late" | "missed" | "failed")
}

fn word(lang: Lang, outcome: &str) -> &'static str {
    let text: Text = match outcome {
        "started" => t::FIRED_STARTED,
        "joined" => t::FIRED_JOINED,
        "rejected" => t::FIRED_REJECTED,
        "skipped" => t::STEP_SKIPPED,
        "late" => t::FIRED_LATE,
        "missed" => t::FIRED_MISSED,
        "queued" => t::WAITS_SLOT,
        "gathered" => t::FIRED_GATHERED,
        _ => t::STATE_FAILED,
    };
    say(lang, text)
}
