//! What can only be said with the plugins, the people and the other workflows at hand.

use super::schema::{Schema, SchemaFault, What, secret_in};
use super::{Neighbours, Read, ledger, names, outcomes, path_of, query, rows, sorts, warnings, who};
use crate::calendar::Calendars;
use crate::catalogue::Catalogue;
use crate::expression::Tree;
use crate::people::People;
use crate::plan::{ActionName, Choose, Effect, Starts, Step, Work};
use crate::problem::{Place, Problem, nearest};
use crate::register::Registers;

/// What a workflow stands among.
#[derive(Clone, Copy, Debug)]
pub struct House<'h> {
    pub catalogue: &'h Catalogue,
    /// `None`: their file has faults, so nothing is said of who is in it.
    pub people: Option<&'h People>,
    /// `None`: nothing is said of those that it names.
    pub calendars: Option<&'h Calendars>,
    pub workflows: &'h Neighbours,
    /// `None`: their file has faults, so nothing is said of what is in it.
    pub registers: Option<&'h Registers>,
    /// In what days a case of now would run; `None`: nothing is said of years without data.
    pub today: Option<jiff::civil::Date>,
}

/// Everything that is wrong or doubtful about a workflow among the others.
#[must_use]
pub fn check(read: &Read, house: House<'_>) -> Vec<Problem> {
    let catalogue = house.catalogue;
    let checker = Checker::of(read, house);
    let mut problems = Vec::new();
    for no in read.workflow.numbers() {
        let (step, path) = (read.workflow.step(no), path_of(&read.workflow, no));
        if read.lost.has(&path) {
            continue;
        }
        checker.work(&step.work, &path, &mut problems);
        checker.effect(step, &path, &mut problems);
        if let Some(undo) = &step.undo {
            checker.work(&undo.work, &format!("{path}.undo"), &mut problems);
        }
    }
    checker.guards(&mut problems);
    checker.clocks(&mut problems);
    checker.who("owner", read.workflow.owner.as_deref().unwrap_or_default(), &mut problems);
    for trigger in &read.workflow.triggers {
        checker.brings(trigger, &mut problems);
        if let Starts::ByHand { who } = &trigger.starts {
            for (at, who) in who.iter().enumerate() {
                checker.who(&format!("trigger.{}.by_hand[{at}]", trigger.name), who, &mut problems);
            }
        }
        for (at, who) in trigger.complete.iter().enumerate() {
            let list = format!("trigger.{}.complete[{at}]", trigger.name);
            let one = format!("trigger.{}.complete", trigger.name);
            let place = if read.spans.of.contains_key(&list) { list } else { one };
            checker.who(&place, who, &mut problems);
        }
    }
    for no in read.workflow.numbers() {
        checker.of_child(read.workflow.step(no), no, &mut problems);
    }
    checker.owner(&mut problems);
    super::calendars::check(&checker, &mut problems);
    problems.extend(names::check_outputs(read, catalogue));
    problems.extend(outcomes::check_actions(read, catalogue));
    problems.extend(rows::check(read));
    problems.extend(sorts::check(&checker));
    problems.extend(ledger::check(&checker));
    problems.extend(query::check(&checker));
    problems.extend(who::check(&checker));
    let doubts = warnings::check(read, catalogue);
    // What is wrong already need not be doubted.
    let wrong = |doubt: &Problem| problems.iter().any(|known| known.is_error() && known.place == doubt.place);
    let doubts: Vec<Problem> = doubts.into_iter().filter(|doubt| !wrong(doubt)).collect();
    problems.extend(doubts);
    if let Some(damage) = &read.damage {
        problems.retain(|problem| problem.is_error() && !damage.is_guess(problem));
    }
    problems.sort_by(|one, other| one.place.cmp(&other.place).then(one.code.cmp(other.code)));
    problems.dedup();
    super::bounded(problems)
}

pub(super) struct Checker<'c> {
    pub(super) read: &'c Read,
    catalogue: &'c Catalogue,
    pub(super) house: House<'c>,
}

impl<'c> Checker<'c> {
    pub(super) fn of(read: &'c Read, house: House<'c>) -> Self {
        Self { read, catalogue: house.catalogue, house }
    }
}

