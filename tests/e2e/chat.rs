//! Robots of group chats, over real HTTPS: what the group reads, how each vendor's messages are signed, and what too many
//! of them come to.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::house::{House, step, until};
use crate::https::HttpsServer;

const SECRET: &str = "SECabcdef0123456789";

const PEOPLE: &str = "[person.\"li.na\"]\nname = \"李娜\"\nmail = \"li@example.com\"\n\
                      [group.\"热线\"]\nmembers = [\"li.na\"]\n[group.\"财务\"]\nmembers = [\"li.na\"]\n";

const CASE: &str = r#"
title = "停水"
owner = "group:财务"
key = "{{ input.area }}"
[input]
area  = { label = "片区", type = "text" }
phone = { label = "报修电话", type = "text", private = true, required = false }
[step.tell]
ask = "group:热线"
title = "通知 {{ input.area }} 用户 {{ input.phone }}"
due = "2h"
form.done = { label = "通知了几户", type = "whole" }
[step.pay]
ask = "group:财务"
title = "核减水费"
due = "2h"
form.done = { label = "核减了", type = "yesno" }
"#;

/// By the definition of RFC 2104, beside the library that the plugin has it from.
fn hmac(key: &str, message: &str) -> String {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key.as_bytes());
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    let outer = Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize();
    BASE64.encode(outer)
}

fn parameter(target: &str, name: &str) -> String {
    let (_, query) = target.split_once('?').unwrap();
    let pair = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}="))).unwrap();
    pair.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=")
}

/// A house whose groups have a robot each, all at this server.
fn house(server: &HttpsServer, chats: &str) -> House {
    let house =
        House::with(&format!("url = \"https://house.example.com\"\n[egress]\n{}{chats}", server.trusted()));
    server.introduce(&house);
    house.write("config/people.toml", PEOPLE);
    house.write("secrets/wecom", server.url("cgi-bin/webhook/send?key=693a91f6"));
    house.write("secrets/dingtalk", server.url("robot/send?access_token=566cc69d"));
    house.write("secrets/feishu", server.url("open-apis/bot/v2/hook/6a1b2c3d"));
    house.write("secrets/sign", SECRET);
    for name in ["wecom", "dingtalk", "feishu", "sign"] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(house.file(&format!("secrets/{name}")), mode).unwrap();
    }
    house.workflow("outage", CASE);
    house
}

const CHATS: &str = r#"
[tell.chat.hotline]
kind = "wecom"
address = { secret = "wecom" }
for = ["group:热线"]
[tell.chat.money]
kind = "dingtalk"
address = { secret = "dingtalk" }
sign = { secret = "sign" }
for = ["group:财务"]
[tell.chat.all]
kind = "feishu"
address = { secret = "feishu" }
sign = { secret = "sign" }
"#;

