//! Reads a workflow's tests: a `*.test.toml` beside its file, against the workflow, the plugins and the people.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use toml::de::DeTable;

use super::ask::check_who;
use super::section::{Item, Reader, Section, Text};
use super::{MOST_FAULTS, text_of, time, toml_problems, too_deep};
use crate::catalogue::{Action, Catalogue};
use crate::form::Form;
use crate::moment::Moment;
use crate::people::People;
use crate::plan::{ActionName, Starts, Step, Work, Workflow};
use crate::problem::{Place, Problem, listed, nearest};
use crate::register::Registers;
use crate::run::event::Raw;
use crate::testing::{
    BEGINS, Begins, Case, FORM_STEPS, Fake, Firing, Given, Line, Play, Segment, StepPath, Test, Tests, WHOLE,
};

mod entries;
mod expected;
mod fakes;
mod play;
mod values;

use values::Fields;

/// What a file of tests is read against.
#[derive(Clone, Copy, Debug)]
pub struct Among<'a> {
    pub workflow: &'a Workflow,
    pub catalogue: &'a Catalogue,
    /// `None`: their file has faults, so nothing is said of who is in it.
    pub people: Option<&'a People>,
    /// `None`: their file has faults, so nothing is said of what is in it.
    pub registers: Option<&'a Registers>,
    /// Every workflow that can be loaded, by its name.
    pub others: &'a [String],
}

/// Reads a file of tests.
///
/// # Errors
/// Every fault in it, not the first.
pub fn read_tests(text: &str, among: Among<'_>) -> Result<Tests, Vec<Problem>> {
    let text = text_of(text.as_bytes()).map_err(|problem| vec![*problem])?;
    if let Some(span) = too_deep(text) {
        let problem = Problem::error("YZ0114", Place::at(span));
        return Err(vec![problem.name("most", super::DEEPEST.to_string())]);
    }
    let (root, faults) = DeTable::parse_recoverable(text);
    let mut problems = toml_problems(text, &faults);
    if problems.iter().any(|fault| fault.code == "YZ0101") {
        return Err(problems);
    }
    let none = BTreeMap::new();
    let reader = Reader::new(text, root.get_ref(), &none);
    let root = Section::root(&reader, root.get_ref());
    let tests = whole(&root, among);
    drop(root);
    problems.extend(reader.problems.into_inner());
    problems.sort_by(|one, other| one.place.cmp(&other.place).then(one.code.cmp(other.code)));
    problems.dedup();
    problems.truncate(MOST_FAULTS);
    if problems.is_empty() { Ok(tests) } else { Err(problems) }
}

/// What holds for all tests of the file that do not say otherwise.
struct Usual {
    at: Moment,
    by: Option<Arc<str>>,
    input: Fields,
    fakes: Vec<Fake>,
    entries: Vec<Given>,
    load: Vec<Arc<str>>,
    strict: bool,
}

/// A table that is being read, and what it is read against.
struct Told<'s, 'a, 'r, 'w> {
    own: &'s Section<'a, 'r>,
    among: Among<'w>,
}

fn whole(root: &Section<'_, '_>, among: Among<'_>) -> Tests {
    let told = Told { own: root, among };
    let first = Moment::parse_text(BEGINS).map(Moment::from);
    let usual = Usual {
        at: told.moment("at").or(first.ok()).unwrap_or(Moment::Instant(crate::id::Millis(0))),
        by: told.who("by"),
        input: root.section("input").map(|own| told.input(&own)).unwrap_or_default(),
        fakes: told.fakes(),
        entries: told.entries(),
        load: told.loaded(),
        strict: root.boolean("strict").unwrap_or(false),
    };
    let mut tests: Vec<Test> = Vec::new();
    for (at, item) in list(root, "test").into_iter().enumerate() {
        let Some(table) = item.get_ref().as_table() else {
            root.reader.wrong_type("test", "a table: `[[test]]`", item);
            continue;
        };
        let own = Section::of(root.reader, format!("test[{at}]"), item.span(), table);
        let told = Told { own: &own, among };
        let test = told.test(&usual);
        if let Some(first) = tests.iter().find(|known| known.name == test.name) {
            let problem = own.error("YZ0110", test.place.clone()).name("key", test.name.clone());
            own.say(problem.cause(Place::at(first.place.clone())));
        }
        tests.push(test);
        own.close(&[]);
    }
    root.close(&[]);
    Tests { tests }
}

