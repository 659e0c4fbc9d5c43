//! Checks what steps do with registers: that there is such a one, and that it has these columns.

use serde_json::Value as Json;

use super::check::Checker;
use super::path_of;
use crate::expression::Tree;
use crate::form::{Form, Kind, Required};
use crate::plan::{ActionName, Trigger, Work};
use crate::problem::{Place, Problem, listed, nearest};
use crate::register::{Ordered, Register, Registers, Show};
use crate::schedule::{ENTRY, OfRegister};

pub(super) fn check(checker: &Checker<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let Some(registers) = checker.house.registers else { return problems };
    let workflow = &checker.read.workflow;
    for trigger in &workflow.triggers {
        if let Some((_, of)) = trigger.dates() {
            Looking { checker, registers, problems: &mut problems }.dates(trigger, of);
        }
    }
    for no in workflow.numbers() {
        let (step, path) = (workflow.step(no), path_of(workflow, no));
        let undo = step.undo.as_ref().map(|undo| (&undo.work, format!("{path}.undo")));
        for (work, path) in std::iter::once((&step.work, path.clone())).chain(undo) {
            if let Work::Use { action, with } = work {
                let mut looking = Looking { checker, registers, problems: &mut problems };
                looking.action(action, with, &format!("{path}.with"));
            }
        }
    }
    problems
}

pub(super) fn no_register(registers: &Registers, name: &str, place: Place) -> Problem {
    let problem = Problem::error("YZ0670", place).name("register", name).near(registers.near(name));
    with_known(problem, registers.registers.keys().map(|known| &**known).collect())
}

pub(super) fn no_column(register: &Register, column: &str, place: Place) -> Problem {
    let known: Vec<&str> = register.columns().collect();
    let problem = Problem::error("YZ0671", place).name("column", column).name("register", &*register.name);
    problem.name("known", listed(&known)).near(nearest(column, &known))
}

struct Looking<'c, 'p> {
    checker: &'c Checker<'c>,
    registers: &'c Registers,
    problems: &'p mut Vec<Problem>,
}

impl Looking<'_, '_> {
    fn action(&mut self, action: &ActionName, with: &Tree, at: &str) {
        match (&*action.plugin, &*action.action) {
            ("number", "next") => self.sequence(with, at),
            ("register", name) => {
                let Some(register) = self.register(with, at) else { return };
                self.columns(&register, with, at);
                if name == "append" {
                    self.append(&register, with, at);
                }
            }
            _ => {}
        }
    }

    /// A schedule that follows the dates of a register: the columns that it names.
    fn dates(&mut self, trigger: &Trigger, of: &OfRegister) {
        let at = format!("trigger.{}", trigger.name);
        let Some(register) = self.named(&of.register, &format!("{at}.schedule.register")) else { return };
        let place = self.checker.value(&format!("{at}.schedule.date"));
        match register.form.field(&of.date) {
            Some(field) if field.kind == Kind::Date => {}
            Some(field) => {
                let problem = Problem::error("YZ0677", place).name("column", &*field.name);
                let problem = problem.name("register", &*register.name).name("type", field.kind.as_str());
                self.problems.push(problem);
            }
            None => self.no_column(&register, &of.date, place),
        }
        if let Some(filter) = &trigger.filter {
            self.keys(&register, filter, &format!("{at}.where"), true);
        }
        let Some(with) = trigger.with.as_ref().filter(|_| trigger.gather.is_none()) else { return };
        let mut wrong = Vec::new();
        with.each_template("", &mut |path, template| {
            let columns = template.names().into_iter().filter_map(|name| match name.path.as_slice() {
                [root, column, ..] if &**root == ENTRY => Some(column.clone()),
                _ => None,
            });
            let unknown = columns.filter(|column| !register.has_column(column));
            wrong.extend(unknown.map(|column| (path.to_owned(), column)));
        });
        for (path, column) in wrong {
            let path = format!("{at}.with{path}");
            self.no_column(&register, &column, self.checker.value(&path));
        }
    }

