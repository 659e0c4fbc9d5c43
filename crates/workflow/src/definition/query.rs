//! Checks what steps ask of runs and tasks: that there are these columns, words and figures.

use super::check::Checker;
use super::ledger::{keys, part, text, texts};
use super::path_of;
use crate::expression::Tree;
use crate::plan::Work;
use crate::problem::{Place, Problem, listed, nearest};
use crate::query::Of;
use crate::register::{Ordered, Show};

pub(super) fn check(checker: &Checker<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let workflow = &checker.read.workflow;
    for no in workflow.numbers() {
        let (step, path) = (workflow.step(no), path_of(workflow, no));
        let undo = step.undo.as_ref().map(|undo| (&undo.work, format!("{path}.undo")));
        for (work, path) in std::iter::once((&step.work, path.clone())).chain(undo) {
            if let Work::Use { action, with } = work
                && &*action.plugin == "query"
                && let Some(of) = Of::named(&action.action)
            {
                let mut asking = Asking { checker, of, at: format!("{path}.with"), problems: &mut problems };
                asking.check(with);
            }
        }
    }
    problems
}

struct Asking<'c, 'p> {
    checker: &'c Checker<'c>,
    of: Of,
    at: String,
    problems: &'p mut Vec<Problem>,
}

impl Asking<'_, '_> {
    fn check(&mut self, with: &Tree) {
        if let Some(filter) = part(with, "where") {
            for key in keys(&filter) {
                let path = format!("{}.where.{key}", self.at);
                let place = self.checker.key(&path);
                self.column(&key, place);
                if key == "state" {
                    self.states(&filter, &path);
                }
            }
        }
        let by = part(with, "by").map(|part| texts(&part)).unwrap_or_default();
        for column in &by {
            let place = self.checker.value(&format!("{}.by", self.at));
            self.column(column, place);
        }
        let shown = part(with, "show").map(|show| keys(&show)).unwrap_or_default();
        self.order(with, &by, &shown);
        let Some(show) = part(with, "show") else { return };
        for name in shown {
            let Some(own) = part(&show, &name).and_then(|part| text(&part)) else { continue };
            let place = self.checker.value(&format!("{}.show.{name}", self.at));
            self.figure(&name, &own, place);
        }
    }

    /// With figures, an order goes by one of them or by what is grouped.
    fn order(&mut self, with: &Tree, by: &[String], shown: &[String]) {
        for text in part(with, "order").map(|part| texts(&part)).unwrap_or_default() {
            let column = Ordered::parse(&text).column;
            let place = self.checker.value(&format!("{}.order", self.at));
            if by.is_empty() && shown.is_empty() {
                self.column(&column, place);
            } else if !by.contains(&column) && !shown.contains(&column) && column != "count" {
                let known: Vec<&str> = by.iter().chain(shown).map(String::as_str).collect();
                self.unknown(&column, &known, place);
            }
        }
    }

    fn figure(&mut self, name: &str, own: &str, place: Place) {
        let show = match Show::parse(name, own) {
            Ok(show) => show,
            Err(fault) => return self.no_figure(own, &fault.0, place),
        };
        let Some(asked) = &show.column else { return };
        let Some(column) = self.of.column(asked) else { return self.column(asked, place) };
        if let Err(cause) = show.fits(column.holds) {
            self.no_figure(own, cause, place);
        }
    }

    fn no_figure(&mut self, figure: &str, cause: &str, place: Place) {
        let problem = Problem::error("YZ0676", place).name("figure", figure);
        self.problems.push(problem.name("cause", cause));
    }

    fn states(&mut self, filter: &Tree, path: &str) {
        let wanted = part(filter, "state").map(|part| texts(&part)).unwrap_or_default();
        for word in wanted.iter().filter(|word| !self.of.states().contains(&word.as_str())) {
            let known = self.of.states();
            let problem = Problem::error("YZ0678", self.checker.value(path)).name("state", word);
            self.problems.push(problem.name("known", listed(known)).near(nearest(word, known)));
        }
    }

    fn column(&mut self, name: &str, place: Place) {
        if self.of.column(name).is_none() {
            let known: Vec<&str> = self.of.columns().iter().map(|column| column.name).collect();
            self.unknown(name, &known, place);
        }
    }

    fn unknown(&mut self, name: &str, known: &[&str], place: Place) {
        let problem = Problem::error("YZ0679", place).name("column", name);
        self.problems.push(problem.name("known", listed(known)).near(nearest(name, known)));
    }
}
