//! The daemon's log on its page: for whom it is, what is found in it, and that it stays text.

use serde_json::Value as Json;
use yizhan_workflow::people::rights::Role;

use super::place::place;
use super::rights::token;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_administers_the_house_finds_lines_of_the_log_by_level_and_words_and_nobody_else_does() {
    let place = place(&[]).await;
    let texts = async |query: &str| {
        let found = place.token.get(&format!("/api/v1/log{query}")).await.json();
        let line = |line: &Json| line["text"].as_str().unwrap().to_owned();
        found["items"].as_array().unwrap().iter().map(line).collect::<Vec<_>>()
    };
    assert_eq!(texts("").await, ["the disk <b>is slow</b>", "Ready", "broken"]);
    assert_eq!(texts("?level=warn").await, ["the disk <b>is slow</b>", "broken"], "and what is graver");
    assert_eq!(texts("?text=READY").await, ["Ready"]);
    assert_eq!(texts("?text=play&limit=1").await, ["the disk <b>is slow</b>"], "who speaks is found too");
    assert_eq!(place.token.get("/api/v1/log?level=loud").await.code(), "YZ0400");
    let operator = token(&place, "op", Role::Operator, &[], None).await;
    assert_eq!(operator.get("/api/v1/log").await.code(), "YZ0430");
    let page = place.token.send("GET", "/system/log?level=warn", &[("accept-language", "en")], vec![]).await;
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains("the disk &lt;b&gt;is slow&lt;/b&gt;") && !page.body.contains("Ready"),
        "{}",
        page.body
    );
    assert!(page.body.contains("<span class=\"soft\" title=\"yizhan::play\">daemon</span>"), "{}", page.body);
    let system = operator.get("/system").await;
    assert!(!system.body.contains("/system/log"), "the way there is for those who may go it");
    place.stop().await;
}
