//! Brings what was published to whoever listens for it.
//!
//! Opening a listener looks for events after its commit, and publishing looks for listeners after its commit: one of the
//! two sees the other, and where both do the second is an echo.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use yizhan_workflow::filter::passes;
use yizhan_workflow::id::{Attempt, Millis, RunId};
use yizhan_workflow::run::event::{Event, Listening, Raw, Standing};
use yizhan_workflow::run::state::At;
use yizhan_workflow::run::{Refusal, World};

use crate::engine::Loop;
use crate::handle::{ActError, Reply};
use crate::store::{Listener, Note, Published, StoreError};

/// Events that a listener looks at, and listeners that an event is offered to, before others have their turn.
const TURN: usize = 100;
/// A clock that runs are further ahead of was wrong when they began, not set back since.
pub(crate) const SET_BACK_MOST: i64 = 48 * 3_600_000;
/// Listeners that are read at once after a start.
const BEHIND: usize = 500;

/// What is still to be looked at.
#[derive(Debug, Default)]
pub(crate) struct Events {
    /// Listeners that opened, each with the number of the last event it has looked at.
    looks: VecDeque<(RunId, Attempt, u64)>,
    /// Events that are on disk, each with the number of the last listener it was offered to.
    offers: VecDeque<(Published, u64)>,
    /// After a start: up to which listener it has been looked whether its event came meanwhile.
    behind: Option<u64>,
    /// On their way to the disk.
    under_way: BTreeSet<(Arc<str>, Arc<str>)>,
    /// When the newest run began. What is published now came after that, whatever a clock says that was set back.
    newest_run: Millis,
}

impl Events {
    pub(crate) fn are_waiting(&self) -> bool {
        !self.looks.is_empty() || !self.offers.is_empty() || self.behind.is_some()
    }

    /// Begins with those whose event was published before a crash.
    pub(crate) fn recover(&mut self) {
        self.behind = Some(0);
    }

    pub(crate) fn run_began(&mut self, at: Millis) {
        self.newest_run = self.newest_run.max(at);
    }

    pub(crate) fn look(&mut self, run: RunId, of: Attempt) {
        self.looks.push_back((run, of, 0));
    }

    pub(crate) fn offer(&mut self, event: Published) {
        self.under_way.remove(&(event.name.clone(), event.id.clone()));
        self.offers.push_back((event, 0));
    }

    pub(crate) fn offers(&self) -> usize {
        self.offers.len()
    }
}

/// What a run knows an event by: ids are unique with their names.
pub(crate) fn taken_as(event: &Published) -> Arc<str> {
    format!("{}/{}", event.name, event.id).into()
}

impl Loop {
    /// Takes an event in; it is acknowledged once it is on disk.
    pub(crate) fn publish(&mut self, event: Published, reply: Reply) {
        if self.full {
            return reply.failed(ActError::DiskFull);
        }
        if yizhan_faults::seeded("engine.publish-dropped") {
            return reply.committed();
        }
        self.publish_in_batch(event);
        self.after.replies.push(reply);
    }

    /// Stands or falls with the batch in the making. What came before is not taken in twice.
    pub(crate) fn publish_in_batch(&mut self, mut event: Published) {
        let newest = self.events.newest_run;
        if newest.0 - event.at.0 <= SET_BACK_MOST {
            event.at = event.at.max(newest);
        }
        let known = self.shared.reads.event(&event.name, &event.id).is_ok_and(|known| known.is_some());
        if known || !self.events.under_way.insert((event.name.clone(), event.id.clone())) {
            return;
        }
        yizhan_faults::point("engine.event_publishing");
        if !yizhan_faults::seeded("engine.event-unwritten") {
            self.batch.notes.push(Note::Published(event.clone()));
        }
        self.after.published.push(event);
    }

    /// A part of what is still to be looked at: what came first, first.
    pub(crate) fn bring_events(&mut self, world: &World) {
        for _ in 0..crate::engine::JOB_RECORDS {
            if self.stopping || !self.events.are_waiting() {
                break;
            }
            self.bring_some(world);
        }
        self.shared.figures.offers.store(self.events.offers() as u64, Ordering::Relaxed);
    }

