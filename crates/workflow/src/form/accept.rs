//! Takes an answer: each value is converted to its field's type or refused with the field's name.

#![expect(clippy::wildcard_enum_match_arm, reason = "JSON has no more kinds, and each type takes a few")]

use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object};
use serde_json::{Map, Value as Json};

use super::convert::{self, Refusal};
use super::{Accepted, Choice, Field, FieldFault, Form, Kind, Options, Required};
use crate::expression::{self, Expression, ExpressionError, Tree};
use crate::problem::{listed, nearest};

pub(super) fn accept(
    form: &Form,
    given: &Map<String, Json>,
    scope: &Value,
) -> Result<Accepted, Vec<FieldFault>> {
    let mut taking = Taking { form, given, under: scope, taken: Vec::new(), faults: Vec::new() };
    for field in &form.fields {
        let value = match taking.take(field) {
            Ok(value) => value,
            Err(fault) => {
                taking.faults.push(fault);
                Json::Null
            }
        };
        taking.taken.push((Arc::clone(&field.name), value));
    }
    if taking.faults.is_empty() {
        taking.check_all();
    }
    let Taking { taken, faults, .. } = taking;
    if !faults.is_empty() {
        return Err(faults);
    }
    let dropped = given.keys().filter(|key| form.field(key).is_none()).cloned().collect();
    let object: Map<String, Json> =
        taken.into_iter().map(|(name, value)| (name.to_string(), value)).collect();
    Ok(Accepted { json: Json::Object(object).to_string(), dropped })
}

struct Taking<'f> {
    form: &'f Form,
    given: &'f Map<String, Json>,
    under: &'f Value,
    taken: Vec<(Arc<str>, Json)>,
    faults: Vec<FieldFault>,
}

