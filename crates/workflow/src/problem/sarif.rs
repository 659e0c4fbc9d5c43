//! Faults as SARIF 2.1.0, which editors and CI systems read.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::render::{position, text_of, within};
use super::{Lang, Place, Problem, explain, sentence};

/// One result for each fault. `path` and `texts` are those of `render`.
#[must_use]
pub fn results(
    problems: &[Problem],
    path: &str,
    texts: &BTreeMap<String, String>,
    language: Lang,
) -> Vec<Value> {
    let location = |place: &Place| {
        let (file, text) = text_of(place, path, texts);
        let span = within(place, text);
        let (line, column) = position(text, span.start);
        let (end_line, end_column) = position(text, span.end);
        json!({ "physicalLocation": {
            "artifactLocation": { "uri": uri(&file) },
            "region": {
                "startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column,
            },
        } })
    };
    let one = |problem: &Problem| {
        let related: Vec<Value> = problem.causes.iter().map(location).collect();
        let mut said = sentence(problem, language);
        for help in super::render::help(problem, language) {
            said.push('\n');
            said.push_str(&help);
        }
        let mut result = json!({
            "ruleId": problem.code,
            "level": if problem.is_error() { "error" } else { "warning" },
            "message": { "text": said },
            "locations": [location(&problem.place)],
        });
        if !related.is_empty() {
            result["relatedLocations"] = related.into();
        }
        result
    };
    problems.iter().map(one).collect()
}

/// The whole file, with the page of each code that occurs.
#[must_use]
pub fn log(results: Vec<Value>, version: &str, language: Lang) -> Value {
    let codes: BTreeSet<&str> = results.iter().filter_map(|result| result["ruleId"].as_str()).collect();
    let rules: Vec<Value> = codes
        .into_iter()
        .map(|code| {
            let page = explain(code, language).unwrap_or_default();
            let title = page.lines().next().unwrap_or(code).trim_start_matches("# ").to_owned();
            json!({ "id": code, "shortDescription": { "text": title }, "help": { "text": page, "markdown": page } })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "yizhan", "version": version, "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

/// A path as a relative reference: what is no plain letter is written by its bytes.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_' | b'~') {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}
