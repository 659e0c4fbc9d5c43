//! *Cases*: the list with its search. A case's own page is beside it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::civil::Date;
use maud::{Markup, html};
use serde::Deserialize;
use yizhan_engine::store::RunState;
use yizhan_workflow::id::RunId;
use yizhan_workflow::people::rights::Role;

use super::shell::{Place, Reader, following};
use super::{console, refused, spoken};
use crate::api::{Looking, runs as api};
use crate::body::Asked;
use crate::caller::Caller;
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::view::{Listing, RunRow};
use crate::words::{Text, catalogue as t, outcome_word, say};

const SHOWN: usize = 50;
const WATCH: &str = "/api/v1/events?only=run";

/// What is looked for, as the page's form sends it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Sought {
    text: String,
    workflow: String,
    state: String,
    since: String,
    until: String,
    mine: bool,
    cursor: String,
}

/// Words that `state` knows beside those of the API.
const STATES: [(&str, Text); 8] = [
    ("", t::ANY_STATE),
    ("open", t::STATE_OPEN),
    ("late", t::STATE_LATE),
    ("unknown", t::WAITS_UNKNOWN),
    ("task", t::WAITS_TASK),
    ("done", t::STATE_DONE),
    ("failed", t::STATE_FAILED),
    ("cancelled", t::STATE_CANCELLED),
];

impl Sought {
    fn filter(&self, mine: bool) -> Result<api::Filter, Refusal> {
        if !STATES.iter().any(|(state, _)| *state == self.state) {
            return Err(Refusal::Address(format!("`{}` is no state", self.state)));
        }
        let word = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let state = match self.state.as_str() {
            "done" => Some(RunState::Done),
            "failed" => Some(RunState::Failed),
            "cancelled" => Some(RunState::Cancelled),
            _ => None,
        };
        Ok(api::Filter {
            workflow: word(&self.workflow),
            state,
            text: word(&self.text),
            open: matches!(self.state.as_str(), "open" | "unknown" | "task"),
            late: self.state == "late",
            waits: word(&self.state).filter(|state| matches!(state.as_str(), "unknown" | "task")),
            mine,
            since: day(&self.since)?,
            until: day(&self.until)?,
            limit: Some(SHOWN),
            cursor: word(&self.cursor),
            ..api::Filter::default()
        })
    }

    /// The address of the page behind a cursor.
    fn after(&self, cursor: &str) -> String {
        let mine = if self.mine { "true" } else { "" };
        let all = [
            ("text", &*self.text),
            ("workflow", &*self.workflow),
            ("state", &*self.state),
            ("since", &*self.since),
            ("until", &*self.until),
            ("mine", mine),
            ("cursor", cursor),
        ];
        let said = all.into_iter().filter(|(_, value)| !value.is_empty());
        format!("/runs?{}", form_urlencoded::Serializer::new(String::new()).extend_pairs(said).finish())
    }
}

/// A day as a browser sends it; an empty field is none.
fn day(text: &str) -> Result<Option<Date>, Refusal> {
    let text = text.trim();
    let none = || Refusal::Address(format!("`{text}` is no day"));
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|_| none()) }
}

pub(crate) async fn list(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Asked(sought): Asked<Sought>,
) -> Response {
    let lang = spoken(&desk, &headers);
    if let Ok(run) = sought.text.trim().parse::<RunId>() {
        return Redirect::to(&format!("/runs/{run}")).into_response();
    }
    match found(&desk, &caller, &sought).await {
        Ok(listing) => {
            let world = desk.shared().world();
            let reader = Reader::new(&desk, lang, &caller, &world);
            let content = listed(&reader, &desk, &sought, &listing);
            console(
                StatusCode::OK,
                following(&reader, Place::Runs, (say(lang, t::CASES), Some(WATCH)), &content),
            )
        }
        Err(refusal) => refused(&refusal, lang),
    }
}

/// Whoever may look at no workflow looks at what they began.
async fn found(desk: &Arc<Desk>, caller: &Caller, sought: &Sought) -> Result<Listing<RunRow>, Refusal> {
    let views = caller.rights.may_somewhere(Role::Viewer);
    if !views && caller.person().is_none() {
        return Err(Refusal::NoRight { role: Role::Viewer, on: None });
    }
    let filter = sought.filter(sought.mine || !views)?;
    api::listed(desk, caller.clone(), filter, Looking::default()).await
}

