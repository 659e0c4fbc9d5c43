//! A restart while many runs stand in the middle of a step: until the first webhook is answered, until all of them go on,
//! and until every step that was cut is done.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use serde_json::json;
use yizhan_workflow::id::Millis;

use super::daemon::Daemon;
use super::place::Place;
use super::report::{ACCEPTED, COUNT, LIVE, Part, READY, RESIDENT, SECONDS, STORED};
use super::stored::{Case, Filling, HELD};
use super::webhook::{Sender, TAKES};
use super::{Ground, Problem, Report, say};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  yizhan bench recover\n  yizhan bench recover --runs 1000000 --json")]
pub(crate) struct Args {
    /// Runs that stand in a step when the daemon starts
    #[arg(long, default_value_t = 100_000)]
    runs: u64,
    /// Steps that each of them has done before
    #[arg(long, default_value_t = 5)]
    steps: usize,
}

const AT_ONCE: usize = 512;
/// They go on within this, or never.
const GO_ON: Duration = Duration::from_secs(600);

fn text(steps: usize) -> String {
    let mut text = "title = \"open\"\n[input]\nwho = { type = \"text\" }\n".to_owned();
    for step in 0..steps {
        text.push_str(&format!(
            "[step.s{step}]\nuse = \"echo.echo\"\nwith.text = \"{{{{ input.who }}}} in step {step}\"\n"
        ));
    }
    text.push_str(&format!("[step.{HELD}]\nuse = \"echo.echo\"\nwith.text = \"{{{{ input.who }}}}\"\n"));
    text
}

pub(crate) async fn run(args: &Args, ground: &Ground) -> Result<Report, Problem> {
    let mut report = Report::new("recover", json!({ "runs": args.runs, "steps": args.steps }));
    let place = Place::make(&ground.dir, "")?;
    place.workflow("open", &text(args.steps))?;
    place.workflow("bench", TAKES)?;
    let began = Instant::now();
    fill(&place, args.runs).await?;
    let filled =
        Part::new("stored").with(COUNT, args.runs as f64).with(SECONDS, began.elapsed().as_secs_f64());
    report.parts.push(filled.with(STORED, place.stored()));
    let mut daemon = Daemon::start(&place, ground)?;
    accept(&daemon).await?;
    let accepted = daemon.began.elapsed();
    let ready = daemon.ready().await?;
    let all = args.runs as f64 + 1.0;
    while daemon.done().await? < all {
        if daemon.began.elapsed() > GO_ON {
            return Err("some runs did not go on".into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let live = daemon.began.elapsed();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let part = Part::new("restart").with(READY, ms(ready)).with(ACCEPTED, ms(accepted)).with(LIVE, ms(live));
    report.parts.push(part.with(RESIDENT, daemon.resident().0));
    daemon.stop()?;
    Ok(report)
}

/// Delivers until it is accepted. The socket is there long before; who sends then waits in the kernel's queue.
async fn accept(daemon: &Daemon) -> Result<(), Problem> {
    let delivery = Sender::to("bench")?.delivery("first")?;
    let mut answer = "no line to the daemon".to_owned();
    while daemon.began.elapsed() < GO_ON {
        match daemon.line().await {
            Ok(mut line) => match line.ask(&delivery).await {
                Ok(reply) if (200..300).contains(&reply.status) => return Ok(()),
                Ok(reply) => answer = reply.status.to_string(),
                Err(error) => answer = error.to_string(),
            },
            Err(error) => answer = error.to_string(),
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Err(format!("the first delivery was not accepted: {answer}").into())
}

async fn fill(place: &Place, runs: u64) -> Result<(), Problem> {
    let filling = Filling::begin(place, Millis(jiff::Timestamp::now().as_millisecond())).await?;
    let case = |i: u64| {
        let input = json!({ "who": format!("case {i}") }).to_string();
        Case { workflow: "open".to_owned(), input, by: "operator".to_owned(), firing: None }
    };
    for first in (0..runs).step_by(AT_ONCE) {
        say(&format!("stored: {first}"));
        try_join_all((first..runs.min(first + AT_ONCE as u64)).map(|i| filling.start(case(i)))).await?;
    }
    filling.close().await
}
