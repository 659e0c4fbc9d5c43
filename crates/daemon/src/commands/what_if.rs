//! `yizhan what-if`: the calendar of a case that begins at a given time: every due time, wait and end, with its weekday and
//! the working days until then. Acts on nothing.

use std::path::PathBuf;

use jiff::civil::{Date, Weekday};
use serde::Serialize;
use serde_json::json;
use yizhan_engine::rehearsal::What;
use yizhan_workflow::calendar::Calendar;
use yizhan_workflow::id::{Millis, StepNo};
use yizhan_workflow::moment::{Anchored, Moment, Standpoint};
use yizhan_workflow::plan::{Starts, Workflow};
use yizhan_workflow::problem::{Lang, sort_word};
use yizhan_workflow::run::World;
use yizhan_workflow::schedule::preview;

use super::Context;
use super::fields::Fields;
use super::plan::{Case, Walked, place_of, walked};
use crate::exit::{Exit, Failure};
use crate::show::table;

/// Schedules are looked at as far as the case goes, and at least so far.
const LEAST_AHEAD: i64 = 7 * 86_400_000;
/// So many slots of one schedule say enough.
const MOST_SLOTS: usize = 5;
/// Working days are counted no further.
const MOST_DAYS: usize = 4_000;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  yizhan what-if fault-dispatch --at \"2026-09-30 16:55\" --input case.json\n  yizhan what-if leave --at 2026-10-09 --set name=李娜 --set days:=3 --json\n\nEvery task is taken to be answered at once: the dates are the earliest; with `--late` each is answered at the last instant in time.\nReminders and rungs of due times come only while their task is open. `--answers` says what is answered, as for `plan`."
)]
pub(crate) struct Args {
    /// The workflow's name, or its file
    workflow: String,
    /// When it begins, as `2026-09-30 16:55`; a day begins with its working hours
    #[arg(long, value_name = "TIME")]
    at: String,
    #[command(flatten)]
    fields: Fields,
    /// What steps answer, JSON or TOML
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// On whose behalf it begins, as `person:li.na`
    #[arg(long, value_name = "WHO", default_value = "operator")]
    by: String,
    /// Each task is answered at the last instant in time: the latest dates, not the earliest
    #[arg(long)]
    late: bool,
}

/// A date of the case.
#[derive(Debug, Serialize)]
struct Dated {
    at: Millis,
    /// On the house's clock; a day's end is that day's `24:00`.
    local: String,
    weekday: &'static str,
    /// Working days from the beginning on; the day it began is none of them.
    workdays: usize,
    /// The day is none of the calendar's working days.
    off: bool,
    /// What the calendar calls the day.
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<String>,
    /// The calendar does not know this year: its working days are a guess.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    guess: bool,
    what: &'static str,
    step: String,
    title: String,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let given = args.fields.read_alone()?;
    let case = Case {
        workflow: &args.workflow,
        given,
        answers: args.answers.as_deref(),
        by: &args.by,
        late: args.late,
    };
    let Some(walk) = walked(case, |world| beginning(&args.at, world), context)? else {
        return Ok(Exit::Faults);
    };
    let dates = dates(&walk, context);
    let answer = json!({ "workflow": &*walk.text.name, "key": walk.rehearsal.key, "dates": dates,
        "stopped": walk.rehearsal.stopped });
    context.answer(&answer, |_| said(&walk, &dates, context));
    Ok(if walk.rehearsal.stopped.is_some() { Exit::Failed } else { Exit::Ok })
}

/// The instant that was written, on the house's clock.
fn beginning(written: &str, world: &World) -> Result<Millis, Failure> {
    let wrong = |why: String| Failure::new(Exit::Usage, "YZ0534", format!("`{written}`: {why}"));
    let moment = Moment::parse_text(written).map_err(|fault| wrong(fault.to_string()))?;
    let none = |_: &yizhan_workflow::expression::Template| {
        Err(yizhan_workflow::expression::ExpressionError::new("YZ0312", "a time has no expression"))
    };
    let standpoint = Standpoint {
        opened: Millis(0),
        now: Millis(0),
        calendar: world.calendars.house(),
        as_wait: true,
        ended: &|_| Anchored::NotYet,
        value: &none,
    };
    let instant = Moment::from(moment).instant(&standpoint).map_err(|error| wrong(error.to_string()))?;
    instant.ok_or_else(|| wrong("it is no time".to_owned()))
}

