//! What a delivery says, once it is known to be genuine.

use axum::http::{HeaderMap, HeaderName};
use serde_json::{Map, Value as Json};
use yizhan_workflow::plan::WebhookAuth;

use crate::body::{is_json, media_type};
use crate::refusal::Refusal;

/// Headers that expressions see, and how long one may be.
const HEADERS_MAX: usize = 50;
const HEADER_MAX: usize = 1_024;

/// What came in the body.
#[derive(Debug)]
pub(crate) struct Payload {
    /// An object's fields are the input of a run whose trigger has no `with`.
    pub value: Json,
    /// It came as JSON; in a form a value is a text.
    pub is_json: bool,
}

pub(crate) fn read(headers: &HeaderMap, bytes: &[u8]) -> Result<Payload, Refusal> {
    let media = media_type(headers);
    let json = media.as_deref().is_some_and(is_json);
    let value = match media {
        None if bytes.is_empty() => Json::Object(Map::new()),
        Some(_) if json => {
            serde_json::from_slice(bytes).map_err(|error| Refusal::Unreadable(error.to_string()))?
        }
        Some(media) if media == "application/x-www-form-urlencoded" => Json::Object(form(bytes)),
        other => return Err(Refusal::WrongType(other.unwrap_or_else(|| "none".to_owned()))),
    };
    Ok(Payload { value, is_json: json })
}

/// A field that comes more than once is a list.
fn form(bytes: &[u8]) -> Map<String, Json> {
    let mut fields = Map::new();
    for (name, value) in form_urlencoded::parse(bytes) {
        let value = Json::String(value.into_owned());
        match fields.get_mut(&*name) {
            None => drop(fields.insert(name.into_owned(), value)),
            Some(Json::Array(list)) => list.push(value),
            Some(one) => *one = Json::Array(vec![one.take(), value]),
        }
    }
    fields
}

/// The headers, in small letters, without those that let somebody in.
pub(crate) fn headers(auth: &WebhookAuth, headers: &HeaderMap) -> Map<String, Json> {
    let shown = headers.iter().filter(|(name, _)| is_shown(auth, name)).filter_map(|(name, value)| {
        let value = value.to_str().ok().filter(|value| value.len() <= HEADER_MAX)?;
        Some((name.as_str().to_owned(), Json::String(value.to_owned())))
    });
    shown.take(HEADERS_MAX).collect()
}

fn is_shown(auth: &WebhookAuth, name: &HeaderName) -> bool {
    let own = match auth {
        WebhookAuth::Hmac { header, .. } | WebhookAuth::Token { header: Some(header), .. } => {
            header.eq_ignore_ascii_case(name.as_str())
        }
        WebhookAuth::Standard { .. }
        | WebhookAuth::Github { .. }
        | WebhookAuth::Token { header: None, .. }
        | WebhookAuth::None => false,
    };
    let lets_in = ["auth", "cookie", "token", "secret", "signature", "api-key", "apikey", "password"];
    !own && !lets_in.iter().any(|part| name.as_str().contains(part))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_of_a_form_that_comes_again_is_a_list() {
        let fields = form("a=1&b=%E5%A5%BD&a=2&a=3".as_bytes());
        assert_eq!(Json::Object(fields), json!({ "a": ["1", "2", "3"], "b": "好" }));
    }

    #[test]
    fn headers_that_let_somebody_in_are_not_shown() {
        let auth = WebhookAuth::Hmac { secret: "s".into(), header: "X-Seal".into() };
        let all = ["x-seal", "authorization", "cookie", "x-gitlab-token", "webhook-signature", "x-api-key"];
        let mut given = HeaderMap::new();
        for name in all.into_iter().chain(["x-github-event", "webhook-id"]) {
            given.insert(name, HeaderValue::from_static("v"));
        }
        given.insert("x-long", "x".repeat(HEADER_MAX + 1).parse().unwrap());
        given.insert("x-bytes", HeaderValue::from_bytes(b"\xff").unwrap());
        let shown = headers(&auth, &given);
        assert_eq!(Json::Object(shown), json!({ "x-github-event": "v", "webhook-id": "v" }));
    }
}
