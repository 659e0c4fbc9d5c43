//! Holds what is confidential against what there is: a wrong name would keep nothing from anybody.

use super::check::Checker;
use super::names::output_fields;
use super::path_of;
use crate::plan::{Guard, Step, Work};
use crate::problem::{Problem, listed, nearest};

impl Checker<'_> {
    pub(super) fn guards(&self, problems: &mut Vec<Problem>) {
        let workflow = &self.read.workflow;
        self.readers(&workflow.whole.guard, "readers", problems);
        for no in workflow.numbers() {
            let (step, path) = (workflow.step(no), path_of(workflow, no));
            self.readers(&step.guard, &format!("{path}.readers"), problems);
            let Some(known) = self.gives(step) else { continue };
            for (at, name) in step.guard.private.iter().enumerate() {
                if known.contains(&&**name) {
                    continue;
                }
                let place = self.value(&self.one_of(&format!("{path}.private"), at));
                let problem = Problem::error("YZ0193", place).name("step", &*step.id).name("value", &**name);
                let near = nearest(name, known.iter().copied());
                problems.push(problem.near(near).name("known", listed(known.clone())));
            }
        }
    }

    fn readers(&self, guard: &Guard, path: &str, problems: &mut Vec<Problem>) {
        for (at, who) in guard.readers.iter().enumerate() {
            self.who(&self.one_of(path, at), who, problems);
        }
    }

    /// One of a list, or the text that stands for a list of one.
    fn one_of(&self, path: &str, at: usize) -> String {
        let one = format!("{path}[{at}]");
        if self.read.spans.of.contains_key(&one) { one } else { path.to_owned() }
    }

    /// The names of what a step gives, where all are known.
    fn gives<'s>(&'s self, step: &'s Step) -> Option<Vec<&'s str>> {
        match &step.work {
            Work::Ask(ask) => {
                let approve = ask.approve.iter().flat_map(|_| ["approved", "opinion"]);
                let fields = ask.form.fields.iter().map(|field| &*field.name);
                Some(fields.chain(approve).collect())
            }
            Work::Use { action, .. } => output_fields(self.house.catalogue.action(action)?),
            Work::Wait { .. } | Work::Check { .. } | Work::End { .. } => Some(vec![]),
            Work::Await(_) | Work::Run { .. } | Work::Hold { .. } => None,
        }
    }
}
