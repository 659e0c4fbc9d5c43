//! The transport `smtp`: where the talk with the server breaks decides what the step may do next.

use serde_json::{Value, json};
use yizhan_plugin_api::Harness;
use yizhan_plugin_api::prelude::*;

use super::server::Answer::{Cuts, Says, Stalls};
use super::server::{Habits, Safety, Server};
use super::{KEY, all, mail, parsed};
use crate::Email;

/// The plugin, set up for this server; `more` goes over the settings.
fn to(server: &Server, more: Value) -> Harness<Email> {
    let mut config = json!({
        "host": "127.0.0.1", "port": server.port, "tls": "none", "from": "驿站 <yizhan@example.com>",
        "timeout_s": 20, "accept_timeout_s": 20,
    });
    for (name, value) in more.as_object().unwrap() {
        config[name] = value.clone();
    }
    Harness::new(&config).unwrap()
}

fn plain(habits: Habits) -> (Server, Harness<Email>) {
    let server = Server::new(Safety::Plain, habits);
    let plugin = to(&server, json!({}));
    (server, plugin)
}

#[test]
fn the_server_gets_the_mail_for_everybody_and_bcc_stands_nowhere_in_it() {
    let (server, plugin) = plain(&[]);
    let text = "一\n.\n..二\n";
    let input = mail(json!({ "cc": "王 <b@example.com>", "bcc": "c@example.com", "text": text }));
    let sent = plugin.run("send", &input).unwrap();
    let mails = server.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].from, "MAIL FROM:<yizhan@example.com>");
    assert_eq!(
        mails[0].to,
        ["RCPT TO:<li@example.com>", "RCPT TO:<b@example.com>", "RCPT TO:<c@example.com>"]
    );
    assert_eq!(sent["recipients"], json!(["li@example.com", "b@example.com", "c@example.com"]));
    assert_eq!(
        (&sent["transport"], &sent["message_id"]),
        (&json!("smtp"), &json!(format!("<{KEY}@example.com>")))
    );
    let bytes = &mails[0].bytes;
    assert_eq!(all(bytes, "Message-ID"), [format!("<{KEY}@example.com>")]);
    assert!(!String::from_utf8_lossy(bytes).contains("c@example.com"));
    assert_eq!(parsed(bytes).get_body().unwrap().replace("\r\n", "\n").trim_end(), text.trim_end());
}

#[test]
fn lines_that_begin_with_a_dot_arrive_with_it() {
    let (server, plugin) = plain(&[]);
    let text = "a\r\n.\r\n..b\r\n.c\r\n";
    plugin.run("send", &mail(json!({ "text": text }))).unwrap();
    assert_eq!(parsed(&server.mails()[0].bytes).get_body().unwrap().trim_end(), text.trim_end());
}

#[test]
fn mails_go_over_one_line_one_after_the_other() {
    let (server, plugin) = plain(&[]);
    let mut plugin = plugin;
    for at in 0..5 {
        plugin = plugin.key(&format!("k{at}"));
        plugin.run("send", &mail(json!({}))).unwrap();
    }
    assert_eq!((server.mails().len(), server.lines()), (5, 1));
}

#[test]
fn a_line_that_the_server_closed_meanwhile_is_opened_again_and_the_mail_goes_once() {
    let (server, plugin) = plain(&[("NOOP", Cuts)]);
    plugin.run("send", &mail(json!({}))).unwrap();
    let plugin = plugin.key("k2");
    plugin.run("send", &mail(json!({}))).unwrap();
    assert_eq!((server.mails().len(), server.lines()), (2, 2));
}

#[test]
fn two_at_once_have_a_line_each() {
    let (server, plugin) = plain(&[]);
    let calls = [1, 2, 3].map(|_| plugin.start("send", &mail(json!({}))).unwrap());
    for call in calls {
        plugin.end_of(call).unwrap();
    }
    assert_eq!(server.mails().len(), 3);
}

