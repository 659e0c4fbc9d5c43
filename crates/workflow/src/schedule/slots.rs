//! The slots of a pattern: its days and times of day, laid over the changes of the zone's clock.
//!
//! A zone is a row of stretches of one offset. Within a stretch the clock runs straight, so a slot is found by looking
//! at days and times; what a change skips or repeats is said at the borders of the stretches, and nowhere else.

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

use super::{CronLine, Days, Fold, Gap, Nth, Pattern, Period, Schedule};
use crate::id::Millis;
use crate::moment::Unit;

const DAY: i64 = 24 * 3_600_000;

/// How far ahead a slot is looked for. A 29 February that is a Monday comes within 40 years.
const HORIZON: i64 = 120 * 366 * DAY;

/// A pattern on a zone's clock.
pub(crate) struct Slots<'a> {
    days: DayRule<'a>,
    times: Times<'a>,
    /// Runs through both halves of a repeated hour.
    interval: bool,
    gap: Gap,
    fold: Fold,
    zone: &'a TimeZone,
}

enum DayRule<'a> {
    /// Not days at all: elapsed time.
    None,
    Days(Days),
    Cron(&'a CronLine),
}

/// Times of day in milliseconds from midnight; with `DayRule::None` a step of elapsed time from 1970.
enum Times<'a> {
    One(i64),
    Each(i64),
    List(&'a [i64]),
}

/// Time of one offset: `start..end` in milliseconds, with the offsets at its borders.
struct Stretch {
    start: i64,
    end: i64,
    before: i64,
    offset: i64,
    after: i64,
}

impl<'a> Slots<'a> {
    pub(crate) fn of(schedule: &'a Schedule, house: &'a TimeZone) -> Self {
        let zone = schedule.zone.as_ref().unwrap_or(house);
        Self { gap: schedule.gap, fold: schedule.fold, ..Self::plain(&schedule.pattern, zone) }
    }

    /// With the usual rules at the changes of the clock.
    pub(crate) fn plain(pattern: &'a Pattern, zone: &'a TimeZone) -> Self {
        let (days, times, interval) = match pattern {
            Pattern::Every(span) if span.ms > 0 && DAY % span.ms == 0 => {
                (DayRule::Days(Days::Every), Times::Each(span.ms), true)
            }
            Pattern::Every(span) => (DayRule::None, Times::Each(span.ms.max(1)), true),
            Pattern::On { days, time } => {
                let time = time
                    .map_or(0, |time| i64::from(time.hour()) * 3_600_000 + i64::from(time.minute()) * 60_000);
                (DayRule::Days(*days), Times::One(time), false)
            }
            Pattern::Cron(line) => (DayRule::Cron(line), Times::List(line.times()), line.is_interval()),
        };
        Self { days, times, interval, gap: Gap::After, fold: Fold::First, zone }
    }

    /// The first slot after an instant.
    pub(crate) fn after(&self, instant: Millis) -> Option<Millis> {
        let from = instant.0.checked_add(1)?;
        if let (DayRule::None, Times::Each(step)) = (&self.days, &self.times) {
            return from.checked_add(step - 1).map(|late| Millis(late.div_euclid(*step) * step));
        }
        let horizon = from.checked_add(HORIZON)?;
        let mut stretch = self.stretch(from)?;
        loop {
            if stretch.start >= from && self.fires_at_gap(&stretch) {
                return Some(Millis(stretch.start));
            }
            let (low, high) = self.clock_of(&stretch, from, horizon);
            if let Some(found) = self.first_in(low, high) {
                return Some(Millis(found - stretch.offset));
            }
            if stretch.end >= horizon {
                return None;
            }
            stretch = self.stretch(stretch.end)?;
        }
    }

    /// How many slots are after `from` and not after `until`.
    pub(crate) fn count(&self, from: Millis, until: Millis) -> u64 {
        let (from, until) = (from.0.saturating_add(1), until.0.saturating_add(1));
        if until <= from {
            return 0;
        }
        if let (DayRule::None, Times::Each(step)) = (&self.days, &self.times) {
            let before = |instant: i64| (instant - 1).div_euclid(*step);
            return before(until).abs_diff(before(from));
        }
        let mut count = 0;
        let mut next = from;
        while next < until {
            let Some(stretch) = self.stretch(next) else { break };
            let (low, high) = self.clock_of(&stretch, from, until);
            count += self.count_in(low, high);
            // A time that exists at the end of the gap is counted above already.
            let at_start = stretch.start + stretch.offset;
            if stretch.start >= from
                && self.fires_at_gap(&stretch)
                && self.first_in(at_start, at_start + 1).is_none()
            {
                count += 1;
            }
            next = stretch.end;
        }
        count
    }

    /// What the zone's clock shows, from the first instant to look at to the end of the stretch, without what is
    /// shown twice and does not count this time.
    fn clock_of(&self, stretch: &Stretch, from: i64, until: i64) -> (i64, i64) {
        let mut low = stretch.start.max(from) + stretch.offset;
        let mut high = stretch.end.min(until) + stretch.offset;
        if !self.interval && self.fold == Fold::First {
            low = low.max(stretch.start.saturating_add(stretch.before));
        }
        if !self.interval && self.fold == Fold::Second {
            high = high.min(stretch.end.saturating_add(stretch.after));
        }
        (low, high)
    }

    /// Whether a time that the clock skips when the stretch begins is made up for at its first instant. A clock that
    /// did not go ahead skips nothing: the range is empty.
    fn fires_at_gap(&self, stretch: &Stretch) -> bool {
        let skipped = (stretch.start + stretch.before, stretch.start + stretch.offset);
        self.gap == Gap::After && self.first_in(skipped.0, skipped.1).is_some()
    }

