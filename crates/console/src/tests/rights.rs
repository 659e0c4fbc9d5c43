//! Every route by every way in.

use std::sync::Arc;

use axum::http::Method;
use serde_json::json;
use yizhan_access::NewToken;
use yizhan_workflow::id::Millis;
use yizhan_workflow::people::rights::Role;

use super::client::{Client, Reply, To};
use super::place::{Place, place};
use crate::caller::COOKIE;
use crate::desk::Desk;
use crate::rights::Entry;
use crate::routes::routes;
use crate::{App, HttpSettings};

/// What becomes of a request before its handler is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    Unknown,
    NoRight,
    Open,
}

fn door(reply: &Reply) -> Door {
    // A page turns people away in words; a stranger is led to the door.
    let led_away = reply.header("location").is_some_and(|to| to.starts_with("/sign-in?to="));
    if led_away || reply.body.starts_with("<!DOCTYPE html>") {
        return match reply.status {
            303 | 401 => Door::Unknown,
            403 => Door::NoRight,
            _ => Door::Open,
        };
    }
    if reply.header("content-type") != Some("application/problem+json") {
        return Door::Open;
    }
    match reply.code().as_str() {
        "YZ0401" => Door::Unknown,
        "YZ0430" => Door::NoRight,
        _ => Door::Open,
    }
}

pub(super) fn table_of(place: &Place) -> Vec<Entry> {
    let (_, closes) = tokio::sync::watch::channel(false);
    let house = Arc::new(super::watching::Nothing);
    let (settings, access) = (HttpSettings::default(), place.access.clone());
    let app = App { engine: place.engine.clone(), house, settings, access };
    routes(&Arc::new(Desk::new(app, closes))).into_parts().1
}

pub(super) async fn token(place: &Place, name: &str, may: Role, on: &[&str], person: Option<&str>) -> Client {
    let now = Millis(place.now());
    let on = on.iter().map(|name| (*name).to_owned()).collect();
    let new =
        NewToken { name: name.into(), person: person.map(str::to_owned), may, on, expires: now.plus(60_000) };
    let word = place.access.make_token(new, "socket", now).await.unwrap().unwrap();
    Client::new(To::Tcp(place.address), Some(word.reveal()))
}

