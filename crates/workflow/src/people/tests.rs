//! Stories about who is who.

mod rights;
mod rosters;

use jiff::tz::TimeZone;

use super::{Acts, Days, Deputy, Found, Gap, How, People, Person, Role, Unit};
use crate::id::Millis;
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

/// Noon of a day in Shanghai.
fn noon(day: &str) -> Millis {
    let zoned = day.parse::<jiff::civil::Date>().unwrap().at(12, 0, 0, 0).in_tz("Asia/Shanghai").unwrap();
    Millis(zoned.timestamp().as_millisecond())
}

fn shanghai() -> TimeZone {
    TimeZone::get("Asia/Shanghai").unwrap()
}

#[test]
fn a_group_is_all_of_its_members_and_a_role_whoever_is_on_duty() {
    let people = People::read(HOUSE).unwrap();
    let now = people.at(noon("2026-10-01"), &shanghai());
    let may = |by: &str, who: &str| now.may(by, &[who]).map(|acts| acts.how);
    assert_eq!(may("li.na", "group:热线"), Some(How::Member));
    assert_eq!(may("person:zhao.lei", "role:班长"), Some(How::OnDuty));
    assert_eq!(may("li.na", "role:班长"), None, "only the first of a role is on duty");
    assert_eq!(may("nobody", "person:nobody"), None, "a name that is in no file may do nothing");
    assert_eq!(now.addresses("group:热线"), ["li.na@example.com", "zhao.lei@example.com"]);
    assert_eq!(now.addresses("role:班长"), ["zhao.lei@example.com"]);
    assert_eq!(now.addresses("x@example.org"), ["x@example.org"]);
    assert!(people.known("group:热线") && !people.known("group:热"));
}

fn days(from: &str, until: &str) -> Days {
    let day = |day: &str| (!day.is_empty()).then(|| day.parse().unwrap());
    Days { from: day(from), until: day(until) }
}

#[test]
fn a_deputy_acts_for_somebody_on_the_days_that_are_written_and_it_is_said_for_whom() {
    let mut people = People::read(HOUSE).unwrap();
    let deputy = Deputy { person: "li.na".into(), days: days("2026-10-01", "2026-10-07") };
    people.people.get_mut("zhao.lei").unwrap().deputies = vec![deputy];
    let may = |day: &str| people.at(noon(day), &shanghai()).may("li.na", &["role:班长"]);
    assert_eq!(may("2026-09-30"), None);
    let acts = Acts {
        by: "person:li.na".into(),
        for_whom: Some("person:zhao.lei".into()),
        through: "role:班长".into(),
        how: How::OnDuty,
    };
    assert_eq!(may("2026-10-01"), Some(acts.clone()));
    assert_eq!(may("2026-10-07"), Some(acts));
    assert_eq!(may("2026-10-08"), None);
    let told = |day: &str| people.at(noon(day), &shanghai()).told("role:班长");
    assert_eq!(told("2026-10-03"), ["zhao.lei@example.com", "li.na@example.com"]);
    assert_eq!(told("2026-10-08"), ["zhao.lei@example.com"]);
    let own = people.at(noon("2026-10-03"), &shanghai()).may("li.na", &["role:班长", "group:热线"]).unwrap();
    assert_eq!((own.for_whom, &*own.through), (None, "group:热线"), "an own right comes before a lent one");
}

#[test]
fn while_nobody_is_on_duty_a_post_goes_to_its_superior_and_the_gap_is_said() {
    let mut people = People::read(HOUSE).unwrap();
    people.people.get_mut("zhao.lei").unwrap().days = days("", "2026-10-31");
    let role = Role { superior: Some("li.na".into()), ..Role::from(vec!["zhao.lei".into()]) };
    people.roles.insert("班长".into(), role);
    let before = people.at(noon("2026-10-31"), &shanghai());
    assert_eq!(before.found("role:班长").gap, None);
    let after = people.at(noon("2026-11-01"), &shanghai());
    let gap = Gap { role: "role:班长".into(), superior: Some("li.na".into()) };
    assert_eq!(after.found("role:班长"), Found { people: vec!["li.na".into()], gap: Some(gap.clone()) });
    assert_eq!(after.may("li.na", &["role:班长"]).map(|acts| acts.how), Some(How::Superior));
    assert_eq!(after.on_duty("班长"), Vec::<String>::new());
    assert_eq!(after.gaps(), [gap]);
    assert_eq!(after.may("zhao.lei", &["group:热线"]), None, "who has left may do nothing");
}

#[test]
fn who_heads_a_unit_is_above_its_people_and_who_is_away_for_good_is_passed_over() {
    let person = |unit: &str| Person { unit: Some(unit.into()), ..Person::default() };
    let unit = |head: &str, above: Option<&str>| Unit {
        head: Some(head.into()),
        above: above.map(str::to_owned),
        ..Unit::default()
    };
    let mut people = People {
        people: [("a", "车间"), ("b", "车间"), ("c", "厂"), ("d", "厂")]
            .map(|(id, of)| (id.into(), person(of)))
            .into(),
        units: [("车间".into(), unit("b", Some("厂"))), ("厂".into(), unit("c", None))].into(),
        roles: [("班长@车间".into(), Role::from(vec!["x".into()]))].into(),
        ..People::default()
    };
    let superiors = |people: &People, of: &str| people.at(noon("2026-10-01"), &shanghai()).superiors(of);
    assert_eq!(superiors(&people, "a"), ["b", "c"]);
    assert_eq!(superiors(&people, "b"), ["c"]);
    assert_eq!(superiors(&people, "c"), Vec::<String>::new());
    let of_role = |people: &People| people.at(noon("2026-10-01"), &shanghai()).members("role:班长@车间");
    assert_eq!(of_role(&people), ["b"]);
    people.people.get_mut("b").unwrap().days = days("", "2026-09-30");
    assert_eq!(superiors(&people, "a"), ["c"]);
    assert_eq!(of_role(&people), ["c"]);
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
