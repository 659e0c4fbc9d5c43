//! The steps of a run on its page: each with its items, what went in and what came out.

use maud::{Markup, html};
use yizhan_workflow::form::Form;
use yizhan_workflow::id::Millis;
use yizhan_workflow::problem::reason;

use super::super::shell::Reader;
use super::super::{clock, fields};
use super::{Case, attempts, took};
use crate::view::{Exact, ItemView, StepView};
use crate::words::steps::{item_word, step_word};
use crate::words::{catalogue as t, outcome_word, say, say_with};

pub(super) fn list(reader: &Reader<'_>, case: &Case) -> Markup {
    steps(reader, case, &case.view.steps)
}

fn steps(reader: &Reader<'_>, case: &Case, all: &[StepView]) -> Markup {
    html! { ol.steps { @for step in all { (one(reader, case, step)) } } }
}

fn one(reader: &Reader<'_>, case: &Case, step: &StepView) -> Markup {
    let lang = reader.lang;
    let several = step.items.len() > 1;
    html! {
        li class=(step.state) {
            div.step-head {
                strong { (step.title) }
                @if step.title != step.id { code.soft { (step.id) } }
                span class={ "chip " (step.state) } { (say(lang, step_word(&step.state))) }
                @if step.round > 1 { span.soft { (say_with(lang, t::ROUND, &[&step.round.to_string()])) } }
                @if step.taken_back { span.soft { (say(lang, t::WAS_TAKEN_BACK)) } }
                @if let Some(action) = &step.action { code.soft { (action) } }
            }
            @for item in &step.items {
                @if several {
                    details.item id={ "item-" (item.path) } { summary { (item.item + 1) ". " (say(lang, item_word(&item.state))) @if item.late { " " span.late { (say(lang, t::STATE_LATE)) } } } (inside(reader, (case, step), item)) }
                } @else { (inside(reader, (case, step), item)) }
            }
            @if let Some(all) = step.items_in_all { p.soft { (say_with(lang, t::OF_SO_MANY, &[&step.items.len().to_string(), &all.to_string()])) } }
        }
    }
}

fn inside(reader: &Reader<'_>, (case, step): (&Case, &StepView), item: &ItemView) -> Markup {
    let lang = reader.lang;
    html! {
        p.soft { (when(reader, case, item)) }
        @if let Some(task) = &item.task {
            p { a href={ "/tasks/" (task) } { (say(lang, if matches!(item.state.as_str(), "unknown" | "asking") { t::DECIDE_IT } else { t::TO_THE_TASK })) } }
        }
        @if let Some(child) = &item.child { p { (say(lang, t::CHILD)) " " a href={ "/runs/" (child) } { (child) } } }
        @if let Some(failure) = &item.failure {
            p.fault { strong { (failure.code) } " " (reason(&failure.code, &failure.message, lang)) }
        }
        @if let Some(ledger) = &item.clock { (clock::ledger(reader, ledger)) }
        @if item.attempts > 0 && matches!(step.kind.as_str(), "use" | "run" | "ask" | "await") {
            @let which = item.path.ends_with(']').then_some(item.item);
            p { a href=(attempts::address(&case.view.row.id, &step.key(), which, None)) { (say(lang, t::EVERY_ATTEMPT)) } }
        }
        (values(reader, t::WENT_IN, (item.input.as_ref(), None)))
        (values(reader, t::CAME_OUT, (item.output.as_ref(), fields::asked_by(&case.drawn.text, &step.id))))
        @if !item.steps.is_empty() { (steps(reader, case, &item.steps)) }
        @if let Some(undo) = &item.undo {
            div.undo { p { strong { (say(lang, t::UNDO)) } " " (say(lang, item_word(&undo.state))) } (inside(reader, (case, step), undo)) }
        }
    }
}

/// Who did it, when, how long it took and at which try.
fn when(reader: &Reader<'_>, case: &Case, item: &ItemView) -> String {
    let lang = reader.lang;
    let instant = |at: &Option<String>| {
        at.as_ref().and_then(|at| Some(Millis(at.parse::<jiff::Timestamp>().ok()?.as_millisecond())))
    };
    let mut said: Vec<String> = Vec::new();
    said.extend(item.by.as_ref().map(|by| reader.who(by)));
    said.extend(item.opened.as_ref().map(|at| reader.time(at)));
    let now = Some(Millis(reader.now.as_millisecond()));
    let until = instant(&item.ended).or(now);
    let taken = instant(&item.opened).zip(until);
    said.extend(
        taken.and_then(|span| took(reader, case.drawn.calendar.as_ref(), span, (t::TOOK, t::TOOK_WORKED))),
    );
    said.extend(item.due.as_ref().map(|due| format!("{}{}", say(lang, t::DUE_BEFORE), reader.time(due))));
    said.extend(item.late.then(|| say(lang, t::STATE_LATE).to_owned()));
    if item.attempts > 1 {
        said.push(say_with(lang, t::ATTEMPTS, &[&item.attempts.to_string()]));
    }
    // That it is done its state says.
    let came_to = item.outcome.as_deref().filter(|outcome| *outcome != "done");
    said.extend(came_to.map(|outcome| outcome_word(lang, outcome)));
    said.join(" · ")
}

/// What a mail, a call, a child was given, and what came of it, as text.
fn values(
    reader: &Reader<'_>,
    label: crate::words::Text,
    (values, form): (Option<&Exact>, Option<&Form>),
) -> Markup {
    let told = values.map(|values| fields::brought(values.text(), form, reader)).unwrap_or_default();
    html! {
        @if !told.is_empty() {
            details.values { summary { (say(reader.lang, label)) } dl { @for (name, value) in told { dt { (name) } dd { (value) } } } }
        }
    }
}
