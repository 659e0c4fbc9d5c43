//! What all plugins of one daemon share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use yizhan_engine::carrier::{Completion, Completions};

use crate::kept::AttemptLines;
use crate::services::Services;
use crate::settings::{ChildCommand, Limits};
use crate::supervisor::Supervisor;

pub(crate) struct House {
    pub(crate) limits: Limits,
    pub(crate) child: ChildCommand,
    pub(crate) services: Services,
    pub(crate) lines: Arc<dyn AttemptLines>,
    pub(crate) supervisor: Arc<Supervisor>,
    completions: Arc<dyn Completions>,
    /// We stop: what ends now is handed out again after the next start, so nobody is told.
    closed: AtomicBool,
}

impl House {
    pub(crate) fn new(
        limits: Limits,
        child: ChildCommand,
        services: Services,
        lines: Arc<dyn AttemptLines>,
        completions: Arc<dyn Completions>,
    ) -> Self {
        Self {
            limits,
            child,
            services,
            lines,
            supervisor: Arc::new(Supervisor::new()),
            completions,
            closed: AtomicBool::new(false),
        }
    }

    pub(crate) fn completed(&self, batch: Vec<Completion>) {
        if !batch.is_empty() && !self.is_closed() && !yizhan_faults::seeded("host.results-lost") {
            self.completions.completed(batch);
        }
    }

    pub(crate) fn progressed(&self, id: u64, share: f64, note: &str) {
        if !self.is_closed() {
            self.completions.progressed(id, share, note);
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }
}
