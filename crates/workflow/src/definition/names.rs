//! Finds the names in expressions that do not exist, or cannot be read where they stand.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::section::place_in;
use super::uses::{At, Stand, Use, Walk};
use super::{Read, parts};
use crate::catalogue::{Action, Catalogue};
use crate::expression::{Name, NameKind, OF_PERSON, Template, Tree};
use crate::form::{Form, Kind, Options};
use crate::id::StepNo;
use crate::plan::{Let, Section, Step, Work, Workflow};
use crate::problem::{Place, Problem, listed, nearest};
use crate::table::Table;

/// Every name that the language itself gives: nothing else may be called so.
pub(super) const ROOTS: &[&str] = &[
    "input", "step", "table", "run", "round", "trigger", "workflow", "now", "today", "item", "loop",
    "attempt", "value",
];

const OF_RUN: &[&str] = &["id", "key", "by", "started", "url", "error", "joined"];

/// What every step says of itself, beside its own fields.
const OF_STEP: &[&str] = super::fields::RESERVED;

/// What its clock says.
const OF_CLOCK: [&str; 6] = crate::run::names::OF_CLOCK;

/// What even a step beside this one may be asked.
const OF_ANY_STEP: &[&str] = &["state", "late", "by"];

pub(super) fn check(read: &Read) -> Vec<Problem> {
    run(read, None)
}

/// The same with the plugins at hand: which fields the outputs of `use` steps have. Only what was not said before.
pub(super) fn check_outputs(read: &Read, catalogue: &Catalogue) -> Vec<Problem> {
    run(read, Some(catalogue))
}

/// What is read of a child's output and is not there.
pub(super) fn check_child(read: &Read, child: StepNo, outputs: &[String]) -> Vec<Problem> {
    let workflow = &read.workflow;
    let id = &workflow.step(child).id;
    let mut problems = Vec::new();
    Walk::over(workflow, &mut |one| {
        for name in one.names.iter().filter(|name| name.kind == NameKind::Value) {
            let [root, step, part, ..] = name.path.as_slice() else { continue };
            let is_own =
                **root == *"step" && step == id && find(workflow, one.stand.step, step) == Some(child);
            if is_own && !OF_STEP.contains(&&**part) && !outputs.iter().any(|known| **known == **part) {
                let known: Vec<&str> =
                    outputs.iter().map(String::as_str).chain(OF_STEP.iter().copied()).collect();
                let place = place(read, &one.path, one.source, &name.at);
                problems.push(no_part(&format!("step.{step}"), part, &known, place));
            }
        }
    });
    problems
}

fn run(read: &Read, catalogue: Option<&Catalogue>) -> Vec<Problem> {
    let workflow = &read.workflow;
    let checker = Checker { read, workflow, catalogue, lets: expanded(&workflow.lets) };
    let mut problems = Vec::new();
    Walk::over(workflow, &mut |one| {
        for name in one.names.iter().filter(|name| matches!(name.kind, NameKind::Value | NameKind::Column)) {
            if problems.len() > super::MOST_FAULTS {
                return;
            }
            // The list that a column is read of was looked at by its own name.
            let whole = (name.kind == NameKind::Value).then(|| checker.name(&one, name)).flatten();
            let wrong = whole.map(|problem| checker.at_word(&one, name, problem));
            problems.extend(wrong.or_else(|| checker.part(&one, name)));
        }
    });
    problems
}

/// Which steps and fields of the start form the file-wide names read, through each other.
fn expanded(lets: &[Let]) -> BTreeMap<&str, Vec<Vec<Arc<str>>>> {
    let mut all: BTreeMap<&str, Vec<Vec<Arc<str>>>> = BTreeMap::new();
    for one in lets {
        let mut reads = Vec::new();
        one.value.each_template("", &mut |_, template| {
            for name in template.names() {
                match &*name.path[0] {
                    "step" | "input" if name.path.len() > 1 => reads.push(name.path),
                    other => reads.extend(all.get(other).into_iter().flatten().cloned()),
                }
            }
        });
        all.insert(&one.name, reads);
    }
    all
}

/// The input is there when the start form is filled in: neither its own fields nor what triggers bring can read it.
fn too_early(one: &Use<'_>, path: &[Arc<str>], place: Place) -> Option<Problem> {
    if one.stand.at != At::Start || one.path == "key" {
        return None;
    }
    let field = path.get(1).map(|field| &**field).unwrap_or_default();
    let problem = Problem::error("YZ0624", place).name("field", field);
    Some(if one.path.starts_with("trigger.") { problem.case("trigger") } else { problem })
}

