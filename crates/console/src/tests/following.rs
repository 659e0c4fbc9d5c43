//! Pages that follow what happens: what they load, what it may do, and what stays without it.

use serde_json::json;
use yizhan_workflow::people::rights::Role;

use super::place::{Place, place};
use super::rights::{ASKS, FROM_OUR_PAGE, session, token};

/// The addresses that a page loads.
fn loaded(page: &str) -> Vec<String> {
    let pieces = page.split('"').filter(|piece| piece.contains("assets/"));
    pieces.map(|piece| piece.replace("../assets", "/assets")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_page_loads_is_kept_for_ever_under_a_name_that_changes_with_it() {
    let place = place(&[]).await;
    let page = session(&place, "li.na", 0).await.get("/tasks").await;
    let all = loaded(&page.body);
    assert_eq!(all.len(), 5, "{all:?}");
    for address in all {
        let asset = place.stranger.get(&address).await;
        let script = address.contains(".js");
        let media = if script { "text/javascript; charset=utf-8" } else { "text/css; charset=utf-8" };
        assert_eq!((asset.status, asset.header("content-type")), (200, Some(media)), "{address}");
        assert_eq!(asset.header("cache-control"), Some("public, max-age=31536000, immutable"));
        // A page of the daemon before this one gets what there is, and does not keep it under the old name.
        let older = address.split_once("?v=").unwrap().0.to_owned() + "?v=0000000000000000";
        let older = place.stranger.get(&older).await;
        assert_eq!((older.status, older.header("cache-control")), (200, Some("public, max-age=3600")));
    }
    assert_eq!(place.stranger.get("/assets/LICENSE-idiomorph").await.status, 404);
    assert_eq!(place.stranger.get("/assets/..%2fpages.rs").await.status, 404);
    place.stop().await;
}

async fn pages_that_follow(place: &Place, run: &str) -> Vec<(String, String)> {
    let operator = token(place, "op", Role::Operator, &[], None).await;
    let mut pages = vec![];
    let tasks = operator.get("/api/v1/tasks").await.json();
    let task = format!("/tasks/{}", tasks["items"][0]["id"].as_str().unwrap());
    let run = format!("/runs/{run}");
    for path in ["/tasks", &task, "/runs", &run, "/workflows", "/workflows/fault", "/system"] {
        let page = operator.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("script-src 'self'; connect-src 'self'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        pages.push((path.to_owned(), page.body));
    }
    pages
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_page_that_follows_names_its_stream_and_the_parts_that_it_keeps() {
    let place = place(&[("fault", ASKS)]).await;
    let run = place.start("fault", json!({"nr": "1"})).await;
    for (path, body) in pages_that_follow(&place, &run).await {
        let watched = body.split("data-watch=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        let ends = if watched.contains('?') { "&seconds=0" } else { "?seconds=0" };
        assert_eq!(place.token.get(&format!("{watched}{ends}")).await.status, 200, "{path}: {watched}");
        let parts: Vec<&str> = body.split('<').filter(|tag| tag.contains(" data-live")).collect();
        assert!(!parts.is_empty(), "{path}");
        for part in parts {
            let id = part.split("id=\"").nth(1).and_then(|rest| rest.split('"').next());
            let id =
                id.unwrap_or_else(|| panic!("{path}: a part without an id is never found again: {part}"));
            assert_eq!(body.matches(&format!("id=\"{id}\"")).count(), 1, "{path}: {id}");
        }
        assert!(
            !body.contains("<script>") && !body.contains("onclick") && !body.contains("style=\""),
            "{path}"
        );
    }
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_script_runs_on_the_door_and_a_page_that_says_why_nothing_was_done_stays_as_it_is() {
    let place = place(&[("fault", ASKS)]).await;
    let run = place.start("fault", json!({"nr": "1"})).await;
    let door = place.stranger.get("/sign-in").await;
    assert!(
        !door.body.contains("<script") && !door.header("content-security-policy").unwrap().contains("script")
    );
    let operator = token(&place, "op", Role::Operator, &[], None).await;
    let form = [FROM_OUR_PAGE[0], ("content-type", "application/x-www-form-urlencoded")];
    let refused = operator.send("POST", &format!("/runs/{run}/retry"), &form, vec![]).await;
    assert_eq!(refused.status, 409);
    // Asked for again under this address it would be another page.
    assert!(!refused.body.contains("data-watch"), "{}", refused.body);
    place.stop().await;
}
