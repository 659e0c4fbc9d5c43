//! Nobody smuggles a line, a header or a recipient into a mail.

use serde_json::{Value, json};
use yizhan_plugin_api::prelude::*;

use super::{all, names, office};

/// What people have tried on other mail programs.
const SMUGGLED: &[&str] = &[
    "\r\nBcc: evil@example.org",
    "\nBcc: evil@example.org",
    "\rBcc: evil@example.org",
    "\r\n\r\n<script>",
    "\n\nbody",
    "\0",
    "a\0b",
    "\u{b}Bcc: evil@example.org",
    "\u{c}x",
    "\u{85}Bcc: evil@example.org",
    "\u{2028}Bcc: x",
    "\u{2029}x",
    "\u{1b}[2J",
    "\u{7f}",
    "\r\n ",
    "\n\t folded",
    "\r\nContent-Type: text/html",
    "\r\n.\r\nMAIL FROM:<evil@example.org>",
];

fn with(field: &str, value: &str) -> Value {
    json!({ (field): value })
}

#[test]
fn a_line_end_or_control_character_in_any_field_is_refused() {
    for smuggled in SMUGGLED {
        let office = office();
        for more in [
            with("subject", &format!("你好{smuggled}再见")),
            with("to", &format!("li@example.com{smuggled}x")),
            with("to", &format!("李娜{smuggled}x <li@example.com>")),
            with("to", &format!("\"李娜{smuggled}x\" <li@example.com>")),
            with("to", &format!("李娜 <li{smuggled}x@example.com>")),
            with("to", &format!("李娜 <li@example{smuggled}x.com>")),
            with("cc", &format!("a{smuggled}@example.com")),
            with("bcc", &format!("x{smuggled}x <a@example.com>")),
            with("reply_to", &format!("x{smuggled}x <a@example.com>")),
            with("from", &format!("x{smuggled}x <a@example.com>")),
            json!({ "headers": { "X-Unit": format!("a{smuggled}b") } }),
            json!({ "headers": { (format!("X-A{smuggled}b")): "x" } }),
            json!({ "attachments": [{ "text": "x", "name": format!("a{smuggled}b") }] }),
            json!({ "attachments": [{ "text": "x", "name": "a", "type": format!("text/{smuggled}plain") }] }),
        ] {
            let error = office.send(more.clone()).expect_err(&more.to_string());
            assert!(error.code.starts_with("email.bad_"), "{more}: {error}");
            assert_eq!((error.happened, error.retry), (Happened::No, false), "{more}");
            assert!(!error.message.chars().any(char::is_control), "{error:?}");
        }
        assert!(office.is_empty());
    }
}

#[test]
fn a_name_of_a_header_is_letters_digits_and_dashes_and_none_that_the_mail_needs() {
    let long = "x".repeat(65);
    let names = [
        "",
        " ",
        "X A",
        "X:A",
        "X-A:",
        "名",
        "X_A",
        "(X)",
        "X\tA",
        "X.A",
        &long,
        "Bcc",
        "bcc",
        "TO",
        "From",
        "Subject",
        "Date",
        "Message-ID",
        "message-id",
        "Sender",
        "Reply-To",
        "Return-Path",
        "Received",
        "MIME-Version",
        "Content-Type",
        "content-transfer-encoding",
        "Resent-To",
        "DKIM-Signature",
        "X-Yizhan-Key",
        "Delivered-To",
    ];
    let office = office();
    for name in names {
        let error = office.send(json!({ "headers": { name: "x" } })).expect_err(name);
        assert_eq!((error.code.as_str(), error.happened), ("email.bad_header", Happened::No), "{name:?}");
    }
    assert!(office.is_empty());
    office.send(json!({ "headers": { "X-Unit": "热线", "List-Id": " <a.example.com> ", "auto-submitted": "no" } })).unwrap();
    let bytes = office.kept();
    assert_eq!(
        (all(&bytes, "X-Unit"), all(&bytes, "List-Id")),
        (vec!["热线".to_owned()], vec!["<a.example.com>".to_owned()])
    );
    assert_eq!(all(&bytes, "Auto-Submitted"), ["no"]);
}

#[test]
fn what_is_no_plain_address_is_refused() {
    let office = office();
    for address in [
        "nobody",
        "@example.com",
        "a@",
        "a@@example.com",
        "a b@example.com",
        "a@exa mple.com",
        "<a@example.com",
        "a@example.com>",
        "a@example.com, b@example.com",
        "a@example.com;b@example.com",
        "a@example.com b@example.com",
        "\"a\\\"b\"@example.com",
        "\"a b\"@example.com",
        "a(comment)@example.com",
        "a@example.com (comment)",
        "<a@example.com><b@example.com>",
        "x <a@example.com> <b@example.com>",
        "a@-example.com",
        "a@example..com",
        ".a@example.com",
        "a..b@example.com",
        "a,b@example.com",
        "a@[127.0.0.1]",
        "a@exa_mple.com",
        "a:b@example.com",
        "a<b@example.com",
        "a@b@example.com",
        "role:客服主管",
        "person:li.na",
        "mailto:a@example.com",
    ] {
        let error = office.send(json!({ "to": address })).expect_err(address);
        assert_eq!((error.code.as_str(), error.happened), ("email.bad_address", Happened::No), "{address}");
        assert_eq!(error.pointer.as_deref(), Some("/to/0"));
    }
    assert!(office.is_empty());
}

#[test]
fn ordinary_addresses_are_taken_whatever_their_names() {
    for (given, shown) in [
        ("a@example.com", "a@example.com"),
        ("驿站 <yizhan@localhost>", "驿站 <yizhan@localhost>"),
        (" a.b+c@mail.example.com ", "a.b+c@mail.example.com"),
        ("<a@example.com>", "a@example.com"),
        ("李娜<li@example.com>", "李娜 <li@example.com>"),
        ("\"李, 娜\" <li@example.com>", "李, 娜 <li@example.com>"),
        ("\"Smith, John\" <smith@example.com>", "Smith, John <smith@example.com>"),
        ("Smith, John <smith@example.com>", "Smith, John <smith@example.com>"),
        ("O'Brien (Sales) <o'brien@example.com>", "O'Brien (Sales) <o'brien@example.com>"),
        ("Bcc: evil@example.org <a@example.com>", "Bcc: evil@example.org <a@example.com>"),
    ] {
        let office = office();
        let sent = office.send(json!({ "to": given })).unwrap();
        assert_eq!(sent["recipients"].as_array().unwrap().len(), 1);
        let bytes = office.kept();
        let to = all(&bytes, "To").join("").replace('"', "");
        assert_eq!(to, shown, "{given}");
        assert!(!names(&bytes).contains_key("Bcc"));
        let mail = super::parsed(&bytes);
        let to = mail.headers.iter().find(|header| header.get_key() == "To").unwrap();
        let addresses = mailparse::addrparse_header(to).unwrap();
        assert_eq!(addresses.count_addrs(), 1, "another program sees one recipient too");
    }
}
