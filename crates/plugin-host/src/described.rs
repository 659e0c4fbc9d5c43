//! What a plugin says it can do, with its schemas compiled.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use yizhan_workflow::plan::Effect;

use crate::note::Note;
use crate::refusal::Fault;
use crate::schema::Schema;

pub(crate) struct Described {
    pub(crate) config: Schema,
    pub(crate) config_schema: Value,
    pub(crate) actions: HashMap<Box<str>, Arc<Action>>,
}

pub(crate) struct Action {
    pub(crate) summary: String,
    pub(crate) effect: Effect,
    pub(crate) blocking: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) grace: Option<Duration>,
    pub(crate) outcome: Option<String>,
    pub(crate) examples: Vec<Value>,
    pub(crate) input: Schema,
    pub(crate) output: Schema,
    pub(crate) input_schema: Value,
    pub(crate) output_schema: Value,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    config: Option<Value>,
    actions: BTreeMap<String, ActionDocument>,
}

#[derive(Deserialize)]
struct ActionDocument {
    #[serde(default)]
    summary: String,
    effect: Effect,
    #[serde(default)]
    blocking: bool,
    #[serde(default)]
    timeout_s: Option<f64>,
    #[serde(default)]
    grace_s: Option<f64>,
    #[serde(default)]
    outcome: Option<String>,
    #[serde(default)]
    examples: Vec<Value>,
    input: Value,
    output: Value,
}

impl Described {
    /// Reads the document and holds it against the note, which others have decided by already.
    pub(crate) fn read(document: &[u8], note: &Note) -> Result<Self, Fault> {
        let document: Document = serde_json::from_slice(document)
            .map_err(|error| Fault::BadDescribe(format!("describe: {error}")))?;
        let mut noted: Vec<&str> = note.actions.iter().map(String::as_str).collect();
        noted.sort_unstable();
        let described: Vec<&str> = document.actions.keys().map(String::as_str).collect();
        if noted != described {
            let (noted, described) = (noted.join(", "), described.join(", "));
            return Err(Fault::BadDescribe(format!("its note names {noted}; describe names {described}")));
        }
        // Without a schema any settings are taken.
        let config_schema = document.config.unwrap_or(Value::Bool(true));
        let config = Schema::compile(&config_schema).map_err(|fault| bad("config", &fault))?;
        let actions = document.actions.into_iter().map(|(name, action)| {
            let action = Action::read(&name, action)?;
            Ok((name.into_boxed_str(), Arc::new(action)))
        });
        Ok(Self { config, config_schema, actions: actions.collect::<Result<_, Fault>>()? })
    }
}

impl Action {
    fn read(name: &str, action: ActionDocument) -> Result<Self, Fault> {
        let input =
            Schema::compile(&action.input).map_err(|fault| bad(&format!("input of `{name}`"), &fault))?;
        let output =
            Schema::compile(&action.output).map_err(|fault| bad(&format!("output of `{name}`"), &fault))?;
        Ok(Self {
            summary: action.summary,
            effect: action.effect,
            blocking: action.blocking,
            timeout: seconds(action.timeout_s),
            grace: seconds(action.grace_s),
            outcome: action.outcome,
            examples: action.examples,
            input,
            output,
            input_schema: action.input,
            output_schema: action.output,
        })
    }
}

fn bad(what: &str, fault: &str) -> Fault {
    Fault::BadDescribe(format!("the schema of the {what}: {fault}"))
}

/// A span that makes no sense is none.
fn seconds(seconds: Option<f64>) -> Option<Duration> {
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).filter(|span| !span.is_zero())
}