struct Checker<'c> {
    read: &'c Read,
    workflow: &'c Workflow,
    catalogue: Option<&'c Catalogue>,
    lets: BTreeMap<&'c str, Vec<Vec<Arc<str>>>>,
}

impl Checker<'_> {
    fn place(&self, one: &Use<'_>, at: &Range<usize>) -> Place {
        place(self.read, &one.path, one.source, at)
    }

    /// A wrong code is shown where it stands, not where the field does.
    fn at_word(&self, one: &Use<'_>, name: &Name, problem: Problem) -> Problem {
        let word = problem.names.get("value").filter(|_| problem.code == "YZ0152");
        let at = word.and_then(|word| name.against.iter().find(|(own, _)| **own == **word));
        match at {
            Some((_, at)) => Problem { place: self.place(one, at), ..problem },
            None => problem,
        }
    }

    fn name(&self, one: &Use<'_>, name: &Name) -> Option<Problem> {
        let stand = &one.stand;
        let place = || self.place(one, &name.at);
        let root = &*name.path[0];
        if stand.own.form.is_some() && root == "value" || stand.own.field(root).is_some() {
            return None;
        }
        let own_let = stand.own.lets.iter().find(|own| &*own.name == root);
        if let Some(own) = own_let {
            return self.of_let(&own.value, name, place);
        }
        let file_lets = &self.workflow.lets[..stand.own.file_lets.unwrap_or(self.workflow.lets.len())];
        if let Some(own) = file_lets.iter().find(|own| &*own.name == root) {
            let mut reads = self.lets.get(root).into_iter().flatten();
            let through = reads.find_map(|path| match &*path[0] {
                "input" => too_early(one, path, place()),
                _ => self.step(stand, path, &[], place),
            });
            return through
                .map(|problem| problem.name("through", root))
                .or_else(|| self.of_let(&own.value, name, place));
        }
        if let Some(found) = self.of_holders(stand, name, place) {
            return found;
        }
        if Some(root) == stand.own.each || stand.own.each.is_some() && matches!(root, "item" | "loop") {
            return None;
        }
        if self.catalogue.is_some() && root != "step" {
            return None;
        }
        if self.read.lost.has(root) {
            return None;
        }
        match root {
            "input" => too_early(one, &name.path, place()).or_else(|| self.input(name, place)),
            "table" => self.table(name, place),
            "run" if stand.at != At::Start => known_part(name, OF_RUN, place),
            "round" if !stand.at.is_before_steps() => None,
            "step" if stand.at == At::FileLet => self.exists(name, place),
            "step" if !stand.at.is_before_steps() => self.step(stand, &name.path, &name.against, place),
            "now" | "today" | "workflow" | "trigger" => None,
            "attempt" if stand.own.attempt => None,
            "item" | "loop" => Some(Problem::error("YZ0151", place()).name("name", root).case("item")),
            _ if ROOTS.contains(&root) => {
                let problem = Problem::error("YZ0151", place()).name("name", root);
                Some(if stand.at.is_before_steps() { problem.case(stand.at.said()) } else { problem })
            }
            // It may stand among the names that could not be read.
            _ if self.read.lost.has("let") => None,
            _ => Some(self.unknown_root(root, stand, place())),
        }
    }

    /// What is read of a field that has parts, and is none of them.
    fn part(&self, one: &Use<'_>, name: &Name) -> Option<Problem> {
        // What plugins give is looked at when they are at hand; forms were looked at before.
        if self.catalogue.is_some() {
            return None;
        }
        let found = parts::field_at(self.workflow, &one.stand, &name.path)?;
        let wrong = parts::missing(found.field, &found.rest)?;
        let at = format!("{}.fields.{}", found.at, wrong.part);
        if self.read.lost.has(&at) {
            return None;
        }
        let above = name.path.len().saturating_sub(found.rest.len());
        let of = if above == 0 { wrong.of.name.to_string() } else { name.path[..above].join(".") };
        let problem = no_part(&of, &wrong.part, &wrong.known, self.place(one, &name.at));
        Some(if wrong.rows { problem.case("rows") } else { problem })
    }

    /// Names that hold in a step because one that holds it gives them. `None`: none gives this one.
    fn of_holders(
        &self,
        stand: &Stand<'_>,
        name: &Name,
        place: impl Fn() -> Place,
    ) -> Option<Option<Problem>> {
        let root = &*name.path[0];
        self.workflow.holders(stand.step?).map(|no| self.workflow.step(no)).find_map(|step| {
            if let Some(own) = step.lets.iter().find(|own| &*own.name == root) {
                return Some(self.of_let(&own.value, name, &place));
            }
            let is_element =
                |each: &crate::plan::Each| &*each.name == root || matches!(root, "item" | "loop");
            step.each.as_ref().is_some_and(is_element).then_some(None)
        })
    }

    fn unknown_root(&self, root: &str, stand: &Stand<'_>, place: Place) -> Problem {
        let problem = Problem::error("YZ0144", place).name("name", root);
        // Forgetting `input.` or `step.` is the commonest slip.
        if self.workflow.input.field(root).is_some() {
            return problem.near(Some(format!("input.{root}")));
        }
        if self.workflow.step_named(root).is_some() {
            return problem.near(Some(format!("step.{root}")));
        }
        if ["secret", "secrets"].contains(&root) {
            return problem.case("secret");
        }
        let mut known: Vec<&str> = ROOTS[..9].to_vec();
        for form in stand.own.form.into_iter().chain(stand.own.around) {
            known.extend(form.fields.iter().map(|field| &*field.name));
        }
        // One of the file's names reads only those above it.
        if self.workflow.lets.iter().any(|own| &*own.name == root) {
            return problem.case("below");
        }
        known.extend(self.workflow.lets.iter().map(|own| &*own.name));
        known.extend(stand.own.lets.iter().map(|own| &*own.name));
        known.extend(stand.own.each);
        problem.near(nearest(root, &known)).name("known", listed(&known))
    }

    fn input(&self, name: &Name, place: impl Fn() -> Place) -> Option<Problem> {
        let part = name.path.get(1)?;
        if self.read.lost.has(&format!("input.{part}")) {
            return None;
        }
        match self.workflow.input.field(part) {
            Some(field) if name.path.len() == 2 => wrong_code(field, &name.against, &place),
            Some(_) => None,
            None => {
                let known: Vec<&str> = self.workflow.input.fields.iter().map(|field| &*field.name).collect();
                Some(no_part("input", part, &known, place()).case("input"))
            }
        }
    }

    /// A name whose value is known to be a table's row has that table's columns.
    fn of_let(&self, value: &Tree, name: &Name, place: impl Fn() -> Place) -> Option<Problem> {
        let Tree::Text(template) = value else { return None };
        let table = row_of(template)?;
        let table = self.workflow.tables.iter().find(|known| *known.name == *table)?;
        let part = name.path.get(1)?;
        let known = table.columns.iter().any(|column| column == part);
        (!known).then(|| no_part(&name.path[0], part, &table.columns, place()))
    }

    fn table(&self, name: &Name, place: impl Fn() -> Place) -> Option<Problem> {
        let wanted = name.path.get(1)?;
        if self.read.lost.has(&format!("table.{wanted}")) {
            return None;
        }
        let Some(table) = self.workflow.tables.iter().find(|table| table.name == *wanted) else {
            let known: Vec<&str> = self.workflow.tables.iter().map(|table| &*table.name).collect();
            return Some(no_part("table", wanted, &known, place()).case("table"));
        };
        let call = name.call.as_ref()?;
        let of = format!("table.{wanted}");
        let no_column = |column: &str| {
            let known = table.columns.iter().any(|known| **known == *column);
            (!known).then(|| no_part(&of, column, &table.columns, place()))
        };
        if name.path.get(2).is_some_and(|method| &**method == "column") {
            return call.first.as_deref().and_then(no_column);
        }
        wrong_arguments(table, &call.words, &place).or_else(|| call.attribute.as_deref().and_then(no_column))
    }

    /// In a file-wide name: only whether the step is there. Whether it may be read is asked where the name is used.
    fn exists(&self, name: &Name, place: impl Fn() -> Place) -> Option<Problem> {
        let id = name.path.get(1)?;
        match find(self.workflow, None, id) {
            Some(no) => self.field(self.workflow.step(no), &name.path, &name.against, &place),
            None => self.no_step(id, place()),
        }
    }

    fn no_step(&self, id: &str, place: Place) -> Option<Problem> {
        if self.read.lost.has(&format!("step.{id}")) {
            return None;
        }
        let known: Vec<&str> = self
            .workflow
            .steps
            .iter()
            .filter(|step| step.section == Section::Main)
            .map(|step| &*step.id)
            .collect();
        Some(Problem::error("YZ0146", place).name("step", id).near(nearest(id, known)))
    }

    fn step(
        &self,
        stand: &Stand<'_>,
        path: &[Arc<str>],
        against: &[(Arc<str>, Range<usize>)],
        place: impl Fn() -> Place,
    ) -> Option<Problem> {
        let id = path.get(1)?;
        if stand.at.is_before_steps() {
            return Some(Problem::error("YZ0151", place()).name("name", "step").case(stand.at.said()));
        }
        let Some(no) = find(self.workflow, stand.step, id) else { return self.no_step(id, place()) };
        let other = self.workflow.step(no);
        // The expression's step, or the one that holds it and stands where the other one stands.
        let from =
            stand.step.into_iter().chain(stand.step.into_iter().flat_map(|own| self.workflow.holders(own)));
        let near = from.into_iter().find(|own| self.workflow.step(*own).holder == other.holder);
        if let (Some(holder), None) = (other.holder, near) {
            let holder = &self.workflow.step(holder).id;
            return Some(Problem::error("YZ0154", place()).name("step", &**id).name("holder", &**holder));
        }
        if stand.at == At::Step
            && let Some(own) = near
            && own != no
        {
            let step = self.workflow.step(own);
            let beside = !step.before.contains(&no) && !step.after.contains(&no);
            let asked = path.get(2).is_some_and(|part| OF_ANY_STEP.contains(&&**part));
            if beside && !asked && self.catalogue.is_none() && !self.read.lost.order {
                let problem = Problem::error("YZ0147", place()).name("step", &**id).name("own", &*step.id);
                return Some(problem);
            }
        }
        self.field(other, path, against, &place)
    }

    /// Whether a step's outputs are not known because of a fault that was said.
    fn is_lost(&self, step: &Step, part: &str) -> bool {
        let path = super::own_path(self.workflow, step);
        let lost = &self.read.lost;
        lost.has(&path) || lost.has(&format!("{path}.form.{part}"))
    }

    /// Whether a step has the field that is read of it.
    fn field(
        &self,
        step: &Step,
        path: &[Arc<str>],
        against: &[(Arc<str>, Range<usize>)],
        place: &dyn Fn() -> Place,
    ) -> Option<Problem> {
        let part = path.get(2)?;
        // The outputs of all items are a list; what a list can do is no field.
        let of = format!("step.{}", step.id);
        if &**part == "by" && step.each.is_none() && self.catalogue.is_none() {
            return of_person(&path[2..], &of, place);
        }
        if &**part == "clock" && step.each.is_none() && self.catalogue.is_none() {
            let part = path.get(3)?;
            let known = OF_CLOCK.contains(&&**part);
            return (!known).then(|| no_part(&format!("{of}.clock"), part, &OF_CLOCK, place()));
        }
        if OF_STEP.contains(&&**part) || step.each.is_some() || self.is_lost(step, part) {
            return None;
        }
        match (&step.work, self.catalogue) {
            (Work::Hold { steps, .. }, _) => {
                let inner = steps.iter().map(|no| self.workflow.step(*no)).find(|inner| inner.id == *part);
                match inner {
                    Some(inner) => self.field(inner, &path[1..], against, place),
                    None if self.catalogue.is_some() => None,
                    None => {
                        let ids = steps.iter().map(|no| &*self.workflow.step(*no).id);
                        let known: Vec<&str> = ids.chain(OF_STEP.iter().copied()).collect();
                        Some(no_part(&of, part, &known, place()))
                    }
                }
            }
            (Work::Ask(ask), None) if ask.approve.is_some() && **part == *"signatures" => None,
            (Work::Ask(ask), None) => match ask.form.field(part) {
                Some(field) => wrong_code(field, against, place),
                None => {
                    let problem = no_part(&of, part, &known_fields(&ask.form), place());
                    Some(problem.case("answer").name("step", &*step.id))
                }
            },
            (Work::Wait { .. } | Work::Check { .. } | Work::End { .. }, None) => {
                Some(no_part(&of, part, OF_STEP, place()))
            }
            (Work::Use { action, .. }, Some(catalogue)) => {
                let fields = output_fields(catalogue.action(action)?)?;
                (!fields.iter().any(|field| **field == **part)).then(|| {
                    let known: Vec<&str> = fields.iter().copied().chain(OF_STEP.iter().copied()).collect();
                    no_part(&of, part, &known, place())
                })
            }
            _ => None,
        }
    }
}

