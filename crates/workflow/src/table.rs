//! Decision tables: rows are read from the top, and the first that fits is the answer.

use std::sync::Arc;

use minijinja::Value;

/// A table as the file wrote it.
#[derive(Clone, Debug)]
pub struct Table {
    pub name: Arc<str>,
    /// The columns that a call names.
    pub key: Vec<Arc<str>>,
    pub columns: Vec<Arc<str>>,
    /// A cell per column.
    pub rows: Vec<Arc<[Cell]>>,
}

/// What stands in a cell.
#[derive(Clone, Debug)]
pub enum Cell {
    Value(Value),
    /// In a key column: one of these.
    OneOf(Arc<[Value]>),
    /// In a key column: from and to, both counted in.
    Range(f64, f64),
    /// In a key column: `>= 3`.
    Compare(Comparison, f64),
    /// In a key column: anything.
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Below,
    AtMost,
    Above,
    AtLeast,
}
impl minijinja::value::Object for Table {}
