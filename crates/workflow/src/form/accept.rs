//! Takes an answer: each value is converted to its field's type or refused with the field's name.

#![expect(clippy::wildcard_enum_match_arm, reason = "values have many kinds, and a few are meant")]

use std::sync::Arc;

use minijinja::Value;
use minijinja::value::ValueKind;

use super::convert::{self, Refusal};
use super::{Accepted, Choice, Field, FieldFault, Form, Kind, Options, Required, scope, ticks};
use crate::expression::{self, Expression, ExpressionError, Tree};
use crate::problem::{listed, nearest};

/// More rows are a file.
const MOST_ROWS: usize = 5_000;

pub(super) fn accept(
    form: &Form,
    given: &Value,
    scope: &Value,
    by: Option<&str>,
) -> Result<Accepted, Vec<FieldFault>> {
    let mut taking = Taking { by, ..Taking::of(form, given, scope) };
    taking.take_all();
    if taking.faults.is_empty() {
        taking.check_all();
    }
    if !taking.faults.is_empty() {
        return Err(taking.faults);
    }
    let json = expression::json_of_value(&object(&taking.taken));
    Ok(Accepted { json, dropped: taking.dropped })
}

pub(super) fn correct(
    form: &Form,
    accepted: &Value,
    new: &[(Arc<str>, Value)],
    scope: &Value,
) -> Result<String, Vec<FieldFault>> {
    let mut taking = Taking::of(form, accepted, scope);
    let known = |field: &Field| accepted.get_attr(&field.name).unwrap_or_default();
    taking.taken = form.fields.iter().map(|field| (field.name.clone(), known(field))).collect();
    for (name, value) in new {
        let at = form.fields.iter().position(|field| field.name == *name);
        let Some((at, field)) = at.and_then(|at| Some((at, form.fields.get(at)?))) else { continue };
        match taking.typed(field, value) {
            Ok(value) => taking.taken[at].1 = value,
            Err(faults) => taking.faults.extend(faults),
        }
    }
    if taking.faults.is_empty() {
        taking.check_all();
    }
    if taking.faults.is_empty() {
        Ok(expression::json_of_value(&object(&taking.taken)))
    } else {
        Err(taking.faults)
    }
}

/// Without the fields that cannot be taken. One that was not given is no fault.
pub(super) fn fill_in(form: &Form, given: &Value, scope: &Value) -> (Accepted, Vec<FieldFault>) {
    let mut taking = Taking::of(form, given, scope);
    taking.take_all();
    taking.faults.retain(|fault| &*fault.code != "YZ0330");
    let json = expression::json_of_value(&object(&taking.taken));
    (Accepted { json, dropped: taking.dropped }, taking.faults)
}

fn object(fields: &[(Arc<str>, Value)]) -> Value {
    Value::from_pairs(fields.iter().map(|(name, value)| (Value::from(&**name), value.clone())))
}

/// A form that is being filled in: the whole one, or the columns of a table for one row.
pub(super) struct Taking<'f> {
    pub(super) form: &'f Form,
    given: &'f Value,
    under: &'f Value,
    /// Who answers.
    by: Option<&'f str>,
    /// It is the row of a table.
    in_row: bool,
    /// The row that is shown, and for which answers are asked beside it.
    shown: Option<&'f Value>,
    pub(super) taken: Vec<(Arc<str>, Value)>,
    faults: Vec<FieldFault>,
    dropped: Vec<String>,
}

/// What there is to convert.
enum Found {
    /// Nothing: this is what the field holds.
    Decided(Value),
    Given(Value),
    /// The rows of a table that come with the form.
    Rows(Value),
}

fn failed(field: &Field) -> impl Fn(ExpressionError) -> FieldFault + '_ {
    |error| FieldFault::new(field, "YZ0336").name("cause", error.to_string())
}

impl<'f> Taking<'f> {
    pub(super) fn of(form: &'f Form, given: &'f Value, under: &'f Value) -> Self {
        Self {
            form,
            given,
            under,
            by: None,
            in_row: false,
            shown: None,
            taken: Vec::with_capacity(form.fields.len()),
            faults: Vec::new(),
            dropped: Vec::new(),
        }
    }

    /// The names in scope with the fields taken so far over them; those that come later are empty.
    pub(super) fn scope(&self, value: Option<&Value>) -> Value {
        let mut top: Vec<(Arc<str>, Value)> = Vec::with_capacity(self.form.fields.len() + 1);
        for field in &self.form.fields {
            let taken = self.taken.iter().find(|(name, _)| *name == field.name);
            let value = taken.map_or_else(expression::empty, |(_, value)| or_empty(value));
            top.push((Arc::clone(&field.name), value));
        }
        if let Some(value) = value {
            top.push(("value".into(), or_empty(value)));
        }
        scope::over(top, self.under)
    }

