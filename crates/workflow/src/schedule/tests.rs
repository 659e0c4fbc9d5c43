//! Stories about schedules. `coming` and `decided` are the only places that know the API; the tests are data.

use jiff::Timestamp;
use proptest::prelude::*;

use super::slots::Slots;
use super::*;
use crate::calendar::Calendar;

const SHANGHAI: &str = "Asia/Shanghai";
const NEW_YORK: &str = "America/New_York";

fn instant(text: &str) -> Millis {
    Millis(text.parse::<Timestamp>().unwrap().as_millisecond())
}

/// A time of the zone's clock, without saying which of two.
fn local(zone_name: &str, text: &str) -> Millis {
    let clock: jiff::civil::DateTime = text.parse().unwrap();
    Millis(clock.to_zoned(zone(zone_name).unwrap()).unwrap().timestamp().as_millisecond())
}

fn shown(zone_name: &str, at: Millis) -> String {
    let zoned = at.timestamp().unwrap().to_zoned(zone(zone_name).unwrap());
    zoned.strftime("%a %Y-%m-%d %H:%M").to_string()
}

fn schedule(pattern: &str) -> Schedule {
    Schedule::new(Pattern::parse(pattern).unwrap_or_else(|fault| panic!("{pattern}: {fault}")))
}

/// The slots after a time of the clock, as that clock shows them.
#[track_caller]
fn coming(pattern: &str, zone_name: &str, from: &str, slots: &[&str]) {
    let schedule = schedule(pattern);
    let from = local(zone_name, from);
    let found = preview(
        &schedule,
        &Calendar::weekdays(zone(zone_name).unwrap()),
        from,
        Millis(i64::MAX / 4),
        slots.len(),
    );
    let found: Vec<String> = found.into_iter().map(|at| shown(zone_name, at)).collect();
    assert_eq!(found, slots, "`{pattern}` in {zone_name}");
}

#[test]
fn a_clerk_reads_a_schedule_as_it_is_written() {
    let rows: &[(&str, &[&str])] = &[
        ("18:00", &["Sun 2026-11-22 18:00", "Mon 2026-11-23 18:00"]),
        ("at 9:05", &["Mon 2026-11-23 09:05", "Tue 2026-11-24 09:05"]),
        ("every day at 18:00", &["Sun 2026-11-22 18:00", "Mon 2026-11-23 18:00"]),
        ("monday at 09:00", &["Mon 2026-11-23 09:00", "Mon 2026-11-30 09:00"]),
        ("sunday at 10:00", &["Sun 2026-11-29 10:00", "Sun 2026-12-06 10:00"]),
        ("sunday at 16:00", &["Sun 2026-11-22 16:00", "Sun 2026-11-29 16:00"]),
        ("15th of month at 09:00", &["Tue 2026-12-15 09:00", "Fri 2027-01-15 09:00", "Mon 2027-02-15 09:00"]),
        (
            "31st of month at 09:00",
            &["Mon 2026-11-30 09:00", "Thu 2026-12-31 09:00", "Sun 2027-01-31 09:00", "Sun 2027-02-28 09:00"],
        ),
        (
            "last day of month at 17:00",
            &["Mon 2026-11-30 17:00", "Thu 2026-12-31 17:00", "Sun 2027-01-31 17:00"],
        ),
        (
            "last saturday of month at 10:00",
            &["Sat 2026-11-28 10:00", "Sat 2026-12-26 10:00", "Sat 2027-01-30 10:00"],
        ),
        (
            "first monday of month at 08:30",
            &["Mon 2026-12-07 08:30", "Mon 2027-01-04 08:30", "Mon 2027-02-01 08:30"],
        ),
        ("second friday of month at 08:30", &["Fri 2026-12-11 08:30", "Fri 2027-01-08 08:30"]),
        ("4th sunday of month at 23:59", &["Sun 2026-11-22 23:59", "Sun 2026-12-27 23:59"]),
        ("first day of year", &["Fri 2027-01-01 00:00", "Sat 2028-01-01 00:00"]),
        ("last friday of year at 12:00", &["Fri 2026-12-25 12:00", "Fri 2027-12-31 12:00"]),
        ("monday", &["Mon 2026-11-23 00:00", "Mon 2026-11-30 00:00"]),
        ("every 8h", &["Sun 2026-11-22 16:00", "Mon 2026-11-23 00:00", "Mon 2026-11-23 08:00"]),
        ("every 30min", &["Sun 2026-11-22 15:30", "Sun 2026-11-22 16:00"]),
        ("every hour", &["Sun 2026-11-22 16:00", "Sun 2026-11-22 17:00"]),
        // 7 hours do not divide a day: 7 h × 71 244 after 1970-01-01T00:00Z is 2026-11-22T12:00Z.
        ("every 7h", &["Sun 2026-11-22 20:00", "Mon 2026-11-23 03:00", "Mon 2026-11-23 10:00"]),
        ("every 2 months", &["Fri 2027-01-01 00:00", "Mon 2027-03-01 00:00", "Sat 2027-05-01 00:00"]),
        ("every 3 months at 09:00", &["Fri 2027-01-01 09:00", "Thu 2027-04-01 09:00"]),
        ("every week at 09:00", &["Mon 2026-11-23 09:00", "Mon 2026-11-30 09:00"]),
        ("every year", &["Fri 2027-01-01 00:00", "Sat 2028-01-01 00:00"]),
        ("0 18 * * *", &["Sun 2026-11-22 18:00", "Mon 2026-11-23 18:00"]),
        ("30 16 * * 1-5", &["Mon 2026-11-23 16:30", "Tue 2026-11-24 16:30"]),
        ("0 9 * * mon#1", &["Mon 2026-12-07 09:00", "Mon 2027-01-04 09:00"]),
        ("0 0 29 2 *", &["Tue 2028-02-29 00:00", "Sun 2032-02-29 00:00"]),
        ("0 0 29 2 +1", &["Mon 2044-02-29 00:00", "Mon 2072-02-29 00:00"]),
        (
            "*/20 9,17 * * 7",
            &["Sun 2026-11-22 17:00", "Sun 2026-11-22 17:20", "Sun 2026-11-22 17:40", "Sun 2026-11-29 09:00"],
        ),
    ];
    for (pattern, slots) in rows {
        coming(pattern, SHANGHAI, "2026-11-22 15:00", slots);
    }
}

