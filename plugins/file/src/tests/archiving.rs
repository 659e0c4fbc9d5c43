//! `file.archive`: sealed, verified, and only then is the source taken away.

use std::io::Read as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use serde_json::json;
use yizhan_plugin_api::prelude::*;

use super::{House, code, house};

fn tree() -> House {
    let house = house();
    house.put("records/1998/合同.txt", "供用水合同\n");
    house.put("records/1998/图/一.txt", "图纸");
    house.put(&format!("records/1998/{}.txt", "很长的名字".repeat(15)), "长");
    house
}

/// Path and content of each entry, in order.
fn entries(house: &House, tar: &str) -> Vec<(String, String)> {
    let mut archive = tar::Archive::new(std::fs::File::open(house.at(tar)).unwrap());
    let entry = |entry: std::io::Result<tar::Entry<'_, std::fs::File>>| {
        let mut entry = entry.unwrap();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        (String::from_utf8(entry.path_bytes().into_owned()).unwrap(), text)
    };
    archive.entries().unwrap().map(entry).collect()
}

#[test]
fn a_folder_becomes_one_sealed_tar_that_begins_with_its_hashes() {
    let house = tree();
    let out =
        house.run("archive", json!({ "from": "records/1998", "name": "合同-1998", "year": 2026 })).unwrap();
    assert_eq!(out["path"], "archive/2026/合同-1998.tar");
    assert_eq!((&out["files"], &out["removed"]), (&json!(3), &json!(true)));
    let entries = entries(&house, "archive/2026/合同-1998.tar");
    let names: Vec<_> = entries.iter().map(|(name, _)| name.as_str()).collect();
    let long = format!("1998/{}.txt", "很长的名字".repeat(15));
    assert_eq!(names, ["MANIFEST.sha256", "1998/合同.txt", "1998/图/一.txt", long.as_str()]);
    assert_eq!(entries[1].1, "供用水合同\n");
    let listed = format!("{}  1998/合同.txt\n", crate::digest::sha256("供用水合同\n".as_bytes()));
    assert!(entries[0].1.starts_with(&listed), "{}", entries[0].1);
    let mode = std::fs::metadata(house.at("archive/2026/合同-1998.tar")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o440, "nobody writes it any more");
    assert!(house.names("records").is_empty());
}

#[test]
fn a_single_file_and_the_defaults() {
    let house = house();
    house.put("a.txt", "甲");
    let out = house.run("archive", json!({ "from": "a.txt" })).unwrap();
    let path = out["path"].as_str().unwrap();
    assert!(path.starts_with("archive/2") && path.ends_with("/a.txt.tar"), "{path}");
    assert_eq!(entries(&house, path)[1], ("a.txt".to_owned(), "甲".to_owned()));
    assert_eq!(house.names(""), ["archive"]);
}

#[test]
fn the_same_files_give_the_same_bytes() {
    let house = house();
    let times = std::fs::FileTimes::new().set_modified(std::time::SystemTime::UNIX_EPOCH);
    for folder in ["one/x", "two/x"] {
        for name in ["b", "a"] {
            house.put(&format!("{folder}/{name}"), name);
            let file =
                std::fs::File::options().write(true).open(house.at(&format!("{folder}/{name}"))).unwrap();
            file.set_times(times).unwrap();
        }
    }
    let archive = |from: &str, name: &str| {
        house.run("archive", json!({ "from": from, "name": name, "year": 2026 })).unwrap()["sha256"].clone()
    };
    assert_eq!(archive("one/x", "one"), archive("two/x", "two"));
}

#[test]
fn a_second_attempt_finds_it_done() {
    let house = tree();
    let input = json!({ "from": "records/1998", "year": 2026 });
    let first = house.run("archive", input.clone()).unwrap();
    assert_eq!(house.run("archive", input).unwrap(), first);
}

#[test]
fn an_attempt_killed_while_taking_the_source_away_is_carried_on() {
    let house = tree();
    let kept = json!({ "from": "records/1998", "year": 2026, "remove": false });
    assert_eq!(house.run("archive", kept).unwrap()["removed"], false);
    assert_eq!(house.names("records/1998").len(), 3);
    std::fs::remove_file(house.at("records/1998/合同.txt")).unwrap();
    let out = house.run("archive", json!({ "from": "records/1998", "year": 2026 })).unwrap();
    assert_eq!((&out["files"], &out["removed"]), (&json!(3), &json!(true)));
    assert!(house.names("records").is_empty());
}

#[test]
fn an_archive_of_other_files_is_not_covered_and_nothing_is_taken_away() {
    let house = tree();
    house.run("archive", json!({ "from": "records/1998", "year": 2026, "remove": false })).unwrap();
    house.put("records/1998/new.txt", "new");
    let error = house.run("archive", json!({ "from": "records/1998", "year": 2026 })).unwrap_err();
    assert_eq!((error.code.as_str(), error.happened), ("file.exists", Happened::No));
    assert_eq!(house.names("records/1998").len(), 4);
}

#[test]
fn a_damaged_archive_is_noticed_and_the_source_stays() {
    let house = tree();
    let input = json!({ "from": "records/1998", "year": 2026, "remove": false });
    let path = house.run("archive", input).unwrap()["path"].as_str().unwrap().to_owned();
    let whole = std::fs::read(house.at(&path)).unwrap();
    let at = whole.windows(12).position(|window| window == "供用水合".as_bytes()).unwrap();
    let mut flipped = whole.clone();
    flipped[at] ^= 1;
    for damaged in [flipped, whole[..whole.len() / 2].to_vec(), Vec::new(), b"no tar at all".repeat(100)] {
        std::fs::remove_file(house.at(&path)).unwrap();
        house.put(&path, damaged);
        assert_eq!(
            code(house.run("archive", json!({ "from": "records/1998", "year": 2026 }))),
            "file.damaged"
        );
        assert_eq!(house.names("records/1998").len(), 3);
    }
}

#[test]
fn a_link_is_not_archived_and_stops_it() {
    let house = tree();
    symlink("/etc/passwd", house.at("records/1998/link")).unwrap();
    let error = house.run("archive", json!({ "from": "records/1998", "year": 2026 })).unwrap_err();
    assert_eq!(error.code, "file.outside_root");
    assert!(error.message.contains("records/1998/link"), "{error}");
    assert!(house.at("archive/2026").read_dir().is_ok_and(|mut entries| entries.next().is_none()));
}

#[test]
fn what_was_never_there_cannot_be_archived() {
    let house = house();
    assert_eq!(code(house.run("archive", json!({ "from": "nothing", "year": 2026 }))), "file.not_found");
}

#[test]
fn a_source_that_never_was_is_not_answered_with_an_archive_of_the_same_name() {
    let house = tree();
    house.run("archive", json!({ "from": "records/1998", "name": "合同", "year": 2026 })).unwrap();
    let mistyped = json!({ "from": "records/1989", "name": "合同", "year": 2026 });
    let error = house.with_key("another-step").run("archive", mistyped).unwrap_err();
    assert_eq!(error.code, "file.not_found");
}
