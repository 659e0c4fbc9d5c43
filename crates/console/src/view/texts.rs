//! Which text a journal's line was written under: a run may have gone over to another one meanwhile.

use std::ops::ControlFlow;
use std::sync::Arc;

use yizhan_engine::library::Library;
use yizhan_engine::store::Reads;
use yizhan_workflow::id::TextHash;
use yizhan_workflow::plan::Workflow;
use yizhan_workflow::run::Line;
use yizhan_workflow::run::event::Event;
use yizhan_workflow::run::state::Run;

use super::each_line;
use crate::refusal::Refusal;

/// The texts of a run, each with the number of the first line under it.
pub(crate) struct Texts(Vec<(u32, Arc<Workflow>)>);

impl Texts {
    /// Those of the lines up to a number.
    pub(crate) fn of(run: &Run, upto: u32, library: &Library, reads: &dyn Reads) -> Result<Self, Refusal> {
        let mut texts = vec![(0, library.text(&run.started.text, reads)?)];
        // Most runs end under the text that they began with, and nothing needs to be looked through.
        if run.migrated.is_some() {
            each_line(reads, run.id, (0, upto), |line| {
                if let Some(to) = gone_to(&line.body) {
                    texts.push((line.seq, library.text(&to, reads)?));
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        Ok(Self(texts))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Workflow>> {
        self.0.iter().map(|(_, text)| text)
    }

    /// Whether a title in any of them is of values.
    pub(crate) fn work_titles_out(&self) -> bool {
        let mut titles =
            self.0.iter().flat_map(|(_, text)| &text.steps).filter_map(|step| step.title.as_ref());
        titles.any(|title| !title.is_literal())
    }

    pub(crate) fn at(&self, seq: u32) -> &Arc<Workflow> {
        let place = self.0.partition_point(|(from, _)| *from <= seq).saturating_sub(1);
        &self.0[place].1
    }
}

/// The text to which a line takes its run; its own facts name the steps of that one.
fn gone_to(body: &[u8]) -> Option<TextHash> {
    // Few lines do, and none needs to be read for it that does not say so.
    const WORD: &[u8] = b"\"migrated\"";
    if !body.windows(WORD.len()).any(|part| part == WORD) {
        return None;
    }
    let event = serde_json::from_slice::<Line>(body).ok()?.event;
    if let Event::Migrated { to, .. } = event { Some(to) } else { None }
}
