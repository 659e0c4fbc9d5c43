//! The commands, one file each, and what they share: where they are, whom they talk to, how they speak.

pub(crate) mod account;
mod asked;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod bench;
pub(crate) mod calendar;
pub(crate) mod cancel;
pub(crate) mod check;
pub(crate) mod clock;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod event;
pub(crate) mod explain;
pub(crate) mod fields;
pub(crate) mod fmt;
pub(crate) mod graph;
pub(crate) mod init;
mod looks;
pub(crate) mod migrate;
pub(crate) mod next;
mod paging;
pub(crate) mod people;
pub(crate) mod plan;
pub(crate) mod plugin;
pub(crate) mod query;
pub(crate) mod read;
pub(crate) mod register;
pub(crate) mod reload;
pub(crate) mod restore;
pub(crate) mod retry;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod schema;
pub(crate) mod serve;
pub(crate) mod show;
pub(crate) mod task;
pub(crate) mod tasks;
pub(crate) mod test;
pub(crate) mod trigger;
pub(crate) mod what_if;
pub(crate) mod why;
pub(crate) mod workflow;

use std::io::Write as _;
use std::path::PathBuf;

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::home::{Home, HomeError};
use crate::language::Language;

/// What every command knows.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) home: Option<PathBuf>,
    pub(crate) url: Option<String>,
    pub(crate) language: Language,
    pub(crate) json: bool,
}

impl From<HomeError> for Failure {
    fn from(error: HomeError) -> Self {
        Self::of(Exit::Failed, error.code(), &error).help(error.help())
    }
}

impl Context {
    pub(crate) fn home(&self) -> Result<Home, Failure> {
        Ok(Home::find(self.home.as_deref(), &std::env::current_dir()?)?)
    }

    pub(crate) fn client(&self) -> Result<Client, Failure> {
        match &self.url {
            Some(url) => Client::by_url(url),
            None => Client::of(&self.home()?),
        }
    }

    /// The house's clock; the world's, where there is no home or its settings do not hold.
    pub(crate) fn zone(&self) -> TimeZone {
        let zone = || self.home().ok()?.config(None).ok()?.zone().ok();
        zone().unwrap_or(TimeZone::UTC)
    }

    pub(crate) fn say(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        // Nobody reads any more (`yizhan runs | head`): that is no failure of the command.
        drop(writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()));
    }

    pub(crate) fn say_json(&self, value: &Value) {
        self.say(&format!("{value:#}"));
    }

    /// JSON where it was asked for, else the text for people.
    pub(crate) fn answer(&self, value: &Value, text: impl FnOnce(&Value) -> String) {
        if self.json { self.say_json(value) } else { self.say(&text(value)) }
    }
}
