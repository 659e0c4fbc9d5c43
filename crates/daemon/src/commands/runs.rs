//! `yizhan runs`: lists runs, the newest first.

use serde_json::Value;

use super::Context;
use crate::client::query;
use crate::exit::{Exit, Failure};
use crate::show::{instant, table, text};

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
    /// Only those of this case
    #[arg(long)]
    key: Option<String>,
    /// Only those that are not over
    #[arg(long)]
    open: bool,
    /// So many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    /// Where an earlier list ended (`next` of its JSON)
    #[arg(long)]
    cursor: Option<String>,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let limit = args.limit.to_string();
    let query = query(&[
        ("workflow", args.workflow.as_deref()),
        ("state", args.state.as_deref()),
        ("key", args.key.as_deref()),
        ("open", args.open.then_some("true")),
        ("limit", Some(&limit)),
        ("cursor", args.cursor.as_deref()),
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
                text(run, "key"),
            ]
        })
        .collect();
    if rows.is_empty() {
        return context.language.pick("没有运行", "no runs").to_owned();
    }
    let head = context
        .language
        .pick(["运行", "流程", "状态", "开始", "案件"], ["RUN", "WORKFLOW", "STATE", "STARTED", "CASE"]);
    let mut text = table(&head, &rows);
    if list["next"].is_string() {
        text.push_str(
            context.language.pick("(还有更多:--limit、--cursor)", "(there are more: --limit, --cursor)"),
        );
    }
    text
}
