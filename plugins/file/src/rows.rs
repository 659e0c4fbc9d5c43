//! Rows of a csv, from the values of a workflow.

use serde_json::{Map, Value};
pub(crate) use yizhan_cells::{Guard, line};
use yizhan_plugin_api::prelude::{Error, Result};

/// One row as the workflow gives it.
#[derive(Debug)]
pub(crate) enum Row<'a> {
    ByName(&'a Map<String, Value>),
    InOrder(&'a [Value]),
}

pub(crate) fn row<'a>(value: &'a Value, pointer: &str) -> Result<Row<'a>> {
    match value {
        Value::Object(cells) if !cells.is_empty() => Ok(Row::ByName(cells)),
        Value::Array(cells) if !cells.is_empty() => Ok(Row::InOrder(cells)),
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => {
            Err(bad(pointer, "a row is a table of columns and values, or a list of values"))
        }
    }
}

/// A whole table: a list of rows; the columns are those of all rows, in the order they first appear.
pub(crate) fn table(value: &Value, guard: Guard) -> Result<String> {
    let Value::Array(values) = value else {
        return Err(bad("/csv", "a table is a list of rows"));
    };
    let rows: Vec<_> = values
        .iter()
        .enumerate()
        .map(|(at, value)| row(value, &format!("/csv/{at}")))
        .collect::<Result<_>>()?;
    let mut columns: Vec<&str> = Vec::new();
    for row in &rows {
        if let Row::ByName(cells) = row {
            columns.extend(
                cells.keys().map(String::as_str).filter(|name| !columns.contains(name)).collect::<Vec<_>>(),
            );
        }
    }
    let mut text = String::new();
    if !columns.is_empty() {
        text.push_str(&line(columns.iter().map(|name| guard.text(name))));
    }
    for (at, row) in rows.iter().enumerate() {
        match row {
            Row::ByName(cells) => {
                text.push_str(&line(
                    columns
                        .iter()
                        .map(|name| cells.get(*name).map_or_else(String::new, |cell| guard.cell(cell))),
                ));
            }
            Row::InOrder(cells) if columns.is_empty() => {
                text.push_str(&line(cells.iter().map(|cell| guard.cell(cell))))
            }
            Row::InOrder(_) => {
                return Err(bad(&format!("/csv/{at}"), "some rows name their columns and this one does not"));
            }
        }
    }
    Ok(text)
}

pub(crate) fn bad(pointer: &str, words: &str) -> Error {
    Error::refused("file.bad_csv", words)
        .at(pointer)
        .help("write `csv.\"column\" = value`, or a list of such tables")
}
