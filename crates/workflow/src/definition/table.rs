//! Reads decision tables, written in the file or in a csv file beside it.

#![expect(clippy::wildcard_enum_match_arm, reason = "TOML has no more kinds, and each key takes one")]

use std::ops::Range;
use std::sync::Arc;

use minijinja::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::section::{Section, Text};
use super::{exact, name_ok};
use crate::expression::{number_of_text, number_of_words};
use crate::problem::{Place, listed, nearest};
use crate::table::{Cell, Table, csv_rows};

const MOST_ROWS: usize = 10_000;

pub(super) fn tables(root: &Section<'_, '_>) -> Vec<Arc<Table>> {
    let Some(all) = root.section("table") else { return Vec::new() };
    let mut tables = Vec::new();
    for (key, item) in all.entries() {
        name_ok(&all, key.value, &key.span);
        let table = all.sub(key.value, item).and_then(|own| table(&own, key.value));
        tables.extend(all.reader.whole(&all.at(key.value), table).map(Arc::new));
    }
    tables
}

fn table(own: &Section<'_, '_>, name: &str) -> Option<Table> {
    let key = own.texts("key");
    let file = own.text("file");
    let rows = own.get("rows");
    own.close(&[]);
    let Some(key) = key else {
        own.missing("key");
        return None;
    };
    let (columns, rows) = match (rows, file) {
        (Some(item), None) => written(own, item, &key)?,
        (None, Some(file)) => from_csv(own, &file)?,
        (Some(item), Some(_)) => {
            own.say(own.error("YZ0133", item.span()).name("one", "rows").name("other", "file"));
            return None;
        }
        (None, None) => {
            own.missing("rows");
            return None;
        }
    };
    let mut good = true;
    for word in &key {
        if !columns.iter().any(|column| &**column == word.value) {
            let problem =
                own.error("YZ0170", word.span.clone()).name("column", word.value).name("table", name);
            own.say(problem.name("known", listed(&columns)).near(nearest(word.value, &columns)));
            good = false;
        }
    }
    let key: Vec<Arc<str>> = key.iter().map(|word| word.value.into()).collect();
    let rows = rows.into_iter().map(|row| cells(&columns, &key, row)).collect();
    good.then_some(Table { name: name.into(), key, columns, rows })
}

type Rows = (Vec<Arc<str>>, Vec<Vec<Cell>>);

/// Turns what stands in a key column into what it fits.
fn cells(columns: &[Arc<str>], key: &[Arc<str>], row: Vec<Cell>) -> Arc<[Cell]> {
    row.into_iter()
        .zip(columns)
        .map(|(cell, column)| match cell {
            Cell::Value(value) if key.contains(column) => Cell::key(value),
            other => other,
        })
        .collect()
}

fn written<'a>(own: &Section<'a, '_>, item: &Spanned<DeValue<'a>>, key: &[Text<'_>]) -> Option<Rows> {
    let Some(list) = item.get_ref().as_array() else {
        own.reader.wrong_type("rows", "a list of rows `{ column = value, … }`", item);
        return None;
    };
    if list.is_empty() || list.len() > MOST_ROWS {
        own.say(
            own.error("YZ0174", item.span()).name("table", own.name()).name("most", MOST_ROWS.to_string()),
        );
        return None;
    }
    // The first row names the columns; every other row must have the same.
    let mut columns: Vec<Arc<str>> = Vec::new();
    let mut rows = Vec::with_capacity(list.len());
    let mut good = true;
    for (at, row) in list.iter().enumerate() {
        let DeValue::Table(table) = row.get_ref() else {
            own.reader.wrong_type("rows", "a list of rows `{ column = value, … }`", row);
            return None;
        };
        if at == 0 {
            for (name, _) in table {
                good &= name_ok(own, name.get_ref(), &name.span());
                columns.push(name.get_ref().as_ref().into());
            }
        }
        good &= same_columns(own, &columns, table, &row.span());
        let mut cells = Vec::with_capacity(columns.len());
        for column in &columns {
            let is_key = key.iter().any(|word| *word.value == **column);
            match table.get(&**column).map(|item| cell(own, column, item, is_key)) {
                Some(Some(cell)) => cells.push(cell),
                Some(None) | None => good = false,
            }
        }
        rows.push(cells);
    }
    good.then_some((columns, rows))
}

