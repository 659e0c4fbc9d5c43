//! `yizhan trigger …`: what starts workflows, and pausing it.

use serde_json::{Value, json};

use super::Context;
use crate::client::{Client, escaped, query};
use crate::exit::{Exit, Failure};
use crate::show::{instant, table, text};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Action {
    /// List what starts workflows, and what of it is paused
    #[command(after_help = "Examples:\n  yizhan trigger list\n  yizhan trigger list retention --json")]
    List {
        /// Only those of this workflow
        workflow: Option<String>,
    },
    /// Have a trigger start nothing until it is resumed
    #[command(
        after_help = "Examples:\n  yizhan trigger pause retention daily --reason 系统割接\n  yizhan trigger pause returns --reason 盘点 --by person:li.na"
    )]
    Pause {
        #[command(flatten)]
        which: Which,
        /// Why; whoever looks at the trigger sees it
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Have a paused trigger go on: what was missed is made up for as its file says
    #[command(after_help = "Example:\n  yizhan trigger resume retention daily")]
    Resume(Which),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Which {
    /// The workflow's name
    workflow: String,
    /// The trigger's name; without it all triggers of the workflow
    trigger: Option<String>,
    /// Who acts, as `person:li.na`; else whoever owns the daemon's socket
    #[arg(long, value_name = "WHO")]
    by: Option<String>,
}

pub(crate) fn run(action: &Action, context: &Context) -> Result<Exit, Failure> {
    let client = context.client()?;
    match action {
        Action::List { workflow } => {
            let answer = listed(&client, workflow.as_deref())?;
            context.answer(&answer, |answer| shown(answer, context));
            Ok(Exit::Ok)
        }
        Action::Pause { which, reason } => {
            let body = json!({ "reason": reason, "by": which.by });
            done(context, &client, (which, "pause"), &body, ("已暂停", "is paused"))
        }
        Action::Resume(which) => {
            let body = json!({ "by": which.by });
            done(context, &client, (which, "resume"), &body, ("已恢复", "goes on"))
        }
    }
}

fn listed(client: &Client, workflow: Option<&str>) -> Result<Value, Failure> {
    client.get(format!("/api/v1/triggers{}", query(&[("workflow", workflow)]))).send()
}

/// To the one that is named; else to all of the workflow that do not stand so already.
fn done(
    context: &Context,
    client: &Client,
    (which, act): (&Which, &str),
    body: &Value,
    said: (&str, &str),
) -> Result<Exit, Failure> {
    let triggers = match &which.trigger {
        Some(trigger) => vec![trigger.clone()],
        None => {
            let all = listed(client, Some(&which.workflow))?;
            let all = all["items"].as_array().cloned().unwrap_or_default();
            let others = all.iter().filter(|one| one["paused"].is_object() == (act == "resume"));
            others.map(|one| text(one, "trigger")).collect()
        }
    };
    let mut answers = vec![];
    for trigger in &triggers {
        let path = format!("/api/v1/triggers/{}/{}/{act}", escaped(&which.workflow), escaped(trigger));
        answers.push(client.post(path).json(body).send()?);
    }
    context.answer(&json!({ "items": answers }), |_| {
        let name = |trigger: &String| {
            let said = context.language.pick(said.0, said.1);
            format!("{}/{trigger} {said}", which.workflow)
        };
        let all: Vec<String> = triggers.iter().map(name).collect();
        if all.is_empty() {
            return context.language.pick("没有什么要改", "there is nothing to change").to_owned();
        }
        all.join("\n")
    });
    Ok(Exit::Ok)
}

fn shown(answer: &Value, context: &Context) -> String {
    let (zone, language) = (context.zone(), context.language);
    let row = |one: &Value| {
        let next = one["next"].get(0).or_else(|| one["gathers"].get(0));
        let next = next.map_or_else(String::new, |at| instant(&json!({ "at": at }), "at", &zone));
        let pause = &one["paused"];
        let paused = if pause.is_object() {
            let (by, since, reason) =
                (text(pause, "by"), instant(pause, "since", &zone), text(pause, "reason"));
            language.pick(
                format!("{by} 自 {since} 起暂停:{reason}"),
                format!("paused by {by} since {since}: {reason}"),
            )
        } else {
            next
        };
        vec![text(one, "workflow"), text(one, "trigger"), text(one, "kind"), paused]
    };
    let rows: Vec<Vec<String>> = answer["items"].as_array().into_iter().flatten().map(row).collect();
    if rows.is_empty() {
        return language.pick("没有触发器", "there are no triggers").to_owned();
    }
    let head = language.pick(["流程", "触发器", "类型", "下一次"], ["WORKFLOW", "TRIGGER", "KIND", "NEXT"]);
    table(&head, &rows)
}
