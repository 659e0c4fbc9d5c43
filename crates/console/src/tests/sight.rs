//! What is private, and who may see a case.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use yizhan_workflow::people::Person;
use yizhan_workflow::people::rights::{Grant, Role};
use yizhan_workflow::run::World;

use super::client::Client;
use super::place::{Place, place};
use super::rights::{FROM_OUR_PAGE, session, token};

const CARE: &str = r#"
title = "困难补助"
owner = "role:班长"
[input]
who  = { label = "申请人", type = "text" }
card = { label = "证件号", type = "text", private = true }
[step.visit]
ask = "person:li.na"
title = "核实 {{ input.who }} {{ input.card }}"
due = "24h"
form.result  = { label = "结果", type = "text" }
form.illness = { label = "病情", type = "text", private = true }
[step.note]
use = "play.say"
with.text = "{{ step.visit.illness }}"
private = ["text"]
readers = ["person:li.na"]
[step.sign]
ask = "person:wang.wei"
due = "24h"
form.words = { label = "意见", type = "text" }
"#;

const SECRET: &str = r#"
title = "举报"
key = "{{ input.of }}"
readers = ["role:班长"]
[input]
of = { label = "被举报人", type = "text" }
[step.look]
ask = "person:li.na"
due = "24h"
form.found = { label = "查明", type = "text" }
[step.read]
ask = "role:班长"
due = "24h"
"#;

async fn task_of(place: &Place, run: &str, step: &str) -> String {
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let list = place.socket.get(&format!("/api/v1/tasks?run={run}")).await.json();
        if let Some(id) = list["items"].as_array().unwrap().iter().find(|task| task["step"] == step) {
            return id["id"].as_str().unwrap().to_owned();
        }
        assert!(tokio::time::Instant::now() < end);
        tokio::task::yield_now().await;
    }
}

async fn answer(place: &Place, task: &str, by: &str, fields: Json) {
    let body = json!({ "by": by, "fields": fields });
    let said = place.socket.post(&format!("/api/v1/tasks/{task}/answer"), &body).await;
    assert_eq!(said.status, 200, "{}", said.body);
}

