//! `yizhan completions SHELL`: prints completions.

use clap_complete::Shell;

use super::Context;
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  yizhan completions bash > ~/.local/share/bash-completion/completions/yizhan"
)]
pub(crate) struct Args {
    shell: Shell,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut crate::cli::command(context.language), "yizhan", &mut text);
    context.say(&String::from_utf8_lossy(&text));
    Ok(Exit::Ok)
}
