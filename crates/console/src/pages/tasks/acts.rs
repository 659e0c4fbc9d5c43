//! What can be done with a task beside answering it: take it, give it back, hand it over, ask for more time, say something.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use yizhan_workflow::id::Attempt;
use yizhan_workflow::problem::Lang;
use yizhan_workflow::run::event::{Event, Raw};

use super::super::fields;
use super::super::given::{self, Given};
use super::super::shell::Reader;
use super::super::typed::Typed;
use super::super::{refused, sentence, spoken};
use super::{Sheet, VIA, by, is_free, seen, shown};
use crate::api::files::{Sender, names_its_own};
use crate::api::tasks as api;
use crate::body::{Form, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::view::{FormView, TaskView};
use crate::words::{Text, catalogue as t, say};

pub(super) fn offered(reader: &Reader<'_>, view: &TaskView, typed: &Typed) -> Markup {
    let lang = reader.lang;
    let own = reader.caller.person().map(|id| format!("person:{id}"));
    let held = view.row.claimed_by.is_some() && view.row.claimed_by == own;
    let at_once = |act: &str, label: Text| {
        html! {
            form method="post" action=(path(view, act)) { button.plain type="submit" { (say(lang, label)) } }
        }
    };
    html! {
        div.acts {
            @if is_free(&view.row) { (at_once("claim", t::I_TAKE_IT)) }
            @if held { (at_once("release", t::GIVE_IT_BACK)) }
            (handing_over(reader, view, typed))
            @if let Some(form) = &view.extend { (more_time(reader, view, (form, typed))) }
            details open[typed.is_for("comment")] {
                summary { (say(lang, t::COMMENT)) }
                form method="post" action=(path(view, "comment")) {
                    div.field { label for="said" { (say(lang, t::COMMENT)) } textarea id="said" name="text" rows="3" required maxlength="2000" { (typed.text("comment", "text")) } }
                    button type="submit" { (say(lang, t::COMMENT)) }
                }
            }
        }
    }
}

fn path(view: &TaskView, act: &str) -> String {
    format!("/tasks/{}/{act}", view.row.id)
}

fn handing_over(reader: &Reader<'_>, view: &TaskView, typed: &Typed) -> Markup {
    let (lang, act) = (reader.lang, "hand-over");
    let people = reader.world.people.people.iter().map(|(id, person)| (format!("person:{id}"), &person.name));
    html! {
        details open[typed.is_for(act)] {
            summary { (say(lang, t::HAND_OVER)) }
            form method="post" action=(path(view, act)) {
                div.field { label for="to" { (say(lang, t::TO)) }
                    select id="to" name="to" required {
                        option value="" { (say(lang, t::CHOOSE)) }
                        @for (id, name) in people { option value=(id) selected[typed.text(act, "to") == id] { (name) } }
                    }
                }
                div.field { label for="note" { (say(lang, t::NOTE)) } input id="note" name="note" maxlength="2000" value=(typed.text(act, "note")); }
                label.pick { input type="checkbox" name="delegate" value="yes" checked[typed.text(act, "delegate") == "yes"]; span { (say(lang, t::THEY_DO_IT_FOR_ME)) } }
                button type="submit" { (say(lang, t::HAND_OVER_IT)) }
            }
        }
    }
}

fn more_time(reader: &Reader<'_>, view: &TaskView, (form, typed): (&FormView, &Typed)) -> Markup {
    let (lang, act) = (reader.lang, "extend");
    let fields = fields::of(form).unwrap_or_default();
    let (is_back, none) = (typed.is_for(act), Given::default());
    let given = if is_back { &typed.given } else { &none };
    let faults = if is_back { &*typed.faults } else { &[] };
    html! {
        details open[is_back] {
            summary { (say(lang, t::MORE_TIME)) }
            form method="post" action=(path(view, act)) {
                (fields::asked(&fields, None, faults, given, lang))
                button type="submit" { (say(lang, t::MORE_TIME)) }
            }
        }
    }
}

/// Who asks for what, and what they typed for it.
pub(super) struct Acting<'a> {
    pub(super) desk: &'a Arc<Desk>,
    pub(super) caller: &'a Caller,
    pub(super) lang: Lang,
    pub(super) name: &'a str,
    pub(super) typed: Typed,
}

