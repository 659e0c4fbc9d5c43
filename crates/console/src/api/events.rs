//! Events: something is made known to the runs and triggers that wait for it.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use yizhan_engine::Publishing;
use yizhan_workflow::run::event::Raw;

use super::files::{Sender, names_its_own};
use super::tasks::object;
use crate::body::{Given, TakenIn};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::noted::{Standing, standing};
use crate::refusal::Refusal;

#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = EventToPublish)]
pub(crate) struct Event {
    /// What comes twice with one name and id is one event.
    id: Option<String>,
    name: String,
    #[serde(default)]
    key: String,
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    payload: Option<Raw>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventView {
    id: String,
    /// It was published before.
    repeated: bool,
}

pub(crate) async fn publish(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Given(event): Given<Event>,
) -> Result<TakenIn<EventView>, Refusal> {
    let Event { id, name, key, payload } = event;
    let payload = object(payload)?;
    names_its_own(&desk, Sender::of(&caller), payload.get()).await?;
    let called = name.clone();
    let reply = desk.engine.publish(Publishing { id, name, key, payload }).await?;
    let told = standing([("event", Some(json!(called))), ("id", Some(json!(reply.id.to_string())))]);
    caller.noted.changed(&called, Standing::new(), told);
    let answer = EventView { id: reply.id.to_string(), repeated: reply.repeated };
    Ok(TakenIn { repeated: reply.repeated, answer })
}
