//! Forms with files, as a browser sends them.

use yizhan_plugin_api::prelude::*;
use yizhan_plugin_roots::{Roots, fault};

use std::io::Read as _;

use crate::input::Part;

/// A request is one document for the host, and base64 makes it longer by a third.
const FILE_MAX: u64 = 10 << 20;

/// Content type and body.
pub(crate) async fn multipart(roots: &Roots, ctx: &Ctx, parts: &[Part]) -> Result<(String, Vec<u8>)> {
    let mut contents = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        contents.push(content(roots, ctx, part, at).await?);
    }
    let boundary = boundary(ctx.key(), &contents);
    let mut body = Vec::new();
    for (part, content) in parts.iter().zip(&contents) {
        body.extend(format!("--{boundary}\r\n{}\r\n", head(part, content)).into_bytes());
        body.extend(&content.bytes);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{boundary}--\r\n").into_bytes());
    Ok((format!("multipart/form-data; boundary={boundary}"), body))
}

struct Content {
    bytes: Vec<u8>,
    filename: Option<String>,
    media_type: Option<String>,
}

async fn content(roots: &Roots, ctx: &Ctx, part: &Part, at: usize) -> Result<Content> {
    let pointer = format!("/multipart/{at}");
    let (bytes, filename, media_type) = match (&part.text, &part.path, &part.artifact) {
        (Some(text), None, None) => (text.clone().into_bytes(), None, None),
        (None, Some(path), None) => {
            let place = roots.place(path).map_err(|error| error.at(format!("{pointer}/path")))?;
            let spot = place.spot()?;
            let mut bytes = Vec::new();
            spot.read()?
                .take(FILE_MAX + 1)
                .read_to_end(&mut bytes)
                .map_err(|error| fault(place.path(), error))?;
            (bytes, Some(spot.name), Some("application/octet-stream".to_owned()))
        }
        (None, None, Some(artifact)) => {
            let (stored, bytes) = ctx.artifact_get(&artifact.0).await?;
            (bytes, Some(stored.name), Some(stored.media_type).filter(|kind| !kind.is_empty()))
        }
        _ => {
            let words = "a part needs exactly one of `text`, `path` and `artifact`";
            return Err(Error::refused("webhook.bad_body", words).at(pointer));
        }
    };
    if bytes.len() as u64 > FILE_MAX {
        return Err(Error::refused(
            "webhook.body_too_large",
            format!("a part is larger than {FILE_MAX} bytes"),
        )
        .at(pointer));
    }
    let media_type = part.media_type.clone().or(media_type);
    if media_type.as_ref().is_some_and(|kind| kind.chars().any(char::is_control)) {
        return Err(Error::refused("webhook.bad_body", "the type has a control character in it")
            .at(pointer + "/type"));
    }
    Ok(Content { bytes, filename: part.filename.clone().or(filename), media_type })
}

fn head(part: &Part, content: &Content) -> String {
    let mut head = format!("Content-Disposition: form-data; name=\"{}\"", escaped(&part.name));
    if let Some(filename) = &content.filename {
        head += &format!("; filename=\"{}\"", escaped(filename));
    }
    head += "\r\n";
    if let Some(media_type) = &content.media_type {
        head += &format!("Content-Type: {media_type}\r\n");
    }
    head
}

/// As browsers do it; UTF-8 stays as it is.
fn escaped(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// The same for every attempt, and in none of the parts.
fn boundary(key: &str, contents: &[Content]) -> String {
    let mut boundary = format!("yizhan-{key}");
    while contents.iter().any(|content| contains(&content.bytes, boundary.as_bytes())) {
        boundary.push('x');
    }
    boundary
}

fn contains(bytes: &[u8], sought: &[u8]) -> bool {
    bytes.windows(sought.len()).any(|window| window == sought)
}
