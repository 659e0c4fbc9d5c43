//! Who acts beside those who are asked, and for whom: the owner, operators by right, deputies.

use std::sync::Arc;

use super::Tale;
use crate::people::rights::{Grant, Role};
use crate::people::{Deputy, Person};

/// `chen` is `wang`'s deputy, and `zhao` an operator of every workflow.
fn with_chen_and_zhao(tale: &mut Tale) {
    let mut people = (*tale.world.people).clone();
    for (id, name) in [("chen", "陈"), ("zhao", "赵")] {
        people.people.insert(id.to_owned(), Person { name: name.to_owned(), ..Person::default() });
    }
    people.people.get_mut("wang").unwrap().deputies = vec![Deputy::from("chen")];
    let grant = Grant { who: vec!["person:zhao".to_owned()], may: Role::Operator, on: vec![] };
    people.rights.insert("operators".to_owned(), grant);
    tale.world.people = Arc::new(people);
}

/// Who acted in the last line, and for whom.
fn last_acts(tale: &Tale) -> (String, String) {
    let line: serde_json::Value = serde_json::from_str(&tale.lines.last().unwrap().1).unwrap();
    let acted = line["did"].as_array().unwrap().iter().find_map(|fact| fact.get("acted")).unwrap();
    let word = |name: &str| acted["acts"][name].as_str().unwrap_or_default().to_owned();
    (word("by"), word("for"))
}

const TIMED: &str = r#"
    [step.a]
    ask = "group:热线"
    due = "4h"
    form.note = { type = "text", required = false }
    [step.a.extend]
    form.until = { type = "datetime" }
    [step.b]
    use = "t.once"
"#;

#[test]
fn whoever_stops_moves_or_settles_for_the_owner_is_named_with_the_owner() {
    let mut tale = Tale::begin(TIMED, "{}");
    with_chen_and_zhao(&mut tale);
    let chen = ("person:chen".to_owned(), "person:wang".to_owned());
    for act in [
        "a pause by person:chen 等客户",
        "a resume by person:chen",
        "a move +8h by person:chen 改期",
        r#"a extend by person:chen {"until":"2026-12-24T15:00+08:00"}"#,
    ] {
        assert_eq!(last_acts(tale.hear(act)), chen, "{act}");
    }
    tale.hear("a answer by person:li {}; b maybe");
    assert_eq!(last_acts(tale.hear("b settle by person:chen happened")), chen);
    assert!(tale.told.ends_with("=> done done\n"), "{}", tale.told);
}

#[test]
fn whoever_stops_a_clock_in_their_own_right_acts_for_nobody() {
    let mut tale = Tale::begin(TIMED, "{}");
    with_chen_and_zhao(&mut tale);
    for who in ["person:li", "person:wang", "person:zhao"] {
        let own = (who.to_owned(), String::new());
        assert_eq!(last_acts(tale.hear(&format!("a pause by {who} 等"))), own);
        assert_eq!(last_acts(tale.hear(&format!("a resume by {who}"))), own);
    }
}

#[test]
fn an_operator_by_right_who_settles_what_is_not_known_is_named() {
    let mut tale = Tale::begin("[step.b]\nuse = \"t.once\"", "{}");
    with_chen_and_zhao(&mut tale);
    tale.hear("b maybe");
    let zhao = ("person:zhao".to_owned(), String::new());
    assert_eq!(last_acts(tale.hear("b settle by person:zhao happened")), zhao);
}

#[test]
fn nobody_of_those_among_whom_it_is_chosen_stops_the_clock_of_a_task_that_is_nobodys_yet() {
    let mut tale = Tale::begin(
        r#"
        [step.a]
        ask = { in_turn = "group:热线" }
        due = "4h"
        "#,
        "{}",
    );
    let stands = |tale: &Tale| tale.run.top.steps[0].items[0].clock.as_ref().unwrap().stands.is_some();
    assert!(!stands(tale.hear("a pause by person:li 等")), "{}", tale.told);
    assert!(stands(tale.hear("a for person:li; a pause by person:li 等")), "{}", tale.told);
}

#[test]
fn who_must_not_do_a_task_does_not_stop_its_clock_either() {
    let mut tale = Tale::begin(
        r#"
        [step.a]
        ask = ["group:热线", "role:班长"]
        not = ["starter"]
        due = "4h"
        "#,
        "{}",
    );
    tale.hear("a pause by person:li 等; a resume by person:li; a pause by person:wang 等");
    let refused = "(`person:li` may not do this: it is for others than person:li)";
    assert_eq!(tale.told.matches(refused).count(), 2, "{}", tale.told);
    assert!(tale.run.top.steps[0].items[0].clock.as_ref().unwrap().stands.is_some());
}

#[test]
fn an_operator_by_right_may_do_what_is_left_when_a_run_closes_and_not_before() {
    let mut tale = Tale::begin(
        r#"
        [step.a]
        use = "t.pure"
        [step.t]
        needs = []
        ask = "group:热线"
        [on_failure.see]
        ask = "group:热线"
        "#,
        "{}",
    );
    with_chen_and_zhao(&mut tale);
    tale.hear("t answer by person:zhao {}; a breaks; on_failure.see answer by person:zhao {}");
    insta::assert_snapshot!(tale.told, @r"
    go -> start a#1, ask t#1
    t answer by person:zhao {} -> (`person:zhao` is not among those who may take this task: group:热线)
    a breaks -> close t#1, ask on_failure.see#1
    on_failure.see answer by person:zhao {} -> close on_failure.see#1, => failed no
    ");
    assert_eq!(last_acts(&tale), ("person:zhao".to_owned(), String::new()));
}
