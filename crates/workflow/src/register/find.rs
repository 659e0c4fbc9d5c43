//! What `register.find` makes of the entries that fit: in order, the first of them, figures of groups.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::Value;
use serde_json::value::RawValue;

use super::{AskFault, Find, Ordered, Show};
use crate::expression::{self, is_empty, json_of_value, operators, value_of_json};
use crate::id::Millis;

/// An entry as steps read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// A JSON object: its fields, with its number and instant beside them.
    json: String,
}

impl Row {
    /// `values`: the JSON object of its fields. A field called `number` or `at` goes before the entry's own.
    #[must_use]
    pub fn new(number: &str, at: Millis, values: &str) -> Self {
        let fields: std::collections::BTreeMap<String, &RawValue> =
            serde_json::from_str(values).unwrap_or_default();
        let own = [("number", number.to_owned()), ("at", at.to_string())];
        let own: Vec<String> = own
            .into_iter()
            .filter(|(name, _)| !fields.contains_key(*name))
            .map(|(name, text)| format!("\"{name}\":{}", serde_json::Value::from(text)))
            .collect();
        let inner = values.trim().trim_start_matches('{').trim_start();
        let comma = if own.is_empty() || inner == "}" { "" } else { "," };
        Self { json: format!("{{{}{comma}{inner}", own.join(",")) }
    }

    /// Of a JSON object with all that is in it.
    #[must_use]
    pub fn of_json(json: String) -> Self {
        Self { json }
    }

    /// The same with more beside its fields, which go first.
    #[must_use]
    pub fn with(&self, more: &[(&str, serde_json::Value)]) -> Self {
        let more: String = more.iter().map(|(name, value)| format!("\"{name}\":{value},")).collect();
        Self { json: format!("{{{more}{}", &self.json[1..]) }
    }

    /// What it is called, whatever the fields are called.
    #[must_use]
    pub fn number(&self) -> String {
        let number = value_of_json(&self.json).get_attr("number").ok();
        number.map(|number| number.to_string()).unwrap_or_default()
    }

    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }
}

/// What a column of codes is said by beside it: `state_label`.
#[must_use]
pub fn label_column(name: &str) -> String {
    format!("{name}_label")
}

/// What is made of the rows.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub by: Vec<String>,
    pub show: Vec<Show>,
    pub order: Vec<Ordered>,
    pub first: Option<u64>,
    /// Of columns of codes what these are called, for figures by them.
    pub labels: BTreeMap<String, BTreeMap<Arc<str>, Arc<str>>>,
}

impl Wanted {
    pub fn of(find: &Find) -> Result<Self, AskFault> {
        let (by, show, order) = (find.by.0.clone(), find.show()?, find.order());
        Ok(Self { by, show, order, first: find.first, labels: BTreeMap::new() })
    }
}

/// The output of `register.find`, as JSON: `entries`, `entry`, `count`, and with figures `rows` and `figures`.
///
/// # Errors
/// When unlike kinds would have to be added or put in order.
pub fn found(rows: &[Row], wanted: &Wanted) -> Result<String, AskFault> {
    let values: Vec<Value> = rows.iter().map(|row| value_of_json(&row.json)).collect();
    let count = values.len();
    if wanted.show.is_empty() && wanted.by.is_empty() {
        let entries = first(ordered(values, &wanted.order)?, wanted.first);
        let entry = entries.first().map_or_else(|| "null".to_owned(), json_of_value);
        let entries: Vec<String> = entries.iter().map(json_of_value).collect();
        let entries = entries.join(",");
        return Ok(format!("{{\"count\":{count},\"entry\":{entry},\"entries\":[{entries}]}}"));
    }
    let groups = grouped(&values, &wanted.by);
    let rows =
        groups.iter().map(|(key, members)| row_of(key, members, wanted)).collect::<Result<Vec<_>, _>>()?;
    let rows = first(ordered(rows, &wanted.order)?, wanted.first);
    let figures = if wanted.by.is_empty() { rows.first().map(json_of_value) } else { None };
    let rows: Vec<String> = rows.iter().map(json_of_value).collect();
    let figures = figures.unwrap_or_else(|| "null".to_owned());
    Ok(format!("{{\"count\":{count},\"figures\":{figures},\"rows\":[{}]}}", rows.join(",")))
}

fn first(mut rows: Vec<Value>, most: Option<u64>) -> Vec<Value> {
    if let Some(most) = most {
        rows.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    }
    rows
}

pub(super) fn column(row: &Value, name: &str) -> Value {
    row.get_attr(name).ok().filter(|value| !value.is_undefined()).unwrap_or_else(expression::empty)
}

type Group<'v> = (Vec<Value>, Vec<&'v Value>);

/// In the order of their first members. Without columns all are one group.
fn grouped<'v>(rows: &'v [Value], by: &[String]) -> Vec<Group<'v>> {
    if by.is_empty() {
        return vec![(vec![], rows.iter().collect())];
    }
    let mut places = std::collections::BTreeMap::<String, usize>::new();
    let mut groups: Vec<Group<'v>> = Vec::new();
    for row in rows {
        let key: Vec<Value> = by.iter().map(|name| column(row, name)).collect();
        let text = key.iter().map(json_of_value).collect::<Vec<_>>().join("\n");
        let place = *places.entry(text).or_insert(groups.len());
        if place == groups.len() {
            groups.push((key, vec![]));
        }
        groups[place].1.push(row);
    }
    groups
}

fn row_of(key: &[Value], members: &[&Value], wanted: &Wanted) -> Result<Value, AskFault> {
    let mut cells: Vec<(Value, Value)> = Vec::new();
    for (name, value) in wanted.by.iter().zip(key) {
        cells.push((Value::from(name.as_str()), value.clone()));
        if let Some(labels) = wanted.labels.get(name) {
            let label = value.as_str().and_then(|code| labels.get(code)).map(|label| Value::from(&**label));
            cells.push((Value::from(label_column(name)), label.unwrap_or_else(|| value.clone())));
        }
    }
    for show in &wanted.show {
        cells.push((Value::from(show.name.as_str()), show.of(members)?));
    }
    if wanted.show.is_empty() {
        cells.push((Value::from("count"), Value::from(members.len())));
    }
    Ok(Value::from_pairs(cells))
}

/// What is empty comes last, whichever way the order goes.
fn ordered(mut rows: Vec<Value>, order: &[Ordered]) -> Result<Vec<Value>, AskFault> {
    let mut wrong = None;
    rows.sort_by(|one, two| {
        for Ordered { column: name, down } in order {
            let (a, b) = (column(one, name), column(two, name));
            let way = match (is_empty(&a), is_empty(&b)) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => {
                    let way = operators::order(&a, &b).unwrap_or_else(|error| {
                        wrong = Some(AskFault(format!("`order` by `{name}`: {}", operators::told(&error))));
                        None
                    });
                    let way = way.unwrap_or(Ordering::Equal);
                    if *down { way.reverse() } else { way }
                }
            };
            if way != Ordering::Equal {
                return way;
            }
        }
        Ordering::Equal
    });
    match wrong {
        Some(fault) => Err(fault),
        None => Ok(rows),
    }
}
