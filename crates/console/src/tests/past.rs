//! Stories of tasks that are over: whoever had to do with one finds what became of it.

use serde_json::json;
use yizhan_workflow::people::rights::Role;

use super::client::{Client, Reply};
use super::place::{Place, place};
use super::rights::{session, token};

const OURS: [(&str, &str); 3] = [
    ("content-type", "application/x-www-form-urlencoded"),
    ("sec-fetch-site", "same-origin"),
    ("accept-language", "en"),
];

const CHECK: &str = r#"
title = "核对"
key = "{{ input.nr }}"
[input]
nr = { label = "户号" }
[step.look]
title = "看看 {{ input.nr }}"
ask = ["group:热线", "role:班长"]
form.cause = { label = "原因" }
form.fine = { label = "没问题", type = "yesno" }
on.fine.no = { back_to = "look", most = 2 }
[step.last]
title = "收尾"
ask = "role:班长"
"#;

async fn open(client: &Client, path: &str) -> Reply {
    client.send("GET", path, &[OURS[2]], vec![]).await
}

async fn send(client: &Client, path: &str, fields: &[(&str, &str)]) -> Reply {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    client.send("POST", path, &OURS, body.into_bytes()).await
}

/// The path of the open task of a run.
async fn task(place: &Place, run: &str, but: &str) -> String {
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let list = place.socket.get(&format!("/api/v1/tasks?run={run}")).await.json();
        let id = list["items"][0]["id"].as_str().map(|id| format!("/tasks/{id}"));
        if let Some(path) = id.filter(|path| path != but) {
            return path;
        }
        assert!(tokio::time::Instant::now() < end, "{list:#}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_answered_a_task_finds_their_answer_and_colleagues_who_and_when() {
    let place = place(&[("check", CHECK)]).await;
    let run = place.start("check", json!({ "nr": "05" })).await;
    let now = place.now();
    let (li_na, wang_wei) = (session(&place, "li.na", now).await, session(&place, "wang.wei", now).await);
    let first = task(&place, &run, "").await;
    let said = [("f.cause", "<b>阀门"), ("f.fine", "no")];
    assert_eq!(send(&li_na, &format!("{first}/answer"), &said).await.status, 303);
    // A later round changes nothing of what was said in this one.
    let second = task(&place, &run, &first).await;
    assert_eq!(
        send(&wang_wei, &format!("{second}/answer"), &[("f.cause", "水管"), ("f.fine", "yes")]).await.status,
        303
    );
    let own = open(&li_na, &first).await;
    assert_eq!(own.status, 200, "{}", own.body);
    for part in [
        "核对 · 05",
        "看看 05",
        "You answered this: today 10:00",
        "原因</dt><dd>&lt;b&gt;阀门",
        "没问题</dt><dd>no",
    ] {
        assert!(own.body.contains(part), "{part}: {}", own.body);
    }
    assert!(
        !own.body.contains("/runs/run_") && !own.body.contains("水管"),
        "the case is not theirs: {}",
        own.body
    );
    assert!(!own.body.contains("data-watch") && !own.body.contains("/answer"), "it is over: {}", own.body);
    let colleague = open(&wang_wei, &first).await;
    assert!(
        colleague.status == 200 && colleague.body.contains("李娜 answered this: today 10:00"),
        "{}",
        colleague.body
    );
    assert!(!colleague.body.contains("阀门"), "{}", colleague.body);
    // Whoever comes too late is told who was first, and nothing of theirs is recorded.
    let late = send(&wang_wei, &format!("{first}/answer"), &[("f.cause", "别的"), ("f.fine", "yes")]).await;
    assert!(
        late.status == 409
            && late.body.contains("李娜 answered this")
            && late.body.contains("Nothing more was recorded"),
        "{}",
        late.body
    );
    let third = task(&place, &run, &second).await;
    place.socket.post(&format!("/api/v1/runs/{run}/cancel"), &json!({ "reason": "重复" })).await;
    place.run_until(&run, |run| run["state"] == "cancelled").await;
    let withdrawn = open(&wang_wei, &third).await.body;
    assert!(withdrawn.contains("This was withdrawn"), "{withdrawn}");
    assert_eq!(open(&li_na, &third).await.status, 404, "nobody asked her");
    let looks = token(&place, "looks", Role::Viewer, &["check"], None).await;
    let seen = open(&looks, &first).await.body;
    assert!(seen.contains("李娜 answered this") && seen.contains(&format!("/runs/{run}")), "{seen}");
    let other = token(&place, "looks elsewhere", Role::Viewer, &["refund"], None).await;
    assert_eq!(open(&other, &first).await.status, 404);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_title_of_a_task_that_is_over_tells_nothing_that_may_have_been_private_when_it_was_opened() {
    let private = CHECK.replace("nr = {", "pay = { label = \"薪\", private = true }\nnr = {");
    let private = private.replace("看看 {{ input.nr }}", "看看 {{ input.pay }}");
    let place = place(&[("check", &private)]).await;
    let run = place.start("check", json!({ "nr": "05", "pay": "x7" })).await;
    let li_na = session(&place, "li.na", place.now()).await;
    let first = task(&place, &run, "").await;
    let said = [("f.cause", "阀门"), ("f.fine", "yes")];
    assert_eq!(send(&li_na, &format!("{first}/answer"), &said).await.status, 303);
    assert!(open(&li_na, &first).await.body.contains("看看 x7"), "it was written for her");
    let looks = token(&place, "looks", Role::Viewer, &["check"], None).await;
    let seen = open(&looks, &first).await;
    assert!(seen.status == 200 && !seen.body.contains("看看"), "{}", seen.body);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_answered_is_on_their_list_and_what_others_did_is_not() {
    let place = place(&[("check", CHECK)]).await;
    let run = place.start("check", json!({ "nr": "05" })).await;
    let now = place.now();
    let (li_na, wang_wei) = (session(&place, "li.na", now).await, session(&place, "wang.wei", now).await);
    let first = task(&place, &run, "").await;
    let said = [("f.cause", "阀门"), ("f.fine", "no")];
    assert_eq!(send(&li_na, &format!("{first}/answer"), &said).await.status, 303);
    let second = task(&place, &run, &first).await;
    assert_eq!(send(&wang_wei, &format!("{second}/answer"), &said).await.status, 303);
    let list = open(&li_na, "/tasks?only=answered").await.body;
    for part in ["Answered by me", &format!("href=\"{first}\">看看 05</a>"), "核对 · 05", "today 10:00"]
    {
        assert!(list.contains(part), "{part}: {list}");
    }
    assert!(!list.contains(&second), "that was somebody else: {list}");
    assert!(open(&li_na, "/tasks?only=answered&text=06").await.body.contains("Nothing was found"));
    assert_eq!(open(&li_na, "/tasks?only=answered&after=soon").await.status, 400);
    place.stop().await;
}
