//! Stories of what is typed beside an answer, into the forms of other acts of a page: what was refused gives it back.

use serde_json::json;

use super::client::{Client, EN, FORM, OUR_PAGE, Reply, To};
use super::place::{Place, place};
use super::rights::token;
use crate::caller::COOKIE;
use yizhan_workflow::id::Millis;
use yizhan_workflow::people::rights::Role;

const VISIT: &str = r#"
title = "上门"
due   = "3 days"
[step.visit]
ask = "group:热线"
due = "24h"
extend.form.until = { label = "到几时", type = "datetime" }
extend.form.why   = { label = "为什么" }
form.result = { label = "结果", type = "text" }
"#;

async fn li_na(place: &Place) -> Client {
    let word = place.access.begin("li.na", "192.0.2.1", "Firefox", Millis(place.now())).await.unwrap();
    Client::new(To::Tcp(place.address), None).with("cookie", &format!("{COOKIE}={}", word.reveal()))
}

async fn send(client: &Client, path: &str, fields: &[(&str, &str)]) -> Reply {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    client.send("POST", path, &[FORM, OUR_PAGE, EN], body.into_bytes()).await
}

async fn task_of(place: &Place, run: &str) -> String {
    let list = place.socket.get(&format!("/api/v1/tasks?run={run}")).await.json();
    format!("/tasks/{}", list["items"][0]["id"].as_str().unwrap_or_else(|| panic!("{list}")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_typed_to_hand_a_task_over_stands_there_again_when_it_was_refused() {
    let place = place(&[("visit", VISIT)]).await;
    let run = place.start("visit", json!({})).await;
    let (li_na, task) = (li_na(&place).await, task_of(&place, &run).await);
    let typed = [("to", "person:nobody"), ("note", "客户只要 \"王伟\""), ("delegate", "yes")];
    let back = send(&li_na, &format!("{task}/hand-over"), &typed).await;
    assert!((400..500).contains(&back.status), "{}", back.status);
    assert!(back.body.contains("value=\"客户只要 &quot;王伟&quot;\""), "{}", back.body);
    assert!(back.body.contains("name=\"delegate\" value=\"yes\" checked"), "{}", back.body);
    let others = ["id=\"said\" name=\"text\" rows=\"3\" required maxlength=\"2000\"></textarea>"];
    assert!(back.body.contains(others[0]), "nothing is put into another form: {}", back.body);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_comment_and_a_wish_for_more_time_come_back_as_they_were_typed() {
    let place = place(&[("visit", VISIT)]).await;
    let run = place.start("visit", json!({})).await;
    let (li_na, task) = (li_na(&place).await, task_of(&place, &run).await);
    let chinese = send(&li_na, &format!("{task}/comment"), &[("text", &"说".repeat(2_000))]).await;
    assert_eq!(chinese.status, 303, "what the page lets one type arrives: {}", chinese.body);
    let long = "x".repeat(4_001);
    let back = send(&li_na, &format!("{task}/comment"), &[("text", &long)]).await;
    assert!((400..500).contains(&back.status), "{}", back.status);
    assert!(back.body.contains(&format!(">{long}</textarea>")), "the comment is lost");
    let wish = [("f.until", "many"), ("f.why", "等配件")];
    let back = send(&li_na, &format!("{task}/extend"), &wish).await;
    assert_eq!(back.status, 422, "{}", back.body);
    assert!(back.body.contains("value=\"many\"") && back.body.contains("value=\"等配件\""), "{}", back.body);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reason_that_was_typed_on_a_case_s_page_comes_back_into_the_form_it_was_typed_into() {
    let place = place(&[("visit", VISIT)]).await;
    let operator = token(&place, "by-hand", Role::Operator, &[], None).await;
    let run = place.start("visit", json!({})).await;
    task_of(&place, &run).await;
    let typed = [("step", "visit"), ("to", "sometime"), ("reason", "客户要求")];
    let back = send(&operator, &format!("/runs/{run}/due"), &typed).await;
    assert!((400..500).contains(&back.status), "{}", back.status);
    let asked = |id: &str, value: &str| {
        format!("id=\"reason.due.{id}\" name=\"reason\" maxlength=\"500\" value=\"{value}\"")
    };
    assert!(back.body.contains(&asked("visit", "客户要求")), "{}", back.body);
    assert!(
        back.body.contains(&asked("whole", "")),
        "the clock of the whole case has its own: {}",
        back.body
    );
    place.stop().await;
}
