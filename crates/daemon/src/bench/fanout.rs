//! Runs whose one step is done for each of many: how fast elements go through, and how long a whole fan-out takes.

use std::time::Duration;

use serde_json::json;

use super::engine::Drive;
use super::steps::on_carriers;
use super::{Ground, Problem, Report};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  yizhan bench fanout\n  yizhan bench fanout --each 10000 --runs 1 --json"
)]
pub(crate) struct Args {
    /// Runs at once
    #[arg(long, default_value_t = 4)]
    runs: usize,
    /// Elements of each run
    #[arg(long, default_value_t = 1_000)]
    each: usize,
    /// Of one run so many are under way at once
    #[arg(long, default_value_t = 64)]
    at_once: usize,
    /// Seconds for each carrier
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// One carrier only
    #[arg(long, value_parser = ["process", "in-process"])]
    carrier: Option<String>,
}

pub(crate) async fn run(args: &Args, ground: &Ground) -> Result<Report, Problem> {
    let settings =
        json!({ "runs": args.runs, "each": args.each, "at_once": args.at_once, "seconds": args.seconds });
    let text = format!(
        "title = \"bench\"\n[step.each]\nuse = \"echo.echo\"\neach = \"{{{{ range(1, {}) }}}}\"\nat_once = {}\n\
         with.text = \"{{{{ item }}}}\"\nwith.said = \"This is element {{{{ item }}}} of many\"\n",
        args.each + 1,
        args.at_once
    );
    let time = Duration::from_secs(args.seconds);
    let drive = Drive { text, input: "{}".to_owned(), runs: args.runs, time, stored: 0 };
    on_carriers("fanout", settings, (&drive, args.carrier.as_deref()), ground).await
}
