//! Finds the choices that a table has no row for.

#![expect(clippy::wildcard_enum_match_arm, reason = "only the answers of a task have options")]

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Read;
use super::names::place;
use super::uses::{Stand, Use, Walk};
use crate::expression::{Given, Name, Tree};
use crate::form::{Form, Kind, Options};
use crate::plan::{Section, Work};
use crate::problem::{Place, Problem};
use crate::table::Table;

/// So many comparisons of a combination with a row are made at most: a table may be a long file.
const MOST: usize = 1_000_000;
/// So many forgotten rows are enough to see what is missing.
const MOST_TOLD: usize = 4;
/// How far names are followed through `let`.
const MOST_NAMES: u8 = 8;

pub(super) fn check(read: &Read) -> Vec<Problem> {
    let mut problems: Vec<Problem> = Vec::new();
    Walk::over(&read.workflow, &mut |one| {
        for problem in one.names.iter().filter_map(|name| forgotten(read, &one, name)) {
            // One row is missing however often it is asked for.
            match problems.iter_mut().find(|known| known.names == problem.names) {
                Some(known) => {
                    known.severity = known.severity.min(problem.severity);
                    known.causes.extend(problem.causes);
                }
                None => problems.push(problem),
            }
        }
    });
    problems
}

fn forgotten(read: &Read, one: &Use<'_>, name: &Name) -> Option<Problem> {
    let [root, wanted] = name.path.as_slice() else { return None };
    let call = name.call.as_ref().filter(|_| &**root == "table")?;
    let table = read.workflow.tables.iter().find(|table| table.name == *wanted)?;
    let mut columns = Vec::new();
    // Asked by other columns, it is told so instead.
    if call.arguments.iter().any(|(column, _)| !table.key.contains(column)) {
        return None;
    }
    for (column, argument) in &call.arguments {
        let mut codes = Vec::new();
        possible(read, &one.stand, argument, MOST_NAMES, &mut codes);
        // A column that it is not asked by is told as such.
        if !codes.is_empty() && table.key.contains(column) {
            columns.push((table.columns.iter().position(|known| known == column)?, codes));
        }
    }
    let combinations =
        columns.iter().try_fold(1_usize, |all, (_, codes)| all.checked_mul(codes.len())).unwrap_or(MOST);
    if columns.is_empty() || combinations.saturating_mul(table.rows.len()) > MOST {
        return None;
    }
    let missing = missing(table, &columns);
    let (first, rest) = missing.split_first()?;
    let at = Place::at(read.spans.key(&format!("table.{wanted}")));
    let problem = if is_always(read, one, name) {
        Problem::error("YZ0607", at)
    } else {
        Problem::warning("YZ0607", at)
    };
    let words = |row: &[Arc<str>]| row.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(" + ");
    let mut all = vec![words(first)];
    all.extend(rest.iter().take(MOST_TOLD - 1).map(|row| words(row)));
    if missing.len() > MOST_TOLD {
        all.push("…".to_owned());
    }
    let problem = problem.name("table", &**wanted).name("missing", all.join(", "));
    let problem = problem.name("row", row(table, &columns, first));
    Some(problem.cause(place(read, &one.path, one.source, &name.at)))
}

/// Combinations of codes that no row fits.
fn missing(table: &Table, columns: &[(usize, Vec<Arc<str>>)]) -> Vec<Vec<Arc<str>>> {
    let mut all: Vec<Vec<Arc<str>>> = vec![Vec::new()];
    for (_, codes) in columns {
        all = all
            .iter()
            .flat_map(|row| codes.iter().map(move |code| row.iter().chain([code]).cloned().collect()))
            .collect();
    }
    let fits = |row: &[crate::table::Cell], wanted: &[Arc<str>]| {
        columns.iter().zip(wanted).all(|((at, _), code)| row[*at].takes(code))
    };
    all.retain(|wanted| !table.rows.iter().any(|row| fits(row, wanted)));
    all
}

