//! Figures of tasks against an independent answer in Python: every digit of every mean and share.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde::Deserialize;
use yizhan_workflow::calendar::Calendar;
use yizhan_workflow::id::{Millis, RunId, TaskId};
use yizhan_workflow::people::People;
use yizhan_workflow::query::{Case, Of, PeriodOf, Query, Standpoint};

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Task { task: Task },
    Question { with: String, now: i64, is: String },
}

#[derive(Deserialize)]
struct Task {
    id: String,
    workflow: String,
    person: Option<String>,
    outcome: Option<String>,
    began: i64,
    ended: Option<i64>,
    due: Option<i64>,
    stands: bool,
    round: u32,
}

impl Task {
    fn case(self) -> (String, Case) {
        let state = if self.ended.is_some() { "answered" } else { "open" };
        let case = Case {
            run: RunId::child_of(&self.id),
            workflow: self.workflow.into(),
            key: None,
            task: Some(TaskId::of(&self.id, 1)),
            step: Some("repair".into()),
            title: None,
            state: state.into(),
            outcome: self.outcome.map(Into::into),
            person: self.person.map(Into::into),
            who: vec![],
            parent: None,
            began: Millis(self.began),
            ended: self.ended.map(Millis),
            due: self.due.map(Millis),
            stands: self.stands,
            round: self.round,
        };
        (self.id, case)
    }
}

#[test]
fn every_figure_is_what_python_makes_of_the_same_tasks() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/figures.py");
    let count = if super::all_tests() { "5000" } else { "400" };
    let child = Command::new("python3").args([script, count, "20261122"]).stdout(Stdio::piped()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) if super::all_tests() => panic!("python3 is needed for this test: {error}"),
        Err(error) => return println!("skipped: no python3 ({error})"),
    };
    let (mut cases, mut asked) = (vec![], 0);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        match serde_json::from_str(&line.unwrap()).unwrap() {
            Line::Task { task } => cases.push(task.case()),
            Line::Question { with, now, is } => {
                assert_eq!(answer(&mut cases, &with, Millis(now)), is, "{with}");
                asked += 1;
            }
        }
    }
    assert!(child.wait().unwrap().success(), "the oracle failed");
    assert_eq!(asked, 6);
}

/// What the daemon does with the rows of its store, which come in the order of the period's instant.
fn answer(cases: &mut [(String, Case)], with: &str, now: Millis) -> String {
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").unwrap();
    let (people, calendar) = (People::default(), Calendar::weekdays(zone.clone()));
    let query = Query::read(with).unwrap();
    let (asking, bounds) = (query.ask(Of::Tasks).unwrap(), query.bounds(now, &zone).unwrap());
    let standpoint =
        Standpoint { now, zone: &zone, calendar: &calendar, people: &people, period_of: query.period_of };
    let instant = |case: &Case| match query.period_of {
        PeriodOf::Started => Some(case.began),
        PeriodOf::Ended => case.ended,
    };
    cases.sort_by_key(|(id, case)| (instant(case), id.clone()));
    let within = cases.iter().filter(|(_, case)| instant(case).is_some_and(|at| bounds.hold(at)));
    let rows: Vec<_> = within.filter_map(|(_, case)| asking.row(case, standpoint).unwrap()).collect();
    asking.found(&rows).unwrap()
}
