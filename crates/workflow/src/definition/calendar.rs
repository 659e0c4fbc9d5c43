//! Reads `config/calendars/<name>.toml`.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::section::{Reader, Section, Text};
use super::{text_of, toml_problems};
use crate::calendar::{Dated, Hours, Open, Special, Written, Years};
use crate::problem::{Place, Problem, nearest, wide};
use crate::schedule::WEEKDAYS;

/// Longer than any holiday; a slip of the year is found by it.
const MOST_DAYS: usize = 366;

pub(crate) fn read(text: &str) -> Result<Written, Vec<Problem>> {
    let text = text_of(text.as_bytes()).map_err(|problem| vec![*problem])?;
    let (root, faults) = DeTable::parse_recoverable(text);
    let mut problems = toml_problems(text, &faults);
    if problems.iter().any(|fault| fault.code == "YZ0101") {
        return Err(problems);
    }
    let none = BTreeMap::new();
    let reader = Reader::new(text, root.get_ref(), &none);
    let root = Section::root(&reader, root.get_ref());
    let written = whole(&root);
    root.close(&[]);
    drop(root);
    problems.extend(reader.problems.into_inner());
    problems.sort_by(|one, other| one.place.cmp(&other.place));
    if problems.is_empty() { Ok(written) } else { Err(super::bounded(problems)) }
}

fn whole(root: &Section<'_, '_>) -> Written {
    let mut written = Written {
        title: root.string("title"),
        based_on: root.text("based_on").map(|text| (text.value.to_owned(), text.span)),
        zone: zone(root),
        cut_off: cut_off(root),
        years: years(root),
        ..Written::default()
    };
    if let Some(hours) = root.section("hours") {
        week(&hours, &mut written);
    }
    let mut dates = Dates { root, said: BTreeMap::new(), dates: BTreeMap::new() };
    dates.section("holidays", |all, item, at| named(all, item, at, Special::Holiday));
    dates.section("workdays", make_up);
    dates.section("days", own);
    written.dates = dates.dates;
    if let Some((Years::Known(first, last), span)) = written.years.clone() {
        outside(root, &written, (first, last), &span);
    }
    if written.based_on.is_none() && written.week.iter().flatten().all(Vec::is_empty) && !root.has("hours") {
        root.say(root.error("YZ0694", 0..0));
    }
    written
}

fn zone(root: &Section<'_, '_>) -> Option<TimeZone> {
    let text = root.text("timezone")?;
    match crate::schedule::zone(text.value) {
        Ok(zone) => Some(zone),
        Err(unknown) => {
            root.say(root.error("YZ0160", text.span).name("zone", unknown.name).near(unknown.nearest));
            None
        }
    }
}

/// A time of day, or `none` for a calendar whose base has one.
fn cut_off(root: &Section<'_, '_>) -> Option<Option<Time>> {
    let text = root.text("cut_off")?;
    if text.value == "none" {
        return Some(None);
    }
    let time = minute(text.value.trim()).filter(|minute| *minute < 24 * 60).and_then(time_of);
    if time.is_none() {
        bad_hours(root, &text, "time");
    }
    time.map(Some)
}

fn time_of(minute: u16) -> Option<Time> {
    Time::new(i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?, 0, 0).ok()
}

/// `2026`, `2004..2026`, `all`.
fn years(root: &Section<'_, '_>) -> Option<(Years, Range<usize>)> {
    let item = root.get("years")?;
    let span = item.span();
    let text = match item.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.as_str().to_owned(),
        DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => {
            root.reader.wrong_type("years", "years such as \"2024..2026\"", item);
            return None;
        }
    };
    if text == "all" {
        return Some((Years::All, span));
    }
    let (first, last) = text.split_once("..").unwrap_or((&text, &text));
    let year = |text: &str| text.trim().parse::<i16>().ok().filter(|year| (1900..=2200).contains(year));
    match (year(first), year(last)) {
        (Some(first), Some(last)) if first <= last => Some((Years::Known(first, last), span)),
        _ => {
            root.say(root.error("YZ0695", span).name("value", text));
            None
        }
    }
}

/// Dates that the announcements brought and the years do not cover: one of the two was forgotten.
fn outside(root: &Section<'_, '_>, written: &Written, years: (i16, i16), span: &Range<usize>) {
    let announced = written.dates.iter().filter(|(_, (dated, _))| !matches!(dated.what, Special::Own(_)));
    let mut years_of: Vec<(i16, &Range<usize>)> = announced.map(|(day, (_, at))| (day.year(), at)).collect();
    years_of.dedup_by_key(|(year, _)| *year);
    for (year, at) in years_of.into_iter().filter(|(year, _)| !(years.0..=years.1).contains(year)) {
        let problem = root.error("YZ0695", at.clone()).case("outside").name("year", year.to_string());
        root.say(problem.cause(Place::at(span.clone())));
    }
}

