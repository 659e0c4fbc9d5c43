//! Whether a value is the one that a test wants.

use serde_json::{Value as Json, json};
use yizhan_workflow::filter::{WINDOW, passes};

/// A value that is another than the one that was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differs {
    pub name: String,
    pub wanted: String,
    pub found: String,
}

impl Differs {
    pub(super) fn new(name: &str, wanted: &Json, found: &Json) -> Self {
        Self { name: name.to_owned(), wanted: shown(wanted), found: shown(found) }
    }
}

fn shown(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Null => "—".to_owned(),
        Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => value.to_string(),
    }
}

/// A table wants its own fields and lets others be; a single value may be one of a list; `{ contains = … }`, `{ from, to }`
/// and the other words of `where` hold as there.
pub(super) fn fits(wanted: &Json, found: &Json) -> bool {
    match (wanted, found) {
        (Json::Object(window), _) if is_window(window) && !found.is_object() => {
            let one = |found: &Json| {
                let (wanted, found) = (json!({ "value": wanted }), json!({ "value": found }));
                passes(&wanted.to_string(), &found.to_string()).unwrap_or(false)
            };
            one(found) || found.as_array().is_some_and(|all| all.iter().any(one))
        }
        (Json::Object(wanted), Json::Object(found)) => {
            wanted.iter().all(|(name, wanted)| fits(wanted, found.get(name).unwrap_or(&Json::Null)))
        }
        (Json::Array(wanted), Json::Array(found)) => {
            wanted.len() == found.len() && wanted.iter().zip(found).all(|(wanted, found)| fits(wanted, found))
        }
        (wanted, Json::Array(found)) => found.iter().any(|found| fits(wanted, found)),
        (wanted, found) => same(wanted, found),
    }
}

fn is_window(window: &serde_json::Map<String, Json>) -> bool {
    !window.is_empty() && window.keys().all(|word| WINDOW.contains(&word.as_str()))
}

fn same(wanted: &Json, found: &Json) -> bool {
    if wanted == found {
        return true;
    }
    match (wanted, found) {
        // `1.10` is `1.1`, as anywhere in the language.
        (Json::Number(_), Json::Number(_)) => {
            let (wanted, found) = (json!({ "value": wanted }), json!({ "value": found }));
            passes(&wanted.to_string(), &found.to_string()).unwrap_or(false)
        }
        // A mail has numbers as text, a form may keep an amount as one.
        (Json::Number(number), Json::String(text)) | (Json::String(text), Json::Number(number)) => {
            number.to_string() == *text
        }
        _ => false,
    }
}

/// Whether a text stands anywhere in a value.
pub(super) fn holds(value: &Json, text: &str) -> bool {
    match value {
        Json::String(own) => own.contains(text),
        Json::Array(all) => all.iter().any(|one| holds(one, text)),
        Json::Object(all) => all.values().any(|one| holds(one, text)),
        Json::Number(number) => number.to_string().contains(text),
        Json::Null | Json::Bool(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_wants_its_own_fields_and_a_value_may_be_one_of_a_list() {
        let found = json!({ "to": ["a@x", "b@x"], "n": 1.10, "subject": "【派工】漏水", "more": true });
        for right in [
            json!({ "to": "b@x" }),
            json!({ "to": ["a@x", "b@x"] }),
            json!({ "n": 1.1 }),
            json!({ "n": { "from": 1, "before": 2 } }),
            json!({ "subject": { "contains": "派工" } }),
            json!({ "to": { "contains": "a@" } }),
            json!({ "absent": null }),
        ] {
            assert!(fits(&right, &found), "{right}");
        }
        for wrong in [
            json!({ "to": "c@x" }),
            json!({ "to": ["b@x"] }),
            json!({ "n": 2 }),
            json!({ "n": { "from": 2 } }),
            json!({ "subject": "【派工】" }),
            json!({ "absent": 1 }),
        ] {
            assert!(!fits(&wrong, &found), "{wrong}");
        }
    }
}
