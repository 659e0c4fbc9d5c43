//! What tests are played among: the workflows beside them, the people, the calendars, and what plugins say they take.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};
use yizhan_engine::rehearsal::house::Ground;
use yizhan_engine::rehearsal::trial::Stage;
use yizhan_plugin_host::InputSchema;
use yizhan_store::Memory;
use yizhan_workflow::definition::{Among, read_tests};
use yizhan_workflow::expression::Tree;
use yizhan_workflow::people::People;
use yizhan_workflow::plan::{ActionName, Workflow};
use yizhan_workflow::problem::{Lang, Place, Problem, render, to_json};
use yizhan_workflow::run::World;
use yizhan_workflow::testing::{ENDING, Tests};

use crate::commands::Context;
use crate::commands::check::root_of;
use crate::commands::plan::registers_of;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::home::Home;
use crate::plugins;
use crate::serve::world;
use crate::workflows::{FileRead, find, read_file};

/// A workflow's file, read when it is first asked for.
struct Shelved {
    path: PathBuf,
    root: PathBuf,
    read: OnceLock<FileRead>,
    text: OnceLock<Option<Arc<Workflow>>>,
}

pub(super) struct Town {
    pub(super) world: Arc<World>,
    /// The house's language, in which people are told.
    lang: Lang,
    tells_tasks: bool,
    here: PathBuf,
    people_known: bool,
    /// Without a house nobody has declared any.
    registers_known: bool,
    names: Vec<String>,
    shelf: BTreeMap<String, Shelved>,
    inputs: BTreeMap<ActionName, InputSchema>,
    made_up: BTreeMap<String, Value>,
}

/// A file of tests, read.
pub(super) struct TestFile {
    pub(super) shown: String,
    text: String,
    pub(super) workflow: Option<Arc<Workflow>>,
    pub(super) tests: Result<Tests, Vec<Problem>>,
    /// What is wrong with the workflow itself.
    beside: Vec<String>,
}

impl Town {
    pub(super) fn of(context: &Context, tests: &BTreeSet<PathBuf>) -> Result<Self, Failure> {
        let home = context.home().ok();
        let (people, people_known) = people_of(home.as_ref())?;
        let (catalogue, _) = plugins::offline_catalogue(home.as_ref())?;
        let config = match &home {
            Some(home) => home.config(None)?,
            None => Config::parse("").map_err(|error| Failure::of(Exit::Failed, error.code(), &error))?,
        };
        let inputs = catalogue.actions.values();
        let inputs =
            inputs.filter_map(|action| Some((action.name.clone(), InputSchema::compile(&action.input)?)));
        let inputs = inputs.collect();
        let calendars = crate::calendars::in_force(home.as_ref(), &config)?;
        let world = world::world(&config, None, Arc::new(people), calendars, catalogue)?;
        let registers = home.as_ref().map(registers_of).transpose()?.unwrap_or_default();
        let world = Arc::new(World { registers: Arc::new(registers), ..world });
        let own = home.as_ref().map(Home::workflows);
        let roots: BTreeSet<PathBuf> = tests.iter().map(|file| root_of(file, own.as_deref())).collect();
        let mut shelf = BTreeMap::new();
        for root in roots {
            for path in find(&root).files {
                let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
                let (read, text, root) = (OnceLock::new(), OnceLock::new(), root.clone());
                shelf.insert(name.unwrap_or_default(), Shelved { path, root, read, text });
            }
        }
        let here = std::env::current_dir()?;
        let names = shelf.keys().cloned().collect();
        let (lang, tells_tasks) = (config.language.lang(), config.tell.tasks);
        let mut town = Self {
            world,
            lang,
            tells_tasks,
            here,
            people_known,
            registers_known: home.is_some(),
            names,
            shelf,
            inputs,
            made_up: BTreeMap::new(),
        };
        town.made_up = town.outputs(tests);
        Ok(town)
    }

    fn read_workflow(&self, name: &str) -> Option<&FileRead> {
        let shelved = self.shelf.get(name)?;
        Some(shelved.read.get_or_init(|| read_file(&shelved.path, &self.here, &shelved.root)))
    }

    /// A workflow that can run.
    fn workflow(&self, name: &str) -> Option<Arc<Workflow>> {
        let shelved = self.shelf.get(name)?;
        let text = || {
            let file = read_file(&shelved.path, &self.here, &shelved.root);
            file.outcome.ok().map(|read| read.workflow)
        };
        shelved.text.get_or_init(text).clone()
    }

    /// What children of the tested workflows give back, where nothing else says it: each name with a made-up text.
    fn outputs(&self, tests: &BTreeSet<PathBuf>) -> BTreeMap<String, Value> {
        let mut made_up = BTreeMap::new();
        for workflow in tests.iter().filter_map(|path| self.workflow(&stem_of(path))) {
            for step in &workflow.steps {
                if let yizhan_workflow::plan::Work::Run { workflow, .. } = &step.work {
                    made_up.insert(workflow.to_string(), self.output_of(workflow));
                }
            }
        }
        made_up
    }

    fn output_of(&self, workflow: &str) -> Value {
        match self.workflow(workflow).as_ref().and_then(|workflow| workflow.output.as_ref()) {
            Some(Tree::Map(entries)) => {
                entries.iter().map(|(name, _)| (name.to_string(), json!(format!("‹{name}›")))).collect()
            }
            Some(_) | None => json!({}),
        }
    }

