//! Undo, cancel, failure of a part, retry of an ended run.

use super::story;

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
