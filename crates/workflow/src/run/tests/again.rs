//! A run that ended badly is opened again.

use std::sync::Arc;

use super::super::event::Parent;
use super::{Event, MORNING, Now, PARENT, Refusal, RunId, Started, Tale, decide, story};

#[test]
fn what_was_done_while_the_run_closed_counts_when_it_is_retried() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.pure"
        [step.b]
        needs = []
        use = "t.pure"
        [step.c]
        needs = ["a", "b"]
        use = "t.pure"
        "#,
        "b breaks; a ok; retry; b ok; c ok",
    ), @r"
    go -> start a#1, start b#1
    b breaks -> stop a#1
    a ok -> => failed no
    retry -> start b#2
    b ok -> start c#1
    c ok -> => done done
    ");
}

#[test]
fn an_outcome_that_came_while_the_run_closed_is_looked_at_when_it_is_retried() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.pure"
        on.kind.no = { go = "cancel:不要了" }
        [step.b]
        needs = []
        use = "t.pure"
        "#,
        r#"b breaks; a ok {"kind":"no"}; retry"#,
    ), @r#"
    go -> start a#1, start b#1
    b breaks -> stop a#1
    a ok {"kind":"no"} -> => failed no
    retry -> => cancelled 不要了
    "#);
}

#[test]
fn an_each_that_cannot_be_worked_out_is_asked_anew_and_never_begun_without_its_list() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.pure"
        [step.b]
        each = "{{ step.a.n }}"
        use = "t.pure"
        "#,
        r#"a ok {"n":7}; retry; retry from a; a ok {"n":[7]}; b.0 ok"#,
    ), @r#"
    go -> start a#1
    a ok {"n":7} -> => failed `{{ step.a.n }}`: `each` needs a list
    retry -> => failed `{{ step.a.n }}`: `each` needs a list
    retry from a -> start a@2#1
    a ok {"n":[7]} -> start b.0@2#1
    b.0 ok -> => done done
    "#);
}

#[test]
fn an_expression_that_fails_again_at_a_retry_fails_the_run_again() {
    let mut tale = Tale::begin(
        r#"
        [step.a]
        use = "t.pure"
        [step.b]
        use = "t.pure"
        with.x = "{{ 1 / step.a.zero }}"
        "#,
        "{}",
    );
    tale.hear(r#"a ok {"zero":0}; retry; retry"#);
    assert!(tale.run.is_over(), "{}", tale.told);
    assert_eq!((tale.run.top.opening, tale.run.top.steps[1].over, tale.run.top.steps[1].failed), (3, 1, 1));
}

#[test]
fn a_retried_each_keeps_to_the_number_of_items_at_once() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        each = "{{ [1, 2, 3] }}"
        at_once = 1
        use = "t.pure"
        "#,
        "a.0 ok; a.1 breaks; retry; a.1 ok; a.2 ok",
    ), @r"
    go -> start a.0#1
    a.0 ok -> start a.1#1
    a.1 breaks -> => failed no
    retry -> start a.1#2
    a.1 ok -> start a.2#1
    a.2 ok -> => done done
    ");
}

#[test]
fn a_way_back_that_the_end_cut_short_is_gone_when_the_run_is_retried() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.pure"
        [step.c]
        check = "step.a.fine"
        on.no = { back_to = "a", after = "1h" }
        [step.d]
        use = "t.pure"
        [step.x]
        needs = []
        use = "t.pure"
        "#,
        r#"a ok {"fine":false}; x breaks; retry; x ok; +1h; a ok {"fine":true}; d ok"#,
    ), @r#"
    go -> start a#1, start x#1
    a ok {"fine":false} -> wake +3600s
    x breaks -> => failed no
    retry -> start x#2, wake +3600s
    x ok -> wake +3600s
    +1h -> start a@2#1
    a ok {"fine":true} -> start d@2#1
    d ok -> => done done
    "#);
}

#[test]
fn what_a_person_left_standing_is_not_done_again() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.keyed"
        undo.use = "t.keyed"
        [step.b]
        use = "t.pure"
        "#,
        "a ok; b breaks; a/undo breaks; a/undo settle leave; retry; b ok",
    ), @r"
    go -> start a#1
    a ok -> start b#1
    b breaks -> start a/undo#1
    a/undo breaks -> how a/undo#2
    a/undo settle leave -> close a/undo#2, => failed no
    retry -> start b#2
    b ok -> => done done
    ");
}

#[test]
fn a_run_that_a_step_ended_needs_to_be_told_from_where() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.pure"
        [step.c]
        check = "step.a.fine"
        [step.d]
        use = "t.pure"
        "#,
        r#"a ok {"fine":false}; retry; retry from d; a ok"#,
    ), @r#"
    go -> start a#1
    a ok {"fine":false} -> => cancelled c
    retry -> (the run was ended by its step `c`, so a retry must say from which step)
    retry from d -> => cancelled c
    a ok -> (echo)
    "#);
}

