//! Tasks: who may, claims, forms, lateness.

use std::sync::Arc;

use super::{Tale, story};
use crate::people::Deputy;

/// `wang` stands in for `li`, and the other way round.
fn with_deputies(tale: &mut Tale) {
    let mut people = (*tale.world.people).clone();
    for (of, deputy) in [("li", "wang"), ("wang", "li")] {
        people.people.get_mut(of).unwrap().deputies = vec![Deputy::from(deputy)];
    }
    tale.world.people = Arc::new(people);
}

/// The facts of the last line that name who acted, and for whom.
fn last_acts(tale: &Tale) -> String {
    let line: serde_json::Value = serde_json::from_str(&tale.lines.last().unwrap().1).unwrap();
    let acts = line["did"].as_array().unwrap().iter().filter_map(|fact| fact.get("acted"));
    acts.map(|acted| acted["acts"].to_string()).collect()
}

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
    assert!(tale.run.top.steps[0].items[0].late);
}

#[test]
fn a_due_time_that_is_past_when_the_task_opens_has_passed_at_once() {
    let mut tale = Tale::begin("[step.a]\nask = \"group:热线\"\ndue = 2020-01-01\n", "{}");
    assert!(tale.run.top.steps[0].items[0].late);
    tale.hear("+1s");
    insta::assert_snapshot!(tale.told, @r"
    go -> ask a#1
    +1s -> (echo)
    ");
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        ask = "group:热线"
        due = 2020-01-01
        on.late = { go = "done:太晚" }
        "#,
        "+1s",
    ), @r"
    go -> => done 太晚
    +1s -> (echo)
    ");
}

#[test]
fn where_late_is_written_the_due_instant_ends_the_task_and_an_answer_is_too_late() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        ask = "group:热线"
        due = "4h"
        on.done = { go = "done:答了" }
        on.late = { go = "cancel:没人答" }
        "#,
        "a claim by person:li; +4h; a#1 answer by person:li {}",
    ), @r"
    go -> ask a#1, wake +14400s
    a claim by person:li -> wake +14400s
    +4h -> close a#1, => cancelled 没人答
    a#1 answer by person:li {} -> (echo)
    ");
}

#[test]
fn a_claim_or_a_release_heard_twice_is_an_echo() {
    insta::assert_snapshot!(
        story(ASK, "a release by person:li; a claim by person:li; a claim by person:li; a release by person:li; a release by person:li"), @r"
    go -> ask a#1, wake +14400s
    a release by person:li -> (echo)
    a claim by person:li -> wake +14400s
    a claim by person:li -> (echo)
    a release by person:li -> wake +14400s
    a release by person:li -> (echo)
    ");
}

#[test]
fn whoever_answered_stays_who_answered_when_the_owner_decides_what_follows() {
    let mut tale = Tale::begin(
        r#"
        [step.a]
        ask = "group:热线"
        form.ok = { type = "yesno" }
        on.ok.no = { back_to = "a", most = 1 }
        [step.b]
        use = "t.pure"
        with.by = "{{ step.a.by }}"
        with.ok = "{{ step.a.ok }}"
        "#,
        "{}",
    );
    tale.hear(r#"a answer by person:li {"ok":false}; a answer by person:li {"ok":false}; a settle leave"#);
    assert_eq!(tale.with("b"), r#"{"by":"person:li","ok":false}"#);
}

#[test]
fn the_owner_may_do_what_is_left_to_do_when_a_run_closes() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.pure"
        [step.t]
        needs = []
        ask = "group:热线"
        undo.ask = "group:热线"
        [on_failure.see]
        ask = "group:热线"
        "#,
        "t answer by person:wang {}; t answer by person:li {}; a breaks; on_failure.see answer by person:wang {}; t/undo claim by person:li; t/undo answer by person:wang {}",
    ), @r"
    go -> start a#1, ask t#1
    t answer by person:wang {} -> (`person:wang` is not among those who may take this task: group:热线)
    t answer by person:li {} -> close t#1
    a breaks -> ask on_failure.see#1, ask t/undo#1
    on_failure.see answer by person:wang {} -> close on_failure.see#1
    t/undo claim by person:li ->
    t/undo answer by person:wang {} -> close t/undo#1, => failed no
    ");
}

#[test]
fn a_question_takes_only_the_answers_that_belong_to_it() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.once"
        undo.use = "t.pure"
        "#,
        "a restart; a settle leave; a answer by person:li {}; a settle happened; cancel",
    ), @r"
    go -> start a#1
    a restart -> unknown a#1
    a settle leave -> (this is not an answer to that question)
    a answer by person:li {} -> (echo)
    a settle happened -> close a#1, => done done
    cancel -> (echo)
    ");
}

