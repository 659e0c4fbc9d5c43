//! The folders a plugin may touch, and no way out of them: no `..`, no link, no device.
//!
//! Every folder is opened once, at the start; afterwards names are looked up below that open folder only, so that
//! neither a clever name nor a link that somebody puts in place meanwhile leads anywhere else.

#![forbid(unsafe_code)]

mod beneath;
mod fault;
mod name;
mod place;
mod put;
mod settings;

pub use fault::fault;
pub use name::is_own_name;
pub use place::{Folder, Place, Roots, Spot};
pub use put::{Put, put};
pub use settings::RootFolders;

#[cfg(test)]
mod tests;
