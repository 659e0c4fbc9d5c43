//! Outsiders are asked by their mail address: they answer themselves, or somebody of the house enters their paper.

use super::{Tale, story};

const ASK: &str = r#"
    [input]
    mail = { label = "邮箱", type = "email" }
    [step.a]
    ask = "mail:{{ input.mail }}"
    due = "4h"
    form.note = { type = "text", max = 10 }
"#;

const MAIL: &str = r#"{"mail":"zhou@example.com"}"#;

fn told(events: &str) -> String {
    let mut tale = Tale::begin(ASK, MAIL);
    tale.hear(events);
    tale.told
}

#[test]
fn an_outsider_answers_what_they_were_asked_and_another_address_may_not() {
    insta::assert_snapshot!(told(r#"a answer by mail:wu@example.com {"note":"x"}; a answer by mail:zhou@example.com {"note":"x"}"#), @r#"
    go -> ask a#1, wake +14400s
    a answer by mail:wu@example.com {"note":"x"} -> (`mail:wu@example.com` is not among those who may take this task: mail:zhou@example.com)
    a answer by mail:zhou@example.com {"note":"x"} -> close a#1, => done done
    "#);
}

#[test]
fn somebody_of_the_house_enters_the_paper_of_an_outsider_who_was_asked() {
    // `wang` holds the post that owns this; `li` has nothing to do with it.
    insta::assert_snapshot!(told(
        r#"a paper by person:li for mail:zhou@example.com {"note":"x"};
        a paper by person:wang for mail:wu@example.com {"note":"x"};
        a paper by person:wang for mail:zhou@example.com {"note":"x"}"#
    ), @r#"
    go -> ask a#1, wake +14400s
    a paper by person:li for mail:zhou@example.com {"note":"x"} -> (`person:li` is not among those who may take this task: mail:zhou@example.com)
    a paper by person:wang for mail:wu@example.com {"note":"x"} -> (`mail:wu@example.com` is not among those who may take this task: mail:zhou@example.com)
    a paper by person:wang for mail:zhou@example.com {"note":"x"} -> close a#1, => done done
    "#);
}

#[test]
fn whoever_enters_the_paper_of_a_signer_has_not_signed_and_the_outsider_has() {
    let file = r#"
        [step.sign]
        ask = ["mail:zhou@example.com", "role:班长", "mail:zhou@example.com"]
        approve = "all"
        on.refused = { go = "cancel:未获批准" }
    "#;
    insta::assert_snapshot!(story(
        file,
        r#"sign.0 paper by person:wang for mail:zhou@example.com {"approved":true};
        sign.1 answer by person:wang {"approved":true};
        sign.2 paper by person:wang for mail:zhou@example.com {"approved":true};
        sign.2 answer by mail:zhou@example.com {"approved":true}"#
    ), @r#"
    go -> ask sign.0#1, ask sign.1#1, ask sign.2#1
    sign.0 paper by person:wang for mail:zhou@example.com {"approved":true} -> close sign.0#1
    sign.1 answer by person:wang {"approved":true} -> close sign.1#1
    sign.2 paper by person:wang for mail:zhou@example.com {"approved":true} -> (`mail:zhou@example.com` has signed already, and nobody signs twice)
    sign.2 answer by mail:zhou@example.com {"approved":true} -> (`mail:zhou@example.com` has signed already, and nobody signs twice)
    "#);
}

#[test]
fn nobody_enters_the_paper_of_an_outsider_whom_the_step_keeps_out() {
    let file = r#"
        [step.a]
        ask = ["mail:zhou@example.com", "group:热线"]
        not = ["person:wang", "mail:wu@example.com"]
    "#;
    insta::assert_snapshot!(story(
        file,
        "a paper by person:wang for mail:zhou@example.com; a paper by person:li for mail:zhou@example.com"
    ), @r#"
    go -> ask a#1
    a paper by person:wang for mail:zhou@example.com -> (`person:wang` may not do this: it is for others than person:wang, mail:wu@example.com)
    a paper by person:li for mail:zhou@example.com -> close a#1, => done done
    "#);
}
