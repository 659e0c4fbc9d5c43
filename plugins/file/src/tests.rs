//! What a workflow may rely on. `house` is the only place that knows how the plugin is set up; the tests are data.

mod appending;
mod archiving;
mod cells;
mod finding;
mod moving;
mod reading;
mod writing;

use std::path::PathBuf;

use serde_json::{Value, json};
use yizhan_plugin_api::Harness;
use yizhan_plugin_api::prelude::*;
use yizhan_plugin_api::sdk::Plugin;

use crate::Files;

struct House {
    home: tempfile::TempDir,
    plugin: Harness<Files>,
}

/// A root `files` and a second one `exports`, with the year of Shanghai.
fn house() -> House {
    let home = tempfile::tempdir().unwrap();
    let plugin = open(&home);
    House { home, plugin }
}

fn open(home: &tempfile::TempDir) -> Harness<Files> {
    let root = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let roots = json!({ "files": root("files"), "exports": root("exports") });
    Harness::new(&json!({ "roots": roots, "timezone": "Asia/Shanghai" })).unwrap()
}

impl House {
    fn run(&self, action: &str, input: Value) -> Result<Value> {
        self.plugin.run(action, &input)
    }

    /// The same plugin for a call with another key.
    fn with_key(self, key: &str) -> Self {
        Self { plugin: self.plugin.key(key), ..self }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.home.path().join("files").join(path)
    }

    fn put(&self, path: &str, text: impl AsRef<[u8]>) {
        std::fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        std::fs::write(self.at(path), text).unwrap();
    }

    #[track_caller]
    fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.at(path)).unwrap()
    }

    /// The names in a folder, without the plugin's own.
    fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.at(folder)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| !yizhan_plugin_roots::is_own_name(name));
        names.sort();
        names
    }
}

fn code(end: Result<Value>) -> String {
    end.expect_err("it should fail").code
}

#[test]
fn schemas_use_only_what_a_check_of_a_workflow_can_walk() {
    for action in Files::actions() {
        for schema in [(action.input)(), (action.output)()] {
            let text = schema.to_value().to_string();
            for word in ["anyOf", "allOf", "\"not\"", "patternProperties"] {
                assert!(!text.contains(word), "{} of {}: {text}", word, action.name);
            }
        }
    }
}

#[test]
fn an_unknown_key_is_refused_with_its_name() {
    let error = house().run("write", json!({ "path": "a", "text": "b", "colour": "red" })).unwrap_err();
    assert_eq!((error.code.as_str(), error.happened), ("plugin.input_invalid", Happened::No));
    assert!(error.message.contains("colour"), "{error}");
}

#[test]
fn every_action_refuses_paths_outside_the_roots() {
    let house = house();
    std::fs::write(house.home.path().join("secret"), "secret").unwrap();
    house.put("mine", "mine");
    for path in ["../secret", "/etc/passwd", "a/../../secret", "nowhere:secret"] {
        for (action, input) in [
            ("write", json!({ "path": path, "text": "x" })),
            ("append", json!({ "path": path, "text": "x" })),
            ("copy", json!({ "from": path, "to": "stolen" })),
            ("copy", json!({ "from": "mine", "to": path })),
            ("move", json!({ "from": path, "to": "stolen" })),
            ("move", json!({ "from": "mine", "to": path })),
            ("delete", json!({ "path": path, "recursive": true })),
            ("list", json!({ "path": path })),
            ("read", json!({ "path": path })),
            ("archive", json!({ "from": path })),
            ("archive", json!({ "from": "mine", "name": format!("../{path}") })),
            ("archive", json!({ "from": "mine", "to": path })),
        ] {
            let error = house.run(action, input.clone()).expect_err(&input.to_string());
            let known = ["file.outside_root", "file.unknown_root", "file.bad_name"];
            assert!(known.contains(&error.code.as_str()), "{action} {input}: {error}");
            assert!(error.help.is_some() && error.happened == Happened::No, "{action} {input}: {error:?}");
        }
    }
    assert_eq!(std::fs::read_to_string(house.home.path().join("secret")).unwrap(), "secret");
    assert_eq!(house.names(""), ["mine"]);
}
