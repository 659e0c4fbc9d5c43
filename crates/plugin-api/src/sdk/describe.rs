//! What `describe` says: each action with its effect, its limits and the schemas of what goes in and comes out.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::sdk::Plugin;
use crate::sdk::call::Ctx;
use crate::sdk::error::Result;

/// What may be done when nobody knows whether an attempt took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Changes nothing outside.
    Pure,
    /// Twice is the same as once.
    Idempotent,
    /// Twice with the same key is the same as once.
    Keyed,
    /// Must not be tried again in doubt; a person is asked.
    Once,
}

impl Effect {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pure => "pure",
            Self::Idempotent => "idempotent",
            Self::Keyed => "keyed",
            Self::Once => "once",
        }
    }
}

/// One action, as `#[actions]` found it.
pub struct ActionSpec<P> {
    pub name: &'static str,
    /// The doc comment.
    pub summary: &'static str,
    pub effect: Effect,
    pub timeout_s: Option<f64>,
    pub grace_s: Option<f64>,
    /// The field of the output that `on` branches by.
    pub outcome: Option<&'static str>,
    /// Inputs, as JSON.
    pub examples: &'static [&'static str],
    /// Watches for cancel itself, and is not dropped.
    pub cooperative: bool,
    pub input: SchemaOf,
    pub output: SchemaOf,
    pub run: Run<P>,
}

pub type SchemaOf = fn() -> Schema;

/// Where an action runs.
pub enum Run<P> {
    /// In `start` itself: for actions that take microseconds and wait for nothing.
    Inline(fn(&P, Ctx, &[u8]) -> Result<Vec<u8>>),
    /// On a thread of the pool.
    Blocking(fn(&P, Ctx, &[u8]) -> Result<Vec<u8>>),
    /// As a task of the plugin's own runtime.
    Async(fn(Arc<P>, Ctx, Vec<u8>) -> Running),
}

pub type Running = Pin<Box<dyn Future<Output = Result<Vec<u8>>> + Send>>;

pub fn input_schema<T: JsonSchema>() -> Schema {
    generator(false).into_root_schema_for::<T>()
}

pub fn output_schema<T: JsonSchema>() -> Schema {
    generator(true).into_root_schema_for::<T>()
}

fn generator(serialized: bool) -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.meta_schema = None);
    if serialized { settings.for_serialize() } else { settings.for_deserialize() }.into_generator()
}

pub(crate) fn describe<P: Plugin>() -> Value {
    let actions: Map<String, Value> =
        P::actions().iter().map(|action| (action.name.to_owned(), describe_action(action))).collect();
    json!({ "config": input_schema::<P::Config>(), "actions": actions })
}

fn describe_action<P>(action: &ActionSpec<P>) -> Value {
    let mut document = json!({
        "summary": action.summary,
        "effect": action.effect.name(),
        "blocking": matches!(action.run, Run::Blocking(_)),
        "input": (action.input)(),
        "output": (action.output)(),
    });
    let examples: Vec<Value> =
        action.examples.iter().filter_map(|example| serde_json::from_str(example).ok()).collect();
    let more = [
        ("timeout_s", action.timeout_s.map(Value::from)),
        ("grace_s", action.grace_s.map(Value::from)),
        ("outcome", action.outcome.map(Value::from)),
        ("examples", (!examples.is_empty()).then_some(Value::Array(examples))),
    ];
    for (name, value) in more {
        if let Some(value) = value {
            document[name] = value;
        }
    }
    document
}
