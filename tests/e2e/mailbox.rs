//! The trigger `mail`, with the real daemon and a real IMAP server: each mail once, with its fields and its files.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::dovecot::{Dovecot, PASSWORD, USER};
use crate::house::{House, step, until};

const ORDER: &str = "title = \"订单\"\n[input]\norder = { label = \"订单号\", pattern = \"A-[0-9]+\" }\n\
    customer = { label = \"客户\" }\nfrom = {}\npapers = { type = \"files\", required = false }\n\
    [trigger.mail]\nmail.account = \"orders\"\nmail.from = [\"*@example.com\"]\n\
    mail.fields.subject = '订单\\s*(?<order>\\S+)'\nmail.fields.body = '(?m)^客户[::]\\s*(?<customer>.+)$'\n\
    with.order = \"{{ trigger.fields.order }}\"\nwith.customer = \"{{ trigger.fields.customer }}\"\n\
    with.from = \"{{ trigger.from }}\"\nwith.papers = \"{{ trigger.attachments }}\"\n\
    [step.note]\nuse = \"echo.echo\"\nwith.text = \"{{ input.order }} {{ input.customer }}\"\n";

/// A home that reads the server's mailbox; `more` are lines of its settings.
fn house(server: &Dovecot, workflow: &str, more: &str) -> House {
    let house = House::with(&format!(
        "[mail.orders]\nhost = \"{}\"\nport = {}\nuser = \"{USER}\"\npassword = {{ secret = \"mailbox\" }}\n\
         ca_file = \"config/ca.pem\"\n{more}",
        server.address, server.tls_port
    ));
    settled(house, server, workflow)
}

/// The same without TLS, over a port of this machine.
fn plain_house(server: &Dovecot, port: u16, workflow: &str) -> House {
    let house = House::with(&format!(
        "[mail.orders]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"{USER}\"\ntls = \"none\"\n\
         password = {{ secret = \"mailbox\" }}\nevery = \"1s\"\n"
    ));
    settled(house, server, workflow)
}

fn settled(house: House, server: &Dovecot, workflow: &str) -> House {
    house.write("secrets/mailbox", PASSWORD);
    house.write("config/ca.pem", std::fs::read(server.certificate()).unwrap());
    house.workflow("order", workflow);
    house
}

/// A plain mail; `id` makes it one of its own.
fn mail(id: &str, from: &str, subject: &str, text: &str) -> String {
    let subject = BASE64_STANDARD.encode(subject);
    format!(
        "From: {from}\r\nTo: orders@example.com\r\nSubject: =?utf-8?B?{subject}?=\r\nMessage-ID: <{id}@example.com>\r\n\
         Date: Sun, 22 Nov 2026 13:00:00 +0800\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n"
    )
}

fn order(number: u32) -> String {
    mail(&number.to_string(), "李娜 <li@example.com>", &format!("订单 A-{number}"), "客户: 白沙路水厂")
}

fn runs(house: &House) -> Vec<Value> {
    house.get("/api/v1/runs")["items"].as_array().unwrap().clone()
}

/// The inputs of all runs, once there are so many and all are done.
#[track_caller]
fn inputs(house: &House, count: usize) -> Vec<Value> {
    until(&format!("{count} runs\n{}", house.log()), || (runs(house).len() >= count).then_some(()));
    let all = runs(house);
    assert_eq!(all.len(), count, "{all:#?}\n{}", house.log());
    let mut inputs: Vec<Value> =
        all.iter().map(|run| house.ends(run["id"].as_str().unwrap(), "done")["input"].clone()).collect();
    inputs.sort_by_key(|input| input["order"].to_string());
    inputs
}

/// Waits until so many mails of the folder that mails come into are read and marked.
#[track_caller]
fn all_handled(server: &Dovecot, house: &House, count: usize) {
    until(&format!("{count} handled mails\n{}\n{}", house.log(), server.log()), || {
        let lying = server.lying("");
        let handled = lying.iter().filter(|mail| mail.is_seen() && mail.is_handled()).count();
        (handled == count && lying.len() == count).then_some(())
    });
}

/// The outcomes of the trigger's firings, the newest first.
fn firings(house: &House) -> Vec<Value> {
    let all = house.get("/api/v1/triggers?workflow=order");
    all["items"][0]["last"].as_array().unwrap().clone()
}

