//! The JSON Schema of workflow files, with what each installed plugin takes, for editors that complete and explain keys.
//!
//! It helps while writing and is kind: whether a file is right, `yizhan check` says.
//!
//! Taplo completes from `properties` and each branch of `anyOf`. It never ends with an `allOf` that has no `properties`
//! beside it, and shows none of the keys beside one; it does not look into `then`. So there is `allOf` only there.

use std::collections::BTreeMap;

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
    definitions.insert("field".to_owned(), field(&words));
    definitions.insert("rule".to_owned(), rule(&words));
    definitions.insert("trigger".to_owned(), trigger(&words));
    definitions.insert("table".to_owned(), table(&words));
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": language.pick("驿站流程", "Yizhan workflow"),
        "type": "object",
        "properties": words.all(keys::TOP),
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
            explain(&mut schema, text);
            (key.name.to_owned(), schema)
        };
        keys.iter().map(one).collect()
    }
}

/// Says what the schema is for, in each of its branches too: an editor shows those alone.
fn explain(schema: &mut Value, text: &str) {
    let Some(own) = schema.as_object_mut() else { return };
    own.insert("description".to_owned(), json!(text));
    for branch in own.get_mut("anyOf").and_then(Value::as_array_mut).into_iter().flatten() {
        // Draft 7 does not read what stands beside a reference.
        if branch.get("$ref").is_none() {
            explain(branch, text);
        }
    }
}

/// Writes out what a key holds, and keeps what the key is for.
fn write_out(properties: &mut Map<String, Value>, name: &str, whole: &Value) {
    let Some(place) = properties.get_mut(name) else { return };
    let described = place.get("description").cloned();
    place.clone_from(whole);
    if let Some(Value::String(text)) = described {
        explain(place, &text);
    }
}

fn step(catalogue: &Catalogue, words: &Words) -> Value {
    let mut properties = words.all(keys::STEP);
    write_out(&mut properties, "undo", &undo(catalogue, words));
    write_out(&mut properties, "extend", &extend(catalogue, words));
    let mut step = calling(catalogue, properties);
    step["anyOf"] = keys::KINDS.iter().map(|kind| json!({ "required": [kind] })).collect();
    step
}

fn undo(catalogue: &Catalogue, words: &Words) -> Value {
    let own = ["use", "ask", "wait", "run", "with", "form", "due", "title", "retry", "timeout", "effect"];
    let mut properties = words.all(keys::STEP);
    properties.retain(|key, _| own.contains(&key.as_str()));
    properties.insert("keep".to_owned(), json!({ "type": "boolean" }));
    calling(catalogue, properties)
}

fn extend(catalogue: &Catalogue, words: &Words) -> Value {
    let own = ["use", "run", "with", "form", "title", "retry", "timeout", "effect"];
    let mut properties = words.all(keys::STEP);
    properties.retain(|key, _| own.contains(&key.as_str()));
    let people = json!({ "type": ["string", "array"], "items": { "type": "string" } });
    properties.insert("approve".to_owned(), people);
    let mut extend = calling(catalogue, properties);
    extend["required"] = json!(["form"]);
    extend
}

/// What has `use`: what `with` holds follows from it.
fn calling(catalogue: &Catalogue, mut properties: Map<String, Value>) -> Value {
    let mut calling = json!({ "type": "object", "additionalProperties": false });
    if !catalogue.actions.is_empty() {
        if let Some(named) = properties.get_mut("use") {
            named["enum"] = catalogue.actions.keys().cloned().collect();
        }
        if let Some(with) = properties.get_mut("with") {
            with["properties"] = Value::Object(offered(catalogue));
        }
        let one = |name: &String| {
            json!({
                "if": { "properties": { "use": { "const": name } } },
                "then": { "properties": { "with": { "$ref": format!("#/$defs/{name}") } } },
            })
        };
        calling["if"] = json!({ "required": ["use"] });
        calling["then"] = json!({ "allOf": catalogue.actions.keys().map(one).collect::<Value>() });
    }
    calling["properties"] = Value::Object(properties);
    calling
}

/// What any action takes, so that it is offered and explained: editors do not look at `use` for that.
fn offered(catalogue: &Catalogue) -> Map<String, Value> {
    let mut texts: BTreeMap<&String, Vec<String>> = BTreeMap::new();
    for (name, action) in &catalogue.actions {
        let fields = action.input.get("properties").and_then(Value::as_object);
        for (field, schema) in fields.into_iter().flatten() {
            let told = ["description", "title"].iter().find_map(|key| schema.get(key)?.as_str());
            let text = told.map_or_else(|| format!("`{name}`"), |told| format!("`{name}`: {told}"));
            texts.entry(field).or_default().push(text);
        }
    }
    let one = |(field, texts): (&String, Vec<String>)| {
        (field.clone(), json!({ "description": texts.join("\n\n") }))
    };
    texts.into_iter().map(one).collect()
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
