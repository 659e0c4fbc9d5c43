//! The transport `folder`, and what is in a mail.

use serde_json::json;
use yizhan_plugin_api::prelude::*;

use super::{KEY, Office, all, names, office, parsed};

/// Without the date, which is that of the attempt.
fn without_date(bytes: &[u8]) -> String {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    text.split("\r\n").filter(|line| !line.starts_with("Date:")).collect::<Vec<_>>().join("\r\n")
}

#[test]
fn a_mail_is_one_file_and_a_second_attempt_writes_the_same_again() {
    let office = office();
    let more = json!({ "html": "<p>一切就绪。</p>", "attachments": [{ "text": "a,b", "name": "a.csv" }] });
    let first = office.send(more.clone()).unwrap();
    let bytes = office.kept();
    assert_eq!(first["file"], format!("{KEY}.eml"));
    assert_eq!(first["message_id"], format!("<{KEY}@example.com>"));
    assert_eq!((&first["recipients"], &first["transport"]), (&json!(["li@example.com"]), &json!("folder")));
    assert_eq!(office.send(more).unwrap(), first);
    assert_eq!(without_date(&office.kept()), without_date(&bytes));
    assert_eq!(all(&bytes, "Message-ID"), [format!("<{KEY}@example.com>")]);
    assert_eq!(all(&bytes, "X-Yizhan-Key"), [KEY]);
    assert_eq!(all(&bytes, "Auto-Submitted"), ["auto-generated"]);
    assert_eq!(all(&bytes, "Date").len(), 1);
}

#[test]
fn another_step_sends_another_mail() {
    let office = office();
    office.send(json!({})).unwrap();
    let office = Office { plugin: office.plugin.key("another"), ..office };
    office.send(json!({})).unwrap();
    assert_eq!(std::fs::read_dir(office.home.path().join("mail")).unwrap().count(), 2);
}

#[test]
fn chinese_names_subjects_texts_and_file_names_arrive_as_they_were() {
    let office = office();
    let subject = "【流程失败】新客户受理 华东(集团)股份有限公司 ".repeat(6);
    std::fs::create_dir_all(office.home.path().join("files/证明")).unwrap();
    std::fs::write(office.home.path().join("files/证明/处理证明.txt"), "已销毁\n").unwrap();
    let text = "各位:\n\n.\n..一行以点开始\n结束 🚰\n";
    office
        .send(json!({
            "to": ["李娜 <li@example.com>", "\"Smith, John\" <smith@example.com>"],
            "subject": subject,
            "text": text,
            "attachments": [
                { "path": "证明/处理证明.txt", "name": "供用水合同处理证明(一).txt" },
                { "path": "证明/处理证明.txt" },
                { "text": "x", "name": "很长的名字".repeat(13) },
            ],
        }))
        .unwrap();
    let bytes = office.kept();
    assert!(bytes.is_ascii(), "any server takes it");
    assert!(bytes.split(|byte| *byte == b'\n').all(|line| line.len() <= 998));
    assert_eq!(all(&bytes, "Subject"), [subject.trim()]);
    assert_eq!(all(&bytes, "From"), ["驿站 <yizhan@example.com>"]);
    // The comma is encoded with the name, so no reader takes it for one between two recipients.
    assert_eq!(all(&bytes, "To"), ["李娜 <li@example.com>, Smith, John <smith@example.com>"]);
    let mail = parsed(&bytes);
    assert_eq!(mail.ctype.mimetype, "multipart/mixed");
    assert_eq!(mail.subparts[0].get_body().unwrap().replace("\r\n", "\n"), text);
    let names: Vec<_> = mail.subparts[1..]
        .iter()
        .map(|part| part.get_content_disposition().params["filename"].clone())
        .collect();
    assert_eq!(names, ["供用水合同处理证明(一).txt", "处理证明.txt", &"很长的名字".repeat(13)]);
    assert_eq!(mail.subparts[1].get_body_raw().unwrap(), "已销毁\n".as_bytes());
    assert_eq!(mail.subparts[1].ctype.mimetype, "text/plain");
}

#[test]
fn text_and_html_are_two_faces_of_one_mail() {
    let office = office();
    office.send(json!({ "html": "<b>一切就绪。</b>" })).unwrap();
    let bytes = office.kept();
    let mail = parsed(&bytes);
    assert_eq!(mail.ctype.mimetype, "multipart/alternative");
    let kinds: Vec<_> = mail.subparts.iter().map(|part| part.ctype.mimetype.as_str()).collect();
    assert_eq!(kinds, ["text/plain", "text/html"]);
    assert_eq!(mail.subparts[1].get_body().unwrap().trim_end(), "<b>一切就绪。</b>");
}

#[test]
fn an_attachment_arrives_byte_by_byte() {
    let content: Vec<u8> = (0..=255_u8).chain(*b"\r\n\n\r.\r\n--").cycle().take(100_000).collect();
    let mut office = office();
    office.plugin = office.plugin.artifact("art_1", "现场照片.jpg", &content);
    office.send(json!({ "attachments": [{ "artifact": "art_1" }] })).unwrap();
    let bytes = office.kept();
    let mail = parsed(&bytes);
    assert_eq!(mail.subparts[1].get_body_raw().unwrap(), content);
    assert_eq!(mail.subparts[1].ctype.mimetype, "image/jpeg");
    assert_eq!(mail.subparts[1].get_content_disposition().params["filename"], "现场照片.jpg");
}

