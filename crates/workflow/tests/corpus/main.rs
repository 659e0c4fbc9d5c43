//! Wrong files with what is said of them, in both languages, and right ones of which nothing is said.
//!
//! `wrong/NAME.txt` is the whole answer for `wrong/NAME.toml`. After a change of words or places, run the tests with
//! `YIZHAN_BLESS=1` and read every difference: each is what a person sees who made that mistake.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads its files and its settings itself"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use yizhan_workflow::calendar::Calendars;
use yizhan_workflow::catalogue::Catalogue;
use yizhan_workflow::definition::{self, FileOf, Files, House, Neighbours, Survey};
use yizhan_workflow::people::People;
use yizhan_workflow::plan::Source;
use yizhan_workflow::problem::{Lang, Problem, render, sarif, to_json};
use yizhan_workflow::register::Registers;

mod mutation;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name)
}

fn files_of(name: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder(name)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "toml"));
    files.sort();
    files
}

fn name_of(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

/// The files that a workflow names lie in `house/`.
struct Beside;

impl Files for Beside {
    fn read(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(folder("house").join(path)).map_err(|_| "it is not there".to_owned())
    }
}

/// Plugins, people and other workflows that the corpus stands among.
struct Town {
    catalogue: Catalogue,
    people: People,
    calendars: Calendars,
    workflows: Neighbours,
    registers: Registers,
}

impl Town {
    fn new() -> Self {
        let mut catalogue = Catalogue::built_in();
        let plugins = std::fs::read_to_string(folder("house").join("plugins.json")).unwrap();
        let plugins: BTreeMap<String, serde_json::Value> = serde_json::from_str(&plugins).unwrap();
        for (plugin, describe) in plugins {
            catalogue.add(&plugin, &describe.to_string()).unwrap();
        }
        let people = std::fs::read_to_string(folder("house").join("people.toml")).unwrap();
        let people = People::read(&people).unwrap();
        let mut reads = Vec::new();
        for path in files_of("house").iter().chain(&files_of("right")) {
            if !path.ends_with("people.toml") && !path.ends_with("registers.toml") {
                let Survey { read, problems } = survey(path);
                assert!(problems.is_empty(), "{}: {problems:?}", path.display());
                reads.push((name_of(path), read));
            }
        }
        let files = reads.iter().map(|(name, read)| FileOf { name, path: name, read: read.as_ref() });
        let workflows = Neighbours::of(files, &catalogue);
        let registers = std::fs::read_to_string(folder("house").join("registers.toml")).unwrap();
        let registers = Registers::read(&registers).unwrap();
        Self { catalogue, people, calendars: Calendars::default(), workflows, registers }
    }

    fn house(&self) -> House<'_> {
        House {
            catalogue: &self.catalogue,
            people: Some(&self.people),
            calendars: Some(&self.calendars),
            workflows: &self.workflows,
            registers: Some(&self.registers),
            today: Some(jiff::civil::date(2026, 12, 15)),
        }
    }
}

fn survey(path: &Path) -> Survey {
    let text = std::fs::read_to_string(path).unwrap();
    survey_text(&name_of(path), &text)
}

fn survey_text(name: &str, text: &str) -> Survey {
    definition::survey(
        &Source { name: name.to_owned(), text: text.to_owned(), files: BTreeMap::new() },
        &Beside,
    )
}

fn problems_of(survey: Survey, town: &Town) -> Vec<Problem> {
    let Survey { read, mut problems } = survey;
    if let Some(read) = read {
        problems.extend(definition::check(&read, town.house()));
        problems.extend(read.warnings);
    }
    problems.sort_by(|one, other| one.place.cmp(&other.place).then(one.code.cmp(other.code)));
    problems.dedup();
    problems
}

/// The texts that places may be in: the file's own and those it names.
fn texts(text: &str, problems: &[Problem]) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::from([(String::new(), text.to_owned())]);
    for place in problems.iter().flat_map(|problem| problem.causes.iter().chain([&problem.place])) {
        if let Some(file) = &place.file {
            texts.insert(file.to_string(), Beside.read(file).unwrap());
        }
    }
    texts
}

fn shown(path: &Path, town: &Town) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let problems = problems_of(survey(path), town);
    let texts = texts(&text, &problems);
    let name = format!("{}.toml", name_of(path));
    let say = |language| render(&problems, &name, &texts, language, false);
    format!("{}\n{}", say(Lang::Zh), say(Lang::En))
}

