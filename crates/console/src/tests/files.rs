//! Files of a case, for whoever sees them in it.

use serde_json::{Value as Json, json};

use yizhan_access::UploadsMost;
use yizhan_workflow::people::rights::Role;

use super::client::{Client, FORM, OUR_PAGE, Reply};
use super::links::{link, use_link};
use super::place::{Place, place, place_with};
use super::rights::{FROM_OUR_PAGE, session, token};
use crate::HttpSettings;

const CLAIM: &str = r#"
title = "报销"
owner = "role:班长"
[input]
bill    = { label = "发票", type = "file" }
illness = { label = "病历", type = "file", private = true, required = false }
[step.look]
ask = "person:li.na"
due = "24h"
form.ok = { label = "行吗", type = "yesno" }
"#;

async fn sent(place: &Place, name: &str, content: &str) -> String {
    let path = format!("/api/v1/artifacts?name={name}");
    let kept = place.socket.send("POST", &path, &[], content.as_bytes().to_vec()).await.json();
    assert_eq!((&kept["name"], &kept["size"]), (&json!(name), &json!(content.len())));
    kept["artifact"].as_str().unwrap().to_owned()
}

async fn got(client: &Client, path: &str) -> (u16, String) {
    let reply = client.get(&format!("/api/v1/{path}")).await;
    (reply.status, if reply.status == 200 { reply.body.clone() } else { reply.code() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_for_whoever_sees_it_in_a_run_or_a_task_and_its_hash_opens_nothing() {
    let place = place(&[("claim", CLAIM)]).await;
    let (bill, illness) =
        (sent(&place, "bill.pdf", "a bill").await, sent(&place, "ill.pdf", "an illness").await);
    let file = |artifact: &str| json!({ "artifact": artifact, "name": "a.pdf" });
    let run = place.start("claim", json!({ "bill": file(&bill), "illness": file(&illness) })).await;
    let task = place.task(&run).await;
    let (of_bill, of_illness) = (format!("runs/{run}/files/{bill}"), format!("runs/{run}/files/{illness}"));
    let no = (404, "YZ0404".to_owned());

    let viewer = token(&place, "looks", Role::Viewer, &[], None).await;
    assert_eq!(got(&viewer, &of_bill).await, (200, "a bill".to_owned()));
    assert_eq!(got(&viewer, &of_illness).await, no, "it is private, and the hash is no key");
    assert_eq!(got(&viewer, &format!("artifacts/{illness}")).await.0, 404, "nor is there another door");
    assert_eq!(got(&place.socket, &format!("{of_illness}?private=true")).await.1, "an illness");
    let elsewhere = token(&place, "elsewhere", Role::Viewer, &["other"], None).await;
    assert_eq!(got(&elsewhere, &of_bill).await, no, "a token is for its workflows");

    // Whoever is asked has no other right; what the case shows them they may open.
    let li = session(&place, "li.na", 0).await;
    assert_eq!(got(&li, &format!("tasks/{task}/files/{bill}")).await.1, "a bill");
    assert_eq!(got(&li, &format!("tasks/{task}/files/{illness}")).await, no);
    assert_eq!(got(&li, &of_bill).await.0, 403);
    // A draft may name anything, and opens nothing.
    let draft = json!({ "fields": { "ok": file(&illness) } }).to_string().into_bytes();
    let headers = [("content-type", "application/json"), ("sec-fetch-site", "same-origin")];
    let kept = li.send("PUT", &format!("/api/v1/tasks/{task}/draft"), &headers, draft).await;
    assert_eq!(kept.status, 200, "{}", kept.body);
    assert_eq!(got(&li, &format!("tasks/{task}/files/{illness}")).await, no);
    let audit = place.socket.get("/api/v1/audit?limit=500").await.json().to_string();
    assert!(audit.contains("/api/v1/tasks/{id}/draft"), "a draft is in the audit: {audit}");
    place.stop().await;
}

const VISITED: &str = r#"
title = "回访"
owner = "role:班长"
[input]
bills = { label = "发票", type = "files", required = false }
[trigger.desk]
by_hand = ["person:wang.wei"]
with.bills = "{{ trigger.body.bills }}"
[step.sign]
ask = "mail:customer@example.com"
due = "24h"
form.ok = { label = "行吗", type = "yesno" }
[step.sign.extend]
form.until = { label = "延到", type = "datetime" }
form.why = { label = "凭据", type = "file" }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_names_a_file_names_one_that_is_kept_and_says_its_true_size() {
    let place = place(&[("claim", CLAIM), ("visited", VISITED)]).await;
    let bill = sent(&place, "bill.pdf", "a bill of nineteen").await;
    let file = |artifact: &str| json!({ "artifact": artifact, "name": "a.pdf", "size": 1 });
    let nowhere = "0".repeat(64);
    let begin = async |workflow: &str, body: Json| {
        let reply = place.socket.post(&format!("/api/v1/workflows/{workflow}/runs"), &body).await;
        (reply.status, reply.json())
    };
    let rows = |artifact: &str| json!({ "bills": [file(artifact)] });
    for wrong in [nowhere.as_str(), "../../etc/passwd"] {
        for (workflow, body) in [
            ("claim", json!({ "input": { "bill": file(wrong) } })),
            ("visited", json!({ "input": rows(wrong) })),
            ("visited", json!({ "input": rows(wrong), "trigger": "desk", "by": "wang.wei" })),
        ] {
            let (status, told) = begin(workflow, body).await;
            assert_eq!((status, &told["code"]), (404, &json!("YZ0404")), "{workflow} {wrong}: {told}");
        }
    }
    let (_, run) = begin("claim", json!({ "input": { "bill": file(&bill) } })).await;
    let run = place.run_until(run["id"].as_str().unwrap(), |_| true).await;
    assert_eq!(run["input"]["bill"]["size"], 18);
    let (_, run) =
        begin("visited", json!({ "input": rows(&bill), "trigger": "desk", "by": "wang.wei" })).await;
    let id = run["id"].as_str().unwrap();
    assert_eq!(place.run_until(id, |_| true).await["input"]["bills"][0]["size"], 18);

    // More time is asked for with a file, and an answer came on paper.
    let task = place.task(id).await;
    let path = |what: &str| format!("/api/v1/tasks/{task}/{what}");
    let more =
        json!({ "by": "wang.wei", "fields": { "until": "2026-11-25T10:00+08:00", "why": file(&nowhere) } });
    assert_eq!(place.socket.post(&path("extend"), &more).await.code(), "YZ0404");
    let paper = |artifact: &str| {
        let whom = "mail:customer@example.com";
        json!({ "by": "wang.wei", "on_behalf_of": whom, "paper": [file(artifact)], "fields": { "ok": true } })
    };
    assert_eq!(place.socket.post(&path("answer"), &paper(&nowhere)).await.code(), "YZ0404");
    assert_eq!(place.socket.post(&path("answer"), &paper(&bill)).await.status, 200);
    let journal = place.socket.get(&format!("/api/v1/runs/{id}/journal?private=true")).await.body;
    assert!(journal.contains("\"size\":18") && !journal.contains("\"size\":1}"), "{journal}");
    place.stop().await;
}

async fn sends(client: &Client, content: &[u8]) -> Reply {
    client.send("POST", "/api/v1/artifacts?name=a.pdf", &FROM_OUR_PAGE, content.to_vec()).await
}

const COUNTER: &str = r#"
title = "窗口"
owner = "role:班长"
[input]
bill = { label = "发票", type = "file" }
[trigger.desk]
by_hand = ["group:热线"]
with.bill = "{{ trigger.body.bill }}"
[step.look]
ask = "role:班长"
due = "24h"
form.copy  = { label = "副本", type = "file" }
form.proof = { label = "凭据", type = "file", required = false }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_named_by_whoever_sent_it_or_sees_it_in_the_task_and_by_nobody_who_knows_its_hash() {
    let plain = "title = \"记\"\n[input]\nartifact = { label = \"器物\", type = \"text\" }\n[trigger.desk]\nby_hand = [\"group:热线\", \"person:wang.wei\"]\n[step.ask]\nask = \"person:li.na\"\n";
    let place = place(&[("counter", COUNTER), ("plain", plain)]).await;
    let (li, wang) = (session(&place, "li.na", 0).await, session(&place, "wang.wei", 0).await);
    let hash = |reply: Reply| reply.json()["artifact"].as_str().unwrap().to_owned();
    let (own, others) = (hash(sends(&li, b"a bill").await), hash(sends(&wang, b"a secret").await));
    let file = |artifact: &str| json!({ "artifact": artifact, "name": "a.pdf" });
    let post = async |client: &Client, path: &str, body: Json| {
        let headers = [FROM_OUR_PAGE[0], ("content-type", "application/json")];
        client.send("POST", path, &headers, body.to_string().into_bytes()).await
    };
    let begins = async |client: &Client, artifact: &str| {
        let body = json!({ "trigger": "desk", "input": { "bill": file(artifact) } });
        post(client, "/api/v1/workflows/counter/runs", body).await
    };
    let claimed = begins(&li, &others).await;
    assert_eq!((claimed.status, claimed.code()), (404, "YZ0404".to_owned()), "{}", claimed.body);
    let nowhere = begins(&li, &"0".repeat(64)).await;
    let without_hash = |reply: &Reply, hash: &str| reply.body.replace(hash, "");
    assert_eq!(
        without_hash(&claimed, &others),
        without_hash(&nowhere, &"0".repeat(64)),
        "nor is it said that somebody has it"
    );
    // Nor inside of what is theirs.
    let around = json!({ "trigger": "desk", "input": { "artifact": own, "bill": file(&others) } });
    assert_eq!(post(&li, "/api/v1/workflows/counter/runs", around).await.code(), "YZ0404");
    let plain = json!({ "trigger": "desk", "input": { "artifact": others } });
    assert_eq!(post(&li, "/api/v1/workflows/plain/runs", plain.clone()).await.code(), "YZ0404");
    assert_eq!(post(&wang, "/api/v1/workflows/plain/runs", plain).await.status, 201, "his own");
    let begun = begins(&li, &own).await;
    assert_eq!(begun.status, 201, "{}", begun.body);
    let run = begun.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/tasks/{}/answer", place.task(&run).await);
    let answer = |copy: &str, proof: &str| json!({ "fields": { "copy": file(copy), "proof": file(proof) } });
    // Of no case, and li.na's alone.
    let hers = hash(sends(&li, b"a letter").await);
    let around = json!({ "fields": { "copy": { "artifact": own, "name": "a.pdf", "more": file(&hers) }, "proof": file(&own) } });
    for body in [answer(&hers, &others), answer(&own, &hers), around] {
        assert_eq!(post(&wang, &path, body).await.code(), "YZ0404");
    }
    // A key may be written in another way, and is the same key.
    let escaped = answer(&hers, &others).to_string().replace("\"artifact\"", "\"\\u0061rtifact\"");
    let headers = [FROM_OUR_PAGE[0], ("content-type", "application/json")];
    assert_eq!(wang.send("POST", &path, &headers, escaped.into_bytes()).await.code(), "YZ0404");
    // He did not send the bill, and sees it in the case.
    let taken = post(&wang, &path, answer(&own, &others)).await;
    assert_eq!(taken.status, 200, "{}", taken.body);
    place.stop().await;
}

const WORD: &str = r#"
title = "器物"
[input]
artifact = { label = "器物", required = false }
[trigger.hook]
webhook = { signature = "none" }
[step.ask]
ask = "person:li.na"
due = "24h"
form.artifact = { label = "器物", type = "text" }
[step.ask.extend]
form.until    = { label = "延到", type = "datetime" }
form.artifact = { label = "器物", type = "text" }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_of_words_on_a_page_or_in_a_delivery_that_is_a_form_opens_no_file_either() {
    let place = place(&[("word", WORD)]).await;
    let (li, wang) = (session(&place, "li.na", 0).await, session(&place, "wang.wei", 0).await);
    let his = sends(&wang, b"a secret paper").await.json()["artifact"].as_str().unwrap().to_owned();
    let hers = sends(&li, b"a letter").await.json()["artifact"].as_str().unwrap().to_owned();
    let run = place.start("word", json!({})).await;
    let answers = async |task: &str, word: &str| {
        let body = format!("f.artifact={word}").into_bytes();
        li.send("POST", &format!("/tasks/{task}/answer"), &[FORM, OUR_PAGE], body).await.status
    };
    let task = place.task(&run).await;
    assert_eq!(answers(&task, &his).await, 404, "she knows its hash and never saw it");
    assert_eq!(got(&place.socket, &format!("runs/{run}/files/{his}")).await.0, 404);
    let more = format!("f.until=2026-11-24T15:00&f.artifact={his}").into_bytes();
    let more = li.send("POST", &format!("/tasks/{task}/extend"), &[FORM, OUR_PAGE], more).await;
    assert_eq!(more.status, 404, "{}", more.body);
    let open = place.socket.get("/api/v1/tasks").await.json()["items"][0].clone();
    let written =
        use_link(&place.stranger, &link(&place, &open, "person:li.na", None), &[("f.artifact", &his)]).await;
    assert_eq!(written.status, 404, "whoever has the mail knows no file of ours: {}", written.body);
    assert_eq!(got(&place.socket, &format!("runs/{run}/files/{his}")).await.0, 404);
    assert_eq!(answers(&task, &hers).await, 303, "her own she may name");

    let delivers = async |media: &str, body: String| {
        place
            .stranger
            .send("POST", "/hooks/word/hook", &[("content-type", media)], body.into_bytes())
            .await
            .status
    };
    assert_eq!(delivers("application/json", json!({ "artifact": his }).to_string()).await, 404);
    assert_eq!(delivers(FORM.1, format!("artifact={his}")).await, 404);
    assert_eq!(delivers(FORM.1, "artifact=vase".to_owned()).await, 202);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_sends_more_within_a_day_than_the_house_takes_and_each_is_counted_alone() {
    let most = UploadsMost { files: 3, bytes: 100 };
    let settings = HttpSettings { uploads_most: most, ..HttpSettings::default() };
    let place = place_with(&[("counter", COUNTER)], settings).await;
    let li = session(&place, "li.na", 0).await;
    let status = async |client: &Client, content: &[u8]| sends(client, content).await.status;
    assert_eq!((status(&li, &[1; 60]).await, status(&li, &[2; 41]).await), (201, 429), "bytes");
    assert_eq!(
        (status(&li, &[1; 60]).await, status(&li, &[3; 40]).await),
        (201, 201),
        "the same counts once"
    );
    let said = sends(&li, &[4; 1]).await;
    assert_eq!((said.status, said.code()), (429, "YZ0437".to_owned()));
    assert!(said.body.contains("3 files"), "{}", said.body);
    assert_eq!(status(&place.token, &[4; 1]).await, 201, "another has a day of their own");
    for number in 0..5 {
        assert_eq!(status(&place.socket, &[5, number]).await, 201, "whoever has the socket has the disk");
    }
    // A page says it in its reader's words, and has what was typed.
    let form =
        "--b\r\ncontent-disposition: form-data; name=\"f.bill\"; filename=\"a.pdf\"\r\n\r\nmore\r\n--b--\r\n";
    let headers =
        [FROM_OUR_PAGE[0], ("content-type", "multipart/form-data; boundary=b"), ("accept-language", "zh")];
    let page = li.send("POST", "/new/counter/desk", &headers, form.as_bytes().to_vec()).await;
    assert_eq!(page.status, 429, "{}", page.body);
    assert!(
        page.body.contains("每人一天最多发 3 个文件") && page.body.contains("name=\"f.bill\""),
        "{}",
        page.body
    );
    place.pass(24 * 3_600_000 + 1).await;
    let li = session(&place, "li.na", 0).await;
    assert_eq!(status(&li, &[6; 90]).await, 201, "the next day is another");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_comes_back_as_a_file_and_never_as_a_page() {
    let place = place(&[("claim", CLAIM)]).await;
    let page = sent(&place, "p.html", "<script>alert(1)</script>").await;
    let never_sent = sent(&place, "q.html", "of no case").await;
    let file = json!({ "artifact": page, "name": "p.html" });
    let run = place.start("claim", json!({ "bill": file, "illness": Json::Null })).await;
    let back = place.socket.get(&format!("/api/v1/runs/{run}/files/{page}")).await;
    assert_eq!((back.status, back.body.as_str()), (200, "<script>alert(1)</script>"));
    assert_eq!(back.header("content-disposition"), Some("attachment"));
    assert_eq!(back.header("content-type"), Some("application/octet-stream"));
    assert_eq!(back.header("x-content-type-options"), Some("nosniff"));
    for wrong in ["0".repeat(64), "..%2f..%2fetc%2fpasswd".to_owned(), page.to_uppercase(), never_sent] {
        let refused = place.socket.get(&format!("/api/v1/runs/{run}/files/{wrong}")).await;
        assert_eq!((refused.status, refused.code().as_str()), (404, "YZ0404"), "{wrong}");
    }
    place.stop().await;
}
