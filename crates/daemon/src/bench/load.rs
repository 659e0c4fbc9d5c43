//! Very many workflow files: how long a start takes with them, and how long until all of them are read again.

use std::time::Instant;

use serde_json::{Value, json};

use super::daemon::Daemon;
use super::http::{get, post};
use super::place::Place;
use super::report::{COUNT, LOST, Part, READY, RESIDENT, SECONDS};
use super::{Ground, Problem, Report, say};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  yizhan bench load\n  yizhan bench load --files 100 --json")]
pub(crate) struct Args {
    /// Workflow files
    #[arg(long, default_value_t = 1_000)]
    files: usize,
}

/// Like those of an office: a form, a task with a due time, calls with what came before.
pub(crate) fn text(i: usize, version: usize) -> String {
    let mut text = format!(
        "title = \"Process {i}, version {version}\"\nkey = \"{{{{ input.number }}}}\"\n[input]\nnumber = {{ label = \"Number\", type = \"text\" }}\n\
         amount = {{ label = \"Amount\", type = \"money\" }}\n[let]\nlarge = \"{{{{ input.amount > 1000 }}}}\"\n[trigger.order]\n\
         webhook = {{ signature = \"standard\", secret = \"bench\" }}\nwith.number = \"{{{{ trigger.body.number }}}}\"\nwith.amount = \"{{{{ trigger.body.amount }}}}\"\n\
         [step.sign]\ntitle = \"Sign {{{{ input.number }}}}\"\nwhen = \"large\"\nask = \"group:all\"\ndue = \"2 workdays\"\nform.ok = {{ label = \"OK\", type = \"yesno\" }}\n"
    );
    for step in 0..8 {
        text.push_str(&format!(
            "[step.s{step}]\ntitle = \"Step {step}\"\nuse = \"echo.echo\"\nwith.text = \"{{{{ input.number }}}} in step {step}\"\nwith.amount = \"{{{{ input.amount }}}}\"\n"
        ));
    }
    text
}

pub(crate) async fn run(args: &Args, ground: &Ground) -> Result<Report, Problem> {
    let mut report = Report::new("load", json!({ "files": args.files }));
    let place = Place::make(&ground.dir, "")?;
    write(&place, args.files, 1)?;
    for name in ["first start", "another start"] {
        say(name);
        let mut daemon = Daemon::start(&place, ground)?;
        let ready = daemon.ready().await?;
        let part = Part::new(name).with(COUNT, args.files as f64).with(READY, ready.as_secs_f64() * 1e3);
        let lost = args.files - in_force(&daemon, 1).await?;
        report.parts.push(part.with(LOST, lost as f64).with(RESIDENT, daemon.resident().0));
        daemon.stop()?;
    }
    let mut daemon = Daemon::start(&place, ground)?;
    daemon.ready().await?;
    write(&place, args.files, 2)?;
    let began = Instant::now();
    let reply = daemon.line().await?.ask(&post("/api/v1/reload", "", "")).await?;
    if reply.status != 200 {
        return Err(format!("the reload was answered {}", reply.status).into());
    }
    let took = began.elapsed();
    let lost = args.files - in_force(&daemon, 2).await?;
    let part = Part::new("all read again").with(COUNT, args.files as f64).with(SECONDS, took.as_secs_f64());
    report.parts.push(part.with(LOST, lost as f64).with(RESIDENT, daemon.resident().0));
    daemon.stop()?;
    Ok(report)
}

pub(crate) fn write(place: &Place, files: usize, version: usize) -> std::io::Result<()> {
    place.people("[person.a]\nname = \"A\"\n[group.all]\nmembers = [\"a\"]\n")?;
    (0..files).try_for_each(|i| place.workflow(&format!("process-{i:04}"), &text(i, version)))
}

/// How many workflows are in force in this version, without a fault.
async fn in_force(daemon: &Daemon, version: usize) -> Result<usize, Problem> {
    let (mut line, mut path, mut found) = (daemon.line().await?, "/api/v1/workflows?limit=500".to_owned(), 0);
    let title = format!("version {version}");
    loop {
        let listing: Value = serde_json::from_slice(&line.ask(&get(&path, None)).await?.body)?;
        let items = listing["items"].as_array().ok_or("the daemon does not list its workflows")?;
        let good = |item: &&Value| {
            item["faults"].as_array().is_none_or(Vec::is_empty)
                && item["title"].as_str().is_some_and(|said| said.ends_with(&title))
        };
        found += items.iter().filter(good).count();
        match listing["next"].as_str() {
            Some(next) => path = format!("/api/v1/workflows?limit=500&cursor={next}"),
            None => return Ok(found),
        }
    }
}
