//! Stories about decision tables.

use std::collections::BTreeMap;

use minijinja::Value;

use crate::definition;
use crate::expression::{Template, empty};
use crate::plan::Source;

const BRANCH: &str = r#"
[table.limit]
key  = ["area", "n"]
rows = [
  { area = ["南", "北"], n = "1..5", days = 3 },
  { area = "南", n = ">= 10", days = 9 },
  { area = "*", n = 7, days = 7 },
]
"#;

fn scope(tables: &str, files: &BTreeMap<String, String>) -> Value {
    let text = format!("title = \"x\"\n{tables}\n[step.a]\nwait = \"1h\"\n");
    let source = Source { name: "x".to_owned(), text, files: BTreeMap::new() };
    let workflow = definition::read(&source, files).expect("the table is right").workflow;
    let tables: BTreeMap<String, Value> = workflow
        .tables
        .iter()
        .map(|table| (table.name.to_string(), Value::from_dyn_object(table.clone())))
        .collect();
    Value::from_pairs([("table", Value::from(tables)), ("nothing", empty())])
}

#[track_caller]
fn worked(expression: &str) -> String {
    let files = BTreeMap::from([(
        "t/x.csv".to_owned(),
        "code,n,name\r\n007,3,\"a \"\"b\"\"\"\r\n008,12,乙\n".to_owned(),
    )]);
    let tables = format!("{BRANCH}[table.csv]\nkey = [\"n\"]\nfile = \"t/x.csv\"\n");
    match Template::parse(&format!("{{{{ {expression} }}}}")).unwrap().text(&scope(&tables, &files)) {
        Ok(text) => text,
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_first_row_that_fits_answers() {
    assert_eq!(worked("table.limit(area = '南', n = 5).days"), "3");
    assert_eq!(worked("table.limit(area = '南', n = 12).days"), "9");
    assert_eq!(worked("table.limit(area = '西', n = 7).days"), "7");
    assert_eq!(worked("table.limit(area = '北', n = '4').days"), "3", "a number may come as a text");
}

#[test]
fn no_row_is_an_error_that_says_what_was_asked() {
    assert!(
        worked("table.limit(area = '西', n = 8).days")
            .contains("table `limit` has no row for area = 西, n = 8")
    );
    assert_eq!(
        worked("table.limit(area = '西', n = nothing).days"),
        "",
        "nothing was asked, so nothing is answered"
    );
}

#[test]
fn a_csv_file_is_a_table_whose_codes_keep_their_zeros() {
    assert_eq!(worked("table.csv(n = 12).code"), "008");
    assert_eq!(worked("table.csv(n = 3).name"), "a \"b\"");
    assert_eq!(worked("table.csv.column('n')"), "3、12");
    assert_eq!(worked("table.csv.column('n') | sum"), "15", "a column of numbers is numbers");
    assert!(worked("table.csv.column('nam')").contains("did you mean `name`?"));
    assert_eq!(worked("table.csv | map(attribute='code') | list"), "007、008");
}

#[test]
fn a_bound_in_a_cell_is_compared_to_the_last_digit() {
    let tables = r#"
[table.rate]
key  = ["sum"]
rows = [
  { sum = "< 0.30", rate = 0.10 },
  { sum = "0.30..1.50", rate = 0.250 },
  { sum = 7.50, rate = 1.0 },
  { sum = "*", rate = 2 },
]
"#;
    let scope = scope(tables, &BTreeMap::new());
    let rate = |sum: &str| {
        let text = format!("{{{{ table.rate(sum = {sum}).rate }}}}");
        Template::parse(&text).unwrap().text(&scope).unwrap()
    };
    assert_eq!(rate("0.1 + 0.2"), "0.250");
    assert_eq!(rate("0.29999999999999999999999"), "0.10");
    assert_eq!(rate("'1.5'"), "0.250");
    assert_eq!(rate("1.5000000000000000000001"), "2");
    assert_eq!(rate("7.5"), "1.0");
}
