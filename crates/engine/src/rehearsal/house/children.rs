//! Child runs in a house without the world: real ones where their workflow is there, else what a fake says of them.

use std::sync::Arc;

use serde_json::json;
use yizhan_workflow::definition::completing::FORM;
use yizhan_workflow::id::{Attempt, RunId, ScopeNo, StepAt};
use yizhan_workflow::run::event::{EndState, Event, Fact, Parent, Raw, Standing, Started};
use yizhan_workflow::run::state::Phase;
use yizhan_workflow::run::{Decision, OPERATOR, PARENT};
use yizhan_workflow::testing::Gives;

use super::calls::over;
use super::{House, Member};
use crate::intake;
use crate::rehearsal::teller::Seen;
use crate::starting::DEPTH_MAX;

/// A child's state, outcome and output, as its parent is told.
type Ended = (EndState, Option<Arc<str>>, Option<Raw>);

impl House<'_> {
    pub(super) fn start_child(&mut self, at: usize, of: Attempt, child: RunId) {
        let Some(Standing::Child { workflow, with, detach, .. }) = self.standing(at, of) else { return };
        if self.runs[at].text.completes.is_some() {
            let event = match self.begin_completed(at, &workflow) {
                Ok(()) => Event::ChildStarted { of, child },
                Err(why) => {
                    let (state, outcome) = (EndState::Failed, Some(why.into()));
                    Event::ChildEnded { of, child, state, outcome, output: None }
                }
            };
            return self.feed_quietly(at, event);
        }
        self.past.child(at, &self.runs[at], of, (self.now, &workflow, &with));
        if let Some(known) = self.member(child) {
            return self.continue_child(at, of, known, detach);
        }
        let usual = (!self.texts.contains_key(&workflow)).then(|| self.usual_of(&workflow));
        if let Some(teller) = &mut self.teller {
            let seen = Seen { member: &self.runs[at], world: self.ground.world, now: self.now };
            if let Some((outcome, output)) = teller.child(seen, (of, child), (&workflow, &with, usual)) {
                let outcome = outcome.map_or_else(|| "done".into(), Arc::from);
                let ended = (EndState::Done, Some(outcome), Some(Raw::from(&output)));
                return self.tell(at, (of, child), ended, detach);
            }
        }
        let fake = self.fake_for(&workflow);
        let text = self.texts.get(&workflow).cloned();
        let (Some(text), None) = (text, &fake) else {
            let ended = match fake.map(|fake| fake.gives) {
                Some(Gives::Failed { message, .. }) => (EndState::Failed, Some(message), None),
                Some(Gives::Lost) => (EndState::Failed, Some("it was lost".into()), None),
                Some(Gives::Done { output, outcome }) => {
                    let output = over(self.usual_of(&workflow), &output);
                    (EndState::Done, outcome.or(Some("done".into())), Some(output))
                }
                None => {
                    let output = Raw::from(&self.usual_of(&workflow));
                    (EndState::Done, Some("done".into()), Some(output))
                }
            };
            return self.tell(at, (of, child), ended, detach);
        };
        match self.begin_child(at, of, child, (text, &with, detach)) {
            Ok(()) if detach => self.feed_quietly(at, Event::ChildStarted { of, child }),
            Ok(()) => {}
            Err(why) => self.tell(at, (of, child), (EndState::Failed, Some(why.into()), None), detach),
        }
    }

    /// The run of a start form that a person has completed.
    fn begin_completed(&mut self, form: usize, workflow: &str) -> Result<(), String> {
        let text = self.texts.get(workflow).cloned().ok_or("the workflow is not loaded")?;
        let Member { run, text: own } = &self.runs[form];
        let item = run.step(StepAt { step: FORM, scope: ScopeNo::RUN }).items.first();
        let answer = item.and_then(|item| item.output.clone()).ok_or("the form has no answer")?;
        let by = item.and_then(|item| item.by.clone()).unwrap_or_else(|| OPERATOR.into());
        let trigger = own.completes.clone().unwrap_or_default();
        let brought = (&trigger, run.started.trigger.as_ref(), run.id);
        let prepared = intake::completed(&text, answer.get(), brought, self.world(), self.now);
        let prepared = prepared.map_err(|error| error.to_string())?;
        self.begin(prepared, &by).map(drop).map_err(|hindrance| hindrance.to_string())
    }

    fn usual_of(&self, workflow: &str) -> serde_json::Value {
        self.ground.made_up.get(workflow).cloned().unwrap_or_else(|| json!({}))
    }

    fn tell(
        &mut self,
        at: usize,
        (of, child): (Attempt, RunId),
        (state, outcome, output): Ended,
        detach: bool,
    ) {
        if detach && state == EndState::Done {
            return self.feed_quietly(at, Event::ChildStarted { of, child });
        }
        self.feed_quietly(at, Event::ChildEnded { of, child, state, outcome, output });
    }

    fn begin_child(
        &mut self,
        at: usize,
        of: Attempt,
        child: RunId,
        (text, with, detach): (Arc<yizhan_workflow::plan::Workflow>, &Raw, bool),
    ) -> Result<(), String> {
        let parent = &self.runs[at].run;
        let depth = parent.started.above().map_or(0, |above| above.depth) + 1;
        if depth > DEPTH_MAX {
            return Err(format!("children stand at most {DEPTH_MAX} deep"));
        }
        let above = Some(Parent { run: parent.id, of, depth });
        let by = parent.started.by.clone();
        let prepared = intake::prepare(&text, with.get(), None, self.world(), self.now)
            .map_err(|error| error.to_string())?;
        let started = Started {
            workflow: text.name.clone(),
            text: text.hash.clone(),
            input: prepared.input,
            key: prepared.key,
            trigger: None,
            by,
            parent: above.filter(|_| !detach),
            origin: above.filter(|_| detach),
        };
        self.open(child, text, started);
        Ok(())
    }

    /// It is there already: its parent tries again, so it goes on where it failed.
    fn continue_child(&mut self, at: usize, of: Attempt, known: usize, detach: bool) {
        let child = self.runs[known].run.id;
        if detach {
            return self.feed_quietly(at, Event::ChildStarted { of, child });
        }
        let run = &self.runs[known].run;
        match &run.top.phase {
            Phase::Over { state: EndState::Done, outcome, output } => {
                let ended = (EndState::Done, Some(outcome.clone()), output.clone());
                self.tell(at, (of, child), ended, false);
            }
            Phase::Over { .. } => {
                let from = run.top.closing.as_ref().and_then(|closing| closing.by_step);
                let event = Event::Retried { opening: run.top.opening, by: PARENT.into(), from };
                if let Err(error) = self.feed(known, event) {
                    let why = Some(error.to_string().into());
                    self.tell(at, (of, child), (EndState::Failed, why, None), false);
                }
            }
            Phase::Open | Phase::Stopping | Phase::Finishing => {}
        }
    }

    pub(super) fn stop_child(&mut self, at: usize, of: Attempt, child: RunId) {
        let Some(known) = self.member(child).filter(|known| !self.runs[*known].run.is_over()) else {
            let cancelled = (EndState::Cancelled, None, None);
            return self.tell(at, (of, child), cancelled, false);
        };
        let reason = "the run that needs it is closing or going back".into();
        let opening = self.runs[known].run.top.opening;
        self.feed_quietly(known, Event::Cancelled { opening, by: PARENT.into(), reason });
    }

    /// The end of a child, for the item that waits for it.
    pub(super) fn tell_parent(&mut self, at: usize, decision: &Decision) {
        let run = &self.runs[at].run;
        let Some(Fact::Ended { scope: ScopeNo::RUN, .. }) = decision.did.last() else { return };
        let (Some(parent), Phase::Over { state, outcome, output }) = (run.started.parent, &run.top.phase)
        else {
            return;
        };
        let (child, ended) = (run.id, (*state, Some(outcome.clone()), output.clone()));
        let Some(above) = self.member(parent.run) else { return };
        let of = self.runs[above].run.waits_for(child, parent.of.item).unwrap_or(parent.of);
        self.tell(above, (of, child), ended, false);
    }
}
