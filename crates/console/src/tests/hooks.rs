//! Webhooks: from whom they are, once each, and what becomes of them.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use sha2::Sha256;

use super::client::Reply;
use super::place::{PLAIN, Place, SECRET, place};
use super::rights::token;
use yizhan_workflow::people::rights::Role;

const HOOKS: &str = r#"
title = "报修"
[input]
phone = { label = "电话", type = "text" }
times = { label = "次数", type = "whole", required = false }

[trigger.standard]
webhook = { signature = "standard", secret = "signed" }
[trigger.github]
webhook = { signature = "github", secret = "plain" }
with.phone = "{{ trigger.headers['x-github-event'] }}"
[trigger.hmac]
webhook = { signature = "hmac", secret = "plain", header = "X-Shop-Hmac" }
[trigger.token]
webhook = { signature = "token", secret = "plain" }
[trigger.header]
webhook = { signature = "token", secret = "plain", header = "X-Key" }
[trigger.open]
webhook = { signature = "none" }
[trigger.lost]
webhook = { signature = "token", secret = "missing" }
[trigger.empty]
webhook = { signature = "hmac", secret = "empty", header = "x-mac" }
[trigger.night]
schedule = "18:00"
with.phone = "1"

[step.say]
use = "play.say"
with.text = "{{ input.phone }}"
"#;

const JOIN: &str = r#"
title = "同一户合并"
key = "{{ input.house }}"
on_duplicate = "join"
[input]
house = { label = "户号", type = "text" }
[trigger.hook]
webhook = { signature = "none" }
[step.ask]
ask = "group:热线"
form.ok = { label = "行吗", type = "yesno" }
"#;

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Signed as Standard Webhooks has it, at `seconds`.
fn signed(id: &str, seconds: i64, body: &str) -> [(String, String); 4] {
    let key = STANDARD.decode(SECRET.strip_prefix("whsec_").unwrap()).unwrap();
    let at = seconds.to_string();
    let signature = STANDARD.encode(mac(&key, &[id.as_bytes(), b".", at.as_bytes(), b".", body.as_bytes()]));
    [
        ("content-type".into(), "application/json".into()),
        ("webhook-id".into(), id.into()),
        ("webhook-timestamp".into(), at),
        ("webhook-signature".into(), format!("v1,{signature}")),
    ]
}

async fn deliver(place: &Place, hook: &str, headers: &[(String, String)], body: &str) -> Reply {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    place.stranger.send("POST", &format!("/hooks/{hook}"), &headers, body.as_bytes().to_vec()).await
}

