//! Who comes in: people with their invitations, sessions, tokens.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use yizhan_access::{Session, Token};
use yizhan_workflow::people::rights::Role;

use super::super::shell::{Place, Reader, page};
use super::super::{console, refused, sentence, spoken};
use super::{Part, parts};
use crate::api::PageOf;
use crate::api::access::{self as api, AccountView, Making, Sought};
use crate::body::{Asked, Form, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::view::Listing;
use crate::words::{catalogue as t, role_word, say, say_with};

/// Of each list on a page.
const SHOWN: usize = 100;

/// Who is looked for, and where each list goes on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    text: String,
    people: String,
    sessions: String,
    tokens: String,
}

impl Wanted {
    fn page(of: &str) -> Asked<PageOf> {
        Asked(PageOf::of(SHOWN, Some(of.to_owned()).filter(|of| !of.is_empty())))
    }

    /// To the next page of one of the lists.
    fn next(&self, reader: &Reader<'_>, list: &str, next: Option<&String>) -> Markup {
        let said = [("text", self.text.as_str())].into_iter().filter(|(_, value)| !value.is_empty());
        let address = |next: &str| {
            let query = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(said)
                .append_pair(list, next)
                .finish();
            format!("/system/accounts?{query}#{list}")
        };
        html! { @if let Some(next) = next { p.pages { a rel="next" href=(address(next)) { (say(reader.lang, t::NEXT_PAGE)) } } } }
    }
}

struct All {
    people: Listing<AccountView>,
    sessions: Listing<Session>,
    tokens: Listing<Token>,
}

async fn all(desk: &Arc<Desk>, wanted: &Wanted) -> Result<All, Refusal> {
    let (state, sought) = (|| State(desk.clone()), || Asked(Sought { text: wanted.text.clone() }));
    let people = api::accounts(state(), sought(), Wanted::page(&wanted.people)).await?.0;
    let sessions = api::sessions(state(), sought(), Wanted::page(&wanted.sessions)).await?.0;
    let tokens = api::tokens(state(), sought(), Wanted::page(&wanted.tokens)).await?.0;
    Ok(All { people, sessions, tokens })
}

pub(crate) async fn show(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Asked(wanted): Asked<Wanted>,
) -> Response {
    looked(&desk, &caller, &headers, (&wanted, Ok(html! {}))).await
}

/// `came`: what an act answered that is shown once, or why it was not done.
async fn shown(
    desk: &Arc<Desk>,
    caller: &Caller,
    headers: &HeaderMap,
    came: Result<Markup, Refusal>,
) -> Response {
    looked(desk, caller, headers, (&Wanted::default(), came)).await
}

async fn looked(
    desk: &Arc<Desk>,
    caller: &Caller,
    headers: &HeaderMap,
    (wanted, came): (&Wanted, Result<Markup, Refusal>),
) -> Response {
    let lang = spoken(desk, headers);
    match all(desk, wanted).await {
        Ok(all) => {
            let world = desk.shared().world();
            let reader = Reader::new(desk, lang, caller, &world);
            let (status, said) = match came {
                Ok(said) => (StatusCode::OK, said),
                Err(refusal) => (
                    refusal.status(),
                    html! { div.notice.bad role="alert" { p { (sentence(&refusal, lang, &world.people)) } } },
                ),
            };
            let content = html! {
                div.head { h1 { (say(lang, t::SYSTEM)) } }
                (parts(&reader, Part::Accounts))
                (said)
                form.filters method="get" role="search" {
                    label { span { (say(lang, t::FIND_BY_NAME)) } input type="search" name="text" value=(wanted.text); }
                    button.plain type="submit" { (say(lang, t::FIND)) }
                }
                h2 #people { (say(lang, t::PEOPLE)) } (people(&reader, &all.people.items))
                (wanted.next(&reader, "people", all.people.next.as_ref()))
                h2 #sessions { (say(lang, t::SESSIONS)) } (sessions(&reader, &all.sessions.items))
                (wanted.next(&reader, "sessions", all.sessions.next.as_ref()))
                h2 #tokens { (say(lang, t::TOKENS)) } (tokens(&reader, &all.tokens.items))
                (wanted.next(&reader, "tokens", all.tokens.next.as_ref()))
            };
            console(status, page(&reader, Place::System, say(lang, t::ACCOUNTS), &content))
        }
        Err(refusal) => refused(&refusal, lang),
    }
}

