//! What a calendar program exports (iCalendar, `.ics`), as the text of a calendar of ours.
//!
//! Whole days count, by the day they begin and the day before their end. Exports of China's holidays say 休 and 班 in
//! brackets; a day marked 班 is a make-up day, and any other a day off.

use std::collections::BTreeMap;

use jiff::civil::Date;

/// Longer than any holiday: what is longer is no holiday, but a slip.
const MOST_DAYS: usize = 366;

/// What an export says of single days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    pub holidays: BTreeMap<Date, String>,
    pub workdays: BTreeMap<Date, String>,
    /// The names of events that were left out: they repeat by a rule, or their days cannot be read.
    pub left_out: Vec<String>,
}

#[derive(Default)]
struct Event {
    start: Option<Date>,
    /// The day after the last one.
    end: Option<Date>,
    name: String,
    repeats: bool,
}

impl Imported {
    /// Reads the events of an export.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let mut imported = Self::default();
        let mut event: Option<Event> = None;
        for line in unfolded(text) {
            let Some((head, value)) = line.split_once(':') else { continue };
            let name = head.split(';').next().unwrap_or(head).to_ascii_uppercase();
            match (name.as_str(), &mut event) {
                ("BEGIN", None) if value.eq_ignore_ascii_case("VEVENT") => event = Some(Event::default()),
                ("END", Some(_)) if value.eq_ignore_ascii_case("VEVENT") => {
                    imported.add(event.take().unwrap_or_default());
                }
                ("DTSTART", Some(event)) => event.start = date(value),
                ("DTEND", Some(event)) => event.end = date(value),
                ("SUMMARY", Some(event)) => event.name = plain(value),
                ("RRULE" | "RDATE", Some(event)) => event.repeats = true,
                _ => {}
            }
        }
        imported
    }

    fn add(&mut self, event: Event) {
        let one = jiff::Span::new().days(1);
        let Some(start) = event.start.filter(|_| !event.repeats) else {
            return self.left_out.push(event.name);
        };
        let end = event.end.filter(|end| *end > start);
        let days: Vec<Date> = match end {
            None => vec![start],
            Some(end) => start.series(one).take_while(|day| *day < end).take(MOST_DAYS + 1).collect(),
        };
        if days.len() > MOST_DAYS {
            return self.left_out.push(event.name);
        }
        let (name, worked) = marked(&event.name);
        let to = if worked { &mut self.workdays } else { &mut self.holidays };
        for day in days {
            to.insert(day, name.clone());
        }
    }

    /// The text of a calendar file.
    #[must_use]
    pub fn toml(&self, title: &str, based_on: &str) -> String {
        let mut text = format!("title    = {}\nbased_on = {}\n", quoted(title), quoted(based_on));
        let years = self.holidays.keys().chain(self.workdays.keys()).map(|day| day.year());
        if let (Some(first), Some(last)) = (years.clone().min(), years.max()) {
            text.push_str(&format!("years    = \"{first}..{last}\"\n"));
        }
        for (section, days) in [("holidays", &self.holidays), ("workdays", &self.workdays)] {
            if days.is_empty() {
                continue;
            }
            text.push_str(&format!("\n[{section}]\n"));
            for (first, last, name) in runs(days) {
                let key = if first == last { first.to_string() } else { format!("\"{first}..{last}\"") };
                text.push_str(&format!("{key} = {}\n", quoted(name)));
            }
        }
        text
    }
}

/// Days in a row that are called alike.
fn runs(days: &BTreeMap<Date, String>) -> Vec<(Date, Date, &str)> {
    let mut runs: Vec<(Date, Date, &str)> = Vec::new();
    for (day, name) in days {
        match runs.last_mut() {
            Some((_, last, before)) if before == name && last.tomorrow().ok() == Some(*day) => *last = *day,
            _ => runs.push((*day, *day, name)),
        }
    }
    runs
}

/// Long lines go on with a blank at the beginning of the next.
fn unfolded(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some(last)) => last.push_str(rest.trim_end_matches('\r')),
            _ => lines.push(line.trim_end_matches('\r').to_owned()),
        }
    }
    lines
}

/// `20261001`, `20261001T090000Z`: the day.
fn date(value: &str) -> Option<Date> {
    let digits = value.trim().get(..8)?;
    let part = |range: std::ops::Range<usize>| digits.get(range).and_then(|part| part.parse::<i16>().ok());
    let small = |number: i16| i8::try_from(number).ok();
    Date::new(part(0..4)?, small(part(4..6)?)?, small(part(6..8)?)?).ok()
}

fn plain(value: &str) -> String {
    let text = value.replace("\\,", ",").replace("\\;", ";").replace("\\n", " ").replace("\\N", " ");
    text.replace("\\\\", "\\").trim().to_owned()
}

/// The name without its mark, and whether the day is worked.
fn marked(name: &str) -> (String, bool) {
    for (mark, worked) in [("班", true), ("休", false)] {
        for (open, close) in [("(", ")"), ("\u{ff08}", "\u{ff09}"), ("[", "]")] {
            if let Some(bare) = name.trim().strip_suffix(&format!("{open}{mark}{close}")) {
                let bare = bare.trim();
                return (if worked { format!("{bare}调休") } else { bare.to_owned() }, worked);
            }
        }
    }
    (name.to_owned(), ["调休上班", "补班"].iter().any(|word| name.contains(word)))
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
