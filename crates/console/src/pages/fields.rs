//! The fields of a form on a page that works without scripts: how each is asked, and what an answer to it is.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json, json};
use yizhan_engine::link::Choice;
use yizhan_workflow::form::Form;
use yizhan_workflow::plan::{Work, Workflow};
use yizhan_workflow::problem::Lang;

use super::given::Given;
use super::labels;
use super::shell::Reader;
use crate::refusal::Refusal;
use crate::view::FormView;
use crate::words::{catalogue as t, say};

/// The hidden field by which a page shows that it is ours.
pub(crate) const CONFIRM: &str = "confirm";
/// Options up to here are shown all at once.
const SHOWN_OPTIONS: usize = 7;
/// Rows that a table without given rows offers.
const ROWS: usize = 5;

/// A field as the form's view says it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Shown {
    pub(crate) name: String,
    pub(crate) label: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    required: bool,
    #[serde(default, deserialize_with = "exact")]
    pub(crate) default: Option<Json>,
    #[serde(default, deserialize_with = "exact")]
    pub(crate) value: Option<Json>,
    #[serde(default, deserialize_with = "exact")]
    pub(crate) min: Option<Json>,
    #[serde(default, deserialize_with = "exact")]
    pub(crate) max: Option<Json>,
    #[serde(default)]
    pub(crate) pattern: Option<String>,
    /// The expression that must be true of it.
    #[serde(default)]
    pub(crate) check: Option<String>,
    #[serde(default)]
    pub(crate) options: Vec<Opt>,
    #[serde(default)]
    help: Option<String>,
    #[serde(default)]
    lines: Option<u32>,
    #[serde(default)]
    pub(crate) when: Option<String>,
    #[serde(default)]
    asked: Option<bool>,
    /// Who signs.
    #[serde(default)]
    pub(crate) by: Option<String>,
    #[serde(default)]
    witness: Option<String>,
    /// Endings of files.
    #[serde(default)]
    pub(crate) kinds: Vec<String>,
    /// The most bytes of a file.
    #[serde(default)]
    pub(crate) size: Option<u64>,
    /// The name of the input that it corrects.
    #[serde(default)]
    pub(crate) updates: Option<String>,
    #[serde(default)]
    pub(crate) private: bool,
    /// What cannot be worked out yet, and why.
    #[serde(default)]
    pub(crate) unknown: BTreeMap<String, String>,
    /// Of a table.
    #[serde(default)]
    pub(crate) fields: Vec<Self>,
    /// A column that comes with the rows.
    #[serde(default)]
    shown: bool,
}

fn exact<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Json>, D::Error> {
    let raw = Box::<RawValue>::deserialize(from)?;
    Ok(with_digits(raw.get()).filter(|value| !value.is_null()))
}

/// The fields of a form's view.
///
/// # Errors
/// When the view is none of ours.
pub(crate) fn of(form: &FormView) -> Result<Vec<Shown>, Refusal> {
    let json = serde_json::to_string(&form.fields)
        .map_err(|error| Refusal::bug("a form's view cannot be written", &error))?;
    serde_json::from_str(&json).map_err(|error| Refusal::bug("a form's view cannot be read", &error))
}

/// The values of an object as a person reads them, without those that are empty; with the labels of the form that they were
/// filled in, where there is one.
pub(crate) fn brought(json: &str, form: Option<&Form>, reader: &Reader<'_>) -> Vec<(String, String)> {
    let Some(Json::Object(values)) = with_digits(json) else { return vec![] };
    let told = match form {
        Some(form) => labels::under(values, form, (reader.lang, &reader.world.people)),
        None => values.into_iter().map(|(name, value)| (name, told(&value, reader.lang))).collect(),
    };
    let told = told.into_iter();
    told.filter(|(_, value)| !value.is_empty()).collect()
}

/// The form of a step that asks somebody.
pub(crate) fn asked_by<'t>(text: &'t Workflow, step: &str) -> Option<&'t Form> {
    if let Work::Ask(ask) = &text.step(text.step_named(step)?).work { Some(&ask.form) } else { None }
}