/// Where the server does what, and what that means: the code, whether to try again, what may have happened.
const ENDS: &[(Habits, &str, bool, Happened)] = &[
    (&[("connect", Says("554 no service"))], "email.refused", false, Happened::No),
    (&[("connect", Says("421 too busy"))], "email.try_later", true, Happened::No),
    (&[("connect", Cuts)], "email.unreachable", true, Happened::No),
    (&[("EHLO", Says("550 go away"))], "email.refused", false, Happened::No),
    (&[("EHLO", Cuts)], "email.unreachable", true, Happened::No),
    (&[("MAIL", Says("550 you may not"))], "email.refused", false, Happened::No),
    (&[("MAIL", Says("451 later"))], "email.try_later", true, Happened::No),
    (&[("MAIL", Cuts)], "email.broken_off", true, Happened::No),
    (&[("RCPT", Says("550 no such user"))], "email.refused", false, Happened::No),
    (&[("RCPT", Says("450 greylisted"))], "email.try_later", true, Happened::No),
    (&[("RCPT", Says("452 mailbox full"))], "email.try_later", true, Happened::No),
    (&[("RCPT", Cuts)], "email.broken_off", true, Happened::No),
    (&[("RCPT", Says("nonsense"))], "email.broken_off", true, Happened::No),
    (&[("DATA", Says("554 no valid recipients"))], "email.refused", false, Happened::No),
    (&[("DATA", Says("451 later"))], "email.try_later", true, Happened::No),
    (&[("DATA", Cuts)], "email.broken_off", true, Happened::No),
    (&[(".", Says("554 looks like spam"))], "email.refused", false, Happened::No),
    (&[(".", Says("452 disk full"))], "email.try_later", true, Happened::No),
    (&[(".", Cuts)], "email.maybe_sent", true, Happened::Maybe),
    (&[(".", Says("nonsense"))], "email.maybe_sent", true, Happened::Maybe),
];

#[test]
fn where_the_talk_ends_says_what_may_have_happened() {
    for (habits, code, retry, happened) in ENDS {
        let (server, plugin) = plain(habits);
        let error = plugin.run("send", &mail(json!({}))).unwrap_err();
        let got = (error.code.as_str(), error.retry, error.happened);
        assert_eq!(got, (*code, *retry, *happened), "{habits:?}: {error}");
        assert_eq!(error.help.is_some(), !*retry || error.help.is_some());
        if let Says(words) = habits[0].1
            && words != "nonsense"
        {
            assert!(error.message.contains(&words[..3]) && error.message.contains(&words[4..]), "{error}");
        }
        let has_mail = *happened == Happened::Maybe;
        assert_eq!(server.mails().len(), usize::from(has_mail), "{habits:?}");
    }
}

#[test]
fn a_silent_server_is_given_up_and_only_after_the_dot_may_the_mail_be_sent() {
    const SILENT: &[(Habits, &str, Happened)] = &[
        (&[("connect", Stalls)], "email.stalled", Happened::No),
        (&[("EHLO", Stalls)], "email.stalled", Happened::No),
        (&[("MAIL", Stalls)], "email.stalled", Happened::No),
        (&[("RCPT", Stalls)], "email.stalled", Happened::No),
        (&[("DATA", Stalls)], "email.stalled", Happened::No),
        (&[(".", Stalls)], "email.maybe_sent", Happened::Maybe),
    ];
    for (habits, code, happened) in SILENT {
        let server = Server::new(Safety::Plain, habits);
        let plugin = to(&server, json!({ "timeout_s": 0.3, "accept_timeout_s": 0.3 }));
        let error = plugin.run("send", &mail(json!({}))).unwrap_err();
        assert_eq!(
            (error.code.as_str(), error.retry, error.happened),
            (*code, true, *happened),
            "{habits:?}: {error}"
        );
    }
}

#[test]
fn a_line_cut_in_the_middle_of_the_mail_has_sent_nothing() {
    let (server, plugin) = plain(&[("in the middle", Cuts)]);
    // More than the system's buffers take while nobody reads.
    let large = "x".repeat(15 << 20);
    let error =
        plugin.run("send", &mail(json!({ "attachments": [{ "text": large, "name": "a" }] }))).unwrap_err();
    assert_eq!((error.code.as_str(), error.retry, error.happened), ("email.broken_off", true, Happened::No));
    assert!(server.mails().is_empty());
}

#[test]
fn after_a_maybe_the_second_attempt_carries_the_same_message_id() {
    let (server, plugin) = plain(&[(".", Cuts)]);
    for _ in 0..3 {
        let error = plugin.run("send", &mail(json!({}))).unwrap_err();
        assert_eq!((error.code.as_str(), error.happened), ("email.maybe_sent", Happened::Maybe));
    }
    let ids: Vec<_> = server.mails().iter().flat_map(|mail| all(&mail.bytes, "Message-ID")).collect();
    assert_eq!(
        ids,
        [format!("<{KEY}@example.com>"), format!("<{KEY}@example.com>"), format!("<{KEY}@example.com>")]
    );
}

#[test]
fn one_refused_recipient_refuses_the_mail_for_all() {
    let (server, plugin) = plain(&[("RCPT TO:<b@", Says("550 no such user"))]);
    let error = plugin.run("send", &mail(json!({ "cc": ["b@example.com", "c@example.com"] }))).unwrap_err();
    assert_eq!((error.code.as_str(), error.happened), ("email.refused", Happened::No));
    assert!(error.message.contains("b@example.com"), "{error}");
    assert!(server.mails().is_empty() && !server.commands().iter().any(|command| command == "DATA"));
}

