//! Every page with something in its address that is not right, and every address that is asked in a way it does not know.

use serde_json::json;

use super::client::{Client, Reply};
use super::place::{Place, place};
use super::rights::table_of;
use crate::pages::is_for_programs;

const REPAIR: &str = "title = \"报修\"\n[input]\nwhere = { label = \"地点\" }\n[step.repair]\ntitle = \"抢修\"\nask = \"group:热线\"\n\
                      form.cause = { label = \"原因\" }\n";
const BROWSER: [(&str, &str); 2] = [("accept", "text/html"), ("accept-language", "zh-CN")];

/// What pages ask for in their addresses.
const NAMES: [&str; 17] = [
    "text", "workflow", "state", "since", "until", "mine", "cursor", "only", "after", "before", "done",
    "missed", "verify", "level", "step", "item", "to",
];
const GARBAGE: [&str; 6] = ["xx", "2", "-1", "%00", "%F0%9F%92%A5", "99999999999999999999999999"];

async fn open(client: &Client, path: &str) -> Reply {
    client.send("GET", path, &BROWSER, vec![]).await
}

/// The pages of the house, each of something that is there.
async fn pages(place: &Place) -> Vec<String> {
    let run = place.start("repair", json!({"where": "河东路"})).await;
    let tasks = place.socket.get("/api/v1/tasks").await.json();
    let task = tasks["items"][0]["id"].as_str().unwrap().to_owned();
    let of = |path: &str| {
        let id = if path.starts_with("/tasks") { task.clone() } else { run.to_string() };
        path.replace("{id}", &id).replace("{workflow}", "repair").replace("{name}", "repair")
    };
    let all =
        table_of(place).into_iter().filter(|entry| entry.method == "GET" && !is_for_programs(entry.path));
    // A word of a link is no name of anything, and what is served for pages is none.
    let all = all.filter(|entry| {
        !["{token}", "{word}", "{trigger}", "/assets"].iter().any(|part| entry.path.contains(part))
    });
    all.map(|entry| of(entry.path)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_stands_in_the_address_of_a_page_a_page_answers() {
    let place = place(&[("repair", REPAIR)]).await;
    let pages = pages(&place).await;
    assert!(pages.len() > 15, "{pages:?}");
    for page in &pages {
        for asked in NAMES.iter().flat_map(|name| GARBAGE.map(|garbage| format!("{page}?{name}={garbage}"))) {
            let reply = open(&place.socket, &asked).await;
            assert!([200, 303, 400].contains(&reply.status), "{asked}: {reply:?}");
            let is_page = reply.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
            assert!(reply.status == 303 || is_page, "{asked}: {reply:?}");
            assert!(!reply.body.contains("urn:yizhan"), "{asked}: {reply:?}");
        }
    }
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_right_in_an_address_is_said_and_not_passed_over() {
    let place = place(&[("repair", REPAIR)]).await;
    let run = place.start("repair", json!({"where": "河东路"})).await;
    let wrong = [
        "/runs?since=xx",
        "/runs?until=2026-13-01",
        "/runs?mine=2",
        "/runs?state=xx",
        "/runs?cursor=xx",
        "/tasks?only=xx",
        "/tasks?after=xx",
        "/tasks?missed=xx",
        "/system/log?level=xx",
        "/system/audit?before=xx",
        "/system/audit?verify=2",
    ];
    let mut wrong: Vec<String> = wrong.map(str::to_owned).to_vec();
    wrong.extend([format!("/runs/{run}?after=xx"), format!("/runs/{run}/attempts?item=xx")]);
    wrong.push(format!("/runs/{run}/attempts?step=repair&cursor=xx"));
    for asked in wrong {
        let reply = open(&place.socket, &asked).await;
        assert_eq!(reply.status, 400, "{asked}: {}", reply.body);
        assert!(reply.body.contains("地址里带的内容不对"), "{asked}: {}", reply.body);
        assert!(reply.body.contains("<nav"), "the way on to the others: {asked}");
    }
    for empty in ["/runs?since=&until=&state=&text=", "/tasks?only=&after="] {
        assert_eq!(open(&place.socket, empty).await.status, 200, "{empty}");
    }
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_only_takes_forms_says_so_to_a_browser_and_a_program_hears_it_in_its_way() {
    let place = place(&[("repair", REPAIR)]).await;
    for path in ["/sign-out", "/runs/run_x/cancel", "/tasks/claim"] {
        let reply = open(&place.socket, path).await;
        assert_eq!(reply.status, 405, "{path}");
        assert!(reply.body.contains("不能直接打开") && reply.body.contains("<nav"), "{path}: {}", reply.body);
        assert_eq!(place.socket.get(path).await.code(), "YZ0405", "{path}");
    }
    assert_eq!(place.socket.get("/api/v1/runs?mine=2").await.code(), "YZ0400");
    place.stop().await;
}
