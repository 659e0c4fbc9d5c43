//! `yizhan what-if`: the calendar of a case that begins at a given time: every due time, wait and end, with its weekday and
//! the working days until then. Acts on nothing.

use std::path::PathBuf;

use jiff::civil::Weekday;
use serde_json::{Value as Json, json};
use yizhan_engine::rehearsal::{self, Dated};
use yizhan_workflow::id::Millis;
use yizhan_workflow::moment::{Anchored, Moment, Standpoint};
use yizhan_workflow::problem::{Lang, sort_word};
use yizhan_workflow::run::World;

use super::Context;
use super::fields::Fields;
use super::plan::{Case, Walked, walked};
use crate::exit::{Exit, Failure};
use crate::show::table;

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
    let case =
        rehearsal::Case { text: &walk.text, others: &walk.others, world: &walk.world, began: walk.now };
    let dates = rehearsal::dates(case, &walk.rehearsal);
    let answer = json!({ "workflow": &*walk.text.name, "key": walk.rehearsal.key,
        "dates": dates.iter().map(|date| with_weekday(date, context)).collect::<Vec<_>>(), "stopped": walk.rehearsal.stopped });
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

/// As people say the day.
fn with_weekday(date: &Dated, context: &Context) -> Json {
    let mut said = json!(date);
    said["weekday"] = json!(weekday(date.weekday, context));
    said
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
                weekday(date.weekday, context).to_owned(),
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
