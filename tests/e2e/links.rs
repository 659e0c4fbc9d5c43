//! Links in mails, from the mail server to the decision: those who are asked click, and scanners decide nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use mailparse::MailHeaderMap as _;
use serde_json::json;

use crate::house::{House, step, until};

const PEOPLE: &str = "[person.\"li.na\"]\nname = \"李娜\"\nmail = \"li@example.com\"\n\
                      [person.\"wang.wei\"]\nname = \"王伟\"\nmail = \"wang@example.com\"\n";

const CASE: &str = r#"
title = "加班"
key = "{{ input.who }}"
[input]
who = { label = "申请人", type = "text" }
[step.sign]
ask = ["person:li.na", "person:wang.wei"]
approve = "one"
title = "{{ input.who }} 周六加班"
due = "24h"
on.refused = { go = "done:refused" }
[step.paper]
ask = "mail:zhang@example.com"
title = "请确认到岗时间"
due = "24h"
form.come = { label = "几点到", type = "time" }
form.words = { label = "留言", type = "text", lines = 3, required = false }
"#;

/// A mail server that takes everything and keeps it.
struct Post {
    address: SocketAddr,
    mails: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Post {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mails: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let kept = mails.clone();
        std::thread::spawn(move || {
            for line in listener.incoming().flatten() {
                let kept = kept.clone();
                // Whoever hangs up has said all.
                std::thread::spawn(move || drop(receive(&line, &kept)));
            }
        });
        Self { address, mails }
    }

    /// The text of the mail to somebody.
    fn text_to(&self, address: &str) -> String {
        until(&format!("a mail to {address}"), || {
            let mails = self.mails.lock().unwrap();
            mails.iter().find_map(|mail| {
                let mail = mailparse::parse_mail(mail).unwrap();
                let to = mail.headers.get_first_value("To").unwrap();
                (to == address).then(|| text_of(&mail))
            })
        })
    }
}

fn text_of(mail: &mailparse::ParsedMail<'_>) -> String {
    mail.parts()
        .find(|part| part.ctype.mimetype == "text/plain")
        .unwrap()
        .get_body()
        .unwrap()
        .replace("\r\n", "\n")
}

