//! The API as programs of others meet it: its document, what it really answers, hostile requests, and the manual's examples.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::json;

use crate::house::{House, has, until};

const TOKEN: &str = "a-token-of-more-than-sixteen";

const REGISTERS: &str = "[register.\"罚单\"]\nnumber = \"FD{n:03}\"\nfield.card = { label = \"卡号\" }\n";

const FINE: &str = "title = \"罚单\"\nowner = \"person:li.na\"\n[input]\ncard = {}\n\
                    [step.fine]\nuse = \"register.append\"\nwith.register = \"罚单\"\nwith.entry = \"{{ input }}\"\n";

const LEAVE: &str = r#"
title = "请假"
owner = "person:li.na"
key = "{{ input.name }}"
[input]
name = { label = "姓名" }
days = { label = "天数", type = "whole" }
[trigger.form]
by_hand = ["person:li.na"]
[trigger.monday]
schedule = "every Monday at 08:00"
with.name = "每周"
with.days = "1"
[step.decide]
ask = "person:li.na"
due = "8h"
form.yes = { label = "同意", type = "yesno" }
[step.paid]
await = "payment.received"
due = "30 days"
"#;

/// A house in which there is something of everything.
fn house() -> House {
    let mut house = House::with("[http]\ntokens = [\"api\"]\n");
    house.write("secrets/api", format!("{TOKEN}\n"));
    house.write("config/people.toml", "[person.\"li.na\"]\nname = \"李娜\"\n");
    house.write("config/registers.toml", REGISTERS);
    house.workflow("fine", FINE);
    house.workflow("leave", LEAVE);
    house.start();
    let fine = house.run("fine", &json!({ "card": "A-7" }));
    house.ends(&fine, "done");
    let waits = house.run("leave", &json!({ "name": "王伟", "days": 2 }));
    let task = house.task(&waits);
    let answer = format!("/api/v1/tasks/{}/answer", task["id"].as_str().unwrap());
    house.client().post(&answer, &json!({ "fields": { "yes": true } })).unwrap();
    let asks = house.run("leave", &json!({ "name": "李娜", "days": 1 }));
    house.task(&asks);
    house.client().post("/api/v1/accounts/li.na/invite", &json!({})).unwrap();
    house.client().post("/api/v1/tokens", &json!({ "name": "crm", "may": "viewer" })).unwrap();
    house
}

fn address(house: &House) -> String {
    house.read("data/address").trim().to_owned()
}

/// A tool of `tests/api`, with the house's address and a token.
fn told(house: &House, tool: &str, token: &str, words: &[&str]) -> Output {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/api");
    let mut command = Command::new(if tool.ends_with(".py") { "python3" } else { "bash" });
    command.arg(folder.join(tool)).arg(address(house)).arg(token).args(words);
    command.stdin(Stdio::null()).current_dir(&house.home).output().unwrap()
}

fn there(program: &str, words: &[&str]) -> bool {
    Command::new(program).args(words).output().is_ok_and(|said| said.status.success())
}

#[test]
fn every_get_route_answers_as_the_document_says_and_with_no_field_more() {
    if !has(there("python3", &["-c", "import jsonschema"]), "jsonschema (pip install jsonschema)") {
        return;
    }
    let house = house();
    let said = told(&house, "answers.py", TOKEN, &[]);
    let out = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.status.success() && out.contains(" 0 faults"), "{out}{said:?}");
}

#[test]
fn hostile_requests_find_no_failure_inside_and_no_answer_that_is_not_in_the_document() {
    if !has(there("schemathesis", &["--version"]), "schemathesis (pip install schemathesis)") {
        return;
    }
    let house = house();
    let long = std::env::var_os("YIZHAN_LONG").is_some();
    sends(&house, TOKEN, if long { 40 } else { 5 });
    // What a role may not do is refused as the document says, too, and it reads less of what it may.
    for may in ["viewer", "worker", "operator", "author"] {
        let made = house
            .client()
            .post("/api/v1/tokens", &json!({ "name": may, "may": may, "on": ["leave"] }))
            .unwrap();
        sends(&house, made["token"].as_str().unwrap(), if long { 15 } else { 1 });
    }
    // It took part all the while, and is well.
    assert_eq!(house.get("/api/v1/health")["ready"], true);
}

/// So many requests of each kind, other ones with each token.
fn sends(house: &House, token: &str, examples: u32) {
    let seed = if token == TOKEN { "1" } else { "2" };
    let said = told(house, "hostile.sh", token, &[&examples.to_string(), seed]);
    let out = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.status.success(), "{out}{}", String::from_utf8_lossy(&said.stderr));
    let tested = out.lines().find_map(|line| line.trim().strip_prefix("Tested: ")?.parse::<usize>().ok());
    assert!(tested.is_some_and(|tested| tested > 50), "it sent to nearly nothing: {out}");
}

#[test]
fn the_manuals_examples_with_curl_do_what_they_say_in_both_languages() {
    if !has(there("curl", &["--version"]), "curl") {
        return;
    }
    let house = house();
    for page in ["zh", "en"] {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/manual/src/{page}/api.md"));
        let text = std::fs::read_to_string(&page).unwrap();
        let mut inside = false;
        let lines = text.lines().filter(|line| {
            inside = if line.starts_with("```") { *line == "```sh" } else { inside };
            inside && line.starts_with("curl ")
        });
        let lines: Vec<&str> = lines.collect();
        assert!(lines.len() >= 7, "{lines:?}");
        for line in lines {
            let said = said_of(Command::new("bash").arg("-c").arg(line), &house);
            let answer: Result<serde_json::Value, _> = serde_json::from_slice(&said.stdout);
            assert!(said.status.success() && answer.is_ok(), "{line}: {said:?}");
        }
    }
    // The example with a key was sent for each language, and started one run.
    let started = until("the run of the example", || {
        let runs = house.get("/api/v1/runs?workflow=leave&key=%E6%9D%8E%E5%A8%9C");
        let count = runs["items"].as_array().unwrap().len();
        (count >= 2).then_some(count)
    });
    assert_eq!(started, 2, "one of the house's own, one of the examples");
}

fn said_of(command: &mut Command, house: &House) -> Output {
    command.env("YIZHAN", address(house)).env("TOKEN", TOKEN).stdin(Stdio::null()).output().unwrap()
}
