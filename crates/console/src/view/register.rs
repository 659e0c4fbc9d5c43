//! What the API shows of registers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yizhan_workflow::register::ChainFault;
use yizhan_workflow::run::event::Raw;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegisterView {
    pub name: String,
    pub title: Option<String>,
    /// False: it has lines, and the file does not declare it any more.
    pub declared: bool,
    pub number: String,
    pub key: Vec<String>,
    pub read: Vec<String>,
    pub keep: Option<String>,
    pub columns: Vec<RegisterColumn>,
    /// Lines that there are, amendments counted in.
    pub lines: u64,
    /// The newest line's.
    pub hash: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegisterColumn {
    pub name: String,
    pub label: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub private: bool,
    /// What its codes are called.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

/// A line as it was written, with all that its hash is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineView {
    pub register: String,
    pub place: u64,
    pub kind: String,
    pub of: Option<u64>,
    pub number: String,
    pub series: String,
    pub count: u64,
    pub at: i64,
    pub by: String,
    pub key: String,
    pub part: u32,
    pub why: Option<String>,
    #[schema(value_type = Object)]
    pub values: Raw,
    /// The text that is hashed, with seals in the place of private values.
    #[schema(value_type = Object)]
    pub body: Raw,
    pub before: String,
    pub hash: String,
    /// Of an entry: the line with its present values; none once it is void.
    pub shown: Option<u64>,
    pub card: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VerifiedView {
    pub register: String,
    pub lines: u64,
    pub hash: Option<String>,
    /// Whether they were looked at: without the house's key they cannot be.
    pub signatures: bool,
    /// Each with its name as `fault`.
    #[schema(value_type = Vec<Object>)]
    pub faults: Vec<ChainFault>,
    /// The faults in the reader's language.
    pub sentences: Vec<String>,
}