fn week(hours: &Section<'_, '_>, written: &mut Written) {
    let mut said: BTreeMap<usize, Range<usize>> = BTreeMap::new();
    for (key, item) in hours.entries() {
        let Some((first, last)) = weekdays(key.value) else {
            let near = nearest(key.value, WEEKDAYS.map(|(name, _)| name)).or_else(|| in_chinese(key.value));
            hours.say(hours.error("YZ0691", key.span).case("weekday").name("value", key.value).near(near));
            continue;
        };
        let open = spans(hours, key.value, item);
        for (day, (weekday, _)) in WEEKDAYS.iter().enumerate().take(last + 1).skip(first) {
            if let Some(before) = said.insert(day, key.span.clone()) {
                let problem = hours.error("YZ0693", key.span.clone()).name("day", *weekday);
                hours.say(problem.cause(Place::at(before)));
                break;
            }
            written.week[day].clone_from(&open);
        }
    }
    let closed = written.week.iter().all(|hours| hours.as_ref().is_none_or(Vec::is_empty));
    if closed && written.based_on.is_none() && written.week.iter().any(Option::is_some) {
        hours.say(hours.error("YZ0694", hours.span.clone()));
    }
}

/// `monday`, `monday..friday`: numbered from Monday.
fn weekdays(key: &str) -> Option<(usize, usize)> {
    let day = |name: &str| WEEKDAYS.iter().position(|(known, _)| *known == name.trim());
    let (first, last) = key.split_once("..").unwrap_or((key, key));
    let (first, last) = (day(first)?, day(last)?);
    (first <= last).then_some((first, last))
}

fn in_chinese(key: &str) -> Option<String> {
    let day = key.chars().last()?;
    let at = "一二三四五六日".chars().position(|known| known == day).or((day == '天').then_some(6))?;
    Some(WEEKDAYS[at].0.to_owned())
}

/// `["09:00-12:00", "13:30-18:00"]`, or one of them; `[]`: closed.
fn spans<'a>(own: &Section<'_, '_>, key: &str, item: &Spanned<DeValue<'a>>) -> Option<Hours> {
    let texts: Vec<Text<'_>> = match item.get_ref() {
        DeValue::String(value) => vec![Text { value, span: item.span() }],
        DeValue::Array(list) => {
            let texts: Vec<_> = list
                .iter()
                .filter_map(|one| Some(Text { value: one.get_ref().as_str()?, span: one.span() }))
                .collect();
            if texts.len() < list.len() {
                own.reader.wrong_type(key, "hours such as [\"09:00-12:00\", \"13:00-18:00\"]", item);
                return None;
            }
            texts
        }
        DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Table(_) => {
            own.reader.wrong_type(key, "hours such as [\"09:00-12:00\", \"13:00-18:00\"]", item);
            return None;
        }
    };
    let mut hours: Hours = Vec::with_capacity(texts.len());
    for text in texts {
        let Some(open) = open_of(text.value) else {
            bad_hours(own, &text, if passes_midnight(text.value) { "midnight" } else { "span" });
            return None;
        };
        if hours.last().is_some_and(|before| open.from <= before.until) {
            bad_hours(own, &text, "order");
            return None;
        }
        hours.push(open);
    }
    Some(hours)
}

fn bad_hours(own: &Section<'_, '_>, text: &Text<'_>, case: &'static str) {
    let problem = own.error("YZ0690", text.span.clone()).name("value", text.value);
    let right =
        wide::all_narrowed(text.value.trim()).replace(['–', '—', '~', '至', '到'], "-").replace(' ', "");
    let good = if case == "time" { minute(&right).is_some() } else { open_of(&right).is_some() };
    own.say(match good && right != text.value {
        true => problem.case("narrow").name("right", right),
        false => problem.case(case),
    });
}

fn open_of(text: &str) -> Option<Open> {
    let (from, until) = text.split_once('-')?;
    let (from, until) = (minute(from.trim())?, minute(until.trim())?);
    (from < until).then_some(Open { from, until })
}

fn passes_midnight(text: &str) -> bool {
    let ends = text.split_once('-').map(|(from, until)| (minute(from.trim()), minute(until.trim())));
    matches!(ends, Some((Some(_), Some(_))))
}

/// `09:00`, up to `24:00`, in minutes.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let digits =
        |text: &str| !text.is_empty() && text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hour) || !digits(minute) || minute.len() != 2 {
        return None;
    }
    let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
    (minute < 60 && hour * 60 + minute <= 24 * 60).then_some(hour * 60 + minute)
}

