//! How the program ends when it is told to.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use yizhan_harness::client::Client;

use crate::house::{House, binary, until};

#[test]
fn a_stop_under_load_marks_nothing_failed_and_the_next_start_goes_on() {
    let mut house = House::serving(
        "drain = \"300ms\"\n",
        "nap",
        "title = \"午睡\"\n[step.first]\nuse = \"echo.sleep\"\nwith.ms = 60\n[step.second]\nuse = \"echo.sleep\"\nwith.ms = 700\n",
    );
    let stop = AtomicBool::new(false);
    let (home, started) = (house.home.clone(), std::sync::Mutex::new(Vec::new()));
    let code = std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let client = Client::of_home(&home);
                while !stop.load(Ordering::Relaxed) {
                    // Refused or unanswered while it stops: then nothing was promised.
                    if let Ok(answer) = client.post("/api/v1/workflows/nap/runs", &json!({ "input": {} })) {
                        started.lock().unwrap().push(answer["id"].as_str().unwrap().to_owned());
                    }
                }
            });
        }
        until("runs under way", || (started.lock().unwrap().len() > 20).then_some(()));
        let code = house.stop();
        stop.store(true, Ordering::Relaxed);
        code
    });
    assert_eq!(code, Some(0), "{}", house.log());
    house.start();
    let started = started.into_inner().unwrap();
    for run in &started {
        house.ends(run, "done");
    }
    assert_eq!(house.get("/api/v1/runs?state=failed")["items"], json!([]));
}

#[test]
fn the_demo_shows_every_process_and_ends_well() {
    let output =
        std::process::Command::new(binary()).args(["--lang", "en", "demo", "--once"]).output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(said.matches("= result: done").count(), 4, "{said}");
}
