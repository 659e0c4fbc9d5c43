//! Order, choice, fan-out and going back.

use super::{EndState, Phase, Tale, story};

#[test]
fn steps_run_one_after_the_other_and_the_run_ends_when_all_are_over() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.pure"
        [step.b]
        use = "t.pure"
        "#,
        "a ok; b ok; b#1 ok",
    ), @r"
    go -> start a#1
    a ok -> start b#1
    b ok -> => done done
    b#1 ok -> (echo)
    ");
}

#[test]
fn branches_run_side_by_side_and_meet_again() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.pure"
        [step.b]
        use = "t.pure"
        [step.c]
        needs = ["a"]
        use = "t.pure"
        [step.d]
        needs = ["b", "c"]
        use = "t.pure"
        "#,
        "a ok; c ok; b ok; d ok",
    ), @r"
    go -> start a#1
    a ok -> start b#1, start c#1
    c ok ->
    b ok -> start d#1
    d ok -> => done done
    ");
}

#[test]
fn a_step_whose_when_is_false_is_skipped_and_reads_as_empty() {
    let mut tale = Tale::begin(
        r#"
        [input]
        big = { type = "yesno" }
        [step.a]
        use = "t.pure"
        [step.b]
        when = "input.big"
        use = "t.pure"
        [step.c]
        use = "t.pure"
        with.b = "{{ step.b.x }}"
        with.a = "{{ step.a.x }} and {{ step.b.state }}"
        "#,
        r#"{"big":false}"#,
    );
    tale.hear(r#"a ok {"x":"y"}"#);
    assert_eq!(tale.with("c"), r#"{"b":null,"a":"y and skipped"}"#);
    assert_eq!(tale.states(), "a done, b skipped, c open");
}

#[test]
fn an_each_begins_at_most_so_many_and_keeps_places() {
    let mut tale = Tale::begin(
        r#"
        [step.a]
        each = "{{ [1, 2, 3, 4] }}"
        as = "n"
        at_once = 2
        when = "n != 2"
        use = "t.pure"
        with.n = "{{ n }}"
        [step.b]
        use = "t.pure"
        with.all = "{{ step.a.x }}"
        "#,
        "{}",
    );
    tale.hear(r#"a.2 ok {"x":30}; a.0 ok {"x":10}; a.3 ok {"x":40}"#);
    insta::assert_snapshot!(tale.told, @r#"
    go -> start a.0#1, start a.2#1
    a.2 ok {"x":30} -> start a.3#1
    a.0 ok {"x":10} ->
    a.3 ok {"x":40} -> start b#1
    "#);
    assert_eq!(tale.with("b"), r#"{"all":[10,null,30,40]}"#);
}

#[test]
fn an_empty_each_is_done_at_once() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        each = "{{ [] }}"
        use = "t.pure"
        [step.b]
        use = "t.pure"
        "#,
        "b ok",
    ), @r"
    go -> start b#1
    b ok -> => done done
    ");
}

#[test]
fn the_flow_goes_back_over_a_step_and_all_after_it_but_not_over_what_stands_beside() {
    insta::assert_snapshot!(story(
        r#"
        [step.fill]
        use = "t.pure"
        [step.side]
        needs = []
        use = "t.pure"
        [step.look]
        needs = ["fill"]
        ask = "group:热线"
        form.ok = { type = "yesno" }
        on.ok.no = { back_to = "fill", most = 1 }
        [step.end]
        needs = ["look", "side"]
        use = "t.pure"
        "#,
        r#"fill ok; look answer by person:li {"ok":false}; side ok; fill ok; look answer by person:li {"ok":true}; end ok"#,
    ), @r#"
    go -> start fill#1, start side#1
    fill ok -> ask look#1
    look answer by person:li {"ok":false} -> close look#1, start fill@2#1
    side ok ->
    fill ok -> ask look@2#1
    look answer by person:li {"ok":true} -> close look@2#1, start end@2#1
    end ok -> => done done
    "#);
}

#[test]
fn a_way_back_that_is_used_up_asks_the_owner() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.pure"
        [step.c]
        check = "step.a.fine"
        on.no = { back_to = "a", most = 1 }
        [step.d]
        use = "t.pure"
        "#,
        r#"a ok {"fine":false}; a ok {"fine":false}; c settle again; a ok {"fine":false}; c settle leave; d ok"#,
    ), @r#"
    go -> start a#1
    a ok {"fine":false} -> start a@2#1
    a ok {"fine":false} -> how c@2#1
    c settle again -> close c@2#1, start a@3#1
    a ok {"fine":false} -> how c@3#1
    c settle leave -> close c@3#1, start d@3#1
    d ok -> => done done
    "#);
}

#[test]
fn a_gate_that_says_no_cancels_with_its_title() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.pure"
        [step.c]
        title = "资料齐全"
        check = "false"
        [step.d]
        use = "t.pure"
        "#,
        "a ok",
    ), @r"
    go -> start a#1
    a ok -> => cancelled 资料齐全
    ");
}

