//! `yizhan next`: when schedules fire next. Without a daemon it is worked out from the files, by the same function.

use std::time::SystemTime;

use serde_json::{Value, json};
use yizhan_workflow::id::Millis;
use yizhan_workflow::plan::Starts;
use yizhan_workflow::schedule::preview;

use super::Context;
use crate::client::query;
use crate::exit::{Exit, Failure};
use crate::show::{instant, table, text};
use crate::workflows::{find, read_file};

/// More lines of one schedule than this say nothing new.
const MOST: usize = 1_000;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  yizhan next\n  yizhan next retention --days 400")]
pub(crate) struct Args {
    /// Only those of this workflow
    workflow: Option<String>,
    /// How far to look
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=4000))]
    days: u32,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let days = args.days.to_string();
    let query = query(&[("workflow", args.workflow.as_deref()), ("days", Some(&days))]);
    let answer = match context.client()?.get(format!("/api/v1/triggers{query}")).send() {
        Ok(answer) => answer,
        Err(failure) if failure.exit == Exit::NoDaemon && context.url.is_none() => from_files(args, context)?,
        Err(failure) => return Err(failure),
    };
    context.answer(&answer, |answer| shown(answer, context));
    Ok(Exit::Ok)
}

fn from_files(args: &Args, context: &Context) -> Result<Value, Failure> {
    let home = context.home()?;
    let calendars = crate::calendars::in_force(Some(&home), &home.config(None)?)?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = Millis(i64::try_from(now.as_millis()).unwrap_or(i64::MAX));
    let until = now.plus(i64::from(args.days) * 86_400_000);
    let mut items = Vec::new();
    for path in find(&home.workflows()).files {
        let Ok(read) = read_file(&path, &home.root, &home.workflows()).outcome else { continue };
        let workflow = read.workflow;
        if args.workflow.as_deref().is_some_and(|name| name != &*workflow.name) {
            continue;
        }
        let Some(calendar) = calendars.named(workflow.calendar.as_deref()) else { continue };
        let slots = |schedule| -> Value {
            preview(schedule, calendar, now, until, MOST).into_iter().map(|at| at.0).collect()
        };
        for trigger in &workflow.triggers {
            let mut say = |key: &str, told: Value| {
                items.push(json!({ "workflow": &*workflow.name, "trigger": &*trigger.name, key: told }));
            };
            match &trigger.starts {
                // Which days those are stands in the store alone.
                Starts::Schedule(schedule) if schedule.of.is_some() => say("unknown", json!(true)),
                Starts::Schedule(schedule) => say("next", slots(schedule)),
                Starts::Webhook(_)
                | Starts::Files { .. }
                | Starts::Mail(_)
                | Starts::ByHand { .. }
                | Starts::Event { .. } => {}
            }
            if let Some(gather) = &trigger.gather {
                say("gathers", slots(gather));
            }
        }
    }
    Ok(json!({ "items": items }))
}

fn shown(answer: &Value, context: &Context) -> String {
    let zone = context.zone();
    let mut rows: Vec<(String, Vec<String>)> = Vec::new();
    let mut unknown: Vec<String> = Vec::new();
    for trigger in answer["items"].as_array().into_iter().flatten() {
        let of = |key: &str| trigger[key].as_array().cloned().unwrap_or_default();
        let paused = if trigger["paused"].is_object() {
            context.language.pick("(已暂停)", " (paused)")
        } else {
            ""
        };
        let mut say = |slot: &Value, name: String| {
            // A slot is an instant, or an object that has one.
            let at = if slot.is_object() { slot.clone() } else { json!({ "at": slot }) };
            let at = instant(&at, "at", &zone);
            rows.push((at.clone(), vec![at, text(trigger, "workflow"), name + paused]));
        };
        of("next").iter().for_each(|slot| say(slot, text(trigger, "trigger")));
        for entry in of("entries") {
            say(&entry, format!("{} {}", text(trigger, "trigger"), text(&entry, "number")));
        }
        unknown.extend((trigger["unknown"] == json!(true)).then(|| {
            let name = format!("{}/{}", text(trigger, "workflow"), text(trigger, "trigger"));
            context.language.pick(
                format!("{name} 按台账的日期触发:守护进程在运行时才看得到"),
                format!("{name} follows the dates of a register: they are seen while the daemon runs"),
            )
        }));
        // Only the first takes what waits now.
        let waiting = trigger["gathered"].as_u64().unwrap_or(0);
        for (number, slot) in of("gathers").iter().enumerate() {
            let name = text(trigger, "trigger");
            let waiting = if number == 0 { waiting } else { 0 };
            say(
                slot,
                context
                    .language
                    .pick(format!("{name}(攒,现有 {waiting})"), format!("{name} (gathers, {waiting} now)")),
            );
        }
    }
    let unknown = unknown.join("\n");
    if rows.is_empty() {
        let nothing = context.language.pick("这段时间没有定时触发", "no schedule fires in that time");
        return if unknown.is_empty() { nothing.to_owned() } else { unknown };
    }
    rows.sort();
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(_, row)| row).collect();
    table(&context.language.pick(["时间", "流程", "触发"], ["AT", "WORKFLOW", "TRIGGER"]), &rows) + &unknown
}