    fn stretch(&self, instant: i64) -> Option<Stretch> {
        let at = Timestamp::from_millisecond(instant).ok()?;
        // "Preceding" leaves out a change at the very instant.
        let inside = Timestamp::from_millisecond(instant.checked_add(1)?).ok()?;
        let offset = |at: Timestamp| i64::from(self.zone.to_offset(at).seconds()) * 1000;
        let before = self.zone.preceding(inside).next().map(|change| change.timestamp());
        let after = self.zone.following(at).next().map(|change| change.timestamp());
        let here = offset(at);
        let just_before = |start: Timestamp| Timestamp::from_millisecond(start.as_millisecond() - 1).ok();
        Some(Stretch {
            // Far outside of what is asked for, and safe to add offsets to.
            start: before.map_or(i64::MIN / 2, Timestamp::as_millisecond),
            end: after.map_or(i64::MAX / 2, Timestamp::as_millisecond),
            before: before.and_then(just_before).map_or(here, offset),
            offset: here,
            after: after.map_or(here, offset),
        })
    }

    /// The first time of the clock within `low..high`.
    fn first_in(&self, low: i64, high: i64) -> Option<i64> {
        let mut day = low.div_euclid(DAY);
        let mut time = low.rem_euclid(DAY);
        while day * DAY + time < high {
            if self.takes(day)
                && let Some(found) = self.times.at_or_after(time)
            {
                let found = day * DAY + found;
                return (found < high).then_some(found);
            }
            day += 1;
            time = 0;
        }
        None
    }

    fn count_in(&self, low: i64, high: i64) -> u64 {
        if high <= low {
            return 0;
        }
        let (first, last) = (low.div_euclid(DAY), (high - 1).div_euclid(DAY));
        let within = |day: i64| {
            let from = if day == first { low.rem_euclid(DAY) } else { 0 };
            let until = if day == last { (high - 1).rem_euclid(DAY) + 1 } else { DAY };
            self.times.count(from, until)
        };
        (first..=last).filter(|day| self.takes(*day)).map(within).sum()
    }

    /// Whether the pattern takes a day, numbered from 1970-01-01.
    fn takes(&self, day: i64) -> bool {
        match &self.days {
            DayRule::None => false,
            DayRule::Days(Days::Every) => true,
            DayRule::Days(days) => date_of(day).is_some_and(|date| days.takes(date, day)),
            DayRule::Cron(line) => date_of(day).is_some_and(|date| line.takes(date)),
        }
    }
}

fn date_of(day: i64) -> Option<Date> {
    let midnight = Timestamp::from_millisecond(day.checked_mul(DAY)?).ok()?;
    Some(jiff::tz::Offset::UTC.to_datetime(midnight).date())
}

impl Times<'_> {
    fn at_or_after(&self, time: i64) -> Option<i64> {
        match self {
            Self::One(only) => (time <= *only).then_some(*only),
            Self::Each(step) => {
                let next = (time + step - 1) / step * step;
                (next < DAY).then_some(next)
            }
            Self::List(list) => list.get(list.partition_point(|known| *known < time)).copied(),
        }
    }

    /// How many are within `from..until`.
    fn count(&self, from: i64, until: i64) -> u64 {
        let before = |time: i64| match self {
            Self::One(only) => i64::from(*only < time).unsigned_abs(),
            Self::Each(step) => ((time + step - 1) / step).unsigned_abs(),
            Self::List(list) => list.partition_point(|known| *known < time) as u64,
        };
        before(until) - before(from)
    }
}

impl Days {
    pub(crate) fn takes_date(self, date: Date) -> bool {
        let epoch = jiff::civil::date(1970, 1, 1);
        self.takes(date, epoch.duration_until(date).as_hours() / 24)
    }

    fn takes(self, date: Date, number: i64) -> bool {
        match self {
            Self::Every => true,
            Self::EveryNth { n, unit } => every_nth(date, number, i64::from(n.max(1)), unit),
            Self::Weekday(day) => date.weekday() == day,
            Self::OfMonth(day) => date.day().unsigned_abs() == day.min(date.days_in_month().unsigned_abs()),
            Self::Nth { nth, day, of } => nth_of(date, nth, day, of),
        }
    }
}

fn every_nth(date: Date, number: i64, n: i64, unit: Unit) -> bool {
    let (year, month) = (i64::from(date.year()) - 1970, i64::from(date.month()) - 1);
    match unit {
        Unit::Days => number.rem_euclid(n) == 0,
        // 1970-01-05 was a Monday.
        Unit::Weeks => date.weekday() == Weekday::Monday && (number - 4).div_euclid(7).rem_euclid(n) == 0,
        Unit::Months => date.day() == 1 && (year * 12 + month).rem_euclid(n) == 0,
        Unit::Years => date.day() == 1 && month == 0 && year.rem_euclid(n) == 0,
    }
}

fn nth_of(date: Date, nth: Nth, day: Option<Weekday>, of: Period) -> bool {
    let (number, length) = match of {
        Period::Month => (i32::from(date.day()), i32::from(date.days_in_month())),
        Period::Year => (i32::from(date.day_of_year()), i32::from(date.days_in_year())),
    };
    // A weekday comes once in seven days of the period, counted from its start or its end.
    let width = if day.is_some() { 7 } else { 1 };
    let place = match nth {
        Nth::From(place) => (number - 1) / width + 1 == i32::from(place),
        Nth::Last => number + width > length,
    };
    place && day.is_none_or(|day| date.weekday() == day)
}
