//! The list of runs: the ordered parts that it is merged of, and the question that each of them is.
//!
//! With a million runs a list is quick only where an index gives its rows in their order and leaves little out. So each
//! part says which index leads; what else is asked is looked at row by row.

use std::collections::BinaryHeap;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Rows, params_from_iter};
use yizhan_engine::store::{RunFilter, RunRow, RunState};
use yizhan_workflow::id::{Millis, RunId};

use super::fault::Fault;
use super::rows::{self, ALL_STATES};
use crate::sense::over;

/// So many workflows are read one by one; of more, some have runs among the newest.
const APART: usize = 32;

/// So many of the newest open runs are looked at for late tasks before all late tasks are. Few, where stories play both ways.
const LATE_LOOKED: usize = if cfg!(test) { 3 } else { 5_000 };

/// What is read in its own order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// All of them.
    All,
    Of(RunState),
    Workflow(String, RunState),
    Parent,
    /// What somebody began, or some program: no trigger.
    Whom,
    /// Those that are open and wait for the same.
    Waits,
    LateOpen,
    /// In time themselves, with an open task that is late.
    LateTasks,
    LateOver,
}

impl Part {
    /// How it is read. Of late tasks there are few, and each leads to its run.
    fn read_by(&self) -> String {
        match self {
            Self::LateTasks => "NOT INDEXED".to_owned(),
            Self::All
            | Self::Of(_)
            | Self::Workflow(..)
            | Self::Parent
            | Self::Whom
            | Self::Waits
            | Self::LateOpen
            | Self::LateOver => format!("INDEXED BY {}", self.index()),
        }
    }

    fn index(&self) -> &'static str {
        match self {
            Self::All => "run_by_start",
            Self::Of(_) => "run_by_state",
            Self::Workflow(..) => "run_by_workflow",
            Self::Parent => "run_by_parent",
            Self::Whom => "run_by_whom",
            Self::Waits => "run_waiting",
            Self::LateOpen => "run_late_open",
            Self::LateTasks => "task_by_due",
            Self::LateOver => "run_late_over",
        }
    }
}

/// The first that leads to few rows.
pub(super) fn parts_of(filter: &RunFilter) -> Vec<Part> {
    if filter.parent.is_some() {
        return vec![Part::Parent];
    }
    if filter.by.as_ref().is_some_and(|by| !by.starts_with("trigger:")) {
        return vec![Part::Whom];
    }
    let wanted =
        |state: RunState| filter.state.is_none_or(|only| only == state) && !(filter.open && over(state));
    let states = || ALL_STATES.into_iter().filter(|state| wanted(*state));
    if filter.late.is_some() {
        let open = states().any(|state| !over(state)).then_some([Part::LateOpen, Part::LateTasks]);
        return open.into_iter().flatten().chain(states().any(over).then_some(Part::LateOver)).collect();
    }
    let few = filter.among.as_ref().filter(|among| among.len() <= APART);
    match (&filter.workflow, few) {
        (Some(one), _) => states().map(|state| Part::Workflow(one.clone(), state)).collect(),
        (None, _) if filter.waits.is_some() => vec![Part::Waits],
        (None, Some(few)) => {
            let of =
                |name: &String| states().map(|state| Part::Workflow(name.clone(), state)).collect::<Vec<_>>();
            few.iter().flat_map(of).collect()
        }
        (None, None) if filter.state.is_none() && !filter.open => vec![Part::All],
        (None, None) => states().map(Part::Of).collect(),
    }
}

/// The words of a question and its values.
struct Question {
    sql: String,
    values: Vec<Value>,
}

impl Question {
    fn and(&mut self, term: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push_str(" AND ");
        self.sql.push_str(term);
        self.values.extend(values);
    }

