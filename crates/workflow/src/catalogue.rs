//! What the loaded plugins offer, as a value: the files are checked against it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use crate::plan::{ActionName, Effect};

/// By `plugin.action`.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    pub actions: BTreeMap<String, Arc<Action>>,
}

#[derive(Clone, Debug)]
pub struct Action {
    pub name: ActionName,
    pub summary: String,
    pub effect: Effect,
    /// The plugin's own bound for one attempt.
    pub timeout_ms: Option<i64>,
    /// The field of the output that `on` branches by.
    pub outcome: Option<String>,
    pub input: serde_json::Value,
    pub output: serde_json::Value,
}

/// What a plugin says of itself (`docs/plugin-abi.md`); fields that we do not know are let be.
#[derive(Deserialize)]
struct Described {
    #[serde(default)]
    actions: BTreeMap<String, DescribedAction>,
}

#[derive(Deserialize)]
struct DescribedAction {
    #[serde(default)]
    summary: String,
    /// Of an action that does not say, the worst is thought.
    #[serde(default = "once")]
    effect: Effect,
    timeout_s: Option<f64>,
    outcome: Option<String>,
    #[serde(default)]
    input: serde_json::Value,
    #[serde(default)]
    output: serde_json::Value,
}

fn once() -> Effect {
    Effect::Once
}

/// Why what a plugin says of itself is not taken.
#[derive(Debug, thiserror::Error)]
#[error("plugin `{plugin}` describes itself wrongly: {cause}")]
pub struct BadDescription {
    pub plugin: String,
    pub cause: String,
}

/// The actions that the daemon carries out itself, as a plugin would describe them.
const BUILT_IN: [(&str, &str); 5] = [
    ("register", include_str!("catalogue/register.json")),
    ("number", include_str!("catalogue/number.json")),
    ("query", include_str!("catalogue/query.json")),
    (
        "event",
        r#"{"actions":{"publish":{
        "summary":"Makes something known to the runs and triggers that wait for it",
        "effect":"keyed",
        "input":{"type":"object","required":["name"],"additionalProperties":false,"properties":{
            "name":{"type":"string","minLength":1,"maxLength":255,"title":"The event's name, as `await` and triggers say it"},
            "key":{"type":["string","number","null"],"title":"Whose business it is: the key of the runs that wait for it"},
            "payload":{"type":"object","title":"What came to be"}}},
        "output":{"type":"object","properties":{
            "id":{"type":"string"},"name":{"type":"string"},"key":{"type":"string"}}}}}}"#,
    ),
    (
        "render",
        r#"{"actions":{"text":{
        "summary":"Works a text out once, for several steps to use",
        "effect":"pure",
        "input":{"type":"object","required":["text"],"additionalProperties":false,"properties":{
            "text":{"type":"string","x-yz":"text-file","title":"The text, or { file = \"…\" } with one beside the workflow"}}},
        "output":{"type":"object","properties":{"text":{"type":"string","title":"The text as it was worked out"}}}}}}"#,
    ),
];

/// Whether the daemon carries out the actions of this name itself.
#[must_use]
pub fn is_built_in(plugin: &str) -> bool {
    BUILT_IN.iter().any(|(name, _)| *name == plugin)
}

impl Catalogue {
    /// What there is without any plugin.
    #[must_use]
    pub fn built_in() -> Self {
        let mut catalogue = Self::default();
        for (plugin, describe) in BUILT_IN {
            let added = catalogue.add(plugin, describe);
            debug_assert!(added.is_ok(), "a built-in action is described wrongly");
        }
        catalogue
    }

    /// Adds the actions of one plugin, whose *describe* document this is.
    ///
    /// # Errors
    /// When it is not such a document.
    pub fn add(&mut self, plugin: &str, describe: &str) -> Result<(), BadDescription> {
        let described: Described = serde_json::from_str(describe)
            .map_err(|error| BadDescription { plugin: plugin.to_owned(), cause: error.to_string() })?;
        for (action, own) in described.actions {
            let name = ActionName { plugin: plugin.into(), action: action.as_str().into() };
            let timeout_ms =
                own.timeout_s.filter(|seconds| *seconds > 0.0).map(|seconds| (seconds * 1000.0) as i64);
            self.actions.insert(
                name.to_string(),
                Arc::new(Action {
                    name,
                    summary: own.summary,
                    effect: own.effect,
                    timeout_ms,
                    outcome: own.outcome,
                    input: own.input,
                    output: own.output,
                }),
            );
        }
        Ok(())
    }

    #[must_use]
    pub fn action(&self, name: &ActionName) -> Option<&Arc<Action>> {
        // Asked for each attempt: put together without the machinery of formatting.
        let mut full = String::with_capacity(name.plugin.len() + 1 + name.action.len());
        full.push_str(&name.plugin);
        full.push('.');
        full.push_str(&name.action);
        self.actions.get(&full)
    }

    #[must_use]
    pub fn has_plugin(&self, plugin: &str) -> bool {
        self.actions.values().any(|action| &*action.name.plugin == plugin)
    }
}
