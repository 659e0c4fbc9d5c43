//! Registers and sequences of `config/registers.toml`: ledgers that only grow, numbered without gaps and chained.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::Value;

use crate::form::{FieldFault, Form, Options};
use crate::problem::{Problem, nearest};

mod ask;
pub(crate) mod chain;
mod count;
mod figures;
mod find;
mod number;
mod period;
pub(crate) mod seal;
mod terms;

pub use ask::{Amend, Append, AskFault, Count, Erase, Find, OnlyIf, Ordered, Target, Texts};
pub use chain::{BEGINNING, Chain, ChainFault, Entry, EntryKind, Head, told};
pub use count::{Nth, groups, meets};
pub use figures::Show;
pub use find::{Row, Wanted, found, label_column};
pub use number::{Numbered, Resets};
pub use period::{Bounds, Period};
pub use seal::{Body, seal, seal_again, sealed};
pub use terms::{OneOf, Term, day_of_year};

/// One entry is a line of a ledger, not a document: those go into a file field.
pub const MOST_ENTRY: usize = 64 * 1024;

/// Entries of one `register.append`.
pub const MOST_ENTRIES: usize = 1_000;

/// What the file declares, by name.
#[derive(Clone, Debug, Default)]
pub struct Registers {
    pub registers: BTreeMap<Arc<str>, Arc<Register>>,
    pub sequences: BTreeMap<Arc<str>, Numbered>,
    /// The text it was read from: the same text means the same registers.
    source: String,
}

impl PartialEq for Registers {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Registers {}

/// A ledger.
#[derive(Clone, Debug)]
pub struct Register {
    pub name: Arc<str>,
    pub title: Option<String>,
    pub form: Form,
    pub number: Numbered,
    /// Fields whose values make a card: of several entries with the same the latest counts.
    pub key: Vec<Arc<str>>,
    /// Who may read private fields.
    pub read: Vec<Arc<str>>,
    /// How long its entries are kept at least, as the file says it.
    pub keep: Option<String>,
}

impl Registers {
    /// Reads `config/registers.toml`.
    ///
    /// # Errors
    /// Every fault in it.
    pub fn read(text: &str) -> Result<Self, Vec<Problem>> {
        let (registers, sequences) = crate::definition::register::read(text)?;
        Ok(Self { registers, sequences, source: text.to_owned() })
    }

    #[must_use]
    pub fn register(&self, name: &str) -> Option<&Arc<Register>> {
        self.registers.get(name)
    }

    /// The name that was probably meant.
    #[must_use]
    pub fn near(&self, name: &str) -> Option<String> {
        nearest(name, self.registers.keys().map(|known| &**known))
    }
}

/// Why an entry is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryFault {
    #[error("the register `{register}` has no column `{column}`{}", near(.nearest.as_deref()))]
    NoColumn { register: Arc<str>, column: String, nearest: Option<String> },
    #[error("{}", sentences(.0))]
    Fields(Vec<FieldFault>),
    #[error("the entry has {size} bytes, and at most {MOST_ENTRY} are taken")]
    TooLarge { size: usize },
}

fn near(nearest: Option<&str>) -> String {
    nearest.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

fn sentences(faults: &[FieldFault]) -> String {
    faults.iter().map(|fault| format!("{}: {}", fault.field, fault.message)).collect::<Vec<_>>().join("; ")
}

impl Register {
    /// What the codes of a column are called, where they are called anything else.
    #[must_use]
    pub fn labels(&self, column: &str) -> Option<BTreeMap<Arc<str>, Arc<str>>> {
        let Options::Fixed(choices) = &self.form.field(column)?.options else { return None };
        let labels = choices.iter().map(|choice| (choice.code.clone(), choice.label.clone()));
        let told = choices.iter().any(|choice| choice.code != choice.label);
        (told && !self.has_column(&label_column(column))).then(|| labels.collect())
    }

    /// The values as they are kept: each of its field's type, in the order of the fields. A column that the register
    /// does not have is refused: a ledger must not lose what was written into it.
    ///
    /// # Errors
    /// When a value does not fit its field.
    pub fn accept(&self, given: &str) -> Result<String, EntryFault> {
        if given.len() > MOST_ENTRY {
            return Err(EntryFault::TooLarge { size: given.len() });
        }
        let nothing = Value::from_pairs(Vec::<(Value, Value)>::new());
        let taken = self.form.accept_text(given, &nothing).map_err(EntryFault::Fields)?;
        if let Some(column) = taken.dropped.first() {
            return Err(EntryFault::NoColumn {
                register: self.name.clone(),
                column: column.clone(),
                nearest: nearest(column, self.form.fields.iter().map(|field| &*field.name)),
            });
        }
        Ok(taken.json)
    }

    /// The values with some of them given anew. What an older form of the register asked for stays with the entry.
    ///
    /// # Errors
    /// When a value does not fit its field, or a new one has no column.
    pub fn amended(&self, present: &str, set: &str) -> Result<String, EntryFault> {
        let (now, new) = (seal::pairs(present), seal::pairs(set));
        let is_own = |name: &str| self.form.field(name).is_some();
        let kept = now.iter().filter(|(name, _)| is_own(name) && new.iter().all(|(set, _)| set != name));
        let taken = self.accept(&seal::object_of(kept.chain(&new)))?;
        let old: Vec<(String, String)> = now.iter().filter(|(name, _)| !is_own(name)).cloned().collect();
        Ok(seal::object_of(seal::pairs(&taken).iter().chain(&old)))
    }

    /// What tells the thing that an entry is about from others of its kind; none where a part of it is empty.
    #[must_use]
    pub fn card(&self, values: &Value) -> Option<Arc<str>> {
        if self.key.is_empty() {
            return None;
        }
        let parts = self.key.iter().map(|field| {
            let value = values.get_attr(field).ok().filter(|value| !crate::expression::is_empty(value))?;
            let mut text = String::new();
            crate::expression::print(&value, &mut text);
            Some(text).filter(|text| !text.is_empty())
        });
        let parts: Vec<String> = parts.collect::<Option<_>>()?;
        Some(if let [one] = parts.as_slice() { one.as_str().into() } else { parts.join(" · ").into() })
    }

    /// Columns that an entry is looked for by.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.form.fields.iter().map(|field| &*field.name).chain(OWN)
    }

    #[must_use]
    pub fn has_column(&self, name: &str) -> bool {
        self.columns().any(|column| column == name)
    }
}

/// What every entry has beside its fields; a field of the same name goes before it.
pub const OWN: [&str; 2] = ["number", "at"];

#[cfg(test)]
mod tests;