    /// What the index of a part is about.
    fn lead(&mut self, part: &Part, filter: &RunFilter) {
        match part {
            Part::All | Part::Parent => {}
            Part::Of(state) => self.and("state = ?", [rows::state_number(*state).into()]),
            Part::Workflow(name, state) => {
                let state = rows::state_number(*state).into();
                self.and("workflow = ? AND state = ?", [name.clone().into(), state]);
            }
            Part::Whom => self.and("substr(by, 1, 8) <> 'trigger:'", []),
            Part::Waits => self.and("state < 2", []),
            Part::LateOpen => {
                let now = filter.late.unwrap_or(Millis(i64::MIN));
                self.and("due IS NOT NULL AND state < 2 AND stands = 0 AND due <= ?", [now.0.into()]);
            }
            Part::LateTasks => {
                let now = filter.late.unwrap_or(Millis(i64::MIN)).0;
                self.and("state < 2 AND NOT (ifnull(due <= ?, false) AND stands = 0)", [now.into()]);
                self.and("id IN (SELECT run FROM task WHERE presses <= ?)", [now.into()]);
            }
            Part::LateOver => self.and("due IS NOT NULL AND stands = 0 AND ended >= due", []),
        }
    }

    fn rest(&mut self, part: &Part, filter: &RunFilter) {
        let split = matches!(part, Part::Workflow(..));
        if let Some(parent) = filter.parent {
            self.and("parent = ?", [parent.number().into()]);
        }
        if let Some(workflow) = filter.workflow.as_ref().filter(|_| !split) {
            self.and("workflow = ?", [workflow.clone().into()]);
        }
        if let Some(among) = &filter.among {
            let among = serde_json::Value::from(among.as_slice()).to_string();
            self.and("workflow IN (SELECT value FROM json_each(?))", [among.into()]);
        }
        if let Some(state) = filter.state {
            self.and("state = ?", [rows::state_number(state).into()]);
        }
        if filter.open {
            self.and("state < 2", []);
        }
        if let Some(key) = &filter.key {
            self.and("instr(key, ?) > 0", [key.clone().into()]);
        }
        if let Some(waits) = &filter.waits {
            self.and("waits = ?", [waits.clone().into()]);
        }
        if let Some(now) =
            filter.late.filter(|_| !matches!(part, Part::LateOpen | Part::LateTasks | Part::LateOver))
        {
            let own = "ifnull(due <= ifnull(ended, ?), false) AND stands = 0";
            let of_a_task =
                "state < 2 AND EXISTS (SELECT 1 FROM task WHERE task.run = run.id AND presses <= ?)";
            self.and(&format!("({own} OR {of_a_task})"), [now.0.into(), now.0.into()]);
        }
        if let Some(by) = &filter.by {
            self.and("by = ?", [by.clone().into()]);
        }
        if let Some(since) = filter.since {
            self.and("started >= ?", [since.0.into()]);
        }
        if let Some(until) = filter.until {
            self.and("started < ?", [until.0.into()]);
        }
    }
}

/// Where a run stands in lists.
pub(super) type Place = (Millis, RunId);

/// One part, newest first, behind a place in it.
pub(super) fn of_part(
    filter: &RunFilter,
    part: &Part,
    after: Option<Place>,
    most: usize,
) -> (String, Vec<Value>) {
    columns_of_part(rows::RUN, (filter, part), after, most)
}

fn columns_of_part(
    columns: &str,
    (filter, part): (&RunFilter, &Part),
    after: Option<Place>,
    most: usize,
) -> (String, Vec<Value>) {
    let sql = format!("SELECT {columns} FROM run {} WHERE true", part.read_by());
    let mut asked = Question { sql, values: vec![] };
    asked.lead(part, filter);
    asked.rest(part, filter);
    if let Some((at, id)) = after {
        asked.and("(started, id) < (?, ?)", [at.0.into(), id.number().into()]);
    }
    asked.sql.push_str(" ORDER BY started DESC, id DESC LIMIT ?");
    asked.values.push(i64::try_from(most).unwrap_or(i64::MAX).into());
    (asked.sql, asked.values)
}

