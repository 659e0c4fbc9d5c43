//! Metrics, health and the doctor.

use bytes::Bytes;
use serde_json::json;
use yizhan_engine::store::{Reads, RunFilter};
use zeroize::Zeroizing;

use super::place::place;
use crate::House;
use crate::house::{PluginView, Promise, Reloaded};

/// A house without anything.
pub(super) struct Nothing;

impl House for Nothing {
    fn plugins(&self) -> Vec<PluginView> {
        vec![]
    }

    fn secret(&self, _: &str) -> Option<Zeroizing<Vec<u8>>> {
        None
    }

    fn reload(&self) -> Promise<'_, Reloaded> {
        Box::pin(async { Reloaded::default() })
    }

    fn put_artifact(&self, _: &Bytes) -> std::io::Result<String> {
        Err(std::io::ErrorKind::StorageFull.into())
    }

    fn artifact(&self, _: &str, _: u64, _: u64) -> std::io::Result<Option<Bytes>> {
        Ok(None)
    }

    fn artifact_size(&self, _: &str) -> std::io::Result<Option<u64>> {
        Ok(None)
    }

    fn scratch(&self) -> std::io::Result<std::fs::File> {
        Err(std::io::ErrorKind::StorageFull.into())
    }

    fn home(&self) -> String {
        String::new()
    }
}

const SAY: &str = r#"
title = "说"
[step.say]
use = "play.say"
with.text = "好"
"#;

const ASK: &str = r#"
title = "问"
[step.ask]
ask = "group:热线"
form.ok = { label = "行吗", type = "yesno" }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_count_what_there_is() {
    let place = place(&[("say", SAY), ("ask", ASK)]).await;
    let said = place.start("say", json!({})).await;
    place.run_until(&said, |run| run["state"] == "done").await;
    let asked = place.start("ask", json!({})).await;
    place.run_until(&asked, |run| run["waits"] == "task").await;

    let page = place.stranger.get("/metrics").await;
    assert_eq!(page.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let value = |name: &str| {
        let line =
            page.body.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
    };
    assert_eq!(value(r#"yizhan_runs{state="done"}"#), Some(1.0));
    assert_eq!(value(r#"yizhan_runs{state="open"}"#), Some(1.0));
    assert_eq!(value(r#"yizhan_runs{state="failed"}"#), Some(0.0));
    assert_eq!(value("yizhan_tasks_open"), Some(1.0));
    assert_eq!(value(r#"yizhan_attempts_total{outcome="done"}"#), Some(1.0));
    assert_eq!(value(r#"yizhan_plugin_crashes_total{plugin="play"}"#), Some(1.0));
    assert!(value("yizhan_commits_total").unwrap() >= 3.0);
    // Each name is said once, with its kind, before its values.
    let kinds: Vec<_> = page.body.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let names: std::collections::BTreeSet<_> = kinds.iter().map(|kind| kind.split(' ').next()).collect();
    assert_eq!(kinds.len(), names.len());
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_said_and_nothing_is_acknowledged_until_there_is_space() {
    let place = place(&[("ask", ASK)]).await;
    let mut hears = place.token.listen("/api/v1/events?only=house").await;
    hears.until("refresh").await;
    place.store.fill(true);
    // The first that comes finds out; it is told like those after it, and has left nothing.
    let first = tokio::spawn({
        let client = place.socket.clone();
        async move { client.post("/api/v1/workflows/ask/runs", &json!({})).await }
    });
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(5);
    let refused = loop {
        let ready = place.stranger.get("/health/ready").await;
        if ready.status == 503 {
            break ready;
        }
        assert!(tokio::time::Instant::now() < end);
        tokio::task::yield_now().await;
    };
    assert_eq!(refused.code(), "YZ0423");
    hears.until("house").await;
    let state = async || place.token.send("GET", "/system", &[("accept-language", "en")], vec![]).await.body;
    let full = "The disk is full";
    assert!(state().await.contains(full), "an open page that looks again says so: {}", state().await);
    let refused = place.socket.post("/api/v1/workflows/ask/runs", &json!({})).await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "YZ0423"));
    assert!(refused.header("retry-after").is_some());
    let first = first.await.unwrap();
    assert_eq!((first.status, first.code().as_str()), (503, "YZ0423"));
    place.store.fill(false);
    // Nobody need come for it to be found that there is space.
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(5);
    while place.stranger.get("/health/ready").await.status != 200 {
        assert!(tokio::time::Instant::now() < end);
        tokio::task::yield_now().await;
    }
    hears.until("house").await;
    assert!(!state().await.contains(full));
    assert_eq!(place.store.runs(&RunFilter::default(), None, 9).unwrap().rows.len(), 0);
    place.start("ask", json!({})).await;
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_finds_nothing_where_all_is_well_and_plays_journals_again() {
    let place = place(&[("ask", ASK), ("long", LONG)]).await;
    place.start("ask", json!({})).await;
    let long = place.start("long", json!({})).await;
    place.run_until(&long, |run| run["state"] == "done").await;
    let visit = place.socket.get("/api/v1/doctor?all=true").await.json();
    assert_eq!(visit, json!({ "ok": true, "findings": [], "runs": 1, "replayed": 2 }));
    place.stop().await;
}

const LONG: &str = r#"
title = "很多步"
[step.many]
each = "{{ range(40) | list }}"
use = "play.say"
at_once = 1
with.text = "好"
"#;
