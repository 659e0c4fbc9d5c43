//! Due times follow the calendars: after a change every open run is looked at, a few with each turn of the loop.

use std::sync::Arc;

use yizhan_workflow::calendar::Calendars;
use yizhan_workflow::id::RunId;
use yizhan_workflow::run::World;
use yizhan_workflow::run::event::Event;

use crate::engine::Loop;
use crate::store::{Note, StoreError};

/// So many runs are looked at with one turn; what else is there comes between.
const LOOKED_AT: usize = 16;

/// Jobs that may be on their way to the disk while runs are looked at.
const JOBS_MOST: u64 = 4;

/// Which calendars the open runs have seen.
#[derive(Debug, Default)]
pub(crate) struct Following {
    /// All open runs were looked at under these.
    done: Option<Arc<str>>,
    /// The ones in force, as they were last seen.
    seen: Option<Arc<Calendars>>,
    going: Option<Going>,
}

#[derive(Debug)]
struct Going {
    digest: Arc<str>,
    /// What was decided under the ones before is on disk once this job is.
    from: u64,
    after: Option<RunId>,
}

impl Following {
    pub(crate) fn recover(&mut self, done: Option<Arc<str>>) {
        self.done = done;
    }
}

impl Loop {
    /// There are runs to be looked at, and the writer keeps up.
    pub(crate) fn may_follow_calendars(&self) -> bool {
        let going = self.following.going.as_ref().is_some_and(|going| self.written >= going.from);
        going && !self.stopping && !self.full && self.job.saturating_sub(self.written) <= JOBS_MOST
    }

    pub(crate) fn follow_calendars(&mut self, world: &World) {
        self.notice_other_calendars(world);
        if !self.may_follow_calendars() {
            return;
        }
        let Some(Going { digest, after, .. }) = &self.following.going else { return };
        let (digest, after) = (digest.clone(), *after);
        match self.follow_some(after, world) {
            Ok(Some(last)) => {
                if let Some(going) = &mut self.following.going {
                    going.after = Some(last);
                }
            }
            Ok(None) => {
                self.batch.notes.push(Note::CalendarsSeen { digest: digest.clone() });
                self.following.done = Some(digest);
                self.following.going = None;
            }
            Err(error) => {
                tracing::error!(%error, "due times do not follow the calendars until these change or the daemon starts again");
                self.following.going = None;
            }
        }
    }

    fn notice_other_calendars(&mut self, world: &World) {
        let calendars = &world.calendars;
        if self.following.seen.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, calendars)) {
            return;
        }
        self.following.seen = Some(calendars.clone());
        let digest = calendars.digest();
        if self.following.going.is_none() && self.following.done.as_ref() == Some(&digest) {
            return;
        }
        let from = if self.batch.changes.is_empty() { self.job.saturating_sub(1) } else { self.job };
        self.following.going = Some(Going { digest, from, after: None });
    }

    /// The last one that was looked at; none where there are no more.
    fn follow_some(&mut self, after: Option<RunId>, world: &World) -> Result<Option<RunId>, StoreError> {
        let runs = self.shared.reads.open_runs(after, LOOKED_AT)?;
        for run in &runs {
            // One whose first line is not known to be on disk has been decided under these.
            if !self.live.get(run).is_some_and(|live| live.unborn) {
                self.feed_quietly(*run, Event::CalendarsChanged {}, world);
            }
        }
        Ok(runs.last().copied())
    }
}
