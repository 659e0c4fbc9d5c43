//! Somebody who operates one workflow and only looks at another: what they may there, they may not here.

use std::sync::Arc;

use axum::http::Method;
use serde_json::{Value as Json, json};
use yizhan_workflow::people::Person;
use yizhan_workflow::people::rights::{Grant, Role};
use yizhan_workflow::run::World;

use super::client::{Client, Reply};
use super::place::{Place, place};
use super::rights::{FROM_OUR_PAGE, session, table_of};

const ASKS: &str = r#"
title = "问"
[trigger.desk]
by_hand = ["role:班长"]
[step.ask]
ask = "group:热线"
due = "4h"
form.ok = { type = "yesno" }
"#;

const PERSON: &str = "zhao.lei";

fn give_two_roles(place: &Place) {
    let grant = |may, on: &str| Grant { who: vec![format!("person:{PERSON}")], may, on: vec![on.to_owned()] };
    place.engine.set_world(|world| {
        let mut people = (*world.people).clone();
        people.people.insert(PERSON.to_owned(), Person { name: "赵磊".into(), ..Person::default() });
        people.rights.insert("looks".to_owned(), grant(Role::Viewer, "fault"));
        people.rights.insert("runs".to_owned(), grant(Role::Operator, "refund"));
        World { people: Arc::new(people), ..world.clone() }
    });
}

/// What each route that acts on a run or a trigger takes, in an order in which all can be done.
fn bodies() -> [(&'static str, Json); 7] {
    let step = |more: Json| {
        let mut body = json!({ "step": "ask", "reason": "因为" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    [
        ("due", step(json!({ "to": "2099-01-02 10:00" }))),
        ("extend", step(json!({ "fields": {} }))),
        ("pause", step(json!({}))),
        ("resume", step(json!({}))),
        ("migrate", json!({ "dry_run": true })),
        ("retry", json!({})),
        ("cancel", json!({ "reason": "因为" })),
    ]
}

async fn act(who: &Client, path: &str, body: &Json) -> Reply {
    if path.starts_with("/api/") {
        let headers = [FROM_OUR_PAGE[0], ("content-type", "application/json")];
        return who.send("POST", path, &headers, body.to_string().into_bytes()).await;
    }
    let headers = [FROM_OUR_PAGE[0], ("content-type", "application/x-www-form-urlencoded")];
    let typed = body.as_object().unwrap().iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(typed).finish();
    who.send("POST", path, &headers, form.into_bytes()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_may_on_one_workflow_they_may_not_on_one_at_which_they_only_look() {
    let place = place(&[("fault", ASKS), ("refund", ASKS)]).await;
    give_two_roles(&place);
    let (seen, run) = (place.start("fault", json!({})).await, place.start("refund", json!({})).await);
    for id in [&seen, &run] {
        place.run_until(id, |run| run["waits"] == "task").await;
    }
    let person = session(&place, PERSON, 0).await;
    assert_eq!(person.get(&format!("/api/v1/runs/{seen}")).await.status, 200, "they do look at it");
    let before = place.socket.get(&format!("/api/v1/runs/{seen}/journal")).await.json()["items"].clone();
    let bodies = bodies();
    let table = table_of(&place);
    let mut acts: Vec<&str> = vec![];
    for entry in table.iter().filter(|entry| entry.method == Method::POST && entry.needs == "operator") {
        let (_, act) = entry.path.rsplit_once('/').unwrap();
        assert!(bodies.iter().any(|(name, _)| *name == act), "{} is not in this story", entry.path);
        acts.push(entry.path);
    }
    assert!(acts.len() >= 16, "{acts:?}");
    // In the order of the bodies: none is cancelled before the others were asked.
    acts.sort_by_key(|path| bodies.iter().position(|(name, _)| path.ends_with(name)));
    for path in acts {
        let body = &bodies.iter().find(|(name, _)| path.ends_with(&format!("/{name}"))).unwrap().1;
        let at = |workflow: &str, run: &str| {
            let named = path.replace("{id}", run).replace("{workflow}", workflow);
            named.replace("{trigger}", "desk")
        };
        let refused = act(&person, &at("fault", &seen), body).await;
        assert_eq!(refused.status, 403, "{path}: {refused:?}");
        let done = act(&person, &at("refund", &run), body).await;
        assert!(![401, 403, 404, 405].contains(&done.status), "{path}: {done:?}");
    }
    let after = place.socket.get(&format!("/api/v1/runs/{seen}/journal")).await.json()["items"].clone();
    assert_eq!(before, after, "nothing of all this was done");
    let triggers = place.socket.get("/api/v1/triggers").await.json();
    let paused = |workflow: &str| {
        let all = triggers["items"].as_array().unwrap();
        all.iter().find(|one| one["workflow"] == workflow).unwrap()["paused"].clone()
    };
    assert_eq!(paused("fault"), json!(null), "{triggers}");
    assert_eq!(place.socket.get(&format!("/api/v1/runs/{run}")).await.json()["state"], "cancelled");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_run_goes_over_to_a_text_of_a_workflow_that_whoever_moves_it_may_not_run() {
    let other = ASKS.replace("[step.ask]", "[step.first]\nuse = \"play.say\"\n[step.ask]");
    let place = place(&[("fault", ASKS), ("refund", &other)]).await;
    give_two_roles(&place);
    let run = place.start("refund", json!({})).await;
    place.run_until(&run, |run| run["waits"] == "task").await;
    let text = place.socket.get("/api/v1/workflows/fault").await.json()["hash"].clone();
    assert!(text.is_string());
    let person = session(&place, PERSON, 0).await;
    let path = format!("/api/v1/runs/{run}/migrate");
    for dry_run in [true, false] {
        let refused = act(&person, &path, &json!({ "to": text, "dry_run": dry_run })).await;
        assert_eq!((refused.status, refused.code().as_str()), (404, "YZ0404"), "{refused:?}");
        assert!(!refused.body.contains("fault"), "whose it is it does not say: {}", refused.body);
    }
    place.stop().await;
}
