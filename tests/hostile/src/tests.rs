//! What the fuzzer kept is read again, without it.

mod stirring;

use std::path::{Path, PathBuf};

use super::{TARGETS, target};

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn each_target_has_its_program_and_what_it_kept() {
    let known: Vec<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let programs: Vec<String> = known.iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(names(&fuzz().join("fuzz_targets")), programs);
    assert_eq!(names(&fuzz().join("corpus")), known);
}

#[test]
fn what_the_fuzzer_kept_is_read_without_a_panic() {
    for (name, target) in TARGETS {
        let folder = fuzz().join("corpus").join(name);
        let kept = names(&folder);
        assert!(!kept.is_empty(), "nothing is kept for `{name}`");
        for file in kept {
            // Shown only where the test fails: the last one is the one that did it.
            println!("{name}/{file}");
            target(&std::fs::read(folder.join(file)).unwrap());
        }
    }
}

#[test]
#[should_panic(expected = "there is no target `nothing`")]
fn a_target_that_is_none_is_said() {
    target("nothing")(b"");
}
