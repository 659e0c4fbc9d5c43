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
