//! `yizhan run WORKFLOW`: starts a run by hand, and waits for its end where asked to.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use yizhan_workflow::moment::Span;
use yizhan_workflow::problem::nearest;

use super::Context;
use super::fields::Fields;
use super::show::{ended, shown};
use crate::client::{Client, escaped};
use crate::exit::{Exit, Failure};
use crate::show::text;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  yizhan run hello --set name=李娜 --wait\n  yizhan run new-customer --input customer.json\n  yizhan run returns --input case.toml --file photo=damage.png --by person:li.na\n  echo '{\"name\": \"x\"}' | yizhan run hello --input - --wait --json"
)]
pub(crate) struct Args {
    /// The workflow's name: that of its file
    workflow: String,
    #[command(flatten)]
    fields: Fields,
    /// On whose behalf, as `person:li.na`
    #[arg(long, value_name = "WHO")]
    by: Option<String>,
    /// As if this trigger of the workflow had fired
    #[arg(long, value_name = "NAME")]
    trigger: Option<String>,
    /// Said twice with the same key, it starts one run
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Wait until the run is over
    #[arg(long)]
    wait: bool,
    /// Wait no longer than this (`30s`, `2h`)
    #[arg(long, value_name = "TIME", requires = "wait", value_parser = Span::parse)]
    most: Option<Span>,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let client = context.client()?;
    let mut body = Map::new();
    body.insert("input".to_owned(), Value::Object(args.fields.read(&client)?));
    for (name, value) in [("by", &args.by), ("trigger", &args.trigger)] {
        if let Some(value) = value {
            body.insert(name.to_owned(), json!(value));
        }
    }
    let mut ask =
        client.post(format!("/api/v1/workflows/{}/runs", escaped(&args.workflow))).json(&Value::Object(body));
    if let Some(key) = &args.idempotency_key {
        ask = ask.header("idempotency-key", key.clone());
    }
    let started = ask.send().map_err(|failure| with_nearest(failure, &client, &args.workflow, context))?;
    let id = text(&started, "id");
    if !args.wait || started["gathered"] == json!(true) {
        context.answer(&started, |started| said(started, context));
        return Ok(Exit::Ok);
    }
    if !context.json {
        context.say(&said(&started, context));
    }
    let run = wait_for(&client, &id, args.most, context)?;
    context.answer(&run, |run| shown(run, context));
    Ok(ended(&run))
}

/// A misspelt workflow, with the nearest that the caller may see.
fn with_nearest(mut failure: Failure, client: &Client, name: &str, context: &Context) -> Failure {
    if failure.code.as_deref() != Some("YZ0404") {
        return failure;
    }
    let Ok(known) = client.get("/api/v1/workflows").send() else { return failure };
    let names: Vec<String> =
        known["items"].as_array().into_iter().flatten().map(|one| text(one, "name")).collect();
    // Where the workflow is there, something else of it is not.
    if names.iter().any(|known| known == name) {
        return failure;
    }
    if let Some(near) = nearest(name, names) {
        let meant = context.language.pick(format!("是不是 `{near}`?"), format!("did you mean `{near}`?"));
        failure.details.push(meant);
    }
    failure
}

fn said(started: &Value, context: &Context) -> String {
    let id = text(started, "id");
    if started["gathered"] == json!(true) {
        return context
            .language
            .pick("已攒下,到时一起开始", "gathered: it starts with others at the next slot")
            .to_owned();
    }
    let mut lines = vec![if started["joined"] == json!(true) {
        context
            .language
            .pick(format!("{id} 已并入同一案件的运行"), format!("{id} took it in: it is the same case"))
    } else {
        id
    }];
    for field in started["dropped"].as_array().into_iter().flatten() {
        let field = field.as_str().unwrap_or_default();
        lines.push(context.language.pick(format!("  没有用到:{field}"), format!("  not asked for: {field}")));
    }
    lines.join("\n")
}

/// Asks again and again, each time for as long as the daemon answers slowly, until the run is over or the time is.
pub(crate) fn wait_for(
    client: &Client,
    run: &str,
    most: Option<Span>,
    context: &Context,
) -> Result<Value, Failure> {
    let end = most.map(|most| Instant::now() + Duration::from_millis(most.ms.unsigned_abs()));
    let progress = std::io::stderr().is_terminal() && !context.json;
    loop {
        let left = end.map_or(25, |end| end.saturating_duration_since(Instant::now()).as_secs().min(25));
        // On a terminal somebody looks on: the line is renewed more often.
        let seconds = if progress { left.min(2) } else { left };
        let view = client.get(format!("/api/v1/runs/{}/wait?seconds={seconds}", escaped(run))).send()?;
        let over = matches!(view["state"].as_str(), Some("done" | "failed" | "cancelled"));
        if progress {
            show_progress(&view, over);
        }
        if over || end.is_some_and(|end| Instant::now() >= end) {
            return Ok(view);
        }
    }
}

fn show_progress(view: &Value, over: bool) {
    let steps = view["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    let done = steps.iter().filter(|step| matches!(step["state"].as_str(), Some("done" | "skipped"))).count();
    let now =
        steps.iter().find(|step| matches!(step["state"].as_str(), Some("open" | "running" | "resting")));
    let now = now.map(|step| text(step, "id")).unwrap_or_default();
    let line = if over { String::new() } else { format!("{done}/{} {now}", steps.len()) };
    let mut out = std::io::stderr().lock();
    // The line is decoration: where it cannot be written, nothing is lost.
    drop(write!(out, "\r\x1b[2K{line}").and_then(|()| out.flush()));
}
