//! Steps that hold steps (semantics.md 3a).

use super::super::state::Phase;
use super::{Tale, story};

#[test]
fn the_steps_that_a_step_holds_run_one_after_the_other_and_it_is_over_with_them() {
    let told = story(
        r#"
        [step.visit]
        title = "上门"
        [step.visit.step.look]
        use = "t.keyed"
        [step.visit.step.mend]
        use = "t.keyed"
        with.found = "{{ step.look.found }}"
        [step.report]
        use = "t.keyed"
        with.found = "{{ step.visit.look.found }}"
        with.how = "{{ step.visit.outcome }}"
        "#,
        r#"visit/look ok {"found":"leak"}; visit/mend ok; report ok"#,
    );
    insta::assert_snapshot!(told, @r#"
    go -> start visit/look#1
    visit/look ok {"found":"leak"} -> start visit/mend#1
    visit/mend ok -> start report#1
    report ok -> => done done
    "#);
}

#[test]
fn outside_and_inside_read_each_other_by_name() {
    let mut tale = Tale::begin(
        r#"
        [let]
        word = "w"
        [step.first]
        use = "t.pure"
        [step.visit]
        each = "{{ step.first.list }}"
        as = "house"
        let.where = "{{ word }}-{{ house }}"
        [step.visit.step.look]
        use = "t.keyed"
        with.at = "{{ where }}"
        with.list = "{{ step.first.list }}"
        with.number = "{{ loop.index }}/{{ loop.length }}"
        [step.visit.step.mend]
        each = "{{ [1, 2] }}"
        use = "t.keyed"
        with.at = "{{ house }} {{ item }} {{ step.look.found }}"
        [step.report]
        use = "t.keyed"
        with.all = "{{ step.visit.look.found }}"
        "#,
        "{}",
    );
    tale.hear(r#"first ok {"list":["a","b"]}"#);
    assert_eq!(tale.with("visit.1/look"), r#"{"at":"w-b","list":["a","b"],"number":"2/2"}"#);
    tale.hear(r#"visit.1/look ok {"found":"y"}"#);
    assert_eq!(tale.with("visit.1/mend.1"), r#"{"at":"b 2 y"}"#);
    tale.hear(r#"visit.0/look ok {"found":"x"}; visit.1/mend.0 ok; visit.1/mend.1 ok"#);
    tale.hear("visit.0/mend.0 ok; visit.0/mend.1 ok");
    assert_eq!(tale.with("report"), r#"{"all":["x","y"]}"#);
    let key = tale.run.key_of(&tale.text, tale.attempt("report").item);
    assert_eq!(key, format!("{}/report/1/0", tale.run.id));
}

#[test]
fn the_key_of_a_step_inside_has_the_key_of_its_item_before_it() {
    let tale = Tale::begin(
        r#"
        [step.remind]
        each = "{{ [1, 2, 3] }}"
        [step.remind.step.flag]
        use = "t.keyed"
        "#,
        "{}",
    );
    let of = tale.attempt("remind.2/flag").item;
    assert_eq!(tale.run.key_of(&tale.text, of), format!("{}/remind/1/2/flag/1/0", tale.run.id));
    assert_eq!(tale.run.path_of(&tale.text, of.place()), "remind[2].flag");
}

#[test]
fn an_end_inside_ends_its_item_alone() {
    let told = story(
        r#"
        [step.visit]
        each = "{{ ['a', 'b'] }}"
        [step.visit.step.look]
        ask = "group:热线"
        form.home = { type = "yesno" }
        on.home.no = { go = "done:nobody" }
        [step.visit.step.mend]
        use = "t.keyed"
        [step.report]
        use = "t.keyed"
        with.how = "{{ step.visit.outcome }}"
        "#,
        r#"visit.0/look answer by person:li {"home":false}; visit.1/look answer by person:li {"home":true}; visit.1/mend ok; report ok"#,
    );
    insta::assert_snapshot!(told, @r#"
    go -> ask visit.0/look#1, ask visit.1/look#1
    visit.0/look answer by person:li {"home":false} -> close visit.0/look#1
    visit.1/look answer by person:li {"home":true} -> close visit.1/look#1, start visit.1/mend#1
    visit.1/mend ok -> start report#1
    report ok -> => done done
    "#);
}

#[test]
fn a_word_of_its_end_sends_the_flow_where_on_says() {
    let told = story(
        r#"
        [step.visit]
        on.nobody = { back_to = "visit", most = 1, then = { go = "cancel:niemand da" } }
        [step.visit.step.look]
        ask = "group:热线"
        form.home = { type = "yesno" }
        on.home.no = { go = "done:nobody" }
        [step.visit.step.mend]
        use = "t.keyed"
        "#,
        r#"visit/look answer by person:li {"home":false}; visit/look answer by person:li {"home":false}"#,
    );
    insta::assert_snapshot!(told, @r#"
    go -> ask visit/look#1
    visit/look answer by person:li {"home":false} -> close visit/look#1, ask visit@2/look#1
    visit/look answer by person:li {"home":false} -> close visit@2/look#1, => cancelled niemand da
    "#);
}

#[test]
fn a_gate_that_says_no_skips_its_item() {
    let mut tale = Tale::begin(
        r#"
        [step.each_one]
        each = "{{ [1, 2] }}"
        [step.each_one.step.gate]
        check = "item > 1"
        [step.each_one.step.act]
        use = "t.keyed"
        [step.after]
        use = "t.keyed"
        "#,
        "{}",
    );
    tale.hear("each_one.1/act ok; after ok");
    assert_eq!(tale.states(), "each_one done, after done");
    insta::assert_snapshot!(tale.told, @r#"
    go -> start each_one.1/act#1
    each_one.1/act ok -> start after#1
    after ok -> => done done
    "#);
}

#[test]
fn a_failed_step_takes_back_what_was_done_beside_it_and_then_its_holder_fails() {
    let told = story(
        r#"
        [step.before]
        use = "t.keyed"
        undo.use = "t.keyed"
        [step.visit]
        on_error = "continue"
        [step.visit.step.book]
        use = "t.keyed"
        undo.use = "t.keyed"
        [step.visit.step.go]
        use = "t.keyed"
        [step.after]
        use = "t.keyed"
        with.how = "{{ step.visit.state }}"
        "#,
        "before ok; visit/book ok; visit/go breaks; visit/book/undo ok; after ok",
    );
    insta::assert_snapshot!(told, @r#"
    go -> start before#1
    before ok -> start visit/book#1
    visit/book ok -> start visit/go#1
    visit/go breaks -> start visit/book/undo#1
    visit/book/undo ok -> start after#1
    after ok -> => done done
    "#);
}

#[test]
fn going_back_over_a_holding_step_takes_back_what_was_done_in_it_last_done_first() {
    let told = story(
        r#"
        [step.visit]
        [step.visit.step.book]
        use = "t.keyed"
        undo.use = "t.keyed"
        [step.visit.step.go]
        use = "t.keyed"
        undo.use = "t.keyed"
        [step.ok]
        ask = "group:热线"
        form.ok = { type = "yesno" }
        on.ok.no = { back_to = "visit" }
        "#,
        r#"visit/book ok; visit/go ok; ok answer by person:li {"ok":false}; visit/go/undo ok; visit/book/undo ok; visit/book ok"#,
    );
    insta::assert_snapshot!(told, @r#"
    go -> start visit/book#1
    visit/book ok -> start visit/go#1
    visit/go ok -> ask ok#1
    ok answer by person:li {"ok":false} -> close ok#1, start visit/go/undo#1
    visit/go/undo ok -> start visit/book/undo#1
    visit/book/undo ok -> start visit@2/book#1
    visit/book ok -> start visit@2/go#1
    "#);
}

#[test]
fn an_undo_of_the_holding_step_stands_for_all_in_it() {
    let told = story(
        r#"
        [step.visit]
        undo.use = "t.once"
        undo.with.booked = "{{ step.visit.book.number }}"
        [step.visit.step.book]
        use = "t.keyed"
        undo.use = "t.keyed"
        [step.last]
        use = "t.keyed"
        "#,
        r#"visit/book ok {"number":7}; cancel; last ok; visit/undo ok"#,
    );
    insta::assert_snapshot!(told, @r#"
    go -> start visit/book#1
    visit/book ok {"number":7} -> start last#1
    cancel -> stop last#1
    last ok -> start visit/undo#1
    visit/undo ok -> => cancelled told to
    "#);
}

#[test]
fn a_holding_step_that_is_withdrawn_stops_what_runs_in_it() {
    let mut tale = Tale::begin(
        r#"
        [step.visit]
        [step.visit.step.book]
        use = "t.keyed"
        undo.use = "t.keyed"
        [step.visit.step.inner]
        [step.visit.step.inner.step.ask]
        ask = "group:热线"
        [step.visit.step.inner.step.go]
        needs = []
        use = "t.keyed"
        "#,
        "{}",
    );
    tale.hear("visit/book ok; cancel; visit/inner/go fails; visit/book/undo ok");
    assert!(matches!(tale.run.top.phase, Phase::Over { .. }));
    insta::assert_snapshot!(tale.told, @r#"
    go -> start visit/book#1
    visit/book ok -> ask visit/inner/ask#1, start visit/inner/go#1
    cancel -> close visit/inner/ask#1, stop visit/inner/go#1
    visit/inner/go fails -> start visit/book/undo#1
    visit/book/undo ok -> => cancelled told to
    "#);
}

#[test]
fn rounds_inside_an_item_are_its_own() {
    let mut tale = Tale::begin(
        r#"
        [step.paper]
        each = "{{ ['a', 'b'] }}"
        [step.paper.step.fill]
        ask = "group:热线"
        form.ok = { type = "yesno" }
        [step.paper.step.look]
        check = "step.fill.ok"
        on.no = { back_to = "fill", most = 1, then = { go = "fail:zu oft" } }
        "#,
        "{}",
    );
    tale.hear(
        r#"paper.0/fill answer by person:li {"ok":false}; paper.0/fill answer by person:li {"ok":true}"#,
    );
    tale.hear(
        r#"paper.1/fill answer by person:li {"ok":false}; paper.1/fill answer by person:li {"ok":false}"#,
    );
    insta::assert_snapshot!(tale.told, @r#"
    go -> ask paper.0/fill#1, ask paper.1/fill#1
    paper.0/fill answer by person:li {"ok":false} -> close paper.0/fill#1, ask paper.0/fill@2#1
    paper.0/fill answer by person:li {"ok":true} -> close paper.0/fill@2#1
    paper.1/fill answer by person:li {"ok":false} -> close paper.1/fill#1, ask paper.1/fill@2#1
    paper.1/fill answer by person:li {"ok":false} -> close paper.1/fill@2#1, => failed zu oft
    "#);
    let error = tale.run.top.error.as_ref().unwrap();
    assert_eq!((&*error.step, &*error.message), ("paper[1].look", "zu oft"));
}

#[test]
fn a_retry_goes_on_inside_the_item_that_failed() {
    let mut tale = Tale::begin(
        r#"
        [step.paper]
        each = "{{ ['a', 'b'] }}"
        [step.paper.step.one]
        use = "t.keyed"
        [step.paper.step.two]
        use = "t.keyed"
        "#,
        "{}",
    );
    tale.hear("paper.0/one ok; paper.1/one ok; paper.1/two ok; paper.0/two breaks; retry; paper.0/two ok");
    insta::assert_snapshot!(tale.told, @r#"
    go -> start paper.0/one#1, start paper.1/one#1
    paper.0/one ok -> start paper.0/two#1
    paper.1/one ok -> start paper.1/two#1
    paper.1/two ok ->
    paper.0/two breaks -> => failed no
    retry -> start paper.0/two#2
    paper.0/two ok -> => done done
    "#);
}

#[test]
fn what_was_asked_about_inside_is_not_asked_about_again_for_what_holds_it() {
    let file = |on_error: &str| {
        format!(
            r#"
            {on_error}
            [step.visit]
            on_error = "ask"
            [step.visit.step.go]
            use = "t.keyed"
            "#
        )
    };
    insta::assert_snapshot!(story(&file(r#"on_error = "ask""#), "visit/go breaks; visit/go settle fail"), @"
    go -> start visit/go#1
    visit/go breaks -> how visit/go#2
    visit/go settle fail -> close visit/go#2, => failed no
    ");
    // Inside nobody was asked: the question is the holder's.
    insta::assert_snapshot!(story(&file(""), "visit/go breaks; visit settle fail"), @"
    go -> start visit/go#1
    visit/go breaks -> how visit#2
    visit settle fail -> close visit#2, => failed no
    ");
}

#[test]
fn an_end_inside_that_fails_on_purpose_is_asked_about_where_asking_is_the_default() {
    let told = story(
        r#"
        on_error = "ask"
        [step.visit]
        [step.visit.step.look]
        ask = "group:热线"
        form.home = { type = "yesno" }
        on.home.no = { go = "fail:nobody" }
        "#,
        r#"visit/look answer by person:li {"home":false}; visit settle fail"#,
    );
    insta::assert_snapshot!(told, @r#"
    go -> ask visit/look#1
    visit/look answer by person:li {"home":false} -> close visit/look#1, how visit#2
    visit settle fail -> close visit#2, => failed nobody
    "#);
}
