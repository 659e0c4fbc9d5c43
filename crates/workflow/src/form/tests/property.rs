//! What a form took it takes again, whatever was given.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::form;
use crate::expression::value_of_json;
use crate::form::Kind;

/// A field of every type, none of which must be given, and a table and a signature that somebody shows and checks.
const ALL: &str = r#"
text = { required = false, max = 6 }
number = { type = "number", required = false, min = -5 }
whole = { type = "whole", required = false, default = 3 }
money = { type = "money", required = false }
yesno = { type = "yesno", required = false }
date = { type = "date", required = false }
time = { type = "time", required = false }
datetime = { type = "datetime", required = false }
choice = { options = { a = "甲", b = "乙" }, required = false }
choices = { type = "choices", options = ["a", "b", "丙"], required = false, max = 2 }
phone = { type = "phone", required = false }
email = { type = "email", required = false }
id_card = { type = "id_card", required = false }
file = { type = "file", required = false, kinds = ["pdf"], size = "1 MB" }
files = { type = "files", required = false }
person = { type = "person", required = false }
checklist = { type = "checklist", options = { a = "甲", b = "乙" }, required = false }
signature = { type = "signature", by = "王伟", witness = "refused", required = false }
"#;

const TABLES: &str = r#"
[input.table]
required = false
max = 3
[input.table.fields]
name = { max = 4 }
price = { type = "money", required = false, check = "value < 100" }
until = { type = "date", required = false, when = "price" }
papers = { type = "checklist", options = ["a", "b"], required = false }
[input.beside]
value = "{{ trigger }}"
[input.beside.fields]
name = {}
count = { type = "number" }
got = { type = "whole", required = false, max = "{{ count }}" }
"#;

fn word() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(json!(null)),
        Just(json!("")),
        Just(json!(true)),
        Just(json!([])),
        prop::sample::select(vec![
            "a",
            "甲",
            "a、b",
            "丙",
            "是",
            "否",
            "12.50",
            "１２",
            "-3",
            "2026-10-01",
            "2026年1月2日",
            "9:05",
            "2026-10-01 9:05",
            "13800000000",
            "li@example.com",
            "11010519491231002x",
            "a.pdf",
            "person:li",
            "拒签",
            "signed",
            "王 伟",
            "[]",
            "{",
        ])
        .prop_map(Json::from),
        (-10i64..200).prop_map(Json::from),
        "[a-z一-三 ]{0,5}".prop_map(Json::from),
        prop::collection::btree_map(
            prop::sample::select(vec![
                "a", "b", "甲", "done", "missing", "reasons", "signed", "refused", "by", "witness", "reason",
                "file", "path", "artifact", "name", "size", "price", "until", "got", "papers", "other",
            ]),
            prop_oneof![
                Just(json!(true)),
                Just(json!("在办")),
                Just(json!(["a"])),
                Just(json!({"b": "丢失"})),
                Just(json!("a.pdf")),
                Just(json!("2026-10-01")),
                (0i64..150).prop_map(Json::from),
            ],
            0..4,
        )
        .prop_map(|map| map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
    ]
}

fn given() -> impl Strategy<Value = Json> {
    let names = Kind::ALL.iter().map(|(name, _)| *name).chain(["beside"]).collect::<Vec<_>>();
    let value = prop_oneof![3 => word(), 1 => prop::collection::vec(word(), 0..4).prop_map(Json::from)];
    prop::collection::btree_map(prop::sample::select(names), value, 0..4)
        .prop_map(|map| map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_was_taken_is_taken_again_unchanged_and_can_be_shown(given in given()) {
        let form = ALL_FIELDS.with(Clone::clone);
        let scope = value_of_json(r#"{"trigger":[{"name":"水表","count":2.50},{"name":"阀门","count":null}]}"#);
        if let Ok(taken) = form.accept_text(&given.to_string(), &scope) {
            let again = form.accept_text(&taken.json, &scope);
            prop_assert_eq!(again.map(|again| (again.json, again.dropped)), Ok((taken.json.clone(), vec![])));
            let view = form.view_of(&taken.json, &scope);
            let fields: Json = serde_json::from_str(&view).unwrap();
            for field in fields.as_array().unwrap() {
                prop_assert!(field.get("unknown").is_none(), "{}", field);
            }
        }
    }
}

thread_local! {
    static ALL_FIELDS: crate::form::Form = form(&format!("{ALL}{TABLES}"));
}
