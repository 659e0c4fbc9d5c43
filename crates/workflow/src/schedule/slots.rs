//! The slots of a pattern: its days and times of day, laid over the changes of the zone's clock.
//!
//! A zone is a row of stretches of one offset. Within a stretch the clock runs straight, so a slot is found by looking
//! at days and times; what a change skips or repeats is said at the borders of the stretches, and nowhere else.

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

use super::{CronLine, Days, Fold, Gap, Holiday, Nth, Pattern, Period, Schedule, Which, last_change};
use crate::calendar::Calendar;
use crate::id::Millis;
use crate::moment::Unit;

const DAY: i64 = 24 * 3_600_000;

/// How many days off in a row a slot is moved over.
const MOST_OFF: i64 = 366;

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
    holiday: Holiday,
    calendar: &'a Calendar,
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
    /// When the hours of the day begin, or the day where it has none.
    Opening(&'a Calendar),
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
    pub(crate) fn of(schedule: &'a Schedule, calendar: &'a Calendar) -> Self {
        let zone = schedule.zone.as_ref().unwrap_or(&calendar.zone);
        let Schedule { gap, fold, holiday, .. } = *schedule;
        Self { gap, fold, holiday, zone, ..Self::plain(&schedule.pattern, calendar) }
    }

    /// With the usual rules at the changes of the clock.
    pub(crate) fn plain(pattern: &'a Pattern, calendar: &'a Calendar) -> Self {
        let (days, times, interval) = match pattern {
            Pattern::Every(span) if span.ms > 0 && DAY % span.ms == 0 => {
                (DayRule::Days(Days::Every), Times::Each(span.ms), true)
            }
            Pattern::Every(span) => (DayRule::None, Times::Each(span.ms.max(1)), true),
            Pattern::On { days, time } => {
                let time = match time {
                    Some(time) => {
                        Times::One(i64::from(time.hour()) * 3_600_000 + i64::from(time.minute()) * 60_000)
                    }
                    None if days.are_worked() => Times::Opening(calendar),
                    None => Times::One(0),
                };
                (DayRule::Days(*days), time, false)
            }
            Pattern::Cron(line) => (DayRule::Cron(line), Times::List(line.times()), line.is_interval()),
        };
        let (gap, fold, holiday, zone) = (Gap::After, Fold::First, Holiday::Keep, &calendar.zone);
        Self { days, times, interval, gap, fold, holiday, calendar, zone }
    }

    /// As a wait: a day without a time begins with its hours.
    pub(crate) fn waited(pattern: &'a Pattern, calendar: &'a Calendar) -> Self {
        let plain = Self::plain(pattern, calendar);
        match pattern {
            Pattern::On { time: None, .. } => Self { times: Times::Opening(calendar), ..plain },
            Pattern::On { .. } | Pattern::Every(_) | Pattern::Cron(_) => plain,
        }
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
        let before = last_change(self.zone, inside);
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
                && let Some(found) = self.times.at_or_after(time, day)
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
            self.times.count(from, until, day)
        };
        (first..=last).filter(|day| self.takes(*day)).map(within).sum()
    }

    /// Whether there are slots on a day, numbered from 1970-01-01: by the pattern, and by what becomes of days off.
    fn takes(&self, day: i64) -> bool {
        match self.holiday {
            Holiday::Keep => self.names(day),
            Holiday::Skip => self.is_worked(day) && self.names(day),
            Holiday::Next => self.is_worked(day) && (self.names(day) || self.names_off(day, -1)),
            Holiday::Previous => self.is_worked(day) && (self.names(day) || self.names_off(day, 1)),
        }
    }

    /// Whether the pattern names one of the days off that lie directly before or after a day.
    fn names_off(&self, day: i64, step: i64) -> bool {
        let off = (1..=MOST_OFF).map(|n| day + n * step).take_while(|day| !self.is_worked(*day));
        off.into_iter().any(|day| self.names(day))
    }

    fn is_worked(&self, day: i64) -> bool {
        date_of(day).is_some_and(|date| self.calendar.is_workday(date))
    }

    fn names(&self, day: i64) -> bool {
        match &self.days {
            DayRule::None => false,
            DayRule::Days(Days::Every) => true,
            DayRule::Days(days) => date_of(day).is_some_and(|date| days.takes(date, day, self.calendar)),
            DayRule::Cron(line) => date_of(day).is_some_and(|date| line.takes(date)),
        }
    }
}

