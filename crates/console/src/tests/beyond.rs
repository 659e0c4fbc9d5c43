//! What pages show and do, a program gets and does as well.

use serde_json::{Value as Json, json};
use yizhan_workflow::people::rights::Role;

use super::client::{Client, Reply};
use super::place::place;
use super::rights::{session, token};

const REPAIR: &str = r#"
title = "报修"
key = "{{ input.phone }}"
on_duplicate = "reject"
[input]
phone = { label = "来电" }
name = { label = "姓名", private = true, required = false }
[trigger.desk]
by_hand = ["group:热线"]
[step.visit]
title = "上门 {{ input.phone }} {{ input.name or '' }}"
ask = "group:热线"
due = "4h"
form.fixed = { label = "修好了", type = "yesno" }
on.fixed.no = { back_to = "visit", most = 2 }
[step.close]
title = "收尾"
ask = "person:wang.wei"
"#;

const METERS: &str = r#"
title = "领表"
[input]
at = { label = "上门", type = "date", min = "2026-01-01" }
why = { label = "事由", max = 200, default = "换表", private = true }
paper = { label = "凭证", type = "files", kinds = ["pdf", "jpg"], size = "10 MB", max = 3, required = false }
to = { label = "完工", type = "date", check = "value >= at", when = "why != '换表'" }
[input.goods]
label = "领用"
type = "table"
max = 50
[input.goods.fields]
name = { label = "品名", options = { m = "水表", v = "阀门" } }
count = { label = "数量", type = "whole", min = 1 }
issued = { label = "实发", type = "whole", min = 0, max = "{{ count }}", required = false }
[step.issue]
title = "发放"
ask = "group:热线"
due = "4h"
"#;

/// As a page of the house sends it.
async fn sends(client: &Client, path: &str, body: &Json) -> Reply {
    let ours = [("content-type", "application/json"), ("sec-fetch-site", "same-origin")];
    client.send("POST", path, &ours, body.to_string().into_bytes()).await
}

