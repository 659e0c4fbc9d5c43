//! `yizhan runs`: lists runs, the newest first.

use serde_json::Value;

use super::Context;
use super::looks::Looks;
use super::paging::{Paging, more};
use crate::exit::{Exit, Failure};
use crate::show::{due, instant, table, text};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  yizhan runs --open\n  yizhan runs --workflow fault-dispatch --state failed --json"
)]
pub(crate) struct Args {
    /// Only those of this workflow
    #[arg(long, value_name = "NAME")]
    workflow: Option<String>,
    /// open, closing, done, failed, cancelled
    #[arg(long)]
    state: Option<String>,
    /// Only those in whose key, workflow or task titles each of these words is found
    #[arg(long, value_name = "WORDS")]
    text: Option<String>,
    /// Only those of this case
    #[arg(long)]
    key: Option<String>,
    /// Only those that wait for this: step, child, unknown, task, slot, event, time
    #[arg(long, value_name = "WHAT")]
    waits: Option<String>,
    /// Only those that are not over
    #[arg(long)]
    open: bool,
    /// Only those that are not over by their due time, or were late when they ended
    #[arg(long)]
    late: bool,
    #[command(flatten)]
    looks: Looks,
    #[command(flatten)]
    page: Paging,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let [by, private] = args.looks.asked();
    let query = args.page.query(&[
        by,
        private,
        ("workflow", args.workflow.as_deref()),
        ("state", args.state.as_deref()),
        ("text", args.text.as_deref()),
        ("key", args.key.as_deref()),
        ("waits", args.waits.as_deref()),
        ("open", args.open.then_some("true")),
        ("late", args.late.then_some("true")),
    ]);
    let list = context.client()?.get(format!("/api/v1/runs{query}")).send()?;
    context.answer(&list, |list| shown(list, context));
    Ok(Exit::Ok)
}

fn shown(list: &Value, context: &Context) -> String {
    let zone = context.zone();
    let rows: Vec<Vec<String>> = list["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|run| {
            let waits = text(run, "waits");
            let state = text(run, "state");
            let state = if waits.is_empty() { state } else { format!("{state} ({waits})") };
            vec![
                text(run, "id"),
                text(run, "workflow"),
                state,
                instant(run, "started", &zone),
                due(run, &zone, context.language),
                text(run, "key"),
            ]
        })
        .collect();
    if rows.is_empty() {
        return context.language.pick("没有运行", "no runs").to_owned();
    }
    let head = context.language.pick(
        ["运行", "流程", "状态", "开始", "期限", "案件"],
        ["RUN", "WORKFLOW", "STATE", "STARTED", "DUE", "CASE"],
    );
    table(&head, &rows) + more(list, context.language)
}
