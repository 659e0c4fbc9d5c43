//! Going back: cover, rounds, what is taken back, ways that are used up.

use super::{Tale, story};

#[test]
fn the_end_of_a_run_in_the_pause_before_a_round_silences_the_pause() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.pure"
        [step.c]
        check = "step.a.fine"
        on.no = { back_to = "a", after = "1h" }
        [step.x]
        needs = []
        use = "t.pure"
        "#,
        r#"a ok {"fine":false}; cancel; +1h; x fails"#,
    ), @r#"
    go -> start a#1, start x#1
    a ok {"fine":false} -> wake +3600s
    cancel -> stop x#1
    +1h -> (echo)
    x fails -> => cancelled told to
    "#);
}

#[test]
fn what_a_going_back_takes_back_is_through_before_the_close_takes_back_more() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.keyed"
        undo.use = "t.keyed"
        [step.x]
        needs = []
        use = "t.keyed"
        undo.use = "t.keyed"
        [step.c]
        needs = ["a", "x"]
        check = "false"
        on.no = { back_to = "a" }
        "#,
        "a ok; x ok; cancel; a/undo ok; x/undo ok",
    ), @r"
    go -> start a#1, start x#1
    a ok ->
    x ok -> start a/undo#1
    cancel ->
    a/undo ok -> start x/undo#1
    x/undo ok -> => cancelled told to
    ");
}

const ONCE_MORE: &str = r#"
    [step.a]
    use = "t.keyed"
    undo.use = "t.keyed"
    on.kind.bad = { back_to = "a", most = 1 }
"#;

#[test]
fn a_result_about_which_the_owner_is_asked_is_taken_back_when_the_run_is_cancelled() {
    insta::assert_snapshot!(
        story(ONCE_MORE, r#"a ok {"kind":"bad"}; a/undo ok; a ok {"kind":"bad"}; cancel; a/undo ok"#), @r#"
    go -> start a#1
    a ok {"kind":"bad"} -> start a/undo#1
    a/undo ok -> start a@2#1
    a ok {"kind":"bad"} -> how a@2#2
    cancel -> close a@2#2, start a@2/undo#1
    a/undo ok -> => cancelled told to
    "#);
}

#[test]
fn a_result_that_the_owner_will_not_have_fails_the_run_and_is_taken_back() {
    insta::assert_snapshot!(
        story(ONCE_MORE, r#"a ok {"kind":"bad"}; a/undo ok; a ok {"kind":"bad"}; a settle fail; a/undo ok; retry; a ok"#), @r#"
    go -> start a#1
    a ok {"kind":"bad"} -> start a/undo#1
    a/undo ok -> start a@2#1
    a ok {"kind":"bad"} -> how a@2#2
    a settle fail -> close a@2#2, start a@2/undo#1
    a/undo ok -> => failed the way back was taken as often as it may be
    retry -> start a@3#1
    a ok -> => done done
    "#);
}

#[test]
fn a_way_back_that_is_used_up_goes_where_then_says() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.pure"
        on.kind.bad = { back_to = "a", most = 1, then = { go = "cancel:补不齐" } }
        "#,
        r#"a ok {"kind":"bad"}; a ok {"kind":"bad"}; retry; retry from a; a ok"#,
    ), @r#"
    go -> start a#1
    a ok {"kind":"bad"} -> start a@2#1
    a ok {"kind":"bad"} -> => cancelled 补不齐
    retry -> (the run was ended by its step `a`, so a retry must say from which step)
    retry from a -> start a@3#1
    a ok -> => done done
    "#);
}

#[test]
fn a_failure_whose_way_back_is_used_up_goes_where_then_says() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.pure"
        on_error = { back_to = "a", most = 1, then = { go = "done:算了" } }
        "#,
        "a breaks; a breaks",
    ), @r"
    go -> start a#1
    a breaks -> start a@2#1
    a breaks -> => done 算了
    ");
}

#[test]
fn a_covered_attempt_is_stopped_and_the_next_round_waits_for_its_end() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.pure"
        [step.b]
        needs = ["a"]
        use = "t.pure"
        [step.c]
        needs = ["a"]
        use = "t.pure"
        on.kind.bad = { back_to = "a" }
        "#,
        r#"a ok; c ok {"kind":"bad"}; c ok; b ok; a ok; b ok; c ok"#,
    ), @r#"
    go -> start a#1
    a ok -> start b#1, start c#1
    c ok {"kind":"bad"} -> stop b#1
    c ok -> (echo)
    b ok -> start a@2#1
    a ok -> start b@2#1, start c@2#1
    b ok ->
    c ok -> => done done
    "#);
}

#[test]
fn a_second_way_back_joins_the_first_in_one_wider_round() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.pure"
        [step.b]
        use = "t.pure"
        [step.slow]
        needs = ["b"]
        use = "t.pure"
        [step.c]
        needs = ["b"]
        use = "t.pure"
        on.kind.bad = { back_to = "b" }
        [step.d]
        needs = ["a"]
        use = "t.pure"
        on.kind.bad = { back_to = "a" }
        "#,
        r#"a ok; b ok; c ok {"kind":"bad"}; d ok {"kind":"bad"}; slow fails; a ok"#,
    ), @r#"
    go -> start a#1
    a ok -> start b#1, start d#1
    b ok -> start slow#1, start c#1
    c ok {"kind":"bad"} -> stop slow#1
    d ok {"kind":"bad"} ->
    slow fails -> start a@2#1
    a ok -> start b@2#1, start d@2#1
    "#);
}

