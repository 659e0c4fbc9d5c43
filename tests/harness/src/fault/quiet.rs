//! A small run beside the load, which none of the faults is about: by it is told how long others take meanwhile.

use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use crate::client::{Client, ClientError};

const WORKFLOW: &str = r#"
title = "不相干"
[step.letter]
use = "email.send"
with.to = "c@example.com"
with.subject = "{{ run.id }}/quiet"
with.text = "你好"
"#;

pub(super) fn add(home: &Path) -> std::io::Result<()> {
    std::fs::write(home.join("workflows/quiet.toml"), WORKFLOW)
}

/// How many milliseconds one takes, from its start to its end.
pub(super) fn took(client: &Client) -> Result<u64, ClientError> {
    let began = Instant::now();
    let started = client.post("/api/v1/workflows/quiet/runs", &json!({ "input": {} }))?;
    let run = started["id"].as_str().unwrap_or("").to_owned();
    client.get(&format!("/api/v1/runs/{run}/wait?seconds=30"))?;
    Ok(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX))
}

/// So many of a hundred are no larger.
pub(super) fn share(all: &[u64], of_hundred: usize) -> Option<u64> {
    let mut sorted = all.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len().saturating_sub(1) * of_hundred / 100).copied()
}

pub(super) fn spread(all: &[u64]) -> Value {
    let at = |of_hundred| share(all, of_hundred);
    json!({ "count": all.len(), "p50": at(50), "p99": at(99), "most": at(100) })
}
