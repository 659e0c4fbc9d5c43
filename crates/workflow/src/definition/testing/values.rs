//! Values of a test, as JSON with every digit that the file has.

use crate::definition::exact;
use crate::definition::section::{Item, Section};
use crate::run::event::Raw;

/// Fields with their values as JSON text, in file order.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    pub(super) fn of(own: &Section<'_, '_>) -> Self {
        Self(own.entries().map(|(key, item)| (key.value.to_owned(), json(own, key.value, item))).collect())
    }

    pub(super) fn add(&mut self, name: &str, json: String) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, value)) => *value = json,
            None => self.0.push((name.to_owned(), json)),
        }
    }

    /// Takes those of another in: they count.
    pub(super) fn over(&mut self, other: Self) {
        for (name, json) in other.0 {
            self.add(&name, json);
        }
    }

    pub(super) fn without(&mut self, names: &[&str]) {
        self.0.retain(|(known, _)| !names.contains(&known.as_str()));
    }

    pub(super) fn raw(&self) -> Raw {
        let inner: Vec<String> =
            self.0.iter().map(|(name, json)| format!("{}:{json}", quoted(name))).collect();
        raw(format!("{{{}}}", inner.join(",")))
    }
}

/// The texts that are made here are JSON.
pub(super) fn raw(json: String) -> Raw {
    Raw::new(json).unwrap_or_else(|| Raw::from(&serde_json::Value::Null))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A value as JSON text.
pub(super) fn json(own: &Section<'_, '_>, key: &str, item: Item<'_>) -> String {
    match exact::json(item.get_ref()) {
        Some(value) => value.to_string(),
        None => {
            own.reader.wrong_type(key, "a finite number", item);
            "null".to_owned()
        }
    }
}
