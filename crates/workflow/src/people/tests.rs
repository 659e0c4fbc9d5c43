//! Stories about who is who.

use super::People;
use crate::problem::Problem;

const HOUSE: &str = r#"
[person."li.na"]
name = "李娜"
mail = "li.na@example.com"
superior = "zhao.lei"
[person."zhao.lei"]
name = "赵磊"
mail = "zhao.lei@example.com"
[group."热线"]
members = ["li.na", "zhao.lei"]
[role."班长"]
members = ["zhao.lei", "li.na"]
"#;

#[test]
fn a_group_is_all_of_its_members_and_a_role_whoever_is_on_duty() {
    let people = People::read(HOUSE).unwrap();
    let who = |who: &str| vec![who.to_owned()];
    assert!(people.may("li.na", &who("group:热线")));
    assert!(people.may("person:zhao.lei", &who("role:班长")));
    assert!(!people.may("li.na", &who("role:班长")), "only the first of a role is on duty");
    assert!(!people.may("nobody", &who("person:nobody")), "a name that is in no file may do nothing");
    assert_eq!(people.addresses("group:热线"), ["li.na@example.com", "zhao.lei@example.com"]);
    assert_eq!(people.addresses("role:班长"), ["zhao.lei@example.com"]);
    assert_eq!(people.addresses("x@example.org"), ["x@example.org"]);
    assert!(people.known("group:热线") && !people.known("group:热"));
}

#[test]
fn every_fault_of_the_file_is_named() {
    let wrong = HOUSE.replace("[\"li.na\", \"zhao.lei\"]", "[\"li.n\"]").replace("superior", "superir")
        + "[person.x]\nmail = \"no address\"\n[persons.y]\nname = \"y\"\n";
    let problems = People::read(&wrong).unwrap_err();
    let codes: Vec<&str> = problems.iter().map(|problem: &Problem| problem.code).collect();
    assert_eq!(codes, ["YZ0105", "YZ0191", "YZ0192", "YZ0105"]);
    assert_eq!(problems[1].names["nearest"], "li.na");
}

#[test]
fn the_people_that_come_along_can_be_read() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/people.toml");
    let people = People::read(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(people.known("role:总经理") && people.known("group:热线"));
}
