//! What is written: workflow files and those beside them, expressions, moments, conditions, lines of a journal.

use std::collections::BTreeMap;

use jiff::civil::date;
use minijinja::Value;
use yizhan_workflow::calendar::Calendar;
use yizhan_workflow::definition::{self, Survey};
use yizhan_workflow::expression::{self, Expression, Template};
use yizhan_workflow::filter::passes;
use yizhan_workflow::id::{Millis, RunId, TaskId};
use yizhan_workflow::moment::Moment;
use yizhan_workflow::people::People;
use yizhan_workflow::plan::Source;
use yizhan_workflow::problem::{Lang, Problem, render, to_json};
use yizhan_workflow::prose::reading;
use yizhan_workflow::register::Registers;
use yizhan_workflow::run::Line;
use yizhan_workflow::schedule::{CronLine, Pattern, Schedule, decide, preview, zone};

use crate::house;

const NOW: Millis = Millis(1_795_395_600_000);
const LANGUAGES: [Lang; 2] = [Lang::Zh, Lang::En];

/// A workflow file is read, checked, and told in sentences; its faults are told too, in both languages.
pub(crate) fn workflow(bytes: &[u8]) {
    let Ok(text) = definition::text_of(bytes) else { return };
    let source = Source { name: "made".into(), text: text.to_owned(), files: BTreeMap::new() };
    let Survey { read, mut problems } = definition::survey(&source, &source.files);
    let readable = problems.is_empty();
    if let Some(read) = &read {
        let neighbours = definition::Neighbours::default();
        problems.extend(definition::check(read, house::of(&neighbours)));
        if readable {
            for language in LANGUAGES {
                drop(reading(&read.workflow, house::registers(), language).text(language));
            }
        }
    }
    assert!(readable || problems.iter().any(Problem::is_error), "a file is refused without a word");
    told(&problems, text);
}

/// Each fault has a sentence, whose marks stand in the text.
fn told(problems: &[Problem], text: &str) {
    let texts = BTreeMap::from([(String::new(), text.to_owned())]);
    for language in LANGUAGES {
        let shown = render(problems, "made.toml", &texts, language, false);
        assert_eq!(shown.is_empty(), problems.is_empty());
        drop(to_json(problems, "made.toml", &texts, language));
    }
}

/// Files of people and of registers.
pub(crate) fn house(bytes: &[u8]) {
    let Ok(text) = definition::text_of(bytes) else { return };
    let (_, problems) = People::check(text, date(2026, 11, 22), Some(house::calendars()));
    told(&problems, text);
    if let Err(problems) = Registers::read(text) {
        told(&problems, text);
    }
}

/// An expression, a string with holes, and a template file.
pub(crate) fn expression(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let scope = scope();
    if let Ok(expression) = Expression::parse(text) {
        for name in expression.names() {
            assert!(text.get(name.at.clone()).is_some(), "`{text}`: a name at {:?}", name.at);
        }
        if let (Ok(value), Ok(truth)) = (expression.value(&scope), expression.truth(&scope)) {
            assert_eq!(value.is_true(), truth, "`{text}`");
        }
    }
    for template in [Template::parse(text), Template::parse_file(text)].into_iter().flatten() {
        if let Ok(printed) = template.text(&scope) {
            assert!(printed.len() <= 1 << 20, "`{text}` gives {} bytes", printed.len());
        }
        drop(template.key(&scope));
        drop(template.value(&scope));
    }
}

fn scope() -> Value {
    let input = expression::value_of_json(
        r#"{ "n": 7, "money": 12.50, "text": "word", "no": false, "day": "2026-10-01", "none": null, "blank": "",
            "list": ["b", "a", 3], "rows": [{ "c": "x", "n": 1 }, { "c": "y", "n": 2 }] }"#,
    );
    Value::from_pairs([
        ("input", input),
        ("round", Value::from(2)),
        ("today", Value::from("2026-11-22")),
        ("now", Value::from("2026-11-22T10:00:00+08:00")),
    ])
}

/// A span, a moment, a line of cron, a pattern with its slots.
pub(crate) fn moment(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    drop(Moment::parse_text(text));
    drop(CronLine::parse(text));
    let zone = zone(text);
    let Ok(pattern) = Pattern::parse(text) else { return };
    let calendar = Calendar::weekdays(zone.unwrap_or(jiff::tz::TimeZone::UTC));
    let schedule = Schedule::new(pattern);
    let all = preview(&schedule, &calendar, NOW, Millis(NOW.0 + 40 * 86_400_000), 20);
    assert!(all.is_sorted_by(|a, b| a < b), "`{text}`: {all:?}");
    assert!(all.first().is_none_or(|first| *first > NOW), "`{text}`: {all:?}");
    drop(decide(&schedule, &calendar, Millis(NOW.0 - 86_400_000), NOW));
    // What is shown is read again as the same.
    assert_eq!(Pattern::parse(&schedule.pattern.to_string()), Ok(schedule.pattern));
}

/// A condition on the first line, what it is held against on the others.
pub(crate) fn condition(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (filter, payload) = text.split_once('\n').unwrap_or((text, "{}"));
    drop(passes(filter, payload));
}

/// A line of a journal is what it was after it was written again; ids are those of their kind alone.
pub(crate) fn journal(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    assert!(
        text.parse::<RunId>().is_err() || text.parse::<TaskId>().is_err(),
        "`{text}` is a run and a task"
    );
    let Ok(line) = serde_json::from_str::<Line>(text) else { return };
    let written = serde_json::to_string(&line).unwrap_or_default();
    let again = serde_json::from_str::<Line>(&written);
    let again = again.map(|again| serde_json::to_string(&again).unwrap_or_default());
    assert_eq!(again.ok().as_ref(), Some(&written), "`{text}`");
}
