//! The word that is put beside a mail that started nothing: why, as an answer to it.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use yizhan_workflow::id::Millis;

use crate::language::Language;

pub(super) struct About<'a> {
    pub(super) language: Language,
    /// The mailbox's own address.
    pub(super) from: &'a str,
    pub(super) subject: &'a str,
    pub(super) message_id: Option<&'a str>,
    pub(super) workflow: &'a str,
    pub(super) trigger: &'a str,
    pub(super) why: &'a str,
    pub(super) now: Millis,
}

/// So many bytes of a subject stand in one encoded word, whose line may have 76 characters.
const WORD: usize = 42;
/// Of somebody else's subject.
const SUBJECT_MOST: usize = 120;

pub(super) fn write(about: &About<'_>) -> String {
    let About { language, workflow, trigger, why, .. } = about;
    let subject: String = about.subject.chars().take(SUBJECT_MOST).collect();
    let subject = language.pick(format!("没有处理: {subject}"), format!("Not handled: {subject}"));
    let text = language.pick(
        format!(
            "这封邮件没有触发流程 `{workflow}`(触发器 `{trigger}`):\n\n{why}\n\n改好之后,把邮件移回收信的目录,就会重新处理。\n"
        ),
        format!(
            "This mail did not start the workflow `{workflow}` (trigger `{trigger}`):\n\n{why}\n\nOnce that is mended, \
             move the mail back into the folder it came in: it is handled anew.\n"
        ),
    );
    let mut mail = String::new();
    let mut line = |name: &str, value: &str| write!(mail, "{name}: {value}\r\n").unwrap_or_default();
    line("From", &format!("Yizhan <{}>", plain(about.from)));
    line("Subject", &words(&subject));
    let at = Timestamp::from_millisecond(about.now.0).unwrap_or_default().to_zoned(TimeZone::UTC);
    line("Date", &jiff::fmt::rfc2822::to_string(&at).unwrap_or_default());
    let own = Sha256::digest(format!("{:?}{why}{}", about.message_id, about.now.0));
    let own: String = own.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    line("Message-ID", &format!("<{own}@yizhan.invalid>"));
    // It shows under the mail it is about. A stranger's id must not become a line of ours.
    if let Some(id) =
        about.message_id.filter(|id| id.len() <= 250 && id.bytes().all(|byte| byte.is_ascii_graphic()))
    {
        line("In-Reply-To", &format!("<{id}>"));
        line("References", &format!("<{id}>"));
    }
    line("Auto-Submitted", "auto-generated");
    line("MIME-Version", "1.0");
    line("Content-Type", "text/plain; charset=utf-8");
    line("Content-Transfer-Encoding", "base64");
    mail.push_str("\r\n");
    let body = BASE64_STANDARD.encode(text.replace('\n', "\r\n"));
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (row, next) = rest.split_at(rest.len().min(76));
        mail.push_str(row);
        mail.push_str("\r\n");
        rest = next;
    }
    mail
}

fn plain(address: &str) -> String {
    address.chars().filter(|sign| sign.is_ascii_graphic() && !matches!(sign, '<' | '>')).collect()
}

/// As encoded words (RFC 2047), none of which ends within a character.
fn words(text: &str) -> String {
    let mut words = vec![String::new()];
    for sign in text.chars() {
        match words.last_mut() {
            Some(word) if word.len() + sign.len_utf8() <= WORD => word.push(sign),
            Some(_) | None => words.push(sign.to_string()),
        }
    }
    let encoded = words.iter().map(|word| format!("=?utf-8?B?{}?=", BASE64_STANDARD.encode(word)));
    encoded.collect::<Vec<_>>().join("\r\n ")
}

#[cfg(test)]
mod tests {
    use mail_parser::MessageParser;

    use super::*;

    fn about<'a>(subject: &'a str, message_id: Option<&'a str>) -> About<'a> {
        About {
            language: Language::Zh,
            from: "orders@example.com",
            subject,
            message_id,
            workflow: "order",
            trigger: "mail",
            why: "正文里找不到 `数量`",
            now: Millis(1_700_000_000_000),
        }
    }

    #[test]
    fn the_note_answers_the_mail_and_says_why() {
        let subject = "关于白沙路十二号供水工程第三期材料采购的订单";
        let note = write(&about(subject, Some("1@example.com")));
        assert!(note.lines().all(|line| line.len() <= 78), "{note}");
        let read = MessageParser::default().parse(&note).unwrap();
        assert_eq!(read.subject(), Some(format!("没有处理: {subject}").as_str()));
        assert_eq!(read.in_reply_to().as_text(), Some("1@example.com"));
        assert_eq!(read.date().unwrap().to_timestamp(), 1_700_000_000);
        assert!(read.body_text(0).unwrap().contains("正文里找不到 `数量`"));
    }

    #[test]
    fn nothing_of_a_strangers_mail_becomes_a_line_of_the_notes_head() {
        for evil in ["a\r\nBcc: x@example.com", "a\nBcc: x@example.com", "a> <b", "号@example.com"] {
            let note = write(&about(evil, Some(evil)));
            let (head, _) = note.split_once("\r\n\r\n").unwrap();
            assert!(!head.to_lowercase().contains("bcc:"), "{head}");
            assert!(!head.contains("In-Reply-To"), "{head}");
        }
    }
}