/// The slots under the calendar of China, with the moments they are ahead of.
#[track_caller]
fn in_china(schedule: &Schedule, from: &str, expected: &[&str]) {
    let calendars = crate::calendar::Calendars::built_in(&zone(SHANGHAI).unwrap());
    let china = calendars.named(Some("china")).unwrap();
    let found = moments(schedule, china, local(SHANGHAI, from), Millis(i64::MAX / 4), expected.len());
    let found: Vec<String> = found
        .into_iter()
        .map(|(at, moment)| match at == moment {
            true => shown(SHANGHAI, at),
            false => format!("{} for {}", shown(SHANGHAI, at), shown(SHANGHAI, moment)),
        })
        .collect();
    assert_eq!(found, expected, "{}", schedule.pattern);
}

#[test]
fn a_schedule_of_working_days_goes_around_a_holiday_week() {
    let from = "2026-09-30 12:00";
    in_china(
        &schedule("workday at 16:30"),
        from,
        &[
            "Wed 2026-09-30 16:30",
            "Thu 2026-10-08 16:30",
            "Fri 2026-10-09 16:30",
            "Sat 2026-10-10 16:30",
            "Mon 2026-10-12 16:30",
        ],
    );
    in_china(
        &schedule("last workday of month at 17:00"),
        from,
        &["Wed 2026-09-30 17:00", "Fri 2026-10-30 17:00"],
    );
    in_china(&schedule("5th workday of month"), from, &["Tue 2026-10-13 09:00", "Fri 2026-11-06 09:00"]);
    in_china(&schedule("first workday of year"), "2025-12-01 00:00", &["Sun 2026-01-04 09:00"]);
}