    fn sequence(&mut self, with: &Tree, at: &str) {
        let Some(name) = part(with, "sequence").and_then(|part| text(&part)) else { return };
        if !self.registers.sequences.contains_key(&*name) {
            let known = || self.registers.sequences.keys().map(|known| &**known);
            let problem = Problem::error("YZ0675", self.checker.value(&format!("{at}.sequence")));
            let problem = problem.name("sequence", &name).near(nearest(&name, known()));
            self.problems.push(with_known(problem, known().collect()));
        }
    }

    /// The register that a text names; `None` also where it is worked out.
    fn register(&mut self, with: &Tree, at: &str) -> Option<std::sync::Arc<Register>> {
        let name = part(with, "register").and_then(|part| text(&part))?;
        self.named(&name, &format!("{at}.register"))
    }

    fn named(&mut self, name: &str, path: &str) -> Option<std::sync::Arc<Register>> {
        let found = self.registers.register(name).cloned();
        if found.is_none() {
            let place = self.checker.value(path);
            self.problems.push(no_register(self.registers, name, place));
        }
        found
    }

    fn no_column(&mut self, register: &Register, column: &str, place: Place) {
        self.problems.push(no_column(register, column, place));
    }

    /// Names of columns wherever an action takes them.
    fn columns(&mut self, register: &Register, with: &Tree, at: &str) {
        if let Some(filter) = part(with, "where") {
            self.keys(register, &filter, &format!("{at}.where"), true);
        }
        if let Some(set) = part(with, "set") {
            self.keys(register, &set, &format!("{at}.set"), false);
        }
        for key in ["by", "per", "order"] {
            let all = part(with, key).map(|part| texts(&part)).unwrap_or_default();
            // With figures, an order may go by one of them.
            let figures: Vec<String> = match key {
                "order" => part(with, "show").map(|show| keys(&show)).unwrap_or_default(),
                _ => vec![],
            };
            for text in all {
                let column = if key == "order" { Ordered::parse(&text).column } else { text };
                if !register.has_column(&column) && !figures.contains(&column) && column != "count" {
                    let place = self.checker.value(&format!("{at}.{key}"));
                    self.no_column(register, &column, place);
                }
            }
        }
        let Some(show) = part(with, "show") else { return };
        for name in keys(&show) {
            let Some(own) = part(&show, &name).and_then(|part| text(&part)) else { continue };
            let path = format!("{at}.show.{name}");
            let place = self.checker.value(&path);
            match Show::parse(&name, &own) {
                Ok(Show { column: Some(column), .. }) if !register.has_column(&column) => {
                    self.no_column(register, &column, place);
                }
                Ok(_) => {}
                Err(fault) => {
                    self.problems
                        .push(Problem::error("YZ0676", place).name("figure", own).name("cause", fault.0));
                }
            }
        }
    }

    fn keys(&mut self, register: &Register, tree: &Tree, path: &str, own: bool) {
        for key in keys(tree) {
            let known = register.form.field(&key).is_some() || own && register.has_column(&key);
            if !known {
                let place = self.checker.key(&format!("{path}.{key}"));
                self.no_column(register, &key, place);
            }
        }
    }

    fn append(&mut self, register: &Register, with: &Tree, at: &str) {
        if let Some(entry) = part(with, "entry") {
            self.entry(register, &entry, &format!("{at}.entry"));
        }
        if let Some(Tree::List(entries)) = part(with, "entries") {
            for (number, entry) in entries.iter().enumerate() {
                self.entry(register, entry, &format!("{at}.entries[{number}]"));
            }
        }
        let Some(condition) = part(with, "only_if") else { return };
        let (conditions, many) = match condition {
            Tree::List(all) => (all, true),
            one @ (Tree::Map(_) | Tree::Json(_) | Tree::Text(_)) => (vec![one], false),
        };
        for (number, one) in conditions.iter().enumerate() {
            let path = if many { format!("{at}.only_if[{number}]") } else { format!("{at}.only_if") };
            let of = match part(one, "register") {
                Some(_) => self.register(one, &path),
                None => self.registers.register(&register.name).cloned(),
            };
            if let (Some(of), Some(filter)) = (of, part(one, "where")) {
                self.keys(&of, &filter, &format!("{path}.where"), true);
            }
        }
    }

