//! What must hold between runs: a child has its parent, each end of a child is told once, and a run takes an event once.

use std::collections::BTreeSet;

use yizhan_engine::store::{RunRow, RunState, Tell};
use yizhan_workflow::id::{Attempt, RunId};
use yizhan_workflow::run::event::{Event, Fact, Standing};
use yizhan_workflow::run::state::At;

use super::{Violation, starts};
use crate::evidence::{Evidence, RunEvidence};

pub(super) fn check_family(evidence: &Evidence) -> Vec<Violation> {
    let mut found = vec![];
    for run in evidence.runs.values() {
        if let Some(parent) = run.row.parent {
            found.extend(check_child(evidence, run, parent));
        }
        found.extend(told_twice(run));
        found.extend(orphans(evidence, run));
        found.extend(check_events(evidence, run));
    }
    found.extend(starts::check_starts(evidence));
    let waits = |tell: &&yizhan_engine::store::Tell| !evidence.runs.contains_key(&tell.child);
    found.extend(evidence.tells.iter().filter(waits).map(|tell| Violation::ToldOfNone(tell.child)));
    found.extend(evidence.tells.iter().filter_map(|tell| left(evidence, tell)));
    found
}

/// A word that arrived goes with the line that took it.
fn left(evidence: &Evidence, tell: &Tell) -> Option<Violation> {
    let above = evidence.runs.get(&tell.parent)?;
    let facts = evidence.runs.get(&tell.child)?.lines.iter().flat_map(|(_, line)| &line.did);
    let ends = facts.filter(|fact| matches!(fact, Fact::Ended { scope, .. } if scope.is_run())).count();
    let heard = told(above).filter(|(_, child)| *child == tell.child).count();
    (heard >= ends).then_some(Violation::TellLeft(tell.child, tell.parent))
}

/// Children that a run waits for and that do not know it: nobody would tell it of their ends.
fn orphans(evidence: &Evidence, run: &RunEvidence) -> Vec<Violation> {
    let Some(folded) = run.folded().filter(|run| !run.is_over()) else { return vec![] };
    let waits = folded.standing_items().filter_map(|(_, state)| match &state.at {
        At::Is(Standing::Child { child, detach: false, .. }) => Some(*child),
        At::Is(_) | At::Over(_) => None,
    });
    let stray = waits
        .filter(|child| evidence.runs.get(child).is_some_and(|child| child.row.parent != Some(run.row.id)));
    stray.map(|child| Violation::ChildOrphaned(child, run.row.id)).collect()
}

fn is_over(row: &RunRow) -> bool {
    matches!(row.state, RunState::Done | RunState::Failed | RunState::Cancelled)
}

fn check_child(evidence: &Evidence, child: &RunEvidence, parent: RunId) -> Vec<Violation> {
    let id = child.row.id;
    let Some(above) = evidence.runs.get(&parent) else { return vec![Violation::ParentLost(id, parent)] };
    if !began(above, id) {
        return vec![Violation::ChildUnknown(id, parent)];
    }
    let mut found = vec![];
    let ends = told(above).filter(|(_, told)| *told == id).count();
    // Who waits for it and was never told of an end would wait for ever; its word may be on the way.
    let on_the_way = evidence.tells.iter().any(|tell| tell.child == id);
    if is_over(&child.row) && ends == 0 && !on_the_way && waits_for(above, id) {
        found.push(Violation::ChildUntold(id, parent));
    }
    if !is_over(&child.row) && ends == 0 && is_over(&above.row) {
        found.push(Violation::ChildLeft(id, parent));
    }
    found
}

/// Whether an item of the run began this child and waits for it.
fn began(run: &RunEvidence, child: RunId) -> bool {
    run.lines.iter().flat_map(|(_, line)| &line.did).any(|fact| {
        matches!(fact, Fact::Entered { state: Standing::Child { child: ours, detach: false, .. }, .. } if *ours == child)
    })
}

fn waits_for(run: &RunEvidence, child: RunId) -> bool {
    let folded = run.folded();
    folded.is_some_and(|run| {
        !run.is_over()
            && run.standing_items().any(|(_, state)| {
                matches!(
                    &state.at,
                    At::Is(
                        Standing::Child { child: ours, .. } | Standing::StoppingChild { child: ours, .. }
                    ) if *ours == child
                )
            })
    })
}

/// The ends of children that a run has in its journal.
fn told(run: &RunEvidence) -> impl Iterator<Item = (Attempt, RunId)> + '_ {
    run.lines.iter().filter_map(|(_, line)| {
        let Event::ChildEnded { of, child, .. } = &line.event else { return None };
        Some((*of, *child))
    })
}

/// A later attempt of the parent may hear of the same child again; the same attempt may not.
fn told_twice(run: &RunEvidence) -> Vec<Violation> {
    let mut heard = BTreeSet::new();
    let twice = told(run).filter(|end| !heard.insert(*end));
    twice.map(|(_, child)| Violation::ChildToldTwice(child, run.row.id)).collect()
}

fn check_events(evidence: &Evidence, run: &RunEvidence) -> Vec<Violation> {
    let (id, mut taken, mut found) = (run.row.id, BTreeSet::new(), vec![]);
    for (_, line) in &run.lines {
        let Event::EventTaken { id: event, .. } = &line.event else { continue };
        if !taken.insert(event) {
            found.push(Violation::EventTwice(id, event.to_string()));
        }
        let known = evidence.published.iter().any(|known| **event == *format!("{}/{}", known.name, known.id));
        if !known {
            found.push(Violation::EventOfNone(id, event.to_string()));
        }
    }
    // Whoever listens without a condition takes the first that comes.
    for listens in run.rows.listeners.iter().filter(|listens| listens.filter.is_none()) {
        let missed = evidence.published.iter().find(|event| {
            event.name == listens.name
                && event.key == listens.key
                && event.at >= listens.since
                && !taken.iter().any(|taken| ***taken == *format!("{}/{}", event.name, event.id))
        });
        found.extend(missed.map(|event| Violation::EventMissed(id, format!("{}/{}", event.name, event.id))));
    }
    found
}
