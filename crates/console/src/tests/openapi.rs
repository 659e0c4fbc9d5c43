//! The document of the API beside the API.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::client::Reply;
use super::place::{Place, place};
use super::rights::table_of;

async fn document(place: &Place) -> Json {
    let reply: Reply = place.stranger.get("/api/v1/openapi.json").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    reply.json()
}

/// Path, method, and what is said of it.
fn operations(document: &Json) -> Vec<(&str, &str, &Json)> {
    let mut all = vec![];
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, one) in item.as_object().unwrap() {
            all.push((path.as_str(), method.as_str(), one));
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_route_of_the_api_is_in_the_document_with_what_it_needs_and_nothing_else_is() {
    let place = place(&[]).await;
    let document = document(&place).await;
    assert_eq!(document["openapi"], "3.1.0");
    let told: BTreeSet<_> = operations(&document)
        .into_iter()
        .map(|(path, method, one)| {
            (method.to_uppercase(), path.to_owned(), one["x-needs"].as_str().unwrap().to_owned())
        })
        .collect();
    let for_programs =
        |path: &str| ["/api/", "/health/", "/hooks/", "/metrics"].iter().any(|of| path.starts_with(of));
    let table = table_of(&place).into_iter().filter(|entry| for_programs(entry.path));
    let table: BTreeSet<_> = table
        .map(|entry| (entry.method.to_string(), entry.path.to_owned(), entry.needs.to_owned()))
        .collect();
    assert_eq!(told, table);
    place.stop().await;
}

/// Every `$ref` below a value.
fn references<'d>(value: &'d Json, found: &mut BTreeSet<&'d str>) {
    match value {
        Json::Object(map) => {
            found.extend(map.get("$ref").and_then(Json::as_str));
            map.values().for_each(|value| references(value, found));
        }
        Json::Array(list) => list.iter().for_each(|value| references(value, found)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_operation_says_what_it_does_takes_and_gives_and_how_it_refuses() {
    let place = place(&[]).await;
    let document = document(&place).await;
    let mut ids = BTreeSet::new();
    for (path, method, one) in operations(&document) {
        let at = format!("{method} {path}");
        assert!(ids.insert(one["operationId"].as_str().unwrap()), "{at} has the id of another");
        assert!(one["summary"].as_str().is_some_and(|text| text.len() > 8), "{at} has no summary");
        let answers = one["responses"].as_object().unwrap();
        assert!(answers.keys().any(|code| code.starts_with('2')), "{at} never succeeds");
        assert!(answers.contains_key("4XX") && answers.contains_key("5XX"), "{at} never refuses");
        assert_eq!(one["x-repeated"].is_string(), method != "get", "{at}: what becomes of it sent again?");
        for parameter in one["parameters"].as_array().unwrap() {
            assert!(parameter["description"].is_string(), "{at}: {parameter} has no description");
        }
        let named: BTreeSet<_> = path.split(['{', '}']).skip(1).step_by(2).collect();
        let parameters = one["parameters"].as_array().unwrap().iter().filter(|one| one["in"] == "path");
        assert_eq!(named, parameters.map(|one| one["name"].as_str().unwrap()).collect(), "{at}");
        let open = ["anyone", "near"].contains(&one["x-needs"].as_str().unwrap());
        let ways = one["security"].as_array().map_or(0, Vec::len);
        assert_eq!(open, ways != 2, "{at}: {}", one["security"]);
    }
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference} leads nowhere");
    }
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_but_the_document_and_the_health_answers_401_to_a_stranger() {
    let place = place(&[]).await;
    let document = document(&place).await;
    let api = operations(&document).into_iter().filter(|(path, ..)| path.starts_with("/api/"));
    for (path, method, _) in api {
        let names = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part });
        let path = names.collect::<Vec<_>>().join("/");
        let reply = place.stranger.send(&method.to_uppercase(), &path, &[], vec![]).await;
        let open = ["/api/v1/openapi.json", "/api/v1/health"].contains(&path.as_str());
        assert_eq!(reply.status, if open { 200 } else { 401 }, "{method} {path}");
    }
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_comes_in_pages_as_small_as_one_wishes() {
    let texts = ["a", "b", "c"].map(|name| (name, "title = \"t\"\n[step.ask]\nask = \"person:li.na\"\n"));
    let place = place(&texts).await;
    for name in ["a", "b", "c"] {
        place.start(name, serde_json::json!({})).await;
    }
    let lists = [
        "workflows",
        "runs",
        "tasks",
        "triggers",
        "registers",
        "plugins",
        "accounts",
        "sessions",
        "tokens",
        "audit",
    ];
    for list in lists {
        let whole =
            place.socket.get(&format!("/api/v1/{list}")).await.json()["items"].as_array().unwrap().clone();
        let (mut paged, mut at) = (vec![], String::new());
        for _ in 0..=whole.len() {
            let page = place.socket.get(&format!("/api/v1/{list}?limit=1{at}")).await.json();
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= 1, "{list}: {page}");
            paged.extend(items.iter().cloned());
            let Some(next) = page["next"].as_str() else { break };
            at = format!("&cursor={}", form_urlencoded::byte_serialize(next.as_bytes()).collect::<String>());
        }
        assert_eq!(paged, whole, "{list}");
        let lost = place.socket.get(&format!("/api/v1/{list}?cursor=of%20no%20list")).await;
        assert!(lost.status == 400 || whole.is_empty(), "{list}: {lost:?}");
    }
    place.stop().await;
}
