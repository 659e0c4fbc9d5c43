//! Mails to real servers: a good one that others wrote, and bad ones.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use serde_json::json;
use yizhan_harness::smtp::{Habit, SmtpSink};

use crate::house::{House, has, step, until};

const LETTER: &str = "title = \"寄信\"\n[step.send]\nuse = \"email.send\"\nwith.to = \"李娜 <li@example.com>\"\n\
                      with.subject = \"【派工】白沙路12号\"\nwith.text = \"请处理。\"\nwith.attachments = [{ text = \"编号\\n\", name = \"清单.csv\" }]\n";

/// Prints its port, then one line of JSON for each mail as Python's own mail reader sees it. Speaks TLS from the first
/// byte and takes mails only from who logged in.
const SERVER: &str = r#"
import asyncio, email, email.policy, json, ssl, sys
from aiosmtpd.smtp import SMTP, AuthResult
class Handler:
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        print(json.dumps({
            "rcpt": envelope.rcpt_tos, "subject": mail["subject"], "id": mail["message-id"],
            "login": session.authenticated,
            "files": [part.get_filename() for part in mail.iter_attachments()],
        }), flush=True)
        return "250 queued"
def login(server, session, envelope, mechanism, data):
    good = (data.login, data.password) == (b"yizhan", b"open sesame")
    return AuthResult(success=good)
async def main():
    loop = asyncio.get_running_loop()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(sys.argv[1], sys.argv[2])
    def smtp():
        return SMTP(Handler(), hostname="mail.example.com", authenticator=login, auth_required=True, auth_require_tls=False)
    server = await loop.create_server(smtp, "127.0.0.1", 0, ssl=tls)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()
asyncio.run(main())
"#;

/// Ends with its standard input.
struct Python(Child);

impl Drop for Python {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        drop(self.0.wait());
    }
}

#[test]
fn a_mail_reaches_a_real_server_over_tls_and_with_a_login() {
    let python = Command::new("python3").args(["-c", "import aiosmtpd"]).stderr(Stdio::null()).status();
    if !has(python.is_ok_and(|status| status.success()), "python3 with aiosmtpd (pip install aiosmtpd)") {
        return;
    }
    let mut house = House::with("");
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    house.write("config/mail.pem", made.cert.pem());
    house.write("config/mail.key", made.signing_key.serialize_pem());
    let mut python = Command::new("python3");
    python
        .args(["-W", "ignore", "-c", SERVER])
        .arg(house.home.join("config/mail.pem"))
        .arg(house.home.join("config/mail.key"));
    let mut server = Python(python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(server.0.stdout.take().unwrap()).lines();
    let port = lines.next().unwrap().unwrap();
    house.write("secrets/smtp", "open sesame");
    let ca = house.home.join("config/mail.pem").display().to_string();
    house.write(
        "config/yizhan.toml",
        format!(
            "[plugin.email]\nhost = \"localhost\"\nport = {port}\ntls = \"required\"\nuser = \"yizhan\"\n\
             password = {{ secret = \"smtp\" }}\nca_file = \"{ca}\"\nfrom = \"驿站 <yizhan@example.com>\"\n"
        ),
    );
    house.workflow("letter", LETTER);
    house.start();
    let view = house.ends(&house.run("letter", &json!({})), "done");
    let sent = &step(&view, "send")["items"][0]["output"];
    let seen: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(seen["rcpt"], json!(["li@example.com"]));
    assert_eq!(seen["subject"], "【派工】白沙路12号");
    assert_eq!(seen["files"], json!(["清单.csv"]));
    assert_eq!(seen["login"], true);
    assert_eq!(seen["id"], sent["message_id"]);
    assert_eq!(sent["transport"], "smtp");
    let everything = format!("{view}{}", house.log());
    assert!(!everything.contains("open sesame"), "the password is told");
}

/// The first mails come whole, and the line is cut instead of saying so.
fn cuts(times: usize) -> Habit {
    Habit::cuts(move |_, before| before.len() < times)
}

struct BadServer {
    address: SocketAddr,
    sink: Option<SmtpSink>,
}

impl BadServer {
    fn start(habit: Habit) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), habit)
    }

    fn start_at(address: SocketAddr, habit: Habit) -> Self {
        let sink = SmtpSink::start(address, habit).unwrap();
        Self { address: sink.address, sink: Some(sink) }
    }

    /// A port that was free a moment ago: nobody listens on it.
    fn gone() -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Self { address, sink: None }
    }

    fn house(&self, more: &str, workflow: &str) -> House {
        House::serving(&self.settings(more), "letter", workflow)
    }

    fn settings(&self, more: &str) -> String {
        format!(
            "[retry]\ntimes = 1\nfirst = \"20ms\"\n[plugin.email]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n\
             from = \"yizhan@example.com\"\n{more}",
            self.address.port()
        )
    }

    /// The Message-ID of every mail that came whole.
    fn mails(&self) -> Vec<String> {
        self.sink.iter().flat_map(SmtpSink::mails).map(|mail| mail.id).collect()
    }
}

