//! The limits of the HTTP side and the tokens that let in, as values; the daemon reads them from its file.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use yizhan_access::UploadsMost;

/// A bearer token of the config. Only its hash is kept, and neither prints.
#[derive(Clone)]
pub struct Token {
    pub name: Arc<str>,
    hash: [u8; 32],
}

impl Token {
    #[must_use]
    pub fn new(name: &str, token: &str) -> Self {
        Self { name: name.into(), hash: Sha256::digest(token.as_bytes()).into() }
    }

    /// In a time that does not tell how much of it was right.
    #[must_use]
    pub fn is(&self, given: &str) -> bool {
        let given: [u8; 32] = Sha256::digest(given.as_bytes()).into();
        self.hash.ct_eq(&given).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("name", &self.name).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// None: TCP answers 401 to all of the API but health.
    pub tokens: Vec<Token>,
    /// From the connection, or the answer before, to the end of a request's head. Also how long a line may be idle.
    pub head_timeout: Duration,
    /// How long a body may be silent. As long as it keeps coming it is waited for.
    pub body_timeout: Duration,
    pub body_max: usize,
    pub artifact_max: usize,
    /// Of one person, program or link within a day.
    pub uploads_most: UploadsMost,
    /// Beyond it the connection that has been silent longest makes room.
    pub connections_max: usize,
    /// How often a stream of events says that it is there, and asks whether its caller still is.
    pub heartbeat: Duration,
    /// How long answers under way may take once a stop was asked for.
    pub drain: Duration,
    /// A proxy of this machine speaks for everybody who comes over TCP: its last `X-Forwarded-For` is whoever asks.
    pub behind_proxy: bool,
    /// How far a signed webhook's clock may be from ours.
    pub webhook_window: Duration,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            tokens: vec![],
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            body_max: 1024 * 1024,
            artifact_max: 25 * 1024 * 1024,
            uploads_most: UploadsMost { files: 2_000, bytes: 5 << 30 },
            connections_max: 1_000,
            heartbeat: Duration::from_secs(15),
            drain: Duration::from_secs(5),
            behind_proxy: false,
            webhook_window: Duration::from_secs(300),
        }
    }
}
