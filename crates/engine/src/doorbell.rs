//! The doorbell: `tokio-cron-scheduler` rings each second, in UTC, and carries nothing. If it falls silent it is replaced,
//! as is whoever answers it and stands still.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinSet;
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
    let (bell, dead) = (bell.clone(), AtomicBool::new(false));
    let ring = move || {
        // A bell that failed once is silent from then on.
        if yizhan_faults::fails("doorbell.ringing") {
            dead.store(true, Ordering::Relaxed);
        }
        if !dead.load(Ordering::Relaxed) {
            bell.notify_one();
        }
    };
    scheduler.add(Job::new("* * * * * *", move |_, _| ring())?).await?;
    scheduler.start().await?;
    Ok(scheduler)
}

/// So long nobody looked at the schedules, though the engine works: longer than it takes to replace a silent bell.
const STILL: Duration = Duration::from_secs(4);
/// Between two looks at whether somebody looks; and before somebody takes the place of one who broke down.
const PAUSE: Duration = Duration::from_millis(500);
/// An engine that does not answer within this keeps the one who answers the bell waiting: then it is not theirs.
const ANSWERS: Duration = Duration::from_secs(1);

/// Keeps somebody at the bell, until dropped. Who breaks down or stands still is replaced: what was left half done is
/// decided by the next look, as after a crash, and a slot is one firing however many look at it.
pub async fn keep(engine: Engine) {
    loop {
        let mut one = JoinSet::new();
        one.spawn(answer(engine.clone()));
        tokio::select! {
            ended = one.join_next() => tracing::error!(?ended, "who answers the doorbell broke down and is replaced"),
            () = stands_still(&engine) => tracing::error!("who answers the doorbell stands still and is replaced"),
        }
        engine.shared.figures.bells_replaced.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(PAUSE).await;
    }
}

/// Until nobody has looked at the schedules for too long, though they could.
async fn stands_still(engine: &Engine) {
    let looks = || engine.shared.figures.schedule_looks.load(Ordering::Relaxed);
    let (mut seen, mut since) = (looks(), Instant::now());
    loop {
        tokio::time::sleep(PAUSE).await;
        if looks() != seen || engine.health().disk_full || !engine.progresses(ANSWERS).await {
            (seen, since) = (looks(), Instant::now());
        } else if since.elapsed() > STILL {
            return;
        }
    }
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

/// Looks at the schedules at each ring, until dropped.
async fn answer(engine: Engine) {
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
        engine.shared.figures.schedule_looks.fetch_add(1, Ordering::Relaxed);
        digest.look(&engine).await;
        if tidied.is_none_or(|at| at.elapsed() >= TIDY_EVERY) {
            tidied = Some(Instant::now());
            tidy(&engine).await;
        }
        if tokio::time::timeout(SILENT, bell.notified()).await.is_err() {
            tracing::warn!("the doorbell fell silent and is replaced");
            engine.shared.figures.bells_replaced.fetch_add(1, Ordering::Relaxed);
            if let Ok(old) = &mut scheduler
                && let Err(error) = old.shutdown().await
            {
                tracing::warn!(%error, "the silent doorbell does not shut down");
            }
            scheduler = hang(&bell).await;
        }
    }
}
