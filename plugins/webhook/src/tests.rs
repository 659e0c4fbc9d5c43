//! What goes out, and what a reply means. `Harness` stands for the host; `sent` is what it was asked to fetch.

use std::time::Duration;

use serde_json::{Value, json};
use yizhan_plugin_api::Harness;
use yizhan_plugin_api::prelude::*;
use yizhan_plugin_api::sdk::Plugin;

use crate::Webhook;
use crate::path::JsonPath;
use crate::sign::signature;

const KEY: &str = "abcdefghijklmnopqrstuvwxyz234567";
const URL: &str = "https://crm.example.com/customers";
/// 24 bytes, from the specification's own example.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn plugin() -> Harness<Webhook> {
    Harness::new(&json!({})).unwrap()
}

fn answering(status: u16, body: &str) -> Harness<Webhook> {
    plugin().http(&format!("POST {URL}"), status, body)
}

fn call(mut input: Value) -> Value {
    input["url"] = input.get("url").cloned().unwrap_or_else(|| URL.into());
    input
}

/// The one request the host got.
#[track_caller]
fn sent(plugin: &Harness<Webhook>) -> Value {
    let fetches: Vec<_> = plugin.requests().into_iter().filter(|(op, _)| op == "http.fetch/1").collect();
    assert_eq!(fetches.len(), 1, "{fetches:?}");
    fetches[0].1.clone()
}

fn header(request: &Value, sought: &str) -> Vec<String> {
    let headers = request["headers"].as_array().unwrap().iter();
    let named = headers.filter(|pair| pair[0].as_str().unwrap().eq_ignore_ascii_case(sought));
    named.map(|pair| pair[1].as_str().unwrap().to_owned()).collect()
}

#[test]
fn json_goes_out_as_it_stands_with_the_key_of_the_step() {
    let plugin = answering(200, "");
    plugin.run("call", &call(json!({ "json": { "名称": "华东公司", "credit": 5000 } }))).unwrap();
    let request = sent(&plugin);
    assert_eq!((&request["method"], &request["url"]), (&json!("POST"), &json!(URL)));
    assert_eq!(request["body"]["text"], r#"{"名称":"华东公司","credit":5000}"#);
    assert_eq!(header(&request, "content-type"), ["application/json"]);
    assert_eq!(header(&request, "idempotency-key"), [KEY]);
    assert_eq!(request["timeout_ms"], 30_000);
}

#[test]
fn a_form_a_text_and_a_query_are_encoded() {
    let plugin = plugin().http("PUT https://crm.example.com/?a=1&q=%E5%8D%8E%26&n=x&n=y", 200, "");
    let query = json!({ "q": "华&", "n": ["x", "y"], "none": null });
    let form = json!({ "名": "华 东", "n": [1, true] });
    plugin
        .run("call", &json!({ "url": "https://crm.example.com?a=1#part", "method": "put", "query": query, "form": form }))
        .unwrap();
    let request = sent(&plugin);
    assert_eq!(request["body"]["text"], "%E5%90%8D=%E5%8D%8E+%E4%B8%9C&n=1&n=true");
    assert_eq!(header(&request, "content-type"), ["application/x-www-form-urlencoded"]);

    let plugin = answering(200, "");
    let input = json!({ "text": "<x/>", "headers": { "Content-Type": "application/xml", "X-Unit": "热线" } });
    plugin.run("call", &call(input)).unwrap();
    let request = sent(&plugin);
    assert_eq!(header(&request, "content-type"), ["application/xml"]);
    assert_eq!(header(&request, "x-unit"), ["热线"]);
}

#[test]
fn a_form_with_files_is_what_a_browser_sends_and_the_same_every_time() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("档案.txt"), "甲\r\n").unwrap();
    let multipart = json!([
        { "name": "编号", "text": "KH1" },
        { "name": "f", "path": "档案.txt", "type": "text/plain" },
        { "name": "a\"\r\nX: 1", "artifact": "art_1", "filename": "b\".png" },
    ]);
    let body = || {
        let roots = json!({ "roots": { "files": home.path().to_str().unwrap() } });
        let plugin: Harness<Webhook> = Harness::new(&roots).unwrap();
        let plugin = plugin.artifact("art_1", "a.png", b"\x89PNG").http(&format!("POST {URL}"), 200, "");
        plugin.run("call", &call(json!({ "multipart": multipart }))).unwrap();
        let request = sent(&plugin);
        assert_eq!(header(&request, "content-type"), [format!("multipart/form-data; boundary=yizhan-{KEY}")]);
        decoded(request["body"]["base64"].as_str().unwrap())
    };
    let expected = [
        format!("--yizhan-{KEY}\r\nContent-Disposition: form-data; name=\"编号\"\r\n\r\nKH1\r\n").as_bytes(),
        format!("--yizhan-{KEY}\r\nContent-Disposition: form-data; name=\"f\"; filename=\"档案.txt\"\r\n")
            .as_bytes(),
        "Content-Type: text/plain\r\n\r\n甲\r\n\r\n".as_bytes(),
        format!("--yizhan-{KEY}\r\nContent-Disposition: form-data; name=\"a%22%0D%0AX: 1\"; ").as_bytes(),
        b"filename=\"b%22.png\"\r\n\r\n\x89PNG\r\n",
        format!("--yizhan-{KEY}--\r\n").as_bytes(),
    ]
    .concat();
    assert_eq!(body(), expected);
    assert_eq!(body(), expected);
}

