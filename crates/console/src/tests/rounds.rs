//! A case that goes back, as its journal tells it afterwards.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::place::{Place, place};
use super::rights::{FROM_OUR_PAGE, session, token};
use yizhan_workflow::people::Person;
use yizhan_workflow::people::rights::{Grant, Role};
use yizhan_workflow::run::World;

const CLAIM: &str = r#"
title = "报销"
[step.fill]
title = "填报"
ask = "group:热线"
form.sum = { label = "金额", type = "number" }
[step.one]
title = "核对一"
use = "play.say"
[step.two]
title = "核对二"
use = "play.say"
[step.three]
title = "核对三"
use = "play.say"
[step.review]
title = "审批 {{ step.fill.sum }} 元"
ask = "role:班长"
form.fine = { label = "同意", type = "yesno" }
on.fine.no = { back_to = "fill", most = 2 }
"#;

async fn answer(place: &Place, run: &str, step: &str, fields: Json) {
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    let id = loop {
        let list = place.socket.get(&format!("/api/v1/tasks?run={run}")).await.json();
        if list["items"][0]["step"] == step {
            break list["items"][0]["id"].as_str().unwrap().to_owned();
        }
        assert!(tokio::time::Instant::now() < end, "{list:#}");
        tokio::task::yield_now().await;
    };
    let path = format!("/api/v1/tasks/{id}/answer");
    let said = place.socket.post(&path, &json!({ "by": "operator", "fields": fields })).await;
    assert_eq!(said.status, 200, "{}", said.body);
}

/// A claim of 4800 that was refused, and of 3000 that was not.
async fn refused_once(place: &Place) -> String {
    let run = place.start("claim", json!({})).await;
    answer(place, &run, "fill", json!({ "sum": 4800 })).await;
    answer(place, &run, "review", json!({ "fine": false })).await;
    answer(place, &run, "fill", json!({ "sum": 3000 })).await;
    answer(place, &run, "review", json!({ "fine": true })).await;
    place.run_until(&run, |run| run["state"] == "done").await;
    run
}