async fn walks(client: &Client, trial: &Json) -> Json {
    let reply = client.post("/api/v1/workflows/repair/trial?lang=en", trial).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_asks_what_a_case_would_do_and_nothing_is_done() {
    let place = place(&[("repair", REPAIR)]).await;
    let viewer = token(&place, "viewer", Role::Viewer, &["repair"], None).await;
    let begun = json!({
        "input": { "phone": "139" },
        "at": "2026-11-23 09:00",
        "answers": { "visit": [{ "fixed": false }, { "fixed": true }] },
        "takes": { "visit": "1h" },
    });
    let walked = walks(&viewer, &begun).await;
    assert_eq!(
        (&walked["key"], &walked["state"], &walked["stopped"]),
        (&json!("139"), &json!("done"), &json!(null))
    );
    let told = walked["told"].as_array().unwrap();
    let visits: Vec<&Json> =
        told.iter().filter(|one| one["step"] == "visit" && one["what"] == "task").collect();
    let rounds: Vec<_> = visits.iter().map(|one| one["round"].as_u64().unwrap()).collect();
    assert_eq!(rounds, [1, 2], "{walked:#}");
    // Begun at nine, due within four hours, answered after one: on the house's clock, in the form of all of the API.
    assert_eq!(visits[0]["due"], "2026-11-23T05:00:00Z", "{walked:#}");
    assert_eq!(visits[1]["at"], "2026-11-23T02:00:00Z", "{walked:#}");
    let empty = json!({ "items": [], "next": null });
    assert_eq!(place.socket.get("/api/v1/runs").await.json(), empty, "nothing began");

    for (wrong, status) in [
        (json!({ "input": { "phone": "" } }), 422),
        (json!({ "input": { "phone": "139" }, "at": "soon" }), 400),
        (json!({ "input": { "phone": "139" }, "takes": { "visit": "ages" } }), 400),
        (json!({ "inputs": {} }), 400),
    ] {
        let reply = viewer.post("/api/v1/workflows/repair/trial", &wrong).await;
        assert_eq!(reply.status, status, "{wrong}: {}", reply.body);
    }
    let other = token(&place, "other", Role::Admin, &["x"], None).await;
    assert_eq!(other.post("/api/v1/workflows/repair/trial", &begun).await.status, 403);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_asks_before_it_begins_whether_there_is_such_a_case() {
    let place = place(&[("repair", REPAIR)]).await;
    let li_na = session(&place, "li.na", place.now()).await;
    let ask = json!({ "input": { "phone": "139" }, "trigger": "desk" });
    let path = "/api/v1/workflows/repair/same";
    let none = sends(&li_na, path, &ask).await.json();
    assert_eq!(none, json!({ "key": "139", "run": null, "case": null, "on_duplicate": "reject" }));
    let run = place.start("repair", json!({ "phone": "139" })).await;
    let same = sends(&li_na, path, &ask).await.json();
    assert_eq!(
        (&same["run"], &same["case"]),
        (&json!(run), &json!(null)),
        "it is not theirs to look at: {same}"
    );
    let operator = token(&place, "operator", Role::Operator, &["repair"], None).await;
    assert_eq!(operator.post(path, &ask).await.json()["case"]["id"], json!(run));
    assert_eq!(
        sends(&li_na, path, &json!({ "trigger": "desk" })).await.json()["key"],
        json!(null),
        "no key yet"
    );
    assert_eq!(
        sends(&li_na, path, &json!({ "input": {} })).await.status,
        403,
        "the file's own form is for workers"
    );
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_answered_finds_it_again_by_the_api_too_and_page_by_page() {
    let place = place(&[("repair", REPAIR)]).await;
    let li_na = session(&place, "li.na", place.now()).await;
    let mut answered = vec![];
    for phone in ["1", "2", "3"] {
        let run = place.start("repair", json!({ "phone": phone })).await;
        let task = place.task(&run).await;
        let past = li_na.get(&format!("/api/v1/tasks/{task}/past")).await.json();
        assert_eq!(past, json!({ "past": null }), "it is open");
        let reply =
            sends(&li_na, &format!("/api/v1/tasks/{task}/answer"), &json!({ "fields": { "fixed": true } }))
                .await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        answered.insert(0, task);
        place.pass(1_000).await;
    }
    let (mut found, mut cursor) = (vec![], String::new());
    loop {
        let page = li_na.get(&format!("/api/v1/answers?limit=2{cursor}")).await.json();
        found.extend(
            page["items"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(found, answered, "the newest first, each once");
    let own = li_na.get(&format!("/api/v1/tasks/{}/past", answered[0])).await.json();
    let past = &own["past"];
    assert_eq!(
        (&past["own"], &past["answer"]["fixed"], &past["state"]),
        (&json!(true), &json!(true), &json!("answered"))
    );
    let viewer = token(&place, "viewer", Role::Viewer, &["repair"], None).await;
    let seen = viewer.get(&format!("/api/v1/tasks/{}/past", answered[0])).await.json();
    assert_eq!(
        (&seen["past"]["by"], &seen["past"]["answer"]),
        (&json!("person:li.na"), &json!(null)),
        "{seen}"
    );
    let elsewhere = token(&place, "elsewhere", Role::Viewer, &["x"], None).await;
    let unseen = elsewhere.get(&format!("/api/v1/tasks/{}/past", answered[0])).await.json();
    assert_eq!(unseen, json!({ "past": null }));
    assert_eq!(
        elsewhere.get("/api/v1/answers?cursor=x").await.json()["items"],
        json!([]),
        "a token answered nothing"
    );
    assert_eq!(li_na.get("/api/v1/answers?cursor=x").await.status, 400);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_gets_the_pictures_and_the_sentences_of_the_pages_and_nothing_private() {
    let place = place(&[("repair", REPAIR)]).await;
    let run = place.start("repair", json!({ "phone": "139", "name": "张三" })).await;
    place.task(&run).await;
    let viewer = token(&place, "viewer", Role::Viewer, &["repair"], None).await;
    let drawn = viewer.get("/api/v1/workflows/repair/picture?lang=en").await.json();
    let svg = drawn["svg"].as_str().unwrap();
    assert!(svg.starts_with("<svg ") && svg.contains(">收尾<"), "{svg}");
    assert!(drawn["mermaid"].as_str().unwrap().contains("s_visit --> s_close"), "{drawn}");
    let page = viewer.send("GET", "/workflows/repair", &[("accept-language", "en")], vec![]).await;
    assert!(page.body.contains(svg), "the page shows the same");

    let of_run = viewer.get(&format!("/api/v1/runs/{run}/picture?lang=en")).await.json();
    let svg = of_run["svg"].as_str().unwrap();
    assert!(svg.contains("box ask open"), "it says where it stands: {svg}");
    assert!(svg.contains("上门 139") && !svg.contains("张三"), "{svg}");
    let reading = viewer.get("/api/v1/workflows/repair/reading?lang=en").await.json();
    let visit = &reading["steps"][0];
    assert_eq!((&reading["title"], &visit["step"]), (&json!("报修"), &json!("visit")));
    assert!(
        visit["sentences"].as_array().unwrap().iter().any(|one| one.as_str().unwrap().contains("热线")),
        "{reading}"
    );
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_very_many_workflows_and_triggers_none_is_left_out_without_a_word() {
    let fine = "title = \"好的\"\n[step.say]\nuse = \"play.say\"\nwith.text = \"x\"\n";
    let desks = (0..501).map(|no| format!("[trigger.desk{no:03}]\nby_hand = [\"group:热线\"]\n"));
    let many: String = desks.collect();
    let many = format!(
        "title = \"很多\"\n{many}[trigger.z]\nschedule = \"30 17 * * *\"\n{}",
        &fine[fine.find('[').unwrap()..]
    );
    let place = place(&[("a", fine), ("b", fine), ("c", &many)]).await;
    let page = async |path: &str| {
        let shown = place.token.send("GET", path, &[("accept-language", "en")], vec![]).await;
        assert_eq!(shown.status, 200, "{shown:?}");
        shown.body
    };
    let first = page("/workflows?limit=2").await;
    assert!(first.contains("/workflows/b") && !first.contains("id=\"workflow-c\""), "{first}");
    assert!(first.contains("<p id=\"count\" data-live>3"), "all are counted: {first}");
    let next = first.split("rel=\"next\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    let second = page(next).await;
    assert!(second.contains("id=\"workflow-c\"") && !second.contains("id=\"workflow-b\""), "{second}");
    let system = page("/system").await;
    let schedules = system.split("id=\"schedules\"").nth(1).unwrap();
    assert!(schedules.contains("17:30") || schedules.contains("30 17 * * *"), "{schedules}");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workflows_page_says_what_each_field_of_its_form_must_be() {
    let place = place(&[("meters", METERS)]).await;
    let viewer = token(&place, "viewer", Role::Viewer, &["meters"], None).await;
    let page = viewer.send("GET", "/workflows/meters", &[("accept-language", "en")], vec![]).await.body;
    let row = |name: &str| {
        let row = page.split("<tr>").find(|row| row.contains(&format!("{name}</code>")));
        row.unwrap_or_else(|| panic!("no row of {name}: {page}")).to_owned()
    };
    for (name, said) in [
        ("<code>at", &["not before 2026-01-01", ">Yes<"][..]),
        ("<code>why", &["at most 200 characters", "default: 换表", "private: for those"]),
        (
            "<code>paper",
            &["types of files: pdf, jpg", "each file at most 10 MB", "at most 3 entries", ">No<"],
        ),
        ("<code>to", &["must hold: value &gt;= at", "asked only where: why != '换表'"]),
        ("<code>goods", &["at most 50 entries"]),
        ("<code>goods[].name", &["one of: m (水表), v (阀门)"]),
        ("<code>goods[].count", &["at least 1<"]),
        ("<code>goods[].issued", &["at least 0<", "`max` hangs on what else is filled in"]),
    ] {
        let row = row(name);
        for said in said {
            assert!(row.contains(said), "{name}: {said}: {row}");
        }
    }
    place.stop().await;
}
