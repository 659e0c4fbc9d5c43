//! Whoever asks for something and hangs up before the answer: it is done to its end or not at all.

use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::time::Instant;

use super::place::place;

const HOOKED: &str = r#"
title = "对账"
[trigger.hook]
webhook = { signature = "token", secret = "plain" }
[step.ask]
ask = "person:wang.wei"
form.ok = { label = "好", type = "yesno" }
"#;

/// The lines of what was asked, and the numbers of those that were answered.
fn told(lines: &Json) -> (Vec<Json>, Vec<Json>) {
    let lines = lines["items"].as_array().unwrap();
    let of = |said: &str, number: &dyn Fn(&Json) -> Json| {
        lines.iter().filter(|line| line[said].is_object()).map(number).collect()
    };
    (of("asked", &|line| line["seq"].clone()), of("answered", &|line| line["answered"]["of"].clone()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_asked_for_who_hung_up_is_done_and_answered_in_the_audit() {
    let place = place(&[("close", HOOKED)]).await;
    let end = Instant::now() + Duration::from_secs(30);
    let (mut turn, mut all) = (0, 0);
    // Whoever is gone before they were read has asked for nothing.
    while all < 24 {
        let act = if turn % 2 == 0 { "pause" } else { "resume" };
        let path = format!("/api/v1/triggers/close/hook/{act}");
        let line = place.token.asks(&path, &json!({ "reason": "盘点" })).await;
        for _ in 0..turn % 4 {
            assert_eq!(place.stranger.get("/health/live").await.status, 200);
        }
        drop(line);
        turn += 1;
        all = told(&place.socket.get("/api/v1/audit?limit=200").await.json()).0.len();
        assert!(Instant::now() < end, "{all} of {turn} were taken in");
    }
    loop {
        let lines = place.socket.get("/api/v1/audit?limit=200").await.json();
        let (asked, answered) = told(&lines);
        if asked.iter().all(|seq| answered.contains(seq)) {
            break;
        }
        assert!(Instant::now() < end, "{lines:#}");
        tokio::task::yield_now().await;
    }
    place.stop().await;
}
