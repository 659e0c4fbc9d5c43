//! What entries are looked for by: the values of their columns as short texts, which a store keeps in an index.
//!
//! They follow from the entry alone and not from what the file declares today, so a register may be declared anew without
//! another index. Private values are among them; they go when the value is erased.

use std::collections::BTreeSet;

use jiff::civil::Date;
use minijinja::Value;
use minijinja::value::ValueKind;

use super::{Body, Entry, Register};
use crate::expression::{exact, is_number, value_of_json};
use crate::form::Kind;

/// What is longer is not looked for by an index: nobody looks for a long text by all of it.
const LONGEST: usize = 120;

/// An entry's own number stands beside its columns.
const NUMBER: &str = super::OWN[0];

/// A column, and what its value reads as.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Term {
    pub column: String,
    pub value: String,
}

/// A column, and the values of which it must be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneOf {
    pub column: String,
    pub values: Vec<String>,
}

/// The day of a year, in any year: `--05-03`.
#[must_use]
pub fn day_of_year(date: Date) -> String {
    format!("--{:02}-{:02}", date.month(), date.day())
}

impl Entry {
    /// What it can be looked for by.
    #[must_use]
    pub fn terms(&self) -> BTreeSet<Term> {
        let values = value_of_json(&Body::opened(&self.body, self.private.as_ref(), true));
        let mut terms = BTreeSet::new();
        // A column of the same name goes before the entry's own.
        if values.get_attr(NUMBER).is_ok_and(|value| value.is_undefined()) {
            terms.insert(Term { column: NUMBER.to_owned(), value: self.number.to_string() });
        }
        for name in values.try_iter().into_iter().flatten() {
            let Some(value) = values.get_item(&name).ok().and_then(|value| text_of(&value)) else { continue };
            let column = name.to_string();
            if let Some(date) = day(&value) {
                terms.insert(Term { column: column.clone(), value: day_of_year(date) });
            }
            terms.insert(Term { column, value });
        }
        terms
    }
}

fn day(text: &str) -> Option<Date> {
    if text.len() == 10 { text.parse().ok() } else { None }
}

fn text_of(value: &Value) -> Option<String> {
    let kind = value.kind();
    let text = if kind == ValueKind::String {
        value.as_str()?.to_owned()
    } else if kind == ValueKind::Bool {
        value.is_true().to_string()
    } else {
        exact(value)?.normalize().to_string()
    };
    Some(text).filter(|text| !text.is_empty() && text.len() <= LONGEST)
}

/// Whether values of such a field are what a value that is looked for can be compared with.
fn is_like(kind: &Kind, wanted: &Value) -> bool {
    match kind {
        Kind::Text
        | Kind::Date
        | Kind::Time
        | Kind::Datetime
        | Kind::Choice
        | Kind::Phone
        | Kind::Email
        | Kind::IdCard
        | Kind::Person => wanted.kind() == ValueKind::String,
        Kind::Number | Kind::Whole | Kind::Money => is_number(wanted),
        Kind::Yesno => wanted.kind() == ValueKind::Bool,
        Kind::Choices | Kind::File | Kind::Files | Kind::Table | Kind::Checklist | Kind::Signature => false,
    }
}

impl Register {
    /// The part of a `where` that the terms of an entry answer; what is left of it must be asked of each entry.
    #[must_use]
    pub fn looked_up(&self, filter: &str) -> Vec<OneOf> {
        let wanted = value_of_json(filter);
        let own = self.form.fields.iter().map(|field| (&*field.name, &field.kind));
        let number = self.form.field(NUMBER).is_none().then_some((NUMBER, &Kind::Text));
        let columns = own.chain(number).filter_map(|(column, kind)| {
            let value = wanted.get_attr(column).ok().filter(|value| !value.is_undefined())?;
            let is_list = value.kind() == ValueKind::Seq;
            let all: Vec<Value> = if is_list { value.try_iter().ok()?.collect() } else { vec![value] };
            let of = |one: &Value| text_of(one).filter(|_| is_like(kind, one));
            let values = all.iter().map(of).collect::<Option<Vec<String>>>()?;
            Some(OneOf { column: column.to_owned(), values })
        });
        columns.collect()
    }
}
