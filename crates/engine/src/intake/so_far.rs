//! A start form that is not filled in yet: what its case would be known by, as soon as that can be said.

use std::sync::Arc;

use yizhan_workflow::id::Millis;
use yizhan_workflow::plan::Workflow;
use yizhan_workflow::run::World;
use yizhan_workflow::run::event::Raw;
use yizhan_workflow::run::names;

/// The fields of the start form that make the key; none, where it has no key or a trigger fills the form in its own way.
#[must_use]
pub fn fields_of_key(text: &Workflow, trigger: Option<&str>) -> Vec<Arc<str>> {
    let maps = |name: &str| {
        text.triggers.iter().any(|one| &*one.name == name && (one.with.is_some() || !one.complete.is_empty()))
    };
    let Some(key) = text.key.as_ref().filter(|_| !trigger.is_some_and(maps)) else { return vec![] };
    let mut words = key.source().split(|sign: char| !(sign.is_alphanumeric() || sign == '_' || sign == '.'));
    let words: Vec<&str> = words.by_ref().collect();
    let is_named = |name: &str| {
        words
            .iter()
            .any(|word| word.strip_prefix("input.").is_some_and(|rest| rest.split('.').next() == Some(name)))
    };
    text.input.fields.iter().map(|field| &field.name).filter(|name| is_named(name)).cloned().collect()
}

/// The key that the case would have; none, as long as one of the fields that make it is empty or does not fit.
#[must_use]
pub fn key(
    text: &Arc<Workflow>,
    given: &str,
    trigger: Option<&str>,
    world: &World,
    now: Millis,
) -> Option<String> {
    let fields = fields_of_key(text, trigger);
    let seen = names::before_start(text, world, now, None, None);
    let (filled, unfit) = text.input.fill_in(given, &seen);
    let values: serde_json::Value = serde_json::from_str(&filled.json).ok()?;
    let is_there = |name: &Arc<str>| {
        !values[&**name].is_null()
            && values[&**name] != ""
            && unfit.iter().all(|fault| *fault.field != **name)
    };
    if fields.is_empty() || !fields.iter().all(is_there) {
        return None;
    }
    let input = Raw::new(filled.json)?;
    let seen = names::before_start(text, world, now, Some(&input), None);
    let key = text.key.as_ref()?.key(&seen).ok()?;
    Some(key.to_string()).filter(|key| !key.trim().is_empty())
}