#[test]
fn what_falls_on_a_day_off_is_kept_skipped_or_moved() {
    let monday = |holiday| Schedule { holiday, ..schedule("monday at 09:00") };
    let from = "2026-09-27 12:00";
    in_china(
        &monday(Holiday::Keep),
        from,
        &["Mon 2026-09-28 09:00", "Mon 2026-10-05 09:00", "Mon 2026-10-12 09:00"],
    );
    in_china(&monday(Holiday::Skip), from, &["Mon 2026-09-28 09:00", "Mon 2026-10-12 09:00"]);
    in_china(
        &monday(Holiday::Next),
        from,
        &["Mon 2026-09-28 09:00", "Thu 2026-10-08 09:00", "Mon 2026-10-12 09:00"],
    );
    in_china(
        &monday(Holiday::Previous),
        from,
        &["Mon 2026-09-28 09:00", "Wed 2026-09-30 09:00", "Mon 2026-10-12 09:00"],
    );
    // Seven days off and the day after them are one slot.
    let daily = Schedule { holiday: Holiday::Next, ..schedule("09:00") };
    in_china(&daily, "2026-09-30 12:00", &["Thu 2026-10-08 09:00", "Fri 2026-10-09 09:00"]);
    let cron = Schedule { holiday: Holiday::Previous, ..schedule("0 9,15 5 * *") };
    in_china(&cron, from, &["Wed 2026-09-30 09:00", "Wed 2026-09-30 15:00", "Thu 2026-11-05 09:00"]);
}

#[test]
fn a_slot_may_be_ahead_of_its_moment_after_that_was_moved() {
    let ahead = |length: &str, holiday| {
        let length = match Moment::parse_text(length) {
            Ok(MomentText::Length(length)) => Some(length),
            other => panic!("{other:?}"),
        };
        Schedule { holiday, ahead: length, ..schedule("monday at 09:00") }
    };
    let from = "2026-09-28 12:00";
    in_china(
        &ahead("1 day", Holiday::Next),
        from,
        &["Wed 2026-10-07 09:00 for Thu 2026-10-08 09:00", "Sun 2026-10-11 09:00 for Mon 2026-10-12 09:00"],
    );
    in_china(
        &ahead("1 workday", Holiday::Next),
        from,
        &["Wed 2026-09-30 09:00 for Thu 2026-10-08 09:00", "Sat 2026-10-10 09:00 for Mon 2026-10-12 09:00"],
    );
    in_china(&ahead("2h", Holiday::Keep), from, &["Mon 2026-10-05 07:00 for Mon 2026-10-05 09:00"]);
}

#[test]
fn the_slot_before_an_instant_is_the_last_one_that_came() {
    let calendar = Calendar::weekdays(zone(SHANGHAI).unwrap());
    for (pattern, at, expected) in [
        ("monday at 09:00", "2026-11-23 09:00", "Mon 2026-11-16 09:00"),
        ("monday at 09:00", "2026-11-23 09:01", "Mon 2026-11-23 09:00"),
        ("every 30min", "2026-11-23 09:01", "Mon 2026-11-23 09:00"),
        ("first workday of year", "2026-11-23 09:01", "Thu 2026-01-01 09:00"),
    ] {
        let found = before(&schedule(pattern), &calendar, local(SHANGHAI, at)).unwrap();
        assert_eq!(shown(SHANGHAI, found), expected, "{pattern} before {at}");
    }
}

#[test]
fn a_zone_that_left_its_rule_for_a_month_has_each_slot_once() {
    // Ciudad Juárez stayed at -06 on 30 October 2022 and went to -07 on 30 November: the rule that it follows since would
    // have changed its clock on 6 November.
    coming(
        "second sunday of month at 02:30",
        "America/Ciudad_Juarez",
        "2022-11-01 00:00",
        &["Sun 2022-11-13 02:30", "Sun 2022-12-11 02:30"],
    );
    // The clock showed 23:00 to 24:00 twice.
    coming(
        "23:45",
        "America/Ciudad_Juarez",
        "2022-11-29 00:00",
        &["Tue 2022-11-29 23:45", "Wed 2022-11-30 23:45"],
    );
}

#[test]
fn every_other_week_is_the_same_week_whenever_it_is_asked() {
    // Monday 2026-11-23 is 2968 weeks after Monday 1970-01-05.
    coming("every 2 weeks", SHANGHAI, "2026-11-22 15:00", &["Mon 2026-11-23 00:00", "Mon 2026-12-07 00:00"]);
    coming("every 2 weeks", SHANGHAI, "2026-11-24 15:00", &["Mon 2026-12-07 00:00", "Mon 2026-12-21 00:00"]);
}

