//! What people do with tasks beside answering them: hand over, delegate, comment, answer for an outsider; and what is
//! refused of it.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use yizhan_workflow::run::World;

use super::client::Reply;
use super::place::{Place, place};

const VISIT: &str = r#"
title = "上门"
owner = "group:热线"
[step.visit]
ask = "group:热线"
due = "24h"
form.result = { label = "结果", type = "text" }
"#;

const LATE: &str = r#"
title = "限时"
[step.visit]
ask = "group:热线"
due = "1h"
on.late = { go = "done:late" }
"#;

const OUTSIDE: &str = r#"
title = "外部意见"
owner = "role:班长"
[step.say]
ask = "mail:zhou@example.com"
due = "24h"
form.words = { label = "意见", type = "text" }
"#;

/// The open task of a run.
struct Task<'p> {
    place: &'p Place,
    id: String,
}

impl<'p> Task<'p> {
    async fn of(place: &'p Place, workflow: &str) -> (String, Self) {
        let run = place.start(workflow, json!({})).await;
        let end = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
        loop {
            let list = place.socket.get(&format!("/api/v1/tasks?run={run}")).await.json();
            if let Some(id) = list["items"][0]["id"].as_str() {
                return (run, Self { place, id: id.to_owned() });
            }
            assert!(tokio::time::Instant::now() < end);
            tokio::task::yield_now().await;
        }
    }

    async fn act(&self, verb: &str, body: Json) -> Reply {
        self.place.socket.post(&format!("/api/v1/tasks/{}/{verb}", self.id), &body).await
    }

    /// The status of a doing, with the code where it was refused.
    async fn said(&self, verb: &str, body: Json) -> (u16, String) {
        let answer = self.act(verb, body).await;
        (answer.status, if answer.status < 300 { String::new() } else { answer.code() })
    }

    async fn view(&self) -> Json {
        self.place.socket.get(&format!("/api/v1/tasks/{}", self.id)).await.json()
    }
}