    fn bring_some(&mut self, world: &World) {
        let turn = match self.events.looks.pop_front() {
            Some((run, of, after)) => self.look_for(run, of, after, world),
            None if self.events.behind.is_some() => self.look_behind(),
            // Those that look come first: each takes the oldest that fits.
            None => match self.events.offers.pop_front() {
                Some((event, after)) => self.offer_on(event, after, world),
                None => Ok(()),
            },
        };
        if let Err(error) = turn {
            tracing::error!(%error, "events cannot be read; who waits for them is looked after at the next start");
        }
    }

    fn look_behind(&mut self) -> Result<(), StoreError> {
        let Some(after) = self.events.behind.take() else { return Ok(()) };
        let rows = self.shared.reads.listeners_behind(after, BEHIND)?;
        if rows.len() == BEHIND {
            self.events.behind = rows.last().map(|row| row.number);
        }
        self.events.looks.extend(rows.into_iter().map(|row| (row.run, row.of, 0)));
        Ok(())
    }

    /// The oldest event that was accepted since the run began, that passes and that the run has not taken.
    fn look_for(&mut self, run: RunId, of: Attempt, after: u64, world: &World) -> Result<(), StoreError> {
        let Some((to, since)) = self.listening(run, of) else { return Ok(()) };
        if yizhan_faults::seeded("engine.event-unlooked") {
            return Ok(());
        }
        if yizhan_faults::fails("engine.event_looking") {
            return Err(StoreError::Failed("as a fault run asks".into()));
        }
        let found = self.shared.reads.events(&to.event, &to.key, since, after, TURN)?;
        for event in &found {
            let id = taken_as(event);
            let known = self.live.get(&run).is_some_and(|live| live.run.taken.contains(&id));
            if !known && fits(to.filter.as_ref(), event) {
                self.give(run, of, event, world);
                return Ok(());
            }
        }
        if let Some(last) = found.last().filter(|_| found.len() == TURN) {
            self.events.looks.push_back((run, of, last.number));
        }
        Ok(())
    }

    fn listening(
        &mut self,
        run: RunId,
        of: Attempt,
    ) -> Option<(Box<Listening>, yizhan_workflow::id::Millis)> {
        if let Err(error) = self.bring(run) {
            tracing::error!(%run, %error, "a run that listens cannot be read");
            return None;
        }
        let live = self.live.get(&run)?;
        match &live.run.item(of.item)?.at {
            At::Is(Standing::Listening { a, to }) if *a == of.attempt => Some((to.clone(), live.run.began)),
            At::Is(_) | At::Over(_) => None,
        }
    }

    fn offer_on(&mut self, event: Published, after: u64, world: &World) -> Result<(), StoreError> {
        let listeners = self.shared.reads.listeners(&event.name, &event.key, after, TURN)?;
        for Listener { run, of, filter, since, .. } in &listeners {
            if *since <= event.at && fits(filter.as_ref(), &event) {
                self.give(*run, *of, &event, world);
                if self.batch.changes.len() >= crate::engine::JOB_RECORDS {
                    self.hand_over();
                }
            }
        }
        if let Some(last) = listeners.last().filter(|_| listeners.len() == TURN) {
            let number = last.number;
            self.events.offers.push_front((event, number));
        }
        Ok(())
    }

    fn give(&mut self, run: RunId, of: Attempt, event: &Published, world: &World) {
        yizhan_faults::point("engine.event_giving");
        let taken = Event::EventTaken { of, id: taken_as(event), payload: event.payload.clone() };
        match self.feed(run, taken, world) {
            // It has moved on, or it took this one by another step.
            Ok(_) | Err(ActError::Refused(Refusal::Echo(_))) => {}
            Err(error) => tracing::warn!(%run, event = %event.id, %error, "an event was not taken"),
        }
    }
}

/// An event of another shape is not the one that is waited for.
fn fits(filter: Option<&Raw>, event: &Published) -> bool {
    let Some(filter) = filter else { return true };
    passes(filter.get(), event.payload.get()).unwrap_or_else(|error| {
        tracing::debug!(event = %event.id, %error, "an event cannot be compared with what is waited for");
        false
    })
}
