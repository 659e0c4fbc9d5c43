//! Events: something is made known to the runs and triggers that wait for it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use yizhan_engine::Publishing;
use yizhan_workflow::run::event::Raw;

use super::tasks::object;
use crate::body::{Answer, Given};
use crate::desk::Desk;
use crate::refusal::Refusal;

#[derive(Debug, Deserialize)]
pub(crate) struct Event {
    /// What comes twice with one name and id is one event.
    id: Option<String>,
    name: String,
    #[serde(default)]
    key: String,
    #[serde(default)]
    payload: Option<Raw>,
}

#[derive(Debug, Serialize)]
pub(crate) struct EventView {
    id: String,
    /// It was published before.
    repeated: bool,
}

pub(crate) async fn publish(
    State(desk): State<Arc<Desk>>,
    Given(event): Given<Event>,
) -> Result<Response, Refusal> {
    let Event { id, name, key, payload } = event;
    let payload = object(payload)?;
    let reply = desk.engine.publish(Publishing { id, name, key, payload }).await?;
    let view = EventView { id: reply.id.to_string(), repeated: reply.repeated };
    let status = if reply.repeated { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Answer(view)).into_response())
}
