//! The schema against the shipped files and wrong ones, as an editor's checker sees them.

use std::path::Path;
use std::process::Command;

use super::*;

fn catalogue() -> Catalogue {
    let house = Path::new(env!("CARGO_MANIFEST_DIR")).join("../workflow/tests/corpus/house/plugins.json");
    let plugins: Value = serde_json::from_str(&std::fs::read_to_string(house).unwrap()).unwrap();
    let mut catalogue = Catalogue::built_in();
    for (plugin, describe) in plugins.as_object().unwrap() {
        catalogue.add(plugin, &describe.to_string()).unwrap();
    }
    catalogue
}

#[test]
fn every_key_is_explained_in_both_languages_and_its_schema_is_json() {
    for list in [keys::TOP, keys::STEP, keys::FIELD, keys::RULE, keys::TRIGGER, keys::TABLE] {
        for key in list {
            assert!(serde_json::from_str::<Value>(key.schema).is_ok(), "{}: {}", key.name, key.schema);
            let english = key.en.chars().all(|letter| letter.is_ascii() || letter == '…');
            assert!(!key.zh.is_ascii() && english, "{}", key.name);
        }
    }
}

#[test]
fn with_is_that_of_the_action_that_use_names() {
    let schema = of_workflows(&catalogue(), Language::En);
    let step = &schema["$defs"]["step"];
    let rules = step["then"]["allOf"].as_array().unwrap();
    let mail = rules.iter().find(|rule| rule["if"]["properties"]["use"]["const"] == "email.send").unwrap();
    assert_eq!(mail["then"]["properties"]["with"]["$ref"], "#/$defs/email.send");
    assert!(schema["$defs"]["email.send"]["properties"]["subject"].is_object());
    let offered = &step["properties"]["with"]["properties"];
    assert!(offered["subject"]["description"].as_str().unwrap().contains("`email.send`"), "{offered}");
}

/// What an editor's completion walks through; see the head of the schema's own file.
fn walk(schema: &Value, place: &str) {
    match schema {
        Value::Object(own) => {
            assert!(!own.contains_key("allOf"), "{place}: completion would not come back");
            assert!(
                !own.contains_key("$ref") || own.len() == 1,
                "{place}: nothing beside a reference is read"
            );
            let seen = own.iter().filter(|(key, _)| *key != "then");
            seen.for_each(|(key, inner)| walk(inner, &format!("{place}/{key}")));
        }
        Value::Array(all) => all.iter().for_each(|inner| walk(inner, place)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn completion_meets_no_all_of_on_its_way() {
    let mut workflows = of_workflows(&catalogue(), Language::En);
    // What plugins say of themselves is reached only by way of `then`.
    workflows["$defs"].as_object_mut().unwrap().retain(|name, _| !name.contains('.'));
    walk(&workflows, "workflows");
    walk(&of_tests(&catalogue(), Language::En), "tests");
}

/// The checker behind the editors, where it is installed (`npm install -g @taplo/cli`).
fn taplo(schema: &Path, file: &Path) -> Option<bool> {
    let program = std::env::var_os("YIZHAN_TAPLO").unwrap_or_else(|| "taplo".into());
    let schema = format!("file://{}", schema.display());
    let run =
        Command::new(program).args(["lint", "--no-auto-config", "--schema", &schema]).arg(file).output();
    run.ok().map(|run| run.status.success())
}

#[test]
fn an_editor_finds_nothing_in_shipped_files_and_slips_in_wrong_ones() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let schema = write("workflow.json", &of_workflows(&catalogue(), Language::Zh).to_string());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../workflows");
    let shipped = crate::workflows::find(&std::fs::canonicalize(root).unwrap()).files;
    for file in &shipped {
        match taplo(&schema, file) {
            Some(good) => assert!(good, "{}", file.display()),
            None => {
                assert!(std::env::var_os("YIZHAN_TESTS").is_none(), "taplo is missing");
                eprintln!("skipped: taplo is not installed (`npm install -g @taplo/cli`)");
                return;
            }
        }
    }
    let head = "title = \"x\"\n[step.a]\n";
    for wrong in [
        "titel = \"x\"\n",
        "title = 1\n",
        "title = \"x\"\n[step.a]\ntitle = \"no kind\"\n",
        &format!("{head}use = \"email.sned\"\n"),
        &format!("{head}use = \"email.send\"\nwith.subjct = \"x\"\n"),
        &format!("{head}ask = \"starter\"\nform.a = {{ type = \"txt\" }}\n"),
        &format!("{head}check = \"true\"\non.no = {{ back = \"a\" }}\n"),
        &format!("{head}end = \"done:x\"\nneed = []\n"),
        "title = \"x\"\n[trigger.a]\nschedule = \"monday\"\nmissed = \"two\"\n",
        &format!("{head}[step.a.step.b]\nend = \"done:x\"\ntitel = \"x\"\n"),
    ] {
        let file = write("wrong.toml", wrong);
        assert_eq!(taplo(&schema, &file), Some(false), "{wrong}");
    }
}

/// A validator of another house, where it is installed (`pip install jsonschema`): what it finds.
fn second_opinion(schema: &Path, files: &[std::path::PathBuf]) -> Option<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/schema.py");
    let python = std::env::var_os("YIZHAN_PYTHON").unwrap_or_else(|| "python3".into());
    let known = Command::new(&python).args(["-c", "import jsonschema"]).output();
    if !known.is_ok_and(|run| run.status.success()) {
        return None;
    }
    let run = Command::new(python).arg(script).arg(schema).args(files).output().unwrap();
    assert!(run.status.code().is_some_and(|code| code < 2) && run.stderr.is_empty(), "{run:?}");
    Some(String::from_utf8(run.stdout).unwrap().trim().to_owned())
}

#[test]
fn a_second_validator_finds_nothing_in_any_right_file_and_something_in_a_wrong_one() {
    let folder = tempfile::tempdir().unwrap();
    let schema = folder.path().join("workflow.json");
    std::fs::write(&schema, of_workflows(&catalogue(), Language::Zh).to_string()).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for place in ["../../workflows", "../workflow/tests/corpus/right"] {
        files.extend(crate::workflows::find(&std::fs::canonicalize(root.join(place)).unwrap()).files);
    }
    assert!(files.len() > 20, "{files:?}");
    let Some(found) = second_opinion(&schema, &files) else {
        assert!(std::env::var_os("YIZHAN_TESTS").is_none(), "the second validator is missing");
        eprintln!("skipped: jsonschema is not installed (`pip install jsonschema`)");
        return;
    };
    assert_eq!(found, "");
    let wrong = folder.path().join("wrong.toml");
    std::fs::write(&wrong, "title = \"x\"\n[step.a]\nask = \"starter\"\nduee = \"4h\"\n").unwrap();
    assert!(second_opinion(&schema, &[wrong]).unwrap().contains("duee"));
}
