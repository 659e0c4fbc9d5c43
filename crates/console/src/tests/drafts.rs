//! Half-filled answers: whose they are, and how long they stay.

use serde_json::{Value as Json, json};

use super::place::{Place, place};

const VISIT: &str = r#"
title = "上门"
[step.visit]
ask = ["group:热线", "role:班长"]
due = "24h"
form.result = { label = "结果", type = "text" }
form.sum    = { label = "金额", type = "money" }
"#;

async fn opened(place: &Place) -> (String, String) {
    let run = place.start("visit", json!({})).await;
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let list = place.socket.get(&format!("/api/v1/tasks?run={run}")).await.json();
        if let Some(id) = list["items"][0]["id"].as_str() {
            return (run, id.to_owned());
        }
        assert!(tokio::time::Instant::now() < end);
        tokio::task::yield_now().await;
    }
}

async fn keep(place: &Place, task: &str, body: Json) -> (u16, Json) {
    let path = format!("/api/v1/tasks/{task}/draft");
    let body = body.to_string().into_bytes();
    let answer = place.socket.send("PUT", &path, &[("content-type", "application/json")], body).await;
    (answer.status, answer.json())
}

async fn seen(place: &Place, task: &str, by: &str) -> Json {
    place.socket.get(&format!("/api/v1/tasks/{task}?by={by}")).await.json()["draft"]["fields"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_is_shown_to_its_writer_alone_and_gone_with_the_answer() {
    let place = place(&[("visit", VISIT)]).await;
    let (run, task) = opened(&place).await;
    let half = json!({ "sum": "not yet" });
    assert_eq!(keep(&place, &task, json!({ "by": "li.na", "fields": half })).await.0, 200);
    assert_eq!(keep(&place, &task, json!({ "by": "li.na", "fields": { "result": "一半" } })).await.0, 200);
    assert_eq!(seen(&place, &task, "li.na").await, json!({ "result": "一半" }), "the newer one");
    assert_eq!(seen(&place, &task, "wang.wei").await, Json::Null);
    assert_eq!(place.socket.get(&format!("/api/v1/tasks/{task}")).await.json()["draft"], Json::Null);
    let journal = place.socket.get(&format!("/api/v1/runs/{run}/journal")).await;
    assert!(!journal.body.contains("一半"), "what is not sent is in no journal: {}", journal.body);

    let answer = json!({ "by": "wang.wei", "fields": { "result": "好", "sum": "1.50" } });
    assert_eq!(place.socket.post(&format!("/api/v1/tasks/{task}/answer"), &answer).await.status, 200);
    use yizhan_engine::store::{DraftOf, Reads};
    let id = DraftOf::Task(task.parse().unwrap());
    assert_eq!(place.store.draft(&id, "person:li.na").unwrap(), None);
    let (status, problem) = keep(&place, &task, json!({ "by": "li.na", "fields": half })).await;
    assert_eq!((status, &problem["code"]), (409, &json!("YZ0410")), "the task is over");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_is_kept_for_those_who_may_answer_and_is_of_bounded_size() {
    let place = place(&[("visit", VISIT)]).await;
    let (_, task) = opened(&place).await;
    let own = |fields: Json| json!({ "by": "li.na", "fields": fields });
    let code = |answer: (u16, Json)| (answer.0, answer.1["code"].as_str().unwrap_or_default().to_owned());
    let large = own(json!({ "result": "长".repeat(100_000) }));
    assert_eq!(code(keep(&place, &task, large).await), (413, "YZ0406".into()));
    assert_eq!(code(keep(&place, &task, own(json!([1]))).await), (400, "YZ0400".into()));
    assert_eq!(code(keep(&place, "task_0000000000", own(json!({}))).await), (409, "YZ0410".into()));
    assert_eq!(code(keep(&place, "none", own(json!({}))).await), (404, "YZ0404".into()));

    assert_eq!(keep(&place, &task, own(json!({ "result": "x" }))).await.1, json!({ "kept": true }));
    assert_eq!(keep(&place, &task, own(json!({}))).await.1, json!({ "kept": false }), "thrown away");
    assert_eq!(seen(&place, &task, "li.na").await, Json::Null);

    assert_eq!(keep(&place, &task, own(json!({ "result": "x" }))).await.0, 200);
    let claim = json!({ "by": "wang.wei" });
    assert_eq!(place.socket.post(&format!("/api/v1/tasks/{task}/claim"), &claim).await.status, 200);
    assert_eq!(code(keep(&place, &task, own(json!({ "result": "y" }))).await), (403, "YZ0414".into()));
    assert_eq!(seen(&place, &task, "li.na").await, json!({ "result": "x" }), "it may be given back");
    place.stop().await;
}

const PAPER: &str = r#"
title = "材料"
[step.visit]
ask = "group:热线"
due = "24h"
form.paper = { label = "材料", type = "file", kinds = ["pdf"], size = "1KB" }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_too_large_is_refused_whatever_size_is_said() {
    let place = place(&[("visit", PAPER)]).await;
    let (_, task) = opened(&place).await;
    let put = async |bytes: usize| {
        let headers = [("content-type", "application/pdf")];
        let kept = place.socket.send("POST", "/api/v1/artifacts?name=a.pdf", &headers, vec![7; bytes]).await;
        kept.json()["artifact"].as_str().unwrap().to_owned()
    };
    let (large, small) = (put(2_000).await, put(1_000).await);
    let path = format!("/api/v1/tasks/{task}/answer");
    let answer = async |file: Json| {
        let body = json!({ "by": "li.na", "fields": { "paper": file } });
        place.socket.post(&path, &body).await
    };
    for said in [json!({}), json!({ "size": 10 })] {
        let mut file = json!({ "artifact": large, "name": "a.pdf" });
        file.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
        let refused = answer(file).await;
        assert_eq!((refused.status, refused.code().as_str()), (422, "YZ0412"), "{}", refused.body);
        assert_eq!(refused.json()["fields"][0]["code"], "YZ0343");
    }
    let never = json!({ "artifact": "0".repeat(64), "name": "a.pdf" });
    assert_eq!(answer(never).await.code(), "YZ0404", "nobody has sent it");
    let kept = answer(json!({ "artifact": small, "name": "a.pdf" })).await;
    assert_eq!(kept.status, 200, "{}", kept.body);
    place.stop().await;
}

const FAULT: &str = r#"
title = "报修"
[input]
where = { label = "地点" }
sum   = { label = "金额", type = "money", required = false }
parts = { label = "换了什么", type = "choices", options = ["水表", "阀门"], required = false }
rows  = { label = "材料", type = "table", required = false, fields.what = { label = "名称", type = "text" }, fields.count = { label = "数量", type = "number" } }
[trigger.desk]
by_hand = ["group:热线"]
[step.note]
ask = "group:热线"
"#;

/// A form of a page.
async fn sent(client: &super::client::Client, path: &str, fields: &[(&str, &str)]) -> super::client::Reply {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        super::rights::FROM_OUR_PAGE[0],
        ("accept-language", "en"),
    ];
    client.send("POST", path, &headers, body.into_bytes()).await
}

async fn page(client: &super::client::Client, path: &str) -> String {
    client.send("GET", path, &[("accept-language", "en")], vec![]).await.body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_case_that_is_half_filled_in_waits_for_its_writer_and_is_gone_once_it_is_sent() {
    let place = place(&[("fault", FAULT)]).await;
    let li_na = super::rights::session(&place, "li.na", 0).await;
    let path = "/new/fault/desk";
    let half = [
        ("once", "1-1"),
        ("f.where", "河东路 \"1\" <b>"),
        ("f.sum", "not yet"),
        ("f.parts", "阀门"),
        ("f.rows.0.what", "水管"),
        ("f.rows.0.count", "2"),
    ];
    let kept = sent(&li_na, "/new/fault/desk/keep", &half).await;
    assert_eq!((kept.status, kept.header("location")), (303, Some(path)), "{}", kept.body);
    assert!(place.socket.get("/api/v1/runs").await.json()["items"].as_array().unwrap().is_empty());
    let form = page(&li_na, path).await;
    let all = [
        "Draft of",
        "value=\"河东路 &quot;1&quot; &lt;b&gt;\"",
        "value=\"not yet\"",
        "value=\"阀门\" checked",
        "name=\"f.rows.0.what\" value=\"水管\"",
        "name=\"f.rows.0.count\" value=\"2\"",
    ];
    for part in all {
        assert!(form.contains(part), "{part}: {form}");
    }
    assert!(page(&li_na, "/new").await.contains("class=\"chip\""), "the list says that there is one");
    let others = super::rights::session(&place, "wang.wei", 0).await;
    assert!(!page(&others, path).await.contains("河东路"), "it is its writer's alone");
    let asked = place.socket.get("/api/v1/workflows/fault/draft?trigger=desk&by=li.na").await.json();
    assert_eq!(asked["draft"]["fields"]["where"], "河东路 \"1\" <b>");
    let wrong = sent(&li_na, path, &half[..4]).await;
    assert_eq!(wrong.status, 422, "{}", wrong.body);
    assert!(page(&li_na, path).await.contains("not yet"), "what was refused takes no draft along");
    let begun = sent(&li_na, path, &[("once", "1-1"), ("f.where", "河东路"), ("f.sum", "1.50")]).await;
    assert_eq!(begun.status, 303, "{}", begun.body);
    let form = page(&li_na, path).await;
    assert!(!form.contains("河东路") && !form.contains("Draft of"), "{form}");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_of_a_new_case_is_kept_for_those_who_may_begin_it_and_thrown_away_when_they_say_so() {
    let place = place(&[("fault", FAULT)]).await;
    let path = "/api/v1/workflows/fault/draft";
    let put = async |client: &super::client::Client, body: Json| {
        let headers = [("content-type", "application/json"), super::rights::FROM_OUR_PAGE[0]];
        client.send("PUT", path, &headers, body.to_string().into_bytes()).await
    };
    let li_na = super::rights::session(&place, "li.na", 0).await;
    let wang_wei = super::rights::session(&place, "wang.wei", 0).await;
    let own = |fields: Json| json!({ "trigger": "desk", "fields": fields });
    assert_eq!(put(&li_na, own(json!({ "where": "x" }))).await.json(), json!({ "kept": true }));
    assert!(put(&wang_wei, own(json!({ "where": "x" }))).await.status >= 403, "the form is not theirs");
    assert_eq!(put(&li_na, own(json!({ "where": "长".repeat(100_000) }))).await.code(), "YZ0406");
    let none = json!({ "trigger": "none", "by": "li.na", "fields": {} });
    assert_eq!(put(&place.token, none).await.code(), "YZ0404");
    assert!(page(&li_na, "/new/fault/desk").await.contains("Throw the draft away"));
    assert_eq!(sent(&li_na, "/new/fault/desk/drop", &[]).await.status, 303);
    assert!(!page(&li_na, "/new/fault/desk").await.contains("Draft of"));
    // On a page of before, the buttons were told by a word: it begins nothing.
    let old = sent(&li_na, "/new/fault/desk", &[("act", "keep"), ("f.where", "x")]).await;
    assert!(old.status == 200 && old.body.contains("value=\"x\""), "{}", old.body);
    let runs = place.socket.get("/api/v1/runs").await.json();
    assert_eq!(runs["items"], json!([]));
    let acts = place.socket.get("/api/v1/audit?about=fault&who=li.na").await.json();
    let kinds: Vec<_> = acts["items"].as_array().unwrap().iter().map(|act| act["kind"].clone()).collect();
    let (kept, dropped) = ("workflows/draft", "workflows/drop-draft");
    assert_eq!(kinds, ["workflows/runs", dropped, kept, kept], "each is called what it is");
    place.stop().await;
}
