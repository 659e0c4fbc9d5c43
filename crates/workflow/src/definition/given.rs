//! Finds what is written into a file and that its own forms would refuse: a default, bounds, what a trigger maps.

use std::sync::Arc;

use minijinja::Value;

use super::check::Checker;
use crate::expression::Tree;
use crate::form::{Field, Form, Kind, Options, Required};
use crate::plan::{Starts, Trigger};
use crate::problem::{Lang, Place, Problem, listed, nearest};

/// The JSON of a value without any `{{ … }}`.
fn constant(tree: &Tree) -> Option<String> {
    match tree {
        Tree::Json(text) => Some(text.to_string()),
        Tree::Text(template) if template.is_literal() => {
            Some(serde_json::Value::from(template.source()).to_string())
        }
        Tree::List(items) => {
            let items: Option<Vec<String>> = items.iter().map(constant).collect();
            items.map(|items| format!("[{}]", items.join(",")))
        }
        Tree::Text(_) | Tree::Map(_) => None,
    }
}

/// The sentence in both languages, if the field does not take the value.
fn refused(field: &Field, tree: &Tree) -> Option<(String, String)> {
    let value = constant(tree)?;
    let given = format!("{{{}:{value}}}", serde_json::Value::from(&*field.name));
    let form = Form { fields: vec![field.clone()] };
    let faults = form.accept_text(&given, &Value::UNDEFINED).err()?;
    let fault = faults.first()?;
    Some((fault.sentence(Lang::Zh), fault.sentence(Lang::En)))
}

/// A default and bounds of a field that can never hold; `place` says where a key of it stands.
pub(super) fn of_field(field: &Field, place: &dyn Fn(&'static str) -> Place) -> Vec<Problem> {
    let mut problems = Vec::new();
    let judged =
        matches!(field.kind, Kind::Choice | Kind::File | Kind::Checklist | Kind::Signature | Kind::Person);
    let bounded = !judged && !matches!(field.kind, Kind::Yesno | Kind::Phone | Kind::Email | Kind::IdCard);
    let literal = |tree: &Option<Tree>| tree.as_ref().is_none_or(|tree| constant(tree).is_some());
    let say = |key: &'static str, (zh, en): (String, String)| {
        Problem::error("YZ0616", place(key)).name("key", key).name("zh_why", zh).name("en_why", en)
    };
    // How many there may be, where the value itself has no order.
    let counted = matches!(field.kind, Kind::Text | Kind::Choices | Kind::Files | Kind::Table);
    let bound = Field::plain(&field.name, if counted { Kind::Whole } else { field.kind });
    let bound = Field { label: field.label.clone(), ..bound };
    for (key, tree) in [("min", &field.min), ("max", &field.max)].into_iter().filter(|_| bounded) {
        problems.extend(tree.as_ref().and_then(|tree| refused(&bound, tree)).map(|why| say(key, why)));
    }
    if let (true, Some(min), Some(_)) = (bounded && problems.is_empty(), &field.min, &field.max) {
        let below = Field { max: field.max.clone(), ..bound };
        if literal(&field.max) && refused(&below, min).is_some() {
            problems.push(Problem::error("YZ0616", place("min")).case("bounds").cause(place("max")));
        }
    }
    let open = matches!(field.options, Options::Worked(_)) || !literal(&field.min) || !literal(&field.max);
    let parts = matches!(field.kind, Kind::Files | Kind::Table);
    if let (false, Some(default)) = (open || judged || parts || !problems.is_empty(), &field.default) {
        let own = Field {
            when: None,
            check: None,
            default: None,
            required: Required::Always(false),
            ..field.clone()
        };
        problems.extend(refused(&own, default).map(|why| say("default", why)));
    }
    problems
}

impl Checker<'_> {
    /// What a trigger brings is held against the start form, as far as the file says what it brings.
    pub(super) fn brings(&self, trigger: &Trigger, problems: &mut Vec<Problem>) {
        if trigger.publish.is_some() || matches!(trigger.starts, Starts::ByHand { .. }) {
            return;
        }
        let nothing = matches!(trigger.starts, Starts::Schedule(_))
            // Without `with` the entry that it follows is the input.
            && trigger.dates().is_none()
            && trigger.each.is_none()
            && trigger.gather.is_none();
        let brought: Vec<&Arc<str>> = match &trigger.with {
            Some(Tree::Map(entries)) => entries.iter().map(|(key, _)| key).collect(),
            None if nothing => Vec::new(),
            Some(_) | None => return,
        };
        let input = &self.read.workflow.input;
        let path = format!("trigger.{}", trigger.name);
        if self.read.lost.touches("input") || self.read.lost.touches(&path) {
            return;
        }
        let known: Vec<&str> = input.fields.iter().map(|field| &*field.name).collect();
        for key in brought.iter().map(|key| &***key).filter(|key| !known.contains(key)) {
            let problem =
                Problem::warning("YZ0617", self.key(&format!("{path}.with.{key}"))).name("key", key);
            let problem = if known.is_empty() { problem } else { problem.name("known", listed(&known)) };
            problems.push(problem.near(nearest(key, &known)));
        }
        // What is missing somebody fills in.
        if !trigger.complete.is_empty() {
            return;
        }
        for field in input.fields.iter().filter(|field| is_asked(field)) {
            if !brought.iter().any(|key| **key == field.name) {
                let problem = Problem::error("YZ0618", self.key(&path)).name("trigger", &*trigger.name);
                problems.push(problem.name("field", &*field.name));
            }
        }
    }
}

/// Whether a start without it is refused.
fn is_asked(field: &Field) -> bool {
    let left_out = field.default.is_some() || field.value.is_some() || field.when.is_some();
    !left_out && matches!(field.required, Required::Always(true))
}
