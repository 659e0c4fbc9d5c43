//! Stories about shift rosters.

use jiff::civil::{Date, DateTime};

use super::{noon, shanghai};
use crate::id::Millis;
use crate::people::People;
use crate::people::roster::{Around, DayKind, Hours, Roster, Shift, Turn};

const CREW: &str = r#"
[person.a]
name = "甲"
[person.b]
name = "乙"
[person.c]
name = "丙"
[person.boss]
name = "经理"
[role."班长"]
roster   = "班长"
superior = "boss"
"#;

fn crew(roster: &str) -> People {
    let text = format!("{CREW}[roster.\"班长\"]\n{roster}");
    People::read(&text).unwrap_or_else(|faults| panic!("{faults:?}\n{text}"))
}

fn at(local: &str) -> Millis {
    let local: DateTime = local.parse().unwrap();
    Millis(local.to_zoned(shanghai()).unwrap().timestamp().as_millisecond())
}

/// Who is on duty, at each of these times.
fn on_duty(people: &People, times: &[&str]) -> Vec<String> {
    times.iter().map(|time| people.at(at(time), &shanghai()).on_duty("班长").join("+")).collect()
}

fn gaps(people: &People, first: &str, last: &str) -> Vec<String> {
    let (first, last): (Date, Date) = (first.parse().unwrap(), last.parse().unwrap());
    let here = people.at(noon("2026-10-01"), &shanghai());
    let gaps = here.around(|around| people.rosters["班长"].gaps(first, last, around));
    let shown = |gap: &crate::people::roster::Duty| {
        format!("{} {} {}", gap.from.strftime("%m-%d %H:%M"), gap.until.strftime("%d %H:%M"), gap.shift)
    };
    gaps.iter().map(shown).collect()
}

#[test]
fn a_week_says_who_has_which_shift_and_its_own_days_go_before_several_in_one_word() {
    let people = crew(
        r#"
shift."白班" = "08:30-17:30"
shift."晚班" = ["10:00-14:00", "17:30-23:00"]
week.daily  = { "白班" = "a", "晚班" = "b" }
week.sunday = { "白班" = "c" }
"#,
    );
    // 2026-10-03 is a Saturday.
    assert_eq!(
        on_duty(&people, &["2026-10-03T09:00", "2026-10-03T11:00", "2026-10-03T15:00", "2026-10-03T18:00"]),
        ["a", "a+b", "a", "b"]
    );
    assert_eq!(
        on_duty(&people, &["2026-10-04T08:29", "2026-10-04T08:30", "2026-10-04T17:29", "2026-10-04T17:30"]),
        ["", "c", "c", ""],
        "a shift begins with its first minute and is over at its last"
    );
}

#[test]
fn a_cycle_of_three_weeks_comes_round_again_in_the_fourth_and_reaches_back() {
    let people = crew(
        r#"
start = "2026-10-01"
shift."白班" = "08:30-17:30"
[[roster."班长".week]]
daily = { "白班" = "a" }
[[roster."班长".week]]
daily = { "白班" = "b" }
[[roster."班长".week]]
daily = { "白班" = "c" }
"#,
    );
    // The week of October 1st, a Thursday, begins on Monday September 28th.
    let noons = ["2026-09-27", "2026-09-28", "2026-10-04", "2026-10-05", "2026-10-12", "2026-10-19"];
    let noons = noons.map(|day| format!("{day}T12:00"));
    let noons: Vec<&str> = noons.iter().map(String::as_str).collect();
    assert_eq!(on_duty(&people, &noons), ["c", "a", "a", "b", "c", "a"]);
}

#[test]
fn four_days_on_and_two_off_leave_two_days_without_anybody_which_are_gaps() {
    let people = crew(
        r#"
shift."白班" = "08:30-17:30"
turns = [{ who = "a", start = "2026-10-01", shift = "白班", on = 4, off = 2 }]
"#,
    );
    let days = ["09-30", "10-01", "10-04", "10-05", "10-06", "10-07"].map(|day| format!("2026-{day}T12:00"));
    let days: Vec<&str> = days.iter().map(String::as_str).collect();
    assert_eq!(on_duty(&people, &days), ["", "a", "a", "", "", "a"], "nobody before it begins");
    assert_eq!(
        gaps(&people, "2026-09-25", "2026-10-07"),
        ["10-05 08:30 05 17:30 白班", "10-06 08:30 06 17:30 白班"]
    );
}

#[test]
fn people_in_turn_have_the_shift_one_after_the_other_and_a_night_reaches_into_the_next_day() {
    let people = crew(
        r#"
shift."夜班" = "20:00-08:00"
turns = [{ who = ["a", "b", "c"], start = "2026-10-01", shift = "夜班", each = 2 }]
"#,
    );
    assert_eq!(
        on_duty(
            &people,
            &[
                "2026-10-01T07:59",
                "2026-10-01T20:00",
                "2026-10-02T07:59",
                "2026-10-02T08:00",
                "2026-10-03T02:00"
            ]
        ),
        ["", "a", "a", "", "a"],
        "the night of the second day is still that of the first in turn"
    );
    assert_eq!(
        on_duty(&people, &["2026-10-03T20:00", "2026-10-05T20:00", "2026-10-07T20:00"]),
        ["b", "c", "a"]
    );
}

