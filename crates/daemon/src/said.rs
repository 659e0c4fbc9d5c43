//! What plugins say while they carry attempts, on its way from the plugin host into its file.

use std::path::PathBuf;
use std::sync::Arc;

use yizhan_console::house::SaidLine;
use yizhan_plugin_host::{AttemptLine, AttemptLines};
use yizhan_store::{Said, SaidLine as Line};
use yizhan_workflow::id::{Millis, RunId};

use crate::home::Home;

pub(crate) fn file(home: &Home) -> PathBuf {
    home.data.join("said.db")
}

/// Keeps lines of attempts. None of them where its file cannot be made: nothing else depends on it.
#[derive(Clone, Debug)]
pub(crate) struct Words(Option<Arc<Said>>);

impl Words {
    pub(crate) fn of(home: &Home) -> Self {
        let opened = Said::open(&file(home)).inspect_err(|error| {
            tracing::warn!(%error, "what attempts say cannot be kept");
        });
        Self(opened.ok().map(Arc::new))
    }

    /// What was said in a run, in order.
    pub(crate) fn of_run(&self, run: RunId) -> Vec<SaidLine> {
        let Some(said) = &self.0 else { return vec![] };
        let lines =
            said.of(run).inspect_err(|error| tracing::warn!(%error, "what attempts said cannot be read"));
        let shown = |line: Line| SaidLine {
            key: line.key.into(),
            attempt: line.attempt,
            at: line.at,
            level: line.level.into(),
            text: line.text.into(),
        };
        lines.unwrap_or_default().into_iter().map(shown).collect()
    }
}

impl AttemptLines for Words {
    fn said(&self, line: AttemptLine<'_>) {
        let (Some(said), Ok(run)) = (&self.0, line.run.parse::<RunId>()) else { return };
        said.keep(Line {
            run,
            key: line.key.into(),
            attempt: line.attempt,
            at: Millis(line.at),
            level: line.level.into(),
            text: line.text.into(),
        });
    }
}