fn done() -> (u16, String) {
    (200, String::new())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_is_handed_over_with_a_note_to_somebody_who_is_there() {
    let place = place(&[("visit", VISIT)]).await;
    let (run, task) = Task::of(&place, "visit").await;
    let to = |by: &str, to: Json| json!({ "by": by, "to": to, "note": "不归我们管" });
    assert_eq!(
        task.said("hand-over", to("wang.wei", json!("person:wang.wei"))).await,
        (403, "YZ0414".into())
    );
    let refused = task.act("hand-over", to("li.na", json!("person:nobody"))).await;
    assert!((400..500).contains(&refused.status), "{}", refused.body);
    assert!(refused.body.contains("person:nobody"), "it is said who is unknown: {}", refused.body);
    assert_eq!(task.said("hand-over", to("zhao", json!("role:班长"))).await, (404, "YZ0404".into()));
    assert_eq!(task.view().await["who"], json!(["group:热线"]), "what was refused changed nothing");

    assert_eq!(task.said("claim", json!({ "by": "li.na" })).await, done());
    assert_eq!(task.said("hand-over", to("li.na", json!(["role:班长"]))).await, done());
    let view = task.view().await;
    assert_eq!((&view["who"], &view["claimed_by"]), (&json!(["role:班长"]), &json!(null)));
    let answer = |by: &str| json!({ "by": by, "fields": { "result": "好" } });
    assert_eq!(task.said("answer", answer("li.na")).await, (403, "YZ0414".into()), "it is not hers any more");
    assert_eq!(task.said("answer", answer("wang.wei")).await, done());
    let journal = place.socket.get(&format!("/api/v1/runs/{run}/journal")).await;
    assert!(journal.body.contains("不归我们管"), "the note is in the journal: {}", journal.body);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delegated_task_stays_with_whoever_gave_it() {
    let place = place(&[("visit", VISIT)]).await;
    let (run, task) = Task::of(&place, "visit").await;
    let body = json!({ "by": "li.na", "to": "person:wang.wei", "delegate": true });
    assert_eq!(task.said("hand-over", body).await, done());
    let view = task.view().await;
    assert_eq!(view["who"], json!(["person:wang.wei", "person:li.na"]));
    assert_eq!(view["delegated_by"], "person:li.na");
    let list = place.socket.get("/api/v1/tasks?who=li.na").await.json();
    assert_eq!(list["items"][0]["id"], task.id.as_str(), "whoever gave it still sees it");
    assert_eq!(task.said("answer", json!({ "by": "wang.wei", "fields": { "result": "好" } })).await, done());
    let over = place.run_until(&run, |run| run["state"] == "done").await;
    assert_eq!(over["steps"][0]["items"][0]["by"], "person:wang.wei");
    let journal = place.socket.get(&format!("/api/v1/runs/{run}/journal")).await;
    assert!(journal.body.contains("li.na"), "{}", journal.body);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_word_on_a_task_is_shown_with_it() {
    let place = place(&[("visit", VISIT)]).await;
    let (_, task) = Task::of(&place, "visit").await;
    assert_eq!(task.said("comment", json!({ "by": "li.na", "text": " 客户下午不在家 " })).await, done());
    // Whoever lost the answer sends it again.
    assert_eq!(task.said("comment", json!({ "by": "li.na", "text": "客户下午不在家" })).await, done());
    assert_eq!(task.said("comment", json!({ "by": "wang.wei", "text": "x" })).await, (403, "YZ0414".into()));
    for (text, why) in [("  ".to_owned(), "nothing is said"), ("长".repeat(100_000), "too much is said")] {
        let (status, code) = task.said("comment", json!({ "by": "li.na", "text": text })).await;
        assert!((400..500).contains(&status), "{why}: {status} {code}");
    }
    let said = task.view().await["comments"].clone();
    assert_eq!(said.as_array().map(Vec::len), Some(1));
    assert_eq!((&said[0]["by"], &said[0]["text"]), (&json!("person:li.na"), &json!("客户下午不在家")));
    place.stop().await;
}

/// A paper that is kept.
async fn fax(place: &Place) -> Json {
    let kept = place.socket.send("POST", "/api/v1/artifacts?name=fax.pdf", &[], b"agreed".to_vec()).await;
    json!([{ "artifact": kept.json()["artifact"], "name": "fax.pdf" }])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_paper_of_an_outsider_is_entered_by_the_house_and_never_by_a_bare_word() {
    let place = place(&[("outside", OUTSIDE)]).await;
    let (run, task) = Task::of(&place, "outside").await;
    let fields = json!({ "words": "同意" });
    let paper = fax(&place).await;
    let own = json!({ "by": "mail:zhou@example.com", "fields": fields });
    assert_eq!(
        task.said("answer", own).await,
        (404, "YZ0404".into()),
        "a caller cannot say to be an outsider"
    );
    let enters = |by: &str, whom: &str, paper: &Json| json!({ "by": by, "on_behalf_of": whom, "paper": paper, "fields": fields });
    let zhou = "mail:zhou@example.com";
    assert_eq!(task.said("answer", enters("wang.wei", zhou, &json!([]))).await, (400, "YZ0400".into()));
    assert_eq!(task.said("answer", enters("wang.wei", zhou, &json!(["fax"]))).await, (400, "YZ0400".into()));
    assert_eq!(task.said("answer", enters("li.na", zhou, &paper)).await, (403, "YZ0414".into()));
    let other = enters("wang.wei", "mail:wu@example.com", &paper);
    assert_eq!(task.said("answer", other).await, (403, "YZ0414".into()), "nobody asked them");
    assert_eq!(task.said("answer", enters("wang.wei", zhou, &paper)).await, done());
    place.run_until(&run, |run| run["state"] == "done").await;
    let journal = place.socket.get(&format!("/api/v1/runs/{run}/journal")).await;
    assert!(journal.body.contains(zhou) && journal.body.contains("wang.wei"), "{}", journal.body);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_twice_late_or_for_a_cancelled_run_is_dealt_with() {
    let place = place(&[("visit", VISIT), ("late", LATE)]).await;
    let every = [
        ("claim", json!({ "by": "li.na" })),
        ("release", json!({ "by": "li.na" })),
        ("hand-over", json!({ "by": "li.na", "to": "role:班长" })),
        ("comment", json!({ "by": "li.na", "text": "x" })),
        ("answer", json!({ "by": "li.na", "fields": { "result": "好" } })),
    ];
    let (_, answered) = Task::of(&place, "visit").await;
    assert_eq!(answered.said("answer", every[4].1.clone()).await, done());
    let (run, cancelled) = Task::of(&place, "visit").await;
    let cancel = json!({ "reason": "客户撤回" });
    assert_eq!(place.socket.post(&format!("/api/v1/runs/{run}/cancel"), &cancel).await.status, 200);
    let (run, late) = Task::of(&place, "late").await;
    place.pass(3_600_000).await;
    place.run_until(&run, |run| run["state"] == "done").await;
    for (task, why) in [(&answered, "answered"), (&cancelled, "cancelled"), (&late, "late")] {
        for (verb, body) in &every {
            assert_eq!(task.said(verb, body.clone()).await, (409, "YZ0410".into()), "{verb} {why}");
        }
    }
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_handed_over_once_more_because_nobody_answered_is_told_as_done() {
    let place = place(&[("visit", LATE)]).await;
    let (run, task) = Task::of(&place, "visit").await;
    let over = |to: &str| json!({ "by": "li.na", "to": to });
    assert_eq!(task.said("hand-over", over("person:wang.wei")).await, done());
    assert_eq!(task.said("hand-over", over("person:wang.wei")).await, done());
    let journal = place.socket.get(&format!("/api/v1/runs/{run}/journal")).await.json();
    let events = journal["items"].as_array().unwrap().iter();
    assert_eq!(events.filter(|line| line.to_string().contains("handed_over")).count(), 1, "{journal:#}");
    assert_eq!(task.said("hand-over", over("role:班长")).await.0, 403, "to others it is not hers to give");
    assert_eq!(task.said("hand-over", json!({ "by": "wang.wei", "to": "group:热线" })).await, done());
    assert_eq!(task.said("hand-over", over("role:班长")).await, done(), "it is hers again");
    assert_eq!(task.said("hand-over", over("person:wang.wei")).await.0, 403, "that was long ago");
    place.stop().await;
}

const TURN: &str = r#"
title = "轮流"
[step.visit]
ask = { in_turn = ["group:热线", "role:班长"] }
due = "24h"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_in_turn_has_the_task_and_the_journal_says_so() {
    let place = place(&[("turn", TURN)]).await;
    for who in ["person:li.na", "person:wang.wei", "person:li.na"] {
        let (run, task) = Task::of(&place, "turn").await;
        let end = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
        while task.view().await["who"] != json!([who]) {
            assert!(tokio::time::Instant::now() < end, "{}", task.view().await);
            tokio::task::yield_now().await;
        }
        let journal = place.socket.get(&format!("/api/v1/runs/{run}/journal?lang=en")).await;
        assert!(journal.body.contains(&format!("goes to {who}")), "{}", journal.body);
    }
    place.stop().await;
}

const ALL: &str = r#"
title = "全部办法"
owner = "role:班长"
[step.visit]
ask = "group:热线"
due = "24h"
form.result = { label = "结果", type = "text" }
[step.visit.extend]
form.until = { type = "datetime" }
[step.say]
ask = "mail:zhou@example.com"
due = "24h"
form.words = { label = "意见", type = "text" }
[step.work]
use = "play.say"
[step.look]
check = "false"
on.no = { back_to = "work", most = 1 }
"#;

/// Who did what, for whom, when and through what, as the journal has it.
async fn acts_in(place: &Place, run: &str) -> Vec<String> {
    let journal = place.socket.get(&format!("/api/v1/runs/{run}/journal?limit=100")).await.json();
    let lines = journal["items"].as_array().unwrap().iter().filter(|line| line["with"]["via"].is_string());
    lines
        .map(|line| {
            let with = &line["with"];
            let acted = line["did"].as_array().unwrap().iter().find(|fact| fact["fact"] == "acted");
            let whom = acted.and_then(|fact| fact["acts"]["for"].as_str()).or(with["whom"].as_str());
            let whom = whom.map_or_else(String::new, |whom| format!(" for {whom}"));
            let word = |key: &str| with[key].as_str().unwrap().to_owned();
            let at = line["at"].as_str().unwrap();
            format!(
                "{} {}{whom} {} {}",
                &at[11..16],
                word("by"),
                line["event"].as_str().unwrap(),
                word("via")
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::too_many_lines, reason = "one story of all acts")]
async fn the_journal_has_who_did_what_for_whom_when_and_through_what() {
    let place = place(&[("all", ALL)]).await;
    place.engine.set_world(|world| {
        let mut people = (*world.people).clone();
        people.people.get_mut("li.na").unwrap().deputies = vec!["wang.wei".into()];
        World { number: world.number + 1, people: Arc::new(people), ..world.clone() }
    });
    let (run, visit) = Task::of(&place, "all").await;
    let did = async |task: &Task<'_>, verb: &str, via: &str, body: Json| {
        let mut all = json!({ "by": "li.na", "via": via });
        all.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        let answer = task.act(verb, all).await;
        assert_eq!(answer.status, 200, "{verb}: {}", answer.body);
        place.pass(60_000).await;
    };
    let nothing = || json!({});
    did(&visit, "claim", "cli", nothing()).await;
    did(&visit, "release", "page", nothing()).await;
    did(&visit, "comment", "chat", json!({ "text": "在路上" })).await;
    did(&visit, "pause", "cli", json!({ "by": "wang.wei", "reason": "等材料" })).await;
    did(&visit, "resume", "cli", json!({ "by": "wang.wei" })).await;
    did(&visit, "due", "page", json!({ "by": "wang.wei", "to": "2026-11-24 18:00", "reason": "停电" })).await;
    did(&visit, "extend", "page", json!({ "fields": { "until": "2026-11-25T18:00" } })).await;
    did(&visit, "hand-over", "cli", json!({ "to": "role:班长", "note": "请班长办" })).await;
    let back = json!({ "by": "wang.wei", "to": "person:li.na", "delegate": true });
    did(&visit, "hand-over", "page", back).await;
    let answer = json!({ "by": "wang.wei", "fields": { "result": "好" } });
    did(&visit, "hand-over", "page", json!({ "by": "li.na", "to": "group:热线" })).await;
    did(&visit, "answer", "page", answer).await;
    let task = async || {
        let end = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
        loop {
            let list = place.socket.get(&format!("/api/v1/tasks?run={run}")).await.json();
            let id = list["items"][0]["id"].as_str().filter(|id| *id != visit.id).map(str::to_owned);
            if let Some(id) = id {
                break Task { place: &place, id };
            }
            assert!(tokio::time::Instant::now() < end, "{list}");
            tokio::task::yield_now().await;
        }
    };
    let say = task().await;
    let paper = fax(&place).await;
    let entered = json!({ "by": "wang.wei", "on_behalf_of": "mail:zhou@example.com", "paper": paper, "fields": { "words": "同意" } });
    did(&say, "answer", "page", entered).await;
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    let look = loop {
        let next = task().await;
        if next.id != say.id {
            break next;
        }
        assert!(tokio::time::Instant::now() < end);
    };
    did(&look, "settle", "cli", json!({ "by": "wang.wei", "verdict": "leave" })).await;
    place.run_until(&run, |run| run["state"] == "done").await;
    assert_eq!(
        acts_in(&place, &run).await,
        [
            "02:00 person:li.na claimed cli",
            "02:01 person:li.na released page",
            "02:02 person:li.na commented chat",
            "02:03 person:wang.wei paused cli",
            "02:04 person:wang.wei resumed cli",
            "02:05 person:wang.wei due_moved page",
            "02:06 person:li.na more_time_asked page",
            "02:07 person:li.na handed_over cli",
            "02:08 person:wang.wei handed_over page",
            "02:09 person:li.na for person:wang.wei handed_over page",
            "02:10 person:wang.wei for person:li.na answered page",
            "02:11 person:wang.wei for mail:zhou@example.com answered_for page",
            "02:12 person:wang.wei settled cli",
        ]
    );
    place.stop().await;
}