/// Where a part of an expression's text stands.
pub(super) fn place(read: &Read, path: &str, source: &str, at: &Range<usize>) -> Place {
    match read.from_file.get(path) {
        Some(file) => Place::of_file(file, at.clone()),
        None => Place::at(place_in(&read.source.text, &read.spans.value(path), source, at)),
    }
}

/// A step by its name, as an expression of `from` sees it: the main section's, or its own section's.
pub(super) fn find(workflow: &Workflow, from: Option<StepNo>, id: &str) -> Option<StepNo> {
    let own = from.map(|no| workflow.step(no).section);
    workflow.numbers().find(|no| {
        let step = workflow.step(*no);
        &*step.id == id && (step.section == Section::Main || Some(step.section) == own)
    })
}

fn no_part<S: AsRef<str>>(of: &str, part: &str, known: &[S], place: Place) -> Problem {
    let near = nearest(part, known);
    let problem = Problem::error("YZ0145", place).name("part", part).name("of", of);
    if known.is_empty() { problem } else { problem.near(near).name("known", listed(known)) }
}

fn known_part(name: &Name, known: &[&str], place: impl Fn() -> Place) -> Option<Problem> {
    let part = name.path.get(1)?;
    (!known.contains(&&**part)).then(|| no_part(&name.path[0], part, known, place()))
}

