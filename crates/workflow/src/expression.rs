//! Expressions and templates: parsed when a file is read, compiled when they are first worked out.
//!
//! What is checked at load is thrown away again: a compiled expression takes 8 to 16 KiB, so 100 workflows would not
//! fit the memory promised. The text is kept, the compiled form lives in a small cache for the whole process, and a
//! plain path (`input.mail`) needs neither.

mod arguments;
mod dates;
mod fields;
mod format;
mod functions;
mod json;
mod lists;
mod machine;
mod names;
mod number;
pub(crate) mod operators;
mod people;
mod plain;
mod print;
mod rewrite;
mod sort;
mod sorts;
mod syntax;
mod words;

use std::sync::Arc;

use minijinja::Value;
use plain::Plain;

pub use arguments::Refused;
pub(crate) use dates::{CALENDAR, calendar_value, hours_of};
pub use fields::value_of_text;
pub use names::{Argument, Call, Given, Name, NameKind};
pub use number::{QUOTIENT_PLACES, is_number, number_of_text, whole};
pub(crate) use number::{compare, exact, money_of, number_of_words};
pub(crate) use operators::same;
pub use people::{FUNCTIONS as OF_WHO, House, OF_PERSON, SCOPE as PEOPLE, person, with_person, word_of};
pub use print::{empty, is_empty, json_of_value, print, speak, value_of_json};
pub use sort::{Sort, Sorts};
pub use sorts::{
    SortFault, SortProblem, constant as sorts_of_value, faults_of_expression, faults_of_template,
    of_elements as sorts_of_elements, of_expression as sorts_of_expression,
};
pub use syntax::{SyntaxFault, SyntaxProblem};
pub use words::{Dictionary, condition, phrase, with_holes};

/// No value that an expression gives may be larger, as JSON or as text.
pub const MOST_OUTPUT: usize = 1024 * 1024;

/// Room for what a step mostly sends, so that it is not found by growing.
const TYPICAL: usize = 256;

/// Why a value could not be worked out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpressionError {
    pub code: Arc<str>,
    pub message: Arc<str>,
}

impl ExpressionError {
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into().into() }
    }
}

/// What `when` and `check` hold, and what stands between `{{` and `}}`.
#[derive(Clone, Debug)]
pub struct Expression {
    source: Arc<str>,
    /// A plain path or comparison is worked out without the machine.
    plain: Option<Plain>,
}

impl Expression {
    /// Checks the syntax, and that every filter, test and function is one of ours.
    pub fn parse(text: &str) -> Result<Self, SyntaxFault> {
        syntax::check_expression(text)?;
        Ok(Self { source: text.trim().into(), plain: Plain::of(text) })
    }

    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The names that it reads, each with its place in `source`.
    #[must_use]
    pub fn names(&self) -> Vec<Name> {
        names::of_expression(&self.source)
    }

    /// What it stands for, as far as that is plain.
    #[must_use]
    pub fn given(&self) -> Given {
        names::of_whole(&self.source)
    }

    pub fn value(&self, scope: &Value) -> Result<Value, ExpressionError> {
        if let Some(value) = self.plain.as_ref().and_then(|plain| plain.value(scope)) {
            return Ok(value);
        }
        machine::evaluate(&self.source, scope)
    }

    pub fn truth(&self, scope: &Value) -> Result<bool, ExpressionError> {
        let value = self.value(scope)?;
        if value.is_undefined() {
            return Err(machine::undefined(&self.source, self.names(), scope));
        }
        Ok(value.is_true())
    }
}

/// A string in which `{{ … }}` is worked out.
#[derive(Clone, Debug)]
pub struct Template {
    source: Arc<str>,
    parts: Parts,
}

#[derive(Clone, Debug)]
enum Parts {
    Literal,
    /// The string is exactly one `{{ … }}` and keeps its type.
    Whole(Expression),
    Mixed(Arc<[Part]>),
    /// A template file with `{% … %}` in it.
    Program,
}

#[derive(Clone, Debug)]
enum Part {
    Text(Arc<str>),
    Hole(Expression),
}

impl Template {
    /// A string of a workflow file: only `{{ … }}` is worked out.
    pub fn parse(text: &str) -> Result<Self, SyntaxFault> {
        let pieces = syntax::split(text)?;
        let mut parts = Vec::with_capacity(pieces.len());
        for piece in pieces {
            parts.push(match piece {
                syntax::Piece::Text(range) => Part::Text(text[range].into()),
                syntax::Piece::Hole(range) => Part::Hole(
                    Expression::parse(&text[range.clone()]).map_err(|fault| fault.moved(range.start))?,
                ),
            });
        }
        let parts = match parts.as_slice() {
            [] | [Part::Text(_)] => Parts::Literal,
            [Part::Hole(expression)] => Parts::Whole(expression.clone()),
            _ => Parts::Mixed(parts.into()),
        };
        Ok(Self { source: text.into(), parts })
    }

    /// A template file, in which `{% for … %}` and `{% if … %}` work too.
    pub fn parse_file(text: &str) -> Result<Self, SyntaxFault> {
        if !text.contains("{%") && !text.contains("{#") {
            return Self::parse(text);
        }
        syntax::check_program(text)?;
        Ok(Self { source: text.into(), parts: Parts::Program })
    }

    /// Stands where a template could not be read: fits everywhere and reads nothing.
    #[must_use]
    pub(crate) fn unreadable() -> Self {
        let nothing = Expression { source: "none".into(), plain: None };
        Self { source: "{{ none }}".into(), parts: Parts::Whole(nothing) }
    }

