//! Reads workflows, people and plugins again when they change. What checks is in force at once; what does not leaves
//! its last good text in force and says what is wrong.

mod calendars;
mod config_file;
mod good;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::RecursiveMode;
use tokio::sync::{Notify, mpsc, oneshot};
use yizhan_console::house::Reloaded;
use yizhan_engine::Engine;
use yizhan_engine::library::{Entry, Workflows};
use yizhan_engine::store::Reads;
use yizhan_plugin_host::{PluginHost, Refusal};
use yizhan_workflow::calendar::Calendars;
use yizhan_workflow::catalogue::Catalogue;
use yizhan_workflow::definition;
use yizhan_workflow::people::People;
use yizhan_workflow::plan::{Source, Workflow};
use yizhan_workflow::problem::Lang;
use yizhan_workflow::register::Registers;

use super::watch::Watch;
use crate::calendars::with_house;
use crate::config::Config;
use crate::exit::Failure;
use crate::home::Home;
use crate::language::Language;
use crate::plugins::{said, span};
use crate::workflows::{Shelf, Stamp};
use calendars::CalendarFiles;
use config_file::ConfigFile;
use good::Good;

/// Somebody who waits until everything was read again.
pub(crate) type Reload = oneshot::Sender<Reloaded>;

type Stamps = BTreeMap<PathBuf, Option<Stamp>>;

/// Everything that is read again, as it was read last.
pub(crate) struct Reading {
    home: Home,
    language: Language,
    settle: Duration,
    rescan: Duration,
    host: Arc<PluginHost>,
    refused: Arc<Mutex<Vec<Refusal>>>,
    plugin_folders: Vec<PathBuf>,
    plugins: Stamps,
    settings: Option<Stamp>,
    shelf: Shelf,
    people: ConfigFile<People>,
    registers: ConfigFile<Registers>,
    calendars: CalendarFiles,
    good: Good,
}

/// What one look found.
struct Looked {
    workflows: Option<Workflows>,
    people: Option<Arc<People>>,
    registers: Option<Arc<Registers>>,
    calendars: Option<Arc<Calendars>>,
    catalogue: Option<Catalogue>,
    /// Some files still moved and were left for the next look.
    moving: bool,
}

impl Reading {
    /// Reads everything for the first time, before anything runs.
    pub(crate) fn first(
        home: &Home,
        config: &Config,
        host: Arc<PluginHost>,
        refused: Vec<Refusal>,
        reads: &dyn Reads,
    ) -> (Self, Workflows) {
        for refusal in &refused {
            tracing::warn!(plugin = refusal.plugin, "{}", said(refusal, Language::En));
        }
        let plugin_folders = crate::plugins::folders(Some(home), &config.plugins.folders);
        let mut reading = Self {
            home: home.clone(),
            language: config.language,
            settle: span(config.reload.settle),
            rescan: span(config.reload.rescan),
            host,
            refused: Arc::new(Mutex::new(refused)),
            plugins: libraries(&plugin_folders),
            plugin_folders,
            settings: Stamp::at(&home.config_file()),
            shelf: Shelf::default(),
            people: ConfigFile::read(home, config.language),
            registers: ConfigFile::read(home, config.language),
            calendars: CalendarFiles::read(home, config),
            good: Good::read(home),
        };
        reading.shelf.look(&reading.home.root, &reading.home.workflows(), &BTreeSet::new());
        let catalogue = reading.host.catalogue();
        let workflows = reading.put_together(&catalogue, &Workflows::new(), Some(reads));
        reading.tell(&workflows, &Workflows::new());
        reading.good.remember(&workflows);
        (reading, workflows)
    }

    pub(crate) fn people(&self) -> Arc<People> {
        self.people.good()
    }

    pub(crate) fn registers(&self) -> Arc<Registers> {
        self.registers.good()
    }

    /// Those of the first reading: without the house's own nothing begins.
    pub(crate) fn calendars(&self, config: &Config) -> Result<Arc<Calendars>, Failure> {
        with_house((*self.calendars.good()).clone(), config).map(Arc::new)
    }

    /// Plugins that are not in use, with why.
    pub(crate) fn refused(&self) -> Arc<Mutex<Vec<Refusal>>> {
        self.refused.clone()
    }

    /// Goes on until dropped.
    pub(crate) async fn keep(mut self, engine: Engine, mut asked: mpsc::Receiver<Reload>) {
        let bell = Arc::new(Notify::new());
        let mut watch = Watch::new(bell.clone());
        let mut moving = false;
        loop {
            self.watch_folders(&mut watch);
            let pause = if moving { self.settle } else { self.rescan };
            let mut answer = None;
            tokio::select! {
                () = bell.notified() => {}
                () = tokio::time::sleep(pause) => {}
                who = asked.recv() => match who {
                    Some(who) => answer = Some(who),
                    None => return,
                },
            }
            // Who asks has written what they wanted to write: nothing is waited for.
            let settle = if answer.is_some() { Duration::ZERO } else { self.settle };
            let before = engine.shared.library.workflows();
            let looking = tokio::task::spawn_blocking(move || {
                let looked = self.look(settle, &before);
                (self, looked)
            });
            let Ok((reading, looked)) = looking.await else {
                tracing::error!("reading the folders again failed; what is in force stays");
                return;
            };
            self = reading;
            moving = looked.moving;
            self.put_in_force(&engine, looked).await;
            if let Some(answer) = answer {
                // Whoever asked may have left; the reading stands all the same.
                drop(answer.send(self.reloaded(&engine)));
            }
        }
    }

