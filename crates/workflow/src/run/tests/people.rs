//! Tasks: who may, claims, forms, lateness.

use super::{Tale, story};

const ASK: &str = r#"
    [step.a]
    ask = "group:热线"
    due = "4h"
    form.note = { type = "text", max = 10 }
"#;

#[test]
fn only_those_asked_may_answer_and_the_form_must_fit() {
    insta::assert_snapshot!(story(ASK, r#"a answer by person:wang {"note":"x"}; a answer by person:li {}; a answer by person:li {"note":"x"}; a#1 answer by person:li {"note":"y"}"#), @r#"
    go -> ask a#1, wake +14400s
    a answer by person:wang {"note":"x"} -> (`person:wang` is not among those who may take this task: group:热线)
    a answer by person:li {} -> (the form is not complete)
    a answer by person:li {"note":"x"} -> close a#1, => done done
    a#1 answer by person:li {"note":"y"} -> (echo)
    "#);
}

#[test]
fn a_claimed_task_is_for_whoever_claimed_it_until_given_back() {
    insta::assert_snapshot!(story(ASK, r#"a claim by person:li; a release by person:li; a claim by operator; a answer by person:li {"note":"x"}"#), @r#"
    go -> ask a#1, wake +14400s
    a claim by person:li -> wake +14400s
    a release by person:li -> wake +14400s
    a claim by operator -> wake +14400s
    a answer by person:li {"note":"x"} -> (`operator` has claimed this task)
    "#);
}

#[test]
fn a_due_time_that_passes_is_a_fact_and_ends_nothing() {
    let mut tale = Tale::begin(ASK, "{}");
    tale.hear(r#"+4h; a answer by person:li {"note":"x"}"#);
    insta::assert_snapshot!(tale.told, @r#"
    go -> ask a#1, wake +14400s
    +4h ->
    a answer by person:li {"note":"x"} -> close a#1, => done done
    "#);
    assert!(tale.run.steps[0].items[0].late);
}
