//! Mails as they come in.

use super::*;

fn encoded(charset: &str, bytes: &[u8]) -> String {
    use base64::Engine as _;
    format!("=?{charset}?B?{}?=", base64::prelude::BASE64_STANDARD.encode(bytes))
}

fn gb(text: &str) -> Vec<u8> {
    encoding_rs::GB18030.encode(text).0.into_owned()
}

#[test]
fn a_mail_of_an_old_chinese_program_is_read_in_its_own_characters() {
    let mut mail = format!(
        "From: {} <Li@Example.com>\r\nTo: orders@example.com, b@example.com\r\nSubject: {}\r\n\
         Date: Sun, 22 Nov 2026 13:00:00 +0800\r\nMessage-ID: <1@example.com>\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=gb18030\r\nContent-Transfer-Encoding: 8bit\r\n\r\n",
        encoded("gb2312", &gb("李娜")),
        encoded("gbk", &gb("订单 A-17")),
    )
    .into_bytes();
    mail.extend(gb("客户:镕基水厂\r\n数量:12\r\n"));
    let letter = read(&mail).unwrap();
    assert_eq!((letter.from.as_str(), letter.from_name.as_str()), ("Li@Example.com", "李娜"));
    assert_eq!(letter.to, ["orders@example.com", "b@example.com"]);
    assert_eq!(letter.subject, "订单 A-17");
    assert_eq!(letter.text, "客户:镕基水厂\n数量:12\n");
    assert_eq!(letter.date.as_deref(), Some("2026-11-22T05:00:00Z"));
    assert_eq!(letter.message_id.as_deref(), Some("1@example.com"));
    assert_eq!(letter.html, None);
}

#[test]
fn an_attachment_keeps_its_bytes_and_gets_a_name_that_leads_nowhere() {
    let part = |name: &str, body: &str| {
        format!(
            "--b\r\nContent-Type: text/csv; charset=gb18030\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n{body}\r\n"
        )
    };
    use base64::Engine as _;
    let csv = gb("姓名,数量\r\n李娜,3\r\n");
    let body = base64::prelude::BASE64_STANDARD.encode(&csv);
    let mail = format!(
        "From: a@example.com\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>见<b>附件</b></p>\r\n{}{}{}{}--b--\r\n",
        part("../../etc/清单.csv", &body),
        part("清单.csv", &body),
        part("..", &body),
        part("C:\\\\a\\\\b.csv", &body),
    );
    let letter = read(mail.as_bytes()).unwrap();
    let names: Vec<&str> = letter.attachments.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["清单.csv", "清单-2.csv", "attachment-3", "b.csv"]);
    assert_eq!(letter.attachments[0].content, csv, "not turned into UTF-8");
    assert_eq!(letter.attachments[0].media, "text/csv");
    assert_eq!(letter.html.as_deref().map(str::trim), Some("<p>见<b>附件</b></p>"));
    assert!(letter.text.contains("附件") && !letter.text.contains('<'), "{}", letter.text);
}

#[test]
fn who_says_to_be_two_is_two() {
    let head = b"From: Boss <boss@example.com>\r\nFrom: evil@example.org\r\nSubject: x\r\n\r\n";
    assert_eq!(senders(head), ["boss@example.com", "evil@example.org"]);
    assert_eq!(senders(b"From: a@example.com, b@example.org\r\n\r\n"), ["a@example.com", "b@example.org"]);
    let disguised = b"From: \"boss@example.com\" <evil@example.org>\r\n\r\n";
    assert_eq!(senders(disguised), ["evil@example.org"]);
    assert!(senders(b"Subject: x\r\n\r\n").is_empty());
}

#[test]
fn what_is_too_long_for_a_run_is_an_attachment() {
    let long = "水".repeat(WORDS_MOST / 3 + 1);
    let mail = format!("From: a@example.com\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{long}");
    let letter = read(mail.as_bytes()).unwrap();
    assert_eq!(letter.text.len(), WORDS_MOST - 1, "ends with a whole character");
    assert_eq!(letter.attachments.len(), 1);
    assert_eq!(letter.attachments[0].name, "mail.txt");
    assert_eq!(letter.attachments[0].content, long.as_bytes());
}

#[test]
fn a_mail_of_very_many_attachments_is_refused() {
    let one = "--b\r\nContent-Type: image/png\r\nContent-Disposition: attachment\r\n\r\nx\r\n";
    let mail = |count: usize| {
        format!(
            "From: a@example.com\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{}--b--\r\n",
            one.repeat(count)
        )
    };
    assert_eq!(read(mail(100).as_bytes()).unwrap().attachments.len(), 100);
    assert_eq!(read(mail(101).as_bytes()).unwrap_err(), LetterError::TooManyAttachments(101));
}

#[test]
fn a_forwarded_mail_is_an_attachment_of_its_own() {
    let inner = "From: c@example.com\r\nSubject: inner\r\n\r\nhello\r\n";
    let mail = format!(
        "From: a@example.com\r\nSubject: outer\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\n\r\nsee below\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n{inner}--b--\r\n"
    );
    let letter = read(mail.as_bytes()).unwrap();
    assert_eq!(letter.subject, "outer");
    let [one] = &letter.attachments[..] else { panic!("{:?}", letter.attachments) };
    assert_eq!((one.name.as_str(), one.media.as_str()), ("attachment-1.eml", "message/rfc822"));
    assert!(String::from_utf8_lossy(&one.content).starts_with("From: c@example.com"));
}
