//! A cron line of five fields. Only its fields are taken from the cron library; the zone's clock is ours.

use croner::parser::{CronParser, Seconds, Year};
use croner::{Cron, Weekday as CronWeekday};
use jiff::civil::{Date, Weekday};

/// What the five fields are, in their order.
const FIELDS: [&str; 5] = ["minute", "hour", "day of the month", "month", "day of the week"];

/// Why a cron line is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CronFault {
    #[error("it has {0} fields instead of five (minute, hour, day of the month, month, day of the week)")]
    Fields(usize),
    #[error("a comma has nothing on one side")]
    Comma,
    #[error("`{part}` is no {kind}")]
    Part { part: String, kind: &'static str },
}

/// A cron line with its times of day worked out.
#[derive(Clone, Debug, PartialEq)]
pub struct CronLine {
    written: String,
    cron: Cron,
    /// Milliseconds from midnight, rising.
    times: Vec<i64>,
}

impl CronLine {
    /// # Errors
    /// Why it is not valid.
    pub fn parse(text: &str) -> Result<Self, CronFault> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        if fields.len() != FIELDS.len() {
            return Err(CronFault::Fields(fields.len()));
        }
        if fields.iter().any(|field| field.split(',').any(str::is_empty)) {
            return Err(CronFault::Comma);
        }
        let written = fields.join(" ");
        let Some(cron) = read(&written) else { return Err(wrong_part(&fields)) };
        let minutes = cron.pattern.minutes.values();
        let times = (cron.pattern.hours.values().into_iter())
            .flat_map(|hour| minutes.iter().map(move |minute| i64::from(hour) * 60 + i64::from(*minute)))
            .map(|minute| minute * 60_000)
            .collect();
        Ok(Self { written, cron, times })
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    pub(super) fn times(&self) -> &[i64] {
        &self.times
    }

    /// One that comes in every hour of the day is an interval, not a list of times.
    pub(super) fn is_interval(&self) -> bool {
        self.cron.pattern.hours.values().len() == 24
    }

    /// Whether any day is taken at all: the 31st of February is none.
    pub(crate) fn ever_comes(&self) -> bool {
        // In 40 years each date has met each day of the week (2000 to 2040 leaves no leap year out).
        let days = jiff::civil::date(2000, 1, 1).series(jiff::Span::new().days(1)).take(41 * 366);
        !self.times.is_empty() && { days }.any(|day| self.takes(day))
    }

    pub(super) fn takes(&self, day: Date) -> bool {
        let (year, month, number) =
            (i32::from(day.year()), day.month().unsigned_abs(), day.day().unsigned_abs());
        let (month, number) = (u32::from(month), u32::from(number));
        let weekday = match day.weekday() {
            Weekday::Monday => CronWeekday::Monday,
            Weekday::Tuesday => CronWeekday::Tuesday,
            Weekday::Wednesday => CronWeekday::Wednesday,
            Weekday::Thursday => CronWeekday::Thursday,
            Weekday::Friday => CronWeekday::Friday,
            Weekday::Saturday => CronWeekday::Saturday,
            Weekday::Sunday => CronWeekday::Sunday,
        };
        let pattern = &self.cron.pattern;
        // Errors are for dates that do not exist; these come from the calendar.
        pattern.month_match(month).unwrap_or(false)
            && pattern.day_match(year, month, number, weekday).unwrap_or(false)
    }
}

fn read(written: &str) -> Option<Cron> {
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    parser.parse(written).ok()
}

/// The first part that is no good where everything else is: the library does not say which it is.
fn wrong_part(fields: &[&str]) -> CronFault {
    for (at, (field, kind)) in fields.iter().zip(FIELDS).enumerate() {
        let alone = |part: &&str| {
            let mut line = ["*"; FIELDS.len()];
            line[at] = part;
            read(&line.join(" ")).is_none()
        };
        if let Some(part) = field.split(',').find(alone) {
            return CronFault::Part { part: part.to_owned(), kind };
        }
    }
    CronFault::Part { part: fields.join(" "), kind: "cron line" }
}
