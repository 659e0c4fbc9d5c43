//! Which workflows a walk may come to: those that it begins as child runs, and those that begin by what it publishes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value as Json;
use yizhan_workflow::expression::Tree;
use yizhan_workflow::plan::{Does, Starts, Step, Work, Workflow};

/// All that a step does: itself, when it is taken back, and when its time comes.
fn works(step: &Step) -> impl Iterator<Item = &Work> {
    let small = step.rungs().iter().filter_map(|rung| match &rung.does {
        Does::Act(small) => Some(&small.work),
        Does::Tell(_) | Does::Reassign(_) | Does::Decide(_) => None,
    });
    let extend = step.clock.as_ref().and_then(|clock| clock.extend.as_ref());
    let then = extend.and_then(|extend| extend.then.as_ref()).map(|small| &small.work);
    std::iter::once(&step.work).chain(step.undo.as_ref().map(|undo| &undo.work)).chain(small).chain(then)
}

fn text_of(tree: &Tree) -> Option<String> {
    match tree {
        Tree::Json(json) => serde_json::from_str(json).ok(),
        Tree::Text(template) => template.is_literal().then(|| template.source().to_owned()),
        Tree::List(_) | Tree::Map(_) => None,
    }
}

/// The name that an `event.publish` gives, where it does not depend on the case.
fn published(work: &Work) -> Option<String> {
    let Work::Use { action, with } = work else { return None };
    if &*action.plugin != "event" || &*action.action != "publish" {
        return None;
    }
    match with {
        Tree::Map(entries) => text_of(&entries.iter().find(|(name, _)| &**name == "name")?.1),
        Tree::Json(json) => serde_json::from_str::<Json>(json).ok()?.get("name")?.as_str().map(str::to_owned),
        Tree::Text(_) | Tree::List(_) => None,
    }
}

/// The names of the events that a workflow publishes.
pub(super) fn publishes(text: &Workflow) -> impl Iterator<Item = String> {
    text.steps.iter().flat_map(works).filter_map(published)
}

/// It looks at runs or tasks.
pub(super) fn asks_for_figures(text: &Workflow) -> bool {
    let asks = |work: &Work| matches!(work, Work::Use { action, .. } if &*action.plugin == "query");
    text.steps.iter().flat_map(works).any(asks)
}

fn begins(text: &Workflow) -> impl Iterator<Item = &Arc<str>> {
    text.steps.iter().flat_map(works).filter_map(|work| match work {
        Work::Run { workflow, .. } => Some(workflow),
        Work::Use { .. }
        | Work::Ask(_)
        | Work::Wait { .. }
        | Work::Await(_)
        | Work::Check { .. }
        | Work::End { .. }
        | Work::Hold { .. } => None,
    })
}

/// Of all these the workflows that a walk through `text` may come to, in the order of their names. The walked one is none
/// of them: another case of its own is not looked at.
#[must_use]
pub fn reached(text: &Workflow, all: &[Arc<Workflow>]) -> Vec<Arc<Workflow>> {
    let mut found: BTreeMap<Arc<str>, &Arc<Workflow>> = BTreeMap::new();
    let mut ahead = vec![text];
    while let Some(from) = ahead.pop() {
        let names: BTreeSet<&Arc<str>> = begins(from).collect();
        let events: BTreeSet<String> = publishes(from).collect();
        let by_event = |one: &Workflow| {
            one.triggers
                .iter()
                .any(|trigger| matches!(&trigger.starts, Starts::Event { name } if events.contains(&**name)))
        };
        for one in all.iter().filter(|one| names.contains(&one.name) || by_event(one)) {
            if one.name != text.name && found.insert(one.name.clone(), one).is_none() {
                ahead.push(one);
            }
        }
    }
    found.into_values().cloned().collect()
}
