//! Where journals live: SQLite for the daemon, memory for tests and rehearsals. Both pass the same contract tests.

mod checksum;
#[cfg(test)]
mod contract;
mod cursor;
mod finding;
#[cfg(test)]
mod machine;
mod memory;
mod said;
mod search;
mod sense;
mod sqlite;

pub use memory::Memory;
pub use said::{Said, SaidLine};
pub use sqlite::{Copied, CopyError, OpenError, Sqlite, SqliteReads, copy_database, copy_store};
