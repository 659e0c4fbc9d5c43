//! Figures of runs and tasks.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use utoipa::openapi::{RefOr, Schema};
use yizhan_engine::queries::figures;
use yizhan_workflow::query::{Of, Query};
use yizhan_workflow::run::event::Raw;

use super::registers::unlooked;
use crate::body::{Answer, Given, Named};
use crate::desk::Desk;
use crate::openapi::{Schemas, Shape, any};
use crate::refusal::Refusal;

/// What is asked, as `with` of the action.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Question(pub Json);

impl Shape for Question {
    fn shape(_: &mut Schemas) -> RefOr<Schema> {
        any("What `with` of the action (`query.runs`, `query.tasks`, `register.find`) takes: an object.")
    }
}

/// What the action would give.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Figures(Raw);

impl Figures {
    pub(crate) fn of(found: String) -> Result<Self, Refusal> {
        Raw::new(found).map(Self).ok_or(Refusal::Bug)
    }
}

impl Shape for Figures {
    fn shape(_: &mut Schemas) -> RefOr<Schema> {
        any(
            "What the action gives: `count`, and `entries`, or `rows` and `figures`, with the columns asked for.",
        )
    }
}

/// What `query.runs` or `query.tasks` would give.
pub(crate) async fn ask(
    State(desk): State<Arc<Desk>>,
    Named(what): Named<String>,
    Given(asked): Given<Question>,
) -> Result<Answer<Figures>, Refusal> {
    let of = Of::named(&what).ok_or(Refusal::NoSuch { kind: "query", name: what })?;
    let found = desk.read(move |desk| {
        let query = Query::read(&asked.0.to_string()).map_err(|fault| Refusal::Unreadable(fault.0))?;
        let (world, now) = (desk.shared().world(), desk.shared().now());
        let found = figures(desk.reads(), &world, now, (of, &query)).map_err(unlooked)?;
        Figures::of(found)
    });
    found.await.map(Answer)
}