    fn take_all(&mut self) {
        for field in &self.form.fields {
            let value = self.take(field).unwrap_or_else(|faults| {
                self.faults.extend(faults);
                Value::from(())
            });
            self.taken.push((Arc::clone(&field.name), value));
        }
        let keys = self.given.try_iter().into_iter().flatten();
        let keys = keys.filter_map(|key| key.as_str().map(str::to_owned));
        let unknown = keys.filter(|key| !self.form.fields.iter().any(|field| self.is_named(field, key)));
        self.dropped.extend(unknown.collect::<Vec<_>>());
        self.say_what_was_meant();
    }

    /// What is missing may have been given under a name with a slip in it.
    fn say_what_was_meant(&mut self) {
        for fault in self.faults.iter_mut().filter(|fault| &*fault.code == "YZ0330") {
            if let Some(given) = nearest(&fault.field, &self.dropped) {
                *fault = fault.clone().name("given", given).name("name", fault.field.clone());
            }
        }
    }

    /// The heading of a column may stand for its name, as in a list that an office program made.
    fn is_named(&self, field: &Field, key: &str) -> bool {
        *field.name == *key || self.in_row && field.label() == key
    }

    fn given(&self, field: &Field) -> Option<Value> {
        let of = |key: &str| self.given.get_attr(key).ok().filter(|given| !given.is_undefined());
        of(&field.name).or_else(|| self.in_row.then(|| of(field.label())).flatten())
    }

    fn take(&mut self, field: &Field) -> Result<Value, Vec<FieldFault>> {
        if let Some(shown) = self.shown.and_then(|row| row.get_attr(&field.name).ok())
            && !shown.is_undefined()
        {
            // Nobody filled it in, so nobody can be told to do it better.
            let nothing = is_nothing(&shown).then(|| nothing(field.kind));
            return nothing.map_or_else(|| self.converted(field, &shown).map_err(|fault| vec![fault]), Ok);
        }
        match self.found(field).map_err(|fault| vec![fault])? {
            Found::Decided(value) => Ok(value),
            Found::Given(value) => self.typed(field, &value),
            Found::Rows(rows) => self.beside(field, &rows),
        }
    }

    fn found(&self, field: &Field) -> Result<Found, FieldFault> {
        let failed = failed(field);
        if let Some(when) = &field.when
            && !when.truth(&self.scope(None)).map_err(&failed)?
        {
            return Ok(Found::Decided(Value::from(())));
        }
        if let Some(value) = &field.value {
            let value = worked(value, &self.scope(None)).map_err(&failed)?;
            return Ok(if field.kind == Kind::Table { Found::Rows(value) } else { Found::Decided(value) });
        }
        // That nothing of a list is there is an answer.
        let answered = |given: &Value| {
            !is_nothing(given) || field.kind == Kind::Checklist && given.kind() == ValueKind::Seq
        };
        if let Some(given) = self.given(field).filter(answered) {
            return Ok(Found::Given(given));
        }
        if let Some(default) = &field.default {
            let default = worked(default, &self.scope(None)).map_err(&failed)?;
            if answered(&default) {
                return Ok(Found::Given(default));
            }
        }
        if self.required(field).map_err(failed)? {
            return Err(FieldFault::new(field, "YZ0330"));
        }
        Ok(Found::Decided(nothing(field.kind)))
    }

    pub(super) fn required(&self, field: &Field) -> Result<bool, ExpressionError> {
        match &field.required {
            Required::Always(required) => Ok(*required),
            Required::Worked(template) => Ok(template.value(&self.scope(None))?.is_true()),
        }
    }

    /// Of the field's type, within its bounds.
    pub(super) fn typed(&mut self, field: &Field, given: &Value) -> Result<Value, Vec<FieldFault>> {
        let value = match field.kind {
            Kind::Table => self.rows(field, given)?,
            _ => self.converted(field, given).map_err(|fault| vec![fault])?,
        };
        self.fits(field, &value).map_err(|fault| vec![fault])?;
        Ok(value)
    }

