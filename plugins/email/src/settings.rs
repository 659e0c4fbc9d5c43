//! The settings of the plugin, and what follows from them.

use std::time::Duration;

use lettre::message::Mailbox;
use yizhan_plugin_api::prelude::*;
use yizhan_plugin_roots::RootFolders;

use crate::envelope::mailbox;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Left out: `smtp` where a host is set, else `folder`
    #[serde(default)]
    #[schemars(with = "Transport")]
    transport: Option<Transport>,
    /// Where the transport `folder` puts each mail as a file
    #[serde(default)]
    pub(crate) folder: Option<String>,
    #[serde(default)]
    pub(crate) host: Option<String>,
    /// Left out: 465, 587 or 25, as `tls` says
    #[serde(default)]
    port: Option<u16>,
    #[serde(default)]
    pub(crate) tls: Tls,
    #[serde(default)]
    pub(crate) user: Option<String>,
    #[serde(default)]
    #[schemars(with = "SecretRef")]
    pub(crate) password: Option<SecretRef>,
    /// Who the mails are from, `驿站 <yizhan@example.com>`
    #[serde(default)]
    from: Option<String>,
    /// What stands behind the `@` of every Message-ID; left out, the domain of `from`
    #[serde(default)]
    instance: Option<String>,
    /// The name the server is greeted with
    #[serde(default)]
    pub(crate) hello: Option<String>,
    /// A file of certificates (PEM) to trust instead of the system's
    #[serde(default)]
    pub(crate) ca_file: Option<String>,
    /// How long one step of the talk with the server may take, in seconds
    #[serde(default = "thirty")]
    timeout_s: f64,
    /// How long the server may take to accept a whole mail
    #[serde(default = "two_minutes")]
    accept_timeout_s: f64,
    /// The folders that attachments may be in; the first one is meant where a path names none
    #[serde(default)]
    pub(crate) roots: RootFolders,
}

fn thirty() -> f64 {
    30.0
}

fn two_minutes() -> f64 {
    120.0
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Transport {
    Folder,
    Smtp,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tls {
    /// From the first byte
    #[default]
    Required,
    /// After a greeting in the clear; never without
    Starttls,
    None,
}

/// `{ secret = "name" }`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretRef {
    pub(crate) secret: SecretName,
}

impl Config {
    pub(crate) fn transport(&self) -> Transport {
        let by_host = if self.host.is_some() { Transport::Smtp } else { Transport::Folder };
        self.transport.unwrap_or(by_host)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            Tls::Required => 465,
            Tls::Starttls => 587,
            Tls::None => 25,
        })
    }

    pub(crate) fn timeout(&self) -> Result<Duration> {
        seconds("timeout_s", self.timeout_s)
    }

    pub(crate) fn accept_timeout(&self) -> Result<Duration> {
        seconds("accept_timeout_s", self.accept_timeout_s)
    }

    pub(crate) fn sender(&self) -> Result<Sender> {
        let from = self.from.as_deref().map(mailbox).transpose().map_err(|why| invalid("from", &why))?;
        let is_domain = |name: &str| {
            (1..=200).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-')
        };
        match &self.instance {
            Some(name) if !is_domain(name) => Err(invalid("instance", "it is letters, digits, `.` and `-`")),
            instance => Ok(Sender { from, instance: instance.clone() }),
        }
    }
}

fn seconds(name: &str, value: f64) -> Result<Duration> {
    if value > 0.0 && value <= 3600.0 {
        Ok(Duration::from_secs_f64(value))
    } else {
        Err(invalid(name, "it is more than 0 and at most 3600"))
    }
}

pub(crate) fn invalid(name: &str, why: &str) -> Error {
    Error::refused("plugin.config_invalid", format!("config.{name}: {why}")).at(format!("/{name}"))
}

/// Who sends where a step says nothing.
pub(crate) struct Sender {
    pub(crate) from: Option<Mailbox>,
    instance: Option<String>,
}

impl Sender {
    pub(crate) fn message_id(&self, key: &str, from: &Mailbox) -> String {
        let instance = self.instance.as_deref().unwrap_or_else(|| from.email.domain());
        format!("<{key}@{instance}>")
    }
}
