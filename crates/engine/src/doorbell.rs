//! The doorbell: `tokio-cron-scheduler` rings each second, in UTC, and carries nothing. If it falls silent it is replaced.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};
use yizhan_workflow::id::Millis;

use crate::digest::Digest;
use crate::events::SET_BACK_MOST;
use crate::handle::Engine;
use crate::schedules::Schedules;
use crate::store::Note;

/// Its channel must hold more rings than can come while nobody listens: with too few it loses jobs for good.
const CHANNEL: usize = 4_096;
/// A bell that was silent for so long has stopped.
const SILENT: Duration = Duration::from_secs(3);

async fn hang(bell: &Arc<Notify>) -> Result<JobScheduler, JobSchedulerError> {
    let scheduler = JobScheduler::new_with_channel_size(CHANNEL).await?;
    let bell = bell.clone();
    scheduler.add(Job::new("* * * * * *", move |_, _| bell.notify_one())?).await?;
    scheduler.start().await?;
    Ok(scheduler)
}

/// Firings are forgotten long after the last repeat of them can come: a webhook's window is minutes,
/// a file that a crash left is taken again at the next start.
const KEPT_MS: i64 = 90 * 24 * 3_600_000;
/// A start form that somebody began to fill in and left for so long is not sent any more.
const DRAFTS_KEPT_MS: i64 = 30 * 24 * 3_600_000;
const TIDY_EVERY: Duration = Duration::from_secs(24 * 3_600);

/// Forgets what is old, but nothing from the oldest event on that a trigger has yet to see: neither the event, nor which
/// events have started their runs.
async fn tidy(engine: &Engine) {
    let unseen = match engine.shared.unseen_since() {
        // Events stand in the order of their coming; their times may not, where a clock was set back.
        Ok(unseen) => unseen.map_or(Millis(i64::MAX), |at| at.plus(-SET_BACK_MOST)),
        Err(error) => {
            tracing::warn!(%error, "nothing old is forgotten; tried again tomorrow");
            return;
        }
    };
    let at = engine.shared.now().plus(-KEPT_MS).min(unseen);
    if let Err(error) = engine.note(Note::ForgetBefore { at }).await {
        tracing::warn!(%error, "old firings were not forgotten; tried again tomorrow");
    }
    let before = engine.shared.now().plus(-engine.shared.config.events_keep).min(unseen);
    if let Err(error) = engine.note(Note::ForgetEvents { before }).await {
        tracing::warn!(%error, "old events were not forgotten; tried again tomorrow");
    }
    let before = engine.shared.now().plus(-DRAFTS_KEPT_MS);
    if let Err(error) = engine.note(Note::ForgetDrafts { before }).await {
        tracing::warn!(%error, "old drafts were not forgotten; tried again tomorrow");
    }
}

/// Looks at the schedules at each ring, until dropped. `replaced` counts the bells that fell silent.
pub async fn answer(engine: Engine, replaced: Arc<AtomicU64>) {
    let mut schedules = Schedules::new(engine.clone());
    let mut digest = Digest::default();
    let mut tidied: Option<Instant> = None;
    let bell = Arc::new(Notify::new());
    let mut scheduler = hang(&bell).await;
    loop {
        if let Err(error) = &scheduler {
            tracing::error!(%error, "the doorbell cannot be hung; schedules are looked at all the same");
        }
        schedules.look().await;
        digest.look(&engine).await;
        if tidied.is_none_or(|at| at.elapsed() >= TIDY_EVERY) {
            tidied = Some(Instant::now());
            tidy(&engine).await;
        }
        if tokio::time::timeout(SILENT, bell.notified()).await.is_err() {
            tracing::warn!("the doorbell fell silent and is replaced");
            replaced.fetch_add(1, Ordering::Relaxed);
            if let Ok(old) = &mut scheduler
                && let Err(error) = old.shutdown().await
            {
                tracing::warn!(%error, "the silent doorbell does not shut down");
            }
            scheduler = hang(&bell).await;
        }
    }
}