/// The row to be written, with what stands in its other columns left to its author.
fn row(table: &Table, columns: &[(usize, Vec<Arc<str>>)], codes: &[Arc<str>]) -> String {
    let cells = table.columns.iter().enumerate().map(|(at, column)| {
        let own = columns.iter().position(|(known, _)| *known == at);
        let value = own.and_then(|own| codes.get(own)).map_or("…", |code| code);
        format!("{column} = \"{value}\"")
    });
    format!("{{ {} }}", cells.collect::<Vec<_>>().join(", "))
}

/// The codes that something may be, so far as they are known.
fn possible(read: &Read, stand: &Stand<'_>, given: &Given, left: u8, all: &mut Vec<Arc<str>>) {
    let Some(left) = left.checked_sub(1) else { return };
    match given {
        Given::Name(path) => match own_name(read, stand, path) {
            Some(own) => possible(read, stand, &own, left, all),
            None => codes(read, stand, path).into_iter().flatten().for_each(|code| add(all, code)),
        },
        Given::Text(text) => add(all, text.clone()),
        Given::OneOf(each) => each.iter().for_each(|one| possible(read, stand, one, left, all)),
        Given::Other => {}
    }
}

fn add(all: &mut Vec<Arc<str>>, code: Arc<str>) {
    if !all.contains(&code) {
        all.push(code);
    }
}

/// What a name of a `let` stands for.
fn own_name(read: &Read, stand: &Stand<'_>, path: &[Arc<str>]) -> Option<Given> {
    let [name] = path else { return None };
    let own = stand.own.lets.iter().chain(read.workflow.lets.iter()).find(|own| own.name == *name)?;
    let Tree::Text(value) = &own.value else { return None };
    Some(match value.expression() {
        Some(expression) => expression.given(),
        None if value.is_literal() => Given::Text(value.source().into()),
        None => Given::Other,
    })
}

/// The codes that a field may have.
fn codes(read: &Read, stand: &Stand<'_>, path: &[Arc<str>]) -> Option<Vec<Arc<str>>> {
    let workflow = &read.workflow;
    let of_form = |form: &Form, name: &str| {
        let field = form.field(name)?;
        match (field.kind, &field.options) {
            (Kind::Choice, Options::Fixed(all)) if !all.is_empty() => {
                Some(all.iter().map(|choice| choice.code.clone()).collect())
            }
            _ => None,
        }
    };
    match path.iter().map(|part| &**part).collect::<Vec<_>>().as_slice() {
        ["input", field] => of_form(&workflow.input, field),
        ["step", id, field] => {
            let step = workflow.step(super::names::find(workflow, stand.step, id)?);
            match &step.work {
                Work::Ask(ask) if step.each.is_none() => of_form(&ask.form, field),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether the call is made whatever the case is: no condition may spare it.
fn is_always(read: &Read, one: &Use<'_>, name: &Name) -> bool {
    let workflow = &read.workflow;
    if name.conditional {
        return false;
    }
    let roots: BTreeSet<&str> = one.path.split('.').take(1).collect();
    if roots.contains("let") {
        // A name is worked out when it is read: some step without a condition must do so.
        let own = one.path.split('.').nth(1).unwrap_or_default();
        return workflow
            .steps
            .iter()
            .any(|step| step.section == Section::Main && step.when.is_none() && reads(step, own));
    }
    one.stand
        .step
        .is_none_or(|no| workflow.step(no).when.is_none() && workflow.step(no).section == Section::Main)
}

fn reads(step: &crate::plan::Step, own: &str) -> bool {
    let mut found = step.title.iter().any(|title| names_in(&title.names(), own));
    if let Work::Use { with, .. } | Work::Run { with, .. } = &step.work {
        let mut see = |_: &str, template: &crate::expression::Template| {
            found |= names_in(&template.names(), own);
        };
        Tree::each_template(with, "", &mut see);
    }
    found
}

fn names_in(names: &[Name], own: &str) -> bool {
    names.iter().any(|name| &*name.path[0] == own && !name.conditional)
}