async fn runs(place: &Place) -> usize {
    place.socket.get("/api/v1/runs?limit=500").await.json()["items"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_delivery_starts_a_run_and_the_same_one_again_has_the_same_answer() {
    let place = place(&[("hooks", HOOKS)]).await;
    let body = r#"{"phone":"138","colour":"red"}"#;
    let seconds = place.now() / 1_000;
    let first = deliver(&place, "hooks/standard", &signed("msg_1", seconds, body), body).await;
    assert_eq!(first.status, 202, "{first:?}");
    let id = first.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(first.json()["dropped"], json!(["colour"]));
    let run = place.run_until(&id, |run| run["state"] == "done").await;
    assert_eq!((&run["by"], &run["input"]["phone"]), (&json!("trigger:standard"), &json!("138")));

    let again = deliver(&place, "hooks/standard", &signed("msg_1", seconds, body), body).await;
    assert_eq!((again.status, &again.json()["id"]), (200, &json!(id)));
    assert_eq!(again.json()["repeated"], true);
    // Signed anew, as senders do when they try again.
    let later = deliver(&place, "hooks/standard", &signed("msg_1", seconds + 60, body), body).await;
    assert_eq!((later.status, &later.json()["id"]), (200, &json!(id)));
    assert_eq!(runs(&place).await, 1);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_that_is_not_genuine_is_refused_before_it_is_read() {
    let place = place(&[("hooks", HOOKS)]).await;
    let body = "this is no JSON";
    let seconds = place.now() / 1_000;
    let genuine = signed("msg_1", seconds, body);
    let with = |at: usize, value: &str| {
        let mut headers = genuine.clone();
        headers[at].1 = value.into();
        headers
    };
    let mut wrong = vec![
        with(1, "msg_2"),
        with(2, &(seconds + 1).to_string()),
        with(2, "now"),
        with(3, "v1,AAAA"),
        with(3, ""),
        with(3, &genuine[3].1.replace("v1,", "v2,")),
    ];
    wrong.push(signed("msg_1", seconds, "another body"));
    for headers in &wrong {
        let refused = deliver(&place, "hooks/standard", headers, body).await;
        assert_eq!((refused.status, refused.code().as_str()), (401, "YZ0416"), "{headers:?}");
    }
    let missing = deliver(&place, "hooks/standard", &genuine[..3], body).await;
    assert_eq!(missing.code(), "YZ0416");
    for away in [-301, 301] {
        let refused = deliver(&place, "hooks/standard", &signed("msg_1", seconds + away, body), body).await;
        assert_eq!((refused.status, refused.code().as_str()), (401, "YZ0417"), "{away}");
    }
    // Genuine at last, so it is read.
    assert_eq!(deliver(&place, "hooks/standard", &genuine, body).await.code(), "YZ0400");
    let good = r#"{"phone":"1"}"#;
    let mut rotated = signed("msg_3", seconds - 300, good);
    rotated[3].1 = format!("v1,AAAA v1a,BBBB {}", rotated[3].1);
    assert_eq!(
        deliver(&place, "hooks/standard", &rotated, good).await.status,
        202,
        "one of several is enough"
    );
    assert_eq!(runs(&place).await, 1);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_way_of_signing_is_checked_as_its_sender_does_it() {
    let place = place(&[("hooks", HOOKS)]).await;
    let body = r#"{"phone":"1"}"#;
    let digest = mac(PLAIN.as_bytes(), &[body.as_bytes()]);
    let json_type = ("content-type", "application/json");
    let send = async |hook: &str, headers: &[(&str, &str)]| {
        let all: Vec<_> = [&[json_type], headers].concat();
        place.stranger.send("POST", &format!("/hooks/hooks/{hook}"), &all, body.into()).await.status
    };
    let github = format!("sha256={}", hex(&digest));
    assert_eq!(
        send(
            "github",
            &[("x-hub-signature-256", &github), ("x-github-event", "push"), ("x-github-delivery", "d1")]
        )
        .await,
        202
    );
    assert_eq!(
        send(
            "github",
            &[("x-hub-signature-256", &github), ("x-github-event", "push"), ("x-github-delivery", "d1")]
        )
        .await,
        200
    );
    assert_eq!(send("github", &[("x-hub-signature-256", &hex(&digest))]).await, 401);
    assert_eq!(send("hmac", &[("x-shop-hmac", &STANDARD.encode(&digest))]).await, 202);
    assert_eq!(send("hmac", &[("x-shop-hmac", &hex(&digest))]).await, 202);
    assert_eq!(send("hmac", &[("x-shop-hmac", &hex(&digest[..31]))]).await, 401);
    assert_eq!(send("hmac", &[]).await, 401);
    assert_eq!(send("token", &[("authorization", &format!("Bearer {PLAIN}"))]).await, 202);
    assert_eq!(send("token", &[("authorization", "Bearer wrong")]).await, 401);
    assert_eq!(send("header", &[("x-key", PLAIN)]).await, 202);
    assert_eq!(send("header", &[("x-key", &PLAIN[..4])]).await, 401);
    assert_eq!(send("open", &[]).await, 202);
    // A secret that is not there lets nobody in, and an empty one is none.
    assert_eq!(send("lost", &[("authorization", "Bearer ")]).await, 503);
    assert_eq!(send("empty", &[("x-mac", &hex(&mac(b"", &[body.as_bytes()])))]).await, 503);
    // Which it is the doctor says, and not the refusal.
    let refused = place.stranger.post("/hooks/hooks/lost", &json!({})).await;
    assert!(refused.status == 503 && !refused.body.contains("`missing`"), "{refused:?}");
    let doctor = place.socket.get("/api/v1/doctor?lang=en").await.body;
    for (hook, secret) in [("lost", "missing"), ("empty", "empty")] {
        let said =
            format!("the webhook `hooks/{hook}` takes no delivery: its secret `{secret}` is not there");
        assert!(doctor.contains(&said), "{doctor}");
    }
    assert!(!doctor.contains("hooks/token"), "{doctor}");
    for unknown in ["none", "night", ""] {
        assert_eq!(send(unknown, &[]).await, 404, "{unknown}");
    }
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_is_json_or_a_form_and_must_fit_the_input() {
    let place = place(&[("hooks", HOOKS)]).await;
    let send = async |media: &str, body: &str| {
        place.stranger.send("POST", "/hooks/hooks/open", &[("content-type", media)], body.into()).await
    };
    let form = send("application/x-www-form-urlencoded; charset=utf-8", "phone=138+1&times=2").await;
    let run = place.run_until(form.json()["id"].as_str().unwrap(), |run| run["state"] == "done").await;
    assert_eq!((&run["input"]["phone"], &run["input"]["times"]), (&json!("138 1"), &json!(2)));
    assert_eq!(send("application/vnd.shop+json", r#"{"phone":"1"}"#).await.status, 202);
    // A number longer than any machine's is kept to its last digit, and shown so.
    let long = send("application/json", r#"{"phone":"1","times":123456789012345678901234567890}"#).await;
    let run = place.socket.get(&format!("/api/v1/runs/{}", long.json()["id"].as_str().unwrap())).await;
    assert!(run.body.contains(r#""times":123456789012345678901234567890"#), "{}", run.body);
    let refused = send("application/json", r#"{"times":"many"}"#).await;
    assert_eq!((refused.status, refused.code().as_str()), (422, "YZ0412"));
    let fields: Vec<_> =
        refused.json()["fields"].as_array().unwrap().iter().map(|f| f["field"].clone()).collect();
    assert_eq!(fields, ["phone", "times"]);
    assert_eq!(send("text/xml", "<x/>").await.code(), "YZ0407");
    assert_eq!(send("application/json", &"[".repeat(10_000)).await.code(), "YZ0400");
    assert_eq!(place.stranger.get("/hooks/hooks/open").await.code(), "YZ0405");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_that_joined_joins_once() {
    let place = place(&[("join", JOIN)]).await;
    let body = r#"{"house":"H1"}"#;
    let send = async |id: &str| {
        let headers = [("content-type", "application/json"), ("webhook-id", id)];
        place.stranger.send("POST", "/hooks/join/hook", &headers, body.into()).await
    };
    let first = send("a").await.json();
    let second = send("b").await;
    assert_eq!((second.status, &second.json()["joined"]), (202, &json!(true)));
    assert_eq!(second.json()["id"], first["id"]);
    let again = send("b").await;
    assert_eq!((again.status, &again.json()["id"]), (200, &first["id"]));
    let run = first["id"].as_str().unwrap();
    let journal = place.socket.get(&format!("/api/v1/runs/{run}/journal")).await.json();
    let joined = journal["items"].as_array().unwrap().iter().filter(|line| line["event"] == "joined").count();
    assert_eq!(joined, 1);
    let triggers = place.socket.get("/api/v1/triggers").await.json();
    let outcomes: BTreeSet<_> = triggers["items"][0]["last"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["joined", "started"].into());
    place.stop().await;
}

const LINES: &str = r#"
title = "订单的每一行"
[input]
order = { label = "订单", type = "text" }
count = { label = "数量", type = "whole" }
[trigger.hook]
webhook = { signature = "none" }
each = "{{ trigger.body.lines }}"
as = "line"
with.order = "{{ trigger.body.order }}-{{ loop.index }}"
with.count = "{{ line.count }}"
[trigger.plain]
webhook = { signature = "none" }
each = "{{ trigger.body.lines }}"
[trigger.hand]
by_hand = ["group:热线"]
each = "{{ trigger.body.lines }}"
[step.ask]
title = "{{ trigger.number }}: {{ trigger.item.count }}"
ask = "group:热线"
form.ok = { label = "行吗", type = "yesno" }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_of_a_delivery_is_a_run_and_a_bad_one_is_named_with_its_number() {
    let place = place(&[("lines", LINES)]).await;
    let send = async |hook: &str, id: &str, body: &str| {
        let headers = [("content-type", "application/json"), ("webhook-id", id)];
        place.stranger.send("POST", &format!("/hooks/lines/{hook}"), &headers, body.into()).await
    };
    let body = r#"{"order":"A","lines":[{"count":2},{"count":"many"},{"count":3}]}"#;
    let first = send("hook", "a", body).await;
    assert_eq!(first.status, 202, "{first:?}");
    let each = first.json()["each"].clone();
    assert_eq!((each[0]["number"].as_u64(), each[2]["number"].as_u64()), (Some(1), Some(3)));
    assert_eq!((&each[0]["id"], &each[1]["id"]), (&first.json()["id"], &serde_json::Value::Null));
    assert!(each[1]["problem"].as_str().unwrap().contains("`count`"), "{each}");
    let third = each[2]["id"].as_str().unwrap();
    let run = place.run_until(third, |run| run["state"] == "open").await;
    assert_eq!((&run["input"]["order"], &run["input"]["count"]), (&json!("A-3"), &json!(3)));

    let again = send("hook", "a", body).await;
    assert_eq!((again.status, &again.json()["each"][2]["id"]), (200, &json!(third)));
    assert_eq!(runs(&place).await, 2);

    // Without `with` a line is the input itself. All of them refused, the delivery is, with every field.
    let lines = r#"{"lines":[{"order":"B","count":1},{"order":"C","count":4}]}"#;
    assert_eq!(send("plain", "b", lines).await.status, 202);
    assert_eq!(runs(&place).await, 4);
    let refused = send("plain", "c", r#"{"lines":[{"order":"B"},{"order":"C"}]}"#).await;
    let fields = refused.json()["fields"].clone();
    assert_eq!(
        (refused.status, &fields[0]["field"], &fields[1]["field"]),
        (422, &json!("1.count"), &json!("2.count"))
    );
    for (body, code) in [(r#"{"lines":7}"#, "YZ0311"), (r#"{"lines":[7]}"#, "YZ0400")] {
        let refused = send("plain", "d", body).await;
        assert_eq!(refused.json()["code"], code, "{refused:?}");
    }
    let none = send("plain", "e", r#"{"lines":[]}"#).await;
    assert_eq!((none.status, &none.json()["id"]), (202, &serde_json::Value::Null));
    assert_eq!(runs(&place).await, 4);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_is_started_by_hand_is_started_once_by_its_idempotency_key() {
    let place = place(&[("lines", LINES)]).await;
    let send = async |body: serde_json::Value| {
        let headers = [("content-type", "application/json"), ("idempotency-key", "\"k1\"")];
        let body = json!({ "trigger": "hand", "input": { "lines": body } }).to_string();
        place.socket.send("POST", "/api/v1/workflows/lines/runs", &headers, body.into()).await
    };
    let lines = json!([{ "order": "B" }, { "order": "C", "count": 4 }, { "order": "D", "count": 5 }]);
    let first = send(lines.clone()).await;
    assert_eq!(first.status, 201, "{first:?}");
    assert_eq!((runs(&place).await, &first.json()["each"][1]["id"]), (2, &first.json()["id"]));
    let again = send(lines).await.json();
    assert_eq!((&again["repeated"], &again["id"]), (&json!(true), &first.json()["id"]));
    // Another list under the same key starts nothing, not even what it has more.
    let other = send(json!([{}, { "order": "C", "count": 4 }, {}, { "order": "E", "count": 6 }])).await;
    assert_eq!((other.status, &other.json()["code"]), (422, &json!("YZ0420")), "{other:?}");
    assert_eq!(runs(&place).await, 2);
    place.stop().await;
}

/// One delivery of a hostile day.
#[derive(Clone, Debug)]
struct Sent {
    id: u8,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Good,
    Old,
    Early,
    Forged,
}

fn any_sent() -> impl Strategy<Value = Sent> {
    let kind = prop_oneof![
        6 => Just(Kind::Good),
        1 => Just(Kind::Old),
        1 => Just(Kind::Early),
        2 => Just(Kind::Forged),
    ];
    // Few ids, so that many come more than once.
    (0..40_u8, kind).prop_map(|(id, kind)| Sent { id, kind })
}

/// Whatever comes, and in whatever company: exactly one run per id that came genuine, and none for the rest.
#[test]
fn there_is_one_run_per_genuine_id_and_none_for_the_others() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 12, failure_persistence: None, ..Config::default() });
    let days = prop::collection::vec(any_sent(), 1..150);
    runner
        .run(&days, |day| {
            runtime.block_on(one_day(day));
            Ok(())
        })
        .unwrap();
}

async fn one_day(day: Vec<Sent>) {
    let place = place(&[("hooks", HOOKS)]).await;
    let seconds = place.now() / 1_000;
    let mut answers: Vec<(Sent, Reply)> = vec![];
    // Eight at a time, so that doubles meet.
    for company in day.chunks(8) {
        let all = company.iter().map(|sent| {
            let body = format!(r#"{{"phone":"{}"}}"#, sent.id);
            let at = match sent.kind {
                Kind::Good | Kind::Forged => seconds,
                Kind::Old => seconds - 301 - i64::from(sent.id),
                Kind::Early => seconds + 301 + i64::from(sent.id),
            };
            let headers = signed(&format!("msg_{}", sent.id), at, &body);
            let body = if sent.kind == Kind::Forged { body.replace("phone", "phono") } else { body };
            let place = &place;
            async move { (sent.clone(), deliver(place, "hooks/standard", &headers, &body).await) }
        });
        answers.extend(futures_util::future::join_all(all).await);
    }
    let mut started = BTreeSet::new();
    for (sent, answer) in &answers {
        match (sent.kind, answer.status) {
            (Kind::Good, 202) => assert!(started.insert(sent.id), "{sent:?} started twice"),
            // Repeated, or come while the first was under way.
            (Kind::Good, 200 | 503) | (Kind::Old | Kind::Early | Kind::Forged, 401) => {}
            _ => panic!("{sent:?}: {answer:?}"),
        }
    }
    let genuine: BTreeSet<_> =
        day.iter().filter(|sent| sent.kind == Kind::Good).map(|sent| sent.id).collect();
    assert_eq!(started, genuine);
    assert_eq!(runs(&place).await, genuine.len());
    place.stop().await;
}

const GATHERED: &str = r#"
title = "攒单"
[input]
count = { label = "件数", type = "whole", max = 2 }
[trigger.hook]
webhook = { signature = "none" }
where.kind = ["order"]
gather = "12:00"
with.count = "{{ trigger.items | length }}"
[trigger.lines]
webhook = { signature = "none" }
each = "{{ trigger.body.lines }}"
gather = "12:00"
with.count = "{{ trigger.items | sum }}"
[step.rest]
wait = "1h"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_that_is_gathered_is_told_so_and_the_doctor_tells_of_what_no_run_takes() {
    let place = place(&[("gathered", GATHERED)]).await;
    let send = async |hook: &str, id: &str, body: &str| {
        let headers = [("content-type", "application/json"), ("webhook-id", id)];
        let answer =
            place.stranger.send("POST", &format!("/hooks/gathered/{hook}"), &headers, body.into()).await;
        (answer.status, answer.json())
    };
    let order = r#"{"kind":"order"}"#;
    let (status, first) = send("hook", "a", order).await;
    assert_eq!((status, &first["gathered"], &first["id"]), (202, &json!(true), &serde_json::Value::Null));
    let (status, again) = send("hook", "a", order).await;
    assert_eq!((status, &again["gathered"], &again["repeated"]), (200, &json!(true), &json!(true)));
    let (status, other) = send("hook", "b", r#"{"kind":"other"}"#).await;
    assert_eq!((status, &other["gathered"]), (202, &serde_json::Value::Null), "`where` leaves it out");
    let (status, lines) = send("lines", "a", r#"{"lines":[1,2,3]}"#).await;
    assert_eq!((status, &lines["each"][2]["gathered"]), (202, &json!(true)));

    let triggers = place.socket.get("/api/v1/triggers?days=1").await.json();
    let hook = &triggers["items"][0];
    assert_eq!((&hook["gathered"], &hook["gathers"][0]), (&json!(1), &json!("2026-11-22T04:00:00Z")));
    let doctor = async || place.socket.get("/api/v1/doctor?lang=en").await.json()["findings"].clone();
    assert_eq!(doctor().await, json!([]), "the slot has not come");

    let mut schedules = yizhan_engine::schedules::Schedules::new(place.engine.clone());
    place.pass(3 * 3_600_000).await;
    schedules.look().await;
    assert_eq!(runs(&place).await, 1, "of the one order; three lines are six, and two are allowed");
    let findings = doctor().await;
    assert!(findings[0].as_str().unwrap().contains("gathered/lines: 3 firings"), "{findings}");
    assert!(findings[0].as_str().unwrap().contains("count"), "{findings}");
    place.load(&[("gathered", LINES)]).await;
    let findings = doctor().await;
    assert!(findings[0].as_str().unwrap().contains("gone or gathers no more"), "{findings}");
    place.stop().await;
}

const PAPERS: &str = r#"
title = "来件"
[input]
paper = { label = "附件", type = "file", required = false }
build = { label = "构建", type = "text", required = false }
[trigger.standard]
webhook = { signature = "standard", secret = "signed" }
with.paper = "{{ trigger.body.paper }}"
with.build = "{{ trigger.body.made.artifact }}"
[step.look]
ask = "group:热线"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_or_an_event_gets_no_file_of_the_house_by_its_hash() {
    let place = place(&[("papers", PAPERS)]).await;
    let kept = place.socket.send("POST", "/api/v1/artifacts?name=a.pdf", &[], b"a secret".to_vec()).await;
    let hash = kept.json()["artifact"].as_str().unwrap().to_owned();
    let seconds = place.now() / 1_000;
    let body = |paper: &str, made: &str| {
        json!({ "paper": { "artifact": paper, "name": "a.pdf" }, "made": { "artifact": made } }).to_string()
    };
    let escaped = body(&hash, "7").replace("\"artifact\"", "\"\\u0061rtifact\"");
    for (at, body) in [body(&hash, "7"), body("x", &hash), escaped].iter().enumerate() {
        let refused =
            deliver(&place, "papers/standard", &signed(&format!("msg_{at}"), seconds, body), body).await;
        assert_eq!((refused.status, refused.code()), (404, "YZ0404".to_owned()), "{}", refused.body);
    }
    assert_eq!(runs(&place).await, 0);
    // What is called so and is no file of ours is a word as any other.
    let other = json!({ "paper": null, "made": { "artifact": "build-7" } }).to_string();
    let taken = deliver(&place, "papers/standard", &signed("msg_9", seconds, &other), &other).await;
    assert_eq!(taken.status, 202, "{}", taken.body);

    let operator = token(&place, "operator", Role::Operator, &[], None).await;
    let event = |hash: &str| json!({ "name": "came", "payload": { "paper": { "artifact": hash } } });
    assert_eq!(operator.post("/api/v1/events", &event(&hash)).await.code(), "YZ0404");
    let own = operator.send("POST", "/api/v1/artifacts?name=b.pdf", &[], b"of ours".to_vec()).await;
    let own = own.json()["artifact"].as_str().unwrap().to_owned();
    assert_eq!(operator.post("/api/v1/events", &event(&own)).await.status, 202, "what one sent one may name");
    place.stop().await;
}