#[test]
fn a_mail_starts_a_run_with_its_fields_and_its_attachment() {
    let Some(server) = Dovecot::start() else { return };
    let workflow = format!(
        "{ORDER}[step.keep]\nuse = \"file.write\"\nwith.path = \"清单.csv\"\nwith.artifact = \"{{{{ input.papers[0].artifact }}}}\"\n"
    );
    let mut house = house(&server, &workflow, "");
    house.start();
    let (csv, _, _) = encoding_rs::GB18030.encode("姓名,数量\r\n李娜,3\r\n");
    let name = BASE64_STANDARD.encode("清单.csv");
    let (subject, _, _) = encoding_rs::GB18030.encode("订单 A-17");
    let (text, _, _) = encoding_rs::GB18030.encode("您好:\r\n客户:白沙路水厂\r\n");
    let mut bytes = format!(
        "From: =?utf-8?B?5p2O5aic?= <Li@Example.com>\r\nSubject: =?gb18030?B?{}?=\r\nMessage-ID: <17@example.com>\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
         Content-Type: text/plain; charset=gb18030\r\nContent-Transfer-Encoding: 8bit\r\n\r\n",
        BASE64_STANDARD.encode(subject)
    )
    .into_bytes();
    bytes.extend_from_slice(&text);
    bytes.extend_from_slice(
        format!(
            "\r\n--b\r\nContent-Type: text/csv\r\nContent-Transfer-Encoding: base64\r\n\
             Content-Disposition: attachment; filename=\"=?utf-8?B?{name}?=\"\r\n\r\n{}\r\n--b--\r\n",
            BASE64_STANDARD.encode(&csv)
        )
        .as_bytes(),
    );
    server.deliver(&bytes);
    let inputs = inputs(&house, 1);
    assert_eq!(inputs[0]["order"], "A-17");
    assert_eq!(inputs[0]["customer"], "白沙路水厂");
    assert_eq!(inputs[0]["from"], "Li@Example.com");
    let paper = &inputs[0]["papers"][0];
    assert_eq!(
        (&paper["name"], &paper["type"], &paper["size"]),
        (&json!("清单.csv"), &json!("text/csv"), &json!(csv.len()))
    );
    assert_eq!(std::fs::read(house.home.join("data/files/清单.csv")).unwrap(), *csv);
    all_handled(&server, &house, 1);
    let fired = firings(&house);
    assert_eq!((&fired[0]["outcome"], &fired[0]["id"]), (&json!("started"), &json!("17@example.com")));
    assert!(!house.log().contains(PASSWORD), "the password is told");
    assert_eq!(house.stop(), Some(0));
}

#[test]
fn what_came_in_while_the_daemon_was_down_is_read_at_the_start_and_only_once() {
    let Some(server) = Dovecot::start() else { return };
    let mut house = house(&server, ORDER, "");
    server.deliver(order(1));
    house.start();
    inputs(&house, 1);
    all_handled(&server, &house, 1);
    assert_eq!(house.stop(), Some(0));
    server.deliver(order(2));
    server.deliver(order(3));
    // Somebody sends it again, or a relay does.
    server.deliver(order(1));
    house.start();
    let orders: Vec<Value> = inputs(&house, 3).iter().map(|input| input["order"].clone()).collect();
    assert_eq!(orders, ["A-1", "A-2", "A-3"]);
    all_handled(&server, &house, 4);
    assert_eq!(runs(&house).len(), 3, "one mail that came twice is one run");
}

#[test]
fn a_mail_of_somebody_else_is_left_as_it_is() {
    let Some(server) = Dovecot::start() else { return };
    let mut house = house(&server, ORDER, "");
    house.start();
    server.deliver(mail("1", "li@example.com.evil.org", "订单 A-1", "客户: 甲"));
    server.deliver(mail("2", "\"li@example.com\" <mallory@evil.org>", "订单 A-2", "客户: 乙"));
    server.deliver(order(3));
    assert_eq!(inputs(&house, 1)[0]["order"], "A-3");
    until("the order to be marked", || server.lying("").iter().any(|mail| mail.is_handled()).then_some(()));
    let left: Vec<_> = server.lying("").into_iter().filter(|mail| !mail.is_handled()).collect();
    assert_eq!(left.len(), 2);
    assert!(left.iter().all(|mail| !mail.is_seen()), "nobody has read them");
    assert!(server.lying("Failed").is_empty());
    // Once the rule means them, they count.
    house.workflow("order", &ORDER.replace("\"*@example.com\"", "\"*@example.com\", \"*@evil.org\""));
    assert_eq!(inputs(&house, 2)[0]["order"], "A-2");
}

