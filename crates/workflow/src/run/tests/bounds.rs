//! What one run may hold at most.

use super::Tale;

#[test]
fn one_each_within_another_cannot_make_more_items_than_a_run_may_have() {
    let mut tale = Tale::begin(
        r#"
        [step.outer]
        each = "{{ range(1500) | list }}"
        at_once = 1500
        [step.outer.step.inner]
        each = "{{ range(1500) | list }}"
        at_once = 1
        use = "t.keyed"
        "#,
        "{}",
    );
    let error = tale.run.top.error.clone().unwrap();
    assert_eq!(&*error.code, "YZ0312");
    assert!(error.message.contains("200000 are allowed"), "{}", error.message);
    // A list that was refused stands as one failed item.
    assert!(tale.run.items <= super::super::ITEMS_OF_RUN_MAX + 1500, "{}", tale.run.items);
    let counted = tale.run.items;
    tale.run.derive();
    assert_eq!(tale.run.items, counted);
}

#[test]
fn a_run_opens_ten_thousand_tasks_and_no_more() {
    let tale = Tale::begin(
        r#"
        [step.ask]
        each = "{{ range(10001) | list }}"
        ask = "group:热线"
        on_error = "continue"
        "#,
        "{}",
    );
    let state = &tale.run.top.steps[0];
    assert_eq!((tale.run.standing.tasks, state.failed), (10_000, 1));
    assert_eq!(&*state.items[10_000].failure.as_ref().unwrap().code, "YZ0329");
}
