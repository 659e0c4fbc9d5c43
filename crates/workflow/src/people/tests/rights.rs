//! Stories of who may do what.

use super::{noon, shanghai};
use crate::people::People;
use crate::people::rights::{Grant, Rights, Role};

const HOUSE: &str = r#"
[person."li.na"]
name = "李娜"
[person."zhao.lei"]
name = "赵磊"
[person."zhou.jian"]
name = "周健"
deputies = [{ person = "zhao.lei", from = "2026-10-01", until = "2026-10-07" }]
[group."热线"]
members = ["li.na", "zhao.lei"]

[right."热线看故障"]
who = "group:热线"
may = "worker"
on = ["fault-*", "complaint"]

[right."班长处置"]
who = "zhao.lei"
may = "operator"
on = "fault-dispatch"

[right."管理员"]
who = ["person:zhou.jian"]
may = "admin"
"#;

fn rights(person: &str, day: &str) -> Rights {
    let people = People::read(HOUSE).unwrap();
    Rights::of(person, &people, &people.at(noon(day), &shanghai()))
}

#[test]
fn a_right_reaches_as_far_as_its_workflows_and_each_role_holds_those_before_it() {
    let li_na = rights("li.na", "2026-11-02");
    assert!(li_na.may(Role::Worker, "fault-dispatch") && li_na.may(Role::Viewer, "complaint"));
    assert!(!li_na.may(Role::Operator, "fault-dispatch"));
    assert!(!li_na.may(Role::Viewer, "complaints") && !li_na.may(Role::Viewer, "refund"));
    assert!(li_na.may_somewhere(Role::Worker) && !li_na.may_somewhere(Role::Operator));
    assert!(!li_na.may_everywhere(Role::Viewer));
    let zhao_lei = rights("zhao.lei", "2026-11-02");
    assert!(zhao_lei.may(Role::Operator, "fault-dispatch"));
    assert!(zhao_lei.may(Role::Worker, "fault-night") && !zhao_lei.may(Role::Operator, "fault-night"));
    let zhou_jian = rights("zhou.jian", "2026-11-02");
    assert!(zhou_jian.may_everywhere(Role::Admin) && zhou_jian.may(Role::Author, "anything"));
}

#[test]
fn a_deputy_has_the_rights_of_whom_they_stand_in_for_on_those_days_only() {
    assert!(rights("zhao.lei", "2026-10-03").may_everywhere(Role::Admin));
    assert!(!rights("zhao.lei", "2026-10-08").may_somewhere(Role::Admin));
}

#[test]
fn who_is_not_named_may_nothing_beside_their_tasks() {
    let nobody = rights("nobody", "2026-11-02");
    assert!(Role::ALL.into_iter().all(|role| !nobody.may_somewhere(role)));
    assert_eq!(nobody, Rights::default());
}

#[test]
fn a_token_may_what_it_was_made_for_and_no_more_than_its_person() {
    let made_for =
        |may, on: &[&str]| Grant { who: vec![], may, on: on.iter().map(|name| (*name).to_owned()).collect() };
    let narrow = Rights::all().within(made_for(Role::Viewer, &["refund"]));
    assert!(narrow.may(Role::Viewer, "refund"));
    assert!(!narrow.may(Role::Worker, "refund") && !narrow.may(Role::Viewer, "returns"));
    assert!(!narrow.may_everywhere(Role::Viewer));
    let of_li_na = rights("li.na", "2026-11-02").within(made_for(Role::Admin, &[]));
    assert!(of_li_na.may(Role::Worker, "complaint") && !of_li_na.may(Role::Operator, "complaint"));
}

#[test]
fn a_right_that_names_nobody_known_or_no_known_role_is_a_fault() {
    let codes = |text: &str| {
        let faults = People::read(text).unwrap_err();
        faults.iter().map(|fault| fault.code).collect::<Vec<_>>()
    };
    assert_eq!(codes("[right.a]\nwho = \"group:热线\"\nmay = \"viewer\""), ["YZ0641"]);
    assert_eq!(codes("[right.a]\nwho = \"li.na\"\nmay = \"viewer\""), ["YZ0191"]);
    assert_eq!(codes("[person.a]\n[right.a]\nwho = \"a\"\nmay = \"king\""), ["YZ0116"]);
    assert_eq!(codes("[person.a]\n[right.a]\nmay = \"viewer\""), ["YZ0108"]);
    assert_eq!(codes("[person.a]\n[right.a]\nwho = \"a\"\nmay = \"viewer\"\nwhere = \"x\""), ["YZ0105"]);
}
