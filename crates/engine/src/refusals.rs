//! Refusals that rest on a line which is not on disk yet: they are said when it is there.
//!
//! Who answers a task twice is told the second time that it has been dealt with, and need not ask again. Said out of memory
//! that would be a promise which a crash breaks: the first answer is gone, and the task is open again.

use yizhan_workflow::id::RunId;

use crate::engine::Loop;
use crate::handle::{ActError, Reply};

/// The refusals that wait, each with the job that must be on disk first.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Vec<(u64, Reply, ActError)>);

impl Loop {
    /// Refuses what somebody wants of a run, once all is on disk that says so.
    pub(crate) fn refuse(&mut self, run: RunId, reply: Reply, error: ActError) {
        let job = self.live.get(&run).map_or(0, |live| live.job);
        self.refuse_after(job, reply, error);
    }

    pub(crate) fn refuse_after(&mut self, job: u64, reply: Reply, error: ActError) {
        if job > self.written {
            self.refusals.0.push((job, reply, error));
        } else {
            reply.failed(error);
        }
    }

    /// Something is on disk. A store that failed answers nobody: whoever waits learns that we stopped.
    pub(crate) fn refuse_written(&mut self) {
        let written = self.written;
        for (_, reply, error) in self.refusals.0.extract_if(.., |(job, ..)| *job <= written) {
            reply.failed(error);
        }
    }
}