fn decoded(base64: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(base64).unwrap()
}

#[test]
fn the_boundary_is_in_none_of_the_parts() {
    let plugin = answering(200, "");
    let text = format!("--yizhan-{KEY}\r\n");
    plugin.run("call", &call(json!({ "multipart": [{ "name": "a", "text": text }] }))).unwrap();
    assert_eq!(
        header(&sent(&plugin), "content-type"),
        [format!("multipart/form-data; boundary=yizhan-{KEY}x")]
    );
}

#[test]
fn a_stored_file_as_the_body_does_not_pass_through_the_plugin() {
    let plugin = answering(200, "").artifact("art_1", "a.png", b"\x89PNG");
    plugin.run("call", &call(json!({ "artifact": "art_1" }))).unwrap();
    assert_eq!(sent(&plugin)["body"]["artifact"], "art_1");
    assert!(plugin.requests().iter().all(|(op, _)| op != "artifact.get/1"));
}

#[test]
fn the_signature_is_that_of_the_specification() {
    let known = signature(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
    assert_eq!(known.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    let plain = "0123456789abcdef01234567";
    assert!(signature(plain, "a", 1, b"").is_ok(), "a secret may also be plain text");
    for weak in ["short", "whsec_MTIz", "whsec_***", ""] {
        let error = signature(weak, "a", 1, b"").unwrap_err();
        assert_eq!((error.code.as_str(), error.happened), ("webhook.bad_secret", Happened::No));
        assert!(weak.is_empty() || !format!("{error:?}").contains(weak), "the secret is not told");
    }
}

#[test]
fn a_signed_call_carries_id_time_and_signature_of_the_very_body() {
    let plugin = answering(200, "").secret("warehouse", &format!("{SECRET}\n"));
    plugin
        .run("call", &call(json!({ "json": { "slip": "一" }, "sign": { "secret": "warehouse" } })))
        .unwrap();
    let request = sent(&plugin);
    assert_eq!(header(&request, "webhook-id"), [KEY]);
    let timestamp: i64 = header(&request, "webhook-timestamp")[0].parse().unwrap();
    let expected = signature(SECRET, KEY, timestamp, request["body"]["text"].as_str().unwrap().as_bytes());
    assert_eq!(header(&request, "webhook-signature"), [expected.unwrap()]);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(now.abs_diff(timestamp.unsigned_abs()) < 60);
}

#[test]
fn a_call_without_a_body_is_signed_too() {
    let plugin = plugin().http(&format!("DELETE {URL}"), 404, "").secret("warehouse", SECRET);
    let input =
        json!({ "method": "DELETE", "expect": [200, 202, 204, 404], "sign": { "secret": "warehouse" } });
    assert_eq!(plugin.run("call", &call(input)).unwrap()["status"], 404);
    let request = sent(&plugin);
    let timestamp = header(&request, "webhook-timestamp")[0].parse().unwrap();
    assert_eq!(header(&request, "webhook-signature"), [signature(SECRET, KEY, timestamp, b"").unwrap()]);
}

#[test]
fn secrets_go_into_headers_and_nowhere_else() {
    for (input, name, expected) in [
        (json!({ "bearer": { "secret": "crm" } }), "authorization", "Bearer to-k3n"),
        (json!({ "basic": { "user": "yz", "secret": "crm" } }), "authorization", "Basic eXo6dG8tazNu"),
        (json!({ "headers": { "X-Api-Key": { "secret": "crm" } } }), "x-api-key", "to-k3n"),
    ] {
        let plugin = answering(200, "").secret("crm", "to-k3n\n");
        let output = plugin.run("call", &call(input)).unwrap();
        assert_eq!(header(&sent(&plugin), name), [expected]);
        assert!(!output.to_string().contains("to-k3n"));
    }
    let plugin = answering(200, "").secret("crm", "two\nlines");
    let error = plugin.run("call", &call(json!({ "bearer": { "secret": "crm" } }))).unwrap_err();
    assert_eq!(error.code, "webhook.bad_secret");
    assert!(!error.message.contains("lines"));
    assert!(plugin.requests().iter().all(|(op, _)| op != "http.fetch/1"), "nothing was sent");
}

/// Each status with its code, whether to try again, and whether anything can have happened.
#[test]
fn a_status_says_whether_to_try_again_and_whether_anything_happened() {
    for (status, code, retry, happened) in [
        (199, "webhook.unexpected", false, Happened::Yes),
        (301, "webhook.redirected", false, Happened::No),
        (302, "webhook.redirected", false, Happened::No),
        (304, "webhook.redirected", false, Happened::No),
        (307, "webhook.redirected", false, Happened::No),
        (400, "webhook.refused", false, Happened::No),
        (401, "webhook.refused", false, Happened::No),
        (404, "webhook.refused", false, Happened::No),
        (408, "webhook.try_later", true, Happened::No),
        (409, "webhook.refused", false, Happened::No),
        (410, "webhook.gone", false, Happened::No),
        (422, "webhook.refused", false, Happened::No),
        (425, "webhook.try_later", true, Happened::No),
        (429, "webhook.try_later", true, Happened::No),
        (500, "webhook.server_error", true, Happened::Maybe),
        (502, "webhook.server_error", true, Happened::Maybe),
        (503, "webhook.server_error", true, Happened::Maybe),
        (599, "webhook.server_error", true, Happened::Maybe),
    ] {
        let error = answering(status, "因为\n如此").run("call", &call(json!({}))).unwrap_err();
        assert_eq!((error.code.as_str(), error.retry, error.happened), (code, retry, happened), "{status}");
        assert!(
            error.message.contains(&status.to_string()) && error.message.contains("因为 如此"),
            "{error}"
        );
    }
}

#[test]
fn what_is_expected_is_done_and_all_else_is_not() {
    for (expect, status, is_done) in [
        (json!(null), 200, true),
        (json!(null), 299, true),
        (json!(null), 300, false),
        (json!([200, 201, 202, 204]), 204, true),
        (json!([200, 201, 202, 204]), 203, false),
        (json!(404), 404, true),
        (json!("3xx"), 302, true),
        (json!(["2xx", 404]), 404, true),
        (json!(["2xx", "404"]), 404, true),
        (json!([]), 200, false),
    ] {
        let mut input = call(json!({}));
        if !expect.is_null() {
            input["expect"] = expect.clone();
        }
        assert_eq!(answering(status, "").run("call", &input).is_ok(), is_done, "{expect} and {status}");
    }
    for expect in [json!("ok"), json!(["7xx"]), json!([99]), json!(600), json!("xx"), json!("2x")] {
        let plugin = answering(200, "");
        let error = plugin.run("call", &call(json!({ "expect": expect }))).unwrap_err();
        assert_eq!(error.code, "webhook.bad_expect", "{expect}");
        assert!(plugin.requests().is_empty(), "nothing was sent");
    }
}

#[test]
fn retry_after_is_honoured_in_seconds_and_as_a_date() {
    let after = |status: u16, value: &str| {
        let plugin = plugin().http_reply(&format!("POST {URL}"), status, &[("Retry-After", value)], "");
        plugin.run("call", &call(json!({}))).unwrap_err().retry_after_s
    };
    assert_eq!(after(429, "120"), Some(120.0));
    assert_eq!(after(503, "7"), Some(7.0));
    assert_eq!(after(503, "Wed, 21 Oct 2015 07:28:00 GMT"), Some(0.0), "the moment is past");
    assert_eq!(after(503, "soon"), None);
    assert_eq!(after(404, "120"), None, "trying again is of no use");
}

#[test]
fn an_error_of_the_host_is_handed_on_with_what_may_have_happened() {
    let error = Error::new("http.timeout", "no reply within 30 s").retry();
    let plugin = plugin().http_error(&format!("POST {URL}"), error.clone());
    assert_eq!(plugin.run("call", &call(json!({}))).unwrap_err(), error);
}

#[test]
fn a_reply_is_read_by_paths() {
    let reply = r#"{"id": "KH1", "items": [{"no": 1}, {"no": 2}], "a name": {"x": null}}"#;
    let output = |output: Value| answering(201, reply).run("call", &call(json!({ "output": output })));
    assert_eq!(output(json!("$.id")).unwrap()["output"], "KH1");
    let named = output(json!({ "last": "$.items[-1].no", "all": "$", "none": "$['a name'].x" })).unwrap();
    assert_eq!(
        (&named["last"], &named["all"]["id"], &named["none"]),
        (&json!(2), &json!("KH1"), &Value::Null)
    );
    assert_eq!((&named["status"], &named["json"]["id"]), (&json!(201), &json!("KH1")));
    for missing in ["$.nothing", "$.items[2]", "$.items[-3]", "$.id.x", "$.items.no"] {
        let error = output(json!(missing)).unwrap_err();
        assert_eq!(
            (error.code.as_str(), error.retry, error.happened),
            ("webhook.bad_reply", false, Happened::Yes)
        );
        assert!(error.message.contains(missing), "{error}");
    }
    let error = answering(200, "<html>").run("call", &call(json!({ "output": "$.id" }))).unwrap_err();
    assert_eq!((error.code.as_str(), error.happened), ("webhook.bad_reply", Happened::Yes));
}

#[test]
fn a_wrong_path_is_refused_before_anything_is_sent() {
    for output in [
        json!("id"),
        json!("$id"),
        json!("$."),
        json!("$.a["),
        json!("$.a[x]"),
        json!("$['a"),
        json!("$.*"),
        json!({ "status": "$.a" }),
    ] {
        let plugin = answering(200, "{}");
        let error = plugin.run("call", &call(json!({ "output": output }))).unwrap_err();
        assert_eq!((error.code.as_str(), error.happened), ("webhook.bad_output", Happened::No), "{output}");
        assert!(plugin.requests().is_empty());
    }
    assert!(JsonPath::parse(" $ ").is_ok());
}

#[test]
fn of_the_headers_only_those_that_say_something_come_back() {
    let headers = [("Location", "/c/1"), ("Set-Cookie", "session=1"), ("Content-Type", "text/plain")];
    let plugin = plugin().http_reply(&format!("POST {URL}"), 201, &headers, "ok");
    let output = plugin.run("call", &call(json!({}))).unwrap();
    assert_eq!(output["headers"], json!({ "location": "/c/1", "content-type": "text/plain" }));
    assert_eq!(output["body"], "ok");
}

#[test]
fn a_long_reply_becomes_an_artifact_and_can_still_be_read_by_paths() {
    let reply = json!({ "id": 7, "filler": "x".repeat(300 << 10) }).to_string();
    let plugin = answering(200, &reply);
    let output = plugin.run("call", &call(json!({ "output": { "id_there": "$.id" } }))).unwrap();
    assert_eq!(output["id_there"], 7);
    assert!(output["body"].is_null() && output["json"].is_null() && output["artifact"].is_string());
    assert_eq!(plugin.artifacts()[0].1, reply.as_bytes());
}

#[test]
fn what_cannot_be_a_call_is_refused_before_anything_is_sent() {
    let long = "x".repeat(65);
    for (input, code) in [
        (json!({ "url": "ftp://example.com/" }), "webhook.bad_url"),
        (json!({ "url": "file:///etc/passwd" }), "webhook.bad_url"),
        (json!({ "url": "example.com" }), "webhook.bad_url"),
        (json!({ "url": "https://user:pass@example.com/" }), "webhook.bad_url"),
        (json!({ "url": "https://" }), "webhook.bad_url"),
        (json!({ "method": "GET /x HTTP/1.1\r\nX: 1" }), "webhook.bad_method"),
        (json!({ "method": "CONNECT" }), "webhook.bad_method"),
        (json!({ "method": "" }), "webhook.bad_method"),
        (json!({ "json": 1, "text": "x" }), "webhook.bad_body"),
        (json!({ "form": { "a": { "b": 1 } } }), "webhook.bad_body"),
        (json!({ "multipart": [{ "name": "a" }] }), "webhook.bad_body"),
        (json!({ "multipart": [{ "name": "a", "path": "../secret" }] }), "file.no_root"),
        (json!({ "multipart": [{ "name": "a", "text": "x", "type": "a\r\nX: 1" }] }), "webhook.bad_body"),
        (json!({ "timeout_s": 0 }), "webhook.bad_timeout"),
        (json!({ "timeout_s": 601 }), "webhook.bad_timeout"),
        (
            json!({ "bearer": { "secret": "a" }, "basic": { "user": "u", "secret": "a" } }),
            "webhook.bad_header",
        ),
        (json!({ "bearer": { "secret": "a" }, "headers": { "authorization": "x" } }), "webhook.bad_header"),
        (json!({ "headers": { "": "x" } }), "webhook.bad_header"),
        (json!({ "headers": { (long.as_str()): "x" } }), "webhook.bad_header"),
        (json!({ "colour": "red" }), "plugin.input_invalid"),
    ] {
        let plugin = plugin().secret("a", "0123456789");
        let error = plugin.run("call", &call(input.clone())).unwrap_err();
        assert_eq!((error.code.as_str(), error.happened), (code, Happened::No), "{input}");
        assert!(plugin.requests().iter().all(|(op, _)| op != "http.fetch/1"), "{input}");
    }
}

#[test]
fn nobody_smuggles_lines_into_headers_or_sets_those_that_are_the_plugins_own() {
    let values =
        ["a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\rX-Evil: 1", "a\0b", "a\u{7f}", "a\u{85}X: 1", "a\x1b[31m"];
    let mut headers: Vec<(String, &str)> = values.iter().map(|value| ("X-A".to_owned(), *value)).collect();
    let names = [
        "X-A\r\nX-Evil",
        "X-A\nX-Evil",
        "X-A: x\r\nX-Evil",
        "X A",
        "X:A",
        "X\0A",
        "名",
        "X_A",
        "X\tA",
        "(X)",
        "Host",
        "host",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "Idempotency-Key",
        "webhook-id",
        "Webhook-Signature",
        "webhook-timestamp",
        "TE",
        "Upgrade",
        "Proxy-Authorization",
    ];
    headers.extend(names.iter().map(|name| ((*name).to_owned(), "x")));
    for (name, value) in headers {
        let plugin = answering(200, "");
        let error = plugin.run("call", &call(json!({ "headers": { (name.as_str()): value } }))).unwrap_err();
        assert_eq!(
            (error.code.as_str(), error.happened),
            ("webhook.bad_header", Happened::No),
            "{name:?}: {value:?}"
        );
        assert!(plugin.requests().is_empty(), "{name:?}: {value:?}");
        assert!(!error.message.contains(['\r', '\n', '\0']));
    }
}

#[test]
fn schemas_use_only_what_a_check_of_a_workflow_can_walk() {
    for action in Webhook::actions() {
        for schema in [(action.input)(), (action.output)()] {
            let text = schema.to_value().to_string();
            for word in ["anyOf", "allOf", "\"not\"", "patternProperties"] {
                assert!(!text.contains(word), "{word}: {text}");
            }
        }
    }
}

#[test]
fn a_call_that_takes_its_time_is_given_the_time_it_asks_for() {
    let plugin = answering(200, "");
    plugin.run("call", &call(json!({ "timeout_s": 1.5 }))).unwrap();
    let asked = Duration::from_millis(sent(&plugin)["timeout_ms"].as_u64().unwrap());
    assert_eq!(asked, Duration::from_millis(1500));
}
