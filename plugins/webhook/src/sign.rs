//! Standard Webhooks: id, time and body under one HMAC.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use yizhan_plugin_api::prelude::{Error, Result};

/// The specification asks for as many.
const SECRET_MIN: usize = 24;

/// The value of `webhook-signature`.
pub(crate) fn signature(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> Result<String> {
    let refuse = |words: String| {
        Error::refused("webhook.bad_secret", words).at("/sign").help(
            "make one with `openssl rand -base64 32`, put `whsec_` before it, and give it to both sides",
        )
    };
    let secret = secret.trim();
    let key = match secret.strip_prefix("whsec_") {
        Some(text) => {
            BASE64.decode(text).map_err(|_| refuse("what follows `whsec_` is not base64".to_owned()))?
        }
        None => secret.as_bytes().to_vec(),
    };
    if key.len() < SECRET_MIN {
        return Err(refuse(format!("the secret for signing has {} bytes, it needs {SECRET_MIN}", key.len())));
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|error| refuse(error.to_string()))?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    Ok(format!("v1,{}", BASE64.encode(mac.finalize().into_bytes())))
}
