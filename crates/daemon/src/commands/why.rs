//! `yizhan why RUN`: says in a sentence what a run waits for.

use serde_json::Value;

use super::Context;
use super::looks::Looks;
use crate::client::escaped;
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  yizhan why 01hsk3")]
pub(crate) struct Args {
    /// The run, or a beginning of its id
    run: String,
    #[command(flatten)]
    looks: Looks,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let asked = args.looks.query(&[("lang", Some(context.language.tag()))]);
    let path = format!("/api/v1/runs/{}/why{asked}", escaped(&args.run));
    let why = context.client()?.get(path).send()?;
    context.answer(&why, sentences);
    Ok(Exit::Ok)
}

fn sentences(why: &Value) -> String {
    let all = ["sentences", "sentence"].iter().find_map(|key| why.get(key));
    match all {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n"),
        Some(Value::String(one)) => one.clone(),
        _ => why.to_string(),
    }
}
