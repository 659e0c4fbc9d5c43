//! Actions that touch our own store: carried out by the loop itself, in a commit, under the step's own key.
//!
//! A row carries that key, and is unique by it: what a crash cut is begun anew and finds what it wrote.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value as Json, json};
use yizhan_workflow::catalogue;
use yizhan_workflow::id::RunId;
use yizhan_workflow::run::World;
use yizhan_workflow::run::event::{Failure, Happened, Raw};

use crate::carrier::{Call, Completion, Outcome};
use crate::engine::Loop;
use crate::handle::{Message, Publishing};
use crate::intake::Prepared;
use crate::registers;
use crate::store::Published;

/// What `event.publish` is given.
#[derive(Deserialize)]
struct ToPublish {
    name: String,
    #[serde(default)]
    key: Json,
    #[serde(default)]
    payload: Option<Raw>,
}

/// What `render.text` is given: its templates were worked out before, as those of every step are.
#[derive(Deserialize)]
struct ToRender {
    text: Json,
}

/// `render.text`: what was worked out is what it gives.
pub(crate) fn rendered(input: &str) -> Result<Box<str>, Arc<str>> {
    let input: ToRender = serde_json::from_str(input).map_err(|error| Arc::from(error.to_string()))?;
    let text = match input.text {
        Json::Null => String::new(),
        Json::String(text) => text,
        other @ (Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_)) => other.to_string(),
    };
    Ok(json!({ "text": text }).to_string().into())
}

impl Loop {
    /// Hands calls out: to the carriers, or to ourselves.
    pub(crate) fn send(&mut self, calls: Vec<Call>) {
        let (ours, theirs): (Vec<_>, Vec<_>) =
            calls.into_iter().partition(|call| catalogue::is_built_in(&call.plugin));
        if !theirs.is_empty() {
            self.carriers.start(theirs);
        }
        for call in ours {
            if registers::is_ours(&call.plugin) {
                let id = call.id;
                if let Err(fault) = self.keep_later(call) {
                    self.inbox.push(Message::Completed(vec![registers::failed(id, fault)]));
                }
                continue;
            }
            if let Err(message) = self.carry_out(&call) {
                let failure = refused(message);
                let completion =
                    Completion { id: call.id, outcome: Outcome::Failed(failure), took: Duration::ZERO };
                self.inbox.push(Message::Completed(vec![completion]));
            }
        }
    }

    fn carry_out(&mut self, call: &Call) -> Result<(), Arc<str>> {
        match (&*call.plugin, &*call.action) {
            ("event", "publish") => self.publish_by_step(call),
            ("render", "text") => {
                let outcome = Outcome::Done { output: rendered(&call.input)? };
                let completion = Completion { id: call.id, outcome, took: Duration::ZERO };
                self.inbox.push(Message::Completed(vec![completion]));
                Ok(())
            }
            (plugin, action) => Err(format!("there is no built-in action `{plugin}.{action}`").into()),
        }
    }

    /// `event.publish`: the step's key is the event's id.
    fn publish_by_step(&mut self, call: &Call) -> Result<(), Arc<str>> {
        let input: ToPublish =
            serde_json::from_str(&call.input).map_err(|error| Arc::from(error.to_string()))?;
        let key = match input.key {
            Json::Null => String::new(),
            Json::String(text) => text,
            other @ (Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_)) => other.to_string(),
        };
        let publishing = Publishing {
            id: Some(call.key.to_string()),
            name: input.name,
            key,
            payload: input.payload.unwrap_or_else(|| Raw::from(&json!({}))),
        };
        let event = publishing.at(self.shared.now()).map_err(|error| Arc::from(error.to_string()))?;
        let output = json!({ "id": &*event.id, "name": &*event.name, "key": &*event.key });
        self.publish_in_batch(event);
        self.after.built_in.push((call.id, output.to_string().into()));
        Ok(())
    }

    pub(crate) fn built_in_done(&mut self, id: u64, output: Box<str>, world: &World) {
        let outcome = Outcome::Done { output };
        self.completed(Completion { id, outcome, took: Duration::ZERO }, world);
    }

    /// A firing that another run took in is an event for whoever waits for it.
    pub(crate) fn publish_joined(&mut self, by: RunId, prepared: &Prepared, firing: &Option<String>) {
        let trigger = &prepared.trigger_name;
        let Some(key) = self.live.get(&by).and_then(|live| live.run.started.key.clone()) else { return };
        let id = firing.as_ref().map_or_else(
            || format!("{by}/{}", self.live.get(&by).map_or(0, |live| live.run.seq)),
            |firing| format!("{}/{trigger}/{firing}", prepared.workflow.name),
        );
        self.publish_in_batch(Published {
            number: 0,
            id: id.into(),
            name: format!("trigger.{trigger}").into(),
            key,
            payload: prepared.input.clone(),
            at: self.shared.now(),
        });
    }
}

fn refused(message: Arc<str>) -> Failure {
    Failure { code: "YZ0327".into(), message, retry: false, retry_after_ms: None, happened: Happened::No }
}
