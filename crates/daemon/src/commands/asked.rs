//! What is asked of rows: which, grouped by what, with which figures, in which order.

use serde_json::{Map, Value, json};
use yizhan_workflow::register::label_column;

use super::Context;
use crate::exit::{Exit, Failure};
use crate::show::{instant, table, text};

#[derive(Debug, clap::Args)]
pub(crate) struct Asked {
    /// A column and its value: `card=A-7`, or `amount:={"from": 10}`; may be repeated
    #[arg(long = "where", value_name = "COLUMN=VALUE")]
    wanted: Vec<String>,
    /// The time that is looked at: `today`, `last month`, `2026-11-01..2026-11-30`
    #[arg(long)]
    period: Option<String>,
    /// A column to group by; may be repeated
    #[arg(long, value_name = "COLUMN")]
    by: Vec<String>,
    /// A figure: `total=sum(amount)`, `n=count`; may be repeated
    #[arg(long, value_name = "NAME=FIGURE")]
    show: Vec<String>,
    /// A column to put in order by; `-column`: the largest first
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    order: Vec<String>,
    /// Only the first so many
    #[arg(long, value_name = "COUNT")]
    first: Option<u64>,
}

/// `2026-11-01..2026-11-30`, or a word.
fn period(text: &str) -> Value {
    match text.split_once("..") {
        Some((from, to)) => {
            let sides = [("from", from), ("to", to)].into_iter().filter(|(_, side)| !side.is_empty());
            Value::Object(sides.map(|(name, side)| (name.to_owned(), json!(side))).collect())
        }
        None => json!(text),
    }
}

impl Asked {
    /// As a step says it in `with`.
    pub(super) fn with(&self) -> Result<Value, Failure> {
        let mut with = json!({ "by": self.by, "order": self.order });
        let mut wanted = Map::new();
        for one in &self.wanted {
            let (name, value) = super::fields::one(one).ok_or_else(|| {
                Failure::new(
                    Exit::Usage,
                    "YZ0534",
                    format!("`{one}` is neither `name=text` nor `name:=JSON`"),
                )
            })?;
            wanted.insert(name, value);
        }
        with["where"] = Value::Object(wanted);
        let mut show = Map::new();
        for one in &self.show {
            let (name, figure) = one.split_once('=').ok_or_else(|| {
                Failure::new(Exit::Usage, "YZ0534", format!("`{one}` does not read `name=sum(column)`"))
            })?;
            show.insert(name.to_owned(), json!(figure));
        }
        with["show"] = Value::Object(show);
        if let Some(text) = &self.period {
            with["period"] = period(text);
        }
        if let Some(first) = self.first {
            with["first"] = json!(first);
        }
        Ok(with)
    }
}

/// The rows or entries of an answer, or these words where there are none.
pub(super) fn shown(answer: &Value, none: &str, context: &Context) -> String {
    let rows = answer.get("rows").or_else(|| answer.get("entries")).and_then(Value::as_array);
    let rows = rows.map(Vec::as_slice).unwrap_or_default();
    let Some(first) = rows.first().and_then(Value::as_object) else { return none.to_owned() };
    let said = |name: &str| Some(label_column(name)).filter(|label| first.contains_key(label));
    let names: Vec<&str> = first.keys().map(String::as_str).collect();
    // Codes are for programs: people read what they are called.
    let labels: Vec<String> = names.iter().filter_map(|name| said(name)).collect();
    let names: Vec<&str> =
        names.into_iter().filter(|name| !labels.iter().any(|label| label == name)).collect();
    let zone = context.zone();
    let cell = |row: &Value, name: &str| match (name, said(name)) {
        (_, Some(label)) => text(row, &label),
        ("at", None) => instant(row, name, &zone),
        (_, None) => text(row, name),
    };
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| names.iter().map(|name| cell(row, name)).collect()).collect();
    table(&names, &rows)
}
