//! What a daemon survives: kill -9 in the middle of a run, a second daemon, a stop that waits.

use serde_json::json;
use yizhan_harness::daemon::Signal;

use crate::house::{House, until};

const SLOW: &str = "title = 'slow'\n[step.first]\nuse = 'echo.echo'\nwith.text = 'one'\n\
     [step.sleep]\nuse = 'echo.sleep'\nwith.ms = 600\n[step.last]\nuse = 'file.append'\nwith = { path = 'slow.txt', text = '{{ run.id }}' }\n";

/// Waits until the run is at this step.
fn until_at(home: &House, run: &str, step: &str) {
    until(&format!("the run to be at `{step}`"), || {
        let view = home.call(&["show", run, "--json"]).ok().json();
        let steps = view["steps"].as_array().unwrap().clone();
        let at = steps.iter().find(|one| one["id"] == step).unwrap();
        at["items"].get(0).is_some_and(|item| item["attempts"] != json!(0)).then_some(())
    });
}

#[test]
fn a_run_that_was_cut_by_kill_9_ends_after_the_start_and_writes_once() {
    let mut home = House::new();
    home.write("workflows/slow.toml", SLOW);
    home.start();
    let run = home.begin(&["slow"]);
    // A third time in a row, it would rest before it is tried again: it may be what ends the daemon.
    for _ in 0..2 {
        until_at(&home, &run, "sleep");
        home.kill();
        home.start();
    }
    let ended = home.end_of(&run);
    assert_eq!(ended["state"], "done", "{ended}");
    let first = &ended["steps"][0]["items"][0];
    assert_eq!(first["attempts"], 1, "what was over is not done again: {first}");
    assert_eq!(home.read("data/files/slow.txt"), format!("{run}\n"));
    assert_eq!(home.call(&["doctor", "--all"]).code, 0);
}

#[test]
fn a_step_that_must_happen_once_is_not_repeated_blindly_but_asked_about() {
    let mut home = House::new();
    home.write(
        "workflows/once.toml",
        "title = 'once'\nowner = 'group:all'\n[step.pay]\nuse = 'echo.once'\nwith.ms = 600000\n",
    );
    home.write("config/people.toml", "[person.a]\nname = 'A'\n[group.all]\nmembers = ['a']\n");
    home.start();
    let run = home.begin(&["once"]);
    until_at(&home, &run, "pay");
    home.kill();
    home.start();
    let task = until("the question", || {
        let tasks = home.call(&["tasks", "--run", &run, "--json"]).ok().json();
        Some(tasks["items"].get(0)?["id"].as_str()?.to_owned())
    });
    home.call(&["task", "settle", &task, "happened", "--by", "person:a", "--set", "ms:=7"]).ok();
    let ended = home.end_of(&run);
    assert_eq!(ended["state"], "done", "{ended}");
    assert_eq!(ended["steps"][0]["items"][0]["output"]["ms"], 7);
}

#[test]
fn a_second_daemon_in_the_same_home_refuses_and_names_the_first() {
    let mut home = House::new();
    home.start();
    let second = home.call(&["serve"]);
    assert_eq!(second.code, 1, "{second:?}");
    assert!(second.err.contains("YZ0501") && second.err.contains(&home.pid().to_string()), "{}", second.err);
    home.call(&["runs"]).ok();
}

#[test]
fn a_stop_lets_an_attempt_end_and_a_second_one_does_not_wait() {
    let mut home = House::new();
    home.write("workflows/slow.toml", SLOW);
    home.start();
    let run = home.begin(&["slow"]);
    until_at(&home, &run, "sleep");
    assert_eq!(home.stop(), Some(0));
    home.start();
    let ended = home.end_of(&run);
    let sleep = &ended["steps"][1]["items"][0];
    assert_eq!(
        (&ended["state"], &sleep["attempts"]),
        (&json!("done"), &json!(1)),
        "the drain was long enough: {sleep}"
    );

    home.write("workflows/long.toml", SLOW.replace("600", "600000"));
    until("the workflow", || home.shelf("long"));
    let run = home.begin(&["long"]);
    until_at(&home, &run, "sleep");
    let began = std::time::Instant::now();
    home.signal(Signal::TERM);
    until("it to begin to stop", || home.call(&["run", "long"]).code.ne(&0).then_some(()));
    home.signal(Signal::TERM);
    assert_eq!(home.ended(), Some(0));
    assert!(began.elapsed().as_secs() < 9, "it waited for the drain: {:?}", began.elapsed());
    home.start();
    let view = home.call(&["show", &run, "--json"]).ok().json();
    assert_eq!(view["state"], "open", "nothing is marked failed by a restart");
}
