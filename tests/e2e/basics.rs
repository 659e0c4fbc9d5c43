//! What an administrator does on the first day: drops a file, looks at a run, breaks a file and mends it.

use serde_json::json;

use crate::house::{House, until};

/// Answers with what it was given.
fn greeting(said: &str) -> String {
    format!(
        "title = 'greeting'\n[input]\nwho = {{ type = 'text' }}\n\
         [step.greet]\nuse = 'echo.echo'\nwith.text = '{said} {{{{ input.who }}}}'\n\
         [output]\ntext = '{{{{ step.greet.text }}}}'\n"
    )
}

fn text_of(home: &House, who: &str) -> String {
    let said =
        home.call(&["run", "greeting", "--set", &format!("who={who}"), "--wait", "--json"]).ok().json();
    assert_eq!(said["state"], "done", "{said}");
    said["output"]["text"].as_str().unwrap().to_owned()
}

#[track_caller]
fn until_state(home: &House, workflow: &str, state: &str) {
    until(&format!("`{workflow}` to be {state}"), || (home.shelf(workflow)?["state"] == state).then_some(()));
}

#[test]
fn a_new_home_serves_its_sample_to_who_runs_it_and_to_who_drops_a_file() {
    let mut home = House::new();
    home.start();
    let said = home.call(&["run", "hello", "--set", "name=李娜", "--wait", "--json"]).ok().json();
    assert_eq!(
        (&said["workflow"], &said["state"], &said["key"]),
        (&json!("hello"), &json!("done"), &json!("李娜"))
    );
    home.write("inbox/hello/1.json", r#"{"name": "王伟"}"#);
    until("the file to be moved", || home.file("inbox/hello/done/1.json").exists().then_some(()));
    let run = home.runs()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(home.end_of(&run)["state"], "done");
    let csv = home.read("data/files/hello.csv");
    assert!(csv.contains("李娜") && csv.contains(&format!("{run},王伟")), "{csv}");
    let shown = home.call(&["show", &run]).ok().out;
    assert!(shown.contains("登记 王伟") && shown.contains("hello.csv"), "{shown}");
    let address = home.read("data/address");
    assert!(address.starts_with("http://127.0.0.1:") && address.ends_with('\n'), "{address:?}");
    assert_eq!(home.stop(), Some(0));
}

#[test]
fn a_file_that_is_replaced_holds_for_new_runs_and_one_that_is_broken_leaves_the_last_good_text() {
    let mut home = House::new();
    home.write("workflows/greeting.toml", greeting("hello"));
    home.start();
    assert_eq!(text_of(&home, "A"), "hello A");

    home.write("workflows/greeting.toml", greeting("good day"));
    until("the new text", || (text_of(&home, "B") == "good day B").then_some(()));

    home.write("workflows/greeting.toml", "title = 'greeting'\n[step.greet]\nuze = 'echo.echo'\n");
    until_state(&home, "greeting", "old text in force");
    let faults = home.shelf("greeting").unwrap()["faults"].to_string();
    assert!(faults.contains("uze"), "{faults}");
    assert_eq!(text_of(&home, "C"), "good day C");

    // Also over a restart, when the file alone could not say what was good.
    assert_eq!(home.stop(), Some(0));
    home.start();
    until_state(&home, "greeting", "old text in force");
    assert_eq!(text_of(&home, "D"), "good day D");

    home.write("workflows/greeting.toml", greeting("welcome"));
    until_state(&home, "greeting", "in force");
    assert_eq!(text_of(&home, "E"), "welcome E");
    std::fs::remove_file(home.file("workflows/greeting.toml")).unwrap();
    until("the workflow to be gone", || home.shelf("greeting").is_none().then_some(()));
    assert_eq!(home.call(&["run", "greeting", "--set", "who=F"]).code, 3);
}

#[test]
fn a_file_that_never_checked_is_shown_with_its_faults_and_harms_no_other() {
    let mut home = House::new();
    home.write("workflows/bad.toml", [0x7f, b'E', b'L', b'F', 0, 0]);
    home.write("workflows/big.toml", "#".repeat(10 << 20));
    home.write("workflows/ring.toml", "title = 'ring'\n[step.a]\nneeds = ['b']\nuse = 'echo.noop'\n[step.b]\nneeds = ['a']\nuse = 'echo.noop'\n");
    home.write("workflows/nobody.toml", "title = 'x'\n[step.a]\nuse = 'ecko.echo'\nwith.text = 'x'\n");
    home.write("workflows/greeting.toml", greeting("hello"));
    home.start();
    for name in ["bad", "big", "ring", "nobody"] {
        until_state(&home, name, "faulty");
        assert_eq!(home.call(&["run", name]).code, 6, "{name}");
    }
    assert!(
        home.shelf("nobody").unwrap()["faults"].to_string().contains("echo"),
        "the nearest plugin is named"
    );
    assert_eq!(text_of(&home, "A"), "hello A");
    let checked = home.call(&["check", "--json"]);
    assert_eq!(checked.code, 3);
    let codes: Vec<String> = checked
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| fault["code"].as_str().unwrap().to_owned())
        .collect();
    assert!(codes.contains(&"YZ0102".to_owned()) && codes.contains(&"YZ0103".to_owned()), "{codes:?}");
}

