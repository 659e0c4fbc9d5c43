//! Words that let somebody in: 256 random bits. We keep only what they hash to.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// A word as its owner has it. It does not print.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

/// What is kept of it. As it has 256 random bits, nobody can try them all, and no slow hash is needed.
pub(crate) type Hashed = [u8; 32];

impl Secret {
    /// `yzt_…`: the beginning says what it is, for people and for programs that look for lost secrets.
    pub(crate) fn new(kind: &str) -> std::io::Result<Self> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        let mut filled = 0;
        while filled < bytes.len() {
            let Some(rest) = bytes.get_mut(filled..) else { break };
            filled += rustix::rand::getrandom(rest, rustix::rand::GetRandomFlags::empty())?;
        }
        Ok(Self(Zeroizing::new(format!("{kind}_{}", URL_SAFE_NO_PAD.encode(*bytes)))))
    }

    /// The word itself, to be shown once to whom it belongs.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    pub(crate) fn hashed(&self) -> Hashed {
        hashed(&self.0)
    }
}

pub(crate) fn hashed(word: &str) -> Hashed {
    Sha256::digest(word.as_bytes()).into()
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