    fn converted(&self, field: &Field, given: &Value) -> Result<Value, FieldFault> {
        let choices = match field.kind.has_options() {
            true => choices(field, &self.scope(None)).map_err(failed(field))?,
            false => vec![],
        };
        let refused = |refusal| refused(field, given, refusal);
        match field.kind {
            Kind::Checklist => ticks::checklist(given, &choices).map_err(refused),
            Kind::Signature => {
                let by = field.by.as_ref().map(|by| by.text(&self.scope(None))).transpose();
                let by = by.map_err(failed(field))?.filter(|by| !by.trim().is_empty());
                let by = by.or_else(|| self.by.map(str::to_owned));
                ticks::signature(field, given, by).map_err(refused)
            }
            kind => convert::convert(kind, given, &choices).map_err(refused),
        }
    }

    fn fits(&self, field: &Field, value: &Value) -> Result<(), FieldFault> {
        self.bounds(field, value)?;
        ticks::files(field, value)?;
        if let (Some(pattern), Some(text)) = (&field.pattern, value.as_str()) {
            // Checked when the file was read; one that no longer compiles takes nothing.
            let whole = format!("^(?:{pattern})$");
            if !regex_lite::Regex::new(&whole).is_ok_and(|pattern| pattern.is_match(text)) {
                return Err(FieldFault::new(field, "YZ0334").name("pattern", &**pattern));
            }
        }
        Ok(())
    }

    fn bounds(&self, field: &Field, value: &Value) -> Result<(), FieldFault> {
        for (key, bound, code) in [("min", &field.min, "YZ0332"), ("max", &field.max, "YZ0333")] {
            let Some(tree) = bound else { continue };
            let bound = worked(tree, &self.scope(None)).map_err(failed(field))?;
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
                let counted = matches!(field.kind, Kind::Text | Kind::Choices | Kind::Files | Kind::Table);
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
            if is_nothing_at_all(value) {
                continue;
            }
            if field.columns.fields.iter().any(|column| column.check.is_some()) {
                faults.extend(self.check_rows(field, value));
            }
            if let Some(check) = &field.check {
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
            Err(error) => Some(failed(field)(error)),
        }
    }
}

/// Tables.
impl Taking<'_> {
    fn rows(&mut self, field: &Field, given: &Value) -> Result<Value, Vec<FieldFault>> {
        let mut rows = list(field, given).map_err(|fault| vec![fault])?;
        // A page and an office program leave rows behind that nobody filled in.
        while rows.last().is_some_and(is_empty_row) {
            rows.pop();
        }
        if rows.len() > MOST_ROWS {
            return Err(vec![FieldFault::new(field, "YZ0338").name("bound", MOST_ROWS.to_string())]);
        }
        let under = self.scope(None);
        let rows = rows.iter().map(|row| (row.clone(), None));
        self.each_row(field, &under, rows.collect())
    }

    /// Rows that are given, with what is asked beside them.
    fn beside(&mut self, field: &Field, shown: &Value) -> Result<Value, Vec<FieldFault>> {
        let shown =
            if is_nothing(shown) { vec![] } else { list(field, shown).map_err(|fault| vec![fault])? };
        let answers = self.given(field).filter(|given| !is_nothing(given));
        let answers =
            answers.map_or_else(|| Ok(vec![]), |given| list(field, &given).map_err(|fault| vec![fault]))?;
        if answers.len() > shown.len() {
            let fault = FieldFault::new(field, "YZ0344").name("count", answers.len().to_string());
            return Err(vec![fault.name("bound", shown.len().to_string())]);
        }
        let under = self.scope(None);
        let headed = headings(&field.columns, &shown);
        let row = |(at, row): (usize, &Value)| {
            // A column that any of the rows has is shown in all of them.
            let cell = |name: &Arc<str>| {
                let own = row.get_attr(name).ok().filter(|cell| !cell.is_undefined());
                (Value::from(&**name), own.unwrap_or_else(|| Value::from(())))
            };
            let shown = Value::from_pairs(headed.iter().map(cell));
            (answers.get(at).cloned().unwrap_or_else(|| Value::from(())), Some(shown))
        };
        self.each_row(field, &under, shown.iter().enumerate().map(row).collect())
    }

    fn each_row(
        &mut self,
        field: &Field,
        under: &Value,
        rows: Vec<(Value, Option<Value>)>,
    ) -> Result<Value, Vec<FieldFault>> {
        let (mut taken, mut faults) = (Vec::with_capacity(rows.len()), Vec::new());
        for (at, (given, shown)) in rows.iter().enumerate() {
            if !is_nothing_at_all(given) && given.kind() != ValueKind::Map {
                let mut fault = refused(field, given, Refusal::Type);
                fault.field = format!("{}[{at}]", field.name);
                faults.push(fault.name("type", "row"));
                continue;
            }
            let mut row = Taking {
                by: self.by,
                in_row: true,
                shown: shown.as_ref(),
                ..Taking::of(&field.columns, given, under)
            };
            row.take_all();
            faults.extend(row.faults.into_iter().map(|fault| fault.in_row(field, at)));
            for name in row.dropped {
                let name = format!("{}.{name}", field.name);
                let shown = shown.as_ref().is_some();
                if !shown && !self.dropped.contains(&name) {
                    self.dropped.push(name);
                }
            }
            taken.push(object(&row.taken));
        }
        if faults.is_empty() { Ok(Value::from(taken)) } else { Err(faults) }
    }

