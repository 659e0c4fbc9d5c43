//! Fires schedules: which slots are due is decided by a pure function; a firing is unique in the store for ever.

mod entries;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::StreamExt as _;
use serde_json::json;
use yizhan_workflow::calendar::Calendar;
use yizhan_workflow::id::{Millis, RunId};
use yizhan_workflow::plan::{Starts, Trigger, Workflow};
use yizhan_workflow::run::ITEMS_MAX;
use yizhan_workflow::schedule::{self, Overlap, Schedule, Slot};

use crate::gathering::Gathering;
use crate::handle::{ActError, Engine, StartError, StartReply, Started};
use crate::intake::each::{Became, Elements, has_each, note_refused};
use crate::intake::{self, Fired, IntakeError};
use crate::registers::LookError;
use crate::store::{Firing, FiringOutcome, Note, RunState, StoreError};

/// Firings that are looked through after a start for the run of an earlier slot, and for the slot that waits for it.
const REMEMBERED: usize = 500;
/// The same for a trigger whose every element is a firing.
const REMEMBERED_EACH: usize = 2 * ITEMS_MAX;

/// Schedules that are looked at side by side: those of one second share their commits. A slot is one firing, so no order
/// between schedules can double or lose any.
const AT_ONCE: usize = 64;

/// A schedule of which something may be due.
type Due<'d> = ((Arc<str>, Arc<str>), &'d Arc<Workflow>, &'d Schedule);

/// What is remembered of one schedule between two looks.
#[derive(Clone, Debug)]
struct Watched {
    last: Millis,
    next: Option<Millis>,
    /// The slot that waits for the run of an earlier one.
    queued: Option<Slot>,
    /// The runs of the latest slot, but those at the end that were found to be over.
    latest: Vec<RunId>,
    /// The text that the schedule was read from: a new text is looked at anew.
    text: Arc<Workflow>,
}

/// Every schedule of the workflows in force.
#[derive(Debug)]
pub struct Schedules {
    engine: Engine,
    watched: BTreeMap<(Arc<str>, Arc<str>), Watched>,
    gathering: Gathering,
}

#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Act(#[from] ActError),
    #[error(transparent)]
    Look(#[from] LookError),
}

