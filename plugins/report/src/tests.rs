//! What somebody who opens the report sees. Files are read back by a library of another house.

use serde_json::{Value, json};
use yizhan_plugin_api::Harness;
use yizhan_plugin_api::prelude::*;

use crate::Reports;

fn house() -> Harness<Reports> {
    Harness::new(&json!({ "timezone": "Asia/Shanghai" })).unwrap()
}

fn rows() -> Value {
    json!([
        { "day": "2026-11-20", "unit": "城南供水分公司", "n": 12, "amount": 1234.5, "timely": 0.985, "at": "2026-11-20T09:00:00Z" },
        { "day": "2026-11-21", "unit": "=HYPERLINK(\"x\")", "n": 3, "amount": 10, "timely": null, "at": "2026-11-21T01:30:00" },
    ])
}

fn columns() -> Value {
    json!([
        { "field": "day", "title": "日期", "format": "date" },
        { "field": "unit", "title": "单位" },
        { "field": "n", "title": "件数", "format": "whole", "total": "sum" },
        { "field": "amount", "title": "金额", "format": "money", "total": "sum" },
        { "field": "timely", "title": "及时率", "format": "percent", "total": "mean" },
        { "field": "at", "title": "时间", "format": "datetime" },
    ])
}

/// The file that an action made.
fn made(action: &str, input: &Value) -> (Value, Vec<u8>) {
    let house = house();
    let output = house.run(action, input).unwrap();
    let artifacts = house.artifacts();
    assert_eq!(artifacts.len(), 1);
    assert_eq!(output["file"]["name"], json!(artifacts[0].0));
    (output, artifacts[0].1.clone())
}

#[track_caller]
fn refused(action: &str, input: &Value) -> Error {
    house().run(action, input).unwrap_err()
}

#[test]
fn a_spreadsheet_has_the_rows_under_their_headings_and_the_totals_below() {
    let input = json!({ "name": "日报", "title": "用水申请日报", "rows": rows(), "columns": columns() });
    let (output, bytes) = made("xlsx", &input);
    assert_eq!((&output["file"]["name"], &output["rows"]), (&json!("日报.xlsx"), &json!(2)));
    let lines = yizhan_cells::sheet(&bytes, None, 99).unwrap().lines;
    let values: Vec<(usize, Value)> =
        lines.into_iter().map(|line| (line.row, Value::Object(line.values))).collect();
    assert_eq!(
        values,
        [
            (
                3,
                json!({"日期": "2026-11-20", "单位": "城南供水分公司", "件数": 12, "金额": 1234.5, "及时率": 0.985, "时间": "2026-11-20T17:00:00"})
            ),
            (
                4,
                json!({"日期": "2026-11-21", "单位": "=HYPERLINK(\"x\")", "件数": 3, "金额": 10, "时间": "2026-11-21T01:30:00"})
            ),
            (5, json!({"日期": "合计", "件数": 15, "金额": 1244.5, "及时率": 0.985})),
        ]
    );
}

#[test]
fn the_same_rows_make_the_same_bytes() {
    let input = json!({ "rows": rows(), "columns": columns() });
    assert_eq!(made("xlsx", &input).1, made("xlsx", &input).1);
    let chart = json!({ "rows": rows(), "label": "day", "values": [{ "field": "n" }] });
    assert_eq!(made("chart", &chart).1, made("chart", &chart).1);
}

/// A part of an xlsx as text.
fn part(bytes: &[u8], name: &str) -> String {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut archive.by_name(name).unwrap(), &mut text).unwrap();
    text
}

