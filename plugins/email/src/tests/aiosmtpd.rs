//! Against a mail server that others wrote: aiosmtpd, where Python has it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::json;
use yizhan_plugin_api::Harness;

use super::{KEY, mail};
use crate::Email;

/// Prints its port, then one line of JSON for each mail, as Python's own mail reader sees it.
const SERVER: &str = r#"
import asyncio, email, email.policy, json, sys
from aiosmtpd.smtp import SMTP
class Handler:
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        print(json.dumps({
            "rcpt": envelope.rcpt_tos, "subject": mail["subject"], "to": str(mail["to"]), "id": mail["message-id"],
            "text": mail.get_body(("plain",)).get_content().replace("\r\n", "\n"),
            "files": [[part.get_filename(), part.get_payload(decode=True).decode()] for part in mail.iter_attachments()],
        }), flush=True)
        return "250 queued"
async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Handler(), hostname="mail.example.com"), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()
asyncio.run(main())
"#;

/// Ends with its standard input.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

#[test]
fn another_programs_server_and_reader_see_the_mail_as_it_was_meant() {
    let has = Command::new("python3").args(["-c", "import aiosmtpd"]).stderr(Stdio::null()).status();
    if !has.is_ok_and(|status| status.success()) {
        let is_all = std::env::var("YIZHAN_TESTS").is_ok_and(|value| value == "all");
        assert!(!is_all, "python3 has no aiosmtpd: pip install aiosmtpd");
        println!("skipped: python3 has no aiosmtpd (pip install aiosmtpd)");
        return;
    }
    let mut python = Command::new("python3");
    python.args(["-c", SERVER]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut server = Running(python.spawn().unwrap());
    let mut lines = BufReader::new(server.0.stdout.take().unwrap()).lines();
    let port: u16 = lines.next().unwrap().unwrap().trim().parse().unwrap();
    let config =
        json!({ "host": "127.0.0.1", "port": port, "tls": "none", "from": "驿站 <yizhan@example.com>" });
    let plugin: Harness<Email> = Harness::new(&config).unwrap();
    let input = mail(json!({
        "to": ["李娜 <li@example.com>", "smith@example.com"],
        "bcc": "c@example.com",
        "subject": "【派工】水管爆裂 白沙路12号",
        "text": "各位:\n.\n请处理。\n",
        "attachments": [{ "text": "编号,金额\r\n一,1\r\n", "name": "清单(一).csv" }],
    }));
    plugin.run("send", &input).unwrap();
    let seen: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    let expected = json!({
        "rcpt": ["li@example.com", "smith@example.com", "c@example.com"],
        "subject": "【派工】水管爆裂 白沙路12号",
        "to": "李娜 <li@example.com>, smith@example.com",
        "id": format!("<{KEY}@example.com>"),
        "text": "各位:\n.\n请处理。\n",
        "files": [["清单(一).csv", "编号,金额\r\n一,1\r\n"]],
    });
    assert_eq!(seen, expected);
}