async fn told(place: &Place, run: &str, query: &str) -> Vec<String> {
    let lines = place.socket.get(&format!("/api/v1/runs/{run}/journal?{query}")).await.json();
    let text = |line: &Json| line["text"].as_str().unwrap().to_owned();
    lines["items"].as_array().unwrap().iter().map(text).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_of_an_earlier_round_has_the_titles_of_that_round() {
    let place = place(&[("claim", CLAIM)]).await;
    let run = refused_once(&place).await;
    let all = told(&place, &run, "lang=en&titles=true").await;
    let answered: Vec<&String> = all
        .iter()
        .filter(|line| line.contains("answered 审批") || line.contains("审批 4800 元 ⟨review⟩ asks"))
        .collect();
    let [asked, refused, taken] = answered.as_slice() else { panic!("{all:#?}") };
    assert!(!asked.contains("3000"), "{asked}");
    assert!(refused.contains("answered 审批 4800 元") && !refused.contains("3000"), "{refused}");
    assert!(taken.contains("answered 审批 3000 元") && !taken.contains("4800"), "{taken}");
    let from = all.iter().position(|line| line == *refused).unwrap();
    let later = told(&place, &run, &format!("lang=en&titles=true&cursor={from}")).await;
    assert_eq!(later[0], **refused, "a page that begins there tells the same");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_goes_back_names_the_first_few_steps_by_their_titles_and_says_how_many() {
    let place = place(&[("claim", CLAIM)]).await;
    let run = refused_once(&place).await;
    let of = |all: Vec<String>| {
        all.into_iter().find(|line| line.contains("填报、核对一") || line.contains("填报, 核对一"))
    };
    let zh = of(told(&place, &run, "lang=zh&titles=true").await).unwrap();
    assert!(zh.contains("退回 填报、核对一、核对二 等 5 步"), "{zh}");
    assert!(!zh.contains("⟨one⟩") && !zh.contains("新一轮"), "{zh}");
    let en = of(told(&place, &run, "lang=en&titles=true").await).unwrap();
    assert!(en.contains("back over 填报, 核对一, 核对二, … (5 steps)"), "{en}");
    let ids = told(&place, &run, "lang=en").await.join("\n");
    assert!(ids.contains("back over fill one two three review"), "programs have all of them: {ids}");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_private_in_an_earlier_round_is_in_no_title_of_its_lines() {
    let private = CLAIM.replace("label = \"金额\", type", "label = \"金额\", private = true, type");
    let place = place(&[("claim", &private)]).await;
    let run = refused_once(&place).await;
    let looks = token(&place, "looks", Role::Viewer, &["claim"], None).await;
    let seen = looks.get(&format!("/api/v1/runs/{run}/journal?lang=en&titles=true")).await.body;
    assert!(seen.contains("审批 *** 元"), "{seen}");
    assert!(!seen.contains("4800") && !seen.contains("3000"), "{seen}");
    place.stop().await;
}

const ILL: &str = r#"
title = "请假"
[output]
why = "{{ step.fill.ill }}"
[step.fill]
title = "填写"
ask = "group:热线"
form.ill = { label = "病情", type = "text", private = true }
[step.tell]
use = "play.say"
with.text = "因{{ step.fill.ill }}请假"
[step.review]
ask = "role:班长"
form.fine = { label = "同意", type = "yesno" }
on.fine.no = { back_to = "fill", most = 4 }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_private_in_any_round_is_read_nowhere_by_others() {
    let place = place(&[("ill", ILL)]).await;
    let run = place.start("ill", json!({})).await;
    let said = ["腰椎间盘突出", "急性阑尾炎", "普通感冒", "牙痛难忍"];
    for (round, ill) in said.iter().enumerate() {
        answer(&place, &run, "fill", json!({ "ill": ill })).await;
        answer(&place, &run, "review", json!({ "fine": round == 3 })).await;
    }
    place.run_until(&run, |run| run["state"] == "done").await;
    let looks = token(&place, "looks", Role::Viewer, &["ill"], None).await;
    // What the case gives is of the same words, and makes them no more public.
    for path in ["", "/journal?lang=en&titles=true", "/attempts", "/why"] {
        let path = format!("/api/v1/runs/{run}{path}");
        let theirs = looks.get(&path).await.body;
        for ill in said {
            assert!(!theirs.contains(ill), "{path}: {ill} in {theirs}");
        }
    }
    let owners = place.socket.get(&format!("/api/v1/runs/{run}/attempts?private=true")).await.body;
    assert!(owners.contains("因腰椎间盘突出请假"), "it is there to be hidden: {owners}");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_private_under_the_text_before_stays_private_under_the_next_one() {
    let head = "title = \"请假\"\n";
    let fill = "[step.fill]\nask = \"group:热线\"\nform.ill = { label = \"病情\", type = \"text\", private = true }\n";
    let rest = "[step.review]\nask = \"role:班长\"\nform.fine = { label = \"同意\", type = \"yesno\" }\n";
    let place = place(&[("ill", &format!("{head}{fill}{rest}"))]).await;
    let run = place.start("ill", json!({})).await;
    answer(&place, &run, "fill", json!({ "ill": "腰椎间盘突出" })).await;
    place.run_until(&run, |run| run["waits"] == "task").await;
    // The number of the step that asked is that of another one now.
    let first = "[step.first]\nuse = \"play.say\"\n";
    place.load(&[("ill", &format!("{head}{first}{fill}{rest}"))]).await;
    let gone = place.socket.post(&format!("/api/v1/runs/{run}/migrate"), &json!({})).await;
    assert_eq!((gone.status, &gone.json()["done"]), (200, &json!(true)), "{gone:?}");
    let looks = token(&place, "looks", Role::Viewer, &["ill"], None).await;
    let path = format!("/api/v1/runs/{run}/journal");
    let (theirs, owners) = (looks.get(&path).await, place.socket.get(&format!("{path}?private=true")).await);
    assert!(theirs.status == 200 && !theirs.body.contains("腰椎"), "{}", theirs.body);
    assert!(owners.body.contains("腰椎间盘突出"), "it is there to be hidden: {}", owners.body);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_picture_of_a_case_counts_rounds_and_how_many_of_several_are_over() {
    let several = "[step.each]\neach = \"{{ ['甲', '乙', '丙'] }}\"\nas = \"one\"\nask = \"group:热线\"\nform.ok = { type = \"yesno\" }\n";
    let place = place(&[("claim", CLAIM), ("several", &format!("title = \"几家\"\n{several}"))]).await;
    let picture = async |run: &str| {
        let path = format!("/api/v1/runs/{run}/picture?lang=en");
        place.socket.get(&path).await.body
    };
    let claim = refused_once(&place).await;
    let drawn = picture(&claim).await;
    assert_eq!(drawn.matches("done · round 2").count(), 5, "all five steps were done twice: {drawn}");
    let run = place.start("several", json!({})).await;
    place.run_until(&run, |run| run["waits"] == "task").await;
    assert!(picture(&run).await.contains("0/3"), "{}", picture(&run).await);
    answer(&place, &run, "each", json!({ "ok": true })).await;
    assert!(picture(&run).await.contains("1/3"), "{}", picture(&run).await);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn why_a_case_failed_is_said_in_the_readers_language_wherever_it_is_said() {
    let fails = "title = \"除\"\n[step.divide]\nuse = \"play.say\"\nwith.text = \"{{ 1 / (input.n - input.n) }}\"\n[input]\nn = { type = \"number\" }\n";
    let place = place(&[("fails", fails)]).await;
    let run = place.start("fails", json!({ "n": 3 })).await;
    let view = place.run_until(&run, |run| run["state"] == "failed").await;
    let words = view["error"]["message"].as_str().unwrap();
    let page = place.token.send("GET", &format!("/runs/{run}"), &[("accept-language", "zh")], vec![]).await;
    // The lines of the journal unfold to what stands in the store, for who asks for that.
    let outside = |part: &str| part.split_once("</pre>").map_or(part, |(_, rest)| rest).to_owned();
    let told: String = page.body.split("<pre").map(outside).collect();
    assert!(told.contains("算不出来") && !told.contains(words), "{words}: {told}");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_next_text_makes_private_is_hidden_in_the_lines_of_the_one_before() {
    let text = |private: &str| {
        format!(
            "title = \"请假\"\n[step.fill]\nask = \"group:热线\"\nform.ill = {{ label = \"病情\", type = \"text\"{private} }}\n\
             [step.review]\nask = \"role:班长\"\nform.fine = {{ label = \"同意\", type = \"yesno\" }}\n"
        )
    };
    let place = place(&[("ill", &text(""))]).await;
    let run = place.start("ill", json!({})).await;
    answer(&place, &run, "fill", json!({ "ill": "腰椎间盘突出" })).await;
    place.run_until(&run, |run| run["waits"] == "task").await;
    place.load(&[("ill", &text(", private = true"))]).await;
    let gone = place.socket.post(&format!("/api/v1/runs/{run}/migrate"), &json!({})).await;
    assert_eq!((gone.status, &gone.json()["done"]), (200, &json!(true)), "{gone:?}");
    let looks = token(&place, "looks", Role::Viewer, &["ill"], None).await;
    for path in ["", "/journal", "/attempts"] {
        let seen = looks.get(&format!("/api/v1/runs/{run}{path}")).await;
        assert!(seen.status == 200 && !seen.body.contains("腰椎"), "{path}: {}", seen.body);
    }
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_title_of_a_task_of_long_ago_says_in_figures_no_more_than_in_the_journal() {
    let titled = ILL.replace("[step.review]\n", "[step.review]\ntitle = \"审批:{{ step.fill.ill }}\"\n");
    let place = place(&[("ill", &titled)]).await;
    let run = place.start("ill", json!({})).await;
    for (round, ill) in ["腰椎间盘突出", "急性阑尾炎", "普通感冒"].iter().enumerate() {
        answer(&place, &run, "fill", json!({ "ill": ill })).await;
        answer(&place, &run, "review", json!({ "fine": round == 2 })).await;
    }
    place.run_until(&run, |run| run["state"] == "done").await;
    let grant = Grant { who: vec!["person:zhao.lei".to_owned()], may: Role::Operator, on: vec![] };
    place.engine.set_world(|world| {
        let mut people = (*world.people).clone();
        people.people.insert("zhao.lei".to_owned(), Person { name: "赵磊".into(), ..Person::default() });
        people.rights.insert("house".to_owned(), grant);
        World { people: Arc::new(people), ..world.clone() }
    });
    let operator = session(&place, "zhao.lei", 0).await;
    let body = json!({ "first": 20 }).to_string().into_bytes();
    let told = operator.send("POST", "/api/v1/query/tasks", &FROM_OUR_PAGE, body).await;
    assert!(told.status == 200 && told.body.contains("审批:***"), "{told:?}");
    for ill in ["腰椎", "阑尾", "感冒"] {
        assert!(!told.body.contains(ill), "{ill}: {}", told.body);
    }
    place.stop().await;
}
