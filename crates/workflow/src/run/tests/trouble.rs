//! Failures, retries, doubt, and what happens but once.

use super::{Event, RunId, Tale, story};

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
    tale.room = 0;
    tale.hear("+1s; a restart; a begun; a restart");
    insta::assert_snapshot!(tale.told, @r"
    go -> wake +1s
    +1s -> queue a#1
    a restart -> queue a#2
    a begun -> start a#2
    a restart -> unknown a#2
    ");
}

#[test]
fn of_attempts_that_start_together_no_more_say_that_they_begin_than_there_are_places() {
    let mut tale = Tale::begin(
        "[step.w]\nwait = \"1s\"\n[step.a]\nuse = \"t.once\"\neach = \"{{ [1, 2, 3] }}\"\n",
        "{}",
    );
    tale.room = 2;
    tale.hear("+1s");
    insta::assert_snapshot!(tale.told, @r"
    go -> wake +1s
    +1s -> start a.0#1, start a.1#1, queue a.2#1
    ");
}

#[test]
fn an_attempt_stopped_because_its_time_is_over_is_not_begun_again_by_our_restart() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.pure"
        give_up = "10s"
        "#,
        "+10s; a restart",
    ), @r"
    go -> start a#1, wake +10s
    +10s -> stop a#1
    a restart -> => failed the daemon stopped before the attempt answered
    ");
}

#[test]
fn a_rest_ends_when_the_time_for_all_attempts_is_over_and_a_persons_word_gives_new_time() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.pure"
        give_up = "10s"
        retry = { times = 9, first = "8s", factor = 2, jitter = 0.0 }
        "#,
        "a fails; +8s; a fails; +2s; +1h; retry; +5s; a fails; +5s",
    ), @r"
    go -> start a#1, wake +10s
    a fails -> wake +8s
    +8s -> start a#2, wake +2s
    a fails -> wake +2s
    +2s -> => failed the time for all attempts together has passed (`give_up`)
    +1h -> (echo)
    retry -> start a#3, wake +10s
    +5s -> (echo)
    a fails -> wake +5s
    +5s -> => failed the time for all attempts together has passed (`give_up`)
    ");
}

#[test]
fn what_never_went_out_fails_like_anything_else_when_the_error_says_that_nothing_happened() {
    let mut tale = Tale::begin("[step.w]\nwait = \"1s\"\n[step.a]\nuse = \"t.once\"\n", "{}");
    tale.room = 0;
    tale.hear("+1s; a fails");
    insta::assert_snapshot!(tale.told, @r"
    go -> wake +1s
    +1s -> queue a#1
    a fails -> => failed no
    ");
}

#[test]
fn what_one_decision_starts_and_stops_is_never_handed_out() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.pure"
        [step.b]
        needs = ["a"]
        use = "t.keyed"
        [step.d]
        needs = ["a"]
        run = "other"
        [step.e]
        needs = ["a"]
        ask = "group:热线"
        [step.c]
        needs = ["a"]
        title = "门"
        check = "false"
        "#,
        "a ok",
    ), @r"
    go -> start a#1
    a ok -> => cancelled 门
    ");
}

#[test]
fn a_step_with_an_undo_that_gives_up_in_doubt_must_be_known() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.keyed"
        retry = { times = 1, first = "5s", jitter = 0.0 }
        undo.use = "t.keyed"
        "#,
        "a maybe; +5s; a fails; a settle fail",
    ), @r"
    go -> start a#1
    a maybe -> wake +5s
    +5s -> start a#2
    a fails -> unknown a#2
    a settle fail -> close a#2, => failed no
    ");
}

#[test]
fn in_doubt_is_no_matter_where_it_need_not_be_known() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.idem"
        retry = { times = 0 }
        "#,
        "a lost",
    ), @r"
    go -> start a#1
    a lost -> => failed the plugin died during the attempt
    ");
}

#[test]
fn a_withdrawn_attempt_in_doubt_holds_the_close_until_somebody_knows() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.keyed"
        undo.use = "t.keyed"
        "#,
        r#"cancel; a lost; a settle happened {"id":1}; a/undo ok"#,
    ), @r#"
    go -> start a#1
    cancel -> stop a#1
    a lost -> unknown a#1
    a settle happened {"id":1} -> close a#1, start a/undo#1
    a/undo ok -> => cancelled told to
    "#);
    insta::assert_snapshot!(story(
        "[step.a]\nuse = \"t.once\"\n",
        "cancel; a restart; a settle again",
    ), @r"
    go -> start a#1
    cancel -> stop a#1
    a restart -> unknown a#1
    a settle again -> close a#1, => cancelled told to
    ");
}

