//! The table of examples that a clerk can read, and what holds for all moments.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::civil::DateTime;
use proptest::prelude::*;

use super::*;
use crate::calendar::Calendars;
use crate::schedule::zone;

const WATER: &str = r#"
title = "供水公司"
based_on = "china"
cut_off = "16:30"
[hours]
"monday..friday" = ["08:30-12:00", "13:30-17:30"]
"#;

const HALF: &str = r#"
[hours]
"monday..friday" = "08:00-16:00"
saturday = "08:00-12:00"
"#;

const BERLIN: &str = r#"
timezone = "Europe/Berlin"
[hours]
"monday..friday" = "09:00-17:00"
"#;

const ALWAYS: &str = r#"
timezone = "America/New_York"
[hours]
"monday..sunday" = "00:00-24:00"
"#;

fn calendars() -> &'static Calendars {
    static READ: LazyLock<Calendars> = LazyLock::new(read_calendars);
    &READ
}

fn read_calendars() -> Calendars {
    let texts = [("water", WATER), ("half", HALF), ("berlin", BERLIN), ("always", ALWAYS)];
    let texts: BTreeMap<String, String> =
        texts.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    let (calendars, faults) = Calendars::read(&texts, &zone("Asia/Shanghai").unwrap());
    assert!(faults.is_empty(), "{faults:?}");
    calendars
}

fn local(text: &str, calendar: &Calendar) -> Millis {
    let clock: DateTime = text.parse().unwrap();
    Millis(clock.to_zoned(calendar.zone.clone()).unwrap().timestamp().as_millisecond())
}

fn shown(at: Millis, calendar: &Calendar) -> String {
    at.timestamp().unwrap().to_zoned(calendar.zone.clone()).strftime("%a %Y-%m-%d %H:%M").to_string()
}

fn worked_out(moment: &Moment, opened: Millis, as_wait: bool, calendar: &Calendar) -> Option<Millis> {
    let at = Standpoint {
        opened,
        now: opened,
        calendar,
        as_wait,
        ended: &|_| Anchored::Over(opened),
        value: &|_| Ok(minijinja::Value::UNDEFINED),
    };
    moment.instant(&at).unwrap()
}

/// `5 workdays`, or several with commas between them: the earliest.
fn read(text: &str) -> Moment {
    let one =
        |text: &str| Moment::from(Moment::parse_text(text).unwrap_or_else(|fault| panic!("{text}: {fault}")));
    let mut all: Vec<Moment> = text.split(',').map(one).collect();
    if all.len() == 1 { all.remove(0) } else { Moment::Earliest(all) }
}

#[test]
fn every_example_of_the_table_is_what_a_clerk_reads() {
    let calendars = calendars();
    let (mut lines, mut wrong) = (0, vec![]);
    for line in include_str!("examples.txt").lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        let [opened, calendar, what, moment, expected] = columns[..] else { panic!("{line}") };
        let calendar = calendars.named(Some(calendar)).unwrap();
        let (weekday, clock) = opened.split_once(' ').unwrap();
        let at = local(clock, calendar);
        assert!(shown(at, calendar).starts_with(weekday), "{line}: it is another day of the week");
        let found = match what {
            "from" => Offset::parse(moment).unwrap().from_due(at, calendar).unwrap(),
            _ => worked_out(&read(moment), at, what == "wait", calendar).unwrap(),
        };
        lines += 1;
        if shown(found, calendar) != expected {
            wrong.push(format!("{line}\n    but it is {}", shown(found, calendar)));
        }
    }
    assert!(lines >= 60, "{lines} examples");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn any_calendar() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["water", "china", "weekdays", "half", "berlin", "always"])
}

/// Ten years, to the minute.
fn any_instant() -> impl Strategy<Value = Millis> {
    (0..3653_i64 * 1440).prop_map(|minute| Millis(1_483_228_800_000 + minute * 60_000))
}

