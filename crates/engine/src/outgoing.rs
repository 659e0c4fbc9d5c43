//! Builds the call of an attempt from the run's state: the same bytes and the same key for every attempt.

use std::sync::Arc;
use std::time::Duration;

use yizhan_workflow::expression::Tree;
use yizhan_workflow::id::{Attempt, Item, Millis, outward_key};
use yizhan_workflow::plan::{Section, Work, Workflow};
use yizhan_workflow::run::state::Run;

use crate::carrier::Call;

/// Whose attempt goes out.
#[derive(Clone, Copy)]
pub(crate) struct Whose<'a> {
    pub run: &'a Run,
    pub text: &'a Workflow,
    /// The run's id as plugins are told it.
    pub shown: &'a Arc<str>,
    pub house: &'a str,
}

/// The call for an attempt that is to go out. `None` where the run has moved on.
pub(crate) fn call_of(whose: Whose<'_>, of: Attempt, id: u64, now: Millis) -> Option<Call> {
    let Whose { run, text, shown, house } = whose;
    let step = text.step(of.item.step);
    let doing = step.doing(of.item)?;
    let (Work::Use { action, with: tree }, timeout) = (doing.work, doing.timeout) else { return None };
    let with = run.item(of.item)?.first.as_ref()?.with.clone();
    let of_all = yizhan_faults::seeded("engine.key-shared");
    let mut readable = run.key_of(text, if of_all { Item { item: 0, ..of.item } } else { of.item });
    if yizhan_faults::seeded("engine.key-of-attempt") {
        readable = format!("{readable}/{}", of.attempt);
    }
    Some(Call {
        id,
        plugin: action.plugin.clone(),
        action: action.action.clone(),
        key: outward_key(house, &readable).into(),
        run: shown.clone(),
        workflow: text.name.clone(),
        step: match (step.section, step.holder) {
            (Section::Main, None) => step.id.clone(),
            _ => run.path_of(text, of.item.place()).into(),
        },
        undo: of.item.undo,
        round: of.item.round,
        item: of.item.item,
        attempt: of.attempt,
        now_ms: now.0,
        timeout: timeout.map(|span| Duration::from_millis(u64::try_from(span.ms).unwrap_or(0))),
        secrets: secrets_in(tree),
        input: with.get().into(),
    })
}

/// The secrets that the step grants: `{ secret = "name" }` as the file wrote it, never what a value brought along.
fn secrets_in(with: &Tree) -> Vec<Arc<str>> {
    let mut found = vec![];
    find_secrets(with, &mut found);
    found
}

fn find_secrets(tree: &Tree, found: &mut Vec<Arc<str>>) {
    match tree {
        Tree::Map(entries) => {
            if let [(key, Tree::Json(name))] = entries.as_slice()
                && &**key == "secret"
                && let Ok(name) = serde_json::from_str::<String>(name)
            {
                found.push(name.into());
            }
            entries.iter().for_each(|(_, value)| find_secrets(value, found));
        }
        Tree::List(many) => many.iter().for_each(|value| find_secrets(value, found)),
        Tree::Json(json) if json.contains("\"secret\"") => {
            if let Ok(value) = serde_json::from_str(json) {
                find_in_json(&value, found);
            }
        }
        Tree::Json(_) | Tree::Text(_) => {}
    }
}

fn find_in_json(value: &serde_json::Value, found: &mut Vec<Arc<str>>) {
    match value {
        serde_json::Value::Object(map) => {
            if let (1, Some(name)) = (map.len(), map.get("secret").and_then(serde_json::Value::as_str)) {
                found.push(name.into());
            }
            map.values().for_each(|value| find_in_json(value, found));
        }
        serde_json::Value::Array(many) => many.iter().for_each(|value| find_in_json(value, found)),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => {}
    }
}
