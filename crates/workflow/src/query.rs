//! `query.runs` and `query.tasks`: what is asked about runs and tasks, and the figures that come of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::expression::value_of_json;
use crate::filter::passes;
use crate::id::{Millis, RunId, TaskId};
use crate::people::People;
use crate::register::{AskFault, Bounds, Ordered, Period, Row, Show, Texts, Wanted};
use crate::run::event::Raw;

mod column;
#[cfg(test)]
mod tests;

pub use column::{Column, Holds};
pub(crate) use column::{RUNS, STATES, TASKS};

/// Which of the two is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    Runs,
    Tasks,
}

/// The instant by which a period takes something in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeriodOf {
    /// When a run started, or a task opened.
    #[default]
    Started,
    Ended,
}

/// A run or a task, with all that is measured of it. Tasks are those of steps that ask; of steps that failed nobody is timed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    pub run: RunId,
    pub workflow: Arc<str>,
    pub key: Option<Arc<str>>,
    /// None of a run.
    pub task: Option<TaskId>,
    /// `repair`, of a task.
    pub step: Option<Arc<str>>,
    pub title: Option<Arc<str>>,
    /// One of [`Of::states`].
    pub state: Arc<str>,
    pub outcome: Option<Arc<str>>,
    /// Who started the run; who answered the task, or has claimed it.
    pub person: Option<Arc<str>>,
    /// Whom a task was for.
    pub who: Vec<String>,
    pub parent: Option<RunId>,
    pub began: Millis,
    pub ended: Option<Millis>,
    pub due: Option<Millis>,
    /// Its clock was stopped before it was late.
    pub stands: bool,
    /// Of a task that in which it was done, of a run the most that a step of it had.
    pub round: u32,
}

/// What `with` says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    #[serde(default, rename = "where")]
    filter: Option<Raw>,
    #[serde(default)]
    pub period: Option<Period>,
    #[serde(default)]
    pub period_of: PeriodOf,
    /// By whose working hours it is measured; without it by the house's.
    #[serde(default)]
    pub calendar: Option<Arc<str>>,
    #[serde(default)]
    by: Texts,
    #[serde(default)]
    show: serde_json::Map<String, Json>,
    #[serde(default)]
    order: Texts,
    #[serde(default)]
    first: Option<u64>,
}

/// What times and names are told by.
#[derive(Clone, Copy, Debug)]
pub struct Standpoint<'a> {
    pub now: Millis,
    pub zone: &'a jiff::tz::TimeZone,
    pub calendar: &'a crate::calendar::Calendar,
    pub people: &'a People,
    pub period_of: PeriodOf,
}

impl Of {
    /// `runs` or `tasks`, as the actions are called.
    #[must_use]
    pub fn named(action: &str) -> Option<Self> {
        match action {
            "runs" => Some(Self::Runs),
            "tasks" => Some(Self::Tasks),
            _ => None,
        }
    }

    /// What may be asked for.
    #[must_use]
    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::Runs => RUNS,
            Self::Tasks => TASKS,
        }
    }

    #[must_use]
    pub fn column(self, name: &str) -> Option<&'static Column> {
        self.columns().iter().find(|column| column.name == name)
    }

    /// The words of the column `state`.
    #[must_use]
    pub fn states(self) -> &'static [&'static str] {
        match self {
            Self::Runs => &STATES.0,
            Self::Tasks => &STATES.1,
        }
    }
}

impl Query {
    pub fn read(with: &str) -> Result<Self, AskFault> {
        Ok(serde_json::from_str(with)?)
    }

    /// The workflows that alone are meant, for the store to look for; the rest is judged here.
    #[must_use]
    pub fn workflows(&self) -> Vec<String> {
        let Ok(wanted) = self.wanted_json().get_attr("workflow") else { return vec![] };
        if let Some(one) = wanted.as_str() {
            return vec![one.to_owned()];
        }
        if wanted.kind() != minijinja::value::ValueKind::Seq {
            return vec![];
        }
        wanted.try_iter().into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)).collect()
    }

    fn wanted_json(&self) -> minijinja::Value {
        value_of_json(self.filter.as_ref().map_or("{}", Raw::get))
    }

    /// # Errors
    /// When a word or a day of the period is none.
    pub fn bounds(&self, now: Millis, zone: &jiff::tz::TimeZone) -> Result<Bounds, AskFault> {
        let bounds = self.period.as_ref().map(|period| period.bounds(now, zone)).transpose();
        Ok(bounds.map_err(AskFault)?.unwrap_or_default())
    }

    /// The question, with all names in it known.
    ///
    /// # Errors
    /// A column that there is not, or a figure that is none.
    pub fn ask(&self, of: Of) -> Result<Asking<'_>, AskFault> {
        let made = Wanted {
            by: self.by.0.clone(),
            show: Show::all(&self.show)?,
            order: self.order.0.iter().map(|text| Ordered::parse(text)).collect(),
            first: self.first,
            labels: BTreeMap::new(),
        };
        let wanted = self.wanted_json();
        let filter: Vec<String> =
            wanted.try_iter().into_iter().flatten().map(|column| column.to_string()).collect();
        let grouped = !(made.by.is_empty() && made.show.is_empty());
        let shown = made.show.iter().filter_map(|show| show.column.clone());
        let named = filter.iter().cloned().chain(made.by.iter().cloned()).chain(shown);
        // With figures, the order goes by what is shown; without, by any column.
        let ordered = made.order.iter().filter(|_| !grouped).map(|one| one.column.clone());
        let named: BTreeSet<String> = named.chain(ordered).collect();
        if let Some(unknown) = named.iter().find(|name| of.column(name).is_none()) {
            return Err(no_column(of, unknown));
        }
        let columns = of.columns().iter().filter(|column| !grouped || named.contains(column.name)).collect();
        Ok(Asking { filter: self.filter.as_ref().map_or("{}", Raw::get), columns, made })
    }
}

fn no_column(of: Of, name: &str) -> AskFault {
    let known: Vec<&str> = of.columns().iter().map(|column| column.name).collect();
    let near = crate::problem::nearest(name, known.iter().copied());
    let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    AskFault(format!("there is no column `{name}`{near} There are {}", known.join(", ")))
}

/// A question that can be answered.
#[derive(Debug)]
pub struct Asking<'q> {
    filter: &'q str,
    /// Those that somebody reads: the others are not worked out.
    columns: Vec<&'static Column>,
    made: Wanted,
}

impl Asking<'_> {
    /// The case as a row, if it is meant.
    ///
    /// # Errors
    /// When `where` compares unlike kinds.
    pub fn row(&self, case: &Case, from: Standpoint<'_>) -> Result<Option<Row>, AskFault> {
        let row = column::row(case, from, &self.columns);
        let fits = passes(self.filter, row.json()).map_err(|error| AskFault(format!("`where`: {error}")))?;
        Ok(fits.then_some(row))
    }

    /// The output, as that of `register.find`: `count`, and `entries` or `rows` and `figures`.
    ///
    /// # Errors
    /// When unlike kinds would have to be added or put in order.
    pub fn found(&self, rows: &[Row]) -> Result<String, AskFault> {
        crate::register::found(rows, &self.made)
    }
}