#[test]
fn every_wrong_file_is_told_with_its_place_its_cause_and_a_way_out() {
    let town = Town::new();
    let mut different = Vec::new();
    let files = files_of("wrong");
    for path in &files {
        let shown = shown(path, &town);
        let expected = path.with_extension("txt");
        if std::env::var_os("YIZHAN_BLESS").is_some() {
            std::fs::write(&expected, &shown).unwrap();
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != shown {
            different.push(format!("{}\n{shown}", path.display()));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(files.len() >= 150, "{}", files.len());
}

#[test]
fn nothing_is_said_of_a_right_file() {
    let town = Town::new();
    let wrong: Vec<String> = files_of("right").iter().map(|path| shown(path, &town)).collect();
    let said: Vec<&String> = wrong.iter().filter(|shown| shown.trim() != "").collect();
    assert!(said.is_empty(), "{said:#?}");
}

#[test]
fn every_fault_of_the_corpus_has_all_its_words_in_both_languages() {
    let town = Town::new();
    for path in files_of("wrong") {
        for problem in problems_of(survey(&path), &town) {
            for language in [Lang::Zh, Lang::En] {
                let said = yizhan_workflow::problem::sentence(&problem, language);
                // A sentence that asks for a name nobody gave is told by its code.
                assert!(!said.starts_with("YZ"), "{}: {said}", path.display());
            }
            let zh = yizhan_workflow::problem::sentence(&problem, Lang::Zh);
            assert!(zh.chars().any(|sign| sign > '\u{2e80}'), "{}: {zh}", path.display());
        }
    }
}

/// The parts of SARIF 2.1.0 that readers insist on.
#[test]
fn the_sarif_of_the_corpus_has_the_shape_that_readers_insist_on() {
    let town = Town::new();
    let mut results = Vec::new();
    for path in files_of("wrong") {
        let text = std::fs::read_to_string(&path).unwrap();
        let problems = problems_of(survey(&path), &town);
        let texts = texts(&text, &problems);
        let of_file = sarif::results(&problems, "流程/a b.toml", &texts, Lang::En);
        let json = to_json(&problems, "流程/a b.toml", &texts, Lang::En);
        assert_eq!(of_file.len(), json.as_array().unwrap().len());
        results.extend(of_file);
    }
    let log = sarif::log(results, "1.0.0", Lang::En);
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "yizhan");
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let ids: BTreeSet<&str> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), rules.len(), "each rule stands there once");
    let results = run["results"].as_array().unwrap();
    assert!(results.len() > 150);
    for result in results {
        assert!(ids.contains(result["ruleId"].as_str().unwrap()));
        assert!(["error", "warning"].contains(&result["level"].as_str().unwrap()));
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        let related = result["relatedLocations"].as_array().into_iter().flatten();
        for location in result["locations"].as_array().unwrap().iter().chain(related) {
            let physical = &location["physicalLocation"];
            let uri = physical["artifactLocation"]["uri"].as_str().unwrap();
            assert!(uri.is_ascii() && !uri.contains(' '), "{uri}");
            let number = |key: &str| physical["region"][key].as_u64().unwrap();
            let (start, end) =
                ((number("startLine"), number("startColumn")), (number("endLine"), number("endColumn")));
            assert!(start.0 >= 1 && start.1 >= 1 && end >= start, "{physical}");
        }
    }
}

/// A broken line hides nothing and makes nothing up: in a right file it is the one thing that is told.
#[test]
fn of_a_right_file_with_one_broken_line_only_that_line_is_told() {
    let town = Town::new();
    let mut wrong = Vec::new();
    for path in files_of("right").iter().chain(&files_of("house")) {
        if path.ends_with("people.toml") || path.ends_with("registers.toml") {
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in
            lines.iter().enumerate().filter(|(_, line)| line.contains('=') && !line.contains('#'))
        {
            let mut broken: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            broken[at] = format!("{line} =");
            let problems = problems_of(survey_text(&name_of(path), &broken.join("\n")), &town);
            let codes: Vec<&str> = problems.iter().map(|problem| problem.code).collect();
            if codes != ["YZ0101"] {
                wrong.push(format!("{}:{} {line}: {codes:?}", path.display(), at + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
