//! Approvals: how many must sign, in which order, when the result stands, and what it leads to.

use super::{Tale, story};

/// `li` and `wang` are people of the house; the group is `li`, the role `wang`.
fn file(ask: &str) -> String {
    format!(
        r#"
        [step.fill]
        ask = "person:li"
        [step.sign]
        {ask}
        on.refused = {{ go = "cancel:未获批准" }}
        [step.pay]
        use = "t.pure"
        with.said = "{{{{ step.sign.approved }}}} {{{{ step.sign.opinion }}}} {{{{ step.sign.by }}}}"
        with.all = "{{{{ step.sign.signatures }}}}"
        "#
    )
}

#[test]
fn all_must_approve_side_by_side_and_the_last_word_settles_it() {
    let mut tale = Tale::begin(
        &file(
            r#"ask = ["group:热线", "role:班长"]
        approve = "all""#,
        ),
        "{}",
    );
    tale.hear(
        r#"fill answer by person:li {}; sign.0 answer by person:wang {"approved":true};
        sign.0 answer by person:li {"approved":true,"opinion":"好"}; sign.1 answer by person:wang {"approved":true}"#,
    );
    insta::assert_snapshot!(tale.told, @r#"
    go -> ask fill#1
    fill answer by person:li {} -> close fill#1, ask sign.0#1, ask sign.1#1
    sign.0 answer by person:wang {"approved":true} -> (`person:wang` is not among those who may take this task: group:热线)
    sign.0 answer by person:li {"approved":true,"opinion":"好"} -> close sign.0#1
    sign.1 answer by person:wang {"approved":true} -> close sign.1#1, start pay#1
    "#);
    assert_eq!(
        tale.with("pay"),
        r#"{"said":"是  王伟","all":[{"approved":true,"at":"2026-11-23T09:00:00+08:00","by":"person:li","for":null,"opinion":"好"},{"approved":true,"at":"2026-11-23T09:00:00+08:00","by":"person:wang","for":null,"opinion":null}]}"#
    );
}

#[test]
fn one_refusal_settles_what_all_must_approve_and_the_others_are_not_asked_any_more() {
    insta::assert_snapshot!(story(&file(r#"ask = ["group:热线", "role:班长"]
        approve = "all""#), r#"fill answer by person:li {}; sign.1 answer by person:wang {"approved":false,"opinion":"太贵"}; sign.0#1 answer by person:li {"approved":true}"#), @r#"
    go -> ask fill#1
    fill answer by person:li {} -> close fill#1, ask sign.0#1, ask sign.1#1
    sign.1 answer by person:wang {"approved":false,"opinion":"太贵"} -> close sign.0#1, close sign.1#1, => cancelled 未获批准
    sign.0#1 answer by person:li {"approved":true} -> (echo)
    "#);
}

#[test]
fn where_one_is_enough_a_refusal_counts_only_when_all_refuse() {
    let one = file(
        r#"ask = ["group:热线", "role:班长"]
        approve = "one""#,
    );
    insta::assert_snapshot!(story(&one, r#"fill answer by person:li {}; sign.1 answer by person:wang {"approved":false}; sign.0 answer by person:li {"approved":true}"#), @r#"
    go -> ask fill#1
    fill answer by person:li {} -> close fill#1, ask sign.0#1, ask sign.1#1
    sign.1 answer by person:wang {"approved":false} -> close sign.1#1
    sign.0 answer by person:li {"approved":true} -> close sign.0#1, start pay#1
    "#);
    insta::assert_snapshot!(story(&one, r#"fill answer by person:li {}; sign.1 answer by person:wang {"approved":false}; sign.0 answer by person:li {"approved":false}"#), @r#"
    go -> ask fill#1
    fill answer by person:li {} -> close fill#1, ask sign.0#1, ask sign.1#1
    sign.1 answer by person:wang {"approved":false} -> close sign.1#1
    sign.0 answer by person:li {"approved":false} -> close sign.0#1, => cancelled 未获批准
    "#);
}

#[test]
fn in_order_the_next_is_asked_when_the_one_before_has_approved() {
    let row = file(
        r#"ask = ["role:班长", { who = "group:热线", when = "input.much", due = "2h" }, "starter"]
        approve = "in order"
        due = "8h""#,
    );
    let row = format!("[input]\nmuch = {{ type = \"yesno\" }}\n{row}");
    let told = |much: &str, events: &str| {
        let mut tale = Tale::begin(&row, &format!("{{\"much\":{much}}}"));
        tale.hear(events);
        tale.told
    };
    insta::assert_snapshot!(told("true", r#"fill answer by person:li {}; sign.0 answer by person:wang {"approved":true}; sign.1 answer by person:li {"approved":true}; sign.2 answer by operator {"approved":true}"#), @r#"
    go -> ask fill#1
    fill answer by person:li {} -> close fill#1, ask sign.0#1, wake +28800s
    sign.0 answer by person:wang {"approved":true} -> close sign.0#1, ask sign.1#1, wake +7200s
    sign.1 answer by person:li {"approved":true} -> close sign.1#1, ask sign.2#1, wake +28800s
    sign.2 answer by operator {"approved":true} -> close sign.2#1, start pay#1
    "#);
    insta::assert_snapshot!(told("false", r#"fill answer by person:li {}; sign.0 answer by person:wang {"approved":true}; sign.1 answer by person:li {"approved":true}"#), @r#"
    go -> ask fill#1
    fill answer by person:li {} -> close fill#1, ask sign.0#1, wake +28800s
    sign.0 answer by person:wang {"approved":true} -> close sign.0#1, ask sign.1#1, wake +28800s
    sign.1 answer by person:li {"approved":true} -> close sign.1#1, start pay#1
    "#);
}

#[test]
fn a_list_within_the_list_is_a_stage_in_which_the_rule_holds() {
    let stages = file(
        r#"ask = [["group:热线", "role:班长"], "operator-desk"]
        approve = "one""#,
    )
    .replace("operator-desk", "starter");
    insta::assert_snapshot!(story(&stages, r#"fill answer by person:li {}; sign.1 answer by person:wang {"approved":true}; sign.2 answer by person:li {"approved":true}"#), @r#"
    go -> ask fill#1
    fill answer by person:li {} -> close fill#1, ask sign.0#1, ask sign.1#1
    sign.1 answer by person:wang {"approved":true} -> close sign.1#1, close sign.0#1, ask sign.2#1
    sign.2 answer by person:li {"approved":true} -> close sign.2#1, start pay#1
    "#);
}

#[test]
fn so_many_of_several_settle_it_and_too_few_signers_are_a_failure() {
    let two = file(
        r#"ask = ["group:热线", "role:班长", { who = "starter", when = "input.third" }]
        approve = 2"#,
    );
    let two = format!("[input]\nthird = {{ type = \"yesno\" }}\n{two}");
    let told = |third: &str, events: &str| {
        let mut tale = Tale::begin(&two, &format!("{{\"third\":{third}}}"));
        tale.hear(events);
        tale.told
    };
    insta::assert_snapshot!(told("true", r#"fill answer by person:li {}; sign.1 answer by person:wang {"approved":false}; sign.0 answer by person:li {"approved":true}; sign.2 answer by operator {"approved":true}"#), @r#"
    go -> ask fill#1
    fill answer by person:li {} -> close fill#1, ask sign.0#1, ask sign.1#1, ask sign.2#1
    sign.1 answer by person:wang {"approved":false} -> close sign.1#1
    sign.0 answer by person:li {"approved":true} -> close sign.0#1
    sign.2 answer by operator {"approved":true} -> close sign.2#1, start pay#1
    "#);
    let three = two.replace("approve = 2", "approve = 3");
    let mut tale = Tale::begin(&three, r#"{"third":false}"#);
    tale.hear("fill answer by person:li {}");
    insta::assert_snapshot!(tale.told, @r#"
    go -> ask fill#1
    fill answer by person:li {} -> close fill#1, => failed 3 must approve, and only 2 may sign
    "#);
}

#[test]
fn nobody_to_sign_skips_the_step() {
    let none = file(
        r#"ask = [{ who = "starter", when = "false" }]
        approve = "all""#,
    )
    .replace("on.refused", "on.approved = { go = \"done:ok\" }\non.refused");
    insta::assert_snapshot!(story(&none, "fill answer by person:li {}"), @r#"
    go -> ask fill#1
    fill answer by person:li {} -> close fill#1, start pay#1
    "#);
}

#[test]
fn a_list_that_is_worked_out_stands_for_a_signature_of_each() {
    let list = file(
        r#"ask = "{{ ['person:wang', 'person:li'] }}"
        approve = "in order""#,
    );
    insta::assert_snapshot!(story(&list, r#"fill answer by person:li {}; sign.0 answer by person:wang {"approved":true}; sign.1 answer by person:li {"approved":false}"#), @r#"
    go -> ask fill#1
    fill answer by person:li {} -> close fill#1, ask sign.0#1
    sign.0 answer by person:wang {"approved":true} -> close sign.0#1, ask sign.1#1
    sign.1 answer by person:li {"approved":false} -> close sign.1#1, => cancelled 未获批准
    "#);
}

#[test]
fn nobody_signs_twice_and_whoever_filled_it_in_does_not_sign_it() {
    let twice = file(
        r#"ask = ["group:热线", "person:li", "role:班长"]
        approve = 2"#,
    );
    insta::assert_snapshot!(story(&twice, r#"fill answer by person:li {}; sign.0 answer by person:li {"approved":true}; sign.1 claim by person:li; sign.1 answer by person:li {"approved":true}; sign.2 answer by person:wang {"approved":true}"#), @r#"
    go -> ask fill#1
    fill answer by person:li {} -> close fill#1, ask sign.0#1, ask sign.1#1, ask sign.2#1
    sign.0 answer by person:li {"approved":true} -> close sign.0#1
    sign.1 claim by person:li -> (`person:li` has signed already, and nobody signs twice)
    sign.1 answer by person:li {"approved":true} -> (`person:li` has signed already, and nobody signs twice)
    sign.2 answer by person:wang {"approved":true} -> close sign.1#1, close sign.2#1, start pay#1
    "#);
    let four_eyes = file(
        r#"ask = ["group:热线", "role:班长"]
        approve = "one"
        not = ["{{ step.fill.by }}"]"#,
    );
    insta::assert_snapshot!(story(&four_eyes, r#"fill answer by person:li {}; sign.0 claim by person:li; sign.0 answer by person:li {"approved":true}; sign.1 answer by person:wang {"approved":true}"#), @r#"
    go -> ask fill#1
    fill answer by person:li {} -> close fill#1, ask sign.0#1, ask sign.1#1
    sign.0 claim by person:li -> (`person:li` may not do this: it is for others than person:li)
    sign.0 answer by person:li {"approved":true} -> (`person:li` may not do this: it is for others than person:li)
    sign.1 answer by person:wang {"approved":true} -> close sign.0#1, close sign.1#1, start pay#1
    "#);
}

#[test]
fn a_signature_that_is_late_ends_the_step_where_late_is_written() {
    let late = file(
        r#"ask = ["group:热线", { who = "role:班长", due = "1h" }]
        approve = "all"
        due = "3h"
        on.late = { go = "fail:没人签" }"#,
    );
    insta::assert_snapshot!(story(&late, r#"fill answer by person:li {}; sign.0 answer by person:li {"approved":true}; +1h; sign.1#1 answer by person:wang {"approved":true}"#), @r#"
    go -> ask fill#1
    fill answer by person:li {} -> close fill#1, ask sign.0#1, ask sign.1#1, wake +3600s
    sign.0 answer by person:li {"approved":true} -> close sign.0#1, wake +3600s
    +1h -> close sign.1#1, => failed 没人签
    sign.1#1 answer by person:wang {"approved":true} -> (echo)
    "#);
}

#[test]
fn a_refusal_goes_back_and_all_sign_again_until_the_way_is_used_up() {
    let back = file(
        r#"ask = ["group:热线", "role:班长"]
        approve = "all""#,
    )
    .replace(r#"{ go = "cancel:未获批准" }"#, r#"{ back_to = "fill", most = 1 }"#);
    insta::assert_snapshot!(story(&back, r#"fill answer by person:li {}; sign.0 answer by person:li {"approved":true}; sign.1 answer by person:wang {"approved":false}; fill answer by person:li {}; sign.0 answer by person:li {"approved":false}; sign.0 settle leave"#), @r#"
    go -> ask fill#1
    fill answer by person:li {} -> close fill#1, ask sign.0#1, ask sign.1#1
    sign.0 answer by person:li {"approved":true} -> close sign.0#1
    sign.1 answer by person:wang {"approved":false} -> close sign.1#1, ask fill@2#1
    fill answer by person:li {} -> close fill@2#1, ask sign.0@2#1, ask sign.1@2#1
    sign.0 answer by person:li {"approved":false} -> close sign.1@2#1, close sign.0@2#1, how sign.0@2#2
    sign.0 settle leave -> close sign.0@2#2, start pay@2#1
    "#);
    // The owner's question is withdrawn with the run, and the retry goes the way that was used up.
    insta::assert_snapshot!(story(&back, r#"fill answer by person:li {}; sign.1 answer by person:wang {"approved":false}; fill answer by person:li {}; sign.0 answer by person:li {"approved":false}; cancel; retry; fill answer by person:li {}"#), @r#"
    go -> ask fill#1
    fill answer by person:li {} -> close fill#1, ask sign.0#1, ask sign.1#1
    sign.1 answer by person:wang {"approved":false} -> close sign.0#1, close sign.1#1, ask fill@2#1
    fill answer by person:li {} -> close fill@2#1, ask sign.0@2#1, ask sign.1@2#1
    sign.0 answer by person:li {"approved":false} -> close sign.1@2#1, close sign.0@2#1, how sign.0@2#2
    cancel -> close sign.0@2#2, => cancelled told to
    retry -> ask fill@3#1
    fill answer by person:li {} -> close fill@3#1, ask sign.0@3#1, ask sign.1@3#1
    "#);
}

#[test]
fn what_was_signed_stays_signed_when_a_run_is_opened_again() {
    insta::assert_snapshot!(story(&file(r#"ask = ["group:热线", "role:班长"]
        approve = "all""#), r#"fill answer by person:li {}; sign.0 answer by person:li {"approved":true}; cancel; retry; sign.1 answer by person:wang {"approved":true}"#), @r#"
    go -> ask fill#1
    fill answer by person:li {} -> close fill#1, ask sign.0#1, ask sign.1#1
    sign.0 answer by person:li {"approved":true} -> close sign.0#1
    cancel -> close sign.1#1, => cancelled told to
    retry -> ask sign.1#2
    sign.1 answer by person:wang {"approved":true} -> close sign.1#2, start pay#1
    "#);
}

#[test]
fn an_approval_that_is_taken_back_is_taken_back_once() {
    insta::assert_snapshot!(story(&file(r#"ask = ["group:热线", "role:班长"]
        approve = "all"
        undo.use = "t.idem""#), r#"fill answer by person:li {}; sign.0 answer by person:li {"approved":true}; sign.1 answer by person:wang {"approved":true}; pay breaks; sign.1/undo ok"#), @r#"
    go -> ask fill#1
    fill answer by person:li {} -> close fill#1, ask sign.0#1, ask sign.1#1
    sign.0 answer by person:li {"approved":true} -> close sign.0#1
    sign.1 answer by person:wang {"approved":true} -> close sign.1#1, start pay#1
    pay breaks -> start sign.1/undo#1
    sign.1/undo ok -> => failed no
    "#);
}

#[test]
fn the_owner_may_skip_a_signature_that_could_not_be_asked_for_with_a_word_for_it() {
    let broken = r#"
        [step.sign]
        ask = ["group:热线", "role:班长"]
        approve = "all"
        not = ["{{ 1 / 0 }}"]
        on_error = "ask"
        on.refused = { go = "cancel:未获批准" }
        "#;
    insta::assert_snapshot!(story(broken, r#"sign.0 settle skip {"approved":true}; sign.1 settle skip {"approved":true}"#), @r#"
    go -> how sign.0#1, how sign.1#1
    sign.0 settle skip {"approved":true} -> close sign.0#1
    sign.1 settle skip {"approved":true} -> close sign.1#1, => done done
    "#);
}

#[test]
fn each_item_of_a_step_that_holds_steps_has_signers_of_its_own() {
    let mut tale = Tale::begin(
        r#"
        [step.order]
        each = "{{ ['A', 'B'] }}"
        at_once = 2
        [step.order.step.sign]
        ask = ["group:热线", "role:班长"]
        approve = "all"
        on.refused = { go = "cancel:未获批准" }
        [step.order.step.pay]
        use = "t.pure"
        with.by = "{{ step.sign.by }}"
        "#,
        "{}",
    );
    tale.hear(r#"order/sign.0 answer by person:li {"approved":true}; order.1/sign.0 answer by person:li {"approved":true};
        order.1/sign.1 answer by person:wang {"approved":true}; order/sign.1 answer by person:li {"approved":true};
        order/sign.1 answer by person:wang {"approved":true}; order/pay ok; order.1/pay ok"#);
    insta::assert_snapshot!(tale.told, @r#"
    go -> ask order.0/sign.0#1, ask order.0/sign.1#1, ask order.1/sign.0#1, ask order.1/sign.1#1
    order/sign.0 answer by person:li {"approved":true} -> close order.0/sign.0#1
    order.1/sign.0 answer by person:li {"approved":true} -> close order.1/sign.0#1
    order.1/sign.1 answer by person:wang {"approved":true} -> close order.1/sign.1#1, start order.1/pay#1
    order/sign.1 answer by person:li {"approved":true} -> (`person:li` has signed already, and nobody signs twice)
    order/sign.1 answer by person:wang {"approved":true} -> close order.0/sign.1#1, start order.0/pay#1
    order/pay ok ->
    order.1/pay ok -> => done done
    "#);
}

#[test]
fn in_a_new_round_nobody_has_signed_and_the_fields_are_empty() {
    let mut tale = Tale::begin(
        &file(
            r#"ask = ["group:热线", "role:班长"]
        approve = "all"
        on.refused = { back_to = "fill", most = 2 }"#,
        )
        .replace("on.refused = { go = \"cancel:未获批准\" }", ""),
        "{}",
    );
    tale.hear(
        r#"fill answer by person:li {}; sign.0 answer by person:li {"approved":true,"opinion":"好"};
        sign.1 answer by person:wang {"approved":false,"opinion":"太贵"}; fill answer by person:li {}"#,
    );
    let items = &tale.run.step(crate::id::StepAt::run(tale.text.step_named("sign").unwrap())).items;
    assert!(items.iter().all(|item| item.output.is_none() && item.by.is_none()), "{items:?}");
    tale.hear(
        r#"sign.0 answer by person:li {}; sign.0 answer by person:li {"approved":true};
        sign.1 answer by person:wang {"approved":true}; pay ok"#,
    );
    assert!(tale.told.contains("(the form is not complete)"), "nothing is taken over: {}", tale.told);
    assert!(tale.told.trim_end().ends_with("pay ok -> => done done"), "{}", tale.told);
}

#[test]
fn a_rung_that_decides_signs_for_those_who_did_not() {
    insta::assert_snapshot!(story(&file(
        r#"ask = ["group:热线", "role:班长"]
        approve = "all"
        due = "4h"
        escalate = [{ at = "+1h", decide = { approved = false, opinion = "逾期未签" } }]"#,
    ), r#"fill answer by person:li {}; sign.0 answer by person:li {"approved":true}; +4h; +1h; sign.1#1 answer by person:wang {"approved":true}"#), @r#"
    go -> ask fill#1
    fill answer by person:li {} -> close fill#1, ask sign.0#1, ask sign.1#1, wake +14400s
    sign.0 answer by person:li {"approved":true} -> close sign.0#1, wake +14400s
    +4h -> wake +3600s
    +1h -> close sign.1#1, => cancelled 未获批准
    sign.1#1 answer by person:wang {"approved":true} -> (echo)
    "#);
}

#[test]
fn an_approval_is_late_when_one_of_its_signers_was() {
    let mut tale = Tale::begin(
        r#"
        [step.sign]
        ask = ["group:热线", "role:班长"]
        approve = "in order"
        due = "4h"
        on.refused = { go = "cancel:no" }
        [step.pay]
        use = "t.pure"
        with.late = "{{ step.sign.late }}"
        "#,
        "{}",
    );
    tale.hear(
        r#"+5h; sign.0 answer by person:li {"approved":true}; +1h; sign.1 answer by person:wang {"approved":true}"#,
    );
    assert_eq!(tale.with("pay"), r#"{"late":true}"#, "the second was in time: {}", tale.told);
}
