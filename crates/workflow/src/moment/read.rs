//! Reads moments, lengths and schedules as a workflow writes them.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};

use super::{Length, MomentFault, MomentText, Offset, Span, Unit};
use crate::id::Millis;
use crate::schedule::{CronLine, Days, Nth, Pattern, Period, WEEKDAYS, Which};

/// Longer than any process; and the search for a slot has to end.
pub(super) const MOST_YEARS: u32 = 100;

/// The shortest `every`.
const LEAST_EVERY: Span = Span { ms: 1000 };

const SECOND: i64 = 1000;
const HOUR: i64 = 3600 * SECOND;
const DAY: i64 = 24 * HOUR;

pub(super) fn moment(text: &str) -> Result<MomentText, MomentFault> {
    let written = text.trim();
    let words: Vec<String> = written.split_whitespace().map(str::to_ascii_lowercase).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let Some(first) = words.first() else { return Err(MomentFault::Empty) };
    if words == ["today"] {
        return Ok(MomentText::Length(Length::Days { n: 0, unit: Unit::Days }));
    }
    if is_date(first) {
        return date_or_time(written);
    }
    if looks_like_cron(&words) {
        return cron(written).map(MomentText::Next);
    }
    if is_quantity(&words) {
        return quantity(written, &words.concat()).map(MomentText::Length);
    }
    match words.strip_prefix(&["next"]) {
        None => pattern(written, &words).map(MomentText::Next),
        Some(words) => match pattern(written, words)? {
            day @ Pattern::On { days: Days::Weekday(_) | Days::Workday, .. } => {
                Ok(MomentText::AfterToday(day))
            }
            Pattern::On { .. } | Pattern::Every(_) | Pattern::Cron(_) => {
                Err(MomentFault::Unknown { written: written.to_owned() })
            }
        },
    }
}

pub(super) fn length(text: &str) -> Result<Span, MomentFault> {
    let written = text.trim();
    let words: Vec<String> = written.split_whitespace().map(str::to_ascii_lowercase).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if words.is_empty() {
        return Err(MomentFault::Empty);
    }
    let not_a_length = || MomentFault::NotALength { written: written.to_owned() };
    if !is_quantity(&words) {
        return Err(not_a_length());
    }
    match quantity(written, &words.concat())? {
        Length::Clock(span) => Ok(span),
        Length::Days { n, unit: Unit::Days } => Ok(Span { ms: i64::from(n) * DAY }),
        Length::Days { n, unit: Unit::Weeks } => Ok(Span { ms: i64::from(n) * 7 * DAY }),
        Length::Days { unit: Unit::Months | Unit::Years, .. } | Length::Workdays(_) | Length::Open(_) => {
            Err(not_a_length())
        }
    }
}

/// `-1h`, `+2 workdays`.
pub(super) fn offset(text: &str) -> Result<Offset, MomentFault> {
    let written = text.trim();
    let before = written.starts_with('-');
    let rest = written.strip_prefix(['+', '-']);
    let words: Vec<String> =
        rest.unwrap_or(written).split_whitespace().map(str::to_ascii_lowercase).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if words.is_empty() {
        return Err(MomentFault::Empty);
    }
    if !is_quantity(&words) || words[0].starts_with(['+', '-']) {
        return Err(MomentFault::NotALength { written: written.to_owned() });
    }
    let length = quantity(written, &words.concat())?;
    if rest.is_none() {
        return Err(MomentFault::Unsigned { written: written.to_owned() });
    }
    Ok(Offset { before, length })
}

/// A number and nothing but one word: `4h`, `3 days`, `-1h`, `1.5h`. Times of day and ordinals are not.
fn is_quantity(words: &[&str]) -> bool {
    let joined = words.concat();
    let unsigned = joined.trim_start_matches(['+', '-']);
    let unit = unsigned.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    let is_ordinal = words.len() > 2 || matches!(unit, "st" | "nd" | "rd" | "th");
    unit.len() < unsigned.len() && !unit.contains(':') && !is_ordinal
}

