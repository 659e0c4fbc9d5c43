//! `file.append`: no crash doubles a row or leaves half of one.

use serde_json::{Value, json};
use yizhan_plugin_api::prelude::*;

use super::{House, code, house, open};

const LOG: &str = ".book.csv.yzlog";

fn row(text: &str) -> Value {
    json!({ "path": "book.csv", "csv": { "编号": text, "金额": 12.5 }, "bom": true })
}

impl House {
    #[track_caller]
    fn append(self, key: &str, input: &Value) -> Self {
        let house = self.with_key(key);
        house.plugin.run("append", input).unwrap();
        house
    }

    /// Everything below the root, byte by byte.
    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.at(name)).unwrap()
    }
}

#[test]
fn a_new_book_begins_with_the_mark_and_the_names_and_rows_follow() {
    let house = house().append("k1", &row("一")).append("k2", &row("二"));
    assert_eq!(house.text("book.csv"), "\u{feff}编号,金额\r\n一,12.5\r\n二,12.5\r\n");
}

#[test]
fn a_second_attempt_with_its_key_adds_nothing_and_says_the_same() {
    let house = house().with_key("k1");
    let first = house.plugin.run("append", &row("一")).unwrap();
    let house = house.append("k2", &row("二")).with_key("k1");
    assert_eq!(house.plugin.run("append", &row("一")).unwrap(), first);
    assert_eq!(house.text("book.csv"), "\u{feff}编号,金额\r\n一,12.5\r\n二,12.5\r\n");
}

#[test]
fn the_same_row_under_another_key_is_another_row() {
    let house = house().append("k1", &row("一")).append("k2", &row("一"));
    assert_eq!(house.text("book.csv"), "\u{feff}编号,金额\r\n一,12.5\r\n一,12.5\r\n");
}

/// What is on the disk after an append that was killed when the first `data` bytes of its row were written.
struct Crash {
    before: Vec<u8>,
    after: Vec<u8>,
    log_before: Vec<u8>,
    /// With the record of the append and without its mark.
    log: Vec<u8>,
    /// With the mark.
    log_after: Vec<u8>,
}

