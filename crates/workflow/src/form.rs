//! Forms: what a person is asked, what a trigger must deliver, and how an answer is taken.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::Value;
use serde::{Deserialize, Serialize};

use crate::expression::{Expression, ExpressionError, Template, Tree, value_of_json};
use crate::problem::Lang;

mod accept;
mod convert;
mod kind;
mod scope;
mod ticks;
mod view;

pub use kind::Kind;
pub use ticks::PARTS;

/// Fields in file order.
#[derive(Clone, Debug, Default)]
pub struct Form {
    pub fields: Vec<Field>,
}

#[derive(Clone, Debug)]
pub struct Field {
    pub name: Arc<str>,
    pub kind: Kind,
    /// Without it the name.
    pub label: Option<String>,
    pub required: Required,
    pub default: Option<Tree>,
    /// Shown, not asked.
    pub value: Option<Tree>,
    pub options: Options,
    pub min: Option<Tree>,
    pub max: Option<Tree>,
    /// The whole value must match it.
    pub pattern: Option<Arc<str>>,
    pub when: Option<Expression>,
    pub check: Option<Expression>,
    pub message: Option<Template>,
    pub help: Option<String>,
    pub private: bool,
    pub lines: Option<u32>,
    /// Of a table: its columns.
    pub columns: Form,
    /// Of a signature: who is to sign.
    pub by: Option<Template>,
    pub witness: Witness,
    /// Of files: the endings that are taken.
    pub kinds: Arc<[Arc<str>]>,
    /// Of files: how many bytes each may have.
    pub most_bytes: Option<u64>,
    /// The field of the input that an answer corrects.
    pub updates: Option<Arc<str>>,
}

/// When a signature needs somebody who saw it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Witness {
    #[default]
    Never,
    /// When somebody refuses to sign.
    Refused,
    Always,
}

impl Field {
    /// One that must be given, of which nothing else is said.
    #[must_use]
    pub fn plain(name: &str, kind: Kind) -> Self {
        Self {
            name: name.into(),
            kind,
            label: None,
            required: Required::Always(true),
            default: None,
            value: None,
            options: Options::None,
            min: None,
            max: None,
            pattern: None,
            when: None,
            check: None,
            message: None,
            help: None,
            private: false,
            lines: None,
            columns: Form::default(),
            by: None,
            witness: Witness::Never,
            kinds: Arc::default(),
            most_bytes: None,
            updates: None,
        }
    }

    #[must_use]
    pub fn label(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.name)
    }

    /// Whether a value, or a cell of it, is private.
    #[must_use]
    pub fn hides(&self) -> bool {
        self.private || self.kind == Kind::Table && self.columns.fields.iter().any(|column| column.private)
    }

    /// What can be chosen, worked out before anything is filled in.
    ///
    /// # Errors
    /// When it cannot be worked out, or hangs on what is to be filled in.
    pub fn choices(&self, scope: &Value) -> Result<Vec<Choice>, ExpressionError> {
        accept::choices(self, scope)
    }
}

#[derive(Clone, Debug)]
pub enum Required {
    Always(bool),
    Worked(Template),
}

#[derive(Clone, Debug, Default)]
pub enum Options {
    #[default]
    None,
    Fixed(Arc<[Choice]>),
    /// A list of codes, or a map of codes and labels.
    Worked(Template),
}

/// Flows name the code, readers see the label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    pub code: Arc<str>,
    pub label: Arc<str>,
}

/// What a form took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// A JSON object: the fields in the form's order, each of its field's type.
    pub json: String,
    /// What was given and not asked for.
    pub dropped: Vec<String>,
}

/// Why one field of an answer was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("`{field}`: {message}")]
pub struct FieldFault {
    /// As an expression would write it: of the third row's price `rows[2].price`.
    pub field: String,
    pub code: Arc<str>,
    /// In English; `sentence` has it in the reader's language.
    pub message: String,
    #[serde(skip)]
    pub names: BTreeMap<&'static str, String>,
}

impl FieldFault {
    fn new(field: &Field, code: &'static str) -> Self {
        let names = BTreeMap::from([("field", field.label().to_owned())]);
        let fault = Self { field: field.name.to_string(), code: code.into(), message: String::new(), names };
        let message = fault.sentence(Lang::En);
        Self { message, ..fault }
    }

    fn name(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.names.insert(name, value.into());
        self.message = self.sentence(Lang::En);
        self
    }

    /// The same of a cell in a row of a table; people count from one.
    fn in_row(mut self, table: &Field, at: usize) -> Self {
        self.field = format!("{}[{at}].{}", table.name, self.field);
        self.names.insert("in_table", table.label().to_owned());
        self.name("in_row", (at + 1).to_string())
    }

    /// What is wrong, for whoever filled the form in. The words of the workflow itself go first.
    #[must_use]
    pub fn sentence(&self, language: Lang) -> String {
        let place = crate::problem::row_in_words(&self.names, language);
        match self.names.get("own") {
            Some(own) => format!("{place}{own}"),
            None => format!("{place}{}", crate::problem::worded(&self.code, &self.names, language)),
        }
    }
}

impl Form {
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| &*field.name == name)
    }

    /// Converts each value to its field's type. `scope` holds the names that the form's own expressions may read; the
    /// answer's fields are added to it here.
    ///
    /// # Errors
    /// Every field that cannot be taken.
    pub fn accept(
        &self,
        given: &serde_json::Map<String, serde_json::Value>,
        scope: &Value,
    ) -> Result<Accepted, Vec<FieldFault>> {
        // What cannot be written cannot have been read.
        self.accept_text(&serde_json::to_string(given).unwrap_or_default(), scope)
    }

    /// The same of the JSON text as it came: every digit of its numbers is kept.
    ///
    /// # Errors
    /// Every field that cannot be taken.
    pub fn accept_text(&self, given: &str, scope: &Value) -> Result<Accepted, Vec<FieldFault>> {
        accept::accept(self, &value_of_json(given), scope, None)
    }

    /// Fills the form in as far as it goes: what does not fit is left out, and named. JSON text of an object.
    #[must_use]
    pub fn fill_in(&self, given: &str, scope: &Value) -> (Accepted, Vec<FieldFault>) {
        accept::fill_in(self, &value_of_json(given), scope)
    }

    /// The same of an answer that somebody gives: a signature is theirs, where nobody else is named.
    ///
    /// # Errors
    /// Every field that cannot be taken.
    pub fn accept_from(&self, by: &str, given: &str, scope: &Value) -> Result<Accepted, Vec<FieldFault>> {
        accept::accept(self, &value_of_json(given), scope, Some(by))
    }

    /// Puts new values into an input that was accepted before, each under its field's type, bounds and check. The other
    /// fields stay as they are.
    ///
    /// # Errors
    /// Every new value that cannot be taken.
    pub fn correct(
        &self,
        accepted: &str,
        new: &[(Arc<str>, Value)],
        scope: &Value,
    ) -> Result<String, Vec<FieldFault>> {
        accept::correct(self, &value_of_json(accepted), new, scope)
    }

    /// What a page needs to show the form: a JSON array of fields, everything worked out as far as it can be while
    /// nothing is filled in.
    #[must_use]
    pub fn view(&self, scope: &Value) -> String {
        self.view_of("{}", scope)
    }

    /// The same with what is filled in so far: what hangs on other fields follows them.
    #[must_use]
    pub fn view_of(&self, given: &str, scope: &Value) -> String {
        view::view(self, &value_of_json(given), scope)
    }
}

#[cfg(test)]
mod tests;
