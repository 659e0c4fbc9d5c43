//! A daemon with workflows in force and nothing to do: what it takes all the same.

use std::time::{Duration, Instant};

use serde_json::json;

use super::daemon::Daemon;
use super::load::write;
use super::place::Place;
use super::report::{BYTES, CHILDREN, CPU_SHARE, Part, READY, RESIDENT, WAKEUPS};
use super::{Ground, Problem, Report};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  yizhan bench idle\n  yizhan bench idle --files 0 --seconds 60 --json")]
pub(crate) struct Args {
    /// Workflow files in force
    #[arg(long, default_value_t = 100)]
    files: usize,
    /// How long it is looked at
    #[arg(long, default_value_t = 20)]
    seconds: u64,
}

/// What a start leaves to be done is done by then.
const SETTLED: Duration = Duration::from_secs(2);

pub(crate) async fn run(args: &Args, ground: &Ground) -> Result<Report, Problem> {
    let mut report = Report::new("idle", json!({ "files": args.files, "seconds": args.seconds }));
    let place = Place::make(&ground.dir, "")?;
    write(&place, args.files, 1)?;
    let mut daemon = Daemon::start(&place, ground)?;
    let ready = daemon.ready().await?;
    tokio::time::sleep(SETTLED).await;
    let (before, began) = (daemon.used(), Instant::now());
    tokio::time::sleep(Duration::from_secs(args.seconds)).await;
    let (after, seconds) = (daemon.used(), began.elapsed().as_secs_f64());
    let (own, children) = daemon.resident();
    let part = Part::new("idle")
        .with(READY, ready.as_secs_f64() * 1e3)
        .with(RESIDENT, own)
        .with(CHILDREN, children)
        .with(CPU_SHARE, (after.cpu - before.cpu).as_secs_f64() * 1e3 / seconds)
        .with(WAKEUPS, (after.wakeups - before.wakeups) as f64 / seconds)
        .with(BYTES, (after.bytes - before.bytes) as f64);
    report.parts.push(part);
    daemon.stop()?;
    Ok(report)
}
