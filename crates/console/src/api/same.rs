//! Whether there is a case already with the key that a new one would have.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use utoipa::ToSchema;
use yizhan_engine::intake::so_far;
use yizhan_workflow::id::RunId;
use yizhan_workflow::plan::{OnDuplicate, Workflow};

use super::runs as api;
use crate::body::{Answer, Given, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::view::RunRow;

/// A case that is not begun yet.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NotBegun {
    /// The fields of the start form, as far as they are filled in.
    #[serde(default)]
    #[schema(value_type = Object)]
    input: Json,
    /// The trigger of the file whose form it is.
    trigger: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct SameView {
    /// The key that it would have; null, as long as a field that makes it is empty or does not fit.
    key: Option<String>,
    /// The open case with that key.
    run: Option<String>,
    /// That case, for whoever may look at it.
    case: Option<RunRow>,
    /// What becomes of a second one: `allow`, `join` or `reject`.
    on_duplicate: String,
}

pub(crate) async fn look(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Given(given): Given<NotBegun>,
) -> Result<Answer<SameView>, Refusal> {
    let request = api::Request { trigger: given.trigger.clone(), ..api::Request::default() };
    let text = api::Wanted::of(&desk, &caller, &name, request)?.text;
    let input = if given.input.is_null() { json!({}) } else { given.input };
    let key = key_so_far(&desk, &text, &input, given.trigger.as_deref());
    let same = match &key {
        Some(key) => same(&desk, &caller, &text, key).await?,
        None => None,
    };
    let on_duplicate = match text.on_duplicate {
        OnDuplicate::Allow => "allow",
        OnDuplicate::Join => "join",
        OnDuplicate::Reject => "reject",
    };
    let run = same.as_ref().map(|same| same.run.to_string());
    let case = same.and_then(|same| same.row);
    Ok(Answer(SameView { key, run, case, on_duplicate: on_duplicate.to_owned() }))
}

/// An open case with the same key.
pub(crate) struct Same {
    pub key: String,
    pub run: RunId,
    /// Whoever may not see it learns that there is one.
    pub row: Option<RunRow>,
    pub on_duplicate: OnDuplicate,
}

/// The key of a form that is not sent yet.
pub(crate) fn key_so_far(
    desk: &Desk,
    text: &Arc<Workflow>,
    input: &Json,
    trigger: Option<&str>,
) -> Option<String> {
    let (world, now) = (desk.shared().world(), desk.shared().now());
    so_far::key(text, &input.to_string(), trigger, &world, now)
}

/// The open case that has this key.
pub(crate) async fn same(
    desk: &Arc<Desk>,
    caller: &Caller,
    text: &Arc<Workflow>,
    key: &str,
) -> Result<Option<Same>, Refusal> {
    let (name, on_duplicate) = (text.name.clone(), text.on_duplicate);
    let wanted = key.to_owned();
    let held = desk.read(move |desk| Ok(desk.reads().holder(&name, &wanted)?)).await?;
    let Some(run) = held else { return Ok(None) };
    let row = api::row_of(desk, caller, run).await.ok();
    Ok(Some(Same { key: key.to_owned(), run, row, on_duplicate }))
}