#[test]
fn a_time_that_the_clock_skips_happens_at_the_first_instant_after_the_gap() {
    // New York goes from 02:00 to 03:00 on 8 March 2026.
    coming(
        "02:30",
        NEW_YORK,
        "2026-03-07 00:00",
        &["Sat 2026-03-07 02:30", "Sun 2026-03-08 03:00", "Mon 2026-03-09 02:30"],
    );
    coming("30 2 * * *", NEW_YORK, "2026-03-08 00:00", &["Sun 2026-03-08 03:00", "Mon 2026-03-09 02:30"]);
    coming(
        "*/30 2,3 * * *",
        NEW_YORK,
        "2026-03-08 00:00",
        &["Sun 2026-03-08 03:00", "Sun 2026-03-08 03:30", "Mon 2026-03-09 02:00"],
    );
    // Lord Howe Island goes half an hour ahead, São Paulo skipped midnight, Samoa a whole Friday.
    coming(
        "02:10",
        "Australia/Lord_Howe",
        "2026-10-04 00:00",
        &["Sun 2026-10-04 02:30", "Mon 2026-10-05 02:10"],
    );
    coming(
        "00:00",
        "America/Sao_Paulo",
        "2018-11-03 12:00",
        &["Sun 2018-11-04 01:00", "Mon 2018-11-05 00:00"],
    );
    coming(
        "friday at 09:00",
        "Pacific/Apia",
        "2011-12-29 10:00",
        &["Sat 2011-12-31 00:00", "Fri 2012-01-06 09:00"],
    );
}

#[test]
fn a_time_that_the_clock_repeats_happens_once() {
    // New York goes from 02:00 back to 01:00 on 1 November 2026: 01:30 is 05:30Z and 06:30Z.
    let from = instant("2026-11-01T04:30:00Z");
    let until = instant("2026-11-01T12:00:00Z");
    let zone = Calendar::weekdays(zone(NEW_YORK).unwrap());
    for (fold, slots) in [
        (Fold::First, &["2026-11-01T05:30:00Z"][..]),
        (Fold::Second, &["2026-11-01T06:30:00Z"]),
        (Fold::Both, &["2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"]),
    ] {
        for pattern in ["01:30", "30 1 * * *", "sunday at 01:30"] {
            let schedule = Schedule { fold, ..schedule(pattern) };
            let slots: Vec<Millis> = slots.iter().copied().map(instant).collect();
            assert_eq!(preview(&schedule, &zone, from, until, 9), slots, "{pattern} {fold:?}");
        }
    }
}

#[test]
fn an_interval_runs_through_both_halves_of_a_repeated_hour_and_never_back() {
    let zone = Calendar::weekdays(zone(NEW_YORK).unwrap());
    for pattern in ["every 30min", "*/30 * * * *"] {
        let found = preview(
            &schedule(pattern),
            &zone,
            instant("2026-11-01T04:45:00Z"),
            instant("2026-11-01T07:00:00Z"),
            99,
        );
        let expected = [
            "2026-11-01T05:00:00Z",
            "2026-11-01T05:30:00Z",
            "2026-11-01T06:00:00Z",
            "2026-11-01T06:30:00Z",
            "2026-11-01T07:00:00Z",
        ];
        assert_eq!(found, expected.map(instant), "{pattern}");
    }
    // Begun within the second half.
    let next = preview(
        &schedule("*/30 * * * *"),
        &zone,
        instant("2026-11-01T06:10:00Z"),
        instant("2026-11-02T00:00:00Z"),
        1,
    );
    assert_eq!(next, [instant("2026-11-01T06:30:00Z")]);
}

#[test]
fn a_gap_can_be_left_out_on_request() {
    let schedule = Schedule { gap: Gap::Skip, ..schedule("02:30") };
    let zone = Calendar::weekdays(zone(NEW_YORK).unwrap());
    let found = preview(
        &schedule,
        &zone,
        local(NEW_YORK, "2026-03-07 12:00"),
        local(NEW_YORK, "2026-03-10 00:00"),
        9,
    );
    assert_eq!(found, [local(NEW_YORK, "2026-03-09 02:30")]);
}

