//! What was done, by whom, from where, to what, and what was before and after; the newest first.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use yizhan_access::Verified;

use super::super::shell::{Place, Reader, page};
use super::super::{console, refused, spoken};
use super::{Part, parts};
use crate::api::PageOf;
use crate::api::audit::{self as api, Filter};
use crate::api::runs::Tongue;
use crate::body::Asked;
use crate::caller::Caller;
use crate::desk::Desk;
use crate::house::Language;
use crate::refusal::Refusal;
use crate::view::Listing;
use crate::view::acts::{AboutView, ActView, KINDS};
use crate::words::{catalogue as t, say, say_with};

const LINES: usize = 100;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    who: String,
    kind: String,
    about: String,
    since: String,
    until: String,
    before: String,
    verify: bool,
}

impl Wanted {
    /// The address of the lines before one.
    fn before(&self, line: &str) -> String {
        let said = [
            ("who", &*self.who),
            ("kind", &self.kind),
            ("about", &self.about),
            ("since", &self.since),
            ("until", &self.until),
            ("before", line),
        ];
        let said = said.into_iter().filter(|(_, value)| !value.is_empty());
        format!(
            "/system/audit?{}",
            form_urlencoded::Serializer::new(String::new()).extend_pairs(said).finish()
        )
    }

    fn filter(&self) -> Result<Filter, Refusal> {
        let word = |word: &str| Some(word.to_owned()).filter(|word| !word.is_empty());
        let day = |day: &str| {
            let wrong = || Refusal::Unreadable(format!("`{day}` is no day such as 2026-11-22"));
            word(day).map(|day| day.parse().map_err(|_| wrong())).transpose()
        };
        Ok(Filter {
            who: word(&self.who),
            kind: word(&self.kind),
            about: word(&self.about),
            since: day(&self.since)?,
            until: day(&self.until)?,
        })
    }
}

pub(crate) async fn show(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Asked(wanted): Asked<Wanted>,
) -> Response {
    let lang = spoken(&desk, &headers);
    match acts(&desk, &caller, Language::of(lang), &wanted).await {
        Ok((listing, verified)) => {
            let world = desk.shared().world();
            let reader = Reader::new(&desk, lang, &caller, &world);
            let content = content(&reader, &listing, &wanted, verified.as_ref());
            console(StatusCode::OK, page(&reader, Place::System, say(lang, t::AUDIT), &content))
        }
        Err(refusal) => refused(&refusal, lang),
    }
}

type Found = (Listing<ActView>, Option<Verified>);

async fn acts(
    desk: &Arc<Desk>,
    caller: &Caller,
    language: Language,
    wanted: &Wanted,
) -> Result<Found, Refusal> {
    let cursor = Some(wanted.before.clone()).filter(|before| !before.is_empty());
    let (page, tongue) = (PageOf::of(LINES, cursor), Tongue { lang: Some(language) });
    let filter = Asked(wanted.filter()?);
    let listing = api::list(State(desk.clone()), caller.clone(), filter, Asked(page), Asked(tongue)).await?.0;
    let verified = match wanted.verify {
        true => Some(api::verify(State(desk.clone())).await?.0),
        false => None,
    };
    Ok((listing, verified))
}

fn content(
    reader: &Reader<'_>,
    listing: &Listing<ActView>,
    wanted: &Wanted,
    verified: Option<&Verified>,
) -> Markup {
    let lang = reader.lang;
    html! {
        div.head { h1 { (say(lang, t::SYSTEM)) } }
        (parts(reader, Part::Audit))
        @match verified {
            Some(verified) => (told(reader, verified)),
            None => p { a href="/system/audit?verify=true" { (say(lang, t::VERIFY_AUDIT)) } },
        }
        (search(reader, wanted))
        @if listing.items.is_empty() { p.empty { (say(lang, t::NO_ACTS)) } } @else {
            div.wide { table.rows.audit {
                thead { tr {
                    th { (say(lang, t::AT)) } th { (say(lang, t::WHO)) } th { (say(lang, t::ACT)) }
                    th { (say(lang, t::BEFORE_AND_AFTER)) } th { (say(lang, t::FROM_WHERE)) }
                } }
                tbody { @for act in &listing.items { (row(reader, act)) } }
            } }
        }
        @if let Some(next) = &listing.next { p.pages { a rel="next" href=(wanted.before(next)) { (say(lang, t::EARLIER_LINES)) } } }
    }
}

fn search(reader: &Reader<'_>, wanted: &Wanted) -> Markup {
    let lang = reader.lang;
    let day = |name: &str, label: &str, value: &str| html! { label { span { (label) } input type="date" name=(name) value=(value); } };
    html! {
        form.filters method="get" role="search" {
            label { span { (say(lang, t::WHO)) }
                input name="who" list="who" value=(wanted.who) placeholder=(say(lang, t::ANYBODY));
                datalist id="who" { @for (id, person) in &reader.world.people.people { option value=(id) { (person.name) } } }
            }
            label { span { (say(lang, t::ACT)) }
                select name="kind" {
                    option value="" { (say(lang, t::ANY_ACT)) }
                    @for (kind, text) in KINDS { option value=(kind) selected[*kind == wanted.kind] { (say(lang, *text)) } }
                }
            }
            label { span { (say(lang, t::ABOUT_WHAT)) } input type="search" name="about" value=(wanted.about); }
            (day("since", say(lang, t::ACTS_SINCE), &wanted.since))
            (day("until", say(lang, t::UNTIL_DAY), &wanted.until))
            button.plain type="submit" { (say(lang, t::FIND)) }
        }
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

fn row(reader: &Reader<'_>, act: &ActView) -> Markup {
    let lang = reader.lang;
    html! {
        tr id={ "line-" (act.seq) } {
            td data-label=(say(lang, t::AT)) title={ "#" (act.seq) } {
                // On a phone a line is short, and the rest of it stands behind this.
                details.fold { summary aria-label={ (say(lang, t::DETAILS)) " #" (act.seq) } {} }
                (reader.clock(&act.asked.at.to_string()))
            }
            td data-label=(say(lang, t::WHO)) { (act.by) }
            td data-label=(say(lang, t::ACT)) {
                (act.what) " " (came(reader, act))
                @for about in &act.about { div.about { (link(about)) } }
            }
            td.more data-label=(say(lang, t::BEFORE_AND_AFTER)) {
                @for change in &act.changes { div {
                    span.soft { (change.what) } " "
                    @if !change.before.is_empty() { del { (change.before) } " → " }
                    @if change.after.is_empty() { "—" } @else { ins { (change.after) } }
                } }
            }
            td.more.soft data-label=(say(lang, t::FROM_WHERE)) { (act.asked.from) @if let Some(session) = &act.asked.session { " · " (session) } }
        }
    }
}

fn link(about: &AboutView) -> Markup {
    html! { @match &about.page { Some(page) => a href=(page) { (about.title) }, None => (about.title) } }
}

/// What it was answered with, where that was not yes.
fn came(reader: &Reader<'_>, act: &ActView) -> Markup {
    let lang = reader.lang;
    html! {
        @match &act.answered {
            Some(outcome) if outcome.status >= 400 => span.chip.failed { (say_with(lang, t::REFUSED_WITH, &[&outcome.status.to_string()])) },
            Some(_) => {},
            None => span.soft { (say(lang, t::NO_ANSWER_YET)) },
        }
    }
}