fn people(reader: &Reader<'_>, all: &[AccountView]) -> Markup {
    let lang = reader.lang;
    html! {
        div.wide { table.rows {
            thead { tr { th { (say(lang, t::NAME)) } th { (say(lang, t::PASSWORD)) } th { (say(lang, t::SESSIONS)) } th { span.hidden { (say(lang, t::ACTS)) } } } }
            tbody { @for person in all { tr {
                td data-label=(say(lang, t::NAME)) { strong { (person.name) } " " span.key { (person.id) } }
                td data-label=(say(lang, t::PASSWORD)) {
                    @match &person.password_since { Some(since) => (reader.time(since)), None => span.soft { (say(lang, t::NO_PASSWORD)) } }
                }
                td data-label=(say(lang, t::SESSIONS)) { @if person.sessions > 0 { a href={ "/system/accounts?text=" (person.id) "#sessions" } { (person.sessions) } } @else { "0" } }
                td.row-acts {
                    form method="post" action={ "/system/accounts/" (person.id) "/invite" } { button.plain type="submit" aria-label={ (say(lang, t::INVITE)) " " (person.name) } { (say(lang, t::INVITE)) } }
                    @if person.sessions > 0 {
                        form method="post" action={ "/system/accounts/" (person.id) "/end-sessions" } { button.plain type="submit" aria-label={ (say(lang, t::END_SESSIONS)) " " (person.name) } { (say(lang, t::END_SESSIONS)) } }
                    }
                    @if person.password_since.is_some() || person.sessions > 0 {
                        form method="post" action={ "/system/accounts/" (person.id) "/shut-out" } { button.plain type="submit" aria-label={ (say(lang, t::SHUT_OUT)) " " (person.name) } { (say(lang, t::SHUT_OUT)) } }
                    }
                }
            } } }
        } }
    }
}

/// What a browser calls itself, as people know it; the word of one that nobody knows as it is.
fn browser(agent: &str) -> String {
    // Edge says that it is Chrome, and Chrome that it is Safari.
    let names = [("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari")];
    let systems = ["Windows", "Android", "iPhone", "iPad", "Mac OS X", "Linux"];
    let name = names.iter().find(|(sign, _)| agent.contains(sign)).map(|(_, name)| *name);
    let system = systems.iter().find(|system| agent.contains(**system));
    match (name, system) {
        (Some(name), Some(system)) => format!("{name}, {system}"),
        (Some(_) | None, Some(_) | None) => agent.chars().take(40).collect(),
    }
}

fn sessions(reader: &Reader<'_>, all: &[Session]) -> Markup {
    let lang = reader.lang;
    html! {
        @if all.is_empty() { p.soft { (say(lang, t::NOBODY_IS_IN)) } } @else {
            div.wide { table.rows {
                thead { tr { th { (say(lang, t::NAME)) } th { (say(lang, t::SINCE)) } th { (say(lang, t::LAST_SEEN)) } th { (say(lang, t::FROM_WHERE)) } th { span.hidden { (say(lang, t::ACTS)) } } } }
                tbody { @for session in all { tr {
                    td data-label=(say(lang, t::NAME)) { (reader.who(&session.person)) }
                    td data-label=(say(lang, t::SINCE)) { (reader.time(&session.begun.to_string())) }
                    td data-label=(say(lang, t::LAST_SEEN)) { (reader.time(&session.seen.to_string())) }
                    td.soft data-label=(say(lang, t::FROM_WHERE)) { (session.address) " · " (browser(&session.agent)) }
                    td.row-acts { form method="post" action={ "/system/sessions/" (session.id) "/end" } { button.plain type="submit" aria-label={ (say(lang, t::END_SESSION)) " " (reader.who(&session.person)) } { (say(lang, t::END_SESSION)) } } }
                } } }
            } }
        }
    }
}

fn tokens(reader: &Reader<'_>, all: &[Token]) -> Markup {
    let lang = reader.lang;
    html! {
        @if !all.is_empty() {
            div.wide { table.rows {
                thead { tr { th { (say(lang, t::NAME)) } th { (say(lang, t::MAY)) } th { (say(lang, t::EXPIRES)) } th { (say(lang, t::MADE_BY)) } th { span.hidden { (say(lang, t::ACTS)) } } } }
                tbody { @for token in all { tr {
                    td data-label=(say(lang, t::NAME)) { strong { (token.name) } @if let Some(person) = &token.person { " " span.soft { (reader.who(person)) } } }
                    td data-label=(say(lang, t::MAY)) { (role_word(token.may, lang)) @if !token.on.is_empty() { " · " (token.on.join(", ")) } }
                    td data-label=(say(lang, t::EXPIRES)) { (reader.time(&token.expires.to_string())) }
                    td.soft data-label=(say(lang, t::MADE_BY)) { (reader.who(&token.made_by)) }
                    td.row-acts { form method="post" action={ "/system/tokens/" (token.name) "/revoke" } { button.plain type="submit" aria-label={ (say(lang, t::REVOKE)) " " (token.name) } { (say(lang, t::REVOKE)) } } }
                } } }
            } }
        }
        details.more { summary { (say(lang, t::MAKE_TOKEN)) } (new_token(reader)) }
    }
}

