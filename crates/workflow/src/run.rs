//! One run: events in, commands out.

pub mod event;
