//! Working days and hours: which days are worked, from when to when, and up to when what comes in counts for its day.
//!
//! A day is open in spans of minutes on the clock of the calendar's zone. What a calendar says of single dates (holidays,
//! make-up days, days of their own) goes before its week, and what it says itself before what it is based on.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

pub(crate) use count::first_instant;
pub use house::{Calendars, UnknownCalendar};
pub use ics::Imported;

mod count;
mod house;
mod ics;

/// The name of the calendar that is always there: Monday to Friday, 09:00 to 18:00, no holidays.
pub const WEEKDAYS: &str = "weekdays";

/// The name of the one with the public holidays of mainland China, as far as they are announced.
pub const CHINA: &str = "china";

/// From a minute of the day to another one, at most to its end (1440).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Open {
    pub from: u16,
    pub until: u16,
}

/// The open spans of a day, in order, none touching the next; none: not worked.
pub type Hours = Vec<Open>;

/// What a calendar says of one date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dated {
    pub what: Special,
    /// `国庆节`.
    pub name: Option<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Special {
    Holiday,
    /// A make-up day: open as that weekday is; where none is said, as the first weekday that is worked.
    Workday(Option<Weekday>),
    Own(Hours),
}

/// Whose dates are known: holidays come from announcements, and beyond them there would only be guesses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Years {
    /// Nothing in it hangs on announcements.
    #[default]
    All,
    Known(i16, i16),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    pub name: Arc<str>,
    pub title: Option<String>,
    pub zone: TimeZone,
    /// From Monday.
    pub week: [Hours; 7],
    pub dates: BTreeMap<Date, Dated>,
    /// What comes in later counts as having come in on the next working day.
    pub cut_off: Option<Time>,
    pub years: Years,
}

/// What one file says, before its base is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written {
    pub(crate) title: Option<String>,
    pub(crate) based_on: Option<(String, Range<usize>)>,
    pub(crate) zone: Option<TimeZone>,
    pub(crate) week: [Option<Hours>; 7],
    /// With the places that say it.
    pub(crate) dates: BTreeMap<Date, (Dated, Range<usize>)>,
    pub(crate) cut_off: Option<Option<Time>>,
    pub(crate) years: Option<(Years, Range<usize>)>,
}

impl Calendar {
    /// Monday to Friday, 09:00 to 18:00.
    #[must_use]
    pub fn weekdays(zone: TimeZone) -> Self {
        let worked = vec![Open { from: 9 * 60, until: 18 * 60 }];
        let week = std::array::from_fn(|day| if day < 5 { worked.clone() } else { Vec::new() });
        Self {
            name: WEEKDAYS.into(),
            title: None,
            zone,
            week,
            dates: BTreeMap::new(),
            cut_off: None,
            years: Years::All,
        }
    }

    /// The open spans of a day.
    #[must_use]
    pub fn hours(&self, day: Date) -> &[Open] {
        match self.dates.get(&day).map(|dated| &dated.what) {
            None => self.of_weekday(day.weekday()),
            Some(Special::Holiday) => &[],
            Some(Special::Own(hours)) => hours,
            Some(Special::Workday(Some(like))) => self.of_weekday(*like),
            Some(Special::Workday(None)) => {
                self.week.iter().find(|hours| !hours.is_empty()).map_or(&[], Vec::as_slice)
            }
        }
    }

    fn of_weekday(&self, day: Weekday) -> &[Open] {
        &self.week[usize::from(day.to_monday_zero_offset().unsigned_abs()) % 7]
    }

    #[must_use]
    pub fn is_workday(&self, day: Date) -> bool {
        !self.hours(day).is_empty()
    }

    /// What the day is called: `国庆节`.
    #[must_use]
    pub fn name_of(&self, day: Date) -> Option<&str> {
        self.dates.get(&day)?.name.as_deref()
    }

    /// Whether the holidays of a year are known; else working days in it are a guess, and whoever counts them says so.
    #[must_use]
    pub fn knows(&self, year: i16) -> bool {
        match self.years {
            Years::All => true,
            Years::Known(first, last) => (first..=last).contains(&year),
        }
    }
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minute = |minute: u16| (minute / 60, minute % 60);
        let ((from, from_minute), (until, until_minute)) = (minute(self.from), minute(self.until));
        write!(f, "{from:02}:{from_minute:02}-{until:02}:{until_minute:02}")
    }
}

#[cfg(test)]
mod tests;