    fn watch_folders(&self, watch: &mut Watch) {
        watch.forget_gone();
        watch.add(self.home.workflows(), RecursiveMode::Recursive);
        watch.add(self.home.root.join("config"), RecursiveMode::NonRecursive);
        watch.add(self.home.calendars(), RecursiveMode::NonRecursive);
        watch.add(self.home.plugins(), RecursiveMode::NonRecursive);
    }

    /// Looks at everything once. Blocks: files are read, plugins are started.
    fn look(&mut self, settle: Duration, before: &Workflows) -> Looked {
        let none = Looked {
            workflows: None,
            people: None,
            registers: None,
            calendars: None,
            catalogue: None,
            moving: false,
        };
        let moving = self.still_moving(settle);
        self.look_at_settings();
        let catalogue = self.look_at_plugins();
        let people = self.people.look(&self.home, self.language, &moving).then(|| self.people.good());
        let others = self.registers.look(&self.home, self.language, &moving);
        let registers = others.then(|| self.registers.good());
        let calendars = self.calendars.look(&self.home, &moving).then(|| self.calendars.good());
        let different = self.shelf.look(&self.home.root, &self.home.workflows(), &moving);
        let moving = !moving.is_empty();
        let same_people = people.is_none() && registers.is_none() && calendars.is_none();
        if !different && same_people && catalogue.is_none() {
            return Looked { moving, ..none };
        }
        let offered = catalogue.clone().unwrap_or_else(|| self.host.catalogue());
        let workflows = self.put_together(&offered, before, None);
        Looked { workflows: Some(workflows), people, registers, calendars, catalogue, moving }
    }

    /// Files that changed while we watched for the settling time.
    fn still_moving(&self, settle: Duration) -> BTreeSet<PathBuf> {
        if settle.is_zero() || !self.anything_new() {
            return BTreeSet::new();
        }
        let first = self.stamps();
        std::thread::sleep(settle);
        let second = self.stamps();
        let gone = first.keys().filter(|path| !second.contains_key(*path)).cloned();
        let changed = second.iter().filter(|(path, stamp)| first.get(*path) != Some(stamp));
        changed.map(|(path, _)| path.clone()).chain(gone).collect()
    }

    fn anything_new(&self) -> bool {
        self.shelf.has_news(&self.home.workflows())
            || self.people.stamp() != Stamp::at(&self.home.people())
            || self.registers.stamp() != Stamp::at(&self.home.registers())
            || self.calendars.has_news(&self.home)
    }

