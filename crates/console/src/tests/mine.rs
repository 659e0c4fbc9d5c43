//! Stories of somebody who has more to do than one page shows.

use serde_json::json;

use super::client::Client;
use super::place::place;
use super::rights::session;

const MANY: &str = r#"
title = "盘点"
key = "{{ input.store }}"
[input]
store = { label = "仓库" }
[step.count]
each  = "{{ range(203) | list }}"
title = "清点 {{ item }} 号货位"
ask   = "person:li.na"
due   = "8h"
form.ok = { label = "好", type = "yesno" }
"#;

async fn page(client: &Client, path: &str) -> String {
    let reply = client.send("GET", path, &[("accept-language", "en")], vec![]).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_looked_for_is_found_among_all_tasks_and_what_is_not_shown_is_on_the_next_page() {
    let place = place(&[("many", MANY)]).await;
    let run = place.start("many", json!({ "store": "浦东" })).await;
    place.run_until(&run, |run| run["waits"] == "task").await;
    let li_na = session(&place, "li.na", 0).await;
    let first = page(&li_na, "/tasks").await;
    assert_eq!(first.matches("<tr id=").count(), 200);
    assert!(first.contains("data-live>203<"), "all are counted: {first}");
    assert!(first.contains("盘点 · 浦东"), "each says of which case it is");
    let at = first.find("/tasks?after=").expect("a next page");
    let next = first[at..].split('"').next().unwrap().replace("&amp;", "&");
    let second = page(&li_na, &next).await;
    assert_eq!(second.matches("<tr id=").count(), 3);
    assert!(!second.contains("rel=\"next\""));
    let all = first + &second;
    for number in [0, 100, 202] {
        let title = format!("清点 {number} 号货位</a>");
        assert_eq!(all.matches(&title).count(), 1, "{title}");
        let found = page(&li_na, &format!("/tasks?text={number}%20%E5%8F%B7")).await;
        assert!(found.contains(&title), "it is found wherever it stands: {found}");
    }
    let why = place.socket.get(&format!("/api/v1/runs/{run}/why?lang=zh")).await.json();
    let sentences = why["sentences"].as_array().unwrap();
    assert_eq!(sentences.len(), 1, "all wait alike: {why}");
    let said = sentences[0].as_str().unwrap();
    assert!(said.contains("203 项") && said.contains("李娜") && said.contains("2026-11-22 18:00"), "{said}");
    let none = page(&li_na, "/tasks?text=nothing-like-it").await;
    assert!(none.contains("Nothing was found.") && !none.contains("There is nothing to do now."), "{none}");
    place.stop().await;
}
