//! Stories of an owner who decides what nobody else can, in the browser: told by requests.

use serde_json::json;

use super::client::{Client, EN, FORM, Reply};
use super::place::{Place, place};

const DIE: &str = r#"
title = "只做一次"
owner = "role:班长"
[step.pay]
title = "付款"
use = "play.die"
effect = "once"
with.text = "x"
"#;

const ASK: &str = r#"
title = "请示"
[step.call]
use = "play.fail"
retry.times = 0
on_error = "ask"
[output]
number = "{{ step.call.number }}"
"#;

async fn send(client: &Client, path: &str, fields: &[(&str, &str)]) -> Reply {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    client.send("POST", path, &[FORM, EN], body.into_bytes()).await
}

async fn page(place: &Place, path: &str) -> String {
    let reply = place.token.send("GET", path, &[EN], vec![]).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

/// A run that waits for its owner, and the task.
async fn undecided(place: &Place, workflow: &str) -> (String, String) {
    let run = place.start(workflow, json!({})).await;
    let view = place.run_until(&run, |run| run["waits"] == "unknown").await;
    let task = view["steps"][0]["items"][0]["task"].as_str().unwrap().to_owned();
    (run, task)
}

/// What the audit tells of the last decision.
async fn after(place: &Place, what: &str) -> String {
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let found = place.socket.get("/api/v1/audit?kind=tasks/settle&lang=en").await.json();
        let done = found["items"].as_array().unwrap().iter().find(|act| act["answered"]["status"] == 303);
        let changes = done.map(|act| act["changes"].as_array().unwrap().clone()).unwrap_or_default();
        if let Some(change) = changes.iter().find(|change| change["what"] == what) {
            return change["after"].as_str().unwrap().to_owned();
        }
        assert!(tokio::time::Instant::now() < end, "{found:#}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_known_of_a_lost_outcome_is_said_as_it_is_known_and_not_as_a_refusal() {
    let place = place(&[("die", DIE)]).await;
    let (run, task) = undecided(&place, "die").await;
    for path in [format!("/runs/{run}"), format!("/tasks/{task}")] {
        let zh = place.token.send("GET", &path, &[("accept-language", "zh")], vec![]).await.body;
        assert!(zh.contains("it died") && !zh.contains("什么都没有改动"), "{path}: {zh}");
    }
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_knows_is_answered_on_the_case_s_page_with_what_the_step_gives() {
    let place = place(&[("die", DIE)]).await;
    let (run, task) = undecided(&place, "die").await;
    let shown = page(&place, &format!("/runs/{run}")).await;
    for part in
        ["nobody knows whether it happened", "it happens twice", "Receipt", "name=\"v.amount\"", "it died"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let settle = format!("/tasks/{task}/settle");
    let hasty = send(&place.token, &settle, &[("verdict", "again"), ("reason", "")]).await;
    assert_eq!(hasty.status, 422);
    for said in ["Look there before you decide.", "Say it in words"] {
        assert!(hasty.body.contains(said), "{said}: {}", hasty.body);
    }
    let typed = [
        ("verdict", "happened"),
        ("looked", "yes"),
        ("reason", "银行流水里有 <这一笔>"),
        ("v.text", "17"),
        ("v.amount", "many"),
        ("v.parts", "[\"阀\"]"),
        ("back", "run"),
    ];
    let wrong = send(&place.token, &settle, &typed).await;
    assert_eq!(wrong.status, 422);
    for kept in
        ["This is a number", "value=\"many\"", "&lt;这一笔&gt;", "value=\"happened\" checked", "value=\"17\""]
    {
        assert!(wrong.body.contains(kept), "{kept}: {}", wrong.body);
    }
    let still = place.socket.get(&format!("/api/v1/runs/{run}")).await.json();
    assert_eq!(still["state"], "open", "nothing is decided by halves");
    let right: Vec<_> =
        typed.iter().map(|(name, text)| (*name, if *name == "v.amount" { "12.50" } else { text })).collect();
    let done = send(&place.token, &settle, &right).await;
    assert_eq!(
        (done.status, done.header("location")),
        (303, Some(&*format!("/runs/{run}"))),
        "{}",
        done.body
    );
    let over = place.run_until(&run, |run| run["state"] == "done").await;
    let output = place.socket.get(&format!("/api/v1/runs/{run}")).await.body;
    assert!(output.contains(r#""amount":12.50"#), "every digit stays: {output}");
    let given = &over["steps"][0]["items"][0]["output"];
    assert_eq!((&given["text"], &given["parts"]), (&json!("17"), &json!(["阀"])));
    assert_eq!(after(&place, "State").await, "decided by somebody");
    assert_eq!(after(&place, "Outcome").await, "It happened");
    let journal = place.socket.get(&format!("/api/v1/runs/{run}/journal")).await.body;
    assert_eq!(
        journal.matches("\"event\":\"commented\"").count(),
        1,
        "where somebody looked is said once: {journal}"
    );
    let late = send(&place.token, &settle, &right).await;
    assert!((400..500).contains(&late.status), "{}", late.status);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_skipped_step_would_have_given_is_said_line_by_line() {
    let place = place(&[("ask", ASK)]).await;
    let (run, task) = undecided(&place, "ask").await;
    let shown = page(&place, &format!("/tasks/{task}")).await;
    assert!(shown.contains("name = value") && !shown.contains("I looked there"), "{shown}");
    let settle = format!("/tasks/{task}/settle");
    let fields = |values| [("verdict", "skip"), ("reason", "电话里问到的"), ("values", values)];
    // Nor does it bring in a file that somebody else sent.
    let kept = place.socket.send("POST", "/api/v1/artifacts?name=a", &[], b"a secret".to_vec()).await.json();
    let claim = format!("number = {{\"\\u0061rtifact\": {}, \"name\": \"a\"}}", kept["artifact"]);
    let claimed = send(&place.token, &settle, &fields(&claim)).await;
    assert_eq!(claimed.status, 404, "{}", claimed.body);
    let wrong = send(&place.token, &settle, &fields("number = 17\nsomething")).await;
    assert!(wrong.status == 422 && wrong.body.contains("Line 2 is not understood"), "{}", wrong.body);
    assert_eq!(send(&place.token, &settle, &fields("number = 17.0")).await.status, 303);
    let over = place.run_until(&run, |run| run["state"] == "done").await;
    assert_eq!(over["output"]["number"].as_f64(), Some(17.0));
    place.stop().await;
}
