//! `config/registers.toml`: its last good text holds while what lies there has faults, also over a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use yizhan_workflow::problem::render;
use yizhan_workflow::register::Registers;

use crate::artifacts::write_whole;
use crate::home::Home;
use crate::language::Language;
use crate::workflows::Stamp;

#[derive(Default)]
pub(super) struct RegistersFile {
    stamp: Option<Stamp>,
    good: Arc<Registers>,
    faults: Vec<String>,
}

/// Where the last good text is kept.
fn kept(home: &Home) -> PathBuf {
    home.data.join("registers.toml")
}

impl RegistersFile {
    pub(super) fn read(home: &Home, language: Language) -> Self {
        let mut registers = Self::default();
        if !registers.look(home, language, &BTreeSet::new()) && !registers.faults.is_empty() {
            let last = std::fs::read_to_string(kept(home)).ok();
            if let Some(last) = last.and_then(|text| Registers::read(&text).ok()) {
                tracing::warn!("the last good registers stay in force");
                registers.good = Arc::new(last);
            }
        }
        registers
    }

    pub(super) fn good(&self) -> Arc<Registers> {
        self.good.clone()
    }

    pub(super) fn stamp(&self) -> Option<Stamp> {
        self.stamp
    }

    pub(super) fn faults(&self) -> &[String] {
        &self.faults
    }

    /// Reads the file if it changed; says whether other registers are in force now.
    pub(super) fn look(&mut self, home: &Home, language: Language, moving: &BTreeSet<PathBuf>) -> bool {
        let path = home.registers();
        let stamp = Stamp::at(&path);
        if stamp == self.stamp || moving.contains(&path) {
            return false;
        }
        self.stamp = stamp;
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            // No file: no register. What was written stays, and `check` names whoever uses one.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                tracing::error!(%error, path = %path.display(), "the registers cannot be read; those of before stay");
                self.faults = vec![format!("{}: {error}", path.display())];
                return false;
            }
        };
        self.take(home, text, language)
    }

    fn take(&mut self, home: &Home, text: String, language: Language) -> bool {
        let registers = match Registers::read(&text) {
            Ok(registers) => registers,
            Err(problems) => {
                let texts = BTreeMap::from([(String::new(), text)]);
                let shown = |problem| {
                    let one = std::slice::from_ref(problem);
                    render(one, "config/registers.toml", &texts, language.lang(), false)
                };
                self.faults = problems.iter().map(shown).collect();
                for fault in &self.faults {
                    tracing::error!("the registers have a fault\n{fault}");
                }
                return false;
            }
        };
        self.faults.clear();
        if let Err(error) = write_whole(&kept(home), text.as_bytes()) {
            tracing::warn!(%error, "the registers could not be kept for a restart");
        }
        let different = *self.good != registers;
        self.good = Arc::new(registers);
        different
    }
}
