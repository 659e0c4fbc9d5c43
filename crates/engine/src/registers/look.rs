//! Reading registers: the entries that fit, how many, and what is made of them.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use yizhan_workflow::expression::value_of_json;
use yizhan_workflow::filter::passes;
use yizhan_workflow::form::Field;
use yizhan_workflow::id::Millis;
use yizhan_workflow::problem::nearest;
use yizhan_workflow::query::{Of, Query};
use yizhan_workflow::register::{
    AskFault, Body, Bounds, Count, EntryFault, Find, OneOf, Period, Register, Row, Wanted, found as made_of,
};
use yizhan_workflow::run::World;
use yizhan_workflow::run::event::Raw;

use crate::carrier::Call;
use crate::queries::figures;
use crate::store::{PresentFilter, Reads, StoreError};

/// Entries that are looked at for one question.
pub const MOST_ROWS: usize = 200_000;

/// Entries that are read at once.
pub(super) const PAGE: usize = 1_000;

/// What a step may be given.
pub const MOST_OUTPUT: usize = 1024 * 1024;

/// No bounds.
pub(super) const EVER: Bounds = Bounds { from: None, until: None };

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    #[error("config/registers.toml declares no register `{name}`{}", did_you_mean(.near.as_deref()))]
    NoSuchRegister { name: Arc<str>, near: Option<String> },
    #[error("{0}")]
    Ask(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn did_you_mean(near: Option<&str>) -> String {
    near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

impl From<AskFault> for LookError {
    fn from(fault: AskFault) -> Self {
        Self::Ask(fault.0)
    }
}

pub(super) fn declared<'w>(world: &'w World, name: &Arc<str>) -> Result<&'w Arc<Register>, LookError> {
    let no_such = || LookError::NoSuchRegister { name: name.clone(), near: world.registers.near(name) };
    world.registers.register(name).ok_or_else(no_such)
}

pub(super) fn no_column(register: &Register, column: &str) -> EntryFault {
    EntryFault::NoColumn {
        register: register.name.clone(),
        column: column.to_owned(),
        nearest: nearest(column, register.columns()),
    }
}

pub(super) fn bounds(period: Option<&Period>, now: Millis, world: &World) -> Result<Bounds, LookError> {
    period.map_or(Ok(EVER), |period| period.bounds(now, &world.zone).map_err(LookError::Ask))
}

fn fits(filter: &str, row: &Row) -> Result<bool, LookError> {
    passes(filter, row.json()).map_err(|error| LookError::Ask(format!("`where`: {error}")))
}

/// Which entries are wanted.
pub(super) struct Question<'q> {
    pub register: &'q Register,
    pub filter: &'q str,
    pub bounds: Bounds,
    /// A term that they have beside what the filter says.
    pub also: Option<OneOf>,
    /// Only those behind this place.
    pub after: u64,
    pub open: bool,
}

impl<'q> Question<'q> {
    pub(super) fn of(register: &'q Register, filter: &'q str, bounds: Bounds) -> Self {
        Self { register, filter, bounds, also: None, after: 0, open: true }
    }

    pub(super) fn columns_known(&self) -> Result<(), LookError> {
        let wanted = value_of_json(self.filter);
        let mut columns = wanted.try_iter().into_iter().flatten().map(|column| column.to_string());
        match columns.find(|column| !self.register.has_column(column)) {
            Some(column) => Err(LookError::Ask(no_column(self.register, &column).to_string())),
            None => Ok(()),
        }
    }
}

/// What fits among some of the places.
pub(super) struct Seen {
    pub rows: Vec<(u64, Row)>,
    pub looked_at: usize,
    /// The place behind which to go on; none: everything has been looked at.
    pub next: Option<u64>,
}

/// What fits behind a place, with no more than `most` places looked at.
pub(super) fn page(
    reads: &dyn Reads,
    question: &Question<'_>,
    after: u64,
    most: usize,
) -> Result<Seen, LookError> {
    let Question { register, filter, bounds, also, open, .. } = question;
    let has = register.looked_up(filter).into_iter().chain(also.clone()).collect();
    let wanted = PresentFilter { register: register.name.clone(), bounds: *bounds, has };
    let page = reads.register_present(&wanted, after, most)?;
    let mut rows = Vec::new();
    for entry in &page.entries {
        let values = Body::opened(&entry.body, entry.private.as_ref(), *open);
        let row = Row::new(&entry.number, entry.at, &values);
        if fits(filter, &row)? {
            rows.push((entry.seq, row));
        }
    }
    Ok(Seen { rows, looked_at: page.looked_at, next: page.next })
}

/// Has `see` every entry that fits, with its place and in order, until it has seen enough.
pub(super) fn each_fitting(
    reads: &dyn Reads,
    question: &Question<'_>,
    see: &mut dyn FnMut(u64, Row) -> Result<ControlFlow<()>, LookError>,
) -> Result<(), LookError> {
    question.columns_known()?;
    let mut after = question.after;
    if question.bounds != EVER {
        let Some(first) = reads.register_first(&question.register.name, question.bounds)? else {
            return Ok(());
        };
        after = after.max(first - 1);
    }
    loop {
        let seen = page(reads, question, after, PAGE)?;
        for (place, row) in seen.rows {
            if see(place, row)?.is_break() {
                return Ok(());
            }
        }
        let Some(next) = seen.next else { return Ok(()) };
        after = next;
    }
}