#[test]
fn a_refused_address_fails_the_step_at_once_and_says_what_the_server_said() {
    let server = BadServer::start(Habit::RefusesRecipients);
    let house = server.house("", LETTER);
    let run = house.run("letter", &json!({}));
    let view = house.ends(&run, "failed");
    let item = &step(&view, "send")["items"][0];
    assert_eq!(
        (&item["failure"]["code"], &item["attempts"]),
        (&json!("email.refused"), &json!(1)),
        "{view:#}"
    );
    let shown = house.call(&["show", &run]).all();
    assert!(shown.contains("no such mailbox"), "{shown}");
    assert!(server.mails().is_empty());
}

#[test]
fn a_server_that_says_nothing_is_given_up_after_its_time_and_its_tries() {
    let server = BadServer::start(Habit::SaysNothing);
    let house = server.house("timeout_s = 0.3\n", LETTER);
    let view = house.ends(&house.run("letter", &json!({})), "failed");
    let item = &step(&view, "send")["items"][0];
    assert_eq!(
        (&item["failure"]["code"], &item["attempts"]),
        (&json!("email.stalled"), &json!(2)),
        "{view:#}"
    );
}

#[test]
fn a_line_cut_after_the_mail_is_tried_again_with_the_same_message_id() {
    let server = BadServer::start(cuts(1));
    let house = server.house("", LETTER);
    let view = house.ends(&house.run("letter", &json!({})), "done");
    let sent = &step(&view, "send")["items"][0];
    assert_eq!(sent["attempts"], 2, "{view:#}");
    let id = sent["output"]["message_id"].as_str().unwrap();
    assert_eq!(server.mails(), [id, id], "who folds by Message-ID shows one mail");
}

#[test]
fn a_mail_that_must_go_out_once_and_may_have_been_sent_is_put_to_a_person() {
    let server = BadServer::start(cuts(1));
    let house = server.house("", &format!("{LETTER}effect = \"once\"\n"));
    let run = house.run("letter", &json!({}));
    let task = house.task(&run);
    assert_eq!(task["kind"], "unknown", "{task:#}");
    let evidence = house.get(&format!("/api/v1/tasks/{}", task["id"].as_str().unwrap()));
    assert_eq!(evidence["evidence"]["code"], "email.maybe_sent", "{evidence:#}");
    assert_eq!(evidence["evidence"]["happened"], "maybe", "{evidence:#}");
    for words in [["show", &run], ["why", &run]] {
        let said = house.call(&words).all();
        assert!(said.contains("may have"), "{said}");
    }
    house.settle(&task, &json!({ "verdict": "happened", "values": { "message_id": server.mails()[0] } }));
    house.ends(&run, "done");
    assert_eq!(server.mails().len(), 1, "nobody sent it again");
}

#[test]
fn a_server_that_is_not_there_fails_the_step_with_its_address_and_what_to_look_at() {
    let gone = BadServer::gone();
    let house = gone.house("", LETTER);
    let run = house.run("letter", &json!({}));
    let view = house.ends(&run, "failed");
    let item = &step(&view, "send")["items"][0];
    assert_eq!(
        (&item["failure"]["code"], &item["attempts"]),
        (&json!("email.unreachable"), &json!(2)),
        "{view:#}"
    );
    let said = house.call(&["show", &run]).all();
    assert!(said.contains(&gone.address.to_string()), "{said}");
}

const PAYMENT: &str = "title = \"付款\"\nowner = \"group:财务\"\nkey = \"A-7\"\n[step.pay]\nuse = \"echo.once\"\nwith.ms = 60000\n";

const TREASURY: &str = "[person.\"tang.xue\"]\nname = \"唐雪\"\nmail = \"tang.xue@example.com\"\n\
                        [person.\"luo.jing\"]\nname = \"罗静\"\nmail = \"luo.jing@example.com\"\n\
                        [group.\"财务\"]\nmembers = [\"tang.xue\", \"luo.jing\"]\n";

/// The daemon is killed while the payment is under way, and started again.
fn cut_in_the_middle(settings: &str, people: &str) -> (House, String) {
    let mut house = House::with(settings);
    house.write("config/people.toml", people);
    house.workflow("payment", PAYMENT);
    house.start();
    let run = house.run("payment", &json!({}));
    until("the payment to be under way", || {
        (step(&house.get(&format!("/api/v1/runs/{run}")), "pay")["items"][0]["state"] == "running")
            .then_some(())
    });
    house.kill();
    house.start();
    (house, run)
}

