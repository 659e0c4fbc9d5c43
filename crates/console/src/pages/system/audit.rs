//! What was done, by whom, from where, with what answer; the newest first.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use yizhan_access::{Line, Outcome, Said, Verified};

use super::super::shell::{Place, Reader, page};
use super::super::{console, refused, spoken};
use super::{Part, parts};
use crate::api::{PageOf, access as api};
use crate::body::Asked;
use crate::caller::Caller;
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::view::Listing;
use crate::words::{catalogue as t, say, say_with};

const LINES: usize = 100;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    before: String,
    verify: bool,
}

pub(crate) async fn show(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Asked(wanted): Asked<Wanted>,
) -> Response {
    let lang = spoken(&desk, &headers);
    match lines(&desk, &wanted).await {
        Ok((listing, verified)) => {
            let world = desk.shared().world();
            let reader = Reader::new(&desk, lang, &caller, &world);
            let content = content(&reader, &listing, verified.as_ref());
            console(StatusCode::OK, page(&reader, Place::System, say(lang, t::AUDIT), &content))
        }
        Err(refusal) => refused(&refusal, lang),
    }
}

async fn lines(desk: &Arc<Desk>, wanted: &Wanted) -> Result<(Listing<Line>, Option<Verified>), Refusal> {
    let cursor = Some(wanted.before.clone()).filter(|before| !before.is_empty());
    let listing = api::audit(State(desk.clone()), Asked(PageOf::of(LINES, cursor))).await?.0;
    let verified = match wanted.verify {
        true => Some(api::verify(State(desk.clone())).await?.0),
        false => None,
    };
    Ok((listing, verified))
}

fn content(reader: &Reader<'_>, listing: &Listing<Line>, verified: Option<&Verified>) -> Markup {
    let lang = reader.lang;
    html! {
        div.head { h1 { (say(lang, t::SYSTEM)) } }
        (parts(reader, Part::Audit))
        @match verified {
            Some(verified) => (told(reader, verified)),
            None => p { a href="/system/audit?verify=true" { (say(lang, t::VERIFY_AUDIT)) } },
        }
        div.wide { table.rows {
            thead { tr { th { "#" } th { (say(lang, t::AT)) } th { (say(lang, t::WHO)) } th { (say(lang, t::ACT)) } th { (say(lang, t::FROM_WHERE)) } } }
            tbody { @for line in &listing.items { (row(reader, line, &listing.items)) } }
        } }
        @if let Some(next) = &listing.next { p.pages { a rel="next" href={ "/system/audit?before=" (next) } { (say(lang, t::EARLIER_LINES)) } } }
    }
}

fn told(reader: &Reader<'_>, verified: &Verified) -> Markup {
    let lang = reader.lang;
    html! {
        @if verified.broken.is_none() {
            div.notice.good role="status" { p { (say_with(lang, t::AUDIT_IS_WHOLE, &[&verified.lines.to_string()])) } p { code { (verified.head) } } }
        } @else {
            div.notice.bad role="alert" { p { (say(lang, t::AUDIT_IS_BROKEN)) } }
        }
    }
}

/// An act with its answer, if both are on this page; else each for itself.
fn row(reader: &Reader<'_>, line: &Line, all: &[Line]) -> Markup {
    let lang = reader.lang;
    let answers = |of: i64| all.iter().filter_map(outcome).find(|outcome| outcome.of == of);
    html! {
        @match &line.said {
            Said::Asked(asked) => tr {
                td.soft data-label="#" { (line.seq) }
                td data-label=(say(lang, t::AT)) { (reader.clock(&asked.at.to_string())) }
                td data-label=(say(lang, t::WHO)) { @if asked.who.starts_with("person:") { (reader.who(&asked.who)) } @else { (asked.who) } }
                td data-label=(say(lang, t::ACT)) {
                    code { @if asked.on.starts_with('/') { (asked.on) } @else { (asked.act) " " (asked.on) } }
                    @if let Some(outcome) = answers(line.seq) { " " (answer(outcome)) }
                }
                td.soft data-label=(say(lang, t::FROM_WHERE)) { (asked.from) @if let Some(session) = &asked.session { " · " (session) } }
            },
            Said::Answered(outcome) => @if !all.iter().any(|line| line.seq == outcome.of) {
                tr.answer {
                    td.soft data-label="#" { (line.seq) }
                    td.soft data-label=(say(lang, t::AT)) { (reader.clock(&outcome.at.to_string())) }
                    td.soft colspan="3" { (say_with(lang, t::ANSWERED_SO, &[&outcome.of.to_string()])) (answer(outcome)) }
                }
            },
        }
    }
}

fn outcome(line: &Line) -> Option<&Outcome> {
    match &line.said {
        Said::Asked(_) => None,
        Said::Answered(outcome) => Some(outcome),
    }
}

fn answer(outcome: &Outcome) -> Markup {
    html! {
        span.chip.done[outcome.status < 400].failed[outcome.status >= 400] { (outcome.status) }
        @for change in [&outcome.before, &outcome.after].into_iter().flatten() { " " code { (change) } }
    }
}
