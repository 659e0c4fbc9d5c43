//! What waits for others: events, places among those that share a limit, the first of several, an owner's word.

use super::{Tale, story};

#[test]
fn an_event_is_taken_once_by_a_run_and_its_payload_is_what_the_step_gave() {
    let mut tale = Tale::begin(
        r#"
        [input]
        order = { type = "text" }
        [step.paid]
        await = "invoice.paid"
        key = "{{ input.order }}"
        where = { amount = { from = 5 } }
        [step.again]
        await = "invoice.paid"
        key = "{{ input.order }}"
        on.state.partly = { go = "done:partly" }
        [step.thank]
        use = "t.keyed"
        with.amount = "{{ step.paid.amount }}"
        "#,
        r#"{"order":"A1"}"#,
    );
    tale.hear(
        r#"paid event e1 {"amount":7}; again event e1 {"amount":7}; again event e2 {"state":"partly"}"#,
    );
    insta::assert_snapshot!(tale.told, @r#"
    go -> listen paid#1
    paid event e1 {"amount":7} -> deaf paid#1, listen again#1
    again event e1 {"amount":7} -> (echo)
    again event e2 {"state":"partly"} -> deaf again#1, => done partly
    "#);
}

#[test]
fn waiting_for_an_event_ends_at_its_due_instant_where_that_is_written() {
    insta::assert_snapshot!(story(
        r#"
        [step.paid]
        await = "invoice.paid"
        key = "A1"
        due = "2h"
        on.late = { go = "cancel:not paid" }
        "#,
        "+2h; paid event e1 {}",
    ), @r#"
    go -> listen paid#1, wake +7200s
    +2h -> deaf paid#1, => cancelled not paid
    paid event e1 {} -> (echo)
    "#);
}

#[test]
fn the_first_that_is_over_goes_on_and_the_others_are_withdrawn() {
    insta::assert_snapshot!(story(
        r#"
        [step.paid]
        await = "invoice.paid"
        key = "A1"
        [step.patience]
        needs = []
        wait = "2h"
        [step.phone]
        needs = []
        use = "t.keyed"
        [step.next]
        needs = { first = ["paid", "patience", "phone"] }
        use = "t.keyed"
        with.paid = "{{ step.paid.state }}"
        "#,
        "+2h; phone fails; next ok",
    ), @r#"
    go -> listen paid#1, start phone#1, wake +7200s
    +2h -> deaf paid#1, stop phone#1, start next#1
    phone fails ->
    next ok -> => done done
    "#);
}

#[test]
fn a_step_that_was_not_taken_has_not_come_first() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        when = "false"
        use = "t.keyed"
        [step.b]
        needs = []
        use = "t.keyed"
        [step.c]
        needs = { first = ["a", "b"] }
        use = "t.keyed"
        "#,
        "b ok; c ok",
    ), @r#"
    go -> start b#1
    b ok -> start c#1
    c ok -> => done done
    "#);
}

#[test]
fn an_owner_is_asked_how_to_go_on_and_may_go_on_with_values() {
    let mut tale = Tale::begin(
        r#"
        [step.a]
        each = "{{ [1, 2, 3] }}"
        use = "t.keyed"
        on_error = "ask"
        [step.b]
        use = "t.keyed"
        with.numbers = "{{ step.a.number }}"
        "#,
        "{}",
    );
    tale.hear(r#"a.0 ok {"number":1}; a.1 breaks; a.2 breaks; a.1 settle again; a.1 ok {"number":2}"#);
    tale.hear(r#"a.2 settle skip {"number":30}"#);
    assert_eq!(tale.with("b"), r#"{"numbers":[1,2,30]}"#);
    insta::assert_snapshot!(tale.told, @r#"
    go -> start a.0#1, start a.1#1, start a.2#1
    a.0 ok {"number":1} ->
    a.1 breaks -> how a.1#2
    a.2 breaks -> how a.2#2
    a.1 settle again -> close a.1#2, start a.1#3
    a.1 ok {"number":2} ->
    a.2 settle skip {"number":30} -> close a.2#2, start b#1
    "#);
}

#[test]
fn an_owner_who_says_fail_is_not_asked_again() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.keyed"
        on_error = "ask"
        "#,
        "a breaks; a settle fail",
    ), @r#"
    go -> start a#1
    a breaks -> how a#2
    a settle fail -> close a#2, => failed no
    "#);
}

#[test]
fn a_condition_that_failed_is_asked_anew() {
    let mut tale = Tale::begin(
        r#"
        on_error = "ask"
        [step.x]
        use = "t.pure"
        [step.a]
        when = "1 / step.x.zero > 0"
        use = "t.keyed"
        "#,
        "{}",
    );
    tale.hear(r#"x ok {"zero":0}; a settle again; a settle again; a settle skip"#);
    insta::assert_snapshot!(tale.told, @r#"
    go -> start x#1
    x ok {"zero":0} -> how a#1
    a settle again -> close a#1, how a#2
    a settle again -> close a#2, how a#3
    a settle skip -> close a#3, => done done
    "#);
}

#[test]
fn the_steps_of_on_cancel_run_when_a_run_is_cancelled_and_those_of_on_failure_do_not() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.keyed"
        undo.use = "t.keyed"
        [step.b]
        use = "t.keyed"
        [on_failure.tell]
        use = "t.keyed"
        [on_cancel.tell_too]
        use = "t.keyed"
        with.a = "{{ step.a.state }}"
        "#,
        "a ok; cancel; b ok; on_cancel.tell_too ok; a/undo ok",
    ), @r#"
    go -> start a#1
    a ok -> start b#1
    cancel -> stop b#1
    b ok -> start on_cancel.tell_too#1, start a/undo#1
    on_cancel.tell_too ok ->
    a/undo ok -> => cancelled told to
    "#);
}

#[test]
fn a_child_that_nobody_waits_for_is_done_once_it_is_on_its_way() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        run = "other"
        detach = true
        [step.b]
        use = "t.keyed"
        with.child = "{{ step.a.run }}"
        "#,
        "a started; b ok",
    ), @r#"
    go -> child a#1
    a started -> start b#1
    b ok -> => done done
    "#);
}

#[test]
fn a_child_that_nobody_waits_for_is_never_cancelled() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        run = "other"
        detach = true
        "#,
        "cancel; a started",
    ), @r#"
    go -> child a#1
    cancel ->
    a started -> => cancelled told to
    "#);
}

