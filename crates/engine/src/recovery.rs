//! What the loop does by itself: hands out again what a crash cut, wakes what is due, and lets idle runs leave memory.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::Ordering;

use yizhan_workflow::id::{Millis, RunId};
use yizhan_workflow::run::event::{AttemptResult, Event, Lost};
use yizhan_workflow::run::{Command, Refusal, World, wants};

use crate::engine::Loop;
use crate::handle::{ActError, Message};
use crate::store::{RunFilter, RunState, StoreError, Tell};

/// How far ahead wake-ups are kept in memory,
const NEAR: i64 = 60_000;
/// and how many.
const NEAR_MOST: usize = 10_000;
/// After this a run is woken again that could not be read.
const WAKE_AGAIN: i64 = 30_000;
/// Idle runs that may stay in memory.
const IDLE_MOST: usize = 4_000;

/// What is still to go on after a start.
#[derive(Debug, Default)]
pub(crate) struct Recovery {
    /// Runs that were in the middle of something, the first to begin first.
    runs: BTreeSet<RunId>,
    /// Ends of children that their parents were not told of.
    tells: VecDeque<Tell>,
    /// The children of those, also when they were told meanwhile.
    told: BTreeSet<RunId>,
}

impl Recovery {
    pub(crate) fn goes_on(&self) -> bool {
        !self.runs.is_empty() || !self.tells.is_empty()
    }
}

impl Loop {
    /// After a start: finds every run that was in the middle of something, and lets the first lot of them go on. The others
    /// follow in turns of the loop, between which what comes from outside has its turn; whoever comes to one of them lets
    /// it go on first.
    pub(crate) fn recover(&mut self) -> Result<(), StoreError> {
        let world = self.shared.world();
        let reads = self.shared.reads.clone();
        if yizhan_faults::fails("engine.recovering") {
            return Err(StoreError::Failed("as a fault run asks".into()));
        }
        self.recover_notices()?;
        let mut runs: BTreeSet<RunId> = reads.runs_in_flight()?.into_iter().collect();
        if yizhan_faults::seeded("engine.cut-run-forgotten") {
            runs.pop_last();
        }
        let tells: VecDeque<Tell> = reads.tells()?.into();
        let told = tells.iter().map(|tell| tell.child).collect();
        let figures = &self.shared.figures;
        figures.recovering.store(runs.len() as u64, Ordering::Relaxed);
        figures.cut.store(runs.len() as u64, Ordering::Relaxed);
        self.recovery = Recovery { runs, tells, told };
        self.recover_slots(&world)?;
        self.recover_choices()?;
        self.events.recover();
        if let Some(newest) = reads.runs(&RunFilter::default(), None, 1)?.rows.first() {
            self.events.run_began(newest.started);
        }
        self.following.recover(reads.calendars_seen()?);
        yizhan_faults::point("engine.recovered");
        self.recover_some(&world);
        Ok(())
    }

    /// Lets a lot of them go on.
    pub(crate) fn recover_some(&mut self, world: &World) {
        if self.shared.ready.load(Ordering::Acquire) || self.lets_due_wait() {
            return;
        }
        for _ in 0..self.shared.config.lot.get() {
            if let Some(run) = self.recovery.runs.first().copied() {
                self.recover_run(run);
            } else if let Some(tell) = self.recovery.tells.pop_front() {
                match serde_json::from_slice(&tell.event) {
                    Ok(event) => self.tell(tell.parent, event, world),
                    Err(error) => {
                        tracing::error!(child = %tell.child, %error, "a child's end cannot be read")
                    }
                }
            } else {
                break;
            }
            if self.batch.changes.len() >= crate::engine::JOB_RECORDS {
                self.hand_over();
            }
        }
        self.end_lot();
        let figures = &self.shared.figures;
        figures.recovering.store(self.recovery.runs.len() as u64, Ordering::Relaxed);
        if !self.recovery.goes_on() {
            yizhan_faults::point("engine.recovered_runs");
            self.recovery = Recovery::default();
            let runs = figures.cut.load(Ordering::Relaxed);
            self.shared.ready.store(true, Ordering::Release);
            if runs > 0 {
                tracing::info!(runs, "runs that were under way go on");
            }
        }
    }

    fn recover_run(&mut self, id: RunId) {
        if let Err(error) = self.bring(id) {
            tracing::error!(run = %id, %error, "this run cannot go on; the others do");
            self.recovery.runs.remove(&id);
        }
    }

    /// It came into memory for the first time since the start: where it was in the middle of something, it learns that it
    /// was cut before anything else happens to it.
    pub(crate) fn go_on(&mut self, id: RunId) {
        if !self.recovery.runs.remove(&id) {
            return;
        }
        let world = &self.shared.world();
        let owed = self.live.get(&id).map(|live| wants(&live.run)).unwrap_or_default();
        for command in owed {
            match command {
                Command::Start { of, .. } if yizhan_faults::seeded("engine.once-again") => {
                    let failure = crate::carrier::not_sent("it was cut".into());
                    self.inbox.push(Message::Failed { run: id, of, failure });
                }
                Command::Start { of, .. } | Command::Stop { of } => {
                    let result = AttemptResult::Lost { how: Lost::Restart, message: "".into() };
                    self.feed_quietly(id, Event::Ended { of, result, took_us: None }, world);
                }
                Command::StartChild { of, child } if self.is_detached(id, of) || self.waits_for_us(child) => {
                    self.start_child(id, of, child, world);
                }
                Command::StartChild { .. } => {}
                Command::StopChild { of, child } => self.stop_child(id, of, child, world),
                // Rows in the store, which are read by themselves.
                Command::OpenTask { .. }
                | Command::CloseTask { .. }
                | Command::AskSlot { .. }
                | Command::Listen { .. }
                | Command::StopListening { .. } => {}
            }
        }
    }

