//! What heads of departments ask at the end of a month.

use super::*;
use crate::calendar::Calendar;
use crate::id::Millis;

fn at(text: &str) -> Millis {
    Millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

/// A repair that was reported at nine on 2026-11-20, a Friday, in Shanghai.
fn repair(number: u64, person: &str, (ended, due): (Option<&str>, Option<&str>)) -> Case {
    Case {
        run: RunId::child_of(&number.to_string()),
        workflow: "fault-dispatch".into(),
        key: Some(format!("1380000000{number}").into()),
        task: None,
        step: Some("repair".into()),
        title: Some("修漏".into()),
        state: if ended.is_some() { "answered" } else { "open" }.into(),
        outcome: ended.map(|_| "fixed".into()),
        person: Some(format!("person:{person}").into()),
        who: vec!["person:li.na".to_owned(), "group:城南供水分公司".to_owned()],
        parent: None,
        began: at("2026-11-20T01:00:00Z"),
        ended: ended.map(at),
        due: due.map(at),
        stands: false,
        round: 1,
    }
}

#[track_caller]
fn asked(with: &str, cases: &[Case]) -> Json {
    serde_json::from_str(&told(with, cases)).unwrap()
}

fn told(with: &str, cases: &[Case]) -> String {
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").unwrap();
    let people = People::read("[person.wang]\nname = \"王强\"\n").unwrap();
    let query = Query::read(with).unwrap();
    let asking = query.ask(Of::Tasks).unwrap();
    let calendar = Calendar::weekdays(zone.clone());
    let standpoint = Standpoint {
        now: at("2026-11-24T00:00:00Z"),
        zone: &zone,
        calendar: &calendar,
        people: &people,
        period_of: query.period_of,
    };
    let rows: Vec<Row> = cases.iter().filter_map(|case| asking.row(case, standpoint).unwrap()).collect();
    asking.found(&rows).unwrap()
}

const DUE: Option<&str> = Some("2026-11-20T05:00:00Z");

fn month() -> Vec<Case> {
    vec![
        repair(1, "wang", (Some("2026-11-20T02:00:00Z"), DUE)),
        repair(2, "wang", (Some("2026-11-20T04:30:00Z"), DUE)),
        repair(3, "wang", (Some("2026-11-23T02:00:00Z"), DUE)),
        repair(4, "zhao", (None, DUE)),
        repair(5, "zhao", (Some("2026-11-20T03:00:00Z"), None)),
        repair(6, "zhao", (None, Some("2026-11-25T00:00:00Z"))),
    ]
}

#[test]
fn the_share_in_time_counts_only_those_of_which_it_is_known() {
    let told = asked(
        r#"{"show": {"all": "count", "over": "count(finished)", "timely": "share(in_time)", "late": "count(late)",
            "late_now": "count(late_now)"}}"#,
        &month(),
    );
    // Two of four: one was late, one is open and past its time; the one without a due time and the one that has time
    // left say nothing.
    assert_eq!(
        told["figures"],
        serde_json::json!({"all": 6, "over": 4, "timely": 0.5, "late": 2, "late_now": 1})
    );
}

#[test]
fn each_person_has_figures_of_their_own_under_their_name() {
    let told = told(
        r#"{"by": ["person", "name"], "show": {"n": "count", "mean": "mean(hours)", "middle": "median(hours)",
            "most": "p90(hours)"}, "order": "-n", "where": {"finished": true}}"#,
        &month(),
    );
    // One, three and a half, and seventy-three hours: every digit of the mean is there.
    let wang =
        r#"{"person":"person:wang","name":"王强","n":3,"mean":25.8333333333333333,"middle":3.5,"most":73}"#;
    let zhao = r#"{"person":"person:zhao","name":"person:zhao","n":1,"mean":2,"middle":2,"most":2}"#;
    assert_eq!(told, format!("{{\"count\":4,\"figures\":null,\"rows\":[{wang},{zhao}]}}"));
}

