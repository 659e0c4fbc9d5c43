//! What a workflow file says and what a run does: the pure core. Knows no clock, no file, no network.

pub mod calendar;
pub mod catalogue;
pub mod definition;
pub mod expression;
pub mod filter;
pub mod form;
pub mod id;
pub mod moment;
pub mod people;
pub mod plan;
pub mod problem;
pub mod prose;
pub mod query;
pub mod register;
pub mod run;
pub mod schedule;
pub mod table;
pub mod testing;
