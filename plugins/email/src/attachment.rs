//! Attachments: a file below the roots, a stored file or a text.

use std::io::Read as _;

use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Attachment as MimeAttachment, Body, SinglePart};
use yizhan_plugin_api::prelude::*;
use yizhan_plugin_roots::{Roots, fault};

use crate::envelope::is_line_or_control;

/// What all attachments of a mail may have together; most servers refuse more.
const BYTES_MAX: u64 = 18 << 20;
const NAME_MAX: usize = 200;

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attachment {
    /// A file below the plugin's roots
    #[serde(default)]
    #[schemars(extend("format" = "path-below-root"))]
    path: Option<String>,
    #[serde(default)]
    artifact: Option<Artifact>,
    #[serde(default)]
    text: Option<TextFile>,
    /// Left out, the name of the file
    #[serde(default)]
    name: Option<String>,
    /// Its media type; left out, by the name
    #[serde(default, rename = "type")]
    media_type: Option<String>,
    /// Not looked at: files of forms and of mails bring it along
    #[serde(default, rename = "size")]
    _size: Option<u64>,
}

pub(crate) async fn load(roots: &Roots, ctx: &Ctx, attachments: &[Attachment]) -> Result<Vec<SinglePart>> {
    let mut parts = Vec::new();
    let mut room = BYTES_MAX;
    for (at, attachment) in attachments.iter().enumerate() {
        let pointer = format!("/attachments/{at}");
        let (name, bytes) =
            content(roots, ctx, attachment, room).await.map_err(|error| error.at(pointer.as_str()))?;
        room = room.checked_sub(bytes.len() as u64).ok_or_else(|| too_large().at(pointer.as_str()))?;
        let name = attachment.name.clone().unwrap_or(name);
        if name.is_empty()
            || name.len() > NAME_MAX
            || name.chars().any(is_line_or_control)
            || name.contains(['/', '\\'])
        {
            let words = "the name of an attachment is a file's name: not empty, not long, on one line, without folders";
            return Err(Error::refused("email.bad_attachment", words).at(pointer + "/name"));
        }
        let media_type = attachment.media_type.as_deref().unwrap_or_else(|| by_name(&name));
        if media_type.chars().any(is_line_or_control) {
            let words = "the type has a line end or another control character in it";
            return Err(Error::refused("email.bad_attachment", words).at(pointer + "/type"));
        }
        let media_type = ContentType::parse(media_type).map_err(|_| {
            Error::refused("email.bad_attachment", "the type is no media type")
                .at(pointer.clone() + "/type")
                .help("write `application/pdf`")
        })?;
        // Always base64, so that no line end of a text file changes on its way.
        let body = Body::new_with_encoding(bytes, ContentTransferEncoding::Base64)
            .map_err(|_| Error::refused("email.bad_attachment", "it cannot be encoded").at(pointer))?;
        parts.push(MimeAttachment::new(name).body(body, media_type));
    }
    Ok(parts)
}

async fn content(roots: &Roots, ctx: &Ctx, attachment: &Attachment, room: u64) -> Result<(String, Vec<u8>)> {
    match (&attachment.path, &attachment.artifact, &attachment.text) {
        (Some(path), None, None) => {
            let spot = roots.place(path)?.spot()?;
            let mut bytes = Vec::new();
            let read = spot.read()?.take(room + 1).read_to_end(&mut bytes);
            read.map_err(|error| fault(spot.path(), error))?;
            Ok((spot.name, bytes))
        }
        (None, Some(artifact), None) => {
            let (stored, bytes) = ctx.artifact_get(&artifact.0).await?;
            Ok((stored.name, bytes))
        }
        (None, None, Some(text)) => Ok((String::new(), text.0.clone().into_bytes())),
        _ => Err(Error::refused(
            "email.bad_attachment",
            "an attachment needs exactly one of `path`, `artifact` and `text`",
        )),
    }
}

pub(crate) fn too_large() -> Error {
    Error::refused("email.too_large", format!("the mail's attachments have more than {BYTES_MAX} bytes"))
        .help("put the files where the reader can fetch them, and write the address into the mail")
}

fn by_name(name: &str) -> &'static str {
    let end = name.rsplit_once('.').map_or("", |(_, end)| end).to_ascii_lowercase();
    match end.as_str() {
        "csv" => "text/csv; charset=utf-8",
        "txt" | "log" | "md" => "text/plain; charset=utf-8",
        "html" | "htm" => "text/html; charset=utf-8",
        "json" => "application/json",
        "xml" => "application/xml",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "zip" => "application/zip",
        "tar" => "application/x-tar",
        "doc" => "application/msword",
        "xls" => "application/vnd.ms-excel",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "pptx" => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        _ => "application/octet-stream",
    }
}
