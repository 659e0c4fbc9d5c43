//! What the fault tests stand on: sinks that log every arrival, a client that logs every acknowledgement, and a checker
//! that would notice a loss. A checker that misses seeded faults proves nothing, so it is tested with them.

pub mod checker;
pub mod client;
pub mod daemon;
pub mod evidence;
pub mod fault;
pub mod load;
pub mod manager;
pub mod simulation;
pub mod sink;
pub mod smtp;