#[test]
fn a_mail_that_does_not_fit_goes_to_the_failed_ones_with_the_reason_and_counts_when_it_comes_back() {
    let Some(server) = Dovecot::start() else { return };
    let mut house = house(&server, ORDER, "");
    house.start();
    server.deliver(mail("1", "li@example.com", "您好", "客户: 甲"));
    until(&format!("the mail and its note\n{}", house.log()), || {
        (server.lying("Failed").len() == 2).then_some(())
    });
    // The form refuses this one: the number is none of ours.
    server.deliver(mail("2", "li@example.com", "订单 B-2", "客户: 甲"));
    until("the second and its note", || {
        (server.lying("Failed").len() == 4 && server.lying("").is_empty()).then_some(())
    });
    assert!(runs(&house).is_empty());
    let failed = server.lying("Failed");
    assert!(failed.iter().all(|mail| !mail.is_seen()), "people see that they are new");
    let note = |id: &str| {
        let about = format!("In-Reply-To: <{id}@example.com>");
        let note = failed.iter().find(|mail| mail.text.contains(&about)).unwrap();
        let (_, body) = note.text.split_once("\n\r\n").or(note.text.split_once("\n\n")).unwrap();
        let body: String = body.split_whitespace().collect();
        String::from_utf8(BASE64_STANDARD.decode(body).unwrap()).unwrap()
    };
    assert!(note("1").contains("标题里找不到 `订单\\s*(?<order>\\S+)`"), "{}", note("1"));
    assert!(note("2").contains("订单号"), "{}", note("2"));
    let fired = firings(&house);
    assert!(fired.len() == 2 && fired.iter().all(|firing| firing["outcome"] == "failed"), "{fired:?}");
    assert!(house.log().contains("a mail started nothing"));
    // The same mail, put back once the file is mended.
    house.workflow("order", &ORDER.replace("A-[0-9]+", "[AB]-[0-9]+"));
    until("the mended file to be in force", || {
        (house.log().matches("in force workflow=\"order\"").count() == 2).then_some(())
    });
    server.deliver(mail("2", "li@example.com", "订单 B-2", "客户: 甲"));
    assert_eq!(inputs(&house, 1)[0]["order"], "B-2");
}

#[test]
fn handled_mails_are_moved_where_the_file_says_so() {
    let Some(server) = Dovecot::start() else { return };
    let workflow = ORDER.replace("mail.from", "mail.done = \"已处理\"\nmail.from");
    let mut house = house(&server, &workflow, "");
    house.start();
    server.deliver(order(1));
    inputs(&house, 1);
    // `已处理` in UTF-16, in the base 64 of folder names.
    let done = "&XfJZBHQG-";
    // Put there and taken away here are two moments on the disk.
    until(&format!("the mail to be moved\n{}", house.log()), || {
        let moved = server.lying(done);
        (moved.len() == 1 && moved[0].is_seen() && server.lying("").is_empty()).then_some(())
    });
}

#[test]
fn a_server_that_goes_away_and_comes_back_is_found_again() {
    let Some(mut server) = Dovecot::start() else { return };
    let mut house = house(&server, ORDER, "");
    house.start();
    server.deliver(order(1));
    inputs(&house, 1);
    all_handled(&server, &house, 1);
    server.stop();
    until("the daemon to notice", || house.log().contains("no line to the mailbox").then_some(()));
    server.deliver(order(2));
    server.again();
    inputs(&house, 2);
    all_handled(&server, &house, 2);
}

/// What a relay does when the daemon says the words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Habit {
    /// Hands nothing on any more and keeps the line open.
    Holds,
    Cuts,
}

/// Between the daemon and the server.
struct Relay {
    port: u16,
    /// While it is so.
    on: Arc<AtomicBool>,
    /// The daemon has said the words.
    said: Arc<AtomicBool>,
}

impl Relay {
    fn before(server: &Dovecot, words: &'static str, habit: Habit) -> Self {
        let server = (server.address.clone(), server.port);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (on, said) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
        let relay = Self { port, on: on.clone(), said: said.clone() };
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect((server.0.as_str(), server.1)) else { continue };
                let (mut back, mut to) = (far.try_clone().unwrap(), near.try_clone().unwrap());
                std::thread::spawn(move || {
                    drop(std::io::copy(&mut back, &mut to));
                    drop(to.shutdown(Shutdown::Both));
                });
                let (on, said) = (on.clone(), said.clone());
                std::thread::spawn(move || {
                    let hears = |piece: &str| {
                        let hears = on.load(Ordering::SeqCst) && piece.contains(words);
                        said.fetch_or(hears, Ordering::SeqCst);
                        hears
                    };
                    drop(forward(&near, &far, habit, hears));
                    drop(far.shutdown(Shutdown::Both));
                });
            }
        });
        relay
    }

    fn has_heard(&self) -> bool {
        self.said.load(Ordering::SeqCst)
    }

    fn be_good(&self) {
        self.on.store(false, Ordering::SeqCst);
    }
}

