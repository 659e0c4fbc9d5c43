//! `yizhan bench`: figures to size a machine with.

use std::path::PathBuf;
use std::time::Duration;

use yizhan_workflow::moment::Span;

use super::Context;
use crate::bench::{self, Disk, Ground, Problem, Report};
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    workload: Workload,
    #[command(flatten)]
    disk: Disk,
    /// Where the store lies while it runs; it goes away again
    #[arg(long, global = true, default_value = ".")]
    dir: PathBuf,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Workload {
    /// Runs of no-op plugin steps, one after the other, many runs at once, on both carriers
    Steps(bench::steps::Args),
    /// Runs of one step that is done for each of a thousand, on both carriers
    Fanout(bench::fanout::Args),
    /// Signed webhooks over HTTP, each a run that is on disk before it is answered
    Webhook(bench::webhook::Args),
    /// Runs that sleep, and how late they wake
    Timers(bench::timers::Args),
    /// A restart with open runs, until each goes on
    Recover(bench::recover::Args),
    /// Lists and pages with many runs stored
    List(bench::list::Args),
    /// A start with many workflow files, and all of them read again
    Load(bench::load::Args),
    /// A daemon that has nothing to do
    Idle(bench::idle::Args),
}

pub(crate) fn delay(text: &str) -> Result<Duration, String> {
    if let Some(ms) = text.strip_suffix("ms") {
        return ms.parse().map(Duration::from_millis).map_err(|_| format!("`{text}` is not a number of ms"));
    }
    let span = Span::parse(text).map_err(|fault| fault.to_string())?;
    Ok(Duration::from_millis(span.ms.unsigned_abs()))
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let ground = Ground { dir: args.dir.clone(), disk: args.disk };
    let disk = bench::disk_commit(&ground.dir)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(measured(&args.workload, &ground));
    bench::say("");
    let report = report
        .map_err(|problem| Failure { code: None, ..Failure::new(Exit::Failed, "", problem.to_string()) })?;
    let value = report.json(disk, ground.disk);
    context.answer(&value, |_| report.table(disk, ground.disk, context.language));
    Ok(Exit::Ok)
}

async fn measured(workload: &Workload, ground: &Ground) -> Result<Report, Problem> {
    match workload {
        Workload::Steps(args) => bench::steps::run(args, ground).await,
        Workload::Fanout(args) => bench::fanout::run(args, ground).await,
        Workload::Webhook(args) => bench::webhook::run(args, ground).await,
        Workload::Timers(args) => bench::timers::run(args, ground).await,
        Workload::Recover(args) => bench::recover::run(args, ground).await,
        Workload::List(args) => bench::list::run(args, ground).await,
        Workload::Load(args) => bench::load::run(args, ground).await,
        Workload::Idle(args) => bench::idle::run(args, ground).await,
    }
}