fn dates(walk: &Walked, context: &Context) -> Vec<Dated> {
    let calendar = |text: &Workflow, step: Option<StepNo>| {
        let name = step.map_or(text.calendar.as_deref(), |step| text.calendar_of(step));
        let all = &walk.world.calendars;
        &**all.named(name).unwrap_or_else(|| all.house())
    };
    let house = calendar(&walk.text, None);
    let date = |calendar, at, what, of: (&str, &str)| dated(calendar, (walk.now, at), what, of, context);
    let mut dates = vec![date(house, walk.now, "begins", ("", &walk.text.title))];
    for told in &walk.rehearsal.told {
        // Of what holds it the calendar holds, too.
        let own = told.step.rsplit('.').next().unwrap_or(&told.step);
        let text = walk.others.iter().find(|other| other.name == told.workflow).unwrap_or(&walk.text);
        let days = calendar(text, text.step_named(&told.step).or_else(|| text.step_named(own)));
        let place = place_of(told);
        let of = (place.as_str(), told.title.as_str());
        #[expect(clippy::wildcard_enum_match_arm, reason = "the others have no date of their own")]
        match &told.what {
            What::Task { due: Some(due), .. } => dates.push(date(days, *due, "due", of)),
            What::Wait { until } => dates.push(date(days, *until, "wait", of)),
            What::Due { due } => dates.push(date(days, *due, "due", of)),
            What::Rung { on, rung, does } => {
                let step = if place.is_empty() { rung.clone() } else { format!("{place}.{rung}") };
                dates.push(date(days, *on, does, (&step, told.title.as_str())));
            }
            What::Event { .. } => dates.push(date(days, told.at, "comes", of)),
            What::Late => dates.push(date(days, told.at, "late", of)),
            _ => {}
        }
    }
    let end = &walk.rehearsal.end;
    if end.state != "open" {
        dates.push(date(house, end.at, "ends", ("", &walk.text.title)));
    }
    let until = dates.iter().map(|date| date.at).max().unwrap_or(walk.now).max(walk.now.plus(LEAST_AHEAD));
    for trigger in &walk.text.triggers {
        // On which days a register's entries fire is not in the files.
        if let Starts::Schedule(schedule) = &trigger.starts
            && schedule.of.is_none()
        {
            let slots = preview(schedule, house, walk.now, until, MOST_SLOTS);
            dates.extend(
                slots.into_iter().map(|at| date(house, at, "schedule", (&trigger.name, &walk.text.title))),
            );
        }
    }
    // A due time stands before what it sets off.
    dates.sort_by_key(|date| (date.at, date.what != "due"));
    dates
}

fn dated(
    calendar: &Calendar,
    (from, at): (Millis, Millis),
    what: &'static str,
    (step, title): (&str, &str),
    context: &Context,
) -> Dated {
    let local = |at: Millis| at.timestamp().unwrap_or_default().to_zoned(calendar.zone.clone()).datetime();
    let (began, when) = (local(from).date(), local(at));
    // What ends a day is the first instant of the next one; people say the day.
    let begins_day = matches!(what, "begins" | "wait" | "comes" | "ends" | "schedule");
    let ends_day = !begins_day && when.time() == jiff::civil::Time::midnight();
    let day = if ends_day { when.date().yesterday().unwrap_or(when.date()) } else { when.date() };
    let time = match (ends_day, when.second()) {
        (true, _) => "24:00".to_owned(),
        (false, 0) => when.strftime("%H:%M").to_string(),
        (false, _) => when.strftime("%H:%M:%S").to_string(),
    };
    Dated {
        at,
        local: format!("{day} {time}"),
        weekday: weekday(day.weekday(), context),
        workdays: workdays(calendar, began, day),
        off: !calendar.is_workday(day),
        day: calendar.name_of(day).map(str::to_owned),
        guess: !calendar.knows(day.year()),
        what,
        step: step.to_owned(),
        title: title.to_owned(),
    }
}

