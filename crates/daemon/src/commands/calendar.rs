//! `yizhan calendar`: a month as a clerk reads it, and the holidays that a calendar program exports.

use std::path::{Path, PathBuf};

use jiff::civil::{Date, Weekday};
use serde_json::{Value, json};
use yizhan_workflow::calendar::{Calendar, Imported};

use super::Context;
use crate::artifacts::write_whole;
use crate::calendars::{in_force, path_of};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::show::{table, text};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Action {
    /// Print a month: which days are worked, from when to when, and why not
    #[command(after_help = "Examples:\n  yizhan calendar show china --month 2026-10\n  yizhan calendar show")]
    Show {
        /// The calendar's name; without it the house's
        calendar: Option<String>,
        /// Which month, as 2026-10; without it this one
        #[arg(long, value_name = "MONTH")]
        month: Option<String>,
    },
    /// Make a calendar of what a calendar program exports
    #[command(after_help = "Examples:\n  yizhan calendar import holidays.ics\n  \
                            yizhan calendar import holidays.ics --name office --based-on china")]
    Import {
        /// The exported file, `.ics`
        #[arg(value_name = "FILE")]
        ics: PathBuf,
        /// Write it to config/calendars under this name; without it the text is printed
        #[arg(long = "name", value_name = "NAME")]
        calendar: Option<String>,
        /// The calendar that holds where this one says nothing
        #[arg(long, value_name = "CALENDAR", default_value = "weekdays")]
        based_on: String,
    },
}

pub(crate) fn run(action: &Action, context: &Context) -> Result<Exit, Failure> {
    match action {
        Action::Show { calendar, month } => show(calendar.as_deref(), month.as_deref(), context),
        Action::Import { ics, calendar, based_on } => import(ics, calendar.as_deref(), based_on, context),
    }
}

fn show(name: Option<&str>, month: Option<&str>, context: &Context) -> Result<Exit, Failure> {
    let home = context.home().ok();
    let config = match &home {
        Some(home) => home.config(None)?,
        None => Config::parse("").map_err(|error| Failure::of(Exit::Failed, error.code(), &error))?,
    };
    let calendars = in_force(home.as_ref(), &config)?;
    let Some(calendar) = calendars.named(name) else {
        let known: Vec<&str> = calendars.names().collect();
        let unknown = format!("no calendar is called `{}`", name.unwrap_or_default());
        return Err(
            Failure::new(Exit::Failed, "YZ0156", unknown).help(format!("there are {}", known.join(", ")))
        );
    };
    let first = first_of(month, calendar)?;
    let days: Vec<Value> =
        first.series(jiff::Span::new().days(1)).take(days_in(first)).map(|day| said(day, calendar)).collect();
    let known = calendar.knows(first.year());
    let answer = json!({ "calendar": &*calendar.name, "title": calendar.title, "known": known,
        "cut_off": calendar.cut_off.map(|time| time.to_string()), "days": days });
    context.answer(&answer, |answer| shown(answer, first, context));
    Ok(Exit::Ok)
}

fn first_of(month: Option<&str>, calendar: &Calendar) -> Result<Date, Failure> {
    let Some(month) = month else {
        return Ok(jiff::Zoned::now().with_time_zone(calendar.zone.clone()).date().first_of_month());
    };
    format!("{month}-01").parse().map_err(|_| {
        Failure::new(Exit::Usage, "YZ0530", format!("`{month}` is no month")).help("write it as 2026-10")
    })
}

fn days_in(first: Date) -> usize {
    usize::from(first.days_in_month().unsigned_abs())
}

fn said(day: Date, calendar: &Calendar) -> Value {
    let hours: Vec<String> = calendar.hours(day).iter().map(ToString::to_string).collect();
    json!({ "day": day.to_string(), "hours": hours, "name": calendar.name_of(day) })
}

fn shown(answer: &Value, first: Date, context: &Context) -> String {
    let say = |zh: &'static str, en: &'static str| context.language.pick(zh, en);
    let days = answer["days"].as_array().map(Vec::as_slice).unwrap_or_default();
    let worked =
        days.iter().filter(|day| day["hours"].as_array().is_some_and(|hours| !hours.is_empty())).count();
    let mut head = format!("{} {}-{:02}", text(answer, "calendar"), first.year(), first.month());
    head.push_str(&match context.language {
        crate::language::Language::Zh => format!(",{worked} 个工作日"),
        crate::language::Language::En => format!(", {worked} working days"),
    });
    if let Some(time) = answer["cut_off"].as_str() {
        let time = time.get(..5).unwrap_or(time);
        head.push_str(&format!("{}{time}", say(",截止 ", ", cut-off ")));
    }
    if answer["known"] == false {
        head.push_str(say(
            "\n这一年的节假日还不知道,工作日是推算的",
            "\nthe holidays of this year are not known: its working days are a guess",
        ));
    }
    let rows: Vec<Vec<String>> = days.iter().map(|day| row(day, context)).collect();
    let columns = context.language.pick(["日期", "星期", "上班", "说明"], ["DAY", "", "HOURS", "WHAT"]);
    format!("{head}\n{}", table(&columns, &rows))
}

fn row(day: &Value, context: &Context) -> Vec<String> {
    let weekday =
        text(day, "day").parse::<Date>().map(|day| weekday(day.weekday(), context)).unwrap_or_default();
    let hours: Vec<&str> = day["hours"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let hours =
        if hours.is_empty() { context.language.pick("休", "off").to_owned() } else { hours.join(" ") };
    vec![text(day, "day"), weekday.to_owned(), hours, text(day, "name")]
}

fn weekday(day: Weekday, context: &Context) -> &'static str {
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

fn import(file: &Path, name: Option<&str>, based_on: &str, context: &Context) -> Result<Exit, Failure> {
    let imported = Imported::read(&String::from_utf8_lossy(&std::fs::read(file)?));
    if imported.holidays.is_empty() && imported.workdays.is_empty() {
        let nothing = format!("`{}` has no days in it", file.display());
        return Err(
            Failure::new(Exit::Failed, "YZ0519", nothing).help("it should be an iCalendar file with events")
        );
    }
    for left in &imported.left_out {
        let said = context.language.pick(
            "没有收进来(按规则重复,或者日期读不懂)",
            "left out (it repeats by a rule, or its days cannot be read)",
        );
        eprintln!("{said}: {left}");
    }
    let title = file.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let toml = imported.toml(name.unwrap_or(&title), based_on);
    let Some(name) = name else {
        context.answer(&json!({ "text": toml }), |_| toml.clone());
        return Ok(Exit::Ok);
    };
    let home = context.home()?;
    let path = home.calendars().join(format!("{name}.toml"));
    if path.exists() {
        let there = format!("{} is there already", path_of(name));
        return Err(Failure::new(Exit::Refused, "YZ0519", there)
            .help("take another name, or put the days into it by hand"));
    }
    std::fs::create_dir_all(home.calendars())?;
    write_whole(&path, toml.as_bytes())?;
    context.answer(&json!({ "path": path.display().to_string() }), |_| path.display().to_string());
    Ok(Exit::Ok)
}
