//! The start form of a trigger with `complete`: a text of its own with two steps, the form and the run that it starts.
//!
//! So a form that waits is a run like any other: it is listed, answered, cancelled, and there after a crash.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Read, hash_of, read};
use crate::expression::Tree;
use crate::form::{Field, Form};
use crate::id::{StepNo, TextHash};
use crate::plan::{Source, Work, Workflow};

/// No text that was checked begins so: TOML has no such sign.
const MARK: &str = "\u{1}completes ";

/// The step with the form.
pub const FORM: StepNo = StepNo(0);

/// What the start form of a trigger is kept as.
#[must_use]
pub fn source_of(source: &Source, trigger: &str) -> Source {
    Source { text: format!("{MARK}{trigger}\n{}", source.text), ..source.clone() }
}

/// The trigger and the text that it belongs to, where this is a start form.
#[must_use]
pub fn marked(source: &Source) -> Option<(String, Source)> {
    let (trigger, text) = source.text.strip_prefix(MARK)?.split_once('\n')?;
    Some((trigger.to_owned(), Source { text: text.to_owned(), ..source.clone() }))
}

/// Known without the text itself.
#[must_use]
pub fn hash_of_form(text: &TextHash, trigger: &str) -> TextHash {
    let (name, files) = (trigger.to_owned(), BTreeMap::new());
    hash_of(&Source { name, text: format!("{MARK}{text}"), files })
}

/// The start form of a trigger that has one.
#[must_use]
pub fn start_form(of: &Workflow, trigger: &str) -> Option<Workflow> {
    let who = &of.trigger(trigger)?.complete;
    if who.is_empty() {
        return None;
    }
    // JSON texts and lists of them are TOML ones, too.
    let json = |value: serde_json::Value| value.to_string();
    let text = format!(
        "title = {title}\non_error = \"ask\"\n[step.form]\ntitle = {title}\nask = {who}\n\
         [step.start]\nrun = {name}\ndetach = true\n",
        title = json(plain(&of.title).into()),
        who = json(who.clone().into()),
        name = json((*of.name).into()),
    );
    let source = Source { name: of.name.to_string(), text, files: BTreeMap::new() };
    let Read { workflow, .. } = read(&source, &source.files).ok()?;
    let mut form = Arc::into_inner(workflow)?;
    for step in &mut form.steps {
        if let Work::Ask(ask) = &mut step.work {
            ask.form = filled(&of.input);
        }
    }
    Some(Workflow {
        hash: hash_of_form(&of.hash, trigger),
        note: of.note.clone(),
        owner: of.owner.clone(),
        implements: of.implements.clone(),
        lets: of.lets.clone(),
        input: of.input.clone(),
        tables: of.tables.clone(),
        completes: Some(trigger.into()),
        ..form
    })
}

/// Holes are for what is worked out, and a title has none.
fn plain(title: &str) -> String {
    title.replace("{{", "{ {")
}

/// The fields as the firing filled them in, to be changed by whoever completes them.
fn filled(form: &Form) -> Form {
    let own = |field: &Field| {
        let given = crate::expression::Template::parse(&format!("{{{{ input.{} }}}}", field.name));
        Field { default: given.ok().map(Tree::Text), ..field.clone() }
    };
    Form { fields: form.fields.iter().map(own).collect() }
}

/// For those who keep texts.
impl Workflow {
    /// The start forms of all its triggers.
    pub fn start_forms(&self) -> impl Iterator<Item = (Arc<str>, Workflow)> {
        let forms = self.triggers.iter().filter(|trigger| !trigger.complete.is_empty());
        forms.filter_map(|trigger| Some((trigger.name.clone(), start_form(self, &trigger.name)?)))
    }
}
