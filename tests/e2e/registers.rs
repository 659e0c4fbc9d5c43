//! A register from its file to an inspection: written by a process, found, verified, brought in and written out.

use serde_json::{Value, json};

use crate::house::House;

const REGISTERS: &str = "[register.\"罚单\"]\nnumber = \"FD{n:03}\"\nfield.card = { label = \"卡号\" }\n\
                         field.amount = { label = \"金额\", type = \"money\" }\n\
                         field.name = { label = \"姓名\", private = true, required = false }\n";

const FINE: &str = "title = \"罚单\"\n[input]\ncard = {}\namount = { type = \"money\" }\nname = { required = false }\n\
                    [step.fine]\nuse = \"register.append\"\nwith.register = \"罚单\"\nwith.entry = \"{{ input }}\"\n\
                    [output]\nnumber = \"{{ step.fine.number }}\"\n";

fn house() -> House {
    let mut house = House::with("");
    house.write("config/registers.toml", REGISTERS);
    house.workflow("fine", FINE);
    house.start();
    house
}

fn fine(house: &House, card: &str, amount: &str) -> Value {
    let run = house.run("fine", &json!({ "card": card, "amount": amount, "name": "李娜" }));
    house.ends(&run, "done")["output"]["number"].clone()
}

#[test]
fn what_a_process_writes_is_found_verified_and_written_out() {
    let mut house = house();
    assert_eq!(fine(&house, "A-7", "10.10"), "FD001");
    assert_eq!(fine(&house, "B-1", "0.20"), "FD002");
    let found = house.call(&["register", "find", "罚单", "--where", "card=A-7", "--json"]).ok().json();
    assert_eq!(found["entry"]["number"], "FD001");
    let figures = house.call(&["register", "find", "罚单", "--show", "total=sum(amount)", "--json"]).ok();
    assert!(figures.out.contains("10.3"), "{figures:?}");
    // A daemon that was killed has lost nothing, and counts on.
    house.kill();
    let alone = house.call(&["register", "verify", "--lang", "zh"]).ok();
    assert!(alone.out.contains("罚单:2 行,完整"), "{alone:?}");
    house.start();
    assert_eq!(fine(&house, "A-7", "1"), "FD003");
    house.call(&["register", "verify"]).ok();
    let csv = house.call(&["register", "export", "罚单"]).ok().out;
    let lines: Vec<&str> = csv.trim_start_matches('\u{feff}').lines().collect();
    assert_eq!(lines.len(), 4, "{csv}");
    assert!(lines[0].starts_with("number,at,卡号,金额,姓名"), "{csv}");
    assert!(
        lines[1].starts_with("FD001,") && lines[1].contains(",A-7,10.10,") && lines[1].ends_with(",***"),
        "{csv}"
    );
    let json = house.call(&["register", "export", "罚单", "--format", "json"]).ok().json();
    assert_eq!(json[1]["before"], json[0]["hash"]);
    assert!(!json.to_string().contains("李娜"), "a private value is in no export that does not ask for it");
}

#[test]
fn private_values_are_erased_once_and_the_register_stays_whole() {
    let house = house();
    fine(&house, "A-7", "1");
    fine(&house, "B-1", "2");
    let found = |private: &[&str]| {
        house.call(&[&["register", "find", "罚单", "--json"], private].concat()).ok().json()
    };
    assert_eq!(found(&[])["entry"]["name"], "***");
    assert_eq!(found(&["--private"])["entry"]["name"], "李娜");
    let refused = house.call(&["register", "erase", "罚单", "--due"]);
    assert!(refused.code == 3 && refused.all().contains("keep = \"10 years\""), "{refused:?}");
    house.write("config/registers.toml", REGISTERS.replacen("number", "keep = \"1 day\"\nnumber", 1));
    house.call(&["reload"]).ok();
    let young = house.call(&["register", "erase", "罚单", "--due"]).ok();
    assert!(young.out.contains("nothing private to erase"), "{young:?}");
    let erase = ["register", "erase", "罚单", "FD001", "--why", "asked for"];
    let dry = house.call(&[&erase[..], &["--dry-run"]].concat()).ok();
    assert!(dry.out.contains("would be erased") && dry.out.contains("FD001"), "{dry:?}");
    for said in ["values of 1 entries were erased", "nothing private to erase"] {
        let erased = house.call(&erase).ok();
        assert!(erased.out.contains(said), "{erased:?}");
    }
    let entries = found(&["--private"])["entries"].clone();
    assert_eq!((&entries[0]["name"], &entries[1]["name"]), (&Value::Null, &json!("李娜")));
    assert_eq!(entries[0]["card"], "A-7");
    let shown = house.call(&["register", "show", "罚单", "FD001"]).ok();
    assert!(shown.out.contains("asked for"), "{shown:?}");
    house.call(&["register", "verify"]).ok();
}

#[test]
fn without_the_key_it_is_said_that_no_signature_was_checked() {
    let mut house = house();
    fine(&house, "A-7", "1");
    let signed = house.call(&["register", "verify"]).ok();
    assert!(!signed.out.contains("no signature"), "{signed:?}");
    house.kill();
    std::fs::remove_file(house.file("data/registers.key")).unwrap();
    let alone = house.call(&["register", "verify"]).ok();
    assert!(
        alone.out.contains("no signature was checked") && alone.out.contains("1 lines, whole"),
        "{alone:?}"
    );
}

