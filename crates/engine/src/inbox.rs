//! The one queue into the engine's loop: everything that is there is taken at once.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A queue with one reader. `push` never waits; who may push how much is bounded by its callers.
#[derive(Debug)]
pub(crate) struct Inbox<T> {
    queue: Mutex<VecDeque<T>>,
    filled: Condvar,
}

impl<T> Default for Inbox<T> {
    fn default() -> Self {
        Self { queue: Mutex::new(VecDeque::new()), filled: Condvar::new() }
    }
}

impl<T> Inbox<T> {
    fn lock(&self) -> MutexGuard<'_, VecDeque<T>> {
        // A reader that panicked left a whole queue: nothing is half done under this lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, message: T) {
        let mut queue = self.lock();
        let was_empty = queue.is_empty();
        queue.push_back(message);
        drop(queue);
        if was_empty {
            self.filled.notify_one();
        }
    }

    /// Puts all that is there behind `into`, waiting at most so long for the first.
    pub(crate) fn take(&self, into: &mut VecDeque<T>, wait: Duration) {
        let mut queue = self.lock();
        if queue.is_empty() && !wait.is_zero() {
            queue = self
                .filled
                .wait_timeout_while(queue, wait, |queue| queue.is_empty())
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        if into.is_empty() {
            std::mem::swap(&mut *queue, into);
        } else {
            into.append(&mut queue);
        }
    }
}
