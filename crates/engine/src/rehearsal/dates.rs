//! The calendar of a walked case: each due time, wait and end, with its day and the working days until then.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::{Date, Time, Weekday};
use serde::{Serialize, Serializer};
use yizhan_workflow::calendar::Calendar;
use yizhan_workflow::id::{Millis, StepNo};
use yizhan_workflow::plan::{Starts, Workflow};
use yizhan_workflow::run::World;
use yizhan_workflow::schedule::preview;

use super::{Rehearsal, What};

/// Schedules are looked at as far as the case goes, and at least so far.
const LEAST_AHEAD: i64 = 7 * 86_400_000;
/// So many slots of one schedule say enough.
const MOST_SLOTS: usize = 5;
/// Working days are counted no further.
const MOST_DAYS: usize = 4_000;

/// What was walked.
#[derive(Clone, Copy, Debug)]
pub struct Case<'c> {
    pub text: &'c Workflow,
    /// The others that it came to.
    pub others: &'c [Arc<Workflow>],
    pub world: &'c World,
    /// When it began.
    pub began: Millis,
}

/// A date of the case.
#[derive(Clone, Debug, Serialize)]
pub struct Dated {
    pub at: Millis,
    /// On the house's clock; a day's end is that day's `24:00`.
    pub local: String,
    #[serde(serialize_with = "from_monday")]
    pub weekday: Weekday,
    /// Working days from the beginning on; the day it began is none of them.
    pub workdays: usize,
    /// The day is none of the calendar's working days.
    pub off: bool,
    /// What the calendar calls the day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<String>,
    /// The calendar does not know this year: its working days are a guess.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub guess: bool,
    /// `begins`, `due`, `wait`, `comes`, `late`, `ends`, `schedule`, or what a rung does: `reminds`, `tells`, `reassigns`, `decides`, `acts`.
    pub what: &'static str,
    pub step: String,
    pub title: String,
}

fn from_monday<S: Serializer>(day: &Weekday, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_i8(day.to_monday_one_offset())
}

/// What has a date, the earliest first: of the walk, and of the workflow's schedules meanwhile.
#[must_use]
pub fn dates(case: Case<'_>, walked: &Rehearsal) -> Vec<Dated> {
    let Case { text, world, began, .. } = case;
    let house = calendar(world, text, None);
    let mut days = Days::default();
    let mut dates = vec![days.dated(house, (began, began), "begins", ("", &text.title))];
    dates.extend(of_walk(case, walked, &mut days));
    let end = &walked.end;
    if end.state != "open" {
        dates.push(days.dated(house, (began, end.at), "ends", ("", &text.title)));
    }
    let until = dates.iter().map(|date| date.at).max().unwrap_or(began).max(began.plus(LEAST_AHEAD));
    for trigger in &text.triggers {
        // On which days a register's entries fire is not in the files.
        if let Starts::Schedule(schedule) = &trigger.starts
            && schedule.of.is_none()
        {
            let slots = preview(schedule, house, began, until, MOST_SLOTS);
            let slot = |at| days.dated(house, (began, at), "schedule", (&trigger.name, &text.title));
            dates.extend(slots.into_iter().map(slot));
        }
    }
    // A due time stands before what it sets off.
    dates.sort_by_key(|date| (date.at, date.what != "due"));
    dates
}

