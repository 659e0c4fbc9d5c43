//! Words that let in are written once and read never: everything that the house shows, writes or sends out is searched for them.
//!
//! What is asked for comes from lists, the router's, the API document's and the command line's own, so a new route or command is
//! searched without anybody thinking of it.

mod furnished;
mod lines;
mod pages;
mod shown;

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::json;

use self::furnished::{Furnished, furnished};
use self::shown::{Asker, Shown};
use crate::house::{House, Said};

/// The ways in which somebody may write a word down without meaning to show it: base64 in its three alignments, cut to what
/// the neighbours have no part in, hex, `%` forms, entities, and the escapes of JSON.
fn forms(word: &str) -> BTreeSet<String> {
    let bytes = word.as_bytes();
    let each = |form: &dyn Fn(u8) -> String| bytes.iter().map(|byte| form(*byte)).collect::<String>();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let mut all = BTreeSet::from([
        word.to_owned(),
        word.chars().rev().collect(),
        each(&|byte| format!("{byte:02x}")),
        each(&|byte| format!("{byte:02X}")),
        each(&|byte| format!("%{byte:02x}")),
        each(&|byte| format!("%{byte:02X}")),
        each(&|byte| if plain(byte) { char::from(byte).into() } else { format!("%{byte:02X}") }),
        each(&|byte| if plain(byte) { char::from(byte).into() } else { format!("%{byte:02x}") }),
        each(&|byte| format!("&#{byte};")),
        each(&|byte| format!("\\u{byte:04x}")),
        word.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;"),
    ]);
    for before in 0..3 {
        let shifted = [&b"\0\0"[..before], bytes].concat();
        for code in [STANDARD, URL_SAFE] {
            let code = code.encode(&shifted);
            let end = if shifted.len().is_multiple_of(3) { 0 } else { 4 };
            all.insert(code[if before == 0 { 0 } else { 4 }..code.len() - end].to_owned());
        }
    }
    all
}

/// Each word with its forms.
struct Search(Vec<(&'static str, BTreeSet<String>)>);

impl Search {
    fn new(furnished: &Furnished) -> Self {
        let words = furnished.words.iter();
        Self(words.map(|(name, word)| (*name, forms(word))).collect())
    }

    /// Which words stand in it, in what form.
    fn hits(&self, place: &str, text: &str) -> Vec<String> {
        let found = self.0.iter().flat_map(|(name, forms)| {
            let hits = forms.iter().filter(|form| text.contains(form.as_str()));
            hits.map(|form| format!("{place}: the {name} as {form}")).collect::<Vec<_>>()
        });
        found.collect()
    }
}

/// Commands that are asked for what they show, and those that show nothing of what the house keeps.
const ASKED: &[&[&str]] = &[
    &["check"],
    &["read", "calls"],
    &["plan", "calls"],
    &["what-if", "calls", "--at", "2026-12-01 09:00"],
    &["test"],
    &["graph", "calls", "--format", "mermaid"],
    &["runs"],
    &["show", "RUN"],
    &["show", "RUN", "--journal"],
    &["show", "WAITS", "--journal"],
    &["why", "RUN"],
    &["tasks"],
    &["task", "show", "TASK"],
    &["next"],
    &["trigger", "list"],
    &["people", "show"],
    &["account", "list"],
    &["account", "sessions"],
    &["account", "tokens"],
    &["audit"],
    &["audit", "verify"],
    &["calendar", "show"],
    &["register", "list"],
    &["register", "find", "台账", "--private"],
    &["register", "export", "台账", "--format", "json"],
    &["register", "export", "台账", "--private"],
    &["query", "runs"],
    &["query", "tasks"],
    &["plugin", "list"],
    &["plugin", "inspect", "email"],
    &["plugin", "inspect", "webhook"],
    &["workflow", "diff", "RUN"],
    &["doctor", "--all"],
    &["reload"],
];
const SHOWS_NOTHING_KEPT: [&str; 15] = [
    "serve", "init", "demo", "fmt", "schema", "run", "cancel", "retry", "migrate", "clock", "event",
    "explain", "backup", "restore", "bench",
];

fn commands(furnished: &Furnished) -> Vec<(String, Said)> {
    let house = &furnished.house;
    let help = house.call(&["--lang", "en", "--help"]).ok().out;
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let (list, _) = list.split_once("\n\n").unwrap();
    for line in list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
        let name = line.split_whitespace().next().unwrap();
        let known = ASKED.iter().any(|words| words[0] == name) || SHOWS_NOTHING_KEPT.contains(&name);
        assert!(known || name == "completions", "say what `yizhan {name}` shows of what the house keeps");
    }
    let filled = |word: &&str| match *word {
        "RUN" => furnished.calls.clone(),
        "WAITS" => furnished.waits.clone(),
        "TASK" => furnished.task.clone(),
        word => word.to_owned(),
    };
    let mut all = vec![];
    for words in ASKED {
        for more in [&[][..], &["--json"]] {
            let words: Vec<String> = words.iter().map(filled).collect();
            let words = [words.iter().map(String::as_str).collect::<Vec<_>>(), more.to_vec()].concat();
            let said = house.call(&words);
            assert!(said.code != 2, "`{words:?}` is no command: {said:?}");
            all.push((words.join(" "), said));
        }
    }
    all
}

/// What a folder has, file by file; not what is ours to keep secret.
fn files(furnished: &House, hidden: &[&str]) -> Vec<(String, Vec<u8>)> {
    let mut folders = vec![furnished.home.clone()];
    let mut found = vec![];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            let name = path.strip_prefix(&furnished.home).unwrap().display().to_string();
            if hidden.contains(&name.as_str()) {
                continue;
            }
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                found.push((name, std::fs::read(path).unwrap()));
            }
        }
    }
    found
}

