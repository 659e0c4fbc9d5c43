//! The sections of the settings, each with the type of its values.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use serde::Deserialize;
use yizhan_plugin_host::Isolation;
use yizhan_workflow::moment::Span;
use yizhan_workflow::plan::ActionName;
use yizhan_workflow::schedule::{Pattern, Schedule};

use super::chat::Chat;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    pub(crate) level: String,
    pub(crate) format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Auto,
    Pretty,
    Journal,
    Json,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Http {
    pub(crate) listen: String,
    pub(crate) behind_proxy: BehindProxy,
    pub(crate) tokens: Vec<String>,
    pub(crate) connections_max: NonZeroUsize,
    pub(crate) body_max: NonZeroUsize,
    pub(crate) upload_max: NonZeroUsize,
    pub(crate) uploads_a_day: NonZeroU64,
    pub(crate) upload_bytes_a_day: NonZeroU64,
    pub(crate) head_timeout: Span,
    pub(crate) body_timeout: Span,
    pub(crate) webhook_window: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BehindProxy {
    Auto,
    Yes,
    No,
}

impl BehindProxy {
    /// `url`: where people find the daemon. We listen on loopback alone, so they come to another address over a proxy.
    pub(crate) fn holds(self, url: &str) -> bool {
        match self {
            Self::Yes => true,
            Self::No => false,
            Self::Auto => host(url).is_some_and(|host| {
                host != "localhost" && !host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
            }),
        }
    }
}

/// That of an address as `https://yizhan.example.com:8443/at`.
fn host(url: &str) -> Option<&str> {
    let authority = url.split_once("://")?.1.split('/').next()?;
    match authority.strip_prefix('[') {
        Some(six) => six.split(']').next(),
        None => authority.split(':').next(),
    }
}

impl Http {
    /// Where to listen; nothing where the setting is empty.
    pub(crate) fn address(&self) -> Result<Option<SocketAddr>, String> {
        if self.listen.is_empty() {
            return Ok(None);
        }
        let address: SocketAddr = self
            .listen
            .parse()
            .map_err(|_| format!("http.listen = \"{}\" is no address as \"127.0.0.1:8723\"", self.listen))?;
        if address.ip().is_loopback() {
            Ok(Some(address))
        } else {
            Err(format!(
                "http.listen = \"{address}\" is not loopback; put a proxy with TLS before a loopback address"
            ))
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.address().map(drop)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Egress {
    pub(crate) allow: Vec<String>,
    pub(crate) ca_files: Vec<PathBuf>,
    pub(crate) timeout: Span,
    pub(crate) body_max: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoreSection {
    pub(crate) path: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EngineSection {
    pub(crate) attempts_max: NonZeroUsize,
    pub(crate) requests_max: NonZeroUsize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Events {
    pub(crate) keep: Span,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retry {
    pub(crate) times: u32,
    pub(crate) first: Span,
    pub(crate) factor: f64,
    pub(crate) most: Span,
    pub(crate) jitter: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tell {
    #[serde(rename = "use")]
    action: String,
    /// Whether those get a mail for whom a task opens.
    pub(crate) tasks: bool,
    /// When people are told of all that is open for them; empty: never.
    digest: String,
    /// How long the links in mails hold.
    pub(crate) links: Span,
    /// Group chats that hear of it too, by names of the owner's own.
    pub(crate) chat: BTreeMap<String, Chat>,
}

impl Tell {
    pub(crate) fn digest(&self) -> Result<Option<Schedule>, String> {
        if self.digest.is_empty() {
            return Ok(None);
        }
        let pattern = Pattern::parse(&self.digest);
        let pattern = pattern.map_err(|fault| format!("tell.digest = \"{}\": {fault}", self.digest))?;
        Ok(Some(Schedule::new(pattern)))
    }

    /// Nothing where the setting is empty. Whether there is such an action is known once the plugins are loaded.
    pub(crate) fn action(&self) -> Result<Option<ActionName>, String> {
        if self.action.is_empty() {
            return Ok(None);
        }
        match self.action.split_once('.') {
            Some((plugin, action)) if !plugin.is_empty() && !action.is_empty() => {
                Ok(Some(ActionName { plugin: plugin.into(), action: action.into() }))
            }
            Some(_) | None => Err(format!("tell.use = \"{}\" is no action as \"email.send\"", self.action)),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plugins {
    pub(crate) folders: Vec<PathBuf>,
    pub(crate) isolation: Isolation,
    pub(crate) timeout: Span,
    pub(crate) grace: Span,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reload {
    pub(crate) settle: Span,
    pub(crate) rescan: Span,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Files {
    pub(crate) settle: Span,
    pub(crate) rescan: Span,
    pub(crate) size_max: u64,
}
