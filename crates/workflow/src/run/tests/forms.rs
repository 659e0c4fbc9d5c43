//! What becomes of an answer: outcomes of checklists and signatures, corrections of the input.

use super::{Tale, story};

const PAPERS: &str = r#"
    [step.papers]
    ask = "group:热线"
    form.list = { type = "checklist", options = { id = "身份证", deed = "房产证" } }
    on.list.missing = { back_to = "papers", most = 3 }
    on.list.complete = { go = "done:齐全" }
"#;

#[test]
fn a_checklist_with_something_missing_is_another_outcome_than_a_complete_one() {
    insta::assert_snapshot!(
        story(PAPERS, r#"papers answer by person:li {"list":["id"]}; papers answer by person:li {"list":["id","deed"]}"#),
        @r#"
    go -> ask papers#1
    papers answer by person:li {"list":["id"]} -> close papers#1, ask papers@2#1
    papers answer by person:li {"list":["id","deed"]} -> close papers@2#1, => done 齐全
    "#
    );
}

const SITE: &str = r#"
    [step.site]
    ask = "group:热线"
    form.sign = { type = "signature", by = "当事人", witness = "refused" }
    on.sign.refused = { go = "done:拒签" }
    on.sign.signed = { go = "done:已签" }
"#;

#[test]
fn who_refuses_to_sign_needs_a_witness_and_the_refusal_goes_its_own_way() {
    insta::assert_snapshot!(
        story(SITE, r#"site answer by person:li {"sign":"refused"}; site answer by person:li {"sign":{"refused":true,"witness":"当事人"}}; site answer by person:li {"sign":{"refused":true,"witness":"person:li"}}"#),
        @r#"
    go -> ask site#1
    site answer by person:li {"sign":"refused"} -> (the form is not complete)
    site answer by person:li {"sign":{"refused":true,"witness":"当事人"}} -> (the form is not complete)
    site answer by person:li {"sign":{"refused":true,"witness":"person:li"}} -> close site#1, => done 拒签
    "#
    );
    insta::assert_snapshot!(story(SITE, r#"site answer by person:li {"sign":true}"#), @r#"
    go -> ask site#1
    site answer by person:li {"sign":true} -> close site#1, => done 已签
    "#);
}

const VISIT: &str = r#"
    [input]
    at = { label = "上门", type = "date", min = "2026-11-01" }
    who = { label = "客户" }
    [step.call]
    ask = "group:热线"
    form.new = { like = "input.at", required = false, updates = "input.at" }
    [step.ask]
    ask = "group:热线"
    form.seen = { value = "{{ input.at }} {{ input.who }}" }
"#;

#[test]
fn an_answer_corrects_the_input_and_expressions_read_the_new_value() {
    let mut tale = Tale::begin(VISIT, r#"{"at":"2026-11-25","who":"李娜"}"#);
    tale.hear(r#"call answer by person:li {"new":"2026-10-31"}"#);
    assert_eq!(tale.run.started.input.get(), r#"{"at":"2026-11-25","who":"李娜"}"#);
    tale.hear(r#"call answer by person:li {"new":"2026-11-26"}; ask answer by person:li {}"#);
    assert_eq!(tale.run.started.input.get(), r#"{"at":"2026-11-26","who":"李娜"}"#);
    let seen = tale.run.top.steps[1].items[0].output.as_ref().unwrap();
    assert_eq!(seen.get(), r#"{"seen":"2026-11-26 李娜"}"#);
    let corrections: Vec<&str> =
        tale.lines.iter().map(|(_, line)| &**line).filter(|line| line.contains("input_updated")).collect();
    let [correction] = corrections[..] else { panic!("{corrections:?}") };
    assert!(correction.contains(r#""fields":["at"]"#), "{correction}");
    // What was entered first stays in the journal.
    assert!(tale.lines[0].1.contains("2026-11-25"));
}

#[test]
fn an_answer_that_leaves_the_correction_empty_corrects_nothing() {
    let mut tale = Tale::begin(VISIT, r#"{"at":"2026-11-25","who":"李娜"}"#);
    tale.hear("call answer by person:li {}");
    assert_eq!(tale.run.started.input.get(), r#"{"at":"2026-11-25","who":"李娜"}"#);
    assert!(tale.lines.iter().all(|(_, line)| !line.contains("input_updated")));
}

#[test]
fn a_correction_moves_due_times_that_hang_on_it_and_no_others() {
    let visit = r#"
        [input]
        at = { label = "上门", type = "date" }
        [step.call]
        ask = "group:热线"
        form.new = { like = "input.at", required = false, updates = "input.at" }
        [step.visit]
        needs = []
        ask = "group:热线"
        due = "{{ input.at }}"
        escalate = [{ at = "-1h", tell = "role:班长" }]
        [step.bill]
        needs = []
        ask = "group:热线"
        due = "4h"
        [step.sleep]
        needs = []
        wait = "{{ input.at }}"
        [step.over]
        needs = ["call", "visit", "bill", "sleep"]
        check = "true"
    "#;
    let mut tale = Tale::begin(visit, r#"{"at":"2026-11-25"}"#);
    tale.hear(r#"+1h; call answer by person:li {"new":"2026-11-24"}"#);
    // Both days end at midnight: the 25th 63 hours after nine o'clock on the 23rd, the 24th a day before.
    assert_eq!(
        super::rungs::fired(&tale),
        "\
+0min Opened due +3780min
+0min Opened due +240min
+60min Input due +2340min"
    );
    assert!(tale.told.contains("wake"), "{}", tale.told);
    tale.hear("+37h");
    assert!(
        super::rungs::fired(&tale).ends_with("+2280min due2/0 told role:班长"),
        "{}",
        super::rungs::fired(&tale)
    );
}
