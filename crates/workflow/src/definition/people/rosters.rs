//! Reads a shift roster: its shifts, its weeks, its turns and its single days.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use jiff::civil::{Date, Time};
use toml::de::DeValue;

use super::{File, Kind, day, days};
use crate::definition::section::{Item, Section, Text};
use crate::people::bare;
use crate::people::roster::{Hours, Plan, Roster, Shift, ShiftNo, Turn, Week, monday_of};
use crate::problem::{listed, nearest};

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Several days in one word, which a day's own name goes before.
const MANY_DAYS: [(&str, Range<usize>); 3] = [("daily", 0..7), ("weekdays", 0..5), ("weekend", 5..7)];

/// The longest row of days of a turn, and the most weeks of a cycle.
const MOST_DAYS: u32 = 366;
const MOST_WEEKS: usize = 53;

impl<'r> File<'_, 'r> {
    pub(super) fn roster(&mut self, own: &Section<'_, 'r>) -> Option<Roster> {
        let shifts = shifts(own);
        let start = day(own, "start");
        let weeks = self.weeks(own, &shifts);
        if weeks.len() > 1 && start.is_none() && !own.has("start") {
            own.say(own.error("YZ0646", own.key_span("week")).name("where", own.name()));
        }
        let roster = Roster {
            title: own.string("title"),
            days: days(own),
            first_week: start.map(monday_of),
            weeks,
            turns: self.turns(own, &shifts, start),
            calendar: own.string("calendar").map(Into::into),
            day_off: self.plan_at(own, "day_off", &shifts),
            holiday: self.plan_at(own, "holiday", &shifts),
            single: self.single(own, &shifts),
            cover: own.texts("cover").map(|texts| hours_of(own, &texts)).unwrap_or_default(),
            shifts,
        };
        if !["week", "turns", "day_off", "holiday", "day"].iter().any(|key| own.has(key)) {
            own.say(own.error("YZ0654", own.span.clone()).name("where", own.name()));
        }
        own.close(&[]);
        Some(roster)
    }

    /// `[roster.x.week]`, or one `[[roster.x.week]]` for each week of the cycle.
    fn weeks(&mut self, own: &Section<'_, 'r>, shifts: &[Shift]) -> Vec<Week> {
        let Some(item) = own.get("week") else { return Vec::new() };
        match item.get_ref() {
            DeValue::Array(weeks) => {
                if weeks.len() > MOST_WEEKS {
                    let problem = own.error("YZ0136", item.span()).name("key", "week");
                    own.say(problem.name("least", "1").name("most", MOST_WEEKS.to_string()));
                }
                let each = weeks.iter().enumerate().take(MOST_WEEKS);
                each.filter_map(|(at, week)| {
                    let Some(table) = week.get_ref().as_table() else {
                        own.reader.wrong_type("week", "a table", week);
                        return None;
                    };
                    let path = own.at(&format!("week[{at}]"));
                    Some(self.week(&Section::of(own.reader, path, week.span(), table), shifts))
                })
                .collect()
            }
            DeValue::Table(_) => {
                own.sub("week", item).map(|week| self.week(&week, shifts)).into_iter().collect()
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => {
                own.reader.wrong_type("week", "a table", item);
                Vec::new()
            }
        }
    }

    fn week(&mut self, own: &Section<'_, 'r>, shifts: &[Shift]) -> Week {
        let mut week = Week::default();
        for (word, days) in MANY_DAYS {
            if let Some(plan) = self.plan_at(own, word, shifts) {
                week[days].fill(Some(plan));
            }
        }
        for (place, word) in WEEKDAYS.into_iter().enumerate() {
            if let Some(plan) = self.plan_at(own, word, shifts) {
                week[place] = Some(plan);
            }
        }
        own.close(&[]);
        week
    }

    fn plan_at(&mut self, own: &Section<'_, 'r>, key: &'static str, shifts: &[Shift]) -> Option<Plan> {
        let plan = own.section(key)?;
        Some(self.plan(&plan, shifts))
    }

    /// `{ "白班" = "li.na", "晚班" = ["wang.fang", "sun.yan"] }`.
    fn plan(&mut self, own: &Section<'_, 'r>, shifts: &[Shift]) -> Plan {
        let mut plan = Plan::new();
        for (name, item) in own.entries() {
            let who = self.people_of(own, name.value, item);
            if let Some(shift) = shift_named(own, &name, shifts) {
                plan.insert(shift, who);
            }
        }
        plan
    }

    fn people_of(&mut self, own: &Section<'_, 'r>, key: &str, item: Item<'r>) -> Vec<String> {
        let each: Vec<Item<'r>> = match item.get_ref().as_array() {
            Some(list) => list.iter().collect(),
            None => vec![item],
        };
        let mut people = Vec::new();
        for one in each {
            let Some(name) = one.get_ref().as_str() else {
                own.reader.wrong_type(key, "somebody, or a list of people", one);
                continue;
            };
            self.names(Kind::Person, own, &Text { value: name, span: one.span() });
            people.push(bare(name).to_owned());
        }
        people
    }

    /// `[roster.x.day."2026-10-03"]`.
    fn single(&mut self, own: &Section<'_, 'r>, shifts: &[Shift]) -> BTreeMap<Date, Plan> {
        let mut single = BTreeMap::new();
        let Some(days) = own.section("day") else { return single };
        for (name, item) in days.entries() {
            let Some(plan) = days.sub(name.value, item) else { continue };
            let plan = self.plan(&plan, shifts);
            match name.value.parse::<Date>() {
                Ok(day) => drop(single.insert(day, plan)),
                Err(_) => own.say(own.error("YZ0647", name.span).name("value", name.value)),
            }
        }
        single
    }

    fn turns(&mut self, own: &Section<'_, 'r>, shifts: &[Shift], start: Option<Date>) -> Vec<Turn> {
        let Some(item) = own.get("turns") else { return Vec::new() };
        let Some(list) = item.get_ref().as_array() else {
            own.reader.wrong_type("turns", "a list of tables", item);
            return Vec::new();
        };
        let mut turns = Vec::new();
        for (at, one) in list.iter().enumerate() {
            let Some(table) = one.get_ref().as_table() else {
                own.reader.wrong_type("turns", "a list of tables", one);
                continue;
            };
            let one = Section::of(own.reader, own.at(&format!("turns[{at}]")), one.span(), table);
            turns.extend(self.turn(&one, shifts, start));
            one.close(&[]);
        }
        turns
    }

    /// Three ways to write one: `days`, a row of shifts and days off; `shift` with `on` and `off`; `shift` that `who`
    /// have in turn, `each` so many days.
    fn turn(&mut self, own: &Section<'_, 'r>, shifts: &[Shift], start: Option<Date>) -> Vec<Turn> {
        let start = day(own, "start").or(start);
        if start.is_none() && !own.has("start") {
            own.say(own.error("YZ0646", own.span.clone()).name("where", own.name()));
        }
        let who = match own.get("who") {
            Some(item) => self.people_of(own, "who", item),
            None => {
                own.missing("who");
                Vec::new()
            }
        };
        let each = own.whole("each", 1..=MOST_DAYS).unwrap_or(1);
        let (on, off) = (own.whole("on", 1..=MOST_DAYS), own.whole("off", 1..=MOST_DAYS));
        let alone = !["on", "off", "each"].iter().any(|key| own.has(key));
        let row = match (own.texts("days"), own.text("shift")) {
            (Some(days), None) if alone => row(own, &days, shifts),
            (None, Some(shift)) => {
                let shift = shift_named(own, &shift, shifts);
                match (on, off) {
                    (Some(on), Some(off)) => {
                        vec![shift; on as usize].into_iter().chain(vec![None; off as usize]).collect()
                    }
                    (None, None) if !own.has("on") && !own.has("off") => {
                        let Some(start) = start else { return Vec::new() };
                        return in_turn(who, start, each as usize, shift);
                    }
                    _ => Vec::new(),
                }
            }
            _ => {
                own.say(own.error("YZ0651", own.span.clone()).name("where", own.name()));
                return Vec::new();
            }
        };
        if own.has("on") != own.has("off") {
            own.missing(if own.has("on") { "off" } else { "on" });
        }
        let Some(start) = start else { return Vec::new() };
        who.into_iter().map(|who| Turn { who, start, days: row.clone() }).collect()
    }
}

