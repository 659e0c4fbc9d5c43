//! The place of registers and figures: they have no pages yet, and whoever looks for them learns where they are.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use maud::html;

use super::shell::{Place, Reader, page};
use super::{console, spoken};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::words::{catalogue as t, say};

/// What is typed at the server: the first for registers, the second for figures.
const COMMANDS: [&str; 2] = ["yizhan register", "yizhan query"];

pub(crate) async fn show(State(desk): State<Arc<Desk>>, caller: Caller, headers: HeaderMap) -> Response {
    let lang = spoken(&desk, &headers);
    let world = desk.shared().world();
    let reader = Reader::new(&desk, lang, &caller, &world);
    let [registers, figures] = COMMANDS;
    let content = html! {
        div.head { h1 { (say(lang, t::REGISTERS)) } }
        p { (say(lang, t::REGISTERS_ARE)) " " code { (registers) } (say(lang, t::FIGURES_ARE)) " " code { (figures) } (say(lang, t::FULL_STOP)) }
        p.soft { (say(lang, t::REGISTERS_ASK)) }
    };
    console(StatusCode::OK, page(&reader, Place::Registers, say(lang, t::REGISTERS), &content))
}
