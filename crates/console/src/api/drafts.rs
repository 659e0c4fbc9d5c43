//! What somebody has filled in of a task and not sent: kept for them, shown to nobody else, gone with the answer.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yizhan_engine::live;
use yizhan_engine::store::{Draft, Note};
use yizhan_workflow::run::event::Raw;
use yizhan_workflow::run::{Now, may_answer};

use super::tasks::{object, open_task};
use crate::body::{Answer, Given, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::refusal::Refusal;

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
    if fields.get().len() > LONGEST {
        return Err(Refusal::TooLarge { most: LONGEST });
    }
    let note = desk.read(move |desk| {
        let (row, of) = open_task(desk, &caller, &name)?;
        let mut run = live::load(row.run, desk.reads())?.run;
        let text = desk.shared().library.text(run.text(), desk.reads())?;
        let (world, at) = (desk.shared().world(), desk.shared().now());
        may_answer(&mut run, &text, &Now { world: &world, at, room: 0 }, of, &by)?;
        Ok(if fields.get().bytes().filter(|byte| !byte.is_ascii_whitespace()).eq(*b"{}") {
            Note::DraftDropped { task: row.id, by }
        } else {
            Note::Draft(Draft { task: row.id, by, at, fields })
        })
    });
    let note = note.await?;
    let kept = matches!(note, Note::Draft(_));
    desk.engine.take_note(note).await?;
    Ok(kept)
}
