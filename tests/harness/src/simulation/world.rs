//! The clock and the plugins of a simulation: they do what they are told.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use yizhan_engine::Clock;
use yizhan_engine::carrier::{Call, CancelReason, Carriers, Completion, Completions, Outcome};
use yizhan_workflow::id::Millis;
use yizhan_workflow::run::event::{Failure, Happened, Lost};

use super::BEGAN;
use crate::evidence::Arrival;

/// A clock that stands where it is put.
pub(super) struct Hand(AtomicI64);

impl Hand {
    pub(super) fn new() -> Self {
        Self(AtomicI64::new(BEGAN.0))
    }

    pub(super) fn pass(&self, by: i64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    pub(super) fn not_before(&self, at: Millis) {
        self.0.fetch_max(at.0, Ordering::Relaxed);
    }
}

impl Clock for Hand {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::Relaxed))
    }
}

/// How a call is to end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wish {
    Done,
    /// It never went out.
    NotSent,
    /// The other side said no, for good.
    Refused,
    /// No answer, and it may have happened.
    Lost {
        happened: bool,
    },
    /// Nobody will ever hear of it: the process is about to die.
    Silent {
        happened: bool,
    },
}

/// The plugins: calls that are out, until they are told to end.
pub(super) struct Hands {
    to: Arc<dyn Completions>,
    calls: Mutex<Vec<Call>>,
    /// Which calls had their effect, by run, step, round and item.
    arrived: Mutex<Vec<String>>,
}

impl Hands {
    pub(super) fn new(to: Arc<dyn Completions>) -> Self {
        Self { to, calls: Mutex::default(), arrived: Mutex::default() }
    }

    pub(super) fn open(&self) -> usize {
        lock(&self.calls).len()
    }

    /// Ends a call; what arrived by it.
    pub(super) fn end(&self, which: usize, wish: Wish) -> Option<Arrival> {
        let call = lock(&self.calls).remove(which);
        let happened = match wish {
            Wish::Done => true,
            Wish::NotSent | Wish::Refused => false,
            Wish::Lost { happened } | Wish::Silent { happened } => happened,
        };
        let item = name(&call.run, &call.step, call.round, call.item) + &call.action;
        if happened {
            lock(&self.arrived).push(item.clone());
        }
        if let Some(outcome) = outcome(wish) {
            self.to.completed(vec![Completion { id: call.id, outcome, took: Duration::ZERO }]);
        }
        happened.then(|| Arrival { key: call.key.to_string(), item })
    }

    /// Whether a call of this item, of its undo or not, had its effect.
    pub(super) fn arrived(&self, item: &str, undo: bool) -> bool {
        let of = |known: &&String| known.starts_with(item) && known.ends_with("/back") == undo;
        lock(&self.arrived).iter().any(|known| of(&known))
    }
}

/// The name of an item: what comes after it is the action.
pub(super) fn name(run: &str, step: &str, round: u32, item: u32) -> String {
    format!("{run}|{step}|{round}|{item}/")
}

fn outcome(wish: Wish) -> Option<Outcome> {
    let failed = |happened, retry| {
        Outcome::Failed(Failure {
            code: "play.failed".into(),
            message: "as the seed says".into(),
            retry,
            retry_after_ms: None,
            happened,
        })
    };
    match wish {
        Wish::Done => Some(Outcome::Done { output: "{}".into() }),
        Wish::NotSent => Some(failed(Happened::No, true)),
        Wish::Refused => Some(failed(Happened::No, false)),
        Wish::Lost { .. } => Some(Outcome::Lost { how: Lost::Crash, message: "gone".into() }),
        Wish::Silent { .. } => None,
    }
}

impl Carriers for Hands {
    fn start(&self, calls: Vec<Call>) {
        lock(&self.calls).extend(calls);
    }

    /// A plugin may take no notice.
    fn cancel(&self, _: &[u64], _: CancelReason) {}
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}
