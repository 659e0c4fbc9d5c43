//! The door: signing in and out, and the page of an invitation, where somebody chooses a password.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use yizhan_access::{Asked as Act, Outcome, Secret, Unfit, fit};
use yizhan_workflow::people::{Person, bare};
use yizhan_workflow::problem::Lang;

use super::kept::{self, Kept};
use super::{answered, apart, refused, spoken};
use crate::body::{Asked, Form, Named};
use crate::caller::{COOKIE, Caller, LAST, cookie, same_origin, written};
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::words::{catalogue as t, say, say_with};

/// Where somebody who has signed in goes, if they came from nowhere.
const HOME: &str = "/";
const NAME_LONGEST: usize = 200;

#[derive(Debug, Deserialize)]
pub(crate) struct Way {
    #[serde(default)]
    to: String,
}

/// Only a path of this house: a link from elsewhere must not send people on.
pub(super) fn within(to: &str) -> &str {
    let inside =
        to.starts_with('/') && !to.starts_with("//") && !to.contains('\\') && !to.contains(char::is_control);
    if inside { to } else { HOME }
}

pub(crate) async fn sign_in(
    State(desk): State<Arc<Desk>>,
    Asked(way): Asked<Way>,
    headers: HeaderMap,
) -> Response {
    let lang = spoken(&desk, &headers);
    answered(StatusCode::OK, sign_in_page(lang, &Entry { to: within(&way.to), ..Entry::default() }))
}

/// The door, for whoever sent a form when their session was over.
pub(super) fn asked_again(lang: Lang, kept: Option<&Kept>) -> Response {
    let entry = Entry { to: HOME, kept, ..Entry::default() };
    answered(StatusCode::UNAUTHORIZED, sign_in_page(lang, &entry))
}

/// Takes name and password, and answers with the cookie of a new session.
pub(crate) async fn signed_in(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let lang = spoken(&desk, &headers);
    let form = match Form::up_to(request, &desk, kept::SIGN_IN_MAX).await {
        Ok(form) => form,
        Err(refusal) => return refused(&refusal, lang),
    };
    let (name, to, kept) = (form.text("name").trim(), within(form.text("to")), Kept::in_form(&form));
    match enter(&desk, &caller, &headers, name, form.text("password")).await {
        Ok(word) => {
            let (id, own) = (id_of(&desk, name), called(&desk, name));
            let back = match kept.filter(|kept| !kept.is_lost()) {
                Some(kept) => match kept.of_another(&id) {
                    Some(by) => Kept::withheld(lang, (&own, &called_so(&desk, by))),
                    None => kept.offered(lang, &own),
                },
                None => Redirect::to(to).into_response(),
            };
            with_cookie(back, Some((&word, &id)))
        }
        Err(refusal) => {
            let entry = Entry { to, name, refusal: Some(&refusal), kept: kept.as_ref() };
            answered(refusal.status(), sign_in_page(lang, &entry))
        }
    }
}

/// How somebody is called, by what they came in with.
fn called(desk: &Desk, name: &str) -> String {
    let id = id_of(desk, name);
    desk.shared().world().people.people.get(&id).map_or(id, |person| person.name.clone())
}

/// How somebody is called, by what their browser keeps of them.
fn called_so(desk: &Desk, by: &str) -> String {
    let world = desk.shared().world();
    let person = world.people.people.iter().find(|(id, _)| written(id) == by);
    person.map_or_else(|| by.to_owned(), |(_, person)| person.name.clone())
}

async fn enter(
    desk: &Desk,
    caller: &Caller,
    headers: &HeaderMap,
    name: &str,
    password: &str,
) -> Result<Secret, Refusal> {
    if !same_origin(headers) {
        return Err(Refusal::CrossSite);
    }
    if name.is_empty() || name.chars().count() > NAME_LONGEST {
        return Err(Refusal::NotKnown);
    }
    let now = desk.shared().now();
    let id = id_of(desk, name);
    if let Some(wait) = desk.access.guessing.try_at(&id, caller.from, now) {
        return Err(Refusal::Guessing(wait));
    }
    let act = |who: String| Act {
        at: now,
        who,
        from: address(caller),
        session: None,
        act: "/sign-in".to_owned(),
        on: id.clone(),
    };
    let here = desk.shared().world().people_at(now).person(&id).is_some();
    // The same work for everybody, so that the time does not tell who has an account.
    if !desk.access.knows(&id, password).await? || !here {
        let of = desk.access.asked(act("stranger".to_owned())).await?;
        desk.access.answered(Outcome { at: now, of, status: 401, ..Outcome::default() }).await?;
        return Err(Refusal::NotKnown);
    }
    desk.access.guessing.forgive(&id, caller.from);
    let of = desk.access.asked(act(format!("person:{id}"))).await?;
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let word = desk.access.enter((&id, password), &address(caller), agent, now).await?;
    let status = if word.is_some() { 303 } else { 401 };
    desk.access.answered(Outcome { at: now, of, status, ..Outcome::default() }).await?;
    word.ok_or(Refusal::NotKnown)
}