    /// Text that stands for itself, whatever braces it has.
    #[must_use]
    pub fn literal(text: &str) -> Self {
        Self { source: text.into(), parts: Parts::Literal }
    }

    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    #[must_use]
    pub fn is_literal(&self) -> bool {
        matches!(self.parts, Parts::Literal)
    }

    /// The expression, where the template is exactly one.
    #[must_use]
    pub fn expression(&self) -> Option<&Expression> {
        match &self.parts {
            Parts::Whole(expression) => Some(expression),
            Parts::Literal | Parts::Mixed(_) | Parts::Program => None,
        }
    }

    /// The names that it reads, each with its place in `source`.
    #[must_use]
    pub fn names(&self) -> Vec<Name> {
        match &self.parts {
            Parts::Literal => Vec::new(),
            Parts::Program => names::of_program(&self.source),
            Parts::Whole(_) | Parts::Mixed(_) => names::of_template(&self.source),
        }
    }

    pub fn value(&self, scope: &Value) -> Result<Value, ExpressionError> {
        match &self.parts {
            Parts::Whole(expression) => expression.value(scope),
            Parts::Literal => Ok(Value::from(&*self.source)),
            Parts::Mixed(_) | Parts::Program => self.text(scope).map(Value::from),
        }
    }

    pub fn text(&self, scope: &Value) -> Result<String, ExpressionError> {
        self.printed(scope, print_hole)
    }

    /// The text as a key: a person is their word in it, as two people may have one name.
    pub fn key(&self, scope: &Value) -> Result<String, ExpressionError> {
        self.printed(scope, |expression, scope, to| {
            match expression.value(scope).map(|value| word_of(&value))? {
                Some(word) => {
                    to.push_str(&word);
                    Ok(())
                }
                None => print_hole(expression, scope, to),
            }
        })
    }

    fn printed(
        &self,
        scope: &Value,
        hole: impl Fn(&Expression, &Value, &mut String) -> Result<(), ExpressionError>,
    ) -> Result<String, ExpressionError> {
        let mut text = String::new();
        match &self.parts {
            Parts::Literal => text.push_str(&self.source),
            Parts::Whole(expression) => hole(expression, scope, &mut text)?,
            Parts::Program => text = machine::render(&self.source, scope)?,
            Parts::Mixed(parts) => {
                for part in parts.iter() {
                    match part {
                        Part::Text(literal) => text.push_str(literal),
                        Part::Hole(expression) => hole(expression, scope, &mut text)?,
                    }
                }
            }
        }
        if text.len() > MOST_OUTPUT {
            return Err(machine::too_large(&self.source));
        }
        Ok(text)
    }
}

fn print_hole(expression: &Expression, scope: &Value, to: &mut String) -> Result<(), ExpressionError> {
    let value = expression.value(scope)?;
    if value.is_undefined() {
        return Err(machine::undefined(&expression.source, expression.names(), scope));
    }
    print(&value, to);
    if to.len() > MOST_OUTPUT {
        return Err(machine::too_large(&expression.source));
    }
    Ok(())
}

/// A value of a file with templates in its strings: what `with`, `let` and `[output]` hold.
#[derive(Clone, Debug)]
pub enum Tree {
    /// JSON text without templates.
    Json(Arc<str>),
    Text(Template),
    List(Vec<Tree>),
    Map(Vec<(Arc<str>, Tree)>),
}

impl Tree {
    #[must_use]
    pub fn empty_map() -> Self {
        Self::Map(Vec::new())
    }

    /// Every template in it, with the dotted path to it.
    pub fn each_template(&self, path: &str, see: &mut dyn FnMut(&str, &Template)) {
        match self {
            Self::Json(_) => {}
            Self::Text(template) => see(path, template),
            Self::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    item.each_template(&format!("{path}[{at}]"), see);
                }
            }
            Self::Map(entries) => {
                for (key, item) in entries {
                    item.each_template(&format!("{path}.{key}"), see);
                }
            }
        }
    }

    /// Its JSON text, templates worked out.
    pub fn json(&self, scope: &Value) -> Result<String, ExpressionError> {
        let mut text = String::with_capacity(TYPICAL);
        self.write(scope, &mut text)?;
        Ok(text)
    }

    pub fn value(&self, scope: &Value) -> Result<Value, ExpressionError> {
        match self {
            Self::Text(template) => template.value(scope),
            Self::Json(_) | Self::List(_) | Self::Map(_) => Ok(value_of_json(&self.json(scope)?)),
        }
    }

    fn write(&self, scope: &Value, to: &mut String) -> Result<(), ExpressionError> {
        match self {
            Self::Json(json) => to.push_str(json),
            Self::Text(template) => {
                let value = template.value(scope)?;
                if value.is_undefined() {
                    return Err(machine::undefined(template.source(), template.names(), scope));
                }
                print::write_json(&value, to).map_err(|cause| machine::failed(template.source(), &cause))?;
            }
            Self::List(items) => {
                to.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        to.push(',');
                    }
                    item.write(scope, to)?;
                }
                to.push(']');
            }
            Self::Map(entries) => {
                to.push('{');
                for (at, (key, item)) in entries.iter().enumerate() {
                    if at > 0 {
                        to.push(',');
                    }
                    print::write_string(key, to);
                    to.push(':');
                    item.write(scope, to)?;
                }
                to.push('}');
            }
        }
        if to.len() > MOST_OUTPUT {
            return Err(machine::too_large("with"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod manual;
#[cfg(test)]
mod tests;
