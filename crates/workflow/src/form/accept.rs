//! Takes an answer: each value is converted to its field's type or refused with the field's name.

#![expect(clippy::wildcard_enum_match_arm, reason = "values have many kinds, and a few are meant")]

use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ValueKind};
use serde_json::{Map, Value as Json};

use super::convert::{self, Refusal};
use super::{Accepted, Choice, Field, FieldFault, Form, Kind, Options, Required};
use crate::expression::{self, Expression, ExpressionError, Tree};
use crate::problem::{listed, nearest};

pub(super) fn accept(form: &Form, given: &Value, scope: &Value) -> Result<Accepted, Vec<FieldFault>> {
    let mut taking = Taking { form, given, under: scope, taken: Vec::new(), faults: Vec::new() };
    for field in &form.fields {
        let value = match taking.take(field) {
            Ok(value) => value,
            Err(fault) => {
                taking.faults.push(fault);
                Value::from(())
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
    let mut dropped: Vec<String> =
        given.try_iter().into_iter().flatten().filter_map(|key| key.as_str().map(str::to_owned)).collect();
    dropped.retain(|key| form.field(key).is_none());
    let object = Value::from_pairs(taken.into_iter().map(|(name, value)| (Value::from(&*name), value)));
    Ok(Accepted { json: expression::json_of_value(&object), dropped })
}

struct Taking<'f> {
    form: &'f Form,
    given: &'f Value,
    under: &'f Value,
    taken: Vec<(Arc<str>, Value)>,
    faults: Vec<FieldFault>,
}

impl Taking<'_> {
    /// The names in scope with the fields taken so far over them; those that come later are empty.
    fn scope(&self, value: Option<&Value>) -> Value {
        let mut top: Vec<(Arc<str>, Value)> = Vec::with_capacity(self.form.fields.len() + 1);
        for field in &self.form.fields {
            let taken = self.taken.iter().find(|(name, _)| *name == field.name);
            top.push((
                Arc::clone(&field.name),
                taken.map_or_else(expression::empty, |(_, value)| or_empty(value)),
            ));
        }
        if let Some(value) = value {
            top.push(("value".into(), or_empty(value)));
        }
        Value::from_object(Overlay { top, under: self.under.clone() })
    }

    fn take(&self, field: &Field) -> Result<Value, FieldFault> {
        let failed =
            |error: ExpressionError| FieldFault::new(field, "YZ0336").name("cause", error.to_string());
        if let Some(when) = &field.when
            && !when.truth(&self.scope(None)).map_err(failed)?
        {
            return Ok(Value::from(()));
        }
        if let Some(value) = &field.value {
            return worked(value, &self.scope(None)).map_err(failed);
        }
        let given = self.given.get_attr(&field.name).ok().filter(|given| !is_nothing(given));
        let default = match (&given, &field.default) {
            (None, Some(default)) => Some(worked(default, &self.scope(None)).map_err(failed)?),
            _ => None,
        };
        let Some(given) = given.or(default.filter(|default| !is_nothing(default))) else {
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
        let value = convert::convert(field.kind, &given, &choices)
            .map_err(|refusal| refused(field, &given, refusal))?;
        self.bounds(field, &value)?;
        if let (Some(pattern), Some(text)) = (&field.pattern, value.as_str()) {
            // Checked when the file was read; one that no longer compiles takes nothing.
            let whole = format!("^(?:{pattern})$");
            if !regex_lite::Regex::new(&whole).is_ok_and(|pattern| pattern.is_match(text)) {
                return Err(FieldFault::new(field, "YZ0334").name("pattern", &**pattern));
            }
        }
        Ok(value)
    }

    fn bounds(&self, field: &Field, value: &Value) -> Result<(), FieldFault> {
        for (key, bound, code) in [("min", &field.min, "YZ0332"), ("max", &field.max, "YZ0333")] {
            let Some(tree) = bound else { continue };
            let failed =
                |error: ExpressionError| FieldFault::new(field, "YZ0336").name("cause", error.to_string());
            let bound = worked(tree, &self.scope(None)).map_err(failed)?;
            if is_nothing(&bound) {
                continue;
            }
            let Some(order) = convert::against(value, &bound) else {
                let cause = format!("`{key}` is `{bound}`, which is no bound for `{}`", field.kind.as_str());
                return Err(FieldFault::new(field, "YZ0336").name("cause", cause));
            };
            let beyond = if key == "min" { order.is_lt() } else { order.is_gt() };
            if beyond {
                let bound = bound.to_string();
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
                && !is_nothing_at_all(value)
            {
                faults.extend(self.check(field, check, value));
            }
        }
        self.faults.extend(faults);
    }

    fn check(&self, field: &Field, check: &Expression, value: &Value) -> Option<FieldFault> {
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

fn refused(field: &Field, given: &Value, refusal: Refusal) -> FieldFault {
    let shown = given.as_str().map_or_else(|| expression::json_of_value(given), str::to_owned);
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
fn nothing(kind: Kind) -> Value {
    match kind {
        Kind::Choices | Kind::Files => Value::from(Vec::<Value>::new()),
        _ => Value::from(()),
    }
}

fn is_nothing(value: &Value) -> bool {
    is_nothing_at_all(value)
        || value.as_str().is_some_and(|text| text.trim().is_empty())
        || value.kind() == ValueKind::Seq && value.len() == Some(0)
}

fn is_nothing_at_all(value: &Value) -> bool {
    value.is_undefined() || expression::is_empty(value)
}

/// Every field of nothing is empty too.
fn or_empty(value: &Value) -> Value {
    if value.is_none() { expression::empty() } else { value.clone() }
}

/// As it would be sent: nothing in it is still to be worked out.
fn worked(tree: &Tree, scope: &Value) -> Result<Value, ExpressionError> {
    tree.json(scope).map(|json| expression::value_of_json(&json))
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
    let worked = template.value(scope)?;
    let text = |value: &Value| convert::text_of(value).unwrap_or_else(|| expression::json_of_value(value));
    let known =
        |choice: &Value, key: &str| choice.get_attr(key).ok().filter(|value| !is_nothing_at_all(value));
    let items = || worked.try_iter().into_iter().flatten();
    Ok(match worked.kind() {
        ValueKind::Map => items()
            .map(|code| {
                let label = worked.get_item(&code).map(|label| text(&label)).unwrap_or_default();
                Choice { code: text(&code).into(), label: label.into() }
            })
            .collect(),
        ValueKind::Seq | ValueKind::Iterable => items()
            .map(|item| {
                if item.kind() != ValueKind::Map {
                    return Choice { code: text(&item).into(), label: text(&item).into() };
                }
                let code = known(&item, "code").map(|code| text(&code)).unwrap_or_default();
                let label = known(&item, "label").map_or_else(|| code.clone(), |label| text(&label));
                Choice { code: code.into(), label: label.into() }
            })
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
    let nothing = Value::from(());
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
