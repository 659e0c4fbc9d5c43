//! Stories about schedules. `coming` and `decided` are the only places that know the API; the tests are data.

use super::*;
use jiff::Timestamp;

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
    let found = preview(&schedule, &zone(zone_name).unwrap(), from, Millis(i64::MAX / 4), slots.len());
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
        ("next monday 09:00", &["Mon 2026-11-23 09:00", "Mon 2026-11-30 09:00"]),
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

#[test]
fn every_other_week_is_the_same_week_whenever_it_is_asked() {
    // Monday 2026-11-23 is 2968 weeks after Monday 1970-01-05.
    coming("every 2 weeks", SHANGHAI, "2026-11-22 15:00", &["Mon 2026-11-23 00:00", "Mon 2026-12-07 00:00"]);
    coming("every 2 weeks", SHANGHAI, "2026-11-24 15:00", &["Mon 2026-12-07 00:00", "Mon 2026-12-21 00:00"]);
}