/// The rank of a need among the roles: a caller of this rank or a higher one comes in.
fn rank(needs: &str) -> usize {
    // Whoever is known, but for tokens that only look: the matrix says that of those.
    let needs = if needs == "bringer" { "known" } else { needs };
    let ranks =
        ["anyone", "near", "known", "viewer", "worker", "operator", "house operator", "author", "admin"];
    ranks
        .iter()
        .position(|one| *one == needs)
        .unwrap_or_else(|| panic!("`{needs}` has no place in the matrix"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_route_lets_in_those_whom_it_needs_and_nobody_else() {
    let place = place(&[]).await;
    let expired = token(&place, "expired", Role::Admin, &[], None).await;
    place.pass(60_000).await;
    let mut callers = vec![
        ("stranger", place.stranger.clone(), "near"),
        ("wrong token", place.wrong.clone(), "near"),
        ("expired token", expired, "near"),
        ("expired session", session(&place, "li.na", -13 * 3_600_000).await, "near"),
        ("person without rights", session(&place, "li.na", 0).await, "known"),
        ("config token", place.token.clone(), "admin"),
        ("socket", place.socket.clone(), "admin"),
    ];
    for role in Role::ALL {
        // A role everywhere; and the same on one workflow, which opens nothing that belongs to none.
        let wide = token(&place, role.as_str(), role, &[], None).await;
        let name = if role == Role::Operator { "house operator" } else { role.as_str() };
        callers.push((role.as_str(), wide, name));
    }
    let narrow = token(&place, "narrow", Role::Admin, &["x"], None).await;
    callers.push(("admin of one workflow", narrow, "operator"));
    let table = table_of(&place);
    for entry in &table {
        // Whatever it names, there is none of that name.
        let parts = entry.path.split('/').map(|part| if part.starts_with('{') { "x" } else { part });
        let path = parts.collect::<Vec<_>>().join("/");
        // A stream would go on for ever.
        let ends = if path == "/api/v1/events" && entry.method == Method::GET { "?seconds=0" } else { "" };
        let path = path + ends;
        for (who, client, upto) in &callers {
            let reply = client.send(entry.method.as_str(), &path, &FROM_OUR_PAGE, vec![]).await;
            let known = rank(upto) >= rank("known");
            let looks = entry.needs == "bringer" && *who == "viewer";
            let wanted = match (rank(upto) >= rank(entry.needs) && !looks, known) {
                (true, _) => Door::Open,
                (false, true) => Door::NoRight,
                (false, false) => Door::Unknown,
            };
            // Behind an open door the handler may still say that this workflow, or all tasks, are not theirs.
            let narrow = rank(entry.needs) <= rank("known") || entry.path.contains("{name}");
            let got = door(&reply);
            let few = *upto == "known" || *who == "admin of one workflow";
            let fits = got == wanted || (wanted == Door::Open && got == Door::NoRight && narrow && few);
            assert!(fits, "{who}: {} {path} needs {}: {got:?} {reply:?}", entry.method, entry.needs);
        }
    }
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_each_route_needs_is_a_list_that_is_changed_on_purpose() {
    let place = place(&[]).await;
    let table = table_of(&place);
    let of = |needs: &str| {
        let mut paths: Vec<_> =
            table.iter().filter(|entry| entry.needs == needs).map(|entry| entry.path).collect();
        paths.sort_unstable();
        paths.dedup();
        paths
    };
    let open = [
        "/api/v1/health",
        "/api/v1/openapi.json",
        "/assets/{name}",
        "/health/live",
        "/health/ready",
        "/hooks/{workflow}/{trigger}",
        "/invitation/{word}",
        "/m/{token}",
        "/sign-in",
    ];
    assert_eq!(of("anyone"), open);
    assert_eq!(of("near"), ["/metrics"]);
    assert!(of("admin").iter().all(|path| {
        ["accounts", "sessions", "tokens", "audit", "/log"].iter().any(|one| path.contains(one))
    }));
    assert_eq!(of("author"), ["/api/v1/reload", "/api/v1/texts/{hash}"]);
    let of_a_run = ["cancel", "due", "extend", "migrate", "pause", "resume", "retry"];
    let on_pages = ["cancel", "due", "pause", "resume", "retry"].map(|act| format!("/runs/{{id}}/{act}"));
    let of_a_run = of_a_run.map(|act| format!("/api/v1/runs/{{id}}/{act}"));
    let of_a_trigger = ["pause", "resume"];
    let of_a_trigger = of_a_trigger.map(|act| format!("/api/v1/triggers/{{workflow}}/{{trigger}}/{act}"));
    let on_its_page =
        ["pause", "resume"].map(|act| format!("/workflows/{{workflow}}/triggers/{{trigger}}/{act}"));
    assert_eq!(of("operator"), [&of_a_run[..], &of_a_trigger, &on_pages, &on_its_page].concat());
    // What is theirs the handler looks for: their tasks, the forms that name them, what they began.
    assert!(of("known").iter().all(|path| path.contains("/tasks")
        || path.starts_with("/new")
        || ["/runs", "/runs/{id}", "/runs/{id}/attempts"].contains(path)
        || *path == "/api/v1/events"
        || path.starts_with("/api/v1/registers/")
        || path.ends_with("/{name}/runs")
        || path.ends_with("/{name}/draft")
        || path.ends_with("/{name}/same")
        || *path == "/api/v1/answers"
        || ["/", "/sign-out"].contains(path)));
    assert_eq!(of("bringer"), ["/api/v1/artifacts"]);
    assert!(table.iter().all(|entry| [Method::GET, Method::POST, Method::PUT].contains(&entry.method)));
    place.stop().await;
}

/// Somebody signed in, so long ago.
pub(super) async fn session(place: &Place, person: &str, since: i64) -> Client {
    let now = Millis(place.now()).plus(since);
    let word = place.access.begin(person, "192.0.2.1", "Firefox", now).await.unwrap();
    Client::new(To::Tcp(place.address), None).with("cookie", &format!("a=b; {COOKIE}={}", word.reveal()))
}

pub(super) const FROM_OUR_PAGE: [(&str, &str); 1] = [("sec-fetch-site", "same-origin")];

pub(super) const ASKS: &str = r#"
title = "问"
[input]
nr = { label = "号" }
[step.ask]
ask = "person:li.na"
form.ok = { label = "好", type = "yesno" }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_a_role_on_one_workflow_sees_and_does_nothing_of_another() {
    let place = place(&[("fault", ASKS), ("refund", ASKS)]).await;
    let (ours, theirs) =
        (place.start("fault", json!({"nr": "1"})).await, place.start("refund", json!({"nr": "2"})).await);
    let operator = token(&place, "faults", Role::Operator, &["fault"], None).await;
    let ids = |reply: &Reply| {
        let items = reply.json()["items"].as_array().unwrap().clone();
        items
            .iter()
            .map(|item| item["id"].as_str().or(item["name"].as_str()).unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&operator.get("/api/v1/runs").await), [ours.as_str()]);
    assert_eq!(ids(&operator.get("/api/v1/runs?workflow=refund").await), Vec::<String>::new());
    assert_eq!(ids(&operator.get("/api/v1/workflows").await), ["fault"]);
    assert_eq!(operator.get("/api/v1/triggers").await.json()["items"], json!([]));
    assert_eq!(operator.get("/api/v1/workflows/refund").await.code(), "YZ0430");
    for asked in ["", "/journal", "/why", "/wait?seconds=0"] {
        assert_eq!(operator.get(&format!("/api/v1/runs/{ours}{asked}")).await.status, 200, "{asked}");
        // Whether there is such a run, they do not learn.
        assert_eq!(operator.get(&format!("/api/v1/runs/{theirs}{asked}")).await.code(), "YZ0404", "{asked}");
    }
    assert_eq!(operator.get(&format!("/api/v1/tasks?run={theirs}")).await.code(), "YZ0404");
    let tasks = operator.get("/api/v1/tasks").await.json()["items"].as_array().unwrap().clone();
    assert_eq!(tasks.iter().map(|task| &task["run"]).collect::<Vec<_>>(), [ours.as_str()]);
    for act in ["cancel", "retry", "migrate"] {
        assert_eq!(
            operator.post(&format!("/api/v1/runs/{theirs}/{act}"), &json!({})).await.code(),
            "YZ0404",
            "{act}"
        );
    }
    let refused = operator.post("/api/v1/workflows/refund/runs", &json!({"input": {"nr": "3"}})).await;
    assert_eq!(refused.code(), "YZ0430");
    assert_eq!(
        operator.post("/api/v1/workflows/fault/runs", &json!({"input": {"nr": "3"}})).await.status,
        201
    );
    let task =
        place.socket.get(&format!("/api/v1/tasks?run={theirs}")).await.json()["items"][0]["id"].clone();
    let task = task.as_str().unwrap();
    assert_eq!(operator.get(&format!("/api/v1/tasks/{task}")).await.code(), "YZ0404");
    for act in ["claim", "release", "comment", "pause", "resume", "answer"] {
        let body = json!({"text": "x", "fields": {"ok": true}});
        assert_eq!(
            operator.post(&format!("/api/v1/tasks/{task}/{act}"), &body).await.code(),
            "YZ0430",
            "{act}"
        );
    }
    let viewer = token(&place, "looks", Role::Viewer, &["fault"], None).await;
    assert_eq!(viewer.get(&format!("/api/v1/runs/{ours}")).await.status, 200);
    assert_eq!(viewer.post(&format!("/api/v1/runs/{ours}/cancel"), &json!({})).await.code(), "YZ0430");
    let open = place.socket.get(&format!("/api/v1/runs/{theirs}")).await.json();
    assert_eq!(open["state"], "open", "nothing of all this was done");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_without_rights_sees_and_answers_their_own_tasks_in_their_own_name() {
    let place = place(&[("fault", ASKS)]).await;
    let run = place.start("fault", json!({"nr": "1"})).await;
    let (li_na, wang_wei) = (session(&place, "li.na", 0).await, session(&place, "wang.wei", 0).await);
    let listed = li_na.get("/api/v1/tasks").await.json();
    let task = listed["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(wang_wei.get("/api/v1/tasks").await.json()["items"], json!([]));
    assert_eq!(wang_wei.get("/api/v1/tasks?who=person:li.na").await.code(), "YZ0430");
    assert_eq!(wang_wei.get(&format!("/api/v1/tasks/{task}")).await.code(), "YZ0404");
    assert_eq!(li_na.get(&format!("/api/v1/tasks/{task}")).await.status, 200);
    assert_eq!(li_na.get("/api/v1/runs").await.code(), "YZ0430");
    let answer = format!("/api/v1/tasks/{task}/answer");
    let send = async |client: &Client, body: serde_json::Value, headers: &[(&str, &str)]| {
        let headers = [&[("content-type", "application/json")], headers].concat();
        client.send("POST", &answer, &headers, body.to_string().into_bytes()).await
    };
    let yes = json!({"fields": {"ok": true}});
    assert_eq!(send(&wang_wei, yes.clone(), &FROM_OUR_PAGE).await.code(), "YZ0430");
    let as_another = json!({"fields": {"ok": true}, "by": "person:wang.wei"});
    assert_eq!(send(&li_na, as_another, &FROM_OUR_PAGE).await.code(), "YZ0414");
    for elsewhere in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "http://sub.localhost")],
        &[],
    ] {
        assert_eq!(send(&li_na, yes.clone(), elsewhere).await.code(), "YZ0431", "{elsewhere:?}");
    }
    assert_eq!(send(&li_na, yes, &[("origin", "http://localhost")]).await.status, 200);
    let run = place.run_until(&run, |run| run["state"] == "done").await;
    assert_eq!(run["state"], "done");
    let lines = place.socket.get("/api/v1/audit").await.json()["items"].as_array().unwrap().clone();
    let asked = lines.iter().filter(|line| line["asked"]["who"] == "person:li.na").count();
    assert_eq!(asked, 2, "the one in another's name was asked for, too: {lines:#?}");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_left_is_a_stranger_whatever_they_still_hold() {
    let place = place(&[]).await;
    let (own, gone) =
        (session(&place, "nobody", 0).await, token(&place, "t", Role::Admin, &[], Some("nobody")).await);
    for client in [own, gone] {
        assert_eq!(client.get("/api/v1/tasks").await.code(), "YZ0401");
    }
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_act_of_the_known_is_in_the_audit_with_where_it_came_from_and_what_was_answered() {
    let place = place(&[("fault", ASKS)]).await;
    let run = place.start("fault", json!({"nr": "1"})).await;
    place.token.post(&format!("/api/v1/runs/{run}/cancel"), &json!({})).await;
    place.token.post("/api/v1/runs/run_0000000000000/cancel", &json!({})).await;
    place.stranger.post(&format!("/api/v1/runs/{run}/cancel"), &json!({})).await;
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    let lines = loop {
        let lines = place.socket.get("/api/v1/audit").await.json()["items"].as_array().unwrap().clone();
        if lines.iter().filter(|line| line["answered"].is_object()).count() == 3 {
            break lines;
        }
        assert!(tokio::time::Instant::now() < end, "{lines:#?}");
        tokio::task::yield_now().await;
    };
    let of = |who: &str| lines.iter().filter(|line| line["asked"]["who"] == who).cloned().collect::<Vec<_>>();
    assert_eq!(of("stranger").len(), 0);
    assert_eq!(of("socket")[0]["asked"]["act"], "/api/v1/workflows/{name}/runs");
    let cancels = of("token:ops");
    assert_eq!(cancels[1]["asked"]["on"], format!("/api/v1/runs/{run}/cancel"));
    assert_eq!(cancels[1]["asked"]["from"], "127.0.0.1");
    let status = |seq: &serde_json::Value| {
        let line = lines.iter().find(|line| line["answered"]["of"] == *seq).unwrap();
        line["answered"]["status"].clone()
    };
    assert_eq!((status(&cancels[1]["seq"]), status(&cancels[0]["seq"])), (json!(200), json!(404)));
    assert_eq!(place.socket.get("/api/v1/audit/verify").await.json()["broken"], json!(null));
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_keeps_no_word_that_lets_in() {
    let place = place(&[]).await;
    for path in ["/invitation/yzi_a-word-that-lets-in", "/m/a-word-that-lets-in"] {
        let form = [("content-type", "application/x-www-form-urlencoded"), FROM_OUR_PAGE[0]];
        place.token.send("POST", path, &form, b"password=a&again=b".to_vec()).await;
    }
    let audit = place.socket.get("/api/v1/audit?limit=500").await.json();
    assert!(!audit.to_string().contains("a-word-that-lets-in"), "{audit}");
    let on = |path: &str| audit["items"].as_array().unwrap().iter().any(|line| line["asked"]["on"] == path);
    assert!(on("/invitation/{word}") && on("/m/{token}"), "{audit}");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_does_not_learn_what_the_api_has() {
    let place = place(&[]).await;
    for path in ["/api/v1/nothing", "/api", "/api/v1/runs/"] {
        let answer = place.stranger.get(path).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "YZ0401"), "{path}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        assert_eq!(place.token.get(path).await.status, 404, "{path}");
    }
    let wrong_way = place.stranger.send("DELETE", "/api/v1/runs", &[], vec![]).await;
    assert_eq!(wrong_way.code(), "YZ0401");
    assert_eq!(place.socket.send("DELETE", "/api/v1/runs", &[], vec![]).await.code(), "YZ0405");
    assert_eq!(place.stranger.get("/favicon.ico").await.code(), "YZ0403");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_are_for_this_machine_and_not_for_whom_it_speaks() {
    let place = place(&[]).await;
    for (name, value) in [("x-forwarded-for", "192.0.2.7"), ("forwarded", "for=192.0.2.7")] {
        let refused = place.stranger.send("GET", "/metrics", &[(name, value)], vec![]).await;
        assert_eq!((refused.status, refused.code().as_str()), (401, "YZ0402"), "{name}");
        assert_eq!(place.token.send("GET", "/metrics", &[(name, value)], vec![]).await.status, 200);
    }
    for (host, status) in
        [("evil.example", 401), ("localhost.evil.example:1", 401), ("[::1]:8080", 200), ("127.0.0.1", 200)]
    {
        let answer = place.stranger.under(host).get("/metrics").await;
        assert_eq!(answer.status, status, "{host}");
    }
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_learn_that_we_are_well_and_no_figures() {
    let place = place(&[]).await;
    let figures = place.token.get("/api/v1/health").await.json();
    assert_eq!(figures["figures"]["home"], "/srv/yizhan");
    let answer = place.stranger.get("/api/v1/health").await;
    assert_eq!(
        answer.json(),
        serde_json::json!({
            "ready": true, "disk_full": false, "broken": null, "figures": {}
        })
    );
    assert_eq!(place.stranger.get("/health/ready").await.status, 200);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_in_somebodys_name_opens_of_their_tasks_what_it_was_made_for() {
    let place = place(&[("fault", ASKS), ("refund", ASKS)]).await;
    place.start("fault", json!({"nr": "1"})).await;
    let of = async |client: &Client| client.get("/api/v1/tasks").await.json()["items"].clone();
    let looks = token(&place, "looks", Role::Viewer, &["fault"], Some("li.na")).await;
    let other = token(&place, "other", Role::Worker, &["refund"], Some("li.na")).await;
    let works = token(&place, "works", Role::Worker, &["fault"], Some("li.na")).await;
    let task = of(&looks).await[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(of(&other).await, json!([]));
    assert_eq!(other.get(&format!("/api/v1/tasks/{task}")).await.code(), "YZ0404");
    assert_eq!(looks.get(&format!("/api/v1/tasks/{task}")).await.status, 200);
    let yes = json!({"fields": {"ok": true}});
    for client in [&looks, &other] {
        for act in ["claim", "release", "comment", "pause", "answer"] {
            let body = json!({"fields": {"ok": true}, "text": "x", "reason": "x"});
            let refused = client.post(&format!("/api/v1/tasks/{task}/{act}"), &body).await;
            assert_eq!(refused.code(), "YZ0430", "{act}");
        }
    }
    assert_eq!(works.post(&format!("/api/v1/tasks/{task}/answer"), &yes).await.status, 200);
    place.stop().await;
}
