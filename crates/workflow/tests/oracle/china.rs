//! Every day of the calendar of China that comes along, against the package whose facts it was written from.
//!
//! Without the package the test is skipped, and with `YIZHAN_TESTS=all` it fails.

use std::process::Command;

use jiff::civil::Date;
use yizhan_workflow::calendar::{CHINA, Calendars};

#[test]
fn every_day_is_worked_or_off_as_the_package_says() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/china.py");
    let python = if cfg!(unix) { "python3" } else { "python" };
    let output = Command::new(python).args([script, "days"]).output();
    let days = match output {
        Ok(output) if output.status.success() => String::from_utf8(output.stdout).unwrap(),
        other => {
            let why = other.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
            assert!(!super::all_tests(), "python3 with chinesecalendar is needed for this test: {why:?}");
            return println!("skipped: no python3 with chinesecalendar");
        }
    };
    let calendars = Calendars::default();
    let china = calendars.named(Some(CHINA)).unwrap();
    let mut wrong = vec![];
    for line in days.lines() {
        let (day, worked) = line.split_once(' ').unwrap();
        let day: Date = day.parse().unwrap();
        assert!(china.knows(day.year()), "{day}");
        if china.is_workday(day) != (worked == "1") {
            wrong.push(day.to_string());
        }
    }
    assert!(days.lines().count() > 8_000, "the package said little");
    assert!(wrong.is_empty(), "{}", wrong.join(" "));
}
