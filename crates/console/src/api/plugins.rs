//! Plugins as the daemon's carriers have them.

use std::sync::Arc;

use axum::extract::State;

use crate::body::{Answer, Named};
use crate::desk::Desk;
use crate::house::PluginView;
use crate::refusal::Refusal;
use crate::view::Listing;

pub(crate) async fn list(State(desk): State<Arc<Desk>>) -> Result<Answer<Listing<PluginView>>, Refusal> {
    desk.read(|desk| Ok(Listing::whole(desk.house.plugins()))).await.map(Answer)
}

pub(crate) async fn show(
    State(desk): State<Arc<Desk>>,
    Named(id): Named<String>,
) -> Result<Answer<PluginView>, Refusal> {
    let found =
        desk.read(move |desk| desk.house.plugin(&id).ok_or(Refusal::NoSuch { kind: "plugin", name: id }));
    found.await.map(Answer)
}
