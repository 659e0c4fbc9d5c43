//! Whether a delivery is from whom it says: over the raw bytes, in a time that tells nothing, within the window.

use std::time::Duration;

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use yizhan_workflow::id::Millis;
use yizhan_workflow::plan::WebhookAuth;
use zeroize::Zeroizing;

use crate::refusal::Refusal;

/// Signatures of one delivery that are tried: a sender that changes its secret sends two.
const SIGNATURES_MAX: usize = 10;

type Secret = Zeroizing<Vec<u8>>;

/// What time it is, and how far a sender's clock may be from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub now: Millis,
    pub wide: Duration,
}

pub(crate) fn verify(
    auth: &WebhookAuth,
    headers: &HeaderMap,
    body: &[u8],
    secret: impl Fn(&str) -> Result<Secret, Refusal>,
    window: Window,
) -> Result<(), Refusal> {
    match auth {
        WebhookAuth::None => Ok(()),
        WebhookAuth::Standard { secret: name } => standard(headers, body, &secret(name)?, window),
        WebhookAuth::Github { secret: name } => {
            let given = text(headers, "x-hub-signature-256")?;
            let hex = given.strip_prefix("sha256=").ok_or(Refusal::WrongSignature("it is not `sha256=…`"))?;
            compare(&from_hex(hex), &secret(name)?, &[body])
        }
        WebhookAuth::Hmac { secret: name, header } => {
            let given = text(headers, header)?;
            let given = given.strip_prefix("sha256=").unwrap_or(given);
            // Which of the two it is shows in its length: 64 digits, or 44 letters.
            let bytes =
                if given.len() == 64 { from_hex(given) } else { STANDARD.decode(given).unwrap_or_default() };
            compare(&bytes, &secret(name)?, &[body])
        }
        WebhookAuth::Token { secret: name, header } => token(headers, header.as_deref(), &secret(name)?),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Refusal> {
    let given = headers.get(name).ok_or(Refusal::WrongSignature("its header is not there"))?;
    given.to_str().map(str::trim).map_err(|_| Refusal::WrongSignature("its header is not text"))
}

/// Standard Webhooks 1.0.0: `{id}.{timestamp}.{body}`, and a list of `v1,<base 64>`.
fn standard(headers: &HeaderMap, body: &[u8], secret: &Secret, window: Window) -> Result<(), Refusal> {
    let (id, at) = (text(headers, "webhook-id")?, text(headers, "webhook-timestamp")?);
    let given = text(headers, "webhook-signature")?;
    let seconds: i64 =
        at.parse().map_err(|_| Refusal::WrongSignature("`webhook-timestamp` is no number of seconds"))?;
    let key = signing_key(secret)?;
    let signed = [id.as_bytes(), b".", at.as_bytes(), b".", body];
    let mut right = false;
    for one in given.split_ascii_whitespace().take(SIGNATURES_MAX) {
        let Some(encoded) = one.strip_prefix("v1,") else { continue };
        right |= compare(&STANDARD.decode(encoded).unwrap_or_default(), &key, &signed).is_ok();
    }
    if !right {
        return Err(Refusal::WrongSignature("no `v1` signature of it fits"));
    }
    // Looked at after the signature, so that only those who know the secret learn about our clock.
    let away = (window.now.0 / 1_000).saturating_sub(seconds).unsigned_abs();
    if away > window.wide.as_secs() { Err(Refusal::OutOfWindow(away)) } else { Ok(()) }
}

/// `whsec_` and base 64, as the standard writes it; anything else is the key itself.
fn signing_key(secret: &Secret) -> Result<Secret, Refusal> {
    let Some(encoded) = secret.strip_prefix(b"whsec_") else { return Ok(secret.clone()) };
    STANDARD.decode(encoded).map(Zeroizing::new).map_err(|_| {
        tracing::error!("a webhook's secret begins with `whsec_` and is not base 64 behind it");
        Refusal::WrongSignature("our secret cannot be read")
    })
}

fn compare(given: &[u8], key: &Secret, parts: &[&[u8]]) -> Result<(), Refusal> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key).map_err(|error| Refusal::bug("a key has no length", &error))?;
    parts.iter().for_each(|part| mac.update(part));
    mac.verify_slice(given).map_err(|_| Refusal::WrongSignature("it does not fit the body"))
}

fn token(headers: &HeaderMap, name: Option<&str>, secret: &Secret) -> Result<(), Refusal> {
    let wrong = Refusal::WrongSignature("it is not the token");
    let given = match name {
        Some(name) => headers.get(name).map(|value| value.as_bytes()),
        None => headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim().as_bytes()),
    };
    let given = given.ok_or(Refusal::WrongSignature("no token came"))?;
    if secret.is_empty() || !bool::from(given.ct_eq(secret.as_slice())) { Err(wrong) } else { Ok(()) }
}

fn from_hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    pairs.collect::<Option<_>>().unwrap_or_default()
}
