//! The attempts at the steps of a run: what was given to each, what came back, and which failure.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use yizhan_workflow::people::rights::Role;

use super::runs::{looked_at, run_named};
use super::{Looking, PageOf};
use crate::body::{Answer, Asked, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::view::{AttemptView, AttemptsOf, Listing, Shown, Texts, attempts};

/// Whose attempts are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
pub(crate) struct Sought {
    /// Of this step alone, as its keys name it: `visit`, `on_failure.tell`.
    pub(crate) step: Option<String>,
    /// Of this item alone; the first is 0.
    pub(crate) item: Option<u32>,
    /// How many of them at most, 1 to 500. Where nothing is said: 50.
    pub(crate) limit: Option<usize>,
    /// `next` of the page before this one.
    pub(crate) cursor: Option<String>,
}

pub(crate) async fn list(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Asked(sought): Asked<Sought>,
    Asked(asked): Asked<Looking>,
) -> Result<Answer<Shown<Listing<AttemptView>>>, Refusal> {
    let listing = desk.read(move |desk| {
        let id = run_named(desk, &caller, Role::Viewer, &name)?;
        let page = PageOf::of(sought.limit.unwrap_or(50), sought.cursor);
        let (most, skip) = (page.limit(), page.number()?);
        looked_at(desk, id, (&caller, &asked), |look, _| {
            let texts = Texts::of(look.run, u32::MAX, &desk.shared().library, desk.reads())?;
            let (said, house) = (desk.house.said(id), desk.reads().house()?);
            let of = AttemptsOf {
                step: sought.step.as_deref(),
                item: sought.item,
                skip,
                most,
                said: &said,
                house: &house,
            };
            let mut items = attempts(&look, (id, &texts), &of, desk.reads())?;
            let next = (items.len() > most).then(|| skip.saturating_add(most).to_string());
            items.truncate(most);
            look.veiled(&Listing { items, next })
        })
    });
    listing.await.map(Answer)
}
