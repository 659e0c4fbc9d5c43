//! The locks, waits and threads of the queue between loop and writer: the system's, or, with the feature `shuttle`, ones
//! whose order a test says.

#[cfg(not(feature = "shuttle"))]
mod system {
    use std::time::Duration;

    pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
    pub(crate) use std::thread;

    /// The guard again once there is something to go on with, or the time is over.
    pub(crate) fn wait_while<'a, T>(
        until: &Condvar,
        guard: MutexGuard<'a, T>,
        most: Duration,
        condition: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        let waited = until.wait_timeout_while(guard, most, condition);
        waited.unwrap_or_else(std::sync::PoisonError::into_inner).0
    }

    pub(crate) async fn nap(time: Duration) {
        tokio::time::sleep(time).await;
    }
}

#[cfg(feature = "shuttle")]
mod system {
    use std::time::Duration;

    pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard};
    pub(crate) use shuttle::thread;

    /// A wait below this may end at any moment, one above never does: what goes on only because a long wait ended had
    /// lost its wake-up, and shows.
    const LONG: Duration = Duration::from_secs(1);

    pub(crate) fn wait_while<'a, T>(
        until: &Condvar,
        mut guard: MutexGuard<'a, T>,
        most: Duration,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        use shuttle::rand::Rng;
        while condition(&mut guard) {
            if most < LONG && shuttle::rand::thread_rng().gen_bool(0.5) {
                return guard;
            }
            let waited = until.wait(guard);
            guard = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        guard
    }

    pub(crate) async fn nap(_: Duration) {
        shuttle::future::yield_now().await;
    }
}

pub(crate) use system::{Condvar, Mutex, MutexGuard, nap, thread, wait_while};
