//! What the expressions of a form see: its own fields over the names around it.

use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object};

pub(super) fn over(top: Vec<(Arc<str>, Value)>, under: &Value) -> Value {
    Value::from_object(Overlay { top, under: under.clone() })
}

/// The names of the form over those around it.
#[derive(Debug)]
struct Overlay {
    top: Vec<(Arc<str>, Value)>,
    under: Value,
}

impl Object for Overlay {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        if let Some((_, value)) = self.top.iter().find(|(name, _)| &**name == key) {
            return Some(value.clone());
        }
        self.under.get_attr(key).ok().filter(|value| !value.is_undefined())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let mut names: Vec<Value> = self.top.iter().map(|(name, _)| Value::from(&**name)).collect();
        names.extend(self.under.try_iter().into_iter().flatten());
        Enumerator::Values(names)
    }
}
