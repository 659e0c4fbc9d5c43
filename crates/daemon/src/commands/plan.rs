//! `yizhan plan`: walks a workflow for one case and says all that it would do. Acts on nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Value, json};
use yizhan_engine::intake;
use yizhan_engine::rehearsal::{Answers, Rehearsal, Told, What, reached, rehearse};
use yizhan_store::Memory;
use yizhan_workflow::expression::Tree;
use yizhan_workflow::id::Millis;
use yizhan_workflow::people::People;
use yizhan_workflow::plan::{Work, Workflow};
use yizhan_workflow::problem::{Lang, reason, sort_word};
use yizhan_workflow::register::Registers;
use yizhan_workflow::run::World;

use super::Context;
use super::fields::{Fields, object, text_of};
use super::read::{named, sound};
use crate::exit::{Exit, Failure, FieldFault};
use crate::home::Home;
use crate::plugins;
use crate::serve::world;
use crate::show::{instant, value};
use crate::workflows::{find, read_file};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  yizhan plan returns --input case.json\n  yizhan plan hello --set name=李娜 --json\n  yizhan plan returns --input case.json --answers answers.toml\n\nA file of answers has a table for each step: `[look]` with the fields of its form or output, or `[[look]]`\nonce for each round. What is not answered is made up: the first option of a task, an output that fits its schema.\nThe steps of another workflow that the case comes to are answered in a table of its name: `[design-batch.send]`."
)]
pub(crate) struct Args {
    /// The workflow's name, or its file
    workflow: String,
    #[command(flatten)]
    fields: Fields,
    /// What steps answer, JSON or TOML
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// On whose behalf it begins, as `person:li.na`
    #[arg(long, value_name = "WHO", default_value = "operator")]
    by: String,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = Millis(i64::try_from(now.as_millis()).unwrap_or(i64::MAX));
    let given = args.fields.read_alone()?;
    let case =
        Case { workflow: &args.workflow, given, answers: args.answers.as_deref(), by: &args.by, late: false };
    let Some(Walked { rehearsal, text, .. }) = walked(case, |_| Ok(now), context)? else {
        return Ok(Exit::Faults);
    };
    context.answer(&json!(rehearsal), |_| said(&rehearsal, &text, context));
    Ok(if rehearsal.stopped.is_some() { Exit::Failed } else { Exit::Ok })
}

/// A case that is walked through.
pub(super) struct Case<'a> {
    pub(super) workflow: &'a str,
    pub(super) given: serde_json::Map<String, Value>,
    pub(super) answers: Option<&'a Path>,
    pub(super) by: &'a str,
    /// Tasks are answered when they are due.
    pub(super) late: bool,
}

pub(super) struct Walked {
    pub(super) rehearsal: Rehearsal,
    pub(super) text: Arc<Workflow>,
    /// The others that it came to.
    pub(super) others: Vec<Arc<Workflow>>,
    pub(super) world: World,
    pub(super) now: Millis,
    pub(super) late: bool,
}

/// Walks a case that begins at an instant of the world's clock. `None`: the file has faults, which were said.
pub(super) fn walked(
    case: Case<'_>,
    now: impl FnOnce(&World) -> Result<Millis, Failure>,
    context: &Context,
) -> Result<Option<Walked>, Failure> {
    let home = context.home()?;
    let file = named(case.workflow, Some(&home))?;
    sound(&file, context)?;
    let people = if home.people().exists() {
        People::read(&std::fs::read_to_string(home.people())?)
    } else {
        Ok(People::default())
    };
    let people = people.map_err(|_| {
        Failure::new(Exit::Faults, "YZ0519", "config/people.toml has faults")
            .help("`yizhan check` says which")
    })?;
    let (catalogue, _) = plugins::offline_catalogue(Some(&home))?;
    let config = home.config(None)?;
    let calendars = crate::calendars::in_force(Some(&home), &config)?;
    let world = world::world(&config, None, Arc::new(people), calendars, catalogue)?;
    let world = World { registers: Arc::new(registers_of(&home)?), ..world };
    let Ok(read) = file.outcome else { return Ok(None) };
    let text = read.workflow;
    let now = now(&world)?;
    let others = reached(&text, &all_of(&home)?);
    let answers = Answers { late: case.late, ..answers(case.answers, (&text, &others), &home)? };
    let given = Value::Object(case.given).to_string();
    let prepared = intake::prepare(&text, &given, None, &world, now).map_err(refused)?;
    let rehearsal = rehearse(&prepared, case.by, &world, now, &answers);
    Ok(Some(Walked { rehearsal, text, others, world, now, late: case.late }))
}

