//! What can only be said with the plugins, the people and the other workflows at hand.

use super::schema::{Schema, SchemaFault, What, secret_in};
use super::{Read, names, outcomes, path_of};
use crate::catalogue::Catalogue;
use crate::expression::Tree;
use crate::people::People;
use crate::plan::{ActionName, Effect, Starts, Step, Work};
use crate::problem::{Place, Problem, nearest};

/// Everything that is wrong or doubtful about a workflow among the others.
#[must_use]
pub fn check(read: &Read, catalogue: &Catalogue, people: &People, workflows: &[String]) -> Vec<Problem> {
    let checker = Checker { read, catalogue, people, workflows };
    let mut problems = Vec::new();
    for no in read.workflow.numbers() {
        let (step, path) = (read.workflow.step(no), path_of(&read.workflow, no));
        checker.work(&step.work, &path, &mut problems);
        checker.effect(step, &path, &mut problems);
        if let Some(undo) = &step.undo {
            checker.work(&undo.work, &format!("{path}.undo"), &mut problems);
        }
    }
    checker.who("owner", read.workflow.owner.as_deref().unwrap_or_default(), &mut problems);
    for trigger in &read.workflow.triggers {
        if let Starts::ByHand { who } = &trigger.starts {
            for (at, who) in who.iter().enumerate() {
                checker.who(&format!("trigger.{}.by_hand[{at}]", trigger.name), who, &mut problems);
            }
        }
    }
    checker.owner(&mut problems);
    problems.extend(names::check_outputs(read, catalogue));
    problems.extend(outcomes::check_actions(read, catalogue));
    problems.sort_by(|one, other| one.place.cmp(&other.place).then(one.code.cmp(other.code)));
    problems.dedup();
    problems
}

struct Checker<'c> {
    read: &'c Read,
    catalogue: &'c Catalogue,
    people: &'c People,
    workflows: &'c [String],
}

