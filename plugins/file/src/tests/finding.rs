//! `file.list`: which files, and since when.

use std::fs::FileTimes;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::{House, code, house};

impl House {
    /// A file last written so many days ago.
    fn aged(&self, path: &str, days: u64) {
        self.put(path, "x");
        let then = SystemTime::now() - Duration::from_secs(days * 86_400);
        let file = std::fs::File::options().write(true).open(self.at(path)).unwrap();
        file.set_times(FileTimes::new().set_modified(then)).unwrap();
    }

    #[track_caller]
    fn found(&self, input: Value) -> Vec<String> {
        let out = self.run("list", input).unwrap();
        let files = out["files"].as_array().unwrap();
        files.iter().map(|file| file["path"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn files_come_sorted_with_what_a_register_needs() {
    let house = house();
    house.put("records/b.txt", "四个字节");
    house.put("records/a.txt", "");
    house.put("records/deep/c.txt", "");
    assert_eq!(house.found(json!({ "path": "records" })), ["records/a.txt", "records/b.txt"]);
    assert_eq!(
        house.found(json!({ "path": "records", "recursive": true })),
        ["records/a.txt", "records/b.txt", "records/deep/c.txt"]
    );
    assert_eq!(house.found(json!({ "recursive": true })).len(), 3, "the first root where no path is given");
    let out = house.run("list", json!({ "path": "records" })).unwrap();
    let file = &out["files"][1];
    assert_eq!((&file["name"], &file["size"], &out["more"]), (&json!("b.txt"), &json!(12), &json!(false)));
}

#[test]
fn paths_below_another_root_lead_back_to_it() {
    let house = house();
    std::fs::create_dir_all(house.home.path().join("exports/a")).unwrap();
    std::fs::write(house.home.path().join("exports/a/b"), "x").unwrap();
    assert_eq!(house.found(json!({ "path": "exports:", "recursive": true })), ["exports:a/b"]);
    assert_eq!(house.run("read", json!({ "path": "exports:a/b" })).unwrap()["text"], "x");
}

#[test]
fn a_period_is_counted_by_the_calendar() {
    let house = house();
    house.aged("r/old", 3_700);
    house.aged("r/almost", 3_600);
    house.aged("r/new", 0);
    for (span, expected) in [
        ("10 years", vec!["r/old"]),
        ("3650 days", vec!["r/old"]),
        ("9 years", vec!["r/almost", "r/old"]),
        ("1h", vec!["r/almost", "r/old"]),
        ("30 years", vec![]),
    ] {
        assert_eq!(house.found(json!({ "path": "r", "older_than": span })), expected, "{span}");
    }
    for span in ["ten years", "", "-1 years", "10"] {
        assert_eq!(
            code(house.run("list", json!({ "path": "r", "older_than": span }))),
            "file.bad_time",
            "{span}"
        );
    }
}

#[test]
fn the_year_and_the_day_are_those_of_the_time_zone() {
    let house = house();
    house.put("r/a", "x");
    // Half past four in the night of New Year in Shanghai, still the old year in UTC.
    let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(1_009_830_600);
    let file = std::fs::File::options().write(true).open(house.at("r/a")).unwrap();
    file.set_times(FileTimes::new().set_modified(moment)).unwrap();
    let out = house.run("list", json!({ "path": "r" })).unwrap();
    assert_eq!(out["files"][0]["modified"], "2001-12-31T20:30:00Z");
    assert_eq!(out["files"][0]["year"], 2002);
    assert_eq!(house.found(json!({ "path": "r", "modified_before": "2002-01-01" })), Vec::<String>::new());
    assert_eq!(house.found(json!({ "path": "r", "modified_before": "2002-01-02" })), ["r/a"]);
    assert_eq!(house.found(json!({ "path": "r", "modified_before": "2002-01-01T04:30:01+08:00" })), ["r/a"]);
    assert_eq!(code(house.run("list", json!({ "path": "r", "modified_before": "soon" }))), "file.bad_time");
}

#[test]
fn a_pattern_is_held_against_the_name_or_with_a_slash_against_the_path() {
    let house = house();
    for path in ["r/a.csv", "r/b.CSV", "r/2025/a.csv", "r/2026/11/a.csv", "r/2026/a[1].txt", "r/报表一.csv"]
    {
        house.put(path, "x");
    }
    for (glob, expected) in [
        ("*.csv", vec!["r/2025/a.csv", "r/2026/11/a.csv", "r/a.csv", "r/报表一.csv"]),
        ("报表?.csv", vec!["r/报表一.csv"]),
        ("2026/**/*.csv", vec!["r/2026/11/a.csv"]),
        ("202[0-5]/*", vec!["r/2025/a.csv"]),
        ("202[!5]/*", vec!["r/2026/a[1].txt"]),
        ("**/a*", vec!["r/2025/a.csv", "r/2026/11/a.csv", "r/2026/a[1].txt", "r/a.csv"]),
        ("a[[]1].txt", vec!["r/2026/a[1].txt"]),
        ("nothing*", vec![]),
        ("[", vec![]),
    ] {
        assert_eq!(house.found(json!({ "path": "r", "recursive": true, "glob": glob })), expected, "{glob}");
    }
}

#[test]
fn a_pattern_of_many_stars_ends_soon() {
    let name = "a".repeat(200);
    assert!(!crate::glob::matches(&format!("{}b", "a*".repeat(60)), &name));
    assert!(crate::glob::matches(&"*a".repeat(60), &name));
}

#[test]
fn links_and_the_plugins_own_files_are_not_listed() {
    let house = house();
    house.run("append", json!({ "path": "r/a.txt", "text": "x" })).unwrap();
    house.put("r/.0.yztmp", "x");
    symlink("/etc/passwd", house.at("r/link")).unwrap();
    symlink("/etc", house.at("r/door")).unwrap();
    assert_eq!(house.found(json!({ "path": "r", "recursive": true })), ["r/a.txt"]);
}

#[test]
fn a_limit_says_that_there_is_more() {
    let house = house();
    for at in 0..5 {
        house.put(&format!("r/{at}"), "x");
    }
    let out = house.run("list", json!({ "path": "r", "limit": 3 })).unwrap();
    assert_eq!((out["files"].as_array().unwrap().len(), &out["more"]), (3, &json!(true)));
    assert_eq!(out["files"][2]["path"], "r/2");
    assert_eq!(house.run("list", json!({ "path": "r", "limit": 5 })).unwrap()["more"], false);
}

#[test]
fn a_list_never_outgrows_what_a_step_may_give() {
    let house = house();
    for at in 0..4_500 {
        house.put(&format!("r/{:0>200}", at), "");
    }
    let out = house.run("list", json!({ "path": "r" })).unwrap();
    assert!(out.to_string().len() < 1 << 20);
    assert_eq!(out["more"], true);
}

#[test]
fn a_folder_that_is_not_there_is_an_error_and_not_an_empty_list() {
    let house = house();
    house.put("file", "x");
    assert_eq!(code(house.run("list", json!({ "path": "records" }))), "file.not_found");
    assert_eq!(code(house.run("list", json!({ "path": "file" }))), "file.not_a_folder");
}
