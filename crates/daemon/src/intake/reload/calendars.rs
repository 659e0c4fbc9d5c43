//! `config/calendars`: of a file with faults the last good text holds, also over a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::tz::TimeZone;
use yizhan_workflow::calendar::Calendars;

use crate::artifacts::write_whole;
use crate::calendars::{Texts, files, path_of, shown};
use crate::config::Config;
use crate::home::Home;
use crate::language::Language;
use crate::workflows::Stamp;

pub(super) struct CalendarFiles {
    stamps: BTreeMap<PathBuf, Option<Stamp>>,
    /// As they were read without a fault.
    texts: Texts,
    good: Arc<Calendars>,
    faults: Vec<String>,
    zone: TimeZone,
    /// The name of the house's own.
    house: String,
    language: Language,
}

/// Where the last good text of a file is kept.
fn kept(home: &Home, name: &str) -> PathBuf {
    home.data.join("calendars").join(format!("{name}.toml"))
}

impl CalendarFiles {
    pub(super) fn read(home: &Home, config: &Config) -> Self {
        let zone = config.zone().unwrap_or(TimeZone::UTC);
        let mut all = Self {
            stamps: BTreeMap::new(),
            texts: Texts::new(),
            good: Arc::new(Calendars::built_in(&zone)),
            faults: Vec::new(),
            zone,
            house: config.calendar.clone(),
            language: config.language,
        };
        all.look(home, &BTreeSet::new());
        all
    }

    pub(super) fn good(&self) -> Arc<Calendars> {
        self.good.clone()
    }

    pub(super) fn faults(&self) -> &[String] {
        &self.faults
    }

    pub(super) fn stamps(home: &Home) -> BTreeMap<PathBuf, Option<Stamp>> {
        files(&home.calendars()).into_values().map(|path| (path.clone(), Stamp::at(&path))).collect()
    }

    pub(super) fn has_news(&self, home: &Home) -> bool {
        self.stamps != Self::stamps(home)
    }

    /// Reads the files if one changed; says whether other calendars are in force now.
    pub(super) fn look(&mut self, home: &Home, moving: &BTreeSet<PathBuf>) -> bool {
        let stamps = Self::stamps(home);
        if stamps == self.stamps || stamps.keys().any(|path| moving.contains(path)) {
            return false;
        }
        self.stamps = stamps;
        self.faults.clear();
        let mut texts = Texts::new();
        for (name, path) in files(&home.calendars()) {
            match std::fs::read_to_string(&path) {
                Ok(text) => drop(texts.insert(name, text)),
                Err(error) => self.tell(format!("{}: {error}", path.display())),
            }
        }
        let found = self.mended(home, texts);
        let (calendars, _) = Calendars::read(&found, &self.zone);
        match calendars.with_house(&self.house) {
            Ok(calendars) => {
                self.texts = found;
                let different = *self.good != calendars;
                self.good = Arc::new(calendars);
                different
            }
            Err(unknown) => {
                self.tell(format!("{unknown}; the calendars of before stay in force"));
                false
            }
        }
    }

    /// The texts with the last good one in place of each that has faults.
    fn mended(&mut self, home: &Home, mut texts: Texts) -> Texts {
        let (_, faults) = Calendars::read(&texts, &self.zone);
        for (name, problems) in &faults {
            let text = texts.remove(name).unwrap_or_default();
            for problem in problems {
                self.tell(shown(name, &text, problem, self.language));
            }
            let last = self.texts.get(name).cloned();
            if let Some(last) = last.or_else(|| std::fs::read_to_string(kept(home, name)).ok()) {
                tracing::warn!(calendar = name, "its last good text stays in force");
                texts.insert(name.clone(), last);
            }
        }
        for (name, text) in texts.iter().filter(|(name, _)| !faults.contains_key(*name)) {
            let path = kept(home, name);
            let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
            if let Err(error) = folder.and_then(|()| write_whole(&path, text.as_bytes())) {
                tracing::warn!(%error, file = path_of(name), "a calendar could not be kept for a restart");
            }
        }
        texts
    }

    fn tell(&mut self, fault: String) {
        tracing::error!("a calendar has a fault\n{fault}");
        self.faults.push(fault);
    }
}