fn forward(
    mut near: &TcpStream,
    mut far: &TcpStream,
    habit: Habit,
    hears: impl Fn(&str) -> bool,
) -> std::io::Result<()> {
    let mut piece = [0; 4096];
    loop {
        let count = near.read(&mut piece)?;
        if count == 0 {
            return Ok(());
        }
        if hears(&String::from_utf8_lossy(&piece[..count])) {
            // Until the daemon is gone; nothing of it reaches the server.
            while habit == Habit::Holds && near.read(&mut piece)? > 0 {}
            return Ok(());
        }
        far.write_all(&piece[..count])?;
    }
}

#[test]
fn a_daemon_that_is_killed_between_the_start_of_a_run_and_the_mark_does_not_start_a_second() {
    let Some(server) = Dovecot::start() else { return };
    let relay = Relay::before(&server, "UID STORE", Habit::Holds);
    let mut house = plain_house(&server, relay.port, ORDER);
    house.start();
    server.deliver(order(1));
    until(&format!("the mark to be on its way\n{}", house.log()), || relay.has_heard().then_some(()));
    house.kill();
    assert!(server.lying("").iter().all(|mail| !mail.is_handled()), "the server has not heard of it");
    relay.be_good();
    house.start();
    all_handled(&server, &house, 1);
    let inputs = inputs(&house, 1);
    assert_eq!(inputs[0]["order"], "A-1");
    assert!(house.log().contains("this mail was handled before"), "{}", house.log());
}

#[test]
fn a_mail_without_an_id_is_told_by_its_place_and_its_content() {
    let Some(server) = Dovecot::start() else { return };
    let relay = Relay::before(&server, "UID STORE", Habit::Holds);
    let mut house = plain_house(&server, relay.port, ORDER);
    house.start();
    server.deliver(order(1).replace("Message-ID: <1@example.com>\r\n", ""));
    until("the mark to be on its way", || relay.has_heard().then_some(()));
    house.kill();
    relay.be_good();
    house.start();
    all_handled(&server, &house, 1);
    inputs(&house, 1);
    // Another one with the same words is another order.
    server.deliver(order(1).replace("Message-ID: <1@example.com>\r\n", ""));
    inputs(&house, 2);
}

#[test]
fn a_trigger_that_comes_later_is_heard_and_one_that_goes_is_not() {
    let Some(server) = Dovecot::start() else { return };
    let mut house = house(&server, "title = \"空\"\n[step.a]\nwait = \"1h\"\n", "tls = \"starttls\"\n");
    let settings = std::fs::read_to_string(house.home.join("config/yizhan.toml")).unwrap();
    house.write(
        "config/yizhan.toml",
        settings.replace(&server.tls_port.to_string(), &server.port.to_string()),
    );
    house.start();
    server.deliver(order(1));
    house.workflow("order", ORDER);
    assert_eq!(inputs(&house, 1)[0]["order"], "A-1");
    all_handled(&server, &house, 1);
    std::fs::remove_file(house.home.join("workflows/order.toml")).unwrap();
    until(&format!("the mailbox to be left\n{}", server.log()), || {
        server.log().contains("Logged out").then_some(())
    });
    server.deliver(order(2));
    house.workflow("order", ORDER);
    inputs(&house, 2);
}

#[test]
fn what_was_read_before_the_mailbox_was_ours_is_not_started_and_what_a_person_reads_later_is() {
    let Some(server) = Dovecot::start() else { return };
    let mut house = house(&server, ORDER, "");
    let read = |number: u32| {
        server.deliver(order(number));
        mark_seen(&server);
    };
    read(1);
    house.start();
    server.deliver(order(2));
    assert_eq!(inputs(&house, 1)[0]["order"], "A-2");
    until("the second to be marked", || server.lying("").iter().any(|mail| mail.is_handled()).then_some(()));
    assert_eq!(house.stop(), Some(0));
    read(3);
    house.start();
    let orders: Vec<Value> = inputs(&house, 2).iter().map(|input| input["order"].clone()).collect();
    assert_eq!(orders, ["A-2", "A-3"], "the first was read before we came");
}

