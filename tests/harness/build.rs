//! Finds every point at which a fault run lets the daemon end, fail or wait, so that none is forgotten.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn main() {
    let crates = Path::new("../../crates");
    println!("cargo:rerun-if-changed={}", crates.display());
    let (mut points, mut folders) = (BTreeMap::new(), vec![crates.to_owned()]);
    while let Some(folder) = folders.pop() {
        let inside = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
        for path in inside {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                find(&path, &mut points);
            }
        }
    }
    let rows: String = points.iter().map(|(name, fails)| format!("    ({name:?}, {fails}),\n")).collect();
    let code = format!("const POINTS: &[(&str, bool)] = &[\n{rows}];\n");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default()).join("points.rs");
    assert!(std::fs::write(&out, code).is_ok(), "{} cannot be written", out.display());
}

/// The names in one file, each with whether what it guards may fail.
fn find(path: &Path, points: &mut BTreeMap<String, bool>) {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    for (call, fails) in [("yizhan_faults::point(\"", false), ("yizhan_faults::fails(\"", true)] {
        for rest in text.split(call).skip(1) {
            let name = rest.split('"').next().unwrap_or_default().to_owned();
            let before = points.insert(name.clone(), fails);
            assert!(before.is_none(), "two points are called `{name}`");
        }
    }
}
