//! The log: coloured on a terminal, short lines with a level for the journal, JSON where it was asked for. Its last
//! lines are kept for the pages.

mod kept;

use std::fmt;
use std::io::IsTerminal as _;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, layer};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

pub(crate) use self::kept::lines;
use crate::config::{Log, LogFormat};
use crate::exit::{Exit, Failure};

pub(crate) fn start(settings: &Log, asked: Option<LogFormat>) -> Result<(), Failure> {
    // The doorbell tells of each of its jobs, which are none of ours to read; the mail line would tell passwords.
    let filter = EnvFilter::try_new(format!("tokio_cron_scheduler=warn,{},async_imap=off", settings.level))
        .map_err(|error| {
        Failure::new(Exit::Failed, "YZ0522", format!("log.level = \"{}\": {error}", settings.level))
    })?;
    let terminal = std::io::stderr().is_terminal();
    let format = match asked.unwrap_or(settings.format) {
        LogFormat::Auto if terminal => LogFormat::Pretty,
        LogFormat::Auto => LogFormat::Journal,
        said @ (LogFormat::Pretty | LogFormat::Journal | LogFormat::Json) => said,
    };
    let (log, lines) = (tracing_subscriber::registry().with(filter), layer().with_writer(std::io::stderr));
    match format {
        LogFormat::Pretty => log.with(lines.with_ansi(terminal).with_target(false)).with(kept::Keeper).init(),
        LogFormat::Json => log.with(lines.json().flatten_event(true)).with(kept::Keeper).init(),
        LogFormat::Journal | LogFormat::Auto => {
            log.with(lines.event_format(ForTheJournal)).with(kept::Keeper).init();
        }
    }
    Ok(())
}

/// The journal has the time already and takes the level from `<4>` at the line's start.
struct ForTheJournal;

impl<S, N> FormatEvent<S, N> for ForTheJournal
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut to: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let priority = match *event.metadata().level() {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            Level::DEBUG | Level::TRACE => 7,
        };
        // A line of its own for each line of the event, or the rest of it would have no level.
        let mut text = String::new();
        context.format_fields(Writer::new(&mut text), event)?;
        for line in text.trim_end().lines() {
            writeln!(to, "<{priority}>{line}")?;
        }
        Ok(())
    }
}