/// Everything that the API says of a run and a task.
async fn all(place: &Place, run: &str, task: &str, who: &str) -> String {
    let mut said = String::new();
    for path in [
        format!("runs/{run}?{who}"),
        format!("runs/{run}/journal?{who}"),
        format!("runs/{run}/attempts?{who}"),
        format!("runs/{run}/why?{who}"),
        format!("runs/{run}/wait?seconds=0&{who}"),
        format!("tasks/{task}?{who}"),
    ] {
        let answer = place.socket.get(&format!("/api/v1/{path}")).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        said.push_str(&answer.body);
        answer.json();
    }
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_values_are_for_readers_and_for_whoever_gave_them() {
    let place = place(&[("care", CARE)]).await;
    let run = place.start("care", json!({ "who": "张三", "card": "110101199003070011" })).await;
    let visit = task_of(&place, &run, "visit").await;
    let seen = all(&place, &run, &visit, "by=li.na").await;
    assert!(
        seen.contains("核实 张三 110101199003070011"),
        "the title was written for whoever is asked: {seen}"
    );
    answer(&place, &visit, "li.na", json!({ "result": "属实", "illness": "慢性肾病" })).await;
    let sign = task_of(&place, &run, "sign").await;

    let house = all(&place, &run, &sign, "").await;
    assert!(!house.contains("110101199003070011") && !house.contains("慢性肾病"), "{house}");
    assert!(house.contains("张三") && house.contains("属实") && house.contains("***"), "{house}");
    let opened = all(&place, &run, &sign, "private=true").await;
    assert!(opened.contains("110101199003070011") && opened.contains("慢性肾病"), "{opened}");

    // Whoever gave it sees it; the owner what nobody else is named for; and the step's readers are its readers.
    let view = async |who: &str| place.socket.get(&format!("/api/v1/runs/{run}?by={who}")).await.json();
    let li = view("li.na").await;
    assert_eq!((&li["input"]["card"], &li["input"]["who"]), (&json!("***"), &json!("张三")));
    assert_eq!(li["steps"][0]["items"][0]["output"]["illness"], "慢性肾病");
    assert_eq!(li["steps"][1]["items"][0]["output"]["text"], "慢性肾病");
    let wang = view("wang.wei").await;
    assert_eq!(wang["input"]["card"], "110101199003070011", "the owner's");
    assert_eq!(wang["steps"][0]["items"][0]["output"]["illness"], "慢性肾病");
    assert_eq!(wang["steps"][1]["items"][0]["output"]["text"], "***", "its readers are others");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_with_readers_is_for_them_and_for_those_who_take_part() {
    let place = place(&[("secret", SECRET)]).await;
    let run = place.start("secret", json!({ "of": "赵六" })).await;
    let look = task_of(&place, &run, "look").await;
    let seen = all(&place, &run, &look, "by=li.na").await;
    assert!(seen.contains("赵六"), "she is asked: {seen}");
    answer(&place, &look, "li.na", json!({ "found": "查无实据" })).await;
    let read = task_of(&place, &run, "read").await;
    for (who, sees) in [("by=wang.wei", true), ("by=li.na", true), ("", false), ("private=true", true)] {
        let said = all(&place, &run, &read, who).await;
        assert_eq!((said.contains("赵六"), said.contains("查无实据")), (sees, sees), "{who}: {said}");
        let list = place.socket.get(&format!("/api/v1/runs?{who}")).await.json();
        let key = if sees { "赵六" } else { "***" };
        if who != "by=li.na" {
            assert_eq!(list["items"][0]["key"], key, "{who}");
        }
    }
    place.stop().await;
}

const LISTED: &str = r#"
title = "困难补助"
owner = "role:班长"
key = "{{ input.who }}-{{ input.card }}"
[input]
who  = { label = "申请人", type = "text" }
card = { label = "证件号", type = "text", private = true }
[step.visit]
ask = "person:li.na"
title = "核实 {{ input.who }} {{ input.card }}"
due = "24h"
form.result = { label = "结果", type = "text" }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_say_no_more_of_a_case_than_the_case_itself() {
    let place = place(&[("listed", LISTED)]).await;
    let run = place.start("listed", json!({ "who": "张三", "card": "110101199003070011" })).await;
    task_of(&place, &run, "visit").await;
    // Also where its file is no longer there.
    for gone in [false, true] {
        if gone {
            place.engine.load(yizhan_engine::library::Workflows::new()).await.unwrap();
        }
        for (who, title, key) in [
            ("", "核实 张三 ***", "张三-***"),
            ("private=true", "核实 张三 110101199003070011", "张三-110101199003070011"),
            ("by=li.na", "核实 张三 110101199003070011", "张三-***"),
            ("by=wang.wei", "核实 张三 110101199003070011", "张三-110101199003070011"),
        ] {
            let tasks = place.socket.get(&format!("/api/v1/tasks?{who}")).await.json();
            assert_eq!(tasks["items"][0]["title"], title, "{who} {gone}");
            let runs = place.socket.get(&format!("/api/v1/runs?{who}")).await.json();
            assert_eq!(runs["items"][0]["key"], key, "{who} {gone}");
        }
    }
    // What is hidden is not to be found out by asking for it.
    let viewer = token(&place, "looks", Role::Viewer, &[], None).await;
    let found = async |client: &Client, asked: &str| {
        let list = client.get(&format!("/api/v1/runs?{asked}")).await.json();
        list["items"].as_array().unwrap().len()
    };
    assert_eq!((found(&viewer, "key=%E5%BC%A0").await, found(&viewer, "key=1101").await), (1, 0));
    assert_eq!(found(&place.socket, "key=1101").await, 1, "the operator may ask");
    let (named, checks) = ("text=%E5%BC%A0", "text=%E6%A0%B8%E5%AE%9E");
    assert_eq!(
        (found(&viewer, named).await, found(&viewer, checks).await),
        (1, 1),
        "key, and title of a task"
    );
    assert_eq!(found(&viewer, &format!("{checks}+listed")).await, 1);
    for hidden in ["text=1101", "text=%E6%A0%B8%E5%AE%9E+1101", "text=listed+0011"] {
        assert_eq!((found(&viewer, hidden).await, found(&place.socket, hidden).await), (0, 1), "{hidden}");
    }
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guess_at_a_hidden_key_is_answered_alike_whether_it_is_right_or_not() {
    let place = place(&[("listed", LISTED)]).await;
    for (who, card) in [("甲", "13812345678"), ("乙", "13812349999"), ("丙", "13812340000")] {
        place.start("listed", json!({ "who": who, "card": card })).await;
    }
    let viewer = token(&place, "looks", Role::Viewer, &[], None).await;
    let ask = async |query: &str| {
        let list = viewer.get(&format!("/api/v1/runs?{query}")).await.json();
        let keys = list["items"].as_array().unwrap().iter().map(|row| row["key"].clone()).collect::<Vec<_>>();
        (Json::from(keys), list["next"].clone())
    };
    for guess in ["1381234", "13812349999", "1381235"] {
        assert_eq!(ask(&format!("limit=1&key={guess}")).await, (json!([]), Json::Null), "{guess}");
    }
    // What may be seen is found page by page, and whatever else the search would find leaves no trace.
    assert_eq!(ask("limit=1&key=%E4%B9%99").await, (json!(["乙-***"]), Json::Null));
    let (mut seen, mut query) = (vec![], "limit=1&key=-".to_owned());
    loop {
        let (keys, next) = ask(&query).await;
        seen.push(keys);
        let Some(next) = next.as_str() else { break };
        query = format!("limit=1&key=-&cursor={next}");
    }
    assert_eq!(seen, [json!(["丙-***"]), json!(["乙-***"]), json!(["甲-***"])]);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_tasks_says_no_more_of_a_case_than_its_list() {
    let place = place(&[("listed", LISTED), ("secret", SECRET)]).await;
    let run = place.start("listed", json!({ "who": "张三", "card": "110101199003070011" })).await;
    task_of(&place, &run, "visit").await;
    let kept = place.start("secret", json!({ "of": "赵六" })).await;
    task_of(&place, &kept, "look").await;
    let viewer = token(&place, "looks", Role::Viewer, &[], None).await;
    let page = viewer.get("/tasks").await.body;
    assert!(page.contains("核实 张三 ***") && !page.contains("110101199003070011"), "{page}");
    assert!(!page.contains(">look<"), "a case with readers is named to nobody else: {page}");
    // Nor is it found by what is hidden.
    let found = viewer.get("/tasks?text=1101").await.body;
    assert!(!found.contains("核实"), "{found}");
    // She is asked: it was written for her.
    let li = session(&place, "li.na", 0).await;
    assert!(li.get("/tasks").await.body.contains("核实 张三 110101199003070011"));
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_say_no_more_of_a_case_to_a_person_than_lists_do() {
    let place = place(&[("listed", LISTED)]).await;
    let run = place.start("listed", json!({ "who": "张三", "card": "110101199003070011" })).await;
    task_of(&place, &run, "visit").await;
    // Who runs the house is no reader for it.
    let person = |id: &str, name: &str| {
        let person = Person { name: name.into(), ..Person::default() };
        (id.to_owned(), person)
    };
    let grant = Grant { who: vec!["person:zhao.lei".to_owned()], may: Role::Admin, on: vec![] };
    place.engine.set_world(|world| {
        let mut people = (*world.people).clone();
        people.people.extend([person("zhao.lei", "赵磊")]);
        people.rights.insert("house".to_owned(), grant);
        World { people: Arc::new(people), ..world.clone() }
    });
    let admin = session(&place, "zhao.lei", 0).await;
    let ask = async |client: &Client, what: &str, with: Json| {
        let path = format!("/api/v1/query/{what}");
        let body = serde_json::to_vec(&with).unwrap();
        let reply = client.send("POST", &path, &FROM_OUR_PAGE, body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.body
    };
    for what in ["runs", "tasks"] {
        for with in [json!({ "first": 10 }), json!({ "by": "key", "show": { "n": "count" } })] {
            let told = ask(&admin, what, with.clone()).await;
            assert!(told.contains("张三-***") && !told.contains("110101199003070011"), "{with}: {told}");
        }
        let guessed = json!({ "where": { "key": "张三-110101199003070011" }, "show": { "n": "count" } });
        assert!(
            ask(&admin, what, guessed.clone()).await.contains("\"count\":0"),
            "a guess is not told to be right"
        );
        // A program has the keys of the house.
        assert!(ask(&place.socket, what, guessed).await.contains("\"count\":1"));
        assert!(ask(&admin, what, json!({ "show": { "n": "count" } })).await.contains("\"count\":1"));
    }
    place.stop().await;
}

const RAISE: &str = r#"
title = "加薪"
owner = "role:班长"
[input]
sum = { label = "金额", type = "number", private = true }
[trigger.desk]
by_hand = ["person:wang.wei"]
with.sum = "{{ trigger.body.sum }}"
[step.talk]
ask = "person:li.na"
due = "24h"
[step.talk.extend]
form.until   = { label = "延到", type = "datetime" }
form.illness = { label = "病情", type = "text", private = true }
[output]
sum = "{{ input.sum }}"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_number_and_the_reason_for_more_time_are_hidden_wherever_they_were_taken_on() {
    let place = place(&[("raise", RAISE)]).await;
    let body = json!({ "trigger": "desk", "by": "wang.wei", "input": { "sum": 48500 } });
    let begun = place.socket.post("/api/v1/workflows/raise/runs", &body).await;
    assert_eq!(begun.status, 201, "{}", begun.body);
    let run = begun.json()["id"].as_str().unwrap().to_owned();
    let talk = task_of(&place, &run, "talk").await;
    let fields = json!({ "until": "2026-11-24T15:00+08:00", "illness": "慢性肾病" });
    let more = json!({ "by": "li.na", "fields": fields });
    let more = place.socket.post(&format!("/api/v1/tasks/{talk}/extend"), &more).await;
    assert_eq!(more.status, 200, "{}", more.body);
    for (who, sees) in [("", [false, false]), ("private=true", [true; 2]), ("by=li.na", [false, true])] {
        let said = all(&place, &run, &talk, who).await;
        assert_eq!([said.contains("48500"), said.contains("慢性肾病")], sees, "{who}: {said}");
    }
    answer(&place, &talk, "li.na", json!({})).await;
    let over = place.run_until(&run, |run| run["state"] == "done").await;
    assert_eq!(over["output"]["sum"], "***");
    let opened = place.socket.get(&format!("/api/v1/runs/{run}?by=wang.wei")).await.json();
    assert_eq!(opened["output"]["sum"], 48500, "it is the owner's, and he gave it");
    place.stop().await;
}

const BY_KEY: &str = r#"
title = "报修"
[input]
phone = { label = "来电", private = true }
[trigger.desk]
by_hand = ["group:热线"]
with.phone = "{{ trigger.body.phone }}"
[step.visit]
ask = "group:热线"
due = "4h"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_what_a_start_with_a_key_is_known_again_nothing_private_can_be_guessed() {
    let place = place(&[("repair", BY_KEY)]).await;
    for trigger in [json!("desk"), Json::Null] {
        let asked = json!({ "input": { "phone": "13900001111" }, "by": "li.na", "trigger": trigger });
        let key = format!("k-{trigger}").replace('"', "");
        let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str())];
        let path = "/api/v1/workflows/repair/runs";
        let begin = async || place.socket.send("POST", path, &headers, asked.to_string().into_bytes()).await;
        let begun = begin().await;
        assert_eq!(begun.status, 201, "{}", begun.body);
        let run = begun.json()["id"].as_str().unwrap().to_owned();
        assert_eq!(begin().await.json()["id"], json!(run), "it is known again");
        let hash = json!([asked["input"], "person:li.na", trigger]).to_string();
        let hash = crate::api::artifacts::sha256_of(hash.as_bytes());
        let journal = format!("/api/v1/runs/{run}/journal");
        let whole = place.socket.get(&format!("{journal}?private=true")).await.body;
        assert!(!whole.contains(&hash) && whole.contains("13900001111"), "nobody needs it: {whole}");
        let viewer = token(&place, &format!("viewer {trigger}"), Role::Viewer, &["repair"], None).await;
        let seen = viewer.get(&journal).await.body;
        assert!(!seen.contains(&hash) && !seen.contains("13900001111") && seen.contains("***"), "{seen}");
    }
    place.stop().await;
}

const OPINION: &str = r#"
title = "调薪"
readers = ["role:班长"]
[input]
old = { label = "原薪" }
[trigger.desk]
by_hand = ["group:热线"]
with.old = "{{ trigger.body.old }}"
[step.review]
ask = "person:wang.wei"
readers = ["person:wang.wei"]
form.opinion = { label = "意见", type = "text", private = true }
[step.decide]
title = "定 {{ step.review.opinion }}"
ask = "person:wang.wei"
form.told = { label = "看", value = "意见 {{ step.review.opinion }}" }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_takes_part_in_a_case_reads_no_task_of_another_as_it_was_written_for_them() {
    let place = place(&[("raise", OPINION)]).await;
    let asked = json!({ "input": { "old": "9" }, "by": "li.na", "trigger": "desk" });
    let begun = place.socket.post("/api/v1/workflows/raise/runs", &asked).await.json();
    let run = begun["id"].as_str().unwrap().to_owned();
    let review = place.task(&run).await;
    let answer = json!({ "by": "wang.wei", "fields": { "opinion": "偷懒而便宜" } });
    assert_eq!(place.socket.post(&format!("/api/v1/tasks/{review}/answer"), &answer).await.status, 200);
    let list = format!("/api/v1/tasks?run={run}");
    let decide = place.run_until(&run, |run| run["steps"][1]["state"] == "open").await;
    let decide = decide["steps"][1]["items"][0]["task"].as_str().unwrap().to_owned();
    let starter = token(&place, "starter", Role::Viewer, &["raise"], Some("li.na")).await;
    for path in [list.as_str(), &format!("/api/v1/tasks/{decide}"), &format!("/api/v1/runs/{run}")] {
        let seen = starter.get(path).await;
        assert!(
            !seen.body.contains("偷懒而便宜"),
            "she began it, and it is not for her: {path}: {}",
            seen.body
        );
        let own = place
            .socket
            .get(&format!("{path}{}by=wang.wei", if path.contains('?') { "&" } else { "?" }))
            .await;
        assert!(own.body.contains("偷懒而便宜"), "it asks him: {path}: {}", own.body);
    }
    place.stop().await;
}

const CALLBACK: &str = r#"
title = "回访"
owner = "role:班长"
[input]
phone = { label = "电话", type = "text", private = true }
[step.call]
ask = "person:li.na"
due = "24h"
form.words = { label = "意见", type = "text" }
[step.sign]
ask = "person:wang.wei"
title = "签字 {{ input.phone }}"
due = "24h"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_learns_by_guessing_in_their_own_words_what_is_private() {
    let place = place(&[("callback", CALLBACK)]).await;
    let run = place.start("callback", json!({ "phone": "13800001234" })).await;
    let call = task_of(&place, &run, "call").await;
    for (path, by, key, words) in [
        ("comment", "li.na", "text", "不是 13800001233,是 13800001234?"),
        ("comment", "wang.wei", "text", "打 13800001234 找他"),
        ("pause", "li.na", "reason", "等 13800001233 或 13800001234"),
    ] {
        let said = json!({ "by": by, key: words });
        let said = place.socket.post(&format!("/api/v1/tasks/{call}/{path}"), &said).await;
        assert_eq!(said.status, 200, "{path}: {}", said.body);
    }
    let view = async |what: &str, by: &str| {
        let path = format!("/api/v1/runs/{run}{what}?by={by}");
        place.socket.get(&path).await.body
    };
    for what in ["", "/journal", "/why"] {
        let li = view(what, "li.na").await;
        assert!(li.contains("等 13800001233 或 13800001234"), "her guesses stand as she wrote them: {li}");
    }
    let li = view("/journal", "li.na").await;
    assert!(li.contains("不是 13800001233,是 13800001234?") && li.contains("打 *** 找他"), "{li}");
    // Nor by the words of a colleague who knows no more than she does.
    let house = view("/journal", "").await;
    assert!(house.contains("不是 13800001233,是 13800001234?") && house.contains("打 *** 找他"), "{house}");
    let words = "13800001234";
    answer(&place, &call, "li.na", json!({ "words": words })).await;
    let sign = task_of(&place, &run, "sign").await;
    let li = all(&place, &run, &sign, "by=li.na").await;
    assert!(li.contains(r#""words":"13800001234""#), "her answer is as she gave it: {li}");
    assert!(li.contains("签字 ***") && !li.contains("签字 1380"), "and makes nothing else readable: {li}");
    let read: Json = place.socket.get(&format!("/api/v1/runs/{run}?by=li.na")).await.json();
    assert_eq!(
        (&read["input"]["phone"], &read["steps"][0]["items"][0]["output"]["words"]),
        (&json!("***"), &json!(words))
    );
    place.stop().await;
}
