//! Drives runs: decides, commits, then acts.

mod built_in;
pub mod by_id;
mod calendars;
pub mod carrier;
mod change;
mod changed;
pub mod chats;
mod choosing;
mod completing;
pub mod digest;
pub mod doorbell;
mod each_reader;
mod engine;
pub mod event_triggers;
mod events;
pub mod gathering;
mod handle;
mod inbox;
pub mod intake;
pub mod letter;
pub mod library;
mod limits;
pub mod link;
pub mod live;
mod notices;
mod offers;
mod outgoing;
mod pausing;
pub mod queries;
mod recovery;
mod refusals;
pub mod registers;
pub mod rehearsal;
pub mod schedules;
mod sealed;
mod slots;
mod starting;
pub mod store;
mod sync;
mod writer;

pub use changed::{Changed, ChangedRun, Changes};
pub use handle::{
    ActError, Clock, Driver, Engine, EngineConfig, Health, KeepError, Keeping, Opened, PublishError,
    PublishReply, Publishing, Shared, StartError, StartReply, Started,
};
pub use notices::Untold;
pub use pausing::PauseError;
pub use writer::WriterFigures;
