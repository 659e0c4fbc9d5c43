//! The list of runs: the ordered parts that it is merged of, and the question that each of them is.
//!
//! With a million runs a list is quick only where an index gives its rows in their order and leaves little out. So each
//! part says which index leads; what else is asked is looked at row by row.

use rusqlite::types::Value;
use yizhan_engine::store::{RunFilter, RunState};
use yizhan_workflow::id::{Millis, RunId};

use super::rows::{self, ALL_STATES};
use crate::sense::over;

/// So many workflows are read one by one; of more, some have runs among the newest.
const APART: usize = 32;

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
    LateOver,
}

impl Part {
    fn index(&self) -> &'static str {
        match self {
            Self::All => "run_by_start",
            Self::Of(_) => "run_by_state",
            Self::Workflow(..) => "run_by_workflow",
            Self::Parent => "run_by_parent",
            Self::Whom => "run_by_whom",
            Self::Waits => "run_waiting",
            Self::LateOpen => "run_late_open",
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
        let open = states().any(|state| !over(state)).then_some(Part::LateOpen);
        return open.into_iter().chain(states().any(over).then_some(Part::LateOver)).collect();
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
        if let Some(now) = filter.late.filter(|_| !matches!(part, Part::LateOpen | Part::LateOver)) {
            self.and("due IS NOT NULL AND stands = 0 AND due <= ifnull(ended, ?)", [now.0.into()]);
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

/// One part, newest first, behind a place in it.
pub(super) fn of_part(
    filter: &RunFilter,
    part: &Part,
    after: Option<(Millis, RunId)>,
    most: usize,
) -> (String, Vec<Value>) {
    let sql = format!("SELECT {} FROM run INDEXED BY {} WHERE true", rows::RUN, part.index());
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
