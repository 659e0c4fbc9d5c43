//! The stream of what changes: who hears what, and when it ends.

use std::time::Duration;

use serde_json::json;
use yizhan_workflow::id::Millis;
use yizhan_workflow::people::rights::Role;

use super::place::{place, place_with};
use super::rights::{ASKS, session, token};
use crate::HttpSettings;

const STREAM: &str = "/api/v1/events";

fn quick() -> HttpSettings {
    HttpSettings { heartbeat: Duration::from_millis(20), ..HttpSettings::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_look_at_a_workflow_hears_of_its_runs_and_of_no_others() {
    let place = place(&[("fault", ASKS), ("refund", ASKS)]).await;
    let of_faults = token(&place, "looks", Role::Viewer, &["fault"], None).await;
    let mut hears = of_faults.listen(STREAM).await;
    assert_eq!(hears.next().await.unwrap().0, "refresh", "what was before, nobody says");
    place.start("refund", json!({"nr": "1"})).await;
    let ours = place.start("fault", json!({"nr": "2"})).await;
    assert_eq!(hears.until("run").await, json!({ "run": ours, "workflow": "fault" }));
    place.start("refund", json!({"nr": "3"})).await;
    let cancelled = place.socket.post(&format!("/api/v1/runs/{ours}/cancel"), &json!({})).await;
    assert_eq!(cancelled.status, 200);
    let next = hears.until("run").await;
    assert_eq!(next["run"], ours, "{next}");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_without_rights_hears_that_their_own_tasks_are_others_and_nothing_else() {
    let place = place_with(&[("fault", ASKS)], quick()).await;
    let (li_na, wang_wei) = (session(&place, "li.na", 0).await, session(&place, "wang.wei", 0).await);
    let (mut hers, mut his) = (li_na.listen(STREAM).await, wang_wei.listen(STREAM).await);
    let run = place.start("fault", json!({"nr": "1"})).await;
    assert_eq!(hers.until("tasks").await, json!({}));
    place.socket.post(&format!("/api/v1/runs/{run}/cancel"), &json!({})).await;
    assert_eq!(hers.next().await.unwrap().0, "tasks", "it is gone, and the run is not hers to hear of");
    for signed_in in place.access.sessions(Millis(place.now())).unwrap() {
        place.access.end_one(&signed_in.id).await.unwrap();
    }
    let mut said = vec![];
    while let Some((name, _)) = his.next().await {
        said.push(name);
    }
    assert_eq!(said, ["refresh"]);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_began_a_case_hears_of_it() {
    let by_hand = format!("{ASKS}\n[trigger.desk]\nby_hand = [\"group:热线\"]\n");
    let place = place(&[("fault", &by_hand)]).await;
    let li_na = session(&place, "li.na", 0).await;
    let mut hears = li_na.listen("/api/v1/events?only=run").await;
    hears.until("refresh").await;
    place.start("fault", json!({"nr": "1"})).await;
    let form = [("sec-fetch-site", "same-origin"), ("content-type", "application/x-www-form-urlencoded")];
    let began = li_na.send("POST", "/new/fault/desk", &form, b"once=x&f.nr=2".to_vec()).await;
    let run = began.header("location").unwrap().strip_prefix("/runs/").unwrap();
    assert_eq!(hears.next().await.unwrap().1["run"], run);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_with_its_session_and_keeps_none_from_ending() {
    let place = place_with(&[("fault", ASKS)], quick()).await;
    let li_na = session(&place, "li.na", 0).await;
    let mut hears = li_na.listen(STREAM).await;
    hears.until("refresh").await;
    // Some twenty minutes, twice: with a request between, the session would stand.
    for _ in 0..2 {
        place.pass(20 * 60_000).await;
    }
    assert_eq!(hears.next().await, None);
    assert_eq!(li_na.get("/api/v1/tasks").await.code(), "YZ0401");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_looks_again_by_itself_keeps_no_session_from_ending() {
    let place = place(&[]).await;
    let (away, there) = (session(&place, "li.na", 0).await, session(&place, "wang.wei", 0).await);
    for _ in 0..3 {
        place.pass(15 * 60_000).await;
        away.send("GET", "/tasks", &[("x-yizhan-again", "1")], vec![]).await;
        there.get("/tasks").await;
    }
    assert_eq!(away.get("/api/v1/tasks").await.code(), "YZ0401");
    assert_eq!(there.get("/api/v1/tasks").await.status, 200);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_ends_streams_at_once_and_does_not_wait_for_them() {
    // Whoever waited for it would wait a minute.
    let settings = HttpSettings { drain: Duration::from_secs(60), ..HttpSettings::default() };
    let place = place_with(&[], settings).await;
    let mut hears = place.token.listen(STREAM).await;
    hears.until("refresh").await;
    place.stop().await;
    assert_eq!(hears.next().await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_so_many_streams_are_open_at_once_and_one_that_ends_makes_room() {
    let settings = HttpSettings { connections_max: 8, ..quick() };
    let place = place_with(&[], settings).await;
    let mut open = vec![];
    for _ in 0..4 {
        open.push(place.token.listen(STREAM).await);
    }
    let full = place.token.get("/api/v1/events?seconds=0").await;
    assert_eq!((full.status, full.code()), (503, "YZ0435".to_owned()));
    assert!(full.header("retry-after").is_some());
    assert_eq!(place.token.get("/api/v1/runs").await.status, 200, "who asks and goes is answered");
    open.pop();
    let end = tokio::time::Instant::now() + Duration::from_secs(10);
    while place.token.get("/api/v1/events?seconds=0").await.status != 200 {
        assert!(tokio::time::Instant::now() < end, "it never made room");
    }
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stream_of_one_run_is_for_whoever_may_look_at_it_and_says_nothing_of_others() {
    let place = place(&[("fault", ASKS)]).await;
    let (one, other) =
        (place.start("fault", json!({"nr": "1"})).await, place.start("fault", json!({"nr": "2"})).await);
    let stranger = session(&place, "wang.wei", 0).await;
    assert_eq!(stranger.get(&format!("{STREAM}?run={one}")).await.code(), "YZ0404");
    let mut hears = place.token.listen(&format!("{STREAM}?run={one}")).await;
    hears.until("refresh").await;
    for run in [&other, &one] {
        place.socket.post(&format!("/api/v1/runs/{run}/cancel"), &json!({})).await;
    }
    assert_eq!(hears.next().await.unwrap(), ("run".to_owned(), json!({ "run": one, "workflow": "fault" })));
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_text_of_a_workflow_is_heard_of() {
    let place = place(&[("fault", ASKS)]).await;
    let mut hears = place.token.listen("/api/v1/events?only=house").await;
    hears.until("refresh").await;
    place.start("fault", json!({"nr": "1"})).await;
    place.load(&[("fault", ASKS), ("refund", ASKS)]).await;
    assert_eq!(hears.next().await.unwrap().0, "house");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_a_task_hears_of_what_is_done_with_it_and_nobody_else_may_listen() {
    let place = place(&[("fault", ASKS)]).await;
    let (li_na, wang_wei) = (session(&place, "li.na", 0).await, session(&place, "wang.wei", 0).await);
    let run = place.start("fault", json!({"nr": "1"})).await;
    let tasks = li_na.get("/api/v1/tasks").await.json();
    let task = tasks["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(wang_wei.get(&format!("{STREAM}?task={task}&seconds=0")).await.code(), "YZ0404");
    let mut hers = li_na.listen(&format!("{STREAM}?task={task}")).await;
    hers.until("refresh").await;
    // A comment changes nothing of her list.
    let said = json!({ "by": "li.na", "text": "看过了" });
    assert_eq!(place.socket.post(&format!("/api/v1/tasks/{task}/comment"), &said).await.status, 200);
    assert_eq!(hers.next().await.unwrap().0, "tasks");
    place.start("fault", json!({"nr": "2"})).await;
    assert_eq!(hers.next().await.unwrap().0, "tasks", "her list is another one");
    place.socket.post(&format!("/api/v1/runs/{run}/cancel"), &json!({})).await;
    assert_eq!(hers.next().await.unwrap().0, "tasks");
    place.stop().await;
}
