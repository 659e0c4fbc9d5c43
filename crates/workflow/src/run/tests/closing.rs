//! Undo, cancel, failure of a part, retry of an ended run.

use super::{Tale, story};

const TWO_UNDOS: &str = r#"
    [step.a]
    use = "t.keyed"
    undo.use = "t.keyed"
    undo.with.of = "{{ step.a.id }}"
    [step.b]
    use = "t.keyed"
    undo.use = "t.keyed"
    [step.c]
    use = "t.pure"
    retry = { times = 0 }
"#;

#[test]
fn a_failed_run_takes_back_what_was_done_the_last_first() {
    insta::assert_snapshot!(story(TWO_UNDOS, "a ok; b ok; c breaks; b/undo ok; a/undo ok"), @r"
    go -> start a#1
    a ok -> start b#1
    b ok -> start c#1
    c breaks -> start b/undo#1
    b/undo ok -> start a/undo#1
    a/undo ok -> => failed no
    ");
}

#[test]
fn an_undo_that_fails_asks_and_may_be_left() {
    insta::assert_snapshot!(story(TWO_UNDOS, "a ok; b ok; cancel; c breaks; b/undo breaks; b/undo settle again; b/undo breaks; b/undo settle leave; a/undo ok"), @r"
    go -> start a#1
    a ok -> start b#1
    b ok -> start c#1
    cancel -> stop c#1
    c breaks -> start b/undo#1
    b/undo breaks -> how b/undo#2
    b/undo settle again -> close b/undo#2, start b/undo#3
    b/undo breaks -> how b/undo#4
    b/undo settle leave -> close b/undo#4, start a/undo#1
    a/undo ok -> => cancelled told to
    ");
}

#[test]
fn a_result_that_comes_while_the_run_is_being_cancelled_is_taken_back() {
    insta::assert_snapshot!(story(TWO_UNDOS, "cancel; a ok; a/undo ok"), @r"
    go -> start a#1
    cancel -> stop a#1
    a ok -> start a/undo#1
    a/undo ok -> => cancelled told to
    ");
}

#[test]
fn a_failed_run_is_retried_where_it_failed_and_over_what_was_taken_back() {
    insta::assert_snapshot!(story(TWO_UNDOS, "a ok; b ok; c breaks; b/undo ok; a/undo ok; retry; a ok; b ok; c ok"), @r"
    go -> start a#1
    a ok -> start b#1
    b ok -> start c#1
    c breaks -> start b/undo#1
    b/undo ok -> start a/undo#1
    a/undo ok -> => failed no
    retry -> start a@2#1
    a ok -> start b@2#1
    b ok -> start c@2#1
    c ok -> => done done
    ");
}

#[test]
fn an_undo_reads_its_own_round_its_item_and_which_attempt_it_is() {
    let mut tale = Tale::begin(
        r#"
        [step.a]
        each = "{{ [10, 20] }}"
        as = "n"
        use = "t.keyed"
        undo.use = "t.keyed"
        undo.with.n = "{{ n }}"
        undo.with.attempt = "{{ attempt }}"
        [step.b]
        use = "t.keyed"
        undo.use = "t.keyed"
        undo.with.id = "{{ step.b.id }}"
        undo.with.round = "{{ round }}"
        undo.keep = true
        [step.c]
        use = "t.pure"
        on.kind.bad = { back_to = "b" }
        "#,
        "{}",
    );
    tale.hear(r#"a.0 ok; a.1 ok; b ok {"id":1}; c ok {"kind":"bad"}; b ok {"id":2}; cancel; c fails"#);
    assert_eq!(tale.with("b/undo"), r#"{"id":2,"round":2}"#);
    tale.hear("b/undo ok");
    assert_eq!(tale.with("b/undo"), r#"{"id":1,"round":1}"#);
    tale.hear("b/undo ok");
    assert_eq!(tale.with("a.1/undo"), r#"{"n":20,"attempt":1}"#);
    tale.hear("a.1/undo ok; a.0/undo ok");
    insta::assert_snapshot!(tale.told, @r#"
    go -> start a.0#1, start a.1#1
    a.0 ok ->
    a.1 ok -> start b#1
    b ok {"id":1} -> start c#1
    c ok {"kind":"bad"} -> start b@2#1
    b ok {"id":2} -> start c@2#1
    cancel -> stop c@2#1
    c fails -> start b@2/undo#1
    b/undo ok -> start b/undo#1
    b/undo ok -> start a.1/undo#1
    a.1/undo ok -> start a.0/undo#1
    a.0/undo ok -> => cancelled told to
    "#);
}

#[test]
fn undos_and_the_closing_section_run_side_by_side_and_the_run_ends_when_both_are_through() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.keyed"
        undo.use = "t.keyed"
        [step.b]
        use = "t.pure"
        [on_failure.one]
        use = "t.pure"
        retry = { times = 0 }
        [on_failure.two]
        use = "t.pure"
        "#,
        "a ok; b breaks; cancel; on_failure.one breaks; a/undo ok; on_failure.two ok",
    ), @r"
    go -> start a#1
    a ok -> start b#1
    b breaks -> start on_failure.one#1, start a/undo#1
    cancel -> (echo)
    on_failure.one breaks -> start on_failure.two#1
    a/undo ok ->
    on_failure.two ok -> => failed no
    ");
}

#[test]
fn the_first_end_wins_and_the_error_is_that_of_the_first_failure() {
    let mut tale = Tale::begin(
        r#"
        [step.a]
        use = "t.pure"
        [step.b]
        needs = []
        use = "t.pure"
        "#,
        "{}",
    );
    tale.hear("b breaks; a breaks");
    insta::assert_snapshot!(tale.told, @r"
    go -> start a#1, start b#1
    b breaks -> stop a#1
    a breaks -> => failed no
    ");
    assert_eq!(&*tale.run.top.error.as_ref().unwrap().step, "b");
}

#[test]
fn an_undo_that_nobody_knows_of_is_asked_about_where_it_must_be_known() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.keyed"
        undo.use = "t.once"
        [step.b]
        use = "t.pure"
        "#,
        "a ok; b breaks; a/undo restart; a/undo settle fail; a/undo settle again; a/undo restart; a/undo#3 ok",
    ), @r"
    go -> start a#1
    a ok -> start b#1
    b breaks -> start a/undo#1
    a/undo restart -> unknown a/undo#1
    a/undo settle fail -> close a/undo#1, how a/undo#2
    a/undo settle again -> close a/undo#2, start a/undo#3
    a/undo restart -> unknown a/undo#3
    a/undo#3 ok -> close a/undo#3, => failed no
    ");
}

#[test]
fn closing_sections_and_undos_read_the_steps_as_they_stand() {
    let mut tale = Tale::begin(
        r#"
        [step.b]
        use = "t.keyed"
        undo.use = "t.keyed"
        undo.with.all = "{{ step.a.x }}"
        [step.a]
        each = "{{ [1, 2] }}"
        use = "t.pure"
        [on_failure.tell]
        use = "t.pure"
        with.all = "{{ step.a.x }}"
        "#,
        "{}",
    );
    tale.hear(r#"b ok; a.0 ok {"x":1}; a.1 breaks"#);
    assert_eq!(tale.with("on_failure.tell"), r#"{"all":[1,null]}"#);
    assert_eq!(tale.with("b/undo"), r#"{"all":[1,null]}"#);
}