impl Schedules {
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        Self { engine, watched: BTreeMap::new(), gathering: Gathering::default() }
    }

    /// Looks at every schedule once. An error leaves a slot undecided: the next look decides it.
    pub async fn look(&mut self) {
        let now = self.engine.shared.now();
        let workflows = self.engine.shared.library.workflows();
        let mut known = BTreeSet::new();
        let mut due = Vec::new();
        for text in workflows.values().filter_map(|entry| entry.workflow.as_ref()) {
            for trigger in &text.triggers {
                let Starts::Schedule(schedule) = &trigger.starts else { continue };
                let name = (text.name.clone(), trigger.name.clone());
                // As if the daemon had been off for it: what is due meanwhile is decided once it goes on.
                if !self.is_paused(text, trigger) && !self.rests(&name, text, now) {
                    due.push((name.clone(), text, &**schedule));
                }
                known.insert(name);
            }
        }
        self.look_at_all(&due, now).await;
        self.watched.retain(|name, _| known.contains(name));
        for text in workflows.values().filter_map(|entry| entry.workflow.as_ref()) {
            for trigger in &text.triggers {
                if trigger.gather.is_some()
                    && !self.is_paused(text, trigger)
                    && let Err(error) = self.gathering.look(&self.engine, text, trigger).await
                {
                    tracing::warn!(workflow = %text.name, trigger = %trigger.name, %error, "what was gathered could not be looked at");
                }
            }
        }
    }

    /// Who looks at very many schedules, or at very many slots, does not stand still.
    fn goes_on(&self) {
        self.engine.shared.figures.schedule_looks.fetch_add(1, Ordering::Relaxed);
    }

    fn is_paused(&self, text: &Workflow, trigger: &Trigger) -> bool {
        self.engine.shared.paused(&text.name, &trigger.name).is_some()
    }

    /// Nothing of it is due yet.
    fn rests(&self, name: &(Arc<str>, Arc<str>), text: &Workflow, now: Millis) -> bool {
        self.watched.get(name).is_some_and(|watched| {
            watched.text.hash == text.hash
                && watched.queued.is_none()
                && watched.next.is_some_and(|next| now < next && now >= watched.last)
        })
    }

    async fn look_at_all(&mut self, due: &[Due<'_>], now: Millis) {
        let at_once = AT_ONCE.min(self.engine.shared.config.requests_max).max(1);
        let this = &*self;
        let looks = (0..due.len()).map(|place| async move { (place, this.look_at(&due[place], now).await) });
        let looked: Vec<_> = futures_util::stream::iter(looks).buffer_unordered(at_once).collect().await;
        for (place, watched) in looked {
            let name = &due[place].0;
            match watched {
                Ok(Some(watched)) => drop(self.watched.insert(name.clone(), watched)),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(workflow = %name.0, trigger = %name.1, %error, "a schedule could not be looked at");
                }
            }
        }
    }

    /// What is to be remembered of it, where it could be decided.
    async fn look_at(
        &self,
        (name, text, schedule): &Due<'_>,
        now: Millis,
    ) -> Result<Option<Watched>, ScheduleError> {
        let mut watched = match self.watched.get(name) {
            Some(watched) if watched.text.hash == text.hash => watched.clone(),
            Some(older) => Watched { text: (*text).clone(), next: None, ..older.clone() },
            None => self.remembered(name, text, now).await?,
        };
        let Some(calendar) = self.calendar_of(text) else { return Ok(None) };
        if yizhan_faults::fails("schedules.deciding") {
            return Err(StoreError::Failed("as a fault run asks".into()).into());
        }
        self.goes_on();
        let ahead = if yizhan_faults::seeded("schedules.slot-early") { 700 } else { 0 };
        let decided = schedule::decide(schedule, &calendar, watched.last, now.plus(ahead));
        for (at, why) in &decided.missed {
            tracing::info!(workflow = %name.0, trigger = %name.1, slot = %at, ?why, "a slot was passed over");
            self.note(name, *at, FiringOutcome::Missed).await?;
        }
        // What a crash left half begun comes before what is due since.
        self.fire_queued(name, text, schedule, &mut watched).await?;
        for slot in decided.fire {
            self.take(name, text, schedule, slot, &mut watched).await?;
        }
        self.fire_queued(name, text, schedule, &mut watched).await?;
        // Its slots have begun, and it is not noted yet that they were seen.
        if yizhan_faults::fails("schedules.fired") {
            return Err(StoreError::Failed("as a fault run asks".into()).into());
        }
        if decided.seen != watched.last {
            self.engine.note(seen(name, decided.seen)).await?;
        }
        yizhan_faults::point("schedules.seen");
        watched.last = decided.seen;
        watched.next = decided.next;
        Ok(Some(watched))
    }

    /// The calendar of a file's schedules. Without it nothing is decided, so nothing is lost either: it is all decided
    /// when the calendar is there again.
    fn calendar_of(&self, text: &Workflow) -> Option<Arc<Calendar>> {
        let name = text.calendar.as_deref();
        let found = self.engine.shared.world().calendars.named(name).cloned();
        if found.is_none() {
            let calendar = name.unwrap_or_default();
            tracing::error!(workflow = %text.name, calendar, "the calendar of a schedule is gone: it does not fire");
        }
        found
    }

    /// What the store knows of a schedule; one that was never seen begins now.
    async fn remembered(
        &self,
        name: &(Arc<str>, Arc<str>),
        text: &Arc<Workflow>,
        now: Millis,
    ) -> Result<Watched, ScheduleError> {
        let reads = &self.engine.shared.reads;
        let by_entry = text.trigger(&name.1).is_some_and(|trigger| trigger.dates().is_some());
        let most = if by_entry || has_each(text, &name.1) { REMEMBERED_EACH } else { REMEMBERED };
        let mut firings = reads.firings(&name.0, &name.1, most)?;
        // What its slots gathered fires at slots of its own.
        firings.retain(|(firing, _)| firing.id.as_bytes().first().is_some_and(u8::is_ascii_digit));
        let latest = firings.first();
        let last = if let Some(last) = reads.schedule_seen(&name.0, &name.1)? {
            // A slot may be on disk before the note that it was seen.
            latest.map_or(last, |(firing, _)| last.max(firing.at))
        } else {
            self.engine.note(seen(name, now)).await?;
            now
        };
        let queued = firings.iter().find(|(firing, _)| firing.outcome == FiringOutcome::Queued);
        let queued = queued.map(|(firing, _)| Slot { at: firing.at, late: false });
        // The newest slots may have been passed over: the runs they must not overlap are an earlier one's. Those of the
        // slot that waits are no others: it was in the middle of its elements.
        let ran = firings.iter().filter_map(|(firing, run)| run.map(|run| (firing.at, run)));
        let mut ran = ran.filter(|(at, _)| queued.is_none_or(|slot| slot.at != *at)).peekable();
        let newest = ran.peek().map(|(at, _)| *at);
        let latest = ran.take_while(|(at, _)| Some(*at) == newest).map(|(_, run)| run).collect();
        Ok(Watched { last, next: None, queued, latest, text: text.clone() })
    }

    #[expect(clippy::too_many_arguments, reason = "a slot and all that it is judged by")]
    async fn take(
        &self,
        name: &(Arc<str>, Arc<str>),
        text: &Arc<Workflow>,
        schedule: &Schedule,
        slot: Slot,
        watched: &mut Watched,
    ) -> Result<(), ScheduleError> {
        let gathers = text.trigger(&name.1).is_some_and(|trigger| trigger.gather.is_some());
        let busy = !gathers && schedule.overlap != Overlap::Allow && self.is_open(&mut watched.latest)?;
        match schedule.overlap {
            Overlap::Queue if busy => {
                // One waits, the newest; on disk, too, for its run may end only after our restart.
                self.note(name, slot.at, FiringOutcome::Queued).await?;
                let older = watched.queued.replace(slot);
                if let Some(older) = older.filter(|older| older.at != slot.at) {
                    self.note(name, older.at, FiringOutcome::Skipped).await?;
                }
                Ok(())
            }
            Overlap::Skip if busy => self.note(name, slot.at, FiringOutcome::Skipped).await,
            Overlap::Queue | Overlap::Skip | Overlap::Allow => self.fire(name, text, slot, watched).await,
        }
    }

    async fn fire_queued(
        &self,
        name: &(Arc<str>, Arc<str>),
        text: &Arc<Workflow>,
        schedule: &Schedule,
        watched: &mut Watched,
    ) -> Result<(), ScheduleError> {
        if let Some(slot) = watched.queued
            && (schedule.overlap == Overlap::Allow || !self.is_open(&mut watched.latest)?)
        {
            watched.queued = None;
            self.fire(name, text, slot, watched).await?;
        }
        Ok(())
    }

    /// Whether one of them is open. Those that are over are asked once.
    fn is_open(&self, runs: &mut Vec<RunId>) -> Result<bool, StoreError> {
        while let Some(run) = runs.last() {
            let row = self.engine.shared.reads.row(*run)?;
            if row.is_some_and(|row| matches!(row.state, RunState::Open | RunState::Closing)) {
                return Ok(true);
            }
            runs.pop();
        }
        Ok(false)
    }

    async fn fire(
        &self,
        name: &(Arc<str>, Arc<str>),
        text: &Arc<Workflow>,
        slot: Slot,
        watched: &mut Watched,
    ) -> Result<(), ScheduleError> {
        yizhan_faults::point("schedules.firing");
        self.goes_on();
        if yizhan_faults::seeded("schedules.slot-skipped") {
            return Ok(());
        }
        let world = self.engine.shared.world();
        let with = self.told(name, text, slot)?;
        if text.trigger(&name.1).is_some_and(|trigger| trigger.dates().is_some()) {
            return self.fire_entries(name, text, slot, with).await;
        }
        let fired = Fired { trigger: &name.1, with };
        let outcome = if slot.late { FiringOutcome::Late } else { FiringOutcome::Started };
        if has_each(text, &name.1) {
            let elements = Elements::of(text, &fired, &serde_json::Map::new(), world, slot.at);
            return self.fire_each(elements, &firing(name, slot.at, outcome), watched).await;
        }
        let started =
            intake::from_trigger(text, fired, &serde_json::Map::new(), &world, slot.at).map(|prepared| {
                let by = format!("trigger:{}", name.1).into();
                let unclaimed = yizhan_faults::seeded("schedules.slot-unclaimed");
                let firing = Some(firing(name, slot.at, outcome)).filter(|_| !unclaimed);
                Started { prepared, by, firing }
            });
        if let Ok(Started { prepared, by, .. }) = &started
            && yizhan_faults::seeded("schedules.slot-twice")
        {
            let again = Started { prepared: prepared.clone(), by: by.clone(), firing: None };
            drop(self.engine.start(again).await);
        }
        let result = match started {
            Ok(started) => self.engine.start(started).await,
            Err(error) => Err(StartError::Intake(error)),
        };
        match result {
            Ok(StartReply::Started(run) | StartReply::Joined(run)) => watched.latest = vec![run],
            Ok(StartReply::Gathered { .. }) => {}
            Err(StartError::FiredBefore { run }) => {
                watched.latest = run.map_or_else(|| std::mem::take(&mut watched.latest), |run| vec![run])
            }
            Err(error @ StartError::Gathered { .. }) => {
                tracing::error!(workflow = %name.0, trigger = %name.1, %error, "a slot is not gathered");
                self.note(name, slot.at, FiringOutcome::Rejected).await?;
            }
            Err(StartError::KeyHeld { by }) => {
                tracing::info!(workflow = %name.0, trigger = %name.1, %by, "a slot found its key held");
                self.note(name, slot.at, FiringOutcome::Rejected).await?;
            }
            Err(StartError::Intake(error)) => {
                tracing::error!(workflow = %name.0, trigger = %name.1, %error, "a slot has no valid input");
                self.note(name, slot.at, FiringOutcome::Failed).await?;
            }
            Err(StartError::NoSuchWorkflow(_)) => {}
            Err(StartError::Act(error)) => return Err(error.into()),
        }
        Ok(())
    }

    /// What `trigger` holds: the slot, the moment it is ahead of, and the time since the one before.
    fn told(
        &self,
        name: &(Arc<str>, Arc<str>),
        text: &Workflow,
        slot: Slot,
    ) -> Result<serde_json::Map<String, serde_json::Value>, StoreError> {
        let mut with = serde_json::Map::new();
        with.insert("at".to_owned(), json!(slot.at.to_string()));
        with.insert("late".to_owned(), json!(slot.late));
        let starts = text.trigger(&name.1).map(|trigger| &trigger.starts);
        if let (Some(Starts::Schedule(schedule)), Some(calendar)) = (starts, self.calendar_of(text)) {
            let moment = schedule::Moments::of(schedule, &calendar).moment_of(slot.at);
            with.insert("moment".to_owned(), json!(moment.to_string()));
            // What was passed over belongs to the firing that takes its place, so nothing falls between two windows.
            let mut from = None;
            // As a rule it is the last one.
            for most in [4, REMEMBERED] {
                let firings = self.engine.shared.reads.firings(&name.0, &name.1, most)?;
                let began = firings.iter().filter(|(firing, run)| firing.at < slot.at && run.is_some());
                from = from.or_else(|| began.map(|(firing, _)| firing.at).max());
                if from.is_some() || firings.len() < most {
                    break;
                }
            }
            let from = from.or_else(|| schedule::before(schedule, &calendar, slot.at));
            let window = json!({ "from": from.map(|at| at.to_string()), "to": slot.at.to_string() });
            with.insert("window".to_owned(), window);
        }
        Ok(with)
    }

    /// A slot whose elements are firings of their own. Until all are begun it is on disk as one that waits: so a crash in
    /// the middle loses none of them.
    async fn fire_each(
        &self,
        elements: Result<Elements, IntakeError>,
        whole: &Firing,
        watched: &mut Watched,
    ) -> Result<(), ScheduleError> {
        let note = |outcome| self.engine.note(Note::Firing(Firing { outcome, ..whole.clone() }));
        let elements = match elements {
            Ok(elements) => elements,
            Err(error) => {
                tracing::error!(workflow = %whole.workflow, trigger = %whole.trigger, %error, "a slot has no list");
                return Ok(note(FiringOutcome::Failed).await?);
            }
        };
        note(FiringOutcome::Queued).await?;
        let by = format!("trigger:{}", whole.trigger).into();
        let all = elements.start(&self.engine, &by, Some(whole), 0..elements.len()).await?;
        note_refused(&self.engine, whole, &all).await?;
        watched.latest = all.iter().filter_map(Became::run).collect();
        let is_refused = |became: &Became| matches!(became, Became::Refused(_));
        Ok(note(match all.len() {
            0 => FiringOutcome::Skipped,
            _ if all.iter().all(is_refused) => FiringOutcome::Failed,
            _ => whole.outcome,
        })
        .await?)
    }

    async fn note(
        &self,
        name: &(Arc<str>, Arc<str>),
        at: Millis,
        outcome: FiringOutcome,
    ) -> Result<(), ScheduleError> {
        self.goes_on();
        Ok(self.engine.note(Note::Firing(firing(name, at, outcome))).await?)
    }
}

fn firing(name: &(Arc<str>, Arc<str>), at: Millis, outcome: FiringOutcome) -> Firing {
    Firing { workflow: name.0.clone(), trigger: name.1.clone(), id: at.0.to_string(), at, outcome }
}

fn seen(name: &(Arc<str>, Arc<str>), at: Millis) -> Note {
    Note::ScheduleSeen { workflow: name.0.clone(), trigger: name.1.clone(), at }
}
