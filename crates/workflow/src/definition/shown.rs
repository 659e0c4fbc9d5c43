//! Warns of private values in words that many read: the key of the case and the titles of tasks.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Read;
use super::names::{find, place};
use super::uses::{Use, Walk};
use crate::expression::{Name, NameKind};
use crate::form::Kind;
use crate::id::StepNo;
use crate::plan::{Work, Workflow};
use crate::problem::Problem;

pub(super) fn check(read: &Read) -> Vec<Problem> {
    let workflow = &read.workflow;
    let lets = private_lets(workflow);
    let mut problems = Vec::new();
    Walk::over(workflow, &mut |one| {
        let case = match &*one.path {
            "key" => "key",
            path if is_title(path) => "title",
            _ => return,
        };
        for name in one.names.iter().filter(|name| !is_cut(&one, name)) {
            if !is_private(workflow, &name.path, name.kind, one.stand.step, &lets) {
                continue;
            }
            let place = place(read, &one.path, one.source, &name.at);
            problems.push(Problem::warning("YZ0660", place).case(case).name("value", name.path.join(".")));
        }
    });
    problems
}

/// Of a step, of what a due time sets off, of an undo; and no value that is called so.
fn is_title(path: &str) -> bool {
    let within = |word: &str| path.split('.').any(|part| part == word);
    path.ends_with(".title") && !["with", "let", "decide", "output", "form"].iter().any(|word| within(word))
}

/// `input.phone[-4:]`: so much of it was meant to be seen.
fn is_cut(one: &Use<'_>, name: &Name) -> bool {
    one.source.get(name.at.end..).is_some_and(|after| after.trim_start().starts_with('['))
}

/// Names of the file's own `let` that are made of private values.
fn private_lets(workflow: &Workflow) -> BTreeSet<Arc<str>> {
    let mut lets = BTreeSet::new();
    for one in workflow.lets.iter() {
        let mut private = false;
        one.value.each_template("", &mut |_, template| {
            private |=
                template.names().iter().any(|name| is_private(workflow, &name.path, name.kind, None, &lets));
        });
        if private {
            lets.insert(Arc::clone(&one.name));
        }
    }
    lets
}

fn is_private(
    workflow: &Workflow,
    path: &[Arc<str>],
    kind: NameKind,
    from: Option<StepNo>,
    lets: &BTreeSet<Arc<str>>,
) -> bool {
    if kind != NameKind::Value {
        return false;
    }
    match path {
        [root, field, ..] if **root == *"input" => {
            workflow.input.field(field).is_some_and(|field| field.private && field.kind != Kind::Table)
        }
        [root, id, name, ..] if **root == *"step" => {
            let Some(no) = find(workflow, from, id) else { return false };
            let step = workflow.step(no);
            let asked = if let Work::Ask(ask) = &step.work { ask.form.field(name) } else { None };
            step.guard.private.contains(name) || asked.is_some_and(|field| field.private)
        }
        [one] | [one, ..] => lets.contains(one),
        [] => false,
    }
}
