//! What stands in a mail: who wrote it, its words, its attachments.

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{
    Address, Encoding, HeaderName, Message, MessageParser, MessagePart, MimeHeaders as _, PartType,
};
use yizhan_workflow::id::Millis;

/// Each is two writes to the disk, and a mail could have a hundred thousand empty ones.
pub(super) const ATTACHMENTS_MOST: usize = 100;
/// What a run keeps of the words; the whole of what is longer is an attachment.
pub(super) const WORDS_MOST: usize = 256 * 1024;
const NAME_MOST: usize = 120;

/// A mail, decoded.
#[derive(Debug, Default)]
pub(super) struct Letter {
    pub(super) message_id: Option<String>,
    pub(super) from: String,
    pub(super) from_name: String,
    pub(super) to: Vec<String>,
    pub(super) cc: Vec<String>,
    pub(super) subject: String,
    pub(super) date: Option<String>,
    pub(super) text: String,
    pub(super) html: Option<String>,
    pub(super) attachments: Vec<Attachment>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attachment {
    pub(super) name: String,
    pub(super) media: String,
    pub(super) content: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum LetterError {
    #[error("it is no mail that can be read")]
    Unreadable,
    #[error("it has {0} attachments; {ATTACHMENTS_MOST} are allowed")]
    TooManyAttachments(usize),
}

/// Every address that the mail says it is from: one that is meant must not cover for another.
pub(super) fn senders(head: &[u8]) -> Vec<String> {
    let Some(message) = MessageParser::default().parse_headers(head) else { return Vec::new() };
    let all = message.header_values(HeaderName::From).filter_map(|value| value.as_address());
    all.flat_map(addresses).collect()
}

/// The subject as far as the head has it.
pub(super) fn subject(head: &[u8]) -> String {
    let message = MessageParser::default().parse_headers(head);
    message.and_then(|message| message.subject().map(str::to_owned)).unwrap_or_default()
}

pub(super) fn message_id(head: &[u8]) -> Option<String> {
    let message = MessageParser::default().parse_headers(head)?;
    id_of(&message)
}

fn id_of(message: &Message<'_>) -> Option<String> {
    let id = message.message_id()?.trim();
    (!id.is_empty()).then(|| id.to_owned())
}

pub(super) fn read(bytes: &[u8]) -> Result<Letter, LetterError> {
    let message = MessageParser::default().parse(bytes).ok_or(LetterError::Unreadable)?;
    let count = message.attachment_count();
    if count > ATTACHMENTS_MOST {
        return Err(LetterError::TooManyAttachments(count));
    }
    let from = message.from().and_then(Address::first);
    let texts = (0..message.text_body_count()).filter_map(|at| message.body_text(at));
    let text = texts.map(|text| text.replace("\r\n", "\n")).collect::<Vec<_>>().join("\n");
    let html = message.html_bodies().find_map(|part| match &part.body {
        PartType::Html(html) => Some(html.replace("\r\n", "\n")),
        PartType::Text(_)
        | PartType::Binary(_)
        | PartType::InlineBinary(_)
        | PartType::Message(_)
        | PartType::Multipart(_) => None,
    });
    let mut letter = Letter {
        message_id: id_of(&message),
        from: from.and_then(|from| from.address()).unwrap_or_default().to_owned(),
        from_name: from.and_then(|from| from.name()).unwrap_or_default().to_owned(),
        to: message.to().map(addresses).unwrap_or_default(),
        cc: message.cc().map(addresses).unwrap_or_default(),
        subject: message.subject().unwrap_or_default().to_owned(),
        date: message
            .date()
            .filter(|date| date.is_valid())
            .and_then(|date| date.to_timestamp().checked_mul(1000))
            .map(|at| Millis(at).to_string()),
        text,
        html,
        attachments: Vec::new(),
    };
    for part in message.attachments() {
        let name = safe_name(part.attachment_name().unwrap_or_default(), part, letter.attachments.len() + 1);
        let name = unlike(&letter.attachments, name);
        letter.attachments.push(Attachment { name, media: media(part), content: content(part, bytes) });
    }
    letter.keep_short();
    Ok(letter)
}

impl Letter {
    /// A run is kept in memory and in its journal: what is long becomes a file.
    fn keep_short(&mut self) {
        if self.text.len() > WORDS_MOST {
            let end = (0..=WORDS_MOST).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0);
            let whole = self.text.clone().into_bytes();
            self.text.truncate(end);
            self.put("mail.txt", "text/plain", whole);
        }
        // A half of it would be no page.
        if let Some(html) = self.html.take_if(|html| html.len() > WORDS_MOST) {
            self.put("mail.html", "text/html", html.into_bytes());
        }
    }

    fn put(&mut self, name: &str, media: &str, content: Vec<u8>) {
        let name = unlike(&self.attachments, name.to_owned());
        self.attachments.push(Attachment { name, media: media.to_owned(), content });
    }
}

fn addresses(list: &Address<'_>) -> Vec<String> {
    // One without an address stands for nobody, and is no address that a rule admits.
    list.iter().map(|one| one.address().unwrap_or_default().to_owned()).collect()
}

fn media(part: &MessagePart<'_>) -> String {
    let fallback = if part.is_message() { "message/rfc822" } else { "application/octet-stream" };
    part.content_type().map_or_else(
        || fallback.to_owned(),
        |kind| match kind.subtype() {
            Some(sub) => format!("{}/{sub}", kind.ctype()).to_lowercase(),
            None => fallback.to_owned(),
        },
    )
}

/// The file as it was attached. A text is not turned into UTF-8: a csv that was GB18030 stays it.
fn content(part: &MessagePart<'_>, mail: &[u8]) -> Vec<u8> {
    let raw = || mail.get(part.raw_body_offset() as usize..part.raw_end_offset() as usize);
    let own = match (&part.body, part.encoding) {
        (PartType::Text(_) | PartType::Html(_), Encoding::Base64) => raw().and_then(base64_decode),
        (PartType::Text(_) | PartType::Html(_), Encoding::QuotedPrintable) => {
            raw().and_then(quoted_printable_decode)
        }
        (PartType::Text(_) | PartType::Html(_), Encoding::None) => raw().map(<[u8]>::to_vec),
        (
            PartType::Binary(_) | PartType::InlineBinary(_) | PartType::Message(_) | PartType::Multipart(_),
            _,
        ) => None,
    };
    own.unwrap_or_else(|| match &part.body {
        PartType::Message(inner) => inner.raw_message().to_vec(),
        PartType::Text(_)
        | PartType::Html(_)
        | PartType::Binary(_)
        | PartType::InlineBinary(_)
        | PartType::Multipart(_) => part.contents().to_vec(),
    })
}

/// A file's name and nothing else: no folder, no line end, nothing that hides the file or turns its name around.
fn safe_name(given: &str, part: &MessagePart<'_>, number: usize) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let turns = |sign: char| matches!(sign, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    let plain: String = last
        .chars()
        .filter(|sign| !sign.is_control() && !turns(*sign))
        .map(|sign| if matches!(sign, '<' | '>' | ':' | '"' | '|' | '?' | '*') { '_' } else { sign })
        .collect();
    let plain = plain.trim().trim_start_matches('.').trim_end_matches(['.', ' ']);
    if plain.is_empty() {
        let ending = if part.is_message() { ".eml" } else { "" };
        return format!("attachment-{number}{ending}");
    }
    shortened(plain)
}

/// By characters, the ending kept: it says what the file is.
fn shortened(name: &str) -> String {
    if name.chars().count() <= NAME_MOST {
        return name.to_owned();
    }
    let (stem, ending) =
        name.rsplit_once('.').filter(|(_, end)| end.chars().count() <= 10).unwrap_or((name, ""));
    let dot = if ending.is_empty() { "" } else { "." };
    let room = NAME_MOST - ending.chars().count() - dot.len();
    format!("{}{dot}{ending}", stem.chars().take(room).collect::<String>())
}

/// Two attachments of a name: the second is `a-2.pdf`.
fn unlike(known: &[Attachment], name: String) -> String {
    let taken = |name: &str| known.iter().any(|one| one.name == name);
    if !taken(&name) {
        return name;
    }
    let (stem, ending) = match name.rsplit_once('.') {
        Some((stem, ending)) => (stem, format!(".{ending}")),
        None => (name.as_str(), String::new()),
    };
    let mut free = (2..).map(|number| format!("{stem}-{number}{ending}")).filter(|name| !taken(name));
    free.next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
