//! Stories about moments. `read`, `refused` and `ask` are the only places that know the API; the tests are data.

use jiff::Timestamp;
use minijinja::Value;
use proptest::prelude::*;

use super::*;
use crate::expression::empty;
use crate::schedule::zone;

const HOUR: i64 = 3_600_000;

fn instant(text: &str) -> Millis {
    Millis(text.parse::<Timestamp>().unwrap().as_millisecond())
}

#[track_caller]
fn read(text: &str) -> Moment {
    Moment::parse_text(text).unwrap_or_else(|fault| panic!("{text}: {fault}")).into()
}

/// A step's view of the world: opened on Sunday 2026-11-22 15:00 in its zone.
#[derive(Clone)]
struct Ask {
    zone: &'static str,
    opened: &'static str,
    as_wait: bool,
    ended: Vec<Anchored>,
    value: Value,
}

const DUE: Ask = Ask {
    zone: "Asia/Shanghai",
    opened: "2026-11-22 15:00",
    as_wait: false,
    ended: vec![],
    value: Value::UNDEFINED,
};

impl Ask {
    fn wait(self) -> Self {
        Self { as_wait: true, ..self }
    }

    fn of(self, value: impl Into<Value>) -> Self {
        Self { value: value.into(), ..self }
    }

    fn after(self, ended: &[Anchored]) -> Self {
        Self { ended: ended.to_vec(), ..self }
    }

    fn try_when(&self, moment: &Moment) -> Result<Option<Millis>, MomentError> {
        let zone = zone(self.zone).unwrap();
        let opened: jiff::civil::DateTime = self.opened.parse().unwrap();
        let opened = Millis(opened.to_zoned(zone.clone()).unwrap().timestamp().as_millisecond());
        moment.instant(&Standpoint {
            opened,
            now: opened,
            calendar: &Calendar::weekdays(zone),
            as_wait: self.as_wait,
            ended: &|step| self.ended[step.index()],
            value: &|_| Ok(self.value.clone()),
        })
    }

    /// The instant as the zone's clock shows it, `not begun`, or what is wrong.
    fn when(&self, moment: &Moment) -> String {
        match self.try_when(moment) {
            Ok(None) => "not begun".to_owned(),
            Ok(Some(at)) => {
                let zoned = at.timestamp().unwrap().to_zoned(zone(self.zone).unwrap());
                zoned.strftime("%a %Y-%m-%d %H:%M").to_string()
            }
            Err(error) => error.to_string(),
        }
    }
}

/// What a template yields is given by the standpoint, so any template does.
fn worked() -> Moment {
    Moment::Worked(template())
}

fn template() -> Template {
    Template::parse("{{ x }}").unwrap()
}

#[test]
fn a_clerk_reads_a_due_time_as_it_is_written() {
    let rows = [
        ("90s", "Sun 2026-11-22 15:01"),
        ("30min", "Sun 2026-11-22 15:30"),
        ("4h", "Sun 2026-11-22 19:00"),
        ("24 hours", "Mon 2026-11-23 15:00"),
        // A day ends where the next begins.
        ("today", "Mon 2026-11-23 00:00"),
        ("1 day", "Tue 2026-11-24 00:00"),
        ("3 days", "Thu 2026-11-26 00:00"),
        ("2 weeks", "Mon 2026-12-07 00:00"),
        ("2 months", "Sat 2027-01-23 00:00"),
        ("1 year", "Tue 2027-11-23 00:00"),
        ("18:00", "Sun 2026-11-22 18:00"),
        ("09:00", "Mon 2026-11-23 09:00"),
        ("monday 09:00", "Mon 2026-11-23 09:00"),
        ("monday at 09:00", "Mon 2026-11-23 09:00"),
        ("15th of month at 09:00", "Tue 2026-12-15 09:00"),
        ("last saturday of month at 10:00", "Sat 2026-11-28 10:00"),
        ("every 8h", "Sun 2026-11-22 16:00"),
        ("every 2 months", "Fri 2027-01-01 00:00"),
        ("30 16 * * 1-5", "Mon 2026-11-23 16:30"),
        ("2026-12-01", "Wed 2026-12-02 00:00"),
        ("2026-12-01 09:30", "Tue 2026-12-01 09:30"),
        ("2026-12-01T09:30", "Tue 2026-12-01 09:30"),
        ("2026-12-01T09:30:00Z", "Tue 2026-12-01 17:30"),
        ("2026-12-01T09:30:00-05:00", "Tue 2026-12-01 22:30"),
        ("2026-12-01T09:30[America/New_York]", "Tue 2026-12-01 22:30"),
        // A day without a time ends with its day, as a date does.
        ("sunday", "Mon 2026-11-23 00:00"),
        ("last day of month", "Tue 2026-12-01 00:00"),
    ];
    for (text, expected) in rows {
        assert_eq!(DUE.when(&read(text)), expected, "{text}");
    }
}