/// The workflows of the home that can run. Those with faults cannot be walked: what they give is made up.
fn all_of(home: &Home) -> Result<Vec<Arc<Workflow>>, Failure> {
    let here = std::env::current_dir()?;
    let root = home.workflows();
    let files = find(&root).files;
    let read = files.iter().filter_map(|path| read_file(path, &here, &root).outcome.ok());
    Ok(read.map(|read| read.workflow).collect())
}

pub(super) fn registers_of(home: &Home) -> Result<Registers, Failure> {
    if !home.registers().exists() {
        return Ok(Registers::default());
    }
    Registers::read(&std::fs::read_to_string(home.registers())?).map_err(|_| {
        Failure::new(Exit::Faults, "YZ0519", "config/registers.toml has faults")
            .help("`yizhan check` says which")
    })
}

fn refused(error: intake::IntakeError) -> Failure {
    let intake::IntakeError::Fields(faults) = error else {
        return Failure::new(Exit::Refused, "YZ0534", error.to_string());
    };
    let failure = Failure::new(Exit::Refused, "YZ0412", "the input does not fit the start form");
    Failure { fields: faults.into_iter().map(FieldFault::from).collect(), ..failure }
}

fn answers(
    file: Option<&Path>,
    (text, others): (&Workflow, &[Arc<Workflow>]),
    home: &Home,
) -> Result<Answers, Failure> {
    let of = match file {
        None => BTreeMap::new(),
        Some(path) => {
            let path = path.display().to_string();
            object(&path, &text_of(&path)?)?.into_iter().collect()
        }
    };
    for (id, answer) in &of {
        let other = others.iter().find(|other| *other.name == **id && !has_step(text, id));
        match (other, answer) {
            (Some(other), Value::Object(own)) => own.keys().try_for_each(|id| known(other, id, others))?,
            (None | Some(_), _) => known(text, id, others)?,
        }
    }
    let child =
        |work: &Work| if let Work::Run { workflow, .. } = work { Some(Arc::clone(workflow)) } else { None };
    let children = text.steps.iter().filter_map(|step| child(&step.work));
    let children = children.map(|workflow| (workflow.to_string(), output_of(&workflow, home)));
    let (children, others) = (children.collect(), others.to_vec());
    Ok(Answers { of, others, children, shelf: Some(Memory::shelf), ..Answers::default() })
}

fn has_step(text: &Workflow, id: &str) -> bool {
    text.steps.iter().any(|step| id.ends_with(&*step.id))
}

fn known(text: &Workflow, id: &str, others: &[Arc<Workflow>]) -> Result<(), Failure> {
    if has_step(text, id) {
        return Ok(());
    }
    let message = format!("the workflow `{}` has no step `{id}` to answer", text.name);
    let failure = Failure::new(Exit::Usage, "YZ0534", message);
    let names = text.steps.iter().map(|step| step.path().to_string());
    let names = names.chain(others.iter().map(|other| other.name.to_string()));
    let near = yizhan_workflow::problem::nearest(id, names);
    Err(near.iter().fold(failure, |failure, near| failure.help(format!("did you mean `{near}`?"))))
}

/// A value for each name that a child gives back.
fn output_of(workflow: &str, home: &Home) -> Value {
    let Some(read) = named(workflow, Some(home)).ok().and_then(|file| file.outcome.ok()) else {
        return Value::Null;
    };
    match &read.workflow.output {
        Some(Tree::Map(entries)) => {
            entries.iter().map(|(name, _)| (name.to_string(), json!(format!("‹{name}›")))).collect()
        }
        _ => Value::Null,
    }
}

