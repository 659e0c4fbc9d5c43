//! Stories of a case worker in the browser, told by requests.

use serde_json::json;

use super::client::{Client, EN, FORM, OUR_PAGE, Reply, To};
use super::place::{Place, place};
use super::rights::token;
use crate::caller::COOKIE;
use yizhan_workflow::id::Millis;
use yizhan_workflow::people::rights::Role;

const REPAIR: &str = r#"
title = "报修"
[input]
where = { label = "地点" }
[step.repair]
title = "抢修 {{ input.where }}"
ask = "group:热线"
due = "4h"
form.cause = { label = "原因", min = 2 }
form.done = { label = "修好了", type = "yesno" }
form.note = { label = "备注", required = false }
[step.tell]
ask = "person:wang.wei"
title = "回访"
form.happy = { label = "满意", type = "yesno" }
"#;

async fn signed_in(place: &Place, person: &str) -> Client {
    let word = place.access.begin(person, "192.0.2.1", "Firefox", Millis(place.now())).await.unwrap();
    Client::new(To::Tcp(place.address), None).with("cookie", &format!("{COOKIE}={}", word.reveal()))
}

async fn open(client: &Client, path: &str) -> Reply {
    client.send("GET", path, &[EN], vec![]).await
}

async fn send(client: &Client, path: &str, fields: &[(&str, &str)]) -> Reply {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    client.send("POST", path, &[FORM, OUR_PAGE, EN], body.into_bytes()).await
}

