//! `yizhan doctor`: looks for what is wrong with this home, its store and its daemon.

use super::Context;
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  yizhan doctor")]
pub(crate) struct Args {}
pub(crate) fn run(_: &Args, _: &Context) -> Result<Exit, Failure> {
    Ok(Exit::Ok)
}