/// JSON with its numbers as texts: each is shown with the digits that it has.
pub(crate) fn with_digits(json: &str) -> Option<Json> {
    let mut written = String::with_capacity(json.len() + 16);
    let (mut in_text, mut escaped, mut in_number) = (false, false, false);
    for sign in json.chars() {
        let of_number = !in_text
            && (sign.is_ascii_digit() || sign == '-' || in_number && matches!(sign, '+' | '.' | 'e' | 'E'));
        if of_number != in_number {
            written.push('"');
            in_number = of_number;
        }
        written.push(sign);
        if in_text {
            in_text = escaped || sign != '"';
            escaped = !escaped && sign == '\\';
        } else {
            in_text = sign == '"';
        }
    }
    if in_number {
        written.push('"');
    }
    serde_json::from_str(&written).ok()
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Opt {
    pub(crate) code: String,
    pub(crate) label: String,
}

impl Shown {
    pub(crate) fn kind(&self) -> &str {
        &self.kind
    }

    pub(crate) fn is_required(&self) -> bool {
        self.required
    }

    /// Shown, not asked.
    fn is_told(&self) -> bool {
        self.value.is_some() && self.kind != "table"
    }

    /// One that hangs on other fields is shown, as no script can bring it up later; else only where it is asked.
    fn is_there(&self, among: &[Self]) -> bool {
        let hangs_on = |when: &String| among.iter().any(|other| mentions(when, &other.name));
        self.asked.unwrap_or(true) || self.when.as_ref().is_none_or(hangs_on)
    }

    fn must(&self) -> bool {
        self.required && self.when.is_none()
    }

    fn rows(&self) -> Option<&Vec<Json>> {
        self.value.as_ref().and_then(Json::as_array)
    }
}

fn mentions(expression: &str, name: &str) -> bool {
    let is_part = |sign: char| sign.is_alphanumeric() || sign == '_';
    expression.split(|sign| !is_part(sign)).any(|word| word == name)
}

pub(crate) fn takes_files(fields: &[Shown]) -> bool {
    fields.iter().any(|field| matches!(field.kind.as_str(), "file" | "files") && field.value.is_none())
}

/// An answer without the fields that take files.
pub(crate) fn without_files(answer: &Json, fields: &[Shown]) -> Json {
    let mut rest = answer.clone();
    if let Some(rest) = rest.as_object_mut() {
        rest.retain(|name, _| {
            !fields.iter().any(|field| field.name == *name && matches!(field.kind(), "file" | "files"))
        });
    }
    rest
}

/// The form as it is asked; what is chosen already is not asked again.
pub(crate) fn asked(
    fields: &[Shown],
    choice: Option<&Choice>,
    faults: &[(String, String)],
    given: &Given,
    lang: Lang,
) -> Markup {
    html! {
        @for field in fields.iter().filter(|field| field.is_there(fields)) {
            @if choice.is_none_or(|Choice(name, _)| **name != *field.name) {
                (one(field, faults, given, lang))
            }
        }
    }
}

/// What a link's choice is called.
pub(crate) fn chosen(fields: &[Shown], Choice(name, value): &Choice, lang: Lang) -> (String, String) {
    let field = fields.iter().find(|field| *field.name == **name);
    let label = field.map_or_else(|| name.to_string(), |field| field.label.clone());
    let approves = &**name == "approved" && field.is_some_and(|field| field.kind == "yesno");
    let said = match value {
        Json::Bool(true) if approves => say(lang, t::APPROVE).to_owned(),
        Json::Bool(false) if approves => say(lang, t::REFUSE).to_owned(),
        Json::String(code) => {
            let known = field.and_then(|field| field.options.iter().find(|option| option.code == *code));
            known.map_or_else(|| code.clone(), |option| option.label.clone())
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => told(value, lang),
    };
    (label, said)
}

fn one(field: &Shown, faults: &[(String, String)], given: &Given, lang: Lang) -> Markup {
    let own = |path: &str| {
        path == field.name || path.strip_prefix(&*field.name).is_some_and(|rest| rest.starts_with(['[', '.']))
    };
    let wrong: Vec<&String> = faults.iter().filter(|(path, _)| own(path)).map(|(_, said)| said).collect();
    let group = matches!(field.kind.as_str(), "yesno" | "choices" | "checklist" | "signature" | "table")
        || field.kind == "choice" && field.options.len() <= SHOWN_OPTIONS;
    let id = format!("f.{}", field.name);
    html! {
        @if field.is_told() {
            div.told { span.label { (field.label) } p { (told(field.value.as_ref().unwrap_or(&Json::Null), lang)) } }
        } @else if group {
            fieldset.wrong[!wrong.is_empty()] {
                legend { (field.label) (mark(field, lang)) }
                (beside(field, &wrong))
                (input(field, &id, given, lang, &Called::ByItsLabel))
            }
        } @else {
            div.field.wrong[!wrong.is_empty()] {
                label for=(id) { (field.label) (mark(field, lang)) }
                (beside(field, &wrong))
                (input(field, &id, given, lang, &Called::ByItsLabel))
            }
        }
    }
}

fn mark(field: &Shown, lang: Lang) -> Markup {
    html! {
        @if field.when.is_some() { span.hint { (say(lang, t::WHERE_IT_APPLIES)) } }
        @else if !field.required { span.hint { (say(lang, t::MAY_BE_LEFT_EMPTY)) } }
    }
}

fn beside(field: &Shown, wrong: &[&String]) -> Markup {
    html! {
        @if let Some(help) = &field.help { p.hint { (help) } }
        @for said in wrong { p.fault role="alert" { (said) } }
    }
}

/// What a field is called for whoever does not see it.
enum Called {
    ByItsLabel,
    /// In a table: by its column and its row.
    By(String),
}

fn input(field: &Shown, id: &str, given: &Given, lang: Lang, called: &Called) -> Markup {
    let name = id;
    // With more options there is a list to choose from; in a table there is one always.
    let (called, options) = match called {
        Called::ByItsLabel => (None, SHOWN_OPTIONS),
        Called::By(words) => (Some(words), 0),
    };
    let known = given.text(name).map(str::to_owned);
    let known = known.or_else(|| field.default.as_ref().filter(|_| given.is_nothing()).map(plain));
    let known = known.unwrap_or_default();
    let must = field.must();
    match field.kind.as_str() {
        "yesno" => radios(name, &[("yes", say(lang, t::YES)), ("no", say(lang, t::NO))], &yes(&known), must),
        "choice" if field.options.len() <= options => {
            let options: Vec<(&str, &str)> =
                field.options.iter().map(|option| (&*option.code, &*option.label)).collect();
            radios(name, &options, &known, must)
        }
        "choice" => html! {
            select id=(id) name=(name) required[must] aria-label=[called] {
                option value="" { (say(lang, t::CHOOSE)) }
                @for option in &field.options {
                    option value=(option.code) selected[option.code == known] { (option.label) }
                }
            }
        },
        "choices" | "checklist" => several(field, name, given),
        "signature" => signature(field, name, given, lang),
        "table" => table(field, name, given, lang),
        "file" | "files" => {
            let kinds: Vec<String> = field.kinds.iter().map(|kind| format!(".{kind}")).collect();
            let kinds = kinds.join(",");
            html! {
                span.choose {
                    input #(id) type="file" name=(name) multiple[field.kind == "files"] aria-label=[called]
                        accept=[(!kinds.is_empty()).then_some(kinds)] required[must];
                    span.shown aria-hidden="true" {
                        span.button { (say(lang, if field.kind == "files" { t::CHOOSE_FILES } else { t::CHOOSE_FILE })) }
                        span.names data-none=(say(lang, t::NO_FILE_YET)) { (say(lang, t::NO_FILE_YET)) }
                    }
                }
            }
        }
        "text" if field.lines.is_some_and(|lines| lines > 1) => html! {
            textarea id=(id) name=(name) rows=(field.lines.unwrap_or(3).min(20)) required[must] aria-label=[called] { (known) }
        },
        kind => html! {
            input id=(id) type=(type_of(kind)) inputmode=[mode_of(kind)] name=(name) value=(known)
                step=[(kind == "time").then_some("any")] autocomplete="off" required[must] aria-label=[called];
        },
    }
}

fn type_of(kind: &str) -> &'static str {
    match kind {
        "date" => "date",
        "time" => "time",
        "datetime" => "datetime-local",
        "phone" => "tel",
        "email" => "email",
        _ => "text",
    }
}

fn mode_of(kind: &str) -> Option<&'static str> {
    match kind {
        "whole" => Some("numeric"),
        "number" | "money" => Some("decimal"),
        _ => None,
    }
}

