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

/// A house with three plugins, one group, and two workflows beside the one that is looked at.
fn house() -> (crate::catalogue::Catalogue, crate::people::People, Vec<String>) {
    let mut catalogue = crate::catalogue::Catalogue::default();
    let email = r##"{"actions":{"send":{"effect":"keyed","input":{"type":"object","additionalProperties":false,
        "required":["to","subject"],"properties":{
        "to":{"x-yz":"recipients","anyOf":[{"type":"string"},{"type":"array","items":{"type":"string"}}]},
        "cc":{"x-yz":"recipients","anyOf":[{"type":"string"},{"type":"array","items":{"type":"string"}}]},
        "subject":{"type":"string"},"text":{"type":"string"},
        "attachments":{"type":"array","items":{"$ref":"#/$defs/Attachment"}}},
        "$defs":{"Attachment":{"type":"object","additionalProperties":false,"required":["path"],
        "properties":{"path":{"type":"string"},"name":{"type":["string","null"]}}}}},
        "output":{"type":"object","properties":{"message_id":{"type":"string"}}}}}}"##;
    let webhook = r#"{"actions":{"call":{"effect":"once","outcome":"result","input":{"type":"object",
        "additionalProperties":false,"required":["url"],"properties":{"url":{"type":"string"},
        "method":{"enum":["GET","POST","PUT","DELETE"]},"bearer":{"x-yz":"secret","type":"string"},
        "attempts":{"type":"integer","minimum":1},"json":true}},
        "output":{"type":"object","properties":{"status":{"type":"integer"},
        "result":{"enum":["taken","refused"]}}}}}}"#;
    catalogue.add("email", email).unwrap();
    catalogue.add("webhook", webhook).unwrap();
    catalogue.add("echo", r#"{"actions":{"say":{"effect":"pure"}}}"#).unwrap();
    let people =
        crate::people::People::read("[person.a]\nname = \"a\"\n[group.\"热线\"]\nmembers = [\"a\"]\n")
            .unwrap();
    (catalogue, people, vec!["x".to_owned(), "other".to_owned()])
}

/// Everything that is said of a text, as codes.
fn said(text: &str) -> Vec<Problem> {
    let source = Source { name: "x".to_owned(), text: text.to_owned(), files: BTreeMap::new() };
    match read(&source, &BTreeMap::new()) {
        Err(problems) => problems,
        Ok(read) => {
            let (catalogue, people, workflows) = house();
            let mut problems = check(&read, &catalogue, &people, &workflows);
            problems.extend(read.warnings);
            problems
        }
    }
}

#[test]
fn the_wrong_example_of_each_page_is_wrong_in_that_way_and_the_right_one_is_right() {
    let mut tried = 0;
    let mut faults = String::new();
    for code in crate::problem::codes() {
        let page = crate::problem::explain(code, Lang::En).unwrap();
        let examples: Vec<&str> =
            page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        let [wrong, right] = examples.as_slice() else { continue };
        tried += 1;
        let problems = said(wrong);
        if !problems.iter().any(|problem| problem.code == code) {
            faults.push_str(&format!("{code} wrong: {}\n", shown(wrong, &problems)));
        }
        // A page shows one fault; the rest of its example is as it should be.
        let problems = said(right);
        if problems.iter().any(|problem| problem.is_error() || problem.code == code) {
            faults.push_str(&format!("{code} right: {}\n", shown(right, &problems)));
        }
    }
    assert!(faults.is_empty(), "{faults}");
    assert!(tried > 60, "{tried}");
}

fn shown(text: &str, problems: &[Problem]) -> String {
    let texts = BTreeMap::from([(String::new(), text.to_owned())]);
    render(problems, "x.toml", &texts, Lang::En, false)
}
