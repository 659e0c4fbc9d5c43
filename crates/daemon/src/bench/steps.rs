//! Many runs at once, each a chain of no-op plugin steps: as soon as one is over the next begins.

use std::time::Duration;

use serde_json::json;
use yizhan_plugin_host::Isolation;

use super::engine::{Drive, driven};
use super::report::{BEYOND, P50, Part, THROUGHPUT};
use super::{Ground, Problem, Report, disk_commit};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  yizhan bench steps\n  yizhan bench steps --fsync-delay 2ms --json\n  yizhan bench steps --runs 1\n  yizhan bench steps --stored 1000000 --carrier in-process\n\nThe store lies in the current folder while it runs; use one on the disk that you mean."
)]
pub(crate) struct Args {
    /// Runs at once
    #[arg(long, default_value_t = 256)]
    runs: usize,
    /// Steps of each run
    #[arg(long, default_value_t = 10)]
    steps: usize,
    /// Seconds for each carrier
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Runs that are in the store before, each of one step
    #[arg(long, default_value_t = 0)]
    stored: u64,
    /// One carrier only
    #[arg(long, value_parser = ["process", "in-process"])]
    carrier: Option<String>,
}

/// A chain like a real one: each step reads the one before, decides whether it is taken, and renders two texts.
fn text(steps: usize) -> String {
    let mut text = "title = \"bench\"\n[input]\nwho = { type = \"text\" }\n".to_owned();
    for step in 0..steps {
        let before = match step {
            0 => "{{ input.who }}".to_owned(),
            _ => format!("{{{{ step.s{}.text }}}}", step - 1),
        };
        text.push_str(&format!(
            "[step.s{step}]\nuse = \"echo.echo\"\nwhen = \"input.who != 'nobody'\"\nwith.text = \"{before}\"\n\
             with.said = \"{{{{ input.who }}}}, this is step {step} of a chain whose input is some two hundred bytes, as that of \
             a real step would be\"\n"
        ));
    }
    text
}

pub(crate) async fn run(args: &Args, ground: &Ground) -> Result<Report, Problem> {
    let settings =
        json!({ "runs": args.runs, "steps": args.steps, "seconds": args.seconds, "stored": args.stored });
    let drive = Drive {
        text: text(args.steps),
        input: r#"{"who":"world"}"#.to_owned(),
        runs: args.runs,
        time: Duration::from_secs(args.seconds),
        stored: args.stored,
    };
    let mut report = on_carriers("steps", settings, (&drive, args.carrier.as_deref()), ground).await?;
    if args.runs == 1 {
        // Nobody else is under way: what a step takes beside the commit that its result waits for is ours.
        let disk = disk_commit(&ground.dir)? + ground.disk.fsync_delay;
        for part in &mut report.parts {
            let run = part.get(P50).unwrap_or(0.0) * 1e3;
            let each = run / (args.steps + 1) as f64 - disk.as_secs_f64() * 1e6;
            *part = part.clone().with(BEYOND, each);
        }
    }
    Ok(report)
}

/// The same on one carrier after the other, or on the only one that is wanted.
pub(crate) async fn on_carriers(
    workload: &'static str,
    settings: serde_json::Value,
    (drive, only): (&Drive, Option<&str>),
    ground: &Ground,
) -> Result<Report, Problem> {
    let mut report = Report::new(workload, settings);
    for (isolation, whole) in [(Isolation::InProcess, "throughput"), (Isolation::Process, "throughput_child")]
    {
        let mut throughput = None;
        if only.is_none_or(|only| only == isolation.name()) {
            let part: Part = driven(drive, isolation, ground).await?;
            throughput = part.get(THROUGHPUT);
            report.parts.push(part);
        }
        report.whole.insert(whole.to_owned(), json!(throughput));
    }
    Ok(report)
}
