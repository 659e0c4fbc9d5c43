//! How an action says that it did not succeed, and what the engine may do about it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whether the outside world was changed before the failure. The effect class decides by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Happened {
    No,
    /// It may have been sent. What is not said is taken for this.
    #[default]
    Maybe,
    Yes,
}

/// Why an action failed. It is the error document of the ABI.
///
/// It does not implement `std::error::Error`, so that `?` turns any other error into it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Error {
    /// Dotted and stable, for `on_error` and searches: `email.refused`.
    pub code: String,
    pub message: String,
    /// What the reader may do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Whether the same attempt may succeed later.
    #[serde(default)]
    pub retry: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<f64>,
    #[serde(default)]
    pub happened: Happened,
    /// Which value of the input is at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
}

impl Error {
    /// A failure after which something may have happened and trying again is of no use. Say more with the methods.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            help: None,
            retry: false,
            retry_after_s: None,
            happened: Happened::Maybe,
            pointer: None,
        }
    }

    /// A failure before anything was done: bad input, a refusal.
    pub fn refused(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(code, message).happened(Happened::No)
    }

    /// What an action that watches for cancel itself gives back when it stopped before doing anything.
    #[must_use]
    pub fn cancelled() -> Self {
        Self::refused("plugin.cancelled", "cancelled").retry()
    }

    /// The other side asks to come back later.
    #[must_use]
    pub fn retry_later(after: Option<Duration>) -> Self {
        let error = Self::refused("plugin.try_later", "the other side asks to try again later").retry();
        match after {
            Some(after) => error.retry_after(after),
            None => error,
        }
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    #[must_use]
    pub fn retry(mut self) -> Self {
        self.retry = true;
        self
    }

    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry = true;
        self.retry_after_s = Some(after.as_secs_f64());
        self
    }

    #[must_use]
    pub fn happened(mut self, happened: Happened) -> Self {
        self.happened = happened;
        self
    }

    /// Names the value at fault by its JSON pointer, `/to/0`.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(inner) = source {
            message = format!("{message}: {inner}");
            source = inner.source();
        }
        Self::new("plugin.failed", message)
    }
}