/// The path of the one task on somebody's page.
async fn task_of(client: &Client) -> String {
    let page = open(client, "/tasks").await;
    let at = page.body.find("/tasks/task_").unwrap_or_else(|| panic!("no task: {}", page.body));
    page.body[at..].split('"').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_is_led_to_the_door_and_from_there_to_what_they_wanted() {
    let place = place(&[("repair", REPAIR)]).await;
    let led = open(&place.stranger, "/tasks").await;
    assert_eq!((led.status, led.header("location")), (303, Some("/sign-in?to=%2Ftasks")));
    assert_eq!(send(&place.stranger, "/tasks/task_x/answer", &[]).await.status, 401);
    let li_na = signed_in(&place, "li.na").await;
    let home = open(&li_na, "/").await;
    assert_eq!((home.status, home.header("location")), (303, Some("/tasks")));
    assert!(open(&li_na, "/tasks").await.body.contains("There is nothing to do now."));
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_worker_finds_their_task_is_told_what_is_wrong_and_answers_it() {
    let place = place(&[("repair", REPAIR)]).await;
    let run = place.start("repair", json!({"where": "<b>河东路</b>"})).await;
    let li_na = signed_in(&place, "li.na").await;
    let list = open(&li_na, "/tasks").await;
    assert!(list.body.contains("抢修 &lt;b&gt;河东路&lt;/b&gt;"), "{}", list.body);
    assert!(!list.body.contains("<b>") && !list.body.contains("late since"));
    let task = task_of(&li_na).await;
    let page = open(&li_na, &task).await;
    for part in [
        "原因",
        "修好了",
        "Keep it for later",
        "&lt;b&gt;河东路",
        "<noscript><p class=\"hint\">This browser runs no",
    ] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    let answer = format!("{task}/answer");
    let wrong =
        send(&li_na, &answer, &[("f.cause", "x"), ("f.done", "yes"), ("f.note", "half an hour")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.body.contains("half an hour"), "what was typed is not lost: {}", wrong.body);
    let done = send(&li_na, &answer, &[("f.cause", "阀门"), ("f.done", "yes"), ("f.note", "")]).await;
    assert_eq!((done.status, done.header("location")), (303, Some("/tasks?done=1")), "{}", done.body);
    assert!(open(&li_na, "/tasks?done=1").await.body.contains("Done."));
    let line = place.socket.get(&format!("/api/v1/runs/{run}/journal")).await.body;
    assert!(line.contains("\"person:li.na\"") && line.contains("\"console\""), "{line}");
    // The one who calls back sees what was found.
    let wang_wei = signed_in(&place, "wang.wei").await;
    let next = open(&wang_wei, &task_of(&wang_wei).await).await;
    assert!(next.body.contains("阀门") && next.body.contains("李娜"), "{}", next.body);
    let again = send(&li_na, &answer, &[("f.cause", "阀门"), ("f.done", "yes")]).await;
    assert_eq!(again.header("location"), Some("/tasks?done=before"), "it had arrived: {}", again.body);
    assert!(open(&li_na, "/tasks?done=before").await.body.contains("not recorded once more"));
    let late = send(&wang_wei, &answer, &[("f.cause", "水管"), ("f.done", "yes")]).await;
    assert!(late.status != 303 && late.body.contains("answered by somebody else"), "{}", late.body);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_late_is_said_in_words_and_a_task_of_others_is_not_there() {
    let place = place(&[("repair", REPAIR)]).await;
    place.start("repair", json!({"where": "河东路"})).await;
    let (li_na, wang_wei) = (signed_in(&place, "li.na").await, signed_in(&place, "wang.wei").await);
    let task = task_of(&li_na).await;
    assert_eq!(open(&wang_wei, &task).await.status, 404);
    assert_eq!(send(&wang_wei, &format!("{task}/claim"), &[]).await.status, 404);
    place.pass(5 * 3_600_000).await;
    let li_na = signed_in(&place, "li.na").await;
    let list = open(&li_na, "/tasks").await;
    assert!(list.body.contains("late since today 14:00") && list.body.contains("1 late"), "{}", list.body);
    let zh = li_na.send("GET", "/tasks", &[("accept-language", "zh-CN")], vec![]).await;
    assert!(zh.body.contains("超时,应于 今天 14:00"), "{}", zh.body);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_a_comment_a_claim_and_a_hand_over_are_kept() {
    let place = place(&[("repair", REPAIR)]).await;
    place.start("repair", json!({"where": "河东路"})).await;
    let li_na = signed_in(&place, "li.na").await;
    let task = task_of(&li_na).await;
    assert_eq!(send(&li_na, &format!("{task}/draft"), &[("f.cause", "可能是阀门")]).await.status, 303);
    let page = open(&li_na, &task).await;
    assert!(page.body.contains("可能是阀门") && page.body.contains("Draft of"), "{}", page.body);
    assert_eq!(send(&li_na, &format!("{task}/claim"), &[]).await.status, 303);
    assert!(open(&li_na, &task).await.body.contains("Give it back"));
    assert_eq!(send(&li_na, &format!("{task}/comment"), &[("text", "已到现场")]).await.status, 303);
    // Sent again because nobody answered: it is said once.
    assert_eq!(send(&li_na, &format!("{task}/comment"), &[("text", "已到现场")]).await.status, 303);
    assert_eq!(open(&li_na, &task).await.body.matches("已到现场").count(), 1);
    assert_eq!(
        send(&li_na, &format!("{task}/hand-over"), &[("to", "person:wang.wei"), ("note", "请接手")])
            .await
            .status,
        303
    );
    let wang_wei = signed_in(&place, "wang.wei").await;
    assert_eq!(task_of(&wang_wei).await, task);
    let theirs = open(&wang_wei, &task).await;
    assert!(!theirs.body.contains("可能是阀门"), "a draft is its writer's alone");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_that_another_site_sends_changes_nothing() {
    let place = place(&[("repair", REPAIR)]).await;
    place.start("repair", json!({"where": "河东路"})).await;
    let li_na = signed_in(&place, "li.na").await;
    let task = task_of(&li_na).await;
    let headers = [FORM, ("sec-fetch-site", "cross-site"), EN];
    let refused = li_na.send("POST", &format!("{task}/claim"), &headers, vec![]).await;
    assert_eq!(refused.status, 403);
    assert!(
        refused.body.contains("<html") && refused.body.contains("a page of somebody else"),
        "{}",
        refused.body
    );
    assert!(open(&li_na, &task).await.body.contains("I take it"), "it is still everybody's");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_tasks_are_taken_at_once_and_the_list_shows_which_are_whose() {
    let place = place(&[("repair", REPAIR)]).await;
    for street in ["河东路", "河西路", "江北路"] {
        place.start("repair", json!({"where": street})).await;
    }
    let li_na = signed_in(&place, "li.na").await;
    let list = open(&li_na, "/tasks").await;
    let parts = list.body.split("name=\"task\" value=\"").skip(1);
    let tasks: Vec<&str> = parts.map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(tasks.len(), 3, "{}", list.body);
    let taken = send(&li_na, "/tasks/claim", &[("task", tasks[0]), ("task", tasks[1])]).await;
    assert_eq!((taken.status, taken.header("location")), (303, Some("/tasks?only=mine")), "{}", taken.body);
    let count = async |path: &str| open(&li_na, path).await.body.matches("href=\"/tasks/task_").count();
    assert_eq!((count("/tasks?only=mine").await, count("/tasks?only=free").await), (2, 1));
    assert_eq!((count("/tasks?only=late").await, count("/tasks?text=江北").await), (0, 1));
    let gone = send(&li_na, "/tasks/claim", &[("task", "task_0000000000000")]).await;
    assert_eq!(gone.header("location"), Some("/tasks?missed=1"));
    assert!(open(&li_na, "/tasks?missed=1").await.body.contains("1 were taken by somebody else"));
    place.store.fill(true);
    // A start finds out, and is refused.
    let start = place.socket.post("/api/v1/workflows/repair/runs", &json!({"input": {"where": "东"}})).await;
    assert_eq!(start.code(), "YZ0423");
    let full = send(&li_na, "/tasks/claim", &[("task", tasks[2])]).await;
    assert!(full.status == 503 && full.body.contains("disk is full"), "not that others took it: {full:?}");
    place.store.fill(false);
    place.stop().await;
}

const LABELS: &str = r#"
title = "派工"
[input]
kind = { label = "类别", type = "choice", options = { leak = "报漏", outage = "停水" } }
rows = { label = "水表", type = "table", fields = { no = { label = "表号" }, size = { label = "口径", type = "choice", options = { s = "小表", l = "大表" } } } }
[step.log]
use = "play.say"
title = "登记"
with.path = "a.csv"
[step.repair]
title = "处理 {{ input.kind }}"
ask = "group:热线"
form.result = { label = "结果", type = "choice", options = { fixed = "已修复", none = "没有故障" } }
[step.last]
ask = "group:热线"
form.ok = { label = "好", type = "yesno" }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_filled_in_stands_under_the_words_that_people_know() {
    let place = place(&[("dispatch", LABELS)]).await;
    let input = json!({"kind": "outage", "rows": [{"no": "7", "size": "l"}, {"no": "8", "size": "s"}]});
    let run = place.start("dispatch", input).await;
    let li_na = signed_in(&place, "li.na").await;
    let task = task_of(&li_na).await;
    let page = open(&li_na, &task).await.body;
    for part in ["类别</dt><dd>停水", "水表</dt><dd>表号: 7; 口径: 大表\n表号: 8; 口径: 小表"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(
        page.contains("登记") && !page.contains("a.csv"),
        "what a call answered is nobody's business: {page}"
    );
    send(&li_na, &format!("{task}/answer"), &[("f.result", "fixed")]).await;
    let next = open(&li_na, &task_of(&li_na).await).await.body;
    assert!(
        next.contains("处理 outage") && next.contains("结果</dt><dd>已修复"),
        "titles are worked out: {next}"
    );
    let looks = token(&place, "looks", Role::Viewer, &[], None).await;
    let case = open(&looks, &format!("/runs/{run}")).await.body;
    assert!(case.contains("类别</dt><dd>停水") && case.contains("结果</dt><dd>已修复"), "{case}");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_gets_no_page_is_told_why_and_can_go_on_to_the_others() {
    let place = place(&[("repair", REPAIR)]).await;
    let li_na = signed_in(&place, "li.na").await;
    let html = ("accept", "text/html");
    for (path, status) in [("/system", 403), ("/tasks/task_0000000000", 404), ("/nowhere", 404)] {
        let page = li_na.send("GET", path, &[EN, html], vec![]).await;
        assert_eq!(page.status, status, "{path}");
        assert!(
            page.body.contains("This page cannot be shown") && page.body.contains("href=\"/new\""),
            "{path}: {}",
            page.body
        );
        assert!(
            page.body.contains("Sign out") && !page.body.contains("href=\"/system\""),
            "{path}: {}",
            page.body
        );
    }
    let stranger = place.stranger.send("GET", "/nowhere", &[EN, html], vec![]).await;
    assert!(stranger.status == 404 && !stranger.body.contains("href=\"/new\""), "{}", stranger.body);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journal_of_a_case_speaks_in_titles_and_names_and_says_how_long_nobody_did_anything() {
    let place = place(&[("repair", REPAIR)]).await;
    let run = place.start("repair", json!({"where": "<b>河东路</b>"})).await;
    let task = task_of(&signed_in(&place, "li.na").await).await;
    // A task that is called as its step is named once, with its values.
    let waits = open(&place.token, &format!("/runs/{run}")).await.body;
    assert!(waits.contains("<p>“抢修 &lt;b&gt;河东路&lt;/b&gt;” waits for 热线, due at"), "{waits}");
    place.pass(3 * 3_600_000).await;
    let li_na = signed_in(&place, "li.na").await;
    let fields = [("f.cause", "阀门"), ("f.done", "yes")];
    assert_eq!(send(&li_na, &format!("{task}/answer"), &fields).await.status, 303);
    let texts = async |query: &str| {
        let lines = place.socket.get(&format!("/api/v1/runs/{run}/journal?lang=en{query}")).await.json();
        let text = |line: &serde_json::Value| line["text"].as_str().unwrap().to_owned();
        lines["items"].as_array().unwrap().iter().map(text).collect::<Vec<_>>().join("\n")
    };
    assert!(texts("").await.contains("person:li.na answered repair"), "as files and programs have it");
    let told = texts("&titles=true").await;
    assert!(told.contains("李娜 answered 抢修 <b>河东路</b> ⟨repair⟩"), "{told}");
    assert!(told.contains("回访 ⟨tell⟩ asks 王伟"), "{told}");
    let page = open(&place.token, &format!("/runs/{run}")).await.body;
    assert!(
        page.contains("李娜 answered 抢修 &lt;b&gt;河东路&lt;/b&gt; <code class=\"soft\">repair</code>"),
        "{page}"
    );
    assert!(page.contains("waited 3 h"), "{page}");
    place.stop().await;
}