/// Lets `second` be appended after `first`, and takes the states in between apart.
fn crash(first: Option<&Value>, second: &Value) -> (House, Crash) {
    let house = house();
    let read = |house: &House, name: &str| std::fs::read(house.at(name)).unwrap_or_default();
    let house = match first {
        Some(first) => house.append("k1", first),
        None => house,
    };
    let (before, log_before) = (read(&house, "book.csv"), read(&house, LOG));
    let house = house.append("k2", second);
    let (after, log_after) = (house.bytes("book.csv"), house.bytes(LOG));
    let mark = log_after[..log_after.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    assert_eq!(log_after[mark], b'=', "the last line is the mark");
    let log = log_after[..mark].to_vec();
    (house, Crash { before, after, log_before, log, log_after })
}

/// Puts a state on the disk in place, as it was, so that it is the same file.
fn set(house: &House, data: &[u8], log: &[u8]) {
    std::fs::write(house.at("book.csv"), data).unwrap();
    std::fs::write(house.at(LOG), log).unwrap();
}

#[test]
fn a_row_torn_at_any_byte_is_whole_after_the_second_attempt() {
    for first in [None, Some(row("一"))] {
        let (mut house, crash) = crash(first.as_ref(), &row("二,\"引号\""));
        for length in crash.before.len()..=crash.after.len() {
            set(&house, &crash.after[..length], &crash.log);
            house = house.append("k2", &row("二,\"引号\""));
            assert_eq!(house.bytes("book.csv"), crash.after, "torn after {length} bytes");
        }
    }
}

#[test]
fn a_row_torn_at_any_byte_does_not_spoil_the_next_one_and_is_appended_after_it() {
    let (mut house, crash) = crash(Some(&row("一")), &row("二"));
    let (second, whole) = (&crash.after[crash.before.len()..], crash.after.len());
    for length in crash.before.len()..=whole {
        set(&house, &crash.after[..length], &crash.log);
        house = house.append("k3", &row("三"));
        let third = "三,12.5\r\n".as_bytes();
        let start = if length == whole { crash.after.clone() } else { crash.before.clone() };
        assert_eq!(house.bytes("book.csv"), [&start, third].concat(), "torn after {length} bytes");
        house = house.append("k2", &row("二"));
        let expected =
            if length == whole { [&start, third].concat() } else { [&start, third, second].concat() };
        assert_eq!(house.bytes("book.csv"), expected, "torn after {length} bytes, tried again");
        house = house.append("k3", &row("三"));
        assert_eq!(house.bytes("book.csv"), expected, "the third is not doubled");
    }
}

#[test]
fn a_torn_row_that_another_row_took_the_place_of_is_not_taken_for_done() {
    // The third row has the very bytes of the second, at the very place.
    let (house, crash) = crash(Some(&row("一")), &row("二"));
    set(&house, &crash.after[..crash.after.len() - 3], &crash.log);
    let house = house.append("k3", &row("二"));
    assert_eq!(house.bytes("book.csv"), crash.after);
    let house = house.append("k2", &row("二"));
    assert_eq!(house.bytes("book.csv"), [&crash.after, &crash.after[crash.before.len()..]].concat());
}

#[test]
fn a_side_file_torn_at_any_byte_means_that_the_book_was_not_touched_yet() {
    let (mut house, crash) = crash(Some(&row("一")), &row("二"));
    for length in crash.log_before.len()..crash.log.len() {
        set(&house, &crash.before, &crash.log[..length]);
        house = house.append("k2", &row("二"));
        assert_eq!(house.bytes("book.csv"), crash.after, "the side file torn after {length} bytes");
    }
}

#[test]
fn a_torn_or_lost_mark_is_made_good_by_looking_at_the_bytes() {
    let (mut house, crash) = crash(Some(&row("一")), &row("二"));
    for length in crash.log.len()..=crash.log_after.len() {
        set(&house, &crash.after, &crash.log_after[..length]);
        house = house.append("k2", &row("二"));
        assert_eq!(house.bytes("book.csv"), crash.after, "the mark torn after {length} bytes");
        house = house.append("k3", &row("三"));
        assert_eq!(house.bytes("book.csv").len(), crash.after.len() + "三,12.5\r\n".len());
    }
}

#[test]
fn zeros_where_the_power_went_out_are_cut_off() {
    let (house, crash) = crash(Some(&row("一")), &row("二"));
    let mut zeros = crash.before.clone();
    zeros.resize(crash.after.len(), 0);
    set(&house, &zeros, &crash.log);
    let house = house.append("k2", &row("二"));
    assert_eq!(house.bytes("book.csv"), crash.after);
}

#[test]
fn what_a_person_changed_since_is_never_cut_off() {
    let house = house().append("k1", &row("一")).append("k2", &row("二"));
    // In place, shorter, without the last line end.
    house.put("book.csv", "\u{feff}编号,金额\r\n一,99");
    let house = house.append("k3", &row("三")).append("k2", &row("二"));
    assert_eq!(house.text("book.csv"), "\u{feff}编号,金额\r\n一,99\r\n三,12.5\r\n");
    // Saved as another file under the same name, while an append was unfinished.
    let (house, crash) = crash(Some(&row("一")), &row("二"));
    set(&house, &crash.after, &crash.log);
    std::fs::write(house.at("new"), &crash.after[..crash.after.len() - 4]).unwrap();
    std::fs::rename(house.at("new"), house.at("book.csv")).unwrap();
    let house = house.append("k3", &row("三"));
    assert_eq!(
        house.bytes("book.csv"),
        [&crash.after[..crash.after.len() - 4], "\r\n三,12.5\r\n".as_bytes()].concat()
    );
}

#[test]
fn what_a_person_adds_after_a_torn_row_was_cut_off_stays() {
    let (house, crash) = crash(Some(&row("一")), &row("二"));
    set(&house, &crash.after[..crash.after.len() - 3], &crash.log);
    let house = house.with_key("k3");
    assert_eq!(
        code(house.run("append", json!({ "path": "book.csv", "csv": { "客户": "一" } }))),
        "file.columns"
    );
    assert_eq!(house.bytes("book.csv"), crash.before, "the torn row is cut off");
    let by_hand = [crash.before.as_slice(), b"x,1\r\n"].concat();
    std::fs::write(house.at("book.csv"), &by_hand).unwrap();
    let house = house.append("k4", &row("四"));
    assert_eq!(house.bytes("book.csv"), [&by_hand, "四,12.5\r\n".as_bytes()].concat());
}

#[test]
fn a_damaged_line_of_the_side_file_is_not_believed() {
    let (house, crash) = crash(Some(&row("一")), &row("二"));
    // It would have the whole book cut off as torn.
    let inode = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(house.at("book.csv")).unwrap());
    let damaged = format!("+ k2 0 1000 {} {inode} 00000000\n", "0".repeat(32));
    set(&house, &crash.before, &[&crash.log_before, damaged.as_bytes()].concat());
    let house = house.append("k2", &row("二"));
    assert_eq!(house.bytes("book.csv"), crash.after);
    // Nor are bytes that are no text.
    set(&house, &crash.before, &[&crash.log_before, b"\xFF\xFE\0\0\n".as_slice()].concat());
    let house = house.append("k2", &row("二")).append("k1", &row("一"));
    assert_eq!(house.bytes("book.csv"), crash.after);
}