#[test]
fn late_ends_the_task_of_the_step_and_not_that_of_its_undo() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        ask = "starter"
        due = "1h"
        on.late = { go = "cancel:没人答" }
        undo.ask = "group:热线"
        undo.due = "1h"
        [step.b]
        use = "t.pure"
        "#,
        "a answer by person:li {}; b breaks; +1h; a/undo answer by person:li {}",
    ), @r"
    go -> ask a#1, wake +3600s
    a answer by person:li {} -> close a#1, start b#1
    b breaks -> ask a/undo#1, wake +3600s
    +1h ->
    a/undo answer by person:li {} -> close a/undo#1, => failed no
    ");
}

#[test]
fn a_task_that_was_handed_over_is_for_those_it_was_given_to() {
    let mut tale = Tale::begin(ASK, "{}");
    let owner = tale.world.owner.take();
    tale.hear("a claim by person:li; a hands by person:wang to person:wang");
    tale.world.owner = owner;
    // Its owner may give it to others without being asked himself.
    tale.hear(
        r#"a hands by person:li to person:nobody; a hands by person:li to role:班长;
        a answer by person:li {"note":"x"}; a hands by person:wang to group:热线; a answer by person:li {"note":"x"}"#,
    );
    insta::assert_snapshot!(tale.told, @r#"
    go -> ask a#1, wake +14400s
    a claim by person:li -> wake +14400s
    a hands by person:wang to person:wang -> (`person:wang` is not among those who may take this task: group:热线)
    a hands by person:li to person:nobody -> (nobody is called `person:nobody`)
    a hands by person:li to role:班长 -> wake +14400s
    a answer by person:li {"note":"x"} -> (`person:li` is not among those who may take this task: role:班长)
    a hands by person:wang to group:热线 -> wake +14400s
    a answer by person:li {"note":"x"} -> close a#1, => done done
    "#);
    assert_eq!(last_acts(&tale), r#"{"by":"person:li","through":"group:热线","how":"member"}"#);
}

#[test]
fn handing_a_task_to_those_who_have_it_changes_nothing_unless_somebody_claimed_it() {
    let mut tale = Tale::begin(ASK, "{}");
    tale.hear(
        "a hands by person:li to group:热线; a claim by person:li; a hands by person:li to group:热线;
        a release by person:li; a delegates by person:li to person:wang; a delegates by person:li to person:wang",
    );
    insta::assert_snapshot!(tale.told, @r"
    go -> ask a#1, wake +14400s
    a hands by person:li to group:热线 -> (echo)
    a claim by person:li -> wake +14400s
    a hands by person:li to group:热线 -> wake +14400s
    a release by person:li -> (echo)
    a delegates by person:li to person:wang -> wake +14400s
    a delegates by person:li to person:wang -> (echo)
    ");
}

#[test]
fn a_delegated_task_stays_with_whoever_gave_it_and_is_answered_for_them() {
    let mut tale = Tale::begin(ASK, "{}");
    tale.hear(r#"a delegates by person:li to person:wang; a claim by person:li; a release by person:li; a answer by person:wang {"note":"x"}"#);
    insta::assert_snapshot!(tale.told, @r#"
    go -> ask a#1, wake +14400s
    a delegates by person:li to person:wang -> wake +14400s
    a claim by person:li -> wake +14400s
    a release by person:li -> wake +14400s
    a answer by person:wang {"note":"x"} -> close a#1, => done done
    "#);
    assert_eq!(
        last_acts(&tale),
        r#"{"by":"person:wang","for":"person:li","through":"person:wang","how":"named"}"#
    );
    assert_eq!(tale.run.top.steps[0].items[0].for_whom.as_deref(), Some("person:li"));
}

#[test]
fn a_deputy_acts_for_somebody_and_the_journal_says_for_whom_and_by_which_word() {
    let mut tale = Tale::begin(ASK, "{}");
    with_deputies(&mut tale);
    tale.hear(r#"a answer by person:wang {"note":"x"}"#);
    assert_eq!(
        last_acts(&tale),
        r#"{"by":"person:wang","for":"person:li","through":"group:热线","how":"member"}"#
    );
}

#[test]
fn nobody_acts_for_whoever_must_not_and_a_signature_for_somebody_counts_as_theirs() {
    let mut tale = Tale::begin(
        r#"
        [step.a]
        ask = ["group:热线", "person:wang"]
        not = ["starter"]
        "#,
        "{}",
    );
    with_deputies(&mut tale);
    // Whoever was started by `li` may be done by `wang`, but not for her.
    tale.hear("a answer by person:li {}; a answer by person:wang {}");
    insta::assert_snapshot!(tale.told, @r#"
    go -> ask a#1
    a answer by person:li {} -> (`person:li` may not do this: it is for others than person:li)
    a answer by person:wang {} -> close a#1, => done done
    "#);
    assert_eq!(last_acts(&tale), r#"{"by":"person:wang","through":"person:wang","how":"named"}"#);
    let mut tale = Tale::begin(
        r#"
        [step.a]
        ask = ["group:热线", "role:班长"]
        approve = "all"
        on.refused = { go = "cancel:no" }
        "#,
        "{}",
    );
    with_deputies(&mut tale);
    tale.hear(r#"a.0 answer by person:wang {"approved":true}; a.1 answer by person:wang {"approved":true}; a.1 answer by person:li {"approved":true}; a.1 answer by operator {"approved":true}"#);
    insta::assert_snapshot!(tale.told, @r#"
    go -> ask a.0#1, ask a.1#1
    a.0 answer by person:wang {"approved":true} -> close a.0#1
    a.1 answer by person:wang {"approved":true} -> (`person:wang` has signed already, and nobody signs twice)
    a.1 answer by person:li {"approved":true} -> (`person:li` has signed already, and nobody signs twice)
    a.1 answer by operator {"approved":true} -> close a.1#1, => done done
    "#);
}

#[test]
fn what_is_said_of_a_task_stands_on_it_until_it_is_over() {
    let mut tale = Tale::begin(ASK, "{}");
    tale.hear(r#"a says by person:wang 客户不在; a says by person:li 客户不在; a says by operator 再等等"#);
    insta::assert_snapshot!(tale.told, @r#"
    go -> ask a#1, wake +14400s
    a says by person:wang 客户不在 -> wake +14400s
    a says by person:li 客户不在 -> wake +14400s
    a says by operator 再等等 -> wake +14400s
    "#);
    let said = |tale: &Tale| tale.run.top.steps[0].items[0].comments.len();
    assert_eq!(said(&tale), 3, "the owner may say something as well");
    tale.hear(r#"a answer by person:li {"note":"x"}; a#1 says by person:li 晚了"#);
    assert_eq!(said(&tale), 0);
}

#[test]
fn answers_that_come_for_a_run_that_was_cancelled_change_nothing() {
    insta::assert_snapshot!(story(ASK, r#"cancel; a#1 answer by person:li {"note":"x"}; a#1 hands by person:li to person:wang; a#1 says by person:li 晚了; a#1 claim by person:li"#), @r#"
    go -> ask a#1, wake +14400s
    cancel -> close a#1, => cancelled told to
    a#1 answer by person:li {"note":"x"} -> (echo)
    a#1 hands by person:li to person:wang -> (echo)
    a#1 says by person:li 晚了 -> (echo)
    a#1 claim by person:li -> (echo)
    "#);
}

#[test]
fn a_person_in_a_row_is_a_person_wherever_the_row_is_read() {
    let mut tale = Tale::begin(
        r#"
        [input]
        crew.fields = { who = { type = "person" }, hours = { type = "whole" } }
        [step.a]
        ask = "group:热线"
        form.team.fields = { who = { type = "person", required = false }, job = { type = "text" } }
        [step.b]
        use = "t.pure"
        with.first = "{{ step.a.team[0].who.name }} {{ superior(step.a.team[0].who) }}"
        with.nobody = "{{ step.a.team[1].who }}"
        with.word = "{{ step.a.team[0].who }}"
        with.rows = "{{ step.a.team }}"
        with.text = "{{ step.a.team[0].job }}"
        with.hours = "{{ input.crew | sum(attribute='hours') }} {{ input.crew | length }}"
        [step.c]
        needs = []
        each = "{{ input.crew }}"
        use = "t.pure"
        with.line = "{{ item.who.name }} {{ item.hours }}"
        "#,
        r#"{"crew":[{"who":"person:wang","hours":2},{"who":"person:li","hours":3}]}"#,
    );
    let mut people = (*tale.world.people).clone();
    people.people.get_mut("li").unwrap().superior = Some("wang".to_owned());
    tale.world.people = Arc::new(people);
    tale.hear(r#"a answer by person:li {"team":[{"who":"person:li","job":"person:wang"},{"job":"x"}]}"#);
    assert_eq!(
        tale.with("b"),
        r#"{"first":"李娜 王伟","nobody":null,"word":"person:li","rows":[{"who":"person:li","job":"person:wang"},{"who":null,"job":"x"}],"text":"person:wang","hours":"5 2"}"#
    );
    assert_eq!(tale.with("c"), r#"{"line":"王伟 2"}"#);
}
