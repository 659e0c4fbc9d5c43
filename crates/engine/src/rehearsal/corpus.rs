//! A file that checks never fails for a reason that `check` could have seen: the right files of the corpus are walked,
//! each several times with other answers, and no expression of theirs may fail.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;
use yizhan_workflow::calendar::Calendars;
use yizhan_workflow::catalogue::Catalogue;
use yizhan_workflow::definition::{self, Files};
use yizhan_workflow::people::People;
use yizhan_workflow::plan::{Retry, Source, Work, Workflow};
use yizhan_workflow::run::names;

use super::*;
use crate::intake;

const NOW: Millis = Millis(1_795_395_600_000);
/// Each choice of a form is taken at least once where it has no more options than this.
const WALKS: usize = 5;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../workflow/tests/corpus").join(name)
}

struct Beside;

impl Files for Beside {
    fn read(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(folder("house").join(path)).map_err(|error| error.to_string())
    }
}

pub(super) fn world() -> World {
    let mut catalogue = Catalogue::built_in();
    let plugins = std::fs::read_to_string(folder("house").join("plugins.json")).unwrap();
    let plugins: BTreeMap<String, Json> = serde_json::from_str(&plugins).unwrap();
    for (plugin, describe) in plugins {
        catalogue.add(&plugin, &describe.to_string()).unwrap();
    }
    let people = std::fs::read_to_string(folder("house").join("people.toml")).unwrap();
    World {
        number: 1,
        zone: jiff::tz::TimeZone::UTC,
        registers: Arc::default(),
        catalogue: Arc::new(catalogue),
        people: Arc::new(People::read(&people).unwrap()),
        calendars: Arc::new(Calendars::default()),
        retry: Retry::NONE,
        owner: Some("operator".into()),
        url: None,
    }
}

fn read(name: &str, path: &Path) -> Arc<Workflow> {
    let text = std::fs::read_to_string(path).unwrap();
    let source = Source { name: name.to_owned(), text, files: BTreeMap::new() };
    let read = definition::read(&source, &Beside);
    read.unwrap_or_else(|problems| panic!("{name}: {problems:?}")).workflow
}

/// The first of the options, or the second, …, the yes or the no.
pub(super) fn other(view: &Json, number: usize) -> serde_json::Map<String, Json> {
    let fields = view.as_array().into_iter().flatten();
    let chosen = fields.filter_map(|field| {
        let options = field["options"].as_array().filter(|all| !all.is_empty());
        let value = match field["type"].as_str()? {
            "choice" => options?[number % options?.len()]["code"].clone(),
            "yesno" => json!(number.is_multiple_of(2)),
            _ => return None,
        };
        Some((field["name"].as_str()?.to_owned(), value))
    });
    chosen.collect()
}

pub(super) fn answers(text: &Arc<Workflow>, world: &World, number: usize) -> Answers {
    let scope = names::before_start(text, world, NOW, None, None);
    let asked = text.numbers().filter_map(|no| {
        let Work::Ask(ask) = &text.step(no).work else { return None };
        Some((text.dotted(no), Json::Object(other(&parsed(&ask.form.view(&scope)), number))))
    });
    Answers { of: asked.collect(), ..Answers::default() }
}

/// What a run says of itself when one of its expressions fails. Numbers that are made up may be divided by.
pub(super) fn is_checks(code: &str) -> bool {
    matches!(code, "YZ0310" | "YZ0311" | "YZ0323")
}

#[test]
fn no_expression_of_a_file_that_checks_fails_whatever_is_answered() {
    let world = world();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder("right")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut walked, mut wrong) = (0, Vec::new());
    for path in &files {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = read(&name, path);
        let scope = names::before_start(&text, &world, NOW, None, None);
        for number in 0..WALKS {
            let form = parsed(&text.input.view(&scope));
            let mut input = sample::of_form(&form, NOW);
            input.as_object_mut().unwrap().extend(other(&form, number));
            let brought = intake::Fired { trigger: "api", with: serde_json::Map::new() };
            let prepared = match intake::prepare(&text, &input.to_string(), Some(brought), &world, NOW) {
                Ok(prepared) => prepared,
                Err(intake::IntakeError::Expression(error)) => {
                    wrong.push(format!("{name}, walk {number}: {error}"));
                    continue;
                }
                // What is made up need not pass a pattern or a check of the form.
                Err(_) => continue,
            };
            let walk = rehearse(&prepared, "operator", &world, NOW, &answers(&text, &world, number));
            walked += 1;
            for told in &walk.told {
                if let What::Failed { code, message } = &told.what
                    && is_checks(code)
                {
                    wrong.push(format!("{name}, walk {number}, step {}: {code} {message}", told.step));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(walked >= files.len() * 3, "{walked} walks of {} files", files.len());
}
