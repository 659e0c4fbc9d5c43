//! Puts the request together: address, headers, body, signature, key.

use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use url::Url;
use yizhan_plugin_api::prelude::*;
use yizhan_plugin_roots::Roots;

use crate::body::{Body, body, pairs};
use crate::input::{Call, HeaderValue};
use crate::sign::signature;

/// What a reply may have where the step says nothing.
const REPLY_MAX: u64 = 10 << 20;
const TIMEOUT_MAX_S: f64 = 600.0;
const NAME_MAX: usize = 64;

/// Headers that the plugin or the host sets itself, or that change how the request is cut into messages.
const RESERVED: [&str; 15] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "idempotency-key",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
];

pub(crate) async fn request<'a>(roots: &Roots, ctx: &'a Ctx, input: &Call) -> Result<Http<'a>> {
    input.expect.check()?;
    let body = body(roots, ctx, input).await?;
    let mut http = ctx.http().method(method(&input.method)?, url(input)?);
    http = http
        .timeout(timeout(input.timeout_s)?)
        .max_bytes(input.max_bytes.unwrap_or(REPLY_MAX).min(REPLY_MAX));
    for (name, value) in headers(ctx, input).await? {
        http = http.header(name, value);
    }
    if let Some(traceparent) = ctx.traceparent() {
        http = http.header("traceparent", traceparent);
    }
    http = http.header("idempotency-key", ctx.key());
    if let Some(sign) = &input.sign {
        let bytes = match &body {
            Body::None => Vec::new(),
            Body::Bytes { bytes, .. } => bytes.clone(),
            Body::Artifact(artifact) => ctx.artifact_get(&artifact.0).await?.1,
        };
        let secret = ctx.secret(&sign.secret.0).await.map_err(|error| error.at("/sign/secret"))?;
        let timestamp = ctx.began().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let timestamp = i64::try_from(timestamp).unwrap_or(i64::MAX);
        http = http
            .header("webhook-id", ctx.key())
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", signature(secret.expose(), ctx.key(), timestamp, &bytes)?);
    }
    Ok(match body {
        Body::None => http,
        Body::Artifact(artifact) => http.artifact(artifact.0),
        Body::Bytes { content_type, bytes } => {
            let http = if has_header(input, "content-type") {
                http
            } else {
                http.header("content-type", content_type)
            };
            match String::from_utf8(bytes) {
                Ok(text) => http.text(text),
                Err(binary) => http.bytes(binary.as_bytes()),
            }
        }
    })
}

/// The same ones as `check` knows by the format `http-method`.
const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

fn method(method: &str) -> Result<String> {
    let upper = method.to_ascii_uppercase();
    if METHODS.contains(&upper.as_str()) {
        return Ok(upper);
    }
    Err(Error::refused("webhook.bad_method", "this is no method for a call")
        .at("/method")
        .help("POST, PUT, PATCH, DELETE, GET, HEAD and OPTIONS are"))
}

fn url(input: &Call) -> Result<String> {
    let bad = |words: &str| Error::refused("webhook.bad_url", words).at("/url");
    let mut url = Url::parse(input.url.trim()).map_err(|error| {
        bad(&format!("the address is not understood: {error}")).help("write `https://host/path`")
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad("only `https` and `http` are called"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("a user and a password do not belong in the address")
            .help("use `basic = { user = …, secret = … }`"));
    }
    let pairs = pairs(&input.query, "/query")?;
    if !pairs.is_empty() {
        url.query_pairs_mut().extend_pairs(pairs);
    }
    url.set_fragment(None);
    Ok(url.into())
}

fn timeout(seconds: f64) -> Result<Duration> {
    if seconds > 0.0 && seconds <= TIMEOUT_MAX_S {
        return Ok(Duration::from_secs_f64(seconds));
    }
    Err(Error::refused(
        "webhook.bad_timeout",
        format!("a timeout is more than 0 and at most {TIMEOUT_MAX_S} seconds"),
    )
    .at("/timeout_s"))
}

async fn headers(ctx: &Ctx, input: &Call) -> Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    for (name, value) in &input.headers {
        check_name(name)?;
        let value = match value {
            HeaderValue::Text(text) => text.trim().to_owned(),
            HeaderValue::Secret(secret) => {
                secret_of(ctx, &secret.secret, &format!("/headers/{name}")).await?
            }
        };
        if value.chars().any(|c| c.is_control() && c != '\t') {
            let words = format!("the header `{name}` has a line end or another control character in it");
            return Err(Error::refused("webhook.bad_header", words).at(format!("/headers/{name}")));
        }
        headers.push((name.clone(), value));
    }
    let authorization = match (&input.bearer, &input.basic) {
        (None, None) => return Ok(headers),
        (Some(bearer), None) => format!("Bearer {}", secret_of(ctx, &bearer.secret, "/bearer/secret").await?),
        (None, Some(basic)) => {
            let password = secret_of(ctx, &basic.secret, "/basic/secret").await?;
            format!("Basic {}", BASE64.encode(format!("{}:{password}", basic.user)))
        }
        (Some(_), Some(_)) => {
            return Err(Error::refused("webhook.bad_header", "give either `bearer` or `basic`").at("/basic"));
        }
    };
    if has_header(input, "authorization") {
        let words = "`authorization` stands in the headers and comes from `bearer` or `basic` as well";
        return Err(Error::refused("webhook.bad_header", words).at("/headers"));
    }
    headers.push(("authorization".to_owned(), authorization));
    Ok(headers)
}

/// A file that a secret was written to often ends with a line end.
async fn secret_of(ctx: &Ctx, name: &SecretName, pointer: &str) -> Result<String> {
    let secret = ctx.secret(&name.0).await.map_err(|error| error.at(pointer))?;
    let value = secret.expose().trim();
    if value.chars().any(char::is_control) {
        let words = format!("the secret `{name}` has a line end or another control character in it");
        return Err(Error::refused("webhook.bad_secret", words).at(pointer));
    }
    Ok(value.to_owned())
}

fn check_name(name: &str) -> Result<()> {
    let pointer = "/headers";
    let fits = (1..=NAME_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !fits {
        let words = format!("`{}` is no name for a header", name.escape_debug());
        return Err(Error::refused("webhook.bad_header", words)
            .at(pointer)
            .help("letters, digits and `-`, 64 at most"));
    }
    if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
        let words = format!("the header `{name}` is set by the plugin itself");
        return Err(Error::refused("webhook.bad_header", words).at(pointer).help("take it out"));
    }
    Ok(())
}

fn has_header(input: &Call, sought: &str) -> bool {
    input.headers.keys().any(|name| name.eq_ignore_ascii_case(sought))
}
