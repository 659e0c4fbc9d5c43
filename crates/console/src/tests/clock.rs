//! Time as it is seen and moved from outside: what is late in lists, clocks stopped and moved.

use serde_json::{Value as Json, json};

use super::place::{Place, place};

const HOUR: i64 = 3_600_000;

const WHOLE: &str = r#"
title = "全程"
due   = "4h"
[input]
within = { type = "text" }
[step.visit]
ask = "group:热线"
due = "{{ input.within }}"
"#;

async fn listed(place: &Place, path: &str) -> Vec<Json> {
    place.socket.get(path).await.json()["items"].as_array().unwrap().clone()
}

fn ids(items: &[Json], key: &str) -> Vec<String> {
    items.iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_say_what_is_late_and_show_it_first() {
    let place = place(&[("whole", WHOLE)]).await;
    let slow = place.start("whole", json!({ "within": "3h" })).await;
    let quick = place.start("whole", json!({ "within": "1h" })).await;
    for run in [&slow, &quick] {
        place.run_until(run, |run| run["waits"] == "task").await;
    }
    let tasks = listed(&place, "/api/v1/tasks").await;
    assert_eq!(ids(&tasks, "run"), [quick.clone(), slow.clone()], "what is due first stands first");
    assert_eq!(listed(&place, "/api/v1/tasks?late=true").await, Vec::<Json>::new());
    assert_eq!(listed(&place, "/api/v1/runs?late=true").await, Vec::<Json>::new());
    let runs = listed(&place, "/api/v1/runs").await;
    assert_eq!((&runs[0]["due"], &runs[0]["late"]), (&json!("2026-11-22T06:00:00Z"), &json!(false)));

    place.pass(2 * HOUR).await;
    let late = listed(&place, "/api/v1/tasks?late=true").await;
    assert_eq!((ids(&late, "run"), &late[0]["late"]), (vec![quick.clone()], &json!(true)));
    assert_eq!(listed(&place, "/api/v1/runs?late=true").await, Vec::<Json>::new(), "the run still has time");

    place.pass(2 * HOUR).await;
    let answered = late[0]["id"].as_str().unwrap();
    let answer = json!({ "by": "li.na", "fields": {} });
    assert_eq!(place.socket.post(&format!("/api/v1/tasks/{answered}/answer"), &answer).await.status, 200);
    place.run_until(&quick, |run| run["state"] == "done").await;
    let late = listed(&place, "/api/v1/runs?late=true").await;
    assert_eq!(ids(&late, "id"), [quick.clone(), slow.clone()], "what ended late was late");
    assert_eq!(
        ids(&listed(&place, "/api/v1/runs?late=true&open=true").await, "id"),
        std::slice::from_ref(&slow)
    );
    let shown = place.socket.get(&format!("/api/v1/runs/{slow}")).await.json();
    assert_eq!((&shown["due"], &shown["late"]), (&json!("2026-11-22T06:00:00Z"), &json!(true)));
    place.stop().await;
}
