//! Plugins: what they do, how it goes, and what they cost.

use maud::{Markup, html};
use yizhan_workflow::problem::{Lang, cause, sort_word};

use super::super::shell::Reader;
use crate::house::{CostView, PluginView};
use crate::words::{Text, catalogue as t, say, say_with};

pub(super) fn rows(reader: &Reader<'_>, all: &[PluginView]) -> Markup {
    let lang = reader.lang;
    html! {
        div.wide { table.rows {
            thead { tr {
                th { (say(lang, t::PLUGIN)) } th { (say(lang, t::STATE)) } th { (say(lang, t::CALLS)) }
                th { (say(lang, t::TAKES)) } th { (say(lang, t::COSTS)) } th { (say(lang, t::ISOLATION)) }
            } }
            tbody { @for plugin in all { (row(reader, plugin)) } }
        } }
    }
}

fn row(reader: &Reader<'_>, plugin: &PluginView) -> Markup {
    let lang = reader.lang;
    html! {
        tr id={ "plugin-" (plugin.id) } {
            td data-label=(say(lang, t::PLUGIN)) {
                strong { (plugin.id) } " " span.soft { (plugin.version) }
                details.values { summary { (say(lang, t::ACTIONS)) " · " (plugin.actions.len()) }
                    ul.plain-list { @for action in &plugin.actions { li { code { (action.name) } " " span.chip { (effect(lang, &action.effect)) } " " (summary(lang, &action.summary)) } } }
                    p.soft { "SHA-256 " code { (plugin.hash) } }
                }
            }
            td data-label=(say(lang, t::STATE)) {
                span.chip.done[plugin.state == "ready"].failed[plugin.fault.is_some()] { (state(&plugin.state).map_or(plugin.state.as_str(), |text| say(lang, text))) }
                @if let Some(fault) = &plugin.fault { @for line in fault.lines() { p.fault { (cause(line.trim().trim_start_matches("help: "), lang)) } } }
            }
            td data-label=(say(lang, t::CALLS)) {
                (plugin.calls)
                @if let Some(cost) = plugin.cost.as_ref().filter(|cost| cost.failed > 0) { div.late { (say_with(lang, t::FAILED_CALLS, &[&cost.failed.to_string()])) } }
                @if plugin.crashes > 0 { div.late { (say_with(lang, t::CRASHED, &[&plugin.crashes.to_string()])) } }
            }
            td data-label=(say(lang, t::TAKES)) { @match &plugin.cost { Some(cost) => (takes(reader, cost)), None => (nothing()) } }
            td data-label=(say(lang, t::COSTS)) { @match &plugin.cost { Some(cost) => (costs(reader, cost)), None => (nothing()) } }
            td data-label=(say(lang, t::ISOLATION)) { (say(lang, isolation(&plugin.isolation))) }
        }
    }
}

/// Where there is nothing to say, so that no place looks forgotten.
pub(super) fn nothing() -> Markup {
    html! { span.soft { "—" } }
}

/// None for a word of a later version.
fn state(word: &str) -> Option<Text> {
    Some(match word {
        "ready" => t::WORD_READY,
        "starting" | "restarting" => t::PLUGIN_STARTING,
        "quarantined" => t::PLUGIN_ASIDE,
        "leaving" => t::PLUGIN_LEAVING,
        "refused" | "failed" => t::WORD_REFUSED,
        _ => return None,
    })
}

fn isolation(word: &str) -> Text {
    if word == "in-process" || word == "inside" { t::INSIDE } else { t::OWN_PROCESS }
}

/// Whether it may be done again.
fn effect(lang: Lang, word: &str) -> &str {
    match word {
        "pure" => say(lang, t::EFFECT_PURE),
        "idempotent" => say(lang, t::EFFECT_IDEMPOTENT),
        "keyed" => say(lang, t::EFFECT_KEYED),
        "once" => say(lang, t::EFFECT_ONCE),
        own => own,
    }
}

/// What an action does. Of those that come with the house the catalogue knows the words; others say their own.
fn summary(lang: Lang, said: &str) -> String {
    match lang {
        Lang::En => said.to_owned(),
        Lang::Zh => sort_word(&said.split_whitespace().collect::<Vec<_>>().join(" "), lang),
    }
}

/// Half of the calls, and nearly all of them.
fn takes(reader: &Reader<'_>, cost: &CostView) -> Markup {
    let lang = reader.lang;
    html! {
        @if let (Some(half), Some(most)) = (cost.p50_us, cost.p95_us) {
            (say_with(lang, t::HALF_WITHIN, &[&length(half)])) br; (say_with(lang, t::MOST_WITHIN, &[&length(most)]))
        }
        div.soft { (say_with(lang, t::COUNTED_SINCE, &[&reader.time(&cost.since)])) }
    }
}

/// As few figures as say it.
fn length(us: u64) -> String {
    match us {
        0..10_000 => format!("{}.{} ms", us / 1_000, us % 1_000 / 100),
        10_000..1_000_000 => format!("{} ms", us / 1_000),
        _ => format!("{}.{} s", us / 1_000_000, us % 1_000_000 / 100_000),
    }
}

fn costs(reader: &Reader<'_>, cost: &CostView) -> Markup {
    let lang = reader.lang;
    if cost.cpu_ms.is_none() && cost.memory_bytes.is_none() {
        return nothing();
    }
    html! {
        @if let Some(cpu) = cost.cpu_ms { div { (say_with(lang, t::PROCESSOR_TIME, &[&length(cpu.saturating_mul(1_000))])) } }
        @if let Some(bytes) = cost.memory_bytes { div { (say_with(lang, t::MEMORY, &[&(bytes >> 20).to_string()])) } }
    }
}
