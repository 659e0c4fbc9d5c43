//! Whether we live, whether we are ready, and the figures.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use yizhan_workflow::people::rights::Role;

use crate::body::Answer;
use crate::caller::Caller;
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::view::{HealthView, RecoveringView};

/// Ready means that the loop and the writer make progress, not that a thread breathes.
const TURN: Duration = Duration::from_secs(2);

/// It answers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LiveView {
    live: bool,
}

/// It takes in and does what it is asked.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReadyView {
    ready: bool,
}

pub(crate) async fn live() -> Answer<LiveView> {
    Answer(LiveView { live: true })
}

pub(crate) async fn ready(State(desk): State<Arc<Desk>>) -> Result<Answer<ReadyView>, Refusal> {
    let health = desk.engine.health();
    if let Some(why) = health.broken.as_deref().or_else(|| desk.access.broken()) {
        tracing::warn!(%why, "asked whether we are ready, and we are not");
        return Err(Refusal::NotReady("the store failed".to_owned()));
    }
    if desk.is_closing() {
        return Err(Refusal::Stopping);
    }
    if health.disk_full {
        return Err(Refusal::DiskFull);
    }
    if !health.ready {
        let left = health.recovering.map(|(left, of)| format!(": {left} of {of} runs do not go on yet"));
        return Err(Refusal::NotReady(format!("it is recovering{}", left.unwrap_or_default())));
    }
    if !desk.engine.progresses(TURN).await {
        return Err(Refusal::NotReady("its loop or its disk does not answer".to_owned()));
    }
    Ok(Answer(ReadyView { ready: true }))
}

/// Strangers learn whether we are well, operators also how much there is.
pub(crate) async fn health(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
) -> Result<Answer<HealthView>, Refusal> {
    let health = desk.engine.health();
    let disk_full = health.disk_full || desk.access.is_full().await;
    let recovering = health.recovering.map(|(left, of)| RecoveringView { left, of });
    let ready = health.ready && health.broken.is_none() && !disk_full && !desk.is_closing();
    if !caller.rights.may_everywhere(Role::Viewer) {
        let (broken, figures) = (None, json!({}));
        return Ok(Answer(HealthView { ready, recovering, disk_full, broken, figures }));
    }
    let counts = desk.read(|desk| Ok(desk.reads().count_by_state()?)).await?;
    let runs: serde_json::Map<_, _> =
        counts.into_iter().map(|(state, count)| (crate::view::word_of(&state), count.into())).collect();
    let (shared, writer) = (desk.shared(), &desk.engine.writer);
    let get = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let figures = json!({
        "home": desk.house.home(),
        "workflows": shared.library.workflows().len(),
        "runs": runs,
        "live": get(&shared.figures.live),
        "attempts_under_way": get(&shared.figures.calls),
        "attempts_waiting": get(&shared.figures.queued),
        "attempts_done": get(&shared.figures.attempts_done),
        "attempts_failed": get(&shared.figures.attempts_failed),
        "attempts_lost": get(&shared.figures.attempts_lost),
        "commits": get(&writer.commits),
        "changes": get(&writer.changes),
        "commit_us": get(&writer.commit_us),
        "journal_bytes": get(&writer.bytes),
        "connections": desk.connections.open(),
    });
    Ok(Answer(HealthView { ready, recovering, disk_full, broken: health.broken, figures }))
}
