//! What the other files say of themselves, for those that start them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Checker, Read, path_of, sorts};
use crate::catalogue::Catalogue;
use crate::expression::{Sorts, Tree};
use crate::form::Required;
use crate::id::StepNo;
use crate::plan::{Ending, Goes, OnError, Step, Work, Workflow};
use crate::problem::{Place, Problem, listed, nearest};

/// All workflows that a file can name, by their names.
#[derive(Debug, Default)]
pub struct Neighbours {
    of: BTreeMap<String, Neighbour>,
}

#[derive(Debug, Default)]
struct Neighbour {
    /// How their files are shown; more than one: a name that is given twice.
    paths: Vec<String>,
    /// `None` where the file has faults: nothing is said of what it asks for.
    outline: Option<Outline>,
}

/// What somebody who starts a workflow must know of it.
#[derive(Debug)]
struct Outline {
    fields: Vec<(String, bool)>,
    outcomes: BTreeSet<String>,
    /// `None`: worked out as a whole.
    outputs: Option<Vec<String>>,
    sorts: BTreeMap<String, Sorts>,
    starts: BTreeSet<String>,
}

/// One file of all that can be named.
#[derive(Clone, Copy, Debug)]
pub struct FileOf<'f> {
    pub name: &'f str,
    /// How it is shown.
    pub path: &'f str,
    pub read: Option<&'f Read>,
}

/// Runs are nested no deeper, so no output comes from farther.
const DEEPEST: usize = 16;

impl Neighbours {
    /// `catalogue` says what the actions give that outputs are worked out from.
    pub fn of<'f>(files: impl IntoIterator<Item = FileOf<'f>>, catalogue: &Catalogue) -> Self {
        let mut all = Self::default();
        let mut handing_on = Vec::new();
        for file in files {
            let neighbour = all.of.entry(file.name.to_owned()).or_default();
            neighbour.paths.push(file.path.to_owned());
            neighbour.outline = file.read.map(|read| Outline::of(read, catalogue));
            let hands_on = |read: &&Read| {
                read.workflow.output.is_some()
                    && read.workflow.steps.iter().any(|step| started(step).is_some())
            };
            handing_on.extend(file.read.filter(hands_on).map(|read| (file.name, read)));
        }
        for _ in 0..DEEPEST {
            if !all.look_into_children(&handing_on, catalogue) {
                break;
            }
        }
        all
    }

    /// What workflows give that they have from others; whether that says more than was known.
    fn look_into_children(&mut self, files: &[(&str, &Read)], catalogue: &Catalogue) -> bool {
        let mut is_new = false;
        for (name, read) in files {
            let sorts = sorts::of_outputs(read, catalogue, self);
            let outline = self.of.get_mut(*name).and_then(|neighbour| neighbour.outline.as_mut());
            if let Some(outline) = outline.filter(|outline| outline.sorts != sorts) {
                outline.sorts = sorts;
                is_new = true;
            }
        }
        is_new
    }

    /// The files that bear a name.
    #[must_use]
    pub fn paths(&self, name: &str) -> &[String] {
        self.of.get(name).map_or(&[], |neighbour| &neighbour.paths)
    }

    fn outline(&self, name: &str) -> Option<&Outline> {
        self.of.get(name)?.outline.as_ref()
    }

    /// What an output of a workflow is like, where that is known.
    pub(super) fn sorts(&self, name: &str, output: &str) -> Sorts {
        let known = self.outline(name).and_then(|outline| outline.sorts.get(output));
        known.copied().unwrap_or(Sorts::UNKNOWN)
    }

    /// The way from a workflow over those that it starts back to itself.
    fn circle(&self, from: &str, first: &str) -> Option<Vec<String>> {
        let mut seen = BTreeSet::new();
        let mut ways = vec![vec![first.to_owned()]];
        while let Some(way) = ways.pop() {
            let last = way.last()?;
            if last == from {
                return Some(way);
            }
            if seen.insert(last.clone()) {
                let starts = self.outline(last).into_iter().flat_map(|outline| &outline.starts);
                ways.extend(starts.map(|next| way.iter().cloned().chain([next.clone()]).collect()));
            }
        }
        None
    }
}

