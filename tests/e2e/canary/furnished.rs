//! A house in which each word that lets in was used.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::lines;
use crate::house::{House, until};
use crate::https::HttpsServer;

pub(super) const ADMIN: &str = "kanarie-of-the-config/Qz81=";
const BEARER: &str = "kanarie+of/the~bearer.Wx52==";
const HOOK: &str = "kanarie/of+the.hook-Vy63";
const SMTP: &str = "kanarie of \"the\" mail & server Uk74";
const MAILBOX: &str = "kanarie-of-the-mailbox/Tj85";
const CHAT: &str = "kanarie-of-the-chat_Si96";
const PASSWORD: &str = "kanarie of <the> person & Rh07";
const WRONG: &str = "kanarie that was wrong & Pf29";

const PEOPLE: &str = r#"
[person."li.na"]
name = "李娜"
mail = "li@example.com"
[person."wang.wei"]
name = "王伟"
[group."热线"]
members = ["li.na"]
[right.house]
who = "person:wang.wei"
may = "admin"
"#;

const REGISTERS: &str =
    "[register.\"台账\"]\nnumber = \"T{n:03}\"\nfield.said = { label = \"说\", private = true }\n";

const CALLS: &str = r#"
title = "对接"
owner = "person:li.na"
[input]
paper = { label = "附件", type = "file", required = false }
[trigger.hook]
webhook = { signature = "token", secret = "hook" }
[trigger.standard]
webhook = { signature = "hmac", secret = "hook", header = "X-Sign" }
[trigger.form]
by_hand = ["group:热线"]
[trigger.mail]
mail = { account = "orders", from = ["*@example.com"] }
[step.yes]
use = "webhook.call"
with = { url = "http://HERE/yes", bearer = { secret = "bearer" } }
[step.file]
use = "webhook.call"
with = { url = "http://HERE/file", bearer = { secret = "bearer" } }
[step.fine]
use = "register.append"
with.register = "台账"
with.entry = { said = "{{ step.yes.body }}" }
[step.no]
use = "webhook.call"
with = { url = "http://HERE/no", bearer = { secret = "bearer" } }
retry = { times = 2, first = "10ms" }
on_error = "continue"
[step.moved]
use = "webhook.call"
with = { url = "http://HERE/moved", bearer = { secret = "bearer" } }
on_error = "continue"
[step.chat]
use = "webhook.chat"
with = { kind = "wecom", address = { secret = "chat" }, title = "有事" }
on_error = "continue"
retry = { times = 1 }
[step.mail]
use = "email.send"
with = { to = ["li@example.com"], subject = "有事", text = "来" }
retry = { times = 1 }
"#;

const WAITS: &str = r#"
title = "等待"
key = "{{ input.nr }}"
[input]
nr = { label = "号" }
paper = { label = "附件", type = "file" }
[trigger.form]
by_hand = ["group:热线"]
[step.ask]
ask = "person:li.na"
due = "8h"
form.ok = { label = "行吗", type = "yesno" }
"#;

