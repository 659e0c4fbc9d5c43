//! Measures what a durable step costs on this machine: the real engine, store and carriers in a folder of its own.

mod machine;
mod steps;

pub(crate) use machine::disk_commit;
pub(crate) use steps::{Figures, Load, Problem, run};
