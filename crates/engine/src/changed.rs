//! What changed, said to whoever watches as soon as it is on disk. The engine never waits for a watcher: one that cannot follow
//! is told by the channel how much it missed, and looks for itself.

use std::sync::Arc;

use tokio::sync::broadcast::{Receiver, Sender, channel};
use yizhan_workflow::id::RunId;

use crate::engine::{Acts, Loop};

/// Words that a slow watcher may be behind.
const KEPT: usize = 1_024;

/// A run with another line in its journal, and what one needs to know whether somebody may hear of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedRun {
    pub run: RunId,
    pub workflow: Arc<str>,
    /// Who began it.
    pub by: Arc<str>,
    /// Tasks of it are others than they were, or other people's.
    pub tasks: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    Run(ChangedRun),
    /// The workflows in force, what starts them, or whether the disk takes anything in.
    House,
}

/// Where it is said.
#[derive(Debug)]
pub struct Changes(Sender<Changed>);

impl Default for Changes {
    fn default() -> Self {
        Self(channel(KEPT).0)
    }
}

impl Changes {
    #[must_use]
    pub fn watch(&self) -> Receiver<Changed> {
        self.0.subscribe()
    }

    pub(crate) fn say(&self, changed: Changed) {
        drop(self.0.send(changed)); // Nobody watching is fine.
    }

    fn is_watched(&self) -> bool {
        self.0.receiver_count() > 0
    }
}

impl Loop {
    /// Says what a commit changed, while its run is still in memory.
    pub(crate) fn say_changed(&self, acts: &Acts) {
        if !self.shared.changes.is_watched() {
            return;
        }
        if let Some(live) = self.live.get(&acts.run) {
            let started = &live.run.started;
            self.shared.changes.say(Changed::Run(ChangedRun {
                run: acts.run,
                workflow: started.workflow.clone(),
                by: started.by.clone(),
                tasks: acts.tasks,
            }));
        }
    }
}
