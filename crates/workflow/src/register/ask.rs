//! What the steps of a register are given, as their `with` was worked out.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value as Json;

use super::{Period, Show};
use crate::run::event::Raw;

/// Why a step's `with` means nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AskFault(pub String);

impl From<serde_json::Error> for AskFault {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

/// A text, or a list of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts(pub Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let none = || D::Error::custom("a text or a list of texts is wanted");
        match Json::deserialize(deserializer)? {
            Json::Null => Ok(Self::default()),
            Json::String(one) => Ok(Self(vec![one])),
            Json::Array(all) => all
                .into_iter()
                .map(|one| one.as_str().map(str::to_owned).ok_or_else(none))
                .collect::<Result<_, _>>()
                .map(Self),
            Json::Bool(_) | Json::Number(_) | Json::Object(_) => Err(none()),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Append {
    pub register: Arc<str>,
    #[serde(default)]
    entry: Option<Raw>,
    #[serde(default)]
    entries: Option<Raw>,
    #[serde(default)]
    pub per: Texts,
    #[serde(default)]
    pub period: Option<Period>,
    #[serde(default)]
    only_if: Option<Raw>,
}

impl Append {
    pub fn read(with: &str) -> Result<Self, AskFault> {
        Ok(serde_json::from_str(with)?)
    }

    /// The texts of the entries' values.
    pub fn entries(&self) -> Result<Vec<Raw>, AskFault> {
        let entries = match (&self.entry, given(self.entries.as_ref())) {
            (Some(one), None) => vec![one.clone()],
            (None, Some(all)) => serde_json::from_str::<Vec<Raw>>(all.get())
                .map_err(|_| AskFault("`entries` is a list".to_owned()))?,
            (Some(_), Some(_)) => return Err(AskFault("there is `entry` or `entries`, not both".to_owned())),
            (None, None) => return Err(AskFault("there is neither `entry` nor `entries`".to_owned())),
        };
        if entries.len() > super::MOST_ENTRIES {
            return Err(AskFault(format!(
                "there are {} entries, and at most {} are taken at once",
                entries.len(),
                super::MOST_ENTRIES
            )));
        }
        Ok(entries)
    }

    /// What must hold for the entries to be written.
    pub fn conditions(&self) -> Result<Vec<OnlyIf>, AskFault> {
        let Some(given) = given(self.only_if.as_ref()) else { return Ok(vec![]) };
        let conditions: Vec<OnlyIf> = if given.get().trim_start().starts_with('[') {
            serde_json::from_str(given.get())?
        } else {
            vec![serde_json::from_str(given.get())?]
        };
        for one in &conditions {
            if one.fewer.is_none() == one.at_least.is_none() {
                return Err(AskFault("`only_if` has `fewer` or `at_least`, and one of them".to_owned()));
            }
        }
        Ok(conditions)
    }
}

/// A template that found nothing gives null.
fn given(raw: Option<&Raw>) -> Option<&Raw> {
    raw.filter(|raw| raw.get() != "null")
}

/// How many entries there may or must be.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnlyIf {
    /// Without it that of the step.
    #[serde(default)]
    pub register: Option<Arc<str>>,
    #[serde(default, rename = "where")]
    pub filter: Option<Raw>,
    #[serde(default)]
    pub period: Option<Period>,
    #[serde(default)]
    pub fewer: Option<u64>,
    #[serde(default)]
    pub at_least: Option<u64>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Find {
    pub register: Arc<str>,
    #[serde(default, rename = "where")]
    pub filter: Option<Raw>,
    #[serde(default)]
    pub period: Option<Period>,
    #[serde(default)]
    pub by: Texts,
    #[serde(default)]
    show: serde_json::Map<String, Json>,
    #[serde(default)]
    order: Texts,
    #[serde(default)]
    pub first: Option<u64>,
    /// All entries as they were written, also amended and voided ones.
    #[serde(default)]
    pub history: bool,
}

/// A column, and whether its largest comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordered {
    pub column: String,
    pub down: bool,
}

impl Ordered {
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.strip_prefix('-') {
            Some(column) => Self { column: column.to_owned(), down: true },
            None => Self { column: text.to_owned(), down: false },
        }
    }
}

impl Find {
    pub fn read(with: &str) -> Result<Self, AskFault> {
        Ok(serde_json::from_str(with)?)
    }

    pub fn show(&self) -> Result<Vec<Show>, AskFault> {
        Show::all(&self.show)
    }

    pub fn order(&self) -> Vec<Ordered> {
        self.order.0.iter().map(|text| Ordered::parse(text)).collect()
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    pub register: Arc<str>,
    #[serde(default, rename = "where")]
    pub filter: Option<Raw>,
    #[serde(default)]
    pub period: Option<Period>,
}

/// The entry that is meant.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    pub register: Arc<str>,
    pub number: Json,
    #[serde(default)]
    pub why: Option<Arc<str>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amend {
    pub register: Arc<str>,
    pub number: Json,
    pub set: Raw,
    #[serde(default)]
    pub why: Option<Arc<str>>,
}

/// Private fields whose values are to be forgotten.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erase {
    pub register: Arc<str>,
    pub number: Json,
    /// Without it all.
    #[serde(default)]
    pub fields: Texts,
    #[serde(default)]
    pub why: Option<Arc<str>>,
}