impl Outline {
    fn of(read: &Read, catalogue: &Catalogue) -> Self {
        let workflow = &read.workflow;
        let asked = |field: &crate::form::Field| {
            let always = matches!(field.required, Required::Always(true));
            always && field.default.is_none() && field.value.is_none() && field.when.is_none()
        };
        let fields = workflow.input.fields.iter();
        Self {
            fields: fields.map(|field| (field.name.to_string(), asked(field))).collect(),
            outcomes: outcomes(workflow),
            outputs: match &workflow.output {
                None => Some(Vec::new()),
                Some(Tree::Map(entries)) => Some(entries.iter().map(|(key, _)| key.to_string()).collect()),
                Some(Tree::Json(text)) => {
                    let all: Option<BTreeMap<String, serde_json::Value>> = serde_json::from_str(text).ok();
                    all.map(|all| all.into_keys().collect())
                }
                Some(Tree::Text(_) | Tree::List(_)) => None,
            },
            sorts: sorts::of_outputs(read, catalogue, &Neighbours::default()),
            starts: workflow.steps.iter().filter_map(started).map(str::to_owned).collect(),
        }
    }
}

fn started(step: &Step) -> Option<&str> {
    match &step.work {
        Work::Run { workflow, .. } => Some(workflow),
        Work::Use { .. }
        | Work::Ask(_)
        | Work::Await(_)
        | Work::Wait { .. }
        | Work::Check { .. }
        | Work::End { .. }
        | Work::Hold { .. } => None,
    }
}

/// The words that a workflow may end with.
fn outcomes(workflow: &Workflow) -> BTreeSet<String> {
    let mut words = BTreeSet::from(["done".to_owned()]);
    let mut add = |ending: &Ending| {
        if let Ending::Done { outcome } = ending {
            words.insert(outcome.to_string());
        }
    };
    // An end within a holding step ends that one.
    for step in workflow.steps.iter().filter(|step| step.holder.is_none()) {
        if let Work::End { ending } = &step.work {
            add(ending);
        }
        for on in &step.on {
            match &on.goes {
                Goes::End(ending) => add(ending),
                Goes::Back(back) => back.then.iter().for_each(&mut add),
            }
        }
        if let OnError::BackTo(back) = &step.on_error {
            back.then.iter().for_each(&mut add);
        }
    }
    words
}

impl Checker<'_> {
    /// Everything about starting another workflow.
    pub(super) fn child(&self, child: &str, with: &Tree, path: &str, problems: &mut Vec<Problem>) {
        let files = self.house.workflows;
        if files.paths(child).is_empty() && *child != *self.read.workflow.name {
            let problem = Problem::error("YZ0189", self.value(&format!("{path}.run")));
            problems.push(problem.name("workflow", child).near(nearest(child, files.of.keys())));
        }
        self.no_secrets(with, &format!("{path}.with"), problems);
        if let Some(outline) = files.outline(child) {
            problems.extend(self.given(outline, child, with, path));
        }
        let own = &*self.read.workflow.name;
        if let Some(circle) = files.circle(own, child) {
            let arrows = [own.to_owned()].into_iter().chain(circle).collect::<Vec<_>>().join(" → ");
            let problem = Problem::warning("YZ0612", self.value(&format!("{path}.run")));
            problems.push(problem.name("arrows", arrows));
        }
    }

    fn given(&self, outline: &Outline, child: &str, with: &Tree, path: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        let Tree::Map(entries) = with else { return problems };
        let known: Vec<&str> = outline.fields.iter().map(|(name, _)| &**name).collect();
        for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&&**key)) {
            let problem = Problem::error("YZ0601", self.key(&format!("{path}.with.{key}")));
            let problem = problem.name("workflow", child).name("key", &**key);
            let problem = if known.is_empty() { problem } else { problem.name("known", listed(&known)) };
            problems.push(problem.near(nearest(key, &known)));
        }
        for (name, asked) in &outline.fields {
            if *asked && !entries.iter().any(|(key, _)| **key == **name) {
                let place = self.value(&format!("{path}.run"));
                problems.push(Problem::error("YZ0602", place).name("workflow", child).name("key", name));
            }
        }
        problems
    }

    /// Outcomes of children that cannot occur, and outputs that they do not have.
    pub(super) fn of_child(&self, step: &Step, no: StepNo, problems: &mut Vec<Problem>) {
        let Some(outline) = started(step).and_then(|child| self.house.workflows.outline(child)) else {
            return;
        };
        let path = path_of(&self.read.workflow, no);
        for on in &step.on {
            let crate::plan::OutcomePattern::Word(word) = &on.outcome else { continue };
            if !outline.outcomes.contains(&**word) {
                let place = Place::at(self.read.spans.key(&format!("{path}.on.{word}")));
                let problem = Problem::error("YZ0126", place).name("outcome", &**word);
                let problem = problem.name("step", &*step.id).near(nearest(word, &outline.outcomes));
                problems.push(problem.name("known", listed(&outline.outcomes)));
            }
        }
        let Some(outputs) = &outline.outputs else { return };
        if step.each.is_none() {
            problems.extend(super::names::check_child(self.read, no, outputs));
        }
    }
}
