//! The one long-lived thread that starts children, counts time for calls, and ends what does not obey.
//!
//! A child dies with the thread that started it (`PR_SET_PDEATHSIG`), so it must be this one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::instance::Instance;
use crate::process::LEAVE_WITHIN;
use crate::runner::Runner;

pub(crate) struct Supervisor {
    base: Instant,
    /// Nanoseconds after `base`: when it wakes next. Read without the lock, since every call asks.
    next: AtomicU64,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    runners: Vec<Weak<Runner>>,
    /// Told goodbye; from that instant on they should have gone.
    parting: Vec<(Instant, Arc<Instance>)>,
    closed: bool,
}

impl Supervisor {
    pub(crate) fn new() -> Self {
        Self {
            base: Instant::now(),
            next: AtomicU64::new(u64::MAX),
            state: Mutex::default(),
            wake: Condvar::new(),
        }
    }

    pub(crate) fn run(self: &Arc<Self>) -> std::io::Result<()> {
        let supervisor = Arc::clone(self);
        thread::Builder::new().name("yz-supervisor".to_owned()).spawn(move || supervisor.watch())?;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn watch_over(&self, runner: &Arc<Runner>) {
        self.lock().runners.push(Arc::downgrade(runner));
        self.wake_by(Instant::now());
    }

    /// It was told goodbye and gets a little time to go.
    pub(crate) fn kill_later(&self, instance: Arc<Instance>) {
        let at = Instant::now() + LEAVE_WITHIN;
        self.lock().parting.push((at, instance));
        self.wake_by(at);
    }

    /// Kills those whose time is over; one that has gone is not there to be killed. When the next one's is over.
    fn kill_parting(state: &mut State, now: Instant) -> Option<Instant> {
        for (_, instance) in state.parting.extract_if(.., |(at, _)| *at <= now) {
            instance.kill();
        }
        state.parting.iter().map(|(at, _)| *at).min()
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_all();
    }

    fn nanos(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.base).as_nanos()).unwrap_or(u64::MAX - 1)
    }

    /// Something is due at `at`. Costs one read unless it is sooner than what is known.
    pub(crate) fn wake_by(&self, at: Instant) {
        let at = self.nanos(at);
        if self.next.load(Ordering::SeqCst) <= at {
            return;
        }
        if self.next.fetch_min(at, Ordering::SeqCst) > at {
            // Under the lock, so that the watcher is either before its look at `next` or asleep.
            drop(self.lock());
            self.wake.notify_all();
        }
    }

    fn watch(&self) {
        loop {
            let runners: Vec<Arc<Runner>> = {
                let mut state = self.lock();
                loop {
                    if state.closed {
                        return;
                    }
                    let next = self.next.load(Ordering::SeqCst);
                    let now = self.nanos(Instant::now());
                    if next <= now {
                        break;
                    }
                    state = if next == u64::MAX {
                        self.wake.wait(state).unwrap_or_else(PoisonError::into_inner)
                    } else {
                        let wait = Duration::from_nanos(next - now);
                        self.wake.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0
                    };
                }
                // What comes due while the runners are looked at sets it again.
                let parting = Self::kill_parting(&mut state, Instant::now());
                self.next.store(parting.map_or(u64::MAX, |at| self.nanos(at)), Ordering::SeqCst);
                state.runners.retain(|runner| runner.strong_count() > 0);
                state.runners.iter().filter_map(Weak::upgrade).collect()
            };
            for runner in runners {
                if let Some(at) = runner.tend(Instant::now()) {
                    self.wake_by(at);
                }
            }
        }
    }
}
