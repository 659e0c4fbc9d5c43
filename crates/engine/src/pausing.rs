//! Triggers that somebody paused: they start nothing until somebody has them go on. It is as if the daemon had been off for
//! them: what came meanwhile is dealt with then, as the trigger's file says of what was missed.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use tokio::sync::{Mutex, OwnedMutexGuard};
use yizhan_workflow::id::Millis;
use yizhan_workflow::plan::Starts;

use crate::changed::Changed;
use crate::engine::Loop;
use crate::handle::{ActError, Engine, Reply, Shared};
use crate::store::{Note, Reads, StoreError, TriggerPause};

/// Workflow and trigger.
type Name = (Arc<str>, Arc<str>);

/// All that the store has, in memory too: each start asks.
#[derive(Debug, Default)]
pub(crate) struct Pauses {
    all: RwLock<BTreeMap<Name, TriggerPause>>,
    /// One change at a time, so that memory and store say the same.
    changing: Arc<Mutex<()>>,
}

/// A change on its way to the disk. The loop puts it in force when it is there, whether or not anybody still waits for the
/// answer, and until then nobody begins another.
#[derive(Debug)]
pub(crate) struct Pausing {
    name: Name,
    /// None: it goes on.
    pause: Option<TriggerPause>,
    _mine: OwnedMutexGuard<()>,
}

