//! Starts runs by events: each event that is on disk is seen once by every trigger that waits for its name.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use yizhan_workflow::plan::{Starts, Trigger, Workflow};

use crate::handle::{ActError, Engine, StartError, Started};
use crate::intake::each::{Elements, note_refused};
use crate::intake::{self, Fired, IntakeError};
use crate::store::{Firing, FiringOutcome, Note, Published, StoreError, TriggerPause};

/// Events that are read at once.
const PAGE: usize = 100;
/// It is looked again even if nobody rang: an event of a step or of a join rings no bell.
const LOOK_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, thiserror::Error)]
enum FireError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Act(#[from] ActError),
}

/// Looks at new events until dropped.
pub async fn answer(engine: Engine) {
    loop {
        match look(&engine).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "an event could not start its runs; it is tried again"),
        }
        // Rung or not, it is looked.
        drop(tokio::time::timeout(LOOK_EVERY, engine.shared.published.notified()).await);
    }
}

/// One page of them. True if there may be more.
async fn look(engine: &Engine) -> Result<bool, FireError> {
    let reads = &engine.shared.reads;
    let seen = reads.events_seen()?;
    for pause in engine.shared.pauses.behind() {
        catch_up(engine, &pause, seen).await?;
    }
    let events = reads.events_after(seen, PAGE)?;
    yizhan_faults::point("events.firing");
    for event in &events {
        fire(engine, event).await?;
    }
    if !events.is_empty() && yizhan_faults::fails("events.fired") {
        return Err(StoreError::Failed("as a fault run asks".into()).into());
    }
    if let Some(last) = events.last() {
        engine.note(Note::EventsSeen { number: last.number }).await?;
    }
    Ok(events.len() == PAGE)
}

/// Has a trigger that goes on see what came while it was paused, before it sees what is new. What it has seen before is a
/// firing that is known.
async fn catch_up(engine: &Engine, pause: &TriggerPause, upto: u64) -> Result<(), FireError> {
    let text = engine.shared.library.current(&pause.workflow);
    let found = text.as_ref().and_then(|text| Some((text, text.trigger(&pause.trigger)?)));
    // A file that is gone, or has no such trigger any more, waits for nothing.
    if let Some((text, trigger)) = found {
        let mut after = pause.seen;
        loop {
            let events = engine.shared.reads.events_after(after, PAGE)?;
            for event in events.iter().filter(|event| event.number <= upto && waits_for(trigger, event)) {
                start(engine, text, trigger, event).await?;
            }
            match events.last() {
                Some(last) if last.number < upto => after = last.number,
                Some(_) | None => break,
            }
        }
    }
    Ok(engine.caught_up(pause).await?)
}

fn waits_for(trigger: &Trigger, event: &Published) -> bool {
    matches!(&trigger.starts, Starts::Event { name } if **name == *event.name)
}

async fn fire(engine: &Engine, event: &Published) -> Result<(), FireError> {
    let workflows = engine.shared.library.workflows();
    for text in workflows.values().filter_map(|entry| entry.workflow.as_ref()) {
        for trigger in &text.triggers {
            // One that is paused sees it when it goes on.
            let fires =
                waits_for(trigger, event) && engine.shared.paused(&text.name, &trigger.name).is_none();
            if fires && !yizhan_faults::seeded("events.start-skipped") {
                start(engine, text, trigger, event).await?;
            }
        }
    }
    Ok(())
}

async fn start(
    engine: &Engine,
    text: &Arc<Workflow>,
    trigger: &Trigger,
    event: &Published,
) -> Result<(), FireError> {
    let firing = |outcome| Firing {
        workflow: text.name.clone(),
        trigger: trigger.name.clone(),
        id: event.id.to_string(),
        at: event.at,
        outcome,
    };
    let payload: Json = serde_json::from_str(event.payload.get()).unwrap_or_default();
    let body = payload.as_object().cloned().unwrap_or_default();
    let said =
        json!({ "id": &*event.id, "name": &*event.name, "key": &*event.key, "payload": payload.clone() });
    let with = Map::from_iter([
        ("at".to_owned(), Json::from(event.at.to_string())),
        ("body".to_owned(), payload),
        ("event".to_owned(), said),
    ]);
    let fired = Fired { trigger: &trigger.name, with };
    let (world, now) = (engine.shared.world(), engine.shared.now());
    if trigger.each.is_some() {
        let started = firing(FiringOutcome::Started);
        return match Elements::of(text, &fired, &body, world, now) {
            Ok(elements) => each(engine, &elements, &started).await,
            Err(IntakeError::LeftOut) => Ok(()),
            Err(error) => unfit(engine, firing(FiringOutcome::Failed), &error).await,
        };
    }
    let prepared = match intake::from_trigger(text, fired, &body, &world, now) {
        Ok(prepared) => prepared,
        Err(IntakeError::LeftOut) => return Ok(()),
        Err(error) => return unfit(engine, firing(FiringOutcome::Failed), &error).await,
    };
    let by = format!("trigger:{}", trigger.name).into();
    let started = Started { prepared, by, firing: Some(firing(FiringOutcome::Started)) };
    if yizhan_faults::seeded("events.start-twice") {
        let again = Started { prepared: started.prepared.clone(), by: started.by.clone(), firing: None };
        drop(engine.start(again).await);
    }
    match engine.start(started).await {
        Ok(_) | Err(StartError::FiredBefore { .. }) => Ok(()),
        Err(StartError::Act(error)) => Err(error.into()),
        Err(
            error @ (StartError::KeyHeld { .. }
            | StartError::NoSuchWorkflow(_)
            | StartError::Gathered { .. }
            | StartError::Intake(_)),
        ) => {
            tracing::info!(workflow = %text.name, trigger = %trigger.name, event = %event.id, %error, "an event starts no run");
            engine.note(Note::Firing(firing(FiringOutcome::Rejected))).await?;
            Ok(())
        }
    }
}

async fn unfit(engine: &Engine, firing: Firing, error: &IntakeError) -> Result<(), FireError> {
    tracing::warn!(workflow = %firing.workflow, trigger = %firing.trigger, event = %firing.id, %error, "an event starts no run");
    Ok(engine.note(Note::Firing(firing)).await?)
}

async fn each(engine: &Engine, elements: &Elements, firing: &Firing) -> Result<(), FireError> {
    let by = format!("trigger:{}", firing.trigger).into();
    let all = elements.start(engine, &by, Some(firing), 0..elements.len()).await?;
    Ok(note_refused(engine, firing, &all).await?)
}
