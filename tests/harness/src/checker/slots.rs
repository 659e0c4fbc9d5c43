//! The slots of schedules: each that came has one firing with what became of it, and no two runs are of one slot.

use std::collections::{BTreeMap, BTreeSet};

use yizhan_engine::store::{Firing, FiringOutcome};
use yizhan_workflow::calendar::Calendar;
use yizhan_workflow::id::{Millis, RunId};
use yizhan_workflow::run::event::Event;
use yizhan_workflow::schedule::{Schedule, preview};

use super::Violation;
use crate::evidence::{Evidence, RunEvidence};

/// A schedule as it was in force for the whole time, and what the store has of it.
#[derive(Clone, Debug)]
pub struct Slots {
    pub workflow: String,
    pub trigger: String,
    pub schedule: Schedule,
    pub calendar: Calendar,
    /// When it was seen first: no slot before is its own.
    pub from: Millis,
    /// Up to where its slots were decided.
    pub seen: Millis,
    pub firings: Vec<(Firing, Option<RunId>)>,
    /// A slot of it is one firing.
    pub plain: bool,
}

pub(super) fn check_slots(evidence: &Evidence) -> Vec<Violation> {
    let mut found = vec![];
    for slots in &evidence.schedules {
        found.extend(check_schedule(evidence, slots));
    }
    found.extend(doubled(evidence.runs.values()));
    found.extend(early(evidence));
    found
}

fn check_schedule(evidence: &Evidence, slots: &Slots) -> Vec<Violation> {
    let name = |at: Millis| (format!("{}/{}", slots.workflow, slots.trigger), at);
    let (mut found, mut fired, mut runs) = (vec![], BTreeSet::new(), BTreeSet::new());
    let all = preview(&slots.schedule, &slots.calendar, slots.from, slots.seen, usize::MAX);
    let due: BTreeSet<Millis> = all.iter().copied().collect();
    for (firing, run) in &slots.firings {
        let (what, at) = name(firing.at);
        if !fired.insert(firing.at) {
            found.push(Violation::SlotTwice(what.clone(), at));
        }
        if !due.contains(&at) && at > slots.from && at <= slots.seen {
            found.push(Violation::SlotOfNone(what.clone(), at));
        }
        found.extend(check_firing(evidence, (firing, *run), &what));
        if run.is_some_and(|run| !runs.insert(run)) && firing.outcome != FiringOutcome::Joined {
            found.push(Violation::SlotTwice(what, at));
        }
    }
    let began =
        evidence.runs.values().filter_map(slot_of).filter(|(of, _)| slots.plain && *of == name(Millis(0)).0);
    found.extend(began.filter(|(_, at)| !fired.contains(at)).map(|(what, at)| Violation::SlotLost(what, at)));
    found.extend(untold(&all, &slots.firings).into_iter().map(|at| {
        let (what, at) = name(at);
        Violation::SlotLost(what, at)
    }));
    found
}

/// Slots of which nothing is said. Of those that were passed over only the latest hundred are named one by one, and fewer
/// where a crash cut that: so what lies just before a missed one was missed too.
fn untold(due: &[Millis], firings: &[(Firing, Option<RunId>)]) -> Vec<Millis> {
    let outcomes: BTreeMap<Millis, FiringOutcome> =
        firings.iter().map(|(firing, _)| (firing.at, firing.outcome)).collect();
    let (mut lost, mut block) = (vec![], vec![]);
    for at in due {
        match outcomes.get(at) {
            None => block.push(*at),
            Some(FiringOutcome::Missed) => block.clear(),
            Some(_) => lost.append(&mut block),
        }
    }
    lost.append(&mut block);
    lost
}

/// A slot that started a run names one that is there; one that did not names none.
fn check_firing(
    evidence: &Evidence,
    (firing, run): (&Firing, Option<RunId>),
    what: &str,
) -> Option<Violation> {
    let starts = match firing.outcome {
        FiringOutcome::Started | FiringOutcome::Late | FiringOutcome::Joined => true,
        FiringOutcome::Rejected
        | FiringOutcome::Skipped
        | FiringOutcome::Missed
        | FiringOutcome::Queued
        | FiringOutcome::Failed
        | FiringOutcome::Gathered => false,
    };
    let is_there = run.is_some_and(|run| evidence.runs.contains_key(&run));
    (starts != is_there).then(|| Violation::SlotRunLost(what.to_owned(), firing.at))
}

/// What a run says of the firing that began it: two runs of one slot show also where the store's table forgot one.
fn doubled<'r>(runs: impl Iterator<Item = &'r RunEvidence>) -> Vec<Violation> {
    let (mut known, mut found) = (BTreeMap::new(), vec![]);
    for run in runs {
        let Some((what, at)) = slot_of(run) else { continue };
        if known.insert((what.clone(), at), run.row.id).is_some() {
            found.push(Violation::SlotTwice(what, at));
        }
    }
    found
}

/// No run of a slot begins before it, as long as the clock only goes on.
fn early(evidence: &Evidence) -> Vec<Violation> {
    let slots = evidence.runs.values().filter_map(|run| Some((slot_of(run)?, run.row.started)));
    let early = slots.filter(|((_, at), started)| started < at && !evidence.clock_moves);
    early.map(|((what, at), _)| Violation::SlotEarly(what, at)).collect()
}

/// The schedule and the slot that began a run, by its own word.
#[must_use]
pub fn slot_of(run: &RunEvidence) -> Option<(String, Millis)> {
    let (_, line) = run.lines.first()?;
    let Event::Started(started) = &line.event else { return None };
    let told: serde_json::Value = serde_json::from_str(started.trigger.as_ref()?.get()).unwrap_or_default();
    // Only what a schedule sets off has a window.
    let (Some(name), Some(at), true) =
        (told["name"].as_str(), told["at"].as_str(), told["window"].is_object())
    else {
        return None;
    };
    let at: Option<jiff::Timestamp> = at.parse().ok();
    Some((format!("{}/{name}", started.workflow), Millis(at.map_or(0, jiff::Timestamp::as_millisecond))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 200 slots the first ten have no word; then come so many missed ones, and the rest started a run.
    fn told(missed: usize) -> Vec<Millis> {
        let due: Vec<Millis> = (0..200).map(Millis).collect();
        let word = |at: usize| if at < 10 + missed { FiringOutcome::Missed } else { FiringOutcome::Started };
        let firing = |at: usize| Firing {
            workflow: "w".into(),
            trigger: "t".into(),
            id: at.to_string(),
            at: due[at],
            outcome: word(at),
        };
        let firings: Vec<_> = (10..200).map(|at| (firing(at), None)).collect();
        untold(&due, &firings)
    }

    #[test]
    fn only_before_a_missed_one_may_a_slot_have_no_word() {
        assert_eq!(told(100), []);
        assert_eq!(told(1), [], "the rest was cut off by a crash");
        assert_eq!(told(0), (0..10).map(Millis).collect::<Vec<_>>());
    }
}
