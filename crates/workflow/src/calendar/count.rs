//! Counting working days and open time.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use super::Calendar;
use crate::id::Millis;

/// How far a working day is looked for: longer than any process.
const MOST_DAYS: usize = 120 * 366;

impl Calendar {
    /// The date that the zone's clock shows.
    #[must_use]
    pub fn date(&self, at: Millis) -> Option<Date> {
        self.local(at).map(|local| local.date())
    }

    #[must_use]
    pub fn local(&self, at: Millis) -> Option<DateTime> {
        Some(self.zone.to_datetime(at.timestamp()?))
    }

    /// The instant of a minute of a day; that of one which the clock skips is the first one after the gap.
    #[must_use]
    pub fn instant(&self, day: Date, minute: u16) -> Option<Millis> {
        if minute >= 24 * 60 {
            return self.instant(day.tomorrow().ok()?, minute - 24 * 60);
        }
        let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
        first_instant(day.to_datetime(Time::new(hour, minute, 0, 0).ok()?), &self.zone)
    }

    /// When the work of a day begins.
    #[must_use]
    pub fn begins(&self, day: Date) -> Option<Millis> {
        self.instant(day, self.hours(day).first()?.from)
    }

    /// When the work of a day is over.
    #[must_use]
    pub fn ends(&self, day: Date) -> Option<Millis> {
        self.instant(day, self.hours(day).last()?.until)
    }

    /// The day that what comes in at an instant counts for. From one cut-off to the next everything is of one day, so
    /// with a cut-off what comes in on a day off is of the next working day.
    #[must_use]
    pub fn counts_for(&self, at: Millis) -> Option<Date> {
        let local = self.local(at)?;
        let day = local.date();
        match self.cut_off {
            None => Some(day),
            Some(cut_off) if self.is_workday(day) && local.time() < cut_off => Some(day),
            Some(_) => self.workday_after(day, 1),
        }
    }

    /// The n-th working day after a day; with 0 the day itself, or the first working day after it.
    #[must_use]
    pub fn workday_after(&self, day: Date, n: u32) -> Option<Date> {
        self.workday(day, n, |day| day.tomorrow().ok())
    }

    /// The n-th working day before a day; with 0 the day itself, or the last working day before it.
    #[must_use]
    pub fn workday_before(&self, day: Date, n: u32) -> Option<Date> {
        self.workday(day, n, |day| day.yesterday().ok())
    }

    fn workday(&self, day: Date, n: u32, step: impl Fn(Date) -> Option<Date>) -> Option<Date> {
        let first = if n == 0 { Some(day) } else { step(day) };
        let days = std::iter::successors(first, |day| step(*day)).take(MOST_DAYS);
        days.filter(|day| self.is_workday(*day)).nth(usize::try_from(n.saturating_sub(1)).ok()?)
    }

    /// How many working days lie after one day up to and with another; negative when it lies before.
    #[must_use]
    pub fn workdays(&self, from: Date, to: Date) -> i64 {
        let (first, last, sign) = if from <= to { (from, to, 1) } else { (to, from, -1) };
        let days = std::iter::successors(first.tomorrow().ok(), |day| day.tomorrow().ok());
        let worked = days.take_while(|day| *day <= last).filter(|day| self.is_workday(*day)).count();
        sign * i64::try_from(worked).unwrap_or(i64::MAX)
    }

    /// The open time of a day as instants, in order.
    fn open(&self, day: Date) -> impl DoubleEndedIterator<Item = (Millis, Millis)> {
        self.hours(day)
            .iter()
            .filter_map(move |open| Some((self.instant(day, open.from)?, self.instant(day, open.until)?)))
    }

    /// When so much open time has passed after an instant.
    #[must_use]
    pub fn after_open(&self, from: Millis, ms: i64) -> Option<Millis> {
        let mut left = ms;
        let days = std::iter::successors(self.date(from), |day| day.tomorrow().ok()).take(MOST_DAYS);
        for (begins, ends) in days.flat_map(|day| self.open(day)) {
            let begins = begins.max(from);
            let long = ends.0 - begins.0;
            if long > 0 && left <= long {
                return Some(begins.plus(left));
            }
            left -= long.max(0);
        }
        None
    }

    /// The instant from which so much open time passes until another one.
    #[must_use]
    pub fn before_open(&self, until: Millis, ms: i64) -> Option<Millis> {
        let mut left = ms;
        let days = std::iter::successors(self.date(until), |day| day.yesterday().ok()).take(MOST_DAYS);
        for (begins, ends) in days.flat_map(|day| self.open(day).rev()) {
            let ends = ends.min(until);
            let long = ends.0 - begins.0;
            if long > 0 && left <= long {
                return Some(ends.plus(-left));
            }
            left -= long.max(0);
        }
        None
    }

    /// How much open time lies between two instants.
    #[must_use]
    pub fn open_between(&self, from: Millis, until: Millis) -> i64 {
        let Some(last) = self.date(until) else { return 0 };
        let days = std::iter::successors(self.date(from), |day| day.tomorrow().ok());
        let open = days.take_while(|day| *day <= last).flat_map(|day| self.open(day));
        open.map(|(begins, ends)| (ends.min(until).0 - begins.max(from).0).max(0)).sum()
    }

    #[must_use]
    pub fn is_open(&self, at: Millis) -> bool {
        self.date(at).is_some_and(|day| self.open(day).any(|(begins, ends)| begins <= at && at < ends))
    }

    /// The first open instant from one on: itself, where it is open.
    #[must_use]
    pub fn opens(&self, at: Millis) -> Option<Millis> {
        self.after_open(at, 0)
    }

    /// When what is open at an instant closes next; nothing while it is closed.
    #[must_use]
    pub fn closes(&self, at: Millis) -> Option<Millis> {
        self.open(self.date(at)?).find(|(begins, ends)| *begins <= at && at < *ends).map(|(_, ends)| ends)
    }
}

/// The instant of a time of the clock; that of one which the clock skips is the first one after the gap, and of one that
/// comes twice the first.
pub(crate) fn first_instant(local: DateTime, zone: &TimeZone) -> Option<Millis> {
    let zoned = local.to_zoned(zone.clone()).ok()?;
    let instant = Millis(zoned.timestamp().as_millisecond());
    if zoned.datetime() == local {
        return Some(instant);
    }
    // The answer lies as far behind the change as the time would have.
    let change = crate::schedule::last_change(zone, instant.plus(1).timestamp()?);
    Some(change.map_or(instant, |change| Millis(change.as_millisecond())))
}
