//! What works and is most often not meant.

use std::collections::BTreeSet;

use super::names::place;
use super::uses::{At, Use, Walk};
use super::{Read, own_path};
use crate::catalogue::Catalogue;
use crate::expression::{Name, NameKind, Tree};
use crate::id::StepNo;
use crate::plan::{Effect, Goes, OnError, Section, Starts, Step, Work, Workflow};
use crate::problem::{Place, Problem};

pub(super) fn check(read: &Read, catalogue: &Catalogue) -> Vec<Problem> {
    let workflow = &read.workflow;
    let mut problems = Vec::new();
    for step in &workflow.steps {
        problems.extend(tried_twice(read, step, catalogue));
        problems.extend(of_nobody(read, step));
        if let Work::Use { with, .. } = &step.work {
            open_secrets(read, &format!("{}.with", own_path(workflow, step)), with, &mut problems);
        }
    }
    if !read.lost.order {
        problems.extend(workflow.numbers().filter_map(|no| nobody_waits(read, no)));
        repeated(read, catalogue, &mut problems);
    }
    uses(read, &mut problems);
    problems.extend(super::shown::check(read));
    problems
}

fn key(read: &Read, path: &str) -> Place {
    Place::at(read.spans.key(path))
}

fn effect(step: &Step, catalogue: &Catalogue) -> Option<Effect> {
    let Work::Use { action, .. } = &step.work else { return None };
    let own = catalogue.action(action)?.effect;
    Some(step.effect.map_or(own, |tightened| tightened.max(own)))
}

/// What must happen once is not safe to be tried again by itself.
fn tried_twice(read: &Read, step: &Step, catalogue: &Catalogue) -> Option<Problem> {
    let times = step.retry.filter(|retry| retry.times > 0)?.times;
    (effect(step, catalogue)? == Effect::Once).then(|| {
        let place = key(read, &format!("{}.retry", own_path(&read.workflow, step)));
        Problem::warning("YZ0609", place).name("step", &*step.id).name("times", times.to_string())
    })
}

/// An `await` without a key of its own waits for that of the run, and in a file without `key` runs have none.
fn of_nobody(read: &Read, step: &Step) -> Option<Problem> {
    let Work::Await(event) = &step.work else { return None };
    let workflow = &read.workflow;
    (event.key.is_none() && workflow.key.is_none() && !read.lost.has("key")).then(|| {
        let place = Place::at(read.spans.value(&format!("{}.await", own_path(workflow, step))));
        let problem = Problem::warning("YZ0622", place).name("event", event.event.source());
        match workflow.input.fields.first() {
            Some(field) => problem.name("field", &*field.name),
            None => problem.name("field", "number"),
        }
    })
}

/// A branch beside the others that ends in nothing: the run waits for it, but no step does.
fn nobody_waits(read: &Read, no: StepNo) -> Option<Problem> {
    let workflow = &read.workflow;
    let step = workflow.step(no);
    let is_leaf = |other: &Step| {
        other.section == Section::Main && other.holder == step.holder && other.needed_by.is_empty()
    };
    let waits = matches!(step.work, Work::Ask(_) | Work::Await(_) | Work::Wait { .. } | Work::Run { .. });
    if !is_leaf(step) || !waits {
        return None;
    }
    let last = workflow.numbers().filter(|other| is_leaf(workflow.step(*other))).last()?;
    // The answer of a branch that leads on by itself, or that is read by somebody, is not forgotten.
    let leads = !step.on.is_empty() || !matches!(step.on_error, OnError::Fail | OnError::Continue);
    (last != no && !leads).then(|| {
        let problem =
            Problem::warning("YZ0610", key(read, &own_path(workflow, step))).name("step", &*step.id);
        problem
            .name("last", &*workflow.step(last).id)
            .cause(key(read, &own_path(workflow, workflow.step(last))))
    })
}

