//! Drives runs: decides, commits, then acts.

pub mod carrier;
pub mod store;
