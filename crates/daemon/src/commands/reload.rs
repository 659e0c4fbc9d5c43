//! `yizhan reload`: reads workflows, people and tables again, now.

use super::Context;
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  yizhan reload")]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args, context: &Context) -> Result<Exit, Failure> {
    let answer = context.client()?.post("/api/v1/reload").send()?;
    let faults: Vec<&str> =
        answer["faults"].as_array().into_iter().flatten().filter_map(|fault| fault.as_str()).collect();
    context.answer(&answer, |answer| {
        let loaded = answer["loaded"].as_array().map_or(0, Vec::len);
        let said =
            context.language.pick(format!("{loaded} 个流程有效"), format!("{loaded} workflows in force"));
        faults.iter().copied().chain([said.as_str()]).collect::<Vec<_>>().join("\n")
    });
    Ok(if faults.is_empty() { Exit::Ok } else { Exit::Faults })
}
