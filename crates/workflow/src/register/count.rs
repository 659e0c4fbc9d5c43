//! How many there are: the conditions of an append, and which of its like an entry is.

use minijinja::Value;

use super::OnlyIf;
use crate::expression::{json_of_value, value_of_json};

/// Whether so many entries fulfil a condition.
#[must_use]
pub fn meets(condition: &OnlyIf, count: u64) -> bool {
    condition.fewer.is_none_or(|bound| count < bound) && condition.at_least.is_none_or(|bound| count >= bound)
}

impl OnlyIf {
    /// With so many it is decided; more need not be counted.
    #[must_use]
    pub fn enough(&self) -> u64 {
        self.fewer.into_iter().chain(self.at_least).max().unwrap_or(0)
    }
}

/// The filter for those that have the same values in these columns.
#[must_use]
pub fn groups(columns: &[String], values: &str) -> String {
    let values = value_of_json(values);
    let mut text = "{".to_owned();
    for (at, column) in columns.iter().enumerate() {
        let value = values.get_attr(column).ok().filter(|value| !value.is_undefined());
        let value = value.unwrap_or_else(|| Value::from(()));
        let wanted = if crate::expression::is_empty(&value) {
            "{\"empty\":true}".to_owned()
        } else {
            json_of_value(&value)
        };
        let comma = if at > 0 { "," } else { "" };
        text.push_str(&format!("{comma}{}:{wanted}", serde_json::Value::from(column.as_str())));
    }
    text.push('}');
    text
}

/// Which of its like an entry is: in the period, and ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Nth {
    pub nth: u64,
    pub total: u64,
}