/// The house, what its pages are asked for, and each word that lets in by what it opens.
pub(super) struct Furnished {
    pub(super) house: House,
    pub(super) words: Vec<(&'static str, String)>,
    pub(super) calls: String,
    pub(super) waits: String,
    pub(super) task: String,
    /// Cookies of those who signed in: one without rights, one with all.
    pub(super) clerk: String,
    pub(super) admin: String,
    pub(super) file: String,
}

/// A request over TCP; its head and its body.
pub(super) fn ask(
    house: &House,
    method: &str,
    path: &str,
    (headers, body): (&str, &str),
) -> (String, String) {
    let address = house.read("data/address");
    let mut line = TcpStream::connect(address.trim().trim_start_matches("http://")).unwrap();
    write!(
        line,
        "{method} {path} HTTP/1.1\r\nhost: house.example.com\r\nx-forwarded-for: 192.0.2.7\r\nconnection: close\r\n\
         sec-fetch-site: same-origin\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = vec![];
    // Who refuses early need not read the rest: its answer is there all the same.
    drop(line.read_to_end(&mut answer));
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{path}: {answer}"));
    (head.to_owned(), body.to_owned())
}

const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";

/// Somebody chooses a password; their cookie, and the word by which they came in.
fn invited(house: &House, person: &str, password: Option<&str>) -> (String, String) {
    let link = house.client().post(&format!("/api/v1/accounts/{person}/invite"), &json!({})).unwrap();
    let link = link["link"].as_str().unwrap().to_owned();
    let word = link.rsplit('/').next().unwrap().to_owned();
    let Some(password) = password else { return (String::new(), word) };
    let password = password.replace('&', "%26").replace(' ', "+").replace('<', "%3C").replace('>', "%3E");
    let fields = format!("password={password}&again={password}");
    let (head, _) = ask(house, "POST", &format!("/invitation/{word}"), (FORM, &fields));
    let cookie = head.split("set-cookie: ").find(|cookie| cookie.starts_with("__Host-yizhan="));
    let cookie = cookie.unwrap_or_else(|| panic!("{head}")).split(';').next().unwrap().to_owned();
    (cookie, word)
}

fn after(cookie: &str) -> String {
    cookie.split_once('=').unwrap().1.to_owned()
}

fn opened() -> House {
    let (calls, post, mailbox) = (lines::calls(), lines::post(), lines::mailbox());
    let refused = format!("404 Not Found\t{{\"errcode\":93000,\"errmsg\":\"no robot at /send?key={CHAT}\"}}");
    let robot = HttpsServer::start(Box::leak(Box::new([Some(&*Box::leak(refused.into_boxed_str()))])));
    let trusted = robot.trusted().replacen("[\"", &format!("[\"{calls}\", \""), 1);
    let mut house = House::with(&format!(
        "url = \"https://house.example.com\"\n[log]\nlevel = \"debug\"\n[http]\ntokens = [\"config\"]\n[egress]\n{trusted}\n\
         [plugin.email]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nuser = \"u\"\npassword = {{ secret = \"smtp\" }}\n\
         from = \"yizhan@example.com\"\n[tell.chat.hotline]\nkind = \"wecom\"\naddress = {{ secret = \"chat\" }}\n\
         for = [\"group:热线\"]\n[mail.orders]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nuser = \"u\"\n\
         password = {{ secret = \"mailbox\" }}\nevery = \"1s\"\n",
        post.port(),
        mailbox.port()
    ));
    robot.introduce(&house);
    let chat = robot.url(&format!("send?key={CHAT}"));
    let secrets = [("config", ADMIN), ("bearer", BEARER), ("hook", HOOK), ("smtp", SMTP), ("chat", &chat)];
    for (name, word) in secrets.into_iter().chain([("mailbox", MAILBOX)]) {
        house.write(&format!("secrets/{name}"), word);
    }
    house.write("config/people.toml", PEOPLE);
    house.write("config/registers.toml", REGISTERS);
    house.workflow("calls", &CALLS.replace("HERE", &calls.to_string()));
    house.workflow("waits", WAITS);
    house.start();
    house
}

/// Deliveries: right ones, and one whose word is wrong.
fn delivered(house: &House) {
    for (path, header) in [
        ("hook", format!("authorization: Bearer {HOOK}\r\n")),
        ("hook", format!("authorization: Bearer {WRONG}\r\n")),
        ("hook", format!("webhook-token: {HOOK}\r\n")),
        ("standard", format!("x-sign: {HOOK}\r\n")),
    ] {
        let headers = format!("{header}content-type: application/json\r\n");
        ask(house, "POST", &format!("/hooks/calls/{path}"), (&headers, "{}"));
    }
}

pub(super) fn furnished() -> Furnished {
    let house = opened();
    let (clerk, of_clerk) = invited(&house, "li.na", Some(PASSWORD));
    let (admin, _) = invited(&house, "wang.wei", Some("another good password"));
    let (_, open) = invited(&house, "wang.wei", None);
    let token = house.client().post("/api/v1/tokens", &json!({ "name": "crm", "may": "admin" })).unwrap();
    let wrong = format!("name=li.na&password={}", WRONG.replace(' ', "+").replace('&', "%26"));
    ask(&house, "POST", "/sign-in", (FORM, &wrong));
    let key = "x-key: kanarie\r\nidempotency-key: kanarie-of-a-key\r\n";
    let file = ask(
        &house,
        "POST",
        "/api/v1/artifacts?name=a.txt",
        (&format!("{key}authorization: Bearer {ADMIN}\r\n"), "paper"),
    );
    let file: Value = serde_json::from_str(&file.1).unwrap_or_else(|error| panic!("{error}: {file:?}"));
    let start = |workflow: &str, input: Value| {
        let body = json!({ "input": input }).to_string();
        let headers = format!("content-type: application/json\r\nauthorization: Bearer {ADMIN}\r\n");
        let said = ask(&house, "POST", &format!("/api/v1/workflows/{workflow}/runs"), (&headers, &body));
        let said: Value = serde_json::from_str(&said.1).unwrap();
        said["id"].as_str().unwrap_or_else(|| panic!("{said}")).to_owned()
    };
    delivered(&house);
    let calls = start("calls", json!({ "paper": file.clone() }));
    let waits = start("waits", json!({ "nr": "1", "paper": file.clone() }));
    let task = house.task(&waits)["id"].as_str().unwrap().to_owned();
    house.ends(&calls, "failed");
    until("the mailbox to be refused", || house.log().contains("mailbox").then_some(()));
    let mut words = vec![
        ("token of the config", ADMIN.to_owned()),
        ("bearer of calls", BEARER.to_owned()),
        ("secret of deliveries", HOOK.to_owned()),
        ("password of the mail server", SMTP.to_owned()),
        ("password of the mailbox", MAILBOX.to_owned()),
        ("key of the chat", CHAT.to_owned()),
        ("password of a person", PASSWORD.to_owned()),
        ("password that was wrong", WRONG.to_owned()),
        ("invitation that was used", of_clerk),
        ("invitation that is open", open),
        ("session of the clerk", after(&clerk)),
        ("session of the admin", after(&admin)),
        ("token of a program", token["token"].as_str().unwrap().to_owned()),
    ];
    for key in ["links.key", "registers.key"] {
        if let Ok(bytes) = std::fs::read(house.file(&format!("data/{key}"))) {
            words.push(("key of the house", bytes.iter().map(|byte| format!("{byte:02x}")).collect()));
        }
    }
    assert!(words.iter().all(|(_, word)| word.len() >= 16), "{words:?}");
    let file = file["artifact"].as_str().unwrap().to_owned();
    Furnished { house, words, calls, waits, task, clerk, admin, file }
}
