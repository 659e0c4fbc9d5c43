//! `[mail.<name>]`: a mailbox that triggers read.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::Deserialize;
use yizhan_workflow::moment::Span;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MailAccount {
    pub(crate) host: String,
    port: Option<u16>,
    #[serde(default)]
    pub(crate) tls: MailTls,
    pub(crate) user: String,
    pub(crate) password: SecretName,
    /// An authority that is trusted beside those of the system.
    pub(crate) ca_file: Option<PathBuf>,
    #[serde(default = "minute")]
    pub(crate) every: Span,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretName {
    pub(crate) secret: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MailTls {
    /// From the first byte on.
    #[default]
    Implicit,
    Starttls,
    None,
}

fn minute() -> Span {
    Span { ms: 60_000 }
}

/// Servers lock out who asks more often.
const SHORTEST: Span = Span { ms: 1_000 };
/// Lines that say nothing for longer are cut, by servers (RFC 9051 asks them for half an hour) and on the way.
const LONGEST: Span = Span { ms: 25 * 60_000 };

impl MailAccount {
    pub(crate) fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            MailTls::Implicit => 993,
            MailTls::Starttls | MailTls::None => 143,
        })
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.host.is_empty() || self.user.is_empty() {
            return Err("`host` and `user` must not be empty".to_owned());
        }
        let here =
            self.host == "localhost" || self.host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        if self.tls == MailTls::None && !here {
            return Err(format!(
                "tls = \"none\" would send the password readable for all; it is for loopback alone, and `{}` is none: \
                 say \"implicit\" or \"starttls\"",
                self.host
            ));
        }
        if !(SHORTEST.ms..=LONGEST.ms).contains(&self.every.ms) {
            return Err("`every` is at least \"1s\" and at most \"25min\"".to_owned());
        }
        Ok(())
    }
}
