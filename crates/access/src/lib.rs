//! Who may come in and what they did: passwords, invitations, sessions, tokens, and the audit of every act.
//!
//! All of it is in a file of its own, `access.db` beside the store: a case never depends on it, and it can be taken away
//! and made anew by inviting people again. What a role may do is in `yizhan_workflow::people::rights`; which person has
//! which role is in `config/people.toml`. Nothing here asks a clock: `now` comes in.

mod acts;
mod audit;
mod book;
mod guessing;
mod invitations;
mod password;
mod secret;
mod sessions;
mod tokens;
mod uploads;

pub use acts::{Act, Wanted, kind_of};
pub use audit::{Asked, Broken, Head, Outcome, Said, Verified};
pub use book::{Access, AccessError};
pub use guessing::Guessing;
pub use invitations::Invitation;
pub use password::{Unfit, fit};
pub use secret::Secret;
pub use sessions::{Session, SessionId};
pub use tokens::{NewToken, Token};
pub use uploads::UploadsMost;

#[cfg(test)]
mod tests;
