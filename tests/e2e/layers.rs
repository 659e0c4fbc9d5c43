//! Who may know whom. A wrong arrow fails here, before anybody has to see it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A crate, and all of our crates that it may depend on.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("workflow", &[]),
    ("faults", &[]),
    ("cells", &[]),
    ("plugin-api", &["plugin-macros"]),
    ("plugin-macros", &[]),
    ("engine", &["faults", "workflow"]),
    ("store", &["engine", "faults", "workflow"]),
    ("plugin-host", &["engine", "faults", "plugin-api", "workflow"]),
    ("access", &["faults", "workflow"]),
    ("console", &["access", "engine", "faults", "workflow"]),
    ("daemon", &["access", "cells", "console", "engine", "faults", "plugin-host", "store", "workflow"]),
    ("harness", &["engine", "plugin-api", "store", "workflow"]),
];

/// What the pure crate may use: nothing that reaches a clock, a file, a socket or chance.
const WORKFLOW_MAY_USE: &[&str] = &[
    "annotate-snippets",
    "croner",
    "jiff",
    "minijinja",
    "regex",
    "regex-lite",
    "regex-syntax",
    "rust_decimal",
    "serde",
    "serde_json",
    "sha2",
    "strsim",
    "thiserror",
    "toml",
];

/// Where `unsafe` may be asked for: the two sides of the plugins' border, what tests it, and the disk that lies.
const MAY_BE_UNSAFE: &[&str] = &["crates/plugin-api", "crates/plugin-host", "tests/disk", "tests/fixtures"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn folder(name: &str) -> PathBuf {
    match name {
        "plugin-macros" => root().join("crates/plugin-api/macros"),
        "harness" => root().join("tests/harness"),
        name => root().join("crates").join(name),
    }
}

fn dependencies(manifest: &Path, sections: &[&str]) -> BTreeSet<String> {
    let text = std::fs::read_to_string(manifest).unwrap();
    let manifest: toml::Table = toml::from_str(&text).unwrap();
    let tables = sections.iter().filter_map(|section| manifest.get(*section)?.as_table());
    tables.flat_map(|table| table.keys().cloned()).collect()
}

fn ours(name: &str, sections: &[&str]) -> BTreeSet<String> {
    let all = dependencies(&folder(name).join("Cargo.toml"), sections);
    all.iter().filter_map(|dependency| dependency.strip_prefix("yizhan-").map(str::to_owned)).collect()
}

#[test]
fn no_crate_knows_more_than_it_may() {
    for (name, may_know) in MAY_KNOW {
        if !folder(name).exists() {
            continue;
        }
        for known in ours(name, &["dependencies", "build-dependencies"]) {
            assert!(may_know.contains(&known.as_str()), "`{name}` must not know `{known}`");
        }
    }
}

#[test]
fn plugins_know_the_sdk_and_what_lies_beside_them() {
    for plugin in std::fs::read_dir(root().join("plugins")).unwrap() {
        let manifest = plugin.unwrap().path().join("Cargo.toml");
        for known in dependencies(&manifest, &["dependencies"]) {
            let allowed = !known.starts_with("yizhan-")
                || known == "yizhan-cells"
                || known == "yizhan-plugin-api"
                || known.starts_with("yizhan-plugin-roots");
            assert!(allowed, "{} must not know `{known}`", manifest.display());
        }
    }
}

#[test]
fn no_folder_of_crates_is_missing_from_the_list() {
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(MAY_KNOW.iter().any(|(known, _)| *known == name), "`{name}` is in no list");
    }
}

#[test]
fn the_pure_crate_uses_nothing_that_reaches_the_world() {
    for used in dependencies(&folder("workflow").join("Cargo.toml"), &["dependencies"]) {
        assert!(WORKFLOW_MAY_USE.contains(&used.as_str()), "`workflow` must not use `{used}`");
    }
}

#[test]
fn only_the_border_of_plugins_asks_for_unsafe() {
    let mut folders = vec![root().join("crates"), root().join("plugins"), root().join("tests")];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let inside = path.strip_prefix(root()).unwrap().display().to_string();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs")
                && !MAY_BE_UNSAFE.iter().any(|allowed| inside.starts_with(allowed))
            {
                let text = std::fs::read_to_string(&path).unwrap();
                let asks = ["expect", "allow"].map(|word| format!("{word}(unsafe_code"));
                assert!(!asks.iter().any(|ask| text.contains(ask)), "{inside} asks for unsafe");
            }
        }
    }
}
