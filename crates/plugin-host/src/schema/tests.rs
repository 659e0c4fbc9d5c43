//! The subset by example.

use serde_json::{Value, json};

use super::*;

fn fault(schema: Value, text: &str) -> Option<String> {
    Schema::compile(&schema).unwrap().check(text).err().map(|mismatch| mismatch.to_string())
}

#[test]
fn each_kind_takes_its_own() {
    let values = ["null", "true", "1", "1.5", "\"a\"", "[1]", "{\"a\":1}"];
    let taken = |name: &str| -> Vec<&str> {
        values.into_iter().filter(|value| fault(json!({ "type": name }), value).is_none()).collect()
    };
    assert_eq!(taken("null"), ["null"]);
    assert_eq!(taken("boolean"), ["true"]);
    assert_eq!(taken("integer"), ["1"]);
    assert_eq!(taken("number"), ["1", "1.5"]);
    assert_eq!(taken("string"), ["\"a\""]);
    assert_eq!(taken("array"), ["[1]"]);
    assert_eq!(taken("object"), ["{\"a\":1}"]);
    assert_eq!(fault(json!({ "type": "integer" }), "2.0"), None, "2.0 is an integer");
    assert_eq!(fault(json!({ "type": ["string", "null"] }), "null"), None);
}

#[test]
fn a_mismatch_names_place_and_kinds_but_no_value() {
    let schema = json!({
        "type": "object",
        "properties": { "to": { "type": "array", "items": { "type": "string" } }, "a/b": { "type": "boolean" } },
    });
    let found = fault(schema.clone(), r#"{"to":["x",42]}"#).unwrap();
    assert_eq!(found, "/to/1: expected string, got a number");
    assert_eq!(fault(schema, r#"{"a/b":"s3cret"}"#).unwrap(), "/a~1b: expected boolean, got a text");
}

#[test]
fn required_and_unknown_names_are_told() {
    let schema = json!({
        "type": "object", "required": ["a"], "properties": { "a": {}, "b": {} }, "additionalProperties": false,
    });
    assert_eq!(
        fault(schema.clone(), r#"{"b":1}"#).unwrap(),
        "the whole: expected `a`, got an object without it"
    );
    assert_eq!(
        fault(schema.clone(), r#"{"a":1,"c":2}"#).unwrap(),
        "the whole: expected only a, b, got the unknown `c`"
    );
    assert_eq!(fault(schema, r#"{"a":null}"#), None);
}

#[test]
fn other_properties_may_have_a_schema() {
    let schema = json!({ "additionalProperties": { "type": "integer" } });
    assert_eq!(fault(schema.clone(), r#"{"x":1,"y":2}"#), None);
    assert_eq!(fault(schema, r#"{"x":1,"y":"2"}"#).unwrap(), "/y: expected integer, got a text");
}

#[test]
fn limits_hold() {
    let number = json!({ "minimum": 1, "maximum": 10, "exclusiveMaximum": 10 });
    assert_eq!(fault(number.clone(), "1"), None);
    assert!(fault(number.clone(), "0.5").is_some());
    assert!(fault(number, "10").is_some());
    let text = json!({ "minLength": 2, "maxLength": 3, "pattern": "^[a-z驿站]+$" });
    assert_eq!(fault(text.clone(), "\"驿站\""), None, "characters, not bytes");
    for wrong in ["\"a\"", "\"abcd\"", "\"AB\""] {
        assert!(fault(text.clone(), wrong).is_some(), "{wrong}");
    }
    let list = json!({ "minItems": 1, "maxItems": 2 });
    assert_eq!(fault(list.clone(), "[1,2]"), None);
    assert!(fault(list.clone(), "[]").is_some() && fault(list, "[1,2,3]").is_some());
}

#[test]
fn enumerated_values_are_compared_whole() {
    let schema = json!({ "enum": ["a", 1, { "b": [null] }] });
    assert_eq!(fault(schema.clone(), r#"{"b":[null]}"#), None);
    assert_eq!(
        fault(schema, "\"c\"").unwrap(),
        "the whole: expected one of \"a\", 1, {\"b\":[null]}, got another text"
    );
}

#[test]
fn of_several_forms_the_one_with_the_right_tag_complains() {
    let schema = json!({ "oneOf": [
        { "properties": { "kind": { "const": "a" }, "n": { "type": "object", "properties": { "x": { "type": "integer" } } } }, "required": ["kind", "n"] },
        { "properties": { "kind": { "const": "b" } }, "required": ["kind"], "additionalProperties": false },
    ]});
    assert_eq!(fault(schema.clone(), r#"{"kind":"b"}"#), None);
    let found = fault(schema.clone(), r#"{"kind":"a","n":{"x":"no"}}"#).unwrap();
    assert_eq!(found, "/n/x: expected integer, got a text");
    assert!(fault(schema, r#"{"kind":"c"}"#).is_some());
}

#[test]
fn a_schema_may_contain_itself() {
    let schema = json!({
        "$ref": "#/$defs/tree",
        "$defs": { "tree": { "type": "object", "properties": { "next": { "$ref": "#/$defs/tree" } } } },
    });
    assert_eq!(fault(schema.clone(), r#"{"next":{"next":{}}}"#), None);
    assert_eq!(fault(schema, r#"{"next":{"next":1}}"#).unwrap(), "/next/next: expected object, got a number");
}

#[test]
fn a_keyword_outside_the_subset_is_refused_and_not_ignored() {
    let fault = Schema::compile(&json!({ "properties": { "a": { "not": {} } } })).unwrap_err();
    assert_eq!(fault, "#/properties/a/not: the keyword is outside the subset");
    assert!(Schema::compile(&json!({ "$ref": "#/$defs/none" })).is_err());
    let circle = json!({ "$ref": "#/$defs/a", "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "$ref": "#/$defs/a" } } });
    assert!(Schema::compile(&circle).is_err());
}

#[test]
fn what_is_no_json_is_told_apart() {
    for text in ["", "{", "[1,]", "1 2", "{\"a\":1}}"] {
        assert!(fault(json!({}), text).unwrap().contains("expected JSON"), "{text}");
    }
}

#[test]
fn names_of_secrets_are_collected() {
    let schema = json!({ "properties": {
        "bearer": { "type": "string", "x-yz": "secret" },
        "sign": { "anyOf": [{ "type": "object", "properties": { "secret": { "type": "string", "x-yz": "secret" } } }, { "type": "null" }] },
    }});
    let findings =
        Schema::compile(&schema).unwrap().check(r#"{"bearer":"crm","sign":{"secret":"hook"}}"#).unwrap();
    assert_eq!(findings.secrets, ["crm", "hook"]);
}