fn receive(line: &TcpStream, kept: &Mutex<Vec<Vec<u8>>>) -> std::io::Result<()> {
    let (mut reader, mut writer) = (BufReader::new(line), line);
    writer.write_all(b"220 mail.example.com ESMTP\r\n")?;
    loop {
        let mut command = String::new();
        if reader.read_line(&mut command)? == 0 {
            return Ok(());
        }
        let answer = match command.get(..4).unwrap_or("") {
            "EHLO" => "250-mail.example.com\r\n250 8BITMIME",
            "DATA" => "354 go on",
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        writer.write_all(format!("{answer}\r\n").as_bytes())?;
        if command.starts_with("DATA") {
            let mut mail = Vec::new();
            while !mail.ends_with(b"\r\n.\r\n") {
                if reader.read_until(b'\n', &mut mail)? == 0 {
                    return Ok(());
                }
            }
            mail.truncate(mail.len() - 3);
            kept.lock().unwrap().push(mail);
            writer.write_all(b"250 queued\r\n")?;
        }
    }
}

/// The address behind a label of a mail, without the host that only people reach.
fn link(text: &str, label: &str) -> String {
    let (_, rest) = text
        .split_once(&format!("  {label}:\n  https://house.example.com"))
        .unwrap_or_else(|| panic!("{text}"));
    rest.lines().next().unwrap().to_owned()
}

/// Asks as somebody outside does: over TCP, with no token.
fn ask(house: &House, method: &str, path: &str, body: &str) -> (u16, String) {
    let address = house.read("data/address");
    let address = address.trim().trim_start_matches("http://").to_owned();
    let mut line = TcpStream::connect(&address).unwrap();
    write!(
        line,
        "{method} {path} HTTP/1.1\r\nhost: house.example.com\r\nx-forwarded-for: 203.0.113.7\r\naccept-language: zh\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    line.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

fn confirmation(page: &str) -> &str {
    page.split_once("name=\"confirm\" value=\"").unwrap().1.split('"').next().unwrap()
}

#[test]
fn one_of_two_approves_by_mail_and_somebody_outside_fills_in_a_form_by_mail() {
    let post = Post::open();
    let mut house = House::with(&format!(
        "url = \"https://house.example.com\"\n[plugin.email]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nfrom = \"yizhan@example.com\"\n",
        post.address.port()
    ));
    house.write("config/people.toml", PEOPLE);
    house.workflow("overtime", CASE);
    house.start();
    let run = house.run("overtime", &json!({ "who": "张三" }));
    let li = post.text_to("li@example.com");
    let wang = post.text_to("wang@example.com");
    let (yes, no) = (link(&li, "同意"), link(&wang, "不同意"));
    assert!(!li.contains(&no), "nobody gets another's link");

    // Between the mail and its reader stands a scanner that opens every link, again and again.
    for path in [&yes, &no, &link(&li, "不同意"), &link(&wang, "同意")] {
        for method in ["GET", "HEAD", "GET"] {
            assert_eq!(ask(&house, method, path, "").0, 200);
        }
    }
    // The key of the links outlasts a kill; nothing of them is kept in memory.
    house.kill();
    house.start();
    let (status, page) = ask(&house, "GET", &yes, "");
    assert_eq!(status, 200);
    assert!(page.contains("张三 周六加班") && page.contains("同意"), "{page}");
    let (status, page) = ask(&house, "POST", &yes, &format!("confirm={}", confirmation(&page)));
    assert_eq!((status, page.contains("已记下")), (200, true), "{page}");
    let (status, page) = ask(&house, "GET", &no, "");
    assert_eq!((status, page.contains("李娜")), (410, true), "{page}");
    assert!(page.contains("这件事已经有了结果"), "{page}");

    let outside = post.text_to("zhang@example.com");
    assert!(!outside.contains("yizhan task"), "{outside}");
    let fill = link(&outside, "填写");
    let (status, page) = ask(&house, "GET", &fill, "");
    assert_eq!((status, page.contains("请确认到岗时间")), (200, true), "{page}");
    let confirm = confirmation(&page).to_owned();
    let (status, page) = ask(&house, "POST", &fill, &format!("confirm={confirm}&f.come=noon"));
    assert_eq!(status, 422, "{page}");
    let (status, _) =
        ask(&house, "POST", &fill, &format!("confirm={confirm}&f.come=08%3A30&f.words=%E5%A5%BD"));
    assert_eq!(status, 200);
    let view = house.ends(&run, "done");
    let paper = &step(&view, "paper")["items"][0];
    assert_eq!((&paper["by"], &paper["output"]["come"]), (&json!("mail:zhang@example.com"), &json!("08:30")));
    let key = std::fs::metadata(house.file("data/links.key")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&key.permissions()) & 0o777, 0o600);
}

const PARENT: &str = r#"
title = "周末检修"
[input]
who = { label = "申请人", type = "text" }
[step.overtime]
run = "overtime"
with.who = "{{ input.who }}"
[output]
approved = "{{ step.overtime.approved }}"
"#;

const CHILD: &str = r#"
title = "加班"
key = "{{ input.who }}"
[input]
who = { label = "申请人", type = "text" }
[step.sign]
ask = "person:li.na"
approve = "one"
title = "{{ input.who }} 周六加班"
due = "24h"
on.refused = { go = "done:refused" }
[output]
approved = "{{ step.sign.approved }}"
"#;

#[test]
fn what_is_approved_by_a_link_in_a_child_lets_its_parent_go_on() {
    let post = Post::open();
    let mut house = House::with(&format!(
        "url = \"https://house.example.com\"\n[plugin.email]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nfrom = \"yizhan@example.com\"\n",
        post.address.port()
    ));
    house.write("config/people.toml", PEOPLE);
    house.workflow("overtime", CHILD);
    house.workflow("works", PARENT);
    house.start();
    let run = house.run("works", &json!({ "who": "张三" }));
    let yes = link(&post.text_to("li@example.com"), "同意");
    let (status, page) = ask(&house, "GET", &yes, "");
    assert_eq!((status, page.contains("张三 周六加班")), (200, true), "{page}");
    let view = house.get(&format!("/api/v1/runs/{run}"));
    assert_eq!(view["state"], "open", "to open a link decides nothing, of a child neither");
    let (status, page) = ask(&house, "POST", &yes, &format!("confirm={}", confirmation(&page)));
    assert_eq!((status, page.contains("已记下")), (200, true), "{page}");
    let view = house.ends(&run, "done");
    assert_eq!(view["output"]["approved"], json!(true), "{view:#}");
    let child = house.get("/api/v1/runs?workflow=overtime");
    assert_eq!((&child["items"][0]["state"], &child["items"][0]["parent"]), (&json!("done"), &json!(run)));
}