/// As a person's mail program does it.
fn mark_seen(server: &Dovecot) {
    let mut line = TcpStream::connect((server.address.as_str(), server.port)).unwrap();
    let commands = format!(
        "a LOGIN {USER} \"{PASSWORD}\"\r\nb SELECT INBOX\r\nc STORE 1:* +FLAGS (\\Seen)\r\nd LOGOUT\r\n"
    );
    line.write_all(commands.as_bytes()).unwrap();
    let mut said = String::new();
    line.read_to_string(&mut said).unwrap();
    assert!(said.contains("c OK") && said.contains("d OK"), "{said}");
}

#[test]
fn a_mail_that_is_too_large_is_not_fetched_and_is_put_aside() {
    let Some(server) = Dovecot::start() else { return };
    let mut house = house(&server, ORDER, "");
    house.start();
    let large = mail("1", "li@example.com", "订单 A-1", &"客户: 甲\r\n".repeat(3 << 20));
    assert!(large.len() > 25 << 20);
    server.deliver(large);
    until(&format!("the mail and its note\n{}", house.log()), || {
        (server.lying("Failed").len() == 2).then_some(())
    });
    assert!(runs(&house).is_empty() && server.lying("").is_empty());
}

#[test]
fn a_wrong_password_is_said_and_is_mended_without_a_restart() {
    let Some(server) = Dovecot::start() else { return };
    let mut house = house(&server, ORDER, "");
    house.write("secrets/mailbox", "wrong");
    server.deliver(order(1));
    house.start();
    until("the refusal to be said", || house.log().contains("the server refuses the login").then_some(()));
    until("the doctor to say since when and why", || {
        let said = house.call(&["doctor"]).all();
        let is_said = said.contains("`INBOX` of the mailbox `orders` is not read since 20");
        (is_said && said.contains("the server refuses the login")).then_some(())
    });
    house.write("secrets/mailbox", PASSWORD);
    let view = inputs(&house, 1);
    until("the doctor to say so no more", || {
        (!house.call(&["doctor"]).all().contains("is not read since")).then_some(())
    });
    assert_eq!(view[0]["order"], "A-1");
    let run = house.ends(runs(&house)[0]["id"].as_str().unwrap(), "done");
    assert_eq!(step(&run, "note")["state"], "done");
    assert!(!house.log().contains(PASSWORD) && !house.log().contains("wrong\""), "{}", house.log());
}

#[test]
fn a_mailbox_that_the_settings_lack_is_named_by_check_and_by_the_doctor() {
    let mut house = House::new();
    house.workflow("order", ORDER);
    let checked = house.call(&["check"]);
    assert_eq!(checked.code, 0, "{checked:?}");
    assert!(checked.all().contains("warning[YZ0225]: the settings have no mailbox `orders`"), "{checked:?}");
    assert_eq!(house.call(&["check", "--strict"]).code, 3);
    house.start();
    until("the doctor to name it", || {
        house.call(&["doctor"]).all().contains("no mailbox is called `orders`").then_some(())
    });
    assert!(house.call(&["--lang", "zh", "doctor"]).all().contains("没有邮箱 `orders`"));
}

#[test]
fn a_server_whose_certificate_nobody_vouches_for_gets_no_password() {
    let Some(server) = Dovecot::start() else { return };
    let mut house = house(&server, ORDER, "");
    house.write("config/ca.pem", "");
    server.deliver(order(1));
    house.start();
    until("the refusal to be said", || house.log().contains("no line with TLS comes about").then_some(()));
    assert!(runs(&house).is_empty());
    assert!(!server.log().contains("Login: user="), "{}", server.log());
}

#[test]
fn a_mail_over_which_the_line_breaks_each_time_does_not_hold_up_the_others() {
    let Some(server) = Dovecot::start() else { return };
    let relay = Relay::before(&server, "UID FETCH 1 (UID BODY.PEEK[])", Habit::Cuts);
    server.deliver(order(1));
    let mut house = plain_house(&server, relay.port, ORDER);
    house.start();
    until("the line to break", || relay.has_heard().then_some(()));
    server.deliver(order(2));
    assert_eq!(inputs(&house, 1)[0]["order"], "A-2");
    assert!(house.log().contains("the line broke 3 times over this mail"), "{}", house.log());
}
