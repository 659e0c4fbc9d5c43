//! Makes up what nobody has given: an output that fits its schema, an answer that fits its form.

use serde_json::{Map, Value as Json, json};
use yizhan_workflow::id::Millis;

/// A schema that leads into itself ends here.
const DEEPEST: u8 = 8;

/// The first value that a schema allows.
pub(super) fn of_schema(schema: &Json) -> Json {
    of(schema, schema, "", DEEPEST)
}

fn of(schema: &Json, root: &Json, name: &str, deeper: u8) -> Json {
    if deeper == 0 {
        return Json::Null;
    }
    for key in ["const", "default"] {
        if let Some(value) = schema.get(key) {
            return value.clone();
        }
    }
    for key in ["enum", "examples"] {
        if let Some(first) = schema.get(key).and_then(|all| all.get(0)) {
            return first.clone();
        }
    }
    if let Some(target) = schema.get("$ref").and_then(Json::as_str).and_then(|way| way.strip_prefix('#')) {
        return root.pointer(target).map_or(Json::Null, |target| of(target, root, name, deeper - 1));
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        if let Some(first) = schema.get(key).and_then(|all| all.get(0)) {
            return of(first, root, name, deeper - 1);
        }
    }
    let kind = schema.get("type").map(|kind| kind.get(0).unwrap_or(kind)).and_then(Json::as_str);
    match kind {
        Some("object") => {
            let fields = schema.get("properties").and_then(Json::as_object).into_iter().flatten();
            fields.map(|(name, field)| (name.clone(), of(field, root, name, deeper - 1))).collect()
        }
        Some("array") => {
            let item = schema.get("items").map(|item| of(item, root, name, deeper - 1));
            json!([item.unwrap_or_default()])
        }
        Some("integer") => json!(schema.get("minimum").and_then(Json::as_i64).unwrap_or(1).max(1)),
        Some("number") => json!(1),
        Some("boolean") => json!(true),
        Some("string") if schema.get("format").and_then(Json::as_str) == Some("date-time") => {
            json!("2026-01-01T00:00:00Z")
        }
        Some("string") => json!(format!("‹{name}›")),
        _ => Json::Null,
    }
}

/// The first answer that a form's view allows.
pub(super) fn of_form(view: &Json, now: Millis) -> Json {
    let mut answer = Map::new();
    for field in view.as_array().into_iter().flatten() {
        let is_table = field["type"] == "table";
        if field.get("value").is_some() && !is_table || field.get("default").is_some() {
            continue;
        }
        // What may stay empty stays so, but for lists to tick: they are there to be ticked.
        let kind = text(field, "type");
        let needed = field["required"] == json!(true) || is_table && field.get("value").is_some();
        if !needed || field.get("when").is_some() {
            continue;
        }
        answer.insert(text(field, "name").to_owned(), of_field(field, kind, now));
    }
    Json::Object(answer)
}

fn of_field(field: &Json, kind: &str, now: Millis) -> Json {
    let codes: Vec<Json> =
        field["options"].as_array().into_iter().flatten().map(|option| option["code"].clone()).collect();
    let today = now.timestamp().map(|now| now.to_string()).unwrap_or_default();
    match kind {
        "choice" => codes.into_iter().next().unwrap_or_default(),
        "choices" => Json::Array(codes),
        "yesno" => json!(true),
        "number" | "whole" | "money" => {
            field.get("min").filter(|least| **least != json!(0)).cloned().unwrap_or(json!(1))
        }
        "date" => json!(today.get(..10)),
        "time" => json!("09:00"),
        "datetime" => json!(today),
        "phone" => json!("13800000000"),
        "email" => json!("someone@example.com"),
        "id_card" => json!("11010519491231002X"),
        "file" => of_file(field),
        "files" => json!([of_file(field)]),
        "person" => json!("person:someone"),
        "table" => of_rows(field, now),
        "checklist" => json!({ "done": codes }),
        "signature" if field["witness"] == "always" => json!({ "signed": true, "witness": "person:witness" }),
        "signature" => json!(true),
        _ => {
            let label = format!("‹{}›", text(field, "label"));
            let most = field.get("max").and_then(Json::as_u64).and_then(|most| usize::try_from(most).ok());
            let short: String = label.chars().take(most.unwrap_or(usize::MAX)).collect();
            json!(field.get("pattern").and_then(Json::as_str).map_or(short, of_pattern))
        }
    }
}

/// One that nobody keeps, with an ending that is taken.
fn of_file(field: &Json) -> Json {
    let ending = field.pointer("/kinds/0").and_then(Json::as_str).unwrap_or("pdf");
    json!({ "artifact": "0".repeat(64), "name": format!("example.{ending}") })
}

/// As few rows as will do; of those that are shown each one.
fn of_rows(field: &Json, now: Millis) -> Json {
    let row = of_form(&field["fields"], now);
    let shown = field.get("value").and_then(Json::as_array).map(Vec::len);
    let least = field.get("min").and_then(Json::as_u64).and_then(|least| usize::try_from(least).ok());
    json!(vec![row; shown.or(least).unwrap_or(1)])
}

fn text<'f>(field: &'f Json, key: &str) -> &'f str {
    field[key].as_str().unwrap_or_default()
}

/// A text for a simple pattern: letters, sets and counts.
fn of_pattern(pattern: &str) -> String {
    let mut made = String::new();
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        let one = match letter {
            '^' | '$' | '(' | ')' => continue,
            '[' => {
                let set: String = letters.by_ref().take_while(|letter| *letter != ']').collect();
                set.chars().next().unwrap_or('a')
            }
            '\\' => match letters.next() {
                Some('d') => '0',
                Some('w') => 'a',
                Some(other) => other,
                None => continue,
            },
            '.' => 'a',
            other => other,
        };
        let times = match letters.peek() {
            Some('{') => {
                letters.next();
                let count: String = letters.by_ref().take_while(|letter| *letter != '}').collect();
                count.split(',').next().and_then(|least| least.trim().parse().ok()).unwrap_or(1)
            }
            Some('+') => letters.next().map_or(1, |_| 1),
            Some('*' | '?') => letters.next().map_or(0, |_| 0),
            _ => 1,
        };
        made.extend(std::iter::repeat_n(one, times));
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_up_text_fits_its_pattern() {
        assert_eq!(of_pattern("^KH[0-9]{6}$"), "KH000000");
        assert_eq!(of_pattern(r"^\d{2,4}-[A-Z]+x?$"), "00-A");
    }

    #[test]
    fn a_made_up_output_has_every_field_of_its_schema() {
        let schema = json!({ "type": "object", "properties": {
            "path": { "type": "string" }, "n": { "type": ["integer", "null"] },
            "files": { "type": "array", "items": { "$ref": "#/$defs/file" } },
        }, "$defs": { "file": { "type": "object", "properties": { "name": { "type": "string" } } } } });
        assert_eq!(of_schema(&schema), json!({ "path": "‹path›", "n": 1, "files": [{ "name": "‹name›" }] }));
    }
}
