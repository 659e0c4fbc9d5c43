//! Reports as departments get them: figures of what was done, and spreadsheets that other programs open.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::house::{House, has};

const REPAIR: &str = "title = \"抢修\"\n[input]\nplace = { label = \"地点\" }\n[step.repair]\ntitle = \"{{ input.place }}\"\n\
                      ask = \"starter\"\ndue = \"4h\"\nform.result = { type = \"choice\", options = { fixed = \"已修复\", complex = \"复杂\" } }\n";

/// A report that asks for the runs and tasks of today.
const REPORT: &str = "title = \"日报\"\n[step.runs]\nuse = \"query.runs\"\nwith.where = { workflow = \"repair\" }\n\
                      with.period = \"today\"\nwith.show = { n = \"count\", over = \"count(finished)\" }\n\
                      [step.tasks]\nuse = \"query.tasks\"\nwith.by = \"state\"\nwith.order = \"state\"\n\
                      with.show = { n = \"count\", timely = \"share(in_time)\" }\n\
                      [output]\nruns = \"{{ step.runs.figures }}\"\ntasks = \"{{ step.tasks.rows }}\"\n";

fn answer(house: &House, run: &str, result: &str) {
    let task = house.task(run);
    let id = task["id"].as_str().unwrap().to_owned();
    house.call(&["task", "answer", &id, "--set", &format!("result={result}")]).ok();
    house.ends(run, "done");
}

#[test]
fn a_process_reads_what_was_done_and_a_person_asks_the_same() {
    let mut house = House::serving("", "repair", REPAIR);
    house.workflow("report", REPORT);
    house.call(&["reload"]).ok();
    let runs: Vec<String> =
        (1..=4).map(|n| house.run("repair", &json!({ "place": format!("{n}号") }))).collect();
    answer(&house, &runs[0], "fixed");
    answer(&house, &runs[1], "complex");
    answer(&house, &runs[2], "fixed");
    let told = house.end_of(&house.run("report", &json!({})));
    let output = &told["output"];
    assert_eq!(output["runs"], json!({ "n": 4, "over": 3 }), "{told:#}");
    // Of the open one, which still has time, nothing is known yet.
    let open = json!({ "state": "open", "n": 1, "timely": null });
    assert_eq!(output["tasks"], json!([{ "state": "answered", "n": 3, "timely": 1 }, open]), "{output:#}");
    // What is on disk is measured: a daemon that was killed says the same.
    house.kill();
    house.start();
    let asked = house.call(&[
        "query",
        "tasks",
        "--show",
        "n=count(finished)",
        "--show",
        "open=count(state = open)",
        "--json",
    ]);
    assert_eq!(asked.ok().json()["figures"], json!({ "n": 3, "open": 1 }));
    let table =
        house.call(&["query", "runs", "--by", "state", "--show", "n=count", "--order", "-n"]).ok().out;
    assert!(table.contains("done") && table.contains("open"), "{table}");
    let wrong = house.call(&["query", "tasks", "--by", "persn"]);
    assert!(wrong.all().contains("did you mean `person`?"), "{wrong:?}");
}

const REGISTER: &str = "[register.\"营业日报\"]\nfield.day = { type = \"date\" }\nfield.item = {}\n\
                        field.turnover = { type = \"money\" }\n";

const MONTH: &str = "title = \"月报\"\n[step.days]\nuse = \"register.find\"\nwith.register = \"营业日报\"\nwith.by = \"item\"\n\
                     with.order = \"item\"\n\
                     with.show = { n = \"count\", sum = \"sum(turnover)\", mean = \"mean(turnover)\", middle = \"median(turnover)\", high = \"p90(turnover)\" }\n\
                     [step.sheet]\nuse = \"report.xlsx\"\nwith.title = \"营业\"\nwith.rows = \"{{ step.days.rows }}\"\n\
                     with.columns = [\n{ field = \"item\", title = \"项目\" },\n{ field = \"n\", title = \"笔数\", format = \"whole\", total = \"sum\" },\n\
                     { field = \"sum\", title = \"营业额\", format = \"money\", total = \"sum\" },\n{ field = \"sum\", title = \"占比\", share = true },\n]\n\
                     [step.keep]\nuse = \"file.write\"\nwith.path = \"month.xlsx\"\nwith.artifact = \"{{ step.sheet.file.artifact }}\"\n\
                     [output]\nrows = \"{{ step.days.rows }}\"\n";

/// Entries whose sums have digits that floats lose.
fn entries() -> String {
    let mut csv = "day,item,turnover\n".to_owned();
    for n in 1..=40_u32 {
        let item = ["护理", "美容", "护肤"][(n % 3) as usize];
        csv.push_str(&format!("2026-10-{:02},{item},{}.{:02}\n", n % 28 + 1, n * 37 % 500, n * 13 % 100));
    }
    csv
}

fn month() -> (House, Value) {
    let mut house = House::with("");
    house.write("config/registers.toml", REGISTER);
    house.workflow("month", MONTH);
    house.start();
    house.write("old.csv", entries());
    house.call(&["register", "import", "营业日报", "old.csv"]).ok();
    let told = house.end_of(&house.run("month", &json!({})));
    assert_eq!(told["state"], "done", "{told:#}");
    (house, told["output"]["rows"].clone())
}

#[test]
fn figures_and_spreadsheet_are_what_python_makes_of_the_exported_entries() {
    let python = Command::new("python3").args(["-c", "import openpyxl"]).stderr(Stdio::null()).status();
    if !has(python.is_ok_and(|status| status.success()), "python3 with openpyxl (pip install openpyxl)") {
        return;
    }
    let (house, _) = month();
    house.call(&["register", "export", "营业日报", "--format", "json", "--output", "all.json"]).ok();
    let asked =
        ["register", "find", "营业日报", "--by", "item", "--order", "item", "--json", "--show", "n=count"];
    let figures =
        ["--show", "sum=sum(turnover)", "--show", "mean=mean(turnover)", "--show", "middle=median(turnover)"];
    let asked = [&asked[..], &figures[..], &["--show", "high=p90(turnover)"]].concat();
    house.write("figures.json", house.call(&asked).ok().out);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/report.py");
    let mut check = Command::new("python3");
    check
        .arg(script)
        .args(["all.json", "figures.json", "data/files/month.xlsx"].map(|name| house.file(name)));
    let office =
        Command::new("soffice").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if has(office.is_ok_and(|status| status.success()), "LibreOffice (libreoffice-calc-nogui)") {
        check.arg(house.file("office"));
    }
    let said = check.output().unwrap();
    let words = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success(), "{words}{}", String::from_utf8_lossy(&said.stderr));
}

#[test]
fn a_spreadsheet_is_brought_into_a_register_and_its_bad_rows_come_back() {
    let (house, _) = month();
    // What a report wrote can be read again.
    let bad = house.call(&["register", "import", "营业日报", "data/files/month.xlsx", "--dry-run"]);
    assert_eq!(bad.code, 3, "{bad:?}");
    assert!(bad.out.contains("4 rows, 0 written, 4 do not fit"), "{bad:?}");
    assert!(house.read("data/files/month.bad.csv").contains("护理"), "{bad:?}");
}
