//! `file.copy`, `file.move` and `file.delete`: twice is the same as once.

use std::os::unix::fs::symlink;

use serde_json::json;
use yizhan_plugin_api::prelude::*;

use super::{code, house};
use crate::tests::writing::SmallDisk;

#[test]
fn a_copy_is_the_same_and_copying_twice_changes_nothing() {
    let house = house();
    house.put("a.txt", "甲");
    let input = json!({ "from": "a.txt", "to": "deep/b.txt" });
    let first = house.run("copy", input.clone()).unwrap();
    assert_eq!((house.text("a.txt"), house.text("deep/b.txt")), ("甲".to_owned(), "甲".to_owned()));
    assert_eq!(house.run("copy", input.clone()).unwrap(), first);
    house.put("a.txt", "乙");
    assert_eq!(code(house.run("copy", input)), "file.exists");
    assert_eq!(house.text("deep/b.txt"), "甲");
    house.run("copy", json!({ "from": "a.txt", "to": "deep/b.txt", "replace": true })).unwrap();
    assert_eq!(house.text("deep/b.txt"), "乙");
}

#[test]
fn a_moved_file_is_there_and_gone_here_and_moving_twice_changes_nothing() {
    let house = house();
    house.put("in/a.txt", "甲");
    let input = json!({ "from": "in/a.txt", "to": "exports:out/b.txt" });
    let first = house.run("move", input.clone()).unwrap();
    assert_eq!(first["path"], "exports:out/b.txt");
    assert_eq!(std::fs::read_to_string(house.home.path().join("exports/out/b.txt")).unwrap(), "甲");
    assert!(house.names("in").is_empty());
    assert_eq!(house.run("move", input.clone()).unwrap(), first);
    let other = json!({ "from": "in/a.txt", "to": "exports:out/b.txt", "sha256": "00" });
    assert_eq!(code(house.run("move", other)), "file.changed", "what is there is not what was to be moved");
}

#[test]
fn a_move_never_covers_another_file_unless_told() {
    let house = house();
    house.put("a.txt", "甲");
    house.put("b.txt", "乙");
    let error = house.run("move", json!({ "from": "a.txt", "to": "b.txt" })).unwrap_err();
    assert_eq!((error.code.as_str(), error.happened), ("file.exists", Happened::No));
    assert_eq!((house.text("a.txt"), house.text("b.txt")), ("甲".to_owned(), "乙".to_owned()));
    house.run("move", json!({ "from": "a.txt", "to": "b.txt", "replace": true })).unwrap();
    assert_eq!(house.names(""), ["b.txt"]);
    assert_eq!(house.text("b.txt"), "甲");
}

#[test]
fn a_move_whose_first_attempt_copied_only_takes_the_source_away() {
    let house = house();
    house.put("a.txt", "甲");
    house.put("b.txt", "甲");
    house.run("move", json!({ "from": "a.txt", "to": "b.txt" })).unwrap();
    assert_eq!(house.names(""), ["b.txt"]);
}

#[test]
fn a_file_moves_to_another_disk_by_copy() {
    let house = house();
    let Some(disk) = SmallDisk::on(&house.at("disk")) else { return };
    house.put("a.txt", "甲");
    house.run("move", json!({ "from": "a.txt", "to": "disk/a.txt" })).unwrap();
    assert_eq!((house.names(""), house.text("disk/a.txt")), (vec!["disk".to_owned()], "甲".to_owned()));
    house.put("folder/a.txt", "甲");
    assert_eq!(code(house.run("move", json!({ "from": "folder", "to": "disk/folder" }))), "file.other_disk");
    drop(disk);
}

#[test]
fn a_folder_moves_whole_but_not_into_itself() {
    let house = house();
    house.put("in/deep/a.txt", "甲");
    assert_eq!(code(house.run("move", json!({ "from": "in", "to": "in/deep/in" }))), "file.into_itself");
    let input = json!({ "from": "in", "to": "out" });
    house.run("move", input.clone()).unwrap();
    house.run("move", input).unwrap();
    assert_eq!(house.text("out/deep/a.txt"), "甲");
}

#[test]
fn what_was_never_there_cannot_be_moved_or_copied() {
    let house = house();
    for action in ["move", "copy"] {
        for from in ["nothing", "nowhere/nothing"] {
            assert_eq!(code(house.run(action, json!({ "from": from, "to": "b" }))), "file.not_found");
        }
    }
}

#[test]
fn deleting_takes_the_file_and_what_the_plugin_kept_beside_it() {
    let house = house();
    house.run("append", json!({ "path": "a.txt", "text": "甲" })).unwrap();
    assert_eq!(house.run("delete", json!({ "path": "a.txt" })).unwrap()["files"], 1);
    assert_eq!(std::fs::read_dir(house.at("")).unwrap().count(), 0);
    assert_eq!(house.run("delete", json!({ "path": "a.txt" })).unwrap()["files"], 0, "it is gone already");
    assert_eq!(house.run("delete", json!({ "path": "nowhere/a.txt" })).unwrap()["files"], 0);
}

#[test]
fn a_folder_is_deleted_only_when_that_is_said_and_links_in_it_lead_nowhere() {
    let house = house();
    house.put("tree/a/b.txt", "甲");
    house.put("tree/c.txt", "甲");
    house.put("kept.txt", "乙");
    symlink(house.at("kept.txt"), house.at("tree/link")).unwrap();
    symlink(house.home.path(), house.at("tree/door")).unwrap();
    assert_eq!(code(house.run("delete", json!({ "path": "tree" }))), "file.is_folder");
    assert_eq!(house.text("tree/a/b.txt"), "甲");
    assert_eq!(house.run("delete", json!({ "path": "tree", "recursive": true })).unwrap()["files"], 4);
    assert_eq!(house.names(""), ["kept.txt"]);
    assert!(house.home.path().join("exports").exists());
}

#[test]
fn a_root_itself_is_never_deleted_or_moved() {
    let house = house();
    house.put("a.txt", "甲");
    for path in ["", ".", "files:", "./"] {
        for (action, input) in [
            ("delete", json!({ "path": path, "recursive": true })),
            ("move", json!({ "from": path, "to": "exports:b" })),
            ("archive", json!({ "from": path, "name": "all" })),
        ] {
            let code = code(house.run(action, input));
            assert!(
                ["file.outside_root", "file.bad_name"].contains(&code.as_str()),
                "{action} {path:?}: {code}"
            );
        }
    }
    assert_eq!(house.names(""), ["a.txt"]);
}
