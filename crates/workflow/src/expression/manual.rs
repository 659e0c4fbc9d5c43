//! Runs the manual's page of functions: each example prints what the page says, and no word is left out of it.

use std::collections::BTreeSet;

use minijinja::Value;

use super::*;

/// In both languages of the manual.
const PAGES: [&str; 2] = [
    include_str!("../../../../docs/manual/src/zh/reference/functions.md"),
    include_str!("../../../../docs/manual/src/en/reference/functions.md"),
];

/// What stands in the page's blocks of that kind.
fn blocks(page: &'static str, kind: &str) -> Vec<&'static str> {
    let mut found = vec![];
    let mut rest = page;
    while let Some((_, after)) = rest.split_once("\n```") {
        let (body, next) = after.split_once("\n```\n").unwrap();
        let (named, body) = body.split_once('\n').unwrap();
        if named == kind {
            found.push(body);
        }
        rest = next;
    }
    found
}

fn scope(page: &'static str) -> Value {
    let [json] = blocks(page, "json values-scope")[..] else { panic!("the page has one block of data") };
    let data = value_of_json(json);
    // Of the words of the calendar the page says what a week of Monday to Friday gives.
    let calendar = crate::calendar::Calendar::weekdays(jiff::tz::TimeZone::get("Asia/Shanghai").unwrap());
    let [people] = blocks(page, "toml,people")[..] else { panic!("the page has one block of people") };
    let people = std::sync::Arc::new(crate::people::People::read(people).unwrap());
    let house = House {
        people: people.clone(),
        calendars: std::sync::Arc::default(),
        at: crate::id::Millis(1_790_816_700_000), // 2026-10-01 09:05 in Shanghai
        zone: jiff::tz::TimeZone::get("Asia/Shanghai").unwrap(),
    };
    Value::from_pairs([
        ("input", data.get_attr("input").unwrap()),
        ("skipped", empty()),
        ("run", Value::from_pairs([("by", person("person:li.na", &people))])),
        (PEOPLE, Value::from_object(house)),
        (CALENDAR, calendar_value(calendar.into())),
    ])
}

/// Each example and what it prints; one may go over several lines.
fn examples(page: &'static str) -> Vec<(String, &'static str)> {
    let mut found = vec![];
    for block in blocks(page, "values") {
        let mut text = String::new();
        for line in block.lines() {
            match line.rsplit_once(" => ") {
                Some((end, printed)) => {
                    text.push_str(end);
                    found.push((std::mem::take(&mut text), printed));
                }
                None => {
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
        assert_eq!(text, "", "an example without `=>`");
    }
    found
}

#[test]
fn each_example_prints_what_the_page_says() {
    assert_eq!(examples(PAGES[0]), examples(PAGES[1]), "both languages show the same");
    let (scope, examples) = (scope(PAGES[0]), examples(PAGES[0]));
    assert!(examples.len() > 80, "{}", examples.len());
    let mut wrong = vec![];
    for (text, printed) in examples {
        let worked = match Template::parse(&text).unwrap().text(&scope) {
            Ok(text) => text,
            Err(error) => error.code.to_string(),
        };
        if worked != printed {
            wrong.push(format!("{text} => {worked}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_filter_test_and_function_has_an_example() {
    let mut shown = BTreeSet::new();
    for (text, _) in examples(PAGES[0]) {
        for name in Template::parse(&text).unwrap().names() {
            if name.kind != NameKind::Value {
                shown.insert((format!("{:?}", name.kind), name.path[0].to_string()));
            }
        }
    }
    for kind in [NameKind::Filter, NameKind::Test, NameKind::Function] {
        for word in machine::known(kind) {
            let is_sign = !word.starts_with(|sign: char| sign.is_ascii_lowercase());
            assert!(
                is_sign || shown.contains(&(format!("{kind:?}"), word.clone())),
                "{kind:?} `{word}` is not shown"
            );
        }
    }
}