proptest! {
    #[test]
    fn a_longer_span_is_never_earlier(
        name in any_calendar(), at in any_instant(), n in 0_u32..60, more in 0_u32..60,
        unit in prop::sample::select(vec!["workdays", "workhours", "days", "weeks", "months", "h"]),
    ) {
        let calendars = calendars();
        let calendar = calendars.named(Some(name)).unwrap();
        let ends = |n: u32| worked_out(&read(&format!("{n} {unit}")), at, false, calendar).unwrap();
        prop_assert!(ends(n) <= ends(n + more));
    }

    #[test]
    fn what_comes_in_later_is_never_due_earlier(
        name in any_calendar(), at in any_instant(), later in 0_i64..20_000, n in 0_u32..30,
        unit in prop::sample::select(vec!["workdays", "workhours"]),
    ) {
        let calendars = calendars();
        let calendar = calendars.named(Some(name)).unwrap();
        let ends = |at: Millis| worked_out(&read(&format!("{n} {unit}")), at, false, calendar).unwrap();
        prop_assert!(ends(at) <= ends(at.plus(later * 60_000)));
    }

    #[test]
    fn adding_working_days_and_counting_them_agree(name in any_calendar(), at in any_instant(), n in 0_u32..60) {
        let calendars = calendars();
        let calendar = calendars.named(Some(name)).unwrap();
        let end = worked_out(&read(&format!("{n} workdays")), at, false, calendar).unwrap();
        let from = calendar.counts_for(at).unwrap();
        // The end of a day that is open until midnight is the first instant of the next.
        let last = calendar.date(end.plus(-1)).unwrap();
        prop_assert!(calendar.is_workday(last));
        let first = if n == 0 { calendar.workday_after(from, 0).unwrap() } else { from };
        prop_assert_eq!(calendar.workdays(first, last), i64::from(n));
        prop_assert_eq!(calendar.workdays(last, first), -i64::from(n));
    }

    #[test]
    fn adding_open_hours_and_counting_them_agree(name in any_calendar(), at in any_instant(), n in 0_u32..200) {
        let calendars = calendars();
        let calendar = calendars.named(Some(name)).unwrap();
        let end = worked_out(&read(&format!("{n} workhours")), at, false, calendar).unwrap();
        prop_assert_eq!(calendar.open_between(at, end), i64::from(n) * 3_600_000);
        // Counted back the same time passes, though it may begin where it could have begun a little later.
        let back = calendar.before_open(end, i64::from(n) * 3_600_000).unwrap();
        prop_assert_eq!(calendar.open_between(back, end), i64::from(n) * 3_600_000);
    }

    #[test]
    fn every_make_up_day_counts_and_no_holiday_does(at in 0_usize..1000, before in 1_i32..3) {
        let calendars = calendars();
        let calendar = calendars.named(Some("water")).unwrap();
        let (day, dated) = calendar.dates.iter().nth(at % calendar.dates.len()).unwrap();
        let from = *day - jiff::Span::new().days(before);
        let counted = calendar.workdays(from, *day) - calendar.workdays(from, day.yesterday().unwrap());
        let made_up = matches!(dated.what, crate::calendar::Special::Workday(_));
        prop_assert_eq!(counted, i64::from(made_up), "{}", day);
    }

    #[test]
    fn a_length_is_read_back_from_how_it_is_shown(
        n in 0_u32..500, before in any::<bool>(),
        unit in prop::sample::select(vec!["workdays", "workhours", "days", "weeks", "months", "years", "h", "min"]),
    ) {
        prop_assume!(unit != "years" || n <= 100);
        let offset = Offset::parse(&format!("{}{n} {unit}", if before { "-" } else { "+" })).unwrap();
        prop_assert_eq!(Offset::parse(&offset.to_string()), Ok(offset));
    }
}

#[test]
fn an_offset_says_which_way() {
    assert_eq!(Offset::parse("2h"), Err(MomentFault::Unsigned { written: "2h".to_owned() }));
    assert_eq!(Offset::parse("-monday"), Err(MomentFault::NotALength { written: "-monday".to_owned() }));
    assert_eq!(Offset::parse("--2h"), Err(MomentFault::NotALength { written: "--2h".to_owned() }));
    assert_eq!(Offset::parse(" "), Err(MomentFault::Empty));
    assert!(matches!(Offset::parse("+2m"), Err(MomentFault::BareM { .. })));
}
