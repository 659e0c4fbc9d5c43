//! What goes to a robot, and what its answers mean. The signatures were computed with another program.

use yizhan_plugin_api::Harness;

use super::*;
use crate::Webhook;

const WECOM: &str = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a91f6";
const DINGTALK: &str = "https://oapi.dingtalk.com/robot/send?access_token=566cc69d";
const FEISHU: &str = "https://open.feishu.cn/open-apis/bot/v2/hook/6a1b2c3d";
const SECRET: &str = "SEC0123456789abcdef";

fn answering(address: &str, status: u16, body: &str) -> Harness<Webhook> {
    let plugin = Harness::new(&json!({})).unwrap();
    plugin.secret("robot", &format!("{address}\n")).secret("sign", SECRET).http(
        &format!("POST {address}"),
        status,
        body,
    )
}

fn message(kind: &str) -> Value {
    json!({ "kind": kind, "address": { "secret": "robot" }, "title": "停水 2 小时", "text": "城南片区\n请通知用户",
            "link": "https://yizhan.example.com/runs/run_1" })
}

/// The body that the one request had.
#[track_caller]
fn sent(plugin: &Harness<Webhook>) -> Value {
    let fetches: Vec<_> = plugin.requests().into_iter().filter(|(op, _)| op == "http.fetch/1").collect();
    assert_eq!(fetches.len(), 1, "{fetches:?}");
    serde_json::from_str(fetches[0].1["body"]["text"].as_str().unwrap()).unwrap()
}

#[test]
fn each_vendor_gets_title_text_and_link_in_its_own_form() {
    let markdown = "**停水 2 小时**\n\n城南片区\n\n请通知用户\n\n\
                    [https://yizhan.example.com/runs/run_1](https://yizhan.example.com/runs/run_1)";
    let link = "https://yizhan.example.com/runs/run_1";
    let post = json!({ "zh_cn": { "title": "停水 2 小时", "content": [
        [{ "tag": "text", "text": "城南片区" }], [{ "tag": "text", "text": "请通知用户" }],
        [{ "tag": "a", "text": link, "href": link }],
    ] } });
    for (kind, address, answer, expected) in [
        (
            "wecom",
            WECOM,
            r#"{"errcode":0,"errmsg":"ok"}"#,
            json!({ "msgtype": "markdown", "markdown": { "content": markdown } }),
        ),
        (
            "dingtalk",
            DINGTALK,
            r#"{"errcode":0,"errmsg":"ok"}"#,
            json!({ "msgtype": "markdown", "markdown": { "title": "停水 2 小时", "text": markdown } }),
        ),
        (
            "feishu",
            FEISHU,
            r#"{"code":0,"msg":"success"}"#,
            json!({ "msg_type": "post", "content": { "post": post } }),
        ),
    ] {
        let plugin = answering(address, 200, answer);
        assert_eq!(plugin.run("chat", &message(kind)).unwrap(), json!({ "cut": false }), "{kind}");
        assert_eq!(sent(&plugin), expected, "{kind}");
    }
}

#[test]
fn the_signatures_are_those_that_the_vendors_count() {
    let now = Duration::from_millis(1_767_225_600_123);
    let of = |kind| signature(kind, SECRET, now).unwrap();
    assert_eq!(
        of(Kind::Dingtalk),
        ("1767225600123".into(), "hMcDGhJiDtObVyiB+eN64T57tbf88fhdBUXWQ1wX+3U=".into())
    );
    assert_eq!(
        of(Kind::Feishu),
        ("1767225600".into(), "lhApIVyDpG9gvzJVLszopHlzeRhChg0MoDPN71YXJ1U=".into())
    );
}

