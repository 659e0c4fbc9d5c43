//! The last lines of the log, kept in memory for those who administer the house and never see a terminal.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::FormatFields as _;
use tracing_subscriber::fmt::format::{DefaultFields, Writer};
use tracing_subscriber::layer::Context;
use yizhan_console::{LogLevel, LogLine};

/// Lines that are kept; the oldest leaves when there are more.
const LINES: usize = 2_000;
/// Bytes of a line. All of it is in the log itself.
const LONGEST: usize = 4 * 1024;

static KEPT: Kept = Kept(Mutex::new(VecDeque::new()));

struct Kept(Mutex<VecDeque<LogLine>>);

impl Kept {
    fn add(&self, line: LogLine) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// What was logged, the newest first.
pub(crate) fn lines() -> Vec<LogLine> {
    KEPT.0.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
}

/// Keeps what the log's own filter lets through: the very words that are written to it, so there is nothing in them that is
/// not in the log.
pub(super) struct Keeper;

impl<S: Subscriber> Layer<S> for Keeper {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = String::new();
        if DefaultFields::new().format_fields(Writer::new(&mut text), event).is_err() {
            return;
        }
        let metadata = event.metadata();
        let level = match *metadata.level() {
            Level::ERROR => LogLevel::Error,
            Level::WARN => LogLevel::Warn,
            Level::INFO => LogLevel::Info,
            Level::DEBUG | Level::TRACE => LogLevel::Debug,
        };
        text.truncate(text.floor_char_boundary(LONGEST));
        let of = metadata.target().to_owned();
        KEPT.add(LogLine { at: Timestamp::now().to_string(), level, of, text });
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn the_last_lines_are_kept_with_their_level_and_no_more_than_there_is_room_for() {
        let log = tracing_subscriber::registry().with(Keeper);
        tracing::subscriber::with_default(log, || {
            tracing::warn!(of = "disk", "a first one");
            for number in 0..LINES {
                tracing::info!(number, "{}", "长".repeat(if number == LINES - 1 { LONGEST } else { 1 }));
            }
        });
        let kept = lines();
        assert_eq!(kept.len(), LINES, "the first one left");
        assert!(kept.iter().all(|line| line.level == LogLevel::Info));
        assert!(kept[0].text.len() <= LONGEST && kept[0].text.starts_with("长长"), "the newest first");
        assert!(kept[1].text.contains("number="), "{}", kept[1].text);
        assert_eq!(kept[1].of, module_path!());
        kept[0].at.parse::<Timestamp>().unwrap();
    }
}