impl Pausing {
    pub(crate) fn note(&self) -> Note {
        let (workflow, trigger) = self.name.clone();
        self.pause.clone().map_or(Note::TriggerResumed { workflow, trigger }, Note::TriggerPaused)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum PauseError {
    #[error("the trigger `{}` is paused since {}", .0.trigger, .0.at)]
    Paused(TriggerPause),
    #[error("the trigger `{0}` is not paused")]
    NotPaused(String),
    #[error(transparent)]
    Act(#[from] ActError),
}

impl Pauses {
    pub(crate) fn read(reads: &dyn Reads) -> Result<Self, StoreError> {
        let all = reads.pauses()?.into_iter().map(|pause| (name_of(&pause), pause)).collect();
        Ok(Self { all: RwLock::new(all), changing: Arc::default() })
    }

    fn all(&self) -> RwLockReadGuard<'_, BTreeMap<Name, TriggerPause>> {
        self.all.read().unwrap_or_else(PoisonError::into_inner)
    }

    async fn my_turn(&self) -> OwnedMutexGuard<()> {
        self.changing.clone().lock_owned().await
    }

    fn set(&self, name: Name, pause: Option<TriggerPause>) {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        match pause {
            Some(pause) => drop(all.insert(name, pause)),
            None => drop(all.remove(&name)),
        }
    }

    /// Those that go on and have yet to see the events that came meanwhile.
    pub(crate) fn behind(&self) -> Vec<TriggerPause> {
        self.all().values().filter(|pause| pause.over).cloned().collect()
    }
}

fn name_of(pause: &TriggerPause) -> Name {
    (pause.workflow.clone(), pause.trigger.clone())
}

impl Shared {
    /// It is on disk, so it holds.
    pub(crate) fn pause_or_go_on(&self, pausing: Pausing) {
        let Pausing { name, pause, _mine } = pausing;
        let (workflow, trigger) = &name;
        match &pause {
            Some(pause) if !pause.over => {
                tracing::info!(%workflow, %trigger, by = %pause.by, reason = %pause.reason, "a trigger was paused");
            }
            Some(_) => tracing::info!(%workflow, %trigger, "a trigger goes on with what came meanwhile"),
            None => tracing::info!(%workflow, %trigger, "a trigger goes on"),
        }
        let catches_up = pause.as_ref().is_some_and(|pause| pause.over);
        self.pauses.set(name, pause);
        if catches_up {
            self.published.notify_one();
        }
        self.changes.say(Changed::House);
    }

    /// The pause of a trigger; none where it starts what it should.
    #[must_use]
    pub fn paused(&self, workflow: &str, trigger: &str) -> Option<TriggerPause> {
        let all = self.pauses.all();
        if all.is_empty() {
            return None;
        }
        all.get(&(workflow.into(), trigger.into())).filter(|pause| !pause.over).cloned()
    }

    /// The time of the oldest event that some trigger has yet to see. One that is paused sees it when it goes on.
    pub(crate) fn unseen_since(&self) -> Result<Option<Millis>, StoreError> {
        let waits = |pause: &&TriggerPause| {
            let text_is_bad = || {
                let all = self.library.workflows();
                all.get(&*pause.workflow).is_some_and(|entry| entry.workflow.is_none())
            };
            self.is_of_events(&pause.workflow, &pause.trigger) || text_is_bad()
        };
        let paused = self.pauses.all().values().filter(waits).map(|pause| pause.seen).min();
        let seen = self.reads.events_seen()?;
        let oldest = self.reads.events_after(paused.map_or(seen, |paused| paused.min(seen)), 1)?;
        Ok(oldest.first().map(|event| event.at))
    }

    /// Whether it waits for events, which are all seen by a cursor of their own.
    fn is_of_events(&self, workflow: &str, trigger: &str) -> bool {
        let text = self.library.current(workflow);
        let trigger = text.as_ref().and_then(|text| text.trigger(trigger));
        trigger.is_some_and(|trigger| matches!(trigger.starts, Starts::Event { .. }))
    }
}

impl Loop {
    pub(crate) fn pause(&mut self, pausing: Pausing, reply: Reply) {
        self.batch.notes.push(pausing.note());
        self.after.pauses.push(pausing);
        self.after.replies.push(reply);
    }
}

impl Engine {
    /// Has a trigger start nothing; answers when that is on disk.
    ///
    /// # Errors
    /// When it is paused, or nothing is taken in now.
    pub async fn pause(
        &self,
        (workflow, trigger): (&str, &str),
        by: Arc<str>,
        reason: Arc<str>,
    ) -> Result<(), PauseError> {
        let pauses = &self.shared.pauses;
        let mine = pauses.my_turn().await;
        if let Some(known) = self.shared.paused(workflow, trigger) {
            return Err(PauseError::Paused(known));
        }
        let name: Name = (workflow.into(), trigger.into());
        // One that has not caught up yet goes on from where it was.
        let behind = pauses.all().get(&name).map(|pause| pause.seen);
        let unreadable = |error: StoreError| ActError::Unreadable(error.to_string());
        let seen = behind.map_or_else(|| self.shared.reads.events_seen().map_err(unreadable), Ok)?;
        let at = self.shared.now();
        let (workflow, trigger) = name.clone();
        let pause = TriggerPause { workflow, trigger, by, at, reason, seen, over: false };
        Ok(self.take_pause(Pausing { name, pause: Some(pause), _mine: mine }).await?)
    }

    /// Has it start again what it should; answers when that is on disk.
    ///
    /// # Errors
    /// When it is not paused, or nothing is taken in now.
    pub async fn resume(&self, (workflow, trigger): (&str, &str)) -> Result<(), PauseError> {
        let mine = self.shared.pauses.my_turn().await;
        let Some(known) = self.shared.paused(workflow, trigger) else {
            return Err(PauseError::NotPaused(trigger.to_owned()));
        };
        let behind = self.shared.is_of_events(workflow, trigger);
        let name = name_of(&known);
        let pause = behind.then_some(TriggerPause { over: true, ..known });
        Ok(self.take_pause(Pausing { name, pause, _mine: mine }).await?)
    }

    /// It has seen the events that came while it was paused.
    pub(crate) async fn caught_up(&self, pause: &TriggerPause) -> Result<(), ActError> {
        let mine = self.shared.pauses.my_turn().await;
        let name = name_of(pause);
        // Paused again meanwhile it goes on from where it was.
        if self.shared.pauses.all().get(&name) != Some(pause) {
            return Ok(());
        }
        self.change_pause(Pausing { name, pause: None, _mine: mine }).await
    }
}
