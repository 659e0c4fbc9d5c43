//! Says when something happens by the clock: `每个工作日 09:00`, `every working day at 09:00`.

use jiff::civil::Weekday;

use super::Teller;
use crate::problem::Lang;
use crate::schedule::{Days, Nth, Pattern, Period, Which};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

impl Teller<'_> {
    pub(super) fn when(&self, pattern: &Pattern) -> String {
        if self.language == Lang::Zh {
            return self.pattern(pattern);
        }
        match pattern {
            Pattern::Every(span) => format!("every {}", self.span(*span)),
            Pattern::Cron(line) => cron(line.as_str()),
            Pattern::On { days, time } => {
                let time = time
                    .map(|time| format!(" at {:02}:{:02}", time.hour(), time.minute()))
                    .unwrap_or_default();
                format!("{}{time}", on(days))
            }
        }
    }
}

fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

fn th(number: u64) -> String {
    let end = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{end}")
}

fn on(days: &Days) -> String {
    match days {
        Days::Every => "every day".to_owned(),
        Days::Weekday(day) => format!("every {}", weekday(*day)),
        Days::Workday => "every working day".to_owned(),
        Days::OfMonth(day) => format!("on the {} of each month", th(u64::from(*day))),
        Days::Nth { nth, day, of } => {
            let of = match of {
                Period::Month => "month",
                Period::Year => "year",
            };
            let day = match day {
                Which::Any => "day",
                Which::On(day) => weekday(*day),
                Which::Workday => "working day",
            };
            let nth = match nth {
                Nth::Last => "last".to_owned(),
                Nth::From(n) => th(u64::from(*n)),
            };
            format!("on the {nth} {day} of each {of}")
        }
        Days::EveryNth { .. } => days.to_string(),
    }
}

/// The lines that people write; of others the line itself.
fn cron(line: &str) -> String {
    let whole = || format!("by the cron line `{line}`");
    let fields: Vec<&str> = line.split(' ').collect();
    let [minute, hour, day, month, weekdays] = fields.as_slice() else { return whole() };
    let number = |text: &str| text.parse::<u8>().ok();
    let (Some(minute), Some(hour)) = (number(minute), number(hour)) else { return whole() };
    let month_named = number(month).and_then(|month| MONTHS.get(usize::from(month).checked_sub(1)?));
    let days = match (*day, *month, *weekdays) {
        ("*", "*", "*") => "every day".to_owned(),
        ("*", "*", "1-5") => "every Monday to Friday".to_owned(),
        (day, "*", "*") => match number(day) {
            Some(day) => format!("on the {} of each month", th(day.into())),
            None => return whole(),
        },
        (day, _, "*") => match (number(day), month_named) {
            (Some(day), Some(month)) => format!("each year on the {} of {month}", th(day.into())),
            _ => return whole(),
        },
        ("*", "*", one) => {
            match number(one).and_then(|one| Weekday::from_monday_one_offset(one.cast_signed()).ok()) {
                Some(day) => format!("every {}", weekday(day)),
                None => return whole(),
            }
        }
        _ => return whole(),
    };
    format!("{days} at {hour:02}:{minute:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cron_line_that_people_write_is_said_in_words_and_any_other_as_it_stands() {
        let said = [
            ("30 17 * * *", "every day at 17:30"),
            ("0 9 * * 1-5", "every Monday to Friday at 09:00"),
            ("5 0 1 * *", "on the 1st of each month at 00:05"),
            ("0 9 22 11 *", "each year on the 22nd of November at 09:00"),
            ("0 9 * * 3", "every Wednesday at 09:00"),
            ("*/5 * * * *", "by the cron line `*/5 * * * *`"),
            ("0 9 1 13 *", "by the cron line `0 9 1 13 *`"),
            ("0 9 1-5 * *", "by the cron line `0 9 1-5 * *`"),
        ];
        for (line, words) in said {
            assert_eq!(cron(line), words);
        }
    }

    #[test]
    fn days_are_said_as_people_say_them() {
        let all = [
            (Days::Workday, "every working day"),
            (Days::Weekday(Weekday::Sunday), "every Sunday"),
            (Days::OfMonth(11), "on the 11th of each month"),
            (
                Days::Nth { nth: Nth::From(2), day: Which::Workday, of: Period::Month },
                "on the 2nd working day of each month",
            ),
            (Days::Nth { nth: Nth::Last, day: Which::Any, of: Period::Year }, "on the last day of each year"),
        ];
        for (days, words) in all {
            assert_eq!(on(&days), words);
        }
    }
}
