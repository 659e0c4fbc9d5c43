//! What somebody has filled in of a task or a new case and not sent: kept for them, shown to nobody else, gone once it is sent.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use yizhan_engine::live;
use yizhan_engine::store::{Draft, DraftOf, Note};
use yizhan_workflow::run::event::Raw;
use yizhan_workflow::run::{Now, may_answer};

use super::runs::{Request, Wanted};
use super::tasks::{object, open_task};
use crate::body::{Answer, Asked, Given, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::view::DraftView;

/// Bytes of a draft; files of it are kept as artifacts.
const LONGEST: usize = 256 * 1024;

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Drafting {
    /// Of an operator that is no person: whose.
    by: Option<String>,
    /// As the fields of an answer, as many as there are yet; none: the draft is thrown away.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    fields: Option<Raw>,
}

/// Whether there is a draft now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DraftKept {
    kept: bool,
}

/// Takes the place of the draft before it. What it says is looked at when it is sent as an answer.
pub(crate) async fn put(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Given(given): Given<Drafting>,
) -> Result<Answer<DraftKept>, Refusal> {
    let by: Arc<str> = caller.acting(given.by.as_deref(), &desk.shared().world())?.into();
    let kept = keep(&desk, caller, by, name, object(given.fields)?).await?;
    Ok(Answer(DraftKept { kept }))
}

/// Whether there is a draft now.
pub(crate) async fn keep(
    desk: &Arc<Desk>,
    caller: Caller,
    by: Arc<str>,
    name: String,
    fields: Raw,
) -> Result<bool, Refusal> {
    let note = desk.read(move |desk| {
        let (row, of) = open_task(desk, &caller, &name)?;
        let mut run = live::load(row.run, desk.reads())?.run;
        let text = desk.shared().library.text(run.text(), desk.reads())?;
        let (world, at) = (desk.shared().world(), desk.shared().now());
        may_answer(&mut run, &text, &Now { world: &world, at, room: 0 }, of, &by)?;
        Ok(Draft { of: DraftOf::Task(row.id), by, at, fields })
    });
    keep_one(desk, note.await?).await
}

/// Nothing filled in is no draft.
async fn keep_one(desk: &Desk, draft: Draft) -> Result<bool, Refusal> {
    let fields = draft.fields.get();
    if fields.len() > LONGEST {
        return Err(Refusal::TooLarge { most: LONGEST });
    }
    let nothing = fields.bytes().filter(|byte| !byte.is_ascii_whitespace()).eq(*b"{}");
    let Draft { of, by, .. } = &draft;
    let note = match nothing {
        true => Note::DraftDropped { of: of.clone(), by: by.clone() },
        false => Note::Draft(draft),
    };
    desk.engine.take_note(note).await?;
    Ok(!nothing)
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = DraftingOfStart)]
pub(crate) struct DraftingStart {
    /// Of an operator that is no person: whose.
    by: Option<String>,
    /// The trigger of the file that is fired by hand, where there is one.
    trigger: Option<String>,
    /// As the fields of the start form, as many as there are yet; none: the draft is thrown away.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    fields: Option<Raw>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
pub(crate) struct WhichStart {
    /// Of an operator that is no person: whose.
    by: Option<String>,
    /// The trigger of the file that is fired by hand, where there is one.
    trigger: Option<String>,
}

/// What is filled in of a start form, if anything is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StartDraft {
    draft: Option<DraftView>,
}

/// Whose start form it is, of those who may send it.
pub(crate) struct Filling {
    of: DraftOf,
    by: Arc<str>,
}

impl Filling {
    /// # Errors
    /// When the form is not for this caller.
    pub(crate) fn of(
        desk: &Desk,
        caller: &Caller,
        (workflow, trigger): (&str, Option<&str>),
        by: Option<String>,
    ) -> Result<Self, Refusal> {
        let request = Request { trigger: trigger.map(str::to_owned), by: by.clone(), ..Request::default() };
        let text = Wanted::of(desk, caller, workflow, request)?.text;
        let by = caller.acting(by.as_deref(), &desk.shared().world())?.into();
        let of = DraftOf::Start { workflow: text.name.clone(), trigger: trigger.map(Arc::from) };
        Ok(Self { of, by })
    }

    pub(crate) async fn kept(&self, desk: &Arc<Desk>) -> Result<Option<DraftView>, Refusal> {
        let (of, by) = (self.of.clone(), self.by.clone());
        desk.read(move |desk| Ok(desk.reads().draft(&of, &by)?.as_ref().map(DraftView::of))).await
    }

    /// Whether there is a draft now.
    pub(crate) async fn keep(self, desk: &Desk, fields: Raw) -> Result<bool, Refusal> {
        let Self { of, by } = self;
        keep_one(desk, Draft { of, by, at: desk.shared().now(), fields }).await
    }

    /// It was sent, or is not wanted any more.
    pub(crate) async fn drop(self, desk: &Desk) -> Result<(), Refusal> {
        let Self { of, by } = self;
        Ok(desk.engine.take_note(Note::DraftDropped { of, by }).await?)
    }
}

pub(crate) async fn of_start(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(workflow): Named<String>,
    Asked(which): Asked<WhichStart>,
) -> Result<Answer<StartDraft>, Refusal> {
    let filling = Filling::of(&desk, &caller, (&workflow, which.trigger.as_deref()), which.by)?;
    let draft = filling.kept(&desk).await?;
    Ok(Answer(StartDraft { draft }))
}

/// Takes the place of the draft before it. What it says is looked at when it is sent.
pub(crate) async fn put_of_start(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(workflow): Named<String>,
    Given(given): Given<DraftingStart>,
) -> Result<Answer<DraftKept>, Refusal> {
    let filling = Filling::of(&desk, &caller, (&workflow, given.trigger.as_deref()), given.by)?;
    let kept = filling.keep(&desk, object(given.fields)?).await?;
    Ok(Answer(DraftKept { kept }))
}
