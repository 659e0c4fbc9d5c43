//! Failures, retries, doubt, and what happens but once.

use super::{Tale, story};

#[test]
fn a_failing_attempt_rests_longer_each_time_and_then_fails_the_run() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.pure"
        "#,
        "a fails; +4s; +1s; a fails; +15s; a fails",
    ), @r"
    go -> start a#1
    a fails -> wake +5s
    +4s -> (echo)
    +1s -> start a#2
    a fails -> wake +15s
    +15s -> start a#3
    a fails -> => failed no
    ");
}

#[test]
fn an_error_that_cannot_be_mended_is_not_tried_again() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.pure"
        [on_failure.tell]
        use = "t.pure"
        with.why = "{{ run.error.message }} in {{ run.error.step }}"
        "#,
        "a breaks; on_failure.tell ok",
    ), @r"
    go -> start a#1
    a breaks -> start on_failure.tell#1
    on_failure.tell ok -> => failed no
    ");
}

#[test]
fn what_must_happen_once_is_never_tried_again_without_a_persons_word() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.once"
        [step.b]
        use = "t.pure"
        "#,
        "a restart; a settle again; a maybe; a#2 ok; b ok",
    ), @r"
    go -> start a#1
    a restart -> unknown a#1
    a settle again -> close a#1, start a#2
    a maybe -> unknown a#2
    a#2 ok -> close a#2, start b#1
    b ok -> => done done
    ");
}

#[test]
fn a_restart_costs_no_try_until_the_third_in_a_row() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.keyed"
        retry = { times = 0 }
        "#,
        "a restart; a restart; a restart",
    ), @r"
    go -> start a#1
    a restart -> start a#2
    a restart -> start a#3
    a restart -> => failed the daemon stopped before the attempt answered
    ");
}

#[test]
fn an_attempt_that_waits_for_a_place_says_that_it_begins_and_a_crash_before_costs_nothing() {
    let mut tale = Tale::begin("[step.w]\nwait = \"1s\"\n[step.a]\nuse = \"t.once\"\n", "{}");
    tale.room = false;
    tale.hear("+1s; a restart; a begun; a restart");
    insta::assert_snapshot!(tale.told, @r"
    go -> wake +1s
    +1s -> queue a#1
    a restart -> queue a#2
    a begun -> start a#2
    a restart -> unknown a#2
    ");
}