fn of_walk(case: Case<'_>, walked: &Rehearsal, days: &mut Days) -> Vec<Dated> {
    let mut dates = vec![];
    for told in &walked.told {
        // Of what holds it the calendar holds, too.
        let own = told.step.rsplit('.').next().unwrap_or(&told.step);
        let text = case.others.iter().find(|other| other.name == told.workflow);
        let text = text.map_or(case.text, |other| &**other);
        let own = calendar(case.world, text, text.step_named(&told.step).or_else(|| text.step_named(own)));
        let place = told.place();
        let mut date = |at, what, step: &str| days.dated(own, (case.began, at), what, (step, &told.title));
        match &told.what {
            What::Task { due: Some(due), .. } | What::Due { due } => dates.push(date(*due, "due", &place)),
            What::Wait { until } => dates.push(date(*until, "wait", &place)),
            What::Rung { on, rung, does } => {
                let step = if place.is_empty() { rung.clone() } else { format!("{place}.{rung}") };
                dates.push(date(*on, does, &step));
            }
            What::Event { .. } => dates.push(date(told.at, "comes", &place)),
            What::Late => dates.push(date(told.at, "late", &place)),
            What::Task { due: None, .. }
            | What::Call { .. }
            | What::Child { .. }
            | What::Skipped { .. }
            | What::Failed { .. }
            | What::Back { .. }
            | What::Asked { .. } => {}
        }
    }
    dates
}

/// By which working days are counted in a step, or in all of a workflow.
fn calendar<'w>(world: &'w World, text: &Workflow, step: Option<StepNo>) -> &'w Calendar {
    let name = step.map_or(text.calendar.as_deref(), |step| text.calendar_of(step));
    world.calendars.named(name).unwrap_or_else(|| world.calendars.house())
}

/// Working days from the beginning on, by calendar and day: many things fall on one day.
#[derive(Debug, Default)]
struct Days(BTreeMap<(Arc<str>, Date), usize>);

impl Days {
    fn dated(
        &mut self,
        calendar: &Calendar,
        (from, at): (Millis, Millis),
        what: &'static str,
        (step, title): (&str, &str),
    ) -> Dated {
        let local =
            |at: Millis| at.timestamp().unwrap_or_default().to_zoned(calendar.zone.clone()).datetime();
        let (began, when) = (local(from).date(), local(at));
        // What ends a day is the first instant of the next one; people say the day.
        let begins_day = matches!(what, "begins" | "wait" | "comes" | "ends" | "schedule");
        let ends_day = !begins_day && when.time() == Time::midnight();
        let day = if ends_day { when.date().yesterday().unwrap_or(when.date()) } else { when.date() };
        let time = match (ends_day, when.second()) {
            (true, _) => "24:00".to_owned(),
            (false, 0) => when.strftime("%H:%M").to_string(),
            (false, _) => when.strftime("%H:%M:%S").to_string(),
        };
        Dated {
            at,
            local: format!("{day} {time}"),
            weekday: day.weekday(),
            workdays: self.workdays(calendar, (began, day)),
            off: !calendar.is_workday(day),
            day: calendar.name_of(day).map(str::to_owned),
            guess: !calendar.knows(day.year()),
            what,
            step: step.to_owned(),
            title: title.to_owned(),
        }
    }

    /// Working days after the first day, to the last one.
    fn workdays(&mut self, calendar: &Calendar, (first, last): (Date, Date)) -> usize {
        *self.0.entry((calendar.name.clone(), last)).or_insert_with(|| {
            let days = first.series(jiff::Span::new().days(1)).skip(1).take(MOST_DAYS);
            days.take_while(|day| *day <= last).filter(|day| calendar.is_workday(*day)).count()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_day_is_said_as_that_day_and_its_working_days_are_counted() {
        let calendar = Calendar::weekdays(jiff::tz::TimeZone::UTC);
        let at = |text: &str| Millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond());
        let from = at("2026-09-30T16:55:00Z"); // A Wednesday.
        let mut days = Days::default();
        let mut date = |when, what| days.dated(&calendar, (from, at(when)), what, ("repair", "x"));
        let friday = date("2026-10-03T00:00:00Z", "due");
        assert_eq!(
            (friday.local.as_str(), friday.weekday, friday.workdays),
            ("2026-10-02 24:00", Weekday::Friday, 2)
        );
        let monday = date("2026-10-05T09:00:00Z", "wait");
        assert_eq!(
            (monday.local.as_str(), monday.weekday, monday.workdays),
            ("2026-10-05 09:00", Weekday::Monday, 3)
        );
        assert!(date("2026-10-03T10:00:00Z", "wait").off && !monday.off);
    }
}