fn same_columns(own: &Section<'_, '_>, columns: &[Arc<str>], row: &DeTable<'_>, span: &Range<usize>) -> bool {
    let mut good = true;
    for (name, _) in row {
        if !columns.iter().any(|column| **column == *name.get_ref().as_ref()) {
            let problem = own.error("YZ0171", name.span()).name("column", name.get_ref().as_ref());
            own.say(problem.name("known", listed(columns)).near(nearest(name.get_ref(), columns)));
            good = false;
        }
    }
    let misspelled = |column: &str| {
        row.iter().any(|(name, _)| {
            let unknown = !columns.iter().any(|known| **known == *name.get_ref().as_ref());
            unknown && nearest(name.get_ref(), columns).as_deref() == Some(column)
        })
    };
    for column in columns.iter().filter(|column| !row.contains_key(&***column)) {
        if misspelled(column) {
            good = false;
            continue;
        }
        own.say(own.error("YZ0172", span.clone()).name("column", column.to_string()));
        good = false;
    }
    good
}

fn cell<'a>(own: &Section<'a, '_>, column: &str, item: &Spanned<DeValue<'a>>, is_key: bool) -> Option<Cell> {
    match item.get_ref() {
        DeValue::Array(list) => {
            let values: Option<Vec<Value>> = list.iter().map(|one| value(own, column, one)).collect();
            let values = values?;
            Some(if is_key { Cell::OneOf(values.into()) } else { Cell::Value(Value::from(values)) })
        }
        _ => value(own, column, item).map(Cell::Value),
    }
}

fn value<'a>(own: &Section<'a, '_>, column: &str, item: &Spanned<DeValue<'a>>) -> Option<Value> {
    match item.get_ref() {
        DeValue::String(text) => Some(Value::from(text.as_ref())),
        DeValue::Boolean(flag) => Some(Value::from(*flag)),
        DeValue::Integer(number) => {
            let read = exact::whole(number).and_then(|digits| number_of_words(&digits));
            if read.is_none() {
                own.reader.wrong_type(column, "a number with fewer digits", item);
            }
            read
        }
        DeValue::Float(number) => {
            let read = number_of_words(&number.as_str().replace('_', ""));
            if read.is_none() {
                own.reader.wrong_type(column, "a finite number", item);
            }
            read
        }
        DeValue::Datetime(instant) => Some(Value::from(instant.to_string())),
        DeValue::Array(_) | DeValue::Table(_) => {
            own.reader.wrong_type(column, "a text, a number, `true` or `false`, or a date", item);
            None
        }
    }
}

fn from_csv(own: &Section<'_, '_>, file: &Text<'_>) -> Option<Rows> {
    let text = own.reader.file(file.value, &file.span)?;
    let path: Arc<str> = file.value.into();
    let wrong = |span: Range<usize>, cause: String| {
        own.say(crate::problem::Problem::error("YZ0173", Place::of_file(&path, span)).name("cause", cause));
    };
    let (header, rows) = match csv_rows(&text) {
        Ok(rows) => rows,
        Err((at, cause)) => {
            wrong(at, cause);
            return None;
        }
    };
    if rows.is_empty() || rows.len() > MOST_ROWS {
        own.say(
            own.error("YZ0174", file.span.clone())
                .name("table", own.name())
                .name("most", MOST_ROWS.to_string()),
        );
        return None;
    }
    for name in &header {
        if !super::is_name(name) {
            let line = text.find('\n').unwrap_or(text.len());
            let problem = crate::problem::Problem::error("YZ0173", Place::of_file(&path, 0..line));
            let case = if name.contains('\t') {
                "tabs"
            } else if name.contains([';', '，']) {
                "commas"
            } else {
                "column"
            };
            own.say(problem.case(case).name("column", name.as_str()).name("cause", "header"));
            return None;
        }
    }
    let numeric: Vec<bool> = (0..header.len()).map(|at| rows.iter().all(|row| is_number(&row[at]))).collect();
    let rows = rows
        .into_iter()
        .map(|row| {
            row.into_iter()
                .zip(&numeric)
                .map(|(text, numeric)| Cell::Value(csv_value(&text, *numeric)))
                .collect()
        })
        .collect();
    Some((header.into_iter().map(Arc::from).collect(), rows))
}

/// A number that prints as it is written: `007` is a code and stays one.
fn is_number(text: &str) -> bool {
    number_of_text(text).is_some() && !text.contains(['e', 'E'])
}

fn csv_value(text: &str, numeric: bool) -> Value {
    match (numeric, text) {
        (true, _) => number_of_text(text).unwrap_or_else(|| Value::from(text)),
        (false, "true") => Value::from(true),
        (false, "false") => Value::from(false),
        (false, _) => Value::from(text),
    }
}