/// How many fit.
fn count(reads: &dyn Reads, question: &Question<'_>) -> Result<u64, LookError> {
    let mut count = 0;
    let mut see = |_, _| {
        count += 1;
        Ok(ControlFlow::Continue(()))
    };
    each_fitting(reads, question, &mut see)?;
    Ok(count)
}

/// The entries that fit, in order.
pub(super) fn rows(reads: &dyn Reads, question: Question<'_>) -> Result<Vec<Row>, LookError> {
    let mut rows = Vec::new();
    let mut see = |_, row| {
        if rows.len() == MOST_ROWS {
            return Err(too_many(MOST_ROWS));
        }
        rows.push(row);
        Ok(ControlFlow::Continue(()))
    };
    each_fitting(reads, &question, &mut see)?;
    Ok(rows)
}

fn too_many(count: usize) -> LookError {
    LookError::Ask(format!(
        "{count} entries or more are too many: say `first`, `show`, or more in `where` or `period`"
    ))
}

/// Every line as it was written, of entries that were amended and voided as well.
fn history(reads: &dyn Reads, find: &Find, bounds: Bounds, open: bool) -> Result<Vec<Row>, LookError> {
    let filter = find.filter.as_ref().map_or("{}", Raw::get);
    let (mut rows, mut after) = (Vec::new(), 0);
    loop {
        let page = reads.register_lines(&find.register, after, PAGE)?;
        for line in page.iter().filter(|line| bounds.hold(line.entry.at)) {
            let entry = &line.entry;
            let values = Body::opened(&entry.body, entry.private.as_ref(), open);
            let row = Row::new(&entry.number, entry.at, &values);
            if !fits(filter, &row)? {
                continue;
            }
            rows.push(row.with(&[
                ("kind", entry.kind.word().into()),
                ("place", entry.seq.into()),
                ("of", entry.of.into()),
                ("why", entry.why.as_deref().into()),
            ]));
        }
        if rows.len() > MOST_ROWS {
            return Err(too_many(MOST_ROWS));
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = last.entry.seq,
            Some(_) | None => return Ok(rows),
        }
    }
}

/// What is not shown must not be told by what is found, by its order or by a sum.
fn closed_columns(register: &Register, find: &Find, wanted: &Wanted) -> Result<(), LookError> {
    let filter = value_of_json(find.filter.as_ref().map_or("{}", Raw::get));
    let mut columns: BTreeSet<String> =
        filter.try_iter().into_iter().flatten().map(|column| column.to_string()).collect();
    columns.extend(wanted.by.iter().cloned());
    columns.extend(wanted.show.iter().filter_map(|show| show.column.clone()));
    columns.extend(wanted.order.iter().map(|order| order.column.clone()));
    let is_private = |name: &&String| register.form.field(name).is_some_and(Field::hides);
    match columns.iter().find(is_private) {
        Some(column) => Err(LookError::Ask(format!(
            "`{column}` is private: those whom `read` of the register names look by it, and the operator who asks for it \
             (`--private`)"
        ))),
        None => Ok(()),
    }
}

/// The output of `register.find`; `open`: with private values.
pub fn found(
    reads: &dyn Reads,
    world: &World,
    now: Millis,
    (find, open): (&Find, bool),
) -> Result<String, LookError> {
    let register = declared(world, &find.register)?;
    let bounds = bounds(find.period.as_ref(), now, world)?;
    let labels = |name: &String| Some((name.clone(), register.labels(name)?));
    let labels = find.by.0.iter().filter_map(labels).collect();
    let wanted = Wanted { labels, ..Wanted::of(find)? };
    let mut named = wanted.by.iter().chain(wanted.show.iter().filter_map(|show| show.column.as_ref()));
    if let Some(column) = named.find(|column| !register.has_column(column)) {
        return Err(LookError::Ask(no_column(register, column).to_string()));
    }
    if !open {
        closed_columns(register, find, &wanted)?;
    }
    let rows = if find.history {
        history(reads, find, bounds, open)?
    } else {
        let filter = find.filter.as_ref().map_or("{}", Raw::get);
        rows(reads, Question { open, ..Question::of(register, filter, bounds) })?
    };
    let output = made_of(&rows, &wanted)?;
    if output.len() > MOST_OUTPUT { Err(too_many(rows.len())) } else { Ok(output) }
}

/// The output of `register.find` or `register.count`, by its `with`.
pub fn look(
    reads: &dyn Reads,
    world: &World,
    now: Millis,
    (action, with): (&str, &str),
) -> Result<String, LookError> {
    if action == "find" {
        return found(reads, world, now, (&Find::read(with)?, true));
    }
    let asked: Count = serde_json::from_str(with).map_err(AskFault::from)?;
    let register = declared(world, &asked.register)?;
    let bounds = bounds(asked.period.as_ref(), now, world)?;
    let filter = asked.filter.as_ref().map_or("{}", Raw::get);
    let count = count(reads, &Question::of(register, filter, bounds))?;
    Ok(format!("{{\"count\":{count}}}"))
}

/// The output of a step that only reads: registers, runs or tasks.
pub(super) fn seen(reads: &dyn Reads, world: &World, now: Millis, call: &Call) -> Result<String, LookError> {
    if &*call.plugin != "query" {
        return look(reads, world, now, (&call.action, &call.input));
    }
    let no_action = || LookError::Ask(format!("there is no built-in action `query.{}`", call.action));
    let of = Of::named(&call.action).ok_or_else(no_action)?;
    figures(reads, world, now, (of, &Query::read(&call.input)?))
}