fn said(rehearsal: &Rehearsal, text: &Workflow, context: &Context) -> String {
    let say = |zh: String, en: String| context.language.pick(zh, en);
    let zone = context.zone();
    let at = |at: Millis| instant(&json!({ "at": at.0 }), "at", &zone);
    let case = rehearsal.key.as_ref().map(|key| format!(" ({key})")).unwrap_or_default();
    let mut lines = vec![say(
        format!("试走《{}》{case}:什么都不会真的发生", text.title),
        format!("a walk through “{}”{case}: nothing is done", text.title),
    )];
    for told in &rehearsal.told {
        let round = if told.round > 1 {
            say(format!(" 第 {} 轮", told.round), format!(" round {}", told.round))
        } else {
            String::new()
        };
        // The file itself is no step.
        let place = told.place();
        let place = if place.is_empty() { place } else { format!("  [{place}]") };
        lines.push(format!("\n{}  {}{place}{round}", at(told.at), told.title));
        lines.extend(one(told, context, &at).iter().map(|line| format!("  {line}")));
    }
    let end = &rehearsal.end;
    if let Some(stopped) = &rehearsal.stopped {
        let zh = sort_word(stopped, Lang::Zh);
        lines.push(say(format!("\n到此为止:{zh}"), format!("\nno further: {stopped}")));
    } else {
        let outcome = end.outcome.as_deref().unwrap_or_default();
        lines.push(say(
            format!("\n{}  结束:{} {outcome}", at(end.at), state(end.state)),
            format!("\n{}  ends {} {outcome}", at(end.at), end.state),
        ));
        lines.extend(end.output.as_ref().map(|output| format!("  {}", value(output, 2))));
    }
    lines.join("\n")
}

fn state(word: &str) -> &str {
    match word {
        "done" => "完成",
        "failed" => "失败",
        "cancelled" => "取消",
        other => other,
    }
}

fn one(told: &Told, context: &Context, at: &dyn Fn(Millis) -> String) -> Vec<String> {
    let say = |zh: String, en: String| context.language.pick(zh, en);
    match &told.what {
        What::Call { action, with, undo } => {
            let head = match undo {
                true => say(format!("撤销:{action}"), format!("taken back with {action}")),
                false => say(format!("执行 {action}"), format!("does {action}")),
            };
            vec![head, format!("  {}", value(with, 4))]
        }
        What::Task { who, due, answer, given } => {
            let who = who.join(", ");
            let due = due
                .map(|due| say(format!(",期限 {}", at(due)), format!(", due {}", at(due))))
                .unwrap_or_default();
            let made_up =
                if *given { String::new() } else { say("(假设)".to_owned(), " (made up)".to_owned()) };
            vec![
                say(format!("待办给 {who}{due}"), format!("a task for {who}{due}")),
                say(
                    format!("答复{made_up}:{}", value(answer, 6)),
                    format!("answer{made_up}: {}", value(answer, 6)),
                ),
            ]
        }
        What::Child { workflow, with, output } => {
            let gives = output.as_ref().map(|output| value(output, 6));
            let gives = gives.map(|gives| say(format!("它的结果:{gives}"), format!("it gives: {gives}")));
            let starts = say(format!("另开流程 {workflow}"), format!("starts {workflow}"));
            [starts, format!("  {}", value(with, 4))].into_iter().chain(gives).collect()
        }
        What::Event { event } => vec![say(format!("等到了 {event}"), format!("{event} has come"))],
        What::Wait { until } => {
            vec![say(format!("等到 {}", at(*until)), format!("waits until {}", at(*until)))]
        }
        What::Skipped { when, names } => {
            let names: Vec<String> =
                names.iter().map(|(name, read)| format!("{name} = {}", value(read, 4))).collect();
            let names = names.join(", ");
            vec![say(format!("不做,因为 {when} 不成立({names})"), format!("skipped: not {when} ({names})"))]
        }
        What::Failed { code, message } => {
            let message = reason(code, message, context.language.lang());
            vec![say(format!("失败 {code}:{message}"), format!("fails with {code}: {message}"))]
        }
        What::Due { due } => vec![say(format!("期限 {}", at(*due)), format!("due {}", at(*due)))],
        What::Rung { on, rung, .. } => {
            vec![say(
                format!("到 {} 还没办完:{rung}", at(*on)),
                format!("at {}, if not over: {rung}", at(*on)),
            )]
        }
        What::Late => vec![say("逾期".to_owned(), "is late".to_owned())],
        What::Back { to } => vec![say(format!("退回到 {to}"), format!("back to {to}"))],
        What::Asked { question } => {
            vec![say(
                format!("请负责人决定(假设:失败):{question}"),
                format!("the owner is asked (made up: fail): {question}"),
            )]
        }
    }
}
