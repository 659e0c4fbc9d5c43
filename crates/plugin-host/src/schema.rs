//! JSON Schema in the subset that plugins use, compiled once, run over each document while it is read.
//!
//! The subset: type, properties, required, additionalProperties, items, enum, const, minimum, maximum, the limits of
//! length, pattern, oneOf, anyOf, $ref to $defs. Annotations are passed over; any other keyword is refused, because a
//! check that is silently not made is worse than none.

mod check;
mod compile;

use std::collections::HashMap;

use serde_json::Value;

/// A compiled schema: nodes that name each other by number, so that a schema may contain itself.
#[derive(Debug)]
pub(crate) struct Schema {
    nodes: Vec<Node>,
    root: usize,
}

/// What one place of a document must be.
#[derive(Debug, Default)]
struct Node {
    /// Stands for another one.
    alias: Option<usize>,
    /// `false` as a schema.
    never: bool,
    /// A set of `kind::*`; `None` takes every kind.
    kinds: Option<u8>,
    properties: HashMap<Box<str>, usize>,
    required: Vec<Box<str>>,
    additional: Additional,
    items: Option<usize>,
    /// `enum`, and `const` as a list of one.
    values: Option<Vec<Value>>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    above: Option<f64>,
    below: Option<f64>,
    length: Span,
    items_count: Span,
    pattern: Option<regex_lite::Regex>,
    one_of: Vec<usize>,
    any_of: Vec<usize>,
    /// `x-yz: secret`: the value is a secret's name.
    secret: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum Additional {
    #[default]
    Free,
    Refused,
    Like(usize),
}

#[derive(Clone, Copy, Debug, Default)]
struct Span {
    least: Option<u64>,
    most: Option<u64>,
}

mod kind {
    pub(super) const NULL: u8 = 1;
    pub(super) const BOOLEAN: u8 = 2;
    pub(super) const INTEGER: u8 = 4;
    pub(super) const NUMBER: u8 = 8;
    pub(super) const STRING: u8 = 16;
    pub(super) const ARRAY: u8 = 32;
    pub(super) const OBJECT: u8 = 64;
    pub(super) const NAMES: [(&str, u8); 7] = [
        ("null", NULL),
        ("boolean", BOOLEAN),
        ("integer", INTEGER),
        ("number", NUMBER),
        ("string", STRING),
        ("array", ARRAY),
        ("object", OBJECT),
    ];
}

/// Where a document is not as it should be. It names kinds, never values: they may be private.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: expected {expected}, got {got}", if pointer.is_empty() { "the whole" } else { pointer })]
pub(crate) struct Mismatch {
    /// JSON pointer.
    pub(crate) pointer: String,
    pub(crate) expected: String,
    pub(crate) got: String,
}

#[cfg(test)]
mod tests;