    fn check_rows(&self, field: &Field, rows: &Value) -> Vec<FieldFault> {
        let under = self.scope(None);
        let mut faults = Vec::new();
        for (at, given) in rows.try_iter().into_iter().flatten().enumerate() {
            let mut row = Taking::of(&field.columns, &given, &under);
            let cell = |column: &Field| given.get_attr(&column.name).unwrap_or_default();
            row.taken =
                field.columns.fields.iter().map(|column| (column.name.clone(), cell(column))).collect();
            row.check_all();
            faults.extend(row.faults.into_iter().map(|fault| fault.in_row(field, at)));
        }
        faults
    }
}

/// The columns that rows bring along.
pub(super) fn headings(columns: &Form, rows: &[Value]) -> Vec<Arc<str>> {
    let has = |name: &str| rows.iter().any(|row| row.get_attr(name).is_ok_and(|cell| !cell.is_undefined()));
    columns.fields.iter().map(|column| column.name.clone()).filter(|name| has(name)).collect()
}

/// Rows; a single one is a list of one, and a text may hold them as JSON.
pub(super) fn list(field: &Field, given: &Value) -> Result<Vec<Value>, FieldFault> {
    let json = given.as_str().filter(|text| text.trim_start().starts_with(['[', '{']));
    let read = json.map(expression::value_of_json);
    let rows = read.as_ref().unwrap_or(given);
    match rows.kind() {
        ValueKind::Seq | ValueKind::Iterable => Ok(rows.try_iter().into_iter().flatten().collect()),
        ValueKind::Map => Ok(vec![rows.clone()]),
        _ => Err(refused(field, given, Refusal::Type)),
    }
}

fn is_empty_row(row: &Value) -> bool {
    let mut cells = row.try_iter().into_iter().flatten();
    is_nothing_at_all(row)
        || row.kind() == ValueKind::Map
            && cells.all(|key| row.get_item(&key).is_ok_and(|cell| is_nothing(&cell)))
}

fn refused(field: &Field, given: &Value, refusal: Refusal) -> FieldFault {
    let shown = given.as_str().map_or_else(|| expression::json_of_value(given), str::to_owned);
    // What is confidential is not repeated where others may read it.
    let told = |text: &str| if field.private { "…".to_owned() } else { text.chars().take(60).collect() };
    match refusal {
        Refusal::Type => {
            let fault = FieldFault::new(field, "YZ0331");
            let fault = fault.name("value", told(&shown)).name("type", field.kind.as_str());
            let is_file = matches!(field.kind, Kind::File | Kind::Files);
            if is_file { fault.name("file", &*field.name) } else { fault }
        }
        Refusal::NotOneOf { value, known } => {
            let fault = FieldFault::new(field, "YZ0339");
            let fault = fault.name("value", told(&value)).name("known", listed(&known));
            match nearest(&value, &known).filter(|_| !field.private) {
                Some(near) => fault.name("nearest", near),
                None => fault,
            }
        }
        Refusal::Long(most) => FieldFault::new(field, "YZ0338").name("bound", most.to_string()),
        Refusal::NoSigner => FieldFault::new(field, "YZ0346"),
        Refusal::NoWitness => FieldFault::new(field, "YZ0347"),
        Refusal::SamePerson(who) => FieldFault::new(field, "YZ0342").name("who", told(&who)),
    }
}

/// No answer: what an optional field then holds.
fn nothing(kind: Kind) -> Value {
    match kind {
        Kind::Choices | Kind::Files | Kind::Table => Value::from(Vec::<Value>::new()),
        _ => Value::from(()),
    }
}

pub(super) fn is_nothing(value: &Value) -> bool {
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
pub(super) fn worked(tree: &Tree, scope: &Value) -> Result<Value, ExpressionError> {
    tree.json(scope).map(|json| expression::value_of_json(&json))
}

/// The options of a field, worked out.
pub(super) fn choices(field: &Field, scope: &Value) -> Result<Vec<Choice>, ExpressionError> {
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
