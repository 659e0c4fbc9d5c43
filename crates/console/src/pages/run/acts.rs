//! What an operator may do with a run from its page: cancel, retry, stop and move its clocks.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use yizhan_workflow::people::rights::Role;

use super::super::given::Given as Sent;
use super::super::shell::Reader;
use super::super::typed::Typed;
use super::{Case, From, shown};
use crate::api::clock::{self, Doing};
use crate::api::runs::{self as api, Cancel, RetryFrom};
use crate::body::{Form, Given, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::view::{ClockView, StepView};
use crate::words::{Text, catalogue as t, say};

/// What may be done just now, for whoever may.
pub(super) fn offered(reader: &Reader<'_>, case: &Case, typed: &Typed) -> Markup {
    let (lang, view) = (reader.lang, &case.view);
    let open = matches!(view.row.state.as_str(), "open" | "closing");
    let path = |act: &str| format!("/runs/{}/{act}", view.row.id);
    html! {
        @if reader.caller.rights.may(Role::Operator, &view.row.workflow) {
            div.acts {
                @if open {
                    @if let Some(clock) = &view.clock { (clock_acts(reader, &view.row.id, (None, say(lang, t::WHOLE_CASE)), (clock, typed))) }
                    @for (path, title, clock) in clocks(&view.steps) { (clock_acts(reader, &view.row.id, (Some(path), title), (clock, typed))) }
                    details open[typed.is_for("cancel")] { summary { (say(lang, t::CANCEL_CASE)) }
                        form method="post" action=(path("cancel")) {
                            (reason(reader, "cancel", typed.text("cancel", "reason")))
                            button.danger type="submit" { (say(lang, t::CANCEL_CASE)) }
                        }
                    }
                }
                @if let Some(again) = &case.again { (again.offered(reader, view)) }
            }
        }
    }
}

/// The clocks of what is open, each with the step's path and title.
fn clocks(steps: &[StepView]) -> Vec<(&str, &str, &ClockView)> {
    let mut found = Vec::new();
    for (step, item) in steps.iter().flat_map(|step| step.items.iter().map(move |item| (step, item))) {
        let clock = item.clock.as_ref().filter(|_| item.ended.is_none());
        found.extend(clock.map(|clock| (&*item.path, &*step.title, clock)));
        found.extend(clocks(&item.steps));
    }
    found
}

fn clock_acts(
    reader: &Reader<'_>,
    run: &str,
    (step, title): (Option<&str>, &str),
    (clock, typed): (&ClockView, &Typed),
) -> Markup {
    let lang = reader.lang;
    let stands = clock.ledger.last().is_some_and(|line| line.to.is_none() && line.by.is_some());
    let act = |act: &str| format!("/runs/{run}/{act}");
    let hidden = html! { @if let Some(step) = step { input type="hidden" name="step" value=(step); } };
    let id = step.unwrap_or("whole");
    let is_back = |act: &str| typed.is_for_step(act, step);
    let back = |act: &str, name: &str| typed.given.text(name).filter(|_| is_back(act)).unwrap_or_default();
    let form = |act_name: &str, label: Text, fields: Markup| {
        html! {
            form method="post" action=(act(act_name)) {
                (hidden) (fields) (reason(reader, &format!("{act_name}.{id}"), back(act_name, "reason")))
                button type="submit" { (say(lang, label)) }
            }
        }
    };
    html! {
        details open[["pause", "resume", "due"].into_iter().any(is_back)] { summary { (say(lang, t::CLOCK_OF)) (title) }
            @if stands { (form("resume", t::RESUME_CLOCK, html! {})) } @else { (form("pause", t::PAUSE_CLOCK, html! {})) }
            (form("due", t::MOVE_DUE, html! {
                div.field { label for={ "to." (id) } { (say(lang, t::NEW_DUE)) } input type="datetime-local" id={ "to." (id) } name="to" value=(back("due", "to")) required; }
            }))
        }
    }
}

fn reason(reader: &Reader<'_>, id: &str, typed: &str) -> Markup {
    html! {
        div.field { label for={ "reason." (id) } { (say(reader.lang, t::WHY)) } input id={ "reason." (id) } name="reason" maxlength="500" value=(typed) required; }
    }
}

/// Back to the page; with why nothing was done and what was typed, where that is so.
async fn back<T>(
    desk: &Arc<Desk>,
    (caller, headers): (&Caller, &HeaderMap),
    name: &str,
    (act, form): (&'static str, &Form),
    done: Result<T, Refusal>,
) -> Response {
    match done {
        Ok(_) => Redirect::to(&format!("/runs/{name}")).into_response(),
        Err(refusal) => {
            let typed = Typed::of(act, Sent::from(form));
            let from = From { retry: typed.text("retry", "from").to_owned(), ..From::default() };
            shown(desk, caller, headers, (name, &from), Some((&refusal, &typed))).await
        }
    }
}

pub(crate) async fn cancel(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Named(name): Named<String>,
    form: Form,
) -> Response {
    let given = Cancel { reason: form.word("reason"), by: None };
    let done = api::cancel(State(desk.clone()), caller.clone(), Named(name.clone()), Given(given)).await;
    back(&desk, (&caller, &headers), &name, ("cancel", &form), done).await
}

pub(crate) async fn retry(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Named(name): Named<String>,
    form: Form,
) -> Response {
    let given = RetryFrom { from: form.word("from"), by: None };
    let done = api::retry(State(desk.clone()), caller.clone(), Named(name.clone()), Given(given)).await;
    back(&desk, (&caller, &headers), &name, ("retry", &form), done).await
}

pub(crate) async fn pause(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Named(name): Named<String>,
    form: Form,
) -> Response {
    let given = Given(Doing::of_page(&form));
    let done = clock::pause(State(desk.clone()), caller.clone(), Named(name.clone()), given).await;
    back(&desk, (&caller, &headers), &name, ("pause", &form), done).await
}

pub(crate) async fn resume(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Named(name): Named<String>,
    form: Form,
) -> Response {
    let given = Given(Doing::of_page(&form));
    let done = clock::resume(State(desk.clone()), caller.clone(), Named(name.clone()), given).await;
    back(&desk, (&caller, &headers), &name, ("resume", &form), done).await
}

pub(crate) async fn due(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Named(name): Named<String>,
    form: Form,
) -> Response {
    let given = Given(Doing::of_page(&form));
    let done = clock::due(State(desk.clone()), caller.clone(), Named(name.clone()), given).await;
    back(&desk, (&caller, &headers), &name, ("due", &form), done).await
}