/// The entries of a list of tables.
fn list<'a, 'r>(own: &Section<'a, 'r>, key: &'static str) -> Vec<&'r toml::Spanned<toml::de::DeValue<'a>>> {
    let Some(item) = own.get(key) else { return Vec::new() };
    match item.get_ref().as_array() {
        Some(list) => list.iter().collect(),
        None => {
            own.reader.wrong_type(key, "a list", item);
            Vec::new()
        }
    }
}

impl<'a, 'r> Told<'_, 'a, 'r, '_> {
    fn test(&self, usual: &Usual) -> Test {
        let own = self.own;
        let name = own.text("name");
        if !own.has("name") {
            own.missing("name");
        }
        let place = name.as_ref().map_or_else(|| own.span.clone(), |name| name.span.clone());
        let by = self.who("by").or_else(|| usual.by.clone());
        let mut fakes = self.fakes();
        fakes.extend(usual.fakes.iter().cloned());
        let mut entries = usual.entries.clone();
        entries.extend(self.entries());
        let mut load = usual.load.clone();
        load.extend(self.loaded());
        let begins = self.begins(usual);
        Test {
            name: name.map_or_else(String::new, |name| name.value.to_owned()),
            place,
            at: self.moment("at").unwrap_or_else(|| usual.at.clone()),
            by: by.unwrap_or_else(|| by_usual(&begins)),
            begins,
            fakes,
            entries,
            load,
            strict: own.boolean("strict").unwrap_or(usual.strict),
            play: self.play(),
            ends: self.ends(),
        }
    }

    fn begins(&self, usual: &Usual) -> Begins {
        let own = self.own;
        let input = own.section("input");
        if own.has("trigger") {
            if let Some(input) = input {
                let problem = own.error("YZ0133", input.span).name("one", "trigger");
                own.say(problem.name("other", "input"));
            }
            return self.firing().map_or(Begins::Later, Begins::Fired);
        }
        if own.get("begins").is_some_and(|item| item.get_ref().as_str() == Some("later")) {
            return Begins::Later;
        }
        if let Some(item) = own.get("begins") {
            let value = item.get_ref().as_str().unwrap_or_default();
            own.bad_word("begins", &Text { value, span: item.span() }, &["later"]);
        }
        let mut fields = usual.input.clone();
        if let Some(input) = input {
            fields.over(self.input(&input));
        }
        Begins::Input(fields.raw())
    }

    /// The fields of the start form that a test gives.
    fn input(&self, own: &Section<'a, 'r>) -> Fields {
        self.fields_of_form(own, &self.among.workflow.input, "[input]")
    }

    /// Fields of a form; one that the form has not is a slip.
    fn fields_of_form(&self, own: &Section<'a, 'r>, form: &Form, called: &str) -> Fields {
        for (key, _) in own.entries() {
            if form.field(key.value).is_none() {
                let known: Vec<&str> = form.fields.iter().map(|field| &*field.name).collect();
                let problem = own.error("YZ0105", key.span).name("key", key.value).name("where", called);
                own.say(match nearest(key.value, &known) {
                    Some(near) => problem.near(Some(near)),
                    None => problem.name("known", listed(&known)),
                });
            }
        }
        Fields::of(own)
    }

