//! Time as it is seen and moved from outside: what is late in lists, clocks stopped and moved.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use yizhan_workflow::people::People;
use yizhan_workflow::people::rights::{Grant, Role};
use yizhan_workflow::run::World;

use super::client::{FORM, OUR_PAGE};
use super::place::{Place, place};
use super::rights::{session, token};

const HOUR: i64 = 3_600_000;

const WHOLE: &str = r#"
title = "全程"
due   = "4h"
[input]
within = { type = "text" }
[step.visit]
ask = "group:热线"
due = "{{ input.within }}"
"#;

async fn listed(place: &Place, path: &str) -> Vec<Json> {
    place.socket.get(path).await.json()["items"].as_array().unwrap().clone()
}

fn ids(items: &[Json], key: &str) -> Vec<String> {
    items.iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_say_what_is_late_and_show_it_first() {
    let place = place(&[("whole", WHOLE)]).await;
    let slow = place.start("whole", json!({ "within": "3h" })).await;
    let quick = place.start("whole", json!({ "within": "1h" })).await;
    for run in [&slow, &quick] {
        place.run_until(run, |run| run["waits"] == "task").await;
    }
    let tasks = listed(&place, "/api/v1/tasks").await;
    assert_eq!(ids(&tasks, "run"), [quick.clone(), slow.clone()], "what is due first stands first");
    assert_eq!(listed(&place, "/api/v1/tasks?late=true").await, Vec::<Json>::new());
    assert_eq!(listed(&place, "/api/v1/runs?late=true").await, Vec::<Json>::new());
    let runs = listed(&place, "/api/v1/runs").await;
    assert_eq!((&runs[0]["due"], &runs[0]["late"]), (&json!("2026-11-22T06:00:00Z"), &json!(false)));

    place.pass(2 * HOUR).await;
    let figures = place.stranger.get("/metrics").await.body;
    assert!(
        figures.contains("\nyizhan_tasks_open 2\n") && figures.contains("\nyizhan_tasks_late 1\n"),
        "{figures}"
    );
    let late = listed(&place, "/api/v1/tasks?late=true").await;
    assert_eq!((ids(&late, "run"), &late[0]["late"]), (vec![quick.clone()], &json!(true)));
    let cases = listed(&place, "/api/v1/runs?late=true").await;
    assert_eq!((ids(&cases, "id"), &cases[0]["late"]), (vec![quick.clone()], &json!(true)), "of its task");
    let all = listed(&place, "/api/v1/runs").await;
    let of_them: Vec<String> =
        ids(&all.into_iter().filter(|run| run["late"] == true).collect::<Vec<_>>(), "id");
    assert_eq!(of_them, std::slice::from_ref(&quick), "the other still has time");

    place.pass(2 * HOUR).await;
    let answered = late[0]["id"].as_str().unwrap();
    let answer = json!({ "by": "li.na", "fields": {} });
    assert_eq!(place.socket.post(&format!("/api/v1/tasks/{answered}/answer"), &answer).await.status, 200);
    place.run_until(&quick, |run| run["state"] == "done").await;
    let late = listed(&place, "/api/v1/runs?late=true").await;
    assert_eq!(ids(&late, "id"), [quick.clone(), slow.clone()], "what ended late was late");
    assert_eq!(
        ids(&listed(&place, "/api/v1/runs?late=true&open=true").await, "id"),
        std::slice::from_ref(&slow)
    );
    let shown = place.socket.get(&format!("/api/v1/runs/{slow}")).await.json();
    assert_eq!((&shown["due"], &shown["late"]), (&json!("2026-11-22T06:00:00Z"), &json!(true)));
    place.stop().await;
}

const AWAITED: &str = r#"
title = "收款"
owner = "role:班长"
due   = "8h"
[step.paid]
await = "invoice.paid"
key   = "A1"
due   = "4h"
[step.visit]
needs = []
each  = "{{ [1, 2] }}"
due   = "2h"
[step.visit.step.look]
ask = "group:热线"
[step.over]
needs = ["paid", "visit"]
check = "true"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clock_of_a_wait_a_step_and_a_run_is_stopped_and_moved_by_its_owner_with_a_reason() {
    let place = place(&[("awaited", AWAITED)]).await;
    let run = place.start("awaited", json!({})).await;
    place.run_until(&run, |run| run["waits"] == "task").await;
    let said = async |verb: &str, body: Json| {
        let answer = place.socket.post(&format!("/api/v1/runs/{run}/{verb}"), &body).await;
        (answer.status, if answer.status < 300 { String::new() } else { answer.code() })
    };
    let done = || (200, String::new());
    let pause = |step: Json, by: &str| json!({ "step": step, "by": by, "reason": "停电" });
    assert_eq!(said("pause", pause(json!("paid"), "li.na")).await, (403, "YZ0414".into()), "not the owner");
    assert_eq!(said("pause", json!({ "step": "paid", "by": "wang.wei" })).await.0, 409, "without a reason");
    assert_eq!(said("pause", pause(json!("nowhere"), "wang.wei")).await, (409, "YZ0415".into()));
    assert_eq!(said("pause", pause(json!("visit"), "wang.wei")).await.0, 409, "which of the two?");
    for step in [json!("paid"), json!("visit[1]"), Json::Null] {
        assert_eq!(said("pause", pause(step, "wang.wei")).await, done());
    }
    let listed = listed(&place, "/api/v1/runs").await;
    assert_eq!((&listed[0]["due"], &listed[0]["late"]), (&json!("2026-11-22T10:00:00Z"), &json!(false)));
    place.pass(9 * HOUR).await;
    assert_eq!(self::listed(&place, "/api/v1/runs?late=true").await, Vec::<Json>::new(), "its clock stands");
    let why = place.socket.get(&format!("/api/v1/runs/{run}/why?lang=zh")).await.body;
    assert_eq!(why.matches("王伟 暂停:停电").count(), 3, "{why}");

    let resume = json!({ "by": "wang.wei" });
    assert_eq!(said("resume", resume.clone()).await, done());
    assert_eq!(said("resume", json!({ "by": "wang.wei", "step": "paid" })).await, done());
    let shown = place.socket.get(&format!("/api/v1/runs/{run}")).await.json();
    assert_eq!(shown["due"], "2026-11-22T19:00:00Z", "eight hours and the nine that it stood");
    assert_eq!(shown["clock"]["ledger"][0]["reason"], "停电");
    let paid = &shown["steps"][0]["items"][0];
    assert_eq!(paid["due"], "2026-11-22T15:00:00Z", "four hours and the nine that it stood");
    assert_eq!((&paid["clock"]["left_s"], &paid["clock"]["used_s"]), (&json!(14_400), &json!(0)));

    let to = |step: Json| json!({ "by": "wang.wei", "step": step, "to": "2026-12-01", "reason": "客户同意" });
    assert_eq!(said("due", to(json!("paid"))).await, done());
    assert_eq!(said("due", to(Json::Null)).await, done());
    let shown = place.socket.get(&format!("/api/v1/runs/{run}")).await.json();
    // A day is due at its end, in Shanghai.
    assert_eq!(shown["due"], "2026-12-01T16:00:00Z");
    let paid = &shown["steps"][0]["items"][0];
    assert_eq!(paid["due"], "2026-12-01T16:00:00Z");
    // The ledger has both: that it stood, and then that somebody gave it another due time.
    let ledger = paid["clock"]["ledger"].as_array().unwrap();
    let (stood, moved) = (&ledger[0], &ledger[1]);
    assert_eq!((ledger.len(), &stood["reason"], &moved["reason"]), (2, &json!("停电"), &json!("客户同意")));
    assert_eq!((&moved["from"], &moved["by"]), (&moved["to"], &json!("person:wang.wei")));
    assert_eq!(
        (&moved["was"], &moved["due"]),
        (&json!("2026-11-22T15:00:00Z"), &json!("2026-12-01T16:00:00Z"))
    );
    assert_eq!(
        said("extend", json!({ "by": "wang.wei", "step": "paid" })).await.0,
        409,
        "nothing extends it"
    );
    let journal = place.socket.get(&format!("/api/v1/runs/{run}/journal?lang=zh")).await.body;
    assert!(journal.contains("停电") && journal.contains("客户同意"), "{journal}");
    place.stop().await;
}

/// `[right.…]` names whom the owner need not be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_of_the_workflow_stops_and_moves_its_clocks_and_nobody_elses_operator_does() {
    let place = place(&[("awaited", AWAITED)]).await;
    let run = place.start("awaited", json!({})).await;
    place.run_until(&run, |run| run["waits"] == "task").await;
    let moved = async |to: &str| {
        let body = json!({ "by": "li.na", "step": "paid", "to": to, "reason": "客户同意" });
        place.socket.post(&format!("/api/v1/runs/{run}/due"), &body).await.status
    };
    for (may, on, status) in
        [(Role::Operator, "another", 403), (Role::Worker, "awaited", 403), (Role::Operator, "awaited", 200)]
    {
        place.engine.set_world(|world| {
            let grant = Grant { who: vec!["group:热线".to_owned()], may, on: vec![on.to_owned()] };
            let rights = [("hotline".to_owned(), grant)].into();
            World { people: Arc::new(People { rights, ..(*world.people).clone() }), ..world.clone() }
        });
        assert_eq!(moved("2026-12-01").await, status, "{may} of {on}");
    }
    let stop = json!({ "by": "li.na", "step": "paid", "reason": "停电" });
    assert_eq!(place.socket.post(&format!("/api/v1/runs/{run}/pause"), &stop).await.status, 200);
    place.stop().await;
}