fn seconds() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn a_task_is_told_to_the_chat_of_its_group_in_the_vendors_form_and_signed_as_the_vendor_counts() {
    // Both ways of the vendors to say that all is well.
    let server = HttpsServer::start(&[Some("200 OK\t{\"errcode\":0,\"code\":0}")]);
    let mut house = house(&server, CHATS);
    house.start();
    let run = house.run("outage", &json!({ "area": "城南", "phone": "13800000000" }));
    let calls = until("two messages", || Some(server.calls()).filter(|calls| calls.len() >= 2));
    let to = |path: &str| -> (String, Value) {
        let call = server.calls().into_iter().find(|call| call.target.starts_with(path)).unwrap();
        (call.target, serde_json::from_str(&call.body).unwrap())
    };
    assert!(calls.iter().all(|call| !call.target.starts_with("/robot")), "finance has nothing to do yet");
    let (_, wecom) = to("/cgi-bin/webhook/send?key=693a91f6");
    let content = wecom["markdown"]["content"].as_str().unwrap();
    for part in [
        "**【驿站】待办:通知 城南 用户 ＊＊＊", // Not all of the group may see the number.
        "期限:2",
        "归:热线",
        &format!("(https://house.example.com/runs/{run})"),
    ] {
        assert!(content.contains(part), "`{part}` is missing in {content}");
    }
    let mail = until("the mail", || house.mails().pop());
    assert!(String::from_utf8_lossy(&mail).contains("13800000000"), "whoever is asked knows whom to call");
    assert!(!content.contains("/m/"), "a link that answers is nobody's but its reader's");
    let (_, feishu) = to("/open-apis/bot/v2/hook/6a1b2c3d");
    let time = feishu["timestamp"].as_str().unwrap();
    assert_eq!(feishu["sign"], hmac(&format!("{time}\n{SECRET}"), ""));
    assert!(seconds().abs_diff(time.parse().unwrap()) < 300, "Feishu counts seconds: {time}");
    assert!(
        feishu["content"]["post"]["zh_cn"]["title"].as_str().unwrap().contains("通知 城南 用户"),
        "{feishu}"
    );

    let task = house.task(&run);
    let answered = house.call(&["task", "answer", task["id"].as_str().unwrap(), "--set", "done=12"]);
    assert_eq!(answered.code, 0, "{answered:?}");
    until("the message to finance", || {
        server.calls().iter().any(|call| call.target.starts_with("/robot")).then_some(())
    });
    let (target, dingtalk) = to("/robot/send?access_token=566cc69d");
    let time = parameter(&target, "timestamp");
    assert_eq!(parameter(&target, "sign"), hmac(SECRET, &format!("{time}\n{SECRET}")));
    assert!(
        seconds().abs_diff(time.parse::<u64>().unwrap() / 1000) < 300,
        "DingTalk counts milliseconds: {time}"
    );
    assert!(dingtalk["markdown"]["text"].as_str().unwrap().contains("核减水费"), "{dingtalk}");
    until("all to be told", || (house.get("/api/v1/doctor")["findings"] == json!([])).then_some(()));
    assert_eq!(server.calls().len(), 4, "each once: {:?}", server.calls());
    assert!(!house.log().contains("693a91f6") && !house.log().contains(SECRET), "secrets are in no log");
}

#[test]
fn a_robot_that_takes_no_message_is_named_by_the_doctor_and_the_mail_goes_out_all_the_same() {
    let server =
        HttpsServer::start(&[Some("200 OK\t{\"errcode\":93000,\"errmsg\":\"invalid webhook url\"}")]);
    let mut house = house(&server, CHATS);
    house.start();
    house.run("outage", &json!({ "area": "城北" }));
    let said = until("the doctor to name it", || {
        let said = house.get("/api/v1/doctor").to_string();
        said.contains("93000").then_some(said)
    });
    assert!(said.contains("/chat/hotline"), "{said}");
    assert!(!said.contains("693a91f6"), "{said}");
    until("the mail", || house.mails().pop());
}

#[test]
fn a_step_writes_into_a_chat_and_comes_again_when_the_robot_asks_for_a_pause() {
    let server = HttpsServer::start(&[
        Some("200 OK\t{\"errcode\":-1,\"errmsg\":\"system busy\"}"),
        Some("200 OK\t{\"errcode\":0,\"errmsg\":\"ok\"}"),
    ]);
    let mut house = house(&server, "[tell]\ntasks = false\n");
    house.workflow(
        "say",
        "title = \"播报\"\n[step.say]\nuse = \"webhook.chat\"\nwith.kind = \"dingtalk\"\n\
         with.address = { secret = \"dingtalk\" }\nwith.sign = { secret = \"sign\" }\nwith.title = \"日报\"\n\
         with.text = \"来电 3 个\"\n",
    );
    house.start();
    let view = house.ends(&house.run("say", &json!({})), "done");
    let item = &step(&view, "say")["items"][0];
    assert_eq!((&item["attempts"], &item["output"]["cut"]), (&json!(2), &json!(false)), "{view:#}");
    let signs: Vec<String> = server.calls().iter().map(|call| parameter(&call.target, "timestamp")).collect();
    assert_eq!(signs.len(), 2);
    assert_ne!(signs[0], signs[1], "each attempt is signed anew: an hour later the old one is void");
}
