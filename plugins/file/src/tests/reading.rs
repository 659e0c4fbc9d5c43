//! Rows of a csv and an xlsx by their columns, and what does not fit.

use serde_json::{Value, json};

use super::house;

fn columns() -> Value {
    json!([
        { "field": "meter", "title": "表号", "required": true },
        { "field": "day", "title": "日期", "type": "date" },
        { "field": "amount", "title": "金额", "type": "money" },
        { "field": "paid", "title": "已付", "type": "yesno" },
    ])
}

#[test]
fn rows_of_a_csv_are_of_their_kinds_and_bad_ones_are_told_with_their_numbers() {
    let house = house();
    house.put("a.csv", "表号,日期,金额,已付,备注\nA-1,2026/11/20,\"1,234.50\",是,x\n,2026-11-20,1,否,\nA-3,2026年2月30日,1,否,\nA-4,2026年1月5日,1.999,否,\nA-5,,,,\nA-6,2026-11-20\n");
    let read = house.run("read", json!({ "path": "a.csv", "as": "csv", "columns": columns() })).unwrap();
    assert_eq!(
        read["rows"],
        json!([
            { "meter": "A-1", "day": "2026-11-20", "amount": 1234.5, "paid": true },
            { "meter": "A-5", "day": null, "amount": null, "paid": null },
        ])
    );
    assert_eq!(
        read["bad"],
        json!([
            { "row": 3, "column": "表号", "why": "it is empty" },
            { "row": 4, "column": "日期", "why": "`2026年2月30日` is no date" },
            { "row": 5, "column": "金额", "why": "`1.999` has more than two places" },
            { "row": 7, "column": "", "why": "it has 2 cells, and there are 5 columns" },
        ])
    );
    assert_eq!(read["bad_count"], json!(4));
}

#[test]
fn a_column_that_the_file_lacks_is_named_with_those_it_has() {
    let house = house();
    house.put("a.csv", "表号,金额\nA-1,1\n");
    let error = house.run("read", json!({ "path": "a.csv", "as": "csv", "columns": columns() })).unwrap_err();
    assert_eq!((&*error.code, error.pointer.as_deref()), ("file.no_column", Some("/columns/1")));
    assert_eq!(error.help.unwrap(), "the file has 表号, 金额");
}

#[test]
fn a_file_that_is_no_spreadsheet_says_so() {
    let house = house();
    house.put("a.xlsx", "表号,金额");
    let error = house.run("read", json!({ "path": "a.xlsx", "as": "xlsx" })).unwrap_err();
    assert_eq!(error.code, "file.bad_xlsx");
}

#[test]
fn a_sheet_is_read_with_its_numbers_and_dates() {
    let house = house();
    house.put("meters.xlsx", METERS);
    let read =
        house.run("read", json!({ "path": "meters.xlsx", "as": "xlsx", "columns": columns() })).unwrap();
    assert_eq!(read["rows"], json!([{ "meter": "A-1", "day": "2026-11-20", "amount": 12.5, "paid": true }]));
    assert_eq!(read["bad"], json!([{ "row": 4, "column": "金额", "why": "`much` is no number" }]));
    let plain = house.run("read", json!({ "path": "meters.xlsx", "as": "xlsx", "sheet": "表" })).unwrap();
    assert_eq!(plain["rows"][0], json!({ "表号": "A-1", "日期": "2026-11-20", "金额": 12.5, "已付": true }));
    let error = house.run("read", json!({ "path": "meters.xlsx", "as": "xlsx", "sheet": "x" })).unwrap_err();
    assert!(error.message.contains("there are 表"), "{}", error.message);
}

/// Made by openpyxl: a title over the names, a date, an amount, and one that is none.
const METERS: &[u8] = include_bytes!("meters.xlsx");
