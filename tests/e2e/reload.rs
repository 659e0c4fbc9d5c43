//! A file that changes while its runs go on.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use yizhan_harness::client::Client;

use crate::house::{Ends, House, until};

fn version(number: u32) -> String {
    format!(
        "title = \"第{number}版\"\n[input]\nhold = {{ label = \"等\", type = \"yesno\", default = false }}\n\
         [step.hold]\nask = \"person:li.na\"\nwhen = \"input.hold\"\nform.ok = {{ label = \"可以\", type = \"yesno\" }}\n\
         [step.say]\nuse = \"echo.echo\"\nwith.version = \"{number}\"\n\
         [output]\nversion = \"{{{{ step.say.version }}}}\"\n"
    )
}

const PEOPLE: &str = "[person.\"li.na\"]\nname = \"李娜\"\nmail = \"li.na@example.com\"\n";

fn in_force(house: &House, number: u32) {
    let title = format!("第{number}版");
    until(&format!("{title} in force: {}", house.log()), || {
        let row = house.shelf("flow")?;
        (row["title"] == title.as_str() && row["state"] == "in force").then_some(())
    });
}

#[test]
fn a_file_replaced_broken_and_repaired_under_load_never_lets_a_run_down() {
    let mut house = House::with("[reload]\nsettle = \"50ms\"\nrescan = \"500ms\"\n");
    house.write("config/people.toml", PEOPLE);
    house.workflow("flow", &version(1));
    house.start();
    let old = house.run("flow", &json!({ "hold": true }));
    let task = house.task(&old);
    let (stop, started, home) = (AtomicBool::new(false), Mutex::new(Vec::new()), house.home.clone());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let client = Client::of_home(&home);
            while !stop.load(Ordering::Relaxed) {
                // Every start is taken: there is always a text in force.
                let answer = client.post("/api/v1/workflows/flow/runs", &json!({ "input": {} })).unwrap();
                started.lock().unwrap().push(answer["id"].as_str().unwrap().to_owned());
            }
        });
        let more = || {
            let now = started.lock().unwrap().len();
            until("more runs", || (started.lock().unwrap().len() > now + 3).then_some(()));
        };
        // However the looks at the file go, the load must end.
        let _ends = Ends(&stop);
        more();
        house.workflow("flow", &version(2));
        in_force(&house, 2);
        more();
        house.workflow("flow", "title = \"坏了\n[step.say]\nuse = ");
        let row =
            until("the fault", || house.shelf("flow").filter(|row| row["state"] == "old text in force"));
        let faults = row["faults"].to_string();
        assert!(faults.contains("workflows/flow.toml"), "{row:#}");
        assert_eq!(row["title"], "第2版");
        let checked = house.call(&["check"]);
        assert_eq!(checked.code, 3, "{checked:?}");
        assert!(checked.all().contains("flow.toml:1:"), "{checked:?}");
        more();
        house.workflow("flow", &version(3));
        in_force(&house, 3);
        more();
    });
    let started = started.into_inner().unwrap();
    let versions: Vec<Value> =
        started.iter().map(|run| house.ends(run, "done")["output"]["version"].clone()).collect();
    let numbers: Vec<u64> = versions.iter().map(number).collect();
    assert!(numbers.is_sorted(), "a newer run took an older text: {numbers:?}");
    assert_eq!((numbers.first(), numbers.last()), (Some(&1), Some(&3)), "{numbers:?}");
    assert!(numbers.contains(&2), "{numbers:?}");
    let answer = json!({ "by": "person:li.na", "fields": { "ok": true } });
    let path = format!("/api/v1/tasks/{}/answer", task["id"].as_str().unwrap());
    house.client().post(&path, &answer).unwrap();
    assert_eq!(number(&house.ends(&old, "done")["output"]["version"]), 1, "an open run keeps its text");
}

pub(crate) fn number(version: &Value) -> u64 {
    version.as_u64().or_else(|| version.as_str()?.parse().ok()).unwrap_or_else(|| panic!("{version}"))
}

#[test]
fn a_file_that_is_broken_over_a_restart_leaves_its_last_good_text_in_force() {
    let mut house = House::with("");
    house.write("config/people.toml", PEOPLE);
    house.workflow("flow", &version(1));
    house.start();
    in_force(&house, 1);
    house.run("flow", &json!({}));
    assert_eq!(house.stop(), Some(0));
    house.workflow("flow", "title = ");
    house.start();
    let row = house.shelf("flow").unwrap();
    assert_eq!((&row["state"], &row["title"]), (&json!("old text in force"), &json!("第1版")), "{row:#}");
    let said = house.get("/api/v1/doctor?lang=en").to_string();
    assert!(said.contains("workflows/flow.toml has faults, and its last good text stays in force"), "{said}");
    house.ends(&house.run("flow", &json!({})), "done");
}