#[test]
fn a_head_that_somebody_kept_tells_of_a_register_that_is_another_now() {
    let house = house();
    fine(&house, "A-7", "1");
    house.call(&["register", "verify"]).ok();
    house.write("kept.heads", format!("2026-11-22T09:00:00Z 1 {} 罚单\n", "ab".repeat(32)));
    let said = house.call(&["register", "verify", "--heads", "kept.heads"]);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(
        said.out.contains("kept.heads (2026-11-22T09:00:00Z) knows another entry at the place 1"),
        "{said:?}"
    );
}

#[test]
fn rows_that_do_not_fit_come_back_and_a_file_is_brought_in_once() {
    let house = house();
    house.write("old.csv", "卡号,金额\nA-1,1.50\nA-2,much\nA-3,2\n");
    let said = house.call(&["register", "import", "罚单", "old.csv"]);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.out.contains("3 rows, 0 written, 1 do not fit") && said.out.contains("row 2"), "{said:?}");
    assert!(house.read("old.bad.csv").contains("A-2"), "{}", house.read("old.bad.csv"));
    for _ in 0..2 {
        house.call(&["register", "import", "罚单", "old.csv", "--skip-bad"]).ok();
    }
    let found = house.call(&["register", "find", "罚单", "--json"]).ok().json();
    assert_eq!(found["count"], 2, "{found:#}");
    house.call(&["register", "verify"]).ok();
}

/// Which rows of a lot are in is not known any more: it is said, and none is lost or written twice without a word.
#[test]
fn a_file_that_the_register_takes_more_of_than_before_is_not_brought_in_again() {
    let house = house();
    house.write("old.csv", "卡号,金额\nA-1,1.50\nA-2,much\n");
    house.call(&["register", "import", "罚单", "old.csv", "--skip-bad"]).ok();
    let file = house.read("config/registers.toml");
    assert!(file.contains("type = \"money\""), "{file}");
    house.write("config/registers.toml", file.replace(", type = \"money\"", ""));
    house.call(&["reload"]);
    let said = house.call(&["register", "import", "罚单", "old.csv"]);
    assert!(said.code == 3 && said.all().contains("rows 1 to 2 were imported before"), "{said:?}");
    assert_eq!(house.call(&["register", "find", "罚单", "--json"]).ok().json()["count"], 1);
}

#[test]
fn a_register_that_is_taken_out_of_the_file_keeps_its_entries() {
    let house = house();
    fine(&house, "A-7", "1");
    house.write("config/registers.toml", "");
    house.call(&["reload"]);
    let said = house.call(&["check"]);
    assert!(said.code == 3 && said.all().contains("YZ0670"), "{said:?}");
    let listed = house.call(&["register", "list"]).ok();
    assert!(listed.out.contains("no longer in the file"), "{listed:?}");
    house.call(&["register", "verify"]).ok();
}

#[test]
fn people_read_what_a_choice_is_called_and_programs_its_code() {
    let mut house = House::with("");
    let levels = "[register.\"检查\"]\nfield.level = { label = \"等级\", options = { minor = \"轻微\", major = \"严重\" } }\n";
    house.write("config/registers.toml", levels);
    house.start();
    house.write("old.csv", "level\nmajor\nminor\nmajor\n");
    house.call(&["register", "import", "检查", "old.csv"]).ok();
    let ask = ["register", "find", "检查", "--by", "level", "--show", "n=count"];
    let shown = house.call(&ask).ok().out;
    let lines: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[1..], [["严重", "2"], ["轻微", "1"]], "{shown}");
    let rows = house.call(&[&ask[..], &["--json"]].concat()).ok().json()["rows"].clone();
    assert_eq!(rows[0], json!({ "level": "major", "level_label": "严重", "n": 2 }));
}

#[test]
fn codes_are_written_out_as_they_are_called_and_read_back() {
    let mut house = House::with("");
    let meters = "[register.\"水表\"]\nnumber = \"M{n}\"\nfield.state = { label = \"状态\", options = { kept = \"在用\", gone = \"拆除\" } }\n\
                  field.marks = { label = \"标记\", type = \"choices\", options = { a = \"甲\", b = \"乙\" }, required = false }\n";
    house.write("config/registers.toml", meters);
    house.start();
    house.write("in.json", r#"[{ "state": "kept", "marks": ["a", "b"] }, { "state": "gone" }]"#);
    house.call(&["register", "import", "水表", "in.json"]).ok();
    let csv = house.call(&["register", "export", "水表"]).ok().out;
    let ends: Vec<&str> = csv.lines().map(|line| line.splitn(3, ',').last().unwrap_or_default()).collect();
    assert_eq!(ends, ["状态,标记", "在用,甲、乙", "拆除,"]);
    let json = house.call(&["register", "export", "水表", "--format", "json"]).ok().json();
    assert_eq!(json[0]["values"], json!({ "state": "kept", "marks": ["a", "b"] }), "the chain holds codes");
    house.write("back.csv", "状态,标记\n在用,甲、乙\n");
    house.call(&["register", "import", "水表", "back.csv"]).ok();
    let json = house.call(&["register", "export", "水表", "--format", "json"]).ok().json();
    assert_eq!(json[2]["values"], json[0]["values"]);
}