#[test]
fn no_word_that_lets_in_is_shown_written_or_sent_out_again_by_anything_that_the_house_has() {
    let furnished = furnished();
    let search = Search::new(&furnished);
    let mut hits = vec![];
    let shown = Shown::of(&furnished);
    for asker in [Asker::Token, Asker::Admin, Asker::Clerk, Asker::Stranger] {
        for answer in shown.all(asker) {
            hits.extend(search.hits(&answer.place, &answer.text));
        }
    }
    for (words, said) in commands(&furnished) {
        hits.extend(search.hits(&words, &said.all()));
    }
    // Whatever is done, with nothing that fits: also a refusal shows nothing. It comes last, as it changes what there is.
    for answer in shown.acts() {
        hits.extend(search.hits(&answer.place, &answer.text));
    }
    hits.extend(search.hits("the log", &furnished.house.log()));
    assert!(hits.is_empty(), "{} hits:\n{}", hits.len(), hits.join("\n"));
}

#[test]
fn what_lies_in_the_home_and_in_its_backup_has_no_word_that_lets_in() {
    let mut furnished = furnished();
    let search = Search::new(&furnished);
    let file = furnished.house.home.with_file_name("backup.zip");
    furnished.house.call(&["backup", &file.display().to_string()]).ok();
    assert_eq!(furnished.house.stop(), Some(0));
    let (restored, _) = House::restored(&file);
    let mut hits = vec![];
    for (of, house) in [("home", &furnished.house), ("backup", &restored)] {
        // The mail to somebody asked is the one place where its link must stand; here it lies until it is sent.
        let all = files(house, &["secrets", "data/mail"]);
        assert!(all.iter().any(|(name, _)| name.ends_with("access.db")), "{of}");
        for (name, bytes) in all {
            hits.extend(search.hits(&format!("{of} {name}"), &String::from_utf8_lossy(&bytes)));
        }
    }
    assert!(hits.is_empty(), "{} hits:\n{}", hits.len(), hits.join("\n"));
}

#[test]
fn the_search_finds_a_word_in_each_form_that_it_looks_for() {
    let search = Search(vec![("word", forms("kanarie/+9&x=%"))]);
    for code in ["", "a", "ab"].map(|before| STANDARD.encode(format!("{before}kanarie/+9&x=%and more"))) {
        assert_eq!(search.hits("x", &code).len(), 1, "{code}");
    }
    assert!(search.0[0].1.len() >= 12, "{:?}", search.0[0].1);
    for form in &search.0[0].1 {
        assert!(!search.hits("x", &format!("a{form}b")).is_empty(), "{form}");
    }
    assert!(search.hits("x", &json!({ "bearer": { "secret": "crm" } }).to_string()).is_empty());
}
