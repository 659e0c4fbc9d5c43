//! The last lines of the daemon's own log.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::body::{Answer, Asked};
use crate::desk::Desk;
use crate::house::{LogLevel, LogLine};
use crate::refusal::Refusal;

/// Lines of one answer.
const MOST: usize = 500;

#[derive(Debug, Default, Deserialize, IntoParams)]
pub(crate) struct Wanted {
    /// Of this level and graver: `error`, `warn`, `info` or `debug`; all where nothing is said.
    #[param(value_type = Option<String>)]
    pub(crate) level: Option<LogLevel>,
    /// With these words, in whatever letters.
    pub(crate) text: Option<String>,
    /// How many of them at most, 1 to 500; 500 where nothing is said.
    pub(crate) limit: Option<usize>,
}

/// The newest first. What is older than the lines that are kept in memory is in the log itself.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LogView {
    pub(crate) items: Vec<LogLine>,
}

pub(crate) async fn show(
    State(desk): State<Arc<Desk>>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Answer<LogView>, Refusal> {
    let text = wanted.text.unwrap_or_default().trim().to_lowercase();
    let fits = move |line: &LogLine| {
        wanted.level.is_none_or(|level| line.level <= level)
            && (line.text.to_lowercase().contains(&text) || line.of.to_lowercase().contains(&text))
    };
    let most = wanted.limit.unwrap_or(MOST).clamp(1, MOST);
    let items = desk.read(move |desk| Ok(desk.house.log().into_iter().filter(fits).take(most).collect()));
    Ok(Answer(LogView { items: items.await? }))
}
