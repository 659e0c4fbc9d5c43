//! How the flow goes back, and how a run closes, takes back, ends and is opened again.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::event::{EndState, Fact, RunError};
use super::scope::Standpoint;
use super::state::{Phase, StepPhase};
use super::{Deciding, ROUNDS_MAX, Refusal};
use crate::id::{Item, StepNo};
use crate::plan::{BackTo, Ending, Section};

impl Deciding<'_> {
    /// A way back that was taken as often as it may be.
    pub(super) fn is_used_up(&self, back: &BackTo) -> bool {
        let taken = self.run.ways.get(&back.way).copied().unwrap_or(0);
        back.most.is_some_and(|most| taken >= most) || !self.has_rounds_left(back.target)
    }

    /// No step passes the last round that may be.
    pub(super) fn has_rounds_left(&self, target: StepNo) -> bool {
        let has = |no: StepNo| self.run.step(no).round < ROUNDS_MAX;
        has(target) && self.text.step(target).after.iter().all(|no| has(*no))
    }

    /// The step gone back to and all after it.
    pub(super) fn cover(&self, target: StepNo) -> Vec<StepNo> {
        let mut cover = vec![target];
        cover.extend(&self.text.step(target).after);
        cover
    }

    pub(super) fn go_back(&mut self, back: BackTo) {
        let after_ms = back.after.map_or(0, |span| span.ms);
        self.go_back_over(Some(back.way), self.cover(back.target), after_ms);
    }

    pub(super) fn go_back_over(&mut self, way: Option<u16>, cover: Vec<StepNo>, after_ms: i64) {
        self.did(Fact::GoingBack { way, cover: cover.clone(), after_ms });
        cover.into_iter().for_each(|step| self.withdraw_step(step));
    }

    /// Closes the run, once per opening: the first wins.
    pub(super) fn close(&mut self, ending: Ending, because: Because) {
        if self.run.phase != Phase::Open {
            return;
        }
        let mut output = None;
        if let (Ending::Done { .. }, Some(tree)) = (&ending, &self.text.clone().output) {
            match tree.json(&self.scope(Standpoint::Run)) {
                Ok(json) => output = super::event::Raw::new(json),
                Err(problem) => return self.close_as_output_failed(problem),
            }
        }
        let Because { step, used_up, error } = because;
        let error = error.or_else(|| match &ending {
            Ending::Fail { reason } => Some(RunError {
                step: step.map_or_else(|| "".into(), |no| self.text.step(no).path().as_ref().into()),
                item: 0,
                code: "YZ0318".into(),
                message: reason.clone(),
            }),
            Ending::Done { .. } | Ending::Cancel { .. } => None,
        });
        self.did(Fact::Closing { ending, by_step: step, used_up, error, output });
        for no in self.text.numbers() {
            if self.text.step(no).section == Section::Main {
                self.withdraw_step(no);
            }
        }
    }

    fn close_as_output_failed(&mut self, problem: crate::expression::ExpressionError) {
        let error = RunError { step: "output".into(), item: 0, code: problem.code, message: problem.message };
        self.close(Ending::Fail { reason: error.message.clone() }, Because::failed(error, None));
    }

    /// Moves a way back, a close or the end of the run one stage on. True if something followed.
    pub(super) fn go_on(&mut self) -> bool {
        match self.run.phase {
            Phase::Open if self.run.back.is_some() => self.go_on_back(),
            Phase::Open => self.end_if_through(),
            Phase::Stopping => {
                if !self.main_items_over() {
                    return false;
                }
                self.did(Fact::Finishing {});
                let section = self.closing_section();
                let steps = self.text.numbers().filter(|no| Some(self.text.step(*no).section) == section);
                self.ready.extend(steps);
                true
            }
            Phase::Finishing => self.go_on_finishing(),
            Phase::Over { .. } => false,
        }
    }

    fn end_if_through(&mut self) -> bool {
        // From the end: the last step is over last, so a long chain is not walked at each of its steps.
        let mut steps = self.text.steps.iter().zip(self.run.steps.iter()).rev();
        if !steps.all(|(step, state)| step.section != Section::Main || state.is_over()) {
            return false;
        }
        let Some(tree) = &self.text.clone().output else {
            self.did(Fact::Ended { state: EndState::Done, outcome: "done".into(), output: None });
            return true;
        };
        match tree.json(&self.scope(Standpoint::Run)) {
            Ok(json) => {
                let output = super::event::Raw::new(json);
                self.did(Fact::Ended { state: EndState::Done, outcome: "done".into(), output });
            }
            Err(problem) => self.close_as_output_failed(problem),
        }
        true
    }

    fn main_items_over(&self) -> bool {
        self.text.numbers().all(|no| {
            let state = self.run.step(no);
            self.text.step(no).section != Section::Main || state.phase != StepPhase::Open || state.all_over()
        })
    }

    fn go_on_back(&mut self) -> bool {
        let Some(back) = self.run.back.clone() else { return false };
        let withdrawn = back.cover.iter().all(|no| {
            let state = self.run.step(*no);
            state.phase != StepPhase::Open || state.all_over()
        });
        if !withdrawn {
            return false;
        }
        match self.next_to_take_back(Some(&back.cover)) {
            Taking::Waits => false,
            Taking::Next(item) => {
                self.begin(item);
                true
            }
            Taking::Through => match back.until {
                None if back.after_ms > 0 => {
                    self.did(Fact::BackPaused { until: self.at.plus(back.after_ms) });
                    true
                }
                Some(until) if until > self.at => false,
                None | Some(_) => {
                    self.did(Fact::Round { steps: back.cover.iter().copied().collect() });
                    self.ready.extend(&back.cover);
                    true
                }
            },
        }
    }

    fn go_on_finishing(&mut self) -> bool {
        let Some(closing) = self.run.closing.clone() else { return false };
        let taking = match &closing.ending {
            // What a going back still had to take back is taken back; nothing else is undone.
            Ending::Done { .. } => match self.run.back.clone() {
                Some(back) => self.next_to_take_back(Some(&back.cover)),
                None => Taking::Through,
            },
            Ending::Cancel { .. } | Ending::Fail { .. } => self.next_to_take_back(None),
        };
        match taking {
            Taking::Next(item) => {
                self.begin(item);
                return true;
            }
            Taking::Waits => return false,
            Taking::Through => {}
        }
        let section = self.closing_section();
        let through = self
            .text
            .numbers()
            .all(|no| Some(self.text.step(no).section) != section || self.run.step(no).is_over());
        if !through {
            return false;
        }
        let (state, outcome) = match closing.ending {
            Ending::Done { outcome } => (EndState::Done, outcome),
            Ending::Cancel { reason } => (EndState::Cancelled, reason),
            Ending::Fail { reason } => (EndState::Failed, reason),
        };
        self.did(Fact::Ended { state, outcome, output: closing.output });
        true
    }

    /// Last done first, one at a time. With a cover: only what it covers and does not keep.
    fn next_to_take_back(&self, cover: Option<&BTreeSet<StepNo>>) -> Taking {
        if self.run.undoing.is_some() {
            // Also what a going back began to take back before it grew or the run closed.
            return Taking::Waits;
        }
        let last = self.run.undoable.iter().rev().find(|done| {
            let keep = self.text.step(done.of.step).undo.as_ref().is_some_and(|undo| undo.keep);
            cover.is_none_or(|cover| cover.contains(&done.of.step) && !keep)
        });
        last.map_or(Taking::Through, |done| Taking::Next(Item { undo: true, ..done.of }))
    }

    pub(super) fn cancelled(
        &mut self,
        opening: u32,
        by: &Arc<str>,
        reason: &Arc<str>,
    ) -> Result<(), Refusal> {
        if self.run.phase != Phase::Open || self.run.opening != opening {
            return Err(Refusal::Echo("the run is closing or over"));
        }
        let reason = if reason.is_empty() { format!("cancelled by {by}").into() } else { reason.clone() };
        self.close(Ending::Cancel { reason }, Because::default());
        Ok(())
    }

    pub(super) fn retried(&mut self, opening: u32, by: &str, from: Option<StepNo>) -> Result<(), Refusal> {
        if self.run.opening != opening {
            return Err(Refusal::Echo("the run has been retried"));
        }
        match &self.run.phase {
            Phase::Over { state: EndState::Failed | EndState::Cancelled, .. } => {}
            Phase::Over { state: EndState::Done, .. } => return Err(Refusal::NotRetriable("done")),
            Phase::Open => return Err(Refusal::NotRetriable("open")),
            Phase::Stopping | Phase::Finishing => return Err(Refusal::NotRetriable("closing")),
        }
        if let Some(parent) = self.run.started.parent
            && by != PARENT
        {
            return Err(Refusal::ParentDecides(parent.run));
        }
        if let (None, Some(step)) = (from, self.run.closing.as_ref().and_then(|closing| closing.by_step)) {
            return Err(Refusal::FromRequired { step: self.text.step(step).id.clone() });
        }
        if let Some(no) = from
            && self.text.steps.get(no.index()).is_none_or(|step| step.section != Section::Main)
        {
            return Err(Refusal::NoSuchStep(no.0.to_string().into()));
        }
        let cover = self.cover_of_retry(from);
        if !cover.iter().all(|no| self.has_rounds_left(*no)) {
            return Err(Refusal::NotRetriable("in the last round that a step may have"));
        }
        self.reopen(cover);
        Ok(())
    }

    /// What a retry goes back over; elsewhere it goes on where the run stood.
    fn cover_of_retry(&self, from: Option<StepNo>) -> BTreeSet<StepNo> {
        let ended = self.run.closing.as_ref();
        let (by_step, used_up) = (ended.and_then(|end| end.by_step), ended.and_then(|end| end.used_up));
        let taken_back = self.text.numbers().filter(|no| self.run.step(*no).taken_back);
        let mut cover: BTreeSet<StepNo> = taken_back
            .filter(|no| self.text.step(*no).section == Section::Main)
            .chain([from, by_step, used_up].into_iter().flatten())
            .flat_map(|no| self.cover(no))
            .collect();
        // A way back that the end cut short is still to be gone.
        cover.extend(self.run.back.iter().flat_map(|back| back.cover.iter().copied()));
        cover
    }

    fn reopen(&mut self, cover: BTreeSet<StepNo>) {
        let text = self.text.clone();
        let closing_steps = text.numbers().filter(|no| text.step(*no).section != Section::Main).collect();
        self.did(Fact::Reopened { opening: self.run.opening + 1, closing_steps });
        if !cover.is_empty() {
            self.go_back_over(None, cover.iter().copied().collect(), 0);
        }
        for no in text.numbers().filter(|no| text.step(*no).section == Section::Main && !cover.contains(no)) {
            self.ready.insert(no);
            let state = self.run.step(no);
            if state.phase == StepPhase::Open && state.queued > 0 {
                self.more.insert(no);
            } else if state.phase == StepPhase::Open {
                self.conclude(no);
            }
        }
    }

    pub(super) fn joined(&mut self) -> Result<(), Refusal> {
        if self.run.phase != Phase::Open {
            return Err(Refusal::Echo("the run is closing or over"));
        }
        self.did(Fact::InputJoined {});
        Ok(())
    }
}

/// What closed the run.
#[derive(Default)]
pub(super) struct Because {
    /// The step whose `end` or `on` said so.
    pub(super) step: Option<StepNo>,
    /// Where the way back led that was used up.
    pub(super) used_up: Option<StepNo>,
    pub(super) error: Option<RunError>,
}

impl Because {
    pub(super) fn step(no: StepNo) -> Self {
        Self { step: Some(no), ..Self::default() }
    }

    pub(super) fn failed(error: RunError, used_up: Option<StepNo>) -> Self {
        Self { step: None, used_up, error: Some(error) }
    }
}

/// Who retries and cancels a child.
pub const PARENT: &str = "parent";

enum Taking {
    /// Nothing is left to take back.
    Through,
    /// This undo is next.
    Next(Item),
    /// One is under way.
    Waits,
}
