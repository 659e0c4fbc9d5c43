//! Outputs that are too large for a journal: their largest fields become artifacts.

use std::io;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::services::artifacts::Artifacts;

/// An output up to this size is kept as it came (the limits of engine.md).
pub(crate) const OUTPUT_MAX: usize = 1 << 20;

/// A field smaller than this is not worth a file.
const FIELD_MIN: usize = 16 << 10;

/// The output with its largest fields replaced by `{ artifact, name, media_type, bytes, sha256 }` until it is small
/// enough; one that has no fields becomes an artifact as a whole. What expressions read of a run stays small.
pub(crate) fn shrunk(output: String, action: &str, artifacts: &dyn Artifacts) -> io::Result<String> {
    if output.len() <= OUTPUT_MAX {
        return Ok(output);
    }
    let fields: Option<std::collections::BTreeMap<String, Box<RawValue>>> =
        serde_json::from_str(&output).ok();
    let Some(fields) = fields else { return Ok(put(&output, action, artifacts)?.to_string()) };
    let mut by_size: Vec<(&String, &RawValue)> = fields.iter().map(|(name, raw)| (name, &**raw)).collect();
    by_size.retain(|(_, raw)| raw.get().len() >= FIELD_MIN);
    let large: usize = by_size.iter().map(|(_, raw)| raw.get().len()).sum();
    if output.len() - large > OUTPUT_MAX {
        // Very many small fields: nothing is gained by taking some of them out.
        return Ok(put(&output, action, artifacts)?.to_string());
    }
    by_size.sort_by_key(|(_, raw)| std::cmp::Reverse(raw.get().len()));
    let mut small: Map<String, Value> = serde_json::from_str(&output)?;
    let mut left = output.len();
    for (name, raw) in by_size {
        if left <= OUTPUT_MAX {
            break;
        }
        let stored = put(raw.get(), &format!("{action}.{name}"), artifacts)?;
        left = left.saturating_sub(raw.get().len()) + stored.to_string().len();
        small.insert(name.clone(), stored);
    }
    Ok(Value::Object(small).to_string())
}

/// A text is stored as it reads, anything else as JSON.
fn put(json: &str, name: &str, artifacts: &dyn Artifacts) -> io::Result<Value> {
    let stored = match serde_json::from_str::<String>(json) {
        Ok(text) => artifacts.put(&format!("{name}.txt"), "text/plain; charset=utf-8", text.as_bytes())?,
        Err(_) => artifacts.put(&format!("{name}.json"), "application/json", json.as_bytes())?,
    };
    Ok(serde_json::to_value(stored)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::artifacts::FolderArtifacts;

    fn parsed(json: &str) -> Value {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn only_what_is_too_large_becomes_an_artifact() {
        let home = tempfile::tempdir().unwrap();
        let artifacts = FolderArtifacts { folder: home.path().to_owned() };
        let body = "水".repeat(OUTPUT_MAX / 3 + 1);
        let output = serde_json::json!({ "status": 200, "body": body, "list": [1, 2] }).to_string();
        let small = parsed(&shrunk(output, "call", &artifacts).unwrap());
        assert_eq!((&small["status"], &small["list"]), (&200.into(), &serde_json::json!([1, 2])));
        assert_eq!(small["body"]["name"], "call.body.txt");
        let id = small["body"]["artifact"].as_str().unwrap();
        let (_, content) = artifacts.get(id, 0, u64::MAX).unwrap().unwrap();
        assert_eq!(String::from_utf8(content).unwrap(), body);
    }

    #[test]
    fn what_fits_is_kept_to_the_byte() {
        let artifacts = FolderArtifacts { folder: "/nowhere".into() };
        let output = format!("{{ \"b\":1.10, \"a\":\"{}\" }}", "x".repeat(1000));
        assert_eq!(shrunk(output.clone(), "call", &artifacts).unwrap(), output);
    }

    #[test]
    fn an_output_without_large_fields_becomes_one_artifact() {
        let home = tempfile::tempdir().unwrap();
        let artifacts = FolderArtifacts { folder: home.path().to_owned() };
        for output in [
            serde_json::to_string(&vec![7; OUTPUT_MAX]).unwrap(),
            Value::Object((0..OUTPUT_MAX / 8).map(|n| (format!("k{n}"), n.into())).collect()).to_string(),
        ] {
            let small = parsed(&shrunk(output.clone(), "list", &artifacts).unwrap());
            let (about, content) =
                artifacts.get(small["artifact"].as_str().unwrap(), 0, u64::MAX).unwrap().unwrap();
            assert_eq!(about.name, "list.json");
            assert_eq!(String::from_utf8(content).unwrap(), output);
        }
    }

    #[test]
    fn a_store_that_cannot_take_it_is_said() {
        let artifacts = FolderArtifacts { folder: "/proc/nowhere".into() };
        assert!(
            shrunk(serde_json::to_string(&"x".repeat(OUTPUT_MAX + 1)).unwrap(), "a", &artifacts).is_err()
        );
    }
}
