//! Calls to the outside through the host, which keeps the rules of where a plugin may go.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::sdk::call::{Ctx, Secret};
use crate::sdk::error::{Error, Result};

/// One request, being put together. Redirects are not followed: a 3xx comes back as it is.
#[must_use = "nothing is sent before `send`"]
pub struct Http<'a> {
    ctx: &'a Ctx,
    fetch: Fetch,
    /// What could not be put together; told by `send`.
    fault: Option<Error>,
}

#[derive(Default, Serialize)]
struct Fetch {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Body>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_bytes: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Body {
    Text(String),
    Base64(String),
    Artifact(String),
}

#[derive(Deserialize)]
struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Option<Body>,
}

impl<'a> Http<'a> {
    pub(crate) fn new(ctx: &'a Ctx) -> Self {
        Self { ctx, fetch: Fetch { method: "GET".to_owned(), ..Fetch::default() }, fault: None }
    }

    pub fn get(self, url: impl Into<String>) -> Self {
        self.method("GET", url)
    }

    pub fn post(self, url: impl Into<String>) -> Self {
        self.method("POST", url)
    }

    pub fn put(self, url: impl Into<String>) -> Self {
        self.method("PUT", url)
    }

    pub fn delete(self, url: impl Into<String>) -> Self {
        self.method("DELETE", url)
    }

    pub fn method(mut self, method: impl Into<String>, url: impl Into<String>) -> Self {
        self.fetch.method = method.into();
        self.fetch.url = url.into();
        self
    }

    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.fetch.headers.push((name.into(), value.into()));
        self
    }

    pub fn bearer(self, token: &Secret) -> Self {
        let value = format!("Bearer {}", token.expose());
        self.header("authorization", value)
    }

    pub fn text(mut self, body: impl Into<String>) -> Self {
        self.fetch.body = Some(Body::Text(body.into()));
        self
    }

    pub fn bytes(mut self, body: &[u8]) -> Self {
        self.fetch.body = Some(Body::Base64(BASE64.encode(body)));
        self
    }

    pub fn json(mut self, body: &impl Serialize) -> Self {
        match serde_json::to_string(body) {
            Ok(text) => self.fetch.body = Some(Body::Text(text)),
            Err(error) => self.fault = Some(Error::refused("plugin.bad_json", error.to_string())),
        }
        self.header("content-type", "application/json")
    }

    /// Sends a stored file; its content does not pass through the plugin.
    pub fn artifact(mut self, artifact: impl Into<String>) -> Self {
        self.fetch.body = Some(Body::Artifact(artifact.into()));
        self
    }

    /// For this request alone; the call's own limit holds as well.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.fetch.timeout_ms = Some(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Refuses a reply with a larger body.
    pub fn max_bytes(mut self, max: u64) -> Self {
        self.fetch.max_bytes = Some(max);
        self
    }

    /// Any status is a reply. An error says in `happened` whether the request may have arrived.
    pub async fn send(self) -> Result<HttpResponse> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let reply: Reply = self.ctx.request("http.fetch/1", &self.fetch).await?;
        let body = match reply.body {
            None | Some(Body::Artifact(_)) => Vec::new(),
            Some(Body::Text(text)) => text.into_bytes(),
            Some(Body::Base64(text)) => BASE64.decode(text)?,
        };
        Ok(HttpResponse { status: reply.status, headers: reply.headers, body })
    }
}

/// A whole reply.
#[derive(Clone, Debug)]
pub struct HttpResponse {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl HttpResponse {
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    #[must_use]
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// The first header of this name, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The body as UTF-8; what is not is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Error::new("plugin.bad_reply", format!("the reply's body is not as expected: {error}"))
        })
    }

    /// `Retry-After`, in seconds or as a date.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let value = self.header("retry-after")?.trim();
        if let Ok(seconds) = value.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let at = httpdate::parse_http_date(value).ok()?;
        Some(at.duration_since(SystemTime::now()).unwrap_or_default())
    }
}