#[test]
fn a_place_is_asked_for_before_every_attempt_and_held_while_it_runs() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.keyed"
        limit = { key = "crm", most = 2 }
        retry = { times = 1, first = "5s", jitter = 0.0 }
        "#,
        "a granted; a fails; +5s; a granted; a ok",
    ), @r#"
    go -> slot a#1
    a granted -> start a#1
    a fails -> wake +5s
    +5s -> slot a#2
    a granted -> start a#2
    a ok -> => done done
    "#);
}

#[test]
fn what_is_inside_a_step_that_holds_a_place_has_it() {
    insta::assert_snapshot!(story(
        r#"
        [step.room]
        limit = { key = "room", most = 1 }
        [step.room.step.a]
        use = "t.keyed"
        limit = { key = "room", most = 1 }
        [step.room.step.b]
        use = "t.keyed"
        limit = { key = "other", most = 1 }
        priority = 3
        "#,
        "room granted; room/a ok; room/b granted; room/b ok",
    ), @r#"
    go -> slot room#1
    room granted -> start room/a#1
    room/a ok -> slot room/b#1
    room/b granted -> start room/b#1
    room/b ok -> => done done
    "#);
}

#[test]
fn waiting_for_a_place_ends_when_the_run_is_cancelled() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.once"
        limit = { rate = "2 per 1h" }
        "#,
        "cancel; a granted",
    ), @r#"
    go -> slot a#1
    cancel -> => cancelled told to
    a granted -> (echo)
    "#);
}

// ---- a limit of the file itself -----------------------------------------------------------------------------------

const ONE_AT_A_TIME: &str = r#"
    limit = { key = "crew", most = 1 }
    due = "2h"
    [step.a]
    use = "t.keyed"
    limit = { key = "crew", most = 1 }
    undo = { use = "t.keyed" }
    [step.b]
    use = "t.keyed"
    [on_cancel.tell]
    use = "t.idem"
    [on_failure.tell_too]
    use = "t.idem"
"#;

#[test]
fn a_run_begins_when_it_has_its_place_and_its_clock_with_it() {
    let mut tale = Tale::begin(ONE_AT_A_TIME, "{}");
    tale.hear("+3h; whole granted; a ok; +2h; b ok; whole granted");
    insta::assert_snapshot!(tale.told, @r#"
    go -> slot whole#1
    +3h -> (echo)
    whole granted -> start a#1, wake +7200s
    a ok -> start b#1, wake +7200s
    +2h ->
    b ok -> => done done
    whole granted -> (echo)
    "#);
}

#[test]
fn a_run_that_is_cancelled_before_it_began_leaves_the_line_and_says_so() {
    let mut tale = Tale::begin(ONE_AT_A_TIME, "{}");
    tale.hear("cancel; whole granted; on_cancel.tell ok; retry; whole granted; a ok; b ok");
    insta::assert_snapshot!(tale.told, @r#"
    go -> slot whole#1
    cancel -> start on_cancel.tell#1
    whole granted -> (echo)
    on_cancel.tell ok -> => cancelled told to
    retry -> slot whole#1
    whole granted -> start a#1, wake +7200s
    a ok -> start b#1, wake +7200s
    b ok -> => done done
    "#);
}

#[test]
fn a_run_that_is_opened_again_asks_for_its_place_again_before_anything_else() {
    let mut tale = Tale::begin(ONE_AT_A_TIME, "{}");
    tale.hear(
        "whole granted; a ok; b breaks; a/undo ok; on_failure.tell_too ok; retry; whole granted; a ok; b ok",
    );
    insta::assert_snapshot!(tale.told, @r#"
    go -> slot whole#1
    whole granted -> start a#1, wake +7200s
    a ok -> start b#1, wake +7200s
    b breaks -> start on_failure.tell_too#1, start a/undo#1, wake +7200s
    a/undo ok -> wake +7200s
    on_failure.tell_too ok -> => failed no
    retry -> slot whole#2
    whole granted -> start a@2#1, wake +7200s
    a ok -> start b@2#1, wake +7200s
    b ok -> => done done
    "#);
}

#[test]
fn a_key_that_cannot_be_worked_out_fails_the_run() {
    insta::assert_snapshot!(story(
        r#"
        limit = { key = "{{ 1 / 0 }}", most = 1 }
        [step.a]
        use = "t.keyed"
        "#,
        "",
    ), @r#"
    go -> => failed `1 / 0` cannot be worked out: it divides by zero
    "#);
}
