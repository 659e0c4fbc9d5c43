//! What a walk tells of a case.

use std::collections::BTreeMap;

use serde_json::json;
use yizhan_workflow::catalogue::Catalogue;
use yizhan_workflow::definition;
use yizhan_workflow::moment::Span;
use yizhan_workflow::people::{People, Person};
use yizhan_workflow::plan::{Retry, Source};

use super::*;
use crate::intake;

const NOW: Millis = Millis(1_795_395_600_000);

fn world() -> World {
    let mut catalogue = Catalogue::default();
    let describe = json!({ "actions": { "send": { "effect": "once", "input": {},
        "output": { "type": "object", "properties": { "id": { "type": "string" } } } } } });
    catalogue.add("mail", &describe.to_string()).unwrap();
    let people = People {
        people: BTreeMap::from([("li".to_owned(), Person { name: "李娜".to_owned(), ..Person::default() })]),
        groups: BTreeMap::from([("desk".to_owned(), vec!["li".to_owned()])]),
        ..People::default()
    };
    World {
        number: 1,
        zone: jiff::tz::TimeZone::UTC,
        registers: Arc::default(),
        catalogue: Arc::new(catalogue),
        people: Arc::new(people),
        calendars: Arc::default(),
        retry: Retry { times: 1, first: Span { ms: 1000 }, ..Retry::NONE },
        owner: None,
        url: None,
    }
}

fn walk(toml: &str, input: &str, answers: Json) -> Rehearsal {
    let source =
        Source { name: "story".into(), text: format!("title = \"t\"\n{toml}"), files: BTreeMap::new() };
    let text = definition::read(&source, &source.files).unwrap().workflow;
    let prepared = intake::prepare(&text, input, None, &world(), NOW).unwrap();
    let of = answers.as_object().cloned().unwrap_or_default().into_iter().collect();
    rehearse(&prepared, "operator", &world(), NOW, &Answers { of, ..Answers::default() })
}

/// One line for each thing that was told.
fn lines(walk: &Rehearsal) -> Vec<String> {
    let mut lines: Vec<String> = walk
        .told
        .iter()
        .map(|told| {
            let after = (told.at.0 - NOW.0) / 1000;
            format!("+{after}s {}#{} {}", told.step, told.round, serde_json::to_string(&told.what).unwrap())
        })
        .collect();
    lines.push(walk.stopped.clone().unwrap_or_else(|| walk.end.state.to_owned()));
    lines
}

const FILE: &str = r#"
[input]
amount = { type = "whole" }
[step.look]
ask = "group:desk"
form.good = { type = "choice", options = ["yes", "no"] }
on.good.no = { back_to = "look", after = "10s" }
[step.large]
when = "input.amount > 100"
use = "mail.send"
with.to = "boss"
[step.rest]
wait = "1h"
[step.tell]
use = "mail.send"
with.text = "{{ step.look.good }} {{ step.look.by }}"
[output]
id = "{{ step.tell.id }}"
"#;

