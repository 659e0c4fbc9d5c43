//! An open run goes on under another text.

use std::sync::Arc;

use super::super::migrate::migrate;
use super::super::state::Phase;
use super::super::{Now, Refusal};
use super::{Tale, workflow};
use crate::plan::Workflow;

const OLD: &str = r#"
    [step.a]
    use = "t.keyed"
    undo.use = "t.keyed"
    [step.ask]
    ask = "group:热线"
    form.ok = { type = "yesno" }
    on.ok.no = { back_to = "a", most = 1 }
    [step.b]
    use = "t.keyed"
"#;

/// Goes over to the other text, or says why not.
fn over_to(tale: &mut Tale, toml: &str) -> Result<(), Vec<String>> {
    over_to_another(tale, toml, |_| {})
}

fn over_to_another(tale: &mut Tale, toml: &str, becomes: fn(&mut Workflow)) -> Result<(), Vec<String>> {
    let text = Arc::new({
        let mut other = Arc::into_inner(workflow(toml)).unwrap();
        other.hash = crate::id::TextHash("other".into());
        becomes(&mut other);
        other
    });
    let (before, by) = (tale.run.clone(), Arc::from("operator"));
    let now = Now { world: &tale.world, at: tale.now, room: tale.room };
    match migrate(&mut tale.run, &tale.text, &text, &now, &by) {
        Ok(decision) => {
            tale.text = text;
            tale.tell("migrate", &decision);
            Ok(())
        }
        Err(Refusal::DoesNotMap(why)) => {
            assert_eq!(tale.run, before, "a refused migration changed the run");
            Err(why)
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn an_open_task_goes_on_where_its_step_stands_in_the_new_text() {
    let mut tale = Tale::begin(OLD, "{}");
    tale.hear("a ok");
    over_to(
        &mut tale,
        r#"
        [step.early]
        use = "t.keyed"
        [step.a]
        use = "t.keyed"
        undo.use = "t.keyed"
        [step.ask]
        ask = "group:热线"
        form.ok = { type = "yesno" }
        on.ok.no = { back_to = "a", most = 1 }
        [step.between]
        use = "t.keyed"
        [step.b]
        use = "t.keyed"
        "#,
    )
    .unwrap();
    assert_eq!(tale.states(), "early skipped, a done, ask open, between waiting, b waiting");
    assert_eq!(tale.run.text().0.as_ref(), "other");
    tale.hear(
        r#"ask answer by person:li {"ok":false}; a/undo ok; a ok; ask answer by person:li {"ok":true}"#,
    );
    tale.hear("between ok; b ok");
    insta::assert_snapshot!(tale.told, @r#"
    go -> start a#1
    a ok -> ask ask#1
    migrate -> ask ask#1
    ask answer by person:li {"ok":false} -> close ask#1, start a/undo#1
    a/undo ok -> start a@2#1
    a ok -> ask ask@2#1
    ask answer by person:li {"ok":true} -> close ask@2#1, start between@2#1
    between ok -> start b@2#1
    b ok -> => done done
    "#);
}

#[test]
fn a_way_back_that_was_taken_stays_taken() {
    let mut tale = Tale::begin(OLD, "{}");
    tale.hear(r#"a ok; ask answer by person:li {"ok":false}; a/undo ok; a ok"#);
    let new = OLD.replace(
        "[step.a]",
        "[step.first]\ncheck = \"true\"\non.no = { back_to = \"first\", most = 3 }\n[step.a]",
    );
    over_to(&mut tale, &new).unwrap();
    tale.hear(r#"ask answer by person:li {"ok":false}"#);
    assert!(tale.told.ends_with("-> close ask@2#1, how ask@2#2\n"), "{}", tale.told);
}

#[test]
fn what_cannot_be_found_again_is_refused_with_all_reasons() {
    let mut tale = Tale::begin(OLD, "{}");
    tale.hear("a ok");
    let why = over_to(&mut tale, "[step.a]\nuse = \"t.keyed\"\n[step.ask]\nwait = \"1h\"\n").unwrap_err();
    insta::assert_snapshot!(why.join("\n"), @r#"
    `ask` is open and was `ask`, and is now `wait`
    `a` is done and could not be taken back any more
    "#);
    let why = over_to(&mut tale, "[step.b]\nuse = \"t.keyed\"\n").unwrap_err();
    insta::assert_snapshot!(why.join("\n"), @r#"
    `ask` is open and is no more in the new text
    `a` is done and could not be taken back any more
    "#);
}

#[test]
fn nothing_goes_over_to_a_text_of_another_workflow_on_which_somebody_may_have_no_right() {
    let mut tale = Tale::begin(OLD, "{}");
    tale.hear("a ok");
    let why = over_to_another(&mut tale, OLD, |text| text.name = "destruction".into()).unwrap_err();
    assert_eq!(why, [format!("that is a text of `destruction`, and the run is of `{}`", tale.text.name)]);
}

#[test]
fn an_attempt_under_way_is_waited_for() {
    let mut tale = Tale::begin(OLD, "{}");
    assert_eq!(over_to(&mut tale, OLD).unwrap_err(), ["`a` is under way; try again when that is over"]);
}

#[test]
fn a_scope_goes_on_with_the_steps_that_its_step_now_holds() {
    let old = r#"
        [step.visit]
        each = "{{ [1, 2] }}"
        [step.visit.step.look]
        ask = "group:热线"
        [step.visit.step.mend]
        ask = "group:热线"
        [step.report]
        use = "t.keyed"
    "#;
    let mut tale = Tale::begin(old, "{}");
    tale.hear("visit.0/look answer by person:li; visit.0/mend answer by person:li; visit.1/look answer by person:li");
    let new = old
        .replace("[step.visit]", "[step.before]\nuse = \"t.keyed\"\n[step.visit]")
        .replace("[step.report]", "[step.visit.step.sign]\nask = \"group:热线\"\n[step.report]");
    over_to(&mut tale, &new).unwrap();
    tale.hear("visit.1/mend answer by person:li; visit.1/sign answer by person:li; report ok");
    assert!(matches!(tale.run.top.phase, Phase::Over { .. }), "{}", tale.told);
    insta::assert_snapshot!(tale.told, @r#"
    go -> ask visit.0/look#1, ask visit.1/look#1
    visit.0/look answer by person:li -> close visit.0/look#1, ask visit.0/mend#1
    visit.0/mend answer by person:li -> close visit.0/mend#1
    visit.1/look answer by person:li -> close visit.1/look#1, ask visit.1/mend#1
    migrate -> ask visit.1/mend#1
    visit.1/mend answer by person:li -> close visit.1/mend#1, ask visit.1/sign#1
    visit.1/sign answer by person:li -> close visit.1/sign#1, start report#1
    report ok -> => done done
    "#);
}

#[test]
fn an_open_approval_goes_on_with_those_who_were_to_sign_when_it_opened() {
    let old = r#"
        [step.sign]
        ask = ["group:热线", "role:班长"]
        approve = "all"
        on.refused = { go = "cancel:未获批准" }
    "#;
    let mut tale = Tale::begin(old, "{}");
    tale.hear(r#"sign.0 answer by person:li {"approved":true}"#);
    over_to(
        &mut tale,
        &format!("{old}\n[step.pay]\nuse = \"t.keyed\"\nwith.by = \"{{{{ step.sign.by }}}}\""),
    )
    .unwrap();
    tale.hear(r#"sign.1 answer by person:li {"approved":true}; sign.1 answer by person:wang {"approved":true}; pay ok"#);
    insta::assert_snapshot!(tale.told, @r#"
    go -> ask sign.0#1, ask sign.1#1
    sign.0 answer by person:li {"approved":true} -> close sign.0#1
    migrate -> ask sign.1#1
    sign.1 answer by person:li {"approved":true} -> (`person:li` has signed already, and nobody signs twice)
    sign.1 answer by person:wang {"approved":true} -> close sign.1#1, start pay#1
    pay ok -> => done done
    "#);
}

#[test]
fn a_run_that_waits_to_begin_begins_under_the_other_text_when_it_has_its_place() {
    let limited = "limit = { key = \"crew\", most = 1 }\n[step.a]\nuse = \"t.keyed\"\n";
    let mut tale = Tale::begin(limited, "{}");
    over_to(&mut tale, "[step.b]\nuse = \"t.idem\"\n[step.a]\nuse = \"t.keyed\"\n").unwrap();
    tale.hear("whole granted; b ok");
    over_to(&mut tale, limited).unwrap_err();
    tale.hear("a ok");
    insta::assert_snapshot!(tale.told, @r#"
    go -> slot whole#1
    migrate ->
    whole granted -> start b#1
    b ok -> start a#1
    a ok -> => done done
    "#);
}

const LADDER: &str = r#"
    [step.a]
    ask = "group:热线"
    due = "4h"
    escalate = [
      { at = "+0h", tell = "role:班长" },
      { at = "+2h", reassign = "person:wang" },
    ]
"#;

#[test]
fn rungs_are_known_by_what_they_are_and_none_fires_twice_under_another_text() {
    let mut tale = Tale::begin(LADDER, "{}");
    tale.hear("+4h");
    let first = r#"{ at = "+0h", tell = "role:班长" },"#;
    let new = LADDER.replace(first, &format!(r#"{{ at = "+1h", tell = "person:li" }}, {first}"#));
    over_to(&mut tale, &new).unwrap();
    tale.hear("+1h; +1h");
    assert_eq!(
        super::rungs::fired(&tale),
        "\
+0min Opened due +240min
+240min late
+240min due1/0 told role:班长
+240min Migrated due +240min
+300min due2/0 told person:li
+360min due2/2 given to person:wang"
    );
}

#[test]
fn a_rung_that_is_no_more_in_the_new_text_does_not_fire_and_one_that_was_moved_fires_at_its_new_time() {
    let mut tale = Tale::begin(LADDER, "{}");
    let first = r#"{ at = "+0h", tell = "role:班长" },"#;
    let new = LADDER.replace(first, "").replace("+2h", "+1h");
    over_to(&mut tale, &new).unwrap();
    tale.hear("+4h; +1h; +1h");
    assert_eq!(
        super::rungs::fired(&tale),
        "\
+0min Opened due +240min
+0min Migrated due +240min
+240min late
+300min due2/0 given to person:wang"
    );
}

#[test]
fn where_the_rungs_are_the_same_no_clock_is_worked_out_again() {
    let mut tale = Tale::begin(LADDER, "{}");
    over_to(&mut tale, &LADDER.replace("[step.a]", "[step.a]\ntitle = \"派工\"")).unwrap();
    assert_eq!(super::rungs::fired(&tale), "+0min Opened due +240min");
}
