//! Schedules that follow the dates of a register: which days a slot stands for, and which entries hold one of them.
//!
//! Such a schedule has a slot on every day, moved by `holiday` and `ahead` as any other. So what is due, late or missed is
//! decided by the days alone, however many entries there are, and a date that is amended moves by itself.

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::{Holiday, Moments, OfRegister, Schedule};
use crate::calendar::Calendar;
use crate::id::Millis;
use crate::register::{OneOf, day_of_year};

/// Days off in a row that a date is moved over.
const MOST_OFF: usize = 366;

impl Schedule {
    /// The days that fire at a slot: several, where days off or `ahead` bring them together.
    #[must_use]
    pub fn days_of(&self, calendar: &Calendar, slot: Millis) -> Vec<Date> {
        let zone = self.zone.as_ref().unwrap_or(&calendar.zone);
        let mut days = Vec::new();
        for moment in Moments::of(self, calendar).moments_of(slot) {
            let Some(instant) = moment.timestamp() else { continue };
            let day = zone.to_datetime(instant).date();
            let step = match self.holiday {
                Holiday::Keep | Holiday::Skip => None,
                Holiday::Next => Some((-1).days()),
                Holiday::Previous => Some(1.days()),
            };
            let off = step.into_iter().flat_map(|step| day.series(step).skip(1).take(MOST_OFF));
            days.extend(off.take_while(|day| !calendar.is_workday(*day)));
            days.push(day);
        }
        days.sort();
        days.dedup();
        days
    }
}

impl OfRegister {
    /// What entries of these days are looked for by.
    #[must_use]
    pub fn looked_up(&self, days: &[Date]) -> OneOf {
        let values = days.iter().flat_map(|day| {
            let leap = self.is_leap_day(*day).then(|| "--02-29".to_owned());
            let own = if self.yearly { day_of_year(*day) } else { day.to_string() };
            std::iter::once(own).chain(leap)
        });
        OneOf { column: self.date.to_string(), values: values.collect() }
    }

    /// Which of the days is that of an entry with this date.
    #[must_use]
    pub fn day_of(&self, date: &str, days: &[Date]) -> Option<Date> {
        let date: Date = date.parse().ok()?;
        let is_it = |day: &&Date| {
            let same = (date.month(), date.day()) == (day.month(), day.day());
            let leap = self.is_leap_day(**day) && (date.month(), date.day()) == (2, 29);
            if self.yearly { date <= **day && (same || leap) } else { date == **day }
        };
        days.iter().find(is_it).copied()
    }

    /// Whether a day stands for 29 February in a year that has none.
    fn is_leap_day(&self, day: Date) -> bool {
        self.yearly && (day.month(), day.day()) == (2, 28) && !day.in_leap_year()
    }
}
