//! Drives runs: decides, commits, then acts.

pub mod by_id;
pub mod carrier;
mod change;
pub mod doorbell;
mod engine;
mod handle;
mod inbox;
pub mod intake;
pub mod letter;
pub mod library;
pub mod live;
mod notices;
mod outgoing;
mod recovery;
pub mod rehearsal;
pub mod schedules;
mod starting;
pub mod store;
mod writer;

pub use handle::{
    ActError, Clock, Engine, EngineConfig, Health, Opened, Shared, StartError, StartReply, Started,
};
pub use notices::Untold;
pub use writer::WriterFigures;