fn date_of(day: i64) -> Option<Date> {
    let midnight = Timestamp::from_millisecond(day.checked_mul(DAY)?).ok()?;
    Some(jiff::tz::Offset::UTC.to_datetime(midnight).date())
}

impl Times<'_> {
    fn at_or_after(&self, time: i64, day: i64) -> Option<i64> {
        match self {
            Self::One(only) => (time <= *only).then_some(*only),
            Self::Each(step) => {
                let next = (time + step - 1) / step * step;
                (next < DAY).then_some(next)
            }
            Self::List(list) => list.get(list.partition_point(|known| *known < time)).copied(),
            Self::Opening(calendar) => Some(opening(calendar, day)).filter(|opening| time <= *opening),
        }
    }

    /// How many are within `from..until`.
    fn count(&self, from: i64, until: i64, day: i64) -> u64 {
        let before = |time: i64| match self {
            Self::One(only) => i64::from(*only < time).unsigned_abs(),
            Self::Each(step) => ((time + step - 1) / step).unsigned_abs(),
            Self::List(list) => list.partition_point(|known| *known < time) as u64,
            Self::Opening(calendar) => i64::from(opening(calendar, day) < time).unsigned_abs(),
        };
        before(until) - before(from)
    }
}

fn opening(calendar: &Calendar, day: i64) -> i64 {
    let first = date_of(day).and_then(|date| calendar.hours(date).first().copied());
    first.map_or(0, |open| i64::from(open.from) * 60_000)
}

impl Days {
    pub(crate) fn takes_date(self, date: Date, calendar: &Calendar) -> bool {
        let epoch = jiff::civil::date(1970, 1, 1);
        self.takes(date, epoch.duration_until(date).as_hours() / 24, calendar)
    }

    /// Whether only working days are meant.
    pub(crate) fn are_worked(self) -> bool {
        matches!(self, Self::Workday | Self::Nth { day: Which::Workday, .. })
    }

    fn takes(self, date: Date, number: i64, calendar: &Calendar) -> bool {
        match self {
            Self::Every => true,
            Self::EveryNth { n, unit } => every_nth(date, number, i64::from(n.max(1)), unit),
            Self::Weekday(day) => date.weekday() == day,
            Self::Workday => calendar.is_workday(date),
            Self::OfMonth(day) => date.day().unsigned_abs() == day.min(date.days_in_month().unsigned_abs()),
            Self::Nth { nth, day: Which::Workday, of } => nth_workday(date, nth, of, calendar),
            Self::Nth { nth, day: Which::On(day), of } => date.weekday() == day && nth_of(date, nth, 7, of),
            Self::Nth { nth, day: Which::Any, of } => nth_of(date, nth, 1, of),
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

/// Of days that come once in `width` days of the period, counted from its start or its end.
fn nth_of(date: Date, nth: Nth, width: i32, of: Period) -> bool {
    let (number, length) = match of {
        Period::Month => (i32::from(date.day()), i32::from(date.days_in_month())),
        Period::Year => (i32::from(date.day_of_year()), i32::from(date.days_in_year())),
    };
    match nth {
        Nth::From(place) => (number - 1) / width + 1 == i32::from(place),
        Nth::Last => number + width > length,
    }
}

fn nth_workday(date: Date, nth: Nth, of: Period, calendar: &Calendar) -> bool {
    if !calendar.is_workday(date) {
        return false;
    }
    let one = jiff::Span::new().days(1);
    let (first, last) = match of {
        Period::Month => (date.first_of_month(), date.last_of_month()),
        Period::Year => (date.first_of_year(), date.last_of_year()),
    };
    match nth {
        Nth::From(place) => {
            let before =
                first.series(one).take_while(|day| *day < date).filter(|day| calendar.is_workday(*day));
            before.take(usize::from(place)).count() + 1 == usize::from(place)
        }
        Nth::Last => {
            !date.series(one).skip(1).take_while(|day| *day <= last).any(|day| calendar.is_workday(day))
        }
    }
}