#[test]
fn a_wait_for_a_day_begins_with_its_hours_or_with_the_day() {
    for (text, expected) in [
        ("2026-12-01", "Tue 2026-12-01 09:00"),
        ("2026-12-05", "Sat 2026-12-05 00:00"),
        ("last day of month", "Mon 2026-11-30 09:00"),
        ("sunday", "Sun 2026-11-29 00:00"),
        // A length of days ends with its day, also as a wait.
        ("3 days", "Thu 2026-11-26 00:00"),
        ("4h", "Sun 2026-11-22 19:00"),
    ] {
        assert_eq!(DUE.wait().when(&read(text)), expected, "{text}");
    }
}

#[test]
fn months_keep_the_day_of_the_month_or_take_its_last() {
    for (opened, text, expected) in [
        ("2027-01-31 10:00", "1 month", "Mon 2027-03-01 00:00"),
        ("2028-01-31 10:00", "1 month", "Wed 2028-03-01 00:00"),
        ("2028-01-30 10:00", "1 month", "Wed 2028-03-01 00:00"),
        ("2027-01-31 10:00", "2 months", "Thu 2027-04-01 00:00"),
        ("2028-02-29 10:00", "1 year", "Thu 2029-03-01 00:00"),
        ("2028-02-29 10:00", "4 years", "Mon 2032-03-01 00:00"),
    ] {
        assert_eq!(Ask { opened, ..DUE }.when(&read(text)), expected, "{opened} {text}");
    }
}

#[test]
fn days_are_those_of_the_zone_whatever_their_length() {
    // New York's 8 March 2026 has 23 hours; São Paulo's 4 November 2018 began at 01:00.
    let spring = Ask { zone: "America/New_York", opened: "2026-03-07 12:00", ..DUE };
    assert_eq!(spring.when(&read("24h")), "Sun 2026-03-08 13:00");
    assert_eq!(spring.when(&read("1 day")), "Mon 2026-03-09 00:00");
    assert_eq!(spring.wait().when(&read("2026-03-08 02:30")), "Sun 2026-03-08 03:30");
    // Toronto went from 23:30 to 00:30 in the night of 30 March 1919.
    let night = Ask { zone: "America/Toronto", opened: "1919-03-30 12:00", ..DUE };
    assert_eq!(night.when(&read("today")), "Mon 1919-03-31 00:30");
    let late = Ask { zone: "America/Sao_Paulo", opened: "2018-11-03 12:00", ..DUE };
    assert_eq!(late.when(&read("today")), "Sun 2018-11-04 01:00");
    assert_eq!(late.wait().when(&read("2018-11-04")), "Sun 2018-11-04 01:00");
}

fn within(length: &str, steps: &[u16]) -> Moment {
    let of = steps.iter().map(|step| Anchor::Step(StepNo(*step))).collect();
    Moment::Within { length: read_length(length).into(), of, before: false }
}

