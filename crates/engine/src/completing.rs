//! A start form that a person completed begins the run that it was for.
//!
//! The form's run has a step that starts it; what a start of a trigger claims, it claims, too.

use std::sync::Arc;

use yizhan_workflow::definition::completing::FORM;
use yizhan_workflow::id::{Attempt, RunId, ScopeNo, StepAt};
use yizhan_workflow::plan::{OnDuplicate, Workflow};
use yizhan_workflow::run::event::{EndState, Event, Raw, Started};
use yizhan_workflow::run::{Now, OPERATOR, World, start};

use crate::engine::{Loop, Pending};
use crate::intake;
use crate::live::Live;
use crate::store::{Firing, FiringOutcome, Refused, Start};

/// What is known of a completed form.
struct Form {
    answer: Raw,
    by: Arc<str>,
    trigger: Arc<str>,
    brought: Option<Raw>,
}

impl Loop {
    fn completed_form(&self, form: RunId) -> Option<Form> {
        let live = self.live.get(&form)?;
        let item = live.run.step(StepAt { step: FORM, scope: ScopeNo::RUN }).items.first()?;
        Some(Form {
            answer: item.output.clone()?,
            by: item.by.clone().unwrap_or_else(|| OPERATOR.into()),
            trigger: live.text.completes.clone()?,
            brought: live.run.started.trigger.clone(),
        })
    }

    /// Begins the run of a completed form, by whoever completed it.
    pub(crate) fn begin_completed(
        &mut self,
        (form_run, of): (RunId, Attempt),
        child: RunId,
        text: &Arc<Workflow>,
        world: &World,
    ) -> Result<(), String> {
        let form = self.completed_form(form_run).ok_or("the form has no answer")?;
        let at = self.shared.now();
        let trigger = (&form.trigger, form.brought.as_ref(), form_run);
        let prepared = intake::completed(text, form.answer.get(), trigger, world, at);
        let prepared = prepared.map_err(|error| error.to_string())?;
        let started = Started {
            workflow: text.name.clone(),
            text: text.hash.clone(),
            input: prepared.input.clone(),
            key: prepared.key.clone(),
            trigger: prepared.trigger.clone(),
            by: form.by.clone(),
            parent: None,
            // A firing began it, and it holds its key: it is nobody's child.
            origin: None,
        };
        // Should the power go before the form hears of it, what it joined is not joined again.
        let firing = Firing {
            workflow: text.name.clone(),
            trigger: form.trigger,
            id: format!("complete:{}", form_run),
            at,
            outcome: FiringOutcome::Started,
        };
        let firing = Some(firing);
        let claim = prepared.claim();
        let on_join = text.on_duplicate == OnDuplicate::Join;
        let pending = Pending { on_join, prepared, by: form.by, firing: firing.clone(), met: None };
        let room = self.room();
        let (run, decision) = start(child, text, &Now { world, at, room }, started);
        self.live.insert(child, Live { unborn: true, ..Live::new(run, text.clone()) });
        let place = self.record(child, decision, world);
        self.batch.changes[place].start = Some(Box::new(Start { claim, firing, takes: None }));
        self.after.acts[place].began = Some((form_run, of));
        self.after.acts[place].started = Some(Box::new(pending));
        Ok(())
    }

    /// What the start claims was taken: the form's run hears how that came out.
    #[expect(clippy::too_many_arguments, reason = "who began what, and why it did not")]
    pub(crate) fn not_begun(
        &mut self,
        (form, of): (RunId, Attempt),
        child: RunId,
        pending: Pending,
        refused: Refused,
        world: &World,
    ) {
        let done = match refused {
            Refused::KeyHeld { by } if pending.on_join => {
                self.feed_joined(by, &pending, world).map(drop).map_err(|error| error.to_string())
            }
            Refused::KeyHeld { by } => Err(format!("{by} holds this key")),
            Refused::FiredBefore { .. } | Refused::Exists => Ok(()),
        };
        let event = match done {
            Ok(()) => Event::ChildStarted { of, child },
            Err(why) => Event::ChildEnded {
                of,
                child,
                state: EndState::Failed,
                outcome: Some(why.into()),
                output: Raw::new("null".to_owned()),
            },
        };
        self.feed_quietly(form, event, world);
    }
}
