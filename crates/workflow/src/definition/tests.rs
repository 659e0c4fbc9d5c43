//! Wrong files and right ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::*;
use crate::problem::{Lang, render};

struct Folder(PathBuf);

impl Files for Folder {
    fn read(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(self.0.join(path)).map_err(|error| error.to_string())
    }
}

fn workflow_files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../workflows");
    let mut found = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "toml") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn read_file(path: &Path) -> Result<Read, String> {
    let text = std::fs::read_to_string(path).unwrap();
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let source = Source { name: name.clone(), text: text.clone(), files: BTreeMap::new() };
    let files = Folder(path.parent().unwrap().to_owned());
    read(&source, &files).map_err(|problems| {
        let mut texts = BTreeMap::from([(String::new(), text)]);
        for problem in &problems {
            if let Some(file) = &problem.place.file {
                texts.insert(file.to_string(), files.read(file).unwrap_or_default());
            }
        }
        render(&problems, &format!("{name}.toml"), &texts, Lang::En, false)
    })
}

#[test]
fn every_workflow_that_comes_along_can_be_read_and_read_again_from_what_is_kept() {
    let mut wrong = String::new();
    for path in workflow_files() {
        match read_file(&path) {
            Err(shown) => wrong.push_str(&shown),
            Ok(first) => {
                let again = read(&first.source, &first.source.files).expect("what was read once reads again");
                assert_eq!(again.workflow.hash, first.workflow.hash);
                assert_eq!(again.workflow.steps.len(), first.workflow.steps.len());
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