fn yes(known: &str) -> String {
    match known {
        "true" => "yes".to_owned(),
        "false" => "no".to_owned(),
        other => other.to_owned(),
    }
}

fn radios(name: &str, options: &[(&str, &str)], known: &str, must: bool) -> Markup {
    html! {
        @for (code, label) in options {
            label.pick { input type="radio" name=(name) value=(code) checked[*code == known] required[must]; span { (label) } }
        }
    }
}

fn several(field: &Shown, name: &str, given: &Given) -> Markup {
    let ticked = |code: &str| {
        if given.is_nothing() {
            let done = field.default.as_ref().map(|known| known.get("done").unwrap_or(known));
            done.and_then(Json::as_array).is_some_and(|list| list.iter().any(|one| one == code))
        } else {
            given.all(name).any(|one| one == code)
        }
    };
    html! {
        @for option in &field.options {
            label.pick {
                input type="checkbox" name=(name) value=(option.code) checked[ticked(&option.code)];
                span { (option.label) }
            }
        }
    }
}

fn signature(field: &Shown, name: &str, given: &Given, lang: Lang) -> Markup {
    let part = |part: &str| format!("{name}.{part}");
    let line = |key: &str, label: &str| {
        let id = part(key);
        html! {
            label for=(id) { (label) }
            input id=(id) type="text" name=(id) value=(given.text(&id).unwrap_or_default()) autocomplete="off";
        }
    };
    let signed = part("signed");
    let words = [("yes", say(lang, t::I_SIGN)), ("no", say(lang, t::I_REFUSE_TO_SIGN))];
    html! {
        (radios(&signed, &words, given.text(&signed).unwrap_or_default(), field.must()))
        (line("by", say(lang, t::SIGNATURE_NAME)))
        @if field.witness.is_some() { (line("witness", say(lang, t::WITNESS))) }
        (line("reason", say(lang, t::REASON)))
    }
}

