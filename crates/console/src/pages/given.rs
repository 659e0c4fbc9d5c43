//! What a page sends: names with texts, and files, of bounded size.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use serde_json::{Value as Json, json};

use crate::api::artifacts;
use crate::body::{Bounded, Form, media_type};
use crate::desk::Desk;
use crate::refusal::Refusal;

/// Parts of one answer.
const PARTS_MAX: usize = 20_000;
const FILES_MAX: usize = 100;
/// Characters of a file's name.
const NAME_LONGEST: usize = 200;

#[derive(Debug, Default)]
pub(crate) struct Given {
    texts: Vec<(String, String)>,
    files: Vec<Sent>,
    /// What the files stood in: its part of the room is theirs until they are kept.
    whole: Bytes,
}

#[derive(Debug)]
struct Sent {
    field: String,
    name: String,
    media: String,
    bytes: Bytes,
    kept: Option<Json>,
}

impl Given {
    pub(crate) fn is_nothing(&self) -> bool {
        self.texts.is_empty() && self.files.is_empty()
    }

    /// What a kept answer holds, as its form sends it; files are chosen again.
    pub(crate) fn of(fields: &str) -> Self {
        let Some(Json::Object(fields)) = super::fields::with_digits(fields) else { return Self::default() };
        let mut texts = Vec::new();
        for (name, value) in fields {
            filled_in(&format!("f.{name}"), value, &mut texts);
        }
        Self { texts, ..Self::default() }
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.texts.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
    }

    pub(crate) fn all<'g>(&'g self, name: &'g str) -> impl Iterator<Item = &'g str> {
        self.texts.iter().filter(move |(known, _)| known == name).map(|(_, text)| text.as_str())
    }

    /// The files of a field, as they were kept.
    pub(crate) fn kept<'g>(&'g self, name: &'g str) -> impl Iterator<Item = &'g Json> {
        self.files.iter().filter(move |file| file.field == name).filter_map(|file| file.kept.as_ref())
    }

    /// Files were sent, which a page that is shown again does not have any more.
    pub(crate) fn has_files(&self) -> bool {
        !self.files.is_empty()
    }
}

impl From<&Form> for Given {
    fn from(form: &Form) -> Self {
        let texts = form.fields().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        Self { texts, ..Self::default() }
    }
}

/// A list of rows has a number for each in the names of its fields, another list one name for all.
fn filled_in(name: &str, value: Json, texts: &mut Vec<(String, String)>) {
    match value {
        Json::String(text) => texts.push((name.to_owned(), text)),
        Json::Bool(yes) => texts.push((name.to_owned(), if yes { "yes" } else { "no" }.to_owned())),
        Json::Array(all) => {
            for (row, one) in all.into_iter().enumerate() {
                let of_row = if one.is_object() { format!("{name}.{row}") } else { name.to_owned() };
                filled_in(&of_row, one, texts);
            }
        }
        Json::Object(parts) => {
            for (part, value) in parts {
                filled_in(&format!("{name}.{part}"), value, texts);
            }
        }
        Json::Null | Json::Number(_) => {}
    }
}

/// Bytes of a form with files.
pub(crate) fn most(desk: &Desk) -> usize {
    desk.settings.artifact_max.max(desk.settings.body_max)
}

/// `files`: the form asks for some, so more may come.
pub(crate) async fn read(
    desk: &Arc<Desk>,
    who: &str,
    request: Request,
    files: bool,
) -> Result<Given, Refusal> {
    let (parts, body) = request.into_parts();
    let limits = &desk.settings;
    let most = if files { most(desk) } else { limits.body_max };
    let body = Bounded::of(&parts.headers, body, (most, limits.body_timeout))?;
    let bytes = body.whole_of(who, desk).await?;
    match media_type(&parts.headers).as_deref() {
        Some("application/x-www-form-urlencoded") => {
            let texts = form_urlencoded::parse(&bytes).into_owned().take(PARTS_MAX).collect();
            Ok(Given { texts, ..Given::default() })
        }
        Some("multipart/form-data") => of_parts(&parts.headers, bytes).await,
        other => Err(Refusal::WrongType(other.unwrap_or_default().to_owned())),
    }
}

async fn of_parts(headers: &HeaderMap, bytes: Bytes) -> Result<Given, Refusal> {
    let unreadable = |error: multer::Error| Refusal::Unreadable(error.to_string());
    let written = headers.get(header::CONTENT_TYPE).and_then(|written| written.to_str().ok());
    let boundary = multer::parse_boundary(written.unwrap_or_default()).map_err(unreadable)?;
    let stream = futures_util::stream::iter([Ok::<Bytes, std::io::Error>(bytes.clone())]);
    let mut parts = multer::Multipart::new(stream, boundary);
    let mut given = Given { whole: bytes, ..Given::default() };
    while let Some(part) = parts.next_field().await.map_err(unreadable)? {
        if given.texts.len() + given.files.len() >= PARTS_MAX || given.files.len() >= FILES_MAX {
            return Err(Refusal::Unreadable("the form has too many parts".to_owned()));
        }
        let field = part.name().unwrap_or_default().to_owned();
        let Some(name) = part.file_name().map(plain_name) else {
            given.texts.push((field, part.text().await.map_err(unreadable)?));
            continue;
        };
        let media = part.content_type().map_or_else(String::new, ToString::to_string);
        let bytes = part.bytes().await.map_err(unreadable)?;
        // A field for files in which none was chosen sends an empty one without a name.
        if !(name.is_empty() && bytes.is_empty()) {
            given.files.push(Sent { field, name, media, bytes, kept: None });
        }
    }
    Ok(given)
}

/// Without folders and signs that no name has.
fn plain_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    last.chars().filter(|sign| !sign.is_control()).take(NAME_LONGEST).collect()
}

/// Keeps the files, so that the answer can name them. `who` sends them.
pub(crate) async fn keep(desk: &Arc<Desk>, who: &str, given: &mut Given) -> Result<(), Refusal> {
    for file in &mut given.files {
        let artifact = artifacts::kept(desk, who, file.bytes.clone()).await?;
        file.kept = Some(json!({
            "artifact": artifact, "name": file.name, "type": file.media, "size": file.bytes.len(),
        }));
        file.bytes = Bytes::new();
    }
    given.whole = Bytes::new();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_called_by_its_last_name_whatever_was_sent() {
        let all = [
            ("a.pdf", "a.pdf"),
            ("../../etc/passwd", "passwd"),
            (r"C:\x\报告.doc", "报告.doc"),
            ("a\r\nb", "ab"),
            ("", ""),
        ];
        for (sent, name) in all {
            assert_eq!(plain_name(sent), name);
        }
    }
}
