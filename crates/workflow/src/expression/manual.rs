//! Runs the manual's page of values: each example prints what the page says, and no word is left out of it.

use std::collections::BTreeSet;

use minijinja::Value;

use super::*;

const PAGE: &str = include_str!("../../../../docs/manual/values.md");

/// What stands in the page's blocks of that kind.
fn blocks(kind: &str) -> Vec<&'static str> {
    let mut found = vec![];
    let mut rest = PAGE;
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

fn scope() -> Value {
    let [json] = blocks("json values-scope")[..] else { panic!("the page has one block of data") };
    let data = value_of_json(json);
    Value::from_pairs([("input", data.get_attr("input").unwrap()), ("skipped", empty())])
}

/// Each example and what it prints; one may go over several lines.
fn examples() -> Vec<(String, &'static str)> {
    let mut found = vec![];
    for block in blocks("values") {
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
    let (scope, examples) = (scope(), examples());
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
    for (text, _) in examples() {
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
