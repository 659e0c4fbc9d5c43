//! The one queue into the engine's loop: everything that is there is taken at once.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::time::Duration;

use crate::sync::{Condvar, Mutex, MutexGuard, wait_while};

/// A queue with one reader. `push` never waits; who may push how much is bounded by its callers.
#[derive(Debug)]
pub(crate) struct Inbox<T> {
    queue: Mutex<Queue<T>>,
    filled: Condvar,
}

#[derive(Debug)]
struct Queue<T> {
    waiting: VecDeque<T>,
    closed: bool,
}

impl<T> Default for Inbox<T> {
    fn default() -> Self {
        let queue = Queue { waiting: VecDeque::new(), closed: false };
        Self { queue: Mutex::new(queue), filled: Condvar::new() }
    }
}

impl<T> Inbox<T> {
    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        // A reader that panicked left a whole queue: nothing is half done under this lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, message: T) {
        let mut queue = self.lock();
        if queue.closed {
            return;
        }
        let was_empty = queue.waiting.is_empty();
        queue.waiting.push_back(message);
        drop(queue);
        if was_empty {
            self.filled.notify_one();
        }
    }

    /// Puts all that is there behind `into`, waiting at most so long for the first.
    pub(crate) fn take(&self, into: &mut VecDeque<T>, wait: Duration) {
        let mut queue = self.lock();
        if queue.waiting.is_empty() && !wait.is_zero() {
            queue = wait_while(&self.filled, queue, wait, |queue| queue.waiting.is_empty());
        }
        if into.is_empty() {
            std::mem::swap(&mut queue.waiting, into);
        } else {
            into.append(&mut queue.waiting);
        }
    }

    /// Nobody reads any more: what waits and what comes is dropped, and with it the way back to whoever asked.
    pub(crate) fn close(&self) {
        let left = {
            let mut queue = self.lock();
            queue.closed = true;
            std::mem::take(&mut queue.waiting)
        };
        drop(left);
    }
}
