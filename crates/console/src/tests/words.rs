//! What we say has its page, and is said in the language that was asked for.

use serde_json::json;

use super::place::place;
use super::rights::token;
use yizhan_workflow::people::rights::Role;
use yizhan_workflow::problem::{Lang, explain};

#[test]
fn each_code_of_ours_has_its_page_in_both_languages() {
    let source = include_str!("../refusal.rs");
    let codes: Vec<_> = source.match_indices("\"YZ04").map(|(at, _)| &source[at + 1..at + 7]).collect();
    assert!(codes.len() > 25);
    for (at, code) in codes.iter().enumerate() {
        assert!(!codes[..at].contains(code), "{code} has two meanings");
        assert!(explain(code, Lang::Zh).is_some() && explain(code, Lang::En).is_some(), "{code}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_to_a_program_is_in_the_language_of_its_request() {
    let form = "title = \"报修\"\n[input]\nphone = { label = \"电话\" }\n[step.ask]\nask = \"group:热线\"\n";
    let place = place(&[("repair", form)]).await;
    let viewer = token(&place, "viewer", Role::Viewer, &["other"], None).await;
    let begin = async |client: &super::client::Client, language: &[(&str, &str)]| {
        let headers = [&[("content-type", "application/json")], language].concat();
        client
            .send("POST", "/api/v1/workflows/repair/runs", &headers, json!({}).to_string().into_bytes())
            .await
    };
    let zh = [("accept-language", "zh-CN,zh;q=0.9")];
    let (theirs, plain) = (begin(&viewer, &zh).await, begin(&viewer, &[]).await);
    assert_eq!(
        (theirs.status, theirs.code()),
        (plain.status, plain.code()),
        "what programs go by is the same"
    );
    assert_eq!(theirs.header("content-language"), Some("zh"));
    assert!(theirs.json()["detail"].as_str().unwrap().starts_with("需要 "), "{theirs:?}");
    assert!(plain.json()["detail"].as_str().unwrap().starts_with("this needs the role"), "{plain:?}");
    // Of fields each is told, and beside its name.
    let faults = begin(&place.token, &zh).await.json();
    assert!(faults["fields"][0]["message"].as_str().unwrap().contains("电话"), "{faults}");
    assert_eq!(faults["detail"], faults["fields"][0]["message"]);
    place.stop().await;
}
