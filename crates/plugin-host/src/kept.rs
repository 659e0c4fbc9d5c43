//! What is kept of the words of one attempt: so much, and that there was more.

use std::sync::{Mutex, PoisonError};

/// Lines that one attempt may keep, and bytes of them all.
const LINES_MOST: u32 = 100;
const BYTES_MOST: usize = 16 << 10;

/// A line that a plugin said while it carried an attempt, clean of secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptLine<'l> {
    pub run: &'l str,
    /// The outward key of the item, the same for every attempt at it.
    pub key: &'l str,
    pub attempt: u32,
    /// In milliseconds since 1970.
    pub at: i64,
    /// `error`, `warn`, `info`, `debug`, `trace`; `cut`: more was said, and is not kept, and `text` is how it began.
    pub level: &'l str,
    pub text: &'l str,
}

/// Who keeps them. Nobody may wait for it: it is said in the middle of a call.
pub trait AttemptLines: Send + Sync {
    fn said(&self, line: AttemptLine<'_>);
}

/// For whoever keeps none.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLines;

impl AttemptLines for NoLines {
    fn said(&self, _: AttemptLine<'_>) {}
}

/// How much of a call's words is kept already.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<(u32, usize)>);

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    Whole,
    /// The first that is too much: that there was more is kept.
    FirstTooMuch,
    Nothing,
}

impl Kept {
    pub(crate) fn has_room(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0 <= LINES_MOST
    }

    pub(crate) fn take(&self, bytes: usize) -> Share {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (lines, all) = *kept;
        if lines > LINES_MOST {
            return Share::Nothing;
        }
        if lines == LINES_MOST || all + bytes > BYTES_MOST {
            kept.0 = LINES_MOST + 1;
            return Share::FirstTooMuch;
        }
        *kept = (lines + 1, all + bytes);
        Share::Whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_lines_and_so_many_bytes_are_kept_and_that_there_was_more_is_said_once() {
        let lines = Kept::default();
        for _ in 0..100 {
            assert_eq!(lines.take(10), Share::Whole);
        }
        assert_eq!((lines.take(10), lines.take(10)), (Share::FirstTooMuch, Share::Nothing));
        let bytes = Kept::default();
        assert_eq!((bytes.take(16 << 10), bytes.take(1)), (Share::Whole, Share::FirstTooMuch));
        assert_eq!(bytes.take(0), Share::Nothing);
    }
}
