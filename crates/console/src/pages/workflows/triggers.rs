//! What starts a workflow: when it fires next, and what became of what fired.

use maud::{Markup, html};
use yizhan_workflow::problem::Lang;

use super::super::shell::Reader;
use super::kind_word;
use crate::view::{FiringView, TriggerView};
use crate::words::{Text, catalogue as t, say, say_with};

/// Firings ahead and behind on a page.
const SHOWN: usize = 6;

pub(super) fn all(reader: &Reader<'_>, all: &[TriggerView]) -> Markup {
    html! { @if !all.is_empty() { h2 { (say(reader.lang, t::STARTED_BY)) } @for trigger in all { (one(reader, trigger)) } } }
}

fn one(reader: &Reader<'_>, trigger: &TriggerView) -> Markup {
    let lang = reader.lang;
    let ahead = trigger.next.iter().chain(&trigger.gathers).take(SHOWN);
    let ahead: Vec<String> = ahead.map(|at| reader.time(at)).collect();
    html! {
        div.trigger {
            p { strong { (trigger.trigger) } " " span.chip { (say(lang, kind_word(&trigger.kind))) } " " code { (trigger.what) } }
            @if !ahead.is_empty() { p.soft { (say(lang, t::NEXT_FIRINGS)) (ahead.join(say(lang, t::LIST_COMMA))) } }
            @for entry in trigger.entries.iter().take(SHOWN) { p.soft { (reader.time(&entry.at)) " · " (entry.number) " (" (entry.day) ")" } }
            @if let Some(kept) = trigger.gathered { p.soft { (say_with(lang, t::GATHERED_WAIT, &[&kept.to_string()])) } }
            (firings(reader, &trigger.last, SHOWN))
        }
    }
}

/// What became of what fired, the newest first.
pub(in crate::pages) fn firings(reader: &Reader<'_>, all: &[FiringView], most: usize) -> Markup {
    html! {
        @if !all.is_empty() {
            ul.firings { @for firing in all.iter().take(most) { li {
                (reader.time(&firing.at)) " "
                span.chip.late[is_bad(&firing.outcome)] { (word(reader.lang, &firing.outcome)) }
                @if let Some(run) = &firing.run { " " a href={ "/runs/" (run) } { (run) } }
            } } }
        }
    }
}

/// What did not go as it was meant to.
fn is_bad(outcome: &str) -> bool {
    matches!(outcome, "rejected" | "skipped" | "late" | "missed" | "failed")
}

fn word(lang: Lang, outcome: &str) -> &'static str {
    let text: Text = match outcome {
        "started" => t::FIRED_STARTED,
        "joined" => t::FIRED_JOINED,
        "rejected" => t::FIRED_REJECTED,
        "skipped" => t::STEP_SKIPPED,
        "late" => t::FIRED_LATE,
        "missed" => t::FIRED_MISSED,
        "queued" => t::WAITS_SLOT,
        "gathered" => t::FIRED_GATHERED,
        _ => t::STATE_FAILED,
    };
    say(lang, text)
}
