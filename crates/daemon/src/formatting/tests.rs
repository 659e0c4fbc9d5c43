//! What the layout changes and what it leaves alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use yizhan_workflow::definition::{self, Files, Survey};
use yizhan_workflow::plan::Source;

use super::*;

#[track_caller]
fn becomes(text: &str, expected: &str) {
    let once = formatted(text).unwrap();
    assert_eq!(once, expected);
    assert_eq!(formatted(&once).unwrap(), once, "a second time changes nothing");
}

#[test]
fn a_block_whose_author_lines_it_up_is_lined_up_whole_under_chinese_too() {
    becomes(
        "[step.a]\ntitle = \"x\"\nuse   = \"file.append\"\nwith.path=\"y\"\nwith.csv.\"序号\" = 1\nwith.csv.\"转到何单位\" = 2\nwith.csv.\"时间\"   = 3\n",
        "[step.a]\ntitle = \"x\"\nuse   = \"file.append\"\nwith.path = \"y\"\nwith.csv.\"序号\"       = 1\nwith.csv.\"转到何单位\" = 2\nwith.csv.\"时间\"       = 3\n",
    );
}

#[test]
fn a_block_that_is_not_lined_up_stays_so() {
    let text = "[a]\none = 1\nthirteen = 2\n# between\nx = 3 # behind\n";
    becomes(text, text);
}

#[test]
fn a_long_inline_table_becomes_dotted_keys_as_deep_as_it_must() {
    let long = "很".repeat(75);
    becomes(
        &format!(
            "[step.a]\nform.x = {{ label = \"{long}\", options = {{ a = \"{long}\", b = 2 }} }} # why\nask = \"starter\"\n"
        ),
        &format!(
            "[step.a]\n# why\nform.x.label = \"{long}\"\nform.x.options.a = \"{long}\"\nform.x.options.b = 2\nask = \"starter\"\n"
        ),
    );
}

#[test]
fn what_only_toml_1_1_has_is_written_as_1_0() {
    becomes(
        "a = {\n  b = 1,\n  c = \"\\x41\\e\",\n}\nat = 07:30\nrows = [\n  { n = 1,\n    m = 2, },\n]\n",
        "a = { b = 1, c = \"\\u0041\\u001B\" }\nat = 07:30:00\nrows = [\n  { n = 1, m = 2 },\n]\n",
    );
}

#[test]
fn remarks_inside_a_table_of_many_lines_stay_beside_their_keys() {
    becomes(
        "[x]\na = {\n  # first\n  b = 1, # one\n  c.d = 2,\n  # last\n}\n",
        "[x]\n# first\na.b = 1\n# one\na.c.d = 2\n# last\n",
    );
}

#[test]
fn blank_space_is_put_in_order_and_texts_of_many_lines_are_not_touched() {
    becomes(
        "\n\na = 1   \r\n\n\n\nb = \"\"\"\nx  \n\n\n y\"\"\"  \n[c]\n\n\n",
        "a = 1\n\nb = \"\"\"\nx  \n\n\n y\"\"\"\n[c]\n",
    );
}

struct Beside(PathBuf);

impl Files for Beside {
    fn read(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(self.0.join(path)).map_err(|error| error.to_string())
    }
}

/// What a file says, without its hash and its places.
fn said(path: &Path, text: &str) -> String {
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let source = Source { name, text: text.to_owned(), files: BTreeMap::new() };
    let Survey { read, problems } = definition::survey(&source, &Beside(path.parent().unwrap().to_owned()));
    assert!(problems.is_empty(), "{}: {problems:?}", path.display());
    let mut workflow = std::sync::Arc::into_inner(read.unwrap().workflow).unwrap();
    workflow.hash = yizhan_workflow::id::TextHash("".into());
    format!("{workflow:#?}")
}

#[test]
fn shipped_workflows_are_laid_out_and_mean_the_same_however_they_are_written() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = crate::workflows::find(&root.join("workflows")).files;
    files.insert(root.join("crates/daemon/src/commands/init/hello.toml"));
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(formatted(&text).as_deref(), Some(&*text), "`yizhan fmt {}`", path.display());
        // Squeezed and torn apart in turn, it comes back to the same meaning.
        let squeezed = text.replace("  =", " =").replace("\n\n", "\n\n\n").replace("\" }\n", "\" , }\n");
        let tear = |line: &str| match line.starts_with('#') {
            true => line.to_owned(),
            false => line.replace(", type = ", ",\n # kind\n type = "),
        };
        let torn: String = text.split_inclusive('\n').map(tear).collect();
        for other in [squeezed, torn] {
            let once = formatted(&other).unwrap_or_else(|| panic!("{}", path.display()));
            assert_eq!(formatted(&once).unwrap(), once, "{}", path.display());
            assert_eq!(said(&path, &once), said(&path, &text), "{}", path.display());
        }
    }
}

#[test]
fn every_file_of_the_checkers_corpus_that_is_toml_keeps_its_meaning() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../workflow/tests/corpus/wrong");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let Ok(text) = std::fs::read_to_string(entry.unwrap().path()) else { continue };
        if text.parse::<toml::Table>().is_err() {
            continue;
        }
        let once = formatted(&text).expect("it is TOML");
        assert_eq!(formatted(&once).unwrap(), once);
        seen += 1;
    }
    assert!(seen > 150, "{seen}");
}
