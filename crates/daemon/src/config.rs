//! The daemon's settings: `config/yizhan.toml`, read once, checked whole, then passed down by value.

mod chat;
mod mail;
mod section;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Table, Value};
use yizhan_workflow::problem::nearest;

use crate::language::Language;

pub(crate) use mail::{MailAccount, MailTls};
pub(crate) use section::{
    Egress, EngineSection, Events, Files, Http, Log, LogFormat, Plugins, Reload, Retry, StoreSection, Tell,
};
use yizhan_workflow::moment::Span;

/// The file that ships is also the set of defaults, so the two cannot drift apart.
pub(crate) const DEFAULTS: &str = include_str!("../../../config/yizhan.toml");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) language: Language,
    pub(crate) timezone: String,
    /// The name of the house's calendar.
    pub(crate) calendar: String,
    pub(crate) owner: String,
    pub(crate) url: String,
    pub(crate) drain: Span,
    pub(crate) log: Log,
    pub(crate) http: Http,
    pub(crate) egress: Egress,
    pub(crate) store: StoreSection,
    pub(crate) engine: EngineSection,
    pub(crate) events: Events,
    pub(crate) retry: Retry,
    pub(crate) tell: Tell,
    pub(crate) plugins: Plugins,
    /// By id; each is checked by the plugin's own schema.
    pub(crate) plugin: Table,
    pub(crate) reload: Reload,
    pub(crate) files: Files,
    /// Mailboxes by the names that triggers give them.
    pub(crate) mail: BTreeMap<String, MailAccount>,
}

/// Why the settings do not hold.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("it is not TOML: {0}")]
    Toml(String),
    #[error("{}", .0.join("; "))]
    UnknownKeys(Vec<String>),
    #[error("{0}")]
    Value(String),
}

impl ConfigError {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Toml(_) => "YZ0520",
            Self::UnknownKeys(_) => "YZ0521",
            Self::Value(_) => "YZ0522",
        }
    }
}

impl Config {
    /// Lays `text` over the defaults. Pure: the caller reads the file and names it in the error.
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        let own: Table = toml::from_str(text).map_err(|error| ConfigError::Toml(error.to_string()))?;
        let mut merged: Table =
            toml::from_str(DEFAULTS).map_err(|error| ConfigError::Toml(error.to_string()))?;
        let mut unknown = Vec::new();
        find_unknown(&own, &merged, "", &mut unknown);
        if !unknown.is_empty() {
            return Err(ConfigError::UnknownKeys(unknown));
        }
        lay_over(&mut merged, own);
        let config: Self =
            merged.try_into().map_err(|error| ConfigError::Value(error.to_string().trim_end().to_owned()))?;
        config.check()?;
        Ok(config)
    }

    /// What a type cannot say.
    fn check(&self) -> Result<(), ConfigError> {
        self.zone()?;
        let named = matches!(self.owner.split_once(':'), Some(("person" | "group" | "role", _)));
        if !named && !self.owner.is_empty() {
            return Err(ConfigError::Value(format!(
                "owner = \"{}\" is none of \"person:…\", \"group:…\", \"role:…\"",
                self.owner
            )));
        }
        self.http.check().map_err(ConfigError::Value)?;
        self.tell.action().map_err(ConfigError::Value)?;
        self.tell.digest().map_err(ConfigError::Value)?;
        for (name, chat) in &self.tell.chat {
            chat.check().map_err(|why| ConfigError::Value(format!("tell.chat.{name}: {why}")))?;
        }
        let url = self.url.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"));
        if !self.url.is_empty() && url.is_none_or(|(_, host)| host.is_empty()) {
            let problem = format!("url = \"{}\" is no address as \"https://yizhan.example.com\"", self.url);
            return Err(ConfigError::Value(problem));
        }
        for (name, account) in &self.mail {
            account.check().map_err(|why| ConfigError::Value(format!("mail.{name}: {why}")))?;
        }
        Ok(())
    }

    pub(crate) fn zone(&self) -> Result<jiff::tz::TimeZone, ConfigError> {
        yizhan_workflow::schedule::zone(&self.timezone).map_err(|unknown| {
            let meant = unknown.nearest.map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
            ConfigError::Value(format!("timezone: no time zone is called `{}`{meant}", unknown.name))
        })
    }
}

/// What stands under these paths has names of the owner's own, and its type says what may stand in it.
const FREE: &[&str] = &["plugin", "mail", "tell.chat"];

fn find_unknown(own: &Table, known: &Table, path: &str, unknown: &mut Vec<String>) {
    for (key, value) in own {
        let here = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match known.get(key) {
            _ if FREE.contains(&path) => {}
            None => {
                let meant = nearest(key, known.keys())
                    .map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
                unknown.push(format!("there is no setting `{here}`{meant}"));
            }
            Some(Value::Table(inner)) => {
                if let Value::Table(own) = value {
                    find_unknown(own, inner, &here, unknown);
                }
            }
            Some(_) => {}
        }
    }
}

fn lay_over(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(under)), Value::Table(over)) => lay_over(under, over),
            (_, value) => drop(under.insert(key, value)),
        }
    }
}