#[test]
fn a_queued_attempt_that_must_happen_once_is_given_up_at_once_and_its_begin_refused() {
    let mut tale = Tale::begin("[step.w]\nwait = \"1s\"\n[step.a]\nuse = \"t.once\"\n", "{}");
    tale.room = 0;
    tale.hear("+1s; cancel; a#1 begun");
    insta::assert_snapshot!(tale.told, @r"
    go -> wake +1s
    +1s -> queue a#1
    cancel -> => cancelled told to
    a#1 begun -> (echo)
    ");
}

#[test]
fn a_restart_that_comes_after_a_counted_try_is_again_the_first_in_its_row() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.pure"
        retry = { times = 2, first = "5s", factor = 1, jitter = 0.0 }
        "#,
        "a restart; a restart; a restart; +5s; a restart; a fails; +5s; a fails",
    ), @r"
    go -> start a#1
    a restart -> start a#2
    a restart -> start a#3
    a restart -> wake +5s
    +5s -> start a#4
    a restart -> start a#5
    a fails -> wake +5s
    +5s -> start a#6
    a fails -> => failed no
    ");
}

#[test]
fn a_failed_item_that_may_fail_lets_the_others_and_the_run_go_on() {
    let mut tale = Tale::begin(
        r#"
        [step.a]
        each = "{{ [1, 2] }}"
        use = "t.pure"
        on_error = "continue"
        [step.b]
        use = "t.pure"
        with.all = "{{ step.a.x }}"
        with.state = "{{ step.a.state }}"
        "#,
        "{}",
    );
    tale.hear(r#"a.0 breaks; a.1 ok {"x":2}"#);
    assert_eq!(tale.with("b"), r#"{"all":[null,2],"state":"failed"}"#);
    tale.hear("b ok");
    insta::assert_snapshot!(tale.told, @r#"
    go -> start a.0#1, start a.1#1
    a.0 breaks ->
    a.1 ok {"x":2} -> start b#1
    b ok -> => done done
    "#);
}

#[test]
fn a_failed_child_is_tried_again_as_the_same_child_only_where_that_is_written() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        run = "other"
        retry = { times = 1, first = "5s", jitter = 0.0 }
        "#,
        "a child failed; +5s; a child done; a#2 child done",
    ), @r"
    go -> child a#1
    a child failed -> wake +5s
    +5s -> child a#2
    a child done -> => done done
    a#2 child done -> (echo)
    ");
    let mut tale = Tale::begin("[step.a]\nrun = \"other\"\n", "{}");
    tale.hear("a child cancelled");
    assert!(tale.told.contains("=> failed"), "{}", tale.told);
}

#[test]
fn a_close_cancels_a_child_and_waits_for_its_end() {
    insta::assert_snapshot!(story(
        "[step.a]\nrun = \"other\"\n",
        "cancel; a child cancelled",
    ), @r"
    go -> child a#1
    cancel -> stop child a#1
    a child cancelled -> => cancelled told to
    ");
    insta::assert_snapshot!(story(
        "[step.a]\nrun = \"other\"\nundo.use = \"t.keyed\"\n",
        "cancel; a child done; a/undo ok",
    ), @r"
    go -> child a#1
    cancel -> stop child a#1
    a child done -> start a/undo#1
    a/undo ok -> => cancelled told to
    ");
}

#[test]
fn a_rest_is_never_shorter_than_the_other_side_asked_for_nor_longer_than_the_file_allows() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.pure"
        retry = { times = 9, first = "5s", factor = 10, most = "40s", jitter = 0.0 }
        "#,
        "a fails after 30s; +30s; a fails after 10s; +40s; a fails",
    ), @r"
    go -> start a#1
    a fails after 30s -> wake +30s
    +30s -> start a#2
    a fails after 10s -> wake +40s
    +40s -> start a#3
    a fails -> wake +40s
    ");
}

#[test]
fn what_only_reads_is_never_in_doubt_though_it_can_be_taken_back() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.pure"
        retry = { times = 0 }
        undo.use = "t.pure"
        "#,
        "a lost",
    ), @r"
    go -> start a#1
    a lost -> => failed the plugin died during the attempt
    ");
}

#[test]
fn the_word_with_which_a_child_ends_is_its_outcome() {
    let mut tale = Tale::begin(
        r#"
        [step.a]
        run = "other"
        [step.b]
        use = "t.pure"
        with.how = "{{ step.a.outcome }}"
        with.x = "{{ step.a.x }}"
        "#,
        "{}",
    );
    tale.hear(r#"a child done {"x":1}"#);
    assert_eq!(tale.with("b"), r#"{"how":"done","x":1}"#);
}

#[test]
fn word_of_another_child_is_a_fault_and_changes_nothing() {
    let mut tale = Tale::begin("[step.a]\nrun = \"other\"\n", "{}");
    let Event::ChildEnded { of, state, .. } = tale.event("a child done") else { panic!() };
    let child = RunId::child_of("somebody/else");
    tale.happen_again(Event::ChildEnded { of, child, state, outcome: None, output: None });
    insta::assert_snapshot!(tale.told, @r"
    go -> child a#1
    again -> (impossible: another child)
    ");
}

#[test]
fn the_clock_of_a_run_never_falls_back() {
    insta::assert_snapshot!(story(
        r#"
        [step.w]
        wait = "1h"
        [step.a]
        use = "t.pure"
        "#,
        "+1h; -30min; a fails",
    ), @r"
    go -> wake +3600s
    +1h -> start a#1
    -30min -> (echo)
    a fails -> wake +1805s
    ");
}