#[test]
fn a_retry_begins_with_fresh_tries_under_the_same_key_and_sends_the_same() {
    let mut tale = Tale::begin(
        r#"
        [step.a]
        use = "t.keyed"
        with.at = "{{ now }}"
        retry = { times = 1, first = "5s", jitter = 0.0 }
        "#,
        "{}",
    );
    let sent = tale.with("a");
    tale.hear("a fails; +5s; a fails; +1h; retry; a fails");
    insta::assert_snapshot!(tale.told, @r"
    go -> start a#1
    a fails -> wake +5s
    +5s -> start a#2
    a fails -> => failed no
    +1h -> (echo)
    retry -> start a#3
    a fails -> wake +5s
    ");
    assert_eq!(tale.with("a"), sent);
}

#[test]
fn a_way_back_of_a_failure_that_is_used_up_is_gone_once_more_by_a_retry() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.pure"
        [step.b]
        use = "t.pure"
        on_error = { back_to = "a", most = 1 }
        "#,
        "a ok; b breaks; a ok; b breaks; retry; a ok; b ok",
    ), @r"
    go -> start a#1
    a ok -> start b#1
    b breaks -> start a@2#1
    a ok -> start b@2#1
    b breaks -> => failed no
    retry -> start a@3#1
    a ok -> start b@3#1
    b ok -> => done done
    ");
}

#[test]
fn the_closing_section_runs_anew_in_each_opening() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.pure"
        [on_failure.tell]
        use = "t.pure"
        "#,
        "a breaks; on_failure.tell ok; retry; a breaks; on_failure.tell ok",
    ), @r"
    go -> start a#1
    a breaks -> start on_failure.tell#1
    on_failure.tell ok -> => failed no
    retry -> start a#2
    a breaks -> start on_failure.tell@2#1
    on_failure.tell ok -> => failed no
    ");
}

#[test]
fn a_done_run_an_open_run_and_an_earlier_opening_are_not_retried() {
    let mut tale = Tale::begin("[step.a]\nuse = \"t.pure\"\n", "{}");
    let first = tale.event("retry");
    tale.hear("retry; a breaks; retry");
    tale.happen_again(first);
    tale.hear("a ok; retry");
    insta::assert_snapshot!(tale.told, @r"
    go -> start a#1
    retry -> (the run is open, so it cannot be retried)
    a breaks -> => failed no
    retry -> start a#2
    again -> (echo)
    a ok -> => done done
    retry -> (the run is done, so it cannot be retried)
    ");
}

#[test]
fn a_retry_is_the_word_for_one_more_round_where_the_owner_was_not_yet_heard() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.pure"
        on.kind.bad = { back_to = "a", most = 1 }
        "#,
        r#"a ok {"kind":"bad"}; a ok {"kind":"bad"}; cancel; retry; a ok"#,
    ), @r#"
    go -> start a#1
    a ok {"kind":"bad"} -> start a@2#1
    a ok {"kind":"bad"} -> how a@2#2
    cancel -> close a@2#2, => cancelled told to
    retry -> start a@3#1
    a ok -> => done done
    "#);
}

#[test]
fn what_a_cut_short_way_back_covers_is_withdrawn_also_in_the_next_opening() {
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
        [step.x]
        needs = []
        use = "t.pure"
        "#,
        r#"a ok; c ok {"kind":"bad"}; x breaks; b fails; retry; x ok; a ok"#,
    ), @r#"
    go -> start a#1, start x#1
    a ok -> start b#1, start c#1
    c ok {"kind":"bad"} -> stop b#1
    x breaks ->
    b fails -> => failed no
    retry -> start x#2, start a@2#1
    x ok ->
    a ok -> start b@2#1, start c@2#1
    "#);
}

#[test]
fn what_an_earlier_round_took_back_does_not_make_the_present_round_begin_again() {
    insta::assert_snapshot!(story(
        r#"
        [step.k]
        use = "t.keyed"
        undo.use = "t.keyed"
        undo.keep = true
        [step.c]
        use = "t.pure"
        on.kind.bad = { back_to = "k" }
        "#,
        r#"k ok; c ok {"kind":"bad"}; k breaks; k/undo ok; retry"#,
    ), @r#"
    go -> start k#1
    k ok -> start c#1
    c ok {"kind":"bad"} -> start k@2#1
    k breaks -> start k/undo#1
    k/undo ok -> => failed no
    retry -> start k@2#2
    "#);
}

#[test]
fn an_item_that_was_taken_is_not_asked_again_whether_it_is_taken() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        each = "{{ [1] }}"
        when = "now < '2026-11-23T10'"
        use = "t.pure"
        "#,
        "a.0 breaks; +2h; retry",
    ), @r"
    go -> start a.0#1
    a.0 breaks -> => failed no
    +2h -> (echo)
    retry -> start a.0#2
    ");
}

#[test]
fn a_child_is_retried_only_through_its_parent() {
    let mut tale = Tale::begin("[step.a]\nuse = \"t.pure\"\n", "{}");
    let of = tale.attempt("a");
    let parent = Parent { run: RunId::mint(MORNING, None), of, depth: 1 };
    tale.hear("a breaks");
    tale.run.started = Arc::new(Started { parent: Some(parent), ..(*tale.run.started).clone() });
    let now = Now { world: &tale.world, at: tale.now, room: usize::MAX };
    let retry = |by: &str| Event::Retried { opening: 1, by: by.into(), from: None };
    let refused = decide(&mut tale.run, &tale.text, &now, retry("operator")).unwrap_err();
    assert_eq!(refused, Refusal::ParentDecides(parent.run));
    assert!(decide(&mut tale.run, &tale.text, &now, retry(PARENT)).is_ok());
}
