//! Tasks: for whom, with which form, answered once.

use serde_json::json;

use super::place::{Place, place};

const VISIT: &str = r#"
title = "上门"
[input]
house = { label = "户号", type = "text" }
[step.visit]
ask = "group:热线"
title = "上门 {{ input.house }}"
due = "24h"
form.house  = { label = "户号", type = "text", value = "{{ input.house }}" }
form.result = { label = "结果", type = "choice", options = { fixed = "已修复", complex = "复杂" } }
form.minutes = { label = "用时", type = "whole", required = false }
"#;

const DIE: &str = r#"
title = "只做一次"
owner = "role:班长"
[step.pay]
use = "play.die"
effect = "once"
with.text = "x"
"#;

async fn the_task(place: &Place, query: &str) -> String {
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let list = place.socket.get(&format!("/api/v1/tasks{query}")).await.json();
        if let Some(task) = list["items"][0]["id"].as_str() {
            return task.to_owned();
        }
        assert!(tokio::time::Instant::now() < end);
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_is_found_by_who_may_take_it_and_shows_its_form_and_its_case() {
    let place = place(&[("visit", VISIT)]).await;
    let run = place.start("visit", json!({ "house": "H1" })).await;
    let task = the_task(&place, &format!("?run={run}")).await;
    for (who, found) in [("li.na", true), ("person:li.na", true), ("group:热线", true), ("wang.wei", false)]
    {
        let who = who.replace("热线", "%E7%83%AD%E7%BA%BF");
        let list = place.socket.get(&format!("/api/v1/tasks?who={who}")).await.json();
        assert_eq!(!list["items"].as_array().unwrap().is_empty(), found, "{who}");
    }
    let view = place.socket.get(&format!("/api/v1/tasks/{task}")).await.json();
    assert_eq!((&view["title"], &view["kind"]), (&json!("上门 H1"), &json!("asked")));
    assert_eq!((&view["due"], &view["late"]), (&json!("2026-11-23T02:00:00Z"), &json!(false)));
    assert_eq!(view["case"]["input"]["house"], "H1");
    let names: Vec<_> =
        view["form"]["fields"].as_array().unwrap().iter().map(|field| field["name"].clone()).collect();
    assert_eq!(names, ["house", "result", "minutes"]);
    assert_eq!(view["form"]["fields"][0]["value"], "H1", "what is shown is worked out");
    assert_eq!(view["answers"], json!(["answer"]));
    place.pass(24 * 3_600_000).await;
    assert_eq!(place.socket.get(&format!("/api/v1/tasks/{task}")).await.json()["late"], true);
    assert_eq!(place.socket.get("/api/v1/tasks/task_0000000000").await.code(), "YZ0404");
    assert_eq!(place.socket.get("/api/v1/tasks/none").await.code(), "YZ0404");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_is_claimed_by_one_and_answered_once() {
    let place = place(&[("visit", VISIT)]).await;
    let run = place.start("visit", json!({ "house": "H1" })).await;
    let task = the_task(&place, "").await;
    let act = async |what: &str, body: serde_json::Value| {
        let answer = place.token.post(&format!("/api/v1/tasks/{task}/{what}"), &body).await;
        (answer.status, if answer.status < 300 { String::new() } else { answer.code() })
    };
    assert_eq!(act("claim", json!({ "by": "wang.wei" })).await, (403, "YZ0414".into()), "not of the group");
    assert_eq!(act("claim", json!({ "by": "li.na" })).await, (200, String::new()));
    let claimed = place.socket.get(&format!("/api/v1/tasks/{task}")).await.json();
    assert_eq!(claimed["claimed_by"], "person:li.na");
    assert_eq!(act("release", json!({ "by": "li.na" })).await, (200, String::new()));
    let bad = json!({ "by": "li.na", "fields": { "result": "gone", "minutes": "soon" } });
    let refused = place.token.post(&format!("/api/v1/tasks/{task}/answer"), &bad).await;
    assert_eq!((refused.status, refused.code().as_str()), (422, "YZ0412"));
    let fields: Vec<_> =
        refused.json()["fields"].as_array().unwrap().iter().map(|f| f["field"].clone()).collect();
    assert_eq!(fields, ["result", "minutes"]);
    let good = json!({ "by": "li.na", "fields": { "result": "fixed" } });
    assert_eq!(act("answer", good.clone()).await, (200, String::new()));
    assert_eq!(act("answer", good).await, (409, "YZ0410".into()), "the second of two learns that it is over");
    let over = place.run_until(&run, |run| run["state"] == "done").await;
    let item = &over["steps"][0]["items"][0];
    assert_eq!((&item["by"], &item["output"]["result"]), (&json!("person:li.na"), &json!("fixed")));
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_outcome_is_told_with_its_evidence_and_settled_by_a_word() {
    let place = place(&[("die", DIE)]).await;
    let run = place.start("die", json!({})).await;
    let task = the_task(&place, "").await;
    let view = place.socket.get(&format!("/api/v1/tasks/{task}")).await.json();
    assert_eq!((&view["kind"], &view["answers"]), (&json!("unknown"), &json!(["happened", "again", "fail"])));
    assert_eq!(view["evidence"]["message"], "it died");
    assert_eq!(view["who"], json!(["role:班长"]));
    let why = place.socket.get(&format!("/api/v1/runs/{run}/why?lang=en")).await.json();
    assert!(why["sentences"][0].as_str().unwrap().contains("nobody knows whether it happened"), "{why}");
    let settle = format!("/api/v1/tasks/{task}/settle");
    let wrong = place.socket.post(&settle, &json!({ "verdict": "leave" })).await;
    assert_eq!((wrong.status, wrong.code().as_str()), (409, "YZ0415"));
    assert_eq!(place.socket.post(&settle, &json!({ "verdict": "perhaps" })).await.code(), "YZ0400");
    let happened = json!({ "verdict": "happened", "values": { "text": "paid" } });
    assert_eq!(place.socket.post(&settle, &happened).await.status, 200);
    let over = place.run_until(&run, |run| run["state"] == "done").await;
    assert_eq!(over["steps"][0]["items"][0]["output"]["text"], "paid");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_new_round_a_form_comes_filled_in_with_the_last_answer() {
    let file = r#"
title = "退改"
[step.visit]
[step.visit.step.fill]
ask = "group:热线"
due = "1h"
form.cause = { type = "text" }
form.again = { type = "text", value = "{{ step.look.words }}" }
[step.visit.step.look]
ask = "role:班长"
due = "1h"
form.fine = { type = "yesno" }
form.words = { type = "text", required = false }
on.fine.no = { back_to = "fill", most = 1 }
[step.all]
ask = "role:班长"
due = "1h"
form.fine = { type = "yesno" }
on.fine.no = { back_to = "visit", most = 1 }
"#;
    let place = place(&[("redo", file)]).await;
    let run = place.start("redo", json!({})).await;
    let answer = async |step: &str, fields: serde_json::Value| {
        let end = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
        let view = loop {
            let list = place.socket.get(&format!("/api/v1/tasks?run={run}")).await.json();
            if list["items"][0]["step"] == step {
                let id = list["items"][0]["id"].as_str().unwrap().to_owned();
                break place.socket.get(&format!("/api/v1/tasks/{id}")).await.json();
            }
            assert!(tokio::time::Instant::now() < end, "{list:#}");
            tokio::task::yield_now().await;
        };
        let path = format!("/api/v1/tasks/{}/answer", view["id"].as_str().unwrap());
        let said = place.socket.post(&path, &json!({ "by": "operator", "fields": fields })).await;
        assert_eq!(said.status, 200, "{}", said.json());
        view["form"]["fields"].clone()
    };
    let first = answer("visit.fill", json!({ "cause": "漏水" })).await;
    assert_eq!(first[0].get("default"), None);
    answer("visit.look", json!({ "fine": false, "words": "写清楚" })).await;
    let again = answer("visit.fill", json!({ "cause": "水表漏水" })).await;
    assert_eq!((&again[0]["default"], &again[1]["value"]), (&json!("漏水"), &json!("写清楚")));
    assert_eq!(again[1].get("default"), None, "what is shown is not asked");
    answer("visit.look", json!({ "fine": true })).await;
    answer("all", json!({ "fine": false })).await;
    let third = answer("visit.fill", json!({ "cause": "水表漏水,已换表" })).await;
    assert_eq!(third[0]["default"], "水表漏水", "also in a new round of the step that holds it");
}

const GOODS: &str = r#"
title = "领表"
[input.goods]
type = "table"
[input.goods.fields]
name  = { label = "品名" }
price = { label = "单价", type = "money" }
[step.issue]
ask = "group:热线"
form.sign = { type = "signature", witness = "always" }
[step.issue.form.rows]
label = "发放"
type  = "table"
value = "{{ input.goods }}"
[step.issue.form.rows.fields]
name  = { like = "input.goods.name" }
price = { like = "input.goods.price" }
got   = { label = "实发", type = "whole" }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rows_of_a_task_are_shown_with_every_digit_and_answered_beside() {
    let place = place(&[("goods", GOODS)]).await;
    let run = place.start("goods", json!({ "goods": [{ "品名": "水表", "单价": "12.5" }] })).await;
    let task = the_task(&place, &format!("?run={run}")).await;
    let shown = place.socket.get(&format!("/api/v1/tasks/{task}")).await;
    assert!(shown.body.contains(r#""value":[{"name":"水表","price":12.50}]"#), "{}", shown.body);
    let path = format!("/api/v1/tasks/{task}/answer");
    let answer = |rows: serde_json::Value, witness: &str| json!({ "by": "person:li.na", "fields": { "rows": rows, "sign": { "signed": true, "witness": witness } } });
    let refused = place.socket.post(&path, &answer(json!([{ "got": "two" }]), "li.na")).await;
    let faults: Vec<_> = refused.json()["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| format!("{} {}", fault["field"].as_str().unwrap(), fault["code"].as_str().unwrap()))
        .collect();
    assert_eq!(faults, ["sign YZ0342", "rows[0].got YZ0331"]);
    let taken = place.socket.post(&path, &answer(json!([{ "got": 2 }]), "wang.wei")).await;
    assert_eq!(taken.status, 200, "{}", taken.body);
    place.run_until(&run, |run| run["state"] == "done").await;
    let run = place.socket.get(&format!("/api/v1/runs/{run}")).await;
    assert!(run.body.contains(r#""rows":[{"name":"水表","price":12.50,"got":2}]"#), "{}", run.body);
    place.stop().await;
}
