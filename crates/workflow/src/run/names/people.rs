//! Fields of type person read as people, in the rows of tables too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Value};

use crate::expression;
use crate::form::{Form, Kind};
use crate::people::People;

/// The values of a form, with its fields of type person as people. A form without such a field costs nothing.
pub(super) fn read(values: Value, form: &Form, people: &Arc<People>) -> Value {
    match Named::of(form) {
        Some(named) => Value::from_object(Filled { values, named: Arc::new(named), people: people.clone() }),
        None => values,
    }
}

/// Where a form names people.
#[derive(Debug, Default)]
struct Named {
    fields: BTreeSet<Arc<str>>,
    /// Tables with such columns.
    tables: BTreeMap<Arc<str>, Arc<Named>>,
}

impl Named {
    /// Nothing where it names nobody.
    fn of(form: &Form) -> Option<Self> {
        let mut named = Self::default();
        for field in &form.fields {
            if field.kind == Kind::Person {
                named.fields.insert(field.name.clone());
            } else if let Some(columns) = Self::of(&field.columns) {
                named.tables.insert(field.name.clone(), Arc::new(columns));
            }
        }
        (!named.fields.is_empty() || !named.tables.is_empty()).then_some(named)
    }
}

/// What was filled in: a form, or a row.
#[derive(Debug)]
struct Filled {
    values: Value,
    named: Arc<Named>,
    people: Arc<People>,
}

impl Object for Filled {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let value = self.values.get_item(key).ok().filter(|value| !value.is_undefined())?;
        let Some(name) = key.as_str() else { return Some(value) };
        if self.named.fields.contains(name) {
            return Some(expression::with_person(value, &self.people));
        }
        Some(match (self.named.tables.get(name), value.len()) {
            (Some(named), Some(_)) => {
                Value::from_object(Rows { rows: value, named: named.clone(), people: self.people.clone() })
            }
            (Some(_), None) | (None, _) => value,
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.values.try_iter() {
            Ok(keys) => Enumerator::Values(keys.collect()),
            Err(_) => Enumerator::Empty,
        }
    }
}

/// The rows of a table that names people.
#[derive(Debug)]
struct Rows {
    rows: Value,
    named: Arc<Named>,
    people: Arc<People>,
}

impl Object for Rows {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let values = self.rows.get_item(key).ok().filter(|row| !row.is_undefined())?;
        Some(Value::from_object(Filled { values, named: self.named.clone(), people: self.people.clone() }))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.rows.len().unwrap_or(0))
    }
}
