//! `yizhan demo`: a home in a temporary folder, a daemon in it, and one real case of each shipped process, carried from
//! its trigger to its end by a scripted clerk.

mod case;
mod clerk;
mod place;
mod receiver;

pub(crate) use case::cases;
pub(crate) use clerk::Clerk;
pub(crate) use place::Place;
pub(crate) use receiver::Receiver;
