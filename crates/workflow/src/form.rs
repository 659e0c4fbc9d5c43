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

pub use kind::Kind;

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
        }
    }

    #[must_use]
    pub fn label(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.name)
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

    /// What is wrong, for whoever filled the form in. The words of the workflow itself go first.
    #[must_use]
    pub fn sentence(&self, language: Lang) -> String {
        match self.names.get("own") {
            Some(own) => own.clone(),
            None => crate::problem::worded(&self.code, &self.names, language),
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
        accept::accept(self, &value_of_json(given), scope)
    }

    /// What a page needs to show the form: a JSON array of fields, everything worked out.
    ///
    /// # Errors
    /// When a template of the form fails.
    pub fn view(&self, scope: &Value) -> Result<String, ExpressionError> {
        accept::view(self, scope)
    }
}

#[cfg(test)]
mod tests;
