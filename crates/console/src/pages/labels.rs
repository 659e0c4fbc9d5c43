//! What people filled in, under the words that they know: the labels of the fields, and of what they chose.

use serde_json::{Map, Value as Json};
use yizhan_workflow::form::{Choice, Field, Form, Options};
use yizhan_workflow::problem::Lang;

use super::fields::told;
use crate::words::{catalogue as t, say};

/// Values in the order of a form; what the form does not have stands behind them, by its name.
pub(super) fn under(mut values: Map<String, Json>, form: &Form, lang: Lang) -> Vec<(String, String)> {
    let of_form = form.fields.iter().filter_map(|field| {
        let value = values.remove(&*field.name)?;
        Some((field.label().to_owned(), said(field, &value, lang)))
    });
    let mut all: Vec<(String, String)> = of_form.collect();
    all.extend(values.into_iter().map(|(name, value)| (name, told(&value, lang))));
    all
}

fn said(field: &Field, value: &Json, lang: Lang) -> String {
    let Options::Fixed(options) = &field.options else {
        return if field.columns.fields.is_empty() { told(value, lang) } else { rows(field, value, lang) };
    };
    let Json::Array(codes) = value else { return called(options, value, lang) };
    codes.iter().map(|code| called(options, code, lang)).collect::<Vec<_>>().join(say(lang, t::LIST_COMMA))
}

/// As somebody chose it; a code that is none any more stays as it is.
fn called(options: &[Choice], code: &Json, lang: Lang) -> String {
    let known = code.as_str().and_then(|code| options.iter().find(|option| &*option.code == code));
    known.map_or_else(|| told(code, lang), |option| option.label.to_string())
}

/// The rows of a table, one to a line.
fn rows(field: &Field, value: &Json, lang: Lang) -> String {
    let Json::Array(rows) = value else { return told(value, lang) };
    let line = |row: &Json| {
        let cells = field.columns.fields.iter().filter_map(|column| Some((column, row.get(&*column.name)?)));
        let cells = cells.map(|(column, cell)| (column.label(), said(column, cell, lang)));
        let cells: Vec<String> = cells
            .filter(|(_, cell)| !cell.is_empty())
            .map(|(label, cell)| format!("{label}: {cell}"))
            .collect();
        cells.join(say(lang, t::SEMICOLON))
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