/// The single dates of a file, each said once.
struct Dates<'s, 'a, 'r> {
    root: &'s Section<'a, 'r>,
    said: BTreeMap<Date, Range<usize>>,
    dates: BTreeMap<Date, (Dated, Range<usize>)>,
}

impl<'a, 'r> Dates<'_, 'a, 'r> {
    fn section(
        &mut self,
        key: &'static str,
        what: impl Fn(&Section<'a, 'r>, &'r Spanned<DeValue<'a>>, &str) -> Option<Dated>,
    ) {
        let Some(all) = self.root.section(key) else { return };
        for (text, item) in all.entries() {
            let Some(days) = days(text.value) else {
                let problem = all.error("YZ0691", text.span.clone()).name("value", text.value);
                all.say(match right_date(text.value) {
                    Some(right) => problem.case("near").name("right", right),
                    None => problem,
                });
                continue;
            };
            let Some(dated) = what(&all, item, text.value) else { continue };
            for day in days {
                if let Some(before) = self.said.insert(day, text.span.clone()) {
                    let problem = all.error("YZ0693", text.span.clone()).name("day", day.to_string());
                    all.say(problem.cause(Place::at(before)));
                    break;
                }
                self.dates.insert(day, (dated.clone(), text.span.clone()));
            }
        }
    }
}

/// `2026-10-01`, `2026-10-01..2026-10-07`.
fn days(key: &str) -> Option<Vec<Date>> {
    let day = |text: &str| (text.trim().len() == 10).then(|| text.trim().parse::<Date>().ok()).flatten();
    let (first, last) = key.split_once("..").unwrap_or((key, key));
    let (first, last) = (day(first)?, day(last)?);
    let days: Vec<Date> =
        first.series(jiff::Span::new().days(1)).take_while(|day| *day <= last).take(MOST_DAYS + 1).collect();
    (!days.is_empty() && days.len() <= MOST_DAYS).then_some(days)
}

/// `2026-10-01..2026-10-07` of `2026-10-1 - 2026/10/7`.
fn right_date(key: &str) -> Option<String> {
    let narrow = wide::all_narrowed(key).replace(['/', '.', '年', '月'], "-").replace('日', "");
    let numbers: Vec<u16> =
        narrow.split(|sign: char| !sign.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
    let right = match numbers[..] {
        [year, month, day] => format!("{year:04}-{month:02}-{day:02}"),
        [year, month, day, to_year, to_month, to_day] => {
            format!("{year:04}-{month:02}-{day:02}..{to_year:04}-{to_month:02}-{to_day:02}")
        }
        _ => return None,
    };
    (right != key && days(&right).is_some()).then_some(right)
}

/// A date with nothing but its name.
fn named(all: &Section<'_, '_>, item: &Spanned<DeValue<'_>>, at: &str, what: Special) -> Option<Dated> {
    match item.get_ref().as_str() {
        Some(name) => Some(Dated { what, name: Some(name).filter(|name| !name.is_empty()).map(Into::into) }),
        None => {
            all.reader.wrong_type(at, "the day's name, a text", item);
            None
        }
    }
}

/// `"国庆节调休"`, or `{ name = "…", like = "wednesday" }`.
fn make_up<'a, 'r>(all: &Section<'a, 'r>, item: &'r Spanned<DeValue<'a>>, at: &str) -> Option<Dated> {
    if item.get_ref().as_table().is_none() {
        return named(all, item, at, Special::Workday(None));
    }
    let own = all.sub(at, item)?;
    let name = own.string("name").map(Into::into);
    let like: Option<Option<Weekday>> = match own.has("like") {
        true => own.word("like", &WEEKDAYS).map(Some),
        false => Some(None),
    };
    own.close(&[]);
    Some(Dated { what: Special::Workday(like?), name })
}

/// `["09:00-12:00"]`, or `{ name = "…", hours = […] }`.
fn own<'a, 'r>(all: &Section<'a, 'r>, item: &'r Spanned<DeValue<'a>>, at: &str) -> Option<Dated> {
    if item.get_ref().as_table().is_none() {
        return spans(all, at, item).map(|hours| Dated { what: Special::Own(hours), name: None });
    }
    let own = all.sub(at, item)?;
    let name = own.string("name").map(Into::into);
    let hours = own.get("hours");
    own.close(&[]);
    let Some(hours) = hours else {
        own.missing("hours");
        return None;
    };
    spans(&own, "hours", hours).map(|hours| Dated { what: Special::Own(hours), name })
}
