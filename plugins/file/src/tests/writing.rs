//! `file.write` and `file.read`.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use yizhan_plugin_api::prelude::*;

use super::{code, house};

#[test]
fn a_written_file_is_there_with_its_folders_and_the_output_leads_to_it() {
    let house = house();
    let out = house.run("write", json!({ "path": "客户/华东公司/档案.txt", "text": "编号:一\n" })).unwrap();
    assert_eq!(house.text("客户/华东公司/档案.txt"), "编号:一\n");
    assert_eq!(
        (&out["path"], &out["name"], &out["bytes"]),
        (&json!("客户/华东公司/档案.txt"), &json!("档案.txt"), &json!(11))
    );
    let read = house.run("read", json!({ "path": out["path"] })).unwrap();
    assert_eq!((&read["text"], &read["sha256"]), (&json!("编号:一\n"), &out["sha256"]));
    let mode = std::fs::metadata(house.at("客户/华东公司/档案.txt")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640, "others see nothing");
}

#[test]
fn writing_again_replaces_and_leaves_nothing_beside() {
    let house = house();
    for text in ["a long first text", "short"] {
        house.run("write", json!({ "path": "a.txt", "text": text })).unwrap();
        assert_eq!(house.text("a.txt"), text);
    }
    assert_eq!(std::fs::read_dir(house.at("")).unwrap().count(), 1);
}

#[test]
fn create_refuses_another_file_but_not_its_own_of_an_earlier_attempt() {
    let house = house();
    let create = |text: &str| house.run("write", json!({ "path": "a.txt", "text": text, "mode": "create" }));
    let first = create("one").unwrap();
    assert_eq!(create("one").unwrap(), first);
    let error = create("two").unwrap_err();
    assert_eq!((error.code.as_str(), error.retry, error.happened), ("file.exists", false, Happened::No));
    assert_eq!(house.text("a.txt"), "one");
}

#[test]
fn json_keeps_the_order_of_its_keys_and_is_readable() {
    let house = house();
    house
        .run("write", json!({ "path": "a.json", "json": { "编号": "KH1", "a": [1, 2.50], "missing": null } }))
        .unwrap();
    assert_eq!(
        house.text("a.json"),
        "{\n  \"编号\": \"KH1\",\n  \"a\": [\n    1,\n    2.5\n  ],\n  \"missing\": null\n}\n"
    );
    let read = house.run("read", json!({ "path": "a.json", "as": "json" })).unwrap();
    assert_eq!(read["json"]["编号"], "KH1");
}

#[test]
fn each_encoding_writes_its_own_bytes_and_reads_them_back() {
    let house = house();
    for (encoding, bytes) in [
        ("utf-8", b"\xE4\xBD\xA0\n".as_slice()),
        ("utf-8-bom", b"\xEF\xBB\xBF\xE4\xBD\xA0\n"),
        ("gb18030", b"\xC4\xE3\n"),
    ] {
        house.run("write", json!({ "path": "a.txt", "text": "你\n", "encoding": encoding })).unwrap();
        assert_eq!(std::fs::read(house.at("a.txt")).unwrap(), bytes);
        let read = house.run("read", json!({ "path": "a.txt", "encoding": encoding })).unwrap();
        assert_eq!(read["text"], "你\n");
    }
    let error = house.run("read", json!({ "path": "a.txt" })).unwrap_err();
    assert_eq!(error.code, "file.encoding", "GB18030 is not UTF-8");
    assert!(error.help.unwrap().contains("gb18030"));
}

#[test]
fn gb18030_has_a_place_for_rare_characters() {
    let house = house();
    let rare = "㐀𠮷龘🚰";
    house.run("write", json!({ "path": "a.txt", "text": rare, "encoding": "gb18030" })).unwrap();
    let read = house.run("read", json!({ "path": "a.txt", "encoding": "gb18030" })).unwrap();
    assert_eq!(read["text"], rare);
}

#[test]
fn a_stored_file_is_written_byte_by_byte_and_a_file_is_stored() {
    let content: Vec<u8> = (0..=255).cycle().take(9 << 20).collect();
    let mut house = house();
    house.plugin = house.plugin.artifact("art_1", "photo.jpg", &content);
    house.run("write", json!({ "path": "photo.jpg", "artifact": "art_1" })).unwrap();
    assert!(std::fs::read(house.at("photo.jpg")).unwrap() == content);
    let read = house.run("read", json!({ "path": "photo.jpg", "as": "artifact" })).unwrap();
    assert!(read["artifact"].is_string() && read["text"].is_null());
    assert!(house.plugin.artifacts().iter().filter(|(_, stored)| *stored == content).count() == 2);
}

#[test]
fn content_is_given_once() {
    let house = house();
    for input in [json!({ "path": "a" }), json!({ "path": "a", "text": "x", "json": 1 })] {
        assert_eq!(code(house.run("write", input)), "file.no_content");
    }
    assert_eq!(
        code(house.run("append", json!({ "path": "a", "text": "x", "csv": ["y"] }))),
        "file.no_content"
    );
}

#[test]
fn reading_what_is_not_there_is_not_text_or_too_large_says_so() {
    let house = house();
    house.put("folder/a", "x");
    house.put("large", vec![b'x'; (1 << 20) + 1]);
    house.put("binary", [0xFF, 0xFE, 0x00]);
    for (input, expected) in [
        (json!({ "path": "nothing" }), "file.not_found"),
        (json!({ "path": "nothing/a" }), "file.not_found"),
        (json!({ "path": "folder" }), "file.is_folder"),
        (json!({ "path": "folder/a/b" }), "file.not_a_folder"),
        (json!({ "path": "large" }), "file.too_large"),
        (json!({ "path": "folder/a", "max_bytes": 0 }), "file.too_large"),
        (json!({ "path": "binary" }), "file.encoding"),
        (json!({ "path": "folder/a", "as": "json" }), "file.bad_json"),
    ] {
        assert_eq!(code(house.run("read", input.clone())), expected, "{input}");
    }
}

#[test]
fn a_full_disk_keeps_the_old_file_and_asks_for_another_try() {
    let house = house();
    let Some(disk) = SmallDisk::on(&house.at("small")) else { return };
    house.run("write", json!({ "path": "small/a.txt", "text": "old" })).unwrap();
    let large = "x".repeat(2 << 20);
    let error = house.run("write", json!({ "path": "small/a.txt", "text": large })).unwrap_err();
    assert_eq!((error.code.as_str(), error.retry, error.happened), ("file.full", true, Happened::No));
    assert!(error.message.contains("small/a.txt") && error.help.is_some(), "{error:?}");
    assert_eq!(house.text("small/a.txt"), "old");
    let error = house.run("append", json!({ "path": "small/b.txt", "text": large })).unwrap_err();
    assert_eq!((error.code.as_str(), error.happened), ("file.full", Happened::No));
    assert_eq!(house.text("small/b.txt"), "", "what was written of it is cut off again");
    house.run("append", json!({ "path": "small/b.txt", "text": "fits" })).unwrap();
    assert_eq!(house.text("small/b.txt"), "fits\n");
    drop(disk);
}

/// A disk of 1 MiB, where this user may mount one; taken away when dropped.
pub(super) struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    pub(super) fn on(folder: &std::path::Path) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        let mut mount = std::process::Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(folder).output();
        if mounted.as_ref().is_ok_and(|output| output.status.success()) {
            return Some(Self(folder.to_owned()));
        }
        // A right, not a tool: nothing that could be installed would give it.
        println!("skipped: this user may not mount a small disk: {mounted:?}");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = std::process::Command::new("umount").arg(&self.0).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "the small disk stays");
    }
}
