//! Finds approvals whose refusal leads nowhere: a flow that goes on as if it were approved is never meant.

use super::uses::Walk;
use super::{Read, path_of};
use crate::id::StepNo;
use crate::plan::{OutcomePattern, Step};
use crate::problem::{Place, Problem};

/// What tells whether a step was approved.
const TELLS: &[&str] = &["approved", "outcome", "signatures"];

pub(super) fn check(read: &Read) -> Vec<Problem> {
    let workflow = &read.workflow;
    // What cannot be read may be what reads it.
    if read.damage.is_some() {
        return Vec::new();
    }
    let mut unread: Vec<StepNo> =
        workflow.numbers().filter(|no| workflow.step(*no).approve().is_some()).collect();
    unread.retain(|no| {
        let lost = read.lost.has(&format!("{}.on", path_of(workflow, *no)));
        !lost && !workflow.step(*no).on.iter().any(|on| tells(&on.outcome))
    });
    if unread.is_empty() {
        return Vec::new();
    }
    Walk::over(workflow, &mut |one| {
        let names = one.names.iter().filter(|name| &*name.path[0] == "step");
        for name in names {
            unread.retain(|no| one.stand.step == Some(*no) || !reads(&name.path, workflow.step(*no)));
        }
    });
    let problem = |no: StepNo| {
        let (step, path) = (workflow.step(no), path_of(workflow, no));
        let place = Place::at(read.spans.key(&format!("{path}.approve")));
        Problem::error("YZ0177", place).name("step", &*step.id)
    };
    unread.into_iter().map(problem).collect()
}

fn tells(outcome: &OutcomePattern) -> bool {
    match outcome {
        // A word that is none was said already, and is most likely this one.
        OutcomePattern::Word(word) => !["done", "late", "approved"].contains(&&**word),
        OutcomePattern::Field { field, value } => &**field == "approved" && &**value == "no",
    }
}

/// The step is named, from outside with those that hold it, and asked how it ended.
fn reads(path: &[std::sync::Arc<str>], step: &Step) -> bool {
    let at = path.iter().skip(1).position(|part| *part == step.id).map(|at| at + 1);
    at.is_some_and(|at| path.get(at + 1).is_none_or(|part| TELLS.contains(&&**part)))
}
