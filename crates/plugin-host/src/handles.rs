//! The files that an output names. Whoever sees an output may fetch them, so one names only what its call kept or was given:
//! what a system somewhere else answers is no key to our files.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::services::artifacts::Artifacts;

const KEY: &str = "artifact";
/// What stands before the name of a file that the call has nothing to do with.
const FOREIGN: &str = "foreign-";

/// The files that a call kept so far.
#[derive(Debug, Default)]
pub(crate) struct Stored(Mutex<BTreeSet<String>>);

impl Stored {
    pub(crate) fn note(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
    }

    fn has(&self, id: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
    }
}

/// Its output cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hidden;

/// The output, in which a file of ours that its call neither kept nor was given is named no longer.
///
/// # Errors
/// When such a name is written so that it cannot be found in the text.
pub(crate) fn own_alone(
    output: String,
    input: &str,
    stored: &Stored,
    artifacts: &dyn Artifacts,
) -> Result<String, Hidden> {
    // A letter of the key may be written as `\u0061` too.
    if !output.contains(KEY) && !output.contains("\\u") {
        return Ok(output);
    }
    let given = named_in(input);
    let foreign = |output: &str| {
        let mut named = named_in(output);
        // One that cannot be looked at may be there.
        let is_there = |id: &str| artifacts.get(id, 0, 0).map_or(true, |found| found.is_some());
        named.retain(|id| !stored.has(id) && !given.contains(id) && is_there(id));
        named
    };
    let named = foreign(&output);
    let cleared = named.iter().fold(output, |output, id| output.replace(id, &format!("{FOREIGN}{id}")));
    if named.is_empty() || foreign(&cleared).is_empty() { Ok(cleared) } else { Err(Hidden) }
}

/// The texts that stand under `artifact`, wherever that is.
fn named_in(json: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    if let Ok(value) = serde_json::from_str(json) {
        walk(&value, &mut named);
    }
    named
}

fn walk(value: &Value, named: &mut BTreeSet<String>) {
    match value {
        Value::Object(parts) => {
            if let Some(Value::String(id)) = parts.get(KEY) {
                named.insert(id.clone());
            }
            parts.values().for_each(|part| walk(part, named));
        }
        Value::Array(all) => all.iter().for_each(|one| walk(one, named)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::artifacts::FolderArtifacts;

    #[test]
    fn an_output_names_what_its_call_kept_or_was_given_and_no_other_file_of_ours() {
        let home = tempfile::tempdir().unwrap();
        let artifacts = FolderArtifacts { folder: home.path().to_owned() };
        let kept = |name: &str| artifacts.put(name, "", name.as_bytes()).unwrap().artifact;
        let (own, given, foreign, unknown) = (kept("own"), kept("given"), kept("foreign"), "0".repeat(64));
        let stored = Stored::default();
        stored.note(&own);
        let input = format!(r#"{{"files":[{{"artifact":"{given}"}}],"note":"{foreign}"}}"#);
        let judged = |output: String| own_alone(output, &input, &stored, &artifacts);
        let fine = format!(
            r#"{{"a":{{"artifact":"{own}"}},"b":[{{"artifact":"{given}"}}],"c":{{"artifact":"{unknown}"}},"n":1.10}}"#
        );
        assert_eq!(judged(fine.clone()), Ok(fine), "nor is anything else of it changed");
        let named = format!(r#"{{"body":[{{"artifact":"{foreign}","n":1.10}}]}}"#);
        assert_eq!(judged(named), Ok(format!(r#"{{"body":[{{"artifact":"foreign-{foreign}","n":1.10}}]}}"#)));
        let key_escaped = format!(r#"{{"\u0061rtifact":"{foreign}"}}"#);
        assert_eq!(judged(key_escaped), Ok(format!(r#"{{"\u0061rtifact":"foreign-{foreign}"}}"#)));
        let (most, last) = foreign.split_at(63);
        let escaped = format!("{most}\\u{:04x}", last.as_bytes()[0]);
        assert_eq!(
            judged(format!(r#"{{"artifact":"{escaped}"}}"#)),
            Err(Hidden),
            "where it cannot be changed it is refused"
        );
        let twice = format!(r#"[{{"artifact":"{foreign}"}},{{"artifact":"{escaped}"}}]"#);
        assert_eq!(judged(twice), Err(Hidden));
    }
}