#[test]
fn the_schedules_own_zone_goes_before_the_houses() {
    let schedule = Schedule { zone: Some(zone(NEW_YORK).unwrap()), ..schedule("09:00") };
    let from = instant("2026-11-22T00:00:00Z");
    let found =
        preview(&schedule, &Calendar::weekdays(zone(SHANGHAI).unwrap()), from, from.plus(86_400_000), 9);
    assert_eq!(found, [instant("2026-11-22T14:00:00Z")]);
}

/// What is decided, in words: `fire 18:00`, `late 18:00`, `missed 18:00 (why)`, all on the clock of Shanghai.
#[track_caller]
fn decided(schedule: &Schedule, last: &str, now: &str) -> String {
    let zone = Calendar::weekdays(zone(SHANGHAI).unwrap());
    let decided = decide(schedule, &zone, local(SHANGHAI, last), local(SHANGHAI, now));
    let mut lines = vec![];
    let time = |at: Millis| shown(SHANGHAI, at)[12..].to_owned();
    for (at, why) in &decided.missed {
        let why = match why {
            WhyMissed::NotWanted => "not wanted".to_owned(),
            WhyMissed::TakenBy(other) => format!("taken by {}", time(*other)),
            WhyMissed::TooLongAgo => "too long ago".to_owned(),
            WhyMissed::TooMany => "too many".to_owned(),
        };
        lines.push(format!("missed {} ({why})", time(*at)));
    }
    for slot in &decided.fire {
        lines.push(format!("{} {}", if slot.late { "late" } else { "fire" }, time(slot.at)));
    }
    if decided.missed_before > 0 {
        lines.push(format!("and {} before", decided.missed_before));
    }
    lines.push(format!(
        "seen {}, next {}",
        time(decided.seen),
        decided.next.map_or("never".to_owned(), time)
    ));
    lines.join("; ")
}

#[test]
fn a_slot_fires_when_it_is_due_and_not_again() {
    let daily = schedule("18:00");
    assert_eq!(decided(&daily, "2026-11-21 18:00", "2026-11-22 17:59"), "seen 21 18:00, next 22 18:00");
    assert_eq!(
        decided(&daily, "2026-11-21 18:00", "2026-11-22 18:00"),
        "fire 22 18:00; seen 22 18:00, next 23 18:00"
    );
    assert_eq!(decided(&daily, "2026-11-22 18:00", "2026-11-22 18:00"), "seen 22 18:00, next 23 18:00");
}

#[test]
fn a_slot_within_the_minute_is_not_late_and_after_it_is() {
    let daily = schedule("18:00");
    let fired =
        |now: &str| decided(&daily, "2026-11-21 18:00", now).split(';').next().unwrap_or_default().to_owned();
    assert_eq!(fired("2026-11-22 18:00:59.999"), "fire 22 18:00");
    assert_eq!(fired("2026-11-22 18:01"), "late 22 18:00");
}

#[test]
fn of_the_missed_ones_the_latest_fires_unless_the_file_says_otherwise() {
    let hourly = |missed| Schedule { missed, ..schedule("every 1h") };
    let (last, now) = ("2026-11-22 08:00", "2026-11-22 11:30");
    assert_eq!(
        decided(&hourly(Missed::One), last, now),
        "missed 22 09:00 (taken by 22 11:00); missed 22 10:00 (taken by 22 11:00); late 22 11:00; seen 22 11:00, next 22 12:00"
    );
    assert_eq!(
        decided(&hourly(Missed::All), last, now),
        "late 22 09:00; late 22 10:00; late 22 11:00; seen 22 11:00, next 22 12:00"
    );
    assert_eq!(
        decided(&hourly(Missed::None), last, now),
        "missed 22 09:00 (not wanted); missed 22 10:00 (not wanted); missed 22 11:00 (not wanted); seen 22 11:00, next 22 12:00"
    );
}

#[test]
fn a_slot_that_is_due_now_takes_the_place_of_the_missed_ones() {
    let (last, now) = ("2026-11-22 08:00", "2026-11-22 11:00");
    assert_eq!(
        decided(&schedule("every 1h"), last, now),
        "missed 22 09:00 (taken by 22 11:00); missed 22 10:00 (taken by 22 11:00); fire 22 11:00; seen 22 11:00, next 22 12:00"
    );
    let none = Schedule { missed: Missed::None, ..schedule("every 1h") };
    assert_eq!(
        decided(&none, "2026-11-22 09:00", now),
        "missed 22 10:00 (not wanted); fire 22 11:00; seen 22 11:00, next 22 12:00"
    );
}

