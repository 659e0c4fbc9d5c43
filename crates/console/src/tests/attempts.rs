//! Stories of whoever wants to know what was really sent, how often, and what came back.

use serde_json::{Value, json};
use yizhan_workflow::id::{Millis, outward_key};

use super::client::Client;
use super::place::{Place, TEN, place};
use crate::house::SaidLine;

const TOLD: &str = r#"
title = "停水"
[step.agree]
title = "同意停水"
ask = "person:li.na"
form.why = { label = "为什么" }
[step.tell]
title = "通知"
use = "email.say"
with = { to = "chen@example.com", subject = "停水通知", text = "明天停水。\n请备 <水>。" }
[step.book]
title = "登记"
use = "webhook.fail"
retry = { times = 2, first = "5s", factor = 2, most = "1min" }
with = { url = "https://example.com/book", json = { house = "H1" } }
"#;

async fn carried_out(place: &Place) -> String {
    let run = place.start("told", json!({})).await;
    place.run_until(&run, |run| run["waits"] == "task").await;
    let task = place.socket.get(&format!("/api/v1/tasks?run={run}")).await.json();
    let task = task["items"][0]["id"].as_str().unwrap().to_owned();
    let answer = json!({ "by": "li.na", "fields": { "why": "换阀" } });
    assert_eq!(place.socket.post(&format!("/api/v1/tasks/{task}/answer"), &answer).await.status, 200);
    place.run_until(&run, |run| run["waits"] == "time").await;
    place.pass(6_000).await; // The rest is jittered by a share of it.
    // It has failed again: time that passes while it is under way brings it no nearer to the next.
    let again = |run: &Value| run["steps"][2]["items"][0]["attempts"] == 2 && run["waits"] == "time";
    place.run_until(&run, again).await;
    place.pass(12_000).await;
    place.run_until(&run, |run| run["state"] == "failed").await;
    run
}