/// One after the other, each so many days.
fn in_turn(who: Vec<String>, start: Date, each: usize, shift: Option<ShiftNo>) -> Vec<Turn> {
    let length = who.len() * each;
    let one = |(at, who): (usize, String)| {
        let days = (0..length).map(|day| shift.filter(|_| day / each == at)).collect();
        Turn { who, start, days }
    };
    who.into_iter().enumerate().map(one).collect()
}

/// `"off"` is a day off.
fn row(own: &Section<'_, '_>, days: &[Text<'_>], shifts: &[Shift]) -> Vec<Option<ShiftNo>> {
    let is_off = |text: &str| matches!(text, "off" | "休" | "");
    days.iter().map(|day| if is_off(day.value) { None } else { shift_named(own, day, shifts) }).collect()
}

fn shift_named(own: &Section<'_, '_>, name: &Text<'_>, shifts: &[Shift]) -> Option<ShiftNo> {
    let found = shifts.iter().position(|shift| *shift.name == *name.value);
    // Without shifts that could be read nothing is said of their names.
    if found.is_none() && !shifts.is_empty() {
        let known = || shifts.iter().map(|shift| &*shift.name);
        let problem = own.error("YZ0645", name.span.clone()).name("value", name.value);
        own.say(problem.name("known", listed(known())).near(nearest(name.value, known())));
    }
    found
}

/// `shift."白班" = "08:30-17:30"`, or a list of such hours.
fn shifts(own: &Section<'_, '_>) -> Vec<Shift> {
    let Some(all) = own.section("shift") else {
        if !own.has("shift") {
            own.missing("shift");
        }
        return Vec::new();
    };
    let mut shifts = Vec::new();
    for (name, item) in all.entries() {
        let each: Vec<Item<'_>> = match item.get_ref().as_array() {
            Some(list) => list.iter().collect(),
            None => vec![item],
        };
        let mut texts = Vec::new();
        for one in each {
            match one.get_ref().as_str() {
                Some(value) => texts.push(Text { value, span: one.span() }),
                None => all.reader.wrong_type(name.value, "hours such as \"08:30-17:30\"", one),
            }
        }
        shifts.push(Shift { name: Arc::from(name.value), hours: hours_of(&all, &texts) });
    }
    shifts
}

fn hours_of(own: &Section<'_, '_>, texts: &[Text<'_>]) -> Vec<Hours> {
    let mut hours = Vec::new();
    for text in texts {
        match read_hours(text.value) {
            Some(read) => hours.push(read),
            None => own.say(own.error("YZ0644", text.span.clone()).name("value", text.value)),
        }
    }
    hours
}

/// `08:30-17:30`; `20:00-08:00` ends on the day after; `24h` is all of the day.
fn read_hours(text: &str) -> Option<Hours> {
    let whole_day = Hours { from: Time::midnight(), until: Time::midnight() };
    if text.trim() == "24h" {
        return Some(whole_day);
    }
    let (from, until) = text.split_once(['-', '–', '~'])?;
    Some(Hours { from: time(from)?, until: time(until)? })
}

fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.trim().split_once(':')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && (1..=2).contains(&text.len());
    if !digits(hour) || !digits(minute) {
        return None;
    }
    match (hour.parse().ok()?, minute.parse().ok()?) {
        (24, 0) => Some(Time::midnight()),
        (hour, minute) => Time::new(hour, minute, 0, 0).ok(),
    }
}
