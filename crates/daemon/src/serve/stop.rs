//! How the daemon learns that it is time, and what it tells systemd about it.

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Why serving ended.
#[derive(Debug)]
pub(crate) enum Ended {
    Asked,
    /// The store cannot be trusted any more.
    Broken(String),
}

/// Nobody may be there to hear it: without systemd this does nothing.
pub(crate) fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "the service manager could not be told");
    }
}

pub(crate) fn say_stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping: what is under way may end")]);
}

/// Recovery of many runs may outlast the start's time limit, and is no reason to be killed.
pub(crate) fn extend_start(status: &str) {
    static LAST: std::sync::Mutex<Option<std::time::Instant>> = std::sync::Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if last.is_none_or(|last| last.elapsed().as_secs() >= 5) {
        *last = Some(std::time::Instant::now());
        drop(last);
        tell(&[NotifyState::ExtendTimeoutUsec(30_000_000), NotifyState::Status(status)]);
    }
}

pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Stop,
    Reload,
}

impl Signals {
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    pub(crate) async fn next(&mut self) -> Heard {
        tokio::select! {
            _ = self.terminate.recv() => Heard::Stop,
            _ = self.interrupt.recv() => Heard::Stop,
            _ = self.hang_up.recv() => Heard::Reload,
        }
    }

    async fn stop(&mut self) {
        while self.next().await != Heard::Stop {}
    }
}

/// Does the work, but does not wait for it when it is asked a second time: a kill loses nothing.
pub(crate) async fn unless_asked_again(work: impl Future<Output = ()>) {
    let Ok(mut signals) = Signals::listen() else { return work.await };
    tokio::select! {
        () = work => {}
        () = signals.stop() => tracing::warn!("asked again: not waiting any longer"),
    }
}
