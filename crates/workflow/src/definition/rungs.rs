//! Checks what due times set off: whom a rung tells, what it does, what it decides.

use super::check::Checker;
use super::path_of;
use crate::expression::{Template, Tree};
use crate::id::StepNo;
use crate::plan::{Clock, Does, OutcomePattern, Small, Step, Work};
use crate::problem::{Problem, listed, nearest};

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
    }
}
