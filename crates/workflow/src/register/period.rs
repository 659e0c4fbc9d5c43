//! The time that is looked at: `today`, `last month`, from one day to another.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};
use serde::Deserialize;

use crate::id::Millis;

/// What `period` says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Period {
    Word(String),
    Window(Window),
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    #[serde(default)]
    from: Option<String>,
    /// The last day or instant that counts.
    #[serde(default)]
    to: Option<String>,
    #[serde(default)]
    before: Option<String>,
}

/// The first instant that counts, and the first that does not any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    pub from: Option<Millis>,
    pub until: Option<Millis>,
}

pub(crate) const WORDS: [&str; 9] = [
    "today",
    "yesterday",
    "this week",
    "last week",
    "this month",
    "last month",
    "this year",
    "last year",
    "ever",
];

impl Bounds {
    #[must_use]
    pub fn hold(&self, at: Millis) -> bool {
        self.from.is_none_or(|from| at >= from) && self.until.is_none_or(|until| at < until)
    }
}

impl Period {
    /// The instants that it means, seen from `now`.
    ///
    /// # Errors
    /// When a word or a day in it is none.
    pub fn bounds(&self, now: Millis, zone: &TimeZone) -> Result<Bounds, String> {
        match self {
            Self::Word(word) => of_word(word, now, zone),
            Self::Window(window) => {
                let from = window.from.as_deref().map(|text| instant(text, zone, 0)).transpose()?;
                let to = window.to.as_deref().map(|text| instant(text, zone, 1)).transpose()?;
                let before = window.before.as_deref().map(|text| instant(text, zone, 0)).transpose()?;
                Ok(Bounds { from, until: [to, before].into_iter().flatten().min() })
            }
        }
    }
}

fn of_word(word: &str, now: Millis, zone: &TimeZone) -> Result<Bounds, String> {
    let today = zone.to_datetime(now.timestamp().unwrap_or_default()).date();
    let monday = today.saturating_sub(i64::from(today.weekday().to_monday_zero_offset()).days());
    let month = today.first_of_month();
    let year = today.first_of_year();
    let (first, after) = match word {
        "today" => (today, today.saturating_add(1.day())),
        "yesterday" => (today.saturating_sub(1.day()), today),
        "this week" => (monday, monday.saturating_add(1.week())),
        "last week" => (monday.saturating_sub(1.week()), monday),
        "this month" => (month, month.saturating_add(1.month())),
        "last month" => (month.saturating_sub(1.month()), month),
        "this year" => (year, year.saturating_add(1.year())),
        "last year" => (year.saturating_sub(1.year()), year),
        "ever" => return Ok(Bounds::default()),
        other => return Err(format!("`{other}` is no period; there are {}", WORDS.join(", "))),
    };
    Ok(Bounds { from: begin(first, zone), until: begin(after, zone) })
}

fn begin(day: Date, zone: &TimeZone) -> Option<Millis> {
    day.to_zoned(zone.clone()).ok().map(|zoned| millis(&zoned))
}

fn millis(zoned: &Zoned) -> Millis {
    Millis(zoned.timestamp().as_millisecond())
}

/// A day stands for its beginning, or that of the day after it; an instant for itself, or the millisecond after it.
fn instant(text: &str, zone: &TimeZone, after: i64) -> Result<Millis, String> {
    let none = || format!("`{text}` is no day and no instant");
    if let Ok(at) = text.trim().parse::<jiff::Timestamp>() {
        return Ok(Millis(at.as_millisecond() + after));
    }
    if let Ok(day) = text.trim().parse::<Date>()
        && !text.contains(':')
    {
        return begin(day.saturating_add(after.days()), zone).ok_or_else(none);
    }
    let local = text.trim().parse::<jiff::civil::DateTime>().map_err(|_| none())?;
    let at = local.to_zoned(zone.clone()).map_err(|_| none())?;
    Ok(Millis(at.timestamp().as_millisecond() + after))
}
