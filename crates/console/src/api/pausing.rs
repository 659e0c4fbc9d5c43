//! A trigger is paused and goes on: with a reason, in somebody's name, until somebody says otherwise.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use yizhan_engine::PauseError;
use yizhan_workflow::people::rights::Role;

use crate::body::{Answer, Form, Given, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::noted::standing;
use crate::refusal::Refusal;
use crate::view::PauseView;

/// Characters of a reason.
const REASON_LONGEST: usize = 500;

#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = TriggerPausing)]
pub(crate) struct Pausing {
    /// At most 500 characters; needed to pause.
    #[serde(default)]
    reason: String,
    /// Of an operator that is no person: in whose name.
    by: Option<String>,
}

impl Pausing {
    /// As a page's form sends it.
    pub(crate) fn of_page(form: &Form) -> Self {
        Self { reason: form.text("reason").to_owned(), by: None }
    }
}

/// A trigger as it stands now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TriggerStands)]
pub(crate) struct Stands {
    workflow: String,
    trigger: String,
    /// None: it starts what it should.
    paused: Option<PauseView>,
}

impl Stands {
    fn of(desk: &Desk, (workflow, trigger): (&str, &str)) -> Self {
        let paused = desk.shared().paused(workflow, trigger).map(|pause| PauseView::of(&pause));
        Self { workflow: workflow.to_owned(), trigger: trigger.to_owned(), paused }
    }
}

pub(crate) async fn pause(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named((workflow, trigger)): Named<(String, String)>,
    Given(given): Given<Pausing>,
) -> Result<Answer<Stands>, Refusal> {
    let name = (&*workflow, &*trigger);
    let by = by(&desk, &caller, name, &given)?;
    let reason: Arc<str> = given.reason.trim().into();
    if reason.is_empty() {
        return Err(Refusal::NotNow("a reason is needed".to_owned()));
    }
    if reason.chars().count() > REASON_LONGEST {
        return Err(Refusal::Unreadable(format!("a reason has at most {REASON_LONGEST} characters")));
    }
    desk.engine.pause(name, by, reason).await?;
    note(&caller, name, true);
    Ok(Answer(Stands::of(&desk, name)))
}

pub(crate) async fn resume(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named((workflow, trigger)): Named<(String, String)>,
    Given(given): Given<Pausing>,
) -> Result<Answer<Stands>, Refusal> {
    let name = (&*workflow, &*trigger);
    by(&desk, &caller, name, &given)?;
    desk.engine.resume(name).await?;
    note(&caller, name, false);
    Ok(Answer(Stands::of(&desk, name)))
}

fn note(caller: &Caller, (_, trigger): (&str, &str), paused: bool) {
    let of = |paused: bool| standing([("paused", Some(json!(paused)))]);
    caller.noted.changed(trigger, of(!paused), of(paused));
}

/// In whose name it is done, by whoever may, to a trigger that there is.
fn by(
    desk: &Desk,
    caller: &Caller,
    (workflow, trigger): (&str, &str),
    given: &Pausing,
) -> Result<Arc<str>, Refusal> {
    caller.must(Role::Operator, workflow)?;
    let shared = desk.shared();
    let there = shared.library.current(workflow).is_some_and(|text| text.trigger(trigger).is_some());
    // What is paused goes on also where its file is gone.
    if !there && shared.paused(workflow, trigger).is_none() {
        return Err(Refusal::NoSuch { kind: "trigger", name: format!("{workflow}/{trigger}") });
    }
    Ok(caller.acting(given.by.as_deref(), &shared.world())?.into())
}

impl From<PauseError> for Refusal {
    fn from(error: PauseError) -> Self {
        match error {
            PauseError::Paused(_) | PauseError::NotPaused(_) => Self::DealtWith(error.to_string()),
            PauseError::Act(error) => error.into(),
        }
    }
}