impl Checker<'_> {
    fn value(&self, path: &str) -> Place {
        match self.read.from_file.get(path) {
            Some(file) => Place::of_file(file, 0..0),
            None => Place::at(self.read.spans.value(path)),
        }
    }

    fn key(&self, path: &str) -> Place {
        Place::at(self.read.spans.key(path))
    }

    fn work(&self, work: &Work, path: &str, problems: &mut Vec<Problem>) {
        match work {
            Work::Use { action, with } => self.action(action, with, path, problems),
            Work::Run { workflow, with } => {
                if !self.workflows.iter().any(|known| **known == **workflow) {
                    let problem = Problem::error("YZ0189", self.value(&format!("{path}.run")));
                    let near = nearest(workflow, self.workflows);
                    problems.push(problem.name("workflow", &**workflow).near(near));
                }
                self.no_secrets(with, &format!("{path}.with"), problems);
            }
            Work::Ask(ask) => {
                let many = self.read.spans.of.contains_key(&format!("{path}.ask[0]"));
                for (at, who) in ask.who.iter().enumerate().filter(|(_, who)| who.is_literal()) {
                    let path = if many { format!("{path}.ask[{at}]") } else { format!("{path}.ask") };
                    self.who(&path, who.source(), problems);
                }
            }
            Work::Wait { .. } | Work::Check { .. } | Work::End { .. } | Work::Hold { .. } => {}
        }
    }

    fn action(&self, name: &ActionName, with: &Tree, path: &str, problems: &mut Vec<Problem>) {
        let place = self.value(&format!("{path}.use"));
        if let Some(action) = self.catalogue.action(name) {
            let at = format!("{path}.with");
            for fault in Schema::check(&action.input, with, &at) {
                problems.push(self.schema_problem(&fault, name, &at, path));
            }
            self.recipients(with, &at, problems);
            return;
        }
        let (code, known): (_, Vec<&str>) = if self.catalogue.has_plugin(&name.plugin) {
            let of = self.catalogue.actions.values().filter(|action| action.name.plugin == name.plugin);
            ("YZ0130", of.map(|action| &*action.name.action).collect())
        } else {
            ("YZ0131", self.catalogue.actions.values().map(|action| &*action.name.plugin).collect())
        };
        let wanted = if code == "YZ0130" { &name.action } else { &name.plugin };
        let problem = Problem::error(code, place).name("plugin", &*name.plugin).name("action", &*name.action);
        let problem = problem.near(nearest(wanted, &known));
        let mut listed: Vec<&str> = known;
        listed.dedup();
        problems.push(if listed.is_empty() {
            problem
        } else {
            problem.name("known", crate::problem::listed(listed))
        });
    }

    fn schema_problem(&self, fault: &SchemaFault, action: &ActionName, with: &str, path: &str) -> Problem {
        let error = |code, place| Problem::error(code, place).name("action", action.to_string());
        let below = fault.path.strip_prefix(with).unwrap_or(&fault.path);
        let at = format!("with{below}");
        match &fault.what {
            What::UnknownKey { key, known, nearest } => {
                let problem = error("YZ0180", self.key(&fault.path)).name("key", key);
                if known.is_empty() { problem } else { problem.name("known", known).near(nearest.clone()) }
            }
            What::Missing { key } => {
                let place = if fault.path == with && !self.read.spans.of.contains_key(with) {
                    self.value(&format!("{path}.use"))
                } else {
                    self.key(&fault.path)
                };
                error("YZ0181", place).name("key", key).name("at", at)
            }
            What::Type { wanted, found } => error("YZ0182", self.value(&fault.path))
                .name("at", at)
                .name("wanted", wanted)
                .name("found", found),
            What::NotOneOf { value, known, nearest } => error("YZ0184", self.value(&fault.path))
                .name("at", at)
                .name("value", value)
                .name("known", known)
                .near(nearest.clone()),
            What::Bound { bound } => {
                error("YZ0187", self.value(&fault.path)).name("at", at).name("bound", bound)
            }
            What::Secret => error("YZ0183", self.value(&fault.path)).name("at", at),
            What::NotSecret => error("YZ0188", self.value(&fault.path)).name("at", at),
        }
    }

    /// People that a literal names where the action wants recipients.
    fn recipients(&self, tree: &Tree, path: &str, problems: &mut Vec<Problem>) {
        match tree {
            Tree::Text(template) if template.is_literal() => {
                let text = template.source();
                if matches!(text.split_once(':'), Some(("person" | "group" | "role", _)))
                    && !text.contains(' ')
                {
                    self.who(path, text, problems);
                }
            }
            Tree::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.recipients(item, &format!("{path}[{at}]"), problems);
                }
            }
            Tree::Map(entries) => {
                for (key, item) in entries {
                    self.recipients(item, &format!("{path}.{key}"), problems);
                }
            }
            Tree::Text(_) | Tree::Json(_) => {}
        }
    }

    fn who(&self, path: &str, who: &str, problems: &mut Vec<Problem>) {
        if who.is_empty() || self.people.known(who) {
            return;
        }
        let Some((kind, _)) = who.split_once(':') else { return };
        let known = self.people.names(kind);
        let place = self.value(path);
        problems.push(Problem::error("YZ0185", place).name("who", who).near(nearest(who, known)));
    }

    fn no_secrets(&self, tree: &Tree, path: &str, problems: &mut Vec<Problem>) {
        match tree {
            Tree::Map(entries) => {
                for (key, item) in entries {
                    self.no_secrets(item, &format!("{path}.{key}"), problems);
                }
            }
            Tree::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.no_secrets(item, &format!("{path}[{at}]"), problems);
                }
            }
            Tree::Json(_) if secret_in(tree).is_some() => {
                problems.push(Problem::error("YZ0157", self.value(path)));
            }
            Tree::Json(_) | Tree::Text(_) => {}
        }
    }

    /// A file may only make an action's class stricter.
    fn effect(&self, step: &Step, path: &str, problems: &mut Vec<Problem>) {
        let (Some(wanted), Work::Use { action, .. }) = (step.effect, &step.work) else { return };
        let Some(action) = self.catalogue.action(action) else { return };
        if wanted < action.effect {
            let place = self.value(&format!("{path}.effect"));
            let problem = Problem::error("YZ0138", place).name("action", action.name.to_string());
            problems.push(problem.name("effect", word_of(wanted)).name("own", word_of(action.effect)));
        }
    }

    fn owner(&self, problems: &mut Vec<Problem>) {
        if self.read.workflow.owner.is_some() {
            return;
        }
        let workflow = &self.read.workflow;
        if let Some(no) = workflow.numbers().find(|no| matches!(workflow.step(*no).work, Work::Ask(_))) {
            let (step, place) = (workflow.step(no), self.key(&path_of(workflow, no)));
            problems.push(Problem::warning("YZ0197", place).name("step", &*step.id));
        }
    }
}

fn word_of(effect: Effect) -> &'static str {
    match effect {
        Effect::Pure => "pure",
        Effect::Idempotent => "idempotent",
        Effect::Keyed => "keyed",
        Effect::Once => "once",
    }
}
