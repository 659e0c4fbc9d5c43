//! Finds every point at which a fault run lets the daemon end, fail or wait, and every fault that is seeded into it, so
//! that none is forgotten.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn main() {
    name_the_commit();
    let crates = Path::new("../../crates");
    println!("cargo:rerun-if-changed={}", crates.display());
    let (mut points, mut seeds, mut folders) = (BTreeMap::new(), BTreeMap::new(), vec![crates.to_owned()]);
    while let Some(folder) = folders.pop() {
        let inside = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
        for path in inside {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                find(&text, "yizhan_faults::point(\"", false, &mut points);
                find(&text, "yizhan_faults::fails(\"", true, &mut points);
                find(&text, "yizhan_faults::seeded(\"", true, &mut seeds);
            }
        }
    }
    let rows: String = points.iter().map(|(name, fails)| format!("    ({name:?}, {fails}),\n")).collect();
    write("points.rs", &format!("const POINTS: &[(&str, bool)] = &[\n{rows}];\n"));
    let rows: String = seeds.keys().map(|name| format!("    {name:?},\n")).collect();
    write("seeds.rs", &format!("const SEEDS: &[&str] = &[\n{rows}];\n"));
}

/// A report says which source it is about. A copy of the source that has no history says so, too.
fn name_the_commit() {
    println!("cargo:rerun-if-changed=../../.git/logs/HEAD");
    let asked =
        std::process::Command::new("git").args(["describe", "--always", "--dirty", "--abbrev=12"]).output();
    let commit = asked.ok().filter(|asked| asked.status.success()).map(|asked| asked.stdout);
    let commit = String::from_utf8_lossy(commit.as_deref().unwrap_or(b"unknown")).trim().to_owned();
    println!("cargo:rustc-env=YIZHAN_COMMIT={commit}");
}

fn write(name: &str, code: &str) {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default()).join(name);
    assert!(std::fs::write(&out, code).is_ok(), "{} cannot be written", out.display());
}

/// The names in one file that follow this call, each with whether what it guards may fail.
fn find(text: &str, call: &str, fails: bool, found: &mut BTreeMap<String, bool>) {
    for rest in text.split(call).skip(1) {
        let name = rest.split('"').next().unwrap_or_default().to_owned();
        let before = found.insert(name.clone(), fails);
        assert!(before.is_none(), "two are called `{name}`");
    }
}
