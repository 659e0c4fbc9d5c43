//! Plugins as the daemon's carriers have them.

use std::sync::Arc;

use axum::extract::State;
use serde_json::json;

use super::PageOf;
use crate::body::{Answer, Asked, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::house::PluginView;
use crate::noted::standing;
use crate::refusal::Refusal;
use crate::view::Listing;

pub(crate) async fn list(
    State(desk): State<Arc<Desk>>,
    Asked(page): Asked<PageOf>,
) -> Result<Answer<Listing<PluginView>>, Refusal> {
    let all = desk.read(move |desk| Listing::part(desk.house.plugins(), &page, |one| one.id.clone()));
    all.await.map(Answer)
}

pub(crate) async fn release(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(id): Named<String>,
) -> Result<Answer<PluginView>, Refusal> {
    let stands = desk.read(move |desk| {
        let state = |desk: &Desk| {
            let plugin = desk.house.plugin(&id);
            (standing([("state", plugin.as_ref().map(|plugin| json!(plugin.state)))]), plugin)
        };
        let (before, _) = state(desk);
        desk.house.release(&id);
        let (after, plugin) = state(desk);
        caller.noted.changed(&id, before, after);
        plugin.ok_or(Refusal::NoSuch { kind: "plugin", name: id })
    });
    stands.await.map(Answer)
}

pub(crate) async fn show(
    State(desk): State<Arc<Desk>>,
    Named(id): Named<String>,
) -> Result<Answer<PluginView>, Refusal> {
    let found =
        desk.read(move |desk| desk.house.plugin(&id).ok_or(Refusal::NoSuch { kind: "plugin", name: id }));
    found.await.map(Answer)
}