    fn firing(&self) -> Option<Firing> {
        let own = self.own;
        let name = own.text("trigger")?;
        let workflow = self.among.workflow;
        // What another workflow's run is asked for is that one's own.
        let foreign = own.has("of");
        if !foreign && workflow.trigger(name.value).is_none() {
            let known: Vec<&str> = workflow.triggers.iter().map(|trigger| &*trigger.name).collect();
            own.bad_word("trigger", &name, &known);
            return None;
        }
        let mut with = Fields::default();
        for key in ["headers", "file", "event", "items", "mail"] {
            if let Some(item) = own.get(key) {
                with.add(key, values::json(own, key, item));
            }
        }
        let body = own.section("body").map(|body| Fields::of(&body)).unwrap_or_default();
        let is_event = |starts: &Starts| matches!(starts, Starts::Event { .. } | Starts::Webhook(_));
        if workflow.trigger(name.value).is_some_and(|trigger| is_event(&trigger.starts)) {
            with.add("body", body.raw().get().to_owned());
        }
        Some(Firing { trigger: name.value.into(), body: body.raw(), with: with.raw() })
    }

    fn loaded(&self) -> Vec<Arc<str>> {
        let names = self.own.texts("load").unwrap_or_default();
        names.iter().filter_map(|name| self.workflow(name)).collect()
    }

    /// A workflow that there is.
    fn workflow(&self, name: &Text<'_>) -> Option<Arc<str>> {
        let known = self.among.others.iter().any(|known| known == name.value);
        if !known {
            let problem = self.own.error("YZ0189", name.span.clone()).name("workflow", name.value);
            self.own.say(problem.near(nearest(name.value, self.among.others)));
        }
        known.then(|| name.value.into())
    }

    fn moment(&self, key: &'static str) -> Option<Moment> {
        time::moment(self.own, key, &|id| self.among.workflow.step_named(id))
    }

    /// As the file writes it.
    fn written(&self, key: &'static str) -> Arc<str> {
        let span = self.own.get(key).map_or(0..0, toml::Spanned::span);
        self.own.reader.text.get(span).unwrap_or_default().trim_matches(['"', '\'']).into()
    }

    /// Somebody who acts: a person, or the house itself.
    fn who(&self, key: &'static str) -> Option<Arc<str>> {
        let text = self.own.text(key)?;
        if text.value == crate::run::OPERATOR || text.value.starts_with("trigger:") {
            return Some(text.value.into());
        }
        self.somebody(&text);
        Some(text.value.into())
    }

    fn somebody(&self, text: &Text<'_>) {
        if text.value.starts_with("mail:") || text.value.contains('@') && !text.value.contains(':') {
            return;
        }
        check_who(self.own, text);
        let Some(people) = self.among.people else { return };
        if let Some((kind @ ("person" | "group" | "role"), _)) = text.value.split_once(':')
            && !people.known(text.value)
        {
            let problem = self.own.error("YZ0185", text.span.clone()).name("who", text.value);
            self.own.say(problem.near(nearest(text.value, people.names(kind))));
        }
    }

    /// A step of the workflow.
    fn step(&self, key: &'static str) -> Option<StepPath> {
        let text = self.own.text(key)?;
        let Some(path) = StepPath::parse(text.value) else {
            self.no_such_step(text.value, &text.span);
            return None;
        };
        if self.own.has("of") {
            return Some(path);
        }
        // Whose steps those of a child are, is known when it has begun.
        let segments = &path.runs[0];
        let has_form = self.among.workflow.triggers.iter().any(|trigger| !trigger.complete.is_empty());
        let is_ours = |(at, segment): &(usize, &Segment)| {
            self.named(&segment.step).is_some()
                || &*segment.step == "undo"
                || has_form && FORM_STEPS.contains(&&*segment.step)
                || *at > 0 && self.rung(&segments[..=*at]).is_some()
        };
        if let Some((_, wrong)) = segments.iter().enumerate().find(|one| !is_ours(one)) {
            self.no_such_step(&wrong.step, &text.span);
            return None;
        }
        Some(path)
    }

    /// A step, or the file itself.
    fn named(&self, id: &str) -> Option<&Step> {
        let workflow = self.among.workflow;
        let step = workflow.step_named(id).map(|no| workflow.step(no));
        step.or_else(|| (id == WHOLE).then_some(&workflow.whole))
    }

