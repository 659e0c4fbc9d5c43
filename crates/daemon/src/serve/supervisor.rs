//! Watches over the engine: feeds systemd's watchdog from its progress, says how it does, hears signals.

use std::sync::atomic::Ordering;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use yizhan_access::Access;
use yizhan_engine::Engine;

use super::stop::{Ended, Heard, Signals, extend_start, tell};
use crate::intake::reload::Reload;

/// How often the engine is looked at where systemd sets no watchdog.
const LOOK: Duration = Duration::from_secs(2);
/// Between two looks at whether store and accounts still can be trusted.
const BROKEN: Duration = Duration::from_millis(250);
/// Between two looks at whether all that was under way goes on.
const RECOVERING: Duration = Duration::from_millis(20);
/// Between two lines for `systemctl status`.
const STATUS: Duration = Duration::from_secs(10);

fn status(engine: &Engine) -> String {
    let workflows = engine.shared.library.workflows();
    let faulty = workflows.values().filter(|entry| !entry.faults.is_empty()).count();
    let figures = &engine.shared.figures;
    let (live, calls) = (figures.live.load(Ordering::Relaxed), figures.calls.load(Ordering::Relaxed));
    let left = engine.health().recovering.map(|(left, of)| format!("; recovering: {left} of {of} runs left"));
    let left = left.unwrap_or_default();
    let full = if engine.health().disk_full { "; THE DISK IS FULL" } else { "" };
    format!(
        "{} workflows ({faulty} with faults), {live} runs in memory, {calls} attempts under way{left}{full}",
        workflows.len()
    )
}

pub(crate) fn say_ready(engine: &Engine) {
    tell(&[NotifyState::Ready, NotifyState::Status(&status(engine))]);
}

/// Until we are told to stop, or must.
pub(crate) async fn watch(
    engine: &Engine,
    access: &Access,
    reload: &mpsc::Sender<Reload>,
    mut signals: Signals,
) -> Ended {
    let dog = sd_notify::watchdog_enabled();
    let within = dog.map_or(LOOK, |dog| dog / 3);
    let mut feed = tokio::time::interval(within);
    let mut broken = tokio::time::interval(BROKEN);
    let mut say = tokio::time::interval(STATUS);
    let mut recovering = tokio::time::interval(RECOVERING);
    let (mut reloads, mut said) = (JoinSet::new(), false);
    loop {
        tokio::select! {
            _ = recovering.tick(), if !said => {
                said = engine.health().ready;
                if said {
                    say_ready(engine);
                } else {
                    extend_start(&status(engine));
                }
            }
            heard = signals.next() => match heard {
                Heard::Stop => return Ended::Asked,
                // Beside the watching: reading again may wait, for plugins or a full disk, and whoever wants to stop us
                // meanwhile must be heard and the dog fed.
                Heard::Reload => {
                    while reloads.try_join_next().is_some() {}
                    if reloads.is_empty() {
                        reloads.spawn(tell_reload(engine.clone(), reload.clone()));
                    }
                }
            },
            _ = broken.tick() => {
                // Without accounts and audit every act would be refused, and nobody would begin the start that helps.
                if let Some(why) = engine.health().broken.or_else(|| access.broken().map(str::to_owned)) {
                    return Ended::Broken(why);
                }
            }
            _ = feed.tick() => {
                // An idle timer would feed the dog for ever; the loop and the writer must answer, or the dog bites.
                if engine.progresses(within).await {
                    if dog.is_some() {
                        tell(&[NotifyState::Watchdog]);
                    }
                } else {
                    tracing::error!("nothing goes on: the engine or its disk does not answer");
                }
            }
            _ = say.tick() => tell(&[NotifyState::Status(&status(engine))]),
        }
    }
}

async fn tell_reload(engine: Engine, reload: mpsc::Sender<Reload>) {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
    let (to, answer) = oneshot::channel();
    if reload.send(to).await.is_ok()
        && let Ok(done) = answer.await
    {
        tracing::info!(workflows = done.loaded.len(), faults = done.faults.len(), "read again, as asked");
    }
    say_ready(&engine);
}
