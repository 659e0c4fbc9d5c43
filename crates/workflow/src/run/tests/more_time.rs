//! More time: asked for before the due time, granted or not, and what follows.

use super::rungs::fired;
use super::{MORNING, Tale};
use crate::plan::Work;
use crate::run::names::{Names, Standpoint};

const REPLY: &str = r#"
    [step.a]
    title = "答复客户"
    ask = "group:热线"
    due = "4h"
    remind = ["-1h"]
    escalate = [{ at = "+0h", tell = "role:班长" }]
    [step.a.extend]
    form.until = { type = "datetime" }
    form.plan = { type = "text" }
    use = "t.keyed"
    with = { text = "{{ plan }} / {{ until }}" }
"#;

const UNTIL_15: &str = r#"{ "until": "2026-11-23T15:00+08:00", "plan": "换主管" }"#;

#[test]
fn more_time_that_nobody_must_grant_is_granted_at_once_and_the_customer_is_told_the_plan() {
    let mut tale = Tale::begin(REPLY, "{}");
    tale.hear(&format!("+3h; +30min; a extend by person:li {UNTIL_15}"));
    let sent = tale.run.standing_items().find_map(|(of, state)| {
        matches!(tale.text.step(of.step).work_of(of), Work::Use { .. }).then(|| state.first.clone())?
    });
    let sent: serde_json::Value = serde_json::from_str(sent.unwrap().with.get()).unwrap();
    let said = sent["text"].as_str().unwrap();
    assert!(said.starts_with("换主管 / 2026-11-23T15:00"), "{said}");
    tale.hear("+90min; +1h");
    // The reminder fired before, and the new due time has one of its own; the old due time told nobody.
    assert_eq!(
        fired(&tale),
        "\
+0min Opened due +240min
+180min due1/0 told group:热线
+210min Extended due +360min
+300min due2/0 told group:热线
+360min late
+360min due2/1 told role:班长"
    );
}

#[test]
fn more_time_is_asked_for_before_the_due_time_for_a_later_one_by_whoever_has_the_task() {
    let mut tale = Tale::begin(REPLY, "{}");
    tale.hear("a extend by person:nobody {}");
    tale.hear(r#"a extend by person:li { "until": "2026-11-23T10:00+08:00", "plan": "x" }"#);
    tale.hear(r#"a extend by person:li { "plan": "x" }"#);
    tale.hear("+4h");
    tale.hear(&format!("a extend by person:li {UNTIL_15}"));
    let refused: Vec<&str> = tale.told.lines().filter(|line| line.contains("-> (")).collect();
    assert_eq!(refused.len(), 4, "{}", tale.told);
    for (line, part) in
        refused.iter().zip(["is not among", "is not after", "form is not complete", "it was due at"])
    {
        assert!(line.contains(part), "{line} has no `{part}`");
    }
}

const GRANTED: &str = r#"
    [step.a]
    title = "答复客户"
    ask = "group:热线"
    due = "4h"
    escalate = [{ at = "+0h", tell = "role:班长" }]
    [step.a.extend]
    form.until = { type = "datetime" }
    form.plan = { type = "text" }
    approve = "person:wang"
"#;

#[test]
fn more_time_counts_from_when_it_is_granted_and_lateness_is_judged_by_the_due_time_in_force() {
    let mut tale = Tale::begin(GRANTED, "{}");
    tale.hear(&format!(
        "+3h; a extend by person:li {UNTIL_15}; a extend by person:li {UNTIL_15}; +1h; +30min"
    ));
    assert!(tale.told.contains("more time has been asked for"), "{}", tale.told);
    assert!(tale.run.item(tale.attempt("a").item).unwrap().late, "nobody has granted it");
    tale.hear(r#"a/due2.65534 answer by person:wang { "approved": true }"#);
    let state = tale.run.item(tale.attempt("a").item).unwrap();
    assert!(!state.late, "it is due later now");
    assert_eq!(state.due, Some(MORNING.plus(6 * 3_600_000)));
    assert_eq!(
        fired(&tale),
        "\
+0min Opened due +240min
+240min late
+240min due1/0 told role:班长
+270min Extended due +360min"
    );
}

#[test]
fn a_no_leaves_the_due_time_and_more_may_be_asked_for_again() {
    let mut tale = Tale::begin(GRANTED, "{}");
    tale.hear(&format!("a extend by person:li {UNTIL_15}"));
    // Who decides sees what was asked for, and cannot change it.
    let grant = tale.attempt("a/due2.65534").item;
    let Work::Ask(ask) = tale.text.step(grant.step).work_of(grant) else { panic!("it is a task") };
    let seen =
        ask.form.view(&Names::of(&tale.run, &tale.text, &tale.world, tale.now, Standpoint::Item(grant)));
    assert!(seen.contains("换主管") && seen.contains("2026-11-23T15:00"), "{seen}");
    tale.hear(
        r#"a/due2.65534 answer by person:wang { "approved": false, "opinion": "不行", "plan_asked": "x" }"#,
    );
    assert_eq!(tale.run.item(tale.attempt("a").item).unwrap().due, Some(MORNING.plus(4 * 3_600_000)));
    tale.hear(&format!("a extend by person:li {UNTIL_15}"));
    tale.hear(r#"a/due3.65534 answer by person:wang { "approved": true }"#);
    assert_eq!(tale.run.item(tale.attempt("a").item).unwrap().due, Some(MORNING.plus(6 * 3_600_000)));
}

#[test]
fn a_task_that_is_over_takes_the_question_for_more_time_with_it() {
    let mut tale = Tale::begin(GRANTED, "{}");
    tale.hear(&format!("a extend by person:li {UNTIL_15}; a answer by person:li {{}}"));
    assert!(tale.run.is_over(), "{}", tale.told);
    assert!(super::super::wants(&tale.run).is_empty());
}