    /// What a due time of the step before the last segment sets off, under the last one's name.
    fn rung(&self, segments: &[Segment]) -> Option<(&Step, u16)> {
        let [.., step, rung] = segments else { return None };
        let step = self.named(&step.step)?;
        Some((step, step.rung_named(&rung.step, rung.item)?))
    }

    /// What is done there, where it is this workflow that does it.
    fn own_work(&self, path: &StepPath) -> Option<&Work> {
        if let Some(step) = self.own_step(path) {
            return Some(&step.work);
        }
        let [segments] = path.runs.as_slice() else { return None };
        if self.own.has("of") {
            return None;
        }
        let (step, rung) = self.rung(segments)?;
        let of = crate::id::Item { rung: Some(crate::id::DueRung(1, rung)), ..crate::run::clock::WHOLE };
        step.doing(of).map(|doing| doing.work)
    }

    /// The step of this workflow that is meant, and not what stands beside it.
    fn own_step(&self, path: &StepPath) -> Option<&Step> {
        let [segments] = path.runs.as_slice() else { return None };
        if self.own.has("of") { None } else { self.named(&segments.last()?.step) }
    }

    fn no_such_step(&self, id: &str, span: &Range<usize>) {
        let known = self.among.workflow.steps.iter().map(|step| step.path().into_owned());
        let problem = self.own.error("YZ0122", span.clone()).name("step", id);
        self.own.say(problem.name("where", self.own.name()).near(nearest(id, known)));
    }

    /// An action that some plugin has.
    fn action(&self, text: &Text<'_>) -> Option<Arc<Action>> {
        let Some((plugin, action)) = text.value.split_once('.') else {
            self.own.say(self.own.error("YZ0129", text.span.clone()).name("value", text.value));
            return None;
        };
        let name = ActionName { plugin: plugin.into(), action: action.into() };
        let catalogue = self.among.catalogue;
        if let Some(known) = catalogue.action(&name) {
            return Some(known.clone());
        }
        let all = catalogue.actions.values();
        let problem = if catalogue.has_plugin(plugin) {
            let known: Vec<&str> =
                all.filter(|known| &*known.name.plugin == plugin).map(|known| &*known.name.action).collect();
            let problem = self.own.error("YZ0130", text.span.clone()).name("plugin", plugin);
            problem.name("action", action).near(nearest(action, &known)).name("known", listed(&known))
        } else {
            let known: std::collections::BTreeSet<&str> = all.map(|known| &*known.name.plugin).collect();
            let problem = self.own.error("YZ0131", text.span.clone()).name("plugin", plugin);
            problem.near(nearest(plugin, &known)).name("known", listed(&known))
        };
        self.own.say(problem);
        None
    }

    fn case(&self) -> Case {
        let workflow = self.own.text("of").and_then(|name| self.workflow(&name));
        Case { workflow, key: self.own.string("case").map(Into::into) }
    }

    /// What must be true at the end.
    fn ends(&self) -> Vec<Line> {
        let Some(item) = ["state", "outcome", "reason", "output"].iter().find_map(|key| self.own.get(key))
        else {
            return Vec::new();
        };
        let what = Play::Expect(crate::testing::Expected::Stands { fields: self.standing() });
        vec![Line { place: self.place_of(item), of: Case::default(), what }]
    }

    fn place_of(&self, item: Item<'_>) -> Range<usize> {
        item.span()
    }
}

/// On whose behalf a case begins of which nothing is said.
fn by_usual(begins: &Begins) -> Arc<str> {
    match begins {
        Begins::Fired(firing) => format!("trigger:{}", firing.trigger).into(),
        Begins::Input(_) | Begins::Later => crate::run::OPERATOR.into(),
    }
}

/// An empty object.
fn nothing() -> Raw {
    Fields::default().raw()
}

#[cfg(test)]
mod tests;
