//! The signature under each line of a register. Its key is not in the store: who has the store alone can make a chain that
//! holds, and none that this house has signed.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;
use yizhan_workflow::register::Entry;

use crate::link::{KEY_LENGTH, signed};

const LINE: &[u8] = b"yizhan register line 1\n";

/// Signs lines with the key of a house.
#[derive(Clone)]
pub struct Signet([u8; KEY_LENGTH]);

impl fmt::Debug for Signet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signet")
    }
}

impl Signet {
    #[must_use]
    pub fn new(key: [u8; KEY_LENGTH]) -> Self {
        Self(key)
    }

    /// The hash holds all that the line says, and all lines before it.
    #[must_use]
    pub fn sign(&self, hash: &str) -> Arc<str> {
        URL_SAFE_NO_PAD.encode(signed(&self.0, LINE, hash.as_bytes())).into()
    }

    #[must_use]
    pub fn has_signed(&self, entry: &Entry) -> bool {
        let own = self.sign(&entry.hash);
        entry.sign.as_ref().is_some_and(|given| own.as_bytes().ct_eq(given.as_bytes()).into())
    }
}