impl Taking<'_> {
    /// The names in scope with the fields taken so far over them; those that come later are empty.
    fn scope(&self, value: Option<&Json>) -> Value {
        let mut top: Vec<(Arc<str>, Value)> = Vec::with_capacity(self.form.fields.len() + 1);
        for field in &self.form.fields {
            let taken = self.taken.iter().find(|(name, _)| *name == field.name);
            top.push((
                Arc::clone(&field.name),
                taken.map_or_else(expression::empty, |(_, json)| of_json(json)),
            ));
        }
        if let Some(value) = value {
            top.push(("value".into(), of_json(value)));
        }
        Value::from_object(Overlay { top, under: self.under.clone() })
    }

    fn take(&self, field: &Field) -> Result<Json, FieldFault> {
        let failed =
            |error: ExpressionError| FieldFault::new(field, "YZ0336").name("cause", error.to_string());
        if let Some(when) = &field.when
            && !when.truth(&self.scope(None)).map_err(failed)?
        {
            return Ok(Json::Null);
        }
        if let Some(value) = &field.value {
            return shown(value, &self.scope(None)).map_err(failed);
        }
        let given = self.given.get(&*field.name).filter(|given| !is_nothing(given));
        let default = match (given, &field.default) {
            (None, Some(default)) => Some(shown(default, &self.scope(None)).map_err(failed)?),
            _ => None,
        };
        let Some(given) = given.or(default.as_ref().filter(|default| !is_nothing(default))) else {
            let required = match &field.required {
                Required::Always(required) => *required,
                Required::Worked(template) => template.value(&self.scope(None)).map_err(failed)?.is_true(),
            };
            return if required { Err(FieldFault::new(field, "YZ0330")) } else { Ok(nothing(field.kind)) };
        };
        let choices = if field.kind.has_options() {
            choices(field, &self.scope(None)).map_err(failed)?
        } else {
            vec![]
        };
        let value = convert::convert(field.kind, given, &choices)
            .map_err(|refusal| refused(field, given, refusal))?;
        self.bounds(field, &value)?;
        if let (Some(pattern), Json::String(text)) = (&field.pattern, &value) {
            // Checked when the file was read; one that no longer compiles takes nothing.
            let whole = format!("^(?:{pattern})$");
            if !regex_lite::Regex::new(&whole).is_ok_and(|pattern| pattern.is_match(text)) {
                return Err(FieldFault::new(field, "YZ0334").name("pattern", &**pattern));
            }
        }
        Ok(value)
    }

    fn bounds(&self, field: &Field, value: &Json) -> Result<(), FieldFault> {
        for (key, bound, code) in [("min", &field.min, "YZ0332"), ("max", &field.max, "YZ0333")] {
            let Some(tree) = bound else { continue };
            let failed =
                |error: ExpressionError| FieldFault::new(field, "YZ0336").name("cause", error.to_string());
            let bound = shown(tree, &self.scope(None)).map_err(failed)?;
            if is_nothing(&bound) {
                continue;
            }
            let Some(order) = convert::against(value, &bound) else {
                let cause = format!("`{key}` is `{bound}`, which is no bound for `{}`", field.kind.as_str());
                return Err(FieldFault::new(field, "YZ0336").name("cause", cause));
            };
            let beyond = if key == "min" { order.is_lt() } else { order.is_gt() };
            if beyond {
                let bound = bound.as_str().map_or_else(|| bound.to_string(), str::to_owned);
                let counted = matches!(field.kind, Kind::Text | Kind::Choices | Kind::Files);
                let code = match (code, counted) {
                    ("YZ0332", true) => "YZ0337",
                    ("YZ0333", true) => "YZ0338",
                    (code, _) => code,
                };
                return Err(FieldFault::new(field, code).name("bound", bound));
            }
        }
        Ok(())
    }

    /// `check` may look at all fields, so it comes last.
    fn check_all(&mut self) {
        let mut faults = Vec::new();
        for (field, (_, value)) in self.form.fields.iter().zip(&self.taken) {
            if let Some(check) = &field.check
                && !value.is_null()
            {
                faults.extend(self.check(field, check, value));
            }
        }
        self.faults.extend(faults);
    }

    fn check(&self, field: &Field, check: &Expression, value: &Json) -> Option<FieldFault> {
        let scope = self.scope(Some(value));
        match check.truth(&scope) {
            Ok(true) => None,
            Ok(false) => {
                let own = field.message.as_ref().and_then(|message| message.text(&scope).ok());
                let mut fault = FieldFault::new(field, "YZ0335").name("check", check.source());
                if let Some(message) = own {
                    fault = fault.name("own", message);
                }
                Some(fault)
            }
            Err(error) => Some(FieldFault::new(field, "YZ0336").name("cause", error.to_string())),
        }
    }
}

fn refused(field: &Field, given: &Json, refusal: Refusal) -> FieldFault {
    let shown = given.as_str().map_or_else(|| given.to_string(), str::to_owned);
    let shown: String = shown.chars().take(60).collect();
    match refusal {
        Refusal::Type => {
            FieldFault::new(field, "YZ0331").name("value", shown).name("type", field.kind.as_str())
        }
        Refusal::NotOneOf { value, known } => {
            let mut fault =
                FieldFault::new(field, "YZ0339").name("value", &value).name("known", listed(&known));
            if let Some(near) = nearest(&value, &known) {
                fault = fault.name("nearest", near);
            }
            fault
        }
    }
}

/// No answer: what an optional field then holds.
fn nothing(kind: Kind) -> Json {
    match kind {
        Kind::Choices | Kind::Files => Json::Array(Vec::new()),
        _ => Json::Null,
    }
}

fn is_nothing(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::String(text) => text.trim().is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Bool(_) | Json::Number(_) | Json::Object(_) => false,
    }
}

fn of_json(json: &Json) -> Value {
    match json {
        Json::Null => expression::empty(),
        Json::String(text) => Value::from(text.as_str()),
        other => expression::value_of_json(&other.to_string()),
    }
}