#[test]
fn a_long_side_file_is_shortened_and_still_knows_the_newer_half() {
    let (house, crash) = crash(Some(&row("一")), &row("二"));
    let older = crash.log_before.repeat((16 << 20) / crash.log_before.len() + 1);
    set(&house, &crash.after, &[&older, &crash.log_after[crash.log_before.len()..]].concat());
    let house = house.append("k3", &row("三"));
    let length = std::fs::metadata(house.at(LOG)).unwrap().len();
    assert!(length < 9 << 20, "{length}");
    let whole = house.bytes("book.csv");
    let house = house.append("k2", &row("二")).append("k3", &row("三"));
    assert_eq!(house.bytes("book.csv"), whole);
}

#[test]
fn a_done_row_stays_done_when_the_book_was_taken_away() {
    let house = house().append("k1", &row("一"));
    std::fs::remove_file(house.at("book.csv")).unwrap();
    let house = house.append("k1", &row("一"));
    assert_eq!(house.names(""), Vec::<String>::new());
    let house = house.append("k2", &row("二"));
    assert_eq!(house.text("book.csv"), "\u{feff}编号,金额\r\n二,12.5\r\n");
}

#[test]
fn many_at_once_leave_whole_rows_and_each_once() {
    let home = house();
    let (threads, rows) = (8, 12);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let home = &home.home;
            scope.spawn(move || {
                let mut plugin = open(home);
                for at in 0..rows {
                    plugin = plugin.key(&format!("t{thread}r{at}"));
                    for _ in 0..2 {
                        plugin.run("append", &row(&format!("{thread}-{at}"))).unwrap();
                    }
                }
            });
        }
    });
    let text = home.text("book.csv");
    let mut lines: Vec<_> = text.lines().skip(1).collect();
    assert_eq!(lines.len(), threads * rows);
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), threads * rows, "no row twice");
    assert!(lines.iter().all(|line| line.ends_with(",12.5")), "no row torn");
}

#[test]
fn a_row_goes_into_the_columns_of_the_book_whatever_their_order() {
    let house = house();
    house.put("book.csv", "金额,日期,编号\n1,今天,零\n");
    let house = house.append("k1", &json!({ "path": "book.csv", "csv": { "编号": "一", "金额": 2 } }));
    assert_eq!(house.text("book.csv"), "金额,日期,编号\n1,今天,零\n2,,一\r\n");
    let house = house.with_key("k2");
    let error = house.run("append", json!({ "path": "book.csv", "csv": { "客户": "一" } })).unwrap_err();
    assert_eq!((error.code.as_str(), error.happened), ("file.columns", Happened::No));
    assert!(error.message.contains("客户") && error.help.unwrap().contains("金额, 日期, 编号"));
}

#[test]
fn a_book_in_gb18030_stays_in_it() {
    let row = |text: &str| json!({ "path": "book.csv", "csv": { "编号": text }, "encoding": "gb18030" });
    let house = house().append("k1", &row("一")).append("k2", &row("二"));
    let bytes = house.bytes("book.csv");
    assert_eq!(encoding_rs::GB18030.decode(&bytes).0, "编号\r\n一\r\n二\r\n");
    let utf8 = json!({ "path": "book.csv", "csv": { "编号": "三" } });
    let house = house.with_key("k3");
    assert!(["file.encoding", "file.columns"].contains(&code(house.run("append", utf8)).as_str()));
}

#[test]
fn a_text_gets_the_line_end_it_lacks() {
    let line = |text: &str| json!({ "path": "log.txt", "text": text });
    let house = house().append("k1", &line("一")).append("k2", &line("二\n"));
    assert_eq!(house.text("log.txt"), "一\n二\n");
}

#[test]
fn a_long_chinese_name_has_room_for_its_side_file() {
    let name = "长".repeat(85);
    let house = house().append("k1", &json!({ "path": name, "text": "一" }));
    let house = house.append("k1", &json!({ "path": name, "text": "一" }));
    assert_eq!(house.text(&name), "一\n");
}
