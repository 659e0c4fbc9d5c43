//! How much one plugin may say: what is more is counted, so that a loop of it neither fills the disk nor hides the others.

use std::time::{Duration, Instant};

const LINES_A_SECOND: u32 = 100;
const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Pace {
    since: Option<Instant>,
    told: u32,
    dropped: u32,
    /// When the dropped ones are told, however many follow them.
    due: Option<Instant>,
}

/// What becomes of a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Told,
    /// The first too many of its second: the count is to be told then.
    FirstDropped(Instant),
    Dropped,
}

impl Pace {
    pub(crate) fn take(&mut self, now: Instant) -> Line {
        let since = self.since.filter(|since| now.duration_since(*since) < SECOND).unwrap_or_else(|| {
            self.told = 0;
            now
        });
        self.since = Some(since);
        if self.told < LINES_A_SECOND {
            self.told += 1;
            return Line::Told;
        }
        self.dropped = self.dropped.saturating_add(1);
        if self.due.is_some() {
            return Line::Dropped;
        }
        let due = since + SECOND;
        self.due = Some(due);
        Line::FirstDropped(due)
    }

    /// How many were dropped, once their second is over; else when to ask again.
    pub(crate) fn dropped(&mut self, now: Instant) -> Result<u32, Instant> {
        if let Some(due) = self.due.filter(|due| now < *due) {
            return Err(due);
        }
        self.due = None;
        Ok(std::mem::take(&mut self.dropped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_so_many_lines_and_the_rest_of_them_is_counted() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        for _ in 0..LINES_A_SECOND {
            assert_eq!(pace.take(now), Line::Told);
        }
        assert_eq!(pace.dropped(now), Ok(0));
        let half = now + SECOND / 2;
        assert_eq!(pace.take(half), Line::FirstDropped(now + SECOND));
        assert_eq!(pace.take(half), Line::Dropped);
        assert_eq!(pace.dropped(half), Err(now + SECOND));
        assert_eq!(pace.dropped(now + SECOND), Ok(2));
        assert_eq!(pace.dropped(now + SECOND), Ok(0), "they are told once");
        assert_eq!(pace.take(now + SECOND), Line::Told);
    }

    #[test]
    fn lines_that_never_stop_do_not_put_off_the_count() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        for _ in 0..2 * LINES_A_SECOND {
            pace.take(now);
        }
        // The next second has begun before anybody looks.
        let next = now + SECOND;
        for _ in 0..2 * LINES_A_SECOND {
            pace.take(next);
        }
        assert_eq!(pace.dropped(next), Ok(2 * LINES_A_SECOND));
        assert_eq!(pace.take(next), Line::FirstDropped(next + SECOND));
    }
}
