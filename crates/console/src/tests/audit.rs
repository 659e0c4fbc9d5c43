//! Stories of whoever reads the audit: what was before and after, of what, in words, and how acts are found again.

use axum::http::Method;
use serde_json::{Value as Json, json};
use yizhan_workflow::people::rights::Role;

use super::place::{Place, place};
use super::rights::{session, table_of, token};
use crate::view::acts::KINDS;

const VISIT: &str = r#"
title = "上门"
owner = "group:热线"
key = "{{ input.nr }}"
[input]
nr = { label = "户号" }
[trigger.night]
schedule = "30 17 * * *"
with = { nr = "0" }
[step.visit]
title = "看看 {{ input.nr }}"
ask = "group:热线"
due = "24h"
form.result = { label = "结果", type = "text" }
"#;

const WAITS: &str = r#"
title = "等着"
[step.ask]
ask = "group:热线"
due = "24h"
form.card = { label = "卡号", type = "text" }
"#;

/// The acts that are found, once each of them has its answer.
async fn acts(place: &Place, query: &str) -> Vec<Json> {
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let found = place.socket.get(&format!("/api/v1/audit?lang=en&{query}")).await.json();
        let found = found["items"].as_array().unwrap().clone();
        if found.iter().all(|act| act["answered"].is_object()) {
            return found;
        }
        assert!(tokio::time::Instant::now() < end, "{found:#?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_tells_of_each_act_on_a_task_what_was_and_what_is_and_nothing_of_what_was_typed() {
    let place = place(&[("waits", WAITS)]).await;
    let li_na = session(&place, "li.na", 0).await;
    let run = place.start("waits", json!({})).await;
    let id = place.task(&run).await;
    let ours = [("sec-fetch-site", "same-origin")];
    let send = async |act: &str, body: Json| {
        let headers = [ours[0], ("content-type", "application/json")];
        let path = format!("/api/v1/tasks/{id}/{act}");
        let done = li_na.send("POST", &path, &headers, body.to_string().into_bytes()).await;
        assert_eq!(done.status, 200, "{act}: {}", done.body);
    };
    send("claim", json!({})).await;
    place
        .socket
        .post(&format!("/api/v1/tasks/{id}/due"), &json!({ "to": "2026-12-01", "reason": "客户同意" }))
        .await;
    send("answer", json!({ "fields": { "card": "6222-0000" } })).await;
    let found = acts(&place, &format!("about={id}")).await;
    let of = |no: usize| (found[no]["answered"]["before"].clone(), found[no]["answered"]["after"].clone());
    assert_eq!(found.len(), 3, "{found:#?}");
    assert_eq!(of(2), (Json::Null, json!({ "owner": "person:li.na" })));
    assert_eq!(
        of(1),
        (json!({ "due": "2026-11-23T02:00:00Z" }), json!({ "due": "2026-12-01T16:00:00Z" })),
        "a day is due at its end, in Shanghai"
    );
    let (before, after) = of(0);
    assert_eq!(
        (before["state"].clone(), after["state"].clone()),
        (json!("open"), json!("answered")),
        "{found:#?}"
    );
    assert!(!json!(found).to_string().contains("6222"), "what was typed is the case's own");
    // In words: who, what, and the times on the house's clock.
    assert_eq!((&found[2]["by"], &found[2]["what"]), (&json!("李娜"), &json!("took a task")));
    let moved = json!([{ "what": "Due", "before": "2026-11-23 10:00", "after": "2026-12-02 00:00" }]);
    assert_eq!(found[1]["changes"], moved);
    assert_eq!(found[0]["about"][1]["id"], json!(run), "and the case that it belongs to");
    assert_eq!(acts(&place, &format!("about={run}")).await.len(), 4, "with its start");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_tells_of_cases_triggers_accounts_and_tokens_what_was_and_what_is() {
    let place = place(&[("visit", VISIT)]).await;
    let admin = &place.token;
    let run = place.start("visit", json!({ "nr": "05" })).await;
    admin.post(&format!("/api/v1/runs/{run}/cancel"), &json!({ "reason": "重复" })).await;
    admin.post("/api/v1/triggers/visit/night/pause", &json!({ "reason": "盘点" })).await;
    session(&place, "li.na", 0).await;
    admin.post("/api/v1/accounts/li.na/shut-out", &json!({})).await;
    admin.post("/api/v1/tokens", &json!({ "name": "crm", "may": "viewer", "on": ["visit"] })).await;
    admin.post("/api/v1/tokens/crm/revoke", &json!({})).await;
    let found = acts(&place, "who=token:ops").await;
    let of = |no: usize| (found[no]["answered"]["before"].clone(), found[no]["answered"]["after"].clone());
    assert_eq!(found.len(), 5, "{found:#?}");
    assert_eq!(of(4), (json!({ "state": "open" }), json!({ "state": "cancelled" })));
    assert_eq!(found[4]["about"][0]["title"], "上门 · 05");
    assert_eq!(found[4]["about"][0]["page"], json!(format!("/runs/{run}")));
    assert_eq!(of(3), (json!({ "paused": false }), json!({ "paused": true })));
    assert_eq!(of(2), (json!({ "sessions": 1 }), json!({ "sessions": 0 })));
    let (was, is) = of(1);
    assert_eq!((was, &is["may"], &is["on"]), (Json::Null, &json!("viewer"), &json!(["visit"])));
    assert_eq!(of(0), (is, Json::Null));
    let page =
        place.token.send("GET", "/system/audit?kind=tokens", &[("accept-language", "zh")], vec![]).await;
    assert!(page.body.contains("<ins>查看</ins>") && !page.body.contains("viewer"), "{}", page.body);
    assert!(page.body.contains("<details class=\"fold\">"), "on a phone the rest of a line is folded");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acts_are_found_on_the_page_by_person_kind_thing_and_days_page_by_page() {
    let place = place(&[("visit", VISIT)]).await;
    let li_na = session(&place, "li.na", 0).await;
    let (first, second) = (
        place.start("visit", json!({ "nr": "05" })).await,
        place.start("visit", json!({ "nr": "06" })).await,
    );
    let id = place.task(&first).await;
    let ours = [("sec-fetch-site", "same-origin"), ("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(li_na.send("POST", &format!("/tasks/{id}/claim"), &ours, vec![]).await.status, 303);
    let page = async |query: &str| {
        let page = format!("/system/audit?{query}");
        place.token.send("GET", &page, &[("accept-language", "en")], vec![]).await
    };
    acts(&place, "").await;
    // The lists of what can be chosen name every act.
    let rows = async |query: &str| -> Vec<String> {
        let body = page(query).await.body;
        body.split("<tr id=\"line-").skip(1).map(str::to_owned).collect()
    };
    let mine = rows("who=li.na").await;
    assert_eq!(mine.len(), 1, "{mine:?}");
    for part in ["took a task", "看看 05", "<ins>李娜</ins>", &format!("/tasks/{id}")] {
        assert!(mine[0].contains(part), "{part}: {mine:?}");
    }
    assert_eq!(rows("who=%E6%9D%8E%E5%A8%9C").await, mine, "by her name, too");
    let of_second = rows(&format!("about={second}")).await;
    assert!(of_second.len() == 1 && of_second[0].contains("上门 · 06"), "{of_second:?}");
    assert_eq!(rows(&format!("about={first}")).await.len(), 2, "its start, and the claim of its task");
    assert_eq!(rows("kind=tasks/claim").await, mine);
    let zh =
        place.token.send("GET", "/system/audit?kind=tasks/claim", &[("accept-language", "zh")], vec![]).await;
    assert!(zh.body.contains("领取待办 ") && zh.body.contains("经办"), "{}", zh.body);
    assert!(page("until=2026-11-21").await.body.contains("Nothing was found."));
    assert_eq!(rows("since=2026-11-22&until=2026-11-22").await.len(), 3);
    // A day that no clock can show is a bound all the same.
    let all = rows("since=-009999-01-01&until=9999-12-31").await.len();
    assert!(
        all >= 3 && rows("until=-009999-01-01").await.is_empty() && rows("since=9999-12-31").await.is_empty()
    );
    assert_eq!(page("since=soon").await.status, 400);
    // Pages are led by the line, so what comes meanwhile moves nothing.
    let one = place.socket.get("/api/v1/audit?limit=1&about=visit").await.json();
    assert!(one["items"][0]["asked"]["on"].as_str().unwrap().contains("visit"));
    let next = one["next"].as_str().unwrap();
    let two = place.socket.get(&format!("/api/v1/audit?limit=1&about=visit&cursor={next}")).await.json();
    assert!(two["items"][0]["seq"].as_i64() < one["items"][0]["seq"].as_i64());
    let viewer = token(&place, "author", Role::Author, &[], None).await;
    assert_eq!(viewer.get("/api/v1/audit?who=li.na").await.status, 403);
    place.stop().await;
}

/// What is sent and changes nothing.
const LOOKS: [&str; 3] =
    ["/new/{workflow}/{trigger}/same", "/api/v1/workflows/{name}/same", "/api/v1/workflows/{name}/trial"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_that_changes_something_has_words_in_the_audit() {
    let place = place(&[]).await;
    for route in table_of(&place) {
        if !route.acts || route.path.starts_with("/hooks/") {
            let is_look = route.method == Method::GET || LOOKS.contains(&route.path);
            assert!(is_look || route.path.starts_with("/hooks/"), "{} changes something", route.path);
            continue;
        }
        let kind = yizhan_access::kind_of(route.path);
        assert!(
            KINDS.iter().any(|(known, _)| *known == kind),
            "{} is `{kind}`, for which view/acts.rs has no words",
            route.path
        );
    }
    place.stop().await;
}

const PLAYED: &str = r#"
title = "办一办"
[trigger.night]
schedule = "30 17 * * *"
[step.ask]
ask = "group:热线"
due = "24h"
form.result = { label = "结果" }
"#;

const FAILS: &str = "title = \"坏\"\n[step.say]\nuse = \"play.fail\"\nretry.times = 0\n";

const DIES: &str = r#"
title = "只做一次"
owner = "role:班长"
[step.pay]
use = "play.die"
effect = "once"
with.text = "x"
"#;

/// Acts of which the audit says that somebody did them, and no more, and why.
const TOLD_ELSEWHERE: [&str; 9] = [
    // Their words are the case's own, in its journal.
    "/api/v1/tasks/{id}/comment",
    "/api/v1/tasks/{id}/extend",
    "/api/v1/runs/{id}/extend",
    // What is filled in and not sent is nobody else's.
    "/api/v1/tasks/{id}/draft",
    "/api/v1/workflows/{name}/draft",
    // They ask, and change nothing.
    "/api/v1/query/{what}",
    "/api/v1/registers/{name}/find",
    "/api/v1/verify",
    // It begins a case: the line names it.
    "/api/v1/workflows/{name}/runs",
];

/// What is done to an open case and its task, to one that failed, to a task whose outcome nobody knows, and to a session.
fn deeds((run, task): (&str, &str), failed: &str, unknown: &str, seat: &str) -> Vec<(String, Json)> {
    let of_task = |act: &str| format!("/api/v1/tasks/{task}/{act}");
    let of_run = |act: &str| format!("/api/v1/runs/{run}/{act}");
    let li_na = || json!({ "by": "person:li.na" });
    let step = || json!({ "step": "ask", "reason": "因为" });
    vec![
        (of_task("claim"), li_na()),
        (of_task("release"), li_na()),
        (of_task("claim"), li_na()),
        (of_task("hand-over"), json!({ "by": "person:li.na", "to": "person:wang.wei", "note": "我不在" })),
        (of_task("pause"), json!({ "reason": "等客户" })),
        (of_task("resume"), json!({ "reason": "来了" })),
        (of_task("due"), json!({ "to": "2026-12-01", "reason": "因为" })),
        (of_run("pause"), step()),
        (of_run("resume"), step()),
        (of_run("due"), json!({ "step": "ask", "to": "2026-12-02", "reason": "因为" })),
        (format!("/api/v1/tasks/{unknown}/settle"), json!({ "verdict": "fail", "reason": "问过了" })),
        (format!("/api/v1/runs/{failed}/retry"), json!({})),
        ("/api/v1/triggers/played/night/pause".into(), json!({ "reason": "盘点" })),
        ("/api/v1/triggers/played/night/resume".into(), json!({})),
        ("/api/v1/events".into(), json!({ "id": "e-1", "name": "payment.received" })),
        (
            "/api/v1/registers/客户/by-hand/append".into(),
            json!({ "with": { "entry": { "name": "张三", "card": "1" } }, "id": "1" }),
        ),
        ("/api/v1/accounts/li.na/invite".into(), json!({})),
        (format!("/api/v1/sessions/{seat}/end"), json!({})),
        ("/api/v1/accounts/li.na/end-sessions".into(), json!({})),
        ("/api/v1/tokens".into(), json!({ "name": "crm", "may": "viewer" })),
        ("/api/v1/tokens/crm/revoke".into(), json!({})),
        ("/api/v1/plugins/play/release".into(), json!({})),
        ("/api/v1/reload".into(), json!({})),
    ]
}

async fn all_done(place: &Place, deeds: Vec<(String, Json)>) {
    for (path, body) in deeds {
        let done = place.socket.post(&path, &body).await;
        assert!(done.status < 300, "{path}: {done:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_act_leaves_what_was_or_what_is() {
    let place = place(&[("played", PLAYED), ("fails", FAILS), ("dies", DIES)]).await;
    let failed = place.start("fails", json!({})).await;
    place.run_until(&failed, |run| run["state"] == "failed").await;
    let lost = place.start("dies", json!({})).await;
    let lost = place.run_until(&lost, |run| run["waits"] == "unknown").await;
    let unknown = lost["steps"][0]["items"][0]["task"].as_str().unwrap().to_owned();
    let run = place.start("played", json!({})).await;
    let task = place.task(&run).await;
    session(&place, "li.na", 0).await;
    session(&place, "li.na", 0).await;
    let sessions = place.socket.get("/api/v1/sessions").await.json();
    let seat = sessions["items"][0]["id"].as_str().unwrap().to_owned();
    let deeds = deeds((&run, &task), &failed, &unknown, &seat);
    place.is_aside.store(true, std::sync::atomic::Ordering::Relaxed);
    all_done(&place, deeds).await;
    session(&place, "li.na", 0).await;
    assert_eq!(place.socket.post("/api/v1/accounts/li.na/shut-out", &json!({})).await.status, 200);
    let bytes = ("content-type", "application/octet-stream");
    let sent = place.socket.send("POST", "/api/v1/artifacts?name=x", &[bytes], b"abc".to_vec()).await;
    assert_eq!(sent.status, 201, "{sent:?}");
    let changed = PLAYED.replace("due = \"24h\"", "due = \"48h\"");
    place.load(&[("played", &changed), ("fails", FAILS), ("dies", DIES)]).await;
    let answer = json!({ "by": "person:wang.wei", "fields": { "result": "好" } });
    let late = [
        (format!("/api/v1/runs/{run}/migrate"), json!({})),
        (format!("/api/v1/tasks/{task}/answer"), answer),
    ];
    all_done(&place, late.to_vec()).await;
    let again = place.start("played", json!({})).await;
    place.socket.post(&format!("/api/v1/runs/{again}/cancel"), &json!({})).await;
    let told = acts(&place, "limit=500").await;
    let handed = told.iter().find(|act| act["asked"]["act"] == "/api/v1/tasks/{id}/hand-over").unwrap();
    assert!(handed["changes"].to_string().contains("\"before\":\"热线\""), "a group by its name: {handed:#}");
    for route in table_of(&place).iter().filter(|route| route.acts && route.path.starts_with("/api/")) {
        if TOLD_ELSEWHERE.contains(&route.path) {
            continue;
        }
        let of_it: Vec<&Json> = told.iter().filter(|act| act["asked"]["act"] == route.path).collect();
        assert!(!of_it.is_empty(), "{} is not in this story", route.path);
        for act in of_it {
            let answered = &act["answered"];
            assert!(
                answered["before"].is_object() || answered["after"].is_object(),
                "{}: {act:#}",
                route.path
            );
        }
    }
    place.stop().await;
}
