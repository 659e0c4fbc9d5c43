//! What people and machines send us, stirred: words of the language, numbers, signs and any characters in any order. It is
//! read or refused, and never panics. `YIZHAN_LONG=1` stirs for longer.

#![cfg(test)]

use proptest::prelude::*;
use yizhan_workflow::calendar::Calendar;
use yizhan_workflow::expression::{Expression, Template};
use yizhan_workflow::filter::passes;
use yizhan_workflow::id::{Millis, RunId, TaskId};
use yizhan_workflow::moment::Moment;
use yizhan_workflow::people::People;
use yizhan_workflow::register::Registers;
use yizhan_workflow::run::Line;
use yizhan_workflow::schedule::{CronLine, Pattern, Schedule, decide, preview, zone};

#[rustfmt::skip]
const MOMENTS: &[&str] = &[
    "every", "1st", "31st", "5th", "first", "last", "next", "monday", "sunday", "workday", "workdays", "day", "days", "of",
    "month", "months", "year", "at", "09:00", "24:00", "0:60", "18:00", "2h", "30min", "1s", "90", "-", "+", "2027-01-01",
    "2027-02-30", "T", "Z", "+08:00", "*", "*/5", "0", "59", "60", "1-5", "5-1", ",", "mon#1", "L", "W", "?", "#", " ", "  ",
    "999999999999999999999", "workhours", "计", "\u{0}", "\u{feff}",
];

#[rustfmt::skip]
const EXPRESSIONS: &[&str] = &[
    "input", ".a", ".b", "step.x", "item", "round", "'text'", "\"t\"", "1", "0", "1.10", "999999999999999999999999999999",
    "-", "+", "*", "/", "//", "%", "**", "==", "!=", "<", ">=", "and", "or", "not", "in", "is", "if", "else", "(", ")", "[",
    "]", "{", "}", ":", ",", "|", "default", "round", "money", "sum", "sort", "length", "date", "join", "replace", "~",
    "none", "true", "null", "[1,2]", "range(9)", "now()", "{{", "}}", "{%", "%}", "{#", "\\", "\u{0}", "“", "项",
];

#[rustfmt::skip]
const FILES: &[&str] = &[
    "[person.a]\n", "[group.b]\n", "[role.c]\n", "[register.x]\n", "[sequence.y]\n", "[hours]\n", "[holidays]\n", "name", "mail",
    "members", "number", "field.n", "monday", "=", "\"甲\"", "\"a@example.com\"", "[\"a\"]", "[\"role:c\"]", "\"TZ{n:06}\"", "\"{year}\"",
    "{ type = \"whole\" }", "[\"09:00-18:00\"]", "\"china\"", "based_on", "timezone", "\"Asia/Shanghai\"", "years", "\"2020..2030\"", "2026-10-01",
    "\n", "{", "}", "[", "]", "\"", "superior", "\u{0}", "1", "true", "[[person]]\n", ".", "#",
];

fn cases() -> u32 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the tests are told by the environment how long they may take"
    )]
    let long = std::env::var("YIZHAN_LONG").is_ok_and(|long| long == "1");
    if long { 200_000 } else { 1_000 }
}

/// Words with or without spaces between, and now and then anything at all.
fn stirred(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    let word = prop_oneof![
        12 => proptest::sample::select(words).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => any::<char>().prop_map(String::from),
    ];
    (proptest::collection::vec(word, 0..12), any::<bool>())
        .prop_map(|(words, apart)| words.join(if apart { " " } else { "" }))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn moments_schedules_and_cron_lines(text in stirred(MOMENTS)) {
        drop(Moment::parse_text(&text));
        drop(CronLine::parse(&text));
        drop(zone(&text));
        if let Ok(pattern) = Pattern::parse(&text) {
            let calendar = Calendar::weekdays(zone("America/New_York").unwrap());
            let (schedule, now) = (Schedule::new(pattern), Millis(1_795_395_600_000));
            let all = preview(&schedule, &calendar, now, Millis(now.0 + 400 * 86_400_000), 20);
            prop_assert!(all.is_sorted_by(|a, b| a < b) && all.first().is_none_or(|first| *first > now), "{all:?}");
            drop(decide(&schedule, &calendar, Millis(now.0 - 86_400_000), now));
            // What is shown is read again as the same.
            prop_assert_eq!(Pattern::parse(&schedule.pattern.to_string()), Ok(schedule.pattern));
        }
    }

    #[test]
    fn expressions_and_templates(text in stirred(EXPRESSIONS)) {
        let input = minijinja::Value::from_pairs([("a", minijinja::Value::from(1)), ("b", minijinja::Value::from("x"))]);
        let scope = minijinja::Value::from_pairs([("input", input), ("round", minijinja::Value::from(2))]);
        if let Ok(expression) = Expression::parse(&text) {
            drop(expression.value(&scope));
            drop(expression.truth(&scope));
        }
        if let Ok(template) = Template::parse(&text) {
            drop(template.text(&scope));
            drop(template.key(&scope));
        }
        drop(Template::parse_file(&text));
    }

    #[test]
    fn files_of_people_and_registers(text in stirred(FILES)) {
        drop(People::read(&text));
        drop(Registers::read(&text));
    }

    #[test]
    fn ids_and_lines_of_journals(text in any::<String>(), bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        drop(text.parse::<RunId>());
        drop(text.parse::<TaskId>());
        drop(serde_json::from_slice::<Line>(&bytes));
        drop(serde_json::from_str::<Line>(&text));
    }

    #[test]
    fn conditions_on_payloads(filter in stirred(JSON), payload in stirred(JSON)) {
        drop(passes(&filter, &payload));
    }
}

#[rustfmt::skip]
const JSON: &[&str] = &[
    "{", "}", "[", "]", ":", ",", "\"a\"", "\"b\"", "1", "1.10", "-0", "1e999", "null", "true", "\"", "\\u0000", "\\", "{\"a\":1}", "[1,2]",
];
