//! Private values stand apart from the body of an entry, so that they can be erased while the chain holds.
//!
//! In the body stands `{"sealed":HASH}` for them; salt and value are kept under the value's name: `phone`, and of a cell of
//! a table `people[0].phone`, counted from 0 as expressions do. A column of a table is called `people.phone`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::Register;
use super::chain::hex;
use crate::form::Field;
use crate::run::event::Raw;

/// What an entry holds: for the chain, and apart from it what may be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    pub body: Raw,
    pub private: Option<Raw>,
}

/// What stands in a body for a private value.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    sealed: String,
}

/// A private value with its salt.
type Secret<'t> = (String, &'t RawValue);

/// The names of the secrets, and what they stand for: salt and value.
type Kept = Vec<(String, String)>;

type Row<'t> = Vec<(String, Cow<'t, str>)>;

fn secrets(json: Option<&str>) -> BTreeMap<String, Secret<'_>> {
    json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
}

fn seal_of(salt: &str, value: &str) -> String {
    hex(&Sha256::digest(format!("{salt}:{value}")))
}

/// An object of the texts of its values, in this order.
fn object<'t>(pairs: impl Iterator<Item = (String, Cow<'t, str>)>) -> Option<Raw> {
    let mut text = "{".to_owned();
    for (name, value) in pairs {
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&format!("{}:{value}", serde_json::Value::from(name)));
    }
    text.push('}');
    Raw::new(text)
}

/// The rows of a table, each with its cells in their order; nothing else is one.
fn rows(value: &str) -> Option<Vec<Row<'_>>> {
    let rows: Vec<Pairs<'_>> = serde_json::from_str(value).ok()?;
    Some(rows.into_iter().map(Pairs::cells).collect())
}

fn table(rows: Vec<Row<'_>>) -> Option<String> {
    let rows: Option<Vec<Raw>> = rows.into_iter().map(|row| object(row.into_iter())).collect();
    let rows = rows?;
    let rows: Vec<&str> = rows.iter().map(Raw::get).collect();
    Some(format!("[{}]", rows.join(",")))
}

fn cell_name(table: &str, row: usize, column: &str) -> String {
    format!("{table}[{row}].{column}")
}

/// The column that a secret is of: `people[3].phone` is of `people.phone`.
fn column_of(secret: &str) -> String {
    match (secret.split_once('['), secret.split_once("].")) {
        (Some((table, _)), Some((_, column))) => format!("{table}.{column}"),
        _ => secret.to_owned(),
    }
}

fn sealed_as(value: &str) -> Option<Sealed> {
    // A list with one text would be read as well, and that is what a choice of one is.
    value.starts_with('{').then(|| serde_json::from_str(value).ok())?
}

struct Sealing<'s> {
    salt: &'s mut dyn FnMut() -> String,
    private: Kept,
}

impl Sealing<'_> {
    fn value(&mut self, name: String, value: &str) -> String {
        if sealed_as(value).is_some() {
            return value.to_owned();
        }
        let salt = (self.salt)();
        let sealed = seal_of(&salt, value);
        self.private.push((name, format!("[\"{salt}\",{value}]")));
        format!("{{\"sealed\":\"{sealed}\"}}")
    }

    /// Of a table the private cells.
    fn cells(
        &mut self,
        table: &str,
        rows: Vec<Row<'_>>,
        is_private: &dyn Fn(&str) -> bool,
    ) -> Option<String> {
        let mut sealed = Vec::with_capacity(rows.len());
        for (at, row) in rows.into_iter().enumerate() {
            let cells = row.into_iter().map(|(name, value)| {
                let hidden = is_private(&name).then(|| self.value(cell_name(table, at, &name), &value));
                (name, hidden.map_or(value, Cow::Owned))
            });
            sealed.push(cells.collect());
        }
        self::table(sealed)
    }

    /// Of a table the private cells; of any other private value the whole.
    fn field(&mut self, field: &Field, value: &str) -> String {
        if field.private {
            return self.value(field.name.to_string(), value);
        }
        let is_private = |name: &str| field.columns.field(name).is_some_and(|column| column.private);
        let rows = rows(value).filter(|_| field.hides());
        let sealed = rows.and_then(|rows| self.cells(&field.name, rows, &is_private));
        sealed.unwrap_or_else(|| value.to_owned())
    }

    /// What no field is of any more: what was sealed is sealed again.
    fn other(&mut self, name: &str, value: &str, were: &[String]) -> String {
        let was_sealed = |column: &str| were.iter().any(|were| were == column);
        if was_sealed(name) {
            return self.value(name.to_owned(), value);
        }
        let is_private = |column: &str| was_sealed(&format!("{name}.{column}"));
        let rows = rows(value).filter(|rows| rows.iter().flatten().any(|(column, _)| is_private(column)));
        let sealed = rows.and_then(|rows| self.cells(name, rows, &is_private));
        sealed.unwrap_or_else(|| value.to_owned())
    }
}

/// Puts private values aside. `values` is what `Register::accept` gave; `salt` gives a new salt each time.
///
/// `None` where `values` is no JSON object, which `accept` does not give.
#[must_use]
pub fn seal(register: &Register, values: &str, salt: &mut dyn FnMut() -> String) -> Option<Body> {
    seal_again(register, values, &[], salt)
}