fn listed(reader: &Reader<'_>, desk: &Desk, sought: &Sought, listing: &Listing<RunRow>) -> Markup {
    let lang = reader.lang;
    html! {
        div.head { h1 { (say(lang, t::CASES)) } }
        (search(reader, desk, sought))
        div #cases data-live {
            @if listing.items.is_empty() {
                p.empty { (say(lang, t::NO_CASES)) }
            } @else {
                (rows(reader, &listing.items))
            }
            @if let Some(next) = &listing.next {
                p.pages { a href=(sought.after(next)) rel="next" { (say(lang, t::NEXT_PAGE)) } }
            }
        }
    }
}

fn search(reader: &Reader<'_>, desk: &Desk, sought: &Sought) -> Markup {
    let lang = reader.lang;
    let all = desk.shared().library.workflows();
    let titles = all.iter().filter(|(name, _)| reader.caller.rights.may(Role::Viewer, name));
    let titles = titles.map(|(name, entry)| (name, entry.workflow.as_ref().map_or(name, |text| &text.title)));
    html! {
        form.filters method="get" role="search" {
            label { span { (say(lang, t::SEARCH_CASES)) } input type="search" name="text" value=(sought.text) title=(say(lang, t::SEARCHED)) placeholder=(say(lang, t::SEARCHED)); }
            label { span { (say(lang, t::WORKFLOW)) }
                select name="workflow" {
                    option value="" { (say(lang, t::ANY_WORKFLOW)) }
                    @for (name, title) in titles { option value=(name) selected[*name == sought.workflow] { (title) } }
                }
            }
            label { span { (say(lang, t::STATE)) }
                select name="state" {
                    @for (state, text) in STATES { option value=(state) selected[state == sought.state] { (say(lang, text)) } }
                }
            }
            label { span { (say(lang, t::SINCE_DAY)) } input type="date" name="since" value=(sought.since); }
            label { span { (say(lang, t::UNTIL_DAY)) } input type="date" name="until" value=(sought.until); }
            @if reader.caller.person().is_some() {
                label.tick { input type="checkbox" name="mine" value="true" checked[sought.mine]; span { (say(lang, t::BEGUN_BY_ME)) } }
            }
            button.plain type="submit" { (say(lang, t::FIND)) }
        }
    }
}

/// Cases, one to a line.
pub(super) fn rows(reader: &Reader<'_>, all: &[RunRow]) -> Markup {
    let lang = reader.lang;
    html! {
        div.wide { table.rows {
            thead { tr {
                th { (say(lang, t::CASE)) } th { (say(lang, t::STATE)) } th { (say(lang, t::DUE)) } th { (say(lang, t::BEGUN)) }
            } }
            tbody { @for row in all { tr id=(row.id) {
                td data-label=(say(lang, t::CASE)) {
                    a href={ "/runs/" (row.id) } { (if row.title.is_empty() { &row.workflow } else { &row.title }) }
                    @if let Some(key) = &row.key { " " span.key { (key) } }
                }
                td data-label=(say(lang, t::STATE)) { (state(reader, row)) }
                td data-label=(say(lang, t::DUE)) {
                    @match &row.due {
                        Some(due) => span.late[row.late && reader.is_past(due)] { (reader.time(due)) },
                        None => span.soft { "—" },
                    }
                }
                td.soft data-label=(say(lang, t::BEGUN)) { (reader.time(&row.started)) " · " (reader.who(&row.by)) }
            } } }
        } }
    }
}

/// Where a case stands: in a word that does not need its colour.
pub(super) fn state(reader: &Reader<'_>, row: &RunRow) -> Markup {
    let lang = reader.lang;
    let waits = row.waits.as_deref().and_then(waits_word);
    html! {
        span class={ "chip " (row.state) } { (say(lang, state_word(&row.state))) }
        @if row.late { " " span.chip.late { (say(lang, t::STATE_LATE)) } }
        @if let Some(waits) = waits { " " span.soft { (say(lang, waits)) } }
        @if let Some(outcome) = row.outcome.as_ref().filter(|outcome| **outcome != row.state) { " " span.soft { (outcome_word(lang, outcome)) } }
    }
}

pub(super) fn state_word(state: &str) -> Text {
    match state {
        "closing" => t::STATE_CLOSING,
        "done" => t::STATE_DONE,
        "failed" => t::STATE_FAILED,
        "cancelled" => t::STATE_CANCELLED,
        _ => t::STATE_OPEN,
    }
}

fn waits_word(waits: &str) -> Option<Text> {
    Some(match waits {
        "step" => t::WAITS_STEP,
        "child" => t::WAITS_CHILD,
        "unknown" => t::WAITS_UNKNOWN,
        "task" => t::WAITS_TASK,
        "slot" => t::WAITS_SLOT,
        "event" => t::WAITS_EVENT,
        "time" => t::WAITS_TIME,
        _ => return None,
    })
}
