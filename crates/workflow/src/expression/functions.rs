//! The filters and functions that expressions have beside those of the template language.

use minijinja::value::{Kwargs, Rest};
use minijinja::{Environment, Error, ErrorKind, State, Value, filters};

use super::operators::refused;
use super::print::{self, is_empty};
use super::{MOST_OUTPUT, dates, format, lists, number, people};

/// All filters; the machine does not list its own.
pub(super) const FILTERS: &[&str] = &[
    "abs",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "count",
    "csv",
    "d",
    "date",
    "datetime",
    "day",
    "default",
    "dictsort",
    "first",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "json",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "mean",
    "min",
    "money",
    "month",
    "number",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "time",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
    "weekday",
    "year",
    "zip",
];

/// All tests (`is defined`).
pub(super) const TESTS: &[&str] = &[
    "!=",
    "<",
    "<=",
    "==",
    ">",
    ">=",
    "boolean",
    "defined",
    "divisibleby",
    "empty",
    "endingwith",
    "eq",
    "equalto",
    "even",
    "false",
    "ge",
    "gt",
    "greaterthan",
    "in",
    "int",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sameas",
    "sequence",
    "startingwith",
    "string",
    "true",
    "undefined",
    "upper",
];

/// Filters of the machine that know no empty values, and what stands for one before them.
pub(super) fn filled_for(filter: &str) -> &'static str {
    match filter {
        "upper" | "lower" | "title" | "capitalize" | "trim" | "split" | "lines" => "|_text",
        "length" | "count" | "first" | "last" | "reverse" | "list" | "items" | "dictsort" | "unique"
        | "map" | "select" | "reject" | "selectattr" | "rejectattr" | "groupby" | "slice" | "batch"
        | "zip" | "chain" => "|_list",
        _ => "",
    }
}

pub(super) fn add(environment: &mut Environment<'static>) {
    environment.add_filter("_text", |value: Value| if is_empty(&value) { Value::from("") } else { value });
    environment.add_filter("_list", |value: Value| if is_empty(&value) { print::empty() } else { value });
    environment.add_filter("first", |value: Value| first(&value, filters::first));
    environment.add_filter("last", |value: Value| first(&value, |list| filters::last(list.clone())));
    // It would print the whole scope.
    environment.remove_global("debug");
    // Values do not change.
    environment.remove_global("namespace");
    environment.add_filter("money", money);
    environment.add_filter("csv", csv);
    environment.add_filter("default", default);
    environment.add_filter("d", default);
    environment.add_filter("string", |value: &Value| text_of(value));
    environment.add_filter("join", join);
    environment.add_filter("replace", replace);
    environment.add_filter("indent", indent);
    environment.add_filter("batch", |state: &State, list: Value, count: usize, fill: Option<Value>| {
        not_too_many(count)?;
        filters::batch(state, list, count, fill)
    });
    environment.add_filter("slice", |state: &State, list: Value, count: usize, fill: Option<Value>| {
        not_too_many(count)?;
        filters::slice(state, list, count, fill)
    });
    environment.add_filter("json", |value: &Value| json(value));
    environment.add_filter("tojson", |value: &Value| json(value));
    environment.add_test("empty", |value: &Value| is_empty(value) || value.len() == Some(0));
    environment.add_filter("format", format::format);
    lists::add(environment);
    dates::add(environment);
    people::add(environment);
}

/// Of nothing the first is nothing.
fn first(list: &Value, of: impl Fn(&Value) -> Result<Value, Error>) -> Result<Value, Error> {
    if list.len() == Some(0) { Ok(print::empty()) } else { of(list) }
}

/// Fuel counts steps, and not what one step makes: so no filter may make more than a value may have.
fn not_too_large(bytes: usize) -> Result<(), Error> {
    if bytes > MOST_OUTPUT {
        return Err(refused("YZ0313", "it gives more than 1 MiB"));
    }
    Ok(())
}

/// As many items as `range` gives.
pub(super) fn not_too_many(items: usize) -> Result<(), Error> {
    const MOST: usize = 100_000;
    if items > MOST {
        return Err(refused("YZ0313", format_args!("it gives a list of more than {MOST} items")));
    }
    Ok(())
}

fn replace(value: &Value, from: &Value, to: &Value) -> Result<String, Error> {
    let (text, from, to) = (text_of(value), text_of(from), text_of(to));
    let found = text.matches(&from).count();
    not_too_large(
        text.len().saturating_sub(found * from.len()).saturating_add(found.saturating_mul(to.len())),
    )?;
    Ok(text.replace(&from, &to))
}

/// Every line but the first, unless `first` is said.
fn indent(value: &Value, width: Option<usize>, first: Option<bool>, words: Kwargs) -> Result<String, Error> {
    let width = width.or(words.get("width")?).unwrap_or(4);
    let first = first.or(words.get("first")?).unwrap_or(false);
    let blank = words.get::<Option<bool>>("blank")?.unwrap_or(false);
    words.assert_all_used()?;
    let text = text_of(value);
    let lines = text.lines().count();
    not_too_large(text.len().saturating_add(lines.saturating_mul(width)))?;
    let space = " ".repeat(width);
    let mut indented = String::with_capacity(text.len());
    for (at, line) in text.lines().enumerate() {
        if at > 0 {
            indented.push('\n');
        }
        if (at > 0 || first) && (blank || !line.is_empty()) {
            indented.push_str(&space);
        }
        indented.push_str(line);
    }
    Ok(indented)
}

pub(super) fn text_of(value: &Value) -> String {
    let mut text = String::new();
    print::print(value, &mut text);
    text
}

fn json(value: &Value) -> Result<String, Error> {
    let mut text = String::new();
    print::write_json(value, &mut text).map_err(|cause| refused("YZ0310", cause))?;
    Ok(text)
}

/// With what is itself empty, it stays so: only `default` alone makes a text of nothing.
fn default(value: &Value, others: Rest<Value>) -> Result<Value, Error> {
    if others.len() > 1 {
        return Err(Error::from(ErrorKind::TooManyArguments));
    }
    Ok(match others.first() {
        _ if !value.is_undefined() && !is_empty(value) => value.clone(),
        Some(other) => other.clone(),
        None => Value::from(""),
    })
}

fn join(value: &Value, between: Option<&str>, words: Kwargs) -> Result<String, Error> {
    let attribute: Option<String> = words.get("attribute")?;
    words.assert_all_used()?;
    let mut text = String::new();
    for (at, item) in value.try_iter()?.enumerate() {
        if at > 0 {
            text.push_str(between.unwrap_or("、"));
        }
        let item = match &attribute {
            Some(name) => item.get_attr(name)?,
            None => item,
        };
        print::print(&item, &mut text);
        not_too_large(text.len())?;
    }
    Ok(text)
}

fn money(value: &Value) -> Result<String, Error> {
    if is_empty(value) {
        return Ok(String::new());
    }
    let amount = match value.as_str() {
        Some(text) => number::number_of_words(text),
        None => Some(value.clone()).filter(number::is_number),
    };
    match amount {
        Some(amount) => number::needed(&amount).map(number::money),
        None => Err(refused("YZ0310", format_args!("`{value}` is not an amount of money"))),
    }
}

/// A text that a spreadsheet takes for text: it would run what begins with one of these signs.
fn csv(value: &Value) -> String {
    let text = text_of(value);
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) && number::number_of_words(&text).is_none() {
        format!("'{text}")
    } else {
        text
    }
}