#[test]
fn what_was_missed_too_long_ago_stays_missed() {
    let daily = Schedule { missed_within: Span { ms: 2 * 3_600_000 }, ..schedule("18:00") };
    assert_eq!(
        decided(&daily, "2026-11-21 18:00", "2026-11-22 20:00"),
        "late 22 18:00; seen 22 18:00, next 23 18:00"
    );
    assert_eq!(
        decided(&daily, "2026-11-21 18:00", "2026-11-22 20:01"),
        "missed 22 18:00 (too long ago); seen 22 18:00, next 23 18:00"
    );
    let all =
        Schedule { missed: Missed::All, missed_within: Span { ms: 90 * 60_000 }, ..schedule("every 1h") };
    assert_eq!(
        decided(&all, "2026-11-22 08:00", "2026-11-22 11:30"),
        "missed 22 09:00 (too long ago); late 22 10:00; late 22 11:00; seen 22 11:00, next 22 12:00"
    );
}

#[test]
fn a_clock_that_went_back_fires_nothing_twice_and_goes_on_where_it_was() {
    let hourly = schedule("every 1h");
    assert_eq!(decided(&hourly, "2026-11-22 11:00", "2026-11-22 08:00"), "seen 22 11:00, next 22 12:00");
}

#[test]
fn after_years_away_the_answer_is_bounded_and_nothing_goes_uncounted() {
    let zone = Calendar::weekdays(zone(SHANGHAI).unwrap());
    let minutely = Schedule { missed: Missed::All, ..schedule("* * * * *") };
    let (last, now) = (instant("2016-11-22T00:00:00Z"), instant("2026-11-22T00:00:30Z"));
    let decided = decide(&minutely, &zone, last, now);
    assert_eq!(decided.fire.len(), 101, "one in time and the latest hundred");
    assert_eq!(decided.missed.len(), 100);
    let minutes = (now.0 - last.0) as u64 / 60_000;
    assert_eq!(decided.missed_before + 201, minutes);
    assert!(decided.missed.iter().all(|(_, why)| *why == WhyMissed::TooMany));
    let last_missed = decided.missed.last().map(|(at, _)| *at);
    assert_eq!(last_missed, Some(decided.fire[0].at.plus(-60_000)), "the latest are named");
    assert_eq!(decided.seen, instant("2026-11-22T00:00:00Z"));
}

#[test]
fn a_busy_minute_loses_no_slot_of_a_short_interval() {
    assert_eq!(
        decided(&schedule("every 20s"), "2026-11-22 08:00", "2026-11-22 08:00:59"),
        "fire 22 08:00; fire 22 08:00; seen 22 08:00, next 22 08:01"
    );
}

#[test]
fn a_zone_that_does_not_exist_names_the_nearest() {
    assert_eq!(zone("Asia/Shanghai").unwrap().iana_name(), Some("Asia/Shanghai"));
    let fault = zone("Asia/Shangai").unwrap_err();
    assert_eq!(fault.nearest.as_deref(), Some("Asia/Shanghai"));
    assert_eq!(zone("").unwrap_err().nearest, None);
}

fn any_zone() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        SHANGHAI,
        NEW_YORK,
        "Australia/Lord_Howe",
        "America/Sao_Paulo",
        "America/Havana",
        "Africa/Casablanca",
        "Pacific/Apia",
        "UTC",
    ])
}

fn any_schedule() -> impl Strategy<Value = Schedule> {
    let patterns = vec![
        "00:00",
        "02:30",
        "sunday at 01:30",
        "last day of month at 00:00",
        "31st of month",
        "every 20s",
        "every 45min",
        "every 8h",
        "every 7h",
        "every 3 days",
        "every 2 weeks",
        "*/7 * * * *",
        "0 */2 * * *",
        "30 0,1,2,3 * * 0",
    ];
    let missed = prop::sample::select(vec![Missed::None, Missed::One, Missed::All]);
    let within = prop::sample::select(vec![0, 30_000, 3_600_000, 86_400_000]);
    let gap = prop::sample::select(vec![Gap::After, Gap::Skip]);
    let fold = prop::sample::select(vec![Fold::First, Fold::Second, Fold::Both]);
    (prop::sample::select(patterns), missed, within, gap, fold).prop_map(
        |(pattern, missed, within, gap, fold)| Schedule {
            missed,
            missed_within: Span { ms: within },
            gap,
            fold,
            ..schedule(pattern)
        },
    )
}