fn shown(tree: &Tree, scope: &Value) -> Result<Json, ExpressionError> {
    let text = tree.json(scope)?;
    Ok(serde_json::from_str(&text).unwrap_or(Json::Null))
}

/// The options of a field, worked out.
fn choices(field: &Field, scope: &Value) -> Result<Vec<Choice>, ExpressionError> {
    let template = match &field.options {
        Options::None => return Ok(Vec::new()),
        Options::Fixed(choices) => return Ok(choices.to_vec()),
        Options::Worked(template) => template,
    };
    let json: Json =
        serde_json::from_str(&expression::json_of_value(&template.value(scope)?)).unwrap_or(Json::Null);
    let text = |json: &Json| json.as_str().map_or_else(|| json.to_string(), str::to_owned);
    Ok(match json {
        Json::Array(items) => items
            .iter()
            .map(|item| match item {
                Json::Object(choice) => {
                    let code = choice.get("code").map(text).unwrap_or_default();
                    let label = choice.get("label").map_or_else(|| code.clone(), text);
                    Choice { code: code.into(), label: label.into() }
                }
                other => Choice { code: text(other).into(), label: text(other).into() },
            })
            .collect(),
        Json::Object(map) => map
            .iter()
            .map(|(code, label)| Choice { code: code.as_str().into(), label: text(label).into() })
            .collect(),
        _ => Vec::new(),
    })
}

/// The names of the form over those around it.
#[derive(Debug)]
struct Overlay {
    top: Vec<(Arc<str>, Value)>,
    under: Value,
}

impl Object for Overlay {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        if let Some((_, value)) = self.top.iter().find(|(name, _)| &**name == key) {
            return Some(value.clone());
        }
        self.under.get_attr(key).ok().filter(|value| !value.is_undefined())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let mut names: Vec<Value> = self.top.iter().map(|(name, _)| Value::from(&**name)).collect();
        names.extend(self.under.try_iter().into_iter().flatten());
        Enumerator::Values(names)
    }
}

pub(super) fn view(form: &Form, scope: &Value) -> Result<String, ExpressionError> {
    let nothing = Map::new();
    let taking = Taking { form, given: &nothing, under: scope, taken: Vec::new(), faults: Vec::new() };
    let scope = taking.scope(None);
    let mut fields = Vec::with_capacity(form.fields.len());
    for field in &form.fields {
        fields.push(one(field, &scope)?);
    }
    Ok(Json::Array(fields).to_string())
}

fn one(field: &Field, scope: &Value) -> Result<Json, ExpressionError> {
    let mut shown_field = Map::new();
    let mut put = |key: &str, value: Json| {
        if !value.is_null() {
            shown_field.insert(key.to_owned(), value);
        }
    };
    put("name", Json::from(&*field.name));
    put("label", Json::from(field.label()));
    put("type", Json::from(field.kind.as_str()));
    let required = match &field.required {
        Required::Always(required) => *required,
        Required::Worked(template) => template.value(scope)?.is_true(),
    };
    put("required", Json::from(required && field.value.is_none()));
    for (key, tree) in
        [("default", &field.default), ("value", &field.value), ("min", &field.min), ("max", &field.max)]
    {
        if let Some(tree) = tree {
            put(key, shown(tree, scope)?);
        }
    }
    if field.kind.has_options() {
        let choices = choices(field, scope)?;
        put(
            "options",
            choices.iter().map(|one| serde_json::json!({ "code": one.code, "label": one.label })).collect(),
        );
    }
    put("pattern", field.pattern.as_deref().map_or(Json::Null, Json::from));
    put("help", field.help.as_deref().map_or(Json::Null, Json::from));
    put("lines", field.lines.map_or(Json::Null, Json::from));
    if field.private {
        put("private", Json::Bool(true));
    }
    if let Some(when) = &field.when {
        put("when", Json::from(when.source()));
    }
    Ok(Json::Object(shown_field))
}
