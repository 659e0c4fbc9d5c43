//! What steps were called when a line was written: their titles are of values that a later round may have given anew.

use std::ops::ControlFlow;
use std::sync::Arc;

use yizhan_engine::store::{Line as Stored, Reads};
use yizhan_workflow::id::{RunId, StepAt};
use yizhan_workflow::plan::Workflow;
use yizhan_workflow::run::Line;
use yizhan_workflow::run::sight::{HIDDEN, Sight};
use yizhan_workflow::run::state::{Run, StepPhase};

use super::{Look, Texts, each_line, title_at};
use crate::refusal::Refusal;

/// So far from its beginning a run is folded for a page of its journal; behind it steps go by their ids.
const FOLDED_MOST: u32 = 20_000;

/// A run as it was before a line, and with it.
pub(crate) struct Replay {
    id: RunId,
    before: Option<Run>,
    with: Option<Run>,
}

/// A title that is the same in every round.
pub(crate) fn plain_title(text: &Workflow, sight: &Sight<'_>, at: StepAt) -> Option<String> {
    let title = text.step(at.step).title.as_ref().filter(|title| title.is_literal())?;
    Some(sight.title(title.source()).unwrap_or_else(|| HIDDEN.to_owned()))
}

impl Replay {
    /// Up to the lines behind one; none, where no title needs it or that is too far.
    pub(crate) fn upto(
        id: RunId,
        after: u32,
        texts: &Texts,
        reads: &dyn Reads,
    ) -> Result<Option<Self>, Refusal> {
        if after > FOLDED_MOST || !texts.work_titles_out() {
            return Ok(None);
        }
        let mut replay = Self { id, before: None, with: None };
        each_line(reads, id, (0, after), |line| {
            replay.fold(line);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(Some(replay))
    }

    fn fold(&mut self, stored: &Stored) {
        // What cannot be read changes nothing: the line itself says so.
        if let Ok(line) = serde_json::from_slice::<Line>(&stored.body) {
            self.with = line.fold_into(self.with.take(), self.id, stored.at);
        }
    }

    /// The next line.
    pub(crate) fn go_on(&mut self, stored: &Stored) {
        self.before = self.with.clone();
        self.fold(stored);
    }

    /// The title in a round, for whoever looks now: as it stood before the line where the round was under way, else as the
    /// line left it.
    pub(crate) fn title(
        &self,
        look: &Look<'_>,
        text: &Arc<Workflow>,
        sight: &Sight<'_>,
        (at, round): (StepAt, Option<u32>),
    ) -> Option<String> {
        let stands = |run: &&Run| {
            let step = run.step(at);
            step.phase != StepPhase::Waiting && round.is_none_or(|round| round == step.round)
        };
        let run = self.before.as_ref().filter(stands).or(self.with.as_ref())?;
        let then = Look { run, text, ..*look };
        let said = title_at(&then, at)?;
        // What was private in that round need not stand in the run any more.
        let veiled = then.sight().title(&said);
        Some(veiled.and_then(|said| sight.title(&said)).unwrap_or_else(|| HIDDEN.to_owned()))
    }
}
