//! One file of `config` that is in force as a whole (people, registers): its last good text holds while what lies there
//! has faults, also over a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use yizhan_workflow::people::People;
use yizhan_workflow::problem::{Problem, render};
use yizhan_workflow::register::Registers;

use crate::artifacts::write_whole;
use crate::home::Home;
use crate::language::Language;
use crate::workflows::Stamp;

/// What such a file says. No file: an empty one, and `check` names whoever uses what is not there.
pub(super) trait Says: Default + PartialEq {
    /// The file's name without `.toml`, and how a message calls what it says.
    const NAME: &str;
    fn read(text: &str) -> Result<Self, Vec<Problem>>;
    fn path(home: &Home) -> PathBuf;
}

impl Says for People {
    const NAME: &str = "people";

    fn read(text: &str) -> Result<Self, Vec<Problem>> {
        Self::read(text)
    }

    fn path(home: &Home) -> PathBuf {
        home.people()
    }
}

impl Says for Registers {
    const NAME: &str = "registers";

    fn read(text: &str) -> Result<Self, Vec<Problem>> {
        Self::read(text)
    }

    fn path(home: &Home) -> PathBuf {
        home.registers()
    }
}

pub(super) struct ConfigFile<T> {
    stamp: Option<Stamp>,
    good: Arc<T>,
    faults: Vec<String>,
}

/// Where the last good text is kept.
fn kept<T: Says>(home: &Home) -> PathBuf {
    home.data.join(format!("{}.toml", T::NAME))
}

impl<T: Says> ConfigFile<T> {
    pub(super) fn read(home: &Home, language: Language) -> Self {
        let mut file = Self { stamp: None, good: Arc::default(), faults: Vec::new() };
        if !file.look(home, language, &BTreeSet::new()) && !file.faults.is_empty() {
            let last = std::fs::read_to_string(kept::<T>(home)).ok();
            if let Some(last) = last.and_then(|text| T::read(&text).ok()) {
                tracing::warn!("the last good {} stay in force", T::NAME);
                file.good = Arc::new(last);
            }
        }
        file
    }

    pub(super) fn good(&self) -> Arc<T> {
        self.good.clone()
    }

    pub(super) fn stamp(&self) -> Option<Stamp> {
        self.stamp
    }

    pub(super) fn faults(&self) -> &[String] {
        &self.faults
    }

    /// Reads the file if it changed; says whether something else is in force now.
    pub(super) fn look(&mut self, home: &Home, language: Language, moving: &BTreeSet<PathBuf>) -> bool {
        let path = T::path(home);
        let stamp = Stamp::at(&path);
        if stamp == self.stamp || moving.contains(&path) {
            return false;
        }
        self.stamp = stamp;
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                tracing::error!(%error, path = %path.display(), "the {} cannot be read; those of before stay", T::NAME);
                self.faults = vec![format!("{}: {error}", path.display())];
                return false;
            }
        };
        self.take(home, text, language)
    }

    fn take(&mut self, home: &Home, text: String, language: Language) -> bool {
        let said = match T::read(&text) {
            Ok(said) => said,
            Err(problems) => {
                let name = format!("config/{}.toml", T::NAME);
                let texts = BTreeMap::from([(String::new(), text)]);
                let shown = |problem| {
                    let one = std::slice::from_ref(problem);
                    render(one, &name, &texts, language.lang(), false)
                };
                self.faults = problems.iter().map(shown).collect();
                for fault in &self.faults {
                    tracing::error!("the {} have a fault\n{fault}", T::NAME);
                }
                return false;
            }
        };
        self.faults.clear();
        if let Err(error) = write_whole(&kept::<T>(home), text.as_bytes()) {
            tracing::warn!(%error, "the {} could not be kept for a restart", T::NAME);
        }
        let different = *self.good != said;
        self.good = Arc::new(said);
        different
    }
}
