//! The page of a task that is over: what became of it and when, and what whoever looks answered themselves.

use maud::{Markup, html};
use yizhan_engine::store::TaskState;

use super::super::fields;
use super::super::shell::Reader;
use crate::api::past::{OwnAnswer, Past};
use crate::words::{catalogue as t, outcome_word, say, say_with};

pub(super) fn content(reader: &Reader<'_>, past: &Past, said: Option<&str>) -> Markup {
    let lang = reader.lang;
    html! {
        p.crumbs { a href="/tasks" { (say(lang, t::MY_TASKS)) } " › " (past.case) }
        h1 { (past.title) }
        // The open page of the task takes this over, so it is what comes first.
        div.notice role="status" {
            p { (became(reader, past)) }
            @if said.is_some() { p { (say(lang, t::NOTHING_MORE_RECORDED)) } }
        }
        @if let Some((answer, step, text)) = &past.answer {
            section.narrow aria-label=(say(lang, t::MY_ANSWER)) {
                h2 { (say(lang, t::MY_ANSWER)) }
                dl { @for (label, value) in fields::brought(answer.get(), fields::asked_by(text, step), reader) { dt { (label) } dd { (value) } } }
            }
        }
        p {
            @if let Some(run) = past.run { a href={ "/runs/" (run) } { (say(lang, t::TO_THE_CASE)) } " · " }
            a href="/tasks" { (say(lang, t::BACK_TO_MY_TASKS)) }
        }
    }
}

/// What whoever looks answered, the newest first.
pub(super) fn rows(reader: &Reader<'_>, all: &[OwnAnswer]) -> Markup {
    let lang = reader.lang;
    html! {
        @if all.is_empty() { p.empty { (say(lang, t::NO_CASES)) } } @else {
            div.wide { table.rows {
                thead { tr { th { (say(lang, t::TASK)) } th { (say(lang, t::CASE)) } th { (say(lang, t::PART_OUTCOME)) } th { (say(lang, t::AT)) } } }
                tbody { @for one in all { tr {
                    td data-label=(say(lang, t::TASK)) { a href={ "/tasks/" (one.id) } { (one.title) } }
                    td data-label=(say(lang, t::CASE)) { (one.case) }
                    td data-label=(say(lang, t::PART_OUTCOME)) { (outcome_word(lang, one.end.outcome.as_deref().unwrap_or("done"))) }
                    td.soft data-label=(say(lang, t::AT)) { (reader.time(&one.end.at.to_string())) }
                } } }
            } }
        }
    }
}

/// What became of it, by whom and when.
fn became(reader: &Reader<'_>, past: &Past) -> String {
    let (lang, end) = (reader.lang, &past.end);
    let at = reader.time(&end.at.to_string());
    // That it is done is what is said.
    let outcome = end.outcome.as_deref().filter(|outcome| *outcome != "done");
    let outcome = outcome.map_or_else(String::new, |outcome| format!(" · {}", outcome_word(lang, outcome)));
    let by = end.by.as_deref().map(|by| reader.who(by));
    let said = match (end.state, by) {
        (TaskState::Answered, _) if past.own => say_with(lang, t::ANSWERED_BY_YOU, &[&at]),
        (TaskState::Answered, Some(by)) => say_with(lang, t::ANSWERED_BY, &[&by, &at]),
        (TaskState::Decided, _) => say_with(lang, t::DECIDED_AT, &[&at]),
        (TaskState::Answered | TaskState::Open | TaskState::Withdrawn, _) => {
            say_with(lang, t::WITHDRAWN_AT, &[&at])
        }
    };
    format!("{said}{outcome}")
}
