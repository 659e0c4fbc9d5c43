//! Who waits for the end of which run. One listener hears of every end and wakes those that asked for this one: with
//! thousands of ends a second, a listener for each would cost more than the runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use yizhan_workflow::id::RunId;

/// Bounded by the connections: each waits for one run.
#[derive(Debug, Default)]
pub(crate) struct Ends(Mutex<HashMap<RunId, Waiters>>);

#[derive(Debug, Default)]
struct Waiters {
    count: usize,
    over: Arc<Notify>,
}

/// Held while somebody waits.
#[derive(Debug)]
pub(crate) struct Waiting {
    run: RunId,
    over: Arc<Notify>,
    of: Arc<Ends>,
}

impl Ends {
    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, Waiters>> {
        // Nothing is half done under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wait_for(self: &Arc<Self>, run: RunId) -> Waiting {
        let mut all = self.lock();
        let waiters = all.entry(run).or_default();
        waiters.count += 1;
        Waiting { run, over: waiters.over.clone(), of: self.clone() }
    }

    /// Passes on what `ended` says, for as long as there is an engine.
    pub(crate) async fn pass_on(&self, mut ended: Receiver<RunId>) {
        loop {
            match ended.recv().await {
                Ok(run) => {
                    if let Some(waiters) = self.lock().get(&run) {
                        waiters.over.notify_waiters();
                    }
                }
                // Whose end was missed nobody knows: all look for themselves.
                Err(RecvError::Lagged(_)) => {
                    self.lock().values().for_each(|waiters| waiters.over.notify_waiters())
                }
                Err(RecvError::Closed) => return,
            }
        }
    }
}

impl Waiting {
    /// Made before the store is asked, it misses no end that the store does not show yet.
    pub(crate) fn over(&self) -> impl Future<Output = ()> + '_ {
        self.over.notified()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut all = self.of.lock();
        if let Some(waiters) = all.get_mut(&self.run) {
            waiters.count -= 1;
            if waiters.count == 0 {
                all.remove(&self.run);
            }
        }
    }
}
