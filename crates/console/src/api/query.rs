//! Figures of runs and tasks.

use std::sync::Arc;

use axum::extract::State;
use serde_json::Value as Json;
use yizhan_engine::queries::figures;
use yizhan_workflow::query::{Of, Query};
use yizhan_workflow::run::event::Raw;

use super::registers::unlooked;
use crate::body::{Answer, Given, Named};
use crate::desk::Desk;
use crate::refusal::Refusal;

/// What `query.runs` or `query.tasks` would give.
pub(crate) async fn ask(
    State(desk): State<Arc<Desk>>,
    Named(what): Named<String>,
    Given(asked): Given<Json>,
) -> Result<Answer<Raw>, Refusal> {
    let of = Of::named(&what).ok_or(Refusal::NoSuch { kind: "query", name: what })?;
    let found = desk.read(move |desk| {
        let query = Query::read(&asked.to_string()).map_err(|fault| Refusal::Unreadable(fault.0))?;
        let (world, now) = (desk.shared().world(), desk.shared().now());
        let found = figures(desk.reads(), &world, now, (of, &query)).map_err(unlooked)?;
        Raw::new(found).ok_or(Refusal::Bug)
    });
    found.await.map(Answer)
}
