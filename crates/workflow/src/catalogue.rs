//! What the loaded plugins offer, as a value: the files are checked against it.

use std::collections::BTreeMap;
use std::sync::Arc;

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

impl Catalogue {
    #[must_use]
    pub fn action(&self, name: &ActionName) -> Option<&Arc<Action>> {
        self.actions.get(&name.to_string())
    }

    #[must_use]
    pub fn has_plugin(&self, plugin: &str) -> bool {
        self.actions.values().any(|action| &*action.name.plugin == plugin)
    }
}
