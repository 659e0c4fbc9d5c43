//! `yizhan explain CODE`: the page behind a code.

use yizhan_workflow::problem::{codes, explain, nearest};

use super::Context;
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  yizhan explain YZ0101\n  yizhan explain            (lists the codes)")]
pub(crate) struct Args {
    /// As it stands behind `error[…]`
    code: Option<String>,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let Some(code) = &args.code else {
        context.answer(&codes().into(), |_| codes().join("\n"));
        return Ok(Exit::Ok);
    };
    match explain(code, context.language.lang()) {
        Some(page) => {
            context.answer(&serde_json::json!({ "code": code.to_ascii_uppercase(), "page": page }), |_| {
                page.clone()
            });
            Ok(Exit::Ok)
        }
        None => {
            let unknown = Failure::new(Exit::Faults, "YZ0535", format!("no code is called `{code}`"));
            Err(match nearest(&code.to_ascii_uppercase(), codes()) {
                Some(meant) => unknown.help(format!("did you mean `{meant}`?")),
                None => unknown.help("`yizhan explain` lists them; a code with a dot is a plugin's own"),
            })
        }
    }
}
