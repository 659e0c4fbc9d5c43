//! The last lines of the daemon's log, for administrators who have no terminal at hand.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::super::shell::{Place, Reader, page};
use super::super::{console, refused, spoken};
use super::{Part, parts};
use crate::api::log as api;
use crate::body::Asked;
use crate::caller::Caller;
use crate::desk::Desk;
use crate::house::{LogLevel, LogLine};
use crate::refusal::Refusal;
use crate::words::{Text, catalogue as t, say, say_with};

const LINES: usize = 200;

/// The levels that one may ask for, each with those that are graver.
const LEVELS: [(&str, Option<LogLevel>, Text); 4] = [
    ("", None, t::LOG_ALL),
    ("info", Some(LogLevel::Info), t::LOG_INFO),
    ("warn", Some(LogLevel::Warn), t::LOG_WARN),
    ("error", Some(LogLevel::Error), t::LOG_ERROR),
];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Sought {
    level: String,
    text: String,
}

pub(crate) async fn show(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Asked(sought): Asked<Sought>,
) -> Response {
    let lang = spoken(&desk, &headers);
    let Some((_, level, _)) = LEVELS.iter().find(|(word, _, _)| *word == sought.level) else {
        return refused(&Refusal::Address(format!("`{}` is no level", sought.level)), lang);
    };
    let wanted = api::Wanted { level: *level, text: Some(sought.text.clone()), limit: Some(LINES) };
    match api::show(State(desk.clone()), Asked(wanted)).await {
        Ok(found) => {
            let world = desk.shared().world();
            let reader = Reader::new(&desk, lang, &caller, &world);
            let content = content(&reader, &found.0.items, &sought);
            console(StatusCode::OK, page(&reader, Place::System, say(lang, t::LOG), &content))
        }
        Err(refusal) => refused(&refusal, lang),
    }
}

fn content(reader: &Reader<'_>, lines: &[LogLine], sought: &Sought) -> Markup {
    let lang = reader.lang;
    html! {
        div.head { h1 { (say(lang, t::SYSTEM)) } }
        (parts(reader, Part::Log))
        form.filters method="get" role="search" {
            label { span { (say(lang, t::LOG_LEVEL)) }
                select name="level" { @for (word, _, text) in LEVELS { option value=(word) selected[word == sought.level] { (say(lang, text)) } } }
            }
            label { span { (say(lang, t::LOG_WORDS)) } input type="search" name="text" value=(sought.text); }
            button.plain type="submit" { (say(lang, t::FIND)) }
        }
        p.hint { (say_with(lang, t::LOG_IS, &[&LINES.to_string()])) }
        @if lines.is_empty() { p.empty { (say(lang, t::NO_LINES)) } } @else {
            ol.log { @for line in lines { (row(reader, line)) } }
        }
    }
}

fn row(reader: &Reader<'_>, line: &LogLine) -> Markup {
    let (class, word) = match line.level {
        LogLevel::Error => ("failed", t::LOG_ERROR_ONE),
        LogLevel::Warn => ("late", t::LOG_WARN_ONE),
        LogLevel::Info => ("", t::LOG_INFO_ONE),
        LogLevel::Debug => ("", t::LOG_DEBUG_ONE),
    };
    html! {
        li {
            time.soft datetime=(line.at) { (reader.clock(&line.at)) }
            span class={ "chip " (class) } { (say(reader.lang, word)) }
            // A fault with its caret stands as it does on a terminal.
            @if line.text.contains('\n') { div.said { pre tabindex="0" { (line.text) } (part(reader, &line.of)) } }
            @else { span.said { (line.text) " " (part(reader, &line.of)) } }
        }
    }
}

/// Which part of the house says it; its whole name for whoever looks for it in the source.
fn part(reader: &Reader<'_>, of: &str) -> Markup {
    let krate = of.split("::").next().unwrap_or_default();
    let text = match krate.strip_prefix("yizhan").map_or(krate, |part| part.trim_start_matches('_')) {
        "console" => t::PART_PAGES,
        "engine" | "workflow" => t::PART_ENGINE,
        "store" => t::PART_STORE,
        "access" => t::PART_ACCESS,
        "plugin" | "plugin_host" => t::PLUGINS,
        "" | "daemon" => t::PART_DAEMON,
        _ => return html! { code.soft { (of) } },
    };
    html! { span.soft title=(of) { (say(reader.lang, text)) } }
}
