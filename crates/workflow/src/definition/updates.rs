//! Whether what a task's field corrects is a field of the start form, and of its type.

use super::Read;
use crate::form::Form;
use crate::id::StepNo;
use crate::plan::Work;
use crate::problem::{Place, Problem, nearest};

pub(super) fn check(read: &Read) -> Vec<Problem> {
    let workflow = &read.workflow;
    let mut problems = Vec::new();
    for no in workflow.numbers() {
        let step = workflow.step(no);
        let undo = step.undo.as_ref().map(|undo| ("undo.form", &undo.work));
        for (key, work) in [("form", &step.work)].into_iter().chain(undo) {
            if let Work::Ask(ask) = work {
                problems.extend(of_form(read, no, key, &ask.form));
            }
        }
    }
    problems
}

fn of_form(read: &Read, no: StepNo, key: &str, form: &Form) -> Vec<Problem> {
    let path = super::path_of(&read.workflow, no);
    let input = &read.workflow.input;
    let mut problems = Vec::new();
    for field in &form.fields {
        let Some(updates) = &field.updates else { continue };
        let own = format!("{path}.{key}.{}", field.name);
        if read.lost.has(&format!("input.{updates}")) || read.lost.has(&own) {
            continue;
        }
        let place = Place::at(read.spans.value(&format!("{own}.updates")));
        let problem = Problem::error("YZ0169", place).name("field", format!("input.{updates}"));
        match input.field(updates) {
            None => {
                let near = nearest(updates, input.fields.iter().map(|field| &*field.name));
                problems.push(problem.near(near.map(|near| format!("input.{near}"))));
            }
            Some(known) if known.kind != field.kind => {
                problems.push(problem.case("type").name("type", known.kind.as_str()));
            }
            Some(_) => {}
        }
    }
    problems
}
