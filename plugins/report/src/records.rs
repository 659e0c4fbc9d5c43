//! The rows as they come: each a table of names and values, in the order they were given and with every digit.

use std::fmt;

use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use yizhan_plugin_api::prelude::*;

/// More is no report that anybody reads; a step is given 1 MiB at most anyway.
const MOST_ROWS: usize = 100_000;

/// One row. A map of values would keep numbers as floats.
#[derive(Clone, Debug)]
pub(crate) struct Record(pub(crate) Vec<(String, Box<RawValue>)>);

impl Record {
    pub(crate) fn get(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == field).map(|(_, value)| value.get())
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Record;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of names and values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Record, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Record(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// A list of rows; a template that found nothing gives null, which is none.
#[derive(Clone, Debug)]
pub(crate) struct Rows(pub(crate) Raw);

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Raw::deserialize(deserializer).map(Self)
    }
}

impl Rows {
    pub(crate) fn read(&self, pointer: &str) -> Result<Vec<Record>> {
        let text = self.0.0.get();
        if text.trim() == "null" {
            return Ok(vec![]);
        }
        let rows: Vec<Record> = serde_json::from_str(text).map_err(|error| {
            Error::refused("report.bad_rows", format!("`rows` is a list of tables: {error}"))
                .at(pointer)
                .help("give the `rows` or `entries` of `register.find` or `query.tasks`")
        })?;
        if rows.len() > MOST_ROWS {
            let words = format!("{} rows are too many: at most {MOST_ROWS} are taken", rows.len());
            return Err(Error::refused("report.too_many_rows", words).at(pointer));
        }
        Ok(rows)
    }
}
