//! `yizhan query …`: figures of runs and tasks, as `query.runs` and `query.tasks` give them to a workflow.

use serde_json::json;

use super::Context;
use super::asked::{Asked, shown};
use crate::exit::{Exit, Failure};

pub(crate) const HELP: &str = "Examples:
  yizhan query runs --period \"this month\" --by workflow --show n=count --show timely=share(in_time)
  yizhan query tasks --period today --by name --show done=count(finished) --show hours=mean(hours)
  yizhan query tasks --where late_now:=true --order due";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(value_enum)]
    what: What,
    #[command(flatten)]
    asked: Asked,
    /// The period is about when they ended, not when they began
    #[arg(long)]
    ended: bool,
    /// By whose working hours `workhours` are counted; without it the house's
    #[arg(long, value_name = "NAME")]
    calendar: Option<String>,
}

/// What is asked about
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum What {
    Runs,
    Tasks,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let mut with = args.asked.with()?;
    if args.ended {
        with["period_of"] = json!("ended");
    }
    if let Some(calendar) = &args.calendar {
        with["calendar"] = json!(calendar);
    }
    let path = match args.what {
        What::Runs => "/api/v1/query/runs",
        What::Tasks => "/api/v1/query/tasks",
    };
    let answer = context.client()?.post(path).json(&with).send()?;
    context.answer(&answer, |answer| {
        shown(answer, context.language.pick("没有符合的", "nothing fits"), context)
    });
    Ok(Exit::Ok)
}