fn quantity(written: &str, joined: &str) -> Result<Length, MomentFault> {
    let written = written.to_owned();
    if joined.starts_with(['+', '-']) {
        return Err(MomentFault::Signed { written });
    }
    let digits = joined.len() - joined.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
    let (number, unit) = joined.split_at(digits);
    if unit.starts_with('.') {
        return Err(MomentFault::Fraction { written });
    }
    let too_long = || MomentFault::TooLong { written: written.clone(), most: MOST_YEARS };
    let n: u32 = number.parse().map_err(|_| too_long())?;
    let clock = |ms: i64| Length::Clock(Span { ms: i64::from(n).saturating_mul(ms) });
    let days = |unit: Unit| Length::Days { n, unit };
    let (quantity, days) = match unit {
        "ms" | "millisecond" | "milliseconds" => (clock(1), i64::from(n) / DAY),
        "s" | "sec" | "second" | "seconds" => (clock(SECOND), i64::from(n) / 86_400),
        "min" | "minute" | "minutes" => (clock(60 * SECOND), i64::from(n) / 1440),
        "h" | "hour" | "hours" => (clock(HOUR), i64::from(n) / 24),
        "day" | "days" => (days(Unit::Days), i64::from(n)),
        "week" | "weeks" => (days(Unit::Weeks), i64::from(n) * 7),
        "month" | "months" => (days(Unit::Months), i64::from(n) * 30),
        "year" | "years" => (days(Unit::Years), i64::from(n) * 365),
        "workday" | "workdays" => (Length::Workdays(n), i64::from(n)),
        "workhour" | "workhours" => {
            (Length::Open(Span { ms: i64::from(n).saturating_mul(HOUR) }), i64::from(n) / 24)
        }
        "" => return Err(MomentFault::NoUnit { written }),
        "m" => return Err(MomentFault::BareM { written, n }),
        _ => return Err(MomentFault::UnknownUnit { unit: unit.to_owned(), written }),
    };
    if days > i64::from(MOST_YEARS) * 366 { Err(too_long()) } else { Ok(quantity) }
}

fn is_date(word: &str) -> bool {
    let bytes = word.as_bytes();
    bytes.len() >= 5 && bytes[..4].iter().all(u8::is_ascii_digit) && bytes[4] == b'-'
}

/// `2026-10-01`, `2026-10-01 09:00` (the zone's clock), `2026-10-01T09:00:00+08:00`.
fn date_or_time(written: &str) -> Result<MomentText, MomentFault> {
    let no_such = || MomentFault::NoSuchTime { written: written.to_owned() };
    // The reader below would take a leap second, which this clock does not have, for the second before.
    if written.contains(":60") {
        return Err(no_such());
    }
    if !written.contains(':') {
        return written.parse::<Date>().map(MomentText::Date).map_err(|_| no_such());
    }
    if let Ok(instant) = written.parse::<Timestamp>() {
        return Ok(MomentText::Instant(Millis(instant.as_millisecond())));
    }
    // With the zone's name: `2026-10-01T09:00[Asia/Shanghai]`.
    if let Ok(zoned) = written.parse::<jiff::Zoned>() {
        return Ok(MomentText::Instant(Millis(zoned.timestamp().as_millisecond())));
    }
    // An offset or a zone that does not fit is no reason to take the rest for local time.
    let clock = written.get(10..).unwrap_or_default();
    let is_local = clock.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b':' | b'.' | b' ' | b'T' | b't'));
    let local = written.parse::<DateTime>().ok().filter(|_| is_local);
    local.map(MomentText::Local).ok_or_else(no_such)
}

/// A `*`, or five words of which the first two are numbers: no other moment has them.
fn looks_like_cron(words: &[&str]) -> bool {
    let numeric = |word: &&&str| {
        word.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'*' | b'/' | b',' | b'-'))
    };
    words.iter().any(|word| word.starts_with(['*', '@']))
        || (words.len() >= 5 && words.iter().take(2).filter(numeric).count() == 2)
}

fn cron(written: &str) -> Result<Pattern, MomentFault> {
    let line =
        CronLine::parse(written).map_err(|why| MomentFault::Cron { written: written.to_owned(), why })?;
    if line.ever_comes() {
        Ok(Pattern::Cron(Box::new(line)))
    } else {
        Err(MomentFault::Never { written: written.to_owned() })
    }
}

/// Everything that comes again: days by a rule and a time, and `every …`.
fn pattern(written: &str, words: &[&str]) -> Result<Pattern, MomentFault> {
    let unknown = || MomentFault::Unknown { written: written.to_owned() };
    let (words, time) = split_time(written, words)?;
    if let Some(words) = words.strip_prefix(&["every"]) {
        return every(written, words, time);
    }
    let days = match words {
        [] if time.is_some() => Days::Every,
        ["workday"] => Days::Workday,
        [day] => Days::Weekday(weekday(day).ok_or_else(unknown)?),
        [nth, "of", "month"] if nth.starts_with(|letter: char| letter.is_ascii_digit()) => {
            let day = ordinal(nth).ok_or_else(unknown)?;
            if !(1..=31).contains(&day) {
                return Err(MomentFault::NoSuchTime { written: written.to_owned() });
            }
            Days::OfMonth(day)
        }
        [nth, day, "of", period] => nth_day(nth, day, period).ok_or_else(unknown)?,
        _ => return Err(unknown()),
    };
    Ok(Pattern::On { days, time })
}