    fn entry(&mut self, register: &Register, entry: &Tree, path: &str) {
        match entry {
            Tree::Map(_) | Tree::Json(_) => {
                self.keys(register, entry, path, false);
                let given = keys(entry);
                let place = self.checker.key(path);
                self.missing(register, &|name| given.iter().any(|key| key == name), &place);
            }
            // `{{ input }}`: the fields of the start form.
            Tree::Text(template) => {
                let whole = template.expression().map(crate::expression::Expression::source);
                let lost = self.checker.read.lost.touches("input");
                if whole == Some("input") && !lost {
                    self.input(register, &self.checker.read.workflow.input, path);
                }
            }
            Tree::List(_) => {}
        }
    }

    fn input(&mut self, register: &Register, input: &Form, path: &str) {
        let place = self.checker.value(path);
        for field in &input.fields {
            if register.form.field(&field.name).is_none() {
                self.no_column(register, &field.name, place.clone());
            }
        }
        self.missing(register, &|name| input.field(name).is_some(), &place);
    }

    /// Columns that an entry must have.
    fn missing(&mut self, register: &Register, given: &dyn Fn(&str) -> bool, place: &Place) {
        for field in &register.form.fields {
            let must = matches!(field.required, Required::Always(true))
                && field.default.is_none()
                && field.value.is_none()
                && field.when.is_none();
            let near = self.problems.iter().any(|known| {
                known.code == "YZ0671" && known.names.get("nearest").is_some_and(|near| **near == *field.name)
            });
            if must && !given(&field.name) && !near {
                let problem = Problem::error("YZ0672", place.clone()).name("column", &*field.name);
                self.problems.push(problem.name("register", &*register.name));
            }
        }
    }
}

fn with_known(problem: Problem, known: Vec<&str>) -> Problem {
    if known.is_empty() { problem } else { problem.name("known", listed(&known)) }
}

/// What stands under a key: of a table with holes, or of a constant one.
pub(super) fn part(tree: &Tree, key: &str) -> Option<Tree> {
    match tree {
        Tree::Map(entries) => {
            entries.iter().find(|(known, _)| &**known == key).map(|(_, value)| value.clone())
        }
        Tree::Json(json) => {
            let value: Json = serde_json::from_str(json).ok()?;
            let value = value.get(key)?;
            Some(match value {
                Json::Array(all) => {
                    Tree::List(all.iter().map(|one| Tree::Json(one.to_string().into())).collect())
                }
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => {
                    Tree::Json(value.to_string().into())
                }
            })
        }
        Tree::Text(_) | Tree::List(_) => None,
    }
}

pub(super) fn keys(tree: &Tree) -> Vec<String> {
    match tree {
        Tree::Map(entries) => entries.iter().map(|(key, _)| key.to_string()).collect(),
        Tree::Json(json) => match serde_json::from_str(json) {
            Ok(Json::Object(map)) => map.keys().cloned().collect(),
            _ => vec![],
        },
        Tree::Text(_) | Tree::List(_) => vec![],
    }
}

/// A text without holes.
pub(super) fn text(tree: &Tree) -> Option<String> {
    match tree {
        Tree::Text(template) => template.is_literal().then(|| template.source().to_owned()),
        Tree::Json(json) => serde_json::from_str(json).ok(),
        Tree::Map(_) | Tree::List(_) => None,
    }
}

pub(super) fn texts(tree: &Tree) -> Vec<String> {
    match tree {
        Tree::List(all) => all.iter().filter_map(text).collect(),
        Tree::Json(json) => match serde_json::from_str(json) {
            Ok(Json::Array(all)) => all.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
            Ok(Json::String(one)) => vec![one],
            _ => vec![],
        },
        Tree::Text(_) => text(tree).into_iter().collect(),
        Tree::Map(_) => vec![],
    }
}
