//! What people are taken to answer in a walk, and how long each takes: chosen by whoever reads it.

use std::collections::BTreeMap;
use std::sync::Arc;

use maud::{Markup, html};
use serde_json::{Map, Value as Json, json};
use yizhan_engine::rehearsal::Takes;
use yizhan_workflow::form::{Choice, Field, Kind, Options};
use yizhan_workflow::id::StepNo;
use yizhan_workflow::plan::{Section, Work, Workflow};
use yizhan_workflow::problem::Lang;

use super::super::given::Given;
use crate::api::trial;
use crate::graph::label;
use crate::words::{Text, catalogue as t, say};

/// How long somebody takes: as the form sends it, and in words. Lengths are as the language writes them.
const LONG: [(&str, Text); 7] = [
    ("", t::TAKES_AS_ALL),
    ("now", t::TAKES_NOTHING),
    ("4 workhours", t::TAKES_HALF_A_DAY),
    ("1 workday", t::TAKES_A_DAY),
    ("3 workdays", t::TAKES_THREE_DAYS),
    ("10 workdays", t::TAKES_TWO_WEEKS),
    ("last", t::TAKES_ALL),
];

/// Somebody who is asked, and what they can choose.
struct Asked {
    step: String,
    title: String,
    fields: Vec<(String, String, Vec<Choice>)>,
}

fn all(text: &Workflow, lang: Lang) -> Vec<Asked> {
    let asked = |no: StepNo| {
        let step = text.step(no);
        let Work::Ask(ask) = &step.work else { return None };
        // Before anything happened its title has no values.
        let title = label(text, no);
        let fields = ask.form.fields.iter().filter_map(|field| {
            Some((field.name.to_string(), field.label().to_owned(), choices(field, lang)?))
        });
        Some(Asked { step: step.path().into_owned(), title, fields: fields.collect() })
    };
    text.numbers().filter(|no| text.step(*no).section == Section::Main).filter_map(asked).collect()
}

/// What can be chosen of a field, where that is known before anything happened.
fn choices(field: &Field, lang: Lang) -> Option<Vec<Choice>> {
    if field.value.is_some() {
        return None;
    }
    let yes_or_no = |code: &str, text| Choice { code: code.into(), label: say(lang, text).into() };
    if field.kind == Kind::Yesno {
        return Some(vec![yes_or_no("yes", t::YES), yes_or_no("no", t::NO)]);
    }
    match &field.options {
        Options::Fixed(all) if field.kind == Kind::Choice => Some(all.to_vec()),
        Options::Fixed(_) | Options::Worked(_) | Options::None => None,
    }
}

fn of_field(step: &str, field: &str) -> String {
    format!("o.{step}.{field}")
}

fn of_time(step: &str) -> String {
    format!("t.{step}")
}

/// The part of the form.
pub(super) fn asked(text: &Workflow, given: &Given, lang: Lang) -> Markup {
    let all = all(text, lang);
    let select = |name: String, label: &str, options: Vec<(String, String)>| {
        let chosen = given.text(&name).unwrap_or_default().to_owned();
        html! {
            div.field { label for=(name) { (label) }
                select id=(name) name=(name) { @for (value, words) in &options { option value=(value) selected[*value == chosen] { (words) } } }
            }
        }
    };
    let options = |choices: &[Choice]| {
        let first = (String::new(), say(lang, t::AS_IT_COMES).to_owned());
        let rest = choices.iter().map(|choice| (choice.code.to_string(), choice.label.to_string()));
        std::iter::once(first).chain(rest).collect::<Vec<_>>()
    };
    let long =
        || LONG.iter().map(|(value, text)| ((*value).to_owned(), say(lang, *text).to_owned())).collect();
    html! {
        @if !all.is_empty() {
            h2 { (say(lang, t::WHAT_PEOPLE_ANSWER)) }
            p.hint { (say(lang, t::ANSWERS_ARE_YOURS)) }
            @for one in &all {
                fieldset { legend { (one.title) }
                    @for (name, label, choices) in &one.fields { (select(of_field(&one.step, name), label, options(choices))) }
                    (select(of_time(&one.step), say(lang, t::HOW_LONG), long()))
                }
            }
        }
    }
}

/// What was chosen: of each step its fields, for the first time that it asks.
pub(super) fn chosen(
    text: &Arc<Workflow>,
    given: &Given,
) -> (BTreeMap<String, Json>, BTreeMap<String, Takes>) {
    let (mut answers, mut takes) = (BTreeMap::new(), BTreeMap::new());
    for one in all(text, Lang::En) {
        let mut fields = Map::new();
        for (name, _, choices) in &one.fields {
            let code = given.text(&of_field(&one.step, name)).unwrap_or_default();
            if let Some(choice) = choices.iter().find(|choice| &*choice.code == code) {
                fields.insert(name.clone(), value_of(text, (&one.step, name), &choice.code));
            }
        }
        if !fields.is_empty() {
            // Asked once more, somebody answers as it comes: or a case that goes back goes round and round.
            answers.insert(one.step.clone(), json!([fields, {}]));
        }
        if let Some(long) = takes_of(given.text(&of_time(&one.step)).unwrap_or_default()) {
            takes.insert(one.step, long);
        }
    }
    (answers, takes)
}

fn value_of(text: &Workflow, (step, name): (&str, &str), code: &str) -> Json {
    let form = super::super::fields::asked_by(text, step);
    let field = form.and_then(|form| form.fields.iter().find(|field| &*field.name == name));
    match field.map(|field| &field.kind) {
        Some(Kind::Yesno) => json!(code == "yes"),
        Some(_) | None => json!(code),
    }
}

fn takes_of(word: &str) -> Option<Takes> {
    LONG.iter()
        .find(|(known, _)| *known == word && !word.is_empty())
        .and_then(|(known, _)| trial::takes_of(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_length_that_is_offered_is_one() {
        for (word, _) in LONG {
            assert_eq!(takes_of(word).is_some(), !word.is_empty(), "{word}");
        }
        assert_eq!(takes_of("2 years of waiting"), None);
    }
}