#[test]
fn a_row_of_shifts_and_days_off_goes_round() {
    let people = crew(
        r#"
shift."白班" = "08:00-20:00"
shift."夜班" = "20:00-08:00"
turns = [
  { who = "a", start = "2026-10-01", days = ["白班", "夜班", "off", "off"] },
  { who = "b", start = "2026-10-03", days = ["白班", "夜班", "off", "off"] },
]
"#,
    );
    assert_eq!(
        on_duty(&people, &["2026-10-05T12:00", "2026-10-06T12:00", "2026-10-06T22:00", "2026-10-07T12:00"]),
        ["a", "", "a", "b"]
    );
    assert_eq!(
        gaps(&people, "2026-10-05", "2026-10-06"),
        ["10-05 20:00 06 08:00 夜班", "10-06 08:00 06 20:00 白班"]
    );
}

#[test]
fn a_single_day_goes_before_the_pattern_shift_by_shift() {
    let people = crew(
        r#"
shift."白班" = "08:30-17:30"
shift."晚班" = "17:30-23:00"
week.daily = { "白班" = "a", "晚班" = "b" }
day."2026-10-03" = { "白班" = "c" }
day."2026-10-04" = { "晚班" = [] }
"#,
    );
    assert_eq!(
        on_duty(&people, &["2026-10-03T12:00", "2026-10-03T20:00", "2026-10-04T12:00"]),
        ["c", "b", "a"]
    );
    assert_eq!(on_duty(&people, &["2026-10-04T20:00", "2026-10-05T12:00"]), ["", "a"]);
    assert_eq!(gaps(&people, "2026-10-01", "2026-10-31"), [""; 0], "nobody on purpose is no gap");
}

#[test]
fn a_day_that_the_week_does_not_have_and_whoever_has_left_are_gaps_that_can_be_seen_before() {
    let mut people = crew(
        r#"
shift."白班" = "08:30-17:30"
week.weekdays = { "白班" = "a" }
week.saturday = {}
"#,
    );
    assert_eq!(gaps(&people, "2026-10-01", "2026-10-07"), ["10-04 08:30 04 17:30 白班"]);
    people.people.get_mut("a").unwrap().days.until = Some("2026-10-05".parse().unwrap());
    assert_eq!(
        gaps(&people, "2026-10-05", "2026-10-07"),
        ["10-06 08:30 06 17:30 白班", "10-07 08:30 07 17:30 白班"]
    );
}

#[test]
fn hours_that_must_be_manned_are_compared_with_all_shifts_that_reach_into_them() {
    let people = crew(
        r#"
cover = "24h"
shift."白班" = "08:00-17:30"
shift."夜班" = "20:00-08:00"
week.daily  = { "白班" = "a", "夜班" = "b" }
week.sunday = { "白班" = "a" }
"#,
    );
    assert_eq!(
        gaps(&people, "2026-10-03", "2026-10-05"),
        ["10-03 17:30 03 20:00 ", "10-04 17:30 05 00:00 ", "10-05 00:00 05 08:00 ", "10-05 17:30 05 20:00 "]
    );
}

#[test]
fn a_role_with_a_roster_is_whoever_is_on_duty_then_and_in_a_gap_its_superior() {
    let people = crew(
        r#"
shift."白班" = "08:30-17:30"
week.daily = { "白班" = "a" }
"#,
    );
    let may =
        |by: &str, time: &str| people.at(at(time), &shanghai()).may(by, &["role:班长"]).map(|acts| acts.how);
    use crate::people::How;
    assert_eq!(may("a", "2026-10-01T12:00"), Some(How::OnDuty));
    assert_eq!(may("boss", "2026-10-01T12:00"), None);
    assert_eq!(may("a", "2026-10-01T20:00"), None);
    assert_eq!(may("boss", "2026-10-01T20:00"), Some(How::Superior));
}

#[test]
fn days_off_and_holidays_have_people_of_their_own_and_a_make_up_saturday_is_a_working_day() {
    let people = crew(
        r#"
shift."白班" = "08:30-17:30"
week.daily = { "白班" = "a" }
day_off    = { "白班" = "b" }
holiday    = { "白班" = "c" }
"#,
    );
    let here = |_: &str, _: Date| true;
    let kind = |_: Option<&str>, day: Date| match (day.month(), day.day()) {
        (10, 1) => DayKind::Holiday,
        (10, 11) => DayKind::Off,
        _ => DayKind::Workday,
    };
    let around = Around { here: &here, kind: &kind };
    let on_duty = |day: &str| {
        let plan = people.rosters["班长"].plan(day.parse().unwrap(), &around);
        plan.values().flatten().cloned().collect::<Vec<_>>().join("+")
    };
    // A Wednesday, the holiday, a Sunday, a Saturday that is worked.
    assert_eq!(["2026-09-30", "2026-10-01", "2026-10-11", "2026-10-10"].map(on_duty), ["a", "c", "b", "a"]);
}

