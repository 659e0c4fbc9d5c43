//! Stories about decision tables.
