//! Builds the mail itself: headers that nobody can smuggle lines into, and bodies every mail program reads.

use lettre::message::header::{
    Bcc, Cc, ContentTransferEncoding, ContentType, HeaderName, HeaderValue, ReplyTo, To,
};
use lettre::message::{Body, Mailboxes, Message, MessageBuilder, MultiPart, SinglePart};
use lettre::{Address, address};
use yizhan_plugin_api::prelude::*;

use crate::Mail;
use crate::envelope::{Envelope, is_line_or_control};

const NAME_MAX: usize = 64;
const SUBJECT_MAX: usize = 900;
const BYTES_MAX: usize = 25 << 20;

/// What the fields of the step say, what the mail's own structure needs, and what only servers write.
const RESERVED: [&str; 17] = [
    "bcc",
    "cc",
    "date",
    "dkim-signature",
    "from",
    "message-id",
    "mime-version",
    "received",
    "reply-to",
    "return-path",
    "sender",
    "subject",
    "to",
    "x-yizhan-key",
    "authentication-results",
    "arc-seal",
    "delivered-to",
];

pub(crate) struct Draft<'a> {
    pub(crate) ctx: &'a Ctx,
    pub(crate) input: &'a Mail,
    pub(crate) envelope: &'a Envelope,
    /// A mail in a folder shows who else was to get it.
    pub(crate) keep_bcc: bool,
}

impl Draft<'_> {
    pub(crate) fn bytes(&self, message_id: &str, attachments: Vec<SinglePart>) -> Result<Vec<u8>> {
        let builder = self.headers(message_id)?;
        let message = match self.body(attachments)? {
            Content::One(part) => builder.singlepart(part),
            Content::Many(parts) => builder.multipart(parts),
        };
        let message = message.map_err(|error| Error::refused("email.bad_mail", error.to_string()))?;
        let bytes = message.formatted();
        if bytes.len() > BYTES_MAX {
            let words = format!("the mail has {} bytes, more than {BYTES_MAX}", bytes.len());
            return Err(Error::refused("email.too_large", words).help("send less in it"));
        }
        Ok(bytes)
    }

    fn headers(&self, message_id: &str) -> Result<MessageBuilder> {
        let Self { ctx, input, envelope, .. } = self;
        let subject = input.subject.trim();
        if subject.chars().any(is_line_or_control) {
            return Err(bad("the subject has a line end or another control character in it").at("/subject"));
        }
        if subject.len() > SUBJECT_MAX {
            return Err(bad("the subject is longer than 900 bytes (300 Chinese characters)").at("/subject"));
        }
        let mut builder = Message::builder()
            .from(envelope.from.clone())
            .date(ctx.began())
            .message_id(Some(message_id.to_owned()))
            .subject(subject)
            .envelope(self.envelope_for_builder()?)
            .raw_header(header("X-Yizhan-Key", ctx.key())?);
        for (list, set) in [
            (
                &envelope.to,
                (|b, m| b.mailbox(To::from(m))) as fn(MessageBuilder, Mailboxes) -> MessageBuilder,
            ),
            (&envelope.cc, |b, m| b.mailbox(Cc::from(m))),
            (&envelope.bcc, |b, m| b.mailbox(Bcc::from(m))),
            (&envelope.reply_to, |b, m| b.mailbox(ReplyTo::from(m))),
        ] {
            if !list.is_empty() {
                builder = set(builder, list.iter().cloned().collect());
            }
        }
        if self.keep_bcc {
            builder = builder.keep_bcc();
        }
        let mut says_automatic = false;
        for (name, value) in &input.headers {
            check_header(name, value)?;
            says_automatic |= name.eq_ignore_ascii_case("auto-submitted");
            builder = builder.raw_header(header(name, value.trim())?);
        }
        // Keeps the answers of absent people from coming back to a machine.
        Ok(if says_automatic {
            builder
        } else {
            builder.raw_header(header("Auto-Submitted", "auto-generated")?)
        })
    }

    fn envelope_for_builder(&self) -> Result<address::Envelope> {
        let to: Vec<Address> = self.envelope.recipients().cloned().collect();
        address::Envelope::new(Some(self.envelope.from.email.clone()), to)
            .map_err(|error| Error::refused("email.no_recipient", error.to_string()))
    }

    fn body(&self, attachments: Vec<SinglePart>) -> Result<Content> {
        let text = self.input.text.as_ref().map(|text| part(ContentType::TEXT_PLAIN, &text.0));
        let html = self.input.html.as_ref().map(|html| part(ContentType::TEXT_HTML, &html.0));
        let content = match (text, html) {
            (Some(text), Some(html)) => Content::Many(
                MultiPart::alternative().boundary(self.boundary("a")).singlepart(text).singlepart(html),
            ),
            (Some(one), None) | (None, Some(one)) => Content::One(one),
            (None, None) => {
                return Err(
                    Error::refused("email.no_text", "the mail has neither `text` nor `html`").at("/text")
                );
            }
        };
        if attachments.is_empty() {
            return Ok(content);
        }
        let mixed = MultiPart::mixed().boundary(self.boundary("m"));
        let mixed = match content {
            Content::One(part) => mixed.singlepart(part),
            Content::Many(parts) => mixed.multipart(parts),
        };
        Ok(Content::Many(attachments.into_iter().fold(mixed, MultiPart::singlepart)))
    }

    /// The same for every attempt, so that all of them send the same mail. Bodies that could hold it are encoded.
    fn boundary(&self, kind: &str) -> String {
        format!("=_{kind}_{}", self.ctx.key())
    }
}

/// A text as a part of the mail. No mail may have a NUL as it is (RFC 5322, 2.3): it goes out written in figures.
fn part(media: ContentType, text: &str) -> SinglePart {
    let figures = || Body::new_with_encoding(text.to_owned(), ContentTransferEncoding::QuotedPrintable).ok();
    let body = text.contains('\0').then(figures).flatten();
    SinglePart::builder().header(media).body(body.unwrap_or_else(|| Body::new(text.to_owned())))
}

enum Content {
    One(SinglePart),
    Many(MultiPart),
}

fn check_header(name: &str, value: &str) -> Result<()> {
    let fits = (1..=NAME_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !fits {
        let words = format!("`{}` is no name for a header", name.escape_debug());
        return Err(bad(&words).help("letters, digits and `-`, 64 at most"));
    }
    let lower = name.to_ascii_lowercase();
    if RESERVED.contains(&lower.as_str()) || lower.starts_with("content-") || lower.starts_with("resent-") {
        return Err(bad(&format!("the header `{name}` may not be set here"))
            .help("the fields of the step say who, what and when; the rest is the mail's own"));
    }
    if value.trim().chars().any(is_line_or_control) {
        return Err(bad(&format!("the header `{name}` has a line end or another control character in it")));
    }
    Ok(())
}

fn bad(words: &str) -> Error {
    Error::refused("email.bad_header", words)
        .at("/headers")
        .help("take it out of the value that the text is made of")
}

fn header(name: &str, value: &str) -> Result<HeaderValue> {
    let name = HeaderName::new_from_ascii(name.to_owned()).map_err(|error| bad(&error.to_string()))?;
    Ok(HeaderValue::new(name, value.to_owned()))
}