/// Appends and mails between a way back and its target are done again in each round.
fn repeated(read: &Read, catalogue: &Catalogue, problems: &mut Vec<Problem>) {
    let workflow = &read.workflow;
    let mut told = BTreeSet::new();
    for step in &workflow.steps {
        let ways =
            step.on.iter().filter_map(|on| if let Goes::Back(back) = &on.goes { Some(back) } else { None });
        for back in ways {
            let target = workflow.step(back.target);
            for no in workflow.numbers() {
                let other = workflow.step(no);
                let between = target.after.contains(&no) && step.before.contains(&no);
                let careful = other.undo.is_some() || other.when.is_some() || reads_round(other);
                let repeats = effect(other, catalogue).is_some_and(|effect| effect >= Effect::Keyed);
                if between && repeats && !careful && told.insert(no) {
                    let Work::Use { action, .. } = &other.work else { continue };
                    let problem = Problem::warning("YZ0611", key(read, &own_path(workflow, other)));
                    let problem = problem.name("step", &*other.id).name("action", action.to_string());
                    let problem = problem.name("from", &*step.id).name("target", &*target.id);
                    problems.push(problem.cause(key(read, &format!("{}.on", own_path(workflow, step)))));
                }
            }
        }
    }
}

fn reads_round(step: &Step) -> bool {
    let Work::Use { with, .. } = &step.work else { return false };
    let mut found = false;
    with.each_template("", &mut |_, template| {
        found |= template.names().iter().any(|name| &*name.path[0] == "round");
    });
    found
}

/// Keys whose values nobody should read in a workflow file.
fn is_secret(key: &str) -> bool {
    let key = key.to_lowercase().replace(['-', '_'], "");
    ["password", "passwd", "token", "apikey", "secret", "authorization", "accesskey"]
        .iter()
        .any(|word| key.ends_with(word))
}

fn open_secrets(read: &Read, path: &str, tree: &Tree, problems: &mut Vec<Problem>) {
    let Tree::Map(entries) = tree else { return };
    for (name, item) in entries {
        let path = format!("{path}.{name}");
        match item {
            Tree::Text(text) if text.is_literal() && is_secret(name) && text.source().len() > 3 => {
                let place = Place::at(read.spans.value(&path));
                problems.push(Problem::warning("YZ0606", place).name("key", &**name));
            }
            Tree::Json(_) | Tree::Text(_) | Tree::List(_) | Tree::Map(_) => {
                open_secrets(read, &path, item, problems);
            }
        }
    }
}

fn uses(read: &Read, problems: &mut Vec<Problem>) {
    let workflow = &read.workflow;
    let scheduled = workflow.triggers.iter().any(|trigger| matches!(trigger.starts, Starts::Schedule(_)));
    Walk::over(workflow, &mut |one| {
        for name in one.names.iter().filter(|name| name.kind == NameKind::Value) {
            let at = || place(read, &one.path, one.source, &name.at);
            if scheduled && *name.path == ["now".into()] && matches!(one.stand.at, At::FileLet | At::Step) {
                problems.push(Problem::warning("YZ0613", at()));
            }
            if let Some(step) = perhaps_empty(workflow, &one, name) {
                let problem = Problem::warning("YZ0608", at()).name("name", name.path.join("."));
                let problem = if name.counted { problem.case("counted") } else { problem };
                problems.push(
                    problem
                        .name("step", &*step.id)
                        .cause(key(read, &format!("{}.when", own_path(workflow, step)))),
                );
            }
        }
    });
}

/// A step that may be skipped, read where nothing is not enough: for whom, until when, for each of what, beside a sign
/// of arithmetic.
fn perhaps_empty<'w>(workflow: &'w Workflow, one: &Use<'_>, name: &Name) -> Option<&'w Step> {
    const NEEDED: &[&str] = &["due", "wait", "ask", "each"];
    let own = workflow.step(one.stand.step?);
    let below = one.path.strip_prefix(&own_path(workflow, own))?.strip_prefix('.')?;
    let wanted = below.split(['.', '[']).next()?;
    let is_recipient = wanted == "with" && one.path.ends_with(".with.to");
    let is_needed = NEEDED.contains(&wanted) || is_recipient || name.counted && !name.conditional;
    if !is_needed || one.source.contains("default") || one.source.contains(" if ") {
        return None;
    }
    let [root, id, part, ..] = name.path.as_slice() else { return None };
    if **root != *"step" || super::fields::RESERVED.contains(&&**part) && &**part != "by" {
        return None;
    }
    let step = workflow.step(super::names::find(workflow, one.stand.step, id)?);
    (step.when.is_some() && own.when.is_none() && step.section == Section::Main).then_some(step)
}
