//! `yizhan serve`: runs the daemon of this home.

use std::path::PathBuf;

use super::Context;
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  yizhan serve\n  yizhan serve --home /srv/yizhan --log-format json")]
pub(crate) struct Args {
    /// Other settings than those of the home
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}
pub(crate) fn run(_: &Args, _: &Context) -> Result<Exit, Failure> {
    Ok(Exit::Ok)
}
