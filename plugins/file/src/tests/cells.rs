//! Cells of a csv: nothing runs in a spreadsheet, and no number is spoilt.

use serde_json::{Value, json};

use super::{code, house};

fn written(csv: Value) -> String {
    let house = house();
    house.run("write", json!({ "path": "a.csv", "csv": csv })).unwrap();
    house.text("a.csv")
}

#[test]
fn a_table_has_a_line_of_names_and_quotes_what_needs_it() {
    let text = written(json!([
        { "编号": "KH1", "名称": "华东, 公司", "备注": "他说\"好\"" },
        { "编号": "KH2", "名称": "两\n行", "金额": 12.5, "备注": null },
    ]));
    assert_eq!(
        text,
        "编号,名称,备注,金额\r\nKH1,\"华东, 公司\",\"他说\"\"好\"\"\",\r\nKH2,\"两\n行\",,12.5\r\n"
    );
}

#[test]
fn rows_without_names_are_written_as_they_stand() {
    assert_eq!(written(json!([["a", 1, true], ["b", null, ["x", "y"]]])), "a,1,true\r\nb,,x; y\r\n");
    assert_eq!(written(json!([[""]])), "\"\"\r\n", "an empty line would be no row");
}

#[test]
fn a_table_is_read_back_as_it_was_written() {
    let house = house();
    let rows = json!([{ "a": "1,2", "b": "\"q\"" }, { "a": " x ", "b": "多\n行" }]);
    house.run("write", json!({ "path": "a.csv", "csv": rows, "bom": true })).unwrap();
    let read = house.run("read", json!({ "path": "a.csv", "as": "csv" })).unwrap();
    assert_eq!(read["rows"], rows);
}

#[test]
fn what_a_spreadsheet_would_run_is_kept_from_running() {
    for cell in [
        "=1+1",
        "=cmd|' /C calc'!A0",
        "=HYPERLINK(\"http://evil.example\",\"看\")",
        "+1+1",
        "+SUM(A1:A9)",
        "-1+1",
        "-2+3+cmd|' /C calc'!A0",
        "@SUM(1+1)*cmd|' /C calc'!A0",
        "\t=1+1",
        "\r=1+1",
        "\n=1+1",
        " =1+1",
        "\u{a0}=1+1",
        "\u{3000}=1+1",
        "=1+1",
        "+1+1",
        "-1+1",
        "@SUM(1)",
        "-1-",
        "+",
        "=",
        "@",
        "-a",
        "+86 138 x",
        "-1.2.3",
        "-.5",
        "--1",
        "\tplain",
        "\u{feff}=1+1",
        "\0=1+1",
    ] {
        let text = written(json!([[cell]]));
        let shown = text.trim_end_matches("\r\n").trim_matches('"').to_owned();
        assert!(shown.starts_with('\''), "{cell:?} became {text:?}");
    }
}

#[test]
fn numbers_phones_and_plain_text_stay_as_they_are() {
    for cell in [
        "-12.50",
        "+12",
        "-3%",
        "-1.5e6",
        "+1E-7",
        "+8613800000000",
        "0",
        "00127",
        "2026-11-22",
        "a=b",
        "1-2",
        "10@x",
        "张三",
        "-",
        "--",
        "'quoted",
        "li@example.com",
        "12:30",
        "#1",
    ] {
        assert_eq!(written(json!([[cell]])), format!("{cell}\r\n"));
    }
    assert_eq!(written(json!([[-12.5, -3, 1e300]])), "-12.5,-3,1e+300\r\n");
}

#[test]
fn names_of_columns_are_kept_from_running_too_and_safe_can_be_turned_off() {
    assert_eq!(written(json!([{ "=1": "x" }])), "'=1\r\nx\r\n");
    let house = house();
    house.run("write", json!({ "path": "a.csv", "csv": [["=A1"]], "safe": false })).unwrap();
    assert_eq!(house.text("a.csv"), "=A1\r\n");
}

#[test]
fn what_is_no_table_is_refused_with_its_place() {
    let house = house();
    for (csv, pointer) in [
        (json!("a,b"), "/csv"),
        (json!({ "a": 1 }), "/csv"),
        (json!([{ "a": 1 }, "b"]), "/csv/1"),
        (json!([{ "a": 1 }, [1]]), "/csv/1"),
        (json!([[]]), "/csv/0"),
    ] {
        let error = house.run("write", json!({ "path": "a.csv", "csv": csv })).unwrap_err();
        assert_eq!((error.code.as_str(), error.pointer.as_deref()), ("file.bad_csv", Some(pointer)));
    }
    house.put("uneven.csv", "a,b\r\n1\r\n");
    assert_eq!(code(house.run("read", json!({ "path": "uneven.csv", "as": "csv" }))), "file.bad_csv");
}
