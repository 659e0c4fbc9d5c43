//! `yizhan serve`: runs the daemon of this home, in the foreground.

use std::path::PathBuf;
use std::time::Duration;

use super::Context;
use crate::bench::{Disk, Synchronous};
use crate::config::LogFormat;
use crate::exit::{Exit, Failure};
use crate::{log, serve};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  yizhan serve\n  yizhan serve --home /srv/yizhan --log-format json\n\nCtrl-C or SIGTERM stops it: attempts may end for `drain`, the rest is handed out again after the next start.\nA second one does not wait. SIGHUP reads workflows, people and plugins again."
)]
pub(crate) struct Args {
    /// Other settings than those of the home
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Else as the settings say
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
    /// For a bench: every commit takes so much longer
    #[arg(long, hide = true, default_value = "0ms", value_parser = super::bench::delay)]
    fsync_delay: Duration,
    /// For a bench, and for a fault run that must find a loss
    #[arg(long, hide = true, value_enum, default_value = "full")]
    synchronous: Synchronous,
}

/// The loop, the writer and the plugins have threads of their own; what is left is HTTP and files.
const THREADS: usize = 2;

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let home = context.home()?;
    let config = home.config(args.config.as_deref())?;
    log::start(&config.log, args.log_format)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?;
    let disk = Disk { fsync_delay: args.fsync_delay, synchronous: args.synchronous };
    let ended = runtime.block_on(serve::serve(home, config, disk));
    // A thread that still reads a file must not hold up the end.
    runtime.shutdown_background();
    ended
}
