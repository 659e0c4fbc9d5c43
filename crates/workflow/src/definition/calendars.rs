//! What a workflow asks of the calendars: that they are there, and that they know the years it counts in.

use jiff::civil::Date;

use super::check::Checker;
use super::path_of;
use crate::calendar::{Calendar, Calendars};
use crate::moment::{Length, Measure, Moment, Unit};
use crate::plan::{Starts, Work};
use crate::problem::{Problem, listed, nearest};
use crate::schedule::{Holiday, Pattern, Schedule};

/// A case that begins so many days from now is still one of today's: its working days must be known.
const BEGINS_WITHIN: i64 = 31;

pub(super) fn check(checker: &Checker<'_>, problems: &mut Vec<Problem>) {
    let Some(calendars) = checker.house.calendars else { return };
    let workflow = &checker.read.workflow;
    if workflow.calendar.is_some() {
        known(checker, calendars, "calendar", workflow.calendar.as_deref(), problems);
    }
    let of_file = calendars.named(workflow.calendar.as_deref());
    for trigger in &workflow.triggers {
        let Some(calendar) = of_file else { continue };
        let mut look = |key: &str, schedule: &Schedule| {
            gap(
                checker,
                calendar,
                &format!("trigger.{}.{key}", trigger.name),
                of_schedule(schedule),
                problems,
            );
        };
        if let Starts::Schedule(schedule) = &trigger.starts {
            look("schedule", schedule);
        }
        if let Some(schedule) = &trigger.gather {
            look("gather", schedule);
        }
    }
    for no in workflow.numbers() {
        let (step, path) = (workflow.step(no), path_of(workflow, no));
        for (key, name) in [("calendar", &step.calendar), ("hours", &step.hours)] {
            known(checker, calendars, &format!("{path}.{key}"), name.as_deref(), problems);
        }
        let Some(calendar) = calendars.named(workflow.calendar_of(no)) else { continue };
        let (key, moment) = match &step.work {
            Work::Wait { until } => ("wait", Some(until)),
            Work::Ask(ask) => ("due", ask.due.as_ref()),
            Work::Await(event) => ("due", event.due.as_ref()),
            Work::Use { .. }
            | Work::Run { .. }
            | Work::Check { .. }
            | Work::End { .. }
            | Work::Hold { .. } => ("due", None),
        };
        let far = moment.map_or(Far::Nowhere, of_moment);
        gap(checker, calendar, &format!("{path}.{key}"), far, problems);
    }
}

fn known(
    checker: &Checker<'_>,
    calendars: &Calendars,
    path: &str,
    name: Option<&str>,
    problems: &mut Vec<Problem>,
) {
    let Some(name) = name.filter(|name| calendars.named(Some(name)).is_none()) else { return };
    let problem = Problem::error("YZ0156", checker.value(path)).name("name", name);
    problems.push(problem.near(nearest(name, calendars.names())).name("known", listed(calendars.names())));
}

/// How far ahead working days are counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Far {
    /// They are not.
    Nowhere,
    Days(i64),
}

/// A warning where the holidays of a year that it counts in are not known.
fn gap(checker: &Checker<'_>, calendar: &Calendar, path: &str, far: Far, problems: &mut Vec<Problem>) {
    let (Some(today), Far::Days(days)) = (checker.house.today, far) else { return };
    let Some(year) = unknown_year(calendar, today, days + BEGINS_WITHIN) else { return };
    let problem = Problem::warning("YZ0697", checker.value(path)).name("calendar", &*calendar.name);
    problems.push(problem.name("year", year.to_string()));
}

fn unknown_year(calendar: &Calendar, today: Date, days: i64) -> Option<i16> {
    let last = today.checked_add(jiff::Span::new().try_days(days).ok()?).ok()?;
    (today.year()..=last.year()).find(|year| !calendar.knows(*year))
}

fn of_moment(moment: &Moment) -> Far {
    match moment {
        Moment::Length(length) | Moment::Within { length: Measure::Given(length), .. } => of_length(*length),
        Moment::Earliest(all) => all.iter().map(of_moment).max().unwrap_or(Far::Nowhere),
        Moment::Next(pattern) | Moment::AfterToday(pattern) => of_pattern(pattern),
        // What it yields is not known here, and says so on the task.
        Moment::Within { length: Measure::Worked(_), .. }
        | Moment::Worked(_)
        | Moment::Date(_)
        | Moment::Local(_)
        | Moment::Instant(_) => Far::Nowhere,
    }
}

/// A week has five working days, and a day eight hours.
fn of_length(length: Length) -> Far {
    match length {
        Length::Workdays(n) => Far::Days(i64::from(n) * 7 / 5),
        Length::Open(span) => Far::Days(span.ms / (8 * 3_600_000) * 7 / 5),
        Length::Clock(_)
        | Length::Days { unit: Unit::Days | Unit::Weeks | Unit::Months | Unit::Years, .. } => Far::Nowhere,
    }
}

fn of_pattern(pattern: &Pattern) -> Far {
    match pattern {
        Pattern::On { days, .. } if days.are_worked() => Far::Days(0),
        Pattern::On { .. } | Pattern::Every(_) | Pattern::Cron(_) => Far::Nowhere,
    }
}

fn of_schedule(schedule: &Schedule) -> Far {
    let moved = if schedule.holiday == Holiday::Keep { Far::Nowhere } else { Far::Days(0) };
    let ahead = schedule.ahead.map_or(Far::Nowhere, of_length);
    of_pattern(&schedule.pattern).max(moved).max(ahead)
}
