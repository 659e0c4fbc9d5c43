//! Runs that events start: each trigger that waits for an event starts by it once.

use std::collections::BTreeSet;

use yizhan_workflow::run::event::Event;

use super::Violation;
use crate::evidence::{Evidence, RunEvidence};

/// A trigger that waits for events, in force since its first run began, and what the store has of it.
#[derive(Clone, Debug)]
pub struct Hears {
    pub workflow: String,
    pub trigger: String,
    pub event: String,
    /// The number up to which events were seen.
    pub seen: u64,
    /// Ids of the events of which is said what became of them.
    pub firings: BTreeSet<String>,
}

pub(super) fn check_starts(evidence: &Evidence) -> Vec<Violation> {
    let mut found = vec![];
    for hears in &evidence.hears {
        let name = format!("{}/{}", hears.workflow, hears.trigger);
        let theirs = evidence.published.iter().filter(|event| *event.name == *hears.event);
        // Whether an event before the first of them came in the time of this file is not known.
        let since =
            theirs.clone().filter(|event| hears.firings.contains(&*event.id)).map(|event| event.number);
        let since = since.min().unwrap_or(u64::MAX);
        let due = theirs.filter(|event| (since..=hears.seen).contains(&event.number));
        let untold = due.filter(|event| !hears.firings.contains(&*event.id));
        found.extend(untold.map(|event| Violation::EventUnfired(name.clone(), event.id.to_string())));
        let mut started = BTreeSet::new();
        let by_events = evidence.runs.values().filter_map(|run| event_of(run, hears));
        let twice = by_events.filter(|id| !started.insert(id.clone()));
        found.extend(twice.map(|id| Violation::EventFiredTwice(name.clone(), id)));
    }
    found
}

/// The event that began a run by this trigger, by its own word.
fn event_of(run: &RunEvidence, hears: &Hears) -> Option<String> {
    let Event::Started(started) = &run.lines.first()?.1.event else { return None };
    if *started.workflow != *hears.workflow {
        return None;
    }
    let told: serde_json::Value = serde_json::from_str(started.trigger.as_ref()?.get()).ok()?;
    (told["name"] == *hears.trigger).then(|| told["event"]["id"].as_str().map(str::to_owned))?
}
