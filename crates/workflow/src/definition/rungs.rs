//! Checks what due times set off: whom a rung tells, what it does, what it decides.

use std::sync::Arc;

use super::check::Checker;
use super::path_of;
use crate::expression::{Template, Tree, empty};
use crate::form::{FieldFault, Form};
use crate::id::StepNo;
use crate::plan::{Clock, Does, OutcomePattern, Small, Step, Work};
use crate::problem::{Problem, listed, nearest};

/// A field that must be filled in and is not.
const MISSING: &str = "YZ0330";

/// How an answer does not fit its form, as far as the file alone says it.
const UNFIT: [&str; 11] = [
    MISSING, "YZ0331", "YZ0332", "YZ0333", "YZ0334", "YZ0335", "YZ0337", "YZ0338", "YZ0339", "YZ0346",
    "YZ0347",
];

fn is_plain(tree: &Tree) -> bool {
    let mut plain = true;
    tree.each_template("", &mut |_, template| plain &= template.is_literal());
    plain
}

impl Checker<'_> {
    /// The clocks of all steps and of the file.
    pub(super) fn clocks(&self, problems: &mut Vec<Problem>) {
        let workflow = &self.read.workflow;
        for no in workflow.numbers() {
            let path = path_of(workflow, no);
            if let Some(clock) = &workflow.step(no).clock
                && !self.read.lost.has(&path)
            {
                self.clock(no, clock, &format!("{path}."), problems);
            }
        }
        if let Some(clock) = &workflow.whole.clock {
            self.clock(StepNo::WHOLE, clock, "", problems);
        }
    }

    fn clock(&self, no: StepNo, clock: &Clock, above: &str, problems: &mut Vec<Problem>) {
        let step = self.read.workflow.step(no);
        for rung in &clock.rungs {
            let path = format!("{above}{}", rung.written);
            match &rung.does {
                Does::Tell(who) => self.told(who, &format!("{path}.tell"), problems),
                Does::Reassign(who) => self.told(who, &format!("{path}.reassign"), problems),
                Does::Decide(fields) => self.decides(step, fields, &path, problems),
                Does::Act(small) => self.work(&small.work, &path, problems),
            }
        }
        if let Some(extend) = &clock.extend {
            let path = format!("{above}extend");
            if let Some(Small { work: Work::Ask(ask), .. }) = &extend.grant {
                self.told(&ask.who, &format!("{path}.approve"), problems);
            }
            if let Some(then) = &extend.then {
                self.work(&then.work, &path, problems);
            }
        }
    }

    fn told(&self, who: &[Template], path: &str, problems: &mut Vec<Problem>) {
        let many = self.read.spans.of.contains_key(&format!("{path}[0]"));
        for (at, who) in who.iter().enumerate().filter(|(_, who)| who.is_literal()) {
            let path = if many { format!("{path}[{at}]") } else { path.to_owned() };
            self.who(&path, who.source(), problems);
        }
    }

    /// A rung that decides answers the form, and there is no second way to end the task.
    fn decides(&self, step: &Step, fields: &Tree, path: &str, problems: &mut Vec<Problem>) {
        let ends =
            |on: &crate::plan::On| matches!(&on.outcome, OutcomePattern::Word(word) if &**word == "late");
        if step.on.iter().any(ends) {
            let place = self.key(&format!("{path}.decide"));
            problems.push(Problem::error("YZ0133", place).name("one", "decide").name("other", "on.late"));
        }
        let (Work::Ask(ask), Tree::Map(given)) = (&step.work, fields) else { return };
        let known: Vec<&str> = ask.form.fields.iter().map(|field| &*field.name).collect();
        for (key, _) in given.iter().filter(|(key, _)| !known.contains(&&**key)) {
            let place = self.key(&format!("{path}.decide.{key}"));
            let problem = Problem::error("YZ0683", place).name("field", &**key).name("step", &*step.id);
            problems.push(problem.near(nearest(key, &known)).name("known", listed(&known)));
        }
        problems.extend(self.unfit(&ask.form, given, path));
    }

    /// What is written plainly must be an answer that the form takes. What hangs on values of a run is not known here.
    fn unfit(&self, form: &Form, given: &[(Arc<str>, Tree)], path: &str) -> Vec<Problem> {
        let plain: Vec<_> = given.iter().filter(|(_, tree)| is_plain(tree)).cloned().collect();
        let nothing = empty();
        let Ok(json) = Tree::Map(plain).json(&nothing) else { return Vec::new() };
        let Err(faults) = form.accept_text(&json, &nothing) else { return Vec::new() };
        let slipped = given.iter().any(|(key, _)| form.field(key).is_none());
        let problem = |fault: FieldFault| {
            let code = UNFIT.iter().copied().find(|code| *code == &*fault.code)?;
            let name = fault.field.split(['[', '.']).next().unwrap_or_default();
            let is_given = given.iter().any(|(key, _)| **key == *name);
            let place = match (code, is_given) {
                // It is worked out when the time comes, or was written under another name.
                (MISSING, true) => return None,
                (MISSING, false) if slipped => return None,
                (MISSING, false) => self.key(&format!("{path}.decide")),
                (_, true) => self.value(&format!("{path}.decide.{name}")),
                (_, false) => return None,
            };
            let problem = Problem::error(code, place);
            Some(fault.names.into_iter().fold(problem, |problem, (name, value)| problem.name(name, value)))
        };
        faults.into_iter().filter_map(problem).collect()
    }
}
