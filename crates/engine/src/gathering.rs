//! Triggers with `gather`: what they bring waits in the store, and each slot that has come makes one run of it.
//!
//! Which slot an item belongs to is said by its own time: the first slot after it. So a slot that passed while nobody
//! looked is made up for, and nothing needs to be remembered of slots.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use yizhan_workflow::id::Millis;
use yizhan_workflow::plan::{Trigger, Workflow};
use yizhan_workflow::run::World;
use yizhan_workflow::schedule;

use crate::engine::Loop;
use crate::handle::{ActError, Engine, Reply, StartError, StartReply, Started};
use crate::intake::gathering::of_slot;
use crate::intake::{INPUT_MAX, IntakeError};
use crate::store::{Firing, FiringOutcome, Gathered, Note, Reads, StoreError};

/// What a trigger keeps at most.
pub const KEPT_MOST: usize = 100_000;
/// Items of one run; what a slot has more goes into another run of the same slot.
pub const ITEMS_MOST: usize = 10_000;
/// A slot whose run is refused is tried again after this.
const AGAIN_MS: i64 = 60_000;
/// What came before a slot must be on disk within this, or the slot is looked at again.
const SETTLES: Duration = Duration::from_secs(30);

type Name = (Arc<str>, Arc<str>);

/// How much more may be kept, by trigger, before it must be counted again.
#[derive(Debug, Default)]
pub(crate) struct Rooms(Mutex<BTreeMap<Name, usize>>);

impl Rooms {
    pub(crate) fn admits(
        &self,
        reads: &dyn Reads,
        workflow: &Arc<str>,
        trigger: &Arc<str>,
    ) -> Result<bool, StoreError> {
        let name = (workflow.clone(), trigger.clone());
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = rooms.get(&name).copied().filter(|room| *room > 0);
        let room = match known {
            Some(room) => room,
            None => KEPT_MOST - reads.gathered_count(workflow, trigger, KEPT_MOST)?,
        };
        rooms.insert(name, room.saturating_sub(1));
        Ok(room > 0)
    }
}

impl Loop {
    /// Its time is that of the loop: whatever came before a slot is on its way to the disk before the slot is looked at.
    pub(crate) fn gather(&mut self, gathered: Gathered, reply: Reply) {
        if self.stopping {
            return reply.failed(ActError::Stopping);
        }
        if self.full {
            return reply.failed(ActError::DiskFull);
        }
        let at = self.shared.now();
        self.batch.notes.push(Note::Gathered(Gathered { at, ..gathered }));
        self.after.replies.push(reply);
    }
}

/// The slot that the oldest item waits for.
///
/// # Errors
/// When the store cannot be read.
pub fn next_slot(
    text: &Workflow,
    trigger: &Trigger,
    reads: &dyn Reads,
    world: &World,
) -> Result<Option<Millis>, StoreError> {
    let Some(gather) = &trigger.gather else { return Ok(None) };
    let Some(oldest) = reads.gathered_since(&text.name, &trigger.name)? else { return Ok(None) };
    // While its calendar is gone no slot comes, and what was gathered waits.
    let Some(calendar) = world.calendars.named(text.calendar.as_deref()) else { return Ok(None) };
    Ok(schedule::preview(gather, calendar, oldest, Millis(i64::MAX), 1).first().copied())
}

/// Why the slot that the oldest item waits for would start no run; none where it would.
///
/// # Errors
/// When the store cannot be read.
pub fn refusal(
    text: &Arc<Workflow>,
    trigger: &Trigger,
    reads: &dyn Reads,
    world: &World,
) -> Result<Option<IntakeError>, StoreError> {
    let Some(slot) = next_slot(text, trigger, reads, world)? else { return Ok(None) };
    let items = some(reads.gathered(&text.name, &trigger.name, slot, ITEMS_MOST)?);
    Ok(of_slot(text, trigger, &items, slot, world).err())
}

/// Which slots were refused, and when they are tried again.
#[derive(Debug, Default)]
pub(crate) struct Gathering {
    refused: BTreeMap<Name, Millis>,
}

impl Gathering {
    /// Starts the runs of all slots that have come.
    pub(crate) async fn look(
        &mut self,
        engine: &Engine,
        text: &Arc<Workflow>,
        trigger: &Trigger,
    ) -> Result<(), StartError> {
        let (reads, world, now) = (&engine.shared.reads, engine.shared.world(), engine.shared.now());
        let name = (text.name.clone(), trigger.name.clone());
        if self.refused.get(&name).is_some_and(|again| now < *again) {
            return Ok(());
        }
        self.refused.remove(&name);
        let unreadable = |error: StoreError| ActError::Unreadable(error.to_string());
        let next = || next_slot(text, trigger, &**reads, &world).map_err(unreadable);
        if next()?.is_none_or(|slot| slot > now) || !engine.progresses(SETTLES).await {
            return Ok(());
        }
        while let Some(slot) = next()?.filter(|slot| *slot <= now) {
            let items = some(reads.gathered(&name.0, &name.1, slot, ITEMS_MOST).map_err(unreadable)?);
            match start(engine, text, trigger, &items, slot).await {
                Ok(_) => {}
                Err(StartError::Act(error)) => return Err(error.into()),
                Err(error) => {
                    tracing::warn!(workflow = %name.0, trigger = %name.1, %slot, %error, "what was gathered starts no run yet");
                    let outcome = if matches!(error, StartError::Intake(_)) {
                        FiringOutcome::Failed
                    } else {
                        FiringOutcome::Rejected
                    };
                    // Not the slot's own: it is tried again, and nothing of it is lost.
                    let id = format!("gather:{}#refused", slot.0);
                    engine.note(Note::Firing(firing(&name, id, slot, outcome))).await?;
                    self.refused.insert(name, now.plus(AGAIN_MS));
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

async fn start(
    engine: &Engine,
    text: &Arc<Workflow>,
    trigger: &Trigger,
    items: &[Gathered],
    slot: Millis,
) -> Result<StartReply, StartError> {
    let world = engine.shared.world();
    let prepared = of_slot(text, trigger, items, slot, &world)?;
    let name = (text.name.clone(), trigger.name.clone());
    // The first item tells it from another run of the slot: no item is in two of them.
    let first = items.first().map_or(0, |one| one.number);
    let firing = firing(&name, format!("gather:{}/{first}", slot.0), slot, FiringOutcome::Started);
    let by = format!("trigger:{}", trigger.name).into();
    engine.start(Started { prepared, by, firing: Some(firing) }).await
}

fn firing(name: &Name, id: String, at: Millis, outcome: FiringOutcome) -> Firing {
    Firing { workflow: name.0.clone(), trigger: name.1.clone(), id, at, outcome }
}

/// As many of them as one run takes in: all, as a rule. One always.
fn some(mut items: Vec<Gathered>) -> Vec<Gathered> {
    let mut bytes = 0;
    let fits = items.iter().take_while(|one| {
        bytes += one.item.get().len() + 1;
        bytes <= INPUT_MAX
    });
    let count = fits.count().max(1);
    items.truncate(count);
    items
}
