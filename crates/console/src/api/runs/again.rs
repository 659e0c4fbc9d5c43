//! What a retry would do once more: looked at on a copy, before anybody asks for it.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use yizhan_engine::live;
use yizhan_workflow::id::{StepAt, StepNo};
use yizhan_workflow::people::rights::Role;
use yizhan_workflow::plan::{Effect, Work, Workflow};
use yizhan_workflow::run::event::Event;
use yizhan_workflow::run::state::{Run, StepState};
use yizhan_workflow::run::{Now, World, decide};

use super::run_named;
use crate::body::{Answer, Asked, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::refusal::Refusal;

#[derive(Debug, Default, Deserialize, IntoParams)]
pub(crate) struct FromWhich {
    /// The step to go back to; without it the run goes on where it stopped.
    pub(crate) from: Option<String>,
}

/// What a retry would do once more, if it were asked for now.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct AgainView {
    /// Steps that were begun and would be done from the beginning, in the order of the file.
    pub(crate) steps: Vec<AgainStep>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct AgainStep {
    pub(crate) id: String,
    /// `outside`: a mail, a call or a file, which others see; `asks`: somebody is asked; `starts`: another run begins; `quiet`:
    /// nobody notices.
    pub(crate) effect: String,
}

/// How far what a step does reaches, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Quiet,
    Asks,
    Starts,
    Outside,
}

impl Reach {
    fn word(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Asks => "asks",
            Self::Starts => "starts",
            Self::Outside => "outside",
        }
    }
}

pub(crate) async fn show(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Asked(which): Asked<FromWhich>,
) -> Result<Answer<AgainView>, Refusal> {
    let by: Arc<str> = caller.acting(None, &desk.shared().world())?.into();
    desk.read(move |desk| {
        let id = run_named(desk, &caller, Role::Operator, &name)?;
        let mut run = live::load(id, desk.reads())?.run;
        let text = desk.shared().library.text(run.text(), desk.reads())?;
        let from =
            which.from.map(|step| text.step_named(&step).ok_or(Refusal::NoSuch { kind: "step", name: step }));
        let (world, before) = (desk.shared().world(), run.clone());
        let now = Now { world: &world, at: desk.shared().now(), room: 0 };
        let event = Event::Retried { opening: run.top.opening, by, from: from.transpose()? };
        decide(&mut run, &text, &now, event)?;
        let steps = text.main.iter().filter(|no| is_again((&before, &run), **no));
        let steps = steps.map(|no| AgainStep {
            id: text.step(*no).id.to_string(),
            effect: reach(&text, *no, &world).word().to_owned(),
        });
        Ok(Answer(AgainView { steps: steps.collect() }))
    })
    .await
}

/// A round of it is begun anew, or something that was over is not any more.
fn is_again((before, after): (&Run, &Run), no: StepNo) -> bool {
    let at = StepAt::run(no);
    let (was, is): (&StepState, &StepState) = (before.step(at), after.step(at));
    let reopened = || was.items.iter().zip(&is.items).any(|(was, is)| was.is_over() && !is.is_over());
    !was.items.is_empty() && (was.round != is.round || reopened())
}

/// Of the step with all that it holds.
fn reach(text: &Workflow, no: StepNo, world: &World) -> Reach {
    let step = text.step(no);
    let own = match &step.work {
        Work::Use { action, .. } => {
            let known = world.catalogue.actions.get(&action.to_string()).map(|action| action.effect);
            match step.effect.or(known) {
                Some(Effect::Pure) => Reach::Quiet,
                // One that nobody knows may do anything.
                Some(Effect::Idempotent | Effect::Keyed | Effect::Once) | None => Reach::Outside,
            }
        }
        Work::Run { .. } => Reach::Starts,
        Work::Ask(_) => Reach::Asks,
        Work::Await(_) | Work::Wait { .. } | Work::Hold { .. } | Work::Check { .. } | Work::End { .. } => {
            Reach::Quiet
        }
    };
    let held = text.numbers().filter(|inner| text.step(*inner).holder == Some(no));
    held.map(|inner| reach(text, inner, world)).fold(own, Reach::max)
}