#[test]
fn a_file_that_is_removed_or_renamed_leaves_its_open_runs_their_text_and_starts_no_more() {
    let mut house = House::with("[reload]\nsettle = \"50ms\"\nrescan = \"500ms\"\n");
    house.write("config/people.toml", PEOPLE);
    house.workflow("flow", &version(1));
    house.start();
    let run = house.run("flow", &json!({ "hold": true }));
    house.task(&run);
    // Under another name it is another workflow: the open run stays one of the old.
    std::fs::rename(house.file("workflows/flow.toml"), house.file("workflows/stream.toml")).unwrap();
    until("the new name", || house.shelf("stream").filter(|row| row["state"] == "in force"));
    until("the old name to be gone", || house.shelf("flow").is_none().then_some(()));
    assert_eq!(house.call(&["run", "flow"]).code, 3, "nothing starts it any more");
    let renamed = house.run("stream", &json!({}));
    assert_eq!(house.ends(&renamed, "done")["workflow"], "stream");
    std::fs::remove_file(house.file("workflows/stream.toml")).unwrap();
    until("the file to be gone", || house.shelf("stream").is_none().then_some(()));
    // Also over a restart, when no file says any more what the run does.
    house.kill();
    house.start();
    assert_eq!(house.get(&format!("/api/v1/runs/{run}"))["workflow"], "flow");
    let task = house.task(&run);
    let answer = json!({ "by": "person:li.na", "fields": { "ok": true } });
    let path = format!("/api/v1/tasks/{}/answer", task["id"].as_str().unwrap());
    house.client().post(&path, &answer).unwrap();
    assert_eq!(number(&house.ends(&run, "done")["output"]["version"]), 1);
}

#[test]
fn an_open_run_goes_over_to_the_new_text_across_a_kill_or_says_what_stands_in_the_way() {
    let mut house = House::with("[reload]\nsettle = \"50ms\"\nrescan = \"500ms\"\n");
    house.write("config/people.toml", PEOPLE);
    house.workflow("flow", &version(1));
    house.start();
    let run = house.run("flow", &json!({ "hold": true }));
    house.task(&run);
    let answer = |house: &House| {
        let task = house.task(&run);
        let fields = json!({ "by": "person:li.na", "fields": { "ok": true } });
        let path = format!("/api/v1/tasks/{}/answer", task["id"].as_str().unwrap());
        Client::of_home(&house.home).post(&path, &fields).unwrap();
    };
    // The open step is no more there: nothing is changed, and it is said why.
    house.workflow("flow", "title = \"第2版\"\n[input]\nhold = { type = \"yesno\", default = false }\n[step.say]\nuse = \"echo.echo\"\nwith.version = \"2\"\n");
    in_force(&house, 2);
    let refused = house.call(&["migrate", &run]);
    assert_eq!(refused.code, 6, "{refused:?}");
    assert!(refused.all().contains("`hold`"), "{refused:?}");
    // A step before it comes too late, one behind it does not.
    let third = version(3)
        .replace("[step.hold]", "[step.early]\nuse = \"echo.echo\"\nwith.x = \"1\"\n[step.hold]")
        .replace("[output]", "[step.more]\nask = \"person:li.na\"\nform.ok = { type = \"yesno\" }\n[output]");
    house.workflow("flow", &third);
    in_force(&house, 3);
    let differs = house.call(&["workflow", "diff", "flow", "--from", &run, "--json"]);
    let changed: Value = serde_json::from_str(&differs.out).unwrap();
    let told: Vec<&Value> = changed["changed"].as_array().unwrap().iter().map(|one| &one["of"]).collect();
    assert!(told.contains(&&json!("early")) && told.contains(&&json!("more")), "{differs:?}");
    assert!(house.call(&["workflow", "diff", "flow"]).code == 0, "with the text in force");
    assert_eq!(house.call(&["migrate", &run, "--dry-run"]).code, 0);
    assert_eq!(house.call(&["migrate", &run]).code, 0);
    house.kill();
    house.start();
    answer(&house);
    until("the new step", || (house.task(&run)["step"] == "more").then_some(()));
    answer(&house);
    let view = house.ends(&run, "done");
    assert_eq!(view["output"]["version"], "3", "{view:#}");
    assert_eq!(crate::house::step(&view, "early")["state"], "skipped");
}
