//! What waits for others, from outside: events by the API and by webhooks, who is next, an owner's word about a failure.

use serde_json::{Value as Json, json};

use super::place::{Place, place};

const PAID: &str = r#"
title = "缴费"
key = "{{ input.house }}"
[input]
house = { type = "text" }
[trigger.bank]
webhook = { signature = "none" }
publish = "invoice.paid"
key = "{{ trigger.body.house }}"
where = { amount = { from = 5 } }
with = { amount = "{{ trigger.body.amount }}" }
[step.paid]
await = "invoice.paid"
[output]
amount = "{{ step.paid.amount }}"
"#;

const CALL: &str = r#"
title = "电话"
[step.call]
use = "play.hang"
limit = { key = "crm", most = 1 }
"#;

const ASK: &str = r#"
title = "请示"
[step.call]
use = "play.fail"
retry.times = 0
on_error = "ask"
[output]
number = "{{ step.call.number }}"
"#;

async fn why(place: &Place, id: &str, language: &str) -> Vec<Json> {
    let path = format!("/api/v1/runs/{id}/why?lang={language}");
    place.socket.get(&path).await.json()["sentences"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_of_the_api_ends_the_wait_of_its_case_and_comes_once() {
    let place = place(&[("paid", PAID)]).await;
    let id = place.start("paid", json!({ "house": "H1" })).await;
    place.run_until(&id, |run| run["waits"] == "event").await;
    assert_eq!(why(&place, &id, "zh").await, ["步骤“paid”等待事件“invoice.paid”(H1)。"]);
    assert_eq!(why(&place, &id, "en").await, ["Step `paid` waits for the event `invoice.paid` of `H1`."]);
    let listed = place.socket.get("/api/v1/runs?waits=event").await.json();
    assert_eq!(listed["items"][0]["id"], json!(id));
    assert_eq!(place.socket.get("/api/v1/runs?waits=slot").await.json()["items"], json!([]));

    let event = json!({ "id": "b-1", "name": "invoice.paid", "key": "H1", "payload": { "amount": 7 } });
    let taken = place.socket.post("/api/v1/events", &event).await;
    assert_eq!((taken.status, taken.json()), (202, json!({ "id": "b-1", "repeated": false })));
    let again = place.socket.post("/api/v1/events", &event).await;
    assert_eq!((again.status, &again.json()["repeated"]), (200, &json!(true)));
    let run = place.run_until(&id, |run| run["state"] == "done").await;
    assert_eq!(run["output"], json!({ "amount": 7 }));

    let nameless = place.socket.post("/api/v1/events", &json!({ "name": " " })).await;
    assert_eq!(nameless.status, 400, "{nameless:?}");
    let stranger = place.stranger.post("/api/v1/events", &event).await;
    assert_eq!(stranger.status, 401);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_becomes_an_event_where_its_trigger_publishes() {
    let place = place(&[("paid", PAID)]).await;
    let id = place.start("paid", json!({ "house": "H1" })).await;
    place.run_until(&id, |run| run["waits"] == "event").await;
    let deliver = async |amount: u32| {
        let body = json!({ "house": "H1", "amount": amount }).to_string();
        let headers = [("content-type", "application/json"), ("webhook-id", &format!("d{amount}"))];
        place.stranger.send("POST", "/hooks/paid/bank", &headers, body.into_bytes()).await
    };
    assert_eq!(deliver(4).await.json()["event"], Json::Null, "`where` leaves it out");
    let taken = deliver(8).await;
    assert_eq!((taken.status, &taken.json()["event"]), (202, &json!("paid/bank/d8")));
    let again = deliver(8).await;
    assert_eq!((again.status, &again.json()["repeated"]), (200, &json!(true)));
    let run = place.run_until(&id, |run| run["state"] == "done").await;
    assert_eq!(run["output"], json!({ "amount": 8 }));
    assert_eq!(place.socket.get("/api/v1/doctor").await.json()["runs"], json!(0));
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn why_says_who_is_before_one_and_who_has_the_places() {
    let place = place(&[("call", CALL)]).await;
    let holder = place.start("call", json!({})).await;
    place.run_until(&holder, |run| run["waits"] == "step").await;
    let next = place.start("call", json!({})).await;
    let second = place.start("call", json!({})).await;
    for id in [&next, &second] {
        place.run_until(id, |run| run["waits"] == "slot").await;
    }
    let taken = format!("(1 of 1 taken by {holder})");
    assert_eq!(why(&place, &next, "en").await, [format!("Step `call` is next in line for `crm` {taken}.")]);
    assert_eq!(
        why(&place, &second, "en").await,
        [format!("Step `call` is second in line for `crm` {taken}.")]
    );
    let zh = format!("步骤“call”等“crm”的名额,排在第 2 位(共 1 个,已占 1 个:{holder})。");
    assert_eq!(why(&place, &second, "zh").await, [zh]);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_may_skip_what_failed_and_say_what_it_would_have_given() {
    let place = place(&[("ask", ASK)]).await;
    let id = place.start("ask", json!({})).await;
    let run = place.run_until(&id, |run| run["waits"] == "unknown").await;
    let task = run["steps"][0]["items"][0]["task"].as_str().unwrap();
    let shown = place.socket.get(&format!("/api/v1/tasks/{task}")).await.json();
    assert_eq!(shown["answers"], json!(["again", "skip", "fail"]));
    assert_eq!(shown["evidence"]["code"], "play.failed");
    assert_eq!(shown["item"], Json::Null, "its step has no `each`");
    let [sentence] = &why(&place, &id, "en").await[..] else { panic!("one sentence") };
    assert!(sentence.as_str().unwrap().contains("again, skip (with values), or fail"), "{sentence}");
    let verdict = json!({ "verdict": "skip", "values": { "number": 17 } });
    let settled = place.socket.post(&format!("/api/v1/tasks/{task}/settle"), &verdict).await;
    assert_eq!(settled.status, 200, "{settled:?}");
    let run = place.run_until(&id, |run| run["state"] == "done").await;
    assert_eq!(run["output"], json!({ "number": 17 }));
    place.stop().await;
}
