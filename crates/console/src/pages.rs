//! Pages for browsers. Plain HTML, read on phones, in mail programs, without scripts.

pub(crate) mod door;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};
use yizhan_workflow::problem::Lang;

use crate::desk::Desk;
use crate::house::Language;
use crate::words::{first_spoken, say};

/// `../assets`: the address may have a path of a proxy's before it.
pub(crate) fn whole(lang: Lang, title: &str, content: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang=(say(lang, "zh-CN", "en")) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="stylesheet" href="../assets/page.css";
            }
            body {
                main { (content) }
                footer { (say(lang, "驿站", "Yizhan")) }
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

/// A page that nobody keeps, frames, or is told about, and in which nothing but our stylesheet is loaded.
pub(crate) fn answered(status: StatusCode, page: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::VARY, "accept-language"),
    ];
    let robots = [("x-robots-tag", "noindex, nofollow"), ("cross-origin-opener-policy", "same-origin")];
    (status, headers, robots, page).into_response()
}

/// The one stylesheet.
pub(crate) async fn style() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, include_str!("pages/page.css")).into_response()
}