/// The newest, whatever text they are found by, merged of their parts.
pub(super) fn list(
    connection: &Connection,
    filter: &RunFilter,
    after: Option<Place>,
    most: usize,
) -> Result<Vec<RunRow>, Fault> {
    let mut found: Vec<RunRow> = Vec::new();
    for part in parts_of(filter) {
        if part == Part::LateTasks
            && let Some(late) = late_among_the_newest(connection, filter, after, most)?
        {
            found.extend(late);
            continue;
        }
        let (sql, values) = of_part(filter, &part, after, most);
        let mut statement = connection.prepare_cached(&sql)?;
        for row in statement.query_map(params_from_iter(values), rows::run_row)? {
            found.push(row?);
        }
    }
    found.sort_by_key(|row| std::cmp::Reverse((row.started, row.id)));
    found.truncate(most);
    Ok(found)
}

/// The same of those with late tasks, where a look at each of the newest open runs finds as many as are wanted, or all there
/// are: of a house in which much is late, few are looked at. None: in this one all late tasks are.
fn late_among_the_newest(
    connection: &Connection,
    filter: &RunFilter,
    after: Option<Place>,
    most: usize,
) -> Result<Option<Vec<RunRow>>, Fault> {
    let open = RunFilter { late: None, open: true, ..filter.clone() };
    if filter.key.is_some() || filter.waits.is_some() || filter.by.is_some() {
        return Ok(None);
    }
    let now = filter.late.unwrap_or(Millis(i64::MIN)).0;
    // In the order of the marks: those of the question follow.
    let is_late = "NOT (ifnull(due <= ?, false) AND stands = 0) \
                   AND EXISTS (SELECT 1 FROM task WHERE task.run = run.id AND presses <= ?)";
    let columns = format!("{}, {is_late}", rows::RUN);
    let mut found: Vec<RunRow> = Vec::new();
    for part in parts_of(&open) {
        let (sql, values) = columns_of_part(&columns, (&open, &part), after, LATE_LOOKED);
        let mut statement = connection.prepare_cached(&sql)?;
        let last = statement.column_count() - 1;
        let marks = [Value::from(now), Value::from(now)].into_iter().chain(values);
        let mut rows = statement.query(params_from_iter(marks))?;
        let (mut looked, mut late) = (0, 0);
        while late < most {
            let Some(row) = rows.next()? else { break };
            looked += 1;
            if row.get(last)? {
                found.push(rows::run_row(row)?);
                late += 1;
            }
        }
        if late < most && looked == LATE_LOOKED {
            return Ok(None);
        }
    }
    Ok(Some(found))
}

/// The places of all that fit, whatever text they are found by, newest first, for as long as they are wanted. Mostly read
/// from the indexes alone.
pub(super) fn places(
    connection: &Connection,
    filter: &RunFilter,
    after: Option<Place>,
    mut wanted: impl FnMut(Place) -> Result<bool, Fault>,
) -> Result<(), Fault> {
    let mut parts = Vec::new();
    for part in parts_of(filter) {
        let (sql, values) = columns_of_part("started, id", (filter, &part), after, usize::MAX);
        parts.push((connection.prepare(&sql)?, values));
    }
    let mut rows = Vec::new();
    for (statement, values) in &mut parts {
        rows.push(statement.query(params_from_iter(values.iter()))?);
    }
    let mut heads = BinaryHeap::new();
    for (part, rows) in rows.iter_mut().enumerate() {
        heads.extend(next_of(rows)?.map(|place| (place, part)));
    }
    while let Some((place, part)) = heads.pop() {
        if !wanted(place)? {
            return Ok(());
        }
        if let Some(rows) = rows.get_mut(part) {
            heads.extend(next_of(rows)?.map(|place| (place, part)));
        }
    }
    Ok(())
}

fn next_of(rows: &mut Rows<'_>) -> Result<Option<Place>, Fault> {
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some((rows::instant(row, 0)?, rows::run_id(row, 1)?)))
}

/// The row of one, if it fits.
pub(super) fn fits(connection: &Connection, filter: &RunFilter, id: RunId) -> Result<Option<RunRow>, Fault> {
    let sql = format!("SELECT {} FROM run WHERE id = ?", rows::RUN);
    let mut asked = Question { sql, values: vec![id.number().into()] };
    asked.rest(&Part::All, filter);
    let mut statement = connection.prepare_cached(&asked.sql)?;
    Ok(statement.query_row(params_from_iter(asked.values), rows::run_row).optional()?)
}
