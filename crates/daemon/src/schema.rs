//! The JSON Schema of workflow files, with what each installed plugin takes, for editors that complete and explain keys.
//!
//! It helps while writing and is kind: whether a file is right, `yizhan check` says.

use serde_json::{Map, Value, json};
use yizhan_workflow::catalogue::Catalogue;
use yizhan_workflow::form::Kind;

use crate::language::Language;

mod keys;
mod testing;

pub(crate) use testing::of_tests;

/// The schema, its words in that language.
pub(crate) fn of_workflows(catalogue: &Catalogue, language: Language) -> Value {
    let words = Words(language);
    let mut definitions = Map::new();
    for (name, action) in &catalogue.actions {
        let place = format!("#/$defs/{name}");
        let with = action.input.as_object().map(|own| inside(own, &place)).unwrap_or_default();
        definitions.insert(name.clone(), Value::Object(with));
    }
    definitions.insert("step".to_owned(), step(catalogue, &words));
    definitions.insert("undo".to_owned(), undo(catalogue, &words));
    definitions.insert("extend".to_owned(), extend(catalogue, &words));
    definitions.insert("field".to_owned(), field(&words));
    definitions.insert("form".to_owned(), map_of(&json!({ "$ref": "#/$defs/field" })));
    definitions.insert("rule".to_owned(), rule(&words));
    definitions.insert("trigger".to_owned(), trigger(&words));
    definitions.insert("table".to_owned(), table(&words));
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": language.pick("驿站流程", "Yizhan workflow"),
        "type": "object",
        "properties": words.all(keys::TOP),
        "required": ["title"],
        "additionalProperties": false,
        "$defs": definitions,
    })
}

struct Words(Language);

impl Words {
    /// The schema of each key, with what it is for.
    fn all(&self, keys: &[keys::Key]) -> Map<String, Value> {
        let one = |key: &keys::Key| {
            let mut schema: Value = serde_json::from_str(key.schema).unwrap_or_default();
            let text = self.0.pick(key.zh, key.en);
            // Draft 7 does not read what stands beside a reference.
            if schema.get("$ref").is_some() {
                schema = json!({ "allOf": [schema] });
            }
            if let Some(own) = schema.as_object_mut() {
                own.insert("description".to_owned(), json!(text));
            }
            (key.name.to_owned(), schema)
        };
        keys.iter().map(one).collect()
    }
}

fn map_of(inner: &Value) -> Value {
    json!({ "type": "object", "additionalProperties": inner })
}

fn step(catalogue: &Catalogue, words: &Words) -> Value {
    json!({
        "type": "object",
        "properties": words.all(keys::STEP),
        "additionalProperties": false,
        "anyOf": keys::KINDS.iter().map(|kind| json!({ "required": [kind] })).collect::<Value>(),
        "allOf": actions(catalogue),
    })
}

fn undo(catalogue: &Catalogue, words: &Words) -> Value {
    let own = ["use", "ask", "wait", "run", "with", "form", "due", "title", "retry", "timeout", "effect"];
    let mut properties = words.all(keys::STEP);
    properties.retain(|key, _| own.contains(&key.as_str()));
    properties.insert("keep".to_owned(), json!({ "type": "boolean" }));
    json!({ "type": "object", "properties": properties, "additionalProperties": false, "allOf": actions(catalogue) })
}

fn extend(catalogue: &Catalogue, words: &Words) -> Value {
    let own = ["use", "run", "with", "form", "title", "retry", "timeout", "effect"];
    let mut properties = words.all(keys::STEP);
    properties.retain(|key, _| own.contains(&key.as_str()));
    let people = json!({ "type": ["string", "array"], "items": { "type": "string" } });
    properties.insert("approve".to_owned(), people);
    json!({
        "type": "object",
        "properties": properties,
        "required": ["form"],
        "additionalProperties": false,
        "allOf": actions(catalogue),
    })
}

/// What `with` holds follows from `use`.
fn actions(catalogue: &Catalogue) -> Value {
    let one = |name: &String| {
        json!({
            "if": { "properties": { "use": { "const": name } }, "required": ["use"] },
            "then": { "properties": { "with": { "$ref": format!("#/$defs/{name}") } } },
        })
    };
    let known: Vec<&String> = catalogue.actions.keys().collect();
    let named = json!({ "properties": { "use": { "enum": known } } });
    let mut all: Vec<Value> = catalogue.actions.keys().map(one).collect();
    if !known.is_empty() {
        all.push(named);
    }
    // An empty list is no schema.
    if all.is_empty() { json!([true]) } else { Value::Array(all) }
}

fn field(words: &Words) -> Value {
    let mut properties = words.all(keys::FIELD);
    let kinds: Vec<&str> = Kind::ALL.iter().map(|(name, _)| *name).collect();
    if let Some(kind) = properties.get_mut("type") {
        kind["enum"] = json!(kinds);
    }
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn rule(words: &Words) -> Value {
    json!({
        "type": "object",
        "properties": words.all(keys::RULE),
        "additionalProperties": false,
        "oneOf": [{ "required": ["back_to"] }, { "required": ["go"] }],
    })
}

fn trigger(words: &Words) -> Value {
    let properties = words.all(keys::TRIGGER);
    json!({ "type": "object", "properties": properties })
}

fn table(words: &Words) -> Value {
    json!({
        "type": "object",
        "properties": words.all(keys::TABLE),
        "required": ["key"],
        "additionalProperties": false,
    })
}

/// A plugin's schema as a file may fill it: any value may be a `{{ … }}`, a text may be a file, a secret is named.
fn loosened(schema: &Value, place: &str) -> Value {
    let Value::Object(own) = schema else { return schema.clone() };
    let mut new = inside(own, place);
    let description = new.remove("description");
    let default = new.remove("default").filter(|value| !value.is_null());
    let worked = json!({ "type": "string", "pattern": "\\{\\{" });
    let other = match own.get("x-yz").and_then(Value::as_str) {
        Some("secret") => json!({ "type": "object", "required": ["secret"] }),
        Some("text-file") => json!({ "type": "object", "required": ["file"] }),
        _ => worked.clone(),
    };
    let mut loose = json!({ "anyOf": [Value::Object(new), other, worked] });
    for (key, value) in [("description", description), ("default", default)] {
        if let Some(value) = value {
            loose[key] = value;
        }
    }
    loose
}

/// The schema itself, what it is made of loosened.
fn inside(own: &Map<String, Value>, place: &str) -> Map<String, Value> {
    let one = |(key, value): (&String, &Value)| {
        let value = match (key.as_str(), value) {
            ("$ref", Value::String(way)) => json!(way.replacen('#', place, 1)),
            ("properties" | "$defs", Value::Object(all)) => {
                all.iter().map(|(name, inner)| (name.clone(), loosened(inner, place))).collect()
            }
            ("items" | "additionalProperties", inner) => loosened(inner, place),
            ("anyOf" | "oneOf" | "allOf", Value::Array(all)) => {
                all.iter().map(|inner| loosened(inner, place)).collect()
            }
            _ => value.clone(),
        };
        (key.clone(), value)
    };
    own.iter().filter(|(key, _)| *key != "x-yz").map(one).collect()
}

#[cfg(test)]
mod tests;
