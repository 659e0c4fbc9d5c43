//! Runs: started once per key, shown, waited for, explained, cancelled, retried.

use serde_json::json;

use yizhan_workflow::people::rights::Role;

use super::client::Client;
use super::place::place;
use super::rights::{FROM_OUR_PAGE, session, token};

const REPAIR: &str = r#"
title = "报漏"
key = "{{ input.house }}"
on_duplicate = "reject"

[input]
house = { label = "户号", type = "text" }
hours = { label = "小时", type = "whole", required = false }

[step.record]
title = "登记 {{ input.house }}"
use = "play.say"
with.text = "{{ input.house }}"

[step.visit]
ask = "group:热线"
title = "上门 {{ input.house }}"
due = "24h"
form.result = { label = "结果", type = "choice", options = { fixed = "已修复", complex = "复杂" } }
"#;

const BROKEN: &str = r#"
title = "总是失败"
[step.call]
use = "play.fail"
retry = { times = 2, first = "5s", factor = 2, most = "1min" }
with.text = "x"
"#;

const WRONG: &str = r#"
# wrong on purpose
titel = "x"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_started_shown_and_found_by_the_first_characters_of_its_id() {
    let place = place(&[("repair", REPAIR)]).await;
    let answer = place
        .token
        .post("/api/v1/workflows/repair/runs", &json!({ "input": { "house": "H1", "colour": "red" } }))
        .await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let started = answer.json();
    assert_eq!((&started["joined"], &started["dropped"]), (&json!(false), &json!(["colour"])));
    let id = started["id"].as_str().unwrap();

    let run = place.run_until(id, |run| run["waits"] == "task").await;
    assert_eq!(run["workflow"], "repair");
    assert_eq!(run["title"], "报漏");
    assert_eq!((&run["state"], &run["key"], &run["by"]), (&json!("open"), &json!("H1"), &json!("operator")));
    assert_eq!(run["input"]["house"], "H1");
    assert_eq!(run["started"], "2026-11-22T02:00:00Z");
    let record = &run["steps"][0];
    assert_eq!(
        (&record["id"], &record["kind"], &record["action"]),
        (&json!("record"), &json!("use"), &json!("play.say"))
    );
    assert_eq!((&record["title"], &record["state"]), (&json!("登记 H1"), &json!("done")));
    assert_eq!(record["items"][0]["output"], json!({ "text": "H1" }));
    let visit = &run["steps"][1];
    assert_eq!((&visit["kind"], &visit["state"]), (&json!("ask"), &json!("open")));
    assert_eq!(visit["items"][0]["due"], "2026-11-23T02:00:00Z");
    assert!(visit["items"][0]["task"].as_str().unwrap().starts_with("task_"));

    for part in [&id[4..10], &id[..12], &id[4..]] {
        let found = place.socket.get(&format!("/api/v1/runs/{part}")).await;
        assert_eq!((found.status, &found.json()["id"]), (200, &json!(id)), "{part}");
    }
    for unknown in ["zzzzz", "run_1", "8", "-", "run_0000000000000"] {
        let found = place.socket.get(&format!("/api/v1/runs/{unknown}")).await;
        assert_eq!((found.status, found.code().as_str()), (404, "YZ0404"), "{unknown}");
    }
    let other = place.start("repair", json!({ "house": "H2" })).await;
    let shared: String = id.chars().zip(other.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect();
    let ambiguous = place.socket.get(&format!("/api/v1/runs/{shared}")).await;
    assert_eq!((ambiguous.status, ambiguous.code().as_str()), (400, "YZ0411"));
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_come_in_pages_and_filters_fit() {
    let place = place(&[("repair", REPAIR)]).await;
    for house in ["H1", "H2", "H3"] {
        let id = place.start("repair", json!({ "house": house })).await;
        place.run_until(&id, |run| run["waits"] == "task").await;
    }
    let keys = |page: &serde_json::Value| {
        let items = page["items"].as_array().unwrap();
        items.iter().map(|run| run["key"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let first = place.socket.get("/api/v1/runs?limit=2").await.json();
    assert_eq!(keys(&first), ["H3", "H2"]);
    let cursor = first["next"].as_str().unwrap();
    let second = place.socket.get(&format!("/api/v1/runs?limit=2&cursor={cursor}")).await.json();
    assert_eq!((keys(&second), &second["next"]), (vec!["H1".to_owned()], &json!(null)));
    let found = place.socket.get("/api/v1/runs?key=H2&open=true&state=open&workflow=repair").await.json();
    assert_eq!(keys(&found), ["H2"]);
    for (text, found) in
        [("h2", &["H2"][..]), ("REPAIR+h", &["H3", "H2", "H1"]), ("h2+h3", &[]), ("%25", &[])]
    {
        let listed = place.socket.get(&format!("/api/v1/runs?text={text}")).await.json();
        assert_eq!(keys(&listed), found, "{text}");
    }
    for wrong in ["/api/v1/runs?cursor=x", "/api/v1/runs?state=asleep", "/api/v1/runs?limit=many"] {
        assert_eq!(place.socket.get(wrong).await.code(), "YZ0400", "{wrong}");
    }
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_input_that_does_not_fit_is_refused_field_by_field() {
    let place = place(&[("repair", REPAIR)]).await;
    let path = "/api/v1/workflows/repair/runs";
    let refused = place.socket.post(path, &json!({ "input": { "hours": "many" } })).await;
    assert_eq!((refused.status, refused.code().as_str()), (422, "YZ0412"));
    let fields: Vec<_> =
        refused.json()["fields"].as_array().unwrap().iter().map(|f| f["field"].clone()).collect();
    assert_eq!(fields, ["house", "hours"]);
    assert_eq!(place.socket.post(path, &json!({ "input": [1] })).await.code(), "YZ0400");
    let text = place.socket.send("POST", path, &[("content-type", "text/plain")], b"{}".to_vec()).await;
    assert_eq!((text.status, text.code().as_str()), (415, "YZ0407"));
    let torn = place.socket.send("POST", path, &[("content-type", "application/json")], b"{".to_vec()).await;
    assert_eq!((torn.status, torn.code().as_str()), (400, "YZ0400"));
    let unknown = place.socket.post(path, &json!({ "input": { "house": "H" }, "by": "nobody" })).await;
    assert_eq!((unknown.status, unknown.code().as_str()), (404, "YZ0404"));
    assert_eq!(place.socket.post("/api/v1/workflows/none/runs", &json!({})).await.status, 404);
    let runs = place.socket.get("/api/v1/runs").await.json();
    assert_eq!(runs["items"], json!([]), "what was refused has left nothing");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_held_is_refused_with_the_run_that_holds_it() {
    let place = place(&[("repair", REPAIR)]).await;
    let holder = place.start("repair", json!({ "house": "H1" })).await;
    let refused =
        place.socket.post("/api/v1/workflows/repair/runs", &json!({ "input": { "house": "H1" } })).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "YZ0409"));
    assert_eq!(refused.json()["run"], json!(holder));
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_idempotency_key_starts_one_run_and_another_body_under_it_is_refused() {
    let place = place(&[("repair", REPAIR), ("broken", BROKEN)]).await;
    let path = "/api/v1/workflows/repair/runs";
    let json_type = ("content-type", "application/json");
    let send = async |key: &str, body: serde_json::Value| {
        place.token.send("POST", path, &[json_type, ("idempotency-key", key)], body.to_string().into()).await
    };
    let body = json!({ "input": { "house": "H1" } });
    let first = send("\"8e03978e\"", body.clone()).await;
    assert_eq!(first.status, 201, "{first:?}");
    // Later, and as a bare word: the same request has the same answer, even while the run holds its own key.
    place.pass(3_600_000).await;
    let again = send("8e03978e", body.clone()).await;
    assert_eq!((again.status, &again.json()["id"]), (201, &first.json()["id"]), "{again:?}");
    assert_eq!(again.json()["repeated"], true);
    let other = send("8e03978e", json!({ "input": { "house": "H2" } })).await;
    assert_eq!((other.status, other.code().as_str()), (422, "YZ0420"));
    assert_eq!(other.json()["run"], first.json()["id"]);
    for bad in ["", "\"open", "a\"b", &"x".repeat(256)] {
        let refused = send(bad, body.clone()).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "YZ0419"), "{bad}");
    }
    // A key counts for its workflow alone.
    let elsewhere = place
        .token
        .send(
            "POST",
            "/api/v1/workflows/broken/runs",
            &[json_type, ("idempotency-key", "8e03978e")],
            b"{}".to_vec(),
        )
        .await;
    assert_eq!((elsewhere.status, elsewhere.json().get("repeated")), (201, None));
    let runs = place.socket.get("/api/v1/runs?workflow=repair").await.json();
    assert_eq!(runs["items"].as_array().unwrap().len(), 1);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_is_answered_when_the_run_is_over_and_not_later() {
    let place = place(&[("repair", REPAIR)]).await;
    let id = place.start("repair", json!({ "house": "H1" })).await;
    place.run_until(&id, |run| run["waits"] == "task").await;
    let still = place.socket.get(&format!("/api/v1/runs/{id}/wait?seconds=0")).await.json();
    assert_eq!(still["state"], "open");
    let before = place.requests().await;
    let waiting = tokio::spawn({
        let (client, path) = (place.token.clone(), format!("/api/v1/runs/{id}/wait?seconds=20"));
        async move { client.get(&path).await.json() }
    });
    place.another_request(before).await;
    let cancelled =
        place.socket.post(&format!("/api/v1/runs/{id}/cancel"), &json!({ "reason": "误报" })).await;
    assert_eq!((cancelled.status, &cancelled.json()["state"]), (200, &json!("cancelled")));
    let run = tokio::time::timeout(std::time::Duration::from_secs(10), waiting).await.unwrap().unwrap();
    assert_eq!((&run["state"], &run["outcome"]), (&json!("cancelled"), &json!("误报")));
    let again = place.socket.post(&format!("/api/v1/runs/{id}/cancel"), &json!({})).await;
    assert_eq!((again.status, again.code().as_str()), (409, "YZ0410"), "an end is not ended twice");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_a_run_sees_at_its_end_what_they_may_see_then() {
    let place = place(&[("repair", REPAIR)]).await;
    let id = place.start("repair", json!({ "house": "H1" })).await;
    place.run_until(&id, |run| run["waits"] == "task").await;
    let path = format!("/api/v1/runs/{id}/wait?seconds=20");
    let (leaves, stays) =
        (token(&place, "leaves", Role::Viewer, &[], None), token(&place, "stays", Role::Viewer, &[], None));
    let mut waiting = vec![];
    for client in [leaves.await, stays.await] {
        let (before, path) = (place.requests().await, path.clone());
        waiting.push(tokio::spawn(async move { client.get(&path).await }));
        place.another_request(before).await;
    }
    assert!(place.access.revoke("leaves").await.unwrap());
    place.socket.post(&format!("/api/v1/runs/{id}/cancel"), &json!({ "reason": "误报" })).await;
    let mut said = vec![];
    for waiting in waiting {
        let reply = tokio::time::timeout(std::time::Duration::from_secs(10), waiting).await.unwrap().unwrap();
        said.push((reply.status, reply.body.contains("误报")));
    }
    assert_eq!(said, [(401, false), (200, true)]);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_case_of_another_is_not_named_to_whoever_comes_too_late_or_takes_their_key() {
    let text = REPAIR
        .replace("[input]\n", "[trigger.desk]\nby_hand = [\"person:li.na\", \"person:wang.wei\"]\n[input]\n");
    let place = place(&[("repair", &text)]).await;
    let (li, wang) = (session(&place, "li.na", 0).await, session(&place, "wang.wei", 0).await);
    let send = async |client: &Client, house: &str, key: &str| {
        let body = json!({ "trigger": "desk", "input": { "house": house } }).to_string();
        let headers = [FROM_OUR_PAGE[0], ("content-type", "application/json"), ("idempotency-key", key)];
        client.send("POST", "/api/v1/workflows/repair/runs", &headers, body.into()).await
    };
    let first = send(&li, "H1", "k1").await;
    assert_eq!(first.status, 201, "{first:?}");
    let run = first.json()["id"].clone();
    for (house, key, status) in [("H1", "k2", 409), ("H2", "k1", 422)] {
        let (own, other) = (send(&li, house, key).await, send(&wang, house, key).await);
        assert_eq!((own.status, &own.json()["run"]), (status, &run), "{own:?}");
        assert_eq!((other.status, other.body.contains(run.as_str().unwrap())), (status, false), "{other:?}");
    }
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn why_says_in_both_languages_what_a_run_waits_for() {
    let place = place(&[("repair", REPAIR), ("broken", BROKEN)]).await;
    let why = async |id: &str, language: &str| {
        let path = format!("/api/v1/runs/{id}/why?lang={language}");
        let sentences = place.socket.get(&path).await.json()["sentences"].clone();
        sentences.as_array().unwrap().iter().map(|s| s.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let id = place.start("repair", json!({ "house": "H1" })).await;
    place.run_until(&id, |run| run["waits"] == "task").await;
    assert_eq!(
        why(&id, "zh").await,
        ["步骤“visit”等待 热线 办理“上门 H1”,应于 2026-11-23 10:00:00 前完成(还有 1 天)。"]
    );
    assert_eq!(
        why(&id, "en").await,
        ["Step `visit` waits for 热线 to answer “上门 H1”, due at 2026-11-23 10:00:00 (in 1 d)."]
    );

    let id = place.start("broken", json!({})).await;
    place.run_until(&id, |run| run["waits"] == "time").await;
    assert_eq!(
        why(&id, "en").await,
        [
            "Step `call` failed on try 1 of 3: play.failed, as was asked for. It is tried again at 2026-11-22 10:00:05."
        ]
    );
    place.pass(6_000).await; // The rest is jittered by a share of it.
    place.run_until(&id, |run| run["steps"][0]["items"][0]["attempts"] == 2).await;
    place.pass(12_000).await;
    place.run_until(&id, |run| run["state"] == "failed").await;
    assert_eq!(
        why(&id, "zh").await,
        [
            "已于 2026-11-22 10:00:18 失败:步骤“call”play.failed as was asked for。可以重新办理(页面上的按钮,或 `yizhan retry`)。"
        ]
    );
    let retried = place.socket.post(&format!("/api/v1/runs/{id}/retry"), &json!({})).await;
    assert_eq!((retried.status, &retried.json()["opening"]), (200, &json!(2)));
    let from = place.socket.post(&format!("/api/v1/runs/{id}/retry"), &json!({ "from": "none" })).await;
    assert_eq!((from.status, from.code().as_str()), (404, "YZ0404"));
    let open = place.socket.post(&format!("/api/v1/runs/{id}/retry"), &json!({})).await;
    assert_eq!((open.status, open.code().as_str()), (409, "YZ0415"));
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_reads_with_steps_by_name_and_in_pages() {
    let place = place(&[("repair", REPAIR)]).await;
    let id = place.start("repair", json!({ "house": "H1" })).await;
    place.run_until(&id, |run| run["waits"] == "task").await;
    let page = place.socket.get(&format!("/api/v1/runs/{id}/journal?limit=1")).await.json();
    let line = &page["items"][0];
    assert_eq!((&line["seq"], &line["event"]), (&json!(1), &json!("started")));
    assert_eq!(line["with"]["input"]["house"], "H1");
    assert_eq!(line["did"][0], json!({ "fact": "opened", "steps": 2 }));
    assert_eq!(line["did"][1]["step"], "record");
    let next = page["next"].as_str().unwrap();
    let rest = place.socket.get(&format!("/api/v1/runs/{id}/journal?cursor={next}")).await.json();
    let ended = &rest["items"][0];
    assert_eq!((&ended["event"], &ended["with"]["step"]), (&json!("ended"), &json!("record")));
    assert_eq!((&ended["with"]["attempt"], &ended["with"]["round"]), (&json!(1), &json!(1)));
    let facts: Vec<_> = ended["did"].as_array().unwrap().iter().map(|fact| fact["fact"].clone()).collect();
    assert!(facts.contains(&json!("step_over")) && facts.contains(&json!("entered")), "{facts:?}");
    assert_eq!(rest["next"], json!(null));
    assert_eq!(ended["text"], "record 办成 → record 完成, visit 等待 group:热线");
    let english = place.socket.get(&format!("/api/v1/runs/{id}/journal?lang=en")).await.json();
    assert_eq!(english["items"][0]["text"], "operator started it → record running");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workflows_show_their_state_their_form_and_their_faults() {
    let place = place(&[("repair", REPAIR), ("wrong", WRONG)]).await;
    let list = place.socket.get("/api/v1/workflows").await.json();
    let states: Vec<_> = list["items"].as_array().unwrap().iter().map(|row| row["state"].clone()).collect();
    assert_eq!(states, ["in force", "faulty"]);
    assert!(!list["items"][1]["faults"].as_array().unwrap().is_empty());
    let shown = place.socket.get("/api/v1/workflows/repair").await.json();
    assert_eq!(shown["form"]["fields"][0]["name"], "house");
    assert_eq!(
        (&shown["steps"][1]["id"], &shown["steps"][1]["needs"]),
        (&json!("visit"), &json!(["record"]))
    );
    assert_eq!((&shown["source"], &shown["open_runs"]), (&json!(REPAIR), &json!(0)));
    let refused = place.socket.post("/api/v1/workflows/wrong/runs", &json!({})).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "YZ0426"));
    assert_eq!(place.socket.get("/api/v1/workflows/none").await.code(), "YZ0404");
    assert_eq!(place.socket.post("/api/v1/reload", &json!({})).await.json()["loaded"], json!(["repair"]));
    place.stop().await;
}

const NIGHTLY: &str = r#"
title = "每天"
[trigger.night]
schedule = "18:00"
[trigger.desk]
by_hand = ["group:热线"]
with.house = "{{ trigger.body.house }}"
[input]
house = { type = "text", required = false }
[step.say]
use = "play.say"
with.text = "x"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn triggers_show_what_fires_next_and_a_start_form_is_for_those_it_names() {
    let place = place(&[("nightly", NIGHTLY)]).await;
    let all = place.socket.get("/api/v1/triggers?workflow=nightly&days=2").await.json();
    let night =
        all["items"].as_array().unwrap().iter().find(|trigger| trigger["trigger"] == "night").unwrap();
    assert_eq!(night["next"], json!(["2026-11-22T10:00:00Z", "2026-11-23T10:00:00Z"]));
    assert_eq!((&night["kind"], &night["what"]), (&json!("schedule"), &json!("18:00")));
    let path = "/api/v1/workflows/nightly/runs";
    let by = |by: &str| json!({ "trigger": "desk", "by": by, "input": { "house": "H7" } });
    let refused = place.socket.post(path, &by("wang.wei")).await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "YZ0414"));
    let started = place.socket.post(path, &by("li.na")).await.json();
    let run = place.socket.get(&format!("/api/v1/runs/{}", started["id"].as_str().unwrap())).await.json();
    assert_eq!((&run["by"], &run["input"]["house"]), (&json!("person:li.na"), &json!("H7")));
    let unknown = place.socket.post(path, &json!({ "trigger": "none" })).await;
    assert_eq!((unknown.status, unknown.code().as_str()), (404, "YZ0404"));
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_line_of_a_migrated_run_names_the_steps_of_the_text_that_it_was_written_under() {
    let head = "title = \"t\"\nowner = \"role:班长\"\n";
    let ask = "[step.visit]\nask = \"group:热线\"\ndue = \"4h\"\n";
    let say = |id: &str| format!("[step.{id}]\nuse = \"play.say\"\n");
    let old = format!("{head}{}{ask}", say("record"));
    let place = place(&[("case", &old)]).await;
    let id = place.start("case", json!({})).await;
    place.run_until(&id, |run| run["waits"] == "task").await;
    let new = format!("{head}{}{}{}{ask}{}", say("first"), say("second"), say("record"), say("last"));
    place.load(&[("case", &new)]).await;
    let unknown = place.socket.post(&format!("/api/v1/runs/{id}/migrate"), &json!({ "to": "\u{9a}ü" })).await;
    assert_eq!((unknown.status, unknown.code().as_str()), (404, "YZ0404"), "{unknown:?}");
    let migrated = place.socket.post(&format!("/api/v1/runs/{id}/migrate"), &json!({})).await;
    assert_eq!((migrated.status, &migrated.json()["done"]), (200, &json!(true)), "{migrated:?}");
    let task = place.socket.get("/api/v1/tasks").await.json()["items"][0]["id"].as_str().unwrap().to_owned();
    let answered = json!({ "by": "person:li.na", "fields": {} });
    assert_eq!(place.socket.post(&format!("/api/v1/tasks/{task}/answer"), &answered).await.status, 200);
    place.run_until(&id, |run| run["state"] == "done").await;

    let mut steps: Vec<String> = vec![];
    let mut next = "?limit=2".to_owned();
    loop {
        let page = place.socket.get(&format!("/api/v1/runs/{id}/journal{next}")).await.json();
        let facts = page["items"].as_array().unwrap().iter().flat_map(|line| line["did"].as_array().unwrap());
        let over = facts.filter(|fact| fact["fact"] == "step_over");
        steps.extend(over.map(|fact| fact["step"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next"].as_str() else { break };
        next = format!("?limit=2&cursor={cursor}");
    }
    // Told with the new text alone, the first line would be of `first`.
    assert_eq!(steps, ["record", "first", "second", "visit", "last"]);
    place.stop().await;
}