/// A customer who writes a mention or a link into a title reaches nobody with it.
#[test]
fn what_a_message_says_is_no_markup() {
    let evil = "<@all> [中奖](https://evil.example.com) **重要** `x` <at id=all></at>\n# 大标题";
    for (kind, address, answer) in [
        ("wecom", WECOM, r#"{"errcode":0}"#),
        ("dingtalk", DINGTALK, r#"{"errcode":0}"#),
        ("feishu", FEISHU, r#"{"code":0}"#),
    ] {
        let plugin = answering(address, 200, answer);
        let mut input = message(kind);
        (input["title"], input["text"]) = (evil.into(), evil.into());
        plugin.run("chat", &input).unwrap();
        let body = sent(&plugin);
        match kind {
            "feishu" => {
                // Its texts are parts of their own, in which nothing is read.
                let content = &body["content"]["post"]["zh_cn"]["content"];
                let tags: Vec<_> = content.as_array().unwrap().iter().map(|line| &line[0]["tag"]).collect();
                assert_eq!(tags, ["text", "text", "a"], "{body}");
            }
            _ => {
                let markdown = &body["markdown"];
                let text = markdown["content"].as_str().or(markdown["text"].as_str()).unwrap();
                let said = text.split("[https://yizhan").next().unwrap();
                let said = said.strip_prefix("**").unwrap().replacen("**", "", 1);
                assert!(!said.contains(['<', '>', '[', ']', '*', '`', '#']), "{said}");
            }
        }
    }
}

#[test]
fn a_long_text_is_cut_and_said_to_be() {
    let plugin = answering(WECOM, 200, r#"{"errcode":0}"#);
    let mut input = message("wecom");
    input["text"] = "长".repeat(5_000).into();
    assert_eq!(plugin.run("chat", &input).unwrap(), json!({ "cut": true }));
    let content = sent(&plugin)["markdown"]["content"].as_str().unwrap().to_owned();
    assert!(content.len() <= 4_096, "WeCom takes 4096 bytes: {}", content.len());
    assert!(content.contains('…') && content.contains("run_1"), "{content}");
}

#[test]
fn a_code_in_the_answer_says_whether_to_try_again_and_what_to_mend() {
    for (kind, address, answer, code, later, help) in [
        (
            "wecom",
            WECOM,
            r#"{"errcode":45009,"errmsg":"api freq out of limit"}"#,
            "webhook.try_later",
            Some(60),
            "",
        ),
        (
            "dingtalk",
            DINGTALK,
            r#"{"errcode":130101,"errmsg":"send too fast"}"#,
            "webhook.try_later",
            Some(600),
            "",
        ),
        ("feishu", FEISHU, r#"{"code":11232,"msg":"frequency limited"}"#, "webhook.try_later", Some(60), ""),
        (
            "wecom",
            WECOM,
            r#"{"errcode":93000,"errmsg":"invalid webhook url"}"#,
            "webhook.refused",
            None,
            "no such robot",
        ),
        (
            "dingtalk",
            DINGTALK,
            r#"{"errcode":310000,"errmsg":"sign not match"}"#,
            "webhook.refused",
            None,
            "SEC",
        ),
        ("feishu", FEISHU, r#"{"code":19021,"msg":"sign match fail"}"#, "webhook.refused", None, "clock"),
        (
            "feishu",
            FEISHU,
            r#"{"code":19024,"msg":"Key Words Not Found"}"#,
            "webhook.refused",
            None,
            "keyword",
        ),
    ] {
        let error = answering(address, 200, answer).run("chat", &message(kind)).unwrap_err();
        assert_eq!((error.code.as_str(), error.happened), (code, Happened::No), "{answer}");
        assert_eq!(error.retry, later.is_some(), "{answer}");
        assert_eq!(error.retry_after_s, later.map(f64::from), "{answer}");
        assert!(error.help.unwrap_or_default().contains(help), "{answer}");
    }
    let error = answering(WECOM, 200, "<html>login</html>").run("chat", &message("wecom")).unwrap_err();
    assert_eq!((error.code.as_str(), error.happened), ("webhook.bad_reply", Happened::Maybe));
    assert!(answering(WECOM, 502, "").run("chat", &message("wecom")).unwrap_err().retry);
}

#[test]
fn what_cannot_be_sent_is_refused_before_anything_goes_out() {
    let no_address = |value: &str| {
        let plugin: Harness<Webhook> = Harness::new(&json!({})).unwrap();
        let plugin = plugin.secret("robot", value);
        let error = plugin.run("chat", &message("wecom")).unwrap_err();
        assert_eq!(error.code, "webhook.bad_chat", "{value}");
        assert!(!format!("{error:?}").contains("693a91f6"), "the address is not told");
        assert!(plugin.requests().iter().all(|(op, _)| op != "http.fetch/1"), "nothing was sent");
    };
    no_address("693a91f6");
    no_address("http://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a91f6");
    no_address("https://qyapi.weixin.qq.com/693a91f6");
    let refused = |change: fn(&mut Value)| {
        let mut input = message("wecom");
        change(&mut input);
        let plugin = answering(WECOM, 200, r#"{"errcode":0}"#);
        assert_eq!(plugin.run("chat", &input).unwrap_err().code, "webhook.bad_chat");
        assert!(plugin.requests().iter().all(|(op, _)| op != "http.fetch/1"), "nothing was sent");
    };
    refused(|input| input["title"] = " ".into());
    refused(|input| input["link"] = "javascript:alert(1)".into());
    refused(|input| input["sign"] = json!({ "secret": "sign" }));
}
