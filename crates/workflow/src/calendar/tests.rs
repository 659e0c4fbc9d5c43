//! Stories about calendars. `read` and `told` are the only places that know the API; the tests are data.

use std::collections::BTreeMap;

use jiff::civil::date;
use jiff::tz::TimeZone;

use super::*;
use crate::id::Millis;
use crate::problem::{Lang, render};

fn texts(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[track_caller]
fn read(files: &[(&str, &str)]) -> Calendars {
    let (calendars, faults) = Calendars::read(&texts(files), &TimeZone::get("Asia/Shanghai").unwrap());
    assert!(faults.is_empty(), "{faults:?}");
    calendars
}

/// The sentences of the faults of one file, with the code and line of each.
fn told(text: &str) -> Vec<String> {
    let (_, faults) = Calendars::read(&texts(&[("own", text)]), &TimeZone::UTC);
    let problems = faults.get("own").cloned().unwrap_or_default();
    let line = |at: usize| text[..at].matches('\n').count() + 1;
    let texts = BTreeMap::from([(String::new(), text.to_owned())]);
    for lang in [Lang::Zh, Lang::En] {
        let shown = render(&problems, "own.toml", &texts, lang, false);
        for hole in ["{value}", "{day}", "{base}", "{year}", "{right}", "{nearest}", "{known}", "{key}"] {
            assert!(!shown.contains(hole), "a hole was left open: {shown}");
        }
    }
    problems.iter().map(|problem| format!("{} {}", problem.code, line(problem.place.start))).collect()
}

fn hours(calendar: &Calendar, day: Date) -> String {
    calendar.hours(day).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

const WATER: &str = r#"
title = "供水公司"
based_on = "china"
cut_off = "16:30"
years = "2004..2027"
[hours]
"monday..friday" = ["08:30-12:00", "13:30-17:30"]
[holidays]
2027-01-01 = "元旦"
"2027-02-06..2027-02-08" = "春节"
[workdays]
2027-02-20 = "春节调休"
2027-02-21 = { name = "春节调休", like = "friday" }
[days]
2026-12-31 = "08:30-12:00"
2026-10-02 = { name = "值班", hours = ["09:00-11:00"] }
"#;

#[test]
fn a_calendar_stands_on_another_and_says_what_is_different() {
    let calendars = read(&[("water", WATER)]);
    let water = calendars.named(Some("water")).unwrap();
    for (day, expected, name) in [
        (date(2026, 9, 30), "08:30-12:00 13:30-17:30", None),
        (date(2026, 10, 1), "", Some("国庆节")),
        (date(2026, 10, 2), "09:00-11:00", Some("值班")),
        // The make-up day is China's, its hours are the company's.
        (date(2026, 10, 10), "08:30-12:00 13:30-17:30", Some("国庆节调休")),
        (date(2026, 10, 11), "", None),
        (date(2026, 12, 31), "08:30-12:00", None),
        (date(2027, 1, 1), "", Some("元旦")),
        (date(2027, 2, 7), "", Some("春节")),
        (date(2027, 2, 20), "08:30-12:00 13:30-17:30", Some("春节调休")),
        (date(2027, 2, 21), "08:30-12:00 13:30-17:30", Some("春节调休")),
    ] {
        assert_eq!(hours(water, day), expected, "{day}");
        assert_eq!(water.name_of(day), name, "{day}");
        assert_eq!(water.is_workday(day), !expected.is_empty(), "{day}");
    }
    let china = calendars.named(Some("china")).unwrap();
    assert_eq!(hours(china, date(2026, 10, 10)), "09:00-18:00");
    assert_eq!((china.knows(2026), china.knows(2027), china.knows(2003)), (true, false, false));
    assert!(water.knows(2027) && !water.knows(2028));
    assert!(calendars.house().knows(2100), "nothing of it hangs on announcements");
}

#[test]
fn the_house_has_a_calendar_for_whoever_names_none() {
    let calendars = read(&[("water", WATER)]);
    assert_eq!(&*calendars.house().name, "weekdays");
    let water = calendars.clone().with_house("water").unwrap();
    assert_eq!(&*water.named(None).unwrap().name, "water");
    assert_eq!(calendars.with_house("watr").unwrap_err().nearest.as_deref(), Some("water"));
}

#[test]
fn a_file_may_take_the_name_of_one_that_comes_along() {
    let calendars = read(&[
        ("weekdays", "[hours]\n\"monday..saturday\" = \"08:00-16:00\"\n"),
        ("office", "based_on = \"weekdays\"\n"),
    ]);
    for name in ["weekdays", "office", "china"] {
        let saturday = calendars.named(Some(name)).unwrap().hours(date(2026, 11, 28));
        assert_eq!(saturday, [Open { from: 480, until: 960 }], "{name}");
    }
}

#[test]
fn a_file_without_years_knows_those_of_its_dates() {
    let calendars = read(&[
        ("plain", "[hours]\nmonday = \"09:00-17:00\"\n"),
        ("dated", "based_on = \"plain\"\n[holidays]\n2026-12-25 = \"\"\n"),
        ("own", "[hours]\nmonday = \"09:00-17:00\"\n[holidays]\n2026-12-25 = \"\"\n2027-12-25 = \"\"\n"),
    ]);
    let knows = |name: &str, year: i16| calendars.named(Some(name)).unwrap().knows(year);
    assert!(knows("plain", 1990) && knows("dated", 1990), "a day of one's own is no announcement");
    assert!(!knows("own", 2025) && knows("own", 2026) && knows("own", 2027) && !knows("own", 2028));
}

#[test]
fn every_fault_of_a_file_is_told_at_once() {
    let text = r#"
titel = "x"
timezone = "Asia/Shangai"
cut_off = "25:00"
years = "2027..2026"
[hours]
mondy = "09:00-17:00"
tuesday = "17:00-09:00"
wednesday = ["09:00-12:00", "11:00-17:00"]
thursday = 9
friday = "九点到五点"
"monday..wednesday" = "09:00-17:00"
[holidays]
2026-02-30 = "x"
2026-10-01 = "国庆节"
"2026-10-07..2026-10-01" = "x"
2026-1-2 = "x"
2026-10-03 = 1
[workdays]
2026-10-01 = "x"
2026-10-10 = { like = "funday" }
[days]
2026-12-31 = { name = "x" }
"#;
    let expected = [
        "YZ0105 2",
        "YZ0160 3",
        "YZ0690 4",
        "YZ0695 5",
        "YZ0691 7",
        "YZ0690 8",
        "YZ0690 9",
        "YZ0107 10",
        "YZ0690 11",
        "YZ0693 12",
        "YZ0691 14",
        "YZ0691 16",
        "YZ0691 17",
        "YZ0107 18",
        "YZ0693 20",
        "YZ0116 21",
        "YZ0108 23",
    ];
    assert_eq!(told(text), expected);
}

#[test]
fn what_makes_no_sense_as_a_whole_is_told() {
    assert_eq!(told("title = \"x\"\n"), ["YZ0694 1"]);
    assert_eq!(told("[hours]\nmonday = []\n"), ["YZ0694 1"]);
    assert_eq!(told("based_on = \"chna\"\n"), ["YZ0692 1"]);
    assert_eq!(told("based_on = \"own\"\n"), ["YZ0692 1"]);
    assert_eq!(told("based_on = \"china\"\nyears = 2026\n[holidays]\n2027-01-01 = \"x\"\n"), ["YZ0695 4"]);
    let circle =
        texts(&[("a", "based_on = \"b\"\n"), ("b", "based_on = \"a\"\n"), ("c", "based_on = \"a\"\n")]);
    let (calendars, faults) = Calendars::read(&circle, &TimeZone::UTC);
    assert_eq!(faults.keys().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert!(calendars.named(Some("a")).is_none() && calendars.named(Some("china")).is_some());
}

#[test]
fn nobody_works_is_found_out_also_when_a_base_is_overruled() {
    let week = "\"monday..sunday\" = []\n";
    let calendars = read(&[("shut", &format!("based_on = \"china\"\n[hours]\n{week}"))]);
    let shut = calendars.named(Some("shut")).unwrap();
    assert_eq!(shut.workday_after(date(2026, 1, 1), 1), None, "and the search ends");
    assert_eq!(shut.after_open(Millis(0), 1), None);
}

#[test]
fn an_export_of_a_calendar_program_becomes_a_calendar() {
    let ics = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20271001\r\nDTEND;VALUE=DATE:20271004\r\n\
               SUMMARY:国庆节\u{ff08}休\u{ff09}\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20271009\r\n\
               SUMMARY:国庆\r\n 节\u{ff08}班\u{ff09}\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nDTSTART:20271225T000000Z\r\n\
               SUMMARY:Christmas\\, \"x\"\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20270101\r\n\
               RRULE:FREQ=YEARLY\r\nSUMMARY:every year\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    let imported = Imported::read(ics);
    assert_eq!(imported.left_out, ["every year"]);
    let text = imported.toml("假日", "weekdays");
    let calendars = read(&[("own", &text)]);
    let own = calendars.named(Some("own")).unwrap();
    assert_eq!(own.title.as_deref(), Some("假日"));
    for (day, worked, name) in [
        (date(2027, 10, 1), false, "国庆节"),
        (date(2027, 10, 3), false, "国庆节"),
        (date(2027, 10, 9), true, "国庆节调休"),
        (date(2027, 12, 25), false, "Christmas, \"x\""),
    ] {
        assert_eq!((own.is_workday(day), own.name_of(day)), (worked, Some(name)), "{day}");
    }
    assert!(own.is_workday(date(2027, 10, 4)) && own.knows(2027) && !own.knows(2026));
}

#[test]
fn what_is_open_closes_and_opens_again() {
    let calendars = read(&[("water", WATER)]);
    let water = calendars.named(Some("water")).unwrap();
    let at = |text: &str| Millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond());
    let noon = at("2026-09-30T12:30:00+08:00");
    assert!(!water.is_open(noon) && water.closes(noon).is_none());
    assert_eq!(water.opens(noon), Some(at("2026-09-30T13:30:00+08:00")));
    let afternoon = at("2026-09-30T14:00:00+08:00");
    assert_eq!(water.opens(afternoon), Some(afternoon));
    assert_eq!(water.closes(afternoon), Some(at("2026-09-30T17:30:00+08:00")));
    assert!(!water.is_open(at("2026-09-30T17:30:00+08:00")), "the end is not open any more");
}
