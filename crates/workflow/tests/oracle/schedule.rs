//! Every slot around every change of many zones' clocks, against an independent answer in Python.
//!
//! Three years of changes by default, all from 2010 to 2037 with `YIZHAN_TESTS=all`, where a missing Python is a
//! failure instead of a skipped test.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use jiff::tz::TimeZone;
use serde::Deserialize;
use yizhan_workflow::calendar::Calendar;
use yizhan_workflow::id::Millis;
use yizhan_workflow::schedule::{Fold, Gap, Pattern, Schedule, preview};

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Zone { zone: String, tzif: String },
    Slots { pattern: String, gap: String, fold: String, from: i64, until: i64, slots: Vec<i64> },
}

#[test]
fn every_slot_is_where_python_puts_it() {
    let all = super::all_tests();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/schedule.py");
    let years = if all { ["2010", "2038"] } else { ["2022", "2025"] };
    let child = Command::new("python3").arg(script).args(years).stdout(Stdio::piped()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) if all => panic!("python3 is needed for this test: {error}"),
        Err(error) => return println!("skipped: no python3 ({error})"),
    };
    let (mut zone_name, mut zone) = (String::new(), Calendar::weekdays(TimeZone::UTC));
    let (mut lines, mut found, mut differences) = (0, 0, vec![]);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        match serde_json::from_str(&line.unwrap()).unwrap() {
            Line::Zone { zone: name, tzif } => {
                zone = Calendar::weekdays(TimeZone::tzif(&name, &bytes(&tzif)).unwrap());
                zone_name = name;
            }
            Line::Slots { pattern, gap, fold, from, until, slots } => {
                let schedule = schedule(&pattern, &gap, &fold);
                let minutes = |minute: i64| Millis(minute * 60_000);
                let ours = preview(&schedule, &zone, minutes(from), minutes(until), usize::MAX);
                let theirs: Vec<Millis> = slots.into_iter().map(minutes).collect();
                lines += 1;
                found += theirs.len();
                if ours != theirs {
                    let odd = |a: &[Millis], b: &[Millis]| {
                        a.iter()
                            .filter(|at| !b.contains(at))
                            .map(Millis::to_string)
                            .collect::<Vec<_>>()
                            .join(" ")
                    };
                    let (more, less) = (odd(&ours, &theirs), odd(&theirs, &ours));
                    differences.push(format!(
                        "{zone_name} `{pattern}` gap {gap}, fold {fold}: only ours: {more}; only theirs: {less}"
                    ));
                }
            }
        }
    }
    assert!(child.wait().unwrap().success(), "the oracle failed");
    assert!(lines > 5_000 && found > 20_000, "the oracle said little: {lines} schedules, {found} slots");
    println!("{lines} schedules, {found} slots, {} differences", differences.len());
    assert!(
        differences.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        differences[..differences.len().min(20)].join("\n")
    );
}

fn schedule(pattern: &str, gap: &str, fold: &str) -> Schedule {
    let gap = if gap == "skip" { Gap::Skip } else { Gap::After };
    let fold = match fold {
        "both" => Fold::Both,
        "second" => Fold::Second,
        _ => Fold::First,
    };
    Schedule { gap, fold, ..Schedule::new(Pattern::parse(pattern).unwrap()) }
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
