//! The scripted cases, compiled in from `workflows/*/demo/*.json`.

use std::collections::BTreeMap;

use include_dir::{Dir, include_dir};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The whole library of processes, as it lies in the repository.
pub(crate) static WORKFLOWS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../workflows");

/// In the order in which they are shown; the fault first, as it is the shortest to read.
const SHOWN: [&str; 4] = [
    "water/demo/fault-dispatch.json",
    "shop/demo/returns.json",
    "customer/demo/new-customer.json",
    "archive/demo/retention.json",
];

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Case {
    pub(crate) note: String,
    pub(crate) workflow: String,
    #[serde(default)]
    pub(crate) by: Option<String>,
    pub(crate) input: Map<String, Value>,
    #[serde(default)]
    pub(crate) setup: Setup,
    pub(crate) answers: Vec<Answer>,
    #[serde(default)]
    pub(crate) expect: Expect,
    /// Where files that answers name lie.
    #[serde(skip)]
    pub(crate) folder: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Setup {
    #[serde(default)]
    pub(crate) files: Vec<SetupFile>,
}

/// Lies below the files plugin's root before the case begins.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct SetupFile {
    pub(crate) path: String,
    pub(crate) modified: jiff::Timestamp,
    pub(crate) text: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Answer {
    /// A child's name, where the task is one of it.
    #[serde(default)]
    pub(crate) workflow: Option<String>,
    pub(crate) step: String,
    pub(crate) by: String,
    pub(crate) fields: Map<String, Value>,
}

/// What must be there when the case is over.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Expect {
    #[serde(default)]
    pub(crate) state: Option<String>,
    #[serde(default)]
    pub(crate) rounds: BTreeMap<String, u32>,
    #[serde(default)]
    pub(crate) mails: Vec<ExpectMail>,
    #[serde(default)]
    pub(crate) calls: Vec<ExpectCall>,
    #[serde(default)]
    pub(crate) files: Vec<ExpectFile>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ExpectMail {
    pub(crate) to: String,
    /// Part of it.
    pub(crate) subject: String,
    pub(crate) times: usize,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ExpectCall {
    pub(crate) method: String,
    /// How it begins.
    pub(crate) path: String,
    pub(crate) times: usize,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ExpectFile {
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) gone: bool,
    /// Of a csv, without its head.
    #[serde(default)]
    pub(crate) rows: Option<usize>,
}

/// The cases that are shown. They are part of the program, so a fault in one is a fault of the build.
pub(crate) fn cases() -> Result<Vec<Case>, String> {
    SHOWN
        .iter()
        .map(|path| {
            let file = WORKFLOWS.get_file(path).ok_or_else(|| format!("{path} is not compiled in"))?;
            let mut case: Case =
                serde_json::from_slice(file.contents()).map_err(|error| format!("{path}: {error}"))?;
            case.folder = path.rsplit_once('/').map(|(folder, _)| folder.to_owned()).unwrap_or_default();
            Ok(case)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shown_case_can_be_read_and_says_what_it_expects() {
        for case in cases().unwrap() {
            assert_eq!(case.expect.state.as_deref(), Some("done"), "{}", case.workflow);
            assert!(!case.answers.is_empty() && !case.expect.files.is_empty(), "{}", case.workflow);
        }
    }
}
