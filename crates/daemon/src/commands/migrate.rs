//! `yizhan migrate RUN…`: lets open runs go on under another text of their workflow.

use serde_json::{Value, json};

use super::Context;
use crate::client::escaped;
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  yizhan migrate 01hsk3 --dry-run\n  yizhan migrate 01hsk3 01hsk9 --to latest"
)]
pub(crate) struct Args {
    /// The runs, or beginnings of their ids
    #[arg(required = true)]
    runs: Vec<String>,
    /// The text: its hash, or the one in force
    #[arg(long, value_name = "HASH", default_value = "latest")]
    to: String,
    /// Says what would come of it and changes nothing
    #[arg(long)]
    dry_run: bool,
    /// On whose behalf
    #[arg(long, value_name = "WHO")]
    by: Option<String>,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let client = context.client()?;
    let body = json!({ "to": args.to, "dry_run": args.dry_run, "by": args.by });
    let mut all = Vec::with_capacity(args.runs.len());
    for run in &args.runs {
        all.push(client.post(format!("/api/v1/runs/{}/migrate", escaped(run))).json(&body).send()?);
    }
    let stays = all.iter().any(|one| one["in_the_way"].as_array().is_some_and(|why| !why.is_empty()));
    let answer = json!({ "items": all });
    context.answer(&answer, |answer| {
        let items = answer["items"].as_array().into_iter().flatten();
        items.map(|one| sentence(one, context)).collect::<Vec<_>>().join("\n")
    });
    Ok(if stays { Exit::Refused } else { Exit::Ok })
}

fn sentence(one: &Value, context: &Context) -> String {
    let id = one["id"].as_str().unwrap_or_default();
    let why: Vec<&str> =
        one["in_the_way"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let said = if !why.is_empty() {
        let head = context.language.pick("不能换用新文本:", "cannot take the other text:");
        return format!("{id}  {head}\n  {}", why.join("\n  "));
    } else if one["same"] == true {
        context.language.pick("已经是这个文本", "has this text already")
    } else if one["done"] == true {
        context.language.pick("已换用新文本", "goes on under the other text")
    } else {
        context.language.pick("可以换用新文本", "can take the other text")
    };
    format!("{id}  {said}")
}