#[test]
fn a_server_that_does_not_run_is_tried_again() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = json!({ "host": "127.0.0.1", "port": port, "tls": "none", "from": "a@example.com" });
    let plugin: Harness<Email> = Harness::new(&config).unwrap();
    let error = plugin.run("send", &mail(json!({}))).unwrap_err();
    assert_eq!((error.code.as_str(), error.retry, error.happened), ("email.unreachable", true, Happened::No));
    assert!(error.message.contains(&port.to_string()) && error.help.is_some(), "{error}");
}

#[test]
fn a_cancelled_mail_that_had_begun_may_have_been_sent() {
    let (server, plugin) = plain(&[(".", Stalls)]);
    let call = plugin.start("send", &mail(json!({}))).unwrap();
    server.wait_for(".");
    plugin.cancel(call);
    let error = plugin.end_of(call).unwrap_err();
    assert_eq!((error.code.as_str(), error.happened), ("plugin.cancelled", Happened::Maybe));
}

/// The plugin with a login, trusting the server's own certificate.
fn safely(server: &Server, tls: &str, more: Value) -> (tempfile::TempDir, Harness<Email>) {
    let home = tempfile::tempdir().unwrap();
    let ca_file = home.path().join("ca.pem");
    std::fs::write(&ca_file, &server.certificate).unwrap();
    let mut settings = json!({
        "tls": tls, "user": "yizhan", "password": { "secret": "mail" }, "ca_file": ca_file.to_str().unwrap(),
    });
    for (name, value) in more.as_object().unwrap() {
        settings[name] = value.clone();
    }
    let plugin = to(server, settings).secret("mail", "pass word\n");
    (home, plugin)
}

#[test]
fn a_mail_goes_over_a_safe_line_after_a_login() {
    for (safety, tls) in [(Safety::Tls, "required"), (Safety::Starttls, "starttls")] {
        let server = Server::new(safety, &[]);
        let (_home, plugin) = safely(&server, tls, json!({}));
        plugin.run("send", &mail(json!({}))).unwrap();
        let mails = server.mails();
        assert!(mails[0].is_safe, "{tls}");
        // "\0yizhan\0pass word" in base64: the line end of the secret's file is not part of it.
        assert_eq!(mails[0].login.as_deref(), Some("AUTH PLAIN AHlpemhhbgBwYXNzIHdvcmQ="), "{tls}");
    }
}

#[test]
fn a_server_nobody_vouches_for_gets_neither_password_nor_mail() {
    for (safety, tls) in [(Safety::Tls, "required"), (Safety::Starttls, "starttls")] {
        let server = Server::new(safety, &[]);
        let (_home, plugin) = safely(&server, tls, json!({ "ca_file": null }));
        let error = plugin.run("send", &mail(json!({}))).unwrap_err();
        assert_eq!(
            (error.code.as_str(), error.retry, error.happened),
            ("email.tls", true, Happened::No),
            "{error}"
        );
        assert!(
            !server
                .commands()
                .iter()
                .any(|command| command.starts_with("AUTH") || command.starts_with("MAIL"))
        );
    }
}

#[test]
fn without_starttls_nothing_is_said_in_the_clear() {
    let server = Server::new(Safety::Plain, &[]);
    let (_home, plugin) = safely(&server, "starttls", json!({}));
    let error = plugin.run("send", &mail(json!({}))).unwrap_err();
    assert_eq!((error.code.as_str(), error.retry, error.happened), ("email.tls", false, Happened::No));
    assert!(
        !server.commands().iter().any(|command| command.starts_with("AUTH") || command.starts_with("MAIL"))
    );
}

#[test]
fn a_refused_login_is_told_without_the_password() {
    for (answer, code, retry) in [("535 wrong", "email.login", false), ("454 later", "email.try_later", true)]
    {
        let habits: Habits =
            if retry { &[("AUTH", Says("454 later"))] } else { &[("AUTH", Says("535 wrong"))] };
        let server = Server::new(Safety::Tls, habits);
        let (_home, plugin) = safely(&server, "required", json!({}));
        let error = plugin.run("send", &mail(json!({}))).unwrap_err();
        assert_eq!(
            (error.code.as_str(), error.retry, error.happened),
            (code, retry, Happened::No),
            "{answer}: {error}"
        );
        assert!(!error.message.contains("pass word"));
    }
}

#[test]
fn an_address_in_chinese_needs_a_server_that_takes_it() {
    let (server, plugin) = plain(&[]);
    let error = plugin.run("send", &mail(json!({ "to": "李娜@example.com" }))).unwrap_err();
    assert_eq!((error.code.as_str(), error.happened), ("email.bad_address", Happened::No));
    assert!(server.mails().is_empty());
}
