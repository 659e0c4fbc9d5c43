//! Stories of a new case that is there already: said while the form is filled in, and nothing is begun by asking.

use serde_json::json;

use super::client::{Client, EN, FORM, OUR_PAGE, Reply, To};
use super::place::{Place, place};
use crate::caller::COOKIE;
use yizhan_workflow::id::Millis;

const FAULT: &str = r#"
title = "报修"
key   = "{{ input.phone }}-{{ input.year }}"
on_duplicate = "reject"
[input]
phone = { label = "来电" }
year  = { label = "哪年", type = "whole" }
place = { label = "地址" }
[trigger.desk]
by_hand = ["group:热线"]
[step.visit]
ask = "group:热线"
form.found = {}
"#;

async fn signed_in(place: &Place, person: &str) -> Client {
    let word = place.access.begin(person, "192.0.2.1", "Firefox", Millis(place.now())).await.unwrap();
    Client::new(To::Tcp(place.address), None).with("cookie", &format!("{COOKIE}={}", word.reveal()))
}

async fn asks(client: &Client, fields: &[(&str, &str)]) -> Reply {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    client.send("POST", "/new/fault/desk/same", &[FORM, OUR_PAGE, EN], body.into_bytes()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_that_is_there_is_named_as_soon_as_the_form_says_which_it_is() {
    let place = place(&[("fault", FAULT)]).await;
    let li_na = signed_in(&place, "li.na").await;
    let form = li_na.send("GET", "/new/fault/desk", &[EN], vec![]).await;
    assert!(form.body.contains("data-same=\"f.phone f.year\""), "{}", form.body);
    let same = [("f.phone", "139"), ("f.year", "2026")];
    let none = asks(&li_na, &same).await;
    assert!(none.status == 200 && !none.body.contains("There is an open case"), "{}", none.body);

    let input = |phone: &str| json!({ "phone": phone, "year": 2026, "place": "<b>河东" });
    let own = json!({ "input": input("139"), "by": "li.na", "trigger": "desk" });
    let run = place.socket.post("/api/v1/workflows/fault/runs", &own).await.json()["id"].clone();
    let run = run.as_str().unwrap();
    let told = asks(&li_na, &same).await;
    assert_eq!(told.status, 200, "{}", told.body);
    let (_, notice) = told.body.split_once("id=\"same\"").unwrap_or_else(|| panic!("{}", told.body));
    let (notice, _) = notice.split_once("</div></div>").unwrap();
    for part in ["There is an open case of this already: 139-2026.", &format!("/runs/{run}"), "报修", "since"]
    {
        assert!(notice.to_lowercase().contains(&part.to_lowercase()), "{part}: {notice}");
    }
    assert!(notice.contains("role=\"status\"") && !notice.contains("bad"), "nothing went wrong: {notice}");
    assert!(!notice.contains("key"), "nobody at a counter says so: {notice}");
    for half in
        [&same[..1], &[("f.phone", "139"), ("f.year", "soon")], &[("f.phone", "139"), ("f.year", "2025")]]
    {
        let none = asks(&li_na, half).await;
        assert!(
            none.status == 200 && !none.body.contains("There is an open case"),
            "{half:?}: {}",
            none.body
        );
    }
    let runs = place.socket.get("/api/v1/runs").await.json();
    assert_eq!(runs["items"].as_array().unwrap().len(), 1, "asking begins nothing");
    let acts = place.socket.get("/api/v1/audit?who=li.na").await.json();
    assert_eq!(acts["items"], json!([]), "and is no act");
    // Of a case that is not theirs to see they learn that there is one.
    let foreign = place.start("fault", input("140")).await;
    let told = asks(&li_na, &[("f.phone", "140"), ("f.year", "2026")]).await;
    assert!(
        told.body.contains("already: 140-2026.") && !told.body.contains(&format!("/runs/{foreign}")),
        "{}",
        told.body
    );
    // Who may not begin one asks nothing.
    let wang_wei = signed_in(&place, "wang.wei").await;
    let refused = asks(&wang_wei, &same).await;
    assert!((400..500).contains(&refused.status) && !refused.body.contains("139-2026"), "{}", refused.body);
    place.stop().await;
}
