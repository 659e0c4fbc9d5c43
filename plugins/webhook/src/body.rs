//! The body of a call: JSON, a form, a text, parts with files or a stored file.

use serde_json::{Map, Value};
use url::form_urlencoded;
use yizhan_plugin_api::prelude::*;
use yizhan_plugin_roots::Roots;

use crate::input::Call;
use crate::multipart::multipart;

pub(crate) enum Body {
    None,
    Bytes {
        content_type: String,
        bytes: Vec<u8>,
    },
    /// Fetched by the host, so that it need not pass through here.
    Artifact(Artifact),
}

pub(crate) async fn body(roots: &Roots, ctx: &Ctx, input: &Call) -> Result<Body> {
    let bytes =
        |content_type: &str, bytes: Vec<u8>| Body::Bytes { content_type: content_type.to_owned(), bytes };
    match (&input.json, &input.form, &input.text, &input.multipart, &input.artifact) {
        (None, None, None, None, None) => Ok(Body::None),
        (Some(json), None, None, None, None) => Ok(bytes("application/json", serde_json::to_vec(json)?)),
        (None, Some(form), None, None, None) => {
            Ok(bytes("application/x-www-form-urlencoded", urlencoded(form)?.into_bytes()))
        }
        (None, None, Some(text), None, None) => {
            Ok(bytes("text/plain; charset=utf-8", text.0.clone().into_bytes()))
        }
        (None, None, None, Some(parts), None) => {
            let (content_type, bytes) = multipart(roots, ctx, parts).await?;
            Ok(Body::Bytes { content_type, bytes })
        }
        (None, None, None, None, Some(artifact)) => Ok(Body::Artifact(artifact.clone())),
        _ => Err(Error::refused(
            "webhook.bad_body",
            "give at most one of `json`, `form`, `text`, `multipart` and `artifact`",
        )),
    }
}

fn urlencoded(form: &Map<String, Value>) -> Result<String> {
    let mut out = form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs(form, "/form")? {
        out.append_pair(name, &value);
    }
    Ok(out.finish())
}

/// Each name with its text; a list repeats the name, and what is null is left out.
pub(crate) fn pairs<'a>(values: &'a Map<String, Value>, pointer: &str) -> Result<Vec<(&'a str, String)>> {
    let mut pairs = Vec::new();
    for (name, value) in values {
        let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for item in items {
            match item {
                Value::Null => {}
                Value::Bool(_) | Value::Number(_) => pairs.push((name.as_str(), item.to_string())),
                Value::String(text) => pairs.push((name.as_str(), text.clone())),
                Value::Array(_) | Value::Object(_) => {
                    let words = format!("`{name}` must be a text, a number, yes or no, or a list of them");
                    return Err(Error::refused("webhook.bad_body", words).at(format!("{pointer}/{name}")));
                }
            }
        }
    }
    Ok(pairs)
}