#[test]
fn a_person_finds_a_task_takes_it_answers_it_and_the_run_goes_on() {
    let mut home = House::new();
    home.write(
        "config/people.toml",
        "[person.'li.na']\nname = '李娜'\n[person.'wang.wei']\nname = '王伟'\n[group.'热线']\nmembers = ['li.na']\n",
    );
    home.write(
        "workflows/ask.toml",
        "title = '回访'\n[input]\nwho = { type = 'text' }\n[step.call]\ntitle = '回访 {{ input.who }}'\nask = 'group:热线'\n\
         due = '24h'\nform.ok = { label = '满意', type = 'yesno' }\n[output]\nok = '{{ step.call.ok }}'\n",
    );
    home.start();
    let run = home.begin(&["ask", "--set", "who=赵先生"]);
    let task = until("the task", || {
        let tasks = home.call(&["tasks", "--who", "person:li.na", "--json"]).ok().json();
        Some(tasks["items"].get(0)?["id"].as_str()?.to_owned())
    });
    assert!(home.call(&["why", &run, "--lang", "zh"]).ok().out.contains("热线"));
    let shown = home.call(&["task", "show", &task]).ok().out;
    assert!(shown.contains("回访 赵先生") && shown.contains("满意"), "{shown}");
    let stranger = home.call(&["task", "answer", &task, "--by", "person:wang.wei", "--set", "ok=yes"]);
    assert_eq!(stranger.code, 6, "{stranger:?}");
    home.call(&["task", "claim", &task, "--by", "person:li.na"]).ok();
    let wrong = home.call(&["task", "answer", &task, "--by", "person:li.na", "--set", "ok=perhaps"]);
    assert!(wrong.code == 6 && wrong.err.contains("ok"), "{wrong:?}");
    home.call(&["task", "answer", &task, "--by", "person:li.na", "--set", "ok=true"]).ok();
    let ended = home.end_of(&run);
    assert_eq!((&ended["state"], &ended["output"]["ok"]), (&json!("done"), &json!(true)), "{ended}");
}

#[test]
fn people_are_read_again_and_a_broken_file_of_them_changes_nothing() {
    let mut home = House::new();
    home.write(
        "workflows/ask.toml",
        "title = 'x'\n[step.call]\nask = 'group:热线'\nform.ok = { type = 'yesno' }\n",
    );
    home.start();
    until_state(&home, "ask", "faulty");
    let people = "[person.'li.na']\nname = '李娜'\n[group.'热线']\nmembers = ['li.na']\n";
    home.write("config/people.toml", people);
    until_state(&home, "ask", "in force");
    home.write("config/people.toml", "[person.");
    let reload = home.call(&["reload", "--json"]);
    assert_eq!(reload.code, 3, "{reload:?}");
    until_state(&home, "ask", "in force");
}
