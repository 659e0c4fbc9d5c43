//! Triggers that somebody pauses: who may, what becomes of what comes meanwhile, and what is shown of it.

use serde_json::{Value as Json, json};
use yizhan_engine::schedules::Schedules;
use yizhan_workflow::people::rights::Role;

use super::client::{Client, Reply};
use super::place::{PLAIN, Place, place};
use super::rights::{FROM_OUR_PAGE, session, token};

const CLOCK: &str = r#"
title = "对账"
[input]
at = { label = "时刻", required = false }
[trigger.daily]
schedule = "11:00"
with.at = "{{ trigger.at }}"
[trigger.hook]
webhook = { signature = "token", secret = "plain" }
[trigger.desk]
by_hand = ["group:热线"]
[step.ask]
ask = "person:wang.wei"
form.ok = { label = "好", type = "yesno" }
"#;

const HOUR: i64 = 3_600_000;

async fn act(client: &Client, trigger: &str, act: &str, body: &Json) -> Reply {
    client.post(&format!("/api/v1/triggers/{trigger}/{act}"), body).await
}

async fn paused(place: &Place, trigger: &str) {
    let answer = act(&place.socket, trigger, "pause", &json!({ "reason": "月末盘点" })).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

async fn deliver(place: &Place, id: &str, key: &str) -> Reply {
    let headers = [("content-type", "application/json"), ("webhook-id", id), ("authorization", key)];
    place.stranger.send("POST", "/hooks/close/hook", &headers, b"{}".to_vec()).await
}

async fn runs(place: &Place) -> usize {
    place.socket.get("/api/v1/runs").await.json()["items"].as_array().unwrap().len()
}

fn trigger_of(all: &Reply, name: &str) -> Json {
    let all = all.json()["items"].as_array().unwrap().clone();
    all.into_iter().find(|one| one["trigger"] == name).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_of_the_workflow_pauses_a_trigger_with_a_reason_and_nobody_else_does() {
    let place = place(&[("close", CLOCK), ("other", CLOCK)]).await;
    let why = json!({ "reason": "月末盘点" });
    let viewer = token(&place, "looks", Role::Viewer, &[], None).await;
    let elsewhere = token(&place, "elsewhere", Role::Operator, &["other"], None).await;
    for (client, who) in [(&viewer, "viewer"), (&elsewhere, "operator of another")] {
        for asked in ["pause", "resume"] {
            assert_eq!(act(client, "close/daily", asked, &why).await.code(), "YZ0430", "{who} {asked}");
        }
    }
    let operator = token(&place, "ours", Role::Operator, &["close"], None).await;
    assert_eq!(act(&operator, "close/daily", "pause", &json!({ "reason": " " })).await.code(), "YZ0415");
    assert_eq!(act(&operator, "close/weekly", "pause", &why).await.code(), "YZ0404");
    assert_eq!(act(&operator, "close/daily", "resume", &json!({})).await.code(), "YZ0410");
    let done = act(&operator, "close/daily", "pause", &why).await;
    assert_eq!(
        done.json()["paused"],
        json!({ "by": "operator", "since": "2026-11-22T02:00:00Z", "reason": "月末盘点" })
    );
    assert_eq!(act(&operator, "close/daily", "pause", &why).await.code(), "YZ0410", "it is paused");
    let all = viewer.get("/api/v1/triggers?workflow=close").await;
    assert_eq!(trigger_of(&all, "daily")["paused"]["reason"], "月末盘点");
    assert_eq!(trigger_of(&all, "hook")["paused"], Json::Null, "the others go on");
    assert_eq!(act(&operator, "close/daily", "resume", &json!({})).await.json()["paused"], Json::Null);
    let audit = place.socket.get("/api/v1/audit").await.body;
    assert!(audit.contains("/api/v1/triggers/close/daily/pause") && audit.contains("token:ours"), "{audit}");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_to_a_paused_trigger_is_told_to_come_again_and_then_starts_one_run() {
    let place = place(&[("close", CLOCK)]).await;
    let key = format!("Bearer {PLAIN}");
    paused(&place, "close/hook").await;
    let refused = deliver(&place, "a", &key).await;
    assert_eq!((refused.status, refused.code()), (503, "YZ0436".to_owned()));
    assert_eq!(refused.header("retry-after"), Some("300"));
    assert!(refused.json()["detail"].as_str().unwrap().contains("since 2026-11-22T02:00:00Z"), "{refused:?}");
    // Who and why is the house's own business, and whoever has no secret does not even learn that it is paused.
    assert!(!refused.body.contains("盘点") && !refused.body.contains("operator"), "{refused:?}");
    assert_eq!(deliver(&place, "a", "Bearer wrong").await.code(), "YZ0416");
    assert_eq!(runs(&place).await, 0);
    act(&place.socket, "close/hook", "resume", &json!({})).await;
    assert_eq!(deliver(&place, "a", &key).await.status, 202);
    assert_eq!(deliver(&place, "a", &key).await.json()["repeated"], true);
    assert_eq!(runs(&place).await, 1);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_fires_nothing_while_it_is_paused_and_makes_up_for_it_as_its_file_says() {
    let none = CLOCK.replace("schedule = \"11:00\"", "schedule = \"11:00\"\nmissed = \"none\"");
    let place = place(&[("close", CLOCK), ("none", &none)]).await;
    let mut schedules = Schedules::new(place.engine.clone());
    schedules.look().await;
    for name in ["close/daily", "none/daily"] {
        paused(&place, name).await;
    }
    place.pass(3 * HOUR).await;
    schedules.look().await;
    assert_eq!(runs(&place).await, 0, "it is one o'clock, and both were due at eleven");
    for name in ["close/daily", "none/daily"] {
        act(&place.socket, name, "resume", &json!({})).await;
    }
    schedules.look().await;
    schedules.look().await;
    let all = place.socket.get("/api/v1/runs").await.json();
    let began: Vec<&Json> = all["items"].as_array().unwrap().iter().map(|run| &run["workflow"]).collect();
    assert_eq!(began, ["close"], "`missed` is `one` where nothing is said");
    let triggers = place.socket.get("/api/v1/triggers").await.json();
    let outcome = |workflow: &str| {
        let all = triggers["items"].as_array().unwrap();
        let found = all.iter().find(|one| one["workflow"] == workflow && one["trigger"] == "daily");
        found.unwrap()["last"][0]["outcome"].clone()
    };
    assert_eq!((outcome("close"), outcome("none")), (json!("late"), json!("missed")), "each slot has a line");
    let operator = token(&place, "ops of all", Role::Operator, &[], None).await;
    let page = operator.send("GET", "/system", &[("accept-language", "en")], vec![]).await.body;
    let chip = |word: &str| format!("<span class=\"chip late\">{word}</span>");
    assert!(page.contains(&chip("late")) && page.contains(&chip("missed")), "{page}");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_a_workflow_says_who_paused_a_trigger_and_lets_an_operator_have_it_go_on() {
    let place = place(&[("close", CLOCK)]).await;
    let operator = token(&place, "op", Role::Operator, &[], None).await;
    let form = [FROM_OUR_PAGE[0], ("content-type", "application/x-www-form-urlencoded")];
    let send = async |act: &str, body: &str| {
        let path = format!("/workflows/close/triggers/desk/{act}");
        operator.send("POST", &path, &form, body.as_bytes().to_vec()).await
    };
    assert_eq!(send("pause", "reason=").await.status, 409);
    let done = send("pause", "reason=%3Cb%3E%E7%9B%98%E7%82%B9").await;
    assert_eq!((done.status, done.header("location")), (303, Some("/workflows/close")));
    let page = async |client: &Client, path: &str| {
        client.send("GET", path, &[("accept-language", "en")], vec![]).await.body
    };
    let shown = page(&operator, "/workflows/close").await;
    assert!(
        shown.contains("Paused by an operator on the server since today 10:00: &lt;b&gt;盘点"),
        "{shown}"
    );
    assert!(shown.contains("/triggers/desk/resume") && shown.contains("/triggers/daily/pause"));
    assert!(page(&operator, "/workflows").await.contains("· paused"));
    let viewer = token(&place, "looks", Role::Viewer, &[], None).await;
    let seen = page(&viewer, "/workflows/close").await;
    assert!(seen.contains("Paused by") && !seen.contains("/triggers/desk/resume"), "who looks does not act");
    // What somebody sends meanwhile is not lost: the form comes back with it.
    let li_na = session(&place, "li.na", 0).await;
    let begun = li_na.send("POST", "/new/close/desk", &form, b"once=x&f.at=noon".to_vec()).await;
    assert!(begun.status == 503 && begun.body.contains("noon"), "{begun:?}");
    assert_eq!(send("resume", "").await.status, 303);
    assert_eq!(send("resume", "").await.status, 409);
    let begun = li_na.send("POST", "/new/close/desk", &form, b"once=x&f.at=noon".to_vec()).await;
    assert_eq!(begun.status, 303);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_watches_hears_that_a_trigger_was_paused() {
    let place = place(&[("close", CLOCK)]).await;
    let mut hears = place.token.listen("/api/v1/events?only=house").await;
    hears.until("refresh").await;
    paused(&place, "close/daily").await;
    assert_eq!(hears.next().await.unwrap().0, "house");
    place.stop().await;
}