    /// Of everything that may be part of a workflow's text.
    fn stamps(&self) -> Stamps {
        let mut stamps = Stamps::new();
        let mut folders = vec![self.home.workflows()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(path),
                    _ => drop(stamps.insert(path.clone(), Stamp::at(&path))),
                }
            }
        }
        for path in [self.home.people(), self.home.registers()] {
            let stamp = Stamp::at(&path);
            stamps.insert(path, stamp);
        }
        stamps.extend(CalendarFiles::stamps(&self.home));
        stamps
    }

    fn look_at_settings(&mut self) {
        let stamp = Stamp::at(&self.home.config_file());
        if stamp != self.settings {
            self.settings = stamp;
            match self.home.config(None) {
                Ok(_) => tracing::warn!("the settings have changed: they hold after a restart"),
                Err(error) => tracing::error!("{}", crate::exit::Failure::from(error)),
            }
        }
    }

    fn look_at_plugins(&mut self) -> Option<Catalogue> {
        let now = libraries(&self.plugin_folders);
        if now == self.plugins {
            return None;
        }
        self.plugins = now;
        let refused = self.host.reload();
        for refusal in &refused {
            tracing::warn!(plugin = refusal.plugin, "{}", said(refusal, Language::En));
        }
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = refused;
        Some(self.host.catalogue())
    }

    /// The set as it is to be in force: of each name the newest text that checks.
    fn put_together(
        &self,
        catalogue: &Catalogue,
        before: &Workflows,
        reads: Option<&dyn Reads>,
    ) -> Workflows {
        let neighbours = self.shelf.neighbours(catalogue);
        let (people, registers) = (self.people.good(), self.registers.good());
        let calendars = self.calendars.good();
        let house = definition::House {
            catalogue,
            people: Some(&people),
            calendars: Some(&calendars),
            workflows: &neighbours,
            registers: Some(&registers),
            today: Some(jiff::Zoned::now().date()),
        };
        let mut workflows = Workflows::new();
        for file in self.shelf.files() {
            let checked = file.check(house);
            let faults = file.render(&checked.errors, self.language, false);
            let warnings = file.render(&checked.warnings, self.language, false);
            let (workflow, source) = match &file.outcome {
                Ok(read) if faults.is_empty() => in_force(read, before.get(&file.name)),
                Ok(_) | Err(_) => self.last_good(&file.name, before.get(&file.name), reads),
            };
            let entry = Entry { workflow, source, path: file.shown.clone(), faults, warnings };
            match workflows.get_mut(&file.name) {
                None => drop(workflows.insert(file.name.clone(), entry)),
                // Two files of a name: both are at fault, and both are named.
                Some(first) => {
                    first.path = format!("{}, {}", first.path, entry.path);
                    first.faults.extend(entry.faults);
                }
            }
        }
        workflows
    }

    /// What was in force before; after a restart, what the store has of it.
    fn last_good(&self, name: &str, before: Option<&Entry>, reads: Option<&dyn Reads>) -> Text {
        if let Some(Entry { workflow: Some(workflow), source, .. }) = before {
            return (Some(workflow.clone()), source.clone());
        }
        let stored = reads.and_then(|reads| self.good.stored(name, reads));
        stored.map_or((None, None), |(workflow, source)| (Some(workflow), Some(source)))
    }

    async fn put_in_force(&mut self, engine: &Engine, looked: Looked) {
        let Looked { workflows, people, registers, calendars, catalogue, .. } = looked;
        let other_plugins = catalogue.is_some();
        if people.is_some() || registers.is_some() || calendars.is_some() || catalogue.is_some() {
            engine.set_world(|world| {
                let mut world = world.clone();
                if let Some(people) = people {
                    world.people = people;
                }
                if let Some(registers) = registers {
                    world.registers = registers;
                }
                if let Some(calendars) = calendars {
                    world.calendars = calendars;
                }
                if let Some(catalogue) = catalogue {
                    world.catalogue = Arc::new(catalogue);
                }
                world
            });
        }
        if let Some(fault) = engine.shared.tell_fault(Lang::En).filter(|_| other_plugins) {
            tracing::error!("{fault}");
        }
        let Some(workflows) = workflows else { return };
        self.tell(&workflows, &engine.shared.library.workflows());
        let remembered = workflows.clone();
        match engine.load(workflows).await {
            Ok(()) => self.good.remember(&remembered),
            Err(error) => {
                tracing::error!(%error, "the workflows that changed are not in force yet");
                // The next look takes them for new.
                self.shelf = Shelf::default();
            }
        }
    }

    /// Says in the log what is new.
    fn tell(&self, now: &Workflows, before: &Workflows) {
        for (name, entry) in now {
            let known = before.get(name);
            let hash = |entry: &Entry| entry.workflow.as_ref().map(|workflow| workflow.hash.clone());
            if entry.faults != known.map_or(&[][..], |known| &known.faults) {
                for fault in &entry.faults {
                    tracing::error!("`{name}` has a fault\n{fault}");
                }
                if !entry.faults.is_empty() && entry.workflow.is_some() {
                    tracing::warn!(workflow = name, "its last good text stays in force");
                }
            }
            if hash(entry) != known.and_then(hash) && entry.faults.is_empty() {
                tracing::info!(workflow = name, path = entry.path, "in force");
            }
        }
        for name in before.keys().filter(|name| !now.contains_key(*name)) {
            tracing::info!(
                workflow = name,
                "its file is gone: nothing starts it any more; its open runs go on"
            );
        }
    }

    fn reloaded(&self, engine: &Engine) -> Reloaded {
        let workflows = engine.shared.library.workflows();
        let loaded = workflows.iter().filter(|(_, entry)| entry.workflow.is_some());
        let mut faults: Vec<String> = workflows.values().flat_map(|entry| entry.faults.clone()).collect();
        faults.extend(self.people.faults().iter().cloned());
        faults.extend(self.registers.faults().iter().cloned());
        faults.extend(self.calendars.faults().iter().cloned());
        faults.extend(
            engine.shared.config.tell.as_ref().and_then(|_| engine.shared.tell_fault(self.language.lang())),
        );
        Reloaded { loaded: loaded.map(|(name, _)| name.clone()).collect(), faults }
    }
}

/// A text with its source, where there is one.
type Text = (Option<Arc<Workflow>>, Option<Arc<Source>>);

/// The text that checks. What has not changed stays what it is: whoever holds it sees that it is the same.
fn in_force(read: &definition::Read, before: Option<&Entry>) -> Text {
    match before {
        Some(Entry { workflow: Some(known), source, .. }) if known.hash == read.workflow.hash => {
            (Some(known.clone()), source.clone())
        }
        Some(_) | None => (Some(read.workflow.clone()), Some(Arc::new(read.source.clone()))),
    }
}

/// Libraries of the plugins' folders, with their stamps.
fn libraries(folders: &[PathBuf]) -> Stamps {
    let files = |folder: &PathBuf| {
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
    };
    let is_library = |path: &PathBuf| Path::new(path).extension().is_some_and(|ending| ending == "so");
    folders.iter().flat_map(files).filter(is_library).map(|path| (path.clone(), Stamp::at(&path))).collect()
}
