//! Fields of type person read as people.

use std::collections::BTreeSet;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Value};

use crate::expression;
use crate::form::{Form, Kind};
use crate::people::People;

/// The values of a form, with its fields of type person as people. A form without such a field costs nothing.
pub(super) fn read(values: Value, form: &Form, people: &Arc<People>) -> Value {
    let fields: BTreeSet<Arc<str>> = named(form).collect();
    if fields.is_empty() {
        return values;
    }
    Value::from_object(Filled { values, fields, people: people.clone() })
}

fn named(form: &Form) -> impl Iterator<Item = Arc<str>> {
    form.fields.iter().filter(|field| field.kind == Kind::Person).map(|field| field.name.clone())
}

#[derive(Debug)]
struct Filled {
    values: Value,
    fields: BTreeSet<Arc<str>>,
    people: Arc<People>,
}

impl Object for Filled {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let value = self.values.get_item(key).ok().filter(|value| !value.is_undefined())?;
        let is_person = key.as_str().is_some_and(|name| self.fields.contains(name));
        Some(if is_person { expression::with_person(value, &self.people) } else { value })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.values.try_iter() {
            Ok(keys) => Enumerator::Values(keys.collect()),
            Err(_) => Enumerator::Empty,
        }
    }
}
