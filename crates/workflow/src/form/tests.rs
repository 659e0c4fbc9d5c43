//! Stories about answers to forms.

mod property;

use std::collections::BTreeMap;

use minijinja::Value;
use serde_json::{Value as Json, json};

use super::*;
use crate::definition;
use crate::expression::value_of_json;
use crate::plan::Source;

/// A form as a file writes it.
#[track_caller]
fn form(fields: &str) -> Form {
    let text = format!("title = \"x\"\n[input]\n{fields}\n[step.a]\nwait = \"1h\"\n");
    let source = Source { name: "x".to_owned(), text, files: BTreeMap::new() };
    definition::read(&source, &BTreeMap::new()).expect("the form is right").workflow.input.clone()
}

#[track_caller]
fn answer(form: &Form, given: Json) -> String {
    let scope = value_of_json(r#"{"table":{},"limit":5}"#);
    match form.accept(given.as_object().unwrap(), &scope) {
        Ok(accepted) => accepted.json,
        Err(faults) => faults
            .iter()
            .map(|fault| format!("{} {}", fault.field, fault.code))
            .collect::<Vec<_>>()
            .join("; "),
    }
}

#[test]
fn each_type_takes_what_people_and_csv_files_write_and_refuses_the_rest() {
    for (kind, given, taken) in [
        ("text", json!("a\r\nb"), json!("a\nb")),
        ("text", json!(7), json!("7")),
        ("text", json!({"a": 1}), json!("f YZ0331")),
        ("number", json!("1,234.5"), json!(1234.5)),
        ("number", json!("１２"), json!(12)),
        ("number", json!("12px"), json!("f YZ0331")),
        ("number", json!("inf"), json!("f YZ0331")),
        ("whole", json!(3.0), json!(3)),
        ("whole", json!("3.5"), json!("f YZ0331")),
        ("money", json!("12.505"), json!("f YZ0331")),
        ("yesno", json!("是"), json!(true)),
        ("yesno", json!("maybe"), json!("f YZ0331")),
        ("date", json!("2026年10月1日"), json!("2026-10-01")),
        ("date", json!("2026/2/30"), json!("f YZ0331")),
        ("time", json!("9:05"), json!("09:05")),
        ("time", json!("25:00"), json!("f YZ0331")),
        ("datetime", json!("2026-10-01 9:05"), json!("2026-10-01T09:05:00")),
        ("datetime", json!("2026-10-01T09:05:00+08:00"), json!("2026-10-01T09:05:00+08:00")),
        ("phone", json!("0731-8888 6666"), json!("0731-8888 6666")),
        ("phone", json!("call me"), json!("f YZ0331")),
        ("email", json!("li.na@example.com"), json!("li.na@example.com")),
        ("email", json!("li.na@"), json!("f YZ0331")),
        ("id_card", json!("11010519491231002x"), json!("11010519491231002X")),
        ("id_card", json!("110105194912310021"), json!("f YZ0331")),
        ("file", json!("a/b.pdf"), json!("f YZ0331")),
        ("file", json!({"path": "a/b.pdf"}), json!("f YZ0331")),
        (
            "file",
            json!({"artifact": "ab", "path": "a/b.pdf", "size": 3}),
            json!({"artifact": "ab", "size": 3}),
        ),
        ("files", json!({"artifact": "ab", "name": "c.png"}), json!([{"artifact": "ab", "name": "c.png"}])),
        ("person", json!("li.na"), json!("person:li.na")),
    ] {
        let form = form(&format!("f = {{ type = \"{kind}\" }}"));
        let expected =
            if taken == json!("f YZ0331") { "f YZ0331".to_owned() } else { json!({"f": taken}).to_string() };
        assert_eq!(answer(&form, json!({"f": given})), expected, "{kind} {given}");
    }
}

#[test]
fn a_choice_is_kept_as_its_code_whether_code_or_label_was_given() {
    let form = form("f = { type = \"choice\", options = { fixed = \"已修复\", inside = \"客户内部故障\" } }");
    assert_eq!(answer(&form, json!({"f": "fixed"})), r#"{"f":"fixed"}"#);
    assert_eq!(answer(&form, json!({"f": "客户内部故障"})), r#"{"f":"inside"}"#);
    assert_eq!(answer(&form, json!({"f": "fixd"})), "f YZ0339");
}

#[test]
fn every_fault_of_an_answer_is_named_at_once() {
    let form =
        form("a = { type = \"whole\", min = 1 }\nb = { type = \"text\", max = 3 }\nc = { type = \"date\" }");
    assert_eq!(answer(&form, json!({"a": 0, "b": "四个汉字"})), "a YZ0332; b YZ0338; c YZ0330");
}

#[test]
fn what_is_not_asked_for_is_dropped_and_what_may_be_left_out_is_there_as_nothing() {
    let form = form(
        "a = { required = false }\nb = { type = \"whole\", default = 3 }\nc = { value = \"{{ b }} 天\" }",
    );
    let given = json!({"x": 1, "c": "forged"});
    let accepted = form.accept(given.as_object().unwrap(), &Value::from(())).unwrap();
    assert_eq!(accepted.json, r#"{"a":null,"b":3,"c":"3 天"}"#);
    assert_eq!(accepted.dropped, ["x"]);
}

#[test]
fn a_check_sees_the_value_and_its_siblings_and_speaks_in_the_files_own_words() {
    let form = form(
        "from = { type = \"date\" }\nto = { type = \"date\", check = \"value >= from\", message = \"不能早于 {{ from }}\" }",
    );
    let wrong = json!({"from": "2026-10-02", "to": "2026-10-01"});
    let faults = form.accept(wrong.as_object().unwrap(), &Value::from(())).unwrap_err();
    assert_eq!(faults[0].sentence(Lang::Zh), "不能早于 2026-10-02");
    assert_eq!(
        answer(&form, json!({"from": "2026-10-01", "to": "2026-10-01"})),
        r#"{"from":"2026-10-01","to":"2026-10-01"}"#
    );
}

#[test]
fn a_field_whose_when_is_false_is_not_asked() {
    let form = form("a = { type = \"yesno\" }\nwhy = { when = \"not a\" }");
    assert_eq!(answer(&form, json!({"a": true})), r#"{"a":true,"why":null}"#);
    assert_eq!(answer(&form, json!({"a": false})), "why YZ0330");
}

#[test]
fn bounds_and_options_may_be_worked_out() {
    let form = form(
        "a = { type = \"whole\", max = \"{{ now }}\" }\nb = { type = \"choices\", options = \"{{ today }}\" }",
    );
    let scope = value_of_json(r#"{"now":5,"today":["x","y"]}"#);
    let accepted = form.accept(json!({"a": 5, "b": "x、y"}).as_object().unwrap(), &scope).unwrap();
    assert_eq!(accepted.json, r#"{"a":5,"b":["x","y"]}"#);
    assert_eq!(
        form.accept(json!({"a": 6, "b": "x"}).as_object().unwrap(), &scope).unwrap_err()[0].code,
        "YZ0333".into()
    );
    let view: Json = serde_json::from_str(&form.view(&scope)).unwrap();
    assert_eq!(view[1]["options"][1], json!({"code": "y", "label": "y"}));
}

#[test]
fn a_field_like_another_takes_over_what_it_does_not_say_itself() {
    let form = form(
        "a = { label = \"结果\", type = \"choice\", options = [\"x\", \"y\"] }\nb = { like = \"input.a\", label = \"再问\" }",
    );
    assert_eq!(form.fields[1].label(), "再问");
    assert_eq!(form.fields[1].kind, Kind::Choice);
    assert_eq!(answer(&form, json!({"a": "x", "b": "z"})), "b YZ0339");
}

#[test]
fn numbers_and_money_keep_their_digits() {
    let form = form(
        "n = { type = \"number\", required = false }\nw = { type = \"whole\", required = false }\nm = { type = \"money\", required = false }",
    );
    for (given, taken) in [
        (r#"{"n": 1.10, "w": 9007199254740993, "m": 12.5}"#, r#"{"n":1.10,"w":9007199254740993,"m":12.50}"#),
        (
            r#"{"n": "1,234.50", "w": "123456789012345678901", "m": "￥1,200元"}"#,
            r#"{"n":1234.50,"w":123456789012345678901,"m":1200.00}"#,
        ),
        (
            r#"{"n": 0.1234567890123456789012345678, "w": 3.0, "m": "0.1"}"#,
            r#"{"n":0.1234567890123456789012345678,"w":3,"m":0.10}"#,
        ),
        (
            r#"{"n": 12345678901234567890123456789012345678901234567890}"#,
            r#"{"n":12345678901234567890123456789012345678901234567890,"w":null,"m":null}"#,
        ),
    ] {
        assert_eq!(form.accept_text(given, &Value::from(())).unwrap().json, taken);
    }
    for (given, refused) in [(r#"{"m": 0.005}"#, "m"), (r#"{"w": 0.5}"#, "w"), (r#"{"n": "1e3"}"#, "n")] {
        assert_eq!(form.accept_text(given, &Value::from(())).unwrap_err()[0].field, refused);
    }
}

#[test]
fn a_bound_is_compared_to_the_last_digit() {
    let form = form(
        "m = { type = \"money\", min = 0.30, max = \"{{ now * 0.1 }}\" }\nn = { type = \"number\", max = 0.1, required = false }",
    );
    let scope = value_of_json(r#"{"now":7}"#);
    let of = |given: Json| match form.accept(given.as_object().unwrap(), &scope) {
        Ok(accepted) => accepted.json,
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(of(json!({"m": "0.3"})), r#"{"m":0.30,"n":null}"#);
    assert_eq!(of(json!({"m": 0.7})), r#"{"m":0.70,"n":null}"#);
    assert!(of(json!({"m": 0.29})).contains("0.30"), "{}", of(json!({"m": 0.29})));
    assert!(of(json!({"m": 0.71})).contains("0.7"));
    assert!(of(json!({"m": 0.5, "n": "0.1000000000000000000000000001"})).contains('n'));
}

#[test]
fn what_is_worked_out_for_a_field_may_be_a_list_that_is_made_on_the_way() {
    let form = form(
        "a = { type = \"choices\", options = \"{{ table | map(attribute='x') }}\", default = \"{{ table | map(attribute='x') }}\" }",
    );
    let scope = value_of_json(r#"{"table":[{"x":"p"},{"x":2.50}]}"#);
    assert_eq!(form.accept(&serde_json::Map::new(), &scope).unwrap().json, r#"{"a":["p","2.50"]}"#);
}

const GOODS: &str = r#"
rows.label = "明细"
rows.type  = "table"
rows.min   = 1
rows.max   = 3
rows.fields.name  = { label = "品名", max = 10 }
rows.fields.count = { label = "数量", type = "whole", min = 1, default = 1 }
rows.fields.price = { label = "单价", type = "money" }
rows.fields.until = { label = "交货", type = "date", required = false, check = "value >= day", message = "不能早于 {{ day }}" }
day = { type = "date", default = "2026-10-01" }
"#;

#[test]
fn the_cells_of_a_table_are_of_their_columns_types() {
    let form = form(GOODS);
    let given = json!({"rows": [
        {"name": "水表", "price": "12.5", "until": "2026/10/8"},
        {"品名": "阀门", "数量": "2", "单价": "￥3"},
        {"name": " ", "price": null},
    ]});
    assert_eq!(
        answer(&form, given),
        r#"{"rows":[{"name":"水表","count":1,"price":12.50,"until":"2026-10-08"},{"name":"阀门","count":2,"price":3.00,"until":null}],"day":"2026-10-01"}"#
    );
    assert_eq!(answer(&form, json!({"rows": []})), "rows YZ0330");
    assert_eq!(answer(&form, json!({"rows": "a lot"})), "rows YZ0331");
    let four = json!({"rows": vec![json!({"name": "水表", "price": 1}); 4]});
    assert_eq!(answer(&form, four), "rows YZ0338");
}

#[test]
fn a_fault_in_a_table_names_its_row_and_column() {
    let form = form(GOODS);
    let given = json!({"rows": [{"name": "水表", "price": 1}, {"price": "x", "count": 0}, 7]});
    assert_eq!(
        answer(&form, given),
        "rows[1].name YZ0330; rows[1].count YZ0332; rows[1].price YZ0331; rows[2] YZ0331"
    );
    let given =
        json!({"rows": [{"name": "水表", "price": 1}, {"name": "阀门", "price": 1, "until": "2026-09-30"}]});
    let faults = form.accept(given.as_object().unwrap(), &Value::from(())).unwrap_err();
    assert_eq!(faults[0].field, "rows[1].until");
    assert_eq!(faults[0].sentence(Lang::Zh), "“明细”第 2 行:不能早于 2026-10-01");
    assert_eq!(faults[0].message, "`明细`, row 2: 不能早于 2026-10-01");
}

#[test]
fn what_is_asked_beside_given_rows_goes_with_its_row_and_what_is_given_stays() {
    let form = form(
        "rows.type = \"table\"\nrows.value = \"{{ table }}\"\nrows.fields.name = {}\nrows.fields.count = { type = \"number\" }\nrows.fields.got = { type = \"whole\", max = \"{{ count }}\" }",
    );
    let scope = value_of_json(r#"{"table":[{"name":"水表","count":2.50},{"name":"阀门","count":null}]}"#);
    let take = |given: Json| match form.accept(given.as_object().unwrap(), &scope) {
        Ok(accepted) => accepted.json,
        Err(faults) => faults.iter().map(|fault| format!("{} {};", fault.field, fault.code)).collect(),
    };
    let taken = r#"{"rows":[{"name":"水表","count":2.50,"got":2},{"name":"阀门","count":null,"got":9}]}"#;
    assert_eq!(take(json!({"rows": [{"got": 2, "name": "forged"}, {"got": 9}]})), taken);
    assert_eq!(take(serde_json::from_str(taken).unwrap()), taken);
    assert_eq!(take(json!({"rows": [{"got": 3}]})), "rows[0].got YZ0333;rows[1].got YZ0330;");
    assert_eq!(take(json!({"rows": [{"got": 1}, {"got": 1}, {"got": 1}]})), "rows YZ0344;");
    let view: Json = serde_json::from_str(&form.view(&scope)).unwrap();
    let shown: Vec<bool> = (0..3).map(|at| view[0]["fields"][at]["shown"] == json!(true)).collect();
    assert_eq!(shown, [true, true, false]);
}

const PAPERS: &str =
    "f = { type = \"checklist\", options = { id = \"身份证\", deed = \"房产证\", plan = \"施工图\" } }";

#[test]
fn a_checklist_says_what_is_there_what_is_missing_and_why() {
    let form = form(PAPERS);
    let all = r#"{"f":{"complete":true,"done":["id","deed","plan"],"missing":[],"reasons":{}}}"#;
    let one = r#"{"f":{"complete":false,"done":["id"],"missing":["deed","plan"],"reasons":{}}}"#;
    let why = r#"{"f":{"complete":false,"done":["id"],"missing":["deed","plan"],"reasons":{"deed":"在办"}}}"#;
    assert_eq!(answer(&form, json!({"f": ["plan", "id", "房产证"]})), all);
    assert_eq!(answer(&form, json!({"f": "身份证"})), one);
    assert_eq!(answer(&form, json!({"f": {"id": true, "deed": "在办", "plan": "否"}})), why);
    assert_eq!(answer(&form, json!({"f": {"missing": ["deed", "plan"], "reasons": {"deed": "在办"}}})), why);
    assert!(answer(&form, json!({"f": []})).contains(r#""missing":["id","deed","plan"]"#));
    assert_eq!(answer(&form, json!({})), "f YZ0330");
    assert_eq!(answer(&form, json!({"f": ["pass"]})), "f YZ0339");
    assert_eq!(answer(&form, json!({"f": {"pass": true}})), "f YZ0339");
}

#[test]
fn a_signature_is_given_before_somebody_else() {
    let take = |rule: &str, given: Json| {
        let form = form(&format!("f = {{ type = \"signature\" {rule} }}"));
        let given = json!({ "f": given }).to_string();
        match form.accept_from("person:li.na", &given, &Value::from(())) {
            Ok(accepted) => accepted.json,
            Err(faults) => faults[0].code.to_string(),
        }
    };
    let signed = |by: &str, witness: &str| {
        format!(
            r#"{{"f":{{"signed":true,"refused":false,"by":"{by}","witness":{witness},"reason":null,"file":null}}}}"#
        )
    };
    assert_eq!(take("", json!(true)), signed("person:li.na", "null"));
    assert_eq!(take(", by = \"王伟\"", json!("是")), signed("王伟", "null"));
    assert_eq!(take("", json!("王伟")), signed("王伟", "null"));
    assert_eq!(take(", witness = \"always\"", json!(true)), "YZ0347");
    let with = |witness: &str| json!({"signed": true, "witness": witness});
    assert_eq!(take(", witness = \"always\"", with("li.na")), "YZ0342");
    assert_eq!(take(", witness = \"always\"", with("赵敏")), signed("person:li.na", "\"赵敏\""));
    assert_eq!(take(", witness = \"refused\"", json!(true)), signed("person:li.na", "null"));
    assert_eq!(take(", witness = \"refused\", by = \"王伟\"", json!("拒签")), "YZ0347");
    assert_eq!(
        take(
            ", witness = \"refused\", by = \"王伟\"",
            json!({"refused": true, "witness": "person:li.na", "reason": "不认可"})
        ),
        r#"{"f":{"signed":false,"refused":true,"by":"王伟","witness":"person:li.na","reason":"不认可","file":null}}"#
    );
    assert_eq!(take("", json!({"signed": true, "refused": true})), "YZ0331");
    let nobody = form("f = { type = \"signature\" }");
    assert_eq!(answer(&nobody, json!({"f": true})), "f YZ0346");
}

#[test]
fn a_file_that_is_too_large_or_of_another_kind_is_refused_by_its_name() {
    let form = form("f = { type = \"files\", kinds = [\"pdf\", \".JPG\"], size = \"1 MB\" }");
    let file = |name: &str, size: u64| json!({"artifact": "ab", "name": name, "size": size});
    assert_eq!(
        answer(&form, json!({"f": [file("a.PDF", 1 << 20), file("b.jpg", 1)]})),
        r#"{"f":[{"artifact":"ab","name":"a.PDF","size":1048576},{"artifact":"ab","name":"b.jpg","size":1}]}"#
    );
    let refused = |given: Json| {
        let given = json!({ "f": given });
        form.accept(given.as_object().unwrap(), &Value::from(())).unwrap_err()[0].message.clone()
    };
    assert_eq!(
        refused(json!([file("a.pdf", 1), file("扫描.pdf", 1_600_000)])),
        "`f`: the file 扫描.pdf has 1.5 MB, 1 MB at most"
    );
    assert_eq!(refused(file("a.exe", 1)), "`f` does not take the file a.exe");
    assert_eq!(refused(file("pdf", 1)), "`f` does not take the file pdf");
}

#[test]
fn what_is_private_is_not_repeated_where_it_is_refused() {
    let form = form("f = { type = \"id_card\", private = true }");
    let faults = form.accept(json!({"f": "1101051949"}).as_object().unwrap(), &Value::from(())).unwrap_err();
    assert!(!faults[0].message.contains("1101"), "{}", faults[0].message);
    assert!(!faults[0].names.values().any(|said| said.contains("1101")));
}

#[test]
fn a_default_of_any_length_keeps_its_digits() {
    let form = form("f = { type = \"number\", default = 2026112200000000000012345 }");
    let kept = form.accept(json!({}).as_object().unwrap(), &Value::from(())).unwrap();
    assert_eq!(kept.json, r#"{"f":2026112200000000000012345}"#);
}

#[test]
fn the_view_of_a_form_keeps_every_digit_and_shows_what_cannot_be_worked_out_yet_as_such() {
    let form = form(
        "a = { type = \"number\", default = 1.10, max = 9007199254740993 }\nb = { type = \"choice\", options = \"{{ table[a] }}\" }",
    );
    let view = form.view(&value_of_json(r#"{"table":{}}"#));
    assert!(view.contains(r#""default":1.10,"max":9007199254740993"#), "{view}");
    let view: Json = serde_json::from_str(&view).unwrap();
    assert!(view[1]["unknown"]["options"].is_string(), "{view}");
}

#[test]
fn a_view_follows_what_is_filled_in_so_far() {
    let form = form("a = { type = \"yesno\" }\nb = { when = \"a\", required = \"{{ a }}\" }");
    let view =
        |given: &str| -> Json { serde_json::from_str(&form.view_of(given, &Value::from(()))).unwrap() };
    assert_eq!((&view("{}")[1]["asked"], &view("{}")[1]["required"]), (&json!(false), &json!(false)));
    let yes = view(r#"{"a":"是"}"#);
    assert_eq!((&yes[1]["asked"], &yes[1]["required"]), (&json!(true), &json!(true)));
}

#[test]
fn a_correction_is_held_to_the_fields_type_and_checks_and_leaves_the_others() {
    let form = form(
        "at = { type = \"date\", min = \"2026-10-01\" }\nto = { type = \"date\", check = \"value >= at\" }\nn = { value = \"{{ now }}\" }",
    );
    let scope = value_of_json(r#"{"now":"later"}"#);
    let known = r#"{"at":"2026-10-02","to":"2026-10-05","n":"then"}"#;
    let correct = |new: &str| match form.correct(known, &[("at".into(), Value::from(new))], &scope) {
        Ok(json) => json,
        Err(faults) => faults.iter().map(|fault| format!("{} {}", fault.field, fault.code)).collect(),
    };
    assert_eq!(correct("2026/10/4"), r#"{"at":"2026-10-04","to":"2026-10-05","n":"then"}"#);
    assert_eq!(correct("2026-09-30"), "at YZ0332");
    assert_eq!(correct("2026-10-06"), "to YZ0335");
}