fn read_length(text: &str) -> Length {
    match Moment::parse_text(text) {
        Ok(MomentText::Length(length)) => length,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn within_counts_from_the_latest_of_its_steps() {
    let early = Anchored::Over(instant("2026-11-20T01:00:00Z"));
    let late = Anchored::Over(instant("2026-11-21T01:00:00Z"));
    let skipped = Anchored::Skipped(instant("2026-11-22T01:00:00Z"));
    let skipped_before = Anchored::Skipped(instant("2026-11-19T01:00:00Z"));
    for (ended, expected) in [
        (&[early][..], "Sat 2026-11-21 09:00"),
        (&[early, late], "Sun 2026-11-22 09:00"),
        (&[late, early], "Sun 2026-11-22 09:00"),
        (&[early, skipped], "Sat 2026-11-21 09:00"),
        (&[skipped_before, skipped], "Mon 2026-11-23 09:00"),
        (&[early, Anchored::NotYet], "not begun"),
        (&[Anchored::NotYet, skipped], "not begun"),
    ] {
        let steps: Vec<u16> = (0..ended.len() as u16).collect();
        assert_eq!(DUE.after(ended).when(&within("24h", &steps)), expected, "{ended:?}");
    }
    assert_eq!(DUE.after(&[late]).when(&within("3 days", &[0])), "Wed 2026-11-25 00:00");
}

#[test]
fn a_limit_that_is_worked_out_counts_as_one_that_is_written() {
    let over = Anchored::Over(instant("2026-11-20T01:00:00Z"));
    let limit = Moment::Within {
        length: Measure::Worked(template()),
        of: vec![Anchor::Step(StepNo(0))],
        before: false,
    };
    let after = DUE.after(&[over]);
    for length in ["24h", "3 days", "2 workdays"] {
        assert_eq!(after.clone().of(length).when(&limit), after.when(&within(length, &[0])), "{length}");
    }
    assert_eq!(after.clone().of("").when(&limit), "not begun");
    assert_eq!(DUE.after(&[Anchored::NotYet]).of("24h").when(&limit), "not begun");
    let told = after.of("monday 09:00").when(&limit);
    assert!(
        told.contains("is not a date, a time or a length of time") && told.contains("not a length"),
        "{told}"
    );
}

#[test]
fn before_counts_back() {
    let back = |length: &str| Moment::Within {
        length: read_length(length).into(),
        of: vec![Anchor::Value(template())],
        before: true,
    };
    let at = DUE.of("2026-12-10 09:00");
    assert_eq!(at.when(&back("15min")), "Thu 2026-12-10 08:45");
    // The end of the third day before, which is the 7th.
    assert_eq!(at.when(&back("3 days")), "Tue 2026-12-08 00:00");
    // A date is its end, as a wait the beginning of its hours; in days it is just the day.
    let day = DUE.of("2026-12-10");
    assert_eq!(day.when(&back("2h")), "Thu 2026-12-10 22:00");
    assert_eq!(day.clone().wait().when(&back("2h")), "Thu 2026-12-10 07:00");
    assert_eq!(day.when(&back("1 month")), "Wed 2026-11-11 00:00");
}

#[test]
fn a_length_is_nothing_to_count_from() {
    let moment = Moment::Within {
        length: read_length("1h").into(),
        of: vec![Anchor::Value(template())],
        before: false,
    };
    assert_eq!(DUE.of("4h").when(&moment), "`4h` is not a date, a time or a length of time");
    assert_eq!(DUE.of("").when(&moment), "not begun");
}

#[test]
fn the_earliest_counts_of_those_whose_clock_has_begun() {
    let earliest = Moment::Earliest(vec![read("4h"), read("today"), within("1h", &[0])]);
    assert_eq!(DUE.after(&[Anchored::NotYet]).when(&earliest), "Sun 2026-11-22 19:00");
    let over = Anchored::Over(instant("2026-11-22T06:00:00Z"));
    assert_eq!(DUE.after(&[over]).when(&earliest), "Sun 2026-11-22 15:00");
    let evening = Ask { opened: "2026-11-22 22:00", ..DUE }.after(&[Anchored::NotYet]);
    assert_eq!(evening.when(&earliest), "Mon 2026-11-23 00:00");
    assert_eq!(DUE.after(&[Anchored::NotYet]).when(&Moment::Earliest(vec![within("1h", &[0])])), "not begun");
}

#[test]
fn an_expression_yields_a_date_a_time_or_a_length() {
    let when = |value: Value| DUE.of(value).when(&worked());
    assert_eq!(when("2026-12-01".into()), "Wed 2026-12-02 00:00");
    assert_eq!(DUE.wait().of("2026-12-01").when(&worked()), "Tue 2026-12-01 09:00");
    assert_eq!(when("2026-12-01T09:30:00+08:00".into()), "Tue 2026-12-01 09:30");
    assert_eq!(when("4h".into()), "Sun 2026-11-22 19:00");
    assert_eq!(when("18:00".into()), "Sun 2026-11-22 18:00");
    assert_eq!(when(instant("2026-12-01T01:30:00Z").0.into()), "Tue 2026-12-01 09:30");
    for nothing in [Value::UNDEFINED, Value::from(()), "".into(), "  ".into(), empty()] {
        assert_eq!(when(nothing), "not begun");
    }
}

#[test]
fn an_expression_that_yields_no_time_is_an_error_that_says_so() {
    let when = |value: Value| DUE.of(value).when(&worked());
    assert_eq!(when("soon".into()), "`soon` is not a date, a time or a length of time");
    assert!(when(true.into()).ends_with("is not a date, a time or a length of time"));
    // A number that lost its unit is not an instant in 1970.
    assert_eq!(when(3.into()), "`3` is not a date, a time or a length of time");
    assert!(when("5m".into()).ends_with("`m` may mean minutes or months; write `5min` or `5 months`"));
    assert_eq!(when("2 workdays".into()), "Tue 2026-11-24 18:00");
    assert!(when(Value::from_iter([1])).contains("is not a date"));
}

#[track_caller]
fn refused(text: &str, expected: MomentFault) {
    let fault = Moment::parse_text(text).expect_err(text);
    assert_eq!(fault, expected, "{text}");
    assert!(fault.help().is_some_and(|help| help.len() > 8), "{text} has no next step");
}

#[test]
fn what_is_no_moment_is_refused_with_the_reason() {
    let written = |text: &str| text.to_owned();
    refused("", MomentFault::Empty);
    refused("  ", MomentFault::Empty);
    refused("30m", MomentFault::BareM { written: written("30m"), n: 30 });
    refused("30 m", MomentFault::BareM { written: written("30 m"), n: 30 });
    refused(
        "4 fortnights",
        MomentFault::UnknownUnit { written: written("4 fortnights"), unit: written("fortnights") },
    );
    refused("1h30min", MomentFault::UnknownUnit { written: written("1h30min"), unit: written("h30min") });
    refused("90", MomentFault::NoUnit { written: written("90") });
    refused("1.5h", MomentFault::Fraction { written: written("1.5h") });
    refused("+2h", MomentFault::Signed { written: written("+2h") });
    refused("-1h", MomentFault::Signed { written: written("-1h") });
    refused("101 years", MomentFault::TooLong { written: written("101 years"), most: 100 });
    refused("99999999999h", MomentFault::TooLong { written: written("99999999999h"), most: 100 });
    refused("every 0h", MomentFault::TooShort { written: written("every 0h"), least: Span { ms: 1000 } });
    refused(
        "every 100ms",
        MomentFault::TooShort { written: written("every 100ms"), least: Span { ms: 1000 } },
    );
    refused(
        "every 0 days",
        MomentFault::TooShort { written: written("every 0 days"), least: Span { ms: 1000 } },
    );
    for text in
        ["25:00", "24:00", "12:60", "9:5", "monday at 7:", "32nd of month", "0th of month", "2026-02-30"]
    {
        refused(text, MomentFault::NoSuchTime { written: written(text) });
    }
    for text in [
        "2026-12-01 23:59:60",
        "2026-12-01T09:30[Mars/Base]",
        "2026-12-01T09:30:00+99:00",
        "2026-1-1",
        "2026-12-01 25:00",
    ] {
        refused(text, MomentFault::NoSuchTime { written: written(text) });
    }
    for text in [
        "soon",
        "mondy at 09:00",
        "fifth friday of month",
        "first of month",
        "every blue moon",
        "at",
        "every",
    ] {
        refused(text, MomentFault::Unknown { written: written(text) });
    }
    refused("0 0 31 2 *", MomentFault::Never { written: written("0 0 31 2 *") });
}

#[test]
fn next_means_after_today() {
    let monday = Ask { opened: "2026-11-23 08:00", ..DUE };
    for (text, expected) in [
        ("workday at 16:30", "Mon 2026-11-23 16:30"),
        ("next workday 16:30", "Tue 2026-11-24 16:30"),
        ("next workday", "Tue 2026-11-24 18:00"),
        ("monday at 09:00", "Mon 2026-11-23 09:00"),
        ("next monday 09:00", "Mon 2026-11-30 09:00"),
        ("next monday", "Tue 2026-12-01 00:00"),
    ] {
        assert_eq!(monday.when(&read(text)), expected, "{text}");
    }
    for text in ["next", "next every 8h", "next 18:00", "next last day of month", "every 2 workdays"] {
        refused(text, MomentFault::Unknown { written: text.to_owned() });
    }
    assert_eq!(
        Pattern::parse("next workday 16:30").unwrap_err(),
        MomentFault::ComesOnce { written: "next workday 16:30".to_owned() }
    );
}

#[test]
fn a_broken_cron_line_says_what_is_wrong_with_it() {
    for (text, part) in [
        ("* * * *", "4 fields"),
        ("0 0 12 * * *", "6 fields"),
        ("60 * * * *", "`60` is no minute"),
        ("0 8,24 * * *", "`24` is no hour"),
        ("0 9 32 * *", "`32` is no day of the month"),
        ("0 9 * 12-1 *", "`12-1` is no month"),
        ("0 9 * * funday", "`funday` is no day of the week"),
        ("0 9,,10 * * *", "comma"),
        ("@daily", "1 fields"),
        ("0 9/2 * * *", "`9/2` is no hour"),
    ] {
        match Moment::parse_text(text) {
            Err(MomentFault::Cron { why, .. }) => assert!(why.to_string().contains(part), "{text}: {why}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn what_comes_once_is_no_schedule() {
    for text in ["today", "4h", "3 days", "2026-12-01", "2026-12-01 09:00", "2026-12-01T09:00:00Z"] {
        let fault = Pattern::parse(text).unwrap_err();
        assert_eq!(fault, MomentFault::ComesOnce { written: text.to_owned() });
        assert!(fault.help().is_some());
    }
}

#[test]
fn a_length_is_clock_time_and_shows_in_its_largest_unit() {
    for (text, ms, shown) in [
        ("0s", 0, "0s"),
        ("500ms", 500, "500ms"),
        ("90s", 90_000, "90s"),
        ("90 seconds", 90_000, "90s"),
        ("120s", 120_000, "2min"),
        ("30min", 30 * 60_000, "30min"),
        ("4h", 4 * HOUR, "4h"),
        ("1 day", 24 * HOUR, "24h"),
        ("3 days", 72 * HOUR, "3 days"),
        ("2 weeks", 336 * HOUR, "14 days"),
    ] {
        assert_eq!(Span::parse(text), Ok(Span { ms }), "{text}");
        assert_eq!(Span { ms }.to_string(), shown, "{text}");
    }
    assert!(matches!(Span::parse("30m"), Err(MomentFault::BareM { .. })));
    assert!(matches!(Span::parse("2 months"), Err(MomentFault::NotALength { .. })));
    assert!(matches!(Span::parse("monday at 09:00"), Err(MomentFault::NotALength { .. })));
    assert!(matches!(Span::parse("18:00"), Err(MomentFault::NotALength { .. })));
    assert!(matches!(Span::parse("8 workhours"), Err(MomentFault::NotALength { .. })));
}

proptest! {
    #[test]
    fn a_length_reads_back_from_how_it_is_shown(ms in 0..3_000_000_000_000_i64, unit in prop::sample::select(vec![1, 1000, 60_000, HOUR, 24 * HOUR])) {
        let span = Span { ms: ms / unit * unit };
        // A number of milliseconds has to fit what a file may say.
        prop_assume!(span.ms % 1000 == 0 || span.ms < i64::from(u32::MAX));
        prop_assert_eq!(Span::parse(&span.to_string()), Ok(span));
        let json = serde_json::to_string(&span).unwrap();
        prop_assert_eq!(serde_json::from_str::<Span>(&json).unwrap(), span);
    }

    #[test]
    fn no_text_makes_the_reader_fall_over(text in ".{0,40}", cron in "[0-9*/,#LW -]{5,24}", words in "((every|next|last|of|at|month|monday|15th|2|09:00|days|-) ?){1,6}") {
        for text in [&text, &cron, &words] {
            if let Ok(moment) = Moment::parse_text(text) {
                let at = DUE.try_when(&moment.into());
                prop_assert!(matches!(at, Ok(Some(_))), "{}: {:?}", text, at);
            }
        }
    }

    #[test]
    fn a_longer_length_is_never_earlier(n in 0_u32..1000, more in 1_u32..1000, unit in prop::sample::select(vec!["s", "min", "h", "days", "weeks"])) {
        let at = |n: u32| DUE.try_when(&read(&format!("{n} {unit}"))).unwrap();
        prop_assert!(at(n) < at(n + more));
    }
}
