//! What is published in a house without the world: to whoever listens, and to triggers that start runs.

use serde_json::{Map, Value as Json, json};
use yizhan_workflow::filter::passes;
use yizhan_workflow::id::Attempt;
use yizhan_workflow::plan::Starts;
use yizhan_workflow::run::event::{Event, Listening, Raw, Standing};
use yizhan_workflow::run::state::At;
use yizhan_workflow::testing::Firing;

use super::{Begun, Hindrance, House, Known};
use crate::intake::each::{Elements, has_each};
use crate::intake::{self, Fired, IntakeError, Prepared};

impl House<'_> {
    /// Brings an event to all that wait for it.
    pub fn publish(&mut self, event: Known) {
        if self.events.iter().any(|known| known.name == event.name && known.id == event.id) {
            return;
        }
        self.past.published(self.now, &event);
        for at in 0..self.runs.len() {
            let listening: Vec<Attempt> = self.runs[at]
                .run
                .standing_items()
                .filter_map(|(item, state)| match &state.at {
                    At::Is(Standing::Listening { a, to }) if fits(to, &event) => {
                        Some(Attempt { item, attempt: *a })
                    }
                    At::Is(_) | At::Over(_) => None,
                })
                .collect();
            for of in listening {
                self.give(at, of, &event);
            }
        }
        self.events.push(event.clone());
        self.fire_by_event(&event);
    }

    /// An event that nobody of ours published.
    pub fn publish_from_outside(&mut self, name: &str, key: &str, payload: Raw) -> Result<(), Hindrance> {
        let id = format!("test/{}", self.events.len()).into();
        self.publish(Known { id, name: name.into(), key: key.into(), payload, at: self.now });
        self.settle()
    }

    /// One that listens takes the oldest that fits, of those since its run began.
    pub(super) fn listen(&mut self, at: usize, of: Attempt) {
        let Some(Standing::Listening { to, .. }) = self.standing(at, of) else { return };
        let run = &self.runs[at].run;
        let began = run.began;
        let is_new = |event: &&Known| event.at >= began && !run.taken.contains(&*taken_as(event));
        let found = self.events.iter().filter(is_new).find(|event| fits(&to, event)).cloned();
        if let Some(event) = found {
            self.give(at, of, &event);
        }
    }

    fn give(&mut self, at: usize, of: Attempt, event: &Known) {
        let taken = Event::EventTaken { of, id: taken_as(event).into(), payload: event.payload.clone() };
        self.feed_quietly(at, taken);
    }

    fn fire_by_event(&mut self, event: &Known) {
        let payload: Json = serde_json::from_str(event.payload.get()).unwrap_or_default();
        let said = json!({ "id": &*event.id, "name": &*event.name, "key": &*event.key, "payload": payload });
        let mut fired: Vec<(std::sync::Arc<str>, Firing)> = Vec::new();
        for text in self.texts.values() {
            for trigger in &text.triggers {
                if matches!(&trigger.starts, Starts::Event { name } if **name == *event.name) {
                    let with = Raw::from(&json!({ "body": payload, "event": said }));
                    let body = event.payload.clone();
                    fired.push((text.name.clone(), Firing { trigger: trigger.name.clone(), body, with }));
                }
            }
        }
        for (workflow, firing) in fired {
            if let Err(hindrance) = self.set_off(&workflow, &firing, None) {
                tracing::debug!(%hindrance, "an event starts no run");
            }
        }
    }

    /// A trigger goes off.
    pub fn fire_trigger(
        &mut self,
        workflow: &str,
        firing: &Firing,
        by: Option<&str>,
    ) -> Result<Vec<Begun>, Hindrance> {
        let begun = self.set_off(workflow, firing, by)?;
        self.settle()?;
        Ok(begun)
    }

    pub(super) fn set_off(
        &mut self,
        workflow: &str,
        firing: &Firing,
        by: Option<&str>,
    ) -> Result<Vec<Begun>, Hindrance> {
        let text = self.texts.get(workflow).cloned();
        let text = text.ok_or_else(|| Hindrance::NotTaken(format!("workflow `{workflow}` is not loaded")))?;
        let (world, now) = (self.ground.world.clone(), self.now);
        let given: Map<String, Json> = serde_json::from_str(firing.with.get()).unwrap_or_default();
        let mut with = self.told_of_now(workflow, &firing.trigger);
        with.extend(given);
        let body: Map<String, Json> = serde_json::from_str(firing.body.get()).unwrap_or_default();
        let fired = Fired { trigger: &firing.trigger, with };
        let usual = format!("trigger:{}", firing.trigger);
        let by = by.unwrap_or(&usual);
        if text.trigger(&firing.trigger).is_some_and(|trigger| trigger.publish.is_some()) {
            let event = intake::publishing(&text, fired, &body, None, &world, now).map_err(not_taken)?;
            let id = format!("trigger/{}", self.events.len()).into();
            let (name, key) = (event.name.into(), event.key.into());
            self.publish(Known { id, name, key, payload: event.payload, at: now });
            return Ok(Vec::new());
        }
        let mut all: Vec<Prepared> = Vec::new();
        if has_each(&text, &firing.trigger) {
            let elements = Elements::of(&text, &fired, &body, world, now).map_err(not_taken)?;
            for at in 0..elements.len() {
                all.push(elements.prepare(at).map_err(not_taken)?);
            }
        } else {
            all.push(intake::from_trigger(&text, fired, &body, &world, now).map_err(not_taken)?);
        }
        all.into_iter().map(|prepared| self.begin(prepared, by)).collect()
    }

    /// A firing that another run took in is an event for whoever waits for it.
    pub(super) fn publish_joined(&mut self, holder: usize, prepared: &Prepared) {
        let Some(key) = self.runs[holder].run.started.key.clone() else { return };
        let id = format!("{}/{}", self.runs[holder].run.id, self.runs[holder].run.seq).into();
        let name = format!("trigger.{}", prepared.trigger_name).into();
        self.publish(Known { id, name, key, payload: prepared.input.clone(), at: self.now });
    }
}

fn not_taken(error: IntakeError) -> Hindrance {
    Hindrance::NotTaken(error.to_string())
}

fn taken_as(event: &Known) -> String {
    format!("{}/{}", event.name, event.id)
}

/// An event of another shape is not the one that is waited for.
fn fits(to: &Listening, event: &Known) -> bool {
    to.event == event.name
        && to.key == event.key
        && to.filter.as_ref().is_none_or(|filter| passes(filter.get(), event.payload.get()).unwrap_or(false))
}