    /// A child that is open recovers by itself, and one that ended has left word for its parent. One that never began
    /// waits for us, and so does one whose word was taken: its parent tries again, and we died before it heard of that.
    fn waits_for_us(&self, child: RunId) -> bool {
        if self.live.contains_key(&child) {
            return false; // It was open, whatever the store says by now.
        }
        match self.shared.reads.row(child) {
            Ok(None) => true,
            Ok(Some(row)) => match row.state {
                RunState::Open | RunState::Closing => false,
                RunState::Done | RunState::Failed | RunState::Cancelled => {
                    !self.recovery.told.contains(&child)
                }
            },
            Err(error) => {
                tracing::error!(%child, %error, "a child cannot be looked at; its parent waits");
                false
            }
        }
    }

    /// Wakes a lot of the runs whose timers are due, the longest due first, and looks further ahead when the horizon
    /// comes near and none before it waits.
    pub(crate) fn fire_due(&mut self, world: &World) {
        // Those that were cut go first: until they do, nothing that is due has been read.
        if self.lets_due_wait() || self.recovery.goes_on() {
            return;
        }
        let now = self.shared.now();
        if now >= self.horizon && self.wakes.first().is_none_or(|(at, _)| *at > self.horizon) {
            self.look_ahead(now);
        }
        for _ in 0..self.shared.config.lot.get() {
            let Some((at, run)) = self.wakes.first().copied().filter(|(at, _)| *at <= now) else { return };
            self.wakes.remove(&(at, run));
            self.wake(run, now, world);
            if self.batch.changes.len() >= crate::engine::JOB_RECORDS {
                self.hand_over();
            }
        }
        self.end_lot();
    }

    /// Notes with which job what was done now is on disk.
    fn end_lot(&mut self) {
        let last = if self.batch.is_empty() { self.job - 1 } else { self.job };
        self.lots = [self.lots[1], last];
    }

    /// Two full lots are not on disk yet: more would lie in memory, and an answer would wait until all of it is written. Or
    /// the loop is to end and no call is out that a timer could cut: the next start finds what is due.
    pub(crate) fn lets_due_wait(&self) -> bool {
        let ends = self.stopping && (self.calls.is_empty() || self.recovery.goes_on());
        self.lots[0] > self.written || ends
    }

    fn wake(&mut self, run: RunId, now: Millis, world: &World) {
        yizhan_faults::point("engine.waking");
        if yizhan_faults::seeded("engine.timer-forgotten") {
            return;
        }
        match self.feed(run, Event::Woke {}, world) {
            Ok(_) | Err(ActError::Refused(Refusal::Echo(_))) => {}
            Err(error) => {
                tracing::warn!(%run, %error, "a run could not be woken");
                if matches!(error, ActError::Unreadable(_)) {
                    // The store may be readable again by then.
                    self.wakes.insert((now.plus(WAKE_AGAIN), run));
                }
            }
        }
    }

    fn look_ahead(&mut self, now: Millis) {
        let until = now.plus(NEAR);
        match self.shared.reads.wakes(until, NEAR_MOST) {
            Ok(near) => {
                // With more than fit, look again at the last of them; what is due by then is in memory.
                self.horizon = if near.len() == NEAR_MOST {
                    near.last().map_or(until, |(at, _)| (*at).max(now.plus(1)))
                } else {
                    until
                };
                self.wakes.extend(near);
                // What is not on disk yet the store has not shown, and it was not near when it was decided.
                let fresh = self.live.iter().filter(|(_, live)| live.job > self.written && !live.unborn);
                let fresh = fresh.filter_map(|(run, live)| Some((live.wake?, *run)));
                self.wakes.extend(fresh.filter(|(at, _)| *at <= self.horizon));
            }
            Err(error) => {
                tracing::error!(%error, "wake-ups cannot be read; they are tried again in a second");
                self.horizon = now.plus(1_000);
            }
        }
    }

    /// Runs that wait for something slow leave memory, the longest idle first.
    pub(crate) fn evict(&mut self) {
        while let Some(id) = self.idle.front().copied() {
            let Some(live) = self.live.get(&id) else {
                self.idle.pop_front();
                continue;
            };
            if live.job > self.written {
                return; // Its last line is not on disk yet, and those behind it are younger.
            }
            if live.run.standing.attempts > 0 && !live.run.is_over() {
                self.idle.pop_front();
                continue;
            }
            if !live.run.is_over() && self.idle.len() <= IDLE_MOST {
                return;
            }
            self.idle.pop_front();
            self.live.remove(&id);
        }
    }
}
