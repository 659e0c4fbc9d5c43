//! A step that cannot go on by itself: nobody knows whether it happened, or nobody wrote what then. Its owner reads what each way
//! out does, says where they looked, and fills in what the step would have given.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use maud::{Markup, html};
use yizhan_workflow::problem::Lang;
use yizhan_workflow::run::event::{Event, Raw, Verdict};

use super::super::given::Given;
use super::super::shell::Reader;
use super::super::spoken;
use super::super::typed::Typed;
use super::acts::Acting;
use super::{VIA, by, seen};
use crate::api::tasks as api;
use crate::body::{Form, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::view::{OutputView, TaskView};
use crate::words::{Text, catalogue as t, say, say_with};

pub(super) const ACT: &str = "settle";
/// The field of a step that does not say what it gives.
const VALUES: &str = "values";
/// Characters of what somebody says of where they looked.
const REASON_LONGEST: usize = 1_000;
/// Where the form stands, if it is not the task's own page.
const ON_RUN: &str = "run";

type Faults = Vec<(String, String)>;

/// The form. `on_run`: it stands on the page of its case, and leads back there.
pub(in super::super) fn asked(
    reader: &Reader<'_>,
    view: &TaskView,
    (typed, on_run): (&Typed, bool),
) -> Markup {
    let (lang, id) = (reader.lang, &view.row.id);
    let chosen = typed.text(ACT, "verdict");
    let unknown = view.row.kind == "unknown";
    html! {
        form.settling method="post" action={ "/tasks/" (id) "/" (ACT) } {
            @if on_run { input type="hidden" name="back" value=(ON_RUN); }
            p { (say(lang, if unknown { t::SETTLE_UNKNOWN } else { t::SETTLE_ASKED })) }
            fieldset.wrong[has(typed, "verdict")] {
                legend { (say(lang, t::SETTLE_HOW)) }
                (wrong(typed, "verdict"))
                @for verdict in &view.answers {
                    label.pick {
                        input type="radio" name="verdict" value=(verdict) checked[verdict == chosen] required;
                        span { strong { (verdict_word(verdict, lang)) } " " span.soft { (say(lang, meaning(verdict, unknown))) } }
                    }
                }
            }
            @if view.answers.iter().any(|verdict| takes_values(verdict)) { (values(lang, view, typed)) }
            @if unknown {
                label.pick { input type="checkbox" name="looked" value="yes" checked[typed.text(ACT, "looked") == "yes"] required; span { (say(lang, t::I_LOOKED_THERE)) } }
                (wrong(typed, "looked"))
            }
            div.field.wrong[has(typed, "reason")] {
                label for={ "reason." (id) } { (say(lang, if unknown { t::WHERE_LOOKED } else { t::WHY })) }
                (wrong(typed, "reason"))
                textarea id={ "reason." (id) } name="reason" rows="2" maxlength=(REASON_LONGEST) required { (typed.text(ACT, "reason")) }
            }
            button type="submit" { (say(lang, t::SETTLE_IT)) }
        }
    }
}

fn has(typed: &Typed, field: &str) -> bool {
    typed.is_for(ACT) && typed.faults.iter().any(|(name, _)| name == field)
}

fn wrong(typed: &Typed, field: &str) -> Markup {
    html! { @for (name, said) in typed.faults.iter().filter(|_| typed.is_for(ACT)) { @if name == field { p.fault role="alert" { (said) } } } }
}

fn takes_values(verdict: &str) -> bool {
    matches!(verdict, "happened" | "skip")
}

/// What the step gives to those after it.
fn values(lang: Lang, view: &TaskView, typed: &Typed) -> Markup {
    let id = &view.row.id;
    html! {
        fieldset {
            legend { (say(lang, t::WHAT_IT_GAVE)) }
            p.hint { (say(lang, t::WHAT_IT_GAVE_HINT)) }
            @for output in &view.outputs { (value(lang, id, (output, typed))) }
            @if view.outputs.is_empty() {
                div.field.wrong[has(typed, VALUES)] {
                    label for={ "values." (id) } { (say(lang, t::VALUES_AS_LINES)) }
                    (wrong(typed, VALUES))
                    textarea id={ "values." (id) } name=(VALUES) rows="3" placeholder="number = 17" { (typed.text(ACT, VALUES)) }
                }
            }
        }
    }
}

fn value(lang: Lang, task: &str, (output, typed): (&OutputView, &Typed)) -> Markup {
    let name = format!("v.{}", output.name);
    let (id, known) = (format!("{name}.{task}"), typed.text(ACT, &name));
    let label = output.title.as_deref().unwrap_or(&output.name);
    html! {
        div.field.wrong[has(typed, &name)] {
            label for=(id) { (label) @if output.title.is_some() { " " code.soft { (output.name) } } }
            (wrong(typed, &name))
            @match output.kind.as_str() {
                "yesno" => select id=(id) name=(name) {
                    option value="" { (say(lang, t::CHOOSE)) }
                    @for (code, word) in [("true", t::YES), ("false", t::NO)] { option value=(code) selected[known == code] { (say(lang, word)) } }
                },
                "json" => textarea id=(id) name=(name) rows="2" placeholder="[\"a\", \"b\"]" { (known) },
                kind => input id=(id) type="text" inputmode=[(kind != "text").then_some("decimal")] name=(name) value=(known) autocomplete="off";,
            }
        }
    }
}

fn verdict_word(verdict: &str, lang: Lang) -> &str {
    match verdict {
        "happened" => say(lang, t::VERDICT_HAPPENED),
        "again" => say(lang, t::VERDICT_AGAIN),
        "skip" => say(lang, t::VERDICT_SKIP),
        "fail" => say(lang, t::VERDICT_FAIL),
        "leave" => say(lang, t::VERDICT_LEAVE),
        other => other,
    }
}

fn meaning(verdict: &str, unknown: bool) -> Text {
    match verdict {
        "happened" => t::HAPPENED_MEANS,
        "again" if unknown => t::AGAIN_MAY_BE_TWICE,
        "again" => t::AGAIN_MEANS,
        "skip" => t::SKIP_MEANS,
        "fail" => t::FAIL_MEANS,
        _ => t::LEAVE_MEANS,
    }
}

pub(crate) async fn settle(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Named(name): Named<String>,
    form: Form,
) -> Response {
    let lang = spoken(&desk, &headers);
    let typed = Typed::of(ACT, Given::from(&form));
    let mut acting = Acting { desk: &desk, caller: &caller, lang, name: &name, typed };
    let view = match seen(&desk, &caller, &name).await {
        Ok(view) => view,
        Err(refusal) => return acting.not_taken(&refusal).await,
    };
    let verdict = match decided(&form, &view, lang) {
        Ok(verdict) => verdict,
        Err(faults) => {
            acting.typed.faults = faults;
            return acting
                .back(StatusCode::UNPROCESSABLE_ENTITY, say(lang, t::NOTHING_SENT_YET).to_owned())
                .await;
        }
    };
    let verdict = match api::sized_verdict(&desk, &caller, &name, verdict).await {
        Ok(verdict) => verdict,
        Err(refusal) => return acting.not_taken(&refusal).await,
    };
    if let Err(refusal) = say_why(&acting, &form).await {
        return acting.not_taken(&refusal).await;
    }
    let to = if form.text("back") == ON_RUN {
        format!("/runs/{}", view.row.run)
    } else {
        "/tasks?done=1".to_owned()
    };
    acting.done(&to, |of, by| Event::Settled { of, by, via: VIA.into(), verdict }).await
}

/// Where somebody looked stays with the step, as what people say of a task does.
async fn say_why(acting: &Acting<'_>, form: &Form) -> Result<(), Refusal> {
    let (desk, caller) = (acting.desk, acting.caller);
    let (by, text): (_, Arc<str>) = (by(desk, caller)?, form.text("reason").trim().into());
    let event = |of| Event::Commented { of, by, via: VIA.into(), text };
    api::act(desk, caller, acting.name.to_owned(), event).await.map(|_| ())
}

fn decided(form: &Form, view: &TaskView, lang: Lang) -> Result<Verdict, Faults> {
    let mut faults = Faults::new();
    let mut missing = |name: &str, text: Text| faults.push((name.to_owned(), say(lang, text).to_owned()));
    let word = form.text("verdict");
    if !view.answers.iter().any(|verdict| verdict == word) {
        missing("verdict", t::CHOOSE_ONE_OF_THESE);
    }
    if view.row.kind == "unknown" && form.text("looked") != "yes" {
        missing("looked", t::LOOK_FIRST);
    }
    let reason = form.text("reason").trim();
    if reason.is_empty() || reason.chars().count() > REASON_LONGEST {
        missing("reason", t::SAY_WHERE_LOOKED);
    }
    let values = if takes_values(word) { given(form, view, lang) } else { Ok("{}".to_owned()) };
    let values = values.unwrap_or_else(|wrong| {
        faults.extend(wrong);
        String::new()
    });
    let values = Raw::new(values).filter(|_| faults.is_empty()).ok_or(faults)?;
    Ok(match word {
        "happened" => Verdict::Happened { values },
        "skip" => Verdict::Skip { values },
        "again" => Verdict::Again {},
        "leave" => Verdict::Leave {},
        _ => Verdict::Fail {},
    })
}

/// The values as one object, every digit as it was typed.
fn given(form: &Form, view: &TaskView, lang: Lang) -> Result<String, Faults> {
    if view.outputs.is_empty() {
        return object(form.text(VALUES)).map_err(|line| {
            vec![(VALUES.to_owned(), say_with(lang, t::LINE_IS_NO_VALUE, &[&line.to_string()]))]
        });
    }
    let (mut parts, mut faults) = (vec![], vec![]);
    for output in &view.outputs {
        let name = format!("v.{}", output.name);
        let text = form.text(&name).trim();
        if text.is_empty() {
            continue;
        }
        match json_of(&output.kind, text) {
            Some(value) => parts.push(format!("{}:{value}", quoted(&output.name))),
            None => faults.push((name, say(lang, needs(&output.kind)).to_owned())),
        }
    }
    if faults.is_empty() { Ok(format!("{{{}}}", parts.join(","))) } else { Err(faults) }
}

fn needs(kind: &str) -> Text {
    match kind {
        "whole" => t::NEEDS_WHOLE_NUMBER,
        "number" => t::NEEDS_NUMBER,
        "yesno" => t::CHOOSE_ONE_OF_THESE,
        _ => t::NEEDS_JSON,
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn json_of(kind: &str, text: &str) -> Option<String> {
    let is_number = || text.starts_with(|sign: char| sign == '-' || sign.is_ascii_digit());
    match kind {
        "text" => Some(quoted(text)),
        "whole" if text.contains(['.', 'e', 'E']) || !is_number() => None,
        "number" if !is_number() => None,
        "yesno" if !matches!(text, "true" | "false") => None,
        _ => Raw::new(text.to_owned()).map(|raw| raw.get().to_owned()),
    }
}

/// An object of JSON, or a line `name = value` for each value; else the number of the line that is neither.
fn object(text: &str) -> Result<String, usize> {
    let text = text.trim();
    if text.starts_with('{') {
        return Raw::new(text.to_owned()).map(|raw| raw.get().to_owned()).ok_or(1);
    }
    let mut parts = vec![];
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let (name, value) = line.split_once(['=', '=']).ok_or(number)?;
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() {
            return Err(number);
        }
        let value = Raw::new(value.to_owned()).map_or_else(|| quoted(value), |raw| raw.get().to_owned());
        parts.push(format!("{}:{value}", quoted(name)));
    }
    Ok(format!("{{{}}}", parts.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_lines_or_an_object_and_keep_every_digit() {
        assert_eq!(object("").as_deref(), Ok("{}"));
        assert_eq!(
            object("number = 17.50\n\n单号 = A-1 = x").as_deref(),
            Ok(r#"{"number":17.50,"单号":"A-1 = x"}"#)
        );
        assert_eq!(object(r#" {"a": 1.0} "#).as_deref(), Ok(r#"{"a": 1.0}"#));
        assert_eq!(object("a = \"b\"").as_deref(), Ok(r#"{"a":"b"}"#));
        assert_eq!((object("a = 1\nno value"), object("= 1"), object("{")), (Err(2), Err(1), Err(1)));
    }

    #[test]
    fn a_value_is_of_its_kind_or_none() {
        for (kind, text, json) in [
            ("text", "17", Some("\"17\"")),
            ("whole", "17", Some("17")),
            ("whole", "17.5", None),
            ("number", "17.50", Some("17.50")),
            ("number", "many", None),
            ("number", "\"1\"", None),
            ("yesno", "true", Some("true")),
            ("yesno", "1", None),
            ("json", "[1]", Some("[1]")),
            ("json", "[1", None),
        ] {
            assert_eq!(json_of(kind, text).as_deref(), json, "{kind} {text}");
        }
    }
}
