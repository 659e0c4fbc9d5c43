//! A task for whoever has fewest, or for the next in turn.

use super::{Tale, story, world};
use crate::id::Millis;
use crate::plan::Choose;
use crate::run::choosing::pick;
use crate::run::event::TaskSheet;

const TURN: &str = r#"
    [step.a]
    ask = { in_turn = "group:热线" }
    due = "4h"
"#;

#[test]
fn a_task_is_nobodys_until_it_is_chosen_whose_and_that_is_chosen_once() {
    insta::assert_snapshot!(story(
        TURN,
        "a claim by person:li; a answer by person:li {}; a for person:li; a for person:wang; a answer by person:wang {}; a answer by person:li {}"
    ), @r#"
    go -> ask a#1, wake +14400s
    a claim by person:li -> (`person:li` is not among those who may take this task: choosing)
    a answer by person:li {} -> (`person:li` is not among those who may take this task: choosing)
    a for person:li -> wake +14400s
    a for person:wang -> (echo)
    a answer by person:wang {} -> (`person:wang` is not among those who may take this task: person:li)
    a answer by person:li {} -> close a#1, => done done
    "#);
}

#[test]
fn the_same_as_before_is_whoever_did_that_step_last_and_nobody_else() {
    let file = r#"
        [step.repair]
        ask = ["group:热线", "role:班长"]
        [step.check]
        ask = "role:班长"
        form.ok = { type = "yesno" }
        on.ok.no = { back_to = "repair", most = 2 }
        [step.close]
        ask = { same_as = "repair" }
    "#;
    insta::assert_snapshot!(story(
        file,
        r#"repair answer by person:li {}; check answer by person:wang {"ok":true}; close answer by person:wang {}; close answer by person:li {}"#
    ), @r#"
    go -> ask repair#1
    repair answer by person:li {} -> close repair#1, ask check#1
    check answer by person:wang {"ok":true} -> close check#1, ask close#1
    close answer by person:wang {} -> (`person:wang` is not among those who may take this task: person:li)
    close answer by person:li {} -> close close#1, => done done
    "#);
    // Of several rounds the last: it was somebody else's by then.
    let told = story(
        file,
        r#"repair answer by person:li {}; check answer by person:wang {"ok":false}; repair answer by person:wang {}; check answer by person:wang {"ok":true}; close answer by person:li {}; close answer by person:wang {}"#,
    );
    let end = "(`person:li` is not among those who may take this task: person:wang)\n\
               close answer by person:wang {} -> close close@2#1, => done done\n";
    assert!(told.ends_with(end), "{told}");
}

#[test]
fn what_is_handed_over_before_it_is_chosen_is_not_chosen_any_more() {
    insta::assert_snapshot!(story(
        TURN,
        "a hands by operator to person:wang; a for person:li; a answer by person:wang {}"
    ), @r#"
    go -> ask a#1, wake +14400s
    a hands by operator to person:wang -> wake +14400s
    a for person:li -> (echo)
    a answer by person:wang {} -> close a#1, => done done
    "#);
}

#[test]
fn where_nobody_is_here_the_step_fails_and_in_a_new_round_it_is_chosen_again() {
    insta::assert_snapshot!(story(TURN, "a for nobody"), @r#"
    go -> ask a#1, wake +14400s
    a for nobody -> close a#1, => failed the task has nobody to do it: nobody is here
    "#);
    let file = r#"
        [step.a]
        ask = { fewest = ["group:热线", "role:班长"] }
        form.ok = { type = "yesno" }
        on.ok.no = { back_to = "a", most = 2 }
    "#;
    insta::assert_snapshot!(story(
        file,
        r#"a for person:li; a answer by person:li {"ok":false}; a answer by person:li {"ok":true}; a for person:wang; a answer by person:wang {"ok":true}"#
    ), @r#"
    go -> ask a#1
    a for person:li ->
    a answer by person:li {"ok":false} -> close a#1, ask a@2#1
    a answer by person:li {"ok":true} -> (`person:li` is not among those who may take this task: choosing)
    a for person:wang ->
    a answer by person:wang {"ok":true} -> close a@2#1, => done done
    "#);
}

#[test]
fn a_task_that_is_being_chosen_is_so_after_its_journal_was_read_again() {
    let tale = Tale::begin(TURN, "{}");
    let text = serde_json::to_string(&tale.run).unwrap();
    assert!(text.contains(r#""who":["group:热线"],"choose":"in_turn""#), "{text}");
}

fn chosen(
    rule: Choose,
    not: &[&str],
    last: Option<&str>,
    tasks: impl FnMut(&str) -> usize,
) -> Option<String> {
    let world = world();
    let mut people = (*world.people).clone();
    people.groups.insert("三人".to_owned(), ["a", "b", "c"].map(str::to_owned).to_vec());
    for id in ["a", "b", "c"] {
        people.people.insert(id.to_owned(), crate::people::Person::default());
    }
    let sheet = TaskSheet {
        title: "x".into(),
        who: vec!["group:三人".to_owned(), "person:a".to_owned()],
        nobody: vec![],
        choose: Some(rule),
        not: not.iter().map(|who| (*who).to_owned()).collect(),
        delegated_by: None,
        due: None,
        ends_late: false,
    };
    let people = people.at(Millis(0), &world.zone);
    pick((rule, &sheet), &people, last, tasks).map(|to| to.to_string())
}

#[test]
fn turns_go_round_the_list_and_pass_over_who_must_not() {
    let next = |last: Option<&str>, not: &[&str]| chosen(Choose::InTurn, not, last, |_| 0);
    let is = |who: &str| Some(format!("person:{who}"));
    assert_eq!(next(None, &[]), is("a"));
    assert_eq!(next(Some("person:a"), &[]), is("b"));
    assert_eq!(next(Some("person:c"), &[]), is("a"));
    assert_eq!(next(Some("person:a"), &["person:b"]), is("c"), "who must not loses the turn");
    assert_eq!(next(Some("person:gone"), &[]), is("a"), "whoever had the last turn is not of them any more");
    assert_eq!(next(None, &["group:三人"]), None);
}

#[test]
fn of_those_with_fewest_tasks_the_first_of_the_list_gets_it() {
    let has = |who: &str| if who == "person:a" { 2 } else { 1 };
    assert_eq!(chosen(Choose::Fewest, &[], None, has), Some("person:b".to_owned()));
    assert_eq!(chosen(Choose::Fewest, &["person:b"], None, has), Some("person:c".to_owned()));
    assert_eq!(chosen(Choose::Fewest, &["person:b", "person:c"], None, has), Some("person:a".to_owned()));
}
