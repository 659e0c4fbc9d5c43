//! Threads for blocking actions: as many as are busy, up to a limit, behind a bounded queue.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// More than any plugin's outside can serve at once; each idle thread costs some kilobytes.
const THREADS_MAX: usize = 64;
/// The host bounds what it sends; this is the wall behind it.
const QUEUE_MAX: usize = 16_384;

type Job = Box<dyn FnOnce() + Send>;

#[derive(Clone, Default)]
pub(crate) struct Pool(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    threads: usize,
    idle: usize,
    closed: bool,
}

impl Pool {
    /// Gives the job back when there is no room for it.
    pub(crate) fn submit(&self, job: Job) -> Result<(), Job> {
        let mut state = self.lock();
        if state.closed || state.queue.len() >= QUEUE_MAX {
            return Err(job);
        }
        state.queue.push_back(job);
        if state.idle >= state.queue.len() {
            self.0.1.notify_one();
        } else if state.threads < THREADS_MAX {
            let pool = self.clone();
            let spawned = thread::Builder::new().name("yz-blocking".to_owned()).spawn(move || pool.work());
            match spawned {
                Ok(_) => state.threads += 1,
                // With no thread at all nobody would take the job.
                Err(_) if state.threads == 0 => return state.queue.pop_back().map_or(Ok(()), Err),
                Err(_) => {}
            }
        }
        Ok(())
    }

    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.queue.clear();
        self.0.1.notify_all();
    }

    fn work(&self) {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.queue.pop_front() {
                drop(state);
                job();
                state = self.lock();
            } else if state.closed {
                return;
            } else {
                state.idle += 1;
                state = self.0.1.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
