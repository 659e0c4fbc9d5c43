//! `config/people.toml`: its last good text holds while what lies there has faults, also over a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use yizhan_workflow::people::People;
use yizhan_workflow::problem::render;

use crate::artifacts::write_whole;
use crate::home::Home;
use crate::language::Language;
use crate::workflows::Stamp;

pub(super) struct PeopleFile {
    stamp: Option<Stamp>,
    good: Arc<People>,
    faults: Vec<String>,
}

/// Where the last good text is kept.
fn kept(home: &Home) -> PathBuf {
    home.data.join("people.toml")
}

impl PeopleFile {
    pub(super) fn read(home: &Home, language: Language) -> Self {
        let mut people = Self { stamp: None, good: Arc::default(), faults: Vec::new() };
        if !people.look(home, language, &BTreeSet::new()) && !people.faults.is_empty() {
            let last = std::fs::read_to_string(kept(home)).ok();
            if let Some(last) = last.and_then(|text| People::read(&text).ok()) {
                tracing::warn!("the last good people stay in force");
                people.good = Arc::new(last);
            }
        }
        people
    }

    pub(super) fn good(&self) -> Arc<People> {
        self.good.clone()
    }

    pub(super) fn stamp(&self) -> Option<Stamp> {
        self.stamp
    }

    pub(super) fn faults(&self) -> &[String] {
        &self.faults
    }

    /// Reads the file if it changed; says whether other people are in force now.
    pub(super) fn look(&mut self, home: &Home, language: Language, moving: &BTreeSet<PathBuf>) -> bool {
        let path = home.people();
        let stamp = Stamp::at(&path);
        if stamp == self.stamp || moving.contains(&path) {
            return false;
        }
        self.stamp = stamp;
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            // No file: nobody. Taken away on purpose, and `check` names whoever is asked for and not there.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                tracing::error!(%error, path = %path.display(), "the people cannot be read; those of before stay");
                self.faults = vec![format!("{}: {error}", path.display())];
                return false;
            }
        };
        self.take(home, text, language)
    }

    fn take(&mut self, home: &Home, text: String, language: Language) -> bool {
        match People::read(&text) {
            Ok(people) => {
                self.faults.clear();
                if let Err(error) = write_whole(&kept(home), text.as_bytes()) {
                    tracing::warn!(%error, "the people could not be kept for a restart");
                }
                let different = *self.good != people;
                self.good = Arc::new(people);
                different
            }
            Err(problems) => {
                let texts = BTreeMap::from([(String::new(), text)]);
                let shown = |problem| {
                    render(
                        std::slice::from_ref(problem),
                        "config/people.toml",
                        &texts,
                        language.lang(),
                        false,
                    )
                };
                self.faults = problems.iter().map(shown).collect();
                for fault in &self.faults {
                    tracing::error!("the people have a fault\n{fault}");
                }
                false
            }
        }
    }
}