#[test]
fn a_gap_is_told_when_somebody_should_be_there_and_not_after_hours() {
    let mut people = crew(
        r#"
shift."白班" = "08:30-17:30"
week.weekdays = { "白班" = "a" }
"#,
    );
    let told = |people: &People, time: &str| people.at(at(time), &shanghai()).open_posts().len();
    assert_eq!(told(&people, "2026-10-01T12:00"), 0, "a Thursday");
    assert_eq!(told(&people, "2026-10-01T20:00"), 0, "after hours the superior is asked");
    assert_eq!(told(&people, "2026-10-04T12:00"), 1, "nobody has the Sunday");
    people.roles.get_mut("班长").unwrap().superior = None;
    assert_eq!(told(&people, "2026-10-01T20:00"), 1, "nobody can take what comes");
}

/// Days of which turns are wanted, with every kind of hours.
mod properties {
    use proptest::prelude::*;

    use super::*;
    use crate::people::{Days, Deputy, Person, Role};

    fn time() -> impl Strategy<Value = jiff::civil::Time> {
        (0_i8..24, prop_oneof![Just(0_i8), Just(30)])
            .prop_map(|(hour, minute)| jiff::civil::Time::new(hour, minute, 0, 0).unwrap())
    }

    /// Shifts that follow each other through the day, the last one perhaps past midnight: they never overlap.
    fn shifts() -> impl Strategy<Value = Vec<Shift>> {
        prop::collection::btree_set(time(), 2..6).prop_map(|times| {
            let times: Vec<_> = times.into_iter().collect();
            let hours =
                (0..times.len()).map(|at| Hours { from: times[at], until: times[(at + 1) % times.len()] });
            let named = hours
                .enumerate()
                .map(|(at, hours)| Shift { name: at.to_string().into(), hours: vec![hours] });
            named.collect()
        })
    }

    fn people(ids: &[String]) -> std::collections::BTreeMap<String, Person> {
        ids.iter().map(|id| (id.clone(), Person::default())).collect()
    }

    proptest! {
        #[test]
        fn without_overlap_exactly_one_or_nobody_is_on_duty(
            shifts in shifts(),
            row in prop::collection::vec(0_usize..6, 1..8),
            minutes in prop::collection::vec(0_i64..60 * 24 * 40, 1..20),
            zone in prop_oneof![Just("Asia/Shanghai"), Just("Europe/Berlin"), Just("America/New_York")],
        ) {
            let start: Date = "2026-10-05".parse().unwrap();
            let count = shifts.len();
            // Each shift has one person of its own; some days leave it out.
            let turns = (0..count).map(|no| {
                let days = row.iter().map(|day| (day % (count + 1) != no).then_some(no)).collect();
                Turn { who: no.to_string(), start, days }
            });
            let roster = Roster { shifts, turns: turns.collect(), ..Roster::default() };
            let ids: Vec<String> = (0..count).map(|no| no.to_string()).collect();
            let role = Role { roster: Some("r".into()), ..Role::default() };
            let people = People {
                people: people(&ids),
                roles: [("r".to_owned(), role)].into(),
                rosters: [("r".to_owned(), roster)].into(),
                ..People::default()
            };
            let zone = jiff::tz::TimeZone::get(zone).unwrap();
            let begin = start.to_zoned(zone.clone()).unwrap().timestamp().as_millisecond();
            for minute in minutes {
                let now = people.at(Millis(begin + minute * 60_000), &zone);
                let on_duty = now.on_duty("r");
                prop_assert!(on_duty.len() <= 1, "{on_duty:?}");
                // Who is on duty may act, and nobody else may while the post has no superior.
                for id in &ids {
                    prop_assert_eq!(now.may(id, &["role:r"]).is_some(), on_duty.contains(id));
                }
            }
        }

        #[test]
        fn a_deputy_never_acts_outside_the_dates(
            from in 0_i64..60, length in 0_i64..30, minute in 0_i64..60 * 24 * 120,
        ) {
            let first: Date = "2026-09-01".parse().unwrap();
            let day = |days: i64| first.checked_add(jiff::Span::new().days(days)).unwrap();
            let days = Days { from: Some(day(from)), until: Some(day(from + length)) };
            let mut people = People { people: people(&["a".into(), "b".into()]), ..People::default() };
            people.people.get_mut("a").unwrap().deputies = vec![Deputy { person: "b".into(), days }];
            let zone = shanghai();
            let begin = first.to_zoned(zone.clone()).unwrap().timestamp().as_millisecond();
            let instant = begin + minute * 60_000;
            let local = zone.to_datetime(jiff::Timestamp::from_millisecond(instant).unwrap()).date();
            let acts = people.at(Millis(instant), &zone).may("b", &["person:a"]);
            let in_force = day(from) <= local && local <= day(from + length);
            prop_assert_eq!(acts.is_some(), in_force);
            prop_assert_eq!(acts.and_then(|acts| acts.for_whom), in_force.then(|| "person:a".into()));
        }
    }
}