/// 2010 to 2037, where most of the odd changes are.
fn any_instant() -> impl Strategy<Value = Millis> {
    (1_262_304_000_000..2_145_916_800_000_i64).prop_map(Millis)
}

proptest! {
    #[test]
    fn slots_rise_strictly(schedule in any_schedule(), zone_name in any_zone(), from in any_instant()) {
        let zone = Calendar::weekdays(zone(zone_name).unwrap());
        let slots = preview(&schedule, &zone, from, Millis(i64::MAX / 4), 60);
        prop_assert_eq!(slots.len(), 60);
        prop_assert!(slots[0] > from);
        prop_assert!(slots.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", slots);
        for slot in slots {
            prop_assert_eq!(preview(&schedule, &zone, slot.plus(-1), slot, 9), [slot]);
        }
    }

    /// Whenever it is asked, between two slots or at one, the next slot is the same one.
    #[test]
    fn where_one_starts_to_look_changes_no_slot(
        schedule in any_schedule(), zone_name in any_zone(), from in any_instant(), cut in 0.0..1.0_f64,
    ) {
        let zone = Calendar::weekdays(zone(zone_name).unwrap());
        let slots = preview(&schedule, &zone, from, Millis(i64::MAX / 4), 30);
        let span = slots[29].0 - from.0;
        let cut = from.plus((span as f64 * cut) as i64);
        let rest: Vec<Millis> = slots.iter().copied().filter(|at| *at > cut).collect();
        prop_assert_eq!(preview(&schedule, &zone, cut, slots[29], 99), rest);
    }

    /// However often the daemon looks, and however long it was away: each slot is decided once, fired or missed.
    #[test]
    fn each_slot_is_decided_exactly_once(
        schedule in any_schedule(), zone_name in any_zone(), from in any_instant(), cuts in prop::collection::vec(0.0..1.0_f64, 0..12),
    ) {
        let zone = Calendar::weekdays(zone(zone_name).unwrap());
        let slots = preview(&schedule, &zone, from, Millis(i64::MAX / 4), 90);
        let until = slots[89];
        let mut cuts: Vec<Millis> =
            cuts.into_iter().map(|cut| from.plus(((until.0 - from.0) as f64 * cut) as i64)).collect();
        // The clock may also go back: no order.
        cuts.push(until);
        let (mut last, mut heard) = (from, vec![]);
        for now in cuts {
            let decided = decide(&schedule, &zone, last, now);
            prop_assert_eq!(decided.missed_before, 0);
            let mut all: Vec<Millis> = decided.fire.iter().map(|slot| slot.at).collect();
            all.extend(decided.missed.iter().map(|(at, _)| *at));
            all.sort();
            prop_assert_eq!(decided.seen, all.last().copied().unwrap_or(last));
            prop_assert!(decided.next > Some(now.max(decided.seen)));
            heard.extend(all);
            last = decided.seen;
        }
        prop_assert_eq!(heard, slots);
    }

    /// Who looks at every slot as it comes hears the preview, and nothing is late.
    #[test]
    fn looking_in_time_fires_the_preview(schedule in any_schedule(), zone_name in any_zone(), from in any_instant()) {
        let zone = Calendar::weekdays(zone(zone_name).unwrap());
        let slots = preview(&schedule, &zone, from, Millis(i64::MAX / 4), 40);
        let (mut last, mut now, mut fired) = (from, from, vec![]);
        while fired.len() < 40 {
            let decided = decide(&schedule, &zone, last, now);
            prop_assert!(decided.missed.is_empty() && decided.fire.iter().all(|slot| !slot.late));
            fired.extend(decided.fire.iter().map(|slot| slot.at));
            (last, now) = (decided.seen, decided.next.unwrap());
        }
        prop_assert_eq!(fired, slots);
    }

    /// What is counted without being looked at is as many as there are.
    #[test]
    fn counting_agrees_with_walking(
        schedule in any_schedule(), zone_name in any_zone(), from in any_instant(), most in 0_usize..400, beyond in 0..7_200_000_i64,
    ) {
        let zone = Calendar::weekdays(zone(zone_name).unwrap());
        let slots = Slots::of(&schedule, &zone);
        let walked = preview(&schedule, &zone, from, Millis(i64::MAX / 4), most + 1);
        let until = Millis((walked[most].0 - 1).min(walked[most.saturating_sub(1)].0 + beyond));
        let expected = walked.iter().filter(|at| **at <= until).count() as u64;
        prop_assert_eq!(slots.count(from, until), expected);
    }

    #[test]
    fn a_pattern_reads_back_from_how_it_is_shown(schedule in any_schedule()) {
        let shown = schedule.pattern.to_string();
        prop_assert_eq!(Pattern::parse(&shown).unwrap(), schedule.pattern, "{}", shown);
    }
}

fn dated(date: &str, yearly: bool) -> OfRegister {
    OfRegister { register: "大客户".into(), date: date.into(), yearly }
}

/// However days off and what is done ahead bring them together, no day is lost and none comes twice.
#[test]
fn every_day_fires_at_one_slot_of_its_own_or_of_others() {
    let calendar = Calendar::weekdays(zone(SHANGHAI).unwrap());
    let ahead = [None, Some("1 day"), Some("36h"), Some("2 workdays"), Some("1 month")];
    let all = [Holiday::Keep, Holiday::Next, Holiday::Previous, Holiday::Skip];
    for (holiday, ahead) in all.into_iter().flat_map(|one| ahead.map(|ahead| (one, ahead))) {
        let mut schedule = schedule("08:30");
        schedule.holiday = holiday;
        schedule.ahead = ahead.map(|text| {
            let MomentText::Length(length) = Moment::parse_text(text).unwrap() else { panic!("{text}") };
            length
        });
        let (from, until) = (local(SHANGHAI, "2026-01-01T00:00"), local(SHANGHAI, "2026-12-31T00:00"));
        let slots = preview(&schedule, &calendar, from, until, usize::MAX);
        let mut days: Vec<_> = slots.iter().flat_map(|slot| schedule.days_of(&calendar, *slot)).collect();
        let wanted = jiff::civil::date(2026, 3, 1).series(jiff::ToSpan::days(1)).take(245);
        let wanted: Vec<_> =
            wanted.filter(|day| holiday != Holiday::Skip || calendar.is_workday(*day)).collect();
        days.retain(|day| wanted.contains(day));
        assert_eq!(days, wanted, "{holiday:?} {ahead:?}");
    }
}

#[test]
fn a_weekend_fires_on_monday_where_days_off_are_moved_to_the_next_working_day() {
    let calendar = Calendar::weekdays(zone(SHANGHAI).unwrap());
    let mut schedule = schedule("08:30");
    schedule.holiday = Holiday::Next;
    let days: Vec<String> = schedule
        .days_of(&calendar, local(SHANGHAI, "2026-11-23T08:30"))
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(days, ["2026-11-21", "2026-11-22", "2026-11-23"]);
}

#[test]
fn an_entry_holds_its_date_or_the_same_day_of_each_year_from_then_on() {
    let day = |text: &str| text.parse::<jiff::civil::Date>().unwrap();
    let (once, yearly) = (dated("due", false), dated("born", true));
    let days = [day("2026-02-28"), day("2026-03-01")];
    assert_eq!(once.day_of("2026-03-01", &days), Some(days[1]));
    assert_eq!(once.day_of("2025-03-01", &days), None);
    assert_eq!(yearly.day_of("1990-03-01", &days), Some(days[1]));
    assert_eq!(yearly.day_of("2027-03-01", &days), None, "not before it");
    assert_eq!(yearly.day_of("1988-02-29", &days), Some(days[0]), "2026 has no 29 February");
    assert_eq!(yearly.day_of("1988-02-29", &[day("2028-02-28")]), None);
    assert_eq!(yearly.day_of("1988-02-29", &[day("2028-02-29")]), Some(day("2028-02-29")));
    assert_eq!(yearly.looked_up(&days).values, ["--02-28", "--02-29", "--03-01"]);
    assert_eq!(once.looked_up(&days).values, ["2026-02-28", "2026-03-01"]);
}
