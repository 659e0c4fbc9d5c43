//! Holds the commands that the manual shows to those that there are.

use std::path::Path;

use super::command;
use crate::language::Language;

/// The lines of all blocks ```` ```sh ```` that call us, each with its page.
fn commands(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            commands(&path, found);
            continue;
        }
        let (text, mut inside) = (std::fs::read_to_string(&path).unwrap(), false);
        for line in text.lines() {
            inside = if line.starts_with("```") { line == "```sh" } else { inside };
            if inside && line.starts_with("yizhan ") {
                found.push((path.display().to_string(), line.to_owned()));
            }
        }
    }
}

#[test]
fn every_command_that_the_manual_shows_can_be_said() {
    let mut found = Vec::new();
    commands(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/manual/src"), &mut found);
    assert!(found.len() > 50, "{found:?}");
    for (page, line) in found {
        let said = command(Language::En).try_get_matches_from(arguments(&line));
        assert!(said.is_ok(), "{page}: {line}\n{}", said.unwrap_err());
    }
}

/// What a shell makes of a line: quotes of either kind hold an argument together.
fn arguments(line: &str) -> Vec<String> {
    let (mut all, mut quote, mut inside) = (vec![String::new()], None, false);
    for letter in line.chars() {
        match (quote, letter) {
            (None, '"' | '\'') => (quote, inside) = (Some(letter), true),
            (Some(open), _) if open == letter => quote = None,
            (None, letter) if letter.is_whitespace() => {
                if inside {
                    all.push(String::new());
                }
                inside = false;
            }
            (_, letter) => {
                inside = true;
                all.last_mut().unwrap().push(letter);
            }
        }
    }
    all
}