impl Checker<'_> {
    pub(super) fn value(&self, path: &str) -> Place {
        match self.read.from_file.get(path) {
            Some(file) => Place::of_file(file, 0..0),
            None => Place::at(self.read.spans.value(path)),
        }
    }

    pub(super) fn key(&self, path: &str) -> Place {
        Place::at(self.read.spans.key(path))
    }

    pub(super) fn work(&self, work: &Work, path: &str, problems: &mut Vec<Problem>) {
        match work {
            Work::Use { action, with } => self.action(action, with, path, problems),
            Work::Run { workflow, with, .. } => self.child(workflow, with, path, problems),
            Work::Ask(ask) => {
                let base = match ask.choose {
                    Some(Choose::Fewest) => format!("{path}.ask.fewest"),
                    Some(Choose::InTurn) => format!("{path}.ask.in_turn"),
                    None => format!("{path}.ask"),
                };
                let many = self.read.spans.of.contains_key(&format!("{base}[0]"));
                for (at, who) in ask.who.iter().enumerate().filter(|(_, who)| who.is_literal()) {
                    let path = if many { format!("{base}[{at}]") } else { base.clone() };
                    self.who(&path, who.source(), problems);
                }
                let not = ask.not.iter().enumerate().filter(|(_, who)| who.is_literal());
                for (at, who) in not {
                    self.who(&format!("{path}.not[{at}]"), who.source(), problems);
                }
                for signer in ask.approve.iter().flat_map(|approve| &approve.signers) {
                    for (at, who) in signer.who.iter().enumerate().filter(|(_, who)| who.is_literal()) {
                        self.who(&format!("{path}.ask{}.who[{at}]", signer.place), who.source(), problems);
                    }
                }
            }
            Work::Await(_)
            | Work::Wait { .. }
            | Work::Check { .. }
            | Work::End { .. }
            | Work::Hold { .. } => {}
        }
    }

    fn action(&self, name: &ActionName, with: &Tree, path: &str, problems: &mut Vec<Problem>) {
        let place = self.value(&format!("{path}.use"));
        if let Some(action) = self.catalogue.action(name) {
            let at = format!("{path}.with");
            let faults = Schema::check(&action.input, with, &at);
            // What is missing is there under a misspelled name.
            let meant = |key: &str| {
                faults.iter().any(|fault| matches!(&fault.what, What::UnknownKey { nearest: Some(near), .. } if near == key))
            };
            for fault in &faults {
                let what = &fault.what;
                if matches!(what, What::Missing { key } if meant(key))
                    || matches!(what, What::MissingAll { keys } if keys.iter().any(|key| meant(key)))
                {
                    continue;
                }
                problems.push(self.schema_problem(fault, name, &at, path));
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
                // A key of the step itself, written below the heading of `with`.
                if fault.path.strip_prefix(with).is_some_and(|rest| rest.matches('.').count() == 1)
                    && super::step::COMMON.contains(&key.as_str())
                {
                    return problem.case("step").name("table", path);
                }
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
            What::MissingAll { keys } => {
                let problem = error("YZ0181", self.value(&format!("{path}.use"))).name("at", at);
                let first = keys.first().map(String::as_str).unwrap_or_default();
                problem.name("key", first).name("known", crate::problem::listed(keys)).case("any")
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
            What::OpenSecret => error("YZ0188", self.value(&fault.path)).name("at", at).case("table"),
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

    pub(super) fn who(&self, path: &str, who: &str, problems: &mut Vec<Problem>) {
        let Some(people) = self.house.people else { return };
        if who.is_empty() || people.known(who) {
            return;
        }
        // Of another kind nobody is, which was said when the file was read.
        let Some((kind @ ("person" | "group" | "role"), name)) = who.split_once(':') else { return };
        let known = people.names(kind);
        let names = known.iter().filter_map(|known| known.split_once(':')).map(|(_, name)| name);
        let near =
            nearest(name.trim(), names).or_else(|| people.known(who.trim()).then(|| name.trim().to_owned()));
        let near = near.or_else(|| people.by_name(kind, name));
        let problem = Problem::error("YZ0185", self.value(path)).name("who", who);
        problems.push(problem.near(near.map(|near| format!("{kind}:{near}"))));
    }

    pub(super) fn no_secrets(&self, tree: &Tree, path: &str, problems: &mut Vec<Problem>) {
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
