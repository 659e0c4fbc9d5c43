//! Working days, open hours, months and cut-offs of ten years, against an independent answer in Python.
//!
//! Some hundred questions by default, ten thousand with `YIZHAN_TESTS=all`, where a missing Python is a failure instead
//! of a skipped test.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde::Deserialize;
use yizhan_workflow::calendar::Calendars;
use yizhan_workflow::id::Millis;
use yizhan_workflow::moment::{Anchored, Moment, Standpoint};

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Calendars { calendars: BTreeMap<String, String> },
    Question { calendar: String, at: i64, moment: String, is: i64 },
}

#[test]
fn every_moment_of_ten_years_is_where_python_puts_it() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/moments.py");
    let china = concat!(env!("CARGO_MANIFEST_DIR"), "/src/calendar/china.toml");
    let count = if super::all_tests() { "10000" } else { "500" };
    let child =
        Command::new("python3").args([folder, china, count, "20261122"]).stdout(Stdio::piped()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) if super::all_tests() => panic!("python3 is needed for this test: {error}"),
        Err(error) => return println!("skipped: no python3 ({error})"),
    };
    let (mut calendars, mut asked, mut wrong) = (Calendars::default(), 0, vec![]);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        match serde_json::from_str(&line.unwrap()).unwrap() {
            Line::Calendars { calendars: texts } => {
                let (read, faults) = Calendars::read(&texts, &jiff::tz::TimeZone::UTC);
                assert!(faults.is_empty(), "{faults:?}");
                calendars = read;
            }
            Line::Question { calendar, at, moment, is } => {
                let ours = answer(&calendars, &calendar, Millis(at * 60_000), &moment);
                asked += 1;
                if ours != Millis(is * 60_000) {
                    let (at, theirs) = (Millis(at * 60_000), Millis(is * 60_000));
                    wrong.push(format!("{calendar}: {moment} from {at}: {ours}, and Python says {theirs}"));
                }
            }
        }
    }
    assert!(child.wait().unwrap().success(), "the oracle failed");
    assert!(asked >= 500, "{asked} questions");
    assert!(wrong.is_empty(), "{} of {asked}:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
}

fn answer(calendars: &Calendars, calendar: &str, at: Millis, moment: &str) -> Millis {
    let standpoint = Standpoint {
        opened: at,
        now: at,
        calendar: calendars.named(Some(calendar)).unwrap(),
        as_wait: false,
        ended: &|_| Anchored::NotYet,
        value: &|_| Ok(minijinja::Value::UNDEFINED),
    };
    Moment::from(Moment::parse_text(moment).unwrap()).instant(&standpoint).unwrap().unwrap()
}
