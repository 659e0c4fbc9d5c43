//! `yizhan retry RUN`: tries a run again, from the step that failed or from another.

use serde_json::json;

use super::Context;
use crate::client::escaped;
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  yizhan retry 01hsk3\n  yizhan retry 01hsk3 --from dispatch")]
pub(crate) struct Args {
    /// The run, or a beginning of its id
    run: String,
    /// From this step on, everything is done again
    #[arg(long, value_name = "STEP")]
    from: Option<String>,
    /// On whose behalf
    #[arg(long, value_name = "WHO")]
    by: Option<String>,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let body = json!({ "from": args.from, "by": args.by });
    let answer =
        context.client()?.post(format!("/api/v1/runs/{}/retry", escaped(&args.run))).json(&body).send()?;
    context.answer(&answer, |_| context.language.pick("已重新开始", "it is tried again").to_owned());
    Ok(Exit::Ok)
}
