//! A retry, with what it does once more before it is asked for.

use std::sync::Arc;

use axum::extract::State;
use maud::{Markup, html};
use yizhan_workflow::people::rights::Role;
use yizhan_workflow::problem::Lang;

use super::super::sentence;
use super::super::shell::Reader;
use crate::api::runs::again::{self as api, AgainView, FromWhich};
use crate::body::{Asked, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::view::RunView;
use crate::words::{Text, catalogue as t, say};

/// What comes of a retry.
pub(super) struct Again {
    /// The step to go back to; empty: the case goes on where it stopped.
    from: String,
    comes: Result<AgainView, Refusal>,
}

impl Again {
    /// None: it is not over, was done, or is not this caller's to retry.
    pub(super) async fn of(desk: &Arc<Desk>, caller: &Caller, view: &RunView, from: &str) -> Option<Self> {
        let over = matches!(view.row.state.as_str(), "failed" | "cancelled");
        if !over || !caller.rights.may(Role::Operator, &view.row.workflow) {
            return None;
        }
        let which = FromWhich { from: Some(from.to_owned()).filter(|from| !from.is_empty()) };
        let name = Named(view.row.id.clone());
        let comes = api::show(State(desk.clone()), caller.clone(), name, Asked(which)).await;
        Some(Self { from: from.to_owned(), comes: comes.map(|answer| answer.0) })
    }

    pub(super) fn offered(&self, reader: &Reader<'_>, view: &RunView) -> Markup {
        let lang = reader.lang;
        html! {
            section.again aria-label=(say(lang, t::RETRY)) {
                @match &self.comes {
                    Ok(comes) => {
                        (told(lang, view, comes))
                        form method="post" action={ "/runs/" (view.row.id) "/retry" } {
                            @if !self.from.is_empty() { input type="hidden" name="from" value=(self.from); }
                            button.plain type="submit" { (say(lang, if self.from.is_empty() { t::RETRY } else { t::RETRY_FROM })) }
                        }
                    },
                    Err(refusal) => p.hint { (sentence(refusal, lang, &reader.world.people)) },
                }
                (self.going_back(lang, view))
            }
        }
    }

    /// Looks first: nothing is done before somebody has read what it is.
    fn going_back(&self, lang: Lang, view: &RunView) -> Markup {
        let main = view.steps.iter().filter(|step| step.section == "main" && step.state != "waiting");
        html! {
            details open[!self.from.is_empty()] { summary { (say(lang, t::RETRY_FROM)) }
                form method="get" action={ "/runs/" (view.row.id) } {
                    div.field { label for="from" { (say(lang, t::FROM_STEP)) }
                        select id="from" name="retry" required {
                            option value="" { (say(lang, t::CHOOSE)) }
                            @for step in main { option value=(step.id) selected[step.id == self.from] { (step.title) } }
                        }
                    }
                    button.plain type="submit" { (say(lang, t::LOOK_WHAT_AGAIN)) }
                }
            }
        }
    }
}

fn told(lang: Lang, view: &RunView, comes: &AgainView) -> Markup {
    let title = |id: &str| {
        view.steps.iter().find(|step| step.id == id).map_or(id.to_owned(), |step| step.title.clone())
    };
    html! {
        @if comes.steps.is_empty() { p.hint { (say(lang, t::RETRY_GOES_ON)) } } @else {
            p { (say(lang, t::RETRY_DOES_AGAIN)) }
            ul.ledger { @for step in &comes.steps {
                li { strong { (title(&step.id)) } @if let Some(word) = reach(&step.effect) { " " span.late[step.effect == "outside"] { (say(lang, word)) } } }
            } }
        }
    }
}

fn reach(effect: &str) -> Option<Text> {
    match effect {
        "outside" => Some(t::AGAIN_OUTSIDE),
        "starts" => Some(t::AGAIN_STARTS),
        "asks" => Some(t::AGAIN_ASKS),
        _ => None,
    }
}