/// The same of an entry that is amended: `were` are the columns that were sealed in it.
#[must_use]
pub fn seal_again(
    register: &Register,
    values: &str,
    were: &[String],
    salt: &mut dyn FnMut() -> String,
) -> Option<Body> {
    let given: BTreeMap<String, &RawValue> = serde_json::from_str(values).unwrap_or_default();
    let mut sealing = Sealing { salt, private: Vec::new() };
    let mut public: Row<'_> = Vec::new();
    for field in &*register.form.fields {
        let value = given.get(&*field.name).map_or("null", |value| value.get());
        public.push((field.name.to_string(), sealing.field(field, value).into()));
    }
    // What an older form of the register asked for, and an amended entry still has.
    for (name, value) in given.iter().filter(|(name, _)| register.form.field(name).is_none()) {
        public.push((name.clone(), sealing.other(name, value.get(), were).into()));
    }
    let private = sealing.private;
    let secrets = object(private.iter().map(|(name, value)| (name.clone(), value.as_str().into())));
    Some(Body { body: object(public.into_iter())?, private: secrets.filter(|_| !private.is_empty()) })
}

/// All sealed places of a body, by the names of their secrets.
fn seals(body: &str) -> BTreeMap<String, Sealed> {
    let mut seals = BTreeMap::new();
    let pairs = serde_json::from_str::<Pairs<'_>>(body).map(|pairs| pairs.0).unwrap_or_default();
    for (name, value) in pairs {
        if let Some(sealed) = sealed_as(value.get()) {
            seals.insert(name, sealed);
            continue;
        }
        for (at, row) in rows(value.get()).into_iter().flatten().enumerate() {
            for (column, value) in row {
                seals.extend(sealed_as(&value).map(|sealed| (cell_name(&name, at, &column), sealed)));
            }
        }
    }
    seals
}

/// The fields of a body whose values are kept apart, and the columns of its tables.
#[must_use]
pub fn sealed(body: &str) -> Vec<String> {
    let mut names: Vec<String> = seals(body).into_keys().map(|name| column_of(&name)).collect();
    names.sort();
    names.dedup();
    names
}

/// The private values that are not those that were sealed.
pub(super) fn not_as_sealed(body: &Raw, private: &Raw) -> Vec<String> {
    let seals = seals(body.get());
    let wrong = secrets(Some(private.get())).into_iter().filter(|(name, (salt, value))| {
        seals.get(name).is_none_or(|sealed| sealed.sealed != seal_of(salt, value.get()))
    });
    wrong.map(|(name, _)| name).collect()
}

impl Body {
    /// The values as they were given: those that were erased are empty. Without `show`, private ones are `***`.
    #[must_use]
    pub fn opened(body: &Raw, private: Option<&Raw>, show: bool) -> String {
        let secrets = secrets(private.map(Raw::get));
        let Ok(given) = serde_json::from_str::<Pairs<'_>>(body.get()) else { return body.get().to_owned() };
        let open = |name: &str, value: &str| -> Option<String> {
            sealed_as(value)?;
            Some(match secrets.get(name) {
                None => "null".to_owned(),
                Some(_) if !show => "\"***\"".to_owned(),
                Some((_, value)) => value.get().to_owned(),
            })
        };
        let pairs = given.0.into_iter().map(|(name, value)| {
            let value = value.get();
            let opened = open(&name, value).or_else(|| opened_rows(&name, value, &open));
            (name, opened.map_or(Cow::Borrowed(value), Cow::Owned))
        });
        object(pairs).map_or_else(|| body.get().to_owned(), |raw| raw.get().to_owned())
    }

    /// The private values that stay when those of these fields are erased.
    #[must_use]
    pub fn without(private: &Raw, fields: &[String]) -> Option<Raw> {
        let kept: Kept = secrets(Some(private.get()))
            .into_iter()
            .filter(|(name, _)| !fields.contains(&column_of(name)))
            .map(|(name, (salt, value))| (name, format!("[\"{salt}\",{}]", value.get())))
            .collect();
        if kept.is_empty() {
            return None;
        }
        object(kept.iter().map(|(name, value)| (name.clone(), value.as_str().into())))
    }
}

/// A table with its sealed cells opened; none where nothing in it is sealed.
fn opened_rows(name: &str, value: &str, open: &dyn Fn(&str, &str) -> Option<String>) -> Option<String> {
    if !value.contains("\"sealed\"") {
        return None;
    }
    let mut rows = rows(value)?;
    for (at, row) in rows.iter_mut().enumerate() {
        for (column, value) in row {
            if let Some(opened) = open(&cell_name(name, at, column), value) {
                *value = Cow::Owned(opened);
            }
        }
    }
    table(rows)
}

/// The texts of an object's values, in the order of the text.
pub(crate) fn pairs(json: &str) -> Vec<(String, String)> {
    let pairs = serde_json::from_str::<Pairs<'_>>(json).map(|pairs| pairs.0).unwrap_or_default();
    pairs.into_iter().map(|(name, value)| (name, value.get().to_owned())).collect()
}

pub(crate) fn object_of<'p>(pairs: impl Iterator<Item = &'p (String, String)>) -> String {
    let pairs = pairs.map(|(name, value)| (name.clone(), value.as_str().into()));
    object(pairs).map_or_else(|| "{}".to_owned(), |raw| raw.get().to_owned())
}

/// An object's entries in the order of the text.
struct Pairs<'t>(Vec<(String, &'t RawValue)>);

impl<'t> Pairs<'t> {
    fn cells(self) -> Row<'t> {
        self.0.into_iter().map(|(name, value)| (name, value.get().into())).collect()
    }
}

impl<'de: 't, 't> Deserialize<'de> for Pairs<'t> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> serde::de::Visitor<'de> for InOrder {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry::<String, &'de RawValue>()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
