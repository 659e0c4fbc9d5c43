//! What a page needs to show a form.

use std::sync::Arc;

use minijinja::Value;

use super::accept::{self, Taking};
use super::{Field, Form, Kind, Witness};
use crate::expression::{self, ExpressionError};

type Entries = Vec<(&'static str, Value)>;

/// A JSON array of fields, in which every number has its digits.
pub(super) fn view(form: &Form, given: &Value, scope: &Value) -> String {
    expression::json_of_value(&fields(form, given, scope))
}

fn fields(form: &Form, given: &Value, scope: &Value) -> Value {
    let mut taking = Taking::of(form, given, scope);
    for field in &form.fields {
        let value = so_far(&mut taking, field, given);
        taking.taken.push((Arc::clone(&field.name), value));
    }
    form.fields.iter().map(|field| Value::from_pairs(one(&taking, field, Some(given)))).collect()
}

/// What the field holds while the form is being filled in.
fn so_far(taking: &mut Taking<'_>, field: &Field, given: &Value) -> Value {
    let known = given.get_attr(&field.name).ok().filter(|given| !accept::is_nothing(given));
    let own = field.value.as_ref().or(field.default.as_ref());
    let value = match (&field.value, known) {
        (None, Some(known)) => Some(known),
        _ => own.and_then(|tree| accept::worked(tree, &taking.scope(None)).ok()),
    };
    // What cannot be taken yet is shown as it was typed.
    let typed = value.as_ref().and_then(|value| taking.typed(field, value).ok());
    typed.or(value).unwrap_or_else(|| Value::from(()))
}

/// `given`: what is filled in so far.
fn one(taking: &Taking<'_>, field: &Field, given: Option<&Value>) -> Entries {
    let scope = taking.scope(None);
    let is_asked = field.value.is_none() || field.kind == Kind::Table;
    let known = given.and_then(|given| given.get_attr(&field.name).ok()).filter(|_| is_asked);
    let known = known.filter(|known| !known.is_undefined() && !known.is_none());
    let (mut shown, mut unknown): (Entries, Entries) = (Vec::new(), Vec::new());
    let mut put = |key: &'static str, value: Result<Value, ExpressionError>| match value {
        // A bound that is nothing hangs on what is not filled in.
        Ok(value) if (value.is_none() || value.is_undefined()) && matches!(key, "min" | "max") => {
            unknown.push((key, Value::from("it is nothing so far")));
        }
        Ok(value) if value.is_none() || value.is_undefined() => {}
        Ok(value) => shown.push((key, value)),
        // It hangs on what is not filled in yet, or never works: the rest of the form is shown all the same.
        Err(error) => unknown.push((key, Value::from(error.to_string()))),
    };
    put("name", Ok(Value::from(&*field.name)));
    put("label", Ok(Value::from(field.label())));
    put("type", Ok(Value::from(field.kind.as_str())));
    let required = taking.required(field).map(|required| required && field.value.is_none());
    put("required", required.map(Value::from));
    let default = if known.is_some() { &None } else { &field.default };
    put("default", Ok(known.unwrap_or_default()));
    for (key, tree) in
        [("default", default), ("value", &field.value), ("min", &field.min), ("max", &field.max)]
    {
        if let Some(tree) = tree {
            put(key, accept::worked(tree, &scope));
        }
    }
    if field.kind.has_options() {
        let text = |text: &str| Value::from(text);
        let pair =
            |one: &super::Choice| Value::from_pairs([("code", text(&one.code)), ("label", text(&one.label))]);
        put("options", accept::choices(field, &scope).map(|all| all.iter().map(pair).collect()));
    }
    for (key, text) in [("pattern", field.pattern.as_deref()), ("help", field.help.as_deref())] {
        put(key, Ok(Value::from(text)));
    }
    put("check", Ok(Value::from(field.check.as_ref().map(|check| check.source()))));
    put("lines", Ok(Value::from(field.lines)));
    put("private", Ok(Value::from(field.private.then_some(true))));
    if let Some(when) = &field.when {
        put("when", Ok(Value::from(when.source())));
        put("asked", when.truth(&scope).map(Value::from));
    }
    if field.kind == Kind::Table {
        put("fields", Ok(columns(field, &scope)));
    }
    if let Some(by) = &field.by {
        put("by", by.text(&scope).map(Value::from));
    }
    put("witness", Ok(Value::from(word(field.witness))));
    if !field.kinds.is_empty() {
        put("kinds", Ok(field.kinds.iter().map(|kind| Value::from(&**kind)).collect()));
    }
    put("size", Ok(Value::from(field.most_bytes)));
    put("updates", Ok(Value::from(field.updates.as_deref())));
    if !unknown.is_empty() {
        shown.push(("unknown", Value::from_pairs(unknown)));
    }
    shown
}

/// The columns of a table, and which of them come with the rows.
fn columns(field: &Field, scope: &Value) -> Value {
    let rows = field.value.as_ref().and_then(|rows| accept::worked(rows, scope).ok());
    let rows = rows.and_then(|rows| accept::list(field, &rows).ok()).unwrap_or_default();
    let headed = accept::headings(&field.columns, &rows);
    let nothing = Value::from(());
    let taking = Taking::of(&field.columns, &nothing, scope);
    let column = |column: &Field| {
        let mut entries = one(&taking, column, None);
        if headed.contains(&column.name) {
            entries.push(("shown", Value::from(true)));
        }
        Value::from_pairs(entries)
    };
    field.columns.fields.iter().map(column).collect()
}

pub(super) fn word(witness: Witness) -> Option<&'static str> {
    match witness {
        Witness::Never => None,
        Witness::Refused => Some("refused"),
        Witness::Always => Some("always"),
    }
}