#[test]
fn a_walk_shows_tasks_waits_calls_and_what_was_left_out_and_why() {
    let walk = walk(FILE, r#"{"amount": 5}"#, Json::Null);
    assert_eq!(
        lines(&walk),
        [
            r#"+0s look#1 {"what":"task","who":["group:desk"],"due":null,"answer":{"good":"yes"},"given":false}"#,
            r#"+0s large#1 {"what":"skipped","when":"input.amount > 100","names":[["input.amount",5]]}"#,
            r#"+0s rest#1 {"what":"wait","until":1795399200000}"#,
            r#"+3600s tell#1 {"what":"call","action":"mail.send","with":{"text":"yes 李娜"},"undo":false}"#,
            "done",
        ]
    );
    assert_eq!(walk.end.output, Some(json!({ "id": "‹id›" })));
}

const DIGITS: &str = r#"
[input]
amount = { type = "money" }
rate = { type = "number", default = 1.10 }
order = { type = "number" }
[table.t]
key = ["c"]
rows = [{ c = "a", n = 0.30 }]
[step.tell]
use = "mail.send"
with = { text = "{{ input.amount }} {{ input.rate }}", n = "{{ table.t(c = 'a').n }}", order = "{{ input.order }}" }
[output]
amount = "{{ input.amount }}"
rate = "{{ input.rate }}"
"#;

#[test]
fn a_walk_keeps_the_digits_that_were_given_and_those_of_defaults() {
    let walk = walk(DIGITS, r#"{"amount":50.10,"order":2026112200000000000012345}"#, json!({}));
    let told = lines(&walk);
    let with = r#"{"text":"50.10 1.10","n":0.30,"order":2026112200000000000012345}"#;
    assert!(told[0].contains(with), "{told:?}");
    let output = walk.end.output.unwrap().to_string();
    assert_eq!(output, r#"{"amount":50.10,"rate":1.10}"#);
}

#[test]
fn a_list_of_answers_is_one_for_each_round() {
    let answers = json!({ "look": [{ "good": "no" }, { "good": "yes" }], "tell": { "id": "m1" } });
    let walk = walk(FILE, r#"{"amount": 5}"#, answers);
    let told = lines(&walk);
    assert!(told[1].starts_with(r#"+0s look#1 {"what":"back""#), "{told:?}");
    assert!(told[2].starts_with(r#"+10s look#2 {"what":"task""#), "{told:?}");
    assert_eq!(walk.end.output, Some(json!({ "id": "m1" })));
}

#[test]
fn an_answer_that_does_not_fit_ends_the_walk_with_the_reason() {
    let walk = walk(FILE, r#"{"amount": 5}"#, json!({ "look": { "good": "perhaps" } }));
    assert!(walk.stopped.is_some_and(|why| why.contains("look") && why.contains("good")));
}

#[test]
fn a_loop_that_the_answers_never_leave_is_given_up() {
    let walk = walk(FILE, r#"{"amount": 5}"#, json!({ "look": { "good": "no" } }));
    assert!(walk.stopped.is_some_and(|why| why.contains("rounds")));
}

const DUE: &str = r#"
due = "3 days"
escalate = [{ at = "+0h", tell = "person:li" }]
[step.look]
ask = "group:desk"
due = "4h"
remind = ["-1h"]
escalate = [{ at = "+0h", use = "mail.send", with.to = "boss" }, { at = "+1h", reassign = "person:li" }]
form.good = { type = "choice", options = ["yes", "no"] }
[step.tell]
use = "mail.send"
with.text = "{{ step.look.good }}"
"#;

#[test]
fn what_a_due_time_would_set_off_is_told_with_its_instants() {
    let told = lines(&walk(DUE, "{}", Json::Null));
    let at = |hours: i64| NOW.0 + hours * 3_600_000;
    let rung = |on: i64, rung: &str, does: &str| {
        format!(r#"+0s look#1 {{"what":"rung","on":{on},"rung":"{rung}","does":"{does}"}}"#)
    };
    assert!(told[0].starts_with(r#"+0s #1 {"what":"due","due":"#), "{told:?}");
    assert!(told[1].starts_with(r#"+0s #1 {"what":"rung","on":"#), "{told:?}");
    let rungs = [
        rung(at(3), "remind[0]", "reminds"),
        rung(at(4), "escalate[0]", "acts"),
        rung(at(5), "escalate[1]", "reassigns"),
    ];
    assert!(rungs.iter().all(|rung| told.contains(rung)), "{told:?}");
    assert!(
        told.contains(
            &r#"+0s tell#1 {"what":"call","action":"mail.send","with":{"text":"yes"},"undo":false}"#
                .to_owned()
        ),
        "{told:?}"
    );
}

#[test]
fn answered_when_they_are_due_tasks_show_the_latest_dates_that_are_in_time() {
    let source =
        Source { name: "story".into(), text: format!("title = \"t\"\n{DUE}"), files: BTreeMap::new() };
    let text = definition::read(&source, &source.files).unwrap().workflow;
    let prepared = intake::prepare(&text, "{}", None, &world(), NOW).unwrap();
    let answers = Answers { late: true, ..Answers::default() };
    let walk = rehearse(&prepared, "operator", &world(), NOW, &answers);
    let calls = lines(&walk).into_iter().filter(|line| line.contains(r#""what":"call""#));
    let calls: Vec<String> = calls.map(|line| line.chars().take(15).collect()).collect();
    assert_eq!(walk.end.at, NOW.plus(4 * 3_600_000 - 1), "{:?}", lines(&walk));
    assert_eq!(walk.end.state, "done");
    // The last instant that is in time: nothing is late, and nothing is set off that comes with it.
    assert_eq!(calls, ["+14399s tell#1 "]);
    assert!(!lines(&walk).iter().any(|line| line.contains(r#""what":"late""#)), "{:?}", lines(&walk));
}

fn text_of(name: &str, toml: &str) -> Arc<Workflow> {
    let source = Source { name: name.into(), text: format!("title = \"t\"\n{toml}"), files: BTreeMap::new() };
    definition::read(&source, &source.files).unwrap().workflow
}

/// A case of several files: it hands in, waits for the batch of half past four, has a child look, and leaves one to itself.
const CASE: &str = r#"
[step.hand_in]
use = "event.publish"
with.name = "handed.in"
with.key = "7"
[step.sent]
await = "sent"
key = "7"
[step.look]
run = "looks"
[step.apart]
run = "apart"
detach = true
[step.tell]
use = "mail.send"
with.text = "{{ step.look.found }}"
"#;

const BATCH: &str = r#"
[input]
items = { required = false }
[trigger.in]
event = "handed.in"
gather = "16:30"
with.items = "{{ trigger.items | length }}"
[step.out]
use = "event.publish"
with.name = "sent"
with.key = "7"
"#;

const LOOKS: &str = r#"
[step.see]
each = "{{ ['a', 'b'] }}"
run = "sees"
with.what = "{{ item }}"
[output]
found = "{{ step.see[1].found }}"
"#;

const SEES: &str = r#"
[input]
what = {}
[step.say]
ask = "group:desk"
due = "4h"
form.found = {}
[output]
found = "{{ input.what }} {{ step.say.found }}"
"#;

const APART: &str = "[step.rest]\nwait = \"3 days\"\n";

#[test]
fn a_walk_goes_through_children_and_gathered_slots_to_the_last_of_them() {
    let case = text_of("case", CASE);
    let timed = "[trigger.daily]\nschedule = \"09:00\"\n";
    let all = [
        text_of("batch", BATCH),
        text_of("looks", LOOKS),
        text_of("sees", &format!("{SEES}{timed}")),
        text_of("apart", APART),
        text_of("idle", &format!("{timed}{APART}")),
    ];
    let others = reached(&case, &all);
    let names: Vec<&str> = others.iter().map(|text| &*text.name).collect();
    assert_eq!(names, ["apart", "batch", "looks", "sees"], "what it cannot come to is left out");
    let found = json!({ "say": [{ "found": "x" }, { "found": "y" }] });
    let of = BTreeMap::from([("sees".to_owned(), found)]);
    let prepared = intake::prepare(&case, "{}", None, &world(), NOW).unwrap();
    let walk = rehearse(&prepared, "operator", &world(), NOW, &Answers { of, others, ..Answers::default() });
    let told: Vec<String> = walk
        .told
        .iter()
        .filter(|told| !matches!(told.what, What::Child { .. }))
        .map(|told| {
            format!("{} {}/{} {}", told.at.timestamp().unwrap(), told.within, told.step, kind(&told.what))
        })
        .collect();
    // It begins on a Monday at 01:00; the answers of the two children follow each other.
    assert_eq!(
        told,
        [
            "2026-11-23T01:00:00Z /hand_in call",
            "2026-11-23T16:30:00Z batch/out call",
            "2026-11-23T16:30:00Z /sent event",
            "2026-11-23T16:30:00Z look/see[1]/say task x",
            "2026-11-23T16:30:00Z look/see[2]/say task y",
            "2026-11-23T16:30:00Z apart/rest wait",
            "2026-11-23T16:30:00Z /tell call b y",
        ]
    );
    assert_eq!((walk.end.state, walk.stopped), ("done", None));
    assert_eq!(
        walk.end.at.timestamp().unwrap().to_string(),
        "2026-11-23T16:30:00Z",
        "it waits for no detached run"
    );
}

fn kind(what: &What) -> String {
    let what = serde_json::to_value(what).unwrap();
    let said = what["answer"]["found"].as_str().or(what["with"]["text"].as_str()).unwrap_or_default();
    format!("{} {said}", what["what"].as_str().unwrap()).trim().to_owned()
}

#[test]
fn an_event_that_nobody_will_publish_is_taken_to_come_at_once() {
    let case = text_of("case", CASE);
    let prepared = intake::prepare(&case, "{}", None, &world(), NOW).unwrap();
    let others = vec![text_of("apart", APART)];
    let walk = rehearse(&prepared, "operator", &world(), NOW, &Answers { others, ..Answers::default() });
    assert_eq!((walk.end.state, walk.end.at), ("done", NOW));
}

#[test]
fn an_event_is_taken_to_come_where_the_run_that_would_publish_it_stands_still_itself() {
    let publishes =
        |name: &str| format!("use = \"event.publish\"\nwith.name = \"{name}\"\nwith.key = \"7\"\n");
    let case = format!(
        "[step.other]\nrun = \"other\"\ndetach = true\n[step.sent]\nawait = \"sent\"\nkey = \"7\"\n[step.thank]\n{}",
        publishes("thanked")
    );
    let other =
        format!("[step.thanked]\nawait = \"thanked\"\nkey = \"7\"\n[step.send]\n{}", publishes("sent"));
    let prepared = intake::prepare(&text_of("case", &case), "{}", None, &world(), NOW).unwrap();
    let others = vec![text_of("other", &other)];
    let walk = rehearse(&prepared, "operator", &world(), NOW, &Answers { others, ..Answers::default() });
    assert_eq!((walk.end.state, walk.stopped), ("done", None));
}
