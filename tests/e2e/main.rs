//! The real program, in a home of its own.