    pub(super) fn read(&self, path: &Path) -> TestFile {
        let shown = path.strip_prefix(&self.here).unwrap_or(path).display().to_string();
        let name = stem_of(path);
        let (text, unreadable) = match std::fs::read_to_string(path) {
            Ok(text) => (text, None),
            Err(error) => (String::new(), Some(error.to_string())),
        };
        let Some(workflow) = self.workflow(&name) else {
            let beside = self.without_workflow(&name);
            return TestFile { shown, text, workflow: None, tests: Err(Vec::new()), beside };
        };
        let tests = match unreadable {
            Some(why) => Err(vec![Problem::error("YZ0100", Place::at(0..0)).name("why", why)]),
            None => read_tests(
                &text,
                Among {
                    workflow: &workflow,
                    catalogue: &self.world.catalogue,
                    people: self.people_known.then_some(&self.world.people),
                    registers: self.registers_known.then_some(&self.world.registers),
                    others: &self.names,
                },
            ),
        };
        TestFile { shown, text, workflow: Some(workflow), tests, beside: Vec::new() }
    }

    fn without_workflow(&self, name: &str) -> Vec<String> {
        match self.read_workflow(name).map(|file| (file, &file.outcome)) {
            Some((file, Err(problems))) => {
                let problems = problems.clone();
                file.render(&problems, crate::language::Language::En, false)
            }
            _ => vec![format!("error[YZ0519]: there is no workflow `{name}` beside its tests")],
        }
    }

    pub(super) fn stage<'w>(&'w self, own: &'w Arc<Workflow>) -> OnStage<'w> {
        OnStage {
            town: self,
            own,
            refuses: Box::new(|action, input| self.inputs.get(action)?.mismatch(input)),
            others: Box::new(|name| self.workflow(name)),
        }
    }
}

type Refusing<'w> = Box<dyn Fn(&ActionName, &str) -> Option<String> + Sync + 'w>;
type Others<'w> = Box<dyn Fn(&str) -> Option<Arc<Workflow>> + Sync + 'w>;

/// Holds what a stage borrows.
pub(super) struct OnStage<'w> {
    town: &'w Town,
    own: &'w Arc<Workflow>,
    refuses: Refusing<'w>,
    others: Others<'w>,
}

impl OnStage<'_> {
    pub(super) fn of(&self) -> Stage<'_> {
        let Town { world, made_up, lang, tells_tasks, .. } = self.town;
        let ground = Ground {
            world,
            refuses: &*self.refuses,
            made_up,
            lang: *lang,
            tells_tasks: *tells_tasks,
            shelf: Some(&Memory::shelf),
        };
        Stage { ground, own: self.own, others: &*self.others }
    }
}

impl TestFile {
    pub(super) fn name_of(&self, test: usize) -> &str {
        let tests = self.tests.as_ref().ok();
        tests.and_then(|tests| tests.tests.get(test)).map_or("", |test| &test.name)
    }

    pub(super) fn line_of(&self, test: usize) -> usize {
        let tests = self.tests.as_ref().ok();
        let place = tests.and_then(|tests| tests.tests.get(test)).map_or(0, |test| test.place.start);
        self.line_at(place)
    }

    /// Counts from 1.
    pub(super) fn line_at(&self, place: usize) -> usize {
        self.text.get(..place).unwrap_or_default().matches('\n').count() + 1
    }

    pub(super) fn written(&self, line: usize) -> &str {
        self.text.lines().nth(line.saturating_sub(1)).unwrap_or_default()
    }

    fn texts(&self) -> BTreeMap<String, String> {
        BTreeMap::from([(String::new(), self.text.clone())])
    }

    /// What is wrong with the file, for a person.
    pub(super) fn rendered(&self, context: &Context) -> Vec<String> {
        let Err(problems) = &self.tests else { return Vec::new() };
        let colour = std::io::stdout().is_terminal();
        let (texts, language) = (self.texts(), context.language.lang());
        let one = |problem| {
            let shown = render(std::slice::from_ref(problem), &self.shown, &texts, language, colour);
            shown.trim_end().to_owned()
        };
        self.beside.iter().cloned().chain(problems.iter().map(one)).collect()
    }

    pub(super) fn faults_as_json(&self, context: &Context) -> Vec<Value> {
        let Err(problems) = &self.tests else { return Vec::new() };
        let told = to_json(problems, &self.shown, &self.texts(), context.language.lang());
        let beside = self.beside.iter().map(|why| json!({ "file": self.shown, "message": why }));
        told.as_array().cloned().unwrap_or_default().into_iter().chain(beside).collect()
    }
}

/// The workflow whose tests they are.
fn stem_of(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.strip_suffix(ENDING).unwrap_or(&name).to_owned()
}

fn people_of(home: Option<&Home>) -> Result<(People, bool), Failure> {
    let Some(path) = home.map(Home::people).filter(|path| path.exists()) else {
        return Ok((People::default(), true));
    };
    let people = People::read(&std::fs::read_to_string(path)?);
    people.map(|people| (people, true)).map_err(|_| {
        Failure::new(Exit::Faults, "YZ0519", "config/people.toml has faults")
            .help("`yizhan check` says which")
    })
}
