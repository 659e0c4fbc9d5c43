//! `yizhan cancel RUN`: ends a run and takes back what its workflow says can be taken back.

use serde_json::json;

use super::Context;
use crate::client::escaped;
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  yizhan cancel 01hsk3 --reason '客户撤回申请'")]
pub(crate) struct Args {
    /// The run, or a beginning of its id
    run: String,
    /// Kept in the journal
    #[arg(long)]
    reason: Option<String>,
    /// On whose behalf
    #[arg(long, value_name = "WHO")]
    by: Option<String>,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let body = json!({ "reason": args.reason, "by": args.by });
    let answer =
        context.client()?.post(format!("/api/v1/runs/{}/cancel", escaped(&args.run))).json(&body).send()?;
    context.answer(&answer, |_| context.language.pick("已取消", "cancelled").to_owned());
    Ok(Exit::Ok)
}
