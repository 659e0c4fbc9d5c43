//! `yizhan bench`: figures to size a machine with.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use yizhan_plugin_host::Isolation;
use yizhan_workflow::moment::Span;

use super::Context;
use crate::bench::{self, Figures, Load};
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Workload {
    /// Runs of no-op plugin steps, one after the other, many runs at once, on both carriers
    Steps(Steps),
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  yizhan bench steps\n  yizhan bench steps --fsync-delay 2ms --json\n\nThe store lies in the current folder while it runs; use one on the disk that you mean."
)]
pub(crate) struct Steps {
    /// Runs at once
    #[arg(long, default_value_t = 256)]
    runs: usize,
    /// Steps of each run
    #[arg(long, default_value_t = 10)]
    steps: usize,
    /// Seconds for each carrier
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// One carrier only
    #[arg(long, value_parser = ["process", "in-process"])]
    carrier: Option<String>,
    /// Let every commit take so much longer: an honest disk needs some 2ms
    #[arg(long, default_value = "0ms", value_parser = delay)]
    fsync_delay: Duration,
    /// Where the store lies while it runs
    #[arg(long, default_value = ".")]
    dir: PathBuf,
}

fn delay(text: &str) -> Result<Duration, String> {
    if let Some(ms) = text.strip_suffix("ms") {
        return ms.parse().map(Duration::from_millis).map_err(|_| format!("`{text}` is not a number of ms"));
    }
    let span = Span::parse(text).map_err(|fault| fault.to_string())?;
    Ok(Duration::from_millis(span.ms.unsigned_abs()))
}

pub(crate) fn run(workload: &Workload, context: &Context) -> Result<Exit, Failure> {
    let Workload::Steps(args) = workload;
    let failed = |error: bench::Problem| Failure::new(Exit::Failed, "YZ0530", error.to_string());
    let plugin = std::env::current_exe()?.with_file_name("libyizhan_plugin_echo.so");
    if !plugin.exists() {
        let message = format!("the plugin that the bench calls is not at {}", plugin.display());
        return Err(Failure::new(Exit::Failed, "YZ0530", message)
            .help("build the whole workspace: `cargo build --release`"));
    }
    let load = Load {
        runs: args.runs,
        steps: args.steps,
        time: Duration::from_secs(args.seconds),
        fsync_delay: args.fsync_delay,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let disk = bench::disk_commit(&args.dir)?;
    let mut measured = Vec::new();
    for isolation in [Isolation::InProcess, Isolation::Process] {
        if args.carrier.as_deref().is_none_or(|only| only == isolation.name()) {
            let told = |steps| say(isolation, steps);
            measured.push(
                runtime
                    .block_on(bench::run(&load, isolation, &args.dir, plugin.clone(), told))
                    .map_err(failed)?,
            );
        }
    }
    clear();
    let of = |isolation: Isolation| measured.iter().find(|figures| figures.carrier == isolation.name());
    let value = json!({
        "runs": args.runs, "steps": args.steps, "fsync_delay_ms": args.fsync_delay.as_secs_f64() * 1e3,
        "disk_commit_us": disk.as_secs_f64() * 1e6,
        "throughput": of(Isolation::InProcess).map(|figures| figures.throughput),
        "throughput_child": of(Isolation::Process).map(|figures| figures.throughput),
        "carriers": measured,
    });
    context.answer(&value, |_| table(args, disk, &measured));
    Ok(Exit::Ok)
}

fn table(args: &Steps, disk: Duration, measured: &[Figures]) -> String {
    let mut text = format!(
        "{} runs at once, {} steps each; a commit of one page on this disk: {:.0} us",
        args.runs,
        args.steps,
        disk.as_secs_f64() * 1e6
    );
    if !args.fsync_delay.is_zero() {
        text.push_str(&format!(", and {:.0} ms more", args.fsync_delay.as_secs_f64() * 1e3));
    }
    for f in measured {
        text.push_str(&format!(
            "\n\n{}\n  {:>10.0} steps/s\n  {:>10.1} ms a run at p50, {:.1} ms at p99\n  {:>10.0} commits/s of {:.0} changes, {:.0} us each\n  {:>10.1} us CPU per step, all processes\n  {:>10.0} bytes written per step",
            f.carrier, f.throughput, f.run_p50_ms, f.run_p99_ms, f.commits_per_s, f.changes_per_commit, f.commit_us, f.cpu_us_per_step, f.bytes_per_step
        ));
    }
    text
}

fn say(isolation: Isolation, steps: u64) {
    let mut out = std::io::stderr();
    if out.is_terminal() {
        drop(write!(out, "\r{}: {steps} steps", isolation.name()).and_then(|()| out.flush()));
    }
}

fn clear() {
    let mut out = std::io::stderr();
    if out.is_terminal() {
        drop(write!(out, "\r\x1b[K"));
    }
}
