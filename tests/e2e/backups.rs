//! A home in one file, made while its daemon runs, and a home made of it.

use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::house::House;

const ASKED: &str = r#"
title = "问一问"
[input]
what = {}
[step.look]
ask     = "person:a"
form.ok = { type = "yesno" }
[step.keep]
use       = "file.write"
with.path = "{{ input.what }}.txt"
with.text = "{{ input.what }}"
"#;

/// A house with a run that waits for somebody, and a place for backups.
fn asked() -> (House, String, tempfile::TempDir, PathBuf) {
    let mut house = House::with("owner = \"person:a\"\n");
    house.write("config/people.toml", "[person.a]\nname = \"甲\"\n");
    house.write("secrets/crm", "a secret of the house");
    house.workflow("asked", ASKED);
    house.start();
    let run = house.run("asked", &json!({ "what": "报告" }));
    house.task(&run);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.zip");
    (house, run, folder, file)
}

fn words(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_home_that_is_restored_from_a_backup_goes_on_where_the_backup_was_made() {
    let (mut house, run, _folder, file) = asked();
    let said = house.call(&["backup", words(&file)]).ok();
    assert!(said.out.contains("without the secrets (crm)"), "{said:?}");
    house.stop();

    let (mut restored, said) = House::restored(&file);
    assert!(said.out.contains("put crm back into") && !restored.file("secrets/crm").exists(), "{said:?}");
    restored.start();
    let task = restored.task(&run)["id"].as_str().unwrap().to_owned();
    let answer = json!({ "by": "person:a", "fields": { "ok": true } });
    restored.client().post(&format!("/api/v1/tasks/{task}/answer"), &answer).unwrap();
    restored.ends(&run, "done");
    assert_eq!(restored.read("data/files/报告.txt"), "报告");
}

#[test]
fn a_backup_that_is_not_whole_is_refused_and_leaves_nothing() {
    let (house, _, folder, file) = asked();
    house.call(&["backup", words(&file), "--secrets"]).ok();
    let said = house.call(&["restore", words(&file), "--check"]).ok();
    assert!(said.out.contains("the backup is whole"), "{said:?}");

    let (whole, home) = (std::fs::read(&file).unwrap(), folder.path().join("restored"));
    let refused = |what: &str, bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        let said = house.call(&["restore", words(&file), words(&home)]);
        assert!(said.code == 3 && said.err.contains("YZ0544"), "{what}: {said:?}");
        let left = std::fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.path());
        assert_eq!(left.collect::<Vec<_>>(), std::slice::from_ref(&file), "{what}");
    };
    refused("cut off", &whole[..whole.len() / 2]);
    // In the middle of some file or over its head: a single bit may be one of a time that nobody reads.
    let mut flipped = whole.clone();
    flipped[whole.len() / 2..][..256].iter_mut().for_each(|byte| *byte ^= 1);
    refused("bits turned over", &flipped);
    refused("something else", b"a letter");
}

#[test]
fn a_backup_never_lies_in_what_it_is_made_of_nor_a_restored_home_over_another() {
    let (house, _, _folder, file) = asked();
    let inside = house.file("data/files/backup.zip");
    let said = house.call(&["backup", words(&inside)]);
    assert!(said.code == 1 && said.err.contains("YZ0542") && !inside.exists(), "{said:?}");
    house.call(&["backup", words(&file)]).ok();
    let said = house.call(&["restore", words(&file), words(&house.home)]);
    assert!(said.code == 1 && said.err.contains("YZ0545"), "{said:?}");
}

#[test]
fn a_store_that_is_damaged_is_not_backed_up_and_the_last_backup_stays() {
    let (mut house, _, _folder, file) = asked();
    house.call(&["backup", words(&file)]).ok();
    let before = std::fs::read(&file).unwrap();
    house.stop();
    // Whoever opens the store brings its log into the file, whatever it finds.
    house.call(&["doctor"]);
    let store = house.file("data/yizhan.db");
    let bytes = std::fs::read(&store).unwrap();
    // What only a list shows: the step of the open task, behind the word of what it is of.
    let place = bytes.windows(7).position(|window| window == b"lookask").unwrap();
    let opened = std::fs::File::options().write(true).open(&store).unwrap();
    opened.write_all_at(&[bytes[place] ^ 1], place as u64).unwrap();
    let said = house.call(&["backup", words(&file)]);
    assert!(said.code == 3 && said.err.contains("YZ0543"), "{said:?}");
    assert!(said.err.contains("1 rows of the table `task` are damaged"), "{said:?}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}