/// `first monday of month`, `5th workday of month`. Of working days every month has 15 and no month more than 23.
fn nth_day(nth: &str, day: &str, period: &str) -> Option<Days> {
    let day = match day {
        "day" => Which::Any,
        "workday" => Which::Workday,
        day => Which::On(weekday(day)?),
    };
    let nth = match nth {
        "first" => Nth::From(1),
        "second" => Nth::From(2),
        "third" => Nth::From(3),
        "fourth" => Nth::From(4),
        "last" => Nth::Last,
        nth => Nth::From(ordinal(nth)?),
    };
    let most = if day == Which::Workday { 23 } else { 4 };
    if matches!(nth, Nth::From(n) if n == 0 || n > most) {
        return None;
    }
    let of = match period {
        "month" => Period::Month,
        "year" => Period::Year,
        _ => return None,
    };
    Some(Days::Nth { nth, day, of })
}

/// `every 8h`, `every 2 months at 09:00`, `every day at 18:00`, `every monday at 09:00`.
fn every(written: &str, words: &[&str], time: Option<Time>) -> Result<Pattern, MomentFault> {
    let unknown = || MomentFault::Unknown { written: written.to_owned() };
    if let [word] = words {
        if let Some(day) = weekday(word) {
            return Ok(Pattern::On { days: Days::Weekday(day), time });
        }
        if *word == "workday" {
            return Ok(Pattern::On { days: Days::Workday, time });
        }
        if *word == "day" {
            return Ok(Pattern::On { days: Days::Every, time: Some(time.unwrap_or(Time::midnight())) });
        }
    }
    let amount = match words {
        ["week" | "month" | "year" | "hour" | "minute"] => format!("1{}", words.concat()),
        _ if is_quantity(words) => words.concat(),
        _ => return Err(unknown()),
    };
    match quantity(written, &amount)? {
        Length::Clock(span) if span < LEAST_EVERY => {
            Err(MomentFault::TooShort { written: written.to_owned(), least: LEAST_EVERY })
        }
        Length::Clock(_) if time.is_some() => Err(unknown()),
        Length::Clock(span) => Ok(Pattern::Every(span)),
        Length::Days { n: 0, .. } => {
            Err(MomentFault::TooShort { written: written.to_owned(), least: LEAST_EVERY })
        }
        Length::Days { n, unit } => {
            Ok(Pattern::On { days: Days::EveryNth { n, unit }, time: Some(time.unwrap_or(Time::midnight())) })
        }
        Length::Workdays(_) | Length::Open(_) => Err(unknown()),
    }
}

/// Takes `at 09:00` or `09:00` from the end.
fn split_time<'a>(written: &str, words: &'a [&'a str]) -> Result<(&'a [&'a str], Option<Time>), MomentFault> {
    let Some((last, rest)) = words.split_last() else { return Ok((words, None)) };
    if !last.contains(':') {
        return Ok((words, None));
    }
    let time = time_of_day(last).ok_or_else(|| MomentFault::NoSuchTime { written: written.to_owned() })?;
    Ok((rest.strip_suffix(&["at"]).unwrap_or(rest), Some(time)))
}

fn time_of_day(word: &str) -> Option<Time> {
    let (hour, minute) = word.split_once(':')?;
    let digits = |text: &str, most: usize| {
        (!text.is_empty() && text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse::<i8>().ok())
            .flatten()
    };
    if minute.len() != 2 {
        return None;
    }
    Time::new(digits(hour, 2)?, digits(minute, 2)?, 0, 0).ok()
}

fn weekday(word: &str) -> Option<jiff::civil::Weekday> {
    WEEKDAYS.iter().find(|(name, _)| *name == word).map(|(_, day)| *day)
}

/// `15th` is 15, `1st` is 1; whoever writes `2th` is understood.
fn ordinal(word: &str) -> Option<u8> {
    let number = ["st", "nd", "rd", "th"].iter().find_map(|suffix| word.strip_suffix(suffix))?;
    number.parse().ok()
}
