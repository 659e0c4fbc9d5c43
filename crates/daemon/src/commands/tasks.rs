//! `yizhan tasks`: lists open tasks, what is late first.

use serde_json::Value;

use super::Context;
use super::looks::Looks;
use super::paging::{Paging, more};
use crate::exit::{Exit, Failure};
use crate::show::{due, list, table, text};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  yizhan tasks\n  yizhan tasks --who person:li.na\n  yizhan tasks --late\n  yizhan tasks --run 01hsk3 --json"
)]
pub(crate) struct Args {
    /// Only those that this person, group or role may take
    #[arg(long, value_name = "WHO")]
    who: Option<String>,
    /// Only those of this run
    #[arg(long)]
    run: Option<String>,
    /// Only those that are late
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
        ("who", args.who.as_deref()),
        ("run", args.run.as_deref()),
        ("late", args.late.then_some("true")),
    ]);
    let found = context.client()?.get(format!("/api/v1/tasks{query}")).send()?;
    context.answer(&found, |found| shown(found, context));
    Ok(Exit::Ok)
}

fn shown(found: &Value, context: &Context) -> String {
    let zone = context.zone();
    let rows: Vec<Vec<String>> = found["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|task| {
            let who = list(&task["who"], "、");
            let claimed = text(task, "claimed_by");
            let who = if claimed.is_empty() { who } else { claimed };
            vec![
                text(task, "id"),
                who,
                due(task, &zone, context.language),
                text(task, "run"),
                text(task, "title"),
            ]
        })
        .collect();
    if rows.is_empty() {
        return context.language.pick("没有待办", "no open tasks").to_owned();
    }
    let head =
        context.language.pick(["待办", "谁", "期限", "运行", "标题"], ["TASK", "WHO", "DUE", "RUN", "TITLE"]);
    table(&head, &rows) + more(found, context.language)
}