async fn page(client: &Client, path: &str) -> String {
    let reply = client.send("GET", path, &[("accept-language", "en")], vec![]).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_plugin_said_meanwhile_stands_with_its_attempt_and_no_other() {
    let place = place(&[("told", TOLD)]).await;
    let run = carried_out(&place).await;
    let key = outward_key(&place.engine.shared.reads.house().unwrap(), &format!("{run}/book/1/0"));
    let line = |attempt, level: &str, text: &str| SaidLine {
        key: key.clone(),
        attempt,
        at: Millis(TEN),
        level: level.to_owned(),
        text: text.to_owned(),
    };
    let all = [line(1, "info", "线路忙 <1>"), line(2, "warn", "again"), line(2, "cut", "")];
    place.said.lock().unwrap().extend(all);
    let listed = place.socket.get(&format!("/api/v1/runs/{run}/attempts?step=book")).await.json();
    assert_eq!(
        listed["items"][0]["said"],
        json!([{ "at": "2026-11-22T02:00:00Z", "level": "info", "text": "线路忙 <1>" }])
    );
    assert_eq!(listed["items"][1]["said"].as_array().unwrap().len(), 2);
    assert_eq!(listed["items"][2].get("said"), None, "it said nothing");
    let page = page(&place.token, &format!("/runs/{run}/attempts?step=book")).await;
    assert!(page.contains("线路忙 &lt;1&gt;") && page.contains("more was said and is not kept."), "{page}");
    let tell = place.socket.get(&format!("/api/v1/runs/{run}/attempts?step=tell")).await.json();
    assert_eq!(tell["items"][0].get("said"), None, "another step's words are not its own");
    place.stop().await;
}

const BRIEFED: &str = r#"
title = "申诉"
owner = "role:班长"
[input]
story = { label = "经过", type = "text", private = true }
sum   = { label = "金额", type = "money", private = true }
[step.note]
use = "play.say"
with.text = "x"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_was_cut_is_not_for_those_from_whom_something_is_kept() {
    let place = place(&[("briefed", BRIEFED)]).await;
    let story = format!("他说\"{}\"", "隐情".repeat(2_000));
    let run = place.start("briefed", json!({ "story": story, "sum": "48500.00" })).await;
    place.run_until(&run, |run| run["state"] == "done").await;
    let key = outward_key(&place.engine.shared.reads.house().unwrap(), &format!("{run}/note/1/0"));
    let line = |level: &str, text: String| SaidLine {
        key: key.clone(),
        attempt: 1,
        at: Millis(TEN),
        level: level.to_owned(),
        text,
    };
    let begun: String = story.chars().take(2_000).collect();
    let as_json = json!({ "story": story }).to_string();
    let paid = format!("paid 48,500.00 for {run} on 2026-11-22");
    let lines = [line("cut", begun), line("info", format!("sent {as_json}")), line("info", paid)];
    place.said.lock().unwrap().extend(lines);
    let said = async |who: &str| {
        let listed = place.socket.get(&format!("/api/v1/runs/{run}/attempts?{who}")).await.json();
        listed["items"][0]["said"].clone()
    };
    let veiled = said("").await;
    assert_eq!((&veiled[0]["level"], &veiled[0]["text"]), (&json!("cut"), &json!("")), "half of it is kept");
    assert_eq!(veiled[1]["text"], "sent {\"story\":\"***\"}", "nor is it read as JSON writes it");
    assert_eq!(veiled[2]["text"], json!(format!("paid *** for {run} on 2026-11-22")), "nor a long number");
    let open = said("by=wang.wei").await;
    assert!(open[0]["text"].as_str().unwrap().contains("隐情"), "his to read: {open}");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_attempt_is_there_with_what_was_sent_and_what_came_back() {
    let place = place(&[("told", TOLD)]).await;
    let run = carried_out(&place).await;
    let listed =
        async |query: &str| place.socket.get(&format!("/api/v1/runs/{run}/attempts?{query}")).await.json();
    let all = listed("").await;
    let told: Vec<(&str, u64, &str)> = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (one["step"].as_str().unwrap(), one["attempt"].as_u64().unwrap(), one["state"].as_str().unwrap())
        })
        .collect();
    let book = |attempt| ("book", attempt, "failed");
    let wanted = [("agree", 1, "done"), ("tell", 1, "done"), book(1), book(2), book(3)];
    assert_eq!(told, wanted, "{all}");
    assert_eq!(all["items"][0]["by"], "person:li.na");
    assert_eq!(all["items"][0]["output"]["why"], "换阀");
    let book = listed("step=book").await;
    for one in book["items"].as_array().unwrap() {
        assert_eq!(one["input"]["json"]["house"], "H1", "each of them sent it: {one}");
        assert_eq!(one["failure"]["code"], "play.failed");
        assert!(one["began"].as_str() <= one["ended"].as_str(), "{one}");
    }
    let first = listed("step=book&limit=1").await;
    let (items, next) = (first["items"].as_array().unwrap(), first["next"].as_str().unwrap());
    assert_eq!((items.len(), &items[0]["attempt"]), (1, &json!(1)));
    let rest = listed(&format!("step=book&limit=1&cursor={next}")).await;
    assert_eq!((&rest["items"][0]["attempt"], &rest["next"]), (&json!(2), &json!("2")));
    assert_eq!(rest["items"][0]["input"]["url"], "https://example.com/book");
    assert_eq!(listed("step=book&item=1").await["items"], json!([]), "it has one item");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_is_read_as_a_letter_and_a_call_as_it_was_made() {
    let place = place(&[("told", TOLD)]).await;
    let run = carried_out(&place).await;
    let case = page(&place.token, &format!("/runs/{run}")).await;
    assert!(case.contains(&format!("/runs/{run}/attempts?step=book\"")), "{case}");
    let letter = page(&place.token, &format!("/runs/{run}/attempts?step=tell")).await;
    for part in [
        "<dt>To</dt><dd>chen@example.com</dd>",
        "<dt>Subject</dt><dd>停水通知</dd>",
        "请备 &lt;水&gt;。</pre>",
    ] {
        assert!(letter.contains(part), "{part}: {letter}");
    }
    let call = page(&place.token, &format!("/runs/{run}/attempts?step=book")).await;
    for part in ["Attempt 1", "Attempt 2", "<strong>POST</strong> https://example.com/book", "<dd>H1</dd>"] {
        assert!(call.contains(part), "{part}: {call}");
    }
    assert_eq!(call.matches("play.failed").count(), 3, "{call}");
    let answered = page(&place.token, &format!("/runs/{run}/attempts?step=agree")).await;
    assert!(answered.contains("<dt>为什么</dt><dd>换阀</dd>") && answered.contains("李娜"), "{answered}");
    place.stop().await;
}