impl Acting<'_> {
    /// Does it, and goes on; what was refused is said on the task's page, on which what was typed still stands.
    pub(super) async fn done(self, to: &str, event: impl FnOnce(Attempt, Arc<str>) -> Event) -> Response {
        let by = match by(self.desk, self.caller) {
            Ok(by) => by,
            Err(refusal) => return refused(&refusal, self.lang),
        };
        match api::act(self.desk, self.caller, self.name.to_owned(), |of| event(of, by)).await {
            Ok(_) => Redirect::to(to).into_response(),
            Err(refusal) => self.not_taken(&refusal).await,
        }
    }

    /// The task's page, with why nothing was done.
    pub(super) async fn not_taken(mut self, refusal: &Refusal) -> Response {
        if let Refusal::Fields(faults) = refusal {
            let faults = faults.iter().map(|fault| (fault.field.clone(), fault.sentence(self.lang)));
            self.typed.faults = faults.collect();
        }
        let said = sentence(refusal, self.lang, &self.desk.shared().world().people);
        self.back(refusal.status(), said).await
    }

    pub(super) async fn back(self, status: StatusCode, said: String) -> Response {
        let Self { desk, caller, lang, name, typed } = self;
        let sheet = Sheet { status, said: Some(said), typed, ..Sheet::default() };
        shown(desk, caller, lang, name, &sheet).await
    }
}

/// An act without a form of its own.
async fn simply(
    (desk, caller, headers): (Arc<Desk>, Caller, HeaderMap),
    name: String,
    typed: Typed,
    event: impl FnOnce(Attempt, Arc<str>) -> Event,
) -> Response {
    let lang = spoken(&desk, &headers);
    let acting = Acting { desk: &desk, caller: &caller, lang, name: &name, typed };
    acting.done(&format!("/tasks/{name}"), event).await
}

pub(crate) async fn claim(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Named(name): Named<String>,
) -> Response {
    let event = |of, by| Event::Claimed { of, by, via: VIA.into() };
    simply((desk, caller, headers), name, Typed::default(), event).await
}

pub(crate) async fn release(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Named(name): Named<String>,
) -> Response {
    let event = |of, by| Event::Released { of, by, via: VIA.into() };
    simply((desk, caller, headers), name, Typed::default(), event).await
}

pub(crate) async fn comment(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Named(name): Named<String>,
    form: Form,
) -> Response {
    let text: Arc<str> = form.text("text").trim().into();
    let event = |of, by| Event::Commented { of, by, via: VIA.into(), text };
    simply((desk, caller, headers), name, Typed::of("comment", Given::from(&form)), event).await
}

pub(crate) async fn hand_over(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Named(name): Named<String>,
    form: Form,
) -> Response {
    let (lang, delegate) = (spoken(&desk, &headers), form.text("delegate") == "yes");
    let to = vec![form.text("to").to_owned()];
    let note = Some(form.text("note").trim()).filter(|note| !note.is_empty()).map(Arc::from);
    let event = |of, by| Event::HandedOver { of, by, via: VIA.into(), to, note, delegate };
    let typed = Typed::of("hand-over", Given::from(&form));
    Acting { desk: &desk, caller: &caller, lang, name: &name, typed }.done("/tasks?done=1", event).await
}

/// Asks for more time, by the form of the step's own `extend`.
pub(crate) async fn extend(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    request: Request,
) -> Response {
    let lang = spoken(&desk, request.headers());
    let typed = Typed::of("extend", Given::default());
    let mut acting = Acting { desk: &desk, caller: &caller, lang, name: &name, typed };
    match asked_for(&mut acting, request).await {
        Ok(fields) => {
            let event = |of, by| Event::MoreTimeAsked { of, by, via: VIA.into(), fields };
            acting.done(&format!("/tasks/{name}"), event).await
        }
        Err(refusal) => acting.not_taken(&refusal).await,
    }
}

async fn asked_for(acting: &mut Acting<'_>, request: Request) -> Result<Raw, Refusal> {
    let form = seen(acting.desk, acting.caller, acting.name).await?.extend;
    let given = given::read(acting.desk, &acting.caller.name(), request, false).await?;
    acting.typed.given = given;
    let form = form.ok_or_else(|| Refusal::NotNow("no more time can be asked for now".to_owned()))?;
    let fields = Raw::from(&fields::answer(&fields::of(&form)?, None, &acting.typed.given));
    names_its_own(acting.desk, Sender::of(acting.caller), fields.get()).await?;
    Ok(fields)
}