/// Every notice has gone out.
fn none_stands(house: &House) {
    until("all notices to go out", || {
        let page = house.get("/metrics");
        page.as_str().unwrap().lines().any(|line| line == "yizhan_notices_standing 0").then_some(())
    });
}

fn mails_in(house: &House) -> Vec<String> {
    house.mails().into_iter().map(|mail| String::from_utf8(mail).unwrap()).collect()
}

#[test]
fn the_owner_of_a_step_that_was_cut_gets_one_mail_across_two_kills() {
    let (mut house, run) = cut_in_the_middle("language = \"en\"\n", TREASURY);
    let task = house.task(&run);
    assert_eq!(task["kind"], "unknown", "{task:#}");
    house.kill();
    house.start();
    none_stands(&house);
    let mails = mails_in(&house);
    let [mail] = &mails[..] else { panic!("one mail, not {}", mails.len()) };
    let id = task["id"].as_str().unwrap();
    // What a person needs: which step of which case, to whom, and the words that answer.
    for said in ["tang.xue@example.com", "luo.jing@example.com", "A-7", "step `pay`", &run] {
        assert!(mail.contains(said), "`{said}` is missing in {mail}");
    }
    for said in [format!("yizhan task show {id}"), format!("yizhan task settle {id} happened")] {
        assert!(mail.contains(&said), "`{said}` is missing in {mail}");
    }
    assert_eq!(house.call(&["doctor"]).code, 0, "{}", house.call(&["doctor"]).all());
    house.kill();
    house.start();
    none_stands(&house);
    assert_eq!(mails_in(&house), mails, "who was told is not told again");
    house.settle(&house.task(&run), &json!({ "verdict": "happened", "values": {} }));
    house.ends(&run, "done");
}

#[test]
fn a_notice_outlasts_a_mail_server_that_is_down_and_a_kill_and_keeps_its_message_id() {
    let gone = BadServer::gone();
    let (mut house, run) = cut_in_the_middle(&gone.settings(""), TREASURY);
    until("the doctor to say why nobody is told", || {
        let said = house.call(&["doctor"]).all();
        (said.contains(&run) && said.contains("email.unreachable")).then_some(())
    });
    house.kill();
    // The first time the server takes the mail whole and cuts the line: nobody knows, so it is sent again.
    let server = BadServer::start_at(gone.address, cuts(1));
    house.start();
    none_stands(&house);
    let mails = server.mails();
    let [first, second] = &mails[..] else { panic!("{mails:?}") };
    assert_eq!(first, second, "who folds by Message-ID shows one mail");
}

#[test]
fn who_has_no_mail_address_is_told_once_it_is_known() {
    let nobody = "[person.\"tang.xue\"]\nname = \"唐雪\"\n[group.\"财务\"]\nmembers = [\"tang.xue\"]\n";
    let (house, _) = cut_in_the_middle("", nobody);
    until("the doctor to say that there is no address", || {
        house.call(&["doctor"]).all().contains("nobody of `group:财务` has a mail address").then_some(())
    });
    house.write("config/people.toml", TREASURY);
    assert_eq!(house.call(&["reload"]).code, 0);
    none_stands(&house);
    assert_eq!(mails_in(&house).len(), 1);
}

/// What stands open says so once more after each start: the log must not drown in it.
#[test]
fn of_many_runs_that_nobody_is_told_of_the_log_names_the_first_and_counts_the_rest() {
    let mut house = House::new();
    house.write("workflows/asks.toml", "title = '问'\n[step.a]\nask = 'group:财务'\n");
    house.write(
        "config/people.toml",
        "[person.\"tang.xue\"]\nname = \"唐雪\"\n[group.\"财务\"]\nmembers = [\"tang.xue\"]\n",
    );
    house.write("config/yizhan.toml", "[tell]\ntasks = true\n");
    house.start();
    for _ in 0..40 {
        house.call(&["run", "asks"]).ok();
    }
    let counted = || until("the log to count them", || house.log().contains("all=32").then_some(house.log()));
    let named = counted().matches("a run asks and nobody is told").count();
    assert_eq!(named, 20, "{}", house.log());
}

#[test]
fn an_action_for_notices_that_no_plugin_has_is_named_with_the_nearest() {
    let house = House::serving("[tell]\nuse = \"email.sent\"\n", "payment", PAYMENT);
    let said = house.call(&["doctor"]);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.all().contains("did you mean `email.send`?"), "{said:?}");
    assert!(house.log().contains("did you mean `email.send`?"), "{}", house.log());
}
