//! More kinds of what comes in, for fault runs that must pass every place of the daemon.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::client::Client;

pub(super) const PEOPLE: &str = "[person.a]\nname = \"甲\"\nmail = \"a@example.com\"\n";

/// Begins by a delivery, a file or a key, and asks somebody.
pub(super) const ASKED: &str = r#"
title = "问一问"
[input]
case = {}
[trigger.in]
webhook = { signature = "none" }
with    = { case = "{{ trigger.body.case }}" }
[trigger.box]
files = "inbox/cases/*.csv"
per   = "row"
[step.look]
ask = "person:a"
form.ok = { type = "yesno" }
"#;

/// Begins by what another run publishes, and is over after a nap.
pub(crate) fn news(nap: &str) -> String {
    format!(
        r#"
title = "听到了"
[input]
case = {{}}
[trigger.news]
event = "heard"
with  = {{ case = "{{{{ trigger.event.key }}}}" }}
[step.nap]
wait = "{nap}"
"#
    )
}

/// Somebody who does each of them in turn, also while nobody is there.
pub(super) fn come_and_go(home: &Path, stop: &AtomicBool) {
    let (client, folder) = (Client::of_home(home), home.join("inbox/cases"));
    let (mut number, mut cursor) = (0_u32, String::new());
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let case = json!({ "case": format!("w{number}") });
        let body = case.to_string();
        // What comes to nothing comes to nothing: nobody counts on these.
        let json = [("content-type", "application/json")];
        drop(client.call("POST", "/hooks/asked/in", &json, body.as_bytes()));
        let by_key = json!({ "input": case });
        drop(client.post_once("/api/v1/workflows/asked/runs", &format!("k{number}"), &by_key));
        drop(drop_file(&folder, number));
        cursor = answer_some(&client, &cursor);
        std::thread::sleep(Duration::from_millis(100)); // They are few, beside the load.
    }
}

/// Of the next few tasks those that ask `person:a`; the others wait for whoever looks at the receiver. Gives where the list
/// goes on.
fn answer_some(client: &Client, cursor: &str) -> String {
    let Ok(tasks) = client.get(&format!("/api/v1/tasks?limit=20{cursor}")) else { return String::new() };
    for task in tasks["items"].as_array().into_iter().flatten().filter(|task| task["workflow"] == "asked") {
        answer(client, task["id"].as_str().unwrap_or(""));
    }
    tasks["next"].as_str().map(|next| format!("&cursor={next}")).unwrap_or_default()
}

fn drop_file(folder: &Path, number: u32) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let (hidden, whole) = (folder.join(format!(".f{number}")), folder.join(format!("f{number}.csv")));
    std::fs::write(&hidden, format!("case\nf{number}\n"))?;
    std::fs::rename(hidden, whole)
}

pub(super) fn answer(client: &Client, task: &str) {
    // Another kind of task, or somebody was quicker.
    drop(client.post(
        &format!("/api/v1/tasks/{task}/answer"),
        &json!({ "by": "person:a", "fields": { "ok": true } }),
    ));
}