#[test]
fn a_wait_sleeps_until_its_instant_and_an_early_clock_is_an_echo() {
    insta::assert_snapshot!(story(
        r#"
        [step.w]
        wait = "4h"
        [step.a]
        use = "t.pure"
        "#,
        "+3h; +1h; a ok",
    ), @r"
    go -> wake +14400s
    +3h -> (echo)
    +1h -> start a#1
    a ok -> => done done
    ");
}

#[test]
fn ten_thousand_items_that_are_over_before_they_run_need_no_deep_stack() {
    let list = format!("{{\"all\":[{}0]}}", "0,".repeat(9_999));
    let tale = Tale::begin(
        r#"
        [input]
        all = { type = "choices", options = ["0"] }
        [step.a]
        each = "{{ input.all }}"
        at_once = 1
        when = "item == '1'"
        use = "t.pure"
        on_error = "continue"
        "#,
        &list,
    );
    assert!(tale.run.is_over());
    assert_eq!(tale.run.top.steps[0].items.len(), 10_000);
}

#[test]
fn a_gate_that_says_no_does_not_go_where_done_leads() {
    insta::assert_snapshot!(story(
        r#"
        [step.c]
        title = "门"
        check = "false"
        on.done = { go = "done:过了" }
        "#,
        "",
    ), @"go -> => cancelled 门");
    insta::assert_snapshot!(story(
        "[step.c]\ncheck = \"true\"\non.done = { go = \"done:过了\" }\n",
        "",
    ), @"go -> => done 过了");
}

#[test]
fn the_first_rule_that_fits_is_taken() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.pure"
        on.n.3 = { go = "done:三" }
        on.kinds.x = { go = "done:有x" }
        on.ok.yes = { go = "done:好" }
        on.done = { go = "done:完" }
        "#,
        r#"a ok {"n":4,"kinds":["y","x"]}"#,
    ), @r#"
    go -> start a#1
    a ok {"n":4,"kinds":["y","x"]} -> => done 有x
    "#);
}

#[test]
fn all_items_skipped_is_a_skipped_step_and_a_list_that_is_empty_is_a_done_one() {
    let tale = Tale::begin(
        r#"
        [step.a]
        each = "{{ [1, 2] }}"
        when = "false"
        use = "t.pure"
        [step.b]
        each = "{{ [] }}"
        use = "t.pure"
        [step.c]
        when = "step.a.state == 'skipped' and step.b.state == 'done'"
        use = "t.pure"
        "#,
        "{}",
    );
    assert_eq!(tale.states(), "a skipped, b done, c open");
}

#[test]
fn an_end_ends_the_run_whatever_else_is_open() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        use = "t.keyed"
        undo.use = "t.keyed"
        [step.e]
        when = "step.a.enough"
        end = "done:够了"
        [step.x]
        needs = []
        ask = "group:热线"
        [step.z]
        needs = ["e"]
        use = "t.pure"
        "#,
        r#"a ok {"enough":true}"#,
    ), @r#"
    go -> start a#1, ask x#1
    a ok {"enough":true} -> close x#1, => done 够了
    "#);
}

#[test]
fn the_output_of_a_run_is_worked_out_at_its_end_and_its_fault_fails_the_run() {
    let ended = |input: &str| {
        let mut tale =
            Tale::begin("[step.a]\nuse = \"t.pure\"\n[output]\nhalf = \"{{ 1 / step.a.n }}\"\n", "{}");
        tale.hear(input);
        tale.run.top.phase
    };
    let Phase::Over { state: EndState::Done, output, .. } = ended(r#"a ok {"n":2}"#) else { panic!() };
    assert_eq!(output.unwrap().get(), r#"{"half":0.5}"#);
    assert!(matches!(ended(r#"a ok {"n":0}"#), Phase::Over { state: EndState::Failed, .. }));
}

#[test]
fn a_wait_for_an_instant_that_is_past_is_over_at_once() {
    insta::assert_snapshot!(story("[step.w]\nwait = 2020-01-01\n[step.a]\nuse = \"t.pure\"\n", ""), @"go -> start a#1");
}
