//! What the core works out, against independent answers from another language.

#[cfg(test)]
mod schedule;