#[test]
fn columns_are_as_wide_as_chinese_text_and_the_header_stays() {
    let (_, bytes) = made("xlsx", &json!({ "rows": rows(), "columns": columns() }));
    let sheet = part(&bytes, "xl/worksheets/sheet1.xml");
    // 城南供水分公司 is 7 characters of double width; =HYPERLINK("x") has 15 of one; and room at both sides.
    assert!(sheet.contains(r#"<col min="2" max="2" width="17.7109375""#), "{sheet}");
    assert!(sheet.contains(r#"state="frozen""#) && sheet.contains(r#"topLeftCell="A2""#), "{sheet}");
    assert!(!sheet.contains("<f>"), "no cell is a formula");
    let styles = part(&bytes, "xl/styles.xml");
    assert!(
        styles.contains("Microsoft YaHei") && styles.contains("yyyy\\-mm\\-dd")
            || styles.contains("yyyy-mm-dd")
    );
}

#[test]
fn several_sheets_have_rows_of_their_own() {
    let sheets = json!([
        { "name": "按日", "rows": [{ "day": "2026-11-20", "n": 1 }] },
        { "name": "按项目", "rows": [{ "item": "护理", "n": 2 }] },
    ]);
    let (output, bytes) = made("xlsx", &json!({ "sheets": sheets }));
    assert_eq!(output["rows"], json!(2));
    let second = yizhan_cells::sheet(&bytes, Some("按项目"), 9).unwrap().lines;
    assert_eq!(Value::Object(second[0].values.clone()), json!({ "item": "护理", "n": 2 }));
}

#[test]
fn a_csv_has_every_digit_and_no_formula() {
    let columns = json!([
        { "field": "unit", "title": "单位" },
        { "field": "n", "title": "件数", "total": "sum" },
        { "field": "amount", "format": "money" },
        { "field": "timely", "format": "percent", "places": 1 },
    ]);
    let (_, bytes) = made("csv", &json!({ "rows": rows(), "columns": columns }));
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(
        text,
        "单位,件数,amount,timely\r\n城南供水分公司,12,1234.50,98.5%\r\n\"'=HYPERLINK(\"\"x\"\")\",3,10.00,\r\n合计,15,,\r\n"
    );
    let (_, marked) = made("csv", &json!({ "rows": rows(), "bom": true }));
    assert!(marked.starts_with(b"\xef\xbb\xbfday,unit"), "{marked:?}");
}

#[test]
fn a_share_is_the_part_of_the_sum() {
    let rows =
        json!([{ "item": "护理", "n": 30 }, { "item": "美容", "n": 10 }, { "item": "其他", "n": null }]);
    let columns = json!([{ "field": "item", "title": "项目" }, { "field": "n", "title": "占比", "share": true, "total": "sum" }]);
    let (_, bytes) = made("csv", &json!({ "rows": rows, "columns": columns }));
    assert_eq!(
        String::from_utf8(bytes).unwrap(),
        "项目,占比\r\n护理,75.00%\r\n美容,25.00%\r\n其他,\r\n合计,100.00%\r\n"
    );
    let none = json!([{ "item": "护理", "n": 0 }]);
    let (_, bytes) = made("csv", &json!({ "rows": none, "columns": [{ "field": "n", "share": true }] }));
    assert_eq!(String::from_utf8(bytes).unwrap(), "n\r\n\"\"\r\n", "of nothing there is no part");
}

#[test]
fn a_table_in_a_mail_is_escaped_and_numbers_stand_to_the_right() {
    let rows = json!([{ "who": "<b>李娜</b> & \"王\"", "amount": 1234567.5 }]);
    let columns = json!([{ "field": "who", "title": "姓名" }, { "field": "amount", "title": "金额", "format": "money", "total": "sum" }]);
    let output =
        house().run("html", &json!({ "rows": rows, "columns": columns, "title": "日报 <1>" })).unwrap();
    let html = output["html"].as_str().unwrap();
    assert!(html.contains("&lt;b&gt;李娜&lt;/b&gt; &amp; &quot;王&quot;</td>"), "{html}");
    assert!(html.contains("text-align:right\">1,234,567.50</td>"), "{html}");
    assert!(html.contains("font-weight:bold\">合计</td>") && html.contains("日报 &lt;1&gt;"), "{html}");
    assert!(!html.contains("<b>"), "{html}");
}

#[test]
fn a_chart_has_its_labels_and_a_bar_for_each_value() {
    let input = json!({ "rows": rows(), "title": "每日件数 & 比较", "label": "day",
        "values": [{ "field": "n", "title": "件数" }, { "field": "amount", "title": "金额" }] });
    let (output, bytes) = made("chart", &input);
    assert_eq!(output["file"]["type"], "image/svg+xml");
    let svg = String::from_utf8(bytes).unwrap();
    for word in ["2026-11-20", "2026-11-21", "每日件数 &amp; 比较", "件数", "金额"] {
        assert!(svg.contains(word), "{word}: {svg}");
    }
    // Two bars of each colour, and one mark in the legend.
    assert_eq!(
        (svg.matches("fill=\"#2F6FB5\"").count(), svg.matches("fill=\"#D97A2B\"").count()),
        (3, 3),
        "{svg}"
    );
    let lines = json!({ "kind": "line", "rows": rows(), "label": "day", "values": [{ "field": "n" }] });
    assert!(String::from_utf8(made("chart", &lines).1).unwrap().contains("<polyline"));
}

#[test]
fn no_rows_make_an_empty_report_and_no_fault() {
    let input = json!({ "rows": [], "columns": columns() });
    assert_eq!(made("xlsx", &input).0["rows"], json!(0));
    assert_eq!(made("csv", &json!({ "rows": null })).0["rows"], json!(0));
    assert_eq!(
        made("chart", &json!({ "rows": [], "label": "day", "values": [{ "field": "n" }] })).0["rows"],
        json!(0)
    );
}

#[test]
fn what_does_not_fit_is_told_with_its_row_and_column() {
    let columns = json!([{ "field": "unit", "title": "单位", "format": "money" }]);
    let error = refused("xlsx", &json!({ "rows": rows(), "columns": columns }));
    assert_eq!(error.code, "report.bad_value");
    assert!(error.message.starts_with("row 1, 单位: `城南供水分公司` is no number"), "{}", error.message);
    let error = refused("csv", &json!({ "rows": rows(), "columns": [{ "field": "amonut" }] }));
    assert_eq!((&*error.code, error.pointer.as_deref()), ("report.bad_columns", Some("/columns/0/field")));
    assert!(error.help.unwrap().contains("amount"));
    assert_eq!(refused("html", &json!({ "rows": [1] })).code, "report.bad_rows");
    assert_eq!(refused("xlsx", &json!({ "name": "../x", "rows": [] })).code, "report.bad_name");
    assert_eq!(
        refused("xlsx", &json!({ "sheets": [{ "name": "a/b", "rows": [] }] })).code,
        "report.no_spreadsheet"
    );
    assert_eq!(
        refused("chart", &json!({ "rows": [], "label": "day", "values": [] })).code,
        "report.bad_chart"
    );
}
