//! Cells of spreadsheets: a csv that no program takes for formulas, and the rows of an xlsx.

#![forbid(unsafe_code)]

mod csv;
mod xlsx;

pub use csv::{Guard, line};
pub use xlsx::{Line, Sheet, SheetError, sheet};