/// Working days after the first day, to the last one.
fn workdays(calendar: &Calendar, first: Date, last: Date) -> usize {
    let days = first.series(jiff::Span::new().days(1)).skip(1).take(MOST_DAYS);
    days.take_while(|day| *day <= last).filter(|day| calendar.is_workday(*day)).count()
}

pub(crate) fn weekday(day: Weekday, context: &Context) -> &'static str {
    let (zh, en) = match day {
        Weekday::Monday => ("周一", "Mon"),
        Weekday::Tuesday => ("周二", "Tue"),
        Weekday::Wednesday => ("周三", "Wed"),
        Weekday::Thursday => ("周四", "Thu"),
        Weekday::Friday => ("周五", "Fri"),
        Weekday::Saturday => ("周六", "Sat"),
        Weekday::Sunday => ("周日", "Sun"),
    };
    context.language.pick(zh, en)
}

fn said(walk: &Walked, dates: &[Dated], context: &Context) -> String {
    let say = |zh: &str, en: &str| context.language.pick(zh, en).to_owned();
    let what = |word: &str| match word {
        "begins" => say("开始", "begins"),
        "due" => say("期限", "due"),
        "wait" => say("等到", "waits until"),
        "comes" => say("等到了", "has come"),
        "late" => say("逾期", "late"),
        "reminds" => say("催办", "reminder"),
        "tells" => say("通知", "somebody is told"),
        "reassigns" => say("改派", "goes to others"),
        "decides" => say("由文件作答", "is decided"),
        "acts" => say("到时要办", "sets off"),
        "ends" if walk.late => say("结束", "ends"),
        "ends" => say("最早结束", "ends at the earliest"),
        _ => say("定时触发", "schedule"),
    };
    let rows: Vec<Vec<String>> = dates
        .iter()
        .map(|date| {
            let mut day = date.day.clone().unwrap_or_default();
            if date.off && day.is_empty() {
                day = say("休息", "off");
            }
            if date.guess {
                day.push_str(&say("(日历没有这一年)", " (a year the calendar does not know)"));
            }
            let step = if date.step.is_empty() { String::new() } else { format!("[{}]", date.step) };
            vec![
                date.local.clone(),
                date.weekday.to_owned(),
                date.workdays.to_string(),
                day,
                what(date.what),
                format!("{} {step}", date.title).trim_end().to_owned(),
            ]
        })
        .collect();
    let head = context.language.pick(
        ["时间", "星期", "第几个工作日", "日子", "什么", "哪一步"],
        ["AT", "DAY", "WORKDAYS", "WHICH", "WHAT", "STEP"],
    );
    let mut text = table(&head, &rows);
    if let Some(stopped) = &walk.rehearsal.stopped {
        let zh = sort_word(stopped, Lang::Zh);
        text.push_str(&context.language.pick(format!("到此为止:{zh}"), format!("no further: {stopped}")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_day_is_said_as_that_day_and_its_working_days_are_counted() {
        let context = Context { home: None, url: None, language: crate::language::Language::Zh, json: false };
        let calendar = Calendar::weekdays(jiff::tz::TimeZone::UTC);
        let at = |text: &str| Millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond());
        let from = at("2026-09-30T16:55:00Z"); // A Wednesday.
        let date = |when, what| dated(&calendar, (from, at(when)), what, ("repair", "x"), &context);
        let friday = date("2026-10-03T00:00:00Z", "due");
        assert_eq!((friday.local.as_str(), friday.weekday, friday.workdays), ("2026-10-02 24:00", "周五", 2));
        let monday = date("2026-10-05T09:00:00Z", "wait");
        assert_eq!((monday.local.as_str(), monday.weekday, monday.workdays), ("2026-10-05 09:00", "周一", 3));
        assert!(date("2026-10-03T10:00:00Z", "wait").off && !monday.off);
    }
}