fn table(field: &Shown, name: &str, given: &Given, lang: Lang) -> Markup {
    let rows = field.rows();
    let count = rows.map_or(ROWS, Vec::len);
    html! {
        div.wide { table {
            thead { tr { @for column in &field.fields { th { (column.label) } } } }
            tbody { @for row in 0..count { tr {
                @for column in &field.fields {
                    td data-label=(column.label) {
                        @if column.shown || column.is_told() {
                            (told(rows.and_then(|rows| rows.get(row)?.get(&column.name)).unwrap_or(&Json::Null), lang))
                        } @else {
                            (cell(column, (name, row), given, lang))
                        }
                    }
                }
            } } }
        } }
        @if rows.is_none() { p.hint { (say(lang, t::EMPTY_ROWS)) } }
    }
}

/// In a row nothing must be filled in before the row is.
fn cell(column: &Shown, (name, row): (&str, usize), given: &Given, lang: Lang) -> Markup {
    let column = Shown { required: false, ..column.clone() };
    let id = format!("{name}.{row}.{}", column.name);
    let called = format!("{} {}", column.label, row + 1);
    match column.kind.as_str() {
        "table" | "signature" => html! {},
        "yesno" | "choices" | "checklist" => html! {
            div role="group" aria-label=(called) { (input(&column, &id, given, lang, &Called::ByItsLabel)) }
        },
        _ => input(&column, &id, given, lang, &Called::By(called)),
    }
}

