//! Stories of a retry: what it does once more is said before anybody asks for it.

use serde_json::{Value as Json, json};

use super::client::Reply;
use super::place::{Place, place};

const STOPS: &str = r#"
title = "发料"
[input]
what = {}
[step.send]
title = "发通知"
use = "play.say"
effect = "once"
with.text = "x"
[step.look]
use = "play.say"
with.text = "y"
[step.book]
title = "记账 {{ input.what }}"
use = "play.fail"
with.text = "z"
retry.times = 0
[step.after]
use = "play.say"
with.text = "w"
"#;

const FINE: &str = "title = \"好的\"\n[step.say]\nuse = \"play.say\"\nwith.text = \"x\"\n";

async fn page(place: &Place, path: &str) -> Reply {
    place.token.send("GET", path, &[("accept-language", "en")], vec![]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_says_which_steps_it_does_again_and_which_others_will_see_and_changes_nothing() {
    let place = place(&[("stops", STOPS), ("fine", FINE)]).await;
    let run = place.start("stops", json!({ "what": "<b>阀</b>" })).await;
    place.run_until(&run, |run| run["state"] == "failed").await;
    let before = place.socket.get(&format!("/api/v1/runs/{run}/journal")).await.json();
    let again = async |query: &str| -> Vec<(Json, Json)> {
        let view = place.socket.get(&format!("/api/v1/runs/{run}/retry{query}")).await.json();
        let steps = view["steps"].as_array().unwrap_or_else(|| panic!("{view}"));
        steps.iter().map(|step| (step["id"].clone(), step["effect"].clone())).collect()
    };
    assert_eq!(again("").await, [(json!("book"), json!("quiet"))], "what was done is not done again");
    let all = [("send", "outside"), ("look", "quiet"), ("book", "quiet")];
    assert_eq!(again("?from=send").await, all.map(|(id, effect)| (json!(id), json!(effect))));
    assert_eq!(place.socket.get(&format!("/api/v1/runs/{run}/retry?from=none")).await.code(), "YZ0404");

    let shown = page(&place, &format!("/runs/{run}?retry=send")).await.body;
    let (_, told) =
        shown.split_once("A retry does these steps once more").unwrap_or_else(|| panic!("{shown}"));
    let (told, form) = told.split_once("<form").unwrap();
    assert!(told.contains("发通知") && told.contains("others see it"), "{told}");
    assert!(told.contains("记账 &lt;b&gt;阀") && !told.contains("<b>"), "{told}");
    assert!(form.contains("name=\"from\" value=\"send\""), "the button does what was told: {form}");
    let after = place.socket.get(&format!("/api/v1/runs/{run}/journal")).await.json();
    assert_eq!(before["items"], after["items"], "looking changes nothing");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_that_was_done_or_is_open_offers_no_retry() {
    let ask = "title = \"问\"\n[step.ask]\nask = \"group:热线\"\nform.a = {}\n";
    let place = place(&[("fine", FINE), ("ask", ask)]).await;
    let (done, open) = (place.start("fine", json!({})).await, place.start("ask", json!({})).await);
    place.run_until(&done, |run| run["state"] == "done").await;
    for run in [done, open] {
        let shown = page(&place, &format!("/runs/{run}")).await.body;
        assert!(!shown.contains("/retry\"") && !shown.contains("Retry from a step"), "{shown}");
        assert_eq!(place.socket.get(&format!("/api/v1/runs/{run}/retry")).await.status, 409);
    }
    place.stop().await;
}