/// What is read of somebody, and nobody has.
fn of_person(path: &[Arc<str>], of: &str, place: &dyn Fn() -> Place) -> Option<Problem> {
    let part = path.get(1)?;
    let known = OF_PERSON.contains(&&**part);
    (!known).then(|| no_part(&format!("{of}.{}", path[0]), part, &OF_PERSON, place()))
}

fn known_fields(form: &Form) -> Vec<&str> {
    form.fields.iter().map(|field| &*field.name).chain(OF_STEP.iter().copied()).collect()
}

/// The fields of an action's output, where its schema names all of them.
pub(super) fn output_fields(action: &Action) -> Option<Vec<&str>> {
    let schema = super::schema::resolved(&action.output, &action.output);
    if schema.get("additionalProperties").is_some_and(|more| *more != serde_json::Value::Bool(false)) {
        return None;
    }
    let properties = schema.get("properties")?.as_object()?;
    Some(properties.keys().map(String::as_str).collect())
}

/// A code that the field never has: a typing slip that would be false for ever.
fn wrong_code(
    field: &crate::form::Field,
    against: &[(Arc<str>, Range<usize>)],
    place: &dyn Fn() -> Place,
) -> Option<Problem> {
    let (Kind::Choice, Options::Fixed(choices)) = (field.kind, &field.options) else { return None };
    let codes: Vec<&str> = choices.iter().map(|choice| &*choice.code).collect();
    let (wrong, _) = against.iter().find(|(word, _)| !word.is_empty() && !codes.contains(&&**word))?;
    let by_label = choices.iter().find(|choice| choice.label == *wrong).map(|choice| choice.code.to_string());
    let problem = Problem::error("YZ0152", place()).name("value", &**wrong).name("field", &*field.name);
    Some(problem.name("known", listed(&codes)).near(by_label.or_else(|| nearest(wrong, &codes))))
}

fn wrong_arguments(table: &Table, words: &[Arc<str>], place: &dyn Fn() -> Place) -> Option<Problem> {
    let same = words.len() == table.key.len() && words.iter().all(|word| table.key.contains(word));
    (!same).then(|| {
        let call: Vec<String> = table.key.iter().map(|key| format!("{key} = …")).collect();
        let problem = Problem::error("YZ0153", place()).name("table", &*table.name);
        problem.name("key", listed(&table.key)).name("call", call.join(", "))
    })
}

/// The table whose row a template is, and nothing else.
fn row_of(template: &Template) -> Option<Arc<str>> {
    let expression = template.expression()?;
    let name = expression.names().into_iter().next()?;
    let whole =
        name.at == (0..expression.source().len()) && &*name.path[0] == "table" && name.path.len() == 2;
    let call = name.call.as_ref()?;
    (whole && call.attribute.is_none()).then(|| Arc::clone(&name.path[1]))
}