fn new_token(reader: &Reader<'_>) -> Markup {
    let lang = reader.lang;
    html! {
        form.narrow method="post" action="/system/tokens" {
            div.field { label for="token-name" { (say(lang, t::NAME)) } input id="token-name" name="name" required maxlength="60" pattern="[A-Za-z0-9_.\\-]+"; }
            div.field { label for="token-may" { (say(lang, t::MAY)) }
                select id="token-may" name="may" { @for role in Role::ALL { option value=(role) { (role_word(role, lang)) } } }
            }
            div.field { label for="token-on" { (say(lang, t::ON_WORKFLOWS)) span.hint { (say(lang, t::MAY_BE_LEFT_EMPTY)) } } input id="token-on" name="on"; }
            div.field { label for="token-person" { (say(lang, t::IN_WHOSE_NAME)) span.hint { (say(lang, t::MAY_BE_LEFT_EMPTY)) } }
                select id="token-person" name="person" {
                    option value="" { "—" }
                    @for (id, person) in &reader.world.people.people { option value=(id) { (person.name) } }
                }
            }
            div.field { label for="token-days" { (say(lang, t::FOR_DAYS)) } input id="token-days" name="days" type="number" min="1" max="366" value="90" required; }
            button type="submit" { (say(lang, t::MAKE_TOKEN)) }
        }
    }
}

/// Back to the page, or to why nothing was done.
async fn back<T>(
    desk: &Arc<Desk>,
    caller: &Caller,
    headers: &HeaderMap,
    done: Result<T, Refusal>,
) -> Response {
    match done {
        Ok(_) => Redirect::to("/system/accounts").into_response(),
        Err(refusal) => shown(desk, caller, headers, Err(refusal)).await,
    }
}

pub(crate) async fn invite(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Named(id): Named<String>,
) -> Response {
    let lang = spoken(&desk, &headers);
    let invited = api::invite(State(desk.clone()), caller.clone(), Named(id)).await;
    let came = invited.map(|invited| {
        html! {
            div.notice.good role="status" {
                p { (say_with(lang, t::INVITED, &[&invited.0.person])) }
                p { code { (invited.0.link) } }
            }
        }
    });
    shown(&desk, &caller, &headers, came).await
}

pub(crate) async fn shut_out(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Named(id): Named<String>,
) -> Response {
    let done = api::shut_out(State(desk.clone()), caller.clone(), Named(id)).await;
    back(&desk, &caller, &headers, done).await
}

pub(crate) async fn end_sessions(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Named(id): Named<String>,
) -> Response {
    let done = api::end_sessions(State(desk.clone()), caller.clone(), Named(id)).await;
    back(&desk, &caller, &headers, done).await
}

pub(crate) async fn end_session(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Named(id): Named<String>,
) -> Response {
    let done = api::end_session(State(desk.clone()), caller.clone(), Named(id)).await;
    back(&desk, &caller, &headers, done).await
}

pub(crate) async fn revoke(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Named(name): Named<String>,
) -> Response {
    let done = api::revoke(State(desk.clone()), caller.clone(), Named(name)).await;
    back(&desk, &caller, &headers, done).await
}

pub(crate) async fn make_token(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    form: Form,
) -> Response {
    let lang = spoken(&desk, &headers);
    let made = async {
        let may = form.text("may").parse::<Role>();
        let making = Making {
            name: form.text("name").trim().to_owned(),
            person: form.word("person"),
            may: may.map_err(|()| Refusal::Unreadable(format!("`{}` is not a role", form.text("may"))))?,
            on: form
                .text("on")
                .split([',', ' ', '、'])
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
            days: form.text("days").parse().ok(),
        };
        api::made(&desk, &caller, making).await
    };
    let came = made.await.map(|made| {
        html! {
            div.notice.good role="status" {
                p { (say_with(lang, t::TOKEN_MADE, &[&made.name])) }
                p { code { (made.token) } }
            }
        }
    });
    shown(&desk, &caller, &headers, came).await
}
