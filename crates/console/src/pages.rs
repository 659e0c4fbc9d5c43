//! Pages for browsers. Plain HTML, read on phones, in mail programs; what the console shows follows what happens where scripts
//! run, and works where none do.

pub(crate) mod assets;
pub(crate) mod cases;
mod clock;
pub(crate) mod door;
pub(crate) mod fields;
pub(crate) mod given;
pub(crate) mod kept;
pub(crate) mod labels;
pub(crate) mod registers;
pub(crate) mod run;
pub(crate) mod runs;
mod said;
mod shell;
pub(crate) mod system;
pub(crate) mod tasks;
mod typed;
pub(crate) mod workflows;

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{DOCTYPE, Markup, html};
use yizhan_workflow::problem::Lang;

use self::kept::Kept;
pub(crate) use self::said::sentence;
use crate::caller::{Caller, same_origin};
use crate::desk::Desk;
use crate::house::Language;
use crate::refusal::Refusal;
use crate::words::{catalogue as t, first_spoken, say};

/// Of a link in a mail. `../assets`: the address may have a path of a proxy's before it.
pub(crate) fn whole(lang: Lang, title: &str, content: &Markup) -> String {
    framed(lang, title, "../assets/", content)
}

/// The same with a form in it, of which somebody on a slow line sees how much is sent.
pub(crate) fn whole_form(lang: Lang, title: &str, content: &Markup, most: usize) -> String {
    let script = html! {
        @for script in ["send.js", "files.js"] { script src={ "../assets/" (assets::named(script)) } defer {} }
    };
    framed_with(lang, title, ("../assets/", &script), &html! { (content) (shell::sending(lang, most)) })
}

/// A page without the way around, at whatever address of the console.
pub(crate) fn apart(lang: Lang, title: &str, content: &Markup) -> String {
    framed(lang, title, "/assets/", content)
}

fn framed(lang: Lang, title: &str, folder: &str, content: &Markup) -> String {
    framed_with(lang, title, (folder, &html! {}), content)
}

fn framed_with(lang: Lang, title: &str, (folder, scripts): (&str, &Markup), content: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang=(say(lang, t::LANG_TAG)) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="stylesheet" href={ (folder) (assets::named("page.css")) };
                (scripts)
            }
            body {
                main { (content) }
                footer { (say(lang, t::YIZHAN)) }
            }
        }
    };
    page.into_string()
}

/// The first language of the reader's that we speak; else the house's.
pub(crate) fn spoken(desk: &Desk, headers: &HeaderMap) -> Lang {
    let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|wanted| wanted.to_str().ok());
    wanted.and_then(first_spoken).unwrap_or_else(|| match desk.house.language() {
        Language::Zh => Lang::Zh,
        Language::En => Lang::En,
    })
}

/// A page in which nothing but our stylesheet is loaded.
pub(crate) fn answered(status: StatusCode, page: String) -> Response {
    const PLAIN: &str =
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    alone(status, PLAIN, page)
}

/// A page in which our scripts run and ask us alone.
pub(crate) fn console(status: StatusCode, page: String) -> Response {
    const LIVE: &str = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
                        script-src 'self'; connect-src 'self'";
    alone(status, LIVE, page)
}

/// A page that nobody keeps, frames, or is told about.
fn alone(status: StatusCode, policy: &'static str, page: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::VARY, "accept-language"),
    ];
    let robots = [("x-robots-tag", "noindex, nofollow"), ("cross-origin-opener-policy", "same-origin")];
    (status, headers, robots, page).into_response()
}

/// Whoever is known begins with what is theirs.
pub(crate) async fn home() -> Redirect {
    Redirect::to("/tasks")
}

/// A stranger who asks for a page is led to the door, and from there to what they wanted. A form of ours that comes when the
/// session is over is carried along; one of another site is not: its texts would be sent on in somebody's name.
pub(crate) async fn turned_away(desk: &Arc<Desk>, refusal: &Refusal, request: Request) -> Response {
    let lang = spoken(desk, request.headers());
    if !matches!(refusal, Refusal::Unknown) {
        return refused(refusal, lang);
    }
    if request.method() == Method::GET {
        let to = request.uri().path_and_query().map_or("/", |to| to.as_str());
        let to: String = form_urlencoded::byte_serialize(to.as_bytes()).collect();
        return Redirect::to(&format!("/sign-in?to={to}")).into_response();
    }
    if request.method() != Method::POST || !same_origin(request.headers()) {
        return refused(refusal, lang);
    }
    // Whoever wants to leave has left.
    let leaves = request.uri().path() == "/sign-out";
    let kept = if leaves { None } else { Some(Kept::of(desk, request).await) };
    door::asked_again(lang, kept.as_ref())
}

/// What a page says that is none, for `around`.
#[derive(Clone)]
struct Refused(String);

/// A page that says why there is none. Who people are only those are told who are known, by `around`.
pub(crate) fn refused(refusal: &Refusal, lang: Lang) -> Response {
    let (title, said) = (say(lang, t::THIS_PAGE_CANNOT_BE_SHOWN), said::whole(refusal, lang));
    let mut response = answered(refusal.status(), apart(lang, title, &no_page(lang, &said::plain(&said))));
    response.extensions_mut().insert(Refused(said));
    response
}

fn no_page(lang: Lang, why: &str) -> Markup {
    html! {
        h1 { (say(lang, t::THIS_PAGE_CANNOT_BE_SHOWN)) }
        div.notice.bad role="alert" { p { (why) } }
        p { a href="/tasks" { (say(lang, t::BACK_TO_MY_TASKS)) } }
    }
}

/// What answers at this address answers to programs, in theirs.
pub(crate) fn is_for_programs(path: &str) -> bool {
    ["/api/", "/hooks/", "/health/", "/metrics"].iter().any(|begin| path.starts_with(begin))
}

/// Where somebody wants to go, and in which language they read.
pub(crate) struct Way {
    place: shell::Place,
    lang: Lang,
}

impl Way {
    /// None: no page is asked for.
    pub(crate) fn of(desk: &Desk, request: &Request) -> Option<Self> {
        let path = request.uri().path();
        let place = shell::Place::at(path);
        (!is_for_programs(path)).then(|| Self { place, lang: spoken(desk, request.headers()) })
    }

    /// Whoever is known and gets no page can still go on to the others. What was refused before its page was asked is said in
    /// a page too.
    pub(crate) fn around(&self, desk: &Desk, caller: &Caller, answer: Response) -> Response {
        let bare = answer.extensions().get::<Arc<Refusal>>().cloned();
        let answer = bare.map_or(answer, |refusal| refused(&refusal, self.lang));
        let Some(Refused(said)) = answer.extensions().get::<Refused>().cloned() else { return answer };
        if caller.who.is_none() {
            return answer;
        }
        let world = desk.shared().world();
        let reader = shell::Reader::new(desk, self.lang, caller, &world);
        let title = say(self.lang, t::THIS_PAGE_CANNOT_BE_SHOWN);
        let why = said::plain(&said::named(&said, &world.people));
        console(answer.status(), shell::page(&reader, self.place, title, &no_page(self.lang, &why)))
    }
}
