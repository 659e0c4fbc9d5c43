//! What stands behind the name of a field: a column of its rows, a part of a checklist or a signature.

#![expect(clippy::wildcard_enum_match_arm, reason = "most types have no parts that are known")]

use std::sync::Arc;

use super::uses::{At, Own, Stand};
use crate::expression::{OF_PERSON, Sort};
use crate::form::{Field, Form, Kind, PARTS};
use crate::id::StepNo;
use crate::plan::{Work, Workflow};

/// A field that a name leads to.
pub(super) struct Found<'w> {
    pub(super) field: &'w Field,
    /// Where it stands in the file.
    pub(super) at: String,
    /// What the name has behind it.
    pub(super) rest: Vec<Arc<str>>,
}

/// A part that is not there.
pub(super) struct Missing<'w> {
    pub(super) part: Arc<str>,
    pub(super) of: &'w Field,
    pub(super) known: Vec<&'w str>,
    /// Of all rows together, where one is meant.
    pub(super) rows: bool,
}

/// The field of a form of ours that a path begins with.
pub(super) fn field_at<'w>(
    workflow: &'w Workflow,
    stand: &Stand<'w>,
    path: &[Arc<str>],
) -> Option<Found<'w>> {
    let root = path.first()?;
    if let Some(field) = stand.own.field(root) {
        // Where its form stands is not known here, nor asked: what is lost there was told there.
        return Some(Found { field, at: String::new(), rest: path[1..].to_vec() });
    }
    if is_given(&stand.own, workflow, root) {
        return None;
    }
    match &**root {
        "input" => {
            let field = workflow.input.field(path.get(1)?)?;
            Some(Found { field, at: format!("input.{}", field.name), rest: path[2..].to_vec() })
        }
        "step" => {
            let no = super::names::find(workflow, stand.step, path.get(1)?)?;
            of_step(workflow, no, path.get(2..)?)
        }
        _ => of_element(workflow, stand, path),
    }
}

fn is_given(own: &Own<'_>, workflow: &Workflow, root: &str) -> bool {
    own.lets.iter().chain(workflow.lets.iter()).any(|given| &*given.name == root)
}

fn of_step<'w>(workflow: &'w Workflow, no: StepNo, path: &[Arc<str>]) -> Option<Found<'w>> {
    let step = workflow.step(no);
    if step.each.is_some() {
        return None;
    }
    match &step.work {
        Work::Ask(ask) => {
            let field = ask.form.field(path.first()?)?;
            let at = format!("{}.form.{}", super::own_path(workflow, step), field.name);
            Some(Found { field, at, rest: path[1..].to_vec() })
        }
        Work::Hold { steps, .. } => {
            let inner =
                steps.iter().find(|no| workflow.step(**no).id == *path.first().unwrap_or(&step.id))?;
            of_step(workflow, *inner, path.get(1..)?)
        }
        _ => None,
    }
}

/// The element of an `each` over the rows of a table is one of its rows.
fn of_element<'w>(workflow: &'w Workflow, stand: &Stand<'w>, path: &[Arc<str>]) -> Option<Found<'w>> {
    let no = stand.step?;
    workflow.step(no).each.as_ref().filter(|each| *each.name == *path[0] || &*path[0] == "item")?;
    stand.own.each?;
    let table = table_of_each(workflow, no, stand.at)?;
    let rest = std::iter::once(Arc::from("*")).chain(path[1..].iter().cloned());
    Some(Found { rest: rest.collect(), ..table })
}

/// The table whose rows a step goes through with its `each`.
fn table_of_each(workflow: &Workflow, no: StepNo, at: At) -> Option<Found<'_>> {
    let list = workflow.step(no).each.as_ref()?.list.expression()?;
    let names = list.names();
    let [name] = names.as_slice() else { return None };
    if name.at != (0..list.source().len()) || name.path.len() < 2 {
        return None;
    }
    let before = Stand { at, step: Some(no), own: Own::default() };
    let table = field_at(workflow, &before, &name.path)?;
    (table.field.kind == Kind::Table && table.rest.is_empty()).then_some(table)
}

/// What the rows of that table are made of.
pub(crate) fn row_of_each(workflow: &Workflow, no: StepNo) -> Option<&Form> {
    table_of_each(workflow, no, At::Step).map(|table| &table.field.columns)
}

/// Whether a part names one of the rows, or `*` each of them.
fn is_row(part: &str) -> bool {
    part == "*" || part.parse::<usize>().is_ok()
}

/// The first part behind a field that it does not have.
pub(super) fn missing<'w>(field: &'w Field, rest: &[Arc<str>]) -> Option<Missing<'w>> {
    let (part, rest) = rest.split_first()?;
    if field.kind == Kind::Table {
        let known: Vec<&str> = field.columns.fields.iter().map(|column| &*column.name).collect();
        if !is_row(part) {
            return Some(Missing { part: part.clone(), of: field, known, rows: true });
        }
        let (column, rest) = rest.split_first()?;
        return match field.columns.field(column) {
            Some(own) => missing(own, rest),
            None => Some(Missing { part: column.clone(), of: field, known, rows: false }),
        };
    }
    let known = match field.kind {
        Kind::Person => OF_PERSON.to_vec(),
        Kind::Checklist | Kind::Signature => PARTS.iter().find(|(kind, _)| *kind == field.kind)?.1.to_vec(),
        _ => return None,
    };
    (!known.contains(&&**part)).then(|| Missing { part: part.clone(), of: field, known, rows: false })
}

/// The sort of what a path behind a field leads to.
pub(super) fn sort_of(field: &Field, rest: &[Arc<str>]) -> Option<Sort> {
    let Some((part, rest)) = rest.split_first() else { return of_kind(field.kind) };
    match field.kind {
        Kind::Table if is_row(part) => match rest.split_first() {
            None => Some(Sort::Map),
            Some((column, rest)) => sort_of(field.columns.field(column)?, rest),
        },
        Kind::Choices if is_row(part) && rest.is_empty() => Some(Sort::Text),
        Kind::Person if rest.is_empty() => Some(Sort::Text),
        Kind::Checklist | Kind::Signature if rest.is_empty() => match &**part {
            "complete" | "signed" | "refused" => Some(Sort::Flag),
            "done" | "missing" => Some(Sort::List),
            "reasons" | "file" => Some(Sort::Map),
            "by" | "witness" | "reason" => Some(Sort::Text),
            _ => None,
        },
        _ => None,
    }
}

fn of_kind(kind: Kind) -> Option<Sort> {
    Some(match kind {
        Kind::Number | Kind::Whole | Kind::Money => Sort::Number,
        Kind::Yesno => Sort::Flag,
        Kind::Choices | Kind::Files | Kind::Table => Sort::List,
        Kind::Checklist | Kind::Signature => Sort::Map,
        Kind::Text
        | Kind::Date
        | Kind::Time
        | Kind::Datetime
        | Kind::Choice
        | Kind::Phone
        | Kind::Email
        | Kind::IdCard
        | Kind::Person => Sort::Text,
        Kind::File => return None,
    })
}