#[test]
fn a_file_of_a_form_or_a_mail_is_attached_as_it_came() {
    let mut office = office();
    office.plugin = office.plugin.artifact("art_1", "a", b"\x89PNG");
    let file = json!({ "artifact": "art_1", "name": "现场照片.png", "type": "image/png", "size": 4 });
    office.send(json!({ "attachments": [file] })).unwrap();
    let bytes = office.kept();
    let mail = parsed(&bytes);
    assert_eq!(mail.subparts[1].get_body_raw().unwrap(), b"\x89PNG");
    assert_eq!(mail.subparts[1].get_content_disposition().params["filename"], "现场照片.png");
}

#[test]
fn everybody_gets_a_mail_once_however_many_lists_they_stand_in() {
    let office = office();
    let sent = office
        .send(json!({
            "to": ["a@example.com", "李娜 <A@Example.com>"],
            "cc": ["b@example.com", "a@example.com"],
            "bcc": ["c@example.com", "b@example.com", " "],
            "reply_to": ["客服 <kf@example.com>"],
        }))
        .unwrap();
    assert_eq!(sent["recipients"], json!(["a@example.com", "b@example.com", "c@example.com"]));
    let bytes = office.kept();
    assert_eq!(
        (all(&bytes, "To"), all(&bytes, "Cc")),
        (vec!["a@example.com".to_owned()], vec!["b@example.com".to_owned()])
    );
    assert_eq!(all(&bytes, "Bcc"), ["c@example.com"], "the file shows who else was to get it");
    assert_eq!(all(&bytes, "Reply-To"), ["客服 <kf@example.com>"]);
    assert!(names(&bytes).values().all(|count| *count == 1));
}

#[test]
fn a_mail_to_nobody_is_refused() {
    for to in [json!([]), json!(""), json!([" ", ""])] {
        let error = office().send(json!({ "to": to })).unwrap_err();
        assert_eq!((error.code.as_str(), error.happened), ("email.no_recipient", Happened::No));
    }
    let many: Vec<_> = (0..501).map(|at| format!("a{at}@example.com")).collect();
    assert_eq!(office().send(json!({ "to": many })).unwrap_err().code, "email.too_many_recipients");
}

#[test]
fn a_mail_without_a_text_or_a_sender_is_refused() {
    assert_eq!(office().send(json!({ "text": null })).unwrap_err().code, "email.no_text");
    let office = office();
    office.send(json!({ "from": "热线 <hotline@water.example.com>" })).unwrap();
    assert_eq!(all(&office.kept(), "Message-ID"), [format!("<{KEY}@water.example.com>")]);
    let home = tempfile::tempdir().unwrap();
    let config = json!({ "folder": home.path().to_str().unwrap(), "instance": "yz-1.example.net" });
    let office = Office { plugin: yizhan_plugin_api::Harness::new(&config).unwrap(), home };
    assert_eq!(office.send(json!({})).unwrap_err().code, "email.no_sender");
    let sent = office.send(json!({ "from": "a@example.com" })).unwrap();
    assert_eq!(sent["message_id"], format!("<{KEY}@yz-1.example.net>"));
}

#[test]
fn attachments_stay_below_their_root_and_below_their_limit() {
    let office = office();
    std::fs::write(office.home.path().join("secret"), "secret").unwrap();
    std::fs::write(office.home.path().join("files/large"), vec![b'x'; (18 << 20) + 1]).unwrap();
    std::fs::write(office.home.path().join("files/half"), vec![b'x'; 10 << 20]).unwrap();
    for (attachments, code) in [
        (json!([{ "path": "../secret" }]), "file.outside_root"),
        (json!([{ "path": "/etc/passwd" }]), "file.outside_root"),
        (json!([{ "path": "nothing" }]), "file.not_found"),
        (json!([{ "path": "large" }]), "email.too_large"),
        (json!([{ "path": "half" }, { "path": "half" }]), "email.too_large"),
        (json!([{ "name": "a" }]), "email.bad_attachment"),
        (json!([{ "text": "x" }]), "email.bad_attachment"),
        (json!([{ "text": "x", "name": "../../a" }]), "email.bad_attachment"),
        (json!([{ "text": "x", "name": "a\r\nX-Evil: 1" }]), "email.bad_attachment"),
        (json!([{ "text": "x", "name": "a", "type": "text/plain\r\nX-Evil: 1" }]), "email.bad_attachment"),
        (json!([{ "text": "x", "name": "a", "type": "nonsense" }]), "email.bad_attachment"),
    ] {
        let error = office.send(json!({ "attachments": attachments })).unwrap_err();
        assert_eq!((error.code.as_str(), error.happened), (code, Happened::No), "{attachments}: {error}");
        assert!(
            error.pointer.as_ref().is_some_and(|pointer| pointer.starts_with("/attachments/")),
            "{error:?}"
        );
    }
    assert!(office.is_empty());
}