const FAR: &str = r#"
title = "年检"
calendar = "china"
[step.known]
ask = "group:热线"
due = "5 workdays"
[step.unknown]
needs = []
ask = "group:热线"
due = "300 workdays"
[step.days]
needs = []
ask = "group:热线"
due = "3 years"
[step.over]
needs = ["known", "unknown", "days"]
check = "true"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_due_time_in_a_year_whose_holidays_are_not_known_is_said_to_be_a_guess() {
    let place = place(&[("far", FAR)]).await;
    let run = place.start("far", json!({})).await;
    let shown = place.run_until(&run, |run| run["waits"] == "task").await;
    let guess = |step: usize| shown["steps"][step]["items"][0]["clock"]["guess"].clone();
    // It is November 2026, and China has announced no further.
    assert_eq!((guess(0), guess(2)), (Json::Null, Json::Null), "these count no working day of 2027");
    assert_eq!(guess(1), json!({ "calendar": "china", "year": 2027 }));
    let tasks = listed(&place, &format!("/api/v1/tasks?run={run}")).await;
    let task = tasks.iter().find(|task| task["step"] == "unknown").unwrap()["id"].as_str().unwrap();
    let view = place.socket.get(&format!("/api/v1/tasks/{task}")).await.json();
    assert_eq!(view["clock"]["guess"]["year"], 2027);
    let page = session(&place, "li.na", 0).await.get(&format!("/tasks/{task}")).await.body;
    assert!(page.contains("(估计的:不知道 china 2027 的节假日)"), "{page}");
    let why = place.socket.get(&format!("/api/v1/runs/{run}/why?lang=zh")).await.body;
    assert_eq!(why.matches("日历“china”没有 2027 年的节假日").count(), 1, "{why}");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_walked_through_shows_its_working_days_by_the_calendar_and_what_is_a_guess() {
    let place = place(&[("far", &FAR.replace("5 workdays", "3 workdays"))]).await;
    let trial = json!({ "at": "2026-09-30 16:55" });
    let walked = place.socket.post("/api/v1/workflows/far/trial", &trial).await.json();
    let dates = walked["dates"].as_array().unwrap();
    let due = |step: &str| dates.iter().find(|one| one["step"] == step && one["what"] == "due").unwrap();
    // Behind the holidays of the National Day the Saturday is worked: the 8th, the 9th, the 10th.
    let known = due("known");
    assert_eq!((&known["local"], &known["workdays"]), (&json!("2026-10-10 18:00"), &json!(3)), "{walked:#}");
    assert_eq!((&known["weekday"], &known["off"]), (&json!(6), &json!(false)), "{walked:#}");
    assert_eq!((known.get("guess"), &due("unknown")["guess"]), (None, &json!(true)), "{walked:#}");
    assert_eq!(known["at"], "2026-10-10T10:00:00Z", "as all instants of the API: {walked:#}");

    let viewer = token(&place, "looks", Role::Viewer, &["far"], None).await;
    let zh = [FORM, OUR_PAGE, ("accept-language", "zh")];
    let page = viewer.send("POST", "/workflows/far/trial", &zh, b"at=2026-09-30T16%3A55".to_vec()).await.body;
    let row = |step: &str| {
        let of = format!(">{step}</code>");
        let row = page.split("<tr>").find(|row| row.contains(&of) && row.contains(">期限<"));
        row.unwrap_or_else(|| panic!("no due time of {step}: {page}")).to_owned()
    };
    let known = row("known");
    assert!(known.contains("2026-10-10 18:00 周六") && known.contains(">3</td>"), "{known}");
    assert!(row("unknown").contains("(日历没有这一年,是估计的)") && !known.contains("估计"), "{page}");
    place.stop().await;
}