fn address(caller: &Caller) -> String {
    caller.from.map(|from| from.to_string()).unwrap_or_default()
}

/// The bare id of whoever is meant: by id, by mail address, or by a name that nobody else has.
fn id_of(desk: &Desk, name: &str) -> String {
    let world = desk.shared().world();
    let all = &world.people.people;
    if all.contains_key(bare(name)) {
        return bare(name).to_owned();
    }
    let is_meant = |person: &Person| {
        person.name == name || person.mail.as_deref().is_some_and(|mail| mail.eq_ignore_ascii_case(name))
    };
    let mut meant = all.iter().filter(|(_, person)| is_meant(person));
    match (meant.next(), meant.next()) {
        (Some((id, _)), None) => id.clone(),
        _ => bare(name).to_owned(),
    }
}

pub(crate) async fn sign_out(State(desk): State<Arc<Desk>>, headers: HeaderMap) -> Result<Response, Refusal> {
    if let Some(word) = cookie(&headers) {
        desk.access.end(word).await?;
    }
    Ok(with_cookie(Redirect::to("/sign-in").into_response(), None))
}

/// A session's cookie; without a word it is taken back.
fn with_cookie(mut answer: Response, entered: Option<(&Secret, &str)>) -> Response {
    let (word, age) = entered.map_or(("", 0), |(word, _)| (word.reveal(), 12 * 3_600));
    let (last, known) = entered.map_or((String::new(), 0), |(_, id)| (written(id), 7 * 24 * 3_600));
    for (name, value, age) in [(COOKIE, word, age), (LAST, &*last, known)] {
        let cookie = format!("{name}={value}; Path=/; Max-Age={age}; Secure; HttpOnly; SameSite=Lax");
        if let Ok(mut cookie) = HeaderValue::from_str(&cookie) {
            cookie.set_sensitive(true);
            answer.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

pub(crate) async fn invitation(
    State(desk): State<Arc<Desk>>,
    Named(word): Named<String>,
    headers: HeaderMap,
) -> Response {
    let lang = spoken(&desk, &headers);
    match invited(&desk, &word) {
        Ok(Some((id, name))) => answered(StatusCode::OK, invitation_page(lang, (&id, &name), None)),
        Ok(None) => answered(StatusCode::GONE, void_page(lang)),
        Err(refusal) => answered(
            refusal.status(),
            sign_in_page(lang, &Entry { to: HOME, refusal: Some(&refusal), ..Entry::default() }),
        ),
    }
}

/// The id and the name of whom a word invites.
fn invited(desk: &Desk, word: &str) -> Result<Option<(String, String)>, Refusal> {
    let now = desk.shared().now();
    let invitation = desk.access.invitation(word, now)?;
    let world = desk.shared().world();
    let present = world.people_at(now);
    Ok(invitation.and_then(|invitation| {
        let name = present.person(&invitation.person)?.name.clone();
        Some((invitation.person, name))
    }))
}

pub(crate) async fn accepted(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(word): Named<String>,
    headers: HeaderMap,
    form: Form,
) -> Response {
    let lang = spoken(&desk, &headers);
    accept(&desk, &caller, &word, &headers, &form).await.unwrap_or_else(|refusal| {
        answered(
            refusal.status(),
            sign_in_page(lang, &Entry { to: HOME, refusal: Some(&refusal), ..Entry::default() }),
        )
    })
}

async fn accept(
    desk: &Desk,
    caller: &Caller,
    word: &str,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Response, Refusal> {
    let lang = spoken(desk, headers);
    if !same_origin(headers) {
        return Err(Refusal::CrossSite);
    }
    let now = desk.shared().now();
    let invitation = desk.access.invitation(word, now)?;
    let (Some(invitation), Some((_, name))) = (invitation, invited(desk, word)?) else {
        return Ok(answered(StatusCode::GONE, void_page(lang)));
    };
    let (password, again) = (form.text("password"), form.text("again"));
    let fault = if password == again {
        fit(password, &invitation.person).err().map(|why| unfit(why, lang))
    } else {
        Some(say(lang, t::PASSWORDS_DIFFER))
    };
    if let Some(fault) = fault {
        return Ok(answered(
            StatusCode::UNPROCESSABLE_ENTITY,
            invitation_page(lang, (&invitation.person, &name), Some(fault)),
        ));
    }
    let who = format!("person:{}", invitation.person);
    let asked = Act {
        at: now,
        who,
        from: address(caller),
        session: None,
        act: "/invitation".to_owned(),
        on: String::new(),
    };
    let of = desk.access.asked(asked).await?;
    let done = desk.access.accept(word, password, now).await?.is_some();
    let status = if done { 303 } else { 410 };
    desk.access.answered(Outcome { at: now, of, status, ..Outcome::default() }).await?;
    if !done {
        return Ok(answered(StatusCode::GONE, void_page(lang)));
    }
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let entered = desk.access.enter((&invitation.person, password), &address(caller), agent, now).await?;
    Ok(match entered {
        Some(word) => with_cookie(Redirect::to(HOME).into_response(), Some((&word, &invitation.person))),
        None => Redirect::to("/sign-in").into_response(),
    })
}

fn unfit(why: Unfit, lang: Lang) -> &'static str {
    match why {
        Unfit::Short => say(lang, t::PASSWORD_SHORT),
        Unfit::Long => say(lang, t::PASSWORD_LONG),
        Unfit::Name => say(lang, t::PASSWORD_IS_NAME),
        Unfit::Common => say(lang, t::PASSWORD_COMMON),
    }
}

fn trouble(refusal: &Refusal, lang: Lang) -> String {
    if let Refusal::Guessing(wait) = refusal {
        return say_with(lang, t::TRY_TOO_OFTEN, &[&wait.to_string()]);
    }
    let text = if matches!(refusal, Refusal::NotKnown) {
        t::NAME_OR_PASSWORD_WRONG
    } else if matches!(refusal, Refusal::CrossSite) {
        t::NOT_FROM_THIS_PAGE
    } else {
        t::CANNOT_BE_DONE_NOW
    };
    say(lang, text).to_owned()
}

fn notice(words: &str) -> Markup {
    html! { div.notice.bad role="alert" { p { (words) } } }
}

/// What the door shows: where somebody goes from there, what they wrote, and what they bring.
#[derive(Default)]
struct Entry<'e> {
    to: &'e str,
    name: &'e str,
    refusal: Option<&'e Refusal>,
    kept: Option<&'e Kept>,
}

fn sign_in_page(lang: Lang, entry: &Entry<'_>) -> String {
    let (title, name) = (say(lang, t::SIGN_IN), entry.name);
    let content = html! {
        h1 { (title) }
        @if let Some(refusal) = entry.refusal { (notice(&trouble(refusal, lang))) }
        @if let Some(kept) = entry.kept { (kept.notice(lang)) }
        form method="post" action="/sign-in" {
            input type="hidden" name="to" value=(entry.to);
            @if let Some(kept) = entry.kept { (kept.hidden()) }
            div.field {
                label for="name" { (say(lang, t::NAME)) }
                p.hint { (say(lang, t::ID_OR_MAIL)) }
                input id="name" name="name" value=(name) autocomplete="username" autocapitalize="none" required autofocus;
            }
            div.field {
                label for="password" { (say(lang, t::PASSWORD)) }
                input id="password" name="password" type="password" autocomplete="current-password" required;
            }
            button type="submit" { (title) }
        }
    };
    apart(lang, title, &content)
}

fn invitation_page(lang: Lang, (id, name): (&str, &str), fault: Option<&str>) -> String {
    let title = say(lang, t::CHOOSE_A_PASSWORD);
    let content = html! {
        h1 { (title) }
        p { (say(lang, t::HELLO)) (name) (say(lang, t::FULL_STOP)) }
        @if let Some(fault) = fault { (notice(fault)) }
        form method="post" {
            // For whatever keeps passwords: under which name this one is asked for later.
            div.field {
                label for="name" { (say(lang, t::NAME)) }
                input id="name" name="name" value=(id) autocomplete="username" readonly;
            }
            div.field {
                label for="password" { (say(lang, t::PASSWORD)) }
                p.hint { (say(lang, t::PASSWORD_HINT)) }
                input id="password" name="password" type="password" autocomplete="new-password" minlength="10" maxlength="200" required autofocus;
            }
            div.field {
                label for="again" { (say(lang, t::ONCE_MORE)) }
                input id="again" name="again" type="password" autocomplete="new-password" required;
            }
            button type="submit" { (title) }
            p.hint { (say(lang, t::SIGNED_OUT_ELSEWHERE)) }
        }
    };
    apart(lang, title, &content)
}

fn void_page(lang: Lang) -> String {
    let title = say(lang, t::THIS_INVITATION_IS_VOID);
    let content = html! {
        h1 { (title) }
        p {
            (say(lang, t::INVITATION_RULES))
        }
        p { a href="/sign-in" { (say(lang, t::GO_SIGN_IN)) } }
    };
    apart(lang, title, &content)
}
