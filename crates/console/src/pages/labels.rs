//! What people filled in, under the words that they know: the labels of the fields, and of what they chose.

use serde_json::{Map, Value as Json};
use yizhan_workflow::form::{Choice, Field, Form, Kind, Options};
use yizhan_workflow::people::People;
use yizhan_workflow::problem::Lang;

use super::fields::told;
use crate::words::{self, catalogue as t, say};

/// Values in the order of a form, people by the names that the house knows; what the form does not have stands behind them, by its name.
pub(crate) fn under(
    mut values: Map<String, Json>,
    form: &Form,
    house: (Lang, &People),
) -> Vec<(String, String)> {
    let of_form = form.fields.iter().filter_map(|field| {
        let value = values.remove(&*field.name)?;
        Some((field.label().to_owned(), said(field, &value, house)))
    });
    let mut all: Vec<(String, String)> = of_form.collect();
    all.extend(values.into_iter().map(|(name, value)| (name, told(&value, house.0))));
    all
}

fn said(field: &Field, value: &Json, house: (Lang, &People)) -> String {
    let (lang, people) = house;
    let Options::Fixed(options) = &field.options else {
        return match (field.kind, value) {
            (Kind::Person, Json::String(who)) => words::called(lang, people, who),
            (Kind::Datetime, Json::String(at)) => minute(at),
            _ if field.columns.fields.is_empty() => told(value, lang),
            _ => rows(field, value, house),
        };
    };
    let Json::Array(codes) = value else { return called(options, value, lang) };
    codes.iter().map(|code| called(options, code, lang)).collect::<Vec<_>>().join(say(lang, t::LIST_COMMA))
}

/// `2026-12-02T18:00:00` as it was chosen: 2026-12-02 18:00.
fn minute(at: &str) -> String {
    at.strip_suffix(":00").filter(|at| at.len() == 16).unwrap_or(at).replacen('T', " ", 1)
}

/// As somebody chose it; a code that is none any more stays as it is.
fn called(options: &[Choice], code: &Json, lang: Lang) -> String {
    let known = code.as_str().and_then(|code| options.iter().find(|option| &*option.code == code));
    known.map_or_else(|| told(code, lang), |option| option.label.to_string())
}

/// The rows of a table, one to a line.
fn rows(field: &Field, value: &Json, house: (Lang, &People)) -> String {
    let lang = house.0;
    let Json::Array(rows) = value else { return told(value, lang) };
    let line = |row: &Json| {
        let cells = field.columns.fields.iter().filter_map(|column| Some((column, row.get(&*column.name)?)));
        let cells = cells.map(|(column, cell)| (column.label(), said(column, cell, house)));
        let cells: Vec<String> = cells
            .filter(|(_, cell)| !cell.is_empty())
            .map(|(label, cell)| format!("{label}: {cell}"))
            .collect();
        cells.join(say(lang, t::SEMICOLON))
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