#[test]
fn what_was_done_is_taken_back_before_the_next_round_unless_it_is_kept() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.keyed"
        undo.use = "t.keyed"
        [step.k]
        use = "t.keyed"
        undo.use = "t.keyed"
        undo.keep = true
        [step.c]
        ask = "group:热线"
        form.ok = { type = "yesno" }
        on.ok.no = { back_to = "a" }
        "#,
        r#"a ok; k ok; c answer by person:li {"ok":false}; a/undo ok; a ok; k ok; cancel; k/undo ok; a/undo ok; k/undo ok"#,
    ), @r#"
    go -> start a#1
    a ok -> start k#1
    k ok -> ask c#1
    c answer by person:li {"ok":false} -> close c#1, start a/undo#1
    a/undo ok -> start a@2#1
    a ok -> start k@2#1
    k ok -> ask c@2#1
    cancel -> close c@2#1, start k@2/undo#1
    k/undo ok -> start a@2/undo#1
    a/undo ok -> start k/undo#1
    k/undo ok -> => cancelled told to
    "#);
}

#[test]
fn a_run_that_ends_well_while_it_goes_back_still_takes_back_what_it_had_begun_to() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.keyed"
        undo.use = "t.keyed"
        [step.b]
        use = "t.keyed"
        undo.use = "t.keyed"
        [step.c]
        needs = ["b"]
        check = "false"
        on.no = { back_to = "b" }
        [step.x]
        needs = []
        use = "t.pure"
        on.done = { go = "done:够了" }
        "#,
        "a ok; b ok; x ok; b/undo ok",
    ), @r"
    go -> start a#1, start x#1
    a ok -> start b#1
    b ok -> start b/undo#1
    x ok ->
    b/undo ok -> => done 够了
    ");
}

#[test]
fn the_latest_answer_stays_readable_in_the_next_round_and_what_is_after_reads_as_empty_in_the_first() {
    let mut tale = Tale::begin(
        r#"
        [step.a]
        use = "t.pure"
        with.why = "{{ step.look.why }}"
        with.own = "{{ step.a.n }}"
        with.round = "{{ round }}"
        [step.look]
        use = "t.pure"
        on.kind.bad = { back_to = "a" }
        "#,
        "{}",
    );
    assert_eq!(tale.with("a"), r#"{"why":null,"own":null,"round":1}"#);
    tale.hear(r#"a ok {"n":5}; look ok {"kind":"bad","why":"缺章"}"#);
    assert_eq!(tale.with("a"), r#"{"why":"缺章","own":5,"round":2}"#);
}

#[test]
fn a_loop_without_a_bound_is_taken_for_an_error_after_a_thousand_rounds() {
    let mut tale = Tale::begin("[step.a]\ncheck = \"false\"\non.no = { back_to = \"a\" }\n", "{}");
    assert_eq!(tale.run.top.steps[0].round, 1000);
    tale.hear("a settle again; a settle leave");
    insta::assert_snapshot!(tale.told, @r"
    go -> how a@1000#1
    a settle again -> (this is not an answer to that question)
    a settle leave -> close a@1000#1, => done done
    ");
}

#[test]
fn a_withdrawn_result_sends_nobody_anywhere_and_asks_nobody() {
    insta::assert_snapshot!(
        story(ONCE_MORE, r#"a ok {"kind":"bad"}; a/undo ok; cancel; a ok {"kind":"bad"}; a/undo ok"#), @r#"
    go -> start a#1
    a ok {"kind":"bad"} -> start a/undo#1
    a/undo ok -> start a@2#1
    cancel -> stop a@2#1
    a ok {"kind":"bad"} -> start a@2/undo#1
    a/undo ok -> => cancelled told to
    "#);
}

#[test]
fn the_latest_answer_stays_readable_over_a_round_in_which_none_came() {
    let mut tale = Tale::begin(
        r#"
        [step.a]
        use = "t.pure"
        with.why = "{{ step.look.why }}"
        [step.look]
        needs = ["a"]
        use = "t.pure"
        on.kind.bad = { back_to = "a" }
        [step.d]
        needs = ["a"]
        use = "t.pure"
        on.kind.bad = { back_to = "a" }
        "#,
        "{}",
    );
    tale.hear(r#"a ok; look ok {"kind":"bad","why":"缺章"}; d fails; a ok; d ok {"kind":"bad"}; look fails"#);
    assert_eq!(tale.run.top.steps[0].round, 3);
    assert_eq!(tale.with("a"), r#"{"why":"缺章"}"#);
}

#[test]
fn work_that_is_done_is_not_in_doubt_while_the_owner_is_asked_what_follows() {
    let mut tale = Tale::begin(ONCE_MORE, "{}");
    tale.hear(r#"a ok {"kind":"bad"}; a/undo ok; a maybe; +5s; a ok {"kind":"bad"}; a settle fail"#);
    assert!(!tale.run.top.steps[0].items[0].doubt, "{}", tale.told);
}
