//! Values of a test, as JSON with every digit that the file has.

use toml::de::DeValue;

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
    match item.get_ref() {
        DeValue::String(text) => quoted(text),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(instant) => quoted(&instant.to_string()),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            let whole = i128::from_str_radix(digits.trim_start_matches('+'), number.radix());
            whole.map_or_else(|_| "null".to_owned(), |whole| whole.to_string())
        }
        DeValue::Float(number) => {
            let digits = number.as_str().replace('_', "");
            let digits = digits.trim_start_matches('+').to_owned();
            if serde_json::from_str::<serde_json::Number>(&digits).is_err() {
                own.reader.wrong_type(key, "a finite number", item);
                return "null".to_owned();
            }
            digits
        }
        DeValue::Array(list) => {
            let inner: Vec<String> = list.iter().map(|one| json(own, key, one)).collect();
            format!("[{}]", inner.join(","))
        }
        DeValue::Table(table) => {
            let one = |(key, value): (&toml::Spanned<toml::de::DeString<'_>>, _)| {
                format!("{}:{}", quoted(key.get_ref()), json(own, key.get_ref(), value))
            };
            let inner: Vec<String> = table.iter().map(one).collect();
            format!("{{{}}}", inner.join(","))
        }
    }
}