#[test]
fn a_night_and_a_weekend_are_no_working_hours() {
    let told = asked(r#"{"where": {"key": "13800000003"}}"#, &month());
    let entry = &told["entry"];
    // Friday from nine to six, and Monday from nine to ten.
    assert_eq!((&entry["hours"], &entry["workhours"]), (&serde_json::json!(73), &serde_json::json!(10)));
    assert_eq!(entry["group"], "group:城南供水分公司");
    assert_eq!((&entry["opened"], &entry["week"]), (&"2026-11-20T09:00:00".into(), &"2026-W47".into()));
}

#[test]
fn a_day_is_that_of_the_end_where_the_period_is() {
    let told = asked(
        r#"{"period_of": "ended", "by": "day", "where": {"finished": true}, "order": "day"}"#,
        &month(),
    );
    assert_eq!(
        told["rows"],
        serde_json::json!([{"day": "2026-11-20", "count": 3}, {"day": "2026-11-23", "count": 1}])
    );
}

#[test]
fn what_ends_at_the_due_instant_is_late_and_a_clock_that_stands_is_not() {
    let mut at_the_instant = repair(1, "wang", (DUE, DUE));
    let late = asked("{}", &[at_the_instant.clone()])["entry"]["late"].clone();
    assert_eq!(late, serde_json::json!(true));
    at_the_instant.stands = true;
    assert_eq!(asked("{}", &[at_the_instant])["entry"]["in_time"], serde_json::json!(true));
    let stands = Case { stands: true, ..repair(2, "wang", (None, DUE)) };
    assert_eq!(asked("{}", &[stands])["entry"]["late_now"], serde_json::json!(false));
}

#[test]
fn a_share_of_nothing_is_empty() {
    let told = asked(r#"{"where": {"step": "other"}, "show": {"timely": "share(in_time)"}}"#, &month());
    assert_eq!(told["figures"], serde_json::json!({"timely": null}));
}

#[test]
fn a_conversion_is_the_share_of_one_word() {
    let mut cases = month();
    cases[0].outcome = Some("complex".into());
    let told = asked(r#"{"show": {"fixed": "share(outcome = 'fixed')"}}"#, &cases);
    assert_eq!(told["figures"]["fixed"], serde_json::json!(0.75));
}

#[test]
fn what_there_is_not_is_named_with_what_there_is() {
    let fault = Query::read(r#"{"by": "persn"}"#).unwrap().ask(Of::Tasks).unwrap_err();
    assert!(fault.0.contains("did you mean `person`?"), "{}", fault.0);
    let fault = Query::read(r#"{"show": {"x": "share()"}}"#).unwrap().ask(Of::Tasks).unwrap_err();
    assert!(fault.0.contains("is no figure"), "{}", fault.0);
    assert!(Query::read(r#"{"perod": "today"}"#).is_err());
}

#[test]
fn hours_have_four_places_and_the_half_goes_up() {
    let case = |ms| Case { ended: Some(at("2026-11-20T01:00:00Z").plus(ms)), ..month()[0].clone() };
    let hours = |ms| asked("{}", &[case(ms)])["entry"]["hours"].to_string();
    assert_eq!((hours(179), hours(180), hours(3_600_000)), ("0".into(), "0.0001".into(), "1".into()));
    assert_eq!(hours(5_400_000), "1.5");
}

#[test]
fn only_the_workflows_that_are_named_are_looked_for() {
    let of = |with: &str| Query::read(with).unwrap().workflows();
    assert_eq!(of(r#"{"where": {"workflow": "a"}}"#), ["a"]);
    assert_eq!(of(r#"{"where": {"workflow": ["a", "b"]}}"#), ["a", "b"]);
    assert!(of(r#"{"where": {"workflow": {"not": "a"}}}"#).is_empty());
    assert!(of("{}").is_empty());
}