/// The answer that the page gave, with what the link chooses.
pub(crate) fn answer(fields: &[Shown], choice: Option<&Choice>, given: &Given) -> Json {
    let mut answer = Map::new();
    for field in fields.iter().filter(|field| !field.is_told() && field.is_there(fields)) {
        if let Some(value) = answer_of(field, &format!("f.{}", field.name), given) {
            answer.insert(field.name.clone(), value);
        }
    }
    if let Some(Choice(name, value)) = choice {
        answer.insert(name.to_string(), value.clone());
    }
    Json::Object(answer)
}

fn answer_of(field: &Shown, name: &str, given: &Given) -> Option<Json> {
    let text = || given.text(name).filter(|text| !text.trim().is_empty()).map(Json::from);
    match field.kind.as_str() {
        "choices" | "checklist" => Some(given.all(name).collect()),
        "file" => given.kept(name).next().cloned(),
        "files" => Some(given.kept(name).cloned().collect()),
        "signature" => {
            let signed = given.text(&format!("{name}.signed"))?;
            let mut said = Map::from_iter([("signed".to_owned(), json!(signed == "yes"))]);
            for part in ["by", "witness", "reason"] {
                let text = given.text(&format!("{name}.{part}")).filter(|text| !text.trim().is_empty());
                said.extend(text.map(|text| (part.to_owned(), json!(text))));
            }
            Some(Json::Object(said))
        }
        "table" => {
            let rows = 0..field.rows().map_or(ROWS, Vec::len);
            let row = |row: usize| {
                let columns = field.fields.iter().filter(|column| !column.shown && !column.is_told());
                let cells = columns.filter_map(|column| {
                    let value = answer_of(column, &format!("{name}.{row}.{}", column.name), given)?;
                    (value != json!([])).then(|| (column.name.clone(), value))
                });
                Json::Object(cells.collect())
            };
            let mut rows: Vec<Json> = rows.map(row).collect();
            if field.value.is_none() {
                // A row in the middle that was left out is none.
                rows.retain(|row| row.as_object().is_some_and(|row| !row.is_empty()));
            }
            Some(Json::Array(rows))
        }
        _ => text(),
    }
}

/// A value as a text field holds it.
fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Null | Json::Array(_) | Json::Object(_) => String::new(),
        Json::Bool(_) | Json::Number(_) => value.to_string(),
    }
}

/// A value as a person reads it.
pub(crate) fn told(value: &Json, lang: Lang) -> String {
    match value {
        Json::Null => String::new(),
        Json::Bool(yes) => if *yes { say(lang, t::YES_SMALL) } else { say(lang, t::NO_SMALL) }.to_owned(),
        Json::Number(number) => number.to_string(),
        Json::String(text) => text.strip_prefix("person:").unwrap_or(text).to_owned(),
        Json::Array(list) => {
            let all: Vec<String> =
                list.iter().map(|one| told(one, lang)).filter(|one| !one.is_empty()).collect();
            all.join(say(lang, t::LIST_COMMA))
        }
        Json::Object(parts) => match parts.get("name").and_then(Json::as_str) {
            Some(name) => name.to_owned(),
            None => {
                let parts = parts.iter().map(|(key, value)| (key, told(value, lang)));
                let parts = parts.filter(|(_, value)| !value.is_empty());
                let all: Vec<String> = parts.map(|(key, value)| format!("{key}: {value}")).collect();
                all.join(say(lang, t::SEMICOLON))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_keeps_every_digit() {
        let json = r#"{"a": 50000.00, "b": [-1.50, 12345678901234567890], "c": "1 \" 2", "d": "x\\", "e": 1e3, "f": true}"#;
        let told = with_digits(json).unwrap();
        assert_eq!(told["a"], "50000.00");
        assert_eq!(told["b"], json!(["-1.50", "12345678901234567890"]));
        assert_eq!((&told["c"], &told["d"]), (&json!("1 \" 2"), &json!("x\\")));
        assert_eq!((&told["e"], &told["f"]), (&json!("1e3"), &json!(true)));
        assert_eq!(with_digits("12.50"), Some(json!("12.50")));
    }
}
